#include "supervisor/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "supervisor/cgroup_read.h"

#define FILE_CAP  65536
#define NAME_CAP  24
#define BUSY_MAX  64
#define ALL_PROCS "cgroup.procs"

struct cgroups {
    int agents; /* directory */
    char layer[48];
    uint64_t busy[BUSY_MAX]; /* could not be removed yet */
    size_t n_busy;
};

PRINTF_LIKE(4, 5)
static int refuse(int error, char *why, size_t why_len, const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)vsnprintf(why, why_len, format, args);
    va_end(args);
    return error;
}

static int put(int dir, const char *file, const char *text) {
    SCOPE_FD int fd = openat(dir, file, O_WRONLY | O_CLOEXEC);
    return fd < 0 ? -errno : write_all(fd, text, strlen(text));
}

/* proc(5), mountinfo: "ID PARENT MAJOR:MINOR ROOT POINT OPTIONS … - TYPE SOURCE …". */
static bool is_whole_cgroup2(char *line, const char **ret_point) {
    char *save = NULL, *fields[5], *type = strstr(line, " - cgroup2 ");
    if (type == NULL)
        return false;
    for (size_t i = 0; i < COUNT_OF(fields); i++)
        if ((fields[i] = strtok_r(i == 0 ? line : NULL, " ", &save)) == NULL)
            return false;
    *ret_point = fields[4];
    return strcmp(fields[3], "/") == 0;
}

static char *read_text(const char *path) {
    char *text = calloc(1, FILE_CAP + 1);
    if (text != NULL && file_read(path, (uint8_t *)text, FILE_CAP) < 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* Our own group's directory, "" when there is none. */
static void own_path(char *out, size_t cap) {
    SCOPE_FREE char *mounts = read_text("/proc/self/mountinfo");
    SCOPE_FREE char *groups = read_text("/proc/self/cgroup");
    const char *point = NULL, *path = NULL;
    char *save = NULL;
    out[0] = '\0';
    if (mounts == NULL || groups == NULL)
        return;
    for (char *line = strtok_r(groups, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save))
        if (strncmp(line, "0::/", 4) == 0)
            path = line + 3;
    for (char *line = mounts, *next; line != NULL && point == NULL; line = next) {
        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        if (!is_whole_cgroup2(line, &point))
            point = NULL;
    }
    if (point == NULL || path == NULL)
        return;
    int n = snprintf(out, cap, "%s%s", point, path);
    if (n < 0 || (size_t)n >= cap)
        out[0] = '\0';
}

static int make_dir(int dir, const char *name) {
    return mkdirat(dir, name, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

/* Only what both levels take is counted. */
static void enable_controllers(struct cgroups *cgroups, int own) {
    static const char *const wanted[] = {"cpu", "memory", "pids"};
    size_t used = 0, cap = sizeof(cgroups->layer);
    used += (size_t)snprintf(cgroups->layer, cap, "cgroup");
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        char word[16];
        (void)snprintf(word, sizeof(word), "+%s", wanted[i]);
        if (put(own, "cgroup.subtree_control", word) == 0 &&
            put(cgroups->agents, "cgroup.subtree_control", word) == 0)
            used += (size_t)snprintf(cgroups->layer + used, cap - used, "%c%s",
                                     strchr(cgroups->layer, '(') != NULL ? ',' : '(', wanted[i]);
    }
    if (strchr(cgroups->layer, '(') != NULL)
        (void)snprintf(cgroups->layer + used, cap - used, ")");
}

/* Groups of a cloisterd before us. */
static void remove_old(const struct cgroups *cgroups) {
    int listing = openat(cgroups->agents, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = listing < 0 ? NULL : fdopendir(listing);
    if (dir == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (entry->d_name[0] == 'a')
            (void)unlinkat(cgroups->agents, entry->d_name, AT_REMOVEDIR);
    (void)closedir(dir);
}

static int set_up(struct cgroups *cgroups, int own, char *why, size_t why_len) {
    int r = make_dir(own, "supervisor");
    if (r == 0)
        r = make_dir(own, "agents");
    if (r == 0)
        r = make_dir(own, "agents/zygote");
    if (r < 0)
        return refuse(r, why, why_len, "its control group cannot be divided: %s", strerror(-r));
    cgroups->agents = openat(own, "agents", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (cgroups->agents < 0)
        return refuse(-errno, why, why_len, "a control group cannot be opened: %m");
    if ((r = put(own, "supervisor/" ALL_PROCS, "0")) < 0)
        return refuse(r, why, why_len, "it cannot move to a control group below its own: %s",
                      strerror(-r));
    if (fchmodat(cgroups->agents, ALL_PROCS, 0664, 0) < 0 ||
        fchmodat(cgroups->agents, "zygote/" ALL_PROCS, 0664, 0) < 0)
        return refuse(-errno, why, why_len,
                      "its control groups cannot be opened to the zygote: %m");
    remove_old(cgroups);
    enable_controllers(cgroups, own);
    return 0;
}

int cgroups_new(struct cgroups **ret, char *why, size_t why_len) {
    char path[4096];
    struct stat st;
    *ret = NULL;
    why[0] = '\0';
    own_path(path, sizeof(path));
    if (path[0] == '\0')
        return refuse(-ENOTSUP, why, why_len, "there are no control groups v2 here");
    SCOPE_FD int own = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (own < 0 || fstat(own, &st) < 0)
        return refuse(-ENOTSUP, why, why_len, "its control group is not in reach: %m");
    if (st.st_uid != geteuid() || st.st_uid == 0)
        return refuse(-ENOTSUP, why, why_len, "its control group is not delegated to it");
    struct cgroups *cgroups = calloc(1, sizeof(*cgroups));
    if (cgroups == NULL)
        return -ENOMEM;
    cgroups->agents = -1;
    int r = set_up(cgroups, own, why, why_len);
    if (r < 0) {
        cgroups_free(cgroups);
        return r;
    }
    *ret = cgroups;
    return 0;
}

void cgroups_free(struct cgroups *cgroups) {
    if (cgroups == NULL)
        return;
    if (cgroups->agents >= 0)
        (void)close(cgroups->agents);
    free(cgroups);
}

const char *cgroups_layer(const struct cgroups *cgroups) {
    return cgroups->layer;
}

static int put_number(int dir, const char *file, uint64_t number) {
    char text[NAME_CAP];
    (void)snprintf(text, sizeof(text), "%" PRIu64, number);
    return put(dir, file, text);
}

static void name_of(uint64_t number, char out[static NAME_CAP]) {
    (void)snprintf(out, NAME_CAP, "a%" PRIu64, number);
}

static int bound(int group) {
    /* ENOENT: that controller is not here. */
    int r = put_number(group, "memory.max", CGROUP_MEMORY_BYTES);
    if (r == 0 || r == -ENOENT)
        r = put_number(group, "pids.max", CGROUP_PROCESSES);
    return r == -ENOENT ? 0 : r;
}

int cgroups_adopt_zygote(struct cgroups *cgroups, pid_t pid) {
    return put_number(cgroups->agents, "zygote/" ALL_PROCS, (uint64_t)pid);
}

static bool removed(const struct cgroups *cgroups, uint64_t number) {
    char name[NAME_CAP];
    name_of(number, name);
    return unlinkat(cgroups->agents, name, AT_REMOVEDIR) == 0 || errno != EBUSY;
}

static void remove_busy(struct cgroups *cgroups) {
    size_t kept = 0;
    for (size_t i = 0; i < cgroups->n_busy; i++)
        if (!removed(cgroups, cgroups->busy[i]))
            cgroups->busy[kept++] = cgroups->busy[i];
    cgroups->n_busy = kept;
}

int cgroups_make(struct cgroups *cgroups, uint64_t number, int *ret_fd) {
    char name[NAME_CAP];
    name_of(number, name);
    if (mkdirat(cgroups->agents, name, 0755) < 0)
        return -errno;
    SCOPE_FD int group = openat(cgroups->agents, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int r = group < 0 ? -errno : bound(group);
    if (r == 0 && fchmodat(group, ALL_PROCS, 0664, 0) < 0)
        r = -errno;
    if (r < 0) {
        cgroups_remove(cgroups, number);
        return r;
    }
    *ret_fd = take_fd(&group);
    return 0;
}

int cgroups_move(struct cgroups *cgroups, uint64_t number, pid_t pid) {
    char file[NAME_CAP + sizeof(ALL_PROCS)];
    name_of(number, file);
    strcat(file, "/" ALL_PROCS);
    return put_number(cgroups->agents, file, (uint64_t)pid);
}

static int open_group(const struct cgroups *cgroups, uint64_t number) {
    char name[NAME_CAP];
    name_of(number, name);
    int fd = openat(cgroups->agents, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int cgroups_processes(const struct cgroups *cgroups, uint64_t number, pid_t *out, size_t cap) {
    SCOPE_FD int group = open_group(cgroups, number);
    return group < 0 ? group : cgroup_processes(group, out, cap);
}

int cgroups_oom_kills(const struct cgroups *cgroups, uint64_t number, uint64_t *ret) {
    SCOPE_FD int group = open_group(cgroups, number);
    return group < 0 ? group : cgroup_oom_kills(group, ret);
}

void cgroups_remove(struct cgroups *cgroups, uint64_t number) {
    remove_busy(cgroups);
    /* A full list forgets the oldest: the next start of cloisterd finds it. */
    if (removed(cgroups, number))
        return;
    if (cgroups->n_busy == BUSY_MAX)
        memmove(cgroups->busy, cgroups->busy + 1, --cgroups->n_busy * sizeof(*cgroups->busy));
    cgroups->busy[cgroups->n_busy++] = number;
}
