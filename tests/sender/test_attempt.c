#include "sender/attempt.h"

#include <curl/curl.h>

#include "common/memory.h"
#include "tests/support/unit.h"

#define MINUTE INT64_C(60000)
#define HOUR   (60 * MINUTE)
#define T0     INT64_C(1795564800000) /* 2026-11-25T00:00:00Z */

static struct attempt_policy policy_of(const char *delays, int64_t window_ms)
{
    struct attempt_policy policy;
    struct text_list list = {0};
    struct error err;
    text_list_split(&list, delays);
    assert_int_equal(attempt_policy_init(&policy, &list, window_ms, &err), 0);
    text_list_free(&list);
    return policy;
}

static struct attempt_policy shipped_policy(void)
{
    return policy_of("1m 5m 30m 2h 6h 6h 6h", 24 * HOUR);
}

/* ---- https results ---- */

struct https_row {
    const char *name;
    struct attempt_https transfer;
    enum attempt_class class;
    const char *reason;
};

#define STATUS(code)                                                                               \
    {                                                                                              \
        CURLE_OK, (code), true, false, 0, false                                                    \
    }
#define CURL(code)                                                                                 \
    {                                                                                              \
        (code), 0, false, false, 0, false                                                          \
    }

static const struct https_row https_rows[] = {
    {"200", STATUS(200), ATTEMPT_DELIVERED, "delivered"},
    {"201", STATUS(201), ATTEMPT_DELIVERED, "delivered"},
    {"299", STATUS(299), ATTEMPT_DELIVERED, "delivered"},
    {"301", STATUS(301), ATTEMPT_SLOW, "redirect"},
    {"302", STATUS(302), ATTEMPT_SLOW, "redirect"},
    {"307", STATUS(307), ATTEMPT_SLOW, "redirect"},
    {"308", STATUS(308), ATTEMPT_SLOW, "redirect"},
    {"400", STATUS(400), ATTEMPT_REFUSED, "client-error"},
    {"401", STATUS(401), ATTEMPT_SLOW, "unauthorized"},
    {"402", STATUS(402), ATTEMPT_REFUSED, "client-error"},
    {"403", STATUS(403), ATTEMPT_SLOW, "forbidden"},
    {"404", STATUS(404), ATTEMPT_SLOW, "not-found"},
    {"405", STATUS(405), ATTEMPT_SLOW, "method-not-allowed"},
    {"408", STATUS(408), ATTEMPT_RETRY, "request-timeout"},
    {"410", STATUS(410), ATTEMPT_GONE, "gone"},
    {"413", STATUS(413), ATTEMPT_REFUSED, "client-error"},
    {"415", STATUS(415), ATTEMPT_REFUSED, "client-error"},
    {"422", STATUS(422), ATTEMPT_REFUSED, "client-error"},
    {"425", STATUS(425), ATTEMPT_RETRY, "too-early"},
    {"429", STATUS(429), ATTEMPT_RETRY, "too-many-requests"},
    {"500", STATUS(500), ATTEMPT_RETRY, "server-error"},
    {"501", STATUS(501), ATTEMPT_REFUSED, "not-implemented"},
    {"502", STATUS(502), ATTEMPT_RETRY, "server-error"},
    {"503", STATUS(503), ATTEMPT_RETRY, "server-error"},
    {"504", STATUS(504), ATTEMPT_RETRY, "server-error"},
    {"505", STATUS(505), ATTEMPT_REFUSED, "http-version"},
    {"599", STATUS(599), ATTEMPT_RETRY, "server-error"},
    {"103 and no more", STATUS(103), ATTEMPT_RETRY, "no-status"},
    {"600", STATUS(600), ATTEMPT_RETRY, "no-status"},
    {"no status at all", STATUS(0), ATTEMPT_RETRY, "no-status"},
    {"connection refused", CURL(CURLE_COULDNT_CONNECT), ATTEMPT_RETRY, "connect"},
    {"timeout", CURL(CURLE_OPERATION_TIMEDOUT), ATTEMPT_RETRY, "timeout"},
    {"resolver", CURL(CURLE_COULDNT_RESOLVE_HOST), ATTEMPT_RETRY, "resolve"},
    {"TLS handshake", CURL(CURLE_SSL_CONNECT_ERROR), ATTEMPT_HANDSHAKE, "tls-handshake"},
    {"certificate", CURL(CURLE_PEER_FAILED_VERIFICATION), ATTEMPT_HANDSHAKE, "certificate"},
    {"empty reply", CURL(CURLE_GOT_NOTHING), ATTEMPT_RETRY, "no-answer"},
    {"sending failed", CURL(CURLE_SEND_ERROR), ATTEMPT_RETRY, "connection-lost"},
    {"reset", CURL(CURLE_RECV_ERROR), ATTEMPT_RETRY, "connection-lost"},
    {"partial", CURL(CURLE_PARTIAL_FILE), ATTEMPT_RETRY, "partial"},
    {"HTTP/0.9", CURL(CURLE_UNSUPPORTED_PROTOCOL), ATTEMPT_REFUSED, "protocol"},
    {"URL", CURL(CURLE_URL_MALFORMAT), ATTEMPT_REFUSED, "url"},
    {"what nobody thought of", CURL(CURLE_OUT_OF_MEMORY), ATTEMPT_RETRY, "transfer"},
    {"blocked at the socket",
     {CURLE_COULDNT_CONNECT, 0, false, true, 0, false},
     ATTEMPT_BLOCKED,
     "address"},
    {"blocked before the request",
     {CURLE_ABORTED_BY_CALLBACK, 0, false, true, 0, false},
     ATTEMPT_BLOCKED,
     "address"},
    {"200 and too much of it",
     {CURLE_WRITE_ERROR, 200, true, false, 0, true},
     ATTEMPT_DELIVERED,
     "delivered"},
    {"200 and too much of it before the body was sent",
     {CURLE_WRITE_ERROR, 200, false, false, 0, true},
     ATTEMPT_RETRY,
     "response-too-large"},
    {"410 and a page that was cut",
     {CURLE_WRITE_ERROR, 410, true, false, 0, true},
     ATTEMPT_GONE,
     "gone"},
    {"400 and a page that was cut before the body was sent",
     {CURLE_WRITE_ERROR, 400, false, false, 0, true},
     ATTEMPT_REFUSED,
     "client-error"},
    {"503 and a page that was cut",
     {CURLE_WRITE_ERROR, 503, true, false, 0, true},
     ATTEMPT_RETRY,
     "server-error"},
    {"410 and a head that was cut",
     {CURLE_WRITE_ERROR, 410, true, false, 0, false},
     ATTEMPT_RETRY,
     "response-too-large"},
    {"200, then reset",
     {CURLE_RECV_ERROR, 200, true, false, 0, false},
     ATTEMPT_DELIVERED,
     "delivered"},
    {"200, then silence",
     {CURLE_OPERATION_TIMEDOUT, 200, true, false, 0, false},
     ATTEMPT_DELIVERED,
     "delivered"},
    {"200 before the body was sent",
     {CURLE_SEND_ERROR, 200, false, false, 0, false},
     ATTEMPT_RETRY,
     "connection-lost"},
    {"404, then reset",
     {CURLE_RECV_ERROR, 404, true, false, 0, false},
     ATTEMPT_RETRY,
     "connection-lost"},
};

static void https_row(void **state)
{
    const struct https_row *row = *state;
    struct attempt_result result = attempt_judge_https(&row->transfer);
    assert_string_equal(result.reason, row->reason);
    assert_int_equal(result.class, row->class);
}

static void https_keeps_status_and_retry_after(void **state)
{
    struct attempt_https transfer = {CURLE_OK, 503, true, false, 120000, false};
    (void)state;
    struct attempt_result result = attempt_judge_https(&transfer);
    assert_int_equal(result.code, 503);
    assert_int_equal(result.retry_after_ms, 120000);
    transfer.retry_after_ms = -1;
    assert_int_equal(attempt_judge_https(&transfer).retry_after_ms, 0);
}

/* ---- smtp results ---- */

struct smtp_row {
    const char *name;
    struct attempt_smtp transfer;
    enum attempt_class class;
    const char *reason;
};

static const struct smtp_row smtp_rows[] = {
    {"250", {CURLE_OK, 250, ATTEMPT_END}, ATTEMPT_DELIVERED, "delivered"},
    {"no relay", {CURLE_COULDNT_CONNECT, 0, ATTEMPT_CONNECT}, ATTEMPT_RELAY, "relay-connect"},
    {"greeting 421", {8, 421, ATTEMPT_GREETING}, ATTEMPT_RELAY, "relay-greeting"},
    {"greeting 554", {8, 554, ATTEMPT_GREETING}, ATTEMPT_RELAY, "relay-greeting"},
    {"EHLO 550", {9, 550, ATTEMPT_HELLO}, ATTEMPT_RELAY, "relay-hello"},
    {"no STARTTLS", {64, 250, ATTEMPT_STARTTLS}, ATTEMPT_RELAY, "relay-starttls"},
    {"STARTTLS 454", {64, 454, ATTEMPT_STARTTLS}, ATTEMPT_RELAY, "relay-starttls"},
    {"AUTH 535", {67, 535, ATTEMPT_AUTH}, ATTEMPT_RELAY, "relay-auth"},
    {"AUTH 454", {67, 454, ATTEMPT_AUTH}, ATTEMPT_RELAY, "relay-auth"},
    {"MAIL 451", {55, 451, ATTEMPT_MAIL}, ATTEMPT_RELAY, "relay-sender"},
    {"MAIL 550", {55, 550, ATTEMPT_MAIL}, ATTEMPT_RELAY, "relay-sender"},
    {"MAIL 552: this one is too big", {55, 552, ATTEMPT_MAIL}, ATTEMPT_REFUSED, "message-size"},
    {"RCPT 450", {55, 450, ATTEMPT_RCPT}, ATTEMPT_RETRY, "recipient"},
    {"RCPT 550", {55, 550, ATTEMPT_RCPT}, ATTEMPT_REFUSED, "recipient"},
    {"RCPT 421", {55, 421, ATTEMPT_RCPT}, ATTEMPT_RETRY, "recipient"},
    {"DATA 452", {55, 452, ATTEMPT_DATA}, ATTEMPT_RETRY, "data"},
    {"DATA 554", {55, 554, ATTEMPT_DATA}, ATTEMPT_REFUSED, "data"},
    {"dot 451", {8, 451, ATTEMPT_END}, ATTEMPT_RETRY, "message"},
    {"dot 554", {8, 554, ATTEMPT_END}, ATTEMPT_REFUSED, "message"},
    {"dropped after DATA", {56, 354, ATTEMPT_END}, ATTEMPT_RETRY, "connection-lost"},
    {"no reply to the dot", {28, 354, ATTEMPT_END}, ATTEMPT_RETRY, "connection-lost"},
    {"dropped after RCPT 250", {56, 250, ATTEMPT_RCPT}, ATTEMPT_RETRY, "connection-lost"},
    {"dropped at DATA", {56, 250, ATTEMPT_DATA}, ATTEMPT_RETRY, "connection-lost"},
    {"dropped at MAIL", {56, 250, ATTEMPT_MAIL}, ATTEMPT_RELAY, "relay-sender"},
};

static void smtp_row(void **state)
{
    const struct smtp_row *row = *state;
    struct attempt_result result = attempt_judge_smtp(&row->transfer);
    assert_string_equal(result.reason, row->reason);
    assert_int_equal(result.class, row->class);
    assert_int_equal(result.code, row->transfer.reply);
}

struct phase_row {
    const char *name; /* libcurl's message */
    int curl_code, reply;
    enum attempt_phase asked, phase;
};

static const struct phase_row phase_rows[] = {
    {"Failed to connect to 127.0.0.1 port 25", 7, 0, ATTEMPT_CONNECT, ATTEMPT_CONNECT},
    {"Got unexpected smtp-server response: 554", 8, 554, ATTEMPT_CONNECT, ATTEMPT_GREETING},
    {"Remote access denied: 550", 9, 550, ATTEMPT_HELLO, ATTEMPT_HELLO},
    {"STARTTLS not supported.", 64, 250, ATTEMPT_HELLO, ATTEMPT_STARTTLS},
    {"STARTTLS denied, code 454", 64, 454, ATTEMPT_STARTTLS, ATTEMPT_STARTTLS},
    {"SSL certificate problem: self-signed certificate", 60, 220, ATTEMPT_STARTTLS,
     ATTEMPT_STARTTLS},
    {"Login denied", 67, 535, ATTEMPT_AUTH, ATTEMPT_AUTH},
    {"MAIL failed: 451", 55, 451, ATTEMPT_MAIL, ATTEMPT_MAIL},
    {"RCPT failed: 550", 55, 550, ATTEMPT_RCPT, ATTEMPT_RCPT},
    {"RCPT failed: 550 (last error)", 55, 550, ATTEMPT_RCPT, ATTEMPT_RCPT},
    {"DATA failed: 452", 55, 452, ATTEMPT_DATA, ATTEMPT_DATA},
    {"", 8, 554, ATTEMPT_DATA, ATTEMPT_END},
    {"", 8, 220, ATTEMPT_STARTTLS, ATTEMPT_STARTTLS},
    {"", 8, 250, ATTEMPT_HELLO, ATTEMPT_HELLO},
    {"", 8, 250, ATTEMPT_RCPT, ATTEMPT_RCPT},
    {"Operation timed out after 900000 milliseconds", 28, 354, ATTEMPT_DATA, ATTEMPT_END},
    {"response reading failed (errno: 0)", 56, 354, ATTEMPT_DATA, ATTEMPT_END},
    {"response reading failed (errno: 104)", 56, 250, ATTEMPT_HELLO, ATTEMPT_HELLO},
    {"lost before the greeting", 56, 0, ATTEMPT_CONNECT, ATTEMPT_CONNECT},
    {"lost at EHLO", 56, 220, ATTEMPT_HELLO, ATTEMPT_HELLO},
    {"lost at STARTTLS", 56, 250, ATTEMPT_STARTTLS, ATTEMPT_STARTTLS},
    {"lost at AUTH", 56, 334, ATTEMPT_AUTH, ATTEMPT_AUTH},
    {"lost at MAIL", 56, 250, ATTEMPT_MAIL, ATTEMPT_MAIL},
    {"lost at MAIL over a kept connection", 56, 0, ATTEMPT_MAIL, ATTEMPT_MAIL},
    {"lost at RCPT", 56, 250, ATTEMPT_RCPT, ATTEMPT_RCPT},
    {"silent at RCPT", 28, 250, ATTEMPT_RCPT, ATTEMPT_RCPT},
    {"lost at DATA", 56, 250, ATTEMPT_DATA, ATTEMPT_DATA},
};

static void phase_row(void **state)
{
    const struct phase_row *row = *state;
    assert_int_equal(attempt_smtp_phase(row->curl_code, row->name, row->reply, row->asked),
                     row->phase);
}

/* ---- one decision ---- */

struct decision_row {
    const char *name;
    enum attempt_class class;
    int64_t retry_after_ms;
    int32_t attempts; /* before this one */
    int64_t age_ms;   /* since the first one */
    enum outcome_state state;
    int64_t delay_ms;
};

static const struct decision_row decision_rows[] = {
    {"delivered", ATTEMPT_DELIVERED, 0, 0, 0, OUTCOME_DELIVERED, 0},
    {"delivered at the last moment", ATTEMPT_DELIVERED, 0, 7, 23 * HOUR, OUTCOME_DELIVERED, 0},
    {"refused", ATTEMPT_REFUSED, 0, 0, 0, OUTCOME_REFUSED, 0},
    {"gone", ATTEMPT_GONE, 0, 0, 0, OUTCOME_REFUSED, 0},
    {"blocked", ATTEMPT_BLOCKED, 0, 0, 0, OUTCOME_BLOCKED, 0},
    {"first failure", ATTEMPT_RETRY, 0, 0, 0, OUTCOME_WAITING, MINUTE},
    {"second", ATTEMPT_RETRY, 0, 1, MINUTE, OUTCOME_WAITING, 5 * MINUTE},
    {"third", ATTEMPT_RETRY, 0, 2, 6 * MINUTE, OUTCOME_WAITING, 30 * MINUTE},
    {"fourth", ATTEMPT_RETRY, 0, 3, 36 * MINUTE, OUTCOME_WAITING, 2 * HOUR},
    {"fifth", ATTEMPT_RETRY, 0, 4, 3 * HOUR, OUTCOME_WAITING, 6 * HOUR},
    {"seventh", ATTEMPT_RETRY, 0, 6, 15 * HOUR, OUTCOME_WAITING, 6 * HOUR},
    {"eighth: the last", ATTEMPT_RETRY, 0, 7, 21 * HOUR, OUTCOME_EXPIRED, 0},
    {"a wait to the window's last moment", ATTEMPT_RETRY, 0, 4, 18 * HOUR, OUTCOME_WAITING,
     6 * HOUR},
    {"a wait beyond it", ATTEMPT_RETRY, 0, 4, 18 * HOUR + 1, OUTCOME_EXPIRED, 0},
    {"Retry-After 0", ATTEMPT_RETRY, 0, 0, 0, OUTCOME_WAITING, MINUTE},
    {"Retry-After 10 s", ATTEMPT_RETRY, 10000, 0, 0, OUTCOME_WAITING, MINUTE},
    {"Retry-After 1 m", ATTEMPT_RETRY, MINUTE, 0, 0, OUTCOME_WAITING, MINUTE},
    {"Retry-After 61 s", ATTEMPT_RETRY, 61000, 0, 0, OUTCOME_WAITING, 5 * MINUTE},
    {"Retry-After 31 m", ATTEMPT_RETRY, 31 * MINUTE, 0, 0, OUTCOME_WAITING, 2 * HOUR},
    {"Retry-After 6 h", ATTEMPT_RETRY, 6 * HOUR, 0, 0, OUTCOME_WAITING, 6 * HOUR},
    {"Retry-After 12 years", ATTEMPT_RETRY, INT64_C(382115709000), 0, 0, OUTCOME_WAITING, 6 * HOUR},
    {"Retry-After shortens nothing", ATTEMPT_RETRY, 10000, 3, 36 * MINUTE, OUTCOME_WAITING,
     2 * HOUR},
    {"Retry-After after the window", ATTEMPT_RETRY, HOUR * 5, 4, 19 * HOUR, OUTCOME_EXPIRED, 0},
    {"Retry-After adds no attempt", ATTEMPT_RETRY, MINUTE, 7, 8 * MINUTE, OUTCOME_EXPIRED, 0},
    {"404 once", ATTEMPT_SLOW, 0, 0, 0, OUTCOME_WAITING, 6 * HOUR},
    {"404 three times", ATTEMPT_SLOW, 0, 2, 12 * HOUR, OUTCOME_WAITING, 6 * HOUR},
    {"404 four times", ATTEMPT_SLOW, 0, 3, 18 * HOUR, OUTCOME_REFUSED, 0},
    {"404 after other failures", ATTEMPT_SLOW, 0, 5, 9 * HOUR, OUTCOME_REFUSED, 0},
    {"404 late", ATTEMPT_SLOW, 0, 1, 20 * HOUR, OUTCOME_EXPIRED, 0},
    {"handshake, first", ATTEMPT_HANDSHAKE, 0, 0, 0, OUTCOME_WAITING, MINUTE},
    {"handshake, second", ATTEMPT_HANDSHAKE, 0, 1, MINUTE, OUTCOME_WAITING, 5 * MINUTE},
    {"handshake, third", ATTEMPT_HANDSHAKE, 0, 2, 6 * MINUTE, OUTCOME_WAITING, 6 * HOUR},
};

static void decision_row(void **state)
{
    const struct decision_row *row = *state;
    struct attempt_policy policy = shipped_policy();
    const struct attempt_result result = {row->class, 0, "why", row->retry_after_ms};
    const struct attempt_past past = {row->attempts, row->attempts ? T0 : 0};
    struct attempt_next next = attempt_decide(&policy, &result, &past, T0 + row->age_ms);
    assert_int_equal(next.state, row->state);
    assert_int_equal(next.delay_ms, row->delay_ms);
    assert_int_equal(next.attempts, row->attempts + 1);
    assert_int_equal(next.first_attempt_ms, T0);
    assert_string_equal(next.reason, "why");
    assert_int_equal(next.suppress_ms, row->class == ATTEMPT_GONE ? INT64_C(7) * 24 * HOUR : 0);
    attempt_policy_free(&policy);
}

/* ---- a whole life ---- */

static void eight_attempts_fit_into_a_day(void **state)
{
    struct attempt_policy policy = shipped_policy();
    const struct attempt_result failure = {ATTEMPT_RETRY, 503, "server-error", 0};
    struct attempt_past past = {0};
    struct attempt_next next;
    int64_t now_ms = T0;
    (void)state;
    do {
        next = attempt_decide(&policy, &failure, &past, now_ms);
        past = (struct attempt_past){next.attempts, next.first_attempt_ms};
        now_ms += next.delay_ms + 10000; /* records come out of a delay topic a little late */
    } while (next.state == OUTCOME_WAITING);
    assert_int_equal(next.state, OUTCOME_EXPIRED);
    assert_int_equal(next.attempts, 8);
    assert_true(now_ms - T0 < 24 * HOUR);
    attempt_policy_free(&policy);
}

/* ---- without an attempt ---- */

struct park_row {
    const char *name;
    int64_t first_age_ms; /* -1: never attempted */
    int64_t wait_ms;
    enum outcome_state state;
    int64_t delay_ms;
};

static const struct park_row park_rows[] = {
    {"at once", -1, 0, OUTCOME_WAITING, MINUTE},
    {"rounded up", -1, 6 * MINUTE, OUTCOME_WAITING, 30 * MINUTE},
    {"else the longest", -1, 20 * HOUR, OUTCOME_WAITING, 6 * HOUR},
    {"the window runs", 23 * HOUR, 0, OUTCOME_WAITING, MINUTE},
    {"the window is over", 24 * HOUR, 0, OUTCOME_EXPIRED, 0},
};

static void park_row(void **state)
{
    const struct park_row *row = *state;
    struct attempt_policy policy = shipped_policy();
    const struct attempt_past past = {row->first_age_ms < 0 ? 0 : 3,
                                      row->first_age_ms < 0 ? 0 : T0 - row->first_age_ms};
    struct attempt_next next = attempt_park(&policy, &past, T0, row->wait_ms, "backlog");
    assert_int_equal(next.state, row->state);
    assert_int_equal(next.delay_ms, row->delay_ms);
    assert_int_equal(next.attempts, past.attempts);
    assert_int_equal(next.first_attempt_ms, past.first_attempt_ms ? past.first_attempt_ms : T0);
    assert_string_equal(next.reason, "backlog");
    attempt_policy_free(&policy);
}

struct unspent_row {
    const char *name;
    enum attempt_class class;
    int64_t age_ms;
    enum outcome_state state;
    int64_t delay_ms;
};

static const struct unspent_row unspent_rows[] = {
    {"the relay, at first", ATTEMPT_RELAY, 0, OUTCOME_WAITING, MINUTE},
    {"after a minute", ATTEMPT_RELAY, MINUTE, OUTCOME_WAITING, MINUTE},
    {"after two", ATTEMPT_RELAY, 2 * MINUTE, OUTCOME_WAITING, 5 * MINUTE},
    {"after seven", ATTEMPT_RELAY, 7 * MINUTE, OUTCOME_WAITING, 30 * MINUTE},
    {"after ten hours", ATTEMPT_RELAY, 10 * HOUR, OUTCOME_WAITING, 30 * MINUTE},
    {"to the end", ATTEMPT_RELAY, 24 * HOUR - 30 * MINUTE, OUTCOME_WAITING, 30 * MINUTE},
    {"and no further", ATTEMPT_RELAY, 24 * HOUR - 30 * MINUTE + 1, OUTCOME_EXPIRED, 0},
    {"a backlog, at first", ATTEMPT_BACKLOG, 0, OUTCOME_WAITING, MINUTE},
    {"a backlog after two minutes", ATTEMPT_BACKLOG, 2 * MINUTE, OUTCOME_WAITING, 5 * MINUTE},
    {"a backlog to the end", ATTEMPT_BACKLOG, 24 * HOUR - MINUTE, OUTCOME_EXPIRED, 0},
};

static void unspent_row(void **state)
{
    const struct unspent_row *row = *state;
    struct attempt_policy policy = shipped_policy();
    const struct attempt_result fault = {row->class, 0, "why", 0};
    const struct attempt_past past = {2, T0};
    struct attempt_next next = attempt_decide(&policy, &fault, &past, T0 + row->age_ms);
    assert_int_equal(next.state, row->state);
    assert_int_equal(next.delay_ms, row->delay_ms);
    assert_int_equal(next.attempts, 2); /* costs none */
    assert_string_equal(next.reason, "why");
    attempt_policy_free(&policy);
}

/* ---- other policies ---- */

static void delays_may_fall(void **state)
{
    struct attempt_policy policy = policy_of("10m 1m", HOUR);
    const struct attempt_result result = {ATTEMPT_RETRY, 0, "why", 0};
    const struct attempt_past past = {1, T0};
    (void)state;
    assert_int_equal(attempt_decide(&policy, &result, &past, T0).delay_ms, MINUTE);
    assert_int_equal(attempt_park(&policy, &past, T0, 2 * MINUTE, "").delay_ms, 10 * MINUTE);
    attempt_policy_free(&policy);
}

static void bad_delays_are_named(void **state)
{
    static const char *const bad[] = {"", "1m x", "0", "500ms", "25h", "5m 2d"};
    (void)state;
    for (size_t i = 0; i < NELEMS(bad); i++) {
        struct attempt_policy policy = {.window_ms = 7};
        struct text_list list = {0};
        struct error err = {0};
        text_list_split(&list, bad[i]);
        assert_int_equal(attempt_policy_init(&policy, &list, HOUR, &err), -1);
        assert_int_equal(err.kind, ERROR_CONFIG);
        assert_non_null(strstr(err.text, "retry.delays"));
        assert_int_equal(policy.window_ms, 7); /* untouched */
        text_list_free(&list);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(https_keeps_status_and_retry_after),
        cmocka_unit_test(eight_attempts_fit_into_a_day),
        cmocka_unit_test(delays_may_fall),
        cmocka_unit_test(bad_delays_are_named),
    };
    int failed = RUN_ROWS("attempt: https", https_row, https_rows);
    failed += RUN_ROWS("attempt: smtp", smtp_row, smtp_rows);
    failed += RUN_ROWS("attempt: smtp phases", phase_row, phase_rows);
    failed += RUN_ROWS("attempt: decisions", decision_row, decision_rows);
    failed += RUN_ROWS("attempt: parking", park_row, park_rows);
    failed += RUN_ROWS("attempt: costs none", unspent_row, unspent_rows);
    return failed + cmocka_run_group_tests_name("attempt", tests, NULL, NULL);
}
