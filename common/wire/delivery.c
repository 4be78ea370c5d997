#include "common/wire/delivery.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/time.h"

#define NUMBER_TEXT 21 /* a 64-bit number, its sign, NUL */

typedef const char *header_get(void *context, const char *name);

static int read_text(header_get *get, void *context, const char *name, const char **text,
                     struct error *err)
{
    const char *found = get(context, name);
    if (!found || !*found)
        return error_set(err, ERROR_REJECT, "header %s: missing", name);
    *text = found;
    return 0;
}

/* Decimal digits only. */
static int read_number(header_get *get, void *context, const char *name, int64_t max,
                       int64_t *number, struct error *err)
{
    const char *text = NULL;
    if (read_text(get, context, name, &text, err) < 0)
        return -1;
    int64_t value = 0;
    for (; *text; text++) {
        if (*text < '0' || *text > '9' || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, *text - '0', &value))
            return error_set(err, ERROR_REJECT, "header %s: not a number", name);
    }
    if (value > max)
        return error_set(err, ERROR_REJECT, "header %s: out of range", name);
    *number = value;
    return 0;
}

static int read_day(header_get *get, void *context, int64_t *day, struct error *err)
{
    const char *text = NULL;
    if (read_text(get, context, DELIVERY_HEADER_DAY, &text, err) < 0)
        return -1;
    if (time_day_parse(text, day, err) < 0)
        return error_wrap(err, "header %s", DELIVERY_HEADER_DAY);
    return 0;
}

static int read_ms(header_get *get, void *context, const char *name, int64_t *ms, struct error *err)
{
    return read_number(get, context, name, DELIVERY_MS_MAX, ms, err);
}

static int read_attempts(header_get *get, void *context, int32_t *attempts, struct error *err)
{
    int64_t number = 0;
    if (read_number(get, context, DELIVERY_HEADER_ATTEMPT, DELIVERY_ATTEMPTS_MAX, &number, err) < 0)
        return -1;
    *attempts = (int32_t)number;
    return 0;
}

int delivery_from_headers(const char *(*get)(void *context, const char *name), void *context,
                          struct delivery *delivery, struct error *err)
{
    struct delivery read = {0};
    if (read_text(get, context, DELIVERY_HEADER_TARGET, &read.target, err) < 0 ||
        read_text(get, context, DELIVERY_HEADER_REPORT_ID, &read.report_id, err) < 0 ||
        read_text(get, context, DELIVERY_HEADER_DOMAIN, &read.domain, err) < 0 ||
        read_day(get, context, &read.day, err) < 0 ||
        read_ms(get, context, DELIVERY_HEADER_CREATED, &read.created_ms, err) < 0 ||
        read_ms(get, context, DELIVERY_HEADER_FIRST_ATTEMPT, &read.first_attempt_ms, err) < 0 ||
        read_attempts(get, context, &read.attempt, err) < 0)
        return -1;
    read.via = get(context, DELIVERY_HEADER_VIA);
    *delivery = read;
    return 0;
}

void delivery_to_headers(const struct delivery *delivery,
                         void (*add)(void *context, const char *name, const char *text),
                         void *context)
{
    char day[TIME_DAY_TEXT];
    char number[NUMBER_TEXT];
    time_day_format(delivery->day, day);
    add(context, DELIVERY_HEADER_TARGET, delivery->target);
    if (delivery->via)
        add(context, DELIVERY_HEADER_VIA, delivery->via);
    add(context, DELIVERY_HEADER_REPORT_ID, delivery->report_id);
    add(context, DELIVERY_HEADER_DOMAIN, delivery->domain);
    add(context, DELIVERY_HEADER_DAY, day);
    snprintf(number, sizeof(number), "%" PRId64, delivery->created_ms);
    add(context, DELIVERY_HEADER_CREATED, number);
    snprintf(number, sizeof(number), "%" PRId64, delivery->first_attempt_ms);
    add(context, DELIVERY_HEADER_FIRST_ATTEMPT, number);
    snprintf(number, sizeof(number), "%" PRId32, delivery->attempt);
    add(context, DELIVERY_HEADER_ATTEMPT, number);
}
