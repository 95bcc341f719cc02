/* Egress's parts inside this process: the ready pool, and names over a DNS server of our own in
 * network and mount namespaces of our own. The round trip that the kernel reports is wrapped, since
 * a local one is too short to be worth a pool. */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "supervisor/egress/pool.h"

int __real_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
uint64_t __real_clock_ms(void);
uint64_t __wrap_clock_ms(void);

static uint32_t round_trip_us = 40000;
static uint64_t clock_ahead;

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len) {
    int r = __real_getsockopt(fd, level, name, value, len);
    if (r == 0 && level == IPPROTO_TCP && name == TCP_INFO)
        ((struct tcp_info *)value)->tcpi_rtt = round_trip_us;
    return r;
}

uint64_t __wrap_clock_ms(void) {
    return __real_clock_ms() + clock_ahead;
}

struct bench {
    struct event_base *base;
    struct config *config;
    struct allow *allow;
    struct resolver *resolver;
    struct pool *pool;
    int listener, accepted[64];
    size_t n;
    const struct destination *d;
};

static struct config *config_of(const char *text) {
    char path[] = "/tmp/cloister-pool-XXXXXX", why[256] = "";
    int fd = mkstemp(path);
    struct config *config = NULL;
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write_all(fd, text, strlen(text)), 0);
    (void)close(fd);
    ck_assert_msg(config_load(path, &config, why, sizeof(why)) == 0, "%s", why);
    (void)unlink(path);
    return config;
}

static void bench_parts(struct bench *b, const char *text) {
    char why[256] = "";
    b->config = config_of(text);
    b->base = event_base_new();
    ck_assert_msg(allow_new(b->config, &b->allow, why, sizeof(why)) == 0, "%s", why);
    ck_assert_int_eq(resolver_new(b->base, b->allow, &b->resolver), 0);
    ck_assert_int_eq(pool_new(b->base, b->resolver, b->allow, &b->pool), 0);
}

static void bench_begin(struct bench *b) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    char text[96];
    *b = (struct bench){.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    ck_assert_int_eq(bind(b->listener, (struct sockaddr *)&address, len), 0);
    ck_assert_int_eq(listen(b->listener, 64), 0);
    ck_assert_int_eq(getsockname(b->listener, (struct sockaddr *)&address, &len), 0);
    (void)snprintf(text, sizeof(text), "[egress]\nallow = 127.0.0.1:%u\n", ntohs(address.sin_port));
    bench_parts(b, text);
    b->d = allow_find(b->allow, "127.0.0.1", ntohs(address.sin_port));
    ck_assert_ptr_nonnull(b->d);
}

static void bench_end(struct bench *b) {
    pool_free(b->pool);
    resolver_free(b->resolver);
    allow_free(b->allow);
    config_free(b->config);
    event_base_free(b->base);
    for (size_t i = 0; i < b->n; i++)
        (void)close(b->accepted[i]);
    if (b->listener > 0)
        (void)close(b->listener);
}

static void spin(struct bench *b) {
    (void)event_base_loop(b->base, EVLOOP_NONBLOCK);
    for (int fd; b->listener > 0 && (fd = accept(b->listener, NULL, NULL)) >= 0;)
        b->accepted[b->n++] = fd;
}

/* Runs the loop until the server has `n` connections and everything has settled. */
static void settle(struct bench *b, size_t n) {
    for (int i = 0; i < 2000 && b->n < n; i++) {
        spin(b);
        (void)poll(NULL, 0, 1);
    }
    for (int i = 0; i < 20; i++)
        spin(b);
    ck_assert_uint_eq(b->n, n);
}

struct got {
    int fd, error;
    bool called;
};

static void on_got(void *ctx, int fd, int error) {
    *(struct got *)ctx = (struct got){fd, error, true};
}

static int take_new(struct bench *b) {
    struct got got = {-1, 0, false};
    ck_assert_ptr_nonnull(pool_request_new(b->pool, b->d, on_got, &got));
    for (int i = 0; i < 2000 && !got.called; i++) {
        spin(b);
        (void)poll(NULL, 0, 1);
    }
    ck_assert_int_eq(got.error, 0);
    return got.fd;
}

/* Which accepted connection `fd` is the other end of. */
static size_t number_of(struct bench *b, int fd) {
    struct sockaddr_in mine, theirs;
    socklen_t len = sizeof(mine);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&mine, &len), 0);
    for (size_t i = 0; i < b->n; i++) {
        len = sizeof(theirs);
        if (getpeername(b->accepted[i], (struct sockaddr *)&theirs, &len) == 0 &&
            theirs.sin_port == mine.sin_port)
            return i;
    }
    ck_abort_msg("not a connection of the server");
}

START_TEST(filled_after_use) {
    struct bench b;
    bench_begin(&b);
    spin(&b);
    ck_assert_uint_eq(b.n, 0); /* nothing before the first use */
    ck_assert_int_eq(pool_take(b.pool, b.d), -1);
    SCOPE_FD int first = take_new(&b);
    SCOPE_FD int second = take_new(&b); /* now the round trip is known: ready ones are made */
    settle(&b, 4);
    SCOPE_FD int third = pool_take(b.pool, b.d);
    ck_assert_int_ge(third, 0);
    ck_assert_uint_eq(number_of(&b, third), 2); /* the oldest first */
    settle(&b, 5);                              /* and refilled */
    SCOPE_FD int fourth = pool_take(b.pool, b.d);
    ck_assert_uint_eq(number_of(&b, fourth), 3);
    settle(&b, 6);
    ck_assert_uint_ne(number_of(&b, first), number_of(&b, second));
    bench_end(&b);
}
END_TEST

START_TEST(not_where_a_round_trip_is_free) {
    struct bench b;
    round_trip_us = 50;
    bench_begin(&b);
    for (int i = 0; i < 5; i++) {
        SCOPE_FD int fd = take_new(&b);
        ck_assert_int_eq(pool_take(b.pool, b.d), -1);
    }
    settle(&b, 5);
    bench_end(&b);
}
END_TEST

START_TEST(broken_ones_are_not_handed_out) {
    struct bench b;
    bench_begin(&b);
    SCOPE_FD int first = take_new(&b);
    SCOPE_FD int second = take_new(&b);
    settle(&b, 4);
    (void)shutdown(b.accepted[2], SHUT_RDWR);              /* the server closes one */
    ck_assert_int_eq(send(b.accepted[3], "220", 3, 0), 3); /* and speaks unasked on the other */
    SCOPE_FD int fd = pool_take(b.pool, b.d);              /* even before the loop has noticed */
    ck_assert_int_eq(fd, -1);
    SCOPE_FD int fresh = take_new(&b);
    ck_assert_uint_ge(number_of(&b, fresh), 4);
    bench_end(&b);
}
END_TEST

START_TEST(old_ones_are_replaced) {
    struct bench b;
    bench_begin(&b);
    SCOPE_FD int first = take_new(&b);
    SCOPE_FD int second = take_new(&b);
    settle(&b, 4);
    clock_ahead += 21000;
    SCOPE_FD int none = pool_take(b.pool, b.d);
    ck_assert_int_eq(none, -1);
    SCOPE_FD int fresh = take_new(&b);
    ck_assert_uint_ge(number_of(&b, fresh), 4);
    bench_end(&b);
}
END_TEST

START_TEST(unused_destinations_get_none) {
    struct bench b;
    bench_begin(&b);
    SCOPE_FD int first = take_new(&b);
    SCOPE_FD int second = take_new(&b);
    settle(&b, 4);
    clock_ahead += 61000;
    uint64_t begun = __real_clock_ms();
    char byte;
    while (recv(b.accepted[3], &byte, 1, MSG_DONTWAIT) != 0 && __real_clock_ms() - begun < 5000) {
        spin(&b); /* the tick closes them */
        (void)poll(NULL, 0, 5);
    }
    ck_assert_int_eq(recv(b.accepted[3], &byte, 1, MSG_DONTWAIT), 0);
    settle(&b, 4); /* and makes no new ones */
    bench_end(&b);
}
END_TEST

/* A dial takes over an attempt under way, so that connections are used in the order they are made.
 */
START_TEST(attempts_are_taken_over) {
    struct bench b;
    bench_begin(&b);
    SCOPE_FD int first = take_new(&b);
    struct got a = {0}, c = {0};
    ck_assert_ptr_nonnull(
        pool_request_new(b.pool, b.d, on_got, &a)); /* starts itself and two more */
    ck_assert_ptr_nonnull(pool_request_new(b.pool, b.d, on_got, &c)); /* takes one of the two */
    for (int i = 0; i < 2000 && !(a.called && c.called); i++)
        spin(&b);
    ck_assert_int_eq(a.error, 0);
    ck_assert_int_eq(c.error, 0);
    settle(&b, 5); /* first, a, c, and two ready */
    ck_assert_uint_lt(number_of(&b, c.fd), 3);
    (void)close(a.fd);
    (void)close(c.fd);
    struct got gone = {0};
    struct pool_request *request = pool_request_new(b.pool, b.d, on_got, &gone);
    pool_request_cancel(request);
    settle(&b, 6);
    ck_assert(!gone.called);
    bench_end(&b);
}
END_TEST

/* ---- names ---- */

static atomic_int dns_questions;

/* Answers A and AAAA questions for the names below; the rest does not exist. */
static const struct {
    const char *name;
    uint16_t type;
    const char *address;
    uint8_t ttl;
} zone[] = {
    {"public.example", 1, "8.8.8.8", 60},         {"private.example", 1, "10.0.0.1", 60},
    {"short.example", 1, "8.8.4.4", 1},           {"six.example", 28, "2607:f8b0::1", 60},
    {"mapped.example", 28, "::ffff:8.8.8.8", 60}, {"mixed.example", 1, "10.0.0.2", 60},
    {"mixed.example", 28, "fd00::1", 60},
};

static void *dns_server(void *ctx) {
    int fd = *(int *)ctx;
    for (;;) {
        uint8_t q[512], name[256] = "";
        struct sockaddr_in from;
        socklen_t from_len = sizeof(from);
        ssize_t n = recvfrom(fd, q, sizeof(q) - 64, 0, (struct sockaddr *)&from, &from_len);
        if (n < 17)
            return NULL;
        size_t at = 12, used = 0, len = (size_t)n;
        while (at < len && q[at] != 0 && used + q[at] + 1u < sizeof(name)) {
            memcpy(name + used, q + at + 1, q[at]);
            used += q[at];
            name[used++] = '.';
            at += q[at] + 1u;
        }
        name[used > 0 ? used - 1 : 0] = '\0';
        uint16_t type = (uint16_t)(q[at + 1] << 8 | q[at + 2]);
        size_t end = at + 5;
        dns_questions++;
        q[2] = 0x81;
        q[3] = 0x83; /* does not exist */
        memset(q + 6, 0, 6);
        bool known = false;
        for (size_t i = 0; i < COUNT_OF(zone); i++) {
            if (strcasecmp((char *)name, zone[i].name) != 0)
                continue;
            known = true;
            if (zone[i].type != type)
                continue;
            uint8_t size = type == 1 ? 4 : 16;
            const uint8_t head[] = {0xc0, 12, 0, (uint8_t)type, 0, 1,
                                    0,    0,  0, zone[i].ttl,   0, size};
            memcpy(q + end, head, sizeof(head));
            (void)inet_pton(type == 1 ? AF_INET : AF_INET6, zone[i].address,
                            q + end + sizeof(head));
            end += sizeof(head) + size;
            q[7]++;
        }
        if (known)
            q[3] = 0x80;
        (void)sendto(fd, q, end, 0, (struct sockaddr *)&from, from_len);
    }
}

/* Namespaces of our own: nothing but a loopback, and /etc as we want it. */
static void own_world(const char *resolv_conf) {
    struct ifreq up = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    SCOPE_FD int any = -1;
    ck_assert_int_eq(unshare(CLONE_NEWNS | CLONE_NEWNET), 0);
    any = socket(AF_INET, SOCK_DGRAM, 0);
    ck_assert_int_eq(ioctl(any, SIOCSIFFLAGS, &up), 0);
    ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    ck_assert_int_eq(mount("none", "/etc", "tmpfs", 0, NULL), 0);
    if (resolv_conf == NULL)
        return;
    SCOPE_FD int fd = open("/etc/resolv.conf", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    ck_assert_int_eq(write_all(fd, resolv_conf, strlen(resolv_conf)), 0);
}

static void dns_start(void) {
    static int fd;
    pthread_t thread;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, dns_server, &fd), 0);
}

static const char names_text[] =
    "[egress]\nallow = private.example:80\n"
    "[google]\ntoken_url = https://public.example/\nrevoke_url = https://private.example/\n"
    "calendar_url = https://mapped.example/\n[model]\nbase_url = https://mixed.example/\n";

struct answer {
    struct address_list list;
    bool called, found;
};

static void on_resolved(void *ctx, const struct address_list *list) {
    struct answer *answer = ctx;
    answer->called = true;
    answer->found = list != NULL;
    if (list != NULL)
        answer->list = *list;
}

static struct answer ask(struct bench *b, const char *host, uint16_t port) {
    struct answer answer = {0};
    const struct destination *d = allow_find(b->allow, host, port);
    ck_assert_ptr_nonnull(d);
    if (resolver_known(b->resolver, d, &answer.list)) {
        answer.found = true;
        return answer;
    }
    if (resolver_ask(b->resolver, d, on_resolved, &answer) == NULL)
        return answer;
    uint64_t begun = __real_clock_ms();
    while (!answer.called && __real_clock_ms() - begun < 10000) {
        (void)event_base_loop(b->base, EVLOOP_NONBLOCK);
        (void)poll(NULL, 0, 1);
    }
    ck_assert(answer.called);
    for (int i = 0; i < 20; i++) { /* the answer to the other question may be on its way */
        (void)event_base_loop(b->base, EVLOOP_NONBLOCK);
        (void)poll(NULL, 0, 2);
    }
    return answer;
}

static int connect_error(struct bench *b, const char *host, uint16_t port) {
    struct got got = {-1, 0, false};
    const struct destination *d = allow_find(b->allow, host, port);
    ck_assert_ptr_nonnull(d);
    ck_assert_ptr_nonnull(pool_request_new(b->pool, d, on_got, &got));
    uint64_t begun = __real_clock_ms();
    while (!got.called && __real_clock_ms() - begun < 15000) {
        (void)event_base_loop(b->base, EVLOOP_NONBLOCK);
        (void)poll(NULL, 0, 1);
    }
    ck_assert(got.called);
    return got.error;
}

START_TEST(names_resolve_and_are_kept) {
    struct bench b = {0};
    own_world("nameserver 127.0.0.1\n");
    dns_start();
    bench_parts(
        &b, "[egress]\nallow = public.example:1 short.example:1 six.example:1 nowhere.example:1\n");
    struct answer answer = ask(&b, "public.example", 1);
    ck_assert(answer.found);
    ck_assert_uint_eq(answer.list.n, 1);
    ck_assert_uint_eq(ntohl(answer.list.at[0].v4.sin_addr.s_addr), 0x08080808);
    answer = ask(&b, "six.example", 1);
    ck_assert(answer.found);
    ck_assert_int_eq(answer.list.at[0].any.sa_family, AF_INET6);
    ck_assert(!ask(&b, "nowhere.example", 1).found);
    ck_assert(ask(&b, "short.example", 1).found);
    int before = dns_questions;
    ck_assert(ask(&b, "public.example", 1).found);
    ck_assert_int_eq(dns_questions, before); /* kept */
    clock_ahead += 2000;
    ck_assert(ask(&b, "public.example", 1).found);
    ck_assert_int_eq(dns_questions, before);
    ck_assert(ask(&b, "short.example", 1).found);
    ck_assert_int_gt(dns_questions, before); /* its second is over */
    clock_ahead += 60000;
    before = dns_questions;
    ck_assert(ask(&b, "public.example", 1).found);
    ck_assert_int_gt(dns_questions, before);
    bench_end(&b);
}
END_TEST

START_TEST(names_of_private_addresses) {
    struct bench b = {0};
    own_world("nameserver 127.0.0.1\n");
    dns_start();
    bench_parts(&b, names_text);
    ck_assert_int_eq(connect_error(&b, "private.example", 443), EACCES);
    ck_assert_int_eq(connect_error(&b, "mapped.example", 443), EACCES);
    ck_assert_int_eq(connect_error(&b, "mixed.example", 443), EACCES);
    /* controls: these pass the check and fail at the network that is not there */
    ck_assert_int_eq(connect_error(&b, "public.example", 443), ENETUNREACH);
    ck_assert_int_eq(connect_error(&b, "private.example", 80), ENETUNREACH);
    bench_end(&b);
}
END_TEST

START_TEST(no_resolver_configuration) {
    struct bench b = {0};
    own_world(NULL);
    bench_parts(&b, "[egress]\nallow = localhost:1 127.0.0.1:1 public.example:1\n");
    ck_assert(ask(&b, "localhost", 1).found);
    ck_assert(ask(&b, "127.0.0.1", 1).found);
    uint64_t begun = __real_clock_ms();
    ck_assert(!ask(&b, "public.example", 1).found);
    ck_assert_uint_lt(__real_clock_ms() - begun, 1000); /* at once, not after a timeout */
    dns_start();
    SCOPE_FD int fd = open("/etc/resolv.conf", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    ck_assert_int_eq(write_all(fd, "nameserver 127.0.0.1\n", 21), 0);
    clock_ahead += 3000;
    ck_assert(ask(&b, "public.example", 1).found); /* a file that appears is read */
    bench_end(&b);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("pool");
    TCase *t = tcase_create("pool");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, filled_after_use);
    tcase_add_test(t, not_where_a_round_trip_is_free);
    tcase_add_test(t, broken_ones_are_not_handed_out);
    tcase_add_test(t, old_ones_are_replaced);
    tcase_add_test(t, unused_destinations_get_none);
    tcase_add_test(t, attempts_are_taken_over);
    tcase_add_test(t, names_resolve_and_are_kept);
    tcase_add_test(t, names_of_private_addresses);
    tcase_add_test(t, no_resolver_configuration);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
