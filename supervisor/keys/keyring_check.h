/* Which key-encryption key a keyring belongs to: values in it that only that key opens. While the
 * key is being changed there is a second one, for the key that comes next. Used by
 * supervisor/keys/keyring*.c alone. */
#ifndef CLOISTER_KEYS_KEYRING_CHECK_H
#define CLOISTER_KEYS_KEYRING_CHECK_H

#include <sqlite3.h>

#include "ipc/base.h"

enum check_of { CHECK_CURRENT, CHECK_NEXT };

/* Makes an empty keyring for `kek` at `path`, whole or not at all. 0 or -errno with a sentence. */
int keyring_make(const char *path, const uint8_t *kek, char *why, size_t why_len) MUST_CHECK;
/* 0; -EBADMSG: another key's keyring; -ENOKEY: there is no such value to compare with. */
int keyring_check_verify(sqlite3 *db, enum check_of which, const uint8_t *kek) MUST_CHECK;
/* Puts or replaces the value; within the caller's transaction. 0 or -errno. */
int keyring_check_put(sqlite3 *db, enum check_of which, const uint8_t *kek) MUST_CHECK;
/* The next key is the current one from now on; within the caller's transaction. */
int keyring_check_promote(sqlite3 *db) MUST_CHECK;

#endif
