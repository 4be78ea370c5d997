#include "aggregator/render.h"

#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/memory.h"
#include "common/text.h"
#include "common/time.h"

#define ID_DOMAIN_MAX  100 /* D13: beyond, the hash stands for it */
#define ID_HASH_DIGITS 16

static void make_id_suffix(const char *prefix, const char *submitter, char suffix[9])
{
    struct buffer hashed = {0};
    buffer_add(&hashed, prefix, strlen(prefix) + 1);
    buffer_text(&hashed, submitter);
    text_sha256_hex(hashed.bytes, hashed.length, 8, suffix);
    buffer_free(&hashed);
}

int render_identity_init(struct render_identity *identity, const char *organization_name,
                         const char *contact_info, const char *prefix, struct error *err)
{
    struct render_identity made = {0};
    if (!organization_name)
        return error_set(err, ERROR_CONFIG, "report.organization_name is not set");
    if (!contact_info)
        return error_set(err, ERROR_CONFIG, "report.contact_info is not set");
    if (!mailbox_normalize(contact_info, strlen(contact_info), made.contact_info))
        return error_set(err, ERROR_CONFIG, "report.contact_info is not one address");
    made.organization_name = mem_text(organization_name);
    make_id_suffix(prefix, mailbox_domain(made.contact_info), made.id_suffix);
    *identity = made;
    return 0;
}

void render_identity_free(struct render_identity *identity)
{
    free(identity->organization_name);
    *identity = (struct render_identity){0};
}

char *render_report_id(const struct tally *tally, const struct render_identity *identity)
{
    char day[TIME_DAY_TEXT];
    char hash[ID_HASH_DIGITS + 1];
    const char *domain = tally->domain;
    time_day_format(tally->day, day);
    if (strlen(domain) > ID_DOMAIN_MAX) {
        text_sha256_hex(domain, strlen(domain), ID_HASH_DIGITS, hash);
        domain = hash;
    }
    return mem_printf("%s.%s.%d-%lld.%s", day, domain, (int)tally->partition,
                      (long long)tally->offset, identity->id_suffix);
}

/* D12: RFC 3339 has no 24:00:00. */
static struct json_object *date_range(int64_t day)
{
    char text[TIME_RFC3339_TEXT];
    struct json_object *range = mem_check(json_object_new_object());
    time_rfc3339_format(day * TIME_DAY_S, text);
    json_add_text(range, "start-datetime", text);
    time_rfc3339_format((day + 1) * TIME_DAY_S - 1, text);
    json_add_text(range, "end-datetime", text);
    return range;
}

static void add_list(struct json_object *object, const char *name, const struct text_list *list)
{
    if (list->count == 0)
        return;
    struct json_object *array = mem_check(json_object_new_array_ext((int)list->count));
    for (size_t i = 0; i < list->count; i++)
        json_object_array_add(array, mem_check(json_object_new_string(list->items[i])));
    json_object_object_add(object, name, array);
}

static struct json_object *render_policy(const struct policy *policy, const char *domain)
{
    struct json_object *json = mem_check(json_object_new_object());
    json_add_text(json, "policy-type", policy->type);
    if (strcmp(policy->type, POLICY_NONE) != 0)
        add_list(json, "policy-string", &policy->strings);
    json_add_text(json, "policy-domain", domain);
    if (strcmp(policy->type, POLICY_STS) == 0)
        add_list(json, "mx-host", &policy->mx);
    return json;
}

static struct json_object *render_summary(const struct tally_policy *counted)
{
    struct json_object *json = mem_check(json_object_new_object());
    json_add_integer(json, "total-successful-session-count", counted->successes);
    json_add_integer(json, "total-failure-session-count", counted->failures);
    return json;
}

/* RFC 8460 section 4.4 has the count between the members that tell where and those that tell why.
 */
static struct json_object *render_detail(const struct detail *detail, int64_t count)
{
    struct json_object *json = mem_check(json_object_new_object());
    json_add_text(json, "result-type", detail->result_type);
    for (size_t i = 0; i < DETAIL_MEMBERS; i++) {
        if (i == DETAIL_ADDITIONAL_INFORMATION)
            json_add_integer(json, "failed-session-count", count);
        json_add_text(json, detail_names[i], detail->members[i]);
    }
    return json;
}

static struct json_object *render_counted(const struct tally_policy *counted, const char *domain)
{
    struct json_object *json = mem_check(json_object_new_object());
    json_object_object_add(json, "policy", render_policy(&counted->policy, domain));
    json_object_object_add(json, "summary", render_summary(counted));
    if (counted->detail_count == 0)
        return json;
    struct json_object *details = mem_check(json_object_new_array_ext((int)counted->detail_count));
    for (size_t i = 0; i < counted->detail_count; i++) {
        const struct tally_detail *detail = &counted->details[i];
        json_object_array_add(details, render_detail(&detail->detail, detail->count));
    }
    json_object_object_add(json, "failure-details", details);
    return json;
}

static char *write_and_put(struct json_object *json)
{
    char *text = json_write(json);
    json_object_put(json);
    return text;
}

char *render_report(const struct tally *tally, const struct render_identity *identity)
{
    struct json_object *json = mem_check(json_object_new_object());
    char *report_id = render_report_id(tally, identity);
    json_add_text(json, "organization-name", identity->organization_name);
    json_object_object_add(json, "date-range", date_range(tally->day));
    json_add_text(json, "contact-info", identity->contact_info);
    json_add_text(json, "report-id", report_id);
    struct json_object *policies = mem_check(json_object_new_array_ext((int)tally->policy_count));
    for (size_t i = 0; i < tally->policy_count; i++)
        json_object_array_add(policies, render_counted(&tally->policies[i], tally->domain));
    json_object_object_add(json, "policies", policies);
    free(report_id);
    return write_and_put(json);
}

int64_t render_sessions(const struct tally *tally)
{
    int64_t sessions = 0;
    for (size_t i = 0; i < tally->policy_count; i++)
        sessions += tally->policies[i].successes + tally->policies[i].failures;
    return sessions;
}

static size_t bytes_and_put(struct json_object *json)
{
    char *text = write_and_put(json);
    size_t bytes = strlen(text);
    free(text);
    return bytes;
}

size_t render_envelope_bytes(const struct render_identity *identity)
{
    char domain[ID_DOMAIN_MAX + 1];
    memset(domain, 'x', ID_DOMAIN_MAX);
    domain[ID_DOMAIN_MAX] = '\0';
    struct tally longest = {.domain = domain, .partition = INT32_MAX, .offset = INT64_MAX};
    char *report = render_report(&longest, identity);
    size_t bytes = strlen(report);
    free(report);
    return bytes;
}

size_t render_policy_bytes(const struct policy *policy, const char *domain)
{
    struct tally_policy longest = {
        .policy = *policy, .successes = TALLY_COUNT_MAX, .failures = TALLY_COUNT_MAX};
    return bytes_and_put(render_counted(&longest, domain)) + strlen(",") +
           strlen(",\"failure-details\":[]");
}

size_t render_detail_bytes(const struct detail *detail)
{
    return bytes_and_put(render_detail(detail, TALLY_COUNT_MAX)) + strlen(",");
}
