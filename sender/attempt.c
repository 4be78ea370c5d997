#include "sender/attempt.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "common/backoff.h"
#include "common/memory.h"
#include "common/time.h"

#define DELAY_MIN_MS      INT64_C(1000)
#define DELAY_MAX_MS      TIME_DAY_MS
#define RELAY_WAIT_MAX_MS (INT64_C(30) * 60 * 1000)

/* ---- retry.delays and retry.window ---- */

int attempt_policy_init(struct attempt_policy *policy, const struct text_list *delays,
                        int64_t window_ms, struct error *err)
{
    if (delays->count == 0)
        return error_set(err, ERROR_CONFIG, "retry.delays: at least one is needed");
    int64_t *read = mem_alloc(delays->count * sizeof(*read));
    for (size_t i = 0; i < delays->count; i++) {
        int result = time_duration_parse(delays->items[i], &read[i], err);
        if (result == 0 && (read[i] < DELAY_MIN_MS || read[i] > DELAY_MAX_MS))
            result = error_set(err, ERROR_CONFIG, "%s is not between 1s and 1d", delays->items[i]);
        if (result == 0)
            continue;
        free(read);
        return error_wrap(err, "retry.delays");
    }
    *policy = (struct attempt_policy){read, delays->count, window_ms};
    return 0;
}

void attempt_policy_free(struct attempt_policy *policy)
{
    free(policy->delays_ms);
    *policy = (struct attempt_policy){0};
}

/* ---- https ---- */

struct status_row {
    int first, last;
    enum attempt_class class;
    const char *reason;
};

/* The first row that holds the status counts. */
static const struct status_row http_rows[] = {
    {200, 299, ATTEMPT_DELIVERED, "delivered"},
    {300, 399, ATTEMPT_SLOW, "redirect"}, /* never followed: 301 and 302 would lose the body */
    {401, 401, ATTEMPT_SLOW, "unauthorized"},
    {403, 403, ATTEMPT_SLOW, "forbidden"},
    {404, 404, ATTEMPT_SLOW, "not-found"},
    {405, 405, ATTEMPT_SLOW, "method-not-allowed"},
    {408, 408, ATTEMPT_RETRY, "request-timeout"},
    {410, 410, ATTEMPT_GONE, "gone"},
    {425, 425, ATTEMPT_RETRY, "too-early"},
    {429, 429, ATTEMPT_RETRY, "too-many-requests"},
    {400, 499, ATTEMPT_REFUSED, "client-error"},
    {501, 501, ATTEMPT_REFUSED, "not-implemented"},
    {505, 505, ATTEMPT_REFUSED, "http-version"},
    {500, 599, ATTEMPT_RETRY, "server-error"},
};

struct curl_row {
    int code;
    enum attempt_class class;
    const char *reason;
};

/* What is not here is retried: an error nobody thought of must not cost a report. */
static const struct curl_row curl_rows[] = {
    {CURLE_UNSUPPORTED_PROTOCOL, ATTEMPT_REFUSED, "protocol"}, /* also HTTP/0.9 */
    {CURLE_URL_MALFORMAT, ATTEMPT_REFUSED, "url"},
    {CURLE_COULDNT_RESOLVE_HOST, ATTEMPT_RETRY, "resolve"},
    {CURLE_COULDNT_CONNECT, ATTEMPT_RETRY, "connect"},
    {CURLE_PARTIAL_FILE, ATTEMPT_RETRY, "partial"},
    {CURLE_WRITE_ERROR, ATTEMPT_RETRY, "response-too-large"},
    {CURLE_OPERATION_TIMEDOUT, ATTEMPT_RETRY, "timeout"},
    {CURLE_SSL_CONNECT_ERROR, ATTEMPT_HANDSHAKE, "tls-handshake"},
    {CURLE_GOT_NOTHING, ATTEMPT_RETRY, "no-answer"},
    {CURLE_SEND_ERROR, ATTEMPT_RETRY, "connection-lost"},
    {CURLE_RECV_ERROR, ATTEMPT_RETRY, "connection-lost"},
    {CURLE_PEER_FAILED_VERIFICATION, ATTEMPT_HANDSHAKE, "certificate"},
};

static struct attempt_result judge_curl(int curl_code)
{
    for (size_t i = 0; i < NELEMS(curl_rows); i++)
        if (curl_rows[i].code == curl_code)
            return (struct attempt_result){.class = curl_rows[i].class,
                                           .reason = curl_rows[i].reason};
    return (struct attempt_result){.class = ATTEMPT_RETRY, .reason = "transfer"};
}

static struct attempt_result judge_status(int status)
{
    for (size_t i = 0; i < NELEMS(http_rows); i++)
        if (status >= http_rows[i].first && status <= http_rows[i].last)
            return (struct attempt_result){.class = http_rows[i].class,
                                           .reason = http_rows[i].reason};
    return (struct attempt_result){.class = ATTEMPT_RETRY, .reason = "no-status"};
}

struct attempt_result attempt_judge_https(const struct attempt_https *transfer)
{
    bool success = transfer->status >= 200 && transfer->status <= 299;
    if (transfer->blocked)
        return (struct attempt_result){.class = ATTEMPT_BLOCKED, .reason = "address"};
    bool by_status = transfer->curl_code == CURLE_OK || (success && transfer->uploaded) ||
                     (!success && transfer->page_cut);
    struct attempt_result result =
        by_status ? judge_status(transfer->status) : judge_curl(transfer->curl_code);
    result.code = transfer->status;
    result.retry_after_ms = transfer->retry_after_ms > 0 ? transfer->retry_after_ms : 0;
    return result;
}

/* ---- smtp ---- */

enum attempt_phase attempt_smtp_phase(int curl_code, const char *message, int reply,
                                      enum attempt_phase asked)
{
    static const struct {
        const char *begin;
        enum attempt_phase phase;
    } rows[] = {
        {"Got unexpected smtp-server response", ATTEMPT_GREETING},
        {"Remote access denied", ATTEMPT_HELLO},
        {"STARTTLS", ATTEMPT_STARTTLS},
        {"MAIL failed", ATTEMPT_MAIL},
        {"RCPT failed", ATTEMPT_RCPT},
        {"DATA failed", ATTEMPT_DATA},
    };
    for (size_t i = 0; i < NELEMS(rows); i++)
        if (strncmp(message, rows[i].begin, strlen(rows[i].begin)) == 0)
            return rows[i].phase;
    if (curl_code == CURLE_LOGIN_DENIED)
        return ATTEMPT_AUTH;
    if (curl_code == CURLE_USE_SSL_FAILED || curl_code == CURLE_SSL_CONNECT_ERROR ||
        curl_code == CURLE_PEER_FAILED_VERIFICATION)
        return ATTEMPT_STARTTLS;
    /* No message comes with a bad reply to the final dot, nor with bytes behind the answer to
     * STARTTLS or an answer that is none; and 354 is the last reply before the dot. */
    if ((curl_code == CURLE_WEIRD_SERVER_REPLY && asked == ATTEMPT_DATA) || reply == 354)
        return ATTEMPT_END;
    return asked;
}

static const char *const phase_reasons[] = {
    [ATTEMPT_CONNECT] = "relay-connect", [ATTEMPT_GREETING] = "relay-greeting",
    [ATTEMPT_HELLO] = "relay-hello",     [ATTEMPT_STARTTLS] = "relay-starttls",
    [ATTEMPT_AUTH] = "relay-auth",       [ATTEMPT_MAIL] = "relay-sender",
    [ATTEMPT_RCPT] = "recipient",        [ATTEMPT_DATA] = "data",
    [ATTEMPT_END] = "message",
};

#define REPLY_TOO_BIG 552 /* to MAIL with SIZE= (RFC 1870 section 6): this message's fault */

struct attempt_result attempt_judge_smtp(const struct attempt_smtp *transfer)
{
    struct attempt_result result = {
        .class = ATTEMPT_RETRY, .code = transfer->reply, .reason = phase_reasons[transfer->phase]};
    bool final = transfer->reply >= 500 && transfer->reply <= 599;
    if (transfer->curl_code == CURLE_OK)
        return (struct attempt_result){ATTEMPT_DELIVERED, transfer->reply, "delivered", 0};
    if (transfer->phase == ATTEMPT_MAIL && transfer->reply == REPLY_TOO_BIG)
        return (struct attempt_result){ATTEMPT_REFUSED, transfer->reply, "message-size", 0};
    if (transfer->phase <= ATTEMPT_MAIL)
        result.class = ATTEMPT_RELAY;
    else if (final)
        result.class = ATTEMPT_REFUSED;
    else if (transfer->reply < 400) /* lost after a good reply: the message may have arrived */
        result.reason = "connection-lost";
    return result;
}

/* ---- what comes next ---- */

/* The least delay at or above wait_ms, else the longest. */
static int64_t delay_at_or_above(const struct attempt_policy *policy, int64_t wait_ms)
{
    int64_t best = -1, longest = 0;
    for (size_t i = 0; i < policy->delay_count; i++) {
        int64_t delay = policy->delays_ms[i];
        if (delay >= wait_ms && (best < 0 || delay < best))
            best = delay;
        if (delay > longest)
            longest = delay;
    }
    return best < 0 ? longest : best;
}

static struct attempt_next ended(struct attempt_next next, enum outcome_state state)
{
    next.state = state;
    next.delay_ms = 0;
    return next;
}

/* Waits for delay_ms unless the window is over by then. */
static struct attempt_next waiting(const struct attempt_policy *policy, struct attempt_next next,
                                   int64_t now_ms, int64_t delay_ms)
{
    if (now_ms + delay_ms > next.first_attempt_ms + policy->window_ms)
        return ended(next, OUTCOME_EXPIRED);
    next.state = OUTCOME_WAITING;
    next.delay_ms = delay_ms;
    return next;
}

static struct attempt_next begun(const struct attempt_past *past, int64_t now_ms,
                                 const char *reason)
{
    return (struct attempt_next){
        .reason = reason,
        .attempts = past->attempts,
        .first_attempt_ms = past->first_attempt_ms != 0 ? past->first_attempt_ms : now_ms,
    };
}

struct attempt_next attempt_park(const struct attempt_policy *policy,
                                 const struct attempt_past *past, int64_t now_ms, int64_t wait_ms,
                                 const char *reason)
{
    return waiting(policy, begun(past, now_ms, reason), now_ms, delay_at_or_above(policy, wait_ms));
}

/* How a class goes on. longest_from: from that attempt on it waits for the longest delay;
 * refused_from: that attempt is the last one; 0: never. Attempts are counted whatever the earlier
 * ones failed by: a delivery remembers their number and not their kinds. */
struct class_row {
    enum outcome_state state; /* WAITING: by the schedule */
    int32_t longest_from;
    int32_t refused_from;
    int64_t suppress_ms;
};
static const struct class_row class_rows[] = {
    [ATTEMPT_DELIVERED] = {OUTCOME_DELIVERED, 0, 0, 0},
    [ATTEMPT_RETRY] = {OUTCOME_WAITING, 0, 0, 0},
    [ATTEMPT_HANDSHAKE] = {OUTCOME_WAITING, 3, 0, 0},
    [ATTEMPT_SLOW] = {OUTCOME_WAITING, 1, ATTEMPT_SLOW_MAX + 1, 0},
    [ATTEMPT_REFUSED] = {OUTCOME_REFUSED, 0, 0, 0},
    [ATTEMPT_GONE] = {OUTCOME_REFUSED, 0, 0, ATTEMPT_SUPPRESS_MS},
    [ATTEMPT_BLOCKED] = {OUTCOME_BLOCKED, 0, 0, 0},
};

static bool is_from(int32_t attempts, int32_t from)
{
    return from != 0 && attempts >= from;
}

static bool costs_no_attempt(enum attempt_class class)
{
    return class == ATTEMPT_RELAY || class == ATTEMPT_BACKLOG;
}

/* The relay is tried again after the time it has failed for, which doubles by itself, and at least
 * every half hour; so is a host that was behind for that time. */
static struct attempt_next parked_next(const struct attempt_policy *policy,
                                       const struct attempt_result *result,
                                       const struct attempt_past *past, int64_t now_ms)
{
    int64_t age_ms = past->first_attempt_ms != 0 ? now_ms - past->first_attempt_ms : 0;
    int64_t wait_ms = backoff_delay_ms(age_ms, delay_at_or_above(policy, 0), RELAY_WAIT_MAX_MS);
    return attempt_park(policy, past, now_ms, wait_ms, result->reason);
}

struct attempt_next attempt_decide(const struct attempt_policy *policy,
                                   const struct attempt_result *result,
                                   const struct attempt_past *past, int64_t now_ms)
{
    if (result->class == ATTEMPT_HELD)
        return ended(begun(past, now_ms, result->reason), OUTCOME_HELD);
    if (costs_no_attempt(result->class))
        return parked_next(policy, result, past, now_ms);
    const struct class_row *row = &class_rows[result->class];
    struct attempt_next next = begun(past, now_ms, result->reason);
    next.attempts++;
    next.suppress_ms = row->suppress_ms;
    if (row->state != OUTCOME_WAITING)
        return ended(next, row->state);
    if (is_from(next.attempts, row->refused_from))
        return ended(next, OUTCOME_REFUSED);
    if ((size_t)next.attempts > policy->delay_count)
        return ended(next, OUTCOME_EXPIRED);
    int64_t wait_ms = policy->delays_ms[next.attempts - 1];
    if (is_from(next.attempts, row->longest_from))
        wait_ms = delay_at_or_above(policy, INT64_MAX);
    if (result->retry_after_ms > wait_ms)
        wait_ms = result->retry_after_ms;
    return waiting(policy, next, now_ms, delay_at_or_above(policy, wait_ms));
}
