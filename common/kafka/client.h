/* client: librdkafka handles from the configuration, with the settings that the loop's rules need.
 * For this folder. */
#ifndef COMMON_KAFKA_CLIENT_H
#define COMMON_KAFKA_CLIENT_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/config.h"
#include "common/error.h"

#define CLIENT_ASK_MS                                                                              \
    30000 /* one question to the broker; retriable answers are asked again by the caller */

struct client_setting {
    const char *name; /* NULL ends a list */
    const char *value;
};

/* kafka.* of the configuration, then the program's own settings, which win. ERROR_CONFIG for what
 * librdkafka refuses. opaque comes back in callbacks. NULL on failure. */
rd_kafka_conf_t *client_conf(const struct config *config, const struct client_setting *settings,
                             void *opaque, struct error *err);
/* Takes conf, also on failure (NULL). */
rd_kafka_t *client_new(rd_kafka_type_t type, rd_kafka_conf_t *conf, struct error *err);

/* A consumer that belongs to no group: reads tables and asks for offsets. */
rd_kafka_t *client_reader(const struct config *config, bool committed_only, struct error *err);

/* prefix + name; owned by the caller. */
char *client_topic(const struct config *config, const char *name);
/* The configured instance, or host, pid and a random number: stable only when configured. Owned by
 * the caller. */
char *client_instance(const struct config *config);

/* An answer of librdkafka as error: fatal, or worth another try. */
int client_error(struct error *err, rd_kafka_resp_err_t code, const char *what);
/* Takes error. */
int client_error_take(struct error *err, rd_kafka_error_t *error, const char *what);

/* One low-level question each, ERROR_RETRY when unanswered within timeout_ms. */
int client_partition_count(rd_kafka_t *client, const char *topic, int64_t timeout_ms,
                           int32_t *count,
                           struct error *err) MUST_USE; /* 0: there is no such topic */
int client_watermarks(rd_kafka_t *client, const char *topic, int32_t partition, int64_t timeout_ms,
                      int64_t *low, int64_t *high, struct error *err) MUST_USE;

#endif
