#include "tests/support/unit.h"

#include "common/memory.h"
#include "common/text.h"
#include "common/wire/reject.h"

static struct json_object *parse(const char *text, size_t length)
{
    struct error err = {0};
    struct json_object *json = json_parse_lenient(text, length, JSON_DEPTH_MAX, &err);
    assert_string_equal(err.text, "");
    return json;
}

/* Whatever went in, what comes out is a record that can be written and read. */
static char *written(struct json_object *members, size_t length)
{
    struct json_object *value = reject_value(members, length);
    char *text = json_write(value);
    json_object_put(value);
    assert_true(strlen(text) <= REJECT_VALUE_MAX);
    struct error err = {0};
    struct json_object *again = json_parse_object(text, strlen(text), &err);
    assert_string_equal(err.text, "");
    json_object_put(again);
    return text;
}

#define BYTES(literal) literal, sizeof(literal) - 1

static const struct row {
    const char *name;
    const char *members;
    size_t length;
    const char *want;
} rows[] = {
    {"members as they are",
     BYTES("{\"policy-domain\":\"A..b\",\"mx-host\":[\"a\",[1,null]],\"timestamp\":1.5}"),
     "{\"v\":1,\"policy-domain\":\"A..b\",\"mx-host\":[\"a\",[1,null]],\"timestamp\":1.5}"},
    {"no members", BYTES("{}"), "{\"v\":1}"},
    {"v is ours", BYTES("{\"v\":7,\"a\":true}"), "{\"v\":1,\"a\":true}"},
    {"bad UTF-8 is replaced", BYTES("{\"a\":\"x\xff\"}"), "{\"v\":1,\"a\":\"x\xef\xbf\xbd\"}"},
    {"NaN becomes a text", BYTES("{\"timestamp\":NaN}"), "{\"v\":1,\"timestamp\":\"NaN\"}"},
    {"a NUL stays", BYTES("{\"a\":\"x\\u0000y\"}"), "{\"v\":1,\"a\":\"x\\u0000y\"}"},
};

static void keeps(void **state)
{
    const struct row *row = *state;
    struct json_object *members = parse(row->members, row->length);
    char *text = written(members, 5);
    assert_string_equal(text, row->want);
    free(text);
    json_object_put(members);
}

static void without_members_there_is_the_length(void **state)
{
    (void)state;
    char *text = written(NULL, 123456789);
    assert_string_equal(text, "{\"v\":1,\"length\":123456789}");
    free(text);
}

/* "{"a":["x",...` with what fills it. */
static struct json_object *filled(const char *before, const char *piece, size_t pieces,
                                  const char *after)
{
    struct buffer text = {0};
    buffer_text(&text, before);
    for (size_t i = 0; i < pieces; i++)
        buffer_text(&text, piece);
    buffer_text(&text, after);
    struct json_object *json = parse(text.bytes, text.length);
    buffer_free(&text);
    return json;
}

/* {"v":1,"a":"..."} has 14 bytes around the text. */
static void exactly_the_limit_is_kept(void **state)
{
    (void)state;
    struct json_object *members = filled("{\"a\":\"", "x", REJECT_VALUE_MAX - 14, "\"}");
    char *text = written(members, 0);
    assert_int_equal(strlen(text), REJECT_VALUE_MAX);
    assert_null(strstr(text, "truncated"));
    free(text);
    json_object_put(members);
}

static void a_byte_more_is_too_much(void **state)
{
    (void)state;
    struct json_object *members = filled("{\"a\":\"", "x", REJECT_VALUE_MAX - 13, "\"}");
    char *text = written(members, 0);
    assert_non_null(strstr(text, "truncated"));
    free(text);
    json_object_put(members);
}

static void the_long_text_is_cut(void **state)
{
    (void)state;
    struct json_object *members =
        filled("{\"domain\":\"a.example\",\"a\":\"", "x", REJECT_VALUE_MAX, "\"}");
    char *text = written(members, 0);
    assert_int_equal(
        strncmp(text, "{\"v\":1,\"truncated\":true,\"domain\":\"a.example\",\"a\":\"xxx",
                strlen("{\"v\":1,\"truncated\":true,\"domain\":\"a.example\",\"a\":\"xxx")),
        0);
    assert_true(strlen(text) > REJECT_VALUE_MAX / 4);
    free(text);
    json_object_put(members);
}

static const struct large_row {
    const char *name;
    const char *before, *piece, *after;
} large_rows[] = {
    {"characters are not cut apart", "{\"a\":\"x", "\xe2\x82\xac", "\"}"},
    {"controls grow when written", "{\"a\":\"", "\\u0001", "\"}"},
    {"many items", "{\"a\":[0", ",12345", "]}"},
    {"many empty texts", "{\"a\":[\"\"", ",\"\"", "]}"},
    {"a long name", "{\"", "name", "\":1}"},
    {"many long texts", "{\"a\":[\"\"",
     ",\"0123456789012345678901234567890123456789012345678901234567890123456789\"", "]}"},
    {"many arrays", "{\"a\":[[]", ",[1,[2,[3,{\"b\":\"c\"}]]]", "]}"},
    {"large numbers", "{\"a\":[1", ",1.23456789012345678901234567890123456789", "]}"},
    {"one number of a million digits", "{\"a\":1.", "0000", "}"},
};

static void large_values_fit(void **state)
{
    const struct large_row *row = *state;
    struct json_object *members = filled(row->before, row->piece, 300000, row->after);
    char *text = written(members, 0);
    assert_int_equal(strncmp(text, "{\"v\":1,\"truncated\":true", 23), 0);
    free(text);
    json_object_put(members);
}

/* One member of any kind takes none of the others along. */
static void a_long_number_is_cut_as_text(void **state)
{
    (void)state;
    struct json_object *members =
        filled("{\"domain\":\"a.example\",\"timestamp\":1.", "0", 1000000, "}");
    char *text = written(members, 0);
    assert_non_null(strstr(text, "\"domain\":\"a.example\",\"timestamp\":\"1.000"));
    free(text);
    json_object_put(members);
}

static void a_long_key_is_cut(void **state)
{
    (void)state;
    assert_int_equal(reject_key_bytes(0), 0);
    assert_int_equal(reject_key_bytes(REJECT_KEY_MAX), REJECT_KEY_MAX);
    assert_int_equal(reject_key_bytes(8000000), REJECT_KEY_MAX);
}

static void members_are_borrowed(void **state)
{
    (void)state;
    struct json_object *members = parse(BYTES("{\"a\":\"x\",\"b\":[1]}"));
    struct json_object *value = reject_value(members, 0);
    json_object_put(value);
    char *text = json_write(members);
    assert_string_equal(text, "{\"a\":\"x\",\"b\":[1]}");
    free(text);
    json_object_put(members);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_members_there_is_the_length),
        cmocka_unit_test(exactly_the_limit_is_kept),
        cmocka_unit_test(a_byte_more_is_too_much),
        cmocka_unit_test(the_long_text_is_cut),
        cmocka_unit_test(members_are_borrowed),
        cmocka_unit_test(a_long_key_is_cut),
        cmocka_unit_test(a_long_number_is_cut_as_text),
    };
    return RUN_ROWS("reject_value", keeps, rows) +
           RUN_ROWS("reject_value of large members", large_values_fit, large_rows) +
           cmocka_run_group_tests_name("reject", tests, NULL, NULL);
}
