#include "supervisor/keys/keyring_check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "memory/seal.h"
#include "supervisor/keys/keyring_file.h"

#define CHECK_TEXT "cloister keyring"

PRINTF_LIKE(4, 5)
static int refuse(int error, char *why, size_t why_len, const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)vsnprintf(why, why_len, format, args);
    va_end(args);
    return error;
}

static const struct seal_label check_label = {"kek-check", "keyring", 1, 1};

/* What only the right key-encryption key opens; written when the keyring is made, never again. */
static int write_check(sqlite3 *db, const uint8_t *kek) {
    SCOPE_FREE uint8_t *blob = NULL;
    size_t len = 0;
    sqlite3_stmt *statement = NULL;
    int r = seal_box(kek, &check_label, CHECK_TEXT, strlen(CHECK_TEXT), &blob, &len);
    if (r < 0)
        return r;
    r = sqlite3_prepare_v2(db, "INSERT INTO meta (name, value) VALUES ('kek-check', ?1)", -1,
                           &statement, NULL);
    if (r == SQLITE_OK) {
        (void)sqlite3_bind_blob(statement, 1, blob, (int)len, SQLITE_STATIC);
        r = sqlite3_step(statement);
    }
    (void)sqlite3_finalize(statement);
    return keyring_file_error(r);
}

int keyring_check_verify(sqlite3 *db, const uint8_t *kek) {
    SCOPE_SECRET char *plain = NULL;
    size_t plain_len = 0;
    sqlite3_stmt *statement = NULL;
    int step = sqlite3_prepare_v2(db, "SELECT value FROM meta WHERE name = 'kek-check'", -1,
                                  &statement, NULL);
    if (step == SQLITE_OK)
        step = sqlite3_step(statement);
    int r = keyring_file_error(step);
    if (step == SQLITE_DONE)
        r = -ENOKEY;
    if (step == SQLITE_ROW)
        r = seal_open(kek, &check_label, sqlite3_column_blob(statement, 0),
                      (size_t)sqlite3_column_bytes(statement, 0), &plain, &plain_len);
    (void)sqlite3_finalize(statement);
    return r == -EPROTO ? -EBADMSG : r;
}

int keyring_make(const char *path, const uint8_t *kek, char *why, size_t why_len) {
    char made[4096];
    sqlite3 *db = NULL;
    int n = snprintf(made, sizeof(made), "%s.new", path);
    if (n < 0 || (size_t)n >= sizeof(made))
        return refuse(-ENAMETOOLONG, why, why_len, "keys.keyring: the path is too long");
    keyring_file_remove(made);
    int r = keyring_file_open(made, &db, why, why_len);
    if (r < 0)
        return r;
    r = write_check(db, kek);
    if (sqlite3_close(db) != SQLITE_OK && r == 0)
        r = -EIO;
    if (r == 0)
        r = keyring_file_publish(made, path);
    return r < 0
               ? refuse(r, why, why_len, "a new keyring %s cannot be made: %s", path, strerror(-r))
               : 0;
}
