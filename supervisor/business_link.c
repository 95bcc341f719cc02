#include "supervisor/business_link.h"

#include <errno.h>
#include <string.h>
#include <sys/queue.h>

#include "ipc/log.h"
#include "ipc/nng_end.h"
#include "supervisor/hash.h"

#define CALL_GRACE_MS 2000 /* cloister-business has its own word on a call that takes too long */

struct business_call {
    struct hash_node node; /* while it is under way */
    LIST_ENTRY(business_call) listed;
    struct business_link *link;
    business_done *done;
    void *ctx;
    struct event *timer;
    uint64_t number;
    bool sent; /* the peer knows it */
    bool full; /* refused at once */
};

struct business_link {
    struct event_base *base;
    struct business_setup setup;
    struct nng_end *end; /* NULL: there is no front door */
    struct msg_peer peer;
    struct hash by_number;
    LIST_HEAD(, business_call) calls;
    size_t count;
    uint64_t last;
    bool up;
};

/* ---- sending ---- */

static int send_message(struct business_link *link, Cloister__Message *message) {
    return link->up ? nng_end_send_message(link->end, message) : -ENOTCONN;
}

/* What cannot be sent ends the connection, which answers for everything that is under way. */
static void send_or_drop(struct business_link *link, Cloister__Message *message) {
    int r = send_message(link, message);
    if (r == 0 || r == -ENOTCONN)
        return;
    log_error("cannot send cloister-business a %s (%s); dropping the connection",
              msg_name(message->body_case), strerror(-r));
    nng_end_drop(link->end);
}

/* ---- calls ---- */

static void call_free(struct business_call *call) {
    hash_remove(&call->link->by_number, &call->node);
    LIST_REMOVE(call, listed);
    call->link->count--;
    if (call->timer != NULL)
        event_free(call->timer);
    free(call);
}

static void call_end(struct business_call *call, const Cloister__BusinessResult *result) {
    business_done *done = call->done;
    void *ctx = call->ctx;
    call_free(call);
    done(ctx, result);
}

static void call_fail(struct business_call *call) {
    Cloister__BusinessResult result = CLOISTER__BUSINESS_RESULT__INIT;
    result.status = 503;
    result.code = (char *)(call->full ? "full" : "business_unavailable");
    result.detail = (char *)(call->full ? "Too many requests at once. Ask again shortly."
                                        : "Businesses cannot be reached at the moment. Try again "
                                          "shortly.");
    result.retry_after_ms = 1000;
    call_end(call, &result);
}

static void tell_cancel(struct business_call *call) {
    Cloister__BusinessCancel cancel = CLOISTER__BUSINESS_CANCEL__INIT;
    cancel.request = call->number;
    Cloister__Message message = MSG_OF(BUSINESS_CANCEL, business_cancel, &cancel);
    if (call->sent)
        send_or_drop(call->link, &message);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    struct business_call *call = ctx;
    tell_cancel(call);
    call_fail(call);
}

static void set_timer(struct event *timer, uint64_t ms) {
    struct timeval after = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
    if (evtimer_add(timer, &after) < 0)
        fatal("out of memory");
}

static int call_send(struct business_call *call, const Cloister__BusinessCall *asked) {
    Cloister__BusinessCall body = *asked;
    body.request = call->number;
    Cloister__Message message = MSG_OF(BUSINESS_CALL, business_call, &body);
    return send_message(call->link, &message);
}

struct business_call *business_call(struct business_link *link, const Cloister__BusinessCall *asked,
                                    business_done *done, void *ctx) {
    struct business_call *call = calloc(1, sizeof(*call));
    if (call == NULL)
        return NULL;
    *call = (struct business_call){.link = link, .done = done, .ctx = ctx, .number = ++link->last};
    call->timer = evtimer_new(link->base, on_timer, call);
    if (call->timer == NULL ||
        hash_add(&link->by_number, &call->node, &call->number, sizeof(call->number)) < 0) {
        if (call->timer != NULL)
            event_free(call->timer);
        free(call);
        return NULL;
    }
    LIST_INSERT_HEAD(&link->calls, call, listed);
    call->full = link->count++ >= BUSINESS_CALLS_MAX;
    call->sent = !call->full && call_send(call, asked) == 0;
    uint64_t wait = asked->timeout_ms > 0 && asked->timeout_ms < BUSINESS_CALL_MS
                        ? asked->timeout_ms
                        : BUSINESS_CALL_MS;
    set_timer(call->timer, call->sent ? wait + CALL_GRACE_MS : 0);
    return call;
}

void business_call_cancel(struct business_call *call) {
    tell_cancel(call);
    call_free(call);
}

/* In the next round of the loop, since whoever hears of it may ask again. */
static void fail_all(struct business_link *link) {
    struct business_call *call;
    LIST_FOREACH(call, &link->calls, listed) {
        call->sent = false;
        set_timer(call->timer, 0);
    }
}

/* ---- what comes ---- */

static void breach(struct business_link *link, const char *what) {
    log_error("cloister-business broke the protocol: %s; dropping its connection", what);
    nng_end_drop(link->end);
}

/* One that is not under way any more crossed its cancellation. */
static void on_result(struct business_link *link, const Cloister__BusinessResult *result) {
    struct business_call *call =
        hash_entry(hash_find(&link->by_number, &result->request, sizeof(result->request)),
                   struct business_call, node);
    if (call != NULL)
        call_end(call, result);
}

void business_link_receive(struct business_link *link, const uint8_t *data, size_t len) {
    SCOPE_MSG Cloister__Message *message = NULL;
    int r = msg_decode(&link->peer, data, len, 0, &message);
    if (r < 0)
        breach(link, strerror(-r));
    else if (message->body_case == CLOISTER__MESSAGE__BODY_BUSINESS_RESULT)
        on_result(link, message->business_result);
    else if (message->body_case == CLOISTER__MESSAGE__BODY_CELL_CALL)
        link->setup.cell(link->setup.ctx, take_ptr(message));
    else
        breach(link, "a message without a handler");
}

void business_cell_reply(struct business_link *link, Cloister__CellResult *result) {
    Cloister__Message message = MSG_OF(CELL_RESULT, cell_result, result);
    send_or_drop(link, &message);
}

static bool on_up(void *ctx, pid_t pid, uid_t uid) {
    struct business_link *link = ctx;
    if (uid != link->setup.uid) {
        log_error("pid %d (uid %u) is not cloister-business; dropped", (int)pid, (unsigned)uid);
        return false;
    }
    link->peer = (struct msg_peer){ROLE_BUSINESS, ROLE_SUPERVISOR, PHASE_READY, {0}};
    link->up = true;
    Cloister__BusinessHello hello = CLOISTER__BUSINESS_HELLO__INIT;
    hello.protocol = PROTOCOL_VERSION;
    hello.instance = (char *)"supervisor";
    Cloister__Message message = MSG_OF(BUSINESS_HELLO, business_hello, &hello);
    send_or_drop(link, &message);
    log_info("connected to cloister-business");
    return true;
}

static void on_message(void *ctx, const uint8_t *data, size_t len) {
    business_link_receive(ctx, data, len);
}

static void on_down(void *ctx) {
    struct business_link *link = ctx;
    log_warn("cloister-business is gone; %zu calls end without an answer", link->count);
    link->up = false;
    link->setup.down(link->setup.ctx);
    fail_all(link);
}

static const struct nng_end_ops ops = {on_up, on_message, on_down};

int business_link_new(struct event_base *base, const struct business_setup *setup,
                      struct business_link **ret) {
    struct business_link *link = calloc(1, sizeof(*link));
    if (link == NULL)
        return -ENOMEM;
    link->base = base;
    link->setup = *setup;
    LIST_INIT(&link->calls);
    int r = hash_init(&link->by_number);
    if (r == 0 && setup->path != NULL)
        r = nng_end_dial(base, setup->path, &ops, link, &link->end);
    if (r < 0) {
        business_link_free(link);
        return r;
    }
    *ret = link;
    return 0;
}

void business_link_free(struct business_link *link) {
    if (link == NULL)
        return;
    link->up = false;
    fail_all(link);
    while (!LIST_EMPTY(&link->calls))
        call_fail(LIST_FIRST(&link->calls));
    nng_end_close(link->end);
    hash_done(&link->by_number);
    free(link);
}

bool business_link_up(const struct business_link *link) {
    return link->up;
}
