/* config: `key = value` files and -o options against one typed table; durations with units, secrets
 * as files. */
#ifndef COMMON_CONFIG_H
#define COMMON_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/error.h"
#include "common/text.h"

enum config_type {
    CONFIG_TEXT,
    CONFIG_LIST,     /* blanks or commas between items */
    CONFIG_DURATION, /* bounds and value in ms */
    CONFIG_INTEGER,
    CONFIG_CHOICE, /* choices: words between blanks */
    CONFIG_FILE, /* path of a secret; must be readable and not readable by others, checked at start
                  */
};

enum config_program { /* who takes a key */
                      CONFIG_PRODUCER = 1,
                      CONFIG_AGGREGATOR = 2,
                      CONFIG_SENDER = 4,
                      CONFIG_ALL = 7,
};

/* One row a key, alphabetical; `fallback` is text and goes through the same setter as a user's
 * value. */
struct config_key {
    const char *name;
    enum config_type type;
    unsigned programs;
    const char *fallback; /* NULL: none; config_text() then gives NULL, a list is empty */
    int64_t min, max;     /* DURATION in ms, INTEGER; both 0: no bounds */
    const char *choices;  /* CHOICE only */
    const char *meaning;  /* one sentence for --help and the README's table */
};
extern const struct config_key config_keys[]; /* common/config_keys.c; ended by a NULL name */

struct config; /* opaque */

/* The caller owns the result. Only keys of `program` count; keys of the other programs are known
 * and passed over; `kafka.*` is kept for librdkafka, and those that would break the loop's rules
 * are refused (common/kafka/README.md). */
struct config *config_new(enum config_program program);
void config_free(struct config **config);

/* ERROR_CONFIG with file and line number, or "-o". Duplicate keys in one file are an error; -o
 * overrides. */
int config_read_file(struct config *config, const char *path, struct error *err) MUST_USE;
int config_set(struct config *config, const char *assignment, struct error *err) MUST_USE;
/* Secrets readable, list members well formed. Call once after all reading. */
int config_finish(struct config *config, struct error *err) MUST_USE;

/* For what only several keys together tell: ERROR_CONFIG, and a sentence about one of them behind
 * the place where that was set. Returns -1. */
int config_complain(const struct config *config, const char *name, struct error *err,
                    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Typed access; an unknown name or the wrong type is our bug (panic). All borrow from config. */
const char *config_text(const struct config *config,
                        const char *name); /* NULL if unset; CHOICE too */
int64_t config_integer(const struct config *config, const char *name);
int64_t config_duration_ms(const struct config *config, const char *name);
const struct text_list *config_list(const struct config *config, const char *name);
/* By the user, not by default. Any "kafka.<property>" may be asked for too. */
bool config_is_set(const struct config *config, const char *name);

/* The content of a secret's file without its last newline; read anew at each call, so that a
 * rotated secret is seen. *secret is owned by the caller. Unset: 0 and *secret NULL. ERROR_RETRY if
 * it cannot be read now. */
int config_secret(const struct config *config, const char *name, char **secret,
                  struct error *err) MUST_USE;

/* Calls visit for each kafka.* property, without the prefix; `<property>_file` is read and given as
 * <property>. What visit complains about stands behind the property's place and name. */
int config_each_kafka(const struct config *config,
                      int (*visit)(void *context, const char *name, const char *value,
                                   struct error *err),
                      void *context, struct error *err) MUST_USE;

void config_print_help(enum config_program program, FILE *out);     /* the table for --help */
void config_print_markdown(enum config_program program, FILE *out); /* the README's table */
void config_print_effective(const struct config *config,
                            FILE *out); /* secrets and kafka passwords redacted */

#endif
