#include "tests/support/unit.h"

#include <sys/wait.h>
#include <unistd.h>

#include "common/memory.h"

static void allocation_is_zeroed(void **state)
{
    (void)state;
    unsigned char *bytes = malloc(100); /* what is used again has something in it */
    assert_non_null(bytes);
    memset(bytes, 'x', 100);
    free(bytes);
    bytes = mem_alloc(100);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(bytes[i], 0);
    free(bytes);
    void *nothing = mem_alloc(0);
    assert_non_null(nothing);
    free(nothing);
}

static void copies_end_with_nul(void **state)
{
    (void)state;
    char *copy = mem_copy("ab\0cd", 5);
    assert_memory_equal(copy, "ab\0cd", 6);
    free(copy);
    copy = mem_copy(NULL, 0);
    assert_string_equal(copy, "");
    free(copy);
}

static void text_of_null_is_null(void **state)
{
    (void)state;
    assert_null(mem_text(NULL));
    char *text = mem_text("x");
    assert_string_equal(text, "x");
    free(text);
}

static void prints(void **state)
{
    (void)state;
    char *text = mem_printf("%s/%d", "a", 12);
    assert_string_equal(text, "a/12");
    free(text);
}

static void resize_keeps_content(void **state)
{
    (void)state;
    char *text = mem_copy("abc", 3);
    text = mem_resize(text, 1000, 10);
    assert_string_equal(text, "abc");
    text = mem_resize(text, 0, 10);
    assert_non_null(text);
    free(text);
}

/* In a child, because it ends the process. */
static void overflow_ends_the_process(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(STDERR_FILENO);
        void *memory = mem_resize(NULL, SIZE_MAX / 2 + 1, 2); /* 0 if it wrapped */
        free(memory);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
}

static void check_passes_what_is_there(void **state)
{
    (void)state;
    int something = 0;
    assert_ptr_equal(mem_check(&something), &something);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocation_is_zeroed),      cmocka_unit_test(copies_end_with_nul),
        cmocka_unit_test(text_of_null_is_null),      cmocka_unit_test(prints),
        cmocka_unit_test(resize_keeps_content),      cmocka_unit_test(check_passes_what_is_there),
        cmocka_unit_test(overflow_ends_the_process),
    };
    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
