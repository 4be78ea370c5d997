#include "aggregator/metrics.h"

const struct metric aggregator_metrics[] = {
    {"tlsrpt_counts_saturated_total", METRIC_COUNTER, "", "counts that stay at 2^32-1 (D10)"},
    {"tlsrpt_details_folded_total", METRIC_COUNTER, "",
     "events counted under their result type alone, for their report is full (D19)"},
    {"tlsrpt_open_tallies", METRIC_GAUGE, "partition", "reports that are still being counted"},
    {"tlsrpt_policies_folded_total", METRIC_COUNTER, "",
     "events counted under their policy type alone, for their report is full (D19)"},
    {"tlsrpt_rejected_total", METRIC_COUNTER, "reason", "events that nobody can use"},
    {"tlsrpt_reports_total", METRIC_COUNTER, "", "reports made"},
    {"tlsrpt_sessions_excluded_total", METRIC_COUNTER, "",
     "sessions of domains in report.exclude_domains (D17)"},
    {"tlsrpt_sessions_total", METRIC_COUNTER, "", "sessions counted"},
    {"tlsrpt_watermark_age_seconds", METRIC_GAUGE, "partition",
     "how far the watermark is behind the clock: what is due waits for it"},
    {0},
};
