#include "common/mailbox.h"

#include "tests/support/unit.h"

#define BYTES(literal) literal, sizeof(literal) - 1
#define TEN            "abcdefghij"
#define LOCAL_64       TEN TEN TEN TEN TEN TEN "abcd"
#define LABEL_63       TEN TEN TEN TEN TEN TEN "abc"
/* 64 @ 63.63.61 = 64 + 1 + 189 = 254 */
#define DOMAIN_189 LABEL_63 "." LABEL_63 "." TEN TEN TEN TEN TEN TEN "a"

static const struct row {
    const char *name;
    const char *text;
    size_t length;
    const char *want; /* NULL: refused */
} rows[] = {
    {"an address", BYTES("tls@example.net"), "tls@example.net"},
    {"the local part stays, the domain is normalized", BYTES("TLS.a@Example.NET."),
     "TLS.a@example.net"},
    {"dots between atoms", BYTES("tls.reports+a@example.net"), "tls.reports+a@example.net"},
    {"every kind of atext", BYTES("!#$%&'*+-/=?^_`{|}~aZ09@example.net"),
     "!#$%&'*+-/=?^_`{|}~aZ09@example.net"},
    {"64 bytes before the at", BYTES(LOCAL_64 "@example.net"), LOCAL_64 "@example.net"},
    {"65 bytes before the at", BYTES(LOCAL_64 "e@example.net"), NULL},
    {"254 bytes", BYTES(LOCAL_64 "@" DOMAIN_189), LOCAL_64 "@" DOMAIN_189},
    {"255 bytes", BYTES(LOCAL_64 "@" DOMAIN_189 "b"), NULL},
    {"a U-label",
     BYTES("tls@b\xc3\xbc"
           "cher.example"),
     "tls@xn--bcher-kva.example"},
    {"empty", BYTES(""), NULL},
    {"no at", BYTES("example.net"), NULL},
    {"no local part", BYTES("@example.net"), NULL},
    {"no domain", BYTES("tls@"), NULL},
    {"a single label", BYTES("tls@localhost"), NULL},
    {"a leading dot", BYTES(".tls@example.net"), NULL},
    {"a trailing dot", BYTES("tls.@example.net"), NULL},
    {"two dots", BYTES("tls..a@example.net"), NULL},
    {"a display name", BYTES("TLS <tls@example.net>"), NULL},
    {"a scheme", BYTES("mailto:tls@example.net"), NULL},
    {"quoted", BYTES("\"tls\"@example.net"), NULL},
    {"two addresses", BYTES("a@example.net,b@example.net"), NULL},
    {"two ats", BYTES("a@b@example.net"), NULL},
    {"a comment", BYTES("tls(x)@example.net"), NULL},
    {"a blank", BYTES("tls a@example.net"), NULL},
    {"a newline", BYTES("tls\n@example.net"), NULL},
    {"a NUL", BYTES("tls\0@example.net"), NULL},
    {"a local part that is not ASCII", BYTES("t\xc3\xbcls@example.net"), NULL},
    {"an address literal", BYTES("tls@[192.0.2.1]"), NULL},
    {"an address as domain", BYTES("tls@192.0.2.1"), NULL},
};

static void row(void **state)
{
    const struct row *row = *state;
    char out[MAILBOX_TEXT] = "untouched";
    assert_int_equal(mailbox_normalize(row->text, row->length, out), row->want != NULL);
    assert_string_equal(out, row->want ? row->want : "untouched");
}

/* The text goes on behind the length: nothing there counts. */
static void the_length_counts(void **state)
{
    static const char text[] = "tls@example.net>, <b@example.org";
    char out[MAILBOX_TEXT];
    (void)state;
    assert_true(mailbox_normalize(text, strlen("tls@example.net"), out));
    assert_string_equal(out, "tls@example.net");
    assert_false(mailbox_normalize(text, strlen("tls"), out));
}

static void the_domain(void **state)
{
    (void)state;
    assert_string_equal(mailbox_domain("tls@example.net"), "example.net");
}

static void report_ids_are_dot_atoms(void **state)
{
    (void)state;
    assert_true(mailbox_is_dot_atom(BYTES("2026-11-24.example.org.0-0.b671df07")));
    assert_false(mailbox_is_dot_atom(BYTES("2026-11-24@example.org")));
    assert_false(mailbox_is_dot_atom(BYTES("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_length_counts),
        cmocka_unit_test(the_domain),
        cmocka_unit_test(report_ids_are_dot_atoms),
    };
    return RUN_ROWS("mailbox: rows", row, rows) +
           cmocka_run_group_tests_name("mailbox", tests, NULL, NULL);
}
