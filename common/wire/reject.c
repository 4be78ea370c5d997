#include "common/wire/reject.h"

#include <json-c/linkhash.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/text.h"

#define VERSION   1
#define TRUNCATED "truncated"

/* How much of the members is kept: bytes of each text and name, items of each array and object. */
struct limits {
    size_t text_bytes;
    size_t items;
};

static struct json_object *reduced(struct json_object *value, const struct limits *limits);

/* Between characters; what is no UTF-8 could not be read back. */
static char *reduced_text(const char *bytes, size_t length_bytes, size_t max_bytes, size_t *length)
{
    struct buffer kept = {0};
    for (size_t i = 0; i < length_bytes;) {
        uint32_t character = 0;
        const char *piece = bytes + i;
        size_t piece_bytes = text_utf8_take(piece, length_bytes - i, &character);
        i += piece_bytes;
        if (character == TEXT_BAD) {
            piece = TEXT_REPLACEMENT;
            piece_bytes = strlen(TEXT_REPLACEMENT);
        }
        if (piece_bytes > max_bytes - kept.length)
            break;
        buffer_add(&kept, piece, piece_bytes);
    }
    *length = kept.length;
    return buffer_take(&kept);
}

static struct json_object *reduced_string(const char *bytes, size_t length_bytes, size_t max_bytes)
{
    size_t length = 0;
    char *text = reduced_text(bytes, length_bytes, max_bytes, &length);
    struct json_object *string = mem_check(json_object_new_string_len(text, (int)length));
    free(text);
    return string;
}

/* As it was written; as a text if that is no JSON (NaN) or has too many digits. */
static struct json_object *reduced_double(struct json_object *number, size_t max_bytes)
{
    const char *text = json_object_get_string(number);
    size_t length = strlen(text);
    if (isfinite(json_object_get_double(number)) && length <= max_bytes)
        return json_object_get(number);
    return reduced_string(text, length, max_bytes);
}

static struct json_object *reduced_array(struct json_object *array, const struct limits *limits)
{
    struct json_object *copy = mem_check(json_object_new_array());
    size_t count = json_object_array_length(array);
    for (size_t i = 0; i < count && i < limits->items; i++)
        json_object_array_add(copy, reduced(json_object_array_get_idx(array, i), limits));
    return copy;
}

static void add_reduced(struct json_object *to, struct json_object *from,
                        const struct limits *limits)
{
    size_t count = 0;
    json_object_object_foreach(from, name, member)
    {
        if (count++ == limits->items)
            return;
        size_t length = 0;
        char *kept = reduced_text(name, strlen(name), limits->text_bytes, &length);
        if (!json_object_object_get_ex(to, kept, NULL))
            json_object_object_add(to, kept, reduced(member, limits));
        free(kept);
    }
}

static struct json_object *reduced(struct json_object *value, const struct limits *limits)
{
    struct json_object *copy = NULL;
    switch (json_object_get_type(value)) {
    case json_type_null:
        return NULL;
    case json_type_string:
        return reduced_string(json_object_get_string(value),
                              (size_t)json_object_get_string_len(value), limits->text_bytes);
    case json_type_array:
        return reduced_array(value, limits);
    case json_type_object:
        copy = mem_check(json_object_new_object());
        add_reduced(copy, value, limits);
        return copy;
    case json_type_double:
        return reduced_double(value, limits->text_bytes);
    case json_type_boolean:
    case json_type_int:
        break;
    }
    return json_object_get(value);
}

static struct json_object *new_value(struct json_object *members, const struct limits *limits,
                                     bool truncated)
{
    struct json_object *json = mem_check(json_object_new_object());
    json_add_integer(json, "v", VERSION);
    if (truncated)
        json_object_object_add(json, TRUNCATED, mem_check(json_object_new_boolean(true)));
    add_reduced(json, members, limits);
    return json;
}

static bool fits(struct json_object *json)
{
    char *text = json_write(json);
    size_t length = strlen(text);
    free(text);
    return length <= REJECT_VALUE_MAX;
}

/* Halves what each text and array may keep until the whole fits. */
struct json_object *reject_value(struct json_object *members, size_t length_bytes)
{
    if (!members) {
        struct json_object *json = mem_check(json_object_new_object());
        json_add_integer(json, "v", VERSION);
        json_add_integer(json, "length", (int64_t)length_bytes);
        return json;
    }
    struct limits limits = {.text_bytes = SIZE_MAX, .items = SIZE_MAX};
    struct json_object *json = new_value(members, &limits, false);
    limits = (struct limits){.text_bytes = REJECT_VALUE_MAX, .items = REJECT_VALUE_MAX};
    while (!fits(json)) {
        json_object_put(json);
        limits.text_bytes /= 2;
        limits.items /= 2;
        json = new_value(members, &limits, true);
    }
    return json;
}

size_t reject_key_bytes(size_t key_bytes)
{
    return key_bytes < REJECT_KEY_MAX ? key_bytes : REJECT_KEY_MAX;
}
