/* verbs: what tlsrpt-aggregator does when it is given a verb, and what its configuration must hold.
 */
#ifndef AGGREGATOR_VERBS_H
#define AGGREGATOR_VERBS_H

#include <stdbool.h>

#include "common/config.h"
#include "common/error.h"

/* What every report needs, and contradictions between keys. ERROR_CONFIG. */
int verbs_check(const struct config *config, bool runs_jobs, struct error *err) MUST_USE;

/* `render [FILE]`: the lines of `tlsrpt-producer events` -> one report a line, by day, then domain.
 * The end of input closes every day. A line that nobody can read gives its `rejected` line at once.
 */
int verbs_render(const struct config *config, int argc, char **argv, struct error *err) MUST_USE;

#endif
