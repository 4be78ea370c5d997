#include "common/config_value.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "common/time.h"

/* "5m" for 300000: in the largest unit that divides it. */
static void duration_format(int64_t duration_ms, char text[CONFIG_VALUE_TEXT])
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"d", TIME_DAY_MS}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
    size_t i = 0;
    while (duration_ms % units[i].ms != 0)
        i++;
    if (duration_ms == 0)
        snprintf(text, CONFIG_VALUE_TEXT, "0");
    else
        snprintf(text, CONFIG_VALUE_TEXT, "%lld%s", (long long)(duration_ms / units[i].ms),
                 units[i].name);
}

void config_value_format(enum config_type type, int64_t number, char text[CONFIG_VALUE_TEXT])
{
    if (type == CONFIG_DURATION)
        duration_format(number, text);
    else
        snprintf(text, CONFIG_VALUE_TEXT, "%lld", (long long)number);
}

int config_value_integer(const char *text, int64_t *number)
{
    char *end;
    if (!isdigit((unsigned char)*text) && *text != '-')
        return -1;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || *end || end == text)
        return -1;
    *number = value;
    return 0;
}

static int number_parse(const struct config_key *key, const char *text, int64_t *number,
                        struct error *err)
{
    struct error ignored;
    int64_t value = 0;
    if (key->type == CONFIG_DURATION && time_duration_parse(text, &value, &ignored) < 0)
        return error_set(err, ERROR_CONFIG, "\"%s\" is not a duration (90s, 5m, 1h, 7d)", text);
    if (key->type == CONFIG_INTEGER && config_value_integer(text, &value) < 0)
        return error_set(err, ERROR_CONFIG, "\"%s\" is not a number", text);
    if ((key->min != 0 || key->max != 0) && (value < key->min || value > key->max)) {
        char min[CONFIG_VALUE_TEXT], max[CONFIG_VALUE_TEXT];
        config_value_format(key->type, key->min, min);
        config_value_format(key->type, key->max, max);
        return error_set(err, ERROR_CONFIG, "%s is not between %s and %s", text, min, max);
    }
    *number = value;
    return 0;
}

static int choice_check(const struct config_key *key, const char *text, struct error *err)
{
    struct text_list choices = {0};
    text_list_split(&choices, key->choices);
    bool known = text_list_has(&choices, text);
    text_list_free(&choices);
    return known ? 0 : error_set(err, ERROR_CONFIG, "\"%s\" is none of: %s", text, key->choices);
}

int config_value_check_text(const char *text, struct error *err)
{
    char *clean = text_clean(text, strlen(text), strlen(text) + 1);
    bool same = clean ? strcmp(clean, text) == 0 : !*text;
    free(clean);
    return same ? 0
                : error_set(err, ERROR_CONFIG, "the value is not UTF-8 or has control characters");
}

int config_value_parse(const struct config_key *key, const char *text, int64_t *number,
                       struct error *err)
{
    int64_t value = 0;
    bool numeric = key->type == CONFIG_DURATION || key->type == CONFIG_INTEGER;
    if (config_value_check_text(text, err) < 0)
        return -1;
    if (numeric && number_parse(key, text, &value, err) < 0)
        return -1;
    if (key->type == CONFIG_CHOICE && choice_check(key, text, err) < 0)
        return -1;
    if (!*text && key->fallback)
        return error_set(err, ERROR_CONFIG, "must not be empty");
    *number = value;
    return 0;
}
