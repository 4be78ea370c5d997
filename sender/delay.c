#include "sender/delay.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/kafka/topics.h"
#include "common/kafka/worker.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/metrics.h"
#include "common/shutdown.h"
#include "common/time.h"
#include "common/wire/delivery.h"
#include "sender/settle.h"

#define COMMIT_MS 200
#define IDLE_MS   1000

/* A record that is not due yet: it stays unfinished, and what is behind it waits with it. */
struct parked {
    struct record *record;
    int64_t due_ms;
    struct parked *prev, *next;
};

struct delay {
    struct parked *parked;
};

int64_t delay_due_ms(const char *topic, int64_t arrived_ms)
{
    int64_t tier_ms = topics_delay_ms(topic);
    return tier_ms < 0 ? -1 : arrived_ms + tier_ms;
}

bool delay_is_destination(const char *topic)
{
    static const char *const destinations[] = {"lookups", "deliveries.https", "deliveries.smtp"};
    for (size_t i = 0; i < NELEMS(destinations); i++)
        if (strcmp(destinations[i], topic) == 0)
            return true;
    return false;
}

static void record_release(struct record *record)
{
    const char *to = record_header(record, DELIVERY_HEADER_TO);
    if (to && delay_is_destination(to)) {
        record_output(record, record_forward(record, to));
    } else {
        record_output(record, settle_reject(record, "delay", "unreadable"));
        metrics_add("tlsrpt_rejected_total", 1, "delay", "unreadable", NULL);
    }
    record_finish(record);
}

static int on_record(void *context, struct record *record, struct error *err)
{
    (void)err;
    struct delay *delay = context;
    struct parked *parked = mem_alloc(sizeof(*parked));
    parked->record = record;
    parked->due_ms = delay_due_ms(record_topic(record), record_timestamp_ms(record));
    DL_APPEND(delay->parked, parked);
    return 0;
}

static void parked_free(struct delay *delay, struct parked *parked)
{
    DL_DELETE(delay->parked, parked);
    free(parked);
}

static int64_t on_tick(void *context, int64_t now_ms)
{
    struct delay *delay = context;
    struct parked *parked, *following;
    int64_t wait_ms = IDLE_MS;
    DL_FOREACH_SAFE(delay->parked, parked, following)
    {
        if (parked->due_ms > now_ms) {
            wait_ms = parked->due_ms - now_ms < wait_ms ? parked->due_ms - now_ms : wait_ms;
            continue;
        }
        record_release(parked->record);
        parked_free(delay, parked);
    }
    return wait_ms;
}

/* What waits is left to the next owner. */
static bool on_drain(void *context, int64_t deadline_ms)
{
    (void)deadline_ms;
    struct delay *delay = context;
    while (delay->parked) {
        record_abandon(delay->parked->record);
        parked_free(delay, delay->parked);
    }
    return true;
}

/* After a loss there was no drain. */
static void on_revoked(void *context, const char *topic, int32_t partition)
{
    struct delay *delay = context;
    struct parked *parked, *following;
    DL_FOREACH_SAFE(delay->parked, parked, following)
    {
        if (record_partition(parked->record) != partition ||
            strcmp(record_topic(parked->record), topic) != 0)
            continue;
        record_abandon(parked->record);
        parked_free(delay, parked);
    }
}

/* Whoever started us tries again. */
static int tiers_read(const struct config *config, struct text_list *tiers, struct error *err)
{
    if (topics_delays_all(config, tiers, err) == 0) {
        text_list_take(tiers, NULL); /* the end of spec.topics */
        return 0;
    }
    if (err->kind == ERROR_RETRY)
        err->kind = ERROR_FATAL;
    text_list_free(tiers);
    return -1;
}

int delay_run(const struct config *config, struct error *err)
{
    static const char *const outputs[] = {"lookups", "deliveries.https", "deliveries.smtp",
                                          "rejected", NULL};
    struct delay delay = {0};
    struct text_list tiers = {0};
    if (tiers_read(config, &tiers, err) < 0)
        return shutdown_requested() ? 0 : -1; /* a stop ends the waiting too */
    const struct worker_spec spec = {
        .job = "delay",
        .topics = (const char *const *)tiers.items,
        .outputs = outputs,
        .commit_ms = COMMIT_MS,
        .context = &delay,
        .record = on_record,
        .tick = on_tick,
        .drain = on_drain,
        .revoked = on_revoked,
    };
    int result = worker_run(config, &spec, err);
    text_list_free(&tiers);
    return result;
}
