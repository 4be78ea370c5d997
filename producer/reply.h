/* reply: what all replies of Elasticsearch have in common: JSON of which any member may be missing.
 * Pure. */
#ifndef PRODUCER_REPLY_H
#define PRODUCER_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/json.h"

/* NULL with ERROR_RETRY: no complete reply. The caller owns the result: json_object_put(). */
struct json_object *reply_parse(const char *bytes, size_t length_bytes, struct error *err);
/* A reply that is not what it should be was cut, or is a proxy's. Returns -1 with ERROR_RETRY. */
int reply_strange(struct error *err, const char *what);

/* object may be anything, also NULL; what they return is borrowed from it. */
struct json_object *reply_member(struct json_object *object, const char *name); /* NULL: none */
const char *reply_text(struct json_object *object, const char *name);           /* NULL: no text */
/* False: no integer, *number is untouched. */
bool reply_number(struct json_object *object, const char *name, int64_t *number);

#endif
