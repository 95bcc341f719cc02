#include "supervisor/keys/keyring_subject.h"

#include <errno.h>
#include <sodium.h>

#include "supervisor/keys/keyring_file.h"

static const struct seal_label subject_label = {"subject-key", "keyring", 1, 1};

static int make(sqlite3 *db, const uint8_t *kek) {
    SCOPE_FREE uint8_t *blob = NULL;
    SCOPE_SECRET uint8_t *key = secret_alloc(SEAL_KEY_LEN);
    size_t len = 0;
    sqlite3_stmt *statement = NULL;
    if (key == NULL)
        return -ENOMEM;
    randombytes_buf(key, SEAL_KEY_LEN);
    int r = seal_box(kek, &subject_label, key, SEAL_KEY_LEN, &blob, &len);
    if (r < 0)
        return r;
    r = sqlite3_prepare_v2(db, "INSERT INTO meta (name, value) VALUES ('subject-key', ?1)", -1,
                           &statement, NULL);
    if (r == SQLITE_OK) {
        (void)sqlite3_bind_blob(statement, 1, blob, (int)len, SQLITE_STATIC);
        r = sqlite3_step(statement);
    }
    (void)sqlite3_finalize(statement);
    return keyring_file_error(r);
}

/* -ENOKEY: there is none yet. */
static int find(sqlite3 *db, const uint8_t *kek, char **ret) {
    SCOPE_SECRET char *key = NULL;
    size_t len = 0;
    sqlite3_stmt *statement = NULL;
    int step = sqlite3_prepare_v2(db, "SELECT value FROM meta WHERE name = 'subject-key'", -1,
                                  &statement, NULL);
    if (step == SQLITE_OK)
        step = sqlite3_step(statement);
    int r = keyring_file_error(step);
    if (step == SQLITE_DONE)
        r = -ENOKEY;
    if (step == SQLITE_ROW)
        r = seal_open(kek, &subject_label, sqlite3_column_blob(statement, 0),
                      (size_t)sqlite3_column_bytes(statement, 0), &key, &len);
    (void)sqlite3_finalize(statement);
    if (r < 0)
        return r == -EPROTO ? -EBADMSG : r;
    if (len != SEAL_KEY_LEN)
        return -EBADMSG;
    *ret = take_ptr(key);
    return 0;
}

int keyring_subject(sqlite3 *db, const uint8_t *kek, char **ret) {
    int r = find(db, kek, ret);
    if (r != -ENOKEY)
        return r;
    r = make(db, kek);
    return r < 0 ? r : find(db, kek, ret);
}
