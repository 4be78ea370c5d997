#include "tests/support/unit.h"

#include <stdio.h>

#include "common/memory.h"
#include "common/text.h"
#include "common/wire/delivery.h"

struct header {
    const char *name;
    const char *text;
};

static const struct header good[] = {
    {"target", "mailto:tls@a.example"},
    {"via", "mailto:postmaster@b.example"},
    {"report-id", "2026-11-24.example.org.3-17.0a1b2c3d"},
    {"domain", "example.org"},
    {"day", "2026-11-24"},
    {"created", "1795478400123"},
    {"first-attempt", "0"},
    {"attempt", "7"},
};

static const struct row {
    const char *name;
    const char *header; /* replaced in the good ones */
    const char *text;   /* NULL: left out */
    const char *want;   /* the error; NULL: none */
} rows[] = {
    {"all good", "attempt", "7", NULL},
    {"largest attempt", "attempt", "1000000", NULL},
    {"latest created", "created", "253402300799999", NULL},
    {"latest first-attempt", "first-attempt", "253402300799999", NULL},
    {"not redirected", "via", NULL, NULL},
    {"no target", "target", NULL, "header target: missing"},
    {"empty target", "target", "", "header target: missing"},
    {"no report-id", "report-id", NULL, "header report-id: missing"},
    {"no domain", "domain", NULL, "header domain: missing"},
    {"no day", "day", NULL, "header day: missing"},
    {"bad day", "day", "2026-11-31", "header day: not a day: 2026-11-31"},
    {"no created", "created", NULL, "header created: missing"},
    {"created is no number", "created", "12x", "header created: not a number"},
    {"created with a sign", "created", "+1", "header created: not a number"},
    {"created below 0", "created", "-1", "header created: not a number"},
    {"created after the year 9999", "created", "253402300800000", "header created: out of range"},
    {"created too large", "created", "9223372036854775808", "header created: not a number"},
    {"created of 2^64 + 1", "created", "18446744073709551617", "header created: not a number"},
    {"no first-attempt", "first-attempt", NULL, "header first-attempt: missing"},
    {"first-attempt blank", "first-attempt", " ", "header first-attempt: not a number"},
    {"first-attempt after the year 9999", "first-attempt", "253402300800000",
     "header first-attempt: out of range"},
    {"the largest number as first-attempt", "first-attempt", "9223372036854775807",
     "header first-attempt: out of range"},
    {"no attempt", "attempt", NULL, "header attempt: missing"},
    {"attempt too large", "attempt", "1000001", "header attempt: out of range"},
    {"attempt of 2^31 - 1", "attempt", "2147483647", "header attempt: out of range"},
};

static const char *get(void *context, const char *name)
{
    const struct row *row = context;
    if (strcmp(row->header, name) == 0)
        return row->text;
    for (size_t i = 0; i < NELEMS(good); i++) {
        if (strcmp(good[i].name, name) == 0)
            return good[i].text;
    }
    fail_msg("nobody writes the header %s", name);
    return NULL;
}

static void add(void *context, const char *name, const char *text)
{
    buffer_printf(context, "%s=%s\n", name, text);
}

static void expect_written(const struct delivery *delivery, const struct row *row)
{
    struct buffer got = {0}, want = {0};
    delivery_to_headers(delivery, add, &got);
    for (size_t i = 0; i < NELEMS(good); i++) {
        bool replaced = strcmp(good[i].name, row->header) == 0;
        if (replaced && !row->text) /* the one that may be absent */
            continue;
        buffer_printf(&want, "%s=%s\n", good[i].name, replaced ? row->text : good[i].text);
    }
    assert_string_equal(got.bytes, want.bytes);
    buffer_free(&got);
    buffer_free(&want);
}

static void reads(void **state)
{
    struct row *row = *state;
    struct delivery delivery = {.attempt = 77};
    struct error err = {0};
    assert_int_equal(delivery_from_headers(get, row, &delivery, &err), row->want ? -1 : 0);
    assert_string_equal(err.text, row->want ? row->want : "");
    assert_int_equal(err.kind, row->want ? ERROR_REJECT : ERROR_NONE);
    if (row->want)
        assert_int_equal(delivery.attempt, 77);
    else
        expect_written(&delivery, row);
}

int main(void)
{
    return RUN_ROWS("delivery_from_headers", reads, rows);
}
