/* What cloister-keys grants a turn, kept in locked memory until the turn ends. */
#ifndef CLOISTER_AGENT_TURN_KEYS_H
#define CLOISTER_AGENT_TURN_KEYS_H

#include "ipc/message.h"
#include "memory/seal.h"
#include "providers/fault.h"

struct keys {
    uint8_t connection[SEAL_KEY_LEN], user[SEAL_KEY_LEN];
    bool has_connection, has_user;
    uint64_t epoch, floor; /* lowest token version that still opens */
    uint64_t user_epoch;   /* grants of an earlier one are void */
    /* Whom the channel was bound to at birth ("" for nobody yet), and as what. */
    char bound_user[ID_LEN + 1], origin[17];
    uint8_t subject[SEAL_KEY_LEN]; /* connect cells: for the keyed hash of Google's subject */
    bool has_subject;
    char client_secret[513], model_key[1025], pkce_verifier[129]; /* "" when not granted */
};

/* Asks on the turn's channel, waits up to 5 s. *ret is secret_alloc'd. 0, or -errno with the fault
 * set: disconnected when the key is gone, keys_unavailable otherwise. */
int keys_ask(int fd, const Cloister__TurnStart *start, struct keys **ret,
             struct fault *fault) MUST_CHECK;
/* Makes older sealed tokens of this connection useless. 0, or -errno with the fault set. */
int keys_commit_token(int fd, const char *connection, uint64_t version,
                      struct fault *fault) MUST_CHECK;

#endif
