/* Connect links: POST …/connect-links, and the address that an error about a broken connection
 * gives. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/admit.h"
#include "supervisor/api_flow.h"
#include "supervisor/connect_features.h"
#include "supervisor/url.h"
#include "supervisor/web_sessions.h"
#include "supervisor/words.h"

#define LINK_MS      600000
#define FEATURES_MAX 16

struct link_flow {
    struct flow flow;
    char link[TOKEN_LEN + 1];
    int64_t expires_at_ms;
    char frontend[FRONTEND_MAX + 1], user[USER_NAME_MAX + 1];
    char features[128], return_to[RETURN_TO_MAX + 1];
    bool switch_account;
    /* For api_reconnect_url. */
    void (*made)(void *ctx, const char *url);
    void *ctx;
};

/* "<public_url>/connect/<token>" */
static int link_url(const struct api *api, const char *link, char *out, size_t cap) {
    char path[16 + TOKEN_LEN];
    snprintf(path, sizeof(path), "connect/%s", link);
    int r = url_join(out, cap, config_str(api->config, CONFIG_gateway_public_url), path);
    explicit_bzero(path, sizeof(path));
    return r;
}

/* What is wrong with the request; NULL: nothing. */
static const char *check(const Cloister__ConnectLinkCreate *request) {
    if (request->n_features == 0 || request->n_features > FEATURES_MAX)
        return "features: name at least one of " FEATURES_NAMES ".";
    for (size_t i = 0; i < request->n_features; i++)
        if (!feature_known(request->features[i]))
            return "features: unknown; allowed are " FEATURES_NAMES ".";
    if (!url_valid(request->return_to))
        return "return_to: an http or https address of at most 1024 characters, without user name "
               "or "
               "fragment.";
    return NULL;
}

static void on_created(void *ctx, int error) {
    struct link_flow *f = ctx;
    if (!flow_resume(&f->flow))
        return;
    if (error != 0) {
        flow_fail_store(&f->flow, error);
        return;
    }
    char url[LOCATION_MAX / 4];
    if (link_url(f->flow.api, f->link, url, sizeof(url)) < 0) {
        flow_fail(&f->flow, 500, "internal", "The operator's public address is too long.", false);
        return;
    }
    Cloister__ConnectLink body = CLOISTER__CONNECT_LINK__INIT;
    body.request = f->flow.request;
    body.url = url;
    body.expires_at_ms = f->expires_at_ms;
    Cloister__Message message = MSG_OF(CONNECT_LINK, connect_link, &body);
    flow_reply(&f->flow, &message);
    explicit_bzero(url, sizeof(url));
}

/* Each feature once, in the table's order. */
static void wanted_features(const Cloister__ConnectLinkCreate *request, char *out, size_t cap) {
    size_t used = 0;
    *out = '\0';
    for (size_t i = 0; feature_name(i) != NULL; i++)
        if (words_has(request->features, request->n_features, feature_name(i)))
            used += (size_t)snprintf(out + used, cap - used, "%s%s", used > 0 ? " " : "",
                                     feature_name(i));
}

static void create(struct link_flow *f) {
    uint8_t hash[TOKEN_HASH_LEN];
    token_random(f->link);
    token_hash("link", f->link, hash);
    f->expires_at_ms = wall_ms() + LINK_MS;
    struct store_link link = {hash,        f->frontend,  f->user,
                              f->features, f->return_to, f->switch_account};
    flow_wait(&f->flow);
    store_link_create(f->flow.api->store, &link, on_created, f);
}

static void create_admitted(struct flow *flow, const char *user) {
    (void)user;
    create((struct link_flow *)flow);
}

void api_connect_link_create(struct api *api, struct gateway_end *end,
                             const Cloister__ConnectLinkCreate *request) {
    struct link_flow *f = flow_new(api, sizeof(*f), end, request->request);
    if (!flow_caller_sound(&f->flow, request->caller))
        return;
    const char *wrong = check(request);
    if (wrong != NULL) {
        flow_fail(&f->flow, 400, "invalid_field", wrong, false);
        return;
    }
    if (config_str(api->config, CONFIG_google_client_id)[0] == '\0') {
        flow_fail(&f->flow, 503, "connect_failed", "The operator has not set [google] client_id.",
                  false);
        return;
    }
    snprintf(f->frontend, sizeof(f->frontend), "%s", request->caller->frontend);
    snprintf(f->user, sizeof(f->user), "%s", request->caller->user);
    snprintf(f->return_to, sizeof(f->return_to), "%s", request->return_to);
    wanted_features(request, f->features, sizeof(f->features));
    f->switch_account = request->switch_account;
    if (f->switch_account)
        flow_admit(&f->flow, request->caller, create_admitted);
    else
        create(f);
}

/* ---- reconnecting ---- */

void api_regrant_url(struct api *api, const char *frontend, const char *user,
                     void (*made)(void *ctx, const char *url), void *ctx) {
    if (strcmp(frontend, WEB_FRONTEND) != 0) {
        api_reconnect_url(api, user, made, ctx);
        return;
    }
    char url[LOCATION_MAX / 4];
    if (url_join(url, sizeof(url), config_str(api->config, CONFIG_gateway_public_url), "login") < 0)
        url[0] = '\0';
    made(ctx, url);
}

static void on_renewed(void *ctx, int error) {
    struct link_flow *f = ctx;
    if (!flow_resume(&f->flow))
        return;
    char url[LOCATION_MAX / 4] = "";
    if (error != 0 || link_url(f->flow.api, f->link, url, sizeof(url)) < 0)
        url[0] = '\0';
    void (*made)(void *, const char *) = f->made;
    void *made_ctx = f->ctx;
    f->made = NULL;
    flow_end(&f->flow);
    made(made_ctx, url);
    explicit_bzero(url, sizeof(url));
}

/* Ended by api_free: whoever waits is still told. */
static void clean_renewal(struct flow *flow) {
    struct link_flow *f = (struct link_flow *)flow;
    if (f->made != NULL)
        f->made(f->ctx, "");
}

void api_reconnect_url(struct api *api, const char *user, void (*made)(void *ctx, const char *url),
                       void *ctx) {
    struct link_flow *f = flow_new(api, sizeof(*f), NULL, 0);
    uint8_t hash[TOKEN_HASH_LEN];
    token_random(f->link);
    token_hash("link", f->link, hash);
    f->made = made;
    f->ctx = ctx;
    f->flow.clean = clean_renewal;
    flow_wait(&f->flow);
    store_link_renew(api->store, user, hash, on_renewed, f);
}
