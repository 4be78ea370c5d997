/* lag: a group's unfinished records: the end offset, read uncommitted, minus the committed one. */
#ifndef COMMON_KAFKA_LAG_H
#define COMMON_KAFKA_LAG_H

#include <stdint.h>

#include "common/config.h"
#include "common/error.h"

struct lag; /* opaque: the handle that asks */

struct lag *lag_new(const struct config *config, struct error *err); /* NULL on failure */
void lag_free(struct lag **lag);

/* Sets tlsrpt_lag_records{group,topic,partition} for every group and input topic of the system.
 * ERROR_RETRY while the broker does not answer. */
int lag_export_all(struct lag *lag, struct error *err) MUST_USE;

#endif
