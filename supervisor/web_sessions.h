/* Sessions of the web pages: whoever signed in with Google at the owner's gateway is a user of the
 * frontend WEB_FRONTEND, named by the keyed hash of Google's sub. A session is a row in PostgreSQL;
 * the browser's cookie is a random token of which only the hash is kept. The user's grant and the
 * address that signed in lie in the row sealed under a key derived from the cookie, so neither the
 * gateway, nor a copy of the database, can act for anyone whose cookie is not before it. Loop
 * thread. */
#ifndef CLOISTER_SUPERVISOR_WEB_SESSIONS_H
#define CLOISTER_SUPERVISOR_WEB_SESSIONS_H

#include "supervisor/api.h"
#include "supervisor/token.h"

#define WEB_FRONTEND "web" /* no frontend's file may have this name */
#define ACCOUNT_MAX  254   /* bytes of an e-mail address */

/* What a cookie stands for. Valid during the callback. */
struct web_session {
    char id[ID_LEN + 1];        /* the row; never leaves cloisterd */
    char user[ID_LEN + 1];      /* opaque id */
    char name[TOKEN_LEN + 1];   /* the user's name in WEB_FRONTEND */
    const char *grant;          /* secret */
    const char *account;        /* the address that signed in */
    char csrf[TOKEN_LEN + 1];   /* constant through the session's life */
    char cookie[TOKEN_LEN + 1]; /* to be set in place of the one shown; "" keep it */
    uint64_t left_s;            /* until it ends by age */
};
/* `session` is NULL unless `error` is 0. -ENOENT: no such session, ended, or too old; -EACCES: the
 * csrf token is not this session's; -EAGAIN: the database is away. */
typedef void web_session_done(void *ctx, int error, const struct web_session *session);

/* Looks a cookie up and marks the session used. `csrf` NULL: not asked for (nothing is changed).
 * With `rotate`, a cookie older than gateway.session_rotate_ms is replaced. The callback comes
 * later, never from inside the call. */
void web_session_show(struct api *api, const char *cookie, const char *csrf, bool rotate,
                      web_session_done *done, void *ctx);
/* Keeps a renewed grant in the session that `cookie` opens. Best effort. */
void web_session_renew(struct api *api, const char *cookie, const char *grant);

/* What a cookie is kept as. */
void web_session_hash(const char *cookie, uint8_t out[static TOKEN_HASH_LEN]);
/* Makes a session that `cookie` opens, for a user who has just signed in: user, grant and account
 * of `session` are read. */
void web_session_make(struct api *api, const struct web_session *session, const char *cookie,
                      store_done *done, void *ctx);

/* ---- requests from the gateway ---- */
void api_sign_in_begin(struct api *api, struct gateway_end *end,
                       const Cloister__SignInBegin *request);
/* The callback's state is not a connect link's: perhaps it is a sign-in's. Answers the request. */
void api_sign_in_return(struct api *api, struct gateway_end *end,
                        const Cloister__ConnectCallback *request);
/* The callers of these two have been admitted by session_gate.h: caller->session is still there. */
void api_session_show(struct api *api, struct gateway_end *end,
                      const Cloister__SessionShow *request);
void api_session_end(struct api *api, struct gateway_end *end, const Cloister__SessionEnd *request);

#endif
