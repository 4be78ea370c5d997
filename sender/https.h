/* https: the job that posts reports: deliveries.https in, outcomes out. An edge: whether and when
 * are admit's, what a result means is attempt's (RFC 8460 section 5.4). */
#ifndef SENDER_HTTPS_H
#define SENDER_HTTPS_H

#include "common/config.h"
#include "common/error.h"

/* A job of common/program. */
int https_run(const struct config *config, struct error *err);

#endif
