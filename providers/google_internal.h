/* Shared by google*.c only. */
#ifndef CLOISTER_PROVIDERS_GOOGLE_INTERNAL_H
#define CLOISTER_PROVIDERS_GOOGLE_INTERNAL_H

#include "providers/google.h"

struct google {
    const struct google_settings *settings;
    struct pump *pump;
    const char *client_secret, *refresh;
    char *access; /* secret; NULL: none */
    int64_t expires_at_ms;
    unsigned generation; /* counts access tokens of this turn */
    bool fresh;          /* `access` was fetched in this turn */
    bool forced;         /* a 401 has already cost a refresh */
    bool gone;           /* invalid_grant */
    struct http_transfer *refreshing;
};

/* One whole JSON object, as all of Google's answers with a body are. */
bool google_body_whole(const char *body, size_t len);
/* Sends a form to a token endpoint. */
int google_post_form(struct google *google, const char *url, const struct google_param *params,
                     struct http_transfer **ret) MUST_CHECK;
/* Drops the token that was refused and fetches another. As google_token. */
int google_token_again(struct google *google, struct fault *fault) MUST_CHECK;
int google_transport_fault(const struct http_transfer *transfer, int error, struct fault *fault);
/* Secret copy of a string; NULL on lack of memory. */
char *google_secret_copy(const char *text);
/* Lifetime of a new token from "expires_in". */
int64_t google_expiry(const json_t *body);

/* A request came to nothing. */
static inline void google_count(struct pump *pump, enum pump_error error) {
    pump->tally.google_errors[error]++;
}

#endif
