/* The address at Google to which a browser is sent: to connect a calendar, or to sign in. Source:
 * https://developers.google.com/identity/protocols/oauth2/web-server and
 * https://developers.google.com/identity/openid-connect/openid-connect. Pure; needs token_init. */
#ifndef CLOISTER_SUPERVISOR_GOOGLE_CONSENT_H
#define CLOISTER_SUPERVISOR_GOOGLE_CONSENT_H

#include "ipc/config.h"
#include "supervisor/url.h"

struct google_consent {
    const char *scope;     /* words */
    const char *state;     /* the state token; the nonce is made from it */
    const char *challenge; /* PKCE, S256 */
    const char *prompt;    /* "": Google asks what it must */
    bool offline;          /* a refresh token is wanted, with whatever was granted before */
};
/* 0, or -ENOSPC. */
int google_consent_url(const struct config *config, const struct google_consent *consent, char *out,
                       size_t cap) MUST_CHECK;
/* "<public_url>/connect/google/callback": one address for both ways, so that an operator registers
 * one; the state decides which it is. 0, or -ENOSPC. */
int google_redirect_uri(const struct config *config, char out[static RETURN_TO_MAX]) MUST_CHECK;

#endif
