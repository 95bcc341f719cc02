/* Around cloisterd's rules about what agents say, by the linker's --wrap: with a rule's name in
 * rules-off (tests/control/switch.h) it does not hold. Also the front door that is not built yet: a
 * chat whose message has " origin=customer" or " origin=connect" in it is made that origin's turn,
 * as cloisterd would start one through messages.def.
 *
 *   RELAY_SENDER, RELAY_PHASE, RELAY_ONCE, RELAY_KNOWN   ipc/messages.def
 *   HOST_CALL_ORIGIN                                     supervisor/host_calls.def
 *   RELAY_…                                              supervisor/relay_rules.h */
#include <string.h>

#include "supervisor/host_calls.h"
#include "supervisor/relay_rules.h"
#include "tests/control/switch.h"

#define WRAP(type, name, ...)                                                                      \
    type __real_##name(__VA_ARGS__);                                                               \
    type __wrap_##name(__VA_ARGS__);                                                               \
    type __wrap_##name(__VA_ARGS__)

static const uint8_t ping[] = {0x08, PROTOCOL_VERSION, 0xaa, 0x01, 0x00}; /* field 21, empty */

WRAP(int, msg_decode, struct msg_peer *peer, const uint8_t *data, size_t len, unsigned nfds,
     Cloister__Message **ret) {
    struct msg_peer loose = *peer;
    if ((peer->from & ROLE_AGENT) == 0)
        return __real_msg_decode(peer, data, len, nfds, ret);
    if (switched_off("RELAY_SENDER"))
        loose.from = loose.to = UINT32_MAX;
    if (switched_off("RELAY_PHASE"))
        loose.phase = UINT32_MAX;
    if (switched_off("RELAY_ONCE"))
        memset(loose.once, 0, sizeof(loose.once));
    int r = __real_msg_decode(&loose, data, len, nfds, ret);
    memcpy(peer->once, loose.once, sizeof(loose.once));
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
RULE(relay_unhandled, "RELAY_UNHANDLED", void, ())
RULE(relay_pong, "RELAY_PONG", ARGS(const struct agent *agent, uint64_t sequence),
     (agent, sequence))
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
    if (strstr(start->message, " origin=customer") != NULL)
        origin = "customer";
    return __real_turns_submit(turns, user, origin, connection, start, ops, ctx, ret_failure);
}
