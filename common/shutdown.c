#include "common/shutdown.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/log.h"
#include "common/time.h"

#define SIGNALS_TO_LEAVE 2 /* the first asks, the second insists */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static atomic_bool requested;
static int stop_fd = -1;

static int64_t grace_ms;
static int signal_fd = -1;

static void stop_fd_open(void)
{
    stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (stop_fd < 0)
        log_panic("eventfd: %s", strerror(errno));
}

bool shutdown_requested(void)
{
    return atomic_load(&requested);
}

int shutdown_fd(void)
{
    pthread_once(&once, stop_fd_open);
    return stop_fd;
}

void shutdown_request(void)
{
    const uint64_t one = 1;
    if (atomic_exchange(&requested, true))
        return;
    if (write(shutdown_fd(), &one, sizeof(one)) < 0)
        log_panic("eventfd: %s", strerror(errno));
}

/* Waits for a signal or, before the stop, for shutdown_request(). True if it was a signal. */
static bool wait_for_signal(int64_t timeout_ms)
{
    struct signalfd_siginfo info;
    struct pollfd fds[] = {
        {.fd = signal_fd, .events = POLLIN},
        {.fd = shutdown_requested() ? -1 : shutdown_fd(), .events = POLLIN},
    };
    if (poll(fds, 2, (int)timeout_ms) <= 0 || !(fds[0].revents & POLLIN))
        return false;
    return read(signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info);
}

_Noreturn static void leave(const char *why)
{
    log_error("stop cut short", log_text("reason", why));
    _exit(1);
}

/* The watchdog: hung libraries and endless drains end here. */
static void *watch(void *unused)
{
    int signals = 0;
    (void)unused;
    while (!shutdown_requested())
        if (wait_for_signal(-1)) {
            signals++;
            log_info("stop asked for");
            shutdown_request();
        }
    int64_t deadline_ms = time_monotonic_ms() + grace_ms;
    for (;;) {
        int64_t left_ms = deadline_ms - time_monotonic_ms();
        if (left_ms <= 0)
            leave("shutdown.grace is over");
        if (wait_for_signal(left_ms) && ++signals == SIGNALS_TO_LEAVE)
            leave("second signal");
    }
}

void shutdown_install(int64_t grace)
{
    sigset_t signals;
    pthread_t thread;
    grace_ms = grace;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    if (pthread_sigmask(SIG_BLOCK, &signals, NULL) != 0)
        log_panic("signals cannot be blocked");
    signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signal_fd < 0)
        log_panic("signalfd: %s", strerror(errno));
    int code = pthread_create(&thread, NULL, watch, NULL);
    if (code != 0)
        log_panic("the watchdog cannot be started: %s", strerror(code));
    pthread_detach(thread);
}
