/* fold: the open tallies of one events partition: (day, domain) -> counts. Pure: no clock, no I/O.
 */
#ifndef AGGREGATOR_FOLD_H
#define AGGREGATOR_FOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/domain.h"
#include "common/wire/event.h"
#include "common/wire/tally.h"

#define FOLD_POLICIES_MAX ((size_t)50)      /* D19, a tally */
#define FOLD_BYTES_MAX    ((size_t)1 << 20) /* D19, a tally, by tally->bytes */

struct fold_rules {
    size_t details_max;    /* report.max_details, a tally */
    size_t envelope_bytes; /* render_envelope_bytes(): what a report has besides its policies */
    int64_t grace_ms;      /* report.grace */
    int64_t spread_ms;     /* report.spread */
    bool omit_sending_ip;  /* D20: report.sending_ip = omit; sessions then count as if they had none
                            */
};

/* What fold_event() had to do besides counting; bits, each worth a metric. */
enum fold_note {
    FOLD_SATURATED = 1,     /* D10: a count stays at 2^32-1 */
    FOLD_POLICY_FOLDED = 2, /* D19: counted under its type, without strings and mx */
    FOLD_DETAIL_FOLDED = 4, /* D19: counted under its result type, without members */
};

struct fold; /* opaque */

/* The caller owns the result. rules is copied. */
struct fold *fold_new(const struct fold_rules *rules);
void fold_free(struct fold **fold); /* nulls */

/* The key of an event as domain: it must be one in D1's form already. False: the event counts for
 * nobody. */
bool fold_domain(const char *key, size_t key_bytes, char domain[DOMAIN_MAX]);

/* Counts one event (borrowed), opens its tally if there is none, and marks it touched. partition
 * and offset are where the event stands; a new tally keeps them (D13). watermark_ms decides the
 * slot of a new tally (due_next_ms). Returns fold_note bits. */
unsigned fold_event(struct fold *fold, const char *domain, const struct event *event,
                    int32_t partition, int64_t offset, int64_t watermark_ms);

/* From the topic `state`, oldest record first: a snapshot (takes tally) replaces the one of the
 * same key, a tombstone removes it (none there is fine). Neither touches. */
void fold_restore(struct fold *fold, struct tally *tally);
void fold_forget(struct fold *fold, const char *domain, int64_t day);
/* Once all is restored: gives each tally its slot, the first after watermark_ms, the stored
 * watermark. That is the slot it had before, because a watermark is stored no earlier than the last
 * of the reports that are due at it. */
void fold_schedule(struct fold *fold, int64_t watermark_ms);

/* The tally that is due first, if its slot is not after watermark_ms; otherwise NULL. Borrowed, and
 * still there. */
struct tally *fold_next_due(const struct fold *fold, int64_t watermark_ms);
/* Its report goes out: forgets it, touched or not, and frees tally. */
void fold_remove(struct fold *fold, struct tally *tally);

/* Takes the next touched tally off the list, the first touched first; NULL when none is left.
 * Borrowed. */
struct tally *fold_next_touched(struct fold *fold);
size_t fold_touched_count(const struct fold *fold);
size_t fold_touched_bytes(const struct fold *fold); /* about what their snapshots take */

size_t fold_count(const struct fold *fold); /* open tallies */
/* All of them by day, then domain. The caller frees the array; the tallies are borrowed. */
struct tally **fold_list(const struct fold *fold);

#endif
