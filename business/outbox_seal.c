#include "business/outbox_seal.h"

#include <errno.h>
#include <string.h>

static struct seal_label label_of(const char *reference) {
    return (struct seal_label){.purpose = "outbox-links", .subject = reference};
}

/* Takes `text`, which may be NULL. */
static void wipe(char *text) {
    if (text != NULL)
        explicit_bzero(text, strlen(text));
    free(text);
}

int outbox_seal(const uint8_t key[static OUTBOX_KEY_LEN], const char *reference, json_t *payload,
                const json_t *texts) {
    const struct seal_label label = label_of(reference);
    SCOPE_FREE uint8_t *blob = NULL;
    size_t len = 0;
    char *plain = json_dumps(texts, JSON_COMPACT);
    int r = plain == NULL ? -ENOMEM : seal_box(key, &label, plain, strlen(plain), &blob, &len);
    wipe(plain);
    SCOPE_FREE char *text = r == 0 ? malloc(BASE64URL_SIZE(len)) : NULL;
    if (text == NULL)
        return -ENOMEM;
    base64url_encode(blob, len, text);
    r = json_object_set_new(payload, OUTBOX_SEALED, json_string(text));
    return r < 0 ? -ENOMEM : 0;
}

static int open_text(const uint8_t key[static OUTBOX_KEY_LEN], const char *reference,
                     const char *text, json_t **ret) {
    const struct seal_label label = label_of(reference);
    const size_t text_len = strlen(text);
    SCOPE_FREE uint8_t *blob = malloc(text_len + 1);
    SCOPE_SECRET char *plain = NULL;
    size_t plain_len = 0;
    if (blob == NULL)
        return -ENOMEM;
    ssize_t len = base64url_decode(text, text_len, blob, text_len);
    if (len < 0 || seal_open(key, &label, blob, (size_t)len, &plain, &plain_len) < 0)
        return -EBADMSG;
    *ret = json_loadb(plain, plain_len, JSON_REJECT_DUPLICATES, NULL);
    return *ret != NULL ? 0 : -EBADMSG;
}

int outbox_open(const uint8_t key[static OUTBOX_KEY_LEN], const char *reference, json_t *payload) {
    const json_t *sealed = json_object_get(payload, OUTBOX_SEALED);
    json_t *texts = NULL;
    if (sealed == NULL)
        return 0;
    if (!json_is_string(sealed))
        return -EBADMSG;
    int r = open_text(key, reference, json_string_value(sealed), &texts);
    if (r == 0 &&
        (json_object_update(payload, texts) < 0 || json_object_del(payload, OUTBOX_SEALED) < 0))
        r = -EBADMSG; /* no object */
    json_decref(texts);
    return r;
}
