/* A turn for tests of what is around it: does what the request's text says. */
#include "agent/turn.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "providers/resume.h"

struct turn_world {
    char *warm; /* stands for parsed CA stores and the like */
};

#define WARM_BYTES (2u << 20)

int turn_world_new(const struct config *config, struct turn_world **ret, char *why,
                   size_t why_len) {
    (void)config;
    (void)why;
    (void)why_len;
    struct turn_world *world = calloc(1, sizeof(*world));
    if (world == NULL || (world->warm = malloc(WARM_BYTES)) == NULL) {
        free(world);
        return -ENOMEM;
    }
    memset(world->warm, 'w', WARM_BYTES);
    *ret = world;
    return 0;
}

static int say(const struct turn_setup *setup, const char *turn, const char *text) {
    Cloister__TurnDelta body = CLOISTER__TURN_DELTA__INIT;
    body.turn = (char *)(uintptr_t)turn;
    body.text = (char *)(uintptr_t)text;
    Cloister__Message message = MSG_OF(TURN_DELTA, turn_delta, &body);
    return seq_send_wait(setup->agent_fd, &message, -1, 10000);
}

static void done(const struct turn_setup *setup) {
    Cloister__TurnDone body = CLOISTER__TURN_DONE__INIT;
    body.turn = setup->start->turn;
    Cloister__Message message = MSG_OF(TURN_DONE, turn_done, &body);
    (void)!seq_send_wait(setup->agent_fd, &message, -1, 10000);
}

static void wait_for(const struct turn_setup *setup, Cloister__Message__BodyCase what) {
    struct msg_peer peer = {ROLE_SUPERVISOR, ROLE_TURN, PHASE_TURN, {0}};
    for (;;) {
        SCOPE_MSG Cloister__Message *message = NULL;
        int r = seq_recv_wait(setup->agent_fd, &peer, 10000, &message, NULL);
        if (r < 0)
            _exit(60);
        if (message->body_case == what)
            return;
    }
}

static void hang(void) {
    for (;;)
        (void)poll(NULL, 0, -1);
}

static void burn(void) {
    for (volatile unsigned i = 0;; i++)
        ;
}

static void ask_keys(const struct turn_setup *setup) {
    struct msg_peer peer = {ROLE_KEYS, ROLE_TURN, PHASE_READY, {0}};
    Cloister__KeyAsk body = CLOISTER__KEY_ASK__INIT;
    Cloister__Message message = MSG_OF(KEY_ASK, key_ask, &body);
    SCOPE_MSG Cloister__Message *reply = NULL;
    if (seq_send(setup->keys_fd, &message, -1) < 0 ||
        seq_recv_wait(setup->keys_fd, &peer, 10000, &reply, NULL) < 0)
        _exit(61);
    char text[64];
    snprintf(text, sizeof(text), "epoch %llu", (unsigned long long)reply->key_grant->epoch);
    (void)!say(setup, setup->start->turn, text);
}

static void dial(const struct turn_setup *setup) {
    struct msg_peer peer = {ROLE_EGRESS, ROLE_TURN, PHASE_READY, {0}};
    Cloister__Dial body = CLOISTER__DIAL__INIT;
    body.host = (char *)(uintptr_t) "calendar.test";
    body.port = 443;
    Cloister__Message message = MSG_OF(DIAL, dial, &body);
    SCOPE_MSG Cloister__Message *reply = NULL;
    SCOPE_FD int fd = -1;
    char text[32] = "";
    if (seq_send(setup->egress_fd, &message, -1) < 0 ||
        seq_recv_wait(setup->egress_fd, &peer, 10000, &reply, &fd) < 0 ||
        send(fd, "ping", 4, MSG_NOSIGNAL) != 4 || recv(fd, text, sizeof(text) - 1, 0) <= 0)
        _exit(62);
    (void)!say(setup, setup->start->turn, text);
}

/* Wall attempts from inside a real turn: says the errno, or dies of it. */
static void try_it(const struct turn_setup *setup, const char *what) {
    errno = 0;
    char *none[] = {NULL};
    if (strcmp(what, "socket") == 0)
        (void)!socket(AF_INET, SOCK_STREAM, 0);
    else if (strcmp(what, "connect") == 0)
        (void)!connect(setup->egress_fd, NULL, 0);
    else if (strcmp(what, "write") == 0)
        (void)!open("/x", O_WRONLY | O_CREAT, 0600);
    else if (strcmp(what, "read") == 0)
        (void)!open("/etc/passwd", O_RDONLY);
    else if (strcmp(what, "zone") == 0)
        (void)!open("/usr/share/zoneinfo/Europe/Berlin", O_RDONLY);
    else if (strcmp(what, "exec") == 0)
        (void)execve("/bin/true", none, none);
    else if (strcmp(what, "kill") == 0)
        (void)kill(1, SIGKILL);
    else if (strcmp(what, "ptrace") == 0)
        (void)ptrace(PTRACE_ATTACH, 1, NULL, NULL);
    else if (strcmp(what, "unshare") == 0)
        (void)unshare(CLONE_NEWUSER);
    else if (strcmp(what, "fork") == 0)
        (void)!fork();
    else if (strcmp(what, "exec-memory") == 0)
        (void)!mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    else if (strcmp(what, "fastopen") == 0)
        (void)sendmsg(setup->egress_fd, &(struct msghdr){0}, MSG_FASTOPEN);
    else if (strcmp(what, "lock") == 0)
        (void)mlock(setup, 4096);
    char text[64];
    snprintf(text, sizeof(text), "%s: %s", what, errno == 0 ? "worked" : strerror(errno));
    (void)!say(setup, setup->start->turn, text);
}

/* "leave TEXT": for the next turn. "left": what there is. */
static void leave(const struct turn_setup *setup, const char *turn, const char *text) {
    Cloister__TlsSession session = CLOISTER__TLS_SESSION__INIT, *list[] = {&session};
    session.host = (char *)(uintptr_t) "calendar.test";
    session.port = 443;
    session.trust = 1;
    session.session = (ProtobufCBinaryData){strlen(text), (uint8_t *)(uintptr_t)text};
    Cloister__TurnSessions body = CLOISTER__TURN_SESSIONS__INIT;
    body.turn = (char *)(uintptr_t)turn;
    body.sessions = list;
    body.n_sessions = 1;
    Cloister__Message message = MSG_OF(TURN_SESSIONS, turn_sessions, &body);
    if (seq_send_wait(setup->agent_fd, &message, -1, 10000) < 0)
        _exit(64);
}

static void say_left(const struct turn_setup *setup) {
    const struct resume_session *left =
        resume_find(setup->resume, "calendar.test", 443, 1, clock_ms());
    char text[64];
    snprintf(text, sizeof(text), "left: %.*s", left != NULL ? (int)left->len : 0,
             left != NULL ? (const char *)left->bytes : "");
    (void)!say(setup, setup->start->turn, text);
}

/* "leave-late": what is left says when this turn began. "bound": whether it lasts from then on. */
static void leave_late(const struct turn_setup *setup, const char *turn) {
    char text[24];
    (void)snprintf(text, sizeof(text), "%" PRIu64, clock_ms());
    (void)poll(NULL, 0, 50); /* time goes by */
    leave(setup, turn, text);
}

static void say_bound(const struct turn_setup *setup) {
    const struct resume_session *left =
        resume_find(setup->resume, "calendar.test", 443, 1, clock_ms());
    uint64_t began;
    char text[24] = "";
    if (left != NULL && left->len < sizeof(text))
        memcpy(text, left->bytes, left->len);
    bool bound = parse_u64(text, 1, UINT64_MAX, &began) == 0 && left->until <= began + RESUME_MS;
    (void)!say(setup, setup->start->turn, bound ? "in time" : "too long");
}

static int raise_fault(void) {
    volatile uintptr_t nowhere = 8;
    return *(volatile int *)nowhere;
}

int turn_run(const struct turn_setup *setup) {
    const char *what = setup->start->message, *turn = setup->start->turn;
    if (setup->world->warm[WARM_BYTES - 1] != 'w')
        return 63;
    if (strcmp(what, "hang") == 0)
        hang();
    else if (strcmp(what, "burn") == 0)
        burn();
    else if (strcmp(what, "cancel") == 0)
        wait_for(setup, CLOISTER__MESSAGE__BODY_TURN_CANCEL);
    else if (strcmp(what, "reply") == 0)
        wait_for(setup, CLOISTER__MESSAGE__BODY_HOST_REPLY);
    else if (strcmp(what, "unread") == 0) { /* ends with a message waiting for it */
        struct pollfd wait = {.fd = setup->agent_fd, .events = POLLIN};
        (void)!say(setup, turn, "first and ");
        (void)poll(&wait, 1, 10000);
        (void)!say(setup, turn, "last ");
        (void)!say(setup, turn, "words");
    } else if (strcmp(what, "exit") == 0)
        return 7;
    else if (strcmp(what, "crash") == 0)
        (void)raise_fault();
    else if (strcmp(what, "other") == 0)
        (void)!say(setup, "another turn", "stolen words");
    else if (strcmp(what, "linger") == 0) {
        done(setup);
        hang();
    } else if (strcmp(what, "garbage") == 0)
        (void)!send(setup->agent_fd, "\xff\xff\xff", 3, MSG_NOSIGNAL);
    else if (strcmp(what, "flood") == 0)
        for (char text[8192] = {[0 ... 8190] = 'x'}; say(setup, turn, text) == 0;)
            ;
    else if (strncmp(what, "leave ", 6) == 0)
        leave(setup, turn, what + 6);
    else if (strcmp(what, "leave-other") == 0)
        leave(setup, "another turn", "x");
    else if (strcmp(what, "left") == 0)
        say_left(setup);
    else if (strcmp(what, "leave-late") == 0)
        leave_late(setup, turn);
    else if (strcmp(what, "bound") == 0)
        say_bound(setup);
    else if (strcmp(what, "keys") == 0)
        ask_keys(setup);
    else if (strcmp(what, "dial") == 0)
        dial(setup);
    else if (strncmp(what, "try ", 4) == 0)
        try_it(setup, what + 4);
    else if (strncmp(what, "after ", 6) == 0) {
        /* half of the answer, then what the rest says */
        (void)!say(setup, turn, "half");
        return 9;
    } else
        (void)!say(setup, turn, what);
    if (strcmp(what, "other") == 0 || strcmp(what, "garbage") == 0 ||
        strcmp(what, "leave-other") == 0)
        hang();
    done(setup);
    return 0;
}
