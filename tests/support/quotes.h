/* quotes: JSON in C without backslashes: ' stands for ". */
#ifndef TESTS_SUPPORT_QUOTES_H
#define TESTS_SUPPORT_QUOTES_H

#include "common/memory.h"

static inline char *with_quotes(const char *text) /* owned by the caller */
{
    char *copy = mem_text(text);
    for (char *p = copy; *p; p++)
        if (*p == '\'')
            *p = '"';
    return copy;
}

#endif
