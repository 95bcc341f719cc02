/* bench-agents spawn COUNT | memory COUNT: what an agent costs, with the real zygote behind a bench
 * supervisor that has nothing else to do. Prints one JSON object.
 *
 * spawn: ms from the wish for an agent to its answered hello, all walls up, one after the other;
 * beside it the ms of a bare fork, exit and wait. memory: KiB of each of COUNT idle agents as
 * smaps_rollup has it, and what the machine's MemAvailable lost. Run as root; uses a runtime
 * directory of its own in shared memory, and sinks in place of keys and egress. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "build_config.h"
#include "ipc/log.h"
#include "ipc/nng_end.h"
#include "supervisor/zygote.h"

#define LIMIT_S 300

struct cell {
    struct bench *bench;
    struct nng_end *end;
    struct msg_peer peer;
    pid_t pid;
    int pidfd;
    bool hello;
};

struct bench {
    struct event_base *base;
    struct zygote *zygote;
    struct cell *cells;
    size_t count, made;
    char dir[64];
    bool ready;
};

static double now_ms(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1000 + (double)t.tv_nsec / 1000000;
}

/* ---- sinks: accept, read, drop ---- */

static void sink_read(int fd, short what, void *ctx) {
    (void)what;
    uint8_t data[1024];
    char control[CMSG_SPACE(4 * sizeof(int))];
    struct iovec part = {data, sizeof(data)};
    struct msghdr packet = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control,
                            .msg_controllen = sizeof(control)};
    ssize_t n = recvmsg(fd, &packet, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n == 0) {
        event_free(*(struct event **)ctx);
        close(fd);
    }
    /* The channel's other end must stay open, or its agent ends: it is kept, unread, until the end.
     */
}

static void sink_accept(int fd, short what, void *ctx) {
    (void)what;
    int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct event **reader = calloc(1, sizeof(*reader));
    if (peer < 0 || reader == NULL)
        fatal("accept: %s", strerror(errno));
    *reader = event_new(ctx, peer, EV_READ | EV_PERSIST, sink_read, reader);
    (void)event_add(*reader, NULL);
}

static void sink_open(struct bench *bench, const char *name) {
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", bench->dir, name);
    (void)mkdir(path, 0755);
    (void)snprintf(path, sizeof(path), "%s/%s/%s.sock", bench->dir, name, name);
    int fd = seq_listen(path, 0666);
    if (fd < 0)
        fatal("cannot listen at %s: %s", path, strerror(-fd));
    struct event *listener =
        event_new(bench->base, fd, EV_READ | EV_PERSIST, sink_accept, bench->base);
    (void)event_add(listener, NULL);
}

/* ---- agents ---- */

static bool cell_up(void *ctx, pid_t pid, uid_t uid) {
    (void)ctx, (void)pid, (void)uid;
    return true;
}

static void cell_message(void *ctx, const uint8_t *data, size_t len) {
    struct cell *cell = ctx;
    Cloister__Message *message = NULL;
    if (msg_decode(&cell->peer, data, len, 0, &message) < 0)
        fatal("an agent spoke out of turn");
    cell->peer.phase = PHASE_READY;
    cell->hello = true;
    msg_free(message);
}

static void cell_down(void *ctx) {
    (void)ctx;
}

static const struct nng_end_ops cell_ops = {cell_up, cell_message, cell_down};

static void cell_start(struct bench *bench, size_t index) {
    struct cell *cell = &bench->cells[index];
    char name[ID_LEN + 1], user[ID_LEN + 1], path[192];
    *cell = (struct cell){.bench = bench,
                          .pidfd = -1,
                          .peer = {ROLE_AGENT | ROLE_TURN, ROLE_SUPERVISOR, PHASE_START, {0}}};
    id_random(name);
    id_random(user);
    (void)snprintf(path, sizeof(path), "%s/agents/%s", bench->dir, name);
    int r = nng_end_listen(bench->base, path, 0666, true, &cell_ops, cell, &cell->end);
    Cloister__Spawn spawn = CLOISTER__SPAWN__INIT;
    spawn.spawn = index + 1;
    spawn.user = user;
    spawn.origin = (char *)"owner";
    spawn.connection = user;
    spawn.socket = name;
    if (r == 0)
        r = zygote_spawn(bench->zygote, &spawn, STDERR_FILENO);
    if (r < 0)
        fatal("cannot ask for an agent: %s", strerror(-r));
}

static void on_ready(void *ctx) {
    ((struct bench *)ctx)->ready = true;
}

static void on_spawned(void *ctx, uint64_t spawn, pid_t pid, int pidfd, int error) {
    struct bench *bench = ctx;
    if (error != 0)
        fatal("the zygote could not: %s", strerror(error));
    bench->cells[spawn - 1].pid = pid;
    bench->cells[spawn - 1].pidfd = pidfd;
}

static void on_lost(void *ctx) {
    (void)ctx;
    fatal("the zygote ended; its own lines say why");
}

static void run_until(struct bench *bench, const bool *done) {
    double end = now_ms() + LIMIT_S * 1000.0;
    while (!*done && now_ms() < end)
        (void)event_base_loop(bench->base, EVLOOP_ONCE);
    if (!*done)
        fatal("no answer in time");
}

static double cell_wait(struct bench *bench, size_t index) {
    double began = now_ms();
    cell_start(bench, index);
    run_until(bench, &bench->cells[index].hello);
    return now_ms() - began;
}

static void cell_end(struct cell *cell) {
    siginfo_t info;
    (void)syscall(SYS_pidfd_send_signal, cell->pidfd, SIGKILL, NULL, 0u);
    (void)waitid(P_PIDFD, (id_t)cell->pidfd, &info, WEXITED);
    close(cell->pidfd);
    nng_end_close(take_ptr(cell->end));
}

/* ---- set-up ---- */

static void make_folder(const char *dir, const char *name) {
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    if (mkdir(path, 0755) < 0 || chmod(path, 0711) < 0)
        fatal("cannot make %s: %s", path, strerror(errno));
}

static void bench_open(struct bench *bench) {
    static char config[128];
    static const struct zygote_ops ops = {on_ready, on_spawned, on_lost};
    strcpy(bench->dir, "/dev/shm/cloister-bench.XXXXXX");
    if (mkdtemp(bench->dir) == NULL || chmod(bench->dir, 0711) < 0)
        fatal("cannot make %s: %s", bench->dir, strerror(errno));
    make_folder(bench->dir, "agents");
    (void)snprintf(config, sizeof(config), "%s/bench.conf", bench->dir);
    FILE *file = fopen(config, "w");
    if (file == NULL)
        fatal("cannot write %s", config);
    fprintf(file, "[google]\nclient_id=bench\n[runtime]\ndir=%s\n", bench->dir);
    fclose(file);
    bench->base = event_base_new();
    sink_open(bench, "keys");
    sink_open(bench, "egress");
    char agents[128];
    (void)snprintf(agents, sizeof(agents), "%s/agents", bench->dir);
    struct zygote_setup setup = {CLOISTER_AGENT_PATH, config, STDERR_FILENO,
                                 open(agents, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    int r = zygote_new(bench->base, &setup, &bench->zygote);
    if (r < 0)
        fatal("cannot start the zygote: %s", strerror(-r));
    zygote_watch(bench->zygote, &ops, bench);
    run_until(bench, &bench->ready);
}

static void bench_close(struct bench *bench) {
    char command[160];
    zygote_watch(bench->zygote, NULL, NULL);
    zygote_free(bench->zygote);
    (void)snprintf(command, sizeof(command), "rm -rf -- %s", bench->dir);
    if (system(command) != 0)
        log_warn("%s is left behind", bench->dir);
}

/* ---- the two measurements ---- */

static void fork_times(json_t *list, size_t count) {
    for (size_t i = 0; i < count; i++) {
        double began = now_ms();
        pid_t pid = fork();
        if (pid == 0)
            _exit(0);
        (void)waitpid(pid, NULL, 0);
        json_array_append_new(list, json_real(now_ms() - began));
    }
}

static json_t *measure_spawn(struct bench *bench) {
    json_t *spawn = json_array(), *bare = json_array();
    for (size_t i = 0; i < 10; i++) { /* warm */
        (void)cell_wait(bench, 0);
        cell_end(&bench->cells[0]);
    }
    for (size_t i = 0; i < bench->count; i++) {
        json_array_append_new(spawn, json_real(cell_wait(bench, i)));
        cell_end(&bench->cells[i]);
    }
    fork_times(bare, bench->count);
    return json_pack("{s:o,s:o}", "spawn_ms", spawn, "fork_ms", bare);
}

static long field_of(const char *path, const char *field) {
    FILE *file = fopen(path, "r");
    char line[256];
    long sum = 0, value;
    if (file == NULL)
        fatal("cannot read %s: %s", path, strerror(errno));
    while (fgets(line, sizeof(line), file) != NULL)
        if (strncmp(line, field, strlen(field)) == 0 &&
            sscanf(strchr(line, ':') + 1, "%ld", &value) == 1)
            sum += value;
    fclose(file);
    return sum;
}

static json_t *measure_memory(struct bench *bench) {
    json_t *private = json_array(), *pss = json_array();
    long before = field_of("/proc/meminfo", "MemAvailable");
    for (size_t i = 0; i < bench->count; i++)
        (void)cell_wait(bench, i);
    long after = field_of("/proc/meminfo", "MemAvailable");
    for (size_t i = 0; i < bench->count; i++) {
        char path[64];
        (void)snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)bench->cells[i].pid);
        json_array_append_new(private, json_integer(field_of(path, "Private_")));
        json_array_append_new(pss, json_integer(field_of(path, "Pss:")));
    }
    for (size_t i = 0; i < bench->count; i++)
        cell_end(&bench->cells[i]);
    return json_pack("{s:o,s:o,s:I}", "private_kib", private, "pss_kib", pss, "memavailable_kib",
                     (json_int_t)(before - after));
}

int main(int argc, char **argv) {
    struct bench bench = {0};
    uint64_t count = 0;
    log_open("bench-agents");
    if (argc != 3 || parse_u64(argv[2], 1, 20000, &count) < 0)
        fatal("usage: bench-agents spawn|memory COUNT");
    bench.count = count;
    bench.cells = calloc(count, sizeof(*bench.cells));
    if (bench.cells == NULL)
        fatal("out of memory");
    (void)signal(SIGPIPE, SIG_IGN);
    bench_open(&bench);
    json_t *result = strcmp(argv[1], "spawn") == 0 ? measure_spawn(&bench) : measure_memory(&bench);
    json_dumpf(result, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(result);
    bench_close(&bench);
    free(bench.cells);
    return 0;
}
