/* time: UTC days, RFC 3339 text, durations, and the two clocks. */
#ifndef COMMON_TIME_H
#define COMMON_TIME_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define TIME_DAY_S  INT64_C(86400)
#define TIME_DAY_MS (TIME_DAY_S * 1000)

int64_t time_now_ms(void);       /* wall clock, Unix milliseconds */
int64_t time_monotonic_ms(void); /* never jumps; only differences mean something */

/* A day is a count of days since 1970-01-01 UTC. */
int64_t time_day_of_ms(int64_t unix_ms); /* floors, also before 1970 */
#define TIME_DAY_TEXT 11                 /* "2026-11-24" and NUL; years 0000 to 9999 */
void time_day_format(int64_t day, char text[TIME_DAY_TEXT]);
int time_day_parse(const char *text, int64_t *day, struct error *err) MUST_USE; /* ERROR_REJECT */

#define TIME_RFC3339_TEXT 21 /* "2026-11-24T00:00:00Z" and NUL */
void time_rfc3339_format(int64_t unix_s, char text[TIME_RFC3339_TEXT]);
/* RFC 3339 section 5.6 with any offset, fraction to the millisecond (more digits are cut); lower
 * case t, z and a blank for T are accepted; a leap second counts as :59. ERROR_REJECT otherwise. */
int time_rfc3339_parse(const char *text, int64_t *unix_ms, struct error *err) MUST_USE;

#define TIME_RFC5322_TEXT 32 /* "Wed, 25 Nov 2026 00:00:00 +0000" and NUL */
void time_rfc5322_format(int64_t unix_s, char text[TIME_RFC5322_TEXT]);

/* "90s", "5m", "1h", "7d", "500ms", "0"; digits and one unit. ERROR_CONFIG otherwise. */
int time_duration_parse(const char *text, int64_t *duration_ms, struct error *err) MUST_USE;

#endif
