#include "common/backoff.h"

int64_t backoff_delay_ms(int64_t age_ms, int64_t min_ms, int64_t max_ms)
{
    if (age_ms < min_ms)
        return min_ms;
    return age_ms < max_ms ? age_ms : max_ms;
}
