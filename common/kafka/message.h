/* message: the records that jobs read (struct record, borrowed) and write (struct message, owned).
 * Topics are named without their prefix. */
#ifndef COMMON_KAFKA_MESSAGE_H
#define COMMON_KAFKA_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "common/text.h"

#define MESSAGE_ANY_PARTITION                                                                      \
    (-1) /* by the key's hash (murmur2_random), round robin without a key */

struct message_header {
    char *name;
    char *text;
};

/* An output. Built by a job, then given away with record_output() or worker_emit(). */
struct message {
    char *topic;
    int32_t partition;
    char *key; /* NULL: none */
    size_t key_bytes;
    char *value; /* NULL: a tombstone */
    size_t value_bytes;
    struct message_header *headers;
    size_t header_count;
};

struct message *message_new(const char *topic, int32_t partition);
void message_free(struct message **message);                /* nulls */
void message_key(struct message *message, const char *key); /* copies */
void message_key_bytes(struct message *message, const void *key,
                       size_t key_bytes); /* copies; NULL: none */
void message_value(struct message *message, const void *value, size_t value_bytes); /* copies */
void message_value_take(struct message *message, char *value); /* takes the NUL-terminated text */
void message_header(struct message *message, const char *name, const char *text); /* copies */
size_t message_bytes(const struct message *message); /* what it takes in a transaction, about */

/* An ordered list of owned messages; zero it to begin. */
struct message_list {
    struct message **items;
    size_t count;
    size_t bytes;
};
void message_list_add(struct message_list *list, struct message *message); /* takes */
void message_list_free(struct message_list *list);

/* An input that the worker handed to a job and that is not finished yet. All that it returns is
 * borrowed from it. */
struct record;
const char *record_topic(const struct record *record);
int32_t record_partition(const struct record *record);
int64_t record_offset(const struct record *record);
int64_t record_timestamp_ms(
    const struct record *record); /* the broker's or the producer's, see the topic */
const char *record_key(const struct record *record, size_t *key_bytes);     /* NULL: none */
const char *record_value(const struct record *record, size_t *value_bytes); /* NULL: a tombstone */
/* The last header of that name as text, NULL if absent. */
const char *record_header(struct record *record, const char *name);
/* "topic/partition/offset", as the origin of a reject. Owned by the caller. */
char *record_origin(const struct record *record);
/* A copy of the record for another topic under the same key, with all headers but those that
 * message_header() then sets again: a later header of the same name replaces the earlier one. */
struct message *record_forward(struct record *record, const char *topic);

#endif
