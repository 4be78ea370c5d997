#include "common/memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Nothing that needs memory, and no exit handlers: other threads are still at work. */
void mem_exhausted(void)
{
    static const char message[] = "out of memory\n";
    ssize_t ignored = write(STDERR_FILENO, message, sizeof(message) - 1);
    (void)ignored;
    _exit(1);
}

void *mem_check(void *memory)
{
    if (!memory)
        mem_exhausted();
    return memory;
}

void *mem_alloc(size_t size_bytes)
{
    return mem_check(calloc(1, size_bytes ? size_bytes : 1));
}

void *mem_resize(void *memory, size_t count, size_t size_bytes)
{
    size_t total_bytes = 0;
    if (__builtin_mul_overflow(count, size_bytes, &total_bytes))
        mem_exhausted();
    return mem_check(realloc(memory, total_bytes ? total_bytes : 1));
}

char *mem_copy(const void *bytes, size_t length_bytes)
{
    if (length_bytes == SIZE_MAX)
        mem_exhausted();
    char *copy = mem_check(malloc(length_bytes + 1));
    if (length_bytes)
        memcpy(copy, bytes, length_bytes);
    copy[length_bytes] = '\0';
    return copy;
}

char *mem_text(const char *text)
{
    return text ? mem_copy(text, strlen(text)) : NULL;
}

char *mem_printf(const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    return mem_check(length < 0 ? NULL : text);
}
