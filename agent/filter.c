#include "agent/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "agent/relax.h"

enum check { CHECK_ANY, CHECK_EQ, CHECK_MASK, CHECK_FAIL };

struct condition {
    enum check check;
    unsigned argument;
    uint32_t mask, value; /* of FAIL: value is the errno */
};

struct row {
    int call;
    unsigned who;
    struct condition when[2]; /* both must hold; the second may be absent, which is ANY */
};

#define AGENT  FILTER_AGENT
#define TURN   FILTER_TURN
#define ZYGOTE FILTER_ZYGOTE
#define ANY                                                                                        \
    { CHECK_ANY, 0, 0, 0 }
#define EQ(argument, value)                                                                        \
    { CHECK_EQ, argument, UINT32_MAX, (uint32_t)(value) }
#define MASK(argument, mask, val)                                                                  \
    { CHECK_MASK, argument, (uint32_t)(mask), (uint32_t)(val) }
#define FAIL(error)                                                                                \
    { CHECK_FAIL, 0, 0, error }
#define BOTH(one, other)                      one, other
#define SYSCALL(name, who, condition, reason) {SCMP_SYS(name), who, {condition}},
static const struct row rows[] = {
#include "agent/syscalls.def"
#include "agent/syscalls_zygote.def"
};
#undef SYSCALL

static struct scmp_arg_cmp compare(const struct row *row, const struct condition *condition) {
    const unsigned n = condition->argument;
    /* sendto's address is a pointer: all 64 bits count there */
    if (condition->check == CHECK_EQ && row->call == SCMP_SYS(sendto))
        return SCMP_CMP64(n, SCMP_CMP_EQ, condition->value);
    const uint32_t mask = condition->check == CHECK_EQ ? UINT32_MAX : condition->mask;
    return SCMP_CMP64(n, SCMP_CMP_MASKED_EQ, mask, condition->value);
}

static int row_add(scmp_filter_ctx ctx, const struct row *row) {
    struct scmp_arg_cmp all[COUNT_OF(row->when)];
    unsigned n = 0;
    if (row->when[0].check == CHECK_FAIL)
        return seccomp_rule_add(ctx, SCMP_ACT_ERRNO(row->when[0].value), row->call, 0);
    for (size_t i = 0; i < COUNT_OF(row->when); i++)
        if (row->when[i].check != CHECK_ANY)
            all[n++] = compare(row, &row->when[i]);
    return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, row->call, n, all);
}

/* What an agent may do its zygote must allow, whose filter it inherits. What is answered with an
 * error needs no row there: of two filters that give errors the later one's counts. */
static bool concerns(const struct row *row, enum filter_who who) {
    if (who == FILTER_ZYGOTE)
        return row->when[0].check != CHECK_FAIL;
    return (row->who & who) != 0;
}

static int rows_add(scmp_filter_ctx ctx, enum filter_who who) {
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (!concerns(&rows[i], who))
            continue;
        int r = row_add(ctx, &rows[i]);
        if (r < 0 && r != -EDOM) /* this architecture never had the call */
            return r;
    }
    for (size_t i = 0; i < relax.n_calls; i++) {
        int r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, relax.calls[i], 0);
        if (r < 0 && r != -EEXIST)
            return r;
    }
    return 0;
}

/* Takes the program out through a pipe: it is a few KiB and fits. */
static int export_code(scmp_filter_ctx ctx, struct filter *ret) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return -errno;
    SCOPE_FD int from = ends[0], to = ends[1];
    int r = seccomp_export_bpf(ctx, to);
    if (r < 0)
        return r;
    static struct sock_filter room[BPF_MAXINSNS];
    ssize_t n = read(from, room, sizeof(room));
    if (n <= 0 || (size_t)n % sizeof(room[0]) != 0)
        return -EIO;
    ret->code = malloc((size_t)n);
    if (ret->code == NULL)
        return -ENOMEM;
    memcpy(ret->code, room, (size_t)n);
    ret->len = (unsigned short)((size_t)n / sizeof(room[0]));
    return 0;
}

int filter_compile(enum filter_who who, struct filter *ret) {
    scmp_filter_ctx ctx =
        seccomp_init(who == FILTER_ZYGOTE ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_KILL_PROCESS);
    if (ctx == NULL)
        return -ENOMEM;
    int r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (r == 0)
        r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (r == 0)
        r = rows_add(ctx, who);
    if (r == 0)
        r = export_code(ctx, ret);
    seccomp_release(ctx);
    return r;
}

int filter_copy_quiet(const struct filter *filter, struct filter *ret) {
    struct sock_filter *code = malloc(filter->len * sizeof(*code));
    if (code == NULL)
        return -ENOMEM;
    memcpy(code, filter->code, filter->len * sizeof(*code));
    for (unsigned short i = 0; i < filter->len; i++)
        if (code[i].code == (BPF_RET | BPF_K) && code[i].k == SECCOMP_RET_KILL_PROCESS)
            code[i].k = SECCOMP_RET_ERRNO | EPERM;
    *ret = (struct filter){code, filter->len};
    return 0;
}

int filter_load(const struct filter *filter) {
    struct sock_fprog program = {.len = filter->len, .filter = filter->code};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? -errno : 0;
}
