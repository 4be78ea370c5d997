#include "tests/support/unit.h"

#include "common/wire/mark.h"

static struct json_object *parse(const char *text)
{
    struct error err = {0};
    struct json_object *json = json_parse_object(text, strlen(text), &err);
    assert_string_equal(err.text, "");
    return json;
}

#define VALUE "{\"v\":1,\"index\":\"mail\",\"planned\":41,\"since\":1795478400000}"

static const struct row {
    const char *name;
    const char *key;
    size_t key_bytes;
    const char *json;
    enum error_kind kind; /* NONE: comes back as it was */
} rows[] = {
    {"mark", "uA-_/0/hA-_", 11, VALUE, ERROR_NONE},
    {"largest shard", "u/2147483647/h", 14, VALUE, ERROR_NONE},
    {"nothing planned yet", "u/1/h", 5, "{\"v\":1,\"index\":\"mail\",\"planned\":-1,\"since\":0}",
     ERROR_NONE},
    {"an index as a whole", "u/2147483647/-", 14,
     "{\"v\":1,\"index\":\"mail\",\"planned\":-1,\"since\":1795478400000}", ERROR_NONE},
    {"newer version", "u/1/h", 5, "{\"v\":2}", ERROR_FATAL},
    {"no version", "u/1/h", 5, "{\"index\":\"mail\",\"planned\":1,\"since\":0}", ERROR_REJECT},
    {"no index", "u/1/h", 5, "{\"v\":1,\"planned\":1,\"since\":0}", ERROR_REJECT},
    {"planned below -1", "u/1/h", 5, "{\"v\":1,\"index\":\"mail\",\"planned\":-2,\"since\":0}",
     ERROR_REJECT},
    {"no since", "u/1/h", 5, "{\"v\":1,\"index\":\"mail\",\"planned\":1}", ERROR_REJECT},
    {"first round", MARK_FIRST_ROUND_KEY, 11, VALUE, ERROR_REJECT},
    {"empty key", "", 0, VALUE, ERROR_REJECT},
    {"key of two", "u/1", 3, VALUE, ERROR_REJECT},
    {"key of four", "u/1/h/x", 7, VALUE, ERROR_REJECT},
    {"empty uuid", "/1/h", 4, VALUE, ERROR_REJECT},
    {"empty shard", "u//h", 4, VALUE, ERROR_REJECT},
    {"empty history", "u/1/", 4, VALUE, ERROR_REJECT},
    {"shard is no number", "u/1x/h", 6, VALUE, ERROR_REJECT},
    {"shard below 0", "u/-1/h", 6, VALUE, ERROR_REJECT},
    {"shard too large", "u/2147483648/h", 14, VALUE, ERROR_REJECT},
    {"shard of 2^64 + 1", "u/18446744073709551617/h", 24, VALUE, ERROR_REJECT},
    {"shard far too large", "u/99999999999999999999999/h", 27, VALUE, ERROR_REJECT},
    {"NUL in the key", "u/1/h\0x", 7, VALUE, ERROR_REJECT},
};

static void expect_same(const struct mark *mark, const struct row *row)
{
    char *key = mark_key(mark);
    assert_string_equal(key, row->key);
    struct json_object *written = mark_to_json(mark);
    char *text = json_write(written);
    assert_string_equal(text, row->json);
    free(text);
    free(key);
    json_object_put(written);
}

static void reads(void **state)
{
    const struct row *row = *state;
    struct json_object *json = parse(row->json);
    struct mark mark = {.shard = 77};
    struct error err = {0};
    int result = mark_from_json(row->key, row->key_bytes, json, &mark, &err);
    json_object_put(json);
    assert_int_equal(err.kind, row->kind);
    assert_int_equal(result, row->kind == ERROR_NONE ? 0 : -1);
    if (row->kind == ERROR_NONE) {
        expect_same(&mark, row);
    } else {
        assert_int_equal(mark.shard, 77);
        assert_null(mark.uuid);
    }
    mark_free(&mark);
}

static void key_may_go_on_behind_its_length(void **state)
{
    (void)state;
    struct json_object *json = parse(VALUE);
    struct mark mark;
    struct error err = {0};
    assert_int_equal(mark_from_json("u/1/history", 5, json, &mark, &err), 0);
    assert_string_equal(mark.history, "h");
    mark_free(&mark);
    json_object_put(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(key_may_go_on_behind_its_length)};
    return RUN_ROWS("mark_from_json", reads, rows) +
           cmocka_run_group_tests_name("mark", tests, NULL, NULL);
}
