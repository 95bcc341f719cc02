#include "supervisor/ctl_upgrade_names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "build_config.h"

struct upgrade_program upgrade_programs[] = {
    {.name = "cloister-keys", .folder = CLOISTER_SBIN_DIR, .service = true},
    {.name = "cloister-egress", .folder = CLOISTER_SBIN_DIR, .service = true},
    {.name = "cloister-notify", .folder = CLOISTER_SBIN_DIR, .service = true},
    {.name = "cloister-business", .folder = CLOISTER_SBIN_DIR, .service = true},
    {.name = "cloisterd", .folder = CLOISTER_SBIN_DIR, .service = true},
    {.name = "cloister-gateway", .folder = CLOISTER_SBIN_DIR, .service = true},
    {.name = "cloister-agent", .folder = CLOISTER_LIBEXEC_DIR},
    {.name = "cloister-launch", .folder = CLOISTER_SBIN_DIR},
    {.name = "cloisterctl", .folder = CLOISTER_BIN_DIR},
};
const size_t upgrade_program_count = COUNT_OF(upgrade_programs);

const char *upgrade_path(const struct upgrade_program *program, enum upgrade_name which, char *out,
                         size_t cap) {
    static const char *const before[] = {"", ".", ".", "."}, *const behind[] = {"", ".new", ".old",
                                                                                ".put"};
    (void)snprintf(out, cap, "%s/%s%s%s", program->folder, before[which], program->name,
                   behind[which]);
    return out;
}

bool upgrade_exists(const char *path) {
    struct stat st;
    return lstat(path, &st) == 0;
}

bool upgrade_same_file(const char *a, const char *b) {
    struct stat one, other;
    return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_ino == other.st_ino &&
           one.st_dev == other.st_dev;
}

int upgrade_fail(char *why, size_t why_len, const char *what, const char *path) {
    int error = errno;
    (void)snprintf(why, why_len, "%s %s: %s", what, path, strerror(error));
    return -error;
}

int upgrade_copy(const char *from, const char *to, const char *like, char *why, size_t why_len) {
    struct stat st, rights;
    SCOPE_FD int in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0 || fstat(in, &st) < 0)
        return upgrade_fail(why, why_len, "cannot read", from);
    if (stat(like, &rights) < 0)
        rights = (struct stat){.st_mode = 0755};
    (void)unlink(to);
    SCOPE_FD int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (out < 0)
        return upgrade_fail(why, why_len, "cannot write", to);
    for (off_t left = st.st_size; left > 0;) {
        ssize_t n = sendfile(out, in, NULL, (size_t)left);
        if (n <= 0)
            return upgrade_fail(why, why_len, "cannot write", to);
        left -= n;
    }
    /* chown first: it takes the set-user-ID bit away */
    if (fchown(out, rights.st_uid, rights.st_gid) < 0 || fchmod(out, rights.st_mode & 07777) < 0 ||
        fsync(out) < 0)
        return upgrade_fail(why, why_len, "cannot write", to);
    return 0;
}
