#include "tests/support/unit.h"

#include <math.h>

#include "common/json.h"
#include "common/text.h"

#define BYTES(literal) literal, sizeof(literal) - 1
#define OPEN_8         "[[[[[[[["
#define CLOSE_8        "]]]]]]]]"
#define OPEN_32        OPEN_8 OPEN_8 OPEN_8 OPEN_8
#define CLOSE_32       CLOSE_8 CLOSE_8 CLOSE_8 CLOSE_8

enum verdict { REFUSED, STRICT, LENIENT }; /* LENIENT: only where bad UTF-8 is allowed */

static const struct parse_row {
    const char *name;
    const char *bytes;
    size_t length;
    enum verdict want;
} parse_rows[] = {
    {"object", BYTES("{\"a\":1}"), STRICT},
    {"array", BYTES("[1,2]"), STRICT},
    {"text", BYTES("\"a\""), STRICT},
    {"number at the end of the input", BYTES("12"), STRICT},
    {"literal at the end of the input", BYTES("true"), STRICT},
    {"white space around", BYTES(" \t\r\n{}\r\n "), STRICT},
    {"empty", BYTES(""), REFUSED},
    {"white space only", BYTES("  "), REFUSED},
    {"null is no value", BYTES("null"), REFUSED},
    {"null as a member", BYTES("{\"a\":null}"), STRICT},
    {"trailing text", BYTES("{} x"), REFUSED},
    {"two values", BYTES("{}{}"), REFUSED},
    {"two numbers", BYTES("1 2"), REFUSED},
    {"trailing NUL", BYTES("{}\0"), REFUSED},
    {"NUL and more", BYTES("{}\0x"), REFUSED},
    {"NUL inside", BYTES("{\"a\":\0 1}"), REFUSED},
    {"raw NUL in a text", BYTES("[\"a\0b\"]"), REFUSED},
    {"cut short", BYTES("{\"a\":"), REFUSED},
    {"cut in a text", BYTES("\"a"), REFUSED},
    {"BOM", BYTES("\xef\xbb\xbf{}"), REFUSED},
    {"comment", BYTES("/* a */{}"), REFUSED},
    {"comma at the end", BYTES("[1,]"), REFUSED},
    {"comma at the end of an object", BYTES("{\"a\":1,}"), REFUSED},
    {"single quotes", BYTES("['a']"), REFUSED},
    {"bare name", BYTES("{a:1}"), REFUSED},
    {"upper case literal", BYTES("[TRUE]"), REFUSED},
    {"form feed is no white space", BYTES("[1,\f2]"), REFUSED},
    {"NaN", BYTES("{\"a\":NaN}"), LENIENT},
    {"deep NaN", BYTES("{\"a\":[{\"b\":[1,NaN]}]}"), LENIENT},
    {"NaN before a good member", BYTES("{\"a\":NaN,\"b\":1}"), LENIENT},
    {"NaN alone", BYTES("NaN"), LENIENT},
    {"Infinity", BYTES("[Infinity]"), LENIENT},
    {"minus Infinity", BYTES("[-Infinity]"), LENIENT},
    {"a double beyond doubles", BYTES("[1e999]"), LENIENT},
    {"bad UTF-8", BYTES("[\"a\xff\"]"), LENIENT},
    {"overlong UTF-8", BYTES("[\"\xc0\xaf\"]"), LENIENT},
    {"surrogate as UTF-8", BYTES("[\"\xed\xa0\x80\"]"), LENIENT},
    {"bad UTF-8 in a name", BYTES("{\"\x80\":1}"), LENIENT},
    {"UTF-8", BYTES("[\"\xe2\x82\xac\"]"), STRICT},
    {"escaped NUL", BYTES("[\"a\\u0000b\"]"), STRICT},
    {"bad escape", BYTES("[\"\\x\"]"), REFUSED},
    {"32 arrays", BYTES(OPEN_32 CLOSE_32), STRICT},
    {"32 arrays around a number", BYTES(OPEN_32 "1" CLOSE_32), STRICT},
    {"33 arrays", BYTES(OPEN_32 "[]" CLOSE_32), REFUSED},
    {"33 containers around a number", BYTES(OPEN_32 "{\"a\":1}" CLOSE_32), REFUSED},
    {"200 arrays", BYTES(OPEN_32 OPEN_32 OPEN_32 OPEN_32 OPEN_32 OPEN_32), REFUSED},
};

static void expect_parsed(const struct parse_row *row, bool lenient, bool want)
{
    struct error err = {0};
    struct json_object *value =
        lenient ? json_parse_lenient(row->bytes, row->length, JSON_DEPTH_MAX, &err)
                : json_parse(row->bytes, row->length, &err);
    assert_int_equal(value != NULL, want);
    assert_int_equal(err.kind, want ? ERROR_NONE : ERROR_REJECT);
    json_object_put(value);
}

static void parses(void **state)
{
    const struct parse_row *row = *state;
    expect_parsed(row, false, row->want == STRICT);
    expect_parsed(row, true, row->want != REFUSED);
}

static struct json_object *object_of(const char *text)
{
    struct error err = {0};
    struct json_object *object = json_parse_object(text, strlen(text), &err);
    assert_non_null(object);
    return object;
}

static void of_duplicate_names_the_last_counts(void **state)
{
    (void)state;
    struct json_object *object = object_of("{\"a\":\"1\",\"b\":2,\"a\":\"3\"}");
    assert_string_equal(json_text_or_null(object, "a"), "3");
    json_object_put(object);
}

static void lenient_keeps_nan_for_the_caller(void **state)
{
    (void)state;
    struct error err = {0};
    struct json_object *array = json_parse_lenient(BYTES("[NaN]"), JSON_DEPTH_MAX, &err);
    assert_non_null(array);
    assert_true(isnan(json_object_get_double(json_object_array_get_idx(array, 0))));
    json_object_put(array);
}

static void lenient_may_be_deeper(void **state)
{
    (void)state;
    struct error err = {0};
    struct json_object *deep = json_parse_lenient(BYTES(OPEN_32 "[1]" CLOSE_32), 33, &err);
    assert_non_null(deep);
    assert_false(json_is_deeper(deep, 33));
    assert_true(json_is_deeper(deep, 32));
    json_object_put(deep);
    assert_null(json_parse_lenient(BYTES(OPEN_32 "[[]]" CLOSE_32), 33, &err));
}

static void lenient_keeps_bad_bytes(void **state)
{
    (void)state;
    struct error err = {0};
    struct json_object *text = json_parse_lenient(BYTES("\"a\xff\xc0\""), JSON_DEPTH_MAX, &err);
    assert_non_null(text);
    assert_string_equal(json_object_get_string(text), "a\xff\xc0");
    json_object_put(text);
}

static void only_objects_are_objects(void **state)
{
    (void)state;
    struct error err = {0};
    assert_null(json_parse_object(BYTES("[]"), &err));
    assert_int_equal(err.kind, ERROR_REJECT);
    assert_null(json_parse_object(BYTES("{\"a\":NaN}"), &err));
    assert_null(json_parse_object(BYTES("{\"a\":\"\xff\"}"), &err));
}

static const struct integer_row {
    const char *name;
    const char *json;
    int64_t min, max;
    int result;
    int64_t want;
} integer_rows[] = {
    {"integer", "{\"n\":42}", 0, 100, 0, 42},
    {"negative", "{\"n\":-42}", -100, 100, 0, -42},
    {"least", "{\"n\":0}", 0, 100, 0, 0},
    {"most", "{\"n\":100}", 0, 100, 0, 100},
    {"below", "{\"n\":-1}", 0, 100, -1, 0},
    {"above", "{\"n\":101}", 0, 100, -1, 0},
    {"double", "{\"n\":1.5}", 0, 100, -1, 0},
    {"integral double", "{\"n\":1.0}", 0, 100, -1, 0},
    {"exponent", "{\"n\":1e1}", 0, 100, -1, 0},
    {"text", "{\"n\":\"1\"}", 0, 100, -1, 0},
    {"boolean", "{\"n\":true}", 0, 100, -1, 0},
    {"null", "{\"n\":null}", 0, 100, -1, 0},
    {"absent", "{\"m\":1}", 0, 100, -1, 0},
    {"largest", "{\"n\":9223372036854775807}", 0, INT64_MAX, 0, INT64_MAX},
    {"one too large", "{\"n\":9223372036854775808}", 0, INT64_MAX, -1, 0},
    {"unsigned largest", "{\"n\":18446744073709551615}", 0, INT64_MAX, -1, 0},
    {"beyond unsigned", "{\"n\":99999999999999999999999}", 0, INT64_MAX, -1, 0},
    {"small enough", "{\"n\":-9223372036854775807}", INT64_MIN, 0, 0, -INT64_MAX},
    {"far too small", "{\"n\":-99999999999999999999999}", INT64_MIN, 0, -1, 0},
};

static void gets_integers(void **state)
{
    const struct integer_row *row = *state;
    struct json_object *object = object_of(row->json);
    struct error err = {0};
    int64_t got = -7;
    assert_int_equal(json_get_integer(object, "n", row->min, row->max, &got, &err), row->result);
    assert_true(got == (row->result == 0 ? row->want : -7));
    assert_int_equal(err.kind, row->result == 0 ? ERROR_NONE : ERROR_REJECT);
    if (row->result < 0)
        assert_int_equal(strncmp(err.text, "n: ", 3), 0);
    json_object_put(object);
}

static const struct text_row {
    const char *name;
    const char *json;
    const char *want; /* NULL: refused */
} text_rows[] = {
    {"text", "{\"t\":\"abc\"}", "abc"},
    {"empty text", "{\"t\":\"\"}", ""},
    {"number", "{\"t\":1}", NULL},
    {"null", "{\"t\":null}", NULL},
    {"absent", "{}", NULL},
    {"array", "{\"t\":[\"a\"]}", NULL},
    {"NUL", "{\"t\":\"a\\u0000b\"}", NULL},
};

static void gets_texts(void **state)
{
    const struct text_row *row = *state;
    struct json_object *object = object_of(row->json);
    struct error err = {0};
    const char *got = "untouched";
    int result = json_get_text(object, "t", &got, &err);
    assert_int_equal(result, row->want ? 0 : -1);
    assert_string_equal(got, row->want ? row->want : "untouched");
    assert_int_equal(err.kind, row->want ? ERROR_NONE : ERROR_REJECT);
    json_object_put(object);
}

static void gets_arrays(void **state)
{
    (void)state;
    struct json_object *object = object_of("{\"a\":[1],\"b\":{}}");
    struct error err = {0};
    struct json_object *array = NULL;
    assert_int_equal(json_get_array(object, "a", &array, &err), 0);
    assert_int_equal(json_object_array_length(array), 1);
    assert_int_equal(json_get_array(object, "b", &array, &err), -1);
    assert_string_equal(err.text, "b: missing or not an array");
    assert_int_equal(json_get_array(object, "c", &array, &err), -1);
    assert_int_equal(json_object_array_length(array), 1);
    json_object_put(object);
}

static void what_is_no_object_has_no_members(void **state)
{
    (void)state;
    struct error err = {0};
    struct json_object *array = json_parse(BYTES("[1]"), &err);
    const char *text = NULL;
    assert_int_equal(json_get_text(array, "a", &text, &err), -1);
    assert_null(json_text_or_null(array, "a"));
    assert_int_equal(json_get_text(NULL, "a", &text, &err), -1);
    json_object_put(array);
}

static void text_or_null(void **state)
{
    (void)state;
    struct json_object *object = object_of("{\"a\":\"x\",\"b\":null,\"c\":1}");
    assert_string_equal(json_text_or_null(object, "a"), "x");
    assert_null(json_text_or_null(object, "b"));
    assert_null(json_text_or_null(object, "c"));
    assert_null(json_text_or_null(object, "d"));
    json_object_put(object);
}

static void writes_compactly(void **state)
{
    (void)state;
    struct json_object *object = json_object_new_object();
    json_add_text(object, "url", "https://a/b");
    json_add_text(object, "absent", NULL);
    json_add_integer(object, "n", INT64_MAX);
    json_add_text(object, "control", "a\n\x01\"\\\xe2\x82\xac");
    char *text = json_write(object);
    assert_string_equal(text, "{\"url\":\"https://a/b\",\"n\":9223372036854775807,"
                              "\"control\":\"a\\n\\u0001\\\"\\\\\xe2\x82\xac\"}");
    free(text);
    json_object_put(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_duplicate_names_the_last_counts),
        cmocka_unit_test(lenient_keeps_nan_for_the_caller),
        cmocka_unit_test(lenient_may_be_deeper),
        cmocka_unit_test(lenient_keeps_bad_bytes),
        cmocka_unit_test(only_objects_are_objects),
        cmocka_unit_test(gets_arrays),
        cmocka_unit_test(what_is_no_object_has_no_members),
        cmocka_unit_test(text_or_null),
        cmocka_unit_test(writes_compactly),
    };
    return RUN_ROWS("json_parse", parses, parse_rows) +
           RUN_ROWS("json_get_integer", gets_integers, integer_rows) +
           RUN_ROWS("json_get_text", gets_texts, text_rows) +
           cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
