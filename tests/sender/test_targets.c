#include "sender/targets.h"

#include <curl/curl.h>
#include <stdio.h>

#include "common/memory.h"
#include "tests/support/unit.h"

/* ---- one URI ---- */

struct uri_row {
    const char *name; /* the URI */
    enum target_flaw flaw;
    const char *target; /* NULL: unusable */
};

#define LABEL_63 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk"
#define LOCAL_64 LABEL_63 "l"

static const struct uri_row uri_rows[] = {
    /* https: what is normalised, and what is kept */
    {"https://example.org/tls", TARGET_USABLE, "https://example.org/tls"},
    {"HTTPS://Example.ORG/TLS", TARGET_USABLE, "https://example.org/TLS"},
    {"https://example.org", TARGET_USABLE, "https://example.org/"},
    {"https://example.org?a=b=c", TARGET_USABLE, "https://example.org/?a=b=c"},
    {"https://example.org/?token=AB12&x=%2f", TARGET_USABLE,
     "https://example.org/?token=AB12&x=%2f"},
    {"https://example.org:443/x", TARGET_USABLE, "https://example.org/x"},
    {"https://example.org:0443/x", TARGET_USABLE, "https://example.org/x"},
    {"https://example.org:/x", TARGET_USABLE, "https://example.org/x"},
    {"https://example.org:8443/x", TARGET_USABLE, "https://example.org:8443/x"},
    {"https://example.org/x#part", TARGET_USABLE, "https://example.org/x"},
    {"https://example.org#part", TARGET_USABLE, "https://example.org/"},
    {"https://example.org./x", TARGET_USABLE, "https://example.org/x"},
    {"https://example.org/a//b/../c", TARGET_USABLE, "https://example.org/a//b/../c"},
    {"https://example.org/a@b:c", TARGET_USABLE, "https://example.org/a@b:c"},
    {"https://example.org/?u=https://x/?y", TARGET_USABLE, "https://example.org/?u=https://x/?y"},
    {"https://xn--mnchen-3ya.example/", TARGET_USABLE, "https://xn--mnchen-3ya.example/"},
    /* what an address, a port or a name forbids is decided later */
    {"https://169.254.169.254/x", TARGET_USABLE, "https://169.254.169.254/x"},
    {"https://localhost/x", TARGET_USABLE, "https://localhost/x"},
    {"https://example.org:80/x", TARGET_USABLE, "https://example.org:80/x"},
    {"https://example.org:65535/", TARGET_USABLE, "https://example.org:65535/"},
    {"https://[2001:DB8:0:0::1]:8443/x", TARGET_USABLE, "https://[2001:db8::1]:8443/x"},
    {"https://[::1]", TARGET_USABLE, "https://[::1]/"},
    {"https://[::ffff:7f00:1]/", TARGET_USABLE, "https://[::ffff:127.0.0.1]/"},
    /* hosts that are none */
    {"https:///x", TARGET_HOST, NULL},
    {"https://:443/x", TARGET_HOST, NULL},
    {"https://127.1/", TARGET_HOST, NULL},
    {"https://0177.0.0.1/", TARGET_HOST, NULL},
    {"https://2130706433/", TARGET_HOST, NULL},
    {"https://0x7f000001/", TARGET_HOST, NULL},
    {"https://1.2.3.0x7f/", TARGET_HOST, NULL},
    {"https://1.2.3.0X7F/", TARGET_HOST, NULL},
    {"https://1.2.3.4.5/", TARGET_HOST, NULL},
    {"https://256.1.1.1/", TARGET_HOST, NULL},
    {"https://a_b.example/", TARGET_HOST, NULL},
    {"https://-a.example/", TARGET_HOST, NULL},
    {"https://a..example/", TARGET_HOST, NULL},
    {"https://" LOCAL_64 ".example/", TARGET_HOST, NULL},
    {"https://ex%61mple.org/", TARGET_HOST, NULL},
    {"https://example.org%00/", TARGET_HOST, NULL},
    {"https://[::1/", TARGET_HOST, NULL},
    {"https://[fe80::1%25eth0]/", TARGET_HOST, NULL},
    {"https://[127.0.0.1]/", TARGET_HOST, NULL},
    {"https://::1/", TARGET_HOST, NULL},
    {"https://[v1.x]/", TARGET_HOST, NULL},
    /* ports that are none */
    {"https://example.org:0/", TARGET_PORT, NULL},
    {"https://example.org:65536/", TARGET_PORT, NULL},
    {"https://example.org:99999999999999999999/", TARGET_PORT, NULL},
    {"https://example.org:8x/", TARGET_PORT, NULL},
    {"https://example.org:-1/", TARGET_PORT, NULL},
    {"https://[::1]x/", TARGET_PORT, NULL},
    /* user information, also hidden */
    {"https://user@example.org/", TARGET_USERINFO, NULL},
    {"https://user:pw@example.org/", TARGET_USERINFO, NULL},
    {"https://example.org@127.0.0.1/", TARGET_USERINFO, NULL},
    {"https://example.org%2f@127.0.0.1/", TARGET_USERINFO, NULL},
    {"https://@example.org/", TARGET_USERINFO, NULL},
    {"https://example.org?@127.0.0.1/", TARGET_USABLE, "https://example.org/?@127.0.0.1/"},
    /* bytes that are in no URI */
    {"", TARGET_SYNTAX, NULL},
    {"https://example.org/!10m", TARGET_SYNTAX, NULL},
    {"https://example.org/a;b", TARGET_SYNTAX, NULL},
    {"https://example.org/a,b", TARGET_SYNTAX, NULL},
    {"https://example.org/a b", TARGET_SYNTAX, NULL},
    {"https://example.org/\"", TARGET_SYNTAX, NULL},
    {"https://example.org\\@127.0.0.1/", TARGET_SYNTAX, NULL},
    {"https://example.org/<>", TARGET_SYNTAX, NULL},
    {"https://example.org/{a,b}", TARGET_SYNTAX, NULL},
    {"https://example.org/[1-1000000]", TARGET_SYNTAX, NULL},
    {"https://example.org/?a[]=1", TARGET_SYNTAX, NULL},
    {"https://m\xc3\xbcnchen.example/", TARGET_SYNTAX, NULL},
    {"https://example.org/%", TARGET_SYNTAX, NULL},
    {"https://example.org/%4", TARGET_SYNTAX, NULL},
    {"https://example.org/%zz", TARGET_SYNTAX, NULL},
    {"https:example.org", TARGET_SYNTAX, NULL},
    {"https:/example.org", TARGET_SYNTAX, NULL},
    {"//example.org/", TARGET_SYNTAX, NULL},
    {"postmaster@example.org", TARGET_SYNTAX, NULL},
    {":example.org", TARGET_SYNTAX, NULL},
    {"1https://example.org", TARGET_SYNTAX, NULL},
    {"ht tps://example.org", TARGET_SYNTAX, NULL},
    /* schemes */
    {"http://example.org/", TARGET_SCHEME, NULL},
    {"file:///etc/passwd", TARGET_SCHEME, NULL},
    {"ftp://example.org", TARGET_SCHEME, NULL},
    {"mailtox:a@example.org", TARGET_SCHEME, NULL},
    /* mailto */
    {"mailto:tls@example.org", TARGET_USABLE, "mailto:tls@example.org"},
    {"MAILTO:Tls.X@Example.ORG", TARGET_USABLE, "mailto:Tls.X@example.org"},
    {"mailto:a+b=c@example.org", TARGET_USABLE, "mailto:a+b=c@example.org"},
    {"mailto:%74ls%40example.org", TARGET_USABLE, "mailto:tls@example.org"},
    {"mailto:a@m%C3%BCnchen.example", TARGET_USABLE, "mailto:a@xn--mnchen-3ya.example"},
    {"mailto:a@example.org?subject=hi%20there", TARGET_USABLE, "mailto:a@example.org"},
    {"mailto:a@example.org?", TARGET_USABLE, "mailto:a@example.org"},
    {"mailto:a@example.org#x", TARGET_USABLE, "mailto:a@example.org"},
    {"mailto:" LOCAL_64 "@example.org", TARGET_USABLE, "mailto:" LOCAL_64 "@example.org"},
    {"mailto:a@example.org?cc=b@example.org", TARGET_HFIELD, NULL},
    {"mailto:a@example.org?subject=x&BCC=b@example.org", TARGET_HFIELD, NULL},
    {"mailto:a@example.org?%62cc=b@example.org", TARGET_HFIELD, NULL},
    {"mailto:a@example.org?to=b@example.org", TARGET_HFIELD, NULL},
    {"mailto:a@example.org?body=x", TARGET_HFIELD, NULL},
    {"mailto:a@example.org?cc", TARGET_HFIELD, NULL},
    {"mailto:", TARGET_MAILBOX, NULL},
    {"mailto:?to=a@example.org", TARGET_MAILBOX, NULL},
    {"mailto:x@", TARGET_MAILBOX, NULL},
    {"mailto:@example.org", TARGET_MAILBOX, NULL},
    {"mailto:example.org", TARGET_MAILBOX, NULL},
    {"mailto:a@b@example.org", TARGET_MAILBOX, NULL},
    {"mailto:a%2Cb@example.org", TARGET_MAILBOX, NULL},
    {"mailto:a@example.org%2Cb@example.org", TARGET_MAILBOX, NULL},
    {"mailto:a%0D%0ABcc:x@example.org", TARGET_MAILBOX, NULL},
    {"mailto:a@example.org%0D%0A", TARGET_MAILBOX, NULL},
    {"mailto:a%00@example.org", TARGET_MAILBOX, NULL},
    {"mailto:a@example.org%00", TARGET_MAILBOX, NULL},
    {"mailto:a%20b@example.org", TARGET_MAILBOX, NULL},
    {"mailto:a@%20example.org", TARGET_MAILBOX, NULL},
    {"mailto:%22a%22@example.org", TARGET_MAILBOX, NULL},
    {"mailto:a(b)@example.org", TARGET_MAILBOX, NULL},
    {"mailto:%3Ca@example.org%3E", TARGET_MAILBOX, NULL},
    {"mailto:a%2540b@example.org", TARGET_MAILBOX, NULL}, /* decoded once: a%40b */
    {"mailto:a%21b@example.org", TARGET_MAILBOX, NULL},
    {"mailto:%7Ccat@example.org", TARGET_MAILBOX, NULL},
    {"mailto:-a@example.org", TARGET_MAILBOX, NULL},
    {"mailto:.a@example.org", TARGET_MAILBOX, NULL},
    {"mailto:a.@example.org", TARGET_MAILBOX, NULL},
    {"mailto:a..b@example.org", TARGET_MAILBOX, NULL},
    {"mailto:%C3%BC@example.org", TARGET_MAILBOX, NULL},
    {"mailto:a@localhost", TARGET_MAILBOX, NULL},
    {"mailto:a@127.0.0.1", TARGET_MAILBOX, NULL},
    {"mailto:a@%5B127.0.0.1%5D", TARGET_MAILBOX, NULL},
    {"mailto:" LOCAL_64 "m@example.org", TARGET_MAILBOX, NULL},
    {"mailto:a@example.org!10m", TARGET_SYNTAX, NULL},
};

static char *host_by_libcurl(const char *uri)
{
    char *host = NULL;
    CURLU *url = curl_url();
    assert_int_equal(curl_url_set(url, CURLUPART_URL, uri, CURLU_DISALLOW_USER), CURLUE_OK);
    assert_int_equal(curl_url_get(url, CURLUPART_HOST, &host, 0), CURLUE_OK);
    curl_url_cleanup(url);
    return host;
}

/* libcurl, which connects, must see the host that was judged. */
static void assert_same_host(const char *uri, const struct target *target)
{
    char *host = host_by_libcurl(uri);
    size_t length = strlen(target->host);
    if (host[0] == '[') {
        assert_memory_equal(host + 1, target->host, length);
        assert_string_equal(host + 1 + length, "]");
    } else {
        assert_string_equal(host, target->host);
    }
    curl_free(host);
}

static void uri_row(void **state)
{
    const struct uri_row *row = *state;
    char *const untouched = (char *)(uintptr_t) "untouched";
    char *target = untouched;
    struct target parts;
    enum target_flaw flaw = target_normalize(row->name, strlen(row->name), &target);
    assert_string_equal(target_flaw_name(flaw), target_flaw_name(row->flaw));
    if (!row->target) {
        assert_ptr_equal(target, untouched);
        return;
    }
    assert_string_equal(target, row->target);
    assert_true(target_read(target, &parts));
    if (!parts.mail)
        assert_same_host(target, &parts);
    free(target);
}

/* ---- lengths ---- */

static void a_uri_may_have_1024_bytes(void **state)
{
    char uri[TARGETS_URI_MAX + 1];
    char *target = NULL;
    (void)state;
    memset(uri, 'a', sizeof(uri));
    memcpy(uri, "https://example.org/", 20);
    assert_int_equal(target_normalize(uri, TARGETS_URI_MAX + 1, &target), TARGET_TOO_LONG);
    assert_int_equal(target_normalize(uri, TARGETS_URI_MAX, &target), TARGET_USABLE);
    assert_int_equal(strlen(target), TARGETS_URI_MAX);
    free(target);
}

/* The form that is written can be longer than the URI: it gets a path, or another address text. */
static void what_is_usable_can_be_read(void **state)
{
    static const char *const begins[] = {"https://example.org?", "https://[::ffff:1]/",
                                         "https://[1::2:3:4:5:6:7]/", "https://example.org/"};
    char uri[TARGETS_URI_MAX];
    (void)state;
    for (size_t i = 0; i < NELEMS(begins); i++) {
        size_t usable = 0;
        memset(uri, 'a', sizeof(uri));
        memcpy(uri, begins[i], strlen(begins[i]));
        for (size_t length = TARGETS_URI_MAX - 8; length <= TARGETS_URI_MAX; length++) {
            char *target = NULL;
            struct target parts;
            if (target_normalize(uri, length, &target) != TARGET_USABLE)
                continue;
            assert_true(strlen(target) <= TARGETS_URI_MAX);
            assert_true(target_read(target, &parts));
            usable = length;
            free(target);
        }
        assert_int_equal(usable == TARGETS_URI_MAX, i == 3);
        assert_true(usable > 0);
    }
}

static void blanks_controls_and_8_bit_are_in_no_uri(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        char https[] = "https://example.org/_x", mailto[] = "mailto:a_b@example.org";
        char *target = NULL;
        if (byte > ' ' && byte < 0x7f)
            continue;
        *strchr(https, '_') = (char)byte;
        *strchr(mailto, '_') = (char)byte;
        assert_int_equal(target_normalize(https, sizeof(https) - 1, &target), TARGET_SYNTAX);
        assert_int_equal(target_normalize(mailto, sizeof(mailto) - 1, &target), TARGET_SYNTAX);
    }
}

static void nor_in_a_normalised_one(void **state)
{
    struct target target;
    (void)state;
    assert_false(target_read("mailto:a@example.org\r\nBcc: b@example.org", &target));
    assert_false(target_read("mailto:a\r\n@example.org", &target));
    assert_false(target_read("https://example.org/\r\n", &target));
}

/* ---- what a normalised target says ---- */

struct read_row {
    const char *name; /* the text */
    bool good, mail;
    const char *host;
    bool literal;
    int port;
};

static const struct read_row read_rows[] = {
    {"https://example.org/x", true, false, "example.org", false, 443},
    {"https://example.org:8443/?x", true, false, "example.org", false, 8443},
    {"https://192.0.2.1/", true, false, "192.0.2.1", true, 443},
    {"https://[2001:db8::1]:8443/", true, false, "2001:db8::1", true, 8443},
    {"mailto:a?b@example.org", true, true, "example.org", false, 0}, /* decoded from %3F */
    {"https://Example.org/x", false, false, NULL, false, 0},
    {"https://example.org", false, false, NULL, false, 0},
    {"https://example.org:443/", false, false, NULL, false, 0},
    {"http://example.org/", false, false, NULL, false, 0},
    {"MAILTO:a@example.org", false, false, NULL, false, 0},
    {"mailto:a@Example.org", false, false, NULL, false, 0},
    {"mailto:a%40example.org", false, false, NULL, false, 0},
    {"mailto:-oQ@example.org", false, false, NULL, false, 0},
    {"", false, false, NULL, false, 0},
};

static void read_row(void **state)
{
    const struct read_row *row = *state;
    struct target target = {.port = -7};
    assert_int_equal(target_read(row->name, &target), row->good);
    if (!row->good) {
        assert_int_equal(target.port, -7); /* untouched */
        return;
    }
    assert_int_equal(target.mail, row->mail);
    assert_string_equal(target.host, row->host);
    assert_int_equal(target.literal, row->literal);
    assert_int_equal(target.port, row->port);
    if (row->mail)
        assert_string_equal(target.mailbox, row->name + strlen("mailto:"));
    else
        assert_null(target.mailbox);
}

/* ---- answers ---- */

/* Records are divided by "\n", character-strings by "|". Results: "target target / uri=flaw
 * uri=flaw". */
struct answer_row {
    const char *name, *answer, *reason, *result;
};

#define V   "v=TLSRPTv1;"
#define A   "mailto:a@example.org"
#define B   "mailto:b@example.org"
#define RUA "rua=" A

static const struct answer_row answer_rows[] = {
    {"one mailbox", V " " RUA, NULL, A " /"},
    {"one https", V "rua=https://x.example/?a=b", NULL, "https://x.example/?a=b /"},
    {"no record", NULL, "no-record", " /"},
    {"an empty record", "", "no-record", " /"},
    {"another record", "v=spf1 -all", "no-record", " /"},
    {"another record beside it", "v=spf1 -all\n" V RUA, NULL, A " /"},
    {"two records", V RUA "\n" V "rua=" B, "several-records", " /"},
    {"the same record twice", V RUA "\n" V RUA, "several-records", " /"},
    {"two records, one wrong", V RUA "\n" V, "several-records", " /"},
    {"strings joined without a blank", "v=TLSR|PTv1; rua=mailto:a@exa|mple.org", NULL, A " /"},
    {"empty strings between", "v=TLSRPTv1;||" RUA, NULL, A " /"},
    {"blank before the semicolon", "v=TLSRPTv1 ; " RUA, NULL, A " /"},
    {"tab before the semicolon", "v=TLSRPTv1\t;\t" RUA, NULL, A " /"},
    {"version in lower case", "v=tlsrptv1; " RUA, "no-record", " /"},
    {"version 10", "v=TLSRPTv10; " RUA, "no-record", " /"},
    {"version alone", "v=TLSRPTv1", "no-record", " /"},
    {"blank before the version", " v=TLSRPTv1; " RUA, "no-record", " /"},
    {"blank in the version", "v = TLSRPTv1; " RUA, "no-record", " /"},
    {"blank instead of the semicolon", "v=TLSRPTv1 " RUA, "syntax", " /"},
    {"version and blank", "v=TLSRPTv1 ", "syntax", " /"},
    {"no rua", V, "syntax", " /"},
    {"only an extension", V "a=b", "syntax", " /"},
    {"rua in upper case", V "RUA=" A, "syntax", " /"},
    {"rua with a blank before =", V "rua =" A, "syntax", " /"},
    {"a field without =", V RUA "; x", "syntax", " /"},
    {"final semicolon", V RUA ";", NULL, A " /"},
    {"final semicolon and blanks", V RUA " ; ", NULL, A " /"},
    {"final blank", V RUA " ", NULL, A " /"},
    {"empty fields", V ";" RUA ";;", NULL, A " /"},
    {"extension first", V "x-1=y; " RUA, NULL, A " /"},
    {"extension last", V RUA "; z.a_b=c", NULL, A " /"},
    {"extension of 32 bytes", V "abcdefghijklmnopqrstuvwxyz012345=c;" RUA, NULL, A " /"},
    {"extension of 33 bytes", V "abcdefghijklmnopqrstuvwxyz0123456=c;" RUA, "syntax", " /"},
    {"extension with = in its value", V "x=a=b;" RUA, "syntax", " /"},
    {"extension without a value", V "x=;" RUA, "syntax", " /"},
    {"extension that begins wrong", V "-x=a;" RUA, "syntax", " /"},
    {"extension with a blank in its value", V "x=a b;" RUA, "syntax", " /"},
    {"extension outside of ASCII", V "x=\xc3\xbc;" RUA, "syntax", " /"},
    {"two targets", V RUA "," B, NULL, A " " B " /"},
    {"blanks around the comma", V RUA " , \t" B, NULL, A " " B " /"},
    {"two rua fields", V RUA "; rua=" B, NULL, A " " B " /"},
    {"rua, extension, rua", V RUA "; x=y; rua=" B, NULL, A " " B " /"},
    {"order of the record", V "rua=" B "," A, NULL, B " " A " /"},
    {"a bad one harms no other", V "rua=mailto:x@," A, NULL, A " / mailto:x@=mailbox"},
    {"a size suffix", V "rua=" A "!10m," B, NULL, B " / " A "!10m=syntax"},
    {"another scheme", V "rua=http://x.example/," A, NULL, A " / http://x.example/=scheme"},
    {"an empty one", V RUA ",", NULL, A " / =syntax"},
    {"only bad ones", V "rua=ftp://x.example,x", "no-usable-target",
     " / ftp://x.example=scheme x=syntax"},
    {"empty rua", V "rua=", "no-usable-target", " / =syntax"},
    {"a comma belongs to no URI", V "rua=https://x.example/a,b", NULL,
     "https://x.example/a / b=syntax"},
    {"an encoded comma does", V "rua=https://x.example/a%2Cb%3B%21", NULL,
     "https://x.example/a%2Cb%3B%21 /"},
    {"twice the same", V RUA "," A, NULL, A " / " A "=duplicate"},
    {"the same after normalising", V RUA ",MAILTO:%61@EXAMPLE.org", NULL,
     A " / MAILTO:%61@EXAMPLE.org=duplicate"},
    {"https the same after normalising", V "rua=https://x.example/,HTTPS://X.example:443#f", NULL,
     "https://x.example/ / HTTPS://X.example:443#f=duplicate"},
    {"five targets",
     V "rua=mailto:1@x.example,mailto:2@x.example,mailto:3@x.example,"
       "mailto:4@x.example,mailto:5@x.example",
     NULL,
     "mailto:1@x.example mailto:2@x.example mailto:3@x.example mailto:4@x.example / "
     "mailto:5@x.example=too-many-targets"},
    {"a duplicate takes no place",
     V "rua=mailto:1@x.example,mailto:1@x.example,"
       "mailto:2@x.example,mailto:3@x.example,mailto:4@x.example",
     NULL,
     "mailto:1@x.example mailto:2@x.example mailto:3@x.example mailto:4@x.example / "
     "mailto:1@x.example=duplicate"},
    {"nine URIs", V "rua=a,b,c,d,e,f,g," A "," B, NULL,
     A " / a=syntax b=syntax c=syntax d=syntax e=syntax f=syntax g=syntax " B "=too-many-uris"},
    {"nine URIs in two fields", V "rua=a,b,c,d,e,f,g,h;" RUA, "no-usable-target",
     " / a=syntax b=syntax c=syntax d=syntax e=syntax f=syntax g=syntax h=syntax " A
     "=too-many-uris"},
    {"a control in a URI", V "rua=mailto:a\x01@x.example," A, NULL,
     A " / mailto:a@x.example=syntax"},
};

/* The parts of text between separators, as many as there are; an empty text has one. */
static size_t split(const char *text, char separator, struct txt_string parts[])
{
    size_t count = 0;
    for (const char *begin = text; begin;) {
        const char *end = strchr(begin, separator);
        size_t length = end ? (size_t)(end - begin) : strlen(begin);
        parts[count++] = (struct txt_string){begin, length};
        begin = end ? end + 1 : NULL;
    }
    return count;
}

static void parse_text(const char *answer, struct targets *targets)
{
    struct txt_string strings[4][8], lines[4];
    struct txt_record records[4];
    char *copies[4];
    size_t count = answer ? split(answer, '\n', lines) : 0;
    for (size_t i = 0; i < count; i++) {
        copies[i] = mem_copy(lines[i].bytes, lines[i].length_bytes);
        records[i] = (struct txt_record){strings[i], split(copies[i], '|', strings[i])};
    }
    targets_parse(records, count, targets);
    for (size_t i = 0; i < count; i++)
        free(copies[i]);
}

static void answer_row(void **state)
{
    const struct answer_row *row = *state;
    struct targets targets;
    struct buffer got = {0};
    parse_text(row->answer, &targets);
    const char *reason = targets_reason_name(targets.reason);
    assert_string_equal(reason ? reason : "ok", row->reason ? row->reason : "ok");
    for (size_t i = 0; i < targets.used.count; i++)
        buffer_printf(&got, i > 0 ? " %s" : "%s", targets.used.items[i]);
    buffer_text(&got, " /");
    for (size_t i = 0; i < targets.ignored_count; i++)
        buffer_printf(&got, " %s=%s", targets.ignored[i].uri,
                      target_flaw_name(targets.ignored[i].flaw));
    assert_string_equal(got.bytes, row->result);
    buffer_free(&got);
    targets_free(&targets);
}

/* A record of that many bytes: a target and an extension that fills it. */
static enum targets_reason reason_of_length(size_t length)
{
    struct targets targets;
    char *record = mem_alloc(length);
    memset(record, 'x', length);
    memcpy(record, V RUA ";x=", strlen(V RUA ";x="));
    const struct txt_string string = {record, length};
    targets_parse(&(struct txt_record){&string, 1}, 1, &targets);
    enum targets_reason reason = targets.reason;
    targets_free(&targets);
    free(record);
    return reason;
}

static void a_record_may_have_4096_bytes(void **state)
{
    (void)state;
    assert_int_equal(reason_of_length(TARGETS_RECORD_MAX), TARGETS_OK);
    assert_int_equal(reason_of_length(TARGETS_RECORD_MAX + 1), TARGETS_BAD_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_uri_may_have_1024_bytes),
        cmocka_unit_test(what_is_usable_can_be_read),
        cmocka_unit_test(blanks_controls_and_8_bit_are_in_no_uri),
        cmocka_unit_test(nor_in_a_normalised_one),
        cmocka_unit_test(a_record_may_have_4096_bytes),
    };
    int failed = RUN_ROWS("targets: one URI", uri_row, uri_rows);
    failed += RUN_ROWS("targets: normalised ones", read_row, read_rows);
    failed += RUN_ROWS("targets: answers", answer_row, answer_rows);
    return failed + cmocka_run_group_tests_name("targets", tests, NULL, NULL);
}
