/* harvest: what becomes of a task: events and rejected documents, kept page by page since a page
 * may not count, or a task again. Pure: search hits in, messages and counts out. */
#ifndef PRODUCER_HARVEST_H
#define PRODUCER_HARVEST_H

#include <stddef.h>
#include <stdint.h>

#include "common/kafka/message.h"
#include "common/wire/task.h"
#include "producer/combine.h"
#include "producer/session.h"

/* What becomes of documents; the last is no document but counts beside them. */
enum harvest_count {
    HARVEST_COUNTED,
    HARVEST_REJECTED,
    HARVEST_EMPTY,
    HARVEST_EXCLUDED, /* by scan.exclude */
    HARVEST_SKIPPED,  /* older than the task's since */
    HARVEST_BAD_ADDRESSES,
    HARVEST_COUNTS
};
const char *harvest_count_name(enum harvest_count count); /* "counted", .. for metrics */

/* Zero it to begin. */
struct harvest {
    struct combine *combine;     /* of the page that comes */
    struct message_list rejects; /* likewise */
    int64_t page_counts[HARVEST_COUNTS];
    struct message_list outputs;    /* of the pages that count */
    int64_t counts[HARVEST_COUNTS]; /* likewise */
};
void harvest_free(struct harvest *harvest); /* zeroes */

/* A page is searched, also again: what came of it before does not count. */
void harvest_begin(struct harvest *harvest);
void harvest_hit(struct harvest *harvest, const struct task *task,
                 const struct session_rules *rules, int64_t now_ms, const char *hit,
                 size_t hit_bytes);
void harvest_keep(struct harvest *harvest); /* the page counts */
void harvest_drop(struct harvest *harvest);
/* The document with that number is alone larger than a page of that many bytes. */
void harvest_too_large(struct harvest *harvest, const struct task *task, int64_t seq_no,
                       size_t page_bytes);
/* What is left of a task becomes one of its own in that partition of scan. */
void harvest_rest(struct harvest *harvest, const struct task *rest, int32_t partition);

/* Two ends at which all that was read does not count: another process reads it, or nobody. */
void harvest_moved(struct harvest *harvest, const struct task *task, int32_t partition);
void harvest_gone(struct harvest *harvest, const struct task *task);

/* A fence becomes a watermark in every partition of events: by the order of transactions all that
 * stood before it here stands before it there. source: its partition of scan, one of so many. */
void harvest_fence(const struct task *fence, int32_t source, int32_t of, int32_t event_partitions,
                   struct message_list *outputs);
/* A record that is no task. Takes origin. */
struct message *harvest_unreadable(char *origin, size_t value_bytes);

#endif
