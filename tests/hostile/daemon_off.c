/* cloisterd without the look at whose program is in the gateway's place ("gateway-peer"), without
 * the filter that its zygote and agents inherit ("daemon-seccomp"), and with a way to start a
 * zygote of the superuser's ("no-root"). */
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "ipc/confine_filter.h"
#include "ipc/nng_end.h"
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

/* In the C library's place: cloisterd looks whether the limit is what it set, and would not start.
 */
int getrlimit64(__rlimit_resource_t what, struct rlimit64 *limit) {
    if (what != RLIMIT_CORE || !wall_off("daemon-core"))
        return prlimit64(0, what, NULL, limit);
    *limit = (struct rlimit64){0, 0};
    return 0;
}

/* It looks again whether the limit holds. */
int __real_getrlimit64(__rlimit_resource_t what, struct rlimit64 *ret);
int __wrap_getrlimit64(__rlimit_resource_t what, struct rlimit64 *ret);
int __wrap_getrlimit64(__rlimit_resource_t what, struct rlimit64 *ret) {
    if (what != RLIMIT_CORE || !wall_off("daemon-core"))
        return __real_getrlimit64(what, ret);
    *ret = (struct rlimit64){0, 0};
    return 0;
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

/* Asked twice: before a connection is taken, and when it is up. */
static struct {
    const struct nng_end_ops *ops;
    uid_t uid;
} real_gateway;

static bool up_anybody(void *ctx, pid_t pid, uid_t uid) {
    (void)uid;
    return real_gateway.ops->up(ctx, pid, real_gateway.uid);
}

int __real_nng_end_listen_for(struct event_base *base, const char *path, mode_t mode,
                              bool unlink_after, uid_t only, const struct nng_end_ops *ops,
                              void *ctx, struct nng_end **ret);
int __wrap_nng_end_listen_for(struct event_base *base, const char *path, mode_t mode,
                              bool unlink_after, uid_t only, const struct nng_end_ops *ops,
                              void *ctx, struct nng_end **ret);
int __wrap_nng_end_listen_for(struct event_base *base, const char *path, mode_t mode,
                              bool unlink_after, uid_t only, const struct nng_end_ops *ops,
                              void *ctx, struct nng_end **ret) {
    static struct nng_end_ops anybody;
    if (!wall_off("gateway-peer") || strstr(path, "/gateway/owner.ipc") == NULL)
        return __real_nng_end_listen_for(base, path, mode, unlink_after, only, ops, ctx, ret);
    real_gateway.ops = ops;
    real_gateway.uid = only;
    anybody = (struct nng_end_ops){up_anybody, ops->message, ops->down};
    return nng_end_listen(base, path, mode, unlink_after, &anybody, ctx, ret);
}
