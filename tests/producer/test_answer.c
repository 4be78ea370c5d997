#include "producer/answer.h"

#include "tests/support/quotes.h"
#include "tests/support/unit.h"

/* Answers as Elasticsearch 8.19 gives them. In JSON ' stands for ". */
struct answer_row {
    const char *name;
    long status;
    const char *body;
    enum answer want;
    enum error_kind want_kind;
};
#define CAUSE(type, reason)                                                                        \
    "{'error':{'root_cause':[{'type':'" type "','reason':'" reason "'}],'type':'" type             \
    "','reason':'" reason "'}}"

static const struct answer_row answer_rows[] = {
    {"fine", 200, "{}", ANSWER_OK, ERROR_NONE},
    {"overloaded without a cause", 429, "{'error':{'root_cause':[],'type':'x'}}", ANSWER_BUSY,
     ERROR_RETRY},
    {"overloaded without a body", 429, "", ANSWER_BUSY, ERROR_RETRY},
    {"gateway", 502, "<html>", ANSWER_BUSY, ERROR_RETRY},
    {"gateway waits in vain", 504, "<html>", ANSWER_BUSY, ERROR_RETRY},
    {"no master", 503, CAUSE("cluster_block_exception", "state not recovered"), ANSWER_BUSY,
     ERROR_RETRY},
    {"primary down", 503,
     "{'error':{'root_cause':[],'type':'search_phase_execution_exception','reason':'',"
     "'caused_by':{'reason':'Search rejected due to missing shards [[red][0]]. Consider'}}}",
     ANSWER_SHARD, ERROR_RETRY},
    {"no copy", 503, CAUSE("no_shard_available_action_exception", ""), ANSWER_SHARD, ERROR_RETRY},
    {"closed", 400, CAUSE("index_closed_exception", "closed"), ANSWER_SHARD, ERROR_RETRY},
    {"deleted", 404, CAUSE("index_not_found_exception", "no such index [x]"), ANSWER_GONE,
     ERROR_RETRY},
    {"window", 400, CAUSE("illegal_argument_exception", "Result window is too large, from + size"),
     ANSWER_TOO_LARGE, ERROR_RETRY},
    {"not understood", 400, CAUSE("parsing_exception", "unknown query [zz]"), ANSWER_WRONG,
     ERROR_FATAL},
    {"no password", 401, CAUSE("security_exception", "missing"), ANSWER_DENIED, ERROR_CONFIG},
    {"no privilege", 403, CAUSE("security_exception", "read"), ANSWER_DENIED, ERROR_CONFIG},
    {"somebody else's 404", 404, "<html>", ANSWER_DENIED, ERROR_CONFIG},
    {"redirect", 302, "", ANSWER_DENIED, ERROR_CONFIG},
};

static void answer_row(void **state)
{
    const struct answer_row *row = *state;
    struct error err = {0};
    char *body = with_quotes(row->body);
    assert_string_equal(answer_name(answer_classify(row->status, body, strlen(body), &err)),
                        answer_name(row->want));
    assert_int_equal(err.kind, row->want_kind);
    free(body);
}

int main(void)
{
    return RUN_ROWS("answers", answer_row, answer_rows);
}
