/* Codes and what becomes of them: a connection, or only who signed in; and revocation. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "fake.h"

static struct fake *fake;

static void setup(void) {
    fake = fake_new();
    fake->start.origin = (char *)"connect";
    fake->start.state_token = (char *)"S";
    fake->start.code = (char *)"4/code";
    fake->start.redirect_uri = (char *)"https://gw/connect/google/callback";
    fake->start.grant = (char *)"";
    fake->bound_user = fake->start.user = (char *)"";
}

static void teardown(void) {
    fake_free(fake);
}

/* What is wrong with an identity token; all else about it is right. */
struct identity {
    const char *iss, *aud, *sub, *state, *more; /* NULL: as it should be; more: further claims */
    int64_t lives;
    const char *code; /* of the turn; what the kind of turn says instead of FAILED */
    const char *account;
};
#define FAILED "failed"
#define EMAIL  ",\"email\":\"ada@example.org\",\"email_verified\":"

static const struct identity identities[] = {
    {NULL, NULL, NULL, NULL, NULL, 3600, "", ""},
    {NULL, NULL, NULL, NULL, EMAIL "true", 3600, "", "ada@example.org"},
    {NULL, NULL, NULL, NULL, EMAIL "false", 3600, "", ""},
    {NULL, NULL, NULL, NULL, EMAIL "\"true\"", 3600, "", ""},
    {NULL, NULL, NULL, NULL, ",\"email\":\"ada@example.org\"", 3600, "", ""},
    {NULL, NULL, NULL, NULL, ",\"email_verified\":true", 3600, "", ""},
    {NULL, NULL, NULL, NULL, ",\"email_verified\":true,\"email\":17", 3600, "", ""},
    {NULL, NULL, NULL, NULL, ",\"email_verified\":true,\"email\":\"a\\nb@x\"", 3600, "", ""},
    {"\"accounts.google.com\"", NULL, NULL, NULL, NULL, 3600, "", ""},
    {NULL, "[\"other\",\"client\"]", NULL, NULL, NULL, 3600, "", ""},
    {NULL, NULL, NULL, NULL, NULL, -200, "", ""}, /* clocks may differ a little */
    {NULL, NULL, NULL, NULL, NULL, -400, FAILED, NULL},
    {"\"https://accounts.example\"", NULL, NULL, NULL, NULL, 3600, FAILED, NULL},
    {"\"https://accounts.google.com.example\"", NULL, NULL, NULL, NULL, 3600, FAILED, NULL},
    {"null", NULL, NULL, NULL, NULL, 3600, FAILED, NULL},
    {NULL, "\"other\"", NULL, NULL, NULL, 3600, FAILED, NULL},
    {NULL, "[\"other\"]", NULL, NULL, NULL, 3600, FAILED, NULL},
    {NULL, "[]", NULL, NULL, NULL, 3600, FAILED, NULL},
    {NULL, "null", NULL, NULL, NULL, 3600, FAILED, NULL},
    {NULL, NULL, NULL, "T", NULL, 3600, FAILED, NULL}, /* made for another sign-in */
    {NULL, NULL, "null", NULL, NULL, 3600, FAILED, NULL},
    {NULL, NULL, "\"\"", NULL, NULL, 3600, FAILED, NULL},
    {NULL, NULL, "123", NULL, NULL, 3600, FAILED, NULL},
    {NULL, NULL, "\"1 23\"", NULL, NULL, 3600, FAILED, NULL},
    {NULL, NULL, "\"\\u00e9\"", NULL, NULL, 3600, FAILED, NULL},
    {NULL, NULL, NULL, NULL, ",\"sub\":\"456\"", 3600, FAILED, NULL}, /* twice */
};

static char *id_token(const struct identity *identity) {
    char text[700], nonce[33], part[1000], *token;
    uint8_t digest[32];
    (void)snprintf(text, sizeof(text), "cloister-nonce:%s",
                   identity->state != NULL ? identity->state : "S");
    (void)crypto_hash_sha256(digest, (const uint8_t *)text, strlen(text));
    hex_encode(digest, 16, nonce);
    (void)snprintf(text, sizeof(text),
                   "{\"iss\":%s,\"aud\":%s,\"sub\":%s,\"exp\":%lld,\"nonce\":\"%s\"%s}",
                   identity->iss != NULL ? identity->iss : "\"https://accounts.google.com\"",
                   identity->aud != NULL ? identity->aud : "\"client\"",
                   identity->sub != NULL ? identity->sub : "\"123\"",
                   (long long)(wall_ms() / 1000 + identity->lives), nonce,
                   identity->more != NULL ? identity->more : "");
    base64url_encode((const uint8_t *)text, strlen(text), part);
    ck_assert_int_gt(asprintf(&token, "e30.%s.sig", part), 0);
    return token;
}

/* `refresh`, `token`: NULL leaves them out. */
static char *token_answer(const char *refresh, const char *token) {
    json_t *json =
        json_pack("{s:s, s:i, s:s, s:s*, s:s*}", "access_token", "AT", "expires_in", 3599, "scope",
                  "openid https://www.googleapis.com/auth/userinfo.email " GOOGLE_SCOPE_FREEBUSY,
                  "refresh_token", refresh, "id_token", token);
    char *text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    return text;
}

static void run(Cloister__TurnKind kind, const char *refresh, const char *token) {
    char *answer = token_answer(refresh, token);
    fake->token_answer = answer;
    fake->floor = 4;
    fake_run(fake, kind);
    free(answer);
    fake->token_answer = NULL;
}

static void expect_tag(const ProtobufCBinaryData *tag) {
    uint8_t expected[32];
    key_mac(fake->subject_key, "123", 3, expected, sizeof(expected));
    ck_assert_uint_eq(tag->len, sizeof(expected));
    ck_assert_mem_eq(tag->data, expected, sizeof(expected));
}

START_TEST(connects_whom_google_names) {
    const struct identity *identity = &identities[_i];
    const bool good = *identity->code == '\0';
    SCOPE_FREE char *token = id_token(identity);
    run(CLOISTER__TURN_KIND__TURN_CONNECT, "1//RT", token);
    ck_assert_str_eq(fake_code(fake), good ? "" : "connect_failed");
    ck_assert(good == (fake->put_token != NULL));
    ck_assert_uint_eq(fake->committed, good);
    if (!good)
        return;
    const Cloister__PutToken *put = fake->put_token->host_call->put_token;
    struct seal_label label = {"google-refresh", fake->state.connection, 3, 5};
    SCOPE_SECRET char *plain = NULL;
    size_t len;
    ck_assert_uint_eq(put->version, 5);
    ck_assert_int_eq(
        seal_open(fake->connection_key, &label, put->refresh.data, put->refresh.len, &plain, &len),
        0);
    ck_assert_str_eq(plain, "1//RT");
    ck_assert_uint_eq(put->n_scopes, 3);
    ck_assert_str_eq(put->scopes[1], "email");
    expect_tag(&put->subject_tag);
}
END_TEST

START_TEST(no_connection_without_a_name_or_a_lasting_token) {
    SCOPE_FREE char *token = id_token(&identities[0]);
    run(CLOISTER__TURN_KIND__TURN_CONNECT, "1//RT", NULL);
    ck_assert_str_eq(fake_code(fake), "connect_failed");
    run(CLOISTER__TURN_KIND__TURN_CONNECT, NULL, token);
    ck_assert_str_eq(fake_code(fake), "connect_failed");
    run(CLOISTER__TURN_KIND__TURN_CONNECT, "1//RT", "no.token");
    ck_assert_str_eq(fake_code(fake), "connect_failed");
    ck_assert_ptr_null(fake->put_token);
    ck_assert_uint_eq(fake->committed, 0);
    run(CLOISTER__TURN_KIND__TURN_CONNECT, "1//RT", token); /* control */
    ck_assert_str_eq(fake_code(fake), "");
}
END_TEST

START_TEST(signs_in_whom_google_names) {
    const struct identity *identity = &identities[_i];
    const bool good = *identity->code == '\0';
    SCOPE_FREE char *token = id_token(identity);
    fake->start.state = NULL;
    run(CLOISTER__TURN_KIND__TURN_SIGN_IN, NULL, token);
    ck_assert_str_eq(fake_code(fake), good ? "" : "sign_in_failed");
    if (!good)
        return;
    const Cloister__TurnDone *done = fake->last->turn_done;
    expect_tag(&done->subject_tag);
    char made_up[64]; /* for who has no address that Google confirms */
    (void)snprintf(made_up, sizeof(made_up), "google-account-%02x%02x%02x",
                   done->subject_tag.data[0], done->subject_tag.data[1], done->subject_tag.data[2]);
    ck_assert_str_eq(done->account, *identity->account != '\0' ? identity->account : made_up);
    ck_assert_str_eq(done->grant, "");
}
END_TEST

/* Even a lasting token that came unasked goes no further. */
START_TEST(signing_in_keeps_nothing) {
    SCOPE_FREE char *token = id_token(&identities[1]);
    run(CLOISTER__TURN_KIND__TURN_SIGN_IN, "1//RT", token);
    ck_assert_str_eq(fake_code(fake), "");
    ck_assert_ptr_null(fake->put_token);
    ck_assert_uint_eq(fake->committed, 0);
    ck_assert_uint_eq(fake->refreshes, 1); /* the exchange */
    const Cloister__TurnDone *done = fake->last->turn_done;
    ck_assert_uint_eq(done->access.len + done->notes.len, 0);
}
END_TEST

START_TEST(sign_in_says_what_google_did_not_do) {
    static const struct {
        int status;
        const char *answer, *code;
    } says[] = {
        {400, "{\"error\":\"invalid_grant\"}", "sign_in_failed"},
        {200, "{\"access_token\":\"AT\",\"scope\":\"email\"}", "sign_in_failed"},
        {200, "{}", "sign_in_failed"},
        {200, "<html>", "sign_in_failed"},
        {401, "{\"error\":\"invalid_client\"}", "google_rejected"},
        {503, "", "google_unavailable"},
    };
    for (size_t i = 0; i < COUNT_OF(says); i++) {
        fake->token_status = says[i].status;
        fake->token_answer = says[i].answer;
        fake_run(fake, CLOISTER__TURN_KIND__TURN_SIGN_IN);
        ck_assert_str_eq(fake_code(fake), says[i].code);
        ck_assert_uint_eq(fake->refreshes, i + 1); /* a code is shown once */
    }
}
END_TEST

START_TEST(code_used_twice) {
    fake->token_status = 400;
    fake->token_answer = "{\"error\":\"invalid_grant\"}";
    fake_run(fake, CLOISTER__TURN_KIND__TURN_CONNECT);
    ck_assert_str_eq(fake_code(fake), "connect_failed");
    ck_assert_uint_eq(fake->broken, 0);
}
END_TEST

/* Codes are for connect cells, and a cell's state token must be one that keys know a verifier of.
 */
START_TEST(codes_are_for_connect_cells) {
    static const Cloister__TurnKind kinds[] = {CLOISTER__TURN_KIND__TURN_CONNECT,
                                               CLOISTER__TURN_KIND__TURN_SIGN_IN};
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        SCOPE_FREE char *token = id_token(&identities[0]);
        fake->start.origin = (char *)"owner";
        run(kinds[i], "1//RT", token);
        ck_assert_str_eq(fake_code(fake), "not_allowed");
        fake->start.origin = (char *)"customer";
        run(kinds[i], "1//RT", token);
        ck_assert_str_eq(fake_code(fake), "not_allowed");
        fake->start.origin = (char *)"connect";
        fake->start.state_token = (char *)"";
        run(kinds[i], "1//RT", token);
        ck_assert_str_eq(fake_code(fake), i == 0 ? "connect_failed" : "sign_in_failed");
        ck_assert_uint_eq(fake->refreshes, i);
        fake->start.state_token = (char *)"S";
        run(kinds[i], "1//RT", token); /* control */
        ck_assert_str_eq(fake_code(fake), "");
        ck_assert_uint_eq(fake->refreshes, i + 1);
    }
}
END_TEST

static bool revoke_says(struct fake *f, const char *method, const char *url,
                        struct fake_reply *reply, bool *after) {
    (void)method, (void)after;
    if (strcmp(url, "https://token.test/revoke") != 0)
        return false;
    *reply = (struct fake_reply){.status = f->fault_count == 1 ? 400 : 503};
    reply->body = strdup("{\"error\":\"invalid_token\"}");
    return true;
}

/* Without a grant: it is cloisterd that carries a disconnection to its end. */
START_TEST(revokes) {
    fake->start.origin = (char *)"owner";
    fake->start.state_token = (char *)"";
    fake->start.user = (char *)"00000000000000000000000000000001";
    fake->bound_user = NULL;
    fake_run(fake, CLOISTER__TURN_KIND__TURN_REVOKE);
    ck_assert_str_eq(fake_code(fake), "");
    ck_assert(fake->last->turn_done->revoked);
    fake->fault = revoke_says;
    fake->fault_count = 1;
    fake_run(fake, CLOISTER__TURN_KIND__TURN_REVOKE);
    ck_assert(fake->last->turn_done->revoked);
    fake->fault_count = 2;
    fake_run(fake, CLOISTER__TURN_KIND__TURN_REVOKE);
    ck_assert_str_eq(fake_code(fake), "google_unavailable");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("connect");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, connects_whom_google_names, 0, (int)COUNT_OF(identities));
    tcase_add_loop_test(tc, signs_in_whom_google_names, 0, (int)COUNT_OF(identities));
    tcase_add_test(tc, no_connection_without_a_name_or_a_lasting_token);
    tcase_add_test(tc, signing_in_keeps_nothing);
    tcase_add_test(tc, sign_in_says_what_google_did_not_do);
    tcase_add_test(tc, code_used_twice);
    tcase_add_test(tc, codes_are_for_connect_cells);
    tcase_add_test(tc, revokes);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
