#include "common/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"

#define IPV4_BYTES  4
#define IPV6_BYTES  16
#define MAPPED_BITS 96 /* of ::ffff:0:0/96 */

static const unsigned char mapped_prefix[MAPPED_BITS / 8] = {[10] = 0xff, [11] = 0xff};

static struct address from_ipv4(const void *bytes)
{
    struct address address = {.family = AF_INET};
    memcpy(address.bytes, bytes, IPV4_BYTES);
    return address;
}

struct address address_unmapped(const struct address *address)
{
    if (address->family != AF_INET6 ||
        memcmp(address->bytes, mapped_prefix, sizeof(mapped_prefix)) != 0)
        return *address;
    return from_ipv4(address->bytes + sizeof(mapped_prefix));
}

static struct address from_ipv6(const unsigned char bytes[IPV6_BYTES])
{
    struct address address = {.family = AF_INET6};
    memcpy(address.bytes, bytes, IPV6_BYTES);
    return address_unmapped(&address);
}

bool address_parse(const char *text, size_t length_bytes, struct address *address)
{
    if (!length_bytes)
        return false;
    const char *zone = memchr(text, '%', length_bytes);
    size_t bare_bytes = zone ? (size_t)(zone - text) : length_bytes;
    char bare[ADDRESS_TEXT];
    if (bare_bytes >= sizeof(bare) || memchr(text, '\0', length_bytes) ||
        (zone && bare_bytes + 1 == length_bytes))
        return false;
    memcpy(bare, text, bare_bytes);
    bare[bare_bytes] = '\0';
    unsigned char bytes[IPV6_BYTES];
    if (inet_pton(AF_INET6, bare, bytes) == 1)
        *address = from_ipv6(bytes);
    else if (!zone && inet_pton(AF_INET, bare, bytes) == 1)
        *address = from_ipv4(bytes);
    else
        return false;
    return true;
}

void address_format(const struct address *address, char text[ADDRESS_TEXT])
{
    if (!inet_ntop(address->family, address->bytes, text, ADDRESS_TEXT))
        text[0] = '\0';
}

bool address_from_sockaddr(const struct sockaddr *sockaddr, struct address *address)
{
    if (sockaddr->sa_family == AF_INET) {
        struct sockaddr_in ipv4;
        memcpy(&ipv4, sockaddr, sizeof(ipv4));
        *address = from_ipv4(&ipv4.sin_addr);
        return true;
    }
    if (sockaddr->sa_family == AF_INET6) {
        struct sockaddr_in6 ipv6;
        memcpy(&ipv6, sockaddr, sizeof(ipv6));
        *address = from_ipv6(ipv6.sin6_addr.s6_addr);
        return true;
    }
    return false;
}

static size_t family_bytes(int family)
{
    return family == AF_INET ? IPV4_BYTES : IPV6_BYTES;
}

bool address_equal(const struct address *a, const struct address *b)
{
    return a->family == b->family && memcmp(a->bytes, b->bytes, family_bytes(a->family)) == 0;
}

/* The first length_bits alike. */
static bool bits_match(const unsigned char *a, const unsigned char *b, int length_bits)
{
    size_t whole = (size_t)length_bits / 8;
    unsigned char mask = (unsigned char)(0xff00 >> length_bits % 8);
    return memcmp(a, b, whole) == 0 && (length_bits % 8 == 0 || !((a[whole] ^ b[whole]) & mask));
}

bool address_prefix_matches(const struct address_prefix *prefix, const struct address *address,
                            int port)
{
    if (prefix->address.family != address->family || (prefix->port && prefix->port != port))
        return false;
    return bits_match(prefix->address.bytes, address->bytes, prefix->length_bits);
}

/* Host bits are no error: what is meant is clear. */
static void clear_host_bits(struct address_prefix *prefix)
{
    for (int bit = prefix->length_bits; bit < (int)sizeof(prefix->address.bytes) * 8; bit++)
        prefix->address.bytes[bit / 8] &= (unsigned char)~(0x80 >> bit % 8);
}

/* The parts of a prefix as they stand in the text. */
struct prefix_text {
    const char *address;
    size_t address_bytes;
    const char *length;
    const char *length_end; /* the character that may follow it */
    const char *port;       /* NULL: none */
};

/* Digits only, min..max, from text to the character in end or the text's end. */
static bool number_of(const char *text, const char *end, int min, int max, int *number)
{
    size_t digits = strspn(text, "0123456789");
    if (digits < 1 || digits > 5 || digits != strcspn(text, end))
        return false;
    long value = strtol(text, NULL, 10);
    if (value < min || value > max)
        return false;
    *number = (int)value;
    return true;
}

/* "[v6]/LENGTH:PORT" and "[v6/LENGTH]:PORT". */
static bool split_bracketed(const char *text, struct prefix_text *parts)
{
    const char *close = strchr(text, ']');
    const char *slash = strchr(text, '/');
    if (!close || !slash || slash == close)
        return false;
    if (slash > close && slash != close + 1)
        return false;
    parts->address = text + 1;
    parts->address_bytes = (size_t)((slash < close ? slash : close) - text - 1);
    parts->length = slash + 1;
    parts->length_end = slash < close ? "]" : ":";
    const char *end = slash < close ? close + 1 : slash + 1 + strcspn(slash + 1, ":");
    parts->port = *end == ':' ? end + 1 : NULL;
    return *end == ':' || !*end;
}

static bool split_plain(const char *text, struct prefix_text *parts)
{
    const char *slash = strchr(text, '/');
    if (!slash)
        return false;
    parts->address = text;
    parts->address_bytes = (size_t)(slash - text);
    parts->length = slash + 1;
    parts->length_end = ":";
    const char *colon = strchr(slash, ':');
    parts->port = colon ? colon + 1 : NULL;
    return !colon || !memchr(text, ':', parts->address_bytes);
}

static bool parse_prefix(const char *text, struct address_prefix *prefix)
{
    struct prefix_text parts = {0};
    if (!(text[0] == '[' ? split_bracketed(text, &parts) : split_plain(text, &parts)))
        return false;
    if (memchr(parts.address, '%', parts.address_bytes) ||
        !address_parse(parts.address, parts.address_bytes, &prefix->address))
        return false;
    bool colons = memchr(parts.address, ':', parts.address_bytes);
    if (text[0] == '[' && !colons)
        return false;
    int shift = colons && prefix->address.family == AF_INET ? MAPPED_BITS : 0;
    int max = shift + 8 * (int)family_bytes(prefix->address.family);
    if (!number_of(parts.length, parts.length_end, shift, max, &prefix->length_bits))
        return false;
    prefix->length_bits -= shift;
    return !parts.port || number_of(parts.port, "", 1, 65535, &prefix->port);
}

int address_prefix_parse(const char *text, struct address_prefix *prefix, struct error *err)
{
    struct address_prefix parsed = {0};
    if (!parse_prefix(text, &parsed))
        return error_set(err, ERROR_CONFIG,
                         "not ADDRESS/LENGTH or ADDRESS/LENGTH:PORT (IPv6 with a port in "
                         "brackets): %.80s",
                         text);
    clear_host_bits(&parsed);
    *prefix = parsed;
    return 0;
}
