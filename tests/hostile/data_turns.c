/* Other people's data: what an agent, or a turn through its agent, says to cloisterd that it may
 * not. Whoever does is ended; it is out when it lives on, or is answered. An agent's messages go to
 * cloisterd as they are; a turn's are looked at by its agent first ("relay"). The rules of
 * cloisterd's that can be taken away are in relay_off.c. */
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/hostile/data_turns.h"

#define LIVES_MS 400 /* unless the test waits longer for an end */
#define REPLY_MS 2000
#define FRAME    9

int say_bytes(const struct scene *scene, const uint8_t *data, size_t len) {
    uint8_t frame[FRAME + 1024] = {1};
    if (scene->turn)
        return send(scene->agent_fd, data, len, MSG_NOSIGNAL) < 0 ? -errno : 0;
    if (len > sizeof(frame) - FRAME)
        return -EMSGSIZE;
    frame[FRAME - 2] = (uint8_t)(len >> 8);
    frame[FRAME - 1] = (uint8_t)len;
    memcpy(frame + FRAME, data, len);
    struct pollfd wait = {scene->supervisor_fd, POLLOUT, 0};
    (void)poll(&wait, 1, REPLY_MS);
    ssize_t n = send(scene->supervisor_fd, frame, FRAME + len, MSG_NOSIGNAL);
    return n < 0 ? -errno : (size_t)n == FRAME + len ? 0 : -EAGAIN;
}

int say(const struct scene *scene, Cloister__Message *message) {
    uint8_t data[1024];
    message->protocol = PROTOCOL_VERSION;
    size_t len = cloister__message__get_packed_size(message);
    if (len > sizeof(data))
        return -EMSGSIZE;
    (void)cloister__message__pack(message, data);
    return say_bytes(scene, data, len);
}

/* A turn that broke the rules is ended by its agent, an agent by cloisterd: there is nothing after
 * that. */
int live_on(const struct scene *scene, int r) {
    struct pollfd wait = {scene->turn ? scene->agent_fd : scene->supervisor_fd, 0, 0};
    int lives_ms = (int)prop_number(scene, "lives");
    if (r < 0)
        return r;
    return poll(&wait, 1, lives_ms > 0 ? lives_ms : LIVES_MS) == 0 ? OUT : -EPIPE;
}

/* ---- messages of others ---- */

#define SAY(CASE, field, type, ...)                                                                \
    Cloister__##type body = CLOISTER__##CASE##__INIT;                                              \
    __VA_ARGS__;                                                                                   \
    Cloister__Message message = MSG_OF(CASE, field, &body);                                        \
    return live_on(scene, say(scene, &message))

static char nobody[] = "ffffffffffffffffffffffffffffffff";
#define OTHERS      "RELAY_SENDER RELAY_UNHANDLED"
#define OTHER_PHASE "RELAY_SENDER RELAY_PHASE RELAY_UNHANDLED"

ATTEMPT(data, say_ping, AGENT, OTHERS, "cloisterd: PING, a message of cloisterd's own") {
    SAY(PING, ping, Ping, body.sequence = 1);
}
ATTEMPT(data, say_credit, AGENT, OTHERS, "cloisterd: TURN_CREDIT, credit for itself") {
    SAY(TURN_CREDIT, turn_credit, TurnCredit, body.turn = scene->start->turn; body.bytes = 1 << 20);
}
ATTEMPT(data, say_cancel, AGENT, OTHERS, "cloisterd: TURN_CANCEL of another's turn") {
    SAY(TURN_CANCEL, turn_cancel, TurnCancel, body.turn = nobody);
}
ATTEMPT(data, say_host_reply, AGENT, OTHERS, "cloisterd: HOST_REPLY") {
    SAY(HOST_REPLY, host_reply, HostReply, body.turn = scene->start->turn);
}
ATTEMPT(data, say_chat, AGENT, OTHER_PHASE,
        "cloisterd: CHAT_REQUEST, as a gateway, of another user") {
    char theirs[64];
    Cloister__Caller caller = CLOISTER__CALLER__INIT;
    caller.frontend = (char *)(uintptr_t) "quickstart";
    caller.user = theirs;
    (void)prop_text(scene, "theirs", theirs, sizeof(theirs));
    SAY(CHAT_REQUEST, chat_request, ChatRequest, body.caller = &caller; body.request = 1);
}
ATTEMPT(data, say_disconnect, AGENT, OTHER_PHASE, "cloisterd: CONNECTION_DELETE, as a gateway") {
    SAY(CONNECTION_DELETE, connection_delete, ConnectionDelete, body.request = 1);
}
ATTEMPT(data, say_redeem, AGENT, OTHER_PHASE, "cloisterd: REDEEM, as a gateway") {
    SAY(REDEEM, redeem, Redeem, body.request = 1);
}
ATTEMPT(data, say_key_result, AGENT, OTHER_PHASE, "cloisterd: KEY_RESULT, as cloister-keys") {
    SAY(KEY_RESULT, key_result, KeyResult, body.call = 1);
}
ATTEMPT(data, say_ping_in_turn, TURN, "relay " OTHERS, "through its agent: PING") {
    SAY(PING, ping, Ping, body.sequence = 1);
}
ATTEMPT(data, say_chat_in_turn, TURN, "relay " OTHER_PHASE, "through its agent: CHAT_REQUEST") {
    SAY(CHAT_REQUEST, chat_request, ChatRequest, body.request = 1);
}
ATTEMPT(data, say_pong_in_turn, TURN, "relay RELAY_PONG",
        "through its agent: PONG, an agent's message") {
    SAY(PONG, pong, Pong, body.sequence = 1);
}
ATTEMPT(data, say_pong, AGENT, "RELAY_PONG", "cloisterd: PONG to no ping") {
    SAY(PONG, pong, Pong, body.sequence = 1000);
}
ATTEMPT(data, say_hello, AGENT, "RELAY_PHASE RELAY_ONCE", "cloisterd: AGENT_HELLO a second time") {
    SAY(AGENT_HELLO, agent_hello, AgentHello, body.protocol = PROTOCOL_VERSION);
}

/* protocol = 1, then field 999 with no bytes. */
static const uint8_t unknown[] = {0x08, PROTOCOL_VERSION, 0xba, 0x3e, 0x00};
ATTEMPT(data, say_unknown, AGENT, "RELAY_KNOWN RELAY_UNHANDLED", "cloisterd: an unknown message") {
    return live_on(scene, say_bytes(scene, unknown, sizeof(unknown)));
}
ATTEMPT(data, say_unknown_in_turn, TURN, "relay RELAY_KNOWN RELAY_UNHANDLED",
        "through its agent: an unknown message") {
    return live_on(scene, say_bytes(scene, unknown, sizeof(unknown)));
}
ATTEMPT(data, say_version, AGENT, "RELAY_KNOWN RELAY_UNHANDLED",
        "cloisterd: another protocol version") {
    return live_on(scene, say_bytes(scene, (const uint8_t[]){0x08, 2}, 2));
}

/* ---- another turn ---- */

ATTEMPT(data, text_for_another, AGENT, "RELAY_TURN", "cloisterd: text in another's turn") {
    SAY(TURN_DELTA, turn_delta, TurnDelta, body.turn = nobody; body.text = (char[]){" "});
}
ATTEMPT(data, text_for_another_in_turn, TURN, "relay RELAY_TURN",
        "through its agent: text in another's turn") {
    SAY(TURN_DELTA, turn_delta, TurnDelta, body.turn = nobody; body.text = (char[]){" "});
}
ATTEMPT(data, tool_for_another, AGENT, "RELAY_TURN", "cloisterd: a tool in another's turn") {
    SAY(TURN_TOOL, turn_tool, TurnTool, body.turn = nobody; body.name = nobody;
        body.state = nobody);
}
/* ---- host calls by origin ---- */

/* OUT when it is answered at all: what may not be asked is not answered, its agent is ended. */
static int host_call(const struct scene *scene, Cloister__HostCall *call) {
    struct msg_peer peer = {ROLE_SUPERVISOR, ROLE_TURN, PHASE_TURN, {0}};
    call->turn = scene->start->turn;
    call->call = 1;
    Cloister__Message message = MSG_OF(HOST_CALL, host_call, call);
    int r = say(scene, &message);
    while (r == 0) {
        SCOPE_MSG Cloister__Message *answer = NULL;
        r = seq_recv_wait(scene->agent_fd, &peer, REPLY_MS, &answer, NULL);
        if (r < 0 || answer->body_case != CLOISTER__MESSAGE__BODY_HOST_REPLY)
            continue;
        note("answered %d", answer->host_reply->error);
        return OUT;
    }
    return r;
}
static uint8_t sealed[] = "sealed elsewhere";
#define CALL(CASE, field, type, ...)                                                               \
    Cloister__##type body = CLOISTER__##CASE##__INIT;                                              \
    Cloister__HostCall call = CLOISTER__HOST_CALL__INIT;                                           \
    __VA_ARGS__;                                                                                   \
    call.op_case = CLOISTER__HOST_CALL__OP_##CASE;                                                 \
    call.field = &body;                                                                            \
    return host_call(scene, &call)

ATTEMPT(data, put_token, TURN | FRONT, "HOST_CALL_ORIGIN",
        "PUT_TOKEN: another refresh token than the owner's") {
    CALL(PUT_TOKEN, put_token, PutToken, body.refresh.data = sealed;
         body.refresh.len = sizeof(sealed));
}
ATTEMPT(data, put_preference, FRONT | CELL, "HOST_CALL_ORIGIN",
        "PUT_PREFERENCE: something for the owner to be remembered") {
    CALL(PUT_PREFERENCE, put_preference, PutPreference, body.id = nobody; body.sealed.data = sealed;
         body.sealed.len = sizeof(sealed));
}
ATTEMPT(data, delete_preference, FRONT | CELL, "HOST_CALL_ORIGIN",
        "DELETE_PREFERENCE: something of the owner's to be forgotten") {
    CALL(DELETE_PREFERENCE, delete_preference, DeletePreference, body.id = nobody);
}
ATTEMPT(data, mark_broken, FRONT | CELL, "HOST_CALL_ORIGIN",
        "MARK_BROKEN: the owner has to connect anew") {
    CALL(MARK_BROKEN, mark_broken, MarkBroken, body.reason = nobody);
}

static int ask_business(const struct scene *scene, const char *operation) {
    static char arguments[] = "{}";
    Cloister__BusinessCall body = CLOISTER__BUSINESS_CALL__INIT;
    Cloister__HostCall call = CLOISTER__HOST_CALL__INIT;
    body.operation = (char *)(uintptr_t)operation;
    body.arguments = arguments;
    call.op_case = CLOISTER__HOST_CALL__OP_BUSINESS;
    call.business = &body;
    return host_call(scene, &call);
}
ATTEMPT(data, business_of_a_cell, CELL, "HOST_CALL_ORIGIN RELAY_BUSINESS",
        "BUSINESS: a connect cell asks cloister-business") {
    return ask_business(scene, "get_business");
}
ATTEMPT(data, business_of_owners, FRONT, "RELAY_BUSINESS",
        "BUSINESS: a customer's turn asks for the owner's bookings") {
    return ask_business(scene, "list_bookings");
}
ATTEMPT(data, business_of_persons, TURN, "RELAY_BUSINESS",
        "BUSINESS: an owner's model publishes what only a person may") {
    return ask_business(scene, "publish_business");
}
ATTEMPT(data, business_of_cloisterd, TURN | FRONT, "RELAY_BUSINESS",
        "BUSINESS: whose business it is, which only cloisterd asks") {
    return ask_business(scene, "begin_chat");
}

/* ---- what a turn's last message may bring: out when it is taken as an answer (stage.py) ---- */

#define DONE(...)                                                                                  \
    Cloister__TurnDone body = CLOISTER__TURN_DONE__INIT;                                           \
    body.turn = scene->start->turn;                                                                \
    __VA_ARGS__;                                                                                   \
    Cloister__Message message = MSG_OF(TURN_DONE, turn_done, &body);                               \
    int r = say(scene, &message);                                                                  \
    (void)poll(NULL, 0, REPLY_MS);                                                                 \
    return r

ATTEMPT(data, done_account, TURN | FRONT | CELL, "RELAY_ACCOUNT", "TURN_DONE: I am somebody else") {
    DONE(body.account = (char *)(uintptr_t) "somebody@example.test");
}
ATTEMPT(data, done_front, TURN | FRONT | CELL, "RELAY_FRONT",
        "TURN_DONE: a step in a calendar that nobody asked for") {
    Cloister__FrontDone front = CLOISTER__FRONT_DONE__INIT;
    DONE(body.front = &front);
}
ATTEMPT(data, done_subject, TURN | FRONT | CELL, "RELAY_ACCOUNT",
        "TURN_DONE: the mark of another Google account") {
    DONE(body.subject_tag = ((ProtobufCBinaryData){16, sealed}));
}
ATTEMPT(data, done_revoked, TURN | FRONT, "RELAY_REVOKED",
        "TURN_DONE: Google has confirmed the end") {
    DONE(body.revoked = 1);
}
ATTEMPT(data, done_memories, TURN | FRONT, "RELAY_MEMORIES", "TURN_DONE: a list of preferences") {
    Cloister__Memory memory = CLOISTER__MEMORY__INIT, *list[] = {&memory};
    memory.id = nobody;
    DONE(body.n_memories = 1; body.memories = list);
}
ATTEMPT(data, done_grant_line, TURN, "RELAY_GRANT_FORM", "TURN_DONE: a grant that is two lines") {
    DONE(body.grant = (char *)(uintptr_t) "cg1_x\r\nSet-Cookie: a=b");
}
ATTEMPT(data, done_grant, FRONT | CELL, "RELAY_GRANT_KIND",
        "TURN_DONE: an owner's grant out of a turn that has none") {
    DONE(body.grant = (char *)(uintptr_t) "cg1_AAAA");
}
ATTEMPT(data, done_token, FRONT, "RELAY_KEPT_KIND",
        "TURN_DONE: a customer's turn leaves an access token") {
    DONE(body.access = ((ProtobufCBinaryData){16, sealed}));
}
