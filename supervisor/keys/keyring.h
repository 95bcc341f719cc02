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

/* `kek` must outlive the keyring. Makes a new one where there is no file. -errno with a sentence
 * for the operator in `why`: damaged, locked by another process, made by a newer version, or
 * another key-encryption key. */
int keyring_open(const char *path, const uint8_t *kek, struct keyring **ret, char *why,
                 size_t why_len) MUST_CHECK;
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

#endif
