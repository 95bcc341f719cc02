/* The machine: signals, identity, limits, traces of a process. */
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <termios.h>

#include "tests/hostile/attempt.h"

/* ---- signals: none is sent, the kernel only says whether it would be ---- */

ATTEMPT(machine, signal_other, BOTH, "seccomp landlock own-namespaces",
        "kill: a process of the same user") {
    return tried(raw_call(SYS_kill, prop_number(scene, "victim"), 0));
}
ATTEMPT(machine, signal_thread, BOTH, "seccomp landlock own-namespaces", "tgkill") {
    long victim = prop_number(scene, "victim");
    return tried(raw_call(SYS_tgkill, victim, victim, 0));
}
ATTEMPT(machine, signal_with_value, BOTH, "seccomp landlock own-namespaces", "rt_sigqueueinfo") {
    siginfo_t info = {.si_code = SI_QUEUE};
    return tried(raw_call(SYS_rt_sigqueueinfo, prop_number(scene, "victim"), 0, &info));
}
ATTEMPT(machine, signal_everyone, BOTH, "seccomp own-namespaces", "kill: everyone") {
    return tried(raw_call(SYS_kill, -1, 0));
}
ATTEMPT(machine, signal_by_pidfd, AGENT, "seccomp landlock own-namespaces",
        "pidfd_send_signal: a process of the same user") {
    long pidfd = raw_call(SYS_pidfd_open, prop_number(scene, "victim"), 0);
    return tried(pidfd < 0 ? pidfd : raw_call(SYS_pidfd_send_signal, pidfd, 0, NULL, 0));
}
ATTEMPT(machine, signal_zygote, AGENT, "seccomp landlock own-namespaces",
        "pidfd_send_signal: the zygote, found at the end of a channel") {
    int pidfd = -1;
    socklen_t len = sizeof(pidfd);
    long r =
        raw_call(SYS_getsockopt, scene->keys_fd, SOL_SOCKET, 77 /* SO_PEERPIDFD */, &pidfd, &len);
    return tried(r < 0 ? r : raw_call(SYS_pidfd_send_signal, pidfd, 0, NULL, 0));
}
ATTEMPT(machine, signal_agent, TURN, "seccomp", "kill: its own agent") {
    return tried(raw_call(SYS_kill, 1, 0));
}
ATTEMPT(machine, own_signals, BOTH, "seccomp", "F_SETOWN: signals to whom it likes") {
    return tried(raw_call(SYS_fcntl, scene->keys_fd, F_SETOWN, 1));
}
ATTEMPT(machine, outlive_agent, TURN, "turn-seccomp", "outlive its agent") {
    return tried(raw_call(SYS_prctl, PR_SET_PDEATHSIG, 0, 0, 0, 0));
}

/* ---- identity and privilege ---- */

ATTEMPT(machine, become_root, BOTH, "seccomp no-root", "setuid") {
    return tried(raw_call(SYS_setuid, 0));
}
ATTEMPT(machine, become_group, BOTH, "seccomp no-root", "setgid") {
    return tried(raw_call(SYS_setgid, 0));
}
ATTEMPT(machine, join_groups, BOTH, "seccomp no-root", "setgroups") {
    return tried(raw_call(SYS_setgroups, 1, (gid_t[]){0}));
}
ATTEMPT(machine, take_capabilities, BOTH, "seccomp capabilities", "capset: every capability") {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {{UINT32_MAX, UINT32_MAX, 0}, {0x1ff, 0x1ff, 0}};
    return tried(raw_call(SYS_capset, &header, data));
}
ATTEMPT(machine, secure_bits, BOTH, "seccomp capabilities", "prctl: securebits") {
    return tried(raw_call(SYS_prctl, PR_SET_SECUREBITS, SECBIT_KEEP_CAPS, 0, 0, 0));
}
ATTEMPT(machine, ambient, BOTH, "seccomp capabilities", "prctl: an ambient capability") {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {{1, 1, 1}, {0, 0, 0}};
    long r = raw_call(SYS_capset, &header, data);
    return tried(r < 0 ? r : raw_call(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 0, 0, 0));
}
ATTEMPT(machine, become_dumpable, BOTH, "seccomp", "prctl: dumpable again") {
    return tried(raw_call(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0));
}
ATTEMPT(machine, other_name, BOTH, "seccomp", "prctl: the name of another program") {
    return tried(raw_call(SYS_prctl, PR_SET_NAME, "cloister-keys", 0, 0, 0));
}
ATTEMPT(machine, adopt_orphans, BOTH, "seccomp", "prctl: a parent of orphans") {
    return tried(raw_call(SYS_prctl, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
}
ATTEMPT(machine, own_session, BOTH, "seccomp", "setsid") {
    return tried(raw_call(SYS_setsid));
}
ATTEMPT(machine, be_traced, BOTH, "seccomp daemon-seccomp", "ptrace: by its parent") {
    return tried(raw_call(SYS_ptrace, PTRACE_TRACEME, 0, NULL, NULL));
}
ATTEMPT(machine, write_into_agent, BOTH, "seccomp daemon-seccomp not-dumpable",
        "process_vm_writev: its agent") {
    static char same[8]; /* a fork has it at the same place */
    struct iovec local = {same, sizeof(same)}, remote = {same, sizeof(same)};
    return tried(raw_call(SYS_process_vm_writev, 1, &local, 1, &remote, 1, 0));
}
ATTEMPT(machine, type_into_terminal, BOTH, "seccomp daemon-seccomp empty-root landlock",
        "TIOCSTI: type into a terminal") {
    int unlocked = 0;
    long master = raw_call(SYS_openat, AT_FDCWD, "/dev/ptmx", O_RDWR | O_NOCTTY);
    if (master < 0)
        return (int)master;
    long r = raw_call(SYS_ioctl, master, TIOCSPTLCK, &unlocked);
    long end = r < 0 ? r : raw_call(SYS_ioctl, master, TIOCGPTPEER, O_RDWR | O_NOCTTY);
    r = end < 0 ? end : raw_call(SYS_setsid);
    r = r < 0 ? r : raw_call(SYS_ioctl, end, TIOCSCTTY, 0);
    return tried(r < 0 ? r : raw_call(SYS_ioctl, end, TIOCSTI, "x"));
}

/* ---- limits ---- */

static int raise_limit(int what, rlim_t most) {
    struct rlimit limit = {most, most};
    return tried(raw_call(SYS_prlimit64, 0, what, &limit, NULL));
}
ATTEMPT(machine, raise_processes, AGENT, "limits", "raise its limit on processes") {
    return raise_limit(RLIMIT_NPROC, 64);
}
ATTEMPT(machine, raise_memory, AGENT, "limits", "raise its limit on memory") {
    return raise_limit(RLIMIT_DATA, 1u << 30);
}
ATTEMPT(machine, raise_in_turn, TURN, "seccomp limits", "raise its limit on computing") {
    return raise_limit(RLIMIT_CPU, 3600);
}
ATTEMPT(machine, limits_of_agent, BOTH, "seccomp", "read and set the limits of another process") {
    struct rlimit now;
    return tried(raw_call(SYS_prlimit64, 1, RLIMIT_NOFILE, NULL, &now));
}
ATTEMPT(machine, priority, BOTH, "seccomp", "sched_setscheduler: another share of the processors") {
    struct sched_param how = {0};
    return tried(raw_call(SYS_sched_setscheduler, 0, SCHED_BATCH, &how));
}

/* A core would be written to the working directory; whether it was is seen from outside. */
ATTEMPT(machine, dump_core, BOTH, "limits daemon-core not-dumpable empty-root landlock",
        "leave a core dump") {
    volatile uintptr_t nowhere = 8;
    return *(volatile int *)nowhere;
}
