/* The owner's word on a proposal by a button: exactly what was shown is done, once, by its owner,
 * in its conversation and its time. Each rule beside what happens without it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proposal_rig.h"

static const char *start_of(const json_t *event) {
    return json_text(json_object_get(event, "start"), "dateTime");
}

static unsigned writes(void) {
    return fake->posts + fake->patches + fake->deletes;
}

/* ---- deciding by a button ---- */

static char proposed[33];

/* Proposes with one call and carries the turn over. */
static void propose(const char *first, const char *call, const char *message) {
    ask(first, call, message);
    ck_assert_uint_eq(fake_proposals(fake), 1);
    strcpy(proposed, fake_proposal(fake, 0)->id);
    fake_carry(fake);
}

START_TEST(confirmed_as_shown) {
    json_t *event =
        standup(AT("2026-11-23T09:00:00+01:00", "2026-11-23T10:15:00+01:00", GUEST), false);
    propose(NULL, CALL(0, "update_event", MOVE) END_TOOLS, "Move it.");
    ck_assert_uint_eq(writes(), 0);
    fake_decide(fake, proposed, true);
    expect_done();
    ck_assert_uint_eq(fake->model_calls, 0);
    ck_assert_str_eq(start_of(event), "2026-11-23T11:30:00+01:00");
    ck_assert_str_eq(fake->written, "PATCH standup?sendUpdates=all ");
    ck_assert(fake_settled(fake, proposed));
    ck_assert_uint_eq(fake->last->turn_done->audit->calendar_writes, 1);
    ck_assert_ptr_nonnull(strstr(fake->text, "Done: Change “Standup”"));
    /* Somebody who asks again finds it done, and it is not done twice. */
    fake_decide(fake, proposed, true);
    expect_done();
    ck_assert_uint_eq(fake->patches, 1);
    fake_carry(fake);
    /* The next turn knows by its record. */
    fake->model[0] = SAY("Yes.") END_TURN;
    fake_chat(fake, "Is it moved?");
    expect_done();
    char *all = json_dumps(json_object_get(fake->asked[0], "messages"), JSON_COMPACT);
    ck_assert_ptr_nonnull(strstr(all, "update_event " HANDLE " proposed"));
    ck_assert_ptr_nonnull(strstr(all, "update_event " HANDLE " confirmed"));
    ck_assert_ptr_null(strstr(all, "Standup"));
    free(all);
}
END_TEST

START_TEST(created_once_with_guests) {
    propose(NULL, CALL(0, "create_event", LUNCH(INVITE("bob@example.com"))) END_TOOLS,
            "Lunch with bob@example.com at three.");
    fake_decide(fake, proposed, true);
    expect_done();
    fake_decide(fake, proposed, true);
    expect_done();
    ck_assert_uint_eq(json_object_size(fake->events), 1);
    json_t *event = json_object_iter_value(json_object_iter(fake->events));
    ck_assert(event_is_own(fake->user_key, event));
    ck_assert_str_eq(json_text(json_array_get(json_object_get(event, "attendees"), 0), "email"),
                     "bob@example.com");
    ck_assert_str_eq(fake->written, "POST new?sendUpdates=all POST new?sendUpdates=all ");
}
END_TEST

START_TEST(deleted_once) {
    json_t *event = standup(NINE, false);
    propose(NULL, CALL(0, "delete_event", GONE) END_TOOLS, "Delete it.");
    fake_decide(fake, proposed, true);
    expect_done();
    ck_assert_str_eq(json_text(event, "status"), "cancelled");
    ck_assert_str_eq(fake->written, "DELETE standup ");
    fake_decide(fake, proposed, true);
    expect_done();
    ck_assert_uint_eq(fake->deletes, 1);
}
END_TEST

START_TEST(rejected_stays) {
    standup(NINE, false);
    propose(NULL, CALL(0, "delete_event", GONE) END_TOOLS, "Delete it.");
    fake_decide(fake, proposed, false);
    expect_done();
    ck_assert_str_eq(fake->text, "Left as it was.");
    ck_assert(fake_settled(fake, proposed));
    ck_assert_uint_eq(writes(), 0);
}
END_TEST

START_TEST(another_version_is_not_touched) {
    for (int without = 0; without < 2; without++)
        for (int deletes = 0; deletes < 2; deletes++) {
            guards_off[GUARD_PROPOSAL_ETAG] = without == 1;
            json_t *event = standup(NINE, false);
            propose(NULL,
                    deletes ? CALL(0, "delete_event", GONE) END_TOOLS
                            : CALL(0, "update_event", MOVE) END_TOOLS,
                    "Do it.");
            unsigned before = writes();
            (void)json_object_set_new(event, "etag", json_string("\"other\""));
            fake_decide(fake, proposed, true);
            ck_assert_str_eq(fake_code(fake), without ? "" : "proposal_changed");
            ck_assert(fake_settled(fake, proposed));
            ck_assert_uint_eq(writes() - before, (unsigned)without);
            fake_carry(fake);
        }
}
END_TEST

/* Changed between the look and the write: Google's own check stops it. */
static bool race(struct fake *f, const char *method, const char *url, struct fake_reply *reply,
                 bool *after) {
    (void)url, (void)reply, (void)after;
    if (strcmp(method, "PATCH") == 0 && f->fault_count++ == 0)
        (void)json_object_set_new(json_object_get(f->events, "standup"), "etag",
                                  json_string("\"raced\""));
    return false;
}

START_TEST(a_race_is_lost) {
    json_t *event = standup(NINE, false);
    propose(NULL, CALL(0, "update_event", MOVE) END_TOOLS, "Move it.");
    fake->fault = race;
    fake_decide(fake, proposed, true);
    ck_assert_str_eq(fake_code(fake), "proposal_changed");
    ck_assert_str_eq(start_of(event), "2026-11-23T09:00:00+01:00");
}
END_TEST

static bool lose(struct fake *f, const char *method, const char *url, struct fake_reply *reply,
                 bool *after) {
    (void)url;
    if (strcmp(method, "GET") == 0 || strstr(url, "token.test") != NULL || f->fault_count++ > 0)
        return false;
    *reply = (struct fake_reply){.error = -ECONNRESET, .sent = true};
    *after = true;
    return true;
}

START_TEST(a_lost_answer_is_settled_by_looking) {
    static const char *const calls[] = {CALL(0, "update_event", MOVE) END_TOOLS,
                                        CALL(0, "delete_event", GONE) END_TOOLS,
                                        CALL(0, "create_event", LUNCH("")) END_TOOLS};
    standup(NINE, true);
    propose(LIST, calls[_i], "Do it.");
    fake->fault = lose;
    fake_decide(fake, proposed, true);
    expect_done();
    ck_assert_uint_eq(writes(), 1);
}
END_TEST

START_TEST(google_away_leaves_it_open) {
    standup(NINE, true);
    propose(LIST, CALL(0, "update_event", MOVE) END_TOOLS, "Do it.");
    fake->token_status = 503;
    fake->token_answer = "{}";
    free(fake->state.access.data);
    fake->state.access = (ProtobufCBinaryData){0};
    fake->timeout_ms = 3000;
    fake_decide(fake, proposed, true);
    ck_assert_str_ne(fake_code(fake), "");
    ck_assert(fake->last->turn_error->retryable);
    ck_assert(!fake_settled(fake, proposed));
    fake->token_status = 0;
    fake->token_answer = NULL;
    fake->timeout_ms = 20000;
    fake_decide(fake, proposed, true);
    expect_done();
    ck_assert_uint_eq(writes(), 1);
}
END_TEST

/* ---- what it is bound to ---- */

/* As if the proposal had been made eleven minutes ago. */
static void make_old(void) {
    const struct proposal_scope scope = {fake->user_key, fake->connection_key, 3, fake->start.user,
                                         fake->start.conversation};
    Cloister__SealedItem *item = fake->state.proposals[0];
    json_t *json = NULL;
    ck_assert_int_eq(
        proposal_open(&scope, item->id, item->sealed.data, item->sealed.len, wall_ms(), &json), 0);
    (void)json_object_set_new(json, "expires_at", json_integer(wall_ms() - 60000));
    free(item->sealed.data);
    ck_assert_int_eq(proposal_seal(&scope, json, proposed, &item->sealed.data, &item->sealed.len),
                     0);
    strcpy(item->id, proposed);
    json_decref(json);
}

START_TEST(expired_is_void) {
    for (int without = 0; without < 2; without++) {
        guards_off[GUARD_PROPOSAL_EXPIRES] = without == 1;
        standup(NINE, false);
        propose(NULL, CALL(0, "update_event", MOVE) END_TOOLS, "Move it.");
        make_old();
        fake_decide(fake, proposed, true);
        ck_assert_str_eq(fake_code(fake), without ? "" : "proposal_expired");
        ck_assert_uint_eq(fake->patches, (unsigned)without);
        ck_assert(fake_settled(fake, proposed));
        fake_carry(fake);
    }
}
END_TEST

/* To the millisecond. */
START_TEST(a_proposal_ends_when_it_says) {
    const struct proposal_scope scope = {.user_key = fake->user_key,
                                         .connection_key = fake->connection_key,
                                         .epoch = 3,
                                         .user = fake->start.user,
                                         .conversation = "one"};
    char id[ID_LEN + 1];
    uint8_t *sealed = NULL;
    size_t len = 0;
    json_t *json = json_pack("{s:s, s:I}", "conversation", "one", "expires_at", (json_int_t)5000),
           *got = NULL;
    ck_assert_int_eq(proposal_seal(&scope, json, id, &sealed, &len), 0);
    ck_assert_int_eq(proposal_open(&scope, id, sealed, len, 5000, &got), -EKEYEXPIRED);
    ck_assert_int_eq(proposal_open(&scope, id, sealed, len, 4999, &got), 0);
    ck_assert(json_equal(got, json));
    struct proposal_scope later = scope;
    later.epoch++; /* the calendar was connected anew */
    ck_assert_int_eq(proposal_open(&later, id, sealed, len, 4999, &got), -EBADMSG);
    json_decref(json);
    json_decref(got);
    free(sealed);
}
END_TEST

/* cloisterd hands over another of the user's proposals under the name of the one that was shown. */
START_TEST(bytes_of_another_do_not_open) {
    for (int without = 0; without < 2; without++) {
        guards_off[GUARD_PROPOSAL_BOUND] = without == 1;
        json_t *event = standup(NINE, false);
        propose(NULL, CALL(0, "delete_event", GONE) END_TOOLS, "Delete it.");
        ProtobufCBinaryData of_deletion = fake->state.proposals[0]->sealed;
        fake->state.proposals[0]->sealed = (ProtobufCBinaryData){0};
        fake_settle(fake, proposed);
        propose(NULL, CALL(0, "create_event", LUNCH(INVITE("bob@example.com"))) END_TOOLS,
                "Lunch with bob@example.com.");
        free(fake->state.proposals[0]->sealed.data);
        fake->state.proposals[0]->sealed = of_deletion;
        fake_decide(fake, proposed, true);
        ck_assert_str_eq(fake_code(fake), without ? "" : "proposal_gone");
        ck_assert((strcmp(json_text(event, "status"), "cancelled") == 0) == without);
        fake_settle(fake, proposed);
    }
}
END_TEST

START_TEST(another_conversation_does_not_open_it) {
    for (int without = 0; without < 2; without++) {
        guards_off[GUARD_PROPOSAL_CONVERSATION] = without == 1;
        fake->start.conversation = (char *)"one";
        standup(NINE, false);
        propose(NULL, CALL(0, "update_event", MOVE) END_TOOLS, "Move it.");
        ProtobufCBinaryData notes = fake->state.notes;
        fake->state.notes = (ProtobufCBinaryData){0};
        fake->start.conversation = (char *)"two";
        fake_decide(fake, proposed, true);
        ck_assert_str_eq(fake_code(fake), without ? "" : "proposal_gone");
        ck_assert_uint_eq(fake->patches, (unsigned)without);
        fake->state.notes = notes;
        fake_settle(fake, proposed);
    }
}
END_TEST

START_TEST(another_user_or_connection_does_not_open_it) {
    standup(NINE, false);
    propose(NULL, CALL(0, "update_event", MOVE) END_TOOLS, "Move it.");
    fake->connection_key[0] ^= 1;
    fake_decide(fake, proposed, true);
    ck_assert_str_eq(fake_code(fake), "proposal_gone");
    fake->connection_key[0] ^= 1;
    fake->user_key[0] ^= 1;
    fake_grant(fake, FAKE_GRANT_MS);
    fake_decide(fake, proposed, true);
    ck_assert_str_eq(fake_code(fake), "proposal_gone");
    fake->user_key[0] ^= 1;
    fake->start.grant = (char *)"";
    fake_decide(fake, proposed, true);
    ck_assert_str_eq(fake_code(fake), "grant_required");
    ck_assert_uint_eq(writes(), 0);
    fake_grant(fake, FAKE_GRANT_MS);
    fake_decide(fake, proposed, true);
    expect_done();
    fake_decide(fake, "00000000000000000000000000000000", true);
    ck_assert_str_eq(fake_code(fake), "proposal_gone");
}
END_TEST

/* "No, at five" proposes anew: what it replaces is settled. */
START_TEST(newer_replaces_older) {
    standup(NINE, false);
    propose(NULL, CALL(0, "update_event", MOVE) END_TOOLS, "Move it.");
    char older[33];
    strcpy(older, proposed);
    propose(NULL, CALL(0, "delete_event", GONE) END_TOOLS, "No, delete it.");
    ck_assert(fake_settled(fake, older));
    ck_assert_uint_eq(fake->state.n_proposals, 1);
    ck_assert_ptr_nonnull(strstr(fake->text, "Answer yes"));
    /* Twice in one turn is one too many. */
    ask(NULL, CALL(0, "update_event", MOVE) CALL(1, "delete_event", GONE) END_TOOLS, "Either.");
    ck_assert_str_eq(outcome(1, 0), "proposed");
    ck_assert_str_eq(outcome(1, 1), "already_proposed");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("decide");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, confirmed_as_shown);
    tcase_add_test(tc, created_once_with_guests);
    tcase_add_test(tc, deleted_once);
    tcase_add_test(tc, rejected_stays);
    tcase_add_test(tc, another_version_is_not_touched);
    tcase_add_test(tc, a_race_is_lost);
    tcase_add_loop_test(tc, a_lost_answer_is_settled_by_looking, 0, 3);
    tcase_add_test(tc, google_away_leaves_it_open);
    tcase_add_test(tc, expired_is_void);
    tcase_add_test(tc, a_proposal_ends_when_it_says);
    tcase_add_test(tc, bytes_of_another_do_not_open);
    tcase_add_test(tc, another_conversation_does_not_open_it);
    tcase_add_test(tc, another_user_or_connection_does_not_open_it);
    tcase_add_test(tc, newer_replaces_older);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
