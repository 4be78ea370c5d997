#include "sender/route.h"

#include <stdio.h>

#include "common/gzip.h"
#include "common/json.h"
#include "common/memory.h"
#include "common/metrics.h"
#include "common/time.h"
#include "common/wire/outcome.h"
#include "sender/dns.h"
#include "sender/metrics.h"
#include "tests/support/fake_dns.h"
#include "tests/support/fake_worker.h"
#include "tests/support/unit.h"

#define HTTPS "https://r.example/t"
#define MAIL  "mailto:tls@mail.example"

/* One line for each output: its topic, key, and what counts in it. */
static void describe(const struct message *message, char *text, size_t size)
{
    const char *target = "", *via = "";
    for (size_t i = 0; i < message->header_count; i++) {
        if (strcmp(message->headers[i].name, "target") == 0)
            target = message->headers[i].text;
        if (strcmp(message->headers[i].name, "via") == 0)
            via = message->headers[i].text;
    }
    const char *state = message->value ? strstr(message->value, "\"state\":\"") : NULL;
    if (strcmp(message->topic, "outcomes") == 0)
        snprintf(text, size, "outcome [%s] %.*s", message->key,
                 state ? (int)strcspn(state + 9, "\"") : 0, state ? state + 9 : "");
    else
        snprintf(text, size, "%s %s %s%s%s", message->topic, message->key, target,
                 *via ? " via " : "", via);
}

static const struct row {
    const char *name;
    enum mode mode;
    const char *only; /* deliver.domains */
    const char *records[2];
    const char *want[6];
} rows[] = {
    {"live: one delivery for each target",
     MODE_LIVE,
     NULL,
     {"v=TLSRPTv1; rua=" HTTPS "," MAIL},
     {"outcome [id " HTTPS "] waiting", "deliveries.https r.example " HTTPS,
      "outcome [id " MAIL "] waiting", "deliveries.smtp mail.example " MAIL}},
    {"hold: recorded, not sent",
     MODE_HOLD,
     NULL,
     {"v=TLSRPTv1; rua=" MAIL},
     {"outcome [id " MAIL "] held"}},
    {"live for other domains only",
     MODE_LIVE,
     "other.example",
     {"v=TLSRPTv1; rua=" MAIL},
     {"outcome [id " MAIL "] held"}},
    {"live for what is below a domain, not for itself",
     MODE_LIVE,
     ".p.example",
     {"v=TLSRPTv1; rua=" MAIL},
     {"outcome [id " MAIL "] held"}},
    {"live for everything below example",
     MODE_LIVE,
     ".example",
     {"v=TLSRPTv1; rua=" MAIL},
     {"outcome [id " MAIL "] waiting", "deliveries.smtp mail.example " MAIL}},
    {"live for this domain",
     MODE_LIVE,
     "p.example",
     {"v=TLSRPTv1; rua=" MAIL},
     {"outcome [id " MAIL "] waiting", "deliveries.smtp mail.example " MAIL}},
    {"redirect: every target's copy, under its own outcome",
     MODE_REDIRECT,
     NULL,
     {"v=TLSRPTv1; rua=" HTTPS "," MAIL},
     {"outcome [id " HTTPS "] waiting",
      "deliveries.smtp op.example " HTTPS " via mailto:me@op.example",
      "outcome [id " MAIL "] waiting",
      "deliveries.smtp op.example " MAIL " via mailto:me@op.example"}},
    {"redirect is not limited by deliver.domains",
     MODE_REDIRECT,
     "other.example",
     {"v=TLSRPTv1; rua=" MAIL},
     {"outcome [id " MAIL "] waiting",
      "deliveries.smtp op.example " MAIL " via mailto:me@op.example"}},
    {"no record", MODE_LIVE, NULL, {NULL}, {"outcome [id ] no-target"}},
    {"two records are none (RFC 8460 section 3)",
     MODE_LIVE,
     NULL,
     {"v=TLSRPTv1; rua=" MAIL, "v=TLSRPTv1; rua=" MAIL},
     {"outcome [id ] no-target"}},
    {"no usable target, also when held",
     MODE_HOLD,
     NULL,
     {"v=TLSRPTv1; rua=ftp://a.example"},
     {"outcome [id ] no-target"}},
};

static void parse(const struct row *row, struct targets *targets)
{
    struct txt_string strings[2];
    struct txt_record records[2];
    size_t count = 0;
    for (; count < 2 && row->records[count]; count++) {
        strings[count] = (struct txt_string){row->records[count], strlen(row->records[count])};
        records[count] = (struct txt_record){&strings[count], 1};
    }
    targets_parse(records, count, targets);
}

static void plan_row(void **state)
{
    const struct row *row = *state;
    struct targets targets;
    struct text_list domains = {0};
    struct message_list outputs = {0};
    char redirect[] = "mailto:me@op.example";
    const struct mode_rules rules = {row->mode, redirect, &domains};
    const struct route_report report = {"id", "p.example", 20000, "payload", 7};
    size_t i = 0;
    char text[300];
    if (row->only)
        text_list_add(&domains, row->only, strlen(row->only));
    parse(row, &targets);
    route_plan(&rules, &report, &targets, 1700000000000, &outputs);
    for (; i < NELEMS(row->want) && row->want[i]; i++) {
        assert_true(i < outputs.count);
        describe(outputs.items[i], text, sizeof(text));
        assert_string_equal(text, row->want[i]);
    }
    assert_int_equal(outputs.count, i);
    message_list_free(&outputs);
    targets_free(&targets);
    text_list_free(&domains);
}

static void assert_header(const struct message *message, const char *name, const char *want)
{
    for (size_t i = 0; i < message->header_count; i++)
        if (strcmp(message->headers[i].name, name) == 0) {
            assert_string_equal(message->headers[i].text, want);
            return;
        }
    assert_null(want);
}

/* All that https and smtp will ever know of it; a try that was never made has no first one. */
static void test_a_delivery_is_complete(void **state)
{
    (void)state;
    static const struct {
        const char *name, *want;
    } headers[] = {{"target", HTTPS},
                   {"via", NULL},
                   {"report-id", "id"},
                   {"domain", "p.example"},
                   {"attempt", "0"},
                   {"day", "2024-10-04"},
                   {"created", "1700000000000"},
                   {"to", NULL}};
    const struct text_list nobody = {0};
    const struct mode_rules rules = {MODE_LIVE, NULL, &nobody};
    const struct route_report report = {"id", "p.example", 20000, "pay\0load", 8};
    const struct row row = {.records = {"v=TLSRPTv1; rua=" HTTPS}};
    struct targets targets;
    struct message_list outputs = {0};
    parse(&row, &targets);
    route_plan(&rules, &report, &targets, 1700000000000, &outputs);
    assert_int_equal(outputs.count, 2);
    assert_non_null(strstr(outputs.items[0]->value, "\"next\":1700000000000"));
    const struct message *delivery = outputs.items[1];
    assert_int_equal(delivery->value_bytes, 8);
    assert_memory_equal(delivery->value, "pay\0load", 8);
    for (size_t i = 0; i < NELEMS(headers); i++)
        assert_header(delivery, headers[i].name, headers[i].want);
    message_list_free(&outputs);
    targets_free(&targets);
}

static void test_an_outcome_says_why(void **state)
{
    (void)state;
    const struct text_list nobody = {0};
    const struct mode_rules rules = {MODE_LIVE, NULL, &nobody};
    const struct route_report report = {"id", "p.example", 20000, "payload", 7};
    const struct row row = {.records = {"v=TLSRPTv1; rua=" MAIL, "v=TLSRPTv1; rua=" MAIL}};
    struct targets targets;
    struct message_list outputs = {0};
    parse(&row, &targets);
    route_plan(&rules, &report, &targets, 1700000000000, &outputs);
    assert_int_equal(outputs.count, 1);
    assert_non_null(strstr(outputs.items[0]->value, "\"reason\":\"several-records\""));
    assert_non_null(strstr(outputs.items[0]->value, "\"domain\":\"p.example\""));
    assert_non_null(strstr(outputs.items[0]->value, "\"at\":1700000000000"));
    assert_null(strstr(outputs.items[0]->value, "\"next\""));
    message_list_free(&outputs);
    targets_free(&targets);
}

/* ---- the job ---- */

#define DOMAIN    "policy.example"
#define REPORT_ID "2026-11-24.policy.example.0-7.0123abcd"
#define JSON      "{\"report-id\":\"" REPORT_ID "\"}"
#define LONG_AGO  "1700000000000"

static const struct fake_dns_row names[] = {
    {"_smtp._tls.policy.example", "TXT", FAKE_DNS_ANSWER, "v=TLSRPTv1; rua=" HTTPS "," MAIL},
    {"_smtp._tls.several.example", "TXT", FAKE_DNS_ANSWER,
     "v=TLSRPTv1; rua=" MAIL "\nv=TLSRPTv1; rua=" MAIL},
    {"_smtp._tls.other.example", "TXT", FAKE_DNS_ANSWER, "v=spf1 -all"},
    {"_smtp._tls.unusable.example", "TXT", FAKE_DNS_ANSWER, "v=TLSRPTv1; rua=ftp://a.example"},
    {"_smtp._tls.empty.example", "A", FAKE_DNS_ANSWER, "127.0.0.1"},
    {"_smtp._tls.servfail.example", "*", FAKE_DNS_SERVFAIL, NULL},
    {"_smtp._tls.refused.example", "*", FAKE_DNS_REFUSED, NULL},
    {"_smtp._tls.silent.example", "*", FAKE_DNS_DROP, NULL},
    {"_smtp._tls.damaged.example", "TXT", FAKE_DNS_BAD_LENGTH, "v=TLSRPTv1; rua=" MAIL},
    {"_smtp._tls.truncated.example", "TXT", FAKE_DNS_TRUNCATED, "v=TLSRPTv1; rua=" MAIL},
    {NULL, NULL, FAKE_DNS_ANSWER, NULL},
};

#define OPTIONS_MAX 3
#define HEADERS_MAX 13 /* and the end */

/* One record, and what comes of it. */
struct scene {
    struct fake_dns *dns;
    const char *topic, *key, *value;
    const char *headers[HEADERS_MAX];
    struct message_list messages;
    int64_t begin_ms, end_ms;
};

static struct config *config_of(const struct scene *scene, const char *const options[OPTIONS_MAX])
{
    struct error err;
    char *servers = mem_printf("dns.servers=%s", fake_dns_address(scene->dns));
    struct config *config = config_new(CONFIG_SENDER);
    assert_int_equal(config_set(config, servers, &err), 0);
    assert_int_equal(config_set(config, "retry.delays=1m 5m", &err), 0);
    for (size_t i = 0; i < OPTIONS_MAX && options[i]; i++)
        assert_int_equal(config_set(config, options[i], &err), 0);
    free(servers);
    return config;
}

static void report_comes(struct fake_worker *fake, const struct scene *scene)
{
    fake_worker_assign(fake, scene->topic, 0, 0);
    fake_worker_ready(fake, scene->topic, 0);
    fake_worker_record(fake, scene->topic, 0, 0, scene->key, scene->value, scene->headers);
}

static void report_ends(struct fake_worker *fake, void *context)
{
    struct scene *scene = context;
    report_comes(fake, scene);
    fake_worker_finish(fake, scene->topic, 0, 1);
    fake_worker_commit(fake, &scene->messages);
}

static void play(struct scene *scene, const char *const options[OPTIONS_MAX],
                 void (*script)(struct fake_worker *fake, void *context))
{
    scene->dns = fake_dns_start(names);
    struct config *config = config_of(scene, options);
    scene->begin_ms = time_now_ms();
    fake_worker_run(route_run, config, script, scene);
    scene->end_ms = time_now_ms();
    config_free(&config);
}

static void scene_close(struct scene *scene)
{
    message_list_free(&scene->messages);
    fake_dns_stop(&scene->dns);
}

static struct scene report_about(const char *domain)
{
    return (struct scene){
        .topic = "reports",
        .key = domain,
        .value = JSON,
        .headers = {"report-id", REPORT_ID, "day", "2026-11-24", "sessions", "5"},
    };
}

/* As it comes back from a delay. */
static struct scene look_up_about(const char *domain, const char *first_attempt,
                                  const char *attempts)
{
    struct scene scene = report_about(domain);
    static const char *const more[] = {"to", "lookups", "first-attempt", NULL, "attempt", NULL};
    scene.topic = "lookups";
    memcpy(scene.headers + 6, more, sizeof(more));
    scene.headers[9] = first_attempt;
    scene.headers[11] = attempts;
    return scene;
}

static const char *header_of(const struct message *message, const char *name)
{
    for (size_t i = 0; i < message->header_count; i++)
        if (strcmp(message->headers[i].name, name) == 0)
            return message->headers[i].text;
    return "";
}

static void assert_outcome(const struct message *message, const char *target,
                           enum outcome_state state, const char *reason)
{
    struct error err;
    struct outcome outcome = {0};
    assert_string_equal(message->topic, "outcomes");
    struct json_object *json = json_parse_object(message->value, message->value_bytes, &err);
    assert_int_equal(outcome_from_json(message->key, message->key_bytes, json, &outcome, &err), 0);
    assert_string_equal(outcome.report_id, REPORT_ID);
    assert_string_equal(outcome.target, target);
    assert_int_equal(outcome.day, 20781);
    assert_int_equal(outcome.state, state);
    assert_string_equal(outcome.reason, reason);
    outcome_free(&outcome);
    json_object_put(json);
}

/* ---- the job: no answer is not "no record" ---- */

/* Nothing but the wait: no outcome says yet what became of the report. */
static void assert_waits(const struct scene *scene, const char *topic, const char *attempts)
{
    assert_int_equal(scene->messages.count, 1);
    const struct message *again = scene->messages.items[0];
    assert_string_equal(again->topic, topic);
    assert_string_equal(header_of(again, "to"), "lookups");
    assert_string_equal(header_of(again, "attempt"), attempts);
    assert_string_equal(header_of(again, "report-id"), REPORT_ID);
    assert_string_equal(header_of(again, "day"), "2026-11-24");
    assert_string_equal(header_of(again, "sessions"), "5");
    assert_int_equal(again->key_bytes, strlen(scene->key));
    assert_memory_equal(again->key, scene->key, again->key_bytes);
    assert_int_equal(again->value_bytes, strlen(JSON));
    assert_memory_equal(again->value, JSON, again->value_bytes);
}

static const struct no_answer_row {
    const char *name, *domain;
} no_answer_rows[] = {
    {"SERVFAIL", "servfail.example"},    {"refused", "refused.example"},
    {"silence", "silent.example"},       {"a damaged answer", "damaged.example"},
    {"half of it", "truncated.example"},
};

static void no_answer_row(void **state)
{
    const struct no_answer_row *row = *state;
    struct scene scene = report_about(row->domain);
    play(&scene, (const char *const[OPTIONS_MAX]){"deliver.mode=live"}, report_ends);
    assert_waits(&scene, "delay.1m", "1");
    int64_t first_ms = strtoll(header_of(scene.messages.items[0], "first-attempt"), NULL, 10);
    assert_in_range(first_ms, scene.begin_ms, scene.end_ms);
    scene_close(&scene);
}

/* The window runs from the first look-up. */
static void a_second_look_up_waits_longer(void **state)
{
    (void)state;
    char *first = mem_printf("%lld", (long long)time_now_ms() - 60000);
    struct scene scene = look_up_about("servfail.example", first, "1");
    play(&scene, (const char *const[OPTIONS_MAX]){0}, report_ends);
    assert_waits(&scene, "delay.5m", "2");
    assert_string_equal(header_of(scene.messages.items[0], "first-attempt"), first);
    scene_close(&scene);
    free(first);
}

static void a_look_up_expires_with_its_window(void **state)
{
    (void)state;
    struct scene scene = look_up_about("servfail.example", LONG_AGO, "1");
    play(&scene, (const char *const[OPTIONS_MAX]){0}, report_ends);
    assert_int_equal(scene.messages.count, 1);
    assert_outcome(scene.messages.items[0], "", OUTCOME_EXPIRED, "dns");
    scene_close(&scene);
}

/* An answer is an answer however long it took, and it ends the wait. */
static void a_late_answer_counts(void **state)
{
    (void)state;
    struct scene scene = look_up_about("empty.example", LONG_AGO, "1");
    play(&scene, (const char *const[OPTIONS_MAX]){0}, report_ends);
    assert_int_equal(scene.messages.count, 1);
    assert_outcome(scene.messages.items[0], "", OUTCOME_NO_TARGET, "no-record");
    scene_close(&scene);
}

static void gives_up_a_look_up(struct fake_worker *fake, void *context)
{
    struct scene *scene = context;
    report_comes(fake, scene);
    assert_false(fake_worker_drain_once(fake));
    fake_worker_revoke(fake, scene->topic, 0, &scene->messages);
    assert_int_equal(fake_worker_orphans(fake), 0);
}

/* A partition that is given up takes its look-ups' answers along. */
static void a_look_up_under_way_is_awaited(void **state)
{
    (void)state;
    struct scene scene = report_about("silent.example");
    play(&scene, (const char *const[OPTIONS_MAX]){0}, gives_up_a_look_up);
    assert_waits(&scene, "delay.1m", "1");
    scene_close(&scene);
}

/* ---- the job: answers ---- */

static const struct no_target_row {
    const char *name, *domain, *reason;
} no_target_rows[] = {
    {"no such name", "nobody.example", "no-record"},
    {"a name without TXT", "empty.example", "no-record"},
    {"a TXT of another kind", "other.example", "no-record"},
    {"several records", "several.example", "several-records"},
    {"nothing usable", "unusable.example", "no-usable-target"},
};

static void no_target_row(void **state)
{
    const struct no_target_row *row = *state;
    struct scene scene = report_about(row->domain);
    play(&scene, (const char *const[OPTIONS_MAX]){"deliver.mode=live"}, report_ends);
    assert_int_equal(scene.messages.count, 1);
    assert_outcome(scene.messages.items[0], "", OUTCOME_NO_TARGET, row->reason);
    scene_close(&scene);
}

/* All that a delivery needs, and the report itself as one gzip member. */
static void assert_delivery(const struct scene *scene, size_t at, const char *topic,
                            const char *key, const char *target, const char *via)
{
    struct error err;
    struct buffer json = {0};
    const struct message *delivery = scene->messages.items[at];
    assert_string_equal(delivery->topic, topic);
    assert_string_equal(delivery->key, key);
    assert_string_equal(header_of(delivery, "target"), target);
    assert_string_equal(header_of(delivery, "via"), via);
    assert_string_equal(header_of(delivery, "report-id"), REPORT_ID);
    assert_string_equal(header_of(delivery, "domain"), DOMAIN);
    assert_string_equal(header_of(delivery, "day"), "2026-11-24");
    assert_string_equal(header_of(delivery, "attempt"), "0");
    assert_string_equal(header_of(delivery, "first-attempt"), "0");
    int64_t created_ms = strtoll(header_of(delivery, "created"), NULL, 10);
    assert_in_range(created_ms, scene->begin_ms, scene->end_ms);
    assert_int_equal(gzip_expand(delivery->value, delivery->value_bytes, 1000, &json, &err), 0);
    assert_int_equal(json.length, strlen(JSON));
    assert_memory_equal(json.bytes, JSON, json.length);
    buffer_free(&json);
}

static void assert_same_payload(const struct message *one, const struct message *other)
{
    assert_int_equal(one->value_bytes, other->value_bytes);
    assert_memory_equal(one->value, other->value, one->value_bytes);
}

static void assert_both_go_out(const struct scene *scene)
{
    assert_int_equal(scene->messages.count, 4);
    assert_outcome(scene->messages.items[0], HTTPS, OUTCOME_WAITING, "routed");
    assert_delivery(scene, 1, "deliveries.https", "r.example", HTTPS, "");
    assert_outcome(scene->messages.items[2], MAIL, OUTCOME_WAITING, "routed");
    assert_delivery(scene, 3, "deliveries.smtp", "mail.example", MAIL, "");
    assert_same_payload(scene->messages.items[1], scene->messages.items[3]);
}

static void assert_both_are_held(const struct scene *scene)
{
    assert_int_equal(scene->messages.count, 2);
    assert_outcome(scene->messages.items[0], HTTPS, OUTCOME_HELD, "hold");
    assert_outcome(scene->messages.items[1], MAIL, OUTCOME_HELD, "hold");
}

static void assert_both_are_redirected(const struct scene *scene)
{
    assert_int_equal(scene->messages.count, 4);
    assert_outcome(scene->messages.items[0], HTTPS, OUTCOME_WAITING, "routed");
    assert_delivery(scene, 1, "deliveries.smtp", "op.example", HTTPS, "mailto:me@op.example");
    assert_outcome(scene->messages.items[2], MAIL, OUTCOME_WAITING, "routed");
    assert_delivery(scene, 3, "deliveries.smtp", "op.example", MAIL, "mailto:me@op.example");
}

static const struct mode_row {
    const char *name;
    const char *options[OPTIONS_MAX];
    void (*check)(const struct scene *scene);
} mode_rows[] = {
    {"live", {"deliver.mode=live"}, assert_both_go_out},
    {"live for this domain",
     {"deliver.mode=live", "deliver.domains=a.example " DOMAIN},
     assert_both_go_out},
    {"live for others", {"deliver.mode=live", "deliver.domains=a.example"}, assert_both_are_held},
    {"hold", {"deliver.mode=hold"}, assert_both_are_held},
    {"nothing said", {NULL}, assert_both_are_held},
    {"redirect, as it was written",
     {"deliver.mode=redirect", "deliver.redirect=MAILTO:me@OP.example"},
     assert_both_are_redirected},
    {"redirect is not limited",
     {"deliver.mode=redirect", "deliver.redirect=mailto:me@op.example",
      "deliver.domains=a.example"},
     assert_both_are_redirected},
    {"redirect to, but not told to redirect",
     {"deliver.mode=live", "deliver.redirect=mailto:me@op.example"},
     assert_both_go_out},
};

static void mode_row(void **state)
{
    const struct mode_row *row = *state;
    struct scene scene = report_about(DOMAIN);
    play(&scene, row->options, report_ends);
    row->check(&scene);
    scene_close(&scene);
}

/* ---- the job: what nobody can work on ---- */

static const struct unreadable_row {
    const char *name, *key, *value, *day, *id;
} unreadable_rows[] = {
    {"no key", NULL, JSON, "2026-11-24", REPORT_ID},
    {"a key that is no domain", "policy..example", JSON, "2026-11-24", REPORT_ID},
    {"no report", DOMAIN, NULL, "2026-11-24", REPORT_ID},
    {"no day", DOMAIN, JSON, NULL, REPORT_ID},
    {"not a day", DOMAIN, JSON, "2026-11-31", REPORT_ID},
    {"no report-id", DOMAIN, JSON, "2026-11-24", NULL},
    {"an empty report-id", DOMAIN, JSON, "2026-11-24", ""},
    {"a report-id with a line end", DOMAIN, JSON, "2026-11-24", "id\r\nBcc: victim@v.example"},
    {"a report-id with a blank", DOMAIN, JSON, "2026-11-24", "an id"},
    {"a report-id in brackets", DOMAIN, JSON, "2026-11-24", "<id>"},
};

static struct scene unreadable_scene(const struct unreadable_row *row)
{
    struct scene scene = {.topic = "reports", .key = row->key, .value = row->value};
    const char **end = scene.headers;
    if (row->day) {
        *end++ = "day";
        *end++ = row->day;
    }
    if (row->id) {
        *end++ = "report-id";
        *end = row->id;
    }
    return scene;
}

static void assert_unreadable(struct scene *scene, const char *origin)
{
    play(scene, (const char *const[OPTIONS_MAX]){"deliver.mode=live"}, report_ends);
    assert_int_equal(scene->messages.count, 1);
    const struct message *reject = scene->messages.items[0];
    assert_string_equal(reject->topic, "rejected");
    assert_string_equal(header_of(reject, "stage"), "route");
    assert_string_equal(header_of(reject, "reason"), "unreadable");
    assert_string_equal(header_of(reject, "origin"), origin);
    assert_int_equal(fake_dns_asked(scene->dns, "_smtp._tls." DOMAIN), 0);
    scene_close(scene);
}

static void unreadable_row(void **state)
{
    struct scene scene = unreadable_scene(*state);
    assert_unreadable(&scene, "reports/0/0");
}

static const struct unreadable_look_up_row {
    const char *name, *first_attempt, *attempts;
} unreadable_look_up_rows[] = {
    {"first asked for after the year 9999", "253402300800000", "1"},
    {"first asked for at the end of numbers", "9223372036854775807", "1"},
    {"first asked for before 1970", "-1", "1"},
    {"first asked for at no time", "soon", "1"},
    {"too many look-ups", LONG_AGO, "1000001"},
    {"2^31 - 1 look-ups", LONG_AGO, "2147483647"},
    {"2^32 + 1 look-ups", LONG_AGO, "4294967297"},
    {"fewer than no look-ups", LONG_AGO, "-1"},
    {"no number of look-ups", LONG_AGO, "1x"},
    {"look-ups without a digit", LONG_AGO, ""},
};

static void unreadable_look_up_row(void **state)
{
    const struct unreadable_look_up_row *row = *state;
    struct scene scene = look_up_about(DOMAIN, row->first_attempt, row->attempts);
    assert_unreadable(&scene, "lookups/0/0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_delivery_is_complete),
        cmocka_unit_test(test_an_outcome_says_why),
    };
    const struct CMUnitTest look_ups[] = {
        cmocka_unit_test(a_second_look_up_waits_longer),
        cmocka_unit_test(a_look_up_expires_with_its_window),
        cmocka_unit_test(a_late_answer_counts),
        cmocka_unit_test(a_look_up_under_way_is_awaited),
    };
    dns_init();
    metrics_register(sender_metrics);
    int failed = RUN_ROWS("route_plan", plan_row, rows);
    failed += RUN_ROWS("route: no answer", no_answer_row, no_answer_rows);
    failed += RUN_ROWS("route: no target", no_target_row, no_target_rows);
    failed += RUN_ROWS("route: modes", mode_row, mode_rows);
    failed += RUN_ROWS("route: unreadable", unreadable_row, unreadable_rows);
    failed +=
        RUN_ROWS("route: unreadable look-up", unreadable_look_up_row, unreadable_look_up_rows);
    failed += cmocka_run_group_tests_name("route: look-ups", look_ups, NULL, NULL);
    return failed + cmocka_run_group_tests_name("what is written", tests, NULL, NULL);
}
