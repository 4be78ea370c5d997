#include "sender/verbs.h"

#include <unistd.h>

#include "common/gzip.h"
#include "common/memory.h"
#include "tests/support/unit.h"

#define REPORT                                                                                     \
    "{\"organization-name\":\"Example\",\"date-range\":{\"start-datetime\":"                       \
    "\"2026-11-24T00:00:00Z\",\"end-datetime\":\"2026-11-24T23:59:59Z\"},\"contact-info\":"        \
    "\"tls@example.net\",\"report-id\":\"2026-11-24.example.org.3-17.0a1b2c3d\",\"policies\":["    \
    "{\"policy\":{\"policy-type\":\"no-policy-found\",\"policy-domain\":\"example.org\"},"         \
    "\"summary\":{\"total-successful-session-count\":7,\"total-failure-session-count\":0}}]}"

/* What a verb wrote, what it returned, and why. */
struct run {
    int code;
    struct buffer output;
    struct error err;
};

static const struct verb *verb_of(const char *name)
{
    const struct verb *verb = verbs;
    while (verb->name && strcmp(verb->name, name) != 0)
        verb++;
    assert_non_null(verb->name);
    return verb;
}

static void read_all(FILE *file, struct buffer *out)
{
    char piece[4096];
    size_t length;
    rewind(file);
    buffer_text(out, "");
    while ((length = fread(piece, 1, sizeof(piece), file)) > 0)
        buffer_add(out, piece, length);
    fclose(file);
}

/* Runs a verb with its standard output in a file. arguments: ended by NULL. */
static void verb_call(struct run *run, const char *name, const struct config *config,
                      const char *const *arguments)
{
    char *argv[8];
    int argc = 0;
    FILE *output = tmpfile();
    fflush(stdout);
    int saved = dup(STDOUT_FILENO);
    assert_int_equal(dup2(fileno(output), STDOUT_FILENO), STDOUT_FILENO);
    while (arguments[argc]) {
        argv[argc] = (char *)(uintptr_t)arguments[argc];
        argc++;
    }
    *run = (struct run){0};
    run->code = verb_of(name)->run(config, argc, argv, &run->err);
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    read_all(output, &run->output);
}

/* A report in a file of its own. */
struct file {
    char path[32];
};
static void file_write(struct file *file, const char *text)
{
    *file = (struct file){"/tmp/tlsrpt-verbs-XXXXXX"};
    int fd = mkstemp(file->path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

/* ---- misuse ---- */

struct misuse_row {
    const char *name, *verb;
    const char *arguments[6];
};

static const struct misuse_row misuse_rows[] = {
    {"targets with two files", "targets", {"a", "b"}},
    {"egress without an address", "egress", {NULL}},
    {"compose without a target", "compose", {NULL}},
    {"compose without a value", "compose", {"--to"}},
    {"compose with two files", "compose", {"--to", "https://x.example/", "a", "b"}},
    {"compose with another option", "compose", {"--to", "https://x.example/", "--dkim"}},
    {"compose to no target", "compose", {"--to", "ftp://x.example/", "/dev/null"}},
    {"compose with a bad date",
     "compose",
     {"--to", "https://x.example/", "--date", "tomorrow", "/dev/null"}},
    {"compose with an odd number",
     "compose",
     {"--to", "https://x.example/", "--date", "123456789012", "/dev/null"}},
    {"compose with dkim.mode=sign", "compose", {"--to", "mailto:a@example.org", "/dev/null"}},
};

static void misuse_row(void **state)
{
    const struct misuse_row *row = *state;
    struct config *config = config_new(CONFIG_SENDER);
    struct run run;
    verb_call(&run, row->verb, config, row->arguments);
    assert_int_equal(run.code, PROGRAM_USAGE);
    assert_string_equal(run.output.bytes, "");
    buffer_free(&run.output);
    config_free(&config);
}

/* ---- compose ---- */

static struct config *relay_config(void)
{
    struct config *config = config_new(CONFIG_SENDER);
    struct error err;
    assert_int_equal(config_set(config, "dkim.mode=relay", &err), 0);
    assert_int_equal(config_set(config, "report.contact_info=tls@example.net", &err), 0);
    return config;
}

static void https_gets_the_gzip_member(void **state)
{
    struct config *config = config_new(CONFIG_SENDER);
    struct buffer report = {0};
    struct error err;
    struct run run;
    struct file file;
    (void)state;
    file_write(&file, REPORT "\n");
    verb_call(&run, "compose", config,
              (const char *[]){"--to", "https://x.example/", file.path, NULL});
    assert_int_equal(run.code, PROGRAM_OK);
    assert_int_equal(gzip_expand(run.output.bytes, run.output.length, 4096, &report, &err), 0);
    assert_string_equal(report.bytes,
                        REPORT); /* the final newline is the file's, not the report's */
    unlink(file.path);
    buffer_free(&report);
    buffer_free(&run.output);
    config_free(&config);
}

struct date_row {
    const char *name, *date, *header;
};

static const struct date_row date_rows[] = {
    {"a second after the end", NULL, "\r\nDate: Wed, 25 Nov 2026 00:00:00 +0000\r\n"},
    {"RFC 3339", "2026-11-26T04:05:06+01:00", "\r\nDate: Thu, 26 Nov 2026 03:05:06 +0000\r\n"},
    {"seconds", "1795564861", "\r\nDate: Wed, 25 Nov 2026 00:01:01 +0000\r\n"},
};

static void date_row(void **state)
{
    const struct date_row *row = *state;
    struct config *config = relay_config();
    struct run run;
    struct file file;
    file_write(&file, REPORT);
    verb_call(&run, "compose", config,
              (const char *[]){"--to", "MAILTO:%61@Example.org", file.path,
                               row->date ? "--date" : NULL, row->date, NULL});
    assert_int_equal(run.code, PROGRAM_OK);
    assert_non_null(strstr(run.output.bytes, row->header));
    assert_non_null(strstr(run.output.bytes, "\r\nTo: <a@example.org>\r\n"));
    assert_non_null(strstr(run.output.bytes, "\r\nSessions:   7 successful, 0 failed\r\n"));
    assert_non_null(strstr(run.output.bytes, "!example.org!1795478400!1795564799!"));
    unlink(file.path);
    buffer_free(&run.output);
    config_free(&config);
}

static void mail_needs_a_contact(void **state)
{
    struct config *config = config_new(CONFIG_SENDER);
    struct error err;
    struct run run;
    struct file file;
    (void)state;
    assert_int_equal(config_set(config, "dkim.mode=relay", &err), 0);
    file_write(&file, REPORT);
    verb_call(&run, "compose", config,
              (const char *[]){"--to", "mailto:a@example.org", file.path, NULL});
    assert_int_equal(run.code, -1);
    assert_int_equal(run.err.kind, ERROR_CONFIG);
    unlink(file.path);
    buffer_free(&run.output);
    config_free(&config);
}

struct unreadable_row {
    const char *name, *report;
};

static const struct unreadable_row unreadable_rows[] = {
    {"nothing", ""},
    {"no JSON", "hello"},
    {"two reports", REPORT "\n" REPORT},
    {"no id", "{\"policies\":[]}"},
    {"no date-range", "{\"report-id\":\"x\",\"policies\":[]}"},
    {"a date that is none",
     "{\"report-id\":\"x\",\"date-range\":{\"start-datetime\":\"x\",\"end-datetime\":\"y\"},"
     "\"policies\":[]}"},
    {"no policies",
     "{\"report-id\":\"x\",\"date-range\":{\"start-datetime\":\"2026-11-24T00:00:00Z\","
     "\"end-datetime\":\"2026-11-24T23:59:59Z\"}}"},
    {"policies without one",
     "{\"report-id\":\"x\",\"date-range\":{\"start-datetime\":\"2026-11-24T00:00:00Z\","
     "\"end-datetime\":\"2026-11-24T23:59:59Z\"},\"policies\":[]}"},
    {"a policy that is none",
     "{\"report-id\":\"x\",\"date-range\":{\"start-datetime\":\"2026-11-24T00:00:00Z\","
     "\"end-datetime\":\"2026-11-24T23:59:59Z\"},\"policies\":[3]}"},
};

static void unreadable_row(void **state)
{
    const struct unreadable_row *row = *state;
    struct config *config = relay_config();
    struct run run;
    struct file file;
    file_write(&file, row->report);
    verb_call(&run, "compose", config,
              (const char *[]){"--to", "mailto:a@example.org", file.path, NULL});
    assert_int_equal(run.code, -1);
    assert_int_equal(run.err.kind, ERROR_REJECT);
    assert_string_equal(run.output.bytes, "");
    unlink(file.path);
    buffer_free(&run.output);
    config_free(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(https_gets_the_gzip_member),
        cmocka_unit_test(mail_needs_a_contact),
    };
    int failed = RUN_ROWS("verbs: misuse", misuse_row, misuse_rows);
    failed += RUN_ROWS("verbs: dates", date_row, date_rows);
    failed += RUN_ROWS("verbs: unreadable reports", unreadable_row, unreadable_rows);
    return failed + cmocka_run_group_tests_name("verbs", tests, NULL, NULL);
}
