#include "supervisor/keys/model_keys.h"

#include <errno.h>
#include <string.h>

bool secret_exchange(struct secret_text *held, struct secret_text *fresh) {
    const bool same = held->len == fresh->len &&
                      (held->len == 0 || memcmp(held->text, fresh->text, held->len) == 0);
    if (same) {
        secret_free(take_ptr(fresh->text));
        return false;
    }
    secret_free(held->text);
    *held = (struct secret_text){take_ptr(fresh->text), fresh->len};
    return true;
}

static struct model_key *of_host(struct model_keys *keys, const char *host) {
    for (size_t i = 0; i < keys->count; i++)
        if (strcmp(keys->list[i].host, host) == 0)
            return &keys->list[i];
    return NULL;
}

int model_keys_put(struct model_keys *keys, const char *host, struct secret_text *fresh,
                   bool *ret_changed) {
    struct model_key *entry = of_host(keys, host);
    const bool known = entry != NULL;
    if (!known && (keys->count == MODEL_HOSTS_MAX || strlen(host) >= URL_PAIR_SIZE)) {
        secret_free(take_ptr(fresh->text));
        return -ENOSPC;
    }
    if (!known) {
        entry = &keys->list[keys->count++];
        strcpy(entry->host, host); /* it fits */
    }
    *ret_changed = secret_exchange(&entry->key, fresh) || !known;
    return 0;
}

const struct model_key *model_keys_find(const struct model_keys *keys, const char *host) {
    static const struct model_key none;
    const struct model_key *entry = of_host((struct model_keys *)(uintptr_t)keys, host);
    if (entry != NULL)
        return entry;
    for (size_t i = 0; i < keys->count; i++)
        if (keys->list[i].key.len > 0)
            return NULL;
    return &none;
}

void model_keys_free(struct model_keys *keys) {
    for (size_t i = 0; i < keys->count; i++)
        secret_free(take_ptr(keys->list[i].key.text));
    keys->count = 0;
}
