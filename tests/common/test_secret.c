#include "common/secret.h"

#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/memory.h"
#include "common/text.h"
#include "tests/support/unit.h"

#define MOST 65536

/* A file that file_remove ends. */
static char *file_write(const char *bytes, size_t length, mode_t mode)
{
    char *path = mem_text("/tmp/test_secret.XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, length), length);
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(close(fd), 0);
    return path;
}

static void file_remove(char *path)
{
    assert_int_equal(unlink(path), 0);
    free(path);
}

/* ---- what stands in it ---- */

static const struct row {
    const char *name, *content;
    size_t length;
    const char *want;      /* NULL: refused */
    const char *complaint; /* what follows the path */
} rows[] = {
    {"as it is", "s3cret", 6, "s3cret", NULL},
    {"the last newline goes", "s3cret\n", 7, "s3cret", NULL},
    {"only the last", "s3cret\n\n", 8, "s3cret\n", NULL},
    {"CRLF", "s3cret\r\n", 8, "s3cret", NULL},
    {"a CR alone stays", "s3cret\r", 7, "s3cret\r", NULL},
    {"blanks stay", " s3 cret ", 9, " s3 cret ", NULL},
    {"empty", "", 0, NULL, ": empty"},
    {"only a newline", "\n", 1, NULL, ": empty"},
    {"only CRLF", "\r\n", 2, NULL, ": empty"},
    {"NUL", "s3\0cret", 7, NULL, ": has a NUL byte"},
    {"NUL before the last newline", "s3cret\0\n", 8, NULL, ": has a NUL byte"},
};

static void row_run(void **state)
{
    const struct row *row = *state;
    struct error err = {0};
    char untouched[] = "untouched";
    char *secret = untouched;
    char *path = file_write(row->content, row->length, 0600);
    int result = secret_read(path, &secret, &err);
    assert_string_equal(secret, row->want ? row->want : untouched);
    assert_int_equal(result, row->want ? 0 : -1);
    assert_int_equal(err.kind, row->want ? ERROR_NONE : ERROR_RETRY);
    if (row->complaint)
        assert_string_equal(err.text + strlen(path), row->complaint);
    if (row->want)
        free(secret);
    file_remove(path);
}

static void a_secret_has_its_bounds(void **state)
{
    struct error err = {0};
    char *content = mem_alloc(MOST + 1);
    char *secret = NULL;
    (void)state;
    memset(content, 'x', MOST + 1);
    char *most = file_write(content, MOST, 0600);
    char *more = file_write(content, MOST + 1, 0600);
    assert_int_equal(secret_read(most, &secret, &err), 0);
    assert_int_equal(strlen(secret), MOST);
    free(secret);
    secret = NULL;
    assert_int_equal(secret_read(more, &secret, &err), -1);
    assert_null(secret);
    assert_int_equal(err.kind, ERROR_RETRY);
    assert_string_equal(err.text + strlen(more), ": more than 65536 bytes");
    file_remove(most);
    file_remove(more);
    free(content);
}

static void what_cannot_be_read_may_come_back(void **state)
{
    struct error err = {0};
    char *secret = NULL;
    (void)state;
    assert_int_equal(secret_read("/nonexistent", &secret, &err), -1);
    assert_string_equal(err.text, "/nonexistent: No such file or directory");
    assert_int_equal(err.kind, ERROR_RETRY);
    assert_int_equal(secret_read("/tmp", &secret, &err), -1);
    assert_string_equal(err.text, "/tmp: Is a directory");
    assert_int_equal(err.kind, ERROR_RETRY);
    assert_null(secret);
}

/* ---- whether it keeps it ---- */

static const struct mode_row {
    const char *name;
    mode_t mode;
    const char *complaint;
} mode_rows[] = {
    {"the owner's", 0600, NULL},
    {"its group may read it", 0640, NULL},
    {"others may do anything but read it", 0643, NULL},
    {"others may read it", 0604, "can be read by everybody (chmod o-r)"},
};

static void mode_row_run(void **state)
{
    const struct mode_row *row = *state;
    char *path = file_write("s3cret", 6, row->mode);
    const char *complaint = secret_judge(path);
    assert_int_equal(text_compare(complaint, row->complaint), 0);
    file_remove(path);
}

static void what_is_no_file_keeps_none(void **state)
{
    (void)state;
    assert_string_equal(secret_judge("/nonexistent"), "No such file or directory");
    assert_string_equal(secret_judge("/tmp"), "is not a file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_has_its_bounds),
        cmocka_unit_test(what_cannot_be_read_may_come_back),
        cmocka_unit_test(what_is_no_file_keeps_none),
    };
    return RUN_ROWS("secret content", row_run, rows) +
           RUN_ROWS("secret modes", mode_row_run, mode_rows) +
           cmocka_run_group_tests_name("secret", tests, NULL, NULL);
}
