/* transaction: one attempt to commit the first units of a ledger with their offsets. For this
 * folder. */
#ifndef COMMON_KAFKA_TRANSACTION_H
#define COMMON_KAFKA_TRANSACTION_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"
#include "common/kafka/ledger.h"

struct transaction {
    rd_kafka_t *producer;
    rd_kafka_t *consumer; /* gives the group's metadata anew for each transaction: zombies are
                             fenced by generation */
    const char *prefix;   /* of topics */
};

/* For the producer of transactions: failed deliveries are kept in refusal (borrowed for as long as
 * the producer lives). */
void transaction_conf(rd_kafka_conf_t *conf, struct error *refusal);

/* 0: committed. ERROR_RETRY: aborted, nothing is visible, the same may be tried again. ERROR_FATAL:
 * the process ends; also where each further try would be refused in the same way. */
int transaction_run(const struct transaction *transaction, const struct ledger *ledger,
                    size_t units, struct error *err) MUST_USE;

/* No retry changes it: somebody must alter a topic. A missing permission is none of these: it may
 * come back, and what was delivered meanwhile would be delivered again by a process that began
 * anew. */
bool transaction_code_is_permanent(rd_kafka_resp_err_t code);

/* Fences an earlier producer of the same transactional.id and waits for its transaction's end. */
int transaction_init(rd_kafka_t *producer, struct error *err) MUST_USE;

#endif
