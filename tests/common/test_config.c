#include "common/config.h"

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/memory.h"
#include "tests/support/fake_tls.h"
#include "tests/support/unit.h"

/* A file in a directory of its own, so that messages name it "tlsrpt.conf"; removed by
 * folder_remove. */
static char *folder_new(void)
{
    char *folder = mem_text("/tmp/test_config.XXXXXX");
    assert_non_null(mkdtemp(folder));
    return folder;
}

static char *file_write(const char *folder, const char *name, const char *bytes, size_t length,
                        mode_t mode)
{
    char *path = mem_printf("%s/%s", folder, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
    return path;
}

static void folder_remove(char *folder, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char *path = mem_printf("%s/%s", folder, names[i]);
        unlink(path);
        free(path);
    }
    assert_int_equal(rmdir(folder), 0);
    free(folder);
}

/* ---- a file, read by one program: the complaint, or NULL ---- */

static const struct file_row {
    const char *name, *text, *complaint; /* what follows the path */
} file_rows[] = {
    {"empty", "", NULL},
    {"comments and blank lines", "# one\n\n   # two\n\t\n", NULL},
    {"a value", "report.grace = 90s\n", NULL},
    {"no newline at the end", "report.grace = 90s", NULL},
    {"no blanks", "report.grace=90s\n", NULL},
    {"CRLF", "report.grace = 90s\r\n# x\r\nreport.spread = 1h\r\n", NULL},
    {"byte order mark", "\xef\xbb\xbfreport.grace = 90s\n", NULL},
    {"a key of another program", "https.timeout = 5s\nelastic.url = http://a.example:9200\n", NULL},
    {"a property of librdkafka", "kafka.bootstrap.servers = a:9092\n", NULL},
    {"a hash inside a value", "topics.prefix = a#b\n",
     "%s:1: topics.prefix: \"a#b\" may have "
     "letters, digits, dot, dash and underscore only"},
    {"no equals sign", "# c\nreport.grace\n", "%s:2: \"report.grace\" is not key = value"},
    {"no duration", "\nreport.grace = 1x # why\n",
     "%s:2: report.grace: \"1x\" is not a duration (90s, 5m, 1h, 7d)"},
    {"a key of another program is judged by its type", "https.timeout = soon\n",
     "%s:1: https.timeout: \"soon\" is not a duration (90s, 5m, 1h, 7d)"},
    {"unknown key", "frobnicate = 1\n", "%s:1: frobnicate: unknown key (--help lists them all)"},
    {"a slip of the finger", "report.grase = 1h\n",
     "%s:1: report.grase: unknown key; did you mean report.grace?"},
    {"a key twice", "report.grace = 1h\n\nreport.grace = 2h\n",
     "%s:3: report.grace: set already at %s:1"},
    {"a property twice", "kafka.a = 1\nkafka.a = 1\n", "%s:2: kafka.a: set already at %s:1"},
    {"the group is not the user's", "kafka.group.id = x\n",
     "%s:1: kafka.group.id: not yours to set: the exactly-once loop decides it"},
    {"both a property and its file", "kafka.sasl.password = a\nkafka.sasl.password_file = /x\n",
     "%s:2: kafka.sasl.password_file: \"/x\" is one of two: the property itself is set too"},
    {"the file of a property is not there", "kafka.sasl.password_file = /nonexistent/x\n",
     "%s:1: kafka.sasl.password_file: \"/nonexistent/x\" No such file or directory"},
};

/* complaint with every %s the path */
static char *complaint_expand(const char *complaint, const char *path)
{
    struct buffer text = {0};
    for (const char *c = complaint; *c; c++) {
        if (c[0] == '%' && c[1] == 's') {
            buffer_text(&text, path);
            c++;
        } else {
            buffer_add(&text, c, 1);
        }
    }
    return buffer_take(&text);
}

static void file_row_run(void **state)
{
    const struct file_row *row = *state;
    const char *const names[] = {"tlsrpt.conf"};
    char *folder = folder_new();
    char *path = file_write(folder, "tlsrpt.conf", row->text, strlen(row->text), 0600);
    struct config *config = config_new(CONFIG_AGGREGATOR);
    struct error err = {0};
    int result = config_read_file(config, path, &err);
    if (result == 0)
        result = config_finish(config, &err);
    config_free(&config);
    folder_remove(folder, names, 1);
    char *want = complaint_expand(row->complaint ? row->complaint : "", path);
    assert_string_equal(err.text, want);
    assert_int_equal(result, row->complaint ? -1 : 0);
    assert_int_equal(err.kind, row->complaint ? ERROR_CONFIG : ERROR_NONE);
    free(want);
    free(path);
}

/* ---- one assignment in one program: judged by config_set or config_finish ---- */

static const struct judge_row {
    const char *name;
    enum config_program program;
    const char *assignment;
    const char *item, *complaint; /* of which item; NULL: none */
} judge_rows[] = {
    {"a text", CONFIG_SENDER, "instance=tlsrpt-sender-0", NULL, NULL},
    {"a bad text", CONFIG_SENDER, "instance=a b", "a b",
     "may have letters, digits, dot, dash and underscore only"},
    {"a list", CONFIG_SENDER, "https.ports=443,8443", NULL, NULL},
    {"the second item is bad", CONFIG_SENDER, "https.ports=443 65536 x", "65536", "is not a port"},
    {"not judged elsewhere", CONFIG_PRODUCER, "egress.deny=x", NULL, NULL},
    {"authorities of receivers that are not there", CONFIG_SENDER, "https.ca_file=/nonexistent",
     "/nonexistent", "cannot be read"},
    {"authorities of Elasticsearch, but nothing in it", CONFIG_PRODUCER,
     "elastic.ca_file=/dev/null", "/dev/null", "holds no PEM certificate"},
    {"authorities of Elasticsearch that are not there", CONFIG_PRODUCER,
     "elastic.ca_file=/nonexistent", "/nonexistent", "cannot be read"},
    {"an authority's file of other text", CONFIG_SENDER, "https.ca_file=README.md", "README.md",
     "holds no PEM certificate"},
    {"an authority's directory", CONFIG_PRODUCER, "elastic.ca_file=/tmp", "/tmp",
     "holds no PEM certificate"},
    {"a secret that is not there", CONFIG_SENDER, "dkim.key_file=/nonexistent", "/nonexistent",
     "No such file or directory"},
    {"a secret that is a directory", CONFIG_SENDER, "dkim.key_file=/tmp", "/tmp", "is not a file"},
    {"another program's secret", CONFIG_PRODUCER, "dkim.key_file=/nonexistent", NULL, NULL},
};

static void judge_row_run(void **state)
{
    const struct judge_row *row = *state;
    struct config *config = config_new(row->program);
    struct error err = {0};
    char want[400] = "";
    int key_bytes = (int)strcspn(row->assignment, "=");
    if (row->complaint)
        snprintf(want, sizeof(want), "-o: %.*s: \"%s\" %s", key_bytes, row->assignment, row->item,
                 row->complaint);
    assert_int_equal(config_set(config, row->assignment, &err), 0);
    int result = config_finish(config, &err);
    config_free(&config);
    assert_string_equal(err.text, want);
    assert_int_equal(result, row->complaint ? -1 : 0);
}

/* ---- single facts ---- */

/* A key is PEM too, and vouches for nobody. */
static void authorities_are_certificates(void **state)
{
    (void)state;
    struct error err;
    struct fake_tls *tls = fake_tls_new("target.example", FAKE_TLS_GOOD);
    const char *const files[] = {fake_tls_ca_file(tls), fake_tls_key(tls)};
    for (size_t i = 0; i < NELEMS(files); i++) {
        struct config *config = config_new(CONFIG_SENDER);
        char *assignment = mem_printf("https.ca_file=%s", files[i]);
        assert_int_equal(config_set(config, assignment, &err), 0);
        assert_int_equal(config_finish(config, &err), i == 0 ? 0 : -1);
        assert_true(i == 0 || err.kind == ERROR_CONFIG);
        config_free(&config);
        free(assignment);
    }
    fake_tls_free(&tls);
}

static void values_have_their_types(void **state)
{
    struct error err = {0};
    struct config *config = config_new(CONFIG_AGGREGATOR);
    (void)state;
    assert_int_equal(config_duration_ms(config, "report.grace"), 3600000);
    assert_false(config_is_set(config, "report.grace"));
    assert_null(config_text(config, "report.contact_info"));
    assert_int_equal(config_list(config, "report.exclude_domains")->count, 0);
    assert_int_equal(config_list(config, "retry.delays")->count, 7);
    assert_int_equal(config_set(config, " report.grace = 90s ", &err), 0);
    assert_int_equal(config_set(config, "report.max_details=17", &err), 0);
    assert_int_equal(config_set(config, "report.contact_info=a@b.example", &err), 0);
    assert_int_equal(config_set(config, "report.exclude_domains=a,b\tc", &err), 0);
    assert_int_equal(config_set(config, "report.organization_name=Wahl & Söhne #1", &err), 0);
    assert_int_equal(config_duration_ms(config, "report.grace"), 90000);
    assert_true(config_is_set(config, "report.grace"));
    assert_int_equal(config_integer(config, "report.max_details"), 17);
    assert_string_equal(config_text(config, "report.contact_info"), "a@b.example");
    assert_string_equal(config_text(config, "report.sending_ip"), "full");
    assert_string_equal(config_text(config, "report.organization_name"), "Wahl & Söhne #1");
    assert_int_equal(config_list(config, "report.exclude_domains")->count, 3);
    assert_string_equal(config_list(config, "report.exclude_domains")->items[2], "c");
    config_free(&config);
    config_free(&config);
}

static void a_refused_value_changes_nothing(void **state)
{
    struct error err = {0};
    struct config *config = config_new(CONFIG_AGGREGATOR);
    (void)state;
    assert_int_equal(config_set(config, "report.grace=5m", &err), 0);
    assert_int_equal(config_set(config, "report.grace=1x", &err), -1);
    assert_string_equal(err.text, "-o: report.grace: \"1x\" is not a duration (90s, 5m, 1h, 7d)");
    assert_int_equal(config_duration_ms(config, "report.grace"), 300000);
    config_free(&config);
}

static void complaints_name_the_place(void **state)
{
    struct error err = {0};
    struct config *config = config_new(CONFIG_AGGREGATOR);
    (void)state;
    assert_int_equal(config_complain(config, "report.late", &err, "is under %d", 5), -1);
    assert_string_equal(err.text, "default: report.late: is under 5");
    assert_int_equal(err.kind, ERROR_CONFIG);
    assert_int_equal(config_set(config, "report.late=2h", &err), 0);
    assert_int_equal(config_complain(config, "report.late", &err, "is odd"), -1);
    assert_string_equal(err.text, "-o: report.late: is odd");
    config_free(&config);
}

static void later_sources_win(void **state)
{
    const char *const names[] = {"a.conf", "b.conf"};
    struct error err = {0};
    char *folder = folder_new();
    char *a =
        file_write(folder, "a.conf", "report.grace=1m\nreport.spread=1m\nreport.late=1h", 47, 0600);
    char *b = file_write(folder, "b.conf", "report.spread=2m\n", 17, 0600);
    struct config *config = config_new(CONFIG_AGGREGATOR);
    (void)state;
    assert_int_equal(config_read_file(config, a, &err), 0);
    assert_int_equal(config_read_file(config, b, &err), 0);
    assert_int_equal(config_set(config, "report.late=2h", &err), 0);
    assert_int_equal(config_set(config, "report.late=3h", &err), 0);
    assert_int_equal(config_duration_ms(config, "report.grace"), 60000);
    assert_int_equal(config_duration_ms(config, "report.spread"), 120000);
    assert_int_equal(config_duration_ms(config, "report.late"), 10800000);
    config_free(&config);
    folder_remove(folder, names, 2);
    free(a);
    free(b);
}

static void files_that_cannot_be_read(void **state)
{
    const char *const names[] = {"nul.conf"};
    struct error err = {0};
    char *folder = folder_new();
    char *path = file_write(folder, "nul.conf", "report.grace = 1h\0x\n", 20, 0600);
    struct config *config = config_new(CONFIG_AGGREGATOR);
    (void)state;
    assert_int_equal(config_read_file(config, "/nonexistent/tlsrpt.conf", &err), -1);
    assert_string_equal(err.text, "/nonexistent/tlsrpt.conf: No such file or directory");
    assert_int_equal(err.kind, ERROR_CONFIG);
    assert_int_equal(config_read_file(config, "/tmp", &err), -1);
    assert_string_equal(err.text, "/tmp: Is a directory");
    assert_int_equal(config_read_file(config, path, &err), -1);
    assert_string_equal(err.text + strlen(path), ":1: a NUL byte");
    config_free(&config);
    folder_remove(folder, names, 1);
    free(path);
}

/* ---- secrets ---- */

static void secrets_rotate_and_stay_private(void **state)
{
    const char *const names[] = {"secret"};
    struct error err = {0};
    char *folder = folder_new();
    char *path = file_write(folder, "secret", "one", 3, 0604);
    char *assignment = mem_printf("smtp.password_file=%s", path);
    char *secret = path; /* anything that is not NULL */
    struct config *config = config_new(CONFIG_SENDER);
    (void)state;
    assert_int_equal(config_secret(config, "smtp.password_file", &secret, &err), 0);
    assert_null(secret); /* unset */
    assert_int_equal(config_set(config, assignment, &err), 0);
    assert_int_equal(config_finish(config, &err), -1);
    assert_non_null(strstr(err.text, "can be read by everybody (chmod o-r)"));
    free(file_write(folder, "secret", "two", 3, 0600));
    assert_int_equal(config_finish(config, &err), 0);
    assert_int_equal(config_secret(config, "smtp.password_file", &secret, &err), 0);
    assert_string_equal(secret, "two");
    free(secret);
    folder_remove(folder, names, 1);
    secret = NULL;
    assert_int_equal(config_secret(config, "smtp.password_file", &secret, &err), -1);
    assert_int_equal(err.kind, ERROR_RETRY);
    assert_null(secret);
    config_free(&config);
    free(assignment);
    free(path);
}

/* ---- librdkafka's properties ---- */

static int collect(void *context, const char *name, const char *value, struct error *err)
{
    if (strcmp(name, "stop") == 0)
        return error_set(err, ERROR_CONFIG, "stopped");
    buffer_printf(context, "%s=%s;", name, value);
    return 0;
}

static void properties_are_passed_on(void **state)
{
    const char *const names[] = {"secret"};
    struct error err = {0};
    struct buffer seen = {0};
    char *folder = folder_new();
    char *path = file_write(folder, "secret", "pw\n", 3, 0600);
    char *assignment = mem_printf("kafka.sasl.password_file=%s", path);
    struct config *config = config_new(CONFIG_SENDER);
    (void)state;
    assert_false(config_is_set(config, "kafka.bootstrap.servers"));
    assert_int_equal(config_set(config, "kafka.bootstrap.servers=a:1,b:2", &err), 0);
    assert_int_equal(config_set(config, assignment, &err), 0);
    assert_int_equal(config_set(config, "kafka.bootstrap.servers=c:3", &err), 0);
    assert_int_equal(config_finish(config, &err), 0);
    assert_true(config_is_set(config, "kafka.bootstrap.servers"));
    assert_int_equal(config_each_kafka(config, collect, &seen, &err), 0);
    assert_string_equal(seen.bytes, "bootstrap.servers=c:3;sasl.password=pw;");
    assert_int_equal(config_set(config, "kafka.stop=1", &err), 0);
    assert_int_equal(config_each_kafka(config, collect, &seen, &err), -1);
    assert_string_equal(err.text, "-o: kafka.stop: stopped");
    buffer_free(&seen);
    config_free(&config);
    folder_remove(folder, names, 1);
    free(assignment);
    free(path);
}

/* ---- showing ---- */

static void the_effective_configuration_has_no_secret(void **state)
{
    struct error err = {0};
    char *text = NULL;
    size_t length;
    struct config *config = config_new(CONFIG_SENDER);
    (void)state;
    assert_int_equal(config_set(config, "kafka.sasl.password=hunter2", &err), 0);
    assert_int_equal(config_set(config, "kafka.ssl.key.pem=hunter2", &err), 0);
    assert_int_equal(config_set(config, "kafka.sasl.username=me", &err), 0);
    assert_int_equal(config_set(config, "smtp.user=me", &err), 0);
    assert_int_equal(config_set(config, "smtp.password_file=/etc/tlsrpt/relay", &err), 0);
    FILE *out = open_memstream(&text, &length);
    config_print_effective(config, out);
    fclose(out);
    assert_null(strstr(text, "hunter2"));
    assert_non_null(strstr(text, "kafka.sasl.password = (redacted)  # -o\n"));
    assert_non_null(strstr(text, "kafka.sasl.username = me  # -o\n"));
    assert_non_null(strstr(text, "smtp.user = me  # -o\n"));
    assert_non_null(strstr(text, "smtp.password_file = /etc/tlsrpt/relay  # -o\n"));
    assert_non_null(strstr(text, "smtp.tls = required  # default\n"));
    assert_non_null(strstr(text, "# smtp.relay is not set\n"));
    assert_null(strstr(text, "scan.interval"));
    config_free(&config);
    free(text);
}

/* ---- our own bugs end the process ---- */

static void bug_unknown(const struct config *config)
{
    config_text(config, "no.such.key");
}
static void bug_type(const struct config *config)
{
    config_integer(config, "report.grace");
}
static void bug_program(const struct config *config)
{
    config_duration_ms(config, "https.timeout");
}

static const struct bug {
    const char *name;
    void (*run)(const struct config *config);
} bugs[] = {
    {"an unknown name", bug_unknown},
    {"the wrong type", bug_type},
    {"a key of another program", bug_program},
};

static void bug_row(void **state)
{
    const struct bug *bug = *state;
    int status;
    pid_t child = fork();
    if (child == 0) {
        close(STDERR_FILENO);
        bug->run(config_new(CONFIG_AGGREGATOR));
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_have_their_types),
        cmocka_unit_test(authorities_are_certificates),
        cmocka_unit_test(a_refused_value_changes_nothing),
        cmocka_unit_test(complaints_name_the_place),
        cmocka_unit_test(later_sources_win),
        cmocka_unit_test(files_that_cannot_be_read),
        cmocka_unit_test(secrets_rotate_and_stay_private),
        cmocka_unit_test(properties_are_passed_on),
        cmocka_unit_test(the_effective_configuration_has_no_secret),
    };
    return RUN_ROWS("config files", file_row_run, file_rows) +
           RUN_ROWS("config values", judge_row_run, judge_rows) +
           cmocka_run_group_tests_name("config", tests, NULL, NULL) +
           RUN_ROWS("config bugs", bug_row, bugs);
}
