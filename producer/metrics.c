#include "producer/metrics.h"

const struct metric producer_metrics[] = {
    {"tlsrpt_bad_addresses_total", METRIC_COUNTER, "",
     "IP addresses of documents that are none and were left out"},
    {"tlsrpt_documents_total", METRIC_COUNTER, "result",
     "documents read: counted, rejected, empty, excluded (scan.exclude), skipped (scan.since)"},
    {"tlsrpt_elastic_answers_total", METRIC_COUNTER, "answer",
     "answers of Elasticsearch by what they meant: ok, busy, timeout, shard, gone, too-large, "
     "denied, wrong"},
    {"tlsrpt_plan_names_without_index", METRIC_GAUGE, "",
     "names of elastic.index without any index: no reports until that changes"},
    {"tlsrpt_plan_rounds_total", METRIC_COUNTER, "result",
     "rounds of planning: fenced (whole), unfenced (something was left out), failed (no answer)"},
    {"tlsrpt_plan_skipped", METRIC_GAUGE, "reason",
     "shards left out of the last round, by why they cannot be planned truthfully"},
    {"tlsrpt_plan_tasks_total", METRIC_COUNTER, "", "tasks written to the topic scan"},
    {"tlsrpt_plan_unplanned_documents", METRIC_GAUGE, "",
     "documents known to stand in what the last round left out"},
    {"tlsrpt_plan_watermark_age_seconds", METRIC_GAUGE, "",
     "age of the moment up to which everything is planned, at the process that plans"},
    {"tlsrpt_rejected_total", METRIC_COUNTER, "stage reason",
     "records written to the topic rejected"},
    {"tlsrpt_scan_holes_total", METRIC_COUNTER, "",
     "sequence numbers without a document: overwritten, deleted"},
    {"tlsrpt_scan_shards_in_trouble", METRIC_GAUGE, "",
     "shards whose searches fail and are tried again"},
    {"tlsrpt_scan_tasks_total", METRIC_COUNTER, "result",
     "tasks: done, moved (behind the others, while their shard is in trouble), gone (index "
     "deleted)"},
    {0},
};
