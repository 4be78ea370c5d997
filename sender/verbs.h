/* verbs: the sender's filters: its pure core at the command line, without any server. */
#ifndef SENDER_VERBS_H
#define SENDER_VERBS_H

#include "common/program.h"
#include "sender/targets.h"

/* The line that `targets` gives for one TXT answer (borrowed), to stdout. */
void verbs_print_targets(const struct txt_record *records, size_t count);

extern const struct verb verbs[]; /* ended by a NULL name */

#endif
