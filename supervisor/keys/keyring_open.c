#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/keys/keyring_check.h"
#include "supervisor/keys/keyring_file.h"
#include "supervisor/keys/keyring_state.h"

static const char *const statements[] = {
    [KEYRING_GET] =
        "SELECT user, wrapped, epoch, floor, kek FROM data_keys WHERE kind = ?1 AND id = ?2",
    [KEYRING_PUT] =
        "INSERT INTO data_keys (kind, id, user, wrapped, epoch, floor, created_at_ms, kek)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [KEYRING_DELETE] = "DELETE FROM data_keys WHERE kind = ?1 AND id = ?2",
    [KEYRING_SET_USER] = "UPDATE data_keys SET user = ?3"
                         " WHERE kind = ?1 AND id = ?2 AND user = ''",
    [KEYRING_SET_FLOOR] = "UPDATE data_keys SET floor = ?3"
                          " WHERE kind = ?1 AND id = ?2 AND floor <= ?3",
    [KEYRING_SET_EPOCH] = "UPDATE data_keys SET wrapped = ?3, epoch = ?4, kek = ?5"
                          " WHERE kind = ?1 AND id = ?2",
    [KEYRING_OLD_ROWS] = "SELECT user, wrapped, epoch, floor, kek, kind, id FROM data_keys"
                         " WHERE (kind, id) > (?1, ?2) AND kek <> ?3 ORDER BY kind, id LIMIT ?4",
    [KEYRING_REWRAP] = "UPDATE data_keys SET wrapped = ?3, kek = ?4 WHERE kind = ?1 AND id = ?2",
};
_Static_assert(COUNT_OF(statements) == KEYRING_STATEMENTS, "one text per statement");

PRINTF_LIKE(4, 5)
static int refuse(int error, char *why, size_t why_len, const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)vsnprintf(why, why_len, format, args);
    va_end(args);
    return error;
}

static int prepare_all(struct keyring *keyring) {
    for (size_t i = 0; i < KEYRING_STATEMENTS; i++) {
        int r = sqlite3_prepare_v3(keyring->db, statements[i], -1, SQLITE_PREPARE_PERSISTENT,
                                   &keyring->prepared[i], NULL);
        if (r != SQLITE_OK)
            return keyring_file_error(r);
    }
    return 0;
}

/* Rows of a keyring from before rows said which key wraps them: there was only this one. */
static int name_old_rows(struct keyring *keyring) {
    sqlite3_stmt *statement = NULL;
    int r = sqlite3_prepare_v2(keyring->db, "UPDATE data_keys SET kek = ?1 WHERE kek = ''", -1,
                               &statement, NULL);
    if (r == SQLITE_OK) {
        (void)sqlite3_bind_text(statement, 1, keyring->kek.id, -1, SQLITE_STATIC);
        r = sqlite3_step(statement);
    }
    (void)sqlite3_finalize(statement);
    return keyring_file_error(r);
}

/* Which of the operator's two keys is whose. A rotation that was finished here may not have been
 * finished in the operator's files; one that has begun needs both keys. */
static int find_keys(struct keyring *keyring, const uint8_t *kek, const uint8_t *next, char *why,
                     size_t why_len) {
    const char *path = keyring->path;
    int r = keyring_check_verify(keyring->db, CHECK_CURRENT, kek);
    if (r == -EBADMSG && next != NULL &&
        keyring_check_verify(keyring->db, CHECK_CURRENT, next) == 0) {
        kek = next;
        r = 0;
    }
    if (r == -EBADMSG)
        return refuse(
            r, why, why_len,
            "the key-encryption key does not open keyring %s: put back the key it was made "
            "with",
            path);
    if (r == -ENOKEY)
        return refuse(r, why, why_len, "keyring %s lacks its check value: it is damaged", path);
    if (r == 0)
        r = kek_set(&keyring->kek, kek);
    if (r < 0)
        return refuse(r, why, why_len, "keyring %s cannot be used: %s", path, strerror(-r));
    r = next != NULL ? keyring_check_verify(keyring->db, CHECK_NEXT, next)
                     : keyring_check_verify(keyring->db, CHECK_NEXT, kek);
    if (r == -ENOKEY)
        return 0; /* no rotation is under way */
    if (r == 0 && next != NULL)
        return kek_set(&keyring->next, next);
    return refuse(-EBADMSG, why, why_len,
                  "the key-encryption key of keyring %s is being changed, and the next key is "
                  "missing: put back what cloisterctl rotate-key made (the key file's name with "
                  ".next, or the credential cloister-kek-next)",
                  path);
}

static int open_existing(struct keyring *keyring, const uint8_t *kek, const uint8_t *next,
                         char *why, size_t why_len) {
    const char *path = keyring->path;
    int r = keyring_file_open(path, &keyring->db, why, why_len);
    if (r == 0)
        r = find_keys(keyring, kek, next, why, why_len);
    if (r < 0)
        return r;
    r = keyring_file_wipe_journal(path); /* of a predecessor that was killed */
    if (r == 0)
        r = name_old_rows(keyring);
    if (r == 0)
        r = prepare_all(keyring);
    if (r == 0 && keyring->next.key != NULL)
        r = keyring_rotate_resume(keyring);
    return r < 0 ? refuse(r, why, why_len, "keyring %s cannot be used: %s", path, strerror(-r)) : 0;
}

int keyring_open(const char *path, const uint8_t *kek, const uint8_t *next, struct keyring **ret,
                 char *why, size_t why_len) {
    SCOPE_FD int lock = keyring_file_lock(path, why, why_len);
    if (lock < 0)
        return lock;
    int r = keyring_file_exists(path) ? 0 : keyring_make(path, kek, why, why_len);
    if (r < 0)
        return r;
    struct keyring *keyring = calloc(1, sizeof(*keyring));
    if (keyring == NULL)
        return refuse(-ENOMEM, why, why_len, "out of memory");
    keyring->lock = take_fd(&lock);
    keyring->path = strdup(path);
    r = keyring->path == NULL ? refuse(-ENOMEM, why, why_len, "out of memory")
                              : open_existing(keyring, kek, next, why, why_len);
    if (r < 0) {
        keyring_close(keyring);
        return r;
    }
    *ret = keyring;
    return 0;
}

void keyring_close(struct keyring *keyring) {
    if (keyring == NULL)
        return;
    for (size_t i = 0; i < KEYRING_STATEMENTS; i++)
        (void)sqlite3_finalize(keyring->prepared[i]);
    (void)sqlite3_close(keyring->db);
    (void)close(keyring->lock);
    kek_clear(&keyring->kek);
    kek_clear(&keyring->next);
    free(keyring->path);
    free(keyring);
}
