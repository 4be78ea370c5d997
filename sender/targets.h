/* targets: where a domain wants its reports: from the TXT answer at _smtp._tls.<domain> to at most
 * four normalised URIs (RFC 8460 section 3; D16). It judges syntax only: addresses, ports and
 * reserved names are admit's. Pure. */
#ifndef SENDER_TARGETS_H
#define SENDER_TARGETS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/domain.h"
#include "common/text.h"

#define TARGETS_RECORD_MAX ((size_t)4096) /* bytes of one record, its strings joined */
#define TARGETS_URI_MAX    ((size_t)1024) /* bytes of one URI, as published and as normalised */
#define TARGETS_READ_MAX   ((size_t)8)    /* URIs of a record that are read */
#define TARGETS_USED_MAX   ((size_t)4)    /* targets of a record that are used */

/* ---- one URI ---- */

enum target_flaw {
    TARGET_USABLE,
    TARGET_SYNTAX,   /* no URI: a byte that RFC 3986 forbids or RFC 8460 wants encoded, a bad %, no
                        scheme, empty */
    TARGET_TOO_LONG, /* over TARGETS_URI_MAX */
    TARGET_SCHEME,   /* neither https nor mailto */
    TARGET_USERINFO, /* https with user or password */
    TARGET_HOST,     /* https: neither a domain (D1) nor an address literal */
    TARGET_PORT,     /* https: not 1..65535 */
    TARGET_MAILBOX,  /* mailto: not exactly one plain dot-atom@domain */
    TARGET_HFIELD,   /* mailto: would set to, cc, bcc or body (RFC 6068 section 4) */
    TARGET_DUPLICATE,
    TARGET_OVER_READ, /* after the TARGETS_READ_MAX-th URI */
    TARGET_OVER_USED, /* after the TARGETS_USED_MAX-th target */
};
const char *target_flaw_name(enum target_flaw flaw); /* "syntax", "too-long", ...: for ever */

/* One URI as published (borrowed, any bytes). TARGET_USABLE: *target is the normalised form, owned
 * by the caller; otherwise it is untouched. https: scheme and host in lower case (a final dot
 * dropped), port 443 and fragment dropped,
 * "/" for an empty path, every other byte kept. mailto: "mailto:" and the decoded mailbox, its
 * domain by D1. */
enum target_flaw target_normalize(const char *uri, size_t length_bytes, char **target);

/* What a normalised target says. */
struct target {
    bool mail;             /* mailto:, otherwise https: */
    const char *mailbox;   /* of mail: borrowed from the target; NULL for https */
    char host[DOMAIN_MAX]; /* https: domain or address literal without brackets; mail: the mailbox's
                              domain */
    bool literal;          /* host is an address */
    int port;              /* https only */
};
/* False if text is not as target_normalize() would write it (it came from elsewhere); target is
 * then untouched. */
bool target_read(const char *text, struct target *target);

/* ---- a TXT answer ---- */

/* One TXT record: its character-strings, which are joined without a blank. All borrowed. */
struct txt_string {
    const char *bytes;
    size_t length_bytes;
};
struct txt_record {
    const struct txt_string *strings;
    size_t count;
};

enum targets_reason {
    TARGETS_OK,
    TARGETS_NO_RECORD,
    TARGETS_SEVERAL_RECORDS,
    TARGETS_BAD_SYNTAX,
    TARGETS_NO_USABLE_TARGET,
};
const char *targets_reason_name(enum targets_reason reason); /* NULL for TARGETS_OK */

struct target_ignored {
    char *uri; /* as published, made safe (D9) */
    enum target_flaw flaw;
};
struct targets {
    enum targets_reason reason;
    struct text_list used; /* normalised, in the record's order; empty unless TARGETS_OK */
    struct target_ignored *ignored;
    size_t ignored_count;
};

/* Any answer has a result: targets is filled, and freed with targets_free(). */
void targets_parse(const struct txt_record *records, size_t count, struct targets *targets);
void targets_free(struct targets *targets);

#endif
