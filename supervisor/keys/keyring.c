#include "supervisor/keys/keyring.h"

#include <errno.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/keys/keyring_check.h"
#include "supervisor/keys/keyring_file.h"
#include "supervisor/keys/keyring_subject.h"

#define FIRST_EPOCH 1
#define FIRST_FLOOR 0

enum statement { GET, PUT, DELETE, SET_USER, SET_FLOOR, SET_EPOCH, STATEMENTS };
static const char *const statements[] = {
    [GET] = "SELECT user, wrapped, epoch, floor FROM data_keys WHERE kind = ?1 AND id = ?2",
    [PUT] = "INSERT INTO data_keys (kind, id, user, wrapped, epoch, floor, created_at_ms)"
            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [DELETE] = "DELETE FROM data_keys WHERE kind = ?1 AND id = ?2",
    [SET_USER] = "UPDATE data_keys SET user = ?3 WHERE kind = ?1 AND id = ?2 AND user = ''",
    [SET_FLOOR] = "UPDATE data_keys SET floor = ?3 WHERE kind = ?1 AND id = ?2 AND floor <= ?3",
    [SET_EPOCH] = "UPDATE data_keys SET wrapped = ?3, epoch = ?4 WHERE kind = ?1 AND id = ?2",
};
_Static_assert(COUNT_OF(statements) == STATEMENTS, "one text per statement");

struct keyring {
    sqlite3 *db;
    const uint8_t *kek;
    char *path;
    sqlite3_stmt *prepared[STATEMENTS];
};

/* ---- wrapping ---- */

struct wrap_label {
    char subject[ID_LEN + 16];
    struct seal_label label;
};

/* The epoch is part of it, so a row whose epoch was turned back does not open. */
static void wrap_label(enum key_kind kind, const char *id, uint64_t epoch, struct wrap_label *ret) {
    (void)snprintf(ret->subject, sizeof(ret->subject), "%s:%s",
                   kind == KEY_KIND_USER ? "user" : "connection", id);
    ret->label = (struct seal_label){"data-key", ret->subject, epoch, 1};
}

static int wrap_key(const struct keyring *keyring, enum key_kind kind, const char *id,
                    uint64_t epoch, const void *key, uint8_t **ret, size_t *ret_len) {
    struct wrap_label label;
    wrap_label(kind, id, epoch, &label);
    return seal_box(keyring->kek, &label.label, key, SEAL_KEY_LEN, ret, ret_len);
}

static int wrap_fresh_key(const struct keyring *keyring, enum key_kind kind, const char *id,
                          uint8_t **ret, size_t *ret_len) {
    SCOPE_SECRET uint8_t *key = secret_alloc(SEAL_KEY_LEN);
    if (key == NULL)
        return -ENOMEM;
    randombytes_buf(key, SEAL_KEY_LEN);
    return wrap_key(keyring, kind, id, FIRST_EPOCH, key, ret, ret_len);
}

static int unwrap_key(const struct keyring *keyring, enum key_kind kind, const char *id,
                      uint64_t epoch, const uint8_t *wrapped, size_t len, char **ret) {
    struct wrap_label label;
    SCOPE_SECRET char *key = NULL;
    size_t key_len = 0;
    wrap_label(kind, id, epoch, &label);
    int r = seal_open(keyring->kek, &label.label, wrapped, len, &key, &key_len);
    if (r < 0)
        return r == -ENOMEM ? r : -EBADMSG;
    if (key_len != SEAL_KEY_LEN)
        return -EBADMSG;
    *ret = take_ptr(key);
    return 0;
}

/* ---- statements ---- */

static sqlite3_stmt *begin(struct keyring *keyring, enum statement which, enum key_kind kind,
                           const char *id) {
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

struct found {
    char user[ID_LEN + 1];
    uint64_t epoch, floor;
    uint8_t *wrapped; /* malloc'd */
    size_t len;
};

static int read_found(sqlite3_stmt *statement, struct found *ret) {
    const char *user = (const char *)sqlite3_column_text(statement, 0);
    const void *wrapped = sqlite3_column_blob(statement, 1);
    const int user_len = sqlite3_column_bytes(statement, 0);
    const int len = sqlite3_column_bytes(statement, 1);
    if (user == NULL || wrapped == NULL || len <= 0 || user_len > ID_LEN)
        return -EBADMSG;
    ret->wrapped = malloc((size_t)len);
    if (ret->wrapped == NULL)
        return -ENOMEM;
    memcpy(ret->wrapped, wrapped, (size_t)len);
    ret->len = (size_t)len;
    memcpy(ret->user, user, (size_t)user_len);
    ret->user[user_len] = '\0';
    ret->epoch = (uint64_t)sqlite3_column_int64(statement, 2);
    ret->floor = (uint64_t)sqlite3_column_int64(statement, 3);
    return 0;
}

/* The caller frees ret->wrapped. -EKEYREVOKED when there is no such row. */
static int find(struct keyring *keyring, enum key_kind kind, const char *id, struct found *ret) {
    sqlite3_stmt *statement = begin(keyring, GET, kind, id);
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

static int put(struct keyring *keyring, enum key_kind kind, const char *id, const char *user) {
    SCOPE_FREE uint8_t *wrapped = NULL;
    size_t len = 0;
    int r = wrap_fresh_key(keyring, kind, id, &wrapped, &len);
    if (r < 0)
        return r;
    sqlite3_stmt *statement = begin(keyring, PUT, kind, id);
    (void)sqlite3_bind_text(statement, 3, user, -1, SQLITE_STATIC);
    (void)sqlite3_bind_blob(statement, 4, wrapped, (int)len, SQLITE_STATIC);
    (void)sqlite3_bind_int64(statement, 5, FIRST_EPOCH);
    (void)sqlite3_bind_int64(statement, 6, FIRST_FLOOR);
    (void)sqlite3_bind_int64(statement, 7, wall_ms());
    r = change(keyring, statement);
    return r < 0 ? r : 0;
}

int keyring_create(struct keyring *keyring, enum key_kind kind, const char *id, const char *user) {
    struct found found = {0};
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
static int leave_nothing(struct keyring *keyring, const struct found *gone) {
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
    struct found gone = {0};
    int r = find(keyring, kind, id, &gone);
    if (r == -EKEYREVOKED)
        return 0;
    if (r == 0 || r == -EBADMSG) {
        int changed = change(keyring, begin(keyring, DELETE, kind, id));
        r = changed < 0 ? changed : gone.wrapped != NULL ? leave_nothing(keyring, &gone) : 0;
    }
    free(gone.wrapped);
    return r;
}

int keyring_bind_user(struct keyring *keyring, const char *connection, const char *user) {
    sqlite3_stmt *statement = begin(keyring, SET_USER, KEY_KIND_CONNECTION, connection);
    (void)sqlite3_bind_text(statement, 3, user, -1, SQLITE_STATIC);
    int changed = change(keyring, statement);
    if (changed != 0)
        return changed < 0 ? changed : 0;
    struct found found = {0};
    int r = find(keyring, KEY_KIND_CONNECTION, connection, &found);
    free(found.wrapped);
    if (r < 0)
        return r;
    return strcmp(found.user, user) == 0 ? 0 : -EEXIST;
}

int keyring_raise_floor(struct keyring *keyring, const char *connection, uint64_t version) {
    if (version > INT64_MAX)
        return -EINVAL;
    struct found found = {0};
    int r = find(keyring, KEY_KIND_CONNECTION, connection, &found);
    free(found.wrapped);
    if (r < 0)
        return r;
    if (version == found.floor)
        return 0; /* no write: every turn may say so */
    sqlite3_stmt *statement = begin(keyring, SET_FLOOR, KEY_KIND_CONNECTION, connection);
    (void)sqlite3_bind_int64(statement, 3, (sqlite3_int64)version);
    int changed = change(keyring, statement);
    return changed < 0 ? changed : changed == 0 ? -ESTALE : 0;
}

/* The key under its next epoch takes the place of the row, and nothing of the old row may stay: it
 * would still open after the key has been destroyed. */
static int rewrap(struct keyring *keyring, const char *user, const struct found *old,
                  const char *key) {
    const uint64_t epoch = old->epoch + 1;
    SCOPE_FREE uint8_t *wrapped = NULL;
    size_t len = 0;
    int r = wrap_key(keyring, KEY_KIND_USER, user, epoch, key, &wrapped, &len);
    if (r < 0)
        return r;
    sqlite3_stmt *statement = begin(keyring, SET_EPOCH, KEY_KIND_USER, user);
    (void)sqlite3_bind_blob(statement, 3, wrapped, (int)len, SQLITE_STATIC);
    (void)sqlite3_bind_int64(statement, 4, (sqlite3_int64)epoch);
    r = change(keyring, statement);
    return r < 0 ? r : leave_nothing(keyring, old);
}

int keyring_raise_epoch(struct keyring *keyring, const char *user) {
    struct found found = {0};
    SCOPE_SECRET char *key = NULL;
    int r = find(keyring, KEY_KIND_USER, user, &found);
    if (r == 0)
        r = unwrap_key(keyring, KEY_KIND_USER, user, found.epoch, found.wrapped, found.len, &key);
    if (r == 0)
        r = rewrap(keyring, user, &found, key);
    free(found.wrapped);
    return r;
}

int keyring_subject_key(struct keyring *keyring, char **ret) {
    return keyring_subject(keyring->db, keyring->kek, ret);
}

int keyring_get(struct keyring *keyring, enum key_kind kind, const char *id,
                struct keyring_row *ret) {
    struct found found = {0};
    struct keyring_row row = {0};
    int r = find(keyring, kind, id, &found);
    if (r == 0)
        r = unwrap_key(keyring, kind, id, found.epoch, found.wrapped, found.len, &row.key);
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

/* ---- opening ---- */

PRINTF_LIKE(4, 5)
static int refuse(int error, char *why, size_t why_len, const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)vsnprintf(why, why_len, format, args);
    va_end(args);
    return error;
}

static int prepare_all(struct keyring *keyring) {
    for (size_t i = 0; i < STATEMENTS; i++) {
        int r = sqlite3_prepare_v3(keyring->db, statements[i], -1, SQLITE_PREPARE_PERSISTENT,
                                   &keyring->prepared[i], NULL);
        if (r != SQLITE_OK)
            return keyring_file_error(r);
    }
    return 0;
}

static int open_existing(struct keyring *keyring, char *why, size_t why_len) {
    const char *path = keyring->path;
    int r = keyring_file_open(path, &keyring->db, why, why_len);
    if (r < 0)
        return r;
    r = keyring_check_verify(keyring->db, keyring->kek);
    if (r == -EBADMSG)
        return refuse(
            r, why, why_len,
            "the key-encryption key does not open keyring %s: put back the key it was made "
            "with",
            path);
    if (r == -ENOKEY)
        return refuse(r, why, why_len, "keyring %s lacks its check value: it is damaged", path);
    if (r == 0)
        r = keyring_file_wipe_journal(path); /* of a predecessor that was killed */
    if (r == 0)
        r = prepare_all(keyring);
    return r < 0 ? refuse(r, why, why_len, "keyring %s cannot be used: %s", path, strerror(-r)) : 0;
}

int keyring_open(const char *path, const uint8_t *kek, struct keyring **ret, char *why,
                 size_t why_len) {
    int r = keyring_file_exists(path) ? 0 : keyring_make(path, kek, why, why_len);
    if (r < 0)
        return r;
    struct keyring *keyring = calloc(1, sizeof(*keyring));
    if (keyring == NULL)
        return refuse(-ENOMEM, why, why_len, "out of memory");
    keyring->kek = kek;
    keyring->path = strdup(path);
    r = keyring->path == NULL ? refuse(-ENOMEM, why, why_len, "out of memory")
                              : open_existing(keyring, why, why_len);
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
    for (size_t i = 0; i < STATEMENTS; i++)
        (void)sqlite3_finalize(keyring->prepared[i]);
    (void)sqlite3_close(keyring->db);
    free(keyring->path);
    free(keyring);
}
