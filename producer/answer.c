#include "producer/answer.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/json.h"

#define SERVER_WORDS 200

static const char *const answer_names[] = {
    [ANSWER_OK] = "ok",         [ANSWER_BUSY] = "busy",   [ANSWER_TIMEOUT] = "timeout",
    [ANSWER_SHARD] = "shard",   [ANSWER_GONE] = "gone",   [ANSWER_TOO_LARGE] = "too-large",
    [ANSWER_DENIED] = "denied", [ANSWER_WRONG] = "wrong",
};

const char *answer_name(enum answer answer)
{
    return answer_names[answer];
}

/* The first row that fits decides. status 0: any; words: what type or reason must hold, NULL: any.
 */
static const struct {
    long status;
    const char *words;
    enum answer answer;
} answers[] = {
    {200, NULL, ANSWER_OK},
    {400, "index_closed_exception", ANSWER_SHARD},
    {400, "Result window is too large", ANSWER_TOO_LARGE},
    {404, "index_not_found_exception", ANSWER_GONE},
    {503, "missing shards", ANSWER_SHARD},
    {503, "no_shard_available_action_exception", ANSWER_SHARD},
    {500, "search_phase_execution_exception", ANSWER_SHARD},
    {400, NULL, ANSWER_WRONG},
    {413, NULL, ANSWER_WRONG},
    {408, NULL, ANSWER_BUSY},
    {429, NULL, ANSWER_BUSY},
    {500, NULL, ANSWER_BUSY},
    {502, NULL, ANSWER_BUSY},
    {503, NULL, ANSWER_BUSY},
    {504, NULL, ANSWER_BUSY},
    {0, NULL, ANSWER_DENIED}, /* redirects, 401, 403, strange 404s: not the server we know */
};

enum error_kind answer_kind(enum answer answer)
{
    return answer == ANSWER_WRONG    ? ERROR_FATAL
           : answer == ANSWER_DENIED ? ERROR_CONFIG
                                     : ERROR_RETRY;
}

/* {"error":{"root_cause":[{..}],"type":..,"reason":..}}, or anything at all. */
static const char *server_words(struct json_object *error, char words[SERVER_WORDS])
{
    struct json_object *causes = NULL, *cause = NULL;
    if (json_object_object_get_ex(error, "root_cause", &causes) &&
        json_object_is_type(causes, json_type_array))
        cause = json_object_array_get_idx(causes, 0);
    if (!json_object_is_type(cause, json_type_object))
        cause = error;
    const char *type = json_text_or_null(cause, "type");
    const char *reason = json_text_or_null(cause, "reason");
    snprintf(words, SERVER_WORDS, "%s: %s", type ? type : "error", reason ? reason : "");
    return words;
}

/* Searched where the server puts it: anywhere in the error's own text. */
static bool body_has(const char *body, size_t body_bytes, const char *words)
{
    return !words || (body && memmem(body, body_bytes, words, strlen(words)));
}

enum answer answer_classify(long status, const char *body, size_t body_bytes, struct error *err)
{
    size_t row = 0;
    while ((answers[row].status && answers[row].status != status) ||
           !body_has(body, body_bytes, answers[row].words))
        row++;
    enum answer answer = answers[row].answer;
    if (answer == ANSWER_OK)
        return answer;
    char words[SERVER_WORDS] = "no explanation";
    struct error ignored;
    struct json_object *error = NULL;
    struct json_object *reply = json_parse_object(body ? body : "", body_bytes, &ignored);
    if (reply && json_object_object_get_ex(reply, "error", &error) &&
        json_object_is_type(error, json_type_object))
        server_words(error, words);
    json_object_put(reply);
    error_set(err, answer_kind(answer), "HTTP %ld: %s", status, words);
    return answer;
}
