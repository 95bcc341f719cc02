/* The frontend redeems its code: the pending connection becomes the user's. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "memory/grant.h"
#include "supervisor/api_flow.h"
#include "supervisor/web_sessions.h"
#include "supervisor/words.h"

struct redeem_flow {
    struct flow flow;
    uint8_t code_hash[TOKEN_HASH_LEN];
    char user[ID_LEN + 1], connection[ID_LEN + 1];
    char frontend[FRONTEND_MAX + 1];
    char grant[GRANT_SIZE]; /* wiped with the flow */
    struct words scopes;
};

static void clean(struct flow *flow) {
    words_done(&((struct redeem_flow *)flow)->scopes);
}

static void fail_code(struct redeem_flow *f, int error) {
    if (error == -ENOENT)
        flow_fail(&f->flow, 400, "code_invalid",
                  "This code is not valid for this user, has been used, or has expired.", false);
    else /* -EEXIST: another code of the same user won just now */
        flow_fail_store(&f->flow, error == -EEXIST ? -EAGAIN : error);
}

static void on_committed(void *ctx, int error) {
    struct redeem_flow *f = ctx;
    if (!flow_resume(&f->flow))
        return;
    if (error != 0) {
        fail_code(f, error);
        return;
    }
    reconciler_kick(f->flow.api->reconciler); /* an earlier connection may have to go */
    Cloister__Redeemed body = CLOISTER__REDEEMED__INIT;
    body.request = f->flow.request;
    body.grant = f->grant;
    body.n_scopes = f->scopes.n;
    body.scopes = f->scopes.list;
    Cloister__Message message = MSG_OF(REDEEMED, redeemed, &body);
    flow_reply(&f->flow, &message);
}

/* The grant leaves only once the code was found to be unused. */
static void on_grant(void *ctx, int error, const Cloister__KeyResult *result) {
    struct redeem_flow *f = ctx;
    if (!flow_resume(&f->flow))
        return;
    if (error != 0 || result->grant[0] == '\0' || strlen(result->grant) >= sizeof(f->grant)) {
        flow_fail_keys(&f->flow);
        return;
    }
    strcpy(f->grant, result->grant);
    flow_wait(&f->flow);
    store_redeem_commit(f->flow.api->store, f->code_hash, f->user, f->connection, on_committed, f);
}

static void on_bound(void *ctx, int error, const Cloister__KeyResult *result) {
    struct redeem_flow *f = ctx;
    (void)result;
    if (!flow_resume(&f->flow))
        return;
    if (error != 0) {
        flow_fail_keys(&f->flow);
        return;
    }
    flow_wait(&f->flow);
    keys_grant_mint(f->flow.api->keys, f->user, f->frontend, on_grant, f);
}

static void on_user_key(void *ctx, int error, const Cloister__KeyResult *result) {
    struct redeem_flow *f = ctx;
    (void)result;
    if (!flow_resume(&f->flow))
        return;
    if (error != 0) {
        flow_fail_keys(&f->flow);
        return;
    }
    flow_wait(&f->flow);
    keys_bind_user(f->flow.api->keys, f->connection, f->user, on_bound, f);
}

static void on_found(void *ctx, int error, const struct store_redeem *redeem) {
    struct redeem_flow *f = ctx;
    if (!flow_resume(&f->flow))
        return;
    if (error != 0) {
        fail_code(f, error);
        return;
    }
    snprintf(f->user, sizeof(f->user), "%s", redeem->user);
    snprintf(f->connection, sizeof(f->connection), "%s", redeem->connection);
    words_split(redeem->scopes, &f->scopes);
    flow_wait(&f->flow);
    keys_create(f->flow.api->keys, CLOISTER__KEY_KIND__KEY_USER, f->user, f->user, on_user_key, f);
}

void api_redeem(struct api *api, struct gateway_end *end, const Cloister__Redeem *request) {
    struct redeem_flow *f = flow_new(api, sizeof(*f), end, request->request);
    f->flow.clean = clean;
    if (!flow_caller_sound(&f->flow, request->caller))
        return;
    if (!token_valid(request->code)) {
        fail_code(f, -ENOENT);
        return;
    }
    if (strcmp(request->caller->frontend, WEB_FRONTEND) == 0) {
        flow_fail(&f->flow, 403, "not_allowed",
                  "Connections of the web pages are redeemed without a frontend.", false);
        return;
    }
    snprintf(f->frontend, sizeof(f->frontend), "%s", request->caller->frontend);
    char new_user[ID_LEN + 1];
    id_random(new_user);
    token_hash("code", request->code, f->code_hash);
    flow_wait(&f->flow);
    store_redeem_begin(api->store, f->code_hash, request->caller->frontend, request->caller->user,
                       new_user, on_found, f);
}
