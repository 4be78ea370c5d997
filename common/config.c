#include "common/config.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/config_find.h"
#include "common/config_judge.h"
#include "common/config_property.h"
#include "common/config_value.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/secret.h"

#define KAFKA "kafka."

#define BYTE_ORDER_MARK "\xef\xbb\xbf"

/* The value that a key has now. */
struct entry {
    char *text;            /* NULL: none */
    char *origin;          /* "tlsrpt.conf:12", "-o"; NULL: the default */
    struct text_list list; /* LIST */
    int64_t number;        /* INTEGER, DURATION in ms */
    size_t source;         /* which file or option it came from; 0: the default */
};

struct property {
    char *name; /* without "kafka." */
    struct entry entry;
};

struct config {
    enum config_program program;
    struct entry *entries; /* one for each of config_keys */
    struct property *properties;
    size_t property_count;
    size_t sources; /* files and options read so far */
};

/* Where a value stands, for messages and for finding duplicates. */
struct place {
    const char *origin;
    size_t source;
};

/* ---- values ---- */

static void entry_clear(struct entry *entry)
{
    free(entry->text);
    free(entry->origin);
    text_list_free(&entry->list);
    *entry = (struct entry){0};
}

/* The one setter, for defaults and for users. */
static int entry_set(struct entry *entry, const struct config_key *key, const char *text,
                     const struct place *place, struct error *err)
{
    int64_t number;
    if (config_value_parse(key, text, &number, err) < 0)
        return -1;
    entry_clear(entry);
    entry->text = *text ? mem_text(text) : NULL;
    entry->origin = mem_text(place->origin);
    entry->source = place->source;
    entry->number = number;
    if (key->type == CONFIG_LIST)
        text_list_split(&entry->list, text);
    return 0;
}

/* ---- keys ---- */

static int unknown_key(const char *name, struct error *err)
{
    const struct config_key *nearest = config_find_nearest(name);
    if (!nearest)
        return error_set(err, ERROR_CONFIG, "unknown key (--help lists them all)");
    return error_set(err, ERROR_CONFIG, "unknown key; did you mean %s?", nearest->name);
}

static struct property *property_find(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->property_count; i++)
        if (strcmp(config->properties[i].name, name) == 0)
            return &config->properties[i];
    return NULL;
}

static struct property *property_add(struct config *config, const char *name)
{
    size_t count = config->property_count + 1;
    config->properties = mem_resize(config->properties, count, sizeof(*config->properties));
    struct property *property = &config->properties[config->property_count++];
    *property = (struct property){.name = mem_text(name)};
    return property;
}

static int duplicate_check(const struct entry *entry, const struct place *place, struct error *err)
{
    if (entry->source != place->source)
        return 0;
    return error_set(err, ERROR_CONFIG, "set already at %s", entry->origin);
}

static int property_set(struct config *config, const char *name, const char *value,
                        const struct place *place, struct error *err)
{
    struct property *property = property_find(config, name);
    if (config_property_check(name, value, err) < 0)
        return -1;
    if (property && duplicate_check(&property->entry, place, err) < 0)
        return -1;
    if (!property)
        property = property_add(config, name);
    entry_clear(&property->entry);
    property->entry.text = mem_text(value);
    property->entry.origin = mem_text(place->origin);
    property->entry.source = place->source;
    return 0;
}

static int key_set(struct config *config, const char *name, const char *value,
                   const struct place *place, struct error *err)
{
    if (strncmp(name, KAFKA, strlen(KAFKA)) == 0)
        return property_set(config, name + strlen(KAFKA), value, place, err);
    const struct config_key *key = config_find(name);
    if (!key)
        return unknown_key(name, err);
    struct entry *entry = &config->entries[key - config_keys];
    if (duplicate_check(entry, place, err) < 0)
        return -1;
    return entry_set(entry, key, value, place, err);
}

/* ---- reading ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Cuts the blanks off both ends, in place. */
static char *trim(char *text)
{
    size_t length = strlen(text);
    while (length > 0 && is_blank(text[length - 1]))
        text[--length] = '\0';
    while (is_blank(*text))
        text++;
    return text;
}

/* `#` begins a comment only where it cannot be part of a value: first, or after a blank. */
static void cut_comment(char *line)
{
    for (size_t i = 0; line[i]; i++)
        if (line[i] == '#' && (i == 0 || is_blank(line[i - 1]))) {
            line[i] = '\0';
            return;
        }
}

/* `key = value`, in place. */
static int assign(struct config *config, char *text, const struct place *place, struct error *err)
{
    char *equals = strchr(text, '=');
    if (!equals) {
        error_set(err, ERROR_CONFIG, "\"%s\" is not key = value", text);
        return error_wrap(err, "%s", place->origin);
    }
    *equals = '\0';
    char *name = trim(text);
    char *value = trim(equals + 1);
    for (char *c = value; *c; c++)
        if (*c == '\t')
            *c = ' ';
    if (key_set(config, name, value, place, err) < 0)
        return error_wrap(err, "%s: %s", place->origin, name);
    return 0;
}

static int line_read(struct config *config, char *line, size_t length_bytes,
                     const struct place *place, struct error *err)
{
    if (strlen(line) != length_bytes)
        return error_set(err, ERROR_CONFIG, "%s: a NUL byte", place->origin);
    if (strncmp(line, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0)
        line += strlen(BYTE_ORDER_MARK); /* some editors cannot help it */
    cut_comment(line);
    char *text = trim(line);
    return *text ? assign(config, text, place, err) : 0;
}

static int lines_read(struct config *config, const char *path, FILE *file, struct error *err)
{
    char *line = NULL;
    size_t room = 0;
    int result = 0;
    for (size_t number = 1; result == 0; number++) {
        ssize_t length = getline(&line, &room, file);
        if (length < 0)
            break;
        char *origin = mem_printf("%s:%zu", path, number);
        struct place place = {origin, config->sources};
        result = line_read(config, line, (size_t)length, &place, err);
        free(origin);
    }
    free(line);
    if (result == 0 && ferror(file))
        return error_set(err, ERROR_CONFIG, "%s: %s", path, strerror(errno));
    return result;
}

int config_read_file(struct config *config, const char *path, struct error *err)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return error_set(err, ERROR_CONFIG, "%s: %s", path, strerror(errno));
    config->sources++;
    int result = lines_read(config, path, file, err);
    fclose(file);
    return result;
}

int config_set(struct config *config, const char *assignment, struct error *err)
{
    struct place place = {"-o", ++config->sources};
    char *text = mem_text(assignment);
    int result = assign(config, text, &place, err);
    free(text);
    return result;
}

/* ---- what only the whole tells ---- */

static const char *origin_of(const struct entry *entry)
{
    return entry->origin ? entry->origin : "default";
}

static int complain(const struct entry *entry, const char *name, const char *item,
                    const char *complaint, struct error *err)
{
    return error_set(err, ERROR_CONFIG, "%s: %s: \"%s\" %s", origin_of(entry), name, item,
                     complaint);
}

/* Authorities are no secret, but have to be there. */
static const char *authorities_judge(const char *path)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return "cannot be read";
    X509 *certificate = PEM_read_X509(file, NULL, NULL, NULL);
    bool good = certificate != NULL;
    X509_free(certificate);
    ERR_clear_error();
    fclose(file);
    return good ? NULL : "holds no PEM certificate";
}

static const char *judge(const char *name, const char *item)
{
    static const char *const files[] = {"elastic.ca_file", "https.ca_file"};
    for (size_t i = 0; i < NELEMS(files); i++)
        if (strcmp(files[i], name) == 0)
            return authorities_judge(item);
    return config_judge(name, item);
}

static int item_judge(const struct entry *entry, const char *name, const char *item,
                      struct error *err)
{
    const char *complaint = judge(name, item);
    return complaint ? complain(entry, name, item, complaint, err) : 0;
}

static int entry_judge(const struct entry *entry, const struct config_key *key, struct error *err)
{
    if (key->type != CONFIG_LIST)
        return entry->text ? item_judge(entry, key->name, entry->text, err) : 0;
    for (size_t i = 0; i < entry->list.count; i++)
        if (item_judge(entry, key->name, entry->list.items[i], err) < 0)
            return -1;
    return 0;
}

static int entries_judge(const struct config *config, struct error *err)
{
    for (const struct config_key *key = config_keys; key->name; key++) {
        const struct entry *entry = &config->entries[key - config_keys];
        if ((key->programs & config->program) && entry_judge(entry, key, err) < 0)
            return -1;
    }
    return 0;
}

static int secret_check(const struct entry *entry, const char *name, struct error *err)
{
    const char *complaint = secret_judge(entry->text);
    return complaint ? complain(entry, name, entry->text, complaint, err) : 0;
}

static int secrets_check(const struct config *config, struct error *err)
{
    for (const struct config_key *key = config_keys; key->name; key++) {
        const struct entry *entry = &config->entries[key - config_keys];
        bool ours = key->type == CONFIG_FILE && (key->programs & config->program);
        if (ours && entry->text && secret_check(entry, key->name, err) < 0)
            return -1;
    }
    return 0;
}

static int properties_check(const struct config *config, struct error *err)
{
    for (size_t i = 0; i < config->property_count; i++) {
        const struct property *property = &config->properties[i];
        size_t stem = config_property_stem(property->name);
        if (stem == 0)
            continue;
        char *name = mem_printf(KAFKA "%s", property->name);
        char *plain = mem_copy(property->name, stem);
        int result = property_find(config, plain)
                         ? complain(&property->entry, name, property->entry.text,
                                    "is one of two: the property itself is set too", err)
                         : secret_check(&property->entry, name, err);
        free(plain);
        free(name);
        if (result < 0)
            return -1;
    }
    return 0;
}

int config_finish(struct config *config, struct error *err)
{
    if (entries_judge(config, err) < 0 || secrets_check(config, err) < 0)
        return -1;
    return properties_check(config, err);
}

/* ---- life ---- */

static size_t key_count(void)
{
    size_t count = 0;
    while (config_keys[count].name)
        count++;
    return count;
}

struct config *config_new(enum config_program program)
{
    struct config *config = mem_alloc(sizeof(*config));
    config->program = program;
    config->entries = mem_alloc(key_count() * sizeof(*config->entries));
    for (const struct config_key *key = config_keys; key->name; key++) {
        const struct place place = {NULL, 0};
        struct error err;
        if (!key->fallback)
            continue;
        if (entry_set(&config->entries[key - config_keys], key, key->fallback, &place, &err) < 0)
            log_panic("config: default of %s: %s", key->name, err.text);
    }
    return config;
}

void config_free(struct config **config)
{
    struct config *old = *config;
    *config = NULL;
    if (!old)
        return;
    for (size_t i = 0; i < key_count(); i++)
        entry_clear(&old->entries[i]);
    for (size_t i = 0; i < old->property_count; i++) {
        free(old->properties[i].name);
        entry_clear(&old->properties[i].entry);
    }
    free(old->properties);
    free(old->entries);
    free(old);
}

/* ---- access ---- */

static const struct entry *entry_get(const struct config *config, const char *name, unsigned types)
{
    const struct config_key *key = config_find(name);
    if (!key || !(key->programs & config->program))
        log_panic("config: %s is no key of this program", name);
    if (!(types & 1u << key->type))
        log_panic("config: %s is of another type", name);
    return &config->entries[key - config_keys];
}

const char *config_text(const struct config *config, const char *name)
{
    return entry_get(config, name, 1u << CONFIG_TEXT | 1u << CONFIG_CHOICE)->text;
}

int64_t config_integer(const struct config *config, const char *name)
{
    return entry_get(config, name, 1u << CONFIG_INTEGER)->number;
}

int64_t config_duration_ms(const struct config *config, const char *name)
{
    return entry_get(config, name, 1u << CONFIG_DURATION)->number;
}

const struct text_list *config_list(const struct config *config, const char *name)
{
    return &entry_get(config, name, 1u << CONFIG_LIST)->list;
}

bool config_is_set(const struct config *config, const char *name)
{
    if (strncmp(name, KAFKA, strlen(KAFKA)) == 0)
        return property_find(config, name + strlen(KAFKA)) != NULL;
    const struct entry *entry = entry_get(config, name, ~0u);
    return entry->source > 0 && entry->text;
}

int config_complain(const struct config *config, const char *name, struct error *err,
                    const char *format, ...)
{
    const struct entry *entry = entry_get(config, name, ~0u);
    char text[sizeof(err->text)];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return error_set(err, ERROR_CONFIG, "%s: %s: %s", origin_of(entry), name, text);
}

/* ---- secrets ---- */

int config_secret(const struct config *config, const char *name, char **secret, struct error *err)
{
    const char *path = entry_get(config, name, 1u << CONFIG_FILE)->text;
    if (path)
        return secret_read(path, secret, err) < 0 ? error_wrap(err, "%s", name) : 0;
    *secret = NULL;
    return 0;
}

/* ---- librdkafka's properties ---- */

int config_each_kafka(const struct config *config,
                      int (*visit)(void *context, const char *name, const char *value,
                                   struct error *err),
                      void *context, struct error *err)
{
    for (size_t i = 0; i < config->property_count; i++) {
        const struct property *property = &config->properties[i];
        size_t stem = config_property_stem(property->name);
        char *value = NULL;
        if (stem > 0 && secret_read(property->entry.text, &value, err) < 0)
            return error_wrap(err, KAFKA "%s", property->name);
        char *name = mem_copy(property->name, stem ? stem : strlen(property->name));
        int result = visit(context, name, value ? value : property->entry.text, err);
        if (result < 0)
            error_wrap(err, "%s: " KAFKA "%s", property->entry.origin, property->name);
        free(name);
        free(value);
        if (result < 0)
            return -1;
    }
    return 0;
}

/* ---- showing ---- */

/* Can be read again as a configuration file. */
void config_print_effective(const struct config *config, FILE *out)
{
    for (const struct config_key *key = config_keys; key->name; key++) {
        const struct entry *entry = &config->entries[key - config_keys];
        if (!(key->programs & config->program))
            continue;
        if (entry->text)
            fprintf(out, "%s = %s  # %s\n", key->name, entry->text, origin_of(entry));
        else
            fprintf(out, "# %s is not set\n", key->name);
    }
    for (size_t i = 0; i < config->property_count; i++) {
        const struct property *property = &config->properties[i];
        bool secret = config_property_is_secret(property->name);
        fprintf(out, KAFKA "%s = %s  # %s\n", property->name,
                secret ? "(redacted)" : property->entry.text, property->entry.origin);
    }
}
