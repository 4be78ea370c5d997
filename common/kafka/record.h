/* record: the inside of struct record, for this folder only. */
#ifndef COMMON_KAFKA_RECORD_H
#define COMMON_KAFKA_RECORD_H

#include <stdbool.h>

#include "common/kafka/message.h"

struct ledger_partition;

struct record {
    const char *topic; /* borrowed from the ledger's owner, without prefix */
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms;
    const char *key;
    size_t key_bytes;
    const char *value;
    size_t value_bytes;
    void *source; /* what key, value and headers borrow from: an rd_kafka_message_t; NULL in unit
                     tests */

    struct ledger_partition *home; /* NULL: the partition was lost */
    bool finished;
    bool abandoned;
    struct message_list outputs;
    void *data; /* the job's */
    struct record *prev, *next;
};

/* Destroys source too. */
void record_free(struct record *record);

#endif
