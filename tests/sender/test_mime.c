#include "sender/mime.h"

#include <stdio.h>

#include "common/gzip.h"
#include "common/memory.h"
#include "tests/support/unit.h"

#define DAY     20781                  /* 2026-11-24 */
#define CREATED INT64_C(1795564800123) /* 2026-11-25T00:00:00.123Z */

/* 60 bytes, 0 to 59: more than one line of base64, and no gzip member. */
static const unsigned char *payload(void)
{
    static const unsigned char bytes[60] = {
        0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19,
        20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39,
        40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59};
    return bytes;
}

static struct mime_letter letter(void)
{
    return (struct mime_letter){
        .report_id = "2026-11-24.example.org.3-17.0a1b2c3d",
        .domain = "example.org",
        .day = DAY,
        .target = "mailto:tls@example.org",
        .to = "mailto:tls@example.org",
        .created_ms = CREATED,
        .submitter = "example.net",
        .from = "tls-reports@example.net",
        .organization = "Example \"Net\" Inc.",
        .payload = payload(),
        .payload_bytes = 60,
    };
}

static char *composed(const struct mime_letter *from)
{
    struct buffer message = {0};
    struct error err;
    assert_int_equal(mime_compose(from, &message, &err), 0);
    return buffer_take(&message);
}

/* SHA-256 of the report-id: c5c3f9fa9239dfb50bb658c528f0c212..., of the target: 6f201145... */
static const char whole[] =
    "From: \"Example \\\"Net\\\" Inc.\" <tls-reports@example.net>\r\n"
    "To: <tls@example.org>\r\n"
    "Subject: Report Domain: example.org Submitter: example.net Report-ID:\r\n"
    " <2026-11-24.example.org.3-17.0a1b2c3d@example.net>\r\n"
    "Date: Wed, 25 Nov 2026 00:00:00 +0000\r\n"
    "Message-ID: <2026-11-24.example.org.3-17.0a1b2c3d.6f201145@example.net>\r\n"
    "MIME-Version: 1.0\r\n"
    "Content-Type: multipart/report; report-type=tlsrpt;\r\n"
    " boundary=\"c5c3f9fa9239dfb50bb658c528f0c212\"\r\n"
    "TLS-Report-Domain: example.org\r\n"
    "TLS-Report-Submitter: example.net\r\n"
    "TLS-Required: No\r\n"
    "Auto-Submitted: auto-generated\r\n"
    "\r\n"
    "--c5c3f9fa9239dfb50bb658c528f0c212\r\n"
    "Content-Type: text/plain; charset=us-ascii\r\n"
    "Content-Transfer-Encoding: 7bit\r\n"
    "\r\n"
    "This is an SMTP TLS report (RFC 8460). The attachment is the report;\r\n"
    "this text is for people.\r\n"
    "\r\n"
    "Domain:     example.org\r\n"
    "Submitter:  example.net\r\n"
    "Period:     2026-11-24T00:00:00Z to 2026-11-24T23:59:59Z\r\n"
    "Report-ID:  2026-11-24.example.org.3-17.0a1b2c3d\r\n"
    "--c5c3f9fa9239dfb50bb658c528f0c212\r\n"
    "Content-Type: application/tlsrpt+gzip\r\n"
    "Content-Transfer-Encoding: base64\r\n"
    "Content-Disposition: attachment;\r\n"
    " filename=\"example.net!example.org!1795478400!1795564799!c5c3f9fa9239dfb5.json.gz\"\r\n"
    "\r\n"
    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4\r\n"
    "OTo7\r\n"
    "--c5c3f9fa9239dfb50bb658c528f0c212--\r\n";

static void the_whole_message(void **state)
{
    const struct mime_letter from = letter();
    (void)state;
    char *message = composed(&from);
    assert_string_equal(message, whole);
    free(message);
}

static void the_same_letter_gives_the_same_bytes(void **state)
{
    const struct mime_letter from = letter();
    (void)state;
    char *first = composed(&from), *second = composed(&from);
    assert_string_equal(first, second);
    free(first);
    free(second);
}

/* Each target's copy is a message of its own, also when all of them go to one mailbox (D13). */
static void another_target_changes_only_the_message_id(void **state)
{
    struct mime_letter from = letter();
    (void)state;
    from.target = "https://example.org/tls?a=b";
    char *message = composed(&from);
    assert_non_null(strstr(message, "\r\nTo: <tls@example.org>\r\n"));
    assert_null(strstr(message, "6f201145"));
    assert_string_equal(strstr(message, "MIME-Version"), strstr(whole, "MIME-Version"));
    free(message);
}

static void another_recipient_changes_only_to(void **state)
{
    struct mime_letter from = letter();
    (void)state;
    from.to = "mailto:other@example.org";
    char *message = composed(&from);
    assert_non_null(strstr(message, "\r\nTo: <other@example.org>\r\n"));
    assert_string_equal(strstr(message, "Subject"), strstr(whole, "Subject"));
    free(message);
}

static void it_is_appended(void **state)
{
    const struct mime_letter from = letter();
    struct buffer message = {0};
    struct error err;
    (void)state;
    buffer_text(&message, "before");
    assert_int_equal(mime_compose(&from, &message, &err), 0);
    assert_memory_equal(message.bytes, "beforeFrom: ", 12);
    buffer_free(&message);
}

/* ---- the people's part counts ---- */

struct totals_row {
    const char *name, *report, *line;
};

static const struct totals_row totals_rows[] = {
    {"one policy",
     "{\"policies\":[{\"summary\":{\"total-successful-session-count\":7,"
     "\"total-failure-session-count\":2}}]}",
     "Sessions:   7 successful, 2 failed\r\n"},
    {"two policies",
     "{\"policies\":[{\"summary\":{\"total-successful-session-count\":4294967295,"
     "\"total-failure-session-count\":0}},{\"summary\":{\"total-successful-session-count\":1,"
     "\"total-failure-session-count\":3}}]}",
     "Sessions:   4294967296 successful, 3 failed\r\n"},
    {"odd policies", "{\"policies\":[1,{},{\"summary\":2},null]}",
     "Sessions:   0 successful, 0 failed\r\n"},
    {"no policies", "{}", NULL},
    {"no report", "hello", NULL},
};

static void totals_row(void **state)
{
    const struct totals_row *row = *state;
    struct mime_letter from = letter();
    struct buffer member = {0};
    gzip_compress(row->report, strlen(row->report), &member);
    from.payload = member.bytes;
    from.payload_bytes = member.length;
    char *message = composed(&from);
    const char *sessions = strstr(message, "Sessions:");
    assert_int_equal(sessions != NULL, row->line != NULL);
    if (row->line)
        assert_memory_equal(sessions, row->line, strlen(row->line));
    free(message);
    buffer_free(&member);
}

/* ---- From ---- */

struct from_row {
    const char *name, *organization, *header;
};

static const struct from_row from_rows[] = {
    {"no name", NULL, "From: <tls-reports@example.net>\r\n"},
    {"an empty name", "", "From: <tls-reports@example.net>\r\n"},
    {"a plain name", "Example Net", "From: \"Example Net\" <tls-reports@example.net>\r\n"},
    {"quotes and backslash", "a\"b\\c", "From: \"a\\\"b\\\\c\" <tls-reports@example.net>\r\n"},
    {"line ends disappear", "a\r\nBcc: b@example.org",
     "From: \"aBcc: b@example.org\" <tls-reports@example.net>\r\n"},
    {"blanks run together", "a    b", "From: \"a b\" <tls-reports@example.net>\r\n"},
    {"outside of ASCII", "\xc3\x9cn\xc3\xaf",
     "From: =?UTF-8?B?w5xuw68=?= <tls-reports@example.net>\r\n"},
    {"two encoded words, no character cut",
     "a\xc3\x84\xc3\x96\xc3\x9c\xc3\x84\xc3\x96\xc3\x9c\xc3\x84\xc3\x96\xc3\x9c\xc3\x84\xc3\x96"
     "\xc3\x9c\xc3\x84\xc3\x96\xc3\x9c\xc3\x84\xc3\x96\xc3\x9c\xc3\x84\xc3\x96\xc3\x9c\xc3\x84"
     "\xc3\x96\xc3\x9c",
     "From: =?UTF-8?B?YcOEw5bDnMOEw5bDnMOEw5bDnMOEw5bDnMOEw5bDnMOEw5bDnMOEw5Y=?=\r\n"
     " =?UTF-8?B?w5zDhMOWw5w=?= <tls-reports@example.net>\r\n"},
    {"a long name is folded", "Aaaaaaaaaaaaaaaaaaa Bbbbbbbbbbbbbbbbbbb Ccccccccccccccccccc",
     "From: \"Aaaaaaaaaaaaaaaaaaa Bbbbbbbbbbbbbbbbbbb Ccccccccccccccccccc\"\r\n"
     " <tls-reports@example.net>\r\n"},
};

static void from_row(void **state)
{
    const struct from_row *row = *state;
    struct mime_letter from = letter();
    from.organization = row->organization;
    char *message = composed(&from);
    assert_non_null(strstr(message, "To: "));
    *strstr(message, "To: ") = '\0';
    assert_string_equal(message, row->header);
    free(message);
}

/* ---- what is not composed ---- */

struct refused_row {
    const char *name;
    size_t member; /* of struct mime_letter */
    const char *value;
};

static const struct refused_row refused_rows[] = {
    {"report-id with CRLF", offsetof(struct mime_letter, report_id), "a\r\nBcc: b@example.org"},
    {"report-id with a blank", offsetof(struct mime_letter, report_id), "a b"},
    {"report-id with a colon", offsetof(struct mime_letter, report_id), "2026-11-24T00:00:00Z"},
    {"report-id with >", offsetof(struct mime_letter, report_id), "a>"},
    {"report-id that ends with a dot", offsetof(struct mime_letter, report_id), "a."},
    {"no report-id", offsetof(struct mime_letter, report_id), ""},
    {"domain with CRLF", offsetof(struct mime_letter, domain), "example.org\r\nX: y"},
    {"domain in upper case", offsetof(struct mime_letter, domain), "Example.org"},
    {"domain with a quote", offsetof(struct mime_letter, domain), "a\".example.org"},
    {"no domain", offsetof(struct mime_letter, domain), ""},
    {"submitter with !", offsetof(struct mime_letter, submitter), "a!b.example.net"},
    {"From with a name", offsetof(struct mime_letter, from), "A <a@example.net>"},
    {"From with CRLF", offsetof(struct mime_letter, from), "a@example.net\r\nX: y"},
    {"two recipients", offsetof(struct mime_letter, to), "mailto:a@x.example,b@x.example"},
    {"recipient with CRLF", offsetof(struct mime_letter, to), "mailto:a@x.example\r\nX: y"},
    {"recipient with a query", offsetof(struct mime_letter, to), "mailto:a@x.example?cc=b"},
    {"to an https target", offsetof(struct mime_letter, to), "https://x.example/"},
};

static void refused_row(void **state)
{
    const struct refused_row *row = *state;
    struct mime_letter from = letter();
    struct buffer message = {0};
    struct error err = {0};
    memcpy((char *)&from + row->member, &row->value, sizeof(row->value));
    buffer_text(&message, "before");
    assert_int_equal(mime_compose(&from, &message, &err), -1);
    assert_int_equal(err.kind, ERROR_REJECT);
    assert_string_equal(message.bytes, "before");
    assert_int_equal(message.length, 6);
    buffer_free(&message);
}

static void a_report_id_may_be_too_long(void **state)
{
    struct mime_letter from = letter();
    struct buffer message = {0};
    struct error err = {0};
    char id[1000];
    (void)state;
    memset(id, 'a', sizeof(id) - 1);
    id[sizeof(id) - 1] = '\0';
    from.report_id = id;
    buffer_text(&message, "before");
    assert_int_equal(mime_compose(&from, &message, &err), -1);
    assert_string_equal(message.bytes, "before");
    buffer_free(&message);
}

/* ---- header fields ---- */

#define X70 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

struct header_row {
    const char *name, *value;
    size_t length_bytes;
    const char *header; /* NULL: refused */
};

static const struct header_row header_rows[] = {
    {"one word", "a", 1, "N: a\r\n"},
    {"two words", "a b", 3, "N: a b\r\n"},
    {"76 columns", X70 " yy", 73, "N: " X70 " yy\r\n"},
    {"77 columns", X70 " yyy", 74, "N: " X70 "\r\n yyy\r\n"},
    {"a long first word stays", X70 X70 " y", 142, "N: " X70 X70 "\r\n y\r\n"},
    {"a long second word", "a " X70 X70, 142, "N: a\r\n " X70 X70 "\r\n"},
    {"blanks in a row, and at the end", "a   b ", 6, "N: a b\r\n"},
    {"nothing", "", 0, NULL},
    {"a blank", " ", 1, NULL},
    {"a blank before", " a", 2, NULL},
    {"CR", "a\rb", 3, NULL},
    {"LF", "a\nb", 3, NULL},
    {"CRLF", "a\r\n b", 5, NULL},
    {"NUL", "a\0b", 3, NULL},
    {"TAB", "a\tb", 3, NULL},
    {"DEL", "a\x7f", 2, NULL},
    {"outside of ASCII", "\xc3\xbc", 2, NULL},
};

static void header_row(void **state)
{
    const struct header_row *row = *state;
    struct buffer out = {0};
    struct error err = {0};
    buffer_text(&out, "<");
    int result = mime_header_add(&out, "N", row->value, row->length_bytes, &err);
    assert_int_equal(result, row->header ? 0 : -1);
    assert_string_equal(out.bytes + 1, row->header ? row->header : "");
    if (!row->header)
        assert_int_equal(err.kind, ERROR_REJECT);
    buffer_free(&out);
}

static int add_filled(size_t value_bytes, size_t word_bytes)
{
    struct buffer out = {0};
    struct error err;
    char value[1100];
    memset(value, 'x', sizeof(value));
    for (size_t i = word_bytes; i < value_bytes; i += word_bytes + 1)
        value[i] = ' ';
    int result = mime_header_add(&out, "Name", value, value_bytes, &err);
    buffer_free(&out);
    return result;
}

static void lines_have_at_most_998_bytes(void **state)
{
    (void)state;
    assert_int_equal(add_filled(998, 60), 0);
    assert_int_equal(add_filled(999, 60), -1);
    assert_int_equal(add_filled(992, 998), 0); /* "Name: " and 992 */
    assert_int_equal(add_filled(993, 998), -1);
}

/* ---- the worst values that may come ---- */

/* Returns NULL, or what is wrong with the message's bytes. */
static const char *foul(const char *message)
{
    for (const char *line = message; *line;) {
        const char *end = strstr(line, "\r\n");
        if (!end)
            return "the last line has no end";
        if ((size_t)(end - line) > MIME_LINE_MAX)
            return "a line is too long";
        for (const char *at = line; at < end; at++)
            if (*at < ' ' || *at > '~')
                return "a byte is no printable ASCII";
        line = end + 2;
    }
    return NULL;
}

#define LABEL_60  "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefgh"
#define LONG_NAME LABEL_60 "." LABEL_60 "." LABEL_60 "." LABEL_60 ".example" /* 251 bytes */

static void the_longest_names_fit(void **state)
{
    struct mime_letter from = letter();
    (void)state;
    from.domain = LONG_NAME;
    from.submitter = LONG_NAME;
    from.from = "t@" LONG_NAME;
    from.to = "mailto:t@" LONG_NAME;
    from.report_id = "2026-11-24.0123456789abcdef.23-9223372036854775807.0a1b2c3d";
    from.organization = "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"
                        "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"
                        "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac";
    char *message = composed(&from);
    const char *wrong = foul(message);
    assert_string_equal(wrong ? wrong : "clean", "clean");
    free(message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_whole_message),
        cmocka_unit_test(the_same_letter_gives_the_same_bytes),
        cmocka_unit_test(another_target_changes_only_the_message_id),
        cmocka_unit_test(another_recipient_changes_only_to),
        cmocka_unit_test(it_is_appended),
        cmocka_unit_test(a_report_id_may_be_too_long),
        cmocka_unit_test(lines_have_at_most_998_bytes),
        cmocka_unit_test(the_longest_names_fit),
    };
    int failed = RUN_ROWS("mime: totals", totals_row, totals_rows);
    failed += RUN_ROWS("mime: From", from_row, from_rows);
    failed += RUN_ROWS("mime: what is refused", refused_row, refused_rows);
    failed += RUN_ROWS("mime: header fields", header_row, header_rows);
    return failed + cmocka_run_group_tests_name("mime", tests, NULL, NULL);
}
