#include "sender/smtp.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utlist.h>

#include "common/kafka/worker.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/metrics.h"
#include "common/time.h"
#include "common/wire/delivery.h"
#include "sender/mime.h"
#include "sender/mode.h"
#include "sender/relay.h"
#include "sender/settings.h"
#include "sender/settle.h"
#include "sender/targets.h"

#define COMMIT_MS 200
#define IDLE_MS   1000
#define BUSY_MS   200
/* libcurl's SMTP blocks inside a multi handle, so each connection is a thread; more of them gain
 * little (a relay on the same machine took 5,466 messages a second over one and 6,074 over eight).
 */
#define THREADS 4

/* One message; in exactly one of the lists of struct smtp. */
struct letter {
    struct record *record;
    struct delivery delivery; /* borrowed from record */
    char *mailbox;
    struct buffer message;
    bool sent; /* facts count */
    struct attempt_smtp facts;
    struct letter *prev, *next;
};

struct smtp {
    const struct config *config;
    struct settings_sender sender;
    struct mode_rules mode;
    struct attempt_policy policy;
    pthread_t threads[THREADS];
    size_t thread_count;
    size_t under_way; /* letters that the loop's thread has not got back */

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t work;
    struct letter *queue;
    struct letter *done;
    bool stop;

    atomic_bool cancel;
    int done_fd; /* readable when done is not empty */
};

static void letter_free(struct letter *letter)
{
    free(letter->mailbox);
    buffer_free(&letter->message);
    free(letter);
}

/* ---- the threads ---- */

static struct letter *letter_take(struct smtp *smtp)
{
    pthread_mutex_lock(&smtp->lock);
    while (!smtp->queue && !smtp->stop)
        pthread_cond_wait(&smtp->work, &smtp->lock);
    struct letter *letter = smtp->stop ? NULL : smtp->queue;
    if (letter)
        DL_DELETE(smtp->queue, letter);
    pthread_mutex_unlock(&smtp->lock);
    return letter;
}

static void letter_give_back(struct smtp *smtp, struct letter *letter)
{
    static const uint64_t one = 1;
    pthread_mutex_lock(&smtp->lock);
    DL_APPEND(smtp->done, letter);
    pthread_mutex_unlock(&smtp->lock);
    if (write(smtp->done_fd, &one, sizeof(one)) < 0)
        log_panic("smtp: eventfd is full");
}

static void *thread_run(void *context)
{
    struct smtp *smtp = context;
    struct relay *relay = relay_new(smtp->config, smtp->sender.from);
    struct letter *letter;
    while ((letter = letter_take(smtp)) != NULL) {
        const struct relay_letter sent = {letter->mailbox, letter->message.bytes,
                                          letter->message.length, &smtp->cancel};
        letter->sent = relay_send(relay, &sent, &letter->facts);
        letter_give_back(smtp, letter);
    }
    relay_free(&relay);
    return NULL;
}

/* ---- a record becomes a letter ---- */

static int letter_compose(const struct smtp *smtp, struct letter *letter, struct error *err)
{
    const struct delivery *delivery = &letter->delivery;
    struct mime_letter mime = {
        .report_id = delivery->report_id,
        .domain = delivery->domain,
        .day = delivery->day,
        .target = delivery->target,
        .to = delivery->via ? delivery->via : delivery->target,
        .created_ms = delivery->created_ms,
        .submitter = smtp->sender.submitter,
        .from = smtp->sender.from,
        .organization = smtp->sender.organization,
    };
    mime.payload = record_value(letter->record, &mime.payload_bytes);
    return mime_compose(&mime, &letter->message, err);
}

/* What the record asks for, composed or not. */
static int letter_read(struct letter *letter, struct error *err)
{
    struct target target;
    if (settle_read(letter->record, &letter->delivery, err) < 0)
        return -1;
    const char *uri = letter->delivery.via ? letter->delivery.via : letter->delivery.target;
    if (!target_read(uri, &target) || !target.mail)
        return error_set(err, ERROR_REJECT, "its target is no mailbox");
    letter->mailbox = mem_text(target.mailbox);
    return 0;
}

static void letter_queue(struct smtp *smtp, struct letter *letter)
{
    smtp->under_way++;
    pthread_mutex_lock(&smtp->lock);
    DL_APPEND(smtp->queue, letter);
    pthread_cond_signal(&smtp->work);
    pthread_mutex_unlock(&smtp->lock);
}

/* ---- the end of a try ---- */

static void letter_settle(const struct smtp *smtp, struct letter *letter,
                          const struct attempt_result *result)
{
    struct message_list outputs = {0};
    int64_t now_ms = time_now_ms();
    const struct attempt_past past = {letter->delivery.attempt, letter->delivery.first_attempt_ms};
    struct attempt_next next = attempt_decide(&smtp->policy, result, &past, now_ms);
    settle_attempt(letter->record, &letter->delivery, result, &next, "deliveries.smtp", false,
                   now_ms, &outputs);
    settle_output(letter->record, &outputs);
    metrics_add("tlsrpt_attempts_total", 1, "smtp", outcome_state_name(next.state), NULL);
    log_info("smtp delivery", log_text("state", outcome_state_name(next.state)),
             log_text("mailbox", letter->mailbox), log_text("reason", next.reason),
             log_number("code", result->code), log_number("attempt", next.attempts),
             log_text("report", letter->delivery.report_id));
    record_finish(letter->record);
}

/* ---- a record comes ---- */

static void letter_reject(struct letter *letter, const struct error *err)
{
    log_warn("delivery rejected", log_text("job", "smtp"), log_text("error", err->text));
    record_output(letter->record, settle_reject(letter->record, "smtp", "unreadable"));
    metrics_add("tlsrpt_rejected_total", 1, "smtp", "unreadable", NULL);
    record_finish(letter->record);
    letter_free(letter);
}

/* ERROR_REJECT: nobody can use the record. */
static int letter_begin(struct smtp *smtp, struct letter *letter, struct error *err)
{
    static const struct attempt_result held = {.class = ATTEMPT_HELD, .reason = "hold"};
    if (letter_read(letter, err) < 0)
        return -1;
    if (!mode_allows(&smtp->mode, &letter->delivery)) {
        letter_settle(smtp, letter, &held);
        letter_free(letter);
        return 0;
    }
    if (letter_compose(smtp, letter, err) < 0)
        return -1;
    letter_queue(smtp, letter);
    return 0;
}

static int on_record(void *context, struct record *record, struct error *err)
{
    struct letter *letter = mem_alloc(sizeof(*letter));
    letter->record = record;
    if (letter_begin(context, letter, err) < 0)
        letter_reject(letter, err);
    return 0;
}

/* ---- a letter has its answer ---- */

static struct letter *done_take(struct smtp *smtp)
{
    pthread_mutex_lock(&smtp->lock);
    struct letter *letter = smtp->done;
    if (letter)
        DL_DELETE(smtp->done, letter);
    pthread_mutex_unlock(&smtp->lock);
    if (letter)
        smtp->under_way--;
    return letter;
}

static void letters_settle(struct smtp *smtp)
{
    uint64_t ignored;
    struct letter *letter;
    if (read(smtp->done_fd, &ignored, sizeof(ignored)) < 0)
        return; /* nothing came back */
    while ((letter = done_take(smtp)) != NULL) {
        if (letter->sent) {
            struct attempt_result result = attempt_judge_smtp(&letter->facts);
            letter_settle(smtp, letter, &result);
        } else if (!record_is_lost(letter->record) && !atomic_load(&smtp->cancel)) {
            letter_queue(smtp, letter); /* cancelled for a partition that came back meanwhile */
            continue;
        } else {
            record_abandon(letter->record);
        }
        letter_free(letter);
    }
}

/* ---- the loop's calls ---- */

static void on_assigned(void *context, const char *topic, int32_t partition)
{
    (void)topic;
    (void)partition;
    struct smtp *smtp = context;
    atomic_store(&smtp->cancel, false);
}

static int64_t on_tick(void *context, int64_t now_ms)
{
    (void)now_ms;
    struct smtp *smtp = context;
    letters_settle(smtp);
    metrics_set("tlsrpt_transfers", (int64_t)smtp->under_way, "smtp", NULL);
    return smtp->under_way > 0 ? BUSY_MS : IDLE_MS;
}

static void on_wait(void *context, int wake_fd, int64_t timeout_ms)
{
    const struct smtp *smtp = context;
    struct pollfd fds[] = {{wake_fd, POLLIN, 0}, {smtp->done_fd, POLLIN, 0}};
    poll(fds, NELEMS(fds), (int)timeout_ms);
}

/* What no thread has begun. */
static void queue_abandon(struct smtp *smtp)
{
    struct letter *letter;
    pthread_mutex_lock(&smtp->lock);
    while ((letter = smtp->queue) != NULL) {
        DL_DELETE(smtp->queue, letter);
        record_abandon(letter->record);
        letter_free(letter);
        smtp->under_way--;
    }
    pthread_mutex_unlock(&smtp->lock);
}

static bool on_drain(void *context, int64_t deadline_ms)
{
    (void)deadline_ms;
    struct smtp *smtp = context;
    atomic_store(&smtp->cancel, true);
    queue_abandon(smtp);
    letters_settle(smtp);
    return smtp->under_way == 0;
}

/* After a loss there was no drain: what has not begun is the next owner's. */
static void on_revoked(void *context, const char *topic, int32_t partition)
{
    (void)topic;
    (void)partition; /* the assignor is eager: all of them go */
    queue_abandon(context);
}

/* ---- start and end ---- */

static int smtp_init(struct smtp *smtp, const struct config *config, struct error *err)
{
    smtp->config = config;
    if (mode_rules_init(&smtp->mode, config, err) < 0 ||
        (smtp->mode.mode != MODE_HOLD && settings_sender_read(config, &smtp->sender, err) < 0) ||
        attempt_policy_init(&smtp->policy, config_list(config, "retry.delays"),
                            config_duration_ms(config, "retry.window"), err) < 0)
        return -1;
    for (; smtp->thread_count < THREADS; smtp->thread_count++)
        if (pthread_create(&smtp->threads[smtp->thread_count], NULL, thread_run, smtp) != 0)
            return error_set(err, ERROR_FATAL, "smtp: no thread");
    return 0;
}

/* The threads end when their transfers have; the process's grace bounds that. */
static void smtp_free(struct smtp *smtp)
{
    struct letter *letter;
    atomic_store(&smtp->cancel, true);
    pthread_mutex_lock(&smtp->lock);
    smtp->stop = true;
    pthread_cond_broadcast(&smtp->work);
    pthread_mutex_unlock(&smtp->lock);
    for (size_t i = 0; i < smtp->thread_count; i++)
        pthread_join(smtp->threads[i], NULL);
    while ((letter = done_take(smtp)) != NULL)
        letter_free(letter); /* their records went with the loop */
    while ((letter = smtp->queue) != NULL) {
        DL_DELETE(smtp->queue, letter);
        letter_free(letter);
    }
    mode_rules_free(&smtp->mode);
    attempt_policy_free(&smtp->policy);
    close(smtp->done_fd);
}

int smtp_run(const struct config *config, struct error *err)
{
    static const char *const inputs[] = {"deliveries.smtp", NULL};
    struct text_list outputs = {0};
    struct smtp smtp = {.lock = PTHREAD_MUTEX_INITIALIZER,
                        .work = PTHREAD_COND_INITIALIZER,
                        .done_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    int result = settle_output_topics(config, &outputs, err);
    const struct worker_spec spec = {
        .job = "smtp",
        .topics = inputs,
        .outputs = (const char *const *)outputs.items,
        .commit_ms = COMMIT_MS,
        .context = &smtp,
        .assigned = on_assigned,
        .record = on_record,
        .tick = on_tick,
        .wait = on_wait,
        .drain = on_drain,
        .revoked = on_revoked,
    };
    if (result == 0)
        result = smtp_init(&smtp, config, err);
    if (result == 0)
        result = worker_run(config, &spec, err);
    smtp_free(&smtp);
    text_list_free(&outputs);
    return result;
}
