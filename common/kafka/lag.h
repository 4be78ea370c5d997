/* lag: a group's unfinished records: the end offset, read uncommitted, minus the committed one. */
#ifndef COMMON_KAFKA_LAG_H
#define COMMON_KAFKA_LAG_H

#include <stdint.h>

#include "common/config.h"
#include "common/error.h"

struct lag; /* opaque: the handle that asks, and what was set */

struct lag *lag_new(const struct config *config, struct error *err); /* NULL on failure */
void lag_free(struct lag **lag);

/* Sets tlsrpt_lag_records{group,topic,partition} for every group and input topic of the system.
 * ERROR_RETRY while the broker does not answer; where it is one partition the other topics are set.
 */
int lag_export_all(struct lag *lag, struct error *err) MUST_USE;
/* All that it set: somebody else tells from now on. So does lag_free(). */
void lag_forget(struct lag *lag);

#endif
