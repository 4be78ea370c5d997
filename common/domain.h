/* domain: host and domain names in the one form that is compared, keyed and printed (rule D1). */
#ifndef COMMON_DOMAIN_H
#define COMMON_DOMAIN_H

#include <stdbool.h>
#include <stddef.h>

#define DOMAIN_MAX 254 /* 253 bytes and NUL */

/* Lower case, one trailing dot stripped, U-labels to A-labels (IDNA2008, non-transitional), LDH
 * labels of 1..63 bytes, at most 253 in all, last label not all digits. text need not be
 * NUL-terminated and may hold anything. False: no domain; out is untouched. */
bool domain_normalize(const char *text, size_t length_bytes, char out[DOMAIN_MAX]);

/* As above, or "*." before a domain (an MTA-STS mx pattern, RFC 8461 section 4.1). */
bool domain_pattern_normalize(const char *text, size_t length_bytes, char out[DOMAIN_MAX]);

/* rule ".name" matches everything below name, "name" only itself; both already normalized. */
bool domain_matches(const char *domain, const char *rule);

#endif
