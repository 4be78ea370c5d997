#include "producer/elastic.h"

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

int main(void)
{
    const struct CMUnitTest others[] = {
        cmocka_unit_test(search_asks_for_the_range_and_no_more),
        cmocka_unit_test(a_filter_is_a_post_filter_beside_a_count),
        cmocka_unit_test(names_are_escaped_in_paths),
    };
    return RUN_ROWS("configuration", config_row, config_rows) +
           cmocka_run_group_tests_name("others", others, NULL, NULL);
}
