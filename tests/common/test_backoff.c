#include "tests/support/unit.h"

#include "common/backoff.h"

static const struct row {
    const char *name;
    int64_t age_ms, min_ms, max_ms, want_ms;
} rows[] = {
    {"first failure waits the least", 0, 1000, 60000, 1000},
    {"a clock that went back", -5, 1000, 60000, 1000},
    {"below the least", 999, 1000, 60000, 1000},
    {"as long as was waited", 4000, 1000, 60000, 4000},
    {"at the most", 60000, 1000, 60000, 60000},
    {"beyond the most", 3600000, 1000, 60000, 60000},
};

static void delays(void **state)
{
    const struct row *row = *state;
    assert_int_equal(backoff_delay_ms(row->age_ms, row->min_ms, row->max_ms), row->want_ms);
}

static void doubles_by_itself(void **state)
{
    (void)state;
    int64_t age_ms = 0;
    for (int64_t want_ms = 1000; want_ms <= 32000; want_ms = age_ms) {
        assert_int_equal(backoff_delay_ms(age_ms, 1000, 60000), want_ms);
        age_ms += want_ms;
    }
    assert_int_equal(age_ms, 64000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(doubles_by_itself)};
    return RUN_ROWS("backoff_delay_ms", delays, rows) +
           cmocka_run_group_tests_name("backoff", tests, NULL, NULL);
}
