/* cloisterd's requests to cloister-keys. Keeps reconnecting with back-off; a request made while
 * keys is away, or unanswered after 5 s, ends with -EAGAIN. Loop thread. */
#ifndef CLOISTER_SUPERVISOR_KEYS_CLIENT_H
#define CLOISTER_SUPERVISOR_KEYS_CLIENT_H

#include <event2/event.h>

#include "ipc/config.h"
#include "ipc/message.h"
#include "ipc/metrics.h"

struct keys_client;
typedef void keys_done(void *ctx, int error, const Cloister__KeyResult *result);

int keys_client_new(struct event_base *base, const struct config *config,
                    struct keys_client **ret) MUST_CHECK;
void keys_client_free(struct keys_client *keys);
/* From now on answers are counted there. */
void keys_client_count(struct keys_client *keys, struct metrics *metrics);
bool keys_client_ready(const struct keys_client *keys);
/* Creating what exists is fine, destroying what does not exist too. */
void keys_create(struct keys_client *keys, Cloister__KeyKind kind, const char *id, const char *user,
                 keys_done *done, void *ctx);
void keys_destroy(struct keys_client *keys, Cloister__KeyKind kind, const char *id, keys_done *done,
                  void *ctx);
/* Binds a pending connection's key to the user it turned out to belong to. */
void keys_bind_user(struct keys_client *keys, const char *connection, const char *user,
                    keys_done *done, void *ctx);
/* PKCE challenge (S256, base64url) for a state token. */
void keys_challenge(struct keys_client *keys, const char *state_token, keys_done *done, void *ctx);
/* A grant for `user` of `frontend`; result->grant. -EKEYREVOKED: the user has no key. */
void keys_grant_mint(struct keys_client *keys, const char *user, const char *frontend,
                     keys_done *done, void *ctx);
/* Whether `grant` lets `frontend` act as `user`: 0, -ENOKEY (none shown), -EACCES, -EKEYEXPIRED,
 * -EKEYREVOKED; -EAGAIN as always. With 0, result->grant is a fresh one when it is time. */
void keys_grant_check(struct keys_client *keys, const char *user, const char *frontend,
                      const char *grant, keys_done *done, void *ctx);
/* Voids every grant of `user` minted so far. */
void keys_grant_revoke(struct keys_client *keys, const char *user, keys_done *done, void *ctx);

#endif
