/* secret: what stands in a secret's file, and whether the file keeps it. */
#ifndef COMMON_SECRET_H
#define COMMON_SECRET_H

#include "common/error.h"

/* Why this file should hold no secret, as the end of a sentence about it (borrowed until the next
 * call of strerror); NULL: it may. It must be a file that we can read and not everybody can. */
const char *secret_judge(const char *path);

/* The content without its last newline, LF or CRLF: 1 to 65536 bytes with it, no NUL among them.
 * *secret is owned by the caller. ERROR_RETRY, that begins with the path, if there is none now. */
int secret_read(const char *path, char **secret, struct error *err) MUST_USE;

#endif
