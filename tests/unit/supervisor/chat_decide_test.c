/* Proposals from the turn that makes them to the word that decides them. */
#include "chat_rig.h"

static uint64_t requests;

static void ask(const char *message) {
    client.text[0] = '\0';
    chat(++requests, message, "", 1000);
    until_ended((unsigned)requests);
}

static void send_decision(const char *id, bool confirm) {
    Cloister__Caller caller = CLOISTER__CALLER__INIT;
    bool browser = shown_session[0] != '\0';
    caller.session = (char *)shown_session;
    caller.frontend = browser ? "" : (char *)shown_frontend;
    caller.user = browser ? "" : (char *)shown_user;
    caller.grant = browser ? "" : (char *)shown_grant;
    Cloister__ChatRequest request = CLOISTER__CHAT_REQUEST__INIT;
    request.request = ++requests;
    request.caller = &caller;
    request.proposal = (char *)id;
    request.confirm = confirm;
    request.credit = 1000;
    request.idempotency_key = (char *)shown_key;
    Cloister__Message message = MSG_OF(CHAT_REQUEST, chat_request, &request);
    client.text[0] = client.code[0] = '\0';
    say(&message);
}

/* "" when it was done, otherwise the failure's code. */
static const char *decide(const char *id, bool confirm) {
    send_decision(id, confirm);
    until_ended((unsigned)requests);
    return client.code;
}

static void setup(void) {
    chat_setup();
    requests = 0;
}

/* Makes one whose decision ends as the word says; its id. */
static const char *propose(const char *word) {
    static char id[ID_LEN + 1];
    char message[64];
    unsigned before = client.proposed;
    (void)snprintf(message, sizeof(message), "propose 1 %s", word);
    ask(message);
    ck_assert_uint_eq(client.proposed, before + 1);
    memcpy(id, client.proposal[before], sizeof(id));
    return id;
}

START_TEST(is_shown_before_the_end_and_confirmed) {
    const char *id = propose("ok");
    ck_assert_str_eq(client.summary, "Move \"Lunch\"");
    ck_assert_str_eq(client.arguments, "{\"tool\":\"update_event\"}");
    ck_assert_uint_eq(strlen(client.expires_at), strlen("2026-11-22T13:00:00Z"));
    ck_assert_str_eq(decide(id, true), "");
    ck_assert_str_eq(client.text, "confirmed in default");
    ck_assert_uint_eq(client.done, 2);
    ck_assert_str_eq(db.name, "ann");
}
END_TEST

/* The frontend need not say whose it is. */
START_TEST(a_frontend_may_leave_out_the_user) {
    const char *id = propose("ok");
    shown_user = "";
    ck_assert_str_eq(decide(id, false), "");
    ck_assert_str_eq(client.text, "rejected in default");
    ck_assert_str_eq(db.frontend, "app");
    ck_assert_str_eq(db.name, "ann");
    ask("say hello"); /* in a chat it has to */
    ck_assert_str_eq(client.code, "invalid_field");
}
END_TEST

START_TEST(a_browser_decides_by_its_session) {
    shown_session = "the session cookie";
    const char *id = propose("ok");
    ck_assert_str_eq(decide(id, true), "");
    ck_assert_str_eq(db.frontend, "web");
    ck_assert_str_eq(db.name, "name");
}
END_TEST

/* ---- PROPOSAL_ONCE ---- */

static const char *again(const char *key, bool first, bool then) {
    const char *id = propose("ok");
    ck_assert_str_eq(decide(id, first), "");
    shown_key = key;
    return decide(id, then);
}

START_TEST(is_used_once) {
    static const struct {
        const char *key;
        bool first, then;
        const char *code;
    } rows[] = {{"key-1", true, true, ""},
                {"key-1", false, false, ""},
                {"key-2", true, true, "proposal_used"},
                {"", true, true, "proposal_used"},
                {"key-1", false, true, "proposal_used"},
                {"key-2", false, true, "proposal_used"},
                {"key-1", true, false, "proposal_used"}};
    ck_assert_str_eq(again(rows[_i].key, rows[_i].first, rows[_i].then), rows[_i].code);
    if (rows[_i].code[0] == '\0') {
        ck_assert_str_eq(client.text, rows[_i].then ? "again confirmed in default"
                                                    : "again rejected in default");
    } else {
        ck_assert_uint_eq(client.status, 409);
        ck_assert(!client.retryable);
        ck_assert_uint_eq(admissions.asked, 1); /* told to its owner alone */
    }
}
END_TEST

START_TEST(without_the_rule_what_was_rejected_is_confirmed) {
    rule_taken_away = RULE_PROPOSAL_ONCE;
    ck_assert_str_eq(again("key-2", false, true), "");
    ck_assert_str_eq(client.text, "again confirmed in default");
}
END_TEST

/* ---- PROPOSAL_OWNER ---- */

START_TEST(is_its_owners_alone) {
    const char *id = propose("changed");
    shown_frontend = _i == 0 ? "other" : "app";
    shown_user = _i == 1 ? "bob" : _i == 0 ? "" : "ann";
    db.user = _i == 2 ? USER_B : USER_A;
    db.connection = _i == 3 ? "99999999999999999999999999999999" : CONN;
    ck_assert_str_eq(decide(id, true), "proposal_gone");
    ck_assert_uint_eq(client.status, 404);
    shown_frontend = "app";
    shown_user = "ann";
    db.user = USER_A;
    db.connection = CONN;
    ck_assert_str_eq(decide(id, true), "proposal_changed"); /* it is still there */
}
END_TEST

START_TEST(without_the_rule_a_stranger_spends_it) {
    rule_taken_away = RULE_PROPOSAL_OWNER;
    const char *id = propose("changed");
    shown_user = "bob";
    db.user = USER_B;
    ck_assert_str_eq(decide(id, true), "proposal_changed");
    shown_user = "ann";
    db.user = USER_A;
    ck_assert_str_eq(decide(id, true), "proposal_gone");
}
END_TEST

/* ---- what becomes of it ---- */

START_TEST(nobody_knows_it) {
    static const char *const ids[] = {"0123456789abcdef0123456789abcdef", "nonsense"};
    ck_assert_str_eq(decide(ids[_i], true), "proposal_gone");
    ck_assert_uint_eq(client.status, 404);
    ck_assert_uint_eq(db.sessions, 0);
}
END_TEST

START_TEST(expires) {
    const char *id = propose("old");
    ck_assert_str_eq(decide(id, true), "proposal_expired");
    ck_assert_uint_eq(client.status, 410);
    ask("given");
    ck_assert_str_eq(client.text, "|");
}
END_TEST

START_TEST(one_that_can_never_be_carried_out_is_gone) {
    const char *id = propose("changed");
    ck_assert_str_eq(decide(id, true), "proposal_changed");
    ck_assert_uint_eq(client.status, 409);
    ck_assert_str_eq(decide(id, true), "proposal_gone");
}
END_TEST

START_TEST(one_that_failed_is_open_again) {
    const char *id = propose("away");
    ck_assert_str_eq(decide(id, true), "google_unavailable");
    ask("given");
    ck_assert_ptr_nonnull(strstr(client.text, id));
    ck_assert_str_eq(decide(id, false), "google_unavailable");
}
END_TEST

/* Confirming finds out; a plain word or a rejection would only guess. */
START_TEST(one_that_may_have_been_done_is_only_confirmed) {
    static const char *const words[] = {"unknown", "die", "hang"};
    const char *id = propose(words[_i]);
    if (_i == 2) {
        send_decision(id, true);
        until_accepted(2);
        send_cancel(requests);
        until_ended((unsigned)requests);
    } else {
        (void)decide(id, true);
    }
    ck_assert(client.unknown_writes || _i == 2);
    ask("given");
    ck_assert_str_eq(client.text, "|");
    ck_assert_str_eq(decide(id, false), "proposal_used");
    if (_i == 0)
        ck_assert_str_eq(decide(id, true), "google_unavailable");
}
END_TEST

START_TEST(two_at_once_are_not_both) {
    const char *id = propose("hang");
    send_decision(id, true);
    until_accepted(2);
    uint64_t first = requests;
    send_decision(id, false);
    until_ended(2);
    ck_assert_str_eq(client.code, "proposal_busy");
    ck_assert_uint_eq(client.status, 409);
    ck_assert(client.retryable);
    ck_assert_uint_eq(client.last, requests);
    send_cancel(first);
    until_ended(3);
}
END_TEST

static bool is_idle(void *ctx) {
    struct turns_status status;
    turns_status(ctx, &status);
    return status.busy == 0;
}

/* ---- what a chat's turn is given ---- */

START_TEST(a_conversation_has_its_own) {
    const char *id = propose("ok");
    ask("given");
    ck_assert_ptr_nonnull(strstr(client.text, id));
    client.text[0] = '\0';
    chat(++requests, "given", "elsewhere", 1000);
    until_ended((unsigned)requests);
    ck_assert_str_eq(client.text, "|");
    db.connection = "99999999999999999999999999999999";
    ask("given");
    ck_assert_str_eq(client.text, "|");
}
END_TEST

/* Sent while the answer before it is on its way: that one may propose anew, or settle. */
START_TEST(a_word_that_overtakes_an_answer_decides_nothing) {
    const char *id = propose("ok");
    client.text[0] = '\0';
    db.hold = true;
    chat(++requests, "prefer", "", 1000);
    until_held();
    answer_lookups();
    while (db.pending == NULL)
        ck_assert_int_eq(event_base_loop(rig.base, EVLOOP_ONCE), 0);
    chat(++requests, "given", "", 1000);
    until_held();
    answer_lookups(); /* of the second, then what the first waits for */
    db.hold = false;
    until_ended(3);
    ck_assert_str_eq(client.text, "reply 0|");
    ask("given");
    ck_assert_ptr_nonnull(strstr(client.text, id));
}
END_TEST

/* ---- after words of which no note is left ---- */

/* A turn that says something and then fails, is lost or is stopped. */
static void unnoted(int how) {
    static const char *const messages[] = {"error model_unavailable", "die"};
    if (how < 2) {
        ask(messages[how]);
        return;
    }
    chat(++requests, "hang", "", 1000);
    until_accepted(2);
    send_cancel(requests);
    until_ended((unsigned)requests);
}

/* The owner may mean those words with a yes, and not what was proposed before them. */
START_TEST(after_words_that_are_not_kept_the_buttons_decide) {
    const char *id = propose("ok");
    unnoted(_i);
    ask("given");
    ck_assert_str_eq(client.text, "|");
    client.text[0] = '\0';
    ck_assert_str_eq(decide(id, _i != 1), "");
    ck_assert_str_eq(client.text, _i != 1 ? "confirmed in default" : "rejected in default");
}
END_TEST

START_TEST(what_is_proposed_after_them_awaits_a_plain_word) {
    (void)propose("ok");
    unnoted(_i);
    const char *id = propose("ok");
    ask("given");
    ck_assert_ptr_nonnull(strstr(client.text, id));
    ck_assert_uint_eq(strlen(client.text), ID_LEN + 2);
}
END_TEST

START_TEST(they_leave_other_conversations_alone) {
    const char *id = propose("ok");
    chat(++requests, "error model_unavailable", "elsewhere", 1000);
    until_ended((unsigned)requests);
    ask("given");
    ck_assert_ptr_nonnull(strstr(client.text, id));
}
END_TEST

/* A yes on which nothing was done and nothing said can be said again. */
START_TEST(a_plain_word_that_failed_is_no_such_words) {
    const char *id = propose("ok");
    ask("unanswered");
    ck_assert_str_eq(client.code, "google_unavailable");
    ask("given");
    ck_assert_ptr_nonnull(strstr(client.text, id));
}
END_TEST

/* A yes among the words that wait may just be carrying it out. */
START_TEST(is_not_rejected_while_its_conversation_is_answered) {
    const char *id = propose("ok");
    chat(++requests, "hang", "", 1000);
    until_accepted(2);
    uint64_t first = requests;
    send_decision(id, false);
    until_ended(2);
    ck_assert_str_eq(client.code, "proposal_busy");
    send_cancel(first);
    until_ended(3);
    rig_until(&rig, is_idle, rig.turns);
    ck_assert_str_eq(decide(id, false), "");
    ck_assert_str_eq(client.text, "rejected in default");
}
END_TEST

/* The owner hangs up on a yes: what came of it is heard all the same. */
START_TEST(is_in_doubt_after_a_yes_that_was_hung_up_on) {
    static const struct {
        const char *yes, *left, *confirmed;
    } rows[] = {{"yes end", "proposal_used", "proposal_used"}, /* it was carried out */
                {"yes die", "proposal_used", ""},
                {"yes stay", "proposal_used", ""},
                {"yes no more", "", "proposal_used"}}; /* it was not, and the owner left it */
    const char *id = propose("ok");
    chat(++requests, rows[_i].yes, "", 1000);
    while (client.tools == 0)
        ck_assert_int_eq(event_base_loop(rig.base, EVLOOP_ONCE), 0);
    send_cancel(requests);
    until_ended(2);
    ck_assert_str_eq(client.code, "cancelled");
    if (strcmp(rows[_i].yes, "yes stay") == 0) /* its end is not here yet for certain */
        ck_assert_str_eq(decide(id, false), "proposal_busy");
    rig_until(&rig, is_idle, rig.turns);
    client.text[0] = '\0';
    ask("given");
    ck_assert_str_eq(client.text, "|");
    client.text[0] = '\0';
    shown_key = "key-2";
    ck_assert_str_eq(decide(id, false), rows[_i].left);
    shown_key = "key-3";
    ck_assert_str_eq(decide(id, true), rows[_i].confirmed);
}
END_TEST

/* So may one that ended without saying what became of a change. */
START_TEST(is_in_doubt_after_a_turn_that_ended_in_the_middle) {
    const char *id = propose("ok");
    ask("write-die");
    ck_assert(client.unknown_writes);
    ask("given");
    ck_assert_str_eq(client.text, "|");
    ck_assert_str_eq(decide(id, false), "proposal_used");
    ck_assert_str_eq(decide(id, true), "");
    ck_assert_str_eq(client.text, "again confirmed in default");
}
END_TEST

START_TEST(what_a_plain_word_settled_is_used) {
    const char *id = propose("ok");
    ask("settle");
    ck_assert_ptr_nonnull(strstr(client.settled, id));
    ck_assert_str_eq(client.shown, "message titles ");
    ask("given");
    ck_assert_str_eq(client.text, "|");
    ck_assert_str_eq(decide(id, true), "proposal_used");
}
END_TEST

START_TEST(a_repeated_question_replaces_what_it_proposed) {
    char id[ID_LEN + 1];
    memcpy(id, propose("ok"), sizeof(id));
    db.repeated = true;
    ask("given");
    ck_assert_str_eq(client.text, "|");
    db.repeated = false;
    (void)propose("ok");
    db.repeated = true;
    shown_key = "key-2";
    ask("given"); /* another request's repeat leaves it alone */
    ck_assert_uint_eq(strlen(client.text), ID_LEN + 2);
    ck_assert_str_eq(decide(id, true), "proposal_gone");
}
END_TEST

START_TEST(a_turn_that_says_too_much_is_ended) {
    static const char *const words[] = {"propose 6 ok", "settle other"};
    ask(words[_i]);
    ck_assert_str_eq(client.code, "agent_lost");
    ck_assert_uint_eq(client.proposed, 0);
    ck_assert_uint_eq(proposals_count(proposals), 0);
}
END_TEST

static void forget(const char *conversation) {
    Cloister__Caller caller = CLOISTER__CALLER__INIT;
    caller.frontend = "app";
    caller.user = "ann";
    Cloister__SessionDelete request = CLOISTER__SESSION_DELETE__INIT;
    request.request = ++requests;
    request.caller = &caller;
    request.conversation = (char *)conversation;
    Cloister__Message message = MSG_OF(SESSION_DELETE, session_delete, &request);
    say(&message);
    until_ended((unsigned)requests);
}

START_TEST(goes_with_its_conversation) {
    const char *id = propose("ok");
    forget("elsewhere");
    ck_assert_uint_eq(proposals_count(proposals), 1);
    forget(_i == 0 ? "default" : "");
    ck_assert_uint_eq(proposals_count(proposals), 0);
    ck_assert_str_eq(decide(id, true), "proposal_gone");
}
END_TEST

START_TEST(a_message_beside_it_is_refused) {
    Cloister__Caller caller = CLOISTER__CALLER__INIT;
    const char *id = propose("ok");
    caller.frontend = "app";
    caller.user = "ann";
    Cloister__ChatRequest request = CLOISTER__CHAT_REQUEST__INIT;
    request.request = ++requests;
    request.caller = &caller;
    request.proposal = (char *)id;
    request.message = _i == 0 ? "say hello" : "";
    request.conversation = _i == 1 ? "other" : "";
    Cloister__Message message = MSG_OF(CHAT_REQUEST, chat_request, &request);
    say(&message);
    until_ended((unsigned)requests);
    ck_assert_str_eq(client.code, "invalid_field");
}
END_TEST

START_TEST(what_became_of_it_needs_the_grant) {
    static const struct turn_failure no_grant = {
        .status = 401, .code = "grant_invalid", .detail = "d"};
    const char *id = propose("ok");
    ck_assert_str_eq(decide(id, true), "");
    admissions.refused = &no_grant;
    shown_key = "key-2";
    shown_user = "";
    ck_assert_str_eq(decide(id, true), "grant_invalid");
    ck_assert_str_eq(admissions.user, "ann");
}
END_TEST

int main(void) {
    TCase *t = chat_case(setup);
    tcase_add_test(t, is_shown_before_the_end_and_confirmed);
    tcase_add_test(t, a_frontend_may_leave_out_the_user);
    tcase_add_test(t, a_browser_decides_by_its_session);
    tcase_add_loop_test(t, is_used_once, 0, 7);
    tcase_add_test(t, without_the_rule_what_was_rejected_is_confirmed);
    tcase_add_loop_test(t, is_its_owners_alone, 0, 4);
    tcase_add_test(t, without_the_rule_a_stranger_spends_it);
    tcase_add_loop_test(t, nobody_knows_it, 0, 2);
    tcase_add_test(t, expires);
    tcase_add_test(t, one_that_can_never_be_carried_out_is_gone);
    tcase_add_test(t, one_that_failed_is_open_again);
    tcase_add_loop_test(t, one_that_may_have_been_done_is_only_confirmed, 0, 3);
    tcase_add_test(t, two_at_once_are_not_both);
    tcase_add_test(t, a_conversation_has_its_own);
    tcase_add_test(t, a_word_that_overtakes_an_answer_decides_nothing);
    tcase_add_loop_test(t, after_words_that_are_not_kept_the_buttons_decide, 0, 3);
    tcase_add_loop_test(t, what_is_proposed_after_them_awaits_a_plain_word, 0, 3);
    tcase_add_test(t, they_leave_other_conversations_alone);
    tcase_add_test(t, a_plain_word_that_failed_is_no_such_words);
    tcase_add_loop_test(t, is_in_doubt_after_a_yes_that_was_hung_up_on, 0, 4);
    tcase_add_test(t, is_in_doubt_after_a_turn_that_ended_in_the_middle);
    tcase_add_test(t, is_not_rejected_while_its_conversation_is_answered);
    tcase_add_test(t, what_a_plain_word_settled_is_used);
    tcase_add_test(t, a_repeated_question_replaces_what_it_proposed);
    tcase_add_loop_test(t, a_turn_that_says_too_much_is_ended, 0, 2);
    tcase_add_loop_test(t, goes_with_its_conversation, 0, 2);
    tcase_add_loop_test(t, a_message_beside_it_is_refused, 0, 2);
    tcase_add_test(t, what_became_of_it_needs_the_grant);
    return chat_run(t);
}
