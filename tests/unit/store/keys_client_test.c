/* The key service's client against a listener of the test: answers in any order, a service that is
 * not there, goes away, says nonsense, or says nothing. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "supervisor/keys_client.h"
#include "tests/unit/store/loop.h"

static struct event_base *base;
static struct config *config;
static struct keys_client *keys;
static char dir[64], path[96];
static int listener = -1, peer = -1;
static struct msg_peer rules;

static struct got {
    int calls, error;
    char challenge[64], grant[80];
} got[300];

static void on_done(void *ctx, int error, const Cloister__KeyResult *result) {
    struct got *mine = ctx;
    mine->calls++;
    mine->error = error;
    if (result != NULL)
        snprintf(mine->challenge, sizeof(mine->challenge), "%s", result->challenge);
    if (result != NULL)
        snprintf(mine->grant, sizeof(mine->grant), "%s", result->grant);
}

static void service_start(void) {
    listener = seq_listen(path, 0600);
    ck_assert_int_ge(listener, 0);
}

static void service_stop(void) {
    if (peer >= 0)
        (void)close(take_fd(&peer));
    if (listener >= 0)
        (void)close(take_fd(&listener));
    (void)unlink(path);
}

static void service_accept(void) {
    loop_until(base, (peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0);
    rules = (struct msg_peer){ROLE_SUPERVISOR, ROLE_KEYS, PHASE_READY, {0}};
    loop_until(base, keys_client_ready(keys));
}

static Cloister__Message *service_read(void) {
    Cloister__Message *message;
    ck_assert_int_eq(seq_recv_wait(peer, &rules, 2000, &message, NULL), 0);
    return message;
}

static void service_answer(uint64_t call, int error, const char *challenge) {
    Cloister__KeyResult body = CLOISTER__KEY_RESULT__INIT;
    body.call = call;
    body.error = error;
    body.challenge = (char *)(uintptr_t)challenge;
    Cloister__Message message = MSG_OF(KEY_RESULT, key_result, &body);
    ck_assert_int_eq(seq_send(peer, &message, -1), 0);
}

static void setup(void) {
    char conf[96], why[256];
    strcpy(dir, "/tmp/cloister-keys-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/keys", dir);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/keys/keys.sock", dir);
    snprintf(conf, sizeof(conf), "%s/conf", dir);
    FILE *file = fopen(conf, "we");
    fprintf(file, "[runtime]\ndir=%s\n", dir);
    (void)fclose(file);
    ck_assert_int_eq(config_load(conf, &config, why, sizeof(why)), 0);
    memset(got, 0, sizeof(got));
    base = event_base_new();
    ck_assert_int_eq(keys_client_new(base, config, &keys), 0);
}

static void teardown(void) {
    keys_client_free(keys);
    keys = NULL;
    service_stop();
    config_free(config);
    event_base_free(base);
    char conf[96];
    snprintf(conf, sizeof(conf), "%s/conf", dir);
    (void)unlink(conf);
    snprintf(conf, sizeof(conf), "%s/keys", dir);
    (void)rmdir(conf);
    (void)rmdir(dir);
}

START_TEST(requests_carry_what_they_should) {
    service_start();
    service_accept();
    keys_create(keys, CLOISTER__KEY_KIND__KEY_CONNECTION, "id", "user", on_done, &got[0]);
    keys_destroy(keys, CLOISTER__KEY_KIND__KEY_USER, "id2", on_done, &got[1]);
    keys_bind_user(keys, "conn", "user", on_done, &got[2]);
    keys_challenge(keys, "state", on_done, &got[3]);
    Cloister__Message *asked[4];
    for (int i = 0; i < 4; i++)
        asked[i] = service_read();
    ck_assert_int_eq(asked[0]->body_case, CLOISTER__MESSAGE__BODY_KEY_CREATE);
    ck_assert_int_eq(asked[0]->key_create->kind, CLOISTER__KEY_KIND__KEY_CONNECTION);
    ck_assert_str_eq(asked[0]->key_create->user, "user");
    ck_assert_int_eq(asked[1]->body_case, CLOISTER__MESSAGE__BODY_KEY_DESTROY);
    ck_assert_str_eq(asked[1]->key_destroy->id, "id2");
    ck_assert_str_eq(asked[2]->key_bind_user->connection, "conn");
    ck_assert_str_eq(asked[3]->key_challenge->state_token, "state");
    service_answer(asked[3]->key_challenge->call, 0, "challenge");
    service_answer(999, 0, ""); /* nobody asked: ignored */
    service_answer(asked[1]->key_destroy->call, 0, "");
    service_answer(asked[2]->key_bind_user->call, EKEYREVOKED, "");
    service_answer(asked[0]->key_create->call, 0, "");
    loop_until(base, got[0].calls && got[1].calls && got[2].calls && got[3].calls);
    ck_assert_int_eq(got[0].error, 0);
    ck_assert_int_eq(got[2].error, -EKEYREVOKED);
    ck_assert_str_eq(got[3].challenge, "challenge");
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(got[i].calls, 1);
        msg_free(asked[i]);
    }
}
END_TEST

START_TEST(grants_are_asked_for) {
    service_start();
    service_accept();
    keys_grant_mint(keys, "user", "app", on_done, &got[0]);
    keys_grant_check(keys, "user", "app", "cg1_x", on_done, &got[1]);
    keys_grant_revoke(keys, "user", on_done, &got[2]);
    Cloister__Message *asked[3];
    for (int i = 0; i < 3; i++)
        asked[i] = service_read();
    ck_assert_int_eq(asked[0]->body_case, CLOISTER__MESSAGE__BODY_GRANT_MINT);
    ck_assert_str_eq(asked[0]->grant_mint->user, "user");
    ck_assert_str_eq(asked[0]->grant_mint->frontend, "app");
    ck_assert_int_eq(asked[1]->body_case, CLOISTER__MESSAGE__BODY_GRANT_CHECK);
    ck_assert_str_eq(asked[1]->grant_check->user, "user");
    ck_assert_str_eq(asked[1]->grant_check->frontend, "app");
    ck_assert_str_eq(asked[1]->grant_check->grant, "cg1_x");
    ck_assert_int_eq(asked[2]->body_case, CLOISTER__MESSAGE__BODY_GRANT_REVOKE);
    ck_assert_str_eq(asked[2]->grant_revoke->user, "user");
    Cloister__KeyResult minted = CLOISTER__KEY_RESULT__INIT;
    minted.call = asked[0]->grant_mint->call;
    minted.grant = "cg1_made";
    Cloister__Message message = MSG_OF(KEY_RESULT, key_result, &minted);
    ck_assert_int_eq(seq_send(peer, &message, -1), 0);
    service_answer(asked[1]->grant_check->call, EKEYEXPIRED, "");
    service_answer(asked[2]->grant_revoke->call, 0, "");
    loop_until(base, got[0].calls && got[1].calls && got[2].calls);
    ck_assert_int_eq(got[0].error, 0);
    ck_assert_str_eq(got[0].grant, "cg1_made");
    ck_assert_int_eq(got[1].error, -EKEYEXPIRED);
    ck_assert_int_eq(got[2].error, 0);
    for (int i = 0; i < 3; i++)
        msg_free(asked[i]);
}
END_TEST

START_TEST(away_is_said_at_once_and_it_comes_back) {
    keys_challenge(keys, "state", on_done, &got[0]);
    ck_assert_int_eq(got[0].calls, 0);
    loop_until(base, got[0].calls == 1);
    ck_assert_int_eq(got[0].error, -EAGAIN);
    ck_assert(!keys_client_ready(keys));
    service_start();
    service_accept();
    keys_challenge(keys, "state", on_done, &got[1]);
    msg_free(service_read());
    service_stop();
    loop_until(base, got[1].calls == 1); /* lost under way */
    ck_assert_int_eq(got[1].error, -EAGAIN);
    service_start();
    service_accept();
    keys_challenge(keys, "state", on_done, &got[2]);
    Cloister__Message *asked = service_read();
    service_answer(asked->key_challenge->call, 0, "again");
    msg_free(asked);
    loop_until(base, got[2].calls == 1);
    ck_assert_str_eq(got[2].challenge, "again");
}
END_TEST

START_TEST(nonsense_ends_the_channel_only) {
    service_start();
    service_accept();
    keys_challenge(keys, "state", on_done, &got[0]);
    ck_assert_int_eq(send(peer, "nonsense", 8, 0), 8);
    loop_until(base, got[0].calls == 1);
    ck_assert_int_eq(got[0].error, -EAGAIN);
    (void)close(take_fd(&peer));
    service_accept();
    ck_assert(keys_client_ready(keys));
}
END_TEST

START_TEST(silence_ends_after_five_seconds) {
    service_start();
    service_accept();
    uint64_t begin = clock_ms();
    keys_challenge(keys, "state", on_done, &got[0]);
    loop_until(base, got[0].calls == 1);
    ck_assert_uint_ge(clock_ms() - begin, 4900);
    ck_assert_int_eq(got[0].error, -EAGAIN);
    Cloister__Message *asked = service_read();
    service_answer(asked->key_challenge->call, 0, "late");
    msg_free(asked);
    keys_challenge(keys, "state", on_done, &got[1]);
    asked = service_read();
    service_answer(asked->key_challenge->call, 0, "in time");
    msg_free(asked);
    loop_until(base, got[1].calls == 1);
    ck_assert_str_eq(got[1].challenge, "in time");
    ck_assert_int_eq(got[0].calls, 1);
}
END_TEST

START_TEST(requests_are_bounded_and_end_when_freed) {
    service_start();
    service_accept();
    for (size_t i = 0; i < COUNT_OF(got); i++)
        keys_challenge(keys, "state", on_done, &got[i]);
    loop_until(base, got[COUNT_OF(got) - 1].calls == 1);
    ck_assert_int_eq(got[COUNT_OF(got) - 1].error, -EAGAIN);
    ck_assert_int_eq(got[0].calls, 0);
    keys_client_free(take_ptr(keys));
    for (size_t i = 0; i < COUNT_OF(got); i++)
        ck_assert_int_eq(got[i].calls, 1);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("keys_client");
    TCase *cases = tcase_create("keys_client");
    tcase_set_timeout(cases, 30);
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, requests_carry_what_they_should);
    tcase_add_test(cases, grants_are_asked_for);
    tcase_add_test(cases, away_is_said_at_once_and_it_comes_back);
    tcase_add_test(cases, nonsense_ends_the_channel_only);
    tcase_add_test(cases, silence_ends_after_five_seconds);
    tcase_add_test(cases, requests_are_bounded_and_end_when_freed);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
