/* loopback: an HTTP server of a test, in a thread of its own. */
#ifndef TESTS_SUPPORT_LOOPBACK_H
#define TESTS_SUPPORT_LOOPBACK_H

#include <microhttpd.h>
#include <netinet/in.h>

#include "tests/support/unit.h"

/* port 0: any that is free. Ended by MHD_stop_daemon(). */
static inline struct MHD_Daemon *loopback_start(MHD_AccessHandlerCallback handler, void *context,
                                                int port)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, handler, context, MHD_OPTION_SOCK_ADDR,
        &address, MHD_OPTION_LISTENING_ADDRESS_REUSE, 1U, MHD_OPTION_END);
    assert_non_null(daemon);
    return daemon;
}

static inline int loopback_port(struct MHD_Daemon *daemon)
{
    return MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
}

/* Takes text. */
static inline enum MHD_Result loopback_answer(struct MHD_Connection *connection, unsigned status,
                                              char *text)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

#endif
