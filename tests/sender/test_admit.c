#include "sender/admit.h"

#include "common/memory.h"
#include "tests/support/unit.h"

/* ---- reserved names ---- */

struct name_row {
    const char *name; /* the host */
    const char *rule; /* NULL: a name like others */
};

static const struct name_row name_rows[] = {
    {"example.org", NULL},
    {"example.com", NULL},
    {"tls.example", "example"},
    {"example", "example"},
    {"test", "test"},
    {"a.test", "test"},
    {"protest", "single-label"},
    {"a.protest", NULL},
    {"localhost", "localhost"},
    {"foo.localhost", "localhost"},
    {"localhost.example.org", NULL},
    {"printer.local", "local"},
    {"elasticsearch.default.svc.cluster.local", "local"},
    {"metadata.google.internal", "internal"},
    {"router.home.arpa", "arpa"},
    {"1.0.0.127.in-addr.arpa", "arpa"},
    {"abc.onion", "onion"},
    {"x.invalid", "invalid"},
    {"kafka", "single-label"},
    {"xn--mnchen-3ya.de", NULL},
};

static void name_row(void **state)
{
    const struct name_row *row = *state;
    const char *rule = admit_reserved_name(row->name);
    assert_string_equal(rule ? rule : "none", row->rule ? row->rule : "none");
}

/* ---- targets ---- */

static void rules_of(struct admit_rules *rules, const char *ports, const char *allow,
                     const char *deny)
{
    struct text_list port_list = {0}, allowed = {0}, denied = {0};
    struct error err;
    text_list_split(&port_list, ports);
    text_list_split(&allowed, allow);
    text_list_split(&denied, deny);
    assert_int_equal(admit_rules_init(rules, &port_list, &allowed, &denied, &err), 0);
    text_list_free(&port_list);
    text_list_free(&allowed);
    text_list_free(&denied);
}

struct judge_row {
    const char *name, *target, *addresses, *allow, *deny;
    const char *early; /* what forbids even the look-up; NULL: nothing */
    bool allowed;
    const char *rule;
};

static const struct judge_row judge_rows[] = {
    {"a public host", "https://example.org/", "8.8.8.8", "", "", NULL, true, "public"},
    {"on 8443", "https://example.org:8443/", "8.8.8.8", "", "", NULL, true, "public"},
    {"on 80", "https://example.org:80/", "8.8.8.8", "", "", "port", false, "port"},
    {"on 25", "https://example.org:25/", "8.8.8.8", "", "", "port", false, "port"},
    {"a reserved name with a public address", "https://a.internal/", "8.8.8.8", "", "", "name",
     false, "name"},
    {"a single label", "https://kafka/", "8.8.8.8", "", "", "name", false, "name"},
    {"an inner address", "https://example.org/", "10.0.0.1", "", "", NULL, false, "private"},
    {"the address comes first", "https://kafka:9092/", "10.0.0.1", "", "", "port", false,
     "private"},
    {"a public literal", "https://8.8.8.8/", "8.8.8.8", "", "", NULL, true, "public"},
    {"an IPv6 literal", "https://[2003::1]/", "2003::1", "", "", NULL, true, "public"},
    {"an inner literal", "https://127.0.0.1/", "127.0.0.1", "", "", NULL, false, "loopback"},
    {"no address", "https://example.org/", "", "", "", NULL, false, "no-address"},
    {"mixed", "https://example.org/", "8.8.8.8 10.0.0.1", "", "", NULL, false, "private"},
    {"allow lifts address, port and name", "https://receiver.test:9443/", "127.0.0.1",
     "127.0.0.1/32:9443", "", NULL, true, "egress.allow"},
    {"allow on another port", "https://receiver.test:9444/", "127.0.0.1", "127.0.0.1/32:9443", "",
     NULL, false, "loopback"},
    {"allow lifts the port of a public address", "https://example.org:9443/", "8.8.8.8",
     "8.8.8.0/24:9443", "", NULL, true, "egress.allow"},
    {"allow of one of two lifts no name", "https://a.internal/", "10.0.0.1 8.8.8.8", "10.0.0.0/8",
     "", NULL, false, "name"},
    {"allow of another address lifts no port", "https://example.org:80/", "8.8.8.8", "10.0.0.0/8",
     "", NULL, false, "port"},
    {"deny", "https://example.org/", "8.8.8.8", "", "8.8.8.8/32", NULL, false, "egress.deny"},
};

static void judge_row(void **state)
{
    const struct judge_row *row = *state;
    struct admit_rules rules;
    struct target target;
    struct text_list texts = {0};
    struct address addresses[4];
    const char *early = NULL;
    rules_of(&rules, "443 8443", row->allow, row->deny);
    assert_true(target_read(row->target, &target));
    text_list_split(&texts, row->addresses);
    for (size_t i = 0; i < texts.count; i++)
        assert_true(address_parse(texts.items[i], strlen(texts.items[i]), &addresses[i]));
    assert_int_equal(admit_may_resolve(&rules, &target, &early), row->early == NULL);
    assert_string_equal(early ? early : "none", row->early ? row->early : "none");
    struct egress_verdict verdict = admit_judge(&rules, &target, addresses, texts.count);
    assert_string_equal(verdict.rule, row->rule);
    assert_int_equal(verdict.allowed, row->allowed);
    text_list_free(&texts);
    admit_rules_free(&rules);
}

static void ports_are_a_setting(void **state)
{
    struct admit_rules rules;
    struct target target;
    const char *rule = NULL;
    (void)state;
    rules_of(&rules, "9443", "", "");
    assert_true(target_read("https://example.org/", &target));
    assert_false(admit_may_resolve(&rules, &target, &rule));
    assert_true(target_read("https://example.org:9443/", &target));
    assert_true(admit_may_resolve(&rules, &target, &rule));
    admit_rules_free(&rules);
}

static void bad_rules_are_named(void **state)
{
    static const struct {
        const char *ports, *allow, *deny, *key;
    } bad[] = {
        {"443 x", "", "", "https.ports"},        {"0", "", "", "https.ports"},
        {"65536", "", "", "https.ports"},        {"443 8443x", "", "", "https.ports"},
        {"443", "10.0.0.1", "", "egress.allow"}, {"443", "", "10.0.0.0/99", "egress.deny"},
    };
    (void)state;
    for (size_t i = 0; i < NELEMS(bad); i++) {
        struct admit_rules rules = {.port_count = 7};
        struct text_list ports = {0}, allow = {0}, deny = {0};
        struct error err = {0};
        text_list_split(&ports, bad[i].ports);
        text_list_split(&allow, bad[i].allow);
        text_list_split(&deny, bad[i].deny);
        assert_int_equal(admit_rules_init(&rules, &ports, &allow, &deny, &err), -1);
        assert_int_equal(err.kind, ERROR_CONFIG);
        assert_non_null(strstr(err.text, bad[i].key));
        assert_int_equal(rules.port_count, 7); /* untouched */
        text_list_free(&ports);
        text_list_free(&allow);
        text_list_free(&deny);
    }
}

/* ---- the queue ---- */

/* A script: "a1" adds item 1 of host a, "." asks for the next ones until there is none (their names
 * are the result),
 * "-a" ends a transfer to a, "xa1" removes what waits. */
struct queue_row {
    const char *name;
    size_t total_max;
    const char *script, *started;
};

static const struct queue_row queue_rows[] = {
    {"nothing waits", 9, ".", ""},
    {"one", 9, "a1 .", "a1"},
    {"two a host", 9, "a1 a2 a3 .", "a1 a2"},
    {"the third when one has ended", 9, "a1 a2 a3 a4 . -a .", "a1 a2 a3"},
    {"first in, first out", 9, "a3 a1 a2 . -a -a .", "a3 a1 a2"},
    {"hosts take turns", 9, "a1 a2 b1 b2 c1 .", "a1 b1 c1 a2 b2"},
    {"a crowd waits for itself only", 3, "a1 a2 a3 a4 a5 b1 .", "a1 b1 a2"},
    {"so many in all", 2, "a1 b1 c1 .", "a1 b1"},
    {"and on when one has ended", 2, "a1 b1 c1 . -a .", "a1 b1 c1"},
    {"none may run", 0, "a1 .", ""},
    {"a full host holds up no other", 9, "a1 a2 . a3 a4 b1 .", "a1 a2 b1"},
    {"it comes back in its turn", 9, "a1 a2 . a3 b1 . -a c1 .", "a1 a2 b1 a3 c1"},
    {"removed", 9, "a1 a2 a3 xa2 .", "a1 a3"},
    {"removed before its turn", 9, "a1 xa1 b1 .", "b1"},
    {"a host that was forgotten", 9, "a1 . -a a2 .", "a1 a2"},
};

static void queue_step(struct admit *admit, const char *step, struct buffer *started)
{
    /* Items are texts of the row, so that what comes back is a name. */
    const char host[2] = {step[0] == 'x' || step[0] == '-' ? step[1] : step[0], '\0'};
    static const char names[3][6][3] = {{"a0", "a1", "a2", "a3", "a4", "a5"},
                                        {"b0", "b1", "b2", "b3", "b4", "b5"},
                                        {"c0", "c1", "c2", "c3", "c4", "c5"}};
    if (step[0] == '.') {
        for (const char *item = admit_next(admit); item; item = admit_next(admit))
            buffer_printf(started, started->length > 0 ? " %s" : "%s", item);
        return;
    }
    const char *item = names[host[0] - 'a'][step[0] == '-' ? 0 : step[strlen(step) - 1] - '0'];
    if (step[0] == '-')
        admit_done(admit, host);
    else if (step[0] == 'x')
        assert_true(admit_remove(admit, host, item));
    else
        admit_add(admit, host, (void *)(uintptr_t)item);
}

static void queue_row(void **state)
{
    const struct queue_row *row = *state;
    struct admit *admit = admit_new(row->total_max);
    struct text_list steps = {0};
    struct buffer started = {0};
    buffer_text(&started, "");
    text_list_split(&steps, row->script);
    for (size_t i = 0; i < steps.count; i++) {
        queue_step(admit, steps.items[i], &started);
        assert_true(admit_running(admit) <= row->total_max);
    }
    assert_string_equal(started.bytes, row->started);
    text_list_free(&steps);
    buffer_free(&started);
    admit_free(&admit);
    assert_null(admit);
    admit_free(&admit);
}

static void it_counts(void **state)
{
    struct admit *admit = admit_new(9);
    int items[4];
    (void)state;
    for (size_t i = 0; i < NELEMS(items); i++)
        admit_add(admit, i < 3 ? "a.example.org" : "b.example.org", &items[i]);
    assert_ptr_equal(admit_next(admit), &items[0]);
    assert_int_equal(admit_running(admit), 1);
    assert_false(admit_remove(admit, "a.example.org", &items[0])); /* it runs */
    assert_false(admit_remove(admit, "a.example.org", &items[3])); /* it waits elsewhere */
    assert_false(admit_remove(admit, "c.example.org", &items[1]));
    assert_true(admit_remove(admit, "a.example.org", &items[1]));
    assert_ptr_equal(admit_next(admit), &items[3]);
    assert_ptr_equal(admit_next(admit), &items[2]);
    assert_null(admit_next(admit));
    assert_int_equal(admit_running(admit), 3);
    admit_done(admit, "a.example.org");
    admit_done(admit, "a.example.org");
    admit_done(admit, "b.example.org");
    assert_int_equal(admit_running(admit), 0);
    admit_free(&admit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ports_are_a_setting),
        cmocka_unit_test(bad_rules_are_named),
        cmocka_unit_test(it_counts),
    };
    int failed = RUN_ROWS("admit: names", name_row, name_rows);
    failed += RUN_ROWS("admit: targets", judge_row, judge_rows);
    failed += RUN_ROWS("admit: the queue", queue_row, queue_rows);
    return failed + cmocka_run_group_tests_name("admit", tests, NULL, NULL);
}
