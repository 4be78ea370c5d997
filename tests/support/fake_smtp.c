#include "tests/support/fake_smtp.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"
#include "common/memory.h"

struct fake_smtp {
    int fd;
    int stop_fd;
    pthread_t thread;
    char url[48];

    pthread_mutex_t lock; /* of what follows */
    struct fake_smtp_script script;
    size_t connections, closed;
    struct text_list commands, messages;
};

/* One connection; it is the thread's alone. */
struct session {
    struct fake_smtp *smtp;
    int fd;
    SSL *ssl; /* NULL: in clear */
    struct buffer input;
};

static void check(bool good, const char *what)
{
    if (!good)
        log_panic("fake_smtp: %s", what);
}

/* ---- reading and writing ---- */

#define SILENCE_MS 20000 /* then a client that should have left is given up: its test fails */

/* False: the test ended it, or nothing came for too long. */
static bool input_wait(const struct session *session)
{
    if (session->ssl && SSL_pending(session->ssl) > 0)
        return true;
    struct pollfd fds[] = {{session->fd, POLLIN, 0}, {session->smtp->stop_fd, POLLIN, 0}};
    int ready = poll(fds, NELEMS(fds), SILENCE_MS);
    check(ready >= 0, "poll");
    return ready > 0 && !fds[1].revents;
}

/* False: the client, the test or silence ended it. */
static bool input_more(struct session *session)
{
    char bytes[4096];
    if (!input_wait(session))
        return false;
    ssize_t count = session->ssl ? SSL_read(session->ssl, bytes, sizeof(bytes))
                                 : read(session->fd, bytes, sizeof(bytes));
    if (count <= 0)
        return false;
    buffer_add(&session->input, bytes, (size_t)count);
    return true;
}

static void input_drop(struct session *session, size_t count)
{
    struct buffer rest = {0};
    buffer_add(&rest, session->input.bytes + count, session->input.length - count);
    buffer_free(&session->input);
    session->input = rest;
}

/* The next line without CRLF, owned by the caller; NULL at the end. */
static char *line_read(struct session *session)
{
    for (;;) {
        char *end = session->input.length > 0
                        ? memmem(session->input.bytes, session->input.length, "\r\n", 2)
                        : NULL;
        if (end) {
            size_t length = (size_t)(end - session->input.bytes);
            char *line = mem_copy(session->input.bytes, length);
            input_drop(session, length + 2);
            return line;
        }
        if (!input_more(session))
            return NULL;
    }
}

static bool line_write(const struct session *session, const char *text)
{
    char *line = mem_printf("%s\r\n", text);
    ssize_t length = (ssize_t)strlen(line);
    ssize_t sent = session->ssl ? SSL_write(session->ssl, line, (int)length)
                                : write(session->fd, line, (size_t)length);
    free(line);
    return sent == length;
}

/* ---- answering ---- */

static const char *const accepting[FAKE_SMTP_PHASES] = {
    [FAKE_SMTP_GREETING] = "220 fake",  [FAKE_SMTP_EHLO] = "250-fake\r\n250 AUTH PLAIN",
    [FAKE_SMTP_STARTTLS] = "220 go on", [FAKE_SMTP_AUTH] = "235 welcome",
    [FAKE_SMTP_MAIL] = "250 sender",    [FAKE_SMTP_RCPT] = "250 recipient",
    [FAKE_SMTP_DATA] = "354 go on",     [FAKE_SMTP_END] = "250 queued",
};

#define OFFERING_TLS "250-fake\r\n250-AUTH PLAIN\r\n250 STARTTLS"

static const char *reply_find(const struct session *session, enum fake_smtp_phase phase)
{
    struct fake_smtp *smtp = session->smtp;
    pthread_mutex_lock(&smtp->lock);
    const char *reply =
        smtp->script.replies[phase] ? smtp->script.replies[phase] : accepting[phase];
    if (phase == FAKE_SMTP_EHLO && reply == accepting[phase] && smtp->script.tls && !session->ssl)
        reply = OFFERING_TLS;
    if (smtp->script.flag && smtp->script.flag_at == phase)
        atomic_store(smtp->script.flag, true);
    pthread_mutex_unlock(&smtp->lock);
    return reply;
}

/* False: the connection is over. */
static bool answer(struct session *session, enum fake_smtp_phase phase)
{
    const char *reply = reply_find(session, phase);
    if (!reply)
        return true;
    if (strcmp(reply, FAKE_SMTP_DROP) == 0)
        return false;
    if (strcmp(reply, FAKE_SMTP_HANG) == 0) {
        while (input_more(session))
            ;
        return false;
    }
    return line_write(session, reply);
}

static void list_add(struct fake_smtp *smtp, struct text_list *list, const struct buffer *text)
{
    pthread_mutex_lock(&smtp->lock);
    text_list_add(list, text->length > 0 ? text->bytes : "", text->length);
    pthread_mutex_unlock(&smtp->lock);
}

/* Until the final dot. False: it never came. */
static bool body_read(struct session *session)
{
    struct buffer message = {0};
    char *line = NULL;
    bool first = true, complete = false;
    while (!complete && (line = line_read(session)) != NULL) {
        if (first && !answer(session, FAKE_SMTP_BODY)) {
            free(line);
            break;
        }
        first = false;
        complete = strcmp(line, ".") == 0;
        if (!complete)
            buffer_printf(&message, "%s\r\n", line[0] == '.' ? line + 1 : line);
        free(line);
    }
    if (complete)
        list_add(session->smtp, &session->smtp->messages, &message);
    buffer_free(&message);
    return complete;
}

static bool auth_read(struct session *session, const char *line)
{
    if (strchr(line, ' ') == strrchr(line, ' ')) { /* "AUTH PLAIN": the credentials follow */
        char *credentials = line_write(session, "334 ") ? line_read(session) : NULL;
        if (!credentials)
            return false;
        free(credentials);
    }
    return answer(session, FAKE_SMTP_AUTH);
}

static SSL *tls_open(const struct session *session)
{
    const struct fake_tls *tls = session->smtp->script.tls;
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    check(SSL_CTX_use_certificate_file(context, fake_tls_certificate(tls), SSL_FILETYPE_PEM) == 1,
          "certificate");
    check(SSL_CTX_use_PrivateKey_file(context, fake_tls_key(tls), SSL_FILETYPE_PEM) == 1, "key");
    SSL *ssl = SSL_new(context);
    SSL_CTX_free(context);
    SSL_set_fd(ssl, session->fd);
    return ssl;
}

/* What came before the handshake does not count after it. */
static bool starttls_read(struct session *session)
{
    const char *reply = reply_find(session, FAKE_SMTP_STARTTLS);
    if (!session->smtp->script.tls || session->ssl)
        return line_write(session, "502 unknown");
    if (!answer(session, FAKE_SMTP_STARTTLS))
        return false;
    if (reply[0] != '2')
        return true;
    buffer_free(&session->input);
    session->ssl = tls_open(session);
    return SSL_accept(session->ssl) == 1;
}

static bool leaves(struct fake_smtp *smtp)
{
    pthread_mutex_lock(&smtp->lock);
    bool leaving = smtp->script.leaves;
    pthread_mutex_unlock(&smtp->lock);
    return leaving;
}

static bool data_read(struct session *session)
{
    const char *reply = reply_find(session, FAKE_SMTP_DATA);
    if (!answer(session, FAKE_SMTP_DATA))
        return false;
    if (reply[0] != '3')
        return true;
    return body_read(session) && answer(session, FAKE_SMTP_END) && !leaves(session->smtp);
}

static bool command_obey(struct session *session, const char *line)
{
    static const struct {
        const char *begin;
        enum fake_smtp_phase phase;
    } commands[] = {{"EHLO", FAKE_SMTP_EHLO},
                    {"HELO", FAKE_SMTP_EHLO},
                    {"MAIL", FAKE_SMTP_MAIL},
                    {"RCPT", FAKE_SMTP_RCPT}};
    for (size_t i = 0; i < NELEMS(commands); i++)
        if (strncmp(line, commands[i].begin, 4) == 0)
            return answer(session, commands[i].phase);
    if (strcmp(line, "STARTTLS") == 0)
        return starttls_read(session);
    if (strncmp(line, "AUTH", 4) == 0)
        return auth_read(session, line);
    if (strcmp(line, "DATA") == 0)
        return data_read(session);
    if (strcmp(line, "QUIT") == 0)
        return line_write(session, "221 bye") && false;
    return line_write(session, "502 unknown");
}

static void session_run(struct session *session)
{
    char *line;
    bool open = answer(session, FAKE_SMTP_GREETING);
    while (open && (line = line_read(session)) != NULL) {
        struct buffer text = {0};
        buffer_printf(&text, "%s%s", session->ssl ? FAKE_SMTP_IN_TLS : "", line);
        list_add(session->smtp, &session->smtp->commands, &text);
        buffer_free(&text);
        open = command_obey(session, line);
        free(line);
    }
    SSL_free(session->ssl);
    close(session->fd);
    buffer_free(&session->input);
}

/* A client that is gone must not end the test. */
static void pipe_signal_block(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
}

static void *run(void *context)
{
    struct fake_smtp *smtp = context;
    struct pollfd fds[] = {{smtp->fd, POLLIN, 0}, {smtp->stop_fd, POLLIN, 0}};
    pipe_signal_block();
    for (;;) {
        check(poll(fds, NELEMS(fds), -1) > 0, "poll");
        if (fds[1].revents)
            return NULL;
        struct session session = {.smtp = smtp, .fd = accept4(smtp->fd, NULL, NULL, SOCK_CLOEXEC)};
        check(session.fd >= 0, "accept");
        pthread_mutex_lock(&smtp->lock);
        smtp->connections++;
        pthread_mutex_unlock(&smtp->lock);
        session_run(&session);
        pthread_mutex_lock(&smtp->lock);
        smtp->closed++;
        pthread_mutex_unlock(&smtp->lock);
    }
}

/* ---- for the test ---- */

struct fake_smtp *fake_smtp_start(const struct fake_smtp_script *script)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof(address);
    struct fake_smtp *smtp = mem_alloc(sizeof(*smtp));
    smtp->script = *script;
    pthread_mutex_init(&smtp->lock, NULL);
    smtp->stop_fd = eventfd(0, EFD_CLOEXEC);
    smtp->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check(bind(smtp->fd, (struct sockaddr *)&address, bytes) == 0, "bind");
    check(listen(smtp->fd, 16) == 0, "listen");
    check(getsockname(smtp->fd, (struct sockaddr *)&address, &bytes) == 0, "getsockname");
    snprintf(smtp->url, sizeof(smtp->url), "smtp://127.0.0.1:%d", ntohs(address.sin_port));
    check(pthread_create(&smtp->thread, NULL, run, smtp) == 0, "thread");
    return smtp;
}

void fake_smtp_stop(struct fake_smtp **smtp)
{
    const uint64_t one = 1;
    if (!*smtp)
        return;
    check(write((*smtp)->stop_fd, &one, sizeof(one)) == sizeof(one), "stop");
    pthread_join((*smtp)->thread, NULL);
    close((*smtp)->fd);
    close((*smtp)->stop_fd);
    text_list_free(&(*smtp)->commands);
    text_list_free(&(*smtp)->messages);
    pthread_mutex_destroy(&(*smtp)->lock);
    free(*smtp);
    *smtp = NULL;
}

void fake_smtp_follow(struct fake_smtp *smtp, const struct fake_smtp_script *script)
{
    pthread_mutex_lock(&smtp->lock);
    smtp->script = *script;
    pthread_mutex_unlock(&smtp->lock);
}

const char *fake_smtp_url(const struct fake_smtp *smtp)
{
    return smtp->url;
}

size_t fake_smtp_connections(struct fake_smtp *smtp)
{
    pthread_mutex_lock(&smtp->lock);
    size_t connections = smtp->connections;
    pthread_mutex_unlock(&smtp->lock);
    return connections;
}

size_t fake_smtp_closed(struct fake_smtp *smtp)
{
    pthread_mutex_lock(&smtp->lock);
    size_t closed = smtp->closed;
    pthread_mutex_unlock(&smtp->lock);
    return closed;
}

void fake_smtp_commands(struct fake_smtp *smtp, struct text_list *commands)
{
    pthread_mutex_lock(&smtp->lock);
    text_list_copy(commands, &smtp->commands);
    pthread_mutex_unlock(&smtp->lock);
}

void fake_smtp_messages(struct fake_smtp *smtp, struct text_list *messages)
{
    pthread_mutex_lock(&smtp->lock);
    text_list_copy(messages, &smtp->messages);
    pthread_mutex_unlock(&smtp->lock);
}
