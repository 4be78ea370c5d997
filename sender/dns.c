#include "sender/dns.h"

#include <ares.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <utlist.h>

#include "common/log.h"
#include "common/memory.h"

/* c-ares asks each server in turn, then all of them again and waits twice as long. They share the
 * time: a look-up takes at most 3 s, however many they are. */
#define TRY_MS 1000
#define TRIES  2
#define EVENTS 64

/* One look-up, waiting for its turn or under way. */
struct question {
    struct dns *dns;
    char *name;
    dns_txt_done *txt; /* one of the two */
    dns_addresses_done *addresses;
    void *context;
    struct question *prev, *next;
};

struct dns {
    ares_channel channel;
    int epoll;
    struct question *waiting;
    size_t in_flight;
};

/* c-ares counts its users without a lock: it is begun here and ends with the process. */
void dns_init(void)
{
    int status = ares_library_init(ARES_LIB_INIT_ALL);
    if (status != ARES_SUCCESS)
        log_panic("dns: c-ares cannot be begun: %s", ares_strerror(status));
}

/* c-ares says which sockets it wants to hear of; one epoll stands for all of them. */
static void on_socket(void *context, ares_socket_t socket, int readable, int writable)
{
    const struct dns *dns = context;
    struct epoll_event event = {.data.fd = socket};
    if (!readable && !writable) {
        epoll_ctl(dns->epoll, EPOLL_CTL_DEL, socket, NULL); /* fails when it is closed already */
        return;
    }
    event.events = (readable ? EPOLLIN : 0u) | (writable ? EPOLLOUT : 0u);
    if (epoll_ctl(dns->epoll, EPOLL_CTL_MOD, socket, &event) < 0)
        epoll_ctl(dns->epoll, EPOLL_CTL_ADD, socket, &event);
}

static int servers_set(struct dns *dns, const struct text_list *servers)
{
    struct buffer csv = {0};
    if (servers->count == 0)
        return ARES_SUCCESS;
    for (size_t i = 0; i < servers->count; i++)
        buffer_printf(&csv, "%s%s", i ? "," : "", servers->items[i]);
    int status = ares_set_servers_ports_csv(dns->channel, csv.bytes);
    buffer_free(&csv);
    return status;
}

static int channel_init(struct dns *dns, const struct text_list *servers, int try_ms)
{
    static char lookups[] = "b"; /* DNS only, no hosts file */
    struct ares_options options = {
        .flags = ARES_FLAG_NOSEARCH | ARES_FLAG_EDNS,
        .timeout = try_ms,
        .tries = TRIES,
        .ednspsz = 1232,
        .lookups = lookups,
        .sock_state_cb = on_socket,
        .sock_state_cb_data = dns,
    };
    int status =
        ares_init_options(&dns->channel, &options,
                          ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ |
                              ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB);
    if (status != ARES_SUCCESS)
        return status;
    status = servers_set(dns, servers);
    if (status != ARES_SUCCESS)
        ares_destroy(dns->channel);
    return status;
}

static int server_count(struct dns *dns)
{
    struct ares_addr_port_node *servers = NULL;
    int count = 0;
    ares_get_servers_ports(dns->channel, &servers);
    for (const struct ares_addr_port_node *server = servers; server; server = server->next)
        count++;
    ares_free_data(servers);
    return count;
}

/* How many servers the system has is known from a channel, and a channel's times are fixed. */
static int channel_open(struct dns *dns, const struct text_list *servers)
{
    int status = channel_init(dns, servers, TRY_MS);
    if (status != ARES_SUCCESS)
        return status;
    int count = server_count(dns);
    if (count <= 1)
        return ARES_SUCCESS;
    ares_destroy(dns->channel);
    return channel_init(dns, servers, TRY_MS / count);
}

struct dns *dns_new(const struct text_list *servers, struct error *err)
{
    struct dns *dns = mem_alloc(sizeof(*dns));
    dns->epoll = epoll_create1(EPOLL_CLOEXEC);
    int status = channel_open(dns, servers);
    if (status == ARES_SUCCESS)
        return dns;
    error_set(err, ERROR_CONFIG, "dns.servers: %s", ares_strerror(status));
    close(dns->epoll);
    free(dns);
    return NULL;
}

static void question_free(struct question *question)
{
    free(question->name);
    free(question);
}

static void question_fail(struct question *question)
{
    if (question->txt)
        question->txt(question->context, DNS_TEMPORARY, NULL, 0);
    else
        question->addresses(question->context, DNS_TEMPORARY, NULL, 0);
    question_free(question);
}

void dns_free(struct dns **dns)
{
    if (!*dns)
        return;
    while ((*dns)->waiting) {
        struct question *question = (*dns)->waiting;
        DL_DELETE((*dns)->waiting, question);
        question_fail(question);
    }
    ares_destroy((*dns)->channel); /* answers what is under way */
    close((*dns)->epoll);
    free(*dns);
    *dns = NULL;
}

/* ---- TXT ---- */

struct txt_answer {
    struct txt_record *records;
    size_t count;
    size_t bytes; /* of the last record's strings */
};

/* Doubles at each power of two: 65,000 strings in an answer are not 65,000 copies of it. */
static void *room_for_one(void *items, size_t count, size_t size_bytes)
{
    bool full = (count & (count - 1)) == 0; /* also for 0 */
    return full ? mem_resize(items, count ? 2 * count : 1, size_bytes) : items;
}

static void record_begin(struct txt_answer *answer)
{
    answer->records = room_for_one(answer->records, answer->count, sizeof(*answer->records));
    answer->records[answer->count++] = (struct txt_record){NULL, 0};
    answer->bytes = 0;
}

/* A record that is too long already needs no more strings to be seen as such. */
static void string_add(struct txt_answer *answer, const struct ares_txt_ext *text)
{
    if (text->record_start || answer->count == 0)
        record_begin(answer);
    if (answer->bytes > TARGETS_RECORD_MAX)
        return;
    struct txt_record *record = &answer->records[answer->count - 1];
    struct txt_string *strings =
        room_for_one((void *)(uintptr_t)record->strings, record->count, sizeof(*strings));
    strings[record->count++] = (struct txt_string){(const char *)text->txt, text->length};
    record->strings = strings;
    answer->bytes += text->length;
}

static void answer_free(struct txt_answer *answer)
{
    for (size_t i = 0; i < answer->count; i++)
        free((void *)(uintptr_t)answer->records[i].strings);
    free(answer->records);
}

/* What the server says does not exist, or cannot (a name that is too long is never asked for); all
 * else may be different the next time. */
static bool is_none(int status)
{
    return status == ARES_ENODATA || status == ARES_ENOTFOUND || status == ARES_EBADNAME;
}

#define HEADER_BYTES 12
#define AUTHORITY    0x04 /* in the third byte (RFC 1035 section 4.1.1) */
#define RECURSION    0x80 /* in the fourth */
#define TYPE_SOA     6

/* NULL: it is no name. */
static const unsigned char *name_skip(const unsigned char *bytes, int length,
                                      const unsigned char *at)
{
    char *name = NULL;
    long taken = 0;
    if (at >= bytes + length || ares_expand_name(at, bytes, length, &name, &taken) != ARES_SUCCESS)
        return NULL;
    ares_free_string(name);
    return at + taken;
}

/* The zone's own word that it has no such record (RFC 2308 section 2.2), whoever passes it on. In
 * an empty answer it stands behind the question. */
static bool has_soa(const unsigned char *bytes, int length)
{
    const unsigned char *end = bytes + length;
    const unsigned char *at = name_skip(bytes, length, bytes + HEADER_BYTES);
    at = at && end - at > 4 ? name_skip(bytes, length, at + 4) : NULL;
    return at && end - at >= 2 && at[0] == 0 && at[1] == TYPE_SOA;
}

/* An empty answer of a server that is neither in charge of the name nor asks others: it points
 * elsewhere, and says nothing about what is there. */
static bool is_referral(int status, const unsigned char *bytes, int length)
{
    return status == ARES_ENODATA && length >= HEADER_BYTES && !(bytes[2] & AUTHORITY) &&
           !(bytes[3] & RECURSION) && !has_soa(bytes, length);
}

static void txt_hand_over(const struct question *question, const struct ares_txt_ext *texts)
{
    struct txt_answer answer = {0};
    for (; texts; texts = texts->next)
        string_add(&answer, texts);
    question->txt(question->context, answer.count > 0 ? DNS_FOUND : DNS_NONE, answer.records,
                  answer.count);
    answer_free(&answer);
}

/* A bad name inside of an answer is a damaged answer, whatever the parser calls it. */
static int txt_parse(const unsigned char *bytes, int length, struct ares_txt_ext **texts)
{
    int status = ares_parse_txt_reply_ext(bytes, length, texts);
    return status == ARES_EBADNAME ? ARES_EBADRESP : status;
}

/* The status of the query is not enough: the answer may hold no TXT (an alias to nowhere), or be
 * damaged. */
static void txt_judge(const struct question *question, int status, const unsigned char *bytes,
                      int length)
{
    struct ares_txt_ext *texts = NULL;
    if (status == ARES_SUCCESS)
        status = txt_parse(bytes, length, &texts);
    bool none = is_none(status) && !is_referral(status, bytes, length);
    if (status == ARES_SUCCESS)
        txt_hand_over(question, texts);
    else
        question->txt(question->context, none ? DNS_NONE : DNS_TEMPORARY, NULL, 0);
    ares_free_data(texts);
}

static void on_txt(void *context, int status, int timeouts, unsigned char *bytes, int length)
{
    (void)timeouts;
    struct question *question = context;
    question->dns->in_flight--;
    txt_judge(question, status, bytes, length);
    question_free(question);
}

/* ---- addresses ---- */

static size_t addresses_take(const struct ares_addrinfo *info, struct address *addresses)
{
    size_t count = 0;
    for (const struct ares_addrinfo_node *node = info->nodes; node; node = node->ai_next)
        if (count < DNS_ADDRESSES_MAX && address_from_sockaddr(node->ai_addr, &addresses[count]))
            count++;
    return count;
}

static void on_addresses(void *context, int status, int timeouts, struct ares_addrinfo *info)
{
    (void)timeouts;
    struct address addresses[DNS_ADDRESSES_MAX];
    struct question *question = context;
    size_t count = status == ARES_SUCCESS ? addresses_take(info, addresses) : 0;
    enum dns_status verdict = count > 0                                   ? DNS_FOUND
                              : status == ARES_SUCCESS || is_none(status) ? DNS_NONE
                                                                          : DNS_TEMPORARY;
    question->dns->in_flight--;
    question->addresses(question->context, verdict, addresses, count);
    ares_freeaddrinfo(info);
    question_free(question);
}

/* ---- asking ---- */

static void question_ask(struct question *question)
{
    static const struct ares_addrinfo_hints hints = {
        .ai_flags = ARES_AI_NOSORT, .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct dns *dns = question->dns;
    dns->in_flight++;
    if (question->txt)
        ares_query(dns->channel, question->name, ns_c_in, ns_t_txt, on_txt, question);
    else
        ares_getaddrinfo(dns->channel, question->name, NULL, &hints, on_addresses, question);
}

static void waiting_ask(struct dns *dns)
{
    while (dns->waiting && dns->in_flight < DNS_IN_FLIGHT_MAX) {
        struct question *question = dns->waiting;
        DL_DELETE(dns->waiting, question);
        question_ask(question);
    }
}

static void question_add(struct dns *dns, const char *name, dns_txt_done *txt,
                         dns_addresses_done *addresses, void *context)
{
    struct question *question = mem_alloc(sizeof(*question));
    *question = (struct question){
        .dns = dns, .name = mem_text(name), .txt = txt, .addresses = addresses, .context = context};
    DL_APPEND(dns->waiting, question);
    waiting_ask(dns);
}

void dns_txt(struct dns *dns, const char *name, dns_txt_done *done, void *context)
{
    question_add(dns, name, done, NULL, context);
}

void dns_addresses(struct dns *dns, const char *host, dns_addresses_done *done, void *context)
{
    question_add(dns, host, NULL, done, context);
}

int dns_fd(const struct dns *dns)
{
    return dns->epoll;
}

int64_t dns_timeout_ms(struct dns *dns, int64_t at_most_ms)
{
    struct timeval most = {at_most_ms / 1000, at_most_ms % 1000 * 1000}, found;
    const struct timeval *next = ares_timeout(dns->channel, &most, &found);
    return (int64_t)next->tv_sec * 1000 + next->tv_usec / 1000 + 1;
}

void dns_work(struct dns *dns)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(dns->epoll, events, EVENTS, 0);
    for (int i = 0; i < count; i++) {
        int fd = events[i].data.fd;
        bool readable = events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP);
        ares_process_fd(dns->channel, readable ? fd : ARES_SOCKET_BAD,
                        events[i].events & EPOLLOUT ? fd : ARES_SOCKET_BAD);
    }
    ares_process_fd(dns->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD); /* time-outs */
    waiting_ask(dns);
}
