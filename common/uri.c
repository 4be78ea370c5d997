#include "common/uri.h"

#include <stddef.h>
#include <string.h>

#include "common/address.h"

#define DIGITS  "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* Section 2: nothing else stands anywhere in a URI, and "%" begins an escape. */
static bool is_all_characters(const char *text)
{
    if (text[strspn(text, LETTERS DIGITS "-._~:/?#[]@!$&'()*+,;=%")])
        return false;
    for (const char *p = strchr(text, '%'); p; p = strchr(p + 1, '%'))
        if (strspn(p + 1, DIGITS "abcdefABCDEF") < 2)
            return false;
    return true;
}

/* Section 3.2.2; what follows the host is *length bytes on. */
static bool host_take(const char *text, size_t *length)
{
    struct address address;
    size_t host = strcspn(text, ":/?#");
    if (text[0] == '[') {
        size_t inner = strcspn(text + 1, "]/?#");
        *length = inner + 2;
        return text[inner + 1] == ']' && memchr(text + 1, ':', inner) &&
               address_parse(text + 1, inner, &address);
    }
    *length = host;
    return !memchr(text, '[', host) && !memchr(text, ']', host) && !memchr(text, '@', host);
}

/* Section 3.2: user information, host and port; ends where the path, query or fragment begins. */
static bool authority_take(const char *text, size_t *length)
{
    size_t end = strcspn(text, "/?#"), host;
    const char *at = memchr(text, '@', end);
    size_t begin = at ? (size_t)(at - text) + 1 : 0;
    *length = end;
    if (memchr(text, '[', begin) || memchr(text, ']', begin) || !host_take(text + begin, &host))
        return false;
    const char *port = text + begin + host;
    return port == text + end ||
           (*port == ':' && port + 1 + strspn(port + 1, DIGITS) == text + end);
}

bool uri_is_absolute(const char *text)
{
    size_t scheme = strspn(text, LETTERS DIGITS "+-."), authority = 0;
    if (strspn(text, LETTERS) == 0 || text[scheme] != ':' || !text[scheme + 1] ||
        !is_all_characters(text))
        return false;
    const char *rest = text + scheme + 1;
    if (strncmp(rest, "//", 2) == 0) {
        if (!authority_take(rest + 2, &authority))
            return false;
        rest += 2 + authority;
    }
    const char *fragment = strchr(rest, '#');
    return !strpbrk(rest, "[]") && !(fragment && strchr(fragment + 1, '#'));
}
