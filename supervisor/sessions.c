#include "supervisor/sessions.h"

#include <errno.h>
#include <stdio.h>
#include <sodium.h>
#include <string.h>
#include <sys/queue.h>

#include "supervisor/hash.h"

#define DIGEST_LEN 16

/* One sealed blob. Every blob is on its user's list and on the list by last use. */
struct blob {
    TAILQ_ENTRY(blob) by_use;
    LIST_ENTRY(blob) of_user;
    struct session_user *user;
    char connection[ID_LEN + 1];
    uint64_t version; /* of the refresh token, for an access token; 0 for notes */
    uint64_t used_ms;
    uint64_t order; /* of use; milliseconds may be equal */
    uint8_t *data;
    size_t len;
    bool access;
    char name[]; /* of notes_name; empty for an access token */
};

struct session_user {
    struct hash_node node;
    LIST_HEAD(, blob) blobs;
    size_t count; /* of conversations */
    char id[];
};

struct sessions {
    struct hash users;
    TAILQ_HEAD(blob_list, blob) by_use; /* longest unused first */
    struct sessions_limits limits;
    struct event *expiry;
    size_t bytes, count;
    uint64_t uses;
    uint8_t digest_key[crypto_generichash_KEYBYTES];
};

static size_t cost_of(const struct blob *blob) {
    return sizeof(*blob) + strlen(blob->name) + 1 + blob->len;
}

static void blob_drop_data(struct blob *blob) {
    if (blob->data != NULL)
        explicit_bzero(blob->data, blob->len);
    free(take_ptr(blob->data));
    blob->len = 0;
}

static void blob_forget(struct sessions *sessions, struct blob *blob) {
    struct session_user *user = blob->user;
    TAILQ_REMOVE(&sessions->by_use, blob, by_use);
    LIST_REMOVE(blob, of_user);
    sessions->bytes -= cost_of(blob);
    sessions->count--;
    if (!blob->access)
        user->count--;
    blob_drop_data(blob);
    free(blob);
    if (LIST_EMPTY(&user->blobs)) {
        hash_remove(&sessions->users, &user->node);
        free(user);
    }
}

/* All blobs live equally long, so the head of the list is the next to go. */
static void arm_expiry(struct sessions *sessions) {
    struct blob *first = TAILQ_FIRST(&sessions->by_use);
    if (first == NULL) {
        (void)event_del(sessions->expiry);
        return;
    }
    uint64_t now = clock_ms(), due = first->used_ms + sessions->limits.ttl_ms;
    uint64_t wait = due > now ? due - now : 1;
    struct timeval t = {.tv_sec = (time_t)(wait / 1000),
                        .tv_usec = (suseconds_t)(wait % 1000 * 1000)};
    (void)event_add(sessions->expiry, &t);
}

static void expire(struct sessions *sessions) {
    uint64_t now = clock_ms();
    struct blob *first;
    while ((first = TAILQ_FIRST(&sessions->by_use)) != NULL &&
           first->used_ms + sessions->limits.ttl_ms <= now)
        blob_forget(sessions, first);
}

static void on_expiry(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    expire(ctx);
    arm_expiry(ctx);
}

int sessions_new(struct event_base *base, const struct sessions_limits *limits,
                 struct sessions **ret) {
    struct sessions *sessions = calloc(1, sizeof(*sessions));
    if (sessions == NULL)
        return -ENOMEM;
    TAILQ_INIT(&sessions->by_use);
    sessions->limits = *limits;
    int r = hash_init(&sessions->users);
    randombytes_buf(sessions->digest_key, sizeof(sessions->digest_key));
    sessions->expiry = evtimer_new(base, on_expiry, sessions);
    if (r < 0 || sessions->expiry == NULL) {
        sessions_free(sessions);
        return r < 0 ? r : -ENOMEM;
    }
    *ret = sessions;
    return 0;
}

void sessions_free(struct sessions *sessions) {
    if (sessions == NULL)
        return;
    struct blob *blob;
    while ((blob = TAILQ_FIRST(&sessions->by_use)) != NULL)
        blob_forget(sessions, blob);
    if (sessions->expiry != NULL)
        event_free(sessions->expiry);
    hash_done(&sessions->users);
    free(sessions);
}

static struct session_user *find_user(struct sessions *sessions, const char *id) {
    return hash_entry(hash_find(&sessions->users, id, strlen(id)), struct session_user, node);
}

static struct session_user *need_user(struct sessions *sessions, const char *id) {
    struct session_user *user = find_user(sessions, id);
    if (user != NULL)
        return user;
    user = calloc(1, sizeof(*user) + strlen(id) + 1);
    if (user == NULL)
        return NULL;
    strcpy(user->id, id);
    LIST_INIT(&user->blobs);
    if (hash_add(&sessions->users, &user->node, user->id, strlen(id)) < 0)
        free(take_ptr(user));
    return user;
}

/* A user has few blobs (limits.conversations), so a list is enough. */
static struct blob *find_blob(struct session_user *user, const char *name, bool access) {
    struct blob *blob;
    LIST_FOREACH(blob, &user->blobs, of_user)
    if (blob->access == access && strcmp(blob->name, name) == 0)
        return blob;
    return NULL;
}

static struct blob *oldest_conversation(struct session_user *user) {
    struct blob *blob, *oldest = NULL;
    LIST_FOREACH(blob, &user->blobs, of_user)
    if (!blob->access && (oldest == NULL || blob->order < oldest->order))
        oldest = blob;
    return oldest;
}

static void touch(struct sessions *sessions, struct blob *blob) {
    TAILQ_REMOVE(&sessions->by_use, blob, by_use);
    blob->used_ms = clock_ms();
    blob->order = ++sessions->uses;
    TAILQ_INSERT_TAIL(&sessions->by_use, blob, by_use);
    arm_expiry(sessions);
}

static int add_blob(struct sessions *sessions, const char *id, const char *name, bool access,
                    struct blob *blob) {
    strcpy(blob->name, name);
    blob->access = access;
    blob->user = need_user(sessions, id);
    if (blob->user == NULL)
        return -ENOMEM;
    blob->used_ms = clock_ms();
    blob->order = ++sessions->uses;
    TAILQ_INSERT_TAIL(&sessions->by_use, blob, by_use);
    LIST_INSERT_HEAD(&blob->user->blobs, blob, of_user);
    sessions->bytes += cost_of(blob);
    sessions->count++;
    if (!access && ++blob->user->count > sessions->limits.conversations)
        blob_forget(sessions, oldest_conversation(blob->user));
    while (sessions->bytes > sessions->limits.total_bytes)
        blob_forget(sessions, TAILQ_FIRST(&sessions->by_use));
    arm_expiry(sessions);
    return 0;
}

static int put(struct sessions *sessions, const char *id, const char *name, bool access,
               const char *connection, uint64_t version, const void *data, size_t len) {
    struct session_user *user = find_user(sessions, id);
    struct blob *old = user == NULL ? NULL : find_blob(user, name, access);
    if (len > (access ? sessions->limits.access_bytes : sessions->limits.notes_bytes))
        return -EMSGSIZE;
    if (strlen(connection) > ID_LEN)
        return -EINVAL;
    struct blob *blob = NULL;
    uint8_t *copy = NULL;
    if (len > 0) {
        blob = calloc(1, sizeof(*blob) + strlen(name) + 1);
        copy = malloc(len);
        if (blob == NULL || copy == NULL) {
            free(blob);
            free(copy);
            return -ENOMEM;
        }
    }
    if (old != NULL)
        blob_forget(sessions, old);
    if (blob == NULL)
        return 0;
    memcpy(copy, data, len);
    blob->data = copy;
    blob->len = len;
    blob->version = version;
    strcpy(blob->connection, connection);
    int r = add_blob(sessions, id, name, access, blob);
    if (r < 0) {
        blob_drop_data(blob);
        free(blob);
    }
    return r;
}

static struct session_blob get(struct sessions *sessions, const char *id, const char *name,
                               bool access, const char *connection, uint64_t version) {
    expire(sessions);
    struct session_user *user = find_user(sessions, id);
    struct blob *blob = user == NULL ? NULL : find_blob(user, name, access);
    if (blob == NULL || strcmp(blob->connection, connection) != 0 || blob->version != version)
        return (struct session_blob){0};
    touch(sessions, blob);
    return (struct session_blob){blob->data, blob->len};
}

/* A conversation's name is its caller's text, which may say as much as a message does, and notes
 * outlive their turn: kept is its digest, under a key that this process alone has. */
static void digest_of(const struct sessions *sessions, const char *conversation,
                      char out[static 2 * DIGEST_LEN + 1]) {
    uint8_t digest[DIGEST_LEN];
    (void)crypto_generichash(digest, sizeof(digest), (const uint8_t *)conversation,
                             strlen(conversation), sessions->digest_key,
                             sizeof(sessions->digest_key));
    hex_encode(digest, sizeof(digest), out);
}

/* "origin:digest". */
static char *notes_name(const struct sessions *sessions, const char *origin,
                        const char *conversation) {
    char digest[2 * DIGEST_LEN + 1], *name;
    digest_of(sessions, conversation, digest);
    return asprintf(&name, "%s:%s", origin, digest) < 0 ? NULL : name;
}

int sessions_put_notes(struct sessions *sessions, const char *user, const char *origin,
                       const char *conversation, const char *connection, const void *data,
                       size_t len) {
    SCOPE_FREE char *name = notes_name(sessions, origin, conversation);
    if (name == NULL)
        return -ENOMEM;
    return put(sessions, user, name, false, connection, 0, data, len);
}

struct session_blob sessions_notes(struct sessions *sessions, const char *user, const char *origin,
                                   const char *conversation, const char *connection) {
    SCOPE_FREE char *name = notes_name(sessions, origin, conversation);
    if (name == NULL)
        return (struct session_blob){0};
    return get(sessions, user, name, false, connection, 0);
}

int sessions_put_access(struct sessions *sessions, const char *user, const char *connection,
                        uint64_t version, const void *data, size_t len) {
    return put(sessions, user, "", true, connection, version, data, len);
}

struct session_blob sessions_access(struct sessions *sessions, const char *user,
                                    const char *connection, uint64_t version) {
    return get(sessions, user, "", true, connection, version);
}

static bool of_conversation(const struct blob *blob, const char *digest) {
    const char *colon = strchr(blob->name, ':');
    return colon != NULL && strcmp(colon + 1, digest) == 0;
}

void sessions_forget(struct sessions *sessions, const char *id, const char *conversation,
                     bool also_access) {
    struct session_user *user = find_user(sessions, id);
    char digest[2 * DIGEST_LEN + 1] = "";
    if (conversation != NULL)
        digest_of(sessions, conversation, digest);
    /* The user goes with its last blob, so nothing of it may be looked at after that. */
    for (struct blob *blob = user == NULL ? NULL : LIST_FIRST(&user->blobs), *next; blob != NULL;
         blob = next) {
        next = LIST_NEXT(blob, of_user);
        if (blob->access ? also_access && conversation == NULL
                         : conversation == NULL || of_conversation(blob, digest))
            blob_forget(sessions, blob);
    }
    arm_expiry(sessions);
}

size_t sessions_bytes(const struct sessions *sessions) {
    return sessions->bytes;
}

size_t sessions_count(const struct sessions *sessions) {
    return sessions->count;
}
