#include "tests/support/unit.h"

#include "common/memory.h"
#include "common/wire/event.h"

static struct json_object *parse(const char *text)
{
    struct error err = {0};
    struct json_object *json = json_parse_object(text, strlen(text), &err);
    assert_string_equal(err.text, "");
    return json;
}

#define HEAD "{\"v\":1,\"type\":\"session\",\"day\":\"2026-11-24\","

/* Each row is written again as it was read. */
static const struct row {
    const char *name;
    const char *json;
} same_rows[] = {
    {"success", HEAD "\"sessions\":1,\"policy-type\":\"no-policy-found\",\"policy-string\":[],\"mx-"
                     "host\":[],\"result-type\":\"success\"}"},
    {"most sessions", HEAD "\"sessions\":4294967295,\"policy-type\":\"no-policy-found\",\"policy-"
                           "string\":[],\"mx-host\":[],"
                           "\"result-type\":\"success\"}"},
    {"sts with lists", HEAD "\"sessions\":7,\"policy-type\":\"sts\",\"policy-string\":"
                            "[\"version: STSv1\",\"mode: enforce\"],\"mx-host\":[\"*.a.example\"],"
                            "\"result-type\":\"success\"}"},
    {"failure with every member",
     HEAD "\"sessions\":2,\"policy-type\":\"tlsa\",\"policy-string\":[\"3 1 1 AB\"],\"mx-host\":[],"
          "\"result-type\":\"validation-failure\",\"sending-mta-ip\":\"2001:db8::1\","
          "\"receiving-mx-hostname\":\"mx.a.example\",\"receiving-mx-helo\":\"helo\","
          "\"receiving-ip\":\"192.0.2.1\",\"additional-information\":\"https://a.example/1\","
          "\"failure-reason-code\":\"\xe2\x82\xac \\\"x\\\"\"}"},
    {"failure without members", HEAD "\"sessions\":1,\"policy-type\":\"sts\",\"policy-string\":[],"
                                     "\"mx-host\":[],\"result-type\":\"dane-required\"}"},
};

static void comes_back(void **state)
{
    const struct row *row = *state;
    struct json_object *json = parse(row->json);
    struct event event;
    struct error err = {0};
    assert_int_equal(event_from_json(json, &event, &err), 0);
    json_object_put(json); /* the event is its own */
    struct json_object *written = event_to_json(&event);
    char *text = json_write(written);
    assert_string_equal(text, row->json);
    free(text);
    json_object_put(written);
    event_free(&event);
}

static const struct wrong_row {
    const char *name;
    const char *json;
    enum error_kind kind;
    const char *want; /* begin of the error */
} wrong_rows[] = {
    {"no version", "{\"type\":\"session\"}", ERROR_REJECT, "v: "},
    {"version as text", "{\"v\":\"1\",\"type\":\"session\"}", ERROR_REJECT, "v: "},
    {"version 0", "{\"v\":0,\"type\":\"session\"}", ERROR_REJECT, "v: "},
    {"version 1.5", "{\"v\":1.5,\"type\":\"session\"}", ERROR_REJECT, "v: "},
    {"newer version", "{\"v\":2,\"type\":\"session\"}", ERROR_FATAL, "v: "},
    {"newer version of an unknown type", "{\"v\":2,\"type\":\"new\"}", ERROR_FATAL, "v: "},
    {"no type", "{\"v\":1}", ERROR_REJECT, "type: "},
    {"unknown type", "{\"v\":1,\"type\":\"new\"}", ERROR_REJECT, "type: "},
    {"a watermark", "{\"v\":1,\"type\":\"watermark\"}", ERROR_REJECT, "type: "},
    {"no day", "{\"v\":1,\"type\":\"session\",\"sessions\":1}", ERROR_REJECT, "day: "},
    {"bad day", "{\"v\":1,\"type\":\"session\",\"day\":\"2026-02-30\",\"sessions\":1}",
     ERROR_REJECT, "not a day"},
    {"no sessions", HEAD "\"policy-type\":\"sts\",\"result-type\":\"success\"}", ERROR_REJECT,
     "sessions: "},
    {"zero sessions", HEAD "\"sessions\":0,\"policy-type\":\"sts\",\"result-type\":\"success\"}",
     ERROR_REJECT, "sessions: "},
    {"too many sessions",
     HEAD "\"sessions\":4294967296,\"policy-type\":\"sts\",\"result-type\":\"success\"}",
     ERROR_REJECT, "sessions: "},
    {"no policy type", HEAD "\"sessions\":1,\"result-type\":\"success\"}", ERROR_REJECT,
     "policy-type: "},
    {"unknown policy type",
     HEAD "\"sessions\":1,\"policy-type\":\"STS\",\"result-type\":\"success\"}", ERROR_REJECT,
     "policy-type: "},
    {"no result type", HEAD "\"sessions\":1,\"policy-type\":\"sts\"}", ERROR_REJECT,
     "result-type: "},
    {"unknown result type",
     HEAD "\"sessions\":1,\"policy-type\":\"sts\",\"result-type\":\"failure\"}", ERROR_REJECT,
     "result-type: "},
    {"strings as one text",
     HEAD "\"sessions\":1,\"policy-type\":\"sts\",\"policy-string\":\"a\","
          "\"result-type\":\"success\"}",
     ERROR_REJECT, "policy-string: "},
    {"a string that is a number",
     HEAD "\"sessions\":1,\"policy-type\":\"sts\",\"policy-string\":[\"a\",1],"
          "\"result-type\":\"success\"}",
     ERROR_REJECT, "policy-string: "},
    {"a string that is null",
     HEAD "\"sessions\":1,\"policy-type\":\"sts\",\"policy-string\":[null],"
          "\"result-type\":\"success\"}",
     ERROR_REJECT, "policy-string: "},
    {"an mx with a NUL",
     HEAD "\"sessions\":1,\"policy-type\":\"sts\",\"policy-string\":[\"a\"],"
          "\"mx-host\":[\"a\\u0000\"],\"result-type\":\"success\"}",
     ERROR_REJECT, "mx-host: "},
    {"a member that is no text",
     HEAD "\"sessions\":1,\"policy-type\":\"sts\",\"policy-string\":[\"a\"],"
          "\"result-type\":\"dane-required\",\"sending-mta-ip\":\"192.0.2.1\","
          "\"receiving-ip\":7}",
     ERROR_REJECT, "receiving-ip: "},
};

static void is_refused(void **state)
{
    const struct wrong_row *row = *state;
    struct json_object *json = parse(row->json);
    struct event event = {.day = 77};
    struct error err = {0};
    assert_int_equal(event_from_json(json, &event, &err), -1);
    assert_int_equal(err.kind, row->kind);
    if (strncmp(err.text, row->want, strlen(row->want)) != 0)
        assert_string_equal(err.text, row->want);
    assert_int_equal(event.day, 77);
    assert_null(event.policy.strings.items);
    json_object_put(json);
}

static void a_success_carries_no_members(void **state)
{
    (void)state;
    struct json_object *json =
        parse(HEAD "\"sessions\":1,\"policy-type\":\"sts\",\"result-type\":\"success\","
                   "\"receiving-ip\":\"192.0.2.1\"}");
    struct event event;
    struct error err = {0};
    assert_int_equal(event_from_json(json, &event, &err), 0);
    assert_null(event.detail.members[DETAIL_RECEIVING_IP]);
    event_free(&event);
    json_object_put(json);
}

static void watermark_comes_back(void **state)
{
    (void)state;
    static const char text[] =
        "{\"v\":1,\"type\":\"watermark\",\"source\":11,\"of\":12,\"t\":1795478400000}";
    struct json_object *json = parse(text);
    struct watermark watermark = {0};
    struct error err = {0};
    assert_int_equal(watermark_from_json(json, &watermark, &err), 0);
    assert_int_equal(watermark.source, 11);
    assert_int_equal(watermark.of, 12);
    assert_true(watermark.t_ms == INT64_C(1795478400000));
    struct json_object *written = watermark_to_json(&watermark);
    char *again = json_write(written);
    assert_string_equal(again, text);
    free(again);
    json_object_put(written);
    json_object_put(json);
}

static const struct row wrong_watermarks[] = {
    {"watermark: source is one of them",
     "{\"v\":1,\"type\":\"watermark\",\"source\":12,\"of\":12,\"t\":1}"},
    {"watermark: source below 0",
     "{\"v\":1,\"type\":\"watermark\",\"source\":-1,\"of\":12,\"t\":1}"},
    {"watermark: of nothing", "{\"v\":1,\"type\":\"watermark\",\"source\":0,\"of\":0,\"t\":1}"},
    {"watermark: too many",
     "{\"v\":1,\"type\":\"watermark\",\"source\":0,\"of\":2147483648,\"t\":1}"},
    {"watermark: no time", "{\"v\":1,\"type\":\"watermark\",\"source\":0,\"of\":1}"},
    {"watermark: before 1970", "{\"v\":1,\"type\":\"watermark\",\"source\":0,\"of\":1,\"t\":-1}"},
    {"watermark: a session", "{\"v\":1,\"type\":\"session\",\"source\":0,\"of\":1,\"t\":1}"},
};

static void watermark_is_refused(void **state)
{
    const struct row *row = *state;
    struct json_object *json = parse(row->json);
    struct watermark watermark = {.of = 77};
    struct error err = {0};
    assert_int_equal(watermark_from_json(json, &watermark, &err), -1);
    assert_int_equal(err.kind, ERROR_REJECT);
    assert_int_equal(watermark.of, 77);
    json_object_put(json);
}

static void kinds(void **state)
{
    (void)state;
    enum event_kind kind = EVENT_SESSION;
    struct error err = {0};
    struct json_object *json = parse("{\"v\":1,\"type\":\"watermark\"}");
    assert_int_equal(event_kind_of(json, &kind, &err), 0);
    assert_int_equal(kind, EVENT_WATERMARK);
    json_object_put(json);
    json = parse("{\"v\":1,\"type\":\"session\"}");
    assert_int_equal(event_kind_of(json, &kind, &err), 0);
    assert_int_equal(kind, EVENT_SESSION);
    json_object_put(json);
}

/* RFC 8460 sections 4.3 and 4.4. */
static void names_are_the_rfcs(void **state)
{
    (void)state;
    static const char *const results[] = {
        "success",
        "starttls-not-supported",
        "certificate-host-mismatch",
        "certificate-expired",
        "certificate-not-trusted",
        "validation-failure",
        "tlsa-invalid",
        "dnssec-invalid",
        "dane-required",
        "sts-policy-fetch-error",
        "sts-policy-invalid",
        "sts-webpki-invalid",
    };
    static const char *const policies[] = {"tlsa", "sts", "no-policy-found"};
    for (size_t i = 0; i < NELEMS(results); i++)
        assert_string_equal(result_type_find(results[i]), results[i]);
    for (size_t i = 0; i < NELEMS(policies); i++)
        assert_string_equal(policy_type_find(policies[i]), policies[i]);
    assert_null(result_type_find("Success"));
    assert_null(result_type_find("success "));
    assert_null(result_type_find(""));
    assert_null(policy_type_find("TLSA"));
    assert_null(policy_type_find("no-policy"));
}

/* An event with parts in the order that D15 compares: type, strings, mx; result type and members.
 */
static struct event event_of(const char *parts)
{
    struct buffer text = {0};
    buffer_printf(&text, HEAD "\"sessions\":1,%s}", parts);
    struct json_object *json = parse(text.bytes);
    buffer_free(&text);
    struct event event;
    struct error err = {0};
    assert_int_equal(event_from_json(json, &event, &err), 0);
    json_object_put(json);
    return event;
}

#define STS     "\"policy-type\":\"sts\","
#define EXPIRED "\"result-type\":\"certificate-expired\""

/* In the order of D15: each row is less than the next, by the policy or, that being equal, by the
 * detail. */
static const char *const ordered[] = {
    "\"policy-type\":\"no-policy-found\",\"policy-string\":[\"z\"]," EXPIRED,
    STS EXPIRED,
    STS "\"mx-host\":[\"a\"]," EXPIRED,
    STS "\"policy-string\":[\"a\"]," EXPIRED,
    STS "\"policy-string\":[\"a\"],\"mx-host\":[\"b\"]," EXPIRED,
    STS "\"policy-string\":[\"a\",\"a\"]," EXPIRED,
    "\"policy-type\":\"tlsa\",\"result-type\":\"certificate-expired\"",
    "\"policy-type\":\"tlsa\",\"result-type\":\"certificate-expired\",\"failure-reason-code\":"
    "\"a\"",
    "\"policy-type\":\"tlsa\",\"result-type\":\"certificate-expired\","
    "\"additional-information\":\"a\"",
    "\"policy-type\":\"tlsa\",\"result-type\":\"certificate-expired\",\"receiving-ip\":\"1\"",
    "\"policy-type\":\"tlsa\",\"result-type\":\"certificate-expired\",\"receiving-mx-helo\":\"a\"",
    "\"policy-type\":\"tlsa\",\"result-type\":\"certificate-expired\","
    "\"receiving-mx-hostname\":\"a\"",
    "\"policy-type\":\"tlsa\",\"result-type\":\"certificate-expired\",\"sending-mta-ip\":\"1\"",
    "\"policy-type\":\"tlsa\",\"result-type\":\"certificate-expired\",\"sending-mta-ip\":\"2\"",
    "\"policy-type\":\"tlsa\",\"result-type\":\"tlsa-invalid\"",
};

static int compare(const struct event *a, const struct event *b)
{
    int order = policy_compare(&a->policy, &b->policy);
    return order ? order : detail_compare(&a->detail, &b->detail);
}

static void order_is_total(void **state)
{
    (void)state;
    for (size_t i = 0; i < NELEMS(ordered); i++) {
        struct event a = event_of(ordered[i]);
        for (size_t k = 0; k < NELEMS(ordered); k++) {
            struct event b = event_of(ordered[k]);
            int got = compare(&a, &b);
            if ((got > 0) - (got < 0) != (i > k) - (i < k))
                fail_msg("%s / %s: %d", ordered[i], ordered[k], got);
            event_free(&b);
        }
        event_free(&a);
    }
}

static void copies_are_their_own(void **state)
{
    (void)state;
    struct event event = event_of(STS "\"policy-string\":[\"a\"],\"mx-host\":[\"b\"]," EXPIRED
                                      ",\"receiving-ip\":\"192.0.2.1\"");
    struct event copy = {0};
    policy_copy(&copy.policy, &event.policy);
    detail_copy(&copy.detail, &event.detail);
    assert_int_equal(compare(&event, &copy), 0);
    event_free(&event);
    assert_string_equal(copy.policy.mx.items[0], "b");
    assert_string_equal(copy.detail.members[DETAIL_RECEIVING_IP], "192.0.2.1");
    event_free(&copy);
    event_free(&copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_success_carries_no_members),
        cmocka_unit_test(watermark_comes_back),
        cmocka_unit_test(kinds),
        cmocka_unit_test(names_are_the_rfcs),
        cmocka_unit_test(order_is_total),
        cmocka_unit_test(copies_are_their_own),
    };
    return RUN_ROWS("event comes back", comes_back, same_rows) +
           RUN_ROWS("event is refused", is_refused, wrong_rows) +
           RUN_ROWS("watermark is refused", watermark_is_refused, wrong_watermarks) +
           cmocka_run_group_tests_name("event", tests, NULL, NULL);
}
