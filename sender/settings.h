/* settings: what the keys of the sender mean together: who sends, and which combinations contradict
 * each other. */
#ifndef SENDER_SETTINGS_H
#define SENDER_SETTINGS_H

#include <stdbool.h>

#include "common/config.h"
#include "common/domain.h"
#include "common/error.h"
#include "common/mailbox.h"

/* Who sends (D14). */
struct settings_sender {
    const char *organization;   /* borrowed from config; NULL: none */
    char from[MAILBOX_TEXT];    /* mail.from, else report.contact_info, normalized */
    char submitter[DOMAIN_MAX]; /* domain of report.contact_info */
};
/* ERROR_CONFIG names the key (report.contact_info is needed); sender is then untouched. */
int settings_sender_read(const struct config *config, struct settings_sender *sender,
                         struct error *err) MUST_USE;

/* The program's check(): ERROR_CONFIG for what contradicts itself. With runs_jobs also for what
 * the configured jobs would miss; in deliver.mode=hold nothing is sent, so nothing is missed. */
int settings_check(const struct config *config, bool runs_jobs, struct error *err) MUST_USE;

#endif
