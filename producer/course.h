/* course: how one task goes on after each answer, and which shards are in trouble. Pure: answers
 * and monotonic times in, the next step out. */
#ifndef PRODUCER_COURSE_H
#define PRODUCER_COURSE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/wire/task.h"
#include "producer/answer.h"
#include "producer/page.h"

/* ---- one task ---- */

/* What is asked next. */
enum course_ask {
    COURSE_SEARCH,
    COURSE_REFRESH, /* the page had holes: are they real? */
    COURSE_CHECK,   /* all was read, or the shard does not answer: is it still the same index? */
};

struct course {
    enum course_ask ask;
    int64_t next;  /* the first _seq_no that is not read yet */
    int64_t page;  /* how many at a time */
    bool again;    /* refreshed: fewer documents than numbers are the truth now */
    bool doubted;  /* the shard does not answer: it is checked before the next search */
    int64_t holes; /* numbers without a document, so far */
};
void course_begin(struct course *course, const struct task *task);
int64_t course_page_end(const struct course *course, const struct task *task); /* included */

/* What to do with what came. */
enum course_verdict {
    COURSE_KEEP,  /* the page counts; ask on */
    COURSE_DROP,  /* the page does not count; ask on */
    COURSE_ONE,   /* likewise; the one document of the page is too large: reject it, ask on */
    COURSE_WAIT,  /* likewise, but the shard is in trouble: ask later */
    COURSE_DOUBT, /* likewise, but ask on at once: the trouble may be that the index is another */
    COURSE_DONE,  /* after the check: finish */
    COURSE_GONE,  /* the index is no more what it was: reject the task */
    COURSE_WRONG, /* the request itself is refused: the job must end */
};
/* found counts for ANSWER_OK only. */
enum course_verdict course_searched(struct course *course, const struct task *task,
                                    enum answer answer, const struct page_found *found);
enum course_verdict course_refreshed(struct course *course, enum answer answer);
enum course_verdict course_checked(struct course *course, enum answer answer);

/* A task is read to its end by whoever holds it, or its rest would come behind the fence that must
 * stand behind all of it. But its outputs go into one transaction, which the broker gives up after
 * 20 s: so many have to pass until then. */
#define COURSE_OUTPUT_BYTES ((size_t)24 << 20)
/* What may wait behind a partition's oldest unfinished task: then nothing more is read for it. */
#define COURSE_AHEAD_BYTES ((size_t)16 << 20)

/* There is no room for more: the check comes now, the rest becomes a task of its own.
 * False: nothing is left to cut off. */
bool course_cut(struct course *course, const struct task *task, struct task *rest);

/* ---- shards in trouble ---- */

/* How the tasks of one shard are treated while it is in trouble. */
enum trouble_advice {
    TROUBLE_NONE,
    TROUBLE_PROBE, /* its turn to be tried, by one task at a time */
    TROUBLE_WAIT,
    TROUBLE_MOVE, /* it has failed for so long while others did not: its tasks make way */
};

struct troubles; /* opaque */

struct troubles *troubles_new(int64_t patience_ms);
void troubles_free(struct troubles **troubles);

/* TROUBLE_PROBE takes the turn: troubles_failed(), troubles_passed() or troubles_left() gives it
 * back. */
enum trouble_advice troubles_advise(struct troubles *troubles, const struct task *task,
                                    int64_t now_ms);
void troubles_failed(struct troubles *troubles, const struct task *task, enum answer answer,
                     int64_t now_ms);
void troubles_passed(struct troubles *troubles, const struct task *task, int64_t now_ms);
void troubles_left(struct troubles *troubles, const struct task *task); /* not known how it went */
/* How many shards are in trouble. */
int64_t troubles_count(const struct troubles *troubles);

#endif
