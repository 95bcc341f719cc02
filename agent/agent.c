#include "agent/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "agent/heap.h"
#include "agent/runner.h"
#include "ipc/log.h"
#include "ipc/sp.h"
#include "providers/resume.h"

#define CANCEL_GRACE_MS 2000
#define FINISH_GRACE_MS 2000 /* from TURN_DONE to the end of the process */
#define LONGEST_WAIT_MS 60000

struct agent {
    const struct agent_setup *setup;
    struct sp *supervisor;
    struct msg_peer from_supervisor, from_turn;
    struct runner turn;
    struct resume *resume;   /* TLS sessions from one turn to the next */
    Cloister__Message *next; /* a TURN_START that waits until the finished turn is reaped */
};

static void NORETURN agent_end(struct agent *agent, const char *why) {
    if (why != NULL)
        log_warn("agent ends: %s", why);
    runner_kill(&agent->turn);
    _exit(why == NULL ? 0 : 1);
}

static void supervisor_send(struct agent *agent, Cloister__Message *message) {
    uint8_t data[256]; /* the agent's own messages are small */
    ssize_t len = msg_encode(message, data, sizeof(data));
    if (len < 0 || sp_send(agent->supervisor, data, (size_t)len) < 0)
        agent_end(agent, "cloisterd does not read");
}

/* ---- turns ---- */

static void turn_start(struct agent *agent, Cloister__Message *message) {
    int r = runner_start(&agent->turn, agent->setup, message->turn_start);
    msg_free(message);
    if (r == 0) {
        agent->from_supervisor.phase = PHASE_TURN;
        agent->from_turn =
            (struct msg_peer){ROLE_TURN, ROLE_SUPERVISOR | ROLE_AGENT, PHASE_TURN, {0}};
    } else {
        log_with(LOG_LEVEL_ERROR, &(struct log_fields){.request = agent->turn.about.request},
                 "cannot start a turn: %s", strerror(-r));
        agent_end(agent, "a turn could not be started");
    }
}

static void turn_reaped(struct agent *agent, int signal, int status) {
    if (!agent->turn.finished) {
        Cloister__TurnExited body = CLOISTER__TURN_EXITED__INIT;
        body.turn = agent->turn.id;
        body.signal = signal;
        body.status = status;
        Cloister__Message message = MSG_OF(TURN_EXITED, turn_exited, &body);
        supervisor_send(agent, &message);
    }
    agent->turn.id[0] = '\0';
    agent->from_supervisor.phase = PHASE_READY;
    heap_shrink();
    if (agent->next != NULL)
        turn_start(agent, take_ptr(agent->next));
}

/* Which turn a relayed message speaks for; NULL when it is none that turns send. */
static const char *turn_of(const Cloister__Message *message, bool *ret_last) {
    *ret_last = false;
    if (message->body_case == CLOISTER__MESSAGE__BODY_TURN_DELTA)
        return message->turn_delta->turn;
    if (message->body_case == CLOISTER__MESSAGE__BODY_TURN_TOOL)
        return message->turn_tool->turn;
    if (message->body_case == CLOISTER__MESSAGE__BODY_HOST_CALL)
        return message->host_call->turn;
    *ret_last = true;
    if (message->body_case == CLOISTER__MESSAGE__BODY_TURN_DONE)
        return message->turn_done->turn;
    if (message->body_case == CLOISTER__MESSAGE__BODY_TURN_ERROR)
        return message->turn_error->turn;
    return NULL;
}

/* The one message that is for the agent itself. No handshake of the turn was before it began: from
 * then on each session's time is counted. */
static bool sessions_keep(struct agent *agent, const Cloister__TurnSessions *message) {
    bool good = strcmp(message->turn, agent->turn.id) == 0;
    for (size_t i = 0; good && i < message->n_sessions; i++) {
        const Cloister__TlsSession *from = message->sessions[i];
        struct resume_session session = {.port = (uint16_t)from->port, .trust = from->trust};
        good = strlen(from->host) < sizeof(session.host) &&
               from->session.len <= sizeof(session.bytes) && from->session.len > 0;
        if (good) {
            strcpy(session.host, from->host);
            memcpy(session.bytes, from->session.data, from->session.len);
            session.len = (uint16_t)from->session.len;
            good = resume_put(agent->resume, &session, agent->turn.began) == 0;
        }
        explicit_bzero(&session, sizeof(session));
    }
    return good;
}

/* Whether the turn may say this; what is not for the agent itself then goes on. */
static bool relay_allowed(struct agent *agent, const uint8_t *data, size_t len, bool *ret_last,
                          bool *ret_own) {
    SCOPE_MSG Cloister__Message *message = NULL;
    if (agent->turn.finished || msg_decode(&agent->from_turn, data, len, 0, &message) < 0)
        return false;
    *ret_own = message->body_case == CLOISTER__MESSAGE__BODY_TURN_SESSIONS;
    if (*ret_own)
        return sessions_keep(agent, message->turn_sessions);
    const char *turn = turn_of(message, ret_last);
    return turn != NULL && strcmp(turn, agent->turn.id) == 0;
}

/* One message from the turn to cloisterd. Descriptors beside it are dropped by the kernel. */
static void turn_readable(struct agent *agent) {
    int fd = agent->turn.channel;
    ssize_t size = recv(fd, NULL, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
    /* ECONNRESET comes once, when the turn ended without reading all it was sent, and before what
     * it said last: that is still to be read. */
    if (size < 0 && (errno == EAGAIN || errno == EINTR || errno == ECONNRESET))
        return;
    if (size <= 0) { /* gone: its pidfd tells the rest */
        (void)close(take_fd(&agent->turn.channel));
        runner_kill_within(&agent->turn, FINISH_GRACE_MS);
        return;
    }
    bool good = false, last = false, own = false;
    if ((size_t)size <= MESSAGE_MAX) {
        uint8_t *data = malloc((size_t)size);
        if (data == NULL)
            agent_end(agent, "no memory");
        ssize_t n;
        do
            n = recv(fd, data, (size_t)size, MSG_DONTWAIT);
        while (n < 0 && errno == ECONNRESET);
        good = n == size && relay_allowed(agent, data, (size_t)n, &last, &own);
        if (good && !own && sp_send(agent->supervisor, data, (size_t)n) < 0)
            agent_end(agent, "cloisterd does not read");
        explicit_bzero(data, (size_t)size);
        free(data);
    }
    if (!good) {
        log_with(LOG_LEVEL_ERROR, &(struct log_fields){.request = agent->turn.about.request},
                 "a turn sent what it may not send; ending it");
        (void)close(take_fd(&agent->turn.channel));
        runner_kill(&agent->turn);
    } else if (last) {
        agent->turn.finished = true;
        agent->from_supervisor.phase = PHASE_READY;
        runner_kill_within(&agent->turn, FINISH_GRACE_MS);
    }
}

/* ---- cloisterd ---- */

/* To the running turn, as it came; one for another turn is late and dropped. */
static void to_turn(struct agent *agent, const char *turn, const uint8_t *data, size_t len) {
    if (agent->turn.channel < 0 || agent->turn.finished || strcmp(turn, agent->turn.id) != 0)
        return;
    if (send(agent->turn.channel, data, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno != EPIPE &&
        errno != ECONNRESET) {
        log_with(LOG_LEVEL_ERROR, &(struct log_fields){.request = agent->turn.about.request},
                 "a turn does not read its messages; ending it");
        runner_kill(&agent->turn);
    }
}

static void supervisor_message(struct agent *agent, Cloister__Message *message, const uint8_t *data,
                               size_t len) {
    SCOPE_MSG Cloister__Message *owned = message;
    if (owned->body_case == CLOISTER__MESSAGE__BODY_PING) {
        Cloister__Pong body = CLOISTER__PONG__INIT;
        body.sequence = owned->ping->sequence;
        Cloister__Message pong = MSG_OF(PONG, pong, &body);
        supervisor_send(agent, &pong);
    } else if (owned->body_case == CLOISTER__MESSAGE__BODY_TURN_START) {
        if (agent->next != NULL)
            agent_end(agent, "a second turn was asked for");
        agent->next = take_ptr(owned);
        if (!runner_runs(&agent->turn)) {
            sp_done(agent->supervisor);
            turn_start(agent, take_ptr(agent->next));
        }
    } else if (owned->body_case == CLOISTER__MESSAGE__BODY_TURN_CANCEL) {
        to_turn(agent, owned->turn_cancel->turn, data, len);
        if (runner_runs(&agent->turn) && strcmp(owned->turn_cancel->turn, agent->turn.id) == 0)
            runner_kill_within(&agent->turn, CANCEL_GRACE_MS);
    } else if (owned->body_case == CLOISTER__MESSAGE__BODY_TURN_CREDIT) {
        to_turn(agent, owned->turn_credit->turn, data, len);
    } else if (owned->body_case == CLOISTER__MESSAGE__BODY_HOST_REPLY) {
        to_turn(agent, owned->host_reply->turn, data, len);
    }
}

static void supervisor_readable(struct agent *agent) {
    for (;;) {
        const uint8_t *data;
        size_t len;
        int r = sp_recv(agent->supervisor, &data, &len);
        if (r == -EAGAIN)
            return;
        if (r == -ECONNRESET)
            agent_end(agent, NULL);
        Cloister__Message *message = NULL;
        if (r == 0)
            r = msg_decode(&agent->from_supervisor, data, len, 0, &message);
        if (r < 0)
            agent_end(agent, "cloisterd sent what it may not send");
        supervisor_message(agent, message, data, len);
        sp_done(agent->supervisor);
    }
}

/* ---- loop ---- */

/* An answer to a turn that was ended before it came: keys in the clear, which nobody waits for. */
static void drop_late_keys(struct agent *agent) {
    uint8_t none;
    while (recv(agent->setup->keys_fd, &none, 0, MSG_DONTWAIT) >= 0)
        ;
}

static int poll_timeout(const struct agent *agent) {
    if (!runner_runs(&agent->turn))
        return -1;
    uint64_t now = clock_ms(), at = agent->turn.kill_at;
    if (agent->turn.look_at < at)
        at = agent->turn.look_at;
    if (at <= now)
        return 0;
    return (int)(at - now < LONGEST_WAIT_MS ? at - now : LONGEST_WAIT_MS);
}

static void agent_wait(struct agent *agent) {
    bool waiting = sp_waiting(agent->supervisor);
    struct pollfd fds[] = {
        {sp_fd(agent->supervisor), (short)(POLLIN | (waiting ? POLLOUT : 0)), 0},
        /* Only its end; between turns also what comes too late for one. */
        {agent->setup->keys_fd, runner_runs(&agent->turn) ? 0 : POLLIN, 0},
        {agent->setup->egress_fd, 0, 0},
        /* What cloisterd has not taken yet keeps the turn from sending more. */
        {waiting ? -1 : agent->turn.pidfd, POLLIN, 0},
        {waiting ? -1 : agent->turn.channel, POLLIN, 0},
    };
    int ready = poll(fds, COUNT_OF(fds), poll_timeout(agent));
    if (ready < 0 && errno != EINTR)
        agent_end(agent, "cannot wait");
    if (runner_runs(&agent->turn) && agent->turn.look_at <= clock_ms())
        runner_look(&agent->turn);
    if (((fds[1].revents & ~POLLIN) | fds[2].revents) != 0)
        agent_end(agent, "keys or egress is gone");
    if (fds[1].revents != 0)
        drop_late_keys(agent);
    if ((fds[0].revents & POLLOUT) != 0 && sp_flush(agent->supervisor) < 0)
        agent_end(agent, NULL);
    if ((fds[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
        supervisor_readable(agent);
    if (agent->turn.channel >= 0 && fds[4].fd == agent->turn.channel && fds[4].revents != 0)
        turn_readable(agent);
    if (runner_runs(&agent->turn) && agent->turn.kill_at <= clock_ms()) {
        agent->turn.kill_at = UINT64_MAX;
        runner_kill(&agent->turn);
    }
    int signal, status;
    /* All that the turn said comes before its end: poll looked at the pidfd first, so when that
     * told of the end and the channel then had nothing, nothing is left in it. */
    bool drained = agent->turn.channel < 0 || (!waiting && fds[4].revents == 0);
    if (fds[3].revents != 0 && drained && runner_reap(&agent->turn, &signal, &status))
        turn_reaped(agent, signal, status);
}

static void say_hello(struct agent *agent) {
    Cloister__AgentHello body = CLOISTER__AGENT_HELLO__INIT;
    body.protocol = PROTOCOL_VERSION;
    Cloister__Message message = MSG_OF(AGENT_HELLO, agent_hello, &body);
    supervisor_send(agent, &message);
}

/* Instead of the zygote's, before anything can be written to that. Its turns have it from here. */
static int own_log(int log_fd) {
    (void)close(STDERR_FILENO);
    return fcntl(log_fd, F_DUPFD, STDERR_FILENO) == STDERR_FILENO ? 0 : -EBADF;
}

static int raise_walls(struct agent *agent) {
    const struct agent_setup *setup = agent->setup;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0)
        return -errno;
    int r = walls_capabilities();
    if (r == 0)
        r = walls_limits();
    if (r == 0)
        r = walls_forks(setup->walls);
    if (r == 0)
        r = sp_dial(setup->agents_dir_fd, setup->socket, &agent->supervisor);
    if (r < 0)
        return r;
    int keep[] = {setup->keys_fd, setup->egress_fd, sp_fd(agent->supervisor),
                  setup->walls->landlock_fd};
    r = fds_close_except(keep, COUNT_OF(keep));
    if (r == 0)
        r = walls_landlock(setup->walls);
    if (r == 0)
        r = walls_filter(setup->walls);
    return r;
}

void agent_main(const struct agent_setup *setup) {
    static struct resume resume; /* no page of it is anybody's until something is kept */
    struct agent_setup own = *setup;
    struct agent agent = {.setup = &own,
                          .turn = RUNNER_NONE,
                          .from_supervisor = {ROLE_SUPERVISOR, ROLE_AGENT, PHASE_READY, {0}}};
    own.resume = agent.resume = &resume;
    int r = own_log(setup->log_fd);
    if (r == 0)
        r = raise_walls(&agent);
    if (r < 0) {
        log_error("an agent's walls are not up: %s", strerror(-r));
        _exit(1);
    }
    say_hello(&agent); /* confined */
    for (;;)
        agent_wait(&agent);
}
