#include "sender/relay.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "common/fetch.h"
#include "common/memory.h"
#include "common/time.h"
#include "tests/support/fake_smtp.h"
#include "tests/support/unit.h"

#define PATIENCE_MS 20000 /* for a machine under load */

#define FROM    "reports@sender.example"
#define MAILBOX "tls@target.example"
#define MESSAGE "Subject: x\r\n\r\nbody\r\n"

/* Lines that SMTP has to hide and to show again (RFC 5321 section 4.5.2). */
#define DOTS "Subject: x\r\n\r\n.\r\n..\r\n.a\r\n\r\n.\r\n"

struct scene {
    struct fake_smtp *server;
    struct config *config;
    struct relay *relay;
    atomic_bool cancel;
};

static void option_set(struct config *config, const char *key, const char *value)
{
    struct error err;
    char *assignment = mem_printf("%s=%s", key, value);
    assert_int_equal(config_set(config, assignment, &err), 0);
    free(assignment);
}

static void scene_open(struct scene *scene, const struct fake_smtp_script *script, const char *tls)
{
    scene->server = fake_smtp_start(script);
    scene->config = config_new(CONFIG_SENDER);
    option_set(scene->config, "smtp.relay", fake_smtp_url(scene->server));
    option_set(scene->config, "smtp.tls", tls);
    scene->relay = relay_new(scene->config, FROM);
}

static void scene_close(struct scene *scene)
{
    relay_free(&scene->relay);
    assert_null(scene->relay);
    fake_smtp_stop(&scene->server);
    config_free(&scene->config);
}

static bool send_message(struct scene *scene, const char *message, struct attempt_smtp *facts)
{
    const struct relay_letter letter = {MAILBOX, message, strlen(message), &scene->cancel};
    return relay_send(scene->relay, &letter, facts);
}

static void assert_delivers(struct scene *scene, const char *message)
{
    struct attempt_smtp facts = {0};
    assert_true(send_message(scene, message, &facts));
    assert_int_equal(attempt_judge_smtp(&facts).class, ATTEMPT_DELIVERED);
}

static void assert_messages(struct scene *scene, size_t count, const char *last)
{
    struct text_list messages = {0};
    fake_smtp_messages(scene->server, &messages);
    assert_int_equal(messages.count, count);
    if (count > 0)
        assert_string_equal(messages.items[count - 1], last);
    text_list_free(&messages);
}

static bool heard(struct scene *scene, const char *begin)
{
    bool found = false;
    struct text_list commands = {0};
    fake_smtp_commands(scene->server, &commands);
    for (size_t i = 0; i < commands.count; i++)
        found = found || strncmp(commands.items[i], begin, strlen(begin)) == 0;
    text_list_free(&commands);
    return found;
}

/* The relay's authority is the system's. Here it is this file, if any, while a test says so: in
 * place of libcurl's own function. */
static const char *authority;

CURL *curl_easy_init(void)
{
    CURL *(*real)(void);
    void *found = dlsym(RTLD_NEXT, "curl_easy_init");
    memcpy(&real, &found, sizeof(real));
    CURL *handle = real();
    if (authority)
        curl_easy_setopt(handle, CURLOPT_CAINFO, authority);
    return handle;
}

/* What this host is called; NULL: it cannot tell. In place of libc's function, as above. */
static const char *host_name = "host.sender.example";

int gethostname(char *name, size_t bytes)
{
    if (!host_name)
        return -1;
    snprintf(name, bytes, "%s", host_name);
    return 0;
}

/* ---- what goes wrong, and what it means ---- */

static const struct row {
    const char *name;
    enum fake_smtp_phase phase;
    const char *reply;
    enum attempt_class class;
    int code;
    const char *reason;
} rows[] = {
    {"421 at the greeting", FAKE_SMTP_GREETING, "421 later", ATTEMPT_RELAY, 421, "relay-greeting"},
    {"554 at the greeting", FAKE_SMTP_GREETING, "554 never", ATTEMPT_RELAY, 554, "relay-greeting"},
    {"lost at the greeting", FAKE_SMTP_GREETING, FAKE_SMTP_DROP, ATTEMPT_RELAY, 0, "relay-connect"},
    {"550 at EHLO and HELO", FAKE_SMTP_EHLO, "550 who", ATTEMPT_RELAY, 550, "relay-hello"},
    {"451 at MAIL", FAKE_SMTP_MAIL, "451 later", ATTEMPT_RELAY, 451, "relay-sender"},
    {"550 at MAIL", FAKE_SMTP_MAIL, "550 not you", ATTEMPT_RELAY, 550, "relay-sender"},
    {"552 at MAIL is the message's fault", FAKE_SMTP_MAIL, "552 too big", ATTEMPT_REFUSED, 552,
     "message-size"},
    {"450 at RCPT", FAKE_SMTP_RCPT, "450 later", ATTEMPT_RETRY, 450, "recipient"},
    {"550 at RCPT", FAKE_SMTP_RCPT, "550 unknown", ATTEMPT_REFUSED, 550, "recipient"},
    {"421 at RCPT", FAKE_SMTP_RCPT, "421 busy", ATTEMPT_RETRY, 421, "recipient"},
    {"452 at DATA", FAKE_SMTP_DATA, "452 full", ATTEMPT_RETRY, 452, "data"},
    {"554 at DATA", FAKE_SMTP_DATA, "554 no", ATTEMPT_REFUSED, 554, "data"},
    {"lost at EHLO", FAKE_SMTP_EHLO, FAKE_SMTP_DROP, ATTEMPT_RELAY, 220, "relay-hello"},
    {"lost at MAIL", FAKE_SMTP_MAIL, FAKE_SMTP_DROP, ATTEMPT_RELAY, 250, "relay-sender"},
    {"lost at RCPT", FAKE_SMTP_RCPT, FAKE_SMTP_DROP, ATTEMPT_RETRY, 250, "connection-lost"},
    {"lost at DATA", FAKE_SMTP_DATA, FAKE_SMTP_DROP, ATTEMPT_RETRY, 250, "connection-lost"},
    {"lost in the message", FAKE_SMTP_BODY, FAKE_SMTP_DROP, ATTEMPT_RETRY, 354, "connection-lost"},
    {"451 at the final dot", FAKE_SMTP_END, "451 later", ATTEMPT_RETRY, 451, "message"},
    {"554 at the final dot", FAKE_SMTP_END, "554 spam", ATTEMPT_REFUSED, 554, "message"},
    {"lost after the final dot", FAKE_SMTP_END, FAKE_SMTP_DROP, ATTEMPT_RETRY, 354,
     "connection-lost"},
};

/* And the next message goes over a new connection, whatever the first one left in the old. */
static void fault(void **state)
{
    const struct row *row = *state;
    const struct fake_smtp_script good = {0};
    struct fake_smtp_script script = {0};
    struct scene scene = {0};
    struct attempt_smtp facts = {0};
    script.replies[row->phase] = row->reply;
    scene_open(&scene, &script, "none");
    assert_true(send_message(&scene, MESSAGE, &facts));
    struct attempt_result result = attempt_judge_smtp(&facts);
    assert_int_equal(result.class, row->class);
    assert_int_equal(result.code, row->code);
    assert_string_equal(result.reason, row->reason);
    fake_smtp_follow(scene.server, &good);
    size_t before = fake_smtp_connections(scene.server);
    assert_delivers(&scene, MESSAGE);
    assert_int_equal(fake_smtp_connections(scene.server), before + 1);
    scene_close(&scene);
}

/* ---- what arrives ---- */

static void bytes_arrive_as_they_are(void **state)
{
    (void)state;
    const struct fake_smtp_script script = {0};
    struct scene scene = {0};
    scene_open(&scene, &script, "none");
    assert_delivers(&scene, DOTS);
    assert_messages(&scene, 1, DOTS);
    assert_true(heard(&scene, "MAIL FROM:<" FROM ">"));
    assert_true(heard(&scene, "RCPT TO:<" MAILBOX ">"));
    scene_close(&scene);
}

/* More than any of libcurl's buffers, with a dot at the begin of each line. */
static void a_large_message(void **state)
{
    (void)state;
    const struct fake_smtp_script script = {0};
    struct scene scene = {0};
    struct buffer message = {0};
    for (int i = 0; i < 40000; i++)
        buffer_printf(&message, ".%d\r\n", i);
    scene_open(&scene, &script, "none");
    assert_delivers(&scene, message.bytes);
    assert_messages(&scene, 1, message.bytes);
    buffer_free(&message);
    scene_close(&scene);
}

static void many_messages_one_connection(void **state)
{
    (void)state;
    const struct fake_smtp_script script = {0};
    struct scene scene = {0};
    scene_open(&scene, &script, "none");
    for (int i = 0; i < 5; i++)
        assert_delivers(&scene, MESSAGE);
    assert_messages(&scene, 5, MESSAGE);
    assert_int_equal(fake_smtp_connections(scene.server), 1);
    scene_close(&scene);
}

static void nobody_listens(void **state)
{
    (void)state;
    const struct fake_smtp_script script = {0};
    struct scene scene = {0};
    struct attempt_smtp facts = {0};
    scene_open(&scene, &script, "none");
    fake_smtp_stop(&scene.server);
    assert_true(send_message(&scene, MESSAGE, &facts));
    assert_int_equal(attempt_judge_smtp(&facts).class, ATTEMPT_RELAY);
    assert_string_equal(attempt_judge_smtp(&facts).reason, "relay-connect");
    scene_close(&scene);
}

/* ---- who it says it is ---- */

static const struct hello_row {
    const char *name, *host, *hello;
} hello_rows[] = {
    {"a host with a domain", "host.sender.example", "EHLO host.sender.example"},
    {"a single label, as in a container", "sender-0", "EHLO sender.example"},
    {"no domain", "my_host.sender.example", "EHLO sender.example"},
    {"an address", "192.0.2.1", "EHLO sender.example"},
    {"nothing", "", "EHLO sender.example"},
    {"no answer", NULL, "EHLO sender.example"},
};

static void hello_row(void **state)
{
    const struct hello_row *row = *state;
    const struct fake_smtp_script script = {0};
    struct text_list commands = {0};
    struct scene scene = {0};
    const char *before = host_name;
    host_name = row->host;
    scene_open(&scene, &script, "none");
    assert_delivers(&scene, MESSAGE);
    host_name = before;
    fake_smtp_commands(scene.server, &commands);
    assert_string_equal(commands.items[0], row->hello);
    text_list_free(&commands);
    scene_close(&scene);
}

/* ---- TLS and login ---- */

static void secret_give(struct scene *scene, char *path)
{
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "geheim\n", 7), 7);
    close(fd);
    option_set(scene->config, "smtp.user", "reporter");
    option_set(scene->config, "smtp.password_file", path);
}

/* A relay (or somebody before it) that hides STARTTLS gets neither mail nor password. */
static void required_tls_is_not_offered(void **state)
{
    (void)state;
    char path[] = "/tmp/tlsrpt-test-XXXXXX";
    const struct fake_smtp_script script = {0};
    struct scene scene = {0};
    struct attempt_smtp facts = {0};
    scene_open(&scene, &script, "required");
    secret_give(&scene, path);
    assert_true(send_message(&scene, MESSAGE, &facts));
    assert_int_equal(attempt_judge_smtp(&facts).class, ATTEMPT_RELAY);
    assert_string_equal(attempt_judge_smtp(&facts).reason, "relay-starttls");
    assert_true(heard(&scene, "EHLO"));
    assert_false(heard(&scene, "AUTH"));
    assert_false(heard(&scene, "MAIL"));
    scene_close(&scene);
    unlink(path);
}

static void opportunistic_tls_is_not_offered(void **state)
{
    (void)state;
    const struct fake_smtp_script script = {0};
    struct scene scene = {0};
    scene_open(&scene, &script, "opportunistic");
    assert_delivers(&scene, MESSAGE);
    scene_close(&scene);
}

static void login_is_accepted(void **state)
{
    (void)state;
    char path[] = "/tmp/tlsrpt-test-XXXXXX";
    const struct fake_smtp_script script = {0};
    struct scene scene = {0};
    scene_open(&scene, &script, "none");
    secret_give(&scene, path);
    assert_delivers(&scene, MESSAGE);
    assert_true(heard(&scene, "AUTH PLAIN"));
    scene_close(&scene);
    unlink(path);
}

static void login_is_refused(void **state)
{
    (void)state;
    char path[] = "/tmp/tlsrpt-test-XXXXXX";
    const struct fake_smtp_script script = {.replies[FAKE_SMTP_AUTH] = "535 no"};
    struct scene scene = {0};
    struct attempt_smtp facts = {0};
    scene_open(&scene, &script, "none");
    secret_give(&scene, path);
    assert_true(send_message(&scene, MESSAGE, &facts));
    assert_int_equal(attempt_judge_smtp(&facts).class, ATTEMPT_RELAY);
    assert_string_equal(attempt_judge_smtp(&facts).reason, "relay-auth");
    assert_false(heard(&scene, "MAIL"));
    scene_close(&scene);
    unlink(path);
}

/* What the relay would refuse for the lack of a login is no recipient's refusal: nothing of the
 * message goes out before it. */
static const struct loginless_row {
    const char *name, *ehlo;
} loginless_rows[] = {
    {"AUTH is not offered", "250 fake"},
    {"AUTH is offered and no mechanism that is known", "250-fake\r\n250 AUTH X-NOBODY"},
};

static void loginless_row(void **state)
{
    const struct loginless_row *row = *state;
    char path[] = "/tmp/tlsrpt-test-XXXXXX";
    const struct fake_smtp_script script = {.replies[FAKE_SMTP_EHLO] = row->ehlo,
                                            .replies[FAKE_SMTP_RCPT] = "554 relay access denied"};
    const struct fake_smtp_script good = {0};
    struct scene scene = {0};
    struct attempt_smtp facts = {0};
    scene_open(&scene, &script, "none");
    secret_give(&scene, path);
    assert_true(send_message(&scene, MESSAGE, &facts));
    assert_int_equal(attempt_judge_smtp(&facts).class, ATTEMPT_RELAY);
    assert_string_equal(attempt_judge_smtp(&facts).reason, "relay-auth");
    assert_false(heard(&scene, "MAIL"));
    fake_smtp_follow(scene.server, &good);
    assert_delivers(&scene, MESSAGE); /* the next connection may */
    assert_delivers(&scene, MESSAGE); /* and needs one login for all its messages */
    assert_int_equal(fake_smtp_connections(scene.server), 2);
    scene_close(&scene);
    unlink(path);
}

/* The login of the last connection is none of the next, which libcurl opens by itself. */
static void another_connection_needs_another_login(void **state)
{
    (void)state;
    char path[] = "/tmp/tlsrpt-test-XXXXXX";
    const struct fake_smtp_script leaving = {.leaves = true};
    const struct fake_smtp_script loginless = {.replies[FAKE_SMTP_EHLO] = "250 fake"};
    struct scene scene = {0};
    struct attempt_smtp facts = {0};
    scene_open(&scene, &leaving, "none");
    secret_give(&scene, path);
    assert_delivers(&scene, MESSAGE);
    int64_t deadline_ms = time_monotonic_ms() + PATIENCE_MS;
    while (fake_smtp_closed(scene.server) < 1 && time_monotonic_ms() < deadline_ms)
        sched_yield();
    fake_smtp_follow(scene.server, &loginless);
    assert_true(send_message(&scene, MESSAGE, &facts));
    assert_string_equal(attempt_judge_smtp(&facts).reason, "relay-auth");
    assert_int_equal(fake_smtp_connections(scene.server), 2);
    assert_messages(&scene, 1, MESSAGE);
    scene_close(&scene);
    unlink(path);
}

/* An empty password would look like a wrong one, and lock the account in the end. */
static void without_its_password_nothing_is_begun(void **state)
{
    (void)state;
    char path[] = "/tmp/tlsrpt-test-XXXXXX", again[] = "/tmp/tlsrpt-test-XXXXXX";
    const struct fake_smtp_script script = {0};
    struct scene scene = {0};
    struct attempt_smtp facts = {0};
    scene_open(&scene, &script, "none");
    secret_give(&scene, path);
    unlink(path);
    assert_true(send_message(&scene, MESSAGE, &facts));
    assert_int_equal(attempt_judge_smtp(&facts).class, ATTEMPT_RELAY);
    assert_string_equal(attempt_judge_smtp(&facts).reason, "relay-auth");
    assert_int_equal(fake_smtp_connections(scene.server), 0);
    secret_give(&scene, again);
    assert_delivers(&scene, MESSAGE); /* and the next one finds it */
    assert_true(heard(&scene, "AUTH PLAIN"));
    scene_close(&scene);
    unlink(again);
}

#define RELAY_HOST "localhost"

enum certificate { GOOD, WRONG_NAME, STRANGER, EXPIRED };

static const struct tls_row {
    const char *name, *tls;
    enum certificate certificate;
    const char *reply;  /* to STARTTLS; NULL: it begins */
    const char *reason; /* why the relay failed; NULL: delivered */
    bool encrypted;
} tls_rows[] = {
    {"required, and good", "required", GOOD, NULL, NULL, true},
    {"required, another name", "required", WRONG_NAME, NULL, "relay-starttls", false},
    {"required, an unknown authority", "required", STRANGER, NULL, "relay-starttls", false},
    {"required, expired", "required", EXPIRED, NULL, "relay-starttls", false},
    {"required, refused", "required", GOOD, "454 later", "relay-starttls", false},
    {"required, lost at STARTTLS", "required", GOOD, FAKE_SMTP_DROP, "relay-starttls", false},
    {"required, and bytes before the handshake", "required", GOOD, "220 go on\r\n250 more",
     "relay-starttls", false},
    {"opportunistic, and good", "opportunistic", GOOD, NULL, NULL, true},
    {"opportunistic, another name", "opportunistic", WRONG_NAME, NULL, NULL, true},
    {"opportunistic, an unknown authority", "opportunistic", STRANGER, NULL, NULL, true},
    {"opportunistic, expired", "opportunistic", EXPIRED, NULL, NULL, true},
    {"opportunistic, refused", "opportunistic", GOOD, "454 later", NULL, false},
    {"none, though offered", "none", GOOD, NULL, NULL, false},
};

static void tls_scene_open(struct scene *scene, const struct tls_row *row, struct fake_tls **tls)
{
    *tls = fake_tls_new(row->certificate == WRONG_NAME ? "other.example" : RELAY_HOST,
                        row->certificate == EXPIRED ? FAKE_TLS_EXPIRED : FAKE_TLS_GOOD);
    struct fake_smtp_script script = {.tls = *tls};
    script.replies[FAKE_SMTP_STARTTLS] = row->reply;
    scene_open(scene, &script, row->tls);
    char *url = mem_printf("smtp://" RELAY_HOST "%s", strrchr(fake_smtp_url(scene->server), ':'));
    option_set(scene->config, "smtp.relay", url);
    free(url);
    authority =
        row->certificate == STRANGER ? fake_tls_other_ca_file(*tls) : fake_tls_ca_file(*tls);
}

static void tls_scene_close(struct scene *scene, struct fake_tls **tls)
{
    scene_close(scene);
    fake_tls_free(tls);
    authority = NULL;
}

/* What is refused is the relay's fault, and was not sent in clear instead. */
static void tls_row(void **state)
{
    const struct tls_row *row = *state;
    struct scene scene = {0};
    struct fake_tls *tls;
    struct attempt_smtp facts = {0};
    tls_scene_open(&scene, row, &tls);
    assert_true(send_message(&scene, MESSAGE, &facts));
    struct attempt_result result = attempt_judge_smtp(&facts);
    assert_int_equal(result.class, row->reason ? ATTEMPT_RELAY : ATTEMPT_DELIVERED);
    assert_string_equal(result.reason, row->reason ? row->reason : "delivered");
    assert_int_equal(heard(&scene, FAKE_SMTP_IN_TLS "MAIL"), row->encrypted);
    assert_int_equal(heard(&scene, "MAIL"), !row->encrypted && !row->reason);
    assert_int_equal(heard(&scene, "STARTTLS"), strcmp(row->tls, "none") != 0);
    assert_messages(&scene, row->reason ? 0 : 1, MESSAGE);
    tls_scene_close(&scene, &tls);
}

static void login_goes_over_tls(void **state)
{
    (void)state;
    char path[] = "/tmp/tlsrpt-test-XXXXXX";
    struct scene scene = {0};
    struct fake_tls *tls;
    tls_scene_open(&scene, &tls_rows[0], &tls);
    secret_give(&scene, path);
    assert_delivers(&scene, MESSAGE);
    assert_true(heard(&scene, FAKE_SMTP_IN_TLS "AUTH PLAIN"));
    assert_false(heard(&scene, "AUTH"));
    tls_scene_close(&scene, &tls);
    unlink(path);
}

/* As the configuration wants it: with smtp.user there is always TLS. */
static void login_is_not_offered_over_tls(void **state)
{
    (void)state;
    char path[] = "/tmp/tlsrpt-test-XXXXXX";
    struct scene scene = {0};
    struct fake_tls *tls;
    struct attempt_smtp facts = {0};
    tls_scene_open(&scene, &tls_rows[0], &tls);
    const struct fake_smtp_script script = {.tls = tls,
                                            .replies[FAKE_SMTP_EHLO] = "250-fake\r\n250 STARTTLS"};
    fake_smtp_follow(scene.server, &script);
    secret_give(&scene, path);
    assert_true(send_message(&scene, MESSAGE, &facts));
    assert_string_equal(attempt_judge_smtp(&facts).reason, "relay-auth");
    assert_true(heard(&scene, FAKE_SMTP_IN_TLS "EHLO"));
    assert_false(heard(&scene, FAKE_SMTP_IN_TLS "MAIL"));
    tls_scene_close(&scene, &tls);
    unlink(path);
}

/* ---- cancelling ---- */

static const struct cancel_row {
    const char *name;
    enum fake_smtp_phase at; /* NEVER: before it begins */
    const char *reply;
    bool sent;
} cancel_rows[] = {
    {"before it begins", FAKE_SMTP_NEVER, NULL, false},
    {"while the greeting is waited for", FAKE_SMTP_GREETING, FAKE_SMTP_HANG, false},
    {"while RCPT is waited for", FAKE_SMTP_RCPT, FAKE_SMTP_HANG, false},
    {"at DATA, before the message", FAKE_SMTP_DATA, NULL, false},
    {"after the last byte: the reply counts", FAKE_SMTP_END, NULL, true},
};

static void cancelled(void **state)
{
    const struct cancel_row *row = *state;
    struct scene scene = {0};
    struct attempt_smtp facts = {.reply = -1};
    struct fake_smtp_script script = {.flag = &scene.cancel, .flag_at = row->at};
    script.replies[row->at] = row->reply;
    scene_open(&scene, &script, "none");
    atomic_store(&scene.cancel, row->at == FAKE_SMTP_NEVER);
    assert_int_equal(send_message(&scene, MESSAGE, &facts), row->sent);
    if (row->sent)
        assert_int_equal(attempt_judge_smtp(&facts).class, ATTEMPT_DELIVERED);
    else
        assert_int_equal(facts.reply, -1); /* untouched */
    assert_messages(&scene, row->sent ? 1 : 0, MESSAGE);
    scene_close(&scene);
}

#define LINES 32768 /* of 1,000 bytes: more than the sockets between can hold */

static void large_message(struct buffer *message)
{
    char line[1001];
    memset(line, 'x', sizeof(line) - 3);
    memcpy(line + sizeof(line) - 3, "\r\n", 3);
    for (int i = 0; i < LINES; i++)
        buffer_text(message, line);
}

/* Half of a message is none, and its rest is nobody else's message. */
static void cancelled_in_the_message(void **state)
{
    (void)state;
    const struct fake_smtp_script good = {0};
    struct scene scene = {0};
    struct buffer message = {0};
    struct attempt_smtp facts = {.reply = -1};
    const struct fake_smtp_script script = {.flag = &scene.cancel, .flag_at = FAKE_SMTP_BODY};
    large_message(&message);
    scene_open(&scene, &script, "none");
    assert_false(send_message(&scene, message.bytes, &facts));
    assert_int_equal(facts.reply, -1);
    fake_smtp_follow(scene.server, &good);
    atomic_store(&scene.cancel, false);
    assert_delivers(&scene, MESSAGE);
    assert_messages(&scene, 1, MESSAGE);
    assert_int_equal(fake_smtp_connections(scene.server), 2);
    buffer_free(&message);
    scene_close(&scene);
}

int main(void)
{
    struct error err;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_arrive_as_they_are),
        cmocka_unit_test(a_large_message),
        cmocka_unit_test(many_messages_one_connection),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(required_tls_is_not_offered),
        cmocka_unit_test(opportunistic_tls_is_not_offered),
        cmocka_unit_test(login_is_accepted),
        cmocka_unit_test(login_is_refused),
        cmocka_unit_test(another_connection_needs_another_login),
        cmocka_unit_test(without_its_password_nothing_is_begun),
        cmocka_unit_test(login_goes_over_tls),
        cmocka_unit_test(login_is_not_offered_over_tls),
        cmocka_unit_test(cancelled_in_the_message),
    };
    if (fetch_init(&err) < 0)
        return 1;
    int failed = RUN_ROWS("faults", fault, rows);
    failed += RUN_ROWS("EHLO", hello_row, hello_rows);
    failed += RUN_ROWS("STARTTLS", tls_row, tls_rows);
    failed += RUN_ROWS("no login", loginless_row, loginless_rows);
    failed += RUN_ROWS("cancelled", cancelled, cancel_rows);
    return failed + cmocka_run_group_tests_name("relay", tests, NULL, NULL);
}
