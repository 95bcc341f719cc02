/* The model's API keys, each with the host that it is for: no other may ever see it. There are two
 * while one model follows another; what was handed over for a host that is used later waits here.
 * Locked memory; single thread. */
#ifndef CLOISTER_KEYS_MODEL_KEYS_H
#define CLOISTER_KEYS_MODEL_KEYS_H

#include "memory/seal.h"
#include "providers/url.h"

#define MODEL_HOSTS_MAX 8

struct secret_text {
    char *text; /* secret_alloc'd, NUL behind it; NULL when none is configured */
    size_t len;
};

struct model_key {
    char host[URL_PAIR_SIZE]; /* url_pair_of */
    struct secret_text key;
};

struct model_keys {
    struct model_key list[MODEL_HOSTS_MAX];
    size_t count;
};

/* Takes `fresh` over and frees it, whatever comes of it. True: *held was another. */
bool secret_exchange(struct secret_text *held, struct secret_text *fresh);

/* The key of `host` is `fresh` from now on, which is taken over and freed in any case; an empty one
 * says that the host wants none. *ret_changed: it was another, or none was known. 0, or -ENOSPC:
 * there are too many hosts. */
int model_keys_put(struct model_keys *keys, const char *host, struct secret_text *fresh,
                   bool *ret_changed) MUST_CHECK;
/* What a turn may send to `host`: NULL when that is not known. As long as there is no key for any
 * host, each is one that wants none. */
const struct model_key *model_keys_find(const struct model_keys *keys, const char *host);
void model_keys_free(struct model_keys *keys);

#endif
