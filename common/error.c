#include "common/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* One line: what strangers wrote may stand in it. */
static void flatten(char *text)
{
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte < 0x20 || byte == 0x7f)
            *text = ' ';
    }
}

int error_set(struct error *err, enum error_kind kind, const char *format, ...)
{
    char text[sizeof(err->text)]; /* an argument may be err's own text */
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    flatten(text);
    err->kind = kind;
    memcpy(err->text, text, sizeof(err->text));
    return -1;
}

int error_wrap(struct error *err, const char *format, ...)
{
    char context[sizeof(err->text) / 2]; /* half of the room stays for the cause */
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(context, sizeof(context), format, arguments);
    va_end(arguments);
    return error_set(err, err->kind, "%s: %s", context, err->text);
}
