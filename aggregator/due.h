/* due: when a tally becomes a report, and which never does: slots, watermarks, exclusions. Pure. */
#ifndef AGGREGATOR_DUE_H
#define AGGREGATOR_DUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/text.h"
#include "common/wire/event.h"
#include "common/wire/tally.h"

/* The end of the day + grace + hash(domain) % spread. The hash is FNV-1a 64 of the domain's bytes:
 * the same on every machine and in every release, so that a restart moves no report. spread_ms 0:
 * no spread. */
int64_t due_at_ms(const char *domain, int64_t day, int64_t grace_ms, int64_t spread_ms);

/* Slots are due_at_ms() and every 24 hours after it; this is the first strictly after the watermark
 * (-1: none yet). A tally that opens before its report is due gets due_at_ms(), one that opens
 * later is a supplement. */
int64_t due_next_ms(const char *domain, int64_t day, int64_t grace_ms, int64_t spread_ms,
                    int64_t watermark_ms);

/* report.late: the day ended late_ms or longer before the watermark; its sessions are rejected. */
bool due_is_late(int64_t day, int64_t late_ms, int64_t watermark_ms);

/* The watermark of one events partition: the least over all sources. Zero it and set least_ms to -1
 * to begin. */
struct due_clock {
    struct watermarks sources; /* owned; -1 for one not heard of yet */
    int64_t least_ms;          /* what due_clock_read() last gave */
};
#define DUE_SOURCES_MAX 100000 /* a larger `of` is no partition count, and is passed over */

/* A source never goes back. The number of sources grows with `of` (partitions were added) and never
 * shrinks. What is ahead of now_ms, the own clock, is heard as now_ms: sources are stored, and kept
 * as it came one wrong fence would stand for every fence until then, also after a restart. */
void due_clock_hear(struct due_clock *clock, const struct watermark *heard, int64_t now_ms);
/* Begins anew with what was stored (taken), capped likewise. True: something was ahead, so that it
 * has to be stored again. */
bool due_clock_restore(struct due_clock *clock, struct watermarks stored, int64_t now_ms);
/* -1 until all sources were heard; never falls, also not while an added source has not been heard
 * yet; never ahead of now_ms, the own clock (which may have gone back since it heard): a wrong
 * clock must not close days that are not over. */
int64_t due_clock_read(struct due_clock *clock, int64_t now_ms);
void due_clock_free(struct due_clock *clock);

/* D17: report.exclude_domains as rules for due_is_excluded(): `name` or `.name`, normalized by D1.
 * Adds to rules. ERROR_CONFIG if one is no domain; rules is then untouched. */
int due_exclusions(const struct text_list *configured, struct text_list *rules,
                   struct error *err) MUST_USE;
bool due_is_excluded(const struct text_list *rules, const char *domain);

/* A queue of slots, earliest first. It borrows them: they are members of what waits. Zero it to
 * begin. */
struct due_slot {
    int64_t due_ms;
    size_t place; /* kept by the queue */
};
struct due_queue {
    struct due_slot **slots;
    size_t count;
    size_t capacity;
};
void due_queue_add(struct due_queue *queue, struct due_slot *slot);
void due_queue_remove(struct due_queue *queue, struct due_slot *slot); /* it must be in the queue */
struct due_slot *due_queue_first(const struct due_queue *queue);       /* NULL: empty */
void due_queue_free(struct due_queue *queue);

#endif
