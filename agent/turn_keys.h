/* What cloister-keys grants a turn, kept in locked memory until the turn ends. */
#ifndef CLOISTER_AGENT_TURN_KEYS_H
#define CLOISTER_AGENT_TURN_KEYS_H

#include "ipc/message.h"
#include "memory/seal.h"
#include "providers/fault.h"
#include "providers/url.h"

struct keys {
    uint8_t connection[SEAL_KEY_LEN], user[SEAL_KEY_LEN];
    bool has_connection, has_user;
    uint64_t epoch, floor; /* lowest token version that still opens */
    uint64_t user_epoch;   /* grants of an earlier one are void */
    /* Whom the channel was bound to at birth ("" for nobody yet), and as what. */
    char bound_user[ID_LEN + 1], origin[17];
    uint8_t booking[SEAL_KEY_LEN]; /* front cells: for the mark of bookings' events */
    bool has_booking;
    char client_secret[513], model_key[1025], pkce_verifier[129]; /* "" when not granted */
    char model_host[URL_PAIR_SIZE]; /* whom model_key may be sent to; "" for nobody */
};

/* Asks on the turn's channel, waits up to 5 s; `model_host`: whom the turn would send the model's
 * key to, "" when it needs none. *ret is secret_alloc'd. 0, or -errno with the fault set:
 * disconnected when the key is gone, keys_unavailable otherwise. */
int keys_ask(int fd, const Cloister__TurnStart *start, const char *model_host, struct keys **ret,
             struct fault *fault) MUST_CHECK;
/* By which the account is known that Google calls `subject`: the same for every connection and
 * sign-in of it, on this system alone. For connect cells. 0, or -errno with the fault set. */
#define TURN_TAG_LEN 32
int keys_subject_tag(int fd, const char *subject, uint8_t out[static TURN_TAG_LEN],
                     struct fault *fault) MUST_CHECK;
/* What may be sent to `model_host`: the model's key, "" when that host wants none. NULL with the
 * fault set, model_misconfigured: what was granted is for another host, and nothing may be sent. */
const char *keys_for_model(const struct keys *keys, const char *model_host, struct fault *fault);
/* Makes older sealed tokens of this connection useless. 0, or -errno with the fault set. */
int keys_commit_token(int fd, const char *connection, uint64_t version,
                      struct fault *fault) MUST_CHECK;

#endif
