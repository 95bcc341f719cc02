/* bench-load FILE PORT CONCURRENCY SECONDS [RATE]: a frontend that asks many users' questions at
 * once, in one thread. Closed loop: CONCURRENCY requests under way all the time; with 0 SECONDS
 * until every user has asked once. With RATE (a second) open loop: requests begin by the clock,
 * whether earlier ones are answered or not, at most CONCURRENCY at once, and each is timed from
 * when it should have begun. Prints one JSON object:
 * {"ms": [...], "seconds": s, "failed": n, "status": {...}}.
 *
 * FILE: JSON array of {"head", "body"}: a request's header lines and body, one for each user, taken
 * in turn; "%ROUND%" in a body becomes a number that never comes again. Every request has a
 * connection of its own, as with the client that it is compared with. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include "ipc/base.h"
#include "ipc/log.h"

#define LIMIT_MS 60000

struct user {
    const char *head, *body;
    bool busy; /* one request of a user at a time: this is no test of queues */
};
struct call {
    struct user *user;
    char *text;
    size_t len, sent, seen;
    double due, ends;
    int fd, status;
    char last[64]; /* the end of what was heard */
    bool done;
};

static struct {
    struct user *users;
    size_t n_users, next;
    struct call *calls;
    size_t most, open;
    uint64_t round, failed;
    json_t *ms, *statuses;
    int poll;
    uint16_t port;
} load;

static double now_ms(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1000 + (double)t.tv_nsec / 1000000;
}

static char *text_of(const struct user *user, size_t *ret_len) {
    const char *mark = strstr(user->body, "%ROUND%");
    char *body = NULL, *text = NULL;
    int n = mark == NULL ? asprintf(&body, "%s", user->body)
                         : asprintf(&body, "%.*s%llu%s", (int)(mark - user->body), user->body,
                                    (unsigned long long)++load.round, mark + strlen("%ROUND%"));
    int all = n < 0 ? n
                    : asprintf(&text,
                               "POST /v1/chat HTTP/1.1\r\n%sContent-Length: %d\r\nConnection: "
                               "close\r\n\r\n%s",
                               user->head, n, body);
    if (all < 0)
        fatal("out of memory");
    free(body);
    *ret_len = (size_t)all;
    return text;
}

static struct user *free_user(void) {
    for (size_t i = 0; i < load.n_users; i++) {
        struct user *user = &load.users[load.next++ % load.n_users];
        if (!user->busy)
            return user;
    }
    return NULL;
}

static void begin(struct call *call, double due) {
    struct user *user = free_user();
    if (user == NULL)
        fatal("fewer users than requests at once");
    *call = (struct call){.user = user, .due = due, .ends = now_ms() + LIMIT_MS};
    user->busy = true;
    call->text = text_of(user, &call->len);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(load.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    call->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (call->fd < 0 || connect(call->fd, (struct sockaddr *)&to, sizeof(to)) < 0 ||
        fd_nonblock(call->fd) < 0)
        fatal("cannot connect: %s", strerror(errno));
    if (send(call->fd, call->text, call->len, MSG_NOSIGNAL) != (ssize_t)call->len)
        fatal("cannot send: %s", strerror(errno));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = call};
    if (epoll_ctl(load.poll, EPOLL_CTL_ADD, call->fd, &event) < 0)
        fatal("epoll: %s", strerror(errno));
    load.open++;
}

static void count_status(int status) {
    char name[16];
    (void)snprintf(name, sizeof(name), "%d", status);
    json_int_t n = json_integer_value(json_object_get(load.statuses, name));
    json_object_set_new(load.statuses, name, json_integer(n + 1));
}

static void end(struct call *call) {
    if (call->done)
        json_array_append_new(load.ms, json_real(now_ms() - call->due));
    else
        load.failed++;
    count_status(call->status);
    call->user->busy = false;
    close(call->fd);
    free(call->text);
    *call = (struct call){.fd = -1};
    load.open--;
}

/* An answer is whole when its stream ended with "done". */
static void look_at(struct call *call, const char *data, size_t len) {
    char text[64 + 4096 + 1];
    size_t kept = strlen(call->last);
    memcpy(text, call->last, kept);
    memcpy(text + kept, data, len);
    text[kept + len] = '\0';
    if (call->seen == 0)
        (void)sscanf(text, "HTTP/1.1 %d", &call->status);
    call->seen += len;
    if (strstr(text, "event: done") != NULL)
        call->done = true;
    size_t all = kept + len, keep = all < sizeof(call->last) - 1 ? all : sizeof(call->last) - 1;
    memcpy(call->last, text + all - keep, keep);
    call->last[keep] = '\0';
}

static void hear(struct call *call) {
    char data[4096];
    for (;;) {
        ssize_t n = recv(call->fd, data, sizeof(data), 0);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            end(call);
            return;
        }
        look_at(call, data, (size_t)n);
    }
}

static struct call *free_call(void) {
    for (size_t i = 0; i < load.most; i++)
        if (load.calls[i].text == NULL)
            return &load.calls[i];
    return NULL;
}

static void hear_all(double until) {
    struct epoll_event events[64];
    double left = until - now_ms();
    int n = epoll_wait(load.poll, events, COUNT_OF(events), left > 0 ? (int)left + 1 : 0);
    for (int i = 0; i < n; i++)
        hear(events[i].data.ptr);
    double now = now_ms();
    for (size_t i = 0; i < load.most; i++)
        if (load.calls[i].text != NULL && load.calls[i].ends < now)
            end(&load.calls[i]);
}

/* Between two beginnings half to one and a half of the mean: no rhythm that a timer could share. */
static void run(double seconds, double rate) {
    double began = now_ms(), stop = began + (seconds > 0 ? seconds : 3600) * 1000, due = began;
    size_t left = seconds > 0 ? SIZE_MAX : load.n_users;
    while (now_ms() < stop && left > 0) {
        struct call *call;
        while ((rate == 0 || due <= now_ms()) && left > 0 && (call = free_call()) != NULL) {
            left--;
            begin(call, rate == 0 ? now_ms() : due);
            due += rate == 0 ? 0 : 1000 / rate * (0.5 + (double)random() / (double)RAND_MAX);
        }
        hear_all(rate == 0 || due > stop ? stop : due > now_ms() ? due : now_ms() + 1);
    }
    while (load.open > 0)
        hear_all(now_ms() + 100);
}

int main(int argc, char **argv) {
    uint64_t port, most, seconds, rate = 0;
    log_open("bench-load");
    if (argc < 5 || argc > 6 || parse_u64(argv[2], 1, 65535, &port) < 0 ||
        parse_u64(argv[3], 1, 1000, &most) < 0 || parse_u64(argv[4], 0, 3600, &seconds) < 0 ||
        (argc == 6 && parse_u64(argv[5], 1, 100000, &rate) < 0))
        fatal("usage: bench-load FILE PORT CONCURRENCY SECONDS [RATE]");
    json_error_t error;
    json_t *file = json_load_file(argv[1], 0, &error), *entry;
    if (!json_is_array(file))
        fatal("cannot read %s", argv[1]);
    load.port = (uint16_t)port;
    load.most = most;
    load.n_users = json_array_size(file);
    load.users = calloc(load.n_users, sizeof(*load.users));
    load.calls = calloc(load.most, sizeof(*load.calls));
    load.poll = epoll_create1(EPOLL_CLOEXEC);
    load.ms = json_array();
    load.statuses = json_object();
    if (load.users == NULL || load.calls == NULL || load.poll < 0)
        fatal("out of memory");
    size_t i;
    json_array_foreach(file, i, entry) {
        load.users[i].head = json_string_value(json_object_get(entry, "head"));
        load.users[i].body = json_string_value(json_object_get(entry, "body"));
    }
    load.round = (uint64_t)time(NULL) * 1000000;
    double began = now_ms();
    run((double)seconds, (double)rate);
    json_t *result =
        json_pack("{s:o,s:f,s:I,s:o}", "ms", load.ms, "seconds", (now_ms() - began) / 1000,
                  "failed", (json_int_t)load.failed, "status", load.statuses);
    json_dumpf(result, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(result);
    json_decref(file);
    return 0;
}
