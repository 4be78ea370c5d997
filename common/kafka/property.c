#include "common/kafka/property.h"

#include "common/kafka/client.h"

int property_check(const struct config *config, struct error *err)
{
    rd_kafka_conf_t *conf = client_conf(config, NULL, NULL, err);
    if (!conf)
        return -1;
    rd_kafka_conf_destroy(conf);
    return 0;
}
