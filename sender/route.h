/* route: the job that asks DNS who wants a report, and makes one delivery for each target. An edge;
 * route_plan() is its rule. */
#ifndef SENDER_ROUTE_H
#define SENDER_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config.h"
#include "common/error.h"
#include "common/kafka/message.h"
#include "common/text.h"
#include "sender/targets.h"

enum route_mode { ROUTE_HOLD, ROUTE_REDIRECT, ROUTE_LIVE };

struct route_rules {
    enum route_mode mode;
    const char *redirect; /* normalised URI; ROUTE_REDIRECT only */
    const struct text_list
        *domains; /* deliver.domains: live goes to these (.name: below it) only; none: to all */
};

/* A report on its way: all borrowed. */
struct route_report {
    const char *report_id;
    const char *domain;
    int64_t day;
    const void *payload; /* the gzip member, made once */
    size_t payload_bytes;
};

/* Appends what becomes of a report whose TXT answer is known: for each target an outcome and,
 * unless it is held, a delivery; without a usable target one outcome. Pure. */
void route_plan(const struct route_rules *rules, const struct route_report *report,
                const struct targets *targets, int64_t now_ms, struct message_list *outputs);

/* A job of common/program. */
int route_run(const struct config *config, struct error *err);

#endif
