#include "business/notify_worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "ipc/log.h"

#define GRACE_MS 2000u /* beyond what libcurl was given */

struct worker {
    struct workers *all;
    pid_t pid; /* 0: free */
    int pipe;
    struct event *late;
    struct notice notice;
};

struct workers {
    const struct notify_settings *settings;
    worker_done done;
    void *ctx;
    struct event *ended;
    struct worker list[WORKERS_MAX];
};

/* Nothing of the parent is used but what the delivery is about. */
static NORETURN void child(const struct notify_settings *settings, const struct notice *notice,
                           int pipe) {
    static const int signals[] = {SIGTERM, SIGINT, SIGCHLD};
    sigset_t none;
    sigemptyset(&none);
    for (size_t i = 0; i < COUNT_OF(signals); i++)
        (void)signal(signals[i], SIG_DFL);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || fds_close_except(&pipe, 1) < 0)
        _exit(1);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    deliver(settings, notice, pipe);
    _exit(0);
}

static void on_late(evutil_socket_t fd, short what, void *ctx) {
    struct worker *worker = ctx;
    (void)fd, (void)what;
    if (worker->pid > 0)
        (void)kill(worker->pid, SIGKILL);
}

static void finish(struct worker *worker) {
    struct delivery_report reports[DELIVERY_CHANNELS];
    size_t n = 0;
    struct notice notice = worker->notice;
    while (n < COUNT_OF(reports) &&
           read(worker->pipe, &reports[n], sizeof(reports[n])) == (ssize_t)sizeof(reports[n]))
        reports[n++].why[sizeof(reports[0].why) - 1] = '\0';
    (void)close(worker->pipe);
    (void)evtimer_del(worker->late);
    worker->pid = 0;
    worker->notice = (struct notice){0};
    worker->all->done(worker->all->ctx, &notice, reports, n);
    notice_free(&notice);
}

static void on_ended(evutil_socket_t fd, short what, void *ctx) {
    struct workers *workers = ctx;
    int status;
    (void)fd, (void)what;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        for (size_t i = 0; i < WORKERS_MAX; i++)
            if (workers->list[i].pid == pid) {
                if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
                    log_warn("a delivery ended by itself (%s %d)",
                             WIFSIGNALED(status) ? "signal" : "status",
                             WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
                finish(&workers->list[i]);
            }
}

int workers_new(struct event_base *base, const struct notify_settings *settings, worker_done done,
                void *ctx, struct workers **ret) {
    struct workers *workers = calloc(1, sizeof(*workers));
    if (workers == NULL)
        return -ENOMEM;
    *workers = (struct workers){.settings = settings, .done = done, .ctx = ctx};
    workers->ended = evsignal_new(base, SIGCHLD, on_ended, workers);
    bool ok = workers->ended != NULL && event_add(workers->ended, NULL) == 0;
    for (size_t i = 0; i < WORKERS_MAX; i++) {
        workers->list[i] = (struct worker){.all = workers, .pipe = -1};
        workers->list[i].late = evtimer_new(base, on_late, &workers->list[i]);
        ok = ok && workers->list[i].late != NULL;
    }
    if (!ok) {
        workers_free(workers);
        return -ENOMEM;
    }
    *ret = workers;
    return 0;
}

void workers_free(struct workers *workers) {
    if (workers == NULL)
        return;
    for (size_t i = 0; i < WORKERS_MAX; i++) {
        struct worker *worker = &workers->list[i];
        if (worker->pid > 0) {
            (void)kill(worker->pid, SIGKILL);
            (void)waitpid(worker->pid, NULL, 0);
            (void)close(worker->pipe);
            notice_free(&worker->notice);
        }
        if (worker->late != NULL)
            event_free(worker->late);
    }
    if (workers->ended != NULL)
        event_free(workers->ended);
    free(workers);
}

static struct worker *find_free(struct workers *workers) {
    for (size_t i = 0; i < WORKERS_MAX; i++)
        if (workers->list[i].pid == 0)
            return &workers->list[i];
    return NULL;
}

size_t workers_idle(const struct workers *workers) {
    size_t n = 0;
    for (size_t i = 0; i < WORKERS_MAX; i++)
        n += workers->list[i].pid == 0;
    return n;
}

int workers_start(struct workers *workers, const struct notice *notice) {
    struct worker *worker = find_free(workers);
    int ends[2];
    sigset_t all, before;
    if (worker == NULL)
        return -EBUSY;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0)
        child(workers->settings, notice, ends[1]);
    int r = pid < 0 ? -errno : fd_nonblock(ends[0]);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    (void)close(ends[1]);
    if (r < 0) {
        if (pid > 0)
            (void)kill(pid, SIGKILL);
        (void)close(ends[0]);
        return r;
    }
    worker->pid = pid;
    worker->pipe = ends[0];
    worker->notice = *notice;
    const uint64_t most = DELIVERY_CHANNELS * workers->settings->timeout_ms + GRACE_MS;
    const struct timeval late = {(time_t)(most / 1000), (suseconds_t)(most % 1000 * 1000)};
    (void)evtimer_add(worker->late, &late);
    return 0;
}
