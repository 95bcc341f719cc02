#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/keys/keyring_check.h"
#include "supervisor/keys/keyring_file.h"
#include "supervisor/keys/keyring_own.h"
#include "supervisor/keys/keyring_state.h"

#define BATCH_MAX 64

struct row {
    enum key_kind kind;
    char id[ID_LEN + 1];
    struct keyring_found found;
};

static int run(struct keyring *keyring, const char *sql) {
    return keyring_file_error(sqlite3_exec(keyring->db, sql, NULL, NULL, NULL));
}

/* Everything in one transaction, or nothing. */
static int settle(struct keyring *keyring, int r) {
    if (r == 0)
        r = run(keyring, "COMMIT");
    if (r < 0)
        (void)run(keyring, "ROLLBACK");
    return r;
}

static int count_rows(struct keyring *keyring) {
    sqlite3_stmt *statement = NULL;
    int r = sqlite3_prepare_v2(keyring->db,
                               "SELECT count(*), count(CASE WHEN kek = ?1 THEN 1 END)"
                               " FROM data_keys",
                               -1, &statement, NULL);
    if (r == SQLITE_OK) {
        (void)sqlite3_bind_text(statement, 1, keyring->next.id, -1, SQLITE_STATIC);
        r = sqlite3_step(statement);
    }
    if (r == SQLITE_ROW) {
        keyring->progress.total = (uint64_t)sqlite3_column_int64(statement, 0);
        keyring->progress.done = (uint64_t)sqlite3_column_int64(statement, 1);
    }
    (void)sqlite3_finalize(statement);
    return keyring_file_error(r);
}

int keyring_rotate_resume(struct keyring *keyring) {
    keyring->last_kind = -1;
    keyring->last_id[0] = '\0';
    keyring->progress.unreadable = 0;
    return count_rows(keyring);
}

int keyring_rotate_begin(struct keyring *keyring, const uint8_t *next) {
    struct kek kek = {0};
    int r = kek_set(&kek, next);
    if (r < 0)
        return r;
    const bool current = strcmp(kek.id, keyring->kek.id) == 0;
    const bool running = keyring->next.key != NULL;
    const bool same = running && strcmp(kek.id, keyring->next.id) == 0;
    if (current || running) {
        kek_clear(&kek);
        return same ? 0 : running ? -EBUSY : -EALREADY;
    }
    r = run(keyring, "BEGIN IMMEDIATE");
    if (r == 0)
        r = settle(keyring, keyring_check_put(keyring->db, CHECK_NEXT, next));
    if (r < 0) {
        kek_clear(&kek);
        return r;
    }
    keyring->next = kek;
    return keyring_rotate_resume(keyring);
}

/* ---- rows ---- */

static int read_row(sqlite3_stmt *statement, struct row *ret) {
    const void *wrapped = sqlite3_column_blob(statement, 1);
    const int len = sqlite3_column_bytes(statement, 1);
    const char *kek = (const char *)sqlite3_column_text(statement, 4);
    const char *id = (const char *)sqlite3_column_text(statement, 6);
    if (kek == NULL || id == NULL || strlen(id) != ID_LEN)
        return -EBADMSG;
    *ret = (struct row){.kind = sqlite3_column_int(statement, 5) == 0 ? KEY_KIND_USER
                                                                      : KEY_KIND_CONNECTION};
    memcpy(ret->id, id, ID_LEN + 1);
    (void)snprintf(ret->found.kek, sizeof(ret->found.kek), "%s", kek);
    ret->found.epoch = (uint64_t)sqlite3_column_int64(statement, 2);
    ret->found.wrapped = malloc(len > 0 ? (size_t)len : 1);
    if (ret->found.wrapped == NULL)
        return -ENOMEM;
    if (len > 0)
        memcpy(ret->found.wrapped, wrapped, (size_t)len);
    ret->found.len = len > 0 ? (size_t)len : 0;
    return 0;
}

/* The next rows, at most `cap`: how many, or -errno. */
static int read_batch(struct keyring *keyring, struct row *rows, unsigned cap) {
    sqlite3_stmt *statement = keyring->prepared[KEYRING_OLD_ROWS];
    int n = 0, step = SQLITE_DONE, r = 0;
    (void)sqlite3_bind_int(statement, 1, keyring->last_kind);
    (void)sqlite3_bind_text(statement, 2, keyring->last_id, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(statement, 3, keyring->next.id, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int(statement, 4, (int)cap);
    while (r == 0 && n < (int)cap && (step = sqlite3_step(statement)) == SQLITE_ROW) {
        r = read_row(statement, &rows[n]);
        if (r == 0)
            n++;
    }
    if (r == 0)
        r = keyring_file_error(step);
    (void)sqlite3_reset(statement);
    (void)sqlite3_clear_bindings(statement);
    if (r < 0)
        while (n > 0)
            free(rows[--n].found.wrapped);
    return r < 0 ? r : n;
}

static int store(struct keyring *keyring, const struct row *row, const uint8_t *wrapped,
                 size_t len) {
    sqlite3_stmt *statement = keyring->prepared[KEYRING_REWRAP];
    (void)sqlite3_bind_int(statement, 1, (int)row->kind);
    (void)sqlite3_bind_text(statement, 2, row->id, -1, SQLITE_STATIC);
    (void)sqlite3_bind_blob(statement, 3, wrapped, (int)len, SQLITE_STATIC);
    (void)sqlite3_bind_text(statement, 4, keyring->next.id, -1, SQLITE_STATIC);
    int r = keyring_file_error(sqlite3_step(statement));
    (void)sqlite3_reset(statement);
    (void)sqlite3_clear_bindings(statement);
    return r;
}

/* A row that does not open now would not do so later either; it goes along as it is, so that one
 * bad row does not keep the old key alive for ever. */
static int rewrap_row(struct keyring *keyring, const struct row *row, unsigned *unreadable) {
    SCOPE_SECRET char *key = NULL;
    SCOPE_FREE uint8_t *wrapped = NULL;
    size_t len = 0;
    int r = keyring_unwrap(keyring, row->kind, row->id, &row->found, &key);
    if (r == -EBADMSG) {
        (*unreadable)++;
        return store(keyring, row, row->found.wrapped, row->found.len);
    }
    if (r == 0)
        r = keyring_wrap(&keyring->next, row->kind, row->id, row->found.epoch, key, &wrapped, &len);
    return r < 0 ? r : store(keyring, row, wrapped, len);
}

static int rewrap_batch(struct keyring *keyring, const struct row *rows, int n) {
    unsigned unreadable = 0;
    int r = run(keyring, "BEGIN IMMEDIATE");
    if (r < 0)
        return r;
    for (int i = 0; r == 0 && i < n; i++)
        r = rewrap_row(keyring, &rows[i], &unreadable);
    r = settle(keyring, r);
    if (r == 0) {
        keyring->last_kind = (int)rows[n - 1].kind;
        memcpy(keyring->last_id, rows[n - 1].id, sizeof(keyring->last_id));
        keyring->progress.done += (uint64_t)n;
        keyring->progress.unreadable += unreadable;
        r = keyring_file_wipe_journal(keyring->path);
    }
    return r;
}

/* ---- the end ---- */

/* From here on the old key opens nothing: no row, no free page, no journal. */
static int finish(struct keyring *keyring) {
    int r = run(keyring, "BEGIN IMMEDIATE");
    if (r == 0) {
        r = keyring_own_rewrap(keyring->db, keyring->kek.key, keyring->next.key);
        r = settle(keyring, r < 0 ? r : keyring_check_promote(keyring->db));
    }
    if (r < 0)
        return r;
    kek_clear(&keyring->kek);
    keyring->kek = keyring->next;
    keyring->next = (struct kek){0};
    r = run(keyring, "VACUUM");
    if (r == 0)
        r = keyring_file_wipe_journal(keyring->path);
    return r < 0 ? -EUCLEAN : 0;
}

int keyring_rotate_step(struct keyring *keyring, unsigned rows) {
    struct row batch[BATCH_MAX];
    if (keyring->next.key == NULL)
        return 0;
    if (keyring->progress.done > keyring->progress.total)
        keyring->progress.total = keyring->progress.done;
    int n = read_batch(keyring, batch, rows < BATCH_MAX ? rows : BATCH_MAX);
    if (n < 0)
        return n;
    if (n == 0)
        return finish(keyring);
    int r = rewrap_batch(keyring, batch, n);
    for (int i = 0; i < n; i++)
        free(batch[i].found.wrapped);
    return r < 0 ? r : 1;
}

void keyring_rotate_progress(const struct keyring *keyring, struct keyring_progress *ret) {
    *ret = keyring->progress;
    ret->running = keyring->next.key != NULL;
    memcpy(ret->kek, keyring->kek.id, sizeof(ret->kek));
    if (ret->running)
        memcpy(ret->next, keyring->next.id, sizeof(ret->next));
}
