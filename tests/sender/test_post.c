#include "sender/post.h"

#include <stdio.h>

#include "common/fetch.h"
#include "common/memory.h"
#include "common/text.h"
#include "common/time.h"
#include "tests/support/fake_https.h"
#include "tests/support/unit.h"

#define PATIENCE_MS   20000 /* for a machine under load: no transfer takes so long */
#define SHORT_MS      800   /* for transfers that only time can end */
#define PAYLOAD       "\x1f\x8b\x08\0payload"
#define PAYLOAD_BYTES (sizeof(PAYLOAD) - 1)

#define ANY_CODE (-1)

static const struct address loopback = {AF_INET, {127, 0, 0, 1}};

/* One transfer, as https would make it, to its end. */
struct ending {
    CURLcode code;
    struct attempt_https facts;
    bool verified;
};

static int transfer_wait(CURLM *multi, struct ending *ending)
{
    int running, left;
    int64_t deadline_ms = time_monotonic_ms() + PATIENCE_MS;
    while (time_monotonic_ms() < deadline_ms) {
        curl_multi_perform(multi, &running);
        CURLMsg *message = curl_multi_info_read(multi, &left);
        if (message && message->msg == CURLMSG_DONE) {
            ending->code = message->data.result;
            return 0;
        }
        curl_multi_poll(multi, NULL, 0, 100, NULL);
    }
    return -1;
}

static void transfer_prepare(const struct post *post, bool old_tls)
{
    if (!old_tls)
        return;
    curl_easy_setopt(post_handle(post), CURLOPT_SSLVERSION,
                     (long)CURL_SSLVERSION_TLSv1_0 | (long)CURL_SSLVERSION_MAX_TLSv1_1);
    curl_easy_setopt(post_handle(post), CURLOPT_SSL_CIPHER_LIST, "ALL:@SECLEVEL=0");
}

/* old_tls: as we never do. */
static struct ending transfer_as(const struct post_request *request, bool old_tls)
{
    struct ending ending = {0};
    char *data = NULL;
    CURLM *multi = curl_multi_init();
    struct post *post = post_open(request, &ending);
    transfer_prepare(post, old_tls);
    curl_multi_add_handle(multi, post_handle(post));
    assert_false(post_is_uploaded(post));
    assert_int_equal(transfer_wait(multi, &ending), 0);
    ending.facts = post_result(post, ending.code);
    ending.verified = post_is_verified(post);
    curl_easy_getinfo(post_handle(post), CURLINFO_PRIVATE, &data);
    assert_ptr_equal(data, &ending);
    curl_multi_remove_handle(multi, post_handle(post));
    post_close(&post);
    assert_null(post);
    curl_multi_cleanup(multi);
    return ending;
}

static struct ending transfer(const struct post_request *request)
{
    return transfer_as(request, false);
}

static char *url_of(const struct fake_https *server, const char *path)
{
    return mem_printf("https://" FAKE_HTTPS_HOST ":%d%s", fake_https_port(server), path);
}

static struct post_request request_to(const struct fake_https *server, const char *url)
{
    return (struct post_request){
        .url = url,
        .host = FAKE_HTTPS_HOST,
        .port = fake_https_port(server),
        .addresses = &loopback,
        .address_count = 1,
        .payload = PAYLOAD,
        .payload_bytes = PAYLOAD_BYTES,
        .report_id = "2026-11-24.policy.example.0-7.0123abcd",
        .ca_file = fake_https_ca_file(server),
        .verify = true,
        .timeout_ms = PATIENCE_MS,
    };
}

static struct fake_https *server;

static int server_start(void **state)
{
    (void)state;
    server = fake_https_start();
    return 0;
}

static int server_stop(void **state)
{
    (void)state;
    fake_https_stop(&server);
    return 0;
}

/* ---- what the receiver answers, and what it means ---- */

static const struct row {
    const char *name, *path;
    bool hurry; /* only time ends it */
    int code;   /* CURLcode; ANY_CODE: several would do */
    enum attempt_class class;
    int status;
    int64_t retry_after_s;
} rows[] = {
    {"201", "/201", false, CURLE_OK, ATTEMPT_DELIVERED, 201, 0},
    {"a reply that is too long", "/200-long", false, CURLE_WRITE_ERROR, ATTEMPT_DELIVERED, 200, 0},
    {"a reply without end", "/200-endless-body", false, CURLE_WRITE_ERROR, ATTEMPT_DELIVERED, 200,
     0},
    {"a head without end", "/200-endless-headers", false, CURLE_WRITE_ERROR, ATTEMPT_DELIVERED, 200,
     0},
    {"503, and a head without end", "/503-endless-headers", false, CURLE_WRITE_ERROR, ATTEMPT_RETRY,
     503, 0},
    {"400 and a long page", "/400-page", false, CURLE_WRITE_ERROR, ATTEMPT_REFUSED, 400, 0},
    {"404 and a long page", "/404-page", false, CURLE_WRITE_ERROR, ATTEMPT_SLOW, 404, 0},
    {"410 and a long page", "/410-page", false, CURLE_WRITE_ERROR, ATTEMPT_GONE, 410, 0},
    {"503 and a long page", "/503-page", false, CURLE_WRITE_ERROR, ATTEMPT_RETRY, 503, 120},
    {"a bomb", "/200-bomb", false, CURLE_WRITE_ERROR, ATTEMPT_DELIVERED, 200, 0},
    {"200, and lost in the reply", "/200-cut", false, ANY_CODE, ATTEMPT_DELIVERED, 200, 0},
    {"lost after the request", "/reset", false, ANY_CODE, ATTEMPT_RETRY, 0, 0},
    {"no answer", "/silent", true, CURLE_OPERATION_TIMEDOUT, ATTEMPT_RETRY, 0, 0},
    {"byte by byte", "/drip", true, CURLE_OPERATION_TIMEDOUT, ATTEMPT_RETRY, 0, 0},
    {"interim answers without end", "/103", true, ANY_CODE, ATTEMPT_RETRY, 103, 0},
    {"not HTTP", "/http09", false, CURLE_UNSUPPORTED_PROTOCOL, ATTEMPT_REFUSED, 0, 0},
    {"503", "/503", false, CURLE_OK, ATTEMPT_RETRY, 503, 0},
    {"503 and seconds", "/503-120", false, CURLE_OK, ATTEMPT_RETRY, 503, 120},
    {"429 and junk", "/429-junk", false, CURLE_OK, ATTEMPT_RETRY, 429, 0},
    {"400", "/400", false, CURLE_OK, ATTEMPT_REFUSED, 400, 0},
    {"410", "/410", false, CURLE_OK, ATTEMPT_GONE, 410, 0},
    {"301 is not followed", "/301", false, CURLE_OK, ATTEMPT_SLOW, 301, 0},
    {"302 is not followed", "/302", false, CURLE_OK, ATTEMPT_SLOW, 302, 0},
    {"303 is not followed", "/303", false, CURLE_OK, ATTEMPT_SLOW, 303, 0},
    {"307 is not followed", "/307", false, CURLE_OK, ATTEMPT_SLOW, 307, 0},
    {"308 is not followed", "/308", false, CURLE_OK, ATTEMPT_SLOW, 308, 0},
};

static void answer_row(void **state)
{
    const struct row *row = *state;
    char *url = url_of(server, row->path);
    struct post_request request = request_to(server, url);
    if (row->hurry)
        request.timeout_ms = SHORT_MS;
    struct ending ending = transfer(&request);
    struct attempt_result result = attempt_judge_https(&ending.facts);
    if (row->code != ANY_CODE)
        assert_int_equal(ending.code, row->code);
    assert_int_equal(result.class, row->class);
    assert_int_equal(ending.facts.status, row->status);
    assert_int_equal(result.retry_after_ms, row->retry_after_s * 1000);
    assert_true(ending.facts.uploaded);
    assert_false(ending.facts.blocked);
    assert_false(fake_https_canary_sang(server));
    /* also when the reply was cut, and only for who answered */
    assert_int_equal(ending.verified, row->status != 0);
    free(url);
}

/* A date is turned into seconds from now: years here. */
static void retry_after_date(void **state)
{
    (void)state;
    char *url = url_of(server, "/429-date");
    struct post_request request = request_to(server, url);
    struct ending ending = transfer(&request);
    assert_true(ending.facts.retry_after_ms > 365 * TIME_DAY_MS);
    free(url);
}

/* ---- what is sent ---- */

static void requests_forget(void)
{
    struct buffer before = {0};
    fake_https_requests(server, &before);
    buffer_free(&before);
}

/* No more and no less: no Accept-Encoding, no Expect, no Content-Encoding. Brackets, dots and the
 * query stand as they were published. */
static void the_request(void **state)
{
    (void)state;
    struct buffer got = {0}, want = {0};
    char *url = url_of(server, "/a/../[1-3]/{x,y}?t=%7e");
    struct post_request request = request_to(server, url);
    requests_forget();
    transfer(&request);
    fake_https_requests(server, &got);
    buffer_printf(&want,
                  "POST /a/../[1-3]/{x,y}?t=%%7e HTTP/1.1\r\n"
                  "Host: " FAKE_HTTPS_HOST ":%d\r\n"
                  "User-Agent: tlsrpt/" TLSRPT_VERSION "\r\n"
                  "Content-Type: application/tlsrpt+gzip\r\n"
                  "Idempotency-Key: 2026-11-24.policy.example.0-7.0123abcd\r\n"
                  "Content-Length: %zu\r\n\r\n",
                  fake_https_port(server), PAYLOAD_BYTES);
    buffer_add(&want, PAYLOAD, PAYLOAD_BYTES);
    assert_int_equal(got.length, want.length);
    assert_memory_equal(got.bytes, want.bytes, want.length);
    buffer_free(&got);
    buffer_free(&want);
    free(url);
}

/* Larger than what libcurl would announce with Expect, and than any socket buffer. */
static void a_large_payload(void **state)
{
    (void)state;
    const size_t bytes = (size_t)5 << 20;
    struct buffer got = {0};
    char *payload = mem_alloc(bytes), *url = url_of(server, "/201");
    struct post_request request = request_to(server, url);
    memset(payload, 'x', bytes);
    request.payload = payload;
    request.payload_bytes = bytes;
    requests_forget();
    struct ending ending = transfer(&request);
    assert_int_equal(ending.facts.status, 201);
    fake_https_requests(server, &got);
    assert_true(got.length > bytes);
    assert_memory_equal(got.bytes + got.length - bytes, payload, bytes);
    assert_null(memmem(got.bytes, got.length - bytes, "Expect", 6));
    buffer_free(&got);
    free(payload);
    free(url);
}

/* ---- certificates ---- */

static void a_bad_certificate(struct post_request *request)
{
    struct buffer got = {0};
    requests_forget();
    struct ending ending = transfer(request);
    assert_int_equal(ending.code, CURLE_PEER_FAILED_VERIFICATION);
    assert_false(ending.facts.uploaded); /* so a second try cannot deliver twice */
    fake_https_requests(server, &got);
    assert_int_equal(got.length, 0);
    request->verify = false;
    assert_false(ending.verified);
    ending = transfer(request);
    assert_int_equal(attempt_judge_https(&ending.facts).class, ATTEMPT_DELIVERED);
    assert_false(ending.verified);
    buffer_free(&got);
}

static void certificate_of_another_host(void **state)
{
    (void)state;
    char *url = mem_printf("https://other.example:%d/201", fake_https_port(server));
    struct post_request request = request_to(server, url);
    request.host = "other.example";
    a_bad_certificate(&request);
    free(url);
}

static void certificate_of_another_authority(void **state)
{
    (void)state;
    char *url = url_of(server, "/201");
    struct post_request request = request_to(server, url);
    request.ca_file = fake_https_other_ca_file(server);
    a_bad_certificate(&request);
    free(url);
}

static void expired_certificate(void **state)
{
    (void)state;
    struct fake_https *good = server;
    server = fake_https_start_expired();
    char *url = url_of(server, "/201");
    struct post_request request = request_to(server, url);
    a_bad_certificate(&request);
    free(url);
    fake_https_stop(&server);
    server = good;
}

/* Not even unverified. The receiver would answer whoever speaks as it does. */
static void tls_before_1_2(void **state)
{
    (void)state;
    struct fake_https *old = fake_https_start_old();
    char *url = url_of(old, "/201");
    struct post_request request = request_to(old, url);
    request.verify = false;
    struct ending ending = transfer(&request);
    struct ending control = transfer_as(&request, true);
    free(url);
    fake_https_stop(&old);
    assert_int_equal(ending.code, CURLE_SSL_CONNECT_ERROR);
    assert_int_equal(attempt_judge_https(&ending.facts).class, ATTEMPT_HANDSHAKE);
    assert_false(ending.facts.uploaded);
    assert_int_equal(control.facts.status, 201);
}

/* ---- where it connects to ---- */

/* Each is the canary's address to libcurl, and not what was judged. */
static const struct spelling {
    const char *name; /* of the host */
} spellings[] = {{"127.0.0.2"},       {"127.2"},      {"2130706434"},
                 {"0x7f000002"},      {"0177.0.0.2"}, {"[::ffff:127.0.0.2]"},
                 {"[::ffff:7f00:2]"}, {"localhost"},  {"a.localhost"}};

static void gate(void **state)
{
    const struct spelling *spelling = *state;
    const struct address judged = {AF_INET, {203, 0, 113, 1}};
    char *url = mem_printf("https://%s:%d/201", spelling->name, fake_https_canary_port(server));
    struct post_request request = request_to(server, url);
    request.port = fake_https_canary_port(server);
    request.addresses = &judged;
    request.timeout_ms = SHORT_MS;
    struct ending ending = transfer(&request);
    assert_false(fake_https_canary_sang(server));
    assert_true(ending.facts.blocked);
    assert_int_equal(attempt_judge_https(&ending.facts).class, ATTEMPT_BLOCKED);
    free(url);
}

/* A name is looked up by nobody but us. */
static void pinned_name(void **state)
{
    (void)state;
    char *url = mem_printf("https://localhost:%d/201", fake_https_port(server));
    struct post_request request = request_to(server, url);
    request.host = "localhost";
    request.verify = false;
    request.port = fake_https_port(server);
    struct ending ending = transfer(&request);
    assert_int_equal(ending.facts.status, 201);
    free(url);
}

/* There is nothing to look up, and libcurl takes no pinned entry for IPv6. */
static const struct literal {
    const char *name, *url_host;
    struct address address;
} literals[] = {
    {"127.0.0.1", "127.0.0.1", {AF_INET, {127, 0, 0, 1}}},
    {"::1", "[::1]", {AF_INET6, {[15] = 1}}},
};

static void literal(void **state)
{
    const struct literal *row = *state;
    if (row->address.family == AF_INET6 && !fake_https_has_ipv6())
        skip();
    char *url = mem_printf("https://%s:%d/201", row->url_host, fake_https_port(server));
    struct post_request request = request_to(server, url);
    request.host = row->name;
    request.addresses = &row->address;
    request.verify = false; /* its certificate names a host */
    struct ending ending = transfer(&request);
    assert_int_equal(ending.code, CURLE_OK);
    assert_int_equal(ending.facts.status, 201);
    free(url);
}

/* The first of two does not answer: the second is tried. */
static void second_address(void **state)
{
    (void)state;
    const struct address both[] = {{AF_INET, {127, 0, 0, 3}}, {AF_INET, {127, 0, 0, 1}}};
    char *url = url_of(server, "/201");
    struct post_request request = request_to(server, url);
    request.addresses = both;
    request.address_count = NELEMS(both);
    struct ending ending = transfer(&request);
    assert_int_equal(ending.facts.status, 201);
    free(url);
}

/* Connected, but not to the port that was judged. */
static void another_port(void **state)
{
    (void)state;
    struct buffer got = {0};
    char *url = mem_printf("https://127.0.0.1:%d/201", fake_https_port(server));
    struct post_request request = request_to(server, url);
    requests_forget();
    request.port = 1;
    request.verify = false;
    struct ending ending = transfer(&request);
    fake_https_requests(server, &got);
    assert_int_equal(got.length, 0);
    assert_int_equal(attempt_judge_https(&ending.facts).class, ATTEMPT_BLOCKED);
    buffer_free(&got);
    free(url);
}

/* A proxy from the environment would see the report, and hide where it goes from the gate. */
static void no_proxy(void **state)
{
    (void)state;
    static const char *const names[] = {"https_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"};
    char *url = url_of(server, "/201");
    char *proxy = mem_printf("http://127.0.0.1:%d", fake_https_canary_port(server));
    struct post_request request = request_to(server, url);
    for (size_t i = 0; i < NELEMS(names); i++)
        setenv(names[i], proxy, 1);
    struct ending ending = transfer(&request);
    for (size_t i = 0; i < NELEMS(names); i++)
        unsetenv(names[i]);
    assert_int_equal(ending.facts.status, 201);
    assert_false(fake_https_canary_sang(server));
    free(proxy);
    free(url);
}

/* ---- how far it came ---- */

/* The canary's port takes the connection and says nothing: nothing was sent, so it may be sent
 * elsewhere. */
static void not_uploaded(void **state)
{
    (void)state;
    char *url = mem_printf("https://127.0.0.1:%d/201", fake_https_canary_port(server));
    struct post_request request = request_to(server, url);
    request.port = fake_https_canary_port(server);
    request.timeout_ms = SHORT_MS;
    struct ending ending = transfer(&request);
    assert_int_equal(ending.code, CURLE_OPERATION_TIMEDOUT);
    assert_false(ending.facts.uploaded);
    assert_false(ending.facts.blocked);
    assert_true(fake_https_canary_sang(server));
    free(url);
}

static void nobody_listens(void **state)
{
    (void)state;
    char *url = mem_printf("https://" FAKE_HTTPS_HOST ":1/201");
    struct post_request request = request_to(server, url);
    request.port = 1;
    struct ending ending = transfer(&request);
    assert_int_equal(attempt_judge_https(&ending.facts).class, ATTEMPT_RETRY);
    assert_false(ending.facts.uploaded);
    free(url);
}

/* ---- what is left for the next transfer ---- */

/* To an end, and still in multi. */
static void transfer_in(CURLM *multi, const struct post *post)
{
    struct ending ending = {0};
    curl_multi_add_handle(multi, post_handle(post));
    assert_int_equal(transfer_wait(multi, &ending), 0);
    assert_int_equal(ending.code, CURLE_OK);
}

static bool is_connected(const struct post *post)
{
    curl_socket_t socket = CURL_SOCKET_BAD;
    curl_easy_getinfo(post_handle(post), CURLINFO_ACTIVESOCKET, &socket);
    return socket != CURL_SOCKET_BAD;
}

static long connections_made(const struct post *post)
{
    long count = -1;
    curl_easy_getinfo(post_handle(post), CURLINFO_NUM_CONNECTS, &count);
    return count;
}

/* Three transfers at a receiver that keeps connections. */
struct series {
    char *url;
    struct post_request request;
    CURLM *multi;
    struct post *posts[3];
};

static void series_open(struct series *series)
{
    series->url = url_of(server, "/201-keep");
    series->request = request_to(server, series->url);
    series->multi = curl_multi_init();
    for (size_t i = 0; i < NELEMS(series->posts); i++)
        series->posts[i] = post_open(&series->request, NULL);
}

static void series_close(struct series *series)
{
    for (size_t i = 0; i < NELEMS(series->posts); i++) {
        curl_multi_remove_handle(series->multi, post_handle(series->posts[i]));
        post_close(&series->posts[i]);
    }
    curl_multi_cleanup(series->multi);
    free(series->url);
}

/* The second one shows what would be without the rule. */
static void a_connection_ends_with_its_transfer(void **state)
{
    (void)state;
    struct series series;
    series_open(&series);
    curl_easy_setopt(post_handle(series.posts[1]), CURLOPT_FORBID_REUSE, 0L);
    transfer_in(series.multi, series.posts[0]);
    assert_false(is_connected(series.posts[0]));
    transfer_in(series.multi, series.posts[1]);
    assert_true(is_connected(series.posts[1]));
    series_close(&series);
}

/* The first one leaves a connection, which the third one takes, without the rule. */
static void a_connection_of_others_is_not_used(void **state)
{
    (void)state;
    struct series series;
    series_open(&series);
    curl_easy_setopt(post_handle(series.posts[0]), CURLOPT_FORBID_REUSE, 0L);
    curl_easy_setopt(post_handle(series.posts[2]), CURLOPT_FRESH_CONNECT, 0L);
    transfer_in(series.multi, series.posts[0]);
    transfer_in(series.multi, series.posts[1]);
    assert_int_equal(connections_made(series.posts[1]), 1);
    transfer_in(series.multi, series.posts[2]);
    assert_int_equal(connections_made(series.posts[2]), 0);
    series_close(&series);
}

/* The status of a second transfer through the same handle. */
static int second_status(bool remember)
{
    char *url = url_of(server, "/session");
    struct post_request request = request_to(server, url);
    CURLM *multi = curl_multi_init();
    struct post *post = post_open(&request, NULL);
    if (remember) /* as we never do */
        curl_easy_setopt(post_handle(post), CURLOPT_SSL_SESSIONID_CACHE, 1L);
    transfer_in(multi, post);
    curl_multi_remove_handle(multi, post_handle(post));
    transfer_in(multi, post);
    int status = post_result(post, CURLE_OK).status;
    curl_multi_remove_handle(multi, post_handle(post));
    post_close(&post);
    curl_multi_cleanup(multi);
    free(url);
    return status;
}

/* A ticket is bytes that one address chose and another would be sent. */
static void a_tls_session_is_not_resumed(void **state)
{
    (void)state;
    assert_int_equal(second_status(false), 200);
    assert_int_equal(second_status(true), 299);
}

int main(void)
{
    struct error err;
    struct CMUnitTest answers[NELEMS(rows)], gates[NELEMS(spellings)], hosts[NELEMS(literals)];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(retry_after_date),
        cmocka_unit_test(the_request),
        cmocka_unit_test(a_large_payload),
        cmocka_unit_test(certificate_of_another_host),
        cmocka_unit_test(certificate_of_another_authority),
        cmocka_unit_test(expired_certificate),
        cmocka_unit_test(tls_before_1_2),
        cmocka_unit_test(pinned_name),
        cmocka_unit_test(second_address),
        cmocka_unit_test(another_port),
        cmocka_unit_test(no_proxy),
        cmocka_unit_test(not_uploaded),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(a_connection_ends_with_its_transfer),
        cmocka_unit_test(a_connection_of_others_is_not_used),
        cmocka_unit_test(a_tls_session_is_not_resumed),
    };
    if (fetch_init(&err) < 0)
        return 1;
    for (size_t i = 0; i < NELEMS(rows); i++)
        answers[i] = TEST_ROW(answer_row, &rows[i]);
    for (size_t i = 0; i < NELEMS(spellings); i++)
        gates[i] = TEST_ROW(gate, &spellings[i]);
    for (size_t i = 0; i < NELEMS(literals); i++)
        hosts[i] = TEST_ROW(literal, &literals[i]);
    int failed = cmocka_run_group_tests_name("answers", answers, server_start, server_stop);
    failed += cmocka_run_group_tests_name("gate", gates, server_start, server_stop);
    failed += cmocka_run_group_tests_name("literals", hosts, server_start, server_stop);
    return failed + cmocka_run_group_tests_name("post", tests, server_start, server_stop);
}
