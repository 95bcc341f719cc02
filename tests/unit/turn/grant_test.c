/* A gateway or a supervisor that lies about who is asking: refused in the turn, before anything of
 * the user was opened or sent. Compiled twice: WITHOUT_CHECK links an object of its own in place of
 * memory/grant_check.c, and there the same lies go through. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fake.h"

#define ALICE "00000000000000000000000000000001"
#define BOB   "00000000000000000000000000000009"

#ifdef WITHOUT_CHECK
int grant_check(const uint8_t user_key[static SEAL_KEY_LEN], const struct grant_claims *claims,
                const char *grant, uint64_t now_ms, uint64_t *ret_left_ms) {
    (void)user_key, (void)claims, (void)grant, (void)now_ms;
    *ret_left_ms = UINT64_MAX;
    return 0;
}
#define EXPECTED(code) ""
#else
#define EXPECTED(code) (code)
#endif

static struct fake *fake;
static unsigned requests;
static char lie[GRANT_SIZE];

/* Counts what leaves; the world answers. */
static bool count(struct fake *f, const char *method, const char *url, struct fake_reply *reply,
                  bool *after) {
    (void)f, (void)method, (void)url, (void)reply, (void)after;
    requests++;
    return false;
}

static void setup(void) {
    fake = fake_new();
    fake->fault = count;
    requests = 0;
    fake->model[0] = CALL(0, "remember", "{\\\"text\\\":\\\"Mornings only\\\"}") END_TOOLS;
    fake->model[1] = SAY("Noted.") END_TURN;
    fake_chat(fake, "Remember: mornings only.");
    ck_assert_str_eq(fake_code(fake), "");
    ck_assert_uint_eq(fake->state.n_preferences, 1);
    fake->model[0] = SAY("Hello.") END_TURN;
    fake->bound_user = ALICE;
    fake->bound_origin = "owner";
    requests = 0;
}

static void teardown(void) {
    fake_free(fake);
}

static uint64_t in_ms(int64_t ms) {
    return (uint64_t)(wall_ms() + ms);
}

static void lie_with(const struct grant_claims *claims, int64_t lives_ms) {
    grant_mint(fake->user_key, claims, in_ms(lives_ms), lie);
    fake->start.grant = lie;
}

static void good(void) {}
static void no_grant(void) {
    fake->start.grant = (char *)"";
}
static void nonsense(void) {
    fake->start.grant = (char *)"cg1_nonsense";
}
static void another_users(void) {
    lie_with(&(struct grant_claims){BOB, "demo", "owner", 7}, 60000);
}
static void of_another_key(void) {
    const uint8_t key[SEAL_KEY_LEN] = {9};
    grant_mint(key, &(struct grant_claims){ALICE, "demo", "owner", 7}, in_ms(60000), lie);
    fake->start.grant = lie;
}
static void of_another_frontend(void) {
    lie_with(&(struct grant_claims){ALICE, "other", "owner", 7}, 60000);
}
static void as_another_frontend(void) {
    fake->start.frontend = (char *)"other";
}
static void without_frontend(void) {
    fake->start.frontend = (char *)"";
}
static void of_another_origin(void) {
    lie_with(&(struct grant_claims){ALICE, "demo", "customer", 7}, 60000);
}
static void expired(void) {
    lie_with(&(struct grant_claims){ALICE, "demo", "owner", 7}, -1);
}
static void revoked(void) {
    lie_with(&(struct grant_claims){ALICE, "demo", "owner", 6}, 60000);
}
static void truncated(void) {
    (void)snprintf(lie, sizeof(lie), "%.40s", fake->grant);
    fake->start.grant = lie;
}
static void edited(void) {
    (void)snprintf(lie, sizeof(lie), "%s", fake->grant);
    lie[8] = lie[8] == 'A' ? 'B' : 'A';
    fake->start.grant = lie;
}

static const struct {
    void (*tell)(void);
    const char *code;
} lies[] = {
    {good, ""}, /* control */
    {no_grant, "grant_required"},
    {nonsense, "grant_invalid"},
    {another_users, "grant_invalid"},
    {of_another_key, "grant_invalid"},
    {of_another_frontend, "grant_invalid"},
    {as_another_frontend, "grant_invalid"},
    {without_frontend, "grant_invalid"},
    {of_another_origin, "grant_invalid"},
    {expired, "grant_expired"},
    {revoked, "grant_revoked"},
    {truncated, "grant_invalid"},
    {edited, "grant_invalid"},
};

static void expect_nothing_done(void) {
    const Cloister__TurnError *error = fake->last->turn_error;
    ck_assert_uint_eq(requests, 0);
    ck_assert_uint_eq(fake->model_calls, 0);
    ck_assert_str_eq(fake->text, "");
    ck_assert_uint_eq(fake->broken, 0);
    ck_assert_uint_eq(error->access.len + error->notes.len, 0);
    ck_assert(!error->retryable);
    ck_assert(!error->unknown_writes);
}

START_TEST(a_chat_needs_its_owners_grant) {
    lies[_i].tell();
    fake_chat(fake, "Who am I?");
    const char *code = EXPECTED(lies[_i].code);
    ck_assert_str_eq(fake_code(fake), code);
    if (*code == '\0') {
        ck_assert_str_eq(fake->text, "Hello.");
        ck_assert_uint_gt(requests, 0);
        return;
    }
    expect_nothing_done();
    ck_assert_ptr_nonnull(strstr(fake->last->turn_error->detail, "connect-links"));
    ck_assert_ptr_null(strstr(fake->last->turn_error->detail, "cg1_"));
}
END_TEST

START_TEST(memories_need_their_owners_grant) {
    lies[_i].tell();
    fake_run(fake, CLOISTER__TURN_KIND__TURN_MEMORY_LIST);
    const char *code = EXPECTED(lies[_i].code);
    ck_assert_str_eq(fake_code(fake), code);
    if (*code != '\0') {
        expect_nothing_done();
        return;
    }
    ck_assert_uint_eq(fake->last->turn_done->n_memories, 1);
    ck_assert_str_eq(fake->last->turn_done->memories[0]->text, "Mornings only");
}
END_TEST

#ifndef WITHOUT_CHECK
/* cloisterd's word does not make an agent another user's: not even with that user's own grant. */
static const struct {
    const char *user, *origin;
} others[] = {
    {BOB, "owner"},     {"", "owner"}, {ALICE, "customer"}, {ALICE, "scheduler"},
    {ALICE, "connect"}, {ALICE, ""},   {BOB, "customer"},
};

START_TEST(an_agent_is_one_users_for_life) {
    static const Cloister__TurnKind kinds[] = {
        CLOISTER__TURN_KIND__TURN_CHAT, CLOISTER__TURN_KIND__TURN_MEMORY_LIST,
        CLOISTER__TURN_KIND__TURN_REVOKE, CLOISTER__TURN_KIND__TURN_CONNECT,
        CLOISTER__TURN_KIND__TURN_SIGN_IN};
    fake->start.user = (char *)others[_i].user;
    fake->start.origin = (char *)others[_i].origin;
    fake->start.message = (char *)"Hello?";
    fake_grant(fake, 60000);
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        fake_run(fake, kinds[i]);
        ck_assert_str_eq(fake_code(fake), "internal");
        expect_nothing_done();
    }
    fake->start.user = (char *)ALICE;
    fake->start.origin = (char *)"owner";
    fake_grant(fake, 60000);
    fake_run(fake, CLOISTER__TURN_KIND__TURN_CHAT); /* control */
    ck_assert_str_eq(fake_code(fake), "");
}
END_TEST

START_TEST(grants_are_the_owners_alone) {
    static const char *const origins[] = {"customer", "scheduler", "connect"};
    for (size_t i = 0; i < COUNT_OF(origins); i++) {
        fake->start.origin = (char *)(fake->bound_origin = origins[i]);
        fake_grant(fake, 60000);
        fake_chat(fake, "Hello?");
        ck_assert_str_eq(fake_code(fake), "not_allowed");
        expect_nothing_done();
        lie_with(&(struct grant_claims){ALICE, "demo", origins[i], 7}, 60000);
        fake_chat(fake, "Hello?");
        ck_assert_str_eq(fake_code(fake), "not_allowed");
        expect_nothing_done();
        fake->start.grant = (char *)"";
        fake_run(fake, CLOISTER__TURN_KIND__TURN_MEMORY_LIST);
        ck_assert_str_eq(fake_code(fake), "not_allowed");
        expect_nothing_done();
    }
}
END_TEST

START_TEST(the_pages_say_sign_in) {
    fake->start.frontend = (char *)"web";
    fake_chat(fake, "Hello?");
    ck_assert_str_eq(fake_code(fake), "grant_invalid");
    ck_assert_ptr_nonnull(strstr(fake->last->turn_error->detail, "/login"));
    ck_assert_ptr_null(strstr(fake->last->turn_error->detail, "connect-links"));
    fake_grant(fake, 60000); /* control: a grant of the pages' own */
    fake_chat(fake, "Hello?");
    ck_assert_str_eq(fake_code(fake), "");
}
END_TEST

static void expect_fresh(const char *grant) {
    const struct grant_claims claims = {ALICE, "demo", "owner", 7};
    uint64_t left = 0;
    ck_assert_int_eq(grant_check(fake->user_key, &claims, grant, in_ms(0), &left), 0);
    ck_assert_uint_gt(left, FAKE_GRANT_MS - 60000);
    ck_assert_uint_le(left, FAKE_GRANT_MS);
}

START_TEST(use_renews_an_old_grant) {
    fake_grant(fake, FAKE_GRANT_MS / 2 + 60000);
    fake_chat(fake, "Hello?");
    ck_assert_str_eq(fake->last->turn_done->grant, "");
    fake_run(fake, CLOISTER__TURN_KIND__TURN_MEMORY_LIST);
    ck_assert_str_eq(fake->last->turn_done->grant, "");
    fake_grant(fake, FAKE_GRANT_MS / 2 - 1);
    fake_chat(fake, "Hello?");
    expect_fresh(fake->last->turn_done->grant);
    fake_run(fake, CLOISTER__TURN_KIND__TURN_MEMORY_LIST);
    expect_fresh(fake->last->turn_done->grant);
    fake_grant(fake, 5000);
    fake_chat(fake, "Hello?");
    expect_fresh(fake->last->turn_done->grant);
}
END_TEST
#endif

int main(void) {
    Suite *suite = suite_create("who asks");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, a_chat_needs_its_owners_grant, 0, (int)COUNT_OF(lies));
    tcase_add_loop_test(tc, memories_need_their_owners_grant, 0, (int)COUNT_OF(lies));
#ifndef WITHOUT_CHECK
    tcase_add_loop_test(tc, an_agent_is_one_users_for_life, 0, (int)COUNT_OF(others));
    tcase_add_test(tc, grants_are_the_owners_alone);
    tcase_add_test(tc, the_pages_say_sign_in);
    tcase_add_test(tc, use_renews_an_old_grant);
#endif
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
