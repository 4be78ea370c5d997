#include "sender/settle.h"

#include <stdio.h>

#include "common/kafka/record.h"
#include "common/memory.h"
#include "common/wire/reject.h"
#include "tests/support/unit.h"

#define NOW_MS INT64_C(1700000000000)

static const struct delivery delivery = {
    .target = "https://r.example/t",
    .report_id = "2023-11-13.p.example.1-2.abcdef01",
    .domain = "p.example",
    .day = 19674,
    .created_ms = NOW_MS - 5000,
    .first_attempt_ms = 0,
    .attempt = 0,
};

static const char *header(const struct message *message, const char *name)
{
    for (size_t i = 0; i < message->header_count; i++)
        if (strcmp(message->headers[i].name, name) == 0)
            return message->headers[i].text;
    return "";
}

static struct record record_of_delivery(void)
{
    return (struct record){.topic = "deliveries.https",
                           .partition = 4,
                           .offset = 17,
                           .key = "r.example",
                           .key_bytes = 9,
                           .value = "payload",
                           .value_bytes = 7};
}

static void settle(const struct attempt_next *next, struct message_list *outputs)
{
    struct record record = record_of_delivery();
    const struct attempt_result result = {.class = ATTEMPT_RETRY, .code = 503, .reason = "status"};
    settle_attempt(&record, &delivery, &result, next, "deliveries.https", false, NOW_MS, outputs);
}

/* RFC 8460 section 5.5: the same bytes, under the same key, with what this try changed. */
static void test_a_retry_waits_in_its_tier(void **state)
{
    (void)state;
    struct message_list outputs = {0};
    const struct attempt_next next = {.state = OUTCOME_WAITING,
                                      .reason = "status",
                                      .delay_ms = 300000,
                                      .attempts = 2,
                                      .first_attempt_ms = NOW_MS - 60000};
    settle(&next, &outputs);
    assert_int_equal(outputs.count, 2);
    assert_string_equal(outputs.items[0]->topic, "outcomes");
    assert_string_equal(outputs.items[0]->key,
                        "2023-11-13.p.example.1-2.abcdef01 https://r.example/t");
    assert_non_null(strstr(outputs.items[0]->value, "\"state\":\"waiting\""));
    assert_non_null(strstr(outputs.items[0]->value, "\"code\":503"));
    assert_non_null(strstr(outputs.items[0]->value, "\"next\":1700000300000"));
    const struct message *again = outputs.items[1];
    assert_string_equal(again->topic, "delay.5m");
    assert_string_equal(again->key, "r.example");
    assert_int_equal(again->value_bytes, 7);
    assert_memory_equal(again->value, "payload", 7);
    assert_string_equal(header(again, "to"), "deliveries.https");
    assert_string_equal(header(again, "attempt"), "2");
    assert_string_equal(header(again, "first-attempt"), "1699999940000");
    assert_string_equal(header(again, "created"), "1699999995000");
    assert_string_equal(header(again, "target"), "https://r.example/t");
    assert_string_equal(header(again, "report-id"), "2023-11-13.p.example.1-2.abcdef01");
    assert_string_equal(header(again, "domain"), "p.example");
    assert_string_equal(header(again, "day"), "2023-11-13");
    assert_string_equal(header(again, "via"), "");
    message_list_free(&outputs);
}

/* deliver.redirect holds for every try; the outcome stays the target's. */
static void test_a_redirected_retry_stays_redirected(void **state)
{
    (void)state;
    struct message_list outputs = {0};
    struct record record = record_of_delivery();
    struct delivery redirected = delivery;
    const struct attempt_result result = {.class = ATTEMPT_RETRY, .reason = "dns"};
    const struct attempt_next next = {.state = OUTCOME_WAITING, .reason = "dns", .delay_ms = 60000};
    redirected.via = "mailto:me@op.example";
    settle_attempt(&record, &redirected, &result, &next, "deliveries.smtp", false, NOW_MS,
                   &outputs);
    assert_int_equal(outputs.count, 2);
    assert_non_null(strstr(outputs.items[0]->key, " https://r.example/t"));
    assert_string_equal(header(outputs.items[1], "via"), "mailto:me@op.example");
    assert_string_equal(header(outputs.items[1], "target"), "https://r.example/t");
    assert_string_equal(header(outputs.items[1], "to"), "deliveries.smtp");
    message_list_free(&outputs);
}

static void test_an_outcome_tells_the_try(void **state)
{
    (void)state;
    for (int verified = 0; verified < 2; verified++) {
        struct message_list outputs = {0};
        struct record record = record_of_delivery();
        const struct attempt_result result = {
            .class = ATTEMPT_DELIVERED, .code = 201, .reason = "the server's"};
        const struct attempt_next next = {
            .state = OUTCOME_DELIVERED, .reason = "accepted", .attempts = 3};
        settle_attempt(&record, &delivery, &result, &next, "deliveries.https", verified, NOW_MS,
                       &outputs);
        const char *value = outputs.items[0]->value;
        assert_non_null(strstr(value, "\"reason\":\"accepted\""));
        assert_non_null(strstr(value, "\"domain\":\"p.example\""));
        assert_non_null(strstr(value, "\"day\":\"2023-11-13\""));
        assert_non_null(strstr(value, "\"attempts\":3"));
        assert_non_null(strstr(value, "\"at\":1700000000000"));
        assert_int_equal(strstr(value, "\"tls-verified\":true") != NULL, verified);
        message_list_free(&outputs);
    }
}

static void test_an_end_is_an_outcome_and_no_more(void **state)
{
    (void)state;
    static const enum outcome_state ends[] = {OUTCOME_DELIVERED, OUTCOME_REFUSED, OUTCOME_EXPIRED,
                                              OUTCOME_BLOCKED};
    for (size_t i = 0; i < NELEMS(ends); i++) {
        struct message_list outputs = {0};
        const struct attempt_next next = {
            .state = ends[i], .reason = "r", .attempts = 1, .first_attempt_ms = NOW_MS};
        settle(&next, &outputs);
        assert_int_equal(outputs.count, 1);
        assert_non_null(strstr(outputs.items[0]->value, outcome_state_name(ends[i])));
        assert_null(strstr(outputs.items[0]->value, "\"next\""));
        message_list_free(&outputs);
    }
}

static void test_what_cannot_be_read_says_where_it_stood(void **state)
{
    (void)state;
    struct delivery read;
    struct error err;
    struct record record = record_of_delivery(); /* without headers */
    assert_int_equal(settle_read(&record, &read, &err), -1);
    assert_int_equal(err.kind, ERROR_REJECT);
    struct message *message = settle_reject(&record, "https", "unreadable");
    assert_string_equal(message->topic, "rejected");
    assert_string_equal(header(message, "stage"), "https");
    assert_string_equal(header(message, "reason"), "unreadable");
    assert_string_equal(header(message, "origin"), "deliveries.https/4/17");
    assert_non_null(strstr(message->value, "\"length\":7"));
    message_free(&message);
}

/* Whoever wrote it: the record that sets it aside has to fit. */
static void test_a_rejected_key_is_cut(void **state)
{
    static char key[REJECT_KEY_MAX + 1];
    struct record record = {.topic = "deliveries.https", .key = key, .key_bytes = sizeof(key)};
    (void)state;
    struct message *message = settle_reject(&record, "https", "unreadable");
    assert_int_equal(message->key_bytes, REJECT_KEY_MAX);
    message_free(&message);
}

/* It becomes a header of mail and of https. */
static void test_a_report_id_is_a_dot_atom(void **state)
{
    (void)state;
    static const char *const ids[] = {
        "2023-11-13.p.example.1-2.abcdef01", "a b", "a\r\nX: y", "a@b", ".a", "a..b", "\xc3\xbc"};
    for (size_t i = 0; i < NELEMS(ids); i++) {
        struct delivery read;
        struct error err;
        struct record_header headers[] = {{"target", "https://r.example/t"},
                                          {"report-id", ids[i]},
                                          {"domain", "p.example"},
                                          {"day", "2023-11-13"},
                                          {"created", "1"},
                                          {"first-attempt", "0"},
                                          {"attempt", "0"}};
        struct record record = record_of_delivery();
        record.headers = headers;
        record.header_count = NELEMS(headers);
        assert_int_equal(settle_read(&record, &read, &err), i == 0 ? 0 : -1);
        assert_true(i == 0 || err.kind == ERROR_REJECT);
    }
}

static void test_a_tombstone_is_no_delivery(void **state)
{
    (void)state;
    struct delivery read;
    struct error err;
    struct record record = record_of_delivery();
    record.value = NULL;
    assert_int_equal(settle_read(&record, &read, &err), -1);
    assert_int_equal(err.kind, ERROR_REJECT);
    assert_string_equal(err.text, "a delivery without a payload"); /* and not: without headers */
}

static void test_a_tier_is_named_by_its_largest_unit(void **state)
{
    (void)state;
    static const struct {
        int64_t delay_ms;
        const char *want;
    } tiers[] = {{60000, "delay.1m"},
                 {90000, "delay.90s"},
                 {1800000, "delay.30m"},
                 {21600000, "delay.6h"},
                 {86400000, "delay.1d"}};
    for (size_t i = 0; i < NELEMS(tiers); i++) {
        char *topic = settle_delay_topic(tiers[i].delay_ms);
        assert_string_equal(topic, tiers[i].want);
        free(topic);
    }
}

/* Each tier once; the worker looks for all of them before it takes the first record. */
static void test_topics_that_are_written(void **state)
{
    (void)state;
    struct error err;
    char text[200] = "";
    struct text_list topics = {0};
    struct config *config = config_new(CONFIG_SENDER);
    assert_int_equal(config_set(config, "retry.delays=5m 1m 6h 6h", &err), 0);
    assert_int_equal(settle_output_topics(config, &topics, &err), 0);
    assert_null(topics.items[topics.count - 1]);
    for (size_t i = 0; topics.items[i]; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s ", topics.items[i]);
    assert_string_equal(text, "deliveries.https deliveries.smtp outcomes rejected "
                              "delay.1m delay.5m delay.6h ");
    text_list_free(&topics);
    config_free(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_retry_waits_in_its_tier),
        cmocka_unit_test(test_a_redirected_retry_stays_redirected),
        cmocka_unit_test(test_an_outcome_tells_the_try),
        cmocka_unit_test(test_a_tier_is_named_by_its_largest_unit),
        cmocka_unit_test(test_topics_that_are_written),
        cmocka_unit_test(test_an_end_is_an_outcome_and_no_more),
        cmocka_unit_test(test_what_cannot_be_read_says_where_it_stood),
        cmocka_unit_test(test_a_rejected_key_is_cut),
        cmocka_unit_test(test_a_tombstone_is_no_delivery),
        cmocka_unit_test(test_a_report_id_is_a_dot_atom),
    };
    return cmocka_run_group_tests_name("settle", tests, NULL, NULL);
}
