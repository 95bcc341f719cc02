/* The secrets that cloister-keys reads at its start into locked memory: the key-encryption key and
 * the operator's own (Google client secret, model API key). Later it may not open their files any
 * more; the operator's own are then exchanged by descriptors that root hands over (offers.h), or by
 * reading those files again that its own user may read. The model's key is read beside the address
 * that it is for, model.base_url, and belongs to that host alone.
 *
 * provider=file: keys.key_file, 64 hex digits, readable by its owner alone; the operator's secrets
 * from google.client_secret_file and model.api_key_file. provider=systemd: the credentials
 * cloister-kek, cloister-google-client-secret and cloister-model-api-key; for the last two the
 * files where there is no such credential. A file that is not configured is looked for among the
 * credentials with any provider. While the key-encryption key is being changed, the next one is in
 * keys.key_file with ".next" behind its name, or the credential cloister-kek-next. */
#ifndef CLOISTER_KEYS_SECRETS_H
#define CLOISTER_KEYS_SECRETS_H

#include "ipc/config.h"
#include "memory/seal.h"
#include "supervisor/keys/model_keys.h"

/* KEY_GRANT carries both operator secrets within its cap. */
#define OPERATOR_SECRET_MAX 1536

struct secrets {
    uint8_t *kek;      /* SEAL_KEY_LEN bytes */
    uint8_t *kek_next; /* likewise, or NULL */
    struct secret_text google_client_secret;
    struct model_keys model;
    bool google_handed, model_handed; /* by root: files are not read again for it */
};

/* 0, or -errno with a sentence in `why`. Free with secrets_free either way. */
int secrets_load(const struct config *config, struct secrets *secrets, char *why,
                 size_t why_len) MUST_CHECK;
void secrets_free(struct secrets *secrets);

#define SECRET_GOOGLE "google-client-secret"
#define SECRET_MODEL  "model-api-key"

/* What root hands over. */
struct secret_offer {
    const char *name; /* SECRET_… */
    const char *host; /* of the model's key: whom it is for, "host:port" */
    bool none;        /* none is configured any more */
    int fd;           /* the file, unless there is none */
};

/* Exchanges the operator's secret; what is being answered meanwhile has the old one. *ret_changed:
 * it was another. -ENOENT: no secret of that name; -EINVAL: no host, or none that could be one;
 * -ENOSPC: too many hosts; otherwise as secrets_load. Then the old one stays. */
int secrets_take(struct secrets *secrets, const struct secret_offer *offer, bool *ret_changed,
                 char *why, size_t why_len) MUST_CHECK;
/* The same for those whose files this user may read, by a `config` that was read again. What root
 * has handed over, and what came as a credential, which is as old as this process, stays. -EACCES:
 * this user may not. */
int secrets_reread(const struct config *config, struct secrets *secrets, unsigned *ret_changed,
                   char *why, size_t why_len) MUST_CHECK;
/* A key-encryption key from the file `fd`; free *ret with secret_free. */
int secrets_read_kek(int fd, uint8_t **ret, char *why, size_t why_len) MUST_CHECK;

#endif
