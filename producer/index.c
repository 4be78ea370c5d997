#include "producer/index.h"

#include <json-c/linkhash.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "producer/reply.h"

#define SHARDS_MAX 1024 /* Elasticsearch's own limit for an index */

static void index_clear(struct index *index)
{
    for (int32_t i = 0; i < index->shard_count; i++)
        free(index->shards[i].history);
    free(index->shards);
    free(index->name);
    free(index->uuid);
}

void index_list_free(struct index_list *indices)
{
    for (size_t i = 0; i < indices->count; i++)
        index_clear(&indices->items[i]);
    free(indices->items);
    *indices = (struct index_list){0};
}

/* A resize leaves none of index.resize.source.* behind, but it writes the partition size that an
 * index otherwise has by default. */
static bool settings_say_resized(struct json_object *settings)
{
    const char *partition_size = reply_text(settings, "index.routing_partition_size");
    return (partition_size && strcmp(partition_size, "1") == 0) ||
           reply_member(settings, "index.resize.source.uuid") ||
           reply_member(settings, "index.shrink.source.uuid");
}

static int index_add(const char *name, struct json_object *settings, struct index_list *indices,
                     struct error *err)
{
    const char *uuid = reply_text(settings, "index.uuid");
    const char *shards = reply_text(settings, "index.number_of_shards");
    long count = shards ? strtol(shards, NULL, 10) : 0;
    if (!uuid || count < 1 || count > SHARDS_MAX)
        return reply_strange(err, name);
    indices->items = mem_resize(indices->items, indices->count + 1, sizeof(*indices->items));
    indices->items[indices->count++] = (struct index){
        .name = mem_text(name),
        .uuid = mem_text(uuid),
        .resized = settings_say_resized(settings),
        .shards = mem_alloc((size_t)count * sizeof(struct index_shard)),
        .shard_count = (int32_t)count,
    };
    return 0;
}

static int index_compare(const void *a, const void *b)
{
    const struct index *left = a, *right = b;
    return strcmp(left->name, right->name);
}

static void indices_sort(struct index_list *indices)
{
    if (indices->count > 0)
        qsort(indices->items, indices->count, sizeof(*indices->items), index_compare);
}

void index_list_add(struct index_list *indices, struct index *index)
{
    for (size_t i = 0; i < indices->count; i++)
        if (strcmp(indices->items[i].uuid, index->uuid) == 0)
            return;
    indices->items = mem_resize(indices->items, indices->count + 1, sizeof(*indices->items));
    indices->items[indices->count++] = *index;
    *index = (struct index){0};
}

void index_list_take(struct index_list *to, struct index_list *from)
{
    for (size_t i = 0; i < from->count; i++)
        index_list_add(to, &from->items[i]);
    index_list_free(from);
}

int index_settings_parse(const char *bytes, size_t length_bytes, struct index_list *indices,
                         struct error *err)
{
    struct index_list found = {0};
    int result = 0;
    struct json_object *reply = reply_parse(bytes, length_bytes, err);
    if (!reply)
        return -1;
    json_object_object_foreach(reply, name, value)
    {
        if (result == 0)
            result = index_add(name, reply_member(value, "settings"), &found, err);
    }
    json_object_put(reply);
    if (result < 0) {
        index_list_free(&found);
        return -1;
    }
    index_list_take(indices, &found);
    indices_sort(indices);
    return 0;
}

static bool copy_is_there(struct json_object *copy)
{
    const char *state = reply_text(reply_member(copy, "routing"), "state");
    return state && (strcmp(state, "STARTED") == 0 || strcmp(state, "RELOCATING") == 0);
}

/* The primary's figures; those of a replica say nothing (a replica's checkpoint lags behind). */
static void primary_read(struct json_object *copy, struct index_shard *shard)
{
    int64_t checkpoint, last, documents;
    struct json_object *numbers = reply_member(copy, "seq_no");
    const char *history =
        reply_text(reply_member(reply_member(copy, "commit"), "user_data"), "history_uuid");
    if (!json_object_get_boolean(reply_member(reply_member(copy, "routing"), "primary")) ||
        !history || !reply_number(numbers, "global_checkpoint", &checkpoint) ||
        !reply_number(numbers, "max_seq_no", &last) || shard->started)
        return;
    shard->started = true;
    shard->history = mem_text(history);
    shard->checkpoint = checkpoint;
    if (reply_number(reply_member(copy, "docs"), "count", &documents))
        shard->more_than_numbers = documents > last + 1;
}

static void shard_read(struct json_object *copies, struct index *index, struct index_shard *shard)
{
    size_t count =
        json_object_is_type(copies, json_type_array) ? json_object_array_length(copies) : 0;
    for (size_t i = 0; i < count; i++) {
        struct json_object *copy = json_object_array_get_idx(copies, i);
        if (!copy_is_there(copy))
            continue;
        index->copies++;
        primary_read(copy, shard);
    }
}

static void index_read(struct json_object *stats, struct index *index)
{
    char number[16];
    const char *uuid = reply_text(stats, "uuid");
    const char *status = reply_text(stats, "status");
    struct json_object *shards = reply_member(stats, "shards");
    if (!uuid || strcmp(uuid, index->uuid) != 0)
        return; /* another one of that name: it is met in the next round */
    index->closed = status && strcmp(status, "close") == 0;
    for (int32_t i = 0; i < index->shard_count; i++) {
        snprintf(number, sizeof(number), "%d", i);
        shard_read(reply_member(shards, number), index, &index->shards[i]);
        index->resized = index->resized || index->shards[i].more_than_numbers;
    }
}

int index_stats_parse(const char *bytes, size_t length_bytes, struct index_list *indices,
                      struct error *err)
{
    int64_t failed;
    struct json_object *reply = reply_parse(bytes, length_bytes, err);
    if (!reply)
        return -1;
    int result = 0;
    if (!reply_number(reply_member(reply, "_shards"), "failed", &failed))
        result = reply_strange(err, "no _shards");
    else if (failed > 0)
        result = error_set(err, ERROR_RETRY, "stats of %lld shards failed", (long long)failed);
    struct json_object *known = reply_member(reply, "indices");
    for (size_t i = 0; result == 0 && i < indices->count; i++)
        index_read(reply_member(known, indices->items[i].name), &indices->items[i]);
    json_object_put(reply);
    return result;
}

/* The shard's primary in the stats, on its own. */
static struct index_shard shard_of(struct json_object *stats, int32_t number)
{
    char name[16];
    struct index_shard shard = {0};
    struct index index = {0};
    snprintf(name, sizeof(name), "%d", number);
    shard_read(reply_member(reply_member(stats, "shards"), name), &index, &shard);
    return shard;
}

/* Statistics of others than what was asked for: the name is an alias now. */
static bool is_alias(struct json_object *indices, const char *name)
{
    return json_object_is_type(indices, json_type_object) &&
           json_object_object_length(indices) > 0 && !reply_member(indices, name);
}

static enum answer identity_judge(struct json_object *indices, const struct task *task,
                                  struct error *err)
{
    struct json_object *stats = reply_member(indices, task->index);
    const char *uuid = reply_text(stats, "uuid");
    if (is_alias(indices, task->index) || (uuid && strcmp(uuid, task->uuid) != 0)) {
        error_set(err, ERROR_REJECT, "another index has the name %s now", task->index);
        return ANSWER_GONE;
    }
    enum answer answer = ANSWER_OK;
    struct index_shard shard = shard_of(stats, task->shard);
    if (!shard.started) {
        error_set(err, ERROR_RETRY, "%s: the primary of shard %d is missing", task->index,
                  task->shard);
        answer = ANSWER_SHARD;
    } else if (strcmp(shard.history, task->history) != 0) {
        error_set(err, ERROR_REJECT, "%s was restored: its history is another one", task->index);
        answer = ANSWER_GONE;
    }
    free(shard.history);
    return answer;
}

enum answer index_identity_parse(const char *bytes, size_t length_bytes, const struct task *task,
                                 struct error *err)
{
    struct json_object *reply = reply_parse(bytes, length_bytes, err);
    if (!reply)
        return ANSWER_BUSY;
    enum answer answer = identity_judge(reply_member(reply, "indices"), task, err);
    json_object_put(reply);
    return answer;
}

int index_refresh_parse(const char *bytes, size_t length_bytes, int32_t copies, struct error *err)
{
    int64_t successful, failed;
    struct json_object *reply = reply_parse(bytes, length_bytes, err);
    if (!reply)
        return -1;
    struct json_object *shards = reply_member(reply, "_shards");
    int result = 0;
    if (!reply_number(shards, "failed", &failed) ||
        !reply_number(shards, "successful", &successful))
        result = reply_strange(err, "no _shards");
    else if (failed > 0 || successful < copies)
        result = error_set(err, ERROR_RETRY, "refresh: %lld of %d copies, %lld failed",
                           (long long)successful, copies, (long long)failed);
    json_object_put(reply);
    return result;
}
