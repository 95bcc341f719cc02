#include "deploy/launcher/restart.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "ipc/log.h"
#include "ipc/message.h"

#define REQUEST_MAX   1024
#define ASK_WAIT_MS   200 /* a caller sends its request at once */
#define TIMEOUT_MAX   120000u
#define STOP_LIMIT_MS 60000u /* program.c kills long before */

enum phase { NONE, STOPPING, STARTING };

struct restart {
    const struct program_world *world;
    int listener, client; /* client: -1, or waits for the end of the restart */
    enum phase phase;
    bool chosen[16], tried[16]; /* tried: started by this restart */
    uint64_t timeout_ms, deadline;
};

bool restart_is_served(const struct config *config) {
    char path[256];
    if (config_runtime_path(config, "launch.sock", path, sizeof(path)) < 0)
        return false;
    SCOPE_FD int fd = seq_connect(path);
    return fd >= 0;
}

int restart_new(const struct program_world *world, struct restart **ret) {
    char path[256];
    int r = config_runtime_path(world->config, "launch.sock", path, sizeof(path));
    if (r < 0)
        return r;
    if (program_count > COUNT_OF(((struct restart *)NULL)->chosen))
        panic("more programs than a restart knows");
    struct restart *restart = calloc(1, sizeof(*restart));
    if (restart == NULL)
        return -ENOMEM;
    *restart = (struct restart){.world = world, .client = -1};
    restart->listener = seq_listen(path, 0600);
    if (restart->listener < 0) {
        r = restart->listener;
        free(restart);
        return r;
    }
    *ret = restart;
    return 0;
}

void restart_free(struct restart *restart) {
    char path[256];
    if (restart == NULL)
        return;
    if (config_runtime_path(restart->world->config, "launch.sock", path, sizeof(path)) == 0)
        (void)unlink(path);
    (void)close(restart->listener);
    if (restart->client >= 0)
        (void)close(restart->client);
    free(restart);
}

int restart_fd(const struct restart *restart) {
    return restart->listener;
}

static void say(int fd, const char *text) {
    (void)!send(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void choose_none(struct restart *restart) {
    memset(restart->chosen, 0, sizeof(restart->chosen));
    memset(restart->tried, 0, sizeof(restart->tried));
}

/* ---- under way ---- */

static void finish(struct restart *restart, const char *answer) {
    restart->phase = NONE;
    for (size_t i = 0; i < program_count; i++)
        if (restart->chosen[i]) {
            programs[i].held = false;
            programs[i].deaths = 0;
        }
    choose_none(restart);
    if (restart->client >= 0) {
        say(restart->client, answer);
        (void)close(take_fd(&restart->client));
    }
}

static void fail(struct restart *restart, const struct program *program, const char *why) {
    char answer[256];
    log_error("restart: %s %s", program->name, why);
    (void)snprintf(answer, sizeof(answer), "failed %s: %s", program->name, why);
    finish(restart, answer);
}

/* The last of the chosen that still runs goes next. True when none does. */
static bool stop_next(struct restart *restart) {
    for (size_t i = program_count; i-- > 0;)
        if (restart->chosen[i] && programs[i].pid != 0) {
            program_stop(&programs[i]);
            return false;
        }
    return true;
}

/* The first of the chosen that is not ready is started. True when all are. */
static bool start_next(struct restart *restart) {
    for (size_t i = 0; i < program_count; i++) {
        struct program *program = &programs[i];
        if (!restart->chosen[i] || program->state == PROGRAM_READY)
            continue;
        if (program->state == PROGRAM_STARTING) {
            if (clock_ms() >= restart->deadline)
                fail(restart, program, "was not ready in time");
            return false;
        }
        if (restart->tried[i]) {
            fail(restart, program, "ended while it started");
            return false;
        }
        restart->tried[i] = true;
        program_start(program, restart->world);
        if (program->state == PROGRAM_DOWN)
            fail(restart, program, "could not be started");
        return false;
    }
    return true;
}

int restart_go_on(struct restart *restart) {
    if (restart->phase == STOPPING && stop_next(restart)) {
        restart->phase = STARTING;
        restart->deadline = clock_ms() + restart->timeout_ms;
    }
    if (restart->phase == STARTING && start_next(restart)) {
        log_info("restart: all are ready");
        finish(restart, "ok");
    }
    if (restart->phase == NONE)
        return -1;
    uint64_t now = clock_ms();
    return restart->phase == STOPPING ? (int)STOP_LIMIT_MS
           : restart->deadline > now  ? (int)(restart->deadline - now) + 1
                                      : 1;
}

/* ---- asked ---- */

static void list(int fd) {
    char text[1024] = "";
    for (size_t i = 0; i < program_count; i++) {
        size_t used = strlen(text);
        (void)snprintf(text + used, sizeof(text) - used, "%s %d %s %u\n", programs[i].name,
                       (int)programs[i].pid, program_state_name(programs[i].state),
                       programs[i].starts);
    }
    say(fd, text);
}

static void begin(struct restart *restart, char *words, int *fd) {
    char *save = NULL, *timeout = strtok_r(words, " ", &save);
    unsigned long ms = timeout == NULL ? 0 : strtoul(timeout, NULL, 10);
    size_t n = 0;
    if (restart->phase != NONE) {
        say(*fd, "busy");
        return;
    }
    for (char *name; (name = strtok_r(NULL, " ", &save)) != NULL; n++) {
        const struct program *program = program_named(name);
        if (program == NULL) {
            say(*fd, "failed: there is no such program");
            choose_none(restart);
            return;
        }
        restart->chosen[program - programs] = true;
    }
    if (n == 0 || ms == 0 || ms > TIMEOUT_MAX) {
        say(*fd, "failed: what is asked for?");
        choose_none(restart);
        return;
    }
    log_info("restart: %zu programs, asked for by root", n);
    for (size_t i = 0; i < program_count; i++)
        programs[i].held = programs[i].held || restart->chosen[i];
    restart->timeout_ms = ms;
    restart->phase = STOPPING;
    restart->client = take_fd(fd);
}

static bool is_root(int fd) {
    struct ucred peer = {.uid = (uid_t)-1};
    socklen_t len = sizeof(peer);
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.uid == 0;
}

void restart_accept(struct restart *restart) {
    char request[REQUEST_MAX + 1];
    const struct timeval wait = {.tv_usec = ASK_WAIT_MS * 1000};
    SCOPE_FD int fd = accept4(restart->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0 || !is_root(fd) || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) < 0)
        return;
    ssize_t len = recv(fd, request, REQUEST_MAX, 0);
    if (len <= 0)
        return;
    request[len] = '\0';
    if (strcmp(request, "list") == 0)
        list(fd);
    else if (strncmp(request, "restart ", 8) == 0)
        begin(restart, request + 8, &fd);
    else
        say(fd, "failed: what is asked for?");
}
