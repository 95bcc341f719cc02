/* The rows of connecting and disconnecting: connect links, connections, redeem codes. Tokens come
 * as hashes (token.h). Errors as in store.h. Loop thread. */
#ifndef CLOISTER_SUPERVISOR_STORE_CONNECT_H
#define CLOISTER_SUPERVISOR_STORE_CONNECT_H

#include "supervisor/store.h"
#include "supervisor/token.h"

#define SUBJECT_TAG_LEN 32 /* keyed hash of Google's sub */

/* ---- connect links ---- */

struct store_link {
    const uint8_t *hash; /* of the link token */
    const char *frontend, *user_name;
    const char *features; /* words separated by single blanks */
    const char *return_to;
    bool switch_account; /* may change the user's pinned Google account */
};
/* Good for 10 minutes. Of a user's unopened links the 16 newest are kept. */
void store_link_create(struct store *store, const struct store_link *link, store_done *done,
                       void *ctx);
/* The same for a connected user, with what the present connection was asked for. -ENOENT: none. */
void store_link_renew(struct store *store, const char *user, const uint8_t *link_hash,
                      store_done *done, void *ctx);

struct store_opening {
    char connection[ID_LEN + 1]; /* pending; made, or the one of an earlier opening */
    const char *features;
};
typedef void store_opening_done(void *ctx, int error, const struct store_opening *opening);
/* Before the browser is sent to Google: checks the link and gives it a pending connection.
 * `cookie_hash` is NULL when the browser has none. -ENOENT: no such link, or used; -ETIME: expired;
 * -EACCES: it was opened in another browser; -EBUSY: too many of the user's are unfinished. */
void store_link_prepare(struct store *store, const uint8_t *link_hash, const uint8_t *cookie_hash,
                        const char *new_connection, store_opening_done *done, void *ctx);
/* Binds the link to a browser and a state token, for 10 minutes; an earlier state of the same
 * browser is void. -EACCES: another browser was quicker, or the link was used. */
void store_link_open(struct store *store, const uint8_t *link_hash, const uint8_t *old_cookie_hash,
                     const uint8_t *cookie_hash, const uint8_t *state_hash, store_done *done,
                     void *ctx);

struct store_return {
    char connection[ID_LEN + 1]; /* "" when it was dropped meanwhile */
    const char *return_to;
    const char *frontend, *user_name; /* whom the link was made for */
    const char *features;
};
typedef void store_return_done(void *ctx, int error, const struct store_return *back);
/* The browser is back: uses the state up. `cookie_hash` is NULL when it has none. -ENOENT: no such
 * state; -EALREADY: used; -ETIME; -EACCES: another browser (then it is not used up). */
void store_link_return(struct store *store, const uint8_t *state_hash, const uint8_t *cookie_hash,
                       store_return_done *done, void *ctx);
/* put->subject_tag is SUBJECT_TAG_LEN long. -ENOENT unless the connection is pending and has no
 * token yet. */
void store_put_token(struct store *store, const char *connection, const Cloister__PutToken *put,
                     store_done *done, void *ctx);
/* One code for a pending connection with a token, good for 10 minutes. -EACCES: its Google account
 * is not the one that the link's user has, and the link is not for switching; -ENOENT otherwise. */
void store_code_mint(struct store *store, const char *connection, const uint8_t *code_hash,
                     store_done *done, void *ctx);

struct store_redeem {
    char user[ID_LEN + 1], connection[ID_LEN + 1];
    const char *scopes; /* words */
};
typedef void store_redeem_done(void *ctx, int error, const struct store_redeem *redeem);
/* Finds what a code stands for and makes the user's row if need be (`new_user` becomes its id).
 * Uses nothing up. -ENOENT: no such code for this user of this frontend, used, or expired. */
void store_redeem_begin(struct store *store, const uint8_t *code_hash, const char *frontend,
                        const char *name, const char *new_user, store_redeem_done *done, void *ctx);
/* Uses the code up and makes the connection, and its Google account, the user's. An earlier
 * connection becomes discarded, or disconnecting if it was to another account: then revoking it
 * does not end the new one. -EACCES: the user has another Google account (see store_code_mint);
 * -ENOENT: another redeem was quicker. */
void store_redeem_commit(struct store *store, const uint8_t *code_hash, const char *user,
                         const char *connection, store_done *done, void *ctx);

/* ---- connections ---- */

struct store_connection {
    char user[ID_LEN + 1];           /* "" when it never got one */
    char id[ID_LEN + 1];             /* "" when the user has none */
    char state[16];                  /* "none", "active", "broken", "disconnecting", "discarded" */
    const char *scopes, *features;   /* words: granted, asked for */
    int64_t connected_at_ms, age_ms; /* wall clock; since the state changed */
    const uint8_t *refresh;
    size_t refresh_len; /* 0: the token is gone */
    uint64_t token_version;
    const uint8_t *subject_tag;
    size_t subject_tag_len; /* 0: of before accounts were pinned */
};
typedef void store_connection_done(void *ctx, int error, const struct store_connection *row);
/* `user` is an opaque id. -ENOENT: no such user. */
void store_connection_get(struct store *store, const char *user, store_connection_done *done,
                          void *ctx);
/* Turns the user's connection to "disconnecting", if there is one; no turn starts on it from now
 * on. */
void store_disconnect_begin(struct store *store, const char *user, store_connection_done *done,
                            void *ctx);
/* The user's next connection may be of any Google account. -ENOENT: no such user, or one of the web
 * pages, who is their account. */
void store_forget_account(struct store *store, const char *user, store_done *done, void *ctx);
/* Drops the token of a connection and leaves a row that says: destroy the key, then remove me. */
void store_discard(struct store *store, const char *connection, store_done *done, void *ctx);
/* Its key is gone. Only for disconnecting and discarded ones. */
void store_connection_remove(struct store *store, const char *connection, store_done *done,
                             void *ctx);

typedef void store_unfinished_done(void *ctx, int error, const struct store_connection *rows,
                                   size_t n);
/* Up to 16 disconnecting and discarded connections, oldest first. Also gives up pending ones that
 * have not moved for 15 minutes. */
void store_unfinished(struct store *store, store_unfinished_done *done, void *ctx);

#endif
