#include "supervisor/ctl_upgrade_manager.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "ipc/message.h"
#include "supervisor/ctl_upgrade_run.h"

#define LOOK_MS 20000 /* to ask a manager; a busy machine is no reason to go back */
#define BUSY_MS 200
#define STOP_MS 90000 /* the managers kill what does not stop, each after its own time */
#define POLL_US 100000

const char *const manager_services[MANAGER_SERVICES] = {
    "cloister-keys", "cloister-egress",  "cloister-notify",        "cloister-business",
    "cloisterd",     "cloister-gateway", "cloister-gateway-public"};

/* Cloister works without these: docs/front-door.md. The launcher runs them all. */
static const char *const front_door[] = {"cloister-notify", "cloister-business",
                                         "cloister-gateway-public"};

void manager_leave_out(struct manager *manager, const struct manager_view *view) {
    for (size_t i = 0; i < MANAGER_SERVICES; i++) {
        bool may = false;
        for (size_t j = 0; j < COUNT_OF(front_door); j++)
            may |= strcmp(manager_services[i], front_door[j]) == 0;
        manager->left_out[i] = view->of[i].masked || (may && view->of[i].stays_off);
    }
}

int manager_find(const struct config *config, struct manager *ret) {
    struct manager found = {0};
    struct stat st;
    int r = config_runtime_path(config, "launch.sock", found.socket, sizeof(found.socket));
    if (r == 0 && stat(found.socket, &st) == 0 && S_ISSOCK(st.st_mode)) {
        int fd = seq_connect(found.socket);
        if (fd >= 0) {
            (void)close(fd);
            *ret = found;
            return 0;
        }
    }
    if (stat("/run/systemd/system", &st) < 0)
        return -ENOENT;
    found.systemd = true;
    *ret = found;
    return 0;
}

/* ---- the launcher ---- */

static int launcher_ask(const struct manager *manager, const char *request, unsigned timeout_ms,
                        char *answer, size_t cap) {
    struct ucred peer = {.uid = (uid_t)-1};
    socklen_t len = sizeof(peer);
    const struct timeval wait = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
    SCOPE_FD int fd = seq_connect(manager->socket);
    if (fd < 0)
        return fd;
    /* Its directory belongs to cloisterd's user: an answer is the launcher's if root gave it. */
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 || peer.uid != 0)
        return -EPERM;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) < 0)
        return -errno;
    if (send(fd, request, strlen(request), MSG_NOSIGNAL) < 0)
        return -errno;
    ssize_t n = recv(fd, answer, cap - 1, 0);
    if (n <= 0)
        return n == 0 ? -ECONNRESET : -errno;
    answer[n] = '\0';
    return 0;
}

static int launcher_look(const struct manager *manager, struct manager_view *view) {
    char answer[1024], *save = NULL;
    int r = launcher_ask(manager, "list", LOOK_MS, answer, sizeof(answer));
    if (r < 0)
        return r;
    for (char *line = strtok_r(answer, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        char *word = NULL;
        const char *name = strtok_r(line, " ", &word), *number = strtok_r(NULL, " ", &word),
                   *state = strtok_r(NULL, " ", &word);
        uint64_t pid = 0;
        if (state == NULL || parse_u64(number, 0, INT32_MAX, &pid) < 0)
            continue;
        for (size_t i = 0; i < MANAGER_SERVICES; i++)
            if (strcmp(name, manager_services[i]) == 0) {
                view->of[i].pid = (pid_t)pid;
                view->of[i].ready = strcmp(state, "ready") == 0;
            }
    }
    return 0;
}

static int launcher_restart(const struct manager *manager, struct manager_part part,
                            unsigned timeout_ms, char *why, size_t why_len) {
    char request[256], answer[256] = "";
    int used = snprintf(request, sizeof(request), "restart %u", timeout_ms);
    for (size_t i = part.first; i < part.end; i++)
        if (!manager->left_out[i])
            used += snprintf(request + used, sizeof(request) - (size_t)used, " %s",
                             manager_services[i]);
    /* It may be busy with what an upgrade that was cut off asked for; that takes no longer. */
    const uint64_t end = clock_ms() + STOP_MS + timeout_ms;
    int r = launcher_ask(manager, request, STOP_MS + timeout_ms, answer, sizeof(answer));
    while (r == 0 && strcmp(answer, "busy") == 0 && clock_ms() < end) {
        (void)poll(NULL, 0, BUSY_MS);
        r = launcher_ask(manager, request, STOP_MS + timeout_ms, answer, sizeof(answer));
    }
    if (r == 0 && strcmp(answer, "ok") == 0)
        return 0;
    (void)snprintf(why, why_len, "%s", r < 0 ? strerror(-r) : answer);
    return r < 0 ? r : -EIO;
}

/* ---- systemd ---- */

/* Of "NAME=NUMBER" among these lines; 0: it is not there. */
static uint64_t number_of(const char *lines, const char *name) {
    const char *found = strstr(lines, name);
    return found == NULL ? 0 : strtoull(found + strlen(name), NULL, 10);
}

/* One question for all units, since each costs a process. Answers are in the order of the units, an
 * empty line between two. */
static int systemd_look(struct manager_view *view) {
    char units[MANAGER_SERVICES][80], said[4096];
    const char *args[MANAGER_SERVICES + 4] = {
        "systemctl", "show",
        "--property=MainPID,LoadState,ActiveState,Job,InactiveExitTimestampMonotonic,"
        "ActiveEnterTimestampMonotonic"};
    for (size_t i = 0; i < MANAGER_SERVICES; i++) {
        (void)snprintf(units[i], sizeof(units[i]), "%s.service", manager_services[i]);
        args[3 + i] = units[i];
    }
    int r = upgrade_run(args, LOOK_MS, said, sizeof(said));
    if (r != 0)
        return r < 0 ? r : -EIO;
    char *lines = said;
    for (size_t i = 0; i < MANAGER_SERVICES; i++) {
        char *end = strstr(lines, "\n\n");
        if (end != NULL)
            end[1] = '\0';
        else if (i + 1 < MANAGER_SERVICES)
            return -EBADMSG;
        uint64_t began = number_of(lines, "InactiveExitTimestampMonotonic="),
                 ready = number_of(lines, "ActiveEnterTimestampMonotonic=");
        view->of[i].pid = (pid_t)number_of(lines, "MainPID=");
        view->of[i].ready = strstr(lines, "ActiveState=active\n") != NULL;
        view->of[i].masked = strstr(lines, "LoadState=masked\n") != NULL;
        view->of[i].stays_off = view->of[i].pid == 0 && number_of(lines, "Job=") == 0 &&
                                (strstr(lines, "ActiveState=inactive\n") != NULL ||
                                 strstr(lines, "ActiveState=failed\n") != NULL);
        view->of[i].start_ms = ready > began ? (ready - began) / 1000 : 0;
        lines = end == NULL ? lines : end + 2;
    }
    return 0;
}

/* As jobs that replace each other nowhere: systemd does not take cloisterd for stopped for good,
 * which would empty its fd store. systemctl enqueues them one by one, and what is alone in the
 * queue is stopped at once; so the last come first, and nothing is stopped that somebody who still
 * answers needs (those that come later in the queue stop after these, by After=). */
static int systemd_restart(const struct manager *manager, struct manager_part part,
                           unsigned timeout_ms, char *why, size_t why_len) {
    struct manager_view before = {0}, now;
    char units[MANAGER_SERVICES][80];
    const char *args[MANAGER_SERVICES + 4] = {"systemctl", "restart", "--no-block"};
    size_t all = 0;
    for (size_t i = part.end; i-- > part.first;)
        if (!manager->left_out[i]) {
            (void)snprintf(units[i], sizeof(units[i]), "%s.service", manager_services[i]);
            args[3 + all++] = units[i];
        }
    if (all == 0)
        return 0;
    int r = systemd_look(&before);
    if (r == 0)
        r = upgrade_run(args, LOOK_MS, why, why_len);
    if (r != 0)
        return r < 0 ? r : -EIO;
    uint64_t deadline = clock_ms() + STOP_MS + timeout_ms, stopped = 0;
    for (;;) {
        size_t fresh = 0, ready = 0;
        if (systemd_look(&now) < 0)
            now = before;
        for (size_t i = part.first; i < part.end; i++) {
            bool is_fresh = !manager->left_out[i] && now.of[i].pid != before.of[i].pid;
            fresh += is_fresh;
            ready += is_fresh && now.of[i].pid != 0 && now.of[i].ready;
        }
        if (ready == all)
            return 0;
        if (fresh == all && stopped == 0) /* the last of the old ones has ended */
            stopped = clock_ms();
        if (clock_ms() >= deadline || (stopped != 0 && clock_ms() >= stopped + timeout_ms)) {
            (void)snprintf(why, why_len, "%zu of %zu services were not ready in time", all - ready,
                           all);
            return -ETIME;
        }
        (void)usleep(POLL_US);
    }
}

int manager_look(const struct manager *manager, struct manager_view *ret) {
    struct manager_view view = {0};
    int r = manager->systemd ? systemd_look(&view) : launcher_look(manager, &view);
    if (r == 0)
        *ret = view;
    return r;
}

int manager_restart(const struct manager *manager, struct manager_part part, unsigned timeout_ms,
                    char *why, size_t why_len) {
    return manager->systemd ? systemd_restart(manager, part, timeout_ms, why, why_len)
                            : launcher_restart(manager, part, timeout_ms, why, why_len);
}
