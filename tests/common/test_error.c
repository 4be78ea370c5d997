#include "tests/support/unit.h"

#include "common/error.h"

static void fills_and_returns_minus_one(void **state)
{
    (void)state;
    struct error err = {0};
    assert_int_equal(error_set(&err, ERROR_REJECT, "rua: %s %d", "bad", 7), -1);
    assert_int_equal(err.kind, ERROR_REJECT);
    assert_string_equal(err.text, "rua: bad 7");
}

static void wrap_keeps_kind_and_cause(void **state)
{
    (void)state;
    struct error err = {0};
    error_set(&err, ERROR_RETRY, "no answer");
    assert_int_equal(error_wrap(&err, "broker %d", 3), -1);
    assert_int_equal(err.kind, ERROR_RETRY);
    assert_string_equal(err.text, "broker 3: no answer");
}

static void text_stays_one_line(void **state)
{
    (void)state;
    struct error err = {0};
    error_set(&err, ERROR_FATAL, "a\nb\r\x7f%s", "c\td");
    assert_string_equal(err.text, "a b  c d");
}

static void own_text_may_be_an_argument(void **state)
{
    (void)state;
    struct error err = {0};
    error_set(&err, ERROR_RETRY, "cause");
    error_set(&err, ERROR_FATAL, "because of %s", err.text);
    assert_string_equal(err.text, "because of cause");
}

static void long_texts_are_cut(void **state)
{
    (void)state;
    struct error err = {0};
    char longer[2 * sizeof(err.text)];
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    error_set(&err, ERROR_REJECT, "%s", longer);
    assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
}

static void a_long_context_leaves_room_for_the_cause(void **state)
{
    (void)state;
    struct error err = {0};
    char longer[2 * sizeof(err.text)];
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    error_set(&err, ERROR_REJECT, "the cause");
    error_wrap(&err, "%s", longer);
    assert_non_null(strstr(err.text, "x: the cause"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_and_returns_minus_one),
        cmocka_unit_test(wrap_keeps_kind_and_cause),
        cmocka_unit_test(text_stays_one_line),
        cmocka_unit_test(own_text_may_be_an_argument),
        cmocka_unit_test(long_texts_are_cut),
        cmocka_unit_test(a_long_context_leaves_room_for_the_cause),
    };
    return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
