#include "tests/support/unit.h"

#include "common/domain.h"

#define BYTES(literal) literal, sizeof(literal) - 1
#define LABEL_63       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define LABEL_61       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define NAME_253       LABEL_63 "." LABEL_63 "." LABEL_63 "." LABEL_61

static const struct row {
    const char *name;
    const char *text;
    size_t length;
    const char *want; /* NULL: no domain */
} rows[] = {
    {"plain", BYTES("example.org"), "example.org"},
    {"upper case", BYTES("EXAMPLE.Org"), "example.org"},
    {"trailing dot", BYTES("example.org."), "example.org"},
    {"two trailing dots", BYTES("example.org.."), NULL},
    {"leading dot", BYTES(".example.org"), NULL},
    {"empty label", BYTES("example..org"), NULL},
    {"only a dot", BYTES("."), NULL},
    {"empty", BYTES(""), NULL},
    {"single label", BYTES("localhost"), "localhost"},
    {"one byte", BYTES("a"), "a"},
    {"digits first", BYTES("3com.example"), "3com.example"},
    {"digits only in front", BYTES("123.example"), "123.example"},
    {"last label all digits", BYTES("example.123"), NULL},
    {"last label all digits with a dot", BYTES("example.123."), NULL},
    {"single label of digits", BYTES("123"), NULL},
    {"IPv4 address", BYTES("192.0.2.1"), NULL},
    {"IPv6 address", BYTES("2001:db8::1"), NULL},
    {"address literal", BYTES("[192.0.2.1]"), NULL},
    {"underscore", BYTES("_dmarc.example.org"), NULL},
    {"hyphen inside", BYTES("a-b.example"), "a-b.example"},
    {"hyphen first", BYTES("-a.example"), NULL},
    {"hyphen last", BYTES("a-.example"), NULL},
    {"hyphen last of all", BYTES("example.org-"), NULL},
    {"two hyphens at 3 and 4", BYTES("r3---sn.example"), "r3---sn.example"},
    {"blank around", BYTES(" example.org"), NULL},
    {"blank inside", BYTES("exa mple.org"), NULL},
    {"newline at the end", BYTES("example.org\n"), NULL},
    {"NUL inside", BYTES("example.org\0.example"), NULL},
    {"NUL at the end", BYTES("example.org\0"), NULL},
    {"at sign", BYTES("a@example.org"), NULL},
    {"wildcard", BYTES("*.example.org"), NULL},
    {"slash", BYTES("example.org/a"), NULL},
    {"label of 63", BYTES(LABEL_63 ".org"), LABEL_63 ".org"},
    {"label of 64", BYTES("a" LABEL_63 ".org"), NULL},
    {"253 bytes", BYTES(NAME_253), NAME_253},
    {"253 bytes and a dot", BYTES(NAME_253 "."), NAME_253},
    {"254 bytes", BYTES(LABEL_63 "." LABEL_63 "." LABEL_63 "." LABEL_61 "a"), NULL},
    {"U-label",
     BYTES("b\xc3\xbc"
           "cher.example"),
     "xn--bcher-kva.example"},
    {"U-label in upper case",
     BYTES("B\xc3\x9c"
           "CHER.EXAMPLE"),
     "xn--bcher-kva.example"},
    {"U-label in decomposed form",
     BYTES("bu\xcc\x88"
           "cher.example"),
     "xn--bcher-kva.example"},
    {"U-label with trailing dot",
     BYTES("b\xc3\xbc"
           "cher.example."),
     "xn--bcher-kva.example"},
    {"sharp s stays (non-transitional)", BYTES("fa\xc3\x9f.de"), "xn--fa-hia.de"},
    {"ideographic dots", BYTES("\xe4\xbe\x8b\xe3\x81\x88\xe3\x80\x82jp\xe3\x80\x82"),
     "xn--r8jz45g.jp"},
    {"full width", BYTES("\xef\xbd\x85\xef\xbd\x98.example"), "ex.example"},
    {"full width digits at the end", BYTES("a.\xef\xbc\x91"), NULL},
    {"underscore beside a U-label",
     BYTES("_x.b\xc3\xbc"
           "cher.example"),
     NULL},
    {"symbol (no IDNA2008 character)", BYTES("i\xe2\x99\xa5.example"), NULL},
    {"bad UTF-8",
     BYTES("b\xfc"
           "cher.example"),
     NULL},
    {"zero width joiner first",
     BYTES("\xe2\x80\x8d"
           "a.example"),
     NULL},
    {"A-label", BYTES("xn--bcher-kva.example"), "xn--bcher-kva.example"},
    {"A-label in upper case", BYTES("XN--BCHER-KVA.EXAMPLE"), "xn--bcher-kva.example"},
    {"A-label of a symbol, as some registries sell", BYTES("xn--i-7iq.example"),
     "xn--i-7iq.example"},
    {"A-label that no U-label gives", BYTES("xn--bcher-kvb.example"), "xn--bcher-kvb.example"},
    {"A-label that ends in a hyphen", BYTES("xn--abc-.example"), NULL},
    {"A-label at the end", BYTES("example.xn--p1ai"), "example.xn--p1ai"},
};

static void normalizes(void **state)
{
    const struct row *row = *state;
    char out[DOMAIN_MAX] = "untouched";
    assert_int_equal(domain_normalize(row->text, row->length, out), row->want != NULL);
    assert_string_equal(out, row->want ? row->want : "untouched");
}

/* What came out once comes out again: it is a key. */
static void is_idempotent(void **state)
{
    const struct row *row = *state;
    char out[DOMAIN_MAX];
    if (!row->want)
        return;
    assert_true(domain_normalize(row->want, strlen(row->want), out));
    assert_string_equal(out, row->want);
}

static const struct row pattern_rows[] = {
    {"pattern: domain", BYTES("MX.example.org."), "mx.example.org"},
    {"pattern: wildcard", BYTES("*.Example.org"), "*.example.org"},
    {"pattern: wildcard and trailing dot", BYTES("*.example.org."), "*.example.org"},
    {"pattern: wildcard before a U-label",
     BYTES("*.b\xc3\xbc"
           "cher.example"),
     "*.xn--bcher-kva.example"},
    {"pattern: star alone", BYTES("*"), NULL},
    {"pattern: star and dot", BYTES("*."), NULL},
    {"pattern: star inside a label", BYTES("*a.example.org"), NULL},
    {"pattern: two stars", BYTES("*.*.example.org"), NULL},
    {"pattern: star further on", BYTES("mx.*.example.org"), NULL},
    {"pattern: only below", BYTES(".example.org"), NULL},
    {"pattern: address", BYTES("*.192.0.2.1"), NULL},
    {"pattern: 253 bytes behind the star", BYTES("*." NAME_253), NULL},
    {"pattern: empty", BYTES(""), NULL},
};

static void normalizes_patterns(void **state)
{
    const struct row *row = *state;
    char out[DOMAIN_MAX] = "untouched";
    assert_int_equal(domain_pattern_normalize(row->text, row->length, out), row->want != NULL);
    assert_string_equal(out, row->want ? row->want : "untouched");
}

static const struct match_row {
    const char *name;
    const char *domain;
    const char *rule;
    bool want;
} match_rows[] = {
    {"itself", "example.org", "example.org", true},
    {"not what is below", "a.example.org", "example.org", false},
    {"below", "a.example.org", ".example.org", true},
    {"far below", "a.b.c.example.org", ".example.org", true},
    {"below is not itself", "example.org", ".example.org", false},
    {"label borders count", "badexample.org", ".example.org", false},
    {"another", "example.com", ".example.org", false},
    {"shorter than the rule", "org", ".example.org", false},
};

static void matches(void **state)
{
    const struct match_row *row = *state;
    assert_int_equal(domain_matches(row->domain, row->rule), row->want);
}

int main(void)
{
    return RUN_ROWS("domain_normalize", normalizes, rows) +
           RUN_ROWS("domain_normalize again", is_idempotent, rows) +
           RUN_ROWS("domain_pattern_normalize", normalizes_patterns, pattern_rows) +
           RUN_ROWS("domain_matches", matches, match_rows);
}
