#include "common/kafka/topics.h"

#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>

#include "common/kafka/admin.h"
#include "common/kafka/client.h"
#include "common/memory.h"
#include "common/time.h"

#define DELAY_PREFIX "delay."
#define TIERS_ASK_MS 10000 /* also a worker's start waits for the answer */

/* Retention of what is read once (6 days) stays below the broker's own retention of offsets (7
 * days). */
#define SIX_DAYS        "cleanup.policy=delete retention.ms=518400000"
#define SETTINGS_OF_ALL "max.message.bytes=8388608"

const struct topic_row topic_rows[] = {
    {"plan", "plan", 1, "cleanup.policy=compact"},
    {"scan", "scan", 12, SIX_DAYS},
    {"events", "aggregate", 24, SIX_DAYS},
    {"state", NULL, 24,
     "cleanup.policy=compact segment.bytes=67108864 segment.ms=3600000 "
     "min.cleanable.dirty.ratio=0.1"},
    {"reports", "route", 12, SIX_DAYS},
    {"lookups", "route", 12, SIX_DAYS},
    {"deliveries.https", "https", 12, SIX_DAYS},
    {"deliveries.smtp", "smtp", 12, SIX_DAYS},
    {DELAY_PREFIX, "delay", 3, SIX_DAYS " message.timestamp.type=LogAppendTime"},
    {"outcomes", NULL, 12, "cleanup.policy=compact,delete retention.ms=7776000000"},
    {"suppressed", NULL, 1, "cleanup.policy=compact"},
    {"rejected", NULL, 6, "cleanup.policy=delete retention.ms=2592000000"},
    {NULL, NULL, 0, NULL},
};

/* ---- names and numbers ---- */

char *topics_delay_name(int64_t delay_ms)
{
    static const struct {
        int64_t ms;
        const char *unit;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}};
    for (size_t i = 0; i < NELEMS(units); i++)
        if (delay_ms % units[i].ms == 0)
            return mem_printf("%lld%s", (long long)(delay_ms / units[i].ms), units[i].unit);
    return mem_printf("%lldms", (long long)delay_ms);
}

int64_t topics_delay_ms(const char *name)
{
    int64_t delay_ms;
    struct error ignored;
    if (strncmp(name, DELAY_PREFIX, strlen(DELAY_PREFIX)) != 0 ||
        time_duration_parse(name + strlen(DELAY_PREFIX), &delay_ms, &ignored) < 0 || delay_ms == 0)
        return -1;
    char *tier = topics_delay_name(delay_ms);
    bool is_ours = strcmp(tier, name + strlen(DELAY_PREFIX)) == 0;
    free(tier);
    return is_ours ? delay_ms : -1;
}

static int duration_compare(const void *a, const void *b)
{
    const int64_t *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

int topics_delays(const struct config *config, struct text_list *names, struct error *err)
{
    const struct text_list *delays = config_list(config, "retry.delays");
    int64_t *sorted = mem_alloc((delays->count + 1) * sizeof(*sorted));
    for (size_t i = 0; i < delays->count; i++)
        if (time_duration_parse(delays->items[i], &sorted[i], err) < 0) {
            free(sorted);
            return -1;
        }
    qsort(sorted, delays->count, sizeof(*sorted), duration_compare);
    for (size_t i = 0; i < delays->count; i++) {
        if (i > 0 && sorted[i] == sorted[i - 1])
            continue;
        char *tier = topics_delay_name(sorted[i]);
        text_list_take(names, mem_printf(DELAY_PREFIX "%s", tier));
        free(tier);
    }
    free(sorted);
    return 0;
}

void topics_delays_add(struct text_list *names, const char *prefix, const char *topic)
{
    size_t length = strlen(prefix);
    if (strncmp(topic, prefix, length) != 0)
        return;
    const char *name = topic + length;
    if (topics_delay_ms(name) > 0 && !text_list_has(names, name))
        text_list_add(names, name, strlen(name));
}

static int delays_find(const struct config *config, rd_kafka_t *client, struct text_list *names,
                       struct error *err)
{
    const struct rd_kafka_metadata *all;
    rd_kafka_resp_err_t code = rd_kafka_metadata(client, 1, NULL, &all, TIERS_ASK_MS);
    if (code)
        return error_set(err, ERROR_RETRY, "kafka does not answer: %s", rd_kafka_err2str(code));
    for (int i = 0; i < all->topic_cnt; i++)
        topics_delays_add(names, config_text(config, "topics.prefix"), all->topics[i].topic);
    rd_kafka_metadata_destroy(all);
    return 0;
}

int topics_delays_all(const struct config *config, struct text_list *names, struct error *err)
{
    if (topics_delays(config, names, err) < 0)
        return -1;
    rd_kafka_t *client = client_reader(config, false, err);
    if (!client)
        return -1;
    int result = delays_find(config, client, names, err);
    rd_kafka_destroy(client);
    return result;
}

static const struct topic_row *row_find(const char *name)
{
    bool delay = strncmp(name, DELAY_PREFIX, strlen(DELAY_PREFIX)) == 0;
    for (const struct topic_row *row = topic_rows; row->name; row++)
        if (strcmp(row->name, delay ? DELAY_PREFIX : name) == 0)
            return row;
    return NULL;
}

/* topics.partitions has items like "events=24". */
static int32_t configured_partitions(const struct config *config, const char *name)
{
    const struct text_list *list = config_list(config, "topics.partitions");
    size_t length = strlen(name);
    for (size_t i = 0; i < list->count; i++)
        if (strncmp(list->items[i], name, length) == 0 && list->items[i][length] == '=')
            return (int32_t)strtol(list->items[i] + length + 1, NULL, 10);
    return -1;
}

int32_t topics_partitions(const struct config *config, const char *name)
{
    const struct topic_row *row = row_find(name);
    if (!row)
        return -1;
    /* a tally stands in the partition of its events: the two are one number */
    int32_t count = configured_partitions(config, strcmp(name, "state") == 0 ? "events" : name);
    return count > 0 ? count : row->partitions;
}

int topics_each(const struct config *config, rd_kafka_t *client,
                int (*visit)(void *context, const char *name, const struct topic_row *row,
                             struct error *err),
                void *context, struct error *err)
{
    struct text_list delays = {0};
    int result = topics_delays(config, &delays, err);
    if (result == 0)
        result = delays_find(config, client, &delays, err);
    for (const struct topic_row *row = topic_rows; result == 0 && row->name; row++) {
        bool delay = strcmp(row->name, DELAY_PREFIX) == 0;
        if (!delay)
            result = visit(context, row->name, row, err);
        for (size_t i = 0; delay && result == 0 && i < delays.count; i++)
            result = visit(context, delays.items[i], row, err);
    }
    text_list_free(&delays);
    return result;
}

/* ---- creating and checking ---- */

struct creation {
    const struct config *config;
    rd_kafka_t *client;
    bool accept_loss;
    FILE *out;
};

static void settings_split(const struct config *config, const struct topic_row *row,
                           struct text_list *settings)
{
    int64_t replication = config_integer(config, "topics.replication");
    char *all = mem_printf("%s %s min.insync.replicas=%d", row->settings, SETTINGS_OF_ALL,
                           replication >= 3 ? 2 : 1);
    char *rest = NULL; /* cleanup.policy has a comma of its own: blanks alone separate */
    for (char *item = strtok_r(all, " ", &rest); item; item = strtok_r(NULL, " ", &rest))
        text_list_add(settings, item, strlen(item));
    free(all);
}

static int topic_create(const struct creation *creation, const char *name, const char *topic,
                        const struct topic_row *row, struct error *err)
{
    char text[256];
    struct text_list settings = {0};
    int partitions = topics_partitions(creation->config, name);
    int replication = (int)config_integer(creation->config, "topics.replication");
    rd_kafka_NewTopic_t *request =
        rd_kafka_NewTopic_new(topic, partitions, replication, text, sizeof(text));
    if (!request)
        return error_set(err, ERROR_FATAL, "%s: %s", topic, text);
    settings_split(creation->config, row, &settings);
    for (size_t i = 0; i < settings.count; i++) {
        char *value = strchr(settings.items[i], '=');
        *value++ = '\0';
        rd_kafka_NewTopic_set_config(request, settings.items[i], value);
    }
    text_list_free(&settings);
    if (admin_topic_create(creation->client, request, err) < 0)
        return -1;
    fprintf(creation->out, "created %s partitions=%d replication=%d\n", topic, partitions,
            replication);
    return 0;
}

struct drift {
    const char *topic;
    const struct text_list *wanted;
    FILE *out;
};

static void drift_visit(void *context, const char *name, const char *value)
{
    const struct drift *drift = context;
    size_t length = strlen(name);
    for (size_t i = 0; i < drift->wanted->count; i++) {
        const char *item = drift->wanted->items[i];
        if (strncmp(item, name, length) == 0 && item[length] == '=' &&
            strcmp(item + length + 1, value) != 0)
            fprintf(drift->out, "drift %s %s is %s, wanted %s\n", drift->topic, name, value,
                    item + length + 1);
    }
}

static int topic_compare(const struct creation *creation, const char *name, const char *topic,
                         const struct topic_row *row, int32_t count, struct error *err)
{
    struct text_list settings = {0};
    struct drift drift = {topic, &settings, creation->out};
    if (count != topics_partitions(creation->config, name))
        fprintf(creation->out, "drift %s has %d partitions, wanted %d\n", topic, count,
                topics_partitions(creation->config, name));
    settings_split(creation->config, row, &settings);
    int result = admin_topic_settings(creation->client, topic, drift_visit, &drift, err);
    text_list_free(&settings);
    return result;
}

static int topic_visit(void *context, const char *name, const struct topic_row *row,
                       struct error *err)
{
    const struct creation *creation = context;
    int32_t count;
    char *topic = client_topic(creation->config, name);
    int result = client_partition_count(creation->client, topic, CLIENT_ASK_MS, &count, err);
    if (result == 0 && count == 0)
        result = topic_create(creation, name, topic, row, err);
    else if (result == 0)
        result = topic_compare(creation, name, topic, row, count, err);
    free(topic);
    return result;
}

/* ---- first offsets ---- */

/* Where the group begins, or an error that names what it would lose. */
static int offset_decide(const struct creation *creation, const char *group,
                         rd_kafka_topic_partition_t *one, bool *change, struct error *err)
{
    int64_t low, high;
    if (client_watermarks(creation->client, one->topic, one->partition, CLIENT_ASK_MS, &low, &high,
                          err) < 0)
        return -1;
    *change = one->offset < low || one->offset > high;
    if (one->offset < 0 &&
        high == 0) { /* nothing was ever written: nothing is lost or read twice */
        one->offset = 0;
        return 0;
    }
    if ((one->offset < 0 || one->offset > high) && !creation->accept_loss)
        return error_set(
            err, ERROR_FATAL,
            "group %s lost its place in %s/%d, which begins at %lld and ends before %lld: "
            "--accept-loss goes on at %lld and may read again what was read",
            group, one->topic, one->partition, (long long)low, (long long)high, (long long)low);
    if (*change && !creation->accept_loss)
        return error_set(err, ERROR_FATAL,
                         "group %s: records %lld to %lld of %s/%d are gone unread; --accept-loss "
                         "goes on at %lld",
                         group, (long long)one->offset, (long long)low - 1, one->topic,
                         one->partition, (long long)low);
    if (*change)
        one->offset = low;
    return 0;
}

static int offsets_decide(const struct creation *creation, const char *group,
                          rd_kafka_topic_partition_list_t *list,
                          rd_kafka_topic_partition_list_t *changes, struct error *err)
{
    for (int i = 0; i < list->cnt; i++) {
        bool change;
        rd_kafka_topic_partition_t *one = &list->elems[i];
        if (offset_decide(creation, group, one, &change, err) < 0)
            return -1;
        if (change)
            rd_kafka_topic_partition_list_add(changes, one->topic, one->partition)->offset =
                one->offset;
    }
    return 0;
}

static int group_begin(const struct creation *creation, const char *group, const char *topic,
                       int32_t partitions, struct error *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    rd_kafka_topic_partition_list_t *changes = rd_kafka_topic_partition_list_new(partitions);
    rd_kafka_topic_partition_list_add_range(list, topic, 0, partitions - 1);
    int result = admin_group_offsets(creation->client, group, list, err);
    if (result == 0)
        result = offsets_decide(creation, group, list, changes, err);
    if (result == 0 && changes->cnt > 0) {
        result = admin_group_offsets_set(creation->client, group, changes, err);
        if (result == 0)
            fprintf(creation->out, "group %s begins at %d partitions of %s\n", group, changes->cnt,
                    topic);
    }
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_topic_partition_list_destroy(changes);
    return result;
}

static int group_visit(void *context, const char *name, const struct topic_row *row,
                       struct error *err)
{
    const struct creation *creation = context;
    int32_t count = 0;
    char *group = row->group ? client_topic(creation->config, row->group) : NULL;
    char *topic = client_topic(creation->config, name);
    int result = client_partition_count(creation->client, topic, CLIENT_ASK_MS, &count, err);
    if (result == 0 && count == 0) /* a new topic may take a moment to be known everywhere */
        result = error_set(err, ERROR_RETRY, "%s is not known yet", topic);
    else if (result == 0 && group)
        result = group_begin(creation, group, topic, count, err);
    free(group);
    free(topic);
    return result;
}

/* A new topic's leaders may need a moment. Topics without a group are awaited too: a worker that is
 * started next would miss them. */
static int groups_begin(struct creation *creation, struct error *err)
{
    int64_t until = time_monotonic_ms() + CLIENT_ASK_MS;
    int result;
    do {
        result = topics_each(creation->config, creation->client, group_visit, creation, err);
        if (result < 0 && err->kind == ERROR_RETRY)
            rd_kafka_poll(creation->client, 200);
    } while (result < 0 && err->kind == ERROR_RETRY && time_monotonic_ms() < until);
    return result;
}

int topics_create(const struct config *config, bool accept_loss, FILE *out, struct error *err)
{
    struct creation creation = {config, client_reader(config, false, err), accept_loss, out};
    if (!creation.client)
        return -1;
    int result = topics_each(config, creation.client, topic_visit, &creation, err);
    if (result == 0)
        result = groups_begin(&creation, err);
    rd_kafka_destroy(creation.client);
    return result;
}
