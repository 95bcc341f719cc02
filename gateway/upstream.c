#include "gateway/upstream.h"

#include <errno.h>
#include <string.h>
#include <sys/queue.h>

#include "ipc/log.h"
#include "ipc/nng_end.h"

#define ASKS_MAX 8192
#define TABLE    1024 /* lists, by number */

struct ask {
    LIST_ENTRY(ask) next;
    uint64_t number;
    upstream_answer *answer;
    void *ctx;
    struct event *timer;
    struct upstream *upstream;
};
LIST_HEAD(ask_list, ask);

struct upstream {
    struct event_base *base;
    struct nng_end *end;
    const char *instance;
    struct msg_peer peer;
    bool connected;
    uint64_t last;
    size_t open;
    struct ask_list table[TABLE];
    uint8_t out[MESSAGE_MAX];
};

static struct ask *ask_find(struct upstream *upstream, uint64_t number) {
    struct ask *ask;
    LIST_FOREACH(ask, &upstream->table[number % TABLE], next)
    if (ask->number == number)
        return ask;
    return NULL;
}

static void ask_free(struct ask *ask) {
    LIST_REMOVE(ask, next);
    ask->upstream->open--;
    event_free(ask->timer);
    free(ask);
}

/* Ends an ask without a message. The ask is gone before the callback runs, which may ask anew. */
static void ask_end(struct ask *ask, enum upstream_end end) {
    upstream_answer *answer = ask->answer;
    void *ctx = ask->ctx;
    ask_free(ask);
    (void)answer(ctx, end, NULL);
}

static void on_timeout(evutil_socket_t fd, short what, void *ctx) {
    (void)fd;
    (void)what;
    ask_end(ctx, UPSTREAM_TIMEOUT);
}

/* The request that a message of the supervisor answers; 0 for none. */
static uint64_t request_of(const Cloister__Message *message) {
    switch ((int)message->body_case) {
    case CLOISTER__MESSAGE__BODY_CHAT_ACCEPTED:
        return message->chat_accepted->request;
    case CLOISTER__MESSAGE__BODY_CHAT_DELTA:
        return message->chat_delta->request;
    case CLOISTER__MESSAGE__BODY_CHAT_TOOL:
        return message->chat_tool->request;
    case CLOISTER__MESSAGE__BODY_CHAT_PROPOSAL:
        return message->chat_proposal->request;
    case CLOISTER__MESSAGE__BODY_CHAT_DONE:
        return message->chat_done->request;
    case CLOISTER__MESSAGE__BODY_FAILURE:
        return message->failure->request;
    case CLOISTER__MESSAGE__BODY_OK:
        return message->ok->request;
    case CLOISTER__MESSAGE__BODY_CONNECT_LINK:
        return message->connect_link->request;
    case CLOISTER__MESSAGE__BODY_CONNECT_REDIRECT:
        return message->connect_redirect->request;
    case CLOISTER__MESSAGE__BODY_REDEEMED:
        return message->redeemed->request;
    case CLOISTER__MESSAGE__BODY_CONNECTION_STATE:
        return message->connection_state->request;
    case CLOISTER__MESSAGE__BODY_CONNECTION_DELETED:
        return message->connection_deleted->request;
    case CLOISTER__MESSAGE__BODY_MEMORIES:
        return message->memories->request;
    case CLOISTER__MESSAGE__BODY_HEALTH:
        return message->health->request;
    case CLOISTER__MESSAGE__BODY_SESSION_STATE:
        return message->session_state->request;
    case CLOISTER__MESSAGE__BODY_GRANT_RENEWED:
        return message->grant_renewed->request;
    default: /* not an enum switch: everything else answers nothing */
        return 0;
    }
}

static void upstream_dispatch(struct upstream *upstream, const Cloister__Message *message) {
    uint64_t number = request_of(message);
    if (number == 0) {
        if (message->body_case == CLOISTER__MESSAGE__BODY_FAILURE)
            log_warn("cloisterd refuses this gateway: %s", message->failure->code);
        return;
    }
    struct ask *ask = ask_find(upstream, number);
    if (ask == NULL) /* forgotten: its client has gone */
        return;
    bool more = ask->answer(ask->ctx, UPSTREAM_REPLY, message);
    ask = ask_find(upstream, number); /* the callback may have forgotten it */
    if (ask != NULL && !more)
        ask_free(ask);
}

static void on_message(void *ctx, const uint8_t *data, size_t len) {
    struct upstream *upstream = ctx;
    SCOPE_MSG Cloister__Message *message = NULL;
    int r = msg_decode(&upstream->peer, data, len, 0, &message);
    if (r < 0) {
        log_error("bad message from cloisterd (%s); the link is made anew", strerror(-r));
        nng_end_drop(upstream->end);
        return;
    }
    upstream_dispatch(upstream, message);
}

static int send_message(struct upstream *upstream, Cloister__Message *message) {
    if (!upstream->connected)
        return -ENOTCONN;
    ssize_t len = msg_encode(message, upstream->out, sizeof(upstream->out));
    if (len < 0)
        return (int)len;
    int r = nng_end_send(upstream->end, upstream->out, (size_t)len);
    explicit_bzero(upstream->out, (size_t)len);
    return r;
}

static bool on_up(void *ctx, pid_t pid, uid_t uid) {
    (void)pid;
    (void)uid; /* the directory belongs to cloisterd: only it can put the socket there */
    struct upstream *upstream = ctx;
    upstream->connected = true;
    upstream->peer = (struct msg_peer){ROLE_SUPERVISOR, ROLE_GATEWAY, PHASE_READY, {0}};
    Cloister__GatewayHello hello = CLOISTER__GATEWAY_HELLO__INIT;
    hello.protocol = PROTOCOL_VERSION;
    hello.instance = (char *)(uintptr_t)upstream->instance;
    Cloister__Message message = MSG_OF(GATEWAY_HELLO, gateway_hello, &hello);
    int r = send_message(upstream, &message);
    if (r < 0) {
        upstream->connected = false;
        return false;
    }
    log_info("connected to cloisterd");
    return true;
}

static void on_down(void *ctx) {
    struct upstream *upstream = ctx;
    if (upstream->connected)
        log_warn("cloisterd is gone; requests get 503 until it is back");
    upstream->connected = false;
    upstream_abandon(upstream);
}

void upstream_abandon(struct upstream *upstream) {
    for (size_t i = 0; i < TABLE; i++)
        for (struct ask *ask; (ask = LIST_FIRST(&upstream->table[i])) != NULL;)
            ask_end(ask, UPSTREAM_LOST);
}

int upstream_new(struct event_base *base, const char *path, const char *instance,
                 struct upstream **ret) {
    static const struct nng_end_ops ops = {on_up, on_message, on_down};
    struct upstream *upstream = calloc(1, sizeof(*upstream));
    if (upstream == NULL)
        return -ENOMEM;
    upstream->base = base;
    upstream->instance = instance;
    int r = nng_end_dial(base, path, &ops, upstream, &upstream->end);
    if (r < 0) {
        free(upstream);
        return r;
    }
    *ret = upstream;
    return 0;
}

void upstream_free(struct upstream *upstream) {
    if (upstream == NULL)
        return;
    for (size_t i = 0; i < TABLE; i++)
        for (struct ask *ask; (ask = LIST_FIRST(&upstream->table[i])) != NULL;)
            ask_free(ask);
    nng_end_close(upstream->end);
    free(upstream);
}

bool upstream_connected(const struct upstream *upstream) {
    return upstream->connected;
}

uint64_t upstream_number(struct upstream *upstream) {
    return ++upstream->last;
}

int upstream_ask(struct upstream *upstream, uint64_t number, Cloister__Message *message,
                 uint64_t timeout_ms, upstream_answer *answer, void *ctx) {
    if (upstream->open >= ASKS_MAX)
        return -ENOBUFS;
    struct ask *ask = calloc(1, sizeof(*ask));
    struct event *timer = ask == NULL ? NULL : evtimer_new(upstream->base, on_timeout, ask);
    int r = timer == NULL ? -ENOMEM : send_message(upstream, message);
    if (r < 0) {
        if (timer != NULL)
            event_free(timer);
        free(ask);
        return r;
    }
    *ask = (struct ask){
        .number = number, .answer = answer, .ctx = ctx, .timer = timer, .upstream = upstream};
    struct timeval wait = {(time_t)(timeout_ms / 1000), (suseconds_t)(timeout_ms % 1000 * 1000)};
    (void)event_add(timer, &wait);
    LIST_INSERT_HEAD(&upstream->table[number % TABLE], ask, next);
    upstream->open++;
    return 0;
}

void upstream_tell(struct upstream *upstream, Cloister__Message *message) {
    int r = send_message(upstream, message);
    if (r < 0 && r != -ENOTCONN)
        log_warn("a message to cloisterd was lost: %s", strerror(-r));
}

void upstream_forget(struct upstream *upstream, uint64_t number) {
    struct ask *ask = ask_find(upstream, number);
    if (ask != NULL)
        ask_free(ask);
}

size_t upstream_open(const struct upstream *upstream) {
    return upstream->open;
}
