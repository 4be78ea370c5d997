#include "common/fetch.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/memory.h"
#include "tests/support/unit.h"

#define LIMIT_MS 20000

/* The server answers with what it was asked: method, content type, expectation, length of the body.
 */
static atomic_int requests;
static struct MHD_Daemon *server;

static enum MHD_Result reply(struct MHD_Connection *connection, unsigned status, char *text,
                             const char *location)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
    if (location)
        MHD_add_response_header(response, "Location", location);
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static const char *header(struct MHD_Connection *connection, const char *name)
{
    const char *value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
    return value ? value : "-";
}

static enum MHD_Result answer(struct MHD_Connection *connection, const char *url,
                              const char *method, size_t body_bytes)
{
    atomic_fetch_add(&requests, 1);
    if (strcmp(url, "/moved") == 0)
        return reply(connection, 301, mem_text("moved"), "/echo");
    if (strcmp(url, "/busy") == 0)
        return reply(connection, 503, mem_text("busy"), NULL);
    if (strcmp(url, "/authorization") == 0)
        return reply(connection, 200, mem_text(header(connection, "Authorization")), NULL);
    return reply(connection, 200,
                 mem_printf("%s %s type=%s expect=%s accept-encoding=%s body=%zu", method, url,
                            header(connection, "Content-Type"), header(connection, "Expect"),
                            header(connection, "Accept-Encoding"), body_bytes),
                 NULL);
}

static enum MHD_Result on_request(void *unused, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_bytes, void **request)
{
    (void)unused;
    (void)version;
    (void)upload;
    if (!*request) {
        *request = mem_alloc(sizeof(size_t));
        return MHD_YES;
    }
    size_t *body_bytes = *request;
    *body_bytes += *upload_bytes;
    if (*upload_bytes == 0)
        return answer(connection, url, method, *body_bytes);
    *upload_bytes = 0;
    return MHD_YES;
}

static void on_end(void *unused, struct MHD_Connection *connection, void **request,
                   enum MHD_RequestTerminationCode code)
{
    (void)unused;
    (void)connection;
    (void)code;
    free(*request);
    *request = NULL;
}

/* The environment that would lead every request astray: fetch_init must take it away. */
static int start(void **state)
{
    struct error err;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    (void)state;
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    setenv("SSLKEYLOGFILE", "/tmp/keys", 1);
    setenv("CURL_CA_BUNDLE", "/nonexistent", 1);
    server = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, on_request, NULL,
                              MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_NOTIFY_COMPLETED, on_end,
                              NULL, MHD_OPTION_END);
    return server && fetch_init(&err) == 0 ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    MHD_stop_daemon(server);
    return 0;
}

static int server_port(void)
{
    return MHD_get_daemon_info(server, MHD_DAEMON_INFO_BIND_PORT)->port;
}

static CURL *handle_new(void)
{
    const struct fetch_limits limits = {LIMIT_MS, LIMIT_MS};
    return fetch_handle("http,https", &limits);
}

static const struct row {
    const char *name, *path, *body;
    size_t max_bytes;
    long status; /* 0: it fails */
    const char *reply;
} rows[] = {
    {"GET", "/echo", NULL, 1000, 200,
     "GET /echo type=application/json expect=- accept-encoding=- body=0"},
    {"POST", "/echo", "{\"size\":1}", 1000, 200,
     "POST /echo type=application/json expect=- accept-encoding=- body=10"},
    {"POST of nothing", "/echo", "", 1000, 200,
     "POST /echo type=application/json expect=- accept-encoding=- body=0"},
    {"dots in a path stay", "/a/../echo", NULL, 1000, 200,
     "GET /a/../echo type=application/json expect=- accept-encoding=- body=0"},
    {"an error status is an answer", "/busy", NULL, 1000, 503, "busy"},
    {"a redirect is not followed", "/moved", "{}", 1000, 301, "moved"},
    {"a reply of just the size", "/busy", NULL, 4, 503, "busy"},
    {"a reply one byte larger", "/busy", NULL, 3, 0, NULL},
};

static void request_row(void **state)
{
    const struct row *row = *state;
    struct error err = {0};
    struct buffer got = {0};
    long status = -1;
    char *url = mem_printf("http://127.0.0.1:%d%s", server_port(), row->path);
    CURL *handle = handle_new();
    int before = atomic_load(&requests);
    buffer_text(&got, "old");
    int result = fetch_json(handle, url, row->body, row->max_bytes, &status, &got, &err);
    assert_int_equal(atomic_load(&requests) - before, 1);
    assert_int_equal(result, row->status ? 0 : -1);
    assert_int_equal(err.kind, row->status ? ERROR_NONE : ERROR_REJECT);
    assert_int_equal(status, row->status ? row->status : -1);
    assert_string_equal(got.bytes, row->status ? row->reply : "old"); /* untouched on failure */
    buffer_free(&got);
    curl_easy_cleanup(handle);
    free(url);
}

/* One handle, POST and GET in turn: nothing of the one is left in the other. */
static void a_handle_serves_many_requests(void **state)
{
    struct error err = {0};
    struct buffer got = {0};
    long status;
    char *url = mem_printf("http://127.0.0.1:%d/echo", server_port());
    CURL *handle = handle_new();
    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(fetch_json(handle, url, "{}", 1000, &status, &got, &err), 0);
        assert_memory_equal(got.bytes, "POST", 4);
        assert_int_equal(fetch_json(handle, url, NULL, 1000, &status, &got, &err), 0);
        assert_memory_equal(got.bytes, "GET ", 4);
        assert_non_null(strstr(got.bytes, "body=0"));
    }
    buffer_free(&got);
    curl_easy_cleanup(handle);
    free(url);
}

static void credentials_are_sent_only_on_demand(void **state)
{
    struct error err = {0};
    struct buffer got = {0};
    long status;
    char *url = mem_printf("http://127.0.0.1:%d/authorization", server_port());
    CURL *handle = handle_new();
    (void)state;
    curl_easy_setopt(handle, CURLOPT_USERPWD, "u:p");
    assert_int_equal(fetch_json(handle, url, NULL, 1000, &status, &got, &err), 0);
    assert_string_equal(got.bytes, "-");
    curl_easy_setopt(handle, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
    assert_int_equal(fetch_json(handle, url, NULL, 1000, &status, &got, &err), 0);
    assert_string_equal(got.bytes, "Basic dTpw");
    buffer_free(&got);
    curl_easy_cleanup(handle);
    free(url);
}

/* ---- no answer: a listener that takes connections and says what the row says, or closes ---- */

static int listener_open(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static void failing(const char *url, int64_t total_ms, enum error_kind want, const char *part)
{
    const struct fetch_limits limits = {total_ms, total_ms};
    struct error err = {0};
    struct buffer got = {0};
    long status = -1;
    CURL *handle = fetch_handle("http,https", &limits);
    assert_int_equal(fetch_json(handle, url, NULL, 1000, &status, &got, &err), -1);
    if (!strstr(err.text, part))
        fail_msg("%s", err.text);
    assert_int_equal(err.kind, want);
    assert_int_equal(status, -1);
    assert_null(strstr(err.text, "secret"));
    curl_easy_cleanup(handle);
}

static void no_answer_is_worth_another_try(void **state)
{
    int port;
    (void)state;
    int fd = listener_open(&port);
    char *url = mem_printf("http://127.0.0.1:%d/a?secret", port);
    failing(url, 100, ERROR_RETRY, "/a: "); /* it listens and never answers */
    close(fd);
    failing(url, LIMIT_MS, ERROR_RETRY, "/a: "); /* refused */
    free(url);
}

static void a_scheme_that_is_not_meant_is_refused(void **state)
{
    (void)state;
    failing("ftp://127.0.0.1/", LIMIT_MS, ERROR_CONFIG, "ftp://127.0.0.1/: ");
    failing("file:///etc/passwd", LIMIT_MS, ERROR_CONFIG, "file:///etc/passwd: ");
}

/* What a child that speaks for one connection does: reads the request, writes text, closes. */
static pid_t speak_once(int fd, const char *text)
{
    pid_t child = fork();
    if (child == 0) {
        char request[4096];
        int connection = accept(fd, NULL, NULL);
        ssize_t length = read(connection, request, sizeof(request));
        length = write(connection, text, strlen(text)) + length;
        _exit(length < 0);
    }
    return child;
}

static const struct speech {
    const char *name, *text;
    enum error_kind kind;
} speeches[] = {
    {"nothing at all", "", ERROR_RETRY},
    {"the beginning of a body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfive5", ERROR_RETRY},
    {"an unfinished chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nfive5",
     ERROR_RETRY},
    {"no last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfive5\r\n",
     ERROR_RETRY},
    {"no HTTP", "220 mail.a.example ESMTP\r\n", ERROR_CONFIG},
};

static void speech_row(void **state)
{
    const struct speech *speech = *state;
    int port;
    int fd = listener_open(&port);
    char *url = mem_printf("http://127.0.0.1:%d/a", port);
    pid_t child = speak_once(fd, speech->text);
    close(fd);
    failing(url, LIMIT_MS, speech->kind, "/a: ");
    assert_int_equal(waitpid(child, NULL, 0), child);
    free(url);
}

/* ---- a certificate that nobody vouches for ---- */

static char *pem_take(BIO *bio)
{
    char *bytes;
    long length = BIO_get_mem_data(bio, &bytes);
    char *pem = mem_copy(bytes, (size_t)length);
    BIO_free(bio);
    return pem;
}

/* A key and a certificate that it signs itself, both as PEM, made for this run. */
static void self_sign(char **key_pem, char **certificate_pem)
{
    BIO *key_bio = BIO_new(BIO_s_mem()), *certificate_bio = BIO_new(BIO_s_mem());
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"127.0.0.1", -1, -1,
                               0);
    X509_set_issuer_name(certificate, name);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_bio_PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(PEM_write_bio_X509(certificate_bio, certificate), 1);
    *key_pem = pem_take(key_bio);
    *certificate_pem = pem_take(certificate_bio);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static void an_untrusted_certificate_is_a_matter_of_configuration(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    char *key, *certificate;
    (void)state;
    self_sign(&key, &certificate);
    struct MHD_Daemon *tls = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_TLS, 0, NULL, NULL, on_request, NULL,
        MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_HTTPS_MEM_KEY, key, MHD_OPTION_HTTPS_MEM_CERT,
        certificate, MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL, MHD_OPTION_END);
    assert_non_null(tls);
    int port = MHD_get_daemon_info(tls, MHD_DAEMON_INFO_BIND_PORT)->port;
    int before = atomic_load(&requests);
    char *url = mem_printf("https://127.0.0.1:%d/echo", port);
    failing(url, LIMIT_MS, ERROR_CONFIG, "certificate");
    assert_int_equal(atomic_load(&requests), before); /* nothing was said to it */
    MHD_stop_daemon(tls);
    free(url);
    free(certificate);
    free(key);
}

static void the_environment_is_clean(void **state)
{
    (void)state;
    assert_null(getenv("http_proxy"));
    assert_null(getenv("ALL_PROXY"));
    assert_null(getenv("SSLKEYLOGFILE"));
    assert_null(getenv("CURL_CA_BUNDLE"));
}

int main(void)
{
    struct CMUnitTest tests[NELEMS(rows) + 3];
    const struct CMUnitTest failures[] = {
        cmocka_unit_test(no_answer_is_worth_another_try),
        cmocka_unit_test(a_scheme_that_is_not_meant_is_refused),
        cmocka_unit_test(an_untrusted_certificate_is_a_matter_of_configuration),
    };
    size_t count = 0;
    for (; count < NELEMS(rows); count++)
        tests[count] = TEST_ROW(request_row, &rows[count]);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(a_handle_serves_many_requests);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(credentials_are_sent_only_on_demand);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(the_environment_is_clean);
    return cmocka_run_group_tests_name("fetch", tests, start, stop) +
           cmocka_run_group_tests_name("fetch failures", failures, NULL, NULL) +
           RUN_ROWS("fetch answers", speech_row, speeches);
}
