/* property: the configuration's kafka.* as librdkafka takes them. */
#ifndef COMMON_KAFKA_PROPERTY_H
#define COMMON_KAFKA_PROPERTY_H

#include "common/config.h"
#include "common/error.h"

/* ERROR_CONFIG for a name or a value that librdkafka refuses, with the place where it was set. Asks
 * no broker. */
int property_check(const struct config *config, struct error *err) MUST_USE;

#endif
