/* The machine: files. The empty root and Landlock are two walls around the same thing; the filter
 * is a third wherever it can see what is wanted. */
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/hostile/attempt.h"

/* A path in the folder outside; `theirs` is a file there that the agents' own user may change. */
#define OUTSIDE(name, leaf)                                                                        \
    char name[256];                                                                                \
    outside(scene, leaf, name, sizeof(name))

static void outside(const struct scene *scene, const char *leaf, char *out, size_t len) {
    char dir[200];
    (void)snprintf(out, len, "%s/%s", prop_text(scene, "dir", dir, sizeof(dir)), leaf);
}

ATTEMPT(machine, open_host_file, BOTH, "empty-root landlock", "read /etc/passwd") {
    return tried(raw_call(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY));
}
ATTEMPT(machine, open_upwards, BOTH, "empty-root landlock", "read ../../../etc/passwd") {
    return tried(raw_call(SYS_openat, AT_FDCWD, "../../../../etc/passwd", O_RDONLY));
}
ATTEMPT(machine, stat_host_file, BOTH, "empty-root", "see whether a file of the host exists") {
    struct stat seen;
    return tried(raw_call(SYS_newfstatat, AT_FDCWD, "/etc/passwd", &seen, 0));
}
ATTEMPT(machine, openat2_host_file, BOTH, "seccomp empty-root landlock",
        "openat2, whose flags no filter sees") {
    struct open_how how = {.flags = O_RDONLY};
    return tried(raw_call(SYS_openat2, AT_FDCWD, "/etc/passwd", &how, sizeof(how)));
}
ATTEMPT(machine, list_root, BOTH, "seccomp empty-root landlock", "list the host's root") {
    char room[4096];
    long fd = raw_call(SYS_openat, AT_FDCWD, "/", O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return (int)fd;
    long n = raw_call(SYS_getdents64, fd, room, sizeof(room));
    return n < 0 ? (int)n : memmem(room, (size_t)n, "etc", 4) != NULL ? OUT : 0;
}
ATTEMPT(machine, create_file, BOTH, "seccomp empty-root landlock", "create a file") {
    OUTSIDE(path, "mine");
    return tried(raw_call(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT, 0600));
}
ATTEMPT(machine, create_nameless_file, BOTH, "seccomp empty-root landlock",
        "create a file without a name") {
    OUTSIDE(path, "");
    return tried(raw_call(SYS_openat, AT_FDCWD, path, O_WRONLY | O_TMPFILE, 0600));
}
ATTEMPT(machine, change_file, BOTH, "seccomp empty-root landlock", "open a file for writing") {
    OUTSIDE(path, "theirs");
    return tried(raw_call(SYS_openat, AT_FDCWD, path, O_WRONLY));
}
ATTEMPT(machine, truncate_file, BOTH, "seccomp empty-root landlock", "truncate a file") {
    OUTSIDE(path, "theirs");
    return tried(raw_call(SYS_truncate, path, 0));
}
ATTEMPT(machine, rename_file, BOTH, "seccomp empty-root landlock", "rename a file") {
    OUTSIDE(from, "theirs");
    OUTSIDE(to, "renamed");
    return tried(raw_call(SYS_rename, from, to));
}
ATTEMPT(machine, unlink_file, BOTH, "seccomp empty-root landlock", "remove a file") {
    OUTSIDE(path, "theirs");
    return tried(raw_call(SYS_unlink, path));
}
ATTEMPT(machine, link_file, BOTH, "seccomp empty-root landlock", "link a file") {
    OUTSIDE(from, "theirs");
    OUTSIDE(to, "linked");
    return tried(raw_call(SYS_link, from, to));
}
ATTEMPT(machine, symlink, BOTH, "seccomp empty-root landlock", "make a symbolic link") {
    OUTSIDE(path, "pointer");
    return tried(raw_call(SYS_symlink, "/etc/passwd", path));
}
ATTEMPT(machine, make_folder, BOTH, "seccomp empty-root landlock", "make a folder") {
    OUTSIDE(path, "folder");
    return tried(raw_call(SYS_mkdir, path, 0700));
}
ATTEMPT(machine, make_fifo, BOTH, "seccomp empty-root landlock", "make a named pipe") {
    OUTSIDE(path, "pipe");
    return tried(raw_call(SYS_mknod, path, S_IFIFO | 0600, 0));
}
ATTEMPT(machine, change_mode, BOTH, "seccomp empty-root", "make a file set-user-ID") {
    OUTSIDE(path, "theirs");
    return tried(raw_call(SYS_chmod, path, 04755));
}
ATTEMPT(machine, change_folder, BOTH, "seccomp empty-root", "go to another folder") {
    return tried(raw_call(SYS_chdir, "/etc"));
}
ATTEMPT(machine, watch_files, BOTH, "seccomp", "inotify") {
    return tried(raw_call(SYS_inotify_init1, 0));
}
ATTEMPT(machine, watch_file_system, BOTH, "seccomp daemon-seccomp", "fanotify") {
    return tried(raw_call(SYS_fanotify_init, 0x200 /* FAN_REPORT_FID */, O_RDONLY));
}
ATTEMPT(machine, name_to_handle, BOTH, "seccomp daemon-seccomp", "a handle around paths") {
    struct {
        struct file_handle handle;
        unsigned char room[128];
    } found = {.handle = {.handle_bytes = 128}};
    int mount = 0;
    return tried(
        raw_call(SYS_name_to_handle_at, AT_FDCWD, "/usr/share/zoneinfo", &found, &mount, 0));
}
ATTEMPT(machine, quota, BOTH, "seccomp daemon-seccomp", "quotactl") {
    return tried(raw_call(SYS_quotactl, 0x800001u << 8 /* Q_SYNC of users */, NULL, 0, NULL));
}

/* ---- /proc ---- */

ATTEMPT(machine, proc_self, BOTH, "empty-root landlock", "read /proc/self/maps") {
    return tried(raw_call(SYS_openat, AT_FDCWD, "/proc/self/status", O_RDONLY));
}
ATTEMPT(machine, proc_self_mem, BOTH, "seccomp empty-root landlock not-dumpable",
        "write through /proc/self/mem") {
    return tried(raw_call(SYS_openat, AT_FDCWD, "/proc/self/mem", O_RDWR));
}
ATTEMPT(machine, proc_root, BOTH, "empty-root landlock", "the root of another process in /proc") {
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%ld/status", prop_number(scene, "victim"));
    return tried(raw_call(SYS_openat, AT_FDCWD, path, O_RDONLY));
}
ATTEMPT(machine, sysctl, BOTH, "empty-root landlock", "read the kernel's settings") {
    return tried(raw_call(SYS_openat, AT_FDCWD, "/proc/sys/kernel/core_pattern", O_RDONLY));
}
ATTEMPT(machine, device, BOTH, "empty-root landlock", "open a device") {
    return tried(raw_call(SYS_openat, AT_FDCWD, "/dev/zero", O_RDONLY));
}
