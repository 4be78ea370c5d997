/* settings: a configuration from one text, for tables of tests. */
#ifndef TESTS_SUPPORT_SETTINGS_H
#define TESTS_SUPPORT_SETTINGS_H

#include <stdlib.h>
#include <string.h>

#include "common/config.h"
#include "common/memory.h"
#include "tests/support/unit.h"

/* Assignments are divided by "|". The whole is not checked (config_finish), so that no file has to
 * exist. Owned by the caller. */
static inline struct config *settings_config(enum config_program program, const char *assignments)
{
    struct config *config = config_new(program);
    struct error err;
    char *copy = mem_text(assignments), *rest = copy;
    for (char *part = strsep(&rest, "|"); part; part = strsep(&rest, "|"))
        if (*part && config_set(config, part, &err) < 0)
            fail_msg("%s", err.text);
    free(copy);
    return config;
}

#endif
