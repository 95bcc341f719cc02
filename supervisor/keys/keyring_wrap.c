#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/keys/keyring_state.h"

struct wrap_label {
    char subject[ID_LEN + 16];
    struct seal_label label;
};

int kek_set(struct kek *kek, const uint8_t *key) {
    uint8_t hash[SEAL_KEY_LEN];
    uint8_t *copy = secret_alloc(SEAL_KEY_LEN);
    if (copy == NULL)
        return -ENOMEM;
    memcpy(copy, key, SEAL_KEY_LEN);
    key_derive(key, "kek-id", hash);
    hex_encode(hash, KEK_ID_LEN / 2, kek->id);
    explicit_bzero(hash, sizeof(hash));
    secret_free(kek->key);
    kek->key = copy;
    return 0;
}

void kek_clear(struct kek *kek) {
    secret_free(kek->key);
    *kek = (struct kek){0};
}

const struct kek *keyring_writing(const struct keyring *keyring) {
    return keyring->next.key != NULL ? &keyring->next : &keyring->kek;
}

/* The epoch is part of it, so a row whose epoch was turned back does not open. */
static void wrap_label(enum key_kind kind, const char *id, uint64_t epoch, struct wrap_label *ret) {
    (void)snprintf(ret->subject, sizeof(ret->subject), "%s:%s",
                   kind == KEY_KIND_USER ? "user" : "connection", id);
    ret->label = (struct seal_label){"data-key", ret->subject, epoch, 1};
}

int keyring_wrap(const struct kek *kek, enum key_kind kind, const char *id, uint64_t epoch,
                 const void *key, uint8_t **ret, size_t *ret_len) {
    struct wrap_label label;
    wrap_label(kind, id, epoch, &label);
    return seal_box(kek->key, &label.label, key, SEAL_KEY_LEN, ret, ret_len);
}

static const struct kek *kek_of(const struct keyring *keyring, const char *id) {
    if (keyring->next.key != NULL && strcmp(keyring->next.id, id) == 0)
        return &keyring->next;
    return strcmp(keyring->kek.id, id) == 0 ? &keyring->kek : NULL;
}

int keyring_unwrap(const struct keyring *keyring, enum key_kind kind, const char *id,
                   const struct keyring_found *found, char **ret) {
    struct wrap_label label;
    SCOPE_SECRET char *key = NULL;
    size_t key_len = 0;
    const struct kek *kek = kek_of(keyring, found->kek);
    if (kek == NULL)
        return -EBADMSG;
    wrap_label(kind, id, found->epoch, &label);
    int r = seal_open(kek->key, &label.label, found->wrapped, found->len, &key, &key_len);
    if (r < 0)
        return r == -ENOMEM ? r : -EBADMSG;
    if (key_len != SEAL_KEY_LEN)
        return -EBADMSG;
    *ret = take_ptr(key);
    return 0;
}
