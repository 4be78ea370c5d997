#include "sender/targets.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/address.h"
#include "common/mailbox.h"
#include "common/memory.h"

#define EXT_NAME_MAX ((size_t)32) /* RFC 8460 section 3, tlsrpt-ext-name */
#define PORT_MAX     65535
#define PORT_HTTPS   443

#define ALPHA   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGIT   "0123456789"
#define WSP     " \t"
#define VERSION "v=TLSRPTv1"
/* RFC 3986 without "!", "," and ";", which RFC 8460 section 3 wants encoded. */
#define URI_SAFE ALPHA DIGIT "-._~:/?#[]@$&'()*+=%"

/* A part of a text that belongs to somebody else; may hold any bytes. */
struct slice {
    const char *bytes;
    size_t length;
};

static struct slice slice_from(struct slice slice, size_t begin)
{
    return (struct slice){slice.bytes + begin, slice.length - begin};
}

static bool byte_is_in(char byte, const char *set)
{
    return byte != '\0' && strchr(set, byte);
}

static bool slice_is_all(struct slice slice, const char *set)
{
    for (size_t i = 0; i < slice.length; i++)
        if (!byte_is_in(slice.bytes[i], set))
            return false;
    return true;
}

/* Where the first byte of set stands; the length if none does. */
static size_t slice_find(struct slice slice, const char *set)
{
    size_t at = 0;
    while (at < slice.length && !byte_is_in(slice.bytes[at], set))
        at++;
    return at;
}

static bool slice_starts(struct slice slice, const char *text)
{
    size_t length = strlen(text);
    return slice.length >= length && memcmp(slice.bytes, text, length) == 0;
}

static bool slice_is_word(struct slice slice, const char *word) /* case ignored */
{
    return slice.length == strlen(word) && strncasecmp(slice.bytes, word, slice.length) == 0;
}

static struct slice slice_trim(struct slice slice)
{
    while (slice.length > 0 && byte_is_in(slice.bytes[0], WSP))
        slice = slice_from(slice, 1);
    while (slice.length > 0 && byte_is_in(slice.bytes[slice.length - 1], WSP))
        slice.length--;
    return slice;
}

/* Takes the next part of *rest, up to a separator, off it. False: nothing is left; rest->bytes is
 * then NULL. */
static bool slice_next(struct slice *rest, char separator, struct slice *part)
{
    const char set[2] = {separator, '\0'};
    if (!rest->bytes)
        return false;
    size_t end = slice_find(*rest, set);
    *part = (struct slice){rest->bytes, end};
    *rest = end < rest->length ? slice_from(*rest, end + 1) : (struct slice){NULL, 0};
    return true;
}

/* ---- percent-encoding ---- */

static int hex_value(char digit)
{
    static const char digits[] = "0123456789abcdef";
    char lower = digit >= 'A' && digit <= 'F' ? (char)(digit - 'A' + 'a') : digit;
    const char *at = lower ? strchr(digits, lower) : NULL;
    return at ? (int)(at - digits) : -1;
}

static bool percent_is_good(struct slice slice)
{
    for (size_t i = 0; i < slice.length; i++)
        if (slice.bytes[i] == '%' && (i + 2 >= slice.length || hex_value(slice.bytes[i + 1]) < 0 ||
                                      hex_value(slice.bytes[i + 2]) < 0))
            return false;
    return true;
}

/* Decodes once what percent_is_good() let pass; out has room for slice.length bytes. */
static struct slice percent_decode(struct slice slice, char *out)
{
    size_t length = 0;
    for (size_t i = 0; i < slice.length; i++) {
        char byte = slice.bytes[i];
        if (byte == '%') {
            byte = (char)(hex_value(slice.bytes[i + 1]) * 16 + hex_value(slice.bytes[i + 2]));
            i += 2;
        }
        out[length++] = byte;
    }
    return (struct slice){out, length};
}

/* ---- mailto ---- */

/* Of a stranger's address less is taken: "%" and "!" once meant routes, "|" a program, and a
 * leading "-" is an option to whatever command is given the address. */
static bool is_plain(struct slice address)
{
    return address.length > 0 && address.bytes[0] != '-' &&
           slice_find(address, "%!|") == address.length;
}

/* RFC 6068 lets a URI write header fields and text. Those that add a recipient or a text are no
 * honest target. */
static bool has_foul_hfield(struct slice hfields)
{
    static const char *const foul[] = {"to", "cc", "bcc", "body"};
    char decoded[TARGETS_URI_MAX];
    struct slice hfield;
    while (slice_next(&hfields, '&', &hfield)) {
        struct slice name =
            percent_decode((struct slice){hfield.bytes, slice_find(hfield, "=")}, decoded);
        for (size_t i = 0; i < NELEMS(foul); i++)
            if (slice_is_word(name, foul[i]))
                return true;
    }
    return false;
}

static enum target_flaw mailto_normalize(struct slice rest, char **target)
{
    char decoded[TARGETS_URI_MAX], mailbox[MAILBOX_TEXT];
    rest.length = slice_find(rest, "#");
    size_t query = slice_find(rest, "?");
    struct slice address = percent_decode((struct slice){rest.bytes, query}, decoded);
    if (!is_plain(address) || !mailbox_normalize(address.bytes, address.length, mailbox))
        return TARGET_MAILBOX;
    if (query < rest.length && has_foul_hfield(slice_from(rest, query + 1)))
        return TARGET_HFIELD;
    *target = mem_printf("mailto:%s", mailbox);
    return TARGET_USABLE;
}

/* ---- https ---- */

/* A domain as a URI may name it. libcurl reads "0x7f" as an address where D1 sees a
 * label, so a last label that looks like a hexadecimal number is none of a domain either. */
static bool host_normalize(struct slice slice, char out[DOMAIN_MAX])
{
    char host[DOMAIN_MAX];
    if (!domain_normalize(slice.bytes, slice.length, host))
        return false;
    const char *dot = strrchr(host, '.');
    const char *last = dot ? dot + 1 : host;
    if (strncmp(last, "0x", 2) == 0 && last[2 + strspn(last + 2, "0123456789abcdef")] == '\0')
        return false;
    memcpy(out, host, sizeof(host));
    return true;
}

/* An address literal in its one form; IPv6 without brackets. libcurl would take more (127.1,
 * 0177.0.0.1, 0x7f000001): what is no dotted quad must be a domain. A mapped address keeps its form
 * here: egress unwraps it. */
static bool literal_normalize(struct slice slice, int family, char out[DOMAIN_MAX])
{
    char text[ADDRESS_TEXT];
    unsigned char address[16];
    if (slice.length == 0 || slice.length >= sizeof(text) ||
        memchr(slice.bytes, '\0', slice.length))
        return false;
    memcpy(text, slice.bytes, slice.length);
    text[slice.length] = '\0';
    return inet_pton(family, text, address) == 1 && inet_ntop(family, address, out, DOMAIN_MAX);
}

/* The host of an authority without its port; *length is how much of the authority it took. */
static bool host_read(struct slice authority, struct target *target, size_t *length)
{
    target->literal = true;
    if (authority.length > 0 && authority.bytes[0] == '[') {
        size_t end = slice_find(authority, "]");
        *length = end + 1;
        return end < authority.length &&
               literal_normalize((struct slice){authority.bytes + 1, end - 1}, AF_INET6,
                                 target->host);
    }
    *length = slice_find(authority, ":");
    struct slice host = {authority.bytes, *length};
    if (literal_normalize(host, AF_INET, target->host))
        return true;
    target->literal = false;
    return host_normalize(host, target->host);
}

/* ":" and digits, or nothing; ":" alone means the default (RFC 3986 section 3.2.3). */
static bool port_read(struct slice text, int *port)
{
    int value = 0;
    *port = PORT_HTTPS;
    if (text.length == 0)
        return true;
    if (text.bytes[0] != ':' || !slice_is_all(slice_from(text, 1), DIGIT))
        return false;
    for (size_t i = 1; i < text.length && value <= PORT_MAX; i++)
        value = value * 10 + (text.bytes[i] - '0');
    if (text.length > 1)
        *port = value;
    return *port >= 1 && *port <= PORT_MAX;
}

static enum target_flaw authority_read(struct slice authority, struct target *target)
{
    size_t host_bytes = 0;
    if (slice_find(authority, "@") < authority.length)
        return TARGET_USERINFO;
    if (!host_read(authority, target, &host_bytes))
        return TARGET_HOST;
    return port_read(slice_from(authority, host_bytes), &target->port) ? TARGET_USABLE
                                                                       : TARGET_PORT;
}

static char *https_write(const struct target *target, struct slice path)
{
    struct buffer out = {0};
    bool brackets = target->literal && strchr(target->host, ':');
    buffer_printf(&out, brackets ? "https://[%s]" : "https://%s", target->host);
    if (target->port != PORT_HTTPS)
        buffer_printf(&out, ":%d", target->port);
    if (path.length == 0 || path.bytes[0] != '/')
        buffer_text(&out, "/");
    buffer_add(&out, path.bytes, path.length);
    return buffer_take(&out);
}

static enum target_flaw https_normalize(struct slice rest, char **target)
{
    struct target read = {0};
    if (!slice_starts(rest, "//"))
        return TARGET_SYNTAX;
    rest = slice_from(rest, 2);
    rest.length = slice_find(rest, "#");
    size_t end = slice_find(rest, "/?");
    enum target_flaw flaw = authority_read((struct slice){rest.bytes, end}, &read);
    if (flaw != TARGET_USABLE)
        return flaw;
    struct slice path = slice_from(rest, end);
    if (slice_find(path, "[]") < path.length) /* RFC 3986: only around an address */
        return TARGET_SYNTAX;
    *target = https_write(&read, path);
    return TARGET_USABLE;
}

/* ---- one URI ---- */

static const char *const flaw_names[] = {
    [TARGET_USABLE] = "usable",
    [TARGET_SYNTAX] = "syntax",
    [TARGET_TOO_LONG] = "too-long",
    [TARGET_SCHEME] = "scheme",
    [TARGET_USERINFO] = "userinfo",
    [TARGET_HOST] = "host",
    [TARGET_PORT] = "port",
    [TARGET_MAILBOX] = "mailbox",
    [TARGET_HFIELD] = "header-field",
    [TARGET_DUPLICATE] = "duplicate",
    [TARGET_OVER_READ] = "too-many-uris",
    [TARGET_OVER_USED] = "too-many-targets",
};

const char *target_flaw_name(enum target_flaw flaw)
{
    return flaw_names[flaw];
}

static enum target_flaw uri_normalize(struct slice whole, char **target)
{
    size_t colon = slice_find(whole, ":");
    struct slice scheme = {whole.bytes, colon};
    if (colon == whole.length || colon == 0 || !byte_is_in(whole.bytes[0], ALPHA) ||
        !slice_is_all(scheme, ALPHA DIGIT "+-."))
        return TARGET_SYNTAX;
    if (!slice_is_all(whole, URI_SAFE) || !percent_is_good(whole))
        return TARGET_SYNTAX;
    if (slice_is_word(scheme, "https"))
        return https_normalize(slice_from(whole, colon + 1), target);
    if (slice_is_word(scheme, "mailto"))
        return mailto_normalize(slice_from(whole, colon + 1), target);
    return TARGET_SCHEME;
}

/* What is written can be longer than what was read: a path is added, and an address has one form.
 * It has to pass here again. */
enum target_flaw target_normalize(const char *uri, size_t length_bytes, char **target)
{
    char *normal = NULL;
    if (length_bytes > TARGETS_URI_MAX)
        return TARGET_TOO_LONG;
    enum target_flaw flaw = uri_normalize((struct slice){uri, length_bytes}, &normal);
    if (flaw == TARGET_USABLE && strlen(normal) > TARGETS_URI_MAX)
        flaw = TARGET_TOO_LONG;
    if (flaw == TARGET_USABLE)
        *target = normal;
    else
        free(normal);
    return flaw;
}

static bool mailto_read(const char *mailbox, struct target *target)
{
    char normal[MAILBOX_TEXT];
    struct target read = {.mail = true, .mailbox = mailbox};
    struct slice address = {mailbox, strlen(mailbox)};
    if (!is_plain(address) || !mailbox_normalize(address.bytes, address.length, normal) ||
        strcmp(normal, mailbox) != 0)
        return false;
    const char *domain = mailbox_domain(normal);
    memcpy(read.host, domain, strlen(domain) + 1);
    *target = read;
    return true;
}

static bool https_read(const char *text, struct target *target)
{
    char *again = NULL;
    struct target read = {0};
    if (target_normalize(text, strlen(text), &again) != TARGET_USABLE)
        return false;
    bool same = strcmp(text, again) == 0;
    free(again);
    const char *authority = text + strlen("https://");
    if (!same ||
        authority_read((struct slice){authority, strcspn(authority, "/")}, &read) != TARGET_USABLE)
        return false;
    *target = read;
    return true;
}

/* A mailto target holds the decoded mailbox, so it is not a URI to be decoded again. */
bool target_read(const char *text, struct target *target)
{
    static const char mailto[] = "mailto:";
    if (strncmp(text, mailto, strlen(mailto)) == 0)
        return mailto_read(text + strlen(mailto), target);
    return https_read(text, target);
}

/* ---- a TXT answer ---- */

const char *targets_reason_name(enum targets_reason reason)
{
    static const char *const names[] = {
        [TARGETS_OK] = NULL,
        [TARGETS_NO_RECORD] = "no-record",
        [TARGETS_SEVERAL_RECORDS] = "several-records",
        [TARGETS_BAD_SYNTAX] = "syntax",
        [TARGETS_NO_USABLE_TARGET] = "no-usable-target",
    };
    return names[reason];
}

static void ignore(struct targets *targets, struct slice uri, enum target_flaw flaw)
{
    char *safe = text_clean(uri.bytes, uri.length, TARGETS_URI_MAX);
    targets->ignored =
        mem_resize(targets->ignored, targets->ignored_count + 1, sizeof(*targets->ignored));
    targets->ignored[targets->ignored_count++] =
        (struct target_ignored){safe ? safe : mem_text(""), flaw};
}

static enum target_flaw uri_use(struct targets *targets, struct slice uri)
{
    char *target = NULL;
    enum target_flaw flaw = target_normalize(uri.bytes, uri.length, &target);
    if (flaw != TARGET_USABLE)
        return flaw;
    if (text_list_has(&targets->used, target))
        flaw = TARGET_DUPLICATE;
    else if (targets->used.count == TARGETS_USED_MAX)
        flaw = TARGET_OVER_USED;
    if (flaw == TARGET_USABLE)
        text_list_take(&targets->used, target);
    else
        free(target);
    return flaw;
}

/* tlsrpt-rua: commas always separate (a comma in a URI is encoded); one bad URI harms no other
 * (D16). */
static void rua_read(struct targets *targets, struct slice uris, size_t *seen)
{
    struct slice uri;
    while (slice_next(&uris, ',', &uri)) {
        uri = slice_trim(uri);
        enum target_flaw flaw =
            (*seen)++ < TARGETS_READ_MAX ? uri_use(targets, uri) : TARGET_OVER_READ;
        if (flaw != TARGET_USABLE)
            ignore(targets, uri, flaw);
    }
}

/* tlsrpt-extension is passed over, but it has to be one. Its value has no "=", so a field splits at
 * the first. */
static bool is_extension(struct slice name, struct slice value)
{
    if (name.length == 0 || name.length > EXT_NAME_MAX || byte_is_in(name.bytes[0], "_-.") ||
        !slice_is_all(name, ALPHA DIGIT "_-."))
        return false;
    for (size_t i = 0; i < value.length; i++)
        if (value.bytes[i] <= ' ' || value.bytes[i] > '~' || value.bytes[i] == '=')
            return false;
    return value.length > 0;
}

/* The fields after the version. False: the record does not parse. */
static bool fields_read(struct targets *targets, struct slice fields)
{
    struct slice field;
    bool has_rua = false;
    size_t seen = 0;
    while (slice_next(&fields, ';', &field)) {
        field = slice_trim(field);
        size_t equals = slice_find(field, "=");
        if (field.length == 0)
            continue; /* the end, or ";;", which the ABNF does not know but people write */
        if (equals == field.length)
            return false;
        struct slice name = {field.bytes, equals}, value = slice_from(field, equals + 1);
        bool is_rua = name.length == 3 && slice_starts(name, "rua"); /* case-sensitive: %s"rua=" */
        if (is_rua)
            rua_read(targets, value, &seen);
        else if (!is_extension(name, value))
            return false;
        has_rua = has_rua || is_rua;
    }
    return has_rua;
}

static enum targets_reason record_read(struct targets *targets, struct slice record)
{
    struct slice rest = slice_trim(slice_from(record, strlen(VERSION)));
    if (record.length > TARGETS_RECORD_MAX || rest.length == 0 || rest.bytes[0] != ';')
        return TARGETS_BAD_SYNTAX;
    if (!fields_read(targets, slice_from(rest, 1)))
        return TARGETS_BAD_SYNTAX;
    return targets->used.count > 0 ? TARGETS_OK : TARGETS_NO_USABLE_TARGET;
}

/* The RFC's text says `v=TLSRPTv1;`, its ABNF allows blanks before the semicolon. */
static bool is_tlsrpt(struct slice record)
{
    size_t end = strlen(VERSION);
    return slice_starts(record, VERSION) && record.length > end &&
           byte_is_in(record.bytes[end], WSP ";");
}

static void record_join(const struct txt_record *record, struct buffer *joined)
{
    buffer_clear(joined);
    buffer_text(joined, "");
    for (size_t i = 0; i < record->count; i++)
        buffer_add(joined, record->strings[i].bytes, record->strings[i].length_bytes);
}

/* Keeps in *found the last TLSRPT record; returns how many there are. */
static size_t records_select(const struct txt_record *records, size_t count, struct buffer *found)
{
    struct buffer joined = {0};
    size_t matches = 0;
    for (size_t i = 0; i < count; i++) {
        record_join(&records[i], &joined);
        if (!is_tlsrpt((struct slice){joined.bytes, joined.length}))
            continue;
        matches++;
        buffer_clear(found);
        buffer_add(found, joined.bytes, joined.length);
    }
    buffer_free(&joined);
    return matches;
}

void targets_parse(const struct txt_record *records, size_t count, struct targets *targets)
{
    struct buffer record = {0};
    size_t matches = records_select(records, count, &record);
    *targets = (struct targets){.reason = TARGETS_NO_RECORD};
    if (matches > 1)
        targets->reason = TARGETS_SEVERAL_RECORDS;
    if (matches == 1)
        targets->reason = record_read(targets, (struct slice){record.bytes, record.length});
    if (targets->reason == TARGETS_BAD_SYNTAX)
        targets_free(targets);
    buffer_free(&record);
}

void targets_free(struct targets *targets)
{
    for (size_t i = 0; i < targets->ignored_count; i++)
        free(targets->ignored[i].uri);
    free(targets->ignored);
    text_list_free(&targets->used);
    targets->ignored = NULL;
    targets->ignored_count = 0;
}
