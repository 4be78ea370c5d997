#include "sender/https.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/kafka/worker.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/metrics.h"
#include "common/time.h"
#include "common/wire/delivery.h"
#include "sender/admit.h"
#include "sender/dns.h"
#include "sender/mode.h"
#include "sender/own.h"
#include "sender/post.h"
#include "sender/settle.h"
#include "sender/targets.h"

#define COMMIT_MS 200
#define IDLE_MS   1000
#define BUSY_MS   200 /* libcurl's own timers wake its poll earlier */

enum verify { VERIFY_STRICT, VERIFY_FALLBACK, VERIFY_OFF };

struct https {
    const struct config *config;
    struct dns *dns;
    CURLM *multi;
    struct admit *admit;
    struct admit_rules rules;
    struct mode_rules mode;
    struct attempt_policy policy;
    enum verify verify;
    struct transfer *transfers;
    size_t asking; /* transfers that wait for DNS */
    bool draining;
};

/* One delivery, from its admission to its outcome. */
struct transfer {
    struct https *https;
    struct record *record;
    struct delivery delivery; /* borrowed from record */
    struct target target;     /* where it goes: delivery.via, or else its target */
    struct address addresses[DNS_ADDRESSES_MAX];
    struct post_request request;
    struct post *post; /* under way */
    int64_t since_ms;  /* monotonic: waits for its turn */
    bool running;      /* admitted */
    struct transfer *prev, *next;
};

static void transfer_free(struct transfer *transfer)
{
    struct https *https = transfer->https;
    if (transfer->post)
        curl_multi_remove_handle(https->multi, post_handle(transfer->post));
    post_close(&transfer->post);
    if (transfer->running)
        admit_done(https->admit, transfer->target.host);
    else
        admit_remove(https->admit, transfer->target.host, transfer);
    DL_DELETE(https->transfers, transfer);
    free(transfer);
}

/* ---- the end of a try ---- */

static void transfer_log(const struct transfer *transfer, const struct attempt_result *result,
                         const struct attempt_next *next)
{
    log_info("https delivery", log_text("state", outcome_state_name(next->state)),
             log_text("host", transfer->target.host), log_text("reason", next->reason),
             log_number("code", result->code), log_number("attempt", next->attempts),
             log_text("report", transfer->delivery.report_id));
}

static void transfer_settle(struct transfer *transfer, const struct attempt_result *result,
                            bool tls_verified)
{
    struct message_list outputs = {0};
    int64_t now_ms = time_now_ms();
    const struct attempt_past past = {transfer->delivery.attempt,
                                      transfer->delivery.first_attempt_ms};
    struct attempt_next next = attempt_decide(&transfer->https->policy, result, &past, now_ms);
    settle_attempt(transfer->record, &transfer->delivery, result, &next, "deliveries.https",
                   tls_verified, now_ms, &outputs);
    settle_output(transfer->record, &outputs);
    metrics_add("tlsrpt_attempts_total", 1, "https", outcome_state_name(next.state), NULL);
    transfer_log(transfer, result, &next);
    record_finish(transfer->record);
    transfer_free(transfer);
}

static void settle_without_transfer(struct transfer *transfer, enum attempt_class class,
                                    const char *reason)
{
    const struct attempt_result result = {.class = class, .reason = reason};
    transfer_settle(transfer, &result, false);
}

/* ---- a try ---- */

static void post_start(struct transfer *transfer, bool verify)
{
    size_t payload_bytes;
    const struct delivery *delivery = &transfer->delivery;
    const void *payload = record_value(transfer->record, &payload_bytes);
    transfer->request.url = delivery->via ? delivery->via : delivery->target;
    transfer->request.host = transfer->target.host;
    transfer->request.port = transfer->target.port;
    transfer->request.addresses = transfer->addresses;
    transfer->request.payload = payload;
    transfer->request.payload_bytes = payload_bytes;
    transfer->request.report_id = delivery->report_id;
    transfer->request.ca_file = config_text(transfer->https->config, "https.ca_file");
    transfer->request.timeout_ms = config_duration_ms(transfer->https->config, "https.timeout");
    transfer->request.verify = verify;
    transfer->post = post_open(&transfer->request, transfer);
    if (curl_multi_add_handle(transfer->https->multi, post_handle(transfer->post)) != CURLM_OK)
        log_panic("libcurl takes no transfer: its record would never end");
}

/* Every address is known: judge them all, then connect to nothing else. */
static void addresses_judge(struct transfer *transfer, size_t count)
{
    struct egress_verdict verdict =
        admit_judge(&transfer->https->rules, &transfer->target, transfer->addresses, count);
    if (!verdict.allowed) {
        settle_without_transfer(transfer, ATTEMPT_BLOCKED, verdict.rule);
        return;
    }
    transfer->request.address_count = count;
    post_start(transfer, transfer->https->verify != VERIFY_OFF);
}

/* Its partition went while DNS was asked: nothing was sent, so the next owner does it. */
static bool is_given_up(struct transfer *transfer)
{
    if (!record_is_lost(transfer->record) && !transfer->https->draining)
        return false;
    record_abandon(transfer->record);
    transfer_free(transfer);
    return true;
}

static void on_addresses(void *context, enum dns_status status, const struct address *addresses,
                         size_t count)
{
    struct transfer *transfer = context;
    transfer->https->asking--;
    if (!transfer->record) { /* the loop has ended */
        transfer_free(transfer);
        return;
    }
    if (is_given_up(transfer))
        return;
    if (status != DNS_FOUND) {
        settle_without_transfer(transfer, ATTEMPT_RETRY, status == DNS_NONE ? "no-address" : "dns");
        return;
    }
    memcpy(transfer->addresses, addresses, count * sizeof(*addresses));
    addresses_judge(transfer, count);
}

static void transfer_start(struct transfer *transfer)
{
    const char *rule;
    transfer->running = true;
    if (!admit_may_resolve(&transfer->https->rules, &transfer->target, &rule)) {
        settle_without_transfer(transfer, ATTEMPT_BLOCKED, rule);
        return;
    }
    if (!transfer->target.literal) {
        transfer->https->asking++;
        dns_addresses(transfer->https->dns, transfer->target.host, on_addresses, transfer);
        return;
    }
    if (!address_parse(transfer->target.host, strlen(transfer->target.host),
                       &transfer->addresses[0]))
        log_panic("https: %s is no address", transfer->target.host);
    addresses_judge(transfer, 1);
}

/* A record whose partition is lost is somebody else's: what has not begun is not begun. */
static void transfers_start(struct https *https)
{
    struct transfer *transfer;
    while (!https->draining && (transfer = admit_next(https->admit)) != NULL) {
        transfer->running = true;
        if (record_is_lost(transfer->record)) {
            record_abandon(transfer->record);
            transfer_free(transfer);
        } else {
            transfer_start(transfer);
        }
    }
}

/* A host that is slower than its reports come must not hold up its neighbours in the partition:
 * what has waited as long as one transfer may last is parked. That costs no attempt, and the next
 * wait is longer. */
static void backlog_park(struct https *https)
{
    struct transfer *transfer, *following;
    int64_t patience_ms = config_duration_ms(https->config, "https.timeout");
    int64_t since_ms = time_monotonic_ms() - patience_ms;
    DL_FOREACH_SAFE(https->transfers, transfer, following)
    {
        if (!transfer->running && transfer->since_ms <= since_ms)
            settle_without_transfer(transfer, ATTEMPT_BACKLOG, "backlog");
    }
}

/* Certificate errors come before the request is sent: a second try without verification cannot
 * deliver twice (RFC 8460 sections 3 and 7 prefer a report over a perfect certificate). */
static bool wants_fallback(const struct transfer *transfer, CURLcode code)
{
    return code == CURLE_PEER_FAILED_VERIFICATION && transfer->request.verify &&
           transfer->https->verify == VERIFY_FALLBACK;
}

static void transfer_end(struct transfer *transfer, CURLcode code)
{
    struct attempt_https facts = post_result(transfer->post, code);
    bool verified = post_is_verified(transfer->post);
    curl_multi_remove_handle(transfer->https->multi, post_handle(transfer->post));
    post_close(&transfer->post);
    if (wants_fallback(transfer, code)) {
        if (!is_given_up(transfer))
            post_start(transfer, false);
        return;
    }
    struct attempt_result result = attempt_judge_https(&facts);
    transfer_settle(transfer, &result, verified);
}

static void transfers_work(struct https *https)
{
    int running, left;
    CURLMsg *message;
    dns_work(https->dns);
    curl_multi_perform(https->multi, &running);
    while ((message = curl_multi_info_read(https->multi, &left)) != NULL) {
        char *transfer = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
        transfer_end((struct transfer *)(void *)transfer, code);
    }
}

/* ---- the loop's calls ---- */

static int transfer_read(struct transfer *transfer, struct error *err)
{
    struct delivery *delivery = &transfer->delivery;
    if (settle_read(transfer->record, delivery, err) < 0)
        return -1;
    if (!target_read(delivery->via ? delivery->via : delivery->target, &transfer->target) ||
        transfer->target.mail)
        return error_set(err, ERROR_REJECT, "its target is no https URI");
    return 0;
}

static void record_reject(struct record *record, const struct error *err)
{
    log_warn("delivery rejected", log_text("job", "https"), log_text("error", err->text));
    record_output(record, settle_reject(record, "https", "unreadable"));
    metrics_add("tlsrpt_rejected_total", 1, "https", "unreadable", NULL);
    record_finish(record);
}

static int on_record(void *context, struct record *record, struct error *err)
{
    struct https *https = context;
    struct transfer *transfer = mem_alloc(sizeof(*transfer));
    transfer->https = https;
    transfer->record = record;
    if (transfer_read(transfer, err) < 0) {
        record_reject(record, err);
        free(transfer);
        return 0;
    }
    transfer->since_ms = time_monotonic_ms();
    DL_APPEND(https->transfers, transfer);
    admit_add(https->admit, transfer->target.host, transfer);
    if (!mode_allows(&https->mode, &transfer->delivery))
        settle_without_transfer(transfer, ATTEMPT_HELD, "hold");
    return 0;
}

static void on_assigned(void *context, const char *topic, int32_t partition)
{
    (void)topic;
    (void)partition;
    struct https *https = context;
    https->draining = false;
}

static int64_t on_tick(void *context, int64_t now_ms)
{
    (void)now_ms;
    struct https *https = context;
    transfers_start(https);
    transfers_work(https);
    transfers_start(https);
    backlog_park(https);
    metrics_set("tlsrpt_transfers", (int64_t)admit_running(https->admit), "https", NULL);
    if (https->asking > 0)
        return dns_timeout_ms(https->dns, BUSY_MS);
    return admit_running(https->admit) > 0 ? BUSY_MS : IDLE_MS;
}

static void on_wait(void *context, int wake_fd, int64_t timeout_ms)
{
    const struct https *https = context;
    struct curl_waitfd fds[] = {{wake_fd, CURL_WAIT_POLLIN, 0},
                                {dns_fd(https->dns), CURL_WAIT_POLLIN, 0}};
    curl_multi_poll(https->multi, fds, NELEMS(fds), (int)timeout_ms, NULL);
}

/* What has not sent its last byte was not delivered: the next owner may do it. */
static void unsent_abandon(struct https *https)
{
    struct transfer *transfer, *following;
    DL_FOREACH_SAFE(https->transfers, transfer, following)
    {
        bool asking = transfer->running && !transfer->post;
        if (asking || (transfer->post && post_is_uploaded(transfer->post)))
            continue; /* a look-up ends by itself within seconds */
        record_abandon(transfer->record);
        transfer_free(transfer);
    }
}

static bool on_drain(void *context, int64_t deadline_ms)
{
    (void)deadline_ms;
    struct https *https = context;
    https->draining = true;
    transfers_work(https);
    unsent_abandon(https);
    return !https->transfers;
}

/* ---- start and end ---- */

static enum verify verify_of(const struct config *config)
{
    const char *verify = config_text(config, "https.verify");
    return strcmp(verify, "strict") == 0 ? VERIFY_STRICT
           : strcmp(verify, "off") == 0  ? VERIFY_OFF
                                         : VERIFY_FALLBACK;
}

static int https_init(struct https *https, const struct config *config, struct error *err)
{
    https->config = config;
    https->verify = verify_of(config);
    https->multi = curl_multi_init();
    https->admit = admit_new((size_t)config_integer(config, "https.concurrency"));
    if (admit_rules_init(&https->rules, config_list(config, "https.ports"),
                         config_list(config, "egress.allow"), config_list(config, "egress.deny"),
                         err) < 0 ||
        mode_rules_init(&https->mode, config, err) < 0 ||
        own_addresses_deny(&https->rules.egress, err) < 0 ||
        attempt_policy_init(&https->policy, config_list(config, "retry.delays"),
                            config_duration_ms(config, "retry.window"), err) < 0)
        return -1;
    https->dns = dns_new(config_list(config, "dns.servers"), err);
    return https->dns ? 0 : -1;
}

static void https_free(struct https *https)
{
    struct transfer *transfer, *following;
    DL_FOREACH_SAFE(https->transfers, transfer, following)
    {
        transfer->record = NULL; /* they went with the loop */
        if (!(transfer->running && !transfer->post))
            transfer_free(transfer);
    }
    dns_free(&https->dns); /* ends the look-ups, and so the transfers that wait for them */
    admit_free(&https->admit);
    admit_rules_free(&https->rules);
    mode_rules_free(&https->mode);
    attempt_policy_free(&https->policy);
    curl_multi_cleanup(https->multi);
}

int https_run(const struct config *config, struct error *err)
{
    static const char *const inputs[] = {"deliveries.https", NULL};
    struct text_list outputs = {0};
    struct https https = {0};
    int result = settle_output_topics(config, &outputs, err);
    const struct worker_spec spec = {
        .job = "https",
        .topics = inputs,
        .outputs = (const char *const *)outputs.items,
        .commit_ms = COMMIT_MS,
        .context = &https,
        .assigned = on_assigned,
        .record = on_record,
        .tick = on_tick,
        .wait = on_wait,
        .drain = on_drain,
    };
    if (result == 0)
        result = https_init(&https, config, err);
    if (result == 0)
        result = worker_run(config, &spec, err);
    https_free(&https);
    text_list_free(&outputs);
    return result;
}
