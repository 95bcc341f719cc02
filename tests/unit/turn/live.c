/* Drives real turns through a real cloister-egress against whatever the configuration names,
 * playing agent, supervisor and key service itself. Commands are JSON lines on stdin, answers JSON
 * lines on stdout; live.py says which. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "fake.h"
#include "ipc/confine.h"
#include "providers/json_get.h"

struct live {
    struct fake *fake;
    int egress; /* this agent's channel to egress */
    char *last_message;
    uint8_t key[32];
};

/* As the zygote does: egress believes the uid it sees at connect. */
static int bind_egress(const char *path) {
    uid_t uid;
    gid_t gid;
    int pair[2];
    ck_assert_int_eq(user_lookup("cloister-agent", &uid, &gid), 0);
    ck_assert_int_eq(seteuid(uid), 0);
    int zygote = seq_connect(path);
    ck_assert_msg(zygote >= 0, "egress: %s", strerror(-zygote));
    ck_assert_int_eq(seteuid(0), 0);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    Cloister__EgressBind body = CLOISTER__EGRESS_BIND__INIT;
    body.origin = (char *)"owner";
    Cloister__Message m = MSG_OF(EGRESS_BIND, egress_bind, &body);
    ck_assert_int_eq(seq_send(zygote, &m, pair[1]), 0);
    (void)close(pair[1]);
    return pair[0];
}

static int egress_turn(int agent) {
    int pair[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    Cloister__EgressTurn body = CLOISTER__EGRESS_TURN__INIT;
    Cloister__Message m = MSG_OF(EGRESS_TURN, egress_turn, &body);
    ck_assert_int_eq(seq_send(agent, &m, pair[1]), 0);
    (void)close(pair[1]);
    return pair[0];
}

static char *file_text(const char *path) {
    char *text = calloc(1, 4096);
    ck_assert_int_ge(file_read(path, (uint8_t *)text, 4095), 0);
    text[strcspn(text, "\r\n")] = '\0';
    return text;
}

static void run(struct live *live, Cloister__TurnKind kind) {
    struct fake *fake = live->fake;
    fake->egress_fd = egress_turn(live->egress);
    fake_run(fake, kind);
    (void)close(fake->egress_fd);
}

static void give_code(struct fake *fake, const json_t *in) {
    fake->start.origin = (char *)"connect";
    fake->start.code = (char *)json_text(in, "code");
    fake->start.state_token = (char *)json_text(in, "state");
    fake->start.redirect_uri = (char *)json_text(in, "redirect");
}

static void take_code(struct fake *fake) {
    fake->start.origin = (char *)"owner";
    fake->start.state_token = (char *)"";
    fake->start.code = (char *)"";
}

static void do_sign_in(struct live *live, const json_t *in) {
    give_code(live->fake, in);
    run(live, CLOISTER__TURN_KIND__TURN_SIGN_IN);
    take_code(live->fake);
}

static void do_connect(struct live *live, const json_t *in) {
    struct fake *fake = live->fake;
    fake->put_token = NULL; /* not freed: the scopes of the last one are in the state */
    give_code(fake, in);
    run(live, CLOISTER__TURN_KIND__TURN_CONNECT);
    take_code(fake);
    if (fake->put_token == NULL)
        return;
    const Cloister__PutToken *put = fake->put_token->host_call->put_token;
    free(fake->state.refresh.data);
    fake->state.refresh = (ProtobufCBinaryData){put->refresh.len, malloc(put->refresh.len)};
    memcpy(fake->state.refresh.data, put->refresh.data, put->refresh.len);
    fake->state.scopes = put->scopes;
    fake->state.n_scopes = put->n_scopes;
    fake->floor = put->version;
}

static void do_chat(struct live *live, const json_t *in) {
    struct fake *fake = live->fake;
    const char *key = json_text(in, "key");
    free(live->last_message);
    live->last_message = strdup(json_text(in, "message"));
    fake->start.message = live->last_message;
    fake->start.timezone = (char *)json_text(in, "timezone");
    fake->start.repeated = json_is_true(json_object_get(in, "repeated"));
    fake->start.idempotency = (ProtobufCBinaryData){0};
    if (*key != '\0') {
        memset(live->key, 0, sizeof(live->key));
        memcpy(live->key, key, strlen(key) < 32 ? strlen(key) : 32);
        fake->start.idempotency = (ProtobufCBinaryData){32, live->key};
    }
    fake->timeout_ms = json_count(in, "timeout_ms", 30000);
    if (json_is_true(json_object_get(in, "drop_access")))
        fake->state.access.len = 0;
    run(live, CLOISTER__TURN_KIND__TURN_CHAT);
    fake_carry(fake);
    fake->start.timezone = (char *)"";
}

/* Hex of the account's tag: of TURN_DONE after a sign-in, of PUT_TOKEN after a connection. */
static void tag_of(const struct fake *fake, const char *op, char out[static 65]) {
    const ProtobufCBinaryData *tag = NULL;
    out[0] = '\0';
    if (strcmp(op, "sign_in") == 0 && fake_code(fake)[0] == '\0')
        tag = &fake->last->turn_done->subject_tag;
    if (strcmp(op, "connect") == 0 && fake->put_token != NULL)
        tag = &fake->put_token->host_call->put_token->subject_tag;
    if (tag != NULL && tag->len == 32)
        hex_encode(tag->data, tag->len, out);
}

static void answer(struct live *live, const char *op, uint64_t started) {
    char tag[65];
    struct fake *fake = live->fake;
    bool done = fake->last->body_case == CLOISTER__MESSAGE__BODY_TURN_DONE;
    const Cloister__TurnError *error = done ? NULL : fake->last->turn_error;
    const Cloister__Usage *usage = done ? fake->last->turn_done->usage : error->usage;
    tag_of(fake, op, tag);
    json_t *out = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:i, s:I, s:b, s:I}", "tag", tag, "account",
        done ? fake->last->turn_done->account : "", "code", fake_code(fake), "detail",
        done ? "" : error->detail, "text", fake->text, "tools", fake->tools, "unknown_writes",
        fake_unknown(fake), "retryable", !done && error->retryable, "broken", (int)fake->broken,
        "ms", (json_int_t)(clock_ms() - started), "revoked", done && fake->last->turn_done->revoked,
        "model_calls", (json_int_t)usage->model_calls);
    (void)json_dumpf(out, stdout, JSON_COMPACT);
    (void)fputc('\n', stdout);
    (void)fflush(stdout);
    json_decref(out);
}

static const char *config_path, *verifier;

START_TEST(serve) {
    struct config *config;
    struct turn_world *world;
    char why[512] = "", path[512];
    ck_assert_msg(config_load(config_path, &config, why, sizeof(why)) == 0, "%s", why);
    ck_assert_msg(turn_world_new(config, &world, why, sizeof(why)) == 0, "%s", why);
    ck_assert_int_eq(config_runtime_path(config, "egress/egress.sock", path, sizeof(path)), 0);
    struct live live = {.fake = fake_new(), .egress = bind_egress(path)};
    live.fake->world = *world;
    live.fake->verifier = verifier;
    live.fake->client_secret = file_text(config_str(config, CONFIG_google_client_secret_file));
    live.fake->model_key = file_text(config_str(config, CONFIG_model_api_key_file));
    static char line[65536];
    while (fgets(line, sizeof(line), stdin) != NULL) {
        json_t *in = json_loads(line, 0, NULL);
        uint64_t started = clock_ms();
        const char *op = json_text(in, "op");
        if (strcmp(op, "connect") == 0)
            do_connect(&live, in);
        else if (strcmp(op, "sign_in") == 0)
            do_sign_in(&live, in);
        else if (strcmp(op, "chat") == 0)
            do_chat(&live, in);
        else
            run(&live, CLOISTER__TURN_KIND__TURN_REVOKE);
        answer(&live, op, started);
        json_decref(in);
    }
}
END_TEST

/* Check's assertions need a test around them; this one lives as long as stdin. */
int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: turn_live CONFIG VERIFIER\n");
        return 2;
    }
    config_path = argv[1];
    verifier = argv[2];
    Suite *suite = suite_create("live");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 0);
    tcase_add_test(tc, serve);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    if (failed > 0)
        srunner_print(runner, CK_NORMAL);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
