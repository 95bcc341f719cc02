#include "providers/resume.h"

#include <errno.h>
#include <string.h>

static bool same(const struct resume_session *a, const char *host, uint16_t port, uint32_t trust) {
    return a->len > 0 && a->port == port && a->trust == trust && strcmp(a->host, host) == 0;
}

int resume_put(struct resume *resume, const struct resume_session *session, uint64_t now) {
    size_t len = strnlen(session->host, sizeof(session->host));
    if (len == 0 || len == sizeof(session->host) || session->len == 0 ||
        session->len > RESUME_BYTES)
        return -EINVAL;
    struct resume_session *place = &resume->sessions[0];
    for (size_t i = 0; i < RESUME_HOSTS; i++) {
        struct resume_session *at = &resume->sessions[i];
        if (same(at, session->host, session->port, session->trust)) {
            place = at;
            break;
        }
        if (at->until < place->until) /* 0: free */
            place = at;
    }
    *place = (struct resume_session){0}; /* nothing stays behind a shorter one */
    memcpy(place->host, session->host, len);
    memcpy(place->bytes, session->bytes, session->len);
    place->len = session->len;
    place->port = session->port;
    place->trust = session->trust;
    place->until = now + RESUME_MS;
    return 0;
}

const struct resume_session *resume_find(const struct resume *resume, const char *host,
                                         uint16_t port, uint32_t trust, uint64_t now) {
    for (size_t i = 0; resume != NULL && i < RESUME_HOSTS; i++) {
        const struct resume_session *at = &resume->sessions[i];
        if (same(at, host, port, trust) && now < at->until)
            return at;
    }
    return NULL;
}
