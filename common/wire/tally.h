/* wire/tally: what the topic `state` carries: one open tally (a policy domain's UTC day), or the
 * watermarks. */
#ifndef COMMON_WIRE_TALLY_H
#define COMMON_WIRE_TALLY_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/json.h"
#include "common/wire/event.h"

#define TALLY_COUNT_MAX INT64_C(4294967295) /* D10: counts saturate at 2^32-1 */

struct tally_detail {
    struct detail detail;
    int64_t count;
};
struct tally_policy {
    struct policy policy;
    int64_t successes;
    int64_t failures;
    struct tally_detail *details; /* sorted by detail_compare */
    size_t detail_count;
};
/* Where the tally's first event stood: part of its report-id (D13). */
struct tally {
    char *domain;
    int64_t day;
    int32_t partition;
    int64_t offset;
    struct tally_policy *policies; /* sorted by policy_compare */
    size_t policy_count;
    size_t bytes; /* of the rendered report, estimated from above; kept by aggregator/fold (D19) */
};
void tally_free(struct tally **tally); /* nulls */

/* Key: "2026-11-24/example.org". */
char *tally_key(const char *domain, int64_t day); /* owned by the caller */
int tally_key_parse(const char *key, size_t length_bytes, char **domain, int64_t *day,
                    struct error *err) MUST_USE;

/* {"v":1,"partition":..,"offset":..,"bytes":..,"policies":[{"policy-type":..,"policy-string":[..],"mx-host":[..],
 *  "successes":..,"failures":..,"details":[{"result-type":..,..,"count":..}]}]}; domain and day
 * stand in the key. */
struct json_object *tally_to_json(const struct tally *tally);
int tally_from_json(const char *key, size_t key_bytes, struct json_object *json,
                    struct tally **tally, struct error *err) MUST_USE;

/* Key "watermarks": {"v":1,"sources":[t,..]}, -1 for a source not heard of yet. */
#define WATERMARKS_KEY "watermarks"
struct watermarks {
    int64_t *t_ms; /* owned */
    size_t count;
};
struct json_object *watermarks_to_json(const struct watermarks *watermarks);
int watermarks_from_json(struct json_object *json, struct watermarks *watermarks,
                         struct error *err) MUST_USE;
void watermarks_free(struct watermarks *watermarks);

#endif
