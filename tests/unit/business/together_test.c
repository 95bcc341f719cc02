/* What goes to the database together: each gets its own, one's fault is nobody else's, and plans
 * made while tables are small go by keys all the same. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "business/change.h"
#include "business/together.h"
#include "tests/unit/business/rig.h"

#define MANY 40 /* more than one statement takes */

struct one {
    struct booking booking;
    struct used_key key;
    bool ended, changed;
    int error;
};
static struct one ones[MANY];
static unsigned ended;

static void on_changed(void *ctx, int error, bool changed) {
    struct one *one = ctx;
    ck_assert(!one->ended);
    one->ended = true;
    one->error = error;
    one->changed = changed;
    ended++;
}

/* Each at an hour of its own, with a key of its own. */
static void make_ones(void) {
    for (unsigned i = 0; i < MANY; i++) {
        struct booking *booking = &ones[i].booking;
        ones[i] = (struct one){.key = {.given = true, .key = {1, (uint8_t)i}}};
        reference_make('B', booking->reference);
        strcpy(booking->owner, ALICE);
        strcpy(booking->business, "anna");
        strcpy(booking->service, "cut");
        strcpy(booking->status, "holding");
        strcpy(booking->step, "book");
        strcpy(booking->zone, "Europe/Berlin");
        strcpy(booking->event, "0123456789abcdefghijklmnopqrstuv");
        booking->start = wall_ms() / 1000 / 3600 * 3600 + 86400 + (int64_t)i * 3600;
        booking->end = booking->start + 3600;
        booking->version = 1;
        booking->details =
            json_pack("{s:{s:s, s:s}}", "customer", "name", "Bob", "email", "bob@example.test");
    }
}

static void drop_ones(void) {
    for (unsigned i = 0; i < MANY; i++)
        json_decref(ones[i].booking.details);
    rig_end();
}

static void begin(void) {
    rig_begin();
    make_ones();
}

static void hold_all(void) {
    ended = 0;
    for (unsigned i = 0; i < MANY; i++)
        change_hold(&server, &ones[i].booking, &ones[i].key, 35, on_changed, &ones[i]);
    ck_assert_uint_eq(ended, 0); /* never from inside */
    loop_until(base, ended == MANY);
}

static void confirm_all(void) {
    ended = 0;
    for (unsigned i = 0; i < MANY; i++) {
        ones[i].ended = false;
        change_confirmed(&server, &ones[i].booking, on_changed, &ones[i]);
    }
    loop_until(base, ended == MANY);
}

START_TEST(many_go_in_few_transactions) {
    hold_all();
    for (unsigned i = 0; i < MANY; i++)
        ck_assert(ones[i].error == 0 && ones[i].changed);
    ck_assert_str_eq(rig_sql("SELECT count(*) FROM slots JOIN bookings ON booking = reference "
                             "JOIN used_keys USING (booking) WHERE status = 'holding' "
                             "AND during = tstzrange(starts_at, ends_at) "
                             "AND held_until > now() AND due_at > now()"),
                     "40");
    ck_assert_str_eq(rig_sql("SELECT count(DISTINCT xmin::text) FROM bookings"), "2");
    confirm_all();
    for (unsigned i = 0; i < MANY; i++)
        ck_assert(ones[i].error == 0 && ones[i].changed);
    ck_assert_str_eq(rig_sql("SELECT count(*) FROM slots JOIN bookings ON booking = reference "
                             "WHERE status = 'confirmed' AND held_until IS NULL AND version = 2"),
                     "40");
    ck_assert_str_eq(rig_sql("SELECT count(DISTINCT xmin::text) FROM bookings"), "2");
    ck_assert_str_eq(rig_sql("SELECT count(DISTINCT (reference, to_kind)) FROM outbox "
                             "JOIN bookings USING (reference)"),
                     "80");
}
END_TEST

/* Of two that want one time, of two that use one key, and what cannot be written at all. */
START_TEST(a_fault_is_nobody_elses) {
    ones[3].booking.start = ones[2].booking.start + 60;
    ones[5].key = ones[4].key;
    strcpy(ones[7].booking.reference, "B-?");
    hold_all();
    for (unsigned i = 0; i < MANY; i++) {
        ck_assert_int_eq(ones[i].error, i == 5 ? -EEXIST : i == 7 ? -EINVAL : 0);
        ck_assert_int_eq(ones[i].changed, i != 3 && i != 5 && i != 7);
    }
    ck_assert_str_eq(rig_sql("SELECT count(*) FROM slots JOIN bookings ON booking = reference "
                             "JOIN used_keys USING (booking)"),
                     "37");
    ck_assert_str_eq(rig_sql("SELECT count(*) FROM slots"), "37");
    /* One is not as it was any more, one has lost its time. */
    char sql[256];
    (void)snprintf(sql, sizeof(sql),
                   "UPDATE bookings SET version = 9 WHERE reference = '%s'; "
                   "DELETE FROM slots WHERE booking = '%s'",
                   ones[10].booking.reference, ones[11].booking.reference);
    (void)rig_sql(sql);
    confirm_all();
    for (unsigned i = 0; i < MANY; i++) {
        bool not = i == 3 || i == 5 || i == 7 || i == 10 || i == 11;
        ck_assert_int_eq(ones[i].error, 0);
        ck_assert_int_eq(ones[i].changed, !not );
    }
    ck_assert_str_eq(rig_sql("SELECT count(*) FROM bookings WHERE status = 'confirmed'"), "35");
    ck_assert_str_eq(rig_sql("SELECT count(*) FROM outbox"), "70");
}
END_TEST

START_TEST(a_plan_for_small_tables_goes_by_keys) {
    char sql[1024];
    hold_all();
    (void)snprintf(sql, sizeof(sql),
                   "BEGIN; SELECT confirm_holds(ARRAY['%s', '%s'], ARRAY[1, 1]::bigint[], "
                   "ARRAY['', ''], ARRAY['{}', '{}'], ARRAY['{}', '{}']); "
                   "SELECT string_agg(relname || ' ' || seq_scan || ' ' || (idx_scan > 0)::text, "
                   "', ' ORDER BY relname) FROM pg_stat_xact_user_tables WHERE relname IN "
                   "('bookings', 'slots')",
                   ones[0].booking.reference, ones[1].booking.reference);
    ck_assert_str_eq(rig_sql(sql), "bookings 0 true, slots 0 true");
}
END_TEST

/* ---- values ---- */

static struct together values = {
    .sql = "SELECT n, t, i, b, 100 / (5 - n) FROM unnest($1::text[], $2::bigint[], $3::bytea[]) "
           "WITH ORDINALITY AS a (t, i, b, n) WHERE t IS DISTINCT FROM 'none' ORDER BY n",
    .types = "tib",
    .reads = true};

static const struct {
    const char *text, *number, *bytes;
    size_t len;
} asked[] = {{"Müller, \"x\" {}\\", "-9223372036854775808", "\0\xff", 2},
             {"", "0", "", 0},
             {"none", "1", "x", 1},
             {NULL, NULL, NULL, 0},
             {"fifth", "5", "5", 1}, /* its row divides by zero while others are before it */
             {"last", "9223372036854775807", "abc", 3}};
static unsigned answered;

static void on_values(void *ctx, int error, const struct pg_rows *rows, unsigned first,
                      unsigned n) {
    size_t at = (size_t)(uintptr_t)ctx, len;
    answered++;
    ck_assert_int_eq(error, 0);
    ck_assert_uint_eq(n, strcmp(asked[at].text != NULL ? asked[at].text : "", "none") != 0);
    if (n == 0)
        return;
    ck_assert_int_eq(pg_is_null(rows, first, 1), asked[at].text == NULL);
    ck_assert_str_eq(pg_text(rows, first, 1), asked[at].text != NULL ? asked[at].text : "");
    ck_assert_int_eq(pg_is_null(rows, first, 2), asked[at].number == NULL);
    if (asked[at].number != NULL)
        ck_assert_int_eq(pg_int(rows, first, 2), strtoimax(asked[at].number, NULL, 10));
    const uint8_t *bytes = pg_bytes(rows, first, 3, &len);
    ck_assert_uint_eq(len, asked[at].len);
    ck_assert(len == 0 || memcmp(bytes, asked[at].bytes, len) == 0);
}

static struct pg_param text_or_null(const char *text) {
    return text != NULL ? PG_TEXT(text) : PG_NULL;
}

START_TEST(each_gets_its_own_values) {
    answered = 0;
    for (size_t i = 0; i < COUNT_OF(asked); i++) {
        struct pg_param params[] = {text_or_null(asked[i].text), text_or_null(asked[i].number),
                                    asked[i].bytes != NULL ? PG_BYTES(asked[i].bytes, asked[i].len)
                                                           : PG_NULL};
        together_ask(&server, &values, params, false, on_values, (void *)(uintptr_t)i);
    }
    loop_until(base, answered == COUNT_OF(asked));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("together");
    TCase *cases = tcase_create("together");
    tcase_set_timeout(cases, 60);
    tcase_add_checked_fixture(cases, begin, drop_ones);
    tcase_add_test(cases, many_go_in_few_transactions);
    tcase_add_test(cases, a_fault_is_nobody_elses);
    tcase_add_test(cases, a_plan_for_small_tables_goes_by_keys);
    tcase_add_test(cases, each_gets_its_own_values);
    suite_add_tcase(suite, cases);
    return postgres_tests(suite);
}
