/* planner: which sequence numbers of which shards become tasks, what is left out of a round and
 * why, and when a fence may stand. Pure: it knows no server and no clock. */
#ifndef PRODUCER_PLANNER_H
#define PRODUCER_PLANNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/kafka/message.h"
#include "producer/index.h"

/* What cannot be planned truthfully is never guessed. */
enum planner_skip {
    PLANNER_FINE,
    PLANNER_PRIMARY_MISSING, /* unknown is not empty */
    PLANNER_CLOSED,          /* with documents that are not planned */
    PLANNER_RESIZED,         /* its sequence numbers are not unique */
    PLANNER_RESTORED,        /* the uuid is known under another history */
    PLANNER_BEHIND,          /* the checkpoint is below the mark */
    PLANNER_REFRESH,         /* not every copy was refreshed */
    PLANNER_UNKNOWN,         /* could not be asked for */
    PLANNER_SKIPS
};
const char *planner_skip_name(enum planner_skip skip); /* "primary-missing", ... for metrics */

struct planner_settings {
    int64_t task_documents; /* slots of a task, at most */
    int64_t since_ms;       /* scan.since, a duration */
    int64_t patience_ms;    /* how long what is left out holds up the fences */
    int32_t partitions;     /* of scan */
};

struct planner; /* opaque: the marks, and what is left out */

/* Owned by the caller. */
struct planner *planner_new(const struct planner_settings *settings);
void planner_free(struct planner **planner);
/* All of its memory; another process plans now. */
void planner_forget(struct planner *planner);

/* A record of the topic plan, oldest first; value NULL: a tombstone. ERROR_FATAL if unreadable:
 * planning without a mark would count everything twice. */
int planner_restore(struct planner *planner, const char *key, size_t key_bytes, const char *value,
                    size_t value_bytes, struct error *err) MUST_USE;

/* ---- one round, in this order ---- */

/* t_ms: noted before anything was asked. */
void planner_begin(struct planner *planner, int64_t t_ms);
/* A configured name has no index at all: no fence, however long. */
void planner_empty(struct planner *planner, const char *name);
/* Every configured name was asked for: indices are what there is. In the prefix's first round
 * outputs the marks by which scan.since bounds them whenever they are planned, and, unless a name
 * is without an index, the first round's end: what is found later is read whole. */
void planner_found(struct planner *planner, const struct index_list *indices,
                   struct message_list *outputs);
/* Names of indices that were planned once and are not among indices. Appends, each once. */
void planner_unlisted(const struct planner *planner, const struct index_list *indices,
                      struct text_list *names);
bool planner_knows(const struct planner *planner, const char *uuid);
/* name has no index any more, or another one: outputs the tombstones of its marks, but for the
 * uuids that are among indices. Nothing where a configured name has no index: then so much is
 * missing that the cluster may be another one. */
void planner_gone(struct planner *planner, const char *name, const struct index_list *indices,
                  struct message_list *outputs);
/* Nothing is known about the index of that name in this round. */
void planner_unknown(struct planner *planner, const char *name);

/* Notes what of index is left out. True: there is something to plan, after a refresh. */
bool planner_judge(struct planner *planner, const struct index *index);
/* The refresh failed: all that planner_judge() found is left out. */
void planner_not_refreshed(struct planner *planner, const struct index *index);
/* Outputs the next tasks, at most `tasks_max`, and the mark that covers them: they belong into one
 * transaction. False: nothing is left to plan. */
bool planner_tasks(struct planner *planner, const struct index *index, size_t tasks_max,
                   struct message_list *outputs);

struct planner_result {
    bool fenced;
    size_t skipped[PLANNER_SKIPS];    /* shards, or indices of which no shard is known */
    int64_t documents[PLANNER_SKIPS]; /* known to stand in them */
    int64_t unplanned;                /* all of those */
    size_t empty;                     /* configured names without an index */
};
/* Outputs the fences, one per partition of scan; none while something is left out for less than the
 * patience. */
void planner_end(struct planner *planner, int64_t now_ms, struct planner_result *result,
                 struct message_list *outputs);

#endif
