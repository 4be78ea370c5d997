#include "producer/reply.h"

#include "tests/support/quotes.h"
#include "tests/support/unit.h"

static struct json_object *parsed(const char *text)
{
    struct error err = {0};
    char *body = with_quotes(text);
    struct json_object *reply = reply_parse(body, strlen(body), &err);
    free(body);
    assert_non_null(reply);
    return reply;
}

static void what_is_there_is_read(void **state)
{
    (void)state;
    int64_t number = 0;
    struct json_object *reply = parsed("{'a':{'text':'x','number':7}}");
    struct json_object *a = reply_member(reply, "a");
    assert_string_equal(reply_text(a, "text"), "x");
    assert_true(reply_number(a, "number", &number));
    assert_int_equal(number, 7);
    json_object_put(reply);
}

/* name is asked for in `object` of the reply. */
static const struct missing_row {
    const char *name, *reply;
} missing_rows[] = {
    {"no object at all", "{}"},
    {"null", "{'object':null}"},
    {"a text where an object is meant", "{'object':'x'}"},
    {"a list where an object is meant", "{'object':[{'x':1}]}"},
    {"no such member", "{'object':{'y':1}}"},
    {"a member of no use", "{'object':{'x':null}}"},
    {"a list where a value is meant", "{'object':{'x':[1]}}"},
    {"no integer, no text", "{'object':{'x':1.5}}"},
};

static void what_is_missing_harms_nobody(void **state)
{
    const struct missing_row *row = *state;
    int64_t number = 5;
    struct json_object *reply = parsed(row->reply);
    struct json_object *object = reply_member(reply, "object");
    assert_null(reply_text(object, "x"));
    assert_false(reply_number(object, "x", &number));
    assert_int_equal(number, 5);
    assert_null(reply_member(reply_member(object, "x"), "x"));
    json_object_put(reply);
}

static const struct cut_row {
    const char *name, *bytes;
} cut_rows[] = {{"nothing", ""}, {"cut", "{\"a\":"}, {"a proxy's", "<html>"}, {"a list", "[]"}};

static void what_was_cut_is_asked_again(void **state)
{
    const struct cut_row *row = *state;
    struct error err = {0};
    assert_null(reply_parse(row->bytes, strlen(row->bytes), &err));
    assert_int_equal(err.kind, ERROR_RETRY);
    assert_int_equal(reply_strange(&err, row->name), -1);
    assert_int_equal(err.kind, ERROR_RETRY);
    assert_non_null(strstr(err.text, row->name));
}

int main(void)
{
    const struct CMUnitTest others[] = {cmocka_unit_test(what_is_there_is_read)};
    return RUN_ROWS("missing", what_is_missing_harms_nobody, missing_rows) +
           RUN_ROWS("cut", what_was_cut_is_asked_again, cut_rows) +
           cmocka_run_group_tests_name("others", others, NULL, NULL);
}
