/* topics: the table of all topics: created, checked, and given their groups' first offsets. */
#ifndef COMMON_KAFKA_TOPICS_H
#define COMMON_KAFKA_TOPICS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/config.h"
#include "common/error.h"
#include "common/text.h"

struct topic_row {
    const char *name;  /* without prefix; "delay." stands for all delay topics */
    const char *group; /* the job that reads it, NULL: none */
    int32_t partitions;
    const char *settings; /* "key=value" between blanks, beside those that all topics have */
};
extern const struct topic_row topic_rows[]; /* ended by a NULL name */

struct rd_kafka_s; /* librdkafka's handle */

/* Calls visit for each real topic (every delay tier by its own name, also those that only a former
 * retry.delays named: client is asked which there are). -1 stops. */
int topics_each(const struct config *config, struct rd_kafka_s *client,
                int (*visit)(void *context, const char *name, const struct topic_row *row,
                             struct error *err),
                void *context, struct error *err) MUST_USE;

/* Creates what is missing, reports drift (never alters), commits the first offset of every group
 * that has none. Safe to run again. A group whose offset was lost (expired, or below the topic's
 * begin) is an ERROR_FATAL that names the lost range, unless accept_loss: then it goes on at the
 * begin. One line for each thing done, to out. */
int topics_create(const struct config *config, bool accept_loss, FILE *out,
                  struct error *err) MUST_USE;

/* The names (without prefix) of the delay topics, one for each distinct retry.delays, shortest
 * first. */
int topics_delays(const struct config *config, struct text_list *names, struct error *err) MUST_USE;

/* Those, then every other delay topic that the broker has under this prefix: a former retry.delays
 * named it, and what was parked in it is still to be delivered. ERROR_RETRY when unanswered. */
int topics_delays_all(const struct config *config, struct text_list *names,
                      struct error *err) MUST_USE;
/* Adds the delay topic `topic` (with prefix) to names, unless it is none or stands there. */
void topics_delays_add(struct text_list *names, const char *prefix, const char *topic);

/* How many partitions a topic should have by table and topics.partitions; -1 for an unknown name.
 */
int32_t topics_partitions(const struct config *config, const char *name);

/* "1m" for 60000: the last part of a delay topic's name. Owned by the caller. */
char *topics_delay_name(int64_t delay_ms);
/* 60000 for the topic "delay.1m"; -1 for what is no delay topic's name. */
int64_t topics_delay_ms(const char *name);

#endif
