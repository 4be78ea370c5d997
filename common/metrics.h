/* metrics: counters and gauges from one table, in Prometheus text form. A process-wide service;
 * safe in threads. */
#ifndef COMMON_METRICS_H
#define COMMON_METRICS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/text.h"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE };

struct metric {
    const char *name; /* tlsrpt_..., unit in the name, counters end in _total; NULL ends a table */
    enum metric_type type;
    const char *labels; /* label names between blanks, "" for none */
    const char *help;
};

/* What every program has; always registered, and at the end of every README's list. */
extern const struct metric metrics_common[];

/* Borrowed for ever; several tables may be registered (common and the program's). A name twice is a
 * panic. */
void metrics_register(const struct metric *table);

/* Label values in the table's order, then NULL. An unknown name or a wrong number of labels is a
 * panic. Values of labels are escaped; keep their number bounded. A metric without labels shows 0
 * from the start. */
void metrics_add(const char *name, int64_t n, ...) __attribute__((sentinel));
void metrics_set(const char *name, int64_t value, ...) __attribute__((sentinel));
/* Forgets one labelled series (a partition that went away). */
void metrics_forget(const char *name, ...) __attribute__((sentinel));

void metrics_render(struct buffer *out);                            /* Prometheus text format */
void metrics_print_markdown(const struct metric *table, FILE *out); /* the README's list */

#endif
