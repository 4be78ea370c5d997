#include "common/options.h"

#include <stdio.h>

#include "tests/support/unit.h"

static const char *const actions[] = {
    [OPTIONS_RUN] = "run",     [OPTIONS_HELP] = "help",         [OPTIONS_VERSION] = "version",
    [OPTIONS_CHECK] = "check", [OPTIONS_MARKDOWN] = "markdown",
};

/* ---- arguments between blanks, and what they mean ---- */

static const struct row {
    const char *name, *arguments;
    const char *want;      /* action, (table), {files}, [assignments], verb, <its arguments> */
    const char *complaint; /* NULL: none */
} rows[] = {
    {"nothing", "", "run", NULL},
    {"a verb", "scan", "run scan", NULL},
    {"a verb and its arguments", "scan a b", "run scan <a> <b>", NULL},
    {"help", "--help", "help", NULL},
    {"help in short", "-h", "help", NULL},
    {"help on the way", "scan --help a", "help scan <a>", NULL},
    {"version", "--version", "version", NULL},
    {"check", "--check scan", "check scan", NULL},
    {"the last action wins", "--help --check", "check", NULL},
    {"a table", "--markdown keys", "markdown (keys)", NULL},
    {"files in their order", "-c b.conf -c a.conf", "run {b.conf} {a.conf}", NULL},
    {"assignments in their order", "-o b=1 -o a=2", "run [b=1] [a=2]", NULL},
    {"jobs are an assignment", "--jobs plan,scan", "run [jobs=plan,scan]", NULL},
    {"options after the verb", "scan a -o b=1 c -c d", "run {d} [b=1] scan <a> <c>", NULL},
    {"a value may look like an option", "-o --help scan", "run [--help] scan", NULL},
    {"options of the verb", "scan --to x -y -", "run scan <--to> <x> <-y> <->", NULL},
    {"after two dashes nothing is an option", "scan -- -o --help", "run scan <-o> <--help>", NULL},
    {"only the first two dashes count", "scan -- -- a", "run scan <--> <a>", NULL},
    {"a verb after two dashes", "-- -o a", "run -o <a>", NULL},
    {"an unknown option", "--frob scan", NULL, "no option --frob"},
    {"a dash before the verb", "- scan", NULL, "no option -"},
    {"an option with its value in one word", "-ca.conf", NULL, "no option -ca.conf"},
    {"no file", "-c", NULL, "-c wants a value"},
    {"no assignment", "scan -o", NULL, "-o wants a value"},
    {"no jobs", "--jobs", NULL, "--jobs wants a value"},
    {"no table", "--markdown", NULL, "--markdown wants a value"},
};

static char *describe(const struct options *options)
{
    struct buffer out = {0};
    buffer_text(&out, actions[options->action]);
    if (options->markdown)
        buffer_printf(&out, " (%s)", options->markdown);
    for (size_t i = 0; i < options->files.count; i++)
        buffer_printf(&out, " {%s}", options->files.items[i]);
    for (size_t i = 0; i < options->assignments.count; i++)
        buffer_printf(&out, " [%s]", options->assignments.items[i]);
    if (options->verb)
        buffer_printf(&out, " %s", options->verb);
    for (int i = 0; i < options->argument_count; i++)
        buffer_printf(&out, " <%s>", options->arguments[i]);
    return buffer_take(&out);
}

static void row_run(void **state)
{
    const struct row *row = *state;
    struct options options = {0};
    struct error err = {0};
    char copy[80];
    char *argv[16] = {(char *)"tlsrpt-test"};
    char *save = NULL;
    int argc = 1;
    snprintf(copy, sizeof(copy), "%s", row->arguments);
    for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
        argv[argc++] = word;
    int result = options_parse(&options, argc, argv, &err);
    char *seen = describe(&options);
    assert_string_equal(err.text, row->complaint ? row->complaint : "");
    assert_int_equal(err.kind, row->complaint ? ERROR_CONFIG : ERROR_NONE);
    assert_int_equal(result, row->complaint ? -1 : 0);
    if (row->want)
        assert_string_equal(seen, row->want);
    options_free(&options);
    free(seen);
}

int main(void)
{
    return RUN_ROWS("options", row_run, rows);
}
