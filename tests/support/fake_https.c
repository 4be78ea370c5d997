#include "tests/support/fake_https.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/log.h"
#include "common/memory.h"
#include "tests/support/fake_tls.h"

#define SCRIPT "tests/support/fake_https.py" /* tests run in the top directory */

struct fake_https {
    struct fake_tls *tls;
    const char *versions; /* that it speaks */
    char *requests;
    long requests_read;
    int port;
    pid_t child;
    int child_stdin;
    int canary_fd;
    int canary_port;
};

static void check(bool good, const char *what)
{
    if (!good)
        log_panic("fake_https: %s", what);
}

/* ---- the canary ---- */

static void canary_open(struct fake_https *https)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
    socklen_t bytes = sizeof(address);
    https->canary_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    check(bind(https->canary_fd, (struct sockaddr *)&address, bytes) == 0, "bind");
    check(listen(https->canary_fd, 16) == 0, "listen");
    check(getsockname(https->canary_fd, (struct sockaddr *)&address, &bytes) == 0, "getsockname");
    https->canary_port = ntohs(address.sin_port);
}

bool fake_https_canary_is_called(const struct fake_https *https)
{
    struct pollfd fd = {https->canary_fd, POLLIN, 0};
    return poll(&fd, 1, 0) > 0;
}

bool fake_https_canary_sang(struct fake_https *https)
{
    bool sang = false;
    int fd;
    while ((fd = accept(https->canary_fd, NULL, NULL)) >= 0) {
        sang = true;
        close(fd);
    }
    return sang;
}

/* ---- the child ---- */

static void child_run(const struct fake_https *https, int input, int output)
{
    char canary[8];
    snprintf(canary, sizeof(canary), "%d", https->canary_port);
    dup2(input, STDIN_FILENO);
    dup2(output, STDOUT_FILENO);
    execlp("python3", "python3", "-B", "-Wignore", SCRIPT, fake_tls_certificate(https->tls),
           fake_tls_key(https->tls), https->requests, canary, https->versions, (char *)NULL);
    _exit(127);
}

static void child_start(struct fake_https *https)
{
    int input[2], output[2];
    char port[16] = "";
    check(pipe2(input, O_CLOEXEC) == 0 && pipe2(output, O_CLOEXEC) == 0, "pipe");
    https->child = fork();
    check(https->child >= 0, "fork");
    if (https->child == 0)
        child_run(https, input[0], output[1]);
    close(input[0]);
    close(output[1]);
    https->child_stdin = input[1];
    FILE *told = fdopen(output[0], "r");
    check(told && fgets(port, sizeof(port), told), "python3 did not start");
    https->port = (int)strtol(port, NULL, 10);
    fclose(told);
}

static struct fake_https *start(enum fake_tls_flaw flaw, const char *versions)
{
    struct fake_https *https = mem_alloc(sizeof(*https));
    https->tls = fake_tls_new(FAKE_HTTPS_HOST, flaw);
    https->versions = versions;
    https->requests = mem_printf("%s/requests", fake_tls_directory(https->tls));
    canary_open(https);
    child_start(https);
    return https;
}

struct fake_https *fake_https_start(void)
{
    return start(FAKE_TLS_GOOD, "new");
}

struct fake_https *fake_https_start_expired(void)
{
    return start(FAKE_TLS_EXPIRED, "new");
}

struct fake_https *fake_https_start_old(void)
{
    return start(FAKE_TLS_GOOD, "old");
}

void fake_https_stop(struct fake_https **https)
{
    if (!*https)
        return;
    kill((*https)->child, SIGKILL);
    waitpid((*https)->child, NULL, 0);
    close((*https)->child_stdin);
    close((*https)->canary_fd);
    unlink((*https)->requests);
    free((*https)->requests);
    fake_tls_free(&(*https)->tls);
    free(*https);
    *https = NULL;
}

/* ---- for the test ---- */

int fake_https_port(const struct fake_https *https)
{
    return https->port;
}

bool fake_https_has_ipv6(void)
{
    const struct sockaddr_in6 any_port = {.sin6_family = AF_INET6,
                                          .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool there = fd >= 0 && bind(fd, (const struct sockaddr *)&any_port, sizeof(any_port)) == 0;
    if (fd >= 0)
        close(fd);
    return there;
}

int fake_https_canary_port(const struct fake_https *https)
{
    return https->canary_port;
}

const char *fake_https_ca_file(const struct fake_https *https)
{
    return fake_tls_ca_file(https->tls);
}

const char *fake_https_other_ca_file(const struct fake_https *https)
{
    return fake_tls_other_ca_file(https->tls);
}

void fake_https_requests(struct fake_https *https, struct buffer *requests)
{
    char bytes[4096];
    size_t count;
    FILE *file = fopen(https->requests, "rb");
    if (!file)
        return; /* none yet */
    check(fseek(file, https->requests_read, SEEK_SET) == 0, "seek");
    while ((count = fread(bytes, 1, sizeof(bytes), file)) > 0)
        buffer_add(requests, bytes, count);
    https->requests_read = ftell(file);
    fclose(file);
}
