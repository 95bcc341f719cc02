#include "tests/unit/gateway/rig.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "gateway/listen.h"
#include "ipc/log.h"
#include "tests/unit/gateway/fake.h"

static struct fake_seen seen; /* of this test's rig; Check forks for every test */

struct gateway_limits rig_limits(void) {
    struct gateway_limits limits = GATEWAY_LIMITS_DEFAULT;
    limits.head_ms = 1500;
    limits.request_ms = 2500;
    limits.stall_ms = 2000;
    limits.heartbeat_ms = 300;
    limits.ask_ms = 3000;
    limits.chat_ms = 20000;
    limits.drain_ms = 3000;
    limits.hold_ms = 400;
    return limits;
}

static void write_file(const char *dir, const char *name, const char *text) {
    char path[160];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    (void)fputs(text, file);
    (void)fclose(file);
}

static void digest_hex(const char *key, char out[static 65]) {
    uint8_t digest[crypto_hash_sha256_BYTES];
    (void)crypto_hash_sha256(digest, (const uint8_t *)key, strlen(key));
    hex_encode(digest, sizeof(digest), out);
}

static void write_files(const struct rig *rig, const char *config_more) {
    char text[2048], path[160], key[65], old[65];
    static const char *const folders[] = {"gateway", "operator", "frontends"};
    for (size_t i = 0; i < COUNT_OF(folders); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", rig->dir, folders[i]);
        ck_assert_int_eq(mkdir(path, 0755), 0);
    }
    digest_hex(RIG_KEY, key);
    digest_hex(RIG_KEY_OLD, old);
    (void)snprintf(text, sizeof(text),
                   "key_sha256=%s\nkey_sha256=%s\nreturn_to=%s\nreturn_to=http://other.example/\n"
                   "requests_per_second=100000\nburst=100000\n",
                   key, old, RIG_RETURN);
    write_file(path, "demo.conf", text);
    (void)snprintf(
        text, sizeof(text),
        "[gateway]\nfrontends_dir=%s/frontends\nallowed_origins=%s\n%s\n[runtime]\ndir=%s\n",
        rig->dir, RIG_ORIGIN, config_more, rig->dir);
    write_file(rig->dir, "cloister.conf", text);
}

static void on_term(evutil_socket_t fd, short what, void *ctx) {
    (void)fd;
    (void)what;
    gateway_drain(ctx);
}

static void on_hup(evutil_socket_t fd, short what, void *ctx) {
    (void)fd;
    (void)what;
    gateway_reload(ctx);
}

/* The child: what proc_gateway.c does, without becoming another user. */
static int gateway_main(const struct rig *rig, const struct gateway_limits *limits,
                        struct gateway_sockets sockets) {
    char path[160], why[256];
    struct config *config = NULL;
    struct gateway *gateway = NULL;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)signal(SIGPIPE, SIG_IGN);
    if (freopen(rig->log, "ae", stderr) == NULL)
        return 1;
    log_open("cloister-gateway");
    (void)snprintf(path, sizeof(path), "%s/cloister.conf", rig->dir);
    struct event_base *base = event_base_new();
    if (config_load(path, &config, why, sizeof(why)) < 0 ||
        gateway_new(base, config, rig->instance, limits, &sockets, &gateway, why, sizeof(why)) <
            0) {
        log_error("%s", why);
        return 1;
    }
    struct event *term = evsignal_new(base, SIGTERM, on_term, gateway);
    struct event *hup = evsignal_new(base, SIGHUP, on_hup, gateway);
    (void)event_add(term, NULL);
    (void)event_add(hup, NULL);
    (void)event_base_dispatch(base);
    event_free(term);
    event_free(hup);
    gateway_free(gateway);
    event_base_free(base);
    config_free(config);
    return 0;
}

static void start(struct rig *rig, const struct gateway_limits *limits, const char *config_more,
                  enum gateway_instance instance) {
    char why[256];
    struct sockaddr_in at;
    socklen_t len = sizeof(at);
    *rig = (struct rig){.dir = "/tmp/gateway-test-XXXXXX", .instance = instance};
    ck_assert_int_ge(sodium_init(), 0);
    ck_assert_ptr_nonnull(mkdtemp(rig->dir));
    write_files(rig, config_more);
    (void)snprintf(rig->operators, sizeof(rig->operators), "%s/operator/gateway-owner.sock",
                   rig->dir);
    (void)snprintf(rig->log, sizeof(rig->log), "%s/log", rig->dir);
    struct gateway_sockets sockets = {listen_tcp("127.0.0.1:0", why, sizeof(why)),
                                      listen_unix(rig->operators, "", "", why, sizeof(why))};
    ck_assert_int_ge(sockets.door, 0);
    ck_assert_int_ge(sockets.operators, 0);
    (void)getsockname(sockets.door, (struct sockaddr *)&at, &len);
    rig->port = ntohs(at.sin_port);
    rig->gateway = fork(); /* before this process uses nng */
    if (rig->gateway == 0)
        exit(gateway_main(rig, limits, sockets));
    (void)close(sockets.door);
    (void)close(sockets.operators);
}

void rig_start(struct rig *rig, const struct gateway_limits *limits, const char *config_more) {
    start(rig, limits, config_more, INSTANCE_OWNER);
    rig_fake_start(rig);
}

void rig_start_public(struct rig *rig, const struct gateway_limits *limits) {
    start(rig, limits, "public_pages_url=http://x", INSTANCE_PUBLIC);
}

void rig_fake_start(struct rig *rig) {
    char path[128];
    struct fake_seen before = rig_seen(rig);
    (void)snprintf(path, sizeof(path), "%s/gateway/owner.ipc", rig->dir);
    rig->fake = fake_start(path, &seen);
    rig_wait(rig, seen_hellos, before.hellos + 1);
}

void rig_fake_stop(struct rig *rig) {
    fake_stop(rig->fake);
    rig->fake = NULL;
}

void rig_stop(struct rig *rig) {
    ck_assert_int_eq(kill(rig->gateway, SIGTERM), 0);
    rig_ended(rig);
}

void rig_ended(struct rig *rig) {
    char command[128];
    int status = -1;
    ck_assert_int_eq(waitpid(rig->gateway, &status, 0), rig->gateway);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        SCOPE_FREE char *logged = rig_logged(rig);
        ck_abort_msg("the gateway ended with %x: %s", status, logged);
    }
    if (rig->fake != NULL)
        rig_fake_stop(rig);
    (void)snprintf(command, sizeof(command), "rm -rf %s", rig->dir);
    (void)!system(command);
}

struct fake_seen rig_seen(struct rig *rig) {
    (void)rig;
    fake_lock();
    struct fake_seen copy = seen;
    fake_unlock();
    return copy;
}

void rig_wait(struct rig *rig, unsigned (*counter)(const struct fake_seen *seen), unsigned wanted) {
    uint64_t until = clock_ms() + 10000;
    for (;;) {
        struct fake_seen now = rig_seen(rig);
        if (counter(&now) >= wanted)
            return;
        ck_assert_msg(clock_ms() < until, "the supervisor did not see it: %u of %u", counter(&now),
                      wanted);
        (void)poll(NULL, 0, 5); /* the other thread works on it */
    }
}

unsigned seen_cancels(const struct fake_seen *s) {
    return s->cancels;
}
unsigned seen_chats(const struct fake_seen *s) {
    return s->chats;
}
unsigned seen_credits(const struct fake_seen *s) {
    return s->credits;
}
unsigned seen_hellos(const struct fake_seen *s) {
    return s->hellos;
}

int rig_connect(const struct rig *rig) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(rig->port)};
    struct timeval limit = {15, 0};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    return fd;
}

void rig_send(int fd, const void *data, size_t len) {
    const char *at = data;
    while (len > 0) { /* the gateway may have refused and closed meanwhile: no error here */
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        at += n;
        len -= (size_t)n;
    }
}

void rig_send_text(int fd, const char *text) {
    rig_send(fd, text, strlen(text));
}

char *rig_read_all(int fd, size_t limit, size_t *ret_len) {
    size_t len = 0, cap = 4096;
    char *out = malloc(cap + 1);
    for (;;) {
        if (len == cap)
            out = realloc(out, (cap *= 2) + 1);
        ssize_t n = len < limit ? recv(fd, out + len, cap - len, 0) : 0;
        ck_assert_msg(n >= 0 || errno != EAGAIN, "no answer and no end in 15 s");
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    out[len] = '\0';
    if (ret_len != NULL)
        *ret_len = len;
    return out;
}

char *rig_read_until(int fd, const char *text) {
    size_t len = 0, cap = 65536;
    char *out = calloc(1, cap + 1);
    while (strstr(out, text) == NULL) {
        ssize_t n = recv(fd, out + len, 1, 0);
        ck_assert_msg(n == 1 && len < cap, "'%s' did not come: %s", text, out);
        len++;
    }
    return out;
}

char *rig_raw(const struct rig *rig, const char *bytes, size_t len) {
    SCOPE_FD int fd = rig_connect(rig);
    rig_send(fd, bytes, len);
    return rig_read_all(fd, 16u << 20, NULL);
}

char *rig_call(const struct rig *rig, const char *method, const char *path, const char *headers,
               const char *body) {
    size_t cap = strlen(path) + strlen(headers) + (body != NULL ? strlen(body) : 0) + 512;
    SCOPE_FREE char *request = malloc(cap);
    int n;
    if (body != NULL)
        n = snprintf(request, cap,
                     "%s %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " RIG_KEY
                     "\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n%s\r\n%s",
                     method, path, strlen(body), headers, body);
    else
        n = snprintf(request, cap,
                     "%s %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " RIG_KEY "\r\n%s\r\n",
                     method, path, headers);
    return rig_raw(rig, request, (size_t)n);
}

char *rig_browse(const struct rig *rig, const char *method, const char *path, const char *headers,
                 const char *form) {
    size_t cap = strlen(path) + strlen(headers) + (form != NULL ? strlen(form) : 0) + 512;
    SCOPE_FREE char *request = malloc(cap);
    int n;
    if (form != NULL)
        n = snprintf(request, cap,
                     "%s %s HTTP/1.1\r\nHost: x\r\nContent-Type: "
                     "application/x-www-form-urlencoded\r\nContent-Length: %zu\r\n%s\r\n%s",
                     method, path, strlen(form), headers, form);
    else
        n = snprintf(request, cap, "%s %s HTTP/1.1\r\nHost: x\r\n%s\r\n", method, path, headers);
    return rig_raw(rig, request, (size_t)n);
}

char *rig_logged(const struct rig *rig) {
    static uint8_t text[1u << 20];
    ssize_t len = file_read(rig->log, text, sizeof(text) - 1);
    ck_assert_int_ge(len, 0);
    return strndup((const char *)text, (size_t)len);
}

void rig_chat_send(int fd, const char *message, const char *accept) {
    char body[40000], request[41000];
    int len = snprintf(body, sizeof(body), "{\"user\":\"ann\",\"message\":\"%s\"}", message);
    int n =
        snprintf(request, sizeof(request),
                 "POST /v1/chat HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " RIG_KEY
                 "\r\nAccept: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
                 accept, len, body);
    rig_send(fd, request, (size_t)n);
}

char *rig_chat(const struct rig *rig, const char *message, const char *accept) {
    SCOPE_FD int fd = rig_connect(rig);
    rig_chat_send(fd, message, accept);
    return rig_read_all(fd, 16u << 20, NULL);
}

unsigned status_of(const char *response) {
    unsigned status = 0;
    (void)sscanf(response, "HTTP/1.1 %u", &status);
    return status;
}

void take_request(char *response) {
    static const char name[] = "\"request\":\"", end[] = "\",";
    char *at = strstr(response, name);
    ck_assert_msg(at != NULL, "no request's id: %s", response);
    char id[ID_LEN + 1] = "", *rest = at + strlen(name) + ID_LEN + strlen(end);
    memcpy(id, at + strlen(name), ID_LEN);
    ck_assert(id_valid(id));
    ck_assert_int_eq(strncmp(rest - strlen(end), end, strlen(end)), 0);
    memmove(at, rest, strlen(rest) + 1);
}

const char *body_of(const char *response) {
    const char *empty = strstr(response, "\r\n\r\n");
    return empty != NULL ? empty + 4 : "";
}

bool has_header(const char *response, const char *line_start) {
    const char *at = strcasestr(response, line_start), *body = body_of(response);
    return at != NULL && at < body && at > response && at[-1] == '\n';
}

void check_problem(const char *response, unsigned status, const char *code) {
    char wanted[96], number[32];
    (void)snprintf(wanted, sizeof(wanted), "\"code\":\"%s\"", code);
    (void)snprintf(number, sizeof(number), "\"status\":%u", status);
    ck_assert_msg(status_of(response) == status, "wanted %u %s: %s", status, code, response);
    ck_assert_msg(has_header(response, "Content-Type: application/problem+json"), "%s", response);
    ck_assert_msg(has_header(response, "Connection: close"), "%s", response);
    ck_assert_msg(has_header(response, "X-Request-Id: "), "%s", response);
    ck_assert_msg(strstr(body_of(response), wanted) != NULL, "wanted %s: %s", code, response);
    ck_assert_msg(strstr(body_of(response), number) != NULL, "%s", response);
    ck_assert_msg(strstr(body_of(response), "\"detail\":\"") != NULL, "%s", response);
}

long rig_rss(const struct rig *rig) {
    char path[64];
    long pages = 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/statm", (int)rig->gateway);
    FILE *file = fopen(path, "re");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%*d %ld", &pages), 1);
    (void)fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

void rig_grown_less(const struct rig *rig, long before, long kib) {
#ifdef __SANITIZE_ADDRESS__
    (void)rig, (void)before, (void)kib;
#else
    long grown = rig_rss(rig) - before;
    ck_assert_msg(grown < kib, "the gateway grew by %ld KiB", grown);
#endif
}
