#include "common/wire/tally.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/time.h"

#define VERSION   1
#define DAY_BYTES (TIME_DAY_TEXT - 1)

static void free_policy(struct tally_policy *policy)
{
    for (size_t i = 0; i < policy->detail_count; i++)
        detail_free(&policy->details[i].detail);
    free(policy->details);
    policy_free(&policy->policy);
}

void tally_free(struct tally **tally)
{
    if (!*tally)
        return;
    for (size_t i = 0; i < (*tally)->policy_count; i++)
        free_policy(&(*tally)->policies[i]);
    free((*tally)->policies);
    free((*tally)->domain);
    free(*tally);
    *tally = NULL;
}

char *tally_key(const char *domain, int64_t day)
{
    char text[TIME_DAY_TEXT];
    time_day_format(day, text);
    return mem_printf("%s/%s", text, domain);
}

int tally_key_parse(const char *key, size_t length_bytes, char **domain, int64_t *day,
                    struct error *err)
{
    if (length_bytes <= DAY_BYTES + 1 || key[DAY_BYTES] != '/' || memchr(key, '\0', length_bytes))
        return error_set(err, ERROR_REJECT, "key: not DAY/DOMAIN");
    char text[TIME_DAY_TEXT];
    memcpy(text, key, DAY_BYTES);
    text[DAY_BYTES] = '\0';
    if (time_day_parse(text, day, err) < 0)
        return error_wrap(err, "key");
    *domain = mem_copy(key + DAY_BYTES + 1, length_bytes - DAY_BYTES - 1);
    return 0;
}

static void add_details(struct json_object *json, const struct tally_policy *policy)
{
    if (!policy->detail_count)
        return;
    struct json_object *details = mem_check(json_object_new_array());
    for (size_t i = 0; i < policy->detail_count; i++) {
        struct json_object *detail = mem_check(json_object_new_object());
        detail_add_members(detail, &policy->details[i].detail);
        json_add_integer(detail, "count", policy->details[i].count);
        json_object_array_add(details, detail);
    }
    json_object_object_add(json, "details", details);
}

static struct json_object *policy_to_json(const struct tally_policy *policy)
{
    struct json_object *json = mem_check(json_object_new_object());
    policy_add_members(json, &policy->policy);
    json_add_integer(json, "successes", policy->successes);
    json_add_integer(json, "failures", policy->failures);
    add_details(json, policy);
    return json;
}

struct json_object *tally_to_json(const struct tally *tally)
{
    struct json_object *json = mem_check(json_object_new_object());
    json_add_integer(json, "v", VERSION);
    json_add_integer(json, "partition", tally->partition);
    json_add_integer(json, "offset", tally->offset);
    json_add_integer(json, "bytes", (int64_t)tally->bytes);
    struct json_object *policies = mem_check(json_object_new_array());
    for (size_t i = 0; i < tally->policy_count; i++)
        json_object_array_add(policies, policy_to_json(&tally->policies[i]));
    json_object_object_add(json, "policies", policies);
    return json;
}

static int read_detail(struct json_object *json, struct tally_detail *detail, struct error *err)
{
    if (json_get_integer(json, "count", 1, TALLY_COUNT_MAX, &detail->count, err) < 0 ||
        detail_from_members(json, &detail->detail, err) < 0)
        return -1;
    if (strcmp(detail->detail.result_type, RESULT_SUCCESS) == 0)
        return error_set(err, ERROR_REJECT, "result-type: a detail is a failure");
    return 0;
}

/* Whatever was read before a failure is the caller's to free; so in the next two. */
static int read_details(struct json_object *json, struct tally_policy *policy, struct error *err)
{
    struct json_object *details = NULL;
    if (!json_object_object_get_ex(json, "details", NULL))
        return 0;
    if (json_get_array(json, "details", &details, err) < 0)
        return -1;
    size_t count = json_object_array_length(details);
    policy->details = mem_alloc(count * sizeof(*policy->details));
    for (size_t i = 0; i < count; i++) {
        struct tally_detail *detail = &policy->details[i];
        policy->detail_count = i + 1;
        if (read_detail(json_object_array_get_idx(details, i), detail, err) < 0)
            return -1;
        if (i && detail_compare(&detail[-1].detail, &detail->detail) >= 0)
            return error_set(err, ERROR_REJECT, "details: not in order");
    }
    return 0;
}

static int read_policy(struct json_object *json, struct tally_policy *policy, struct error *err)
{
    if (json_get_integer(json, "successes", 0, TALLY_COUNT_MAX, &policy->successes, err) < 0 ||
        json_get_integer(json, "failures", 0, TALLY_COUNT_MAX, &policy->failures, err) < 0 ||
        policy_from_members(json, &policy->policy, err) < 0)
        return -1;
    return read_details(json, policy, err);
}

static int read_policies(struct json_object *json, struct tally *tally, struct error *err)
{
    struct json_object *policies = NULL;
    if (json_get_array(json, "policies", &policies, err) < 0)
        return -1;
    size_t count = json_object_array_length(policies);
    tally->policies = mem_alloc(count * sizeof(*tally->policies));
    for (size_t i = 0; i < count; i++) {
        struct tally_policy *policy = &tally->policies[i];
        tally->policy_count = i + 1;
        if (read_policy(json_object_array_get_idx(policies, i), policy, err) < 0)
            return -1;
        if (i && policy_compare(&policy[-1].policy, &policy->policy) >= 0)
            return error_set(err, ERROR_REJECT, "policies: not in order");
    }
    return 0;
}

static int read_tally(const char *key, size_t key_bytes, struct json_object *json,
                      struct tally *tally, struct error *err)
{
    int64_t partition = 0, bytes = 0;
    if (wire_check_version(json, VERSION, err) < 0 ||
        json_get_integer(json, "partition", 0, INT32_MAX, &partition, err) < 0 ||
        json_get_integer(json, "offset", 0, INT64_MAX, &tally->offset, err) < 0 ||
        json_get_integer(json, "bytes", 0, INT64_MAX, &bytes, err) < 0 ||
        read_policies(json, tally, err) < 0)
        return -1;
    tally->partition = (int32_t)partition;
    tally->bytes = (size_t)bytes;
    return tally_key_parse(key, key_bytes, &tally->domain, &tally->day, err);
}

int tally_from_json(const char *key, size_t key_bytes, struct json_object *json,
                    struct tally **tally, struct error *err)
{
    struct tally *read = mem_alloc(sizeof(*read));
    if (read_tally(key, key_bytes, json, read, err) < 0) {
        tally_free(&read);
        return -1;
    }
    *tally = read;
    return 0;
}

struct json_object *watermarks_to_json(const struct watermarks *watermarks)
{
    struct json_object *json = mem_check(json_object_new_object());
    json_add_integer(json, "v", VERSION);
    struct json_object *sources = mem_check(json_object_new_array());
    for (size_t i = 0; i < watermarks->count; i++)
        json_object_array_add(sources, mem_check(json_object_new_int64(watermarks->t_ms[i])));
    json_object_object_add(json, "sources", sources);
    return json;
}

/* -1: not heard of yet. */
static int read_source(struct json_object *value, int64_t *t_ms, struct error *err)
{
    if (!json_object_is_type(value, json_type_int) || json_object_get_int64(value) < -1)
        return error_set(err, ERROR_REJECT, "sources: an item is no time");
    *t_ms = json_object_get_int64(value);
    return 0;
}

int watermarks_from_json(struct json_object *json, struct watermarks *watermarks, struct error *err)
{
    struct json_object *sources = NULL;
    if (wire_check_version(json, VERSION, err) < 0 ||
        json_get_array(json, "sources", &sources, err) < 0)
        return -1;
    struct watermarks read = {.count = json_object_array_length(sources)};
    read.t_ms = mem_alloc(read.count * sizeof(*read.t_ms));
    for (size_t i = 0; i < read.count; i++) {
        if (read_source(json_object_array_get_idx(sources, i), &read.t_ms[i], err) < 0) {
            watermarks_free(&read);
            return -1;
        }
    }
    *watermarks = read;
    return 0;
}

void watermarks_free(struct watermarks *watermarks)
{
    free(watermarks->t_ms);
    *watermarks = (struct watermarks){0};
}
