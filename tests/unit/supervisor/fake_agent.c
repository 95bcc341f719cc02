/* Stands in for cloister-agent: a zygote that clones agents with CLONE_PARENT, without any walls.
 * What an agent does is told by the first word of the turn's message, what the zygote does by the
 * first word of the configuration file. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "fake_agent.h"

#define CHANNEL    3
#define AGENTS_DIR 4

static bool deaf;
static char stopped[16]; /* what it does when it is told to stop; "": that it was */

/* ---- what a taken-over agent may do to the machine ---- */

static void NORETURN compute(void) {
    for (volatile unsigned i = 0;; i++)
        ;
}

static void NORETURN on_alarm(int sig) {
    (void)sig;
    compute();
}

static void NORETURN child_of(pid_t maker, bool computes, bool makes) {
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != maker)
        _exit(11);
    pid_t self = getpid();
    if (makes && fork() == 0)
        child_of(self, false, false);
    if (computes)
        compute();
    for (;;)
        (void)pause();
}

static void make_child(bool computes, bool makes) {
    pid_t self = getpid();
    if (fork() == 0)
        child_of(self, computes, makes);
}

static void run_turn(const Cloister__TurnStart *start) {
    if (start->kind == CLOISTER__TURN_KIND__TURN_DECIDE) {
        run_decision(start);
        return;
    }
    if (start->kind == CLOISTER__TURN_KIND__TURN_FRONT) {
        run_front(start);
        return;
    }
    const char *turn = start->turn, *message = start->message;
    static const char other[] = "ffffffffffffffffffffffffffffffff";
    char text[8192];
    if (is(message, "say ")) {
        send_delta(turn, message + 4);
        send_done(turn, "noted");
    } else if (is(message, "recall")) {
        (void)snprintf(text, sizeof(text), "%.*s", (int)start->state->notes.len,
                       (const char *)start->state->notes.data);
        send_delta(turn, text);
        send_done(turn, "");
    } else if (is(message, "who")) { /* asks; the grant is renewed */
        (void)snprintf(text, sizeof(text), "%s %s", start->frontend, start->grant);
        send_delta(turn, text);
        Cloister__TurnDone done = CLOISTER__TURN_DONE__INIT;
        done.turn = (char *)turn;
        done.grant = "fresh";
        Cloister__Message out = MSG_OF(TURN_DONE, turn_done, &done);
        send_message(&out);
    } else if (is(message, "left")) {
        (void)snprintf(text, sizeof(text), "%llu %llu", (unsigned long long)start->tokens_left,
                       (unsigned long long)start->spend_left);
        send_delta(turn, text);
        send_done(turn, "");
    } else if (is(message, "used ")) { /* input and output tokens */
        send_used(turn, message + 5);
    } else if (is(message, "handed")) { /* what a customer's turn may know of its owner */
        (void)snprintf(text, sizeof(text), "%s %zu %zu %zu %zu %s %s", start->business,
                       start->state->refresh.len, start->state->access.len,
                       start->state->n_preferences, start->state->n_scopes,
                       start->n_context > 0 ? start->context[0]->text : "", start->timezone);
        send_delta(turn, text);
        send_done(turn, "noted");
    } else if (is(message, "ask ")) {
        send_business(turn, message + 4);
    } else if (is(message, "mark")) {
        send_mark_broken(turn);
    } else if (is(message, "prefer")) {
        send_put_preference(turn);
    } else if (is(message, "token")) {
        send_put_token(turn);
    } else if (is(message, "die")) {
        _exit(3);
    } else if (is(message, "write-die")) {
        send_tool(turn, "create_event");
        _exit(3);
    } else if (is(message, "yes ")) { /* a word for when it is told to stop */
        (void)snprintf(stopped, sizeof(stopped), "%s", message + 4);
        begin_write(start);
    } else if (is(message, "exited")) {
        send_tool(turn, "create_event");
        send_exited(turn);
    } else if (is(message, "error ")) {
        send_error(turn, message + 6);
    } else if (is(message, "unanswered")) {
        send_unanswered(turn);
    } else if (is(message, "garbage ")) {
        send_garbage(message);
    } else if (is(message, "huge")) {
        send_huge_frame();
    } else if (is(message, "other")) {
        send_delta(other, "hello");
    } else if (is(message, "overrun")) {
        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        for (uint32_t sent = 0; sent <= start->credit; sent += (uint32_t)sizeof(text) - 1)
            send_delta(turn, text);
    } else if (is(message, "fill")) { /* exactly the credit, the rest when more comes */
        memset(text, 'x', start->credit < sizeof(text) ? start->credit : sizeof(text) - 1);
        text[start->credit < sizeof(text) ? start->credit : sizeof(text) - 1] = '\0';
        send_delta(turn, text);
    } else if (is(message, "twice")) {
        send_done(turn, "");
        send_done(turn, "");
    } else if (is(message, "hello")) {
        send_hello();
    } else if (is(message, "empty")) {
        send_delta(turn, "");
    } else if (is(message, "tools")) { /* as many as it can */
        for (;;)
            send_tool(turn, "list_events");
    } else if (is(message, "latin")) {
        send_delta(turn, "caf\xe9");
    } else if (is(message, "memories")) {
        Cloister__Memory memory = CLOISTER__MEMORY__INIT, *list[] = {&memory};
        memory.id = "0123456789abcdef0123456789abcdef";
        Cloister__TurnDone done = CLOISTER__TURN_DONE__INIT;
        done.turn = (char *)turn;
        done.n_memories = 1;
        done.memories = list;
        Cloister__Message out = MSG_OF(TURN_DONE, turn_done, &done);
        send_message(&out);
    } else if (is(message, "grant")) { /* a line of its own in the reply's head */
        Cloister__TurnDone done = CLOISTER__TURN_DONE__INIT;
        done.turn = (char *)turn;
        done.grant = "cg1_x\r\nSet-Cookie: a=b";
        Cloister__Message out = MSG_OF(TURN_DONE, turn_done, &done);
        send_message(&out);
    } else if (is(message, "access")) {
        Cloister__TurnDone done = CLOISTER__TURN_DONE__INIT;
        done.turn = (char *)turn;
        done.access = (ProtobufCBinaryData){6, (uint8_t *)"sealed"};
        Cloister__Message out = MSG_OF(TURN_DONE, turn_done, &done);
        send_message(&out);
    } else if (is(message, "calls")) { /* at once, answered or not */
        for (unsigned i = 0; i < 80; i++)
            send_put_preference(turn);
    } else if (is(message, "endless")) { /* goes on as credit comes */
        char piece[4097] = "";
        memset(piece, 'x', sizeof(piece) - 1);
        for (unsigned i = 0; i < 80; i++)
            send_delta(turn, piece);
    } else if (is(message, "account")) {
        Cloister__TurnDone done = CLOISTER__TURN_DONE__INIT;
        done.turn = (char *)turn;
        done.account = "somebody@example.test";
        Cloister__Message out = MSG_OF(TURN_DONE, turn_done, &done);
        send_message(&out);
    } else if (is(message, "propose ")) { /* "propose 2 WORD" */
        send_proposals(turn, (unsigned)atoi(message + 8), message + 10);
    } else if (is(message, "given")) {
        send_given(start);
    } else if (is(message, "settle other")) {
        send_settled(start, other);
    } else if (is(message, "settle")) {
        send_settled(start, NULL);
    } else if (is(message, "compute child")) {
        make_child(true, false);
    } else if (is(message, "compute later")) { /* a second after its turn */
        (void)signal(SIGALRM, on_alarm);
        (void)alarm(1);
        send_done(turn, "");
    } else if (is(message, "compute")) {
        compute();
    } else if (is(message, "children")) {
        make_child(false, false);
        make_child(false, false);
    } else if (is(message, "child")) {
        make_child(false, false);
    } else if (is(message, "grandchild")) {
        make_child(false, true);
    } else if (is(message, "deaf")) {
        deaf = true;
    } /* "hang": until it is cancelled */
}

static void on_message(const Cloister__Message *message) {
    if (deaf)
        return;
    if (message->body_case == CLOISTER__MESSAGE__BODY_PING) {
        Cloister__Pong pong = CLOISTER__PONG__INIT;
        pong.sequence = message->ping->sequence;
        Cloister__Message reply = MSG_OF(PONG, pong, &pong);
        send_message(&reply);
    } else if (message->body_case == CLOISTER__MESSAGE__BODY_TURN_START) {
        run_turn(message->turn_start);
    } else if (message->body_case == CLOISTER__MESSAGE__BODY_TURN_CANCEL && is(stopped, "end")) {
        end_write(message->turn_cancel->turn);
    } else if (message->body_case == CLOISTER__MESSAGE__BODY_TURN_CANCEL && is(stopped, "die")) {
        _exit(3);
    } else if (message->body_case == CLOISTER__MESSAGE__BODY_TURN_CANCEL && is(stopped, "stay")) {
    } else if (message->body_case == CLOISTER__MESSAGE__BODY_TURN_CANCEL) {
        send_error(message->turn_cancel->turn, "cancelled");
    } else if (message->body_case == CLOISTER__MESSAGE__BODY_TURN_CREDIT) {
        send_delta(message->turn_credit->turn, "more");
        send_done(message->turn_credit->turn, "");
    } else if (message->body_case == CLOISTER__MESSAGE__BODY_HOST_REPLY &&
               message->host_reply->business != NULL) {
        say_business(message->host_reply);
    } else if (message->body_case == CLOISTER__MESSAGE__BODY_HOST_REPLY) {
        char text[32];
        (void)snprintf(text, sizeof(text), "reply %d", message->host_reply->error);
        send_delta(message->host_reply->turn, text);
        send_done(message->host_reply->turn, "noted");
    }
}

static unsigned born, weak; /* so many die before they take turns: "weak N" */

static int agent_main(const char *socket) {
    if (born <= weak && born % 2 == 1)
        return 12;
    struct msg_peer peer = {ROLE_SUPERVISOR, ROLE_AGENT, PHASE_READY, {0}};
    /* Whoever plays cloisterd may be ended by a test's time limit. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || sp_dial(AGENTS_DIR, socket, &sp) < 0)
        return 1;
    if (born <= weak)
        return 13;
    send_hello();
    for (;;) {
        struct pollfd wait = {.fd = sp_fd(sp), .events = POLLIN};
        (void)poll(&wait, 1, -1);
        const uint8_t *data;
        size_t len;
        int r = sp_recv(sp, &data, &len);
        if (r == -EAGAIN)
            continue;
        if (r < 0)
            return 0;
        SCOPE_MSG Cloister__Message *message = NULL;
        if (msg_decode(&peer, data, len, 0, &message) < 0)
            return 4;
        sp_done(sp);
        on_message(message);
    }
}

static void spawn(const Cloister__Spawn *request, int log_fd) {
    int pidfd = -1;
    born++;
    struct clone_args args = {.flags = CLONE_PARENT | CLONE_PIDFD,
                              .pidfd = (uint64_t)(uintptr_t)&pidfd};
    long pid = syscall(SYS_clone3, &args, sizeof(args));
    if (pid == 0) {
        (void)close(CHANNEL);
        if (dup2(log_fd, STDERR_FILENO) < 0)
            _exit(10);
        _exit(agent_main(request->socket));
    }
    Cloister__Spawned spawned = CLOISTER__SPAWNED__INIT;
    spawned.spawn = request->spawn;
    spawned.pid = (int32_t)pid;
    spawned.error = pid < 0 ? errno : 0;
    Cloister__Message message = MSG_OF(SPAWNED, spawned, &spawned);
    if (seq_send_wait(CHANNEL, &message, pidfd, 10000) < 0)
        _exit(5);
    (void)close(pidfd);
}

int main(int argc, char **argv) {
    char mode[32] = "";
    int file = argc == 3 ? open(argv[2], O_RDONLY | O_CLOEXEC) : -1;
    if (file >= 0 && read(file, mode, sizeof(mode) - 1) < 0)
        return 6;
    (void)close(file);
    if (is(mode, "never"))
        return 7;
    weak = is(mode, "weak ") ? (unsigned)atoi(mode + 5) : 0;
    Cloister__WallReport wall = CLOISTER__WALL_REPORT__INIT, *walls[] = {&wall};
    wall.property = "network";
    wall.layers = "none, this is a fake";
    wall.held = true;
    Cloister__ZygoteHello hello = CLOISTER__ZYGOTE_HELLO__INIT;
    hello.protocol = PROTOCOL_VERSION;
    hello.n_walls = 1;
    hello.walls = walls;
    Cloister__Message message = MSG_OF(ZYGOTE_HELLO, zygote_hello, &hello);
    if (seq_send_wait(CHANNEL, &message, -1, 10000) < 0)
        return 8;
    struct msg_peer peer = {ROLE_SUPERVISOR, ROLE_ZYGOTE, PHASE_READY, {0}};
    for (;;) {
        SCOPE_MSG Cloister__Message *request = NULL;
        SCOPE_FD int log_fd = -1;
        int r = seq_recv_wait(CHANNEL, &peer, 60000, &request, &log_fd);
        if (r == -ETIMEDOUT)
            continue;
        if (r < 0)
            return 0;
        if (is(mode, "silent"))
            continue;
        if (is(mode, "half")) { /* dies between the clone and its answer */
            (void)close(file);
            int pidfd;
            struct clone_args args = {.flags = CLONE_PARENT | CLONE_PIDFD,
                                      .pidfd = (uint64_t)(uintptr_t)&pidfd};
            if (syscall(SYS_clone3, &args, sizeof(args)) == 0)
                _exit(agent_main(request->spawn->socket));
            _exit(9);
        }
        spawn(request->spawn, log_fd);
    }
}
