#include "sender/mode.h"

#include <stdlib.h>
#include <string.h>

#include "common/domain.h"
#include "sender/targets.h"

static enum mode mode_of(const struct config *config)
{
    const char *mode = config_text(config, "deliver.mode");
    return strcmp(mode, "live") == 0       ? MODE_LIVE
           : strcmp(mode, "redirect") == 0 ? MODE_REDIRECT
                                           : MODE_HOLD;
}

int mode_rules_init(struct mode_rules *rules, const struct config *config, struct error *err)
{
    const char *uri = config_text(config, "deliver.redirect");
    *rules = (struct mode_rules){.mode = mode_of(config),
                                 .domains = config_list(config, "deliver.domains")};
    if (rules->mode != MODE_REDIRECT)
        return 0;
    if (!uri || target_normalize(uri, strlen(uri), &rules->redirect) != TARGET_USABLE)
        return error_set(err, ERROR_CONFIG, "deliver.redirect: not a mailto: or https: URI");
    return 0;
}

void mode_rules_free(struct mode_rules *rules)
{
    free(rules->redirect);
    *rules = (struct mode_rules){0};
}

static bool is_listed(const struct text_list *rules, const char *domain)
{
    for (size_t i = 0; i < rules->count; i++)
        if (domain_matches(domain, rules->items[i]))
            return true;
    return false;
}

bool mode_holds(const struct mode_rules *rules, const char *domain)
{
    if (rules->mode == MODE_HOLD)
        return true;
    return rules->mode == MODE_LIVE && rules->domains->count > 0 &&
           !is_listed(rules->domains, domain);
}

bool mode_allows(const struct mode_rules *rules, const struct delivery *delivery)
{
    if (mode_holds(rules, delivery->domain))
        return false;
    return rules->mode != MODE_REDIRECT ||
           (delivery->via && strcmp(delivery->via, rules->redirect) == 0);
}
