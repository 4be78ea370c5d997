#include "sender/https.h"

#include <arpa/inet.h>
#include <ifaddrs.h>

#include "common/fetch.h"
#include "common/json.h"
#include "common/memory.h"
#include "common/time.h"
#include "common/wire/delivery.h"
#include "common/wire/outcome.h"
#include "sender/dns.h"
#include "sender/metrics.h"
#include "tests/support/capture.h"
#include "tests/support/fake_dns.h"
#include "tests/support/fake_https.h"
#include "tests/support/fake_worker.h"
#include "tests/support/unit.h"

#define TOPIC       "deliveries.https"
#define RECORDS_MAX 5
#define HEADERS_MAX 32

static const struct fake_dns_row names[] = {
    {FAKE_HTTPS_HOST, "A", FAKE_DNS_ANSWER, "127.0.0.1"},
    {"wrong.example", "A", FAKE_DNS_ANSWER, "127.0.0.1"},
    {"canary.example", "A", FAKE_DNS_ANSWER, FAKE_HTTPS_CANARY},
    {"silent.example", "*", FAKE_DNS_DROP, NULL},
    {"flaky.example", "A", FAKE_DNS_FLAKY, "127.0.0.1"},
    /* whom nobody may be led to by */
    {"inside.example.org", "A", FAKE_DNS_ANSWER, "127.0.0.1"},
    {"good-bad.example.org", "A", FAKE_DNS_ANSWER, "127.0.0.1 127.0.0.2"},
    {"bad-good.example.org", "A", FAKE_DNS_ANSWER, "127.0.0.2 127.0.0.1"},
    {"v4-v6.example.org", "A", FAKE_DNS_ANSWER, "127.0.0.1"},
    {"v4-v6.example.org", "AAAA", FAKE_DNS_ANSWER, "::1"},
    {"x.internal", "A", FAKE_DNS_ANSWER, "127.0.0.1"},
    {"kafka", "A", FAKE_DNS_ANSWER, "127.0.0.1"},
    {NULL, NULL, FAKE_DNS_ANSWER, NULL},
};

struct scene {
    struct fake_https *server;
    struct fake_dns *dns;
    struct config *config;
    const char *headers[RECORDS_MAX][HEADERS_MAX];
    size_t count;
    struct buffer requests;
};

static void option_set(const struct scene *scene, const char *key, const char *value)
{
    struct error err;
    char *assignment = mem_printf("%s=%s", key, value);
    assert_int_equal(config_set(scene->config, assignment, &err), 0);
    free(assignment);
}

/* Takes server. */
static struct scene scene_open(struct fake_https *server)
{
    struct scene scene = {.server = server, .dns = fake_dns_start(names)};
    scene.config = config_new(CONFIG_SENDER);
    option_set(&scene, "dns.servers", fake_dns_address(scene.dns));
    option_set(&scene, "https.ca_file", fake_https_ca_file(server));
    option_set(&scene, "egress.allow", "127.0.0.0/8");
    option_set(&scene, "retry.delays", "1m 5m");
    option_set(&scene, "deliver.mode", "live");
    return scene;
}

static void headers_free(const char *const *headers)
{
    for (; *headers; headers++)
        free((void *)(uintptr_t)*headers);
}

static void scene_close(struct scene *scene)
{
    for (size_t i = 0; i < scene->count; i++)
        headers_free(scene->headers[i]);
    buffer_free(&scene->requests);
    config_free(&scene->config);
    fake_dns_stop(&scene->dns);
    fake_https_stop(&scene->server);
}

static void header_add(void *context, const char *name, const char *text)
{
    const char **end = context;
    while (*end)
        end++;
    end[0] = mem_text(name);
    end[1] = mem_text(text);
}

static struct delivery delivery_to(const char *target)
{
    return (struct delivery){
        .target = target,
        .report_id = "2026-11-24.policy.example.0-7.0123abcd",
        .domain = "policy.example",
        .day = 20781,
        .created_ms = 1795600000000,
    };
}

static void delivery_add(struct scene *scene, const char *host, int port, const char *path)
{
    char *target = mem_printf("https://%s:%d%s", host, port, path);
    const struct delivery delivery = delivery_to(target);
    delivery_to_headers(&delivery, header_add, scene->headers[scene->count++]);
    free(target);
}

static void to_server(struct scene *scene, const char *host, const char *path)
{
    delivery_add(scene, host, fake_https_port(scene->server), path);
}

/* It takes connections and says nothing. */
static void to_canary(struct scene *scene)
{
    delivery_add(scene, "canary.example", fake_https_canary_port(scene->server), "/");
}

static void play(struct scene *scene, void (*script)(struct fake_worker *fake, void *context))
{
    fake_worker_run(https_run, scene->config, script, scene);
    scene_close(scene);
}

/* The partition and its records, the same ones each time. */
static void records_come(struct fake_worker *fake, const struct scene *scene)
{
    fake_worker_assign(fake, TOPIC, 0, 0);
    fake_worker_ready(fake, TOPIC, 0);
    for (size_t i = 0; i < scene->count; i++)
        fake_worker_record(fake, TOPIC, 0, (int64_t)i, "host", "payload", scene->headers[i]);
}

static size_t requests(struct scene *scene)
{
    fake_https_requests(scene->server, &scene->requests);
    size_t count = 0;
    const char *at = scene->requests.length > 0 ? scene->requests.bytes : "";
    for (; (at = strstr(at, "POST ")) != NULL; at++)
        count++;
    return count;
}

static void requests_wait(struct fake_worker *fake, struct scene *scene, size_t count)
{
    int64_t deadline_ms = time_monotonic_ms() + FAKE_WORKER_PATIENCE_MS;
    while (requests(scene) < count && time_monotonic_ms() < deadline_ms)
        fake_worker_turn(fake);
    assert_int_equal(requests(scene), count);
}

/* Until the canary is connected to, and the silent name is asked for. */
static void others_wait(struct fake_worker *fake, const struct scene *scene)
{
    bool begun = false;
    int64_t deadline_ms = time_monotonic_ms() + FAKE_WORKER_PATIENCE_MS;
    while (!begun && time_monotonic_ms() < deadline_ms) {
        fake_worker_turn(fake);
        begun = fake_https_canary_is_called(scene->server) &&
                fake_dns_asked(scene->dns, "silent.example") > 0;
    }
    assert_true(begun);
}

static void orphans_wait(struct fake_worker *fake, size_t count)
{
    int64_t deadline_ms = time_monotonic_ms() + FAKE_WORKER_PATIENCE_MS;
    while (fake_worker_orphans(fake) > count && time_monotonic_ms() < deadline_ms)
        fake_worker_turn(fake);
    assert_int_equal(fake_worker_orphans(fake), count);
}

static void assert_outcome(const struct message *message, enum outcome_state state,
                           const char *reason, int32_t attempts, bool verified)
{
    struct error err;
    struct outcome outcome = {0};
    struct json_object *json = json_parse_object(message->value, message->value_bytes, &err);
    assert_string_equal(message->topic, "outcomes");
    assert_int_equal(outcome_from_json(message->key, message->key_bytes, json, &outcome, &err), 0);
    assert_int_equal(outcome.state, state);
    assert_string_equal(outcome.reason, reason);
    assert_int_equal(outcome.attempts, attempts);
    assert_int_equal(outcome.tls_verified, verified);
    outcome_free(&outcome);
    json_object_put(json);
}

/* The first `count` records are finished; the first of them was delivered. */
static void assert_delivered(struct fake_worker *fake, int64_t count, bool verified)
{
    struct message_list messages;
    fake_worker_finish(fake, TOPIC, 0, count);
    fake_worker_commit(fake, &messages);
    assert_true(messages.count > 0);
    assert_outcome(messages.items[0], OUTCOME_DELIVERED, "delivered", 1, verified);
    message_list_free(&messages);
}

/* ---- partitions are given up ---- */

/* One that is uploaded, two that are connecting, one that waits for its turn behind them, one whose
 * name is asked for. */
static struct scene all_states_open(void)
{
    struct scene scene = scene_open(fake_https_start());
    to_server(&scene, FAKE_HTTPS_HOST, "/201-late");
    for (int i = 0; i < 3; i++)
        to_canary(&scene);
    to_server(&scene, "silent.example", "/201");
    return scene;
}

static void all_states_reach(struct fake_worker *fake, struct scene *scene)
{
    records_come(fake, scene);
    others_wait(fake, scene);
    requests_wait(fake, scene, 1);
}

static void leaves_what_is_not_uploaded(struct fake_worker *fake, void *context)
{
    struct scene *scene = context;
    struct message_list messages;
    all_states_reach(fake, scene);
    fake_worker_revoke(fake, TOPIC, 0, &messages);
    assert_int_equal(messages.count, 1);
    assert_outcome(messages.items[0], OUTCOME_DELIVERED, "delivered", 1, true);
    assert_int_equal(fake_worker_orphans(fake), 0);
    assert_int_equal(requests(scene), 1);
    message_list_free(&messages);
}

static void what_is_not_uploaded_is_left_to_the_next_owner(void **state)
{
    (void)state;
    struct scene scene = all_states_open();
    play(&scene, leaves_what_is_not_uploaded);
}

/* Lost, and kept on working: a drain for another partition gives back those of the lost one too.
 * Only the result is kept, for the case that it comes back. */
static void drains_for_another(struct fake_worker *fake, void *context)
{
    struct scene *scene = context;
    struct message_list messages;
    all_states_reach(fake, scene);
    fake_worker_lose(fake, TOPIC, 0);
    fake_worker_assign(fake, TOPIC, 1, 0);
    fake_worker_ready(fake, TOPIC, 1);
    fake_worker_revoke(fake, TOPIC, 1, &messages);
    assert_int_equal(messages.count, 0);
    assert_int_equal(fake_worker_orphans(fake), 1);
    records_come(fake, scene);
    assert_delivered(fake, 1, true);
    assert_int_equal(requests(scene), 1);
}

static void what_is_lost_is_given_back_in_the_next_drain(void **state)
{
    (void)state;
    struct scene scene = all_states_open();
    play(&scene, drains_for_another);
}

static void loses_two_requests(struct fake_worker *fake, void *context)
{
    struct scene *scene = context;
    records_come(fake, scene);
    requests_wait(fake, scene, 2);
    fake_worker_lose(fake, TOPIC, 0);
    orphans_wait(fake, 2); /* the results of these two */
    assert_int_equal(requests(scene), 2);
}

/* No drain comes before a loss. One waits for its turn, and would need no look-up; another for its
 * look-up. */
static void what_is_lost_is_not_begun(void **state)
{
    (void)state;
    struct scene scene = scene_open(fake_https_start());
    option_set(&scene, "https.verify", "off");
    for (int i = 0; i < 3; i++)
        to_server(&scene, "127.0.0.1", "/201-late");
    to_server(&scene, "flaky.example", "/201");
    play(&scene, loses_two_requests);
}

static void loses_before_the_certificate(struct fake_worker *fake, void *context)
{
    struct scene *scene = context;
    records_come(fake, scene);
    fake_worker_turn(fake); /* it connects; the handshake takes another turn at least */
    fake_worker_lose(fake, TOPIC, 0);
    orphans_wait(fake, 0);
    assert_int_equal(requests(scene), 0);
}

/* The certificate names no address. The first try sent nothing, so the second one is the next
 * owner's. */
static void what_is_lost_is_not_tried_again_unverified(void **state)
{
    (void)state;
    struct scene scene = scene_open(fake_https_start());
    option_set(&scene, "https.verify", "fallback");
    to_server(&scene, "127.0.0.1", "/201");
    play(&scene, loses_before_the_certificate);
}

static void comes_back(struct fake_worker *fake, void *context)
{
    const struct scene *scene = context;
    records_come(fake, scene);
    fake_worker_turn(fake);
    assert_false(fake_worker_drain_once(fake));
    fake_worker_lose(fake, TOPIC, 0);
    records_come(fake, scene);
    assert_delivered(fake, 1, false);
}

/* The record is not handed out a second time: nobody but this transfer can finish it. */
static void what_was_asked_for_goes_on_when_its_partition_comes_back(void **state)
{
    (void)state;
    struct scene scene = scene_open(fake_https_start());
    option_set(&scene, "https.verify", "off");
    to_server(&scene, "flaky.example", "/201");
    play(&scene, comes_back);
}

/* ---- deliver.mode ---- */

static void holds(struct fake_worker *fake, void *context)
{
    struct scene *scene = context;
    struct message_list messages;
    records_come(fake, scene);
    fake_worker_finish(fake, TOPIC, 0, 1);
    fake_worker_commit(fake, &messages);
    assert_int_equal(messages.count, 1);
    assert_outcome(messages.items[0], OUTCOME_HELD, "hold", 0, false);
    assert_int_equal(requests(scene), 0);
    message_list_free(&messages);
}

/* It was routed under another mode: what is not for now is recorded, not sent. */
static void what_the_mode_holds_is_not_sent(void **state)
{
    (void)state;
    struct scene scene = scene_open(fake_https_start());
    option_set(&scene, "deliver.mode", "hold");
    to_server(&scene, FAKE_HTTPS_HOST, "/201");
    play(&scene, holds);
}

/* ---- turns ---- */

static void parks_the_fifth(struct fake_worker *fake, void *context)
{
    struct message_list messages;
    records_come(fake, context);
    fake_worker_finish(fake, TOPIC, 0, 5);
    fake_worker_commit(fake, &messages);
    assert_int_equal(messages.count, 10); /* of each an outcome and the delivery itself */
    assert_outcome(messages.items[0], OUTCOME_WAITING, "timeout", 1, false);
    assert_outcome(messages.items[2], OUTCOME_WAITING, "timeout", 1, false);
    assert_outcome(messages.items[8], OUTCOME_WAITING, "backlog", 0, false);
    assert_string_equal(messages.items[9]->topic, "delay.1m");
    message_list_free(&messages);
}

/* Two take a transfer's whole time, then two more: when these begin, the fifth has waited for it.
 */
static void a_backlog_is_parked(void **state)
{
    (void)state;
    struct scene scene = scene_open(fake_https_start());
    option_set(&scene, "https.timeout", "1s");
    for (int i = 0; i < 5; i++)
        to_canary(&scene);
    play(&scene, parks_the_fifth);
}

#define A_WHILE_MS 500

static void one_at_a_time(struct fake_worker *fake, void *context)
{
    struct scene *scene = context;
    struct message_list messages;
    records_come(fake, scene);
    while (!fake_https_canary_is_called(scene->server))
        fake_worker_turn(fake);
    for (int64_t end_ms = time_monotonic_ms() + A_WHILE_MS; time_monotonic_ms() < end_ms;)
        fake_worker_turn(fake);
    assert_int_equal(requests(scene), 0);
    fake_worker_revoke(fake, TOPIC, 0, &messages);
    assert_int_equal(messages.count, 0);
    message_list_free(&messages);
}

/* The canary keeps the only place. */
static void concurrency_is_obeyed(void **state)
{
    (void)state;
    struct scene scene = scene_open(fake_https_start());
    option_set(&scene, "https.concurrency", "1");
    to_canary(&scene);
    to_server(&scene, FAKE_HTTPS_HOST, "/201");
    play(&scene, one_at_a_time);
}

/* ---- literals ---- */

static void reaches_it(struct fake_worker *fake, void *context)
{
    struct scene *scene = context;
    records_come(fake, scene);
    assert_delivered(fake, 1, false);
    assert_int_equal(requests(scene), 1);
}

static void an_ipv6_literal_is_reached(void **state)
{
    (void)state;
    if (!fake_https_has_ipv6())
        skip();
    struct scene scene = scene_open(fake_https_start());
    option_set(&scene, "egress.allow", "::1/128");
    to_server(&scene, "[::1]", "/201");
    play(&scene, reaches_it);
}

/* ---- this host ---- */

#define OWN "11.0.0.1"

/* In place of the system's: an interface with a public address. */
int getifaddrs(struct ifaddrs **found)
{
    static struct sockaddr_in address = {.sin_family = AF_INET};
    static struct ifaddrs interface = {.ifa_addr = (struct sockaddr *)&address};
    inet_pton(AF_INET, OWN, &address.sin_addr);
    *found = &interface;
    return 0;
}

void freeifaddrs(struct ifaddrs *found)
{
    (void)found;
}

static void is_blocked(struct fake_worker *fake, void *context)
{
    struct message_list messages;
    records_come(fake, context);
    fake_worker_finish(fake, TOPIC, 0, 1);
    fake_worker_commit(fake, &messages);
    assert_int_equal(messages.count, 1);
    assert_outcome(messages.items[0], OUTCOME_BLOCKED, "own-address", 1, false);
    message_list_free(&messages);
}

static void no_report_goes_to_this_host(void **state)
{
    (void)state;
    struct scene scene = scene_open(fake_https_start());
    option_set(&scene, "https.timeout", "1s");
    delivery_add(&scene, OWN, 8443, "/");
    play(&scene, is_blocked);
}

/* ---- TLS of the outside world (RFC 8460 sections 3 and 7) ---- */

enum peer { GOOD, WRONG_NAME, STRANGER, EXPIRED, OLD, MUTE };

static const struct tls_row {
    const char *name;
    enum peer peer;
    const char *verify;
    const char *reason; /* delivered, or of the wait */
    bool verified;
} tls_rows[] = {
    {"a good certificate, strict", GOOD, "strict", "delivered", true},
    {"a good certificate, fallback", GOOD, "fallback", "delivered", true},
    {"a good certificate, off", GOOD, "off", "delivered", false},
    {"another name, strict", WRONG_NAME, "strict", "certificate", false},
    {"another name, fallback", WRONG_NAME, "fallback", "delivered", false},
    {"another name, off", WRONG_NAME, "off", "delivered", false},
    {"an unknown authority, strict", STRANGER, "strict", "certificate", false},
    {"an unknown authority, fallback", STRANGER, "fallback", "delivered", false},
    {"an unknown authority, off", STRANGER, "off", "delivered", false},
    {"expired, strict", EXPIRED, "strict", "certificate", false},
    {"expired, fallback", EXPIRED, "fallback", "delivered", false},
    {"expired, off", EXPIRED, "off", "delivered", false},
    {"TLS 1.1, strict", OLD, "strict", "tls-handshake", false},
    {"TLS 1.1, fallback", OLD, "fallback", "tls-handshake", false},
    {"TLS 1.1, off", OLD, "off", "tls-handshake", false},
    {"no handshake, strict", MUTE, "strict", "timeout", false},
    {"no handshake, fallback", MUTE, "fallback", "timeout", false},
    {"no handshake, off", MUTE, "off", "timeout", false},
};

static struct scene peer_open(enum peer peer)
{
    struct scene scene = scene_open(peer == EXPIRED ? fake_https_start_expired()
                                    : peer == OLD   ? fake_https_start_old()
                                                    : fake_https_start());
    if (peer == STRANGER)
        option_set(&scene, "https.ca_file", fake_https_other_ca_file(scene.server));
    if (peer == MUTE) {
        option_set(&scene, "https.timeout", "1s");
        to_canary(&scene);
    } else {
        to_server(&scene, peer == WRONG_NAME ? "wrong.example" : FAKE_HTTPS_HOST, "/201");
    }
    return scene;
}

struct meeting {
    struct scene scene;
    const struct tls_row *row;
};

/* What is not delivered was not sent either: a peer that is not trusted sees no request. */
static void meets(struct fake_worker *fake, void *context)
{
    struct meeting *meeting = context;
    const struct tls_row *row = meeting->row;
    bool delivered = strcmp(row->reason, "delivered") == 0;
    struct message_list messages;
    records_come(fake, &meeting->scene);
    fake_worker_finish(fake, TOPIC, 0, 1);
    fake_worker_commit(fake, &messages);
    assert_outcome(messages.items[0], delivered ? OUTCOME_DELIVERED : OUTCOME_WAITING, row->reason,
                   1, row->verified);
    assert_int_equal(requests(&meeting->scene), delivered ? 1 : 0);
    message_list_free(&messages);
}

static void tls_row(void **state)
{
    const struct tls_row *row = *state;
    struct meeting meeting = {peer_open(row->peer), row};
    option_set(&meeting.scene, "https.verify", row->verify);
    fake_worker_run(https_run, meeting.scene.config, meets, &meeting);
    scene_close(&meeting.scene);
}

/* ---- what may not be connected to ---- */

static const struct blocked_row {
    const char *name, *host, *allow, *deny;
    bool listed; /* the port is one of https.ports */
    const char *rule;
    bool asked; /* DNS is */
} blocked_rows[] = {
    {"a name of this machine", "inside.example.org", "", "", true, "loopback", true},
    {"allowed, but not on this port", "inside.example.org", "127.0.0.1/32:1", "", true, "loopback",
     true},
    {"allowed, and denied", "inside.example.org", "127.0.0.1/32", "127.0.0.0/8", true,
     "egress.deny", true},
    {"the second address is bad", "good-bad.example.org", "127.0.0.1/32", "", true, "loopback",
     true},
    {"the first address is bad", "bad-good.example.org", "127.0.0.1/32", "", true, "loopback",
     true},
    {"the other family is bad", "v4-v6.example.org", "127.0.0.1/32", "", true, "not-global", true},
    {"a literal of this machine", "127.0.0.1", "", "", true, "loopback", false},
    {"a cloud's metadata", "169.254.169.254", "", "", true, "link-local", false},
    {"an IPv6 literal", "[::1]", "", "", true, "not-global", false},
    {"a mapped literal", "[::ffff:127.0.0.1]", "", "", true, "loopback", false},
    {"another port: nothing is asked for", "inside.example.org", "", "", false, "port", false},
    {"another port of a literal", "127.0.0.1", "", "", false, "port", false},
    {"an inner name is not asked for", "x.internal", "", "", true, "name", false},
    {"nor is a single label", "kafka", "", "", true, "name", false},
    {"unless egress.allow might mean it", "x.internal", "127.0.0.2/32", "", true, "loopback", true},
};

struct visit {
    struct scene scene;
    const struct blocked_row *row;
};

/* One outcome and nothing else: it does not wait for another try. */
static void is_blocked_by_rule(struct fake_worker *fake, void *context)
{
    struct visit *visit = context;
    const struct blocked_row *row = visit->row;
    struct message_list messages;
    records_come(fake, &visit->scene);
    fake_worker_finish(fake, TOPIC, 0, 1);
    fake_worker_commit(fake, &messages);
    assert_int_equal(messages.count, 1);
    assert_outcome(messages.items[0], OUTCOME_BLOCKED, row->rule, 1, false);
    assert_int_equal(fake_dns_asked(visit->scene.dns, row->host) > 0, row->asked);
    assert_false(fake_https_canary_sang(visit->scene.server));
    message_list_free(&messages);
}

/* The canary listens on every address that these lead to. */
static void blocked_row(void **state)
{
    struct visit visit = {scene_open(fake_https_start()), *state};
    struct scene *scene = &visit.scene;
    int port = fake_https_canary_port(scene->server);
    char *ports = mem_printf("%d", port);
    option_set(scene, "egress.allow", visit.row->allow);
    option_set(scene, "egress.deny", visit.row->deny);
    option_set(scene, "https.timeout", "1s"); /* of who would connect to it */
    if (visit.row->listed)
        option_set(scene, "https.ports", ports);
    delivery_add(scene, visit.row->host, port, "/");
    fake_worker_run(https_run, scene->config, is_blocked_by_rule, &visit);
    free(ports);
    scene_close(scene);
}

/* ---- a record that is no delivery by https ---- */

#define NO_URI "its target is no https URI"

static const struct unreadable_row {
    const char *name, *target, *via, *value, *log;
} unreadable_rows[] = {
    {"a mailbox", "mailto:tls@target.example", NULL, "payload", NO_URI},
    {"redirected to a mailbox", "https://target.example/", "mailto:me@op.example", "payload",
     NO_URI},
    {"not encrypted", "http://target.example/", NULL, "payload", NO_URI},
    {"not normalised", "https://TARGET.example/", NULL, "payload", NO_URI},
    {"with a user", "https://a@target.example/", NULL, "payload", NO_URI},
    {"no payload", "https://target.example/", NULL, NULL, "a delivery without a payload"},
};

struct mishap {
    const struct unreadable_row *row;
    const char *headers[HEADERS_MAX];
};

static void is_unreadable(struct fake_worker *fake, void *context)
{
    const struct mishap *mishap = context;
    struct message_list messages;
    fake_worker_assign(fake, TOPIC, 0, 0);
    fake_worker_ready(fake, TOPIC, 0);
    fake_worker_record(fake, TOPIC, 0, 0, "host", mishap->row->value, mishap->headers);
    fake_worker_finish(fake, TOPIC, 0, 1);
    fake_worker_commit(fake, &messages);
    assert_int_equal(messages.count, 1);
    const struct message *reject = messages.items[0];
    assert_string_equal(reject->topic, "rejected");
    assert_string_equal(reject->headers[0].text, "https");
    assert_string_equal(reject->headers[1].text, "unreadable");
    assert_string_equal(reject->headers[2].text, TOPIC "/0/0");
    message_list_free(&messages);
}

static void unreadable_row(void **state)
{
    int saved;
    char log[4096];
    struct mishap mishap = {.row = *state};
    struct delivery delivery = delivery_to(mishap.row->target);
    struct scene scene = scene_open(fake_https_start());
    delivery.via = mishap.row->via;
    delivery_to_headers(&delivery, header_add, mishap.headers);
    int file = capture_begin(&saved);
    fake_worker_run(https_run, scene.config, is_unreadable, &mishap);
    capture_end(file, saved, log, sizeof(log));
    assert_non_null(strstr(log, "warn delivery rejected job=https"));
    assert_non_null(strstr(log, mishap.row->log));
    assert_int_equal(fake_dns_asked(scene.dns, "target.example"), 0);
    headers_free(mishap.headers);
    scene_close(&scene);
}

int main(void)
{
    struct error err;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_uploaded_is_left_to_the_next_owner),
        cmocka_unit_test(what_is_lost_is_given_back_in_the_next_drain),
        cmocka_unit_test(what_is_lost_is_not_begun),
        cmocka_unit_test(what_was_asked_for_goes_on_when_its_partition_comes_back),
        cmocka_unit_test(what_the_mode_holds_is_not_sent),
        cmocka_unit_test(what_is_lost_is_not_tried_again_unverified),
        cmocka_unit_test(a_backlog_is_parked),
        cmocka_unit_test(concurrency_is_obeyed),
        cmocka_unit_test(an_ipv6_literal_is_reached),
        cmocka_unit_test(no_report_goes_to_this_host),
    };
    if (fetch_init(&err) < 0)
        return 1;
    dns_init();
    metrics_register(sender_metrics);
    int failed = RUN_ROWS("https: TLS", tls_row, tls_rows);
    failed += RUN_ROWS("https: blocked", blocked_row, blocked_rows);
    failed += RUN_ROWS("https: unreadable", unreadable_row, unreadable_rows);
    return failed + cmocka_run_group_tests_name("https", tests, NULL, NULL);
}
