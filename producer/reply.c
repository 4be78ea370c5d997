#include "producer/reply.h"

struct json_object *reply_member(struct json_object *object, const char *name)
{
    struct json_object *value = NULL;
    if (!json_object_is_type(object, json_type_object))
        return NULL;
    json_object_object_get_ex(object, name, &value);
    return value;
}

const char *reply_text(struct json_object *object, const char *name)
{
    return json_object_is_type(object, json_type_object) ? json_text_or_null(object, name) : NULL;
}

bool reply_number(struct json_object *object, const char *name, int64_t *number)
{
    struct json_object *value = reply_member(object, name);
    if (!json_object_is_type(value, json_type_int))
        return false;
    *number = json_object_get_int64(value);
    return true;
}

int reply_strange(struct error *err, const char *what)
{
    return error_set(err, ERROR_RETRY, "Elasticsearch's answer is not complete: %s", what);
}

struct json_object *reply_parse(const char *bytes, size_t length_bytes, struct error *err)
{
    struct json_object *reply = json_parse_object(bytes, length_bytes, err);
    if (!reply)
        err->kind = ERROR_RETRY;
    return reply;
}
