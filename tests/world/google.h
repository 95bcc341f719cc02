/* Handlers of the Google stand-in. Each answers its exchange. */
#ifndef CLOISTER_WORLD_GOOGLE_H
#define CLOISTER_WORLD_GOOGLE_H

#include "tests/world/exchange.h"

/* consent.c: GET and POST /o/oauth2/v2/auth */
void consent_handle(struct exchange *x);
/* token.c */
void token_handle(struct exchange *x);
void revoke_handle(struct exchange *x);
void openid_handle(struct exchange *x); /* userinfo, tokeninfo, keys, discovery */
/* The account that a token or revoke request is about, for the log and for faults. */
void token_account(struct exchange *x);
void token_error(struct exchange *x, int status, const char *error, const char *description);
/* calendar.c: below /calendar/v3 */
void calendar_handle(struct exchange *x);
void calendar_error(struct exchange *x, int status, const char *reason, const char *message);

/* Value of an application/x-www-form-urlencoded field of the body, in `form`. */
const char *form_value(const struct evkeyvalq *form, const char *name);
/* Parses the body as a form; the caller clears it with evhttp_clear_headers. */
void form_parse(const struct exchange *x, struct evkeyvalq *ret);
/* The bearer token of the Authorization header, or NULL. */
const char *bearer(const struct exchange *x);

#endif
