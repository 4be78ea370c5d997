#include "producer/document.h"

#include "common/json.h"
#include "common/memory.h"
#include "common/text.h"
#include "tests/support/unit.h"

/* ---- bytes ---- */

struct parse_row {
    const char *name, *bytes, *source; /* NULL: refused */
    int64_t version, seq_no;
};

static void parse_row(void **state)
{
    const struct parse_row *row = *state;
    struct document document = {.version = 77};
    struct error err;
    int result = document_parse(row->bytes, strlen(row->bytes), &document, &err);
    if (!row->source) {
        assert_int_equal(result, -1);
        assert_int_equal(err.kind, ERROR_REJECT);
        assert_null(document.root); /* untouched */
        assert_int_equal(document.version, 77);
        return;
    }
    assert_int_equal(result, 0);
    char *source = json_write(document.source);
    assert_string_equal(source, row->source);
    assert_int_equal(document.version, row->version);
    assert_int_equal(document.seq_no, row->seq_no);
    free(source);
    document_free(&document);
    assert_null(document.root);
}

#define BAD TEXT_REPLACEMENT
static const struct parse_row parse_rows[] = {
    {"bare", "{\"a\":1}", "{\"a\":1}", 0, -1},
    {"bare with members of a hit", "{\"_version\":3,\"_seq_no\":4}",
     "{\"_version\":3,\"_seq_no\":4}", 0, -1},
    {"a hit", "{\"_index\":\"i\",\"_version\":3,\"_seq_no\":4,\"_source\":{\"a\":1}}", "{\"a\":1}",
     3, 4},
    {"a hit without numbers", "{\"_source\":{\"a\":1}}", "{\"a\":1}", 0, -1},
    {"_source inside _source is a member", "{\"_source\":{\"_source\":{}}}", "{\"_source\":{}}", 0,
     -1},
    {"_source is a list", "{\"_source\":[]}", "{\"_source\":[]}", 0, -1},
    {"no UTF-8 in a text", "{\"a\":\"\x80x\xf0\x9f\x98y\xed\xa0\x80\"}",
     "{\"a\":\"" BAD "x" BAD "y" BAD BAD BAD "\"}", 0, -1},
    {"no UTF-8 in a name", "{\"a\xff\":1}", "{\"a" BAD "\":1}", 0, -1},
    {"no UTF-8 elsewhere", "{\"a\":1\xff}", NULL, 0, 0},
    {"no object", "[1]", NULL, 0, 0},
    {"no JSON", "{\"a\":}", NULL, 0, 0},
    {"single quotes", "{\"a\":'x'}", NULL, 0, 0},
    {"nothing", "", NULL, 0, 0},
};

/* ---- members: m of the document, as a value and as a list ---- */

struct member_row {
    const char *name, *member;
    const char *value; /* as one value, written as JSON; NULL: absent */
    const char *texts; /* as a list, each followed by ; */
};

static bool note(void *context, struct slice text)
{
    struct buffer *texts = context;
    buffer_add(texts, text.bytes, text.length);
    buffer_text(texts, ";");
    return true;
}

static struct json_object *source_of(const char *member)
{
    struct error err;
    char *text = mem_printf("{\"m\":%s}", member);
    struct json_object *source = json_parse_lenient(text, strlen(text), JSON_DEPTH_MAX, &err);
    assert_non_null(source);
    free(text);
    return source;
}

static void member_row(void **state)
{
    const struct member_row *row = *state;
    struct json_object *source = source_of(row->member);
    struct json_object *value = document_member(source, "m");
    struct buffer texts = {0};
    char *written = value ? json_write(value) : NULL;
    if (row->value)
        assert_string_equal(written, row->value);
    else
        assert_null(written);
    buffer_text(&texts, "");
    assert_true(document_each_text(source, "m", note, &texts));
    assert_string_equal(texts.bytes, row->texts);
    free(written);
    buffer_free(&texts);
    json_object_put(source);
}

static const struct member_row member_rows[] = {
    {"text", "\"x\"", "\"x\"", "x;"},
    {"number", "1", "1", ""},
    {"false", "false", "false", ""},
    {"object", "{}", "{}", ""},
    {"null", "null", NULL, ""},
    {"empty text", "\"\"", NULL, ""},
    {"blank", "\" \"", "\" \"", " ;"},
    {"empty list", "[]", NULL, ""},
    {"list of the absent", "[null,\"\",[],[[null]]]", NULL, ""},
    {"list of one", "[\"x\"]", "\"x\"", "x;"},
    {"one and the absent", "[null,[\"\",\"x\"],[]]", "\"x\"", "x;"},
    {"list of one number", "[1]", "1", ""},
    {"list of two", "[\"x\",\"y\"]", "[\"x\",\"y\"]", "x;y;"},
    {"list with others", "[\"x\",1,{\"a\":\"b\"},[\"y\"],[\"z\",\"z\"],null]",
     "[\"x\",1,{\"a\":\"b\"},[\"y\"],[\"z\",\"z\"],null]", "x;y;"},
};

static void test_kinds_of_text(void **state)
{
    (void)state;
    struct slice text = {"old", 3};
    struct json_object *source = source_of("\"a\\u0000b\"");
    assert_int_equal(document_text(source, "n", &text), DOCUMENT_ABSENT);
    assert_string_equal(text.bytes, "old"); /* untouched */
    assert_int_equal(document_text(source, "m", &text), DOCUMENT_TEXT);
    assert_int_equal(text.length, 3);
    assert_memory_equal(text.bytes, "a\0b", 3);
    json_object_put(source);
    source = source_of("[1,2]");
    assert_int_equal(document_text(source, "m", &text), DOCUMENT_NO_TEXT);
    json_object_put(source);
}

static bool only_two(void *context, struct slice text)
{
    (void)text;
    int *seen = context;
    return ++*seen < 2;
}

static void test_a_visit_can_stop(void **state)
{
    (void)state;
    int seen = 0;
    struct json_object *source = source_of("[\"a\",\"b\",\"c\"]");
    assert_false(document_each_text(source, "m", only_two, &seen));
    assert_int_equal(seen, 2);
    json_object_put(source);
    source = source_of("\"a\"");
    assert_false(document_each_text(source, "m", only_two, &seen));
    json_object_put(source);
}

/* D20: these and no others, whatever stands inside. */
static void test_members_that_are_kept(void **state)
{
    (void)state;
    struct error err;
    static const char bytes[] =
        "{\"user\":\"u\",\"receiving-mx-helo\":\"1\",\"additional-information\":2,"
        "\"receiving-ip\":true,\"receiving-mx-hostname\":\"4\",\"sending-mta-ip\":\"5\","
        "\"failure-reason-code\":\"6\",\"result-type\":\"\",\"mx-host\":[null,{\"user\":\"u\"},[]],"
        "\"policy-string\":{\"user\":\"u\"},\"policy-type\":null,\"policy-domain\":[\"7\"],"
        "\"transactionid\":\"8\",\"timestamp\":1e400,\"report-domain\":\"u\"}";
    struct json_object *source = json_parse_lenient(bytes, strlen(bytes), JSON_DEPTH_MAX, &err);
    struct json_object *members = document_members(source);
    json_object_put(source); /* the copy is its own */
    char *written = json_write(members);
    assert_string_equal(written,
                        "{\"timestamp\":1e400,\"transactionid\":\"8\",\"policy-domain\":[\"7\"],"
                        "\"mx-host\":[[]],\"result-type\":\"\",\"failure-reason-code\":\"6\","
                        "\"sending-mta-ip\":\"5\",\"receiving-mx-hostname\":\"4\","
                        "\"receiving-mx-helo\":\"1\",\"receiving-ip\":true,"
                        "\"additional-information\":2}");
    free(written);
    json_object_put(members);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds_of_text),
        cmocka_unit_test(test_a_visit_can_stop),
        cmocka_unit_test(test_members_that_are_kept),
    };
    int failed = RUN_ROWS("bytes", parse_row, parse_rows);
    failed += RUN_ROWS("members", member_row, member_rows);
    failed += cmocka_run_group_tests_name("document", tests, NULL, NULL);
    return failed;
}
