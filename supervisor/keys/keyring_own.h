/* Keys of the system itself, kept wrapped in the keyring beside its check value: random, made at
 * first need, the same across restarts and across changes of the key-encryption key and of the
 * operator's secrets. Used by supervisor/keys/keyring*.c alone. */
#ifndef CLOISTER_KEYS_KEYRING_OWN_H
#define CLOISTER_KEYS_KEYRING_OWN_H

#include <sqlite3.h>

#include "memory/seal.h"

enum own_key {
    OWN_SUBJECT, /* of the keyed hash by which a Google account is known: every pinned account and
                    every user of the web pages is found by it */
    OWN_PKCE,    /* of the verifiers of connecting and signing in: a consent page may be open while
                    the key-encryption key changes */
};

/* *ret: SEAL_KEY_LEN bytes of secret memory. Made when there is none yet, and on disk before this
 * returns. 0; -EBADMSG: it was tampered with (never made anew); another -errno. */
int keyring_own(sqlite3 *db, const uint8_t *kek, enum own_key which, char **ret) MUST_CHECK;
/* Wraps those that there are by `next` instead of `kek`, within the caller's transaction. One that
 * was tampered with stays as it is. 0 or -errno. */
int keyring_own_rewrap(sqlite3 *db, const uint8_t *kek, const uint8_t *next) MUST_CHECK;

#endif
