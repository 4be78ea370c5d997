#include "producer/planner.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "common/json.h"
#include "common/memory.h"
#include "common/wire/event.h"
#include "common/wire/mark.h"
#include "common/wire/task.h"

#define NOTHING_PLANNED INT64_C(-1)
#define FIRST_ROUND     "first-round" /* the member that its record has beside "v" */

struct mark_entry {
    char *key;
    struct mark mark;
    UT_hash_handle hh;
};

/* Something that is left out, since when, and whether this round met it. */
struct skip_entry {
    char *key; /* uuid/shard, or an index's name */
    enum planner_skip reason;
    int64_t since_ms;
    int64_t unplanned;
    bool met;
    UT_hash_handle hh;
};

struct planner {
    struct planner_settings settings;
    struct mark_entry *marks;
    struct skip_entry *skips;
    int64_t t_ms; /* of this round */
    bool first_round_done;
    size_t empty;
    int32_t next_partition;
};

static const char *const skip_names[PLANNER_SKIPS] = {
    [PLANNER_FINE] = "fine",         [PLANNER_PRIMARY_MISSING] = "primary-missing",
    [PLANNER_CLOSED] = "closed",     [PLANNER_RESIZED] = "resized",
    [PLANNER_RESTORED] = "restored", [PLANNER_BEHIND] = "behind",
    [PLANNER_REFRESH] = "refresh",   [PLANNER_UNKNOWN] = "unknown",
};

const char *planner_skip_name(enum planner_skip skip)
{
    return skip_names[skip];
}

struct planner *planner_new(const struct planner_settings *settings)
{
    struct planner *planner = mem_alloc(sizeof(*planner));
    planner->settings = *settings;
    return planner;
}

static void mark_remove(struct planner *planner, struct mark_entry *entry)
{
    HASH_DEL(planner->marks, entry);
    mark_free(&entry->mark);
    free(entry->key);
    free(entry);
}

static void skip_remove(struct planner *planner, struct skip_entry *entry)
{
    HASH_DEL(planner->skips, entry);
    free(entry->key);
    free(entry);
}

void planner_forget(struct planner *planner)
{
    while (planner->marks)
        mark_remove(planner, planner->marks);
    while (planner->skips)
        skip_remove(planner, planner->skips);
    planner->first_round_done = false;
    planner->empty = 0;
}

void planner_free(struct planner **planner)
{
    if (!*planner)
        return;
    planner_forget(*planner);
    free(*planner);
    *planner = NULL;
}

/* ---- marks ---- */

static struct mark_entry *mark_find(const struct planner *planner, const char *uuid, int32_t shard,
                                    const char *history)
{
    struct mark_entry *entry;
    struct mark wanted = {.uuid = mem_text(uuid), .shard = shard, .history = mem_text(history)};
    char *key = mark_key(&wanted);
    HASH_FIND_STR(planner->marks, key, entry);
    free(key);
    mark_free(&wanted);
    return entry;
}

/* Takes mark. */
static struct mark_entry *mark_put(struct planner *planner, struct mark *mark)
{
    struct mark_entry *old = mark_find(planner, mark->uuid, mark->shard, mark->history);
    if (old)
        mark_remove(planner, old);
    struct mark_entry *entry = mem_alloc(sizeof(*entry));
    entry->key = mark_key(mark);
    entry->mark = *mark;
    HASH_ADD_KEYPTR(hh, planner->marks, entry->key, strlen(entry->key), entry);
    return entry;
}

static bool key_is(const char *key, size_t key_bytes, const char *text)
{
    return key_bytes == strlen(text) && memcmp(key, text, key_bytes) == 0;
}

static void tombstone_restore(struct planner *planner, const char *key, size_t key_bytes)
{
    struct mark_entry *entry;
    HASH_FIND(hh, planner->marks, key, key_bytes, entry);
    if (entry)
        mark_remove(planner, entry);
    if (key_is(key, key_bytes, MARK_FIRST_ROUND_KEY))
        planner->first_round_done = false;
}

static int value_restore(struct planner *planner, const char *key, size_t key_bytes,
                         struct json_object *json, struct error *err)
{
    struct mark mark;
    if (key_is(key, key_bytes, MARK_FIRST_ROUND_KEY)) {
        planner->first_round_done = true;
        return wire_check_version(json, 1, err);
    }
    if (mark_from_json(key, key_bytes, json, &mark, err) < 0)
        return -1;
    mark_put(planner, &mark);
    return 0;
}

int planner_restore(struct planner *planner, const char *key, size_t key_bytes, const char *value,
                    size_t value_bytes, struct error *err)
{
    if (!value) {
        tombstone_restore(planner, key, key_bytes);
        return 0;
    }
    struct json_object *json = json_parse_object(value, value_bytes, err);
    int result = json ? value_restore(planner, key, key_bytes, json, err) : -1;
    json_object_put(json);
    if (result == 0)
        return 0;
    err->kind = ERROR_FATAL;
    return error_wrap(err, "plan: mark %.*s", (int)key_bytes, key);
}

/* ---- what is left out ---- */

/* Takes key. A reason that changes goes on counting: it is the same hole. */
static void skip_note(struct planner *planner, char *key, enum planner_skip reason,
                      int64_t unplanned)
{
    struct skip_entry *entry;
    HASH_FIND_STR(planner->skips, key, entry);
    if (entry) {
        free(key);
    } else {
        entry = mem_alloc(sizeof(*entry));
        entry->key = key;
        entry->since_ms = planner->t_ms;
        HASH_ADD_KEYPTR(hh, planner->skips, entry->key, strlen(entry->key), entry);
    }
    entry->reason = reason;
    entry->unplanned = unplanned;
    entry->met = true;
}

static void shard_skip(struct planner *planner, const struct index *index, int32_t shard,
                       enum planner_skip reason, int64_t unplanned)
{
    skip_note(planner, mem_printf("%s/%d", index->uuid, shard), reason, unplanned);
}

void planner_unknown(struct planner *planner, const char *name)
{
    skip_note(planner, mem_text(name), PLANNER_UNKNOWN, 0);
}

void planner_empty(struct planner *planner, const char *name)
{
    (void)name;
    planner->empty++;
}

void planner_begin(struct planner *planner, int64_t t_ms)
{
    planner->t_ms = t_ms;
    planner->empty = 0;
    for (struct skip_entry *entry = planner->skips; entry; entry = entry->hh.next) {
        entry->met = false;
        if (entry->since_ms > t_ms) /* the clock was set back: the patience begins anew */
            entry->since_ms = t_ms;
    }
}

/* ---- indices that left the alias, and those that left altogether ---- */

static bool indices_have(const struct index_list *indices, const char *uuid)
{
    for (size_t i = 0; i < indices->count; i++)
        if (strcmp(indices->items[i].uuid, uuid) == 0)
            return true;
    return false;
}

bool planner_knows(const struct planner *planner, const char *uuid)
{
    for (const struct mark_entry *entry = planner->marks; entry; entry = entry->hh.next)
        if (strcmp(entry->mark.uuid, uuid) == 0)
            return true;
    return false;
}

void planner_unlisted(const struct planner *planner, const struct index_list *indices,
                      struct text_list *names)
{
    for (const struct mark_entry *entry = planner->marks; entry; entry = entry->hh.next)
        if (entry->mark.shard != MARK_WHOLE_INDEX && !indices_have(indices, entry->mark.uuid) &&
            !text_list_has(names, entry->mark.index))
            text_list_add(names, entry->mark.index, strlen(entry->mark.index));
}

void planner_gone(struct planner *planner, const char *name, const struct index_list *indices,
                  struct message_list *outputs)
{
    struct mark_entry *entry, *next;
    if (planner->empty > 0)
        return;
    HASH_ITER(hh, planner->marks, entry, next)
    {
        if (strcmp(entry->mark.index, name) != 0 || indices_have(indices, entry->mark.uuid))
            continue;
        struct message *message = message_new("plan", 0);
        message_key(message, entry->key);
        message_list_add(outputs, message);
        mark_remove(planner, entry);
    }
}

/* ---- what the first round finds ---- */

static void mark_output(const struct mark_entry *entry, struct message_list *outputs)
{
    struct message *message = message_new("plan", 0);
    struct json_object *json = mark_to_json(&entry->mark);
    message_key(message, entry->key);
    message_value_take(message, json_write(json));
    json_object_put(json);
    message_list_add(outputs, message);
}

/* An index that the first round found has a mark with it; what came later has none. */
static int64_t since_of(const struct planner *planner, const char *uuid)
{
    int64_t since_ms = 0;
    for (const struct mark_entry *entry = planner->marks; entry; entry = entry->hh.next)
        if (entry->mark.since_ms > since_ms && strcmp(entry->mark.uuid, uuid) == 0)
            since_ms = entry->mark.since_ms;
    return since_ms;
}

static struct mark_entry *index_mark_begin(struct planner *planner, const struct index *index)
{
    int64_t since_ms = planner->t_ms - planner->settings.since_ms;
    struct mark mark = {
        .index = mem_text(index->name),
        .uuid = mem_text(index->uuid),
        .shard = MARK_WHOLE_INDEX,
        .history = mem_text(MARK_NO_HISTORY),
        .planned = NOTHING_PLANNED,
        .since_ms = since_ms > 0 ? since_ms : 0, /* no mark with less can be read again */
    };
    return mark_put(planner, &mark);
}

static void first_round_output(struct planner *planner, struct message_list *outputs)
{
    struct message *message = message_new("plan", 0);
    struct json_object *json = mem_check(json_object_new_object());
    json_add_integer(json, "v", 1);
    json_add_integer(json, FIRST_ROUND, planner->t_ms);
    message_key(message, MARK_FIRST_ROUND_KEY);
    message_value_take(message, json_write(json));
    json_object_put(json);
    message_list_add(outputs, message);
    planner->first_round_done = true;
}

/* Before anything is planned, and all at once: whoever goes on after a crash finds either the same
 * bounds or an untouched prefix, and nothing that came in between counts as found. */
void planner_found(struct planner *planner, const struct index_list *indices,
                   struct message_list *outputs)
{
    if (planner->first_round_done)
        return;
    for (size_t i = 0; i < indices->count; i++)
        if (!planner_knows(planner, indices->items[i].uuid))
            mark_output(index_mark_begin(planner, &indices->items[i]), outputs);
    if (planner->empty == 0)
        first_round_output(planner, outputs);
}

/* ---- one index ---- */

static bool known_under_another_history(const struct planner *planner, const char *uuid,
                                        int32_t shard)
{
    for (const struct mark_entry *entry = planner->marks; entry; entry = entry->hh.next)
        if (entry->mark.shard == shard && strcmp(entry->mark.uuid, uuid) == 0)
            return true;
    return false;
}

/* The last number planned of a shard that is there. */
static int64_t planned_of(const struct planner *planner, const struct index *index, int32_t shard)
{
    const struct mark_entry *entry =
        mark_find(planner, index->uuid, shard, index->shards[shard].history);
    return entry ? entry->mark.planned : NOTHING_PLANNED;
}

static enum planner_skip shard_judge(const struct planner *planner, const struct index *index,
                                     int32_t number)
{
    const struct index_shard *shard = &index->shards[number];
    if (!shard->started)
        return PLANNER_PRIMARY_MISSING;
    if (!mark_find(planner, index->uuid, number, shard->history) &&
        known_under_another_history(planner, index->uuid, number))
        return PLANNER_RESTORED;
    int64_t planned = planned_of(planner, index, number);
    if (shard->checkpoint < planned)
        return PLANNER_BEHIND;
    if (shard->checkpoint == planned)
        return PLANNER_FINE;
    return index->resized ? PLANNER_RESIZED : index->closed ? PLANNER_CLOSED : PLANNER_FINE;
}

/* A shard's numbers that may be planned now. */
static bool shard_wants(const struct planner *planner, const struct index *index, int32_t number)
{
    return shard_judge(planner, index, number) == PLANNER_FINE &&
           planned_of(planner, index, number) < index->shards[number].checkpoint;
}

static int64_t unplanned_of(const struct planner *planner, const struct index *index,
                            int32_t number)
{
    const struct index_shard *shard = &index->shards[number];
    int64_t unplanned = shard->started ? shard->checkpoint - planned_of(planner, index, number) : 0;
    return unplanned > 0 ? unplanned : 0;
}

bool planner_judge(struct planner *planner, const struct index *index)
{
    bool wants = false;
    for (int32_t i = 0; i < index->shard_count; i++) {
        enum planner_skip skip = shard_judge(planner, index, i);
        if (skip != PLANNER_FINE)
            shard_skip(planner, index, i, skip, unplanned_of(planner, index, i));
        wants = wants || shard_wants(planner, index, i);
    }
    return wants;
}

void planner_not_refreshed(struct planner *planner, const struct index *index)
{
    for (int32_t i = 0; i < index->shard_count; i++)
        if (shard_wants(planner, index, i))
            shard_skip(planner, index, i, PLANNER_REFRESH, unplanned_of(planner, index, i));
}

static struct message *scan_message(const struct task *task, int32_t partition)
{
    struct message *message = message_new("scan", partition);
    struct json_object *json = task_to_json(task);
    message_value_take(message, json_write(json));
    json_object_put(json);
    return message;
}

/* Partitions are chosen here, one after the other: librdkafka would stick to one for a while. */
static void task_output(struct planner *planner, const struct mark *mark, int64_t to,
                        struct message_list *outputs)
{
    const struct task task = {
        .index = mark->index,
        .uuid = mark->uuid,
        .history = mark->history,
        .shard = mark->shard,
        .from = mark->planned + 1,
        .to = to,
        .since_ms = mark->since_ms,
    };
    message_list_add(outputs, scan_message(&task, planner->next_partition));
    planner->next_partition = (planner->next_partition + 1) % planner->settings.partitions;
}

static struct mark_entry *mark_begin(struct planner *planner, const struct index *index,
                                     int32_t shard)
{
    struct mark mark = {
        .index = mem_text(index->name),
        .uuid = mem_text(index->uuid),
        .shard = shard,
        .history = mem_text(index->shards[shard].history),
        .planned = NOTHING_PLANNED,
        .since_ms = since_of(planner, index->uuid),
    };
    return mark_put(planner, &mark);
}

static void shard_tasks(struct planner *planner, const struct index *index, int32_t number,
                        size_t tasks_max, struct message_list *outputs)
{
    const struct index_shard *shard = &index->shards[number];
    struct mark_entry *entry = mark_find(planner, index->uuid, number, shard->history);
    if (!entry)
        entry = mark_begin(planner, index, number);
    for (size_t i = 0; i < tasks_max && entry->mark.planned < shard->checkpoint; i++) {
        int64_t to = entry->mark.planned + planner->settings.task_documents;
        to = to < shard->checkpoint ? to : shard->checkpoint;
        task_output(planner, &entry->mark, to, outputs);
        entry->mark.planned = to;
    }
    mark_output(entry, outputs);
}

bool planner_tasks(struct planner *planner, const struct index *index, size_t tasks_max,
                   struct message_list *outputs)
{
    for (int32_t i = 0; i < index->shard_count; i++) {
        if (!shard_wants(planner, index, i))
            continue;
        shard_tasks(planner, index, i, tasks_max, outputs);
        return true;
    }
    return false;
}

/* ---- the end of a round ---- */

static void fences_output(const struct planner *planner, struct message_list *outputs)
{
    const struct task fence = {.fence = true, .t_ms = planner->t_ms};
    for (int32_t i = 0; i < planner->settings.partitions; i++)
        message_list_add(outputs, scan_message(&fence, i));
}

/* Counts what is left out, drops what is so no longer. True: something still holds up the fences.
 */
static bool skips_sum(struct planner *planner, int64_t now_ms, struct planner_result *result)
{
    bool wait = false;
    struct skip_entry *entry, *next;
    HASH_ITER(hh, planner->skips, entry, next)
    {
        if (!entry->met) {
            skip_remove(planner, entry);
            continue;
        }
        result->skipped[entry->reason]++;
        result->documents[entry->reason] += entry->unplanned;
        result->unplanned += entry->unplanned;
        wait = wait || now_ms - entry->since_ms < planner->settings.patience_ms;
    }
    return wait;
}

void planner_end(struct planner *planner, int64_t now_ms, struct planner_result *result,
                 struct message_list *outputs)
{
    *result = (struct planner_result){.empty = planner->empty};
    bool wait = skips_sum(planner, now_ms, result);
    if (wait || planner->empty > 0)
        return;
    result->fenced = true;
    fences_output(planner, outputs);
}
