#include "sender/look.h"

#include <json-c/linkhash.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "common/domain.h"
#include "common/json.h"
#include "common/kafka/table.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/program.h"
#include "common/wire/outcome.h"
#include "sender/dns.h"
#include "sender/verbs.h"

#define LOOK_MS 5000

/* ---- outcomes ---- */

struct line {
    char *key;
    char *value;
    UT_hash_handle hh;
};

static int line_visit(void *context, struct record *record, struct error *err)
{
    (void)err;
    struct line **lines = context, *line;
    size_t key_bytes, value_bytes;
    const char *key = record_key(record, &key_bytes);
    const char *value = record_value(record, &value_bytes);
    if (!key)
        return 0;
    HASH_FIND(hh, *lines, key, key_bytes, line);
    if (!line) {
        line = mem_alloc(sizeof(*line));
        line->key = mem_copy(key, key_bytes);
        HASH_ADD_KEYPTR(hh, *lines, line->key, key_bytes, line);
    }
    free(line->value);
    line->value = value ? mem_copy(value, value_bytes) : NULL;
    return 0;
}

/* The key's two parts stand in front of the value's members. */
static void outcome_print(const struct outcome *outcome, struct json_object *value)
{
    struct json_object *printed = json_object_new_object();
    json_add_text(printed, "report-id", outcome->report_id);
    json_add_text(printed, "target", outcome->target);
    json_object_object_foreach(value, name, member)
        json_object_object_add(printed, name, json_object_get(member));
    char *text = json_write(printed);
    puts(text);
    free(text);
    json_object_put(printed);
}

static int line_print(const struct line *line, struct error *err)
{
    struct outcome outcome;
    struct json_object *value = json_parse_object(line->value, strlen(line->value), err);
    if (!value || outcome_from_json(line->key, strlen(line->key), value, &outcome, err) < 0) {
        json_object_put(value);
        return -1;
    }
    outcome_print(&outcome, value);
    json_object_put(value);
    outcome_free(&outcome);
    return 0;
}

/* One that cannot be read must not hide the others. */
static void line_show(const struct line *line)
{
    struct error err;
    if (line_print(line, &err) == 0)
        return;
    char *key = mem_copy(line->key, strcspn(line->key, "?")); /* a query may hold a secret */
    log_warn("outcome is unreadable", log_text("key", key), log_text("error", err.text));
    free(key);
}

static int line_compare(const struct line *a, const struct line *b)
{
    return strcmp(a->key, b->key);
}

int look_outcomes(const struct config *config, int argc, char **argv, struct error *err)
{
    struct line *lines = NULL, *line, *following;
    if (argc > 0)
        return error_set(err, ERROR_ABSENT, "outcomes: %s: it takes no argument", argv[0]);
    int result = table_read_all(config, "outcomes", line_visit, &lines, err);
    HASH_SORT(lines, line_compare);
    HASH_ITER(hh, lines, line, following)
    {
        if (result == 0 && line->value)
            line_show(line);
        HASH_DEL(lines, line);
        free(line->key);
        free(line->value);
        free(line);
    }
    return result < 0 ? -1 : PROGRAM_OK;
}

/* ---- lookup ---- */

struct answer {
    bool done;
    enum dns_status status;
};

static void on_answer(void *context, enum dns_status status, const struct txt_record *records,
                      size_t count)
{
    struct answer *answer = context;
    answer->done = true;
    answer->status = status;
    if (status != DNS_TEMPORARY)
        verbs_print_targets(records, count);
}

static int look_up(struct dns *dns, const char *domain, struct error *err)
{
    struct answer answer = {0};
    char *name = mem_printf("_smtp._tls.%s", domain);
    dns_txt(dns, name, on_answer, &answer);
    free(name);
    while (!answer.done) {
        struct pollfd fd = {dns_fd(dns), POLLIN, 0};
        poll(&fd, 1, (int)dns_timeout_ms(dns, LOOK_MS));
        dns_work(dns);
    }
    if (answer.status == DNS_TEMPORARY)
        return error_set(err, ERROR_FATAL, "%s: no answer from DNS for the time being", domain);
    return PROGRAM_OK;
}

int look_lookup(const struct config *config, int argc, char **argv, struct error *err)
{
    char domain[DOMAIN_MAX];
    if (argc != 1 || !domain_normalize(argv[0], strlen(argv[0]), domain)) {
        fputs("tlsrpt-sender: lookup takes one DOMAIN\n", stderr);
        return PROGRAM_USAGE;
    }
    struct dns *dns = dns_new(config_list(config, "dns.servers"), err);
    if (!dns)
        return -1;
    int result = look_up(dns, domain, err);
    dns_free(&dns);
    return result;
}
