/* wire/task: what the topic `scan` carries: a range of one shard's sequence numbers to search, or a
 * fence. */
#ifndef COMMON_WIRE_TASK_H
#define COMMON_WIRE_TASK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/json.h"

struct task {
    bool fence;    /* only t_ms counts */
    int64_t t_ms;  /* fence: all writes acknowledged before stand in tasks before it */
    char *index;   /* concrete name */
    char *uuid;    /* the index's identity, ... */
    char *history; /* ... and its history's */
    int32_t shard;
    int64_t from, to; /* _seq_no, both included; fewer than 2^31 of them */
    int64_t since_ms; /* documents older than this are counted as skipped; 0: none (scan.since) */
};
/* {"v":1,"index":..,"uuid":..,"history":..,"shard":..,"from":..,"to":..,"since":..} or
 * {"v":1,"fence":t} */
struct json_object *task_to_json(const struct task *task);
int task_from_json(struct json_object *json, struct task *task, struct error *err) MUST_USE;
void task_free(struct task *task);

#endif
