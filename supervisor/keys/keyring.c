#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/keys/keyring_file.h"
#include "supervisor/keys/keyring_own.h"
#include "supervisor/keys/keyring_state.h"

#define FIRST_EPOCH 1
#define FIRST_FLOOR 0

/* ---- statements ---- */

static sqlite3_stmt *begin(struct keyring *keyring, enum keyring_statement which,
                           enum key_kind kind, const char *id) {
    sqlite3_stmt *statement = keyring->prepared[which];
    (void)sqlite3_bind_int(statement, 1, (int)kind);
    (void)sqlite3_bind_text(statement, 2, id, -1, SQLITE_STATIC);
    return statement;
}

static void end(sqlite3_stmt *statement) {
    (void)sqlite3_reset(statement);
    (void)sqlite3_clear_bindings(statement);
}

/* Runs a change; the number of changed rows, or -errno. */
static int change(struct keyring *keyring, sqlite3_stmt *statement) {
    int r = keyring_file_error(sqlite3_step(statement));
    int changed = r == 0 ? sqlite3_changes(keyring->db) : 0;
    end(statement);
    return r < 0 ? r : changed;
}

static int read_found(sqlite3_stmt *statement, struct keyring_found *ret) {
    const char *user = (const char *)sqlite3_column_text(statement, 0);
    const void *wrapped = sqlite3_column_blob(statement, 1);
    const int user_len = sqlite3_column_bytes(statement, 0);
    const int len = sqlite3_column_bytes(statement, 1);
    const char *kek = (const char *)sqlite3_column_text(statement, 4);
    if (user == NULL || wrapped == NULL || len <= 0 || user_len > ID_LEN || kek == NULL)
        return -EBADMSG;
    ret->wrapped = malloc((size_t)len);
    if (ret->wrapped == NULL)
        return -ENOMEM;
    memcpy(ret->wrapped, wrapped, (size_t)len);
    ret->len = (size_t)len;
    memcpy(ret->user, user, (size_t)user_len);
    ret->user[user_len] = '\0';
    (void)snprintf(ret->kek, sizeof(ret->kek), "%s", kek);
    ret->epoch = (uint64_t)sqlite3_column_int64(statement, 2);
    ret->floor = (uint64_t)sqlite3_column_int64(statement, 3);
    return 0;
}

/* The caller frees ret->wrapped. -EKEYREVOKED when there is no such row. */
static int find(struct keyring *keyring, enum key_kind kind, const char *id,
                struct keyring_found *ret) {
    sqlite3_stmt *statement = begin(keyring, KEYRING_GET, kind, id);
    int step = sqlite3_step(statement);
    int r = keyring_file_error(step);
    if (step == SQLITE_DONE)
        r = -EKEYREVOKED;
    if (step == SQLITE_ROW)
        r = read_found(statement, ret);
    end(statement);
    return r;
}

/* ---- rows ---- */

static int wrap_fresh_key(const struct kek *kek, enum key_kind kind, const char *id, uint8_t **ret,
                          size_t *ret_len) {
    SCOPE_SECRET uint8_t *key = secret_alloc(SEAL_KEY_LEN);
    if (key == NULL)
        return -ENOMEM;
    randombytes_buf(key, SEAL_KEY_LEN);
    return keyring_wrap(kek, kind, id, FIRST_EPOCH, key, ret, ret_len);
}

static int put(struct keyring *keyring, enum key_kind kind, const char *id, const char *user) {
    const struct kek *kek = keyring_writing(keyring);
    SCOPE_FREE uint8_t *wrapped = NULL;
    size_t len = 0;
    int r = wrap_fresh_key(kek, kind, id, &wrapped, &len);
    if (r < 0)
        return r;
    sqlite3_stmt *statement = begin(keyring, KEYRING_PUT, kind, id);
    (void)sqlite3_bind_text(statement, 3, user, -1, SQLITE_STATIC);
    (void)sqlite3_bind_blob(statement, 4, wrapped, (int)len, SQLITE_STATIC);
    (void)sqlite3_bind_int64(statement, 5, FIRST_EPOCH);
    (void)sqlite3_bind_int64(statement, 6, FIRST_FLOOR);
    (void)sqlite3_bind_int64(statement, 7, wall_ms());
    (void)sqlite3_bind_text(statement, 8, kek->id, -1, SQLITE_STATIC);
    r = change(keyring, statement);
    return r < 0 ? r : 0;
}

int keyring_create(struct keyring *keyring, enum key_kind kind, const char *id, const char *user) {
    struct keyring_found found = {0};
    int r = find(keyring, kind, id, &found);
    free(found.wrapped);
    if (r == -EKEYREVOKED)
        return put(keyring, kind, id, user);
    if (r < 0)
        return r;
    return user[0] == '\0' || strcmp(user, found.user) == 0 ? 0 : -EEXIST;
}

/* SQLite says that it zeroes what it frees (secure_delete). That is looked up rather than believed:
 * a file that still holds the bytes is rebuilt. */
static int leave_nothing(struct keyring *keyring, const struct keyring_found *gone) {
    int r = keyring_file_wipe_journal(keyring->path);
    if (r == 0)
        r = keyring_file_holds(keyring->db, keyring->path, gone->wrapped, gone->len);
    if (r <= 0)
        return r;
    r = keyring_file_error(sqlite3_exec(keyring->db, "VACUUM", NULL, NULL, NULL));
    if (r == 0)
        r = keyring_file_wipe_journal(keyring->path);
    if (r == 0)
        r = keyring_file_holds(keyring->db, keyring->path, gone->wrapped, gone->len);
    return r > 0 ? -EUCLEAN : r;
}

int keyring_destroy(struct keyring *keyring, enum key_kind kind, const char *id) {
    struct keyring_found gone = {0};
    int r = find(keyring, kind, id, &gone);
    if (r == -EKEYREVOKED)
        return 0;
    if (r == 0 || r == -EBADMSG) {
        int changed = change(keyring, begin(keyring, KEYRING_DELETE, kind, id));
        r = changed < 0 ? changed : gone.wrapped != NULL ? leave_nothing(keyring, &gone) : 0;
    }
    free(gone.wrapped);
    return r;
}

int keyring_bind_user(struct keyring *keyring, const char *connection, const char *user) {
    sqlite3_stmt *statement = begin(keyring, KEYRING_SET_USER, KEY_KIND_CONNECTION, connection);
    (void)sqlite3_bind_text(statement, 3, user, -1, SQLITE_STATIC);
    int changed = change(keyring, statement);
    if (changed != 0)
        return changed < 0 ? changed : 0;
    struct keyring_found found = {0};
    int r = find(keyring, KEY_KIND_CONNECTION, connection, &found);
    free(found.wrapped);
    if (r < 0)
        return r;
    return strcmp(found.user, user) == 0 ? 0 : -EEXIST;
}

int keyring_raise_floor(struct keyring *keyring, const char *connection, uint64_t version) {
    if (version > INT64_MAX)
        return -EINVAL;
    struct keyring_found found = {0};
    int r = find(keyring, KEY_KIND_CONNECTION, connection, &found);
    free(found.wrapped);
    if (r < 0)
        return r;
    if (version == found.floor)
        return 0; /* no write: every turn may say so */
    sqlite3_stmt *statement = begin(keyring, KEYRING_SET_FLOOR, KEY_KIND_CONNECTION, connection);
    (void)sqlite3_bind_int64(statement, 3, (sqlite3_int64)version);
    int changed = change(keyring, statement);
    return changed < 0 ? changed : changed == 0 ? -ESTALE : 0;
}

/* The key under its next epoch takes the place of the row, and nothing of the old row may stay: it
 * would still open after the key has been destroyed. */
static int rewrap(struct keyring *keyring, const char *user, const struct keyring_found *old,
                  const char *key) {
    const uint64_t epoch = old->epoch + 1;
    const struct kek *kek = keyring_writing(keyring);
    SCOPE_FREE uint8_t *wrapped = NULL;
    size_t len = 0;
    int r = keyring_wrap(kek, KEY_KIND_USER, user, epoch, key, &wrapped, &len);
    if (r < 0)
        return r;
    sqlite3_stmt *statement = begin(keyring, KEYRING_SET_EPOCH, KEY_KIND_USER, user);
    (void)sqlite3_bind_blob(statement, 3, wrapped, (int)len, SQLITE_STATIC);
    (void)sqlite3_bind_int64(statement, 4, (sqlite3_int64)epoch);
    (void)sqlite3_bind_text(statement, 5, kek->id, -1, SQLITE_STATIC);
    r = change(keyring, statement);
    return r < 0 ? r : leave_nothing(keyring, old);
}

int keyring_raise_epoch(struct keyring *keyring, const char *user) {
    struct keyring_found found = {0};
    SCOPE_SECRET char *key = NULL;
    int r = find(keyring, KEY_KIND_USER, user, &found);
    if (r == 0)
        r = keyring_unwrap(keyring, KEY_KIND_USER, user, &found, &key);
    if (r == 0)
        r = rewrap(keyring, user, &found, key);
    free(found.wrapped);
    return r;
}

int keyring_subject_key(struct keyring *keyring, char **ret) {
    return keyring_own(keyring->db, keyring->kek.key, OWN_SUBJECT, ret);
}

int keyring_pkce_key(struct keyring *keyring, char **ret) {
    return keyring_own(keyring->db, keyring->kek.key, OWN_PKCE, ret);
}

int keyring_get(struct keyring *keyring, enum key_kind kind, const char *id,
                struct keyring_row *ret) {
    struct keyring_found found = {0};
    struct keyring_row row = {0};
    int r = find(keyring, kind, id, &found);
    if (r == 0)
        r = keyring_unwrap(keyring, kind, id, &found, &row.key);
    if (r == 0) {
        memcpy(row.user, found.user, sizeof(row.user));
        row.epoch = found.epoch;
        row.floor = found.floor;
        *ret = row;
    }
    free(found.wrapped);
    return r;
}

void keyring_row_clear(struct keyring_row *row) {
    secret_free(row->key);
    *row = (struct keyring_row){0};
}
