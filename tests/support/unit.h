/* unit: cmocka with its include order, and table rows as named tests. */
#ifndef TESTS_SUPPORT_UNIT_H
#define TESTS_SUPPORT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

#include <stdlib.h>
#include <string.h>

/* One row as one test: named by row->name, the row itself is *state. row is borrowed. */
#define TEST_ROW(function, row)                                                                    \
    ((struct CMUnitTest){(row)->name, (function), NULL, NULL, (void *)(uintptr_t)(row)})

/* Runs function once for each row; every row's first member is `const char *name`. Returns the
 * number of failures, so that main() can add up several groups. */
#define RUN_ROWS(group, function, rows)                                                            \
    unit_run_rows((group), (function), (rows), sizeof(rows) / sizeof((rows)[0]), sizeof((rows)[0]))

static inline int unit_run_rows(const char *group, CMUnitTestFunction function, const void *rows,
                                size_t count, size_t row_bytes)
{
    struct CMUnitTest *tests = calloc(count, sizeof(*tests));
    if (!tests)
        abort();
    for (size_t i = 0; i < count; i++) {
        const char *row = (const char *)rows + i * row_bytes;
        const char *name = NULL;
        memcpy(&name, row, sizeof(name));
        tests[i] = (struct CMUnitTest){name, function, NULL, NULL, (void *)(uintptr_t)row};
    }
    int failed = _cmocka_run_group_tests(group, tests, count, NULL, NULL);
    free(tests);
    return failed;
}

#endif
