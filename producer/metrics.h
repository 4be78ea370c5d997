/* metrics: the table of what the producer measures; /metrics and the README's list are made from
 * it. */
#ifndef PRODUCER_METRICS_H
#define PRODUCER_METRICS_H

#include "common/metrics.h"

extern const struct metric producer_metrics[]; /* ended by a NULL name */

#endif
