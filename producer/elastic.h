/* elastic: the client of one Elasticsearch cluster: its addresses and credentials, what it is
 * asked, and small questions that block. */
#ifndef PRODUCER_ELASTIC_H
#define PRODUCER_ELASTIC_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config.h"
#include "common/error.h"
#include "producer/answer.h"
#include "producer/index.h"

/* ---- what is asked; pure, and owned by the caller ---- */

char *elastic_check_path(const char *index);   /* whether it is still the same index */
char *elastic_refresh_path(const char *index); /* POST with an empty body */
char *elastic_search_path(const char *index, int32_t shard);
/* filter: elastic.filter or NULL. It is a post filter, so that the documents of the range are
 * counted beside the hits. */
char *elastic_search_body(int64_t from, int64_t to, const char *filter);

/* From the answer to "/": whether the server is one that is supported, of the cluster whose uuid is
 * *cluster. NULL: none is known yet, this one is taken, owned by the caller. ANSWER_BUSY: another
 * cluster, or a node of none. ANSWER_WRONG: the first is not supported (ERROR_ABSENT). What says
 * nothing is believed. */
enum answer elastic_identify(const char *bytes, size_t length_bytes, char **cluster,
                             struct error *err);

/* ---- the client ---- */

struct elastic; /* opaque; one per job, not for two threads */

/* Addresses, filter: ERROR_CONFIG; distribution: ERROR_ABSENT if it is not supported. */
int elastic_config_check(const struct config *config, struct error *err) MUST_USE;

/* Keeps config. NULL with those errors. */
struct elastic *elastic_new(const struct config *config, struct error *err);
void elastic_free(struct elastic **elastic);

/* Asks the address in use over a new connection what it is: elastic_identify() with the first
 * cluster that this process saw; ANSWER_OK also where "/" is refused: then there is nothing to
 * compare. After trouble the next address is in use. Each request here blocks for 10 seconds at
 * most. */
enum answer elastic_hello(struct elastic *elastic, struct error *err);
/* Whether the address in use was asked: false before the first hello and after trouble. */
bool elastic_is_greeted(const struct elastic *elastic);
/* Another cluster has answered since the last call: what was read until now may be its own. */
bool elastic_went_astray(struct elastic *elastic);
/* Every index behind an alias, pattern or name; appends. Two requests; these two greet first where
 * that is due. */
enum answer elastic_look(struct elastic *elastic, const char *name, struct index_list *indices,
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
/* Before an answer is believed that nothing takes back: whether its address still leads to the
 * cluster. Blocks, like elastic_hello(). */
enum answer elastic_confirm(struct elastic *elastic, const struct elastic_request *request,
                            struct error *err);

#endif
