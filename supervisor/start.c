#include "supervisor/start.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "build_config.h"
#include "ipc/confine.h"
#include "ipc/folder.h"
#include "ipc/log.h"

#define FDS_PER_AGENT 8
#define FDS_OTHER     1024

/* Each with arguments that a kernel which knows the call answers at once, and with what. */
void start_kernel(void) {
    static const struct {
        long call;
        const char *name, *since, *wall;
        long a, b;
    } needed[] = {
        {SYS_close_range, "close_range", "5.9", "leftovers", INT_MAX, INT_MAX},
        {SYS_pidfd_open, "pidfd_open", "5.3", "processes", -1, 0},
        {SYS_pidfd_send_signal, "pidfd_send_signal", "5.1", "processes", -1, 0},
    };
    for (size_t i = 0; i < COUNT_OF(needed); i++)
        if (syscall(needed[i].call, needed[i].a, needed[i].b, 0, 0) < 0 && errno == ENOSYS)
            fatal("not starting: the kernel does not know %s (Linux %s), which the wall \"%s\" is "
                  "built with; [runtime] accept_missing_walls cannot replace it",
                  needed[i].name, needed[i].since, needed[i].wall);
}

static void need_directory(const char *path, bool make) {
    struct stat st;
    uid_t uid = (uid_t)-1;
    gid_t gid = (gid_t)-1;
    if (make && mkdir(path, 0711) == 0) {
        if (user_lookup(CLOISTER_USER_SUPERVISOR, &uid, &gid) < 0)
            fatal("there is no system user %s", CLOISTER_USER_SUPERVISOR);
        int r = folder_give(path, uid, gid, 0711);
        if (r < 0)
            fatal("%s: %s", path, strerror(-r));
    }
    if (stat(path, &st) < 0)
        fatal("%s: %s (the launcher or systemd makes it, owned by %s, mode 0711)", path,
              strerror(errno), CLOISTER_USER_SUPERVISOR);
    if (!S_ISDIR(st.st_mode))
        fatal("%s is not a directory", path);
}

static void join(char *out, size_t cap, const char *dir, const char *name) {
    int n = snprintf(out, cap, "%s/%s", dir, name);
    if (n < 0 || (size_t)n >= cap)
        fatal("runtime.dir is too long: socket names have to fit 108 bytes");
}

void start_directories(const struct config *config, struct start_paths *ret) {
    bool make = geteuid() == 0;
    const char *run = config_str(config, CONFIG_runtime_dir);
    const char *control = config_str(config, CONFIG_control_socket);
    char gateway_dir[sizeof(ret->agents)];
    if (strlen(run) > RUNTIME_DIR_MAX)
        fatal("runtime.dir is too long: socket names have to fit 108 bytes");
    strcpy(ret->run, run);
    join(ret->agents, sizeof(ret->agents), run, "agents");
    join(gateway_dir, sizeof(gateway_dir), run, "gateway");
    join(ret->gateway, sizeof(ret->gateway), gateway_dir, "owner.ipc");
    join(ret->gateway_public, sizeof(ret->gateway_public), gateway_dir, "public.ipc");
    join(ret->business, sizeof(ret->business), run, "business/supervisor.sock");
    if (control[0] == '\0')
        join(ret->control, sizeof(ret->control), run, "control.sock");
    else if (strlen(control) < sizeof(ret->control))
        strcpy(ret->control, control);
    else
        fatal("control.socket is too long: socket names have to fit 108 bytes");
    need_directory(ret->run, make);
    need_directory(ret->agents, make);
    need_directory(gateway_dir, make);
}

static gid_t group_of(const char *name, bool needed) {
    struct group entry, *found = NULL;
    char buffer[16384];
    if (name[0] == '\0')
        return (gid_t)-1;
    (void)getgrnam_r(name, &entry, buffer, sizeof(buffer), &found);
    if (found == NULL && needed)
        fatal("control.group: there is no group %s", name);
    if (found == NULL)
        fatal("control.observer_group: there is no group %s", name);
    return found->gr_gid;
}

void start_groups(const struct config *config, struct ctl_groups *ret) {
    ret->operators = group_of(config_str(config, CONFIG_control_group), true);
    ret->observers = group_of(config_str(config, CONFIG_control_observer_group), false);
}

void start_tell_passed(int fd, const struct start_paths *paths, const struct ctl_groups *groups) {
    static const char edit[] =
        "it is held open by systemd, where 'systemctl edit cloisterd.socket' "
        "changes that, or by cloister-launch, which is to be restarted";
    struct sockaddr_un there = {0};
    socklen_t len = sizeof(there);
    struct stat st;
    if (getsockname(fd, (struct sockaddr *)&there, &len) < 0 || stat(there.sun_path, &st) < 0) {
        log_warn("the control socket that was passed on cannot be looked at: %s", strerror(errno));
        return;
    }
    if (strcmp(there.sun_path, paths->control) != 0)
        log_warn("the control socket is %s, not %s as [control] socket has it; %s", there.sun_path,
                 paths->control, edit);
    if (groups->observers != (gid_t)-1 && (st.st_mode & S_IWOTH) == 0)
        log_warn("[control] observer_group cannot reach the control socket (SocketMode=0666 is "
                 "missing); %s",
                 edit);
    if (groups->operators != st.st_gid && (st.st_mode & S_IWOTH) == 0)
        log_warn("[control] group cannot reach the control socket (SocketGroup= is another); %s",
                 edit);
}

void start_limits(const struct config *config) {
    struct rlimit limit;
    rlim_t wanted = (rlim_t)config_u64(config, CONFIG_agents_max) * FDS_PER_AGENT + FDS_OTHER;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        fatal("cannot read the limit of open files: %s", strerror(errno));
    if (limit.rlim_cur >= wanted)
        return;
    struct rlimit higher = {wanted, limit.rlim_max < wanted ? wanted : limit.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &higher) == 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    log_warn("only %llu open files are permitted; agents.max would need %llu",
             (unsigned long long)limit.rlim_max, (unsigned long long)wanted);
}

int start_agents_dir(const struct start_paths *paths) {
    int fd = open(paths->agents, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || faccessat(fd, ".", W_OK, AT_EACCESS) < 0)
        fatal("%s: %s (it must belong to %s)", paths->agents, strerror(errno),
              CLOISTER_USER_SUPERVISOR);
    int listing = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = listing < 0 ? NULL : fdopendir(listing);
    if (dir == NULL)
        fatal("%s: %s", paths->agents, strerror(errno));
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (id_valid(entry->d_name))
            (void)unlinkat(fd, entry->d_name, 0);
    (void)closedir(dir);
    return fd;
}
