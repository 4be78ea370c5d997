/* wire/event: what the topic `events` carries: counted sessions, and watermarks. Key: the policy
 * domain. */
#ifndef COMMON_WIRE_EVENT_H
#define COMMON_WIRE_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/json.h"
#include "common/text.h"

/* RFC 8460 section 4.4. The names are static strings: compare with strcmp, never free. */
#define POLICY_TLSA               "tlsa"
#define POLICY_STS                "sts"
#define POLICY_NONE               "no-policy-found"
#define RESULT_SUCCESS            "success"
#define RESULT_VALIDATION_FAILURE "validation-failure"

/* The static string for one of the three policy types, or NULL. Exact match. */
const char *policy_type_find(const char *text);
/* The static string for `success` or one of the RFC's 11 result types (section 4.3), or NULL. Exact
 * match. */
const char *result_type_find(const char *text);

struct policy {
    const char *type; /* static */
    struct text_list strings;
    struct text_list mx;
};
/* By type, strings, mx, bytewise (D11, D15). */
int policy_compare(const struct policy *a, const struct policy *b);
void policy_copy(struct policy *to, const struct policy *from);
void policy_free(struct policy *policy);

/* In the order of D15 after the result type. */
enum detail_member {
    DETAIL_SENDING_MTA_IP,
    DETAIL_RECEIVING_MX_HOSTNAME,
    DETAIL_RECEIVING_MX_HELO,
    DETAIL_RECEIVING_IP,
    DETAIL_ADDITIONAL_INFORMATION,
    DETAIL_FAILURE_REASON_CODE,
    DETAIL_MEMBERS
};
extern const char *const detail_names[DETAIL_MEMBERS]; /* the RFC's member names */

struct detail {
    const char *result_type;       /* static */
    char *members[DETAIL_MEMBERS]; /* owned; NULL: absent */
};
int detail_compare(const struct detail *a, const struct detail *b); /* D15 */
void detail_copy(struct detail *to, const struct detail *from);
void detail_free(struct detail *detail);

/* One counted tuple of sessions. A success carries no detail members (they would end in no report).
 */
struct event {
    int64_t day;      /* days since 1970-01-01 UTC */
    int64_t sessions; /* 1 .. 2^32-1 */
    struct policy policy;
    struct detail detail; /* result_type is "success" for a success */
};
void event_free(struct event *event);

/* {"v":1,"type":"session","day":"2026-11-24","sessions":n,"policy-type":..,"policy-string":[..],"mx-host":[..],
 *  "result-type":.., detail members present}. Both arrays are always there; a reader takes an
 * absent one as empty. The caller owns what is returned. */
struct json_object *event_to_json(const struct event *event);
int event_from_json(struct json_object *json, struct event *event, struct error *err) MUST_USE;

/* The parts that events and tallies share: their members in an object. On failure the outputs are
 * untouched. */
void policy_add_members(struct json_object *object, const struct policy *policy);
int policy_from_members(struct json_object *object, struct policy *policy,
                        struct error *err) MUST_USE;
void detail_add_members(struct json_object *object, const struct detail *detail);
int detail_from_members(struct json_object *object, struct detail *detail,
                        struct error *err) MUST_USE;

/* Up to t (Unix ms) every session that scan partition `source` of `of` will ever give stands before
 * this record. */
struct watermark {
    int32_t source;
    int32_t of;
    int64_t t_ms;
};
/* {"v":1,"type":"watermark","source":..,"of":..,"t":..} */
struct json_object *watermark_to_json(const struct watermark *watermark);
int watermark_from_json(struct json_object *json, struct watermark *watermark,
                        struct error *err) MUST_USE;

/* What a value of the topic is. */
enum event_kind { EVENT_SESSION, EVENT_WATERMARK };
int event_kind_of(struct json_object *json, enum event_kind *kind, struct error *err) MUST_USE;

/* Every codec of this folder calls it first: "v" missing or not a positive integer: ERROR_REJECT;
 * newer than known: ERROR_FATAL (a release reads n+1 before any release writes it). */
int wire_check_version(struct json_object *json, int64_t known, struct error *err) MUST_USE;

#endif
