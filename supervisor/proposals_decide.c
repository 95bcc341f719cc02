/* What becomes of a proposal: used once, by one decision at a time. */
#include <errno.h>
#include <string.h>

#include "supervisor/proposals_state.h"
#include "supervisor/rules.h"

static bool is_repeat(const struct proposal *proposal, const uint8_t *key) {
    return proposal->has_used_by && key != NULL &&
           memcmp(proposal->used_by, key, PROPOSAL_KEY_LEN) == 0;
}

static int judge(struct proposals *proposals, struct proposal *proposal, const uint8_t *key,
                 bool confirm) {
    if (proposal == NULL)
        return -ENOENT;
    if (proposal_expired(proposals, proposal))
        return -ETIME;
    switch (proposal->state) {
    case PROPOSAL_OPEN:
        return proposal->tried && !confirm ? -EUCLEAN : 0;
    case PROPOSAL_RUNNING:
        return -EBUSY;
    case PROPOSAL_USED:
        return is_repeat(proposal, key) || !rule_holds(RULE_PROPOSAL_ONCE) ? 0 : -EALREADY;
    case PROPOSAL_EXPIRED:
        break;
    }
    return -ETIME;
}

int proposals_may(struct proposals *proposals, const char *id, const uint8_t *key, bool confirm) {
    return judge(proposals, proposal_by_id(proposals, id), key, confirm);
}

int proposals_begin(struct proposals *proposals, const char *id, const uint8_t *key, bool confirm,
                    bool *ret_repeated) {
    struct proposal *proposal = proposal_by_id(proposals, id);
    int r = judge(proposals, proposal, key, confirm);
    if (r < 0)
        return r;
    *ret_repeated = proposal->state == PROPOSAL_USED || proposal->tried;
    proposal->used = proposal->state == PROPOSAL_USED;
    proposal->state = PROPOSAL_RUNNING;
    proposal->confirm = confirm;
    proposal->has_used_by = key != NULL;
    if (key != NULL)
        memcpy(proposal->used_by, key, PROPOSAL_KEY_LEN);
    return 0;
}

void proposals_end(struct proposals *proposals, const char *id, enum proposal_end end) {
    struct proposal *proposal = proposal_by_id(proposals, id);
    if (proposal == NULL || proposal->state != PROPOSAL_RUNNING)
        return; /* forgotten meanwhile */
    switch (end) {
    case PROPOSAL_DONE:
        proposal->state = PROPOSAL_USED;
        break;
    case PROPOSAL_UNKNOWN:
        proposal->tried = proposal->tried || proposal->confirm;
        proposal->state = proposal->used ? PROPOSAL_USED : PROPOSAL_OPEN;
        break;
    case PROPOSAL_NOT_YET:
        proposal->state = proposal->used ? PROPOSAL_USED : PROPOSAL_OPEN;
        break;
    case PROPOSAL_GONE:
        proposal_drop(proposals, proposal);
        return;
    }
    (void)proposal_expired(proposals, proposal);
}

void proposals_settle(struct proposals *proposals, const char *user, const char *id) {
    struct proposal *proposal = proposal_by_id(proposals, id);
    if (proposal == NULL || strcmp(proposal->owner->id, user) != 0 ||
        proposal->state != PROPOSAL_OPEN)
        return;
    proposal->state = PROPOSAL_USED;
    proposal->has_used_by = false;
}
