/* The table of attempts. A row is an attempt's name, who makes it, the walls that stop it, and the
 * function that really tries it:
 *
 *   ATTEMPT(machine, mount_file_system, BOTH, "seccomp landlock", "mount a file system") {
 *       return tried(raw_call(SYS_mount, ...));
 *   }
 *
 * `walls` are words. Those of walls_off.c are layers of the agent's own walls and of cloisterd's
 * filter, which it inherits; words in capitals are rules of other programs (rules-off,
 * tests/control/switch.h). The control takes away all walls that the row names, and nothing else;
 * then the attempt must get out. Where a row names several, each of them alone must stop it too.
 *
 * A function runs in a fresh process: a child of the idle agent with the agent's walls and
 * descriptors, or a turn. What ends that process is noticed from outside. It may leave nothing
 * behind. */
#ifndef CLOISTER_TESTS_HOSTILE_ATTEMPT_H
#define CLOISTER_TESTS_HOSTILE_ATTEMPT_H

#include <errno.h>
#include <sys/syscall.h>

#include "ipc/base.h"
#include "ipc/message.h"

/* FRONT: a turn of origin "customer"; CELL: one of origin "connect". cloisterd is made to start
 * them (relay_off.c). ZYGOTE: the zygote itself, when it is next asked for an agent; it has no turn
 * and no `start`. */
enum { AGENT = 1, TURN = 2, BOTH = 3, FRONT = 4, CELL = 8, ZYGOTE = 16 };

/* What a prisoner has. */
struct scene {
    bool turn;
    int agent_fd;      /* a turn's channel to its agent; -1 */
    int supervisor_fd; /* the agent's connection to cloisterd; -1 in a turn */
    int keys_fd;
    int egress_fd; /* a turn's own channel, or the agent's, on which turns are announced */
    int kept_fd;   /* a connection of an earlier turn (keep_connection), -1 */
    const Cloister__TurnStart *start;
    const char *props; /* "key=value key=value": what the test put outside, and where */
};

/* Outcomes. A function returns OUT, or 0 or -errno when it was stopped. */
#define OUT 1
/* How a program ends that an attempt managed to execute: also out. */
#define EXECUTED 77
/* Longer than cloisterd takes to look twice at an agent, also while little is going on. */
#define WATCHED_MS 3500
/* Of a raw system call: it worked, or the kernel's errno. */
static inline int tried(long result) {
    return result < 0 ? (int)result : OUT;
}

/* Not through the C library, which has checks and fallbacks of its own: the result, or -errno. */
#define raw_call(...) RAW_N(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
#define RAW_N(n, a, b, c, d, e, f, ...)                                                            \
    raw_call6((long)(n), RAW_ARG(a), RAW_ARG(b), RAW_ARG(c), RAW_ARG(d), RAW_ARG(e), RAW_ARG(f))
#define RAW_ARG(x) ((long)(x))
static inline long raw_call6(long n, long a, long b, long c, long d, long e, long f) {
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

/* The value of a key in scene->props: a number (0 when absent), or text cut to fit ("" when
 * absent). */
long prop_number(const struct scene *scene, const char *key);
const char *prop_text(const struct scene *scene, const char *key, char *out, size_t len);
/* Something to be read beside the outcome, for the table: plain words. */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

struct attempt {
    const char *group, *id;
    unsigned who;
    const char *walls, *title;
    int (*run)(const struct scene *scene);
};

/* Rows find each other through a section of the program: no list to keep in step. */
#define ATTEMPT(group, id, who, walls, title)                                                      \
    static int try_##id(const struct scene *scene);                                                \
    static const struct attempt row_##id = {#group, #id, who, walls, title, try_##id};             \
    static const struct attempt *const at_##id __attribute__((section("attempts"), used)) =        \
        &row_##id;                                                                                 \
    static int try_##id(const struct scene *scene __attribute__((unused)))

#define ATTEMPTS_EACH(at)                                                                          \
    for (const struct attempt *const *at = __start_attempts; at < __stop_attempts; at++)
extern const struct attempt *const __start_attempts[], *const __stop_attempts[];

/* Runs the row and writes what happened: "out", "stopped ERRNO" and notes, in one line. */
void attempt_tell(const char *id, const struct scene *scene, char *out, size_t len);

#endif
