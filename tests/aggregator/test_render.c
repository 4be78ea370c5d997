#include "aggregator/render.h"

#include "common/memory.h"
#include "tests/support/unit.h"

#define TEN     "abcdefghij"
#define FIFTY   TEN TEN TEN TEN TEN
#define D       INT64_C(20781) /* 2026-11-24 */
#define ADDRESS "tls@example.net"

static struct render_identity identity_new(const char *contact_info, const char *prefix)
{
    struct render_identity identity;
    struct error err = {0};
    assert_int_equal(render_identity_init(&identity, "Example", contact_info, prefix, &err), 0);
    return identity;
}

static void what_is_not_set(void **state)
{
    struct render_identity identity = {.id_suffix = "before"};
    struct error err = {0};
    (void)state;
    assert_int_equal(render_identity_init(&identity, NULL, ADDRESS, "tlsrpt.", &err), -1);
    assert_string_equal(err.text, "report.organization_name is not set");
    assert_int_equal(render_identity_init(&identity, "Example", NULL, "tlsrpt.", &err), -1);
    assert_string_equal(err.text, "report.contact_info is not set");
    assert_int_equal(render_identity_init(&identity, "Example", "tls", "tlsrpt.", &err), -1);
    assert_int_equal(err.kind, ERROR_CONFIG);
    assert_string_equal(identity.id_suffix, "before");
}

/* The last 8 digits come from sha256sum of prefix, NUL, submitter. */
static const struct id_row {
    const char *name;
    const char *contact_info, *prefix, *domain;
    int32_t partition;
    int64_t offset;
    const char *want;
} id_rows[] = {
    {"plain", ADDRESS, "tlsrpt.", "example.org", 0, 0, "2026-11-24.example.org.0-0.b671df07"},
    {"where the first event stood", ADDRESS, "tlsrpt.", "example.org", 23, INT64_C(9876543210),
     "2026-11-24.example.org.23-9876543210.b671df07"},
    {"another prefix and submitter", "a@Reports.Example.net", "acme.", "example.org", 0, 0,
     "2026-11-24.example.org.0-0.c8335855"},
    {"100 bytes of domain", ADDRESS, "tlsrpt.", FIFTY "." TEN TEN TEN TEN "a.example", 0, 0,
     "2026-11-24." FIFTY "." TEN TEN TEN TEN "a.example.0-0.b671df07"},
    {"101 bytes of domain", ADDRESS, "tlsrpt.", FIFTY "." TEN TEN TEN TEN "ab.example", 0, 0,
     "2026-11-24.64bc89451aae795f.0-0.b671df07"},
};

static void id_row(void **state)
{
    const struct id_row *row = *state;
    struct render_identity identity = identity_new(row->contact_info, row->prefix);
    struct tally tally = {.domain = mem_text(row->domain),
                          .day = D,
                          .partition = row->partition,
                          .offset = row->offset};
    char *got = render_report_id(&tally, &identity);
    assert_string_equal(got, row->want);
    free(got);
    free(tally.domain);
    render_identity_free(&identity);
}

/* ---- whole reports ---- */

#define TEXTS(...)                                                                                 \
    {                                                                                              \
        .items = (char *[]){__VA_ARGS__},                                                          \
        .count = sizeof((char *[]){__VA_ARGS__}) / sizeof(char *)                                  \
    }

static struct tally_detail plain_details[] = {
    {.detail = {.result_type = "starttls-not-supported"}, .count = 3},
};
static struct tally_detail full_details[] = {
    {.detail = {.result_type = "certificate-expired",
                .members = {"192.0.2.1", "mx.example.org", "mx", "2001:db8::2",
                            "https://example.net/a", "quote \" and \xc3\xbc"}},
     .count = 4294967295},
};

static struct tally_policy none_policies[] = {
    {.policy = {.type = POLICY_NONE}, .successes = 1, .failures = 0},
};
static struct tally_policy none_failing[] = {
    {.policy = {.type = POLICY_NONE},
     .successes = 0,
     .failures = 3,
     .details = plain_details,
     .detail_count = 1},
};
/* What does not belong to its type is not for the report (RFC 8460 section 4.4). */
static struct tally_policy odd_policies[] = {
    {.policy = {.type = POLICY_NONE, .strings = TEXTS("a"), .mx = TEXTS("mx.example.org")},
     .successes = 1},
    {.policy = {.type = POLICY_TLSA, .strings = TEXTS("3 1 1 AB"), .mx = TEXTS("mx.example.org")},
     .successes = 1},
};
static struct tally_policy sts_policies[] = {
    {.policy = {.type = POLICY_STS,
                .strings = TEXTS("version: STSv1", "mx: *.example.org"),
                .mx = TEXTS("*.example.org", "mx.example.org")},
     .successes = 2,
     .failures = 4294967295,
     .details = full_details,
     .detail_count = 1},
    {.policy = {.type = POLICY_TLSA}, .successes = 4294967295},
};

/* Expected reports have ' for ", to be readable. */
#define HEAD(day)                                                                                  \
    "{'organization-name':'Example','date-range':{'start-datetime':'" day                          \
    "T00:00:00Z','end-datetime':'" day                                                             \
    "T23:59:59Z'},'contact-info':'tls@example.net','report-id':'" day                              \
    ".example.org.1-7.b671df07','policies':["
#define SUMMARY(successes, failures)                                                               \
    ",'summary':{'total-successful-session-count':" #successes                                     \
    ",'total-failure-session-count':" #failures "}"

static char *quoted(const char *text)
{
    char *copy = mem_text(text);
    for (char *c = copy; *c; c++)
        if (*c == '\'')
            *c = '"';
    return copy;
}

/* clang-format off */
static const struct report_row {
    const char *name;
    int64_t day;
    struct tally_policy *policies;
    size_t policy_count;
    int64_t want_sessions;
    const char *want;
} report_rows[] = {
    {"only a success", D, none_policies, 1, 1,
     HEAD("2026-11-24")
     "{'policy':{'policy-type':'no-policy-found','policy-domain':'example.org'}"
     SUMMARY(1, 0) "}]}"},
    {"a leap day, a detail without members", 19782, none_failing, 1, 3,
     HEAD("2024-02-29")
     "{'policy':{'policy-type':'no-policy-found','policy-domain':'example.org'}"
     SUMMARY(0, 3)
     ",'failure-details':[{'result-type':'starttls-not-supported','failed-session-count':3}]}]}"},
    {"every member in its place", D, sts_policies, 2, INT64_C(8589934592),
     HEAD("2026-11-24")
     "{'policy':{'policy-type':'sts','policy-string':['version: STSv1','mx: *.example.org'],"
     "'policy-domain':'example.org','mx-host':['*.example.org','mx.example.org']}"
     SUMMARY(2, 4294967295)
     ",'failure-details':[{'result-type':'certificate-expired','sending-mta-ip':'192.0.2.1',"
     "'receiving-mx-hostname':'mx.example.org','receiving-mx-helo':'mx',"
     "'receiving-ip':'2001:db8::2','failed-session-count':4294967295,"
     "'additional-information':'https://example.net/a',"
     "'failure-reason-code':'quote \\' and \xc3\xbc'}]},"
     "{'policy':{'policy-type':'tlsa','policy-domain':'example.org'}"
     SUMMARY(4294967295, 0) "}]}"},
    {"mx-host for sts only, no strings without a policy", D, odd_policies, 2, 2,
     HEAD("2026-11-24")
     "{'policy':{'policy-type':'no-policy-found','policy-domain':'example.org'}"
     SUMMARY(1, 0) "},"
     "{'policy':{'policy-type':'tlsa','policy-string':['3 1 1 AB'],'policy-domain':'example.org'}"
     SUMMARY(1, 0) "}]}"},
};
/* clang-format on */

static char org_domain[] = "example.org";

static struct tally tally_of(const struct report_row *row)
{
    return (struct tally){.domain = org_domain,
                          .day = row->day,
                          .partition = 1,
                          .offset = 7,
                          .policies = row->policies,
                          .policy_count = row->policy_count};
}

static void report_row(void **state)
{
    const struct report_row *row = *state;
    struct render_identity identity = identity_new(ADDRESS, "tlsrpt.");
    struct tally tally = tally_of(row);
    char *got = render_report(&tally, &identity);
    char *want = quoted(row->want);
    assert_string_equal(got, want);
    assert_int_equal(render_sessions(&tally), row->want_sessions);
    free(got);
    free(want);
    render_identity_free(&identity);
}

/* D19: never less than the report has, and hardly more. */
static void bytes_row(void **state)
{
    const struct report_row *row = *state;
    struct render_identity identity = identity_new(ADDRESS, "tlsrpt.");
    size_t bytes = render_envelope_bytes(&identity);
    size_t spare = 200; /* the longest id instead of this one, ... */
    for (size_t i = 0; i < row->policy_count; i++) {
        const struct tally_policy *counted = &row->policies[i];
        bytes += render_policy_bytes(&counted->policy, org_domain);
        spare += 2 * strlen("4294967295") + strlen(",\"failure-details\":[]"); /* ... counts */
        for (size_t k = 0; k < counted->detail_count; k++, spare += strlen("4294967295,"))
            bytes += render_detail_bytes(&counted->details[k].detail);
    }
    assert_true(bytes >= strlen(row->want));
    assert_true(bytes <= strlen(row->want) + spare);
    render_identity_free(&identity);
}

static void no_sessions(void **state)
{
    (void)state;
    struct tally tally = {.domain = org_domain};
    assert_int_equal(render_sessions(&tally), 0);
}

static void contact_info_ends_in_the_submitter(void **state)
{
    (void)state;
    struct render_identity identity = identity_new("TLS.a@Example.NET", "tlsrpt.");
    assert_string_equal(identity.contact_info, "TLS.a@example.net");
    assert_string_equal(identity.id_suffix, "b671df07");
    render_identity_free(&identity);
    assert_null(identity.organization_name);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_sessions),
        cmocka_unit_test(what_is_not_set),
        cmocka_unit_test(contact_info_ends_in_the_submitter),
    };
    int failed = RUN_ROWS("report-id", id_row, id_rows);
    failed += RUN_ROWS("report", report_row, report_rows);
    failed += RUN_ROWS("bytes", bytes_row, report_rows);
    failed += cmocka_run_group_tests_name("render", tests, NULL, NULL);
    return failed;
}
