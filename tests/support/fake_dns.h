/* fake_dns: a name server on loopback that answers from a table, also wrongly. Its own thread. */
#ifndef TESTS_SUPPORT_FAKE_DNS_H
#define TESTS_SUPPORT_FAKE_DNS_H

#include <stddef.h>

enum fake_dns_mode {
    FAKE_DNS_ANSWER,
    FAKE_DNS_NXDOMAIN,
    FAKE_DNS_SERVFAIL,
    FAKE_DNS_REFUSED,
    FAKE_DNS_DROP,       /* silence */
    FAKE_DNS_FLAKY,      /* silence the first time, then the answer */
    FAKE_DNS_CNAME,      /* an alias, and nothing at its end */
    FAKE_DNS_ALIAS,      /* an alias, and one TXT at its end */
    FAKE_DNS_BAD_LENGTH, /* a character-string that is longer than its record */
    FAKE_DNS_COUNT_LIES, /* more answers announced than there are */
    FAKE_DNS_OTHER_ID,   /* the answer to another question */
    FAKE_DNS_TRUNCATED,  /* TC, and TCP gives nothing */
    FAKE_DNS_EMPTY, /* no record; data: what tells that from a referral, the flag "aa" or "ra" or
                     an "soa" behind it; "": it is one; "none": it does not even refer */
    FAKE_DNS_TCP,   /* TC, and the answer on TCP; without such a row nobody listens there */
};

/* TXT: records separated by newlines, their character-strings by "|"; byte 0x01 stands for NUL.
 * A, AAAA: addresses between blanks. A name that is in no row: NXDOMAIN; a name without a row of
 * the type asked for: an empty answer. */
struct fake_dns_row {
    const char *name; /* NULL ends the table */
    const char *type; /* "TXT", "A", "AAAA", "*" */
    enum fake_dns_mode mode;
    const char *data;
};

struct fake_dns; /* opaque */

/* rows is borrowed. */
struct fake_dns *fake_dns_start(const struct fake_dns_row *rows);
/* ADDRESS:PORT for dns.servers. */
const char *fake_dns_address(const struct fake_dns *dns);
/* Questions seen for a name, retries included. */
size_t fake_dns_asked(struct fake_dns *dns, const char *name);
void fake_dns_stop(struct fake_dns **dns);

#endif
