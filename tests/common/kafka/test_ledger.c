#include "common/kafka/ledger.h"

#include <stdlib.h>

#include "common/memory.h"
#include "tests/support/unit.h"

/* A ledger with partition 0 of "in", committed up to 100, and what happens to it. */
struct bench {
    struct ledger ledger;
    struct ledger_partition *home;
};

static int bench_setup(void **state)
{
    struct bench *bench = mem_alloc(sizeof(*bench));
    bench->home = ledger_assign(&bench->ledger, "in", 0, 100);
    *state = bench;
    return 0;
}

static int bench_teardown(void **state)
{
    struct bench *bench = *state;
    ledger_free(&bench->ledger);
    free(bench);
    return 0;
}

static struct record *record_at(const char *topic, int32_t partition, int64_t offset)
{
    struct record *record = mem_alloc(sizeof(*record));
    record->topic = topic;
    record->partition = partition;
    record->offset = offset;
    return record;
}

static struct record *admit(struct bench *bench, int64_t offset)
{
    struct record *record = record_at("in", 0, offset);
    assert_true(ledger_admit(&bench->ledger, bench->home, record));
    return record;
}

static void finish(struct bench *bench, struct record *record, size_t outputs)
{
    for (size_t i = 0; i < outputs; i++)
        message_list_add(&record->outputs, message_new("out", 0));
    ledger_finish(&bench->ledger, record);
}

static int64_t offset_with_all(const struct bench *bench)
{
    size_t units = ledger_take(&bench->ledger, 5000, 1 << 20);
    return ledger_offset(&bench->ledger, bench->home, units);
}

static void test_nothing_read_commits_nothing(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(offset_with_all(bench), LEDGER_NO_OFFSET);
}

static void test_oldest_unfinished_is_the_offset(void **state)
{
    struct bench *bench = *state;
    struct record *first = admit(bench, 100);
    struct record *second = admit(bench, 101);
    struct record *third = admit(bench, 102);
    finish(bench, second, 1);
    assert_null(bench->ledger.units); /* it waits behind the first */
    assert_int_equal(offset_with_all(bench), LEDGER_NO_OFFSET);
    finish(bench, first, 1);
    assert_int_equal(bench->ledger.output_count, 2);
    assert_int_equal(offset_with_all(bench), 102);
    finish(bench, third, 0);
    assert_int_equal(offset_with_all(bench), 103);
}

static void test_position_counts_only_when_nothing_is_unfinished(void **state)
{
    struct bench *bench = *state;
    struct record *first = admit(bench, 100);
    bench->home->position = 107; /* markers were stepped over */
    assert_int_equal(ledger_frontier(bench->home), 100);
    finish(bench, first, 0);
    assert_int_equal(offset_with_all(bench), 107);
    ledger_committed(&bench->ledger, 0);
    assert_int_equal(bench->home->committed, 107);
    assert_int_equal(offset_with_all(bench), LEDGER_NO_OFFSET);
}

/* A transaction that writes for a partition must carry its offset, moved or not: it is what fences
 * a zombie. */
static void test_outputs_always_carry_an_offset(void **state)
{
    struct bench *bench = *state;
    struct message_list list = {0};
    message_list_add(&list, message_new("out", 0));
    ledger_emit(&bench->ledger, bench->home, &list);
    assert_int_equal(offset_with_all(bench), 100);
}

static void test_cap_leaves_whole_units_for_the_next(void **state)
{
    struct bench *bench = *state;
    finish(bench, admit(bench, 100), 3);
    finish(bench, admit(bench, 101), 3);
    finish(bench, admit(bench, 102), 3);
    size_t units = ledger_take(&bench->ledger, 6, 1 << 20);
    assert_int_equal(units, 2);
    assert_int_equal(ledger_offset(&bench->ledger, bench->home, units), 102);
    ledger_committed(&bench->ledger, units);
    assert_int_equal(bench->ledger.output_count, 3);
    assert_int_equal(ledger_take(&bench->ledger, 2, 1 << 20),
                     1); /* at least one, whatever its size */
    assert_int_equal(offset_with_all(bench), 103);
}

/* The state that a later unit holds must not be overtaken by the offset of an earlier one. */
static void test_offset_never_passes_a_unit_left_behind(void **state)
{
    struct bench *bench = *state;
    struct message_list snapshot = {0};
    finish(bench, admit(bench, 100), 1);
    finish(bench, admit(bench, 101), 0); /* folded: its outcome is in the snapshot */
    for (int i = 0; i < 4; i++)
        message_list_add(&snapshot, message_new("state", 0));
    ledger_emit(&bench->ledger, bench->home, &snapshot);
    size_t units = ledger_take(&bench->ledger, 2, 1 << 20);
    assert_int_equal(units, 1);
    assert_int_equal(ledger_offset(&bench->ledger, bench->home, units), 101);
    ledger_committed(&bench->ledger, units);
    assert_int_equal(offset_with_all(bench), 102);
}

static void test_partition_without_a_taken_unit_is_left_out(void **state)
{
    struct bench *bench = *state;
    struct ledger_partition *other = ledger_assign(&bench->ledger, "in", 1, 7);
    struct record *record = record_at("in", 1, 7);
    finish(bench, admit(bench, 100), 2);
    assert_true(ledger_admit(&bench->ledger, other, record));
    finish(bench, record, 2);
    assert_int_equal(ledger_take(&bench->ledger, 3, 1 << 20), 1);
    assert_int_equal(ledger_offset(&bench->ledger, other, 1), LEDGER_NO_OFFSET);
    assert_int_equal(ledger_offset(&bench->ledger, bench->home, 1), 101);
}

static void test_second_delivery_is_dropped(void **state)
{
    struct bench *bench = *state;
    struct record *first = admit(bench, 100);
    assert_false(ledger_admit(&bench->ledger, bench->home, record_at("in", 0, 100)));
    assert_int_equal(bench->home->record_count, 1);
    finish(bench, first, 1);
    assert_false(ledger_admit(&bench->ledger, bench->home, record_at("in", 0, 100)));
    assert_int_equal(bench->ledger.output_count, 1);
}

static void test_lost_partition_takes_its_outputs_along(void **state)
{
    struct bench *bench = *state;
    struct record *running = admit(bench, 100);
    finish(bench, admit(bench, 101), 5);
    ledger_forget(&bench->ledger, bench->home);
    assert_int_equal(bench->ledger.output_count, 0);
    assert_null(running->home);
    finish(bench, running, 1); /* too late for this owner */
    assert_int_equal(bench->ledger.output_count, 0);
}

static void come_back(struct bench *bench, int64_t committed)
{
    bench->home = ledger_assign(&bench->ledger, "in", 0, committed);
}

static void test_result_that_came_meanwhile_is_adopted(void **state)
{
    struct bench *bench = *state;
    struct record *running = admit(bench, 100);
    ledger_forget(&bench->ledger, bench->home);
    finish(bench, running, 2);
    come_back(bench, 100);
    assert_false(ledger_admit(&bench->ledger, bench->home, record_at("in", 0, 100)));
    assert_int_equal(bench->ledger.output_count, 2);
    assert_int_equal(bench->home->ahead_bytes, 0);
    assert_int_equal(offset_with_all(bench), 101);
}

static void test_result_waits_behind_an_unfinished_record(void **state)
{
    struct bench *bench = *state;
    ledger_abandon(&bench->ledger, admit(bench, 100));
    struct record *running = admit(bench, 101);
    ledger_forget(&bench->ledger, bench->home);
    finish(bench, running, 1);
    come_back(bench, 100);
    struct record *again = admit(bench, 100);
    assert_false(ledger_admit(&bench->ledger, bench->home, record_at("in", 0, 101)));
    assert_null(bench->ledger.units);
    assert_int_equal(bench->home->record_count, 2);
    finish(bench, again, 1);
    assert_int_equal(bench->ledger.output_count, 2);
    assert_int_equal(bench->home->record_count, 0);
    assert_int_equal(bench->home->ahead_bytes, 0);
    assert_int_equal(offset_with_all(bench), 102);
}

static void test_result_that_another_owner_had_is_dropped(void **state)
{
    struct bench *bench = *state;
    struct record *other = record_at("in", 1, 100);
    struct ledger_partition *elsewhere = ledger_assign(&bench->ledger, "in", 1, 100);
    struct record *done = admit(bench, 100), *running = admit(bench, 101);
    assert_true(ledger_admit(&bench->ledger, elsewhere, other));
    ledger_forget(&bench->ledger, bench->home);
    ledger_forget(&bench->ledger, elsewhere);
    finish(bench, done, 1);
    finish(bench, other, 1);
    come_back(bench, 102);
    assert_ptr_equal(bench->ledger.orphans, running); /* its job still holds it */
    assert_ptr_equal(running->next, other);           /* of a partition that is still away */
    assert_null(other->next);
    assert_int_equal(bench->ledger.output_count, 0);
    finish(bench, running, 1);
}

static void test_lost_record_that_its_job_gives_up_is_worked_on_anew(void **state)
{
    struct bench *bench = *state;
    struct record *running = admit(bench, 100);
    ledger_forget(&bench->ledger, bench->home);
    ledger_abandon(&bench->ledger, running);
    assert_null(bench->ledger.orphans);
    come_back(bench, 100);
    finish(bench, admit(bench, 100), 1);
    assert_int_equal(offset_with_all(bench), 101);
}

static void test_running_transfer_is_adopted(void **state)
{
    struct bench *bench = *state;
    struct record *running = admit(bench, 100);
    ledger_forget(&bench->ledger, bench->home);
    bench->home = ledger_assign(&bench->ledger, "in", 0, 100);
    assert_false(ledger_admit(&bench->ledger, bench->home, record_at("in", 0, 100)));
    assert_ptr_equal(bench->home->records, running);
    finish(bench, running, 1);
    assert_int_equal(bench->ledger.output_count, 1);
    assert_int_equal(offset_with_all(bench), 101);
}

static void test_abandoned_record_is_not_adopted(void **state)
{
    struct bench *bench = *state;
    ledger_abandon(&bench->ledger, admit(bench, 100));
    ledger_forget(&bench->ledger, bench->home);
    assert_null(bench->ledger.orphans);
    bench->home = ledger_assign(&bench->ledger, "in", 0, 100);
    assert_true(ledger_admit(&bench->ledger, bench->home, record_at("in", 0, 100)));
}

static void test_oldest_record_waits_since_its_timestamp(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(ledger_waits_since_ms(bench->home, 3, 9000), 0); /* nothing was read yet */
    struct record *record = admit(bench, 100);
    record->timestamp_ms = 2000;
    assert_int_equal(ledger_waits_since_ms(bench->home, 3, 9000), 2000);
    finish(bench, record, 1);
    assert_int_equal(ledger_waits_since_ms(bench->home, 0, 9000), 9000);
}

/* What comes after a quiet time did not wait for as long as that. */
static void test_next_record_waits_since_the_last_was_done(void **state)
{
    struct bench *bench = *state;
    bench->home->last_timestamp_ms = 2000;
    assert_int_equal(ledger_waits_since_ms(bench->home, 1, 3000),
                     2000); /* behind: as old as that */
    assert_int_equal(ledger_waits_since_ms(bench->home, 0, 80000), 80000);
    assert_int_equal(ledger_waits_since_ms(bench->home, 1, 85000), 80000);
    bench->home->last_timestamp_ms = 84000;
    assert_int_equal(ledger_waits_since_ms(bench->home, 1, 90000), 84000);
}

#define BENCH_TEST(function) cmocka_unit_test_setup_teardown(function, bench_setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(test_nothing_read_commits_nothing),
        BENCH_TEST(test_oldest_unfinished_is_the_offset),
        BENCH_TEST(test_position_counts_only_when_nothing_is_unfinished),
        BENCH_TEST(test_outputs_always_carry_an_offset),
        BENCH_TEST(test_cap_leaves_whole_units_for_the_next),
        BENCH_TEST(test_offset_never_passes_a_unit_left_behind),
        BENCH_TEST(test_partition_without_a_taken_unit_is_left_out),
        BENCH_TEST(test_second_delivery_is_dropped),
        BENCH_TEST(test_lost_partition_takes_its_outputs_along),
        BENCH_TEST(test_running_transfer_is_adopted),
        BENCH_TEST(test_result_that_came_meanwhile_is_adopted),
        BENCH_TEST(test_result_waits_behind_an_unfinished_record),
        BENCH_TEST(test_result_that_another_owner_had_is_dropped),
        BENCH_TEST(test_lost_record_that_its_job_gives_up_is_worked_on_anew),
        BENCH_TEST(test_abandoned_record_is_not_adopted),
        BENCH_TEST(test_oldest_record_waits_since_its_timestamp),
        BENCH_TEST(test_next_record_waits_since_the_last_was_done),
    };
    return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
