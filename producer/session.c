#include "producer/session.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/address.h"
#include "common/json.h"
#include "common/memory.h"
#include "common/time.h"
#include "common/uri.h"
#include "producer/document.h"

#define TIMESTAMP_MIN_MS   INT64_C(1420070400000) /* 2015-01-01T00:00:00Z (D2) */
#define TIMESTAMP_AHEAD_MS INT64_C(3600000)       /* of the clock (D2) */
#define DOUBLE_EXACT_MAX   9007199254740992.0     /* 2^53: up to here doubles are integers */
#define POLICY_LINES_MAX   64                     /* D5, D6 */
#define POLICY_LINE_BYTES  1024                   /* D5 */
#define HELO_BYTES         255                    /* D8 */
#define TEXT_BYTES         512                    /* D9 */
#define WORD_BYTES         32                     /* more than any word of the RFC has */
#define BLANKS             " \t\n\v\f\r"
#define DIGITS             "0123456789"

const char *const session_reasons[SESSION_REASONS] = {
    "bad-json",        "updated",   "bad-timestamp", "bad-domain",
    "bad-policy-type", "no-result", "too-large",
};

/* ---- rules ---- */

int session_rules_init(struct session_rules *rules, const struct text_list *exclude,
                       bool omit_sending_ip, struct error *err)
{
    for (size_t i = 0; i < exclude->count; i++) {
        const char *equals = strchr(exclude->items[i], '=');
        if (!equals || equals == exclude->items[i] || !equals[1])
            return error_set(err, ERROR_CONFIG, "scan.exclude: \"%s\" is not field=value",
                             exclude->items[i]);
    }
    rules->omit_sending_ip = omit_sending_ip;
    text_list_copy(&rules->exclude, exclude);
    return 0;
}

void session_rules_free(struct session_rules *rules)
{
    text_list_free(&rules->exclude);
}

static bool slice_is(struct slice text, const char *value)
{
    return text.length == strlen(value) && memcmp(text.bytes, value, text.length) == 0;
}

static bool is_excluded(struct json_object *source, const struct session_rules *rules)
{
    for (size_t i = 0; i < rules->exclude.count; i++) {
        const char *rule = rules->exclude.items[i];
        const char *equals = strchr(rule, '=');
        struct slice text;
        char *field = mem_copy(rule, (size_t)(equals - rule));
        bool found = document_text(source, field, &text) == DOCUMENT_TEXT;
        free(field);
        if (found && slice_is(text, equals + 1))
            return true;
    }
    return false;
}

/* ---- texts ---- */

static struct slice slice_trim(struct slice text)
{
    while (text.length > 0 && memchr(BLANKS, text.bytes[0], strlen(BLANKS))) {
        text.bytes++;
        text.length--;
    }
    while (text.length > 0 && memchr(BLANKS, text.bytes[text.length - 1], strlen(BLANKS)))
        text.length--;
    return text;
}

/* Up to the first of the stop characters; what follows it remains in *text. */
static struct slice slice_cut(struct slice *text, const char *stops)
{
    size_t length = 0;
    while (length < text->length && !memchr(stops, text->bytes[length], strlen(stops)))
        length++;
    struct slice head = {text->bytes, length};
    length += length < text->length;
    text->bytes += length;
    text->length -= length;
    return head;
}

static void ascii_upper(char *text)
{
    for (; *text; text++)
        if (*text >= 'a' && *text <= 'z')
            *text = (char)(*text - 'a' + 'A');
}

/* Without surrounding blanks and in lower case, as D3 and D4 compare; "" if it is no word of the
 * RFC's length. */
static void word_of(struct slice text, char word[WORD_BYTES])
{
    word[0] = '\0';
    text = slice_trim(text);
    if (text.length >= WORD_BYTES || memchr(text.bytes, '\0', text.length))
        return;
    for (size_t i = 0; i < text.length; i++) {
        char c = text.bytes[i];
        word[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    word[text.length] = '\0';
}

/* D9 without its length. NULL: nothing is left. */
static char *cleaned(struct json_object *source, const char *name)
{
    struct slice text;
    if (document_text(source, name, &text) != DOCUMENT_TEXT)
        return NULL;
    return text_clean(text.bytes, text.length, SIZE_MAX);
}

/* ---- D2: timestamp ---- */

static bool digits_read(struct slice text, int64_t *number)
{
    int64_t value = 0;
    for (size_t i = 0; i < text.length; i++) {
        int digit = text.bytes[i] - '0';
        if (digit < 0 || digit > 9)
            return false;
        if (value < INT64_MAX / 100) /* beyond, it stays out of range whatever follows */
            value = value * 10 + digit;
    }
    *number = value;
    return text.length > 0;
}

static bool timestamp_text(struct slice text, int64_t *unix_ms)
{
    struct error err;
    if (digits_read(text, unix_ms))
        return true;
    if (memchr(text.bytes, '\0', text.length))
        return false;
    return time_rfc3339_parse(text.bytes, unix_ms, &err) == 0; /* json-c ends its texts with NUL */
}

static bool timestamp_double(double value, int64_t *unix_ms)
{
    if (!isfinite(value) || floor(value) != value || fabs(value) > DOUBLE_EXACT_MAX)
        return false;
    *unix_ms = (int64_t)value;
    return true;
}

static bool timestamp_read(struct json_object *source, int64_t now_ms, int64_t *unix_ms)
{
    struct json_object *value = document_member(source, "timestamp");
    struct slice text;
    bool read = false;
    if (json_object_is_type(value, json_type_int)) {
        *unix_ms = json_object_get_int64(value); /* clamps: still out of range */
        read = true;
    } else if (json_object_is_type(value, json_type_double)) {
        read = timestamp_double(json_object_get_double(value), unix_ms);
    } else if (document_text(source, "timestamp", &text) == DOCUMENT_TEXT) {
        read = timestamp_text(text, unix_ms);
    }
    return read && *unix_ms >= TIMESTAMP_MIN_MS && *unix_ms <= now_ms + TIMESTAMP_AHEAD_MS;
}

/* ---- the judges: one for each reason, in its order ---- */

/* What is known of a document while it is judged. */
struct reading {
    struct json_object *source;
    const struct session_rules *rules;
    const struct session_facts *facts;
    bool timed; /* timestamp_ms is good */
    int64_t timestamp_ms;
    bool has_domain;      /* some policy-domain, good or not */
    bool has_policy;      /* some policy-type, policy-string or mx-host */
    char *foreign_result; /* D4: a result that is none of the RFC's, cleaned */
    struct session *session;
};

static bool has(const struct reading *reading, const char *name)
{
    return document_member(reading->source, name) != NULL;
}

/* D21: documents are append-only. */
static bool judge_version(struct reading *reading)
{
    return reading->facts->version <= 1;
}

/* D2 */
static bool judge_timestamp(struct reading *reading)
{
    return reading->timed;
}

/* D1 */
static bool judge_domain(struct reading *reading)
{
    if (reading->session->domain[0])
        return true;
    return !reading->has_domain && !reading->has_policy && !has(reading, "result-type");
}

/* D3 */
static bool judge_policy_type(struct reading *reading)
{
    struct policy *policy = &reading->session->event.policy;
    char word[WORD_BYTES];
    struct slice text;
    switch (document_text(reading->source, "policy-type", &text)) {
    case DOCUMENT_ABSENT:
        policy->type = policy_type_find(POLICY_NONE);
        return !reading->has_policy; /* neither strings nor mx */
    case DOCUMENT_TEXT:
        word_of(text, word);
        policy->type = policy_type_find(word);
        return policy->type != NULL;
    case DOCUMENT_NO_TEXT:
        break;
    }
    return false;
}

/* D4. A text of which D9 leaves nothing says nothing: it counts as absent. */
static bool judge_result(struct reading *reading)
{
    struct detail *detail = &reading->session->event.detail;
    char word[WORD_BYTES];
    struct slice text;
    switch (document_text(reading->source, "result-type", &text)) {
    case DOCUMENT_ABSENT:
        return !reading->has_domain && !reading->has_policy;
    case DOCUMENT_NO_TEXT:
        return false;
    case DOCUMENT_TEXT:
        break;
    }
    word_of(text, word);
    detail->result_type = result_type_find(word);
    if (detail->result_type)
        return true;
    text = slice_trim(text);
    reading->foreign_result = text_clean(text.bytes, text.length, SIZE_MAX);
    if (!reading->foreign_result)
        return false;
    detail->result_type = result_type_find(RESULT_VALIDATION_FAILURE);
    return true;
}

/* ---- D5, D6: what a policy says ---- */

/* "usage selector mtype HEX" with single spaces and upper case hex; NULL: it does not look so. */
static char *tlsa_canonical(const char *line)
{
    static const struct {
        const char *allowed;
        size_t max_bytes;
    } fields[] = {{DIGITS, 3}, {DIGITS, 3}, {DIGITS, 3}, {DIGITS "abcdefABCDEF", SIZE_MAX}};
    struct buffer out = {0};
    for (size_t i = 0; i < NELEMS(fields); i++) {
        size_t length = strspn(line, fields[i].allowed);
        if (length == 0 || length > fields[i].max_bytes || (line[length] && line[length] != ' '))
            break;
        buffer_text(&out, i > 0 ? " " : "");
        buffer_add(&out, line, length);
        line += length + strspn(line + length, " ");
        if (i + 1 == NELEMS(fields) && !*line) {
            ascii_upper(out.bytes);
            return buffer_take(&out);
        }
    }
    buffer_free(&out);
    return NULL;
}

/* A tab separates words as a blank does; D9 alone would join them. NULL: nothing is left. */
static char *line_cleaned(struct slice line)
{
    char *text = mem_copy(line.bytes, line.length);
    for (size_t i = 0; i < line.length; i++)
        if (text[i] == '\t')
            text[i] = ' ';
    char *clean = text_clean(text, line.length, SIZE_MAX);
    free(text);
    return clean;
}

/* False: too large. */
static bool add_line(struct policy *policy, struct slice line)
{
    char *text = line_cleaned(line);
    if (!text)
        return true;
    char *canonical = strcmp(policy->type, POLICY_TLSA) == 0 ? tlsa_canonical(text) : NULL;
    if (canonical) {
        free(text);
        text = canonical;
    }
    if (policy->strings.count == POLICY_LINES_MAX || strlen(text) > POLICY_LINE_BYTES) {
        free(text);
        return false;
    }
    text_list_take(&policy->strings, text);
    return true;
}

static bool add_lines(void *context, struct slice text)
{
    while (text.length > 0)
        if (!add_line(context, slice_cut(&text, "\r\n")))
            return false;
    return true;
}

static bool add_mx(void *context, struct slice text)
{
    struct policy *policy = context;
    char pattern[DOMAIN_MAX];
    if (!domain_pattern_normalize(text.bytes, text.length, pattern))
        return true;
    if (policy->mx.count == POLICY_LINES_MAX)
        return false;
    text_list_add(&policy->mx, pattern, strlen(pattern));
    return true;
}

/* D5 and D6 */
static bool judge_size(struct reading *reading)
{
    struct policy *policy = &reading->session->event.policy;
    if (strcmp(policy->type, POLICY_NONE) == 0)
        return true;
    if (!document_each_text(reading->source, "policy-string", add_lines, policy))
        return false;
    if (strcmp(policy->type, POLICY_STS) == 0)
        return document_each_text(reading->source, "mx-host", add_mx, policy);
    text_list_sort(&policy->strings); /* an RRset has no order */
    text_list_unique(&policy->strings);
    return true;
}

/* SESSION_BAD_JSON was judged by the reader. */
static bool (*const judges[SESSION_REASONS])(struct reading *reading) = {
    [SESSION_UPDATED] = judge_version,             /* D21 */
    [SESSION_BAD_TIMESTAMP] = judge_timestamp,     /* D2 */
    [SESSION_BAD_DOMAIN] = judge_domain,           /* D1 */
    [SESSION_BAD_POLICY_TYPE] = judge_policy_type, /* D3 */
    [SESSION_NO_RESULT] = judge_result,            /* D4 */
    [SESSION_TOO_LARGE] = judge_size,              /* D5, D6 */
};

/* ---- the failure's members: each owned, NULL for absent ---- */

/* D7 */
static char *read_address(struct reading *reading, const char *name)
{
    struct address address;
    struct slice text;
    char printed[ADDRESS_TEXT];
    enum document_text found = document_text(reading->source, name, &text);
    if (found == DOCUMENT_ABSENT)
        return NULL;
    if (found == DOCUMENT_NO_TEXT || !address_parse(text.bytes, text.length, &address)) {
        reading->session->bad_addresses++;
        return NULL;
    }
    address_format(&address, printed);
    return mem_text(printed);
}

/* D20 */
static char *read_sending_address(struct reading *reading, const char *name)
{
    return reading->rules->omit_sending_ip ? NULL : read_address(reading, name);
}

/* D8 */
static char *read_hostname(struct reading *reading, const char *name)
{
    char domain[DOMAIN_MAX];
    struct slice text;
    if (document_text(reading->source, name, &text) != DOCUMENT_TEXT ||
        !domain_normalize(text.bytes, text.length, domain))
        return NULL;
    return mem_text(domain);
}

/* D8: some servers write the whole reply to EHLO here. */
static char *read_helo(struct reading *reading, const char *name)
{
    struct slice text;
    if (document_text(reading->source, name, &text) != DOCUMENT_TEXT)
        return NULL;
    struct slice line = slice_trim(slice_cut(&text, "\r\n"));
    struct slice word = slice_cut(&line, BLANKS);
    return text_clean(word.bytes, word.length, HELO_BYTES);
}

static bool is_emitted_uri(const char *text)
{
    return strlen(text) <= TEXT_BYTES && uri_is_absolute(text);
}

/* D9 */
static char *read_information(struct reading *reading, const char *name)
{
    char *text = cleaned(reading->source, name);
    if (text && is_emitted_uri(text))
        return text;
    free(text);
    return NULL;
}

static void append(struct buffer *buffer, const char *separator, char *text)
{
    if (text && buffer->length > 0)
        buffer_text(buffer, separator);
    if (text)
        buffer_text(buffer, text);
    free(text);
}

/* D4: a foreign result stands before the reason; D9: information that is no URI behind it. */
static char *read_reason(struct reading *reading, const char *name)
{
    struct buffer reason = {0};
    append(&reason, "", mem_text(reading->foreign_result));
    append(&reason, ": ", cleaned(reading->source, name));
    char *information = cleaned(reading->source, detail_names[DETAIL_ADDITIONAL_INFORMATION]);
    if (information && !is_emitted_uri(information))
        append(&reason, "; ", information);
    else
        free(information);
    char *text = text_clean(reason.bytes, reason.length, TEXT_BYTES);
    buffer_free(&reason);
    return text;
}

static void read_members(struct reading *reading)
{
    static char *(*const readers[DETAIL_MEMBERS])(struct reading * reading, const char *name) = {
        [DETAIL_SENDING_MTA_IP] = read_sending_address,
        [DETAIL_RECEIVING_MX_HOSTNAME] = read_hostname,
        [DETAIL_RECEIVING_MX_HELO] = read_helo,
        [DETAIL_RECEIVING_IP] = read_address,
        [DETAIL_ADDITIONAL_INFORMATION] = read_information,
        [DETAIL_FAILURE_REASON_CODE] = read_reason,
    };
    for (size_t i = 0; i < DETAIL_MEMBERS; i++)
        reading->session->event.detail.members[i] = readers[i](reading, detail_names[i]);
}

/* ---- one document ---- */

static void read_first(struct reading *reading)
{
    struct slice text;
    enum document_text found = document_text(reading->source, "policy-domain", &text);
    reading->has_domain = found != DOCUMENT_ABSENT;
    reading->has_policy =
        has(reading, "policy-type") || has(reading, "policy-string") || has(reading, "mx-host");
    if (found == DOCUMENT_TEXT &&
        !domain_normalize(text.bytes, text.length, reading->session->domain))
        reading->session->domain[0] = '\0';
    reading->timed =
        timestamp_read(reading->source, reading->facts->now_ms, &reading->timestamp_ms);
}

static enum session_result judge(struct reading *reading)
{
    struct session *session = reading->session;
    if (is_excluded(reading->source, reading->rules))
        return SESSION_EXCLUDED;
    if (reading->timed && reading->timestamp_ms < reading->facts->since_ms)
        return SESSION_SKIPPED;
    for (size_t i = SESSION_UPDATED; i < SESSION_REASONS; i++) {
        if (judges[i](reading))
            continue;
        session->reason = session_reasons[i];
        session->kept = document_members(reading->source);
        return SESSION_REJECT;
    }
    return session->event.detail.result_type ? SESSION_EVENT : SESSION_EMPTY;
}

static void event_complete(struct reading *reading)
{
    struct event *event = &reading->session->event;
    event->day = time_day_of_ms(reading->timestamp_ms);
    event->sessions = 1; /* D10 */
    if (strcmp(event->detail.result_type, RESULT_SUCCESS) != 0)
        read_members(reading);
}

enum session_result session_from_source(struct json_object *source,
                                        const struct session_rules *rules,
                                        const struct session_facts *facts, struct session *session)
{
    struct reading reading = {.source = source, .rules = rules, .facts = facts, .session = session};
    *session = (struct session){.seq_no = -1};
    read_first(&reading);
    enum session_result result = judge(&reading);
    if (result == SESSION_EVENT)
        event_complete(&reading);
    else
        event_free(&session->event);
    free(reading.foreign_result);
    return result;
}

enum session_result session_from_bytes(const char *bytes, size_t length_bytes,
                                       const struct session_rules *rules,
                                       const struct session_facts *facts, struct session *session)
{
    struct document document;
    struct error err;
    if (document_parse(bytes, length_bytes, &document, &err) < 0) {
        *session = (struct session){.reason = session_reasons[SESSION_BAD_JSON], .seq_no = -1};
        return SESSION_REJECT;
    }
    struct session_facts own = *facts;
    if (document.version > 0)
        own.version = document.version;
    enum session_result result = session_from_source(document.source, rules, &own, session);
    session->seq_no = document.seq_no;
    document_free(&document);
    return result;
}

void session_free(struct session *session)
{
    event_free(&session->event);
    json_object_put(session->kept);
    *session = (struct session){0};
}
