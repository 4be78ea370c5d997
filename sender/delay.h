/* delay: the job that lets records wait: one topic for each tier of retry.delays. An edge. */
#ifndef SENDER_DELAY_H
#define SENDER_DELAY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/config.h"
#include "common/error.h"

/* When a record of a delay topic goes on: the broker's timestamp of its arrival plus the tier that
 * the topic's name ends in. Pure. -1: the topic is none. */
int64_t delay_due_ms(const char *topic, int64_t arrived_ms);

/* Where a record may go back to. */
bool delay_is_destination(const char *topic);

/* A job of common/program. */
int delay_run(const struct config *config, struct error *err);

#endif
