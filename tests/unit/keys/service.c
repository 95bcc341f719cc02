#include "tests/unit/keys/service.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "build_config.h"
#include "memory/grant.h"
#include "tests/unit/keys/accounts.h"

static const char *program;

void service_program(const char *path) {
    program = path;
}

void service_write(const char *path, const char *text, mode_t mode, const char *owner) {
    SCOPE_FD int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write_all(fd, text, strlen(text)), 0);
    ck_assert_int_eq(fchmod(fd, mode), 0);
    if (owner != NULL)
        ck_assert_int_eq(fchown(fd, account_uid(owner), account_gid(owner)), 0);
}

static void own_dir(const char *path) {
    ck_assert_int_eq(mkdir(path, 0711), 0);
    ck_assert_int_eq(chown(path, account_uid(CLOISTER_USER_KEYS), account_gid(CLOISTER_USER_KEYS)),
                     0);
}

void service_prepare(struct service *service) {
    char text[2048], path[300];
    *service = (struct service){.dir = scratch_dir(), .pid = -1};
    const char *dir = service->dir;
    (void)snprintf(service->config, sizeof(service->config), "%s/cloister.conf", dir);
    (void)snprintf(service->socket, sizeof(service->socket), "%s/keys/keys.sock", dir);
    (void)snprintf(service->keyring, sizeof(service->keyring), "%s/data/keyring.db", dir);
    (void)snprintf(service->log, sizeof(service->log), "%s/log", dir);
    (void)snprintf(service->kek, sizeof(service->kek), "%s/kek", dir);
    (void)snprintf(path, sizeof(path), "%s/keys", dir);
    own_dir(path);
    (void)snprintf(path, sizeof(path), "%s/data", dir);
    own_dir(path);
    service_write(service->kek, KEK_HEX "\n", 0400, CLOISTER_USER_KEYS);
    (void)snprintf(path, sizeof(path), "%s/google", dir);
    service_write(path, GOOGLE_SECRET "\n", 0400, CLOISTER_USER_KEYS);
    (void)snprintf(path, sizeof(path), "%s/model", dir);
    service_write(path, MODEL_KEY, 0400, CLOISTER_USER_KEYS);
    (void)snprintf(text, sizeof(text),
                   "[keys]\nkey_file=%s/kek\nkeyring=%s/data/keyring.db\n"
                   "[google]\nclient_secret_file=%s/google\n[model]\napi_key_file=%s/model\n"
                   "[runtime]\ndir=%s\n",
                   dir, dir, dir, dir, dir);
    service_write(service->config, text, 0644, NULL);
}

/* LeakSanitizer traces its own process, which the walls forbid. */
static void no_leak_check(void) {
#ifdef __SANITIZE_ADDRESS__
    char options[512];
    const char *given = getenv("ASAN_OPTIONS");
    (void)snprintf(options, sizeof(options), "%s:detect_leaks=0", given != NULL ? given : "");
    (void)setenv("ASAN_OPTIONS", options, 1);
#endif
}

static pid_t spawn(const struct service *service, const char *user, const char *notify) {
    SCOPE_FD int executable = open(program, O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(executable, 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid != 0)
        return pid;
    char *argv[] = {(char *)(uintptr_t)program, (char[]){"--config"},
                    (char *)(uintptr_t)service->config, NULL};
    int log = open(service->log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (log < 0 || dup2(log, STDERR_FILENO) < 0)
        _exit(98);
    (void)unsetenv("JOURNAL_STREAM");
    no_leak_check();
    if (notify != NULL)
        (void)setenv("NOTIFY_SOCKET", notify, 1);
    if (user != NULL)
        account_become(user);
    (void)fexecve(executable, argv, environ);
    _exit(97);
}

static int notify_listen(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path);
    (void)unlink(path);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(chmod(path, 0666), 0);
    const struct timeval patience = {20, 0};
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    return fd;
}

void service_start(struct service *service, const char *user) {
    char path[100], text[64];
    (void)snprintf(path, sizeof(path), "%s/notify", service->dir);
    SCOPE_FD int notify = notify_listen(path);
    service->pid = spawn(service, user, path);
    ssize_t n = recv(notify, text, sizeof(text) - 1, 0);
    ck_assert_msg(n > 0, "cloister-keys did not become ready");
    text[n] = '\0';
    ck_assert_msg(strncmp(text, "READY=1", 7) == 0, "%s", text); /* a status may follow */
}

int service_start_failing(struct service *service) {
    int status = 0;
    (void)unlink(service->log);
    pid_t pid = spawn(service, NULL, NULL);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int service_stop(struct service *service, int signal) {
    int status = 0;
    ck_assert_int_eq(kill(service->pid, signal), 0);
    ck_assert_int_eq(waitpid(service->pid, &status, 0), service->pid);
    service->pid = -1;
    return status;
}

void service_remove(struct service *service) {
    if (service->pid > 0)
        (void)service_stop(service, SIGKILL);
    scratch_remove(service->dir);
    free(service->dir);
}

bool service_logged(const struct service *service, const char *text) {
    static uint8_t log[1 << 20];
    ssize_t n = file_read(service->log, log, sizeof(log));
    ck_assert_int_ge(n, 0);
    return memmem(log, (size_t)n, text, strlen(text)) != NULL;
}

/* ---- peers ---- */

static void pass(int over, int fd) {
    char byte = 0;
    struct iovec part = {&byte, 1};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr packet = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof(control)};
    *CMSG_FIRSTHDR(&packet) = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(CMSG_FIRSTHDR(&packet)), &fd, sizeof(fd));
    if (sendmsg(over, &packet, 0) != 1)
        _exit(96);
}

static int take(int over) {
    char byte;
    struct iovec part = {&byte, 1};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr packet = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof(control)};
    int fd = -1;
    if (recvmsg(over, &packet, MSG_CMSG_CLOEXEC) == 1 && CMSG_FIRSTHDR(&packet) != NULL)
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&packet)), sizeof(fd));
    return fd;
}

int peer_connect(const struct service *service, const char *user) {
    int pair[2], status;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (user != NULL)
            account_become(user);
        int fd = seq_connect(service->socket);
        if (fd < 0)
            _exit(95);
        pass(pair[1], fd);
        _exit(0);
    }
    (void)close(pair[1]);
    int fd = take(pair[0]);
    (void)close(pair[0]);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    ck_assert_int_ge(fd, 0);
    return fd;
}

void send_message(int fd, Cloister__Message *message, int pass_fd) {
    int r = seq_send_wait(fd, message, pass_fd, 10000);
    ck_assert_msg(r == 0, "sending: %s", strerror(-r));
}

int agent_channel(int zygote, const char *user, const char *origin, const char *connection) {
    int pair[2];
    Cloister__KeysBind bind = CLOISTER__KEYS_BIND__INIT;
    Cloister__Message message = MSG_OF(KEYS_BIND, keys_bind, &bind);
    bind.user = (char *)(uintptr_t)user;
    bind.origin = (char *)(uintptr_t)origin;
    bind.connection = (char *)(uintptr_t)connection;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    send_message(zygote, &message, pair[1]);
    (void)close(pair[1]);
    return pair[0];
}

Cloister__Message *answer_of(int fd) {
    struct msg_peer keys = {
        .from = ROLE_KEYS, .to = ROLE_SUPERVISOR | ROLE_TURN | ROLE_CTL, .phase = PHASE_READY};
    const struct timeval patience = {10, 0};
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    uint8_t *data = malloc(8192);
    Cloister__Message *message = NULL;
    ssize_t n = recv(fd, data, 8192, 0);
    ck_assert_msg(n >= 0 || errno == ECONNRESET, "no answer: %s", strerror(errno));
    if (n > 0)
        ck_assert_int_eq(msg_decode(&keys, data, (size_t)n, 0, &message), 0);
    free(data);
    return message;
}

static int result_of(int fd) {
    SCOPE_MSG Cloister__Message *answer = answer_of(fd);
    ck_assert_ptr_nonnull(answer);
    ck_assert_int_eq(answer->body_case, CLOISTER__MESSAGE__BODY_KEY_RESULT);
    return answer->key_result->error;
}

int key_create(int supervisor, Cloister__KeyKind kind, const char *id, const char *user) {
    Cloister__KeyCreate body = CLOISTER__KEY_CREATE__INIT;
    Cloister__Message message = MSG_OF(KEY_CREATE, key_create, &body);
    body.kind = kind;
    body.id = (char *)(uintptr_t)id;
    body.user = (char *)(uintptr_t)user;
    send_message(supervisor, &message, -1);
    return result_of(supervisor);
}

int key_destroy(int supervisor, Cloister__KeyKind kind, const char *id) {
    Cloister__KeyDestroy body = CLOISTER__KEY_DESTROY__INIT;
    Cloister__Message message = MSG_OF(KEY_DESTROY, key_destroy, &body);
    body.kind = kind;
    body.id = (char *)(uintptr_t)id;
    send_message(supervisor, &message, -1);
    return result_of(supervisor);
}

int key_bind_user(int supervisor, const char *connection, const char *user) {
    Cloister__KeyBindUser body = CLOISTER__KEY_BIND_USER__INIT;
    Cloister__Message message = MSG_OF(KEY_BIND_USER, key_bind_user, &body);
    body.connection = (char *)(uintptr_t)connection;
    body.user = (char *)(uintptr_t)user;
    send_message(supervisor, &message, -1);
    return result_of(supervisor);
}

static int ask_keys(int agent, const char *connection, const char *state_token, const char *host,
                    Cloister__Message **ret) {
    Cloister__KeyAsk body = CLOISTER__KEY_ASK__INIT;
    Cloister__Message message = MSG_OF(KEY_ASK, key_ask, &body);
    body.connection = (char *)(uintptr_t)connection;
    body.state_token = (char *)(uintptr_t)state_token;
    body.model_host = (char *)(uintptr_t)host;
    send_message(agent, &message, -1);
    SCOPE_MSG Cloister__Message *answer = answer_of(agent);
    ck_assert_ptr_nonnull(answer);
    ck_assert_int_eq(answer->body_case, CLOISTER__MESSAGE__BODY_KEY_GRANT);
    const Cloister__KeyGrant *grant = answer->key_grant;
    const int error = grant->error;
    if (error != 0) /* a refusal carries nothing */
        ck_assert_uint_eq(grant->connection_key.len + grant->user_key.len +
                              grant->model_api_key.len + grant->google_client_secret.len +
                              grant->pkce_verifier.len,
                          0);
    if (ret != NULL)
        *ret = take_ptr(answer);
    return error;
}

int key_ask(int agent, const char *connection, const char *state_token, Cloister__Message **ret) {
    return ask_keys(agent, connection, state_token, MODEL_HOST, ret);
}

int key_ask_for(int agent, const char *host, Cloister__Message **ret) {
    return ask_keys(agent, "", "", host, ret);
}

/* A positive errno, and then no grant. */
static int grant_of(int fd, uint64_t call, char *out) {
    SCOPE_MSG Cloister__Message *answer = answer_of(fd);
    ck_assert_ptr_nonnull(answer);
    ck_assert_int_eq(answer->body_case, CLOISTER__MESSAGE__BODY_KEY_RESULT);
    const Cloister__KeyResult *result = answer->key_result;
    ck_assert_uint_eq(result->call, call);
    ck_assert(result->error == 0 || result->grant[0] == '\0');
    ck_assert_uint_lt(strlen(result->grant), GRANT_SIZE);
    strcpy(out, result->grant);
    return result->error;
}

int grant_mint_for(int supervisor, const char *user, const char *frontend, char *out) {
    Cloister__GrantMint body = CLOISTER__GRANT_MINT__INIT;
    Cloister__Message message = MSG_OF(GRANT_MINT, grant_mint, &body);
    body.call = 5;
    body.user = (char *)(uintptr_t)user;
    body.frontend = (char *)(uintptr_t)frontend;
    send_message(supervisor, &message, -1);
    return grant_of(supervisor, 5, out);
}

int grant_check_for(int supervisor, const char *user, const char *frontend, const char *grant,
                    char *out) {
    Cloister__GrantCheck body = CLOISTER__GRANT_CHECK__INIT;
    Cloister__Message message = MSG_OF(GRANT_CHECK, grant_check, &body);
    body.call = 6;
    body.user = (char *)(uintptr_t)user;
    body.frontend = (char *)(uintptr_t)frontend;
    body.grant = (char *)(uintptr_t)grant;
    send_message(supervisor, &message, -1);
    return grant_of(supervisor, 6, out);
}

int grant_revoke_for(int supervisor, const char *user) {
    Cloister__GrantRevoke body = CLOISTER__GRANT_REVOKE__INIT;
    Cloister__Message message = MSG_OF(GRANT_REVOKE, grant_revoke, &body);
    body.user = (char *)(uintptr_t)user;
    send_message(supervisor, &message, -1);
    return result_of(supervisor);
}

int token_commit(int agent, const char *connection, uint64_t version) {
    Cloister__TokenCommit body = CLOISTER__TOKEN_COMMIT__INIT;
    Cloister__Message message = MSG_OF(TOKEN_COMMIT, token_commit, &body);
    body.connection = (char *)(uintptr_t)connection;
    body.version = version;
    send_message(agent, &message, -1);
    return result_of(agent);
}

int subject_tag_of(int agent, const char *subject, uint8_t out[static 32]) {
    Cloister__SubjectAsk body = CLOISTER__SUBJECT_ASK__INIT;
    Cloister__Message message = MSG_OF(SUBJECT_ASK, subject_ask, &body);
    body.subject = (char *)(uintptr_t)subject;
    send_message(agent, &message, -1);
    SCOPE_MSG Cloister__Message *answer = answer_of(agent);
    ck_assert_ptr_nonnull(answer);
    ck_assert_int_eq(answer->body_case, CLOISTER__MESSAGE__BODY_KEY_RESULT);
    const Cloister__KeyResult *result = answer->key_result;
    ck_assert_uint_eq(result->digest.len, result->error == 0 ? 32 : 0);
    if (result->error == 0)
        memcpy(out, result->digest.data, 32);
    return result->error;
}
