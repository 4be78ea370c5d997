/* options: what stands on a program's command line. */
#ifndef COMMON_OPTIONS_H
#define COMMON_OPTIONS_H

#include "common/error.h"
#include "common/text.h"

enum options_action {
    OPTIONS_RUN,
    OPTIONS_HELP,
    OPTIONS_VERSION,
    OPTIONS_CHECK,
    OPTIONS_MARKDOWN,
};

/* Zero it to begin; strings outside the lists are borrowed from argv. */
struct options {
    enum options_action action;
    struct text_list files;       /* -c */
    struct text_list assignments; /* -o, --jobs as jobs=LIST */
    const char *markdown;         /* which table; MARKDOWN only */
    const char *verb;             /* NULL: none */
    char **arguments;             /* the verb's */
    int argument_count;
    const char *foreign; /* the first of them that looks like an option; NULL: none does */
};

/* Options of the program stand before or after the verb; what else begins with a dash after it is
 * the verb's. After "--" nothing is an option. ERROR_CONFIG if one is unknown or lacks its value;
 * options is to be freed then too. */
int options_parse(struct options *options, int argc, char **argv, struct error *err) MUST_USE;
void options_free(struct options *options);

#endif
