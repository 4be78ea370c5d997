/* admit: which https target may be delivered to (port and name rules), and which transfer may start
 * now. Pure. */
#ifndef SENDER_ADMIT_H
#define SENDER_ADMIT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/address.h"
#include "common/error.h"
#include "common/text.h"
#include "sender/egress.h"
#include "sender/targets.h"

/* ---- whether at all ---- */

struct admit_rules {
    struct egress_rules egress;
    int *ports; /* owned: https.ports */
    size_t port_count;
};
/* ERROR_CONFIG names the key; rules is then untouched. */
int admit_rules_init(struct admit_rules *rules, const struct text_list *ports,
                     const struct text_list *allow, const struct text_list *deny,
                     struct error *err) MUST_USE;
void admit_rules_free(struct admit_rules *rules);

/* The reserved name that host is or lies below, NULL for none; "single-label" for a name without a
 * dot. host is normalised (D1) and no address. */
const char *admit_reserved_name(const char *host);

/* Before the address look-up: false if even egress.allow could not lift what forbids the target
 * (there is no egress.allow), so that an inner name is not even asked for. */
bool admit_may_resolve(const struct admit_rules *rules, const struct target *target,
                       const char **rule);

/* With every address of the host. Denied: rule is "port", "name", or egress's. */
struct egress_verdict admit_judge(const struct admit_rules *rules, const struct target *target,
                                  const struct address *addresses, size_t count);

/* ---- when ---- */

#define ADMIT_HOST_MAX ((size_t)2) /* transfers to one host at the same time */

/* Transfers that wait for their turn: first in, first out for each host; hosts take turns, so that
 * one with many waits for itself only. */
struct admit; /* opaque */

/* Owned by the caller. total_max: https.concurrency. */
struct admit *admit_new(size_t total_max);
/* What still waits is not the queue's to free. Nulls. */
void admit_free(struct admit **admit);

/* item is borrowed and comes back from admit_next() or admit_remove(). */
void admit_add(struct admit *admit, const char *host, void *item);
/* The item whose transfer may start now and counts as running from here on; NULL: none may, or none
 * waits. */
void *admit_next(struct admit *admit);
/* A transfer to host that admit_next() began has ended. */
void admit_done(struct admit *admit, const char *host);
/* Takes out an item that waits. False: it does not wait under that host. */
bool admit_remove(struct admit *admit, const char *host, const void *item);

size_t admit_running(const struct admit *admit);

#endif
