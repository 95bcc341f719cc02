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
    size_t conversations; /* of one user, of each origin */
    size_t total_bytes;   /* of everything; the longest unused goes first */
    /* Of these at most for the notes of customers' conversations, whoever they are with: what
     * anybody can fill at will makes no room at the cost of owners. */
    size_t customers_bytes;
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

/* Forgets everything of a user, of whatever origin, access tokens as well. */
void sessions_forget(struct sessions *sessions, const char *user);
/* Forgets the notes of one conversation, or with NULL of all those of this origin. */
void sessions_forget_notes(struct sessions *sessions, const char *user, const char *origin,
                           const char *conversation);

/* ---- from one cloisterd to the next (handover.c) ---- */

#define SESSIONS_KEY_LEN 32u /* of the digests that stand for conversations' names */

/* One blob as it is kept. */
struct session_kept {
    const char *user, *name, *connection;
    uint64_t version, used_ms; /* clock_ms */
    bool access;
    const uint8_t *data;
    size_t len;
};
const uint8_t *sessions_key(const struct sessions *sessions);
/* Of sessions that hold nothing yet. */
void sessions_take_key(struct sessions *sessions, const uint8_t key[static SESSIONS_KEY_LEN]);
/* Gives every blob to `put`, the longest unused first, and forgets it. 0 or what `put` said. */
int sessions_hand_over(struct sessions *sessions,
                       int (*put)(void *ctx, const struct session_kept *kept),
                       void *ctx) MUST_CHECK;
/* Keeps one that was handed over, in that order. -EINVAL: it cannot be one of ours; -EMSGSIZE;
 * -ESTALE: its time is over; -ENOMEM. */
int sessions_take(struct sessions *sessions, const struct session_kept *kept) MUST_CHECK;

/* For status. */
size_t sessions_bytes(const struct sessions *sessions);
size_t sessions_count(const struct sessions *sessions);
/* Users of whom something is kept, whether an agent of theirs lives or not. */
size_t sessions_users(const struct sessions *sessions);

#endif
