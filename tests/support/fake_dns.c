#include "tests/support/fake_dns.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"
#include "common/memory.h"
#include "common/text.h"

#define HEADER_BYTES 12
#define RECORD_BYTES 12 /* before a record's data, where its owner is a pointer */
#define NAMES_MAX    64

enum { TYPE_A = 1, TYPE_NS = 2, TYPE_CNAME = 5, TYPE_SOA = 6, TYPE_TXT = 16, TYPE_AAAA = 28 };
enum { FLAG_RESPONSE = 0x80, FLAG_AUTHORITY = 0x04, FLAG_RECURSION = 0x80 };
enum { RCODE_OK = 0, RCODE_SERVFAIL = 2, RCODE_NXDOMAIN = 3, RCODE_REFUSED = 5 };

struct seen {
    char name[256];
    size_t count;
};

struct fake_dns {
    const struct fake_dns_row *rows;
    int fd;
    int tcp_fd; /* -1: no row wants it */
    int stop_fd;
    pthread_t thread;
    pthread_mutex_t lock; /* of seen */
    struct seen seen[NAMES_MAX];
    char address[32];
};

struct query {
    unsigned char bytes[512];
    size_t length;
    size_t question_end;
    char name[256];
    int type;
    bool tcp;
    size_t asked; /* this one included */
};

static void check(bool good, const char *what)
{
    if (!good)
        log_panic("fake_dns: %s", what);
}

/* ---- reading ---- */

static bool query_read(struct query *query)
{
    size_t at = HEADER_BYTES, used = 0;
    while (at < query->length && query->bytes[at] != 0) {
        size_t label = query->bytes[at++];
        if (at + label >= query->length || used + label + 1 >= sizeof(query->name))
            return false;
        memcpy(query->name + used, query->bytes + at, label);
        used += label;
        query->name[used++] = '.';
        at += label;
    }
    query->name[used > 0 ? used - 1 : 0] = '\0';
    if (at + 5 > query->length)
        return false;
    query->type = query->bytes[at + 1] << 8 | query->bytes[at + 2];
    query->question_end = at + 5;
    return true;
}

static size_t name_count(struct fake_dns *dns, const char *name, size_t more)
{
    size_t i = 0, count;
    pthread_mutex_lock(&dns->lock);
    while (i < NAMES_MAX - 1 && dns->seen[i].name[0] && strcasecmp(dns->seen[i].name, name) != 0)
        i++;
    snprintf(dns->seen[i].name, sizeof(dns->seen[i].name), "%s", name);
    dns->seen[i].count += more;
    count = dns->seen[i].count;
    pthread_mutex_unlock(&dns->lock);
    return count;
}

/* ---- answering ---- */

static void number_add(struct buffer *out, unsigned number)
{
    const unsigned char bytes[2] = {(unsigned char)(number >> 8), (unsigned char)number};
    buffer_add(out, bytes, sizeof(bytes));
}

/* The owner is the question's name, by pointer. */
static void record_add(struct buffer *out, int type, const void *data, size_t length)
{
    number_add(out, 0xc000u | HEADER_BYTES);
    number_add(out, (unsigned)type);
    number_add(out, 1); /* IN */
    number_add(out, 0);
    number_add(out, 60); /* TTL */
    number_add(out, (unsigned)length);
    buffer_add(out, data, length);
}

static void txt_record_add(struct buffer *out, const char *text, size_t length, bool damaged)
{
    struct buffer data = {0};
    const char *end = text + length;
    while (text <= end) {
        const char *next = memchr(text, '|', (size_t)(end - text));
        size_t bytes = (size_t)((next ? next : end) - text);
        unsigned char announced = (unsigned char)(damaged ? bytes + 9 : bytes);
        buffer_add(&data, &announced, 1);
        for (size_t i = 0; i < bytes; i++)
            buffer_add(&data, text[i] == 1 ? "" : &text[i], 1);
        text += bytes + 1;
    }
    record_add(out, TYPE_TXT, data.bytes, data.length);
    buffer_free(&data);
}

static unsigned txt_add(struct buffer *out, const char *data, bool damaged)
{
    unsigned count = 0;
    while (data) {
        const char *next = strchr(data, '\n');
        txt_record_add(out, data, next ? (size_t)(next - data) : strlen(data), damaged);
        count++;
        data = next ? next + 1 : NULL;
    }
    return count;
}

static unsigned addresses_add(struct buffer *out, int type, const char *data)
{
    struct text_list list = {0};
    unsigned char bytes[16];
    text_list_split(&list, data);
    for (size_t i = 0; i < list.count; i++) {
        check(inet_pton(type == TYPE_A ? AF_INET : AF_INET6, list.items[i], bytes) == 1,
              "a row's data is no address");
        record_add(out, type, bytes, type == TYPE_A ? 4 : 16);
    }
    unsigned count = (unsigned)list.count;
    text_list_free(&list);
    return count;
}

static void alias_add(struct buffer *out)
{
    static const char alias[] = "\7nowhere\5alias\7example";
    record_add(out, TYPE_CNAME, alias, sizeof(alias));
}

/* The text's owner is the name that the alias holds. */
static unsigned aliased_add(struct buffer *out, const char *text)
{
    size_t name = out->length + RECORD_BYTES;
    alias_add(out);
    size_t owner = out->length;
    txt_record_add(out, text, strlen(text), false);
    out->bytes[owner] = (char)(0xc0u | name >> 8);
    out->bytes[owner + 1] = (char)name;
    return 2;
}

static unsigned data_add(struct buffer *out, int type, const struct fake_dns_row *row)
{
    if (row->mode == FAKE_DNS_EMPTY)
        return 0;
    if (row->mode == FAKE_DNS_CNAME) {
        alias_add(out);
        return 1;
    }
    if (row->mode == FAKE_DNS_ALIAS)
        return aliased_add(out, row->data);
    if (type == TYPE_TXT)
        return txt_add(out, row->data, row->mode == FAKE_DNS_BAD_LENGTH);
    return addresses_add(out, type, row->data);
}

static bool type_matches(const char *type, int wanted)
{
    static const struct {
        const char *name;
        int type;
    } types[] = {{"TXT", TYPE_TXT}, {"A", TYPE_A}, {"AAAA", TYPE_AAAA}};
    for (size_t i = 0; i < NELEMS(types); i++)
        if (types[i].type == wanted && strcmp(types[i].name, type) == 0)
            return true;
    return strcmp(type, "*") == 0;
}

static const struct fake_dns_row *row_find(const struct fake_dns *dns, const struct query *query,
                                           bool *known)
{
    *known = false;
    for (const struct fake_dns_row *row = dns->rows; row->name; row++) {
        if (strcasecmp(row->name, query->name) != 0)
            continue;
        *known = true;
        if (type_matches(row->type, query->type))
            return row;
    }
    return NULL;
}

static unsigned rcode_of(const struct fake_dns_row *row, bool known)
{
    if (!row)
        return known ? RCODE_OK : RCODE_NXDOMAIN;
    switch (row->mode) {
    case FAKE_DNS_NXDOMAIN:
        return RCODE_NXDOMAIN;
    case FAKE_DNS_SERVFAIL:
        return RCODE_SERVFAIL;
    case FAKE_DNS_REFUSED:
        return RCODE_REFUSED;
    default:
        return RCODE_OK;
    }
}

static bool is_silent(const struct fake_dns_row *row, const struct query *query)
{
    return row && (row->mode == FAKE_DNS_DROP || (row->mode == FAKE_DNS_FLAKY && query->asked < 2));
}

static bool has_flag(const struct fake_dns_row *row, const char *flag)
{
    return !row || row->mode != FAKE_DNS_EMPTY || strcmp(row->data, flag) == 0;
}

/* Of an empty answer, the section behind it; how many records. Nobody reads what they hold. */
static unsigned authority_add(struct buffer *out, const struct fake_dns_row *row)
{
    if (!row || row->mode != FAKE_DNS_EMPTY || strcmp(row->data, "none") == 0)
        return 0;
    record_add(out, has_flag(row, "soa") ? TYPE_SOA : TYPE_NS, "", 1);
    return 1;
}

static void answer_write(const struct fake_dns_row *row, bool known, const struct query *query,
                         struct buffer *out)
{
    unsigned rcode = rcode_of(row, known), count = 0;
    bool truncated =
        row && !query->tcp && (row->mode == FAKE_DNS_TRUNCATED || row->mode == FAKE_DNS_TCP);
    buffer_add(out, query->bytes, query->question_end);
    if (row && rcode == RCODE_OK && !truncated)
        count = data_add(out, query->type, row);
    if (row && row->mode == FAKE_DNS_COUNT_LIES)
        count += 3;
    unsigned authorities = authority_add(out, row);
    unsigned char *header = (unsigned char *)out->bytes;
    if (row && row->mode == FAKE_DNS_OTHER_ID)
        header[0] = (unsigned char)(header[0] ^ 0x5a);
    header[2] = (unsigned char)(FLAG_RESPONSE | (has_flag(row, "aa") ? FLAG_AUTHORITY : 0u) |
                                (query->bytes[2] & 1u) | (truncated ? 2u : 0u));
    header[3] = (unsigned char)((has_flag(row, "ra") ? FLAG_RECURSION : 0u) | rcode);
    const unsigned char counts[8] = {0, 1, 0, (unsigned char)count, 0, (unsigned char)authorities,
                                     0, 0};
    memcpy(header + 4, counts, sizeof(counts));
}

/* False: nothing is to be said. */
static bool query_answer(struct fake_dns *dns, struct query *query, struct buffer *answer)
{
    bool known;
    if (query->length < HEADER_BYTES || !query_read(query))
        return false;
    query->asked = name_count(dns, query->name, 1);
    const struct fake_dns_row *row = row_find(dns, query, &known);
    if (is_silent(row, query))
        return false;
    answer_write(row, known, query, answer);
    return true;
}

static void query_take(struct fake_dns *dns)
{
    struct query query = {0};
    struct sockaddr_in from;
    socklen_t from_bytes = sizeof(from);
    struct buffer answer = {0};
    ssize_t length = recvfrom(dns->fd, query.bytes, sizeof(query.bytes), 0,
                              (struct sockaddr *)&from, &from_bytes);
    query.length = length > 0 ? (size_t)length : 0;
    if (!query_answer(dns, &query, &answer))
        return;
    check(sendto(dns->fd, answer.bytes, answer.length, 0, (struct sockaddr *)&from, from_bytes) > 0,
          "sendto");
    buffer_free(&answer);
}

/* One connection, one question: its length in two bytes, then itself (RFC 1035 section 4.2.2). */
static void connection_take(struct fake_dns *dns)
{
    const struct timeval patience = {5, 0};
    struct query query = {.tcp = true};
    struct buffer answer = {0}, framed = {0};
    unsigned char length[2];
    int fd = accept4(dns->tcp_fd, NULL, NULL, SOCK_CLOEXEC);
    check(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0,
          "accept");
    if (recv(fd, length, sizeof(length), MSG_WAITALL) == sizeof(length)) {
        query.length = (size_t)length[0] << 8 | length[1];
        check(query.length <= sizeof(query.bytes), "a question that is too long");
        if (recv(fd, query.bytes, query.length, MSG_WAITALL) != (ssize_t)query.length)
            query.length = 0;
    }
    if (query_answer(dns, &query, &answer)) {
        number_add(&framed, (unsigned)answer.length);
        buffer_add(&framed, answer.bytes, answer.length);
        send(fd, framed.bytes, framed.length, MSG_NOSIGNAL);
    }
    close(fd);
    buffer_free(&framed);
    buffer_free(&answer);
}

static void *run(void *context)
{
    struct fake_dns *dns = context;
    struct pollfd fds[] = {
        {dns->fd, POLLIN, 0}, {dns->stop_fd, POLLIN, 0}, {dns->tcp_fd, POLLIN, 0}};
    for (;;) {
        check(poll(fds, NELEMS(fds), -1) > 0, "poll");
        if (fds[1].revents)
            return NULL;
        if (fds[0].revents)
            query_take(dns);
        if (fds[2].revents)
            connection_take(dns);
    }
}

static bool wants_tcp(const struct fake_dns_row *rows)
{
    for (; rows->name; rows++)
        if (rows->mode == FAKE_DNS_TCP)
            return true;
    return false;
}

/* Both on one port. False: somebody has the other half of it. */
static bool sockets_open(struct fake_dns *dns)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof(address);
    dns->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    check(bind(dns->fd, (struct sockaddr *)&address, bytes) == 0, "bind");
    check(getsockname(dns->fd, (struct sockaddr *)&address, &bytes) == 0, "getsockname");
    snprintf(dns->address, sizeof(dns->address), "127.0.0.1:%d", ntohs(address.sin_port));
    dns->tcp_fd = -1;
    if (!wants_tcp(dns->rows))
        return true;
    dns->tcp_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(dns->tcp_fd, (struct sockaddr *)&address, bytes) == 0 && listen(dns->tcp_fd, 16) == 0)
        return true;
    close(dns->fd);
    close(dns->tcp_fd);
    return false;
}

struct fake_dns *fake_dns_start(const struct fake_dns_row *rows)
{
    struct fake_dns *dns = mem_alloc(sizeof(*dns));
    dns->rows = rows;
    pthread_mutex_init(&dns->lock, NULL);
    dns->stop_fd = eventfd(0, EFD_CLOEXEC);
    while (!sockets_open(dns))
        ;
    check(pthread_create(&dns->thread, NULL, run, dns) == 0, "thread");
    return dns;
}

const char *fake_dns_address(const struct fake_dns *dns)
{
    return dns->address;
}

size_t fake_dns_asked(struct fake_dns *dns, const char *name)
{
    return name_count(dns, name, 0);
}

void fake_dns_stop(struct fake_dns **dns)
{
    const uint64_t one = 1;
    if (!*dns)
        return;
    check(write((*dns)->stop_fd, &one, sizeof(one)) == sizeof(one), "stop");
    pthread_join((*dns)->thread, NULL);
    close((*dns)->fd);
    close((*dns)->stop_fd);
    if ((*dns)->tcp_fd >= 0)
        close((*dns)->tcp_fd);
    pthread_mutex_destroy(&(*dns)->lock);
    free(*dns);
    *dns = NULL;
}
