/* Steps asked of cloisterd: each ends exactly once, and a change that may have been made is never
 * called one that was not. */
#include <string.h>

#include "business/cells.h"
#include "tests/unit/business/rig.h"

static unsigned ended;
static char code[64];
static bool retryable, unknown;

static void on_end(void *ctx, const Cloister__CellResult *result) {
    (void)ctx;
    ended++;
    snprintf(code, sizeof(code), "%s", result->code);
    retryable = result->retryable;
    unknown = result->unknown_writes;
}

static uint64_t ask(Cloister__FrontKind kind, uint64_t timeout_ms) {
    Cloister__FrontStep step = CLOISTER__FRONT_STEP__INIT;
    Cloister__FrontEvent event = CLOISTER__FRONT_EVENT__INIT;
    step.kind = kind;
    step.event = &event;
    ended = 0;
    rig_cell = 0;
    return cells_step(server.cells, ALICE, &step, timeout_ms, on_end, NULL);
}

static void begin(void) {
    rig_begin();
    loop_until(base, cells_up(server.cells));
}

START_TEST(an_answer_ends_its_step) {
    uint64_t number = ask(CLOISTER__FRONT_KIND__FRONT_BOOK, 5000);
    loop_until(base, rig_cell == number);
    ck_assert_uint_lt(rig_cell_timeout_ms, 5000); /* cloisterd gives up first, and says why */
    rig_cell_answer(number + 1, "stray");
    rig_cell_answer(number, "");
    loop_until(base, ended > 0);
    ck_assert_str_eq(code, "");
    rig_cell_answer(number, "again");
    ask(CLOISTER__FRONT_KIND__FRONT_BUSY, 5000);
    loop_until(base, rig_cell > number);
    ck_assert_uint_eq(ended, 0);
    rig_cell_answer(rig_cell, "calendar_unavailable");
    loop_until(base, ended == 1);
    ck_assert_str_eq(code, "calendar_unavailable");
}
END_TEST

START_TEST(silence_after_a_change_is_not_knowing) {
    ask(CLOISTER__FRONT_KIND__FRONT_BOOK, 300);
    loop_until(base, ended > 0);
    ck_assert_str_eq(code, "no_answer");
    ck_assert(retryable && unknown);
    ask(CLOISTER__FRONT_KIND__FRONT_BUSY, 300);
    loop_until(base, ended > 0);
    ck_assert_str_eq(code, "no_answer");
    ck_assert(retryable && !unknown); /* reading changes nothing */
}
END_TEST

START_TEST(cloisterd_that_goes_ends_what_it_was_asked) {
    ask(CLOISTER__FRONT_KIND__FRONT_REMOVE, 60000);
    loop_until(base, rig_cell != 0);
    rig_cloisterd_gone();
    loop_until(base, ended > 0);
    ck_assert_str_eq(code, "no_answer");
    ck_assert(unknown);
    ask(CLOISTER__FRONT_KIND__FRONT_BOOK, 60000);
    ck_assert_uint_eq(ended, 0); /* never from inside */
    loop_until(base, ended > 0);
    ck_assert_str_eq(code, "business_unavailable");
    ck_assert(retryable && !unknown); /* it was never sent */
    rig_cloisterd_back();
    uint64_t number = ask(CLOISTER__FRONT_KIND__FRONT_LOOK, 5000);
    loop_until(base, rig_cell == number);
    rig_cell_answer(number, "");
    loop_until(base, ended == 1);
}
END_TEST

/* A cloisterd that hears and does not answer costs a bounded number of steps that wait for it. */
START_TEST(so_many_wait_and_no_more) {
    for (unsigned i = 0; i < 1024; i++)
        (void)ask(CLOISTER__FRONT_KIND__FRONT_BUSY, 60000);
    uint64_t last = ask(CLOISTER__FRONT_KIND__FRONT_BOOK, 60000);
    loop_until(base, ended > 0);
    ck_assert_uint_eq(ended, 1);
    ck_assert_str_eq(code, "business_unavailable");
    ck_assert(retryable && !unknown); /* it was never sent */
    loop_until(base, rig_cell == last - 1);
    rig_cell_answer(rig_cell, "");
    loop_until(base, ended == 2);
    uint64_t next = ask(CLOISTER__FRONT_KIND__FRONT_BUSY, 60000); /* in its place */
    loop_until(base, rig_cell == next);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("cells");
    TCase *cases = tcase_create("cells");
    tcase_add_checked_fixture(cases, begin, rig_end);
    tcase_add_test(cases, an_answer_ends_its_step);
    tcase_add_test(cases, silence_after_a_change_is_not_knowing);
    tcase_add_test(cases, cloisterd_that_goes_ends_what_it_was_asked);
    tcase_add_test(cases, so_many_wait_and_no_more);
    suite_add_tcase(suite, cases);
    return postgres_tests(suite);
}
