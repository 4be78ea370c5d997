#include "common/config.h"

#include "tests/support/unit.h"

static char *printed(void (*print)(enum config_program program, FILE *out),
                     enum config_program program)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    print(program, out);
    fclose(out);
    return text;
}

/* A key of each type, and how each table begins and ends. */
static const struct row {
    const char *name;
    void (*print)(enum config_program program, FILE *out);
    enum config_program program;
    const char *part;
} rows[] = {
    {"help: a duration", config_print_help, CONFIG_AGGREGATOR,
     "  report.grace              duration 0..2d [1h]\n      how long "},
    {"help: a choice", config_print_help, CONFIG_AGGREGATOR,
     "  report.sending_ip         full, omit [full]\n      whether "},
    {"help: a text that is not set", config_print_help, CONFIG_AGGREGATOR,
     "  report.contact_info       text [unset]\n      address "},
    {"help: properties", config_print_help, CONFIG_AGGREGATOR,
     "  kafka.<property>          text [unset]\n      property "},
    {"markdown: its head and a list", config_print_markdown, CONFIG_SENDER,
     "| key | value | default | meaning |\n|---|---|---|---|\n| `deliver.domains` | list |  | "
     "with "},
    {"markdown: an integer", config_print_markdown, CONFIG_SENDER,
     "\n| `https.concurrency` | integer 1..1024 | `64` | https "},
    {"markdown: a file", config_print_markdown, CONFIG_SENDER,
     "\n| `dkim.key_file` | file |  | PEM "},
    {"markdown: properties", config_print_markdown, CONFIG_SENDER,
     "\n| `kafka.<property>` | text |  | property "},
};

static void row_run(void **state)
{
    const struct row *row = *state;
    char *text = printed(row->print, row->program);
    if (!strstr(text, row->part))
        fail_msg("%s: not in %s", row->part, text);
    free(text);
}

static void only_the_program_s_keys_are_shown(void **state)
{
    (void)state;
    char *help = printed(config_print_help, CONFIG_AGGREGATOR);
    char *markdown = printed(config_print_markdown, CONFIG_SENDER);
    assert_null(strstr(help, "https.timeout"));
    assert_null(strstr(markdown, "scan.interval"));
    free(help);
    free(markdown);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_program_s_keys_are_shown),
    };
    return RUN_ROWS("config tables", row_run, rows) +
           cmocka_run_group_tests_name("config print", tests, NULL, NULL);
}
