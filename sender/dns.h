/* dns: asynchronous look-ups over c-ares: TXT records, and the addresses of a host. One client a
 * thread. */
#ifndef SENDER_DNS_H
#define SENDER_DNS_H

#include <stddef.h>
#include <stdint.h>

#include "common/address.h"
#include "common/error.h"
#include "common/text.h"
#include "sender/targets.h"

#define DNS_IN_FLIGHT_MAX ((size_t)200) /* more at once only makes the resolver drop them */
#define DNS_ADDRESSES_MAX ((size_t)32)  /* of one host; the rest is not used */

enum dns_status {
    DNS_FOUND,
    DNS_NONE,      /* the name or the type does not exist: for now that is final */
    DNS_TEMPORARY, /* no answer, or one that says nothing: never the same as none */
};

/* Once per process before threads. */
void dns_init(void);

struct dns; /* opaque */

/* servers: host:port items, empty: the system's resolvers. Owned by the caller. NULL with
 * ERROR_CONFIG. */
struct dns *dns_new(const struct text_list *servers, struct error *err);
/* Look-ups under way end with DNS_TEMPORARY before it returns. Nulls. */
void dns_free(struct dns **dns);

/* What is handed over is borrowed for the call; of a record over TARGETS_RECORD_MAX so much that it
 * is still over it. done may be called before dns_txt() or
 * dns_addresses() returns. */
typedef void dns_txt_done(void *context, enum dns_status status, const struct txt_record *records,
                          size_t count);
typedef void dns_addresses_done(void *context, enum dns_status status,
                                const struct address *addresses, size_t count);
void dns_txt(struct dns *dns, const char *name, dns_txt_done *done, void *context);
/* A and AAAA together; one of the two is enough. host must be no literal. */
void dns_addresses(struct dns *dns, const char *host, dns_addresses_done *done, void *context);

/* To be waited for (readable), at most dns_timeout_ms() long, and then worked on. */
int dns_fd(const struct dns *dns);
int64_t dns_timeout_ms(struct dns *dns, int64_t at_most_ms);
void dns_work(struct dns *dns);

#endif
