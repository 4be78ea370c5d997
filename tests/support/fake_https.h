/* fake_https: a TLS receiver on loopback (fake_https.py, a child process) with its own authority,
 * and a canary: a listener that must never be connected to. */
#ifndef TESTS_SUPPORT_FAKE_HTTPS_H
#define TESTS_SUPPORT_FAKE_HTTPS_H

#include <stdbool.h>

#include "common/text.h"

#define FAKE_HTTPS_HOST   "target.example" /* whom its certificate names */
#define FAKE_HTTPS_CANARY "127.0.0.2"

struct fake_https; /* opaque */

struct fake_https *fake_https_start(void);
struct fake_https *fake_https_start_expired(void); /* its certificate is */
struct fake_https *fake_https_start_old(void);     /* speaks TLS 1.0 and 1.1 only */
void fake_https_stop(struct fake_https **https);

/* It listens on ::1 too, if this machine has it: a container may have none. */
bool fake_https_has_ipv6(void);

int fake_https_port(const struct fake_https *https);
const char *fake_https_ca_file(const struct fake_https *https);
/* Of an authority that signed nothing here. */
const char *fake_https_other_ca_file(const struct fake_https *https);

/* Appends the requests since the last call, raw; they are there once the client has an answer. */
void fake_https_requests(struct fake_https *https, struct buffer *requests);

/* It listens on every loopback address; nobody accepts. */
int fake_https_canary_port(const struct fake_https *https);
/* Somebody is connected to the canary, and hears nothing. */
bool fake_https_canary_is_called(const struct fake_https *https);
/* Somebody connected to the canary since the last call. */
bool fake_https_canary_sang(struct fake_https *https);

#endif
