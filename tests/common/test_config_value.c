#include "common/config_value.h"

#include "common/time.h"
#include "tests/support/unit.h"

static const struct config_key text_key = {.type = CONFIG_TEXT};
static const struct config_key needed_key = {.type = CONFIG_TEXT, .fallback = "x"};
static const struct config_key list_key = {.type = CONFIG_LIST};
static const struct config_key needed_list_key = {.type = CONFIG_LIST, .fallback = "x y"};
static const struct config_key duration_key = {
    .type = CONFIG_DURATION, .fallback = "1h", .min = 1000, .max = 2 * TIME_DAY_MS};
static const struct config_key integer_key = {
    .type = CONFIG_INTEGER, .fallback = "1000", .min = 1, .max = 10000};
static const struct config_key free_key = {.type = CONFIG_INTEGER, .fallback = "0"};
static const struct config_key choice_key = {
    .type = CONFIG_CHOICE, .fallback = "text", .choices = "text json"};

/* ---- one value of one key ---- */

static const char not_clean[] = "the value is not UTF-8 or has control characters";

static const struct row {
    const char *name;
    const struct config_key *key;
    const char *text;
    int64_t number;
    const char *complaint; /* NULL: taken */
} rows[] = {
    {"text", &text_key, "Wahl & S\xc3\xb6hne #1", 0, NULL},
    {"no text where there is no default", &text_key, "", 0, NULL},
    {"no text where there is a default", &needed_key, "", 0, "must not be empty"},
    {"text is no number", &text_key, "17", 0, NULL},
    {"no UTF-8", &text_key, "a\xff", 0, not_clean},
    {"a control character", &text_key, "a\x1b[1m", 0, not_clean},
    {"nothing but a control character", &text_key, "\x1b", 0, not_clean},
    {"a list", &list_key, "a, b", 0, NULL},
    {"an empty list where there is no default", &list_key, "", 0, NULL},
    {"an empty list where there is a default", &needed_list_key, "", 0, "must not be empty"},
    {"a duration", &duration_key, "90s", 90000, NULL},
    {"the shortest", &duration_key, "1s", 1000, NULL},
    {"the longest", &duration_key, "48h", 2 * TIME_DAY_MS, NULL},
    {"too short", &duration_key, "999ms", 0, "999ms is not between 1s and 2d"},
    {"too long", &duration_key, "49h", 0, "49h is not between 1s and 2d"},
    {"no duration", &duration_key, "1x", 0, "\"1x\" is not a duration (90s, 5m, 1h, 7d)"},
    {"no value for a duration", &duration_key, "", 0, "\"\" is not a duration (90s, 5m, 1h, 7d)"},
    {"an integer", &integer_key, "17", 17, NULL},
    {"the least", &integer_key, "1", 1, NULL},
    {"the greatest", &integer_key, "10000", 10000, NULL},
    {"too small", &integer_key, "0", 0, "0 is not between 1 and 10000"},
    {"too great", &integer_key, "10001", 0, "10001 is not between 1 and 10000"},
    {"an integer without bounds", &free_key, "-17", -17, NULL},
    {"no number", &integer_key, "many", 0, "\"many\" is not a number"},
    {"number with a tail", &integer_key, "10k", 0, "\"10k\" is not a number"},
    {"a minus alone", &free_key, "-", 0, "\"-\" is not a number"},
    {"a plus", &integer_key, "+1", 0, "\"+1\" is not a number"},
    {"number beyond 64 bits", &free_key, "99999999999999999999", 0,
     "\"99999999999999999999\" is not a number"},
    {"no value for a number", &free_key, "", 0, "\"\" is not a number"},
    {"a choice", &choice_key, "json", 0, NULL},
    {"no choice", &choice_key, "xml", 0, "\"xml\" is none of: text json"},
    {"choices are case sensitive", &choice_key, "JSON", 0, "\"JSON\" is none of: text json"},
    {"all choices are none", &choice_key, "text json", 0, "\"text json\" is none of: text json"},
};

static void row_run(void **state)
{
    const struct row *row = *state;
    struct error err = {0};
    int64_t untouched = 4711;
    int64_t number = untouched;
    int result = config_value_parse(row->key, row->text, &number, &err);
    assert_string_equal(err.text, row->complaint ? row->complaint : "");
    assert_int_equal(err.kind, row->complaint ? ERROR_CONFIG : ERROR_NONE);
    assert_int_equal(result, row->complaint ? -1 : 0);
    assert_int_equal(number, row->complaint ? untouched : row->number);
}

/* ---- numbers as a user would write them ---- */

static const struct format_row {
    const char *name; /* what is printed */
    enum config_type type;
    int64_t number;
} format_rows[] = {
    {"0", CONFIG_DURATION, 0},
    {"1ms", CONFIG_DURATION, 1},
    {"1500ms", CONFIG_DURATION, 1500},
    {"90s", CONFIG_DURATION, 90000},
    {"5m", CONFIG_DURATION, 300000},
    {"23h", CONFIG_DURATION, 23 * INT64_C(3600000)},
    {"60d", CONFIG_DURATION, 60 * TIME_DAY_MS},
    {"300000", CONFIG_INTEGER, 300000},
    {"-9223372036854775808", CONFIG_INTEGER, INT64_MIN},
};

static void format_row_run(void **state)
{
    const struct format_row *row = *state;
    char text[CONFIG_VALUE_TEXT];
    config_value_format(row->type, row->number, text);
    assert_string_equal(text, row->name);
}

int main(void)
{
    return RUN_ROWS("config values", row_run, rows) +
           RUN_ROWS("config numbers", format_row_run, format_rows);
}
