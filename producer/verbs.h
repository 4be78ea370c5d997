/* verbs: what tlsrpt-producer does when it is given a verb, and what its configuration must hold.
 */
#ifndef PRODUCER_VERBS_H
#define PRODUCER_VERBS_H

#include <stdbool.h>

#include "common/config.h"
#include "common/error.h"

/* Keys that the jobs need, and contradictions between keys. ERROR_CONFIG. */
int verbs_check(const struct config *config, bool runs_jobs, struct error *err) MUST_USE;

/* `events [FILE]`: one document a line, bare or as a search hit -> lines for the topics events and
 * rejected. A rejected document's line comes at once; the events of 5,000 documents, combined,
 * when these are read or the input ends. Other documents are counted on stderr. */
int verbs_events(const struct config *config, int argc, char **argv, struct error *err) MUST_USE;

/* `topics [--accept-loss]`: creates and checks them, one line for each thing done. */
int verbs_topics(const struct config *config, int argc, char **argv, struct error *err) MUST_USE;

/* `rejected`: every record of that topic as a line of the form that `events` writes. */
int verbs_rejected(const struct config *config, int argc, char **argv, struct error *err) MUST_USE;

#endif
