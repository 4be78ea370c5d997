#include "sender/verbs.h"

#include <stdlib.h>
#include <string.h>

#include "common/address.h"
#include "common/domain.h"
#include "common/gzip.h"
#include "common/json.h"
#include "common/memory.h"
#include "common/text.h"
#include "common/time.h"
#include "sender/admit.h"
#include "sender/look.h"
#include "sender/mime.h"
#include "sender/settings.h"
#include "sender/targets.h"

static int usage(const char *sentence)
{
    fprintf(stderr, "tlsrpt-sender: %s\n", sentence);
    return PROGRAM_USAGE;
}

/* ---- targets ---- */

/* One answer as JSON: records, each a string or an array of its character-strings. Borrows from the
 * JSON. */
struct answer {
    struct txt_record *records;
    struct txt_string *strings;
    size_t record_count, string_count;
};

static bool answer_add_string(struct answer *answer, struct json_object *string)
{
    if (!json_object_is_type(string, json_type_string))
        return false;
    answer->strings[answer->string_count++] = (struct txt_string){
        json_object_get_string(string), (size_t)json_object_get_string_len(string)};
    return true;
}

static bool answer_add_record(struct answer *answer, struct json_object *record)
{
    bool listed = json_object_is_type(record, json_type_array);
    size_t count = listed ? json_object_array_length(record) : 1;
    const struct txt_string *first = answer->strings + answer->string_count;
    for (size_t i = 0; i < count; i++)
        if (!answer_add_string(answer, listed ? json_object_array_get_idx(record, i) : record))
            return false;
    answer->records[answer->record_count++] = (struct txt_record){first, count};
    return true;
}

static size_t answer_count_strings(struct json_object *json)
{
    size_t count = 0;
    for (size_t i = 0; i < json_object_array_length(json); i++) {
        struct json_object *record = json_object_array_get_idx(json, i);
        count +=
            json_object_is_type(record, json_type_array) ? json_object_array_length(record) : 1;
    }
    return count;
}

static bool answer_read(struct json_object *json, struct answer *answer)
{
    if (!json_object_is_type(json, json_type_array))
        return false;
    size_t records = json_object_array_length(json);
    answer->records = mem_alloc((records + 1) * sizeof(*answer->records));
    answer->strings = mem_alloc((answer_count_strings(json) + 1) * sizeof(*answer->strings));
    for (size_t i = 0; i < records; i++)
        if (!answer_add_record(answer, json_object_array_get_idx(json, i)))
            return false;
    return true;
}

static struct json_object *ignored_json(const struct targets *targets)
{
    struct json_object *list = json_object_new_array();
    for (size_t i = 0; i < targets->ignored_count; i++) {
        struct json_object *ignored = json_object_new_object();
        json_add_text(ignored, "uri", targets->ignored[i].uri);
        json_add_text(ignored, "reason", target_flaw_name(targets->ignored[i].flaw));
        json_object_array_add(list, ignored);
    }
    return list;
}

static void targets_print(const char *reason, const struct targets *targets)
{
    struct json_object *line = json_object_new_object();
    struct json_object *used = json_object_new_array();
    for (size_t i = 0; i < targets->used.count; i++)
        json_object_array_add(used, json_object_new_string(targets->used.items[i]));
    json_add_text(line, "status", reason ? "none" : "ok");
    json_object_object_add(line, "reason", reason ? json_object_new_string(reason) : NULL);
    json_object_object_add(line, "targets", used);
    json_object_object_add(line, "ignored", ignored_json(targets));
    char *text = json_write(line);
    printf("%s\n", text);
    free(text);
    json_object_put(line);
}

void verbs_print_targets(const struct txt_record *records, size_t count)
{
    struct targets targets;
    targets_parse(records, count, &targets);
    targets_print(targets_reason_name(targets.reason), &targets);
    targets_free(&targets);
}

static int targets_line(void *context, const char *bytes, size_t length_bytes, int64_t number,
                        struct error *err)
{
    struct error unreadable;
    struct answer answer = {0};
    struct targets targets = {0};
    struct json_object *json = json_parse(bytes, length_bytes, &unreadable);
    (void)context, (void)number, (void)err;
    if (json && answer_read(json, &answer)) {
        verbs_print_targets(answer.records, answer.record_count);
    } else {
        targets_print("bad-input", &targets);
    }
    targets_free(&targets);
    free(answer.records);
    free(answer.strings);
    json_object_put(json);
    return 0;
}

static int targets_run(const struct config *config, int argc, char **argv, struct error *err)
{
    (void)config;
    if (argc > 1)
        return usage("targets takes one file");
    return program_each_line(argc, argv, targets_line, NULL, err) < 0 ? -1 : PROGRAM_OK;
}

/* ---- compose ---- */

struct compose {
    const char *to, *date; /* borrowed; NULL: not given */
    char *files[1];
    int file_count;
};

static bool compose_parse(struct compose *compose, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        bool to = strcmp(argv[i], "--to") == 0, date = strcmp(argv[i], "--date") == 0;
        if ((to || date) && i + 1 == argc)
            return false;
        if (to)
            compose->to = argv[++i];
        else if (date)
            compose->date = argv[++i];
        else if ((argv[i][0] == '-' && argv[i][1]) || compose->file_count == 1)
            return false;
        else
            compose->files[compose->file_count++] = argv[i];
    }
    return compose->to != NULL;
}

static int input_line(void *context, const char *bytes, size_t length_bytes, int64_t number,
                      struct error *err)
{
    struct buffer *input = context;
    (void)err;
    if (number > 1)
        buffer_text(input, "\n");
    buffer_add(input, bytes, length_bytes);
    return 0;
}

/* What the mail says about a report, from the report itself. domain is borrowed from json. */
struct facts {
    const char *report_id, *domain;
    int64_t begin_ms, end_ms;
};

static int time_read(struct json_object *range, const char *name, int64_t *ms, struct error *err)
{
    const char *text = NULL;
    return json_get_text(range, name, &text, err) < 0 ? -1 : time_rfc3339_parse(text, ms, err);
}

static int facts_read(struct json_object *report, struct facts *facts, struct error *err)
{
    struct json_object *range = json_object_object_get(report, "date-range");
    struct json_object *policies = NULL;
    if (json_get_text(report, "report-id", &facts->report_id, err) < 0)
        return -1;
    if (!json_object_is_type(range, json_type_object))
        return error_set(err, ERROR_REJECT, "date-range is missing");
    if (time_read(range, "start-datetime", &facts->begin_ms, err) < 0 ||
        time_read(range, "end-datetime", &facts->end_ms, err) < 0 ||
        json_get_array(report, "policies", &policies, err) < 0)
        return -1;
    struct json_object *first =
        json_object_array_length(policies) > 0 ? json_object_array_get_idx(policies, 0) : NULL;
    struct json_object *policy = first ? json_object_object_get(first, "policy") : NULL;
    if (!json_object_is_type(policy, json_type_object))
        return error_set(err, ERROR_REJECT, "policies: there is no policy");
    return json_get_text(policy, "policy-domain", &facts->domain, err);
}

/* RFC 3339, or seconds since 1970. */
static bool date_parse(const char *text, int64_t *ms)
{
    struct error ignored;
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 11 || text[digits])
        return time_rfc3339_parse(text, ms, &ignored) == 0;
    *ms = strtoll(text, NULL, 10) * 1000;
    return true;
}

static int mail_write(const struct config *config, const struct facts *facts, const char *target,
                      int64_t created_ms, const struct buffer *payload, struct error *err)
{
    struct settings_sender sender;
    struct buffer message = {0};
    if (settings_sender_read(config, &sender, err) < 0)
        return -1;
    const struct mime_letter letter = {
        .report_id = facts->report_id,
        .domain = facts->domain,
        .day = time_day_of_ms(facts->begin_ms),
        .target = target,
        .to = target,
        .created_ms = created_ms,
        .submitter = sender.submitter,
        .from = sender.from,
        .organization = sender.organization,
        .payload = payload->bytes,
        .payload_bytes = payload->length,
    };
    int result = mime_compose(&letter, &message, err);
    if (result == 0)
        fwrite(message.bytes, 1, message.length, stdout);
    buffer_free(&message);
    return result;
}

/* input: the report as it stands in the topic `reports`. */
static int report_write(const struct config *config, const struct compose *compose,
                        const char *target, int64_t date_ms, const struct buffer *input,
                        struct error *err)
{
    struct facts facts;
    struct buffer payload = {0};
    struct json_object *report = json_parse_object(input->bytes, input->length, err);
    int result = report ? facts_read(report, &facts, err) : -1;
    if (result == 0) {
        int64_t created_ms = compose->date ? date_ms : facts.end_ms + 1000;
        gzip_compress(input->bytes, input->length, &payload);
        if (strncmp(target, "mailto:", 7) == 0)
            result = mail_write(config, &facts, target, created_ms, &payload, err);
        else
            fwrite(payload.bytes, 1, payload.length, stdout);
    }
    json_object_put(report);
    buffer_free(&payload);
    return result;
}

static int compose_to(const struct config *config, struct compose *compose, const char *target,
                      struct error *err)
{
    struct buffer input = {0};
    int64_t date_ms = 0;
    bool mail = strncmp(target, "mailto:", 7) == 0;
    if (compose->date && !date_parse(compose->date, &date_ms))
        return usage("--date takes an RFC 3339 time or seconds since 1970");
    if (mail && strcmp(config_text(config, "dkim.mode"), "sign") == 0)
        return usage(
            "dkim.mode=sign is not available yet; dkim.mode=relay shows what the relay would sign");
    buffer_text(&input, "");
    int result = program_each_line(compose->file_count, compose->files, input_line, &input, err);
    if (result == 0)
        result = report_write(config, compose, target, date_ms, &input, err);
    buffer_free(&input);
    return result < 0 ? -1 : PROGRAM_OK;
}

static int compose_run(const struct config *config, int argc, char **argv, struct error *err)
{
    struct compose compose = {0};
    char *target = NULL;
    if (!compose_parse(&compose, argc, argv))
        return usage("compose takes --to URI [--date TIME] [FILE]");
    enum target_flaw flaw = target_normalize(compose.to, strlen(compose.to), &target);
    if (flaw != TARGET_USABLE) {
        fprintf(stderr, "tlsrpt-sender: --to: no usable target (%s)\n", target_flaw_name(flaw));
        return PROGRAM_USAGE;
    }
    int code = compose_to(config, &compose, target, err);
    free(target);
    return code;
}

/* ---- egress ---- */

/* ADDRESS:PORT or [ADDRESS]:PORT, as the host of an https target would be written. */
static bool endpoint_read(const char *text, struct target *target, struct address *address)
{
    char *uri = mem_printf("https://%s/", text);
    char *normal = NULL;
    const char *colon = strrchr(text, ':');
    bool has_port = colon && strspn(colon + 1, "0123456789") == strlen(colon + 1) && colon[1];
    bool good = has_port && !strpbrk(text, "/?#@") &&
                target_normalize(uri, strlen(uri), &normal) == TARGET_USABLE &&
                target_read(normal, target) && target->literal &&
                address_parse(target->host, strlen(target->host), address);
    free(normal);
    free(uri);
    return good;
}

static int egress_run(const struct config *config, int argc, char **argv, struct error *err)
{
    struct admit_rules rules;
    if (argc == 0)
        return usage("egress takes ADDRESS:PORT ... ([v6]:port)");
    if (admit_rules_init(&rules, config_list(config, "https.ports"),
                         config_list(config, "egress.allow"), config_list(config, "egress.deny"),
                         err) < 0)
        return -1;
    for (int i = 0; i < argc; i++) {
        struct egress_verdict verdict = {false, "bad-input"};
        struct target target;
        struct address address;
        if (endpoint_read(argv[i], &target, &address))
            verdict = admit_judge(&rules, &target, &address, 1);
        printf("%s %s %s\n", argv[i], verdict.allowed ? "allowed" : "denied", verdict.rule);
    }
    admit_rules_free(&rules);
    return PROGRAM_OK;
}

/* ---- the table ---- */

const struct verb verbs[] = {
    {"targets", "[FILE]",
     "TXT answers, one a line (a JSON array of records, each a string or an array of strings): "
     "where reports would go",
     targets_run, true},
    {"compose", "--to URI [--date TIME] [FILE]",
     "a report: the exact bytes that would be sent to URI (https: the body; mailto: the message)",
     compose_run, true},
    {"egress", "ADDRESS:PORT ...",
     "whether an https target may be delivered to there, and the rule that says so", egress_run,
     true},
    {"lookup", "DOMAIN", "ask DNS now: where reports about DOMAIN would go", look_lookup, true},
    {"outcomes", "", "what became of every report and target, one a line", look_outcomes, false},
    {"trace", "DOMAIN [DAY]", "not available yet; outcomes tells the attempts", NULL, true},
    {"replay", "", "not available yet", NULL, true},
    {"suppress", "", "not available yet; deliver.domains limits where reports go", NULL, true},
    {"dkim-record", "", "not available yet", NULL, true},
    {NULL, NULL, NULL, NULL, false},
};
