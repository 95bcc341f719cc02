/* What is done for an owner without a turn: never without the owner's grant, and always with it. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/store/connecting.h"
#include "tests/unit/store/postgres.h"

/* ---- grants ---- */

static void ask_connection(void) {
    Cloister__ConnectionGet body = CLOISTER__CONNECTION_GET__INIT;
    body.request = ++request;
    body.caller = caller(front, "a");
    api_connection_get(api, fake_end, &body);
}

static void ask_disconnect(void) {
    disconnect("a");
}

static void ask_memories(void) {
    Cloister__MemoryList body = CLOISTER__MEMORY_LIST__INIT;
    body.request = ++request;
    body.caller = caller(front, "a");
    api_memory_list(api, fake_end, &body);
}

static void ask_correct(void) {
    Cloister__MemoryPut body = CLOISTER__MEMORY_PUT__INIT;
    body.request = ++request;
    body.caller = caller(front, "a");
    body.id = (char *)(uintptr_t) "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    body.text = (char *)(uintptr_t) "evenings";
    api_memory_put(api, fake_end, &body);
}

static void ask_forget(void) {
    Cloister__MemoryDelete body = CLOISTER__MEMORY_DELETE__INIT;
    body.request = ++request;
    body.caller = caller(front, "a");
    api_memory_delete(api, fake_end, &body);
}

static void ask_switch(void) {
    switching = true;
    link_create("a", "events", NULL, "https://app.test/back");
}

static void ask_revoke(void) {
    Cloister__GrantsRevoke body = CLOISTER__GRANTS_REVOKE__INIT;
    body.request = ++request;
    body.caller = caller(front, "a");
    api_grants_revoke(api, fake_end, &body);
}

static void (*const asked[])(void) = {ask_connection, ask_disconnect, ask_memories, ask_correct,
                                      ask_forget,     ask_switch,     ask_revoke};

static void connect_with_a_memory(void) {
    connect_user("a");
    (void)postgres_sql("INSERT INTO preferences (id, user_id, sealed) SELECT repeat('b', 32), id, "
                       "'x' FROM users");
}

/* Nothing happened: what is there, and turns, keys and epochs so far. */
static const char *world(void) {
    static char text[256];
    snprintf(text, sizeof(text), "%s %u %u %u %u",
             postgres_sql("SELECT concat((SELECT string_agg(state, ',') FROM connections), ' ', "
                          "(SELECT count(*) FROM preferences), ' ', "
                          "(SELECT count(*) FROM connect_links WHERE switch_account))"),
             fake_turn_count, fake_keys_count(), fake_grant_epoch, fake_ended_count);
    return text;
}

START_TEST(what_acts_for_an_owner_needs_the_owners_grant) {
    static char before[256], foreign[128], stale[128];
    connect_with_a_memory();
    snprintf(stale, sizeof(stale), "%s", grant_shown("app", "a"));
    snprintf(foreign, sizeof(foreign), "%s", grant_shown("app", "b"));
    fake_grant_epoch++;
    snprintf(before, sizeof(before), "%s", world());
    for (size_t i = 0; i < COUNT_OF(asked); i++) {
        shown = "";
        asked[i]();
        ck_failed(401, "grant_required");
        shown = foreign;
        asked[i]();
        ck_failed(401, "grant_invalid");
        shown = stale;
        asked[i]();
        ck_failed(401, "grant_revoked");
        shown = NULL;
        fake_grants_old = true;
        asked[i]();
        ck_failed(401, "grant_expired");
        ck_assert(strncmp(failure()->action_url, "https://cloister.test/connect/", 30) == 0);
        fake_grants_old = false;
        fake_keys_away = true;
        asked[i]();
        ck_failed(503, "keys_unavailable");
        fake_keys_away = false;
        ck_assert_str_eq(world(), before);
    }
}
END_TEST

START_TEST(with_the_grant_it_is_done) {
    static char before[256];
    connect_with_a_memory();
    snprintf(before, sizeof(before), "%s", world());
    ask_connection();
    ck_assert_int_eq(answer()->body_case, CLOISTER__MESSAGE__BODY_CONNECTION_STATE);
    ask_switch();
    ck_assert_int_eq(answer()->body_case, CLOISTER__MESSAGE__BODY_CONNECT_LINK);
    ask_memories();
    loop_until(base, fake_turn.running);
    ck_assert_str_eq(fake_turn.grant, grant_shown("app", "a")); /* for the turn's own look */
    ck_assert_str_eq(fake_turn.frontend, "app");
    fake_turn_error("grant_revoked", false);
    ck_failed(401, "grant_revoked");
    ask_forget();
    ck_assert_int_eq(answer()->body_case, CLOISTER__MESSAGE__BODY_OK);
    ask_revoke();
    ck_assert_int_eq(answer()->body_case, CLOISTER__MESSAGE__BODY_OK);
    ck_assert_str_ne(world(), before);
    ask_disconnect();
    loop_until(base, fake_turn.running);
}
END_TEST

START_TEST(voiding_the_grants_ends_nothing_else) {
    static char old[128];
    connect_user("a");
    snprintf(old, sizeof(old), "%s", grant_shown("app", "a"));
    ask_revoke();
    ck_assert_int_eq(answer()->body_case, CLOISTER__MESSAGE__BODY_OK);
    shown = old;
    ask_connection();
    ck_failed(401, "grant_revoked");
    ask_revoke();
    ck_failed(401, "grant_revoked");
    shown = NULL; /* a new link always works */
    connect_user("a");
    ck_assert_str_eq(answer()->redeemed->grant, grant_shown("app", "a"));
    ck_assert_str_eq(connection("a")->state, "active");
}
END_TEST

START_TEST(unknown_users_have_no_grants) {
    connect_user("a");
    fake_grants_asked = 0;
    static Cloister__ConnectionGet body = CLOISTER__CONNECTION_GET__INIT;
    char name[200];
    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    body.request = ++request;
    body.caller = caller("app", "nobody");
    api_connection_get(api, fake_end, &body);
    ck_failed(404, "unknown_user");
    front = "other"; /* a user of another frontend of the same name */
    ask_connection();
    ck_failed(404, "unknown_user");
    ck_assert_uint_eq(fake_grants_asked, 0);
}
END_TEST

START_TEST(a_renewed_grant_is_passed_on) {
    connect_with_a_memory();
    for (size_t i = 0; i < COUNT_OF(asked); i++) {
        if (asked[i] == ask_disconnect)
            continue;
        fake_renewed = "fresh grant";
        fake_renewed_to_gateway[0] = '\0';
        asked[i]();
        if (asked[i] == ask_memories || asked[i] == ask_correct) {
            loop_until(base, fake_turn.running);
            Cloister__TurnDone done = CLOISTER__TURN_DONE__INIT;
            fake_turn_done(&done);
        }
        ck_assert_int_ne(answer()->body_case, CLOISTER__MESSAGE__BODY_FAILURE);
        ck_assert_str_eq(fake_renewed_to_gateway, "fresh grant");
        fake_renewed = "";
        fake_renewed_to_gateway[0] = '\0';
        ask_connection();
        (void)answer();
        ck_assert_str_eq(fake_renewed_to_gateway, "");
    }
}
END_TEST

START_TEST(a_link_that_lost_its_grant_switches_nothing) {
    connect_user("a");
    shown = "";
    ask_switch();
    ck_failed(401, "grant_required");
    ck_assert_str_eq(postgres_sql("SELECT count(*) FROM connect_links WHERE switch_account"), "0");
}
END_TEST

START_TEST(an_old_grant_of_the_web_pages_is_renewed_by_signing_in) {
    signed_in("a");
    (void)postgres_sql("UPDATE users SET subject_tag = NULL");
    fake_grants_old = true;
    ask_connection();
    ck_failed(401, "grant_expired");
    ck_assert_str_eq(failure()->action_url, "https://cloister.test/login");
    ck_assert(strstr(failure()->detail, "Sign in again") != NULL);
    fake_grants_old = false;
    fake_renewed = "fresh";
    ask_connection();
    ck_assert_int_eq(answer()->body_case, CLOISTER__MESSAGE__BODY_CONNECTION_STATE);
    ck_assert_str_eq(fake_renewed_in_session, "session cookie fresh");
    ck_assert_str_eq(fake_renewed_to_gateway, ""); /* it is not the gateway's */
}
END_TEST

int main(void) {
    Suite *suite = suite_create("admit");
    TCase *cases = tcase_create("admit");
    tcase_add_checked_fixture(cases, connecting_setup, connecting_teardown);
    tcase_add_test(cases, what_acts_for_an_owner_needs_the_owners_grant);
    tcase_add_test(cases, with_the_grant_it_is_done);
    tcase_add_test(cases, voiding_the_grants_ends_nothing_else);
    tcase_add_test(cases, unknown_users_have_no_grants);
    tcase_add_test(cases, a_renewed_grant_is_passed_on);
    tcase_add_test(cases, a_link_that_lost_its_grant_switches_nothing);
    tcase_add_test(cases, an_old_grant_of_the_web_pages_is_renewed_by_signing_in);
    suite_add_tcase(suite, cases);
    return postgres_tests(suite);
}
