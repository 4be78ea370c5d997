#include "common/kafka/lag.h"

#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>

#include "common/kafka/admin.h"
#include "common/kafka/client.h"
#include "common/kafka/topics.h"
#include "common/memory.h"
#include "common/metrics.h"
#include "common/time.h"

#define LAG_ASK_MS 5000
#define LAG_ALL_MS 10000 /* after that nothing more is asked: the caller waits for all of it */

/* One that was set. */
struct lag_series {
    char *group;
    char *topic;
    int32_t partition;
};

struct lag {
    const struct config *config;
    rd_kafka_t *client; /* read_uncommitted: open transactions are unfinished work too */
    struct lag_series *series;
    size_t series_count;
    int64_t until_ms;   /* monotonic, of this export */
    struct error error; /* the last one that ended a topic's turn */
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
    lag_forget(*lag);
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

static bool is_known(const struct lag *lag, const char *group, const char *topic, int32_t partition)
{
    for (size_t i = 0; i < lag->series_count; i++) {
        const struct lag_series *series = &lag->series[i];
        if (series->partition == partition && strcmp(series->topic, topic) == 0 &&
            strcmp(series->group, group) == 0)
            return true;
    }
    return false;
}

static void gauge_set(struct lag *lag, const char *group, const char *topic, int32_t partition,
                      int64_t records)
{
    char *number = mem_printf("%d", partition);
    metrics_set("tlsrpt_lag_records", records, group, topic, number, NULL);
    free(number);
    if (is_known(lag, group, topic, partition))
        return;
    lag->series = mem_resize(lag->series, lag->series_count + 1, sizeof(*lag->series));
    lag->series[lag->series_count++] =
        (struct lag_series){mem_text(group), mem_text(topic), partition};
}

void lag_forget(struct lag *lag)
{
    for (size_t i = 0; i < lag->series_count; i++) {
        struct lag_series *series = &lag->series[i];
        char *number = mem_printf("%d", series->partition);
        metrics_forget("tlsrpt_lag_records", series->group, series->topic, number, NULL);
        free(number);
        free(series->group);
        free(series->topic);
    }
    free(lag->series);
    lag->series = NULL;
    lag->series_count = 0;
}

/* list: what the group has committed of the topic. */
static int partitions_export(struct lag *lag, const char *group, const char *name,
                             const rd_kafka_topic_partition_list_t *list, struct error *err)
{
    for (int i = 0; i < list->cnt; i++) {
        int64_t records;
        if (partition_lag(lag, &list->elems[i], &records, err) < 0)
            return -1;
        gauge_set(lag, group, name, list->elems[i].partition, records);
    }
    return 0;
}

/* A partition without an answer ends this topic's turn, not that of the others. */
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
    if (result == 0)
        return 0;
    lag->error = *err;
    return time_monotonic_ms() < lag->until_ms ? 0 : -1;
}

int lag_export_all(struct lag *lag, struct error *err)
{
    lag->error = (struct error){0};
    lag->until_ms = time_monotonic_ms() + LAG_ALL_MS;
    if (topics_each(lag->config, lag->client, topic_export, lag, err) < 0)
        return -1;
    *err = lag->error;
    return err->kind == ERROR_NONE ? 0 : -1;
}
