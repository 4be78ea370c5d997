#include "common/config_judge.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/address.h"
#include "common/config_value.h"
#include "common/domain.h"
#include "common/error.h"
#include "common/json.h"
#include "common/mailbox.h"
#include "common/memory.h"
#include "common/text.h"
#include "common/time.h"

#define ORGANIZATION_MAX 512 /* D9 */

static bool is_port(const char *text, int64_t min)
{
    int64_t port;
    return config_value_integer(text, &port) == 0 && port >= min && port <= 65535;
}

/* HOST:PORT, [v6]:PORT. */
static bool is_host_port(const char *text, int64_t min_port)
{
    const char *colon = strrchr(text, ':');
    if (!colon || colon == text || !is_port(colon + 1, min_port))
        return false;
    size_t host_bytes = (size_t)(colon - text);
    if (memchr(text, ':', host_bytes))
        return text[0] == '[' && text[host_bytes - 1] == ']';
    return text[strcspn(text, "/@[] ")] == '\0';
}

/* SCHEME://HOST:PORT; the port may be left out where any_path. */
static bool is_url(const char *text, const char *scheme, bool any_path)
{
    size_t length = strlen(scheme);
    if (strncmp(text, scheme, length) != 0 || !text[length] || strpbrk(text, "@?# "))
        return false;
    return any_path || is_host_port(text + length, 1);
}

/* name=count or field=value. */
static bool is_pair(const char *item)
{
    const char *equals = strchr(item, '=');
    return equals && equals != item && equals[1];
}

static bool is_name(const char *text)
{
    return text[strspn(text, "abcdefghijklmnopqrstuvwxyz"
                             "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")] == '\0';
}

static const char *judge_dns_server(const char *item)
{
    return is_host_port(item, 1) ? NULL : "is not host:port";
}

static const char *judge_domain(const char *item)
{
    char domain[DOMAIN_MAX];
    const char *name = item + (*item == '.');
    bool normal = domain_normalize(name, strlen(name), domain) && strcmp(domain, name) == 0;
    return normal ? NULL : "is not a domain in lower case and A-labels, or .domain";
}

static const char *judge_elastic_filter(const char *text)
{
    struct error ignored;
    struct json_object *query = json_parse_object(text, strlen(text), &ignored);
    if (!query)
        return "is not a JSON object";
    json_object_put(query);
    return NULL;
}

static const char *judge_elastic_index(const char *item)
{
    return strpbrk(item, "/\\?#\"<>|%") ? "is no index, alias or pattern" : NULL;
}

static const char *judge_elastic_url(const char *item)
{
    bool good = is_url(item, "http://", true) || is_url(item, "https://", true);
    return good ? NULL : "is not http://host:port or https://host:port (without user and password)";
}

static const char *judge_exclusion(const char *item)
{
    return is_pair(item) ? NULL : "is not field=value";
}

static const char *judge_listen(const char *text)
{
    return is_host_port(text, 0) ? NULL : "is not ADDRESS:PORT";
}

static const char *judge_mailbox(const char *text)
{
    char mailbox[MAILBOX_TEXT];
    return mailbox_normalize(text, strlen(text), mailbox)
               ? NULL
               : "is not one address like tls@example.org";
}

static const char *judge_name(const char *text)
{
    return is_name(text) ? NULL : "may have letters, digits, dot, dash and underscore only";
}

/* What D9 would change could not stand in a report as it was meant. */
static const char *judge_organization(const char *text)
{
    char *clean = text_clean(text, strlen(text), ORGANIZATION_MAX);
    bool same = clean && strcmp(clean, text) == 0;
    free(clean);
    return same ? NULL : "is no UTF-8 text without controls of 1 to 512 bytes";
}

static const char *judge_partitions(const char *item)
{
    int64_t count;
    const char *equals = strchr(item, '=');
    bool good = is_pair(item) && config_value_integer(equals + 1, &count) == 0 && count > 0 &&
                count <= 1000;
    return good ? NULL : "is not topic=count (1 to 1000)";
}

static const char *judge_port(const char *item)
{
    return is_port(item, 1) ? NULL : "is not a port";
}

static const char *judge_prefix(const char *item)
{
    struct address_prefix prefix;
    struct error ignored;
    if (address_prefix_parse(item, &prefix, &ignored) == 0)
        return NULL;
    return "is not ADDRESS/LENGTH or ADDRESS/LENGTH:PORT (IPv6 in brackets)";
}

static const char *judge_redirect(const char *text)
{
    bool good = strncmp(text, "https://", 8) == 0 || strncmp(text, "mailto:", 7) == 0;
    return good ? NULL : "is not an https: or mailto: URI";
}

static const char *judge_relay(const char *text)
{
    return is_url(text, "smtp://", false) ? NULL : "is not smtp://host:port";
}

static const char *judge_retry_delay(const char *item)
{
    int64_t delay_ms;
    struct error ignored;
    bool good = time_duration_parse(item, &delay_ms, &ignored) == 0 && delay_ms >= 1000 &&
                delay_ms <= TIME_DAY_MS;
    return good ? NULL : "is not a duration between 1s and 1d";
}

static const struct {
    const char *name;
    const char *(*judge)(const char *item);
} judges[] = {
    {"deliver.domains", judge_domain},
    {"deliver.redirect", judge_redirect},
    {"dns.servers", judge_dns_server},
    {"egress.allow", judge_prefix},
    {"egress.deny", judge_prefix},
    {"elastic.filter", judge_elastic_filter},
    {"elastic.index", judge_elastic_index},
    {"elastic.url", judge_elastic_url},
    {"http.listen", judge_listen},
    {"https.ports", judge_port},
    {"instance", judge_name},
    {"mail.from", judge_mailbox},
    {"report.contact_info", judge_mailbox},
    {"report.exclude_domains", judge_domain},
    {"report.organization_name", judge_organization},
    {"retry.delays", judge_retry_delay},
    {"scan.exclude", judge_exclusion},
    {"smtp.relay", judge_relay},
    {"topics.partitions", judge_partitions},
    {"topics.prefix", judge_name},
};

const char *config_judge(const char *name, const char *item)
{
    for (size_t i = 0; i < NELEMS(judges); i++)
        if (strcmp(judges[i].name, name) == 0)
            return judges[i].judge(item);
    return NULL;
}
