/* The keyring: data keys of users and connections, each wrapped by the key-encryption key, in one
 * SQLite file that only this process opens. Nothing in it opens anything without that key.
 *
 * A destroyed row is overwritten in the file and in its rollback journal, and looked for
 * afterwards. Changes are on disk before a call returns. Single thread. */
#ifndef CLOISTER_KEYS_KEYRING_H
#define CLOISTER_KEYS_KEYRING_H

#include "memory/seal.h"

enum key_kind { KEY_KIND_USER = 0, KEY_KIND_CONNECTION = 1 };

struct keyring;

#define KEK_ID_LEN 16

/* Keeps copies of the keys. `next` is the key that is to follow, NULL when there is none. Makes a
 * new keyring, for `kek`, where there is no file. A rotation that was interrupted goes on, by
 * keyring_rotate_step. -errno with a sentence for the operator in `why`: damaged, locked by another
 * process, made by a newer version, another key-encryption key, or the next key of a rotation is
 * missing. */
int keyring_open(const char *path, const uint8_t *kek, const uint8_t *next, struct keyring **ret,
                 char *why, size_t why_len) MUST_CHECK;
void keyring_close(struct keyring *keyring);

/* All ids are 32 hex digits (the caller has checked); `user` may be empty for a connection whose
 * user is not known yet. Failures besides those named: -EIO, -ENOSPC, -ENOMEM. */

/* A fresh random key. 0 also when it exists with the same user, or a request without one; -EEXIST
 * when it exists for another user. */
int keyring_create(struct keyring *keyring, enum key_kind kind, const char *id,
                   const char *user) MUST_CHECK;
/* 0 also when there is none. -EUCLEAN: the row is gone, yet its bytes were still found in the file.
 */
int keyring_destroy(struct keyring *keyring, enum key_kind kind, const char *id) MUST_CHECK;
/* Gives a pending connection its user; 0 also when it is already this user's. -EEXIST: it is
 * another's; -EKEYREVOKED: there is no such connection. */
int keyring_bind_user(struct keyring *keyring, const char *connection, const char *user) MUST_CHECK;
/* Raises the lowest token version that still opens. 0 also when it already stands there; -ESTALE
 * when it stands higher; -EKEYREVOKED. */
int keyring_raise_floor(struct keyring *keyring, const char *connection,
                        uint64_t version) MUST_CHECK;

/* Voids what names an earlier epoch of this user's key: their grants. The key itself stays.
 * -EKEYREVOKED: no such key; -EBADMSG: the row was tampered with; -EUCLEAN: done, yet bytes of the
 * old row were still found in the file. */
int keyring_raise_epoch(struct keyring *keyring, const char *user) MUST_CHECK;
/* This system's key for the keyed hash of Google's subject, made at first need; SEAL_KEY_LEN bytes
 * of secret memory. -EBADMSG: it was tampered with. */
int keyring_subject_key(struct keyring *keyring, char **ret) MUST_CHECK;
/* The same for the verifiers of connecting and signing in. */
int keyring_pkce_key(struct keyring *keyring, char **ret) MUST_CHECK;

struct keyring_row {
    char user[ID_LEN + 1]; /* empty: pending connection */
    uint64_t epoch;
    uint64_t floor;
    char *key; /* SEAL_KEY_LEN bytes of secret memory */
};
/* -EKEYREVOKED: no such key; -EBADMSG: the row was tampered with. Free with keyring_row_clear. */
int keyring_get(struct keyring *keyring, enum key_kind kind, const char *id,
                struct keyring_row *ret) MUST_CHECK;
void keyring_row_clear(struct keyring_row *row);

/* ---- changing the key-encryption key (keyring_rotate.c) ----
 *
 * Each row says which key wraps it. From the beginning on new rows are wrapped by the next key, and
 * old rows open by the key they name, so that all goes on meanwhile. Once every row is rewrapped
 * one transaction makes the next key the keyring's only one. A kill anywhere leaves a keyring that
 * opens with both keys, and goes on where it stood. */

struct keyring_progress {
    bool running;         /* rows are left to be rewrapped */
    uint64_t done, total; /* of the running rotation, or of the last one of this process */
    uint64_t unreadable;  /* rows that had been tampered with: they opened nothing before either */
    char kek[KEK_ID_LEN + 1], next[KEK_ID_LEN + 1]; /* names of the keys; next "" when none */
};
/* 0, also when it is this rotation that runs already; -EALREADY: `next` is this keyring's key;
 * -EBUSY: a rotation to another key is under way. */
int keyring_rotate_begin(struct keyring *keyring, const uint8_t *next) MUST_CHECK;
/* Rewraps at most `rows` rows. 1: go on; 0: finished, or none is under way; -EUCLEAN: finished, yet
 * the file could not be cleared of what the old key opens. After another -errno nothing has
 * changed, and it may be tried again. */
int keyring_rotate_step(struct keyring *keyring, unsigned rows) MUST_CHECK;
void keyring_rotate_progress(const struct keyring *keyring, struct keyring_progress *ret);

#endif
