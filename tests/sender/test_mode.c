#include "sender/mode.h"

#include "common/memory.h"
#include "tests/support/settings.h"
#include "tests/support/unit.h"

#define ME "mailto:me@op.example"

static const struct allow_row {
    const char *name, *assignments, *domain, *via;
    bool holds, allows;
} allow_rows[] = {
    {"nothing set: nothing leaves", "", "a.example", NULL, true, false},
    {"hold: nor does a copy", "deliver.mode=hold", "a.example", ME, true, false},
    {"live: everything", "deliver.mode=live", "a.example", NULL, false, true},
    {"live: a copy on its way to whom redirect named", "deliver.mode=live", "a.example", ME, false,
     true},
    {"live, listed", "deliver.mode=live|deliver.domains=b.example a.example", "a.example", NULL,
     false, true},
    {"live, below a listed one", "deliver.mode=live|deliver.domains=.example", "a.example", NULL,
     false, true},
    {"live, not listed", "deliver.mode=live|deliver.domains=b.example", "a.example", NULL, true,
     false},
    {"redirect: the copy", "deliver.mode=redirect|deliver.redirect=" ME, "a.example", ME, false,
     true},
    {"redirect: the address as it is normalised",
     "deliver.mode=redirect|deliver.redirect=mailto:me@OP.example", "a.example", ME, false, true},
    {"redirect: not what was routed to its own target",
     "deliver.mode=redirect|deliver.redirect=" ME, "a.example", NULL, false, false},
    {"redirect: not what was routed to another address",
     "deliver.mode=redirect|deliver.redirect=" ME, "a.example", "mailto:old@op.example", false,
     false},
    {"redirect does not look at deliver.domains",
     "deliver.mode=redirect|deliver.redirect=" ME "|deliver.domains=b.example", "a.example", ME,
     false, true},
};

static void allow_row(void **state)
{
    const struct allow_row *row = *state;
    struct config *config = settings_config(CONFIG_SENDER, row->assignments);
    struct mode_rules rules;
    struct error err;
    const struct delivery delivery = {
        .target = "https://a.example/", .via = row->via, .domain = row->domain};
    assert_int_equal(mode_rules_init(&rules, config, &err), 0);
    assert_int_equal(mode_holds(&rules, row->domain), row->holds);
    assert_int_equal(mode_allows(&rules, &delivery), row->allows);
    mode_rules_free(&rules);
    config_free(&config);
}

static void redirect_needs_a_target(void **state)
{
    (void)state;
    struct config *config = settings_config(CONFIG_SENDER, "deliver.mode=redirect");
    struct mode_rules rules;
    struct error err;
    assert_int_equal(mode_rules_init(&rules, config, &err), -1);
    assert_int_equal(err.kind, ERROR_CONFIG);
    assert_non_null(strstr(err.text, "deliver.redirect"));
    assert_null(rules.redirect);
    config_free(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(redirect_needs_a_target)};
    return RUN_ROWS("mode: what leaves", allow_row, allow_rows) +
           cmocka_run_group_tests_name("mode", tests, NULL, NULL);
}
