#include "supervisor/admit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "memory/grant.h"
#include "ipc/log.h"
#include "supervisor/api_flow.h"
#include "supervisor/web_sessions.h"

/* A grant is shorter, and one that had to be cut stays too long to be one. */
#define GRANT_KEPT (2 * GRANT_SIZE)

/* The flow's own request is none. All of it is wiped with the flow. */
struct admitting {
    struct flow flow;
    char frontend[FRONTEND_MAX + 1], name[USER_NAME_MAX + 1];
    char grant[GRANT_KEPT];
    char user[ID_LEN + 1];
    const struct turn_failure *refused; /* while its action_url is being made */
    admit_done *done;
    void *ctx;
};

static const struct turn_failure unknown_user = {
    .status = 404,
    .code = "unknown_user",
    .detail = "No user of this name has connected yet. Make a connect link (POST "
              "/v1/users/{user}/connect-links) first."};
static const struct turn_failure database_away = {.status = 503,
                                                  .code = "database_unavailable",
                                                  .detail =
                                                      "The database is away. Ask again shortly.",
                                                  .retryable = true,
                                                  .retry_after_ms = 1000};
static const struct turn_failure internal = {
    .status = 500, .code = "internal", .detail = "The request could not be carried out."};
static const struct turn_failure keys_away = {
    .status = 503,
    .code = "keys_unavailable",
    .detail = "The key service does not answer. Try again shortly.",
    .retryable = true};
static const struct turn_failure required = {
    .status = 401,
    .code = "grant_required",
    .detail = "This needs the user's grant: send the one that redeeming the connection gave, in "
              "Cloister-Grant."};
static const struct turn_failure invalid = {
    .status = 401,
    .code = "grant_invalid",
    .detail = "This grant is not this user's. Send the one that redeeming their connection gave, "
              "or let them connect again."};
static const struct turn_failure expired = {
    .status = 401,
    .code = "grant_expired",
    .detail = "This grant is too old. The user connects again, and redeeming gives a new one."};
static const struct turn_failure revoked = {
    .status = 401,
    .code = "grant_revoked",
    .detail = "This grant has been revoked. The user connects again, and redeeming gives a new "
              "one."};

/* Users of the web pages get theirs by signing in. */
static const struct turn_failure sign_in_again = {
    .status = 401,
    .code = "grant_expired",
    .detail = "You have been signed in for too long. Sign in again."};
static const struct turn_failure signed_out = {
    .status = 401,
    .code = "grant_revoked",
    .detail = "You have been signed out everywhere. Sign in again."};

const struct turn_failure *grant_failure(int error) {
    switch (error) {
    case -ENOKEY:
        return &required;
    case -EACCES:
        return &invalid;
    case -EKEYEXPIRED:
        return &expired;
    case -EKEYREVOKED:
        return &revoked;
    case -EAGAIN:
        return &keys_away;
    default:
        return &internal;
    }
}

/* `done` comes last: it may end the flow that asked. */
static void tell(struct admitting *a, const struct admission *admission) {
    admit_done *done = a->done;
    a->done = NULL;
    if (done != NULL)
        done(a->ctx, admission);
}

static void refuse(struct admitting *a, const struct turn_failure *refused, const char *url) {
    tell(a, &(struct admission){.refused = refused, .action_url = url, .user = "", .grant = ""});
    flow_end(&a->flow);
}

/* Ended by api_free: whoever waits is still told. */
static void clean(struct flow *flow) {
    tell((struct admitting *)flow,
         &(struct admission){.refused = &keys_away, .action_url = "", .user = "", .grant = ""});
}

static void on_regrant_url(void *ctx, const char *url) {
    struct admitting *a = ctx;
    if (!flow_resume(&a->flow))
        return;
    if (strcmp(a->frontend, WEB_FRONTEND) == 0)
        a->refused = a->refused == &expired ? &sign_in_again : &signed_out;
    refuse(a, a->refused, url);
}

static void on_checked(void *ctx, int error, const Cloister__KeyResult *result) {
    struct admitting *a = ctx;
    if (!flow_resume(&a->flow))
        return;
    a->refused = grant_failure(error);
    if (error == 0) {
        tell(a, &(struct admission){.action_url = "", .user = a->user, .grant = result->grant});
        flow_end(&a->flow);
    } else if (a->refused == &expired || a->refused == &revoked) {
        flow_wait(&a->flow);
        api_regrant_url(a->flow.api, a->frontend, a->user, on_regrant_url, a);
    } else {
        refuse(a, a->refused, "");
    }
}

static void on_user(void *ctx, int error, const char *user) {
    struct admitting *a = ctx;
    if (!flow_resume(&a->flow))
        return;
    if (error != 0) {
        refuse(a,
               error == -ENOENT   ? &unknown_user
               : error == -EAGAIN ? &database_away
                                  : &internal,
               "");
        return;
    }
    snprintf(a->user, sizeof(a->user), "%s", user);
    flow_wait(&a->flow);
    keys_grant_check(a->flow.api->keys, a->user, a->frontend, a->grant, on_checked, a);
}

void api_admit(struct api *api, const Cloister__Caller *caller, admit_done *done, void *ctx) {
    struct admitting *a = flow_new(api, sizeof(*a), NULL, 0);
    a->flow.clean = clean;
    a->done = done;
    a->ctx = ctx;
    /* Names that are too long are nobody's, not those of whoever has their beginning. */
    if (strlen(caller->frontend) <= FRONTEND_MAX && strlen(caller->user) <= USER_NAME_MAX) {
        snprintf(a->frontend, sizeof(a->frontend), "%s", caller->frontend);
        snprintf(a->name, sizeof(a->name), "%s", caller->user);
    }
    snprintf(a->grant, sizeof(a->grant), "%s", caller->grant);
    flow_wait(&a->flow);
    store_user(api->store, a->frontend, a->name, on_user, a);
}

/* ---- for flows ---- */

struct flow_admission {
    struct flow *flow;
    admitted *go;
    char session[TOKEN_LEN + 1]; /* wiped */
};

static void pass_on(const struct flow_admission *waiting, const char *grant) {
    Cloister__Caller caller = CLOISTER__CALLER__INIT;
    caller.session = (char *)(uintptr_t)waiting->session;
    grant_renewed(waiting->flow->api, waiting->flow->end, waiting->flow->request, &caller, grant);
}

static void on_admission(void *ctx, const struct admission *admission) {
    struct flow_admission *waiting = ctx;
    struct flow *flow = waiting->flow;
    if (flow_resume(flow)) {
        if (admission->refused != NULL) {
            flow_fail_turn(flow, admission->refused, admission->action_url);
        } else {
            if (admission->grant[0] != '\0')
                pass_on(waiting, admission->grant);
            waiting->go(flow, admission->user);
        }
    }
    explicit_bzero(waiting, sizeof(*waiting));
    free(waiting);
}

void flow_admit(struct flow *flow, const Cloister__Caller *caller, admitted *go) {
    struct flow_admission *waiting = calloc(1, sizeof(*waiting));
    if (waiting == NULL)
        fatal("out of memory");
    waiting->flow = flow;
    waiting->go = go;
    snprintf(waiting->session, sizeof(waiting->session), "%s", caller->session);
    flow_wait(flow);
    api_admit(flow->api, caller, on_admission, waiting);
}

/* ---- renewed grants ---- */

void grant_renewed(struct api *api, struct gateway_end *end, uint64_t request,
                   const Cloister__Caller *caller, const char *grant) {
    if (caller->session[0] != '\0') {
        web_session_renew(api, caller->session, grant);
        return;
    }
    Cloister__GrantRenewed body = CLOISTER__GRANT_RENEWED__INIT;
    body.request = request;
    body.grant = (char *)(uintptr_t)grant;
    Cloister__Message message = MSG_OF(GRANT_RENEWED, grant_renewed, &body);
    gateway_send(end, &message);
}
