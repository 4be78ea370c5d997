/* session: one session document -> the event that counts it, or why it does not count. Pure; the
 * rules D1 to D11, D20 and D21 of the README are here. */
#ifndef PRODUCER_SESSION_H
#define PRODUCER_SESSION_H

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/domain.h"
#include "common/error.h"
#include "common/text.h"
#include "common/wire/event.h"

/* What the configuration says about documents. */
struct session_rules {
    struct text_list exclude; /* field=value: sessions of our own report mail */
    bool omit_sending_ip;     /* D20 */
};
/* exclude is copied. ERROR_CONFIG: a member of it that is no field=value. */
int session_rules_init(struct session_rules *rules, const struct text_list *exclude,
                       bool omit_sending_ip, struct error *err) MUST_USE;
void session_rules_free(struct session_rules *rules);

/* What is known beside the document. */
struct session_facts {
    int64_t version;  /* of the document in its index; 0: not known */
    int64_t now_ms;   /* the wall clock */
    int64_t since_ms; /* older documents are skipped; 0: none */
};

enum session_result {
    SESSION_EVENT,
    SESSION_EMPTY,    /* no domain, no policy, no result: nothing to count */
    SESSION_EXCLUDED, /* by scan.exclude */
    SESSION_SKIPPED,  /* older than since_ms */
    SESSION_REJECT,
};

/* The codes of SESSION_REJECT in the order in which they are judged; of several the first. */
enum session_reason {
    SESSION_BAD_JSON,
    SESSION_UPDATED,
    SESSION_BAD_TIMESTAMP,
    SESSION_BAD_DOMAIN,
    SESSION_BAD_POLICY_TYPE,
    SESSION_NO_RESULT,
    SESSION_TOO_LARGE,
    SESSION_REASONS
};
extern const char *const session_reasons[SESSION_REASONS]; /* "bad-json", "updated", ... */

struct session {
    char domain[DOMAIN_MAX]; /* normalised policy domain: the key; "" if it could not be read */
    struct event event;      /* SESSION_EVENT: owned */
    const char *reason;      /* SESSION_REJECT: one of session_reasons */
    struct json_object
        *kept;         /* SESSION_REJECT: what may be kept of it (D20), owned; NULL: nothing */
    int64_t seq_no;    /* of the search hit; -1: not known */
    int bad_addresses; /* members left out because they are no address (D7) */
};

/* source is borrowed. *session is overwritten and owned by the caller: session_free(). */
enum session_result session_from_source(struct json_object *source,
                                        const struct session_rules *rules,
                                        const struct session_facts *facts,
                                        struct session *session) MUST_USE;

/* From bytes: a document, or a search hit, whose own version then counts. */
enum session_result session_from_bytes(const char *bytes, size_t length_bytes,
                                       const struct session_rules *rules,
                                       const struct session_facts *facts,
                                       struct session *session) MUST_USE;

void session_free(struct session *session);

#endif
