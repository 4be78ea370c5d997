/* uri: what RFC 3986 calls a URI, by its syntax. Pure. */
#ifndef COMMON_URI_H
#define COMMON_URI_H

#include <stdbool.h>

/* Scheme, ":" and something, with or without a fragment (RFC 3986 section 3), whatever the scheme.
 * Of an address in brackets only IPv6 is known. */
bool uri_is_absolute(const char *text);

#endif
