#include "common/kafka/ledger.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/memory.h"

static void orphan_free(struct ledger *ledger, struct record *orphan)
{
    DL_DELETE(ledger->orphans, orphan);
    record_free(orphan);
}

static bool is_of(const struct record *record, const char *topic, int32_t partition)
{
    return record->partition == partition && strcmp(record->topic, topic) == 0;
}

struct ledger_partition *ledger_assign(struct ledger *ledger, const char *topic, int32_t partition,
                                       int64_t committed)
{
    struct record *orphan, *following;
    struct ledger_partition *home = mem_alloc(sizeof(*home));
    home->topic = topic;
    home->partition = partition;
    home->committed = committed;
    home->expected = committed;
    home->position = LEDGER_NO_OFFSET;
    DL_APPEND(ledger->partitions, home);
    DL_FOREACH_SAFE(ledger->orphans, orphan, following)
    {
        if (is_of(orphan, topic, partition) && orphan->offset < committed && orphan->finished)
            orphan_free(ledger, orphan);
    }
    return home;
}

struct ledger_partition *ledger_find(struct ledger *ledger, const char *topic, int32_t partition)
{
    struct ledger_partition *home;
    DL_FOREACH(ledger->partitions, home)
    {
        if (home->partition == partition && strcmp(home->topic, topic) == 0)
            return home;
    }
    return NULL;
}

static void unit_free(struct ledger *ledger, struct ledger_unit *unit)
{
    DL_DELETE2(ledger->units, unit, prev, next_unit);
    ledger->output_count -= unit->outputs.count;
    ledger->output_bytes -= unit->outputs.bytes;
    message_list_free(&unit->outputs);
    free(unit);
}

static void unit_add(struct ledger *ledger, struct ledger_partition *home, int64_t next,
                     struct message_list *outputs)
{
    if (outputs->count == 0)
        return;
    struct ledger_unit *unit = mem_alloc(sizeof(*unit));
    unit->home = home;
    unit->next = next;
    unit->outputs = *outputs;
    *outputs = (struct message_list){0};
    ledger->output_count += unit->outputs.count;
    ledger->output_bytes += unit->outputs.bytes;
    DL_APPEND2(ledger->units, unit, prev, next_unit);
}

static void records_forget(struct ledger *ledger, struct ledger_partition *home)
{
    struct record *record, *following;
    DL_FOREACH_SAFE(home->records, record, following)
    {
        DL_DELETE(home->records, record);
        record->home = NULL;
        if (record->finished || record->abandoned)
            record_free(record);
        else
            DL_APPEND(ledger->orphans, record);
    }
}

void ledger_forget(struct ledger *ledger, struct ledger_partition *home)
{
    struct ledger_unit *unit, *following;
    DL_FOREACH_SAFE2(ledger->units, unit, following, next_unit)
    {
        if (unit->home == home)
            unit_free(ledger, unit);
    }
    records_forget(ledger, home);
    DL_DELETE(ledger->partitions, home);
    free(home);
}

static struct record *orphan_find(struct ledger *ledger, const struct record *like)
{
    struct record *orphan;
    DL_FOREACH(ledger->orphans, orphan)
    {
        if (orphan->offset == like->offset && is_of(orphan, like->topic, like->partition))
            return orphan;
    }
    return NULL;
}

static void record_append(struct ledger_partition *home, struct record *record)
{
    record->home = home;
    DL_APPEND(home->records, record);
    home->record_count++;
}

/* Everything finished at the head becomes units: the finished prefix. */
static void prefix_advance(struct ledger *ledger, struct ledger_partition *home)
{
    while (home->records && home->records->finished) {
        struct record *head = home->records;
        DL_DELETE(home->records, head);
        home->record_count--;
        home->ahead_bytes -= head->outputs.bytes;
        unit_add(ledger, home, head->offset + 1, &head->outputs);
        record_free(head);
    }
}

static void record_finished(struct ledger *ledger, struct record *record)
{
    record->home->ahead_bytes += record->outputs.bytes;
    prefix_advance(ledger, record->home);
}

static void adopt(struct ledger *ledger, struct ledger_partition *home, struct record *orphan)
{
    DL_DELETE(ledger->orphans, orphan);
    record_append(home, orphan);
    if (orphan->finished)
        record_finished(ledger, orphan);
}

bool ledger_admit(struct ledger *ledger, struct ledger_partition *home, struct record *record)
{
    if (record->offset < home->expected) {
        record_free(record);
        return false;
    }
    home->expected = record->offset + 1;
    home->last_timestamp_ms = record->timestamp_ms;
    struct record *orphan = orphan_find(ledger, record);
    if (!orphan) {
        record_append(home, record);
        return true;
    }
    record_free(record);
    adopt(ledger, home, orphan);
    return false;
}

void ledger_finish(struct ledger *ledger, struct record *record)
{
    record->finished = true;
    if (record->home) /* else it waits as an orphan */
        record_finished(ledger, record);
}

void ledger_abandon(struct ledger *ledger, struct record *record)
{
    record->abandoned = true;
    if (!record->home)
        orphan_free(ledger, record);
}

int64_t ledger_frontier(const struct ledger_partition *home)
{
    if (home->records)
        return home->records->offset;
    return home->position > home->expected ? home->position : home->expected;
}

void ledger_emit(struct ledger *ledger, struct ledger_partition *home, struct message_list *outputs)
{
    unit_add(ledger, home, ledger_frontier(home), outputs);
}

int64_t ledger_waits_since_ms(struct ledger_partition *home, int64_t lag, int64_t now_ms)
{
    if (lag == 0) {
        home->idle_ms = now_ms;
        return now_ms;
    }
    if (home->records)
        return home->records->timestamp_ms;
    return home->last_timestamp_ms > home->idle_ms ? home->last_timestamp_ms : home->idle_ms;
}

size_t ledger_take(const struct ledger *ledger, size_t outputs_max, size_t bytes_max)
{
    size_t count = 0, outputs = 0, bytes = 0;
    const struct ledger_unit *unit;
    DL_FOREACH2(ledger->units, unit, next_unit)
    {
        outputs += unit->outputs.count;
        bytes += unit->outputs.bytes;
        if (count > 0 && (outputs > outputs_max || bytes > bytes_max))
            break;
        count++;
    }
    return count;
}

int64_t ledger_offset(const struct ledger *ledger, const struct ledger_partition *home,
                      size_t count)
{
    const struct ledger_unit *unit, *last_taken = NULL;
    size_t i = 0;
    DL_FOREACH2(ledger->units, unit, next_unit)
    {
        bool taken = i++ < count;
        if (unit->home != home)
            continue;
        if (!taken) /* what comes after it is not covered by this transaction */
            return last_taken ? last_taken->next : LEDGER_NO_OFFSET;
        last_taken = unit;
    }
    int64_t frontier = ledger_frontier(home);
    return last_taken || frontier > home->committed ? frontier : LEDGER_NO_OFFSET;
}

void ledger_committed(struct ledger *ledger, size_t count)
{
    struct ledger_partition *home;
    DL_FOREACH(ledger->partitions, home)
    {
        int64_t offset = ledger_offset(ledger, home, count);
        if (offset != LEDGER_NO_OFFSET)
            home->committed = offset;
    }
    while (count-- > 0)
        unit_free(ledger, ledger->units);
}

void ledger_free(struct ledger *ledger)
{
    while (ledger->partitions)
        ledger_forget(ledger, ledger->partitions);
    while (ledger->orphans)
        orphan_free(ledger, ledger->orphans);
}
