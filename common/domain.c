#include "common/domain.h"

#include <idn2.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"

#define LABEL_MAX 63
#define INPUT_MAX 1024 /* 253 bytes of A-labels come from fewer bytes of U-labels than this */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_ldh(char c)
{
    return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-';
}

static bool is_ascii(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text >= 0x80)
            return false;
    }
    return true;
}

/* Not tolower(): that asks the locale. */
static void lower(char *text)
{
    for (; *text; text++) {
        if (*text >= 'A' && *text <= 'Z')
            *text = (char)(*text - 'A' + 'a');
    }
}

/* IDNA2008 with the mapping of UTS 46: case, width, ideographic dots. NULL: it has no such form. */
static char *to_ascii(const char *text)
{
    char *ascii = NULL;
    int code = idn2_to_ascii_8z(text, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    if (code == IDN2_MALLOC)
        mem_exhausted();
    if (code != IDN2_OK)
        return NULL;
    char *copy = mem_text(ascii);
    idn2_free(ascii);
    return copy;
}

static bool is_label(const char *label, size_t length)
{
    if (length < 1 || length > LABEL_MAX || label[0] == '-' || label[length - 1] == '-')
        return false;
    for (size_t i = 0; i < length; i++) {
        if (!is_ldh(label[i]))
            return false;
    }
    return true;
}

static bool is_all_digits(const char *text)
{
    while (is_digit(*text))
        text++;
    return !*text;
}

static bool is_domain(const char *name)
{
    if (strlen(name) >= DOMAIN_MAX)
        return false;
    for (;;) {
        size_t length = strcspn(name, ".");
        if (!is_label(name, length))
            return false;
        if (!name[length])
            return !is_all_digits(name); /* the last label of an address is */
        name += length + 1;
    }
}

static void strip_dot(char *name)
{
    size_t length = strlen(name);
    if (length && name[length - 1] == '.')
        name[length - 1] = '\0';
}

bool domain_normalize(const char *text, size_t length_bytes, char out[DOMAIN_MAX])
{
    if (!length_bytes || length_bytes > INPUT_MAX || memchr(text, '\0', length_bytes))
        return false;
    char *name = mem_copy(text, length_bytes);
    if (!is_ascii(name)) {
        char *ascii = to_ascii(name);
        free(name);
        name = ascii;
    }
    if (!name)
        return false;
    lower(name);
    strip_dot(name);
    bool good = is_domain(name);
    if (good)
        memcpy(out, name, strlen(name) + 1);
    free(name);
    return good;
}

bool domain_pattern_normalize(const char *text, size_t length_bytes, char out[DOMAIN_MAX])
{
    static const char any[] = "*.";
    const size_t any_bytes = sizeof(any) - 1;
    if (length_bytes < any_bytes || memcmp(text, any, any_bytes) != 0)
        return domain_normalize(text, length_bytes, out);
    char name[DOMAIN_MAX];
    if (!domain_normalize(text + any_bytes, length_bytes - any_bytes, name))
        return false;
    if (any_bytes + strlen(name) >= DOMAIN_MAX)
        return false;
    memcpy(out, any, any_bytes);
    memcpy(out + any_bytes, name, strlen(name) + 1);
    return true;
}

bool domain_matches(const char *domain, const char *rule)
{
    if (rule[0] != '.')
        return strcmp(domain, rule) == 0;
    size_t domain_bytes = strlen(domain);
    size_t rule_bytes = strlen(rule);
    return domain_bytes > rule_bytes && strcmp(domain + domain_bytes - rule_bytes, rule) == 0;
}
