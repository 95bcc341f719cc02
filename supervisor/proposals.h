/* Changes that await the owner's word: sealed, in RAM only, ten minutes at most. cloisterd cannot
 * open one; it knows whose it is and what has become of it. Bounded in number and bytes: the oldest
 * goes when there is no room. Loop thread. Nothing here logs.
 *
 *     OPEN --begin--> RUNNING --done--> USED      kept until it expires, to tell a second use
 *       ^                |                        from a repeat of the first
 *       +--- not done ---+--- can never be carried out --> gone
 *
 * What has expired is wiped at once; that it expired is remembered as long again. Neither an id nor
 * a conversation's name is kept in the clear: who brings one finds the other. */
#ifndef CLOISTER_SUPERVISOR_PROPOSALS_H
#define CLOISTER_SUPERVISOR_PROPOSALS_H

#include <event2/event.h>

#include "ipc/message.h"

#define PROPOSALS_PER_TURN        5u
#define PROPOSALS_PER_USER        16u
#define PROPOSAL_KEY_LEN          32u
#define PROPOSAL_LIFE_MS          600000
#define PROPOSAL_SEALED_MAX       8192u
#define PROPOSAL_CONVERSATION_MAX 128u

struct proposals;

struct proposals_limits {
    size_t per_user;    /* at most PROPOSALS_PER_USER */
    size_t user_bytes;  /* sealed; a turn is given as much */
    size_t total_bytes; /* of everything */
};

int proposals_new(struct event_base *base, const struct proposals_limits *limits,
                  struct proposals **ret) MUST_CHECK;
void proposals_free(struct proposals *proposals);

/* Whose a proposal is, and where it was made. */
struct proposal_home {
    const char *user, *connection; /* opaque ids */
    const char *frontend, *name;   /* through whom, and what the user is called there */
    const char *conversation;
};

/* Keeps one that a turn has made, for its life or PROPOSAL_LIFE_MS, whichever is shorter. `key`
 * identifies the request that it was made for (NULL: none). -EEXIST: the id is taken; -EMSGSIZE;
 * -ENOSPC: decisions under way leave no room; -ENOMEM. */
int proposals_put(struct proposals *proposals, const struct proposal_home *home, const uint8_t *key,
                  const Cloister__Proposal *made) MUST_CHECK;

/* Those that a plain word may still decide: open, of this conversation, not tried before and not
 * left to the buttons. Fills at most `max` items, oldest first, valid until the next call on these
 * proposals; how many. */
size_t proposals_open(struct proposals *proposals, const struct proposal_home *home,
                      Cloister__SealedItem *items, size_t max);

/* What is known under an id; false: nothing. What is sealed, the user's and the frontend's names
 * are valid until the next call on these proposals, the rest with the view: to be wiped after use.
 */
struct proposal_view {
    struct proposal_home home;
    Cloister__SealedItem item; /* nothing sealed once it has expired */
    char id[ID_LEN + 1], conversation[PROPOSAL_CONVERSATION_MAX + 1];
};
bool proposals_find(struct proposals *proposals, const char *id, struct proposal_view *ret);
/* The caller is the one it was made for, through the same frontend; "" is a name not given. */
bool proposals_belongs(const struct proposal_view *view, const char *frontend, const char *name);

/* Whether a decision may go on; changes nothing. `key` (NULL: none) identifies the caller's request
 * and what it decides.
 *   0         as far as is known here
 *   -ENOENT   nothing is known under this id    -ETIME   it has expired
 *   -EBUSY    another decision on it is under way
 *   -EALREADY it was decided by another request
 *   -EUCLEAN  it may have been carried out, so that it is too late to reject it */
int proposals_may(struct proposals *proposals, const char *id, const uint8_t *key, bool confirm);
/* The same, and when 0 it runs from now on. *ret_repeated: this very request has decided it. */
int proposals_begin(struct proposals *proposals, const char *id, const uint8_t *key, bool confirm,
                    bool *ret_repeated) MUST_CHECK;

enum proposal_end {
    PROPOSAL_DONE,    /* carried out, or dropped as the owner said */
    PROPOSAL_NOT_YET, /* nothing was done; it can be decided again */
    PROPOSAL_UNKNOWN, /* it may have been carried out: only a confirmation can find out */
    PROPOSAL_GONE,    /* it can never be carried out any more */
};
/* Ends what proposals_begin began. */
void proposals_end(struct proposals *proposals, const char *id, enum proposal_end end);

/* A chat's turn is done with it. One on which a decision is under way is left to that. */
void proposals_settle(struct proposals *proposals, const char *user, const char *id);
/* A chat's turn that was given those of this conversation may have carried one out, and nobody
 * knows: only a confirmation can find out. */
void proposals_doubt(struct proposals *proposals, const struct proposal_home *home);
/* From now on only the buttons decide those of this conversation: of what was said after them
 * nothing is kept, so that nobody can tell what a plain word answers. */
void proposals_by_button(struct proposals *proposals, const struct proposal_home *home);
/* Forgets a user's proposals of one conversation, or with NULL all. */
void proposals_forget(struct proposals *proposals, const char *user, const char *conversation);
/* Forgets those which an earlier run of the same request made and nobody has decided. */
void proposals_forget_made(struct proposals *proposals, const char *user,
                           const uint8_t key[static PROPOSAL_KEY_LEN]);

/* For status and tests. */
size_t proposals_count(const struct proposals *proposals);
size_t proposals_bytes(const struct proposals *proposals);

#endif
