/* The walls of agents and turns: cheap, since they go up in every one of them. */
#include "agent/walls.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "agent/landlock.h"
#include "agent/relax.h"

#define MIB (UINT64_C(1) << 20)

#define PROCESSES        4 /* agent, turn, one that is ending, one to spare, which cloisterd sees */
#define TURN_CPU_S       10 /* of computing; a turn mostly waits */
#define TURN_CPU_LAST_S  1  /* SIGXCPU, which says why, then SIGKILL */
#define TURN_DESCRIPTORS 64

const char *wall_name(enum wall_property property) {
#define WALL_TEXT(name, text) text,
    static const char *const names[] = {WALL_PROPERTIES(WALL_TEXT)};
#undef WALL_TEXT
    return names[property];
}

static int compile(struct walls *ret) {
    int r = filter_compile(FILTER_ZYGOTE, &ret->zygote);
    if (r == 0)
        r = filter_compile(FILTER_AGENT, &ret->agent);
    return r == 0 ? filter_compile(FILTER_TURN, &ret->turn) : r;
}

int walls_prepare(struct walls *ret, bool namespaces, char *why, size_t why_len) {
    *ret = (struct walls){.landlock_fd = -1, .namespaces = namespaces, .pid_namespace = namespaces};
    const char *what = "compile the system-call filters";
    /* A kernel without seccomp: libseccomp would not even compile for it. */
    ret->no_filters = prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0;
    int r = ret->no_filters ? 0 : compile(ret);
    ret->landlock_abi = landlock_abi();
    if (r == 0 && ret->landlock_abi > 0) {
        what = "make the Landlock rules";
        r = ret->landlock_fd = landlock_rules(ret->landlock_abi, WALLS_ZONEINFO);
    }
    if (r < 0)
        (void)snprintf(why, why_len, "cannot %s: %s", what, strerror(-r));
    return r < 0 ? r : 0;
}

int walls_landlock(struct walls *walls) {
    if (walls->landlock_fd < 0)
        return 0;
    int r = landlock_enter(walls->landlock_fd);
    (void)close(take_fd(&walls->landlock_fd));
    return r;
}

/* A new user namespace starts with every capability in itself. */
int walls_capabilities(void) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};
    /* The bounding set too, up to the kernel's last capability (EINVAL). Without a namespace of its
     * own the process may not, and needs not: it never had one, and no_new_privs keeps it so. */
    for (unsigned long capability = 0; prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0;)
        capability++;
    return syscall(SYS_capset, &header, none) < 0 ? -errno : 0;
}

static int limit_softly(int what, uint64_t soft, uint64_t most) {
    struct rlimit now;
    if (getrlimit(what, &now) < 0)
        return -errno;
    if (now.rlim_max > most)
        now.rlim_max = most;
    now.rlim_cur = now.rlim_max < soft ? now.rlim_max : soft;
    return setrlimit(what, &now) < 0 ? -errno : 0;
}

static int limit(int what, uint64_t most) {
    return limit_softly(what, most, most);
}

int walls_limits(void) {
    static const struct {
        int what;
        uint64_t most;
    } limits[] = {
        {RLIMIT_CORE, 0},
        {RLIMIT_FSIZE, 0},
        {RLIMIT_MEMLOCK,
         1024 * MIB}, /* a turn locks all it has; RLIMIT_DATA says how much that is */
        {RLIMIT_MSGQUEUE, 0},
        {RLIMIT_SIGPENDING, 64},
        {RLIMIT_DATA, 256 * MIB},
        {RLIMIT_STACK, 8 * MIB}, /* grows beside RLIMIT_DATA */
        {RLIMIT_AS, 1024 * MIB},
        /* Not for the dozen it has: the kernel counts the descriptors in flight in messages of all
         * agents together, and refuses a sender whose own limit they exceed. Turns, where what is
         * hostile would be, have a small one and so cannot use up what agents need. */
        {RLIMIT_NOFILE, 16384},
    };
    for (size_t i = 0; i < COUNT_OF(limits); i++) {
        if (limits[i].what == RLIMIT_AS && relax.no_address_space_limit)
            continue;
        if (limits[i].what == RLIMIT_DATA && relax.no_address_space_limit)
            continue;
        int r = limit(limits[i].what, limits[i].most);
        if (r < 0)
            return r;
    }
    return 0;
}

int walls_forks(const struct walls *walls) {
    return walls->namespaces ? limit(RLIMIT_NPROC, PROCESSES) : 0;
}

static int load(const struct walls *walls, const struct filter *filter) {
    return walls->no_filters ? 0 : filter_load(filter);
}

/* A lock does not outlive fork, so each agent locks its own, through which messages and answers
 * pass, and each turn anew, before it holds a secret. */
static int lock_memory(const struct walls *walls) {
    if (walls->no_swap)
        return 0;
    int r = swap_lock_out();
    return walls->may_swap ? 0 : r;
}

int walls_filter(const struct walls *walls) {
    int r = load(walls, &walls->agent); /* first: probe.c looks whether there are filters by this */
    return r < 0 ? r : lock_memory(walls);
}

int walls_zygote(const struct walls *walls) {
    return load(walls, &walls->zygote);
}

int walls_turn(const struct walls *walls) {
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        return -errno;
    int r = limit_softly(RLIMIT_CPU, TURN_CPU_S, TURN_CPU_S + TURN_CPU_LAST_S);
    if (r == 0)
        r = limit(RLIMIT_NOFILE, TURN_DESCRIPTORS);
    if (r == 0)
        r = lock_memory(walls);
    return r < 0 ? r : load(walls, &walls->turn);
}
