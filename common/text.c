#include "common/text.h"

#include <openssl/sha.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"

static void buffer_reserve(struct buffer *buffer, size_t more_bytes)
{
    size_t needed = 0;
    if (__builtin_add_overflow(buffer->length, more_bytes, &needed) || needed > SIZE_MAX / 4)
        needed = SIZE_MAX / 2; /* more than there is */
    if (buffer->bytes && needed < buffer->capacity)
        return;
    size_t capacity = buffer->capacity ? buffer->capacity : 64;
    while (capacity <= needed)
        capacity *= 2;
    buffer->bytes = mem_resize(buffer->bytes, capacity, 1);
    buffer->capacity = capacity;
}

void buffer_add(struct buffer *buffer, const void *bytes, size_t length_bytes)
{
    buffer_reserve(buffer, length_bytes);
    if (length_bytes)
        memcpy(buffer->bytes + buffer->length, bytes, length_bytes);
    buffer->length += length_bytes;
    buffer->bytes[buffer->length] = '\0';
}

void buffer_text(struct buffer *buffer, const char *text)
{
    buffer_add(buffer, text, strlen(text));
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    mem_check(length < 0 ? NULL : text);
    buffer_add(buffer, text, (size_t)length);
    free(text);
}

void buffer_clear(struct buffer *buffer)
{
    buffer->length = 0;
    if (buffer->bytes)
        buffer->bytes[0] = '\0';
}

void buffer_free(struct buffer *buffer)
{
    free(buffer->bytes);
    *buffer = (struct buffer){0};
}

char *buffer_take(struct buffer *buffer)
{
    char *bytes = buffer->bytes ? buffer->bytes : mem_copy("", 0);
    *buffer = (struct buffer){0};
    return bytes;
}

void text_list_take(struct text_list *list, char *text)
{
    list->items = mem_resize(list->items, list->count + 1, sizeof(*list->items));
    list->items[list->count++] = text;
}

void text_list_add(struct text_list *list, const char *bytes, size_t length_bytes)
{
    text_list_take(list, mem_copy(bytes, length_bytes));
}

bool text_list_has(const struct text_list *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i], text) == 0)
            return true;
    }
    return false;
}

static int compare_items(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void text_list_sort(struct text_list *list)
{
    if (list->count > 1)
        qsort(list->items, list->count, sizeof(*list->items), compare_items);
}

void text_list_unique(struct text_list *list)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (kept && strcmp(list->items[kept - 1], list->items[i]) == 0)
            free(list->items[i]);
        else
            list->items[kept++] = list->items[i];
    }
    list->count = kept;
}

void text_list_copy(struct text_list *to, const struct text_list *from)
{
    struct text_list copy = {0};
    for (size_t i = 0; i < from->count; i++)
        text_list_take(&copy, mem_text(from->items[i]));
    *to = copy;
}

void text_list_free(struct text_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct text_list){0};
}

int text_list_compare(const struct text_list *a, const struct text_list *b)
{
    for (size_t i = 0; i < a->count && i < b->count; i++) {
        int order = strcmp(a->items[i], b->items[i]);
        if (order)
            return order;
    }
    return (a->count > b->count) - (a->count < b->count);
}

void text_list_split(struct text_list *list, const char *text)
{
    static const char separators[] = " \t\r\n,";
    for (text += strspn(text, separators); *text; text += strspn(text, separators)) {
        size_t length = strcspn(text, separators);
        text_list_add(list, text, length);
        text += length;
    }
}

int text_compare(const char *a, const char *b)
{
    if (!a || !b)
        return (a != NULL) - (b != NULL);
    return strcmp(a, b);
}

/* Well-formed UTF-8 (Unicode, table 3-7): the range of the second byte depends on the first, so
 * that overlong forms, surrogates and what lies beyond U+10FFFF end at their first wrong byte. */
static const struct utf8_form {
    unsigned char first_min, first_max, second_min, second_max, length;
} utf8_forms[] = {
    {0x00, 0x7f, 0x00, 0x00, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
    {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
    {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
};

static const struct utf8_form *utf8_form_find(unsigned char first)
{
    for (size_t i = 0; i < NELEMS(utf8_forms); i++) {
        if (first >= utf8_forms[i].first_min && first <= utf8_forms[i].first_max)
            return &utf8_forms[i];
    }
    return NULL;
}

size_t text_utf8_take(const char *bytes, size_t length_bytes, uint32_t *character)
{
    static const unsigned char first_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    const unsigned char *at = (const unsigned char *)bytes;
    const struct utf8_form *form = utf8_form_find(at[0]);
    *character = TEXT_BAD;
    if (!form)
        return 1;
    uint32_t value = at[0] & first_bits[form->length];
    for (size_t i = 1; i < form->length; i++) {
        unsigned char min = i == 1 ? form->second_min : 0x80;
        unsigned char max = i == 1 ? form->second_max : 0xbf;
        if (i == length_bytes || at[i] < min || at[i] > max)
            return i;
        value = value << 6 | (at[i] & 0x3f);
    }
    *character = value;
    return form->length;
}

bool text_is_utf8(const char *bytes, size_t length_bytes)
{
    for (size_t i = 0; i < length_bytes;) {
        uint32_t character = 0;
        i += text_utf8_take(bytes + i, length_bytes - i, &character);
        if (character == TEXT_BAD)
            return false;
    }
    return true;
}

static bool is_control(uint32_t character)
{
    return character < 0x20 || (character >= 0x7f && character < 0xa0);
}

static bool is_noncharacter(uint32_t character)
{
    return (character & 0xfffe) == 0xfffe || (character >= 0xfdd0 && character <= 0xfdef);
}

/* As long as the next character fits; leading blanks are passed over, so that the limit counts what
 * stays. */
static void clean_into(struct buffer *clean, const char *bytes, size_t length_bytes,
                       size_t max_bytes)
{
    for (size_t i = 0; i < length_bytes;) {
        uint32_t character = 0;
        const char *piece = bytes + i;
        size_t piece_bytes = text_utf8_take(piece, length_bytes - i, &character);
        i += piece_bytes;
        if (is_control(character) || (character == ' ' && !clean->length))
            continue;
        if (character == TEXT_BAD || is_noncharacter(character)) {
            piece = TEXT_REPLACEMENT;
            piece_bytes = strlen(TEXT_REPLACEMENT);
        }
        if (piece_bytes > max_bytes - clean->length)
            return;
        buffer_add(clean, piece, piece_bytes);
    }
}

char *text_clean(const char *bytes, size_t length_bytes, size_t max_bytes)
{
    struct buffer clean = {0};
    clean_into(&clean, bytes, length_bytes, max_bytes);
    while (clean.length && clean.bytes[clean.length - 1] == ' ')
        clean.bytes[--clean.length] = '\0';
    if (clean.length)
        return buffer_take(&clean);
    buffer_free(&clean);
    return NULL;
}

void text_hex(const unsigned char *bytes, size_t count, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 0x0f];
    }
    *out = '\0';
}

void text_sha256_hex(const char *bytes, size_t length_bytes, size_t digits, char *out)
{
    unsigned char hash[SHA256_DIGEST_LENGTH];
    char hex[2 * sizeof(hash) + 1];
    SHA256((const unsigned char *)bytes, length_bytes, hash);
    text_hex(hash, sizeof(hash), hex);
    if (digits > 2 * sizeof(hash))
        digits = 2 * sizeof(hash);
    memcpy(out, hex, digits);
    out[digits] = '\0';
}
