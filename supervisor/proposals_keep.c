/* Keeping a proposal, and making room for it. */
#include <errno.h>
#include <string.h>

#include "supervisor/proposals_state.h"

static struct proposal_user *user_need(struct proposals *proposals, const char *id) {
    struct proposal_user *user = proposal_user_find(proposals, id);
    if (user != NULL || strlen(id) > ID_LEN)
        return user;
    user = calloc(1, sizeof(*user));
    if (user == NULL)
        return NULL;
    TAILQ_INIT(&user->all);
    memcpy(user->id, id, strlen(id));
    if (hash_add(&proposals->users, &user->node, user->id, strlen(user->id)) == 0)
        return user;
    free(user);
    return NULL;
}

/* The one to go first: what is over before what is open, the oldest first; never one that runs. */
static struct proposal *least_missed(const struct proposal_user *user) {
    struct proposal *proposal, *open = NULL;
    TAILQ_FOREACH(proposal, &user->all, of_user) {
        if (proposal->state == PROPOSAL_USED || proposal->state == PROPOSAL_EXPIRED)
            return proposal;
        if (open == NULL && proposal->state == PROPOSAL_OPEN)
            open = proposal;
    }
    return open;
}

static bool make_room(struct proposals *proposals, const char *id, size_t len) {
    const struct proposals_limits *limits = &proposals->limits;
    struct proposal_user *user;
    while ((user = proposal_user_find(proposals, id)) != NULL &&
           (user->count >= limits->per_user || user->bytes + len > limits->user_bytes)) {
        struct proposal *least = least_missed(user);
        if (least == NULL)
            return false;
        proposal_drop(proposals, least);
    }
    struct proposal *oldest = TAILQ_FIRST(&proposals->all), *next;
    for (; oldest != NULL && proposals->bytes + len > limits->total_bytes; oldest = next) {
        next = TAILQ_NEXT(oldest, by_age);
        if (oldest->state != PROPOSAL_RUNNING)
            proposal_drop(proposals, oldest);
    }
    return proposals->bytes + len <= limits->total_bytes;
}

static struct proposal *proposal_new(struct proposals *proposals, const struct proposal_home *home,
                                     const uint8_t *key, const Cloister__Proposal *made) {
    struct proposal *proposal = calloc(1, sizeof(*proposal));
    if (proposal == NULL)
        return NULL;
    proposal->frontend = strdup(home->frontend);
    proposal->name = strdup(home->name);
    proposal->sealed = malloc(made->sealed.len);
    if (proposal->frontend == NULL || proposal->name == NULL || proposal->sealed == NULL ||
        proposal_hide(proposals, proposal, made->id, home->conversation) < 0) {
        free(proposal->sealed);
        proposal_free(proposal);
        return NULL;
    }
    memcpy(proposal->sealed, made->sealed.data, made->sealed.len);
    proposal->len = made->sealed.len;
    strncpy(proposal->connection, home->connection, ID_LEN);
    proposal->has_made_by = key != NULL;
    if (key != NULL)
        memcpy(proposal->made_by, key, sizeof(proposal->made_by));
    proposal->made_ms = wall_ms();
    int64_t latest = proposal->made_ms + PROPOSAL_LIFE_MS;
    proposal->expires_ms = made->expires_at_ms < latest ? made->expires_at_ms : latest;
    return proposal;
}

static int insert(struct proposals *proposals, struct proposal_user *user,
                  struct proposal *proposal) {
    int r = hash_add(&proposals->by_id, &proposal->by_id, proposal->id_digest, PROPOSAL_DIGEST_LEN);
    if (r < 0)
        return r;
    proposal->owner = user;
    TAILQ_INSERT_TAIL(&proposals->all, proposal, by_age);
    TAILQ_INSERT_TAIL(&user->all, proposal, of_user);
    proposals->count++;
    user->count++;
    proposals->bytes += proposal->len;
    user->bytes += proposal->len;
    if (!evtimer_pending(proposals->sweep, NULL))
        (void)event_add(proposals->sweep, &proposals_sweep_every);
    return 0;
}

int proposals_put(struct proposals *proposals, const struct proposal_home *home, const uint8_t *key,
                  const Cloister__Proposal *made) {
    if (!id_valid(made->id) || made->sealed.len == 0 || made->sealed.len > PROPOSAL_SEALED_MAX)
        return -EMSGSIZE;
    if (proposal_by_id(proposals, made->id) != NULL)
        return -EEXIST;
    if (!make_room(proposals, home->user, made->sealed.len))
        return -ENOSPC;
    struct proposal_user *user = user_need(proposals, home->user);
    struct proposal *proposal = user == NULL ? NULL : proposal_new(proposals, home, key, made);
    int r = proposal == NULL ? -ENOMEM : insert(proposals, user, proposal);
    if (r < 0 && proposal != NULL) {
        explicit_bzero(proposal->sealed, proposal->len);
        free(proposal->sealed);
        proposal_free(proposal);
    }
    if (r < 0 && user != NULL)
        proposal_user_drop_if_empty(proposals, user);
    return r;
}

int proposal_keep(struct proposals *proposals, const char *id, struct proposal *proposal) {
    if (hash_find(&proposals->by_id, proposal->id_digest, PROPOSAL_DIGEST_LEN) != NULL)
        return -EEXIST;
    if (!make_room(proposals, id, proposal->len))
        return -ENOSPC;
    struct proposal_user *user = user_need(proposals, id);
    int r = user == NULL ? -ENOMEM : insert(proposals, user, proposal);
    if (r < 0 && user != NULL)
        proposal_user_drop_if_empty(proposals, user);
    return r;
}
