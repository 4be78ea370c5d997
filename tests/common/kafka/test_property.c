#include "common/kafka/property.h"

#include "tests/support/settings.h"
#include "tests/support/unit.h"

static const struct row {
    const char *name, *assignments;
    const char *complaint; /* its begin; NULL: none */
} rows[] = {
    {"none", "", NULL},
    {"good ones", "kafka.bootstrap.servers=a:9092|kafka.security.protocol=ssl", NULL},
    {"no such property", "kafka.no.such.thing=1", "-o: kafka.no.such.thing: "},
    {"a value that it does not take", "kafka.acks=many", "-o: kafka.acks: "},
    {"the second of two", "kafka.bootstrap.servers=a:9092|kafka.socket.timeout.ms=x",
     "-o: kafka.socket.timeout.ms: "},
};

static void row(void **state)
{
    const struct row *row = *state;
    struct config *config = settings_config(CONFIG_SENDER, row->assignments);
    struct error err = {0};
    assert_int_equal(property_check(config, &err), row->complaint ? -1 : 0);
    assert_int_equal(err.kind, row->complaint ? ERROR_CONFIG : ERROR_NONE);
    if (row->complaint)
        assert_memory_equal(err.text, row->complaint, strlen(row->complaint));
    config_free(&config);
}

int main(void)
{
    return RUN_ROWS("property", row, rows);
}
