/* backoff: how long to wait before the next try of something that failed. */
#ifndef COMMON_BACKOFF_H
#define COMMON_BACKOFF_H

#include <stdint.h>

/* The time already waited since the first try, clamped to min..max: doubles by itself, stores no
 * counter. */
int64_t backoff_delay_ms(int64_t age_ms, int64_t min_ms, int64_t max_ms);

#endif
