/* config_value: the text of one value, judged by the row of its key. */
#ifndef COMMON_CONFIG_VALUE_H
#define COMMON_CONFIG_VALUE_H

#include <stddef.h>
#include <stdint.h>

#include "common/config.h"
#include "common/error.h"

/* *number is that of an INTEGER, the ms of a DURATION, otherwise 0. ERROR_CONFIG if the key does
 * not take this text. */
int config_value_parse(const struct config_key *key, const char *text, int64_t *number,
                       struct error *err) MUST_USE;

/* UTF-8 without controls is all that any value may hold; ERROR_CONFIG. */
int config_value_check_text(const char *text, struct error *err) MUST_USE;

/* Decimal digits with or without a minus; -1 if it is none or does not fit. */
int config_value_integer(const char *text, int64_t *number) MUST_USE;

#define CONFIG_VALUE_TEXT 32 /* room for any number, with NUL */
/* As a user would write it: 300000 is "5m" for a DURATION, "300000" for an INTEGER. */
void config_value_format(enum config_type type, int64_t number, char text[CONFIG_VALUE_TEXT]);

#endif
