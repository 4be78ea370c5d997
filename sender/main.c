/* tlsrpt-sender: reports to the targets that the domains publish. */
#include "common/program.h"
#include "sender/delay.h"
#include "sender/https.h"
#include "sender/route.h"
#include "sender/settings.h"
#include "sender/smtp.h"
#include "sender/verbs.h"

static const struct job jobs[] = {
    {"route", route_run}, {"https", https_run}, {"smtp", smtp_run},
    {"delay", delay_run}, {NULL, NULL},
};

static const struct metric metrics[] = {
    {"tlsrpt_attempts_total", METRIC_COUNTER, "job state",
     "tries by what they led to: delivered, waiting (for the next one), refused, expired, blocked"},
    {"tlsrpt_look_ups_total", METRIC_COUNTER, "result",
     "TXT look-ups: found, none, temporary (asked again later)"},
    {"tlsrpt_rejected_total", METRIC_COUNTER, "stage reason",
     "records written to the topic rejected"},
    {"tlsrpt_transfers", METRIC_GAUGE, "job", "deliveries under way"},
    {NULL, METRIC_COUNTER, NULL, NULL},
};

static const struct program program = {
    .name = "tlsrpt-sender",
    .config = CONFIG_SENDER,
    .check = settings_check,
    .jobs = jobs,
    .verbs = verbs,
    .metrics = metrics,
};

int main(int argc, char **argv)
{
    return program_main(argc, argv, &program);
}
