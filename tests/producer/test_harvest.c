#include "producer/harvest.h"

#include "common/memory.h"
#include "common/text.h"
#include "tests/support/quotes.h"
#include "tests/support/unit.h"

/* A row is the story of the task 0..9 of index "a", shard 1, since MOMENT: what happens, and all
 * that is put out. Words:
 *   b   a page begins         s   a session of a.example  t   one of b.example
 *   o   an old one            e   an empty one            x   one that scan.exclude names
 *   r   one without a domain, number 7                    n   one without a result, likewise
 *   i   a session of a.example with a bad address
 *   k   the page counts       d   it does not             l   number 3 is too large
 *   c   the rest from 5 on goes to partition 2            m   the task is moved to partition 2
 *   g   the index is gone
 * Output: TOPIC[/PARTITION]:KEY:WHAT, where WHAT is how many sessions, or which numbers, or reason
 * and origin; then, behind a bar, the counts that are not 0. */
struct row {
    const char *name, *story, *want;
};
static const struct row rows[] = {
    {"nothing", "b k", "|"},
    {"a session", "b s k", "events:a.example:1 | counted=1"},
    {"identical ones are combined", "b s t s k",
     "events:a.example:2 events:b.example:1 | counted=3"},
    {"each page by itself", "b s k b s k", "events:a.example:1 events:a.example:1 | counted=2"},
    {"a page that does not count", "b s r i d", "|"},
    {"a page that is searched again", "b s r i b s k", "events:a.example:1 | counted=1"},
    {"what counts stays while the next page does not", "b s k b t r d",
     "events:a.example:1 | counted=1"},
    {"rejected ones come after the events", "b r s k",
     "events:a.example:1 rejected:-:bad-domain@a/1/7 | counted=1 rejected=1"},
    {"a rejected one keeps its domain", "b n k", "rejected:a.example:no-result@a/1/7 | rejected=1"},
    {"what is no event is counted", "b o e x k", "| empty=1 excluded=1 skipped=1"},
    {"a bad address harms nobody", "b i k", "events:a.example:1 | counted=1 bad-addresses=1"},
    {"one document larger than a page", "b s k l",
     "events:a.example:1 rejected:-:too-large@a/1/3 | counted=1 rejected=1"},
    {"the rest is a task of its own", "b s k c", "events:a.example:1 scan/2:-:5-9 | counted=1"},
    {"moved: nothing that was read counts", "b s r k b s m", "scan/2:-:0-9 |"},
    {"gone: nothing that was read counts", "b s r k b s g", "rejected:-:index-gone@a/1/0-9 |"},
};

#define MOMENT_MS INT64_C(1716000000000)
#define NOW_MS    INT64_C(1716163200000)
#define HIT(source)                                                                                \
    "{'_index':'a','_seq_no':7,'_version':1,'_source':{'timestamp':1716000000000" source "}}"
#define FROM(domain) ",'policy-domain':'" domain "','result-type':'success'"

static const char *hit_of(char word)
{
    static const struct {
        char word;
        const char *hit;
    } hits[] = {
        {'s', HIT(FROM("a.example"))},
        {'t', HIT(FROM("b.example"))},
        {'o', "{'_seq_no':7,'_source':{'timestamp':1715999999999" FROM("a.example") "}}"},
        {'e', HIT(",'transactionid':'x'")},
        {'x', HIT(FROM("own.example"))},
        {'r', HIT(",'result-type':'success'")},
        {'n', HIT(",'policy-domain':'a.example'")},
        {'i', HIT(",'policy-domain':'a.example','result-type':'certificate-expired',"
                  "'receiving-ip':'nowhere'")},
    };
    for (size_t i = 0; i < sizeof(hits) / sizeof(hits[0]); i++)
        if (hits[i].word == word)
            return hits[i].hit;
    return NULL;
}

static void tell_hit(struct harvest *harvest, const struct task *task, const char *text)
{
    struct error err;
    struct session_rules rules;
    struct text_list exclude = {0};
    text_list_add(&exclude, "policy-domain=own.example", strlen("policy-domain=own.example"));
    assert_int_equal(session_rules_init(&rules, &exclude, false, &err), 0);
    char *hit = with_quotes(text);
    harvest_hit(harvest, task, &rules, NOW_MS, hit, strlen(hit));
    free(hit);
    text_list_free(&exclude);
    session_rules_free(&rules);
}

static void tell_task(struct harvest *harvest, const struct task *task, char word)
{
    struct task rest = *task;
    rest.from = 5;
    switch (word) {
    case 'l':
        harvest_too_large(harvest, task, 3, 100);
        break;
    case 'c':
        harvest_rest(harvest, &rest, 2);
        break;
    case 'm':
        harvest_moved(harvest, task, 2);
        break;
    default:
        harvest_gone(harvest, task);
    }
}

static void tell(struct harvest *harvest, const struct task *task, char word)
{
    if (word == 'b')
        harvest_begin(harvest);
    else if (word == 'k')
        harvest_keep(harvest);
    else if (word == 'd')
        harvest_drop(harvest);
    else if (hit_of(word))
        tell_hit(harvest, task, hit_of(word));
    else
        tell_task(harvest, task, word);
}

static long long member(const char *value, const char *name)
{
    const char *at = strstr(value, name);
    assert_non_null(at);
    return strtoll(at + strlen(name), NULL, 10);
}

static void show_message(struct buffer *out, const struct message *message)
{
    buffer_text(out, message->topic);
    if (message->partition != MESSAGE_ANY_PARTITION)
        buffer_printf(out, "/%d", message->partition);
    buffer_printf(out, ":%s:", message->key ? message->key : "-");
    if (strcmp(message->topic, "events") == 0) {
        buffer_printf(out, "%lld ", member(message->value, "\"sessions\":"));
    } else if (strcmp(message->topic, "scan") == 0) {
        buffer_printf(out, "%lld-%lld ", member(message->value, "\"from\":"),
                      member(message->value, "\"to\":"));
    } else {
        assert_int_equal(message->header_count, 3);
        assert_string_equal(message->headers[0].name, "stage");
        assert_string_equal(message->headers[0].text, "scan");
        assert_string_equal(message->headers[1].name, "reason");
        assert_string_equal(message->headers[2].name, "origin");
        buffer_printf(out, "%s@%s ", message->headers[1].text, message->headers[2].text);
    }
}

static void show(struct buffer *out, const struct harvest *harvest)
{
    for (size_t i = 0; i < harvest->outputs.count; i++)
        show_message(out, harvest->outputs.items[i]);
    buffer_text(out, "|");
    for (size_t i = 0; i < HARVEST_COUNTS; i++)
        if (harvest->counts[i] > 0)
            buffer_printf(out, " %s=%lld", harvest_count_name((enum harvest_count)i),
                          (long long)harvest->counts[i]);
}

static void story_row(void **state)
{
    const struct row *row = *state;
    char index[] = "a", uuid[] = "U", history[] = "H";
    const struct task task = {.index = index,
                              .uuid = uuid,
                              .history = history,
                              .shard = 1,
                              .from = 0,
                              .to = 9,
                              .since_ms = MOMENT_MS};
    struct harvest harvest = {0};
    struct buffer out = {0};
    for (const char *word = row->story; *word; word++)
        if (*word != ' ')
            tell(&harvest, &task, *word);
    show(&out, &harvest);
    assert_string_equal(out.bytes, row->want);
    buffer_free(&out);
    harvest_free(&harvest);
    assert_int_equal(harvest.outputs.count, 0);
}

static void a_fence_becomes_a_watermark_in_every_partition(void **state)
{
    (void)state;
    const struct task fence = {.fence = true, .t_ms = 7};
    struct message_list outputs = {0};
    harvest_fence(&fence, 3, 12, 2, &outputs);
    assert_int_equal(outputs.count, 2);
    for (int32_t i = 0; i < 2; i++) {
        const struct message *message = outputs.items[i];
        assert_string_equal(message->topic, "events");
        assert_int_equal(message->partition, i);
        assert_null(message->key);
        assert_string_equal(message->value,
                            "{\"v\":1,\"type\":\"watermark\",\"source\":3,\"of\":12,\"t\":7}");
    }
    message_list_free(&outputs);
}

static void what_is_no_task_is_rejected_by_its_length(void **state)
{
    (void)state;
    struct buffer out = {0};
    struct message *message = harvest_unreadable(mem_text("scan/0/5"), 9);
    show_message(&out, message);
    assert_string_equal(out.bytes, "rejected:-:unreadable@scan/0/5 ");
    assert_string_equal(message->value, "{\"v\":1,\"length\":9}");
    buffer_free(&out);
    message_free(&message);
}

int main(void)
{
    const struct CMUnitTest others[] = {
        cmocka_unit_test(a_fence_becomes_a_watermark_in_every_partition),
        cmocka_unit_test(what_is_no_task_is_rejected_by_its_length),
    };
    return RUN_ROWS("stories", story_row, rows) +
           cmocka_run_group_tests_name("others", others, NULL, NULL);
}
