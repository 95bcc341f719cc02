/* What is remembered between turns, sealed, in RAM only: notes of a conversation, and a user's
 * access token. cloisterd cannot open either. Bounded in bytes, and forgotten after a time without
 * use. Loop thread. Nothing here logs. */
#ifndef CLOISTER_SUPERVISOR_SESSIONS_H
#define CLOISTER_SUPERVISOR_SESSIONS_H

#include <event2/event.h>

#include "ipc/base.h"

struct sessions;

struct sessions_limits {
    uint64_t ttl_ms;      /* without use */
    size_t notes_bytes;   /* of one conversation */
    size_t access_bytes;  /* of one access token */
    size_t conversations; /* of one user */
    size_t total_bytes;   /* of everything; the longest unused goes first */
};

struct session_blob {
    const uint8_t *data; /* valid until the next call on these sessions */
    size_t len;          /* 0: none kept */
};

int sessions_new(struct event_base *base, const struct sessions_limits *limits,
                 struct sessions **ret) MUST_CHECK;
void sessions_free(struct sessions *sessions);

/* Notes belong to (user, origin, conversation) and to the connection under whose key they were
 * sealed: of another connection there are none. Of a conversation's name only a digest is kept.
 * -EMSGSIZE when over notes_bytes, -ENOMEM. Empty data forgets. */
int sessions_put_notes(struct sessions *sessions, const char *user, const char *origin,
                       const char *conversation, const char *connection, const void *data,
                       size_t len) MUST_CHECK;
struct session_blob sessions_notes(struct sessions *sessions, const char *user, const char *origin,
                                   const char *conversation, const char *connection);

/* The access token of one connection, for one version of the refresh token. */
int sessions_put_access(struct sessions *sessions, const char *user, const char *connection,
                        uint64_t version, const void *data, size_t len) MUST_CHECK;
struct session_blob sessions_access(struct sessions *sessions, const char *user,
                                    const char *connection, uint64_t version);

/* Forgets the notes of one conversation, or with NULL of all; the latter drops the access token too
 * when `also_access`. */
void sessions_forget(struct sessions *sessions, const char *user, const char *conversation,
                     bool also_access);

/* For status. */
size_t sessions_bytes(const struct sessions *sessions);
size_t sessions_count(const struct sessions *sessions);

#endif
