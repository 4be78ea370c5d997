#include "common/config_property.h"

#include "tests/support/unit.h"

/* ---- whose it is to set ---- */

static const char ours[] = "not yours to set: the exactly-once loop decides it";

static const struct row {
    const char *name, *property, *value;
    const char *complaint; /* NULL: none */
} rows[] = {
    {"a property", "bootstrap.servers", "a:9092", NULL},
    {"a property from a file", "sasl.password_file", "/x", NULL},
    {"no property", "", "x", "names no property of librdkafka"},
    {"an empty value", "sasl.username", "", "must not be empty"},
    {"no UTF-8", "sasl.username", "a\xff", "the value is not UTF-8 or has control characters"},
    {"one that begins like ours", "group.id.x", "x", NULL},
    {"one that ends like ours", "x.group.id", "x", NULL},
    {"one that ours begins with", "group", "x", NULL},
    {"the group by way of a file", "group.id_file", "/x", ours},
    {"auto.commit.enable", "auto.commit.enable", "x", ours},
    {"auto.offset.reset", "auto.offset.reset", "x", ours},
    {"enable.auto.commit", "enable.auto.commit", "x", ours},
    {"enable.auto.offset.store", "enable.auto.offset.store", "x", ours},
    {"enable.idempotence", "enable.idempotence", "x", ours},
    {"enable.partition.eof", "enable.partition.eof", "x", ours},
    {"group.id", "group.id", "x", ours},
    {"group.instance.id", "group.instance.id", "x", ours},
    {"group.protocol", "group.protocol", "x", ours},
    {"isolation.level", "isolation.level", "x", ours},
    {"partition.assignment.strategy", "partition.assignment.strategy", "x", ours},
    {"partitioner", "partitioner", "x", ours},
    {"transactional.id", "transactional.id", "x", ours},
};

static void row_run(void **state)
{
    const struct row *row = *state;
    struct error err = {0};
    int result = config_property_check(row->property, row->value, &err);
    assert_string_equal(err.text, row->complaint ? row->complaint : "");
    assert_int_equal(err.kind, row->complaint ? ERROR_CONFIG : ERROR_NONE);
    assert_int_equal(result, row->complaint ? -1 : 0);
}

/* ---- what its name tells ---- */

static const struct name_row {
    const char *name; /* the property */
    bool secret;
    size_t stem;
} name_rows[] = {
    {"bootstrap.servers", false, 0},
    {"sasl.username", false, 0},
    {"sasl.password", true, 0},
    {"sasl.password_file", false, 13},
    {"sasl.oauthbearer.config", true, 0},
    {"client.secret", true, 0},
    {"sasl.jaas.config", true, 0},
    {"ssl.key.pem", true, 0},
    {"ssl.key.location", false, 0},
    {"a_file", false, 1},
    {"_file", false, 0},
    {"a_files", false, 0},
};

static void name_row_run(void **state)
{
    const struct name_row *row = *state;
    assert_int_equal(config_property_is_secret(row->name), row->secret);
    assert_int_equal(config_property_stem(row->name), row->stem);
}

int main(void)
{
    return RUN_ROWS("config properties", row_run, rows) +
           RUN_ROWS("config property names", name_row_run, name_rows);
}
