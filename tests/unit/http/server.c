#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "certs.h"

struct listener {
    int fd;
    enum server_kind kind;
    SSL_CTX *ctx; /* NULL: in the clear */
    struct server_seen *seen;
};

struct client {
    struct listener *listener;
    int fd, number, requests;
    SSL *ssl;
    bool over;
    char head[16384];
    size_t have;
    char body[65536];
    size_t body_len;
};

static unsigned long long now_ns(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (unsigned long long)t.tv_sec * 1000000000ull + (unsigned long long)t.tv_nsec;
}

static void pause_ms(int ms) {
    (void)poll(NULL, 0, ms);
}

static void put(struct client *c, const void *data, size_t len) {
    const char *at = data;
    while (len > 0 && !c->over) {
        ssize_t n =
            c->ssl != NULL ? SSL_write(c->ssl, at, (int)len) : send(c->fd, at, len, MSG_NOSIGNAL);
        if (n <= 0) {
            c->over = true;
            return;
        }
        at += n;
        len -= (size_t)n;
    }
}

__attribute__((format(printf, 2, 3))) static void say(struct client *c, const char *format, ...) {
    char text[4096];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    put(c, text, (size_t)n);
}

static ssize_t take(struct client *c, char *into, size_t cap) {
    return c->ssl != NULL ? SSL_read(c->ssl, into, (int)cap) : recv(c->fd, into, cap, 0);
}

/* Without a TLS goodbye. */
static void cut(struct client *c) {
    if (c->ssl != NULL)
        SSL_set_quiet_shutdown(c->ssl, 1);
    c->over = true;
}

static void reset(struct client *c) {
    struct linger now = {1, 0};
    (void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    cut(c);
}

static void until_closed(struct client *c) {
    char bin[512];
    while (take(c, bin, sizeof(bin)) > 0)
        ;
    c->over = true;
}

static void simple(struct client *c, const char *status, const char *body) {
    say(c, "HTTP/1.1 %s\r\nX-Conn: %d\r\nX-Count: %d\r\nContent-Length: %zu\r\n\r\n%s", status,
        c->number, c->requests, strlen(body), body);
}

static void big(struct client *c, size_t len) {
    static const char block[16384];
    say(c, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", len);
    for (size_t n; len > 0 && !c->over; len -= n) {
        n = len < sizeof(block) ? len : sizeof(block);
        put(c, block, n);
    }
}

static void chunked(struct client *c, bool ends) {
    say(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 10; i++)
        say(c, "8\r\nchunk-%d;\r\n", i);
    if (ends)
        say(c, "0\r\nX-Trailer: no\r\n\r\n");
    c->over = c->over || !ends;
}

static void drip(struct client *c) {
    say(c, "HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n");
    for (int i = 0; i < 200 && !c->over; i++) {
        say(c, ".");
        pause_ms(50);
    }
}

static void huge_head(struct client *c) {
    say(c, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 2000; i++)
        say(c, "X-Filler-%d: %0100d\r\n", i, i);
    say(c, "Content-Length: 0\r\n\r\n");
}

/* One answer. The path names the script. */
static void answer(struct client *c, const char *path) {
    if (strcmp(path, "/ok") == 0)
        simple(c, "200 OK", "hello");
    else if (strcmp(path, "/echo") == 0) {
        say(c, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", c->have + c->body_len);
        put(c, c->head, c->have);
        put(c, c->body, c->body_len);
    } else if (strcmp(path, "/chunked") == 0)
        chunked(c, true);
    else if (strcmp(path, "/cut-chunk") == 0)
        chunked(c, false);
    else if (strcmp(path, "/close") == 0) {
        say(c, "HTTP/1.1 200 OK\r\n\r\nuntil the end");
        c->over = true;
    } else if (strcmp(path, "/cut") == 0) {
        say(c, "HTTP/1.1 200 OK\r\n\r\nuntil the end");
        cut(c);
    } else if (strcmp(path, "/short") == 0) {
        say(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789");
        c->over = true;
    } else if (strcmp(path, "/drip") == 0)
        drip(c);
    else if (strcmp(path, "/hang") == 0)
        until_closed(c);
    else if (strcmp(path, "/reset") == 0)
        reset(c);
    else if (strcmp(path, "/big") == 0)
        big(c, 8u << 20);
    else if (strcmp(path, "/endless") == 0)
        big(c, (size_t)1 << 40);
    else if (strcmp(path, "/huge-head") == 0)
        huge_head(c);
    else if (strcmp(path, "/garbage") == 0) {
        say(c, "SSH-2.0-OpenSSH_9.2\r\nnonsense\r\n");
        c->over = true;
    } else if (strcmp(path, "/bad-chunk") == 0) {
        say(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n");
        until_closed(c);
    } else if (strcmp(path, "/redirect") == 0)
        say(c, "HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n");
    else if (strcmp(path, "/interim") == 0) {
        say(c, "HTTP/1.1 103 Early Hints\r\nX-Early: yes\r\n\r\n");
        simple(c, "200 OK", "after all");
    } else if (strcmp(path, "/500") == 0)
        simple(c, "500 Oops", "it broke");
    else if (strcmp(path, "/204") == 0)
        say(c, "HTTP/1.1 204 No Content\r\n\r\n");
    else if (strcmp(path, "/closing") == 0) {
        say(c, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbye");
        c->over = true;
    } else if (strcmp(path, "/then-close") == 0) {
        simple(c, "200 OK", "kept, it seems");
        c->over = true;
    } else if (strcmp(path, "/renegade") == 0) { /* keeps the connection, drops the next request */
        simple(c, "200 OK", "kept");
        char bin[512];
        (void)take(c, bin, sizeof(bin));
        reset(c);
    } else
        simple(c, "404 Not Found", "no such script");
}

/* Reads one request into head and body; false at the end of the stream. */
static bool read_request(struct client *c) {
    c->have = c->body_len = 0;
    char *end = NULL;
    while (end == NULL) {
        if (c->have == sizeof(c->head) - 1)
            return false;
        ssize_t n = take(c, c->head + c->have, sizeof(c->head) - 1 - c->have);
        if (n <= 0)
            return false;
        c->have += (size_t)n;
        c->head[c->have] = '\0';
        end = strstr(c->head, "\r\n\r\n");
    }
    const char *length = strcasestr(c->head, "\r\nContent-Length:");
    size_t want = length != NULL && length < end ? strtoul(length + 17, NULL, 10) : 0;
    size_t head_len = (size_t)(end + 4 - c->head), got = c->have - head_len;
    c->body_len = got;
    memcpy(c->body, end + 4, got);
    c->have = head_len;
    c->head[head_len] = '\0';
    while (got < want) { /* what does not fit is read and dropped */
        char piece[4096];
        ssize_t n = take(c, piece, sizeof(piece));
        if (n <= 0)
            return false;
        got += (size_t)n;
        if (c->body_len + (size_t)n > sizeof(c->body))
            continue;
        memcpy(c->body + c->body_len, piece, (size_t)n);
        c->body_len += (size_t)n;
    }
    return true;
}

static void serve_http(struct client *c) {
    while (!c->over && read_request(c)) {
        char method[16], path[256];
        if (sscanf(c->head, "%15s %255s", method, path) != 2)
            return;
        c->requests++;
        c->listener->seen->last_request_ns = now_ns();
        c->listener->seen->requests++;
        answer(c, path);
    }
}

static void *serve(void *ctx) {
    struct client *c = ctx;
    struct server_seen *seen = c->listener->seen;
    bool ready = true;
    if (c->listener->kind == SERVER_MUTE) {
        until_closed(c);
        ready = false;
    } else if (c->listener->ctx != NULL) {
        c->ssl = SSL_new(c->listener->ctx);
        SSL_set_fd(c->ssl, c->fd);
        ready = SSL_accept(c->ssl) == 1;
        if (ready) {
            seen->last_handshake_ns = now_ns();
            seen->handshakes++;
            seen->resumed += SSL_session_reused(c->ssl) == 1;
        }
    }
    if (ready) {
        serve_http(c);
        if (c->ssl != NULL)
            (void)SSL_shutdown(c->ssl);
    }
    SSL_free(c->ssl);
    (void)close(c->fd);
    seen->open--;
    free(c);
    return NULL;
}

static void *accept_all(void *ctx) {
    struct listener *listener = ctx;
    for (int number = 1;; number++) {
        int fd = accept(listener->fd, NULL, NULL);
        if (fd < 0)
            continue;
        listener->seen->open++;
        listener->seen->accepted++;
        if (listener->kind == SERVER_SLAMS) {
            (void)close(fd);
            listener->seen->open--;
            continue;
        }
        int on = 1;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        struct client *c = calloc(1, sizeof(*c));
        pthread_t thread;
        c->listener = listener;
        c->fd = fd;
        c->number = number;
        if (pthread_create(&thread, NULL, serve, c) == 0)
            (void)pthread_detach(thread);
    }
    return NULL;
}

static int listen_on(uint16_t *ret_port, bool listening) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) < 0 ||
        (listening && listen(fd, 64) < 0) || getsockname(fd, (struct sockaddr *)&address, &len) < 0)
        abort();
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static void contexts(struct listener *l, const char *ca_file) {
    static const char names[] = "DNS:localhost,IP:127.0.0.1";
    struct authority good = authority_new("trusted"), bad = authority_new("unknown");
    authority_save(&good, ca_file);
    l[SERVER_GOOD].ctx = server_context(&good, names, -60, 3600);
    l[SERVER_WRONG_HOST].ctx = server_context(&good, "DNS:other.example", -60, 3600);
    l[SERVER_UNKNOWN_CA].ctx = server_context(&bad, names, -60, 3600);
    l[SERVER_EXPIRED].ctx = server_context(&good, names, -7200, -3600);
    l[SERVER_OLD_TLS].ctx = server_context(&good, names, -60, 3600);
    SSL_CTX_set_security_level(l[SERVER_OLD_TLS].ctx, 0);
    SSL_CTX_set_min_proto_version(l[SERVER_OLD_TLS].ctx, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(l[SERVER_OLD_TLS].ctx, TLS1_1_VERSION);
    authority_free(&good);
    authority_free(&bad);
}

void server_start(struct server *server, const char *dir) {
    static struct listener listeners[SERVER_KINDS];
    server->seen = mmap(NULL, sizeof(struct server_seen) * SERVER_KINDS, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    (void)snprintf(server->ca_file, sizeof(server->ca_file), "%s/ca.pem", dir);
    contexts(listeners, server->ca_file);
    (void)listen_on(&server->closed_port, false);
    (void)listen_on(&server->deaf_port, true);
    for (int i = 0; i < SERVER_KINDS; i++) {
        listeners[i].fd = listen_on(&server->port[i], true);
        listeners[i].kind = (enum server_kind)i;
        listeners[i].seen = &server->seen[i];
    }
    server->pid = fork();
    if (server->pid != 0) {
        for (int i = 0; i < SERVER_KINDS; i++) {
            (void)close(listeners[i].fd);
            SSL_CTX_free(listeners[i].ctx);
        }
        return;
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < SERVER_KINDS; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, accept_all, &listeners[i]) != 0)
            abort();
    }
    for (;;)
        (void)pause();
}

void server_stop(struct server *server) {
    (void)kill(server->pid, SIGKILL);
    (void)waitpid(server->pid, NULL, 0);
}

int server_wait(atomic_int *value, int wanted) {
    for (int i = 0; i < 5000 && *value != wanted; i++)
        pause_ms(1);
    return *value;
}
