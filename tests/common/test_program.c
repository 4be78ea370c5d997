#include "common/program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fetch.h"
#include "common/http.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/shutdown.h"
#include "tests/support/unit.h"

#define LONG_MS 60000
#define FILES   256

/* ---- a program with jobs and verbs of every temper ---- */

static void wait_for_stop(void)
{
    struct pollfd fd = {.fd = shutdown_fd(), .events = POLLIN};
    poll(&fd, 1, LONG_MS);
}

static int job_steady(const struct config *config, struct error *err)
{
    (void)config;
    (void)err;
    wait_for_stop();
    printf("steady left\n");
    return 0;
}

static int job_stopped(const struct config *config, struct error *err)
{
    (void)config;
    (void)err;
    kill(getpid(), SIGTERM);
    wait_for_stop();
    printf("stopped left\n");
    return 0;
}

static int job_broken(const struct config *config, struct error *err)
{
    (void)config;
    return error_set(err, ERROR_FATAL, "the broker is gone");
}

static int job_wrong(const struct config *config, struct error *err)
{
    (void)config;
    return error_set(err, ERROR_CONFIG, "dkim.selector is not set");
}

static int job_early(const struct config *config, struct error *err)
{
    (void)config;
    (void)err;
    return 0;
}

static long readyz(void)
{
    const struct fetch_limits limits = {LONG_MS, LONG_MS};
    struct error err;
    struct buffer reply = {0};
    long status = -1;
    char *url = mem_printf("http://127.0.0.1:%d/readyz", http_port());
    CURL *handle = fetch_handle("http", &limits);
    if (fetch_json(handle, url, NULL, 1000, &status, &reply, &err) < 0)
        printf("%s\n", err.text);
    curl_easy_cleanup(handle);
    buffer_free(&reply);
    free(url);
    return status;
}

/* Tells what /readyz says before, while and after it is ready. */
static int job_ready(const struct config *config, struct error *err)
{
    long seen[5];
    (void)config;
    (void)err;
    seen[0] = readyz();
    program_ready("nobody", true);
    seen[1] = readyz();
    program_ready("ready", true);
    seen[2] = readyz();
    program_ready("ready", false);
    seen[3] = readyz();
    program_ready("ready", true);
    shutdown_request();
    seen[4] = readyz();
    printf("%ld %ld %ld %ld %ld\n", seen[0], seen[1], seen[2], seen[3], seen[4]);
    return 0;
}

static const struct job jobs[] = {
    {"steady", job_steady}, {"stopped", job_stopped}, {"broken", job_broken}, {"wrong", job_wrong},
    {"early", job_early},   {"ready", job_ready},     {NULL, NULL},
};

static int line_print(void *context, const char *bytes, size_t length_bytes, int64_t number,
                      struct error *err)
{
    (void)context;
    if (length_bytes == 4 && memcmp(bytes, "fail", 4) == 0)
        return error_set(err, ERROR_FATAL, "line %d", (int)number);
    printf("%d[%zu]%.*s;", (int)number, length_bytes, (int)length_bytes, bytes);
    return 0;
}

static int verb_lines(const struct config *config, int argc, char **argv, struct error *err)
{
    (void)config;
    return program_each_line(argc, argv, line_print, NULL, err);
}

static int verb_arguments(const struct config *config, int argc, char **argv, struct error *err)
{
    (void)err;
    for (int i = 0; i < argc; i++)
        printf("<%s>", argv[i]);
    printf("%s\n", config_text(config, "https.verify"));
    return 0;
}

static int verb_noisy(const struct config *config, int argc, char **argv, struct error *err)
{
    (void)config;
    (void)argc;
    (void)argv;
    (void)err;
    log_info("noise");
    return 0;
}

static int verb_late(const struct config *config, int argc, char **argv, struct error *err)
{
    (void)config;
    (void)argc;
    (void)argv;
    (void)err;
    return PROGRAM_USAGE;
}

static int verb_hardened(const struct config *config, int argc, char **argv, struct error *err)
{
    struct rlimit core, files;
    (void)config;
    (void)argc;
    (void)argv;
    (void)err;
    getrlimit(RLIMIT_CORE, &core);
    getrlimit(RLIMIT_NOFILE, &files);
    printf("core=%d files=%s", (int)core.rlim_max,
           files.rlim_cur == files.rlim_max ? "all" : "fewer");
#ifndef __SANITIZE_ADDRESS__
    printf(" dumpable=%d", prctl(PR_GET_DUMPABLE));
#else
    printf(" dumpable=0");
#endif
    return 0;
}

static const struct verb verbs[] = {
    {"lines", "[FILE]", "prints lines", verb_lines, true},
    {"arguments", "", "prints its arguments", verb_arguments, true},
    {"options", "[--frob]", "prints its arguments", verb_arguments, true},
    {"hardened", "", "prints limits", verb_hardened, true},
    {"noisy", "", "logs", verb_noisy, true},
    {"noisy-server", "", "logs", verb_noisy, false},
    {"late", "", "is not there yet", verb_late, true},
    {"planned", "", "not available yet", NULL, true},
    {"server", "", "needs Kafka", verb_arguments, false},
    {NULL, NULL, NULL, NULL, false},
};

static int check(const struct config *config, bool runs_jobs, struct error *err)
{
    if (runs_jobs && config_text(config, "smtp.user"))
        return error_set(err, ERROR_CONFIG, "smtp.user without smtp.password_file");
    return 0;
}

static const struct metric metrics[] = {
    {"tlsrpt_test_total", METRIC_COUNTER, "", "a metric of the test"},
    {NULL, METRIC_COUNTER, NULL, NULL},
};

static const struct program program = {"tlsrpt-test", CONFIG_SENDER, check, jobs, verbs, metrics};

/* ---- one run of it in a process of its own ---- */

struct result {
    int exit;
    char out[16384], err[16384];
};

static void slurp(int fd, char *text, size_t room_bytes)
{
    ssize_t length = pread(fd, text, room_bytes - 1, 0);
    text[length > 0 ? length : 0] = '\0';
    close(fd);
}

/* arguments: between blanks; '_' in them is a blank. */
_Noreturn static void child_run(const char *arguments)
{
    struct text_list words = {0};
    char *argv[32] = {NULL};
    text_list_split(&words, "tlsrpt-test");
    char *copy = mem_text(arguments);
    for (char *save, *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
        text_list_add(&words, word, strlen(word));
    for (size_t i = 0; i < words.count; i++) {
        argv[i] = words.items[i];
        for (char *c = argv[i]; *c; c++)
            *c = *c == '_' ? ' ' : *c;
    }
    _exit(program_main((int)words.count, argv, &program));
}

/* As a shell or systemd begins a process: it may have more than it has. */
static void few_files(void)
{
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = FILES;
    setrlimit(RLIMIT_NOFILE, &files);
}

static void run(const char *arguments, const char *input, size_t input_bytes, int output,
                struct result *result)
{
    int in = memfd_create("in", MFD_CLOEXEC);
    int out = memfd_create("out", MFD_CLOEXEC);
    int err = memfd_create("err", MFD_CLOEXEC);
    int status;
    assert_int_equal(write(in, input, input_bytes), input_bytes);
    assert_int_equal(lseek(in, 0, SEEK_SET), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        dup2(in, STDIN_FILENO);
        dup2(output >= 0 ? output : out, STDOUT_FILENO);
        dup2(err, STDERR_FILENO);
        few_files();
        child_run(arguments);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    close(in);
    slurp(out, result->out, sizeof(result->out));
    slurp(err, result->err, sizeof(result->err));
    assert_true(WIFEXITED(status));
    result->exit = WEXITSTATUS(status);
}

/* ---- options, verbs, configuration: the whole output ---- */

#define KAFKA "-o kafka.bootstrap.servers=127.0.0.1:1 "

static const struct row {
    const char *name, *arguments, *input;
    int exit;
    const char *out, *err;
} rows[] = {
    {"version", "--version", "", 0, "tlsrpt-test " TLSRPT_VERSION "\n", ""},
    {"an option that is not there", "--frob", "", 2, "",
     "tlsrpt-test: no option --frob (--help tells more)\n"},
    {"an option without its value", "lines -o", "", 2, "",
     "tlsrpt-test: -o wants a value (--help tells more)\n"},
    {"a verb that is not there", "frob", "", 2, "",
     "tlsrpt-test: no verb \"frob\" (--help tells more)\n"},
    {"a table that is not there", "--markdown frob", "", 2, "",
     "tlsrpt-test: --markdown wants keys or metrics (--help tells more)\n"},
    {"a verb that is not there yet", "planned", "", 2, "",
     "tlsrpt-test: planned is not available yet (--help tells more)\n"},
    {"a verb that says so itself", "late", "", 2, "", ""},
    {"an option that a verb does not have", "lines --frob", "", 2, "",
     "tlsrpt-test: lines has no option --frob (--help tells more)\n"},
    {"one that a verb has", "options --frob", "", 0, "<--frob>fallback\n", ""},
    {"no option behind the dashes", "arguments -- --frob", "", 0, "<--frob>fallback\n", ""},
    {"a dash is standard input", "lines -", "a\n", 0, "1[1]a;", ""},
    {"options before the verb", "-o https.verify=off arguments a b", "", 0, "<a><b>off\n", ""},
    {"the last assignment wins", "-o https.verify=off arguments -o https.verify=strict", "", 0,
     "strict\n", ""},
    {"lines", "lines", "a\n\nbc", 0, "1[1]a;2[0];3[2]bc;", ""},
    {"no lines", "lines -", "", 0, "", ""},
    {"lines of a file that is not there", "lines /nonexistent", "", 1, "",
     "tlsrpt-test: /nonexistent: No such file or directory\n"},
    {"lines of a directory", "lines /tmp", "", 1, "", "tlsrpt-test: /tmp: Is a directory\n"},
    {"a line that fails ends it", "lines", "a\nfail\nb\n", 1, "1[1]a;", "tlsrpt-test: line 2\n"},
    {"a bad value", "-o https.verify=maybe lines", "", 78, "",
     "-o: https.verify: \"maybe\" is none of: strict fallback off\n"},
    {"a bad list member", "-o https.ports=x lines", "", 78, "",
     "-o: https.ports: \"x\" is not a port\n"},
    {"a file that is not there", "-c /nonexistent lines", "", 78, "",
     "/nonexistent: No such file or directory\n"},
    {"filters need no Kafka", "arguments", "", 0, "fallback\n", ""},
    {"other verbs do", "server", "", 78, "", "kafka.bootstrap.servers is not set\n"},
    {"with Kafka", KAFKA "server", "", 0, "fallback\n", ""},
    {"a contradiction", KAFKA "-o smtp.user=x", "", 78, "",
     "smtp.user without smtp.password_file\n"},
    {"which verbs do not mind", KAFKA "-o smtp.user=x server", "", 0, "fallback\n", ""},
    {"nor filters", "-o smtp.user=x arguments", "", 0, "fallback\n", ""},
    {"jobs need Kafka", "", "", 78, "", "kafka.bootstrap.servers is not set\n"},
    {"a job that is not there", KAFKA "--jobs steady,frob", "", 78, "",
     "-o: jobs: tlsrpt-test has no job \"frob\"\n"},
    {"drain as long as the grace", KAFKA "-o shutdown.grace=30s", "", 78, "",
     "-o: shutdown.grace: must be longer than drain\n"},
    {"drain longer than the grace", KAFKA "-o drain=2m", "", 78, "",
     "-o: drain: must be shorter than shutdown.grace\n"},
    {"the address to listen on is wrong", KAFKA "--jobs steady -o http.listen=localhost:80", "", 78,
     "", "http.listen: \"localhost:80\" is not ADDRESS:PORT\n"},
    {"no core file, no debugger, all the files", "hardened", "", 0, "core=0 files=all dumpable=0",
     ""},
};

static void output_row(void **state)
{
    const struct row *row = *state;
    struct result result;
    run(row->arguments, row->input, strlen(row->input), -1, &result);
    assert_string_equal(result.err, row->err);
    assert_string_equal(result.out, row->out);
    assert_int_equal(result.exit, row->exit);
}

/* ---- jobs: what stands in the log, what it says, how it ends ---- */

static const struct job_row {
    const char *name, *arguments;
    int exit;
    const char *out, *log;
} job_rows[] = {
    {"stopped as asked", "--jobs stopped,steady", 0, "stopped left\n", " info stopped exit=0\n"},
    {"the others stop too", "--jobs stopped,steady", 0, "steady left\n",
     " info started program=tlsrpt-test version=" TLSRPT_VERSION " jobs=\"steady stopped\"\n"},
    {"one failed job ends all", "--jobs steady,broken", 1, "steady left\n",
     " error job failed job=broken error=\"the broker is gone\"\n"},
    {"a configuration that only the job could judge", "--jobs wrong,steady", 78, "steady left\n",
     " error job failed job=wrong error=\"dkim.selector is not set\"\n"},
    {"a job that ends unasked", "--jobs early,steady", 1, "steady left\n",
     " error job failed job=early error=\"it ended although nobody asked\"\n"},
    {"readiness", "--jobs ready -o http.listen=127.0.0.1:0", 0, "503 503 200 503 503\n",
     " info stopped exit=0\n"},
    {"readiness of all jobs", "--jobs ready,steady -o http.listen=127.0.0.1:0", 0,
     "503 503 503 503 503\n", " info stopped exit=0\n"},
    {"as JSON", "--jobs broken -o log.format=json", 1, "",
     "\"level\":\"error\",\"what\":\"job failed\",\"job\":\"broken\",\"error\":\"the broker is "
     "gone\"}\n"},
};

static void job_row_run(void **state)
{
    const struct job_row *row = *state;
    struct result result;
    char *arguments = mem_printf(KAFKA "%s", row->arguments);
    run(arguments, "", 0, -1, &result);
    free(arguments);
    if (!strstr(result.out, row->out) || !strstr(result.err, row->log))
        fail_msg("%s%s", result.out, result.err);
    assert_int_equal(result.exit, row->exit);
}

static void no_job_named_means_all(void **state)
{
    struct result result;
    (void)state;
    run(KAFKA, "", 0, -1, &result);
    assert_non_null(strstr(result.err, "jobs=\"steady stopped broken wrong early ready\"\n"));
    const char *first = strstr(result.err, " error job failed "); /* one cause, one line */
    assert_true(!first || !strstr(first + 1, " error job failed "));
}

static void a_log_level_is_obeyed(void **state)
{
    struct result result;
    (void)state;
    run(KAFKA "--jobs stopped -o log.level=error", "", 0, -1, &result);
    assert_string_equal(result.err, "");
}

static void filters_log_less(void **state)
{
    struct result result;
    (void)state;
    run("noisy", "", 0, -1, &result);
    assert_string_equal(result.err, "");
    run("noisy -o log.level=info", "", 0, -1, &result);
    assert_string_equal(result.err + 23, "Z info noise\n");
    run(KAFKA "noisy-server", "", 0, -1, &result);
    assert_string_equal(result.err + 23, "Z info noise\n");
}

/* ---- output that cannot be written, input that is no text ---- */

static void a_full_disk_is_a_failure(void **state)
{
    struct result result;
    (void)state;
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    run("lines", "a\n", 2, full, &result);
    close(full);
    assert_int_equal(result.exit, 1);
    assert_string_equal(result.err, "tlsrpt-test: standard output: No space left on device\n");
}

static void a_reader_that_left_is_a_failure(void **state)
{
    struct result result;
    int ends[2];
    size_t length = 1 << 20;
    char *input = mem_alloc(length);
    (void)state;
    memset(input, '\n', length);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    close(ends[0]);
    run("lines", "a\n", 2, ends[1], &result);
    assert_int_equal(result.exit, 1);
    assert_string_equal(result.err, "tlsrpt-test: standard output: Broken pipe\n");
    run("lines", input, length, ends[1], &result); /* more than the buffer: it stops early */
    assert_int_equal(result.exit, 1);
    assert_string_equal(result.err, "tlsrpt-test: standard output cannot be written\n");
    close(ends[1]);
    free(input);
}

static void a_line_may_hold_nul(void **state)
{
    struct result result;
    (void)state;
    run("lines", "a\0b\n", 4, -1, &result);
    assert_int_equal(result.exit, 0);
    assert_memory_equal(result.out, "1[3]a", 5);
}

/* ---- the tables ---- */

static void help_shows_everything(void **state)
{
    struct result result;
    const char *const parts[] = {
        "Usage: tlsrpt-test ",
        " steady stopped broken wrong early ready\n",
        "  lines [FILE]\n      prints lines\n",
        "  https.verify              strict, fallback, off [fallback]\n",
        "78 configuration",
    };
    (void)state;
    run("--help", "", 0, -1, &result);
    assert_int_equal(result.exit, 0);
    for (size_t i = 0; i < NELEMS(parts); i++)
        if (!strstr(result.out, parts[i]))
            fail_msg("%s: not in %s", parts[i], result.out);
}

static void check_prints_the_configuration(void **state)
{
    struct result result;
    (void)state;
    run(KAFKA "--check -o smtp.tls=none --jobs steady", "", 0, -1, &result);
    assert_int_equal(result.exit, 0);
    assert_non_null(strstr(result.out, "smtp.tls = none  # -o\n"));
    assert_non_null(strstr(result.out, "https.timeout = 60s  # default\n"));
    run(KAFKA "--check -o smtp.user=x", "", 0, -1, &result);
    assert_int_equal(result.exit, 78);
    assert_string_equal(result.out, "");
}

static void markdown_prints_one_table(void **state)
{
    struct result result;
    (void)state;
    run("--markdown keys", "", 0, -1, &result);
    assert_memory_equal(result.out, "| key | value |", 15);
    run("--markdown metrics", "", 0, -1, &result);
    assert_memory_equal(result.out, "| metric | type |", 17);
    assert_non_null(
        strstr(result.out, "| `tlsrpt_test_total` | counter |  | a metric of the test |\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_job_named_means_all),
        cmocka_unit_test(a_log_level_is_obeyed),
        cmocka_unit_test(filters_log_less),
        cmocka_unit_test(a_full_disk_is_a_failure),
        cmocka_unit_test(a_reader_that_left_is_a_failure),
        cmocka_unit_test(a_line_may_hold_nul),
        cmocka_unit_test(help_shows_everything),
        cmocka_unit_test(check_prints_the_configuration),
        cmocka_unit_test(markdown_prints_one_table),
    };
    return RUN_ROWS("program output", output_row, rows) +
           RUN_ROWS("program jobs", job_row_run, job_rows) +
           cmocka_run_group_tests_name("program", tests, NULL, NULL);
}
