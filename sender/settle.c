#include "sender/settle.h"

#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/kafka/topics.h"
#include "common/kafka/worker.h"
#include "common/mailbox.h"
#include "common/memory.h"
#include "common/wire/reject.h"
#include "sender/targets.h"

static const char *header_get(void *context, const char *name)
{
    return record_header(context, name);
}

int settle_read(struct record *record, struct delivery *delivery, struct error *err)
{
    size_t value_bytes;
    if (!record_value(record, &value_bytes))
        return error_set(err, ERROR_REJECT, "a delivery without a payload");
    struct delivery read;
    if (delivery_from_headers(header_get, record, &read, err) < 0)
        return -1;
    if (!mailbox_is_dot_atom(read.report_id, strlen(read.report_id)))
        return error_set(err, ERROR_REJECT, "the report-id is no dot-atom");
    *delivery = read;
    return 0;
}

void settle_output(struct record *record, struct message_list *outputs)
{
    for (size_t i = 0; i < outputs->count; i++)
        record_output(record, outputs->items[i]);
    free(outputs->items);
    *outputs = (struct message_list){0};
}

int settle_output_topics(const struct config *config, struct text_list *topics, struct error *err)
{
    static const char *const fixed[] = {"deliveries.https", "deliveries.smtp", "outcomes",
                                        "rejected"};
    struct text_list all = {0};
    for (size_t i = 0; i < NELEMS(fixed); i++)
        text_list_take(&all, mem_text(fixed[i]));
    if (topics_delays(config, &all, err) < 0) {
        text_list_free(&all);
        return -1;
    }
    text_list_take(&all, NULL);
    *topics = all;
    return 0;
}

char *settle_delay_topic(int64_t delay_ms)
{
    char *tier = topics_delay_name(delay_ms);
    char *topic = mem_printf("delay.%s", tier);
    free(tier);
    return topic;
}

struct message *settle_outcome(const struct outcome *outcome)
{
    struct message *message = message_new("outcomes", MESSAGE_ANY_PARTITION);
    struct json_object *json = outcome_to_json(outcome);
    char *key = outcome_key(outcome);
    message_key(message, key);
    message_value_take(message, json_write(json));
    json_object_put(json);
    free(key);
    return message;
}

struct message *settle_reject(struct record *record, const char *stage, const char *reason)
{
    size_t key_bytes, value_bytes;
    const char *key = record_key(record, &key_bytes);
    record_value(record, &value_bytes);
    struct message *message = message_new("rejected", MESSAGE_ANY_PARTITION);
    struct json_object *value = reject_value(NULL, value_bytes);
    char *origin = record_origin(record);
    message_key_bytes(message, key, reject_key_bytes(key_bytes));
    message_value_take(message, json_write(value));
    message_header(message, "stage", stage);
    message_header(message, "reason", reason);
    message_header(message, "origin", origin);
    json_object_put(value);
    free(origin);
    return message;
}

static void header_add(void *context, const char *name, const char *text)
{
    message_header(context, name, text);
}

void settle_headers(const struct delivery *delivery, struct message *message)
{
    delivery_to_headers(delivery, header_add, message);
}

/* The same record again, with what the try changed. */
static struct message *delivery_again(struct record *record, const struct delivery *delivery,
                                      const struct attempt_next *next, const char *to)
{
    struct delivery again = *delivery;
    char *topic = settle_delay_topic(next->delay_ms);
    struct message *message = record_forward(record, topic);
    again.attempt = next->attempts;
    again.first_attempt_ms = next->first_attempt_ms;
    settle_headers(&again, message);
    message_header(message, DELIVERY_HEADER_TO, to);
    free(topic);
    return message;
}

static struct message *outcome_of(const struct delivery *delivery,
                                  const struct attempt_result *result,
                                  const struct attempt_next *next, bool tls_verified,
                                  int64_t now_ms)
{
    struct outcome outcome = {
        .report_id = mem_text(delivery->report_id),
        .target = mem_text(delivery->target),
        .domain = mem_text(delivery->domain),
        .day = delivery->day,
        .state = next->state,
        .code = result->code,
        .reason = mem_text(next->reason),
        .attempts = next->attempts,
        .at_ms = now_ms,
        .next_ms = next->state == OUTCOME_WAITING ? now_ms + next->delay_ms : 0,
        .tls_verified = tls_verified,
    };
    struct message *message = settle_outcome(&outcome);
    outcome_free(&outcome);
    return message;
}

void settle_attempt(struct record *record, const struct delivery *delivery,
                    const struct attempt_result *result, const struct attempt_next *next,
                    const char *to, bool tls_verified, int64_t now_ms, struct message_list *outputs)
{
    message_list_add(outputs, outcome_of(delivery, result, next, tls_verified, now_ms));
    if (next->state == OUTCOME_WAITING)
        message_list_add(outputs, delivery_again(record, delivery, next, to));
}
