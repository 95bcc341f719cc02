/* Google OAuth and Calendar v3 over one turn's connections: tokens, requests with their retries,
 * and what Google's errors mean. Knows nothing of tools or users. One `struct google` per turn. */
#ifndef CLOISTER_PROVIDERS_GOOGLE_H
#define CLOISTER_PROVIDERS_GOOGLE_H

#include <jansson.h>

#include "providers/pump.h"

#define GOOGLE_BODY_MAX       (4u << 20)
#define GOOGLE_SCOPE_BASE     "https://www.googleapis.com/auth/"
#define GOOGLE_SCOPE_EVENTS   GOOGLE_SCOPE_BASE "calendar.events"
#define GOOGLE_SCOPE_FREEBUSY GOOGLE_SCOPE_BASE "calendar.freebusy"

struct google_settings {
    const char *client_id, *token_url, *revoke_url, *calendar_url;
    const struct http_trust *trust;
};

struct google;
/* `client_secret` and `settings` must outlive it. NULL on lack of memory. */
struct google *google_new(const struct google_settings *settings, struct pump *pump,
                          const char *client_secret);
void google_free(struct google *google); /* wipes tokens */

/* ---- access token ---- */

/* `refresh` (borrowed secret) is what new access tokens come from. */
void google_use_refresh(struct google *google, const char *refresh);
/* A token kept from an earlier turn; ignored unless it lives another minute. 0 or -ENOMEM. */
int google_use_access(struct google *google, const char *access, int64_t expires_at_ms) MUST_CHECK;
/* Asks for a new access token when the one at hand is missing or nearly over; does not wait. */
void google_refresh_begin(struct google *google);
/* Waits until there is an access token. -EKEYEXPIRED: Google says the grant is gone
 * (invalid_grant); otherwise -errno; the fault is set in both cases. */
int google_token(struct google *google, struct fault *fault) MUST_CHECK;
/* True when a refresh that was begun has ended by itself in invalid_grant. Never waits. */
bool google_grant_gone(struct google *google);
/* A token that was fetched in this turn, to be sealed; NULL when there is none. */
const char *google_fresh_access(struct google *google, int64_t *ret_expires_at_ms);

/* ---- connecting and signing in ---- */

struct google_identity {
    char subject[256]; /* Google's lasting name of the account; never shown to anybody */
    char email[321];   /* "" when there is none, or Google does not vouch for it */
};
struct google_grant {
    char *refresh, *access; /* secrets; never NULL on success */
    int64_t expires_at_ms;
    char **scopes; /* "email" for its long spelling */
    size_t nscopes;
    struct google_identity identity;
};
/* A code and what it was asked for with. */
struct google_code {
    const char *code, *redirect_uri, *verifier, *nonce;
};
/* Redeems the code for lasting permission. The fault is set on failure: connect_failed for what
 * Google did not complete (also when it does not say whose account it is), and others. */
int google_exchange(struct google *google, const struct google_code *code, struct google_grant *ret,
                    struct fault *fault) MUST_CHECK;
void google_grant_free(struct google_grant *grant);
/* Redeems the code for nothing but who it was; tokens that come along are dropped. As
 * google_exchange, with sign_in_failed. */
int google_sign_in(struct google *google, const struct google_code *code,
                   struct google_identity *ret, struct fault *fault) MUST_CHECK;
/* Claims of an ID token that came straight from the token endpoint (so its signature is not
 * checked, OpenID Connect Core 3.1.3.7): issuer, audience, expiry within 300 s, nonce, a subject. 0
 * or -EBADMSG. */
int google_id_token_check(const char *id_token, const char *client_id, const char *nonce,
                          int64_t now_s, struct google_identity *ret) MUST_CHECK;
/* Splits a granted scope string. 0 or -ENOMEM. */
int google_scopes(const char *granted, char ***ret, size_t *ret_n) MUST_CHECK;
/* Tells Google that the grant ends. *ret_confirmed: it said so, or knew no such token any more. */
int google_revoke(struct google *google, const char *refresh, bool *ret_confirmed,
                  struct fault *fault) MUST_CHECK;

/* ---- requests ---- */

struct google_param {
    const char *name, *value; /* value NULL: left out */
};
struct google_request {
    const char *method;
    const char *path[5]; /* segments, NULL-terminated: {"calendars", "primary", "events"} */
    const struct google_param *params; /* ends with a NULL name; may be NULL */
    json_t *body;                      /* borrowed; may be NULL */
    const char *if_match;              /* etag; NULL or "" sends none */
    bool write;                        /* sent once unless Google surely did nothing */
};

struct google_answer {
    int status;      /* 2xx, or a refusal that repeating cannot change */
    json_t *json;    /* may be NULL */
    char reason[48]; /* as google_reason */
    bool unknown;    /* write: no answer, or a failing one; it may have been done */
    bool answered;   /* unknown, but Google did answer (5xx) */
};
void google_answer_free(struct google_answer *answer);

/* A request under way; several progress together. google_begin needs an access token and may wait
 * for it. google_finish waits, refreshes once per turn after 401, retries, and frees the call in
 * any case. Both: 0, or -errno with the fault set (-EKEYEXPIRED as google_token). */
struct google_call;
int google_begin(struct google *google, const struct google_request *request,
                 struct google_call **ret, struct fault *fault) MUST_CHECK;
int google_finish(struct google_call *call, struct google_answer *ret,
                  struct fault *fault) MUST_CHECK;
void google_abandon(struct google_call *call); /* NULL is fine */
/* Both at once. */
int google_do(struct google *google, const struct google_request *request,
              struct google_answer *ret, struct fault *fault) MUST_CHECK;

/* What a status and reason ask for. */
enum google_verdict {
    GOOGLE_OK,
    GOOGLE_UNAUTHORIZED, /* refresh once */
    GOOGLE_RATE,         /* retry later; nothing was done */
    GOOGLE_QUOTA,        /* hours, not seconds */
    GOOGLE_OPERATOR,     /* project settings */
    GOOGLE_TRANSIENT,    /* retry; a write may have been done */
    GOOGLE_FINAL,        /* the caller decides */
};
enum google_verdict google_judge(int status, const char *reason);
/* `errors[0].reason` of an error body, or what its `details` say instead, in the words of `errors`;
 * letters only, "" when absent. */
void google_reason(const json_t *body, char out[static 48]);

/* Base URL + escaped path segments + query. malloc'd or NULL. */
char *google_url(const char *base, const char *const *path, const struct google_param *params);
/* "a=b&c=d", percent-encoded. malloc'd or NULL; may hold secrets: string_wipe it. */
char *google_form(const struct google_param *params);

#endif
