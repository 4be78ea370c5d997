#include "aggregator/due.h"

#include "common/memory.h"
#include "tests/support/unit.h"

#define HOUR  INT64_C(3600000)
#define DAY   (24 * HOUR)
#define D     INT64_C(20781)         /* 2026-11-24 */
#define D_END INT64_C(1795564800000) /* 2026-11-25T00:00:00Z */
#define NEVER (-1)

/* Spreads are FNV-1a 64 modulo 4 h, worked out apart from the code. */
static const struct slot_row {
    const char *name;
    const char *domain;
    int64_t grace_ms, spread_ms, watermark_ms, want_ms;
} slot_rows[] = {
    {"no spread", "example.org", HOUR, 0, NEVER, D_END + HOUR},
    {"spread by the domain", "example.org", HOUR, 4 * HOUR, NEVER, D_END + HOUR + 4501841},
    {"another domain, another slot", "example.net", HOUR, 4 * HOUR, NEVER, D_END + HOUR + 10790832},
    {"published hash vector", "foobar", 0, 4 * HOUR, NEVER, D_END + 2836968},
    {"no grace", "a", 0, 4 * HOUR, NEVER, D_END + 6841996},
    {"watermark just before the slot", "a", 0, 0, D_END - 1, D_END},
    {"the slot itself is gone: the next day's", "a", 0, 0, D_END, D_END + DAY},
    {"an hour after the slot", "a", 0, 0, D_END + HOUR, D_END + DAY},
    {"just before the second slot", "a", 0, 0, D_END + DAY - 1, D_END + DAY},
    {"at the second slot", "a", 0, 0, D_END + DAY, D_END + 2 * DAY},
    {"days later, still at the domain's time", "example.org", HOUR, 4 * HOUR,
     D_END + 3 * DAY + HOUR + 4501841, D_END + 4 * DAY + HOUR + 4501841},
};

static void slot_row(void **state)
{
    const struct slot_row *row = *state;
    assert_int_equal(due_next_ms(row->domain, D, row->grace_ms, row->spread_ms, row->watermark_ms),
                     row->want_ms);
    if (row->watermark_ms == NEVER)
        assert_int_equal(due_at_ms(row->domain, D, row->grace_ms, row->spread_ms), row->want_ms);
}

static const struct late_row {
    const char *name;
    int64_t watermark_ms;
    bool want;
} late_rows[] = {
    {"no watermark yet", NEVER, false},
    {"the day is not over", D_END - 1, false},
    {"a moment before", D_END + 7 * DAY - 1, false},
    {"seven days after its end", D_END + 7 * DAY, true},
    {"long after", D_END + 70 * DAY, true},
};

static void late_row(void **state)
{
    const struct late_row *row = *state;
    assert_int_equal(due_is_late(D, 7 * DAY, row->watermark_ms), row->want);
}

/* A step hears (of > 0) and then reads. */
static const struct clock_row {
    const char *name;
    struct {
        int32_t source, of;
        int64_t t_ms, now_ms, want_ms;
    } steps[6];
} clock_rows[] = {
    {"nothing heard", {{0, 0, 0, 1000, -1}}},
    {"one source of one", {{0, 1, 50, 1000, 50}, {0, 1, 60, 1000, 60}}},
    {"-1 until all were heard", {{0, 2, 50, 1000, -1}, {0, 2, 70, 1000, -1}, {1, 2, 40, 1000, 40}}},
    {"the least of all",
     {{0, 2, 50, 1000, -1}, {1, 2, 90, 1000, 50}, {0, 2, 95, 1000, 90}, {1, 2, 91, 1000, 91}}},
    {"a source never goes back",
     {{0, 2, 90, 1000, -1}, {0, 2, 40, 1000, -1}, {1, 2, 80, 1000, 80}}},
    {"what is no number of partitions is passed over",
     {{0, 1, 50, 1000, 50}, {0, DUE_SOURCES_MAX + 1, 60, 1000, 50}, {0, 1, 70, 1000, 70}}},
    {"never ahead of the own clock",
     {{0, 1, 5000, 1000, 1000}, {0, 1, 6000, 2000, 2000}, {0, 1, 7000, 9000, 7000}}},
    {"what was heard ahead stays at the own clock of that moment",
     {{0, 1, 5000, 1000, 1000}, {0, 0, 0, 2000, 1000}, {0, 0, 0, 9000, 1000}}},
    {"one wrong fence does not outlive the next right one",
     {{0, 2, 999999, 1000, -1}, {1, 2, 1500, 1600, 1000}, {0, 2, 1700, 1800, 1500}}},
    {"the own clock goes back, the watermark does not",
     {{0, 1, 5000, 3000, 3000}, {0, 1, 5000, 2000, 3000}}},
    {"an added source holds it where it is until heard",
     {{0, 1, 50, 1000, 50}, {0, 2, 60, 1000, 50}, {1, 2, 55, 1000, 55}}},
    {"an added source that is behind does not lower it",
     {{0, 1, 50, 1000, 50}, {1, 2, 20, 1000, 50}, {1, 2, 80, 1000, 50}, {0, 2, 70, 1000, 70}}},
    {"a smaller number of sources changes nothing",
     {{0, 2, 50, 1000, -1}, {0, 1, 60, 1000, -1}, {1, 2, 70, 1000, 60}}},
    {"no source at all", {{-1, 1, 50, 1000, -1}, {1, 1, 50, 1000, -1}}},
};

static void clock_row(void **state)
{
    const struct clock_row *row = *state;
    struct due_clock clock = {.least_ms = -1};
    for (size_t i = 0; i < NELEMS(row->steps) && row->steps[i].now_ms; i++) {
        struct watermark heard = {row->steps[i].source, row->steps[i].of, row->steps[i].t_ms};
        if (heard.of > 0)
            due_clock_hear(&clock, &heard, row->steps[i].now_ms);
        assert_int_equal(due_clock_read(&clock, row->steps[i].now_ms), row->steps[i].want_ms);
    }
    due_clock_free(&clock);
    assert_null(clock.sources.t_ms);
}

static struct watermarks stored(int64_t first_ms, int64_t second_ms)
{
    struct watermarks sources = {.t_ms = mem_alloc(2 * sizeof(int64_t)), .count = 2};
    sources.t_ms[0] = first_ms;
    sources.t_ms[1] = second_ms;
    return sources;
}

static void restored_clock_stands_where_it_stood(void **state)
{
    (void)state;
    struct due_clock clock = {.least_ms = -1};
    assert_false(due_clock_restore(&clock, stored(1000, -1), 2000));
    assert_int_equal(due_clock_read(&clock, 3000), -1);
    due_clock_free(&clock);
    assert_false(due_clock_restore(&clock, stored(1000, 2000), 2000));
    assert_int_equal(due_clock_read(&clock, 3000), 1000);
    due_clock_free(&clock);
}

/* Slots between the watermark that was used and the one that is restored would be taken for past.
 */
static void producer_ahead_loses_no_slot_at_a_takeover(void **state)
{
    (void)state;
    struct due_clock clock = {.least_ms = -1}, next = {.least_ms = -1};
    const struct watermark ahead = {.source = 0, .of = 1, .t_ms = 5000};
    due_clock_hear(&clock, &ahead, 1000);
    int64_t used_ms = due_clock_read(&clock, 1001);
    assert_false(due_clock_restore(&next, clock.sources, 3000));
    assert_int_equal(due_clock_read(&next, 3000), used_ms);
    due_clock_free(&next);
}

static void stored_ahead_is_brought_back(void **state)
{
    (void)state;
    struct due_clock clock = {.least_ms = -1};
    assert_true(due_clock_restore(&clock, stored(1000, 999999), 2000));
    assert_int_equal(clock.sources.t_ms[0], 1000);
    assert_int_equal(clock.sources.t_ms[1], 2000);
    due_clock_free(&clock);
}

static const struct exclusion_row {
    const char *name;
    const char *configured;
    const char *domain;
    bool want;
} exclusion_rows[] = {
    {"no rules", "", "example.org", false},
    {"exact name", "example.org", "example.org", true},
    {"a name is not what is below it", "example.org", "mail.example.org", false},
    {"below", ".example.org", "mail.example.org", true},
    {"below is not the name itself", ".example.org", "example.org", false},
    {"below needs a dot", ".example.org", "badexample.org", false},
    {"rules are normalized", "Example.ORG.", "example.org", true},
    {"rules below are normalized", ".Example.ORG", "mail.example.org", true},
    {"any of several", "a.example b.example", "b.example", true},
    {"none of several", "a.example b.example", "c.example", false},
};

static void exclusion_row(void **state)
{
    const struct exclusion_row *row = *state;
    struct text_list configured = {0}, rules = {0};
    struct error err = {0};
    text_list_split(&configured, row->configured);
    assert_int_equal(due_exclusions(&configured, &rules, &err), 0);
    assert_int_equal(due_is_excluded(&rules, row->domain), row->want);
    text_list_free(&configured);
    text_list_free(&rules);
}

static void exclusion_is_no_domain(void **state)
{
    (void)state;
    struct text_list configured = {0}, rules = {0};
    struct error err = {0};
    text_list_split(&configured, "good.example, not_a_domain");
    assert_int_equal(due_exclusions(&configured, &rules, &err), -1);
    assert_int_equal(err.kind, ERROR_CONFIG);
    assert_string_equal(err.text, "report.exclude_domains: \"not_a_domain\" is no domain");
    assert_int_equal(rules.count, 0);
    text_list_free(&configured);
}

#define SLOTS 1000

static int64_t next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int64_t)(*seed >> 33);
}

static void queue_gives_the_earliest_first(void **state)
{
    (void)state;
    static struct due_slot slots[SLOTS];
    struct due_queue queue = {0};
    uint64_t seed = 8460;
    assert_null(due_queue_first(&queue));
    for (size_t i = 0; i < SLOTS; i++) {
        slots[i].due_ms = next_random(&seed) % 300; /* many are equal */
        due_queue_add(&queue, &slots[i]);
    }
    size_t left = SLOTS;
    for (size_t i = 0; i < SLOTS; i += 3, left--) /* from the middle, too */
        due_queue_remove(&queue, &slots[i]);
    int64_t last_ms = -1;
    for (; left > 0; left--) {
        struct due_slot *slot = due_queue_first(&queue);
        assert_non_null(slot);
        assert_true(slot->due_ms >= last_ms);
        assert_true((slot - slots) % 3 != 0);
        last_ms = slot->due_ms;
        due_queue_remove(&queue, slot);
    }
    assert_null(due_queue_first(&queue));
    due_queue_free(&queue);
}

/* The last slot may have to rise, not sink, where another was taken out. */
static void queue_removal_can_lift_the_last(void **state)
{
    (void)state;
    struct due_slot slots[] = {{.due_ms = 1},  {.due_ms = 50}, {.due_ms = 2}, {.due_ms = 60},
                               {.due_ms = 70}, {.due_ms = 3},  {.due_ms = 4}};
    struct due_queue queue = {0};
    for (size_t i = 0; i < NELEMS(slots); i++)
        due_queue_add(&queue, &slots[i]);
    due_queue_remove(&queue, &slots[3]);
    static const int64_t want[] = {1, 2, 3, 4, 50, 70};
    for (size_t i = 0; i < NELEMS(want); i++) {
        assert_int_equal(due_queue_first(&queue)->due_ms, want[i]);
        due_queue_remove(&queue, due_queue_first(&queue));
    }
    due_queue_free(&queue);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(restored_clock_stands_where_it_stood),
        cmocka_unit_test(producer_ahead_loses_no_slot_at_a_takeover),
        cmocka_unit_test(stored_ahead_is_brought_back),
        cmocka_unit_test(exclusion_is_no_domain),
        cmocka_unit_test(queue_gives_the_earliest_first),
        cmocka_unit_test(queue_removal_can_lift_the_last),
    };
    int failed = RUN_ROWS("slots", slot_row, slot_rows);
    failed += RUN_ROWS("late", late_row, late_rows);
    failed += RUN_ROWS("clock", clock_row, clock_rows);
    failed += RUN_ROWS("exclusions", exclusion_row, exclusion_rows);
    failed += cmocka_run_group_tests_name("due", tests, NULL, NULL);
    return failed;
}
