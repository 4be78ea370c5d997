#include "producer/combine.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/text.h"
#include "common/wire/tally.h"

#define uthash_malloc(size_bytes) mem_alloc(size_bytes)
#include <uthash.h>

struct entry {
    char *key; /* owned: all that makes two sessions the same */
    char *domain;
    struct event event;
    UT_hash_handle hh;
};

struct combine {
    struct entry *entries; /* uthash keeps the order of arrival */
    struct buffer key;     /* room for the next one */
};

struct combine *combine_new(void)
{
    return mem_alloc(sizeof(struct combine));
}

static void entry_free(struct entry *entry)
{
    free(entry->key);
    free(entry->domain);
    event_free(&entry->event);
    free(entry);
}

/* One text of the key. None of them holds a NUL, so that no two lists of texts look alike. */
static void key_text(struct buffer *key, const char *text)
{
    buffer_text(key, text ? "+" : "-");
    buffer_add(key, text ? text : "", text ? strlen(text) + 1 : 0);
}

static void key_list(struct buffer *key, const struct text_list *list)
{
    buffer_printf(key, "%zu", list->count);
    for (size_t i = 0; i < list->count; i++)
        key_text(key, list->items[i]);
}

static void key_write(struct buffer *key, const char *domain, const struct event *event)
{
    buffer_clear(key);
    key_text(key, domain);
    buffer_printf(key, "%lld", (long long)event->day);
    key_text(key, event->policy.type);
    key_list(key, &event->policy.strings);
    key_list(key, &event->policy.mx);
    key_text(key, event->detail.result_type);
    for (size_t i = 0; i < DETAIL_MEMBERS; i++)
        key_text(key, event->detail.members[i]);
}

static void count_more(struct event *event, int64_t sessions)
{
    int64_t room = TALLY_COUNT_MAX - event->sessions;
    event->sessions += sessions < room ? sessions : room;
}

void combine_add(struct combine *combine, const char *domain, struct event *event)
{
    struct entry *entry = NULL;
    key_write(&combine->key, domain, event);
    HASH_FIND(hh, combine->entries, combine->key.bytes, combine->key.length, entry);
    if (entry) {
        count_more(&entry->event, event->sessions);
        event_free(event);
        *event = (struct event){0};
        return;
    }
    entry = mem_alloc(sizeof(*entry));
    entry->key = mem_copy(combine->key.bytes, combine->key.length);
    entry->domain = mem_text(domain);
    entry->event = *event;
    *event = (struct event){0};
    HASH_ADD_KEYPTR(hh, combine->entries, entry->key, combine->key.length, entry);
}

void combine_drain(struct combine *combine,
                   void (*visit)(void *context, const char *domain, const struct event *event),
                   void *context)
{
    struct entry *entry, *next;
    HASH_ITER(hh, combine->entries, entry, next)
    {
        visit(context, entry->domain, &entry->event);
        HASH_DEL(combine->entries, entry);
        entry_free(entry);
    }
}

static void forget(void *context, const char *domain, const struct event *event)
{
    (void)context;
    (void)domain;
    (void)event;
}

void combine_free(struct combine **combine)
{
    if (!*combine)
        return;
    combine_drain(*combine, forget, NULL);
    buffer_free(&(*combine)->key);
    free(*combine);
    *combine = NULL;
}
