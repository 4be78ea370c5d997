#include "common/config.h"

#include <stdbool.h>
#include <stdio.h>

#include "common/text.h"
#include "tests/support/unit.h"

static void keys_are_alphabetical_and_unique(void **state)
{
    (void)state;
    for (const struct config_key *key = config_keys; key[1].name; key++)
        if (strcmp(key[0].name, key[1].name) >= 0)
            fail_msg("%s stands before %s", key[0].name, key[1].name);
}

static void every_row_is_complete(void **state)
{
    (void)state;
    for (const struct config_key *key = config_keys; key->name; key++) {
        bool choice = key->type == CONFIG_CHOICE;
        bool number = key->type == CONFIG_DURATION || key->type == CONFIG_INTEGER;
        bool complete = key->programs > 0 && key->programs <= CONFIG_ALL && key->meaning &&
                        choice == (key->choices != NULL) && key->min <= key->max &&
                        (number == (key->max > 0)) && (key->fallback || (!choice && !number));
        if (!complete)
            fail_msg("%s", key->name);
        if (strpbrk(key->meaning, "|\n"))
            fail_msg("%s: its meaning breaks the README's table", key->name);
    }
}

/* Defaults pass the same checks as a user's values (config_new panics otherwise), lists too. */
static void defaults_are_valid_in_every_program(void **state)
{
    const enum config_program programs[] = {CONFIG_PRODUCER, CONFIG_AGGREGATOR, CONFIG_SENDER};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct error err = {0};
        struct config *config = config_new(programs[i]);
        if (config_finish(config, &err) < 0)
            fail_msg("%s", err.text);
        config_free(&config);
        assert_null(config);
    }
}

/* What others rely on: the names and the defaults that the documentation gives. */
static const struct row {
    const char *name, *fallback;
} rows[] = {
    {"aggregate.interval", "10s"},
    {"deliver.domains", NULL},
    {"deliver.mode", "hold"},
    {"deliver.redirect", NULL},
    {"dkim.key_file", NULL},
    {"dkim.mode", "sign"},
    {"dkim.selector", NULL},
    {"dns.servers", NULL},
    {"drain", "30s"},
    {"egress.allow", NULL},
    {"egress.deny", NULL},
    {"elastic.api_key_file", NULL},
    {"elastic.ca_file", NULL},
    {"elastic.distribution", "elasticsearch"},
    {"elastic.filter", NULL},
    {"elastic.index", NULL},
    {"elastic.password_file", NULL},
    {"elastic.url", NULL},
    {"elastic.user", NULL},
    {"http.listen", NULL},
    {"https.ca_file", NULL},
    {"https.concurrency", "64"},
    {"https.ports", "443 8443"},
    {"https.timeout", "60s"},
    {"https.verify", "fallback"},
    {"instance", NULL},
    {"jobs", NULL},
    {"log.format", "text"},
    {"log.level", "info"},
    {"mail.from", NULL},
    {"report.contact_info", NULL},
    {"report.exclude_domains", NULL},
    {"report.grace", "1h"},
    {"report.late", "7d"},
    {"report.max_details", "1000"},
    {"report.organization_name", NULL},
    {"report.sending_ip", "full"},
    {"report.spread", "4h"},
    {"retry.delays", "1m 5m 30m 2h 6h 6h 6h"},
    {"retry.window", "24h"},
    {"scan.exclude", NULL},
    {"scan.interval", "30s"},
    {"scan.patience", "15m"},
    {"scan.since", "2d"},
    {"scan.task_documents", "5000"},
    {"shutdown.grace", "60s"},
    {"smtp.password_file", NULL},
    {"smtp.relay", NULL},
    {"smtp.tls", "required"},
    {"smtp.user", NULL},
    {"topics.partitions", NULL},
    {"topics.prefix", "tlsrpt."},
    {"topics.replication", "3"},
};

static void default_row(void **state)
{
    const struct row *row = *state;
    const struct config_key *key = config_keys;
    while (key->name && strcmp(key->name, row->name) != 0)
        key++;
    assert_non_null(key->name);
    assert_int_equal(text_compare(key->fallback, row->fallback), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_alphabetical_and_unique),
        cmocka_unit_test(every_row_is_complete),
        cmocka_unit_test(defaults_are_valid_in_every_program),
    };
    return cmocka_run_group_tests_name("config keys", tests, NULL, NULL) +
           RUN_ROWS("config defaults", default_row, rows);
}
