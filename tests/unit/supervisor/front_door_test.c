/* cloisterd's part of the business front door: steps in front cells, customers' chats, what a turn
 * may ask and as whom. */
#include "front_rig.h"

#define CONVERSATION "abcdefghijklmnopqrstuv"

/* ---- steps ---- */

static void step(uint64_t request, Cloister__FrontKind kind, const char *what, uint64_t ms) {
    Cloister__FrontEvent event = CLOISTER__FRONT_EVENT__INIT;
    Cloister__FrontStep body = CLOISTER__FRONT_STEP__INIT;
    Cloister__CellCall call = CLOISTER__CELL_CALL__INIT;
    event.title = (char *)what;
    body.kind = kind;
    body.event = &event;
    call.request = request;
    call.user = USER_A;
    call.step = &body;
    call.timeout_ms = ms;
    Cloister__Message message = MSG_OF(CELL_CALL, cell_call, &call);
    shop_say(&message);
}

#define BUSY CLOISTER__FRONT_KIND__FRONT_BUSY
#define TAKE CLOISTER__FRONT_KIND__FRONT_BOOK

START_TEST(a_step_is_taken) {
    step(1, BUSY, "well", 0);
    until(is_result, 1);
    ck_assert_str_eq(shop.cell_code, "");
    ck_assert_uint_eq(shop.intervals, 2);
    ck_assert_msg(shop.exists, "with the sealed token and without preferences");
}
END_TEST

/* The same account is known again under another connection, and tells nothing of its tag. */
START_TEST(a_step_says_in_which_account_it_was_taken) {
    static const struct {
        const char *tag, *connection;
        size_t len;
        bool same; /* as in the first */
    } connections[] = {{"an account's tag", CONN, 16, true},
                       {"an account's tag", USER_B, 16, true},
                       {"another one's", CONN, 16, false},
                       {NULL, CONN, 0, false}};
    uint8_t first[16];
    for (unsigned i = 0; i < COUNT_OF(connections); i++) {
        db.tag = connections[i].tag;
        db.connected = connections[i].connection;
        step(i + 1, BUSY, "well", 0);
        until(is_result, i + 1);
        ck_assert_uint_eq(shop.account_len, connections[i].len);
        if (i == 0)
            memcpy(first, shop.account, sizeof(first));
        bool same = shop.account_len > 0 && memcmp(first, shop.account, sizeof(first)) == 0;
        ck_assert(same == connections[i].same);
    }
    ck_assert_int_ne(memcmp(first, connections[0].tag, strlen(connections[0].tag)), 0);
}
END_TEST

static const struct {
    const char *what, *state, *code;
    Cloister__FrontKind kind;
    bool retryable, unknown;
} failures[] = {
    {"error", "active", "reconnect_required", TAKE, false, false},
    {"die", "active", "agent_lost", BUSY, true, false},
    {"die", "active", "agent_lost", TAKE, true, true},
    {"disorder", "active", "agent_lost", BUSY, true, false}, /* it broke the protocol */
    {"nothing", "active", "agent_lost", BUSY, true, false},
    {"well", "broken", "reconnect_required", TAKE, false, false},
    {"well", "none", "not_connected", TAKE, false, false},
    {"well", "disconnecting", "disconnected", TAKE, false, false},
};

START_TEST(a_step_fails_with_a_word) {
    db.state = failures[_i].state;
    step(1, failures[_i].kind, failures[_i].what, 0);
    until(is_result, 1);
    ck_assert_str_eq(shop.cell_code, failures[_i].code);
    ck_assert(shop.retryable == failures[_i].retryable);
    ck_assert(shop.unknown == failures[_i].unknown);
    ck_assert(!shop.has_done);
}
END_TEST

START_TEST(a_step_takes_no_longer_than_told) {
    step(1, TAKE, "hang", 300);
    until(is_result, 1);
    ck_assert_str_eq(shop.cell_code, "turn_timeout");
    ck_assert(shop.retryable && shop.unknown);
}
END_TEST

START_TEST(a_full_queue_is_told) {
    for (uint64_t i = 1; i <= 40; i++) {
        step(i, BUSY, "hang", 5000);
        until_looked_up((unsigned)i);
    }
    until(is_result, 7); /* one runs, 32 wait */
    ck_assert_str_eq(shop.cell_code, "busy");
    ck_assert(shop.retryable && !shop.unknown);
}
END_TEST

START_TEST(a_broken_connection_is_marked) {
    step(1, BUSY, "broken", 0);
    until(is_result, 1);
    ck_assert_str_eq(shop.cell_code, "reconnect_required");
    ck_assert_uint_eq(db.broken, 1);
}
END_TEST

START_TEST(what_nobody_waits_for_ends) {
    step(1, BUSY, "hang", 0);
    until_looked_up(1);
    step(2, TAKE, "hang", 0);
    until_looked_up(2);
    nng_end_close(shop.end);
    while (shop.downs == 0)
        ck_assert_int_eq(event_base_loop(rig.base, EVLOOP_ONCE), 0);
    open_shop();
    until(is_hello, 2);
    step(1, BUSY, "well", 5000); /* the same number means another call now; it waits its turn */
    until(is_result, 1);
    ck_assert_str_eq(shop.cell_code, "turn_timeout");
}
END_TEST

/* ---- customers' chats ---- */

static void customer(uint64_t request, const char *message, const char *conversation) {
    Cloister__Client who = CLOISTER__CLIENT__INIT;
    Cloister__ChatRequest ask = CLOISTER__CHAT_REQUEST__INIT;
    who.channel = "chat";
    ask.request = request;
    ask.business = "salon";
    ask.message = (char *)message;
    ask.conversation = (char *)conversation;
    ask.credit = 4096;
    ask.client = &who;
    Cloister__Message out = MSG_OF(CHAT_REQUEST, chat_request, &ask);
    say(&out);
}

START_TEST(a_customer_is_given_nothing_of_the_owners) {
    customer(1, "handed", CONVERSATION);
    until_ended(1);
    ck_assert_uint_eq(client.done, 1);
    ck_assert_str_eq(client.text, "salon 0 0 0 0 the profile Europe/Berlin");
    ck_assert_str_eq(db.name, USER_A);
    ck_assert_str_eq(shop.operation, "begin_chat");
    ck_assert_str_eq(shop.origin, "cloisterd");
    ck_assert_str_eq(shop.channel, "chat");
    ck_assert_uint_eq(sessions_notes(sessions, USER_A, "customer", "salon/" CONVERSATION, CONN).len,
                      5);
    ck_assert_uint_eq(sessions_notes(sessions, USER_A, "owner", "salon/" CONVERSATION, CONN).len,
                      0);
}
END_TEST

START_TEST(a_customer_goes_on) {
    customer(1, "say hello", CONVERSATION);
    until_ended(1);
    customer(2, "recall", CONVERSATION);
    until_ended(2);
    ck_assert_str_eq(client.text, "hellonoted");
    customer(3, "recall", CONVERSATION "x"); /* another's */
    until_ended(3);
    ck_assert_str_eq(client.text, "hellonoted");
}
END_TEST

START_TEST(a_customers_message_that_waits_is_given_what_the_one_ahead_leaves) {
    db.hold = true;
    customer(1, "say hello", CONVERSATION);
    customer(2, "recall", CONVERSATION);
    while (db.n_held < 2)
        ck_assert_int_eq(event_base_loop(rig.base, EVLOOP_ONCE), 0);
    answer_lookups();
    db.hold = false;
    until_ended(2);
    ck_assert_str_eq(client.text, "hellonoted");
}
END_TEST

static const char *const guessable[] = {"1", "default", "abcdefghijklmnopqrstu",
                                        "abcdefghijklmnopqrstu/", "abcdefghijklmnopqrst v"};

START_TEST(a_guessable_conversation_is_refused) {
    customer(1, "say hello", guessable[_i]);
    until_ended(1);
    ck_assert_uint_eq(client.status, 400);
    ck_assert_uint_eq(shop.calls, 0);
}
END_TEST

START_TEST(what_a_turn_asks_is_stamped) {
    shop.result_len = 100;
    customer(1, "ask create_booking", CONVERSATION);
    until_ended(1);
    ck_assert_str_eq(client.text, "200  100");
    ck_assert_str_eq(shop.operation, "create_booking");
    ck_assert_str_eq(shop.user, USER_A);
    ck_assert_str_eq(shop.origin, "customer");
    ck_assert_str_eq(shop.business, "salon");
    ck_assert_str_eq(shop.key, "key");
    ck_assert_str_eq(shop.channel, "agent");
    ck_assert(shop.by_agent);
}
END_TEST

START_TEST(too_long_an_answer_is_a_refusal) {
    shop.result_len = 100000;
    customer(1, "ask get_business", CONVERSATION);
    until_ended(1);
    ck_assert_str_eq(client.text, "502 too_much 0");
}
END_TEST

/* Not a customer's, not a model's, not there: the agent that relayed it is ended. */
static const char *const not_customers[] = {"ask list_bookings", "ask put_business",
                                            "ask search_businesses", "ask begin_chat", "ask x"};

START_TEST(a_customers_turn_asks_for_its_own_alone) {
    customer(1, not_customers[_i], CONVERSATION);
    until_ended(1);
    ck_assert_str_eq(client.code, "agent_lost");
    ck_assert_uint_eq(shop.calls, 1);
    ck_assert_str_eq(shop.operation, "begin_chat");
}
END_TEST

START_TEST(a_customers_turn_marks_nothing_broken) {
    customer(1, "mark", CONVERSATION);
    until_ended(1);
    ck_assert_str_eq(client.code, "agent_lost");
    ck_assert_uint_eq(db.broken, 0);
}
END_TEST

START_TEST(a_business_that_does_not_chat) {
    shop.status = 409;
    shop.code = "chat_off";
    customer(1, "say hello", CONVERSATION);
    until_ended(1);
    ck_assert_uint_eq(client.status, 409);
    ck_assert_str_eq(client.code, "chat_off");
    ck_assert_uint_eq(db.sessions, 0);
}
END_TEST

static const struct {
    const char *state, *used_up, *message;
} owners_affairs[] = {
    {"broken", NULL, "say hello"},
    {"none", NULL, "say hello"},
    {"disconnecting", NULL, "say hello"},
    {"active", "The budget of ann@example.org is used up.", "say hello"},
    {"active", NULL, "error budget_used_up"},
    {"active", NULL, "error reconnect_required"},
};

START_TEST(the_owners_affairs_are_not_told) {
    db.state = owners_affairs[_i].state;
    budget_fake.used_up = owners_affairs[_i].used_up;
    customer(1, owners_affairs[_i].message, CONVERSATION);
    until_ended(1);
    ck_assert_uint_eq(client.status, 503);
    ck_assert_str_eq(client.code, "business_unavailable");
    ck_assert_ptr_null(strstr(client.detail, "ann@"));
    ck_assert_str_eq(client.action_url, "");
    ck_assert_uint_eq(reconnects, 0);
}
END_TEST

START_TEST(customers_do_not_wait_for_each_other) {
    customer(1, "hang", CONVERSATION);
    until_accepted(1);
    customer(2, "say hello", CONVERSATION "2");
    until_ended(1);
    ck_assert_str_eq(client.text, "hello");
    customer(3, "say again", CONVERSATION); /* the same conversation waits for its turn */
    customer(4, "say more", CONVERSATION "4");
    until_ended(2);
    ck_assert_str_eq(client.text, "hellomore");
    send_cancel(1);
    until_ended(4);
    ck_assert_str_eq(client.text, "hellomoreagain");
}
END_TEST

START_TEST(a_customer_may_leave) {
    customer(1, "hang", CONVERSATION);
    until_accepted(1);
    send_cancel(1);
    until_ended(1);
    ck_assert_str_eq(client.code, "cancelled");
    shop.silent = true;
    customer(2, "hang", CONVERSATION);
    until(is_call, 2);
    send_cancel(2);
    until_ended(2);
    ck_assert_str_eq(client.code, "cancelled");
}
END_TEST

START_TEST(nobody_answers) {
    nng_end_close(take_ptr(shop.end));
    while (shop.downs == 0)
        ck_assert_int_eq(event_base_loop(rig.base, EVLOOP_ONCE), 0);
    customer(1, "say hello", CONVERSATION);
    until_ended(1);
    ck_assert_uint_eq(client.status, 503);
    ck_assert_str_eq(client.code, "business_unavailable");
    ck_assert(client.retryable);
}
END_TEST

/* ---- the two endpoints ---- */

static void ask_session_delete(uint64_t request) {
    Cloister__Caller caller = CLOISTER__CALLER__INIT;
    Cloister__SessionDelete body = CLOISTER__SESSION_DELETE__INIT;
    caller.frontend = "app";
    caller.user = "ann";
    body.request = request;
    body.caller = &caller;
    Cloister__Message message = MSG_OF(SESSION_DELETE, session_delete, &body);
    say(&message);
}

static void ask_business(uint64_t request) {
    Cloister__Caller caller = CLOISTER__CALLER__INIT;
    Cloister__BusinessCall body = CLOISTER__BUSINESS_CALL__INIT;
    caller.frontend = "app";
    caller.user = "ann";
    body.request = request;
    body.operation = "create_booking";
    body.arguments = "{}";
    body.caller = &caller;
    Cloister__Message message = MSG_OF(BUSINESS_CALL, business_call, &body);
    say(&message);
}

static void ask_connect(uint64_t request) {
    Cloister__ConnectOpen body = CLOISTER__CONNECT_OPEN__INIT;
    body.request = request;
    Cloister__Message message = MSG_OF(CONNECT_OPEN, connect_open, &body);
    say(&message);
}

static void ask_owners_chat(uint64_t request) {
    chat(request, "say hello", CONVERSATION, 1000);
}

static void (*const owners[])(uint64_t request) = {ask_session_delete, ask_business, ask_connect};

START_TEST(the_public_is_heard_for_chats_alone) {
    owners[_i](1);
    until_ended(1);
    ck_assert_uint_eq(client.status, 403);
    ck_assert_str_eq(client.code, "not_allowed");
    customer(2, "say hello", CONVERSATION); /* the control */
    until_ended(2);
    ck_assert_uint_eq(client.done, 1);
}
END_TEST

START_TEST(a_caller_is_nobody_there) {
    ask_owners_chat(1);
    until_ended(1);
    ck_assert_uint_eq(client.status, 400);
    ck_assert_uint_eq(db.sessions, 0);
}
END_TEST

START_TEST(owners_chat_with_no_business) {
    customer(1, "say hello", CONVERSATION);
    until_ended(1);
    ck_assert_uint_eq(client.failures, 1); /* there is no caller */
    Cloister__Caller caller = CLOISTER__CALLER__INIT;
    Cloister__ChatRequest ask = CLOISTER__CHAT_REQUEST__INIT;
    caller.frontend = "app";
    caller.user = "ann";
    caller.grant = "grant";
    ask.request = 2;
    ask.caller = &caller;
    ask.business = "salon";
    ask.message = "say hello";
    Cloister__Message out = MSG_OF(CHAT_REQUEST, chat_request, &ask);
    say(&out);
    until_ended(2);
    ck_assert_uint_eq(client.status, 403);
    ck_assert_uint_eq(shop.calls, 0);
}
END_TEST

START_TEST(an_owners_turn_asks_as_the_owner) {
    ask_owners_chat(1); /* the control: it is heard */
    until_ended(1);
    ck_assert_uint_eq(client.done, 1);
    chat(2, "ask list_bookings", "c", 1000);
    until_ended(2);
    ck_assert_uint_eq(client.done, 2);
    ck_assert_str_eq(shop.operation, "list_bookings");
    ck_assert_str_eq(shop.user, USER_A);
    ck_assert_str_eq(shop.origin, "owner");
    ck_assert_str_eq(shop.business, "");
    ck_assert(shop.by_agent);
    chat(3, "ask publish_business", "c", 1000); /* a person's alone */
    until_ended(3);
    ck_assert_str_eq(client.code, "agent_lost");
    ck_assert_uint_eq(shop.calls, 1);
}
END_TEST

/* ---- inquiries ---- */

static void inquire(uint64_t request, const char *message, uint64_t ms) {
    Cloister__ContextText profile = CLOISTER__CONTEXT_TEXT__INIT, *context[] = {&profile};
    Cloister__CellAnswer answer = CLOISTER__CELL_ANSWER__INIT;
    Cloister__CellCall call = CLOISTER__CELL_CALL__INIT;
    profile.source = CLOISTER__TEXT_SOURCE__SOURCE_RECORD;
    profile.text = "the profile";
    answer.business = "salon";
    answer.message = (char *)message;
    answer.timezone = "Europe/Berlin";
    answer.context = context;
    answer.n_context = 1;
    call.request = request;
    call.user = USER_A;
    call.answer = &answer;
    call.timeout_ms = ms;
    Cloister__Message out = MSG_OF(CELL_CALL, cell_call, &call);
    shop_say(&out);
}

START_TEST(an_inquiry_is_answered) {
    inquire(1, "handed", 0);
    until(is_result, 1);
    ck_assert_str_eq(shop.cell_code, "");
    ck_assert_str_eq(shop.text, "salon 0 0 0 0 the profile Europe/Berlin");
    inquire(2, "ask get_business", 0);
    until(is_result, 2);
    ck_assert_str_eq(shop.business, "salon");
    ck_assert_str_eq(shop.origin, "customer");
    inquire(3, "error reconnect_required", 0);
    until(is_result, 3);
    ck_assert_str_eq(shop.cell_code, "business_unavailable");
    inquire(4, "hang", 300);
    until(is_result, 4);
    ck_assert_str_eq(shop.cell_code, "turn_timeout");
}
END_TEST

/* A customer's turn that sends an inquiry must not wait for an answer of its own cell. */
START_TEST(an_answer_does_not_wait_for_itself) {
    shop.silent = true;
    for (unsigned i = 1; i <= CELLS_PER_ORIGIN; i++) {
        inquire(i, "ask send_inquiry", 5000); /* its turn waits for the host call */
        until(is_call, i);
    }
    inquire(9, "say hello", 5000);
    until(is_result, 1);
    ck_assert_str_eq(shop.cell_code, "busy");
    step(3, BUSY, "well", 3000); /* its calendar is another cell's affair */
    until(is_result, 2);
    ck_assert_str_eq(shop.cell_code, "");
}
END_TEST

static TCase *door_case(void (*setup)(void)) {
    TCase *t = tcase_create("door");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, front_teardown);
    return t;
}

int main(void) {
    TCase *t = door_case(front_setup_public);
    tcase_add_test(t, a_step_is_taken);
    tcase_add_test(t, a_step_says_in_which_account_it_was_taken);
    tcase_add_loop_test(t, a_step_fails_with_a_word, 0, (int)COUNT_OF(failures));
    tcase_add_test(t, a_step_takes_no_longer_than_told);
    tcase_add_test(t, a_full_queue_is_told);
    tcase_add_test(t, a_broken_connection_is_marked);
    tcase_add_test(t, what_nobody_waits_for_ends);
    tcase_add_test(t, a_customer_is_given_nothing_of_the_owners);
    tcase_add_test(t, a_customer_goes_on);
    tcase_add_test(t, a_customers_message_that_waits_is_given_what_the_one_ahead_leaves);
    tcase_add_loop_test(t, a_guessable_conversation_is_refused, 0, (int)COUNT_OF(guessable));
    tcase_add_test(t, what_a_turn_asks_is_stamped);
    tcase_add_test(t, too_long_an_answer_is_a_refusal);
    tcase_add_loop_test(t, a_customers_turn_asks_for_its_own_alone, 0,
                        (int)COUNT_OF(not_customers));
    tcase_add_test(t, a_customers_turn_marks_nothing_broken);
    tcase_add_test(t, a_business_that_does_not_chat);
    tcase_add_loop_test(t, the_owners_affairs_are_not_told, 0, (int)COUNT_OF(owners_affairs));
    tcase_add_test(t, customers_do_not_wait_for_each_other);
    tcase_add_test(t, a_customer_may_leave);
    tcase_add_test(t, nobody_answers);
    tcase_add_loop_test(t, the_public_is_heard_for_chats_alone, 0, (int)COUNT_OF(owners));
    tcase_add_test(t, a_caller_is_nobody_there);
    tcase_add_test(t, an_inquiry_is_answered);
    tcase_add_test(t, an_answer_does_not_wait_for_itself);
    TCase *o = door_case(front_setup_owner);
    tcase_add_test(o, owners_chat_with_no_business);
    tcase_add_test(o, an_owners_turn_asks_as_the_owner);
    return chat_run(t) + chat_run(o);
}
