#include "tests/unit/keys/accounts.h"

#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "build_config.h"
#include "ipc/base.h"
#include "ipc/confine.h"

static void make_user(const char *name) {
    uid_t uid;
    gid_t gid;
    if (user_lookup(name, &uid, &gid) == 0)
        return;
    pid_t pid = fork();
    if (pid == 0) {
        execlp("useradd", "useradd", "--system", "--no-create-home", "--user-group", "--shell",
               "/usr/sbin/nologin", name, (char *)NULL);
        _exit(127);
    }
    int status;
    (void)waitpid(pid, &status, 0);
    if (user_lookup(name, &uid, &gid) < 0) {
        fprintf(stderr, "cannot create the system user %s\n", name);
        exit(99);
    }
}

void accounts_make(void) {
    if (geteuid() != 0) {
        fprintf(stderr, "skipped: needs root to play several users\n");
        exit(77);
    }
    SCOPE_FD int lock = open("/tmp/.cloister-test-accounts", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock >= 0)
        (void)flock(lock, LOCK_EX); /* several suites may run at once */
    make_user(CLOISTER_USER_SUPERVISOR);
    make_user(CLOISTER_USER_KEYS);
    make_user(CLOISTER_USER_AGENT);
}

uid_t account_uid(const char *user) {
    uid_t uid = 0;
    gid_t gid = 0;
    return user_lookup(user, &uid, &gid) < 0 ? (uid_t)-1 : uid;
}

gid_t account_gid(const char *user) {
    uid_t uid = 0;
    gid_t gid = 0;
    return user_lookup(user, &uid, &gid) < 0 ? (gid_t)-1 : gid;
}

void account_become(const char *user) {
    uid_t uid;
    gid_t gid;
    if (user_lookup(user, &uid, &gid) < 0 || setgroups(0, NULL) < 0 ||
        setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
        _exit(99);
}

char *scratch_dir(void) {
    char *path = strdup("/tmp/cloister-keys-XXXXXX");
    if (path == NULL || mkdtemp(path) == NULL || chmod(path, 0711) < 0)
        exit(99);
    return path;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk) {
    (void)st;
    (void)type;
    (void)walk;
    return remove(path);
}

void scratch_remove(const char *dir) {
    (void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
