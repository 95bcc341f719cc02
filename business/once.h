/* What has an idempotency key is done once: the same key with the same arguments finds what came of
 * it, with other arguments it is refused. A key belongs to who used it: an address, a conversation;
 * a random one that nobody else can know, such as a UUID, to whoever has it, from any address. Only
 * a hash of it is kept. Loop thread. */
#ifndef CLOISTER_BUSINESS_ONCE_H
#define CLOISTER_BUSINESS_ONCE_H

#include "business/change.h"

/* Who used a key, for call->asker: a MAC of the address ("": of nothing). */
void once_asker(const struct business_server *server, const char *address, char out[static 33]);

/* The call's key and arguments, hashed; not given when it has none. */
void once_key(const struct business_call *call, struct used_key *ret);

/* `reference` of what the key was used for; NULL: it is new. False in `same`: with other arguments.
 */
typedef void once_found(void *ctx, int error, const char *reference, bool same);
void once_find(struct business_server *server, const struct used_key *key, once_found *done,
               void *ctx);
/* The key is free again, if it was used for that booking and it is cancelled. */
void once_release(struct business_server *server, const struct used_key *key, const char *reference,
                  pg_done *done, void *ctx);
/* 409 key_reused. */
void once_refuse(struct business_call *call);

#endif
