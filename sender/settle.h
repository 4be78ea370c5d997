/* settle: what is written when a try has ended, whatever carried it: the outcome, and the
 * delivery's next wait. Pure. */
#ifndef SENDER_SETTLE_H
#define SENDER_SETTLE_H

#include <stdint.h>

#include "common/config.h"
#include "common/error.h"
#include "common/kafka/message.h"
#include "common/wire/delivery.h"
#include "common/wire/outcome.h"
#include "sender/attempt.h"

/* The delivery that a record of deliveries.* carries, borrowed from it. ERROR_REJECT if it is none.
 */
int settle_read(struct record *record, struct delivery *delivery, struct error *err) MUST_USE;

/* Appends the outcome of (report, target), and while it waits also the delivery itself, to the
 * delay tier that brings it back to `to` (a topic without prefix). */
void settle_attempt(struct record *record, const struct delivery *delivery,
                    const struct attempt_result *result, const struct attempt_next *next,
                    const char *to, bool tls_verified, int64_t now_ms,
                    struct message_list *outputs);

/* Adds a delivery's headers to message. */
void settle_headers(const struct delivery *delivery, struct message *message);

/* Hands outputs over to record and zeroes it. */
void settle_output(struct record *record, struct message_list *outputs);

/* Every topic that a job of this program but delay writes to, then NULL: for the worker's check at
 * the start. */
int settle_output_topics(const struct config *config, struct text_list *topics,
                         struct error *err) MUST_USE;

/* The topic for a wait of delay_ms: "delay.1m". Owned by the caller. */
char *settle_delay_topic(int64_t delay_ms);

/* One record of the topic outcomes. target may be "". */
struct message *settle_outcome(const struct outcome *outcome);

/* One record of the topic rejected, about a record that nobody can use. stage: the job. */
struct message *settle_reject(struct record *record, const char *stage, const char *reason);

#endif
