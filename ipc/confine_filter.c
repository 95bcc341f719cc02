#include "ipc/confine_filter.h"

#include <errno.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* Refused to every daemon, and so to what cloisterd starts. */
static const int never[] = {
    /* other processes */
    SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev),
    SCMP_SYS(process_madvise), SCMP_SYS(kcmp), SCMP_SYS(pidfd_getfd), SCMP_SYS(move_pages),
    SCMP_SYS(migrate_pages),
    /* large or little-used parts of the kernel */
    SCMP_SYS(bpf), SCMP_SYS(perf_event_open), SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter),
    SCMP_SYS(io_uring_register), SCMP_SYS(userfaultfd), SCMP_SYS(add_key), SCMP_SYS(request_key),
    SCMP_SYS(keyctl), SCMP_SYS(fanotify_init), SCMP_SYS(lookup_dcookie), SCMP_SYS(modify_ldt),
    SCMP_SYS(vm86), SCMP_SYS(vm86old), SCMP_SYS(uselib), SCMP_SYS(ustat), SCMP_SYS(sysfs),
    SCMP_SYS(_sysctl), SCMP_SYS(remap_file_pages), SCMP_SYS(personality), SCMP_SYS(memfd_create),
    /* the machine */
    SCMP_SYS(kexec_load), SCMP_SYS(kexec_file_load), SCMP_SYS(init_module), SCMP_SYS(finit_module),
    SCMP_SYS(delete_module), SCMP_SYS(create_module), SCMP_SYS(query_module),
    SCMP_SYS(get_kernel_syms), SCMP_SYS(reboot), SCMP_SYS(acct), SCMP_SYS(swapon),
    SCMP_SYS(swapoff), SCMP_SYS(quotactl), SCMP_SYS(quotactl_fd), SCMP_SYS(syslog),
    SCMP_SYS(vhangup), SCMP_SYS(ioperm), SCMP_SYS(iopl), SCMP_SYS(nfsservctl),
    SCMP_SYS(clock_settime), SCMP_SYS(clock_settime64), SCMP_SYS(settimeofday), SCMP_SYS(stime),
    SCMP_SYS(clock_adjtime), SCMP_SYS(clock_adjtime64), SCMP_SYS(adjtimex),
    /* ways around paths and namespaces */
    SCMP_SYS(name_to_handle_at), SCMP_SYS(open_by_handle_at), SCMP_SYS(setns)};

/* The agent's zygote needs these to build its empty root and lives under cloisterd's filter.
 * cloisterd itself holds no capability that would make them work outside a user namespace. */
static const int unless_may_exec[] = {
    SCMP_SYS(execve),       SCMP_SYS(execveat),   SCMP_SYS(mount),         SCMP_SYS(umount),
    SCMP_SYS(umount2),      SCMP_SYS(pivot_root), SCMP_SYS(chroot),        SCMP_SYS(unshare),
    SCMP_SYS(move_mount),   SCMP_SYS(open_tree),  SCMP_SYS(fsopen),        SCMP_SYS(fsconfig),
    SCMP_SYS(fsmount),      SCMP_SYS(fspick),     SCMP_SYS(mount_setattr), SCMP_SYS(sethostname),
    SCMP_SYS(setdomainname)};

/* Newer than libseccomp 2.5.4's tables; the numbers are the same on every architecture. */
#define NR_OPEN_TREE_ATTR 467
static const int unless_may_exec_by_number[] = {NR_OPEN_TREE_ATTR};

static int deny_list(scmp_filter_ctx filter, const int *calls, size_t n) {
    for (size_t i = 0; i < n; i++) {
        int r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), calls[i], 0);
        /* -EDOM: this architecture never had the call. */
        if (r < 0 && r != -EDOM)
            return r;
    }
    return 0;
}

static int deny_equal(scmp_filter_ctx filter, int call, unsigned arg, uint64_t value) {
    return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), call, 1,
                            SCMP_CMP(arg, SCMP_CMP_EQ, value));
}

/* Only unix, IPv4, IPv6 and netlink's route family (getaddrinfo) remain; no raw sockets. */
static int deny_sockets(scmp_filter_ctx filter, unsigned flags) {
    static const int calls[] = {SCMP_SYS(socket), SCMP_SYS(socketpair)};
    static const uint64_t families[] = {AF_UNSPEC,  AF_AX25,     AF_IPX, AF_APPLETALK, AF_NETROM,
                                        AF_BRIDGE,  AF_ATMPVC,   AF_X25, AF_ROSE,      AF_DECnet,
                                        AF_NETBEUI, AF_SECURITY, AF_KEY};
    static const uint64_t internet[] = {AF_INET, AF_INET6, AF_NETLINK};
    int r = 0;
    for (size_t c = 0; c < COUNT_OF(calls) && r == 0; c++) {
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), calls[c], 1,
                             SCMP_A0(SCMP_CMP_GT, AF_NETLINK));
        for (size_t i = 0; i < COUNT_OF(families) && r == 0; i++)
            r = deny_equal(filter, calls[c], 0, families[i]);
        for (size_t i = 0; i < COUNT_OF(internet) && r == 0; i++)
            if (flags & CONFINE_NO_INTERNET)
                r = deny_equal(filter, calls[c], 0, internet[i]);
            else if (internet[i] != AF_NETLINK)
                r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), calls[c], 2,
                                     SCMP_A0(SCMP_CMP_EQ, internet[i]),
                                     SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf, SOCK_RAW));
            else
                r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), calls[c], 2,
                                     SCMP_A0(SCMP_CMP_EQ, AF_NETLINK),
                                     SCMP_A2(SCMP_CMP_NE, 0 /* NETLINK_ROUTE */));
    }
    return r;
}

/* Namespaces by clone; clone3's flags are out of a filter's sight, and glibc falls back on ENOSYS.
 */
static int deny_namespaces(scmp_filter_ctx filter) {
    static const uint64_t kinds[] = {CLONE_NEWUSER, CLONE_NEWNS,  CLONE_NEWPID,   CLONE_NEWNET,
                                     CLONE_NEWIPC,  CLONE_NEWUTS, CLONE_NEWCGROUP};
    int r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    for (size_t i = 0; i < COUNT_OF(kinds) && r == 0; i++)
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                             SCMP_A0(SCMP_CMP_MASKED_EQ, kinds[i], kinds[i]));
    return r;
}

/* Typing into somebody's terminal. */
static int deny_terminal(scmp_filter_ctx filter) {
    static const uint64_t requests[] = {TIOCSTI, TIOCLINUX};
    int r = 0;
    for (size_t i = 0; i < COUNT_OF(requests) && r == 0; i++)
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
                             SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, requests[i]));
    return r;
}

static int add_rules(scmp_filter_ctx filter, unsigned flags) {
    const bool may_exec = (flags & CONFINE_MAY_EXEC) != 0;
    int r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0); /* the caller's business */
    if (r == 0)
        r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (r == 0)
        r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (r == 0)
        r = deny_list(filter, never, COUNT_OF(never));
    if (r == 0)
        r = deny_sockets(filter, flags);
    if (r == 0)
        r = deny_terminal(filter);
    if (r < 0 || may_exec)
        return r;
    r = deny_list(filter, unless_may_exec, COUNT_OF(unless_may_exec));
    if (r == 0)
        r = deny_list(filter, unless_may_exec_by_number, COUNT_OF(unless_may_exec_by_number));
    return r == 0 ? deny_namespaces(filter) : r;
}

int confine_filter_load(unsigned flags) {
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (filter == NULL)
        return -ENOMEM;
    int r = add_rules(filter, flags);
    if (r == 0)
        r = seccomp_load(filter);
    seccomp_release(filter);
    return r;
}
