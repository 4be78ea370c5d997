#include "common/wire/event.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/time.h"

#define VERSION        1
#define SESSIONS_MAX   INT64_C(4294967295)
#define TYPE_SESSION   "session"
#define TYPE_WATERMARK "watermark"

static const char *const policy_types[] = {POLICY_TLSA, POLICY_STS, POLICY_NONE};

/* RFC 8460 section 4.3, and what those sessions have that did not fail. */
static const char *const result_types[] = {
    RESULT_SUCCESS,           "starttls-not-supported",  "certificate-host-mismatch",
    "certificate-expired",    "certificate-not-trusted", RESULT_VALIDATION_FAILURE,
    "tlsa-invalid",           "dnssec-invalid",          "dane-required",
    "sts-policy-fetch-error", "sts-policy-invalid",      "sts-webpki-invalid",
};

const char *const detail_names[DETAIL_MEMBERS] = {
    [DETAIL_SENDING_MTA_IP] = "sending-mta-ip",
    [DETAIL_RECEIVING_MX_HOSTNAME] = "receiving-mx-hostname",
    [DETAIL_RECEIVING_MX_HELO] = "receiving-mx-helo",
    [DETAIL_RECEIVING_IP] = "receiving-ip",
    [DETAIL_ADDITIONAL_INFORMATION] = "additional-information",
    [DETAIL_FAILURE_REASON_CODE] = "failure-reason-code",
};

static const char *find(const char *const *names, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], text) == 0)
            return names[i];
    }
    return NULL;
}

const char *policy_type_find(const char *text)
{
    return find(policy_types, NELEMS(policy_types), text);
}

const char *result_type_find(const char *text)
{
    return find(result_types, NELEMS(result_types), text);
}

int policy_compare(const struct policy *a, const struct policy *b)
{
    int order = strcmp(a->type, b->type);
    if (!order)
        order = text_list_compare(&a->strings, &b->strings);
    return order ? order : text_list_compare(&a->mx, &b->mx);
}

void policy_copy(struct policy *to, const struct policy *from)
{
    struct policy copy = {.type = from->type};
    text_list_copy(&copy.strings, &from->strings);
    text_list_copy(&copy.mx, &from->mx);
    *to = copy;
}

void policy_free(struct policy *policy)
{
    text_list_free(&policy->strings);
    text_list_free(&policy->mx);
    *policy = (struct policy){0};
}

int detail_compare(const struct detail *a, const struct detail *b)
{
    int order = strcmp(a->result_type, b->result_type);
    for (size_t i = 0; i < DETAIL_MEMBERS && !order; i++)
        order = text_compare(a->members[i], b->members[i]);
    return order;
}

void detail_copy(struct detail *to, const struct detail *from)
{
    struct detail copy = {.result_type = from->result_type};
    for (size_t i = 0; i < DETAIL_MEMBERS; i++)
        copy.members[i] = mem_text(from->members[i]);
    *to = copy;
}

void detail_free(struct detail *detail)
{
    for (size_t i = 0; i < DETAIL_MEMBERS; i++)
        free(detail->members[i]);
    *detail = (struct detail){0};
}

void event_free(struct event *event)
{
    policy_free(&event->policy);
    detail_free(&event->detail);
    *event = (struct event){0};
}

static void add_list(struct json_object *object, const char *name, const struct text_list *list)
{
    struct json_object *array = mem_check(json_object_new_array());
    for (size_t i = 0; i < list->count; i++)
        json_object_array_add(array, mem_check(json_object_new_string(list->items[i])));
    json_object_object_add(object, name, array);
}

/* An absent array is an empty list; texts with a NUL inside are refused. */
static int list_from_member(struct json_object *object, const char *name, struct text_list *list,
                            struct error *err)
{
    struct json_object *array = NULL;
    if (!json_object_object_get_ex(object, name, NULL))
        return 0;
    if (json_get_array(object, name, &array, err) < 0)
        return -1;
    struct text_list read = {0};
    for (size_t i = 0; i < json_object_array_length(array); i++) {
        struct json_object *item = json_object_array_get_idx(array, i);
        const char *text = json_object_get_string(item);
        if (!json_object_is_type(item, json_type_string) ||
            strlen(text) != (size_t)json_object_get_string_len(item)) {
            text_list_free(&read);
            return error_set(err, ERROR_REJECT, "%s: an item is not a text", name);
        }
        text_list_take(&read, mem_text(text));
    }
    *list = read;
    return 0;
}

void policy_add_members(struct json_object *object, const struct policy *policy)
{
    json_add_text(object, "policy-type", policy->type);
    add_list(object, "policy-string", &policy->strings);
    add_list(object, "mx-host", &policy->mx);
}

int policy_from_members(struct json_object *object, struct policy *policy, struct error *err)
{
    const char *type = NULL;
    if (json_get_text(object, "policy-type", &type, err) < 0)
        return -1;
    struct policy read = {.type = policy_type_find(type)};
    if (!read.type)
        return error_set(err, ERROR_REJECT, "policy-type: unknown: %.40s", type);
    if (list_from_member(object, "policy-string", &read.strings, err) < 0 ||
        list_from_member(object, "mx-host", &read.mx, err) < 0) {
        policy_free(&read);
        return -1;
    }
    *policy = read;
    return 0;
}

void detail_add_members(struct json_object *object, const struct detail *detail)
{
    json_add_text(object, "result-type", detail->result_type);
    if (strcmp(detail->result_type, RESULT_SUCCESS) == 0)
        return;
    for (size_t i = 0; i < DETAIL_MEMBERS; i++)
        json_add_text(object, detail_names[i], detail->members[i]);
}

int detail_from_members(struct json_object *object, struct detail *detail, struct error *err)
{
    const char *type = NULL;
    if (json_get_text(object, "result-type", &type, err) < 0)
        return -1;
    struct detail read = {.result_type = result_type_find(type)};
    if (!read.result_type)
        return error_set(err, ERROR_REJECT, "result-type: unknown: %.40s", type);
    bool success = strcmp(read.result_type, RESULT_SUCCESS) == 0;
    for (size_t i = 0; i < DETAIL_MEMBERS && !success; i++) {
        const char *text = NULL;
        if (!json_object_object_get_ex(object, detail_names[i], NULL))
            continue;
        if (json_get_text(object, detail_names[i], &text, err) < 0) {
            detail_free(&read);
            return -1;
        }
        read.members[i] = mem_text(text);
    }
    *detail = read;
    return 0;
}

struct json_object *event_to_json(const struct event *event)
{
    char day[TIME_DAY_TEXT];
    time_day_format(event->day, day);
    struct json_object *json = mem_check(json_object_new_object());
    json_add_integer(json, "v", VERSION);
    json_add_text(json, "type", TYPE_SESSION);
    json_add_text(json, "day", day);
    json_add_integer(json, "sessions", event->sessions);
    policy_add_members(json, &event->policy);
    detail_add_members(json, &event->detail);
    return json;
}

static int expect_kind(struct json_object *json, enum event_kind wanted, struct error *err)
{
    enum event_kind kind = wanted;
    if (event_kind_of(json, &kind, err) < 0)
        return -1;
    return kind == wanted ? 0 : error_set(err, ERROR_REJECT, "type: not the one expected here");
}

int event_from_json(struct json_object *json, struct event *event, struct error *err)
{
    struct event read = {0};
    const char *day = NULL;
    if (expect_kind(json, EVENT_SESSION, err) < 0 || json_get_text(json, "day", &day, err) < 0 ||
        time_day_parse(day, &read.day, err) < 0 ||
        json_get_integer(json, "sessions", 1, SESSIONS_MAX, &read.sessions, err) < 0 ||
        policy_from_members(json, &read.policy, err) < 0)
        return -1;
    if (detail_from_members(json, &read.detail, err) < 0) {
        event_free(&read);
        return -1;
    }
    *event = read;
    return 0;
}

struct json_object *watermark_to_json(const struct watermark *watermark)
{
    struct json_object *json = mem_check(json_object_new_object());
    json_add_integer(json, "v", VERSION);
    json_add_text(json, "type", TYPE_WATERMARK);
    json_add_integer(json, "source", watermark->source);
    json_add_integer(json, "of", watermark->of);
    json_add_integer(json, "t", watermark->t_ms);
    return json;
}

int watermark_from_json(struct json_object *json, struct watermark *watermark, struct error *err)
{
    int64_t of = 0, source = 0, t_ms = 0;
    if (expect_kind(json, EVENT_WATERMARK, err) < 0 ||
        json_get_integer(json, "of", 1, INT32_MAX, &of, err) < 0 ||
        json_get_integer(json, "source", 0, of - 1, &source, err) < 0 ||
        json_get_integer(json, "t", 0, INT64_MAX, &t_ms, err) < 0)
        return -1;
    *watermark = (struct watermark){.source = (int32_t)source, .of = (int32_t)of, .t_ms = t_ms};
    return 0;
}

int event_kind_of(struct json_object *json, enum event_kind *kind, struct error *err)
{
    const char *type = NULL;
    if (wire_check_version(json, VERSION, err) < 0 || json_get_text(json, "type", &type, err) < 0)
        return -1;
    if (strcmp(type, TYPE_SESSION) == 0)
        *kind = EVENT_SESSION;
    else if (strcmp(type, TYPE_WATERMARK) == 0)
        *kind = EVENT_WATERMARK;
    else
        return error_set(err, ERROR_REJECT, "type: unknown: %.40s", type);
    return 0;
}

int wire_check_version(struct json_object *json, int64_t known, struct error *err)
{
    int64_t version = 0;
    if (json_get_integer(json, "v", 1, INT64_MAX, &version, err) < 0)
        return -1;
    if (version <= known)
        return 0;
    return error_set(err, ERROR_FATAL,
                     "v: %lld is newer than this program knows (%lld): upgrade this program first",
                     (long long)version, (long long)known);
}
