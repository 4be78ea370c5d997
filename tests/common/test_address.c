#include "tests/support/unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "common/address.h"

#define BYTES(literal) literal, sizeof(literal) - 1

static const struct parse_row {
    const char *name;
    const char *text;
    size_t length;
    const char *want; /* as printed; NULL: no address */
} parse_rows[] = {
    {"IPv4", BYTES("192.0.2.1"), "192.0.2.1"},
    {"IPv4 borders", BYTES("255.255.255.255"), "255.255.255.255"},
    {"IPv6", BYTES("2001:DB8:0:0:0:0:0:1"), "2001:db8::1"},
    {"IPv6 any", BYTES("::"), "::"},
    {"IPv6 longest", BYTES("1111:2222:3333:4444:5555:6666:7777:8888"),
     "1111:2222:3333:4444:5555:6666:7777:8888"},
    {"zone is stripped", BYTES("fe80::1%eth0"), "fe80::1"},
    {"long zone is stripped", BYTES("fe80::1%a-very-long-zone-name-that-no-buffer-expects-at-all"),
     "fe80::1"},
    {"mapped becomes IPv4", BYTES("::ffff:192.0.2.1"), "192.0.2.1"},
    {"mapped in hex becomes IPv4", BYTES("::FFFF:c000:0201"), "192.0.2.1"},
    {"mapped with a zone", BYTES("::ffff:192.0.2.1%eth0"), "192.0.2.1"},
    {"compatible is not mapped", BYTES("::192.0.2.1"), "::192.0.2.1"},
    {"empty", BYTES(""), NULL},
    {"blank around", BYTES(" 192.0.2.1"), NULL},
    {"port", BYTES("192.0.2.1:25"), NULL},
    {"brackets", BYTES("[2001:db8::1]"), NULL},
    {"three parts", BYTES("192.0.2"), NULL},
    {"out of range", BYTES("192.0.2.256"), NULL},
    {"leading zero", BYTES("192.0.2.01"), NULL},
    {"hex", BYTES("0xc0000201"), NULL},
    {"prefix", BYTES("192.0.2.0/24"), NULL},
    {"zone of IPv4", BYTES("192.0.2.1%eth0"), NULL},
    {"empty zone", BYTES("fe80::1%"), NULL},
    {"zone only", BYTES("%eth0"), NULL},
    {"NUL inside", BYTES("192.0.2.1\0"), NULL},
    {"NUL in the zone", BYTES("fe80::1%e\0"), NULL},
    {"hostname", BYTES("mx.example.org"), NULL},
    {"too long for an address", BYTES("0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"),
     NULL},
};

static void parses(void **state)
{
    const struct parse_row *row = *state;
    struct address address = {.family = -1};
    assert_int_equal(address_parse(row->text, row->length, &address), row->want != NULL);
    if (!row->want) {
        assert_int_equal(address.family, -1);
        return;
    }
    char text[ADDRESS_TEXT];
    address_format(&address, text);
    assert_string_equal(text, row->want);
}

static void text_need_not_end(void **state)
{
    (void)state;
    struct address address;
    assert_true(address_parse("192.0.2.123", 9, &address));
    char text[ADDRESS_TEXT];
    address_format(&address, text);
    assert_string_equal(text, "192.0.2.1");
}

static struct address address_of(const char *text)
{
    struct address address = {0};
    assert_true(address_parse(text, strlen(text), &address));
    return address;
}

static void compares(void **state)
{
    (void)state;
    struct address a = address_of("192.0.2.1");
    struct address same = address_of("::ffff:192.0.2.1");
    struct address other = address_of("192.0.2.2");
    struct address v6 = address_of("c000:201::");
    assert_true(address_equal(&a, &same));
    assert_false(address_equal(&a, &other));
    assert_false(address_equal(&a, &v6));
}

static void reads_socket_addresses(void **state)
{
    (void)state;
    char text[ADDRESS_TEXT];
    struct address address;
    struct sockaddr_in ipv4 = {.sin_family = AF_INET};
    inet_pton(AF_INET, "192.0.2.1", &ipv4.sin_addr);
    assert_true(address_from_sockaddr((struct sockaddr *)&ipv4, &address));
    address_format(&address, text);
    assert_string_equal(text, "192.0.2.1");
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6};
    inet_pton(AF_INET6, "2001:db8::1", &ipv6.sin6_addr);
    assert_true(address_from_sockaddr((struct sockaddr *)&ipv6, &address));
    address_format(&address, text);
    assert_string_equal(text, "2001:db8::1");
    inet_pton(AF_INET6, "::ffff:192.0.2.7", &ipv6.sin6_addr);
    assert_true(address_from_sockaddr((struct sockaddr *)&ipv6, &address));
    assert_int_equal(address.family, AF_INET);
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    assert_false(address_from_sockaddr((struct sockaddr *)&local, &address));
}

static const struct prefix_row {
    const char *name; /* also the text */
    const char *want; /* address, NULL: refused */
    int length_bits;
    int port;
} prefix_rows[] = {
    {"10.0.0.0/8", "10.0.0.0", 8, 0},
    {"10.0.0.0/8:8443", "10.0.0.0", 8, 8443},
    {"0.0.0.0/0", "0.0.0.0", 0, 0},
    {"192.0.2.1/32", "192.0.2.1", 32, 0},
    {"192.0.2.255/25", "192.0.2.128", 25, 0},
    {"192.0.2.1/0", "0.0.0.0", 0, 0},
    {"2001:db8::/32", "2001:db8::", 32, 0},
    {"2001:db8::1/127", "2001:db8::", 127, 0},
    {"::/0", "::", 0, 0},
    {"::1/128", "::1", 128, 0},
    {"[2001:db8::]/32", "2001:db8::", 32, 0},
    {"[2001:db8::]/32:8443", "2001:db8::", 32, 8443},
    {"[2001:db8::/32]:8443", "2001:db8::", 32, 8443},
    {"[2001:db8::/32]", "2001:db8::", 32, 0},
    {"::ffff:10.0.0.0/104", "10.0.0.0", 8, 0},
    {"::ffff:10.0.0.0/95", NULL, 0, 0},
    {"192.0.2.1", NULL, 0, 0},
    {"192.0.2.1:25", NULL, 0, 0},
    {"192.0.2.1/33", NULL, 0, 0},
    {"192.0.2.1/", NULL, 0, 0},
    {"192.0.2.1/-1", NULL, 0, 0},
    {"192.0.2.1/+1", NULL, 0, 0},
    {"192.0.2.1/8x", NULL, 0, 0},
    {"192.0.2.1/8:", NULL, 0, 0},
    {"192.0.2.1/8:0", NULL, 0, 0},
    {"192.0.2.1/8:65536", NULL, 0, 0},
    {"192.0.2.1/8:25x", NULL, 0, 0},
    {"192.0.2.1/8:25:26", NULL, 0, 0},
    {"2001:db8::/129", NULL, 0, 0},
    {"2001:db8::/32:8443", NULL, 0, 0},
    {"[2001:db8::/32:8443", NULL, 0, 0},
    {"[2001:db8::]", NULL, 0, 0},
    {"[2001:db8::]32", NULL, 0, 0},
    {"[2001:db8::]:25/32", NULL, 0, 0},
    {"[2001:db8::/32]8443", NULL, 0, 0},
    {"[2001:db8::/]:8443", NULL, 0, 0},
    {"[2001:db8::]/32]:8443", NULL, 0, 0},
    {"[192.0.2.1]/32", NULL, 0, 0},
    {"fe80::%eth0/64", NULL, 0, 0},
    {"192.0.2.1/8]", NULL, 0, 0},
    {"example.org/8", NULL, 0, 0},
    {"/8", NULL, 0, 0},
    {"", NULL, 0, 0},
};

static void parses_prefixes(void **state)
{
    const struct prefix_row *row = *state;
    struct address_prefix prefix = {.port = -1};
    struct error err = {0};
    assert_int_equal(address_prefix_parse(row->name, &prefix, &err), row->want ? 0 : -1);
    if (!row->want) {
        assert_int_equal(err.kind, ERROR_CONFIG);
        assert_int_equal(prefix.port, -1);
        return;
    }
    char text[ADDRESS_TEXT];
    address_format(&prefix.address, text);
    assert_string_equal(text, row->want);
    assert_int_equal(prefix.length_bits, row->length_bits);
    assert_int_equal(prefix.port, row->port);
}

static const struct match_row {
    const char *name;
    const char *prefix;
    const char *address;
    int port;
    bool want;
} match_rows[] = {
    {"first of a /8", "10.0.0.0/8", "10.0.0.0", 443, true},
    {"last of a /8", "10.0.0.0/8", "10.255.255.255", 443, true},
    {"behind a /8", "10.0.0.0/8", "11.0.0.0", 443, false},
    {"last of a /25", "192.0.2.0/25", "192.0.2.127", 443, true},
    {"behind a /25", "192.0.2.0/25", "192.0.2.128", 443, false},
    {"host bits do not matter", "192.0.2.77/24", "192.0.2.1", 443, true},
    {"/12 upper", "172.16.0.0/12", "172.31.255.255", 443, true},
    {"/12 behind", "172.16.0.0/12", "172.32.0.0", 443, false},
    {"/32", "192.0.2.1/32", "192.0.2.1", 443, true},
    {"/32 other", "192.0.2.1/32", "192.0.2.0", 443, false},
    {"/0 is all of its family", "0.0.0.0/0", "203.0.113.9", 443, true},
    {"/0 is not the other family", "0.0.0.0/0", "2001:db8::1", 443, false},
    {"IPv6 /0 is not IPv4", "::/0", "192.0.2.1", 443, false},
    {"IPv6 /128", "::1/128", "::1", 443, true},
    {"IPv6 /10 last", "fe80::/10", "febf:ffff::1", 443, true},
    {"IPv6 /10 behind", "fe80::/10", "fec0::1", 443, false},
    {"its port", "127.0.0.0/8:8443", "127.0.0.1", 8443, true},
    {"another port", "127.0.0.0/8:8443", "127.0.0.1", 443, false},
    {"mapped address is IPv4", "127.0.0.0/8", "::ffff:127.0.0.1", 443, true},
};

static void matches(void **state)
{
    const struct match_row *row = *state;
    struct address_prefix prefix;
    struct error err = {0};
    struct address address = address_of(row->address);
    assert_int_equal(address_prefix_parse(row->prefix, &prefix, &err), 0);
    assert_int_equal(address_prefix_matches(&prefix, &address, row->port), row->want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_need_not_end),
        cmocka_unit_test(compares),
        cmocka_unit_test(reads_socket_addresses),
    };
    return RUN_ROWS("address_parse", parses, parse_rows) +
           RUN_ROWS("address_prefix_parse", parses_prefixes, prefix_rows) +
           RUN_ROWS("address_prefix_matches", matches, match_rows) +
           cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
