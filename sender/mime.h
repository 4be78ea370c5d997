/* mime: a report as a mail message (RFC 8460 section 5.3), from the record and the configuration
 * alone: the same values always give the same bytes, so that a second try is recognised as the
 * first one's twin. Pure. */
#ifndef SENDER_MIME_H
#define SENDER_MIME_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/text.h"

#define MIME_LINE_MAX ((size_t)998) /* RFC 5322 section 2.1.1, without CRLF */

/* All borrowed. */
struct mime_letter {
    const char *report_id; /* dot-atom (D13) */
    const char *domain;    /* policy domain (D1) */
    int64_t day;           /* days since 1970 */
    const char *target;    /* whose copy this is; part of the Message-ID (D13) */
    const char *to;     /* "mailto:" and a mailbox, as target_normalize() writes it: who gets it */
    int64_t created_ms; /* Date */
    const char *submitter;    /* D14 */
    const char *from;         /* a mailbox of the submitter */
    const char *organization; /* the From's display name, any UTF-8; NULL or "": none */
    const void *payload;      /* the gzip member */
    size_t payload_bytes;
};

/* Appends the message, ended by CRLF. ERROR_REJECT if a value could not stand in a header (whatever
 * it came through); a failure leaves message as it was. */
int mime_compose(const struct mime_letter *letter, struct buffer *message,
                 struct error *err) MUST_USE;

/* <submitter>!<domain>!<begin>!<end>!<unique-id>.json.gz (RFC 8460 section 5.1; D13): unique-id is
 * 16 hex digits of the report-id's SHA-256. Owned by the caller. */
char *mime_file_name(const struct mime_letter *letter);

/* Appends one header field, folded at 76 columns where it has blanks (several in a row become one).
 * ERROR_REJECT, and out as it was, if value is empty, begins with a blank, has a control or
 * anything but ASCII, or if it or a line of it is longer than MIME_LINE_MAX. */
int mime_header_add(struct buffer *out, const char *name, const char *value, size_t length_bytes,
                    struct error *err) MUST_USE;

#endif
