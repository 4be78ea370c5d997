#include "common/config_find.h"

#include "common/text.h"
#include "tests/support/unit.h"

static const struct row {
    const char *name, *text;
    const char *key;     /* of that name; NULL: none */
    const char *nearest; /* asked only where there is none */
} rows[] = {
    {"the first key", "aggregate.interval", "aggregate.interval", NULL},
    {"the last key", "topics.replication", "topics.replication", NULL},
    {"a wrong letter", "report.grase", NULL, "report.grace"},
    {"a missing letter", "topic.prefix", NULL, "topics.prefix"},
    {"a letter too many", "jobbs", NULL, "jobs"},
    {"two letters swapped", "smpt.user", NULL, "smtp.user"},
    {"the nearest of several", "elastic.usr", NULL, "elastic.user"},
    {"names are case sensitive", "Drain", NULL, "drain"},
    {"a third of it and no more", "draXX", NULL, NULL},
    {"nothing like it", "frobnicate", NULL, NULL},
    {"no name", "", NULL, NULL},
};

static const char *name_of(const struct config_key *key)
{
    return key ? key->name : NULL;
}

static void row_run(void **state)
{
    const struct row *row = *state;
    const char *key = name_of(config_find(row->text));
    assert_int_equal(text_compare(key, row->key), 0);
    if (!row->key) {
        const char *nearest = name_of(config_find_nearest(row->text));
        assert_int_equal(text_compare(nearest, row->nearest), 0);
    }
}

int main(void)
{
    return RUN_ROWS("config names", row_run, rows);
}
