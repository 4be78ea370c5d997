/* tlsrpt-producer: session documents in Elasticsearch in, events out. */
#include "common/program.h"
#include "producer/metrics.h"
#include "producer/plan.h"
#include "producer/scan.h"
#include "producer/verbs.h"

static const struct job jobs[] = {
    {"plan", plan_run},
    {"scan", scan_run},
    {0},
};

static const struct verb verbs[] = {
    {"events", "[FILE]", "session documents in, a line each; what becomes of them out",
     verbs_events, true},
    {"topics", "[--accept-loss]",
     "create and check the topics; --accept-loss: groups that lost records go on without them",
     verbs_topics, false},
    {"rejected", "", "what nobody could use and why, a line each", verbs_rejected, false},
    {"backfill", "", "not available yet", NULL, true},
    {"import", "FILE", "not available yet", NULL, true},
    {0},
};

int main(int argc, char **argv)
{
    static const struct program program = {
        .name = "tlsrpt-producer",
        .config = CONFIG_PRODUCER,
        .check = verbs_check,
        .jobs = jobs,
        .verbs = verbs,
        .metrics = producer_metrics,
    };
    return program_main(argc, argv, &program);
}
