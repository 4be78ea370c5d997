/* render: a tally as the RFC 8460 report. Pure: the same tally and identity always give the same
 * bytes (D15). */
#ifndef AGGREGATOR_RENDER_H
#define AGGREGATOR_RENDER_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/mailbox.h"
#include "common/wire/tally.h"

/* Who reports. */
struct render_identity {
    char *organization_name;         /* owned */
    char contact_info[MAILBOX_TEXT]; /* its domain is the submitter (D14) */
    char id_suffix[9]; /* 8 hex digits of the SHA-256 of: topics.prefix, one NUL byte, submitter
                          (D13) */
};

/* The values of report.organization_name, report.contact_info and topics.prefix, as
 * config_judge() let them pass; NULL: not set, which is ERROR_CONFIG. On failure identity is
 * untouched, on success freed with render_identity_free(). */
int render_identity_init(struct render_identity *identity, const char *organization_name,
                         const char *contact_info, const char *prefix, struct error *err) MUST_USE;
void render_identity_free(struct render_identity *identity);

/* D13. Owned by the caller. */
char *render_report_id(const struct tally *tally, const struct render_identity *identity);

/* The whole report, one line without newline. Owned by the caller. A tally without a session
 * (render_sessions() is 0) is none of its business: D17. */
char *render_report(const struct tally *tally, const struct render_identity *identity);

/* All sessions that the tally counts: the header `sessions`. */
int64_t render_sessions(const struct tally *tally);

/* Bytes in the report, from above (D19): counts as long as they get, with the separators around. */
size_t render_envelope_bytes(const struct render_identity *identity); /* all but the policies */
size_t render_policy_bytes(const struct policy *policy, const char *domain); /* without details */
size_t render_detail_bytes(const struct detail *detail);

#endif
