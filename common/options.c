#include "common/options.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"

static bool flag_take(struct options *options, const char *flag)
{
    static const struct {
        const char *name;
        enum options_action action;
    } flags[] = {{"--help", OPTIONS_HELP},
                 {"-h", OPTIONS_HELP},
                 {"--version", OPTIONS_VERSION},
                 {"--check", OPTIONS_CHECK}};
    for (size_t i = 0; i < NELEMS(flags); i++)
        if (strcmp(flags[i].name, flag) == 0) {
            options->action = flags[i].action;
            return true;
        }
    return false;
}

static void take_file(struct options *options, const char *value)
{
    text_list_take(&options->files, mem_text(value));
}

static void take_assignment(struct options *options, const char *value)
{
    text_list_take(&options->assignments, mem_text(value));
}

static void take_jobs(struct options *options, const char *value)
{
    text_list_take(&options->assignments, mem_printf("jobs=%s", value));
}

static void take_markdown(struct options *options, const char *value)
{
    options->action = OPTIONS_MARKDOWN;
    options->markdown = value;
}

/* An option with a value. How many of argv it took; 0: it is none of ours; -1: its value is
 * missing. */
static int value_take(struct options *options, char **argv, int left, struct error *err)
{
    static const struct {
        const char *name;
        void (*take)(struct options *options, const char *value);
    } takers[] = {{"-c", take_file},
                  {"-o", take_assignment},
                  {"--jobs", take_jobs},
                  {"--markdown", take_markdown}};
    for (size_t i = 0; i < NELEMS(takers); i++) {
        if (strcmp(takers[i].name, argv[0]) != 0)
            continue;
        if (left < 2)
            return error_set(err, ERROR_CONFIG, "%s wants a value", argv[0]);
        takers[i].take(options, argv[1]);
        return 2;
    }
    return 0;
}

static void argument_take(struct options *options, char *argument)
{
    if (options->verb)
        options->arguments[options->argument_count++] = argument;
    else
        options->verb = argument;
}

static void foreign_take(struct options *options, char *argument)
{
    argument_take(options, argument);
    if (!options->foreign)
        options->foreign = argument;
}

/* "-" behind a verb is standard input. */
static bool is_argument(const struct options *options, const char *text)
{
    return text[0] != '-' || (!text[1] && options->verb);
}

int options_parse(struct options *options, int argc, char **argv, struct error *err)
{
    bool only_arguments = false;
    options->arguments = mem_alloc(((size_t)argc + 1) * sizeof(*options->arguments));
    for (int i = 1; i < argc; i++) {
        if (!only_arguments && strcmp(argv[i], "--") == 0) {
            only_arguments = true;
            continue;
        }
        if (only_arguments || is_argument(options, argv[i])) {
            argument_take(options, argv[i]);
            continue;
        }
        int taken = value_take(options, argv + i, argc - i, err);
        if (taken < 0)
            return -1;
        if (taken > 0)
            i += taken - 1;
        else if (flag_take(options, argv[i]))
            continue;
        else if (!options->verb)
            return error_set(err, ERROR_CONFIG, "no option %s", argv[i]);
        else
            foreign_take(options, argv[i]);
    }
    return 0;
}

void options_free(struct options *options)
{
    text_list_free(&options->files);
    text_list_free(&options->assignments);
    free(options->arguments);
}
