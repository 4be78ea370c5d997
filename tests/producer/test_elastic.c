#include "producer/elastic.h"

#include <stdio.h>

#include "common/json.h"
#include "common/memory.h"
#include "tests/support/quotes.h"
#include "tests/support/unit.h"

/* Answers as Elasticsearch 8.19 gives them. In JSON ' stands for ". */

/* ---- indices ---- */

#define SETTINGS(uuid, shards, more)                                                               \
    "{'settings':{'index.uuid':'" uuid "','index.number_of_shards':'" shards "'" more "}}"
#define COPY(state, primary, history, last, checkpoint, documents)                                 \
    "{'routing':{'state':'" state "','primary':" primary "},'commit':{'user_data':{"               \
    "'history_uuid':'" history "'}},'docs':{'count':" documents "},'seq_no':{'max_seq_no':" last   \
    ",'local_checkpoint':" checkpoint ",'global_checkpoint':" checkpoint "}}"
#define STATS(indices)      "{'_shards':{'total':4,'successful':2,'failed':0},'indices':{" indices "}}"
#define INDEX(uuid, shards) "{'uuid':'" uuid "','status':'open','shards':{" shards "}}"

/* An index is "NAME UUID [closed] [resized] COPIES SHARD..", a shard HISTORY:CHECKPOINT or "-". */
struct indices_row {
    const char *name, *settings, *stats, *want;
};
static const struct indices_row indices_rows[] = {
    {"two shards", "{'a':" SETTINGS("U", "2", "") "}",
     STATS("'a':" INDEX(
         "U", "'0':[" COPY("STARTED", "true", "H0", "3", "3",
                           "4") "],"
                                "'1':[" COPY("STARTED", "true", "H1", "-1", "-1", "0") "]")),
     "a U 2 H0:3 H1:-1"},
    {"the replica's figures do not count", "{'a':" SETTINGS("U", "1", "") "}",
     STATS("'a':" INDEX("U", "'0':[" COPY("STARTED", "false", "H0", "9", "2", "4") "," COPY(
                                 "STARTED", "true", "H0", "9", "9", "9") "]")),
     "a U 2 H0:9"},
    {"moving", "{'a':" SETTINGS("U", "1", "") "}",
     STATS("'a':" INDEX("U", "'0':[" COPY("RELOCATING", "true", "H0", "9", "8", "9") "," COPY(
                                 "INITIALIZING", "true", "H0", "1", "1", "1") "]")),
     "a U 1 H0:8"},
    {"primary missing", "{'a':" SETTINGS("U", "2", "") "}",
     STATS("'a':" INDEX("U", "'1':[" COPY("STARTED", "true", "H1", "0", "0", "1") "]")),
     "a U 1 - H1:0"},
    {"only a replica", "{'a':" SETTINGS("U", "1", "") "}",
     STATS("'a':" INDEX("U", "'0':[" COPY("STARTED", "false", "H", "0", "0", "1") "]")), "a U 1 -"},
    {"all of it is down: it is still there", "{'a':" SETTINGS("U", "1", "") "}",
     "{'_shards':{'total':1,'successful':0,'failed':0}}", "a U 0 -"},
    {"younger than the settings: the next round's", "{}",
     STATS("'a':" INDEX("U", "'0':[" COPY("STARTED", "true", "H", "0", "0", "1") "]")), ""},
    {"made anew between the two", "{'a':" SETTINGS("U", "1", "") "}",
     STATS("'a':" INDEX("V", "'0':[" COPY("STARTED", "true", "H", "0", "0", "1") "]")), "a U 0 -"},
    {"closed", "{'a':" SETTINGS("U", "1", "") "}",
     STATS("'a':{'uuid':'U','status':'close','shards':{'0':[" COPY("STARTED", "true", "H", "3", "3",
                                                                   "4") "]}}"),
     "a U closed 1 H:3"},
    {"shrunk, by its settings",
     "{'a':" SETTINGS("U", "1", ",'index.routing_partition_size':'1'") "}",
     STATS("'a':" INDEX("U", "'0':[" COPY("STARTED", "true", "H", "3", "3", "4") "]")),
     "a U resized 1 H:3"},
    {"shrunk, by more documents than numbers", "{'a':" SETTINGS("U", "1", "") "}",
     STATS("'a':" INDEX("U", "'0':[" COPY("STARTED", "true", "H", "3", "3", "5") "]")),
     "a U resized 1 H:3"},
    {"several, by name", "{'b':" SETTINGS("V", "1", "") ",'a':" SETTINGS("U", "1", "") "}",
     STATS("'b':" INDEX("V", "'0':[" COPY("STARTED", "true", "H", "7", "7", "8") "]")),
     "a U 0 - b V 1 H:7"},
    {"none", "{}", "{'_shards':{'total':0,'successful':0,'failed':0}}", ""},
    {"stats failed", "{'a':" SETTINGS("U", "1", "") "}",
     "{'_shards':{'total':1,'successful':0,'failed':1},'indices':{}}", NULL},
    {"stats cut", "{'a':" SETTINGS("U", "1", "") "}", "{'_shards':{'total':1", NULL},
    {"stats are something else", "{'a':" SETTINGS("U", "1", "") "}", "{}", NULL},
    {"settings without uuid", "{'a':{'settings':{'index.number_of_shards':'1'}}}", "", NULL},
    {"settings with a strange number", "{'a':" SETTINGS("U", "0", "") "}", "", NULL},
    {"settings are something else", "[]", "", NULL},
};

static char *indices_text(const struct elastic_indices *indices)
{
    struct buffer out = {0};
    for (size_t i = 0; i < indices->count; i++) {
        const struct elastic_index *index = &indices->items[i];
        buffer_printf(&out, "%s%s %s%s%s %d", i > 0 ? " " : "", index->name, index->uuid,
                      index->closed ? " closed" : "", index->resized ? " resized" : "",
                      index->copies);
        for (int32_t n = 0; n < index->shard_count; n++)
            if (index->shards[n].started)
                buffer_printf(&out, " %s:%lld", index->shards[n].history,
                              (long long)index->shards[n].checkpoint);
            else
                buffer_text(&out, " -");
    }
    return buffer_take(&out);
}

static void indices_row(void **state)
{
    const struct indices_row *row = *state;
    struct error err = {0};
    struct elastic_indices indices = {0};
    char *settings = with_quotes(row->settings), *stats = with_quotes(row->stats);
    int result = elastic_settings_parse(settings, strlen(settings), &indices, &err);
    if (result == 0)
        result = elastic_stats_parse(stats, strlen(stats), &indices, &err);
    assert_int_equal(result, row->want ? 0 : -1);
    if (row->want) {
        char *text = indices_text(&indices);
        assert_string_equal(text, row->want);
        free(text);
    } else {
        assert_int_equal(err.kind, ERROR_RETRY);
    }
    elastic_indices_free(&indices);
    free(settings);
    free(stats);
}

static void an_index_behind_two_names_counts_once(void **state)
{
    (void)state;
    struct error err;
    struct elastic_indices all = {0}, more = {0};
    char *settings = with_quotes("{'a':" SETTINGS("U", "1", "") "}");
    assert_int_equal(elastic_settings_parse(settings, strlen(settings), &all, &err), 0);
    assert_int_equal(elastic_settings_parse(settings, strlen(settings), &more, &err), 0);
    elastic_indices_add(&all, &more.items[0]);
    assert_int_equal(all.count, 1);
    assert_non_null(more.items[0].name);
    elastic_indices_free(&all);
    elastic_indices_free(&more);
    free(settings);
}

/* ---- refresh ---- */

struct refresh_row {
    const char *name, *body;
    int32_t copies;
    int want;
};
static const struct refresh_row refresh_rows[] = {
    {"all", "{'_shards':{'total':2,'successful':2,'failed':0}}", 2, 0},
    {"replicas that are nowhere", "{'_shards':{'total':4,'successful':2,'failed':0}}", 2, 0},
    {"one failed", "{'_shards':{'total':2,'successful':1,'failed':1}}", 1, -1},
    {"one went away", "{'_shards':{'total':4,'successful':1,'failed':0}}", 2, -1},
    {"primary down", "{'_shards':{'total':2,'successful':0,'failed':0}}", 1, -1},
    {"no word of shards", "{}", 0, -1},
    {"cut", "{'_shards':{'total':2,", 0, -1},
};

static void refresh_row(void **state)
{
    const struct refresh_row *row = *state;
    struct error err = {0};
    char *body = with_quotes(row->body);
    assert_int_equal(elastic_refresh_parse(body, strlen(body), row->copies, &err), row->want);
    assert_int_equal(err.kind, row->want < 0 ? ERROR_RETRY : ERROR_NONE);
    free(body);
}

/* ---- identity ---- */

struct identity_row {
    const char *name, *stats;
    enum answer want;
};
static const struct identity_row identity_rows[] = {
    {"the same", STATS("'a':" INDEX("U", "'1':[" COPY("STARTED", "true", "H", "9", "9", "1") "]")),
     ANSWER_OK},
    {"closed meanwhile: what was read stands",
     STATS("'a':{'uuid':'U','status':'close','shards':{'1':[" COPY("STARTED", "true", "H", "9", "9",
                                                                   "1") "]}}"),
     ANSWER_OK},
    {"made anew", STATS("'a':" INDEX("V", "'1':[" COPY("STARTED", "true", "H", "9", "9", "1") "]")),
     ANSWER_GONE},
    {"restored", STATS("'a':" INDEX("U", "'1':[" COPY("STARTED", "true", "I", "9", "9", "1") "]")),
     ANSWER_GONE},
    {"primary missing", STATS("'a':" INDEX("U", "")), ANSWER_SHARD},
    {"only a replica",
     STATS("'a':" INDEX("U", "'1':[" COPY("STARTED", "false", "H", "9", "9", "1") "]")),
     ANSWER_SHARD},
    {"all of it is down", "{'_shards':{'total':1,'successful':0,'failed':0}}", ANSWER_SHARD},
    {"cut", "{'_shards'", ANSWER_BUSY},
};

static void identity_row(void **state)
{
    const struct identity_row *row = *state;
    struct error err;
    char index[] = "a", uuid[] = "U", history[] = "H";
    const struct task task = {.index = index, .uuid = uuid, .history = history, .shard = 1};
    char *stats = with_quotes(row->stats);
    assert_string_equal(answer_name(elastic_identity_parse(stats, strlen(stats), &task, &err)),
                        answer_name(row->want));
    free(stats);
}

/* ---- pages ---- */

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
    struct elastic_found found = {0};
    struct elastic_page page = {.hit = hit_note, .context = &hits, .max_bytes = MAX_BYTES};
    size_t length = strlen(body);
    for (size_t at = 0; at < length; at += piece)
        if (!elastic_page_feed(&page, body + at, at + piece < length ? piece : length - at))
            break;
    enum answer answer = elastic_page_end(&page, row->status, &found, &err);
    char *want = with_quotes(row->want_hits);
    assert_string_equal(answer_name(answer), answer_name(row->want));
    assert_string_equal(hits.bytes ? hits.bytes : "", want);
    assert_int_equal(found.documents, row->want_documents);
    free(want);
    buffer_free(&hits);
    elastic_page_free(&page);
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
    struct elastic_found found;
    struct elastic_page page = {.hit = hit_note, .context = &hits, .max_bytes = MAX_BYTES};
    assert_true(elastic_page_feed(&page, body, MAX_BYTES));
    assert_false(elastic_page_feed(&page, body, 1));
    assert_int_equal(elastic_page_end(&page, 200, &found, &err), ANSWER_TOO_LARGE);
    elastic_page_free(&page);
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
    struct elastic_found found;
    char *body = with_quotes(PAGE("2", "{},{}", ""));
    struct elastic_page page = {.hit = hit_refuse, .context = &calls, .max_bytes = MAX_BYTES};
    assert_false(elastic_page_feed(&page, body, strlen(body)));
    assert_int_equal(calls, 1);
    assert_int_not_equal(elastic_page_end(&page, 200, &found, &err), ANSWER_OK);
    elastic_page_free(&page);
    free(body);
}

/* ---- requests ---- */

static void search_asks_for_the_range_and_no_more(void **state)
{
    (void)state;
    char *want = with_quotes("{'size':5000,'track_total_hits':true,'seq_no_primary_term':true,"
                             "'version':true,'query':{'range':{'_seq_no':{'gte':10,'lte':5009}}},"
                             "'sort':[{'_seq_no':'asc'}]}");
    char *body = elastic_search_body(10, 5009, NULL);
    assert_string_equal(body, want);
    free(body);
    free(want);
}

static void a_filter_is_a_post_filter_beside_a_count(void **state)
{
    (void)state;
    char *filter = with_quotes("{'term':{'org':'x'}}");
    char *want = with_quotes("{'size':1,'track_total_hits':true,'seq_no_primary_term':true,"
                             "'version':true,'query':{'range':{'_seq_no':{'gte':0,'lte':0}}},"
                             "'sort':[{'_seq_no':'asc'}],'post_filter':{'term':{'org':'x'}},"
                             "'aggs':{'all':{'filter':{'match_all':{}}}}}");
    char *body = elastic_search_body(0, 0, filter);
    assert_string_equal(body, want);
    free(body);
    free(want);
    free(filter);
}

static void names_are_escaped_in_paths(void **state)
{
    (void)state;
    char *path = elastic_search_path("a/../b?c", 3);
    assert_string_equal(path, "/a%2F..%2Fb%3Fc/_search?preference=_shards%3A3"
                              "&allow_partial_search_results=false");
    free(path);
    path = elastic_refresh_path("<a-{now/d}>");
    assert_string_equal(path, "/%3Ca-%7Bnow%2Fd%7D%3E/_refresh");
    free(path);
}

/* ---- configuration ---- */

struct config_row {
    const char *name;
    const char *assignments[3];
    const char *want; /* in the error's text; NULL: accepted */
};
static const struct config_row config_rows[] = {
    {"plain", {"elastic.url=http://es:9200 https://es2:9200/"}, NULL},
    {"no scheme", {"elastic.url=es:9200"}, "es:9200"},
    {"only a scheme", {"elastic.url=https://"}, "https://"},
    {"user in the address", {"elastic.url=http://u:p@es:9200"}, "elastic.user"},
    {"opensearch",
     {"elastic.url=http://es", "elastic.distribution=opensearch"},
     "not supported yet"},
    {"filter", {"elastic.url=http://es", "elastic.filter={\"term\":{\"a\":1}}"}, NULL},
    {"filter that is no JSON", {"elastic.url=http://es", "elastic.filter={a}"}, "elastic.filter"},
    {"filter that is no query", {"elastic.url=http://es", "elastic.filter=[]"}, "elastic.filter"},
};

static void config_row(void **state)
{
    const struct config_row *row = *state;
    struct error err = {0};
    struct config *config = config_new(CONFIG_PRODUCER);
    for (size_t i = 0; i < NELEMS(row->assignments) && row->assignments[i]; i++)
        assert_int_equal(config_set(config, row->assignments[i], &err), 0);
    assert_int_equal(elastic_config_check(config, &err), row->want ? -1 : 0);
    if (row->want) {
        bool absent = strstr(row->want, "not supported yet");
        assert_int_equal(err.kind, absent ? ERROR_ABSENT : ERROR_CONFIG);
        assert_non_null(strstr(err.text, row->want));
        assert_null(strstr(err.text, "u:p"));
    }
    config_free(&config);
}

int main(void)
{
    const struct CMUnitTest others[] = {
        cmocka_unit_test(an_index_behind_two_names_counts_once),
        cmocka_unit_test(a_page_is_capped),
        cmocka_unit_test(a_reader_may_stop),
        cmocka_unit_test(search_asks_for_the_range_and_no_more),
        cmocka_unit_test(a_filter_is_a_post_filter_beside_a_count),
        cmocka_unit_test(names_are_escaped_in_paths),
    };
    return RUN_ROWS("indices", indices_row, indices_rows) +
           RUN_ROWS("refresh", refresh_row, refresh_rows) +
           RUN_ROWS("identity", identity_row, identity_rows) +
           RUN_ROWS("pages", page_row, page_rows) +
           RUN_ROWS("configuration", config_row, config_rows) +
           cmocka_run_group_tests_name("others", others, NULL, NULL);
}
