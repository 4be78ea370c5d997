#include "producer/elastic.h"

#include <json-c/linkhash.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fetch.h"
#include "common/json.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/metrics.h"

#define CONNECT_MS    5000
#define ASK_MS        10000
#define REPLY_MAX     ((size_t)64 << 20) /* of settings and stats: many indices with many shards */
#define ENVELOPE_MAX  ((size_t)1 << 20)
#define SHARDS_MAX    1024 /* Elasticsearch's own limit for an index */
#define HITS_DEPTH    3    /* inside {"hits":{"hits":[ */
#define SETTINGS_PATH "/_settings?flat_settings=true&expand_wildcards=all"
#define STATS_PATH                                                                                 \
    "/_stats/"                                                                                     \
    "docs?level=shards&forbid_closed_indices=false&expand_wildcards=all&filter_path=_shards,"      \
    "indices.*.uuid,indices.*.status,indices.*.shards.*.routing,indices.*.shards.*.seq_no,"        \
    "indices.*.shards.*.docs.count,indices.*.shards.*.commit.user_data.history_uuid"

/* ---- what indices are ---- */

static void index_clear(struct elastic_index *index)
{
    for (int32_t i = 0; i < index->shard_count; i++)
        free(index->shards[i].history);
    free(index->shards);
    free(index->name);
    free(index->uuid);
}

void elastic_indices_free(struct elastic_indices *indices)
{
    for (size_t i = 0; i < indices->count; i++)
        index_clear(&indices->items[i]);
    free(indices->items);
    *indices = (struct elastic_indices){0};
}

static struct json_object *member(struct json_object *object, const char *name)
{
    struct json_object *value = NULL;
    if (!json_object_is_type(object, json_type_object))
        return NULL;
    json_object_object_get_ex(object, name, &value);
    return value;
}

static const char *member_text(struct json_object *object, const char *name)
{
    return json_object_is_type(object, json_type_object) ? json_text_or_null(object, name) : NULL;
}

static bool member_number(struct json_object *object, const char *name, int64_t *number)
{
    struct json_object *value = member(object, name);
    if (!json_object_is_type(value, json_type_int))
        return false;
    *number = json_object_get_int64(value);
    return true;
}

/* A reply that is not what it should be was cut, or is a proxy's. */
static int reply_strange(struct error *err, const char *what)
{
    return error_set(err, ERROR_RETRY, "Elasticsearch's answer is not complete: %s", what);
}

static struct json_object *reply_parse(const char *bytes, size_t length_bytes, struct error *err)
{
    struct json_object *reply = json_parse_object(bytes, length_bytes, err);
    if (!reply)
        err->kind = ERROR_RETRY;
    return reply;
}

/* A resize leaves none of index.resize.source.* behind, but it writes the partition size that an
 * index otherwise has by default. */
static bool settings_say_resized(struct json_object *settings)
{
    const char *partition_size = member_text(settings, "index.routing_partition_size");
    return (partition_size && strcmp(partition_size, "1") == 0) ||
           member(settings, "index.resize.source.uuid") ||
           member(settings, "index.shrink.source.uuid");
}

static int index_add(const char *name, struct json_object *settings,
                     struct elastic_indices *indices, struct error *err)
{
    const char *uuid = member_text(settings, "index.uuid");
    const char *shards = member_text(settings, "index.number_of_shards");
    long count = shards ? strtol(shards, NULL, 10) : 0;
    if (!uuid || count < 1 || count > SHARDS_MAX)
        return reply_strange(err, name);
    indices->items = mem_resize(indices->items, indices->count + 1, sizeof(*indices->items));
    indices->items[indices->count++] = (struct elastic_index){
        .name = mem_text(name),
        .uuid = mem_text(uuid),
        .resized = settings_say_resized(settings),
        .shards = mem_alloc((size_t)count * sizeof(struct elastic_shard)),
        .shard_count = (int32_t)count,
    };
    return 0;
}

static int index_compare(const void *a, const void *b)
{
    const struct elastic_index *left = a, *right = b;
    return strcmp(left->name, right->name);
}

static void indices_sort(struct elastic_indices *indices)
{
    if (indices->count > 0)
        qsort(indices->items, indices->count, sizeof(*indices->items), index_compare);
}

void elastic_indices_add(struct elastic_indices *indices, struct elastic_index *index)
{
    for (size_t i = 0; i < indices->count; i++)
        if (strcmp(indices->items[i].uuid, index->uuid) == 0)
            return;
    indices->items = mem_resize(indices->items, indices->count + 1, sizeof(*indices->items));
    indices->items[indices->count++] = *index;
    *index = (struct elastic_index){0};
}

static void indices_take(struct elastic_indices *to, struct elastic_indices *from)
{
    for (size_t i = 0; i < from->count; i++)
        elastic_indices_add(to, &from->items[i]);
    elastic_indices_free(from);
}

int elastic_settings_parse(const char *bytes, size_t length_bytes, struct elastic_indices *indices,
                           struct error *err)
{
    struct elastic_indices found = {0};
    int result = 0;
    struct json_object *reply = reply_parse(bytes, length_bytes, err);
    if (!reply)
        return -1;
    json_object_object_foreach(reply, name, value)
    {
        if (result == 0)
            result = index_add(name, member(value, "settings"), &found, err);
    }
    json_object_put(reply);
    if (result < 0) {
        elastic_indices_free(&found);
        return -1;
    }
    indices_take(indices, &found);
    indices_sort(indices);
    return 0;
}

static bool copy_is_there(struct json_object *copy)
{
    const char *state = member_text(member(copy, "routing"), "state");
    return state && (strcmp(state, "STARTED") == 0 || strcmp(state, "RELOCATING") == 0);
}

/* The primary's figures; those of a replica say nothing (a replica's checkpoint lags behind). */
static void primary_read(struct json_object *copy, struct elastic_shard *shard)
{
    int64_t checkpoint, last, documents;
    struct json_object *numbers = member(copy, "seq_no");
    const char *history = member_text(member(member(copy, "commit"), "user_data"), "history_uuid");
    if (!json_object_get_boolean(member(member(copy, "routing"), "primary")) || !history ||
        !member_number(numbers, "global_checkpoint", &checkpoint) ||
        !member_number(numbers, "max_seq_no", &last) || shard->started)
        return;
    shard->started = true;
    shard->history = mem_text(history);
    shard->checkpoint = checkpoint;
    if (member_number(member(copy, "docs"), "count", &documents))
        shard->more_than_numbers = documents > last + 1;
}

static void shard_read(struct json_object *copies, struct elastic_index *index,
                       struct elastic_shard *shard)
{
    size_t count =
        json_object_is_type(copies, json_type_array) ? json_object_array_length(copies) : 0;
    for (size_t i = 0; i < count; i++) {
        struct json_object *copy = json_object_array_get_idx(copies, i);
        if (!copy_is_there(copy))
            continue;
        index->copies++;
        primary_read(copy, shard);
    }
}

static void index_read(struct json_object *stats, struct elastic_index *index)
{
    char number[16];
    const char *uuid = member_text(stats, "uuid");
    const char *status = member_text(stats, "status");
    struct json_object *shards = member(stats, "shards");
    if (!uuid || strcmp(uuid, index->uuid) != 0)
        return; /* another one of that name: it is met in the next round */
    index->closed = status && strcmp(status, "close") == 0;
    for (int32_t i = 0; i < index->shard_count; i++) {
        snprintf(number, sizeof(number), "%d", i);
        shard_read(member(shards, number), index, &index->shards[i]);
        index->resized = index->resized || index->shards[i].more_than_numbers;
    }
}

int elastic_stats_parse(const char *bytes, size_t length_bytes, struct elastic_indices *indices,
                        struct error *err)
{
    int64_t failed;
    struct json_object *reply = reply_parse(bytes, length_bytes, err);
    if (!reply)
        return -1;
    int result = 0;
    if (!member_number(member(reply, "_shards"), "failed", &failed))
        result = reply_strange(err, "no _shards");
    else if (failed > 0)
        result = error_set(err, ERROR_RETRY, "stats of %lld shards failed", (long long)failed);
    struct json_object *known = member(reply, "indices");
    for (size_t i = 0; result == 0 && i < indices->count; i++)
        index_read(member(known, indices->items[i].name), &indices->items[i]);
    json_object_put(reply);
    return result;
}

/* The shard's primary in the stats, on its own. */
static struct elastic_shard shard_of(struct json_object *stats, int32_t number)
{
    char name[16];
    struct elastic_shard shard = {0};
    struct elastic_index index = {0};
    snprintf(name, sizeof(name), "%d", number);
    shard_read(member(member(stats, "shards"), name), &index, &shard);
    return shard;
}

static enum answer identity_judge(struct json_object *stats, const struct task *task,
                                  struct error *err)
{
    const char *uuid = member_text(stats, "uuid");
    if (uuid && strcmp(uuid, task->uuid) != 0) {
        error_set(err, ERROR_REJECT, "another index has the name %s now", task->index);
        return ANSWER_GONE;
    }
    enum answer answer = ANSWER_OK;
    struct elastic_shard shard = shard_of(stats, task->shard);
    if (!shard.started) {
        error_set(err, ERROR_RETRY, "%s: the primary of shard %d is missing", task->index,
                  task->shard);
        answer = ANSWER_SHARD;
    } else if (strcmp(shard.history, task->history) != 0) {
        error_set(err, ERROR_REJECT, "%s was restored: its history is another one", task->index);
        answer = ANSWER_GONE;
    }
    free(shard.history);
    return answer;
}

enum answer elastic_identity_parse(const char *bytes, size_t length_bytes, const struct task *task,
                                   struct error *err)
{
    struct json_object *reply = reply_parse(bytes, length_bytes, err);
    if (!reply)
        return ANSWER_BUSY;
    enum answer answer = identity_judge(member(member(reply, "indices"), task->index), task, err);
    json_object_put(reply);
    return answer;
}

int elastic_refresh_parse(const char *bytes, size_t length_bytes, int32_t copies, struct error *err)
{
    int64_t successful, failed;
    struct json_object *reply = reply_parse(bytes, length_bytes, err);
    if (!reply)
        return -1;
    struct json_object *shards = member(reply, "_shards");
    int result = 0;
    if (!member_number(shards, "failed", &failed) ||
        !member_number(shards, "successful", &successful))
        result = reply_strange(err, "no _shards");
    else if (failed > 0 || successful < copies)
        result = error_set(err, ERROR_RETRY, "refresh: %lld of %d copies, %lld failed",
                           (long long)successful, copies, (long long)failed);
    json_object_put(reply);
    return result;
}

/* ---- a page of hits ---- */

static void key_add(struct elastic_page *page, const char *bytes, size_t length_bytes)
{
    if (page->depth < 1 || page->depth > 2)
        return;
    char *key = page->key[page->depth - 1];
    size_t have = strlen(key), room = sizeof(page->key[0]) - 1 - have;
    memcpy(key + have, bytes, length_bytes < room ? length_bytes : room);
    key[have + (length_bytes < room ? length_bytes : room)] = '\0';
}

static void string_begin(struct elastic_page *page)
{
    page->in_string = true;
    page->malformed = page->malformed || (page->in_hits && page->depth == HITS_DEPTH);
    if (page->depth == 1 || page->depth == 2)
        page->key[page->depth - 1][0] = '\0';
}

/* From inside a string to behind its closing quote, or to the end. */
static size_t string_skip(struct elastic_page *page, const char *bytes, size_t at, size_t end)
{
    size_t begin = at;
    while (at < end && page->in_string) {
        char c = bytes[at++];
        if (page->escaped)
            page->escaped = false;
        else if (c == '\\')
            page->escaped = true;
        else if (c == '"')
            page->in_string = false;
    }
    key_add(page, bytes + begin, at - begin - (page->in_string ? 0 : 1));
    return at;
}

static bool hits_begin(const struct elastic_page *page, char c)
{
    return c == '[' && !page->in_hits && page->depth == HITS_DEPTH - 1 &&
           strcmp(page->key[0], "hits") == 0 && strcmp(page->key[1], "hits") == 0;
}

static void hit_end(struct elastic_page *page, const char *bytes, size_t length_bytes)
{
    page->hits++;
    if (page->slice.length > 0) {
        buffer_add(&page->slice, bytes, length_bytes);
        bytes = page->slice.bytes;
        length_bytes = page->slice.length;
    }
    page->stopped = !page->hit(page->context, bytes, length_bytes);
    buffer_clear(&page->slice);
}

/* bytes[*begin] is the first that nobody has yet. */
static void bracket_open(struct elastic_page *page, const char *bytes, size_t at, size_t *begin)
{
    if (hits_begin(page, bytes[at])) {
        buffer_add(&page->envelope, bytes + *begin, at + 1 - *begin);
        page->in_hits = true;
    } else if (page->in_hits && page->depth == HITS_DEPTH) {
        page->malformed = page->malformed || bytes[at] != '{';
        *begin = at;
    }
    page->depth++;
}

static void bracket_close(struct elastic_page *page, const char *bytes, size_t at, size_t *begin)
{
    page->depth--;
    page->malformed = page->malformed || page->depth < 0;
    if (page->in_hits && page->depth == HITS_DEPTH) {
        hit_end(page, bytes + *begin, at + 1 - *begin);
    } else if (page->in_hits && page->depth < HITS_DEPTH) {
        page->in_hits = false;
        *begin = at;
    }
}

static void rest_keep(struct elastic_page *page, const char *bytes, size_t length_bytes)
{
    if (!page->in_hits)
        buffer_add(&page->envelope, bytes, length_bytes);
    else if (page->depth > HITS_DEPTH)
        buffer_add(&page->slice, bytes, length_bytes);
    page->malformed = page->malformed || page->envelope.length > ENVELOPE_MAX;
}

bool elastic_page_feed(struct elastic_page *page, const char *bytes, size_t length_bytes)
{
    size_t at = 0, begin = 0;
    page->bytes += length_bytes;
    page->too_large = page->too_large || page->bytes > page->max_bytes;
    while (at < length_bytes && !page->too_large && !page->stopped && !page->malformed) {
        if (page->in_string) {
            at = string_skip(page, bytes, at, length_bytes);
            continue;
        }
        switch (bytes[at]) {
        case '"':
            string_begin(page);
            break;
        case '{':
        case '[':
            bracket_open(page, bytes, at, &begin);
            break;
        case '}':
        case ']':
            bracket_close(page, bytes, at, &begin);
            break;
        default:
            break; /* what stands between brackets is judged with the envelope or the hit */
        }
        at++;
    }
    if (!page->too_large && !page->stopped)
        rest_keep(page, bytes + begin, length_bytes - begin);
    return !page->too_large && !page->stopped && !page->malformed;
}

/* {"value":n,"relation":"eq"}: exact, since track_total_hits asks for it. */
static bool total_read(struct json_object *reply, int64_t *total)
{
    struct json_object *value = member(member(reply, "hits"), "total");
    const char *relation = member_text(value, "relation");
    return relation && strcmp(relation, "eq") == 0 && member_number(value, "value", total);
}

static enum answer answer_set(enum answer answer, struct error *err, const char *text)
{
    error_set(err, answer_kind(answer), "search: %s", text);
    return answer;
}

static bool one_shard_answered(struct json_object *shards)
{
    int64_t total, successful, failed;
    return member_number(shards, "total", &total) && total == 1 &&
           member_number(shards, "successful", &successful) && successful == 1 &&
           member_number(shards, "failed", &failed) && failed == 0;
}

/* Complete by all its conditions, or not at all: a shard that does not exist answers 200 too. */
static enum answer envelope_judge(struct json_object *reply, int64_t hits,
                                  struct elastic_found *found, struct error *err)
{
    int64_t total, documents;
    struct json_object *timed_out = member(reply, "timed_out");
    if (!json_object_is_type(timed_out, json_type_boolean))
        return answer_set(ANSWER_BUSY, err, "no complete answer");
    if (json_object_get_boolean(timed_out))
        return answer_set(ANSWER_TIMEOUT, err, "timed out");
    if (!one_shard_answered(member(reply, "_shards")))
        return answer_set(ANSWER_SHARD, err, "the shard did not answer");
    if (!total_read(reply, &total))
        return answer_set(ANSWER_BUSY, err, "no hits.total");
    if (total != hits)
        return answer_set(ANSWER_TOO_LARGE, err, "more documents than one page holds");
    if (!member_number(member(member(reply, "aggregations"), "all"), "doc_count", &documents))
        documents = total;
    *found = (struct elastic_found){hits, documents};
    return ANSWER_OK;
}

enum answer elastic_page_end(struct elastic_page *page, long status, struct elastic_found *found,
                             struct error *err)
{
    if (page->too_large)
        return answer_set(ANSWER_TOO_LARGE, err, "the reply is too large");
    if (status != 200)
        return answer_classify(status, page->envelope.bytes, page->envelope.length, err);
    if (page->malformed || page->stopped)
        return answer_set(ANSWER_BUSY, err, "no complete answer");
    struct json_object *reply =
        reply_parse(page->envelope.bytes ? page->envelope.bytes : "", page->envelope.length, err);
    if (!reply)
        return ANSWER_BUSY;
    enum answer answer = envelope_judge(reply, page->hits, found, err);
    json_object_put(reply);
    return answer;
}

void elastic_page_free(struct elastic_page *page)
{
    buffer_free(&page->envelope);
    buffer_free(&page->slice);
    *page = (struct elastic_page){0};
}

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

/* ---- the client ---- */

struct elastic {
    const struct config *config;
    const struct text_list *urls;
    size_t url; /* the one that is in use */
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
        curl_easy_setopt(request->handle, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        curl_easy_setopt(request->handle, CURLOPT_USERNAME, user);
        curl_easy_setopt(request->handle, CURLOPT_PASSWORD, password);
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
        curl_easy_setopt(request->handle, CURLOPT_CAINFO, authorities);
    curl_easy_setopt(request->handle, CURLOPT_HTTPHEADER, request->headers);
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
    curl_easy_setopt(request->handle, CURLOPT_URL, url);
    if (body)
        curl_easy_setopt(request->handle, CURLOPT_COPYPOSTFIELDS, body);
    curl_easy_setopt(request->handle, CURLOPT_WRITEFUNCTION, write);
    curl_easy_setopt(request->handle, CURLOPT_WRITEDATA, context);
    curl_easy_setopt(request->handle, CURLOPT_BUFFERSIZE, 512L << 10);
    free(url);
    return 0;
}

void elastic_request_free(struct elastic_request *request)
{
    curl_easy_cleanup(request->handle);
    curl_slist_free_all(request->headers);
    *request = (struct elastic_request){0};
}

/* To the next address, unless another request that failed went on already. */
static void address_failed(struct elastic *elastic, const struct elastic_request *request)
{
    if (request->url == elastic->url)
        elastic->url = (elastic->url + 1) % elastic->urls->count;
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
        address_failed(elastic, request);
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
        address_failed(elastic, &elastic->blocking);
    if (result < 0)
        return err->kind == ERROR_CONFIG ? ANSWER_DENIED : ANSWER_BUSY;
    enum answer answer = answer_classify(status, reply->bytes, reply->length, err);
    if (answer != ANSWER_OK)
        error_wrap(err, "%.*s", (int)strcspn(path, "?"), path);
    return answer;
}

static enum answer ask(struct elastic *elastic, const char *path, const char *body,
                       struct buffer *reply, struct error *err)
{
    return count(question(elastic, path, body, reply, err));
}

enum answer elastic_hello(struct elastic *elastic, struct error *err)
{
    struct buffer reply = {0};
    enum answer answer = question(elastic, "/", NULL, &reply, err);
    /* Only "/" is refused to keys without cluster privileges, and unknown to small builds. */
    bool silent = answer == ANSWER_DENIED && reply.bytes && !strstr(err->text, "HTTP 401");
    struct error ignored;
    struct json_object *about =
        answer == ANSWER_OK ? reply_parse(reply.bytes, reply.length, &ignored) : NULL;
    const char *distribution = member_text(member(about, "version"), "distribution");
    if (distribution && strcmp(distribution, "opensearch") == 0) {
        error_set(err, ERROR_ABSENT, "%s is an OpenSearch server: not supported yet",
                  elastic->urls->items[elastic->url]);
        answer = ANSWER_WRONG;
    }
    json_object_put(about);
    buffer_free(&reply);
    return count(silent ? ANSWER_OK : answer);
}

/* Asks for `what` of name and lets parse() read it. */
static enum answer look(struct elastic *elastic, const char *name, const char *what,
                        int (*parse)(const char *bytes, size_t length_bytes,
                                     struct elastic_indices *indices, struct error *err),
                        struct elastic_indices *indices, struct error *err)
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
enum answer elastic_look(struct elastic *elastic, const char *name, struct elastic_indices *indices,
                         struct error *err)
{
    struct elastic_indices found = {0};
    enum answer answer = look(elastic, name, SETTINGS_PATH, elastic_settings_parse, &found, err);
    if (answer == ANSWER_OK)
        answer = look(elastic, name, STATS_PATH, elastic_stats_parse, &found, err);
    if (answer != ANSWER_OK) {
        elastic_indices_free(&found);
        return answer;
    }
    indices_take(indices, &found);
    return ANSWER_OK;
}

enum answer elastic_refresh(struct elastic *elastic, const char *index, int32_t copies,
                            struct error *err)
{
    struct buffer reply = {0};
    char *path = elastic_refresh_path(index);
    enum answer answer = ask(elastic, path, "", &reply, err);
    if (answer == ANSWER_OK &&
        elastic_refresh_parse(reply.bytes ? reply.bytes : "", reply.length, copies, err) < 0)
        answer = ANSWER_SHARD;
    free(path);
    buffer_free(&reply);
    return answer;
}
