#include "producer/course.h"

#include <stdio.h>

#include "common/memory.h"
#include "tests/support/unit.h"

/* ---- one task ---- */

/* A row is the course of the task 0..9: what is asked, and what is answered.
 * Asked: S<from>-<to> a search, R a refresh, C the check. Answered: +N with N documents found,
 * L too large, T timeout, B busy, H shard, G gone, D denied, W wrong, k fine (refresh, check).
 * Then the verdict, where it is not "ask on". */
struct course_row {
    const char *name, *story, *want;
    int64_t want_holes;
};
static const struct course_row course_rows[] = {
    {"in one page", "+10 k", "S0-9 keep C done", 0},
    {"a hole is searched twice", "+9 k +9 k", "S0-9 drop R drop S0-9 keep C done", 1},
    {"a hole that was none", "+9 k +10 k", "S0-9 drop R drop S0-9 keep C done", 0},
    {"nothing but holes", "+0 k +0 k", "S0-9 drop R drop S0-9 keep C done", 10},
    {"too large is halved", "L +5 +5 k", "S0-9 drop S0-4 keep S5-9 keep C done", 0},
    {"halved again, doubled again", "L L +3 +6 +1 k",
     "S0-9 drop S0-4 drop S0-2 keep S3-8 keep S9-9 keep C done", 0},
    {"one document too large", "L L L L L +2 +4 +3 k",
     "S0-9 drop S0-4 drop S0-2 drop S0-1 drop S0-0 one S1-2 keep S3-6 keep S7-9 keep C done", 0},
    {"a hole in a half", "L +4 k +4 +5 k", "S0-9 drop S0-4 drop R drop S0-4 keep S5-9 keep C done",
     1},
    {"each page has its own second search", "L +4 k +4 +4 k +4 k",
     "S0-9 drop S0-4 drop R drop S0-4 keep S5-9 drop R drop S5-9 keep C done", 2},
    {"too large after the refresh", "+9 k L +5 +4 k +4 k",
     "S0-9 drop R drop S0-9 drop S0-4 keep S5-9 drop R drop S5-9 keep C done", 1},
    {"a timeout waits and halves", "T +5 +5 k", "S0-9 wait S0-4 keep S5-9 keep C done", 0},
    {"trouble waits and asks the same", "B D +10 k", "S0-9 wait S0-9 wait S0-9 keep C done", 0},
    {"a shard that does not answer is checked before it waits", "H k +10 k",
     "S0-9 doubt C wait S0-9 keep C done", 0},
    {"each time", "H k H k +10 k", "S0-9 doubt C wait S0-9 doubt C wait S0-9 keep C done", 0},
    {"it is not there to be checked", "H H B k +10 k",
     "S0-9 doubt C wait C wait C wait S0-9 keep C done", 0},
    {"it is another's shard", "H G", "S0-9 doubt C gone", 0},
    {"found out in the midst of it", "L +5 H G", "S0-9 drop S0-4 keep S5-9 doubt C gone", 0},
    {"what the refresh told is not forgotten", "+9 k H k +9 k",
     "S0-9 drop R drop S0-9 doubt C wait S0-9 keep C done", 1},
    {"trouble with the refresh", "+9 B k +9 k", "S0-9 drop R wait R drop S0-9 keep C done", 1},
    {"trouble with the check", "+10 H k", "S0-9 keep C wait C done", 0},
    {"gone at the search", "G", "S0-9 gone", 0},
    {"gone at the refresh", "+9 G", "S0-9 drop R gone", 0},
    {"gone at the check", "+10 G", "S0-9 keep C gone", 0},
    {"refused", "W", "S0-9 wrong", 0},
};

static enum answer answer_of(char letter)
{
    static const struct {
        char letter;
        enum answer answer;
    } letters[] = {{'+', ANSWER_OK},      {'k', ANSWER_OK},     {'L', ANSWER_TOO_LARGE},
                   {'T', ANSWER_TIMEOUT}, {'B', ANSWER_BUSY},   {'H', ANSWER_SHARD},
                   {'G', ANSWER_GONE},    {'D', ANSWER_DENIED}, {'W', ANSWER_WRONG}};
    for (size_t i = 0; i < NELEMS(letters); i++)
        if (letters[i].letter == letter)
            return letters[i].answer;
    fail_msg("no answer %c", letter);
    return ANSWER_OK;
}

static void show_ask(struct buffer *out, const struct course *course, const struct task *task)
{
    if (course->ask == COURSE_SEARCH)
        buffer_printf(out, "S%lld-%lld", (long long)course->next,
                      (long long)course_page_end(course, task));
    else
        buffer_text(out, course->ask == COURSE_REFRESH ? "R" : "C");
}

static enum course_verdict course_answer(struct course *course, const struct task *task,
                                         const char *word)
{
    enum answer answer = answer_of(*word);
    const struct page_found found = {.documents = strtoll(word + 1, NULL, 10)};
    if (course->ask == COURSE_SEARCH)
        return course_searched(course, task, answer, &found);
    return course->ask == COURSE_REFRESH ? course_refreshed(course, answer)
                                         : course_checked(course, answer);
}

static void course_row(void **state)
{
    static const char *const verdicts[] = {
        [COURSE_KEEP] = "keep",   [COURSE_DROP] = "drop",   [COURSE_WAIT] = "wait",
        [COURSE_ONE] = "one",     [COURSE_DONE] = "done",   [COURSE_GONE] = "gone",
        [COURSE_WRONG] = "wrong", [COURSE_DOUBT] = "doubt",
    };
    const struct course_row *row = *state;
    const struct task task = {.from = 0, .to = 9};
    struct course course;
    struct buffer out = {0};
    char *words = mem_text(row->story), *rest = NULL;
    course_begin(&course, &task);
    for (char *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        buffer_text(&out, out.length > 0 ? " " : "");
        show_ask(&out, &course, &task);
        buffer_printf(&out, " %s", verdicts[course_answer(&course, &task, word)]);
    }
    assert_string_equal(out.bytes, row->want);
    assert_int_equal(course.holes, row->want_holes);
    buffer_free(&out);
    free(words);
}

static void a_course_is_cut_where_it_stands(void **state)
{
    (void)state;
    char index[] = "a";
    const struct task task = {.index = index, .from = 10, .to = 19, .since_ms = 7};
    struct task rest = {0};
    struct course course;
    course_begin(&course, &task);
    course_searched(&course, &task, ANSWER_TOO_LARGE, NULL);
    course_searched(&course, &task, ANSWER_OK, &(struct page_found){5, 5});
    assert_true(course_cut(&course, &task, &rest));
    assert_int_equal(rest.from, 15);
    assert_int_equal(rest.to, 19);
    assert_int_equal(rest.since_ms, 7);
    assert_string_equal(rest.index, "a");
    assert_int_equal(course.ask, COURSE_CHECK);
}

static void a_course_at_its_end_is_not_cut(void **state)
{
    (void)state;
    const struct task task = {.from = 10, .to = 19};
    struct task rest;
    struct course course;
    course_begin(&course, &task);
    course_searched(&course, &task, ANSWER_OK, &(struct page_found){10, 10});
    assert_false(course_cut(&course, &task, &rest));
}

/* ---- shards in trouble ---- */

/* Words: <shard>!<answer>@<time> a failure, <shard>+@<time> a success, <shard>?@<time> is asked
 * about, <shard>-@<time> an attempt was given up. Answers of ? in order: n none, p probe, w wait,
 * m move. The patience is 1000. */
struct trouble_row {
    const char *name, *story, *want;
};
static const struct trouble_row trouble_rows[] = {
    {"without trouble", "0?@0 0+@1 0?@2", "nn"},
    {"first a moment's wait", "0!H@0 0?@499 0?@500", "wp"},
    {"one probe at a time", "0!H@0 0?@500 0?@501", "pw"},
    {"a probe that was given up is free again", "0!H@0 0?@500 0-@501 0?@501", "pp"},
    {"after a success all is well", "0!H@0 0?@500 0+@510 0?@511", "pn"},
    {"waits as long as it waited", "0!H@0 0?@500 0!H@2000 0?@3999 0?@4000", "pmp"},
    {"the other shard is not touched", "0!H@0 1?@1", "n"},
    {"its own fault for the patience: it makes way", "0!H@0 0!H@999 0?@1000 0!H@1000 0?@1001",
     "wm"},
    {"the whole cluster is away: nobody makes way", "0!B@0 0!B@900 0!B@1800 0!B@5000 0?@5001", "w"},
    {"alone since the others are back", "0!B@0 0!B@5000 1+@5100 0!B@5900 1+@6000 0!B@6100 0?@6101",
     "m"},
    {"not long enough alone", "0!B@0 0!B@5000 1+@5100 0!B@5900 0?@5901", "w"},
    {"no success between two failures: not alone", "0!B@0 1+@10 0!B@900 0!B@1100 0?@1101", "w"},
    {"its own success is not the others'", "0+@0 0!B@10 0!B@2000 0?@2001", "w"},
    {"denied is tried every minute", "0!D@0 0?@59999 0?@60000", "wp"},
    {"never more than half a minute", "0!H@0 0!H@100000 0?@129999 0?@130000", "mp"},
};

static void trouble_tell(struct troubles *troubles, const char *word, struct buffer *out)
{
    static const char advices[] = {
        [TROUBLE_NONE] = 'n', [TROUBLE_PROBE] = 'p', [TROUBLE_WAIT] = 'w', [TROUBLE_MOVE] = 'm'};
    char uuid[] = "U";
    const struct task task = {.uuid = uuid, .shard = word[0] - '0'};
    int64_t now_ms = strtoll(strchr(word, '@') + 1, NULL, 10);
    char advice;
    switch (word[1]) {
    case '!':
        troubles_failed(troubles, &task, answer_of(word[2]), now_ms);
        break;
    case '+':
        troubles_passed(troubles, &task, now_ms);
        break;
    case '-':
        troubles_left(troubles, &task);
        break;
    default:
        advice = advices[troubles_advise(troubles, &task, now_ms)];
        buffer_add(out, &advice, 1);
    }
}

static void trouble_row(void **state)
{
    const struct trouble_row *row = *state;
    struct troubles *troubles = troubles_new(1000);
    struct buffer out = {0};
    char *words = mem_text(row->story), *rest = NULL;
    for (char *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        trouble_tell(troubles, word, &out);
    assert_string_equal(out.bytes, row->want);
    buffer_free(&out);
    troubles_free(&troubles);
    assert_null(troubles);
    free(words);
}

static void troubles_are_counted_by_shard(void **state)
{
    (void)state;
    char uuid[] = "U";
    const struct task a = {.uuid = uuid, .shard = 0}, b = {.uuid = uuid, .shard = 1};
    struct troubles *troubles = troubles_new(1000);
    troubles_failed(troubles, &a, ANSWER_BUSY, 1);
    troubles_failed(troubles, &a, ANSWER_BUSY, 2);
    troubles_failed(troubles, &b, ANSWER_BUSY, 3);
    assert_int_equal(troubles_count(troubles), 2);
    troubles_passed(troubles, &a, 4);
    assert_int_equal(troubles_count(troubles), 1);
    troubles_free(&troubles);
}

int main(void)
{
    const struct CMUnitTest others[] = {
        cmocka_unit_test(a_course_is_cut_where_it_stands),
        cmocka_unit_test(a_course_at_its_end_is_not_cut),
        cmocka_unit_test(troubles_are_counted_by_shard),
    };
    return RUN_ROWS("courses", course_row, course_rows) +
           RUN_ROWS("troubles", trouble_row, trouble_rows) +
           cmocka_run_group_tests_name("others", others, NULL, NULL);
}
