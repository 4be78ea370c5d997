/* wire/reject: what the topic `rejected` carries: input that nobody can use, and why. */
#ifndef COMMON_WIRE_REJECT_H
#define COMMON_WIRE_REJECT_H

#include <stddef.h>
#include <stdint.h>

#include "common/json.h"

#define REJECT_VALUE_MAX ((size_t)256 * 1024)
#define REJECT_KEY_MAX   ((size_t)1024)

/* Headers of the record: who refused it, by which rule, and where it stood. */
struct reject {
    const char *stage;  /* the job: "scan", "aggregate", ... */
    const char *reason; /* a code of producer/README.md: "bad-domain", or "unreadable",
                           "index-gone", "too-late" */
    const char *origin; /* topic/partition/offset, index/shard/_seq_no, or a line number */
};
/* The value: `members` (borrowed, may be NULL) as it is; over REJECT_VALUE_MAX its texts are cut
 * and "truncated":true is added; NULL gives {"v":1,"length":length_bytes}. "v":1 is always there.
 * Owned by the caller. */
struct json_object *reject_value(struct json_object *members, size_t length_bytes);

/* How much of a key of that length is kept: one as large as a message may be would leave no room
 * for the rest, and no key of ours is longer. */
size_t reject_key_bytes(size_t key_bytes);

#endif
