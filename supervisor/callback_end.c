/* The token is stored: whose connection it becomes. The Google account has to be the one that the
 * user had before; then the browser takes a code to the frontend, which redeems it. The web pages'
 * connections are redeemed here, so that no code stands in any address. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/callback_flow.h"
#include "supervisor/connect_features.h"
#include "supervisor/web_sessions.h"
#include "supervisor/words.h"

/* When this fails, the reconciler finds the row by its age. */
static void on_given_up(void *ctx, int error) {
    (void)ctx;
    (void)error;
}

/* Nothing will come of this connection: the reconciler destroys its key. */
static void give_up(struct callback_flow *f) {
    struct api *api = f->flow.api;
    if (f->connection[0] == '\0')
        return;
    store_discard(api->store, f->connection, on_given_up, NULL);
    reconciler_kick(api->reconciler);
}

static void set_error_url(struct callback_flow *f, const char *error) {
    snprintf(f->error_url, sizeof(f->error_url), "%s", f->return_to);
    if (url_append(f->error_url, sizeof(f->error_url), "error", error) < 0)
        f->error_url[0] = '\0';
}

void callback_fail(struct callback_flow *f, unsigned status, const char *code, const char *detail,
                   bool retryable, const char *error) {
    give_up(f);
    set_error_url(f, error);
    flow_fail_at(&f->flow, status, code, detail, retryable, f->error_url);
}

static void fail_unkept(struct callback_flow *f) {
    callback_fail(f, 502, "connect_failed", "The connection could not be kept. Ask for a new link.",
                  false, "connect_failed");
}

static void redirect(struct callback_flow *f, char *location) {
    Cloister__ConnectRedirect body = CLOISTER__CONNECT_REDIRECT__INIT;
    body.request = f->flow.request;
    body.location = location;
    Cloister__Message message = MSG_OF(CONNECT_REDIRECT, connect_redirect, &body);
    flow_reply(&f->flow, &message);
}

/* ---- for the web pages ---- */

/* "connected", or "missing=<features that were asked for and not granted>" */
static void outcome(const struct callback_flow *f, const struct redemption *redemption, char *out,
                    size_t cap) {
    SCOPE_WORDS struct words asked;
    words_split(f->features, &asked);
    size_t used = 0;
    for (size_t i = 0; i < asked.n && used < cap; i++)
        if (!feature_granted(asked.list[i], redemption->scopes, redemption->n_scopes))
            used += (size_t)snprintf(out + used, cap - used, "%s%s", used == 0 ? "missing=" : ",",
                                     asked.list[i]);
    if (used == 0)
        snprintf(out, cap, "connected");
}

static void on_redeemed(struct flow *flow, const struct redemption *redemption) {
    struct callback_flow *f = (struct callback_flow *)flow;
    if (redemption->error == -ENOENT) { /* its row went away meanwhile */
        fail_unkept(f);
        return;
    }
    if (redemption->error != 0) {
        give_up(f);
        set_error_url(f, redemption->error == -EACCES ? "wrong_account" : "connect_failed");
        flow_fail_redeem(flow, redemption->error, f->error_url);
        return;
    }
    char query[160], location[RETURN_TO_MAX + sizeof(query) + 2];
    outcome(f, redemption, query, sizeof(query));
    if (url_join(location, RETURN_TO_MAX, config_str(flow->api->config, CONFIG_gateway_public_url),
                 "") < 0) {
        flow_fail(flow, 500, "internal", "The operator's public address is too long.", false);
        return;
    }
    strcat(strcat(location, "?"), query);
    redirect(f, location);
}

/* ---- the code ---- */

static void on_minted(void *ctx, int error) {
    struct callback_flow *f = ctx;
    if (!flow_resume(&f->flow))
        return;
    if (error == -EACCES || error == -EAGAIN) {
        give_up(f);
        set_error_url(f, "wrong_account");
        flow_fail_redeem(&f->flow, error, f->error_url);
        return;
    }
    if (error != 0) {
        fail_unkept(f);
        return;
    }
    if (strcmp(f->frontend, WEB_FRONTEND) == 0) {
        uint8_t hash[TOKEN_HASH_LEN];
        token_hash("code", f->code, hash);
        flow_redeem(&f->flow, hash, f->frontend, f->user, false, on_redeemed);
        return;
    }
    char location[LOCATION_MAX];
    snprintf(location, sizeof(location), "%s", f->return_to);
    if (url_append(location, sizeof(location), "code", f->code) < 0)
        fail_unkept(f);
    else
        redirect(f, location);
    explicit_bzero(location, sizeof(location));
}

void callback_keep(struct callback_flow *f) {
    uint8_t hash[TOKEN_HASH_LEN];
    token_random(f->code);
    token_hash("code", f->code, hash);
    flow_wait(&f->flow);
    store_code_mint(f->flow.api->store, f->connection, hash, on_minted, f);
}
