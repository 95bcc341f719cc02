#include "supervisor/sessions.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <sodium.h>
#include <string.h>
#include <sys/queue.h>

#include "supervisor/hash.h"

#define DIGEST_LEN 16
#define OVERHEAD   64
#define ORIGIN_MAX 16

/* Whose limit it counts against, and among whom the longest unused goes. */
enum share { SHARE_OWNERS, SHARE_CUSTOMERS, SHARE_COUNT };

/* One sealed blob, in one piece of memory with its name and its bytes: a hundred thousand users are
 * parked in here. Every blob is on its user's list and on its share's list by last use. */
struct blob {
    TAILQ_ENTRY(blob) by_use;
    LIST_ENTRY(blob) of_user;
    struct session_user *user;
    uint64_t version; /* of the refresh token, for an access token; 0 for notes */
    uint64_t used_ms;
    uint64_t order; /* of use; milliseconds may be equal */
    uint32_t len, name_len;
    char connection[ID_LEN + 1];
    bool access;
    uint8_t share;
    char name[]; /* of notes_name, empty for an access token; behind its end the bytes */
};

struct session_user {
    struct hash_node node;
    LIST_HEAD(, blob) blobs;
    char id[];
};

struct sessions {
    struct hash users;
    TAILQ_HEAD(blob_list, blob) by_use[SHARE_COUNT]; /* longest unused first */
    size_t share_bytes[SHARE_COUNT];
    struct sessions_limits limits;
    struct event *expiry;
    size_t bytes, count;
    uint64_t uses;
    uint8_t digest_key[crypto_generichash_KEYBYTES];
};

static size_t size_of(const struct blob *blob) {
    return sizeof(*blob) + blob->name_len + 1 + blob->len;
}

/* What the allocator and, by and large, the user's own entry add. */
static size_t cost_of(const struct blob *blob) {
    return size_of(blob) + OVERHEAD;
}

/* Of notes_name, "" an access token. */
static enum share share_of(const char *name) {
    return strncmp(name, "customer:", 9) == 0 ? SHARE_CUSTOMERS : SHARE_OWNERS;
}

/* The longest unused of all; NULL: there is none. */
static struct blob *oldest_of_all(const struct sessions *sessions) {
    struct blob *oldest = NULL;
    for (size_t i = 0; i < SHARE_COUNT; i++) {
        struct blob *first = TAILQ_FIRST(&sessions->by_use[i]);
        if (first != NULL && (oldest == NULL || first->order < oldest->order))
            oldest = first;
    }
    return oldest;
}

static const uint8_t *data_of(const struct blob *blob) {
    return (const uint8_t *)blob->name + blob->name_len + 1;
}

static void blob_free(struct blob *blob) {
    explicit_bzero(blob, size_of(blob));
    free(blob);
}

static void blob_forget(struct sessions *sessions, struct blob *blob) {
    struct session_user *user = blob->user;
    TAILQ_REMOVE(&sessions->by_use[blob->share], blob, by_use);
    LIST_REMOVE(blob, of_user);
    sessions->bytes -= cost_of(blob);
    sessions->share_bytes[blob->share] -= cost_of(blob);
    sessions->count--;
    blob_free(blob);
    if (LIST_EMPTY(&user->blobs)) {
        hash_remove(&sessions->users, &user->node);
        free(user);
    }
}

/* All blobs live equally long, so the longest unused is the next to go. */
static void arm_expiry(struct sessions *sessions) {
    struct blob *first = oldest_of_all(sessions);
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
    while ((first = oldest_of_all(sessions)) != NULL &&
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
    for (size_t i = 0; i < SHARE_COUNT; i++)
        TAILQ_INIT(&sessions->by_use[i]);
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
    while ((blob = oldest_of_all(sessions)) != NULL)
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

/* Customers' conversations never make room at the cost of their owner's. */
static bool of_same_origin(const struct blob *blob, const struct blob *other) {
    size_t len = strcspn(other->name, ":");
    return !blob->access && strncmp(blob->name, other->name, len + 1) == 0;
}

/* The conversation that goes for the new one's sake; NULL: there is room. */
static struct blob *one_too_many(const struct sessions *sessions, const struct blob *added) {
    struct blob *blob, *oldest = NULL;
    size_t count = 0;
    LIST_FOREACH(blob, &added->user->blobs, of_user) {
        if (!of_same_origin(blob, added))
            continue;
        count++;
        if (oldest == NULL || blob->order < oldest->order)
            oldest = blob;
    }
    return count > sessions->limits.conversations ? oldest : NULL;
}

static void touch(struct sessions *sessions, struct blob *blob) {
    TAILQ_REMOVE(&sessions->by_use[blob->share], blob, by_use);
    blob->used_ms = clock_ms();
    blob->order = ++sessions->uses;
    TAILQ_INSERT_TAIL(&sessions->by_use[blob->share], blob, by_use);
    arm_expiry(sessions);
}

/* Until everything fits: first whoever has more than their share, which the others may use as long
 * as it is free. */
static void make_room(struct sessions *sessions) {
    while (sessions->share_bytes[SHARE_CUSTOMERS] > sessions->limits.customers_bytes)
        blob_forget(sessions, TAILQ_FIRST(&sessions->by_use[SHARE_CUSTOMERS]));
    while (sessions->bytes > sessions->limits.total_bytes) {
        struct blob *first = TAILQ_FIRST(&sessions->by_use[SHARE_OWNERS]);
        blob_forget(sessions, first != NULL ? first : oldest_of_all(sessions));
    }
}

static int add_blob(struct sessions *sessions, const char *id, struct blob *blob) {
    blob->user = need_user(sessions, id);
    if (blob->user == NULL)
        return -ENOMEM;
    blob->used_ms = clock_ms();
    blob->order = ++sessions->uses;
    TAILQ_INSERT_TAIL(&sessions->by_use[blob->share], blob, by_use);
    LIST_INSERT_HEAD(&blob->user->blobs, blob, of_user);
    sessions->bytes += cost_of(blob);
    sessions->share_bytes[blob->share] += cost_of(blob);
    sessions->count++;
    struct blob *gone = blob->access ? NULL : one_too_many(sessions, blob);
    if (gone != NULL)
        blob_forget(sessions, gone);
    make_room(sessions);
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
    if (len > 0) {
        size_t name_len = strlen(name);
        blob = calloc(1, sizeof(*blob) + name_len + 1 + len);
        if (blob == NULL)
            return -ENOMEM;
        blob->name_len = (uint32_t)name_len;
        blob->len = (uint32_t)len;
        blob->access = access;
        blob->share = (uint8_t)share_of(name);
        blob->version = version;
        memcpy(blob->name, name, name_len);
        memcpy(blob->name + name_len + 1, data, len);
        strcpy(blob->connection, connection);
    }
    if (old != NULL)
        blob_forget(sessions, old);
    int r = blob == NULL ? 0 : add_blob(sessions, id, blob);
    if (r < 0)
        blob_free(blob);
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
    return (struct session_blob){data_of(blob), blob->len};
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

/* `name`: what the blob's is to be, or with a colon at its end, to begin with; NULL: any. */
static bool is_meant(const struct blob *blob, const char *name) {
    if (name == NULL)
        return true;
    size_t len = strlen(name);
    return name[len - 1] == ':' ? strncmp(blob->name, name, len) == 0
                                : strcmp(blob->name, name) == 0;
}

static void forget(struct sessions *sessions, const char *id, const char *name) {
    struct session_user *user = find_user(sessions, id);
    /* The user goes with its last blob, so nothing of it may be looked at after that. */
    for (struct blob *blob = user == NULL ? NULL : LIST_FIRST(&user->blobs), *next; blob != NULL;
         blob = next) {
        next = LIST_NEXT(blob, of_user);
        if (is_meant(blob, name))
            blob_forget(sessions, blob);
    }
    arm_expiry(sessions);
}

void sessions_forget(struct sessions *sessions, const char *user) {
    forget(sessions, user, NULL);
}

void sessions_forget_notes(struct sessions *sessions, const char *user, const char *origin,
                           const char *conversation) {
    char name[ORIGIN_MAX + 2 * DIGEST_LEN + 2], digest[2 * DIGEST_LEN + 1] = "";
    if (conversation != NULL)
        digest_of(sessions, conversation, digest);
    (void)snprintf(name, sizeof(name), "%s:%s", origin, digest);
    forget(sessions, user, name);
}

size_t sessions_bytes(const struct sessions *sessions) {
    return sessions->bytes;
}

size_t sessions_count(const struct sessions *sessions) {
    return sessions->count;
}

size_t sessions_users(const struct sessions *sessions) {
    return sessions->users.count;
}

/* ---- from one cloisterd to the next ---- */

static_assert(SESSIONS_KEY_LEN == crypto_generichash_KEYBYTES, "handover.h says how long");

const uint8_t *sessions_key(const struct sessions *sessions) {
    return sessions->digest_key;
}

void sessions_take_key(struct sessions *sessions, const uint8_t key[static SESSIONS_KEY_LEN]) {
    memcpy(sessions->digest_key, key, sizeof(sessions->digest_key));
}

int sessions_hand_over(struct sessions *sessions,
                       int (*put_one)(void *ctx, const struct session_kept *kept), void *ctx) {
    expire(sessions);
    for (struct blob *blob; (blob = oldest_of_all(sessions)) != NULL;) {
        const struct session_kept kept = {.user = blob->user->id,
                                          .name = blob->name,
                                          .connection = blob->connection,
                                          .version = blob->version,
                                          .used_ms = blob->used_ms,
                                          .access = blob->access,
                                          .data = data_of(blob),
                                          .len = blob->len};
        int r = put_one(ctx, &kept);
        if (r < 0)
            return r;
        blob_forget(sessions, blob);
    }
    arm_expiry(sessions);
    return 0;
}

int sessions_take(struct sessions *sessions, const struct session_kept *kept) {
    uint64_t now = clock_ms();
    if (!id_valid(kept->user) || kept->access != (kept->name[0] == '\0') || kept->len == 0)
        return -EINVAL;
    if (kept->used_ms > now || kept->used_ms + sessions->limits.ttl_ms <= now)
        return -ESTALE;
    int r = put(sessions, kept->user, kept->name, kept->access, kept->connection, kept->version,
                kept->data, kept->len);
    struct blob *last = TAILQ_LAST(&sessions->by_use[share_of(kept->name)], blob_list);
    if (r == 0 && last != NULL) /* the one just put, unless there was no room */
        last->used_ms = kept->used_ms;
    arm_expiry(sessions);
    return r;
}
