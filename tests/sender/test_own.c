#include "sender/own.h"

#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include "tests/support/unit.h"

/* In place of the system's: an interface without an address, one of the link layer, one of each
 * kind. */
static bool silent;

static const struct sockaddr link_layer = {.sa_family = AF_PACKET};
static const struct sockaddr_in ipv4 = {.sin_family = AF_INET,
                                        .sin_addr.s_addr = 0x08080808}; /* 8.8.8.8 */
static const struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6,
                                         .sin6_addr.s6_addr = {0x20, 0x03, [15] = 1}}; /* 2003::1 */
static struct ifaddrs interfaces[4];

int getifaddrs(struct ifaddrs **found)
{
    const struct sockaddr *const addresses[] = {NULL, &link_layer, (const struct sockaddr *)&ipv4,
                                                (const struct sockaddr *)&ipv6};
    if (silent) {
        errno = ENOBUFS;
        return -1;
    }
    for (size_t i = 0; i < 4; i++) {
        interfaces[i].ifa_addr = (struct sockaddr *)(uintptr_t)addresses[i];
        interfaces[i].ifa_next = i < 3 ? &interfaces[i + 1] : NULL;
    }
    *found = interfaces;
    return 0;
}

void freeifaddrs(struct ifaddrs *found)
{
    assert_ptr_equal(found, interfaces);
}

static void assert_rule(const struct egress_rules *rules, const char *text, bool allowed,
                        const char *rule)
{
    struct address address;
    assert_true(address_parse(text, strlen(text), &address));
    struct egress_verdict verdict = egress_judge(rules, &address, 443);
    assert_int_equal(verdict.allowed, allowed);
    assert_string_equal(verdict.rule, rule);
}

static void each_interface_is_denied(void **state)
{
    (void)state;
    struct error err;
    struct egress_rules rules = {0};
    assert_int_equal(own_addresses_deny(&rules, &err), 0);
    assert_int_equal(rules.own_count, 2);
    assert_rule(&rules, "8.8.8.8", false, "own-address");
    assert_rule(&rules, "2003::1", false, "own-address");
    assert_rule(&rules, "8.8.8.9", true, "public");
    egress_rules_free(&rules);
}

/* Then the job does not begin: nobody would notice what is missing. */
static void a_system_that_does_not_say(void **state)
{
    (void)state;
    struct error err;
    struct egress_rules rules = {0};
    silent = true;
    assert_int_equal(own_addresses_deny(&rules, &err), -1);
    silent = false;
    assert_int_equal(err.kind, ERROR_FATAL);
    assert_int_equal(rules.own_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_interface_is_denied),
        cmocka_unit_test(a_system_that_does_not_say),
    };
    return cmocka_run_group_tests_name("own", tests, NULL, NULL);
}
