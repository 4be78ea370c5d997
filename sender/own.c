#include "sender/own.h"

#include <errno.h>
#include <ifaddrs.h>
#include <string.h>

int own_addresses_deny(struct egress_rules *rules, struct error *err)
{
    struct ifaddrs *interfaces;
    struct address address;
    if (getifaddrs(&interfaces) < 0)
        return error_set(err, ERROR_FATAL, "this host's addresses: %s", strerror(errno));
    for (const struct ifaddrs *at = interfaces; at; at = at->ifa_next)
        if (at->ifa_addr && address_from_sockaddr(at->ifa_addr, &address))
            egress_rules_own(rules, &address);
    freeifaddrs(interfaces);
    return 0;
}
