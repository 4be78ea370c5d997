#include "common/http.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/memory.h"
#include "common/metrics.h"
#include "common/text.h"

#define CONNECTIONS_MAX 32
#define IDLE_S          10

static struct MHD_Daemon *server;
static bool (*is_ready)(void);

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type,
                              struct buffer *body)
{
    size_t length = body->length;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(length, buffer_take(body), MHD_RESPMEM_MUST_FREE);
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static unsigned show_metrics(struct buffer *body)
{
    metrics_render(body);
    return MHD_HTTP_OK;
}

static unsigned show_live(struct buffer *body)
{
    buffer_text(body, "alive\n");
    return MHD_HTTP_OK;
}

static unsigned show_ready(struct buffer *body)
{
    bool ready = is_ready();
    buffer_text(body, ready ? "ready\n" : "not ready\n");
    return ready ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
}

static const struct {
    const char *path;
    const char *type;
    unsigned (*show)(struct buffer *body);
} pages[] = {
    {"/livez", "text/plain; charset=utf-8", show_live},
    {"/metrics", "text/plain; version=0.0.4; charset=utf-8", show_metrics},
    {"/readyz", "text/plain; charset=utf-8", show_ready},
};

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned status, const char *text)
{
    struct buffer body = {0};
    buffer_text(&body, text);
    return answer(connection, status, "text/plain; charset=utf-8", &body);
}

/* A body that somebody sends all the same is read past: the connection then closes cleanly. */
static enum MHD_Result on_request(void *unused, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_bytes, void **request)
{
    static char seen; /* only its address counts */
    (void)unused;
    (void)version;
    (void)upload;
    if (!*request || *upload_bytes > 0) {
        *request = &seen;
        *upload_bytes = 0;
        return MHD_YES;
    }
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET and HEAD only\n");
    for (size_t i = 0; i < NELEMS(pages); i++)
        if (strcmp(url, pages[i].path) == 0) {
            struct buffer body = {0};
            unsigned status = pages[i].show(&body);
            return answer(connection, status, pages[i].type, &body);
        }
    return refuse(connection, MHD_HTTP_NOT_FOUND, "no such page\n");
}

/* ADDRESS:PORT or [v6]:PORT; names are not looked up. The caller frees *address. */
static int listen_parse(const char *listen, struct addrinfo **address, struct error *err)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV};
    const char *colon = strrchr(listen, ':');
    size_t bytes = colon ? (size_t)(colon - listen) : 0;
    bool bracketed = bytes > 2 && listen[0] == '[' && colon[-1] == ']';
    if (bytes == 0 || !colon[1] || (memchr(listen, ':', bytes) && !bracketed))
        return error_set(err, ERROR_CONFIG, "http.listen: \"%s\" is not ADDRESS:PORT", listen);
    char *host = bracketed ? mem_copy(listen + 1, bytes - 2) : mem_copy(listen, bytes);
    int code = getaddrinfo(host, colon + 1, &hints, address);
    free(host);
    if (code != 0)
        return error_set(err, ERROR_CONFIG, "http.listen: \"%s\" is not ADDRESS:PORT", listen);
    return 0;
}

static struct MHD_Daemon *server_start(const struct addrinfo *address)
{
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD;
    if (address->ai_family == AF_INET6)
        flags |= MHD_USE_IPv6;
    return MHD_start_daemon(flags, 0, NULL, NULL, on_request, NULL, MHD_OPTION_SOCK_ADDR,
                            address->ai_addr, MHD_OPTION_CONNECTION_LIMIT,
                            (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
                            (unsigned)IDLE_S, MHD_OPTION_END);
}

int http_start(const char *listen, bool (*ready)(void), struct error *err)
{
    struct addrinfo *address;
    if (listen_parse(listen, &address, err) < 0)
        return -1;
    is_ready = ready;
    errno = 0;
    server = server_start(address);
    int code = errno;
    freeaddrinfo(address);
    if (!server)
        return error_set(err, ERROR_FATAL, "http.listen: %s: %s", listen,
                         code ? strerror(code) : "the server cannot be started");
    log_info("http listens", log_text("address", listen), log_number("port", http_port()));
    return 0;
}

int http_port(void)
{
    const union MHD_DaemonInfo *info =
        server ? MHD_get_daemon_info(server, MHD_DAEMON_INFO_BIND_PORT) : NULL;
    return info ? info->port : 0;
}

void http_stop(void)
{
    if (server)
        MHD_stop_daemon(server);
    server = NULL;
}
