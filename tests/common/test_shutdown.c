#include "common/shutdown.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/unit.h"

#define LONG_MS  60000
#define SHORT_MS 200

/* One process each: it installs, does its script, and ends. */
static const struct row {
    const char *name;
    int64_t grace_ms;
    /* T, I: signal itself; c: wait until it was taken; r: shutdown_request(); w: wait for the stop;
     * h: hang; e: exit 0 */
    const char *script;
    const char *want; /* in the log: why the stop was cut short; NULL: it was not */
} rows[] = {
    {"SIGTERM asks for a stop", LONG_MS, "Twe", NULL},
    {"SIGINT asks for a stop", LONG_MS, "Iwe", NULL},
    {"a job asks for a stop", LONG_MS, "rwe", NULL},
    {"asking twice by function is asking once", LONG_MS, "rrwe", NULL},
    {"the second signal leaves at once", LONG_MS, "TwTh", "second signal"},
    {"the second signal leaves at once, SIGINT", LONG_MS, "IwIh", "second signal"},
    {"one signal after a job's request does not", SHORT_MS, "rwTh", "shutdown.grace is over"},
    {"two signals after a job's request do", LONG_MS, "rwTcTh", "second signal"},
    {"a stop longer than the grace is cut short", SHORT_MS, "Twh", "shutdown.grace is over"},
    {"so is one that a job asked for", SHORT_MS, "rwh", "shutdown.grace is over"},
};

static void wait_for_stop(void)
{
    struct pollfd fd = {.fd = shutdown_fd(), .events = POLLIN};
    if (poll(&fd, 1, LONG_MS) != 1 || !shutdown_requested())
        _exit(3);
}

/* Until the watchdog has taken the pending signal: two of a kind would be one. */
static void wait_until_taken(void)
{
    sigset_t pending;
    do {
        sched_yield();
        sigpending(&pending);
    } while (sigismember(&pending, SIGTERM));
}

static void step(char what)
{
    if (what == 'T' || what == 'I')
        kill(getpid(), what == 'T' ? SIGTERM : SIGINT);
    else if (what == 'r')
        shutdown_request();
    else if (what == 'w')
        wait_for_stop();
    else if (what == 'c')
        wait_until_taken();
    else if (what == 'h')
        for (;;)
            poll(NULL, 0, LONG_MS);
}

_Noreturn static void child_run(const struct row *row, int log)
{
    dup2(log, STDERR_FILENO);
    shutdown_install(row->grace_ms);
    if (shutdown_requested())
        _exit(2);
    for (const char *what = row->script; *what != 'e'; what++)
        step(*what);
    _exit(0);
}

static void script_row(void **state)
{
    const struct row *row = *state;
    char log[4096];
    int status;
    int file = memfd_create("log", MFD_CLOEXEC);
    pid_t child = fork();
    if (child == 0)
        child_run(row, file);
    assert_int_equal(waitpid(child, &status, 0), child);
    ssize_t length = pread(file, log, sizeof(log) - 1, 0);
    close(file);
    assert_true(length >= 0);
    log[length] = '\0';
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), row->want ? 1 : 0);
    assert_true(row->want ? strstr(log, row->want) != NULL : !strstr(log, "cut short"));
}

/* Jobs may be tested without the watchdog. */
static void works_without_install(void **state)
{
    (void)state;
    struct pollfd fd = {.fd = shutdown_fd(), .events = POLLIN};
    assert_false(shutdown_requested());
    assert_int_equal(poll(&fd, 1, 0), 0);
    shutdown_request();
    assert_true(shutdown_requested());
    assert_int_equal(poll(&fd, 1, 0), 1);
    assert_int_equal(poll(&fd, 1, 0), 1); /* and stays readable */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(works_without_install)};
    return RUN_ROWS("shutdown scripts", script_row, rows) +
           cmocka_run_group_tests_name("shutdown", tests, NULL, NULL);
}
