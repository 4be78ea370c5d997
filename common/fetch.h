/* fetch: libcurl's easy handles with the rules that hold for each of them: no proxy, no redirect,
 * no netrc, no signals, bytes counted and capped, time bounded. Callers add what their protocol
 * needs. */
#ifndef COMMON_FETCH_H
#define COMMON_FETCH_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/text.h"

/* Once per process before threads: curl_global_init, refuses a libcurl older than 7.85, removes
 * *_proxy, SSL_CERT_*, CURL_CA_BUNDLE and SSLKEYLOGFILE from the environment. */
int fetch_init(struct error *err) MUST_USE;

struct fetch_limits {
    int64_t connect_ms;
    int64_t total_ms;
};
/* A handle under the rules above, restricted to `protocols` ("http,https", "smtp"). Owned by the
 * caller. It speaks JSON (Content-Type, Accept, no Expect) until the caller sets
 * CURLOPT_HTTPHEADER, and sends no credentials until the caller sets CURLOPT_HTTPAUTH. Both limits
 * must be above 0. */
CURL *fetch_handle(const char *protocols, const struct fetch_limits *limits);

/* For further options: what libcurl refuses is our bug, and a gate that is not set would be none.
 */
void fetch_must(CURLcode code, const char *what);
#define FETCH_SET(handle, option, value)                                                           \
    fetch_must(curl_easy_setopt((handle), (option), (value)), #option)

/* One blocking request (Elasticsearch's small calls): GET when body is NULL, else POST of JSON.
 * *reply is replaced. 0 with *status and the reply (capped at max_bytes; over it ERROR_REJECT) when
 * an HTTP answer was complete; ERROR_RETRY when there was none; ERROR_CONFIG when the server's
 * certificate is not trusted. */
int fetch_json(CURL *handle, const char *url, const char *body, size_t max_bytes, long *status,
               struct buffer *reply, struct error *err) MUST_USE;

#endif
