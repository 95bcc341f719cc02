/* Whose request this is: asked before anything of the user is opened or sent anywhere. A gateway's
 * and cloisterd's word is not enough: the channel to the key service was bound to one user and one
 * origin at birth, and an owner's turn carries a grant that only the user's own key can have
 * made. */
#include <errno.h>
#include <string.h>

#include "agent/turn_state.h"

#define CONNECT_AGAIN                                                                              \
    "Make a connect link with POST /v1/users/{user}/connect-links, let the user open it, and "     \
    "redeem its code for a new grant."
#define SIGN_IN_AGAIN "Sign in again at /login."
#define WEB_FRONTEND  "web"

/* What each origin may ask for. Front cells and connect cells are told apart by their names:
 * neither has a model, so the policy knows neither. */
static bool kind_fits(Cloister__TurnKind kind, enum origin origin, const char *name) {
    switch (kind) {
    case CLOISTER__TURN_KIND__TURN_CHAT:
        return origin != ORIGIN_OTHER;
    case CLOISTER__TURN_KIND__TURN_REVOKE:
    case CLOISTER__TURN_KIND__TURN_MEMORY_LIST:
    case CLOISTER__TURN_KIND__TURN_MEMORY_PUT:
    case CLOISTER__TURN_KIND__TURN_DECIDE:
        return origin == ORIGIN_OWNER;
    case CLOISTER__TURN_KIND__TURN_FRONT:
        return strcmp(name, "front") == 0;
    case CLOISTER__TURN_KIND__TURN_CONNECT:
    case CLOISTER__TURN_KIND__TURN_SIGN_IN:
        return origin == ORIGIN_OTHER && strcmp(name, "front") != 0; /* "connect" */
    case _CLOISTER__TURN_KIND_IS_INT_SIZE:
        break;
    }
    return false;
}

/* The owner's own acts, all but revoking, which is cloisterd's: it follows a disconnection that was
 * already admitted, perhaps long after the grant. */
static bool needs_grant(Cloister__TurnKind kind) {
    return kind != CLOISTER__TURN_KIND__TURN_REVOKE && kind != CLOISTER__TURN_KIND__TURN_CONNECT &&
           kind != CLOISTER__TURN_KIND__TURN_SIGN_IN;
}

static int refuse(struct turn *turn, int error) {
    static const struct {
        int error;
        const char *code, *why;
    } refusals[] = {
        {-ENOKEY, "grant_required", "This needs the user's grant."},
        {-EKEYEXPIRED, "grant_expired", "The user's grant has expired."},
        {-EKEYREVOKED, "grant_revoked", "The user's grants were ended."},
        {-EACCES, "grant_invalid", "This grant is not for this user and this frontend."},
    };
    const bool web = strcmp(turn->start->frontend, WEB_FRONTEND) == 0;
    size_t i = 0;
    while (i < COUNT_OF(refusals) - 1 && refusals[i].error != error)
        i++;
    return fault_set(&turn->fault, -EACCES, refusals[i].code, false, "%s %s", refusals[i].why,
                     web ? SIGN_IN_AGAIN : CONNECT_AGAIN);
}

static int check_grant(struct turn *turn) {
    const struct keys *keys = turn->keys;
    const struct grant_claims claims = {keys->bound_user, turn->start->frontend, keys->origin,
                                        keys->user_epoch};
    const uint64_t now_ms = (uint64_t)wall_ms();
    uint64_t left_ms = 0;
    if (!keys->has_user)
        return fault_set(&turn->fault, -EKEYREVOKED, "keys_unavailable", true,
                         "The key of this user is away at the moment.");
    int r = grant_check(keys->user, &claims, turn->start->grant, now_ms, &left_ms);
    if (r < 0)
        return refuse(turn, r);
    if (grant_is_old(left_ms, turn->world->grant_ms))
        grant_mint(keys->user, &claims, grant_expiry(now_ms, turn->world->grant_ms), turn->grant);
    return 0;
}

int turn_admit(struct turn *turn) {
    const Cloister__TurnStart *start = turn->start;
    if (strcmp(start->user, turn->keys->bound_user) != 0 ||
        strcmp(start->origin, turn->keys->origin) != 0)
        return fault_set(&turn->fault, -EACCES, "internal", false,
                         "This request came to another user's agent.");
    if (!kind_fits(start->kind, turn->origin, start->origin))
        return fault_set(&turn->fault, -EACCES, "not_allowed", false,
                         "This cannot be done from here.");
    if (!needs_grant(start->kind))
        return 0;
    if (turn->origin == ORIGIN_OWNER)
        return check_grant(turn);
    if (start->grant[0] != '\0')
        return fault_set(&turn->fault, -EACCES, "not_allowed", false,
                         "A grant is shown by owners alone.");
    return 0;
}
