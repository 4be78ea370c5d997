#include "sender/delay.h"

#include "common/memory.h"
#include "common/metrics.h"
#include "sender/metrics.h"
#include "tests/support/fake_worker.h"
#include "tests/support/unit.h"

static const struct due_row {
    const char *name, *topic;
    int64_t want_ms;
} due_rows[] = {
    {"a minute", "delay.1m", 1060000},    {"six hours", "delay.6h", 22600000},
    {"seconds", "delay.2s", 1002000},     {"no tier", "delay.", -1},
    {"not a duration", "delay.soon", -1}, {"another topic", "lookups", -1},
};

static void due_row(void **state)
{
    const struct due_row *row = *state;
    assert_int_equal(delay_due_ms(row->topic, 1000000), row->want_ms);
}

static const struct destination_row {
    const char *name, *topic;
    int want;
} destination_rows[] = {
    {"look-ups", "lookups", 1},
    {"https", "deliveries.https", 1},
    {"smtp", "deliveries.smtp", 1},
    {"reports are made once", "reports", 0},
    {"no loops among the delays", "delay.1m", 0},
    {"nothing", "", 0},
};

static void destination_row(void **state)
{
    const struct destination_row *row = *state;
    assert_int_equal(delay_is_destination(row->topic), row->want);
}

/* ---- the job ---- */

#define ARRIVED_MS INT64_C(1795600000000)
#define MINUTE_MS  INT64_C(60000)
#define KEY        "r.example"
#define PAYLOAD    "payload"

static const char *const https_headers[] = {"target",
                                            "https://r.example/t?k=1",
                                            "via",
                                            "https://op.example/",
                                            "report-id",
                                            "2026-11-24.policy.example.0-7.0123abcd",
                                            "domain",
                                            "policy.example",
                                            "day",
                                            "2026-11-24",
                                            "created",
                                            "1795599990000",
                                            "first-attempt",
                                            "1795599995000",
                                            "attempt",
                                            "3",
                                            "of-tomorrow",
                                            "a header that this version does not know",
                                            "to",
                                            "deliveries.https",
                                            NULL};

/* Which tiers there are is asked of a broker: of the one that librdkafka plays itself. */
static void play(void (*script)(struct fake_worker *fake, void *context), void *context)
{
    struct error err;
    struct config *config = config_new(CONFIG_SENDER);
    static const char *const settings[] = {"kafka.test.mock.num.brokers=1", "retry.delays=1m 5m"};
    for (size_t i = 0; i < NELEMS(settings); i++)
        assert_int_equal(config_set(config, settings[i], &err), 0);
    fake_worker_run(delay_run, config, script, context);
    config_free(&config);
}

static void take(struct fake_worker *fake, const char *topic, int32_t partition)
{
    fake_worker_assign(fake, topic, partition, 0);
    fake_worker_ready(fake, topic, partition);
}

static void arrives(struct fake_worker *fake, int64_t at_ms, const char *topic, int32_t partition,
                    int64_t offset)
{
    fake_worker_clock(fake, at_ms);
    fake_worker_record(fake, topic, partition, offset, KEY, PAYLOAD, https_headers);
}

/* One turn at that time. */
static void turn_at(struct fake_worker *fake, int64_t now_ms)
{
    fake_worker_clock(fake, now_ms);
    fake_worker_turn(fake);
}

static void assert_committed(struct fake_worker *fake, const char *topic, int32_t partition,
                             int64_t offset, size_t messages_wanted)
{
    struct message_list messages;
    fake_worker_commit(fake, &messages);
    assert_int_equal(messages.count, messages_wanted);
    assert_int_equal(fake_worker_committed(fake, topic, partition), offset);
    message_list_free(&messages);
}

static const char *header_of(const struct message *message, const char *name)
{
    for (size_t i = 0; i < message->header_count; i++)
        if (strcmp(message->headers[i].name, name) == 0)
            return message->headers[i].text;
    return "";
}

/* As it was, but for where it was to go. */
static void assert_as_it_was(const struct message *message, const char *topic)
{
    assert_string_equal(message->topic, topic);
    assert_int_equal(message->partition, MESSAGE_ANY_PARTITION);
    assert_int_equal(message->key_bytes, strlen(KEY));
    assert_memory_equal(message->key, KEY, message->key_bytes);
    assert_int_equal(message->value_bytes, strlen(PAYLOAD));
    assert_memory_equal(message->value, PAYLOAD, message->value_bytes);
    for (const char *const *header = https_headers; *header; header += 2)
        if (strcmp(*header, "to") != 0)
            assert_string_equal(header_of(message, header[0]), header[1]);
}

static void waits_and_goes(struct fake_worker *fake, void *context)
{
    (void)context;
    struct message_list messages;
    take(fake, "delay.1m", 0);
    arrives(fake, ARRIVED_MS, "delay.1m", 0, 0);
    turn_at(fake, ARRIVED_MS);
    turn_at(fake, ARRIVED_MS + MINUTE_MS - 1);
    assert_committed(fake, "delay.1m", 0, 0, 0);
    turn_at(fake, ARRIVED_MS + MINUTE_MS);
    fake_worker_commit(fake, &messages);
    assert_int_equal(messages.count, 1);
    assert_as_it_was(messages.items[0], "deliveries.https");
    assert_int_equal(fake_worker_committed(fake, "delay.1m", 0), 1);
    message_list_free(&messages);
    turn_at(fake, ARRIVED_MS + 2 * MINUTE_MS);
    assert_committed(fake, "delay.1m", 0, 1, 0); /* once */
}

static void a_record_goes_when_it_is_due(void **state)
{
    (void)state;
    play(waits_and_goes, NULL);
}

/* What is behind the head goes after it, also when a broker's clock was set back meanwhile. What
 * stands in another partition or tier has a head of its own. */
static void waits_for_its_head(struct fake_worker *fake, void *context)
{
    (void)context;
    take(fake, "delay.1m", 0);
    take(fake, "delay.1m", 1);
    take(fake, "delay.5m", 0);
    arrives(fake, ARRIVED_MS, "delay.1m", 0, 0);
    arrives(fake, ARRIVED_MS - MINUTE_MS, "delay.1m", 0, 1);
    arrives(fake, ARRIVED_MS - MINUTE_MS, "delay.1m", 1, 0);
    arrives(fake, ARRIVED_MS - MINUTE_MS, "delay.5m", 0, 0);
    turn_at(fake, ARRIVED_MS);
    assert_committed(fake, "delay.1m", 1, 1, 1);
    assert_int_equal(fake_worker_committed(fake, "delay.1m", 0), 0);
    turn_at(fake, ARRIVED_MS + MINUTE_MS);
    assert_committed(fake, "delay.1m", 0, 2, 2);
    turn_at(fake, ARRIVED_MS + 4 * MINUTE_MS - 1);
    assert_committed(fake, "delay.5m", 0, 0, 0);
    turn_at(fake, ARRIVED_MS + 4 * MINUTE_MS);
    assert_committed(fake, "delay.5m", 0, 1, 1);
}

static void a_partition_waits_for_its_head(void **state)
{
    (void)state;
    play(waits_for_its_head, NULL);
}

/* ---- the job: where to ---- */

static const struct to_row {
    const char *name, *to;
    bool known;
} to_rows[] = {
    {"to https", "deliveries.https", true},
    {"to smtp", "deliveries.smtp", true},
    {"to the look-ups", "lookups", true},
    {"to where no record may go", "reports", false},
    {"round and round", "delay.1m", false},
    {"to where nothing is", "deliveries.fax", false},
    {"to nowhere", "", false},
    {"nobody knows", NULL, false},
};

/* A record that cannot go anywhere waits too: it is judged when it is due. */
static void goes_to(struct fake_worker *fake, void *context)
{
    const struct to_row *row = context;
    const char *const headers[] = {"domain", "policy.example", row->to ? "to" : NULL, row->to,
                                   NULL};
    struct message_list messages;
    take(fake, "delay.1m", 2);
    fake_worker_clock(fake, ARRIVED_MS);
    fake_worker_record(fake, "delay.1m", 2, 0, KEY, PAYLOAD, headers);
    turn_at(fake, ARRIVED_MS + MINUTE_MS);
    fake_worker_commit(fake, &messages);
    assert_int_equal(messages.count, 1);
    const struct message *message = messages.items[0];
    assert_string_equal(message->topic, row->known ? row->to : "rejected");
    assert_memory_equal(message->key, KEY, strlen(KEY));
    assert_string_equal(header_of(message, "stage"), row->known ? "" : "delay");
    assert_string_equal(header_of(message, "reason"), row->known ? "" : "unreadable");
    assert_string_equal(header_of(message, "origin"), row->known ? "" : "delay.1m/2/0");
    assert_int_equal(fake_worker_committed(fake, "delay.1m", 2), 1);
    message_list_free(&messages);
}

static void to_row(void **state)
{
    play(goes_to, *state);
}

/* ---- the job: partitions are given up, or lost ---- */

static void leaves_what_waits(struct fake_worker *fake, void *context)
{
    (void)context;
    struct message_list messages;
    take(fake, "delay.1m", 0);
    arrives(fake, ARRIVED_MS, "delay.1m", 0, 0);
    arrives(fake, ARRIVED_MS + 1, "delay.1m", 0, 1);
    turn_at(fake, ARRIVED_MS + MINUTE_MS); /* the first goes */
    assert_true(fake_worker_drain_once(fake));
    turn_at(fake, ARRIVED_MS + MINUTE_MS + 1); /* too late for the second */
    fake_worker_revoke(fake, "delay.1m", 0, &messages);
    assert_int_equal(messages.count, 1);
    assert_int_equal(fake_worker_orphans(fake), 0);
    message_list_free(&messages);

    fake_worker_assign(fake, "delay.1m", 0, 1);
    fake_worker_ready(fake, "delay.1m", 0);
    turn_at(fake, ARRIVED_MS + 2 * MINUTE_MS);
    assert_committed(fake, "delay.1m", 0, 1, 0); /* no longer ours to send */
    arrives(fake, ARRIVED_MS + 1, "delay.1m", 0, 1);
    turn_at(fake, ARRIVED_MS + 2 * MINUTE_MS);
    assert_committed(fake, "delay.1m", 0, 2, 1);
}

static void what_waits_is_left_to_the_next_owner(void **state)
{
    (void)state;
    play(leaves_what_waits, NULL);
}

/* Neither another partition of its tier nor another tier's partition of its number. */
static void forgets_what_is_lost(struct fake_worker *fake, void *context)
{
    (void)context;
    take(fake, "delay.1m", 0);
    take(fake, "delay.1m", 1);
    take(fake, "delay.5m", 0);
    arrives(fake, ARRIVED_MS, "delay.1m", 0, 0);
    arrives(fake, ARRIVED_MS, "delay.1m", 1, 0);
    arrives(fake, ARRIVED_MS, "delay.5m", 0, 0);
    fake_worker_lose(fake, "delay.1m", 0);
    assert_int_equal(fake_worker_orphans(fake), 0);
    turn_at(fake, ARRIVED_MS + MINUTE_MS);
    assert_committed(fake, "delay.1m", 1, 1, 1);
    turn_at(fake, ARRIVED_MS + 5 * MINUTE_MS);
    assert_committed(fake, "delay.5m", 0, 1, 1);
}

static void what_is_lost_is_forgotten(void **state)
{
    (void)state;
    play(forgets_what_is_lost, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_goes_when_it_is_due),
        cmocka_unit_test(a_partition_waits_for_its_head),
        cmocka_unit_test(what_waits_is_left_to_the_next_owner),
        cmocka_unit_test(what_is_lost_is_forgotten),
    };
    metrics_register(sender_metrics);
    int failed = RUN_ROWS("due", due_row, due_rows);
    failed += RUN_ROWS("destination", destination_row, destination_rows);
    failed += RUN_ROWS("delay: where to", to_row, to_rows);
    return failed + cmocka_run_group_tests_name("delay", tests, NULL, NULL);
}
