/* fake_worker: plays the loop, so that a job's edge is tested without a broker. A test that calls
 * fake_worker_run() is linked with these functions instead of common/kafka/worker's; the ledger and
 * the messages are the real ones. What the job wants to commit is what the test gets. */
#ifndef TESTS_SUPPORT_FAKE_WORKER_H
#define TESTS_SUPPORT_FAKE_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config.h"
#include "common/kafka/message.h"
#include "common/kafka/worker.h"

struct fake_worker; /* opaque; the struct worker that the job sees */

/* Runs the job; when it has reached its loop, script plays it. A failing job fails the test. */
void fake_worker_run(int (*job)(const struct config *config, struct error *err),
                     const struct config *config,
                     void (*script)(struct fake_worker *fake, void *context), void *context);

/* Partitions of every topic; 3 before. */
void fake_worker_partitions(struct fake_worker *fake, int32_t count);

/* The group gives the job a partition. Its table may follow, and its records come when it is ready.
 */
void fake_worker_assign(struct fake_worker *fake, const char *topic, int32_t partition,
                        int64_t committed);
void fake_worker_restore(struct fake_worker *fake, int32_t partition, const char *key,
                         const char *value);
void fake_worker_ready(struct fake_worker *fake, const char *topic, int32_t partition);

/* headers: name, text, name, text, ..., NULL; or NULL. All text is borrowed for the whole play. */
void fake_worker_record(struct fake_worker *fake, const char *topic, int32_t partition,
                        int64_t offset, const char *key, const char *value,
                        const char *const *headers);
/* What time it is from here on, for ticks and as the broker's timestamp of the records that come;
 * before: the real one, and 0 for records. */
void fake_worker_clock(struct fake_worker *fake, int64_t now_ms);
/* One turn: tick, then a short wait. */
void fake_worker_turn(struct fake_worker *fake);
/* Turns until everything before offset is finished; after FAKE_WORKER_PATIENCE_MS the test
 * fails. */
#define FAKE_WORKER_PATIENCE_MS 20000 /* for a machine under load: no condition takes so long */
void fake_worker_finish(struct fake_worker *fake, const char *topic, int32_t partition,
                        int64_t offset);
/* Only waits, as the loop does: for what the job waits for. */
void fake_worker_wait(struct fake_worker *fake, int64_t timeout_ms);
/* One call of drain, with no time left. What it said. */
bool fake_worker_drain_once(struct fake_worker *fake);
/* All as it should be: drains until the job says that it is done, commits, forgets. */
void fake_worker_revoke(struct fake_worker *fake, const char *topic, int32_t partition,
                        struct message_list *messages);
/* Neither drained nor committed: the session was lost. */
void fake_worker_lose(struct fake_worker *fake, const char *topic, int32_t partition);
/* Records of lost partitions that the job still works on, or has finished since. */
size_t fake_worker_orphans(const struct fake_worker *fake);

/* All that waits, in as many transactions as the caps need; messages is owned by the caller.
 * Returns how many transactions it took. */
size_t fake_worker_commit(struct fake_worker *fake, struct message_list *messages);
/* The most bytes of outputs that waited at any commit so far. */
size_t fake_worker_most_bytes(const struct fake_worker *fake);
/* What the group has: the offset of the last commit. */
int64_t fake_worker_committed(struct fake_worker *fake, const char *topic, int32_t partition);

#endif
