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
#include "sender/mode.h"
#include "sender/targets.h"

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
void route_plan(const struct mode_rules *rules, const struct route_report *report,
                const struct targets *targets, int64_t now_ms, struct message_list *outputs);

/* A job of common/program. */
int route_run(const struct config *config, struct error *err);

#endif
