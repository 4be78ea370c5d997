/* look: verbs that look at a running system: what DNS says about a domain, and what became of every
 * delivery. */
#ifndef SENDER_LOOK_H
#define SENDER_LOOK_H

#include "common/config.h"
#include "common/error.h"

/* `lookup DOMAIN`: its TXT answer as `targets` would show it. */
int look_lookup(const struct config *config, int argc, char **argv, struct error *err);

/* `outcomes`: the last state of every (report, target), one JSON object a line. What nobody
 * can read is logged and left out. */
int look_outcomes(const struct config *config, int argc, char **argv, struct error *err);

#endif
