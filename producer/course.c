#include "producer/course.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "common/backoff.h"
#include "common/memory.h"

#define RETRY_MIN_MS 500
#define RETRY_MAX_MS 30000
#define MINUTE_MS    60000

/* ---- one task ---- */

void course_begin(struct course *course, const struct task *task)
{
    *course = (struct course){
        .ask = COURSE_SEARCH,
        .next = task->from,
        .page = task->to - task->from + 1,
    };
}

int64_t course_page_end(const struct course *course, const struct task *task)
{
    return task->to - course->next < course->page ? task->to : course->next + course->page - 1;
}

/* The numbers up to `to` are dealt with. A page that was made smaller grows again. */
static void page_passed(struct course *course, const struct task *task, int64_t to)
{
    int64_t whole = task->to - task->from + 1;
    course->page = course->page < whole / 2 ? course->page * 2 : whole;
    course->next = to + 1;
    course->again = false;
    course->ask = course->next > task->to ? COURSE_CHECK : COURSE_SEARCH;
}

/* The trouble that all kinds of questions have in common. */
static enum course_verdict trouble_verdict(enum answer answer)
{
    return answer == ANSWER_GONE    ? COURSE_GONE
           : answer == ANSWER_WRONG ? COURSE_WRONG
                                    : COURSE_WAIT;
}

static void page_halve(struct course *course)
{
    course->page = (course->page + 1) / 2;
    course->again = false;
}

/* Fewer documents than numbers: overwritten or deleted ones, or a copy that was not refreshed. Only
 * after a refresh of its own are they believed to be holes. */
static enum course_verdict page_judge(struct course *course, const struct task *task,
                                      const struct page_found *found)
{
    int64_t to = course_page_end(course, task);
    int64_t missing = to - course->next + 1 - found->documents;
    if (missing > 0 && !course->again) {
        course->ask = COURSE_REFRESH;
        return COURSE_DROP;
    }
    course->holes += missing > 0 ? missing : 0;
    page_passed(course, task, to);
    return COURSE_KEEP;
}

enum course_verdict course_searched(struct course *course, const struct task *task,
                                    enum answer answer, const struct page_found *found)
{
    int64_t to = course_page_end(course, task);
    bool single = to == course->next;
    switch (answer) {
    case ANSWER_OK:
        return page_judge(course, task, found);
    case ANSWER_TOO_LARGE:
        if (single) {
            page_passed(course, task, to);
            return COURSE_ONE;
        }
        course->page = to - course->next + 1;
        page_halve(course);
        return COURSE_DROP;
    case ANSWER_TIMEOUT:
        page_halve(course);
        return COURSE_WAIT;
    case ANSWER_SHARD: /* also a shard that the index of that name never had */
        course->doubted = true;
        course->ask = COURSE_CHECK;
        return COURSE_DOUBT;
    default:
        return trouble_verdict(answer);
    }
}

enum course_verdict course_refreshed(struct course *course, enum answer answer)
{
    if (answer != ANSWER_OK)
        return trouble_verdict(answer);
    course->again = true;
    course->ask = COURSE_SEARCH;
    return COURSE_DROP;
}

enum course_verdict course_checked(struct course *course, enum answer answer)
{
    if (answer != ANSWER_OK)
        return trouble_verdict(answer);
    if (!course->doubted)
        return COURSE_DONE;
    course->doubted = false;
    course->ask = COURSE_SEARCH;
    return COURSE_WAIT;
}

bool course_cut(struct course *course, const struct task *task, struct task *rest)
{
    if (course->next > task->to)
        return false;
    *rest = *task;
    rest->from = course->next;
    course->ask = COURSE_CHECK;
    return true;
}

/* ---- shards in trouble ---- */

struct trouble {
    char *key;        /* uuid/shard */
    int64_t first_ms; /* of its failures: the backoff's begin */
    int64_t alone_ms; /* since when it fails while the rest of the cluster does not */
    int64_t last_ms;
    int64_t next_ms; /* of its next try */
    bool probing;
    UT_hash_handle hh;
};

struct troubles {
    int64_t patience_ms;
    int64_t passed_ms; /* when a shard without trouble last answered */
    struct trouble *all;
};

struct troubles *troubles_new(int64_t patience_ms)
{
    struct troubles *troubles = mem_alloc(sizeof(*troubles));
    troubles->patience_ms = patience_ms;
    troubles->passed_ms = -1;
    return troubles;
}

static void trouble_remove(struct troubles *troubles, struct trouble *trouble)
{
    HASH_DEL(troubles->all, trouble);
    free(trouble->key);
    free(trouble);
}

void troubles_free(struct troubles **troubles)
{
    if (!*troubles)
        return;
    while ((*troubles)->all)
        trouble_remove(*troubles, (*troubles)->all);
    free(*troubles);
    *troubles = NULL;
}

static struct trouble *trouble_find(const struct troubles *troubles, const struct task *task)
{
    struct trouble *trouble = NULL;
    if (!troubles->all)
        return NULL;
    char *key = mem_printf("%s/%d", task->uuid, task->shard);
    HASH_FIND_STR(troubles->all, key, trouble);
    free(key);
    return trouble;
}

enum trouble_advice troubles_advise(struct troubles *troubles, const struct task *task,
                                    int64_t now_ms)
{
    struct trouble *trouble = trouble_find(troubles, task);
    if (!trouble)
        return TROUBLE_NONE;
    if (!trouble->probing && now_ms >= trouble->next_ms) {
        trouble->probing = true;
        return TROUBLE_PROBE;
    }
    return trouble->last_ms - trouble->alone_ms >= troubles->patience_ms ? TROUBLE_MOVE
                                                                         : TROUBLE_WAIT;
}

static struct trouble *trouble_begin(struct troubles *troubles, const struct task *task,
                                     int64_t now_ms)
{
    struct trouble *trouble = mem_alloc(sizeof(*trouble));
    trouble->key = mem_printf("%s/%d", task->uuid, task->shard);
    trouble->first_ms = trouble->alone_ms = trouble->last_ms = now_ms;
    HASH_ADD_KEYPTR(hh, troubles->all, trouble->key, strlen(trouble->key), trouble);
    return trouble;
}

/* The time in which the whole cluster was in trouble is not the shard's own: it counts anew from
 * the first failure that stands beside somebody else's success, or that a living cluster put down
 * to the shard. */
void troubles_failed(struct troubles *troubles, const struct task *task, enum answer answer,
                     int64_t now_ms)
{
    struct trouble *trouble = trouble_find(troubles, task);
    if (!trouble)
        trouble = trouble_begin(troubles, task, now_ms);
    if (answer != ANSWER_SHARD && troubles->passed_ms < trouble->last_ms)
        trouble->alone_ms = now_ms;
    trouble->last_ms = now_ms;
    trouble->probing = false;
    int64_t delay_ms = backoff_delay_ms(now_ms - trouble->first_ms, RETRY_MIN_MS, RETRY_MAX_MS);
    trouble->next_ms = now_ms + (answer == ANSWER_DENIED ? MINUTE_MS : delay_ms);
}

void troubles_passed(struct troubles *troubles, const struct task *task, int64_t now_ms)
{
    struct trouble *trouble = trouble_find(troubles, task);
    troubles->passed_ms = now_ms;
    if (trouble)
        trouble_remove(troubles, trouble);
}

void troubles_left(struct troubles *troubles, const struct task *task)
{
    struct trouble *trouble = trouble_find(troubles, task);
    if (trouble)
        trouble->probing = false;
}

int64_t troubles_count(const struct troubles *troubles)
{
    return HASH_COUNT(troubles->all);
}
