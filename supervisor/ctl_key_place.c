#include "supervisor/ctl_key_place.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "supervisor/ctl_keys.h"

#define KEY_LEN    32
#define CREDENTIAL "cloister-kek"
#define NEXT       "cloister-kek-next"
#define STORED     "/etc/credstore.encrypted/" CREDENTIAL

static bool by_systemd(const struct config *config) {
    return strcmp(config_str(config, CONFIG_keys_provider), "systemd") == 0;
}

static int fail(int error, const char *path, char *why, size_t why_len) {
    (void)snprintf(why, why_len, "%s: %s", path, strerror(-error));
    return error;
}

static int beside(const struct config *config, const char *suffix, char *out, size_t cap) {
    int n = snprintf(out, cap, "%s%s", config_str(config, CONFIG_keys_key_file), suffix);
    return n < 0 || (size_t)n >= cap ? -ENAMETOOLONG : 0;
}

static int sync_folder(const char *path) {
    char folder[4096];
    if (strlen(path) >= sizeof(folder))
        return -ENAMETOOLONG;
    strcpy(folder, path);
    SCOPE_FD int dir = open(dirname(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir < 0 || fsync(dir) < 0 ? -errno : 0;
}

static int write_random_key(int fd) {
    uint8_t key[KEY_LEN];
    char text[2 * KEY_LEN + 2];
    randombytes_buf(key, sizeof(key));
    hex_encode(key, sizeof(key), text);
    text[sizeof(text) - 2] = '\n';
    int r = write_all(fd, text, sizeof(text) - 1);
    explicit_bzero(key, sizeof(key));
    explicit_bzero(text, sizeof(text));
    return r;
}

/* Whole or not at all, with the owner and mode of the key that it is to follow. */
static int make_next_file(const struct config *config, const char *next) {
    char made[4096];
    struct stat st;
    int r = beside(config, ".new", made, sizeof(made));
    if (r < 0)
        return r;
    if (stat(config_str(config, CONFIG_keys_key_file), &st) < 0)
        return -errno;
    (void)unlink(made);
    SCOPE_FD int fd = open(made, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0400);
    if (fd < 0)
        return -errno;
    r = write_random_key(fd);
    if (r == 0 && (fchown(fd, st.st_uid, st.st_gid) < 0 || fchmod(fd, st.st_mode & 0700) < 0 ||
                   fsync(fd) < 0 || rename(made, next) < 0))
        r = -errno;
    return r < 0 ? r : sync_folder(next);
}

/* A key as the file holds it. What is none, or is the key that it should follow, was put there by
 * nobody who rotates. */
static bool follows(int fd, const char *path) {
    char next[2 * KEY_LEN + 1] = "", key[2 * KEY_LEN + 1] = "";
    uint8_t bytes[KEY_LEN];
    SCOPE_FD int old = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = pread(fd, next, sizeof(next) - 1, 0);
    bool fine = n == (ssize_t)sizeof(next) - 1 && hex_decode(next, bytes, sizeof(bytes)) == 0;
    if (fine && old >= 0 && pread(old, key, sizeof(key) - 1, 0) == (ssize_t)sizeof(key) - 1)
        fine = sodium_memcmp(next, key, sizeof(key)) != 0;
    explicit_bzero(bytes, sizeof(bytes));
    explicit_bzero(next, sizeof(next));
    explicit_bzero(key, sizeof(key));
    return fine;
}

/* What is there already, if it can be what an earlier call left. -ENOENT: nothing. */
static int left_file(const char *next, const char *path, bool begun) {
    SCOPE_FD int fd = open(next, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -errno;
    if (follows(fd, path))
        return take_fd(&fd);
    if (begun)
        return -EBADMSG;
    return unlink(next) < 0 ? -errno : -ENOENT; /* nothing was ever wrapped by it */
}

static int next_file(const struct config *config, bool begun, bool *ret_resumed, char *why,
                     size_t why_len) {
    char next[4096];
    const char *path = config_str(config, CONFIG_keys_key_file);
    struct stat st;
    if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
        (void)snprintf(why, why_len,
                       "%s is no regular file: name the file itself in keys.key_file, so that the "
                       "old key can be overwritten",
                       path);
        return -ELOOP;
    }
    int r = beside(config, ".next", next, sizeof(next));
    int fd = r == 0 ? left_file(next, path, begun) : r;
    *ret_resumed = fd >= 0;
    if (fd == -ENOENT) {
        r = make_next_file(config, next);
        fd = r == 0 ? open(next, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : r;
        if (r == 0 && fd < 0)
            fd = -errno;
    }
    return fd < 0 ? fail(fd, next, why, why_len) : fd;
}

static int next_credential(bool *ret_resumed, char *why, size_t why_len) {
    if (access(STORED, F_OK) < 0) {
        (void)snprintf(why, why_len,
                       "the key is not kept as " STORED ", so it cannot be changed from here");
        return -ENOTSUP;
    }
    SCOPE_FD int fd = ctl_credential_open(NEXT, why, why_len);
    *ret_resumed = fd >= 0;
    if (fd >= 0)
        return take_fd(&fd);
    if (fd != -ENOENT)
        return fd;
    SCOPE_FD int made = memfd_create(NEXT, MFD_CLOEXEC);
    if (made < 0)
        return fail(-errno, NEXT, why, why_len);
    int r = write_random_key(made);
    if (r < 0)
        return fail(r, NEXT, why, why_len);
    r = ctl_credential_put(NEXT, made, why, why_len);
    if (r == 0 && lseek(made, 0, SEEK_SET) < 0)
        r = fail(-errno, NEXT, why, why_len);
    return r < 0 ? r : take_fd(&made);
}

int key_place_next(const struct config *config, bool begun, bool *ret_resumed, char *why,
                   size_t why_len) {
    return by_systemd(config) ? next_credential(ret_resumed, why, why_len)
                              : next_file(config, begun, ret_resumed, why, why_len);
}

bool key_place_pending(const struct config *config) {
    char next[4096] = "/etc/credstore.encrypted/" NEXT;
    if (!by_systemd(config) && beside(config, ".next", next, sizeof(next)) < 0)
        return false;
    return access(next, F_OK) == 0;
}

/* What else has this file open or linked keeps nothing of it; the disk itself may. */
static int overwrite(int fd) {
    static const uint8_t zero[256];
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (st.st_size > (off_t)sizeof(zero))
        return -EFBIG;
    if (pwrite(fd, zero, (size_t)st.st_size, 0) != (ssize_t)st.st_size || fsync(fd) < 0)
        return -EIO;
    return 0;
}

static int finish_file(const struct config *config, char *why, size_t why_len) {
    const char *path = config_str(config, CONFIG_keys_key_file);
    char next[4096];
    int r = beside(config, ".next", next, sizeof(next));
    SCOPE_FD int old = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (r == 0 && rename(next, path) < 0)
        r = -errno;
    if (r == 0)
        r = sync_folder(path);
    if (r < 0)
        return fail(r, path, why, why_len);
    if (overwrite(old) < 0) {
        (void)snprintf(why, why_len,
                       "the key is changed, but the old one could not be overwritten: wipe the "
                       "disk's free space, or count it as known");
        return -EIO;
    }
    return 0;
}

int key_place_finish(const struct config *config, int next, char *why, size_t why_len) {
    if (!by_systemd(config))
        return finish_file(config, why, why_len);
    int r = ctl_credential_put(CREDENTIAL, next, why, why_len);
    return r < 0 ? r : ctl_credential_remove(NEXT, why, why_len);
}
