/* The rows of signing in on the web pages: browsers that are on their way to Google, the users they
 * turn out to be, and their sessions. Tokens come as hashes, what a session holds comes sealed
 * (web_sessions.h). Errors as in store.h. The ages and the bounds of a session come from [gateway]
 * session_*_ms. Loop thread. */
#ifndef CLOISTER_SUPERVISOR_STORE_SIGN_IN_H
#define CLOISTER_SUPERVISOR_STORE_SIGN_IN_H

#include "supervisor/store.h"
#include "supervisor/token.h"

/* ---- signing in ---- */

/* A browser sets out. Good for 10 minutes; of those under way the newest 8192 are kept. */
void store_sign_in_make(struct store *store, const uint8_t *state_hash, const uint8_t *cookie_hash,
                        store_done *done, void *ctx);
/* It is back: uses the state up. -ENOENT: no such state, or used (RULE_STATE_ONCE); -ETIME: too
 * late; -EACCES: another browser (RULE_STATE_BROWSER), and then it is not used up. */
void store_sign_in_return(struct store *store, const uint8_t *state_hash,
                          const uint8_t *cookie_hash, store_done *done, void *ctx);

typedef void store_web_user_done(void *ctx, int error, const char *user);
/* Finds or makes the web pages' user of this name and Google account; `new_user` becomes the id of
 * one that is made. The tag is 32 bytes. */
void store_web_user(struct store *store, const char *name, const uint8_t *subject_tag,
                    const char *new_user, store_web_user_done *done, void *ctx);

/* ---- sessions ---- */

struct store_web_session {
    char id[ID_LEN + 1], user[ID_LEN + 1]; /* "" in what a statement does not say */
    char name[TOKEN_LEN + 1];              /* the user's, in WEB_FRONTEND */
    const uint8_t *sealed;                 /* for the cookie that was shown */
    size_t sealed_len;
    uint64_t left_ms; /* until it ends by age */
    bool due;         /* its cookie should be replaced */
};
typedef void store_web_session_done(void *ctx, int error, const struct store_web_session *session);

/* Of a user's sessions the 32 used last are kept. -ENOENT: no such user. */
void store_web_session_make(struct store *store, const struct store_web_session *session,
                            const uint8_t *cookie_hash, store_done *done, void *ctx);
/* Finds the session of a cookie and marks it used; a cookie that was handed out in place of another
 * takes its place now, and the other is good for 60 s more. -ENOENT: none, or too old
 * (RULE_SESSION_LIVES); -ESTALE: the cookie was replaced longer ago, so that two have it: the whole
 * session has been ended. */
void store_web_session_show(struct store *store, const uint8_t *cookie_hash,
                            store_web_session_done *done, void *ctx);
/* The same without marking or changing anything, whatever its age. Fills id, user and sealed. */
void store_web_session_peek(struct store *store, const uint8_t *cookie_hash,
                            store_web_session_done *done, void *ctx);
/* Prepares a cookie that is handed out in place of the present one. -ENOENT: somebody was quicker,
 * or the session has ended. */
void store_web_session_rotate(struct store *store, const struct store_web_session *session,
                              const uint8_t *cookie_hash, const uint8_t *next_hash,
                              store_done *done, void *ctx);
/* Puts `session->sealed` in place of what this cookie opens. */
void store_web_session_renew(struct store *store, const struct store_web_session *session,
                             const uint8_t *cookie_hash, store_done *done, void *ctx);
/* Ends the session of a cookie (RULE_SESSION_LIVES); fine when there is none. */
void store_web_session_end(struct store *store, const uint8_t *cookie_hash, store_done *done,
                           void *ctx);
/* Ends every session of its user, and says who that is. -ENOENT: no such session. */
void store_web_session_end_all(struct store *store, const uint8_t *cookie_hash,
                               store_web_user_done *done, void *ctx);

#endif
