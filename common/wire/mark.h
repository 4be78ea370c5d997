/* wire/mark: what the topic `plan` carries: how far each shard of each index is planned. */
#ifndef COMMON_WIRE_MARK_H
#define COMMON_WIRE_MARK_H

#include <stdint.h>

#include "common/error.h"
#include "common/json.h"

struct mark {
    char *index; /* concrete name at the time of writing */
    char *uuid;
    int32_t shard;
    char *history;
    int64_t planned;  /* the last _seq_no planned; -1: none */
    int64_t since_ms; /* handed to the tasks of this shard; 0: the index is read whole */
};
/* Key: "uuid/shard/history". Value: {"v":1,"index":..,"planned":..,"since":..} */
char *mark_key(const struct mark *mark); /* owned by the caller */
struct json_object *mark_to_json(const struct mark *mark);
int mark_from_json(const char *key, size_t key_bytes, struct json_object *json, struct mark *mark,
                   struct error *err) MUST_USE;
void mark_free(struct mark *mark);

/* The mark of an index as a whole, by which the prefix's first round says that it found it. Nothing
 * need be known of its shards, so it stands where no shard of any index can. */
#define MARK_WHOLE_INDEX INT32_MAX
#define MARK_NO_HISTORY  "-"

/* Key of the record that ends a prefix's first round: indices met later are read whole.
 * Value {"v":1,"first-round":t} */
#define MARK_FIRST_ROUND_KEY "first-round"

#endif
