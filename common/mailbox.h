/* mailbox: one plain mail address, dot-atom@domain (RFC 5322 section 3.4.1 without quotes,
 * comments, literals and display names). Pure. */
#ifndef COMMON_MAILBOX_H
#define COMMON_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>

#define MAILBOX_TEXT 255 /* with NUL: RFC 5321 section 4.5.3.1.3 without the angle brackets */

/* RFC 5322 section 3.2.3; also what a report-id has to be (D13). text may hold any bytes. */
bool mailbox_is_dot_atom(const char *text, size_t length_bytes);

/* The local part as it is (at most 64 bytes, RFC 5321 section 4.5.3.1.1), "@", the domain by D1 in
 * at least two labels: nobody outside could answer to fewer. False: it is no such address; out is
 * then untouched. */
bool mailbox_normalize(const char *text, size_t length_bytes, char out[MAILBOX_TEXT]);

/* Of what mailbox_normalize() wrote; borrowed from it. */
const char *mailbox_domain(const char *mailbox);

#endif
