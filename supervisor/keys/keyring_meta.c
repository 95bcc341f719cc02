#include "supervisor/keys/keyring_meta.h"

#include <errno.h>

#include "supervisor/keys/keyring_file.h"

int keyring_meta_put(sqlite3 *db, const char *name, const struct seal_label *label,
                     const uint8_t *kek, const void *plain, size_t len) {
    SCOPE_FREE uint8_t *blob = NULL;
    size_t blob_len = 0;
    sqlite3_stmt *statement = NULL;
    int r = seal_box(kek, label, plain, len, &blob, &blob_len);
    if (r < 0)
        return r;
    r = sqlite3_prepare_v2(db, "INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)", -1,
                           &statement, NULL);
    if (r == SQLITE_OK) {
        (void)sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
        (void)sqlite3_bind_blob(statement, 2, blob, (int)blob_len, SQLITE_STATIC);
        r = sqlite3_step(statement);
    }
    (void)sqlite3_finalize(statement);
    return keyring_file_error(r);
}

int keyring_meta_open(sqlite3 *db, const char *name, const struct seal_label *label,
                      const uint8_t *kek, char **ret, size_t *ret_len) {
    sqlite3_stmt *statement = NULL;
    int step =
        sqlite3_prepare_v2(db, "SELECT value FROM meta WHERE name = ?1", -1, &statement, NULL);
    if (step == SQLITE_OK) {
        (void)sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
        step = sqlite3_step(statement);
    }
    int r = keyring_file_error(step);
    if (step == SQLITE_DONE)
        r = -ENOKEY;
    if (step == SQLITE_ROW)
        r = seal_open(kek, label, sqlite3_column_blob(statement, 0),
                      (size_t)sqlite3_column_bytes(statement, 0), ret, ret_len);
    (void)sqlite3_finalize(statement);
    return r == -EPROTO ? -EBADMSG : r;
}
