/* index: which indices and shards there are, and how far each is written, by what Elasticsearch
 * says of settings, stats and refreshes. Pure: it takes bytes. */
#ifndef PRODUCER_INDEX_H
#define PRODUCER_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/wire/task.h"
#include "producer/answer.h"

struct index_shard {
    bool started;           /* its primary is there; what follows is the primary's */
    char *history;          /* history_uuid */
    int64_t checkpoint;     /* global checkpoint; -1: empty */
    bool more_than_numbers; /* holds more documents than sequence numbers: made by a resize */
};
struct index {
    char *name; /* concrete */
    char *uuid;
    bool closed;
    bool resized;               /* shrunk, split or cloned: its sequence numbers are not its own */
    struct index_shard *shards; /* every shard that the index has, by number */
    int32_t shard_count;
    int32_t copies; /* of shards that are there, replicas included */
};
struct index_list {
    struct index *items; /* by name */
    size_t count;
};
void index_list_free(struct index_list *indices);
/* Takes what index owns and zeroes it, unless its uuid is there already: then nothing happens. */
void index_list_add(struct index_list *indices, struct index *index);
/* Likewise all of from, which is freed. */
void index_list_take(struct index_list *to, struct index_list *from);

/* From the answer to _settings: every index there is, whatever its health, shards unknown
 * (not started). Appends. ERROR_RETRY: no complete answer. */
int index_settings_parse(const char *bytes, size_t length_bytes, struct index_list *indices,
                         struct error *err) MUST_USE;
/* Fills in what _stats knows of them; indices that only _stats names are younger than the
 * settings and left out. ERROR_RETRY: no complete answer. */
int index_stats_parse(const char *bytes, size_t length_bytes, struct index_list *indices,
                      struct error *err) MUST_USE;
/* Whether a refresh reached every copy that was there: 0, or ERROR_RETRY. */
int index_refresh_parse(const char *bytes, size_t length_bytes, int32_t copies,
                        struct error *err) MUST_USE;

/* From the answer to elastic_check_path(): whether the shard is still the one of that
 * identity. ANSWER_GONE: it is another one, or a restored one. ANSWER_SHARD: nobody knows, its
 * primary is missing. */
enum answer index_identity_parse(const char *bytes, size_t length_bytes, const struct task *task,
                                 struct error *err);

#endif
