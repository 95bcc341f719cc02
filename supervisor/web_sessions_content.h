/* What a web session keeps: sealed under a key derived from its cookie, bound to its row and its
 * user, so that it opens for whoever has the cookie and cannot be moved to another session. Used by
 * web_sessions.c. Pure; needs token_init. */
#ifndef CLOISTER_SUPERVISOR_WEB_SESSIONS_CONTENT_H
#define CLOISTER_SUPERVISOR_WEB_SESSIONS_CONTENT_H

#include "supervisor/web_sessions.h"

#define SESSION_GRANT_MAX  127
#define SESSION_SEALED_MAX 512

struct session_content {
    uint8_t csrf[32]; /* random, once: a copy of the database does not tell it */
    char grant[SESSION_GRANT_MAX + 1];
    char account[ACCOUNT_MAX + 1];
};

/* Returns the length. */
size_t session_content_seal(const struct session_content *content, const char *cookie,
                            const char *id, const char *user,
                            uint8_t out[static SESSION_SEALED_MAX]);
/* 0, or -EBADMSG: made with another cookie, for another session, or changed since. */
int session_content_open(struct session_content *content, const char *cookie, const char *id,
                         const char *user, const uint8_t *sealed, size_t len) MUST_CHECK;

#endif
