#include "sender/relay.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/domain.h"
#include "common/fetch.h"
#include "common/log.h"
#include "common/mailbox.h"
#include "common/memory.h"

/* RFC 5321 section 4.5.3.2.6: the final reply may take ten minutes, and giving up earlier makes
 * duplicates. */
#define CONNECT_MS 30000
#define REPLY_S    600L
#define TOTAL_MS   900000

struct relay {
    const struct config *config;
    const char *from;
    CURL *handle; /* NULL: no connection */
    char message[CURL_ERROR_SIZE];
    enum attempt_phase asked; /* by the last command of this letter */
    bool logged_in;           /* on this connection */
    bool login_missing;       /* for this letter */
};

/* What is being sent, and how far it is. */
struct upload {
    const struct relay_letter *letter;
    size_t sent;
};

struct relay *relay_new(const struct config *config, const char *from)
{
    struct relay *relay = mem_alloc(sizeof(*relay));
    relay->config = config;
    relay->from = from;
    return relay;
}

static void connection_close(struct relay *relay)
{
    if (relay->handle)
        curl_easy_cleanup(relay->handle);
    relay->handle = NULL;
}

void relay_free(struct relay **relay)
{
    if (!*relay)
        return;
    connection_close(*relay);
    free(*relay);
    *relay = NULL;
}

static size_t on_read(char *bytes, size_t size, size_t count, void *context)
{
    struct upload *upload = context;
    size_t left = upload->letter->message_bytes - upload->sent;
    size_t now = size * count < left ? size * count : left;
    if (now > 0 && atomic_load(upload->letter->cancel))
        return CURL_READFUNC_ABORT;
    memcpy(bytes, upload->letter->message + upload->sent, now);
    upload->sent += now;
    return now;
}

/* Also before the first byte: while it connects, or waits for a reply. */
static int on_progress(void *context, curl_off_t dltotal, curl_off_t dlnow, curl_off_t ultotal,
                       curl_off_t ulnow)
{
    const struct upload *upload = context;
    (void)dltotal;
    (void)dlnow;
    (void)ultotal;
    (void)ulnow;
    return atomic_load(upload->letter->cancel) && upload->sent < upload->letter->message_bytes;
}

/* The phase that a command asks for; -1: none of them (a login's answers too). */
static int command_phase(const char *bytes, size_t length)
{
    static const struct {
        const char *begin;
        enum attempt_phase phase;
    } rows[] = {
        {"EHLO ", ATTEMPT_HELLO},           {"HELO ", ATTEMPT_HELLO},
        {"STARTTLS\r\n", ATTEMPT_STARTTLS}, {"AUTH ", ATTEMPT_AUTH},
        {"MAIL FROM:", ATTEMPT_MAIL},       {"RCPT TO:", ATTEMPT_RCPT},
        {"DATA\r\n", ATTEMPT_DATA},
    };
    for (size_t i = 0; i < NELEMS(rows); i++)
        if (length >= strlen(rows[i].begin) &&
            memcmp(bytes, rows[i].begin, strlen(rows[i].begin)) == 0)
            return (int)rows[i].phase;
    return -1;
}

static void command_note(struct relay *relay, const char *bytes, size_t length)
{
    int phase = command_phase(bytes, length);
    if (phase >= 0)
        relay->asked = (enum attempt_phase)phase;
    if (phase == ATTEMPT_HELLO)
        relay->logged_in = false; /* libcurl may replace a kept connection that was closed */
}

static void reply_note(struct relay *relay, const char *bytes, size_t length)
{
    if (relay->asked == ATTEMPT_AUTH && length >= 3 && memcmp(bytes, "235", 3) == 0)
        relay->logged_in = true;
}

/* libcurl tells nowhere else what it said last: when a connection is lost, its code and the last
 * reply are the same whatever was asked. Nor does it tell whether it logged in. */
static int on_debug(CURL *handle, curl_infotype type, char *bytes, size_t length, void *context)
{
    (void)handle;
    if (type == CURLINFO_HEADER_OUT)
        command_note(context, bytes, length);
    else if (type == CURLINFO_HEADER_IN)
        reply_note(context, bytes, length);
    return 0;
}

/* Between the login and MAIL. Where the relay offers no login libcurl goes on without, and what
 * the relay then says to RCPT would look like the recipient's refusal. */
static int on_request(void *context, char *ip, char *local_ip, int port, int local_port)
{
    struct relay *relay = context;
    (void)ip;
    (void)local_ip;
    (void)port;
    (void)local_port;
    relay->login_missing = config_text(relay->config, "smtp.user") && !relay->logged_in;
    return relay->login_missing ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

static long use_ssl(const struct config *config)
{
    const char *tls = config_text(config, "smtp.tls");
    return strcmp(tls, "required") == 0        ? (long)CURLUSESSL_ALL
           : strcmp(tls, "opportunistic") == 0 ? (long)CURLUSESSL_TRY
                                               : (long)CURLUSESSL_NONE;
}

/* The password file is read for each connection: a rotated one is seen. False: it cannot be read.
 */
static bool login_set(struct relay *relay)
{
    char *password = NULL;
    struct error err;
    if (!config_text(relay->config, "smtp.user"))
        return true;
    if (config_secret(relay->config, "smtp.password_file", &password, &err) < 0) {
        log_warn("no relay password", log_text("error", err.text));
        return false;
    }
    FETCH_SET(relay->handle, CURLOPT_HTTPAUTH, (long)CURLAUTH_ANY);
    FETCH_SET(relay->handle, CURLOPT_USERNAME, config_text(relay->config, "smtp.user"));
    FETCH_SET(relay->handle, CURLOPT_PASSWORD, password ? password : "");
    if (password)
        explicit_bzero(password, strlen(password));
    free(password);
    return true;
}

/* RFC 5321 section 4.1.1.1 wants a full name. libcurl by itself says the first label of this
 * host's, and many a relay refuses what is no full name only at RCPT. */
static void url_set(struct relay *relay)
{
    char host[DOMAIN_MAX], name[DOMAIN_MAX];
    bool named = gethostname(host, sizeof(host)) == 0 &&
                 domain_normalize(host, strnlen(host, sizeof(host)), name) && strchr(name, '.');
    char *url = mem_printf("%s/%s", config_text(relay->config, "smtp.relay"),
                           named ? name : mailbox_domain(relay->from));
    FETCH_SET(relay->handle, CURLOPT_URL, url);
    free(url);
}

/* False: there is no password for it. */
static bool connection_open(struct relay *relay)
{
    const struct fetch_limits limits = {CONNECT_MS, TOTAL_MS};
    bool verify = use_ssl(relay->config) == (long)CURLUSESSL_ALL;
    if (relay->handle)
        return true;
    relay->handle = fetch_handle("smtp", &limits);
    url_set(relay);
    FETCH_SET(relay->handle, CURLOPT_USE_SSL, use_ssl(relay->config));
    /* opportunistic means: better than nothing, whoever it is */
    FETCH_SET(relay->handle, CURLOPT_SSL_VERIFYPEER, verify ? 1L : 0L);
    FETCH_SET(relay->handle, CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L);
    FETCH_SET(relay->handle, CURLOPT_SERVER_RESPONSE_TIMEOUT, REPLY_S);
    FETCH_SET(relay->handle, CURLOPT_ERRORBUFFER, relay->message);
    FETCH_SET(relay->handle, CURLOPT_DEBUGFUNCTION, on_debug);
    FETCH_SET(relay->handle, CURLOPT_DEBUGDATA, relay);
    FETCH_SET(relay->handle, CURLOPT_VERBOSE, 1L); /* to the function, nowhere else */
    FETCH_SET(relay->handle, CURLOPT_PREREQFUNCTION, on_request);
    FETCH_SET(relay->handle, CURLOPT_PREREQDATA, relay);
    return login_set(relay);
}

static void letter_set(struct relay *relay, struct upload *upload, struct curl_slist *recipients)
{
    FETCH_SET(relay->handle, CURLOPT_UPLOAD, 1L);
    FETCH_SET(relay->handle, CURLOPT_MAIL_FROM, relay->from);
    FETCH_SET(relay->handle, CURLOPT_MAIL_RCPT, recipients);
    FETCH_SET(relay->handle, CURLOPT_INFILESIZE_LARGE, (curl_off_t)upload->letter->message_bytes);
    FETCH_SET(relay->handle, CURLOPT_READFUNCTION, on_read);
    FETCH_SET(relay->handle, CURLOPT_READDATA, upload);
    FETCH_SET(relay->handle, CURLOPT_NOPROGRESS, 0L);
    FETCH_SET(relay->handle, CURLOPT_XFERINFOFUNCTION, on_progress);
    FETCH_SET(relay->handle, CURLOPT_XFERINFODATA, upload);
}

static bool login_failed(struct attempt_smtp *facts)
{
    *facts = (struct attempt_smtp){CURLE_LOGIN_DENIED, 0, ATTEMPT_AUTH};
    return true;
}

/* After any error the connection goes: a late reply on it would answer the next message. */
static CURLcode letter_perform(struct relay *relay, const struct relay_letter *letter, long *reply)
{
    struct upload upload = {letter, 0};
    struct curl_slist *recipients = curl_slist_append(NULL, letter->mailbox);
    relay->message[0] = '\0';
    relay->asked = ATTEMPT_CONNECT;
    relay->login_missing = false;
    letter_set(relay, &upload, recipients);
    CURLcode code = curl_easy_perform(relay->handle);
    curl_easy_getinfo(relay->handle, CURLINFO_RESPONSE_CODE, reply);
    curl_slist_free_all(recipients);
    if (code == CURLE_OK)
        FETCH_SET(relay->handle, CURLOPT_MAIL_RCPT, NULL);
    else
        connection_close(relay);
    return code;
}

bool relay_send(struct relay *relay, const struct relay_letter *letter, struct attempt_smtp *facts)
{
    long reply = 0;
    if (!connection_open(relay)) {
        connection_close(relay);
        return login_failed(facts);
    }
    CURLcode code = letter_perform(relay, letter, &reply);
    if (relay->login_missing) {
        log_warn("relay offers no login");
        return login_failed(facts);
    }
    if (code == CURLE_ABORTED_BY_CALLBACK)
        return false;
    *facts = (struct attempt_smtp){
        .curl_code = (int)code,
        .reply = (int)reply,
        .phase = attempt_smtp_phase((int)code, relay->message, (int)reply, relay->asked),
    };
    return true;
}
