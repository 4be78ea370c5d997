#include "common/metrics.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "common/log.h"
#include "common/memory.h"

const struct metric metrics_common[] = {
    {"tlsrpt_build_info", METRIC_GAUGE, "version", "always 1; the label tells which version runs"},
    {"tlsrpt_lag_records", METRIC_GAUGE, "group topic partition",
     "unfinished records of a job's group: end offset minus committed offset"},
    {"tlsrpt_lag_seconds", METRIC_GAUGE, "group",
     "age of the oldest unfinished record of a job; 0 without one"},
    {"tlsrpt_records_total", METRIC_COUNTER, "job", "records that a job finished"},
    {"tlsrpt_transactions_aborted_total", METRIC_COUNTER, "job",
     "transactions that were aborted and sent again"},
    {"tlsrpt_transactions_total", METRIC_COUNTER, "job", "transactions that were committed"},
    {NULL, METRIC_GAUGE, NULL, NULL},
};

/* One line of the output: a metric with one set of label values. */
struct series {
    char *labels; /* as rendered, e.g. {job="scan"}; the key */
    int64_t value;
    UT_hash_handle hh;
};

struct family {
    const struct metric *metric;
    struct text_list label_names;
    struct series *series;
    UT_hash_handle hh; /* by the metric's name */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct family *families; /* in the order of registration */

static struct series *series_get(struct family *family, const char *labels)
{
    struct series *series;
    HASH_FIND_STR(family->series, labels, series);
    if (series)
        return series;
    series = mem_alloc(sizeof(*series));
    series->labels = mem_text(labels);
    HASH_ADD_KEYPTR(hh, family->series, series->labels, strlen(series->labels), series);
    return series;
}

static void family_add(const struct metric *metric)
{
    struct family *family;
    HASH_FIND_STR(families, metric->name, family);
    if (family)
        log_panic("metrics: %s twice", metric->name);
    family = mem_alloc(sizeof(*family));
    family->metric = metric;
    text_list_split(&family->label_names, metric->labels);
    HASH_ADD_KEYPTR(hh, families, metric->name, strlen(metric->name), family);
    if (family->label_names.count == 0)
        series_get(family, "");
}

/* The common ones are always there: who uses the loop need not register them. */
static void common_add(void)
{
    if (families)
        return;
    for (const struct metric *metric = metrics_common; metric->name; metric++)
        family_add(metric);
}

void metrics_register(const struct metric *table)
{
    pthread_mutex_lock(&lock);
    common_add();
    for (const struct metric *metric = table; metric && metric->name; metric++)
        family_add(metric);
    pthread_mutex_unlock(&lock);
}

static struct family *family_get(const char *name)
{
    struct family *family;
    common_add();
    HASH_FIND_STR(families, name, family);
    if (!family)
        log_panic("metrics: no metric %s", name);
    return family;
}

/* Escapes as the text format asks: backslash, line feed and, in label values, the quote. */
static void add_escaped(struct buffer *out, const char *text, bool quotes)
{
    for (; *text; text++) {
        if (*text == '\\' || (*text == '"' && quotes))
            buffer_printf(out, "\\%c", *text);
        else if (*text == '\n')
            buffer_text(out, "\\n");
        else
            buffer_add(out, text, 1);
    }
}

/* Label values in the table's order, then NULL. */
static void add_labels(struct buffer *out, const struct family *family, va_list values)
{
    const struct text_list *names = &family->label_names;
    const char *value = va_arg(values, const char *);
    size_t count = 0;
    for (; value && count < names->count; count++) {
        buffer_printf(out, "%s%s=\"", count == 0 ? "{" : ",", names->items[count]);
        add_escaped(out, value, true);
        buffer_text(out, "\"");
        value = va_arg(values, const char *);
    }
    if (value || count < names->count)
        log_panic("metrics: %s has %zu labels", family->metric->name, names->count);
    buffer_text(out, count > 0 ? "}" : "");
}

/* Locks; the caller unlocks. */
static struct series *series_locked(const char *name, va_list values)
{
    struct buffer labels = {0};
    pthread_mutex_lock(&lock);
    struct family *family = family_get(name);
    add_labels(&labels, family, values);
    struct series *series = series_get(family, labels.bytes ? labels.bytes : "");
    buffer_free(&labels);
    return series;
}

void metrics_add(const char *name, int64_t n, ...)
{
    va_list values;
    va_start(values, n);
    series_locked(name, values)->value += n;
    pthread_mutex_unlock(&lock);
    va_end(values);
}

void metrics_set(const char *name, int64_t value, ...)
{
    va_list values;
    va_start(values, value);
    series_locked(name, values)->value = value;
    pthread_mutex_unlock(&lock);
    va_end(values);
}

void metrics_forget(const char *name, ...)
{
    va_list values;
    va_start(values, name);
    struct series *series = series_locked(name, values);
    HASH_DEL(family_get(name)->series, series);
    free(series->labels);
    free(series);
    pthread_mutex_unlock(&lock);
    va_end(values);
}

static const char *type_name(enum metric_type type)
{
    return type == METRIC_COUNTER ? "counter" : "gauge";
}

static int series_compare(const struct series *a, const struct series *b)
{
    return strcmp(a->labels, b->labels);
}

static void family_render(struct buffer *out, struct family *family)
{
    const struct metric *metric = family->metric;
    buffer_printf(out, "# HELP %s ", metric->name);
    add_escaped(out, metric->help, false);
    buffer_printf(out, "\n# TYPE %s %s\n", metric->name, type_name(metric->type));
    HASH_SORT(family->series, series_compare);
    for (struct series *series = family->series; series; series = series->hh.next)
        buffer_printf(out, "%s%s %lld\n", metric->name, series->labels, (long long)series->value);
}

void metrics_render(struct buffer *out)
{
    pthread_mutex_lock(&lock);
    common_add();
    for (struct family *family = families; family; family = family->hh.next)
        family_render(out, family);
    pthread_mutex_unlock(&lock);
}

static void print_rows(const struct metric *table, FILE *out)
{
    for (const struct metric *metric = table; metric && metric->name; metric++)
        fprintf(out, "| `%s` | %s | %s | %s |\n", metric->name, type_name(metric->type),
                metric->labels, metric->help);
}

void metrics_print_markdown(const struct metric *table, FILE *out)
{
    fputs("| metric | type | labels | meaning |\n|---|---|---|---|\n", out);
    print_rows(table, out);
    print_rows(metrics_common, out);
}
