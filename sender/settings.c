#include "sender/settings.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/text.h"
#include "sender/admit.h"
#include "sender/attempt.h"
#include "sender/targets.h"

#define ORGANIZATION_MAX ((size_t)512) /* D9 */

static bool is_choice(const struct config *config, const char *key, const char *choice)
{
    return strcmp(config_text(config, key), choice) == 0;
}

static bool mailbox_domain(const char *mailbox, char domain[DOMAIN_MAX])
{
    return target_mailbox_domain(mailbox, strlen(mailbox), domain);
}

static int mailbox_complain(const char *key, struct error *err)
{
    return error_set(err, ERROR_CONFIG, "%s: it is not one plain address (name@domain)", key);
}

int settings_sender_read(const struct config *config, struct settings_sender *sender,
                         struct error *err)
{
    const char *contact = config_text(config, "report.contact_info");
    const char *from = config_text(config, "mail.from");
    char from_domain[DOMAIN_MAX];
    struct settings_sender read = {
        .organization = config_text(config, "report.organization_name"),
        .from = from ? from : contact,
    };
    if (!contact)
        return error_set(err, ERROR_CONFIG, "report.contact_info is not set");
    if (!mailbox_domain(contact, read.submitter))
        return mailbox_complain("report.contact_info", err);
    if (!mailbox_domain(read.from, from_domain))
        return mailbox_complain("mail.from", err);
    if (strcmp(from_domain, read.submitter) != 0)
        return error_set(err, ERROR_CONFIG,
                         "mail.from: its domain is not that of report.contact_info (%s)",
                         read.submitter);
    *sender = read;
    return 0;
}

/* ---- contradictions ---- */

static int check_sender(const struct config *config, struct error *err)
{
    struct settings_sender sender;
    if (!config_text(config, "report.contact_info") && !config_text(config, "mail.from"))
        return 0;
    return settings_sender_read(config, &sender, err);
}

static int check_organization(const struct config *config, struct error *err)
{
    const char *name = config_text(config, "report.organization_name");
    if (!name)
        return 0;
    char *clean = text_clean(name, strlen(name), ORGANIZATION_MAX);
    bool same = clean && strcmp(clean, name) == 0;
    free(clean);
    if (!same)
        return error_set(
            err, ERROR_CONFIG,
            "report.organization_name: it is no clean UTF-8 text of at most 512 bytes");
    return 0;
}

static int check_redirect(const struct config *config, struct error *err)
{
    const char *uri = config_text(config, "deliver.redirect");
    char *target = NULL;
    if (!uri && is_choice(config, "deliver.mode", "redirect"))
        return error_set(err, ERROR_CONFIG, "deliver.mode=redirect needs deliver.redirect");
    if (!uri)
        return 0;
    enum target_flaw flaw = target_normalize(uri, strlen(uri), &target);
    free(target);
    if (flaw != TARGET_USABLE)
        return error_set(err, ERROR_CONFIG, "deliver.redirect: it is no usable target (%s)",
                         target_flaw_name(flaw));
    return 0;
}

static int check_retry(const struct config *config, struct error *err)
{
    struct attempt_policy policy;
    if (attempt_policy_init(&policy, config_list(config, "retry.delays"),
                            config_duration_ms(config, "retry.window"), err) < 0)
        return -1;
    bool fits = policy.delays_ms[0] <= policy.window_ms;
    attempt_policy_free(&policy);
    if (!fits)
        return error_set(err, ERROR_CONFIG,
                         "retry.window ends before the first of retry.delays: nothing would be "
                         "tried twice");
    return 0;
}

static int check_admit(const struct config *config, struct error *err)
{
    struct admit_rules rules;
    if (admit_rules_init(&rules, config_list(config, "https.ports"),
                         config_list(config, "egress.allow"), config_list(config, "egress.deny"),
                         err) < 0)
        return -1;
    admit_rules_free(&rules);
    return 0;
}

static int check_relay_login(const struct config *config, struct error *err)
{
    bool user = config_is_set(config, "smtp.user");
    bool password = config_is_set(config, "smtp.password_file");
    if (user != password)
        return error_set(err, ERROR_CONFIG, "smtp.user and smtp.password_file need each other");
    if (user && !is_choice(config, "smtp.tls", "required"))
        return error_set(err, ERROR_CONFIG,
                         "smtp.user needs smtp.tls=required: the password would go out in clear");
    return 0;
}

/* ---- what jobs miss ---- */

static bool runs_job(const struct config *config, const char *job)
{
    const struct text_list *jobs = config_list(config, "jobs");
    return jobs->count == 0 || text_list_has(jobs, job);
}

static int check_smtp_job(const struct config *config, struct error *err)
{
    struct settings_sender sender;
    if (!runs_job(config, "smtp") || is_choice(config, "deliver.mode", "hold"))
        return 0;
    if (!config_text(config, "smtp.relay"))
        return error_set(err, ERROR_CONFIG, "job smtp needs smtp.relay");
    if (is_choice(config, "dkim.mode", "sign"))
        return error_set(
            err, ERROR_ABSENT,
            "job smtp: dkim.mode=sign is not available yet; dkim.mode=relay lets the relay sign");
    return settings_sender_read(config, &sender, err);
}

int settings_check(const struct config *config, bool runs_jobs, struct error *err)
{
    static int (*const checks[])(const struct config *config, struct error *err) = {
        check_sender, check_organization, check_redirect,
        check_retry,  check_admit,        check_relay_login,
    };
    for (size_t i = 0; i < NELEMS(checks); i++)
        if (checks[i](config, err) < 0)
            return -1;
    return runs_jobs ? check_smtp_job(config, err) : 0;
}
