/* metrics: the table of what the sender measures; /metrics and the README's list are made from it.
 */
#ifndef SENDER_METRICS_H
#define SENDER_METRICS_H

#include "common/metrics.h"

extern const struct metric sender_metrics[]; /* ended by a NULL name */

#endif
