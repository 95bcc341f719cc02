/* Inside of the keyring: its file, its keys, its statements. Included by supervisor/keys/keyring.c,
 * keyring_wrap.c, keyring_open.c and keyring_rotate.c only. Single thread. */
#ifndef CLOISTER_KEYS_KEYRING_STATE_H
#define CLOISTER_KEYS_KEYRING_STATE_H

#include <sqlite3.h>

#include "supervisor/keys/keyring.h"

/* A key-encryption key and the name by which rows say that it wraps them: a one-way hash, so it
 * tells nothing. */
struct kek {
    uint8_t *key; /* SEAL_KEY_LEN bytes of secret memory; NULL: none */
    char id[KEK_ID_LEN + 1];
};

enum keyring_statement {
    KEYRING_GET,
    KEYRING_PUT,
    KEYRING_DELETE,
    KEYRING_SET_USER,
    KEYRING_SET_FLOOR,
    KEYRING_SET_EPOCH,
    KEYRING_OLD_ROWS, /* those behind a row that the next key does not wrap yet */
    KEYRING_REWRAP,
    KEYRING_STATEMENTS
};

struct keyring {
    sqlite3 *db;
    int lock; /* keyring_file_lock */
    char *path;
    struct kek kek, next; /* next: set while rows are rewrapped for it */
    struct keyring_progress progress;
    int last_kind; /* how far the running rotation has come, by primary key */
    char last_id[ID_LEN + 1];
    sqlite3_stmt *prepared[KEYRING_STATEMENTS];
};

struct keyring_found {
    char user[ID_LEN + 1], kek[KEK_ID_LEN + 1];
    uint64_t epoch, floor;
    uint8_t *wrapped; /* malloc'd */
    size_t len;
};

/* ---- keyring_wrap.c ---- */

/* A copy of `key` with its name. 0 or -ENOMEM. */
int kek_set(struct kek *kek, const uint8_t *key) MUST_CHECK;
void kek_clear(struct kek *kek);
/* The key that new wraps are made with: the next one while there is one. */
const struct kek *keyring_writing(const struct keyring *keyring);
/* *ret is malloc'd. 0 or -ENOMEM. */
int keyring_wrap(const struct kek *kek, enum key_kind kind, const char *id, uint64_t epoch,
                 const void *key, uint8_t **ret, size_t *ret_len) MUST_CHECK;
/* *ret: SEAL_KEY_LEN bytes of secret memory. -EBADMSG: tampered with, or wrapped by a key that is
 * not here. */
int keyring_unwrap(const struct keyring *keyring, enum key_kind kind, const char *id,
                   const struct keyring_found *found, char **ret) MUST_CHECK;

/* ---- keyring_rotate.c ---- */

/* Counts what a rotation that was interrupted has done. 0 or -errno. */
int keyring_rotate_resume(struct keyring *keyring) MUST_CHECK;

#endif
