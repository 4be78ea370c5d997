/* page: a page of hits of one search, read while it comes, and whether the search was complete.
 * Pure: it takes bytes. */
#ifndef PRODUCER_PAGE_H
#define PRODUCER_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/text.h"
#include "producer/answer.h"

/* One hit, {"_index":..,"_seq_no":..,"_source":{..}}, borrowed for the call. False stops reading.
 */
typedef bool page_hit(void *context, const char *hit, size_t hit_bytes);

/* Finds each hit's end by its braces, so that only one hit is in memory; zero it to begin. */
struct page {
    page_hit *hit;
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
bool page_feed(struct page *page, const char *bytes, size_t length_bytes);

struct page_found {
    int64_t hits;      /* that the server says match, and that came */
    int64_t documents; /* of the range, whether they match elastic.filter or not */
};
/* ANSWER_OK only if the search was complete: one shard, nothing timed out, every hit came. */
enum answer page_end(struct page *page, long status, struct page_found *found, struct error *err);
void page_free(struct page *page);

#endif
