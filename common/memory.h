/* memory: allocation that never fails: out of memory ends the process with exit 1. */
#ifndef COMMON_MEMORY_H
#define COMMON_MEMORY_H

#include <stddef.h>

/* The caller owns what is returned and frees it with free(). */
void *mem_alloc(size_t size_bytes); /* zeroed */
void *mem_resize(void *memory, size_t count,
                 size_t size_bytes);                    /* overflow checked; new part undefined */
char *mem_copy(const void *bytes, size_t length_bytes); /* adds a terminating NUL */
char *mem_text(const char *text);                       /* NULL gives NULL */
/* What another library allocated, unchanged; NULL ends the process. */
void *mem_check(void *memory);
_Noreturn void mem_exhausted(void);
char *mem_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define NELEMS(array) (sizeof(array) / sizeof((array)[0]))

#endif
