#include "aggregator/fold.h"

#include <stdio.h>

#include "aggregator/due.h"
#include "aggregator/render.h"
#include "common/memory.h"
#include "common/time.h"
#include "tests/support/unit.h"

#define HOUR     INT64_C(3600000)
#define D        INT64_C(20781)         /* 2026-11-24 */
#define D_END    INT64_C(1795564800000) /* 2026-11-25T00:00:00Z */
#define ENVELOPE 300

static const struct fold_rules plain_rules = {
    .details_max = 1000, .envelope_bytes = ENVELOPE, .grace_ms = HOUR};

/* Writes a tally in one short line, to compare it with what the rules give:
 * `type(strings|mx) successes/failures[result member,..=count ...]; ...` */
static void write_list(struct buffer *out, const struct text_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        buffer_printf(out, "%s%s", i ? "," : "", list->items[i]);
}

static void write_detail(struct buffer *out, const struct tally_detail *counted, bool first)
{
    buffer_printf(out, "%s%s", first ? "" : " ", counted->detail.result_type);
    for (size_t m = 0; m < DETAIL_MEMBERS; m++)
        if (counted->detail.members[m])
            buffer_printf(out, ",%zu:%s", m, counted->detail.members[m]);
    buffer_printf(out, "=%lld", (long long)counted->count);
}

static char *write_tally(const struct tally *tally)
{
    struct buffer out = {0};
    for (size_t i = 0; i < tally->policy_count; i++) {
        const struct tally_policy *counted = &tally->policies[i];
        buffer_printf(&out, "%s%s(", i ? "; " : "", counted->policy.type);
        write_list(&out, &counted->policy.strings);
        buffer_text(&out, "|");
        write_list(&out, &counted->policy.mx);
        buffer_printf(&out, ") %lld/%lld", (long long)counted->successes,
                      (long long)counted->failures);
        buffer_text(&out, counted->detail_count ? "[" : "");
        for (size_t d = 0; d < counted->detail_count; d++)
            write_detail(&out, &counted->details[d], d == 0);
        buffer_text(&out, counted->detail_count ? "]" : "");
    }
    return buffer_take(&out);
}

/* One event: lists with blanks between, NULL for what is absent. */
struct given {
    const char *type, *strings, *mx, *result;
    const char *members[DETAIL_MEMBERS];
    int64_t sessions;
};

static struct event event_of(const struct given *given, int64_t day)
{
    struct event event = {.day = day, .sessions = given->sessions};
    event.policy.type = policy_type_find(given->type);
    text_list_split(&event.policy.strings, given->strings ? given->strings : "");
    text_list_split(&event.policy.mx, given->mx ? given->mx : "");
    event.detail.result_type = result_type_find(given->result);
    assert_non_null(event.policy.type);
    assert_non_null(event.detail.result_type);
    for (size_t i = 0; i < DETAIL_MEMBERS; i++)
        event.detail.members[i] = mem_text(given->members[i]);
    return event;
}

static unsigned give_day(struct fold *fold, const char *domain, int64_t day,
                         const struct given *given, int64_t offset, int64_t watermark_ms)
{
    struct event event = event_of(given, day);
    unsigned notes = fold_event(fold, domain, &event, 3, offset, watermark_ms);
    event_free(&event);
    return notes;
}

static unsigned give(struct fold *fold, const struct given *given, int64_t offset)
{
    return give_day(fold, "example.org", D, given, offset, -1);
}

static struct tally *only(const struct fold *fold)
{
    assert_int_equal(fold_count(fold), 1);
    struct tally **list = fold_list(fold);
    struct tally *tally = list[0];
    free(list);
    return tally;
}

/* All that a report costs, worked out anew from the tally. */
static size_t bytes_of(const struct tally *tally)
{
    size_t bytes = ENVELOPE;
    for (size_t i = 0; i < tally->policy_count; i++) {
        bytes += render_policy_bytes(&tally->policies[i].policy, tally->domain);
        for (size_t d = 0; d < tally->policies[i].detail_count; d++)
            bytes += render_detail_bytes(&tally->policies[i].details[d].detail);
    }
    return bytes;
}

static const struct given success = {"no-policy-found", NULL, NULL, "success", {0}, 1};

/* ---- counting ---- */

static const struct count_row {
    const char *name;
    struct given given[8]; /* ended by a NULL type */
    unsigned want_notes;   /* of all */
    const char *want;
} count_rows[] = {
    {"a success has no detail", {{"sts", "a", NULL, "success", {0}, 2}}, 0, "sts(a|) 2/0"},
    {"a failure counts in exactly one detail",
     {{"sts", "a", NULL, "certificate-expired", {"192.0.2.1"}, 2}},
     0,
     "sts(a|) 0/2[certificate-expired,0:192.0.2.1=2]"},
    {"the same adds up",
     {{"tlsa", "a", NULL, "success", {0}, 2},
      {"tlsa", "a", NULL, "success", {0}, 3},
      {"tlsa", "a", NULL, "tlsa-invalid", {0}, 4},
      {"tlsa", "a", NULL, "tlsa-invalid", {0}, 5}},
     0,
     "tlsa(a|) 5/9[tlsa-invalid=9]"},
    {"type, strings and mx make a policy, in this order",
     {{"tlsa", "a", NULL, "success", {0}, 1},
      {"sts", "b", NULL, "success", {0}, 2},
      {"sts", "a", "y", "success", {0}, 3},
      {"sts", "a b", NULL, "success", {0}, 4},
      {"sts", "a", "x", "success", {0}, 5},
      {"sts", NULL, NULL, "success", {0}, 6},
      {"no-policy-found", NULL, NULL, "success", {0}, 7}},
     0,
     "no-policy-found(|) 7/0; sts(|) 6/0; sts(a|x) 5/0; sts(a|y) 3/0; sts(a,b|) 4/0; "
     "sts(b|) 2/0; tlsa(a|) 1/0"},
    {"every member makes a detail, an absent one first",
     {{"sts", "a", NULL, "validation-failure", {"i", "h", "e", "r", "a", "c"}, 1},
      {"sts", "a", NULL, "validation-failure", {"i", "h", "e", "r", "a", NULL}, 2},
      {"sts", "a", NULL, "validation-failure", {"i", "h", "e", "r", NULL, "c"}, 3},
      {"sts", "a", NULL, "validation-failure", {"i", "h", "e", NULL, "a", "c"}, 4},
      {"sts", "a", NULL, "validation-failure", {"i", "h", NULL, "r", "a", "c"}, 5},
      {"sts", "a", NULL, "validation-failure", {"i", NULL, "e", "r", "a", "c"}, 6},
      {"sts", "a", NULL, "validation-failure", {NULL, "h", "e", "r", "a", "c"}, 7},
      {"sts", "a", NULL, "certificate-expired", {"i", "h", "e", "r", "a", "c"}, 8}},
     0,
     "sts(a|) 0/36[certificate-expired,0:i,1:h,2:e,3:r,4:a,5:c=8 "
     "validation-failure,1:h,2:e,3:r,4:a,5:c=7 validation-failure,0:i,2:e,3:r,4:a,5:c=6 "
     "validation-failure,0:i,1:h,3:r,4:a,5:c=5 validation-failure,0:i,1:h,2:e,4:a,5:c=4 "
     "validation-failure,0:i,1:h,2:e,3:r,5:c=3 validation-failure,0:i,1:h,2:e,3:r,4:a=2 "
     "validation-failure,0:i,1:h,2:e,3:r,4:a,5:c=1]"},
    {"an empty member is absent",
     {{"sts", "a", NULL, "certificate-expired", {"", "mx", ""}, 1},
      {"sts", "a", NULL, "certificate-expired", {NULL, "mx"}, 2}},
     0,
     "sts(a|) 0/3[certificate-expired,1:mx=3]"},
    {"exactly 2^32-1 is no saturation",
     {{"sts", "a", NULL, "success", {0}, 4294967294}, {"sts", "a", NULL, "success", {0}, 1}},
     0,
     "sts(a|) 4294967295/0"},
    {"successes stay at 2^32-1",
     {{"sts", "a", NULL, "success", {0}, 4294967294}, {"sts", "a", NULL, "success", {0}, 2}},
     FOLD_SATURATED,
     "sts(a|) 4294967295/0"},
    {"failures stay at 2^32-1, details on their own",
     {{"sts", "a", NULL, "certificate-expired", {0}, 4294967295},
      {"sts", "a", NULL, "validation-failure", {0}, 7}},
     FOLD_SATURATED,
     "sts(a|) 0/4294967295[certificate-expired=4294967295 validation-failure=7]"},
};

static void count_row(void **state)
{
    const struct count_row *row = *state;
    struct fold *fold = fold_new(&plain_rules);
    unsigned notes = 0;
    for (size_t i = 0; i < NELEMS(row->given) && row->given[i].type; i++)
        notes |= give(fold, &row->given[i], (int64_t)i);
    char *got = write_tally(only(fold));
    assert_string_equal(got, row->want);
    assert_int_equal(notes, row->want_notes);
    assert_int_equal(only(fold)->bytes, bytes_of(only(fold)));
    free(got);
    fold_free(&fold);
}

/* Any order of arrival gives the same tally, but for where it began. */
static void count_row_reversed(void **state)
{
    const struct count_row *row = *state;
    struct fold *fold = fold_new(&plain_rules);
    for (size_t i = NELEMS(row->given); i-- > 0;)
        if (row->given[i].type)
            give(fold, &row->given[i], (int64_t)i);
    char *got = write_tally(only(fold));
    assert_string_equal(got, row->want);
    assert_int_equal(only(fold)->bytes, bytes_of(only(fold)));
    free(got);
    fold_free(&fold);
}

/* ---- D19 ---- */

static void policies_beyond_fifty_fold(void **state)
{
    (void)state;
    struct fold *fold = fold_new(&plain_rules);
    char strings[16];
    struct given given = {"sts", strings, "mx.example.org", "success", {0}, 1};
    for (int i = 0; i < 50; i++) {
        snprintf(strings, sizeof(strings), "s%02d", i);
        assert_int_equal(give(fold, &given, i), 0);
    }
    const struct given failing = {"sts", "s77", NULL, "certificate-expired", {"192.0.2.1"}, 5};
    const struct given known = {"sts", "s00", "mx.example.org", "success", {0}, 1};
    const struct given tlsa = {"tlsa", "t", NULL, "success", {0}, 7};
    snprintf(strings, sizeof(strings), "s50");
    assert_int_equal(give(fold, &given, 50), FOLD_POLICY_FOLDED);
    assert_int_equal(give(fold, &failing, 51), FOLD_POLICY_FOLDED);
    assert_int_equal(give(fold, &known, 52), 0);
    assert_int_equal(give(fold, &tlsa, 53), FOLD_POLICY_FOLDED);
    assert_int_equal(give(fold, &success, 54), 0); /* it has nothing that could be folded */
    const struct tally *tally = only(fold);
    assert_int_equal(tally->policy_count, 53); /* one fold for each type on top */
    assert_int_equal(render_sessions(tally), 50 + 1 + 5 + 1 + 7 + 1);
    const struct tally_policy *bare = &tally->policies[1];
    assert_string_equal(bare->policy.type, "sts");
    assert_int_equal(bare->policy.strings.count + bare->policy.mx.count, 0);
    assert_int_equal(bare->successes, 1);
    assert_int_equal(bare->failures, 5);
    assert_int_equal(bare->detail_count, 1);
    assert_int_equal(tally->policies[2].successes, 2); /* s00 */
    assert_int_equal(tally->bytes, bytes_of(tally));
    fold_free(&fold);
}

/* details_max is of the whole tally, not of one policy. */
static void details_beyond_the_limit_fold(void **state)
{
    (void)state;
    struct fold_rules rules = plain_rules;
    rules.details_max = 3;
    struct fold *fold = fold_new(&rules);
    static const struct {
        struct given given;
        unsigned want;
    } steps[] = {
        {{"sts", "a", NULL, "certificate-expired", {"1"}, 1}, 0},
        {{"sts", "a", NULL, "certificate-expired", {"2"}, 2}, 0},
        {{"tlsa", "a", NULL, "tlsa-invalid", {"1"}, 4}, 0},
        {{"sts", "a", NULL, "certificate-expired", {"3"}, 8}, FOLD_DETAIL_FOLDED},
        {{"sts", "a", NULL, "certificate-expired", {"4"}, 16}, FOLD_DETAIL_FOLDED},
        {{"sts", "a", NULL, "validation-failure", {"1"}, 32}, FOLD_DETAIL_FOLDED},
        {{"sts", "a", NULL, "sts-policy-invalid", {0}, 64}, 0}, /* nothing to be folded */
        {{"sts", "a", NULL, "certificate-expired", {"2"}, 128}, 0},
        {{"tlsa", "a", NULL, "tlsa-invalid", {"2"}, 256}, FOLD_DETAIL_FOLDED},
    };
    for (size_t i = 0; i < NELEMS(steps); i++)
        assert_int_equal(give(fold, &steps[i].given, (int64_t)i), steps[i].want);
    char *got = write_tally(only(fold));
    assert_string_equal(got, "sts(a|) 0/251[certificate-expired=24 certificate-expired,0:1=1 "
                             "certificate-expired,0:2=130 sts-policy-invalid=64 "
                             "validation-failure=32]; tlsa(a|) 0/260[tlsa-invalid=256 "
                             "tlsa-invalid,0:1=4]");
    free(got);
    fold_free(&fold);
}

/* A text of 60,000 bytes that begins with a number. */
static char *long_text(int number)
{
    size_t length = 60000;
    char *text = mem_alloc(length + 1);
    memset(text, 'x', length);
    text[0] = (char)('a' + number);
    return text;
}

static void policies_beyond_a_mebibyte_fold(void **state)
{
    (void)state;
    struct fold *fold = fold_new(&plain_rules);
    for (int i = 0; i < 20; i++) { /* 17 * 60,000 < 2^20 < 18 * 60,000 */
        char *text = long_text(i);
        const struct given given = {"sts", text, NULL, "success", {0}, 1};
        assert_int_equal(give(fold, &given, i), i < 17 ? 0 : FOLD_POLICY_FOLDED);
        free(text);
    }
    const struct given small = {"tlsa", "small", NULL, "success", {0}, 1};
    assert_int_equal(give(fold, &small, 20), 0); /* there is room for this one */
    const struct tally *tally = only(fold);
    assert_int_equal(tally->policy_count, 19);
    assert_int_equal(tally->policies[0].successes, 3);
    assert_int_equal(render_sessions(tally), 21);
    assert_true(tally->bytes <= FOLD_BYTES_MAX);
    assert_int_equal(tally->bytes, bytes_of(tally));
    fold_free(&fold);
}

static void details_beyond_a_mebibyte_fold(void **state)
{
    (void)state;
    struct fold *fold = fold_new(&plain_rules);
    for (int i = 0; i < 20; i++) {
        char *text = long_text(i);
        const struct given given = {"sts", NULL, NULL, "validation-failure", {[5] = text}, 1};
        assert_int_equal(give(fold, &given, i), i < 17 ? 0 : FOLD_DETAIL_FOLDED);
        free(text);
    }
    const struct tally *tally = only(fold);
    assert_int_equal(tally->policies[0].detail_count, 18);
    assert_int_equal(tally->policies[0].details[0].count, 3);
    assert_int_equal(tally->policies[0].failures, 20);
    assert_int_equal(tally->bytes, bytes_of(tally));
    fold_free(&fold);
}

static void sending_ip_can_be_omitted(void **state)
{
    (void)state;
    struct fold_rules rules = plain_rules;
    rules.omit_sending_ip = true;
    struct fold *fold = fold_new(&rules);
    static const struct given given[] = {
        {"sts", "a", NULL, "certificate-expired", {"192.0.2.1", "mx"}, 1},
        {"sts", "a", NULL, "certificate-expired", {"192.0.2.2", "mx"}, 2},
    };
    for (size_t i = 0; i < NELEMS(given); i++)
        assert_int_equal(give(fold, &given[i], (int64_t)i), 0);
    char *got = write_tally(only(fold));
    assert_string_equal(got, "sts(a|) 0/3[certificate-expired,1:mx=3]");
    free(got);
    fold_free(&fold);
}

/* ---- keys, touching, slots ---- */

static const struct domain_row {
    const char *name;
    const char *key;
    size_t key_bytes;
    const char *want; /* NULL: counts for nobody */
} domain_rows[] = {
    {"a domain", "example.org", 11, "example.org"},
    {"only so many bytes of it", "example.orgx", 11, "example.org"},
    {"none", NULL, 0, NULL},
    {"empty", "", 0, NULL},
    {"upper case", "Example.org", 11, NULL},
    {"a trailing dot", "example.org.", 12, NULL},
    {"a NUL", "exa\0ple.org", 11, NULL},
    {"an address", "192.0.2.1", 9, NULL},
};

static void domain_row(void **state)
{
    const struct domain_row *row = *state;
    char domain[DOMAIN_MAX] = "untouched";
    assert_int_equal(fold_domain(row->key, row->key_bytes, domain), row->want != NULL);
    assert_string_equal(domain, row->want ? row->want : "untouched");
}

static void a_tally_keeps_where_its_first_event_stood(void **state)
{
    (void)state;
    struct fold *fold = fold_new(&plain_rules);
    give(fold, &success, 41);
    give(fold, &success, 7);
    assert_string_equal(only(fold)->domain, "example.org");
    assert_int_equal(only(fold)->day, D);
    assert_int_equal(only(fold)->partition, 3);
    assert_int_equal(only(fold)->offset, 41);
    fold_free(&fold);
    assert_null(fold);
    fold_free(&fold);
}

static void tallies_are_listed_by_day_then_domain(void **state)
{
    (void)state;
    static const struct {
        const char *domain;
        int64_t day;
    } want[] = {{"a.example", D}, {"b.example", D}, {"b.example", D + 1}, {"c.example", D + 1}};
    static const size_t arrival[] = {2, 1, 3, 0, 2};
    struct fold *fold = fold_new(&plain_rules);
    for (size_t i = 0; i < NELEMS(arrival); i++)
        give_day(fold, want[arrival[i]].domain, want[arrival[i]].day, &success, 0, -1);
    struct tally **list = fold_list(fold);
    assert_int_equal(fold_count(fold), NELEMS(want));
    for (size_t i = 0; i < NELEMS(want); i++) {
        assert_string_equal(list[i]->domain, want[i].domain);
        assert_int_equal(list[i]->day, want[i].day);
    }
    free(list);
    fold_free(&fold);
}

static void expect_touched(struct fold *fold, const char *const *domains, size_t count)
{
    assert_int_equal(fold_touched_count(fold), count);
    assert_int_equal(fold_touched_bytes(fold) > 0, count > 0);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(fold_next_touched(fold)->domain, domains[i]);
    assert_null(fold_next_touched(fold));
    assert_int_equal(fold_touched_count(fold), 0);
    assert_int_equal(fold_touched_bytes(fold), 0);
}

static void each_touched_tally_comes_once(void **state)
{
    (void)state;
    static const char *const arrival[] = {"b.example", "a.example", "b.example", "c.example"};
    static const char *const once[] = {"b.example", "a.example", "c.example"};
    static const char *const again[] = {"a.example"};
    struct fold *fold = fold_new(&plain_rules);
    expect_touched(fold, NULL, 0);
    for (size_t i = 0; i < NELEMS(arrival); i++)
        give_day(fold, arrival[i], D, &success, 0, -1);
    expect_touched(fold, once, NELEMS(once));
    give_day(fold, "a.example", D, &success, 0, -1);
    expect_touched(fold, again, NELEMS(again));
    fold_free(&fold);
}

static void touched_bytes_grow_with_the_tally(void **state)
{
    (void)state;
    static const struct given failing = {"sts", "a", "x", "certificate-expired", {"192.0.2.1"}, 1};
    struct fold *fold = fold_new(&plain_rules);
    give(fold, &success, 0);
    assert_int_equal(fold_touched_bytes(fold), only(fold)->bytes);
    size_t before = fold_touched_bytes(fold);
    give(fold, &failing, 1);
    assert_int_equal(fold_touched_bytes(fold), only(fold)->bytes);
    assert_true(fold_touched_bytes(fold) > before);
    fold_free(&fold);
}

static void what_is_removed_is_not_touched_nor_due(void **state)
{
    (void)state;
    static const char *const kept[] = {"b.example"};
    struct fold *fold = fold_new(&plain_rules);
    give_day(fold, "a.example", D, &success, 0, -1);
    give_day(fold, "b.example", D + 1, &success, 0, -1);
    struct tally *due = fold_next_due(fold, D_END + HOUR);
    assert_string_equal(due->domain, "a.example");
    fold_remove(fold, due);
    assert_null(fold_next_due(fold, D_END + HOUR));
    assert_int_equal(fold_count(fold), 1);
    expect_touched(fold, kept, NELEMS(kept));
    fold_free(&fold);
}

static void due_comes_in_the_order_of_the_slots(void **state)
{
    (void)state;
    struct fold_rules rules = plain_rules;
    rules.spread_ms = 4 * HOUR;
    struct fold *fold = fold_new(&rules);
    give_day(fold, "example.net", D, &success, 0, -1); /* + 10,790,832 */
    give_day(fold, "example.org", D, &success, 0, -1); /* + 4,501,841 */
    int64_t org_ms = D_END + HOUR + 4501841, net_ms = D_END + HOUR + 10790832;
    assert_null(fold_next_due(fold, -1));
    assert_null(fold_next_due(fold, org_ms - 1));
    struct tally *tally = fold_next_due(fold, org_ms);
    assert_string_equal(tally->domain, "example.org");
    assert_ptr_equal(fold_next_due(fold, net_ms), tally); /* it stays until it is removed */
    fold_remove(fold, tally);
    assert_null(fold_next_due(fold, net_ms - 1));
    assert_string_equal(fold_next_due(fold, net_ms)->domain, "example.net");
    fold_free(&fold);
}

static void a_late_session_opens_a_supplement(void **state)
{
    (void)state;
    int64_t slot_ms = D_END + HOUR;
    struct fold *fold = fold_new(&plain_rules);
    give_day(fold, "example.org", D, &success, 5, -1);
    fold_remove(fold, fold_next_due(fold, slot_ms));
    give_day(fold, "example.org", D, &success, 9, slot_ms);
    assert_null(fold_next_due(fold, slot_ms + TIME_DAY_MS - 1));
    struct tally *supplement = fold_next_due(fold, slot_ms + TIME_DAY_MS);
    assert_non_null(supplement);
    assert_int_equal(supplement->offset, 9);
    assert_int_equal(render_sessions(supplement), 1);
    fold_free(&fold);
}

/* ---- from the topic `state` ---- */

static struct tally *snapshot(const char *domain, int64_t offset, int64_t successes)
{
    struct tally *tally = mem_alloc(sizeof(*tally));
    tally->domain = mem_text(domain);
    tally->day = D;
    tally->offset = offset;
    tally->bytes = ENVELOPE;
    tally->policies = mem_alloc(sizeof(*tally->policies));
    tally->policy_count = 1;
    tally->policies[0].policy.type = POLICY_NONE;
    tally->policies[0].successes = successes;
    return tally;
}

static void the_last_snapshot_of_a_key_counts(void **state)
{
    (void)state;
    struct fold *fold = fold_new(&plain_rules);
    fold_restore(fold, snapshot("a.example", 1, 10));
    fold_restore(fold, snapshot("b.example", 2, 20));
    fold_restore(fold, snapshot("a.example", 3, 30));
    fold_forget(fold, "b.example", D);
    fold_forget(fold, "b.example", D);
    fold_forget(fold, "a.example", D + 1);
    assert_int_equal(only(fold)->offset, 3);
    assert_int_equal(only(fold)->policies[0].successes, 30);
    expect_touched(fold, NULL, 0);
    give_day(fold, "a.example", D, &success, 9, -1);
    assert_int_equal(only(fold)->offset, 3);
    assert_int_equal(only(fold)->policies[0].successes, 31);
    fold_free(&fold);
}

static const struct schedule_row {
    const char *name;
    int64_t watermark_ms, want_ms;
} schedule_rows[] = {
    {"no watermark yet", -1, D_END + HOUR},
    {"before the slot", D_END, D_END + HOUR},
    {"its report went out: a supplement", D_END + HOUR, D_END + HOUR + TIME_DAY_MS},
};

static void schedule_row(void **state)
{
    const struct schedule_row *row = *state;
    struct fold *fold = fold_new(&plain_rules);
    for (int i = 0; i < 200; i++) { /* more than the queue's first room */
        char domain[32];
        snprintf(domain, sizeof(domain), "d%d.example", i);
        fold_restore(fold, snapshot(domain, i, 1));
    }
    fold_schedule(fold, row->watermark_ms);
    assert_null(fold_next_due(fold, row->want_ms - 1));
    struct tally *tally;
    size_t due = 0;
    for (; (tally = fold_next_due(fold, row->want_ms)) != NULL; due++)
        fold_remove(fold, tally);
    assert_int_equal(due, 200);
    fold_free(&fold);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(policies_beyond_fifty_fold),
        cmocka_unit_test(details_beyond_the_limit_fold),
        cmocka_unit_test(policies_beyond_a_mebibyte_fold),
        cmocka_unit_test(details_beyond_a_mebibyte_fold),
        cmocka_unit_test(sending_ip_can_be_omitted),
        cmocka_unit_test(a_tally_keeps_where_its_first_event_stood),
        cmocka_unit_test(tallies_are_listed_by_day_then_domain),
        cmocka_unit_test(each_touched_tally_comes_once),
        cmocka_unit_test(touched_bytes_grow_with_the_tally),
        cmocka_unit_test(what_is_removed_is_not_touched_nor_due),
        cmocka_unit_test(due_comes_in_the_order_of_the_slots),
        cmocka_unit_test(a_late_session_opens_a_supplement),
        cmocka_unit_test(the_last_snapshot_of_a_key_counts),
    };
    int failed = RUN_ROWS("count", count_row, count_rows);
    failed += RUN_ROWS("count reversed", count_row_reversed, count_rows);
    failed += RUN_ROWS("domain", domain_row, domain_rows);
    failed += RUN_ROWS("schedule", schedule_row, schedule_rows);
    failed += cmocka_run_group_tests_name("fold", tests, NULL, NULL);
    return failed;
}
