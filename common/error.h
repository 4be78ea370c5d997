/* error: what went wrong, and what the caller should do about it. */
#ifndef COMMON_ERROR_H
#define COMMON_ERROR_H

#define MUST_USE __attribute__((warn_unused_result))

enum error_kind {
    ERROR_NONE = 0,
    ERROR_RETRY,  /* the world is wrong: back off, try the same work again */
    ERROR_REJECT, /* this record is wrong: set it aside, go on */
    ERROR_FATAL,  /* this process is wrong: exit 1, be restarted */
    ERROR_CONFIG, /* the configuration is wrong: exit 78, somebody must edit it */
    ERROR_ABSENT, /* what was asked for is not there yet: exit 2 */
};

struct error {
    enum error_kind kind;
    char text[400]; /* one sentence without a newline */
};

/* Fills err (borrowed, never NULL) and returns -1, so that a failing function is one line. */
int error_set(struct error *err, enum error_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "<context>: " before the text that err already has; keeps the kind; returns -1. */
int error_wrap(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
