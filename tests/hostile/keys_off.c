/* Around the rules of cloister-keys, by the linker's --wrap: with a rule's name in rules-off
 * (tests/control/switch.h) it does not hold.
 *
 *   KEYS_SENDER     who may send what (ipc/messages.def)
 *   KEYS_ROLE       an agent's channel is not cloisterd's, nor the zygote's
 *   KEYS_ROW_OWNER  a row of the keyring is its user's
 *   KEYS_…          what each origin is served (supervisor/keys/origins.h)
 *   TOKEN_FLOOR     the lowest version of a sealed token that still opens */
#include <errno.h>

#include "supervisor/keys/answers.h"
#include "tests/control/switch.h"

#define WRAP(type, name, ...)                                                                      \
    type __real_##name(__VA_ARGS__);                                                               \
    type __wrap_##name(__VA_ARGS__);                                                               \
    type __wrap_##name(__VA_ARGS__)

WRAP(int, msg_decode, struct msg_peer *peer, const uint8_t *data, size_t len, unsigned nfds,
     Cloister__Message **ret) {
    struct msg_peer anybody = *peer;
    if ((peer->from & ROLE_TURN) == 0 || !switched_off("KEYS_SENDER"))
        return __real_msg_decode(peer, data, len, nfds, ret);
    anybody.from = anybody.to = anybody.phase = UINT32_MAX;
    return __real_msg_decode(&anybody, data, len, nfds, ret);
}

WRAP(int, answers_give, const struct answers *answers, const struct binding *binding,
     const Cloister__Message *message, int fd, int *ret_error) {
    if (binding == NULL || !switched_off("KEYS_ROLE"))
        return __real_answers_give(answers, binding, message, fd, ret_error);
    *ret_error = 0;
    if (message->body_case == CLOISTER__MESSAGE__BODY_KEYS_BIND)
        return binding_from(message->keys_bind, (struct binding *)(uintptr_t)binding);
    int r = __real_answers_give(answers, binding, message, fd, ret_error);
    if (r == -EPROTO)
        r = __real_answers_give(answers, NULL, message, fd, ret_error);
    if (r != -EPROTO)
        return r;
    Cloister__KeyResult result = CLOISTER__KEY_RESULT__INIT; /* of no use, yet not refused */
    Cloister__Message answer = MSG_OF(KEY_RESULT, key_result, &result);
    return seq_send(fd, &answer, -1);
}

WRAP(bool, origin_row_ours, const struct origin_rule *origin, const char *user,
     const char *row_user) {
    return switched_off("KEYS_ROW_OWNER") || __real_origin_row_ours(origin, user, row_user);
}

WRAP(bool, origin_may, const struct origin_rule *origin, enum origin_right right) {
    static const char *const names[] = {
        [ORIGIN_PENDING] = "KEYS_PENDING",   [ORIGIN_LATER] = "KEYS_LATER",
        [ORIGIN_USER_KEY] = "KEYS_USER_KEY", [ORIGIN_MODEL_KEY] = "KEYS_MODEL_KEY",
        [ORIGIN_PKCE] = "KEYS_PKCE",         [ORIGIN_FLOOR] = "KEYS_FLOOR",
        [ORIGIN_SUBJECT] = "KEYS_SUBJECT",
    };
    return __real_origin_may(origin, right) || switched_off(names[right]);
}

WRAP(int, keyring_get, struct keyring *keyring, enum key_kind kind, const char *id,
     struct keyring_row *ret) {
    int r = __real_keyring_get(keyring, kind, id, ret);
    if (r == 0 && switched_off("TOKEN_FLOOR"))
        ret->floor = 0;
    return r;
}
