/* transaction: one attempt to commit the first units of a ledger with their offsets. For this
 * folder. */
#ifndef COMMON_KAFKA_TRANSACTION_H
#define COMMON_KAFKA_TRANSACTION_H

#include <librdkafka/rdkafka.h>
#include <stddef.h>

#include "common/error.h"
#include "common/kafka/ledger.h"

struct transaction {
    rd_kafka_t *producer;
    rd_kafka_t *consumer; /* gives the group's metadata anew for each transaction: zombies are
                             fenced by generation */
    const char *prefix;   /* of topics */
};

/* 0: committed. ERROR_RETRY: aborted, nothing is visible, the same may be tried again. ERROR_FATAL:
 * the process ends. */
int transaction_run(const struct transaction *transaction, const struct ledger *ledger,
                    size_t units, struct error *err) MUST_USE;

/* Fences an earlier producer of the same transactional.id and waits for its transaction's end. */
int transaction_init(rd_kafka_t *producer, struct error *err) MUST_USE;

#endif
