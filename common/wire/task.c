#include "common/wire/task.h"

#include <stdlib.h>

#include "common/memory.h"
#include "common/wire/event.h"

#define VERSION     1
#define NUMBERS_MAX INT32_MAX /* of one task: more is no size of a search */

struct json_object *task_to_json(const struct task *task)
{
    struct json_object *json = mem_check(json_object_new_object());
    json_add_integer(json, "v", VERSION);
    if (task->fence) {
        json_add_integer(json, "fence", task->t_ms);
        return json;
    }
    json_add_text(json, "index", task->index);
    json_add_text(json, "uuid", task->uuid);
    json_add_text(json, "history", task->history);
    json_add_integer(json, "shard", task->shard);
    json_add_integer(json, "from", task->from);
    json_add_integer(json, "to", task->to);
    json_add_integer(json, "since", task->since_ms);
    return json;
}

static int read_fence(struct json_object *json, struct task *task, struct error *err)
{
    int64_t t_ms = 0;
    if (json_get_integer(json, "fence", 0, INT64_MAX, &t_ms, err) < 0)
        return -1;
    *task = (struct task){.fence = true, .t_ms = t_ms};
    return 0;
}

static int read_range(struct json_object *json, struct task *task, struct error *err)
{
    struct task read = {0};
    const char *index = NULL, *uuid = NULL, *history = NULL;
    int64_t shard = 0;
    if (json_get_text(json, "index", &index, err) < 0 ||
        json_get_text(json, "uuid", &uuid, err) < 0 ||
        json_get_text(json, "history", &history, err) < 0 ||
        json_get_integer(json, "shard", 0, INT32_MAX, &shard, err) < 0 ||
        json_get_integer(json, "from", 0, INT64_MAX, &read.from, err) < 0 ||
        json_get_integer(json, "to", read.from, INT64_MAX - 1, &read.to, err) < 0 ||
        json_get_integer(json, "since", 0, INT64_MAX, &read.since_ms, err) < 0)
        return -1;
    if (read.to - read.from >= NUMBERS_MAX)
        return error_set(err, ERROR_REJECT, "to: more than %d numbers", NUMBERS_MAX);
    if (!*index || !*uuid || !*history)
        return error_set(err, ERROR_REJECT, "index, uuid, history: one is empty");
    read.shard = (int32_t)shard;
    read.index = mem_text(index);
    read.uuid = mem_text(uuid);
    read.history = mem_text(history);
    *task = read;
    return 0;
}

int task_from_json(struct json_object *json, struct task *task, struct error *err)
{
    if (wire_check_version(json, VERSION, err) < 0)
        return -1;
    if (json_object_object_get_ex(json, "fence", NULL))
        return read_fence(json, task, err);
    return read_range(json, task, err);
}

void task_free(struct task *task)
{
    free(task->index);
    free(task->uuid);
    free(task->history);
    *task = (struct task){0};
}
