#include "common/fetch.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/memory.h"

#define VERSION_LEAST 0x075500 /* 7.85.0: CURLOPT_PROTOCOLS_STR */
#define HEADERS_MAX   ((size_t)64 << 10)
#define USER_AGENT    "tlsrpt/" TLSRPT_VERSION

/* A proxy would void every rule about addresses; the others choose whom TLS trusts, or write its
 * keys to a file. */
static const char *const environment[] = {
    "http_proxy",     "HTTP_PROXY",   "https_proxy",   "HTTPS_PROXY",   "ftp_proxy",
    "FTP_PROXY",      "all_proxy",    "ALL_PROXY",     "no_proxy",      "NO_PROXY",
    "CURL_CA_BUNDLE", "SSL_CERT_DIR", "SSL_CERT_FILE", "SSLKEYLOGFILE",
};

int fetch_init(struct error *err)
{
    for (size_t i = 0; i < NELEMS(environment); i++)
        unsetenv(environment[i]);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return error_set(err, ERROR_FATAL, "libcurl cannot be initialised");
    const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
    if (info->version_num < VERSION_LEAST)
        return error_set(err, ERROR_FATAL, "libcurl %s is too old: 7.85.0 is the least",
                         info->version);
    return 0;
}

void fetch_must(CURLcode code, const char *what)
{
    if (code != CURLE_OK)
        log_panic("libcurl refuses %s: %s", what, curl_easy_strerror(code));
}

/* libcurl wants writable lists; nothing writes this one. `Expect:` spares a second before large
 * bodies. */
static struct curl_slist json_headers[] = {
    {"Content-Type: application/json", &json_headers[1]},
    {"Accept: application/json", &json_headers[2]},
    {"Expect:", NULL},
};

/* What libcurl would do by itself and must not. */
static void forbid(CURL *handle, const char *protocols)
{
    FETCH_SET(handle, CURLOPT_PROTOCOLS_STR, protocols);
    FETCH_SET(handle, CURLOPT_REDIR_PROTOCOLS_STR, protocols);
    FETCH_SET(handle, CURLOPT_FOLLOWLOCATION, 0L); /* a redirected POST arrives without its body */
    FETCH_SET(handle, CURLOPT_MAXREDIRS, 0L);
    FETCH_SET(handle, CURLOPT_PROXY, "");
    FETCH_SET(handle, CURLOPT_NOPROXY, "*");
    FETCH_SET(handle, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    FETCH_SET(handle, CURLOPT_HTTPAUTH, CURLAUTH_NONE);
    FETCH_SET(handle, CURLOPT_UNRESTRICTED_AUTH, 0L);
    FETCH_SET(handle, CURLOPT_HTTP09_ALLOWED, 0L);
    FETCH_SET(handle, CURLOPT_HTTP_CONTENT_DECODING, 0L); /* no decompression bombs */
    FETCH_SET(handle, CURLOPT_NOSIGNAL, 1L);
}

CURL *fetch_handle(const char *protocols, const struct fetch_limits *limits)
{
    if (limits->connect_ms <= 0 || limits->total_ms <= 0)
        log_panic("fetch: a transfer needs limits");
    CURL *handle = curl_easy_init();
    if (!handle)
        log_panic("fetch: libcurl gives no handle");
    forbid(handle, protocols);
    FETCH_SET(handle, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    FETCH_SET(handle, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    FETCH_SET(handle, CURLOPT_PATH_AS_IS, 1L);
    FETCH_SET(handle, CURLOPT_USERAGENT, USER_AGENT);
    FETCH_SET(handle, CURLOPT_HTTPHEADER, json_headers);
    FETCH_SET(handle, CURLOPT_CONNECTTIMEOUT_MS, (long)limits->connect_ms);
    FETCH_SET(handle, CURLOPT_TIMEOUT_MS, (long)limits->total_ms);
    return handle;
}

/* Where a reply goes, and how much of it may come. */
struct sink {
    struct buffer body;
    size_t header_bytes;
    size_t max_bytes;
    bool full;
};

/* Counted here and not by MAXFILESIZE, which a chunked or transfer-encoded reply passes by. */
static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
    struct sink *sink = context;
    size_t length = size * count;
    sink->full = length > sink->max_bytes - sink->body.length;
    if (sink->full)
        return 0;
    buffer_add(&sink->body, bytes, length);
    return length;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *context)
{
    struct sink *sink = context;
    (void)bytes;
    sink->header_bytes += size * count;
    sink->full = sink->header_bytes > HEADERS_MAX;
    return sink->full ? 0 : size * count;
}

static void request_prepare(CURL *handle, const char *url, const char *body, struct sink *sink,
                            char *explanation)
{
    *explanation = '\0';
    FETCH_SET(handle, CURLOPT_URL, url);
    FETCH_SET(handle, CURLOPT_ERRORBUFFER, explanation);
    FETCH_SET(handle, CURLOPT_WRITEFUNCTION, on_body);
    FETCH_SET(handle, CURLOPT_WRITEDATA, sink);
    FETCH_SET(handle, CURLOPT_HEADERFUNCTION, on_header);
    FETCH_SET(handle, CURLOPT_HEADERDATA, sink);
    if (!body) {
        FETCH_SET(handle, CURLOPT_HTTPGET, 1L);
        return;
    }
    FETCH_SET(handle, CURLOPT_POST, 1L);
    FETCH_SET(handle, CURLOPT_POSTFIELDS, body);
    FETCH_SET(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
}

/* The handle outlives this request's variables. */
static void request_forget(CURL *handle)
{
    FETCH_SET(handle, CURLOPT_ERRORBUFFER, NULL);
    FETCH_SET(handle, CURLOPT_WRITEDATA, NULL);
    FETCH_SET(handle, CURLOPT_HEADERDATA, NULL);
    FETCH_SET(handle, CURLOPT_POSTFIELDS, NULL);
}

/* Codes that no later try changes: somebody must edit something. */
static enum error_kind code_kind(CURLcode code)
{
    static const CURLcode settings[] = {
        CURLE_UNSUPPORTED_PROTOCOL, /* also an answer that is not HTTP: TLS was meant */
        CURLE_URL_MALFORMAT,        CURLE_PEER_FAILED_VERIFICATION,
        CURLE_SSL_CACERT_BADFILE,   CURLE_SSL_ISSUER_ERROR,
    };
    for (size_t i = 0; i < NELEMS(settings); i++)
        if (code == settings[i])
            return ERROR_CONFIG;
    return ERROR_RETRY;
}

/* The URL without its query, which may name what only the server should see. */
static int request_failed(CURLcode code, const struct sink *sink, const char *url,
                          const char *explanation, struct error *err)
{
    int shown = (int)strcspn(url, "?");
    if (sink->full)
        return error_set(err, ERROR_REJECT, "%.*s: the reply is larger than %zu bytes", shown, url,
                         sink->max_bytes);
    return error_set(err, code_kind(code), "%.*s: %s", shown, url,
                     *explanation ? explanation : curl_easy_strerror(code));
}

int fetch_json(CURL *handle, const char *url, const char *body, size_t max_bytes, long *status,
               struct buffer *reply, struct error *err)
{
    char explanation[CURL_ERROR_SIZE];
    struct sink sink = {.max_bytes = max_bytes};
    request_prepare(handle, url, body, &sink, explanation);
    CURLcode code = curl_easy_perform(handle);
    request_forget(handle);
    if (code != CURLE_OK) {
        buffer_free(&sink.body);
        return request_failed(code, &sink, url, explanation, err);
    }
    fetch_must(curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, status), "CURLINFO_RESPONSE_CODE");
    buffer_free(reply);
    *reply = sink.body;
    return 0;
}
