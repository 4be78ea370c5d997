#include "sender/settings.h"

#include <stdlib.h>
#include <string.h>

#include "common/kafka/property.h"
#include "common/mailbox.h"
#include "common/memory.h"
#include "sender/admit.h"
#include "sender/attempt.h"
#include "sender/targets.h"

static bool is_choice(const struct config *config, const char *key, const char *choice)
{
    return strcmp(config_text(config, key), choice) == 0;
}

int settings_sender_read(const struct config *config, struct settings_sender *sender,
                         struct error *err)
{
    const char *contact = config_text(config, "report.contact_info");
    const char *from = config_text(config, "mail.from");
    struct settings_sender read = {.organization = config_text(config, "report.organization_name")};
    char mailbox[MAILBOX_TEXT];
    if (!contact)
        return error_set(err, ERROR_CONFIG, "report.contact_info is not set");
    if (!mailbox_normalize(contact, strlen(contact), mailbox))
        return config_complain(config, "report.contact_info", err, "it is not one address");
    if (!mailbox_normalize(from ? from : contact, strlen(from ? from : contact), read.from))
        return config_complain(config, "mail.from", err, "it is not one address");
    memcpy(read.submitter, mailbox_domain(mailbox), strlen(mailbox_domain(mailbox)) + 1);
    if (strcmp(mailbox_domain(read.from), read.submitter) != 0)
        return config_complain(config, "mail.from", err,
                               "its domain is not that of report.contact_info (%s)",
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

static int check_redirect(const struct config *config, struct error *err)
{
    const char *uri = config_text(config, "deliver.redirect");
    char *target = NULL;
    if (!uri && is_choice(config, "deliver.mode", "redirect"))
        return config_complain(config, "deliver.mode", err, "redirect needs deliver.redirect");
    if (!uri)
        return 0;
    enum target_flaw flaw = target_normalize(uri, strlen(uri), &target);
    free(target);
    if (flaw != TARGET_USABLE)
        return config_complain(config, "deliver.redirect", err, "it is no usable target (%s)",
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
        return config_complain(config, "retry.window", err,
                               "it ends before the first of retry.delays: nothing would be tried "
                               "twice");
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
        return config_complain(config, user ? "smtp.user" : "smtp.password_file", err, "needs %s",
                               user ? "smtp.password_file" : "smtp.user");
    if (user && !is_choice(config, "smtp.tls", "required"))
        return config_complain(config, "smtp.user", err,
                               "needs smtp.tls=required: the password would go out in clear");
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
        property_check, check_sender, check_redirect, check_retry, check_admit, check_relay_login,
    };
    for (size_t i = 0; i < NELEMS(checks); i++)
        if (checks[i](config, err) < 0)
            return -1;
    return runs_jobs ? check_smtp_job(config, err) : 0;
}
