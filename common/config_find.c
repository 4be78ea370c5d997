#include "common/config_find.h"

#include <stddef.h>
#include <string.h>

#include "common/memory.h"

const struct config_key *config_find(const char *name)
{
    for (const struct config_key *key = config_keys; key->name; key++)
        if (strcmp(key->name, name) == 0)
            return key;
    return NULL;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How many letters must change to make b of a (Levenshtein); keys are short. */
static size_t distance(const char *a, const char *b)
{
    size_t row[64];
    size_t columns = strlen(b);
    if (columns >= NELEMS(row))
        return columns;
    for (size_t j = 0; j <= columns; j++)
        row[j] = j;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < columns; j++) {
            size_t above = row[j + 1];
            size_t change = diagonal + (a[i] != b[j]);
            row[j + 1] = least(change, least(above, row[j]) + 1);
            diagonal = above;
        }
    }
    return row[columns];
}

const struct config_key *config_find_nearest(const char *name)
{
    const struct config_key *nearest = NULL;
    size_t best = strlen(name) / 3 + 1; /* farther ones are no slip of the finger */
    for (const struct config_key *key = config_keys; key->name; key++) {
        size_t far = distance(name, key->name);
        if (far < best) {
            best = far;
            nearest = key;
        }
    }
    return nearest;
}
