#include "sender/route.h"

#include <stdio.h>

#include "common/memory.h"
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_delivery_is_complete),
        cmocka_unit_test(test_an_outcome_says_why),
    };
    int failed = RUN_ROWS("route_plan", plan_row, rows);
    return failed + cmocka_run_group_tests_name("what is written", tests, NULL, NULL);
}
