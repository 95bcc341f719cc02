/* Every operation of the store against a real server. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/store_connect.h"
#include "tests/unit/store/loop.h"
#include "tests/unit/store/postgres.h"
#include "tests/unit/store/settings.h"

#define ID_A  "000000000000000000000000000000aa"
#define ID_B  "000000000000000000000000000000bb"
#define ID_C  "000000000000000000000000000000cc"
#define USER1 "11111111111111111111111111111111"
#define USER2 "22222222222222222222222222222222"
#define BACK  "https://app.test/back?x=1"

static struct event_base *base;
static struct config *config;
static struct store *store;
static uint8_t hashes[256][TOKEN_HASH_LEN];
#define H(n) hashes[n]

static void setup(void) {
    for (int i = 0; i < 256; i++)
        memset(hashes[i], i, TOKEN_HASH_LEN);
    base = event_base_new();
    config = settings_load();
    ck_assert_int_eq(store_new(base, config, &store), 0);
    loop_until(base, store_ready(store));
}

static void teardown(void) {
    store_free(store);
    config_free(config);
    event_base_free(base);
    postgres_restart();
    postgres_clean();
}

/* ---- waiting for an answer ---- */

static struct {
    int calls, error;
    size_t n;
    struct store_session session;
    char text[256], refresh[64], id[ID_LEN + 1], state[16], ids[16 * 40];
    struct store_connection row;
    char user[ID_LEN + 1];
} got;

static void begin(void) {
    memset(&got, 0, sizeof(got));
}

static int await(void) {
    ck_assert_int_eq(got.calls, 0); /* never from inside the call */
    loop_until(base, got.calls > 0);
    ck_assert_int_eq(got.calls, 1);
    return got.error;
}

static void on_done(void *ctx, int error) {
    (void)ctx;
    got.calls++;
    got.error = error;
}

#define RUN(call)                                                                                  \
    ({                                                                                             \
        begin();                                                                                   \
        call;                                                                                      \
        await();                                                                                   \
    })

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

static int session(const char *frontend, const char *name, const uint8_t *key) {
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

static void on_row(void *ctx, int error, const struct store_connection *row) {
    on_done(ctx, error);
    if (error != 0)
        return;
    got.row = *row;
    snprintf(got.text, sizeof(got.text), "%s|%s", row->scopes, row->features);
    snprintf(got.refresh, sizeof(got.refresh), "%.*s", (int)row->refresh_len,
             (const char *)row->refresh);
}

static void on_rows(void *ctx, int error, const struct store_connection *rows, size_t n) {
    on_done(ctx, error);
    got.n = n;
    for (size_t i = 0; i < n; i++)
        snprintf(got.ids + strlen(got.ids), sizeof(got.ids) - strlen(got.ids), "%.4s:%s ",
                 rows[i].id + 28, rows[i].state);
}

/* ---- steps ---- */

static int create_link(uint8_t *hash, const char *name) {
    struct store_link link = {hash, "web", name, "availability events", BACK, false};
    return RUN(store_link_create(store, &link, on_done, NULL));
}

static int prepare(uint8_t *link, uint8_t *cookie, const char *id) {
    return RUN(store_link_prepare(store, link, cookie, id, on_opening, NULL));
}

static int open_link(uint8_t *link, uint8_t *old, uint8_t *cookie, uint8_t *state) {
    return RUN(store_link_open(store, link, old, cookie, state, on_done, NULL));
}

static int back(uint8_t *state, uint8_t *cookie) {
    return RUN(store_link_return(store, state, cookie, on_return, NULL));
}

static int put_token(const char *id, const char *token) {
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

static int mint(const char *id, uint8_t *code) {
    return RUN(store_code_mint(store, id, code, on_done, NULL));
}

static int redeem(uint8_t *code, const char *frontend, const char *name, const char *user) {
    return RUN(store_redeem_begin(store, code, frontend, name, user, on_redeem, NULL));
}

static int commit(uint8_t *code, const char *user, const char *id) {
    return RUN(store_redeem_commit(store, code, user, id, on_done, NULL));
}

/* From link to active connection; n makes the tokens distinct. */
static void connect_user(const char *name, const char *user, const char *id, int n) {
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

/* ---- links ---- */

START_TEST(a_link_goes_from_open_to_redeemed) {
    ck_assert_int_eq(create_link(H(1), "zoë"), 0);
    ck_assert_int_eq(prepare(H(1), NULL, ID_A), 0);
    ck_assert_str_eq(got.id, ID_A);
    ck_assert_str_eq(got.text, "availability events");
    ck_assert_int_eq(open_link(H(1), NULL, H(2), H(3)), 0);
    ck_assert_int_eq(back(H(3), H(2)), 0);
    ck_assert_str_eq(got.id, ID_A);
    ck_assert_str_eq(got.text, BACK);
    ck_assert_int_eq(mint(ID_A, H(4)), -ENOENT); /* no token yet */
    ck_assert_int_eq(put_token(ID_A, "sealed"), 0);
    ck_assert_int_eq(put_token(ID_A, "again"), -ENOENT);
    ck_assert_int_eq(mint(ID_A, H(4)), 0);
    ck_assert_int_eq(mint(ID_A, H(5)), -ENOENT); /* one code */
    ck_assert_int_eq(redeem(H(4), "web", "zoë", USER1), 0);
    ck_assert_str_eq(got.user, USER1);
    ck_assert_str_eq(got.text, "openid https://www.googleapis.com/auth/calendar.events");
    ck_assert_int_eq(redeem(H(4), "web", "zoë", USER2), 0); /* nothing is used up yet */
    ck_assert_str_eq(got.user, USER1);
    ck_assert_int_eq(commit(H(4), USER1, ID_A), 0);
    ck_assert_int_eq(commit(H(4), USER1, ID_A), -ENOENT);
    ck_assert_int_eq(redeem(H(4), "web", "zoë", USER2), -ENOENT);
    ck_assert_int_eq(session("web", "zoë", NULL), 0);
    ck_assert_str_eq(got.session.connection, ID_A);
    ck_assert_str_eq(got.session.connection_state, "active");
    ck_assert_str_eq(got.refresh, "sealed");
    ck_assert_str_eq(got.text, "openid;https://www.googleapis.com/auth/calendar.events;");
}
END_TEST

START_TEST(a_link_belongs_to_one_browser) {
    ck_assert_int_eq(prepare(H(9), NULL, ID_A), -ENOENT);
    ck_assert_int_eq(create_link(H(1), "a"), 0);
    ck_assert_int_eq(prepare(H(1), NULL, ID_A), 0);
    ck_assert_int_eq(prepare(H(1), NULL, ID_B),
                     0); /* two before either opened: the same connection */
    ck_assert_str_eq(got.id, ID_A);
    ck_assert_int_eq(open_link(H(1), NULL, H(2), H(3)), 0);
    ck_assert_int_eq(open_link(H(1), NULL, H(4), H(5)), -EACCES);
    ck_assert_int_eq(prepare(H(1), NULL, ID_B), -EACCES);
    ck_assert_int_eq(prepare(H(1), H(8), ID_B), -EACCES);
    ck_assert_int_eq(prepare(H(1), H(2), ID_B), 0); /* the same browser begins again */
    ck_assert_str_eq(got.id, ID_A);
    ck_assert_int_eq(open_link(H(1), H(2), H(6), H(7)), 0);
    ck_assert_int_eq(back(H(3), H(2)), -ENOENT); /* the first state is void */
    ck_assert_int_eq(back(H(7), H(2)), -EACCES);
    ck_assert_int_eq(back(H(7), NULL), -EACCES);
    ck_assert_int_eq(back(H(7), H(6)), 0); /* and was not used up by those */
    ck_assert_int_eq(back(H(7), H(6)), -EALREADY);
    ck_assert_int_eq(prepare(H(1), H(6), ID_B), -ENOENT);
    ck_assert_int_eq(open_link(H(1), H(6), H(6), H(8)), -EACCES);
}
END_TEST

START_TEST(what_is_old_is_refused) {
    ck_assert_int_eq(create_link(H(1), "a"), 0);
    (void)postgres_sql("UPDATE connect_links SET expires_at = now() - interval '1 second'");
    ck_assert_int_eq(prepare(H(1), NULL, ID_A), -ETIME);
    (void)postgres_sql("UPDATE connect_links SET expires_at = now() + interval '1 minute'");
    ck_assert_int_eq(prepare(H(1), NULL, ID_A), 0);
    ck_assert_int_eq(open_link(H(1), NULL, H(2), H(3)), 0);
    (void)postgres_sql("UPDATE connect_links SET state_expires_at = now() - interval '1 second'");
    ck_assert_int_eq(back(H(3), H(2)), -ETIME);
    (void)postgres_sql("UPDATE connect_links SET state_expires_at = now() + interval '1 minute'");
    ck_assert_int_eq(back(H(3), H(2)), 0);
    ck_assert_int_eq(put_token(ID_A, "sealed"), 0);
    ck_assert_int_eq(mint(ID_A, H(4)), 0);
    (void)postgres_sql("UPDATE connect_links SET code_expires_at = now() - interval '1 second'");
    ck_assert_int_eq(redeem(H(4), "web", "a", USER1), -ENOENT);
    ck_assert_str_eq(postgres_sql("SELECT count(*) FROM users"), "0");
}
END_TEST

START_TEST(a_code_is_for_its_user_and_frontend) {
    ck_assert_int_eq(create_link(H(1), "a"), 0);
    ck_assert_int_eq(prepare(H(1), NULL, ID_A), 0);
    ck_assert_int_eq(open_link(H(1), NULL, H(2), H(3)), 0);
    ck_assert_int_eq(back(H(3), H(2)), 0);
    ck_assert_int_eq(put_token(ID_A, "sealed"), 0);
    ck_assert_int_eq(mint(ID_A, H(4)), 0);
    ck_assert_int_eq(redeem(H(4), "other", "a", USER1), -ENOENT);
    ck_assert_int_eq(redeem(H(4), "web", "b", USER1), -ENOENT);
    ck_assert_int_eq(redeem(H(5), "web", "a", USER1), -ENOENT);
    ck_assert_str_eq(postgres_sql("SELECT count(*) FROM users"), "0");
    ck_assert_int_eq(redeem(H(4), "web", "a", USER1), 0);
}
END_TEST

START_TEST(unopened_links_are_few) {
    for (int i = 0; i < 40; i++)
        ck_assert_int_eq(create_link(H(i), "a"), 0);
    ck_assert_str_eq(postgres_sql("SELECT count(*) FROM connect_links"), "16");
    ck_assert_int_eq(prepare(H(0), NULL, ID_A), -ENOENT);
    ck_assert_int_eq(prepare(H(39), NULL, ID_A), 0);
}
END_TEST

static const char *id_of(int n) {
    static char id[ID_LEN + 1];
    snprintf(id, sizeof(id), "%032x", n);
    return id;
}

START_TEST(unfinished_connections_are_few) {
    for (int i = 0; i < 40; i++) {
        ck_assert_int_eq(create_link(H(i), "a"), 0);
        ck_assert_int_eq(prepare(H(i), NULL, id_of(i + 1)), i < 32 ? 0 : -EBUSY);
        ck_assert_int_eq(open_link(H(i), NULL, H(100), H(100 + i)), 0);
    }
    ck_assert_str_eq(postgres_sql("SELECT count(*) FROM connections"), "32");
    ck_assert_int_eq(prepare(H(31), H(100), ID_A), 0); /* what was begun goes on */
    ck_assert_int_eq(create_link(H(50), "b"), 0);
    ck_assert_int_eq(prepare(H(50), NULL, ID_B), 0);
    /* One that is given up counts until its key has gone. */
    ck_assert_int_eq(RUN(store_discard(store, id_of(1), on_done, NULL)), 0);
    ck_assert_int_eq(prepare(H(32), H(100), ID_A), -EBUSY);
    ck_assert_int_eq(RUN(store_connection_remove(store, id_of(1), on_done, NULL)), 0);
    ck_assert_int_eq(prepare(H(32), H(100), ID_A), 0);
}
END_TEST

START_TEST(a_link_is_renewed_from_the_connection) {
    connect_user("a", USER1, ID_A, 1);
    ck_assert_int_eq(RUN(store_mark_broken(store, ID_A, on_done, NULL)), 0);
    ck_assert_int_eq(session("web", "a", NULL), 0);
    ck_assert_str_eq(got.session.connection_state, "broken");
    ck_assert_int_eq(RUN(store_link_renew(store, USER1, H(50), on_done, NULL)), 0);
    ck_assert_int_eq(RUN(store_link_renew(store, USER2, H(51), on_done, NULL)), -ENOENT);
    ck_assert_int_eq(prepare(H(50), NULL, ID_B), 0);
    ck_assert_str_eq(got.text, "availability events");
    ck_assert_str_eq(postgres_sql("SELECT frontend || user_name || return_to FROM connect_links "
                                  "WHERE connection_id = '" ID_B "'"),
                     "web"
                     "a" BACK);
}
END_TEST

/* ---- sessions ---- */

START_TEST(a_session_is_one_question) {
    ck_assert_int_eq(session("web", "a", H(90)), -ENOENT);
    connect_user("a", USER1, ID_A, 1);
    ck_assert_int_eq(session("web", "a", NULL), 0);
    ck_assert_str_eq(got.session.user, USER1);
    ck_assert(!got.session.repeated);
    ck_assert_int_eq(session("other", "a", NULL), -ENOENT);
    ck_assert_int_eq(session("web", "a' OR true --", NULL), -ENOENT);
}
END_TEST

START_TEST(an_idempotency_key_is_known_for_a_day) {
    connect_user("a", USER1, ID_A, 1);
    connect_user("b", USER2, ID_B, 11);
    ck_assert_int_eq(session("web", "a", H(90)), 0);
    ck_assert(!got.session.repeated);
    ck_assert_int_eq(session("web", "a", H(90)), 0);
    ck_assert(got.session.repeated);
    ck_assert_int_eq(session("web", "b", H(90)), 0);
    ck_assert(!got.session.repeated);
    (void)postgres_sql("UPDATE requests SET created_at = now() - interval '25 hours'");
    ck_assert_int_eq(session("web", "a", H(90)), 0);
    ck_assert(!got.session.repeated);
    ck_assert_int_eq(session("web", "a", H(90)), 0);
    ck_assert(got.session.repeated);
}
END_TEST

/* ---- preferences ---- */

static int put_preference(const char *user, const char *id, const void *sealed, size_t len) {
    Cloister__PutPreference put = CLOISTER__PUT_PREFERENCE__INIT;
    put.id = (char *)(uintptr_t)id;
    put.sealed.data = (uint8_t *)(uintptr_t)sealed;
    put.sealed.len = len;
    return RUN(store_put_preference(store, user, &put, on_done, NULL));
}

static int delete_preference(const char *user, const char *id) {
    return RUN(store_delete_preference(store, user, id, on_done, NULL));
}

START_TEST(preferences_are_the_users_own) {
    connect_user("a", USER1, ID_A, 1);
    connect_user("b", USER2, ID_B, 11);
    ck_assert_int_eq(put_preference(USER1, ID_C, "one", 3), 0);
    ck_assert_int_eq(put_preference(USER1, ID_C, "two", 3), 0); /* replaced */
    ck_assert_int_eq(put_preference(USER2, ID_C, "bad", 3), -EEXIST);
    ck_assert_int_eq(put_preference(ID_A, ID_B, "bad", 3), -ENOENT);
    ck_assert_int_eq(session("web", "a", NULL), 0);
    ck_assert_str_eq(got.ids, ID_C "=two;");
    ck_assert_int_eq(session("web", "b", NULL), 0);
    ck_assert_uint_eq(got.n, 0);
    ck_assert_int_eq(delete_preference(USER2, ID_C), -ENOENT);
    ck_assert_int_eq(delete_preference(USER1, ID_C), 0);
    ck_assert_int_eq(delete_preference(USER1, ID_C), -ENOENT);
}
END_TEST

START_TEST(preferences_are_bounded) {
    char id[ID_LEN + 1], large[1281] = {1};
    connect_user("a", USER1, ID_A, 1);
    ck_assert_int_eq(put_preference(USER1, ID_C, large, sizeof(large)), -EINVAL);
    for (int i = 0; i < 64; i++) {
        snprintf(id, sizeof(id), "%032x", i + 1);
        ck_assert_int_eq(put_preference(USER1, id, "x", 1), 0);
    }
    ck_assert_int_eq(put_preference(USER1, ID_C, "x", 1), -ENOSPC);
    ck_assert_int_eq(put_preference(USER1, id, "y", 1), 0);
    ck_assert_int_eq(session("web", "a", NULL), 0);
    ck_assert_uint_eq(got.n, 64);
    ck_assert_int_eq(delete_preference(USER1, ""), 0);
    ck_assert_int_eq(session("web", "a", NULL), 0);
    ck_assert_uint_eq(got.n, 0);
}
END_TEST

/* ---- connections ---- */

START_TEST(a_new_connection_takes_the_place_of_the_old) {
    connect_user("a", USER1, ID_A, 1);
    connect_user("a", USER2, ID_B, 11); /* the user keeps the first id */
    ck_assert_int_eq(session("web", "a", NULL), 0);
    ck_assert_str_eq(got.session.user, USER1);
    ck_assert_str_eq(got.session.connection, ID_B);
    ck_assert_int_eq(RUN(store_unfinished(store, on_rows, NULL)), 0);
    ck_assert_str_eq(got.ids, "00aa:discarded ");
    ck_assert_str_eq(postgres_sql("SELECT sealed_refresh IS NULL FROM connections "
                                  "WHERE state = 'discarded'"),
                     "t");
    ck_assert_int_eq(RUN(store_connection_remove(store, ID_A, on_done, NULL)), 0);
    ck_assert_int_eq(RUN(store_connection_remove(store, ID_B, on_done, NULL)),
                     0); /* active: stays */
    ck_assert_str_eq(postgres_sql("SELECT count(*) FROM connections"), "1");
}
END_TEST

START_TEST(a_connection_is_shown_and_ended) {
    ck_assert_int_eq(RUN(store_connection_get(store, USER1, on_row, NULL)), -ENOENT);
    ck_assert_int_eq(RUN(store_disconnect_begin(store, USER1, on_row, NULL)), -ENOENT);
    connect_user("a", USER1, ID_A, 1);
    ck_assert_int_eq(RUN(store_connection_get(store, USER1, on_row, NULL)), 0);
    ck_assert_str_eq(got.row.state, "active");
    ck_assert_str_eq(got.text, "openid https://www.googleapis.com/auth/calendar.events|"
                               "availability events");
    ck_assert(llabs(got.row.connected_at_ms - wall_ms()) < 60000);
    for (int i = 0; i < 2; i++) { /* and again, while it is under way */
        ck_assert_int_eq(RUN(store_disconnect_begin(store, USER1, on_row, NULL)), 0);
        ck_assert_str_eq(got.row.state, "disconnecting");
        ck_assert_str_eq(got.row.user, USER1);
        ck_assert_str_eq(got.row.id, ID_A);
        ck_assert_str_eq(got.refresh, "sealed bytes");
        ck_assert_uint_eq(got.row.token_version, 3);
    }
    ck_assert_int_eq(session("web", "a", NULL), 0);
    ck_assert_str_eq(got.session.connection_state, "disconnecting");
    ck_assert_int_eq(RUN(store_mark_broken(store, ID_A, on_done, NULL)), -ENOENT);
    ck_assert_int_eq(RUN(store_discard(store, ID_A, on_done, NULL)), 0);
    ck_assert_str_eq(postgres_sql("SELECT sealed_refresh IS NULL FROM connections"), "t");
    ck_assert_int_eq(RUN(store_connection_remove(store, ID_A, on_done, NULL)), 0);
    ck_assert_int_eq(session("web", "a", NULL), 0);
    ck_assert_str_eq(got.session.connection_state, "none");
    ck_assert_str_eq(got.session.connection, "");
    ck_assert_int_eq(RUN(store_connection_get(store, USER1, on_row, NULL)), 0);
    ck_assert_str_eq(got.row.state, "none");
    ck_assert_int_eq(RUN(store_disconnect_begin(store, USER1, on_row, NULL)), 0);
    ck_assert_str_eq(got.row.id, "");
}
END_TEST

START_TEST(abandoned_connections_are_given_up) {
    ck_assert_int_eq(create_link(H(1), "a"), 0);
    ck_assert_int_eq(prepare(H(1), NULL, ID_A), 0);
    ck_assert_int_eq(RUN(store_unfinished(store, on_rows, NULL)), 0);
    ck_assert_uint_eq(got.n, 0);
    (void)postgres_sql("UPDATE connections SET changed_at = now() - interval '16 minutes'");
    ck_assert_int_eq(RUN(store_unfinished(store, on_rows, NULL)), 0);
    ck_assert_str_eq(got.ids, "00aa:discarded ");
    ck_assert_int_eq(prepare(H(1), NULL, ID_B), -EAGAIN); /* until the row is gone */
    ck_assert_int_eq(RUN(store_connection_remove(store, ID_A, on_done, NULL)), 0);
    ck_assert_int_eq(prepare(H(1), NULL, ID_B), 0);
    ck_assert_str_eq(got.id, ID_B);
}
END_TEST

/* Google ends every token of an account at once: one that the owner connected again is not revoked.
 */
START_TEST(what_is_connected_again_is_not_revoked) {
    connect_user("a", USER1, ID_A, 1);
    connect_user("b", USER2, ID_B, 11);
    (void)postgres_sql("UPDATE connections SET state = 'disconnecting'");
    ck_assert_int_eq(RUN(store_unfinished(store, on_rows, NULL)), 0);
    ck_assert_str_eq(got.ids, "00aa:disconnecting 00bb:disconnecting ");
    connect_user("a", USER1, ID_C, 21);
    memset(&got, 0, sizeof(got));
    ck_assert_int_eq(RUN(store_unfinished(store, on_rows, NULL)), 0);
    ck_assert_str_eq(got.ids, "00bb:disconnecting 00aa:discarded ");
    ck_assert_str_eq(postgres_sql("SELECT count(sealed_refresh) FROM connections"), "2");
    /* Another account's is. */
    (void)postgres_sql("UPDATE connections SET state = 'disconnecting', subject_tag = "
                       "decode(repeat('07', 32), 'hex') WHERE state = 'discarded'");
    memset(&got, 0, sizeof(got));
    ck_assert_int_eq(RUN(store_unfinished(store, on_rows, NULL)), 0);
    ck_assert_str_eq(got.ids, "00bb:disconnecting 00aa:disconnecting ");
}
END_TEST

START_TEST(the_database_keeps_its_rules) {
    connect_user("a", USER1, ID_A, 1);
    ck_assert_str_eq(
        postgres_sql("SELECT string_agg(conname, ' ' ORDER BY conname) FROM pg_constraint "
                     "WHERE contype = 'f' AND confdeltype = 'r'"),
        "connections_user_id_fkey");
    /* A user with a connection cannot go before its key has gone. */
    ck_assert_str_eq(postgres_sql("DO $$ BEGIN DELETE FROM users; EXCEPTION WHEN "
                                  "foreign_key_violation THEN CREATE TABLE kept (); END $$;"
                                  "SELECT to_regclass('kept')::text"),
                     "kept");
}
END_TEST

START_TEST(nothing_but_hashes_and_sealed_bytes_is_stored) {
    connect_user("a", USER1, ID_A, 1);
    ck_assert_str_eq(
        postgres_sql("SELECT string_agg(DISTINCT data_type || ':' || column_name, ' ') FROM "
                     "information_schema.columns WHERE table_name = 'connect_links' AND "
                     "column_name LIKE '%%hash%%' AND domain_name <> 'token_hash'"),
        "");
}
END_TEST

/* ---- the database goes and comes ---- */

START_TEST(away_means_at_once_and_back_means_back) {
    connect_user("a", USER1, ID_A, 1);
    postgres_kill();
    loop_until(base, !store_ready(store));
    uint64_t begun = clock_ms();
    ck_assert_int_eq(session("web", "a", H(90)), -EAGAIN);
    ck_assert_uint_lt(clock_ms() - begun, 200);
    postgres_restart();
    loop_until(base, store_ready(store));
    ck_assert_int_eq(session("web", "a", H(90)), 0);
}
END_TEST

START_TEST(a_newer_database_is_left_alone) {
    (void)postgres_sql(
        "INSERT INTO schema_migrations (component, number) VALUES ('cloisterd', 99)");
    struct store *old;
    ck_assert_int_eq(store_new(base, config, &old), 0);
    struct store *mine = store;
    store = old;
    uint64_t end = clock_ms() + 500;
    loop_until(base, clock_ms() > end);
    ck_assert(!store_ready(old));
    ck_assert_int_eq(session("web", "a", NULL), -EAGAIN);
    store = mine;
    store_free(old);
}
END_TEST

/* The tags of before were made under another key: redeemed after the upgrade, one would pin an
 * account that nobody has. */
START_TEST(what_was_under_way_at_an_upgrade_pins_no_account) {
    ck_assert_int_eq(create_link(H(1), "a"), 0);
    ck_assert_int_eq(prepare(H(1), NULL, ID_A), 0);
    ck_assert_int_eq(open_link(H(1), NULL, H(2), H(3)), 0);
    ck_assert_int_eq(back(H(3), H(2)), 0);
    ck_assert_int_eq(put_token(ID_A, "sealed bytes"), 0);
    ck_assert_int_eq(mint(ID_A, H(4)), 0);
    store_free(store);
    (void)postgres_sql("DROP TABLE sign_ins, web_sessions; DROP INDEX connect_links_of_user;"
                       "ALTER TABLE users DROP COLUMN subject_tag;"
                       "ALTER TABLE connect_links DROP COLUMN switch_account;"
                       "DELETE FROM schema_migrations WHERE number = 2");
    ck_assert_int_eq(store_new(base, config, &store), 0);
    loop_until(base, store_ready(store));
    ck_assert_int_eq(redeem(H(4), "web", "a", USER1), 0);
    ck_assert_int_eq(commit(H(4), USER1, ID_A), 0);
    ck_assert_str_eq(postgres_sql("SELECT count(subject_tag) FROM users"), "0");
    connect_user("a", USER1, ID_B, 11);
    ck_assert_str_eq(postgres_sql("SELECT count(subject_tag) FROM users"), "1");
}
END_TEST

START_TEST(expired_rows_go) {
    connect_user("a", USER1, ID_A, 1);
    ck_assert_int_eq(session("web", "a", H(90)), 0);
    ck_assert_int_eq(session("web", "a", H(91)), 0);
    (void)postgres_sql(
        "UPDATE requests SET created_at = now() - interval '2 days' WHERE key_hash = "
        "decode(repeat('5a', 32), 'hex')");
    (void)postgres_sql("UPDATE connect_links SET created_at = now() - interval '2 hours'");
    store_free(store);
    ck_assert_int_eq(store_new(base, config, &store), 0);
    loop_until(base, strcmp(postgres_sql("SELECT count(*) FROM connect_links"), "0") == 0);
    ck_assert_str_eq(postgres_sql("SELECT count(*) FROM requests"), "1");
    ck_assert_str_eq(postgres_sql("SELECT count(*) FROM connections"), "1");
}
END_TEST

int main(void) {
    postgres_start();
    Suite *suite = suite_create("store");
    TCase *cases = tcase_create("store");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, a_link_goes_from_open_to_redeemed);
    tcase_add_test(cases, a_link_belongs_to_one_browser);
    tcase_add_test(cases, what_is_old_is_refused);
    tcase_add_test(cases, a_code_is_for_its_user_and_frontend);
    tcase_add_test(cases, unopened_links_are_few);
    tcase_add_test(cases, unfinished_connections_are_few);
    tcase_add_test(cases, a_link_is_renewed_from_the_connection);
    tcase_add_test(cases, a_session_is_one_question);
    tcase_add_test(cases, an_idempotency_key_is_known_for_a_day);
    tcase_add_test(cases, preferences_are_the_users_own);
    tcase_add_test(cases, preferences_are_bounded);
    tcase_add_test(cases, a_new_connection_takes_the_place_of_the_old);
    tcase_add_test(cases, a_connection_is_shown_and_ended);
    tcase_add_test(cases, abandoned_connections_are_given_up);
    tcase_add_test(cases, what_is_connected_again_is_not_revoked);
    tcase_add_test(cases, the_database_keeps_its_rules);
    tcase_add_test(cases, nothing_but_hashes_and_sealed_bytes_is_stored);
    tcase_add_test(cases, away_means_at_once_and_back_means_back);
    tcase_add_test(cases, a_newer_database_is_left_alone);
    tcase_add_test(cases, what_was_under_way_at_an_upgrade_pins_no_account);
    tcase_add_test(cases, expired_rows_go);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK); /* the server belongs to this process */
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    postgres_remove();
    return failed == 0 ? 0 : 1;
}
