/* wire/suppression: what the topic `suppressed` carries: a target nobody writes to until then. Key:
 * the target. */
#ifndef COMMON_WIRE_SUPPRESSION_H
#define COMMON_WIRE_SUPPRESSION_H

#include <stdint.h>

#include "common/error.h"
#include "common/json.h"

struct suppression {
    char *target;
    char *reason;
    int64_t until_ms;
};
/* Value: {"v":1,"reason":..,"until":ms}; a tombstone lifts it. */
struct json_object *suppression_to_json(const struct suppression *suppression);
int suppression_from_json(const char *key, size_t key_bytes, struct json_object *json,
                          struct suppression *suppression, struct error *err) MUST_USE;
void suppression_free(struct suppression *suppression);

#endif
