/* What was delivered is marked, however long the database is away, and not delivered again while it
 * is not marked yet. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "business/notify_marks.h"
#include "business/notify_queue.h"
#include "ipc/log.h"
#include "tests/unit/store/loop.h"
#include "tests/unit/store/postgres.h"

static struct event_base *base;

static void begin(void) {
    log_open("notify_test");
    base = event_base_new();
    (void)postgres_sql(
        "DROP SCHEMA IF EXISTS business CASCADE; CREATE SCHEMA business AUTHORIZATION cloister; "
        "CREATE TABLE business.outbox (id bigint PRIMARY KEY, kind text DEFAULT 'inquiry_new', "
        "to_kind text DEFAULT 'owner', business text DEFAULT 'anna', reference text DEFAULT "
        "'Q-22222-22222', payload jsonb DEFAULT '{}', created_at timestamptz DEFAULT now(), "
        "attempts integer DEFAULT 0, next_at timestamptz DEFAULT now(), done_at timestamptz, "
        "dead_at timestamptz); ALTER TABLE business.outbox OWNER TO cloister");
}

static void end(void) {
    event_base_free(base);
}

static bool is(const char *sql, const char *wanted) {
    return strcmp(postgres_sql("%s", sql), wanted) == 0;
}

static void on_news(void *ctx, enum pg_news news, const char *why) {
    (void)why;
    if (news == PG_UP)
        marks_write(ctx);
}

START_TEST(a_mark_waits_as_long_as_the_database_is_away) {
    struct marks *marks;
    struct pg *pg;
    ck_assert_int_eq(marks_new(base, &marks), 0);
    const struct pg_options options = {
        .setup = "SET search_path = business", .news = on_news, .ctx = marks};
    ck_assert_int_eq(pg_new(base, postgres_conninfo(), &options, &pg), 0);
    marks_database(marks, pg);
    loop_until(base, pg_ready(pg));
    (void)postgres_sql("INSERT INTO business.outbox (id) VALUES (7), (8)");
    postgres_kill();
    loop_until(base, !pg_ready(pg));
    marks_put(marks, MARK_DONE, 7, 0, "");
    for (unsigned i = 0; i < 20; i++) {
        loop_until(base, marks_sent(marks) == 0);
        ck_assert_str_eq(marks_ids(marks), "{7}");
        marks_write(marks);
    }
    postgres_restart();
    loop_until(base, is("SELECT string_agg(id::text, ' ') FROM business.outbox WHERE done_at IS "
                        "NOT NULL",
                        "7"));
    loop_until(base, strcmp(marks_ids(marks), "{}") == 0);
    pg_free(pg);
    marks_free(marks);
}
END_TEST

/* Its lease is over, and others are taken meanwhile: those that nobody has. */
START_TEST(what_is_not_marked_yet_is_not_taken_again) {
    char path[128], why[256];
    struct config *config;
    struct queue *queue;
    (void)snprintf(path, sizeof(path), "%s/cloister.conf", postgres_dir());
    FILE *file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    (void)fprintf(file, "[runtime]\ndir=%s\n", postgres_dir());
    (void)fclose(file);
    ck_assert_msg(config_load(path, &config, why, sizeof(why)) == 0, "%s", why);
    const struct notify_settings settings = {.config = config, .retry_ms = 100, .tries = 5};
    (void)postgres_sql(
        "CREATE FUNCTION business.busy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE "
        "'busy' USING ERRCODE = 'serialization_failure'; END $$; CREATE TRIGGER busy BEFORE UPDATE "
        "ON business.outbox FOR EACH ROW WHEN (NEW.dead_at IS NOT NULL AND NEW.id = 7) EXECUTE "
        "FUNCTION business.busy(); INSERT INTO business.outbox (id) VALUES (7)");
    ck_assert_int_eq(queue_new(base, postgres_conninfo(), &settings, &queue), 0);
    loop_until(base, is("SELECT attempts FROM business.outbox", "1"));
    /* Due after the lease of the first, so taken by a statement that could take that one, too. */
    (void)postgres_sql("INSERT INTO business.outbox (id, next_at) SELECT 8, next_at + interval '1 "
                       "millisecond' FROM business.outbox");
    loop_until(base, is("SELECT attempts FROM business.outbox WHERE id = 8", "1"));
    ck_assert_str_eq(postgres_sql("SELECT attempts FROM business.outbox WHERE id = 7"), "1");
    (void)postgres_sql("DROP TRIGGER busy ON business.outbox");
    loop_until(base, is("SELECT count(*) FROM business.outbox WHERE dead_at IS NOT NULL", "2"));
    ck_assert_str_eq(postgres_sql("SELECT max(attempts) FROM business.outbox"), "1");
    queue_free(queue);
    config_free(config);
}
END_TEST

int main(void) {
    if (sodium_init() < 0)
        return 1;
    Suite *suite = suite_create("notify_marks");
    TCase *cases = tcase_create("notify_marks");
    tcase_set_timeout(cases, 60);
    tcase_add_checked_fixture(cases, begin, end);
    tcase_add_test(cases, a_mark_waits_as_long_as_the_database_is_away);
    tcase_add_test(cases, what_is_not_marked_yet_is_not_taken_again);
    suite_add_tcase(suite, cases);
    return postgres_tests(suite);
}
