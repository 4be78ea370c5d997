/* combine: identical sessions of one batch become one event with their number (D10, D11). Pure. */
#ifndef PRODUCER_COMBINE_H
#define PRODUCER_COMBINE_H

#include <stddef.h>

#include "common/wire/event.h"

struct combine; /* opaque: the events of the batch that is open */

struct combine *combine_new(void);
void combine_free(struct combine **combine); /* nulls; with what was not drained */

/* Takes what event holds and leaves it empty. Sessions of the same domain, day, policy, result and
 * detail are added up; the sum stays at 2^32-1 (D10). */
void combine_add(struct combine *combine, const char *domain, struct event *event);

/* Calls visit for each event in the order in which they were first seen, then begins anew. Both
 * are borrowed for the call. */
void combine_drain(struct combine *combine,
                   void (*visit)(void *context, const char *domain, const struct event *event),
                   void *context);

#endif
