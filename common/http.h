/* http: the side door: /metrics, /livez, /readyz on `http.listen` (libmicrohttpd, its own thread).
 */
#ifndef COMMON_HTTP_H
#define COMMON_HTTP_H

#include <stdbool.h>

#include "common/error.h"

/* ready() is called from the server's thread; must not block. listen is ADDRESS:PORT ([v6]:port);
 * ERROR_CONFIG if it cannot be parsed, ERROR_FATAL if it cannot be bound. */
int http_start(const char *listen, bool (*ready)(void), struct error *err) MUST_USE;
/* The port that it listens on, also when port 0 let the system choose; 0: it does not run. */
int http_port(void);
void http_stop(void);

#endif
