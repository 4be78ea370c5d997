#include "sender/settings.h"

#include "common/memory.h"
#include "tests/support/settings.h"
#include "tests/support/unit.h"

struct check_row {
    const char *name, *assignments;
    bool runs_jobs;
    const char *complaint; /* a part of it; NULL: none */
};

#define CONTACT "report.contact_info=tls@example.net"
#define LIVE    "deliver.mode=live|jobs=smtp|"

static const struct check_row check_rows[] = {
    {"nothing set, a filter", "", false, NULL},
    {"nothing set, nothing is sent", "", true, NULL},
    {"D14: From of the submitter", CONTACT "|mail.from=x@Example.NET", false, NULL},
    {"D14: From of another domain", CONTACT "|mail.from=x@example.org", false, "mail.from"},
    {"D14: From of a domain below", CONTACT "|mail.from=x@mail.example.net", false, "mail.from"},
    {"From without a contact", "mail.from=x@example.net", false, "report.contact_info"},
    {"a window that ends before the first wait", "retry.delays=6h|retry.window=1h", false,
     "retry.window"},
    {"a window that just holds the first wait", "retry.delays=1h 6h|retry.window=1h", false, NULL},
    {"redirect without where to", "deliver.mode=redirect", false, "deliver.redirect"},
    {"redirect", "deliver.mode=redirect|deliver.redirect=mailto:x@example.net", false, NULL},
    {"redirect to no target", "deliver.mode=redirect|deliver.redirect=mailto:x", false,
     "deliver.redirect"},
    {"a bad redirect that is not used", "deliver.redirect=https://u@example.net/", false,
     "deliver.redirect"},
    {"user without password", "smtp.user=a", false, "smtp.password_file"},
    {"password without user", "smtp.password_file=/x", false, "smtp.user"},
    {"user and password", "smtp.user=a|smtp.password_file=/x", false, NULL},
    {"a password in clear", "smtp.user=a|smtp.password_file=/x|smtp.tls=none", false, "smtp.tls"},
    {"a password perhaps in clear", "smtp.user=a|smtp.password_file=/x|smtp.tls=opportunistic",
     false, "smtp.tls"},
    {"live without relay", LIVE CONTACT "|dkim.mode=relay", true, "smtp.relay"},
    {"live without contact", LIVE "smtp.relay=smtp://r:25|dkim.mode=relay", true,
     "report.contact_info"},
    {"live with signing", LIVE CONTACT "|smtp.relay=smtp://r:25", true, "dkim.mode"},
    {"live", LIVE CONTACT "|smtp.relay=smtp://r:25|dkim.mode=relay", true, NULL},
    {"live, all jobs", "deliver.mode=live", true, "smtp.relay"},
    {"live, another job", "deliver.mode=live|jobs=https", true, NULL},
    {"live, a filter", "deliver.mode=live", false, NULL},
    {"hold needs no relay", "deliver.mode=hold|jobs=smtp", true, NULL},
};

static void check_row(void **state)
{
    const struct check_row *row = *state;
    struct config *config = settings_config(CONFIG_SENDER, row->assignments);
    struct error err = {0};
    int result = settings_check(config, row->runs_jobs, &err);
    assert_int_equal(result, row->complaint ? -1 : 0);
    if (row->complaint) {
        bool absent = strcmp(row->complaint, "dkim.mode") == 0;
        assert_int_equal(err.kind, absent ? ERROR_ABSENT : ERROR_CONFIG);
        assert_non_null(strstr(err.text, row->complaint));
    }
    config_free(&config);
}

static void the_sender(void **state)
{
    struct config *config = settings_config(
        CONFIG_SENDER, "report.contact_info=TLS@Example.NET|mail.from=x@example.net|"
                       "report.organization_name=Example");
    struct settings_sender sender;
    struct error err;
    (void)state;
    assert_int_equal(settings_sender_read(config, &sender, &err), 0);
    assert_string_equal(sender.submitter, "example.net");
    assert_string_equal(sender.from, "x@example.net");
    assert_string_equal(sender.organization, "Example");
    config_free(&config);
}

static void from_is_the_contact_unless_set(void **state)
{
    struct config *config = settings_config(CONFIG_SENDER, CONTACT);
    struct settings_sender sender;
    struct error err;
    (void)state;
    assert_int_equal(settings_sender_read(config, &sender, &err), 0);
    assert_string_equal(sender.from, "tls@example.net");
    assert_null(sender.organization);
    config_free(&config);
}

/* What stands in From is what stands in the report: the same domain in the same letters. */
static void from_is_normalized(void **state)
{
    struct config *config =
        settings_config(CONFIG_SENDER, "report.contact_info=TLS@B\xc3\xbc"
                                       "cher.Example.|mail.from=Reports@XN--BCHER-KVA.example");
    struct settings_sender sender;
    struct error err;
    (void)state;
    assert_int_equal(settings_sender_read(config, &sender, &err), 0);
    assert_string_equal(sender.from, "Reports@xn--bcher-kva.example");
    assert_string_equal(sender.submitter, "xn--bcher-kva.example");
    config_free(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sender),
        cmocka_unit_test(from_is_the_contact_unless_set),
        cmocka_unit_test(from_is_normalized),
    };
    int failed = RUN_ROWS("settings: contradictions", check_row, check_rows);
    return failed + cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
