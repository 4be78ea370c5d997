#include "sender/smtp.h"

#include "common/fetch.h"
#include "common/json.h"
#include "common/memory.h"
#include "common/time.h"
#include "common/wire/delivery.h"
#include "common/wire/outcome.h"
#include "sender/metrics.h"
#include "tests/support/capture.h"
#include "tests/support/fake_smtp.h"
#include "tests/support/fake_worker.h"
#include "tests/support/unit.h"

/* More than the job has threads: some are begun, the others wait. */
#define LETTERS 6
#define THREADS 4
#define TOPIC   "deliveries.smtp"

#define HEADERS_MAX 32

static const struct delivery delivery = {
    .target = "mailto:tls@target.example",
    .report_id = "2026-11-24.policy.example.0-7.0123abcd",
    .domain = "policy.example",
    .day = 20781,
    .created_ms = 1795600000000,
};

static const struct fake_smtp_script accepting;

struct scene {
    struct fake_smtp *server;
    size_t count;
    atomic_bool reached; /* the phase at which the relay is silent, or that counts */
    const char *headers[HEADERS_MAX];
    const struct refused_row *row; /* of a record that is no letter */
    const char *row_headers[HEADERS_MAX];
};

static void header_add(void *context, const char *name, const char *text)
{
    const char **end = context;
    while (*end)
        end++;
    end[0] = mem_text(name);
    end[1] = mem_text(text);
}

static void headers_free(const char *const *headers)
{
    for (; *headers; headers++)
        free((void *)(uintptr_t)*headers);
}

static struct config *config_of(const struct scene *scene, const char *mode)
{
    struct error err;
    char *url = mem_printf("smtp.relay=%s", fake_smtp_url(scene->server));
    const char *const settings[] = {url, "smtp.tls=none", "retry.delays=1m 5m", mode,
                                    "report.contact_info=tls@sender.example"};
    struct config *config = config_new(CONFIG_SENDER);
    for (size_t i = 0; i < NELEMS(settings); i++)
        assert_int_equal(config_set(config, settings[i], &err), 0);
    free(url);
    return config;
}

static void scene_play(struct scene *scene, const struct fake_smtp_script *replies,
                       const char *mode, void (*script)(struct fake_worker *fake, void *context))
{
    scene->server = fake_smtp_start(replies);
    struct config *config = config_of(scene, mode);
    fake_worker_run(smtp_run, config, script, scene);
    config_free(&config);
}

static void scene_close(struct scene *scene)
{
    fake_smtp_stop(&scene->server);
    headers_free(scene->headers);
    headers_free(scene->row_headers);
}

static void play_mode(const char *mode, enum fake_smtp_phase silent, enum fake_smtp_phase counts,
                      size_t count, void (*script)(struct fake_worker *fake, void *context))
{
    struct scene scene = {.count = count};
    struct fake_smtp_script replies = {.flag = &scene.reached, .flag_at = counts};
    if (silent != FAKE_SMTP_PHASES)
        replies.replies[silent] = FAKE_SMTP_HANG;
    delivery_to_headers(&delivery, header_add, scene.headers);
    scene_play(&scene, &replies, mode, script);
    scene_close(&scene);
}

/* Plays script with a relay that is silent at that phase; FAKE_SMTP_PHASES: nowhere. */
static void play(enum fake_smtp_phase silent, enum fake_smtp_phase counts, size_t count,
                 void (*script)(struct fake_worker *fake, void *context))
{
    play_mode("deliver.mode=live", silent, counts, count, script);
}

static void take(struct fake_worker *fake, int32_t partition)
{
    fake_worker_assign(fake, TOPIC, partition, 0);
    fake_worker_ready(fake, TOPIC, partition);
}

/* The same records at each call. */
static void letters_come(struct fake_worker *fake, const struct scene *scene)
{
    for (size_t i = 0; i < scene->count; i++)
        fake_worker_record(fake, TOPIC, 0, (int64_t)i, "target.example", "payload", scene->headers);
}

static void reached_wait(struct fake_worker *fake, const struct scene *scene)
{
    int64_t deadline_ms = time_monotonic_ms() + FAKE_WORKER_PATIENCE_MS;
    while (!atomic_load(&scene->reached) && time_monotonic_ms() < deadline_ms)
        fake_worker_wait(fake, 10);
    assert_true(atomic_load(&scene->reached));
}

static void assert_delivered(const struct message_list *messages, size_t count)
{
    struct error err;
    assert_int_equal(messages->count, count);
    for (size_t i = 0; i < count; i++) {
        const struct message *message = messages->items[i];
        struct outcome outcome = {0};
        struct json_object *json = json_parse_object(message->value, message->value_bytes, &err);
        assert_string_equal(message->topic, "outcomes");
        assert_int_equal(outcome_from_json(message->key, message->key_bytes, json, &outcome, &err),
                         0);
        assert_int_equal(outcome.state, OUTCOME_DELIVERED);
        assert_int_equal(outcome.attempts, 1);
        outcome_free(&outcome);
        json_object_put(json);
    }
}

static void assert_mail(const struct scene *scene, size_t count)
{
    struct text_list mail = {0};
    fake_smtp_messages(scene->server, &mail);
    assert_int_equal(mail.count, count);
    text_list_free(&mail);
}

/* All letters are delivered now, at their first attempt, and each once. */
static void assert_all_end_well(struct fake_worker *fake, const struct scene *scene)
{
    struct message_list messages;
    fake_worker_finish(fake, TOPIC, 0, (int64_t)scene->count);
    fake_worker_commit(fake, &messages);
    assert_delivered(&messages, scene->count);
    assert_mail(scene, scene->count);
    message_list_free(&messages);
}

/* ---- a letter is delivered ---- */

static void delivers(struct fake_worker *fake, void *context)
{
    take(fake, 0);
    letters_come(fake, context);
    assert_all_end_well(fake, context);
}

static void a_letter_is_delivered(void **state)
{
    (void)state;
    play(FAKE_SMTP_PHASES, FAKE_SMTP_END, 1, delivers);
}

/* ---- a record that is no letter ---- */

static const struct refused_row {
    const char *name;
    const char *target, *via, *report_id, *domain; /* NULL: as a letter has it; via: none */
    bool empty;
} refused_rows[] = {
    {"an https target", "https://target.example/", NULL, NULL, NULL, false},
    {"a mailbox, redirected to https", NULL, "https://target.example/", NULL, NULL, false},
    {"a mailbox that is not normalised", "mailto:tls@TARGET.example", NULL, NULL, NULL, false},
    {"two mailboxes", "mailto:tls@target.example,b@target.example", NULL, NULL, NULL, false},
    {"a command in the mailbox", "mailto:a@b.example>\r\nRCPT TO:<c@d.example", NULL, NULL, NULL,
     false},
    {"a header in the report-id", NULL, NULL, "id\r\nBcc: c@d.example", NULL, false},
    {"a blank in the report-id", NULL, NULL, "an id", NULL, false},
    {"a header in the domain", NULL, NULL, NULL, "b.example\r\nBcc: c@d.example", false},
    {"a domain that is none", NULL, NULL, NULL, "b..example", false},
    {"no payload", NULL, NULL, NULL, NULL, true},
};

/* It stands in rejected, and the relay hears nothing. */
static void is_refused(struct fake_worker *fake, void *context)
{
    const struct scene *scene = context;
    struct message_list messages;
    take(fake, 0);
    fake_worker_record(fake, TOPIC, 0, 0, "key", scene->row->empty ? NULL : "payload",
                       scene->row_headers);
    fake_worker_finish(fake, TOPIC, 0, 1);
    fake_worker_commit(fake, &messages);
    assert_int_equal(messages.count, 1);
    const struct message *reject = messages.items[0];
    assert_string_equal(reject->topic, "rejected");
    assert_string_equal(reject->headers[0].text, "smtp");
    assert_string_equal(reject->headers[1].text, "unreadable");
    assert_string_equal(reject->headers[2].text, TOPIC "/0/0");
    assert_int_equal(fake_smtp_connections(scene->server), 0);
    message_list_free(&messages);
}

static void refused_row(void **state)
{
    struct scene scene = {.row = *state};
    struct delivery bad = delivery;
    bad.target = scene.row->target ? scene.row->target : bad.target;
    bad.report_id = scene.row->report_id ? scene.row->report_id : bad.report_id;
    bad.domain = scene.row->domain ? scene.row->domain : bad.domain;
    bad.via = scene.row->via;
    delivery_to_headers(&bad, header_add, scene.row_headers);
    scene_play(&scene, &accepting, "deliver.mode=live", is_refused);
    scene_close(&scene);
}

/* ---- deliver.mode ---- */

static void holds(struct fake_worker *fake, void *context)
{
    const struct scene *scene = context;
    struct message_list messages;
    take(fake, 0);
    letters_come(fake, scene);
    fake_worker_finish(fake, TOPIC, 0, (int64_t)scene->count);
    fake_worker_commit(fake, &messages);
    assert_int_equal(messages.count, scene->count); /* no wait among them */
    assert_non_null(strstr(messages.items[0]->value, "\"held\""));
    assert_mail(scene, 0);
    message_list_free(&messages);
}

/* It was routed under another mode: what is not for now is recorded, not sent. */
static void what_the_mode_holds_is_not_sent(void **state)
{
    (void)state;
    play_mode("deliver.mode=hold", FAKE_SMTP_PHASES, FAKE_SMTP_END, LETTERS, holds);
}

/* ---- partitions are given up ---- */

/* Begun or not. */
static void leaves_what_is_not_sent(struct fake_worker *fake, void *context)
{
    const struct scene *scene = context;
    struct message_list messages;
    take(fake, 0);
    letters_come(fake, scene);
    reached_wait(fake, scene);
    fake_worker_revoke(fake, TOPIC, 0, &messages);
    assert_int_equal(messages.count, 0);
    assert_int_equal(fake_worker_orphans(fake), 0);
    assert_mail(scene, 0);
}

static void what_is_not_sent_is_left_to_the_next_owner(void **state)
{
    (void)state;
    play(FAKE_SMTP_GREETING, FAKE_SMTP_GREETING, LETTERS, leaves_what_is_not_sent);
}

/* After the last byte only the relay knows. */
static void awaits_the_reply(struct fake_worker *fake, void *context)
{
    const struct scene *scene = context;
    struct message_list messages;
    take(fake, 0);
    letters_come(fake, scene);
    reached_wait(fake, scene);
    fake_worker_revoke(fake, TOPIC, 0, &messages);
    assert_delivered(&messages, scene->count);
    assert_mail(scene, scene->count);
    message_list_free(&messages);
}

static void the_reply_is_awaited(void **state)
{
    (void)state;
    play(FAKE_SMTP_PHASES, FAKE_SMTP_END, 1, awaits_the_reply);
}

/* ---- partitions are lost ---- */

/* Cancelled, and given back by its thread; then its partition is lost. */
static void letter_cancel(struct fake_worker *fake, const struct scene *scene)
{
    take(fake, 0);
    letters_come(fake, scene);
    reached_wait(fake, scene);
    assert_false(fake_worker_drain_once(fake));
    fake_worker_wait(fake, FAKE_WORKER_PATIENCE_MS);
    fake_smtp_follow(scene->server, &accepting);
    fake_worker_lose(fake, TOPIC, 0);
}

/* The record is not handed out a second time: nobody but this letter can finish it. */
static void sends_it_when_it_comes_back(struct fake_worker *fake, void *context)
{
    const struct scene *scene = context;
    letter_cancel(fake, scene);
    take(fake, 0);
    letters_come(fake, scene);
    assert_all_end_well(fake, scene);
}

static void a_cancelled_letter_is_sent_when_its_partition_comes_back(void **state)
{
    (void)state;
    play(FAKE_SMTP_RCPT, FAKE_SMTP_RCPT, 1, sends_it_when_it_comes_back);
}

static void sends_it_anew(struct fake_worker *fake, void *context)
{
    const struct scene *scene = context;
    letter_cancel(fake, scene);
    take(fake, 1);
    fake_worker_finish(fake, TOPIC, 1, 0);
    fake_worker_drain_once(fake); /* settles what came back */
    assert_mail(scene, 0);
    assert_int_equal(fake_worker_orphans(fake), 0);
    take(fake, 0); /* it comes back after all, and its record with it */
    letters_come(fake, scene);
    assert_all_end_well(fake, scene);
}

static void a_cancelled_letter_of_a_lost_partition_is_forgotten(void **state)
{
    (void)state;
    play(FAKE_SMTP_RCPT, FAKE_SMTP_RCPT, 1, sends_it_anew);
}

/* No drain comes before a loss. */
static void forgets_what_is_not_begun(struct fake_worker *fake, void *context)
{
    take(fake, 0);
    letters_come(fake, context);
    fake_worker_lose(fake, TOPIC, 0);
    assert_in_range(fake_worker_orphans(fake), 0, THREADS);
    assert_mail(context, 0);
}

static void what_is_not_begun_goes_with_a_lost_partition(void **state)
{
    (void)state;
    play(FAKE_SMTP_GREETING, FAKE_SMTP_GREETING, LETTERS, forgets_what_is_not_begun);
}

/* ---- redirected ---- */

/* Every target's copy goes to one mailbox; what a query says is between its target and us. */
static const struct delivery redirected[] = {
    {.target = "https://target.example/?token=geheim", .via = "mailto:me@operator.example"},
    {.target = "mailto:tls@target.example", .via = "mailto:me@operator.example"},
    {.target = "mailto:tls@target.example", .via = "https://operator.example/?token=geheim"},
};

static void ends(struct fake_worker *fake, void *context)
{
    struct message_list messages;
    take(fake, 0);
    letters_come(fake, context);
    fake_worker_finish(fake, TOPIC, 0, 1);
    fake_worker_commit(fake, &messages);
    assert_int_equal(messages.count, 1);
    message_list_free(&messages);
}

/* Each over a relay of its own, which takes one connection at a time. */
static void copy_send(const struct delivery *whose, struct text_list *mail)
{
    struct scene scene = {.count = 1};
    struct text_list heard = {0};
    struct delivery copy = delivery;
    copy.target = whose->target;
    copy.via = whose->via;
    delivery_to_headers(&copy, header_add, scene.headers);
    scene_play(&scene, &accepting, "deliver.mode=live", ends);
    fake_smtp_messages(scene.server, &heard);
    for (size_t i = 0; i < heard.count; i++)
        text_list_add(mail, heard.items[i], strlen(heard.items[i]));
    text_list_free(&heard);
    scene_close(&scene);
}

/* Owned by the caller. */
static char *header_line(const char *mail, const char *name)
{
    const char *begin = strstr(mail, name);
    assert_non_null(begin);
    return mem_copy(begin, strcspn(begin, "\r"));
}

static void the_copies_of_two_targets_are_two_messages(void **state)
{
    (void)state;
    struct text_list mail = {0};
    char log[8192];
    int saved;
    int file = capture_begin(&saved);
    for (size_t i = 0; i < NELEMS(redirected); i++)
        copy_send(&redirected[i], &mail);
    capture_end(file, saved, log, sizeof(log));
    assert_non_null(strstr(log, "smtp delivery"));
    assert_non_null(strstr(log, "delivery rejected"));
    assert_null(strstr(log, "geheim"));
    assert_int_equal(mail.count, 2);
    char *first = header_line(mail.items[0], "Message-ID: ");
    char *second = header_line(mail.items[1], "Message-ID: ");
    assert_string_not_equal(first, second);
    for (size_t i = 0; i < mail.count; i++)
        assert_non_null(strstr(mail.items[i], "\r\nTo: <me@operator.example>\r\n"));
    free(first);
    free(second);
    text_list_free(&mail);
}

int main(void)
{
    struct error err;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_letter_is_delivered),
        cmocka_unit_test(what_the_mode_holds_is_not_sent),
        cmocka_unit_test(what_is_not_sent_is_left_to_the_next_owner),
        cmocka_unit_test(the_reply_is_awaited),
        cmocka_unit_test(a_cancelled_letter_is_sent_when_its_partition_comes_back),
        cmocka_unit_test(a_cancelled_letter_of_a_lost_partition_is_forgotten),
        cmocka_unit_test(what_is_not_begun_goes_with_a_lost_partition),
        cmocka_unit_test(the_copies_of_two_targets_are_two_messages),
    };
    if (fetch_init(&err) < 0)
        return 1;
    metrics_register(sender_metrics);
    int failed = RUN_ROWS("smtp: no letter", refused_row, refused_rows);
    return failed + cmocka_run_group_tests_name("smtp", tests, NULL, NULL);
}
