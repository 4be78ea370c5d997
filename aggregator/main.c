/* tlsrpt-aggregator: sessions in, one report for each policy domain and day out. */
#include "aggregator/aggregate.h"
#include "aggregator/metrics.h"
#include "aggregator/verbs.h"
#include "common/program.h"

static const struct job jobs[] = {
    {"aggregate", aggregate_run},
    {0},
};

static const struct verb verbs[] = {
    {"render", "[FILE]", "lines of `tlsrpt-producer events` in, one report a line out",
     verbs_render, true},
    {"show", "[DOMAIN [DAY]]", "not available yet", NULL, true},
    {0},
};

int main(int argc, char **argv)
{
    static const struct program program = {
        .name = "tlsrpt-aggregator",
        .config = CONFIG_AGGREGATOR,
        .check = verbs_check,
        .jobs = jobs,
        .verbs = verbs,
        .metrics = aggregator_metrics,
    };
    return program_main(argc, argv, &program);
}
