#include "producer/page.h"

#include <string.h>

#include "producer/reply.h"

#define ENVELOPE_MAX ((size_t)1 << 20)
#define HITS_DEPTH   3 /* inside {"hits":{"hits":[ */

static void key_add(struct page *page, const char *bytes, size_t length_bytes)
{
    if (page->depth < 1 || page->depth > 2)
        return;
    char *key = page->key[page->depth - 1];
    size_t have = strlen(key), room = sizeof(page->key[0]) - 1 - have;
    memcpy(key + have, bytes, length_bytes < room ? length_bytes : room);
    key[have + (length_bytes < room ? length_bytes : room)] = '\0';
}

static void string_begin(struct page *page)
{
    page->in_string = true;
    page->malformed = page->malformed || (page->in_hits && page->depth == HITS_DEPTH);
    if (page->depth == 1 || page->depth == 2)
        page->key[page->depth - 1][0] = '\0';
}

/* From inside a string to behind its closing quote, or to the end. */
static size_t string_skip(struct page *page, const char *bytes, size_t at, size_t end)
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

static bool hits_begin(const struct page *page, char c)
{
    return c == '[' && !page->in_hits && page->depth == HITS_DEPTH - 1 &&
           strcmp(page->key[0], "hits") == 0 && strcmp(page->key[1], "hits") == 0;
}

static void hit_end(struct page *page, const char *bytes, size_t length_bytes)
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
static void bracket_open(struct page *page, const char *bytes, size_t at, size_t *begin)
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

static void bracket_close(struct page *page, const char *bytes, size_t at, size_t *begin)
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

static void rest_keep(struct page *page, const char *bytes, size_t length_bytes)
{
    if (!page->in_hits)
        buffer_add(&page->envelope, bytes, length_bytes);
    else if (page->depth > HITS_DEPTH)
        buffer_add(&page->slice, bytes, length_bytes);
    page->malformed = page->malformed || page->envelope.length > ENVELOPE_MAX;
}

bool page_feed(struct page *page, const char *bytes, size_t length_bytes)
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
    struct json_object *value = reply_member(reply_member(reply, "hits"), "total");
    const char *relation = reply_text(value, "relation");
    return relation && strcmp(relation, "eq") == 0 && reply_number(value, "value", total);
}

static enum answer answer_set(enum answer answer, struct error *err, const char *text)
{
    error_set(err, answer_kind(answer), "search: %s", text);
    return answer;
}

static bool one_shard_answered(struct json_object *shards)
{
    int64_t total, successful, failed;
    return reply_number(shards, "total", &total) && total == 1 &&
           reply_number(shards, "successful", &successful) && successful == 1 &&
           reply_number(shards, "failed", &failed) && failed == 0;
}

/* Complete by all its conditions, or not at all: a shard that does not exist answers 200 too. */
static enum answer envelope_judge(struct json_object *reply, int64_t hits, struct page_found *found,
                                  struct error *err)
{
    int64_t total, documents;
    struct json_object *timed_out = reply_member(reply, "timed_out");
    if (!json_object_is_type(timed_out, json_type_boolean))
        return answer_set(ANSWER_BUSY, err, "no complete answer");
    if (json_object_get_boolean(timed_out))
        return answer_set(ANSWER_TIMEOUT, err, "timed out");
    if (!one_shard_answered(reply_member(reply, "_shards")))
        return answer_set(ANSWER_SHARD, err, "the shard did not answer");
    if (!total_read(reply, &total))
        return answer_set(ANSWER_BUSY, err, "no hits.total");
    if (total != hits)
        return answer_set(ANSWER_TOO_LARGE, err, "more documents than one page holds");
    if (!reply_number(reply_member(reply_member(reply, "aggregations"), "all"), "doc_count",
                      &documents))
        documents = total;
    *found = (struct page_found){hits, documents};
    return ANSWER_OK;
}

enum answer page_end(struct page *page, long status, struct page_found *found, struct error *err)
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

void page_free(struct page *page)
{
    buffer_free(&page->envelope);
    buffer_free(&page->slice);
    *page = (struct page){0};
}
