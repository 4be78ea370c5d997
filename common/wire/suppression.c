#include "common/wire/suppression.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/wire/event.h"

#define VERSION 1

struct json_object *suppression_to_json(const struct suppression *suppression)
{
    struct json_object *json = mem_check(json_object_new_object());
    json_add_integer(json, "v", VERSION);
    json_add_text(json, "reason", suppression->reason ? suppression->reason : "");
    json_add_integer(json, "until", suppression->until_ms);
    return json;
}

int suppression_from_json(const char *key, size_t key_bytes, struct json_object *json,
                          struct suppression *suppression, struct error *err)
{
    const char *reason = NULL;
    int64_t until_ms = 0;
    if (wire_check_version(json, VERSION, err) < 0 ||
        json_get_text(json, "reason", &reason, err) < 0 ||
        json_get_integer(json, "until", 0, INT64_MAX, &until_ms, err) < 0)
        return -1;
    if (!key_bytes || memchr(key, '\0', key_bytes))
        return error_set(err, ERROR_REJECT, "key: not a target");
    *suppression = (struct suppression){
        .target = mem_copy(key, key_bytes),
        .reason = mem_text(reason),
        .until_ms = until_ms,
    };
    return 0;
}

void suppression_free(struct suppression *suppression)
{
    free(suppression->target);
    free(suppression->reason);
    *suppression = (struct suppression){0};
}
