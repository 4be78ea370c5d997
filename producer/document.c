#include "producer/document.h"

#include <string.h>

#include "common/json.h"
#include "common/memory.h"
#include "common/text.h"

#define BLANKS              " \t\r\n"
#define ESCAPED_NUL         "\\u0000"
#define ESCAPED_REPLACEMENT "\\ufffd" /* as long */

/* ---- bytes ---- */

static void repair_utf8(const char *bytes, size_t length_bytes, struct buffer *out)
{
    for (size_t at = 0; at < length_bytes;) {
        uint32_t character;
        size_t taken = text_utf8_take(bytes + at, length_bytes - at, &character);
        if (character == TEXT_BAD)
            buffer_text(out, TEXT_REPLACEMENT);
        else
            buffer_add(out, bytes + at, taken);
        at += taken;
    }
}

/* Where the string that begins behind a quote ends: at its closing quote, or at the end. */
static size_t string_end(const struct buffer *json, size_t at)
{
    while (at < json->length && json->bytes[at] != '"')
        at += json->bytes[at] == '\\' ? 2 : 1;
    return at < json->length ? at : json->length;
}

static void repair_name(char *bytes, size_t at, size_t end)
{
    for (; at < end; at += bytes[at] == '\\' ? 2 : 1)
        if (end - at >= strlen(ESCAPED_NUL) &&
            memcmp(bytes + at, ESCAPED_NUL, strlen(ESCAPED_NUL)) == 0)
            memcpy(bytes + at, ESCAPED_REPLACEMENT, strlen(ESCAPED_REPLACEMENT));
}

/* A string before a colon is a member's name. */
static void repair_names(struct buffer *json)
{
    for (size_t at = 0; at < json->length; at++) {
        if (json->bytes[at] != '"')
            continue;
        size_t begin = at + 1;
        at = string_end(json, begin);
        if (at < json->length && json->bytes[at + 1 + strspn(json->bytes + at + 1, BLANKS)] == ':')
            repair_name(json->bytes, begin, at);
    }
}

/* Outside of strings U+FFFD is no JSON either, so repairing the bytes first changes texts only.
 * json-c ends a name at U+0000: "policy-domain\u0000x" would be one more policy-domain. */
static struct json_object *parse_object(const char *bytes, size_t length_bytes, struct error *err)
{
    struct buffer repaired = {0};
    bool cut = memmem(bytes, length_bytes, ESCAPED_NUL, strlen(ESCAPED_NUL)) != NULL;
    if (cut || !text_is_utf8(bytes, length_bytes)) {
        repair_utf8(bytes, length_bytes, &repaired);
        if (cut)
            repair_names(&repaired);
        bytes = repaired.bytes;
        length_bytes = repaired.length;
    }
    struct json_object *json = json_parse_lenient(bytes, length_bytes, JSON_DEPTH_MAX + 1, err);
    buffer_free(&repaired);
    if (!json || json_object_is_type(json, json_type_object))
        return json;
    json_object_put(json);
    error_set(err, ERROR_REJECT, "no object");
    return NULL;
}

static int64_t integer_or(struct json_object *object, const char *name, int64_t otherwise)
{
    struct json_object *value = NULL;
    json_object_object_get_ex(object, name, &value);
    return json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : otherwise;
}

/* The limit is the document's; that of a hit lies one deeper. */
static int bare_check(struct document *document, struct error *err)
{
    if (!json_is_deeper(document->root, JSON_DEPTH_MAX))
        return 0;
    document_free(document);
    return error_set(err, ERROR_REJECT, "nested too deeply");
}

int document_parse(const char *bytes, size_t length_bytes, struct document *document,
                   struct error *err)
{
    struct json_object *root = parse_object(bytes, length_bytes, err);
    if (!root)
        return -1;
    struct json_object *source = NULL;
    *document = (struct document){.root = root, .source = root, .seq_no = -1};
    if (!json_object_object_get_ex(root, "_source", &source) ||
        !json_object_is_type(source, json_type_object))
        return bare_check(document, err);
    document->source = source;
    document->version = integer_or(root, "_version", 0);
    document->seq_no = integer_or(root, "_seq_no", -1);
    return 0;
}

void document_free(struct document *document)
{
    json_object_put(document->root);
    *document = (struct document){0};
}

/* ---- members ---- */

/* null, "", [], and arrays of nothing else. */
static bool is_absent(struct json_object *value)
{
    switch (json_object_get_type(value)) {
    case json_type_null:
        return true;
    case json_type_string:
        return json_object_get_string_len(value) == 0;
    case json_type_array:
        for (size_t i = 0; i < json_object_array_length(value); i++)
            if (!is_absent(json_object_array_get_idx(value, i)))
                return false;
        return true;
    default:
        return false;
    }
}

/* The one element that is there, or value itself if it is no array of one. */
static struct json_object *unwrap(struct json_object *value)
{
    while (json_object_is_type(value, json_type_array)) {
        struct json_object *only = NULL;
        size_t count = 0;
        for (size_t i = 0; i < json_object_array_length(value); i++) {
            struct json_object *element = json_object_array_get_idx(value, i);
            if (is_absent(element))
                continue;
            only = element;
            count++;
        }
        if (count != 1)
            break;
        value = only;
    }
    return value;
}

struct json_object *document_member(struct json_object *source, const char *name)
{
    struct json_object *value = NULL;
    json_object_object_get_ex(source, name, &value);
    return is_absent(value) ? NULL : unwrap(value);
}

static bool slice_of(struct json_object *value, struct slice *text)
{
    if (!json_object_is_type(value, json_type_string))
        return false;
    *text =
        (struct slice){json_object_get_string(value), (size_t)json_object_get_string_len(value)};
    return true;
}

enum document_text document_text(struct json_object *source, const char *name, struct slice *text)
{
    struct json_object *value = document_member(source, name);
    if (!value)
        return DOCUMENT_ABSENT;
    return slice_of(value, text) ? DOCUMENT_TEXT : DOCUMENT_NO_TEXT;
}

bool document_each_text(struct json_object *source, const char *name,
                        bool (*visit)(void *context, struct slice text), void *context)
{
    struct slice text;
    struct json_object *value = document_member(source, name);
    if (!json_object_is_type(value, json_type_array))
        return !slice_of(value, &text) || visit(context, text);
    for (size_t i = 0; i < json_object_array_length(value); i++) {
        struct json_object *element = json_object_array_get_idx(value, i);
        if (is_absent(element) || !slice_of(unwrap(element), &text))
            continue;
        if (!visit(context, text))
            return false;
    }
    return true;
}

/* ---- what may be kept ---- */

/* NULL for what no rule can read: objects, whose members nobody looked at. Arrays go without. */
static struct json_object *readable(struct json_object *value)
{
    if (json_object_is_type(value, json_type_object))
        return NULL;
    if (!json_object_is_type(value, json_type_array))
        return json_object_get(value);
    struct json_object *to = mem_check(json_object_new_array());
    for (size_t i = 0; i < json_object_array_length(value); i++) {
        struct json_object *element = readable(json_object_array_get_idx(value, i));
        if (element)
            json_object_array_add(to, element);
    }
    return to;
}

struct json_object *document_members(struct json_object *source)
{
    static const char *const kept[] = {
        "timestamp",
        "transactionid",
        "policy-domain",
        "policy-type",
        "policy-string",
        "mx-host",
        "result-type",
        "failure-reason-code",
        "sending-mta-ip",
        "receiving-mx-hostname",
        "receiving-mx-helo",
        "receiving-ip",
        "additional-information",
    };
    struct json_object *members = mem_check(json_object_new_object());
    for (size_t i = 0; i < NELEMS(kept); i++) {
        struct json_object *value = NULL;
        json_object_object_get_ex(source, kept[i], &value);
        value = readable(value);
        if (value)
            json_object_object_add(members, kept[i], value);
    }
    return members;
}
