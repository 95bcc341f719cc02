#include "supervisor/keys/keyring_own.h"

#include <errno.h>
#include <sodium.h>

#include "supervisor/keys/keyring_meta.h"

/* The row's name in `meta`, which is also the purpose that it is sealed for. */
static const char *const names[] = {[OWN_SUBJECT] = "subject-key", [OWN_PKCE] = "pkce-key"};

static struct seal_label label_of(enum own_key which) {
    return (struct seal_label){names[which], "keyring", 1, 1};
}

static int put(sqlite3 *db, const uint8_t *kek, enum own_key which, const char *key) {
    const struct seal_label label = label_of(which);
    return keyring_meta_put(db, names[which], &label, kek, key, SEAL_KEY_LEN);
}

static int make(sqlite3 *db, const uint8_t *kek, enum own_key which) {
    SCOPE_SECRET char *key = secret_alloc(SEAL_KEY_LEN);
    if (key == NULL)
        return -ENOMEM;
    randombytes_buf(key, SEAL_KEY_LEN);
    return put(db, kek, which, key);
}

/* -ENOKEY: there is none yet. */
static int find(sqlite3 *db, const uint8_t *kek, enum own_key which, char **ret) {
    const struct seal_label label = label_of(which);
    SCOPE_SECRET char *key = NULL;
    size_t len = 0;
    int r = keyring_meta_open(db, names[which], &label, kek, &key, &len);
    if (r < 0)
        return r;
    if (len != SEAL_KEY_LEN)
        return -EBADMSG;
    *ret = take_ptr(key);
    return 0;
}

int keyring_own(sqlite3 *db, const uint8_t *kek, enum own_key which, char **ret) {
    int r = find(db, kek, which, ret);
    if (r != -ENOKEY)
        return r;
    r = make(db, kek, which);
    return r < 0 ? r : find(db, kek, which, ret);
}

int keyring_own_rewrap(sqlite3 *db, const uint8_t *kek, const uint8_t *next) {
    for (enum own_key which = OWN_SUBJECT; which <= OWN_PKCE; which++) {
        SCOPE_SECRET char *key = NULL;
        int r = find(db, kek, which, &key);
        if (r == 0)
            r = put(db, next, which, key);
        if (r < 0 && r != -ENOKEY && r != -EBADMSG)
            return r;
    }
    return 0;
}
