/* cloisterd's rows in PostgreSQL: users, connections (sealed tokens), connect links, sealed
 * preferences, idempotency records. Asynchronous; callbacks on the loop thread, never from inside
 * the call. `error` is 0, -ENOENT, -EEXIST, -EINVAL (a check of the schema), -EAGAIN (database
 * away, or too slow: the change may or may not have been made) or -EIO. Rows passed to callbacks
 * are valid during them. No function takes plaintext of a token, a message or a calendar. What
 * connecting needs stands in store_connect.h. */
#ifndef CLOISTER_SUPERVISOR_STORE_H
#define CLOISTER_SUPERVISOR_STORE_H

#include <event2/event.h>

#include "ipc/config.h"
#include "ipc/message.h"

struct store;

/* Connects in the background, applies supervisor/migrations, reconnects with back-off, drops
 * expired rows now and then. A database that is newer than this program is left alone: never ready,
 * said in the log. */
int store_new(struct event_base *base, const struct config *config, struct store **ret) MUST_CHECK;
void store_free(struct store *store);
bool store_ready(const struct store *store);

/* What was counted of a day (UTC). */
struct store_used {
    uint64_t tokens, spend; /* spend: millionths of the operator's currency */
};

/* What a turn needs: the user, its connection, its sealed state and what was used of today's
 * budgets, in one round trip. */
struct store_session {
    char user[ID_LEN + 1];
    char connection[ID_LEN + 1];  /* "" when not connected */
    char connection_state[16];    /* "none", "active", "broken", "disconnecting" */
    Cloister__SealedState *state; /* refresh, token_version, preferences, scopes; others empty */
    bool repeated;                /* the idempotency key was already recorded */
    struct store_used user_today, frontend_today, server_today;
    uint64_t turns_today; /* everybody's, as counted there: what a record is held against */
    char frontend[65];    /* whose user it is */
};
typedef void store_session_done(void *ctx, int error, const struct store_session *session);
/* Looks (frontend, name) up; -ENOENT when there is no such user. A 32-byte `idempotency` hash
 * (NULL: none) is recorded for the user in the same round trip; records older than a day are
 * dropped. */
void store_session(struct store *store, const char *frontend, const char *name,
                   const uint8_t *idempotency, store_session_done *done, void *ctx);

/* The same by the user's opaque id, for a turn that is not theirs: without preferences. */
void store_session_of(struct store *store, const char *user, store_session_done *done, void *ctx);

/* The opaque id of (frontend, name); -ENOENT when there is no such user. */
typedef void store_user_done(void *ctx, int error, const char *user);
void store_user(struct store *store, const char *frontend, const char *name, store_user_done *done,
                void *ctx);

typedef void store_done(void *ctx, int error);
/* -ENOSPC over 64, -EINVAL over 1280 bytes; -ENOENT: there is none to correct. */
void store_put_preference(struct store *store, const char *user, const Cloister__PutPreference *put,
                          store_done *done, void *ctx);
void store_delete_preference(struct store *store, const char *user, const char *id,
                             store_done *done, void *ctx); /* "" deletes all */
void store_mark_broken(struct store *store, const char *connection, store_done *done, void *ctx);

#endif
