#include "aggregator/due.h"

#include <stdlib.h>
#include <string.h>

#include "common/domain.h"
#include "common/memory.h"
#include "common/time.h"

static uint64_t hash_fnv1a(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return hash;
}

static int64_t day_end_ms(int64_t day)
{
    return (day + 1) * TIME_DAY_MS;
}

int64_t due_at_ms(const char *domain, int64_t day, int64_t grace_ms, int64_t spread_ms)
{
    int64_t spread = spread_ms > 0 ? (int64_t)(hash_fnv1a(domain) % (uint64_t)spread_ms) : 0;
    return day_end_ms(day) + grace_ms + spread;
}

int64_t due_next_ms(const char *domain, int64_t day, int64_t grace_ms, int64_t spread_ms,
                    int64_t watermark_ms)
{
    int64_t due_ms = due_at_ms(domain, day, grace_ms, spread_ms);
    if (due_ms > watermark_ms)
        return due_ms;
    return due_ms + ((watermark_ms - due_ms) / TIME_DAY_MS + 1) * TIME_DAY_MS;
}

bool due_is_late(int64_t day, int64_t late_ms, int64_t watermark_ms)
{
    return day_end_ms(day) + late_ms <= watermark_ms;
}

static void grow_sources(struct watermarks *sources, size_t count)
{
    if (count <= sources->count)
        return;
    sources->t_ms = mem_resize(sources->t_ms, count, sizeof(*sources->t_ms));
    for (size_t i = sources->count; i < count; i++)
        sources->t_ms[i] = -1;
    sources->count = count;
}

void due_clock_hear(struct due_clock *clock, const struct watermark *heard, int64_t now_ms)
{
    int64_t heard_ms = heard->t_ms < now_ms ? heard->t_ms : now_ms;
    if (heard->source < 0 || heard->source >= heard->of || heard->of > DUE_SOURCES_MAX)
        return;
    grow_sources(&clock->sources, (size_t)heard->of);
    int64_t *t_ms = &clock->sources.t_ms[heard->source];
    if (heard_ms > *t_ms)
        *t_ms = heard_ms;
}

bool due_clock_restore(struct due_clock *clock, struct watermarks stored, int64_t now_ms)
{
    bool ahead = false;
    due_clock_free(clock);
    clock->sources = stored;
    for (size_t i = 0; i < stored.count; i++) {
        if (stored.t_ms[i] <= now_ms)
            continue;
        stored.t_ms[i] = now_ms;
        ahead = true;
    }
    return ahead;
}

int64_t due_clock_read(struct due_clock *clock, int64_t now_ms)
{
    int64_t least_ms = clock->sources.count > 0 ? now_ms : -1;
    for (size_t i = 0; i < clock->sources.count; i++)
        if (clock->sources.t_ms[i] < least_ms)
            least_ms = clock->sources.t_ms[i];
    if (least_ms > clock->least_ms)
        clock->least_ms = least_ms;
    return clock->least_ms;
}

void due_clock_free(struct due_clock *clock)
{
    watermarks_free(&clock->sources);
    clock->least_ms = -1;
}

/* `name` or `.name` in D1's form, or NULL. Owned by the caller. */
static char *exclusion(const char *text)
{
    const char *name = *text == '.' ? text + 1 : text;
    char domain[DOMAIN_MAX];
    if (!domain_normalize(name, strlen(name), domain))
        return NULL;
    return mem_printf("%s%s", *text == '.' ? "." : "", domain);
}

int due_exclusions(const struct text_list *configured, struct text_list *rules, struct error *err)
{
    struct text_list made = {0};
    for (size_t i = 0; i < configured->count; i++) {
        char *rule = exclusion(configured->items[i]);
        if (!rule) {
            text_list_free(&made);
            return error_set(err, ERROR_CONFIG, "report.exclude_domains: \"%.254s\" is no domain",
                             configured->items[i]);
        }
        text_list_take(&made, rule);
    }
    for (size_t i = 0; i < made.count; i++)
        text_list_add(rules, made.items[i], strlen(made.items[i]));
    text_list_free(&made);
    return 0;
}

bool due_is_excluded(const struct text_list *rules, const char *domain)
{
    for (size_t i = 0; i < rules->count; i++)
        if (domain_matches(domain, rules->items[i]))
            return true;
    return false;
}

/* The queue is a binary heap: the children of place p are 2p+1 and 2p+2, neither earlier than p. */
static void put(struct due_queue *queue, struct due_slot *slot, size_t place)
{
    queue->slots[place] = slot;
    slot->place = place;
}

static void rise(struct due_queue *queue, struct due_slot *slot, size_t place)
{
    while (place > 0) {
        size_t parent = (place - 1) / 2;
        if (queue->slots[parent]->due_ms <= slot->due_ms)
            break;
        put(queue, queue->slots[parent], place);
        place = parent;
    }
    put(queue, slot, place);
}

static void sink(struct due_queue *queue, struct due_slot *slot, size_t place)
{
    for (;;) {
        size_t child = 2 * place + 1;
        if (child >= queue->count)
            break;
        if (child + 1 < queue->count &&
            queue->slots[child + 1]->due_ms < queue->slots[child]->due_ms)
            child++;
        if (slot->due_ms <= queue->slots[child]->due_ms)
            break;
        put(queue, queue->slots[child], place);
        place = child;
    }
    put(queue, slot, place);
}

void due_queue_add(struct due_queue *queue, struct due_slot *slot)
{
    if (queue->count == queue->capacity) {
        queue->capacity = queue->capacity ? 2 * queue->capacity : 64;
        queue->slots = mem_resize(queue->slots, queue->capacity, sizeof(struct due_slot *));
    }
    queue->count++;
    rise(queue, slot, queue->count - 1);
}

void due_queue_remove(struct due_queue *queue, struct due_slot *slot)
{
    struct due_slot *last = queue->slots[--queue->count];
    if (last == slot)
        return;
    size_t place = slot->place;
    sink(queue, last, place);
    if (last->place == place)
        rise(queue, last, place);
}

struct due_slot *due_queue_first(const struct due_queue *queue)
{
    return queue->count > 0 ? queue->slots[0] : NULL;
}

void due_queue_free(struct due_queue *queue)
{
    free(queue->slots);
    *queue = (struct due_queue){0};
}
