/* The machine: running other code. What was executed ends with EXECUTED, which is how it is
 * noticed. */
#include <fcntl.h>
#include <linux/memfd.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/hostile/attempt.h"

/* The smallest program for x86-64: exit_group(EXECUTED). */
static const unsigned char program[] = {
    0x7f, 'E',      'L',  'F', 2,    1, 1,    0,
    0,    0,        0,    0,   0,    0, 0,    0, /* */
    2,    0,        0x3e, 0,   1,    0, 0,    0, /* executable, x86-64 */
    0x78, 0,        0x40, 0,   0,    0, 0,    0, /* entry */
    0x40, 0,        0,    0,   0,    0, 0,    0,
    0,    0,        0,    0,   0,    0, 0,    0, /* program headers, no sections */
    0,    0,        0,    0,   0x40, 0, 0x38, 0,
    1,    0,        0,    0,   0,    0, 0,    0, /* one header */
    1,    0,        0,    0,   5,    0, 0,    0, /* load, readable and executable */
    0,    0,        0,    0,   0,    0, 0,    0,
    0,    0,        0x40, 0,   0,    0, 0,    0, /* offset, address */
    0,    0,        0x40, 0,   0,    0, 0,    0,
    0x84, 0,        0,    0,   0,    0, 0,    0, /* address, size */
    0x84, 0,        0,    0,   0,    0, 0,    0,
    0,    0x10,     0,    0,   0,    0, 0,    0, /* size, alignment */
    0xbf, EXECUTED, 0,    0,   0,                /* mov edi */
    0xb8, 231,      0,    0,   0,                /* mov eax, exit_group */
    0x0f, 0x05,                                  /* syscall */
};

ATTEMPT(machine, execute_shell, BOTH, "seccomp empty-root landlock", "execve /bin/sh") {
    char *words[] = {(char[]){"sh"}, (char[]){"-c"}, (char[]){"exit 77"}, NULL}, *none[] = {NULL};
    return tried(raw_call(SYS_execve, "/bin/sh", words, none));
}
ATTEMPT(machine, memfd, BOTH, "seccomp daemon-seccomp", "memfd_create") {
    return tried(raw_call(SYS_memfd_create, "x", MFD_CLOEXEC));
}
ATTEMPT(machine, execute_memfd, BOTH, "seccomp daemon-seccomp limits",
        "memfd_create and execveat: a program from memory") {
    char *none[] = {NULL};
    long fd = raw_call(SYS_memfd_create, "x", MFD_CLOEXEC);
    if (fd < 0)
        return (int)fd;
    long n = raw_call(SYS_write, fd, program, sizeof(program));
    return tried(n < 0 ? n : raw_call(SYS_execveat, fd, "", none, none, AT_EMPTY_PATH));
}
ATTEMPT(machine, map_executable, BOTH, "seccomp", "map memory that can be executed") {
    return tried(raw_call(SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}
ATTEMPT(machine, make_executable, BOTH, "seccomp", "make data executable") {
    static char page[8192] __attribute__((aligned(4096)));
    return tried(raw_call(SYS_mprotect, page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC));
}
ATTEMPT(machine, make_executable_by_key, BOTH, "seccomp", "make data executable by pkey_mprotect") {
    static char page[8192] __attribute__((aligned(4096)));
    return tried(raw_call(SYS_pkey_mprotect, page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, -1));
}
ATTEMPT(machine, personality, BOTH, "seccomp daemon-seccomp",
        "personality: whatever is readable can be executed") {
    return tried(raw_call(SYS_personality, 0x0400000 /* READ_IMPLIES_EXEC */));
}
ATTEMPT(machine, enter_32_bit, BOTH, "seccomp daemon-seccomp", "a call of 32-bit programs") {
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20 /* getpid there */) : "memory");
    return result > 0 ? OUT : (int)result;
}
ATTEMPT(machine, change_ldt, BOTH, "seccomp daemon-seccomp", "modify_ldt: segments of its own") {
    char room[64];
    return tried(raw_call(SYS_modify_ldt, 0, room, sizeof(room)));
}
