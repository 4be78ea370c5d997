/* copy: three small jobs over the loop, to be harmed at random: what the loop promises must hold
 * without any rule of mail.
 *
 * spread: reads `deliveries.smtp` and writes each record to `reports` and `events`, so that the
 *         other two read what transactions wrote, markers and aborted records among it.
 * copy:   reads `reports`, holds each record for some random ms (so that they finish out of order,
 *         as transfers do), and writes two copies of it to `deliveries.https`. Now and then a turn
 *         takes long, as a busy job's does, so that librdkafka has fetched what nobody has read.
 * count:  reads `events`, counts the records of each key in memory, keeps the counts in `state`.
 *
 * Two negative controls break a promise on purpose, so that the account can be seen to fail:
 * COPY_BREAK=early  copy hands an output out before its record is finished
 * COPY_BREAK=table  count does not restore its table */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "common/kafka/worker.h"
#include "common/memory.h"
#include "common/program.h"
#include "common/time.h"

static bool broken(const char *how)
{
    const char *wish = getenv("COPY_BREAK");
    return wish && strcmp(wish, how) == 0;
}

/* ---- spread ---- */

static int spread_record(void *context, struct record *record, struct error *err)
{
    (void)context;
    (void)err;
    record_output(record, record_forward(record, "reports"));
    record_output(record, record_forward(record, "events"));
    record_finish(record);
    return 0;
}

static int spread_run(const struct config *config, struct error *err)
{
    static const char *const inputs[] = {"deliveries.smtp", NULL};
    static const char *const outputs[] = {"reports", "events", NULL};
    const struct worker_spec spec = {
        .job = "smtp",
        .topics = inputs,
        .outputs = outputs,
        .commit_ms = 50, /* short, for many markers */
        .record = spread_record,
    };
    return worker_run(config, &spec, err);
}

/* ---- copy ---- */

#define BUSY_US 300000

struct held {
    struct record *record;
    int64_t until_ms;
    struct held *prev, *next;
};

struct copy {
    struct worker *worker;
    struct held *held;
};

static void copy_started(void *context, struct worker *worker)
{
    struct copy *copy = context;
    copy->worker = worker;
}

static struct message *copy_of(struct record *record, const char *name)
{
    struct message *message = record_forward(record, "deliveries.https");
    message_header(message, "copy", name);
    return message;
}

static int copy_record(void *context, struct record *record, struct error *err)
{
    (void)err;
    struct copy *copy = context;
    struct held *held = mem_alloc(sizeof(*held));
    held->record = record;
    held->until_ms = time_monotonic_ms() + random() % 600;
    DL_APPEND(copy->held, held);
    if (broken("early")) {
        struct message_list list = {0};
        message_list_add(&list, copy_of(record, "a"));
        worker_emit(copy->worker, record_topic(record), record_partition(record), &list);
    }
    return 0;
}

static void held_finish(struct copy *copy, struct held *held)
{
    if (!broken("early"))
        record_output(held->record, copy_of(held->record, "a"));
    record_output(held->record, copy_of(held->record, "b"));
    record_finish(held->record);
    DL_DELETE(copy->held, held);
    free(held);
}

static int64_t copy_tick(void *context, int64_t now_ms)
{
    (void)now_ms;
    struct copy *copy = context;
    struct held *held, *following;
    if (copy->held && random() % 10 == 0)
        usleep(BUSY_US);
    DL_FOREACH_SAFE(copy->held, held, following)
    {
        if (held->until_ms <= time_monotonic_ms())
            held_finish(copy, held);
    }
    return copy->held ? 5 : 1000;
}

static bool copy_drain(void *context, int64_t deadline_ms)
{
    (void)deadline_ms;
    copy_tick(context, 0);
    struct copy *copy = context;
    return !copy->held;
}

static int copy_run(const struct config *config, struct error *err)
{
    static const char *const inputs[] = {"reports", NULL};
    static const char *const outputs[] = {"deliveries.https", NULL};
    struct copy copy = {0};
    const struct worker_spec spec = {
        .job = "route",
        .topics = inputs,
        .outputs = outputs,
        .commit_ms = 100,
        .context = &copy,
        .started = copy_started,
        .record = copy_record,
        .tick = copy_tick,
        .drain = copy_drain,
    };
    return worker_run(config, &spec, err);
}

/* ---- count ---- */

struct counter {
    int32_t partition;
    char *key;
    int64_t count;
    bool touched;
    struct counter *prev, *next;
};

struct count {
    struct worker *worker;
    struct counter *counters;
};

static void count_started(void *context, struct worker *worker)
{
    struct count *count = context;
    count->worker = worker;
}

static struct counter *counter_get(struct count *count, int32_t partition, const char *key,
                                   size_t key_bytes)
{
    struct counter *counter;
    DL_FOREACH(count->counters, counter)
    {
        if (counter->partition == partition && strlen(counter->key) == key_bytes &&
            memcmp(counter->key, key, key_bytes) == 0)
            return counter;
    }
    counter = mem_alloc(sizeof(*counter));
    counter->partition = partition;
    counter->key = mem_copy(key, key_bytes);
    DL_APPEND(count->counters, counter);
    return counter;
}

static int count_restore(void *context, int32_t partition, const char *key, size_t key_bytes,
                         const char *value, size_t value_bytes, struct error *err)
{
    (void)err;
    char *text = mem_copy(value, value_bytes);
    if (!broken("table"))
        counter_get(context, partition, key, key_bytes)->count = strtoll(text, NULL, 10);
    free(text);
    return 0;
}

static int count_record(void *context, struct record *record, struct error *err)
{
    (void)err;
    size_t key_bytes;
    const char *key = record_key(record, &key_bytes);
    struct counter *counter = counter_get(context, record_partition(record), key, key_bytes);
    counter->count++;
    counter->touched = true;
    record_finish(record);
    return 0;
}

static struct message *snapshot(struct counter *counter)
{
    struct message *message = message_new("state", counter->partition);
    message_key(message, counter->key);
    message_value_take(message, mem_printf("%lld", (long long)counter->count));
    counter->touched = false;
    return message;
}

/* A partition's snapshots are one unit: its offset must not go out before all of them. */
static void partition_prepare(struct count *count, int32_t partition)
{
    struct message_list list = {0};
    struct counter *counter;
    DL_FOREACH(count->counters, counter)
    {
        if (counter->partition == partition && counter->touched)
            message_list_add(&list, snapshot(counter));
    }
    if (list.count > 0)
        worker_emit(count->worker, "events", partition, &list);
}

static void count_prepare(void *context)
{
    struct count *count = context;
    for (int32_t i = 0; i < worker_partition_count(count->worker, "events"); i++)
        partition_prepare(count, i);
}

static void count_revoked(void *context, const char *topic, int32_t partition)
{
    (void)topic;
    struct count *count = context;
    struct counter *counter, *following;
    DL_FOREACH_SAFE(count->counters, counter, following)
    {
        if (counter->partition != partition)
            continue;
        DL_DELETE(count->counters, counter);
        free(counter->key);
        free(counter);
    }
}

static int count_run(const struct config *config, struct error *err)
{
    static const char *const inputs[] = {"events", NULL};
    static const char *const outputs[] = {"state", NULL};
    struct count count = {0};
    const struct worker_spec spec = {
        .job = "aggregate",
        .topics = inputs,
        .outputs = outputs,
        .static_membership = true,
        .table = "state",
        .commit_ms = 200,
        .context = &count,
        .started = count_started,
        .restore = count_restore,
        .record = count_record,
        .prepare = count_prepare,
        .revoked = count_revoked,
    };
    return worker_run(config, &spec, err);
}

int main(int argc, char **argv)
{
    static const struct job jobs[] = {
        {"spread", spread_run}, {"copy", copy_run}, {"count", count_run}, {NULL, NULL}};
    static const struct program program = {
        .name = "copy", .config = CONFIG_AGGREGATOR, .jobs = jobs};
    return program_main(argc, argv, &program);
}
