/* model: what the analyzer cannot see, so that it raises no alarm on paths that cannot be. */
#ifndef TESTS_LINT_MODEL_H
#define TESTS_LINT_MODEL_H

#include <uthash.h>
#include <utlist.h>

#include "common/error.h"

/* In another file: they always return -1, and so outputs are set wherever a caller goes on. */
#define error_set(...)  (error_set(__VA_ARGS__), -1)
#define error_wrap(...) (error_wrap(__VA_ARGS__), -1)

/* Through buckets and back links it cannot follow that the element is gone. */
#undef HASH_DELETE
#undef DL_DELETE2
#define HASH_DELETE(hh, head, element)        ((head) = (element)->hh.next)
#define DL_DELETE2(head, element, prev, next) ((head) = (element)->next)

#endif
