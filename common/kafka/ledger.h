/* ledger: which inputs are unfinished, which outputs wait, and which offset may be committed with
 * them. Pure: it knows no broker. A unit is the outputs of one record, or of one worker_emit(): it
 * goes out whole. */
#ifndef COMMON_KAFKA_LEDGER_H
#define COMMON_KAFKA_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/kafka/message.h"
#include "common/kafka/record.h"

#define LEDGER_NO_OFFSET INT64_C(-1)

struct ledger_unit {
    struct ledger_partition *home;
    int64_t next; /* the offset to commit when this is the last unit taken of its partition */
    struct message_list outputs;
    struct ledger_unit *prev, *next_unit;
};

struct ledger_partition {
    const char *topic;
    int32_t partition;
    int64_t committed; /* what the group has */
    int64_t expected;  /* one more than the last record admitted; committed before the first */
    int64_t position;  /* the consumer's, which steps over transaction markers; LEDGER_NO_OFFSET:
                          unknown */
    struct record
        *records; /* unfinished, and finished behind an unfinished one; in order of offset */
    size_t record_count;
    size_t ahead_bytes;        /* outputs of the finished among them */
    int64_t last_timestamp_ms; /* of the last record admitted */
    int64_t idle_ms;           /* when ledger_waits_since_ms() last saw nothing unfinished */
    bool ready;                /* its table is complete */
    bool paused;
    struct ledger_partition *prev, *next;
};

struct ledger {
    struct ledger_partition *partitions;
    struct ledger_unit *units; /* in the order in which they came to be */
    size_t output_count;
    size_t output_bytes;
    struct record *orphans; /* of lost partitions: unfinished when they were lost */
};

/* Frees the results of its orphans that another owner has committed meanwhile. */
struct ledger_partition *ledger_assign(struct ledger *ledger, const char *topic, int32_t partition,
                                       int64_t committed);
struct ledger_partition *ledger_find(struct ledger *ledger, const char *topic, int32_t partition);
/* Drops the partition's units and finished records; its unfinished records become orphans, whose
 * results are kept for its return (abandoned ones are freed). */
void ledger_forget(struct ledger *ledger, struct ledger_partition *home);

/* Takes record, whose topic, partition and offset are set. True: the job has to work on it. False:
 * it was seen before (a second delivery after a pause), or an orphan took its place: record is
 * freed. */
bool ledger_admit(struct ledger *ledger, struct ledger_partition *home, struct record *record);
/* May free the record. */
void ledger_finish(struct ledger *ledger, struct record *record);
/* Its job will never finish it: it is not to be adopted. May free the record. */
void ledger_abandon(struct ledger *ledger, struct record *record);
/* Takes the messages of outputs and zeroes it. */
void ledger_emit(struct ledger *ledger, struct ledger_partition *home,
                 struct message_list *outputs);

/* The offset up to which everything is finished and stands in units: the oldest unfinished
 * record's, or else the consumer's position. */
int64_t ledger_frontier(const struct ledger_partition *home);

/* Since when the oldest of lag unfinished records waits, seen at now_ms: its timestamp, or while it
 * was not read yet the earliest moment that it can have come at. 0: unknown; now_ms without lag. */
int64_t ledger_waits_since_ms(struct ledger_partition *home, int64_t lag, int64_t now_ms);

/* How many units, from the first, go into one transaction: whole units, at least one if there is
 * any. */
size_t ledger_take(const struct ledger *ledger, size_t outputs_max, size_t bytes_max);
/* The offset that a transaction of the first `count` units carries for home, or LEDGER_NO_OFFSET
 * when it has nothing to say about it: a partition with a unit among them always has one, and so
 * has one whose frontier moved. */
int64_t ledger_offset(const struct ledger *ledger, const struct ledger_partition *home,
                      size_t count);
/* The transaction was committed: its units are freed, its offsets are the group's. */
void ledger_committed(struct ledger *ledger, size_t count);

void ledger_free(struct ledger *ledger);

#endif
