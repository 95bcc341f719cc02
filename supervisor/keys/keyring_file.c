#include "supervisor/keys/keyring_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define APPLICATION_ID  0x436c6b73 /* "Clks" */
#define BUSY_TIMEOUT_MS 3000       /* a killed predecessor may still be dying; a copy being made */
#define BUSY_LOOK_MS    20
#define CHUNK           65536

/* Schema version N is migrations[0..N-1]; a row is never changed, only added. */
static const char *const migrations[] = {
    "CREATE TABLE data_keys ("
    " kind INTEGER NOT NULL CHECK (kind IN (0, 1)),"
    " id TEXT NOT NULL CHECK (length(id) = 32),"
    " user TEXT NOT NULL CHECK (length(user) IN (0, 32)),"
    " wrapped BLOB NOT NULL,"
    " epoch INTEGER NOT NULL,"
    " floor INTEGER NOT NULL CHECK (floor >= 0),"
    " created_at_ms INTEGER NOT NULL,"
    " PRIMARY KEY (kind, id)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE meta (name TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT "
    "ROWID;",
    /* Which key-encryption key wraps a row: two are in use while one is being changed for the
     * other. */
    "ALTER TABLE data_keys ADD COLUMN kek TEXT NOT NULL DEFAULT '';",
};

int keyring_file_error(int result) {
    switch (result & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return 0;
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EBUSY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return -EUCLEAN;
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
        return -EACCES;
    default: /* an int of SQLite's, not an enum of ours */
        return -EIO;
    }
}

static int run(sqlite3 *db, const char *sql) {
    return keyring_file_error(sqlite3_exec(db, sql, NULL, NULL, NULL));
}

/* The one value of a one-row answer, as a number or compared with "ok". */
static int ask(sqlite3 *db, const char *sql, int64_t *ret_number, bool *ret_ok) {
    sqlite3_stmt *statement = NULL;
    int r = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (r == SQLITE_OK)
        r = sqlite3_step(statement);
    if (r == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(statement, 0);
        if (ret_ok != NULL)
            *ret_ok = text != NULL && strcmp(text, "ok") == 0;
        if (ret_number != NULL)
            *ret_number = sqlite3_column_int64(statement, 0);
    }
    (void)sqlite3_finalize(statement);
    return r == SQLITE_DONE ? -EUCLEAN : keyring_file_error(r);
}

PRINTF_LIKE(4, 5)
static int refuse(int error, char *why, size_t why_len, const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)vsnprintf(why, why_len, format, args);
    va_end(args);
    return error;
}

/* PERSIST keeps the journal in place, where it can be overwritten; a deleted one would leave its
 * pages on the disk. */
static int set_modes(sqlite3 *db) {
    return run(db, "PRAGMA secure_delete=ON; PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF;"
                   "PRAGMA cell_size_check=ON; PRAGMA mmap_size=0;"
                   "PRAGMA journal_mode=PERSIST; PRAGMA synchronous=FULL;"
                   "BEGIN EXCLUSIVE; COMMIT;");
}

static int migrate(sqlite3 *db, int64_t from) {
    char sql[128];
    int r = run(db, "BEGIN EXCLUSIVE");
    for (int64_t i = from; r == 0 && i < (int64_t)COUNT_OF(migrations); i++)
        r = run(db, migrations[i]);
    (void)snprintf(sql, sizeof(sql), "PRAGMA application_id=%d; PRAGMA user_version=%zu;",
                   APPLICATION_ID, COUNT_OF(migrations));
    if (r == 0)
        r = run(db, sql);
    if (r == 0)
        r = run(db, "COMMIT");
    if (r < 0)
        (void)run(db, "ROLLBACK");
    return r;
}

static int check(sqlite3 *db, const char *path, char *why, size_t why_len) {
    int64_t application = 0, version = 0, tables = 0;
    bool sound = false;
    int r = set_modes(db);
    if (r == -EBUSY)
        return refuse(r, why, why_len, "%s is locked: is somebody at it with sqlite3?", path);
    if (r == 0)
        r = ask(db, "PRAGMA application_id", &application, NULL);
    if (r == 0)
        r = ask(db, "PRAGMA user_version", &version, NULL);
    if (r == 0)
        r = ask(db, "SELECT count(*) FROM sqlite_schema", &tables, NULL);
    if (r == 0)
        r = ask(db, "PRAGMA integrity_check(1)", NULL, &sound);
    if (r == -EUCLEAN || (r == 0 && !sound))
        return refuse(-EUCLEAN, why, why_len,
                      "%s is damaged: restore it from a copy, or move it away (all users must then "
                      "connect again)",
                      path);
    if (r < 0)
        return refuse(r, why, why_len, "%s cannot be used: %s", path, sqlite3_errmsg(db));
    if (tables != 0 && application != APPLICATION_ID)
        return refuse(-EINVAL, why, why_len, "%s is a database, but no keyring", path);
    if (version > (int64_t)COUNT_OF(migrations))
        return refuse(-ENOTSUP, why, why_len, "%s was written by a newer version of Cloister",
                      path);
    if (version < (int64_t)COUNT_OF(migrations) && (r = migrate(db, version)) < 0)
        return refuse(r, why, why_len, "%s cannot be brought up to date: %s", path,
                      sqlite3_errmsg(db));
    return 0;
}

/* SQLite's own lock would keep backups out as well, which read between transactions
 * (docs/backup.md).
 */
int keyring_file_lock(const char *path, char *why, size_t why_len) {
    char name[4096];
    int n = snprintf(name, sizeof(name), "%s.lock", path);
    if (n < 0 || (size_t)n >= sizeof(name))
        return refuse(-ENAMETOOLONG, why, why_len, "keys.keyring: the path is too long");
    SCOPE_FD int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return refuse(-errno, why, why_len, "%s cannot be made: %m", name);
    for (uint64_t end = clock_ms() + BUSY_TIMEOUT_MS; flock(fd, LOCK_EX | LOCK_NB) < 0;
         (void)usleep(BUSY_LOOK_MS * 1000)) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return refuse(-errno, why, why_len, "%s cannot be locked: %m", name);
        if (clock_ms() >= end)
            return refuse(-EBUSY, why, why_len, "%s is in use: is another cloister-keys running?",
                          path);
    }
    return take_fd(&fd);
}

/* The file with its final mode, before SQLite writes into it; journals copy the mode. */
static int make_private(const char *path, char *why, size_t why_len) {
    SCOPE_FD int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return refuse(-errno, why, why_len, "keyring %s cannot be opened: %m", path);
    if (!S_ISREG(st.st_mode) || st.st_uid != geteuid())
        return refuse(-EPERM, why, why_len, "keyring %s is no plain file of this user", path);
    if (fchmod(fd, 0600) < 0)
        return refuse(-errno, why, why_len, "keyring %s: %m", path);
    return 0;
}

int keyring_file_open(const char *path, sqlite3 **ret, char *why, size_t why_len) {
    sqlite3 *db = NULL;
    int r = make_private(path, why, why_len);
    if (r < 0)
        return r;
    r = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (r != SQLITE_OK) {
        r = refuse(keyring_file_error(r), why, why_len, "keyring %s cannot be opened", path);
    } else {
        (void)sqlite3_busy_timeout(db, BUSY_TIMEOUT_MS);
        r = check(db, path, why, why_len);
    }
    if (r < 0) {
        (void)sqlite3_close(db);
        return r;
    }
    *ret = db;
    return 0;
}

bool keyring_file_exists(const char *path) {
    struct stat st;
    return lstat(path, &st) == 0 || errno != ENOENT;
}

static int journal_of(const char *path, char *out, size_t cap) {
    int n = snprintf(out, cap, "%s-journal", path);
    return n < 0 || (size_t)n >= cap ? -ENAMETOOLONG : 0;
}

int keyring_file_publish(const char *made, const char *path) {
    char journal[4096], folder[4096];
    if (journal_of(made, journal, sizeof(journal)) < 0 || strlen(path) >= sizeof(folder))
        return -ENAMETOOLONG;
    (void)unlink(journal);
    if (rename(made, path) < 0)
        return -errno;
    strcpy(folder, path);
    SCOPE_FD int dir = open(dirname(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir < 0 || fsync(dir) < 0 ? -errno : 0;
}

void keyring_file_remove(const char *path) {
    char journal[4096];
    (void)unlink(path);
    if (journal_of(path, journal, sizeof(journal)) == 0)
        (void)unlink(journal);
}

int keyring_file_wipe_journal(const char *path) {
    static const uint8_t zero[4096];
    char journal[4096];
    struct stat st;
    if (journal_of(path, journal, sizeof(journal)) < 0)
        return -ENAMETOOLONG;
    SCOPE_FD int fd = open(journal, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    if (fstat(fd, &st) < 0)
        return -errno;
    for (off_t left = st.st_size; left > 0; left -= (off_t)sizeof(zero)) {
        int r = write_all(fd, zero, left < (off_t)sizeof(zero) ? (size_t)left : sizeof(zero));
        if (r < 0)
            return r;
    }
    return fdatasync(fd) < 0 ? -errno : 0;
}

/* Looks through what `next` yields, chunk by chunk; it returns bytes read, 0 at the end, or -errno.
 */
static int search(ssize_t (*next)(void *file, uint8_t *out, size_t cap, int64_t offset), void *file,
                  const uint8_t *bytes, size_t len) {
    static uint8_t window[2 * CHUNK];
    int64_t offset = 0;
    for (size_t kept = 0;;) {
        ssize_t n = next(file, window + kept, CHUNK, offset);
        if (n <= 0)
            return (int)n;
        size_t have = kept + (size_t)n;
        if (memmem(window, have, bytes, len) != NULL)
            return 1;
        kept = have < len - 1 ? have : len - 1;
        memmove(window, window + have - kept, kept);
        offset += n;
    }
}

/* Through SQLite's own handle: closing another descriptor of this file would drop SQLite's locks.
 */
static ssize_t next_of_database(void *file, uint8_t *out, size_t cap, int64_t offset) {
    sqlite3_file *handle = file;
    sqlite3_int64 size = 0;
    if (handle->pMethods->xFileSize(handle, &size) != SQLITE_OK)
        return -EIO;
    int64_t left = size - offset;
    if (left <= 0)
        return 0;
    int n = left < (int64_t)cap ? (int)left : (int)cap;
    return handle->pMethods->xRead(handle, out, n, offset) == SQLITE_OK ? n : -EIO;
}

static ssize_t next_of_journal(void *file, uint8_t *out, size_t cap, int64_t offset) {
    ssize_t n;
    do
        n = pread(*(int *)file, out, cap, offset);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

int keyring_file_holds(sqlite3 *db, const char *path, const uint8_t *bytes, size_t len) {
    char journal[4096];
    sqlite3_file *handle = NULL;
    if (len == 0 || len > CHUNK || journal_of(path, journal, sizeof(journal)) < 0)
        return -EINVAL;
    if (sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &handle) != SQLITE_OK ||
        handle == NULL || handle->pMethods == NULL)
        return -EIO;
    int r = search(next_of_database, handle, bytes, len);
    if (r != 0)
        return r;
    SCOPE_FD int fd = open(journal, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    return search(next_of_journal, &fd, bytes, len);
}
