#include "common/kafka/transaction.h"

#include <stdlib.h>
#include <utlist.h>

#include "common/kafka/client.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/shutdown.h"

/* What may be asked again: librdkafka's own word, or an answer that did not come in time. */
static bool ask_again(rd_kafka_error_t *error)
{
    if (!error || !rd_kafka_error_is_retriable(error))
        return false;
    log_debug("transaction call repeated", log_text("error", rd_kafka_error_string(error)));
    rd_kafka_error_destroy(error);
    return true;
}

bool transaction_code_is_permanent(rd_kafka_resp_err_t code)
{
    static const rd_kafka_resp_err_t permanent[] = {
        RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, /* ours are bounded: the topic's limit has drifted */
        RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, /* partitions were counted at the start */
    };
    for (size_t i = 0; i < sizeof(permanent) / sizeof(permanent[0]); i++)
        if (permanent[i] == code)
            return true;
    return false;
}

/* What the producer was refused for good; librdkafka's own error is often only that deliveries
 * failed. */
static struct error *refusal_of(rd_kafka_t *producer)
{
    return rd_kafka_opaque(producer);
}

static void refusal_note(rd_kafka_t *producer, rd_kafka_resp_err_t code, const char *what,
                         const char *text)
{
    if (transaction_code_is_permanent(code))
        error_set(refusal_of(producer), ERROR_FATAL, "%s: %s", what, text);
}

static void on_delivery(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque)
{
    (void)opaque;
    refusal_note(producer, message->err, rd_kafka_topic_name(message->rkt),
                 rd_kafka_err2str(message->err));
}

void transaction_conf(rd_kafka_conf_t *conf, struct error *refusal)
{
    char text[256];
    if (rd_kafka_conf_set(conf, "delivery.report.only.error", "true", text, sizeof(text)) !=
        RD_KAFKA_CONF_OK)
        log_panic("%s", text);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_opaque(conf, refusal);
}

/* Takes error. */
static int call_failed(const struct transaction *transaction, rd_kafka_error_t *error,
                       const char *what, struct error *err)
{
    refusal_note(transaction->producer, rd_kafka_error_code(error), what,
                 rd_kafka_error_string(error));
    return client_error_take(err, error, what);
}

int transaction_init(rd_kafka_t *producer, struct error *err)
{
    rd_kafka_error_t *error;
    do
        error = rd_kafka_init_transactions(producer, CLIENT_ASK_MS);
    while (!shutdown_requested() && ask_again(error));
    return error ? client_error_take(err, error, "init_transactions") : 0;
}

static rd_kafka_headers_t *headers_build(const struct message *message)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(message->header_count);
    for (size_t i = 0; i < message->header_count; i++)
        rd_kafka_header_add(headers, message->headers[i].name, -1, message->headers[i].text, -1);
    return headers;
}

/* One try; the queue of the producer may be full. */
static rd_kafka_resp_err_t message_send(const struct transaction *transaction, const char *topic,
                                        const struct message *message)
{
    rd_kafka_headers_t *headers = headers_build(message);
    rd_kafka_resp_err_t code = rd_kafka_producev(
        transaction->producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(message->partition),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(message->key, message->key_bytes),
        RD_KAFKA_V_VALUE(message->value, message->value_bytes), RD_KAFKA_V_HEADERS(headers),
        RD_KAFKA_V_END);
    if (code)
        rd_kafka_headers_destroy(headers); /* taken only on success */
    return code;
}

static int message_produce(const struct transaction *transaction, const struct message *message,
                           struct error *err)
{
    rd_kafka_resp_err_t code;
    char *topic = mem_printf("%s%s", transaction->prefix, message->topic);
    while ((code = message_send(transaction, topic, message)) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        rd_kafka_poll(transaction->producer, 100);
    free(topic);
    if (!code)
        return 0;
    refusal_note(transaction->producer, code, message->topic, rd_kafka_err2str(code));
    return client_error(err, code, message->topic);
}

static int units_produce(const struct transaction *transaction, const struct ledger *ledger,
                         size_t units, struct error *err)
{
    const struct ledger_unit *unit = ledger->units;
    for (size_t i = 0; i < units; i++, unit = unit->next_unit)
        for (size_t j = 0; j < unit->outputs.count; j++)
            if (message_produce(transaction, unit->outputs.items[j], err) < 0)
                return -1;
    return 0;
}

static rd_kafka_topic_partition_list_t *offsets_build(const struct transaction *transaction,
                                                      const struct ledger *ledger, size_t units)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(16);
    const struct ledger_partition *home;
    DL_FOREACH(ledger->partitions, home)
    {
        int64_t offset = ledger_offset(ledger, home, units);
        if (offset == LEDGER_NO_OFFSET)
            continue;
        char *topic = mem_printf("%s%s", transaction->prefix, home->topic);
        rd_kafka_topic_partition_list_add(list, topic, home->partition)->offset = offset;
        free(topic);
    }
    return list;
}

static int group_commit(const struct transaction *transaction,
                        const rd_kafka_topic_partition_list_t *offsets, struct error *err)
{
    rd_kafka_error_t *error;
    rd_kafka_consumer_group_metadata_t *group =
        rd_kafka_consumer_group_metadata(transaction->consumer);
    if (!group) /* the consumer closes, and has left its group already */
        return error_set(err, ERROR_RETRY, "send_offsets: there is no group any more");
    if (rd_kafka_assignment_lost(transaction->consumer)) {
        /* the metadata may name no member by now, and the broker lets that pass unchecked */
        rd_kafka_consumer_group_metadata_destroy(group);
        return error_set(err, ERROR_RETRY, "send_offsets: the assignment was lost");
    }
    do
        error = rd_kafka_send_offsets_to_transaction(transaction->producer, offsets, group,
                                                     CLIENT_ASK_MS);
    while (ask_again(error));
    rd_kafka_consumer_group_metadata_destroy(group);
    return error ? call_failed(transaction, error, "send_offsets", err) : 0;
}

static int offsets_send(const struct transaction *transaction, const struct ledger *ledger,
                        size_t units, struct error *err)
{
    rd_kafka_topic_partition_list_t *offsets = offsets_build(transaction, ledger, units);
    if (offsets->cnt == 0)
        log_panic("a transaction without offsets would fence nobody");
    int result = group_commit(transaction, offsets, err);
    rd_kafka_topic_partition_list_destroy(offsets);
    return result;
}

static int commit(const struct transaction *transaction, struct error *err)
{
    rd_kafka_error_t *error;
    do
        error = rd_kafka_commit_transaction(transaction->producer, CLIENT_ASK_MS);
    while (ask_again(error));
    return error ? call_failed(transaction, error, "commit_transaction", err) : 0;
}

/* Aborting may itself be fatal: the broker may have aborted and fenced us already. Returns -1
 * always, with the error that led here, or its own or the refusal behind it if that is worse. */
static int abort_after(const struct transaction *transaction, struct error *err)
{
    rd_kafka_error_t *error;
    if (err->kind != ERROR_RETRY)
        return -1;
    do
        error = rd_kafka_abort_transaction(transaction->producer, CLIENT_ASK_MS);
    while (ask_again(error));
    if (error) {
        client_error_take(err, error, "abort_transaction");
        err->kind = ERROR_FATAL;
    } else if (refusal_of(transaction->producer)->kind) {
        *err = *refusal_of(transaction->producer);
    }
    return -1;
}

int transaction_run(const struct transaction *transaction, const struct ledger *ledger,
                    size_t units, struct error *err)
{
    rd_kafka_error_t *error = rd_kafka_begin_transaction(transaction->producer);
    refusal_of(transaction->producer)->kind = ERROR_NONE;
    if (error) {
        client_error_take(err, error, "begin_transaction");
        err->kind =
            ERROR_FATAL; /* no transaction is open: only a fatal state refuses to begin one */
        return -1;
    }
    if (units_produce(transaction, ledger, units, err) < 0 ||
        offsets_send(transaction, ledger, units, err) < 0 || commit(transaction, err) < 0)
        return abort_after(transaction, err);
    return 0;
}
