/* Relaxed in builds with AddressSanitizer and UndefinedBehaviorSanitizer, and nothing else:
 *   - no limit on address space: ASan reserves 20 TiB of it for its shadow memory;
 *   - the zygote's heap is not settled: ASan has an allocator of its own;
 *   - system calls with which ASan's run-time describes an error and manages its own memory and
 * signal stack. LeakSanitizer stays off (detect_leaks=0): it traces its process with ptrace. */
#include "agent/relax.h"

#include <seccomp.h>

static const int calls[] = {
    SCMP_SYS(open),
    SCMP_SYS(ioctl),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(sched_yield),
    SCMP_SYS(getrlimit),
    SCMP_SYS(prlimit64),
    SCMP_SYS(getrusage),
    SCMP_SYS(stat),
    SCMP_SYS(readlinkat),
    SCMP_SYS(set_tid_address),
    SCMP_SYS(tgkill),
    SCMP_SYS(getuid),
    SCMP_SYS(sched_getaffinity),
};

const struct relax relax = {.calls = calls,
                            .n_calls = COUNT_OF(calls),
                            .no_address_space_limit = true,
                            .other_allocator = true,
                            .accepted_property = "exhaustion"};

const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "detect_leaks=0";
}
