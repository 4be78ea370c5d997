#include "producer/index.h"

#include "common/memory.h"
#include "common/text.h"
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

static char *indices_text(const struct index_list *indices)
{
    struct buffer out = {0};
    for (size_t i = 0; i < indices->count; i++) {
        const struct index *index = &indices->items[i];
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
    struct index_list indices = {0};
    char *settings = with_quotes(row->settings), *stats = with_quotes(row->stats);
    int result = index_settings_parse(settings, strlen(settings), &indices, &err);
    if (result == 0)
        result = index_stats_parse(stats, strlen(stats), &indices, &err);
    assert_int_equal(result, row->want ? 0 : -1);
    if (row->want) {
        char *text = indices_text(&indices);
        assert_string_equal(text, row->want);
        free(text);
    } else {
        assert_int_equal(err.kind, ERROR_RETRY);
    }
    index_list_free(&indices);
    free(settings);
    free(stats);
}

static void an_index_behind_two_names_counts_once(void **state)
{
    (void)state;
    struct error err;
    struct index_list all = {0}, more = {0};
    char *settings = with_quotes("{'a':" SETTINGS("U", "1", "") "}");
    assert_int_equal(index_settings_parse(settings, strlen(settings), &all, &err), 0);
    assert_int_equal(index_settings_parse(settings, strlen(settings), &more, &err), 0);
    index_list_add(&all, &more.items[0]);
    assert_int_equal(all.count, 1);
    assert_non_null(more.items[0].name);
    index_list_free(&all);
    index_list_free(&more);
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
    assert_int_equal(index_refresh_parse(body, strlen(body), row->copies, &err), row->want);
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
    {"made anew with fewer shards",
     STATS("'a':" INDEX("V", "'0':[" COPY("STARTED", "true", "H", "9", "9", "1") "]")),
     ANSWER_GONE},
    {"the name is an alias",
     STATS("'b':" INDEX("V", "'1':[" COPY("STARTED", "true", "H", "9", "9", "1") "]")),
     ANSWER_GONE},
    {"primary missing", STATS("'a':" INDEX("U", "")), ANSWER_SHARD},
    {"nothing is told of any index", STATS(""), ANSWER_SHARD},
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
    assert_string_equal(answer_name(index_identity_parse(stats, strlen(stats), &task, &err)),
                        answer_name(row->want));
    free(stats);
}

int main(void)
{
    const struct CMUnitTest others[] = {
        cmocka_unit_test(an_index_behind_two_names_counts_once),
    };
    return RUN_ROWS("indices", indices_row, indices_rows) +
           RUN_ROWS("refresh", refresh_row, refresh_rows) +
           RUN_ROWS("identity", identity_row, identity_rows) +
           cmocka_run_group_tests_name("others", others, NULL, NULL);
}
