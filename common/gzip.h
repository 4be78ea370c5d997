/* gzip: one reproducible gzip member: mtime 0, no name (RFC 1952; RFC 8460 section 5.2). */
#ifndef COMMON_GZIP_H
#define COMMON_GZIP_H

#include <stddef.h>

#include "common/error.h"
#include "common/text.h"

/* Appends the compressed member to out. Cannot fail but for memory. */
void gzip_compress(const void *bytes, size_t length_bytes, struct buffer *out);

/* Appends the content of exactly one member; ERROR_REJECT if it is damaged, has bytes after it, or
 * would exceed max_bytes. On failure out is as it was. */
int gzip_expand(const void *bytes, size_t length_bytes, size_t max_bytes, struct buffer *out,
                struct error *err) MUST_USE;

#endif
