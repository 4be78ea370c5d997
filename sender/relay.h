/* relay: one message to the mail relay over libcurl: one handle is one connection, kept as long as
 * it works. */
#ifndef SENDER_RELAY_H
#define SENDER_RELAY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/config.h"
#include "common/error.h"
#include "sender/attempt.h"

struct relay; /* opaque; for one thread */

/* Owned by the caller. from: the envelope's sender (borrowed), a mailbox when something is sent. */
struct relay *relay_new(const struct config *config, const char *from);
void relay_free(struct relay **relay); /* nulls; says QUIT */

struct relay_letter { /* all borrowed */
    const char *mailbox;
    const char *message; /* ended by CRLF */
    size_t message_bytes;
    const atomic_bool *cancel; /* ends the transfer while its last byte is not out */
};
/* Blocks until the relay has answered. True: *facts says how. False: cancelled, nothing was
 * delivered. */
bool relay_send(struct relay *relay, const struct relay_letter *letter, struct attempt_smtp *facts);

#endif
