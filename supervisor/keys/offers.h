/* What root may hand to a running cloister-keys, which has no right any more to open such files: a
 * new secret of the operator's, the next key-encryption key. Each comes as an open descriptor with
 * the message. Loop thread. */
#ifndef CLOISTER_KEYS_OFFERS_H
#define CLOISTER_KEYS_OFFERS_H

#include "ipc/message.h"
#include "supervisor/keys/rotation.h"
#include "supervisor/keys/secrets.h"

struct offers {
    struct secrets *secrets;
    struct keyring *keyring;
    struct rotation *rotation;
};

/* Does what `message`, which messages.def let through, asks with the descriptor `given` (-1: none;
 * stays the caller's), and answers on `fd` with KEYS_STATE. Negative: the channel must be closed.
 */
int offers_take(const struct offers *offers, const Cloister__Message *message, int given,
                int fd) MUST_CHECK;

#endif
