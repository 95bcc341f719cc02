#include "gateway/upstream.h"

#include <errno.h>
#include <string.h>

#include "gateway/upstream_state.h"
#include "ipc/log.h"

static struct ask *ask_find(struct upstream *upstream, uint64_t number) {
    struct ask *ask;
    LIST_FOREACH(ask, &upstream->table[number % TABLE], next)
    if (ask->number == number)
        return ask;
    return NULL;
}

/* It was answered, or never will be again: nothing is kept of what was asked. */
static void ask_settle(struct ask *ask) {
    if (ask->data != NULL)
        explicit_bzero(ask->data, ask->len);
    free(take_ptr(ask->data));
}

static void ask_free(struct ask *ask) {
    hold_remove(ask);
    ask_settle(ask);
    LIST_REMOVE(ask, next);
    ask->upstream->asks--;
    event_free(ask->timer);
    free(ask);
}

/* Ends an ask without a message. The ask is gone before the callback runs, which may ask anew. */
void ask_end(struct ask *ask, enum upstream_end end) {
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
    case CLOISTER__MESSAGE__BODY_METRICS:
        return message->metrics->request;
    case CLOISTER__MESSAGE__BODY_SESSION_STATE:
        return message->session_state->request;
    case CLOISTER__MESSAGE__BODY_BUSINESS_RESULT:
        return message->business_result->request;
    case CLOISTER__MESSAGE__BODY_BUSINESS_PROGRESS:
        return message->business_progress->request;
    case CLOISTER__MESSAGE__BODY_GRANT_RENEWED:
        return message->grant_renewed->request;
    default: /* not an enum switch: everything else answers nothing */
        return 0;
    }
}

/* Refused because cloisterd is about to end, with nothing done: the next one gets it. */
static bool refused_for_now(const struct ask *ask, const Cloister__Message *message) {
    if (message->body_case != CLOISTER__MESSAGE__BODY_FAILURE || ask->data == NULL)
        return false;
    const char *code = message->failure->code;
    return strcmp(code, "held") == 0 ||
           (strcmp(code, "draining") == 0 && ask->chat && ask->upstream->told);
}

static void dispatch_hold(struct upstream *upstream, const Cloister__UpgradeHold *hold) {
    log_info("cloisterd is about to end: requests are held for at most %u ms", hold->ms);
    upstream->told = true;
    hold_begin(upstream, hold->ms);
}

static void upstream_dispatch(struct upstream *upstream, const Cloister__Message *message) {
    uint64_t number = request_of(message);
    if (number == 0) {
        if (message->body_case == CLOISTER__MESSAGE__BODY_UPGRADE_HOLD)
            dispatch_hold(upstream, message->upgrade_hold);
        if (message->body_case == CLOISTER__MESSAGE__BODY_FAILURE)
            log_warn("cloisterd refuses this gateway: %s", message->failure->code);
        if (message->body_case == CLOISTER__MESSAGE__BODY_BUSINESS_CHANGED && upstream->business)
            upstream->changed(upstream->changed_ctx, message->business_changed->slug);
        return;
    }
    struct ask *ask = ask_find(upstream, number);
    if (ask == NULL) /* forgotten: its client has gone */
        return;
    if (refused_for_now(ask, message)) {
        if (hold_has_room(upstream, ask->len))
            hold_add(ask);
        else
            ask_end(ask, UPSTREAM_LOST);
        return;
    }
    ask_settle(ask);
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
        log_error("bad message from %s (%s); the link is made anew", upstream->peer_name,
                  strerror(-r));
        sp_end_drop(upstream->end);
        return;
    }
    upstream_dispatch(upstream, message);
}

int upstream_send(struct upstream *upstream, const uint8_t *data, size_t len) {
    return upstream->connected ? sp_end_send(upstream->end, data, len) : -ENOTCONN;
}

static int send_message(struct upstream *upstream, Cloister__Message *message) {
    ssize_t len = msg_encode(message, upstream->out, sizeof(upstream->out));
    if (len < 0)
        return (int)len;
    int r = upstream_send(upstream, upstream->out, (size_t)len);
    explicit_bzero(upstream->out, (size_t)len);
    return r;
}

static int say_hello(struct upstream *upstream) {
    Cloister__GatewayHello to_cloisterd = CLOISTER__GATEWAY_HELLO__INIT;
    Cloister__BusinessHello to_business = CLOISTER__BUSINESS_HELLO__INIT;
    to_cloisterd.protocol = to_business.protocol = PROTOCOL_VERSION;
    to_cloisterd.instance = to_business.instance = (char *)(uintptr_t)upstream->instance;
    Cloister__Message message = MSG_OF(GATEWAY_HELLO, gateway_hello, &to_cloisterd);
    if (upstream->business)
        message = (Cloister__Message)MSG_OF(BUSINESS_HELLO, business_hello, &to_business);
    return send_message(upstream, &message);
}

static bool on_up(void *ctx, pid_t pid, uid_t uid) {
    (void)pid;
    (void)uid; /* the directory belongs to the peer: only it can put the socket there */
    struct upstream *upstream = ctx;
    upstream->connected = true;
    upstream->open = upstream->told = false;
    upstream->peer = (struct msg_peer){
        upstream->business ? ROLE_BUSINESS : ROLE_SUPERVISOR, ROLE_GATEWAY, PHASE_READY, {0}};
    if (say_hello(upstream) < 0) {
        upstream->connected = false;
        return false;
    }
    log_info("connected to %s", upstream->peer_name);
    if (upstream->business)
        upstream->changed(upstream->changed_ctx, ""); /* what it said meanwhile was missed */
    hold_probe(upstream);
    return true;
}

/* What may be sent again waits for the next link; the rest ends. */
static void lose_all(struct upstream *upstream) {
    for (size_t i = 0; i < TABLE; i++)
        for (struct ask *ask = LIST_FIRST(&upstream->table[i]), *next; ask != NULL; ask = next) {
            next = LIST_NEXT(ask, next);
            if (ask->held)
                continue;
            if (ask->data != NULL && ask->again && hold_has_room(upstream, ask->len))
                hold_add(ask);
            else
                ask_end(ask, UPSTREAM_LOST); /* its callback ends no other */
        }
}

static void on_down(void *ctx) {
    struct upstream *upstream = ctx;
    if (upstream->connected)
        log_warn("%s is gone; requests are held for a while, and get 503 after that",
                 upstream->peer_name);
    if (upstream->open) /* one that never was ready does not make the wait longer */
        hold_begin(upstream, upstream->limits.hold_ms);
    upstream->connected = upstream->open = false;
    lose_all(upstream);
}

void upstream_abandon(struct upstream *upstream) {
    for (size_t i = 0; i < TABLE; i++)
        for (struct ask *ask; (ask = LIST_FIRST(&upstream->table[i])) != NULL;)
            ask_end(ask, UPSTREAM_LOST);
}

/* Takes `fresh` over, filled in but for what is made here. */
static int upstream_begin(struct upstream *fresh, const char *path, struct upstream **ret) {
    static const struct sp_end_ops ops = {on_up, on_message, on_down};
    int r = hold_new(fresh);
    if (r == 0)
        r = sp_end_dial(fresh->base, path, &ops, fresh, &fresh->end);
    if (r < 0) {
        hold_free(fresh);
        free(fresh);
        return r;
    }
    *ret = fresh;
    return 0;
}

int upstream_new(struct event_base *base, const char *path, const char *instance,
                 const struct upstream_limits *limits, struct upstream **ret) {
    struct upstream *fresh = calloc(1, sizeof(*fresh));
    if (fresh == NULL)
        return -ENOMEM;
    fresh->base = base;
    fresh->instance = instance;
    fresh->peer_name = "cloisterd";
    fresh->limits = *limits;
    return upstream_begin(fresh, path, ret);
}

int upstream_new_business(struct event_base *base, const char *path,
                          const struct upstream_limits *limits, upstream_changed *changed,
                          void *ctx, struct upstream **ret) {
    struct upstream *fresh = calloc(1, sizeof(*fresh));
    if (fresh == NULL)
        return -ENOMEM;
    fresh->base = base;
    fresh->instance = "public";
    fresh->peer_name = "cloister-business";
    fresh->business = true;
    fresh->changed = changed;
    fresh->changed_ctx = ctx;
    fresh->limits = *limits;
    return upstream_begin(fresh, path, ret);
}

void upstream_free(struct upstream *upstream) {
    if (upstream == NULL)
        return;
    for (size_t i = 0; i < TABLE; i++)
        for (struct ask *ask; (ask = LIST_FIRST(&upstream->table[i])) != NULL;)
            ask_free(ask);
    sp_end_close(upstream->end);
    hold_free(upstream);
    free(upstream);
}

bool upstream_connected(const struct upstream *upstream) {
    return upstream->connected;
}

uint64_t upstream_number(struct upstream *upstream) {
    return ++upstream->last;
}

/* Asked about cloisterd itself: an old answer would be no answer. */
static bool is_about_now(const Cloister__Message *message) {
    return message->body_case == CLOISTER__MESSAGE__BODY_HEALTH_ASK ||
           message->body_case == CLOISTER__MESSAGE__BODY_METRICS_ASK;
}

/* A chat under a key that was begun finds out what was done; reading may be done twice. */
static bool may_repeat(const Cloister__Message *message) {
    return message->body_case == CLOISTER__MESSAGE__BODY_CONNECTION_GET ||
           message->body_case == CLOISTER__MESSAGE__BODY_MEMORY_LIST ||
           message->body_case == CLOISTER__MESSAGE__BODY_SESSION_SHOW ||
           (message->body_case == CLOISTER__MESSAGE__BODY_BUSINESS_CALL &&
            message->business_call->idempotency_key[0] != '\0') ||
           (message->body_case == CLOISTER__MESSAGE__BODY_CHAT_REQUEST &&
            message->chat_request->idempotency_key[0] != '\0');
}

static struct ask *ask_new(struct upstream *upstream, const Cloister__Message *message,
                           size_t len) {
    struct ask *ask = calloc(1, sizeof(*ask));
    if (ask == NULL)
        return NULL;
    ask->upstream = upstream;
    ask->timer = evtimer_new(upstream->base, on_timeout, ask);
    ask->len = len;
    ask->chat = message->body_case == CLOISTER__MESSAGE__BODY_CHAT_REQUEST;
    ask->again = may_repeat(message);
    if (!is_about_now(message)) {
        ask->data = malloc(len);
        if (ask->data != NULL)
            memcpy(ask->data, upstream->out, len);
    }
    if (ask->timer != NULL && (ask->data != NULL || is_about_now(message)))
        return ask;
    if (ask->timer != NULL)
        event_free(ask->timer);
    ask_settle(ask);
    free(ask);
    return NULL;
}

/* What is in `out` goes now, or is held. */
static int ask_go(struct upstream *upstream, struct ask *ask) {
    if (upstream->connected && (upstream->open || ask->data == NULL || upstream->hold_until == 0))
        return upstream_send(upstream, upstream->out, ask->len);
    if (ask->data == NULL || !hold_has_room(upstream, ask->len))
        return -ENOTCONN;
    hold_add(ask);
    return 0;
}

int upstream_ask(struct upstream *upstream, uint64_t number, Cloister__Message *message,
                 uint64_t timeout_ms, upstream_answer *answer, void *ctx) {
    if (upstream->asks >= ASKS_MAX)
        return -ENOBUFS;
    ssize_t len = msg_encode(message, upstream->out, sizeof(upstream->out));
    if (len < 0)
        return (int)len;
    struct ask *ask = ask_new(upstream, message, (size_t)len);
    int r = ask == NULL ? -ENOMEM : ask_go(upstream, ask);
    explicit_bzero(upstream->out, (size_t)len);
    if (ask == NULL)
        return r;
    ask->number = number;
    ask->answer = answer;
    ask->ctx = ctx;
    LIST_INSERT_HEAD(&upstream->table[number % TABLE], ask, next);
    upstream->asks++;
    if (r < 0) {
        ask_free(ask);
        return r;
    }
    struct timeval wait = {(time_t)(timeout_ms / 1000), (suseconds_t)(timeout_ms % 1000 * 1000)};
    (void)event_add(ask->timer, &wait);
    return 0;
}

void upstream_tell(struct upstream *upstream, Cloister__Message *message) {
    int r = send_message(upstream, message);
    if (r < 0 && r != -ENOTCONN)
        log_warn("a message to %s was lost: %s", upstream->peer_name, strerror(-r));
}

void upstream_forget(struct upstream *upstream, uint64_t number) {
    struct ask *ask = ask_find(upstream, number);
    if (ask != NULL)
        ask_free(ask);
}

size_t upstream_open(const struct upstream *upstream) {
    return upstream->asks;
}
