#include "chat_rig.h"

struct rig rig;
struct sessions *sessions;
struct proposals *proposals;
struct chats *chats;
struct gateway *gateway;

/* ---- the client: a gateway ---- */

struct client client;

void say(Cloister__Message *message) {
    uint8_t data[70000];
    ssize_t len = msg_encode(message, data, sizeof(data));
    ck_assert_int_gt(len, 0);
    ck_assert_int_eq(nng_end_send(client.end, data, (size_t)len), 0);
}

bool rig_public;
struct business_link *(*rig_make_link)(void);

void send_hello(void) {
    Cloister__GatewayHello hello = CLOISTER__GATEWAY_HELLO__INIT;
    hello.protocol = PROTOCOL_VERSION;
    hello.instance = rig_public ? "public" : "owner";
    Cloister__Message message = MSG_OF(GATEWAY_HELLO, gateway_hello, &hello);
    say(&message);
}

static bool on_up(void *ctx, pid_t pid, uid_t uid) {
    (void)ctx, (void)pid, (void)uid;
    client.up = true;
    return true;
}

static void take_failure(const Cloister__Failure *failure) {
    client.failures++;
    client.status = failure->status;
    client.retryable = failure->retryable;
    client.unknown_writes = failure->unknown_writes;
    client.last = failure->request;
    (void)snprintf(client.code, sizeof(client.code), "%s", failure->code);
    (void)snprintf(client.detail, sizeof(client.detail), "%s", failure->detail);
    (void)snprintf(client.action_url, sizeof(client.action_url), "%s", failure->action_url);
}

static void take_proposal(const Cloister__ChatProposal *proposal) {
    ck_assert_uint_lt(client.proposed, COUNT_OF(client.proposal));
    ck_assert(id_valid(proposal->id));
    (void)snprintf(client.proposal[client.proposed++], ID_LEN + 1, "%s", proposal->id);
    (void)snprintf(client.summary, sizeof(client.summary), "%s", proposal->summary);
    (void)snprintf(client.arguments, sizeof(client.arguments), "%s", proposal->arguments);
    (void)snprintf(client.expires_at, sizeof(client.expires_at), "%s", proposal->expires_at);
}

static void take_words(char *const *list, size_t n, char *out, size_t cap) {
    out[0] = '\0';
    for (size_t i = 0, used = 0; i < n && used < cap; i++)
        used += (size_t)snprintf(out + used, cap - used, "%s ", list[i]);
}

static void take_done(const Cloister__ChatDone *done) {
    client.done++;
    take_words(done->shown, done->n_shown, client.shown, sizeof(client.shown));
    take_words(done->settled, done->n_settled, client.settled, sizeof(client.settled));
}

static void on_message(void *ctx, const uint8_t *data, size_t len) {
    (void)ctx;
    struct msg_peer peer = {ROLE_SUPERVISOR, ROLE_GATEWAY, PHASE_READY, {0}};
    SCOPE_MSG Cloister__Message *message = NULL;
    ck_assert_int_eq(msg_decode(&peer, data, len, 0, &message), 0);
    if (message->body_case == CLOISTER__MESSAGE__BODY_CHAT_ACCEPTED)
        client.accepted++;
    else if (message->body_case == CLOISTER__MESSAGE__BODY_CHAT_DELTA)
        strncat(client.text, message->chat_delta->text,
                sizeof(client.text) - strlen(client.text) - 1);
    else if (message->body_case == CLOISTER__MESSAGE__BODY_CHAT_TOOL)
        client.tools++;
    else if (message->body_case == CLOISTER__MESSAGE__BODY_CHAT_PROPOSAL)
        take_proposal(message->chat_proposal);
    else if (message->body_case == CLOISTER__MESSAGE__BODY_CHAT_DONE)
        take_done(message->chat_done);
    else if (message->body_case == CLOISTER__MESSAGE__BODY_OK)
        client.oks++;
    else if (message->body_case == CLOISTER__MESSAGE__BODY_FAILURE)
        take_failure(message->failure);
    else if (message->body_case == CLOISTER__MESSAGE__BODY_HEALTH) {
        client.healths++;
        client.ready = message->health->ready;
    }
}

static void on_down(void *ctx) {
    (void)ctx;
    client.up = false;
    client.downs++;
}

static const struct nng_end_ops client_ops = {on_up, on_message, on_down};

/* ---- requests ---- */

const char *shown_grant, *shown_session, *shown_key, *shown_frontend, *shown_user;

void chat(uint64_t request, const char *message, const char *conversation, uint32_t credit) {
    Cloister__Caller caller = CLOISTER__CALLER__INIT;
    bool browser = shown_session[0] != '\0';
    caller.session = (char *)shown_session;
    caller.frontend = browser ? "" : (char *)shown_frontend;
    caller.user = browser ? "" : (char *)shown_user;
    caller.grant = browser ? "" : (char *)shown_grant;
    Cloister__ChatRequest ask = CLOISTER__CHAT_REQUEST__INIT;
    ask.request = request;
    ask.caller = &caller;
    ask.message = (char *)message;
    ask.conversation = (char *)conversation;
    ask.credit = credit;
    ask.idempotency_key = (char *)shown_key;
    Cloister__Message out = MSG_OF(CHAT_REQUEST, chat_request, &ask);
    say(&out);
}

static size_t unready(void *ctx, const char **reasons, size_t max) {
    (void)ctx, (void)max;
    reasons[0] = "database";
    return 1;
}

bool is_up(void *ctx) {
    return client.up && gateway_connected(ctx);
}

void chat_setup(void) {
    rig_prepare(&rig, "normal");
    rig_start(&rig);
    memset(&client, 0, sizeof(client));
    fakes_reset();
    shown_grant = "grant of ann";
    shown_session = "";
    shown_key = "key-1";
    shown_frontend = "app";
    shown_user = "ann";
    db_event = evtimer_new(rig.base, on_db, NULL);
    struct sessions_limits limits = {60000, 1024, 1024, 8, 1 << 20, 1 << 18};
    ck_assert_int_eq(sessions_new(rig.base, &limits, &sessions), 0);
    const struct proposals_limits kept = {PROPOSALS_PER_USER, 48u << 10, 1 << 20};
    ck_assert_int_eq(proposals_new(rig.base, &kept, &proposals), 0);
    struct chats_setup with = {.turns = rig.turns, .sessions = sessions, .proposals = proposals};
    with.business = rig_make_link != NULL ? rig_make_link() : NULL;
    ck_assert_int_eq(chats_new(&with, &chats), 0);
    static char path[80];
    (void)snprintf(path, sizeof(path), "%s/gw.ipc", rig.dir);
    struct gateway_setup listen = {
        .path = path, .uid = getuid(), .instance = "owner", .chats = chats, .unready = unready};
    if (rig_public) {
        listen.instance = "public";
        listen.is_public = true;
    }
    ck_assert_int_eq(gateway_new(rig.base, &listen, &gateway), 0);
    ck_assert_int_eq(nng_end_dial(rig.base, path, &client_ops, NULL, &client.end), 0);
    rig_until(&rig, is_up, gateway);
    send_hello();
}

void chat_teardown(void) {
    nng_end_close(client.end);
    gateway_free(gateway);
    turns_free(rig.turns);
    rig.turns = NULL;
    answer_admission();
    if (db.n_held > 0)
        answer_lookups();
    chats_free(chats);
    sessions_free(sessions);
    proposals_free(proposals);
    event_free(db_event);
    rig_stop(&rig);
}

static bool ended(void *ctx) {
    return client.done + client.failures + client.oks + client.healths >= *(unsigned *)ctx;
}

void until_ended(unsigned n) {
    rig_until(&rig, ended, &n);
}

void until_accepted(unsigned n) {
    while (client.accepted < n)
        ck_assert_int_eq(event_base_loop(rig.base, EVLOOP_ONCE), 0);
}

bool is_down(void *ctx) {
    (void)ctx;
    return client.downs > 0;
}

void send_cancel(uint64_t request) {
    Cloister__ChatCancel cancel = CLOISTER__CHAT_CANCEL__INIT;
    cancel.request = request;
    Cloister__Message message = MSG_OF(CHAT_CANCEL, chat_cancel, &cancel);
    say(&message);
}

TCase *chat_case(void (*setup)(void)) {
    TCase *t = tcase_create("chat");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, chat_teardown);
    return t;
}

int chat_run(TCase *t) {
    Suite *s = suite_create("chat");
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
