/* cloister-keys as it runs: real program, real sockets, peers of every uid. A refusal counts beside
 * the same request from the peer that may make it. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "memory/seal.h"
#include "build_config.h"
#include "tests/unit/keys/accounts.h"
#include "tests/unit/keys/service.h"

#define ALICE   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define BOB     "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define CONN_A  "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1"
#define CONN_A2 "a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2"
#define CONN_B  "b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1"
#define PENDING "c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0"
#define USER    CLOISTER__KEY_KIND__KEY_USER
#define CONN    CLOISTER__KEY_KIND__KEY_CONNECTION

static struct service service;
static int supervisor, zygote;

static void connect_peers(void) {
    supervisor = peer_connect(&service, CLOISTER_USER_SUPERVISOR);
    zygote = peer_connect(&service, CLOISTER_USER_AGENT);
}

static void set_up(void) {
    service_prepare(&service);
    service_start(&service, NULL);
    connect_peers();
}

static void set_up_users(void) {
    set_up();
    ck_assert_int_eq(key_create(supervisor, USER, ALICE, ALICE), 0);
    ck_assert_int_eq(key_create(supervisor, USER, BOB, ""), 0);
    ck_assert_int_eq(key_create(supervisor, CONN, CONN_A, ALICE), 0);
    ck_assert_int_eq(key_create(supervisor, CONN, CONN_B, BOB), 0);
    ck_assert_int_eq(key_create(supervisor, CONN, PENDING, ""), 0);
}

static void tear_down(void) {
    (void)close(supervisor);
    (void)close(zygote);
    service_remove(&service);
}

/* The channel was closed by the service, and the service itself is well. */
static void assert_closed(int fd) {
    SCOPE_MSG Cloister__Message *answer = answer_of(fd);
    ck_assert_ptr_null(answer);
    (void)close(fd);
    ck_assert_int_eq(waitpid(service.pid, NULL, WNOHANG), 0);
}

static void assert_bytes(const ProtobufCBinaryData *data, const char *text) {
    ck_assert_uint_eq(data->len, strlen(text));
    ck_assert_mem_eq(data->data, text, data->len);
}

START_TEST(each_origin_gets_its_own) {
    SCOPE_MSG Cloister__Message *owner = NULL, *customer = NULL, *connect = NULL, *front = NULL;
    SCOPE_FD int o = agent_channel(zygote, ALICE, "owner", CONN_A);
    SCOPE_FD int f = agent_channel(zygote, ALICE, "customer", CONN_A);
    SCOPE_FD int c = agent_channel(zygote, "", "connect", PENDING);
    SCOPE_FD int b = agent_channel(zygote, ALICE, "front", CONN_A);
    ck_assert_int_eq(key_ask(b, "", "", &front), 0);
    ck_assert_int_eq(key_ask(o, "", "", &owner), 0);
    ck_assert_int_eq(key_ask(f, "", "", &customer), 0);
    ck_assert_int_eq(key_ask(c, "", "some-state-token", &connect), 0);
    const Cloister__KeyGrant *g = owner->key_grant;
    ck_assert_uint_eq(g->connection_key.len, 32);
    ck_assert_uint_eq(g->user_key.len, 32);
    ck_assert_uint_eq(g->epoch, 1);
    ck_assert_uint_eq(g->pkce_verifier.len, 0);
    assert_bytes(&g->google_client_secret, GOOGLE_SECRET);
    assert_bytes(&g->model_api_key, MODEL_KEY);
    const Cloister__KeyGrant *h = customer->key_grant;
    ck_assert_mem_eq(h->connection_key.data, g->connection_key.data, 32);
    ck_assert_uint_eq(h->user_key.len + h->google_client_secret.len, 0); /* it has no token */
    assert_bytes(&h->model_api_key, MODEL_KEY);
    ck_assert_uint_eq(h->booking_key.len + g->booking_key.len, 0);
    const Cloister__KeyGrant *s = front->key_grant; /* it has no model to talk to */
    uint8_t booking[32];
    key_derive(g->user_key.data, "booking-event", booking);
    ck_assert_uint_eq(s->user_key.len + s->model_api_key.len, 0);
    ck_assert_uint_eq(s->booking_key.len, 32);
    ck_assert_mem_eq(s->booking_key.data, booking, 32);
    ck_assert_mem_eq(s->connection_key.data, g->connection_key.data, 32);
    assert_bytes(&s->google_client_secret, GOOGLE_SECRET);
    const Cloister__KeyGrant *k = connect->key_grant;
    ck_assert_uint_eq(k->connection_key.len, 32);
    ck_assert_mem_ne(k->connection_key.data, g->connection_key.data, 32);
    ck_assert_uint_eq(k->user_key.len, 0);
    ck_assert_uint_eq(k->model_api_key.len, 0);
    ck_assert_uint_eq(k->pkce_verifier.len, 43);
    assert_bytes(&k->google_client_secret, GOOGLE_SECRET);
}
END_TEST

/* What each kind of peer may not say, by the table; the right peer's success is in set_up_users. */
START_TEST(nobody_speaks_for_another) {
    Cloister__KeyCreate create = CLOISTER__KEY_CREATE__INIT;
    Cloister__KeyChallenge challenge = CLOISTER__KEY_CHALLENGE__INIT;
    Cloister__KeyAsk ask = CLOISTER__KEY_ASK__INIT;
    Cloister__KeyGrant grant = CLOISTER__KEY_GRANT__INIT;
    Cloister__Message creating = MSG_OF(KEY_CREATE, key_create, &create);
    Cloister__Message challenging = MSG_OF(KEY_CHALLENGE, key_challenge, &challenge);
    Cloister__Message asking = MSG_OF(KEY_ASK, key_ask, &ask);
    Cloister__Message granting = MSG_OF(KEY_GRANT, key_grant, &grant);
    create.id = (char[]){ALICE};
    challenge.state_token = (char[]){"token"};
    Cloister__Message *to_agent[] = {&creating, &challenging, &granting};
    Cloister__Message *to_zygote[] = {&creating, &challenging, &asking, &granting};
    Cloister__Message *to_supervisor[] = {&asking, &granting};
    for (size_t i = 0; i < COUNT_OF(to_agent); i++) {
        int fd = agent_channel(zygote, ALICE, "owner", CONN_A);
        ck_assert_int_eq(key_ask(fd, "", "", NULL), 0);
        send_message(fd, to_agent[i], -1);
        assert_closed(fd);
    }
    for (size_t i = 0; i < COUNT_OF(to_zygote); i++) {
        int fd = peer_connect(&service, CLOISTER_USER_AGENT);
        send_message(fd, to_zygote[i], -1);
        assert_closed(fd);
    }
    for (size_t i = 0; i < COUNT_OF(to_supervisor); i++) {
        int fd = peer_connect(&service, CLOISTER_USER_SUPERVISOR);
        ck_assert_int_eq(key_create(fd, USER, ALICE, ALICE), 0);
        send_message(fd, to_supervisor[i], -1);
        assert_closed(fd);
    }
    /* binding is the zygote's alone */
    int fd = peer_connect(&service, CLOISTER_USER_SUPERVISOR);
    int never = agent_channel(fd, ALICE, "owner", CONN_A);
    assert_closed(fd);
    assert_closed(never);
    fd = agent_channel(zygote, ALICE, "owner", CONN_A);
    never = agent_channel(fd, BOB, "owner", CONN_B);
    assert_closed(fd);
    assert_closed(never);
    SCOPE_FD int control = agent_channel(zygote, BOB, "owner", CONN_B);
    ck_assert_int_eq(key_ask(control, "", "", NULL), 0);
}
END_TEST

START_TEST(a_channel_serves_its_user_alone) {
    SCOPE_FD int alice = agent_channel(zygote, ALICE, "owner", CONN_A);
    SCOPE_FD int bob = agent_channel(zygote, BOB, "owner", CONN_B);
    SCOPE_FD int front = agent_channel(zygote, ALICE, "customer", CONN_A);
    SCOPE_FD int cell = agent_channel(zygote, "", "connect", PENDING);
    SCOPE_FD int liar = agent_channel(zygote, ALICE, "owner", CONN_B); /* a zygote's mistake */
    ck_assert_int_eq(key_ask(alice, CONN_B, "", NULL), EACCES);
    ck_assert_int_eq(key_ask(bob, CONN_B, "", NULL), 0);
    ck_assert_int_eq(key_ask(bob, CONN_A, "", NULL), EACCES);
    ck_assert_int_eq(key_ask(alice, CONN_A, "", NULL), 0);
    ck_assert_int_eq(key_ask(front, CONN_B, "", NULL), EACCES);
    ck_assert_int_eq(key_ask(liar, "", "", NULL), EACCES);
    ck_assert_int_eq(key_ask(alice, PENDING, "", NULL), EACCES);
    ck_assert_int_eq(key_ask(cell, PENDING, "", NULL), 0);
    ck_assert_int_eq(key_ask(cell, CONN_A, "", NULL), EACCES);
    ck_assert_int_eq(key_create(supervisor, CONN, CONN_A2, ""),
                     0); /* somebody else's, pending too */
    ck_assert_int_eq(key_ask(cell, CONN_A2, "", NULL), EACCES);
    ck_assert_int_eq(key_ask(alice, "", "state", NULL), EACCES); /* codes are a connect cell's */
    ck_assert_int_eq(key_ask(cell, "", "state", NULL), 0);
    ck_assert(service_logged(&service, "KEY_ASK of owner, user " ALICE ", refused"));
}
END_TEST

/* The owner connects anew while the agent lives on. */
START_TEST(a_later_connection_of_the_same_user) {
    SCOPE_MSG Cloister__Message *old = NULL, *new = NULL;
    SCOPE_FD int alice = agent_channel(zygote, ALICE, "owner", CONN_A);
    SCOPE_FD int cell = agent_channel(zygote, "", "connect", PENDING);
    ck_assert_int_eq(key_ask(alice, "", "", &old), 0);
    ck_assert_int_eq(key_bind_user(supervisor, PENDING, ALICE), 0);
    ck_assert_int_eq(key_bind_user(supervisor, PENDING, ALICE), 0);
    ck_assert_int_eq(key_bind_user(supervisor, PENDING, BOB), EEXIST);
    ck_assert_int_eq(key_destroy(supervisor, CONN, CONN_A), 0);
    ck_assert_int_eq(key_destroy(supervisor, CONN, CONN_A), 0);
    ck_assert_int_eq(key_ask(alice, "", "", NULL), EKEYREVOKED);
    ck_assert_int_eq(key_ask(alice, PENDING, "", &new), 0);
    ck_assert_mem_ne(old->key_grant->connection_key.data, new->key_grant->connection_key.data, 32);
    ck_assert_mem_eq(old->key_grant->user_key.data, new->key_grant->user_key.data, 32);
    /* the cell that was for nobody is not for Alice */
    ck_assert_int_eq(key_ask(cell, "", "", NULL), EACCES);
    SCOPE_FD int her_cell = agent_channel(zygote, ALICE, "connect", PENDING);
    ck_assert_int_eq(key_ask(her_cell, "", "", NULL), 0);
    ck_assert_int_eq(key_destroy(supervisor, USER, ALICE), 0);
    ck_assert_int_eq(key_ask(alice, PENDING, "", NULL), EKEYREVOKED);
}
END_TEST

START_TEST(without_a_connection) {
    SCOPE_MSG Cloister__Message *answer = NULL;
    SCOPE_FD int alice = agent_channel(zygote, ALICE, "owner", "");
    ck_assert_int_eq(key_ask(alice, "", "", &answer), 0);
    ck_assert_uint_eq(answer->key_grant->connection_key.len, 0);
    ck_assert_uint_eq(answer->key_grant->user_key.len, 32);
    ck_assert_int_eq(key_ask(alice, CONN_A2, "", NULL), EKEYREVOKED);
    SCOPE_FD int cell = agent_channel(zygote, "", "connect", "");
    ck_assert_int_eq(token_commit(cell, "", 1), EKEYREVOKED);
}
END_TEST

START_TEST(the_floor_rises_by_the_right_hands) {
    SCOPE_MSG Cloister__Message *answer = NULL;
    SCOPE_FD int cell = agent_channel(zygote, ALICE, "connect", CONN_A);
    SCOPE_FD int alice = agent_channel(zygote, ALICE, "owner", CONN_A);
    SCOPE_FD int front = agent_channel(zygote, ALICE, "customer", CONN_A);
    SCOPE_FD int bob = agent_channel(zygote, BOB, "owner", CONN_B);
    SCOPE_FD int step = agent_channel(zygote, ALICE, "front", CONN_A);
    ck_assert_int_eq(token_commit(cell, "", 3), 0);
    ck_assert_int_eq(token_commit(cell, CONN_A, 2), ESTALE);
    ck_assert_int_eq(token_commit(alice, "", 4), EACCES); /* it connects nothing */
    ck_assert_int_eq(token_commit(front, "", 4), EACCES);
    ck_assert_int_eq(token_commit(step, "", 4), EACCES);
    ck_assert_int_eq(token_commit(bob, CONN_A, 4), EACCES);
    ck_assert_int_eq(key_ask(alice, "", "", &answer), 0);
    ck_assert_uint_eq(answer->key_grant->token_version, 3);
}
END_TEST

static void challenge_of(const char *token, char out[static 64]) {
    Cloister__KeyChallenge body = CLOISTER__KEY_CHALLENGE__INIT;
    Cloister__Message message = MSG_OF(KEY_CHALLENGE, key_challenge, &body);
    body.call = 77;
    body.state_token = (char *)(uintptr_t)token;
    send_message(supervisor, &message, -1);
    SCOPE_MSG Cloister__Message *answer = answer_of(supervisor);
    ck_assert_ptr_nonnull(answer);
    ck_assert_uint_eq(answer->key_result->call, 77);
    ck_assert_uint_eq(strlen(answer->key_result->challenge), 43);
    strcpy(out, answer->key_result->challenge);
}

START_TEST(the_verifier_fits_its_challenge) {
    char first[64], second[64], expected[BASE64URL_SIZE(32)];
    uint8_t digest[32];
    SCOPE_MSG Cloister__Message *answer = NULL;
    SCOPE_FD int cell = agent_channel(zygote, "", "connect", PENDING);
    challenge_of("state-one", first);
    challenge_of("state-two", second);
    ck_assert_str_ne(first, second);
    ck_assert_int_eq(key_ask(cell, "", "state-one", &answer), 0);
    const ProtobufCBinaryData *verifier = &answer->key_grant->pkce_verifier;
    (void)crypto_hash_sha256(digest, verifier->data, verifier->len);
    base64url_encode(digest, sizeof(digest), expected);
    ck_assert_str_eq(first, expected);
    (void)service_stop(&service, SIGKILL);
    service_start(&service, NULL);
    (void)close(supervisor);
    supervisor = peer_connect(&service, CLOISTER_USER_SUPERVISOR);
    challenge_of("state-one", second);
    ck_assert_str_eq(first, second);
}
END_TEST

START_TEST(malformed_requests_close_their_channel) {
    static const char *const ids[] = {"", "short", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                                      "../../../../../../../../../etc/pa"};
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        Cloister__KeyCreate create = CLOISTER__KEY_CREATE__INIT;
        Cloister__Message creating = MSG_OF(KEY_CREATE, key_create, &create);
        create.id = (char *)(uintptr_t)ids[i];
        int fd = peer_connect(&service, CLOISTER_USER_SUPERVISOR);
        send_message(fd, &creating, -1);
        assert_closed(fd);
        if (ids[i][0] == '\0')
            continue;
        fd = peer_connect(&service, CLOISTER_USER_AGENT);
        int never = agent_channel(fd, ids[i], "owner", "");
        assert_closed(never);
        assert_closed(fd);
    }
    /* origins that nobody serves end that agent, not the zygote */
    assert_closed(agent_channel(zygote, ALICE, "scheduler", CONN_A));
    assert_closed(agent_channel(zygote, ALICE, "", CONN_A));
    assert_closed(agent_channel(zygote, ALICE, "Owner", CONN_A));
    assert_closed(agent_channel(zygote, "", "owner", CONN_A));
    SCOPE_FD int control = agent_channel(zygote, ALICE, "owner", CONN_A);
    ck_assert_int_eq(key_ask(control, "", "", NULL), 0);
    /* not a channel at all */
    Cloister__KeysBind bind = CLOISTER__KEYS_BIND__INIT;
    Cloister__Message binding = MSG_OF(KEYS_BIND, keys_bind, &bind);
    bind.user = (char[]){ALICE};
    bind.origin = (char[]){"owner"};
    SCOPE_FD int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int fd = peer_connect(&service, CLOISTER_USER_AGENT);
    send_message(fd, &binding, null);
    assert_closed(fd);
    fd = peer_connect(&service, CLOISTER_USER_AGENT);
    send_message(fd, &binding, -1);
    assert_closed(fd);
}
END_TEST

START_TEST(noise_ends_its_channel_only) {
    uint8_t noise[600];
    SCOPE_FD int control = agent_channel(zygote, ALICE, "owner", CONN_A);
    for (unsigned i = 0; i < 300; i++) {
        int fd = i % 3 == 0   ? peer_connect(&service, CLOISTER_USER_SUPERVISOR)
                 : i % 3 == 1 ? peer_connect(&service, CLOISTER_USER_AGENT)
                              : agent_channel(zygote, ALICE, "owner", CONN_A);
        randombytes_buf_deterministic(noise, sizeof(noise),
                                      (uint8_t[randombytes_SEEDBYTES]){(uint8_t)i, 1});
        if (send(fd, noise, 1 + i * 2 % sizeof(noise), MSG_NOSIGNAL) > 0)
            assert_closed(fd);
    }
    ck_assert_int_eq(key_ask(control, "", "", NULL), 0);
    ck_assert_int_eq(key_create(supervisor, USER, ALICE, ALICE), 0);
}
END_TEST

START_TEST(a_kill_loses_nothing) {
    SCOPE_MSG Cloister__Message *before = NULL, *after = NULL;
    int alice = agent_channel(zygote, ALICE, "owner", CONN_A);
    int cell = agent_channel(zygote, ALICE, "connect", CONN_A);
    ck_assert_int_eq(token_commit(cell, "", 5), 0);
    (void)close(cell);
    ck_assert_int_eq(key_ask(alice, "", "", &before), 0);
    ck_assert_int_eq(key_destroy(supervisor, CONN, CONN_B), 0);
    int status = service_stop(&service, SIGKILL);
    ck_assert(WIFSIGNALED(status));
    ck_assert_ptr_null(answer_of(alice)); /* everybody hears of it */
    (void)close(alice);
    (void)close(supervisor);
    (void)close(zygote);
    service_start(&service, CLOISTER_USER_KEYS); /* and this time as its own user */
    connect_peers();
    alice = agent_channel(zygote, ALICE, "owner", CONN_A);
    ck_assert_int_eq(key_ask(alice, "", "", &after), 0);
    ck_assert_mem_eq(before->key_grant->connection_key.data, after->key_grant->connection_key.data,
                     32);
    ck_assert_mem_eq(before->key_grant->user_key.data, after->key_grant->user_key.data, 32);
    ck_assert_uint_eq(after->key_grant->token_version, 5);
    SCOPE_FD int bob = agent_channel(zygote, BOB, "owner", CONN_B);
    ck_assert_int_eq(key_ask(bob, "", "", NULL), EKEYREVOKED);
    (void)close(alice);
}
END_TEST

/* Each commit waits for the disk, and everybody waits for it. */
START_TEST(commits_are_few) {
    SCOPE_FD int cell = agent_channel(zygote, ALICE, "connect", CONN_A);
    const uint64_t from = clock_ms();
    ck_assert_int_eq(key_ask(cell, "", "", NULL), 0);
    for (unsigned version = 2; version < 6; version++) /* two at once, then one a second */
        ck_assert_int_eq(token_commit(cell, "", version), 0);
    ck_assert_uint_ge(clock_ms() - from, 900);
}
END_TEST

/* One that floods and one that never reads hold up nobody else. */
START_TEST(a_flood_slows_itself) {
    SCOPE_FD int flood = agent_channel(zygote, ALICE, "owner", CONN_A);
    SCOPE_FD int deaf = agent_channel(zygote, ALICE, "owner", CONN_A);
    SCOPE_FD int bob = agent_channel(zygote, BOB, "owner", CONN_B);
    Cloister__KeyAsk ask = CLOISTER__KEY_ASK__INIT;
    Cloister__Message asking = MSG_OF(KEY_ASK, key_ask, &ask);
    unsigned sent = 0, answered = 0;
    ck_assert_int_eq(fd_nonblock(deaf), 0);
    ck_assert_int_eq(fd_nonblock(flood), 0);
    while (seq_send(deaf, &asking, -1) == 0)
        ck_assert_uint_lt(sent++, 20000);
    const uint64_t from = clock_ms();
    while (clock_ms() - from < 1000) {
        uint8_t answer[4096];
        (void)!seq_send(flood, &asking, -1);
        answered += recv(flood, answer, sizeof(answer), MSG_DONTWAIT) > 0;
    }
    ck_assert_uint_ge(answered, 200);
    ck_assert_uint_le(answered, 200 + 2 * 100 + 50);
    const uint64_t asked = clock_ms();
    for (unsigned i = 0; i < 20; i++)
        ck_assert_int_eq(key_ask(bob, "", "", NULL), 0);
    ck_assert_uint_lt(clock_ms() - asked, 2000);
}
END_TEST

/* A supervisor with much to do at once is neither slowed nor cut off, even if it reads late. */
START_TEST(a_busy_supervisor_is_served) {
    enum { REQUESTS = 600 };
    Cloister__KeyChallenge body = CLOISTER__KEY_CHALLENGE__INIT;
    Cloister__Message message = MSG_OF(KEY_CHALLENGE, key_challenge, &body);
    body.state_token = (char[]){"token"};
    unsigned sent = 0, read = 0;
    ck_assert_int_eq(fd_nonblock(supervisor), 0);
    while (read < REQUESTS) {
        body.call = sent + 1;
        if (sent < REQUESTS && seq_send(supervisor, &message, -1) == 0) {
            sent++;
            continue;
        }
        ck_assert_int_eq(fcntl(supervisor, F_SETFL, 0), 0);
        SCOPE_MSG Cloister__Message *answer = answer_of(supervisor);
        ck_assert_ptr_nonnull(answer);
        ck_assert_uint_eq(answer->key_result->call, ++read);
        ck_assert_int_eq(fd_nonblock(supervisor), 0);
    }
}
END_TEST

static long resident_kib(pid_t pid) {
    char path[64], line[256];
    long kib = -1;
    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    FILE *status = fopen(path, "re");
    while (status != NULL && fgets(line, sizeof(line), status) != NULL)
        if (sscanf(line, "VmRSS: %ld", &kib) == 1)
            break;
    if (status != NULL)
        (void)fclose(status);
    return kib;
}

START_TEST(thousands_of_channels) {
    enum { CHANNELS = 5000 };
    static int fds[CHANNELS];
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_max < CHANNELS + 200) {
        printf("keys: the descriptor limit forbids %d channels here\n", CHANNELS);
        return;
    }
    limit.rlim_cur = limit.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    ck_assert_int_eq(key_create(supervisor, USER, ALICE, ALICE), 0);
    long before = resident_kib(service.pid);
    for (unsigned i = 0; i < CHANNELS; i++)
        fds[i] = agent_channel(zygote, ALICE, "owner", CONN_A);
    for (unsigned i = 0; i < CHANNELS; i += 100)
        ck_assert_int_eq(key_ask(fds[i], "", "", NULL), 0);
    ck_assert_int_eq(key_ask(fds[CHANNELS - 1], "", "", NULL), 0);
    printf("keys: %d agents' channels cost %ld KiB\n", CHANNELS,
           resident_kib(service.pid) - before);
    for (unsigned i = 0; i < CHANNELS; i++)
        (void)close(fds[i]);
    SCOPE_FD int control = agent_channel(zygote, ALICE, "owner", CONN_A);
    ck_assert_int_eq(key_ask(control, "", "", NULL), 0);
}
END_TEST

START_TEST(the_log_holds_no_secret) {
    SCOPE_MSG Cloister__Message *answer = NULL;
    char hex[65];
    SCOPE_FD int alice = agent_channel(zygote, ALICE, "owner", CONN_A);
    ck_assert_int_eq(key_ask(alice, CONN_B, "", NULL), EACCES);
    ck_assert_int_eq(key_ask(alice, "", "", &answer), 0);
    hex_encode(answer->key_grant->user_key.data, 32, hex);
    ck_assert(service_logged(&service, ALICE)); /* control: ids are there */
    ck_assert(!service_logged(&service, hex));
    ck_assert(!service_logged(&service, GOOGLE_SECRET));
    ck_assert(!service_logged(&service, MODEL_KEY));
    ck_assert(!service_logged(&service, KEK_HEX));
}
END_TEST

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: %s PATH-OF-CLOISTER-KEYS\n", argv[0]);
        return 100;
    }
    accounts_make();
    service_program(argv[1]);
    if (sodium_init() < 0)
        return 1;
    Suite *suite = suite_create("keys");
    TCase *served = tcase_create("served");
    tcase_set_timeout(served, 120);
    tcase_add_checked_fixture(served, set_up_users, tear_down);
    tcase_add_test(served, each_origin_gets_its_own);
    tcase_add_test(served, nobody_speaks_for_another);
    tcase_add_test(served, a_channel_serves_its_user_alone);
    tcase_add_test(served, a_later_connection_of_the_same_user);
    tcase_add_test(served, without_a_connection);
    tcase_add_test(served, the_floor_rises_by_the_right_hands);
    tcase_add_test(served, the_verifier_fits_its_challenge);
    tcase_add_test(served, malformed_requests_close_their_channel);
    tcase_add_test(served, noise_ends_its_channel_only);
    tcase_add_test(served, a_kill_loses_nothing);
    tcase_add_test(served, commits_are_few);
    tcase_add_test(served, a_flood_slows_itself);
    tcase_add_test(served, a_busy_supervisor_is_served);
    tcase_add_test(served, thousands_of_channels);
    tcase_add_test(served, the_log_holds_no_secret);
    suite_add_tcase(suite, served);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
