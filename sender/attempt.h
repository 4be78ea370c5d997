/* attempt: what becomes of a delivery after one try: (result, attempts, times, configuration) ->
 * outcome or the next wait (RFC 8460 section 5.5). Pure: values in, values out. */
#ifndef SENDER_ATTEMPT_H
#define SENDER_ATTEMPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/text.h"
#include "common/wire/outcome.h"

#define ATTEMPT_SLOW_MAX    3 /* tries, failed by whatever, after which a slow failure is final */
#define ATTEMPT_SUPPRESS_MS (INT64_C(7) * 24 * 3600 * 1000) /* after 410 Gone */

/* ---- retry.delays and retry.window ---- */

struct attempt_policy {
    int64_t *delays_ms; /* owned; the wait after the first attempt, after the second, ... */
    size_t delay_count; /* at least one */
    int64_t window_ms;  /* from the first attempt (or the first time it was parked) */
};
/* delays: durations as text, each 1 s to 1 d. ERROR_CONFIG; policy is then untouched. */
int attempt_policy_init(struct attempt_policy *policy, const struct text_list *delays,
                        int64_t window_ms, struct error *err) MUST_USE;
void attempt_policy_free(struct attempt_policy *policy);

/* ---- one result, judged ---- */

enum attempt_class {
    ATTEMPT_DELIVERED,
    ATTEMPT_RETRY,     /* the next delay */
    ATTEMPT_HANDSHAKE, /* TLS: likewise, but the longest delay from the third try on, whatever the
                          first two failed by */
    ATTEMPT_SLOW,    /* perhaps a slip of the receiver's: the longest delay; after ATTEMPT_SLOW_MAX
                        tries, failed by whatever, refused */
    ATTEMPT_REFUSED, /* final */
    ATTEMPT_GONE, /* final, and the target is to be suppressed for ATTEMPT_SUPPRESS_MS: nobody does
                     yet */
    ATTEMPT_BLOCKED, /* our own rules forbid it: final */
    ATTEMPT_RELAY,   /* the relay's fault, neither report's nor target's: costs no attempt */
    ATTEMPT_HELD,    /* deliver.mode lets it out no more: final, costs no attempt */
    ATTEMPT_BACKLOG, /* its host is slower than its reports come: not tried, costs no attempt */
};
struct attempt_result {
    enum attempt_class class;
    int code;               /* HTTP or SMTP status for the outcome, 0 if there was none */
    const char *reason;     /* one or two words joined by a dash, for ever */
    int64_t retry_after_ms; /* what the server asked for; 0: nothing */
};

struct attempt_https {
    int curl_code;          /* CURLcode of the transfer */
    int status;             /* CURLINFO_RESPONSE_CODE, 0 if no final response was begun */
    bool uploaded;          /* the whole body was sent */
    bool blocked;           /* our gate refused the address */
    int64_t retry_after_ms; /* CURLINFO_RETRY_AFTER; 0 or less: none */
    bool page_cut;          /* we ended it: the response's body was too long to be read */
};
/* A 2xx status line after the whole body is a delivery, however badly the response goes on (cut
 * off, too long, too slow); CURLE_OK by itself says nothing. Any other status counts also before
 * a page that is too long. */
struct attempt_result attempt_judge_https(const struct attempt_https *transfer);

/* Where an SMTP transaction stopped. Up to MAIL it is the relay that fails, after it the message.
 */
enum attempt_phase {
    ATTEMPT_CONNECT,
    ATTEMPT_GREETING,
    ATTEMPT_HELLO,
    ATTEMPT_STARTTLS,
    ATTEMPT_AUTH,
    ATTEMPT_MAIL,
    ATTEMPT_RCPT,
    ATTEMPT_DATA,
    ATTEMPT_END, /* the reply to the final dot */
};
/* libcurl's code cannot tell; its message (CURLOPT_ERRORBUFFER) can, and else the phase of the
 * command that was asked last (ATTEMPT_CONNECT: none). message may be "". */
enum attempt_phase attempt_smtp_phase(int curl_code, const char *message, int reply,
                                      enum attempt_phase asked);

struct attempt_smtp {
    int curl_code;
    int reply; /* CURLINFO_RESPONSE_CODE: the last reply; after a drop that is the last good one */
    enum attempt_phase phase;
};
struct attempt_result attempt_judge_smtp(const struct attempt_smtp *transfer);

/* ---- what comes next ---- */

struct attempt_past { /* of a delivery, before this try */
    int32_t attempts;
    int64_t first_attempt_ms; /* 0: never attempted nor parked */
};
struct attempt_next {
    enum outcome_state state;
    const char *reason;
    int64_t delay_ms;         /* OUTCOME_WAITING: one of the policy's delays */
    int32_t attempts;         /* made by now */
    int64_t first_attempt_ms; /* never 0 */
    int64_t suppress_ms;      /* 0: do not suppress the target */
};

/* After a try that ended at now_ms. Retry-After never shortens the schedule; the wait is the least
 * delay at or above it, else the longest. A wait that would end outside the window, or after the
 * last delay: expired. */
struct attempt_next attempt_decide(const struct attempt_policy *policy,
                                   const struct attempt_result *result,
                                   const struct attempt_past *past, int64_t now_ms);

/* Without a try that counts: a relay's fault, or a backlog. Costs no attempt, but the window runs:
 * wait_ms rounded up to a delay, else the longest; expired if the window is over by then. */
struct attempt_next attempt_park(const struct attempt_policy *policy,
                                 const struct attempt_past *past, int64_t now_ms, int64_t wait_ms,
                                 const char *reason);

#endif
