#include "supervisor/keys_client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "ipc/log.h"

#define ANSWER_MS   5000
#define WAITING_MAX 256

struct waiting {
    struct waiting *next;
    uint64_t call, until, asked_us;
    int error; /* not 0: ends so at the next turn of the loop */
    keys_done *done;
    void *ctx;
};

struct keys_client {
    struct event_base *base;
    char path[108];
    int fd;
    struct event *io;
    struct event *timer;   /* the next attempt to connect */
    struct event *overdue; /* the oldest request */
    struct event *deliver; /* requests that ended before they were sent */
    unsigned attempts;
    bool away_told;
    uint64_t last_call;
    struct msg_peer peer;
    struct waiting *head, **tail; /* in the order of `until` */
    unsigned n;
    struct metrics *metrics; /* NULL: nothing is counted */
};

static void arm(struct event *event, uint64_t ms) {
    struct timeval after = {.tv_sec = (time_t)(ms / 1000),
                            .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
    (void)evtimer_add(event, &after);
}

/* ---- requests under way ---- */

static struct waiting *unlink_at(struct keys_client *keys, struct waiting **at) {
    struct waiting *waiting = *at;
    *at = waiting->next;
    if (keys->tail == &waiting->next)
        keys->tail = at;
    keys->n--;
    return waiting;
}

static void end_at(struct keys_client *keys, struct waiting **at, int error,
                   const Cloister__KeyResult *result) {
    struct waiting *waiting = unlink_at(keys, at);
    if (keys->metrics != NULL && result != NULL)
        metrics_observe(keys->metrics, METRIC_KEYS_CLIENT_SECONDS, 0,
                        clock_us() - waiting->asked_us);
    else if (keys->metrics != NULL)
        metrics_add(keys->metrics, METRIC_KEYS_UNANSWERED, 0, 0, 1);
    waiting->done(waiting->ctx, error, result);
    free(waiting);
}

static void end_all(struct keys_client *keys) {
    for (unsigned left = keys->n; left > 0 && keys->head != NULL; left--)
        end_at(keys, &keys->head, -EAGAIN, NULL);
}

static void on_deliver(evutil_socket_t fd, short what, void *ctx) {
    struct keys_client *keys = ctx;
    (void)fd;
    (void)what;
    struct waiting **at = &keys->head;
    while (*at != NULL) {
        if ((*at)->error == 0) {
            at = &(*at)->next;
            continue;
        }
        end_at(keys, at, (*at)->error, NULL);
        at = &keys->head; /* the callback may have changed the list */
    }
}

static void on_overdue(evutil_socket_t fd, short what, void *ctx) {
    struct keys_client *keys = ctx;
    (void)fd;
    (void)what;
    uint64_t now = clock_ms();
    while (keys->head != NULL && keys->head->until <= now)
        end_at(keys, &keys->head, -EAGAIN, NULL);
    if (keys->head != NULL)
        arm(keys->overdue, keys->head->until - now);
}

/* ---- the channel ---- */

static void lose(struct keys_client *keys) {
    if (!keys->away_told)
        log_warn("cloister-keys is away");
    keys->away_told = true;
    if (keys->io != NULL)
        event_free(take_ptr(keys->io));
    if (keys->fd >= 0)
        (void)close(take_fd(&keys->fd));
    arm(keys->timer, backoff_ms(keys->attempts++, 50, 1000));
    end_all(keys);
}

static void answer(struct keys_client *keys, const Cloister__KeyResult *result) {
    for (struct waiting **at = &keys->head; *at != NULL; at = &(*at)->next) {
        if ((*at)->call != result->call)
            continue;
        end_at(keys, at, result->error == 0 ? 0 : -abs(result->error), result);
        return;
    }
    /* Not found: it was overdue and has ended already. */
}

static void on_readable(evutil_socket_t fd, short what, void *ctx) {
    struct keys_client *keys = ctx;
    (void)fd;
    (void)what;
    /* A few at a time, so that the rest of the loop gets its turn. */
    for (unsigned i = 0; i < 16 && keys->fd >= 0; i++) {
        SCOPE_MSG Cloister__Message *message = NULL;
        int r = seq_recv(keys->fd, &keys->peer, &message, NULL);
        if (r == -EAGAIN)
            return;
        if (r < 0 || message->body_case != CLOISTER__MESSAGE__BODY_KEY_RESULT) {
            if (r != -ECONNRESET)
                log_warn("bad message from cloister-keys (%d)", -r);
            lose(keys);
            return;
        }
        answer(keys, message->key_result);
    }
}

/* seq_connect would wait while the listener's queue is full. */
static int dial(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    SCOPE_FD int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    return take_fd(&fd);
}

static void on_dial(evutil_socket_t fd, short what, void *ctx) {
    struct keys_client *keys = ctx;
    (void)fd;
    (void)what;
    keys->fd = dial(keys->path);
    if (keys->fd < 0) {
        keys->fd = -1;
        lose(keys);
        return;
    }
    keys->peer = (struct msg_peer){.from = ROLE_KEYS, .to = ROLE_SUPERVISOR, .phase = PHASE_READY};
    keys->io = event_new(keys->base, keys->fd, EV_READ | EV_PERSIST, on_readable, keys);
    if (keys->io == NULL || event_add(keys->io, NULL) < 0) {
        lose(keys);
        return;
    }
    if (keys->away_told)
        log_info("cloister-keys is back");
    keys->away_told = false;
    keys->attempts = 0;
}

bool keys_client_ready(const struct keys_client *keys) {
    return keys->fd >= 0;
}

void keys_client_count(struct keys_client *keys, struct metrics *metrics) {
    keys->metrics = metrics;
}

/* ---- requests ---- */

/* Registers the request and sends it. What cannot be sent ends at the next turn of the loop. */
static void ask(struct keys_client *keys, Cloister__Message *message, uint64_t call,
                keys_done *done, void *ctx) {
    struct waiting *waiting = calloc(1, sizeof(*waiting));
    if (waiting == NULL)
        fatal("out of memory");
    *waiting =
        (struct waiting){.call = call, .until = clock_ms() + ANSWER_MS, .done = done, .ctx = ctx};
    waiting->asked_us = clock_us();
    if (keys->fd < 0 || keys->n >= WAITING_MAX || seq_send(keys->fd, message, -1) < 0) {
        waiting->error = -EAGAIN;
        event_active(keys->deliver, EV_TIMEOUT, 1);
    }
    *keys->tail = waiting;
    keys->tail = &waiting->next;
    if (keys->n++ == 0)
        arm(keys->overdue, ANSWER_MS);
}

void keys_create(struct keys_client *keys, Cloister__KeyKind kind, const char *id, const char *user,
                 keys_done *done, void *ctx) {
    Cloister__KeyCreate body = CLOISTER__KEY_CREATE__INIT;
    body.call = ++keys->last_call;
    body.kind = kind;
    body.id = (char *)(uintptr_t)id;
    body.user = (char *)(uintptr_t)user;
    Cloister__Message message = MSG_OF(KEY_CREATE, key_create, &body);
    ask(keys, &message, body.call, done, ctx);
}

void keys_destroy(struct keys_client *keys, Cloister__KeyKind kind, const char *id, keys_done *done,
                  void *ctx) {
    Cloister__KeyDestroy body = CLOISTER__KEY_DESTROY__INIT;
    body.call = ++keys->last_call;
    body.kind = kind;
    body.id = (char *)(uintptr_t)id;
    Cloister__Message message = MSG_OF(KEY_DESTROY, key_destroy, &body);
    ask(keys, &message, body.call, done, ctx);
}

void keys_bind_user(struct keys_client *keys, const char *connection, const char *user,
                    keys_done *done, void *ctx) {
    Cloister__KeyBindUser body = CLOISTER__KEY_BIND_USER__INIT;
    body.call = ++keys->last_call;
    body.connection = (char *)(uintptr_t)connection;
    body.user = (char *)(uintptr_t)user;
    Cloister__Message message = MSG_OF(KEY_BIND_USER, key_bind_user, &body);
    ask(keys, &message, body.call, done, ctx);
}

void keys_challenge(struct keys_client *keys, const char *state_token, keys_done *done, void *ctx) {
    Cloister__KeyChallenge body = CLOISTER__KEY_CHALLENGE__INIT;
    body.call = ++keys->last_call;
    body.state_token = (char *)(uintptr_t)state_token;
    Cloister__Message message = MSG_OF(KEY_CHALLENGE, key_challenge, &body);
    ask(keys, &message, body.call, done, ctx);
}

void keys_grant_mint(struct keys_client *keys, const char *user, const char *frontend,
                     keys_done *done, void *ctx) {
    Cloister__GrantMint body = CLOISTER__GRANT_MINT__INIT;
    body.call = ++keys->last_call;
    body.user = (char *)(uintptr_t)user;
    body.frontend = (char *)(uintptr_t)frontend;
    Cloister__Message message = MSG_OF(GRANT_MINT, grant_mint, &body);
    ask(keys, &message, body.call, done, ctx);
}

void keys_grant_check(struct keys_client *keys, const char *user, const char *frontend,
                      const char *grant, keys_done *done, void *ctx) {
    Cloister__GrantCheck body = CLOISTER__GRANT_CHECK__INIT;
    body.call = ++keys->last_call;
    body.user = (char *)(uintptr_t)user;
    body.frontend = (char *)(uintptr_t)frontend;
    body.grant = (char *)(uintptr_t)grant;
    Cloister__Message message = MSG_OF(GRANT_CHECK, grant_check, &body);
    ask(keys, &message, body.call, done, ctx);
}

void keys_grant_revoke(struct keys_client *keys, const char *user, keys_done *done, void *ctx) {
    Cloister__GrantRevoke body = CLOISTER__GRANT_REVOKE__INIT;
    body.call = ++keys->last_call;
    body.user = (char *)(uintptr_t)user;
    Cloister__Message message = MSG_OF(GRANT_REVOKE, grant_revoke, &body);
    ask(keys, &message, body.call, done, ctx);
}

void keys_client_free(struct keys_client *keys) {
    if (keys == NULL)
        return;
    if (keys->io != NULL)
        event_free(take_ptr(keys->io));
    if (keys->fd >= 0)
        (void)close(take_fd(&keys->fd));
    while (keys->head != NULL)
        end_at(keys, &keys->head, -EAGAIN, NULL);
    struct event *events[] = {keys->timer, keys->overdue, keys->deliver};
    for (size_t i = 0; i < COUNT_OF(events); i++)
        if (events[i] != NULL)
            event_free(events[i]);
    free(keys);
}

int keys_client_new(struct event_base *base, const struct config *config,
                    struct keys_client **ret) {
    struct keys_client *keys = calloc(1, sizeof(*keys));
    if (keys == NULL)
        return -ENOMEM;
    keys->base = base;
    keys->fd = -1;
    keys->tail = &keys->head;
    keys->timer = evtimer_new(base, on_dial, keys);
    keys->overdue = evtimer_new(base, on_overdue, keys);
    keys->deliver = event_new(base, -1, 0, on_deliver, keys);
    int r = config_runtime_path(config, "keys/keys.sock", keys->path, sizeof(keys->path));
    if (keys->timer == NULL || keys->overdue == NULL || keys->deliver == NULL)
        r = -ENOMEM;
    if (r < 0) {
        keys_client_free(keys);
        return r;
    }
    arm(keys->timer, 0);
    *ret = keys;
    return 0;
}
