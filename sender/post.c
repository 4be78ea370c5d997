#include "sender/post.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fetch.h"
#include "common/memory.h"
#include "common/text.h"

#define CONNECT_MS  10000
#define LOW_SPEED   100L /* bytes a second, ... */
#define LOW_SPEED_S 15L  /* ... for so long: over */

struct post {
    const struct post_request *request;
    CURL *handle;
    struct curl_slist *headers;
    struct curl_slist *pinned;
    size_t header_bytes;
    size_t response_bytes;
    bool blocked;
    bool page_cut;
};

static bool is_expected(const struct post *post, const struct address *address)
{
    for (size_t i = 0; i < post->request->address_count; i++)
        if (address_equal(&post->request->addresses[i], address))
            return true;
    return false;
}

/* The authoritative gate: whatever libcurl made of the URL, no other address is ever connected to.
 */
static curl_socket_t on_socket(void *context, curlsocktype purpose, struct curl_sockaddr *where)
{
    struct post *post = context;
    struct address address;
    if (purpose != CURLSOCKTYPE_IPCXN || !address_from_sockaddr(&where->addr, &address) ||
        !is_expected(post, &address)) {
        post->blocked = true;
        return CURL_SOCKET_BAD;
    }
    return socket(where->family, where->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, where->protocol);
}

/* Once more after the handshake, before the first byte of the request. */
static int on_request(void *context, char *ip, char *local_ip, int port, int local_port)
{
    struct post *post = context;
    struct address address;
    (void)local_ip;
    (void)local_port;
    if (port == post->request->port && address_parse(ip, strlen(ip), &address) &&
        is_expected(post, &address))
        return CURL_PREREQFUNC_OK;
    post->blocked = true;
    return CURL_PREREQFUNC_ABORT;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *context)
{
    (void)bytes;
    struct post *post = context;
    post->header_bytes += size * count;
    return post->header_bytes > POST_HEADERS_MAX ? 0 : size * count;
}

static size_t on_response(char *bytes, size_t size, size_t count, void *context)
{
    (void)bytes;
    struct post *post = context;
    post->response_bytes += size * count;
    post->page_cut = post->response_bytes > POST_RESPONSE_MAX;
    return post->page_cut ? 0 : size * count;
}

static bool is_literal(const char *host)
{
    struct address ignored;
    return address_parse(host, strlen(host), &ignored);
}

/* A literal needs no entry, and libcurl takes none for IPv6. "+": the entry ends with libcurl's
 * cache instead of never, so that it cannot outlive its judgement by much; the gate holds in any
 * case. */
static struct curl_slist *pin(const struct post_request *request)
{
    struct buffer entry = {0};
    char text[ADDRESS_TEXT];
    if (is_literal(request->host))
        return NULL;
    buffer_printf(&entry, "+%s:%d:", request->host, request->port);
    for (size_t i = 0; i < request->address_count; i++) {
        address_format(&request->addresses[i], text);
        buffer_printf(&entry, request->addresses[i].family == AF_INET6 ? "%s[%s]" : "%s%s",
                      i ? "," : "", text);
    }
    struct curl_slist *list = curl_slist_append(NULL, entry.bytes);
    buffer_free(&entry);
    return list;
}

static struct curl_slist *headers_of(const struct post_request *request)
{
    struct curl_slist *list = NULL;
    char *key = mem_printf("Idempotency-Key: %s", request->report_id);
    list = curl_slist_append(list, "Content-Type: application/tlsrpt+gzip");
    list = curl_slist_append(list, "Expect:"); /* or libcurl waits a second for a 100 */
    list = curl_slist_append(list, "Accept:");
    list = curl_slist_append(list, key);
    free(key);
    return list;
}

/* What fetch_handle() does not set for every transfer. */
static void options_set(struct post *post)
{
    CURL *handle = post->handle;
    const struct post_request *request = post->request;
    FETCH_SET(handle, CURLOPT_URL, request->url);
    FETCH_SET(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->payload_bytes);
    FETCH_SET(handle, CURLOPT_POSTFIELDS, request->payload);
    FETCH_SET(handle, CURLOPT_HTTPHEADER, post->headers);
    FETCH_SET(handle, CURLOPT_RESOLVE, post->pinned);
    /* a connection that dies unanswered is not to be tried again behind our back, nor shared by the
     * verified and the unverified */
    FETCH_SET(handle, CURLOPT_FRESH_CONNECT, 1L);
    FETCH_SET(handle, CURLOPT_FORBID_REUSE, 1L);
    FETCH_SET(handle, CURLOPT_SSL_SESSIONID_CACHE, 0L);
    FETCH_SET(handle, CURLOPT_SSL_VERIFYPEER, request->verify ? 1L : 0L);
    FETCH_SET(handle, CURLOPT_SSL_VERIFYHOST, request->verify ? 2L : 0L);
    if (request->ca_file)
        FETCH_SET(handle, CURLOPT_CAINFO, request->ca_file);
    FETCH_SET(handle, CURLOPT_LOW_SPEED_LIMIT, LOW_SPEED);
    FETCH_SET(handle, CURLOPT_LOW_SPEED_TIME, LOW_SPEED_S);
}

static void callbacks_set(struct post *post, void *data)
{
    CURL *handle = post->handle;
    FETCH_SET(handle, CURLOPT_PRIVATE, data);
    FETCH_SET(handle, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    FETCH_SET(handle, CURLOPT_OPENSOCKETDATA, post);
    FETCH_SET(handle, CURLOPT_PREREQFUNCTION, on_request);
    FETCH_SET(handle, CURLOPT_PREREQDATA, post);
    FETCH_SET(handle, CURLOPT_HEADERFUNCTION, on_header);
    FETCH_SET(handle, CURLOPT_HEADERDATA, post);
    FETCH_SET(handle, CURLOPT_WRITEFUNCTION, on_response);
    FETCH_SET(handle, CURLOPT_WRITEDATA, post);
}

struct post *post_open(const struct post_request *request, void *data)
{
    struct post *post = mem_alloc(sizeof(*post));
    const struct fetch_limits limits = {CONNECT_MS, request->timeout_ms};
    post->request = request;
    post->handle = fetch_handle("https", &limits);
    post->headers = headers_of(request);
    post->pinned = pin(request);
    options_set(post);
    callbacks_set(post, data);
    return post;
}

void post_close(struct post **post)
{
    if (!*post)
        return;
    curl_easy_cleanup((*post)->handle);
    curl_slist_free_all((*post)->headers);
    curl_slist_free_all((*post)->pinned);
    free(*post);
    *post = NULL;
}

CURL *post_handle(const struct post *post)
{
    return post->handle;
}

bool post_is_uploaded(const struct post *post)
{
    curl_off_t bytes = 0;
    curl_easy_getinfo(post->handle, CURLINFO_SIZE_UPLOAD_T, &bytes);
    return bytes >= (curl_off_t)post->request->payload_bytes;
}

bool post_is_verified(const struct post *post)
{
    long status = 0; /* nobody is asked before that check, so nobody answers */
    curl_easy_getinfo(post->handle, CURLINFO_RESPONSE_CODE, &status);
    return post->request->verify && status != 0;
}

struct attempt_https post_result(const struct post *post, CURLcode code)
{
    long status = 0;
    curl_off_t retry_after_s = 0;
    curl_easy_getinfo(post->handle, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(post->handle, CURLINFO_RETRY_AFTER, &retry_after_s);
    return (struct attempt_https){
        .curl_code = (int)code,
        .status = (int)status,
        .uploaded = post_is_uploaded(post),
        .blocked = post->blocked,
        .retry_after_ms = retry_after_s < INT64_MAX / 1000 ? retry_after_s * 1000 : INT64_MAX,
        .page_cut = post->page_cut,
    };
}
