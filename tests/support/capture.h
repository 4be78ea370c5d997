/* capture: what the process writes to stderr, read back from a file without a name. */
#ifndef TESTS_SUPPORT_CAPTURE_H
#define TESTS_SUPPORT_CAPTURE_H

#include <sys/mman.h>
#include <unistd.h>

#include "tests/support/unit.h"

static inline int capture_begin(int *saved)
{
    int file = memfd_create("stderr", MFD_CLOEXEC);
    *saved = dup(STDERR_FILENO);
    assert_true(file >= 0 && *saved >= 0);
    assert_true(dup2(file, STDERR_FILENO) >= 0);
    return file;
}

static inline void capture_end(int file, int saved, char *text, size_t room_bytes)
{
    dup2(saved, STDERR_FILENO);
    close(saved);
    ssize_t length = pread(file, text, room_bytes - 1, 0);
    assert_true(length >= 0);
    text[length] = '\0';
    close(file);
}

#endif
