#include "supervisor/gateway.h"

#include <errno.h>
#include <string.h>

#include "ipc/log.h"
#include "supervisor/failures.h"
#include "supervisor/gateway_open.h"
#include "supervisor/gateway_requests.h"
#include "supervisor/session_gate.h"
#include "supervisor/web_sessions.h"

struct gateway {
    struct gateway_setup setup;
    struct nng_end *channel;
    struct gateway_end *end; /* NULL: nobody is connected */
    struct session_gate *gate;
    struct msg_peer peer;
    bool draining;
    uint64_t held_until; /* 0: whoever is refused is told so, not held */
};

/* A handler may take the message out of *message; what stays is freed. */
typedef void handler(struct gateway *gateway, Cloister__Message **message);

static void not_here(struct gateway *gateway, uint64_t request) {
    gateway_fail(gateway->end, request, failure_status("not_allowed"), "not_allowed",
                 "This cannot be done from here.", false);
}

#define API_HANDLER(name, field)                                                                   \
    static void on_##name(struct gateway *gateway, Cloister__Message **message) {                  \
        api_##name(gateway->setup.api, gateway->end, (*message)->field);                           \
    }
API_HANDLER(connect_link_create, connect_link_create)
API_HANDLER(connect_open, connect_open)
API_HANDLER(connect_callback, connect_callback)
API_HANDLER(redeem, redeem)
API_HANDLER(connection_get, connection_get)
API_HANDLER(connection_delete, connection_delete)
API_HANDLER(memory_list, memory_list)
API_HANDLER(memory_put, memory_put)
API_HANDLER(memory_delete, memory_delete)
API_HANDLER(grants_revoke, grants_revoke)
API_HANDLER(sign_in_begin, sign_in_begin)
API_HANDLER(session_show, session_show)
API_HANDLER(session_end, session_end)
API_HANDLER(business_call, business_call)

/* Who talks to a business is a customer, and those have an endpoint of their own. */
static void on_chat_request(struct gateway *gateway, Cloister__Message **message) {
    const Cloister__ChatRequest *request = (*message)->chat_request;
    if (gateway->setup.is_public)
        chat_customer_begin(gateway->setup.chats, gateway->end, take_ptr(*message));
    else if (request->business[0] != '\0')
        not_here(gateway, request->request);
    else
        chat_begin(gateway->setup.chats, gateway->end, take_ptr(*message));
}

static void on_session_delete(struct gateway *gateway, Cloister__Message **message) {
    chat_session_delete(gateway->setup.chats, gateway->end, take_ptr(*message));
}

static void on_health_ask(struct gateway *gateway, Cloister__Message **message) {
    const char *reasons[8];
    Cloister__Health health = CLOISTER__HEALTH__INIT;
    health.request = (*message)->health_ask->request;
    health.n_reasons = gateway->setup.unready(gateway->setup.ctx, reasons, COUNT_OF(reasons));
    health.reasons = (char **)reasons;
    health.ready = health.n_reasons == 0;
    Cloister__Message reply = MSG_OF(HEALTH, health, &health);
    gateway_send(gateway->end, &reply);
}

static void on_metrics_ask(struct gateway *gateway, Cloister__Message **message) {
    static struct metrics all; /* tens of KiB, and one loop */
    static uint64_t cells[METRICS_CELLS];
    gateway->setup.collect(gateway->setup.ctx, &all);
    Cloister__Metrics metrics = CLOISTER__METRICS__INIT;
    metrics.request = (*message)->metrics_ask->request;
    metrics.table = metrics_table();
    metrics.cells = cells;
    metrics.n_cells = metrics_pack(
        &all, TELLER_SUPERVISOR | TELLER_KEYS | TELLER_EGRESS | TELLER_BUSINESS | TELLER_NOTIFY,
        cells);
    Cloister__Message reply = MSG_OF(METRICS, metrics, &metrics);
    gateway_send(gateway->end, &reply);
}

/* Its end is chat.c's affair: one that is not open any more crossed its last word. */
static void on_chat_cancel(struct gateway *gateway, Cloister__Message **message) {
    uint64_t request = (*message)->chat_cancel->request;
    struct chat *chat = gateway_request_chat(gateway->end, request);
    if (chat != NULL)
        chat_abandon(chat);
    else
        session_gate_cancel(gateway->gate, gateway->end, request);
}

static void on_chat_credit(struct gateway *gateway, Cloister__Message **message) {
    const Cloister__ChatCredit *credit = (*message)->chat_credit;
    struct chat *chat = gateway_request_chat(gateway->end, credit->request);
    if (chat != NULL)
        chat_credit(chat, credit->bytes);
    else
        session_gate_credit(gateway->gate, gateway->end, credit->request, credit->bytes);
}

static void on_business_cancel(struct gateway *gateway, Cloister__Message **message) {
    uint64_t request = (*message)->business_cancel->request;
    session_gate_cancel(gateway->gate, gateway->end, request);
    gateway_request_cancel(gateway->end, request);
}

#define CASE(name) CLOISTER__MESSAGE__BODY_##name

struct row {
    Cloister__Message__BodyCase body;
    handler *handle;
    bool opens;
};
static const struct row rows[] = {
#define X(CASE_, field, ...) {CASE(CASE_), on_##field, true},
    REQUESTS_WITH_CALLER(X) REQUESTS_OF_ANYBODY(X)
#undef X
#define X(CASE_, field) {CASE(CASE_), on_##field, false},
        NOTICES(X)
#undef X
};

static const struct row *row_of(Cloister__Message__BodyCase body) {
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (rows[i].body == body)
            return &rows[i];
    return NULL;
}

static bool for_the_public(Cloister__Message__BodyCase body) {
#define X(CASE_, field)                                                                            \
    if (body == CASE(CASE_))                                                                       \
        return true;
    REQUESTS_OF_THE_PUBLIC(X)
#undef X
    return false;
}

static uint64_t request_of(const Cloister__Message *message) {
#define X(CASE_, field, ...)                                                                       \
    if (message->body_case == CASE(CASE_))                                                         \
        return message->field->request;
    REQUESTS_WITH_CALLER(X)
    REQUESTS_OF_ANYBODY(X)
#undef X
    return 0;
}

static void breach(struct gateway *gateway, const char *what) {
    log_error("the gateway broke the protocol: %s; dropping its connection", what);
    nng_end_drop(gateway->channel);
}

/* Over the limit: the number is not open, so this bypasses the bookkeeping of gateway_send. */
static void refuse_full(struct gateway *gateway, uint64_t request) {
    Cloister__Failure failure = CLOISTER__FAILURE__INIT;
    failure.request = request;
    failure.status = 503;
    failure.code = "full";
    failure.detail = "Too many requests at once. Ask again shortly.";
    failure.retryable = true;
    Cloister__Message message = MSG_OF(FAILURE, failure, &failure);
    uint8_t data[256];
    ssize_t len = msg_encode(&message, data, sizeof(data));
    if (len < 0 || nng_end_send(gateway->channel, data, (size_t)len) < 0)
        nng_end_drop(gateway->channel);
}

/* Whoever asks is known. */
static void on_admitted(void *ctx, struct gateway_end *end, Cloister__Message *message) {
    struct gateway *gateway = ctx;
    SCOPE_MSG Cloister__Message *mine = message;
    const struct row *row = row_of(mine->body_case);
    if (row != NULL && end == gateway->end)
        row->handle(gateway, &mine);
}

static void open_request(struct gateway *gateway, const struct row *row, const struct about *about,
                         Cloister__Message **message) {
    uint64_t request = request_of(*message);
    int r = gateway_request_open(gateway->end, request);
    if (r == 0)
        gateway_request_set_about(gateway->end, request, about);
    if (r == -EEXIST)
        breach(gateway, "a request number that is in use");
    else if (r < 0)
        refuse_full(gateway, request);
    else if (gateway->draining && row->body != CASE(HEALTH_ASK) && row->body != CASE(METRICS_ASK))
        gateway_fail(gateway->end, request, 503, gateway->held_until != 0 ? "held" : "draining",
                     "The service is about to stop. Ask again shortly.", true);
    else if (gateway->setup.is_public && !for_the_public(row->body))
        not_here(gateway, request);
    else if (gateway->setup.is_public)
        row->handle(gateway, message);
    else
        session_gate_enter(gateway->gate, gateway->end, take_ptr(*message));
}

static void tell_hold(struct gateway *gateway) {
    uint64_t now = clock_ms();
    if (gateway->end == NULL || gateway->peer.phase != PHASE_READY || gateway->held_until <= now)
        return;
    Cloister__UpgradeHold hold = CLOISTER__UPGRADE_HOLD__INIT;
    hold.ms = (uint32_t)(gateway->held_until - now);
    Cloister__Message message = MSG_OF(UPGRADE_HOLD, upgrade_hold, &hold);
    gateway_send(gateway->end, &message);
}

static void on_hello(struct gateway *gateway, const Cloister__GatewayHello *hello) {
    if (hello->protocol != PROTOCOL_VERSION) {
        breach(gateway, "another protocol version");
    } else if (strcmp(hello->instance, gateway->setup.instance) != 0) {
        breach(gateway, "an instance that belongs elsewhere");
    } else {
        gateway->peer.phase = PHASE_READY;
        log_info("gateway connected%s", gateway->setup.is_public ? " (public)" : "");
        tell_hold(gateway);
    }
}

static void dispatch(struct gateway *gateway, Cloister__Message **message) {
    if ((*message)->body_case == CASE(GATEWAY_HELLO)) {
        on_hello(gateway, (*message)->gateway_hello);
        return;
    }
    const struct row *row = row_of((*message)->body_case);
    struct about about;
    int named = about_read((*message)->about, &about);
    LOG_ABOUT(.request = about.request, .trace = about.trace);
    if (named < 0)
        breach(gateway, "a request whose id is none");
    else if (row == NULL)
        breach(gateway, "a message without a handler");
    else if (row->opens)
        open_request(gateway, row, &about, message);
    else
        row->handle(gateway, message);
}

void gateway_receive(struct gateway *gateway, const uint8_t *data, size_t len) {
    if (gateway->end == NULL)
        return;
    SCOPE_MSG Cloister__Message *message = NULL;
    int r = msg_decode(&gateway->peer, data, len, 0, &message);
    if (r < 0)
        breach(gateway, strerror(-r));
    else
        dispatch(gateway, &message);
}

static bool on_up(void *ctx, pid_t pid, uid_t uid) {
    struct gateway *gateway = ctx;
    if (uid != gateway->setup.uid) {
        log_error("pid %d (uid %u) is not the gateway; dropped", (int)pid, (unsigned)uid);
        return false;
    }
    gateway->peer = (struct msg_peer){ROLE_GATEWAY, ROLE_SUPERVISOR, PHASE_START, {0}};
    return gateway_end_new(gateway->channel, &gateway->end) == 0;
}

static void on_message(void *ctx, const uint8_t *data, size_t len) {
    gateway_receive(ctx, data, len);
}

static void leave(struct gateway *gateway) {
    session_gate_gone(gateway->gate, gateway->end);
    gateway_end_gone(take_ptr(gateway->end));
}

static void on_down(void *ctx) {
    struct gateway *gateway = ctx;
    if (gateway->end == NULL)
        return;
    log_warn("gateway disconnected; its %zu open requests are cancelled",
             gateway_end_open(gateway->end));
    leave(gateway);
}

static const struct nng_end_ops channel_ops = {on_up, on_message, on_down};

int gateway_new(struct event_base *base, const struct gateway_setup *setup, struct gateway **ret) {
    struct gateway *gateway = calloc(1, sizeof(*gateway));
    if (gateway == NULL)
        return -ENOMEM;
    gateway->setup = *setup;
    int r = session_gate_new(setup->api, on_admitted, gateway, &gateway->gate);
    if (r == 0)
        r = nng_end_listen_for(base, setup->path, 0666, false, setup->uid, &channel_ops, gateway,
                               &gateway->channel);
    if (r < 0) {
        session_gate_free(gateway->gate);
        free(gateway);
        return r;
    }
    *ret = gateway;
    return 0;
}

void gateway_free(struct gateway *gateway) {
    if (gateway == NULL)
        return;
    if (gateway->end != NULL)
        leave(gateway);
    session_gate_free(gateway->gate);
    nng_end_close(gateway->channel);
    free(gateway);
}

void gateway_set_draining(struct gateway *gateway, bool draining) {
    gateway->draining = draining;
}

void gateway_hold(struct gateway *gateway, uint64_t ms) {
    gateway->held_until = clock_ms() + ms;
    tell_hold(gateway);
}

bool gateway_connected(const struct gateway *gateway) {
    return gateway->end != NULL;
}

size_t gateway_open_requests(const struct gateway *gateway) {
    return gateway->end == NULL ? 0 : gateway_end_open(gateway->end);
}
