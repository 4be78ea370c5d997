#include "common/uri.h"

#include "tests/support/unit.h"

static const struct row {
    const char *name; /* the text */
    bool want;
} rows[] = {
    {"https://a.example/x", true},
    {"HTTPS://a.example/?x=%2f#y", true},
    {"https://a.example", true},
    {"https://a.example:8443", true},
    {"https://a.example:/", true}, /* section 3.2.3: digits, or none */
    {"https://user:pass@a.example/", true},
    {"https://[2001:db8::1]/", true},
    {"https://[2001:db8::1]:443/x", true},
    {"file:///etc/motd", true}, /* section 3.2.2: a name may be empty */
    {"urn:a", true},
    {"mailto:a@b.example", true},
    {"a+b-c.1:x", true},
    {"https://a.example?q#f", true},
    {"", false},
    {"https:", false},
    {"//a.example/x", false},
    {"a.example/x", false},
    {"4xx:y", false},
    {":x", false},
    {"https://a.example/a b", false},
    {"https://a.example/\"", false},
    {"https://a.example/%2", false},
    {"https://a.example/%2x", false},
    {"https://a.example/[x]", false},
    {"https://a.example/#a#b", false},
    {"https://\xc3\xa4.example/", false},
    {"https://a[b]c/", false},
    {"https://]/", false},
    {"https://[zz]/", false},
    {"https://[192.0.2.1]/", false},
    {"https://[2001:db8::1/", false},
    {"https://[2001:db8::1]x/", false},
    {"https://a.example:x/", false},
    {"https://a.example:80:80/", false},
    {"https://a@b@c/", false},
    {"https://[::1]@a.example/", false},
};

static void row(void **state)
{
    const struct row *row = *state;
    assert_int_equal(uri_is_absolute(row->name), row->want);
}

int main(void)
{
    return RUN_ROWS("uri: absolute", row, rows);
}
