/* The key of the keyed hash by which a Google account is known: random, of this system alone, kept
 * wrapped in the keyring beside its check value. It outlives restarts and the client secret, since
 * every pinned account and every user of the web pages is found by it. Used by
 * supervisor/keys/keyring.c alone. */
#ifndef CLOISTER_KEYS_KEYRING_SUBJECT_H
#define CLOISTER_KEYS_KEYRING_SUBJECT_H

#include <sqlite3.h>

#include "memory/seal.h"

/* *ret: SEAL_KEY_LEN bytes of secret memory. Made when there is none yet, and on disk before this
 * returns. 0; -EBADMSG: it was tampered with (never made anew); another -errno. */
int keyring_subject(sqlite3 *db, const uint8_t *kek, char **ret) MUST_CHECK;

#endif
