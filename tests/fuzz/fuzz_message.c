/* Messages between programs, decoded as every role to every role in every phase, with and without a
 * descriptor. What is accepted has a row in messages.def, fits its cap, is refused the second time
 * when it may come once, and comes back as it was. A host call that passes as sound is within its
 * bounds. */
#include <errno.h>

#include "fuzz.h"
#include "ipc/message.h"
#include "supervisor/host_calls.h"

#define ALL_ROLES (ROLE_NOTIFY * 2 - 1)

static struct msg_peer peer_of(uint32_t from, uint32_t to, uint32_t phase) {
    return (struct msg_peer){.from = from, .to = to, .phase = phase};
}

/* `len` bytes were accepted as `message`: its own encoding says the same. */
static void round_trip(Cloister__Message *message, size_t len, const struct msg_peer *peer,
                       unsigned nfds) {
    static uint8_t first[MESSAGE_MAX], second[MESSAGE_MAX];
    SCOPE_MSG Cloister__Message *again = NULL;
    ssize_t n = msg_encode(message, first, sizeof(first));
    /* Negative numbers may have come shorter than they are written. */
    MUST(n > 0 || (n == -EMSGSIZE && len > 0));
    if (n < 0)
        return;
    struct msg_peer fresh = peer_of(peer->from, peer->to, peer->phase);
    MUST(msg_decode(&fresh, first, (size_t)n, nfds, &again) == 0);
    MUST(again->body_case == message->body_case);
    MUST(msg_encode(again, second, sizeof(second)) == n && memcmp(first, second, (size_t)n) == 0);
}

static void host_call(const Cloister__HostCall *call) {
    static const char *const origins[] = {"owner", "customer", "scheduler", "connect", ""};
    bool allowed = false;
    for (size_t i = 0; i < COUNT_OF(origins); i++)
        allowed = allowed || host_call_allowed(call, origins[i]);
    if (!host_call_sound(call))
        return;
    MUST(allowed); /* every operation there is belongs to some origin */
    if (call->op_case == CLOISTER__HOST_CALL__OP_PUT_PREFERENCE)
        MUST(id_valid(call->put_preference->id));
    if (call->op_case == CLOISTER__HOST_CALL__OP_PUT_TOKEN)
        MUST(call->put_token->n_scopes <= 32 && call->put_token->subject_tag.len <= 64);
    if (call->op_case == CLOISTER__HOST_CALL__OP_MARK_BROKEN)
        MUST(utf8_valid(call->mark_broken->reason, strlen(call->mark_broken->reason)));
}

/* Accepted by one role in one phase: then by that very row alone, and not twice if once. */
static void one(const uint8_t *data, size_t len, uint32_t from, uint32_t to, uint32_t phase,
                unsigned nfds) {
    SCOPE_MSG Cloister__Message *message = NULL, *twice = NULL;
    struct msg_peer peer = peer_of(from, to, phase);
    int r = msg_decode(&peer, data, len, nfds, &message);
    MUST(r == 0 || r == -EPROTO || r == -EPERM || r == -EMSGSIZE || r == -EBADMSG || r == -ENOMEM);
    MUST((r == 0) == (message != NULL));
    if (r < 0)
        return;
    MUST(strcmp(msg_name(message->body_case), "unknown") != 0);
    MUST(message->protocol == PROTOCOL_VERSION && len <= MESSAGE_MAX);
    MUST(from != to);
    bool once = false;
    for (size_t i = 0; i < COUNT_OF(peer.once); i++)
        once = once || peer.once[i] != 0;
    r = msg_decode(&peer, data, len, nfds, &twice);
    MUST(r == (once ? -EPERM : 0));
    round_trip(message, len, &peer, nfds);
    if (message->body_case == CLOISTER__MESSAGE__BODY_HOST_CALL)
        host_call(message->host_call);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    static const uint32_t phases[] = {PHASE_START, PHASE_READY, PHASE_TURN};
    for (unsigned nfds = 0; nfds <= 1; nfds++)
        for (size_t p = 0; p < COUNT_OF(phases); p++) {
            SCOPE_MSG Cloister__Message *any = NULL;
            struct msg_peer peer = peer_of(ALL_ROLES, ALL_ROLES, phases[p]);
            if (msg_decode(&peer, data, len, nfds, &any) < 0)
                continue; /* nobody's, so no single role's */
            for (uint32_t from = 1; from <= ROLE_NOTIFY; from <<= 1)
                for (uint32_t to = 1; to <= ROLE_NOTIFY; to <<= 1)
                    one(data, len, from, to, phases[p], nfds);
        }
    return 0;
}
