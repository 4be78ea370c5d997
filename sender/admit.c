#include "sender/admit.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "common/domain.h"
#include "common/log.h"
#include "common/memory.h"

#define PORT_MAX 65535

/* ---- whether at all ---- */

/* Names that mean another machine to us than to whoever published them (RFC 6761, RFC 6762, RFC
 * 7686, RFC 8375, and what resolvers inside of companies and clusters answer). home.arpa and
 * cluster.local lie below two of them. */
static const char *const reserved[] = {
    "localhost", "local", "internal", "arpa", "onion", "invalid", "test", "example",
};

const char *admit_reserved_name(const char *host)
{
    size_t length = strlen(host);
    for (size_t i = 0; i < NELEMS(reserved); i++) {
        size_t tail = strlen(reserved[i]);
        if (length < tail || strcmp(host + length - tail, reserved[i]) != 0)
            continue;
        if (length == tail || host[length - tail - 1] == '.')
            return reserved[i];
    }
    return strchr(host, '.') ? NULL : "single-label";
}

/* The rule that forbids port or name, or NULL. */
static const char *forbidding(const struct admit_rules *rules, const struct target *target)
{
    bool listed = false;
    for (size_t i = 0; i < rules->port_count; i++)
        listed = listed || rules->ports[i] == target->port;
    if (!listed)
        return "port";
    return !target->literal && admit_reserved_name(target->host) ? "name" : NULL;
}

bool admit_may_resolve(const struct admit_rules *rules, const struct target *target,
                       const char **rule)
{
    const char *found = forbidding(rules, target);
    if (!found || rules->egress.allow_count > 0)
        return true;
    *rule = found;
    return false;
}

struct egress_verdict admit_judge(const struct admit_rules *rules, const struct target *target,
                                  const struct address *addresses, size_t count)
{
    struct egress_verdict verdict =
        egress_judge_all(&rules->egress, addresses, count, target->port);
    if (!verdict.allowed || egress_is_wanted(&rules->egress, addresses, count, target->port))
        return verdict;
    const char *rule = forbidding(rules, target);
    return rule ? (struct egress_verdict){false, rule} : verdict;
}

static int ports_parse(const struct text_list *list, int **ports, struct error *err)
{
    int *read = mem_alloc((list->count + 1) * sizeof(*read));
    for (size_t i = 0; i < list->count; i++) {
        const char *text = list->items[i];
        size_t digits = strspn(text, "0123456789");
        read[i] = digits > 0 && digits <= 5 && !text[digits] ? (int)strtol(text, NULL, 10) : 0;
        if (read[i] >= 1 && read[i] <= PORT_MAX)
            continue;
        free(read);
        return error_set(err, ERROR_CONFIG, "https.ports: %s is no port", text);
    }
    *ports = read;
    return 0;
}

int admit_rules_init(struct admit_rules *rules, const struct text_list *ports,
                     const struct text_list *allow, const struct text_list *deny, struct error *err)
{
    struct admit_rules read = {.port_count = ports->count};
    if (ports_parse(ports, &read.ports, err) < 0)
        return -1;
    if (egress_rules_init(&read.egress, allow, deny, err) < 0) {
        free(read.ports);
        return -1;
    }
    *rules = read;
    return 0;
}

void admit_rules_free(struct admit_rules *rules)
{
    egress_rules_free(&rules->egress);
    free(rules->ports);
    *rules = (struct admit_rules){0};
}

/* ---- when ---- */

struct waiter {
    void *item;
    struct waiter *prev, *next;
};

/* A host is known while something waits for it or runs; it stands in the turn while one of its
 * waiters could start. */
struct host {
    struct waiter *waiters;
    size_t running;
    bool in_turn;
    struct host *prev, *next; /* the turn */
    UT_hash_handle hh;
    char name[DOMAIN_MAX];
};

struct admit {
    size_t total_max, running;
    struct host *hosts; /* by name */
    struct host *turn;
};

struct admit *admit_new(size_t total_max)
{
    struct admit *admit = mem_alloc(sizeof(*admit));
    admit->total_max = total_max;
    return admit;
}

static struct host *host_find(const struct admit *admit, const char *name)
{
    struct host *host = NULL;
    HASH_FIND_STR(admit->hosts, name, host);
    return host;
}

static struct host *host_get(struct admit *admit, const char *name)
{
    struct host *host = host_find(admit, name);
    if (host)
        return host;
    if (strlen(name) >= DOMAIN_MAX)
        log_panic("admit: a host of %zu bytes", strlen(name));
    host = mem_alloc(sizeof(*host));
    memcpy(host->name, name, strlen(name)); /* zeroed before */
    HASH_ADD_STR(admit->hosts, name, host);
    return host;
}

/* After every change of a host: it stands in the turn if it can start something, and is forgotten
 * if it is idle. */
static void host_settle(struct admit *admit, struct host *host)
{
    bool can_start = host->waiters && host->running < ADMIT_HOST_MAX;
    if (host->in_turn && !can_start)
        DL_DELETE(admit->turn, host);
    if (!host->in_turn && can_start)
        DL_APPEND(admit->turn, host);
    host->in_turn = can_start;
    if (host->waiters || host->running > 0)
        return;
    HASH_DEL(admit->hosts, host);
    free(host);
}

static void *waiter_take(struct host *host, struct waiter *waiter)
{
    void *item = waiter->item;
    DL_DELETE(host->waiters, waiter);
    free(waiter);
    return item;
}

void admit_free(struct admit **admit)
{
    struct host *host, *following;
    if (!*admit)
        return;
    HASH_ITER(hh, (*admit)->hosts, host, following)
    {
        host->running = 0;
        while (host->waiters)
            waiter_take(host, host->waiters);
        host_settle(*admit, host);
    }
    free(*admit);
    *admit = NULL;
}

void admit_add(struct admit *admit, const char *host_name, void *item)
{
    struct host *host = host_get(admit, host_name);
    struct waiter *waiter = mem_alloc(sizeof(*waiter));
    waiter->item = item;
    DL_APPEND(host->waiters, waiter);
    host_settle(admit, host);
}

void *admit_next(struct admit *admit)
{
    struct host *host = admit->turn;
    if (!host || admit->running >= admit->total_max)
        return NULL;
    DL_DELETE(admit->turn, host); /* to the end of the turn, if it can start another one */
    host->in_turn = false;
    void *item = waiter_take(host, host->waiters);
    host->running++;
    admit->running++;
    host_settle(admit, host);
    return item;
}

void admit_done(struct admit *admit, const char *host_name)
{
    struct host *host = host_find(admit, host_name);
    if (!host || host->running == 0)
        log_panic("admit: nothing runs to %s", host_name);
    host->running--;
    admit->running--;
    host_settle(admit, host);
}

bool admit_remove(struct admit *admit, const char *host_name, const void *item)
{
    struct host *host = host_find(admit, host_name);
    struct waiter *waiter = host ? host->waiters : NULL;
    while (waiter && waiter->item != item)
        waiter = waiter->next;
    if (!waiter)
        return false;
    waiter_take(host, waiter);
    host_settle(admit, host);
    return true;
}

size_t admit_running(const struct admit *admit)
{
    return admit->running;
}
