/* Grants and whom a channel belongs to, by the running cloister-keys. */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "build_config.h"
#include "memory/grant.h"
#include "tests/unit/keys/accounts.h"
#include "tests/unit/keys/service.h"

#define ALICE   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define BOB     "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define NOBODY  "dddddddddddddddddddddddddddddddd"
#define CONN_A  "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1"
#define PENDING "c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0"
#define SIGN_IN "e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0"
#define USER    CLOISTER__KEY_KIND__KEY_USER
#define CONN    CLOISTER__KEY_KIND__KEY_CONNECTION

static struct service service;
static int supervisor, zygote;
static char grant[GRANT_SIZE], fresh[GRANT_SIZE];

static void connect_peers(void) {
    supervisor = peer_connect(&service, CLOISTER_USER_SUPERVISOR);
    zygote = peer_connect(&service, CLOISTER_USER_AGENT);
}

static void restart(const char *life_ms) {
    if (life_ms != NULL)
        ck_assert_int_eq(setenv("CLOISTER_GATEWAY_GRANT_MS", life_ms, 1), 0);
    (void)service_stop(&service, SIGTERM);
    (void)close(supervisor);
    (void)close(zygote);
    service_start(&service, NULL);
    connect_peers();
}

static void set_up(void) {
    service_prepare(&service);
    service_start(&service, NULL);
    connect_peers();
    ck_assert_int_eq(key_create(supervisor, USER, ALICE, ALICE), 0);
    ck_assert_int_eq(key_create(supervisor, USER, BOB, BOB), 0);
    ck_assert_int_eq(key_create(supervisor, CONN, CONN_A, ALICE), 0);
    ck_assert_int_eq(key_create(supervisor, CONN, PENDING, ""), 0);
    ck_assert_int_eq(grant_mint_for(supervisor, ALICE, "shop", grant), 0);
}

static void tear_down(void) {
    (void)unsetenv("CLOISTER_GATEWAY_GRANT_MS");
    (void)close(supervisor);
    (void)close(zygote);
    service_remove(&service);
}

static void assert_closed(int fd) {
    SCOPE_MSG Cloister__Message *answer = answer_of(fd);
    ck_assert_ptr_null(answer);
    (void)close(fd);
    ck_assert_int_eq(waitpid(service.pid, NULL, WNOHANG), 0);
}

static int check_as(const char *user, const char *frontend, const char *shown) {
    return grant_check_for(supervisor, user, frontend, shown, fresh);
}

START_TEST(minted_grants_hold) {
    ck_assert_uint_eq(strlen(grant), GRANT_SIZE - 4);
    ck_assert_int_eq(check_as(ALICE, "shop", grant), 0);
    ck_assert_str_eq(fresh, ""); /* far from old */
    ck_assert_int_eq(check_as(BOB, "shop", grant), EACCES);
    ck_assert_int_eq(check_as(ALICE, "web", grant), EACCES);
    ck_assert_int_eq(check_as(ALICE, "shop", ""), ENOKEY);
    ck_assert_int_eq(check_as(ALICE, "shop", "cg1_nonsense"), EACCES);
    ck_assert_int_eq(check_as(NOBODY, "shop", grant), EKEYREVOKED);
    ck_assert_int_eq(grant_mint_for(supervisor, NOBODY, "shop", fresh), EKEYREVOKED);
    restart(NULL);
    ck_assert_int_eq(check_as(ALICE, "shop", grant), 0);
}
END_TEST

/* What a turn is told is what memory/grant.h checks with: the two sides agree. */
START_TEST(turns_are_told_what_grants_are_checked_with) {
    SCOPE_MSG Cloister__Message *answer = NULL;
    uint64_t left = 0;
    SCOPE_FD int alice = agent_channel(zygote, ALICE, "owner", CONN_A);
    ck_assert_int_eq(key_ask(alice, "", "", &answer), 0);
    const Cloister__KeyGrant *keys = answer->key_grant;
    ck_assert_str_eq(keys->user, ALICE);
    ck_assert_str_eq(keys->origin, "owner");
    ck_assert_uint_eq(keys->user_epoch, 1);
    const struct grant_claims claims = {keys->user, "shop", keys->origin, keys->user_epoch};
    ck_assert_int_eq(grant_check(keys->user_key.data, &claims, grant, (uint64_t)wall_ms(), &left),
                     0);
    ck_assert_uint_gt(left, UINT64_C(2592000000) - 60000);
    ck_assert_uint_le(left, UINT64_C(2592000000));
}
END_TEST

START_TEST(old_grants_are_renewed) {
    restart("5184000000"); /* twice as long: what is left is just under half, since it took time */
    ck_assert_int_eq(check_as(ALICE, "shop", grant), 0);
    ck_assert_str_ne(fresh, "");
    ck_assert_str_ne(fresh, grant);
    char second[GRANT_SIZE];
    (void)strcpy(second, fresh);
    ck_assert_int_eq(check_as(ALICE, "shop", second), 0);
    ck_assert_str_eq(fresh, "");
    ck_assert_int_eq(check_as(BOB, "shop", grant), EACCES);
    ck_assert_str_eq(fresh, "");
    restart("1"); /* what is minted from now on is over in a millisecond */
    ck_assert_int_eq(grant_mint_for(supervisor, ALICE, "shop", second), 0);
    (void)usleep(2000);
    ck_assert_int_eq(check_as(ALICE, "shop", second), EKEYEXPIRED);
    ck_assert_str_eq(fresh, "");
}
END_TEST

static uint64_t epoch_of(const char *user) {
    SCOPE_MSG Cloister__Message *answer = NULL;
    SCOPE_FD int fd = agent_channel(zygote, user, "owner", "");
    ck_assert_int_eq(key_ask(fd, "", "", &answer), 0);
    return answer->key_grant->user_epoch;
}

START_TEST(revoking_ends_what_was_minted_before) {
    SCOPE_MSG Cloister__Message *before = NULL, *after = NULL;
    char bobs[GRANT_SIZE], later[GRANT_SIZE];
    SCOPE_FD int alice = agent_channel(zygote, ALICE, "owner", CONN_A);
    ck_assert_int_eq(key_ask(alice, "", "", &before), 0);
    ck_assert_int_eq(grant_mint_for(supervisor, BOB, "shop", bobs), 0);
    ck_assert_int_eq(grant_revoke_for(supervisor, ALICE), 0);
    ck_assert_int_eq(check_as(ALICE, "shop", grant), EKEYREVOKED);
    ck_assert_int_eq(check_as(BOB, "shop", bobs), 0); /* control: not his */
    ck_assert_int_eq(grant_mint_for(supervisor, ALICE, "shop", later), 0);
    ck_assert_int_eq(check_as(ALICE, "shop", later), 0);
    /* a channel from before knows at once, and the key is the same: memories still open */
    ck_assert_int_eq(key_ask(alice, "", "", &after), 0);
    ck_assert_uint_eq(after->key_grant->user_epoch, 2);
    ck_assert_mem_eq(after->key_grant->user_key.data, before->key_grant->user_key.data, 32);
    (void)service_stop(&service, SIGKILL); /* done is done, whatever happens next */
    service_start(&service, NULL);
    (void)close(supervisor);
    (void)close(zygote);
    connect_peers();
    ck_assert_int_eq(check_as(ALICE, "shop", grant), EKEYREVOKED);
    ck_assert_int_eq(check_as(ALICE, "shop", later), 0);
    ck_assert_uint_eq(epoch_of(ALICE), 2);
    ck_assert_uint_eq(epoch_of(BOB), 1);
    ck_assert_int_eq(grant_revoke_for(supervisor, NOBODY), 0); /* nothing to end */
}
END_TEST

START_TEST(without_a_key_no_grant) {
    ck_assert_int_eq(grant_revoke_for(supervisor, ALICE), 0);
    ck_assert_int_eq(grant_mint_for(supervisor, ALICE, "shop", grant), 0);
    ck_assert_int_eq(key_destroy(supervisor, USER, ALICE), 0);
    ck_assert_int_eq(check_as(ALICE, "shop", grant), EKEYREVOKED);
    ck_assert_int_eq(key_create(supervisor, USER, ALICE, ALICE), 0);
    ck_assert_int_eq(check_as(ALICE, "shop", grant), EACCES); /* another key, whatever its epoch */
    ck_assert_int_eq(grant_revoke_for(supervisor, ALICE), 0);
    ck_assert_int_eq(check_as(ALICE, "shop", grant), EACCES);
}
END_TEST

/* The three are cloisterd's; each works in set_up and above when it asks. */
START_TEST(only_the_supervisor_asks_for_grants) {
    Cloister__GrantMint mint = CLOISTER__GRANT_MINT__INIT;
    Cloister__GrantCheck check = CLOISTER__GRANT_CHECK__INIT;
    Cloister__GrantRevoke revoke = CLOISTER__GRANT_REVOKE__INIT;
    mint.user = check.user = revoke.user = (char *)(uintptr_t)ALICE;
    mint.frontend = check.frontend = (char *)(uintptr_t) "shop";
    check.grant = grant;
    Cloister__Message messages[] = {MSG_OF(GRANT_MINT, grant_mint, &mint),
                                    MSG_OF(GRANT_CHECK, grant_check, &check),
                                    MSG_OF(GRANT_REVOKE, grant_revoke, &revoke)};
    static const char *const origins[] = {"owner", "customer", "connect"};
    for (size_t i = 0; i < COUNT_OF(messages); i++) {
        for (size_t o = 0; o < COUNT_OF(origins); o++) {
            int fd = agent_channel(zygote, ALICE, origins[o], CONN_A);
            ck_assert_int_eq(key_ask(fd, "", "", NULL), 0);
            send_message(fd, &messages[i], -1);
            assert_closed(fd);
        }
        int fd = peer_connect(&service, CLOISTER_USER_AGENT);
        send_message(fd, &messages[i], -1);
        assert_closed(fd);
    }
    ck_assert_int_eq(check_as(ALICE, "shop", grant), 0); /* nothing was revoked */
}
END_TEST

START_TEST(malformed_questions_close_their_channel) {
    Cloister__GrantMint mint = CLOISTER__GRANT_MINT__INIT;
    Cloister__GrantCheck check = CLOISTER__GRANT_CHECK__INIT;
    Cloister__GrantRevoke revoke = CLOISTER__GRANT_REVOKE__INIT;
    static const char *const users[] = {"", "alice", ALICE "a", "gggggggggggggggggggggggggggggggg",
                                        ALICE};
    for (size_t i = 0; i < COUNT_OF(users); i++) { /* the last: without a frontend */
        mint.user = check.user = revoke.user = (char *)(uintptr_t)users[i];
        Cloister__Message messages[] = {MSG_OF(GRANT_MINT, grant_mint, &mint),
                                        MSG_OF(GRANT_CHECK, grant_check, &check),
                                        MSG_OF(GRANT_REVOKE, grant_revoke, &revoke)};
        for (size_t m = 0; m < (i + 1 < COUNT_OF(users) ? 3 : 2); m++) {
            int fd = peer_connect(&service, CLOISTER_USER_SUPERVISOR);
            send_message(fd, &messages[m], -1);
            assert_closed(fd);
        }
    }
    ck_assert_int_eq(check_as(ALICE, "shop", grant), 0);
}
END_TEST

static void tag_of(const char *subject, uint8_t out[static 32]) {
    SCOPE_FD int cell = agent_channel(zygote, "", "connect", PENDING);
    ck_assert_int_eq(subject_tag_of(cell, subject, out), 0);
}

START_TEST(accounts_are_known_again) {
    uint8_t first[32], again[32];
    char path[300];
    tag_of("123", first);
    tag_of("124", again);
    ck_assert_mem_ne(first, again, 32);
    tag_of("123", again);
    ck_assert_mem_eq(first, again, 32);
    (void)snprintf(path, sizeof(path), "%s/google", service.dir);
    service_write(path, "GOCSPX-another-secret\n", 0400, CLOISTER_USER_KEYS);
    restart(NULL);
    tag_of("123", again);
    ck_assert_mem_eq(first, again, 32);
}
END_TEST

/* It is one person's: a cell that was taken over tries no others. */
START_TEST(a_cell_names_one_account) {
    uint8_t first[32], again[32];
    SCOPE_FD int cell = agent_channel(zygote, "", "connect", SIGN_IN);
    ck_assert_int_eq(subject_tag_of(cell, "123", first), 0);
    ck_assert_int_eq(subject_tag_of(cell, "124", again), EACCES);
    ck_assert_int_eq(subject_tag_of(cell, "123", again), 0);
    ck_assert_mem_eq(first, again, 32);
    SCOPE_FD int owner = agent_channel(zygote, ALICE, "owner", CONN_A);
    SCOPE_FD int customer = agent_channel(zygote, ALICE, "customer", CONN_A);
    SCOPE_FD int front = agent_channel(zygote, ALICE, "front", CONN_A);
    ck_assert_int_eq(subject_tag_of(owner, "123", again), EACCES);
    ck_assert_int_eq(subject_tag_of(customer, "123", again), EACCES);
    ck_assert_int_eq(subject_tag_of(front, "123", again), EACCES);
}
END_TEST

START_TEST(who_signs_in_has_no_connection) {
    SCOPE_MSG Cloister__Message *signing = NULL, *connecting = NULL;
    SCOPE_FD int cell = agent_channel(zygote, "", "connect", SIGN_IN);
    SCOPE_FD int bare = agent_channel(zygote, "", "connect", "");
    ck_assert_int_eq(key_ask(cell, "", "state", &signing), 0);
    const Cloister__KeyGrant *keys = signing->key_grant;
    ck_assert_uint_eq(keys->connection_key.len, 0);
    ck_assert_uint_eq(keys->user_key.len, 0);
    ck_assert_uint_eq(keys->model_api_key.len, 0);
    ck_assert_uint_eq(keys->pkce_verifier.len, 43);
    ck_assert_str_eq(keys->user, "");
    ck_assert_str_eq(keys->origin, "connect");
    ck_assert_int_eq(key_ask(bare, "", "state", NULL), 0);
    /* but a connection that was named must be there */
    ck_assert_int_eq(key_ask(cell, SIGN_IN, "state", NULL), EKEYREVOKED);
    SCOPE_FD int owner = agent_channel(zygote, ALICE, "owner", SIGN_IN);
    ck_assert_int_eq(key_ask(owner, "", "", NULL), EKEYREVOKED);
    SCOPE_FD int control = agent_channel(zygote, "", "connect", PENDING);
    ck_assert_int_eq(key_ask(control, "", "state", &connecting), 0);
    ck_assert_uint_eq(connecting->key_grant->connection_key.len, 32);
}
END_TEST

START_TEST(the_log_holds_no_grant) {
    uint8_t tag[32];
    char hex[65];
    ck_assert_int_eq(check_as(BOB, "shop", grant), EACCES);
    ck_assert_int_eq(grant_mint_for(supervisor, NOBODY, "shop", fresh), EKEYREVOKED);
    tag_of("100000000000000000001", tag);
    hex_encode(tag, sizeof(tag), hex);
    ck_assert(service_logged(&service, "GRANT_MINT")); /* control: it does say that */
    ck_assert(!service_logged(&service, GRANT_PREFIX));
    ck_assert(!service_logged(&service, grant + sizeof(GRANT_PREFIX) - 1));
    ck_assert(!service_logged(&service, hex));
    ck_assert(!service_logged(&service, "100000000000000000001"));
}
END_TEST

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: %s PATH-OF-CLOISTER-KEYS\n", argv[0]);
        return 100;
    }
    accounts_make();
    service_program(argv[1]);
    if (seal_init() < 0)
        return 1;
    Suite *suite = suite_create("keys' grants");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, minted_grants_hold);
    tcase_add_test(tc, turns_are_told_what_grants_are_checked_with);
    tcase_add_test(tc, old_grants_are_renewed);
    tcase_add_test(tc, revoking_ends_what_was_minted_before);
    tcase_add_test(tc, without_a_key_no_grant);
    tcase_add_test(tc, only_the_supervisor_asks_for_grants);
    tcase_add_test(tc, malformed_questions_close_their_channel);
    tcase_add_test(tc, accounts_are_known_again);
    tcase_add_test(tc, a_cell_names_one_account);
    tcase_add_test(tc, who_signs_in_has_no_connection);
    tcase_add_test(tc, the_log_holds_no_grant);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
