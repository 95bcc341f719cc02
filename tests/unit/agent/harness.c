#include "harness.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "build_config.h"
#include "ipc/confine.h"

#define WAIT_MS 10000

static void copy_program(const char *to, uid_t owner, gid_t group) {
    const char *other = getenv("TEST_AGENT_PROGRAM"); /* measuring the product itself */
    SCOPE_FD int in = open(other != NULL ? other : AGENT_PROGRAM, O_RDONLY | O_CLOEXEC);
    SCOPE_FD int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
    ck_assert_int_ge(in, 0);
    ck_assert_int_ge(out, 0);
    static char room[65536];
    ssize_t n;
    while ((n = read(in, room, sizeof(room))) > 0)
        ck_assert_int_eq(write_all(out, room, (size_t)n), 0);
    ck_assert_int_eq(fchown(out, owner, group), 0);
    ck_assert_int_eq(fchmod(out, 04710), 0);
}

static void make_dir(struct harness *harness, const char *name) {
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", harness->dir, name);
    ck_assert_int_eq(mkdir(path, 0711), 0);
    ck_assert_int_eq(chmod(path, 0711), 0);
}

static int listen_in(struct harness *harness, const char *name) {
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", harness->dir, name);
    int fd = seq_listen(path, 0666);
    ck_assert_int_ge(fd, 0);
    return fd;
}

static void zygote_process(struct harness *harness, const int heritage[5], gid_t group) {
    char program[128], config[128];
    snprintf(program, sizeof(program), "%s/cloister-agent", harness->dir);
    snprintf(config, sizeof(config), "%s/cloister.conf", harness->dir);
    for (int fd = 0; fd < 5; fd++) /* high, so that none is overwritten */
        if (fcntl(heritage[fd], F_DUPFD, 100 + fd) != 100 + fd)
            _exit(90);
    for (int fd = 0; fd < 5; fd++)
        if (dup2(100 + fd, fd) < 0)
            _exit(91);
    if (setresgid(group, group, group) < 0 ||
        setresuid(harness->starter, harness->starter, harness->starter) < 0)
        _exit(92);
    (void)execl(program, "cloister-agent", "--config", config, (char *)NULL);
    _exit(93);
}

static void zygote_start(struct harness *harness, gid_t group) {
    int channel[2], log[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel), 0);
    ck_assert_int_eq(pipe2(log, O_CLOEXEC), 0);
    char path[128];
    snprintf(path, sizeof(path), "%s/agents", harness->dir);
    int agents = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    ck_assert_int_ge(agents, 0);
    ck_assert_int_ge(null, 0);
    harness->zygote = fork();
    ck_assert_int_ge(harness->zygote, 0);
    if (harness->zygote == 0)
        zygote_process(harness, (int[]){null, null, log[1], channel[1], agents}, group);
    harness->zygote_pidfd = (int)syscall(SYS_pidfd_open, harness->zygote, 0);
    harness->zygote_fd = channel[0];
    harness->log_fd = log[0];
    ck_assert_int_eq(fd_nonblock(harness->log_fd), 0);
    (void)close(channel[1]);
    harness->log_write_fd = log[1];
    (void)close(agents);
    (void)close(null);
}

static bool readable(int fd, int timeout_ms) {
    struct pollfd wait = {fd, POLLIN, 0};
    return poll(&wait, 1, timeout_ms) == 1;
}

static int accept_zygote(struct harness *harness, int listener) {
    struct pollfd wait[] = {{listener, POLLIN, 0}, {harness->zygote_pidfd, POLLIN, 0}};
    ck_assert_int_gt(poll(wait, 2, WAIT_MS), 0);
    if (wait[0].revents == 0)
        return -1;
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    uid_t uid;
    pid_t pid;
    ck_assert_int_eq(peer_identity(fd, &uid, &pid), 0);
    ck_assert_uint_eq(uid, harness->agent_uid);
    ck_assert_int_eq(pid, harness->zygote);
    return fd;
}

static void take_hello(struct harness *harness) {
    harness->from_zygote = (struct msg_peer){ROLE_ZYGOTE, ROLE_SUPERVISOR, PHASE_START, {0}};
    int r =
        seq_recv_wait(harness->zygote_fd, &harness->from_zygote, WAIT_MS, &harness->hello, NULL);
    if (r == 0)
        harness->from_zygote.phase = PHASE_READY;
    else
        ck_assert_int_eq(r, -ECONNRESET);
}

struct harness *harness_new(const char *settings) {
    gid_t ignored;
    uid_t supervisor;
    ck_assert_msg(user_lookup(CLOISTER_USER_SUPERVISOR, &supervisor, &ignored) == 0,
                  "Cloister's users are missing: tests/run makes them");
    return harness_new_by(settings, supervisor);
}

struct harness *harness_new_by(const char *settings, uid_t starter) {
    struct harness *harness = calloc(1, sizeof(*harness));
    ck_assert_ptr_nonnull(harness);
    strcpy(harness->dir, "/tmp/cloister-agent-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(harness->dir));
    ck_assert_int_eq(chmod(harness->dir, 0711), 0);
    gid_t group, unused;
    uid_t supervisor;
    ck_assert_int_eq(user_lookup(CLOISTER_USER_AGENT, &harness->agent_uid, &unused), 0);
    ck_assert_int_eq(user_lookup(CLOISTER_USER_SUPERVISOR, &supervisor, &group), 0);
    harness->starter = starter;
    char path[128];
    snprintf(path, sizeof(path), "%s/cloister-agent", harness->dir);
    copy_program(path, harness->agent_uid, group);
    snprintf(path, sizeof(path), "%s/cloister.conf", harness->dir);
    FILE *config = fopen(path, "we");
    ck_assert_ptr_nonnull(config);
    fprintf(config, "[runtime]\ndir = %s\n%s\n", harness->dir, settings);
    ck_assert_int_eq(fclose(config), 0);
    make_dir(harness, "keys");
    make_dir(harness, "egress");
    make_dir(harness, "agents");
    harness->keys_listener = listen_in(harness, "keys/keys.sock");
    harness->egress_listener = listen_in(harness, "egress/egress.sock");
    zygote_start(harness, group);
    harness->keys_fd = accept_zygote(harness, harness->keys_listener);
    harness->egress_fd =
        harness->keys_fd < 0 ? -1 : accept_zygote(harness, harness->egress_listener);
    take_hello(harness);
    harness->base = event_base_new();
    ck_assert_ptr_nonnull(harness->base);
    return harness;
}

static void remove_all(const char *dir) {
    static const char *const names[] = {
        "keys/keys.sock", "egress/egress.sock", "keys",          "egress",
        "agents",         "cloister.conf",      "cloister-agent"};
    char path[160];
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        (void)remove(path);
    }
    (void)rmdir(dir);
}

void harness_free(struct harness *harness) {
    (void)close(harness->zygote_fd);
    (void)harness_ended(harness->zygote_pidfd, WAIT_MS);
    (void)waitpid(harness->zygote, NULL, WNOHANG);
    int fds[] = {harness->keys_listener, harness->egress_listener, harness->keys_fd,
                 harness->egress_fd,     harness->log_fd,          harness->zygote_pidfd,
                 harness->log_write_fd};
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        if (fds[i] >= 0)
            (void)close(fds[i]);
    msg_free(harness->hello);
    event_base_free(harness->base);
    remove_all(harness->dir);
    free(harness);
}

/* ---- agents ---- */

static bool agent_up(void *ctx, pid_t pid, uid_t uid) {
    struct harness_agent *agent = ctx;
    agent->up = true;
    agent->peer_pid = pid;
    agent->peer_uid = uid;
    return true;
}

static void agent_message(void *ctx, const uint8_t *data, size_t len) {
    struct harness_agent *agent = ctx;
    Cloister__Message *message = NULL;
    int r = msg_decode(&agent->peer, data, len, 0, &message);
    ck_assert_msg(r == 0, "agent's message: %s", strerror(-r));
    if (message->body_case == CLOISTER__MESSAGE__BODY_AGENT_HELLO) {
        agent->hello = true;
        agent->peer.phase = PHASE_READY;
    } else if (message->body_case == CLOISTER__MESSAGE__BODY_PONG) {
        agent->pongs++;
    } else if (message->body_case == CLOISTER__MESSAGE__BODY_TURN_DELTA) {
        size_t used = strlen(agent->text);
        snprintf(agent->text + used, sizeof(agent->text) - used, "%s", message->turn_delta->text);
        agent->text_bytes += strlen(message->turn_delta->text);
    } else {
        msg_free(agent->last);
        agent->last = take_ptr(message);
        agent->messages++;
        agent->peer.phase = PHASE_READY;
    }
    msg_free(message);
}

static void agent_down(void *ctx) {
    ((struct harness_agent *)ctx)->down = true;
}

static const struct nng_end_ops agent_ops = {agent_up, agent_message, agent_down};

bool harness_wait(struct harness *harness, const bool *flag) {
    for (uint64_t end = clock_ms() + WAIT_MS; !*flag;) {
        if (clock_ms() >= end)
            return false;
        struct timeval step = {0, 20000};
        (void)event_base_loopexit(harness->base, &step);
        (void)event_base_loop(harness->base, EVLOOP_ONCE);
    }
    return true;
}

bool harness_wait_count(struct harness *harness, const unsigned *count, unsigned want) {
    for (uint64_t end = clock_ms() + WAIT_MS; *count < want;) {
        if (clock_ms() >= end)
            return false;
        struct timeval step = {0, 20000};
        (void)event_base_loopexit(harness->base, &step);
        (void)event_base_loop(harness->base, EVLOOP_ONCE);
    }
    return true;
}

static void take_binding(int from, uint32_t to, int *ret) {
    struct msg_peer peer = {ROLE_ZYGOTE, to, PHASE_READY, {0}};
    SCOPE_MSG Cloister__Message *message = NULL;
    ck_assert_int_eq(seq_recv_wait(from, &peer, WAIT_MS, &message, ret), 0);
    ck_assert_int_ge(*ret, 0);
}

void harness_spawn(struct harness *harness, struct harness_agent *agent) {
    *agent =
        (struct harness_agent){.harness = harness,
                               .pidfd = -1,
                               .peer = {ROLE_AGENT | ROLE_TURN, ROLE_SUPERVISOR, PHASE_START, {0}}};
    char path[128], user[ID_LEN + 1];
    id_random(agent->socket);
    id_random(user);
    snprintf(path, sizeof(path), "%s/agents/%s", harness->dir, agent->socket);
    ck_assert_int_eq(
        nng_end_listen(harness->base, path, 0666, true, &agent_ops, agent, &agent->end), 0);
    Cloister__Spawn body = CLOISTER__SPAWN__INIT;
    body.spawn = 7;
    body.user = user;
    body.origin = (char *)(uintptr_t) "owner";
    body.connection = user;
    body.socket = agent->socket;
    Cloister__Message message = MSG_OF(SPAWN, spawn, &body);
    ck_assert_int_eq(seq_send(harness->zygote_fd, &message, harness->log_write_fd), 0);
    SCOPE_MSG Cloister__Message *spawned = NULL;
    ck_assert_int_eq(
        seq_recv_wait(harness->zygote_fd, &harness->from_zygote, WAIT_MS, &spawned, &agent->pidfd),
        0);
    ck_assert_int_eq(spawned->spawned->error, 0);
    ck_assert_uint_eq(spawned->spawned->spawn, 7);
    agent->pid = spawned->spawned->pid;
    take_binding(harness->keys_fd, ROLE_KEYS, &agent->keys_fd);
    take_binding(harness->egress_fd, ROLE_EGRESS, &agent->egress_fd);
    ck_assert_msg(harness_wait(harness, &agent->hello), "no hello: %s", harness_log(harness));
}

void harness_agent_free(struct harness_agent *agent) {
    nng_end_close(agent->end);
    ck_assert(harness_ended(agent->pidfd, WAIT_MS)); /* on its own: the connection is gone */
    (void)waitid(P_PIDFD, (id_t)agent->pidfd, &(siginfo_t){0}, WEXITED | WNOHANG);
    (void)close(agent->pidfd);
    (void)close(agent->keys_fd);
    (void)close(agent->egress_fd);
    msg_free(agent->last);
}

const char *harness_log(struct harness *harness) {
    ssize_t n;
    while ((n = read(harness->log_fd, harness->log + harness->log_len,
                     sizeof(harness->log) - harness->log_len - 1)) > 0)
        harness->log_len += (size_t)n;
    return harness->log;
}

int harness_send(struct harness_agent *agent, Cloister__Message *message) {
    static uint8_t data[MESSAGE_MAX];
    ssize_t len = msg_encode(message, data, sizeof(data));
    ck_assert_int_ge(len, 0);
    return nng_end_send(agent->end, data, (size_t)len);
}

void harness_turn(struct harness_agent *agent, const char *id, const char *what,
                  uint64_t deadline_ms) {
    Cloister__TurnStart body = CLOISTER__TURN_START__INIT;
    body.turn = (char *)(uintptr_t)id;
    body.message = (char *)(uintptr_t)what;
    body.deadline_ms = deadline_ms;
    body.credit = 65536;
    Cloister__Message message = MSG_OF(TURN_START, turn_start, &body);
    agent->text[0] = '\0';
    agent->text_bytes = 0;
    agent->peer.phase = PHASE_TURN;
    ck_assert_int_eq(harness_send(agent, &message), 0);
}

Cloister__Message *harness_next(struct harness_agent *agent) {
    unsigned before = agent->messages;
    ck_assert_msg(harness_wait_count(agent->harness, &agent->messages, before + 1),
                  "nothing came; log: %s", harness_log(agent->harness));
    return agent->last;
}

bool harness_ended(int pidfd, int timeout_ms) {
    return readable(pidfd, timeout_ms);
}
