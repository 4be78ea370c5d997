/* plan: the job that finds what is new in Elasticsearch and writes it down as tasks: Elasticsearch
 * -> topics scan and plan. One process at a time does it: the owner of plan's only partition. */
#ifndef PRODUCER_PLAN_H
#define PRODUCER_PLAN_H

#include "common/config.h"
#include "common/error.h"

int plan_run(const struct config *config, struct error *err) MUST_USE;

#endif
