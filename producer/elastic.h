/* elastic: the client of one Elasticsearch cluster: which indices there are, refresh, search. The
 * parsers are pure: they take bytes. */
#ifndef PRODUCER_ELASTIC_H
#define PRODUCER_ELASTIC_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config.h"
#include "common/error.h"
#include "common/text.h"
#include "common/wire/task.h"
#include "producer/answer.h"

/* ---- what indices are ---- */

struct elastic_shard {
    bool started;           /* its primary is there; what follows is the primary's */
    char *history;          /* history_uuid */
    int64_t checkpoint;     /* global checkpoint; -1: empty */
    bool more_than_numbers; /* holds more documents than sequence numbers: made by a resize */
};
struct elastic_index {
    char *name; /* concrete */
    char *uuid;
    bool closed;
    bool resized; /* shrunk, split or cloned: its sequence numbers are not its own */
    struct elastic_shard *shards; /* every shard that the index has, by number */
    int32_t shard_count;
    int32_t copies; /* of shards that are there, replicas included */
};
struct elastic_indices {
    struct elastic_index *items; /* by name */
    size_t count;
};
void elastic_indices_free(struct elastic_indices *indices);
/* Takes what index owns and zeroes it, unless its uuid is there already: then nothing happens. */
void elastic_indices_add(struct elastic_indices *indices, struct elastic_index *index);

/* Pure. From the answer to _settings: every index there is, whatever its health, shards unknown
 * (not started). Appends. ERROR_RETRY: no complete answer. */
int elastic_settings_parse(const char *bytes, size_t length_bytes, struct elastic_indices *indices,
                           struct error *err) MUST_USE;
/* Pure. Fills in what _stats knows of them; indices that only _stats names are younger than the
 * settings and left out. ERROR_RETRY: no complete answer. */
int elastic_stats_parse(const char *bytes, size_t length_bytes, struct elastic_indices *indices,
                        struct error *err) MUST_USE;
/* Pure. Whether a refresh reached every copy that was there: 0, or ERROR_RETRY. */
int elastic_refresh_parse(const char *bytes, size_t length_bytes, int32_t copies,
                          struct error *err) MUST_USE;

/* Pure. From the answer to elastic_check_path(): whether the shard is still the one of that
 * identity. ANSWER_GONE: it is another one, or a restored one. ANSWER_SHARD: nobody knows, its
 * primary is missing. */
enum answer elastic_identity_parse(const char *bytes, size_t length_bytes, const struct task *task,
                                   struct error *err);
char *elastic_check_path(const char *index);   /* owned by the caller, as the next */
char *elastic_refresh_path(const char *index); /* POST with an empty body */

/* ---- a page of hits, read while it comes ---- */

/* One hit, {"_index":..,"_seq_no":..,"_source":{..}}, borrowed for the call. False stops reading.
 */
typedef bool elastic_hit(void *context, const char *hit, size_t hit_bytes);

/* Finds each hit's end by its braces, so that only one hit is in memory; zero it to begin. */
struct elastic_page {
    elastic_hit *hit;
    void *context;
    size_t max_bytes;
    size_t bytes;           /* seen */
    struct buffer envelope; /* all but the hits */
    struct buffer slice;    /* the hit that is being read */
    char key[2][32];        /* the last member names at the depths 1 and 2, cut */
    int depth;
    bool in_string, escaped;
    bool in_hits;
    bool too_large, stopped, malformed;
    int64_t hits;
};
/* False: too large, stopped, or no JSON; the transfer may be cut. */
bool elastic_page_feed(struct elastic_page *page, const char *bytes, size_t length_bytes);

struct elastic_found {
    int64_t hits;      /* that the server says match, and that came */
    int64_t documents; /* of the range, whether they match elastic.filter or not */
};
/* ANSWER_OK only if the search was complete: one shard, nothing timed out, every hit came. */
enum answer elastic_page_end(struct elastic_page *page, long status, struct elastic_found *found,
                             struct error *err);
void elastic_page_free(struct elastic_page *page);

/* Pure. filter: elastic.filter or NULL. It is a post filter, so that the documents of the range
 * are counted beside the hits. Both owned by the caller. */
char *elastic_search_body(int64_t from, int64_t to, const char *filter);
char *elastic_search_path(const char *index, int32_t shard);

/* ---- the client ---- */

struct elastic; /* opaque; one per job, not for two threads */

/* Addresses, filter, distribution: ERROR_CONFIG. */
int elastic_config_check(const struct config *config, struct error *err) MUST_USE;

/* Keeps config. NULL with ERROR_CONFIG. */
struct elastic *elastic_new(const struct config *config, struct error *err);
void elastic_free(struct elastic **elastic);

/* Asks what the server is. ANSWER_WRONG: one that is not supported (ERROR_CONFIG). Blocks for 10
 * seconds at most, like the others here. */
enum answer elastic_hello(struct elastic *elastic, struct error *err);
/* Every index behind an alias, pattern or name; appends. */
enum answer elastic_look(struct elastic *elastic, const char *name, struct elastic_indices *indices,
                         struct error *err);
/* index: a concrete name. copies: those that elastic_look() saw. */
enum answer elastic_refresh(struct elastic *elastic, const char *index, int32_t copies,
                            struct error *err);
/* elastic.filter, NULL for none. */
const char *elastic_filter(const struct elastic *elastic);

/* A handle under the common rules with address, credentials and authorities; the reply goes to
 * write(context). Borrowed strings are copied. ERROR_RETRY: a secret cannot be read now. For
 * curl_multi: the job that runs it frees it. */
struct elastic_request {
    CURL *handle;
    struct curl_slist *headers;
    size_t url; /* which of the addresses */
};
int elastic_request_begin(struct elastic *elastic, struct elastic_request *request,
                          const char *path, const char *body, int64_t total_ms,
                          curl_write_callback write, void *context, struct error *err) MUST_USE;
/* What became of it, if there was no complete HTTP answer; ANSWER_OK if there was, with *status.
 * After trouble the next request goes to the next of the addresses. */
enum answer elastic_request_end(struct elastic *elastic, struct elastic_request *request,
                                CURLcode code, long *status, struct error *err);
void elastic_request_free(struct elastic_request *request);

#endif
