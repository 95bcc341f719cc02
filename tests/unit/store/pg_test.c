/* The pool against a real server: rows and parameters, errors, transactions, bounds, loss and
 * return. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "memory/migrate.h"
#include "memory/pg.h"
#include "memory/pg_prepared.h"
#include "tests/unit/store/loop.h"
#include "tests/unit/store/postgres.h"

static struct event_base *base;
static struct pg *pool;
static int ups, downs, refusals;
static char last_news[256];

static void on_news(void *ctx, enum pg_news news, const char *why) {
    (void)ctx;
    ups += news == PG_UP;
    downs += news == PG_DOWN;
    refusals += news == PG_REFUSED;
    snprintf(last_news, sizeof(last_news), "%s", why);
}

static struct pg *pool_new(const struct pg_options *options) {
    struct pg *made;
    ck_assert_int_eq(pg_new(base, postgres_conninfo(), options, &made), 0);
    return made;
}

static void setup(void) {
    base = event_base_new();
    ups = downs = refusals = 0;
    pool = pool_new(&(struct pg_options){.name = "test",
                                         .setup = "SET search_path = cloister",
                                         .connect_ms = 1000,
                                         .query_ms = 1500,
                                         .queue = 8,
                                         .news = on_news});
    loop_until(base, pg_ready(pool));
}

static void teardown(void) {
    pg_free(pool);
    event_base_free(base);
    postgres_freeze(false);
    postgres_restart();
    postgres_clean();
}

struct answer {
    int calls, error;
    unsigned count;
    char text[64];
    int64_t number;
};

static void on_answer(void *ctx, int error, const struct pg_rows *rows) {
    struct answer *answer = ctx;
    answer->calls++;
    answer->error = error;
    ck_assert((rows != NULL) == (error == 0));
    if (rows == NULL || (answer->count = pg_count(rows)) == 0)
        return;
    snprintf(answer->text, sizeof(answer->text), "%s", pg_text(rows, 0, 0));
    answer->number = pg_int(rows, 0, 0);
}

static struct answer ask(const char *sql) {
    struct answer answer = {0};
    pg_query(pool, sql, NULL, 0, on_answer, &answer);
    ck_assert_int_eq(answer.calls, 0);
    loop_until(base, answer.calls > 0);
    return answer;
}

static void on_types(void *ctx, int error, const struct pg_rows *rows) {
    static const uint8_t wanted[] = {0, 1, 0xff, 'x'};
    size_t len;
    ck_assert_int_eq(error, 0);
    ck_assert_str_eq(pg_text(rows, 0, 0), "Zoë");
    ck_assert_mem_eq(pg_bytes(rows, 0, 1, &len), wanted, sizeof(wanted));
    ck_assert_uint_eq(len, sizeof(wanted));
    ck_assert(pg_is_null(rows, 0, 2));
    ck_assert_str_eq(pg_text(rows, 0, 2), "");
    ck_assert(pg_int(rows, 0, 3) == INT64_MIN + 1);
    ck_assert_int_eq((int)pg_int(rows, 0, 4), -7);
    ck_assert(pg_bool(rows, 0, 5));
    ck_assert(!pg_bool(rows, 0, 6));
    *(bool *)ctx = true;
}

START_TEST(values_come_and_go_unchanged) {
    static const uint8_t bytes[] = {0, 1, 0xff, 'x'};
    bool seen = false;
    struct pg_param params[] = {PG_TEXT("Zoë"), PG_BYTES(bytes, sizeof(bytes)), PG_NULL,
                                PG_TEXT("-9223372036854775807")};
    pg_query(pool, "SELECT $1::text, $2::bytea, $3::text, $4::bigint, (-7)::smallint, true, false",
             params, COUNT_OF(params), on_types, &seen);
    loop_until(base, seen);
}
END_TEST

/* What another connection sees of those that have nothing to do: the statement that each ran last.
 */
static int64_t covered(struct pg *who) {
    static const char sql[] = "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle' AND"
                              " application_name = 'words' AND query = 'SELECT $1::text'";
    struct answer answer = {0};
    pg_query(who, sql, NULL, 0, on_answer, &answer);
    loop_until(base, answer.calls > 0);
    ck_assert_int_eq(answer.error, 0);
    return answer.number;
}

START_TEST(words_are_written_over_once_there_is_nothing_to_do) {
    struct pg *words = pool_new(&(struct pg_options){.name = "words", .words = true});
    struct answer answer = {0};
    loop_until(base, pg_ready(words));
    for (int i = 0; i < 3; i++) {
        answer = (struct answer){0};
        pg_query(words, "SELECT $1::text || ''", &PG_TEXT("Dentist with Weissenborn"), 1, on_answer,
                 &answer);
        loop_until(base, answer.calls > 0);
        ck_assert_str_eq(answer.text, "Dentist with Weissenborn");
        while (covered(pool) == 0) /* bounded by the test's own time */
            ;
    }
    pg_free(words);
}
END_TEST

START_TEST(a_large_parameter_passes) {
    size_t len = 4u << 20;
    SCOPE_FREE char *text = malloc(len + 1);
    memset(text, 'a', len);
    text[len] = '\0';
    struct answer answer = {0};
    pg_query(pool, "SELECT length($1::text)", &PG_TEXT(text), 1, on_answer, &answer);
    loop_until(base, answer.calls > 0);
    ck_assert_int_eq(answer.error, 0);
    ck_assert_int_eq((int)answer.number, 4 << 20);
}
END_TEST

static struct answer copy(const char *sql, const char *lines) {
    struct answer answer = {0};
    pg_copy(pool, sql, lines, strlen(lines), on_answer, &answer);
    ck_assert_int_eq(answer.calls, 0);
    loop_until(base, answer.calls > 0);
    ck_assert_int_eq(answer.calls, 1);
    return answer;
}

START_TEST(lines_are_copied_all_or_none) {
    static const char sql[] = "COPY public.lines (id, word) FROM STDIN";
    ck_assert_int_eq(ask("CREATE TABLE public.lines (id integer PRIMARY KEY, word text)").error, 0);
    ck_assert_int_eq(copy(sql, "1\ta\\\\b\n2\t\\N\n").error, 0);
    ck_assert_str_eq(
        ask("SELECT string_agg(coalesce(word, 'none'), ' ' ORDER BY id) FROM public.lines").text,
        "a\\b none");
    ck_assert_int_eq(copy(sql, "3\tc\n2\td\n").error, -EEXIST); /* 2 is there */
    ck_assert_int_eq(copy(sql, "4\te\nx\tf\n").error, -EIO);
    ck_assert_int_eq(copy("COPY nothing FROM STDIN", "5\n").error, -EIO);
    ck_assert_int_eq(ask("SELECT count(*) FROM public.lines").number, 2);
    SCOPE_FREE char *many = malloc(1u << 20);
    size_t len = 0;
    for (int i = 10; i < 20000; i++)
        len += (size_t)sprintf(many + len, "%d\tword of line %d\n", i, i);
    ck_assert_int_eq(copy(sql, many).error, 0);
    ck_assert_int_eq(ask("SELECT count(*) FROM public.lines").number, 2 + 19990);
    ck_assert_int_eq(ask("DROP TABLE public.lines").error, 0);
}
END_TEST

START_TEST(errors_keep_their_kind_and_lose_their_text) {
    ck_assert_int_eq(ask("CREATE SCHEMA cloister").error, 0);
    ck_assert_int_eq(ask("CREATE TABLE a (i int PRIMARY KEY CHECK (i > 0))").error, 0);
    ck_assert_int_eq(ask("CREATE TABLE b (i int NOT NULL REFERENCES a)").error, 0);
    ck_assert_int_eq(ask("INSERT INTO a VALUES (1)").error, 0);
    ck_assert_int_eq(ask("INSERT INTO a VALUES (1)").error, -EEXIST);
    ck_assert_int_eq(ask("INSERT INTO a VALUES (-1)").error, -EINVAL);
    ck_assert_int_eq(ask("INSERT INTO b VALUES (2)").error, -ENOENT);
    ck_assert_int_eq(ask("INSERT INTO b VALUES (NULL)").error, -EINVAL);
    ck_assert_int_eq(ask("SELECT no_such_thing").error, -EIO);
    ck_assert_str_eq(last_news, "42703");
    ck_assert_int_eq(ask("SELECT 'secret title'::int").error, -EIO);
    ck_assert_str_eq(last_news, "22P02");
    ck_assert_int_eq(refusals, 2);
    ck_assert_int_eq((int)ask("SELECT 5").number, 5);
}
END_TEST

/* What was longest unused makes room at the server, too; and a text is known by where it lies only
 * until it is said to go. */
START_TEST(plans_are_kept_up_to_a_number) {
    static char texts[PREPARED_MAX * 2][32];
    struct pg *one = pool_new(&(struct pg_options){.name = "test", .connections = 1});
    loop_until(base, pg_ready(one));
    pg_free(pool);
    pool = one;
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < COUNT_OF(texts); i++) {
            (void)snprintf(texts[i], sizeof(texts[i]), "SELECT %zu::bigint", i);
            struct answer answer = ask(texts[i]);
            ck_assert_int_eq(answer.error, 0);
            ck_assert_int_eq(answer.number, (int64_t)i);
        }
    }
    static const char count[] = "SELECT count(*) FROM pg_prepared_statements";
    ck_assert_int_eq(ask(count).number, PREPARED_MAX);
    ck_assert_int_eq(ask(texts[5]).number, 5);
    pg_forget(pool, texts[5]);
    strcpy(texts[5], "SELECT 1005::bigint");
    ck_assert_int_eq(ask(texts[5]).number, 1005);
    ck_assert_int_eq(ask(texts[5]).number, 1005);
    ck_assert_int_eq(ask(count).number, PREPARED_MAX);
    /* One that cannot be planned takes nobody's place for good. */
    ck_assert_int_eq(ask("SELECT nothing").error, -EIO);
    ck_assert_int_eq(ask(texts[6]).number, 6);
    ck_assert_int_eq(ask(count).number, PREPARED_MAX);
}
END_TEST

START_TEST(a_script_is_all_or_nothing) {
    struct answer answer = {0};
    pg_script(pool,
              "CREATE SCHEMA cloister; CREATE TABLE a (i int); SELECT 1/0; CREATE TABLE b (i int)",
              1000, on_answer, &answer);
    loop_until(base, answer.calls > 0);
    ck_assert_int_eq(answer.error, -EIO);
    ck_assert_str_eq(ask("SELECT coalesce(to_regnamespace('cloister')::text, 'none')").text,
                     "none");
}
END_TEST

START_TEST(too_many_waiting_are_refused_at_once) {
    struct answer answers[20] = {0};
    for (size_t i = 0; i < COUNT_OF(answers); i++)
        pg_query(pool, "SELECT pg_sleep(0.3)", NULL, 0, on_answer, &answers[i]);
    uint64_t begin = clock_ms();
    loop_until(base, answers[19].calls > 0);
    ck_assert_uint_lt(clock_ms() - begin, 200);
    ck_assert_int_eq(answers[19].error, -EAGAIN);
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        loop_until(base, answers[i].calls > 0);
        ck_assert_int_eq(answers[i].error, i < 8 ? 0 : -EAGAIN);
    }
}
END_TEST

START_TEST(a_slow_statement_ends_and_others_go_on) {
    struct answer slow[2] = {0}, waiting = {0};
    pg_query(pool, "SELECT pg_sleep(60)", NULL, 0, on_answer, &slow[0]);
    pg_query(pool, "SELECT pg_sleep(60)", NULL, 0, on_answer, &slow[1]);
    pg_query(pool, "SELECT 1", NULL, 0, on_answer, &waiting);
    uint64_t begin = clock_ms();
    loop_until(base, slow[0].calls > 0 && slow[1].calls > 0 && waiting.calls > 0);
    ck_assert_uint_lt(clock_ms() - begin, 4000);
    ck_assert_int_eq(slow[0].error, -EAGAIN);
    ck_assert_int_eq(waiting.error, -EAGAIN);
    loop_until(base, pg_ready(pool));
    ck_assert_int_eq((int)ask("SELECT 7").number, 7);
}
END_TEST

START_TEST(a_killed_server_ends_queries_and_comes_back) {
    struct answer running = {0}, second = {0}, waiting = {0}, refused = {0};
    pg_query(pool, "SELECT pg_sleep(60)", NULL, 0, on_answer, &running);
    pg_query(pool, "SELECT pg_sleep(60)", NULL, 0, on_answer, &second);
    pg_query(pool, "SELECT 1", NULL, 0, on_answer, &waiting);
    loop_until(base, strcmp(postgres_sql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE "
                                         "'SELECT pg_sleep%%' AND state = 'active'"),
                            "2") == 0);
    postgres_kill();
    uint64_t begin = clock_ms();
    loop_until(base, running.calls > 0 && second.calls > 0 && waiting.calls > 0);
    ck_assert_uint_lt(clock_ms() - begin, 1000);
    ck_assert_int_eq(running.error, -EAGAIN);
    ck_assert_int_eq(second.error, -EAGAIN);
    ck_assert_int_eq(waiting.error, -EAGAIN);
    loop_until(base, !pg_ready(pool));
    pg_query(pool, "SELECT 1", NULL, 0, on_answer, &refused);
    begin = clock_ms();
    loop_until(base, refused.calls > 0);
    ck_assert_uint_lt(clock_ms() - begin, 100);
    ck_assert_int_eq(refused.error, -EAGAIN);
    ck_assert_int_eq(downs, 1);
    postgres_restart();
    loop_until(base, pg_ready(pool));
    ck_assert_int_eq(ups, 2);
    ck_assert_int_eq((int)ask("SELECT 3").number, 3);
}
END_TEST

START_TEST(a_frozen_server_does_not_freeze_the_loop) {
    struct answer answers[2] = {0}; /* one for each connection */
    postgres_freeze(true);
    pg_query(pool, "SELECT 1", NULL, 0, on_answer, &answers[0]);
    pg_query(pool, "SELECT 1", NULL, 0, on_answer, &answers[1]);
    uint64_t begin = clock_ms();
    loop_until(base, answers[0].calls > 0 && answers[1].calls > 0);
    ck_assert_int_eq(answers[0].error, -EAGAIN);
    ck_assert_int_eq(answers[1].error, -EAGAIN);
    ck_assert_uint_lt(clock_ms() - begin, 3000);
    loop_until(base, !pg_ready(pool));
    postgres_freeze(false);
    loop_until(base, pg_ready(pool));
    ck_assert_int_eq((int)ask("SELECT 4").number, 4);
}
END_TEST

START_TEST(why_there_is_none_is_told_too) {
    struct answer answer = {0};
    downs = 0;
    (void)postgres_sql("ALTER ROLE cloister CONNECTION LIMIT 0");
    (void)postgres_sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                       " WHERE usename = 'cloister'");
    loop_until(base, downs > 1);
    (void)postgres_sql("ALTER ROLE cloister CONNECTION LIMIT -1");
    ck_assert_msg(strstr(last_news, "too many connections for role") != NULL, "%s", last_news);
    loop_until(base, pg_ready(pool));
    ck_assert_int_eq(downs, 2);
    pg_query(pool, "SELECT 3", NULL, 0, on_answer, &answer);
    loop_until(base, answer.calls > 0);
    ck_assert_int_eq((int)answer.number, 3);
}
END_TEST

START_TEST(a_wrong_address_is_told_once) {
    struct pg *lost;
    ups = downs = 0;
    ck_assert_int_eq(pg_new(base, "host=/nonexistent dbname=x",
                            &(struct pg_options){.news = on_news, .connections = 3}, &lost),
                     0);
    loop_until(base, downs > 0);
    ck_assert(strstr(last_news, "/nonexistent") != NULL);
    struct answer answer = {0};
    pg_query(lost, "SELECT 1", NULL, 0, on_answer, &answer);
    loop_until(base, answer.calls > 0);
    ck_assert_int_eq(answer.error, -EAGAIN);
    ck_assert_int_eq(downs, 1);
    struct answer last = {0};
    pg_query(lost, "SELECT 1", NULL, 0, on_answer, &last);
    pg_free(lost);
    ck_assert_int_eq(last.calls, 1);
    ck_assert_int_eq(last.error, -EAGAIN);
}
END_TEST

/* ---- migrations ---- */

static const struct migration steps[] = {
    {1, "CREATE TABLE one (i int); INSERT INTO one VALUES (1);"},
    {2, "CREATE TABLE two (i int); UPDATE one SET i = i + 1;"},
    {3, "CREATE TABLE three (i int); SELECT 1/0;"},
};

struct outcome {
    int calls, error;
    unsigned at;
};

static void on_migrated(void *ctx, int error, unsigned at) {
    struct outcome *outcome = ctx;
    outcome->calls++;
    outcome->error = error;
    outcome->at = at;
}

static struct outcome migrate_to(size_t n) {
    struct migrations all = {"cloister", "test", steps, n};
    struct outcome outcome = {0};
    migrate_run(pool, &all, on_migrated, &outcome);
    loop_until(base, outcome.calls > 0);
    return outcome;
}

START_TEST(migrations_run_once_and_stop_at_a_newer_database) {
    ck_assert_int_eq(migrate_to(1).error, 0);
    struct outcome outcome = migrate_to(2);
    ck_assert_int_eq(outcome.error, 0);
    ck_assert_uint_eq(outcome.at, 2);
    ck_assert_int_eq(migrate_to(2).error, 0);
    ck_assert_int_eq((int)ask("SELECT i FROM one").number, 2);
    outcome = migrate_to(1);
    ck_assert_int_eq(outcome.error, -EPROTO);
    ck_assert_uint_eq(outcome.at, 2);
    ck_assert_int_eq((int)ask("SELECT count(*) FROM schema_migrations WHERE component = 'test' AND "
                              "applied_at <= now()")
                         .number,
                     2);
}
END_TEST

START_TEST(a_refused_migration_leaves_nothing) {
    struct outcome outcome = migrate_to(3);
    ck_assert_int_eq(outcome.error, -EIO);
    ck_assert_uint_eq(outcome.at, 2);
    ck_assert_str_eq(ask("SELECT coalesce(to_regclass('three')::text, 'none')").text, "none");
}
END_TEST

START_TEST(two_programs_may_migrate_at_once) {
    struct pg *other = pool_new(&(struct pg_options){.setup = "SET search_path = cloister"});
    loop_until(base, pg_ready(other));
    struct migrations all = {"cloister", "test", steps, 2};
    struct outcome first = {0}, second = {0};
    migrate_run(pool, &all, on_migrated, &first);
    migrate_run(other, &all, on_migrated, &second);
    loop_until(base, first.calls > 0 && second.calls > 0);
    ck_assert_int_eq(first.error, 0);
    ck_assert_int_eq(second.error, 0);
    ck_assert_int_eq((int)ask("SELECT i FROM one").number, 2);
    pg_free(other);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("pg");
    TCase *cases = tcase_create("pg");
    tcase_set_timeout(cases, 60);
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, values_come_and_go_unchanged);
    tcase_add_test(cases, a_large_parameter_passes);
    tcase_add_test(cases, lines_are_copied_all_or_none);
    tcase_add_test(cases, errors_keep_their_kind_and_lose_their_text);
    tcase_add_test(cases, plans_are_kept_up_to_a_number);
    tcase_add_test(cases, a_script_is_all_or_nothing);
    tcase_add_test(cases, words_are_written_over_once_there_is_nothing_to_do);
    tcase_add_test(cases, too_many_waiting_are_refused_at_once);
    tcase_add_test(cases, a_slow_statement_ends_and_others_go_on);
    tcase_add_test(cases, a_killed_server_ends_queries_and_comes_back);
    tcase_add_test(cases, a_frozen_server_does_not_freeze_the_loop);
    tcase_add_test(cases, why_there_is_none_is_told_too);
    tcase_add_test(cases, a_wrong_address_is_told_once);
    tcase_add_test(cases, migrations_run_once_and_stop_at_a_newer_database);
    tcase_add_test(cases, a_refused_migration_leaves_nothing);
    tcase_add_test(cases, two_programs_may_migrate_at_once);
    suite_add_tcase(suite, cases);
    return postgres_tests(suite);
}
