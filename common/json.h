/* json: strict reading and compact writing over json-c. What json-c lets through (NaN, out-of-range
 * numbers, wrong types) is refused here or is the caller's rule for that member. */
#ifndef COMMON_JSON_H
#define COMMON_JSON_H

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define JSON_DEPTH_MAX 32

/* Exactly one JSON value of at most JSON_DEPTH_MAX nested containers, UTF-8, no BOM, only white
 * space after it, no NaN or Infinity. ERROR_REJECT otherwise. The caller owns the result:
 * json_object_put(). */
struct json_object *json_parse(const char *bytes, size_t length_bytes, struct error *err) MUST_USE;
/* As above, and it must be an object. */
struct json_object *json_parse_object(const char *bytes, size_t length_bytes,
                                      struct error *err) MUST_USE;
/* As json_parse(), for what strangers wrote: bytes that are no UTF-8 may stand in strings, numbers
 * need not be finite, and depth_max containers may be nested. */
struct json_object *json_parse_lenient(const char *bytes, size_t length_bytes, int depth_max,
                                       struct error *err) MUST_USE;
/* More than depth_max nested containers. */
bool json_is_deeper(struct json_object *value, int depth_max);

/* Members of our own records (common/wire). Absent or of another type: -1 with ERROR_REJECT naming
 * the member. Strings with a NUL inside are refused. *value borrows from object. */
int json_get_text(struct json_object *object, const char *name, const char **value,
                  struct error *err) MUST_USE;
int json_get_integer(struct json_object *object, const char *name, int64_t min, int64_t max,
                     int64_t *value, struct error *err) MUST_USE;
int json_get_array(struct json_object *object, const char *name, struct json_object **value,
                   struct error *err) MUST_USE;
/* NULL when absent (JSON null is absent) or not a string. */
const char *json_text_or_null(struct json_object *object, const char *name);

void json_add_text(struct json_object *object, const char *name,
                   const char *value); /* NULL: nothing added */
void json_add_integer(struct json_object *object, const char *name, int64_t value);

/* One line, no blanks, "/" not escaped. The caller owns the string. */
char *json_write(struct json_object *value);

#endif
