#include "supervisor/pressure.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define GROUPS_MAX  16 /* from our own up to the top */
#define SHORT_EVERY 4  /* times as often while memory is short */
#define FILE_BYTES  8192
#define PLENTY      30 /* percent free, from which on nobody waits because memory is short */

/* Files that stay open: a look is a few preads. -1: not there. */
struct stalls {
    int fd;
    uint64_t some, all; /* microseconds, at the last look */
    bool seen;
};
struct group {
    int limit, used, stat;
    const char *cache; /* in stat: what the kernel can take back without swapping */
    struct stalls stalls;
};

struct pressure {
    struct pressure_setup setup;
    struct event *timer;
    int meminfo;
    struct stalls machine;
    struct group groups[GROUPS_MAX];
    size_t n_groups;
    uint64_t looked_us;
    struct pressure_reading last;
};

static const char *const names[] = {
#define X(level, name) [PRESSURE_##level] = name,
    PRESSURE_LEVELS(X)
#undef X
};

const char *pressure_level_name(enum pressure_level level) {
    return names[level];
}

/* ---- reading ---- */

static uint64_t now_us(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static bool read_text(int fd, char out[static FILE_BYTES]) {
    ssize_t n = fd < 0 ? -1 : pread(fd, out, FILE_BYTES - 1, 0);
    out[n > 0 ? n : 0] = '\0';
    return n > 0;
}

/* The number behind `key`, which stands at the beginning of a line. */
static bool number_behind(const char *text, const char *key, uint64_t *ret) {
    size_t len = strlen(key);
    for (const char *line = text; line != NULL && *line != '\0';) {
        if (strncmp(line, key, len) == 0)
            return number_read(line + len, ret) != NULL;
        line = strchr(line, '\n');
        line = line == NULL ? NULL : line + 1;
    }
    return false;
}

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=42", likewise "full". */
static bool stall_total(const char *text, const char *kind, uint64_t *ret) {
    const char *line = strstr(text, kind);
    const char *total = line == NULL ? NULL : strstr(line, "total=");
    return total != NULL && number_read(total + strlen("total="), ret) != NULL;
}

static unsigned percent(uint64_t part, uint64_t whole) {
    return whole == 0 ? 0 : part >= whole ? 100 : (unsigned)(part * 100 / whole);
}

static void read_stalls(struct stalls *stalls, uint64_t passed_us,
                        struct pressure_reading *reading) {
    char text[FILE_BYTES];
    uint64_t some, all;
    if (!read_text(stalls->fd, text) || !stall_total(text, "some ", &some))
        return;
    if (!stall_total(text, "full ", &all))
        all = stalls->all;
    if (stalls->seen && some >= stalls->some && all >= stalls->all) {
        unsigned s = percent(some - stalls->some, passed_us);
        unsigned a = percent(all - stalls->all, passed_us);
        reading->stalled = s > reading->stalled ? s : reading->stalled;
        reading->all_stalled = a > reading->all_stalled ? a : reading->all_stalled;
    }
    stalls->some = some;
    stalls->all = all;
    stalls->seen = true;
}

/* The tightest counts: the least that is free of its whole. */
static void note_free(struct pressure_reading *reading, uint64_t left, uint64_t whole) {
    if (whole == 0 || left > whole)
        return;
    if (reading->whole != 0 &&
        (double)left / (double)whole >= (double)reading->free / (double)reading->whole)
        return;
    reading->free = left;
    reading->whole = whole;
}

static void read_machine(const struct pressure *pressure, struct pressure_reading *reading) {
    char text[FILE_BYTES];
    uint64_t left, whole;
    if (read_text(pressure->meminfo, text) && number_behind(text, "MemAvailable:", &left) &&
        number_behind(text, "MemTotal:", &whole))
        note_free(reading, left * 1024, whole * 1024);
}

static void read_group(const struct group *group, struct pressure_reading *reading) {
    char text[FILE_BYTES];
    uint64_t limit, used, cache = 0;
    if (!read_text(group->limit, text) || !number_behind(text, "", &limit)) /* v2: "max" */
        return;
    if (!read_text(group->used, text) || !number_behind(text, "", &used))
        return;
    if (limit >= (uint64_t)LONG_MAX / 4096 * 4096) /* v1: none */
        return;
    if (read_text(group->stat, text))
        (void)number_behind(text, group->cache, &cache);
    used = used > cache ? used - cache : 0;
    note_free(reading, limit > used ? limit - used : 0, limit);
}

/* ---- judging ---- */

static enum pressure_level judge(const struct pressure_setup *setup,
                                 const struct pressure_reading *reading) {
    /* At the very edge a percent may be a fraction. */
    double left =
        reading->whole == 0 ? 100 : (double)reading->free * 100.0 / (double)reading->whole;
    /* The kernel counts a process that waits at a limit of its own group, one agent's or another
     * service's, for all groups above it and for the machine. */
    bool stalls = setup->stall_percent > 0 && (reading->whole == 0 || left < PLENTY);
    if (left < setup->least_percent || (stalls && reading->all_stalled >= setup->stall_percent))
        return PRESSURE_LEAST;
    if (left < setup->low_percent || (stalls && reading->stalled >= setup->stall_percent))
        return PRESSURE_LOW;
    return PRESSURE_NONE;
}

static void look(struct pressure *pressure) {
    struct pressure_reading reading = {0};
    uint64_t now = now_us(), passed = now - pressure->looked_us;
    pressure->looked_us = now;
    read_stalls(&pressure->machine, passed, &reading);
    read_machine(pressure, &reading);
    for (size_t i = 0; i < pressure->n_groups; i++) {
        read_group(&pressure->groups[i], &reading);
        read_stalls(&pressure->groups[i].stalls, passed, &reading);
    }
    reading.level = judge(&pressure->setup, &reading);
    pressure->last = reading;
}

static void on_timer(evutil_socket_t fd, short what, void *arg) {
    (void)fd, (void)what;
    struct pressure *pressure = arg;
    look(pressure);
    uint64_t wait = pressure->setup.every_ms;
    if (pressure->last.level != PRESSURE_NONE)
        wait /= SHORT_EVERY;
    struct timeval t = {.tv_sec = (time_t)(wait / 1000),
                        .tv_usec = (suseconds_t)(wait % 1000 * 1000)};
    (void)event_add(pressure->timer, &t);
    pressure->setup.looked(pressure->setup.ctx, &pressure->last);
}

/* ---- finding the files ---- */

static int open_file(const char *dir, const char *name) {
    char path[PATH_MAX];
    int n = snprintf(path, sizeof(path), "%s/%s", dir, name);
    return n < 0 || (size_t)n >= sizeof(path) ? -1 : open(path, O_RDONLY | O_CLOEXEC);
}

static void add_group(struct pressure *pressure, const char *dir, bool v2) {
    struct group *group = &pressure->groups[pressure->n_groups];
    *group = (struct group){.limit = open_file(dir, v2 ? "memory.max" : "memory.limit_in_bytes"),
                            .used = open_file(dir, v2 ? "memory.current" : "memory.usage_in_bytes"),
                            .stat = open_file(dir, "memory.stat"),
                            .cache = v2 ? "inactive_file " : "total_inactive_file ",
                            .stalls.fd = v2 ? open_file(dir, "memory.pressure") : -1};
    pressure->n_groups++;
}

/* A limit may be on any group above ours. `path` is cut shorter and shorter. */
static void add_groups(struct pressure *pressure, const char *mount, char *path, bool v2) {
    char dir[PATH_MAX];
    for (bool top = false; !top && pressure->n_groups < GROUPS_MAX;) {
        char *last = strrchr(path, '/');
        top = last == NULL || path[1] == '\0';
        int n = snprintf(dir, sizeof(dir), "%s%s%s", pressure->setup.root, mount, path);
        if (n > 0 && (size_t)n < sizeof(dir))
            add_group(pressure, dir, v2);
        if (top)
            break;
        *last = '\0';
        if (path[0] == '\0')
            strcpy(path, "/");
    }
}

/* cgroups(7): lines of "number:controllers:path"; version 2 has no controllers. */
static void find_groups(struct pressure *pressure, char *text) {
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        char *controllers = strchr(line, ':');
        char *path = controllers == NULL ? NULL : strchr(controllers + 1, ':');
        if (path == NULL || path[1] != '/')
            continue;
        *path++ = '\0';
        controllers++;
        if (strcmp(controllers, "memory") == 0)
            add_groups(pressure, "/sys/fs/cgroup/memory", path, false);
        else if (controllers[0] == '\0')
            add_groups(pressure, "/sys/fs/cgroup", path, true);
    }
}

static void open_all(struct pressure *pressure) {
    char text[FILE_BYTES], proc[PATH_MAX];
    int n = snprintf(proc, sizeof(proc), "%s/proc", pressure->setup.root);
    if (n < 0 || (size_t)n >= sizeof(proc))
        return;
    pressure->meminfo = open_file(proc, "meminfo");
    pressure->machine.fd = open_file(proc, "pressure/memory");
    SCOPE_FD int self = open_file(proc, "self/cgroup");
    if (read_text(self, text))
        find_groups(pressure, text);
}

static bool reads_something(const struct pressure *pressure) {
    char text[FILE_BYTES];
    if (read_text(pressure->meminfo, text) || read_text(pressure->machine.fd, text))
        return true;
    for (size_t i = 0; i < pressure->n_groups; i++)
        if (read_text(pressure->groups[i].used, text))
            return true;
    return false;
}

int pressure_new(struct event_base *base, const struct pressure_setup *setup,
                 struct pressure **ret) {
    *ret = NULL;
    struct pressure *pressure = calloc(1, sizeof(*pressure));
    if (pressure == NULL)
        return -ENOMEM;
    pressure->setup = *setup;
    pressure->meminfo = pressure->machine.fd = -1;
    open_all(pressure);
    pressure->timer = evtimer_new(base, on_timer, pressure);
    int r = pressure->timer == NULL ? -ENOMEM : reads_something(pressure) ? 0 : -ENOTSUP;
    if (r < 0) {
        pressure_free(pressure);
        return r;
    }
    look(pressure); /* what was lost before does not count */
    struct timeval soon = {.tv_usec = (suseconds_t)(setup->every_ms / SHORT_EVERY * 1000)};
    (void)event_add(pressure->timer, &soon);
    *ret = pressure;
    return 0;
}

static void close_one(int fd) {
    if (fd >= 0)
        (void)close(fd);
}

void pressure_free(struct pressure *pressure) {
    if (pressure == NULL)
        return;
    close_one(pressure->meminfo);
    close_one(pressure->machine.fd);
    for (size_t i = 0; i < pressure->n_groups; i++) {
        const struct group *group = &pressure->groups[i];
        close_one(group->limit);
        close_one(group->used);
        close_one(group->stat);
        close_one(group->stalls.fd);
    }
    if (pressure->timer != NULL)
        event_free(pressure->timer);
    free(pressure);
}

struct pressure_reading pressure_last(const struct pressure *pressure) {
    return pressure == NULL ? (struct pressure_reading){0} : pressure->last;
}
