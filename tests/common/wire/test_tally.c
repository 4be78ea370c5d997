#include "tests/support/unit.h"

#include "common/wire/tally.h"

#define KEY "2026-11-24/example.org"

static struct json_object *parse(const char *text)
{
    struct error err = {0};
    struct json_object *json = json_parse_object(text, strlen(text), &err);
    assert_string_equal(err.text, "");
    return json;
}

#define HEAD "{\"v\":1,\"partition\":3,\"offset\":12345678901,\"bytes\":512,"
#define NONE                                                                                       \
    "{\"policy-type\":\"no-policy-found\",\"policy-string\":[],\"mx-host\":[],\"successes\":1,"    \
    "\"failures\":0}"

static const struct row {
    const char *name;
    const char *json;
} same_rows[] = {
    {"one policy", HEAD "\"policies\":[" NONE "]}"},
    {"largest counts", HEAD "\"policies\":[{\"policy-type\":\"sts\",\"policy-string\":[],\"mx-"
                            "host\":[],\"successes\":4294967295,"
                            "\"failures\":4294967295}]}"},
    {"policies and details", HEAD
     "\"policies\":[" NONE ",{\"policy-type\":\"sts\",\"policy-string\":[\"version: STSv1\"],"
     "\"mx-host\":[\"*.a.example\",\"b.example\"],\"successes\":0,\"failures\":5,\"details\":["
     "{\"result-type\":\"certificate-expired\",\"count\":2},"
     "{\"result-type\":\"certificate-expired\",\"sending-mta-ip\":\"192.0.2.1\","
     "\"failure-reason-code\":\"x\",\"count\":3}]},"
     "{\"policy-type\":\"tlsa\",\"policy-string\":[\"3 1 1 AB\"],\"mx-host\":[],\"successes\":9,"
     "\"failures\":0}]}"},
};

static void comes_back(void **state)
{
    const struct row *row = *state;
    struct json_object *json = parse(row->json);
    struct tally *tally = NULL;
    struct error err = {0};
    assert_int_equal(tally_from_json(KEY, strlen(KEY), json, &tally, &err), 0);
    json_object_put(json);
    assert_string_equal(tally->domain, "example.org");
    assert_int_equal(tally->day, 20781);
    assert_int_equal(tally->partition, 3);
    assert_true(tally->offset == INT64_C(12345678901));
    assert_int_equal(tally->bytes, 512);
    struct json_object *written = tally_to_json(tally);
    char *text = json_write(written);
    assert_string_equal(text, row->json);
    free(text);
    json_object_put(written);
    tally_free(&tally);
    assert_null(tally);
    tally_free(&tally);
}

static const struct wrong_row {
    const char *name;
    const char *key;
    const char *json;
    enum error_kind kind;
} wrong_rows[] = {
    {"newer version", KEY, "{\"v\":2}", ERROR_FATAL},
    {"no version", KEY, "{}", ERROR_REJECT},
    {"no policies", KEY, "{\"v\":1,\"partition\":3,\"offset\":1,\"bytes\":5}", ERROR_REJECT},
    {"no offset", KEY, "{\"v\":1,\"partition\":3,\"bytes\":5,\"policies\":[" NONE "]}",
     ERROR_REJECT},
    {"negative partition", KEY,
     "{\"v\":1,\"partition\":-1,\"offset\":1,\"bytes\":5,\"policies\":[" NONE "]}", ERROR_REJECT},
    {"a policy that is a text", KEY, HEAD "\"policies\":[\"sts\"]}", ERROR_REJECT},
    {"successes beyond 2^32-1", KEY,
     HEAD "\"policies\":[{\"policy-type\":\"sts\",\"successes\":4294967296,\"failures\":0}]}",
     ERROR_REJECT},
    {"failures beyond 2^32-1", KEY,
     HEAD "\"policies\":[{\"policy-type\":\"sts\",\"successes\":0,\"failures\":4294967296}]}",
     ERROR_REJECT},
    {"unknown policy type", KEY,
     HEAD "\"policies\":[{\"policy-type\":\"new\",\"successes\":0,\"failures\":1}]}", ERROR_REJECT},
    {"the same policy twice", KEY, HEAD "\"policies\":[" NONE "," NONE "]}", ERROR_REJECT},
    {"policies not in order", KEY,
     HEAD "\"policies\":[{\"policy-type\":\"tlsa\",\"successes\":1,\"failures\":0}," NONE "]}",
     ERROR_REJECT},
    {"details not in order", KEY,
     HEAD "\"policies\":[{\"policy-type\":\"sts\",\"successes\":0,\"failures\":2,\"details\":["
          "{\"result-type\":\"tlsa-invalid\",\"count\":1},"
          "{\"result-type\":\"dane-required\",\"count\":1}]}]}",
     ERROR_REJECT},
    {"a detail that is a success", KEY,
     HEAD "\"policies\":[{\"policy-type\":\"sts\",\"successes\":0,\"failures\":2,\"details\":["
          "{\"result-type\":\"success\",\"count\":1}]}]}",
     ERROR_REJECT},
    {"a detail without count", KEY,
     HEAD "\"policies\":[{\"policy-type\":\"sts\",\"successes\":0,\"failures\":2,\"details\":["
          "{\"result-type\":\"dane-required\"}]}]}",
     ERROR_REJECT},
    {"a detail that counts nothing", KEY,
     HEAD "\"policies\":[{\"policy-type\":\"sts\",\"successes\":0,\"failures\":2,\"details\":["
          "{\"result-type\":\"dane-required\",\"count\":0}]}]}",
     ERROR_REJECT},
    {"details as an object", KEY,
     HEAD "\"policies\":[{\"policy-type\":\"sts\",\"successes\":0,\"failures\":2,\"details\":{}}]}",
     ERROR_REJECT},
    {"a key that is none", "example.org", HEAD "\"policies\":[" NONE "]}", ERROR_REJECT},
};

static void is_refused(void **state)
{
    const struct wrong_row *row = *state;
    struct json_object *json = parse(row->json);
    struct tally *tally = NULL;
    struct error err = {0};
    assert_int_equal(tally_from_json(row->key, strlen(row->key), json, &tally, &err), -1);
    assert_int_equal(err.kind, row->kind);
    assert_null(tally);
    json_object_put(json);
}

static const struct key_row {
    const char *name;
    const char *key;
    size_t length;
    const char *domain; /* NULL: refused */
} key_rows[] = {
    {"key", "2026-11-24/a.example", 20, "a.example"},
    {"shortest domain", "2026-11-24/a", 12, "a"},
    {"text goes on behind its length", "2026-11-24/a.example/b", 20, "a.example"},
    {"no domain", "2026-11-24/", 11, NULL},
    {"no slash", "2026-11-24", 10, NULL},
    {"another separator", "2026-11-24 a.example", 20, NULL},
    {"bad day", "2026-11-31/a.example", 20, NULL},
    {"NUL", "2026-11-24/a\0b", 14, NULL},
    {"watermarks", WATERMARKS_KEY, 10, NULL},
    {"empty", "", 0, NULL},
};

static void keys(void **state)
{
    const struct key_row *row = *state;
    char *domain = NULL;
    int64_t day = 77;
    struct error err = {0};
    int result = tally_key_parse(row->key, row->length, &domain, &day, &err);
    assert_int_equal(result, row->domain ? 0 : -1);
    if (!row->domain) {
        assert_int_equal(err.kind, ERROR_REJECT);
        assert_null(domain);
        assert_int_equal(day, 77);
        return;
    }
    assert_string_equal(domain, row->domain);
    char *key = tally_key(domain, day);
    assert_int_equal(strncmp(key, row->key, row->length), 0);
    assert_int_equal(strlen(key), row->length);
    free(key);
    free(domain);
}

static void watermarks_come_back(void **state)
{
    (void)state;
    static const char text[] = "{\"v\":1,\"sources\":[1795478400000,-1,0]}";
    struct json_object *json = parse(text);
    struct watermarks watermarks;
    struct error err = {0};
    assert_int_equal(watermarks_from_json(json, &watermarks, &err), 0);
    assert_int_equal(watermarks.count, 3);
    assert_true(watermarks.t_ms[0] == INT64_C(1795478400000));
    assert_true(watermarks.t_ms[1] == -1);
    struct json_object *written = watermarks_to_json(&watermarks);
    char *again = json_write(written);
    assert_string_equal(again, text);
    free(again);
    json_object_put(written);
    json_object_put(json);
    watermarks_free(&watermarks);
    assert_null(watermarks.t_ms);
}

static const struct row wrong_watermarks[] = {
    {"watermarks: no version", "{\"sources\":[1]}"},
    {"watermarks: no sources", "{\"v\":1}"},
    {"watermarks: below -1", "{\"v\":1,\"sources\":[1,-2]}"},
    {"watermarks: a text", "{\"v\":1,\"sources\":[1,\"2\"]}"},
    {"watermarks: a double", "{\"v\":1,\"sources\":[1.0]}"},
    {"watermarks: null", "{\"v\":1,\"sources\":[null]}"},
};

static void watermarks_are_refused(void **state)
{
    const struct row *row = *state;
    struct json_object *json = parse(row->json);
    struct watermarks watermarks = {.count = 77};
    struct error err = {0};
    assert_int_equal(watermarks_from_json(json, &watermarks, &err), -1);
    assert_int_equal(err.kind, ERROR_REJECT);
    assert_int_equal(watermarks.count, 77);
    json_object_put(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(watermarks_come_back)};
    return RUN_ROWS("tally comes back", comes_back, same_rows) +
           RUN_ROWS("tally is refused", is_refused, wrong_rows) +
           RUN_ROWS("tally_key_parse", keys, key_rows) +
           RUN_ROWS("watermarks are refused", watermarks_are_refused, wrong_watermarks) +
           cmocka_run_group_tests_name("watermarks", tests, NULL, NULL);
}
