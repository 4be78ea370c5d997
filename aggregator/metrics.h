/* metrics: the table of what the aggregator measures; /metrics and the README's list are made from
 * it. */
#ifndef AGGREGATOR_METRICS_H
#define AGGREGATOR_METRICS_H

#include "common/metrics.h"

extern const struct metric aggregator_metrics[]; /* ended by a NULL name */

#endif
