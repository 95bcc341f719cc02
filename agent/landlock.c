#include "agent/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>

#define NR_CREATE_RULESET 444
#define NR_ADD_RULE       445
#define NR_RESTRICT_SELF  446

#define CREATE_RULESET_VERSION 1u
#define RULE_PATH_BENEATH      1

#define FS_READ_FILE (UINT64_C(1) << 2)
#define FS_READ_DIR  (UINT64_C(1) << 3)

struct ruleset {
    uint64_t fs, net, scoped; /* later members only from the ABI that knows them */
};
struct path_beneath {
    uint64_t allowed;
    int32_t parent_fd;
} __attribute__((packed));
_Static_assert(sizeof(struct path_beneath) == 12, "as the kernel has it");

/* By ABI version: all rights it knows, and how much of struct ruleset. */
static const struct {
    uint64_t fs, net, scoped;
    size_t size;
} known[] = {
    [1] = {0x1fff, 0, 0, 8},  [2] = {0x3fff, 0, 0, 8},  [3] = {0x7fff, 0, 0, 8},
    [4] = {0x7fff, 3, 0, 16}, [5] = {0xffff, 3, 0, 16}, [6] = {0xffff, 3, 3, 24},
};

int landlock_abi(void) {
    long abi = syscall(NR_CREATE_RULESET, NULL, 0, CREATE_RULESET_VERSION);
    return abi < 0 ? 0 : (int)abi;
}

int landlock_rules(int abi, const char *dir) {
    if (abi <= 0)
        return -EOPNOTSUPP;
    size_t row = (size_t)abi < COUNT_OF(known) ? (size_t)abi : COUNT_OF(known) - 1;
    struct ruleset set = {known[row].fs, known[row].net, known[row].scoped};
    SCOPE_FD int rules = (int)syscall(NR_CREATE_RULESET, &set, known[row].size, 0);
    if (rules < 0)
        return -errno;
    SCOPE_FD int parent = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0)
        return -errno;
    struct path_beneath rule = {FS_READ_FILE | FS_READ_DIR, parent};
    if (syscall(NR_ADD_RULE, rules, RULE_PATH_BENEATH, &rule, 0) < 0)
        return -errno;
    return take_fd(&rules);
}

int landlock_enter(int rules_fd) {
    return syscall(NR_RESTRICT_SELF, rules_fd, 0) < 0 ? -errno : 0;
}
