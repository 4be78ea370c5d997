/* elastic: the client of one Elasticsearch cluster: its addresses and credentials, what it is
 * asked, and small questions that block. */
#ifndef PRODUCER_ELASTIC_H
#define PRODUCER_ELASTIC_H

#include <curl/curl.h>
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

#endif
