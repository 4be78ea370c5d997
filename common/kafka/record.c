#include "common/kafka/record.h"

#include <librdkafka/rdkafka.h>
#include <stdlib.h>

#include "common/memory.h"

static void headers_read(struct record *record)
{
    rd_kafka_headers_t *headers;
    if (rd_kafka_message_headers(record->source, &headers))
        return;
    record->header_count = rd_kafka_header_cnt(headers);
    record->headers = mem_resize(NULL, record->header_count, sizeof(*record->headers));
    for (size_t i = 0; i < record->header_count; i++) {
        const void *value;
        size_t bytes; /* librdkafka ends every value with a NUL of its own; one inside cuts it */
        rd_kafka_header_get_all(headers, i, &record->headers[i].name, &value, &bytes);
        record->headers[i].text = value ? value : "";
    }
}

struct record *record_new(const char *topic, rd_kafka_message_t *message)
{
    struct record *record = mem_alloc(sizeof(*record));
    record->topic = topic;
    record->partition = message->partition;
    record->offset = message->offset;
    record->timestamp_ms = rd_kafka_message_timestamp(message, NULL);
    record->key = message->key;
    record->key_bytes = message->key_len;
    record->value = message->payload;
    record->value_bytes = message->len;
    record->source = message;
    headers_read(record);
    return record;
}

void record_free(struct record *record)
{
    if (record->source)
        rd_kafka_message_destroy(record->source);
    message_list_free(&record->outputs);
    free(record->headers);
    free(record);
}
