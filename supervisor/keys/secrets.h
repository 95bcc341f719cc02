/* The secrets that cloister-keys reads once, at its start, into locked memory: the key-encryption
 * key and the operator's own (Google client secret, model API key).
 *
 * provider=file: keys.key_file, 64 hex digits, readable by its owner alone; the operator's secrets
 * from google.client_secret_file and model.api_key_file. provider=systemd: the credentials
 * cloister-kek, cloister-google-client-secret and cloister-model-api-key; for the last two the
 * files where there is no such credential. */
#ifndef CLOISTER_KEYS_SECRETS_H
#define CLOISTER_KEYS_SECRETS_H

#include "ipc/config.h"
#include "memory/seal.h"

/* KEY_GRANT carries both operator secrets within its cap. */
#define OPERATOR_SECRET_MAX 1536

struct secret_text {
    char *text; /* secret_alloc'd, NUL behind it; NULL when none is configured */
    size_t len;
};

struct secrets {
    uint8_t *kek; /* SEAL_KEY_LEN bytes */
    struct secret_text google_client_secret, model_api_key;
};

/* 0, or -errno with a sentence in `why`. Free with secrets_free either way. */
int secrets_load(const struct config *config, struct secrets *secrets, char *why,
                 size_t why_len) MUST_CHECK;
void secrets_free(struct secrets *secrets);

#endif
