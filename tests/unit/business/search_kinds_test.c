/* Searches of more kinds than statements are kept, and one that is lost with all that went with it.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

#include "business/search_parts.h"
#include "tests/unit/business/rig.h"

static void directory(void) {
    rig_begin();
    rig_publish(ALICE, "paula", rig_profile("Paula", "plumber", "Berlin", "DE", ""));
    rig_publish(ALICE, "anna", rig_profile("Anna", "hairdresser", "Paris", "FR", ""));
    rig_public("192.0.2.1", "test");
}

/* More kinds of searches than statements are kept; then some are made again. */
START_TEST(searches_of_many_kinds_are_answered) {
    static const char *const filters[] = {
        "'query': 'plumber'", "'place': 'Berlin'", "'country': 'DE'",
        "'language': 'en'",   "'mode': 'remote'",  "'attributes': {'parking': true}",
        "'category': 'x'",
    };
    unsigned known[1u << COUNT_OF(filters)];
    for (unsigned round = 0; round < 2; round++) {
        /* The first of them were not kept. */
        for (unsigned i = 0; i < (round == 0 ? COUNT_OF(known) : 16u); i++) {
            char text[512] = "{'limit': ", number[16];
            (void)snprintf(number, sizeof(number), "192.0.2.%u", i);
            rig_public(number, number);                               /* nobody asks too often */
            (void)snprintf(number, sizeof(number), "%u", 40 + round); /* none is kept */
            strcat(text, number);
            for (size_t bit = 0; bit < COUNT_OF(filters); bit++) {
                if ((i >> bit & 1) == 0)
                    continue;
                strcat(text, ", ");
                strcat(text, filters[bit]);
            }
            json_t *result = rig_call("search_businesses", strcat(text, "}"));
            ck_done();
            unsigned n = (unsigned)json_array_size(json_object_get(result, "businesses"));
            ck_assert(round == 0 || known[i] == n);
            known[i] = n;
            ck_assert_uint_le(search_statements_kept(), SEARCH_STATEMENTS_MAX);
        }
    }
    ck_assert_uint_eq(search_statements_kept(), SEARCH_STATEMENTS_MAX);
    ck_assert_uint_gt(known[0], known[1]); /* the filters do filter */
    ck_assert_uint_gt(known[1], 0);
}
END_TEST

/* ---- one that ends all that went together ---- */

static PGconn *locker;
static struct event *look;

/* The statement of all that were asked waits for a lock: its connection is ended. */
static void on_look(evutil_socket_t fd, short what, void *ctx) {
    static const struct timeval soon = {0, 10000};
    (void)fd;
    (void)what;
    (void)ctx;
    if (strcmp(rig_sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                       "WHERE wait_event_type = 'Lock' AND application_name = 'cloister-business'"),
               "0") == 0)
        (void)evtimer_add(look, &soon);
    else
        PQfinish(take_ptr(locker));
}

static unsigned answered;

static void on_answer(void *ctx, int error, const struct pg_rows *rows, unsigned first,
                      unsigned n) {
    (void)ctx;
    (void)rows;
    (void)first;
    ck_assert_int_eq(error, 0);
    ck_assert_uint_gt(n, 0);
    answered++;
}

START_TEST(those_that_went_with_a_lost_one_are_asked_again) {
    static const struct timeval soon = {0, 10000};
    char admin[256], why[256];
    (void)snprintf(admin, sizeof(admin), "host=%s dbname=cloister user=admin", postgres_dir());
    locker = PQconnectdb(admin);
    PQclear(PQexec(locker, "BEGIN; LOCK TABLE business.listings"));
    ck_assert_int_eq(PQtransactionStatus(locker), PQTRANS_INTRANS);
    answered = 0;
    json_t *arguments = json_of("{'query': 'plumber'}");
    for (int i = 0; i < 8; i++) {
        struct search_request request = {0};
        struct search_query query;
        const struct search_place from = {0};
        ck_assert_int_eq(search_request_of(arguments, 0, &request, why, sizeof(why)), 0);
        ck_assert_int_eq(search_query_of(&request, &from, &query), 0);
        query.statement->each_us = 1; /* so that they go together on any machine */
        search_batch_ask(&server, &query, 10, on_answer, NULL);
        search_request_done(&request);
    }
    json_decref(arguments);
    look = evtimer_new(base, on_look, NULL);
    ck_assert_int_eq(evtimer_add(look, &soon), 0);
    loop_until(base, answered == 8);
    ck_assert_ptr_null(locker);
    event_free(look);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("search_kinds");
    TCase *cases = tcase_create("search_kinds");
    tcase_set_timeout(cases, 60);
    tcase_add_checked_fixture(cases, directory, rig_end);
    tcase_add_test(cases, searches_of_many_kinds_are_answered);
    tcase_add_test(cases, those_that_went_with_a_lost_one_are_asked_again);
    suite_add_tcase(suite, cases);
    return postgres_tests(suite);
}
