/* fake_smtp: a mail relay on loopback that answers as it is told, and keeps what it heard. Its own
 * thread; one connection at a time. */
#ifndef TESTS_SUPPORT_FAKE_SMTP_H
#define TESTS_SUPPORT_FAKE_SMTP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/text.h"
#include "tests/support/fake_tls.h"

enum fake_smtp_phase {
    FAKE_SMTP_NEVER,
    FAKE_SMTP_GREETING,
    FAKE_SMTP_EHLO,
    FAKE_SMTP_STARTTLS,
    FAKE_SMTP_AUTH, /* after the credentials */
    FAKE_SMTP_MAIL,
    FAKE_SMTP_RCPT,
    FAKE_SMTP_DATA, /* the command */
    FAKE_SMTP_BODY, /* with the first bytes of the message; only FAKE_SMTP_DROP means something */
    FAKE_SMTP_END,  /* the final dot */
    FAKE_SMTP_PHASES
};
#define FAKE_SMTP_DROP "drop" /* instead of a reply: the connection is closed */
#define FAKE_SMTP_HANG "hang" /* silence until the client goes away, at most 20 s */

/* Begins as zero: everything is accepted. Copied; what it points to is borrowed. */
struct fake_smtp_script {
    const char *replies[FAKE_SMTP_PHASES]; /* without CRLF */
    const struct fake_tls *tls;            /* NULL: STARTTLS is not offered */
    bool leaves;                           /* after each message, though nobody said QUIT */
    atomic_bool *flag;                     /* becomes true when ... */
    enum fake_smtp_phase flag_at;          /* ... this phase is to be answered */
};

#define FAKE_SMTP_IN_TLS "(tls) "

struct fake_smtp; /* opaque */

struct fake_smtp *fake_smtp_start(const struct fake_smtp_script *script);
void fake_smtp_stop(struct fake_smtp **smtp);
/* From the next command on. */
void fake_smtp_follow(struct fake_smtp *smtp, const struct fake_smtp_script *script);

const char *fake_smtp_url(const struct fake_smtp *smtp); /* for smtp.relay */
size_t fake_smtp_connections(struct fake_smtp *smtp);
size_t fake_smtp_closed(struct fake_smtp *smtp); /* of these, by the relay or after the client */
/* Appends a copy of what was heard: command lines, FAKE_SMTP_IN_TLS before those that came over
 * TLS; complete messages, dots unstuffed. */
void fake_smtp_commands(struct fake_smtp *smtp, struct text_list *commands);
void fake_smtp_messages(struct fake_smtp *smtp, struct text_list *messages);

#endif
