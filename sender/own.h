/* own: the addresses of this host's interfaces, which no delivery may connect to. */
#ifndef SENDER_OWN_H
#define SENDER_OWN_H

#include "common/error.h"
#include "sender/egress.h"

/* Adds those of now. ERROR_FATAL if the system does not say; rules is then untouched. */
int own_addresses_deny(struct egress_rules *rules, struct error *err) MUST_USE;

#endif
