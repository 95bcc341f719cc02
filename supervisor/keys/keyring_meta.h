/* Values of the keyring's own (table `meta`), each sealed under the key-encryption key. Used by the
 * other keyring files alone. */
#ifndef CLOISTER_KEYS_KEYRING_META_H
#define CLOISTER_KEYS_KEYRING_META_H

#include <sqlite3.h>

#include "memory/seal.h"

/* In the place of what there was under that name. `name` is static. 0 or -errno. */
int keyring_meta_put(sqlite3 *db, const char *name, const struct seal_label *label,
                     const uint8_t *kek, const void *plain, size_t len) MUST_CHECK;
/* -ENOKEY: there is none of that name; -EBADMSG: another key sealed it. The caller frees *ret with
 * secret_free. */
int keyring_meta_open(sqlite3 *db, const char *name, const struct seal_label *label,
                      const uint8_t *kek, char **ret, size_t *ret_len) MUST_CHECK;

#endif
