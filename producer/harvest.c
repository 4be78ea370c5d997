#include "producer/harvest.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/wire/event.h"
#include "common/wire/reject.h"

const char *harvest_count_name(enum harvest_count count)
{
    static const char *const names[HARVEST_COUNTS] = {
        [HARVEST_COUNTED] = "counted", [HARVEST_REJECTED] = "rejected",
        [HARVEST_EMPTY] = "empty",     [HARVEST_EXCLUDED] = "excluded",
        [HARVEST_SKIPPED] = "skipped", [HARVEST_BAD_ADDRESSES] = "bad-addresses",
    };
    return names[count];
}

/* ---- messages ---- */

/* Takes origin and value. */
static struct message *reject_message(const char *reason, char *origin, const char *key,
                                      struct json_object *value)
{
    struct message *message = message_new("rejected", MESSAGE_ANY_PARTITION);
    if (key && *key)
        message_key(message, key);
    message_header(message, "stage", "scan");
    message_header(message, "reason", reason);
    message_header(message, "origin", origin);
    message_value_take(message, json_write(value));
    json_object_put(value);
    free(origin);
    return message;
}

/* index/shard/_seq_no, the place of one document. */
static char *document_origin(const struct task *task, int64_t seq_no)
{
    return mem_printf("%s/%d/%lld", task->index, task->shard, (long long)seq_no);
}

static struct message *task_message(const struct task *task, int32_t partition)
{
    struct message *message = message_new("scan", partition);
    struct json_object *json = task_to_json(task);
    message_value_take(message, json_write(json));
    json_object_put(json);
    return message;
}

static void event_output(void *context, const char *domain, const struct event *event)
{
    struct message_list *outputs = context;
    struct message *message = message_new("events", MESSAGE_ANY_PARTITION);
    struct json_object *json = event_to_json(event);
    message_key(message, domain);
    message_value_take(message, json_write(json));
    json_object_put(json);
    message_list_add(outputs, message);
}

void harvest_fence(const struct task *fence, int32_t source, int32_t of, int32_t event_partitions,
                   struct message_list *outputs)
{
    const struct watermark watermark = {.source = source, .of = of, .t_ms = fence->t_ms};
    struct json_object *json = watermark_to_json(&watermark);
    for (int32_t i = 0; i < event_partitions; i++) {
        struct message *message = message_new("events", i);
        message_value_take(message, json_write(json));
        message_list_add(outputs, message);
    }
    json_object_put(json);
}

struct message *harvest_unreadable(char *origin, size_t value_bytes)
{
    return reject_message("unreadable", origin, NULL, reject_value(NULL, value_bytes));
}

/* ---- pages ---- */

void harvest_drop(struct harvest *harvest)
{
    combine_free(&harvest->combine);
    message_list_free(&harvest->rejects);
    memset(harvest->page_counts, 0, sizeof(harvest->page_counts));
}

void harvest_begin(struct harvest *harvest)
{
    harvest_drop(harvest);
    harvest->combine = combine_new();
}

void harvest_hit(struct harvest *harvest, const struct task *task,
                 const struct session_rules *rules, int64_t now_ms, const char *hit,
                 size_t hit_bytes)
{
    static const enum harvest_count counts[] = {
        [SESSION_EVENT] = HARVEST_COUNTED,     [SESSION_EMPTY] = HARVEST_EMPTY,
        [SESSION_EXCLUDED] = HARVEST_EXCLUDED, [SESSION_SKIPPED] = HARVEST_SKIPPED,
        [SESSION_REJECT] = HARVEST_REJECTED,
    };
    struct session session;
    const struct session_facts facts = {.now_ms = now_ms, .since_ms = task->since_ms};
    enum session_result result = session_from_bytes(hit, hit_bytes, rules, &facts, &session);
    if (result == SESSION_EVENT)
        combine_add(harvest->combine, session.domain, &session.event);
    if (result == SESSION_REJECT)
        message_list_add(&harvest->rejects,
                         reject_message(session.reason, document_origin(task, session.seq_no),
                                        session.domain, reject_value(session.kept, hit_bytes)));
    harvest->page_counts[counts[result]]++;
    harvest->page_counts[HARVEST_BAD_ADDRESSES] += session.bad_addresses;
    session_free(&session);
}

static void list_move(struct message_list *to, struct message_list *from)
{
    for (size_t i = 0; i < from->count; i++)
        message_list_add(to, from->items[i]);
    from->count = 0;
    message_list_free(from);
}

void harvest_keep(struct harvest *harvest)
{
    combine_drain(harvest->combine, event_output, &harvest->outputs);
    list_move(&harvest->outputs, &harvest->rejects);
    for (size_t i = 0; i < HARVEST_COUNTS; i++)
        harvest->counts[i] += harvest->page_counts[i];
    harvest_drop(harvest);
}

void harvest_too_large(struct harvest *harvest, const struct task *task, int64_t seq_no,
                       size_t page_bytes)
{
    message_list_add(&harvest->outputs, reject_message("too-large", document_origin(task, seq_no),
                                                       NULL, reject_value(NULL, page_bytes)));
    harvest->counts[HARVEST_REJECTED]++;
}

void harvest_rest(struct harvest *harvest, const struct task *rest, int32_t partition)
{
    message_list_add(&harvest->outputs, task_message(rest, partition));
}

/* ---- the ends ---- */

void harvest_free(struct harvest *harvest)
{
    harvest_drop(harvest);
    message_list_free(&harvest->outputs);
    *harvest = (struct harvest){0};
}

void harvest_moved(struct harvest *harvest, const struct task *task, int32_t partition)
{
    harvest_free(harvest);
    message_list_add(&harvest->outputs, task_message(task, partition));
}

void harvest_gone(struct harvest *harvest, const struct task *task)
{
    struct json_object *json = task_to_json(task);
    char *origin = mem_printf("%s/%d/%lld-%lld", task->index, task->shard, (long long)task->from,
                              (long long)task->to);
    harvest_free(harvest);
    message_list_add(&harvest->outputs,
                     reject_message("index-gone", origin, NULL, reject_value(json, 0)));
    json_object_put(json);
}
