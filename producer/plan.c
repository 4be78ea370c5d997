#include "producer/plan.h"

#include <stdlib.h>
#include <string.h>

#include "common/backoff.h"
#include "common/kafka/lag.h"
#include "common/kafka/topics.h"
#include "common/kafka/worker.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/metrics.h"
#include "common/shutdown.h"
#include "common/time.h"
#include "producer/elastic.h"
#include "producer/planner.h"

#define COMMIT_MS    1000
#define TASKS_MAX    500 /* in one unit with their mark: a transaction takes whole units */
#define RETRY_MIN_MS 1000
#define RETRY_MAX_MS 10000
#define MINUTE_MS    60000 /* between two tries that somebody must help, and between warnings */
#define LAG_EVERY_MS 5000
#define OUTPUTS_WAIT 200 /* ms until a commit made room */

/* Where a round stands. A turn asks for one thing only, so that the loop keeps turning. */
enum plan_step {
    PLAN_IDLE,
    PLAN_LOOK,     /* what is behind each configured name */
    PLAN_UNLISTED, /* what was planned once and is behind no name any more */
    PLAN_REFRESH,
    PLAN_TASKS, /* of the index that was refreshed */
    PLAN_END,
};

struct plan {
    const struct config *config;
    struct elastic *elastic;
    struct planner *planner;
    struct lag *lag;
    struct worker *worker;
    bool owner; /* of the partition, with all its marks read */
    enum plan_step step;
    int64_t t_ms;
    size_t at; /* in the list that the step walks through */
    struct index_list indices;
    struct text_list unlisted;
    int64_t next_ms;          /* of the next turn that does something */
    int64_t failing_since_ms; /* 0: Elasticsearch answers */
    bool tells;               /* the warnings of this round are due: all of them or none */
    int64_t told_ms;          /* monotonic, of the last round that warned; 0: none yet */
    int64_t fenced_ms; /* T of the last fences; without any since when it plans; 0: not yet */
    int64_t lag_at_ms; /* monotonic, of the last export; 0: none yet */
    bool failed;       /* with error: a turn cannot return it */
    struct error error;
};

/* ---- what goes wrong ---- */

static void round_drop(struct plan *plan)
{
    index_list_free(&plan->indices);
    text_list_free(&plan->unlisted);
    plan->step = PLAN_IDLE;
    plan->at = 0;
}

static void job_fail(struct plan *plan, const struct error *err)
{
    plan->failed = true;
    plan->error = *err;
    shutdown_request();
}

/* Once a minute, for a whole round, or one trouble would hide the others. */
static void round_begin(struct plan *plan)
{
    plan->tells = plan->told_ms == 0 || time_monotonic_ms() - plan->told_ms >= MINUTE_MS;
}

/* Asked only where there is something to warn of. */
static bool round_tells(struct plan *plan)
{
    if (plan->tells)
        plan->told_ms = time_monotonic_ms();
    return plan->tells;
}

/* No round without an answer: what is not known is not planned. */
static void round_failed(struct plan *plan, enum answer answer, const struct error *err,
                         int64_t now_ms)
{
    round_drop(plan);
    metrics_add("tlsrpt_plan_rounds_total", 1, "failed", NULL);
    if (answer == ANSWER_WRONG) {
        job_fail(plan, err);
        return;
    }
    if (plan->failing_since_ms == 0)
        plan->failing_since_ms = now_ms;
    plan->next_ms =
        now_ms + (answer == ANSWER_DENIED ? MINUTE_MS
                                          : backoff_delay_ms(now_ms - plan->failing_since_ms,
                                                             RETRY_MIN_MS, RETRY_MAX_MS));
    if (!round_tells(plan))
        return;
    log_write(answer == ANSWER_DENIED ? LOG_ERROR : LOG_WARN, "nothing can be planned",
              LOG_FIELDS(log_text("error", err->text), {0}));
}

/* One index's trouble: it is left out, the round goes on. */
static void index_failed(const char *name, const struct error *err)
{
    log_warn("index left out", log_text("index", name), log_text("error", err->text));
}

/* ---- the steps ---- */

static void outputs_emit(struct plan *plan, struct message_list *outputs)
{
    worker_emit(plan->worker, "plan", 0, outputs);
}

static void step_idle(struct plan *plan, int64_t now_ms)
{
    struct error err;
    round_begin(plan);
    enum answer answer = elastic_hello(plan->elastic, &err); /* each round: somebody else there? */
    if (answer != ANSWER_OK) {
        round_failed(plan, answer, &err, now_ms);
        return;
    }
    plan->t_ms = time_now_ms(); /* before anything is asked, and after the greeting's wait */
    planner_begin(plan->planner, plan->t_ms);
    plan->step = PLAN_LOOK;
}

static void look_done(struct plan *plan)
{
    struct message_list outputs = {0};
    planner_found(plan->planner, &plan->indices, &outputs);
    outputs_emit(plan, &outputs);
    planner_unlisted(plan->planner, &plan->indices, &plan->unlisted);
    plan->at = 0;
    plan->step = PLAN_UNLISTED;
}

static void step_look(struct plan *plan, int64_t now_ms)
{
    struct error err;
    const struct text_list *names = config_list(plan->config, "elastic.index");
    struct index_list found = {0};
    if (plan->at == names->count) {
        look_done(plan);
        return;
    }
    const char *name = names->items[plan->at++];
    enum answer answer = elastic_look(plan->elastic, name, &found, &err);
    if (answer != ANSWER_OK && answer != ANSWER_GONE) {
        round_failed(plan, answer, &err, now_ms);
        return;
    }
    bool empty = found.count == 0;
    index_list_take(&plan->indices, &found);
    if (!empty)
        return;
    planner_empty(plan->planner, name);
    if (round_tells(plan))
        log_error("elastic.index has no index", log_text("name", name));
}

/* An index once planned stays planned, alias or not, until it is no more. */
static void unlisted_add(struct plan *plan, struct index_list *found)
{
    for (size_t i = 0; i < found->count; i++)
        if (planner_knows(plan->planner, found->items[i].uuid))
            index_list_add(&plan->indices, &found->items[i]);
    index_list_free(found);
}

static void step_unlisted(struct plan *plan, int64_t now_ms)
{
    struct error err;
    struct index_list found = {0};
    struct message_list outputs = {0};
    if (plan->at == plan->unlisted.count) {
        plan->at = 0;
        plan->step = PLAN_REFRESH;
        return;
    }
    (void)now_ms;
    const char *name = plan->unlisted.items[plan->at++];
    enum answer answer = elastic_look(plan->elastic, name, &found, &err);
    bool told = answer == ANSWER_OK || answer == ANSWER_GONE;
    /* only our cluster knows what is gone */
    if (!told || elastic_hello(plan->elastic, &err) != ANSWER_OK) {
        planner_unknown(plan->planner, name);
        index_failed(name, &err);
        return;
    }
    unlisted_add(plan, &found);
    planner_gone(plan->planner, name, &plan->indices, &outputs);
    if (outputs.count > 0)
        log_info("index is gone", log_text("index", name));
    outputs_emit(plan, &outputs);
}

static void step_refresh(struct plan *plan, int64_t now_ms)
{
    struct error err;
    if (plan->at == plan->indices.count) {
        plan->step = PLAN_END;
        return;
    }
    (void)now_ms;
    const struct index *index = &plan->indices.items[plan->at];
    if (!planner_judge(plan->planner, index)) {
        plan->at++;
        return;
    }
    if (elastic_refresh(plan->elastic, index->name, index->copies, &err) == ANSWER_OK) {
        plan->step = PLAN_TASKS;
        return;
    }
    planner_not_refreshed(plan->planner, index);
    index_failed(index->name, &err);
    plan->at++;
}

/* A large backlog goes out in several transactions: marks cover what was planned so far. */
static void step_tasks(struct plan *plan, int64_t now_ms)
{
    struct message_list outputs = {0};
    (void)now_ms;
    if (!planner_tasks(plan->planner, &plan->indices.items[plan->at], TASKS_MAX, &outputs)) {
        plan->at++;
        plan->step = PLAN_REFRESH;
        return;
    }
    metrics_add("tlsrpt_plan_tasks_total", (int64_t)outputs.count - 1, NULL);
    outputs_emit(plan, &outputs);
}

static void gauges_set(const struct planner_result *result)
{
    for (size_t i = PLANNER_FINE + 1; i < PLANNER_SKIPS; i++)
        metrics_set("tlsrpt_plan_skipped", (int64_t)result->skipped[i],
                    planner_skip_name((enum planner_skip)i), NULL);
    metrics_set("tlsrpt_plan_unplanned_documents", result->unplanned, NULL);
    metrics_set("tlsrpt_plan_names_without_index", (int64_t)result->empty, NULL);
}

static void result_tell(struct plan *plan, const struct planner_result *result)
{
    for (size_t i = PLANNER_FINE + 1; i < PLANNER_SKIPS; i++) {
        if (result->skipped[i] == 0 || !round_tells(plan))
            continue;
        log_warn("shards left out", log_text("reason", planner_skip_name((enum planner_skip)i)),
                 log_number("shards", (int64_t)result->skipped[i]),
                 log_number("documents", result->documents[i]),
                 log_text("fences", result->fenced ? "without them" : "wait"));
    }
}

static void step_end(struct plan *plan, int64_t now_ms)
{
    struct message_list outputs = {0};
    struct planner_result result;
    planner_end(plan->planner, now_ms, &result, &outputs);
    outputs_emit(plan, &outputs);
    worker_commit_soon(plan->worker);
    if (result.fenced)
        plan->fenced_ms = plan->t_ms;
    if (plan->failing_since_ms > 0)
        log_info("Elasticsearch answers again");
    plan->failing_since_ms = 0;
    metrics_add("tlsrpt_plan_rounds_total", 1, result.fenced ? "fenced" : "unfenced", NULL);
    gauges_set(&result);
    result_tell(plan, &result);
    plan->next_ms = plan->t_ms + config_duration_ms(plan->config, "scan.interval");
    round_drop(plan);
}

/* ---- the loop's calls ---- */

static void started(void *context, struct worker *worker)
{
    struct plan *plan = context;
    const struct planner_settings settings = {
        .task_documents = config_integer(plan->config, "scan.task_documents"),
        .since_ms = config_duration_ms(plan->config, "scan.since"),
        .patience_ms = config_duration_ms(plan->config, "scan.patience"),
        .partitions = worker_partition_count(worker, "scan"),
    };
    plan->worker = worker;
    plan->planner = planner_new(&settings);
}

static int restore(void *context, int32_t partition, const char *key, size_t key_bytes,
                   const char *value, size_t value_bytes, struct error *err)
{
    struct plan *plan = context;
    (void)partition;
    return planner_restore(plan->planner, key, key_bytes, value, value_bytes, err);
}

static void assigned(void *context, const char *topic, int32_t partition)
{
    struct plan *plan = context;
    (void)topic;
    (void)partition;
    plan->owner = true;
    plan->next_ms = 0;
    plan->fenced_ms = 0;
    log_info("plans from now on");
}

/* Whoever plans from now on tells how it stands; what stood here last would stand for ever. */
static void gauges_clear(struct plan *plan)
{
    const struct planner_result nothing = {0};
    lag_forget(plan->lag);
    gauges_set(&nothing);
    metrics_set("tlsrpt_plan_watermark_age_seconds", 0, NULL);
}

static void revoked(void *context, const char *topic, int32_t partition)
{
    struct plan *plan = context;
    (void)topic;
    (void)partition;
    plan->owner = false;
    round_drop(plan);
    planner_forget(plan->planner);
    gauges_clear(plan);
}

/* Its own marks: they were known before they were written. */
static int record(void *context, struct record *mark, struct error *err)
{
    (void)context;
    (void)err;
    record_finish(mark);
    return 0;
}

/* Of all groups: so that it is seen even when a job has no process. The pause counts from its end:
 * a broker that does not answer holds up the rounds, too. */
static void lag_export(struct plan *plan)
{
    struct error err;
    if (plan->lag_at_ms > 0 && time_monotonic_ms() - plan->lag_at_ms < LAG_EVERY_MS)
        return;
    if (lag_export_all(plan->lag, &err) < 0)
        log_warn("lag is not known", log_text("error", err.text));
    plan->lag_at_ms = time_monotonic_ms();
}

static void age_export(struct plan *plan, int64_t now_ms)
{
    if (plan->fenced_ms == 0)
        plan->fenced_ms = now_ms;
    metrics_set("tlsrpt_plan_watermark_age_seconds", (now_ms - plan->fenced_ms) / 1000, NULL);
}

static int64_t tick(void *context, int64_t now_ms)
{
    static void (*const steps[])(struct plan * plan, int64_t now_ms) = {
        [PLAN_IDLE] = step_idle,       [PLAN_LOOK] = step_look,   [PLAN_UNLISTED] = step_unlisted,
        [PLAN_REFRESH] = step_refresh, [PLAN_TASKS] = step_tasks, [PLAN_END] = step_end,
    };
    struct plan *plan = context;
    if (!plan->owner || plan->failed)
        return RETRY_MIN_MS;
    lag_export(plan);
    age_export(plan, now_ms);
    if (plan->next_ms - now_ms > 10 * MINUTE_MS + config_duration_ms(plan->config, "scan.interval"))
        plan->next_ms = now_ms; /* the clock was set back */
    if (now_ms < plan->next_ms)
        return plan->next_ms - now_ms;
    if (worker_is_full(plan->worker))
        return OUTPUTS_WAIT;
    steps[plan->step](plan, now_ms);
    return plan->step == PLAN_IDLE && plan->next_ms > now_ms ? plan->next_ms - now_ms : 0;
}

/* ---- start and end ---- */

static int plan_loop(struct plan *plan, struct error *err)
{
    static const char *const topics[] = {"plan", NULL};
    static const char *const outputs[] = {"scan", NULL};
    const struct worker_spec spec = {
        .job = "plan",
        .topics = topics,
        .outputs = outputs,
        .table = "plan",
        .commit_ms = COMMIT_MS,
        .context = plan,
        .started = started,
        .restore = restore,
        .assigned = assigned,
        .record = record,
        .tick = tick,
        .revoked = revoked,
    };
    if (worker_run(plan->config, &spec, err) < 0)
        return -1;
    if (plan->failed)
        *err = plan->error;
    return plan->failed ? -1 : 0;
}

int plan_run(const struct config *config, struct error *err)
{
    struct plan plan = {.config = config, .elastic = elastic_new(config, err)};
    if (!plan.elastic)
        return -1;
    int result = -1;
    plan.lag = lag_new(config, err);
    if (plan.lag)
        result = plan_loop(&plan, err);
    round_drop(&plan);
    planner_free(&plan.planner);
    lag_free(&plan.lag);
    elastic_free(&plan.elastic);
    return result;
}
