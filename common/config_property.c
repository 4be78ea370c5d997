#include "common/config_property.h"

#include <string.h>

#include "common/config_value.h"
#include "common/memory.h"

#define FILE_SUFFIX "_file"

/* What the exactly-once loop decides itself; another value would lose or double records. */
static const char *const refused[] = {
    "auto.commit.enable",
    "auto.offset.reset",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.idempotence",
    "enable.partition.eof",
    "group.id",
    "group.instance.id",
    "group.protocol",
    "isolation.level",
    "partition.assignment.strategy",
    "partitioner",
    "transactional.id",
};

size_t config_property_stem(const char *name)
{
    size_t length = strlen(name);
    size_t suffix = strlen(FILE_SUFFIX);
    bool is_file = length > suffix && strcmp(name + length - suffix, FILE_SUFFIX) == 0;
    return is_file ? length - suffix : 0;
}

int config_property_check(const char *name, const char *value, struct error *err)
{
    size_t length = config_property_stem(name) ? config_property_stem(name) : strlen(name);
    for (size_t i = 0; i < NELEMS(refused); i++)
        if (strlen(refused[i]) == length && strncmp(refused[i], name, length) == 0)
            return error_set(err, ERROR_CONFIG,
                             "not yours to set: the exactly-once loop decides it");
    if (!*name)
        return error_set(err, ERROR_CONFIG, "names no property of librdkafka");
    return *value ? config_value_check_text(value, err)
                  : error_set(err, ERROR_CONFIG, "must not be empty");
}

bool config_property_is_secret(const char *name)
{
    static const char *const marks[] = {"password", "secret", "pem", "oauthbearer", "jaas"};
    for (size_t i = 0; i < NELEMS(marks); i++)
        if (config_property_stem(name) == 0 && strstr(name, marks[i]))
            return true;
    return false;
}
