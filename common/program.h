/* program: what the three programs share: options, configuration, verbs, jobs as threads, signals,
 * exit codes. */
#ifndef COMMON_PROGRAM_H
#define COMMON_PROGRAM_H

#include <stdbool.h>
#include <stdio.h>

#include "common/config.h"
#include "common/error.h"
#include "common/metrics.h"

enum program_exit {
    PROGRAM_OK = 0,
    PROGRAM_FATAL = 1, /* restart me */
    PROGRAM_USAGE = 2, /* also: a verb that is not there yet */
    PROGRAM_CONFIG = 78,
};

/* A job: runs in a thread of its own until shutdown_requested(). 0: stopped as asked; -1: the
 * process ends, with 78 for ERROR_CONFIG, otherwise 1. */
struct job {
    const char *name; /* NULL ends the list */
    int (*run)(const struct config *config, struct error *err);
};

/* A verb: `tlsrpt-x VERB ARGUMENTS`; returns the exit code, or -1 with err (mapped as above). */
struct verb {
    const char *name; /* NULL ends the list */
    const char *arguments;
    const char *meaning;
    int (*run)(const struct config *config, int argc, char **argv,
               struct error *err); /* NULL: not available yet, exit 2 */
    bool filter; /* needs no server: log at warn, no start-up check of Kafka or Elastic keys */
};

struct program {
    const char *name;
    enum config_program config;
    /* Contradictions between keys, after parsing; ERROR_CONFIG. runs_jobs is false for filters.
     */
    int (*check)(const struct config *config, bool runs_jobs, struct error *err);
    const struct job *jobs;
    const struct verb *verbs;
    const struct metric *metrics;
};

/* The whole of main(): -c FILE, -o key=value, --help, --version, --check, --jobs as keys; options
 * stand before or after the verb. `--markdown keys|metrics` prints the README's tables. Returns the
 * exit code. */
int program_main(int argc, char **argv, const struct program *program);

/* For filters: runs line() for each line of FILE (argv[0]) or stdin; the line has no newline and
 * may hold NUL. A last line without newline counts. ERROR_FATAL if the input cannot be read. number
 * counts from 1. */
int program_each_line(int argc, char **argv,
                      int (*line)(void *context, const char *bytes, size_t length_bytes,
                                  int64_t number, struct error *err),
                      void *context, struct error *err) MUST_USE;

/* Ready: every job of this process said so (table read, partitions assigned). Thread-safe. */
void program_ready(const char *job, bool ready);

#endif
