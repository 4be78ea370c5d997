/* shown: what /metrics would show. */
#ifndef TESTS_SUPPORT_SHOWN_H
#define TESTS_SUPPORT_SHOWN_H

#include <stdbool.h>
#include <string.h>

#include "common/metrics.h"
#include "common/text.h"

/* Whether series, or the begin of one with its value, is among it. */
static inline bool shown(const char *series)
{
    struct buffer out = {0};
    metrics_render(&out);
    bool found = strstr(out.bytes, series);
    buffer_free(&out);
    return found;
}

#endif
