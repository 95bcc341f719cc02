#include "ipc/confine.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "ipc/confine_filter.h"
#include "ipc/swap.h"

int user_lookup(const char *name, uid_t *ret_uid, gid_t *ret_gid) {
    char space[4096];
    struct passwd entry, *found = NULL;
    int r = getpwnam_r(name, &entry, space, sizeof(space), &found);
    if (found == NULL)
        return r == 0 ? -ENOENT : -r;
    *ret_uid = entry.pw_uid;
    *ret_gid = entry.pw_gid;
    return 0;
}

/* One sentence for the operator, -errno for the caller. */
PRINTF_LIKE(4, 5)
static int refuse(int error, char *why, size_t why_len, const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)vsnprintf(why, why_len, format, args);
    va_end(args);
    return error < 0 ? error : -EPERM;
}

/* Filters and capabilities belong to threads: one started earlier would stay outside. */
static bool single_threaded(void) {
    struct stat tasks;
    return stat("/proc/self/task", &tasks) != 0 || tasks.st_nlink == 3;
}

static int caps_set(uint64_t caps) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {
        {.effective = (uint32_t)caps, .permitted = (uint32_t)caps},
        {.effective = (uint32_t)(caps >> 32), .permitted = (uint32_t)(caps >> 32)}};
    return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

static bool caps_are(uint64_t caps) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &header, data) < 0)
        return false;
    return data[0].effective == (uint32_t)caps && data[0].permitted == (uint32_t)caps &&
           data[1].effective == (uint32_t)(caps >> 32) &&
           data[1].permitted == (uint32_t)(caps >> 32) && data[0].inheritable == 0 &&
           data[1].inheritable == 0;
}

static bool holds(unsigned cap) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    return syscall(SYS_capget, &header, data) == 0 &&
           (data[CAP_TO_INDEX(cap)].effective & CAP_TO_MASK(cap)) != 0;
}

/* What no program started from here can ever get back. The set-user-ID agent loses nothing by it:
 * it changes to an ordinary uid, and its user namespace begins with a full set of its own. */
static int bounding_empty(void) {
    for (unsigned long cap = 0; cap < 64; cap++)
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
            return errno == EINVAL && cap > CAP_SETPCAP ? 0 : -errno;
    return 0;
}

static int become(uid_t uid, gid_t gid) {
    if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
        return -errno;
    return 0;
}

static bool became(uid_t uid, gid_t gid) {
    uid_t u[3];
    gid_t g[3];
    if (getresuid(&u[0], &u[1], &u[2]) < 0 || getresgid(&g[0], &g[1], &g[2]) < 0)
        return false;
    for (unsigned i = 0; i < 3; i++)
        if (u[i] != uid || g[i] != gid)
            return false;
    return setresuid((uid_t)-1, 0, (uid_t)-1) < 0; /* the way back must be closed */
}

static int drop_user(const char *user, uint64_t caps, char *why, size_t why_len) {
    uid_t uid = 0;
    gid_t gid = 0;
    int r = user_lookup(user, &uid, &gid);
    if (r < 0)
        return refuse(r, why, why_len, "there is no system user '%s'", user);
    if (uid == 0)
        return refuse(-EPERM, why, why_len, "'%s' must not be the superuser", user);
    if ((geteuid() == 0 || holds(CAP_SETPCAP)) && (r = bounding_empty()) < 0)
        return refuse(r, why, why_len, "capabilities cannot be given up: %s", strerror(-r));
    if (geteuid() == 0) {
        if (caps != 0 && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
            return refuse(-errno, why, why_len, "a capability cannot be kept: %m");
        if ((r = become(uid, gid)) < 0)
            return refuse(r, why, why_len, "cannot become '%s': %s", user, strerror(-r));
    } else if (geteuid() != uid) {
        return refuse(-EPERM, why, why_len, "must be started as root or as '%s'", user);
    }
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    (void)prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
    r = caps_set(caps);
    if (r < 0 || !caps_are(caps))
        return refuse(r, why, why_len, "cannot reduce itself to %s",
                      caps != 0 ? "CAP_KILL (is it started as root?)" : "no capability");
    if (!became(uid, gid))
        return refuse(-EPERM, why, why_len, "did not wholly become '%s'", user);
    return 0;
}

/* After the change of user, which resets it. Looked at again: a kernel or an outer filter may say
 * yes and not do it. */
static int hide_memory(char *why, size_t why_len) {
    const struct rlimit none = {0, 0};
    struct rlimit core = {1, 1};
    if (setrlimit(RLIMIT_CORE, &none) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return refuse(-errno, why, why_len, "core dumps cannot be switched off: %m");
    if (getrlimit(RLIMIT_CORE, &core) < 0 || core.rlim_cur != 0 || core.rlim_max != 0)
        return refuse(-EPERM, why, why_len, "core dumps are still on");
    if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
        return refuse(-EPERM, why, why_len, "/proc/PID is still open to the same user");
    return 0;
}

/* As root: so that no allocation fails for being locked. A program that starts as its own user has
 * this from the launcher or its unit (LimitMEMLOCK=infinity). */
static void allow_locking(void) {
    const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
    if (geteuid() == 0)
        (void)setrlimit(RLIMIT_MEMLOCK, &all);
}

static int keep_from_swap(unsigned flags, char *why, size_t why_len) {
    struct rlimit lockable = {0, 0};
    if (swap_absent())
        return 0;
    (void)getrlimit(RLIMIT_MEMLOCK, &lockable);
    int r = lockable.rlim_cur == RLIM_INFINITY ? swap_lock_out() : -ENOMEM;
    if (r == 0)
        return 0;
    (void)refuse(r, why, why_len,
                 "there is swap and memory cannot be locked against it (%s; RLIMIT_MEMLOCK must be "
                 "unlimited): the wall \"leftovers\" is missing, %s",
                 strerror(-r),
                 flags & CONFINE_MAY_SWAP ? "accepted by configuration"
                                          : "and [runtime] accept_missing_walls does not name it");
    return flags & CONFINE_MAY_SWAP ? 0 : r;
}

static int load_filter(unsigned flags, char *why, size_t why_len) {
    if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0) {
        (void)refuse(0, why, why_len,
                     "the kernel gives no seccomp: the wall \"privilege\" is missing, %s",
                     flags & CONFINE_MAY_LACK_FILTER
                         ? "accepted by configuration"
                         : "and [runtime] accept_missing_walls does not name it");
        return flags & CONFINE_MAY_LACK_FILTER ? 0 : -ENOSYS;
    }
    int r = confine_filter_load(flags);
    if (r < 0)
        return refuse(r, why, why_len, "the system-call filter cannot be loaded: %s%s",
                      strerror(-r), flags & CONFINE_MAY_EXEC ? " (is it started as root?)" : "");
    return 0;
}

static int is_word(const char *word, void *ctx) {
    return strcmp(word, ctx) == 0;
}

unsigned confine_accepted(const struct config *config) {
    static const struct {
        const char *wall;
        unsigned flag;
    } flags[] = {{"privilege", CONFINE_MAY_LACK_FILTER}, {"leftovers", CONFINE_MAY_SWAP}};
    unsigned accepted = 0;
    for (size_t i = 0; i < COUNT_OF(flags); i++) {
        char word[16];
        (void)snprintf(word, sizeof(word), "%s", flags[i].wall);
        if (config_list(config, CONFIG_runtime_accept_missing_walls, is_word, word) == 1)
            accepted |= flags[i].flag;
    }
    return accepted;
}

int confine_process(const char *user, unsigned flags, char *why, size_t why_len) {
    const bool may_exec = (flags & CONFINE_MAY_EXEC) != 0;
    const uint64_t caps = flags & CONFINE_KEEP_KILL ? UINT64_C(1) << CAP_KILL : 0;
    int r;
    why[0] = '\0';
    allow_locking();
    if (!single_threaded())
        return refuse(-EBUSY, why, why_len, "confinement must come before threads");
    /* no_new_privs would take the set-user-ID bit from the agent. Without it the kernel takes a
     * filter only from the privileged, so a process that may exec loads its filter while still
     * root. */
    if (!may_exec && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return refuse(-errno, why, why_len, "no_new_privs is missing: %m");
    if (may_exec && (r = load_filter(flags, why, why_len)) < 0)
        return r;
    if ((r = drop_user(user, caps, why, why_len)) < 0 || (r = hide_memory(why, why_len)) < 0 ||
        (r = keep_from_swap(flags, why, why_len)) < 0)
        return r;
    return may_exec ? 0 : load_filter(flags, why, why_len);
}
