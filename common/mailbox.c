#include "common/mailbox.h"

#include <string.h>

#include "common/domain.h"

#define LOCAL_MAX ((size_t)64)

static bool is_atext(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

bool mailbox_is_dot_atom(const char *text, size_t length_bytes)
{
    if (length_bytes == 0 || text[length_bytes - 1] == '.')
        return false;
    for (size_t i = 0; i < length_bytes; i++) {
        bool dot_between = text[i] == '.' && i > 0 && text[i - 1] != '.';
        if (!is_atext(text[i]) && !dot_between)
            return false;
    }
    return true;
}

bool mailbox_normalize(const char *text, size_t length_bytes, char out[MAILBOX_TEXT])
{
    char domain[DOMAIN_MAX];
    const char *at = memchr(text, '@', length_bytes);
    size_t local = at ? (size_t)(at - text) : 0;
    if (local > LOCAL_MAX || !mailbox_is_dot_atom(text, local))
        return false;
    if (!domain_normalize(at + 1, length_bytes - local - 1, domain) || !strchr(domain, '.') ||
        local + 1 + strlen(domain) >= MAILBOX_TEXT)
        return false;
    memcpy(out, text, local + 1);
    memcpy(out + local + 1, domain, strlen(domain) + 1);
    return true;
}

const char *mailbox_domain(const char *mailbox)
{
    return strchr(mailbox, '@') + 1;
}
