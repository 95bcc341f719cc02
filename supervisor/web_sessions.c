#include "supervisor/web_sessions.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "ipc/log.h"
#include "supervisor/api_flow.h"
#include "supervisor/store_sign_in.h"
#include "supervisor/web_sessions_content.h"

void web_session_hash(const char *cookie, uint8_t out[static TOKEN_HASH_LEN]) {
    token_hash("session", cookie, out);
}

/* ---- showing ---- */

struct show_flow {
    struct flow flow;
    char cookie[TOKEN_LEN + 1];
    char *csrf; /* NULL: not asked for */
    bool rotate;
    web_session_done *done; /* NULL: told */
    void *ctx;
    struct web_session session;
    struct session_content content;
};

static void tell(struct show_flow *f, int error) {
    (take_ptr(f->done))(f->ctx, error, error == 0 ? &f->session : NULL);
}

/* Ended by api_free: whoever waits is still told. */
static void clean_show(struct flow *flow) {
    struct show_flow *f = (struct show_flow *)flow;
    free(f->csrf);
    if (f->done != NULL)
        tell(f, -EAGAIN);
}

static void end_show(struct show_flow *f, int error) {
    tell(f, error);
    flow_end(&f->flow);
}

/* A cookie that could not be replaced stays good: it is due again next time. */
static void on_rotated(void *ctx, int error) {
    struct show_flow *f = ctx;
    if (!flow_resume(&f->flow))
        return;
    if (error != 0)
        f->session.cookie[0] = '\0';
    end_show(f, 0);
}

/* The content moves under the key of the new cookie while it is here in plain. */
static void rotate(struct show_flow *f) {
    uint8_t present[TOKEN_HASH_LEN], next[TOKEN_HASH_LEN], sealed[SESSION_SEALED_MAX];
    struct store_web_session row = {.sealed = sealed};
    token_random(f->session.cookie);
    memcpy(row.id, f->session.id, sizeof(row.id));
    memcpy(row.user, f->session.user, sizeof(row.user));
    row.sealed_len = session_content_seal(&f->content, f->session.cookie, row.id, row.user, sealed);
    web_session_hash(f->cookie, present);
    web_session_hash(f->session.cookie, next);
    flow_wait(&f->flow);
    store_web_session_rotate(f->flow.api->store, &row, present, next, on_rotated, f);
}

static bool csrf_matches(const struct show_flow *f) {
    return f->csrf == NULL || (strlen(f->csrf) == TOKEN_LEN &&
                               sodium_memcmp(f->csrf, f->session.csrf, TOKEN_LEN) == 0);
}

static void fill(struct show_flow *f, const struct store_web_session *row) {
    memcpy(f->session.id, row->id, sizeof(row->id));
    memcpy(f->session.user, row->user, sizeof(row->user));
    memcpy(f->session.name, row->name, sizeof(row->name));
    f->session.grant = f->content.grant;
    f->session.account = f->content.account;
    f->session.left_s = row->left_ms / 1000;
    base64url_encode(f->content.csrf, sizeof(f->content.csrf), f->session.csrf);
}

static void on_shown(void *ctx, int error, const struct store_web_session *row) {
    struct show_flow *f = ctx;
    if (!flow_resume(&f->flow))
        return;
    if (error == -ESTALE)
        log_warn("a web session's cookie was used long after it had been replaced, so two had it: "
                 "that session has been ended");
    if (error == 0 && session_content_open(&f->content, f->cookie, row->id, row->user, row->sealed,
                                           row->sealed_len) < 0) {
        log_error("what a web session keeps does not open with its cookie");
        error = -ENOENT;
    }
    if (error != 0) {
        end_show(f, error == -ESTALE ? -ENOENT : error);
        return;
    }
    fill(f, row);
    if (!csrf_matches(f))
        end_show(f, -EACCES);
    else if (f->rotate && row->due)
        rotate(f);
    else
        end_show(f, 0);
}

void web_session_show(struct api *api, const char *cookie, const char *csrf, bool rotate,
                      web_session_done *done, void *ctx) {
    struct show_flow *f = flow_new(api, sizeof(*f), NULL, 0);
    uint8_t hash[TOKEN_HASH_LEN];
    f->flow.clean = clean_show;
    f->done = done;
    f->ctx = ctx;
    f->rotate = rotate;
    if (csrf != NULL && (f->csrf = strdup(csrf)) == NULL)
        fatal("out of memory");
    /* One of another length is nobody's; its hash is looked up all the same. */
    snprintf(f->cookie, sizeof(f->cookie), "%s", cookie);
    web_session_hash(cookie, hash);
    flow_wait(&f->flow);
    store_web_session_show(api->store, hash, on_shown, f);
}

/* ---- making ---- */

void web_session_make(struct api *api, const struct web_session *session, const char *cookie,
                      store_done *done, void *ctx) {
    uint8_t hash[TOKEN_HASH_LEN], sealed[SESSION_SEALED_MAX];
    struct session_content content = {0};
    struct store_web_session row = {.sealed = sealed};
    randombytes_buf(content.csrf, sizeof(content.csrf));
    snprintf(content.grant, sizeof(content.grant), "%s", session->grant);
    snprintf(content.account, sizeof(content.account), "%s", session->account);
    id_random(row.id);
    memcpy(row.user, session->user, sizeof(row.user));
    row.sealed_len = session_content_seal(&content, cookie, row.id, row.user, sealed);
    explicit_bzero(&content, sizeof(content));
    web_session_hash(cookie, hash);
    store_web_session_make(api->store, &row, hash, done, ctx);
}

/* ---- renewing ---- */

struct renew_flow {
    struct flow flow;
    char cookie[TOKEN_LEN + 1];
    struct session_content content;
};

/* The old grant still holds, and is renewed again at its next use. */
static void on_renewed(void *ctx, int error) {
    struct renew_flow *f = ctx;
    (void)error;
    if (flow_resume(&f->flow))
        flow_end(&f->flow);
}

static void on_peeked(void *ctx, int error, const struct store_web_session *row) {
    struct renew_flow *f = ctx;
    struct session_content present;
    if (!flow_resume(&f->flow))
        return;
    if (error != 0 || session_content_open(&present, f->cookie, row->id, row->user, row->sealed,
                                           row->sealed_len) < 0) {
        flow_end(&f->flow);
        return;
    }
    uint8_t hash[TOKEN_HASH_LEN], sealed[SESSION_SEALED_MAX];
    struct store_web_session fresh = *row;
    memcpy(present.grant, f->content.grant, sizeof(present.grant));
    fresh.sealed = sealed;
    fresh.sealed_len = session_content_seal(&present, f->cookie, row->id, row->user, sealed);
    explicit_bzero(&present, sizeof(present));
    web_session_hash(f->cookie, hash);
    flow_wait(&f->flow);
    store_web_session_renew(f->flow.api->store, &fresh, hash, on_renewed, f);
}

void web_session_renew(struct api *api, const char *cookie, const char *grant) {
    struct renew_flow *f = flow_new(api, sizeof(*f), NULL, 0);
    uint8_t hash[TOKEN_HASH_LEN];
    if (!token_valid(cookie) || strlen(grant) >= sizeof(f->content.grant)) {
        flow_end(&f->flow);
        return;
    }
    snprintf(f->cookie, sizeof(f->cookie), "%s", cookie);
    snprintf(f->content.grant, sizeof(f->content.grant), "%s", grant);
    web_session_hash(cookie, hash);
    flow_wait(&f->flow);
    store_web_session_peek(api->store, hash, on_peeked, f);
}
