#include "producer/elastic.h"

#include <stdlib.h>
#include <string.h>

#include "common/fetch.h"
#include "common/json.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/metrics.h"
#include "producer/reply.h"

#define CONNECT_MS    5000
#define ASK_MS        10000
#define REPLY_MAX     ((size_t)64 << 20) /* of settings and stats: many indices with many shards */
#define SETTINGS_PATH "/_settings?flat_settings=true&expand_wildcards=all"
#define STATS_PATH                                                                                 \
    "/_stats/"                                                                                     \
    "docs?level=shards&forbid_closed_indices=false&expand_wildcards=all&filter_path=_shards,"      \
    "indices.*.uuid,indices.*.status,indices.*.shards.*.routing,indices.*.shards.*.seq_no,"        \
    "indices.*.shards.*.docs.count,indices.*.shards.*.commit.user_data.history_uuid"

/* ---- what is asked ---- */

/* No filter_path, no list of members: they cost the server three to twenty times the search. */
char *elastic_search_body(int64_t from, int64_t to, const char *filter)
{
    char *filtered = filter ? mem_printf(",\"post_filter\":%s,\"aggs\":{\"all\":{\"filter\":"
                                         "{\"match_all\":{}}}}",
                                         filter)
                            : mem_text("");
    char *body = mem_printf("{\"size\":%lld,\"track_total_hits\":true,\"seq_no_primary_term\":true,"
                            "\"version\":true,\"query\":{\"range\":{\"_seq_no\":{\"gte\":%lld,"
                            "\"lte\":%lld}}},\"sort\":[{\"_seq_no\":\"asc\"}]%s}",
                            (long long)(to - from + 1), (long long)from, (long long)to, filtered);
    free(filtered);
    return body;
}

static char *path_of(const char *name, const char *rest)
{
    char *escaped = curl_easy_escape(NULL, name, 0);
    char *path = mem_printf("/%s%s", escaped ? escaped : "", rest);
    curl_free(escaped);
    return path;
}

char *elastic_search_path(const char *index, int32_t shard)
{
    char *rest =
        mem_printf("/_search?preference=_shards%%3A%d&allow_partial_search_results=false", shard);
    char *path = path_of(index, rest);
    free(rest);
    return path;
}

char *elastic_check_path(const char *index)
{
    return path_of(index, STATS_PATH);
}

char *elastic_refresh_path(const char *index)
{
    return path_of(index, "/_refresh");
}

/* ---- who answers ---- */

#define NO_CLUSTER "_na_" /* a node says so until it has joined one */

static enum answer cluster_judge(const char *uuid, char **cluster, struct error *err)
{
    if (!uuid)
        return ANSWER_OK;
    if (strcmp(uuid, NO_CLUSTER) == 0) {
        error_set(err, ERROR_RETRY, "the node has joined no cluster yet");
        return ANSWER_BUSY;
    }
    if (*cluster && strcmp(uuid, *cluster) != 0) {
        error_set(err, ERROR_RETRY, "another cluster answers: %s, not %s", uuid, *cluster);
        return ANSWER_BUSY;
    }
    if (!*cluster)
        *cluster = mem_text(uuid);
    return ANSWER_OK;
}

enum answer elastic_identify(const char *bytes, size_t length_bytes, char **cluster,
                             struct error *err)
{
    struct error ignored;
    struct json_object *about = reply_parse(bytes, length_bytes, &ignored);
    const char *distribution = reply_text(reply_member(about, "version"), "distribution");
    enum answer answer = ANSWER_WRONG;
    if (!*cluster && distribution && strcmp(distribution, "opensearch") == 0)
        error_set(err, ERROR_ABSENT, "an OpenSearch server is not supported yet");
    else
        answer = cluster_judge(reply_text(about, "cluster_uuid"), cluster, err);
    json_object_put(about);
    return answer;
}

/* ---- the client ---- */

struct elastic {
    const struct config *config;
    const struct text_list *urls;
    size_t url;    /* the one that is in use */
    bool greeted;  /* it is: what it says is believed */
    bool astray;   /* another cluster has answered */
    char *cluster; /* uuid of the first that was seen */
    struct elastic_request blocking;
};

static int url_check(const char *url, struct error *err)
{
    const char *host = strncmp(url, "http://", 7) == 0    ? url + 7
                       : strncmp(url, "https://", 8) == 0 ? url + 8
                                                          : NULL;
    if (!host || !*host)
        return error_set(err, ERROR_CONFIG, "elastic.url: %s is no http:// or https:// address",
                         url);
    if (strpbrk(host, "@?#"))
        return error_set(err, ERROR_CONFIG,
                         "elastic.url: no user, query or fragment (see elastic.user)");
    return 0;
}

static int filter_check(const char *filter, struct error *err)
{
    struct json_object *json = filter ? json_parse_object(filter, strlen(filter), err) : NULL;
    if (filter && !json) {
        err->kind = ERROR_CONFIG;
        return error_wrap(err, "elastic.filter");
    }
    json_object_put(json);
    return 0;
}

int elastic_config_check(const struct config *config, struct error *err)
{
    const struct text_list *urls = config_list(config, "elastic.url");
    for (size_t i = 0; i < urls->count; i++)
        if (url_check(urls->items[i], err) < 0)
            return -1;
    if (strcmp(config_text(config, "elastic.distribution"), "opensearch") == 0)
        return error_set(err, ERROR_ABSENT,
                         "elastic.distribution: opensearch is not supported yet");
    return filter_check(config_text(config, "elastic.filter"), err);
}

struct elastic *elastic_new(const struct config *config, struct error *err)
{
    if (elastic_config_check(config, err) < 0)
        return NULL;
    struct elastic *elastic = mem_alloc(sizeof(*elastic));
    elastic->config = config;
    elastic->urls = config_list(config, "elastic.url");
    return elastic;
}

void elastic_free(struct elastic **elastic)
{
    if (!*elastic)
        return;
    elastic_request_free(&(*elastic)->blocking);
    free((*elastic)->cluster);
    free(*elastic);
    *elastic = NULL;
}

const char *elastic_filter(const struct elastic *elastic)
{
    return config_text(elastic->config, "elastic.filter");
}

static void header_add(struct elastic_request *request, const char *header)
{
    struct curl_slist *longer = curl_slist_append(request->headers, header);
    if (!longer)
        log_panic("elastic: libcurl gives no header list");
    request->headers = longer;
}

/* Read anew for each request: a rotated secret is seen at once. */
static int credentials_set(const struct elastic *elastic, struct elastic_request *request,
                           struct error *err)
{
    char *key = NULL, *password = NULL;
    const char *user = config_text(elastic->config, "elastic.user");
    if (config_secret(elastic->config, "elastic.api_key_file", &key, err) < 0)
        return -1;
    if (config_secret(elastic->config, "elastic.password_file", &password, err) < 0) {
        free(key);
        return -1;
    }
    if (key) {
        char *header = mem_printf("Authorization: ApiKey %s", key);
        header_add(request, header);
        free(header);
    }
    if (user && password) {
        FETCH_SET(request->handle, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        FETCH_SET(request->handle, CURLOPT_USERNAME, user);
        FETCH_SET(request->handle, CURLOPT_PASSWORD, password);
    }
    free(key);
    free(password);
    return 0;
}

static int request_prepare(struct elastic *elastic, struct elastic_request *request,
                           int64_t total_ms, struct error *err)
{
    const char *authorities = config_text(elastic->config, "elastic.ca_file");
    const struct fetch_limits limits = {CONNECT_MS, total_ms};
    if (!request->handle)
        request->handle = fetch_handle("http,https", &limits);
    curl_slist_free_all(request->headers);
    request->headers = NULL;
    header_add(request, "Content-Type: application/json");
    header_add(request, "Accept: application/json");
    header_add(request, "Expect:");
    if (credentials_set(elastic, request, err) < 0)
        return -1;
    if (authorities)
        FETCH_SET(request->handle, CURLOPT_CAINFO, authorities);
    FETCH_SET(request->handle, CURLOPT_HTTPHEADER, request->headers);
    request->url = elastic->url;
    return 0;
}

static char *url_of(const struct elastic *elastic, const char *path)
{
    const char *url = elastic->urls->items[elastic->url];
    size_t length = strlen(url);
    while (length > 0 && url[length - 1] == '/')
        length--;
    return mem_printf("%.*s%s", (int)length, url, path);
}

int elastic_request_begin(struct elastic *elastic, struct elastic_request *request,
                          const char *path, const char *body, int64_t total_ms,
                          curl_write_callback write, void *context, struct error *err)
{
    if (request_prepare(elastic, request, total_ms, err) < 0)
        return -1;
    char *url = url_of(elastic, path);
    FETCH_SET(request->handle, CURLOPT_URL, url);
    if (body)
        FETCH_SET(request->handle, CURLOPT_COPYPOSTFIELDS, body);
    FETCH_SET(request->handle, CURLOPT_WRITEFUNCTION, write);
    FETCH_SET(request->handle, CURLOPT_WRITEDATA, context);
    FETCH_SET(request->handle, CURLOPT_BUFFERSIZE, 512L << 10);
    free(url);
    return 0;
}

void elastic_request_free(struct elastic_request *request)
{
    curl_easy_cleanup(request->handle);
    curl_slist_free_all(request->headers);
    *request = (struct elastic_request){0};
}

/* To the next address, unless another request that failed went on already. Whoever answers there
 * is asked who he is, also where it is the same one: he may have come back without his data. */
static void address_failed(struct elastic *elastic, size_t url)
{
    if (url != elastic->url)
        return;
    elastic->url = (elastic->url + 1) % elastic->urls->count;
    elastic->greeted = false;
}

static enum answer count(enum answer answer)
{
    metrics_add("tlsrpt_elastic_answers_total", 1, answer_name(answer), NULL);
    return answer;
}

/* Codes that no later try changes stand beside 401: somebody must act. */
static enum answer code_answer(CURLcode code)
{
    static const struct {
        CURLcode code;
        enum answer answer;
    } codes[] = {
        {CURLE_OK, ANSWER_OK},
        {CURLE_WRITE_ERROR, ANSWER_OK}, /* cut by the reader, who knows why */
        {CURLE_OPERATION_TIMEDOUT, ANSWER_TIMEOUT},
        {CURLE_UNSUPPORTED_PROTOCOL, ANSWER_DENIED}, /* also an answer that is not HTTP */
        {CURLE_URL_MALFORMAT, ANSWER_DENIED},
        {CURLE_PEER_FAILED_VERIFICATION, ANSWER_DENIED},
        {CURLE_SSL_CACERT_BADFILE, ANSWER_DENIED},
        {CURLE_SSL_ISSUER_ERROR, ANSWER_DENIED},
    };
    for (size_t i = 0; i < NELEMS(codes); i++)
        if (codes[i].code == code)
            return codes[i].answer;
    return ANSWER_BUSY;
}

static bool is_gateway_trouble(long status)
{
    return status == 429 || (status >= 502 && status <= 504);
}

enum answer elastic_request_end(struct elastic *elastic, struct elastic_request *request,
                                CURLcode code, long *status, struct error *err)
{
    enum answer answer = code_answer(code);
    if (answer == ANSWER_OK)
        curl_easy_getinfo(request->handle, CURLINFO_RESPONSE_CODE, status);
    if (answer != ANSWER_OK || is_gateway_trouble(*status))
        address_failed(elastic, request->url);
    if (answer != ANSWER_OK)
        error_set(err, answer_kind(answer), "%s: %s", elastic->urls->items[request->url],
                  curl_easy_strerror(code));
    return answer == ANSWER_OK ? answer : count(answer);
}

/* One small question, its answer judged. */
static enum answer question(struct elastic *elastic, const char *path, const char *body,
                            struct buffer *reply, struct error *err)
{
    long status = 0;
    if (request_prepare(elastic, &elastic->blocking, ASK_MS, err) < 0)
        return ANSWER_DENIED;
    char *url = url_of(elastic, path);
    int result = fetch_json(elastic->blocking.handle, url, body, REPLY_MAX, &status, reply, err);
    free(url);
    if (result < 0 || is_gateway_trouble(status))
        address_failed(elastic, elastic->blocking.url);
    if (result < 0)
        return err->kind == ERROR_CONFIG ? ANSWER_DENIED : ANSWER_BUSY;
    enum answer answer = answer_classify(status, reply->bytes, reply->length, err);
    if (answer != ANSWER_OK)
        error_wrap(err, "%.*s", (int)strcspn(path, "?"), path);
    return answer;
}

/* Only "/" is refused to keys without cluster privileges, and unknown to small builds. */
static bool is_refused(enum answer answer, const struct buffer *reply, const struct error *err)
{
    return answer == ANSWER_DENIED && reply->bytes && !strstr(err->text, "HTTP 401");
}

/* An address that leads to another cluster is in trouble like one that does not answer: there every
 * index would be gone. */
static enum answer greet(struct elastic *elastic, struct error *err)
{
    struct buffer reply = {0};
    size_t url = elastic->url;
    enum answer answer = question(elastic, "/", NULL, &reply, err);
    if (is_refused(answer, &reply, err)) {
        answer = ANSWER_OK; /* there is nothing to compare */
    } else if (answer == ANSWER_OK && reply.bytes) {
        answer = elastic_identify(reply.bytes, reply.length, &elastic->cluster, err);
        elastic->astray = elastic->astray || answer == ANSWER_BUSY;
        if (answer != ANSWER_OK)
            error_wrap(err, "%s", elastic->urls->items[url]);
    }
    buffer_free(&reply);
    if (answer != ANSWER_OK)
        address_failed(elastic, url);
    elastic->greeted = answer == ANSWER_OK;
    return count(answer);
}

/* A connection that was made before may still lead to where the address led then. */
enum answer elastic_hello(struct elastic *elastic, struct error *err)
{
    elastic_request_free(&elastic->blocking);
    return greet(elastic, err);
}

bool elastic_is_greeted(const struct elastic *elastic)
{
    return elastic->greeted;
}

bool elastic_went_astray(struct elastic *elastic)
{
    bool astray = elastic->astray;
    elastic->astray = false;
    return astray;
}

enum answer elastic_confirm(struct elastic *elastic, const struct elastic_request *request,
                            struct error *err)
{
    if (elastic_is_greeted(elastic) && request->url == elastic->url)
        return elastic_hello(elastic, err);
    error_set(err, ERROR_RETRY, "%s is in trouble", elastic->urls->items[request->url]);
    return ANSWER_BUSY;
}

static enum answer ask(struct elastic *elastic, const char *path, const char *body,
                       struct buffer *reply, struct error *err)
{
    enum answer answer = elastic_is_greeted(elastic) ? ANSWER_OK : elastic_hello(elastic, err);
    return answer == ANSWER_OK ? count(question(elastic, path, body, reply, err)) : answer;
}

/* Asks for `what` of name and lets parse() read it. */
static enum answer look(struct elastic *elastic, const char *name, const char *what,
                        int (*parse)(const char *bytes, size_t length_bytes,
                                     struct index_list *indices, struct error *err),
                        struct index_list *indices, struct error *err)
{
    struct buffer reply = {0};
    char *path = path_of(name, what);
    enum answer answer = ask(elastic, path, NULL, &reply, err);
    if (answer == ANSWER_OK &&
        parse(reply.bytes ? reply.bytes : "", reply.length, indices, err) < 0)
        answer = ANSWER_BUSY;
    free(path);
    buffer_free(&reply);
    return answer;
}

/* Settings first: they name every index, also one without a single shard alive; an index that is
 * created after them has no document that was acknowledged before. */
enum answer elastic_look(struct elastic *elastic, const char *name, struct index_list *indices,
                         struct error *err)
{
    struct index_list found = {0};
    enum answer answer = look(elastic, name, SETTINGS_PATH, index_settings_parse, &found, err);
    if (answer == ANSWER_OK)
        answer = look(elastic, name, STATS_PATH, index_stats_parse, &found, err);
    if (answer != ANSWER_OK) {
        index_list_free(&found);
        return answer;
    }
    index_list_take(indices, &found);
    return ANSWER_OK;
}

enum answer elastic_refresh(struct elastic *elastic, const char *index, int32_t copies,
                            struct error *err)
{
    struct buffer reply = {0};
    char *path = elastic_refresh_path(index);
    enum answer answer = ask(elastic, path, "", &reply, err);
    if (answer == ANSWER_OK &&
        index_refresh_parse(reply.bytes ? reply.bytes : "", reply.length, copies, err) < 0)
        answer = ANSWER_SHARD;
    free(path);
    buffer_free(&reply);
    return answer;
}
