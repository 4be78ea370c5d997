#include "common/kafka/client.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/log.h"
#include "common/memory.h"

/* What holds for every handle. Values of 8 MiB must pass everywhere (topics say the same). */
static const struct client_setting base[] = {
    {"client.id", "tlsrpt"},
    {"message.max.bytes", "8388608"},
    {"fetch.message.max.bytes", "8388608"},
    {"receive.message.max.bytes", "100000000"},
    {"socket.nagle.disable", "true"},
    {"socket.keepalive.enable", "true"},
    {"log.connection.close", "false"},
    {NULL, NULL},
};

static int conf_set(rd_kafka_conf_t *conf, const char *name, const char *value, struct error *err)
{
    char text[256];
    if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) == RD_KAFKA_CONF_OK)
        return 0;
    return error_set(err, ERROR_CONFIG, "%s", text);
}

static int conf_visit(void *context, const char *name, const char *value, struct error *err)
{
    return conf_set(context, name, value, err);
}

static int conf_apply(rd_kafka_conf_t *conf, const struct client_setting *settings,
                      struct error *err)
{
    for (; settings && settings->name; settings++)
        if (conf_set(conf, settings->name, settings->value, err) < 0)
            return -1;
    return 0;
}

/* librdkafka repeats a broker's absence in every thread: that is for debugging. What matters comes
 * back as an error, and the worker says it once. */
static void on_log(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    (void)client;
    enum log_level ours = level <= 2 ? LOG_WARN : LOG_DEBUG;
    log_write(ours, "kafka",
              LOG_FIELDS(log_text("facility", facility), log_text("text", text), {0}));
}

rd_kafka_conf_t *client_conf(const struct config *config, const struct client_setting *settings,
                             void *opaque, struct error *err)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_conf_set_opaque(conf, opaque);
    if (conf_apply(conf, base, err) < 0 || config_each_kafka(config, conf_visit, conf, err) < 0 ||
        conf_apply(conf, settings, err) < 0) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    return conf;
}

rd_kafka_t *client_new(rd_kafka_type_t type, rd_kafka_conf_t *conf, struct error *err)
{
    char text[256];
    if (!conf)
        return NULL;
    rd_kafka_t *client = rd_kafka_new(type, conf, text, sizeof(text));
    if (!client) { /* only then conf is still ours */
        rd_kafka_conf_destroy(conf);
        error_set(err, ERROR_CONFIG, "kafka: %s", text);
        return NULL;
    }
    if (type == RD_KAFKA_CONSUMER)
        rd_kafka_poll_set_consumer(client);
    return client;
}

rd_kafka_t *client_reader(const struct config *config, bool committed_only, struct error *err)
{
    const struct client_setting settings[] = {
        /* librdkafka wants a name; nothing is ever joined or committed under it */
        {"group.id", "tlsrpt.reader"},
        {"enable.auto.commit", "false"},
        {"auto.offset.reset", "error"},
        {"enable.partition.eof", "true"},
        {"isolation.level", committed_only ? "read_committed" : "read_uncommitted"},
        {NULL, NULL},
    };
    return client_new(RD_KAFKA_CONSUMER, client_conf(config, settings, NULL, err), err);
}

char *client_topic(const struct config *config, const char *name)
{
    return mem_printf("%s%s", config_text(config, "topics.prefix"), name);
}

char *client_instance(const struct config *config)
{
    if (config_text(config, "instance"))
        return mem_text(config_text(config, "instance"));
    char host[65] = "";
    unsigned random = 0;
    gethostname(host, sizeof(host) - 1);
    if (getrandom(&random, sizeof(random), 0) < 0)
        log_panic("getrandom failed");
    return mem_printf("%s-%d-%08x", host, (int)getpid(), random);
}

int client_error(struct error *err, rd_kafka_resp_err_t code, const char *what)
{
    bool fatal = code == RD_KAFKA_RESP_ERR__FATAL || code == RD_KAFKA_RESP_ERR__FENCED;
    return error_set(err, fatal ? ERROR_FATAL : ERROR_RETRY, "%s: %s", what,
                     rd_kafka_err2str(code));
}

int client_error_take(struct error *err, rd_kafka_error_t *error, const char *what)
{
    enum error_kind kind =
        rd_kafka_error_is_retriable(error) ||
                (rd_kafka_error_txn_requires_abort(error) && !rd_kafka_error_is_fatal(error))
            ? ERROR_RETRY
            : ERROR_FATAL;
    error_set(err, kind, "%s: %s", what, rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return -1;
}

int client_partition_count(rd_kafka_t *client, const char *topic, int64_t timeout_ms,
                           int32_t *count, struct error *err)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(client, topic, NULL);
    if (!handle)
        return client_error(err, rd_kafka_last_error(), topic);
    rd_kafka_resp_err_t code = rd_kafka_metadata(client, 0, handle, &metadata, (int)timeout_ms);
    rd_kafka_topic_destroy(handle);
    if (code)
        return error_set(err, ERROR_RETRY, "kafka does not answer at %s: %s", topic,
                         rd_kafka_err2str(code));
    int32_t found = metadata->topic_cnt == 1 ? metadata->topics[0].partition_cnt : 0;
    rd_kafka_resp_err_t answer = metadata->topic_cnt == 1 ? metadata->topics[0].err
                                                          : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    rd_kafka_metadata_destroy(metadata);
    if (answer && answer != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        return client_error(err, answer, topic);
    *count = answer ? 0 : found;
    return 0;
}

int client_watermarks(rd_kafka_t *client, const char *topic, int32_t partition, int64_t timeout_ms,
                      int64_t *low, int64_t *high, struct error *err)
{
    rd_kafka_resp_err_t code =
        rd_kafka_query_watermark_offsets(client, topic, partition, low, high, (int)timeout_ms);
    return code ? client_error(err, code, topic) : 0;
}
