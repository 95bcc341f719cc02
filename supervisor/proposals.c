#include "supervisor/proposals.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "supervisor/proposals_state.h"
#include "supervisor/rules.h"

#define SWEEP_S 2

const struct timeval proposals_sweep_every = {.tv_sec = SWEEP_S};

struct proposal *proposal_by_id(const struct proposals *proposals, const char *id) {
    uint8_t digest[PROPOSAL_DIGEST_LEN];
    proposal_id_digest(proposals, id, digest);
    return hash_entry(hash_find(&proposals->by_id, digest, sizeof(digest)), struct proposal, by_id);
}

struct proposal_user *proposal_user_find(const struct proposals *proposals, const char *id) {
    return hash_entry(hash_find(&proposals->users, id, strlen(id)), struct proposal_user, node);
}

void proposal_user_drop_if_empty(struct proposals *proposals, struct proposal_user *user) {
    if (!TAILQ_EMPTY(&user->all))
        return;
    hash_remove(&proposals->users, &user->node);
    free(user);
}

static void wipe_sealed(struct proposals *proposals, struct proposal *proposal) {
    if (proposal->sealed == NULL)
        return;
    proposals->bytes -= proposal->len;
    proposal->owner->bytes -= proposal->len;
    explicit_bzero(proposal->sealed, proposal->len);
    free(take_ptr(proposal->sealed));
    proposal->len = 0;
}

static void free_text(char *text) {
    if (text != NULL)
        explicit_bzero(text, strlen(text));
    free(text);
}

void proposal_free(struct proposal *proposal) {
    free_text(proposal->frontend);
    free_text(proposal->name);
    explicit_bzero(proposal, sizeof(*proposal));
    free(proposal);
}

void proposal_drop(struct proposals *proposals, struct proposal *proposal) {
    struct proposal_user *user = proposal->owner;
    wipe_sealed(proposals, proposal);
    TAILQ_REMOVE(&proposals->all, proposal, by_age);
    TAILQ_REMOVE(&user->all, proposal, of_user);
    hash_remove(&proposals->by_id, &proposal->by_id);
    proposals->count--;
    user->count--;
    proposal_free(proposal);
    proposal_user_drop_if_empty(proposals, user);
}

bool proposal_expired(struct proposals *proposals, struct proposal *proposal) {
    if (proposal->state == PROPOSAL_RUNNING ||
        (proposal->state != PROPOSAL_EXPIRED && wall_ms() < proposal->expires_ms))
        return false;
    proposal->state = PROPOSAL_EXPIRED;
    wipe_sealed(proposals, proposal);
    return true;
}

static void on_sweep(evutil_socket_t fd, short what, void *ctx) {
    struct proposals *proposals = ctx;
    int64_t now = wall_ms();
    (void)fd, (void)what;
    for (struct proposal *proposal = TAILQ_FIRST(&proposals->all), *next; proposal != NULL;
         proposal = next) {
        next = TAILQ_NEXT(proposal, by_age);
        if (proposal_expired(proposals, proposal) && now >= proposal->expires_ms + PROPOSAL_LIFE_MS)
            proposal_drop(proposals, proposal);
    }
    if (proposals->count > 0)
        (void)event_add(proposals->sweep, &proposals_sweep_every);
}

int proposals_new(struct event_base *base, const struct proposals_limits *limits,
                  struct proposals **ret) {
    struct proposals *proposals = calloc(1, sizeof(*proposals));
    if (proposals == NULL)
        return -ENOMEM;
    TAILQ_INIT(&proposals->all);
    proposals->limits = *limits;
    randombytes_buf(proposals->key, sizeof(proposals->key));
    int r = hash_init(&proposals->users);
    if (r == 0)
        r = hash_init(&proposals->by_id);
    proposals->sweep = evtimer_new(base, on_sweep, proposals);
    if (r < 0 || proposals->sweep == NULL) {
        proposals_free(proposals);
        return r < 0 ? r : -ENOMEM;
    }
    *ret = proposals;
    return 0;
}

void proposals_free(struct proposals *proposals) {
    if (proposals == NULL)
        return;
    while (!TAILQ_EMPTY(&proposals->all))
        proposal_drop(proposals, TAILQ_FIRST(&proposals->all));
    if (proposals->sweep != NULL)
        event_free(proposals->sweep);
    hash_done(&proposals->users);
    hash_done(&proposals->by_id);
    explicit_bzero(proposals, sizeof(*proposals));
    free(proposals);
}

/* ---- looking ---- */

static Cloister__SealedItem item_of(const struct proposal *proposal) {
    Cloister__SealedItem item = CLOISTER__SEALED_ITEM__INIT;
    item.sealed = (ProtobufCBinaryData){proposal->len, proposal->sealed};
    item.created_at_ms = proposal->made_ms;
    return item;
}

/* May a plain word in this conversation still decide it? */
static bool awaits_word(struct proposals *proposals, struct proposal *proposal,
                        const struct proposal_home *home) {
    return !proposal_expired(proposals, proposal) && proposal->state == PROPOSAL_OPEN &&
           !proposal->tried && !proposal->by_button &&
           strcmp(proposal->connection, home->connection) == 0 &&
           proposal_is_of(proposals, proposal, home->conversation);
}

size_t proposals_open(struct proposals *proposals, const struct proposal_home *home,
                      Cloister__SealedItem *items, size_t max) {
    struct proposal_user *user = proposal_user_find(proposals, home->user);
    struct proposal *proposal;
    size_t n = 0;
    if (user == NULL)
        return 0;
    TAILQ_FOREACH(proposal, &user->all, of_user) {
        if (n == max || n == COUNT_OF(proposals->given))
            break;
        if (!awaits_word(proposals, proposal, home))
            continue;
        proposal_show_id(proposals, proposal, home->conversation, proposals->given[n]);
        items[n] = item_of(proposal);
        items[n].id = proposals->given[n];
        n++;
    }
    return n;
}

void proposals_doubt(struct proposals *proposals, const struct proposal_home *home) {
    struct proposal_user *user = proposal_user_find(proposals, home->user);
    struct proposal *proposal;
    if (user == NULL)
        return;
    TAILQ_FOREACH(proposal, &user->all, of_user) {
        if (awaits_word(proposals, proposal, home))
            proposal->tried = true;
    }
}

void proposals_by_button(struct proposals *proposals, const struct proposal_home *home) {
    struct proposal_user *user = proposal_user_find(proposals, home->user);
    struct proposal *proposal;
    if (user == NULL)
        return;
    TAILQ_FOREACH(proposal, &user->all, of_user) {
        if (proposal_is_of(proposals, proposal, home->conversation))
            proposal->by_button = true;
    }
}

bool proposals_find(struct proposals *proposals, const char *id, struct proposal_view *ret) {
    struct proposal *proposal = proposal_by_id(proposals, id);
    if (proposal == NULL)
        return false;
    (void)proposal_expired(proposals, proposal);
    *ret = (struct proposal_view){
        .home = {.user = proposal->owner->id,
                 .connection = proposal->connection,
                 .frontend = proposal->frontend,
                 .name = proposal->name,
                 .conversation = ret->conversation},
        .item = item_of(proposal),
    };
    memcpy(ret->id, id, ID_LEN); /* it was found, so it is one */
    ret->item.id = ret->id;
    proposal_show_conversation(proposals, proposal, id, ret->conversation);
    return true;
}

bool proposals_belongs(const struct proposal_view *view, const char *frontend, const char *name) {
    if (!rule_holds(RULE_PROPOSAL_OWNER))
        return true;
    return strcmp(view->home.frontend, frontend) == 0 &&
           (name[0] == '\0' || strcmp(view->home.name, name) == 0);
}

/* ---- forgetting ---- */

void proposals_forget(struct proposals *proposals, const char *user, const char *conversation) {
    struct proposal_user *owner = proposal_user_find(proposals, user);
    struct proposal *proposal = owner == NULL ? NULL : TAILQ_FIRST(&owner->all), *next;
    for (; proposal != NULL; proposal = next) {
        next = TAILQ_NEXT(proposal, of_user);
        if (conversation == NULL || proposal_is_of(proposals, proposal, conversation))
            proposal_drop(proposals, proposal);
    }
}

void proposals_forget_made(struct proposals *proposals, const char *user,
                           const uint8_t key[static PROPOSAL_KEY_LEN]) {
    struct proposal_user *owner = proposal_user_find(proposals, user);
    struct proposal *proposal = owner == NULL ? NULL : TAILQ_FIRST(&owner->all), *next;
    for (; proposal != NULL; proposal = next) {
        next = TAILQ_NEXT(proposal, of_user);
        if (proposal->state == PROPOSAL_OPEN && !proposal->tried && proposal->has_made_by &&
            memcmp(proposal->made_by, key, PROPOSAL_KEY_LEN) == 0)
            proposal_drop(proposals, proposal);
    }
}

size_t proposals_count(const struct proposals *proposals) {
    return proposals->count;
}

size_t proposals_bytes(const struct proposals *proposals) {
    return proposals->bytes;
}
