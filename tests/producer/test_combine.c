#include "producer/combine.h"

#include "common/memory.h"
#include "common/text.h"
#include "common/wire/tally.h"
#include "tests/support/unit.h"

/* A session in one word: what is written here is all that differs. */
struct input {
    const char *domain;
    int64_t day;
    const char *type;
    const char *strings, *mx; /* items between blanks */
    const char *result;
    const char *members[DETAIL_MEMBERS];
    int64_t sessions;
};
#define SAME .domain = "a.example", .day = 20000, .type = POLICY_STS, .strings = "s t", .mx = "m n"
#define BASE SAME, .result = "tlsa-invalid", .sessions = 1

static struct event event_of(const struct input *input)
{
    struct event event = {
        .day = input->day,
        .sessions = input->sessions,
        .policy.type = policy_type_find(input->type),
        .detail.result_type = result_type_find(input->result),
    };
    text_list_split(&event.policy.strings, input->strings);
    text_list_split(&event.policy.mx, input->mx);
    for (size_t i = 0; i < DETAIL_MEMBERS; i++)
        event.detail.members[i] = mem_text(input->members[i]);
    return event;
}

static void add(struct combine *combine, const struct input *input)
{
    struct event event = event_of(input);
    combine_add(combine, input->domain, &event);
    assert_null(event.policy.type); /* taken */
    assert_int_equal(event.policy.strings.count, 0);
}

static void add_with(struct combine *combine, int64_t day, int64_t sessions)
{
    struct input input = {BASE};
    input.day = day;
    input.sessions = sessions;
    add(combine, &input);
}

static void note(void *context, const char *domain, const struct event *event)
{
    buffer_printf(context, "%s/%lld*%lld ", domain, (long long)event->day,
                  (long long)event->sessions);
}

static void assert_drained(struct combine *combine, const char *want)
{
    struct buffer got = {0};
    buffer_text(&got, "");
    combine_drain(combine, note, &got);
    assert_string_equal(got.bytes, want);
    buffer_free(&got);
}

/* ---- what makes two sessions different (D11) ---- */

struct row {
    const char *name;
    struct input a, b;
    const char *want;
};

static void pair_row(void **state)
{
    const struct row *row = *state;
    struct combine *combine = combine_new();
    add(combine, &row->a);
    add(combine, &row->b);
    assert_drained(combine, row->want);
    combine_free(&combine);
}

#define ONE "a.example/20000*2 "
#define TWO "a.example/20000*1 a.example/20000*1 "
static const struct row rows[] = {
    {"nothing", {BASE}, {BASE}, ONE},
    {"nothing, with members",
     {BASE, .members = {"1", NULL, "2"}},
     {BASE, .members = {"1", NULL, "2"}},
     ONE},
    {"domain",
     {BASE},
     {.domain = "b.example",
      .day = 20000,
      .type = POLICY_STS,
      .strings = "s t",
      .mx = "m n",
      .result = "tlsa-invalid",
      .sessions = 1},
     "a.example/20000*1 b.example/20000*1 "},
    {"day",
     {BASE},
     {.domain = "a.example",
      .day = 20001,
      .type = POLICY_STS,
      .strings = "s t",
      .mx = "m n",
      .result = "tlsa-invalid",
      .sessions = 1},
     "a.example/20000*1 a.example/20001*1 "},
    {"policy type",
     {BASE},
     {.domain = "a.example",
      .day = 20000,
      .type = POLICY_TLSA,
      .strings = "s t",
      .mx = "m n",
      .result = "tlsa-invalid",
      .sessions = 1},
     TWO},
    {"strings",
     {BASE},
     {.domain = "a.example",
      .day = 20000,
      .type = POLICY_STS,
      .strings = "s",
      .mx = "m n",
      .result = "tlsa-invalid",
      .sessions = 1},
     TWO},
    {"order of strings",
     {BASE},
     {.domain = "a.example",
      .day = 20000,
      .type = POLICY_STS,
      .strings = "t s",
      .mx = "m n",
      .result = "tlsa-invalid",
      .sessions = 1},
     TWO},
    {"where strings end",
     {BASE},
     {.domain = "a.example",
      .day = 20000,
      .type = POLICY_STS,
      .strings = "s t m",
      .mx = "n",
      .result = "tlsa-invalid",
      .sessions = 1},
     TWO},
    {"mx",
     {BASE},
     {.domain = "a.example",
      .day = 20000,
      .type = POLICY_STS,
      .strings = "s t",
      .mx = "m o",
      .result = "tlsa-invalid",
      .sessions = 1},
     TWO},
    {"result", {BASE}, {SAME, .result = "success", .sessions = 1}, TWO},
    {"a member", {BASE}, {BASE, .members = {[5] = "x"}}, TWO},
    {"a member's text", {BASE, .members = {[5] = "y"}}, {BASE, .members = {[5] = "x"}}, TWO},
    {"which member", {BASE, .members = {"x"}}, {BASE, .members = {NULL, "x"}}, TWO},
    {"where members end", {BASE, .members = {"x", "+y"}}, {BASE, .members = {"x+", "y"}}, TWO},
    {"absent members and texts that look like them",
     {BASE, .members = {NULL, "a", "+b"}},
     {BASE, .members = {"+a", NULL, "b"}},
     TWO},
};

/* ---- a batch ---- */

static void test_order_and_number(void **state)
{
    (void)state;
    struct combine *combine = combine_new();
    for (int64_t i = 0; i < 1000; i++)
        add_with(combine, 3 - i % 4, 1);
    assert_drained(combine, "a.example/3*250 a.example/2*250 a.example/1*250 a.example/0*250 ");
    assert_drained(combine, "");
    add(combine, &(struct input){BASE});
    assert_drained(combine, "a.example/20000*1 ");
    combine_free(&combine);
    assert_null(combine);
    combine_free(&combine); /* and again */
}

static void test_sum_saturates(void **state)
{
    (void)state;
    struct combine *combine = combine_new();
    add_with(combine, 1, TALLY_COUNT_MAX - 1);
    add_with(combine, 1, 1);
    add_with(combine, 1, TALLY_COUNT_MAX);
    assert_drained(combine, "a.example/1*4294967295 ");
    combine_free(&combine);
}

static void test_what_is_left_is_freed(void **state)
{
    (void)state;
    struct combine *combine = combine_new();
    add(combine, &(struct input){BASE, .members = {"x"}});
    combine_free(&combine); /* the leak checker looks */
    assert_null(combine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_number),
        cmocka_unit_test(test_sum_saturates),
        cmocka_unit_test(test_what_is_left_is_freed),
    };
    int failed = RUN_ROWS("what makes sessions different", pair_row, rows);
    failed += cmocka_run_group_tests_name("combine", tests, NULL, NULL);
    return failed;
}
