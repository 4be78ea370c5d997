#include "producer/page.h"

#include "tests/support/quotes.h"
#include "tests/support/unit.h"

/* Answers as Elasticsearch 8.19 gives them. In JSON ' stands for ". */
#define CAUSE(type, reason)                                                                        \
    "{'error':{'root_cause':[{'type':'" type "','reason':'" reason "'}],'type':'" type             \
    "','reason':'" reason "'}}"

#define DONE     "'timed_out':false,'_shards':{'total':1,'successful':1,'skipped':0,'failed':0}"
#define TOTAL(n) "'total':{'value':" n ",'relation':'eq'}"
#define PAGE(n, hits, after)                                                                       \
    "{'took':1," DONE ",'hits':{" TOTAL(n) ",'max_score':null,'hits':[" hits "]}" after "}"
#define MAX_BYTES 600

struct page_row {
    const char *name;
    long status;
    const char *body;
    enum answer want;
    const char *want_hits; /* one after the other, each in < > */
    int64_t want_documents;
};
static const struct page_row page_rows[] = {
    {"no hit", 200, PAGE("0", "", ""), ANSWER_OK, "", 0},
    {"one hit", 200, PAGE("1", "{'_id':'1'}", ""), ANSWER_OK, "<{'_id':'1'}>", 1},
    {"two with blanks", 200, PAGE("2", " {'a':1} ,\n{'b':[{}]} ", ""), ANSWER_OK,
     "<{'a':1}><{'b':[{}]}>", 2},
    {"braces and quotes in strings", 200, PAGE("2", "{'a':'}{\\'[]\\\\'},{'}':'\\\\\\''}", ""),
     ANSWER_OK, "<{'a':'}{\\'[]\\\\'}><{'}':'\\\\\\''}>", 2},
    {"hits within a hit", 200, PAGE("1", "{'hits':{'hits':[{}]}}", ""), ANSWER_OK,
     "<{'hits':{'hits':[{}]}}>", 1},
    {"hits before the envelope's rest", 200, "{'hits':{'hits':[{'a':1}]," TOTAL("1") "}," DONE "}",
     ANSWER_OK, "<{'a':1}>", 1},
    {"another list called hits", 200,
     "{'x':{'hits':[{'a':1}]}," DONE ",'hits':{" TOTAL("0") ",'hits':[]}}", ANSWER_OK, "", 0},
    {"filtered: the range holds more", 200,
     PAGE("1", "{}", ",'aggregations':{'all':{'doc_count':7}}"), ANSWER_OK, "<{}>", 7},
    {"more than came", 200, PAGE("2", "{}", ""), ANSWER_TOO_LARGE, "<{}>", 0},
    {"not exact", 200, "{" DONE ",'hits':{'total':{'value':0,'relation':'gte'},'hits':[]}}",
     ANSWER_BUSY, "", 0},
    {"timed out", 200,
     "{'timed_out':true,'_shards':{'total':1,'successful':1,'failed':0},'hits':{" TOTAL(
         "0") ",'hits':[]}}",
     ANSWER_TIMEOUT, "", 0},
    {"no such shard", 200,
     "{'timed_out':false,'_shards':{'total':0,'successful':0,'failed':0},'hits':{" TOTAL(
         "0") ",'hits':[]}}",
     ANSWER_SHARD, "", 0},
    {"shard failed", 200,
     "{'timed_out':false,'_shards':{'total':1,'successful':0,'failed':1},'hits':{" TOTAL(
         "0") ",'hits':[]}}",
     ANSWER_SHARD, "", 0},
    {"cut after a hit", 200, "{" DONE ",'hits':{" TOTAL("1") ",'hits':[{'a':1}", ANSWER_BUSY,
     "<{'a':1}>", 0},
    {"cut in a hit", 200, "{" DONE ",'hits':{" TOTAL("1") ",'hits':[{'a':'", ANSWER_BUSY, "", 0},
    {"cut before the last brace", 200, "{" DONE ",'hits':{" TOTAL("0") ",'hits':[]}", ANSWER_BUSY,
     "", 0},
    {"nothing", 200, "", ANSWER_BUSY, "", 0},
    {"not JSON", 200, "<html></html>", ANSWER_BUSY, "", 0},
    {"something behind it", 200, PAGE("0", "", "") "}", ANSWER_BUSY, "", 0},
    {"a text among the hits", 200, PAGE("1", "'{}'", ""), ANSWER_BUSY, "", 0},
    {"a list among the hits", 200, PAGE("1", "[{}]", ""), ANSWER_BUSY, "", 0},
    {"overloaded", 429, CAUSE("circuit_breaking_exception", "[parent] Data too large"), ANSWER_BUSY,
     "", 0},
    {"deleted", 404, CAUSE("index_not_found_exception", "no such index [x]"), ANSWER_GONE, "", 0},
};

static bool hit_note(void *context, const char *hit, size_t hit_bytes)
{
    struct buffer *out = context;
    buffer_text(out, "<");
    buffer_add(out, hit, hit_bytes);
    buffer_text(out, ">");
    return true;
}

/* However the bytes are cut, the page is the same. */
static void page_check(const struct page_row *row, const char *body, size_t piece)
{
    struct error err;
    struct buffer hits = {0};
    struct page_found found = {0};
    struct page page = {.hit = hit_note, .context = &hits, .max_bytes = MAX_BYTES};
    size_t length = strlen(body);
    for (size_t at = 0; at < length; at += piece)
        if (!page_feed(&page, body + at, at + piece < length ? piece : length - at))
            break;
    enum answer answer = page_end(&page, row->status, &found, &err);
    char *want = with_quotes(row->want_hits);
    assert_string_equal(answer_name(answer), answer_name(row->want));
    assert_string_equal(hits.bytes ? hits.bytes : "", want);
    assert_int_equal(found.documents, row->want_documents);
    free(want);
    buffer_free(&hits);
    page_free(&page);
}

static void page_row(void **state)
{
    const struct page_row *row = *state;
    char *body = with_quotes(row->body);
    for (size_t piece = 1; piece <= strlen(body) + 1; piece++)
        page_check(row, body, piece);
    free(body);
}

static void a_page_is_capped(void **state)
{
    (void)state;
    struct buffer hits = {0};
    char body[MAX_BYTES + 1];
    memset(body, ' ', sizeof(body));
    struct error err;
    struct page_found found;
    struct page page = {.hit = hit_note, .context = &hits, .max_bytes = MAX_BYTES};
    assert_true(page_feed(&page, body, MAX_BYTES));
    assert_false(page_feed(&page, body, 1));
    assert_int_equal(page_end(&page, 200, &found, &err), ANSWER_TOO_LARGE);
    page_free(&page);
    buffer_free(&hits);
}

static bool hit_refuse(void *context, const char *hit, size_t hit_bytes)
{
    (void)hit;
    (void)hit_bytes;
    ++*(int *)context;
    return false;
}

static void a_reader_may_stop(void **state)
{
    (void)state;
    int calls = 0;
    struct error err;
    struct page_found found;
    char *body = with_quotes(PAGE("2", "{},{}", ""));
    struct page page = {.hit = hit_refuse, .context = &calls, .max_bytes = MAX_BYTES};
    assert_false(page_feed(&page, body, strlen(body)));
    assert_int_equal(calls, 1);
    assert_int_not_equal(page_end(&page, 200, &found, &err), ANSWER_OK);
    page_free(&page);
    free(body);
}

int main(void)
{
    const struct CMUnitTest others[] = {
        cmocka_unit_test(a_page_is_capped),
        cmocka_unit_test(a_reader_may_stop),
    };
    return RUN_ROWS("pages", page_row, page_rows) +
           cmocka_run_group_tests_name("others", others, NULL, NULL);
}
