/* A pending connection becomes the user's: when the frontend redeems its code, and for the web
 * pages at once. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ipc/log.h"
#include "memory/grant.h"
#include "supervisor/api_flow.h"
#include "supervisor/web_sessions.h"
#include "supervisor/words.h"

struct redeeming {
    struct flow *flow;
    redeemed *done;
    uint8_t code_hash[TOKEN_HASH_LEN];
    char user[ID_LEN + 1], connection[ID_LEN + 1];
    char frontend[FRONTEND_MAX + 1];
    char grant[GRANT_SIZE]; /* wiped */
    bool with_grant;
    struct words scopes;
};

static void end(struct redeeming *r, int error, bool resumed) {
    if (resumed)
        r->done(r->flow, &(struct redemption){error, error == 0 ? r->grant : "", r->scopes.list,
                                              r->scopes.n});
    words_done(&r->scopes);
    explicit_bzero(r, sizeof(*r));
    free(r);
}

/* The flow is still there; otherwise `r` is gone, too. */
static bool resume(struct redeeming *r) {
    if (flow_resume(r->flow))
        return true;
    end(r, 0, false);
    return false;
}

/* The same for an answer of the key service. */
static bool resume_keys(struct redeeming *r, int error) {
    if (!resume(r))
        return false;
    if (error == 0)
        return true;
    end(r, -ENOKEY, true);
    return false;
}

/* When this fails, the reconciler finds the row by its age. */
static void on_given_up(void *ctx, int error) {
    (void)ctx;
    (void)error;
}

static void on_committed(void *ctx, int error) {
    struct redeeming *r = ctx;
    if (!resume(r))
        return;
    struct api *api = r->flow->api;
    if (error == -EACCES)
        store_discard(api->store, r->connection, on_given_up, NULL);
    if (error == 0 || error == -EACCES)
        reconciler_kick(api->reconciler);             /* this one, or an earlier one, has to go */
    end(r, error == -EEXIST ? -EAGAIN : error, true); /* another of the same user was quicker */
}

static void commit(struct redeeming *r) {
    flow_wait(r->flow);
    store_redeem_commit(r->flow->api->store, r->code_hash, r->user, r->connection, on_committed, r);
}

/* Made before the code is used up, so that a key service that is away leaves the code good; it
 * leaves here only afterwards. */
static void on_grant(void *ctx, int error, const Cloister__KeyResult *result) {
    struct redeeming *r = ctx;
    bool made = error == 0 && result->grant[0] != '\0' && strlen(result->grant) < sizeof(r->grant);
    if (!resume_keys(r, made ? 0 : -ENOKEY))
        return;
    strcpy(r->grant, result->grant);
    commit(r);
}

static void on_bound(void *ctx, int error, const Cloister__KeyResult *result) {
    struct redeeming *r = ctx;
    (void)result;
    if (!resume_keys(r, error))
        return;
    if (!r->with_grant) {
        commit(r);
        return;
    }
    flow_wait(r->flow);
    keys_grant_mint(r->flow->api->keys, r->user, r->frontend, on_grant, r);
}

static void on_user_key(void *ctx, int error, const Cloister__KeyResult *result) {
    struct redeeming *r = ctx;
    (void)result;
    if (!resume_keys(r, error))
        return;
    flow_wait(r->flow);
    keys_bind_user(r->flow->api->keys, r->connection, r->user, on_bound, r);
}

static void on_found(void *ctx, int error, const struct store_redeem *redeem) {
    struct redeeming *r = ctx;
    if (!resume(r))
        return;
    if (error != 0) {
        end(r, error, true);
        return;
    }
    snprintf(r->user, sizeof(r->user), "%s", redeem->user);
    snprintf(r->connection, sizeof(r->connection), "%s", redeem->connection);
    words_split(redeem->scopes, &r->scopes);
    flow_wait(r->flow);
    keys_create(r->flow->api->keys, CLOISTER__KEY_KIND__KEY_USER, r->user, r->user, on_user_key, r);
}

void flow_redeem(struct flow *flow, const uint8_t code_hash[static TOKEN_HASH_LEN],
                 const char *frontend, const char *name, bool with_grant, redeemed *done) {
    struct redeeming *r = calloc(1, sizeof(*r));
    if (r == NULL)
        fatal("out of memory");
    r->flow = flow;
    r->done = done;
    r->with_grant = with_grant;
    memcpy(r->code_hash, code_hash, TOKEN_HASH_LEN);
    snprintf(r->frontend, sizeof(r->frontend), "%s", frontend);
    char new_user[ID_LEN + 1];
    id_random(new_user);
    flow_wait(flow);
    store_redeem_begin(flow->api->store, r->code_hash, r->frontend, name, new_user, on_found, r);
}

void flow_fail_redeem(struct flow *flow, int error, const char *action_url) {
    switch (error) {
    case -ENOENT:
        flow_fail(flow, 400, "code_invalid",
                  "This code is not valid for this user, has been used, or has expired.", false);
        break;
    case -EACCES:
        flow_fail_at(flow, 409, "wrong_account",
                     "This is another Google account than the one that was connected before. "
                     "Choose that one, or make a link for switching accounts.",
                     false, action_url);
        break;
    case -ENOKEY:
        flow_fail_keys(flow);
        break;
    default:
        flow_fail_store(flow, error);
        break;
    }
}

/* ---- for a frontend ---- */

static void on_redeemed(struct flow *flow, const struct redemption *redemption) {
    if (redemption->error != 0) {
        flow_fail_redeem(flow, redemption->error, "");
        return;
    }
    Cloister__Redeemed body = CLOISTER__REDEEMED__INIT;
    body.request = flow->request;
    body.grant = (char *)(uintptr_t)redemption->grant;
    body.n_scopes = redemption->n_scopes;
    body.scopes = (char **)(uintptr_t)redemption->scopes;
    Cloister__Message message = MSG_OF(REDEEMED, redeemed, &body);
    flow_reply(flow, &message);
}

void api_redeem(struct api *api, struct gateway_end *end, const Cloister__Redeem *request) {
    struct flow *flow = flow_new(api, sizeof(*flow), end, request->request);
    if (!flow_caller_sound(flow, request->caller))
        return;
    if (strcmp(request->caller->frontend, WEB_FRONTEND) == 0) {
        flow_fail(flow, 403, "not_allowed",
                  "Connections of the web pages are redeemed without a frontend.", false);
        return;
    }
    if (!token_valid(request->code)) {
        flow_fail_redeem(flow, -ENOENT, "");
        return;
    }
    uint8_t code_hash[TOKEN_HASH_LEN];
    token_hash("code", request->code, code_hash);
    flow_redeem(flow, code_hash, request->caller->frontend, request->caller->user, true,
                on_redeemed);
}
