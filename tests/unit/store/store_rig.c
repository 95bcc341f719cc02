#include "tests/unit/store/store_rig.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

struct event_base *base;
struct config *config;
struct store *store;
uint8_t hashes[256][TOKEN_HASH_LEN];

void store_rig_setup(void) {
    for (int i = 0; i < 256; i++)
        memset(hashes[i], i, TOKEN_HASH_LEN);
    base = event_base_new();
    config = settings_load();
    ck_assert_int_eq(store_new(base, config, &store), 0);
    loop_until(base, store_ready(store));
}

void store_rig_teardown(void) {
    store_free(store);
    config_free(config);
    event_base_free(base);
    postgres_restart();
    postgres_clean();
}

/* ---- waiting for an answer ---- */

struct rig_got got;

void begin(void) {
    memset(&got, 0, sizeof(got));
}

int await(void) {
    ck_assert_int_eq(got.calls, 0); /* never from inside the call */
    loop_until(base, got.calls > 0);
    ck_assert_int_eq(got.calls, 1);
    return got.error;
}

void on_done(void *ctx, int error) {
    (void)ctx;
    got.calls++;
    got.error = error;
}

static void on_session(void *ctx, int error, const struct store_session *session) {
    on_done(ctx, error);
    if (error != 0)
        return;
    got.session = *session;
    got.n = session->state->n_preferences;
    snprintf(got.refresh, sizeof(got.refresh), "%.*s", (int)session->state->refresh.len,
             (const char *)session->state->refresh.data);
    for (size_t i = 0; i < session->state->n_scopes; i++)
        snprintf(got.text + strlen(got.text), sizeof(got.text) - strlen(got.text), "%s;",
                 session->state->scopes[i]);
    for (size_t i = 0; i < got.n && i < 8; i++)
        snprintf(got.ids + strlen(got.ids), sizeof(got.ids) - strlen(got.ids), "%s=%.*s;",
                 session->state->preferences[i]->id,
                 (int)session->state->preferences[i]->sealed.len,
                 (const char *)session->state->preferences[i]->sealed.data);
    if (got.n > 0)
        ck_assert(llabs(session->state->preferences[0]->created_at_ms - wall_ms()) < 60000);
}

int session(const char *frontend, const char *name, const uint8_t *key) {
    return RUN(store_session(store, frontend, name, key, on_session, NULL));
}

static void on_opening(void *ctx, int error, const struct store_opening *opening) {
    on_done(ctx, error);
    if (error == 0) {
        strcpy(got.id, opening->connection);
        snprintf(got.text, sizeof(got.text), "%s", opening->features);
    }
}

static void on_return(void *ctx, int error, const struct store_return *back) {
    on_done(ctx, error);
    if (error == 0) {
        strcpy(got.id, back->connection);
        snprintf(got.text, sizeof(got.text), "%s", back->return_to);
    }
}

static void on_redeem(void *ctx, int error, const struct store_redeem *redeem) {
    on_done(ctx, error);
    if (error == 0) {
        strcpy(got.id, redeem->connection);
        strcpy(got.user, redeem->user);
        snprintf(got.text, sizeof(got.text), "%s", redeem->scopes);
    }
}

void on_row(void *ctx, int error, const struct store_connection *row) {
    on_done(ctx, error);
    if (error != 0)
        return;
    got.row = *row;
    snprintf(got.text, sizeof(got.text), "%s|%s", row->scopes, row->features);
    snprintf(got.refresh, sizeof(got.refresh), "%.*s", (int)row->refresh_len,
             (const char *)row->refresh);
}

void on_rows(void *ctx, int error, const struct store_connection *rows, size_t n) {
    on_done(ctx, error);
    got.n = n;
    for (size_t i = 0; i < n; i++)
        snprintf(got.ids + strlen(got.ids), sizeof(got.ids) - strlen(got.ids), "%.4s:%s ",
                 rows[i].id + 28, rows[i].state);
}

/* ---- steps ---- */

int create_link(uint8_t *hash, const char *name) {
    struct store_link link = {hash, "web", name, "availability events", BACK, false};
    return RUN(store_link_create(store, &link, on_done, NULL));
}

int prepare(uint8_t *link, uint8_t *cookie, const char *id) {
    return RUN(store_link_prepare(store, link, cookie, id, on_opening, NULL));
}

int open_link(uint8_t *link, uint8_t *old, uint8_t *cookie, uint8_t *state) {
    return RUN(store_link_open(store, link, old, cookie, state, on_done, NULL));
}

int back(uint8_t *state, uint8_t *cookie) {
    return RUN(store_link_return(store, state, cookie, on_return, NULL));
}

int put_token(const char *id, const char *token) {
    Cloister__PutToken put = CLOISTER__PUT_TOKEN__INIT;
    char *scopes[] = {"openid", "https://www.googleapis.com/auth/calendar.events"};
    put.refresh.data = (uint8_t *)(uintptr_t)token;
    put.refresh.len = strlen(token);
    put.version = 3;
    put.n_scopes = 2;
    put.scopes = scopes;
    put.subject_tag.data = H(200);
    put.subject_tag.len = SUBJECT_TAG_LEN;
    return RUN(store_put_token(store, id, &put, on_done, NULL));
}

int mint(const char *id, uint8_t *code) {
    return RUN(store_code_mint(store, id, code, on_done, NULL));
}

int redeem(uint8_t *code, const char *frontend, const char *name, const char *user) {
    return RUN(store_redeem_begin(store, code, frontend, name, user, on_redeem, NULL));
}

int commit(uint8_t *code, const char *user, const char *id) {
    return RUN(store_redeem_commit(store, code, user, id, on_done, NULL));
}

void connect_user(const char *name, const char *user, const char *id, int n) {
    ck_assert_int_eq(create_link(H(n), name), 0);
    ck_assert_int_eq(prepare(H(n), NULL, id), 0);
    ck_assert_int_eq(open_link(H(n), NULL, H(n + 1), H(n + 2)), 0);
    ck_assert_int_eq(back(H(n + 2), H(n + 1)), 0);
    ck_assert_int_eq(put_token(id, "sealed bytes"), 0);
    ck_assert_int_eq(mint(id, H(n + 3)), 0);
    ck_assert_int_eq(redeem(H(n + 3), "web", name, user), 0);
    char kept[ID_LEN + 1];
    strcpy(kept, got.user);
    ck_assert_int_eq(commit(H(n + 3), kept, id), 0);
}
