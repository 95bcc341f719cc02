/* What a day's turns may take, and the records of those that did: against a database that is told
 * what to answer. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "ipc/log.h"
#include "ipc/spend.h"
#include "supervisor/budgets.h"
#include "supervisor/records.h"
#include "supervisor/store_turns.h"
#include "tests/unit/store/loop.h"

#define ANN "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define BOB "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define KEY "key_sha256=" ANN ANN "\n"

static struct event_base *base;
static struct config *config;
static struct records *records;
static struct budgets *budgets;
static char dir[32];

/* ---- the database ---- */

static struct {
    struct store_turn turn; /* the last one */
    unsigned asked, kept;
    int error;
    uint64_t turns; /* of the day, counted as the database does */
    bool hold;
    store_turn_done *done;
    void *ctx;
} db;

static void on_answer(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what, (void)ctx;
    db.kept += db.error == 0;
    db.turns += db.error == 0;
    (take_ptr(db.done))(db.ctx, db.error, db.error == 0 ? db.turns : 0);
}

void store_turn_put(struct store *store, const struct store_turn *turn, store_turn_done *done,
                    void *ctx) {
    (void)store;
    ck_assert_ptr_null(db.done); /* one after the other */
    db.turn = *turn;
    db.asked++;
    db.done = done;
    db.ctx = ctx;
    struct timeval now = {0};
    if (!db.hold)
        (void)event_base_once(base, -1, EV_TIMEOUT, on_answer, NULL, &now);
}

/* ---- the fixture ---- */

static void write_file(const char *name, const char *text) {
    char path[96];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

static void start(const char *settings) {
    char text[1024], path[96], why[256];
    const char *price = strstr(settings, "price") != NULL ? "" : "input_price=1\n";
    (void)snprintf(text, sizeof(text),
                   "[gateway]\nfrontends_dir=%s\n[model]\nmax_output_tokens=100"
                   "\n[budgets]\n%s%s\n",
                   dir, price, settings);
    write_file("cloister.ini", text);
    (void)snprintf(path, sizeof(path), "%s/cloister.ini", dir);
    ck_assert_msg(config_load(path, &config, why, sizeof(why)) == 0, "%s", why);
    ck_assert_int_eq(records_new(base, config, NULL, &records), 0);
    ck_assert_int_eq(budgets_new(base, config, records, &budgets), 0);
}

static void setup(void) {
    log_open("test");
    memset(&db, 0, sizeof(db));
    base = event_base_new();
    strcpy(dir, "/tmp/budgets.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    budgets = NULL;
    records = NULL;
    config = NULL;
}

static void teardown(void) {
    char command[64];
    budgets_free(budgets);
    records_free(records);
    config_free(config);
    event_base_free(base);
    (void)snprintf(command, sizeof(command), "rm -rf %s", dir);
    ck_assert_int_eq(system(command), 0);
}

static struct store_session session;
static struct budget_left left;
static struct budget_refusal refusal;

#define NOON (INT64_C(20000) * 86400000 + 12 * 3600000)

static bool allow_at(const char *frontend, int64_t now) {
    strcpy(session.user, ANN);
    memset(&left, 0, sizeof(left));
    memset(&refusal, 0, sizeof(refusal));
    return budgets_allow(budgets, frontend, &session, now, &left, &refusal);
}

static bool allow(const char *frontend) {
    return allow_at(frontend, NOON);
}

static void used(struct store_used user, struct store_used frontend, struct store_used server) {
    session.user_today = user;
    session.frontend_today = frontend;
    session.server_today = server;
}

#define U(t, s) ((struct store_used){(t), (s)})

/* ---- judging ---- */

START_TEST(without_settings_nothing_is_limited) {
    start("");
    used(U(1ull << 60, 1ull << 60), U(1ull << 60, 1ull << 60), U(1ull << 60, 1ull << 60));
    ck_assert(allow("shop"));
    ck_assert_uint_eq(left.tokens, 0);
    ck_assert_uint_eq(left.spend, 0);
}
END_TEST

START_TEST(each_budget_says_whose_it_is) {
    static const struct {
        const char *setting, *words;
        unsigned user, frontend, server;
    } rows[] = {
        {"user_tokens_per_day=100", "This user's token budget for today is used up.", 1, 0, 0},
        {"user_spend_per_day=100", "This user's spending budget for today is used up.", 1, 0, 0},
        {"frontend_tokens_per_day=100", "This frontend's token budget for today is used up.", 0, 1,
         0},
        {"frontend_spend_per_day=100", "This frontend's spending budget for today is used up.", 0,
         1, 0},
        {"tokens_per_day=100", "This server's token budget for today is used up.", 0, 0, 1},
        {"spend_per_day=100", "This server's spending budget for today is used up.", 0, 0, 1},
    };
    start(rows[_i].setting);
    for (uint64_t n = 99; n <= 101; n++) {
        used(U(rows[_i].user * n, rows[_i].user * n),
             U(rows[_i].frontend * n, rows[_i].frontend * n),
             U(rows[_i].server * n, rows[_i].server * n));
        ck_assert_int_eq(allow("shop"), n < 100);
        bool tokens = strstr(rows[_i].setting, "tokens") != NULL;
        ck_assert_uint_eq(left.tokens, n < 100 && tokens ? 1 : 0);
        ck_assert_uint_eq(left.spend, n < 100 && !tokens ? 1 : 0);
        if (n >= 100)
            ck_assert_ptr_nonnull(strstr(refusal.detail, rows[_i].words));
    }
    /* What others used is no matter of this budget. */
    used(U((1 - rows[_i].user) * 500, 0), U((1 - rows[_i].frontend) * 500, 0),
         U((1 - rows[_i].server) * 500, 0));
    ck_assert(allow("shop"));
}
END_TEST

START_TEST(the_tightest_is_what_is_left) {
    start("user_tokens_per_day=1000\nfrontend_tokens_per_day=5000\ntokens_per_day=9000\n"
          "spend_per_day=70");
    used(U(100, 0), U(4500, 0), U(8800, 60));
    ck_assert(allow("shop"));
    ck_assert_uint_eq(left.tokens, 200);
    ck_assert_uint_eq(left.spend, 10);
}
END_TEST

START_TEST(it_says_when_there_is_a_fresh_one) {
    start("user_tokens_per_day=1");
    used(U(1, 0), U(0, 0), U(0, 0));
    ck_assert(!allow_at("shop", NOON));
    ck_assert_uint_eq(refusal.retry_after_ms, 12 * 3600000);
    ck_assert_ptr_nonnull(strstr(refusal.detail, "at 00:00 UTC, in 12 h 0 min."));
    ck_assert(!allow_at("shop", NOON + 12 * 3600000 - 1));
    ck_assert_uint_eq(refusal.retry_after_ms, 1);
    ck_assert_ptr_nonnull(strstr(refusal.detail, "in 1 min."));
    ck_assert(!allow_at("shop", NOON + 12 * 3600000));
    ck_assert_uint_eq(refusal.retry_after_ms, 86400000);
    ck_assert_ptr_nonnull(strstr(refusal.detail, "in 24 h 0 min."));
}
END_TEST

START_TEST(a_frontends_file_has_the_last_word) {
    write_file("more.conf", KEY "tokens_per_day=900\n");
    write_file("free.conf", KEY "tokens_per_day=0\nspend_per_day=0\n");
    write_file("plain.conf", KEY);
    write_file("odd.conf", KEY "tokens_per_day=-1\n");
    start("frontend_tokens_per_day=100\nfrontend_spend_per_day=100");
    used(U(500, 0), U(500, 0), U(500, 0));
    ck_assert(allow("more") && left.tokens == 400 && left.spend == 100);
    ck_assert(allow("free") && left.tokens == 0 && left.spend == 0);
    ck_assert(!allow("plain") && !allow("web") && !allow("nobody") && !allow("odd"));
    used(U(0, 0), U(0, 500), U(0, 0));
    ck_assert(!allow("more")); /* of money it says nothing */
    /* A change is seen by itself. */
    used(U(0, 0), U(500, 0), U(0, 0));
    write_file("plain.conf", KEY "tokens_per_day=501\n");
    loop_until(base, allow("plain"));
    ck_assert_uint_eq(left.tokens, 1);
}
END_TEST

START_TEST(files_that_are_nowhere_leave_the_default) {
    start("frontend_tokens_per_day=100");
    budgets_free(take_ptr(budgets));
    config_free(config);
    char text[128], path[96], why[256];
    (void)snprintf(text, sizeof(text),
                   "[gateway]\nfrontends_dir=/nowhere\n[budgets]\nfrontend_tokens_per_day=100\n");
    write_file("cloister.ini", text);
    (void)snprintf(path, sizeof(path), "%s/cloister.ini", dir);
    ck_assert_int_eq(config_load(path, &config, why, sizeof(why)), 0);
    ck_assert_int_eq(budgets_new(base, config, records, &budgets), 0);
    used(U(0, 0), U(100, 0), U(0, 0));
    ck_assert(!allow("shop"));
}
END_TEST

START_TEST(tokens_have_their_price) {
    ck_assert_uint_eq(spend_of(3000000, 15000000, 1000, 100), 4500);
    ck_assert_uint_eq(spend_of(0, 0, 1000, 100), 0);
    ck_assert_uint_eq(spend_of(1, 0, 1, 0), 1); /* rounded up */
    ck_assert_uint_eq(spend_of(1, 1, 1000000, 0), 1);
    ck_assert_uint_eq(spend_of(500000, 500000, 1, 1), 1);
    ck_assert_uint_eq(spend_of(UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX),
                      UINT64_C(1000000000000000));
}
END_TEST

/* ---- records ---- */

static Cloister__Usage usage = CLOISTER__USAGE__INIT;
static Cloister__Audit audit = CLOISTER__AUDIT__INIT;

static struct turn_past a_turn(uint64_t input, uint64_t output) {
    usage.input_tokens = input;
    usage.output_tokens = output;
    return (struct turn_past){.id = BOB,
                              .user = ANN,
                              .origin = "owner",
                              .frontend = "shop",
                              .connection = "",
                              .kind = CLOISTER__TURN_KIND__TURN_CHAT,
                              .began_ms = wall_ms(),
                              .took_ms = 5,
                              .outcome = "done",
                              .usage = &usage,
                              .audit = &audit};
}

static void note(struct turn_past past) {
    unsigned kept = db.kept;
    records_note(records, &past);
    if (!db.hold && db.error == 0)
        loop_until(base, db.kept > kept);
}

START_TEST(a_turn_is_recorded_and_priced) {
    start("input_price=3000000\noutput_price=15000000");
    audit.shown = 3;
    audit.calendar_reads = 4;
    audit.calendar_writes = 1;
    audit.proposals = 2;
    audit.tainted = true;
    note(a_turn(1000, 100));
    ck_assert_str_eq(db.turn.kind, "chat");
    ck_assert_str_eq(db.turn.outcome, "done");
    ck_assert_str_eq(db.turn.user, ANN);
    ck_assert_uint_eq(db.turn.input_tokens, 1000);
    ck_assert_uint_eq(db.turn.spend, 4500);
    ck_assert(db.turn.shown == 3 && db.turn.reads == 4 && db.turn.writes == 1 &&
              db.turn.proposals == 2 && db.turn.tainted && db.turn.reported);
    struct turn_past nobodys = a_turn(1, 1);
    nobodys.user = "";
    records_note(records, &nobodys);
    ck_assert_uint_eq(db.asked, 1);
}
END_TEST

/* Anybody's turn counts for the server, whether it is written yet or not. */
START_TEST(what_others_used_just_now_counts_for_all) {
    start("tokens_per_day=100");
    used(U(0, 0), U(0, 0), U(0, 0));
    ck_assert(allow("shop")); /* control */
    struct turn_past others = a_turn(100, 0);
    others.user = BOB;
    others.frontend = "elsewhere";
    db.hold = true;
    note(others);
    ck_assert(!allow("shop"));
    ck_assert_ptr_nonnull(strstr(refusal.detail, "This server's"));
}
END_TEST

START_TEST(who_says_nothing_counts_as_the_most_output) {
    start("output_price=1000000");
    struct turn_past killed = a_turn(0, 0);
    killed.usage = NULL;
    killed.audit = NULL;
    killed.outcome = "agent_lost";
    note(killed);
    ck_assert(!db.turn.reported);
    ck_assert_uint_eq(db.turn.output_tokens, 400);
    ck_assert_uint_eq(db.turn.spend, 400);
    killed.kind = CLOISTER__TURN_KIND__TURN_DECIDE; /* asks no model */
    note(killed);
    ck_assert_uint_eq(db.turn.output_tokens, 0);
    ck_assert_str_eq(db.turn.kind, "decide");
}
END_TEST

START_TEST(who_says_too_much_is_not_believed) {
    start("");
    usage.model_calls = UINT32_MAX;
    audit.calendar_reads = UINT32_MAX;
    note(a_turn(UINT64_MAX, UINT64_MAX));
    ck_assert_uint_eq(db.turn.input_tokens, 10000000);
    ck_assert_uint_eq(db.turn.output_tokens, 500);
    ck_assert_uint_eq(db.turn.model_calls, 1000);
    ck_assert_uint_eq(db.turn.reads, 1000);
    usage.model_calls = audit.calendar_reads = 0;
}
END_TEST

/* The next turn may begin before the record of the last has reached the database. */
START_TEST(what_is_on_its_way_counts_already) {
    start("user_tokens_per_day=1000\nfrontend_tokens_per_day=1500\ntokens_per_day=2500");
    used(U(0, 0), U(0, 0), U(0, 0));
    db.hold = true;
    note(a_turn(400, 500));
    ck_assert(allow("shop"));
    ck_assert_uint_eq(left.tokens, 100);
    note(a_turn(50, 50));
    ck_assert(!allow("shop"));
    ck_assert_ptr_nonnull(strstr(refusal.detail, "This user's"));
    strcpy(session.user, BOB);
    struct turn_past bobs = a_turn(400, 100), other = a_turn(500, 500), old = a_turn(9999, 0);
    bobs.user = other.user = old.user = BOB;
    other.frontend = "other";
    old.began_ms -= 86400000;
    a_turn(400, 100);
    note(bobs);
    a_turn(0, 0);
    struct records_waiting waiting = records_waiting(records, BOB, "shop", db.turns);
    ck_assert_uint_eq(waiting.user.tokens, 500);
    ck_assert_uint_eq(waiting.frontend.tokens, 1500);
    a_turn(500, 500);
    note(other);
    note(old);
    waiting = records_waiting(records, BOB, "shop", db.turns);
    ck_assert_uint_eq(waiting.user.tokens, 1500);
    ck_assert_uint_eq(waiting.frontend.tokens, 1500);
    ck_assert_uint_eq(waiting.server.tokens, 2500);
    ck_assert_uint_eq(db.asked, 1);
    db.hold = false;
    on_answer(-1, 0, NULL);
    loop_until(base, db.kept == 5);
    waiting = records_waiting(records, BOB, "shop", db.turns);
    ck_assert_uint_eq(waiting.server.tokens, 0);
}
END_TEST

/* A session's answer and a record's overtake each other; either way the record counts once. */
START_TEST(what_overtakes_on_its_way_counts_once) {
    start("user_tokens_per_day=1000\nfrontend_tokens_per_day=1000\ntokens_per_day=1000");
    used(U(0, 0), U(0, 0), U(0, 0));
    session.turns_today = 0;
    note(a_turn(400, 500));
    /* Asked for before it was written, answered after. */
    ck_assert(allow("shop"));
    ck_assert_uint_eq(left.tokens, 100);
    note(a_turn(50, 50));
    ck_assert(!allow("shop"));
    /* One that has seen the first alone, one that has seen both. */
    used(U(900, 0), U(900, 0), U(900, 0));
    session.turns_today = 1;
    ck_assert(!allow("shop"));
    used(U(999, 0), U(999, 0), U(999, 0));
    session.turns_today = 2;
    ck_assert(allow("shop"));
    ck_assert_uint_eq(left.tokens, 1);
    /* Written, and seen before the record's own answer is here. */
    db.hold = true;
    used(U(500, 0), U(500, 0), U(500, 0));
    note(a_turn(300, 0));
    ck_assert(allow("shop"));
    ck_assert_uint_eq(left.tokens, 200);
    used(U(800, 0), U(800, 0), U(800, 0));
    session.turns_today = 3;
    ck_assert(allow("shop"));
    ck_assert_uint_eq(left.tokens, 200);
    note(a_turn(150, 0)); /* that cannot have been */
    ck_assert(allow("shop"));
    ck_assert_uint_eq(left.tokens, 50);
    session.turns_today = 0;
    db.hold = false;
    on_answer(-1, 0, NULL);
    loop_until(base, db.kept == 4);
    session.turns_today = 4;
    ck_assert(allow("shop"));
    ck_assert_uint_eq(left.tokens, 200);
    session.turns_today = 0;
}
END_TEST

/* After a lost answer nobody knows whether it was written: then it counts. */
START_TEST(what_may_have_been_written_counts) {
    start("user_tokens_per_day=1000");
    used(U(0, 0), U(0, 0), U(0, 0));
    note(a_turn(100, 0));
    db.error = -EAGAIN;
    note(a_turn(200, 0));
    loop_until(base, db.asked == 2 && db.done == NULL);
    used(U(100, 0), U(100, 0), U(100, 0));
    session.turns_today = 2;
    ck_assert(allow("shop"));
    ck_assert_uint_eq(left.tokens, 700);
    session.turns_today = 0;
    db.error = 0;
    loop_until(base, db.kept == 2);
}
END_TEST

START_TEST(while_the_database_is_away_they_wait) {
    start("");
    db.error = -EAGAIN;
    note(a_turn(1, 1));
    note(a_turn(2, 2));
    loop_until(base, db.asked == 2); /* tried again by itself */
    ck_assert_uint_eq(db.turn.input_tokens, 1);
    db.error = 0;
    loop_until(base, db.kept == 2);
    ck_assert_uint_eq(db.turn.input_tokens, 2);
    /* One that is refused does not hold up the others. */
    db.error = -EINVAL;
    note(a_turn(3, 3));
    loop_until(base, db.done == NULL);
    db.error = 0;
    note(a_turn(4, 4));
    ck_assert_uint_eq(db.turn.input_tokens, 4);
}
END_TEST

START_TEST(the_queue_has_an_end) {
    start("");
    db.hold = true;
    for (unsigned i = 0; i < RECORDS_MOST + 10; i++)
        note(a_turn(1, 0));
    ck_assert_uint_eq(records_waiting(records, ANN, "shop", 0).user.tokens, RECORDS_MOST);
    db.hold = false;
    on_answer(-1, 0, NULL);
    loop_until(base, db.kept == RECORDS_MOST);
}
END_TEST

static void on_settled(void *ctx) {
    (*(unsigned *)ctx)++;
}

START_TEST(the_end_waits_for_them_a_little) {
    unsigned settled = 0;
    start("");
    records_settle(records, on_settled, &settled);
    ck_assert_uint_eq(settled, 1);
    note(a_turn(1, 1));
    db.hold = true;
    note(a_turn(1, 1));
    records_settle(records, on_settled, &settled);
    ck_assert_uint_eq(settled, 1);
    on_answer(-1, 0, NULL);
    ck_assert_uint_eq(settled, 2);
    note(a_turn(1, 1)); /* of which nothing is heard */
    uint64_t begun = clock_ms();
    records_settle(records, on_settled, &settled);
    loop_until(base, settled == 3);
    ck_assert_uint_ge(clock_ms() - begun, 1900);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("budgets");
    TCase *t = tcase_create("budgets");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 30);
    tcase_add_test(t, without_settings_nothing_is_limited);
    tcase_add_loop_test(t, each_budget_says_whose_it_is, 0, 6);
    tcase_add_test(t, the_tightest_is_what_is_left);
    tcase_add_test(t, it_says_when_there_is_a_fresh_one);
    tcase_add_test(t, a_frontends_file_has_the_last_word);
    tcase_add_test(t, files_that_are_nowhere_leave_the_default);
    tcase_add_test(t, tokens_have_their_price);
    tcase_add_test(t, a_turn_is_recorded_and_priced);
    tcase_add_test(t, who_says_nothing_counts_as_the_most_output);
    tcase_add_test(t, what_others_used_just_now_counts_for_all);
    tcase_add_test(t, who_says_too_much_is_not_believed);
    tcase_add_test(t, what_is_on_its_way_counts_already);
    tcase_add_test(t, what_overtakes_on_its_way_counts_once);
    tcase_add_test(t, what_may_have_been_written_counts);
    tcase_add_test(t, while_the_database_is_away_they_wait);
    tcase_add_test(t, the_queue_has_an_end);
    tcase_add_test(t, the_end_waits_for_them_a_little);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
