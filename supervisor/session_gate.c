#include "supervisor/session_gate.h"

#include <errno.h>
#include <string.h>
#include <sys/queue.h>

#include "business/api/operations.h"
#include "ipc/log.h"
#include "supervisor/failures.h"
#include "supervisor/gateway_open.h"
#include "supervisor/gateway_requests.h"
#include "supervisor/rules.h"

struct waiting {
    LIST_ENTRY(waiting) listed;
    struct session_gate *gate; /* NULL: it goes nowhere, the callback on its way frees it */
    struct gateway_end *end;
    uint64_t request;
    Cloister__Message *message;
};

struct session_gate {
    struct api *api;
    session_gate_go *go;
    void *ctx;
    LIST_HEAD(, waiting) all;
};

int session_gate_new(struct api *api, session_gate_go *go, void *ctx, struct session_gate **ret) {
    struct session_gate *gate = calloc(1, sizeof(*gate));
    if (gate == NULL)
        return -ENOMEM;
    gate->api = api;
    gate->go = go;
    gate->ctx = ctx;
    LIST_INIT(&gate->all);
    *ret = gate;
    return 0;
}

/* ---- requests that wait ---- */

static struct waiting *find(const struct session_gate *gate, const struct gateway_end *end,
                            uint64_t request) {
    struct waiting *waiting;
    LIST_FOREACH(waiting, &gate->all, listed)
    if (waiting->end == end && waiting->request == request)
        return waiting;
    return NULL;
}

static void let_go(struct waiting *waiting) {
    LIST_REMOVE(waiting, listed);
    waiting->gate = NULL;
    msg_free(take_ptr(waiting->message));
}

void session_gate_cancel(struct session_gate *gate, const struct gateway_end *end,
                         uint64_t request) {
    struct waiting *waiting = find(gate, end, request);
    if (waiting == NULL)
        return;
    let_go(waiting);
    gateway_fail(waiting->end, request, failure_status("cancelled"), "cancelled",
                 "The request was cancelled.", false);
}

void session_gate_credit(struct session_gate *gate, const struct gateway_end *end, uint64_t request,
                         uint32_t bytes) {
    struct waiting *waiting = find(gate, end, request);
    if (waiting != NULL && waiting->message->body_case == CLOISTER__MESSAGE__BODY_CHAT_REQUEST)
        waiting->message->chat_request->credit += bytes;
}

static void end_waiting(struct waiting *waiting) {
    struct gateway_end *end = waiting->end;
    let_go(waiting);
    gateway_request_close(end, waiting->request);
}

void session_gate_gone(struct session_gate *gate, struct gateway_end *end) {
    for (struct waiting *waiting = LIST_FIRST(&gate->all), *next; waiting != NULL; waiting = next) {
        next = LIST_NEXT(waiting, listed);
        if (waiting->end == end)
            end_waiting(waiting);
    }
}

void session_gate_free(struct session_gate *gate) {
    if (gate == NULL)
        return;
    while (!LIST_EMPTY(&gate->all))
        end_waiting(LIST_FIRST(&gate->all));
    free(gate);
}

/* ---- who is asking ---- */

/* Where a request has its caller; NULL in one of anybody. */
static Cloister__Caller **caller_at(Cloister__Message *message, uint64_t *ret_request,
                                    enum request_effect *ret_effect) {
#define X(CASE_, field, effect)                                                                    \
    if (message->body_case == CLOISTER__MESSAGE__BODY_##CASE_) {                                   \
        *ret_request = message->field->request;                                                    \
        *ret_effect = effect;                                                                      \
        return &message->field->caller;                                                            \
    }
    REQUESTS_WITH_CALLER(X)
#undef X
    return NULL;
}

/* Of an operation that there is not nothing is known: it is refused later. */
static bool changes(const Cloister__Message *message, enum request_effect effect) {
    if (effect != BY_OPERATION)
        return effect == CHANGES;
    const struct operation *operation = operation_find(message->business_call->operation);
    return operation == NULL || operation->changes;
}

static bool word_bounded(const char *text, size_t min, size_t max) {
    size_t len = strlen(text);
    return len >= min && len <= max && utf8_valid(text, len);
}

/* Whose a proposal is, is known here: who decides on one may leave out the user. */
static bool is_decision(const Cloister__Message *message) {
    return message->body_case == CLOISTER__MESSAGE__BODY_CHAT_REQUEST &&
           message->chat_request->proposal[0] != '\0';
}

/* Either a frontend with its user, or a browser. */
static bool sound(const Cloister__Caller *caller, bool nameless) {
    if (caller == NULL || !word_bounded(caller->session, 0, 128) ||
        !word_bounded(caller->csrf, 0, 128))
        return false;
    if (caller->session[0] != '\0')
        return caller->frontend[0] == '\0' && caller->user[0] == '\0' && caller->grant[0] == '\0';
    return word_bounded(caller->frontend, 1, 64) &&
           word_bounded(caller->user, nameless ? 0 : 1, 256) &&
           word_bounded(caller->grant, 0, 1024) && caller->csrf[0] == '\0';
}

/* Makes the request a copy of itself with what the session stands for. */
static int fill_caller(Cloister__Message **message, Cloister__Caller **at,
                       const struct web_session *session) {
    Cloister__Caller filled = **at, *empty = *at;
    filled.frontend = WEB_FRONTEND;
    filled.user = (char *)(uintptr_t)session->name;
    filled.grant = (char *)(uintptr_t)session->grant;
    *at = &filled;
    struct msg_peer self = {ROLE_GATEWAY, ROLE_SUPERVISOR, PHASE_READY, {0}};
    Cloister__Message *copy = NULL;
    int r = msg_copy(&self, *message, &copy);
    *at = empty;
    if (r < 0)
        return r;
    msg_free(*message);
    *message = copy;
    return 0;
}

static void refuse(struct gateway_end *end, uint64_t request, int error) {
    if (error == -ENOENT)
        gateway_fail(end, request, 401, "session_invalid",
                     "You are not signed in, or have been signed out. Sign in at /login.", false);
    else if (error == -EACCES)
        gateway_fail(end, request, 403, "csrf_invalid",
                     "This did not come from a page of this session. Reload the page and try "
                     "again.",
                     false);
    else if (error == -EMSGSIZE)
        gateway_fail(end, request, 400, "invalid_field", "The request is too long.", false);
    else
        gateway_fail_store(end, request);
}

static void on_shown(void *ctx, int error, const struct web_session *session) {
    struct waiting *waiting = ctx;
    struct session_gate *gate = waiting->gate;
    if (gate != NULL) {
        struct gateway_end *end = waiting->end;
        Cloister__Message *message = take_ptr(waiting->message);
        enum request_effect effect;
        uint64_t request;
        LIST_REMOVE(waiting, listed);
        if (error == 0)
            error = fill_caller(&message, caller_at(message, &request, &effect), session);
        if (error == 0) {
            gate->go(gate->ctx, end, message);
        } else {
            msg_free(message);
            refuse(end, waiting->request, error);
        }
    }
    free(waiting);
}

static void look_up(struct session_gate *gate, struct gateway_end *end, uint64_t request,
                    bool changes, Cloister__Message *message, const Cloister__Caller *caller) {
    struct waiting *waiting = calloc(1, sizeof(*waiting));
    if (waiting == NULL)
        fatal("out of memory");
    *waiting = (struct waiting){.gate = gate, .end = end, .request = request, .message = message};
    LIST_INSERT_HEAD(&gate->all, waiting, listed);
    const char *csrf = changes && rule_holds(RULE_SESSION_CSRF) ? caller->csrf : NULL;
    web_session_show(gate->api, caller->session, csrf, false, on_shown, waiting);
}

void session_gate_enter(struct session_gate *gate, struct gateway_end *end,
                        Cloister__Message *message) {
    enum request_effect effect = READS;
    uint64_t request = 0;
    Cloister__Caller **at = caller_at(message, &request, &effect);
    if (at == NULL) {
        gate->go(gate->ctx, end, message);
        return;
    }
    const Cloister__Caller *caller = *at;
    if (!sound(caller, is_decision(message)))
        gateway_fail(end, request, 400, "invalid_field", "The caller is not given properly.",
                     false);
    else if (strcmp(caller->frontend, WEB_FRONTEND) == 0)
        gateway_fail(end, request, 403, "not_allowed",
                     "Users of the web pages act through their sessions alone.", false);
    else if (caller->session[0] != '\0') {
        look_up(gate, end, request, changes(message, effect), message, caller);
        return;
    } else {
        gate->go(gate->ctx, end, message);
        return;
    }
    msg_free(message);
}
