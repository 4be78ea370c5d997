#include "common/kafka/table.h"

#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>

#include "common/kafka/client.h"
#include "common/kafka/record.h"
#include "common/memory.h"
#include "common/time.h"

struct table_partition {
    int32_t partition;
    int64_t end;  /* read uncommitted, when it was begun */
    int64_t next; /* everything before it was read */
};

struct table {
    char *topic;
    char *name;
    rd_kafka_t *reader; /* read_committed: gives the records */
    rd_kafka_t *probe;  /* read_uncommitted: its end offset counts open transactions too */
    struct table_partition *partitions;
    size_t count;
};

struct table *table_new(const struct config *config, const char *topic, struct error *err)
{
    rd_kafka_t *reader = client_reader(config, true, err);
    if (!reader)
        return NULL;
    rd_kafka_t *probe = client_reader(config, false, err);
    if (!probe) {
        rd_kafka_destroy(reader);
        return NULL;
    }
    struct table *table = mem_alloc(sizeof(*table));
    table->topic = client_topic(config, topic);
    table->name = mem_text(topic);
    table->reader = reader;
    table->probe = probe;
    return table;
}

void table_free(struct table **table)
{
    if (!*table)
        return;
    rd_kafka_consumer_close((*table)->reader);
    rd_kafka_destroy((*table)->reader);
    rd_kafka_destroy((*table)->probe);
    free((*table)->partitions);
    free((*table)->topic);
    free((*table)->name);
    free(*table);
    *table = NULL;
}

static struct table_partition *partition_find(const struct table *table, int32_t partition)
{
    for (size_t i = 0; i < table->count; i++)
        if (table->partitions[i].partition == partition)
            return &table->partitions[i];
    return NULL;
}

static bool partition_is_complete(const struct table_partition *one)
{
    return one->next >= one->end;
}

static int reading_change(struct table *table, int32_t partition, bool start, struct error *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, table->topic, partition)->offset =
        RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_error_t *error = start ? rd_kafka_incremental_assign(table->reader, list)
                                    : rd_kafka_incremental_unassign(table->reader, list);
    rd_kafka_topic_partition_list_destroy(list);
    return error ? client_error_take(err, error, table->topic) : 0;
}

int table_begin(struct table *table, int32_t partition, struct error *err)
{
    int64_t low, high;
    if (client_watermarks(table->probe, table->topic, partition, CLIENT_ASK_MS, &low, &high, err) <
        0)
        return -1;
    if (low < high && reading_change(table, partition, true, err) < 0)
        return -1;
    table->partitions = mem_resize(table->partitions, table->count + 1, sizeof(*table->partitions));
    table->partitions[table->count++] = (struct table_partition){partition, high, low};
    return 0;
}

void table_forget(struct table *table, int32_t partition)
{
    struct error ignored; /* it may be complete, and then it is not read any more */
    struct table_partition *one = partition_find(table, partition);
    if (!one)
        return;
    if (!partition_is_complete(one) && reading_change(table, partition, false, &ignored) < 0)
        return;
    *one = table->partitions[--table->count];
}

static int partition_reach(struct table *table, int32_t partition, int64_t next, struct error *err)
{
    struct table_partition *one = partition_find(table, partition);
    if (!one || partition_is_complete(one))
        return 0;
    one->next = next;
    return partition_is_complete(one) ? reading_change(table, partition, false, err) : 0;
}

static int trouble_take(struct table *table, const rd_kafka_message_t *message, struct error *err)
{
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        return partition_reach(table, message->partition, message->offset, err);
    if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
        message->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) /* the reader has stopped */
        return error_set(err, ERROR_FATAL, "%s: %s", table->topic,
                         rd_kafka_message_errstr(message));
    return client_error(err, message->err, table->topic);
}

static int record_take(struct table *table, struct record *record, table_visit *visit,
                       void *context, struct error *err)
{
    const struct table_partition *one = partition_find(table, record->partition);
    if (!one || partition_is_complete(one))
        return 0;
    if (visit(context, record, err) < 0)
        return -1;
    return partition_reach(table, record->partition, record->offset + 1, err);
}

/* Takes message. */
static int message_take(struct table *table, rd_kafka_message_t *message, table_visit *visit,
                        void *context, struct error *err)
{
    int result;
    if (message->err) {
        result = trouble_take(table, message, err);
        rd_kafka_message_destroy(message);
        return result;
    }
    struct record *record = record_new(table->name, message);
    result = record_take(table, record, visit, context, err);
    record_free(record);
    return result;
}

int table_poll(struct table *table, int64_t timeout_ms, table_visit *visit, void *context,
               struct error *err)
{
    int64_t until = time_monotonic_ms() + timeout_ms;
    int64_t left;
    while ((left = until - time_monotonic_ms()) >= 0) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(table->reader, (int)left);
        if (!message)
            return 0;
        if (message_take(table, message, visit, context, err) < 0)
            return -1;
    }
    return 0;
}

bool table_is_complete(const struct table *table, int32_t partition)
{
    const struct table_partition *one = partition_find(table, partition);
    return one && partition_is_complete(one);
}

static bool all_complete(const struct table *table)
{
    for (size_t i = 0; i < table->count; i++)
        if (!partition_is_complete(&table->partitions[i]))
            return false;
    return true;
}

static int read_all(struct table *table, table_visit *visit, void *context, struct error *err)
{
    int32_t count;
    if (client_partition_count(table->probe, table->topic, CLIENT_ASK_MS, &count, err) < 0)
        return -1;
    if (count == 0)
        return error_set(err, ERROR_FATAL, "there is no topic %s: run tlsrpt-producer topics",
                         table->topic);
    for (int32_t partition = 0; partition < count; partition++)
        if (table_begin(table, partition, err) < 0)
            return -1;
    while (!all_complete(table))
        if (table_poll(table, 1000, visit, context, err) < 0)
            return -1;
    return 0;
}

int table_read_all(const struct config *config, const char *topic, table_visit *visit,
                   void *context, struct error *err)
{
    struct table *table = table_new(config, topic, err);
    if (!table)
        return -1;
    int result = read_all(table, visit, context, err);
    table_free(&table);
    return result;
}
