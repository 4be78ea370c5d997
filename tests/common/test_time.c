#include "tests/support/unit.h"

#include <stdio.h>
#include <time.h>

#include "common/time.h"

#define REFUSED INT64_MIN

static const struct text_row {
    const char *name; /* also the text */
    int64_t want;     /* REFUSED or the value */
} day_rows[] = {
    {"1970-01-01", 0},        {"1969-12-31", -1},      {"2026-11-24", 20781},
    {"2000-02-29", 11016},    {"2024-02-29", 19782},   {"0000-01-01", -719528},
    {"9999-12-31", 2932896},  {"2023-02-29", REFUSED}, {"1900-02-29", REFUSED},
    {"2026-00-10", REFUSED},  {"2026-13-01", REFUSED}, {"2026-04-31", REFUSED},
    {"2026-04-00", REFUSED},  {"2026-4-01", REFUSED},  {"2026-04-01 ", REFUSED},
    {" 2026-04-01", REFUSED}, {"20260401", REFUSED},   {"2026-04-01T", REFUSED},
    {"-026-04-01", REFUSED},  {"", REFUSED},           {"2026-04-0", REFUSED},
};

static void days(void **state)
{
    const struct text_row *row = *state;
    struct error err = {0};
    int64_t day = 77;
    if (row->want == REFUSED) {
        assert_int_equal(time_day_parse(row->name, &day, &err), -1);
        assert_int_equal(err.kind, ERROR_REJECT);
        assert_int_equal(day, 77);
        return;
    }
    assert_int_equal(time_day_parse(row->name, &day, &err), 0);
    assert_int_equal(day, row->want);
    char text[TIME_DAY_TEXT];
    time_day_format(day, text);
    assert_string_equal(text, row->name);
}

/* 2026-11-24 is day 20781: 1795478400 s. */
static const struct text_row rfc3339_rows[] = {
    {"1970-01-01T00:00:00Z", 0},
    {"2026-11-24T00:00:00Z", INT64_C(1795478400000)},
    {"2026-11-24T12:34:56Z", INT64_C(1795523696000)},
    {"2026-11-24t12:34:56z", INT64_C(1795523696000)},
    {"2026-11-24 12:34:56Z", INT64_C(1795523696000)},
    {"2026-11-24T12:34:56.7Z", INT64_C(1795523696700)},
    {"2026-11-24T12:34:56.789Z", INT64_C(1795523696789)},
    {"2026-11-24T12:34:56.78999999999Z", INT64_C(1795523696789)},
    {"2026-11-24T12:34:56.0009Z", INT64_C(1795523696000)},
    {"2026-11-24T12:34:56+01:00", INT64_C(1795520096000)},
    {"2026-11-24T12:34:56-05:30", INT64_C(1795543496000)},
    {"2026-11-24T12:34:56-00:00", INT64_C(1795523696000)},
    {"1969-12-31T23:59:59.5Z", -500},
    {"2016-12-31T23:59:60Z", INT64_C(1483228799000)},
    {"2017-01-01T00:59:60+01:00", INT64_C(1483228799000)},
    {"2016-12-31T12:00:60Z", REFUSED},
    {"2016-12-31T23:59:60+01:00", REFUSED},
    {"2026-11-24T12:34:61Z", REFUSED},
    {"2026-11-24T24:00:00Z", REFUSED},
    {"2026-11-24T12:60:00Z", REFUSED},
    {"2026-11-24T12:34:56", REFUSED},
    {"2026-11-24T12:34Z", REFUSED},
    {"2026-11-24T12:34:56.Z", REFUSED},
    {"2026-11-24T12:34:56,5Z", REFUSED},
    {"2026-11-24T12:34:56+0100", REFUSED},
    {"2026-11-24T12:34:56+24:00", REFUSED},
    {"2026-11-24T12:34:56+01:60", REFUSED},
    {"2026-11-24T12:34:56Zx", REFUSED},
    {"2026-11-24T12:34:56 Z", REFUSED},
    {"2026-02-30T12:34:56Z", REFUSED},
    {"2026-11-24", REFUSED},
    {"2026-11-24_12:34:56Z", REFUSED},
    {"1795478400000", REFUSED},
    {"", REFUSED},
};

static void rfc3339(void **state)
{
    const struct text_row *row = *state;
    struct error err = {0};
    int64_t unix_ms = 77;
    int result = time_rfc3339_parse(row->name, &unix_ms, &err);
    assert_int_equal(result, row->want == REFUSED ? -1 : 0);
    assert_int_equal(err.kind, row->want == REFUSED ? ERROR_REJECT : ERROR_NONE);
    assert_true(unix_ms == (row->want == REFUSED ? 77 : row->want));
}

static const struct text_row duration_rows[] = {
    {"0", 0},
    {"0s", 0},
    {"500ms", 500},
    {"90s", 90000},
    {"5m", 300000},
    {"1h", 3600000},
    {"7d", INT64_C(604800000)},
    {"007s", 7000},
    {"9223372036854775807ms", INT64_MAX},
    {"9223372036854775808ms", REFUSED},
    {"9223372036854775807s", REFUSED},
    {"99999999999999999999999999s", REFUSED},
    {"18446744073709551617ms", REFUSED}, /* 2^64 + 1 */
    {"", REFUSED},
    {"90", REFUSED},
    {"00", REFUSED},
    {"s", REFUSED},
    {"-1s", REFUSED},
    {"+1s", REFUSED},
    {"1.5h", REFUSED},
    {"1 h", REFUSED},
    {" 1h", REFUSED},
    {"1h ", REFUSED},
    {"1h30m", REFUSED},
    {"1w", REFUSED},
    {"1S", REFUSED},
};

static void durations(void **state)
{
    const struct text_row *row = *state;
    struct error err = {0};
    int64_t duration_ms = 77;
    int result = time_duration_parse(row->name, &duration_ms, &err);
    assert_int_equal(result, row->want == REFUSED ? -1 : 0);
    assert_int_equal(err.kind, row->want == REFUSED ? ERROR_CONFIG : ERROR_NONE);
    assert_true(duration_ms == (row->want == REFUSED ? 77 : row->want));
}

static void day_of_ms_floors(void **state)
{
    (void)state;
    assert_int_equal(time_day_of_ms(0), 0);
    assert_int_equal(time_day_of_ms(TIME_DAY_MS - 1), 0);
    assert_int_equal(time_day_of_ms(TIME_DAY_MS), 1);
    assert_int_equal(time_day_of_ms(-1), -1);
    assert_int_equal(time_day_of_ms(-TIME_DAY_MS), -1);
    assert_int_equal(time_day_of_ms(-TIME_DAY_MS - 1), -2);
}

/* The C library's calendar agrees on every day of eight centuries, across all leap year rules. */
static void every_day_as_the_c_library_says(void **state)
{
    (void)state;
    for (int64_t day = -150000; day < 150000; day++) {
        time_t unix_s = (time_t)(day * TIME_DAY_S);
        struct tm tm = {0};
        char want[TIME_DAY_TEXT], got[TIME_DAY_TEXT];
        strftime(want, sizeof(want), "%Y-%m-%d", gmtime_r(&unix_s, &tm));
        time_day_format(day, got);
        int64_t parsed = 0;
        struct error err = {0};
        if (strcmp(got, want) != 0 || time_day_parse(got, &parsed, &err) < 0 || parsed != day)
            fail_msg("day %lld: %s, not %s", (long long)day, got, want);
    }
}

static void out_of_range_days_stay_in_range(void **state)
{
    (void)state;
    char text[TIME_DAY_TEXT];
    time_day_format(INT64_MIN, text);
    assert_string_equal(text, "0000-01-01");
    time_day_format(INT64_MAX, text);
    assert_string_equal(text, "9999-12-31");
    char stamp[TIME_RFC3339_TEXT];
    time_rfc3339_format(INT64_MAX, stamp);
    assert_string_equal(stamp, "9999-12-31T23:59:59Z");
    time_rfc3339_format(INT64_MIN, stamp);
    assert_string_equal(stamp, "0000-01-01T00:00:00Z");
}

static void formats_rfc3339(void **state)
{
    (void)state;
    char text[TIME_RFC3339_TEXT];
    time_rfc3339_format(INT64_C(1795478400), text);
    assert_string_equal(text, "2026-11-24T00:00:00Z");
    time_rfc3339_format(INT64_C(1795478400) + 86399, text);
    assert_string_equal(text, "2026-11-24T23:59:59Z");
    time_rfc3339_format(-1, text);
    assert_string_equal(text, "1969-12-31T23:59:59Z");
}

static void formats_rfc5322(void **state)
{
    (void)state;
    char text[TIME_RFC5322_TEXT];
    time_rfc5322_format(INT64_C(1795564800), text);
    assert_string_equal(text, "Wed, 25 Nov 2026 00:00:00 +0000");
    time_rfc5322_format(0, text);
    assert_string_equal(text, "Thu, 01 Jan 1970 00:00:00 +0000");
    time_rfc5322_format(-1, text);
    assert_string_equal(text, "Wed, 31 Dec 1969 23:59:59 +0000");
    time_rfc5322_format(951827696, text);
    assert_string_equal(text, "Tue, 29 Feb 2000 12:34:56 +0000");
}

static void clocks_tell_the_time(void **state)
{
    (void)state;
    int64_t before_ms = time_monotonic_ms();
    assert_true(time_monotonic_ms() >= before_ms);
    int64_t difference_ms = time_now_ms() - (int64_t)time(NULL) * 1000;
    assert_true(difference_ms > -5000 && difference_ms < 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(day_of_ms_floors), cmocka_unit_test(every_day_as_the_c_library_says),
        cmocka_unit_test(formats_rfc3339),  cmocka_unit_test(out_of_range_days_stay_in_range),
        cmocka_unit_test(formats_rfc5322),  cmocka_unit_test(clocks_tell_the_time),
    };
    return RUN_ROWS("time_day_parse", days, day_rows) +
           RUN_ROWS("time_rfc3339_parse", rfc3339, rfc3339_rows) +
           RUN_ROWS("time_duration_parse", durations, duration_rows) +
           cmocka_run_group_tests_name("time", tests, NULL, NULL);
}
