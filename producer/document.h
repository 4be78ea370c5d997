/* document: the bytes of one session document, bare or as a search hit, and its members as the
 * rules want them: null, "" and [] are absent, one-element arrays unwrap (README, "Rules"). */
#ifndef PRODUCER_DOCUMENT_H
#define PRODUCER_DOCUMENT_H

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

struct document {
    struct json_object *root;   /* owned: all that was read */
    struct json_object *source; /* borrowed from root: the session document */
    int64_t version;            /* of the search hit; 0: not known */
    int64_t seq_no;             /* of the search hit; -1: not known */
};

/* Strict JSON, one object, no BOM; bytes that are no UTF-8 become U+FFFD. An object with an object
 * `_source` is a search hit: Elasticsearch lets no document have such a member. NaN and raw
 * controls pass: they are for the rule of their member. ERROR_REJECT otherwise. */
int document_parse(const char *bytes, size_t length_bytes, struct document *document,
                   struct error *err) MUST_USE;
void document_free(struct document *document);

/* A member where one value is meant: one-element arrays are unwrapped, a longer one is returned as
 * it is (it is no text). NULL: absent. Borrowed from source. */
struct json_object *document_member(struct json_object *source, const char *name);

enum document_text {
    DOCUMENT_ABSENT,
    DOCUMENT_TEXT,
    DOCUMENT_NO_TEXT, /* there is something, but no text */
};
/* A text: not NUL-terminated by contract, may hold NUL. Borrowed from source. */
struct slice {
    const char *bytes;
    size_t length;
};
/* *text is set for DOCUMENT_TEXT only. */
enum document_text document_text(struct json_object *source, const char *name, struct slice *text);

/* A member where a list is meant: calls visit for each text of the array, or for the one text.
 * Elements that are no text are passed over. Stops when visit returns false, and returns that. */
bool document_each_text(struct json_object *source, const char *name,
                        bool (*visit)(void *context, struct slice text), void *context);

/* A copy of the members of rule D20 that could be read: without null and objects, also in arrays.
 * The caller owns it. */
struct json_object *document_members(struct json_object *source);

#endif
