/* Around cloisterd's rules about what agents say, by the linker's --wrap: with a rule's name in
 * rules-off (tests/control/switch.h) it does not hold. Also the front door that is not built yet: a
 * chat whose message has " origin=customer" or " origin=connect" in it is made that origin's turn,
 * as cloisterd would start one through messages.def.
 *
 *   RELAY_SENDER, RELAY_PHASE, RELAY_ONCE, RELAY_KNOWN, RELAY_CAP   ipc/messages.def
 *   ZYGOTE_SENDER                                        the same, of the zygote's messages
 *   HOST_CALL_ORIGIN                                     supervisor/host_calls.def
 *   RELAY_…, ZYGOTE_OWES                                 supervisor/relay_rules.h
 *   WATCH_…                                              supervisor/watch_rules.h
 *   LOG_BUDGET, FRAME_LENGTH   lines of an agent; the longest message (log_off.c, link_off.c)
 *   CONTROL_ROLE                                         who may operate: supervisor/commands.c
 *   BUSINESS_SENDER, BUSINESS_CAP, BUSINESS_KNOWN, BUSINESS_UNHANDLED    what cloister-business may
 * say BUSINESS_PEER                                        who may be in its place BUSINESS_STEP,
 * BUSINESS_ANSWER                       supervisor/front_rules.h CELLS_APART   a customer's turn is
 * not the owner's agent's */
#include <errno.h>
#include <string.h>

#include "build_config.h"
#include "ipc/confine.h"
#include "ipc/nng_end.h"
#include "supervisor/control.h"
#include "supervisor/front_rules.h"
#include "supervisor/host_calls.h"
#include "supervisor/relay_proposals.h"
#include "supervisor/relay_rules.h"
#include "supervisor/watch_rules.h"
#include "tests/control/switch.h"
#include "tests/hostile/padded.h"

#define WRAP(type, name, ...)                                                                      \
    type __real_##name(__VA_ARGS__);                                                               \
    type __wrap_##name(__VA_ARGS__);                                                               \
    type __wrap_##name(__VA_ARGS__)

static const uint8_t ping[] = {0x08, PROTOCOL_VERSION, 0xaa, 0x01, 0x00}; /* field 21, empty */

static const uint8_t late[] = {0x08, PROTOCOL_VERSION, 0x92, 0x0a, 0x00}; /* BUSINESS_RESULT */

int __real_msg_decode(struct msg_peer *peer, const uint8_t *data, size_t len, unsigned nfds,
                      Cloister__Message **ret);

/* A message that nobody handles passes for the answer to a call that is over. */
static int said_by_business(struct msg_peer *peer, const uint8_t *data, size_t len,
                            Cloister__Message **ret) {
    struct msg_peer loose = *peer;
    uint8_t said[1024];
    ssize_t short_len = switched_off("BUSINESS_CAP") ? unpadded(data, len, said, sizeof(said)) : -1;
    if (short_len >= 0) {
        data = said;
        len = (size_t)short_len;
    }
    if (switched_off("BUSINESS_SENDER"))
        loose = (struct msg_peer){UINT32_MAX, UINT32_MAX, UINT32_MAX, {0}};
    int r = __real_msg_decode(&loose, data, len, 0, ret);
    if (r == -EPROTO && switched_off("BUSINESS_KNOWN"))
        return __real_msg_decode(peer, late, sizeof(late), 0, ret);
    if (r < 0 || !switched_off("BUSINESS_UNHANDLED") ||
        (*ret)->body_case == CLOISTER__MESSAGE__BODY_BUSINESS_RESULT ||
        (*ret)->body_case == CLOISTER__MESSAGE__BODY_CELL_CALL)
        return r;
    msg_free(*ret);
    *ret = NULL;
    return __real_msg_decode(peer, late, sizeof(late), 0, ret);
}

WRAP(int, msg_decode, struct msg_peer *peer, const uint8_t *data, size_t len, unsigned nfds,
     Cloister__Message **ret) {
    struct msg_peer loose = *peer;
    uint8_t said[1024];
    if (peer->from == ROLE_BUSINESS)
        return said_by_business(peer, data, len, ret);
    if ((peer->from & (ROLE_AGENT | ROLE_ZYGOTE)) == 0)
        return __real_msg_decode(peer, data, len, nfds, ret);
    ssize_t short_len = switched_off("RELAY_CAP") ? unpadded(data, len, said, sizeof(said)) : -1;
    if (short_len >= 0) {
        data = said;
        len = (size_t)short_len;
    }
    if ((peer->from & ROLE_ZYGOTE) != 0) {
        if (switched_off("ZYGOTE_SENDER"))
            loose = (struct msg_peer){loose.from, loose.to, UINT32_MAX, {0}};
        return __real_msg_decode(&loose, data, len, nfds, ret);
    }
    if (switched_off("RELAY_SENDER"))
        loose.from = loose.to = UINT32_MAX;
    if (switched_off("RELAY_PHASE"))
        loose.phase = UINT32_MAX;
    if (switched_off("RELAY_ONCE"))
        memset(loose.once, 0, sizeof(loose.once));
    int r = __real_msg_decode(&loose, data, len, nfds, ret);
    for (size_t i = 0; i < COUNT_OF(peer->once); i++)
        peer->once[i] |= loose.once[i]; /* said is said, also while the rule is away */
    if (r == -EPROTO && switched_off("RELAY_KNOWN")) {
        loose.from = loose.to = UINT32_MAX;
        r = __real_msg_decode(&loose, ping, sizeof(ping), 0, ret);
    }
    return r;
}

WRAP(struct turn *, relay_turn, const struct agent *agent, const char *id) {
    return switched_off("RELAY_TURN") ? agent->running : __real_relay_turn(agent, id);
}

#define RULE(function, name, args, pass)                                                           \
    WRAP(const char *, function, args) {                                                           \
        const char *wrong = __real_##function pass;                                                \
        return switched_off(name) ? NULL : wrong;                                                  \
    }
#define ARGS(...) __VA_ARGS__
RULE(relay_spawned, "ZYGOTE_OWES", ARGS(unsigned owed), (owed))
RULE(relay_unhandled, "RELAY_UNHANDLED", void, ())
RULE(relay_pong, "RELAY_PONG", ARGS(const struct agent *agent, uint64_t sequence),
     (agent, sequence))
RULE(relay_overdue, "RELAY_OVERDUE", ARGS(const struct turn *turn), (turn))
/* Silence is an answer as well. */
WRAP(const char *, relay_silent, const struct agent *agent) {
    const char *wrong = __real_relay_silent(agent);
    if (wrong != NULL && switched_off("RELAY_SILENT")) {
        ((struct agent *)(uintptr_t)agent)->pongs = agent->pings;
        return NULL;
    }
    return wrong;
}
/* What it takes of the processors (supervisor/watch_rules.h). */
RULE(watch_wrong_processes, "WATCH_PROCESSES", ARGS(const struct watch_facts *facts), (facts))
RULE(watch_wrong_computing, "WATCH_COMPUTING", ARGS(const struct watch_facts *facts), (facts))
RULE(relay_text_form, "RELAY_TEXT_FORM", ARGS(const char *text, size_t len), (text, len))
RULE(relay_text_bounds, "RELAY_TEXT_BOUNDS", ARGS(struct turn *turn, size_t len), (turn, len))
RULE(relay_tools, "RELAY_TOOLS", ARGS(struct turn *turn), (turn))
RULE(relay_host_calls, "RELAY_HOST_CALLS", ARGS(struct turn *turn), (turn))
RULE(relay_kept_sizes, "RELAY_KEPT_SIZES",
     ARGS(const struct turn *turn, size_t notes, size_t access), (turn, notes, access))
RULE(relay_kept_kind, "RELAY_KEPT_KIND", ARGS(const struct turn *turn, size_t notes, size_t access),
     (turn, notes, access))
RULE(relay_revoked, "RELAY_REVOKED", ARGS(const struct turn *turn, bool revoked), (turn, revoked))
RULE(relay_memories, "RELAY_MEMORIES",
     ARGS(const struct turn *turn, const Cloister__TurnDone *done), (turn, done))
RULE(relay_grant_form, "RELAY_GRANT_FORM", ARGS(const char *grant), (grant))
RULE(relay_grant_kind, "RELAY_GRANT_KIND", ARGS(const struct turn *turn, const char *grant),
     (turn, grant))
RULE(relay_account, "RELAY_ACCOUNT", ARGS(const struct turn *turn, const Cloister__TurnDone *done),
     (turn, done))

RULE(relay_front, "RELAY_FRONT", ARGS(const struct turn *turn, const Cloister__TurnDone *done),
     (turn, done))
RULE(relay_business, "RELAY_BUSINESS",
     ARGS(const struct turn *turn, const Cloister__HostCall *call), (turn, call))

WRAP(enum ctl_role, ctl_role_of, const struct ctl_peer *peer, const struct ctl_groups *groups) {
    return switched_off("CONTROL_ROLE") ? CTL_OPERATE : __real_ctl_role_of(peer, groups);
}

RULE(relay_proposals_kind, "RELAY_PROPOSALS_KIND",
     ARGS(const struct turn *turn, const Cloister__TurnDone *done), (turn, done))
RULE(relay_proposals_count, "RELAY_PROPOSALS_COUNT", ARGS(const Cloister__TurnDone *done), (done))
RULE(relay_proposals_sizes, "RELAY_PROPOSALS_SIZES", ARGS(const Cloister__TurnDone *done), (done))
RULE(relay_proposals_ids, "RELAY_PROPOSALS_IDS", ARGS(const Cloister__TurnDone *done), (done))
RULE(relay_settled, "RELAY_SETTLED", ARGS(const struct turn *turn, char *const *settled, size_t n),
     (turn, settled, n))

WRAP(bool, host_call_allowed, const Cloister__HostCall *call, const char *origin) {
    return switched_off("HOST_CALL_ORIGIN") || __real_host_call_allowed(call, origin);
}

WRAP(struct turn *, turns_submit, struct turns *turns, const char *user, const char *origin,
     const char *connection, const Cloister__TurnStart *start, const struct turn_ops *ops,
     void *ctx, struct turn_failure *ret_failure) {
    static char cell[ID_LEN + 1];
    if (strstr(start->message, " origin=connect") != NULL) {
        id_random(cell);
        return __real_turns_submit(turns, "", "connect", cell, start, ops, ctx, ret_failure);
    }
    if (strstr(start->message, " origin=customer") != NULL && !switched_off("CELLS_APART"))
        origin = "customer";
    return __real_turns_submit(turns, user, origin, connection, start, ops, ctx, ret_failure);
}

/* ---- cloister-business's place ---- */

static struct {
    const struct nng_end_ops *ops;
    uid_t uid;
} real_business;

static bool up_business(void *ctx, pid_t pid, uid_t uid) {
    return real_business.ops->up(ctx, pid, switched_off("BUSINESS_PEER") ? real_business.uid : uid);
}

WRAP(int, nng_end_dial, struct event_base *base, const char *path, const struct nng_end_ops *ops,
     void *ctx, struct nng_end **ret) {
    static struct nng_end_ops anybody;
    gid_t ignored;
    if (strstr(path, "/business/supervisor.sock") == NULL)
        return __real_nng_end_dial(base, path, ops, ctx, ret);
    real_business.ops = ops;
    if (user_lookup(CLOISTER_USER_BUSINESS, &real_business.uid, &ignored) < 0)
        return -ENOENT;
    anybody = (struct nng_end_ops){up_business, ops->message, ops->down};
    return __real_nng_end_dial(base, path, &anybody, ctx, ret);
}

WRAP(bool, front_step_sound, const Cloister__CellCall *asked) {
    return switched_off("BUSINESS_STEP") || __real_front_step_sound(asked);
}
WRAP(bool, front_answer_sound, const Cloister__CellCall *asked) {
    return switched_off("BUSINESS_ANSWER") || __real_front_answer_sound(asked);
}
