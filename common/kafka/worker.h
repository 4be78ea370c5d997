/* worker: the exactly-once loop of every job.
 *
 * It consumes, hands each record to the job, lets the job finish records in any order, and commits
 * the outputs of the finished prefix of every partition together with its offsets in one
 * transaction (KIP-447: fenced by the group's generation). One thread; every callback runs in it.
 * Nothing that a callback did is ever undone in memory: an aborted transaction is sent again with
 * the same outputs, and a lost partition is forgotten and read again by its new owner. */
#ifndef COMMON_KAFKA_WORKER_H
#define COMMON_KAFKA_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config.h"
#include "common/error.h"
#include "common/kafka/message.h"

struct worker; /* opaque */

#define WORKER_OUTPUTS_MAX   5000               /* of one transaction, unless one record has more */
#define WORKER_BYTES_MAX     ((size_t)8 << 20)  /* of one transaction, likewise */
#define WORKER_AHEAD_RECORDS 64                 /* behind a partition's oldest unfinished record */
#define WORKER_AHEAD_BYTES   ((size_t)16 << 20) /* outputs likewise */

struct worker_spec {
    const char *job;            /* group and transactional id: prefix + job (+ instance) */
    const char *const *topics;  /* inputs, ended by NULL */
    const char *const *outputs; /* topics written to, ended by NULL: checked at start */
    bool static_membership;
    const char *table; /* compacted topic read before partition p of the input is worked on, or
                        * NULL; its partition p belongs to the input's p */
    int64_t commit_ms; /* what is finished waits no longer for its commit */
    void *context;     /* first argument of every callback */

    /* Once, before the loop. */
    void (*started)(void *context, struct worker *worker);
    /* Partition p of the table: one call a record, oldest first; value NULL for a tombstone.
     * ERROR_FATAL ends. */
    int (*restore)(void *context, int32_t partition, const char *key, size_t key_bytes,
                   const char *value, size_t value_bytes, struct error *err);
    /* The partition's table is complete (or there is none): its records follow. */
    void (*assigned)(void *context, const char *topic, int32_t partition);
    /* Finish it now or later: record_output()*, then record_finish(). -1 with ERROR_FATAL ends the
     * process. */
    int (*record)(void *context, struct record *record, struct error *err);
    /* Every turn. Returns in how many ms at the latest it wants its next turn. May be NULL. */
    int64_t (*tick)(void *context, int64_t now_ms);
    /* Waits for the job's own transfers, for wake_fd to be readable, or for timeout_ms. NULL: Kafka
     * only. */
    void (*wait)(void *context, int wake_fd, int64_t timeout_ms);
    /* Before every commit: worker_emit() what belongs into it. May be NULL. */
    void (*prepare)(void *context);
    /* Partitions are to be given up: begin nothing, cancel what can be cancelled (record_abandon),
     * finish the others until deadline_ms (monotonic). Called repeatedly, with waits in between,
     * until it returns true. May be NULL. */
    bool (*drain)(void *context, int64_t deadline_ms);
    /* Forget the partition's memory. Records still unfinished stay valid until finished or
     * abandoned; what they then output counts only if the same record comes back: then it is its
     * result. May be NULL. */
    void (*revoked)(void *context, const char *topic, int32_t partition);
};

/* Checks topics and offsets, then runs until shutdown_requested() or a fatal error. */
int worker_run(const struct config *config, const struct worker_spec *spec,
               struct error *err) MUST_USE;

/* Adds an output to an unfinished record; takes message. */
void record_output(struct record *record, struct message *message);
/* The record is done; it must not be touched any more. */
void record_finish(struct record *record);
/* In drain, or when its partition is lost: the record is left to the next owner, as if nothing had
 * been done; it must not be touched any more. */
void record_abandon(struct record *record);
/* The record belongs to a partition that this process no longer has. */
bool record_is_lost(const struct record *record);
/* What waits in memory for the oldest unfinished record of the same partition: the outputs of those
 * that were finished behind it. */
size_t record_ahead_bytes(const struct record *record);

/* Outputs that come from no single record but belong to a partition of the input: they go out whole
 * in one transaction, after all that was emitted or finished before, with the offset that the
 * partition has now. Takes list's messages and zeroes it; nothing happens for an empty list. */
void worker_emit(struct worker *worker, const char *topic, int32_t partition,
                 struct message_list *list);
/* Commit at the end of this turn, whatever commit_ms says. */
void worker_commit_soon(struct worker *worker);
/* As much waits for its commit as one transaction takes, in outputs or in bytes: a job that emits
 * from tick() stops here. */
bool worker_is_full(const struct worker *worker);
/* Partitions of one of the topics named in outputs (or topics). */
int32_t worker_partition_count(const struct worker *worker, const char *topic);

#endif
