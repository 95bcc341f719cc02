/* Exhaustion: messages without end. cloisterd counts them and ends the agent; its other agents'
 * messages go on meanwhile (exhaustion_neighbour.py). */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/hostile/data_turns.h"

#define MANY_TOOLS 1100
#define MANY_CALLS 80
#define MUCH_TEXT  (320u << 10)
#define PIECE      900
#define READ_MS    3000

/* Credit comes as the answer is read: what waits is read here, so that nothing is lost for want of
 * room. */
static void read_waiting(const struct scene *scene, int ms) {
    char none[4096];
    struct pollfd wait = {scene->agent_fd, POLLIN, 0};
    while (poll(&wait, 1, ms) == 1 && recv(scene->agent_fd, none, sizeof(none), MSG_DONTWAIT) > 0)
        ms = 0;
}

ATTEMPT(exhaustion, many_tools, TURN, "RELAY_TOOLS", "notices of tools: a thousand for a turn") {
    Cloister__TurnTool tool = CLOISTER__TURN_TOOL__INIT;
    tool.turn = scene->start->turn;
    tool.name = tool.state = (char[]){"x"};
    Cloister__Message message = MSG_OF(TURN_TOOL, turn_tool, &tool);
    int r = 0;
    for (unsigned i = 0; i < MANY_TOOLS && r == 0; i++)
        r = say(scene, &message);
    return live_on(scene, r);
}
ATTEMPT(exhaustion, empty_text, TURN, "RELAY_TEXT_FORM",
        "text that is empty, and costs no credit") {
    Cloister__TurnDelta delta = CLOISTER__TURN_DELTA__INIT;
    delta.turn = scene->start->turn;
    Cloister__Message message = MSG_OF(TURN_DELTA, turn_delta, &delta);
    return live_on(scene, say(scene, &message));
}
/* More credit comes as the answer is read: waits for it as an honest turn does. */
static int wait_credit(const struct scene *scene, uint64_t *credit) {
    struct msg_peer peer = {ROLE_SUPERVISOR, ROLE_TURN, PHASE_TURN, {0}};
    for (int r = 0; *credit < PIECE;) {
        SCOPE_MSG Cloister__Message *message = NULL;
        r = seq_recv_wait(scene->agent_fd, &peer, READ_MS, &message, NULL);
        if (r < 0)
            return r;
        if (message->body_case == CLOISTER__MESSAGE__BODY_TURN_CREDIT)
            *credit += message->turn_credit->bytes;
    }
    return 0;
}
ATTEMPT(exhaustion, endless_text, TURN, "RELAY_TEXT_BOUNDS", "a reply that never ends") {
    char piece[PIECE];
    Cloister__TurnDelta delta = CLOISTER__TURN_DELTA__INIT;
    delta.turn = scene->start->turn;
    delta.text = piece;
    memset(piece, ' ', sizeof(piece));
    piece[PIECE - 1] = '\0';
    Cloister__Message message = MSG_OF(TURN_DELTA, turn_delta, &delta);
    uint64_t credit = scene->start->credit;
    int r = 0;
    for (unsigned sent = 0; sent < MUCH_TEXT && r == 0; sent += PIECE - 1) {
        r = wait_credit(scene, &credit);
        credit -= PIECE - 1;
        if (r == 0)
            r = say(scene, &message);
    }
    return live_on(scene, r);
}
static Cloister__HostCall call_of(const struct scene *scene, Cloister__DeletePreference *forget) {
    Cloister__HostCall call = CLOISTER__HOST_CALL__INIT;
    forget->id = (char *)(uintptr_t) "ffffffffffffffffffffffffffffffff";
    call.turn = scene->start->turn;
    call.op_case = CLOISTER__HOST_CALL__OP_DELETE_PREFERENCE;
    call.delete_preference = forget;
    return call;
}
ATTEMPT(exhaustion, many_host_calls, TURN, "RELAY_HOST_CALLS", "host calls: one after the other") {
    Cloister__DeletePreference forget = CLOISTER__DELETE_PREFERENCE__INIT;
    Cloister__HostCall call = call_of(scene, &forget);
    Cloister__Message message = MSG_OF(HOST_CALL, host_call, &call);
    int r = 0;
    for (unsigned i = 0; i < MANY_CALLS && r == 0; i++) {
        r = say(scene, &message);
        read_waiting(scene, READ_MS);
    }
    return live_on(scene, r);
}
ATTEMPT(exhaustion, host_calls_at_once, TURN, "RELAY_HOST_CALLS", "host calls: all at once") {
    Cloister__DeletePreference forget = CLOISTER__DELETE_PREFERENCE__INIT;
    Cloister__HostCall call = call_of(scene, &forget);
    Cloister__Message message = MSG_OF(HOST_CALL, host_call, &call);
    int r = 0;
    for (unsigned i = 0; i < MANY_CALLS && r == 0; i++)
        r = say(scene, &message);
    return live_on(scene, r);
}
ATTEMPT(exhaustion, many_pongs, AGENT, "RELAY_PONG", "answers to no ping, without end") {
    Cloister__Pong pong = CLOISTER__PONG__INIT;
    Cloister__Message message = MSG_OF(PONG, pong, &pong);
    int r = 0;
    for (unsigned i = 0; i < 1000 && r == 0; i++)
        r = say(scene, &message);
    return live_on(scene, r);
}
