/* scan: the job that reads what the tasks name and counts it: topic scan, Elasticsearch -> topics
 * events and rejected. Any number of processes share the tasks. */
#ifndef PRODUCER_SCAN_H
#define PRODUCER_SCAN_H

#include "common/config.h"
#include "common/error.h"

int scan_run(const struct config *config, struct error *err) MUST_USE;

#endif
