#include "sender/egress.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "common/memory.h"
#include "tests/support/unit.h"

/* ---- single addresses and the rule that decides ---- */

struct row {
    const char *name; /* the address */
    bool allowed;
    const char *rule;
};

static const struct row rows[] = {
    {"0.0.0.0", false, "this-network"},
    {"0.255.255.255", false, "this-network"},
    {"1.0.0.0", true, "public"},
    {"9.255.255.255", true, "public"},
    {"10.0.0.0", false, "private"},
    {"10.255.255.255", false, "private"},
    {"11.0.0.0", true, "public"},
    {"100.63.255.255", true, "public"},
    {"100.64.0.0", false, "carrier-nat"},
    {"100.127.255.255", false, "carrier-nat"},
    {"100.128.0.0", true, "public"},
    {"127.0.0.1", false, "loopback"},
    {"127.255.255.254", false, "loopback"},
    {"168.63.129.15", true, "public"},
    {"168.63.129.16", false, "metadata"},
    {"168.63.129.17", true, "public"},
    {"169.254.169.254", false, "link-local"},
    {"172.15.255.255", true, "public"},
    {"172.16.0.0", false, "private"},
    {"172.31.255.255", false, "private"},
    {"172.32.0.0", true, "public"},
    {"192.0.0.8", false, "protocol"},
    {"192.0.1.0", true, "public"},
    {"192.0.2.1", false, "documentation"},
    {"192.31.196.1", false, "as112"},
    {"192.52.193.1", false, "amt"},
    {"192.88.99.1", false, "6to4"},
    {"192.168.0.1", false, "private"},
    {"192.169.0.0", true, "public"},
    {"192.175.48.1", false, "as112"},
    {"198.17.255.255", true, "public"},
    {"198.18.0.0", false, "benchmark"},
    {"198.19.255.255", false, "benchmark"},
    {"198.20.0.0", true, "public"},
    {"198.51.100.1", false, "documentation"},
    {"203.0.113.1", false, "documentation"},
    {"223.255.255.255", true, "public"},
    {"224.0.0.1", false, "multicast"},
    {"239.255.255.255", false, "multicast"},
    {"240.0.0.1", false, "reserved"},
    {"255.255.255.255", false, "reserved"},
    {"::", false, "not-global"},
    {"::1", false, "not-global"},
    {"::127.0.0.1", false, "not-global"},
    {"::ffff:10.0.0.1", false, "private"},
    {"::ffff:8.8.8.8", true, "public"},
    {"::ffff:0:127.0.0.1", false, "not-global"},
    {"64:ff9b::7f00:1", false, "not-global"},
    {"64:ff9b:1::1", false, "not-global"},
    {"100::1", false, "not-global"},
    {"1fff:ffff::1", false, "not-global"},
    {"2000::", true, "public"},
    {"2001::1", false, "protocol"},
    {"2001:1ff:ffff::1", false, "protocol"},
    {"2001:200::1", true, "public"},
    {"2001:db7:ffff::1", true, "public"},
    {"2001:db8::1", false, "documentation"},
    {"2001:db9::1", true, "public"},
    {"2001:4860:4860::8888", true, "public"},
    {"2002:7f00:1::1", false, "6to4"},
    {"2003::1", true, "public"},
    {"2620:4f:8000::1", false, "as112"},
    {"2620:4f:8001::1", true, "public"},
    {"3ffe:ffff::1", true, "public"},
    {"3fff::1", false, "documentation"},
    {"3fff:fff:ffff::1", false, "documentation"},
    {"3fff:1000::1", true, "public"},
    {"4000::1", false, "not-global"},
    {"5f00::1", false, "not-global"},
    {"fc00::1", false, "not-global"},
    {"fd00:ec2::254", false, "not-global"},
    {"fe80::1", false, "not-global"},
    {"fec0::1", false, "not-global"},
    {"ff02::1", false, "not-global"},
};

/* Reads without address_parse(), which would unwrap what egress itself has to unwrap. */
static struct address address_of(const char *text)
{
    struct address address = {.family = strchr(text, ':') ? AF_INET6 : AF_INET};
    assert_int_equal(inet_pton(address.family, text, address.bytes), 1);
    return address;
}

static void verdict_row(void **state)
{
    const struct row *row = *state;
    const struct egress_rules none = {0};
    struct address address = address_of(row->name);
    struct egress_verdict verdict = egress_judge(&none, &address, 443);
    assert_string_equal(verdict.rule, row->rule);
    assert_int_equal(verdict.allowed, row->allowed);
}

/* ---- every edge of every prefix, and many addresses, against a slow oracle ---- */

/* The policy as text, in its own words: the oracle shares nothing with the table but the numbers.
 */
static const char *const oracle_denied[] = {
    "0.0.0.0/8",         "10.0.0.0/8",     "100.64.0.0/10",   "127.0.0.0/8",      "169.254.0.0/16",
    "172.16.0.0/12",     "192.0.0.0/24",   "192.0.2.0/24",    "192.31.196.0/24",  "192.52.193.0/24",
    "192.88.99.0/24",    "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15",    "198.51.100.0/24",
    "203.0.113.0/24",    "224.0.0.0/4",    "240.0.0.0/4",     "168.63.129.16/32", "::/3",
    "4000::/2",          "8000::/1",       "2001::/23",       "2001:db8::/32",    "2002::/16",
    "2620:4f:8000::/48", "3fff::/20",
};

static int bit_of(const unsigned char *bytes, int index)
{
    return bytes[index / 8] >> (7 - index % 8) & 1;
}

static struct address oracle_prefix(const char *text, int *length)
{
    char address[64];
    const char *slash = strchr(text, '/');
    memcpy(address, text, (size_t)(slash - text));
    address[slash - text] = '\0';
    *length = (int)strtol(slash + 1, NULL, 10);
    return address_of(address);
}

static bool oracle_allows(const struct address *address)
{
    for (size_t i = 0; i < NELEMS(oracle_denied); i++) {
        int length, same = 0;
        struct address prefix = oracle_prefix(oracle_denied[i], &length);
        while (same < length && bit_of(prefix.bytes, same) == bit_of(address->bytes, same))
            same++;
        if (prefix.family == address->family && same == length)
            return false;
    }
    return true;
}

/* Mapped addresses are tested above. */
static bool is_mapped(const struct address *address)
{
    static const unsigned char head[12] = {[10] = 0xff, [11] = 0xff};
    return address->family == AF_INET6 && memcmp(address->bytes, head, sizeof(head)) == 0;
}

static void compare(const struct address *address)
{
    char text[INET6_ADDRSTRLEN];
    const struct egress_rules none = {0};
    if (is_mapped(address))
        return;
    if (egress_judge(&none, address, 443).allowed != oracle_allows(address))
        fail_msg("%s", inet_ntop(address->family, address->bytes, text, sizeof(text)));
}

/* Adds 1 or -1 to the address, as one number. */
static void address_step(struct address *address, int step)
{
    int carry = step;
    for (int i = address->family == AF_INET ? 3 : 15; i >= 0 && carry != 0; i--) {
        int value = address->bytes[i] + carry;
        carry = value < 0 ? -1 : value >> 8;
        address->bytes[i] = (unsigned char)value;
    }
}

static void edges_agree(void **state)
{
    (void)state;
    for (size_t i = 0; i < NELEMS(oracle_denied); i++) {
        int length;
        struct address first = oracle_prefix(oracle_denied[i], &length), last = first;
        for (int bit = length; bit < (first.family == AF_INET ? 32 : 128); bit++)
            last.bytes[bit / 8] |= (unsigned char)(0x80 >> bit % 8);
        compare(&first);
        compare(&last);
        address_step(&first, -1);
        address_step(&last, 1);
        compare(&first);
        compare(&last);
    }
}

static uint32_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 32);
}

static void random_addresses_agree(void **state)
{
    uint64_t seed = 8460;
    (void)state;
    for (int i = 0; i < 100000; i++) {
        struct address address = {.family = i % 2 ? AF_INET : AF_INET6};
        for (int byte = 0; byte < (i % 2 ? 4 : 16); byte++)
            address.bytes[byte] = (unsigned char)next_random(&seed);
        if (i % 4 == 0) /* most of what is denied begins here */
            address.bytes[0] = (unsigned char)(0x20 + i / 4 % 2 * 0x1f);
        compare(&address);
    }
}

/* ---- the operator's rules ---- */

static void rules_of(struct egress_rules *rules, const char *allow, const char *deny)
{
    struct text_list allowed = {0}, denied = {0};
    struct error err;
    text_list_split(&allowed, allow);
    text_list_split(&denied, deny);
    assert_int_equal(egress_rules_init(rules, &allowed, &denied, &err), 0);
    text_list_free(&allowed);
    text_list_free(&denied);
}

struct operator_row {
    const char *name, *allow, *deny, *address;
    int port;
    bool allowed;
    const char *rule;
};

static const struct operator_row operator_rows[] = {
    {"allow lifts the table", "127.0.0.1/32:8443", "", "127.0.0.1", 8443, true, "egress.allow"},
    {"on that port only", "127.0.0.1/32:8443", "", "127.0.0.1", 443, false, "loopback"},
    {"and that prefix only", "127.0.0.1/32:8443", "", "127.0.0.2", 8443, false, "loopback"},
    {"without a port: every port", "10.1.0.0/16", "", "10.1.2.3", 9, true, "egress.allow"},
    {"mapped is judged as IPv4", "10.1.0.0/16", "", "::ffff:10.1.2.3", 443, true, "egress.allow"},
    {"IPv6 with a port", "[fd00::/8]:8443", "", "fd12::1", 8443, true, "egress.allow"},
    {"IPv6 on another port", "[fd00::/8]:8443", "", "fd12::1", 443, false, "not-global"},
    {"deny forbids what is public", "", "8.8.8.0/24", "8.8.8.8", 443, false, "egress.deny"},
    {"deny on its port only", "", "8.8.8.0/24:443", "8.8.8.8", 8443, true, "public"},
    {"deny wins over allow", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", 443, false, "egress.deny"},
};

static void operator_row(void **state)
{
    const struct operator_row *row = *state;
    struct egress_rules rules;
    struct address address = address_of(row->address);
    rules_of(&rules, row->allow, row->deny);
    struct egress_verdict verdict = egress_judge(&rules, &address, row->port);
    assert_string_equal(verdict.rule, row->rule);
    assert_int_equal(verdict.allowed, row->allowed);
    egress_rules_free(&rules);
}

/* As an interface has it, also where that is public; the operator may want it all the same. */
static const struct own_row {
    const char *name, *allow, *address;
    bool allowed;
    const char *rule;
} own_rows[] = {
    {"our own", "", "8.8.8.8", false, "own-address"},
    {"our own, mapped", "", "::ffff:8.8.8.8", false, "own-address"},
    {"its neighbour", "", "8.8.8.9", true, "public"},
    {"our own, and wanted", "8.8.8.8/32:443", "8.8.8.8", true, "egress.allow"},
    {"our own, and private: the table comes first", "", "10.0.0.1", false, "private"},
};

static void own_row(void **state)
{
    const struct own_row *row = *state;
    struct egress_rules rules;
    const struct address own[] = {address_of("8.8.8.8"), address_of("10.0.0.1")};
    struct address address = address_of(row->address);
    rules_of(&rules, row->allow, "");
    for (size_t i = 0; i < NELEMS(own); i++)
        egress_rules_own(&rules, &own[i]);
    struct egress_verdict verdict = egress_judge(&rules, &address, 443);
    assert_string_equal(verdict.rule, row->rule);
    assert_int_equal(verdict.allowed, row->allowed);
    egress_rules_free(&rules);
    assert_int_equal(rules.own_count, 0);
}

static void a_bad_prefix_is_named(void **state)
{
    struct egress_rules rules = {.allow_count = 7};
    struct text_list good = {0}, bad = {0};
    struct error err = {0};
    (void)state;
    text_list_split(&good, "10.0.0.0/8");
    text_list_split(&bad, "10.0.0.0/8 10.0.0.0/33");
    assert_int_equal(egress_rules_init(&rules, &bad, &good, &err), -1);
    assert_int_equal(err.kind, ERROR_CONFIG);
    assert_non_null(strstr(err.text, "egress.allow"));
    assert_int_equal(egress_rules_init(&rules, &good, &bad, &err), -1);
    assert_non_null(strstr(err.text, "egress.deny"));
    assert_int_equal(rules.allow_count, 7); /* untouched */
    text_list_free(&good);
    text_list_free(&bad);
}

/* ---- whole answers ---- */

struct answer_row {
    const char *name, *addresses, *allow, *deny;
    bool allowed;
    const char *rule;
    bool wanted;
};

static const struct answer_row answer_rows[] = {
    {"no address", "", "", "", false, "no-address", false},
    {"all public", "8.8.8.8 2001:4860::1", "", "", true, "public", false},
    {"one is denied: all are", "8.8.8.8 127.0.0.1 8.8.4.4", "", "", false, "loopback", false},
    {"denied last", "8.8.8.8 fe80::1", "", "", false, "not-global", false},
    {"all wanted", "10.1.0.1 10.1.0.2", "10.1.0.0/16", "", true, "egress.allow", true},
    {"one wanted, one public", "10.1.0.1 8.8.8.8", "10.1.0.0/16", "", true, "public", false},
    {"one wanted, one inner", "10.1.0.1 10.2.0.1", "10.1.0.0/16", "", false, "private", false},
    {"wanted and denied", "10.1.0.1", "10.1.0.0/16", "10.1.0.1/32", false, "egress.deny", false},
    {"wanted in mapped form", "::ffff:10.1.0.1", "10.1.0.0/16", "", true, "egress.allow", true},
};

static void answer_row(void **state)
{
    const struct answer_row *row = *state;
    struct egress_rules rules;
    struct text_list texts = {0};
    struct address addresses[4];
    rules_of(&rules, row->allow, row->deny);
    text_list_split(&texts, row->addresses);
    for (size_t i = 0; i < texts.count; i++)
        addresses[i] = address_of(texts.items[i]);
    struct egress_verdict verdict = egress_judge_all(&rules, addresses, texts.count, 443);
    assert_string_equal(verdict.rule, row->rule);
    assert_int_equal(verdict.allowed, row->allowed);
    assert_int_equal(egress_is_wanted(&rules, addresses, texts.count, 443), row->wanted);
    text_list_free(&texts);
    egress_rules_free(&rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edges_agree),
        cmocka_unit_test(random_addresses_agree),
        cmocka_unit_test(a_bad_prefix_is_named),
    };
    int failed = RUN_ROWS("egress: the table", verdict_row, rows);
    failed += RUN_ROWS("egress: the operator", operator_row, operator_rows);
    failed += RUN_ROWS("egress: our own", own_row, own_rows);
    failed += RUN_ROWS("egress: answers", answer_row, answer_rows);
    return failed + cmocka_run_group_tests_name("egress", tests, NULL, NULL);
}
