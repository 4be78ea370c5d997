#include "aggregator/aggregate.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "aggregator/due.h"
#include "aggregator/fold.h"
#include "aggregator/render.h"
#include "common/json.h"
#include "common/kafka/worker.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/metrics.h"
#include "common/time.h"
#include "common/wire/reject.h"
#include "common/wire/report.h"

#define TOUCHED_MAX 5000              /* keys, of one commit */
#define BYTES_MAX   ((size_t)8 << 20) /* snapshots, likewise */
#define RECORDS_MAX 50000             /* folded, likewise */

/* What this process holds of one partition of events. */
struct part {
    int32_t partition;
    bool ready; /* its state is complete: before that nothing of it may go out */
    struct fold *fold;
    struct due_clock clock;
    bool clock_moved;             /* since the last snapshot of the watermarks */
    struct message_list rejected; /* they go out with the snapshots of the same commit: an offset
                                   * must never be committed before the state that it stands for */
    struct part *prev, *next;
};

struct aggregate {
    struct worker *worker;
    struct part *parts;
    struct fold_rules rules;
    struct render_identity identity;
    struct text_list excluded;
    int64_t late_ms;
    int64_t folded; /* since the last commit */
};

/* ---- partitions ---- */

static struct part *part_find(struct aggregate *aggregate, int32_t partition)
{
    struct part *part;
    DL_FOREACH(aggregate->parts, part)
    {
        if (part->partition == partition)
            return part;
    }
    return NULL;
}

static struct part *part_get(struct aggregate *aggregate, int32_t partition)
{
    struct part *part = part_find(aggregate, partition);
    if (part)
        return part;
    part = mem_alloc(sizeof(*part));
    part->partition = partition;
    part->fold = fold_new(&aggregate->rules);
    part->clock.least_ms = -1;
    DL_APPEND(aggregate->parts, part);
    return part;
}

static void part_free(struct aggregate *aggregate, struct part *part)
{
    DL_DELETE(aggregate->parts, part);
    fold_free(&part->fold);
    due_clock_free(&part->clock);
    message_list_free(&part->rejected);
    free(part);
}

static void on_started(void *context, struct worker *worker)
{
    struct aggregate *aggregate = context;
    aggregate->worker = worker;
}

static int restore_watermarks(struct part *part, struct json_object *json, struct error *err)
{
    struct watermarks stored = {0};
    if (watermarks_from_json(json, &stored, err) < 0)
        return -1;
    part->clock_moved = due_clock_restore(&part->clock, stored, time_now_ms());
    return 0;
}

static int restore_snapshot(struct part *part, const char *key, size_t key_bytes,
                            struct json_object *json, struct error *err)
{
    struct tally *tally = NULL;
    if (key_bytes == strlen(WATERMARKS_KEY) && memcmp(key, WATERMARKS_KEY, key_bytes) == 0)
        return restore_watermarks(part, json, err);
    if (tally_from_json(key, key_bytes, json, &tally, err) < 0)
        return -1;
    fold_restore(part->fold, tally);
    return 0;
}

static int restore_tombstone(struct part *part, const char *key, size_t key_bytes,
                             struct error *err)
{
    char *domain = NULL;
    int64_t day;
    if (tally_key_parse(key, key_bytes, &domain, &day, err) < 0)
        return -1;
    fold_forget(part->fold, domain, day);
    free(domain);
    return 0;
}

/* State that cannot be read is no input that could be set aside: counts would be lost. */
static int on_restore(void *context, int32_t partition, const char *key, size_t key_bytes,
                      const char *value, size_t value_bytes, struct error *err)
{
    struct part *part = part_get(context, partition);
    int result;
    if (!value) {
        result = restore_tombstone(part, key, key_bytes, err);
    } else {
        struct json_object *json = json_parse_object(value, value_bytes, err);
        result = json ? restore_snapshot(part, key, key_bytes, json, err) : -1;
        json_object_put(json);
    }
    if (result == 0)
        return 0;
    err->kind = ERROR_FATAL;
    return error_wrap(err, "state/%d, key %.*s", partition, (int)key_bytes, key);
}

static void on_assigned(void *context, const char *topic, int32_t partition)
{
    (void)topic;
    struct part *part = part_get(context, partition);
    int64_t watermark_ms = due_clock_read(&part->clock, time_now_ms());
    fold_schedule(part->fold, watermark_ms);
    part->ready = true;
    log_debug("partition ready", log_number("partition", partition),
              log_number("tallies", (int64_t)fold_count(part->fold)),
              log_number("watermark", watermark_ms));
}

static void on_revoked(void *context, const char *topic, int32_t partition)
{
    (void)topic;
    struct part *part = part_find(context, partition);
    char *number = mem_printf("%d", partition);
    metrics_forget("tlsrpt_open_tallies", number, NULL);
    metrics_forget("tlsrpt_watermark_age_seconds", number, NULL);
    free(number);
    if (part)
        part_free(context, part);
}

/* ---- records ---- */

static void reject(struct part *part, const struct record *record, const char *reason,
                   struct json_object *json)
{
    size_t key_bytes, value_bytes;
    const char *key = record_key(record, &key_bytes);
    record_value(record, &value_bytes);
    struct message *message = message_new("rejected", MESSAGE_ANY_PARTITION);
    struct json_object *value = reject_value(json, value_bytes);
    char *origin = record_origin(record);
    message_key_bytes(message, key, reject_key_bytes(key_bytes));
    message_value_take(message, json_write(value));
    message_header(message, "stage", "aggregate");
    message_header(message, "reason", reason);
    message_header(message, "origin", origin);
    message_list_add(&part->rejected, message);
    metrics_add("tlsrpt_rejected_total", 1, reason, NULL);
    json_object_put(value);
    free(origin);
}

static void notes_count(unsigned notes)
{
    if (notes & FOLD_SATURATED)
        metrics_add("tlsrpt_counts_saturated_total", 1, NULL);
    if (notes & FOLD_POLICY_FOLDED)
        metrics_add("tlsrpt_policies_folded_total", 1, NULL);
    if (notes & FOLD_DETAIL_FOLDED)
        metrics_add("tlsrpt_details_folded_total", 1, NULL);
}

static void session_count(struct aggregate *aggregate, struct part *part, struct record *record,
                          struct json_object *json, const struct event *event)
{
    char domain[DOMAIN_MAX];
    size_t key_bytes;
    const char *key = record_key(record, &key_bytes);
    int64_t watermark_ms = due_clock_read(&part->clock, time_now_ms());
    if (!fold_domain(key, key_bytes, domain))
        reject(part, record, "bad-domain", json);
    else if (due_is_late(event->day, aggregate->late_ms, watermark_ms))
        reject(part, record, "too-late", json);
    else if (due_is_excluded(&aggregate->excluded, domain))
        metrics_add("tlsrpt_sessions_excluded_total", event->sessions, NULL);
    else {
        notes_count(fold_event(part->fold, domain, event, part->partition, record_offset(record),
                               watermark_ms));
        metrics_add("tlsrpt_sessions_total", event->sessions, NULL);
    }
}

static int session_take(struct aggregate *aggregate, struct part *part, struct record *record,
                        struct json_object *json, struct error *err)
{
    struct event event;
    if (event_from_json(json, &event, err) < 0)
        return -1;
    session_count(aggregate, part, record, json, &event);
    event_free(&event);
    return 0;
}

static int watermark_take(struct part *part, struct json_object *json, struct error *err)
{
    struct watermark watermark;
    if (watermark_from_json(json, &watermark, err) < 0)
        return -1;
    due_clock_hear(&part->clock, &watermark, time_now_ms());
    part->clock_moved = true;
    return 0;
}

static int value_take(struct aggregate *aggregate, struct part *part, struct record *record,
                      struct json_object *json, struct error *err)
{
    enum event_kind kind;
    if (event_kind_of(json, &kind, err) < 0)
        return -1;
    return kind == EVENT_WATERMARK ? watermark_take(part, json, err)
                                   : session_take(aggregate, part, record, json, err);
}

static void commit_when_full(struct aggregate *aggregate)
{
    struct part *part;
    size_t touched = 0, bytes = 0;
    DL_FOREACH(aggregate->parts, part)
    {
        touched += fold_touched_count(part->fold) + part->rejected.count;
        bytes += fold_touched_bytes(part->fold) + part->rejected.bytes;
    }
    if (touched >= TOUCHED_MAX || bytes >= BYTES_MAX || aggregate->folded >= RECORDS_MAX)
        worker_commit_soon(aggregate->worker);
}

static int on_record(void *context, struct record *record, struct error *err)
{
    struct aggregate *aggregate = context;
    struct part *part = part_get(aggregate, record_partition(record));
    size_t value_bytes;
    const char *value = record_value(record, &value_bytes);
    struct json_object *json = value ? json_parse_object(value, value_bytes, err) : NULL;
    if (!json || value_take(aggregate, part, record, json, err) < 0) {
        if (json && err->kind == ERROR_FATAL) { /* of a newer version than we know */
            json_object_put(json);
            return -1;
        }
        reject(part, record, "unreadable", json);
    }
    json_object_put(json);
    record_finish(record);
    if (++aggregate->folded % 64 == 0) /* the sums cost a walk over the partitions */
        commit_when_full(aggregate);
    return 0;
}

/* ---- what a commit adds ---- */

static struct message *state_message(const struct part *part, char *key, struct json_object *value)
{
    struct message *message = message_new("state", part->partition);
    message_key(message, key);
    if (value)
        message_value_take(message, json_write(value));
    json_object_put(value);
    free(key);
    return message;
}

/* The final state of every key touched since the last commit. */
static void snapshots_emit(struct aggregate *aggregate, struct part *part)
{
    struct message_list list = part->rejected;
    struct tally *tally;
    part->rejected = (struct message_list){0};
    while ((tally = fold_next_touched(part->fold)) != NULL)
        message_list_add(
            &list, state_message(part, tally_key(tally->domain, tally->day), tally_to_json(tally)));
    worker_emit(aggregate->worker, "events", part->partition, &list);
}

static struct message *report_message(const struct aggregate *aggregate, const struct tally *tally)
{
    char day[TIME_DAY_TEXT];
    struct message *message = message_new("reports", MESSAGE_ANY_PARTITION);
    char *id = render_report_id(tally, &aggregate->identity);
    char *sessions = mem_printf("%lld", (long long)render_sessions(tally));
    time_day_format(tally->day, day);
    message_key(message, tally->domain);
    message_value_take(message, render_report(tally, &aggregate->identity));
    message_header(message, REPORT_HEADER_ID, id);
    message_header(message, REPORT_HEADER_DAY, day);
    message_header(message, REPORT_HEADER_SESSIONS, sessions);
    free(id);
    free(sessions);
    return message;
}

static void report_emit(struct aggregate *aggregate, struct part *part, struct tally *tally)
{
    struct message_list list = {0};
    message_list_add(&list, report_message(aggregate, tally));
    message_list_add(&list, state_message(part, tally_key(tally->domain, tally->day), NULL));
    worker_emit(aggregate->worker, "events", part->partition, &list);
    metrics_add("tlsrpt_reports_total", 1, NULL);
    fold_remove(part->fold, tally);
}

/* True: no more are due. Otherwise the rest follows in the next transactions. */
static bool reports_emit(struct aggregate *aggregate, struct part *part, int64_t watermark_ms)
{
    struct tally *tally;
    while ((tally = fold_next_due(part->fold, watermark_ms)) != NULL) {
        if (worker_is_full(aggregate->worker)) {
            worker_commit_soon(aggregate->worker);
            return false;
        }
        report_emit(aggregate, part, tally);
    }
    return true;
}

/* Stored only after the last report that is due at it, so that a new owner gives every tally the
 * slot it had. */
static void watermarks_emit(struct aggregate *aggregate, struct part *part)
{
    struct message_list list = {0};
    message_list_add(&list, state_message(part, mem_text(WATERMARKS_KEY),
                                          watermarks_to_json(&part->clock.sources)));
    worker_emit(aggregate->worker, "events", part->partition, &list);
    part->clock_moved = false;
}

static void gauges_set(const struct part *part, int64_t now_ms, int64_t watermark_ms)
{
    char *number = mem_printf("%d", part->partition);
    metrics_set("tlsrpt_open_tallies", (int64_t)fold_count(part->fold), number, NULL);
    if (watermark_ms >= 0)
        metrics_set("tlsrpt_watermark_age_seconds", (now_ms - watermark_ms) / 1000, number, NULL);
    free(number);
}

static void on_prepare(void *context)
{
    struct aggregate *aggregate = context;
    struct part *part;
    int64_t now_ms = time_now_ms();
    DL_FOREACH(aggregate->parts, part)
    {
        snapshots_emit(aggregate, part);
    }
    DL_FOREACH(aggregate->parts, part)
    {
        if (!part->ready)
            continue;
        int64_t watermark_ms = due_clock_read(&part->clock, now_ms);
        if (reports_emit(aggregate, part, watermark_ms) && part->clock_moved)
            watermarks_emit(aggregate, part);
        gauges_set(part, now_ms, watermark_ms);
    }
    aggregate->folded = 0;
}

/* ---- the job ---- */

static int aggregate_init(struct aggregate *aggregate, const struct config *config,
                          struct error *err)
{
    if (due_exclusions(config_list(config, "report.exclude_domains"), &aggregate->excluded, err) <
        0)
        return -1;
    if (render_identity_init(&aggregate->identity, config_text(config, "report.organization_name"),
                             config_text(config, "report.contact_info"),
                             config_text(config, "topics.prefix"), err) < 0)
        return -1;
    aggregate->late_ms = config_duration_ms(config, "report.late");
    aggregate->rules = (struct fold_rules){
        .omit_sending_ip = strcmp(config_text(config, "report.sending_ip"), "omit") == 0,
        .details_max = (size_t)config_integer(config, "report.max_details"),
        .envelope_bytes = render_envelope_bytes(&aggregate->identity),
        .grace_ms = config_duration_ms(config, "report.grace"),
        .spread_ms = config_duration_ms(config, "report.spread"),
    };
    return 0;
}

static void aggregate_free(struct aggregate *aggregate)
{
    while (aggregate->parts)
        part_free(aggregate, aggregate->parts);
    render_identity_free(&aggregate->identity);
    text_list_free(&aggregate->excluded);
}

int aggregate_run(const struct config *config, struct error *err)
{
    static const char *const inputs[] = {"events", NULL};
    static const char *const outputs[] = {"state", "reports", "rejected", NULL};
    struct aggregate aggregate = {0};
    const struct worker_spec spec = {
        .job = "aggregate",
        .topics = inputs,
        .outputs = outputs,
        .static_membership = true,
        .table = "state",
        .commit_ms = config_duration_ms(config, "aggregate.interval"),
        .context = &aggregate,
        .started = on_started,
        .restore = on_restore,
        .assigned = on_assigned,
        .record = on_record,
        .prepare = on_prepare,
        .revoked = on_revoked,
    };
    int result = aggregate_init(&aggregate, config, err);
    if (result == 0)
        result = worker_run(config, &spec, err);
    aggregate_free(&aggregate);
    return result;
}
