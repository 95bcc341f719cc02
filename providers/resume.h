/* TLS 1.3 sessions that the next turn of the same agent may resume (RFC 8446, 2.2), so that it pays
 * for no certificate: a third of what a turn computes otherwise.
 *
 * One is a ticket of the server's and the secret that goes with it. Nothing of what was said can be
 * read with it, since every resumption makes fresh keys by (EC)DHE. It does vouch for the server in
 * the certificate's place, so each is used for RESUME_MS after its full handshake and then never
 * again, at the very host, port and CA store that it was made with, and by this user's turns alone.
 *
 * Kept in the agent's memory; handed there by a turn (TURN_SESSIONS), inherited by the next one. */
#ifndef CLOISTER_PROVIDERS_RESUME_H
#define CLOISTER_PROVIDERS_RESUME_H

#include "ipc/base.h"
#include "providers/url.h"

#define RESUME_HOSTS 2 /* the calendar's and the model's */
#define RESUME_BYTES 1024
#define RESUME_MS    600000

struct resume_session {
    char host[URL_HOST_MAX + 1];
    uint16_t port, len;
    uint32_t trust; /* http_trust_number */
    uint64_t until; /* clock_ms() */
    uint8_t bytes[RESUME_BYTES];
};

struct resume {
    struct resume_session sessions[RESUME_HOSTS];
};

/* In place of the one for the same server, of one that is over, or of the oldest. -EINVAL for a
 * name or a length that cannot be. */
int resume_put(struct resume *resume, const struct resume_session *session,
               uint64_t now) MUST_CHECK;
/* NULL: none that may still be used. */
const struct resume_session *resume_find(const struct resume *resume, const char *host,
                                         uint16_t port, uint32_t trust, uint64_t now);

#endif
