/* config_property: librdkafka's properties by name: whose they are to set, which are secret. */
#ifndef COMMON_CONFIG_PROPERTY_H
#define COMMON_CONFIG_PROPERTY_H

#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"

/* Names are without "kafka.". */

/* The length of name without its "_file", or 0 if it does not end so. */
size_t config_property_stem(const char *name);

/* ERROR_CONFIG if the exactly-once loop decides this one, itself or by way of a file, or if it can
 * have no such value. */
int config_property_check(const char *name, const char *value, struct error *err) MUST_USE;

/* Somebody could log in with its value; the path in `<property>_file` is no secret. */
bool config_property_is_secret(const char *name);

#endif
