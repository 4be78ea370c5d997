#include "tests/support/unit.h"

#include "common/wire/outcome.h"

#define KEY  "2026-11-24.example.org.3-17.0a1b2c3d https://a.example/v1"
#define HEAD "{\"v\":1,\"domain\":\"example.org\",\"day\":\"2026-11-24\","

static const struct row {
    const char *name;
    const char *key;
    size_t key_bytes;
    const char *json;
    enum error_kind kind; /* NONE: comes back as it was */
} rows[] = {
    {"delivered", KEY, sizeof(KEY) - 1,
     HEAD "\"state\":\"delivered\",\"code\":201,\"reason\":\"\",\"attempts\":1,\"at\":5}",
     ERROR_NONE},
    {"delivered over verified TLS", KEY, sizeof(KEY) - 1,
     HEAD "\"state\":\"delivered\",\"code\":201,\"reason\":\"\",\"attempts\":1,\"at\":5,"
          "\"tls-verified\":true}",
     ERROR_NONE},
    {"waiting", KEY, sizeof(KEY) - 1,
     HEAD "\"state\":\"waiting\",\"code\":503,\"reason\":\"Busy\",\"attempts\":2,\"at\":5,"
          "\"next\":1795478400000}",
     ERROR_NONE},
    {"refused", KEY, sizeof(KEY) - 1,
     HEAD "\"state\":\"refused\",\"code\":550,\"reason\":\"no\",\"attempts\":1,\"at\":5}",
     ERROR_NONE},
    {"expired", KEY, sizeof(KEY) - 1,
     HEAD "\"state\":\"expired\",\"code\":0,\"reason\":\"no\",\"attempts\":8,\"at\":5}",
     ERROR_NONE},
    {"blocked", KEY, sizeof(KEY) - 1,
     HEAD "\"state\":\"blocked\",\"code\":0,\"reason\":\"no\",\"attempts\":0,\"at\":5}",
     ERROR_NONE},
    {"suppressed", KEY, sizeof(KEY) - 1,
     HEAD "\"state\":\"suppressed\",\"code\":0,\"reason\":\"no\",\"attempts\":0,\"at\":5}",
     ERROR_NONE},
    {"held", KEY, sizeof(KEY) - 1,
     HEAD "\"state\":\"held\",\"code\":0,\"reason\":\"no\",\"attempts\":0,\"at\":5}", ERROR_NONE},
    {"no target", "id ", 3,
     HEAD "\"state\":\"no-target\",\"code\":0,\"reason\":\"no-record\",\"attempts\":0,\"at\":5}",
     ERROR_NONE},
    {"newer version", KEY, sizeof(KEY) - 1, "{\"v\":2}", ERROR_FATAL},
    {"no version", KEY, sizeof(KEY) - 1, "{}", ERROR_REJECT},
    {"unknown state", KEY, sizeof(KEY) - 1,
     HEAD "\"state\":\"lost\",\"code\":0,\"reason\":\"no\",\"attempts\":0,\"at\":5}", ERROR_REJECT},
    {"waiting for nothing", KEY, sizeof(KEY) - 1,
     HEAD "\"state\":\"waiting\",\"code\":0,\"reason\":\"no\",\"attempts\":0,\"at\":5}",
     ERROR_REJECT},
    {"no code", KEY, sizeof(KEY) - 1,
     HEAD "\"state\":\"held\",\"reason\":\"no\",\"attempts\":0,\"at\":5}", ERROR_REJECT},
    {"attempts below 0", KEY, sizeof(KEY) - 1,
     HEAD "\"state\":\"held\",\"code\":0,\"reason\":\"no\",\"attempts\":-1,\"at\":5}",
     ERROR_REJECT},
    {"no reason", KEY, sizeof(KEY) - 1,
     HEAD "\"state\":\"held\",\"code\":0,\"attempts\":0,\"at\":5}", ERROR_REJECT},
    {"bad day", KEY, sizeof(KEY) - 1,
     "{\"v\":1,\"domain\":\"a\",\"day\":\"2026\",\"state\":\"held\",\"code\":0,\"reason\":\"\","
     "\"attempts\":0,\"at\":5}",
     ERROR_REJECT},
    {"key without a blank", "id", 2,
     HEAD "\"state\":\"held\",\"code\":0,\"reason\":\"no\",\"attempts\":0,\"at\":5}", ERROR_REJECT},
    {"key without report-id", " https://a.example", 18,
     HEAD "\"state\":\"held\",\"code\":0,\"reason\":\"no\",\"attempts\":0,\"at\":5}", ERROR_REJECT},
    {"empty key", "", 0,
     HEAD "\"state\":\"held\",\"code\":0,\"reason\":\"no\",\"attempts\":0,\"at\":5}", ERROR_REJECT},
    {"NUL in the key", "id a\0", 5,
     HEAD "\"state\":\"held\",\"code\":0,\"reason\":\"no\",\"attempts\":0,\"at\":5}", ERROR_REJECT},
};

static void expect_same(const struct outcome *outcome, const struct row *row)
{
    char *key = outcome_key(outcome);
    assert_string_equal(key, row->key);
    struct json_object *written = outcome_to_json(outcome);
    char *text = json_write(written);
    assert_string_equal(text, row->json);
    free(text);
    free(key);
    json_object_put(written);
}

static void reads(void **state)
{
    const struct row *row = *state;
    struct error err = {0};
    struct json_object *json = json_parse_object(row->json, strlen(row->json), &err);
    struct outcome outcome = {.code = 77};
    int result = outcome_from_json(row->key, row->key_bytes, json, &outcome, &err);
    json_object_put(json);
    assert_int_equal(err.kind, row->kind);
    assert_int_equal(result, row->kind == ERROR_NONE ? 0 : -1);
    if (row->kind == ERROR_NONE) {
        expect_same(&outcome, row);
    } else {
        assert_int_equal(outcome.code, 77);
        assert_null(outcome.report_id);
    }
    outcome_free(&outcome);
}

static void key_parts(void **state)
{
    (void)state;
    const struct row *row = &rows[0];
    struct error err = {0};
    struct json_object *json = json_parse_object(row->json, strlen(row->json), &err);
    struct outcome outcome;
    assert_int_equal(outcome_from_json(row->key, row->key_bytes, json, &outcome, &err), 0);
    assert_string_equal(outcome.report_id, "2026-11-24.example.org.3-17.0a1b2c3d");
    assert_string_equal(outcome.target, "https://a.example/v1");
    outcome_free(&outcome);
    json_object_put(json);
}

/* A server may say anything at any length. */
static void remote_text_is_cleaned_and_cut(void **state)
{
    (void)state;
    char reason[1001];
    memset(reason, 'x', sizeof(reason) - 1);
    reason[sizeof(reason) - 1] = '\0';
    memcpy(reason, "\r\n\x1b\xff", 4);
    struct outcome outcome = {.state = OUTCOME_REFUSED, .reason = reason};
    struct json_object *json = outcome_to_json(&outcome);
    const char *clean = json_text_or_null(json, "reason");
    assert_int_equal(strlen(clean), 256);
    assert_int_equal(strncmp(clean, "\xef\xbf\xbdxxx", 6), 0);
    json_object_put(json);
    outcome.reason = NULL;
    json = outcome_to_json(&outcome);
    assert_string_equal(json_text_or_null(json, "reason"), "");
    json_object_put(json);
}

static void names(void **state)
{
    (void)state;
    assert_string_equal(outcome_state_name(OUTCOME_WAITING), "waiting");
    assert_string_equal(outcome_state_name(OUTCOME_DELIVERED), "delivered");
    assert_string_equal(outcome_state_name(OUTCOME_NO_TARGET), "no-target");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(key_parts),
        cmocka_unit_test(remote_text_is_cleaned_and_cut),
        cmocka_unit_test(names),
    };
    return RUN_ROWS("outcome_from_json", reads, rows) +
           cmocka_run_group_tests_name("outcome", tests, NULL, NULL);
}
