/* Which key-encryption key a keyring belongs to: a value in it that only that key opens. Used by
 * supervisor/keys/keyring.c alone. */
#ifndef CLOISTER_KEYS_KEYRING_CHECK_H
#define CLOISTER_KEYS_KEYRING_CHECK_H

#include <sqlite3.h>

#include "ipc/base.h"

/* Makes an empty keyring for `kek` at `path`, whole or not at all. 0 or -errno with a sentence. */
int keyring_make(const char *path, const uint8_t *kek, char *why, size_t why_len) MUST_CHECK;
/* 0; -EBADMSG: another key's keyring; -ENOKEY: there is no value to compare with. */
int keyring_check_verify(sqlite3 *db, const uint8_t *kek) MUST_CHECK;

#endif
