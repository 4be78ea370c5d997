/* egress: the addresses that a delivery may connect to. The host of an https target is a stranger's
 * choice, so nothing inside our own networks may be reached through it (RFC 8460 section 7 names
 * the danger). Pure. */
#ifndef SENDER_EGRESS_H
#define SENDER_EGRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/address.h"
#include "common/error.h"
#include "common/text.h"

/* What is added to the table: egress.deny wins over egress.allow, which wins over the table and
 * over our own addresses. */
struct egress_rules {
    struct address_prefix *allow, *deny; /* owned; the operator's */
    size_t allow_count, deny_count;
    struct address *own; /* owned; of this host's interfaces */
    size_t own_count;
};

/* rules is freed with egress_rules_free(); untouched on failure. ERROR_CONFIG names the key. */
int egress_rules_init(struct egress_rules *rules, const struct text_list *allow,
                      const struct text_list *deny, struct error *err) MUST_USE;
/* An address of this host (borrowed): denied on every port. */
void egress_rules_own(struct egress_rules *rules, const struct address *address);
void egress_rules_free(struct egress_rules *rules);

struct egress_verdict {
    bool allowed;
    const char *rule; /* one word, for ever: the row that decided; see the README */
};

/* IPv4 inside IPv6 (::ffff:0:0/96) is judged as IPv4. */
struct egress_verdict egress_judge(const struct egress_rules *rules, const struct address *address,
                                   int port);

/* A whole answer to A and AAAA. One denied address denies the name: mixed answers are how a name is
 * rebound to an inner address. Without an address it is denied too. */
struct egress_verdict egress_judge_all(const struct egress_rules *rules,
                                       const struct address *addresses, size_t count, int port);

/* The operator wants these: each one (and there is one) matches egress.allow, none egress.deny.
 * Then the rules for ports and names do not apply either. */
bool egress_is_wanted(const struct egress_rules *rules, const struct address *addresses,
                      size_t count, int port);

#endif
