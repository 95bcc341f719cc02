/* The store of proposals, and what a turn may say about them: each rule, both ways. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/proposals.h"
#include "supervisor/proposals_state.h"
#include "supervisor/relay_proposals.h"

#define USER_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define USER_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define CONN   "cccccccccccccccccccccccccccccccc"

static struct event_base *base;
static struct proposals *proposals;

static void setup(void) {
    const struct proposals_limits limits = {4, 100, 260};
    base = event_base_new();
    ck_assert_int_eq(proposals_new(base, &limits, &proposals), 0);
}

static void teardown(void) {
    proposals_free(proposals);
    event_base_free(base);
}

static const char *id_of(unsigned n) {
    static char ids[32][ID_LEN + 1];
    (void)snprintf(ids[n % 32], sizeof(ids[0]), "%032x", n);
    return ids[n % 32];
}

static int put(const char *user, unsigned n, size_t len, int64_t life_ms) {
    static uint8_t sealed[PROPOSAL_SEALED_MAX + 1] = {1};
    struct proposal_home home = {user, CONN, "app", "ann", "default"};
    Cloister__Proposal made = CLOISTER__PROPOSAL__INIT;
    made.id = (char *)id_of(n);
    made.sealed = (ProtobufCBinaryData){len, sealed};
    made.expires_at_ms = wall_ms() + life_ms;
    return proposals_put(proposals, &home, NULL, &made);
}

static bool there(unsigned n) {
    struct proposal_view view;
    return proposals_find(proposals, id_of(n), &view);
}

START_TEST(bounds_hold_and_the_oldest_goes) {
    for (unsigned i = 1; i <= 4; i++)
        ck_assert_int_eq(put(USER_A, i, 10, 60000), 0);
    ck_assert_int_eq(put(USER_A, 5, 10, 60000), 0);
    ck_assert(!there(1) && there(2) && there(5)); /* so many of one user */
    ck_assert_int_eq(put(USER_A, 6, 90, 60000), 0);
    ck_assert(!there(4) && there(5) && there(6)); /* so many bytes */
    ck_assert_int_eq(put(USER_B, 7, 80, 60000), 0);
    ck_assert_int_eq(put(CONN, 8, 90, 60000), 0);
    ck_assert(!there(5) && there(6) && there(7) && there(8)); /* so many bytes of all */
    ck_assert_uint_eq(proposals_bytes(proposals), 260);
    ck_assert_int_eq(put(USER_A, 8, 10, 60000), -EEXIST);
    ck_assert_int_eq(put(USER_A, 9, 0, 60000), -EMSGSIZE);
    ck_assert_int_eq(put(USER_A, 9, PROPOSAL_SEALED_MAX + 1, 60000), -EMSGSIZE);
}
END_TEST

START_TEST(one_that_runs_is_not_pushed_out) {
    bool repeated;
    for (unsigned i = 1; i <= 4; i++) {
        ck_assert_int_eq(put(USER_A, i, 10, 60000), 0);
        ck_assert_int_eq(proposals_begin(proposals, id_of(i), NULL, true, &repeated), 0);
    }
    ck_assert_int_eq(put(USER_A, 5, 10, 60000), -ENOSPC);
    proposals_end(proposals, id_of(3), PROPOSAL_DONE);
    ck_assert_int_eq(put(USER_A, 5, 10, 60000), 0);
    ck_assert(there(1) && !there(3)); /* what is over goes first */
}
END_TEST

/* Nor by another user, when all of them have as many bytes as there are. */
START_TEST(one_that_runs_is_not_pushed_out_by_others) {
    bool repeated;
    ck_assert_int_eq(put(USER_A, 1, 90, 60000), 0);
    ck_assert_int_eq(proposals_begin(proposals, id_of(1), NULL, true, &repeated), 0);
    ck_assert_int_eq(put(USER_B, 2, 90, 60000), 0);
    ck_assert_int_eq(put(CONN, 3, 90, 60000), 0); /* 270 of 260 */
    ck_assert(there(1) && !there(2) && there(3));
    proposals_end(proposals, id_of(1), PROPOSAL_DONE);
    ck_assert_int_eq(put(USER_B, 4, 90, 60000), 0);
    ck_assert(!there(1) && there(3) && there(4));
}
END_TEST

/* A plain word decides on what the calendar that is connected now was asked for. */
START_TEST(a_word_is_for_the_same_calendar) {
    Cloister__SealedItem items[4];
    struct proposal_home home = {USER_A, CONN, "app", "ann", "default"};
    ck_assert_int_eq(put(USER_A, 1, 10, 60000), 0);
    ck_assert_uint_eq(proposals_open(proposals, &home, items, 4), 1); /* control */
    home.connection = USER_B;
    ck_assert_uint_eq(proposals_open(proposals, &home, items, 4), 0);
}
END_TEST

START_TEST(what_expired_is_wiped_and_known) {
    struct proposal_view view;
    bool repeated;
    ck_assert_int_eq(put(USER_A, 1, 10, -1), 0);
    ck_assert(proposals_find(proposals, id_of(1), &view));
    ck_assert_uint_eq(view.item.sealed.len, 0);
    ck_assert_uint_eq(proposals_bytes(proposals), 0);
    ck_assert_int_eq(proposals_begin(proposals, id_of(1), NULL, true, &repeated), -ETIME);
    ck_assert_int_eq(put(USER_A, 2, 10, 60 * 60000), 0); /* no turn makes it live longer */
    ck_assert_int_eq(put(USER_A, 3, 10, -PROPOSAL_LIFE_MS - 1), 0);
    while (there(3)) /* after as long again nothing is known */
        ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
    ck_assert(there(1) && there(2));
}
END_TEST

START_TEST(forgets_by_user_and_by_conversation) {
    ck_assert_int_eq(put(USER_A, 1, 10, 60000), 0);
    ck_assert_int_eq(put(USER_B, 2, 10, 60000), 0);
    proposals_forget(proposals, USER_A, "elsewhere");
    ck_assert(there(1));
    proposals_settle(proposals, USER_B, id_of(1)); /* not theirs */
    ck_assert_int_eq(proposals_may(proposals, id_of(1), NULL, true), 0);
    proposals_forget(proposals, USER_A, NULL);
    ck_assert(!there(1) && there(2));
    ck_assert_uint_eq(proposals_count(proposals), 1);
    proposals_end(proposals, id_of(1), PROPOSAL_DONE); /* forgotten while it ran */
}
END_TEST

/* A conversation's name is the caller's; what is kept tells it to nobody who has not brought the
 * id. */
START_TEST(names_are_kept_hidden) {
    struct proposal_home home = {USER_A, CONN, "app", "ann", "divorce lawyer"};
    struct proposal_home other = {USER_A, CONN, "app", "ann", "another"};
    Cloister__Proposal made = CLOISTER__PROPOSAL__INIT;
    Cloister__SealedItem items[4];
    struct proposal_view view;
    char id[ID_LEN + 1];
    id_random(id);
    made.id = id;
    made.sealed = (ProtobufCBinaryData){4, (uint8_t *)"seal"};
    made.expires_at_ms = wall_ms() + 60000;
    ck_assert_int_eq(proposals_put(proposals, &home, NULL, &made), 0);
    const struct proposal *kept = TAILQ_FIRST(&proposals->all);
    if (kept == NULL)
        ck_abort_msg("nothing was kept");
    ck_assert_ptr_null(memmem(kept, sizeof(*kept), "divorce", 7));
    ck_assert_ptr_null(memmem(kept, sizeof(*kept), id, ID_LEN));
    ck_assert(proposals_find(proposals, id, &view));
    ck_assert_str_eq(view.home.conversation, "divorce lawyer");
    ck_assert_str_eq(view.item.id, id);
    ck_assert_uint_eq(proposals_open(proposals, &home, items, COUNT_OF(items)), 1);
    ck_assert_str_eq(items[0].id, id);
    ck_assert_uint_eq(proposals_open(proposals, &other, items, COUNT_OF(items)), 0);
    proposals_forget(proposals, USER_A, "another");
    ck_assert_uint_eq(proposals_count(proposals), 1);
    proposals_forget(proposals, USER_A, "divorce lawyer");
    ck_assert_uint_eq(proposals_count(proposals), 0);
}
END_TEST

/* ---- what a turn may say ---- */

static struct agent agent = {.origin = "owner"};
static struct turn turn;
static Cloister__Proposal items[6], *list[6];
static char ids[6][ID_LEN + 1];
static Cloister__TurnDone done;

static void say(size_t n) {
    cloister__turn_done__init(&done);
    turn = (struct turn){.agent = &agent, .kind = CLOISTER__TURN_KIND__TURN_CHAT, .n_given = 2};
    memcpy(turn.given[0], id_of(20), sizeof(turn.given[0]));
    memcpy(turn.given[1], id_of(21), sizeof(turn.given[1]));
    strcpy(agent.origin, "owner");
    for (size_t i = 0; i < n; i++) {
        cloister__proposal__init(&items[i]);
        (void)snprintf(ids[i], sizeof(ids[i]), "%s", id_of((unsigned)i + 1));
        items[i].id = ids[i];
        items[i].sealed = (ProtobufCBinaryData){4, (uint8_t *)"seal"};
        items[i].summary = "Move \"Lunch\"";
        items[i].arguments = "{\"tool\":\"update_event\"}";
        list[i] = &items[i];
    }
    done.proposals = list;
    done.n_proposals = n;
}

static bool sound(void) {
    return relay_proposals_kind(&turn, &done) == NULL && relay_proposals_count(&done) == NULL &&
           relay_proposals_sizes(&done) == NULL && relay_proposals_text(&done) == NULL &&
           relay_proposals_ids(&done) == NULL && relay_proposals_arguments(&done) == NULL;
}

START_TEST(an_owners_chat_proposes) {
    say(PROPOSALS_PER_TURN);
    ck_assert(sound());
    turn.kind = CLOISTER__TURN_KIND__TURN_DECIDE;
    ck_assert_ptr_nonnull(relay_proposals_kind(&turn, &done));
    turn.kind = CLOISTER__TURN_KIND__TURN_CHAT;
    strcpy(agent.origin, "customer");
    ck_assert_ptr_nonnull(relay_proposals_kind(&turn, &done));
    done.n_proposals = 0;
    ck_assert_ptr_null(relay_proposals_kind(&turn, &done));
    say(PROPOSALS_PER_TURN + 1);
    ck_assert_ptr_nonnull(relay_proposals_count(&done));
}
END_TEST

static char *long_text(size_t len, const char *around) {
    static char text[8192];
    memset(text, 'x', len);
    text[len] = '\0';
    text[0] = around[0];
    text[len - 1] = around[1];
    return text;
}

START_TEST(sizes_are_bounded) {
    static uint8_t sealed[PROPOSAL_SEALED_MAX + 1];
    say(2);
    items[1].sealed = (ProtobufCBinaryData){PROPOSAL_SEALED_MAX, sealed};
    items[1].summary = long_text(1024, "xx");
    ck_assert_ptr_null(relay_proposals_sizes(&done));
    items[1].sealed.len++;
    ck_assert_ptr_nonnull(relay_proposals_sizes(&done));
    items[1].sealed.len = 0;
    ck_assert_ptr_nonnull(relay_proposals_sizes(&done));
    say(2);
    items[1].summary = long_text(1025, "xx");
    ck_assert_ptr_nonnull(relay_proposals_sizes(&done));
    items[1].summary = "";
    ck_assert_ptr_nonnull(relay_proposals_sizes(&done));
    say(2);
    items[1].arguments = long_text(4096, "{}");
    ck_assert_ptr_null(relay_proposals_sizes(&done));
    items[1].arguments = long_text(4097, "{}");
    ck_assert_ptr_nonnull(relay_proposals_sizes(&done));
}
END_TEST

START_TEST(text_is_utf8_and_ids_are_ids) {
    say(2);
    items[1].summary = "caf\xc3\xa9 \xe2\x86\x92 \xf0\x9f\x8d\xb0";
    ck_assert_ptr_null(relay_proposals_text(&done));
    items[1].summary = "caf\xe9";
    ck_assert_ptr_nonnull(relay_proposals_text(&done));
    say(2);
    items[1].arguments = "{\"a\":\"\xc0\xaf\"}";
    ck_assert_ptr_nonnull(relay_proposals_text(&done));
    say(2);
    items[1].id = "0123";
    ck_assert_ptr_nonnull(relay_proposals_ids(&done));
    items[1].id = items[0].id;
    ck_assert_ptr_nonnull(relay_proposals_ids(&done));
}
END_TEST

START_TEST(arguments_are_one_object) {
    static const struct {
        const char *text;
        bool good;
    } rows[] = {{"{}", true},
                {" {\"a\":[{\"b\":null}]} ", true},
                {"[]", false},
                {"\"{}\"", false},
                {"{} {}", false},
                {"{\"a\":1", false},
                {"{\"a\":1,\"a\":2}", false},
                {"{\"a\":\"\\u0000\"}", false},
                {"{\"a\":1e999}", false},
                {"nonsense", false}};
    say(2);
    items[1].arguments = (char *)rows[_i].text;
    ck_assert_int_eq(relay_proposals_arguments(&done) == NULL, rows[_i].good);
}
END_TEST

START_TEST(only_what_was_given_is_settled) {
    char *both[] = {(char *)id_of(21), (char *)id_of(20)}, *other[] = {(char *)id_of(22)},
         *twice[] = {(char *)id_of(20), (char *)id_of(20)};
    say(0);
    ck_assert_ptr_null(relay_settled(&turn, both, 2));
    ck_assert_ptr_null(relay_settled(&turn, NULL, 0));
    ck_assert_ptr_nonnull(relay_settled(&turn, other, 1));
    ck_assert_ptr_nonnull(relay_settled(&turn, twice, 2));
    turn.n_given = 0;
    ck_assert_ptr_nonnull(relay_settled(&turn, both, 1));
}
END_TEST

int main(void) {
    Suite *s = suite_create("proposals");
    TCase *t = tcase_create("store");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 30);
    tcase_add_test(t, bounds_hold_and_the_oldest_goes);
    tcase_add_test(t, one_that_runs_is_not_pushed_out);
    tcase_add_test(t, one_that_runs_is_not_pushed_out_by_others);
    tcase_add_test(t, a_word_is_for_the_same_calendar);
    tcase_add_test(t, what_expired_is_wiped_and_known);
    tcase_add_test(t, forgets_by_user_and_by_conversation);
    tcase_add_test(t, names_are_kept_hidden);
    suite_add_tcase(s, t);
    t = tcase_create("relay");
    tcase_add_test(t, an_owners_chat_proposes);
    tcase_add_test(t, sizes_are_bounded);
    tcase_add_test(t, text_is_utf8_and_ids_are_ids);
    tcase_add_loop_test(t, arguments_are_one_object, 0, 10);
    tcase_add_test(t, only_what_was_given_is_settled);
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
