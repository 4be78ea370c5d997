#include "common/config_judge.h"

#include <stdbool.h>

#include "common/config.h"
#include "common/text.h"
#include "tests/support/unit.h"

#define X64  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X512 X64 X64 X64 X64 X64 X64 X64 X64

static const char not_domain[] = "is not a domain in lower case and A-labels, or .domain";
static const char not_prefix[] = "is not ADDRESS/LENGTH or ADDRESS/LENGTH:PORT (IPv6 in brackets)";
static const char not_host[] = "is not host:port";
static const char not_url[] =
    "is not http://host:port or https://host:port (without user and password)";
static const char not_index[] = "is no index, alias or pattern";
static const char not_name[] = "may have letters, digits, dot, dash and underscore only";
static const char not_delay[] = "is not a duration between 1s and 1d";
static const char not_pair[] = "is not field=value";
static const char not_relay[] = "is not smtp://host:port";
static const char not_mailbox[] = "is not one address like tls@example.org";
static const char not_organization[] = "is no UTF-8 text without controls of 1 to 512 bytes";
static const char not_count[] = "is not topic=count (1 to 1000)";

/* One value, or one item of a list. */
static const struct row {
    const char *name, *key, *item;
    const char *complaint; /* NULL: none */
} rows[] = {
    {"deliver to a domain", "deliver.domains", "a.example", NULL},
    {"deliver to everything below", "deliver.domains", ".a.example", NULL},
    {"deliver to a pattern", "deliver.domains", "*.a.example", not_domain},
    {"https redirect", "deliver.redirect", "https://a.example/x", NULL},
    {"mail redirect", "deliver.redirect", "mailto:a@a.example", NULL},
    {"http redirect", "deliver.redirect", "http://a.example", "is not an https: or mailto: URI"},
    {"resolver", "dns.servers", "127.0.0.1:53", NULL},
    {"IPv6 resolver", "dns.servers", "[::1]:5353", NULL},
    {"resolver without a port", "dns.servers", "127.0.0.1", not_host},
    {"resolver without a host", "dns.servers", ":53", not_host},
    {"IPv6 without brackets", "dns.servers", "::1:53", not_host},
    {"IPv6 with half its brackets", "dns.servers", "[::1:53", not_host},
    {"port 0", "dns.servers", "127.0.0.1:0", not_host},
    {"allowed prefix", "egress.allow", "127.0.0.0/8", NULL},
    {"allowed prefix that is too long", "egress.allow", "127.0.0.0/33", not_prefix},
    {"denied prefix with a port", "egress.deny", "10.0.0.0/8:8443", NULL},
    {"denied IPv6 prefix with a port", "egress.deny", "[2001:db8::]/32:443", NULL},
    {"denied prefix that is too long", "egress.deny", "10.0.0.0/33", not_prefix},
    {"filter", "elastic.filter", "{\"term\":{\"org\":\"a\"}}", NULL},
    {"filter that is no JSON", "elastic.filter", "org:a", "is not a JSON object"},
    {"filter that is no object", "elastic.filter", "[]", "is not a JSON object"},
    {"pattern of indices", "elastic.index", "tlsrpt-*", NULL},
    {"index with a path", "elastic.index", "a/_search", not_index},
    {"server", "elastic.url", "http://a:9200", NULL},
    {"server with a path", "elastic.url", "https://b.example/es", NULL},
    {"server without scheme", "elastic.url", "a:9200", not_url},
    {"server without host", "elastic.url", "https://", not_url},
    {"server with a password", "elastic.url", "https://u:p@a:9200", not_url},
    {"server with a query", "elastic.url", "https://a:9200?x", not_url},
    {"listen", "http.listen", "[::]:9100", NULL},
    {"listen on any port", "http.listen", "127.0.0.1:0", NULL},
    {"listen without address", "http.listen", "9100", "is not ADDRESS:PORT"},
    {"the last port", "https.ports", "65535", NULL},
    {"beyond the last port", "https.ports", "65536", "is not a port"},
    {"instance", "instance", "tlsrpt-sender_0.A", NULL},
    {"instance with a blank", "instance", "a b", not_name},
    {"From", "mail.from", "reports@a.example", NULL},
    {"From with a name", "mail.from", "A <reports@a.example>", not_mailbox},
    {"contact", "report.contact_info", "TLS@B.Example.", NULL},
    {"contact in U-labels", "report.contact_info", "tls@\xc3\xb6.example", NULL},
    {"contact that is a URI", "report.contact_info", "mailto:tls@a.example", not_mailbox},
    {"contact without a domain", "report.contact_info", "tls", not_mailbox},
    {"contact in a single label", "report.contact_info", "tls@localhost", not_mailbox},
    {"organization", "report.organization_name", "\xc3\x9cn\xc3\xaf & \"S\xc3\xb6hne\"", NULL},
    {"organization of 512 bytes", "report.organization_name", X512, NULL},
    {"organization of 513 bytes", "report.organization_name", X512 "x", not_organization},
    {"organization with a control", "report.organization_name", "Exam\x01ple", not_organization},
    {"organization that is not UTF-8", "report.organization_name", "Exam\xffple", not_organization},
    {"excluded domain", "report.exclude_domains", "b.example", NULL},
    {"upper case never matches", "report.exclude_domains", "A.example", not_domain},
    {"U-labels never match", "report.exclude_domains", "\xc3\xb6.example", not_domain},
    {"nothing below nothing", "report.exclude_domains", ".", not_domain},
    {"the shortest delay", "retry.delays", "1s", NULL},
    {"the longest delay", "retry.delays", "1d", NULL},
    {"a delay too short", "retry.delays", "999ms", not_delay},
    {"a delay too long", "retry.delays", "25h", not_delay},
    {"no delay", "retry.delays", "soon", not_delay},
    {"exclusion", "scan.exclude", "sender=a@b=c", NULL},
    {"exclusion without field", "scan.exclude", "=x", not_pair},
    {"exclusion without value", "scan.exclude", "helo=", not_pair},
    {"exclusion without equals sign", "scan.exclude", "helo", not_pair},
    {"relay", "smtp.relay", "smtp://mail.a.example:587", NULL},
    {"relay without port", "smtp.relay", "smtp://mail.a.example", not_relay},
    {"relay with a path", "smtp.relay", "smtp://a/x:25", not_relay},
    {"relay of another scheme", "smtp.relay", "smtps://a:465", not_relay},
    {"the fewest partitions", "topics.partitions", "events=1", NULL},
    {"the most partitions", "topics.partitions", "scan=1000", NULL},
    {"no partitions", "topics.partitions", "events=0", not_count},
    {"too many partitions", "topics.partitions", "events=1001", not_count},
    {"partitions of no topic", "topics.partitions", "=24", not_count},
    {"partitions that are no number", "topics.partitions", "events=many", not_count},
    {"prefix", "topics.prefix", "tlsrpt.", NULL},
    {"prefix with a hash", "topics.prefix", "a#b", not_name},
    {"a key that nobody judges", "smtp.user", "a b", NULL},
};

static void row_run(void **state)
{
    const struct row *row = *state;
    const char *complaint = config_judge(row->key, row->item);
    if (text_compare(complaint, row->complaint) != 0)
        fail_msg("%s: %s: %s", row->key, row->item, complaint ? complaint : "no complaint");
}

static bool is_shown(const char *key, bool good)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strcmp(rows[i].key, key) == 0 && good == !rows[i].complaint)
            return true;
    return false;
}

static void every_judge_has_a_good_and_a_bad_row(void **state)
{
    (void)state;
    for (const struct config_key *key = config_keys; key->name; key++) {
        bool judged = config_judge(key->name, "/@ ") != NULL; /* nobody takes that */
        if (judged && !(is_shown(key->name, true) && is_shown(key->name, false)))
            fail_msg("%s", key->name);
    }
}

/* A judge whose name is no key would never be asked. */
static void every_row_names_a_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct config_key *key = config_keys;
        while (key->name && strcmp(key->name, rows[i].key) != 0)
            key++;
        if (!key->name)
            fail_msg("%s", rows[i].key);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_judge_has_a_good_and_a_bad_row),
        cmocka_unit_test(every_row_names_a_key),
    };
    return RUN_ROWS("config judges", row_run, rows) +
           cmocka_run_group_tests_name("config judge", tests, NULL, NULL);
}
