#include "common/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/error.h"
#include "common/memory.h"
#include "common/time.h"

#define VALUE_MAX 256 /* bytes of a text value; strangers write them */
/* An error's sentence is our own and bounded already: its end often says what to do. */
#define SENTENCE_MAX sizeof(((struct error *)NULL)->text)

static atomic_int least_level = LOG_INFO;
static atomic_int line_format = LOG_FORMAT_TEXT;

static const char *const level_names[] = {"debug", "info", "warn", "error"};

/* A line under construction, on the stack so that logging needs no memory. What does not fit is
 * left out. */
struct line {
    char bytes[8192];
    size_t length;
    bool json;
    bool full;
};
#define LINE_END 4 /* bytes kept for it */

static void line_add(struct line *line, const char *bytes, size_t length_bytes)
{
    if (length_bytes > sizeof(line->bytes) - LINE_END - line->length) {
        line->full = true;
        return;
    }
    memcpy(line->bytes + line->length, bytes, length_bytes);
    line->length += length_bytes;
}

static void line_text(struct line *line, const char *text)
{
    line_add(line, text, strlen(text));
}

/* The code point that begins at bytes and its length; length 0 when there is none (RFC 3629). */
static uint32_t utf8_decode(const unsigned char *bytes, size_t left, size_t *length)
{
    static const struct {
        unsigned char mask, lead;
        uint32_t least;
    } forms[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
    *length = 0;
    for (size_t n = 0; n < NELEMS(forms) && n < left; n++) {
        if ((bytes[0] & forms[n].mask) != forms[n].lead)
            continue;
        uint32_t code = bytes[0] & (unsigned char)~forms[n].mask;
        for (size_t i = 1; i <= n; i++) {
            if ((bytes[i] & 0xc0) != 0x80)
                return 0;
            code = code << 6 | (bytes[i] & 0x3f);
        }
        if (code < forms[n].least || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
            return 0;
        *length = n + 1;
        return code;
    }
    return 0;
}

/* Controls, line separators and the marks that turn the direction of text could fake a line or hide
 * one. */
static bool code_is_unsafe(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code == 0x2028 || code == 0x2029 ||
           (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

static void line_escape(struct line *line, const unsigned char *bytes, size_t count, uint32_t code)
{
    char text[8];
    if (code == '"' || code == '\\') {
        snprintf(text, sizeof(text), "\\%c", (char)code);
        line_text(line, text);
    } else if (line->json) {
        snprintf(text, sizeof(text), "\\u%04x", code);
        line_text(line, text);
    } else {
        for (size_t i = 0; i < count; i++) {
            snprintf(text, sizeof(text), "\\x%02x", bytes[i]);
            line_text(line, text);
        }
    }
}

/* The inside of a quoted string: cut at max_bytes between characters. */
static void line_escaped(struct line *line, const char *text, size_t max_bytes)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t left = strlen(text);
    size_t room = max_bytes;
    while (left > 0) {
        size_t count;
        uint32_t code = utf8_decode(at, left, &count);
        bool bad = count == 0;
        count = bad ? 1 : count;
        if (count > room) {
            line_text(line, "...");
            return;
        }
        if (bad)
            line_escape(line, at, count, 0xfffd);
        else if (code_is_unsafe(code) || code == '"' || code == '\\')
            line_escape(line, at, count, code);
        else
            line_add(line, (const char *)at, count);
        at += count;
        left -= count;
        room -= count;
    }
}

static void line_quoted(struct line *line, const char *text, size_t max_bytes)
{
    line_text(line, "\"");
    line_escaped(line, text, max_bytes);
    line_text(line, "\"");
}

/* Text that can stand without quotes: nothing in it needs escaping or could end it. */
static bool text_is_plain(const char *text)
{
    if (!*text || strlen(text) > VALUE_MAX)
        return false;
    for (; *text; text++)
        if (*text <= ' ' || *text > '~' || strchr("\"\\=", *text))
            return false;
    return true;
}

static void line_field(struct line *line, const struct log_field *field)
{
    char number[24];
    size_t before = line->length;
    size_t max_bytes = strcmp(field->key, "error") == 0 ? SENTENCE_MAX : VALUE_MAX;
    line_text(line, line->json ? ",\"" : " ");
    line_text(line, field->key);
    line_text(line, line->json ? "\":" : "=");
    if (!field->text) {
        snprintf(number, sizeof(number), "%lld", (long long)field->number);
        line_text(line, number);
    } else if (!line->json && text_is_plain(field->text)) {
        line_text(line, field->text);
    } else {
        line_quoted(line, field->text, max_bytes);
    }
    if (line->full)
        line->length = before;
}

static void line_begin(struct line *line, enum log_level level, const char *what)
{
    int64_t now_ms = time_now_ms();
    char second[TIME_RFC3339_TEXT];
    char head[96];
    time_rfc3339_format(now_ms / 1000, second);
    second[strlen(second) - 1] = '\0'; /* the Z follows the fraction */
    snprintf(head, sizeof(head),
             line->json ? "{\"time\":\"%s.%03dZ\",\"level\":\"%s\",\"what\":\"" : "%s.%03dZ %s ",
             second, (int)(now_ms % 1000), level_names[level]);
    line_text(line, head);
    line_escaped(line, what, SENTENCE_MAX);
    if (line->json)
        line_text(line, "\"");
}

/* One write a line, so that lines of threads never mix. A full or closed stderr must not stop the
 * work. */
static void line_write(struct line *line)
{
    const char *end = line->json ? "}\n" : "\n";
    memcpy(line->bytes + line->length, end, strlen(end));
    line->length += strlen(end);
    ssize_t written;
    do
        written = write(STDERR_FILENO, line->bytes, line->length);
    while (written < 0 && errno == EINTR);
}

void log_set(enum log_level least, enum log_format format)
{
    atomic_store(&least_level, (int)least);
    atomic_store(&line_format, (int)format);
}

void log_write(enum log_level level, const char *what, const struct log_field *fields)
{
    if ((int)level < atomic_load(&least_level))
        return;
    struct line line = {.length = 0, .json = atomic_load(&line_format) == LOG_FORMAT_JSON};
    line_begin(&line, level, what);
    for (; fields && fields->key; fields++)
        line_field(&line, fields);
    line_write(&line);
}

void log_panic(const char *format, ...)
{
    char text[SENTENCE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    log_error("panic", log_text("error", text));
    abort();
}
