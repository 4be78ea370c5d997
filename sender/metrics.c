#include "sender/metrics.h"

const struct metric sender_metrics[] = {
    {"tlsrpt_attempts_total", METRIC_COUNTER, "job state",
     "ends of a turn by what they led to: delivered, waiting (for the next one), refused, expired, "
     "blocked, held; waiting and expired also without a try: relay faults and backlogs"},
    {"tlsrpt_look_ups_total", METRIC_COUNTER, "result",
     "TXT look-ups: found, none, temporary (asked again later)"},
    {"tlsrpt_rejected_total", METRIC_COUNTER, "stage reason",
     "records written to the topic rejected"},
    {"tlsrpt_transfers", METRIC_GAUGE, "job", "deliveries under way"},
    {NULL, METRIC_COUNTER, NULL, NULL},
};
