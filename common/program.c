#include "common/program.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "common/fetch.h"
#include "common/http.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/options.h"
#include "common/shutdown.h"
#include "common/text.h"

#define JOBS_MAX       8
#define FILTER_BUFFER  65536
#define JOB_NAME_BYTES 16 /* of a thread, with NUL */
#define VERB_TEXT      128

/* ---- readiness ---- */

/* Which jobs of this process said that they are ready; asked by the http service's thread. */
static struct {
    pthread_mutex_t lock;
    const char *names[JOBS_MAX];
    bool ready[JOBS_MAX];
    size_t count;
} readiness = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void readiness_expect(const char *job)
{
    pthread_mutex_lock(&readiness.lock);
    readiness.names[readiness.count] = job;
    readiness.ready[readiness.count++] = false;
    pthread_mutex_unlock(&readiness.lock);
}

void program_ready(const char *job, bool ready)
{
    pthread_mutex_lock(&readiness.lock);
    for (size_t i = 0; i < readiness.count; i++)
        if (strcmp(readiness.names[i], job) == 0)
            readiness.ready[i] = ready;
    pthread_mutex_unlock(&readiness.lock);
}

static bool everybody_is_ready(void)
{
    pthread_mutex_lock(&readiness.lock);
    bool all = readiness.count > 0;
    for (size_t i = 0; i < readiness.count; i++)
        all = all && readiness.ready[i];
    pthread_mutex_unlock(&readiness.lock);
    return all && !shutdown_requested();
}

/* ---- what it tells about itself ---- */

static void print_jobs(const struct program *program)
{
    for (const struct job *job = program->jobs; job && job->name; job++)
        printf(" %s", job->name);
}

static void print_verbs(const struct program *program)
{
    for (const struct verb *verb = program->verbs; verb && verb->name; verb++)
        printf("  %s%s%s\n      %s\n", verb->name, *verb->arguments ? " " : "", verb->arguments,
               verb->meaning);
}

static int print_help(const struct program *program)
{
    printf("Usage: %s [OPTION]... [VERB [ARGUMENT]...]\n"
           "Without a verb it runs its jobs until SIGTERM:",
           program->name);
    print_jobs(program);
    printf("\n\nOptions, before or after the verb:\n"
           "  -c FILE          read keys from FILE: lines of key = value, # begins a comment\n"
           "  -o KEY=VALUE     set one key; wins over files\n"
           "  --jobs LIST      the same as -o jobs=LIST\n"
           "  --check          check the configuration, print it as it takes effect, end\n"
           "  --markdown keys|metrics   print that table\n"
           "  --version, --help\n\nVerbs:\n");
    print_verbs(program);
    printf("\nKeys, what they take [default]:\n");
    config_print_help(program->config, stdout);
    printf("\nExit codes: 0 done or stopped as asked, 1 failed (restart it), 2 usage, "
           "78 configuration.\n");
    return PROGRAM_OK;
}

static int print_version(const struct program *program)
{
    printf("%s %s\n", program->name, TLSRPT_VERSION);
    return PROGRAM_OK;
}

static int print_markdown(const struct program *program, const char *table)
{
    if (strcmp(table, "keys") == 0)
        config_print_markdown(program->config, stdout);
    else if (strcmp(table, "metrics") == 0)
        metrics_print_markdown(program->metrics, stdout);
    else
        return PROGRAM_USAGE;
    return PROGRAM_OK;
}

/* ---- failures ---- */

static int exit_code(const struct error *err)
{
    switch (err->kind) {
    case ERROR_CONFIG:
        return PROGRAM_CONFIG;
    case ERROR_ABSENT:
        return PROGRAM_USAGE;
    default:
        return PROGRAM_FATAL;
    }
}

/* Sentences about the configuration begin with file and line. */
static int failed(const struct program *program, const struct error *err)
{
    if (err->kind == ERROR_CONFIG)
        fprintf(stderr, "%s\n", err->text);
    else
        fprintf(stderr, "%s: %s\n", program->name, err->text);
    return exit_code(err);
}

static int misused(const struct program *program, const char *text)
{
    fprintf(stderr, "%s: %s (--help tells more)\n", program->name, text);
    return PROGRAM_USAGE;
}

/* ---- configuration ---- */

static int config_read(struct config *config, const struct options *options, struct error *err)
{
    for (size_t i = 0; i < options->files.count; i++)
        if (config_read_file(config, options->files.items[i], err) < 0)
            return -1;
    for (size_t i = 0; i < options->assignments.count; i++)
        if (config_set(config, options->assignments.items[i], err) < 0)
            return -1;
    return config_finish(config, err);
}

static const struct job *job_find(const struct program *program, const char *name)
{
    for (const struct job *job = program->jobs; job && job->name; job++)
        if (strcmp(job->name, name) == 0)
            return job;
    return NULL;
}

static int jobs_check(const struct program *program, const struct config *config, struct error *err)
{
    const struct text_list *names = config_list(config, "jobs");
    for (size_t i = 0; i < names->count; i++)
        if (!job_find(program, names->items[i]))
            return config_complain(config, "jobs", err, "%s has no job \"%s\"", program->name,
                                   names->items[i]);
    return 0;
}

/* Or a process would be gone while it still awaits what it promised to await. */
static int drain_check(const struct config *config, struct error *err)
{
    if (config_duration_ms(config, "drain") < config_duration_ms(config, "shutdown.grace"))
        return 0;
    if (config_is_set(config, "drain"))
        return config_complain(config, "drain", err, "must be shorter than shutdown.grace");
    return config_complain(config, "shutdown.grace", err, "must be longer than drain");
}

static int config_check(const struct program *program, const struct config *config,
                        const struct verb *verb, struct error *err)
{
    bool has_kafka = config_is_set(config, "kafka.bootstrap.servers") ||
                     config_is_set(config, "kafka.metadata.broker.list");
    if (!verb && (jobs_check(program, config, err) < 0 || drain_check(config, err) < 0))
        return -1;
    if (!(verb && verb->filter) && !has_kafka)
        return error_set(err, ERROR_CONFIG, "kafka.bootstrap.servers is not set");
    return program->check ? program->check(config, !verb, err) : 0;
}

static enum log_level log_level_of(const struct config *config, bool filter)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    if (filter && !config_is_set(config, "log.level"))
        return LOG_WARN;
    enum log_level level = LOG_DEBUG;
    while (strcmp(names[level], config_text(config, "log.level")) != 0)
        level++;
    return level;
}

static void log_configure(const struct config *config, bool filter)
{
    bool json = strcmp(config_text(config, "log.format"), "json") == 0;
    log_set(log_level_of(config, filter), json ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT);
}

/* ---- jobs ---- */

struct run {
    const struct job *job;
    const struct config *config;
    atomic_int *first_exit; /* shared: the exit code of the first job that failed, or 0 */
    pthread_t thread;
};

/* One failed job ends the process; what the others say while they leave is of less interest. */
static void run_failed(const struct run *run, const struct error *err)
{
    int none = PROGRAM_OK;
    bool first = atomic_compare_exchange_strong(run->first_exit, &none, exit_code(err));
    log_write(first ? LOG_ERROR : LOG_INFO, "job failed",
              LOG_FIELDS(log_text("job", run->job->name), log_text("error", err->text), {0}));
    shutdown_request();
}

static void *run_job(void *context)
{
    struct run *run = context;
    struct error err = {0};
    int result = run->job->run(run->config, &err);
    if (result == 0 && !shutdown_requested())
        result = error_set(&err, ERROR_FATAL, "it ended although nobody asked");
    if (result < 0)
        run_failed(run, &err);
    return NULL;
}

static void run_start(struct run *run)
{
    char name[JOB_NAME_BYTES];
    int code = pthread_create(&run->thread, NULL, run_job, run);
    if (code != 0)
        log_panic("job %s cannot be started: %s", run->job->name, strerror(code));
    snprintf(name, sizeof(name), "%s", run->job->name);
    pthread_setname_np(run->thread, name);
}

/* The jobs that the configuration names, each once; none named: all. */
static size_t runs_select(const struct program *program, const struct config *config,
                          atomic_int *first_exit, struct run runs[JOBS_MAX])
{
    const struct text_list *names = config_list(config, "jobs");
    size_t count = 0;
    for (const struct job *job = program->jobs; job && job->name; job++) {
        if (names->count > 0 && !text_list_has(names, job->name))
            continue;
        if (count == JOBS_MAX)
            log_panic("more than %d jobs", JOBS_MAX);
        runs[count++] = (struct run){.job = job, .config = config, .first_exit = first_exit};
        readiness_expect(job->name);
    }
    return count;
}

static void log_start(const struct program *program, const struct run *runs, size_t count)
{
    struct buffer jobs = {0};
    for (size_t i = 0; i < count; i++)
        buffer_printf(&jobs, "%s%s", i > 0 ? " " : "", runs[i].job->name);
    log_info("started", log_text("program", program->name), log_text("version", TLSRPT_VERSION),
             log_text("jobs", jobs.bytes));
    buffer_free(&jobs);
}

static int runs_finish(struct run *runs, size_t count, atomic_int *first_exit)
{
    for (size_t i = 0; i < count; i++)
        run_start(&runs[i]);
    for (size_t i = 0; i < count; i++)
        pthread_join(runs[i].thread, NULL);
    log_info("stopped", log_number("exit", atomic_load(first_exit)));
    return atomic_load(first_exit);
}

static int jobs_run(const struct program *program, const struct config *config)
{
    struct run runs[JOBS_MAX];
    struct error err;
    atomic_int first_exit = PROGRAM_OK;
    const char *listen = config_text(config, "http.listen");
    size_t count = runs_select(program, config, &first_exit, runs);
    if (count == 0)
        return misused(program, "it has no jobs");
    shutdown_install(config_duration_ms(config, "shutdown.grace"));
    metrics_register(program->metrics);
    metrics_set("tlsrpt_build_info", 1, TLSRPT_VERSION, NULL);
    if (listen && http_start(listen, everybody_is_ready, &err) < 0)
        return failed(program, &err);
    log_start(program, runs, count);
    int code = runs_finish(runs, count, &first_exit);
    http_stop();
    return code;
}

/* ---- verbs ---- */

static const struct verb *verb_find(const struct program *program, const char *name)
{
    for (const struct verb *verb = program->verbs; verb && verb->name; verb++)
        if (strcmp(verb->name, name) == 0)
            return verb;
    return NULL;
}

static int verb_run(const struct program *program, const struct verb *verb,
                    const struct config *config, const struct options *options)
{
    struct error err = {0};
    if (verb->filter)
        setvbuf(stdout, NULL, _IOFBF, FILTER_BUFFER);
    metrics_register(program->metrics);
    int code = verb->run(config, options->argument_count, options->arguments, &err);
    return code < 0 ? failed(program, &err) : code;
}

int program_each_line(int argc, char **argv,
                      int (*line)(void *context, const char *bytes, size_t length_bytes,
                                  int64_t number, struct error *err),
                      void *context, struct error *err)
{
    bool named = argc > 0 && strcmp(argv[0], "-") != 0;
    const char *name = named ? argv[0] : "standard input";
    FILE *input = named ? fopen(name, "re") : stdin;
    char *bytes = NULL;
    size_t room = 0;
    int result = 0;
    if (!input)
        return error_set(err, ERROR_FATAL, "%s: %s", name, strerror(errno));
    for (int64_t number = 1; result == 0; number++) {
        errno = 0;
        ssize_t length = getline(&bytes, &room, input);
        if (length < 0)
            break;
        length -= bytes[length - 1] == '\n';
        result = line(context, bytes, (size_t)length, number, err);
        if (result == 0 && ferror(stdout))
            result = error_set(err, ERROR_FATAL, "standard output cannot be written");
    }
    if (result == 0 && !feof(input))
        result = error_set(err, ERROR_FATAL, "%s: %s", name, strerror(errno));
    free(bytes);
    if (named)
        fclose(input);
    return result;
}

/* ---- main ---- */

/* Each transfer is a socket, and a process often begins with fewer files than it may have. */
static void files_allow(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        return;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

/* Secrets are in this memory: no core file, no debugger. */
static void harden(void)
{
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
#ifndef __SANITIZE_ADDRESS__ /* its leak check traces the process */
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
    signal(SIGPIPE, SIG_IGN); /* a reader that left is a write error like any other */
}

static int configured_run(const struct program *program, const struct options *options,
                          struct config *config)
{
    struct error err;
    const struct verb *verb = options->verb ? verb_find(program, options->verb) : NULL;
    bool filter = verb && verb->filter;
    if (config_read(config, options, &err) < 0)
        return failed(program, &err);
    log_configure(config, filter);
    if (config_check(program, config, verb, &err) < 0)
        return failed(program, &err);
    if (options->action == OPTIONS_CHECK) {
        config_print_effective(config, stdout);
        return PROGRAM_OK;
    }
    if (fetch_init(&err) < 0)
        return failed(program, &err);
    return verb ? verb_run(program, verb, config, options) : jobs_run(program, config);
}

/* NULL, or what is wrong with the verb and what follows it. A verb that takes options of its own
 * names them behind its name. */
static const char *verb_judge(const struct program *program, const struct options *options,
                              char text[VERB_TEXT])
{
    if (!options->verb)
        return NULL;
    const struct verb *verb = verb_find(program, options->verb);
    if (!verb)
        snprintf(text, VERB_TEXT, "no verb \"%s\"", options->verb);
    else if (!verb->run)
        snprintf(text, VERB_TEXT, "%s is not available yet", verb->name);
    else if (options->foreign && !strstr(verb->arguments, "--"))
        snprintf(text, VERB_TEXT, "%s has no option %s", verb->name, options->foreign);
    else
        return NULL;
    return text;
}

static int options_run(const struct program *program, const struct options *options)
{
    char text[VERB_TEXT];
    if (options->action == OPTIONS_HELP)
        return print_help(program);
    if (options->action == OPTIONS_VERSION)
        return print_version(program);
    if (options->action == OPTIONS_MARKDOWN) {
        int code = print_markdown(program, options->markdown);
        return code == PROGRAM_OK ? code : misused(program, "--markdown wants keys or metrics");
    }
    const char *complaint = verb_judge(program, options, text);
    if (complaint)
        return misused(program, complaint);
    struct config *config = config_new(program->config);
    int code = configured_run(program, options, config);
    config_free(&config);
    return code;
}

/* What could not be written was not done. */
static int output_finish(const struct program *program, int code)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    if (code != PROGRAM_OK)
        return code;
    fprintf(stderr, "%s: standard output: %s\n", program->name,
            errno ? strerror(errno) : "it could not be written");
    return PROGRAM_FATAL;
}

int program_main(int argc, char **argv, const struct program *program)
{
    struct options options = {0};
    struct error err;
    harden();
    files_allow();
    int code = options_parse(&options, argc, argv, &err) < 0 ? misused(program, err.text)
                                                             : options_run(program, &options);
    options_free(&options);
    return output_finish(program, code);
}
