#include "sender/route.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/gzip.h"
#include "common/kafka/worker.h"
#include "common/log.h"
#include "common/mailbox.h"
#include "common/memory.h"
#include "common/metrics.h"
#include "common/time.h"
#include "common/wire/delivery.h"
#include "common/wire/outcome.h"
#include "common/wire/report.h"
#include "sender/attempt.h"
#include "sender/dns.h"
#include "sender/settle.h"

#define COMMIT_MS    200
#define IDLE_MS      1000
#define LOOK_UP_NAME "_smtp._tls.%s" /* RFC 8460 section 3 */

/* ---- the rule ---- */

static struct message *outcome_message(const struct route_report *report, const char *target,
                                       enum outcome_state state, const char *reason, int64_t now_ms)
{
    struct outcome outcome = {
        .report_id = mem_text(report->report_id),
        .target = mem_text(target),
        .domain = mem_text(report->domain),
        .day = report->day,
        .state = state,
        .reason = mem_text(reason),
        .at_ms = now_ms,
        .next_ms = state == OUTCOME_WAITING ? now_ms : 0,
    };
    struct message *message = settle_outcome(&outcome);
    outcome_free(&outcome);
    return message;
}

static struct message *delivery_message(const struct mode_rules *rules,
                                        const struct route_report *report, const char *target,
                                        int64_t now_ms)
{
    struct target where;
    const struct delivery delivery = {
        .target = target,
        .via = rules->mode == MODE_REDIRECT ? rules->redirect : NULL,
        .report_id = report->report_id,
        .domain = report->domain,
        .day = report->day,
        .created_ms = now_ms,
    };
    if (!target_read(delivery.via ? delivery.via : target, &where))
        log_panic("route: a target of %s is not as targets.h writes it", report->domain);
    struct message *message =
        message_new(where.mail ? "deliveries.smtp" : "deliveries.https", MESSAGE_ANY_PARTITION);
    message_key(message, where.host);
    message_value(message, report->payload, report->payload_bytes);
    settle_headers(&delivery, message);
    return message;
}

static void target_plan(const struct mode_rules *rules, const struct route_report *report,
                        const char *target, int64_t now_ms, struct message_list *outputs)
{
    bool held = mode_holds(rules, report->domain);
    message_list_add(outputs, outcome_message(report, target, held ? OUTCOME_HELD : OUTCOME_WAITING,
                                              held ? "hold" : "routed", now_ms));
    if (!held)
        message_list_add(outputs, delivery_message(rules, report, target, now_ms));
}

void route_plan(const struct mode_rules *rules, const struct route_report *report,
                const struct targets *targets, int64_t now_ms, struct message_list *outputs)
{
    if (targets->reason != TARGETS_OK)
        message_list_add(outputs, outcome_message(report, "", OUTCOME_NO_TARGET,
                                                  targets_reason_name(targets->reason), now_ms));
    for (size_t i = 0; targets->reason == TARGETS_OK && i < targets->used.count; i++)
        target_plan(rules, report, targets->used.items[i], now_ms, outputs);
}

/* ---- the job ---- */

struct route {
    struct dns *dns;
    struct mode_rules mode;
    struct attempt_policy policy;
    struct look_up *look_ups;
};

/* One report whose TXT records are being asked for. */
struct look_up {
    struct route *route;
    struct record *record;
    char *domain;
    int64_t day;
    struct attempt_past past;
    struct look_up *prev, *next;
};

static void look_up_free(struct look_up *look_up)
{
    DL_DELETE(look_up->route->look_ups, look_up);
    free(look_up->domain);
    free(look_up);
}

static struct route_report report_of(const struct look_up *look_up)
{
    return (struct route_report){
        .report_id = record_header(look_up->record, REPORT_HEADER_ID),
        .domain = look_up->domain,
        .day = look_up->day,
    };
}

static void answer_found(struct look_up *look_up, const struct txt_record *records, size_t count)
{
    size_t json_bytes;
    struct targets targets;
    struct buffer payload = {0};
    struct message_list outputs = {0};
    struct route_report report = report_of(look_up);
    const char *json = record_value(look_up->record, &json_bytes);
    targets_parse(records, count, &targets);
    gzip_compress(json, json_bytes, &payload);
    report.payload = payload.bytes;
    report.payload_bytes = payload.length;
    route_plan(&look_up->route->mode, &report, &targets, time_now_ms(), &outputs);
    settle_output(look_up->record, &outputs);
    targets_free(&targets);
    buffer_free(&payload);
}

static struct message *look_up_later(struct look_up *look_up, const struct attempt_next *next)
{
    char *topic = settle_delay_topic(next->delay_ms);
    char *first = mem_printf("%lld", (long long)next->first_attempt_ms);
    char *attempts = mem_printf("%d", next->attempts);
    struct message *message = record_forward(look_up->record, topic);
    message_header(message, REPORT_HEADER_FIRST_LOOKUP, first);
    message_header(message, REPORT_HEADER_LOOKUPS, attempts);
    message_header(message, DELIVERY_HEADER_TO, "lookups");
    free(topic);
    free(first);
    free(attempts);
    return message;
}

/* No answer is not "no record": the report waits, and ends as expired only after the whole window.
 */
static void answer_missing(struct look_up *look_up)
{
    int64_t now_ms = time_now_ms();
    const struct attempt_result result = {.class = ATTEMPT_RETRY, .reason = "dns"};
    struct attempt_next next =
        attempt_decide(&look_up->route->policy, &result, &look_up->past, now_ms);
    struct route_report report = report_of(look_up);
    if (next.state == OUTCOME_WAITING)
        record_output(look_up->record, look_up_later(look_up, &next));
    else
        record_output(look_up->record,
                      outcome_message(&report, "", OUTCOME_EXPIRED, "dns", now_ms));
}

static void on_answer(void *context, enum dns_status status, const struct txt_record *records,
                      size_t count)
{
    static const char *const names[] = {"found", "none", "temporary"};
    struct look_up *look_up = context;
    if (!look_up->record) { /* the loop has ended */
        look_up_free(look_up);
        return;
    }
    metrics_add("tlsrpt_look_ups_total", 1, names[status], NULL);
    if (status == DNS_TEMPORARY)
        answer_missing(look_up);
    else
        answer_found(look_up, records, count);
    record_finish(look_up->record);
    look_up_free(look_up);
}

/* 0 where it is absent. False: no number from 0 to max. */
static bool number_read(struct record *record, const char *name, int64_t max, int64_t *number)
{
    char *end;
    const char *text = record_header(record, name);
    if (!text) {
        *number = 0;
        return true;
    }
    *number = strtoll(text, &end, 10);
    return end != text && *end == '\0' && *number >= 0 && *number <= max;
}

static bool past_read(struct record *record, struct attempt_past *past)
{
    int64_t attempts;
    if (!number_read(record, REPORT_HEADER_LOOKUPS, DELIVERY_ATTEMPTS_MAX, &attempts) ||
        !number_read(record, REPORT_HEADER_FIRST_LOOKUP, DELIVERY_MS_MAX, &past->first_attempt_ms))
        return false;
    past->attempts = (int32_t)attempts;
    return true;
}

/* What a report must have to be worked on. NULL: it has not. */
static struct look_up *look_up_new(struct route *route, struct record *record)
{
    size_t key_bytes, value_bytes;
    int64_t day_number;
    struct error ignored;
    struct attempt_past past;
    char domain[DOMAIN_MAX];
    const char *key = record_key(record, &key_bytes);
    const char *day = record_header(record, REPORT_HEADER_DAY);
    const char *id = record_header(record, REPORT_HEADER_ID);
    if (!key || !day || !id || !record_value(record, &value_bytes) ||
        !mailbox_is_dot_atom(id, strlen(id)) || !domain_normalize(key, key_bytes, domain) ||
        time_day_parse(day, &day_number, &ignored) < 0 || !past_read(record, &past))
        return NULL;
    struct look_up *look_up = mem_alloc(sizeof(*look_up));
    look_up->route = route;
    look_up->record = record;
    look_up->domain = mem_text(domain);
    look_up->day = day_number;
    look_up->past = past;
    DL_APPEND(route->look_ups, look_up);
    return look_up;
}

static int on_record(void *context, struct record *record, struct error *err)
{
    (void)err;
    struct route *route = context;
    struct look_up *look_up = look_up_new(route, record);
    if (!look_up) {
        record_output(record, settle_reject(record, "route", "unreadable"));
        metrics_add("tlsrpt_rejected_total", 1, "route", "unreadable", NULL);
        record_finish(record);
        return 0;
    }
    char *name = mem_printf(LOOK_UP_NAME, look_up->domain);
    dns_txt(route->dns, name, on_answer, look_up);
    free(name);
    return 0;
}

static int64_t on_tick(void *context, int64_t now_ms)
{
    (void)now_ms;
    struct route *route = context;
    dns_work(route->dns);
    return route->look_ups ? dns_timeout_ms(route->dns, IDLE_MS) : IDLE_MS;
}

static void on_wait(void *context, int wake_fd, int64_t timeout_ms)
{
    const struct route *route = context;
    struct pollfd fds[] = {{wake_fd, POLLIN, 0}, {dns_fd(route->dns), POLLIN, 0}};
    poll(fds, NELEMS(fds), (int)timeout_ms);
}

/* Look-ups end by themselves within seconds. */
static bool on_drain(void *context, int64_t deadline_ms)
{
    (void)deadline_ms;
    struct route *route = context;
    dns_work(route->dns);
    return !route->look_ups;
}

static int route_init(struct route *route, const struct config *config, struct error *err)
{
    if (mode_rules_init(&route->mode, config, err) < 0 ||
        attempt_policy_init(&route->policy, config_list(config, "retry.delays"),
                            config_duration_ms(config, "retry.window"), err) < 0)
        return -1;
    route->dns = dns_new(config_list(config, "dns.servers"), err);
    return route->dns ? 0 : -1;
}

static void route_free(struct route *route)
{
    struct look_up *look_up;
    DL_FOREACH(route->look_ups, look_up)
    {
        look_up->record = NULL; /* they went with the loop */
    }
    dns_free(&route->dns);
    attempt_policy_free(&route->policy);
    mode_rules_free(&route->mode);
}

int route_run(const struct config *config, struct error *err)
{
    static const char *const inputs[] = {"reports", "lookups", NULL};
    struct text_list outputs = {0};
    struct route route = {0};
    int result = settle_output_topics(config, &outputs, err);
    const struct worker_spec spec = {
        .job = "route",
        .topics = inputs,
        .outputs = (const char *const *)outputs.items,
        .commit_ms = COMMIT_MS,
        .context = &route,
        .record = on_record,
        .tick = on_tick,
        .wait = on_wait,
        .drain = on_drain,
    };
    if (result == 0)
        result = route_init(&route, config, err);
    if (result == 0)
        result = worker_run(config, &spec, err);
    route_free(&route);
    text_list_free(&outputs);
    return result;
}
