#include "tests/support/unit.h"

#include "common/wire/suppression.h"

#define KEY   "mailto:tls@a.example"
#define VALUE "{\"v\":1,\"reason\":\"five refusals\",\"until\":1795478400000}"

static const struct row {
    const char *name;
    const char *key;
    size_t key_bytes;
    const char *json;
    enum error_kind kind; /* NONE: comes back as it was */
} rows[] = {
    {"suppression", KEY, sizeof(KEY) - 1, VALUE, ERROR_NONE},
    {"newer version", KEY, sizeof(KEY) - 1, "{\"v\":2}", ERROR_FATAL},
    {"no version", KEY, sizeof(KEY) - 1, "{\"reason\":\"a\",\"until\":1}", ERROR_REJECT},
    {"no reason", KEY, sizeof(KEY) - 1, "{\"v\":1,\"until\":1}", ERROR_REJECT},
    {"no until", KEY, sizeof(KEY) - 1, "{\"v\":1,\"reason\":\"a\"}", ERROR_REJECT},
    {"until before 1970", KEY, sizeof(KEY) - 1, "{\"v\":1,\"reason\":\"a\",\"until\":-1}",
     ERROR_REJECT},
    {"empty key", "", 0, VALUE, ERROR_REJECT},
    {"NUL in the key", "a\0b", 3, VALUE, ERROR_REJECT},
};

static void reads(void **state)
{
    const struct row *row = *state;
    struct error err = {0};
    struct json_object *json = json_parse_object(row->json, strlen(row->json), &err);
    struct suppression suppression = {.until_ms = 77};
    int result = suppression_from_json(row->key, row->key_bytes, json, &suppression, &err);
    json_object_put(json);
    assert_int_equal(err.kind, row->kind);
    assert_int_equal(result, row->kind == ERROR_NONE ? 0 : -1);
    if (result < 0) {
        assert_int_equal(suppression.until_ms, 77);
        assert_null(suppression.target);
        return;
    }
    assert_string_equal(suppression.target, row->key);
    struct json_object *written = suppression_to_json(&suppression);
    char *text = json_write(written);
    assert_string_equal(text, row->json);
    free(text);
    json_object_put(written);
    suppression_free(&suppression);
    assert_null(suppression.target);
}

int main(void)
{
    return RUN_ROWS("suppression_from_json", reads, rows);
}
