#include "tests/support/fake_worker.h"

#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/kafka/ledger.h"
#include "common/memory.h"
#include "common/time.h"
#include "tests/support/unit.h"

#define WAIT_MS 10 /* of one turn */

struct fake_worker {
    const struct worker_spec *spec;
    bool commit_soon;
    struct ledger ledger;
    size_t most_bytes; /* that ever waited for a commit */
    int32_t partitions;
    int64_t now_ms; /* 0: the real time */
    int wake_fd;
};

/* What fake_worker_run() tells worker_run(), which the job calls. */
static _Thread_local struct {
    void (*script)(struct fake_worker *fake, void *context);
    void *context;
} play;

static _Thread_local struct fake_worker *playing;

void fake_worker_run(int (*job)(const struct config *config, struct error *err),
                     const struct config *config,
                     void (*script)(struct fake_worker *fake, void *context), void *context)
{
    struct error err;
    play.script = script;
    play.context = context;
    if (job(config, &err) < 0)
        fail_msg("the job failed: %s", err.text);
}

int worker_run(const struct config *config, const struct worker_spec *spec, struct error *err)
{
    (void)config;
    (void)err;
    struct fake_worker fake = {
        .spec = spec, .partitions = 3, .wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    playing = &fake;
    if (spec->started)
        spec->started(spec->context, (struct worker *)&fake);
    play.script(&fake, play.context);
    ledger_free(&fake.ledger);
    close(fake.wake_fd);
    playing = NULL;
    return 0;
}

void fake_worker_partitions(struct fake_worker *fake, int32_t count)
{
    fake->partitions = count;
}

/* ---- partitions ---- */

/* The job's own name of a topic outlives every record. */
static const char *input_name(const struct fake_worker *fake, const char *topic)
{
    for (const char *const *name = fake->spec->topics; *name; name++)
        if (strcmp(*name, topic) == 0)
            return *name;
    fail_msg("job %s does not read %s", fake->spec->job, topic);
    return NULL;
}

static struct ledger_partition *home_of(struct fake_worker *fake, const char *topic,
                                        int32_t partition)
{
    struct ledger_partition *home = ledger_find(&fake->ledger, topic, partition);
    if (!home)
        fail_msg("%s/%d is not assigned", topic, partition);
    return home;
}

void fake_worker_assign(struct fake_worker *fake, const char *topic, int32_t partition,
                        int64_t committed)
{
    ledger_assign(&fake->ledger, input_name(fake, topic), partition, committed);
}

void fake_worker_restore(struct fake_worker *fake, int32_t partition, const char *key,
                         const char *value)
{
    struct error err;
    if (fake->spec->restore(fake->spec->context, partition, key, strlen(key), value,
                            value ? strlen(value) : 0, &err) < 0)
        fail_msg("restore: %s", err.text);
}

void fake_worker_ready(struct fake_worker *fake, const char *topic, int32_t partition)
{
    home_of(fake, topic, partition)->ready = true;
    if (fake->spec->assigned)
        fake->spec->assigned(fake->spec->context, topic, partition);
}

void fake_worker_wait(struct fake_worker *fake, int64_t timeout_ms)
{
    if (fake->spec->wait)
        fake->spec->wait(fake->spec->context, fake->wake_fd, timeout_ms);
}

static bool drain(struct fake_worker *fake, int64_t deadline_ms)
{
    return !fake->spec->drain || fake->spec->drain(fake->spec->context, deadline_ms);
}

bool fake_worker_drain_once(struct fake_worker *fake)
{
    return drain(fake, time_monotonic_ms());
}

void fake_worker_lose(struct fake_worker *fake, const char *topic, int32_t partition)
{
    struct ledger_partition *home = home_of(fake, topic, partition);
    if (fake->spec->revoked)
        fake->spec->revoked(fake->spec->context, topic, partition);
    ledger_forget(&fake->ledger, home);
}

void fake_worker_revoke(struct fake_worker *fake, const char *topic, int32_t partition,
                        struct message_list *messages)
{
    int64_t deadline_ms = time_monotonic_ms() + FAKE_WORKER_PATIENCE_MS;
    while (!drain(fake, deadline_ms)) {
        if (time_monotonic_ms() >= deadline_ms)
            fail_msg("job %s does not end what it does", fake->spec->job);
        fake_worker_wait(fake, WAIT_MS);
    }
    fake_worker_commit(fake, messages);
    fake_worker_lose(fake, topic, partition);
}

size_t fake_worker_orphans(const struct fake_worker *fake)
{
    size_t count = 0;
    for (const struct record *orphan = fake->ledger.orphans; orphan; orphan = orphan->next)
        count++;
    return count;
}

/* ---- records ---- */

static void headers_set(struct record *record, const char *const *headers)
{
    size_t count = 0;
    while (headers && headers[count])
        count++;
    record->header_count = count / 2;
    record->headers = mem_alloc(record->header_count * sizeof(*record->headers) + 1);
    for (size_t i = 0; i < record->header_count; i++)
        record->headers[i] = (struct record_header){headers[2 * i], headers[2 * i + 1]};
}

void fake_worker_record(struct fake_worker *fake, const char *topic, int32_t partition,
                        int64_t offset, const char *key, const char *value,
                        const char *const *headers)
{
    struct error err;
    struct ledger_partition *home = home_of(fake, topic, partition);
    struct record *record = mem_alloc(sizeof(*record));
    assert_true(home->ready);
    record->topic = home->topic;
    record->partition = partition;
    record->offset = offset;
    record->timestamp_ms = fake->now_ms;
    record->key = key;
    record->key_bytes = key ? strlen(key) : 0;
    record->value = value;
    record->value_bytes = value ? strlen(value) : 0;
    headers_set(record, headers);
    if (ledger_admit(&fake->ledger, home, record) &&
        fake->spec->record(fake->spec->context, record, &err) < 0)
        fail_msg("record: %s", err.text);
}

void fake_worker_clock(struct fake_worker *fake, int64_t now_ms)
{
    fake->now_ms = now_ms;
}

void fake_worker_turn(struct fake_worker *fake)
{
    if (fake->spec->tick)
        fake->spec->tick(fake->spec->context, fake->now_ms ? fake->now_ms : time_now_ms());
    fake_worker_wait(fake, WAIT_MS);
}

void fake_worker_finish(struct fake_worker *fake, const char *topic, int32_t partition,
                        int64_t offset)
{
    const struct ledger_partition *home = home_of(fake, topic, partition);
    int64_t deadline_ms = time_monotonic_ms() + FAKE_WORKER_PATIENCE_MS;
    while (ledger_frontier(home) < offset) {
        if (time_monotonic_ms() >= deadline_ms)
            fail_msg("%s/%d stands at %lld", topic, partition, (long long)ledger_frontier(home));
        fake_worker_turn(fake);
    }
}

/* ---- committing ---- */

static void outputs_take(struct fake_worker *fake, size_t units, struct message_list *messages)
{
    struct ledger_unit *unit = fake->ledger.units;
    for (size_t i = 0; i < units; i++, unit = unit->next_unit) {
        for (size_t k = 0; k < unit->outputs.count; k++)
            message_list_add(messages, unit->outputs.items[k]);
        fake->ledger.output_count -= unit->outputs.count;
        unit->outputs.count = 0; /* given away */
    }
}

size_t fake_worker_commit(struct fake_worker *fake, struct message_list *messages)
{
    size_t transactions = 0;
    *messages = (struct message_list){0};
    do {
        fake->commit_soon = false;
        if (fake->spec->prepare)
            fake->spec->prepare(fake->spec->context);
        if (fake->ledger.output_bytes > fake->most_bytes)
            fake->most_bytes = fake->ledger.output_bytes;
        size_t units = ledger_take(&fake->ledger, WORKER_OUTPUTS_MAX, WORKER_BYTES_MAX);
        outputs_take(fake, units, messages);
        ledger_committed(&fake->ledger, units);
        transactions++;
    } while (fake->ledger.units || fake->commit_soon);
    return transactions;
}

size_t fake_worker_most_bytes(const struct fake_worker *fake)
{
    return fake->most_bytes;
}

int64_t fake_worker_committed(struct fake_worker *fake, const char *topic, int32_t partition)
{
    return home_of(fake, topic, partition)->committed;
}

/* ---- what jobs call: see common/kafka/worker.h ---- */

void record_output(struct record *record, struct message *message)
{
    message_list_add(&record->outputs, message);
}

void record_finish(struct record *record)
{
    ledger_finish(&playing->ledger, record);
}

void record_abandon(struct record *record)
{
    ledger_abandon(&playing->ledger, record);
}

bool record_is_lost(const struct record *record)
{
    return !record->home;
}

size_t record_ahead_bytes(const struct record *record)
{
    return record->home ? record->home->ahead_bytes : 0;
}

void worker_emit(struct worker *worker, const char *topic, int32_t partition,
                 struct message_list *list)
{
    struct fake_worker *fake = (struct fake_worker *)worker;
    ledger_emit(&fake->ledger, home_of(fake, topic, partition), list);
}

void worker_commit_soon(struct worker *worker)
{
    ((struct fake_worker *)worker)->commit_soon = true;
}

bool worker_is_full(const struct worker *worker)
{
    const struct ledger *ledger = &((const struct fake_worker *)worker)->ledger;
    return ledger->output_count >= WORKER_OUTPUTS_MAX || ledger->output_bytes >= WORKER_BYTES_MAX;
}

int32_t worker_partition_count(const struct worker *worker, const char *topic)
{
    (void)topic;
    return ((const struct fake_worker *)worker)->partitions;
}
