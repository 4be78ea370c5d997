/* shutdown: SIGTERM and SIGINT ask to stop; a second one, or a stop that takes longer than the
 * grace, leaves at once. */
#ifndef COMMON_SHUTDOWN_H
#define COMMON_SHUTDOWN_H

#include <stdbool.h>
#include <stdint.h>

/* Before any thread is started: blocks the signals in all threads and starts the one that waits for
 * them. After the first signal the process ends with exit 1 when grace_ms is over. */
void shutdown_install(int64_t grace_ms);

bool shutdown_requested(void);
/* Readable (poll) from the moment a stop is asked for; never read from it. */
int shutdown_fd(void);
/* As a signal would: a job that failed ends the others. */
void shutdown_request(void);

#endif
