#include "sender/dns.h"

#include <ares.h>
#include <dlfcn.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>

#include "common/memory.h"
#include "common/time.h"
#include "tests/support/fake_dns.h"
#include "tests/support/unit.h"

#define PATIENCE_MS 20000 /* for a machine under load; a right answer takes at most 3 s */

/* What came back, as text: TXT records between newlines, their strings between "|". */
struct answer {
    int calls;
    enum dns_status status;
    struct buffer text;
};

static void on_txt(void *context, enum dns_status status, const struct txt_record *records,
                   size_t count)
{
    struct answer *answer = context;
    answer->calls++;
    answer->status = status;
    for (size_t i = 0; i < count; i++) {
        buffer_text(&answer->text, i ? "\n" : "");
        for (size_t j = 0; j < records[i].count; j++) {
            buffer_text(&answer->text, j ? "|" : "");
            buffer_add(&answer->text, records[i].strings[j].bytes,
                       records[i].strings[j].length_bytes);
        }
    }
}

static void on_addresses(void *context, enum dns_status status, const struct address *addresses,
                         size_t count)
{
    struct answer *answer = context;
    struct text_list list = {0};
    char text[ADDRESS_TEXT];
    answer->calls++;
    answer->status = status;
    for (size_t i = 0; i < count; i++) {
        address_format(&addresses[i], text);
        text_list_add(&list, text, strlen(text));
    }
    text_list_sort(&list); /* A and AAAA come in any order */
    for (size_t i = 0; i < list.count; i++)
        buffer_printf(&answer->text, "%s%s", i ? " " : "", list.items[i]);
    text_list_free(&list);
}

static struct dns *client_new(const char *servers)
{
    struct error err;
    struct text_list list = {0};
    text_list_split(&list, servers);
    struct dns *dns = dns_new(&list, &err);
    text_list_free(&list);
    assert_non_null(dns);
    return dns;
}

/* As the jobs do it: wait for one descriptor, then work. */
static void work_until(struct dns *dns, const int *calls, int wanted)
{
    int64_t deadline_ms = time_monotonic_ms() + PATIENCE_MS;
    while (*calls < wanted && time_monotonic_ms() < deadline_ms) {
        struct pollfd fd = {dns_fd(dns), POLLIN, 0};
        poll(&fd, 1, (int)dns_timeout_ms(dns, 500));
        dns_work(dns);
    }
    assert_int_equal(*calls, wanted);
}

/* ---- what each answer means ---- */

static const struct fake_dns_row zone[] = {
    {"one.example.org", "TXT", FAKE_DNS_ANSWER, "v=TLSRPTv1; rua=mailto:a@example.org"},
    {"split.example.org", "TXT", FAKE_DNS_ANSWER, "v=TLSRPTv1; rua=|mailto:|a@example.org"},
    {"several.example.org", "TXT", FAKE_DNS_ANSWER, "v=spf1 -all\nv=TLS|RPTv1;\nthird"},
    {"empty.example.org", "TXT", FAKE_DNS_ANSWER, "|x"},
    {"nul.example.org", "TXT", FAKE_DNS_ANSWER, "a\001b"},
    {"nodata.example.org", "A", FAKE_DNS_ANSWER, "192.0.2.1"},
    {"gone.example.org", "*", FAKE_DNS_NXDOMAIN, ""},
    {"alias.example.org", "TXT", FAKE_DNS_CNAME, ""},
    {"elsewhere.example.org", "TXT", FAKE_DNS_ALIAS, "at the|end"},
    {"servfail.example.org", "*", FAKE_DNS_SERVFAIL, ""},
    {"refused.example.org", "*", FAKE_DNS_REFUSED, ""},
    {"referral.example.org", "TXT", FAKE_DNS_EMPTY, ""},
    {"authority.example.org", "TXT", FAKE_DNS_EMPTY, "aa"},
    {"resolver.example.org", "TXT", FAKE_DNS_EMPTY, "ra"},
    {"forwarder.example.org", "TXT", FAKE_DNS_EMPTY, "soa"},
    {"lame.example.org", "TXT", FAKE_DNS_EMPTY, "none"},
    {"drop.example.org", "*", FAKE_DNS_DROP, ""},
    {"flaky.example.org", "TXT", FAKE_DNS_FLAKY, "here"},
    {"badlength.example.org", "TXT", FAKE_DNS_BAD_LENGTH, "text"},
    {"lies.example.org", "TXT", FAKE_DNS_COUNT_LIES, "text"},
    {"otherid.example.org", "TXT", FAKE_DNS_OTHER_ID, "text"},
    {"truncated.example.org", "TXT", FAKE_DNS_TRUNCATED, ""},
    {"both.example.org", "A", FAKE_DNS_ANSWER, "192.0.2.1 192.0.2.2"},
    {"both.example.org", "AAAA", FAKE_DNS_ANSWER, "2001:db8::1"},
    {"four.example.org", "A", FAKE_DNS_ANSWER, "192.0.2.4"},
    {"six.example.org", "AAAA", FAKE_DNS_ANSWER, "2001:db8::6"},
    {"half.example.org", "A", FAKE_DNS_ANSWER, "192.0.2.5"},
    {"half.example.org", "AAAA", FAKE_DNS_SERVFAIL, ""},
    {"slow.example.org", "A", FAKE_DNS_ANSWER, "192.0.2.6"},
    {"slow.example.org", "AAAA", FAKE_DNS_DROP, ""},
    {"mapped.example.org", "AAAA", FAKE_DNS_ANSWER, "::ffff:127.0.0.1"},
    {"addressless.example.org", "TXT", FAKE_DNS_ANSWER, "x"},
    {NULL, NULL, FAKE_DNS_ANSWER, NULL},
};

static const struct row {
    const char *name, *asked;
    bool addresses;
    enum dns_status status;
    const char *text;
} rows[] = {
    {"one record", "one.example.org", false, DNS_FOUND, "v=TLSRPTv1; rua=mailto:a@example.org"},
    {"the strings of a record stay apart", "split.example.org", false, DNS_FOUND,
     "v=TLSRPTv1; rua=|mailto:|a@example.org"},
    {"several records stay apart", "several.example.org", false, DNS_FOUND,
     "v=spf1 -all\nv=TLS|RPTv1;\nthird"},
    {"an empty string", "empty.example.org", false, DNS_FOUND, "|x"},
    {"no TXT", "nodata.example.org", false, DNS_NONE, ""},
    {"no such name", "gone.example.org", false, DNS_NONE, ""},
    {"an alias to nowhere has no record", "alias.example.org", false, DNS_NONE, ""},
    {"an alias leads to a record", "elsewhere.example.org", false, DNS_FOUND, "at the|end"},
    {"SERVFAIL", "servfail.example.org", false, DNS_TEMPORARY, ""},
    {"REFUSED", "refused.example.org", false, DNS_TEMPORARY, ""},
    {"a referral is no answer", "referral.example.org", false, DNS_TEMPORARY, ""},
    {"no TXT, says who is in charge", "authority.example.org", false, DNS_NONE, ""},
    {"no TXT, says who asked others", "resolver.example.org", false, DNS_NONE, ""},
    {"no TXT, says who passes on the zone's word", "forwarder.example.org", false, DNS_NONE, ""},
    {"nothing, not even a referral, is no answer", "lame.example.org", false, DNS_TEMPORARY, ""},
    {"no answer", "drop.example.org", false, DNS_TEMPORARY, ""},
    {"an answer at the second try", "flaky.example.org", false, DNS_FOUND, "here"},
    {"a string longer than its record", "badlength.example.org", false, DNS_TEMPORARY, ""},
    {"fewer answers than announced", "lies.example.org", false, DNS_TEMPORARY, ""},
    {"the answer to another question", "otherid.example.org", false, DNS_TEMPORARY, ""},
    {"A and AAAA", "both.example.org", true, DNS_FOUND, "192.0.2.1 192.0.2.2 2001:db8::1"},
    {"A only", "four.example.org", true, DNS_FOUND, "192.0.2.4"},
    {"AAAA only", "six.example.org", true, DNS_FOUND, "2001:db8::6"},
    {"A, and AAAA fails", "half.example.org", true, DNS_FOUND, "192.0.2.5"},
    {"A, and no answer for AAAA", "slow.example.org", true, DNS_FOUND, "192.0.2.6"},
    {"an IPv4-mapped address is IPv4", "mapped.example.org", true, DNS_FOUND, "127.0.0.1"},
    {"neither A nor AAAA", "addressless.example.org", true, DNS_NONE, ""},
    {"addresses of no such name", "gone.example.org", true, DNS_NONE, ""},
    {"addresses: SERVFAIL", "servfail.example.org", true, DNS_TEMPORARY, ""},
    {"addresses: no answer", "drop.example.org", true, DNS_TEMPORARY, ""},
};

/* All rows at once, as the jobs ask: what waits for its time-out harms no other. */
static struct answer answers[NELEMS(rows)];

static int ask_all(void **state)
{
    (void)state;
    int calls = 0;
    struct fake_dns *server = fake_dns_start(zone);
    struct dns *dns = client_new(fake_dns_address(server));
    for (size_t i = 0; i < NELEMS(rows); i++) {
        if (rows[i].addresses)
            dns_addresses(dns, rows[i].asked, on_addresses, &answers[i]);
        else
            dns_txt(dns, rows[i].asked, on_txt, &answers[i]);
    }
    int64_t deadline_ms = time_monotonic_ms() + PATIENCE_MS;
    while (calls < (int)NELEMS(rows) && time_monotonic_ms() < deadline_ms) {
        struct pollfd fd = {dns_fd(dns), POLLIN, 0};
        poll(&fd, 1, (int)dns_timeout_ms(dns, 500));
        dns_work(dns);
        calls = 0;
        for (size_t i = 0; i < NELEMS(rows); i++)
            calls += answers[i].calls;
    }
    dns_free(&dns);
    fake_dns_stop(&server);
    return 0;
}

static int free_all(void **state)
{
    (void)state;
    for (size_t i = 0; i < NELEMS(rows); i++)
        buffer_free(&answers[i].text);
    return 0;
}

static void meaning(void **state)
{
    const struct row *row = *state;
    const struct answer *answer = &answers[row - rows];
    assert_int_equal(answer->calls, 1);
    assert_int_equal(answer->status, row->status);
    assert_string_equal(answer->text.bytes ? answer->text.bytes : "", row->text);
}

/* ---- the library ---- */

/* In place of c-ares's own function. */
static int library_begins;

int ares_library_init(int flags)
{
    int (*real)(int flags);
    void *found = dlsym(RTLD_NEXT, "ares_library_init");
    memcpy(&real, &found, sizeof(real));
    library_begins++;
    return real(flags);
}

/* Its count of users has no lock, and each job has a client. */
static void clients_leave_the_library_alone(void **state)
{
    (void)state;
    struct dns *first = client_new("127.0.0.1:1"), *second = client_new("127.0.0.1:1");
    dns_free(&first);
    dns_free(&second);
    assert_int_equal(library_begins, 1);
}

/* ---- the client ---- */

static void bytes_are_kept(void **state)
{
    (void)state;
    struct answer answer = {0};
    struct fake_dns *server = fake_dns_start(zone);
    struct dns *dns = client_new(fake_dns_address(server));
    dns_txt(dns, "nul.example.org", on_txt, &answer);
    work_until(dns, &answer.calls, 1);
    assert_int_equal(answer.text.length, 3);
    assert_memory_equal(answer.text.bytes, "a\0b", 3);
    buffer_free(&answer.text);
    dns_free(&dns);
    fake_dns_stop(&server);
}

static void count_txt(void *context, enum dns_status status, const struct txt_record *records,
                      size_t count)
{
    int *found = context;
    (void)records;
    *found += status == DNS_FOUND && count == 1;
}

/* More than may be in flight: the rest waits for its turn, and none is lost. */
static void many_at_once(void **state)
{
    (void)state;
    const int many = 3 * (int)DNS_IN_FLIGHT_MAX;
    int found = 0;
    struct fake_dns *server = fake_dns_start(zone);
    struct dns *dns = client_new(fake_dns_address(server));
    for (int i = 0; i < many; i++)
        dns_txt(dns, "one.example.org", count_txt, &found);
    work_until(dns, &found, many);
    dns_free(&dns);
    fake_dns_stop(&server);
}

/* Silence costs one time-out, not one for each batch that may be in flight behind it. */
static void a_slow_name_delays_no_other(void **state)
{
    (void)state;
    struct answer slow = {0}, fast = {0};
    struct fake_dns *server = fake_dns_start(zone);
    struct dns *dns = client_new(fake_dns_address(server));
    dns_txt(dns, "drop.example.org", on_txt, &slow);
    dns_txt(dns, "one.example.org", on_txt, &fast);
    work_until(dns, &fast.calls, 1);
    assert_int_equal(slow.calls, 0);
    dns_free(&dns);
    assert_int_equal(slow.calls, 1); /* an end of the client is an end of its questions */
    assert_int_equal(slow.status, DNS_TEMPORARY);
    buffer_free(&slow.text);
    buffer_free(&fast.text);
    fake_dns_stop(&server);
}

/* The server reads in order: when it has answered this one, it has seen all before it. */
static void server_catch_up(struct fake_dns *server)
{
    struct answer last = {0};
    struct dns *dns = client_new(fake_dns_address(server));
    dns_txt(dns, "one.example.org", on_txt, &last);
    work_until(dns, &last.calls, 1);
    buffer_free(&last.text);
    dns_free(&dns);
}

static void end_answers_what_waits(void **state)
{
    (void)state;
    struct answer answer = {0};
    struct fake_dns *server = fake_dns_start(zone);
    struct dns *dns = client_new(fake_dns_address(server));
    for (size_t i = 0; i < DNS_IN_FLIGHT_MAX + 50; i++)
        dns_txt(dns, "drop.example.org", on_txt, &answer);
    server_catch_up(server);
    assert_int_equal(fake_dns_asked(server, "drop.example.org"), DNS_IN_FLIGHT_MAX);
    dns_free(&dns);
    assert_int_equal(answer.calls, DNS_IN_FLIGHT_MAX + 50);
    assert_null(dns);
    fake_dns_stop(&server);
}

/* Alone, because a resolver without TCP fails whatever is under way at that moment. */
static void truncated_without_tcp(void **state)
{
    (void)state;
    struct answer answer = {0};
    struct fake_dns *server = fake_dns_start(zone);
    struct dns *dns = client_new(fake_dns_address(server));
    dns_txt(dns, "truncated.example.org", on_txt, &answer);
    work_until(dns, &answer.calls, 1);
    assert_int_equal(answer.status, DNS_TEMPORARY);
    dns_free(&dns);
    fake_dns_stop(&server);
}

/* What UDP cannot carry comes over TCP; a second question follows the first. */
static void truncated_with_tcp(void **state)
{
    (void)state;
    struct buffer large = {0};
    struct answer first = {0}, second = {0};
    for (int i = 0; i < 20; i++)
        buffer_printf(&large, "%s%0200d", i ? "|" : "", i);
    const struct fake_dns_row rows_tcp[] = {
        {"large.example.org", "TXT", FAKE_DNS_TCP, large.bytes},
        {"small.example.org", "TXT", FAKE_DNS_TCP, "x"},
        {NULL, NULL, FAKE_DNS_ANSWER, NULL},
    };
    struct fake_dns *server = fake_dns_start(rows_tcp);
    struct dns *dns = client_new(fake_dns_address(server));
    dns_txt(dns, "large.example.org", on_txt, &first);
    work_until(dns, &first.calls, 1);
    assert_int_equal(first.status, DNS_FOUND);
    assert_string_equal(first.text.bytes, large.bytes);
    dns_txt(dns, "small.example.org", on_txt, &second);
    work_until(dns, &second.calls, 1);
    assert_string_equal(second.text.bytes, "x");
    buffer_free(&first.text);
    buffer_free(&second.text);
    buffer_free(&large);
    dns_free(&dns);
    fake_dns_stop(&server);
}

struct kept {
    int calls;
    size_t strings[2];
    size_t bytes;
};

static void count_strings(void *context, enum dns_status status, const struct txt_record *records,
                          size_t count)
{
    struct kept *kept = context;
    kept->calls++;
    assert_int_equal(status, DNS_FOUND);
    assert_int_equal(count, NELEMS(kept->strings));
    for (size_t i = 0; i < count; i++)
        kept->strings[i] = records[i].count;
    for (size_t i = 0; i < records[0].count; i++)
        kept->bytes += records[0].strings[i].length_bytes;
}

/* Of a record that is too long no more is kept than shows that it is. The next one is whole. */
static void many_strings(void **state)
{
    (void)state;
    struct buffer long_one = {0};
    struct kept kept = {0};
    for (int i = 0; i < 30000; i++)
        buffer_text(&long_one, i ? "|x" : "x");
    buffer_text(&long_one, "\na||b");
    const struct fake_dns_row rows_tcp[] = {
        {"many.example.org", "TXT", FAKE_DNS_TCP, long_one.bytes},
        {NULL, NULL, FAKE_DNS_ANSWER, NULL},
    };
    struct fake_dns *server = fake_dns_start(rows_tcp);
    struct dns *dns = client_new(fake_dns_address(server));
    dns_txt(dns, "many.example.org", count_strings, &kept);
    work_until(dns, &kept.calls, 1);
    assert_int_equal(kept.bytes, TARGETS_RECORD_MAX + 1);
    assert_int_equal(kept.strings[0], TARGETS_RECORD_MAX + 1);
    assert_int_equal(kept.strings[1], 3);
    dns_free(&dns);
    fake_dns_stop(&server);
    buffer_free(&long_one);
}

/* _smtp._tls. before a domain of full length: no name, hence no record. */
static void too_long_a_name(void **state)
{
    (void)state;
    struct answer answer = {0};
    struct fake_dns *server = fake_dns_start(zone);
    struct dns *dns = client_new(fake_dns_address(server));
    char name[300];
    memset(name, 'a', sizeof(name) - 1);
    for (size_t i = 50; i < sizeof(name) - 1; i += 50)
        name[i] = '.';
    name[sizeof(name) - 1] = '\0';
    dns_txt(dns, name, on_txt, &answer);
    work_until(dns, &answer.calls, 1);
    assert_int_equal(answer.status, DNS_NONE);
    dns_free(&dns);
    fake_dns_stop(&server);
}

static void second_server_answers(void **state)
{
    (void)state;
    struct answer answer = {0};
    struct fake_dns *server = fake_dns_start(zone);
    char *servers = mem_printf("127.0.0.1:1 %s", fake_dns_address(server)); /* nobody at port 1 */
    struct dns *dns = client_new(servers);
    dns_txt(dns, "one.example.org", on_txt, &answer);
    work_until(dns, &answer.calls, 1);
    assert_int_equal(answer.status, DNS_FOUND);
    buffer_free(&answer.text);
    dns_free(&dns);
    free(servers);
    fake_dns_stop(&server);
}

/* Twice, the second time twice as long, each of all servers: a third of 3 s, shared by them, is the
 * most that the first one may be waited for. Nobody answers at port 1. */
static const struct wait_row {
    const char *name, *servers;
    int64_t most_ms;
} wait_rows[] = {
    {"one server", "127.0.0.1:1", 1000},
    {"two servers", "127.0.0.1:1 127.0.0.2:1", 500},
    {"three servers", "127.0.0.1:1 127.0.0.2:1 127.0.0.3:1", 333},
};

static void wait_row(void **state)
{
    const struct wait_row *row = *state;
    struct answer answer = {0};
    struct dns *dns = client_new(row->servers);
    dns_txt(dns, "one.example.org", on_txt, &answer);
    assert_in_range(dns_timeout_ms(dns, PATIENCE_MS), 0, row->most_ms + 1);
    dns_free(&dns);
    buffer_free(&answer.text);
}

static void bad_servers(void **state)
{
    (void)state;
    struct error err;
    struct text_list list = {0};
    text_list_split(&list, "not/an/address");
    assert_null(dns_new(&list, &err));
    assert_int_equal(err.kind, ERROR_CONFIG);
    text_list_free(&list);
}

int main(void)
{
    struct CMUnitTest meanings[NELEMS(rows)];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clients_leave_the_library_alone),
        cmocka_unit_test(bytes_are_kept),
        cmocka_unit_test(many_at_once),
        cmocka_unit_test(a_slow_name_delays_no_other),
        cmocka_unit_test(end_answers_what_waits),
        cmocka_unit_test(truncated_without_tcp),
        cmocka_unit_test(truncated_with_tcp),
        cmocka_unit_test(many_strings),
        cmocka_unit_test(too_long_a_name),
        cmocka_unit_test(second_server_answers),
        cmocka_unit_test(bad_servers),
    };
    dns_init();
    for (size_t i = 0; i < NELEMS(rows); i++)
        meanings[i] = (struct CMUnitTest)TEST_ROW(meaning, &rows[i]);
    int failed = _cmocka_run_group_tests("what each answer means", meanings, NELEMS(meanings),
                                         ask_all, free_all);
    failed += RUN_ROWS("how long servers are waited for", wait_row, wait_rows);
    return failed + cmocka_run_group_tests_name("dns", tests, NULL, NULL);
}
