/* text: byte buffers, lists of strings, and the cleaning of text that strangers wrote. */
#ifndef COMMON_TEXT_H
#define COMMON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A growing byte string; zero it to begin. `bytes` is NUL-terminated once something was added. */
struct buffer {
    char *bytes;
    size_t length;
    size_t capacity;
};
void buffer_add(struct buffer *buffer, const void *bytes, size_t length_bytes);
void buffer_text(struct buffer *buffer, const char *text);
void buffer_printf(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void buffer_clear(struct buffer *buffer); /* keeps the memory */
void buffer_free(struct buffer *buffer);
char *
buffer_take(struct buffer *buffer); /* the caller owns the (never NULL) string; buffer is empty */

/* An ordered list of owned strings; zero it to begin. */
struct text_list {
    char **items;
    size_t count;
};
void text_list_add(struct text_list *list, const char *bytes, size_t length_bytes);
void text_list_take(struct text_list *list, char *text); /* takes text */
bool text_list_has(const struct text_list *list, const char *text);
void text_list_sort(struct text_list *list);   /* bytewise */
void text_list_unique(struct text_list *list); /* of a sorted list */
void text_list_copy(struct text_list *to, const struct text_list *from);
void text_list_free(struct text_list *list);
/* Bytewise, item by item; a list that ends first is first. <0, 0, >0. */
int text_list_compare(const struct text_list *a, const struct text_list *b);
/* Splits at blanks and commas; empty items are dropped. */
void text_list_split(struct text_list *list, const char *text);

/* Bytewise comparison in which NULL comes first. */
int text_compare(const char *a, const char *b);

/* Reads one character from length_bytes (at least 1) bytes and returns how many it took. Where no
 * UTF-8 stands (RFC 3629), *character is TEXT_BAD and what was taken is the maximal subpart of a
 * character, or one byte. */
#define TEXT_BAD         UINT32_MAX
#define TEXT_REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */
size_t text_utf8_take(const char *bytes, size_t length_bytes, uint32_t *character);
bool text_is_utf8(const char *bytes, size_t length_bytes);

/* Text of a stranger made safe for reports, logs and headers (D9): bad UTF-8 becomes U+FFFD, C0 and
 * C1 controls and DEL are removed, surrounding blanks dropped, cut at max_bytes between characters.
 * Returns an owned string, or NULL when nothing is left. Length-aware: a NUL byte is a control. */
char *text_clean(const char *bytes, size_t length_bytes, size_t max_bytes);

/* Lower-case hex of bytes into out, which has room for 2*count + 1. */
void text_hex(const unsigned char *bytes, size_t count, char *out);

/* SHA-256 of text; the first `digits` (at most 64) hex digits into out, which has room for digits
 * + 1. */
void text_sha256_hex(const char *bytes, size_t length_bytes, size_t digits, char *out);

#endif
