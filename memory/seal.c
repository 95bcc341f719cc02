#include "memory/seal.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <sys/mman.h>

#define FORMAT      1
#define VERSION_LEN 8
#define NONCE_LEN   crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_LEN     crypto_aead_xchacha20poly1305_ietf_ABYTES
#define HEADER_LEN  (1 + VERSION_LEN + NONCE_LEN)
#define LABEL_LEN   32
#define PERSONAL    crypto_generichash_blake2b_PERSONALBYTES

_Static_assert(SEAL_KEY_LEN == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "key size");
_Static_assert(SEAL_OVERHEAD == HEADER_LEN + TAG_LEN, "blob layout");

int seal_init(void) {
    return sodium_init() < 0 ? -EIO : 0;
}

static void put_u64(uint8_t out[static 8], uint64_t value) {
    for (unsigned i = 0; i < 8; i++)
        out[i] = (uint8_t)(value >> (56 - 8 * i));
}

static uint64_t get_u64(const uint8_t in[static 8]) {
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++)
        value = value << 8 | in[i];
    return value;
}

static void hash_text(crypto_generichash_state *hash, const char *text) {
    uint8_t len[8];
    put_u64(len, strlen(text));
    (void)crypto_generichash_update(hash, len, sizeof(len));
    (void)crypto_generichash_update(hash, (const uint8_t *)text, strlen(text));
}

/* The associated data: a hash of every field behind its length, so no two labels look alike. */
static void label_hash(const struct seal_label *label, uint8_t out[static LABEL_LEN]) {
    static const char domain[] = "cloister-seal-1";
    crypto_generichash_state hash;
    uint8_t numbers[16];
    put_u64(numbers, label->epoch);
    put_u64(numbers + 8, label->version);
    (void)crypto_generichash_init(&hash, NULL, 0, LABEL_LEN);
    hash_text(&hash, domain);
    hash_text(&hash, label->purpose);
    hash_text(&hash, label->subject);
    (void)crypto_generichash_update(&hash, numbers, sizeof(numbers));
    (void)crypto_generichash_final(&hash, out, LABEL_LEN);
}

int seal_box(const uint8_t key[static SEAL_KEY_LEN], const struct seal_label *label,
             const void *plain, size_t len, uint8_t **ret, size_t *ret_len) {
    uint8_t bound[LABEL_LEN];
    size_t size;
    if (__builtin_add_overflow(len, (size_t)SEAL_OVERHEAD, &size))
        return -ENOMEM;
    uint8_t *blob = malloc(size);
    if (blob == NULL)
        return -ENOMEM;
    label_hash(label, bound);
    blob[0] = FORMAT;
    put_u64(blob + 1, label->version);
    uint8_t *nonce = blob + 1 + VERSION_LEN;
    randombytes_buf(nonce, NONCE_LEN);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(blob + HEADER_LEN, NULL, plain, len, bound,
                                                     sizeof(bound), NULL, nonce, key);
    *ret = blob;
    *ret_len = size;
    return 0;
}

int seal_open(const uint8_t key[static SEAL_KEY_LEN], const struct seal_label *label,
              const uint8_t *blob, size_t blob_len, char **ret, size_t *ret_len) {
    uint8_t bound[LABEL_LEN];
    if (blob_len < SEAL_OVERHEAD || blob[0] != FORMAT)
        return -EPROTO;
    if (get_u64(blob + 1) != label->version)
        return -EBADMSG;
    size_t len = blob_len - SEAL_OVERHEAD;
    char *plain = secret_alloc(len + 1);
    if (plain == NULL)
        return -ENOMEM;
    label_hash(label, bound);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt((uint8_t *)plain, NULL, NULL, blob + HEADER_LEN,
                                                   len + TAG_LEN, bound, sizeof(bound),
                                                   blob + 1 + VERSION_LEN, key) != 0) {
        secret_free(plain);
        return -EBADMSG;
    }
    plain[len] = '\0';
    *ret = plain;
    *ret_len = len;
    return 0;
}

uint64_t seal_version(const uint8_t *blob, size_t blob_len) {
    return blob_len < SEAL_OVERHEAD || blob[0] != FORMAT ? 0 : get_u64(blob + 1);
}

/* BLAKE2b's personalisation keeps derived keys and MACs apart, whatever the data. */
static void keyed_hash(const uint8_t *key, const char personal[static PERSONAL], const void *data,
                       size_t data_len, uint8_t *out, size_t len) {
    (void)crypto_generichash_blake2b_salt_personal(out, len, data, data_len, key, SEAL_KEY_LEN,
                                                   NULL, (const uint8_t *)personal);
}

void key_derive(const uint8_t key[static SEAL_KEY_LEN], const char *use,
                uint8_t out[static SEAL_KEY_LEN]) {
    static const char personal[PERSONAL] = "cloister-derive";
    keyed_hash(key, personal, use, strlen(use), out, SEAL_KEY_LEN);
}

void key_mac(const uint8_t key[static SEAL_KEY_LEN], const void *data, size_t data_len,
             uint8_t *out, size_t len) {
    static const char personal[PERSONAL] = "cloister-mac";
    keyed_hash(key, personal, data, data_len, out, len);
}

static bool unlocked_is_fine;

void secret_unlocked_is_fine(void) {
    unlocked_is_fine = true;
}

#define POOL_BYTES   8192u
#define POOL_LARGEST 2048u
#define POOL_STEP    16u /* alignment; in front of each secret that many bytes hold its length */

static struct {
    uint8_t *bytes;
    size_t used;
    unsigned live;
} pool;

static void *pool_alloc(size_t len) {
    const size_t need = POOL_STEP + (len + POOL_STEP - 1) / POOL_STEP * POOL_STEP;
    if (pool.bytes == NULL || len > POOL_LARGEST || need > POOL_BYTES - pool.used)
        return NULL;
    uint8_t *at = pool.bytes + pool.used;
    memcpy(at, &len, sizeof(len));
    pool.used += need;
    pool.live++;
    return at + POOL_STEP;
}

/* The room is used again once nobody is left in it: a turn's secrets are few. */
static bool pool_free(uint8_t *secret) {
    size_t len;
    if (pool.bytes == NULL || secret < pool.bytes || secret >= pool.bytes + POOL_BYTES)
        return false;
    memcpy(&len, secret - POOL_STEP, sizeof(len));
    explicit_bzero(secret, len);
    if (--pool.live == 0)
        pool.used = 0;
    return true;
}

static void *alloc_apart(size_t len) {
    void *secret = sodium_malloc(len);
    if (secret == NULL)
        return NULL;
    /* libsodium locks too but does not say when that fails. */
    if (mlock(secret, len) != 0 && !unlocked_is_fine) {
        sodium_free(secret);
        return NULL;
    }
    return secret;
}

void *secret_alloc(size_t len) {
    void *secret = pool_alloc(len);
    return secret != NULL ? secret : alloc_apart(len);
}

void secret_free(void *secret) {
    if (secret != NULL && !pool_free(secret))
        sodium_free(secret);
}

void secret_pool(void) {
    if (pool.bytes == NULL)
        pool.bytes = alloc_apart(POOL_BYTES);
}
