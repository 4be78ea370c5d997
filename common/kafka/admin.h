/* admin: one question to the broker's administration at a time, answered before it returns. For
 * this folder. */
#ifndef COMMON_KAFKA_ADMIN_H
#define COMMON_KAFKA_ADMIN_H

#include <librdkafka/rdkafka.h>

#include "common/error.h"

/* offsets: of every partition in list, filled in (RD_KAFKA_OFFSET_INVALID: none). ERROR_RETRY when
 * unanswered. */
int admin_group_offsets(rd_kafka_t *client, const char *group,
                        rd_kafka_topic_partition_list_t *list, struct error *err) MUST_USE;
/* Sets the offsets of a group without members. */
int admin_group_offsets_set(rd_kafka_t *client, const char *group,
                            const rd_kafka_topic_partition_list_t *list,
                            struct error *err) MUST_USE;
/* Takes topic. 0 also if it exists meanwhile. */
int admin_topic_create(rd_kafka_t *client, rd_kafka_NewTopic_t *topic, struct error *err) MUST_USE;
/* Calls visit(context, name, value) for each setting of the topic. */
int admin_topic_settings(rd_kafka_t *client, const char *topic,
                         void (*visit)(void *context, const char *name, const char *value),
                         void *context, struct error *err) MUST_USE;

#endif
