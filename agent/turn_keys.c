#include "agent/turn_keys.h"

#include <errno.h>
#include <string.h>

#define KEYS_MS 5000

static struct msg_peer keys_peer(void) {
    return (struct msg_peer){.from = ROLE_KEYS, .to = ROLE_TURN, .phase = PHASE_READY};
}

static int keys_away(struct fault *fault, int error) {
    return fault_set(fault, error, "keys_unavailable", true,
                     "The key service is away at the moment.");
}

/* An earlier turn of this agent may have been killed between its question and the answer. */
static void drop_stale(int fd, struct msg_peer *peer) {
    for (int r = 0; r == 0;) {
        SCOPE_MSG Cloister__Message *stale = NULL;
        r = seq_recv(fd, peer, &stale, NULL);
    }
}

static bool copy_bytes(const ProtobufCBinaryData *from, uint8_t *to, bool *ret_has) {
    *ret_has = from->len == SEAL_KEY_LEN;
    if (*ret_has)
        memcpy(to, from->data, SEAL_KEY_LEN);
    return *ret_has || from->len == 0;
}

static bool copy_string(const ProtobufCBinaryData *from, char *to, size_t cap) {
    if (from->len >= cap || (from->len > 0 && memchr(from->data, '\0', from->len) != NULL))
        return false;
    if (from->len > 0)
        memcpy(to, from->data, from->len);
    to[from->len] = '\0';
    return true;
}

static bool copy_word(const char *from, char *to, size_t cap) {
    size_t len = strlen(from);
    if (len >= cap)
        return false;
    memcpy(to, from, len + 1);
    return true;
}

static int take_grant(const Cloister__KeyGrant *grant, struct keys *keys, struct fault *fault) {
    if (grant->error == EKEYREVOKED || grant->error == ENOENT)
        return fault_set(fault, -EKEYREVOKED, "disconnected", false,
                         "This connection has ended. Connect the calendar again.");
    if (grant->error != 0)
        return keys_away(fault, -EIO);
    keys->epoch = grant->epoch;
    keys->floor = grant->token_version;
    keys->user_epoch = grant->user_epoch;
    if (!copy_word(grant->user, keys->bound_user, sizeof(keys->bound_user)) ||
        !copy_word(grant->origin, keys->origin, sizeof(keys->origin)) ||
        !copy_bytes(&grant->booking_key, keys->booking, &keys->has_booking) ||
        !copy_bytes(&grant->connection_key, keys->connection, &keys->has_connection) ||
        !copy_bytes(&grant->user_key, keys->user, &keys->has_user) ||
        !copy_string(&grant->google_client_secret, keys->client_secret,
                     sizeof(keys->client_secret)) ||
        !copy_string(&grant->model_api_key, keys->model_key, sizeof(keys->model_key)) ||
        !copy_word(grant->model_host, keys->model_host, sizeof(keys->model_host)) ||
        !copy_string(&grant->pkce_verifier, keys->pkce_verifier, sizeof(keys->pkce_verifier)))
        return keys_away(fault, -EPROTO);
    return 0;
}

int keys_ask(int fd, const Cloister__TurnStart *start, const char *model_host, struct keys **ret,
             struct fault *fault) {
    struct msg_peer peer = keys_peer();
    Cloister__KeyAsk ask = CLOISTER__KEY_ASK__INIT;
    ask.state_token = start->state_token;
    ask.model_host = (char *)(uintptr_t)model_host;
    if (start->about != NULL)
        ask.request = start->about->request;
    if (start->state != NULL)
        ask.connection = start->state->connection;
    Cloister__Message question = MSG_OF(KEY_ASK, key_ask, &ask);
    SCOPE_MSG Cloister__Message *answer = NULL;
    drop_stale(fd, &peer);
    int r = seq_send(fd, &question, -1);
    if (r == 0)
        r = seq_recv_wait(fd, &peer, KEYS_MS, &answer, NULL);
    if (r != 0 || answer->body_case != CLOISTER__MESSAGE__BODY_KEY_GRANT)
        return keys_away(fault, r < 0 ? r : -EPROTO);
    struct keys *keys = secret_alloc(sizeof(*keys));
    if (keys == NULL)
        return fault_set(fault, -ENOMEM, "internal", true, "This server is out of locked memory.");
    memset(keys, 0, sizeof(*keys));
    r = take_grant(answer->key_grant, keys, fault);
    if (r < 0)
        secret_free(keys);
    else
        *ret = keys;
    return r;
}

const char *keys_for_model(const struct keys *keys, const char *model_host, struct fault *fault) {
    if (model_host[0] != '\0' && strcmp(keys->model_host, model_host) == 0)
        return keys->model_key;
    (void)fault_set(fault, -EACCES, "model_misconfigured", false,
                    "This server has a model key for another host than the configured one's. The "
                    "operator must run cloisterctl reload as root.");
    return NULL;
}

/* *ret: the KEY_RESULT, which reports no error. */
static int keys_told(int fd, Cloister__Message *question, Cloister__Message **ret,
                     struct fault *fault) {
    struct msg_peer peer = keys_peer();
    SCOPE_MSG Cloister__Message *answer = NULL;
    int r = seq_send(fd, question, -1);
    if (r == 0)
        r = seq_recv_wait(fd, &peer, KEYS_MS, &answer, NULL);
    if (r != 0 || answer->body_case != CLOISTER__MESSAGE__BODY_KEY_RESULT ||
        answer->key_result->error != 0)
        return keys_away(fault, r < 0 ? r : -EIO);
    *ret = take_ptr(answer);
    return 0;
}

int keys_subject_tag(int fd, const char *subject, uint8_t out[static TURN_TAG_LEN],
                     struct fault *fault) {
    Cloister__SubjectAsk ask = CLOISTER__SUBJECT_ASK__INIT;
    ask.subject = (char *)(uintptr_t)subject;
    Cloister__Message question = MSG_OF(SUBJECT_ASK, subject_ask, &ask);
    SCOPE_MSG Cloister__Message *answer = NULL;
    int r = keys_told(fd, &question, &answer, fault);
    if (r == 0 && answer->key_result->digest.len != TURN_TAG_LEN)
        r = keys_away(fault, -EPROTO);
    if (r == 0)
        memcpy(out, answer->key_result->digest.data, TURN_TAG_LEN);
    return r;
}

int keys_commit_token(int fd, const char *connection, uint64_t version, struct fault *fault) {
    Cloister__TokenCommit commit = CLOISTER__TOKEN_COMMIT__INIT;
    commit.connection = (char *)connection;
    commit.version = version;
    Cloister__Message question = MSG_OF(TOKEN_COMMIT, token_commit, &commit);
    SCOPE_MSG Cloister__Message *answer = NULL;
    return keys_told(fd, &question, &answer, fault);
}
