#include "sender/egress.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"

struct row {
    unsigned char address[16]; /* of IPv4 the first four count */
    int length_bits;
    const char *rule;
};

/* Not for the internet, or not one host's: RFC 6890 and the registry it began, plus Azure's host
 * agent, which answers on an address that looks public. */
static const struct row denied_v4[] = {
    {{0}, 8, "this-network"},
    {{10}, 8, "private"},
    {{100, 64}, 10, "carrier-nat"},
    {{127}, 8, "loopback"},
    {{169, 254}, 16, "link-local"},
    {{172, 16}, 12, "private"},
    {{192, 0, 0}, 24, "protocol"},
    {{192, 0, 2}, 24, "documentation"},
    {{192, 31, 196}, 24, "as112"},
    {{192, 52, 193}, 24, "amt"},
    {{192, 88, 99}, 24, "6to4"},
    {{192, 168}, 16, "private"},
    {{192, 175, 48}, 24, "as112"},
    {{198, 18}, 15, "benchmark"},
    {{198, 51, 100}, 24, "documentation"},
    {{203, 0, 113}, 24, "documentation"},
    {{168, 63, 129, 16}, 32, "metadata"},
    {{224}, 4, "multicast"},
    {{240}, 4, "reserved"},
};

/* Only global unicast, and of that not what wraps another address or leads nowhere. All else
 * (loopback, mapped, NAT64, unique local, link local, multicast, what is not assigned yet) lies
 * outside of 2000::/3. */
static const struct row global_v6 = {{0x20}, 3, "public"};
static const struct row denied_v6[] = {
    {{0x20, 0x01}, 23, "protocol"}, /* Teredo, benchmark, ORCHID, AMT */
    {{0x20, 0x01, 0x0d, 0xb8}, 32, "documentation"},
    {{0x20, 0x02}, 16, "6to4"},
    {{0x26, 0x20, 0x00, 0x4f, 0x80}, 48, "as112"},
    {{0x3f, 0xff}, 20, "documentation"},
};

static bool row_matches(const struct row *row, const unsigned char *bytes)
{
    size_t whole = (size_t)row->length_bits / 8;
    int rest = row->length_bits % 8;
    if (memcmp(row->address, bytes, whole) != 0)
        return false;
    return rest == 0 || ((row->address[whole] ^ bytes[whole]) >> (8 - rest)) == 0;
}

static const char *rows_find(const struct row *rows, size_t count, const unsigned char *bytes)
{
    for (size_t i = 0; i < count; i++)
        if (row_matches(&rows[i], bytes))
            return rows[i].rule;
    return NULL;
}

/* The table's rule that denies the address, or NULL. */
static const char *table_find(const struct address *address)
{
    if (address->family == AF_INET)
        return rows_find(denied_v4, NELEMS(denied_v4), address->bytes);
    if (address->family != AF_INET6 || !row_matches(&global_v6, address->bytes))
        return "not-global";
    return rows_find(denied_v6, NELEMS(denied_v6), address->bytes);
}

static bool prefixes_match(const struct address_prefix *prefixes, size_t count,
                           const struct address *address, int port)
{
    for (size_t i = 0; i < count; i++)
        if (address_prefix_matches(&prefixes[i], address, port))
            return true;
    return false;
}

static bool is_own(const struct egress_rules *rules, const struct address *address)
{
    for (size_t i = 0; i < rules->own_count; i++)
        if (address_equal(&rules->own[i], address))
            return true;
    return false;
}

struct egress_verdict egress_judge(const struct egress_rules *rules, const struct address *address,
                                   int port)
{
    const struct address judged = address_unmapped(address);
    if (prefixes_match(rules->deny, rules->deny_count, &judged, port))
        return (struct egress_verdict){false, "egress.deny"};
    if (prefixes_match(rules->allow, rules->allow_count, &judged, port))
        return (struct egress_verdict){true, "egress.allow"};
    const char *rule = table_find(&judged);
    if (!rule && is_own(rules, &judged))
        rule = "own-address";
    return (struct egress_verdict){rule == NULL, rule ? rule : global_v6.rule};
}

struct egress_verdict egress_judge_all(const struct egress_rules *rules,
                                       const struct address *addresses, size_t count, int port)
{
    struct egress_verdict verdict = {false, "no-address"};
    for (size_t i = 0; i < count; i++) {
        verdict = egress_judge(rules, &addresses[i], port);
        if (!verdict.allowed)
            return verdict;
    }
    return verdict;
}

bool egress_is_wanted(const struct egress_rules *rules, const struct address *addresses,
                      size_t count, int port)
{
    for (size_t i = 0; i < count; i++) {
        const struct address judged = address_unmapped(&addresses[i]);
        if (prefixes_match(rules->deny, rules->deny_count, &judged, port) ||
            !prefixes_match(rules->allow, rules->allow_count, &judged, port))
            return false;
    }
    return count > 0;
}

static int prefixes_parse(const char *key, const struct text_list *list,
                          struct address_prefix **prefixes, struct error *err)
{
    struct address_prefix *read = mem_alloc((list->count + 1) * sizeof(*read));
    for (size_t i = 0; i < list->count; i++) {
        if (address_prefix_parse(list->items[i], &read[i], err) == 0)
            continue;
        free(read);
        return error_wrap(err, "%s", key);
    }
    *prefixes = read;
    return 0;
}

int egress_rules_init(struct egress_rules *rules, const struct text_list *allow,
                      const struct text_list *deny, struct error *err)
{
    struct egress_rules read = {.allow_count = allow->count, .deny_count = deny->count};
    if (prefixes_parse("egress.allow", allow, &read.allow, err) < 0)
        return -1;
    if (prefixes_parse("egress.deny", deny, &read.deny, err) < 0) {
        egress_rules_free(&read);
        return -1;
    }
    *rules = read;
    return 0;
}

void egress_rules_own(struct egress_rules *rules, const struct address *address)
{
    rules->own = mem_resize(rules->own, rules->own_count + 1, sizeof(*rules->own));
    rules->own[rules->own_count++] = *address;
}

void egress_rules_free(struct egress_rules *rules)
{
    free(rules->own);
    free(rules->allow);
    free(rules->deny);
    *rules = (struct egress_rules){0};
}
