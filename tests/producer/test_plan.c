#include "producer/plan.h"

#include <stdatomic.h>

#include "common/fetch.h"
#include "common/kafka/lag.h"
#include "common/memory.h"
#include "common/metrics.h"
#include "common/time.h"
#include "producer/metrics.h"
#include "tests/support/capture.h"
#include "tests/support/fake_worker.h"
#include "tests/support/loopback.h"
#include "tests/support/quotes.h"
#include "tests/support/settings.h"
#include "tests/support/shown.h"

/* The job between a broker and an Elasticsearch that are played; what is planned is tested in
 * test_planner. */

/* ---- instead of common/kafka/lag ---- */

struct lag {
    int exports;
    int forgotten;
} lag;

struct lag *lag_new(const struct config *config, struct error *err)
{
    (void)config, (void)err;
    lag = (struct lag){0};
    return &lag;
}

void lag_free(struct lag **gone)
{
    *gone = NULL;
}

int lag_export_all(struct lag *one, struct error *err)
{
    (void)err;
    one->exports++;
    return 0;
}

void lag_forget(struct lag *one)
{
    one->forgotten++;
}

/* ---- Elasticsearch: one index without a primary, and one that is closed; ' stands for " ----
 *
 * A third one, without a primary, is no more in the alias. */

static atomic_bool other;     /* another cluster answers: it has the first two, too */
static atomic_bool switching; /* from the question for the third one on it does */

#define UNLISTED "{'z':{'settings':{'index.uuid':'Z','index.number_of_shards':'1'}}}"
#define SETTINGS                                                                                   \
    "{'a':{'settings':{'index.uuid':'U','index.number_of_shards':'1'}},"                           \
    "'b':{'settings':{'index.uuid':'V','index.number_of_shards':'1'}}}"
#define STATS                                                                                      \
    "{'_shards':{'total':2,'successful':1,'failed':0},'indices':{'b':{'uuid':'V','status':'close'" \
    ","                                                                                            \
    "'shards':{'0':[{'routing':{'state':'STARTED','primary':true},'docs':{'count':3},"             \
    "'commit':{'user_data':{'history_uuid':'H'}},'seq_no':{'max_seq_no':2,'global_checkpoint':2}}" \
    "]"                                                                                            \
    "}}}}"

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_bytes, void **request)
{
    (void)context, (void)method, (void)version, (void)upload, (void)upload_bytes, (void)request;
    if (atomic_load(&switching) && strcmp(url, "/z/_settings") == 0)
        atomic_store(&other, true);
    bool astray = atomic_load(&other);
    char *text = with_quotes(strcmp(url, "/z/_settings") == 0 ? (astray ? "{}" : UNLISTED)
                             : strstr(url, "/_settings")      ? SETTINGS
                             : strstr(url, "/_stats")         ? STATS
                             : astray                         ? "{'cluster_uuid':'B'}"
                                                              : "{'cluster_uuid':'A'}");
    return loopback_answer(connection, 200, text);
}

/* ---- the plays ---- */

static void play(void (*script)(struct fake_worker *fake, void *context), void *context)
{
    struct MHD_Daemon *daemon = loopback_start(on_request, NULL, 0);
    char *settings =
        mem_printf("elastic.url=http://127.0.0.1:%d|elastic.index=a b", loopback_port(daemon));
    struct config *config = settings_config(CONFIG_PRODUCER, settings);
    fake_worker_run(plan_run, config, script, context);
    config_free(&config);
    free(settings);
    MHD_stop_daemon(daemon);
}

static void take(struct fake_worker *fake)
{
    fake_worker_assign(fake, "plan", 0, 0);
    fake_worker_ready(fake, "plan", 0);
}

/* More turns than a round has steps; the next round is half a minute away. */
static void round_run(struct fake_worker *fake)
{
    for (int i = 0; i < 20; i++)
        fake_worker_turn(fake);
}

static void lose_play(struct fake_worker *fake, void *context)
{
    (void)context;
    take(fake);
    round_run(fake);
    assert_true(shown("tlsrpt_plan_skipped{reason=\"closed\"} 1"));
    assert_true(shown("tlsrpt_plan_unplanned_documents 3"));
    assert_int_equal(lag.forgotten, 0);
    fake_worker_lose(fake, "plan", 0);
    assert_true(shown("tlsrpt_plan_skipped{reason=\"closed\"} 0"));
    assert_true(shown("tlsrpt_plan_unplanned_documents 0"));
    assert_int_equal(lag.forgotten, 1);
}

static void who_plans_no_more_tells_nothing(void **state)
{
    (void)state;
    play(lose_play, NULL);
}

static void standby_play(struct fake_worker *fake, void *context)
{
    (void)context;
    fake_worker_clock(fake, time_now_ms() + TIME_DAY_MS);
    take(fake);
    fake_worker_turn(fake);
    assert_true(shown("tlsrpt_plan_watermark_age_seconds 0"));
    fake_worker_clock(fake, time_now_ms() + TIME_DAY_MS + 60000);
    fake_worker_turn(fake);
    assert_false(shown("tlsrpt_plan_watermark_age_seconds 0"));
}

static void a_long_standby_is_no_age(void **state)
{
    (void)state;
    play(standby_play, NULL);
}

static void warn_play(struct fake_worker *fake, void *context)
{
    (void)context;
    take(fake);
    round_run(fake);
}

static void every_reason_is_told(void **state)
{
    char text[8192];
    int saved;
    (void)state;
    int file = capture_begin(&saved);
    play(warn_play, NULL);
    capture_end(file, saved, text, sizeof(text));
    assert_non_null(strstr(text, "reason=primary-missing shards=1 documents=0 fences=wait"));
    assert_non_null(strstr(text, "reason=closed shards=1 documents=3 fences=wait"));
}

/* Both the warnings and the lag are paced by a clock that never jumps. */
static void set_back_play(struct fake_worker *fake, void *context)
{
    (void)context;
    take(fake);
    fake_worker_clock(fake, time_now_ms() + TIME_DAY_MS);
    round_run(fake);
    int exports = lag.exports;
    for (int i = 1; i < 10; i++) {
        fake_worker_clock(fake, time_now_ms() + TIME_DAY_MS + i * 120000);
        round_run(fake);
    }
    assert_int_equal(lag.exports, exports);
}

static void a_clock_that_jumps_paces_nothing(void **state)
{
    char text[65536];
    int saved;
    (void)state;
    int file = capture_begin(&saved);
    play(set_back_play, NULL);
    capture_end(file, saved, text, sizeof(text));
    const char *first = strstr(text, "reason=closed");
    assert_non_null(first);
    assert_null(strstr(first + 1, "reason=closed"));
}

static size_t tombstones(struct fake_worker *fake)
{
    size_t count = 0;
    struct message_list messages;
    fake_worker_commit(fake, &messages);
    for (size_t i = 0; i < messages.count; i++)
        count += strcmp(messages.items[i]->topic, "plan") == 0 && !messages.items[i]->value;
    message_list_free(&messages);
    return count;
}

static void astray_play(struct fake_worker *fake, void *context)
{
    fake_worker_assign(fake, "plan", 0, 0);
    fake_worker_restore(fake, 0, "Z/0/H", "{\"v\":1,\"index\":\"z\",\"planned\":5,\"since\":0}");
    fake_worker_ready(fake, "plan", 0);
    round_run(fake);
    assert_true(shown("tlsrpt_plan_skipped{reason=\"primary-missing\"} 2"));
    atomic_store((atomic_bool *)context, true);
    fake_worker_clock(fake, time_now_ms() + 60000);
    round_run(fake);
    assert_int_equal(tombstones(fake), 0);
}

/* On the same address, and nothing failed. */
static void nothing_is_gone_by_another_cluster(void **state)
{
    atomic_bool *const moments[] = {&other, &switching}; /* between two rounds, and within one */
    (void)state;
    for (size_t i = 0; i < NELEMS(moments); i++) {
        play(astray_play, moments[i]);
        atomic_store(&other, false);
        atomic_store(&switching, false);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_plans_no_more_tells_nothing),
        cmocka_unit_test(a_long_standby_is_no_age),
        cmocka_unit_test(every_reason_is_told),
        cmocka_unit_test(a_clock_that_jumps_paces_nothing),
        cmocka_unit_test(nothing_is_gone_by_another_cluster),
    };
    struct error err;
    metrics_register(producer_metrics);
    if (fetch_init(&err) < 0)
        return 1;
    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
