#include "producer/scan.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/json.h"
#include "common/kafka/worker.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/metrics.h"
#include "common/shutdown.h"
#include "common/time.h"
#include "common/wire/task.h"
#include "producer/course.h"
#include "producer/elastic.h"
#include "producer/harvest.h"
#include "producer/index.h"
#include "producer/page.h"
#include "producer/session.h"

#define COMMIT_MS       1000
#define RUNNING_MAX     4 /* requests at a time: the next page comes while the last is parsed */
#define SEARCH_MS       60000
#define SMALL_MS        10000
#define PAGE_BYTES_MAX  ((size_t)32 << 20)
#define REPLY_BYTES_MAX ((size_t)4 << 20) /* of refresh and check */
#define MOVE_AGE_MS     30000 /* a task makes way no more often: it comes up again at once */
#define WAIT_MS         1000
#define HELLO_EVERY_MS  1000
#define MINUTE_MS       60000

/* A task on its way. */
struct flight {
    struct scan *scan;
    struct record *record;
    struct task task;
    struct course course;
    bool running; /* its request is in the multi handle */
    struct elastic_request request;
    struct page page;    /* COURSE_SEARCH */
    struct buffer reply; /* the others */
    struct harvest harvest;
    struct flight *prev, *next;
};

struct scan {
    const struct config *config;
    struct elastic *elastic;
    struct session_rules rules;
    struct worker *worker;
    struct troubles *troubles;
    CURLM *multi;
    struct flight *flights; /* in the order in which the tasks came */
    size_t running;
    int64_t hello_ms; /* monotonic, of the next try */
    int64_t told_ms;  /* monotonic, of the last warning */
    bool failed;      /* with error: a turn cannot return it */
    struct error error;
};

static void job_fail(struct scan *scan, const struct error *err)
{
    if (scan->failed)
        return;
    scan->failed = true;
    scan->error = *err;
    shutdown_request();
}

static void trouble_tell(struct scan *scan, enum answer answer, const struct error *err)
{
    int64_t now_ms = time_monotonic_ms();
    if (scan->told_ms > 0 && now_ms - scan->told_ms < MINUTE_MS)
        return;
    scan->told_ms = now_ms;
    log_write(answer == ANSWER_DENIED ? LOG_ERROR : LOG_WARN, "search failed, will be tried again",
              LOG_FIELDS(log_text("error", err->text), {0}));
}

/* ---- pages ---- */

static bool on_hit(void *context, const char *hit, size_t hit_bytes)
{
    struct flight *flight = context;
    harvest_hit(&flight->harvest, &flight->task, &flight->scan->rules, time_now_ms(), hit,
                hit_bytes);
    return true;
}

static void page_drop(struct flight *flight)
{
    page_free(&flight->page);
    harvest_drop(&flight->harvest);
}

static void page_keep(struct flight *flight)
{
    harvest_keep(&flight->harvest);
    page_free(&flight->page);
}

/* ---- the end of a task ---- */

static void flight_cancel(struct flight *flight)
{
    struct scan *scan = flight->scan;
    if (!flight->running)
        return;
    curl_multi_remove_handle(scan->multi, flight->request.handle);
    flight->running = false;
    scan->running--;
    troubles_left(scan->troubles, &flight->task);
}

static void flight_free(struct flight *flight)
{
    struct scan *scan = flight->scan;
    flight_cancel(flight);
    DL_DELETE(scan->flights, flight);
    elastic_request_free(&flight->request);
    page_free(&flight->page);
    harvest_free(&flight->harvest);
    buffer_free(&flight->reply);
    task_free(&flight->task);
    free(flight);
}

static const char *header_text(const struct message *message, const char *name)
{
    for (size_t i = 0; i < message->header_count; i++)
        if (strcmp(message->headers[i].name, name) == 0)
            return message->headers[i].text;
    return NULL;
}

static void outputs_count(const struct flight *flight)
{
    const struct harvest *harvest = &flight->harvest;
    for (size_t i = 0; i < HARVEST_BAD_ADDRESSES; i++)
        metrics_add("tlsrpt_documents_total", harvest->counts[i],
                    harvest_count_name((enum harvest_count)i), NULL);
    metrics_add("tlsrpt_bad_addresses_total", harvest->counts[HARVEST_BAD_ADDRESSES], NULL);
    metrics_add("tlsrpt_scan_holes_total", flight->course.holes, NULL);
    for (size_t i = 0; i < harvest->outputs.count; i++) {
        const char *reason = header_text(harvest->outputs.items[i], "reason");
        if (reason)
            metrics_add("tlsrpt_rejected_total", 1, "scan", reason, NULL);
    }
}

/* Takes outputs. */
static void record_outputs(struct record *record, struct message_list *outputs)
{
    for (size_t i = 0; i < outputs->count; i++)
        record_output(record, outputs->items[i]);
    outputs->count = 0;
    message_list_free(outputs);
}

static void task_end(struct flight *flight, const char *how)
{
    metrics_add("tlsrpt_scan_tasks_total", 1, how, NULL);
    outputs_count(flight);
    record_outputs(flight->record, &flight->harvest.outputs);
    record_finish(flight->record);
    flight_free(flight);
}

/* Whatever was read of it may be somebody else's. */
static void task_gone(struct flight *flight, const struct error *err)
{
    harvest_gone(&flight->harvest, &flight->task);
    log_warn("index is gone before it was read",
             log_text("task", header_text(flight->harvest.outputs.items[0], "origin")),
             log_text("error", err->text));
    flight->course.holes = 0;
    task_end(flight, "gone");
}

/* To the tail of its partition: whatever stands behind it may go on. */
static void task_move(struct flight *flight)
{
    harvest_moved(&flight->harvest, &flight->task, record_partition(flight->record));
    flight->course.holes = 0;
    task_end(flight, "moved");
}

static void rest_cut(struct flight *flight)
{
    struct task rest; /* borrows from the task */
    if (flight->harvest.outputs.bytes >= COURSE_OUTPUT_BYTES &&
        course_cut(&flight->course, &flight->task, &rest))
        harvest_rest(&flight->harvest, &rest, record_partition(flight->record));
}

/* ---- requests ---- */

static size_t on_page(char *bytes, size_t size, size_t count, void *context)
{
    struct flight *flight = context;
    return page_feed(&flight->page, bytes, size * count) ? size * count : 0;
}

static size_t on_reply(char *bytes, size_t size, size_t count, void *context)
{
    struct flight *flight = context;
    if (flight->reply.length + size * count > REPLY_BYTES_MAX)
        return 0;
    buffer_add(&flight->reply, bytes, size * count);
    return size * count;
}

static int search_begin(struct flight *flight, struct error *err)
{
    struct scan *scan = flight->scan;
    page_drop(flight);
    harvest_begin(&flight->harvest);
    flight->page = (struct page){.hit = on_hit, .context = flight, .max_bytes = PAGE_BYTES_MAX};
    char *path = elastic_search_path(flight->task.index, flight->task.shard);
    char *body =
        elastic_search_body(flight->course.next, course_page_end(&flight->course, &flight->task),
                            elastic_filter(scan->elastic));
    int result = elastic_request_begin(scan->elastic, &flight->request, path, body, SEARCH_MS,
                                       on_page, flight, err);
    free(path);
    free(body);
    return result;
}

static int small_begin(struct flight *flight, struct error *err)
{
    bool refresh = flight->course.ask == COURSE_REFRESH;
    char *path =
        refresh ? elastic_refresh_path(flight->task.index) : elastic_check_path(flight->task.index);
    buffer_clear(&flight->reply);
    int result = elastic_request_begin(flight->scan->elastic, &flight->request, path,
                                       refresh ? "" : NULL, SMALL_MS, on_reply, flight, err);
    free(path);
    return result;
}

static void flight_begin(struct flight *flight)
{
    struct error err;
    struct scan *scan = flight->scan;
    elastic_request_free(&flight->request);
    int result = flight->course.ask == COURSE_SEARCH ? search_begin(flight, &err)
                                                     : small_begin(flight, &err);
    if (result < 0) {
        troubles_failed(scan->troubles, &flight->task, ANSWER_DENIED, time_monotonic_ms());
        trouble_tell(scan, ANSWER_DENIED, &err);
        return;
    }
    curl_easy_setopt(flight->request.handle, CURLOPT_PRIVATE, flight);
    if (curl_multi_add_handle(scan->multi, flight->request.handle) != CURLM_OK)
        log_panic("libcurl takes no transfer: its record would never end");
    flight->running = true;
    scan->running++;
}

static enum answer small_answer(struct flight *flight, long status, struct error *err)
{
    const char *bytes = flight->reply.bytes ? flight->reply.bytes : "";
    enum answer answer = answer_classify(status, bytes, flight->reply.length, err);
    if (answer != ANSWER_OK)
        return answer;
    if (flight->course.ask == COURSE_CHECK)
        return index_identity_parse(bytes, flight->reply.length, &flight->task, err);
    return index_refresh_parse(bytes, flight->reply.length, 1, err) < 0 ? ANSWER_SHARD : ANSWER_OK;
}

/* To another cluster every index is unknown. */
static enum answer gone_confirm(struct flight *flight, struct error *err)
{
    struct error trouble;
    enum answer answer = elastic_confirm(flight->scan->elastic, &flight->request, &trouble);
    if (answer == ANSWER_OK)
        return ANSWER_GONE;
    *err = trouble;
    return ANSWER_BUSY;
}

static enum course_verdict checked(struct flight *flight, enum answer *answer, struct error *err)
{
    enum course_verdict verdict = course_checked(&flight->course, *answer);
    if (verdict == COURSE_WAIT && *answer == ANSWER_OK) { /* still the same, but it was doubted */
        error_set(err, ERROR_RETRY, "%s: shard %d does not answer", flight->task.index,
                  flight->task.shard);
        *answer = ANSWER_SHARD;
    }
    return verdict;
}

/* What came, and what is to be done with it. */
static enum course_verdict flight_judge(struct flight *flight, CURLcode code, enum answer *answer,
                                        struct error *err)
{
    long status = 0;
    struct page_found found = {0};
    *answer = elastic_request_end(flight->scan->elastic, &flight->request, code, &status, err);
    bool search = flight->course.ask == COURSE_SEARCH;
    if (*answer == ANSWER_OK)
        *answer = search ? page_end(&flight->page, status, &found, err)
                         : small_answer(flight, status, err);
    if (*answer == ANSWER_GONE)
        *answer = gone_confirm(flight, err);
    metrics_add("tlsrpt_elastic_answers_total", 1, answer_name(*answer), NULL);
    if (search)
        return course_searched(&flight->course, &flight->task, *answer, &found);
    return flight->course.ask == COURSE_REFRESH ? course_refreshed(&flight->course, *answer)
                                                : checked(flight, answer, err);
}

static void flight_wrong(struct flight *flight, struct error *err)
{
    if (elastic_filter(flight->scan->elastic)) {
        err->kind = ERROR_CONFIG;
        error_wrap(err, "the search was refused (is elastic.filter right?)");
    }
    job_fail(flight->scan, err);
}

/* After it the flight may be gone. */
static void flight_act(struct flight *flight, enum course_verdict verdict, enum answer answer,
                       int64_t asked_at, struct error *err)
{
    struct scan *scan = flight->scan;
    int64_t now_ms = time_monotonic_ms();
    if (verdict == COURSE_WAIT) {
        page_drop(flight);
        troubles_failed(scan->troubles, &flight->task, answer, now_ms);
        trouble_tell(scan, answer, err);
        return;
    }
    if (verdict == COURSE_DOUBT) {
        page_drop(flight);
        troubles_left(scan->troubles, &flight->task);
        trouble_tell(scan, answer, err);
        return;
    }
    troubles_passed(scan->troubles, &flight->task, now_ms);
    switch (verdict) {
    case COURSE_KEEP:
        page_keep(flight);
        rest_cut(flight);
        break;
    case COURSE_ONE:
        harvest_too_large(&flight->harvest, &flight->task, asked_at, PAGE_BYTES_MAX);
        break;
    case COURSE_DONE:
        task_end(flight, "done");
        break;
    case COURSE_GONE:
        task_gone(flight, err);
        break;
    case COURSE_WRONG:
        flight_wrong(flight, err);
        break;
    case COURSE_DROP:
    case COURSE_WAIT:
    case COURSE_DOUBT:
        break;
    }
}

static void flight_done(struct flight *flight, CURLcode code)
{
    struct error err = {0};
    enum answer answer;
    int64_t asked_at = flight->course.next;
    curl_multi_remove_handle(flight->scan->multi, flight->request.handle);
    flight->running = false;
    flight->scan->running--;
    enum course_verdict verdict = flight_judge(flight, code, &answer, &err);
    flight_act(flight, verdict, answer, asked_at, &err);
}

/* ---- which task goes next ---- */

static bool may_move(const struct flight *flight)
{
    return time_now_ms() - record_timestamp_ms(flight->record) >= MOVE_AGE_MS;
}

/* Every unfinished record of a partition is a flight, in its order. */
static bool must_wait(const struct flight *flight)
{
    const struct flight *other, *oldest = NULL;
    size_t waiting_bytes = record_ahead_bytes(flight->record); /* behind the oldest */
    DL_FOREACH(flight->scan->flights, other)
    {
        if (record_partition(other->record) != record_partition(flight->record))
            continue;
        if (oldest)
            waiting_bytes += other->harvest.outputs.bytes;
        else
            oldest = other;
    }
    return flight->course.ask == COURSE_SEARCH && flight != oldest &&
           waiting_bytes >= COURSE_AHEAD_BYTES;
}

static void flight_advance(struct flight *flight, int64_t now_ms)
{
    if (must_wait(flight))
        return;
    switch (troubles_advise(flight->scan->troubles, &flight->task, now_ms)) {
    case TROUBLE_NONE:
    case TROUBLE_PROBE:
        flight_begin(flight);
        break;
    case TROUBLE_MOVE:
        if (may_move(flight))
            task_move(flight);
        break;
    case TROUBLE_WAIT:
        break;
    }
}

static void flights_advance(struct scan *scan)
{
    struct flight *flight, *next;
    int64_t now_ms = time_monotonic_ms();
    DL_FOREACH_SAFE(scan->flights, flight, next)
    {
        if (scan->running >= RUNNING_MAX || scan->failed)
            return;
        if (!flight->running)
            flight_advance(flight, now_ms);
    }
}

/* Before the first search, and after trouble: what is not our cluster would answer it wrongly. */
static bool is_greeted(struct scan *scan)
{
    struct error err;
    if (elastic_is_greeted(scan->elastic) || time_monotonic_ms() < scan->hello_ms)
        return elastic_is_greeted(scan->elastic);
    enum answer answer = elastic_hello(scan->elastic, &err);
    scan->hello_ms = time_monotonic_ms() + (answer == ANSWER_DENIED ? MINUTE_MS : HELLO_EVERY_MS);
    if (answer == ANSWER_WRONG)
        job_fail(scan, &err);
    else if (answer != ANSWER_OK)
        trouble_tell(scan, answer, &err);
    return answer == ANSWER_OK;
}

static CURLM *multi_new(void)
{
    return mem_check(curl_multi_init()); /* it fails for want of memory only */
}

/* What another cluster answered looks like holes: nothing that was read may be kept, and no
 * connection that may still lead there. */
static void flights_restart(struct scan *scan)
{
    struct flight *flight;
    DL_FOREACH(scan->flights, flight)
    {
        flight_cancel(flight);
        page_free(&flight->page);
        harvest_free(&flight->harvest);
        course_begin(&flight->course, &flight->task);
    }
    curl_multi_cleanup(scan->multi);
    scan->multi = multi_new();
}

/* ---- the loop's calls ---- */

static void started(void *context, struct worker *worker)
{
    struct scan *scan = context;
    scan->worker = worker;
}

static void fence_output(struct scan *scan, struct record *record, const struct task *fence)
{
    struct message_list outputs = {0};
    harvest_fence(fence, record_partition(record), worker_partition_count(scan->worker, "scan"),
                  worker_partition_count(scan->worker, "events"), &outputs);
    record_outputs(record, &outputs);
    record_finish(record);
}

static int task_read(const struct record *record, struct task *task, struct error *err)
{
    size_t value_bytes = 0;
    const char *value = record_value(record, &value_bytes);
    struct json_object *json = json_parse_object(value ? value : "", value_bytes, err);
    int result = json ? task_from_json(json, task, err) : -1;
    json_object_put(json);
    return result;
}

static void unreadable_reject(struct record *record, const struct error *err)
{
    size_t value_bytes = 0;
    record_value(record, &value_bytes);
    log_error("task is unreadable", log_text("error", err->text));
    metrics_add("tlsrpt_rejected_total", 1, "scan", "unreadable", NULL);
    record_output(record, harvest_unreadable(record_origin(record), value_bytes));
    record_finish(record);
}

static int take_record(void *context, struct record *record, struct error *err)
{
    struct scan *scan = context;
    struct task task;
    if (task_read(record, &task, err) < 0) {
        if (err->kind != ERROR_REJECT)
            return -1;
        unreadable_reject(record, err);
        return 0;
    }
    if (task.fence) {
        fence_output(scan, record, &task);
        return 0;
    }
    struct flight *flight = mem_alloc(sizeof(*flight));
    *flight = (struct flight){.scan = scan, .record = record, .task = task};
    course_begin(&flight->course, &flight->task);
    DL_APPEND(scan->flights, flight);
    return 0;
}

static int64_t tick(void *context, int64_t now_ms)
{
    struct scan *scan = context;
    (void)now_ms;
    metrics_set("tlsrpt_scan_shards_in_trouble", troubles_count(scan->troubles), NULL);
    if (elastic_went_astray(scan->elastic))
        flights_restart(scan);
    if (!scan->flights || scan->failed || !is_greeted(scan))
        return WAIT_MS;
    flights_advance(scan);
    return WAIT_MS / 4; /* answers end the wait; this is for those that wait for their next try */
}

static void answers_take(struct scan *scan)
{
    int left;
    CURLMsg *message = curl_multi_info_read(scan->multi, &left);
    while (message) {
        struct flight *flight = NULL;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &flight);
        flight_done(flight, code);
        message = curl_multi_info_read(scan->multi, &left);
    }
}

static void wait(void *context, int wake_fd, int64_t timeout_ms)
{
    struct scan *scan = context;
    int running;
    struct curl_waitfd others[] = {
        {.fd = wake_fd, .events = CURL_WAIT_POLLIN},
        {.fd = shutdown_fd(), .events = CURL_WAIT_POLLIN},
    };
    curl_multi_poll(scan->multi, others, NELEMS(others), (int)timeout_ms, NULL);
    curl_multi_perform(scan->multi, &running);
    answers_take(scan);
}

/* Searches can always be given up: whoever owns the partition next begins them anew. */
static void revoked(void *context, const char *topic, int32_t partition)
{
    struct scan *scan = context;
    struct flight *flight, *next;
    (void)topic;
    DL_FOREACH_SAFE(scan->flights, flight, next)
    {
        if (record_partition(flight->record) != partition)
            continue;
        record_abandon(flight->record);
        flight_free(flight);
    }
    if (scan->flights)
        return;
    troubles_free(&scan->troubles);
    scan->troubles = troubles_new(config_duration_ms(scan->config, "scan.patience"));
}

/* ---- start and end ---- */

static int scan_loop(struct scan *scan, struct error *err)
{
    static const char *const topics[] = {"scan", NULL};
    static const char *const outputs[] = {"events", "rejected", NULL};
    const struct worker_spec spec = {
        .job = "scan",
        .topics = topics,
        .outputs = outputs,
        .commit_ms = COMMIT_MS,
        .context = scan,
        .started = started,
        .record = take_record,
        .tick = tick,
        .wait = wait,
        .revoked = revoked,
    };
    if (worker_run(scan->config, &spec, err) < 0)
        return -1;
    if (scan->failed)
        *err = scan->error;
    return scan->failed ? -1 : 0;
}

static int scan_start(struct scan *scan, struct error *err)
{
    bool omit = strcmp(config_text(scan->config, "report.sending_ip"), "omit") == 0;
    if (session_rules_init(&scan->rules, config_list(scan->config, "scan.exclude"), omit, err) < 0)
        return -1;
    scan->elastic = elastic_new(scan->config, err);
    scan->multi = multi_new();
    scan->troubles = troubles_new(config_duration_ms(scan->config, "scan.patience"));
    return scan->elastic ? 0 : -1;
}

int scan_run(const struct config *config, struct error *err)
{
    struct scan scan = {.config = config};
    struct flight *flight, *next;
    int result = scan_start(&scan, err);
    if (result == 0)
        result = scan_loop(&scan, err);
    DL_FOREACH_SAFE(scan.flights, flight, next)
    {
        flight_free(flight); /* of a partition that was lost when the job failed */
    }
    troubles_free(&scan.troubles);
    curl_multi_cleanup(scan.multi);
    elastic_free(&scan.elastic);
    session_rules_free(&scan.rules);
    return result;
}
