#include "producer/verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/kafka/property.h"
#include "common/kafka/table.h"
#include "common/kafka/topics.h"
#include "common/memory.h"
#include "common/program.h"
#include "common/time.h"
#include "common/wire/event.h"
#include "common/wire/reject.h"
#include "producer/combine.h"
#include "producer/elastic.h"
#include "producer/session.h"

#define BATCH_DOCUMENTS 5000 /* combined at a time, as one task's are by default */

static int rules_of(const struct config *config, struct session_rules *rules, struct error *err)
{
    bool omit = strcmp(config_text(config, "report.sending_ip"), "omit") == 0;
    return session_rules_init(rules, config_list(config, "scan.exclude"), omit, err);
}

static int check_elastic(const struct config *config, struct error *err)
{
    static const char *const needed[] = {"elastic.url", "elastic.index"};
    for (size_t i = 0; i < NELEMS(needed); i++)
        if (config_list(config, needed[i])->count == 0)
            return error_set(err, ERROR_CONFIG, "%s is not set", needed[i]);
    bool user = config_is_set(config, "elastic.user");
    if (user != config_is_set(config, "elastic.password_file"))
        return error_set(err, ERROR_CONFIG, "elastic.user and elastic.password_file go together");
    if (user && config_is_set(config, "elastic.api_key_file"))
        return error_set(err, ERROR_CONFIG,
                         "elastic.user and elastic.api_key_file exclude each "
                         "other");
    return elastic_config_check(config, err);
}

int verbs_check(const struct config *config, bool runs_jobs, struct error *err)
{
    struct session_rules rules = {0};
    if (property_check(config, err) < 0 || rules_of(config, &rules, err) < 0)
        return -1;
    session_rules_free(&rules);
    return runs_jobs ? check_elastic(config, err) : 0;
}

/* ---- events ---- */

struct filter {
    struct session_rules rules;
    struct session_facts facts;
    struct combine *combine;
    int64_t documents, sessions, events, rejected, empty, excluded, bad_addresses;
};

/* {"topic":..,"key":..,"headers":{..},"value":{..}}; headers and value are taken. */
static void write_line(const char *topic, const char *key, struct json_object *headers,
                       struct json_object *value)
{
    struct json_object *json = mem_check(json_object_new_object());
    json_add_text(json, "topic", topic);
    json_object_object_add(json, "key", *key ? mem_check(json_object_new_string(key)) : NULL);
    json_object_object_add(json, "headers", headers);
    json_object_object_add(json, "value", value);
    char *text = json_write(json);
    puts(text);
    free(text);
    json_object_put(json);
}

static void write_event(void *context, const char *domain, const struct event *event)
{
    struct filter *filter = context;
    write_line("events", domain, mem_check(json_object_new_object()), event_to_json(event));
    filter->events++;
}

/* The scan job's rules refused it: its name is the stage. */
static void write_reject(const struct session *session, int64_t number, size_t length_bytes)
{
    struct json_object *headers = mem_check(json_object_new_object());
    char *origin = mem_printf("%lld", (long long)number);
    json_add_text(headers, "stage", "scan");
    json_add_text(headers, "reason", session->reason);
    json_add_text(headers, "origin", origin);
    write_line("rejected", session->domain, headers, reject_value(session->kept, length_bytes));
    free(origin);
}

static int take_document(void *context, const char *bytes, size_t length_bytes, int64_t number,
                         struct error *err)
{
    (void)err;
    struct filter *filter = context;
    struct session session;
    filter->facts.now_ms = time_now_ms();
    switch (session_from_bytes(bytes, length_bytes, &filter->rules, &filter->facts, &session)) {
    case SESSION_EVENT:
        combine_add(filter->combine, session.domain, &session.event);
        filter->sessions++;
        break;
    case SESSION_REJECT:
        write_reject(&session, number, length_bytes);
        filter->rejected++;
        break;
    case SESSION_EXCLUDED:
        filter->excluded++;
        break;
    case SESSION_EMPTY:
    case SESSION_SKIPPED: /* never: a filter has no since */
        filter->empty++;
        break;
    }
    filter->bad_addresses += session.bad_addresses;
    session_free(&session);
    if (++filter->documents % BATCH_DOCUMENTS == 0)
        combine_drain(filter->combine, write_event, filter);
    return 0;
}

static void print_counts(const struct filter *filter)
{
    fprintf(stderr,
            "events documents=%lld sessions=%lld events=%lld rejected=%lld empty=%lld "
            "excluded=%lld bad_addresses=%lld\n",
            (long long)filter->documents, (long long)filter->sessions, (long long)filter->events,
            (long long)filter->rejected, (long long)filter->empty, (long long)filter->excluded,
            (long long)filter->bad_addresses);
}

int verbs_events(const struct config *config, int argc, char **argv, struct error *err)
{
    struct filter filter = {0};
    if (argc > 1) {
        fprintf(stderr, "tlsrpt-producer events: one FILE at most\n");
        return PROGRAM_USAGE;
    }
    if (rules_of(config, &filter.rules, err) < 0)
        return -1;
    filter.combine = combine_new();
    int result = program_each_line(argc, argv, take_document, &filter, err);
    combine_drain(filter.combine, write_event, &filter);
    if (result == 0)
        print_counts(&filter);
    combine_free(&filter.combine);
    session_rules_free(&filter.rules);
    return result;
}

/* ---- topics ---- */

int verbs_topics(const struct config *config, int argc, char **argv, struct error *err)
{
    bool accept_loss = argc == 1 && strcmp(argv[0], "--accept-loss") == 0;
    if (argc > 0 && !accept_loss) {
        fprintf(stderr, "tlsrpt-producer topics: --accept-loss is all that it takes\n");
        return PROGRAM_USAGE;
    }
    return topics_create(config, accept_loss, stdout, err);
}

/* ---- rejected ---- */

/* Rejects are ours, but whatever stands in the topic is shown. */
static struct json_object *value_shown(const struct record *record)
{
    struct error ignored;
    size_t value_bytes = 0;
    const char *value = record_value(record, &value_bytes);
    if (!value)
        return NULL;
    struct json_object *json = json_parse(value, value_bytes, &ignored);
    if (json)
        return json;
    char *text = text_clean(value, value_bytes, REJECT_VALUE_MAX);
    json = mem_check(json_object_new_string(text ? text : ""));
    free(text);
    return json;
}

static int show_reject(void *context, struct record *record, struct error *err)
{
    static const char *const names[] = {"stage", "reason", "origin"};
    size_t key_bytes = 0;
    const char *key = record_key(record, &key_bytes);
    char *key_text = key ? text_clean(key, key_bytes, REJECT_VALUE_MAX) : NULL;
    struct json_object *headers = mem_check(json_object_new_object());
    (void)context;
    (void)err;
    for (size_t i = 0; i < NELEMS(names); i++)
        json_add_text(headers, names[i], record_header(record, names[i]));
    write_line("rejected", key_text ? key_text : "", headers, value_shown(record));
    free(key_text);
    return 0;
}

int verbs_rejected(const struct config *config, int argc, char **argv, struct error *err)
{
    if (argc > 0)
        return error_set(err, ERROR_ABSENT, "rejected: %s is not available yet", argv[0]);
    return table_read_all(config, "rejected", show_reject, NULL, err);
}
