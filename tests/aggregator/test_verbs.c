#include "aggregator/verbs.h"

#include "tests/support/unit.h"

#define ORGANIZATION "report.organization_name=Example"
#define CONTACT      "report.contact_info=tls@example.net"

/* What a configuration lacks or contradicts; what the verbs write is in tests/golden/aggregator. */
static const struct check_row {
    const char *name;
    const char *set[5];
    const char *want; /* in the error; NULL: none */
} check_rows[] = {
    {"all that a report needs", {ORGANIZATION, CONTACT}, NULL},
    {"no organisation", {CONTACT}, "report.organization_name"},
    {"no contact", {ORGANIZATION}, "report.contact_info"},
    {"excluded domains",
     {ORGANIZATION, CONTACT, "report.exclude_domains=a.example .b.example"},
     NULL},
    {"late as soon as the last slot",
     {ORGANIZATION, CONTACT, "report.grace=1h", "report.spread=3h", "report.late=4h"},
     NULL},
    {"late before the last slot",
     {ORGANIZATION, CONTACT, "report.grace=1h", "report.spread=3h", "report.late=14399s"},
     "report.late"},
};

static void check_row(void **state)
{
    const struct check_row *row = *state;
    struct error err = {0};
    struct config *config = config_new(CONFIG_AGGREGATOR);
    for (size_t i = 0; i < sizeof(row->set) / sizeof(row->set[0]) && row->set[i]; i++)
        assert_int_equal(config_set(config, row->set[i], &err), 0);
    assert_int_equal(config_finish(config, &err), 0);
    for (int runs_jobs = 0; runs_jobs < 2; runs_jobs++) {
        int got = verbs_check(config, runs_jobs, &err);
        assert_int_equal(got, row->want ? -1 : 0);
        assert_int_equal(err.kind, row->want ? ERROR_CONFIG : ERROR_NONE);
        if (row->want)
            assert_non_null(strstr(err.text, row->want));
    }
    config_free(&config);
}

int main(void)
{
    return RUN_ROWS("check", check_row, check_rows);
}
