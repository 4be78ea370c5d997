#include "sender/mime.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "common/domain.h"
#include "common/gzip.h"
#include "common/json.h"
#include "common/mailbox.h"
#include "common/memory.h"
#include "common/time.h"
#include "sender/targets.h"

#define CRLF "\r\n"

#define FOLD_COLUMNS    ((size_t)76) /* where an encoded word stands (RFC 2047 section 2) */
#define BASE64_COLUMNS  76
#define BASE64_GROUP    57  /* bytes that give one line of BASE64_COLUMNS */
#define WORD_BYTES      42  /* in one encoded word: 56 of base64 and 12 around it are under 75 */
#define NAME_BYTES      200 /* of the organisation in From */
#define REPORT_MAX      ((size_t)32 << 20)
#define BOUNDARY_DIGITS 32
#define UNIQUE_DIGITS   16
#define TARGET_DIGITS   8

/* ---- header fields ---- */

static bool is_header_text(const char *value, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (value[i] < ' ' || value[i] > '~')
            return false;
    return length > 0 && length <= MIME_LINE_MAX && value[0] != ' ';
}

/* Appends one word after a blank, on a new line if this one would get too long; *column is kept. */
static void word_add(struct buffer *out, const char *word, size_t length, size_t *column)
{
    if (*column > 0 && *column + 1 + length > FOLD_COLUMNS) {
        buffer_text(out, CRLF);
        *column = 0;
    }
    buffer_text(out, " ");
    buffer_add(out, word, length);
    *column += 1 + length;
}

static void buffer_cut(struct buffer *buffer, size_t length)
{
    if (!buffer->bytes)
        return;
    buffer->length = length;
    buffer->bytes[length] = '\0';
}

/* The first word stays beside the name, however long: a first line without a value confuses
 * readers. */
int mime_header_add(struct buffer *out, const char *name, const char *value, size_t length_bytes,
                    struct error *err)
{
    size_t before = out->length, at = 0, column = 0;
    bool fits = is_header_text(value, length_bytes);
    buffer_printf(out, "%s:", name);
    while (fits && at < length_bytes) {
        size_t end = at;
        while (end < length_bytes && value[end] != ' ')
            end++;
        if (end > at)
            word_add(out, value + at, end - at, &column);
        if (column > 0 && at == 0)
            column += strlen(name) + 1;
        fits = column <= MIME_LINE_MAX;
        at = end + 1;
    }
    if (!fits) {
        buffer_cut(out, before);
        return error_set(err, ERROR_REJECT, "%s: the value cannot stand in a header", name);
    }
    buffer_text(out, CRLF);
    return 0;
}

/* ---- values ---- */

static void base64_add(struct buffer *out, const unsigned char *bytes, size_t length)
{
    unsigned char text[BASE64_COLUMNS + 1];
    int written = EVP_EncodeBlock(text, bytes, (int)length);
    buffer_add(out, text, (size_t)written);
}

static bool is_ascii(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text > 0x7f)
            return false;
    return true;
}

/* How much of clean UTF-8 fits into limit bytes without cutting a character. */
static size_t utf8_prefix(const char *text, size_t limit)
{
    size_t length = strnlen(text, limit + 1);
    if (length <= limit)
        return length;
    length = limit;
    while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
        length--;
    return length;
}

static void add_encoded_words(struct buffer *out, const char *text)
{
    while (*text) {
        size_t length = utf8_prefix(text, WORD_BYTES);
        buffer_text(out, "=?UTF-8?B?");
        base64_add(out, (const unsigned char *)text, length);
        buffer_text(out, "?= ");
        text += length;
    }
}

static void add_quoted(struct buffer *out, const char *text)
{
    buffer_text(out, "\"");
    for (; *text; text++)
        buffer_printf(out, strchr("\"\\", *text) ? "\\%c" : "%c", *text);
    buffer_text(out, "\" ");
}

/* From: "Organisation" <mailbox>; outside ASCII as encoded words (RFC 2047 section 5). */
static void from_write(struct buffer *value, const struct mime_letter *letter)
{
    const char *organization = letter->organization ? letter->organization : "";
    char *name = text_clean(organization, strlen(organization), NAME_BYTES);
    if (name && is_ascii(name))
        add_quoted(value, name);
    else if (name)
        add_encoded_words(value, name);
    buffer_printf(value, "<%s>", letter->from);
    free(name);
}

char *mime_file_name(const struct mime_letter *letter)
{
    char unique[UNIQUE_DIGITS + 1];
    int64_t begin_s = letter->day * TIME_DAY_S;
    text_sha256_hex(letter->report_id, strlen(letter->report_id), UNIQUE_DIGITS, unique);
    return mem_printf("%s!%s!%" PRId64 "!%" PRId64 "!%s.json.gz", letter->submitter, letter->domain,
                      begin_s, begin_s + TIME_DAY_S - 1, unique);
}

static void boundary_write(const struct mime_letter *letter, char boundary[BOUNDARY_DIGITS + 1])
{
    text_sha256_hex(letter->report_id, strlen(letter->report_id), BOUNDARY_DIGITS, boundary);
}

/* ---- the header ---- */

static void to_write(struct buffer *value, const struct mime_letter *letter)
{
    buffer_printf(value, "<%s>", strchr(letter->to, ':') + 1);
}

static void subject_write(struct buffer *value, const struct mime_letter *letter)
{
    buffer_printf(value, "Report Domain: %s Submitter: %s Report-ID: <%s@%s>", letter->domain,
                  letter->submitter, letter->report_id, letter->submitter);
}

static void date_write(struct buffer *value, const struct mime_letter *letter)
{
    char date[TIME_RFC5322_TEXT];
    time_rfc5322_format(letter->created_ms / 1000, date);
    buffer_text(value, date);
}

/* One report goes to several targets, each in a message of its own. */
static void message_id_write(struct buffer *value, const struct mime_letter *letter)
{
    char digits[TARGET_DIGITS + 1];
    text_sha256_hex(letter->target, strlen(letter->target), TARGET_DIGITS, digits);
    buffer_printf(value, "<%s.%s@%s>", letter->report_id, digits, letter->submitter);
}

static void version_write(struct buffer *value, const struct mime_letter *letter)
{
    (void)letter;
    buffer_text(value, "1.0");
}

static void content_type_write(struct buffer *value, const struct mime_letter *letter)
{
    char boundary[BOUNDARY_DIGITS + 1];
    boundary_write(letter, boundary);
    buffer_printf(value, "multipart/report; report-type=tlsrpt; boundary=\"%s\"", boundary);
}

static void report_domain_write(struct buffer *value, const struct mime_letter *letter)
{
    buffer_text(value, letter->domain);
}

static void report_submitter_write(struct buffer *value, const struct mime_letter *letter)
{
    buffer_text(value, letter->submitter);
}

/* RFC 8689: a report about broken TLS must get through broken TLS. */
static void tls_required_write(struct buffer *value, const struct mime_letter *letter)
{
    (void)letter;
    buffer_text(value, "No");
}

/* RFC 3834 section 5: no machine answers. */
static void auto_submitted_write(struct buffer *value, const struct mime_letter *letter)
{
    (void)letter;
    buffer_text(value, "auto-generated");
}

static const struct {
    const char *name;
    void (*write)(struct buffer *value, const struct mime_letter *letter);
} headers[] = {
    {"From", from_write},
    {"To", to_write},
    {"Subject", subject_write},
    {"Date", date_write},
    {"Message-ID", message_id_write},
    {"MIME-Version", version_write},
    {"Content-Type", content_type_write},
    {"TLS-Report-Domain", report_domain_write},
    {"TLS-Report-Submitter", report_submitter_write},
    {"TLS-Required", tls_required_write},
    {"Auto-Submitted", auto_submitted_write},
};

static int header_write(const struct mime_letter *letter, struct buffer *message, struct error *err)
{
    struct buffer value = {0};
    int result = 0;
    for (size_t i = 0; result == 0 && i < NELEMS(headers); i++) {
        buffer_clear(&value);
        headers[i].write(&value, letter);
        result = mime_header_add(message, headers[i].name, value.bytes, value.length, err);
    }
    buffer_free(&value);
    return result;
}

/* ---- the parts ---- */

static int64_t count_of(struct json_object *policy, const char *name)
{
    struct error ignored;
    int64_t count = 0;
    struct json_object *summary = json_object_object_get(policy, "summary");
    if (summary && json_get_integer(summary, name, 0, UINT32_MAX, &count, &ignored) < 0)
        return 0;
    return count;
}

/* The totals of all policies; a payload that cannot be read (it is another's then) has none. */
static void totals_write(const struct mime_letter *letter, struct buffer *message)
{
    struct buffer text = {0};
    struct error ignored;
    struct json_object *report = NULL, *policies = NULL;
    int64_t good = 0, bad = 0;
    if (gzip_expand(letter->payload, letter->payload_bytes, REPORT_MAX, &text, &ignored) == 0)
        report = json_parse_object(text.bytes, text.length, &ignored);
    if (report && json_get_array(report, "policies", &policies, &ignored) == 0) {
        for (size_t i = 0; i < json_object_array_length(policies); i++) {
            struct json_object *policy = json_object_array_get_idx(policies, i);
            if (!json_object_is_type(policy, json_type_object))
                continue;
            good += count_of(policy, "total-successful-session-count");
            bad += count_of(policy, "total-failure-session-count");
        }
        buffer_printf(message, "Sessions:   %" PRId64 " successful, %" PRId64 " failed" CRLF, good,
                      bad);
    }
    json_object_put(report);
    buffer_free(&text);
}

static void text_part_write(const struct mime_letter *letter, struct buffer *message)
{
    char begin[TIME_RFC3339_TEXT], end[TIME_RFC3339_TEXT];
    time_rfc3339_format(letter->day * TIME_DAY_S, begin);
    time_rfc3339_format((letter->day + 1) * TIME_DAY_S - 1, end);
    buffer_text(message, "Content-Type: text/plain; charset=us-ascii" CRLF
                         "Content-Transfer-Encoding: 7bit" CRLF CRLF
                         "This is an SMTP TLS report (RFC 8460). The attachment is the report;" CRLF
                         "this text is for people." CRLF CRLF);
    buffer_printf(message, "Domain:     %s" CRLF "Submitter:  %s" CRLF, letter->domain,
                  letter->submitter);
    buffer_printf(message, "Period:     %s to %s" CRLF, begin, end);
    totals_write(letter, message);
    buffer_printf(message, "Report-ID:  %s" CRLF, letter->report_id);
}

static void report_part_write(const struct mime_letter *letter, struct buffer *message)
{
    const unsigned char *payload = letter->payload;
    char *file_name = mime_file_name(letter);
    buffer_printf(message,
                  "Content-Type: application/tlsrpt+gzip" CRLF
                  "Content-Transfer-Encoding: base64" CRLF "Content-Disposition: attachment;" CRLF
                  " filename=\"%s\"" CRLF CRLF,
                  file_name);
    for (size_t at = 0; at < letter->payload_bytes; at += BASE64_GROUP) {
        size_t left = letter->payload_bytes - at;
        base64_add(message, payload + at, left < BASE64_GROUP ? left : BASE64_GROUP);
        buffer_text(message, CRLF);
    }
    free(file_name);
}

static void body_write(const struct mime_letter *letter, struct buffer *message)
{
    char boundary[BOUNDARY_DIGITS + 1];
    boundary_write(letter, boundary);
    buffer_printf(message, CRLF "--%s" CRLF, boundary);
    text_part_write(letter, message);
    buffer_printf(message, "--%s" CRLF, boundary);
    report_part_write(letter, message);
    buffer_printf(message, "--%s--" CRLF, boundary);
}

/* ---- the message ---- */

static bool is_domain(const char *text)
{
    char normal[DOMAIN_MAX];
    return domain_normalize(text, strlen(text), normal) && strcmp(text, normal) == 0;
}

static bool is_mailbox(const char *text)
{
    char normal[MAILBOX_TEXT];
    return mailbox_normalize(text, strlen(text), normal) && strcmp(text, normal) == 0;
}

/* Everything that stands in a header has its one harmless form, or nothing is composed. */
static int letter_check(const struct mime_letter *letter, struct error *err)
{
    struct target target;
    if (!mailbox_is_dot_atom(letter->report_id, strlen(letter->report_id)))
        return error_set(err, ERROR_REJECT, "the report-id is no dot-atom");
    if (!is_domain(letter->domain))
        return error_set(err, ERROR_REJECT, "the policy domain is no domain");
    if (!is_domain(letter->submitter))
        return error_set(err, ERROR_REJECT, "the submitter is no domain");
    if (!is_mailbox(letter->from))
        return error_set(err, ERROR_REJECT, "the From address is no plain mailbox");
    if (!target_read(letter->to, &target) || !target.mail)
        return error_set(err, ERROR_REJECT, "the recipient is no mailto address");
    return 0;
}

int mime_compose(const struct mime_letter *letter, struct buffer *message, struct error *err)
{
    size_t before = message->length;
    if (letter_check(letter, err) < 0)
        return -1;
    if (header_write(letter, message, err) < 0) {
        buffer_cut(message, before);
        return -1;
    }
    body_write(letter, message);
    return 0;
}
