#include "common/kafka/lag.h"

#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>

#include "common/kafka/admin.h"
#include "common/kafka/client.h"
#include "common/kafka/topics.h"
#include "common/memory.h"
#include "common/metrics.h"

#define LAG_ASK_MS 5000

struct lag {
    const struct config *config;
    rd_kafka_t *client; /* read_uncommitted: open transactions are unfinished work too */
};

struct lag *lag_new(const struct config *config, struct error *err)
{
    rd_kafka_t *client = client_reader(config, false, err);
    if (!client)
        return NULL;
    struct lag *lag = mem_alloc(sizeof(*lag));
    lag->config = config;
    lag->client = client;
    return lag;
}

void lag_free(struct lag **lag)
{
    if (!*lag)
        return;
    rd_kafka_destroy((*lag)->client);
    free(*lag);
    *lag = NULL;
}

static int partition_lag(struct lag *lag, const rd_kafka_topic_partition_t *one, int64_t *records,
                         struct error *err)
{
    int64_t low, high;
    if (client_watermarks(lag->client, one->topic, one->partition, LAG_ASK_MS, &low, &high, err) <
        0)
        return -1;
    int64_t from = one->offset < 0 ? low : one->offset; /* no commit yet: all of it */
    *records = high > from ? high - from : 0;
    return 0;
}

static void gauge_set(const char *group, const char *topic, int32_t partition, int64_t records)
{
    char *number = mem_printf("%d", partition);
    metrics_set("tlsrpt_lag_records", records, group, topic, number, NULL);
    free(number);
}

/* list: what the group has committed of the topic. */
static int partitions_export(struct lag *lag, const char *group, const char *name,
                             const rd_kafka_topic_partition_list_t *list, struct error *err)
{
    for (int i = 0; i < list->cnt; i++) {
        int64_t records;
        if (partition_lag(lag, &list->elems[i], &records, err) < 0)
            return -1;
        gauge_set(group, name, list->elems[i].partition, records);
    }
    return 0;
}

static int topic_export(void *context, const char *name, const struct topic_row *row,
                        struct error *err)
{
    struct lag *lag = context;
    if (!row->group)
        return 0;
    char *group = client_topic(lag->config, row->group);
    char *topic = client_topic(lag->config, name);
    int32_t partitions = topics_partitions(lag->config, name);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    rd_kafka_topic_partition_list_add_range(list, topic, 0, partitions - 1);
    int result = admin_group_offsets(lag->client, group, list, err);
    if (result == 0)
        result = partitions_export(lag, group, name, list, err);
    rd_kafka_topic_partition_list_destroy(list);
    free(group);
    free(topic);
    return result;
}

int lag_export_all(struct lag *lag, struct error *err)
{
    return topics_each(lag->config, lag->client, topic_export, lag, err);
}
