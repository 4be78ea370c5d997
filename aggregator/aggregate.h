/* aggregate: the job between `events` and `reports`: folds sessions into tallies kept in `state`,
 * and lets a tally become a report when the watermark reaches its slot. An edge: the rules are
 * fold's, due's and render's. */
#ifndef AGGREGATOR_AGGREGATE_H
#define AGGREGATOR_AGGREGATE_H

#include "common/config.h"
#include "common/error.h"

/* A job of common/program: runs until asked to stop. */
int aggregate_run(const struct config *config, struct error *err);

#endif
