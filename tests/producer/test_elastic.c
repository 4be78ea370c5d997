#include "producer/elastic.h"

#include "common/fetch.h"
#include "common/memory.h"
#include "common/metrics.h"
#include "producer/metrics.h"
#include "tests/support/loopback.h"
#include "tests/support/quotes.h"
#include "tests/support/unit.h"

/* ---- what is asked; in JSON ' stands for " ---- */

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

/* ---- who answers; in JSON ' stands for " ---- */

#define ABOUT(uuid) "{'cluster_uuid':'" uuid "','version':{'number':'8.19.0'}}"

struct about_row {
    const char *name, *known, *about;
    enum answer want;
    const char *want_known;
};
static const struct about_row about_rows[] = {
    {"the first is taken", NULL, ABOUT("A"), ANSWER_OK, "A"},
    {"the same", "A", ABOUT("A"), ANSWER_OK, "A"},
    {"another", "A", ABOUT("B"), ANSWER_BUSY, "A"},
    {"a node of none is not taken", NULL, ABOUT("_na_"), ANSWER_BUSY, NULL},
    {"a node of none is another", "A", ABOUT("_na_"), ANSWER_BUSY, "A"},
    {"no uuid", "A", "{'version':{}}", ANSWER_OK, "A"},
    {"no JSON", NULL, "<html>", ANSWER_OK, NULL},
    {"OpenSearch", NULL, "{'cluster_uuid':'A','version':{'distribution':'opensearch'}}",
     ANSWER_WRONG, NULL},
    {"OpenSearch in the place of the cluster", "A",
     "{'cluster_uuid':'B','version':{'distribution':'opensearch'}}", ANSWER_BUSY, "A"},
};

static void about_row(void **state)
{
    const struct about_row *row = *state;
    struct error err = {0};
    char *known = row->known ? mem_text(row->known) : NULL;
    char *about = with_quotes(row->about);
    assert_string_equal(answer_name(elastic_identify(about, strlen(about), &known, &err)),
                        answer_name(row->want));
    if (row->want_known)
        assert_string_equal(known, row->want_known);
    else
        assert_null(known);
    if (row->want == ANSWER_WRONG)
        assert_int_equal(err.kind, ERROR_ABSENT);
    free(about);
    free(known);
}

/* ---- one address after the other ---- */

struct server {
    struct MHD_Daemon *daemon;
    const char *cluster; /* NULL: "/" is refused */
};

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_bytes, void **request)
{
    const struct server *server = context;
    (void)method, (void)version, (void)upload, (void)upload_bytes, (void)request;
    bool about = strcmp(url, "/") == 0, settings = strstr(url, "/_settings");
    bool refused = about && !server->cluster;
    char *text = about ? mem_printf("{\"cluster_uuid\":\"%s\"}", refused ? "" : server->cluster)
                       : mem_text(settings ? "{}" : "{\"_shards\":{\"failed\":0}}");
    return loopback_answer(connection, refused ? 405 : 200, text);
}

static struct elastic *client_of(struct config *config, const struct server *first,
                                 const struct server *second)
{
    struct error err;
    char *urls = mem_printf("elastic.url=http://127.0.0.1:%d http://127.0.0.1:%d",
                            loopback_port(first->daemon), loopback_port(second->daemon));
    assert_int_equal(config_set(config, urls, &err), 0);
    struct elastic *elastic = elastic_new(config, &err);
    assert_non_null(elastic);
    free(urls);
    return elastic;
}

static enum answer look(struct elastic *elastic, struct error *err)
{
    struct index_list indices = {0};
    enum answer answer = elastic_look(elastic, "a", &indices, err);
    assert_int_equal(indices.count, 0);
    index_list_free(&indices);
    return answer;
}

static size_t nowhere(char *bytes, size_t size, size_t count, void *context)
{
    (void)bytes, (void)context;
    return size * count;
}

/* Whether what a request of its own learns now would be believed. */
static enum answer confirmed(struct elastic *elastic, struct error *err)
{
    long status;
    struct elastic_request request = {0};
    assert_int_equal(elastic_request_begin(elastic, &request, "/a", NULL, 5000, nowhere, NULL, err),
                     0);
    CURLcode code = curl_easy_perform(request.handle);
    assert_int_equal(elastic_request_end(elastic, &request, code, &status, err), ANSWER_OK);
    enum answer answer = elastic_confirm(elastic, &request, err);
    elastic_request_free(&request);
    return answer;
}

static void another_cluster_is_not_asked(void **state)
{
    (void)state;
    struct error err;
    struct server ours = {.cluster = "A"}, other = {.cluster = "B"};
    struct config *config = config_new(CONFIG_PRODUCER);
    ours.daemon = loopback_start(on_request, &ours, 0);
    other.daemon = loopback_start(on_request, &other, 0);
    struct elastic *elastic = client_of(config, &ours, &other);
    int port = loopback_port(ours.daemon);
    assert_int_equal(elastic_hello(elastic, &err), ANSWER_OK);
    assert_true(elastic_is_greeted(elastic));
    MHD_stop_daemon(ours.daemon);
    assert_int_not_equal(look(elastic, &err), ANSWER_OK); /* no answer: on to the other */
    assert_false(elastic_is_greeted(elastic));
    assert_int_equal(look(elastic, &err), ANSWER_BUSY);
    assert_non_null(strstr(err.text, "another cluster"));
    assert_true(elastic_went_astray(elastic));
    assert_false(elastic_went_astray(elastic));
    ours.daemon = loopback_start(on_request, &ours, port);
    assert_int_equal(look(elastic, &err), ANSWER_OK);
    MHD_stop_daemon(ours.daemon);
    MHD_stop_daemon(other.daemon);
    elastic_free(&elastic);
    config_free(&config);
}

static void an_address_may_lead_elsewhere(void **state)
{
    (void)state;
    struct error err;
    struct server server = {.cluster = "A"};
    struct config *config = config_new(CONFIG_PRODUCER);
    server.daemon = loopback_start(on_request, &server, 0);
    struct elastic *elastic = client_of(config, &server, &server);
    assert_int_equal(elastic_hello(elastic, &err), ANSWER_OK);
    assert_int_equal(confirmed(elastic, &err), ANSWER_OK);
    server.cluster = "B";
    assert_int_equal(confirmed(elastic, &err), ANSWER_BUSY);
    assert_int_equal(elastic_hello(elastic, &err), ANSWER_BUSY);
    server.cluster = "A";
    assert_int_equal(elastic_hello(elastic, &err), ANSWER_OK);
    assert_int_equal(confirmed(elastic, &err), ANSWER_OK);
    MHD_stop_daemon(server.daemon);
    elastic_free(&elastic);
    config_free(&config);
}

static void who_may_not_be_asked_is_believed(void **state)
{
    (void)state;
    struct error err;
    struct server server = {.cluster = NULL};
    struct config *config = config_new(CONFIG_PRODUCER);
    server.daemon = loopback_start(on_request, &server, 0);
    struct elastic *elastic = client_of(config, &server, &server);
    assert_int_equal(elastic_hello(elastic, &err), ANSWER_OK);
    assert_int_equal(look(elastic, &err), ANSWER_OK);
    assert_int_equal(confirmed(elastic, &err), ANSWER_OK);
    MHD_stop_daemon(server.daemon);
    elastic_free(&elastic);
    config_free(&config);
}

int main(void)
{
    struct error err;
    metrics_register(producer_metrics);
    if (fetch_init(&err) < 0)
        return 1;
    const struct CMUnitTest others[] = {
        cmocka_unit_test(another_cluster_is_not_asked),
        cmocka_unit_test(an_address_may_lead_elsewhere),
        cmocka_unit_test(who_may_not_be_asked_is_believed),
        cmocka_unit_test(search_asks_for_the_range_and_no_more),
        cmocka_unit_test(a_filter_is_a_post_filter_beside_a_count),
        cmocka_unit_test(names_are_escaped_in_paths),
    };
    return RUN_ROWS("configuration", config_row, config_rows) +
           RUN_ROWS("who answers", about_row, about_rows) +
           cmocka_run_group_tests_name("others", others, NULL, NULL);
}
