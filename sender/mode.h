/* mode: what deliver.mode lets out, when a report is routed and again before each try: what waits
 * was perhaps made under another mode. Pure. */
#ifndef SENDER_MODE_H
#define SENDER_MODE_H

#include <stdbool.h>

#include "common/config.h"
#include "common/error.h"
#include "common/text.h"
#include "common/wire/delivery.h"

enum mode { MODE_HOLD, MODE_REDIRECT, MODE_LIVE };

struct mode_rules {
    enum mode mode;
    char *redirect;                  /* owned; normalised URI, MODE_REDIRECT only */
    const struct text_list *domains; /* borrowed: deliver.domains; live goes to these (.name: below
                                        it) only; none: to all */
};

/* ERROR_CONFIG; rules is then empty. */
int mode_rules_init(struct mode_rules *rules, const struct config *config,
                    struct error *err) MUST_USE;
void mode_rules_free(struct mode_rules *rules);

/* The reports of that policy domain are recorded, and not sent. */
bool mode_holds(const struct mode_rules *rules, const char *domain);
/* A delivery that was routed earlier may be tried now: with redirect only a copy for the present
 * deliver.redirect. */
bool mode_allows(const struct mode_rules *rules, const struct delivery *delivery);

#endif
