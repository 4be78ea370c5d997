#include "common/kafka/message.h"

#include <stdlib.h>
#include <string.h>

#include "common/kafka/record.h"
#include "common/memory.h"

#define RECORD_OVERHEAD_BYTES 64 /* of a record in a batch, about */

struct message *message_new(const char *topic, int32_t partition)
{
    struct message *message = mem_alloc(sizeof(*message));
    message->topic = mem_text(topic);
    message->partition = partition;
    return message;
}

void message_free(struct message **message)
{
    if (!*message)
        return;
    for (size_t i = 0; i < (*message)->header_count; i++) {
        free((*message)->headers[i].name);
        free((*message)->headers[i].text);
    }
    free((*message)->headers);
    free((*message)->topic);
    free((*message)->key);
    free((*message)->value);
    free(*message);
    *message = NULL;
}

void message_key_bytes(struct message *message, const void *key, size_t key_bytes)
{
    free(message->key);
    message->key = key ? mem_copy(key, key_bytes) : NULL;
    message->key_bytes = key ? key_bytes : 0;
}

void message_key(struct message *message, const char *key)
{
    message_key_bytes(message, key, strlen(key));
}

void message_value(struct message *message, const void *value, size_t value_bytes)
{
    free(message->value);
    message->value = value ? mem_copy(value, value_bytes) : NULL;
    message->value_bytes = value ? value_bytes : 0;
}

void message_value_take(struct message *message, char *value)
{
    free(message->value);
    message->value = value;
    message->value_bytes = strlen(value);
}

static struct message_header *header_find(struct message *message, const char *name)
{
    for (size_t i = 0; i < message->header_count; i++)
        if (strcmp(message->headers[i].name, name) == 0)
            return &message->headers[i];
    return NULL;
}

void message_header(struct message *message, const char *name, const char *text)
{
    struct message_header *header = header_find(message, name);
    if (header) {
        free(header->text);
        header->text = mem_text(text);
        return;
    }
    message->headers =
        mem_resize(message->headers, message->header_count + 1, sizeof(*message->headers));
    message->headers[message->header_count++] =
        (struct message_header){mem_text(name), mem_text(text)};
}

size_t message_bytes(const struct message *message)
{
    size_t bytes = message->key_bytes + message->value_bytes + RECORD_OVERHEAD_BYTES;
    for (size_t i = 0; i < message->header_count; i++)
        bytes += strlen(message->headers[i].name) + strlen(message->headers[i].text);
    return bytes;
}

void message_list_add(struct message_list *list, struct message *message)
{
    if ((list->count & (list->count - 1)) == 0) /* full at the powers of two */
        list->items =
            mem_resize(list->items, list->count ? list->count * 2 : 1, sizeof(struct message *));
    list->items[list->count++] = message;
    list->bytes += message_bytes(message);
}

void message_list_free(struct message_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        message_free(&list->items[i]);
    free(list->items);
    *list = (struct message_list){0};
}

const char *record_topic(const struct record *record)
{
    return record->topic;
}

int32_t record_partition(const struct record *record)
{
    return record->partition;
}

int64_t record_offset(const struct record *record)
{
    return record->offset;
}

int64_t record_timestamp_ms(const struct record *record)
{
    return record->timestamp_ms;
}

const char *record_key(const struct record *record, size_t *key_bytes)
{
    *key_bytes = record->key_bytes;
    return record->key;
}

const char *record_value(const struct record *record, size_t *value_bytes)
{
    *value_bytes = record->value_bytes;
    return record->value;
}

const char *record_header(struct record *record, const char *name)
{
    for (size_t i = record->header_count; i > 0; i--)
        if (strcmp(record->headers[i - 1].name, name) == 0)
            return record->headers[i - 1].text;
    return NULL;
}

char *record_origin(const struct record *record)
{
    return mem_printf("%s/%d/%lld", record->topic, record->partition, (long long)record->offset);
}

struct message *record_forward(struct record *record, const char *topic)
{
    struct message *message = message_new(topic, MESSAGE_ANY_PARTITION);
    message_key_bytes(message, record->key, record->key_bytes);
    message_value(message, record->value, record->value_bytes);
    for (size_t i = 0; i < record->header_count; i++)
        message_header(message, record->headers[i].name, record->headers[i].text);
    return message;
}
