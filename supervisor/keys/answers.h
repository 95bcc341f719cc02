/* What cloister-keys answers, and to whom: the one place that decides which secrets leave. Sends
 * the answer itself, so that a secret lives no longer than the call. Single thread. */
#ifndef CLOISTER_KEYS_ANSWERS_H
#define CLOISTER_KEYS_ANSWERS_H

#include "ipc/message.h"
#include "supervisor/keys/keyring.h"
#include "supervisor/keys/origins.h"
#include "supervisor/keys/secrets.h"

#define SUBJECT_TAG_LEN 32

/* Whom an agent's channel speaks for, fixed when the zygote made it but for the account. */
struct binding {
    const struct origin_rule *origin;
    char user[ID_LEN + 1];       /* empty: a connect cell for nobody yet */
    char connection[ID_LEN + 1]; /* empty: the user has none */
    /* Of a connect cell: whose Google account it said it is, once it has. */
    bool named;
    uint8_t subject_tag[SUBJECT_TAG_LEN];
};

struct answers {
    struct keyring *keyring;
    const struct secrets *secrets;
    uint64_t grant_ms; /* for how long a grant holds */
};

/* Checks a KEYS_BIND. -EPROTO: malformed ids. -EACCES: an origin that is not served, or an owner's
 * or customer's channel without a user. */
int binding_from(const Cloister__KeysBind *bind, struct binding *ret) MUST_CHECK;
const char *binding_origin(const struct binding *binding);

/* Answers on `fd` a message that messages.def let through: from the agent channel bound as
 * `binding`, or from the supervisor when that is NULL. *ret_error is the (positive) errno that the
 * answer carries. Negative: the channel must be closed (-EPROTO: a malformed field; otherwise the
 * send failed). */
int answers_give(const struct answers *answers, struct binding *binding,
                 const Cloister__Message *message, int fd, int *ret_error) MUST_CHECK;

/* PKCE verifier of a state token (RFC 7636: 43 characters and a NUL) by the keyring's own key for
 * that, and its S256 challenge. */
#define PKCE_LEN 43
void pkce_verifier(const uint8_t *own, const char *state_token, char out[static PKCE_LEN + 1]);
void pkce_challenge(const char *verifier, char out[static PKCE_LEN + 1]);

#endif
