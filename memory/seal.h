/* Sealing: XChaCha20-Poly1305 (libsodium) under a data key, bound to what the bytes are for.
 * A sealed blob is: format byte, 8-byte big-endian version, 24-byte nonce, ciphertext and tag.
 * The label is associated data, so a blob moved to another connection, user, purpose, epoch or
 * version does not open. Used in turns, in cloister-keys, and for the links of notices
 * (business/outbox_seal.h); no other program links this. */
#ifndef CLOISTER_MEMORY_SEAL_H
#define CLOISTER_MEMORY_SEAL_H

#include "ipc/base.h"

#define SEAL_KEY_LEN  32
#define SEAL_OVERHEAD (1 + 8 + 24 + 16)

struct seal_label {
    const char *purpose; /* "google-refresh", "google-access", "preference", "notes", "data-key" */
    const char *subject; /* connection id, user id, "user:origin:conversation", … */
    uint64_t epoch;
    uint64_t version;
};

/* Process-wide start (sodium_init). 0 or -EIO. */
int seal_init(void) MUST_CHECK;
/* `*ret` is malloc'd. 0 or -ENOMEM. */
int seal_box(const uint8_t key[static SEAL_KEY_LEN], const struct seal_label *label,
             const void *plain, size_t len, uint8_t **ret, size_t *ret_len) MUST_CHECK;
/* `*ret` is sodium_malloc'd with a NUL behind it; free with secret_free. -EBADMSG when it does not
 * open under this key and label, -EPROTO when it is no sealed blob. */
int seal_open(const uint8_t key[static SEAL_KEY_LEN], const struct seal_label *label,
              const uint8_t *blob, size_t blob_len, char **ret, size_t *ret_len) MUST_CHECK;
/* Version that a blob claims (authenticated only by opening it); 0 when it is no sealed blob. */
uint64_t seal_version(const uint8_t *blob, size_t blob_len);

/* A key for another use, derived from a data key (BLAKE2b keyed hash of `use`). */
void key_derive(const uint8_t key[static SEAL_KEY_LEN], const char *use,
                uint8_t out[static SEAL_KEY_LEN]);
/* Keyed hash of `data` into `len` bytes (16 to 64). */
void key_mac(const uint8_t key[static SEAL_KEY_LEN], const void *data, size_t data_len,
             uint8_t *out, size_t len);

/* Memory for secrets: locked, guarded, wiped on free. NULL when locking fails (swap could see it),
 * unless that was said to be harmless. */
void *secret_alloc(size_t len);
void secret_free(void *secret);
/* From now on small secrets of this process lie together in one such region instead of each in its
 * own, which costs eleven system calls. For a process that holds one user's secrets and soon ends;
 * single-threaded. When there is no memory for it all stays as it was. */
void secret_pool(void);
/* For this process and those forked from it: there is nothing to lock against, or it is accepted
 * (ipc/swap.h). Locking is then tried only. Before any thread. */
void secret_unlocked_is_fine(void);
static inline void scope_secret_fn(void *p) {
    secret_free(*(void **)p);
}
#define SCOPE_SECRET __attribute__((cleanup(scope_secret_fn)))

#endif
