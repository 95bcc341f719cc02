/* Records of turns and the day's sums, against a real server. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/store_turns.h"
#include "tests/unit/store/loop.h"
#include "tests/unit/store/postgres.h"
#include "tests/unit/store/settings.h"

#define ANN   "11111111111111111111111111111111"
#define BOB   "22222222222222222222222222222222"
#define TODAY "(now() AT TIME ZONE 'UTC')::date"

static struct event_base *base;
static struct config *config;
static struct store *store;
static struct {
    int calls, error;
    struct store_session session;
    struct store_today today;
    uint64_t turns;
} got;

static void setup(void) {
    base = event_base_new();
    config = settings_load();
    ck_assert_int_eq(store_new(base, config, &store), 0);
    loop_until(base, store_ready(store));
    (void)postgres_sql("INSERT INTO users (id, frontend, name) VALUES ('" ANN "', 'shop', 'ann'),"
                       " ('" BOB "', 'shop', 'bob')");
}

static void teardown(void) {
    store_free(store);
    config_free(config);
    event_base_free(base);
    postgres_restart();
    postgres_clean();
}

static void on_done(void *ctx, int error) {
    (void)ctx;
    got.calls++;
    got.error = error;
}

static void on_session(void *ctx, int error, const struct store_session *session) {
    on_done(ctx, error);
    if (error == 0)
        got.session = *session;
}

static void on_today(void *ctx, int error, const struct store_today *today) {
    on_done(ctx, error);
    got.today = *today;
}

#define RUN(call)                                                                                  \
    ({                                                                                             \
        memset(&got, 0, sizeof(got));                                                              \
        call;                                                                                      \
        ck_assert_int_eq(got.calls, 0);                                                            \
        loop_until(base, got.calls > 0);                                                           \
        got.error;                                                                                 \
    })

static struct store_turn a_turn(const char *user, int n) {
    struct store_turn turn = {.origin = "owner",
                              .kind = "chat",
                              .outcome = "done",
                              .began_ms = wall_ms(),
                              .took_ms = 1234,
                              .reported = true,
                              .tainted = true,
                              .shown = 1u << 0 | 1u << 4 | 1u << 31,
                              .reads = 2,
                              .writes = 1,
                              .proposals = 3,
                              .model_calls = 4,
                              .tool_calls = 5,
                              .input_tokens = 900,
                              .output_tokens = 100,
                              .spend = 4200};
    snprintf(turn.id, sizeof(turn.id), "%032x", n);
    strcpy(turn.user, user);
    return turn;
}

static void on_put(void *ctx, int error, uint64_t turns) {
    on_done(ctx, error);
    got.turns = turns;
}

static int put(const struct store_turn *turn) {
    return RUN(store_turn_put(store, turn, on_put, NULL));
}

static void used_by(const char *name) {
    ck_assert_int_eq(RUN(store_session(store, "shop", name, NULL, on_session, NULL)), 0);
}

START_TEST(what_was_used_comes_with_the_session) {
    struct store_turn one = a_turn(ANN, 1), two = a_turn(ANN, 2), three = a_turn(BOB, 3);
    used_by("ann");
    ck_assert_uint_eq(got.session.user_today.tokens, 0);
    ck_assert_uint_eq(got.session.server_today.spend, 0);
    ck_assert_int_eq(put(&one), 0);
    ck_assert_int_eq(put(&two), 0);
    ck_assert_uint_eq(got.turns, 2);
    ck_assert_int_eq(put(&three), 0);
    ck_assert_uint_eq(got.turns, 3); /* everybody's */
    (void)postgres_sql("INSERT INTO frontend_days VALUES ('other', " TODAY ", 1, 7, 7)");
    used_by("ann");
    ck_assert_uint_eq(got.session.user_today.tokens, 2000);
    ck_assert_uint_eq(got.session.user_today.spend, 8400);
    ck_assert_uint_eq(got.session.frontend_today.tokens, 3000);
    ck_assert_uint_eq(got.session.server_today.tokens, 3000);
    ck_assert_uint_eq(got.session.server_today.spend, 12600);
    ck_assert_uint_eq(got.session.turns_today, 3);
    used_by("bob");
    ck_assert_uint_eq(got.session.user_today.tokens, 1000);
    ck_assert_int_eq(RUN(store_today(store, on_today, NULL)), 0);
    ck_assert_uint_eq(got.today.turns, 3);
    ck_assert_uint_eq(got.today.tokens, 3000);
    ck_assert_uint_eq(got.today.spend, 12600);
}
END_TEST

/* After an answer that was lost it is put again. */
START_TEST(a_record_counts_once) {
    struct store_turn one = a_turn(ANN, 1);
    ck_assert_int_eq(put(&one), 0);
    ck_assert_int_eq(put(&one), 0);
    ck_assert_uint_eq(got.turns, 0);
    used_by("ann");
    ck_assert_uint_eq(got.session.user_today.tokens, 1000);
    ck_assert_uint_eq(got.session.server_today.tokens, 1000);
    ck_assert_str_eq(postgres_sql("SELECT count(*) FROM turns"), "1");
}
END_TEST

START_TEST(a_day_begins_afresh) {
    struct store_turn one = a_turn(ANN, 1);
    one.began_ms -= 86400000; /* ended today, counted where it began */
    ck_assert_int_eq(put(&one), 0);
    used_by("ann");
    ck_assert_uint_eq(got.session.user_today.tokens, 0);
    ck_assert_uint_eq(got.session.frontend_today.tokens, 0);
    ck_assert_uint_eq(got.session.server_today.tokens, 0);
    ck_assert_str_eq(postgres_sql("SELECT tokens FROM user_days WHERE day = " TODAY " - 1"),
                     "1000");
    char day[STORE_DAY_SIZE];
    store_day(INT64_C(951868799999), day);
    ck_assert_str_eq(day, "2000-02-29");
    store_day(INT64_C(951868800000), day);
    ck_assert_str_eq(day, "2000-03-01");
}
END_TEST

START_TEST(a_record_says_kinds_and_counts) {
    struct store_turn one = a_turn(ANN, 1);
    ck_assert_int_eq(put(&one), 0);
    ck_assert_str_eq(
        postgres_sql("SELECT concat_ws(' ', user_id, frontend, origin, kind, took_ms, outcome,"
                     " reported, tainted, refreshed, shown, reads, writes, proposals, model_calls,"
                     " tool_calls, input_tokens, output_tokens, spend) FROM turns"),
        ANN " shop owner chat 1234 done t t f {message,titles} 2 1 3 4 5 900 100 4200");
    ck_assert_str_eq(postgres_sql("SELECT abs(extract(epoch FROM now() - began_at)) < 60"
                                  " AND connection_id IS NULL FROM turns"),
                     "t");
    /* What is no word of ours is not kept, whoever says it. */
    struct store_turn words = a_turn(ANN, 2);
    strcpy(words.outcome, "Lunch with Sam at three");
    ck_assert_int_eq(put(&words), -EINVAL);
    ck_assert_str_eq(postgres_sql("SELECT count(*) FROM turns"), "1");
    used_by("ann");
    ck_assert_uint_eq(got.session.user_today.tokens, 1000);
}
END_TEST

START_TEST(it_goes_with_its_user) {
    struct store_turn one = a_turn(ANN, 1), two = a_turn(BOB, 2), nobodys = a_turn("x", 3);
    ck_assert_int_eq(put(&one), 0);
    ck_assert_int_eq(put(&two), 0);
    ck_assert_int_eq(put(&nobodys), 0);
    (void)postgres_sql("DELETE FROM users WHERE name = 'ann'");
    ck_assert_str_eq(postgres_sql("SELECT string_agg(user_id, '') FROM turns"), BOB);
    ck_assert_str_eq(postgres_sql("SELECT string_agg(user_id, '') FROM user_days"), BOB);
    ck_assert_str_eq(postgres_sql("SELECT tokens FROM frontend_days WHERE frontend = ''"), "2000");
}
END_TEST

START_TEST(old_records_go_a_few_at_a_time) {
    struct store_turn recent = a_turn(ANN, 1);
    recent.began_ms -= INT64_C(364) * 86400000;
    ck_assert_int_eq(put(&recent), 0);
    (void)postgres_sql(
        "INSERT INTO turns SELECT lpad(to_hex(n + 4096), 32, '0'), '" ANN
        "', 'shop', 'owner', 'chat',"
        " NULL, now() - interval '366 days', 1, 'done', true, false, false, '{}', 0, 0, 0, 0, 0, 0,"
        " 0, 0 FROM generate_series(1, 12000) AS n");
    (void)postgres_sql("INSERT INTO user_days VALUES ('" ANN "', " TODAY " - 400, 1, 1, 1);"
                       "INSERT INTO frontend_days VALUES ('shop', " TODAY " - 400, 1, 1, 1)");
    store_turns_purge(store);
    loop_until(base, strcmp(postgres_sql("SELECT count(*) FROM turns"), "2001") == 0);
    store_turns_purge(store);
    loop_until(base, strcmp(postgres_sql("SELECT count(*) FROM turns"), "1") == 0);
    ck_assert_str_eq(postgres_sql("SELECT count(*) FROM user_days"), "1");
    ck_assert_str_eq(postgres_sql("SELECT count(*) FROM frontend_days WHERE frontend = 'shop'"),
                     "1");
}
END_TEST

START_TEST(away_is_said_at_once) {
    struct store_turn one = a_turn(ANN, 1);
    postgres_kill();
    loop_until(base, !store_ready(store));
    ck_assert_int_eq(put(&one), -EAGAIN);
    ck_assert_int_eq(RUN(store_today(store, on_today, NULL)), -EAGAIN);
    postgres_restart();
    loop_until(base, store_ready(store));
    ck_assert_int_eq(put(&one), 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("turns of the store");
    TCase *cases = tcase_create("turns");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, what_was_used_comes_with_the_session);
    tcase_add_test(cases, a_record_counts_once);
    tcase_add_test(cases, a_day_begins_afresh);
    tcase_add_test(cases, a_record_says_kinds_and_counts);
    tcase_add_test(cases, it_goes_with_its_user);
    tcase_add_test(cases, old_records_go_a_few_at_a_time);
    tcase_add_test(cases, away_is_said_at_once);
    suite_add_tcase(suite, cases);
    return postgres_tests(suite);
}
