/* table: reads a compacted topic to its end, always anew: the loop's twin.
 *
 * Taking over: the caller first asks the group's committed offset (which waits until the last
 * owner's transaction is decided), then begins: the end offset is asked read uncommitted, and
 * everything committed up to it is read. */
#ifndef COMMON_KAFKA_TABLE_H
#define COMMON_KAFKA_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config.h"
#include "common/error.h"
#include "common/kafka/message.h"

struct table; /* opaque */

/* record is borrowed for the call (record_output and the like are not for it); a NULL value is a
 * tombstone. -1 with err stops the reading. */
typedef int table_visit(void *context, struct record *record, struct error *err);

/* topic without prefix. Owned by the caller. NULL with ERROR_FATAL. */
struct table *table_new(const struct config *config, const char *topic, struct error *err);
void table_free(struct table **table);

/* Starts to read one partition from its beginning; asks for its end. ERROR_RETRY while the broker
 * does not answer. */
int table_begin(struct table *table, int32_t partition, struct error *err) MUST_USE;
void table_forget(struct table *table, int32_t partition);
/* Reads for at most timeout_ms. */
int table_poll(struct table *table, int64_t timeout_ms, table_visit *visit, void *context,
               struct error *err) MUST_USE;
bool table_is_complete(const struct table *table, int32_t partition);

/* For verbs: reads every partition of any topic, compacted or not, to the end it has now. */
int table_read_all(const struct config *config, const char *topic, table_visit *visit,
                   void *context, struct error *err) MUST_USE;

#endif
