#include "agent/attempts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define HOST_FILE   "/etc/passwd"
#define MANY_FORKS  16
#define MUCH_MEMORY (UINT64_C(4) << 30)
#define LAST_FD     1024

extern char **environ;

/* ---- other processes ---- */

static bool signals_zygote(const struct attempt_target *target) {
    return kill(target->zygote, 0) == 0;
}

static bool traces_zygote(const struct attempt_target *target) {
    return ptrace(PTRACE_SEIZE, target->zygote, NULL, NULL) == 0;
}

static bool reads_zygote(const struct attempt_target *target) {
    static char here[8];
    struct iovec local = {here, sizeof(here)}, remote = {here, sizeof(here)};
    return process_vm_readv(target->zygote, &local, 1, &remote, 1, 0) > 0;
}

/* Without /proc and kill, a descriptor of a process is a way to it. */
static bool signals_by_descriptor(const struct attempt_target *target) {
    int fd = (int)syscall(SYS_pidfd_open, target->zygote, 0);
    return fd >= 0 && syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0) == 0;
}

/* All agents are in one IPC namespace. */
static bool shares_ipc(const struct attempt_target *target) {
    (void)target;
    int queue = msgget(IPC_PRIVATE, 0600);
    if (queue >= 0)
        (void)msgctl(queue, IPC_RMID, NULL);
    return queue >= 0;
}

static bool sees_processes(const struct attempt_target *target) {
    (void)target;
    return open("/proc/self/status", O_RDONLY | O_CLOEXEC) >= 0;
}

/* ---- network ---- */

static struct sockaddr_in loopback(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(9)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

/* A refusal comes from a network, too. */
static bool connects(const struct attempt_target *target) {
    (void)target;
    struct sockaddr_in address = loopback();
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd >= 0 && (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ||
                       errno == ECONNREFUSED);
}

static bool sends_datagram(const struct attempt_target *target) {
    (void)target;
    struct sockaddr_in address = loopback();
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return fd >= 0 && sendto(fd, "x", 1, 0, (struct sockaddr *)&address, sizeof(address)) == 1;
}

static bool listens(const struct attempt_target *target) {
    (void)target;
    struct sockaddr_in address = loopback();
    address.sin_port = 0;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
           listen(fd, 1) == 0;
}

/* ---- files ---- */

static bool reads_host_file(const struct attempt_target *target) {
    (void)target;
    return open(HOST_FILE, O_RDONLY | O_CLOEXEC) >= 0;
}

/* No layer but the empty root keeps names, sizes and times of files to itself: stat is not denied.
 */
static bool looks_up_host_file(const struct attempt_target *target) {
    (void)target;
    struct stat st;
    return stat(HOST_FILE, &st) == 0;
}

static bool creates_file(const struct attempt_target *target) {
    (void)target;
    return open("/x", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0;
}

static bool writes_zone_file(const struct attempt_target *target) {
    (void)target;
    return open(WALLS_ZONEINFO "/UTC", O_WRONLY | O_CLOEXEC) >= 0;
}

static bool lists_root(const struct attempt_target *target) {
    (void)target;
    char room[512];
    int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 && syscall(SYS_getdents64, fd, room, sizeof(room)) > 0;
}

/* The time zones must be there: an agent without them would be wrong about hours. */
static bool misses_zone_file(const struct attempt_target *target) {
    (void)target;
    char magic[4] = "";
    int fd = open(WALLS_ZONEINFO "/UTC", O_RDONLY | O_CLOEXEC);
    return fd < 0 || read(fd, magic, sizeof(magic)) != sizeof(magic) ||
           memcmp(magic, "TZif", sizeof(magic)) != 0;
}

/* ---- privilege ---- */

static bool executes(const struct attempt_target *target) {
    (void)target;
    char *none[] = {NULL};
    /* ENOEXEC and EACCES would say that the kernel tried; only running counts, or being allowed to.
     */
    (void)execve(WALLS_ZONEINFO "/UTC", none, none);
    return errno == ENOEXEC;
}

static bool makes_namespace(const struct attempt_target *target) {
    (void)target;
    return unshare(CLONE_NEWUSER) == 0;
}

static bool mounts(const struct attempt_target *target) {
    (void)target;
    return mount("none", "/", "tmpfs", 0, NULL) == 0;
}

static bool becomes_root(const struct attempt_target *target) {
    (void)target;
    return setuid(0) == 0;
}

static bool opens_io_uring(const struct attempt_target *target) {
    (void)target;
    uint64_t parameters[15] = {0};
    return syscall(SYS_io_uring_setup, 1, parameters) >= 0;
}

static bool loads_bpf(const struct attempt_target *target) {
    (void)target;
    union bpf_attr map = {
        .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
    return syscall(SYS_bpf, BPF_MAP_CREATE, &map, sizeof(map)) >= 0;
}

static bool makes_keyring(const struct attempt_target *target) {
    (void)target;
    return syscall(SYS_add_key, "user", "x", "x", 1, -2 /* process keyring */) >= 0;
}

static bool opens_userfaultfd(const struct attempt_target *target) {
    (void)target;
    return syscall(SYS_userfaultfd, O_CLOEXEC | 1 /* user mode only */) >= 0;
}

static bool opens_perf(const struct attempt_target *target) {
    (void)target;
    struct perf_event_attr event = {.type = PERF_TYPE_SOFTWARE,
                                    .size = sizeof(event),
                                    .config = PERF_COUNT_SW_CPU_CLOCK,
                                    .exclude_kernel = 1};
    return syscall(SYS_perf_event_open, &event, 0, -1, -1, 0) >= 0;
}

static bool maps_executable(const struct attempt_target *target) {
    (void)target;
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                0) != MAP_FAILED;
}

/* ---- leftovers ---- */

static bool finds_descriptor(const struct attempt_target *target) {
    (void)target;
    for (int fd = STDERR_FILENO + 1; fd < LAST_FD; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            return true;
    return false;
}

static bool finds_environment(const struct attempt_target *target) {
    (void)target;
    return environ != NULL && environ[0] != NULL;
}

static bool dumps_core(const struct attempt_target *target) {
    return !target->no_core;
}

/* Whether there is no swap, or all memory can be locked against it, as a turn does. */
static bool leaves_secrets_to_swap(const struct attempt_target *target) {
    return !target->no_swap && swap_lock_out() < 0;
}

/* ---- exhaustion ---- */

/* As an agent may, flag by flag: what the C library's fork asks for is refused before any limit
 * counts. */
static pid_t fork_plainly(void) {
    int pidfd = -1;
    return (pid_t)syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, &pidfd, 0, 0);
}

/* The children wait for the end of a channel whose other end their maker alone holds: they cannot
 * outlive it, whatever namespace or filter there is. */
static bool forks_many(const struct attempt_target *target) {
    (void)target;
    int channel[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) < 0)
        return false;
    unsigned made = 0;
    for (; made < MANY_FORKS; made++) {
        pid_t pid = fork_plainly();
        if (pid < 0)
            break;
        if (pid == 0) {
            char none;
            (void)close(channel[1]);
            (void)!read(channel[0], &none, 1);
            _exit(0);
        }
    }
    return made == MANY_FORKS;
}

static bool forks_once(const struct attempt_target *target) {
    (void)target;
    pid_t pid = fork_plainly();
    if (pid == 0)
        _exit(0);
    return pid > 0;
}

static bool takes_memory(const struct attempt_target *target) {
    (void)target;
    return mmap(NULL, MUCH_MEMORY, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) != MAP_FAILED;
}

/* Neither counts against RLIMIT_DATA, and a process may have gigabytes of either. */
static bool shares_memory(const struct attempt_target *target) {
    (void)target;
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0) !=
           MAP_FAILED;
}

static bool makes_stack(const struct attempt_target *target) {
    (void)target;
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN, -1,
                0) != MAP_FAILED;
}

static bool widens_socket(const struct attempt_target *target) {
    (void)target;
    int channel[2], bytes = 1 << 20;
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) == 0 &&
           setsockopt(channel[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)) == 0;
}

/* The open file behind it is everybody's: O_DIRECT or O_APPEND there would be everybody's too. */
static bool changes_log_flags(const struct attempt_target *target) {
    (void)target;
    int flags = fcntl(STDERR_FILENO, F_GETFL);
    if (flags < 0 || fcntl(STDERR_FILENO, F_SETFL, flags ^ O_APPEND) < 0)
        return false;
    (void)fcntl(STDERR_FILENO, F_SETFL, flags);
    return true;
}

#define EMPTY_NET  "network namespace"
#define EMPTY_ROOT "empty root"
#define NO_DUMP    "not dumpable"
#define NO_RIGHTS  "no capabilities"
const struct attempt attempts[] = {
    {WALL_PROCESSES, "signal another process", signals_zygote, NO_RIGHTS, false, false},
    {WALL_PROCESSES, "trace another process", traces_zygote, NO_DUMP, false, false},
    {WALL_PROCESSES, "read another process's memory", reads_zygote, NO_DUMP, false, false},
    {WALL_PROCESSES, "signal a process by its descriptor", signals_by_descriptor, NO_RIGHTS, false,
     false},
    {WALL_PROCESSES, "see processes", sees_processes, EMPTY_ROOT, false, false},
    {WALL_PROCESSES, "share a message queue", shares_ipc, NO_RIGHTS, false, false},
    {WALL_NETWORK, "connect", connects, EMPTY_NET, false, false},
    {WALL_NETWORK, "send a datagram", sends_datagram, EMPTY_NET, false, false},
    {WALL_NETWORK, "listen", listens, EMPTY_NET, false, false},
    {WALL_FILES, "read a file of the host", reads_host_file, EMPTY_ROOT, false, false},
    {WALL_FILES, "look a file of the host up", looks_up_host_file, EMPTY_ROOT, false, false},
    {WALL_FILES, "create a file", creates_file, EMPTY_ROOT, false, false},
    {WALL_FILES, "change a zone file", writes_zone_file, EMPTY_ROOT, false, false},
    {WALL_FILES, "list the root", lists_root, EMPTY_ROOT, false, false},
    {WALL_FILES, "miss a zone file", misses_zone_file, "time zones readable", true, false},
    {WALL_PRIVILEGE, "execute", executes, EMPTY_ROOT, false, false},
    {WALL_PRIVILEGE, "make a namespace", makes_namespace, NO_RIGHTS, false, false},
    {WALL_PRIVILEGE, "mount", mounts, NO_RIGHTS, false, false},
    {WALL_PRIVILEGE, "become root", becomes_root, NO_RIGHTS, false, false},
    {WALL_PRIVILEGE, "open io_uring", opens_io_uring, NO_RIGHTS, false, false},
    {WALL_PRIVILEGE, "load BPF", loads_bpf, NO_RIGHTS, false, false},
    {WALL_PRIVILEGE, "make a keyring", makes_keyring, NO_RIGHTS, false, false},
    {WALL_PRIVILEGE, "open userfaultfd", opens_userfaultfd, NO_RIGHTS, false, false},
    {WALL_PRIVILEGE, "open perf events", opens_perf, NO_RIGHTS, false, false},
    {WALL_PRIVILEGE, "map executable memory", maps_executable, NO_RIGHTS, false, false},
    {WALL_LEFTOVERS, "find a descriptor", finds_descriptor, "descriptors closed", true, false},
    {WALL_LEFTOVERS, "find an environment", finds_environment, "empty environment", true, false},
    {WALL_LEFTOVERS, "dump core", dumps_core, "no core", true, false},
    {WALL_LEFTOVERS, ATTEMPT_SWAP, leaves_secrets_to_swap, "locked memory", true, false},
    {WALL_EXHAUSTION, "fork without end", forks_many, NO_RIGHTS, false, false},
    {WALL_EXHAUSTION, "fork in a turn", forks_once, "seccomp", false, true},
    {WALL_EXHAUSTION, "take memory without end", takes_memory, NO_RIGHTS, false, false},
    {WALL_EXHAUSTION, "map memory that no limit counts", shares_memory, NO_RIGHTS, false, false},
    {WALL_EXHAUSTION, "map a stack that no limit counts", makes_stack, NO_RIGHTS, false, false},
    {WALL_EXHAUSTION, "widen a socket's buffer", widens_socket, NO_RIGHTS, false, false},
    {WALL_EXHAUSTION, "change the log's flags", changes_log_flags, NO_RIGHTS, false, false},
};
const size_t attempts_count = COUNT_OF(attempts);
