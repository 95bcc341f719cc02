/* Other people's data: what a turn, or its agent, can ask of cloister-keys on its own channel.
 * Rules that can be taken away there are in keys_off.c. */
#include "tests/hostile/data_keys.h"

#include <string.h>
#include <sys/socket.h>

#define ANSWER_MS 2000

static int error_of(const Cloister__Message *answer) {
    if (answer->body_case == CLOISTER__MESSAGE__BODY_KEY_GRANT)
        return answer->key_grant->error;
    return answer->body_case == CLOISTER__MESSAGE__BODY_KEY_RESULT ? answer->key_result->error
                                                                   : EBADMSG;
}

int keys_told(int channel, Cloister__Message *message, int pass_fd, Cloister__Message **ret) {
    struct msg_peer peer = {ROLE_KEYS, ROLE_SUPERVISOR | ROLE_TURN, PHASE_READY, {0}};
    SCOPE_MSG Cloister__Message *answer = NULL;
    int r = seq_send(channel, message, pass_fd);
    if (r == 0)
        r = seq_recv_wait(channel, &peer, ANSWER_MS, &answer, NULL);
    if (r < 0)
        return r == -ECONNRESET ? -EPIPE : r;
    r = error_of(answer);
    if (ret != NULL)
        *ret = take_ptr(answer);
    return r == 0 ? OUT : -r;
}

static char *prop(const struct scene *scene, const char *key) {
    static char room[4][64];
    static unsigned next;
    char *text = room[next++ % COUNT_OF(room)];
    (void)prop_text(scene, key, text, sizeof(room[0]));
    return text;
}

int keys_bind_on(const struct scene *scene, int zygote, int end) {
    Cloister__KeysBind bind = CLOISTER__KEYS_BIND__INIT;
    bind.user = prop(scene, "theirs");
    bind.origin = (char *)(uintptr_t) "owner";
    bind.connection = prop(scene, "connection");
    Cloister__Message message = MSG_OF(KEYS_BIND, keys_bind, &bind);
    return seq_send(zygote, &message, end);
}

static int ask(const struct scene *scene, int channel, char *connection, char *state_token,
               Cloister__Message **ret) {
    Cloister__KeyAsk body = CLOISTER__KEY_ASK__INIT;
    body.connection = connection;
    body.model_host = prop(scene, "model");
    body.state_token = state_token;
    Cloister__Message message = MSG_OF(KEY_ASK, key_ask, &body);
    return keys_told(channel, &message, -1, ret);
}
static char nothing[] = "";

int keys_theirs_on(const struct scene *scene, int channel) {
    SCOPE_MSG Cloister__Message *answer = NULL;
    int r = ask(scene, channel, prop(scene, "connection"), nothing, &answer);
    return r == OUT && answer->key_grant->connection_key.len == 0 ? 0 : r;
}

#define SUPERVISOR_S "KEYS_SENDER KEYS_ROLE"

ATTEMPT(data, key_of_another, BOTH | FRONT, "KEYS_ROW_OWNER",
        "keys: the key of another's connection") {
    return keys_theirs_on(scene, scene->keys_fd);
}
ATTEMPT(data, key_of_pending, BOTH | FRONT, "KEYS_ROW_OWNER",
        "keys: the key of a connection that is nobody's yet") {
    return ask(scene, scene->keys_fd, prop(scene, "pending"), nothing, NULL);
}
ATTEMPT(data, key_of_another_cell, CELL, "KEYS_LATER KEYS_ROW_OWNER",
        "keys: a connect cell asks for another's connection") {
    return keys_theirs_on(scene, scene->keys_fd);
}
ATTEMPT(data, key_of_other_cell, CELL, "KEYS_LATER",
        "keys: a connect cell asks for another cell's") {
    return ask(scene, scene->keys_fd, prop(scene, "pending"), nothing, NULL);
}
ATTEMPT(data, verifier, BOTH | FRONT, "KEYS_PKCE", "keys: the verifier of somebody's code") {
    return ask(scene, scene->keys_fd, nothing, (char[]){"a-state-token"}, NULL);
}
static int given(const struct scene *scene, size_t offset) {
    SCOPE_MSG Cloister__Message *answer = NULL;
    int r = ask(scene, scene->keys_fd, nothing, nothing, &answer);
    const ProtobufCBinaryData *bytes =
        r == OUT ? (const void *)((const char *)answer->key_grant + offset) : NULL;
    return bytes == NULL ? r : bytes->len > 0 ? OUT : 0;
}
ATTEMPT(data, front_user_key, FRONT, "KEYS_USER_KEY",
        "keys: a front cell is given the owner's key (preferences, notes)") {
    return given(scene, offsetof(Cloister__KeyGrant, user_key));
}
ATTEMPT(data, subject_tag, BOTH | FRONT, "KEYS_SUBJECT",
        "keys: what somebody's Google account is known by") {
    Cloister__SubjectAsk body = CLOISTER__SUBJECT_ASK__INIT;
    body.subject = (char[]){"100000000000000000001"};
    Cloister__Message message = MSG_OF(SUBJECT_ASK, subject_ask, &body);
    return keys_told(scene->keys_fd, &message, -1, NULL);
}
ATTEMPT(data, booking_key, BOTH | FRONT, "KEYS_BOOKING",
        "keys: the key of the mark on bookings' events") {
    return given(scene, offsetof(Cloister__KeyGrant, booking_key));
}
ATTEMPT(data, customer_client_secret, FRONT, "KEYS_GOOGLE",
        "keys: a customer's turn is given the operator's client secret") {
    return given(scene, offsetof(Cloister__KeyGrant, google_client_secret));
}
ATTEMPT(data, cell_model_key, CELL, "KEYS_MODEL_KEY",
        "keys: a connect cell is given the model's key") {
    return given(scene, offsetof(Cloister__KeyGrant, model_api_key));
}
static int commit(const struct scene *scene, char *connection) {
    Cloister__TokenCommit body = CLOISTER__TOKEN_COMMIT__INIT;
    body.connection = connection;
    body.version = 1;
    Cloister__Message message = MSG_OF(TOKEN_COMMIT, token_commit, &body);
    int r = keys_told(scene->keys_fd, &message, -1, NULL);
    return r == -ESTALE ? OUT : r; /* it was looked at, and stands higher already */
}
ATTEMPT(data, commit_anothers, BOTH, "KEYS_FLOOR KEYS_ROW_OWNER",
        "keys: TOKEN_COMMIT, make another's token useless") {
    return commit(scene, prop(scene, "connection"));
}
ATTEMPT(data, commit_by_others, BOTH | FRONT, "KEYS_FLOOR",
        "keys: TOKEN_COMMIT by who connects nothing, make the owner's token useless") {
    return commit(scene, nothing);
}

/* ---- what only cloisterd asks for ---- */

ATTEMPT(data, mint_grant, BOTH | FRONT, SUPERVISOR_S, "keys: GRANT_MINT, a grant of another's") {
    Cloister__GrantMint body = CLOISTER__GRANT_MINT__INIT;
    body.user = prop(scene, "theirs");
    body.frontend = (char *)(uintptr_t) "quickstart";
    Cloister__Message message = MSG_OF(GRANT_MINT, grant_mint, &body);
    return keys_told(scene->keys_fd, &message, -1, NULL);
}
ATTEMPT(data, check_grant, BOTH, SUPERVISOR_S, "keys: GRANT_CHECK, try grants without end") {
    Cloister__GrantCheck body = CLOISTER__GRANT_CHECK__INIT;
    body.user = prop(scene, "theirs");
    body.frontend = (char *)(uintptr_t) "quickstart";
    body.grant = (char *)(uintptr_t) "cg1_AAAA";
    Cloister__Message message = MSG_OF(GRANT_CHECK, grant_check, &body);
    int r = keys_told(scene->keys_fd, &message, -1, NULL);
    return r == -EACCES ? OUT : r; /* it was looked at */
}
ATTEMPT(data, revoke_grants, BOTH, SUPERVISOR_S, "keys: GRANT_REVOKE, sign another out") {
    Cloister__GrantRevoke body = CLOISTER__GRANT_REVOKE__INIT;
    body.user = prop(scene, "spare");
    Cloister__Message message = MSG_OF(GRANT_REVOKE, grant_revoke, &body);
    return keys_told(scene->keys_fd, &message, -1, NULL);
}
ATTEMPT(data, create_key, BOTH, SUPERVISOR_S, "keys: KEY_CREATE") {
    Cloister__KeyCreate body = CLOISTER__KEY_CREATE__INIT;
    body.kind = CLOISTER__KEY_KIND__KEY_CONNECTION;
    body.id = prop(scene, "spare");
    body.user = prop(scene, "theirs");
    Cloister__Message message = MSG_OF(KEY_CREATE, key_create, &body);
    return keys_told(scene->keys_fd, &message, -1, NULL);
}
ATTEMPT(data, destroy_key, BOTH, SUPERVISOR_S, "keys: KEY_DESTROY, end another's connection") {
    Cloister__KeyDestroy body = CLOISTER__KEY_DESTROY__INIT;
    body.kind = CLOISTER__KEY_KIND__KEY_CONNECTION;
    body.id = prop(scene, "spare");
    Cloister__Message message = MSG_OF(KEY_DESTROY, key_destroy, &body);
    return keys_told(scene->keys_fd, &message, -1, NULL);
}
ATTEMPT(data, take_connection, BOTH, SUPERVISOR_S,
        "keys: KEY_BIND_USER, take a connection that waits for its user") {
    Cloister__KeyBindUser body = CLOISTER__KEY_BIND_USER__INIT;
    body.connection = prop(scene, "pending2");
    body.user = prop(scene, "mine");
    Cloister__Message message = MSG_OF(KEY_BIND_USER, key_bind_user, &body);
    return keys_told(scene->keys_fd, &message, -1, NULL);
}
ATTEMPT(data, challenge, BOTH, SUPERVISOR_S, "keys: KEY_CHALLENGE of somebody's code") {
    Cloister__KeyChallenge body = CLOISTER__KEY_CHALLENGE__INIT;
    body.state_token = (char *)(uintptr_t) "a-state-token";
    Cloister__Message message = MSG_OF(KEY_CHALLENGE, key_challenge, &body);
    return keys_told(scene->keys_fd, &message, -1, NULL);
}
ATTEMPT(data, bind_twice, BOTH | FRONT, SUPERVISOR_S,
        "keys: KEYS_BIND on its own channel, become another user's") {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    int r = keys_bind_on(scene, scene->keys_fd, ends[1]);
    return r < 0 ? r : keys_theirs_on(scene, scene->keys_fd);
}
/* An answer is not a question. */
ATTEMPT(data, answer_to_keys, BOTH, SUPERVISOR_S, "keys: TURN_DONE, a message of another channel") {
    Cloister__TurnDone body = CLOISTER__TURN_DONE__INIT;
    body.turn = scene->start->turn;
    Cloister__Message message = MSG_OF(TURN_DONE, turn_done, &body);
    return keys_told(scene->keys_fd, &message, -1, NULL);
}
/* What a connect cell may do, here as an owner's turn that is let (KEYS_FLOOR), for a token that is
 * old afterwards (data_neighbour.py). */
ATTEMPT(help, commit_own, TURN, "", "keys: TOKEN_COMMIT of its own") {
    SCOPE_MSG Cloister__Message *answer = NULL;
    int r = ask(scene, scene->keys_fd, nothing, nothing, &answer);
    if (r != OUT)
        return r;
    Cloister__TokenCommit body = CLOISTER__TOKEN_COMMIT__INIT;
    body.connection = nothing;
    body.version = answer->key_grant->token_version + 1;
    Cloister__Message message = MSG_OF(TOKEN_COMMIT, token_commit, &body);
    return keys_told(scene->keys_fd, &message, -1, NULL);
}
