/* tlsrpt-sender: reports to the targets that the domains publish. */
#include "common/program.h"
#include "sender/delay.h"
#include "sender/dns.h"
#include "sender/https.h"
#include "sender/metrics.h"
#include "sender/route.h"
#include "sender/settings.h"
#include "sender/smtp.h"
#include "sender/verbs.h"

static const struct job jobs[] = {
    {"route", route_run}, {"https", https_run}, {"smtp", smtp_run},
    {"delay", delay_run}, {NULL, NULL},
};

static const struct program program = {
    .name = "tlsrpt-sender",
    .config = CONFIG_SENDER,
    .check = settings_check,
    .jobs = jobs,
    .verbs = verbs,
    .metrics = sender_metrics,
};

int main(int argc, char **argv)
{
    dns_init();
    return program_main(argc, argv, &program);
}
