/* Inside of proposals.c, proposals_keep.c, proposals_hide.c and proposals_decide.c. Loop thread. */
#ifndef CLOISTER_SUPERVISOR_PROPOSALS_STATE_H
#define CLOISTER_SUPERVISOR_PROPOSALS_STATE_H

#include <sys/queue.h>

#include "supervisor/hash.h"
#include "supervisor/proposals.h"

#define PROPOSAL_DIGEST_LEN 16

enum proposal_state { PROPOSAL_OPEN, PROPOSAL_RUNNING, PROPOSAL_USED, PROPOSAL_EXPIRED };

/* One proposal. On the list of all, oldest first, and on its user's. */
struct proposal {
    TAILQ_ENTRY(proposal) by_age, of_user;
    struct hash_node by_id;
    struct proposal_user *owner;
    enum proposal_state state;
    bool confirm;           /* RUNNING, USED: what was decided */
    bool tried;             /* OPEN: it may have been carried out */
    bool by_button;         /* OPEN: a plain word may mean something else by now */
    bool used, has_used_by; /* decided before; by a request with a key */
    bool has_made_by;
    uint8_t used_by[PROPOSAL_KEY_LEN], made_by[PROPOSAL_KEY_LEN];
    int64_t made_ms, expires_ms; /* wall clock */
    /* proposals_hide.c: what it is called, and of which conversation it is. */
    uint8_t id_digest[PROPOSAL_DIGEST_LEN], conversation_digest[PROPOSAL_DIGEST_LEN], nonce[24];
    uint8_t id[ID_LEN], conversation[PROPOSAL_CONVERSATION_MAX];
    size_t conversation_len;
    char connection[ID_LEN + 1];
    char *frontend, *name;
    uint8_t *sealed;
    size_t len;
};
TAILQ_HEAD(proposal_list, proposal);

struct proposal_user {
    struct hash_node node;
    struct proposal_list all; /* oldest first */
    size_t count, bytes;
    char id[ID_LEN + 1];
};

struct proposals {
    struct proposals_limits limits;
    struct hash users, by_id;
    struct proposal_list all;
    struct event *sweep;
    size_t count, bytes;
    uint8_t key[32];                            /* of the digests, and of what hides names */
    char given[PROPOSALS_PER_USER][ID_LEN + 1]; /* of the last proposals_open */
};

extern const struct timeval proposals_sweep_every;

struct proposal *proposal_by_id(const struct proposals *proposals, const char *id);
void proposal_id_digest(const struct proposals *proposals, const char *id,
                        uint8_t out[static PROPOSAL_DIGEST_LEN]);
bool proposal_is_of(const struct proposals *proposals, const struct proposal *proposal,
                    const char *conversation);
/* 0, or -EMSGSIZE for a conversation whose name is too long. */
int proposal_hide(const struct proposals *proposals, struct proposal *proposal, const char *id,
                  const char *conversation) MUST_CHECK;
void proposal_show_id(const struct proposals *proposals, const struct proposal *proposal,
                      const char *conversation, char out[static ID_LEN + 1]);
void proposal_show_conversation(const struct proposals *proposals, const struct proposal *proposal,
                                const char *id, char out[static PROPOSAL_CONVERSATION_MAX + 1]);
/* Wipes and frees; its user too when that was the last one. */
void proposal_drop(struct proposals *proposals, struct proposal *proposal);
/* NULL: none has one. */
struct proposal_user *proposal_user_find(const struct proposals *proposals, const char *id);
void proposal_user_drop_if_empty(struct proposals *proposals, struct proposal_user *user);
/* proposals_keep.c: makes room, then takes over one of `user` that is on no list yet. -EEXIST: its
 * id is taken; -ENOSPC; -ENOMEM. */
int proposal_keep(struct proposals *proposals, const char *user,
                  struct proposal *proposal) MUST_CHECK;
/* One that is on no list; what is sealed is freed already. */
void proposal_free(struct proposal *proposal);
/* Whether its time is over; then what it held is wiped, save where a decision is under way. */
bool proposal_expired(struct proposals *proposals, struct proposal *proposal);

#endif
