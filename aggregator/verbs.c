#include "aggregator/verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/due.h"
#include "aggregator/fold.h"
#include "aggregator/render.h"
#include "common/json.h"
#include "common/kafka/property.h"
#include "common/memory.h"
#include "common/program.h"
#include "common/wire/event.h"
#include "common/wire/reject.h"

static int identity_of(const struct config *config, struct render_identity *identity,
                       struct error *err)
{
    return render_identity_init(identity, config_text(config, "report.organization_name"),
                                config_text(config, "report.contact_info"),
                                config_text(config, "topics.prefix"), err);
}

static struct fold_rules rules_of(const struct config *config,
                                  const struct render_identity *identity)
{
    return (struct fold_rules){
        .details_max = (size_t)config_integer(config, "report.max_details"),
        .envelope_bytes = render_envelope_bytes(identity),
        .grace_ms = config_duration_ms(config, "report.grace"),
        .spread_ms = config_duration_ms(config, "report.spread"),
        .omit_sending_ip = strcmp(config_text(config, "report.sending_ip"), "omit") == 0,
    };
}

/* Sessions must not count as too late while the report that they belong to is still open. */
static int check_times(const struct config *config, struct error *err)
{
    int64_t open_ms =
        config_duration_ms(config, "report.grace") + config_duration_ms(config, "report.spread");
    if (config_duration_ms(config, "report.late") >= open_ms)
        return 0;
    return config_complain(config, "report.late", err,
                           "must be at least report.grace and report.spread together");
}

int verbs_check(const struct config *config, bool runs_jobs, struct error *err)
{
    (void)runs_jobs; /* what the filter needs, the job needs too */
    struct render_identity identity;
    if (property_check(config, err) < 0 || identity_of(config, &identity, err) < 0)
        return -1;
    render_identity_free(&identity);
    return check_times(config, err);
}

struct filter {
    struct fold *fold;
    struct text_list excluded;
    int64_t lines, rejected, excluded_sessions;
    int64_t saturated, policies_folded, details_folded;
};

struct line {
    int64_t number; /* from 1 */
    size_t length_bytes;
    const char *key;           /* NULL: none */
    struct json_object *value; /* NULL: no object */
};

static void write_line(struct json_object *json)
{
    char *text = json_write(json);
    puts(text);
    free(text);
    json_object_put(json);
}

static void reject_line(struct filter *filter, const struct line *line, const char *reason)
{
    struct json_object *json = mem_check(json_object_new_object());
    struct json_object *headers = mem_check(json_object_new_object());
    char *origin = mem_printf("%lld", (long long)line->number);
    json_add_text(headers, "stage", "aggregate");
    json_add_text(headers, "reason", reason);
    json_add_text(headers, "origin", origin);
    json_add_text(json, "topic", "rejected");
    json_object_object_add(json, "key",
                           line->key ? mem_check(json_object_new_string(line->key)) : NULL);
    json_object_object_add(json, "headers", headers);
    json_object_object_add(json, "value", reject_value(line->value, line->length_bytes));
    write_line(json);
    free(origin);
    filter->rejected++;
}

static void count_notes(struct filter *filter, unsigned notes)
{
    filter->saturated += (notes & FOLD_SATURATED) != 0;
    filter->policies_folded += (notes & FOLD_POLICY_FOLDED) != 0;
    filter->details_folded += (notes & FOLD_DETAIL_FOLDED) != 0;
}

/* NULL, or why the session counts for nobody. Its place is partition 0, line from 0 (D13). */
static const char *count_session(struct filter *filter, const struct line *line,
                                 const struct event *event)
{
    char domain[DOMAIN_MAX];
    if (!fold_domain(line->key, line->key ? strlen(line->key) : 0, domain))
        return "bad-domain";
    if (due_is_excluded(&filter->excluded, domain))
        filter->excluded_sessions += event->sessions;
    else
        count_notes(filter, fold_event(filter->fold, domain, event, 0, line->number - 1, -1));
    return NULL;
}

/* -1 with ERROR_REJECT: not readable; another kind ends the filter. */
static int take_value(struct filter *filter, const struct line *line, const char **reason,
                      struct error *err)
{
    enum event_kind kind;
    struct event event;
    if (!line->value)
        return error_set(err, ERROR_REJECT, "value is no object");
    if (event_kind_of(line->value, &kind, err) < 0)
        return -1;
    if (kind == EVENT_WATERMARK)
        return 0;
    if (event_from_json(line->value, &event, err) < 0)
        return -1;
    *reason = count_session(filter, line, &event);
    event_free(&event);
    return 0;
}

static int take_line(struct filter *filter, const struct line *line, const char *topic,
                     struct error *err)
{
    const char *reason = NULL;
    if (topic && strcmp(topic, "rejected") == 0)
        return 0;
    if (!topic || strcmp(topic, "events") != 0)
        reason = "unreadable";
    else if (take_value(filter, line, &reason, err) < 0) {
        if (err->kind != ERROR_REJECT)
            return error_wrap(err, "line %lld", (long long)line->number);
        reason = "unreadable";
    }
    if (reason)
        reject_line(filter, line, reason);
    return 0;
}

/* NULL also for a text with a NUL in it: what stands before that is another text. */
static const char *whole_text(struct json_object *json, const char *name)
{
    const char *text = NULL;
    struct error absent = {0};
    return json_get_text(json, name, &text, &absent) < 0 ? NULL : text;
}

static int render_line(void *context, const char *bytes, size_t length_bytes, int64_t number,
                       struct error *err)
{
    struct filter *filter = context;
    struct line line = {.number = number, .length_bytes = length_bytes};
    struct json_object *json = json_parse_object(bytes, length_bytes, err);
    filter->lines++;
    if (!json) {
        reject_line(filter, &line, "unreadable");
        return 0;
    }
    struct json_object *value = NULL;
    if (json_object_object_get_ex(json, "value", &value) &&
        json_object_is_type(value, json_type_object))
        line.value = value;
    const char *topic = whole_text(json, "topic");
    line.key = whole_text(json, "key");
    int result = take_line(filter, &line, topic, err);
    json_object_put(json);
    return result;
}

/* Every tally here has a session: it was opened by one. */
static void write_reports(const struct filter *filter, const struct render_identity *identity)
{
    struct tally **tallies = fold_list(filter->fold);
    for (size_t i = 0; i < fold_count(filter->fold); i++) {
        char *report = render_report(tallies[i], identity);
        puts(report);
        free(report);
    }
    free(tallies);
}

static void write_counts(const struct filter *filter)
{
    const struct {
        const char *name;
        int64_t number;
    } counts[] = {
        {"lines", filter->lines},
        {"reports", (int64_t)fold_count(filter->fold)},
        {"rejected", filter->rejected},
        {"excluded_sessions", filter->excluded_sessions},
        {"counts_saturated", filter->saturated},
        {"policies_folded", filter->policies_folded},
        {"details_folded", filter->details_folded},
    };
    fputs("render", stderr);
    for (size_t i = 0; i < NELEMS(counts); i++)
        fprintf(stderr, " %s=%lld", counts[i].name, (long long)counts[i].number);
    fputc('\n', stderr);
}

static int render_all(struct filter *filter, const struct render_identity *identity, int argc,
                      char **argv, struct error *err)
{
    if (program_each_line(argc, argv, render_line, filter, err) < 0)
        return -1;
    write_reports(filter, identity);
    write_counts(filter);
    return PROGRAM_OK;
}

int verbs_render(const struct config *config, int argc, char **argv, struct error *err)
{
    struct filter filter = {0};
    struct render_identity identity;
    int result = -1;
    if (argc > 1) {
        fprintf(stderr, "tlsrpt-aggregator render: one FILE at most\n");
        return PROGRAM_USAGE;
    }
    if (identity_of(config, &identity, err) < 0)
        return -1;
    struct fold_rules rules = rules_of(config, &identity);
    filter.fold = fold_new(&rules);
    if (due_exclusions(config_list(config, "report.exclude_domains"), &filter.excluded, err) == 0)
        result = render_all(&filter, &identity, argc, argv, err);
    fold_free(&filter.fold);
    text_list_free(&filter.excluded);
    render_identity_free(&identity);
    return result;
}
