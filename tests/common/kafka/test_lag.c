#include "common/kafka/lag.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h> /* needs the one above */

#include "common/kafka/client.h"
#include "common/kafka/topics.h"
#include "common/memory.h"
#include "common/metrics.h"
#include "tests/support/settings.h"
#include "tests/support/shown.h"
#include "tests/support/unit.h"

/* A broker that librdkafka plays: every topic has two partitions. */
struct broker {
    rd_kafka_t *client;
    rd_kafka_mock_cluster_t *cluster;
    struct config *config;
};

static int topic_create(void *context, const char *name, const struct topic_row *row,
                        struct error *err)
{
    const struct broker *broker = context;
    (void)row, (void)err;
    char *topic = mem_printf("tlsrpt.%s", name);
    rd_kafka_resp_err_t code = rd_kafka_mock_topic_create(broker->cluster, topic, 2, 1);
    free(topic);
    return code ? -1 : 0;
}

/* scan: how many partitions of scan there should be. */
static struct broker broker_start(const char *scan)
{
    struct error err;
    char text[256];
    struct broker broker = {
        .client = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), text, sizeof(text))};
    assert_non_null(broker.client);
    broker.cluster = rd_kafka_mock_cluster_new(broker.client, 1);
    char *assignments = mem_printf("kafka.bootstrap.servers=%s|retry.delays=1m|topics.partitions="
                                   "scan=%s events=2 state=2 reports=2 lookups=2 delay.1m=2 "
                                   "deliveries.https=2 deliveries.smtp=2",
                                   rd_kafka_mock_cluster_bootstraps(broker.cluster), scan);
    broker.config = settings_config(CONFIG_PRODUCER, assignments);
    free(assignments);
    rd_kafka_t *reader = client_reader(broker.config, false, &err);
    assert_non_null(reader);
    assert_int_equal(topics_each(broker.config, reader, topic_create, &broker, &err), 0);
    rd_kafka_destroy(reader);
    return broker;
}

static void broker_stop(struct broker *broker)
{
    rd_kafka_mock_cluster_destroy(broker->cluster);
    rd_kafka_destroy(broker->client);
    config_free(&broker->config);
}

static struct lag *lag_of(const struct config *config)
{
    struct error err;
    struct lag *lag = lag_new(config, &err);
    if (!lag)
        fail_msg("%s", err.text);
    return lag;
}

static void what_was_set_is_forgotten(void **state)
{
    (void)state;
    struct error err;
    struct broker broker = broker_start("2");
    struct lag *lag = lag_of(broker.config);
    for (int i = 0; i < 2; i++) {
        if (lag_export_all(lag, &err) < 0)
            fail_msg("%s", err.text);
        assert_true(
            shown("tlsrpt_lag_records{group=\"tlsrpt.scan\",topic=\"scan\",partition=\"1\"}"));
        assert_true(shown("{group=\"tlsrpt.delay\""));
        lag_forget(lag);
        assert_false(shown("tlsrpt_lag_records{"));
    }
    lag_free(&lag);
    assert_null(lag);
    broker_stop(&broker);
}

static void a_partition_without_answer_hides_no_other_topic(void **state)
{
    (void)state;
    struct error err;
    struct broker broker = broker_start("3");
    struct lag *lag = lag_of(broker.config);
    assert_int_equal(lag_export_all(lag, &err), -1);
    assert_int_equal(err.kind, ERROR_RETRY);
    assert_non_null(strstr(err.text, "tlsrpt.scan"));
    assert_true(shown("topic=\"events\",partition=\"1\"}"));
    assert_true(shown("{group=\"tlsrpt.delay\""));
    lag_free(&lag);
    assert_false(shown("tlsrpt_lag_records{"));
    broker_stop(&broker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_set_is_forgotten),
        cmocka_unit_test(a_partition_without_answer_hides_no_other_topic),
    };
    return cmocka_run_group_tests_name("lag", tests, NULL, NULL);
}
