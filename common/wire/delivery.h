/* wire/delivery: what `deliveries.https` and `deliveries.smtp` carry: the gzip payload as sent;
 * facts as headers. */
#ifndef COMMON_WIRE_DELIVERY_H
#define COMMON_WIRE_DELIVERY_H

#include <stdint.h>

#include "common/error.h"

/* All texts borrowed from the record that they were read from. */
struct delivery {
    const char *target; /* normalised URI */
    const char *via;    /* the URI that it goes to instead (deliver.redirect); NULL: to target */
    const char *report_id;
    const char *domain; /* policy domain */
    int64_t day;
    int64_t created_ms;       /* when the payload was made: Date and DKIM t= come from it */
    int64_t first_attempt_ms; /* 0: never attempted or parked yet */
    int32_t attempt;          /* attempts already made */
};
#define DELIVERY_HEADER_TARGET        "target"
#define DELIVERY_HEADER_VIA           "via" /* may be absent */
#define DELIVERY_HEADER_REPORT_ID     "report-id"
#define DELIVERY_HEADER_DOMAIN        "domain"
#define DELIVERY_HEADER_DAY           "day"
#define DELIVERY_HEADER_CREATED       "created"
#define DELIVERY_HEADER_FIRST_ATTEMPT "first-attempt"
#define DELIVERY_HEADER_ATTEMPT       "attempt"
#define DELIVERY_HEADER_TO            "to" /* in delay.*: the topic (without prefix) it goes back to */

/* No delivery that this program made goes beyond, and nothing that is reckoned with them overflows.
 */
#define DELIVERY_MS_MAX       INT64_C(253402300799999) /* the end of the year 9999 */
#define DELIVERY_ATTEMPTS_MAX INT64_C(1000000)

/* The headers as text; get(context, name) returns the header's text or NULL. ERROR_REJECT if one is
 * missing or bad. */
int delivery_from_headers(const char *(*get)(void *context, const char *name), void *context,
                          struct delivery *delivery, struct error *err) MUST_USE;
/* Calls add(context, name, text) for each header; text is borrowed for the call. */
void delivery_to_headers(const struct delivery *delivery,
                         void (*add)(void *context, const char *name, const char *text),
                         void *context);

#endif
