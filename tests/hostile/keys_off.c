/* Around the rules of cloister-keys, by the linker's --wrap: with a rule's name in rules-off
 * (tests/control/switch.h) it does not hold.
 *
 *   KEYS_SENDER     who may send what (ipc/messages.def)
 *   KEYS_CAP        how long it may be
 *   KEYS_ZYGOTE     the zygote's channel is not cloisterd's
 *   KEYS_PEER_…     which user's programs may connect, as cloisterd or as the zygote
 *   KEYS_ROLE       an agent's channel is not cloisterd's, nor the zygote's
 *   KEYS_ROW_OWNER  a row of the keyring is its user's
 *   KEYS_…          what each origin is served (supervisor/keys/origins.h)
 *   TOKEN_FLOOR     the lowest version of a sealed token that still opens */
#include <errno.h>
#include <pwd.h>

#include "build_config.h"
#include "supervisor/keys/answers.h"
#include "tests/control/switch.h"
#include "tests/hostile/padded.h"

#define WRAP(type, name, ...)                                                                      \
    type __real_##name(__VA_ARGS__);                                                               \
    type __wrap_##name(__VA_ARGS__);                                                               \
    type __wrap_##name(__VA_ARGS__)

WRAP(int, msg_decode, struct msg_peer *peer, const uint8_t *data, size_t len, unsigned nfds,
     Cloister__Message **ret) {
    struct msg_peer anybody = *peer;
    uint8_t said[1024];
    ssize_t short_len = switched_off("KEYS_CAP") ? unpadded(data, len, said, sizeof(said)) : -1;
    if (short_len >= 0) {
        data = said;
        len = (size_t)short_len;
    }
    if ((peer->from & ROLE_TURN) == 0 || !switched_off("KEYS_SENDER"))
        return __real_msg_decode(peer, data, len, nfds, ret);
    anybody.from = anybody.to = anybody.phase = UINT32_MAX;
    return __real_msg_decode(&anybody, data, len, nfds, ret);
}

static const struct answers *answers_seen;
WRAP(int, answers_give, const struct answers *answers, struct binding *binding,
     const Cloister__Message *message, int fd, int *ret_error) {
    answers_seen = answers;
    if (binding == NULL || !switched_off("KEYS_ROLE"))
        return __real_answers_give(answers, binding, message, fd, ret_error);
    *ret_error = 0;
    if (message->body_case == CLOISTER__MESSAGE__BODY_KEYS_BIND)
        return binding_from(message->keys_bind, binding);
    int r = __real_answers_give(answers, binding, message, fd, ret_error);
    if (r == -EPROTO)
        r = __real_answers_give(answers, NULL, message, fd, ret_error);
    if (r != -EPROTO)
        return r;
    Cloister__KeyResult result = CLOISTER__KEY_RESULT__INIT; /* of no use, yet not refused */
    Cloister__Message answer = MSG_OF(KEY_RESULT, key_result, &result);
    return seq_send(fd, &answer, -1);
}

/* The zygote's channel takes cloisterd's questions as well. */
WRAP(int, seq_recv, int fd, struct msg_peer *peer, Cloister__Message **ret, int *ret_fd) {
    struct msg_peer anybody = {UINT32_MAX, UINT32_MAX, UINT32_MAX, {0}};
    int error = 0;
    if ((peer->from & ROLE_ZYGOTE) == 0 || !switched_off("KEYS_ZYGOTE"))
        return __real_seq_recv(fd, peer, ret, ret_fd);
    int r = __real_seq_recv(fd, &anybody, ret, ret_fd);
    if (r < 0 || (*ret)->body_case == CLOISTER__MESSAGE__BODY_KEYS_BIND || answers_seen == NULL)
        return r;
    r = __real_answers_give(answers_seen, NULL, *ret, fd, &error);
    msg_free(*ret);
    *ret = NULL;
    return r < 0 ? r : -EAGAIN;
}

/* Looked up before the program confines itself. */
static uid_t supervisor_uid, agent_uid;
__attribute__((constructor)) static void look_up(void) {
    const struct passwd *user = getpwnam(CLOISTER_USER_SUPERVISOR);
    supervisor_uid = user == NULL ? 0 : user->pw_uid;
    user = getpwnam(CLOISTER_USER_AGENT);
    agent_uid = user == NULL ? 0 : user->pw_uid;
}
WRAP(int, peer_identity, int fd, uid_t *ret_uid, pid_t *ret_pid) {
    int r = __real_peer_identity(fd, ret_uid, ret_pid);
    if (r == 0 && *ret_uid != supervisor_uid && switched_off("KEYS_PEER_DAEMON"))
        *ret_uid = supervisor_uid;
    if (r == 0 && *ret_uid != supervisor_uid && switched_off("KEYS_PEER_ZYGOTE"))
        *ret_uid = agent_uid;
    return r;
}

WRAP(bool, origin_row_ours, const struct origin_rule *origin, const char *user,
     const char *row_user) {
    return switched_off("KEYS_ROW_OWNER") || __real_origin_row_ours(origin, user, row_user);
}

WRAP(bool, origin_may, const struct origin_rule *origin, enum origin_right right) {
    static const char *const names[] = {
        [ORIGIN_PENDING] = "KEYS_PENDING",   [ORIGIN_LATER] = "KEYS_LATER",
        [ORIGIN_USER_KEY] = "KEYS_USER_KEY", [ORIGIN_MODEL_KEY] = "KEYS_MODEL_KEY",
        [ORIGIN_PKCE] = "KEYS_PKCE",         [ORIGIN_GOOGLE] = "KEYS_GOOGLE",
        [ORIGIN_FLOOR] = "KEYS_FLOOR",       [ORIGIN_SUBJECT] = "KEYS_SUBJECT",
        [ORIGIN_BOOKING] = "KEYS_BOOKING",
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
