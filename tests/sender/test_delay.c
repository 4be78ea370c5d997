#include "sender/delay.h"

#include "tests/support/unit.h"

static const struct due_row {
    const char *name, *topic;
    int64_t want_ms;
} due_rows[] = {
    {"a minute", "delay.1m", 1060000},    {"six hours", "delay.6h", 22600000},
    {"seconds", "delay.2s", 1002000},     {"no tier", "delay.", -1},
    {"not a duration", "delay.soon", -1}, {"another topic", "lookups", -1},
};

static void due_row(void **state)
{
    const struct due_row *row = *state;
    assert_int_equal(delay_due_ms(row->topic, 1000000), row->want_ms);
}

static const struct destination_row {
    const char *name, *topic;
    int want;
} destination_rows[] = {
    {"look-ups", "lookups", 1},
    {"https", "deliveries.https", 1},
    {"smtp", "deliveries.smtp", 1},
    {"reports are made once", "reports", 0},
    {"no loops among the delays", "delay.1m", 0},
    {"nothing", "", 0},
};

static void destination_row(void **state)
{
    const struct destination_row *row = *state;
    assert_int_equal(delay_is_destination(row->topic), row->want);
}

int main(void)
{
    int failed = RUN_ROWS("due", due_row, due_rows);
    return failed + RUN_ROWS("destination", destination_row, destination_rows);
}
