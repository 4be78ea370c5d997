#include "common/time.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/memory.h"

#define DAY_MIN      INT64_C(-719528) /* 0000-01-01 */
#define DAY_MAX      INT64_C(2932896) /* 9999-12-31 */
#define DAYS_PER_ERA INT64_C(146097)  /* 400 years */

struct date {
    int year, month, day;
};

static int64_t clock_ms(clockid_t id)
{
    struct timespec now = {0};
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t time_now_ms(void)
{
    return clock_ms(CLOCK_REALTIME);
}

int64_t time_monotonic_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

static int64_t floor_divide(int64_t value, int64_t by)
{
    return value / by - (value % by < 0);
}

static int64_t clamp(int64_t value, int64_t min, int64_t max)
{
    if (value < min)
        return min;
    return value < max ? value : max;
}

int64_t time_day_of_ms(int64_t unix_ms)
{
    return floor_divide(unix_ms, TIME_DAY_MS);
}

/* Both ways count in years that begin in March, so that the leap day is a year's last. */
static int64_t day_of_date(struct date date)
{
    int64_t year = date.year - (date.month <= 2);
    int64_t era = floor_divide(year, 400);
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (date.month + (date.month > 2 ? -3 : 9)) + 2) / 5 + date.day - 1;
    return DAY_MIN + 60 + era * DAYS_PER_ERA + year_of_era * 365 + year_of_era / 4 -
           year_of_era / 100 + day_of_year;
}

static struct date date_of_day(int64_t day)
{
    int64_t shifted = clamp(day, DAY_MIN, DAY_MAX) - DAY_MIN - 60;
    int64_t era = floor_divide(shifted, DAYS_PER_ERA);
    int64_t day_of_era = shifted - era * DAYS_PER_ERA;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_of_year = (5 * day_of_year + 2) / 153;
    int64_t month = month_of_year < 10 ? month_of_year + 3 : month_of_year - 9;
    return (struct date){
        .year = (int)(era * 400 + year_of_era + (month <= 2)),
        .month = (int)month,
        .day = (int)(day_of_year - (153 * month_of_year + 2) / 5 + 1),
    };
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

/* Two digits into text. */
static void put_2(char *text, int64_t value)
{
    text[0] = (char)('0' + value / 10 % 10);
    text[1] = (char)('0' + value % 10);
}

static void put_clock(char *text, int64_t second_of_day)
{
    memcpy(text, "00:00:00", 8);
    put_2(text, second_of_day / 3600);
    put_2(text + 3, second_of_day / 60 % 60);
    put_2(text + 6, second_of_day % 60);
}

void time_day_format(int64_t day, char text[TIME_DAY_TEXT])
{
    struct date date = date_of_day(day);
    memcpy(text, "0000-00-00", TIME_DAY_TEXT);
    put_2(text, date.year / 100);
    put_2(text + 2, date.year % 100);
    put_2(text + 5, date.month);
    put_2(text + 8, date.day);
}

/* Takes exactly count digits with a value of min..max. */
static bool take_digits(const char **text, int count, int min, int max, int *value)
{
    int number = 0;
    const char *at = *text;
    for (; count > 0; count--, at++) {
        if (*at < '0' || *at > '9')
            return false;
        number = number * 10 + (*at - '0');
    }
    if (number < min || number > max)
        return false;
    *value = number;
    *text = at;
    return true;
}

static bool take_one_of(const char **text, const char *allowed, char *found)
{
    char c = **text;
    if (!c || !strchr(allowed, c))
        return false;
    if (found)
        *found = c;
    ++*text;
    return true;
}

static bool take_date(const char **text, struct date *date)
{
    return take_digits(text, 4, 0, 9999, &date->year) && take_one_of(text, "-", NULL) &&
           take_digits(text, 2, 1, 12, &date->month) && take_one_of(text, "-", NULL) &&
           take_digits(text, 2, 1, days_in_month(date->year, date->month), &date->day);
}

int time_day_parse(const char *text, int64_t *day, struct error *err)
{
    struct date date = {0};
    const char *at = text;
    if (!take_date(&at, &date) || *at)
        return error_set(err, ERROR_REJECT, "not a day: %.40s", text);
    *day = day_of_date(date);
    return 0;
}

void time_rfc3339_format(int64_t unix_s, char text[TIME_RFC3339_TEXT])
{
    unix_s = clamp(unix_s, DAY_MIN * TIME_DAY_S, (DAY_MAX + 1) * TIME_DAY_S - 1);
    int64_t day = floor_divide(unix_s, TIME_DAY_S);
    time_day_format(day, text);
    text[TIME_DAY_TEXT - 1] = 'T';
    put_clock(text + TIME_DAY_TEXT, unix_s - day * TIME_DAY_S);
    memcpy(text + TIME_RFC3339_TEXT - 2, "Z", 2);
}

/* Of a second's fraction the milliseconds; any number of digits, none after the point is an error.
 */
static bool take_fraction(const char **text, int *ms)
{
    *ms = 0;
    if (!take_one_of(text, ".", NULL))
        return true;
    int weight = 100;
    int digit = 0;
    const char *first = *text;
    while (take_digits(text, 1, 0, 9, &digit)) {
        *ms += digit * weight;
        weight /= 10;
    }
    return *text > first;
}

static bool take_offset(const char **text, int64_t *offset_s)
{
    *offset_s = 0;
    if (take_one_of(text, "Zz", NULL))
        return true;
    char sign = '+';
    int hours = 0;
    int minutes = 0;
    if (!take_one_of(text, "+-", &sign) || !take_digits(text, 2, 0, 23, &hours) ||
        !take_one_of(text, ":", NULL) || !take_digits(text, 2, 0, 59, &minutes))
        return false;
    *offset_s = (sign == '-' ? -60 : 60) * ((int64_t)hours * 60 + minutes);
    return true;
}

static bool take_date_time(const char **text, int64_t *unix_ms)
{
    struct date date = {0};
    int hour = 0, minute = 0, second = 0, ms = 0;
    int64_t offset_s = 0;
    if (!take_date(text, &date) || !take_one_of(text, "Tt ", NULL) ||
        !take_digits(text, 2, 0, 23, &hour) || !take_one_of(text, ":", NULL) ||
        !take_digits(text, 2, 0, 59, &minute) || !take_one_of(text, ":", NULL) ||
        !take_digits(text, 2, 0, 60, &second) || !take_fraction(text, &ms) ||
        !take_offset(text, &offset_s))
        return false;
    int64_t unix_s = day_of_date(date) * TIME_DAY_S + hour * 3600 + minute * 60 +
                     (second == 60 ? 59 : second) - offset_s;
    /* Leap seconds end a UTC day, nothing else. */
    if (second == 60 && unix_s - floor_divide(unix_s, TIME_DAY_S) * TIME_DAY_S != TIME_DAY_S - 1)
        return false;
    *unix_ms = unix_s * 1000 + ms;
    return true;
}

int time_rfc3339_parse(const char *text, int64_t *unix_ms, struct error *err)
{
    int64_t parsed_ms = 0;
    const char *at = text;
    if (!take_date_time(&at, &parsed_ms) || *at)
        return error_set(err, ERROR_REJECT, "not an RFC 3339 time: %.40s", text);
    *unix_ms = parsed_ms;
    return 0;
}

void time_rfc5322_format(int64_t unix_s, char text[TIME_RFC5322_TEXT])
{
    static const char weekdays[] = "ThuFriSatSunMonTueWed"; /* 1970-01-01 was a Thursday */
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    unix_s = clamp(unix_s, DAY_MIN * TIME_DAY_S, (DAY_MAX + 1) * TIME_DAY_S - 1);
    int64_t day = floor_divide(unix_s, TIME_DAY_S);
    int64_t weekday = day - floor_divide(day, 7) * 7;
    struct date date = date_of_day(day);
    static const char form[TIME_RFC5322_TEXT] = "Www, dd Mmm yyyy hh:mm:ss +0000";
    memcpy(text, form, TIME_RFC5322_TEXT);
    memcpy(text, weekdays + 3 * weekday, 3);
    put_2(text + 5, date.day);
    memcpy(text + 8, months + 3 * (date.month - 1), 3);
    put_2(text + 12, date.year / 100);
    put_2(text + 14, date.year % 100);
    put_clock(text + 17, unix_s - day * TIME_DAY_S);
}

static const struct unit {
    const char *name;
    int64_t ms;
} units[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", TIME_DAY_MS},
};

static int64_t unit_ms(const char *name)
{
    for (size_t i = 0; i < NELEMS(units); i++) {
        if (strcmp(units[i].name, name) == 0)
            return units[i].ms;
    }
    return 0;
}

int time_duration_parse(const char *text, int64_t *duration_ms, struct error *err)
{
    int64_t number = 0;
    int digit = 0;
    bool overflow = false;
    const char *at = text;
    while (take_digits(&at, 1, 0, 9, &digit)) {
        overflow |= __builtin_mul_overflow(number, 10, &number);
        overflow |= __builtin_add_overflow(number, digit, &number);
    }
    int64_t each_ms = strcmp(text, "0") == 0 ? 1 : unit_ms(at);
    if (at == text || !each_ms)
        return error_set(err, ERROR_CONFIG, "not a duration like 90s, 5m, 1h or 7d: %.40s", text);
    if (overflow || __builtin_mul_overflow(number, each_ms, &number))
        return error_set(err, ERROR_CONFIG, "duration too long: %.40s", text);
    *duration_ms = number;
    return 0;
}
