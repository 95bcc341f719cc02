#include "stack.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "build_config.h"
#include "ipc/confine.h"

struct stack stack;

static void ensure_user(const char *name) {
    uid_t uid;
    gid_t gid;
    char command[256];
    if (user_lookup(name, &uid, &gid) == 0)
        return;
    (void)snprintf(command, sizeof(command),
                   "useradd --system --no-create-home --shell /usr/sbin/nologin %s 2>/dev/null",
                   name);
    (void)!system(command);
    ck_assert_msg(user_lookup(name, &uid, &gid) == 0, "user %s cannot be created", name);
}

static void write_config(const char *path) {
    const struct server *s = &stack.server;
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fprintf(f, "[runtime]\ndir = %s\n", stack.dir);
    /* token_url's host is configured but private and not listed: the control for [egress] allow. */
    fprintf(f, "[google]\ntoken_url = http://localhost:%u/token\n", s->port[SERVER_PLAIN_TOO]);
    fprintf(f, "revoke_url = https://localhost:%u/revoke\n", s->port[SERVER_GOOD]);
    fprintf(f, "calendar_url = https://does-not-exist.invalid/v3\n");
    fprintf(f, "[model]\nbase_url = http://127.0.0.1:%u\n", s->port[SERVER_PLAIN_TOO]);
    fprintf(f, "[egress]\nallow = localhost:%u localhost:%u\n", s->closed_port, s->deaf_port);
    for (int i = 0; i < SERVER_KINDS; i++)
        if (i != SERVER_PLAIN_TOO)
            fprintf(f, "allow = localhost:%u 127.0.0.1:%u\n", s->port[i], s->port[i]);
    (void)fclose(f);
}

static int notify_socket(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(chmod(path, 0777), 0);
    return fd;
}

static void egress_start(void) {
    char config[96], notify[96], word[64] = "";
    (void)snprintf(config, sizeof(config), "%s/cloister.conf", stack.dir);
    (void)snprintf(notify, sizeof(notify), "%s/notify", stack.dir);
    write_config(config);
    SCOPE_FD int ready = notify_socket(notify);
    stack.egress = fork();
    if (stack.egress == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)setenv("NOTIFY_SOCKET", notify, 1);
        (void)setenv("ASAN_OPTIONS", "detect_leaks=0", 1); /* its checker cannot work confined */
        execl(EGRESS_PROGRAM, "cloister-egress", "--config", config, NULL);
        _exit(127);
    }
    struct pollfd wait = {.fd = ready, .events = POLLIN};
    ck_assert_int_eq(poll(&wait, 1, 10000), 1);
    ck_assert_int_gt(recv(ready, word, sizeof(word) - 1, 0), 0);
    ck_assert_msg(strncmp(word, "READY=1", 7) == 0 && (word[7] == '\0' || word[7] == '\n'), "%s",
                  word);
}

int stack_connect(const char *user) {
    char path[96];
    uid_t uid;
    gid_t gid;
    ck_assert_int_eq(user_lookup(user, &uid, &gid), 0);
    (void)snprintf(path, sizeof(path), "%s/egress/egress.sock", stack.dir);
    ck_assert_int_eq(seteuid(uid), 0);
    int fd = seq_connect(path);
    ck_assert_int_eq(seteuid(0), 0);
    ck_assert_int_ge(fd, 0);
    return fd;
}

void stack_setup(void) {
    uid_t uid;
    gid_t gid;
    char path[96], why[256] = "";
    (void)signal(SIGPIPE, SIG_IGN);
    ensure_user(CLOISTER_USER_AGENT);
    ensure_user(CLOISTER_USER_EGRESS);
    strcpy(stack.dir, "/tmp/cloister-http-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(stack.dir));
    ck_assert_int_eq(chmod(stack.dir, 0755), 0);
    (void)snprintf(path, sizeof(path), "%s/egress", stack.dir);
    ck_assert_int_eq(mkdir(path, 0711), 0);
    ck_assert_int_eq(user_lookup(CLOISTER_USER_EGRESS, &uid, &gid), 0);
    ck_assert_int_eq(chown(path, uid, gid), 0);
    server_start(&stack.server, stack.dir);
    egress_start();
    stack.zygote = stack_connect(CLOISTER_USER_AGENT);
    ck_assert_msg(http_trust_new(stack.server.ca_file, &stack.trust, why, sizeof(why)) == 0, "%s",
                  why);
}

void stack_teardown(void) {
    char command[128];
    int status = 0;
    http_trust_free(stack.trust);
    (void)close(stack.zygote);
    (void)kill(stack.egress, SIGTERM);
    ck_assert_int_eq(waitpid(stack.egress, &status, 0), stack.egress);
    server_stop(&stack.server);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", stack.dir);
    (void)!system(command);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "egress ended with status %x",
                  status);
}

static int passed_channel(int over, bool agent) {
    int ends[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    Cloister__EgressBind bind_body = CLOISTER__EGRESS_BIND__INIT;
    Cloister__EgressTurn turn_body = CLOISTER__EGRESS_TURN__INIT;
    bind_body.origin = (char *)"owner";
    Cloister__Message bind_message = MSG_OF(EGRESS_BIND, egress_bind, &bind_body);
    Cloister__Message turn_message = MSG_OF(EGRESS_TURN, egress_turn, &turn_body);
    ck_assert_int_eq(seq_send_wait(over, agent ? &bind_message : &turn_message, ends[1], 10000), 0);
    (void)close(ends[1]);
    return ends[0];
}

int stack_agent(void) {
    return passed_channel(stack.zygote, true);
}

int stack_turn(int agent) {
    return passed_channel(agent, false);
}

void stack_wall(void) {
    static const int calls[] = {SCMP_SYS(socket), SCMP_SYS(connect), SCMP_SYS(bind),
                                SCMP_SYS(listen), SCMP_SYS(accept),  SCMP_SYS(accept4),
                                SCMP_SYS(execve), SCMP_SYS(fork),    SCMP_SYS(vfork),
                                SCMP_SYS(clone3), SCMP_SYS(execveat)};
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    ck_assert_ptr_nonnull(filter);
    for (size_t i = 0; i < COUNT_OF(calls); i++)
        ck_assert_int_eq(seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), calls[i], 0), 0);
    ck_assert_int_eq(seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(sendto), 1,
                                      SCMP_A4(SCMP_CMP_NE, 0)),
                     0);
    /* No process and no thread; what is left is how a leak checker looks at this process. */
    ck_assert_int_eq(seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                                      SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_VM, 0)),
                     0);
    ck_assert_int_eq(seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                                      SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD)),
                     0);
    for (unsigned mode = O_WRONLY; mode <= O_RDWR; mode++)
        ck_assert_int_eq(seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(openat), 1,
                                          SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE, mode)),
                         0);
    ck_assert_int_eq(seccomp_load(filter), 0);
    seccomp_release(filter);
    ck_assert_int_eq(socket(AF_INET, SOCK_STREAM, 0), -1);
    ck_assert_int_eq(errno, EPERM);
    ck_assert_int_eq(fork(), -1);
}

const char *stack_url(enum server_kind kind, const char *path) {
    static char urls[4][256];
    static unsigned next;
    char *url = urls[next++ % 4];
    bool plain = kind == SERVER_PLAIN || kind == SERVER_PLAIN_TOO;
    (void)snprintf(url, 256, "%s://localhost:%u%s", plain ? "http" : "https",
                   (unsigned)stack.server.port[kind], path);
    return url;
}

int stack_dial(int turn, const char *host, uint16_t port) {
    static uint64_t call = 1000;
    struct msg_peer peer = {.from = ROLE_EGRESS, .to = ROLE_TURN, .phase = PHASE_READY};
    Cloister__Dial dial = CLOISTER__DIAL__INIT;
    dial.call = ++call;
    dial.host = (char *)host;
    dial.port = port;
    Cloister__Message message = MSG_OF(DIAL, dial, &dial);
    int r = seq_send(turn, &message, -1), fd = -1;
    if (r < 0)
        return r;
    SCOPE_MSG Cloister__Message *reply = NULL;
    r = seq_recv_wait(turn, &peer, 15000, &reply, &fd);
    if (r < 0)
        return r;
    ck_assert_uint_eq(reply->dial_result->call, call);
    return reply->dial_result->error != 0 ? -reply->dial_result->error : fd;
}
