#include "common/kafka/topics.h"

#include "common/memory.h"
#include "tests/support/unit.h"

static const struct name_row {
    const char *name, *topic;
    int64_t want_ms;
} name_rows[] = {
    {"a minute", "delay.1m", 60000},
    {"seconds that are no minutes", "delay.90s", 90000},
    {"a day", "delay.1d", 86400000},
    {"not how a tier is named", "delay.60s", -1},
    {"nor with a zero before it", "delay.01m", -1},
    {"no duration", "delay.soon", -1},
    {"nothing", "delay.", -1},
    {"no time", "delay.0", -1},
    {"another topic", "lookups", -1},
};

static void name_row(void **state)
{
    const struct name_row *row = *state;
    assert_int_equal(topics_delay_ms(row->topic), row->want_ms);
    if (row->want_ms < 0)
        return;
    char *tier = topics_delay_name(row->want_ms);
    assert_string_equal(tier, row->topic + strlen("delay."));
    free(tier);
}

/* What a former retry.delays left is found among all topics of the broker, once, and only what is
 * ours. */
static void tiers_among_topics(void **state)
{
    (void)state;
    static const char *const topics[] = {"tlsrpt.events",   "tlsrpt.delay.1m",   "tlsrpt.delay.2h",
                                         "tlsrpx.delay.3h", "tlsrpt.delay.soon", "tlsrpt.delay.2h",
                                         "tlsrpt.delay.5m", "delay.7h",          "tlsrpt"};
    struct text_list names = {0}, want = {0};
    text_list_split(&names, "delay.5m delay.1m");
    text_list_split(&want, "delay.5m delay.1m delay.2h");
    for (size_t i = 0; i < NELEMS(topics); i++)
        topics_delays_add(&names, "tlsrpt.", topics[i]);
    assert_int_equal(text_list_compare(&names, &want), 0);
    text_list_free(&names);
    text_list_free(&want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(tiers_among_topics)};
    int failed = RUN_ROWS("topics: names of delays", name_row, name_rows);
    return failed + cmocka_run_group_tests_name("topics", tests, NULL, NULL);
}
