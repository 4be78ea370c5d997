#include "producer/scan.h"

#include <stdatomic.h>

#include "common/fetch.h"
#include "common/memory.h"
#include "common/metrics.h"
#include "common/time.h"
#include "producer/metrics.h"
#include "tests/support/fake_worker.h"
#include "tests/support/loopback.h"
#include "tests/support/quotes.h"
#include "tests/support/settings.h"

/* The job between a broker and an Elasticsearch that are played; how a task goes on is tested in
 * test_course, what becomes of its documents in test_harvest. In JSON ' stands for ".
 *
 * Task n reads the index "in" with the uuid "Un": all the documents of its shard 0. */

#define TASKS     5
#define DOCUMENTS 100
#define TEXTS     64

/* ---- Elasticsearch ---- */

static struct {
    atomic_int searches[TASKS], checks[TASKS];
    atomic_int greetings;
    atomic_bool stuck; /* the first index's shard does not answer */
    atomic_bool other; /* another cluster, in which every index is empty and then unknown */
} server;

#define SEARCHED(shards, documents)                                                                \
    "{'timed_out':false,'_shards':{'total':" shards ",'successful':" shards ",'failed':0},"        \
    "'hits':{'total':{'value':" documents ",'relation':'eq'},'hits':["
#define GONE "{'error':{'root_cause':[{'type':'index_not_found_exception','reason':'no'}]}}"
#define STATS                                                                                      \
    "{'_shards':{'failed':0},'indices':{'i%d':{'uuid':'U%d','shards':{'0':[{"                      \
    "'routing':{'state':'STARTED','primary':true},'commit':{'user_data':{'history_uuid':'H'}},"    \
    "'seq_no':{'max_seq_no':99,'global_checkpoint':99}}]}}}}"

/* Those of the tasks in the midst have large events. */
static void document_add(struct buffer *out, int task, int number)
{
    buffer_printf(out,
                  "%s{'_version':1,'_seq_no':%d,'_source':{'timestamp':'%lld','policy-domain':"
                  "'d%d.example','policy-type':'sts','result-type':'success','policy-string':[",
                  number > 0 ? "," : "", number, (long long)time_now_ms(), number);
    for (int i = 0; i < TEXTS; i++)
        buffer_printf(out, "%s'%0*d'", i > 0 ? "," : "", task > 0 && task < TASKS - 1 ? 1000 : 10,
                      i);
    buffer_text(out, "]}}");
}

static char *search_reply(int task)
{
    struct buffer out = {0};
    bool silent = task == 0 && atomic_load(&server.stuck);
    bool empty = silent || atomic_load(&server.other);
    atomic_fetch_add(&server.searches[task], 1);
    buffer_text(&out, silent  ? SEARCHED("0", "0")
                      : empty ? SEARCHED("1", "0")
                              : SEARCHED("1", "100"));
    for (int i = 0; !empty && i < DOCUMENTS; i++)
        document_add(&out, task, i);
    buffer_text(&out, "]}}");
    return buffer_take(&out);
}

static char *reply_of(const char *url, unsigned *status)
{
    bool other = atomic_load(&server.other);
    int task = url[1] == 'i' ? url[2] - '0' : 0;
    if (strcmp(url, "/") == 0) {
        atomic_fetch_add(&server.greetings, 1);
        return mem_printf("{'cluster_uuid':'%s'}", other ? "B" : "A");
    }
    if (strstr(url, "/_search"))
        return search_reply(task);
    if (strstr(url, "/_refresh"))
        return mem_text("{'_shards':{'total':1,'successful':1,'failed':0}}");
    atomic_fetch_add(&server.checks[task], 1);
    *status = other ? 404 : 200;
    return other ? mem_text(GONE) : mem_printf(STATS, task, task);
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_bytes, void **request)
{
    static int begun;
    unsigned status = 200;
    (void)context, (void)method, (void)version, (void)upload;
    if (!*request || *upload_bytes > 0) { /* what is searched for is told by the index */
        *request = &begun;
        *upload_bytes = 0;
        return MHD_YES;
    }
    char *quotes = reply_of(url, &status);
    char *text = with_quotes(quotes);
    free(quotes);
    return loopback_answer(connection, status, text);
}

/* ---- the plays ---- */

static char *task_texts[TASKS];

static void task_give(struct fake_worker *fake, int number)
{
    fake_worker_record(fake, "scan", 0, number, NULL, task_texts[number], NULL);
}

static void play(void (*script)(struct fake_worker *fake, void *context))
{
    struct MHD_Daemon *daemon = loopback_start(on_request, NULL, 0);
    char *settings = mem_printf("elastic.url=http://127.0.0.1:%d", loopback_port(daemon));
    struct config *config = settings_config(CONFIG_PRODUCER, settings);
    for (int i = 0; i < TASKS; i++) {
        char *quotes = mem_printf("{'v':1,'index':'i%d','uuid':'U%d','history':'H','shard':0,"
                                  "'from':0,'to':%d,'since':0}",
                                  i, i, DOCUMENTS - 1);
        task_texts[i] = with_quotes(quotes);
        free(quotes);
        atomic_store(&server.searches[i], 0);
        atomic_store(&server.checks[i], 0);
    }
    fake_worker_run(scan_run, config, script, NULL);
    for (int i = 0; i < TASKS; i++)
        free(task_texts[i]);
    config_free(&config);
    free(settings);
    MHD_stop_daemon(daemon);
}

static void take(struct fake_worker *fake)
{
    fake_worker_assign(fake, "scan", 0, 0);
    fake_worker_ready(fake, "scan", 0);
}

static void turns_until(struct fake_worker *fake, atomic_int *counter, int least)
{
    int64_t deadline_ms = time_monotonic_ms() + FAKE_WORKER_PATIENCE_MS;
    while (atomic_load(counter) < least) {
        assert_true(time_monotonic_ms() < deadline_ms);
        fake_worker_turn(fake);
    }
}

/* Time enough for what was answered to be taken, and for what may be asked to be asked. */
static void turns(struct fake_worker *fake)
{
    for (int i = 0; i < 30; i++)
        fake_worker_turn(fake);
}

static size_t commit_count(struct fake_worker *fake, const char *topic)
{
    size_t count = 0;
    struct message_list messages;
    fake_worker_commit(fake, &messages);
    for (size_t i = 0; i < messages.count; i++)
        count += strcmp(messages.items[i]->topic, topic) == 0;
    message_list_free(&messages);
    return count;
}

/* Three tasks of more than 6 MB of outputs each: no more may wait behind the first. */
static void stuck_play(struct fake_worker *fake, void *context)
{
    (void)context;
    take(fake);
    for (int i = 0; i < TASKS - 1; i++)
        task_give(fake, i);
    for (int i = 1; i < TASKS - 1; i++)
        turns_until(fake, &server.checks[i], 1);
    turns(fake);
    task_give(fake, TASKS - 1);
    turns(fake);
    assert_int_equal(atomic_load(&server.searches[TASKS - 1]), 0);
    atomic_store(&server.stuck, false);
    fake_worker_finish(fake, "scan", 0, TASKS);
    assert_int_equal(commit_count(fake, "events"), TASKS * DOCUMENTS);
}

static void what_waits_behind_a_stuck_task_is_bounded(void **state)
{
    (void)state;
    atomic_store(&server.stuck, true);
    play(stuck_play);
}

static void astray_play(struct fake_worker *fake, void *context)
{
    (void)context;
    take(fake);
    task_give(fake, 0);
    fake_worker_finish(fake, "scan", 0, 1);
    assert_int_equal(commit_count(fake, "events"), DOCUMENTS);
    int greetings = atomic_load(&server.greetings);
    atomic_store(&server.other, true);
    task_give(fake, 1);
    turns_until(fake, &server.greetings, greetings + 2);
    assert_int_equal(commit_count(fake, "rejected"), 0);
    assert_int_equal(fake_worker_committed(fake, "scan", 0), 1);
    atomic_store(&server.other, false);
    fake_worker_finish(fake, "scan", 0, 2);
    assert_int_equal(commit_count(fake, "events"), DOCUMENTS);
}

static void nothing_is_gone_or_a_hole_by_another_cluster(void **state)
{
    (void)state;
    atomic_store(&server.stuck, false);
    play(astray_play);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_waits_behind_a_stuck_task_is_bounded),
        cmocka_unit_test(nothing_is_gone_or_a_hole_by_another_cluster),
    };
    struct error err;
    metrics_register(producer_metrics);
    if (fetch_init(&err) < 0)
        return 1;
    return cmocka_run_group_tests_name("scan", tests, NULL, NULL);
}
