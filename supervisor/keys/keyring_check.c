#include "supervisor/keys/keyring_check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "memory/seal.h"
#include "supervisor/keys/keyring_file.h"
#include "supervisor/keys/keyring_meta.h"

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
static const char *const names[] = {[CHECK_CURRENT] = "kek-check", [CHECK_NEXT] = "kek-next-check"};

/* What only the right key-encryption key opens. */
int keyring_check_put(sqlite3 *db, enum check_of which, const uint8_t *kek) {
    return keyring_meta_put(db, names[which], &check_label, kek, CHECK_TEXT, strlen(CHECK_TEXT));
}

int keyring_check_promote(sqlite3 *db) {
    return keyring_file_error(
        sqlite3_exec(db,
                     "DELETE FROM meta WHERE name = 'kek-check';"
                     "UPDATE meta SET name = 'kek-check' WHERE name = 'kek-next-check';",
                     NULL, NULL, NULL));
}

int keyring_check_verify(sqlite3 *db, enum check_of which, const uint8_t *kek) {
    SCOPE_SECRET char *plain = NULL;
    size_t plain_len = 0;
    return keyring_meta_open(db, names[which], &check_label, kek, &plain, &plain_len);
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
    r = keyring_check_put(db, CHECK_CURRENT, kek);
    if (sqlite3_close(db) != SQLITE_OK && r == 0)
        r = -EIO;
    if (r == 0)
        r = keyring_file_publish(made, path);
    return r < 0
               ? refuse(r, why, why_len, "a new keyring %s cannot be made: %s", path, strerror(-r))
               : 0;
}
