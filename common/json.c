#include "common/json.h"

#include <json-c/json_tokener.h>
#include <json-c/linkhash.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "common/memory.h"
#include "common/text.h"

/* Consumes all of bytes or gives NULL with *reason; a number at the end is only known to be
 * complete when json-c sees the NUL after it. A null is NULL to json-c, and no value for any
 * caller. */
static struct json_object *parse_with(struct json_tokener *tokener, const char *bytes, int length,
                                      const char **reason)
{
    struct json_object *value = json_tokener_parse_ex(tokener, bytes, length);
    size_t end = json_tokener_get_parse_end(tokener);
    if (json_tokener_get_error(tokener) == json_tokener_continue)
        value = json_tokener_parse_ex(tokener, "", 1);
    enum json_tokener_error code = json_tokener_get_error(tokener);
    if (code == json_tokener_success && end == (size_t)length) {
        *reason = "null";
        return value;
    }
    *reason = code == json_tokener_success ? "something follows the value"
                                           : json_tokener_error_desc(code);
    json_object_put(value);
    return NULL;
}

static bool is_container(enum json_type type)
{
    return type == json_type_object || type == json_type_array;
}

struct limits {
    bool lenient;
    int depth; /* containers */
};

/* NULL: the value is fine; else why not. depth counts the containers around it. */
static const char *find_fault(struct json_object *value, int depth, const struct limits *limits)
{
    enum json_type type = json_object_get_type(value);
    if (type == json_type_double && !limits->lenient && !isfinite(json_object_get_double(value)))
        return "a number is not finite";
    if (is_container(type) && depth == limits->depth)
        return "nested too deeply";
    const char *fault = NULL;
    if (type == json_type_object) {
        json_object_object_foreach(value, name, member)
        {
            (void)name;
            fault = fault ? fault : find_fault(member, depth + 1, limits);
        }
    }
    size_t count = type == json_type_array ? json_object_array_length(value) : 0;
    for (size_t i = 0; i < count && !fault; i++)
        fault = find_fault(json_object_array_get_idx(value, i), depth + 1, limits);
    return fault;
}

static struct json_object *parse(const char *bytes, size_t length_bytes,
                                 const struct limits *limits, const char **reason)
{
    *reason = length_bytes > INT_MAX ? "too long" : "not UTF-8";
    if (length_bytes > INT_MAX || (!limits->lenient && !text_is_utf8(bytes, length_bytes)))
        return NULL;
    /* json-c counts the scalar inside the innermost container as a level. */
    struct json_tokener *tokener = mem_check(json_tokener_new_ex(limits->depth + 1));
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
    struct json_object *value = parse_with(tokener, bytes, (int)length_bytes, reason);
    json_tokener_free(tokener);
    const char *fault = value ? find_fault(value, 0, limits) : NULL;
    if (!fault)
        return value;
    json_object_put(value);
    *reason = fault;
    return NULL;
}

static struct json_object *parse_or_say(const char *bytes, size_t length_bytes,
                                        const struct limits *limits, struct error *err)
{
    const char *reason = NULL;
    struct json_object *value = parse(bytes, length_bytes, limits, &reason);
    if (!value)
        error_set(err, ERROR_REJECT, "JSON: %s", reason);
    return value;
}

struct json_object *json_parse(const char *bytes, size_t length_bytes, struct error *err)
{
    const struct limits limits = {.depth = JSON_DEPTH_MAX};
    return parse_or_say(bytes, length_bytes, &limits, err);
}

struct json_object *json_parse_lenient(const char *bytes, size_t length_bytes, int depth_max,
                                       struct error *err)
{
    const struct limits limits = {.lenient = true, .depth = depth_max};
    return parse_or_say(bytes, length_bytes, &limits, err);
}

bool json_is_deeper(struct json_object *value, int depth_max)
{
    const struct limits limits = {.lenient = true, .depth = depth_max};
    return find_fault(value, 0, &limits) != NULL;
}

struct json_object *json_parse_object(const char *bytes, size_t length_bytes, struct error *err)
{
    struct json_object *value = json_parse(bytes, length_bytes, err);
    if (!value || json_object_is_type(value, json_type_object))
        return value;
    json_object_put(value);
    error_set(err, ERROR_REJECT, "JSON: not an object");
    return NULL;
}

static int wrong_member(struct error *err, const char *name, const char *wanted)
{
    return error_set(err, ERROR_REJECT, "%s: missing or not %s", name, wanted);
}

/* NULL unless it is there and of that type. */
static struct json_object *member_of_type(struct json_object *object, const char *name,
                                          enum json_type type)
{
    struct json_object *member = NULL;
    if (!json_object_object_get_ex(object, name, &member) || !json_object_is_type(member, type))
        return NULL;
    return member;
}

static bool has_nul(struct json_object *text)
{
    return strlen(json_object_get_string(text)) != (size_t)json_object_get_string_len(text);
}

int json_get_text(struct json_object *object, const char *name, const char **value,
                  struct error *err)
{
    struct json_object *member = member_of_type(object, name, json_type_string);
    if (!member || has_nul(member))
        return wrong_member(err, name, "a text");
    *value = json_object_get_string(member);
    return 0;
}

/* json-c saturates: the ends of its ranges may stand for any number beyond. */
static bool is_exact(struct json_object *number, int64_t value)
{
    if (value == INT64_MIN)
        return false;
    return value != INT64_MAX || json_object_get_uint64(number) == (uint64_t)INT64_MAX;
}

int json_get_integer(struct json_object *object, const char *name, int64_t min, int64_t max,
                     int64_t *value, struct error *err)
{
    struct json_object *member = member_of_type(object, name, json_type_int);
    if (!member)
        return wrong_member(err, name, "an integer");
    int64_t number = json_object_get_int64(member);
    if (number < min || number > max || !is_exact(member, number))
        return error_set(err, ERROR_REJECT, "%s: out of range", name);
    *value = number;
    return 0;
}

int json_get_array(struct json_object *object, const char *name, struct json_object **value,
                   struct error *err)
{
    struct json_object *member = member_of_type(object, name, json_type_array);
    if (!member)
        return wrong_member(err, name, "an array");
    *value = member;
    return 0;
}

const char *json_text_or_null(struct json_object *object, const char *name)
{
    struct json_object *member = member_of_type(object, name, json_type_string);
    return member ? json_object_get_string(member) : NULL;
}

static void add_member(struct json_object *object, const char *name, struct json_object *value)
{
    if (json_object_object_add(object, name, mem_check(value)) < 0)
        mem_exhausted();
}

void json_add_text(struct json_object *object, const char *name, const char *value)
{
    if (value)
        add_member(object, name, json_object_new_string(value));
}

void json_add_integer(struct json_object *object, const char *name, int64_t value)
{
    add_member(object, name, json_object_new_int64(value));
}

char *json_write(struct json_object *value)
{
    size_t length = 0;
    const char *text = json_object_to_json_string_length(
        value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &length);
    if (!text)
        mem_exhausted();
    return mem_copy(text, length);
}
