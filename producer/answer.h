/* answer: what an answer of Elasticsearch tells the caller to do; one table says what each of them
 * means. Pure: it takes status and bytes. */
#ifndef PRODUCER_ANSWER_H
#define PRODUCER_ANSWER_H

#include <stddef.h>

#include "common/error.h"

/* What an answer tells the caller to do. */
enum answer {
    ANSWER_OK,
    ANSWER_BUSY,      /* the cluster's trouble, or no answer: back off, try again */
    ANSWER_TIMEOUT,   /* likewise; a smaller page may help */
    ANSWER_SHARD,     /* this index's or shard's trouble: the others may go on */
    ANSWER_GONE,      /* there is no such index */
    ANSWER_TOO_LARGE, /* ask for a smaller page */
    ANSWER_DENIED,    /* credentials, certificate, address: somebody must act; try every minute */
    ANSWER_WRONG,     /* the request itself: no later try changes it */
};
const char *answer_name(enum answer answer); /* "ok", "busy", ... for metrics */

/* The meaning of an HTTP answer that is no search page; err gets the server's words unless
 * it is ANSWER_OK. */
enum answer answer_classify(long status, const char *body, size_t body_bytes, struct error *err);
/* What to do with the error where it ends a job. */
enum error_kind answer_kind(enum answer answer);

#endif
