#include "common/http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"
#include "tests/support/unit.h"

static bool is_ready;

static bool ready(void)
{
    return is_ready;
}

/* Sends request, reads the answer to its end. */
static void ask(const char *request, char *answer, size_t room_bytes)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)http_port()),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    size_t length = 0;
    ssize_t count = 1;
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(write(fd, request, strlen(request)), strlen(request));
    while (count > 0 && length < room_bytes - 1) {
        count = read(fd, answer + length, room_bytes - 1 - length);
        length += count > 0 ? (size_t)count : 0;
    }
    answer[length] = '\0';
    close(fd);
}

static const struct row {
    const char *name, *request;
    bool ready;
    int status;
    const char *body; /* the end of the answer */
} rows[] = {
    {"alive", "GET /livez", true, 200, "\r\n\r\nalive\n"},
    {"alive though not ready", "GET /livez", false, 200, "\r\n\r\nalive\n"},
    {"ready", "GET /readyz", true, 200, "\r\n\r\nready\n"},
    {"not ready", "GET /readyz", false, 503, "\r\n\r\nnot ready\n"},
    {"HEAD has no body", "HEAD /readyz", true, 200, "\r\n\r\n"},
    {"HEAD tells the status", "HEAD /readyz", false, 503, "\r\n\r\n"},
    {"metrics", "GET /metrics", true, 200, "# TYPE tlsrpt_transactions_total counter\n"},
    {"a query does not matter", "GET /livez?verbose", true, 200, "\r\n\r\nalive\n"},
    {"another page", "GET /", true, 404, "no such page\n"},
    {"below a page", "GET /metrics/", true, 404, "no such page\n"},
    {"another method", "DELETE /metrics", true, 405, "GET and HEAD only\n"},
    {"another method, another page", "PUT /x", true, 405, "GET and HEAD only\n"},
};

static void page_row(void **state)
{
    const struct row *row = *state;
    char request[256], answer[65536], status[32];
    is_ready = row->ready;
    snprintf(request, sizeof(request), "%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
             row->request);
    ask(request, answer, sizeof(answer));
    snprintf(status, sizeof(status), "HTTP/1.1 %d ", row->status);
    assert_memory_equal(answer, status, strlen(status));
    assert_true(strlen(answer) >= strlen(row->body));
    assert_string_equal(answer + strlen(answer) - strlen(row->body), row->body);
}

static void a_body_is_read_past(void **state)
{
    char answer[4096];
    (void)state;
    ask("POST /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
        answer, sizeof(answer));
    assert_memory_equal(answer, "HTTP/1.1 405 ", 13);
}

static const struct refusal {
    const char *name, *listen;
    enum error_kind kind;
} refusals[] = {
    {"no port", "127.0.0.1", ERROR_CONFIG},
    {"empty port", "127.0.0.1:", ERROR_CONFIG},
    {"no address", ":8080", ERROR_CONFIG},
    {"a name", "localhost:8080", ERROR_CONFIG},
    {"port is a word", "127.0.0.1:http", ERROR_CONFIG},
    {"IPv6 without brackets", "::1:8080", ERROR_CONFIG},
    {"empty brackets", "[]:8080", ERROR_CONFIG},
    {"not an address of this machine", "192.0.2.1:8080", ERROR_FATAL},
};

static void refusal_row(void **state)
{
    const struct refusal *refusal = *state;
    struct error err = {0};
    assert_int_equal(http_start(refusal->listen, ready, &err), -1);
    assert_int_equal(err.kind, refusal->kind);
    assert_non_null(strstr(err.text, refusal->listen));
}

static void a_port_in_use_is_fatal(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof(address);
    struct error err = {0};
    char listen_text[64];
    (void)state;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    snprintf(listen_text, sizeof(listen_text), "127.0.0.1:%d", ntohs(address.sin_port));
    assert_int_equal(http_start(listen_text, ready, &err), -1);
    assert_int_equal(err.kind, ERROR_FATAL);
    assert_non_null(strstr(err.text, "Address already in use"));
    close(fd);
}

static int start(void **state)
{
    struct error err;
    (void)state;
    return http_start("127.0.0.1:0", ready, &err);
}

static int stop(void **state)
{
    (void)state;
    http_stop();
    http_stop(); /* does nothing */
    return http_port();
}

int main(void)
{
    struct CMUnitTest tests[sizeof(rows) / sizeof(rows[0]) + 1];
    const struct CMUnitTest starts[] = {cmocka_unit_test(a_port_in_use_is_fatal)};
    size_t count = 0;
    log_set(LOG_WARN, LOG_FORMAT_TEXT);
    for (; count < sizeof(rows) / sizeof(rows[0]); count++)
        tests[count] = TEST_ROW(page_row, &rows[count]);
    tests[count] = (struct CMUnitTest)cmocka_unit_test(a_body_is_read_past);
    return cmocka_run_group_tests_name("http pages", tests, start, stop) +
           RUN_ROWS("http refusals", refusal_row, refusals) +
           cmocka_run_group_tests_name("http start", starts, NULL, NULL);
}
