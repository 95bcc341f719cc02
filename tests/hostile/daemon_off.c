/* cloisterd without the filter that its zygote and agents inherit ("daemon-seccomp"), and with a
 * way to start a zygote of the superuser's ("no-root"). */
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "ipc/confine_filter.h"
#include "tests/hostile/walls_off.h"

int __real_confine_filter_load(unsigned flags);
int __wrap_confine_filter_load(unsigned flags);
int __wrap_confine_filter_load(unsigned flags) {
    return wall_off("daemon-seccomp") ? 0 : __real_confine_filter_load(flags);
}

/* Its own core limit, which what it starts inherits ("daemon-core"). */
int __real_setrlimit64(__rlimit_resource_t what, const struct rlimit64 *limit);
int __wrap_setrlimit64(__rlimit_resource_t what, const struct rlimit64 *limit);
int __wrap_setrlimit64(__rlimit_resource_t what, const struct rlimit64 *limit) {
    if (what == RLIMIT_CORE && wall_off("daemon-core"))
        return 0;
    return __real_setrlimit64(what, limit);
}

int __real_prctl(int what, ...);
int __wrap_prctl(int what, ...);
int __wrap_prctl(int what, ...) {
    unsigned long a[4];
    va_list args;
    va_start(args, what);
    for (int i = 0; i < 4; i++)
        a[i] = va_arg(args, unsigned long);
    va_end(args);
    if (what == PR_CAPBSET_DROP && wall_off("no-root"))
        return a[0] <= 40 ? 0 : __real_prctl(what, a[0], a[1], a[2], a[3]);
    return __real_prctl(what, a[0], a[1], a[2], a[3]);
}
