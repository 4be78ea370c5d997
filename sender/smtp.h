/* smtp: the job that hands reports to the mail relay: deliveries.smtp in, outcomes out. An edge:
 * the message is mime's, what a reply means is attempt's (RFC 8460 section 5.3). */
#ifndef SENDER_SMTP_H
#define SENDER_SMTP_H

#include "common/config.h"
#include "common/error.h"

/* A job of common/program. */
int smtp_run(const struct config *config, struct error *err);

#endif
