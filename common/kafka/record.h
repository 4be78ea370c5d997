/* record: the inside of struct record, for this folder only. */
#ifndef COMMON_KAFKA_RECORD_H
#define COMMON_KAFKA_RECORD_H

#include <stdbool.h>

#include "common/kafka/message.h"

struct ledger_partition;
struct rd_kafka_message_s;

struct record_header {
    const char *name, *text;
};

struct record {
    const char *topic; /* borrowed from the ledger's owner, without prefix */
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms;
    const char *key;
    size_t key_bytes;
    const char *value;
    size_t value_bytes;
    struct record_header *headers; /* the array is the record's own, for as long as it has one */
    size_t header_count;
    struct rd_kafka_message_s *source; /* what key, value and headers borrow from; NULL in tests */

    struct ledger_partition *home; /* NULL: the partition was lost */
    bool finished;
    bool abandoned;
    struct message_list outputs;
    struct record *prev, *next;
};

/* topic: as above. Takes message. */
struct record *record_new(const char *topic, struct rd_kafka_message_s *message);
void record_free(struct record *record);

#endif
