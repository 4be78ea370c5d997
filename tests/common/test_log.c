#include "common/log.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/capture.h"
#include "tests/support/unit.h"

/* "2026-11-25T13:00:00.123Z": digits at the digits' places. */
static void assert_time(const char *text)
{
    const char *shape = "0000-00-00T00:00:00.000Z";
    for (size_t i = 0; shape[i]; i++)
        assert_true(shape[i] == '0' ? text[i] >= '0' && text[i] <= '9' : text[i] == shape[i]);
}

#define X16  "xxxxxxxxxxxxxxxx"
#define X64  X16 X16 X16 X16
#define X255 X64 X64 X64 X16 X16 X16 "xxxxxxxxxxxxxxx"

/* One field "v" with this value, in both formats. */
static const struct row {
    const char *name, *value, *text, *json;
} rows[] = {
    {"plain", "mx.a.example", "mx.a.example", "\"mx.a.example\""},
    {"empty", "", "\"\"", "\"\""},
    {"blank", "two words", "\"two words\"", "\"two words\""},
    {"equals sign", "a=b", "\"a=b\"", "\"a=b\""},
    {"quote and backslash", "a\"b\\", "\"a\\\"b\\\\\"", "\"a\\\"b\\\\\""},
    {"line ends", "a\r\nb", "\"a\\x0d\\x0ab\"", "\"a\\u000d\\u000ab\""},
    {"escape and delete", "\x1b[2J\x7f", "\"\\x1b[2J\\x7f\"", "\"\\u001b[2J\\u007f\""},
    {"letters beyond ASCII",
     "b\xc3\xbc"
     "cher",
     "\"b\xc3\xbc"
     "cher\"",
     "\"b\xc3\xbc"
     "cher\""},
    {"C1 control",
     "\xc2\x9b"
     "31m",
     "\"\\xc2\\x9b31m\"", "\"\\u009b31m\""},
    {"line separator", "\xe2\x80\xa8", "\"\\xe2\\x80\\xa8\"", "\"\\u2028\""},
    {"direction turned",
     "\xe2\x80\xae"
     "abc",
     "\"\\xe2\\x80\\xae"
     "abc\"",
     "\"\\u202eabc\""},
    {"no UTF-8",
     "a\xff"
     "b",
     "\"a\\xff"
     "b\"",
     "\"a\\ufffdb\""},
    {"overlong", "\xc0\xaf", "\"\\xc0\\xaf\"", "\"\\ufffd\\ufffd\""},
    {"surrogate", "\xed\xa0\x80", "\"\\xed\\xa0\\x80\"", "\"\\ufffd\\ufffd\\ufffd\""},
    {"cut off character at the end", "a\xe2\x82", "\"a\\xe2\\x82\"", "\"a\\ufffd\\ufffd\""},
    {"256 bytes stay", X255 "x", X255 "x", "\"" X255 "x\""},
    {"257 are cut", X255 "xy", "\"" X255 "x...\"", "\"" X255 "x...\""},
    {"cut between characters", X255 "\xc3\xbc", "\"" X255 "...\"", "\"" X255 "...\""},
};

static void value_row(void **state)
{
    const struct row *row = *state;
    char line[1024], want[1024];
    int saved;
    int file = capture_begin(&saved);
    log_set(LOG_INFO, LOG_FORMAT_TEXT);
    log_info("seen", log_text("v", row->value), log_number("n", -7));
    capture_end(file, saved, line, sizeof(line));
    assert_time(line);
    snprintf(want, sizeof(want), "Z info seen v=%s n=-7\n", row->text);
    assert_string_equal(line + 23, want);

    file = capture_begin(&saved);
    log_set(LOG_INFO, LOG_FORMAT_JSON);
    log_info("seen", log_text("v", row->value), log_number("n", -7));
    capture_end(file, saved, line, sizeof(line));
    assert_memory_equal(line, "{\"time\":\"", 9);
    assert_time(line + 9);
    snprintf(want, sizeof(want), "\",\"level\":\"info\",\"what\":\"seen\",\"v\":%s,\"n\":-7}\n",
             row->json);
    assert_string_equal(line + 33, want);
}

static void levels_below_the_least_are_silent(void **state)
{
    char line[1024];
    int saved;
    (void)state;
    int file = capture_begin(&saved);
    log_set(LOG_WARN, LOG_FORMAT_TEXT);
    log_debug("a");
    log_info("b");
    log_warn("c");
    log_error("d");
    capture_end(file, saved, line, sizeof(line));
    const char *second = strchr(line, '\n') + 1;
    assert_memory_equal(line + 23, "Z warn c\n", 9);
    assert_string_equal(second + 23, "Z error d\n");
}

/* A line never grows beyond its room, and is whole all the same. */
static void too_many_fields_are_left_out(void **state)
{
    struct log_field fields[61];
    static char line[16384];
    int saved;
    (void)state;
    for (size_t i = 0; i < 60; i++)
        fields[i] = log_text("v", X255 "\n");
    fields[60] = (struct log_field){0};
    int file = capture_begin(&saved);
    log_set(LOG_INFO, LOG_FORMAT_JSON);
    log_write(LOG_INFO, "much", fields);
    capture_end(file, saved, line, sizeof(line));
    assert_in_range(strlen(line), 7000, 8192);
    assert_string_equal(line + strlen(line) - 10, "x\\u000a\"}\n");
}

/* The sentence of an error is longer than a stranger's value may be. */
static void an_error_is_told_to_its_end(void **state)
{
    char line[1024];
    int saved;
    (void)state;
    int file = capture_begin(&saved);
    log_set(LOG_INFO, LOG_FORMAT_TEXT);
    log_error("job failed", log_text("error", X255 " and the command that decides"));
    capture_end(file, saved, line, sizeof(line));
    assert_string_equal(line + 23,
                        "Z error job failed error=\"" X255 " and the command that decides\"\n");
}

static void a_panic_logs_and_aborts(void **state)
{
    char line[1024];
    int saved, status;
    (void)state;
    int file = capture_begin(&saved);
    log_set(LOG_ERROR, LOG_FORMAT_TEXT);
    pid_t child = fork();
    if (child == 0)
        log_panic("attempt: %s -> %s", "done", "new");
    assert_int_equal(waitpid(child, &status, 0), child);
    capture_end(file, saved, line, sizeof(line));
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_string_equal(line + 23, "Z error panic error=\"attempt: done -> new\"\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_below_the_least_are_silent),
        cmocka_unit_test(too_many_fields_are_left_out),
        cmocka_unit_test(an_error_is_told_to_its_end),
        cmocka_unit_test(a_panic_logs_and_aborts),
    };
    return RUN_ROWS("log values", value_row, rows) +
           cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
