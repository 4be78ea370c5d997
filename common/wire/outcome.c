#include "common/wire/outcome.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/text.h"
#include "common/time.h"
#include "common/wire/event.h"

#define VERSION      1
#define REASON_BYTES 256

static const char *const state_names[] = {
    [OUTCOME_WAITING] = "waiting", [OUTCOME_DELIVERED] = "delivered",
    [OUTCOME_REFUSED] = "refused", [OUTCOME_EXPIRED] = "expired",
    [OUTCOME_BLOCKED] = "blocked", [OUTCOME_SUPPRESSED] = "suppressed",
    [OUTCOME_HELD] = "held",       [OUTCOME_NO_TARGET] = "no-target",
};

const char *outcome_state_name(enum outcome_state state)
{
    return state_names[state];
}

char *outcome_key(const struct outcome *outcome)
{
    return mem_printf("%s %s", outcome->report_id, outcome->target);
}

/* A remote server may have written it. */
static void add_reason(struct json_object *json, const char *reason)
{
    char *clean = reason ? text_clean(reason, strlen(reason), REASON_BYTES) : NULL;
    json_add_text(json, "reason", clean ? clean : "");
    free(clean);
}

struct json_object *outcome_to_json(const struct outcome *outcome)
{
    char day[TIME_DAY_TEXT];
    time_day_format(outcome->day, day);
    struct json_object *json = mem_check(json_object_new_object());
    json_add_integer(json, "v", VERSION);
    json_add_text(json, "domain", outcome->domain);
    json_add_text(json, "day", day);
    json_add_text(json, "state", state_names[outcome->state]);
    json_add_integer(json, "code", outcome->code);
    add_reason(json, outcome->reason);
    json_add_integer(json, "attempts", outcome->attempts);
    json_add_integer(json, "at", outcome->at_ms);
    if (outcome->state == OUTCOME_WAITING)
        json_add_integer(json, "next", outcome->next_ms);
    if (outcome->tls_verified)
        json_object_object_add(json, "tls-verified", mem_check(json_object_new_boolean(true)));
    return json;
}

static int read_state(struct json_object *json, enum outcome_state *state, struct error *err)
{
    const char *name = NULL;
    if (json_get_text(json, "state", &name, err) < 0)
        return -1;
    for (size_t i = 0; i < NELEMS(state_names); i++) {
        if (strcmp(state_names[i], name) == 0) {
            *state = (enum outcome_state)i;
            return 0;
        }
    }
    return error_set(err, ERROR_REJECT, "state: unknown: %.40s", name);
}

static int read_numbers(struct json_object *json, struct outcome *outcome, struct error *err)
{
    int64_t code = 0, attempts = 0;
    if (json_get_integer(json, "code", 0, INT32_MAX, &code, err) < 0 ||
        json_get_integer(json, "attempts", 0, INT32_MAX, &attempts, err) < 0 ||
        json_get_integer(json, "at", 0, INT64_MAX, &outcome->at_ms, err) < 0)
        return -1;
    outcome->code = (int32_t)code;
    outcome->attempts = (int32_t)attempts;
    if (outcome->state == OUTCOME_WAITING)
        return json_get_integer(json, "next", 0, INT64_MAX, &outcome->next_ms, err);
    return 0;
}

static bool read_tls_verified(struct json_object *json)
{
    struct json_object *verified = NULL;
    json_object_object_get_ex(json, "tls-verified", &verified);
    return json_object_is_type(verified, json_type_boolean) && json_object_get_boolean(verified);
}

int outcome_from_json(const char *key, size_t key_bytes, struct json_object *json,
                      struct outcome *outcome, struct error *err)
{
    struct outcome read = {0};
    const char *domain = NULL, *day = NULL, *reason = NULL;
    if (wire_check_version(json, VERSION, err) < 0 || read_state(json, &read.state, err) < 0 ||
        read_numbers(json, &read, err) < 0 || json_get_text(json, "domain", &domain, err) < 0 ||
        json_get_text(json, "reason", &reason, err) < 0 ||
        json_get_text(json, "day", &day, err) < 0 || time_day_parse(day, &read.day, err) < 0)
        return -1;
    const char *blank = key_bytes ? memchr(key, ' ', key_bytes) : NULL;
    if (!blank || blank == key || memchr(key, '\0', key_bytes))
        return error_set(err, ERROR_REJECT, "key: not a report-id, a blank and a target");
    read.report_id = mem_copy(key, (size_t)(blank - key));
    read.target = mem_copy(blank + 1, key_bytes - (size_t)(blank + 1 - key));
    read.domain = mem_text(domain);
    read.reason = mem_text(reason);
    read.tls_verified = read_tls_verified(json);
    *outcome = read;
    return 0;
}

void outcome_free(struct outcome *outcome)
{
    free(outcome->report_id);
    free(outcome->target);
    free(outcome->domain);
    free(outcome->reason);
    *outcome = (struct outcome){0};
}
