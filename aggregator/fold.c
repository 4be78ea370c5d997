#include "aggregator/fold.h"

#include <stdlib.h>
#include <string.h>

#include "aggregator/due.h"
#include "aggregator/render.h"
#include "common/memory.h"

#define uthash_malloc(size) mem_alloc(size)
#include <uthash.h>
#include <utlist.h>

struct entry {
    struct due_slot slot; /* first: the queue gives the entry back as its slot */
    struct tally *tally;  /* owned */
    bool touched;
    struct entry *prev, *next; /* on the touched list */
    UT_hash_handle hh;
    size_t key_bytes;
    char key[]; /* struct key's bytes */
};

struct fold {
    struct fold_rules rules;
    struct entry *entries; /* uthash */
    struct entry *touched; /* utlist */
    size_t touched_count;
    size_t touched_bytes;
    struct due_queue queue;
};

struct key {
    char bytes[sizeof(int64_t) + DOMAIN_MAX];
    size_t length;
};

static void key_make(struct key *key, const char *domain, int64_t day)
{
    size_t domain_bytes = strnlen(domain, DOMAIN_MAX - 1);
    memcpy(key->bytes, &day, sizeof(day));
    memcpy(key->bytes + sizeof(day), domain, domain_bytes);
    key->length = sizeof(day) + domain_bytes;
}

struct fold *fold_new(const struct fold_rules *rules)
{
    struct fold *fold = mem_alloc(sizeof(*fold));
    fold->rules = *rules;
    return fold;
}

bool fold_domain(const char *key, size_t key_bytes, char domain[DOMAIN_MAX])
{
    char normal[DOMAIN_MAX];
    if (!key || !domain_normalize(key, key_bytes, normal))
        return false;
    if (strlen(normal) != key_bytes || memcmp(normal, key, key_bytes) != 0)
        return false;
    memcpy(domain, normal, key_bytes + 1);
    return true;
}

static struct entry *entry_find(const struct fold *fold, const struct key *key)
{
    struct entry *entry;
    HASH_FIND(hh, fold->entries, key->bytes, key->length, entry);
    return entry;
}

static struct entry *entry_of(const struct fold *fold, const char *domain, int64_t day)
{
    struct key key;
    key_make(&key, domain, day);
    return entry_find(fold, &key);
}

static int64_t slot_ms(const struct fold *fold, const struct tally *tally, int64_t watermark_ms)
{
    return due_next_ms(tally->domain, tally->day, fold->rules.grace_ms, fold->rules.spread_ms,
                       watermark_ms);
}

/* Takes tally, for which there is no entry yet. */
static struct entry *entry_add(struct fold *fold, const struct key *key, struct tally *tally,
                               int64_t watermark_ms)
{
    struct entry *entry = mem_alloc(sizeof(*entry) + key->length);
    entry->tally = tally;
    entry->key_bytes = key->length;
    memcpy(entry->key, key->bytes, key->length);
    HASH_ADD_KEYPTR(hh, fold->entries, entry->key, entry->key_bytes, entry);
    entry->slot.due_ms = slot_ms(fold, tally, watermark_ms);
    due_queue_add(&fold->queue, &entry->slot);
    return entry;
}

static void touch(struct fold *fold, struct entry *entry)
{
    if (entry->touched)
        return;
    entry->touched = true;
    DL_APPEND(fold->touched, entry);
    fold->touched_count++;
    fold->touched_bytes += entry->tally->bytes;
}

static void untouch(struct fold *fold, struct entry *entry)
{
    if (!entry->touched)
        return;
    entry->touched = false;
    DL_DELETE(fold->touched, entry);
    fold->touched_count--;
    fold->touched_bytes -= entry->tally->bytes;
}

static void entry_remove(struct fold *fold, struct entry *entry)
{
    untouch(fold, entry);
    due_queue_remove(&fold->queue, &entry->slot);
    HASH_DEL(fold->entries, entry);
    tally_free(&entry->tally);
    free(entry);
}

void fold_free(struct fold **fold)
{
    if (!*fold)
        return;
    struct entry *entry, *next;
    HASH_ITER(hh, (*fold)->entries, entry, next)
    {
        entry_remove(*fold, entry);
    }
    due_queue_free(&(*fold)->queue);
    free(*fold);
    *fold = NULL;
}

/* D10. Returns FOLD_SATURATED if n did not fit. */
static unsigned count_add(int64_t *count, int64_t n)
{
    bool fits = n <= TALLY_COUNT_MAX - *count;
    *count = fits ? *count + n : TALLY_COUNT_MAX;
    return fits ? 0 : FOLD_SATURATED;
}

/* The place of wanted in a tally's sorted policies, or where it belongs. */
static size_t policy_place(const struct tally *tally, const struct policy *wanted, bool *found)
{
    size_t low = 0, high = tally->policy_count;
    *found = false;
    while (low < high && !*found) {
        size_t middle = low + (high - low) / 2;
        int order = policy_compare(&tally->policies[middle].policy, wanted);
        *found = order == 0;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return high;
}

static size_t detail_place(const struct tally_policy *counted, const struct detail *wanted,
                           bool *found)
{
    size_t low = 0, high = counted->detail_count;
    *found = false;
    while (low < high && !*found) {
        size_t middle = low + (high - low) / 2;
        int order = detail_compare(&counted->details[middle].detail, wanted);
        *found = order == 0;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return high;
}

/* Makes room for one more item at place of an array of `count`: grown by one, for new identities
 * are rare beside events, and the array of a snapshot that was read is as long as its content. */
static void *open_gap(void *items, size_t *count, size_t size_bytes, size_t place)
{
    char *grown = mem_resize(items, *count + 1, size_bytes);
    char *gap = grown + place * size_bytes;
    memmove(gap + size_bytes, gap, (*count - place) * size_bytes);
    memset(gap, 0, size_bytes);
    (*count)++;
    return grown;
}

static struct tally_policy *policy_insert(struct tally *tally, const struct policy *policy,
                                          size_t place, size_t bytes)
{
    tally->policies =
        open_gap(tally->policies, &tally->policy_count, sizeof(*tally->policies), place);
    policy_copy(&tally->policies[place].policy, policy);
    tally->bytes += bytes;
    return &tally->policies[place];
}

static struct tally_detail *detail_insert(struct tally *tally, struct tally_policy *counted,
                                          const struct detail *detail, size_t place, size_t bytes)
{
    counted->details =
        open_gap(counted->details, &counted->detail_count, sizeof(*counted->details), place);
    detail_copy(&counted->details[place].detail, detail);
    tally->bytes += bytes;
    return &counted->details[place];
}

static bool policy_is_bare(const struct policy *policy)
{
    return policy->strings.count == 0 && policy->mx.count == 0;
}

static bool detail_is_bare(const struct detail *detail)
{
    for (size_t i = 0; i < DETAIL_MEMBERS; i++)
        if (detail->members[i])
            return false;
    return true;
}

/* The policy under which a session of `policy` counts. D19: what has no room any more counts under
 * its type alone, and that one has always room: there are three types. */
static struct tally_policy *policy_for(struct tally *tally, const struct policy *policy,
                                       unsigned *notes)
{
    bool found;
    size_t place = policy_place(tally, policy, &found);
    if (found)
        return &tally->policies[place];
    size_t bytes = render_policy_bytes(policy, tally->domain);
    bool room = tally->policy_count < FOLD_POLICIES_MAX && tally->bytes + bytes <= FOLD_BYTES_MAX;
    if (room || policy_is_bare(policy))
        return policy_insert(tally, policy, place, bytes);
    *notes |= FOLD_POLICY_FOLDED;
    struct policy bare = {.type = policy->type};
    return policy_for(tally, &bare, notes);
}

static size_t count_details(const struct tally *tally)
{
    size_t count = 0;
    for (size_t i = 0; i < tally->policy_count; i++)
        count += tally->policies[i].detail_count;
    return count;
}

/* As policy_for(); the detail without members has always room: there are eleven result types. */
static struct tally_detail *detail_for(const struct fold_rules *rules, struct tally *tally,
                                       struct tally_policy *counted, const struct detail *detail,
                                       unsigned *notes)
{
    bool found;
    size_t place = detail_place(counted, detail, &found);
    if (found)
        return &counted->details[place];
    size_t bytes = render_detail_bytes(detail);
    bool room = count_details(tally) < rules->details_max && tally->bytes + bytes <= FOLD_BYTES_MAX;
    if (room || detail_is_bare(detail))
        return detail_insert(tally, counted, detail, place, bytes);
    *notes |= FOLD_DETAIL_FOLDED;
    struct detail bare = {.result_type = detail->result_type};
    return detail_for(rules, tally, counted, &bare, notes);
}

/* The detail as reports have it: an empty member is an absent one. Its texts are still the event's.
 */
static struct detail detail_wanted(const struct fold_rules *rules, const struct detail *given)
{
    struct detail wanted = *given;
    for (size_t i = 0; i < DETAIL_MEMBERS; i++)
        if (wanted.members[i] && !wanted.members[i][0])
            wanted.members[i] = NULL;
    if (rules->omit_sending_ip)
        wanted.members[DETAIL_SENDING_MTA_IP] = NULL;
    return wanted;
}

/* A success has no detail; a failure is in exactly one (D10). */
static unsigned tally_count(const struct fold_rules *rules, struct tally *tally,
                            const struct event *event)
{
    unsigned notes = 0;
    struct tally_policy *counted = policy_for(tally, &event->policy, &notes);
    if (strcmp(event->detail.result_type, RESULT_SUCCESS) == 0)
        return notes | count_add(&counted->successes, event->sessions);
    struct detail wanted = detail_wanted(rules, &event->detail);
    struct tally_detail *detail = detail_for(rules, tally, counted, &wanted, &notes);
    notes |= count_add(&counted->failures, event->sessions);
    return notes | count_add(&detail->count, event->sessions);
}

static struct tally *tally_open(const struct fold *fold, const char *domain, int64_t day,
                                int32_t partition, int64_t offset)
{
    struct tally *tally = mem_alloc(sizeof(*tally));
    tally->domain = mem_text(domain);
    tally->day = day;
    tally->partition = partition;
    tally->offset = offset;
    tally->bytes = fold->rules.envelope_bytes;
    return tally;
}

unsigned fold_event(struct fold *fold, const char *domain, const struct event *event,
                    int32_t partition, int64_t offset, int64_t watermark_ms)
{
    struct key key;
    key_make(&key, domain, event->day);
    struct entry *entry = entry_find(fold, &key);
    if (!entry)
        entry = entry_add(fold, &key, tally_open(fold, domain, event->day, partition, offset),
                          watermark_ms);
    touch(fold, entry);
    size_t bytes_before = entry->tally->bytes;
    unsigned notes = tally_count(&fold->rules, entry->tally, event);
    fold->touched_bytes += entry->tally->bytes - bytes_before;
    return notes;
}

void fold_restore(struct fold *fold, struct tally *tally)
{
    struct key key;
    key_make(&key, tally->domain, tally->day);
    struct entry *entry = entry_find(fold, &key);
    if (entry)
        entry_remove(fold, entry);
    entry_add(fold, &key, tally, -1);
}

void fold_forget(struct fold *fold, const char *domain, int64_t day)
{
    struct entry *entry = entry_of(fold, domain, day);
    if (entry)
        entry_remove(fold, entry);
}

void fold_schedule(struct fold *fold, int64_t watermark_ms)
{
    struct entry *entry, *next;
    due_queue_free(&fold->queue);
    HASH_ITER(hh, fold->entries, entry, next)
    {
        entry->slot.due_ms = slot_ms(fold, entry->tally, watermark_ms);
        due_queue_add(&fold->queue, &entry->slot);
    }
}

struct tally *fold_next_due(const struct fold *fold, int64_t watermark_ms)
{
    const struct due_slot *slot = due_queue_first(&fold->queue);
    if (!slot || slot->due_ms > watermark_ms)
        return NULL;
    return ((const struct entry *)slot)->tally;
}

void fold_remove(struct fold *fold, struct tally *tally)
{
    fold_forget(fold, tally->domain, tally->day);
}

struct tally *fold_next_touched(struct fold *fold)
{
    struct entry *entry = fold->touched;
    if (!entry)
        return NULL;
    untouch(fold, entry);
    return entry->tally;
}

size_t fold_touched_count(const struct fold *fold)
{
    return fold->touched_count;
}

size_t fold_touched_bytes(const struct fold *fold)
{
    return fold->touched_bytes;
}

size_t fold_count(const struct fold *fold)
{
    return HASH_COUNT(fold->entries);
}

static int compare_tallies(const void *a, const void *b)
{
    const struct tally *left = *(struct tally *const *)a;
    const struct tally *right = *(struct tally *const *)b;
    if (left->day != right->day)
        return left->day < right->day ? -1 : 1;
    return strcmp(left->domain, right->domain);
}

struct tally **fold_list(const struct fold *fold)
{
    struct tally **list = mem_resize(NULL, fold_count(fold) + 1, sizeof(struct tally *));
    size_t count = 0;
    for (struct entry *entry = fold->entries; entry; entry = entry->hh.next)
        list[count++] = entry->tally;
    qsort(list, count, sizeof(struct tally *), compare_tallies);
    return list;
}
