#include "common/kafka/transaction.h"

#include <librdkafka/rdkafka_mock.h>

#include "tests/support/unit.h"

#define INPUT  "in"
#define OUTPUT "out"

/* Requests of Kafka's protocol. */
enum { PRODUCE = 0, ADD_PARTITIONS = 24, TXN_OFFSET_COMMIT = 28 };

static const struct permanent_row {
    const char *name;
    rd_kafka_resp_err_t code;
    bool want;
} permanent_rows[] = {
    {"nothing", RD_KAFKA_RESP_ERR_NO_ERROR, false},
    {"too large for the topic", RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, true},
    {"no such partition", RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, true},
    {"may not write", RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, false},
    {"may not commit", RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, false},
    {"thrown away by an abort", RD_KAFKA_RESP_ERR__PURGE_QUEUE, false},
    {"too few replicas for now", RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, false},
    {"another generation", RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, false},
    {"in time no answer", RD_KAFKA_RESP_ERR__TIMED_OUT, false},
};

static void permanent_row(void **state)
{
    const struct permanent_row *row = *state;
    assert_int_equal(transaction_code_is_permanent(row->code), row->want);
}

/* A broker that is played by librdkafka. */
struct stage {
    struct error refusal;
    rd_kafka_t *producer;
    rd_kafka_t *consumer;
    rd_kafka_mock_cluster_t *broker; /* the producer's */
    struct ledger ledger;
};

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char text[256];
    if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) != RD_KAFKA_CONF_OK)
        fail_msg("%s: %s", name, text);
}

static rd_kafka_t *client(rd_kafka_type_t type, rd_kafka_conf_t *conf)
{
    char text[256];
    rd_kafka_t *made = rd_kafka_new(type, conf, text, sizeof(text));
    if (!made)
        fail_msg("%s", text);
    return made;
}

/* With one output for that partition; there is only partition 0. */
static void stage_open(struct stage *stage, int32_t partition)
{
    struct error err;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "test.mock.num.brokers", "1");
    set(conf, "transactional.id", "t");
    set(conf, "log_level", "0");
    transaction_conf(conf, &stage->refusal);
    stage->producer = client(RD_KAFKA_PRODUCER, conf);
    stage->broker = rd_kafka_handle_mock_cluster(stage->producer);
    rd_kafka_mock_topic_create(stage->broker, OUTPUT, 1, 1);
    conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(stage->broker));
    set(conf, "group.id", "g");
    stage->consumer = client(RD_KAFKA_CONSUMER, conf);
    assert_int_equal(transaction_init(stage->producer, &err), 0);

    struct ledger_partition *home = ledger_assign(&stage->ledger, INPUT, 0, 5);
    struct message_list outputs = {0};
    struct message *message = message_new(OUTPUT, partition);
    message_value(message, "x", 1);
    message_list_add(&outputs, message);
    ledger_emit(&stage->ledger, home, &outputs);
}

static void stage_close(struct stage *stage)
{
    ledger_free(&stage->ledger);
    rd_kafka_consumer_close(stage->consumer);
    rd_kafka_destroy(stage->consumer);
    rd_kafka_destroy(stage->producer);
}

static int run(struct stage *stage, struct error *err)
{
    const struct transaction transaction = {stage->producer, stage->consumer, ""};
    *err = (struct error){0};
    return transaction_run(&transaction, &stage->ledger, 1, err);
}

static const struct answer_row {
    const char *name;
    int16_t request;
    rd_kafka_resp_err_t code;
    enum error_kind want;
    const char *says;
} answer_rows[] = {
    {"record too large", PRODUCE, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, ERROR_FATAL,
     "size too large"},
    {"topic refused", ADD_PARTITIONS, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, ERROR_RETRY,
     "uthoriz"},
    {"group refused", TXN_OFFSET_COMMIT, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, ERROR_RETRY,
     "uthoriz"},
    {"another generation", TXN_OFFSET_COMMIT, RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, ERROR_RETRY,
     "send_offsets"},
};

/* One answer, then all is well: what may be tried again goes out then. */
static void answer_row(void **state)
{
    const struct answer_row *row = *state;
    struct stage stage = {0};
    struct error err;
    stage_open(&stage, 0);
    rd_kafka_mock_push_request_errors(stage.broker, row->request, 1, row->code);
    assert_int_equal(run(&stage, &err), -1);
    assert_int_equal(err.kind, row->want);
    if (!strstr(err.text, row->says))
        fail_msg("%s", err.text);
    if (row->want == ERROR_RETRY)
        assert_int_equal(run(&stage, &err), 0);
    stage_close(&stage);
}

/* librdkafka's own error says no more than that a delivery failed. */
static void refusal_stands_in_the_delivery_report(void **state)
{
    (void)state;
    struct stage stage = {0};
    struct error err;
    stage_open(&stage, 7);
    assert_int_equal(run(&stage, &err), -1);
    assert_int_equal(err.kind, ERROR_FATAL);
    assert_string_equal(err.text, OUTPUT ": Local: Unknown partition");
    stage_close(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(refusal_stands_in_the_delivery_report)};
    return cmocka_run_group_tests_name("transaction", tests, NULL, NULL) +
           RUN_ROWS("transaction: what no retry changes", permanent_row, permanent_rows) +
           RUN_ROWS("transaction: answers", answer_row, answer_rows);
}
