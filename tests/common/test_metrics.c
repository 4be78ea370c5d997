#include "common/metrics.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/memory.h"
#include "tests/support/unit.h"

static const struct metric table[] = {
    {"tlsrpt_test_total", METRIC_COUNTER, "", "plain"},
    {"tlsrpt_test_jobs", METRIC_GAUGE, "job host", "help with \\ and\na line"},
    {"tlsrpt_test_threads_total", METRIC_COUNTER, "job", "added to by several threads"},
    {NULL, METRIC_GAUGE, NULL, NULL},
};

/* Where the own table's part of the output begins. */
static char *rendered(struct buffer *out)
{
    metrics_render(out);
    char *own = strstr(out->bytes, "# HELP tlsrpt_test_total");
    assert_non_null(own);
    return own;
}

static void everything_is_rendered_in_order(void **state)
{
    struct buffer out = {0};
    (void)state;
    assert_memory_equal(rendered(&out),
                        "# HELP tlsrpt_test_total plain\n"
                        "# TYPE tlsrpt_test_total counter\n"
                        "tlsrpt_test_total 0\n",
                        83);
    buffer_clear(&out);
    metrics_add("tlsrpt_test_total", 2, NULL);
    metrics_add("tlsrpt_test_total", 3, NULL);
    metrics_set("tlsrpt_test_jobs", 7, "scan", "b", NULL);
    metrics_set("tlsrpt_test_jobs", -8, "scan", "b", NULL);
    metrics_set("tlsrpt_test_jobs", 1, "plan", "a\"\\\n", NULL);
    metrics_set("tlsrpt_test_jobs", 9, "gone", "", NULL);
    metrics_forget("tlsrpt_test_jobs", "gone", "", NULL);
    assert_string_equal(rendered(&out),
                        "# HELP tlsrpt_test_total plain\n"
                        "# TYPE tlsrpt_test_total counter\n"
                        "tlsrpt_test_total 5\n"
                        "# HELP tlsrpt_test_jobs help with \\\\ and\\na line\n"
                        "# TYPE tlsrpt_test_jobs gauge\n"
                        "tlsrpt_test_jobs{job=\"plan\",host=\"a\\\"\\\\\\n\"} 1\n"
                        "tlsrpt_test_jobs{job=\"scan\",host=\"b\"} -8\n"
                        "# HELP tlsrpt_test_threads_total added to by several threads\n"
                        "# TYPE tlsrpt_test_threads_total counter\n");
    buffer_free(&out);
}

/* Nobody registered them here. */
static void the_common_ones_are_always_there(void **state)
{
    struct buffer out = {0};
    (void)state;
    metrics_set("tlsrpt_lag_records", 4, "tlsrpt.scan", "tlsrpt.scan", "0", NULL);
    metrics_render(&out);
    assert_non_null(strstr(
        out.bytes,
        "tlsrpt_lag_records{group=\"tlsrpt.scan\",topic=\"tlsrpt.scan\",partition=\"0\"} 4\n"));
    buffer_free(&out);
}

static void *add_often(void *unused)
{
    (void)unused;
    for (int i = 0; i < 10000; i++)
        metrics_add("tlsrpt_test_threads_total", 1, "x", NULL);
    return NULL;
}

static void threads_lose_nothing(void **state)
{
    pthread_t threads[4];
    struct buffer out = {0};
    (void)state;
    for (size_t i = 0; i < NELEMS(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_often, NULL), 0);
    for (size_t i = 0; i < NELEMS(threads); i++)
        pthread_join(threads[i], NULL);
    assert_non_null(strstr(rendered(&out), "tlsrpt_test_threads_total{job=\"x\"} 40000\n"));
    buffer_free(&out);
}

static void markdown_lists_own_then_common(void **state)
{
    char *text = NULL;
    size_t length;
    (void)state;
    FILE *out = open_memstream(&text, &length);
    metrics_print_markdown(table, out);
    fclose(out);
    const char *want = "| metric | type | labels | meaning |\n|---|---|---|---|\n"
                       "| `tlsrpt_test_total` | counter |  | plain |\n"
                       "| `tlsrpt_test_jobs` | gauge | job host | ";
    assert_memory_equal(text, want, strlen(want));
    assert_non_null(strstr(text, "| `tlsrpt_transactions_total` | counter | job | "));
    free(text);
}

static void register_twice(void)
{
    metrics_register(table);
}
static void unknown_name(void)
{
    metrics_add("tlsrpt_nobody", 1, NULL);
}
static void label_missing(void)
{
    metrics_add("tlsrpt_test_jobs", 1, "scan", NULL);
}
static void label_too_many(void)
{
    metrics_add("tlsrpt_test_total", 1, "scan", NULL);
}

static const struct bug {
    const char *name;
    void (*run)(void);
} bugs[] = {
    {"a name twice", register_twice},
    {"an unknown name", unknown_name},
    {"a label missing", label_missing},
    {"a label too many", label_too_many},
};

static void bug_row(void **state)
{
    const struct bug *bug = *state;
    int status;
    pid_t child = fork();
    if (child == 0) {
        fclose(stderr);
        close(STDERR_FILENO);
        bug->run();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_rendered_in_order),
        cmocka_unit_test(the_common_ones_are_always_there),
        cmocka_unit_test(threads_lose_nothing),
        cmocka_unit_test(markdown_lists_own_then_common),
    };
    metrics_register(table);
    return cmocka_run_group_tests_name("metrics", tests, NULL, NULL) +
           RUN_ROWS("metrics bugs", bug_row, bugs);
}
