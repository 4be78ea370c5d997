/* address: IP addresses as values: read, print, match against prefixes (rule D7). */
#ifndef COMMON_ADDRESS_H
#define COMMON_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/error.h"

struct address {
    int family;              /* AF_INET or AF_INET6 */
    unsigned char bytes[16]; /* network order; IPv4 uses the first 4 */
};
#define ADDRESS_TEXT 46

/* inet_pton's forms only; an IPv6 zone ("%eth0") is stripped, IPv4-mapped IPv6 becomes IPv4. False:
 * no address. */
bool address_parse(const char *text, size_t length_bytes, struct address *address);
void address_format(const struct address *address, char text[ADDRESS_TEXT]);
/* From a socket address (mapped is unwrapped). False for another family. */
bool address_from_sockaddr(const struct sockaddr *sockaddr, struct address *address);
/* The IPv4 address that is mapped into this one, else itself. */
struct address address_unmapped(const struct address *address);
bool address_equal(const struct address *a, const struct address *b);

/* ADDRESS/LENGTH or ADDRESS/LENGTH:PORT, IPv6 in brackets when a port follows
 * ("[2001:db8::]/32:8443" or
 * "[2001:db8::/32]:8443"); port 0 = every port. */
struct address_prefix {
    struct address address;
    int length_bits;
    int port;
};
int address_prefix_parse(const char *text, struct address_prefix *prefix,
                         struct error *err) MUST_USE; /* ERROR_CONFIG */
bool address_prefix_matches(const struct address_prefix *prefix, const struct address *address,
                            int port);

#endif
