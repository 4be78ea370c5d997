#include "aggregator/aggregate.h"

#include <json-c/json.h>

#include "aggregator/metrics.h"
#include "common/json.h"
#include "common/memory.h"
#include "common/time.h"
#include "common/wire/reject.h"
#include "common/wire/tally.h"
#include "tests/support/fake_worker.h"
#include "tests/support/unit.h"

/* The job between a broker that is played (tests/support/fake_worker) and its outputs. One domain,
 * one day, due an hour after it: the rules are tested in test_fold, test_due and test_render. */
#define DOMAIN "example.org"
#define KEY    "2024-01-01/" DOMAIN
#define EARLY  "1704150000000" /* 2024-01-01T23:00:00Z */
#define LATE   "1704164400000" /* 2024-01-02T03:00:00Z */

#define SESSIONS(n)                                                                                \
    "{\"v\":1,\"type\":\"session\",\"day\":\"2024-01-01\",\"sessions\":" #n                        \
    ",\"policy-type\":\"no-policy-found\",\"policy-string\":[],\"mx-host\":[],"                    \
    "\"result-type\":\"success\"}"
#define WATERMARK(source, t)                                                                       \
    "{\"v\":1,\"type\":\"watermark\",\"source\":" #source ",\"of\":2,\"t\":" t "}"

static void play(void (*script)(struct fake_worker *fake, void *context))
{
    struct error err;
    struct config *config = config_new(CONFIG_AGGREGATOR);
    static const char *const settings[] = {
        "report.organization_name=A",
        "report.contact_info=tls@sender.example",
        "report.grace=1h",
        "report.spread=0s",
        "kafka.bootstrap.servers=x",
    };
    for (size_t i = 0; i < NELEMS(settings); i++)
        assert_int_equal(config_set(config, settings[i], &err), 0);
    assert_int_equal(config_finish(config, &err), 0);
    fake_worker_run(aggregate_run, config, script, NULL);
    config_free(&config);
}

static void take(struct fake_worker *fake, int32_t partition, int64_t committed)
{
    fake_worker_assign(fake, "events", partition, committed);
    fake_worker_ready(fake, "events", partition);
}

static void sessions(struct fake_worker *fake, int32_t partition, int64_t offset)
{
    fake_worker_record(fake, "events", partition, offset, DOMAIN, SESSIONS(5), NULL);
}

/* Both sources say the same; two records. */
static void watermark(struct fake_worker *fake, int32_t partition, int64_t offset, bool late)
{
    const char *first = late ? WATERMARK(0, LATE) : WATERMARK(0, EARLY);
    const char *second = late ? WATERMARK(1, LATE) : WATERMARK(1, EARLY);
    fake_worker_record(fake, "events", partition, offset, NULL, first, NULL);
    fake_worker_record(fake, "events", partition, offset + 1, NULL, second, NULL);
}

static size_t count_of(const struct message_list *messages, const char *topic)
{
    size_t count = 0;
    for (size_t i = 0; i < messages->count; i++)
        count += strcmp(messages->items[i]->topic, topic) == 0;
    return count;
}

/* The last of that topic and, if one is named, of that key. */
static const struct message *last_of(const struct message_list *messages, const char *topic,
                                     const char *key)
{
    for (size_t i = messages->count; i > 0; i--) {
        const struct message *message = messages->items[i - 1];
        if (strcmp(message->topic, topic) == 0 && (!key || strcmp(message->key, key) == 0))
            return message;
    }
    fail_msg("no %s %s among %zu messages", topic, key ? key : "", messages->count);
    return NULL;
}

static const char *header_of(const struct message *message, const char *name)
{
    for (size_t i = 0; i < message->header_count; i++)
        if (strcmp(message->headers[i].name, name) == 0)
            return message->headers[i].text;
    return NULL;
}

static void report_expect(const struct message_list *messages, const char *sessions)
{
    assert_int_equal(count_of(messages, "reports"), 1);
    const struct message *report = last_of(messages, "reports", DOMAIN);
    assert_string_equal(header_of(report, "sessions"), sessions);
    assert_null(last_of(messages, "state", KEY)->value); /* its tombstone, in the same commit */
}

static void tally_waits_for_its_slot(struct fake_worker *fake, void *context)
{
    (void)context;
    struct message_list messages;
    take(fake, 0, 0);
    sessions(fake, 0, 0);
    watermark(fake, 0, 1, false);
    fake_worker_commit(fake, &messages);
    assert_int_equal(count_of(&messages, "reports"), 0);
    assert_non_null(last_of(&messages, "state", KEY)->value);
    assert_int_equal(last_of(&messages, "state", KEY)->partition, 0);
    assert_int_equal(fake_worker_committed(fake, "events", 0), 3);
    message_list_free(&messages);
    watermark(fake, 0, 3, true);
    fake_worker_commit(fake, &messages);
    report_expect(&messages, "5");
    message_list_free(&messages);
    fake_worker_commit(fake, &messages);
    assert_int_equal(messages.count, 0); /* once */
}

static void test_tally_waits_for_its_slot(void **state)
{
    (void)state;
    play(tally_waits_for_its_slot);
}

#define NIGHT 3000

/* More than one transaction takes: the rest follows in the next ones. */
static void a_night_goes_out(struct fake_worker *fake, void *context)
{
    static char domains[NIGHT][24];
    (void)context;
    struct message_list messages;
    take(fake, 0, 0);
    for (int i = 0; i < NIGHT; i++) {
        snprintf(domains[i], sizeof(domains[i]), "d%d.example", i);
        fake_worker_record(fake, "events", 0, i, domains[i], SESSIONS(1), NULL);
    }
    watermark(fake, 0, NIGHT, true);
    assert_in_range(fake_worker_commit(fake, &messages), 2, 9);
    assert_int_equal(count_of(&messages, "reports"), NIGHT);
    assert_int_equal(fake_worker_committed(fake, "events", 0), NIGHT + 2);
    message_list_free(&messages);
}

static void test_a_night_goes_out(void **state)
{
    (void)state;
    play(a_night_goes_out);
}

#define LARGE       40
#define LARGE_BYTES ((size_t)1000 * 500) /* of each, at least */

/* A failure whose reason is as long as reasons are. */
static char *large_event(int number)
{
    struct buffer reason = {0};
    for (int i = 0; i < 500; i++)
        buffer_text(&reason, "r");
    char *text =
        mem_printf("{\"v\":1,\"type\":\"session\",\"day\":\"2024-01-01\",\"sessions\":1,"
                   "\"policy-type\":\"no-policy-found\",\"policy-string\":[],\"mx-host\":[],"
                   "\"result-type\":\"validation-failure\",\"failure-reason-code\":\"%d %s\"}",
                   number, reason.bytes);
    buffer_free(&reason);
    return text;
}

/* However large the reports, no more wait in memory than a transaction or two take. */
static void a_night_of_large_reports(struct fake_worker *fake, void *context)
{
    static char domains[LARGE][24];
    (void)context;
    struct message_list messages;
    int64_t offset = 0;
    take(fake, 0, 0);
    for (int i = 0; i < LARGE; i++) {
        snprintf(domains[i], sizeof(domains[i]), "d%d.example", i);
        for (int k = 0; k < 1000; k++) {
            char *event = large_event(k);
            fake_worker_record(fake, "events", 0, offset++, domains[i], event, NULL);
            free(event);
        }
        if (i % 10 == 9) { /* as the job asks for: its snapshots are bounded, too */
            fake_worker_commit(fake, &messages);
            message_list_free(&messages);
        }
    }
    watermark(fake, 0, offset, true);
    fake_worker_commit(fake, &messages);
    assert_int_equal(count_of(&messages, "reports"), LARGE);
    assert_true(messages.bytes > LARGE * LARGE_BYTES);
    assert_true(fake_worker_most_bytes(fake) < 2 * WORKER_BYTES_MAX);
    message_list_free(&messages);
}

static void test_a_night_of_large_reports(void **state)
{
    (void)state;
    play(a_night_of_large_reports);
}

/* What one owner commits is what the next begins with. */
static void state_goes_over_to_the_next_owner(struct fake_worker *fake, void *context)
{
    (void)context;
    struct message_list first, second;
    take(fake, 1, 0);
    sessions(fake, 1, 0);
    watermark(fake, 1, 1, false);
    fake_worker_commit(fake, &first);
    sessions(fake, 1, 3); /* not committed: the next owner reads it again */
    fake_worker_lose(fake, "events", 1);

    fake_worker_assign(fake, "events", 1, 3);
    for (size_t i = 0; i < first.count; i++)
        fake_worker_restore(fake, 1, first.items[i]->key, first.items[i]->value);
    fake_worker_ready(fake, "events", 1);
    sessions(fake, 1, 3);
    watermark(fake, 1, 4, true);
    fake_worker_commit(fake, &second);
    report_expect(&second, "10");
    message_list_free(&first);
    message_list_free(&second);
}

static void test_state_goes_over_to_the_next_owner(void **state)
{
    (void)state;
    play(state_goes_over_to_the_next_owner);
}

/* A commit for one partition while another's state is still being read. What was read may be an
 * old snapshot, of which a later record says that its report went out: it would go out again. */
static void nothing_goes_out_of_half_a_state(struct fake_worker *fake, void *context)
{
    (void)context;
    struct message_list first, second;
    take(fake, 0, 0);
    sessions(fake, 0, 0);
    watermark(fake, 0, 1, false);
    fake_worker_commit(fake, &first);
    const struct message *snapshot = last_of(&first, "state", KEY);

    fake_worker_assign(fake, "events", 1, 9);
    fake_worker_restore(fake, 1, "watermarks", "{\"v\":1,\"sources\":[" LATE "," LATE "]}");
    fake_worker_restore(fake, 1, KEY, snapshot->value);
    fake_worker_commit(fake, &second);
    assert_int_equal(count_of(&second, "reports"), 0);
    message_list_free(&second);

    fake_worker_ready(fake, "events", 1);
    fake_worker_commit(fake, &second);
    assert_int_equal(count_of(&second, "reports"), 0); /* a supplement: the next slot is its own */
    message_list_free(&first);
    message_list_free(&second);
}

static void test_nothing_goes_out_of_half_a_state(void **state)
{
    (void)state;
    play(nothing_goes_out_of_half_a_state);
}

/* The t of the first source in the last watermarks stored. */
static int64_t first_source_ms(const struct message_list *messages)
{
    struct error err;
    const struct message *message = last_of(messages, "state", "watermarks");
    struct json_object *json = json_parse_object(message->value, message->value_bytes, &err);
    struct watermarks stored = {0};
    assert_int_equal(watermarks_from_json(json, &stored, &err), 0);
    int64_t t_ms = stored.t_ms[0];
    watermarks_free(&stored);
    json_object_put(json);
    return t_ms;
}

#define FAR "95617584000000" /* 5000-01-01T00:00:00Z */

/* Stored as it came it would hold for whoever comes next that nothing is missing until then. */
static void clock_far_ahead_is_not_stored(struct fake_worker *fake, void *context)
{
    (void)context;
    struct message_list messages;
    take(fake, 0, 0);
    fake_worker_record(fake, "events", 0, 0, NULL, WATERMARK(0, FAR), NULL);
    fake_worker_commit(fake, &messages);
    assert_in_range(first_source_ms(&messages), 1704150000000, time_now_ms());
    message_list_free(&messages);
}

static void test_clock_far_ahead_is_not_stored(void **state)
{
    (void)state;
    play(clock_far_ahead_is_not_stored);
}

static void stored_far_ahead_is_stored_anew(struct fake_worker *fake, void *context)
{
    (void)context;
    struct message_list messages;
    fake_worker_assign(fake, "events", 0, 0);
    fake_worker_restore(fake, 0, "watermarks", "{\"v\":1,\"sources\":[" FAR "," LATE "]}");
    fake_worker_ready(fake, "events", 0);
    fake_worker_commit(fake, &messages);
    assert_in_range(first_source_ms(&messages), 1704150000000, time_now_ms());
    message_list_free(&messages);
}

static void test_stored_far_ahead_is_stored_anew(void **state)
{
    (void)state;
    play(stored_far_ahead_is_stored_anew);
}

static void tombstone_ends_a_tally(struct fake_worker *fake, void *context)
{
    (void)context;
    struct message_list first, second;
    take(fake, 0, 0);
    sessions(fake, 0, 0);
    watermark(fake, 0, 1, false);
    fake_worker_commit(fake, &first);
    fake_worker_assign(fake, "events", 2, 0);
    fake_worker_restore(fake, 2, KEY, last_of(&first, "state", KEY)->value);
    fake_worker_restore(fake, 2, KEY, NULL);
    fake_worker_ready(fake, "events", 2);
    watermark(fake, 2, 0, true);
    fake_worker_commit(fake, &second);
    assert_int_equal(count_of(&second, "reports"), 0);
    message_list_free(&first);
    message_list_free(&second);
}

static void test_tombstone_ends_a_tally(void **state)
{
    (void)state;
    play(tombstone_ends_a_tally);
}

/* Its reject stands in the same commit as the offset that passes it; its neighbours are counted. */
static void bad_record_is_set_aside(struct fake_worker *fake, void *context)
{
    (void)context;
    struct message_list messages;
    take(fake, 0, 0);
    sessions(fake, 0, 0);
    fake_worker_record(fake, "events", 0, 1, DOMAIN, "{", NULL);
    fake_worker_record(fake, "events", 0, 2, DOMAIN, NULL, NULL);
    fake_worker_record(fake, "events", 0, 3, "not a domain", SESSIONS(1), NULL);
    sessions(fake, 0, 4);
    watermark(fake, 0, 5, true);
    fake_worker_commit(fake, &messages);
    report_expect(&messages, "10");
    assert_int_equal(count_of(&messages, "rejected"), 3);
    const struct message *reject = last_of(&messages, "rejected", NULL);
    assert_string_equal(header_of(reject, "reason"), "bad-domain");
    assert_string_equal(header_of(reject, "stage"), "aggregate");
    assert_string_equal(header_of(reject, "origin"), "events/0/3");
    assert_int_equal(fake_worker_committed(fake, "events", 0), 7);
    message_list_free(&messages);
}

static void test_bad_record_is_set_aside(void **state)
{
    (void)state;
    play(bad_record_is_set_aside);
}

/* As large as a record may be: beside a value it would fit into none. */
static void key_of_a_stranger_is_cut(struct fake_worker *fake, void *context)
{
    static char key[8000001];
    (void)context;
    struct message_list messages;
    memset(key, 'x', sizeof(key) - 1);
    take(fake, 0, 0);
    fake_worker_record(fake, "events", 0, 0, key, SESSIONS(1), NULL);
    fake_worker_commit(fake, &messages);
    assert_int_equal(last_of(&messages, "rejected", NULL)->key_bytes, REJECT_KEY_MAX);
    message_list_free(&messages);
}

static void test_key_of_a_stranger_is_cut(void **state)
{
    (void)state;
    play(key_of_a_stranger_is_cut);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tally_waits_for_its_slot),
        cmocka_unit_test(test_a_night_goes_out),
        cmocka_unit_test(test_a_night_of_large_reports),
        cmocka_unit_test(test_state_goes_over_to_the_next_owner),
        cmocka_unit_test(test_nothing_goes_out_of_half_a_state),
        cmocka_unit_test(test_clock_far_ahead_is_not_stored),
        cmocka_unit_test(test_stored_far_ahead_is_stored_anew),
        cmocka_unit_test(test_tombstone_ends_a_tally),
        cmocka_unit_test(test_bad_record_is_set_aside),
        cmocka_unit_test(test_key_of_a_stranger_is_cut),
    };
    metrics_register(aggregator_metrics);
    return cmocka_run_group_tests_name("aggregate", tests, NULL, NULL);
}
