#include "producer/session.h"

#include "common/json.h"
#include "common/memory.h"
#include "common/time.h"
#include "tests/support/quotes.h"
#include "tests/support/unit.h"

/* Documents and what becomes of them, written from the rules. In documents ' stands for ".
 *
 * An event is "DOMAIN DAY TYPE [strings, between bars] [mx] RESULT member=text ...", with the
 * members of the detail in the order of D15; a reject is "reject REASON KEY", "-" for no key. */
struct row {
    const char *name, *document, *want;
};

#define NOW_MS  INT64_C(1716163200000)      /* 2024-05-20T00:00:00Z */
#define MOMENT  "'timestamp':1716000000000" /* 2024-05-18T02:40:00Z */
#define DAY     "2024-05-18"
#define TO      MOMENT ",'policy-domain':'a.example'"
#define FAILED  TO ",'result-type':'starttls-not-supported'"
#define PLAIN   "a.example " DAY " no-policy-found [] [] "
#define FAULT   PLAIN "starttls-not-supported"
#define STS     "{" TO ",'result-type':'success','policy-type':'sts','policy-string':"
#define TLSA    "{" TO ",'result-type':'success','policy-type':'tlsa','policy-string':"
#define MX      STS "['v'],'mx-host':"
#define IS_STS  "a.example " DAY " sts "
#define X7(s)   s s s s s s s
#define X8(s)   X7(s) s
#define X63(s)  X7(X8(s)) X7(s)
#define AE      "\xc3\xa4" /* two bytes */
#define X64(s)  X8(X8(s))
#define X512(s) X8(X64(s))

static void show_list(struct buffer *out, const struct text_list *list)
{
    buffer_text(out, " [");
    for (size_t i = 0; i < list->count; i++)
        buffer_printf(out, "%s%s", i > 0 ? "|" : "", list->items[i]);
    buffer_text(out, "]");
}

static void show_event(struct buffer *out, const struct session *session)
{
    const struct event *event = &session->event;
    char day[TIME_DAY_TEXT];
    time_day_format(event->day, day);
    assert_int_equal(event->sessions, 1);
    buffer_printf(out, "%s %s %s", session->domain, day, event->policy.type);
    show_list(out, &event->policy.strings);
    show_list(out, &event->policy.mx);
    buffer_printf(out, " %s", event->detail.result_type);
    for (size_t i = 0; i < DETAIL_MEMBERS; i++)
        if (event->detail.members[i])
            buffer_printf(out, " %s=%s", detail_names[i], event->detail.members[i]);
}

static char *show(enum session_result result, const struct session *session)
{
    static const char *const names[] = {"event", "empty", "excluded", "skipped", "reject"};
    struct buffer out = {0};
    if (result == SESSION_EVENT)
        show_event(&out, session);
    else if (result == SESSION_REJECT)
        buffer_printf(&out, "reject %s %s", session->reason,
                      *session->domain ? session->domain : "-");
    else
        buffer_text(&out, names[result]);
    return buffer_take(&out);
}

static void check(const char *bytes, size_t length_bytes, const struct session_rules *rules,
                  const struct session_facts *facts, const char *want)
{
    struct session session;
    enum session_result result = session_from_bytes(bytes, length_bytes, rules, facts, &session);
    char *got = show(result, &session);
    assert_string_equal(got, want);
    free(got);
    session_free(&session);
}

static const struct session_rules no_rules;
static const struct session_facts plain_facts = {.now_ms = NOW_MS};

static void document_row(void **state)
{
    const struct row *row = *state;
    char *document = with_quotes(row->document);
    check(document, strlen(document), &no_rules, &plain_facts, row->want);
    free(document);
}

/* ---- the document as a whole ---- */

static const struct row whole_rows[] = {
    {"a document of the least size", "{" TO ",'result-type':'success'}", PLAIN "success"},
    {"a document with everything",
     "{" MOMENT ",'transactionid':'7','policy-domain':'a.example','policy-type':'sts',"
     "'policy-string':['version: STSv1','mode: testing'],'mx-host':['*.a.example','b.example'],"
     "'result-type':'certificate-expired','failure-reason-code':'expired',"
     "'sending-mta-ip':'192.0.2.1','receiving-mx-hostname':'mx.a.example',"
     "'receiving-mx-helo':'mx','receiving-ip':'2001:db8::1',"
     "'additional-information':'https://a.example/x','user':'somebody@b.example'}",
     IS_STS "[version: STSv1|mode: testing] [*.a.example|b.example] certificate-expired "
            "sending-mta-ip=192.0.2.1 receiving-mx-hostname=mx.a.example receiving-mx-helo=mx "
            "receiving-ip=2001:db8::1 additional-information=https://a.example/x "
            "failure-reason-code=expired"},
    {"a success has no detail",
     "{" TO ",'result-type':'success','receiving-ip':'192.0.2.1','failure-reason-code':'x'}",
     PLAIN "success"},
    {"white space around", " \t{" TO ",'result-type':'success'} \r", PLAIN "success"},
    {"nothing", "", "reject bad-json -"},
    {"no JSON", "{'timestamp'", "reject bad-json -"},
    {"something after it", "{}{}", "reject bad-json -"},
    {"a comment", "{} // x", "reject bad-json -"},
    {"a byte order mark", "\xef\xbb\xbf{" TO ",'result-type':'success'}", "reject bad-json -"},
    {"an array", "[{" TO ",'result-type':'success'}]", "reject bad-json -"},
    {"null", "null", "reject bad-json -"},
    {"a number", "1", "reject bad-json -"},
    {"32 deep",
     "{" FAILED ",'x':" X8("[") X8("[") X8("[") "[[[[[[[" X8("]") X8("]") X8("]") "]]]]]]]}",
     FAULT},
    {"33 deep",
     "{" FAILED ",'x':" X8("[") X8("[") X8("[") X8("[") X8("]") X8("]") X8("]") X8("]") "}",
     "reject bad-json -"},
    {"32 deep in a hit",
     "{'_source':{" FAILED ",'x':" X8("[") X8("[") X8("[") "[[[[[[[" X8("]") X8("]")
         X8("]") "]]]]]]]}}",
     FAULT},
    {"33 deep in a hit",
     "{'_source':{" FAILED ",'x':" X8("[") X8("[") X8("[") X8("[") X8("]") X8("]") X8("]")
         X8("]") "}}",
     "reject bad-json -"},
    {"a name with NUL is another name",
     "{" FAILED ",'policy-domain\\u0000x':'b.example','result-type\\u0000' : 'success'}", FAULT},
    {"of the document too", "{'_source\\u0000':{'timestamp':1}," FAILED "}", FAULT},
    {"a NUL in a text is none in a name",
     "{" FAILED ",'x':'a\\u0000','y\\\\':'\\u0000','failure-reason-code':'a\\u0000b'}",
     FAULT " failure-reason-code=ab"},
    {"of one name the last counts", "{" FAILED ",'result-type':'success'}", PLAIN "success"},
    {"NaN in a member that nobody reads", "{" FAILED ",'x':NaN,'y':-Infinity}", FAULT},
    {"NaN as timestamp", "{'timestamp':NaN,'policy-domain':'a.example','result-type':'success'}",
     "reject bad-timestamp a.example"},
    {"bytes that are no UTF-8 in a text",
     "{" FAILED ",'failure-reason-code':'a\xff"
     "b\xc3'}",
     FAULT " failure-reason-code=a\xef\xbf\xbd"
           "b\xef\xbf\xbd"},
    {"bytes that are no UTF-8 outside", "{\xff" FAILED "}", "reject bad-json -"},
    {"half a surrogate", "{" FAILED ",'failure-reason-code':'a\\ud800'}",
     FAULT " failure-reason-code=a\xef\xbf\xbd"},
    {"raw controls in a text", "{" FAILED ",'failure-reason-code':'a\x01\nb'}",
     FAULT " failure-reason-code=ab"},
    {"a search hit", "{'_index':'i','_id':'1','_source':{" FAILED "}}", FAULT},
    {"a search hit, its members are not the document's",
     "{'_index':'i'," FAILED ",'_source':{" MOMENT "}}", "empty"},
    {"_source is no object", "{" FAILED ",'_source':'x'}", FAULT},
};

/* ---- what is absent ---- */

static const struct row absent_rows[] = {
    {"only a time and an id", "{" MOMENT ",'transactionid':'x'}", "empty"},
    {"only a time", "{" MOMENT "}", "empty"},
    {"fields that nobody knows", "{" MOMENT ",'user':'x','result':'success'}", "empty"},
    {"everything else null, empty text or empty list",
     "{" MOMENT ",'policy-domain':'','policy-type':null,'policy-string':[],'mx-host':[[],'',null],"
     "'result-type':['']}",
     "empty"},
    {"addresses without domain, policy and result say nothing to count",
     "{" MOMENT ",'receiving-ip':'192.0.2.1','failure-reason-code':'x'}", "empty"},
    {"no time: not even empty", "{}", "reject bad-timestamp -"},
    {"absent inside lists", STS "[null,'a',[],'','b',['']],'mx-host':['',null,'m.example']}",
     IS_STS "[a|b] [m.example] success"},
    {"lists of one where a value is meant",
     "{'timestamp':[1716000000000],'policy-domain':['',['a.example']],'policy-type':[null,'sts'],"
     "'result-type':[['tlsa-invalid']],'receiving-ip':['192.0.2.1'],'failure-reason-code':['x']}",
     IS_STS "[] [] tlsa-invalid receiving-ip=192.0.2.1 failure-reason-code=x"},
    {"lists of two are no text",
     "{" FAILED ",'receiving-ip':['192.0.2.1','192.0.2.2'],'failure-reason-code':['x','y'],"
     "'receiving-mx-hostname':['a.b','b.c'],'receiving-mx-helo':['a','b'],"
     "'additional-information':['a','b']}",
     FAULT},
    {"numbers and objects are no text",
     "{" FAILED ",'receiving-ip':1,'failure-reason-code':5,'receiving-mx-hostname':{'a':'b'},"
     "'receiving-mx-helo':true,'additional-information':2.5}",
     FAULT},
};

/* ---- D2 ---- */

#define AT(value) "{'timestamp':" value ",'policy-domain':'a.example','result-type':'success'}"
#define ON(day)   "a.example " day " no-policy-found [] [] success"
#define NO_TIME   "reject bad-timestamp a.example"

static const struct row timestamp_rows[] = {
    {"integer", AT("1716000000000"), ON(DAY)},
    {"integral double", AT("1716000000000.0"), ON(DAY)},
    {"double with an exponent", AT("1.716e12"), ON(DAY)},
    {"digits in a text", AT("'1716000000000'"), ON(DAY)},
    {"RFC 3339", AT("'2024-05-18T02:40:00Z'"), ON(DAY)},
    {"RFC 3339 with a fraction", AT("'2024-05-18T02:40:00.123456Z'"), ON(DAY)},
    {"an offset: the day is that of UTC", AT("'2024-05-18T00:30:00+01:00'"), ON("2024-05-17")},
    {"an offset the other way", AT("'2024-05-18T23:30:00-01:00'"), ON("2024-05-19")},
    {"last millisecond of a day", AT("1715990399999"), ON("2024-05-17")},
    {"first millisecond of a day", AT("1715990400000"), ON(DAY)},
    {"the first moment", AT("1420070400000"), ON("2015-01-01")},
    {"before the first moment", AT("1420070399999"), NO_TIME},
    {"an hour ahead", AT("1716166800000"), ON("2024-05-20")},
    {"more than an hour ahead", AT("1716166800001"), NO_TIME},
    {"seconds", AT("1716000000"), NO_TIME},
    {"a fraction of a millisecond", AT("1716000000000.5"), NO_TIME},
    {"negative", AT("-1716000000000"), NO_TIME},
    {"too large for a double", AT("1e400"), NO_TIME},
    {"too large for 64 bits", AT("99999999999999999999999"), NO_TIME},
    {"too many digits in a text", AT("'99999999999999999999999'"), NO_TIME},
    {"digits that wrap around 64 bits", AT("'18446745789709551616'"), NO_TIME},
    {"a sign in a text", AT("'+1716000000000'"), NO_TIME},
    {"a blank in a text", AT("' 1716000000000'"), NO_TIME},
    {"a double in a text", AT("'1.716e12'"), NO_TIME},
    {"a NUL in a text", AT("'2024-05-18T02:40:00Z\\u0000x'"), NO_TIME},
    {"a date", AT("'2024-05-18'"), NO_TIME},
    {"without zone", AT("'2024-05-18T02:40:00'"), NO_TIME},
    {"words", AT("'yesterday'"), NO_TIME},
    {"true", AT("true"), NO_TIME},
    {"an object", AT("{'a':1}"), NO_TIME},
    {"two of them", AT("[1716000000000,1716000000000]"), NO_TIME},
    {"null", AT("null"), NO_TIME},
};

/* ---- D1 ---- */

#define NAMED(value) "{" MOMENT ",'policy-domain':" value ",'result-type':'success'}"
#define NAME(domain) domain " " DAY " no-policy-found [] [] success"
#define NO_DOMAIN    "reject bad-domain -"

static const struct row domain_rows[] = {
    {"upper case and a dot", NAMED("'A.Example.'"), NAME("a.example")},
    {"one label", NAMED("'localhost'"), NAME("localhost")},
    {"U-labels",
     NAMED("'b\xc3\xbc"
           "cher.example'"),
     NAME("xn--bcher-kva.example")},
    {"an address", NAMED("'192.0.2.1'"), NO_DOMAIN},
    {"two dots", NAMED("'a.example..'"), NO_DOMAIN},
    {"blanks around", NAMED("' a.example'"), NO_DOMAIN},
    {"underscore", NAMED("'a_b.example'"), NO_DOMAIN},
    {"NUL", NAMED("'a.example\\u0000'"), NO_DOMAIN},
    {"no UTF-8", NAMED("'a\xff.example'"), NO_DOMAIN},
    {"a raw control", NAMED("'a\x01.example'"), NO_DOMAIN},
    {"a number", NAMED("5"), NO_DOMAIN},
    {"an object", NAMED("{'a':'a.example'}"), NO_DOMAIN},
    {"two domains", NAMED("['a.example','b.example']"), NO_DOMAIN},
    {"absent with a result", "{" MOMENT ",'result-type':'success'}", NO_DOMAIN},
    {"absent with a policy type", "{" MOMENT ",'policy-type':'sts'}", NO_DOMAIN},
    {"absent with strings", "{" MOMENT ",'policy-string':['x']}", NO_DOMAIN},
    {"absent with mx", "{" MOMENT ",'mx-host':'a.example'}", NO_DOMAIN},
    {"no domain and nothing else", "{" MOMENT ",'policy-domain':'-'}", NO_DOMAIN},
};

/* ---- D3 ---- */

#define TYPED(value) "{" TO ",'result-type':'success','policy-type':" value "}"
#define NO_TYPE      "reject bad-policy-type a.example"

static const struct row type_rows[] = {
    {"tlsa", TYPED("'tlsa'"), "a.example " DAY " tlsa [] [] success"},
    {"sts", TYPED("'sts'"), IS_STS "[] [] success"},
    {"no-policy-found", TYPED("'no-policy-found'"), PLAIN "success"},
    {"case and blanks", TYPED("' \\tStS \\n'"), IS_STS "[] [] success"},
    {"absent", TYPED("null"), PLAIN "success"},
    {"absent with strings", "{" TO ",'result-type':'success','policy-string':['x']}", NO_TYPE},
    {"absent with mx", "{" TO ",'result-type':'success','mx-host':['a.example']}", NO_TYPE},
    {"dane", TYPED("'dane'"), NO_TYPE},
    {"blanks only", TYPED("' '"), NO_TYPE},
    {"blanks inside", TYPED("'s ts'"), NO_TYPE},
    {"NUL behind", TYPED("'sts\\u0000'"), NO_TYPE},
    {"a number", TYPED("2"), NO_TYPE},
    {"two types", TYPED("['sts','tlsa']"), NO_TYPE},
    {"very long", TYPED("'" X64("sts") "'"), NO_TYPE},
};

/* ---- D4 ---- */

#define RESULT(value) "{" TO ",'result-type':" value "}"
#define NO_RESULT     "reject no-result a.example"
#define OTHER         PLAIN "validation-failure failure-reason-code="

static const struct row result_rows[] = {
    {"success", RESULT("'success'"), PLAIN "success"},
    {"case and blanks", RESULT("'\\tSUCCESS '"), PLAIN "success"},
    {"starttls-not-supported", RESULT("'starttls-not-supported'"), PLAIN "starttls-not-supported"},
    {"certificate-host-mismatch", RESULT("'certificate-host-mismatch'"),
     PLAIN "certificate-host-mismatch"},
    {"certificate-expired", RESULT("'certificate-expired'"), PLAIN "certificate-expired"},
    {"certificate-not-trusted", RESULT("'certificate-not-trusted'"),
     PLAIN "certificate-not-trusted"},
    {"validation-failure", RESULT("'validation-failure'"), PLAIN "validation-failure"},
    {"tlsa-invalid", RESULT("'tlsa-invalid'"), PLAIN "tlsa-invalid"},
    {"dnssec-invalid", RESULT("'dnssec-invalid'"), PLAIN "dnssec-invalid"},
    {"dane-required", RESULT("'dane-required'"), PLAIN "dane-required"},
    {"sts-policy-fetch-error", RESULT("'sts-policy-fetch-error'"), PLAIN "sts-policy-fetch-error"},
    {"sts-policy-invalid", RESULT("'sts-policy-invalid'"), PLAIN "sts-policy-invalid"},
    {"sts-webpki-invalid", RESULT("'STS-WebPKI-invalid'"), PLAIN "sts-webpki-invalid"},
    {"another text", RESULT("' Timed Out '"), OTHER "Timed Out"},
    {"another text and a reason", "{" TO ",'result-type':'x','failure-reason-code':'y'}",
     OTHER "x: y"},
    {"another text, a reason and information",
     "{" TO ",'result-type':'x','failure-reason-code':'y','additional-information':'z z'}",
     OTHER "x: y; z z"},
    {"another text and information", "{" TO ",'result-type':'x','additional-information':'z z'}",
     OTHER "x; z z"},
    {"success and a NUL is another text", RESULT("'success\\u0000'"), OTHER "success"},
    {"another text is cut", RESULT("'" X512("x") "y'"), OTHER X512("x")},
    {"absent with a domain", RESULT("null"), NO_RESULT},
    {"empty with a domain", RESULT("''"), NO_RESULT},
    {"nothing but blanks", RESULT("'  '"), NO_RESULT},
    {"nothing but controls", RESULT("'\\u0001'"), NO_RESULT},
    {"a number", RESULT("201"), NO_RESULT},
    {"two results", RESULT("['success','success']"), NO_RESULT},
};

/* ---- D5 ---- */

static const struct row string_rows[] = {
    {"one text, lines ended by CR LF", STS "'a: 1\\r\\n\\r\\n b: 2 \\r\\n'}",
     IS_STS "[a: 1|b: 2] [] success"},
    {"lines ended by LF and by CR", STS "'a\\nb\\rc'}", IS_STS "[a|b|c] [] success"},
    {"lines inside elements", STS "['a\\nb',' ','c\\n']}", IS_STS "[a|b|c] [] success"},
    {"sts keeps order, doubles and case", STS "['mx: B','mx: A','mx: B','x  y']}",
     IS_STS "[mx: B|mx: A|mx: B|x  y] [] success"},
    {"controls go, a tab is a blank", STS "['a:\\tb\\u0000c\\u0085d']}",
     IS_STS "[a: bcd] [] success"},
    {"elements that are no text", STS "['a',5,{'b':'c'},['d'],['e','f'],true]}",
     IS_STS "[a|d] [] success"},
    {"no list at all", STS "{'a':'b'}}", IS_STS "[] [] success"},
    {"tlsa in one form, sorted, once", TLSA "['3 1 1  ab12','2 0 1 FF','  3\\t1 1 AB12 ']}",
     "a.example " DAY " tlsa [2 0 1 FF|3 1 1 AB12] [] success"},
    {"what does not look like tlsa stays",
     TLSA "['3 1 1','3 1 1 xyz','3 1  1 ab cd','1000 1 1 ab','v= x','3 1 1 ab,']}",
     "a.example " DAY " tlsa [1000 1 1 ab|3 1  1 ab cd|3 1 1|3 1 1 ab,|3 1 1 xyz|v= x] [] success"},
    {"without policy: ignored",
     "{" TO ",'result-type':'success','policy-type':'no-policy-found','policy-string':['x'],"
     "'mx-host':['a.example']}",
     PLAIN "success"},
    {"without policy: not even too large",
     "{" TO ",'result-type':'success','policy-type':'no-policy-found','policy-string':'" X64(
         "\\na") "\\na'}",
     PLAIN "success"},
    {"65 lines", STS "'" X64("a\\n") "a'}", "reject too-large a.example"},
    {"65 elements", TLSA "[" X64("'3 1 1 AB',") "'3 1 1 AB']}", "reject too-large a.example"},
    {"64 lines and blank ones", TLSA "'" X64("3 1 1 AB\\n \\n") "'}",
     "a.example " DAY " tlsa [3 1 1 AB] [] success"},
    {"a line of 1024 bytes", STS "['" X512("a") X512("a") "']}",
     IS_STS "[" X512("a") X512("a") "] [] success"},
    {"a line of 1025 bytes", STS "['" X512("a") X512("a") "a']}", "reject too-large a.example"},
    {"1025 bytes with the blanks around", STS "['" X512("a") X512("a") " ']}",
     IS_STS "[" X512("a") X512("a") "] [] success"},
};

/* ---- D6 ---- */

static const struct row mx_rows[] = {
    {"patterns", MX "['*.A.example.','b.example','*.A.example']}",
     IS_STS "[v] [*.a.example|b.example|*.a.example] success"},
    {"one text", MX "'B.example'}", IS_STS "[v] [b.example] success"},
    {"others are left out",
     MX "['*','a.*.example','192.0.2.1','x y',7,['c.example'],'**.d.example']}",
     IS_STS "[v] [c.example] success"},
    {"64 and others", MX "[" X64("'a.example','*',") "'']}",
     IS_STS "[v] [" X63("a.example|") "a.example] success"},
    {"65", MX "[" X64("'a.example',") "'a.example']}", "reject too-large a.example"},
    {"tlsa has none",
     "{" TO ",'result-type':'success','policy-type':'tlsa','mx-host':['a.example']}",
     "a.example " DAY " tlsa [] [] success"},
};

/* ---- D7, D8, D9 ---- */

static const struct row member_rows[] = {
    {"IPv6 is printed anew", "{" FAILED ",'receiving-ip':'2001:DB8:0:0::0001'}",
     FAULT " receiving-ip=2001:db8::1"},
    {"a zone", "{" FAILED ",'sending-mta-ip':'fe80::1%eth0'}", FAULT " sending-mta-ip=fe80::1"},
    {"IPv4 in IPv6", "{" FAILED ",'sending-mta-ip':'::ffff:192.0.2.7'}",
     FAULT " sending-mta-ip=192.0.2.7"},
    {"no address", "{" FAILED ",'sending-mta-ip':'mx.example','receiving-ip':'[192.0.2.1]'}",
     FAULT},
    {"a host name", "{" FAILED ",'receiving-mx-hostname':'MX.B.example.'}",
     FAULT " receiving-mx-hostname=mx.b.example"},
    {"no host name", "{" FAILED ",'receiving-mx-hostname':'mx b.example'}", FAULT},
    {"an address is no host name", "{" FAILED ",'receiving-mx-hostname':'192.0.2.1'}", FAULT},
    {"helo: a reply of several lines",
     "{" FAILED ",'receiving-mx-helo':'Mx.example at your\\r\\nSIZE 5'}",
     FAULT " receiving-mx-helo=Mx.example"},
    {"helo: blanks before", "{" FAILED ",'receiving-mx-helo':' \\tmx\\tx'}",
     FAULT " receiving-mx-helo=mx"},
    {"helo: an empty first line", "{" FAILED ",'receiving-mx-helo':'\\r\\nmx'}", FAULT},
    {"helo: controls", "{" FAILED ",'receiving-mx-helo':'m\\u0000x\\u007f'}",
     FAULT " receiving-mx-helo=mx"},
    {"helo: 255 bytes", "{" FAILED ",'receiving-mx-helo':'" X64("abcd") "'}",
     FAULT " receiving-mx-helo=" X63("abcd") "abc"},
    {"reason: cut between characters", "{" FAILED ",'failure-reason-code':'" X512("a") AE "'}",
     FAULT " failure-reason-code=" X512("a")},
    {"reason: a character that would end behind the limit",
     "{" FAILED ",'failure-reason-code':'a" X64(AE AE AE AE) "'}",
     FAULT " failure-reason-code=a" X63(AE AE AE AE) AE AE AE},
    {"reason: blanks only", "{" FAILED ",'failure-reason-code':' \\t '}", FAULT},
    {"information: a URI", "{" FAILED ",'additional-information':' HTTPS://a.example/?x=%2f#y '}",
     FAULT " additional-information=HTTPS://a.example/?x=%2f#y"},
    {"information: an address in brackets",
     "{" FAILED ",'additional-information':'http://[2001:db8::1]:80/'}",
     FAULT " additional-information=http://[2001:db8::1]:80/"},
    {"information: words", "{" FAILED ",'additional-information':'see the log'}",
     FAULT " failure-reason-code=see the log"},
    {"information: words after a reason",
     "{" FAILED ",'failure-reason-code':'X509','additional-information':'see log'}",
     FAULT " failure-reason-code=X509; see log"},
    {"information: a URI and a reason",
     "{" FAILED ",'failure-reason-code':'X509','additional-information':'urn:a'}",
     FAULT " additional-information=urn:a failure-reason-code=X509"},
    {"information: a relative reference", "{" FAILED ",'additional-information':'//a.example/x'}",
     FAULT " failure-reason-code=//a.example/x"},
    {"information: a scheme alone", "{" FAILED ",'additional-information':'https:'}",
     FAULT " failure-reason-code=https:"},
    {"information: a digit first", "{" FAILED ",'additional-information':'4xx:y'}",
     FAULT " failure-reason-code=4xx:y"},
    {"information: a blank inside", "{" FAILED ",'additional-information':'https://a.example/a b'}",
     FAULT " failure-reason-code=https://a.example/a b"},
    {"information: a bad escape", "{" FAILED ",'additional-information':'https://a.example/%2x'}",
     FAULT " failure-reason-code=https://a.example/%2x"},
    {"information: brackets in the path",
     "{" FAILED ",'additional-information':'https://a.example/[x]'}",
     FAULT " failure-reason-code=https://a.example/[x]"},
    {"information: two fragments", "{" FAILED ",'additional-information':'https://a.example/#a#b'}",
     FAULT " failure-reason-code=https://a.example/#a#b"},
    {"information: other letters",
     "{" FAILED ",'additional-information':'https://\xc3\xa4.example/'}",
     FAULT " failure-reason-code=https://\xc3\xa4.example/"},
    {"information: a URI of 512 bytes",
     "{" FAILED ",'additional-information':'u:" X64("abcdefg") X8("abcdef") X8("x") "abcdef'}",
     FAULT " additional-information=u:" X64("abcdefg") X8("abcdef") X8("x") "abcdef"},
    {"information: a URI of 513 bytes",
     "{" FAILED ",'additional-information':'u:" X64("abcdefg") X8("abcdef") X8("x") "abcdefg'}",
     FAULT " failure-reason-code=u:" X64("abcdefg") X8("abcdef") X8("x") "abcdef"},
    {"information: 512 bytes of a URI and more words",
     "{" FAILED ",'additional-information':'u:" X64("abcdefg") X8("abcdef") X8("x") "abcdef x'}",
     FAULT " failure-reason-code=u:" X64("abcdefg") X8("abcdef") X8("x") "abcdef"},
};

/* ---- the order of reasons ---- */

/* Each document has all the faults from its reason on. */
#define FAULT_SIZE   "'mx-host':['a.example'],'policy-string':'" X64("x\\n") "x'"
#define FAULT_RESULT FAULT_SIZE ",'result-type':5"
#define FAULT_TYPE   ",'policy-type':'x'"
#define FAULT_DOMAIN "'policy-domain':'?',"
static const struct row order_rows[] = {
    {"time", "{'timestamp':1," FAULT_DOMAIN FAULT_RESULT FAULT_TYPE "}", "reject bad-timestamp -"},
    {"domain", "{" MOMENT "," FAULT_DOMAIN FAULT_RESULT FAULT_TYPE "}", "reject bad-domain -"},
    {"type", "{" TO "," FAULT_RESULT FAULT_TYPE "}", "reject bad-policy-type a.example"},
    {"result", "{" TO "," FAULT_RESULT ",'policy-type':'sts'}", "reject no-result a.example"},
    {"size", "{" TO "," FAULT_SIZE ",'policy-type':'sts','result-type':'success'}",
     "reject too-large a.example"},
};

/* ---- what is known beside the document ---- */

struct fact_row {
    const char *name, *document;
    int64_t version, since_ms;
    const char *want;
};

static void fact_row(void **state)
{
    const struct fact_row *row = *state;
    const struct session_facts facts = {row->version, NOW_MS, row->since_ms};
    char *document = with_quotes(row->document);
    check(document, strlen(document), &no_rules, &facts, row->want);
    free(document);
}

#define AT_MS INT64_C(1716000000000)
static const struct fact_row fact_rows[] = {
    {"first version", "{" FAILED "}", 1, 0, FAULT},
    {"second version", "{" FAILED "}", 2, 0, "reject updated a.example"},
    {"updated comes before all other reasons", "{'timestamp':'x'}", 2, 0, "reject updated -"},
    {"the version of the hit", "{'_version':2,'_source':{" FAILED "}}", 0, 0,
     "reject updated a.example"},
    {"the hit's version wins", "{'_version':1,'_source':{" FAILED "}}", 2, 0, FAULT},
    {"a bare document has no version", "{'_version':2," FAILED "}", 0, 0, FAULT},
    {"a version that is no number", "{'_version':'2','_source':{" FAILED "}}", 0, 0, FAULT},
    {"empty and updated", "{" MOMENT "}", 2, 0, "reject updated -"},
    {"older than since", "{" FAILED "}", 0, AT_MS + 1, "skipped"},
    {"as old as since", "{" FAILED "}", 0, AT_MS, FAULT},
    {"older than since, whatever it holds", "{" MOMENT ",'policy-domain':'?'}", 2, AT_MS + 1,
     "skipped"},
    {"since says nothing about a bad time", "{'timestamp':1}", 0, AT_MS, "reject bad-timestamp -"},
};

/* ---- rules from the configuration ---- */

struct rule_row {
    const char *name, *exclude, *document, *want;
};

static void rule_row(void **state)
{
    const struct rule_row *row = *state;
    struct text_list exclude = {0};
    struct session_rules rules;
    struct error err;
    char *document = with_quotes(row->document);
    text_list_split(&exclude, row->exclude);
    assert_int_equal(session_rules_init(&rules, &exclude, true, &err), 0);
    text_list_free(&exclude); /* the rules have their own */
    check(document, strlen(document), &rules, &plain_facts, row->want);
    session_rules_free(&rules);
    free(document);
}

static const struct rule_row rule_rows[] = {
    {"excluded", "from=tls@b.example", "{" FAILED ",'from':'tls@b.example'}", "excluded"},
    {"the second rule", "a=b from=x", "{" FAILED ",'from':'x'}", "excluded"},
    {"a list of one", "from=x", "{" FAILED ",'from':['',['x']]}", "excluded"},
    {"a value with an equals sign", "q=a=b", "{" FAILED ",'q':'a=b'}", "excluded"},
    {"a member that counts", "policy-domain=a.example", "{" FAILED "}", "excluded"},
    {"before every other judgement", "from=x", "{'from':'x'}", "excluded"},
    {"the document of a hit", "from=x", "{'_source':{" FAILED ",'from':'x'}}", "excluded"},
    {"not the hit", "from=x", "{'from':'x','_source':{" FAILED "}}", FAULT},
    {"another case", "from=x", "{" FAILED ",'from':'X'}", FAULT},
    {"a part of it", "from=x", "{" FAILED ",'from':'xy'}", FAULT},
    {"it and a NUL", "from=x", "{" FAILED ",'from':'x\\u0000'}", FAULT},
    {"a number is no text", "n=1", "{" FAILED ",'n':1}", FAULT},
    {"a list of two is no text", "n=a", "{" FAILED ",'n':['a','a']}", FAULT},
    {"absent", "from=x", "{" FAILED "}", FAULT},
    {"the sending address is omitted", "",
     "{" FAILED ",'sending-mta-ip':'192.0.2.1',"
     "'receiving-ip':'192.0.2.2'}",
     FAULT " receiving-ip=192.0.2.2"},
};

static void test_rules_that_are_none(void **state)
{
    (void)state;
    static const char *const bad[] = {"from", "=x", "from="};
    for (size_t i = 0; i < NELEMS(bad); i++) {
        struct text_list exclude = {0};
        struct session_rules rules = {.omit_sending_ip = true};
        struct error err;
        text_list_add(&exclude, "a=b", 3);
        text_list_add(&exclude, bad[i], strlen(bad[i]));
        assert_int_equal(session_rules_init(&rules, &exclude, false, &err), -1);
        assert_int_equal(err.kind, ERROR_CONFIG);
        assert_true(rules.omit_sending_ip); /* untouched */
        assert_int_equal(rules.exclude.count, 0);
        text_list_free(&exclude);
    }
}

/* ---- beside the event ---- */

static enum session_result read_quoted(const char *text, struct session *session)
{
    char *document = with_quotes(text);
    enum session_result result =
        session_from_bytes(document, strlen(document), &no_rules, &plain_facts, session);
    free(document);
    return result;
}

static void test_reject_keeps_members(void **state)
{
    (void)state;
    struct session session;
    assert_int_equal(
        read_quoted("{'user':'x','transactionid':'7','policy-domain':['A.example'],'_id':'1',"
                    "'timestamp':null,'receiving-ip':{'user':'x'},'mx-host':[{'user':'x'},1],"
                    "'policy-string':['a\\nb']}",
                    &session),
        SESSION_REJECT);
    assert_string_equal(session.domain, "a.example");
    char *kept = json_write(session.kept);
    assert_string_equal(kept, "{\"transactionid\":\"7\",\"policy-domain\":[\"A.example\"],"
                              "\"policy-string\":[\"a\\nb\"],\"mx-host\":[1]}");
    free(kept);
    session_free(&session);
    assert_int_equal(read_quoted("[", &session), SESSION_REJECT);
    assert_null(session.kept);
    session_free(&session);
}

static void test_bad_addresses_are_counted(void **state)
{
    (void)state;
    struct session session;
    assert_int_equal(read_quoted("{" FAILED ",'sending-mta-ip':'x','receiving-ip':5}", &session),
                     SESSION_EVENT);
    assert_int_equal(session.bad_addresses, 2);
    session_free(&session);
    assert_int_equal(read_quoted("{" FAILED ",'sending-mta-ip':'','receiving-ip':'::1'}", &session),
                     SESSION_EVENT);
    assert_int_equal(session.bad_addresses, 0);
    session_free(&session);
}

static void test_place_of_a_hit(void **state)
{
    (void)state;
    struct session session;
    assert_int_equal(read_quoted("{'_seq_no':41,'_source':{}}", &session), SESSION_REJECT);
    assert_int_equal(session.seq_no, 41);
    session_free(&session);
    assert_int_equal(read_quoted("{'_seq_no':41}", &session), SESSION_REJECT);
    assert_int_equal(session.seq_no, -1);
    session_free(&session);
}

static void test_nul_bytes(void **state)
{
    (void)state;
    static const char inside[] = "{\"timestamp\":1716000000000,\"x\":\"a\0b\"}";
    static const char behind[] = "{\"timestamp\":1716000000000}\0";
    check(inside, sizeof(inside) - 1, &no_rules, &plain_facts, "reject bad-json -");
    check(behind, sizeof(behind) - 1, &no_rules, &plain_facts, "reject bad-json -");
    check(behind, sizeof(behind) - 2, &no_rules, &plain_facts, "empty");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules_that_are_none),
        cmocka_unit_test(test_reject_keeps_members),
        cmocka_unit_test(test_bad_addresses_are_counted),
        cmocka_unit_test(test_place_of_a_hit),
        cmocka_unit_test(test_nul_bytes),
    };
    int failed = RUN_ROWS("document", document_row, whole_rows);
    failed += RUN_ROWS("absent members", document_row, absent_rows);
    failed += RUN_ROWS("D2 timestamp", document_row, timestamp_rows);
    failed += RUN_ROWS("D1 policy-domain", document_row, domain_rows);
    failed += RUN_ROWS("D3 policy-type", document_row, type_rows);
    failed += RUN_ROWS("D4 result-type", document_row, result_rows);
    failed += RUN_ROWS("D5 policy-string", document_row, string_rows);
    failed += RUN_ROWS("D6 mx-host", document_row, mx_rows);
    failed += RUN_ROWS("D7 D8 D9 members", document_row, member_rows);
    failed += RUN_ROWS("order of reasons", document_row, order_rows);
    failed += RUN_ROWS("D21 versions, since", fact_row, fact_rows);
    failed += RUN_ROWS("scan.exclude, D20", rule_row, rule_rows);
    failed += cmocka_run_group_tests_name("session", tests, NULL, NULL);
    return failed;
}
