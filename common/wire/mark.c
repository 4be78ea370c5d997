#include "common/wire/mark.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/wire/event.h"

#define VERSION 1

char *mark_key(const struct mark *mark)
{
    return mem_printf("%s/%d/%s", mark->uuid, (int)mark->shard, mark->history);
}

struct json_object *mark_to_json(const struct mark *mark)
{
    struct json_object *json = mem_check(json_object_new_object());
    json_add_integer(json, "v", VERSION);
    json_add_text(json, "index", mark->index);
    json_add_integer(json, "planned", mark->planned);
    json_add_integer(json, "since", mark->since_ms);
    return json;
}

static bool read_shard(const char *text, int32_t *shard)
{
    int64_t number = 0;
    size_t digits = strspn(text, "0123456789");
    if (digits < 1 || digits > 10 || text[digits] != '/')
        return false;
    for (size_t i = 0; i < digits; i++)
        number = number * 10 + (text[i] - '0');
    if (number > INT32_MAX)
        return false;
    *shard = (int32_t)number;
    return true;
}

/* Identities hold no slash. key is NUL-terminated. */
static int read_key(const char *key, struct mark *mark, struct error *err)
{
    size_t uuid_bytes = strcspn(key, "/");
    const char *shard = key + uuid_bytes + (key[uuid_bytes] == '/');
    const char *history = shard + strcspn(shard, "/");
    history += *history == '/';
    if (!uuid_bytes || !*history || strchr(history, '/') || !read_shard(shard, &mark->shard))
        return error_set(err, ERROR_REJECT, "key: not UUID/SHARD/HISTORY");
    mark->uuid = mem_copy(key, uuid_bytes);
    mark->history = mem_text(history);
    return 0;
}

int mark_from_json(const char *key, size_t key_bytes, struct json_object *json, struct mark *mark,
                   struct error *err)
{
    struct mark read = {0};
    const char *index = NULL;
    if (wire_check_version(json, VERSION, err) < 0 ||
        json_get_text(json, "index", &index, err) < 0 ||
        json_get_integer(json, "planned", -1, INT64_MAX, &read.planned, err) < 0 ||
        json_get_integer(json, "since", 0, INT64_MAX, &read.since_ms, err) < 0)
        return -1;
    char *text = mem_copy(key, key_bytes);
    int result = strlen(text) == key_bytes
                     ? read_key(text, &read, err)
                     : error_set(err, ERROR_REJECT, "key: not UUID/SHARD/HISTORY");
    free(text);
    if (result < 0)
        return -1;
    read.index = mem_text(index);
    *mark = read;
    return 0;
}

void mark_free(struct mark *mark)
{
    free(mark->index);
    free(mark->uuid);
    free(mark->history);
    *mark = (struct mark){0};
}
