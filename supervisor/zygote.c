#include "supervisor/zygote.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "ipc/log.h"
#include "supervisor/process.h"
#include "supervisor/relay_rules.h"

#define HELLO_TIMEOUT_MS 15000 /* the first time; then twice and four times as long: */
#define HELLO_DOUBLINGS  2     /* trying all walls takes a slow machine longer, each time anew */
#define SILENCE_MS       4000
#define WHY_LEN          1024
#define STEADY_MS        10000 /* it lived this long after its hello: the next death starts anew */
#define RETRY_BASE_MS    100
#define RETRY_SOON_MS    2000 /* the longest wait while its peers may merely be restarting */
#define RETRY_MAX_MS     60000
#define RETIRE_LATER_MS  1000 /* when it is old enough, but still owes an answer */
#define MANY_DEATHS      20
#define STARTED_DEATHS                                                                             \
    2 /* one that got ready is back within half a second, however often it dies */

struct zygote {
    struct event_base *base;
    struct zygote_setup setup;
    const struct zygote_ops *ops;
    void *ctx;
    struct msg_peer peer;
    Cloister__Message *hello; /* the last one, kept for status */
    struct event *timer;      /* next start, the hello's deadline, or its age */
    struct event *readable, *writable, *exited;
    int channel, pidfd;
    pid_t pid;
    uint64_t ready_ms; /* clock of the hello; 0 before it */
    uint64_t heard_ms; /* clock of its last message */
    uint64_t start_ms; /* clock of the next attempt; 0 while one runs */
    unsigned deaths, in_a_row;
    unsigned owed; /* spawns that it was asked for and has not answered */
    bool retired;  /* ended for its age, or to be renewed */
    bool outdated; /* knows a configuration that has changed, and spawns nothing more */
};

static void start(struct zygote *zygote);

static void arm(struct zygote *zygote, uint64_t wait_ms) {
    struct timeval t = {.tv_sec = (time_t)(wait_ms / 1000),
                        .tv_usec = (suseconds_t)(wait_ms % 1000 * 1000)};
    (void)event_add(zygote->timer, &t);
}

static void drop_event(struct event **event) {
    if (*event != NULL)
        event_free(take_ptr(*event));
}

static void close_channel(struct zygote *zygote) {
    drop_event(&zygote->readable);
    drop_event(&zygote->writable);
    if (zygote->channel >= 0)
        (void)close(take_fd(&zygote->channel));
}

static void retry_later(struct zygote *zygote) {
    uint64_t longest = zygote->in_a_row < MANY_DEATHS ? RETRY_SOON_MS : RETRY_MAX_MS;
    uint64_t wait = backoff_ms(zygote->in_a_row, RETRY_BASE_MS, longest);
    zygote->start_ms = clock_ms() + wait;
    arm(zygote, wait);
}

/* A zygote that ran for a while may start anew at once; one that keeps dying waits longer and
 * longer. */
static void tally_death(struct zygote *zygote, const char *how) {
    events_note(zygote->setup.events, zygote->retired ? EVENT_ZYGOTE_REPLACED : EVENT_ZYGOTE_LOST,
                .pid = zygote->pid);
    if (zygote->retired) {
        log_info("zygote %d was replaced for its %s; its agents live on", (int)zygote->pid,
                 zygote->outdated ? "settings" : "age");
        return;
    }
    bool was_ready = zygote->ready_ms != 0;
    if (was_ready && zygote->in_a_row > STARTED_DEATHS)
        zygote->in_a_row = STARTED_DEATHS;
    if (was_ready && clock_ms() - zygote->ready_ms >= STEADY_MS)
        zygote->in_a_row = 0;
    zygote->deaths++;
    if (was_ready)
        log_warn("zygote %d ended (%s); its agents live on, starting another", (int)zygote->pid,
                 how);
    else
        log_error(
            "zygote %d ended before it was ready (%s), %u in a row; its own lines above say why",
            (int)zygote->pid, how, zygote->in_a_row + 1);
}

static void on_exit_event(evutil_socket_t fd, short what, void *arg);
static void receive_all(struct zygote *zygote);
static void retire(struct zygote *zygote);

static void gone(struct zygote *zygote, const char *how) {
    tally_death(zygote, how);
    drop_event(&zygote->exited);
    close_channel(zygote);
    if (zygote->pidfd >= 0)
        (void)close(take_fd(&zygote->pidfd));
    zygote->pid = 0;
    zygote->ready_ms = 0;
    zygote->owed = 0;
    zygote->outdated = false;
    if (zygote->retired) {
        zygote->retired = false;
        start(zygote);
    } else {
        retry_later(zygote);
        zygote->in_a_row++;
    }
    if (zygote->ops != NULL)
        zygote->ops->lost(zygote->ctx);
}

static void on_exit_event(evutil_socket_t fd, short what, void *arg) {
    (void)fd, (void)what;
    struct zygote *zygote = arg;
    char how[64];
    if (!process_reap(zygote->pidfd, how, sizeof(how)))
        return;
    receive_all(zygote); /* answers that it sent before it ended */
    gone(zygote, how);
}

/* Whatever is wrong with it, another one is the remedy; on_exit_event does the rest. */
static void kill_zygote(struct zygote *zygote, const char *why) {
    log_error("zygote %d: %s; ending it", (int)zygote->pid, why);
    close_channel(zygote);
    (void)process_kill(zygote->pidfd);
}

/* One sentence: what is missing, why, and what to do. False when nothing is that is not accepted.
 */
static bool walls_missing(const Cloister__ZygoteHello *hello, char *why, size_t why_len) {
    size_t used = 0;
    for (size_t i = 0; i < hello->n_walls && used < why_len; i++) {
        const Cloister__WallReport *wall = hello->walls[i];
        if (wall->held || wall->accepted)
            continue;
        used += (size_t)snprintf(why + used, why_len - used, "%s\"%s\" (an agent could %s)",
                                 used == 0 ? "[runtime] accept_missing_walls does not name " : ", ",
                                 wall->property, wall->through);
    }
    if (used == 0 || used >= why_len)
        return used != 0;
    (void)snprintf(why + used, why_len - used, ", which is missing on this machine%s%s",
                   hello->lacking[0] != '\0' ? ": " : "", hello->lacking);
    return true;
}

static const char *cgroup_layer(const struct zygote *zygote, const char *property) {
    return zygote->setup.cgroups != NULL && strcmp(property, "exhaustion") == 0
               ? cgroups_layer(zygote->setup.cgroups)
               : "";
}

static void log_walls(const struct zygote *zygote, const Cloister__ZygoteHello *hello) {
    if (hello->lacking[0] != '\0')
        log_warn("walls: %s", hello->lacking);
    for (size_t i = 0; i < hello->n_walls; i++) {
        const Cloister__WallReport *wall = hello->walls[i];
        if (wall->held)
            log_info("wall: no %s: %s%s%s", wall->property, wall->layers,
                     cgroup_layer(zygote, wall->property)[0] != '\0' ? "+" : "",
                     cgroup_layer(zygote, wall->property));
        else
            log_warn("wall: no %s: MISSING, accepted by configuration; an agent can %s",
                     wall->property, wall->through);
    }
}

static bool accept_hello(struct zygote *zygote, Cloister__Message *message) {
    char why[WHY_LEN];
    const Cloister__ZygoteHello *hello = message->zygote_hello;
    if (hello->protocol != PROTOCOL_VERSION) {
        kill_zygote(zygote, "speaks another protocol version than cloisterd");
        return false;
    }
    if (walls_missing(hello, why, sizeof(why))) {
        kill_zygote(zygote, why);
        if (zygote->setup.refused != NULL)
            zygote->setup.refused(zygote->setup.ctx, why);
        return false;
    }
    msg_free(zygote->hello);
    zygote->hello = message;
    zygote->peer.phase = PHASE_READY;
    zygote->ready_ms = clock_ms();
    (void)event_del(zygote->timer);
    if (zygote->setup.max_age_ms > 0)
        arm(zygote, zygote->setup.max_age_ms);
    log_info("zygote %d ready", (int)zygote->pid);
    events_note(zygote->setup.events, EVENT_ZYGOTE_READY, .pid = zygote->pid);
    log_walls(zygote, hello);
    if (zygote->outdated)
        retire(zygote);
    else if (zygote->ops != NULL)
        zygote->ops->ready(zygote->ctx);
    return true;
}

/* It answers once what it was asked: so it can neither keep cloisterd busy nor fill the log. */
static void accept_spawned(struct zygote *zygote, const Cloister__Spawned *spawned, int *pidfd) {
    const char *wrong = relay_spawned(zygote->owed);
    if (wrong != NULL) {
        kill_zygote(zygote, wrong);
        return;
    }
    if (zygote->owed > 0)
        zygote->owed--;
    if (zygote->ops == NULL)
        return;
    int fd = spawned->error == 0 ? take_fd(pidfd) : -1;
    struct cgroups *cgroups = zygote->setup.cgroups;
    if (cgroups != NULL && fd >= 0 && !spawned->in_cgroup) {
        int r = cgroups_move(cgroups, spawned->spawn, spawned->pid);
        if (r < 0 && r != -ESRCH)
            log_warn("agent %d is not in a control group of its own: %s", (int)spawned->pid,
                     strerror(-r));
    }
    zygote->ops->spawned(zygote->ctx, spawned->spawn, spawned->pid, fd, spawned->error);
}

static void receive_all(struct zygote *zygote) {
    while (zygote->channel >= 0) {
        SCOPE_MSG Cloister__Message *message = NULL;
        SCOPE_FD int fd = -1;
        int r = seq_recv(zygote->channel, &zygote->peer, &message, &fd);
        if (r == -EAGAIN)
            return;
        if (r == -ECONNRESET) {
            close_channel(zygote);
            (void)process_kill(zygote->pidfd);
            return;
        }
        if (r < 0) {
            kill_zygote(zygote, "sent a message that it may not send");
            return;
        }
        zygote->heard_ms = clock_ms();
        if (message->body_case == CLOISTER__MESSAGE__BODY_SPAWNED)
            accept_spawned(zygote, message->spawned, &fd);
        else if (accept_hello(zygote, message))
            message = NULL; /* kept */
    }
}

static void on_readable(evutil_socket_t fd, short what, void *arg) {
    (void)fd, (void)what;
    receive_all(arg);
}

static void on_writable(evutil_socket_t fd, short what, void *arg) {
    (void)fd, (void)what;
    struct zygote *zygote = arg;
    if (zygote_ready(zygote) && zygote->ops != NULL)
        zygote->ops->ready(zygote->ctx);
}

/* It has no state worth an orderly end. */
static void retire(struct zygote *zygote) {
    if (zygote->channel < 0)
        return; /* it is being ended already */
    if (zygote->owed > 0) {
        arm(zygote, RETIRE_LATER_MS);
        return;
    }
    zygote->retired = true;
    close_channel(zygote);
    (void)process_kill(zygote->pidfd);
}

static void on_timer(evutil_socket_t fd, short what, void *arg) {
    (void)fd, (void)what;
    struct zygote *zygote = arg;
    if (zygote->start_ms != 0)
        start(zygote);
    else if (zygote->ready_ms == 0)
        kill_zygote(zygote, "no hello in time");
    else
        retire(zygote);
}

static int watch_channel(struct zygote *zygote) {
    zygote->peer = (struct msg_peer){ROLE_ZYGOTE, ROLE_SUPERVISOR, PHASE_START, {0}};
    zygote->readable =
        event_new(zygote->base, zygote->channel, EV_READ | EV_PERSIST, on_readable, zygote);
    zygote->writable = event_new(zygote->base, zygote->channel, EV_WRITE, on_writable, zygote);
    zygote->exited =
        event_new(zygote->base, zygote->pidfd, EV_READ | EV_PERSIST, on_exit_event, zygote);
    if (zygote->readable == NULL || zygote->writable == NULL || zygote->exited == NULL)
        return -ENOMEM;
    (void)event_add(zygote->readable, NULL);
    (void)event_add(zygote->exited, NULL);
    return 0;
}

static int start_process(struct zygote *zygote) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    zygote->channel = pair[0];
    int r = fd_nonblock(zygote->channel);
    if (r == 0)
        r = process_spawn_agent_program(zygote->setup.program, zygote->setup.config,
                                        zygote->setup.log_fd, pair[1], zygote->setup.agents_dir_fd,
                                        &zygote->pid, &zygote->pidfd);
    (void)close(pair[1]);
    return r;
}

/* Without its place no agent could be born into a group: then they do without. */
static void adopt(struct zygote *zygote) {
    int r = zygote->setup.cgroups == NULL
                ? 0
                : cgroups_adopt_zygote(zygote->setup.cgroups, zygote->pid);
    if (r == 0 || r == -ESRCH)
        return;
    log_error("the zygote cannot have a control group (%s): agents have none either", strerror(-r));
    zygote->setup.cgroups = NULL;
}

static uint64_t hello_ms(const struct zygote *zygote) {
    unsigned doublings = zygote->in_a_row < HELLO_DOUBLINGS ? zygote->in_a_row : HELLO_DOUBLINGS;
    return (uint64_t)HELLO_TIMEOUT_MS << doublings;
}

static void start(struct zygote *zygote) {
    zygote->start_ms = 0;
    int r = start_process(zygote);
    if (r == 0)
        r = watch_channel(zygote);
    if (r == 0) {
        adopt(zygote);
        arm(zygote, hello_ms(zygote));
        return;
    }
    zygote->deaths++;
    log_error("cannot start %s: %s (it must be executable by this user's group, and set-user-ID)",
              zygote->setup.program, strerror(-r));
    if (zygote->pidfd >= 0) {
        (void)process_kill(zygote->pidfd);
        (void)process_reap_now(zygote->pidfd);
        (void)close(take_fd(&zygote->pidfd));
    }
    drop_event(&zygote->exited);
    close_channel(zygote);
    zygote->pid = 0;
    retry_later(zygote);
    zygote->in_a_row++;
}

int zygote_new(struct event_base *base, const struct zygote_setup *setup, struct zygote **ret) {
    struct zygote *zygote = calloc(1, sizeof(*zygote));
    if (zygote == NULL)
        return -ENOMEM;
    zygote->base = base;
    zygote->setup = *setup;
    zygote->channel = zygote->pidfd = -1;
    zygote->timer = evtimer_new(base, on_timer, zygote);
    if (zygote->timer == NULL) {
        zygote_free(zygote);
        return -ENOMEM;
    }
    start(zygote);
    *ret = zygote;
    return 0;
}

void zygote_watch(struct zygote *zygote, const struct zygote_ops *ops, void *ctx) {
    zygote->ops = ops;
    zygote->ctx = ctx;
}

void zygote_free(struct zygote *zygote) {
    if (zygote == NULL)
        return;
    close_channel(zygote);
    drop_event(&zygote->exited);
    drop_event(&zygote->timer);
    if (zygote->pidfd >= 0) {
        (void)process_kill(zygote->pidfd);
        (void)process_reap_now(zygote->pidfd);
        (void)close(take_fd(&zygote->pidfd));
    }
    msg_free(zygote->hello);
    free(zygote);
}

static bool answers(const struct zygote *zygote) {
    return zygote->ready_ms != 0 && zygote->channel >= 0;
}

bool zygote_ready(const struct zygote *zygote) {
    return answers(zygote) && !zygote->outdated;
}

/* One that is just starting may have read the file already: it is replaced when it is ready. */
void zygote_renew(struct zygote *zygote) {
    if (zygote->pid == 0 || zygote->channel < 0)
        return; /* the next one reads it */
    zygote->outdated = true;
    if (zygote->ready_ms != 0)
        retire(zygote);
}

int zygote_spawn(struct zygote *zygote, Cloister__Spawn *spawn, int log_fd) {
    if (!zygote_ready(zygote))
        return -EAGAIN;
    SCOPE_FD int cgroup = -1;
    int r = 0;
    if (zygote->setup.cgroups != NULL)
        r = cgroups_make(zygote->setup.cgroups, spawn->spawn, &cgroup);
    if (r < 0)
        return r;
    spawn->in_cgroup = cgroup >= 0;
    const int fds[] = {log_fd, cgroup};
    Cloister__Message message = MSG_OF(SPAWN, spawn, spawn);
    r = seq_send_fds(zygote->channel, &message, fds, spawn->in_cgroup ? 2 : 1);
    if (r == 0)
        zygote->owed++;
    if (r == -EAGAIN)
        (void)event_add(zygote->writable, NULL);
    if (r == -EPIPE) /* it just died; `lost` and then `ready` follow */
        r = -EAGAIN;
    return r;
}

void zygote_forget(struct zygote *zygote, uint64_t spawn) {
    if (zygote->setup.cgroups != NULL)
        cgroups_remove(zygote->setup.cgroups, spawn);
}

const struct cgroups *zygote_cgroups(const struct zygote *zygote) {
    return zygote->setup.cgroups;
}

void zygote_suspect(struct zygote *zygote) {
    if (answers(zygote) && clock_ms() - zygote->heard_ms >= SILENCE_MS)
        kill_zygote(zygote, "does not answer");
}

void zygote_status(const struct zygote *zygote, struct zygote_status *ret) {
    uint64_t now = clock_ms();
    *ret = (struct zygote_status){.pid = zygote->pid, .deaths = zygote->deaths};
    if (zygote->start_ms > now)
        ret->next_start_ms = zygote->start_ms - now;
    if (zygote->hello != NULL)
        ret->hello = zygote->hello->zygote_hello;
    ret->cgroup = cgroup_layer(zygote, "exhaustion");
}
