/* log: one line an event on stderr, `what key=value` or JSON. One of the process-wide services;
 * safe in threads. Text values are escaped and cut at 256 bytes: they may come from strangers.
 * Never log a secret or a URL's query. */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

struct log_field {
    const char *key;  /* NULL ends the list */
    const char *text; /* NULL: number counts */
    int64_t number;
};
static inline struct log_field log_text(const char *key, const char *text)
{
    return (struct log_field){key, text ? text : "", 0};
}
static inline struct log_field log_number(const char *key, int64_t number)
{
    return (struct log_field){key, NULL, number};
}

void log_set(enum log_level least, enum log_format format);

/* what: a few fixed words, e.g. "delivery refused"; fields: ended by one whose key is NULL. */
void log_write(enum log_level level, const char *what, const struct log_field *fields);
#define LOG_FIELDS(...)      ((const struct log_field[]){__VA_ARGS__})
#define log_debug(what, ...) log_write(LOG_DEBUG, what, LOG_FIELDS(__VA_ARGS__ __VA_OPT__(, ){0}))
#define log_info(what, ...)  log_write(LOG_INFO, what, LOG_FIELDS(__VA_ARGS__ __VA_OPT__(, ){0}))
#define log_warn(what, ...)  log_write(LOG_WARN, what, LOG_FIELDS(__VA_ARGS__ __VA_OPT__(, ){0}))
#define log_error(what, ...) log_write(LOG_ERROR, what, LOG_FIELDS(__VA_ARGS__ __VA_OPT__(, ){0}))

/* Our own bug: logs the sentence and aborts. */
_Noreturn void log_panic(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
