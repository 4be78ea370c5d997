#include "producer/planner.h"

#include <stdio.h>

#include "common/memory.h"
#include "tests/support/unit.h"

/* A row is a story: what the planner does in order, and all that it outputs, written by hand.
 *
 * Input, words between blanks:
 *   @T            a round begins at T
 *   NAME:UUID[!closed|!resized][=SHARD,..]  an index, planned if it wants; a shard is
 *                 HISTORY+CHECKPOINT or "-" (its primary is missing)
 *   ~NAME:UUID..  likewise, but its refresh fails
 *   ?NAME         an unlisted name that cannot be asked for
 *   0NAME         a configured name without an index
 *   x             unlisted names have nothing behind them
 *   .T            the round ends at T
 *   mKEY>PLANNED[/SINCE]  a mark is restored (index "a"), m! the end of the first round
 *   -KEY          a mark's tombstone is restored
 * Output: t<partition>:<from>-<to>[/since] a task, m<key>>planned a mark, i<uuid>/since one of an
 *   index as a whole, k<key> a tombstone, f<partition>@T a fence, e the first round's end; at each
 *   round's end (reason=n.. unplanned). */
struct row {
    const char *name, *story, *want;
};

#define PARTITIONS 2
#define DOCUMENTS  10
#define SINCE_MS   100
#define PATIENCE   1000
#define TASKS_MAX  3
#define FENCES(t)  " f0@" t " f1@" t

static const struct row rows[] = {
    {"nothing there", "m! @5000 a:U=H+-1 .5001", FENCES("5000") " ()"},
    {"one document", "m! @5000 a:U=H+0 .5001", " t0:0-0 mU/0/H>0" FENCES("5000") " ()"},
    {"exactly one task", "m! @5000 a:U=H+9 .5001", " t0:0-9 mU/0/H>9" FENCES("5000") " ()"},
    {"one more", "m! @5000 a:U=H+10 .5001", " t0:0-9 t1:10-10 mU/0/H>10" FENCES("5000") " ()"},
    {"nothing twice", "m! @5000 a:U=H+4 .5001 @6000 a:U=H+4 .6001",
     " t0:0-4 mU/0/H>4" FENCES("5000") " ()" FENCES("6000") " ()"},
    {"only what is new", "m! mU/0/H>4 @5000 a:U=H+6 .5001",
     " t0:5-6 mU/0/H>6" FENCES("5000") " ()"},
    {"the last mark counts", "m! mU/0/H>4 mU/0/H>5 @5000 a:U=H+6 .5001",
     " t0:6-6 mU/0/H>6" FENCES("5000") " ()"},
    {"shards of their own", "m! mU/1/I>4 @5000 a:U=H+0,I+5 .5001",
     " t0:0-0 mU/0/H>0 t1:5-5 mU/1/I>5" FENCES("5000") " ()"},
    {"a backlog in several units", "m! @5000 a:U=H+44 .5001",
     " t0:0-9 t1:10-19 t0:20-29 mU/0/H>29 t1:30-39 t0:40-44 mU/0/H>44" FENCES("5000") " ()"},
    {"partitions take turns over indices", "m! @5000 a:U=H+0 b:V=H+0 c:W=H+0 .5001",
     " t0:0-0 mU/0/H>0 t1:0-0 mV/0/H>0 t0:0-0 mW/0/H>0" FENCES("5000") " ()"},
    /* scan.since bounds what the very first round finds, whenever it can be planned */
    {"first round", "@5000 a:U=H+0 .5001 @6000 a:U=H+1 b:V=H+0 .6001",
     " iU/4900 e t0:0-0/4900 mU/0/H>0" FENCES(
         "5000") " () t1:1-1/4900 mU/0/H>1 t0:0-0 mV/0/H>0" FENCES("6000") " ()"},
    {"first round: a clock that is not set yet", "@50 a:U=H+0 .51",
     " iU/0 e t0:0-0 mU/0/H>0" FENCES("50") " ()"},
    {"first round: a primary comes back after the patience",
     "@5000 a:U=- .5001 @6000 a:U=- .6000 @7000 a:U=H+0 .7001",
     " iU/4900 e (primary-missing=1 0)" FENCES(
         "6000") " (primary-missing=1 0) t0:0-0/4900 mU/0/H>0" FENCES("7000") " ()"},
    {"first round: one shard of two is left out", "@5000 a:U=H+0,- .5001 @7000 a:U=H+0,I+0 .7001",
     " iU/4900 e t0:0-0/4900 mU/0/H>0 (primary-missing=1 0) t1:0-0/4900 mU/1/I>0" FENCES(
         "7000") " ()"},
    {"first round: not refreshed", "@5000 ~a:U=H+0 .5001 @7000 a:U=H+0 .7001",
     " iU/4900 e (refresh=1 1) t0:0-0/4900 mU/0/H>0" FENCES("7000") " ()"},
    {"first round: closed", "@5000 a:U!closed=H+0 .5001 @7000 a:U=H+0 .7001",
     " iU/4900 e (closed=1 1) t0:0-0/4900 mU/0/H>0" FENCES("7000") " ()"},
    {"first round: no documents yet", "@5000 a:U=H+-1 .5001 @7000 a:U=H+0 .7001",
     " iU/4900 e" FENCES("5000") " () t0:0-0/4900 mU/0/H>0" FENCES("7000") " ()"},
    {"first round: what comes while it waits is read whole",
     "@5000 a:U=- .5001 @5500 a:U=- b:V=H+0 .5501",
     " iU/4900 e (primary-missing=1 0) t0:0-0 mV/0/H>0 (primary-missing=1 0)"},
    {"first round: it goes on until every name has an index",
     "@5000 0c a:U=- .5001 @6000 0c a:U=- b:V=H+0 .6000 @7000 a:U=H+0 b:V=H+0 c:W=H+0 .7001",
     " iU/4900 (primary-missing=1 empty 0)"
     " iV/5900 t0:0-0/5900 mV/0/H>0 (primary-missing=1 empty 0)"
     " iW/6900 e t1:0-0/4900 mU/0/H>0 t0:0-0/6900 mW/0/H>0" FENCES("7000") " ()"},
    {"first round: restored afterwards", "@5000 a:U=H+0 .5001 @6000 a:U=I+0 .6001",
     " iU/4900 e t0:0-0/4900 mU/0/H>0" FENCES("5000") " () (restored=1 1)"},
    {"first round: named no more before it was planned: nobody looks for it",
     "@5000 a:U=- .5001 @6000 x .6001", " iU/4900 e (primary-missing=1 0)" FENCES("6000") " ()"},
    {"another process goes on after the first round",
     "mU/2147483647/->-1/4900 m! @7000 a:U=H+0 .7001",
     " t0:0-0/4900 mU/0/H>0" FENCES("7000") " ()"},
    {"another process goes on with the first round",
     "mU/2147483647/->-1/4900 @7000 a:U=H+0 b:V=H+0 .7001",
     " iV/6900 e t0:0-0/4900 mU/0/H>0 t1:0-0/6900 mV/0/H>0" FENCES("7000") " ()"},
    {"without a mark of the index another shard's tells",
     "m! mU/0/H>5/4900 @7000 a:U=H+5,I+0 .7001", " t0:0-0/4900 mU/1/I>0" FENCES("7000") " ()"},
    {"whichever of them has one", "m! mU/0/H>5/4900 mU/1/I>5/0 @7000 a:U=H+5,I+5,J+0 .7001",
     " t0:0-0/4900 mU/2/J>0" FENCES("7000") " ()"},
    /* what cannot be planned truthfully */
    {"primary missing: the other shard goes on", "m! @5000 a:U=-,I+0 .5001",
     " t0:0-0 mU/1/I>0 (primary-missing=1 0)"},
    {"fences go on after the patience", "m! @5000 a:U=- .5999 @6000 a:U=- .6000",
     " (primary-missing=1 0)" FENCES("6000") " (primary-missing=1 0)"},
    {"patience just not over", "m! @5000 a:U=- .5001 @5998 a:U=- .5999",
     " (primary-missing=1 0) (primary-missing=1 0)"},
    {"patience begins anew after a good round",
     "m! @5000 a:U=- .5001 @5500 a:U=H+-1 .5501 @6000 a:U=- .6001",
     " (primary-missing=1 0)" FENCES("5500") " () (primary-missing=1 0)"},
    {"patience begins anew when the clock is set back",
     "m! @5000 a:U=- .5001 @2000 a:U=- .2001 @3000 a:U=- .3000",
     " (primary-missing=1 0) (primary-missing=1 0)" FENCES("3000") " (primary-missing=1 0)"},
    {"another reason is the same hole", "m! mU/0/H>5 @5000 a:U=- .5001 @6000 a:U=H+4 .6000",
     " (primary-missing=1 0)" FENCES("6000") " (behind=1 0)"},
    {"two holes, one of them young", "m! @5000 a:U=- .5001 @6000 a:U=- b:V=- .6000",
     " (primary-missing=1 0) (primary-missing=2 0)"},
    {"checkpoint below the mark", "m! mU/0/H>5 @5000 a:U=H+4 .5001", " (behind=1 0)"},
    {"closed with something unplanned", "m! mU/0/H>5 @5000 a:U!closed=H+7 .5001", " (closed=1 2)"},
    {"closed, all planned", "m! mU/0/H>5 @5000 a:U!closed=H+5 .5001", FENCES("5000") " ()"},
    {"resized", "m! @5000 a:U!resized=H+7 .5001", " (resized=1 8)"},
    {"restored", "m! mU/0/H>5 @5000 a:U=I+9 .5001", " (restored=1 10)"},
    {"restored, both histories known", "m! mU/0/H>5 mU/0/I>8 @5000 a:U=I+9 .5001",
     " t0:9-9 mU/0/I>9" FENCES("5000") " ()"},
    {"another index with the same name", "m! mU/0/H>5 @5000 a:V=H+0 .5001",
     " t0:0-0 mV/0/H>0" FENCES("5000") " ()"},
    {"not refreshed", "m! @5000 ~a:U=H+7,I+-1 .5001", " (refresh=1 8)"},
    {"not refreshed, nothing new", "m! mU/0/H>7 @5000 ~a:U=H+7 .5001", FENCES("5000") " ()"},
    /* names */
    {"a name without index: no fence however long", "m! @5000 0a .5001 @9000 0a .9001",
     " (empty 0) (empty 0)"},
    {"the name has one again", "m! @5000 0a .5001 @9000 a:U=H+-1 .9001",
     " (empty 0)" FENCES("9000") " ()"},
    {"planned once, not listed, gone", "m! mU/0/H>5 mU/1/I>5 @5000 x .5001 @6000 x .6001",
     " kU/0/H kU/1/I" FENCES("5000") " ()" FENCES("6000") " ()"},
    {"nothing is gone while a name is without index",
     "m! mU/0/H>5 @5000 0b x .5001 @6000 a:U=H+5 .6001", " (empty 0)" FENCES("6000") " ()"},
    {"gone, and made anew under its name", "m! mU/0/H>5 mV/0/I>0 @5000 a:V=I+0 x .5001",
     " kU/0/H" FENCES("5000") " ()"},
    {"planned once, not listed, not known", "m! mU/0/H>5 @5000 ?a .5001", " (unknown=1 0)"},
    {"a listed index keeps its mark", "m! mU/0/H>5 @5000 a:U=H+5 x .5001", FENCES("5000") " ()"},
    {"a tombstone is no mark", "m! mU/0/H>5 -U/0/H @5000 a:U=I+0 .5001",
     " t0:0-0 mU/0/I>0" FENCES("5000") " ()"},
};

/* ---- the story is told ---- */

#define INDICES_MAX 8

struct story {
    struct planner *planner;
    struct index_list indices; /* of this round */
    bool refreshed[INDICES_MAX];
    bool found; /* all of them are told */
    struct buffer out;
};

static int64_t member(const char *value, const char *name, int64_t otherwise)
{
    char *quoted = mem_printf("\"%s\":", name);
    const char *at = value ? strstr(value, quoted) : NULL;
    int64_t number = at ? strtoll(at + strlen(quoted), NULL, 10) : otherwise;
    free(quoted);
    return number;
}

static void show_message(struct buffer *out, const struct message *message)
{
    const char *value = message->value;
    if (strcmp(message->topic, "plan") == 0 && message->partition == 0 && !value)
        buffer_printf(out, " k%s", message->key);
    else if (strcmp(message->topic, "plan") == 0 && strcmp(message->key, "first-round") == 0)
        buffer_text(out, " e");
    else if (strcmp(message->topic, "plan") == 0 && strstr(message->key, "/2147483647/-"))
        buffer_printf(out, " i%.*s/%lld", (int)strcspn(message->key, "/"), message->key,
                      (long long)member(value, "since", -9));
    else if (strcmp(message->topic, "plan") == 0)
        buffer_printf(out, " m%s>%lld", message->key, (long long)member(value, "planned", -9));
    else if (member(value, "fence", 0) > 0)
        buffer_printf(out, " f%d@%lld", message->partition, (long long)member(value, "fence", 0));
    else
        buffer_printf(out, " t%d:%lld-%lld", message->partition,
                      (long long)member(value, "from", -9), (long long)member(value, "to", -9));
    if (member(value, "from", -9) >= 0 && member(value, "since", 0) > 0)
        buffer_printf(out, "/%lld", (long long)member(value, "since", 0));
}

static void show(struct story *story, struct message_list *outputs)
{
    for (size_t i = 0; i < outputs->count; i++)
        show_message(&story->out, outputs->items[i]);
    message_list_free(outputs);
}

static void index_read(const char *word, struct index *index)
{
    char *copy = mem_text(word), *rest = NULL;
    index->resized = strstr(copy, "!resized");
    index->closed = strstr(copy, "!closed");
    char *shards = strchr(copy, '=');
    *shards++ = '\0';
    index->name = mem_text(strtok_r(copy, ":!", &rest));
    index->uuid = mem_text(strtok_r(NULL, ":!", &rest));
    index->shards = mem_alloc(8 * sizeof(*index->shards));
    for (char *one = strtok_r(shards, ",", &rest); one; one = strtok_r(NULL, ",", &rest)) {
        struct index_shard *shard = &index->shards[index->shard_count++];
        char *checkpoint = strchr(one, '+');
        if (!checkpoint)
            continue;
        shard->started = true;
        shard->history = mem_copy(one, (size_t)(checkpoint - one));
        shard->checkpoint = strtoll(checkpoint + 1, NULL, 10);
    }
    free(copy);
}

static void tell_index(struct story *story, const char *word)
{
    struct index index = {0};
    bool refreshed = *word != '~';
    index_read(word + !refreshed, &index);
    assert_in_range(story->indices.count, 0, INDICES_MAX - 1);
    story->refreshed[story->indices.count] = refreshed;
    index_list_add(&story->indices, &index);
}

/* All names were asked for. */
static void tell_found(struct story *story)
{
    struct message_list outputs = {0};
    if (!story->found)
        planner_found(story->planner, &story->indices, &outputs);
    story->found = true;
    show(story, &outputs);
}

static void tell_tasks(struct story *story, const struct index *index, bool refreshed)
{
    struct message_list outputs = {0};
    bool wants = planner_judge(story->planner, index);
    if (wants && !refreshed)
        planner_not_refreshed(story->planner, index);
    while (wants && refreshed && planner_tasks(story->planner, index, TASKS_MAX, &outputs))
        show(story, &outputs);
}

static void tell_mark(struct story *story, const char *word)
{
    struct error err;
    char *key = mem_text(word), *planned = strchr(key, '>');
    if (planned)
        *planned++ = '\0';
    const char *since = planned ? strchr(planned, '/') : NULL;
    char *value = planned ? mem_printf("{\"v\":1,\"index\":\"a\",\"planned\":%lld,\"since\":%s}",
                                       strtoll(planned, NULL, 10), since ? since + 1 : "0")
                          : mem_text("{\"v\":1,\"first-round\":1}");
    const char *name = planned ? key : "first-round";
    assert_int_equal(
        planner_restore(story->planner, name, strlen(name), value, strlen(value), &err), 0);
    free(value);
    free(key);
}

static void tell_end(struct story *story, int64_t now_ms)
{
    struct planner_result result;
    struct message_list outputs = {0};
    tell_found(story);
    for (size_t i = 0; i < story->indices.count; i++)
        tell_tasks(story, &story->indices.items[i], story->refreshed[i]);
    planner_end(story->planner, now_ms, &result, &outputs);
    assert_int_equal(result.fenced, outputs.count >= PARTITIONS);
    show(story, &outputs);
    buffer_text(&story->out, " (");
    for (size_t i = 0; i < PLANNER_SKIPS; i++)
        if (result.skipped[i] > 0)
            buffer_printf(&story->out, "%s=%zu ", planner_skip_name((enum planner_skip)i),
                          result.skipped[i]);
    if (result.empty > 0)
        buffer_text(&story->out, "empty ");
    if (story->out.bytes[story->out.length - 1] != '(')
        buffer_printf(&story->out, "%lld", (long long)result.unplanned);
    buffer_text(&story->out, ")");
    index_list_free(&story->indices);
    story->found = false;
}

static void tell_gone(struct story *story)
{
    struct text_list names = {0};
    struct message_list outputs = {0};
    tell_found(story);
    planner_unlisted(story->planner, &story->indices, &names);
    for (size_t i = 0; i < names.count; i++)
        planner_gone(story->planner, names.items[i], &story->indices, &outputs);
    show(story, &outputs);
    text_list_free(&names);
}

static void tell(struct story *story, const char *word)
{
    struct error err;
    if (*word == '@')
        planner_begin(story->planner, strtoll(word + 1, NULL, 10));
    else if (*word == '.')
        tell_end(story, strtoll(word + 1, NULL, 10));
    else if (*word == '?')
        planner_unknown(story->planner, word + 1);
    else if (*word == '0')
        planner_empty(story->planner, word + 1);
    else if (*word == 'm')
        tell_mark(story, word + 1);
    else if (*word == '-')
        assert_int_equal(planner_restore(story->planner, word + 1, strlen(word + 1), NULL, 0, &err),
                         0);
    else if (strcmp(word, "x") == 0)
        tell_gone(story);
    else
        tell_index(story, word);
}

static struct planner *planner_make(void)
{
    const struct planner_settings settings = {DOCUMENTS, SINCE_MS, PATIENCE, PARTITIONS};
    return planner_new(&settings);
}

static void story_row(void **state)
{
    const struct row *row = *state;
    struct story story = {.planner = planner_make()};
    char *words = mem_text(row->story), *rest = NULL;
    for (char *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        tell(&story, word);
    assert_string_equal(story.out.bytes, row->want);
    buffer_free(&story.out);
    index_list_free(&story.indices);
    planner_free(&story.planner);
    assert_null(story.planner);
    free(words);
}

/* ---- the rest ---- */

struct bad_row {
    const char *name, *key, *value;
};
static const struct bad_row bad_rows[] = {
    {"no JSON", "U/0/H", "{"},
    {"no planned", "U/0/H", "{\"v\":1,\"index\":\"a\",\"since\":0}"},
    {"no version", "U/0/H", "{\"index\":\"a\",\"planned\":1,\"since\":0}"},
    {"a newer version", "U/0/H", "{\"v\":2,\"index\":\"a\",\"planned\":1,\"since\":0}"},
    {"no key", "U", "{\"v\":1,\"index\":\"a\",\"planned\":1,\"since\":0}"},
};

/* Planning without a mark would count everything twice. */
static void an_unreadable_mark_is_fatal(void **state)
{
    const struct bad_row *row = *state;
    struct error err = {0};
    struct planner *planner = planner_make();
    assert_int_equal(
        planner_restore(planner, row->key, strlen(row->key), row->value, strlen(row->value), &err),
        -1);
    assert_int_equal(err.kind, ERROR_FATAL);
    assert_false(planner_knows(planner, "U"));
    planner_free(&planner);
}

static void what_is_forgotten_is_gone(void **state)
{
    (void)state;
    struct story story = {.planner = planner_make()};
    tell_mark(&story, "U/0/H>5");
    assert_true(planner_knows(story.planner, "U"));
    planner_forget(story.planner);
    assert_false(planner_knows(story.planner, "U"));
    planner_free(&story.planner);
}

static void unlisted_names_come_once(void **state)
{
    (void)state;
    struct text_list names = {0};
    struct story story = {.planner = planner_make()};
    tell_mark(&story, "U/0/H>5");
    tell_mark(&story, "U/1/I>5");
    planner_unlisted(story.planner, &story.indices, &names);
    assert_int_equal(names.count, 1);
    assert_string_equal(names.items[0], "a");
    text_list_free(&names);
    planner_free(&story.planner);
}

int main(void)
{
    const struct CMUnitTest others[] = {
        cmocka_unit_test(what_is_forgotten_is_gone),
        cmocka_unit_test(unlisted_names_come_once),
    };
    return RUN_ROWS("stories", story_row, rows) +
           RUN_ROWS("unreadable", an_unreadable_mark_is_fatal, bad_rows) +
           cmocka_run_group_tests_name("others", others, NULL, NULL);
}
