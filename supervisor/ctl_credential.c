#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "supervisor/ctl_keys.h"

#define STORE "/etc/credstore.encrypted" /* systemd.exec(5), LoadCredentialEncrypted= */

static int path_of(const char *name, const char *suffix, char *out, size_t cap) {
    int n = snprintf(out, cap, STORE "/%s%s", name, suffix);
    return n < 0 || (size_t)n >= cap ? -ENAMETOOLONG : 0;
}

/* systemd-creds VERB --name=NAME IN OUT with these as its standard input and output. Its complaints
 * go to the caller's terminal. */
static int creds(const char *verb, const char *name, const char *in, const char *out, int in_fd,
                 int out_fd) {
    char named[96];
    posix_spawn_file_actions_t actions;
    pid_t pid = 0;
    int status = 0;
    (void)snprintf(named, sizeof(named), "--name=%s", name);
    char *const argv[] = {(char *)(uintptr_t) "systemd-creds",
                          (char *)(uintptr_t)verb,
                          named,
                          (char *)(uintptr_t)in,
                          (char *)(uintptr_t)out,
                          NULL};
    if (posix_spawn_file_actions_init(&actions) != 0)
        return -ENOMEM;
    int r = in_fd >= 0 ? posix_spawn_file_actions_adddup2(&actions, in_fd, 0) : 0;
    if (r == 0 && out_fd >= 0)
        r = posix_spawn_file_actions_adddup2(&actions, out_fd, 1);
    if (r == 0)
        r = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    if (r != 0)
        return -r;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

int ctl_credential_open(const char *name, char *why, size_t why_len) {
    char path[256];
    int r = path_of(name, "", path, sizeof(path));
    if (r == 0 && access(path, F_OK) < 0)
        r = -errno;
    SCOPE_FD int plain = r == 0 ? memfd_create(name, MFD_CLOEXEC) : -1;
    if (r == 0 && plain < 0)
        r = -errno;
    if (r == 0)
        r = creds("decrypt", name, path, "-", -1, plain);
    if (r == 0 && lseek(plain, 0, SEEK_SET) < 0)
        r = -errno;
    if (r < 0) {
        (void)snprintf(why, why_len, "the credential %s cannot be opened: %s", path, strerror(-r));
        return r;
    }
    return take_fd(&plain);
}

int ctl_credential_put(const char *name, int plain, char *why, size_t why_len) {
    char path[256], made[256];
    int r = path_of(name, "", path, sizeof(path));
    if (r == 0)
        r = path_of(name, ".new", made, sizeof(made));
    if (r == 0 && lseek(plain, 0, SEEK_SET) < 0)
        r = -errno;
    if (r == 0)
        r = creds("encrypt", name, "-", made, plain, -1);
    SCOPE_FD int fd = r == 0 ? open(made, O_RDONLY | O_CLOEXEC) : -1;
    SCOPE_FD int dir = r == 0 ? open(STORE, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (r == 0 && (fd < 0 || dir < 0 || fchmod(fd, 0600) < 0 || fsync(fd) < 0 ||
                   rename(made, path) < 0 || fsync(dir) < 0))
        r = -errno;
    if (r < 0)
        (void)snprintf(why, why_len, "the credential %s cannot be written: %s", path, strerror(-r));
    return r;
}

int ctl_credential_remove(const char *name, char *why, size_t why_len) {
    char path[256];
    int r = path_of(name, "", path, sizeof(path));
    if (r == 0 && unlink(path) < 0 && errno != ENOENT)
        r = -errno;
    if (r < 0)
        (void)snprintf(why, why_len, "the credential %s cannot be removed: %s", path, strerror(-r));
    return r;
}
