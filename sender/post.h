/* post: one POST over libcurl to addresses that were judged before: pinned, gated, bounded (RFC
 * 8460 section 5.4). */
#ifndef SENDER_POST_H
#define SENDER_POST_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/address.h"
#include "sender/attempt.h"

#define POST_RESPONSE_MAX ((size_t)4096)  /* body bytes that are read before the transfer is cut */
#define POST_HEADERS_MAX  ((size_t)16384) /* header bytes likewise */

/* All borrowed, and must stay until post_close(). */
struct post_request {
    const char *url;
    const char *host; /* of url, without brackets */
    int port;
    const struct address *addresses; /* the only ones that may be connected to */
    size_t address_count;
    const void *payload;
    size_t payload_bytes;
    const char *report_id; /* becomes the Idempotency-Key */
    const char *ca_file;   /* NULL: the system's */
    bool verify;
    int64_t timeout_ms;
};

struct post; /* opaque */

/* Not started: the caller adds post_handle() to its multi handle; its CURLOPT_PRIVATE is `data`.
 * Owned by the caller. */
struct post *post_open(const struct post_request *request, void *data);
void post_close(struct post **post); /* nulls; the handle must be in no multi handle any more */
CURL *post_handle(const struct post *post);

/* The last byte of the request is out: from now on the receiver may have it. */
bool post_is_uploaded(const struct post *post);
/* The certificate of whoever answered, however the answer ended, was checked and good. */
bool post_is_verified(const struct post *post);
/* What attempt_judge_https() wants to know, after the transfer ended with code. */
struct attempt_https post_result(const struct post *post, CURLcode code);

#endif
