/* wire/outcome: what the topic `outcomes` carries: the state of each (report, target). */
#ifndef COMMON_WIRE_OUTCOME_H
#define COMMON_WIRE_OUTCOME_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/json.h"

enum outcome_state {
    OUTCOME_WAITING, /* not terminal: next_ms says when it is tried again */
    OUTCOME_DELIVERED,
    OUTCOME_REFUSED,
    OUTCOME_EXPIRED,
    OUTCOME_BLOCKED,
    OUTCOME_SUPPRESSED,
    OUTCOME_HELD,
    OUTCOME_NO_TARGET, /* of the report; target is "" */
};
const char *outcome_state_name(enum outcome_state state); /* "delivered", "no-target", ... */

struct outcome {
    char *report_id;
    char *target; /* normalised URI, "" for no-target */
    char *domain;
    int64_t day;
    enum outcome_state state;
    int32_t code;      /* HTTP or SMTP status, 0 if none */
    char *reason;      /* short words; remote text is cleaned and cut at 256 bytes */
    int32_t attempts;  /* made so far */
    int64_t at_ms;     /* of this record */
    int64_t next_ms;   /* WAITING only */
    bool tls_verified; /* https only; left out of the value when false */
};
/* Key: report-id, a blank, target. Value:
 * {"v":1,"domain":..,"day":..,"state":..,"code":..,"reason":.., "attempts":..,"at":ms,"next":ms}.
 */
char *outcome_key(const struct outcome *outcome); /* owned by the caller */
struct json_object *outcome_to_json(const struct outcome *outcome);
int outcome_from_json(const char *key, size_t key_bytes, struct json_object *json,
                      struct outcome *outcome, struct error *err) MUST_USE;
void outcome_free(struct outcome *outcome);

#endif
