#include "common/kafka/worker.h"

#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utlist.h>

#include "common/backoff.h"
#include "common/kafka/client.h"
#include "common/kafka/ledger.h"
#include "common/kafka/table.h"
#include "common/kafka/topics.h"
#include "common/kafka/transaction.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/metrics.h"
#include "common/program.h"
#include "common/shutdown.h"
#include "common/time.h"

#define TURN_RECORDS 2000 /* at most, between two looks at the clock */
#define TURN_MS      500  /* a turn comes at least this often */
#define TABLE_MS     100  /* of a turn, while a table is read */
#define START_ASK_MS 10000
#define LAG_EVERY_MS 5000
#define LAG_ASK_MS   1000
#define ABORT_PAUSE_MIN_MS                                                                         \
    200 /* between an abort and the next try, for the rebalance that may have caused it */
#define ABORT_PAUSE_MAX_MS 10000 /* when the aborts go on */
#define TRANSACTION_MS                                                                             \
    "20000" /* a dead owner's open transaction blocks the take-over that long                      \
             */

struct output_topic {
    const char *name;
    int32_t partitions;
};

struct worker {
    const struct worker_spec *spec;
    const struct config *config;
    const char *prefix;
    char *group;
    rd_kafka_t *consumer;
    rd_kafka_t *producer;
    rd_kafka_t *probe; /* read_uncommitted: end offsets for lag */
    struct table *table;
    struct ledger ledger;
    struct output_topic *topics;
    size_t topic_count;
    int wake_fd;
    int64_t tick_ms;
    int64_t committed_at_ms; /* monotonic, like the others */
    int64_t not_before_ms;   /* of the next commit, after an abort */
    int64_t aborting_ms;     /* since when transactions abort; 0: the last one did not */
    int64_t lag_at_ms;
    bool joined; /* the group gave this process its partitions, be it none */
    bool commit_soon;
    bool closing; /* librdkafka throws away what it had fetched, but its position still steps over
                     the markers behind it: from here on it says nothing about what was read */
    bool failed;  /* with `error`: a callback of librdkafka cannot return it */
    struct error error;
    struct error refusal; /* of the producer, see transaction.h */
};

static int fail(struct worker *worker, const struct error *err)
{
    if (!worker->failed)
        worker->error = *err;
    worker->failed = true;
    return -1;
}

/* ---- what jobs call ---- */

void record_output(struct record *record, struct message *message)
{
    message_list_add(&record->outputs, message);
}

static struct worker *record_worker(struct record *record);

void record_finish(struct record *record)
{
    struct worker *worker = record_worker(record);
    if (!record_is_lost(record)) /* its next owner counts it */
        metrics_add("tlsrpt_records_total", 1, worker->spec->job, NULL);
    ledger_finish(&worker->ledger, record);
}

void record_abandon(struct record *record)
{
    struct worker *worker = record_worker(record);
    ledger_abandon(&worker->ledger, record);
}

bool record_is_lost(const struct record *record)
{
    return !record->home;
}

size_t record_ahead_bytes(const struct record *record)
{
    return record->home ? record->home->ahead_bytes : 0;
}

/* A worker is one thread; its records find it here. */
static _Thread_local struct worker *this_worker;

static struct worker *record_worker(struct record *record)
{
    if (!this_worker)
        log_panic("record %lld finished outside its worker's thread", (long long)record->offset);
    return this_worker;
}

void worker_emit(struct worker *worker, const char *topic, int32_t partition,
                 struct message_list *list)
{
    struct ledger_partition *home = ledger_find(&worker->ledger, topic, partition);
    if (!home)
        log_panic("output for %s/%d, which is not assigned", topic, partition);
    ledger_emit(&worker->ledger, home, list);
}

void worker_commit_soon(struct worker *worker)
{
    worker->commit_soon = true;
}

bool worker_is_full(const struct worker *worker)
{
    return worker->ledger.output_count >= WORKER_OUTPUTS_MAX ||
           worker->ledger.output_bytes >= WORKER_BYTES_MAX;
}

int32_t worker_partition_count(const struct worker *worker, const char *topic)
{
    for (size_t i = 0; i < worker->topic_count; i++)
        if (strcmp(worker->topics[i].name, topic) == 0)
            return worker->topics[i].partitions;
    log_panic("job %s did not declare the topic %s", worker->spec->job, topic);
}

/* ---- committing ---- */

static void position_refresh(struct worker *worker, struct ledger_partition *home)
{
    char *topic = mem_printf("%s%s", worker->prefix, home->topic);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, home->partition);
    if (!rd_kafka_position(worker->consumer, list) && list->elems[0].offset >= 0)
        home->position = list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    free(topic);
}

static void positions_refresh(struct worker *worker)
{
    struct ledger_partition *home;
    DL_FOREACH(worker->ledger.partitions, home)
    {
        position_refresh(worker, home);
    }
}

static bool something_to_commit(const struct worker *worker)
{
    const struct ledger_partition *home;
    if (worker->ledger.units)
        return true;
    DL_FOREACH(worker->ledger.partitions, home)
    {
        if (ledger_frontier(home) > home->committed)
            return true;
    }
    return false;
}

static void aborted(struct worker *worker, const struct error *err)
{
    log_warn("transaction aborted", log_text("job", worker->spec->job),
             log_text("error", err->text));
    metrics_add("tlsrpt_transactions_aborted_total", 1, worker->spec->job, NULL);
    int64_t now_ms = time_monotonic_ms();
    if (worker->aborting_ms == 0)
        worker->aborting_ms = now_ms;
    worker->not_before_ms = now_ms + backoff_delay_ms(now_ms - worker->aborting_ms,
                                                      ABORT_PAUSE_MIN_MS, ABORT_PAUSE_MAX_MS);
}

/* One transaction. 0 also when there was nothing to do. ERROR_RETRY: aborted, what it held still
 * waits. */
static int commit_once(struct worker *worker, struct error *err)
{
    struct transaction transaction = {worker->producer, worker->consumer, worker->prefix};
    worker->commit_soon = false;
    worker->committed_at_ms = time_monotonic_ms();
    if (!worker->closing)
        positions_refresh(worker);
    if (worker->spec->prepare)
        worker->spec->prepare(worker->spec->context);
    if (!something_to_commit(worker))
        return 0;
    size_t units = ledger_take(&worker->ledger, WORKER_OUTPUTS_MAX, WORKER_BYTES_MAX);
    if (transaction_run(&transaction, &worker->ledger, units, err) < 0)
        return -1;
    ledger_committed(&worker->ledger, units);
    worker->aborting_ms = 0;
    metrics_add("tlsrpt_transactions_total", 1, worker->spec->job, NULL);
    worker->commit_soon = worker->commit_soon || worker->ledger.units;
    return 0;
}

static bool commit_is_due(const struct worker *worker, int64_t now_ms)
{
    if (now_ms < worker->not_before_ms || !worker->ledger.partitions)
        return false;
    return worker->commit_soon || worker_is_full(worker) ||
           now_ms - worker->committed_at_ms >= worker->spec->commit_ms;
}

static int commit_when_due(struct worker *worker)
{
    struct error err;
    if (!commit_is_due(worker, time_monotonic_ms()) || commit_once(worker, &err) == 0)
        return 0;
    if (err.kind != ERROR_RETRY)
        return fail(worker, &err);
    aborted(worker, &err);
    return 0;
}

/* Before partitions go: all of the finished prefix, in as many transactions as it takes. */
static void commit_rest(struct worker *worker)
{
    struct error err;
    do {
        if (commit_once(worker, &err) == 0)
            continue;
        if (err.kind == ERROR_RETRY)
            aborted(worker, &err);
        else
            fail(worker, &err);
        return; /* the next owner reads it again */
    } while (worker->ledger.units);
}

/* ---- partitions come and go ---- */

static void pausing(struct worker *worker, struct ledger_partition *home, bool pause)
{
    if (home->paused == pause) /* librdkafka counts a second resume as a seek */
        return;
    char *topic = mem_printf("%s%s", worker->prefix, home->topic);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, home->partition);
    if (pause)
        rd_kafka_pause_partitions(worker->consumer, list);
    else
        rd_kafka_resume_partitions(worker->consumer, list);
    home->paused = pause;
    rd_kafka_topic_partition_list_destroy(list);
    free(topic);
}

/* Waits for the last owner's transaction to be decided: that is what makes the table's end the
 * truth. */
static int committed_ask(struct worker *worker, rd_kafka_topic_partition_list_t *list,
                         struct error *err)
{
    rd_kafka_resp_err_t code;
    do
        code = rd_kafka_committed(worker->consumer, list, CLIENT_ASK_MS);
    while (code && !shutdown_requested() && !rd_kafka_assignment_lost(worker->consumer));
    return code ? client_error(err, code, "committed offsets") : 0;
}

static int offset_check(struct worker *worker, const rd_kafka_topic_partition_t *one,
                        struct error *err)
{
    int64_t low, high;
    if (one->offset < 0)
        return error_set(err, ERROR_FATAL,
                         "group %s has no offset for %s/%d: `tlsrpt-producer topics` decides where "
                         "it begins",
                         worker->group, one->topic, one->partition);
    if (client_watermarks(worker->probe, one->topic, one->partition, CLIENT_ASK_MS, &low, &high,
                          err) < 0)
        return -1;
    if (one->offset > high)
        return error_set(err, ERROR_FATAL,
                         "group %s stands at %lld of %s/%d, beyond its end %lld: "
                         "`tlsrpt-producer topics --accept-loss` decides",
                         worker->group, (long long)one->offset, one->topic, one->partition,
                         (long long)high);
    if (one->offset >= low)
        return 0;
    return error_set(err, ERROR_FATAL,
                     "group %s: records %lld to %lld of %s/%d expired before they were read: "
                     "`tlsrpt-producer topics --accept-loss` goes on without them",
                     worker->group, (long long)one->offset, (long long)low - 1, one->topic,
                     one->partition);
}

static int offsets_check(struct worker *worker, const rd_kafka_topic_partition_list_t *list,
                         struct error *err)
{
    for (int i = 0; i < list->cnt; i++)
        if (offset_check(worker, &list->elems[i], err) < 0)
            return -1;
    return 0;
}

static const char *input_name(const struct worker *worker, const char *topic)
{
    for (const char *const *name = worker->spec->topics; *name; name++)
        if (strcmp(*name, topic + strlen(worker->prefix)) == 0)
            return *name;
    log_panic("assigned %s, which job %s does not read", topic, worker->spec->job);
}

static void partition_ready(struct worker *worker, struct ledger_partition *home)
{
    home->ready = true;
    pausing(worker, home, false);
    if (worker->spec->assigned)
        worker->spec->assigned(worker->spec->context, home->topic, home->partition);
}

/* Input stays paused until the partition's table was read. */
static int partition_take(struct worker *worker, const rd_kafka_topic_partition_t *one,
                          struct error *err)
{
    struct ledger_partition *home =
        ledger_assign(&worker->ledger, input_name(worker, one->topic), one->partition, one->offset);
    if (!worker->table) {
        partition_ready(worker, home);
        return 0;
    }
    pausing(worker, home, true);
    int result;
    do
        result = table_begin(worker->table, one->partition, err);
    while (result < 0 && err->kind == ERROR_RETRY && !shutdown_requested());
    return result;
}

static int partitions_take(struct worker *worker, rd_kafka_topic_partition_list_t *list,
                           struct error *err)
{
    if (committed_ask(worker, list, err) < 0 || offsets_check(worker, list, err) < 0)
        return -1;
    rd_kafka_resp_err_t code = rd_kafka_assign(worker->consumer, list);
    if (code)
        return client_error(err, code, "assign");
    for (int i = 0; i < list->cnt; i++)
        if (partition_take(worker, &list->elems[i], err) < 0)
            return -1;
    worker->joined = true;
    log_info("assigned", log_text("job", worker->spec->job), log_number("partitions", list->cnt));
    return 0;
}

static void job_wait(const struct worker *worker, int64_t timeout_ms)
{
    if (worker->spec->wait)
        worker->spec->wait(worker->spec->context, worker->wake_fd, timeout_ms);
}

static void job_drain(struct worker *worker)
{
    int64_t deadline_ms = time_monotonic_ms() + config_duration_ms(worker->config, "drain");
    if (!worker->spec->drain)
        return;
    while (!worker->spec->drain(worker->spec->context, deadline_ms) &&
           time_monotonic_ms() < deadline_ms)
        job_wait(worker, 50);
}

static void partition_forget(struct worker *worker, struct ledger_partition *home)
{
    /* librdkafka keeps a pause beyond the assignment: should the partition come back, nobody would
     * resume it */
    pausing(worker, home, false);
    if (worker->table)
        table_forget(worker->table, home->partition);
    if (worker->spec->revoked)
        worker->spec->revoked(worker->spec->context, home->topic, home->partition);
    char *number = mem_printf("%d", home->partition);
    metrics_forget("tlsrpt_lag_records", worker->group, home->topic, number, NULL);
    free(number);
    ledger_forget(&worker->ledger, home);
}

/* All of them: the assignor is eager. */
static void partitions_give_up(struct worker *worker)
{
    bool lost = rd_kafka_assignment_lost(worker->consumer) || worker->failed;
    if (worker->ledger.partitions && !lost) {
        job_drain(worker);
        commit_rest(worker);
    }
    while (worker->ledger.partitions)
        partition_forget(worker, worker->ledger.partitions);
    worker->joined = false;
    worker->aborting_ms = 0; /* what was aborted last is forgotten with them */
    rd_kafka_assign(worker->consumer, NULL);
    log_info(lost ? "lost" : "revoked", log_text("job", worker->spec->job));
}

static void on_rebalance(rd_kafka_t *consumer, rd_kafka_resp_err_t code,
                         rd_kafka_topic_partition_list_t *list, void *opaque)
{
    struct worker *worker = opaque;
    struct error err = {0};
    if (code != RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        partitions_give_up(worker);
        return;
    }
    if (worker->failed || worker->closing || partitions_take(worker, list, &err) < 0) {
        while (worker->ledger.partitions)
            partition_forget(worker, worker->ledger.partitions);
        rd_kafka_assign(consumer, NULL);
        if (!worker->failed && !shutdown_requested()) {
            err.kind = err.kind == ERROR_RETRY ? ERROR_FATAL : err.kind;
            fail(worker, &err);
        }
    }
}

/* ---- reading ---- */

static int consumer_trouble(struct worker *worker, const rd_kafka_message_t *message)
{
    struct error err;
    char text[256] = "";
    const char *what = rd_kafka_message_errstr(message);
    rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(worker->consumer, text, sizeof(text));
    if (fatal)
        error_set(&err, ERROR_FATAL, "consumer: %s", text);
    else if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET)
        error_set(&err, ERROR_FATAL,
                  "group %s lost its place: %s: `tlsrpt-producer topics --accept-loss` decides",
                  worker->group, what);
    else if (message->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
             message->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
             message->err == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED)
        error_set(&err, ERROR_FATAL, "consumer: %s", what);
    else {
        log_warn("kafka", log_text("job", worker->spec->job), log_text("error", what));
        return 0; /* librdkafka tries again by itself */
    }
    return fail(worker, &err);
}

/* At once, or the rest of this turn would pile up behind the oldest unfinished record. */
static void pause_when_ahead(struct worker *worker, struct ledger_partition *home)
{
    if (home->record_count >= WORKER_AHEAD_RECORDS || home->ahead_bytes >= WORKER_AHEAD_BYTES)
        pausing(worker, home, true);
}

/* Takes message. */
static int message_admit(struct worker *worker, rd_kafka_message_t *message)
{
    struct error err;
    const char *topic = input_name(worker, rd_kafka_topic_name(message->rkt));
    struct ledger_partition *home = ledger_find(&worker->ledger, topic, message->partition);
    if (!home) {
        rd_kafka_message_destroy(message);
        return 0;
    }
    struct record *record = record_new(home->topic, message);
    pause_when_ahead(worker, home);
    if (!ledger_admit(&worker->ledger, home, record))
        return 0;
    if (worker->spec->record(worker->spec->context, record, &err) < 0)
        return fail(worker, &err);
    return 0;
}

static int message_take(struct worker *worker, rd_kafka_message_t *message)
{
    if (!message->err)
        return message_admit(worker, message);
    int result = consumer_trouble(worker, message);
    rd_kafka_message_destroy(message);
    return result;
}

static bool turn_is_full(const struct worker *worker)
{
    return worker->failed || worker->commit_soon || worker_is_full(worker);
}

static int messages_take(struct worker *worker, int64_t timeout_ms)
{
    for (int i = 0; i < TURN_RECORDS; i++) {
        rd_kafka_message_t *message =
            rd_kafka_consumer_poll(worker->consumer, i == 0 ? (int)timeout_ms : 0);
        if (worker->failed || (message && message_take(worker, message) < 0))
            return -1;
        if (!message || turn_is_full(worker))
            return 0;
    }
    return 0;
}

static int restore_visit(void *context, struct record *record, struct error *err)
{
    const struct worker *worker = context;
    if (!record->key)
        return error_set(err, ERROR_FATAL, "%s/%d/%lld has no key", record->topic,
                         record->partition, (long long)record->offset);
    return worker->spec->restore(worker->spec->context, record->partition, record->key,
                                 record->key_bytes, record->value, record->value_bytes, err);
}

static bool tables_are_read(const struct worker *worker)
{
    const struct ledger_partition *home;
    DL_FOREACH(worker->ledger.partitions, home)
    {
        if (!home->ready)
            return false;
    }
    return true;
}

static int table_step(struct worker *worker)
{
    struct error err;
    struct ledger_partition *home;
    if (tables_are_read(worker))
        return 0;
    if (table_poll(worker->table, TABLE_MS, restore_visit, worker, &err) < 0 &&
        err.kind != ERROR_RETRY)
        return fail(worker, &err);
    DL_FOREACH(worker->ledger.partitions, home)
    {
        if (!home->ready && table_is_complete(worker->table, home->partition))
            partition_ready(worker, home);
    }
    return 0;
}

static void flow_control(struct worker *worker)
{
    struct ledger_partition *home;
    DL_FOREACH(worker->ledger.partitions, home)
    {
        if (home->ready && home->record_count <= WORKER_AHEAD_RECORDS / 2 &&
            home->ahead_bytes <= WORKER_AHEAD_BYTES / 2)
            pausing(worker, home, false);
    }
}

/* ---- being seen ---- */

static int64_t partition_lag(struct worker *worker, const struct ledger_partition *home)
{
    int64_t low, high;
    struct error err;
    char *topic = mem_printf("%s%s", worker->prefix, home->topic);
    int result =
        client_watermarks(worker->probe, topic, home->partition, LAG_ASK_MS, &low, &high, &err);
    free(topic);
    return result < 0 ? -1 : high > home->committed ? high - home->committed : 0;
}

/* Records, and the age of the oldest unfinished one. */
static void lag_export(struct worker *worker, int64_t now_ms)
{
    struct ledger_partition *home;
    int64_t oldest_ms = time_now_ms(), wall_ms = oldest_ms;
    if (now_ms - worker->lag_at_ms < LAG_EVERY_MS)
        return;
    worker->lag_at_ms = now_ms;
    DL_FOREACH(worker->ledger.partitions, home)
    {
        int64_t lag = partition_lag(worker, home);
        if (lag < 0)
            return; /* the broker is away: the last figures stand */
        char *number = mem_printf("%d", home->partition);
        metrics_set("tlsrpt_lag_records", lag, worker->group, home->topic, number, NULL);
        free(number);
        int64_t since_ms = ledger_waits_since_ms(home, lag, wall_ms);
        if (since_ms > 0 && since_ms < oldest_ms)
            oldest_ms = since_ms;
    }
    metrics_set("tlsrpt_lag_seconds", (wall_ms - oldest_ms) / 1000, worker->group, NULL);
}

/* ---- the loop ---- */

static int64_t turn_timeout(const struct worker *worker, int64_t now_ms)
{
    int64_t timeout_ms = worker->tick_ms < TURN_MS ? worker->tick_ms : TURN_MS;
    int64_t commit_ms = worker->committed_at_ms + worker->spec->commit_ms - now_ms;
    bool any = worker->ledger.partitions != NULL; /* without them nothing is ever due */
    if (any && commit_ms < timeout_ms)
        timeout_ms = commit_ms;
    if (!tables_are_read(worker)) /* input is paused meanwhile: only table_step() has to wait */
        timeout_ms = 0;
    return timeout_ms > 0 && !(any && worker->commit_soon) ? timeout_ms : 0;
}

static void wake_clear(const struct worker *worker)
{
    uint64_t ignored;
    if (read(worker->wake_fd, &ignored, sizeof(ignored)) < 0)
        return; /* nothing was in it */
}

static int turn(struct worker *worker)
{
    int64_t timeout_ms = turn_timeout(worker, time_monotonic_ms());
    if (worker->spec->wait) {
        job_wait(worker, timeout_ms);
        wake_clear(worker);
        timeout_ms = 0;
    }
    if (messages_take(worker, timeout_ms) < 0 || table_step(worker) < 0)
        return -1;
    worker->tick_ms =
        worker->spec->tick ? worker->spec->tick(worker->spec->context, time_now_ms()) : TURN_MS;
    flow_control(worker);
    if (commit_when_due(worker) < 0)
        return -1;
    lag_export(worker, time_monotonic_ms());
    program_ready(worker->spec->job, worker->joined && tables_are_read(worker));
    return 0;
}

/* ---- start and end ---- */

static int topic_check(struct worker *worker, const char *name, struct error *err)
{
    int32_t count;
    char *topic = client_topic(worker->config, name);
    int result = client_partition_count(worker->probe, topic, START_ASK_MS, &count, err);
    if (result < 0)
        err->kind = ERROR_FATAL; /* whoever started us tries again */
    else if (count == 0)
        result =
            error_set(err, ERROR_FATAL, "there is no topic %s: run tlsrpt-producer topics", topic);
    else if (count != topics_partitions(worker->config, name))
        result = error_set(err, ERROR_CONFIG, "%s has %d partitions, but topics.partitions says %d",
                           topic, count, topics_partitions(worker->config, name));
    free(topic);
    if (result < 0)
        return -1;
    worker->topics = mem_resize(worker->topics, worker->topic_count + 1, sizeof(*worker->topics));
    worker->topics[worker->topic_count++] = (struct output_topic){name, count};
    return 0;
}

static int topics_check(struct worker *worker, struct error *err)
{
    for (const char *const *name = worker->spec->topics; *name; name++)
        if (topic_check(worker, *name, err) < 0)
            return -1;
    for (const char *const *name = worker->spec->outputs; *name; name++)
        if (topic_check(worker, *name, err) < 0)
            return -1;
    return 0;
}

static rd_kafka_t *producer_new(struct worker *worker, struct error *err)
{
    char *instance = client_instance(worker->config);
    char *id = mem_printf("%s.%s", worker->group, instance);
    const struct client_setting settings[] = {
        {"transactional.id", id},
        {"transaction.timeout.ms", TRANSACTION_MS},
        {"linger.ms", "5"},
        {"compression.type", "lz4"},
        {"partitioner", "murmur2_random"}, /* Java's */
        {NULL, NULL},
    };
    rd_kafka_conf_t *conf = client_conf(worker->config, settings, NULL, err);
    if (conf)
        transaction_conf(conf, &worker->refusal);
    rd_kafka_t *producer = client_new(RD_KAFKA_PRODUCER, conf, err);
    free(instance);
    free(id);
    return producer;
}

static rd_kafka_t *consumer_new(struct worker *worker, struct error *err)
{
    const char *instance = config_text(worker->config, "instance");
    const struct client_setting settings[] = {
        {"group.id", worker->group},
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"auto.offset.reset", "error"},
        {"isolation.level", "read_committed"},
        {"partition.assignment.strategy", "range"},
        {worker->spec->static_membership && instance ? "group.instance.id" : NULL,
         instance}, /* or the end */
        {NULL, NULL},
    };
    rd_kafka_conf_t *conf = client_conf(worker->config, settings, worker, err);
    if (conf)
        rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    return client_new(RD_KAFKA_CONSUMER, conf, err);
}

static int subscribe(struct worker *worker, struct error *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
    for (const char *const *name = worker->spec->topics; *name; name++) {
        char *topic = client_topic(worker->config, *name);
        rd_kafka_topic_partition_list_add(list, topic, RD_KAFKA_PARTITION_UA);
        free(topic);
    }
    rd_kafka_resp_err_t code = rd_kafka_subscribe(worker->consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code ? client_error(err, code, "subscribe") : 0;
}

/* So that a job's own wait ends when Kafka has something. */
static void wake_connect(struct worker *worker)
{
    static const uint64_t one = 1;
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(worker->consumer);
    rd_kafka_queue_io_event_enable(queue, worker->wake_fd, &one, sizeof(one));
    rd_kafka_queue_destroy(queue);
}

static int worker_start(struct worker *worker, struct error *err)
{
    const struct worker_spec *spec = worker->spec;
    worker->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (worker->wake_fd < 0)
        return error_set(err, ERROR_FATAL, "eventfd: %s", strerror(errno));
    worker->probe = client_reader(worker->config, false, err);
    if (!worker->probe || topics_check(worker, err) < 0)
        return -1;
    if (spec->table) {
        worker->table = table_new(worker->config, spec->table, err);
        if (!worker->table)
            return -1;
    }
    worker->producer = producer_new(worker, err);
    if (!worker->producer || transaction_init(worker->producer, err) < 0)
        return -1;
    worker->consumer = consumer_new(worker, err);
    if (!worker->consumer)
        return -1;
    wake_connect(worker);
    if (spec->started)
        spec->started(spec->context, worker);
    return subscribe(worker, err);
}

/* The reverse of start: leaving the group gives up the partitions, which drains and commits. */
static void worker_stop(struct worker *worker)
{
    worker->closing = true;
    if (worker->consumer) {
        rd_kafka_consumer_close(worker->consumer);
        ledger_free(&worker->ledger); /* its orphans hold messages of the consumer */
        rd_kafka_destroy(worker->consumer);
    }
    if (worker->producer)
        rd_kafka_destroy(worker->producer);
    table_free(&worker->table);
    if (worker->probe)
        rd_kafka_destroy(worker->probe);
    if (worker->wake_fd >= 0)
        close(worker->wake_fd);
    free(worker->topics);
    free(worker->group);
}

int worker_run(const struct config *config, const struct worker_spec *spec, struct error *err)
{
    struct worker worker = {.spec = spec, .config = config, .wake_fd = -1};
    worker.prefix = config_text(config, "topics.prefix");
    worker.group = client_topic(config, spec->job);
    this_worker = &worker;
    if (worker_start(&worker, err) < 0 && !shutdown_requested()) /* a stop ends the waiting too */
        fail(&worker, err);
    while (!worker.failed && !shutdown_requested())
        if (turn(&worker) < 0)
            break;
    if (worker.failed) { /* leaving may hang: from here on the watchdog counts */
        program_ready(spec->job, false);
        shutdown_request();
    }
    worker_stop(&worker);
    this_worker = NULL;
    if (worker.failed)
        *err = worker.error;
    return worker.failed ? -1 : 0;
}
