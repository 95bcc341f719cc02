/* The machine: large or little-used parts of the kernel, and what only the superuser may do with
 * it. What this kernel does not have (kexec, modules, x32, nfsservctl) cannot have a control and is
 * not in the table; the filter knows those calls as little as any other that is not listed. */
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <linux/reboot.h>
#include <string.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>

#include "tests/hostile/attempt.h"

ATTEMPT(machine, io_uring, BOTH, "seccomp daemon-seccomp", "io_uring") {
    uint64_t parameters[15] = {0};
    return tried(raw_call(SYS_io_uring_setup, 1, parameters));
}
ATTEMPT(machine, bpf, BOTH, "seccomp daemon-seccomp no-root", "bpf") {
    union bpf_attr map = {
        .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
    return tried(raw_call(SYS_bpf, BPF_MAP_CREATE, &map, sizeof(map)));
}
ATTEMPT(machine, perf_events, BOTH, "seccomp daemon-seccomp", "perf_event_open") {
    struct perf_event_attr event = {.type = PERF_TYPE_SOFTWARE,
                                    .size = sizeof(event),
                                    .config = PERF_COUNT_SW_TASK_CLOCK,
                                    .exclude_kernel = 1};
    return tried(raw_call(SYS_perf_event_open, &event, 0, -1, -1, 0));
}
ATTEMPT(machine, userfaultfd, BOTH, "seccomp daemon-seccomp", "userfaultfd") {
    return tried(raw_call(SYS_userfaultfd, O_CLOEXEC | 1 /* user mode only */));
}
ATTEMPT(machine, add_key, BOTH, "seccomp daemon-seccomp", "add_key") {
    return tried(raw_call(SYS_add_key, "user", "x", "x", 1, KEY_SPEC_PROCESS_KEYRING));
}
ATTEMPT(machine, keyctl, BOTH, "seccomp daemon-seccomp", "keyctl: a session keyring") {
    return tried(raw_call(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL, 0, 0, 0));
}
ATTEMPT(machine, request_key, BOTH, "seccomp daemon-seccomp", "request_key") {
    long r = raw_call(SYS_request_key, "user", "nonesuch", NULL, 0);
    return r == -ENOKEY ? OUT : tried(r); /* the kernel has looked */
}
ATTEMPT(machine, kernel_log, BOTH, "seccomp daemon-seccomp no-root", "the kernel's log") {
    char line[64];
    return tried(raw_call(SYS_syslog, 3 /* read all */, line, sizeof(line)));
}
ATTEMPT(machine, set_clock, BOTH, "seccomp daemon-seccomp no-root", "clock_settime") {
    struct timespec now;
    long r = raw_call(SYS_clock_gettime, CLOCK_REALTIME, &now);
    return tried(r < 0 ? r : raw_call(SYS_clock_settime, CLOCK_REALTIME, &now));
}
ATTEMPT(machine, set_time_zone, BOTH, "seccomp daemon-seccomp no-root", "settimeofday") {
    struct timeval now;
    long r = raw_call(SYS_gettimeofday, &now, NULL);
    return tried(r < 0 ? r : raw_call(SYS_settimeofday, &now, NULL));
}
ATTEMPT(machine, adjust_clock, BOTH, "seccomp daemon-seccomp no-root", "adjtimex") {
    struct timex nothing = {.modes = ADJ_OFFSET_SINGLESHOT};
    return tried(raw_call(SYS_adjtimex, &nothing));
}
ATTEMPT(machine, reboot, BOTH, "seccomp daemon-seccomp no-root", "reboot") {
    long r = raw_call(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
                      LINUX_REBOOT_CMD_CAD_OFF, NULL);
    return r == -EINVAL ? OUT
                        : tried(r); /* let in, where a namespace's first process has no keys */
}
ATTEMPT(machine, accounting, BOTH, "seccomp daemon-seccomp no-root", "acct") {
    return tried(raw_call(SYS_acct, NULL));
}
ATTEMPT(machine, swap_off, BOTH, "seccomp daemon-seccomp no-root", "swapoff") {
    long r = raw_call(SYS_swapoff, "/nonesuch");
    return r == -ENOENT ? OUT : tried(r); /* it was let in and found no such file */
}
