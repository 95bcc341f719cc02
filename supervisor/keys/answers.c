#include "supervisor/keys/answers.h"

#include <errno.h>
#include <string.h>

#include "supervisor/keys/grants.h"

#define STATE_TOKEN_MAX 256
#define SUBJECT_MAX     255 /* https://openid.net/specs/openid-connect-core-1_0.html#IDToken */

static bool id_or_empty(const char *id) {
    return id[0] == '\0' || id_valid(id);
}

int binding_from(const Cloister__KeysBind *bind, struct binding *ret) {
    struct binding binding = {0};
    binding.origin = origin_find(bind->origin);
    if (!id_or_empty(bind->user) || !id_or_empty(bind->connection))
        return -EPROTO;
    if (binding.origin == NULL || (origin_needs_user(binding.origin) && bind->user[0] == '\0'))
        return -EACCES;
    strcpy(binding.user, bind->user); /* both fit: empty or ID_LEN */
    strcpy(binding.connection, bind->connection);
    *ret = binding;
    return 0;
}

const char *binding_origin(const struct binding *binding) {
    return origin_name(binding->origin);
}

/* ---- turns ---- */

/* Which connection a request means: "" for none. -EACCES when this channel may not name it. */
static int choose_connection(const struct binding *binding, const char *named, const char **ret) {
    if (named[0] == '\0')
        *ret = binding->connection;
    else if (origin_may(binding->origin, ORIGIN_LATER) || strcmp(named, binding->connection) == 0)
        *ret = named;
    else
        return -EACCES;
    return 0;
}

static int our_connection(const struct answers *answers, const struct binding *binding,
                          const char *connection, struct keyring_row *ret) {
    int r = keyring_get(answers->keyring, KEY_KIND_CONNECTION, connection, ret);
    if (r == 0 && !origin_row_ours(binding->origin, binding->user, ret->user)) {
        keyring_row_clear(ret);
        r = -EACCES;
    }
    return r;
}

static ProtobufCBinaryData bytes_of(const void *data, size_t len) {
    return (ProtobufCBinaryData){len, (uint8_t *)(uintptr_t)data};
}

struct gathered {
    struct keyring_row connection, user;
    char verifier[PKCE_LEN + 1];
    uint8_t booking[SEAL_KEY_LEN]; /* of what bookings' events are known by; made from the user's */
    bool has_booking;
};

static void gathered_clear(struct gathered *gathered) {
    keyring_row_clear(&gathered->connection);
    keyring_row_clear(&gathered->user);
    explicit_bzero(gathered->verifier, sizeof(gathered->verifier));
    explicit_bzero(gathered->booking, sizeof(gathered->booking));
}

static int make_verifier(const struct answers *answers, const char *state_token,
                         char out[static PKCE_LEN + 1]) {
    SCOPE_SECRET char *own = NULL;
    int r = keyring_pkce_key(answers->keyring, &own);
    if (r == 0)
        pkce_verifier((const uint8_t *)own, state_token, out);
    return r;
}

/* A key that can be made from the user's, and that key not from it. */
static int make_booking(const struct answers *answers, const struct binding *binding,
                        struct gathered *ret) {
    struct keyring_row user = {0};
    int r = keyring_get(answers->keyring, KEY_KIND_USER, binding->user, &user);
    if (r == 0) {
        key_derive((const uint8_t *)user.key, "booking-event", ret->booking);
        ret->has_booking = true;
    }
    keyring_row_clear(&user);
    return r;
}

static int gather(const struct answers *answers, const struct binding *binding,
                  const Cloister__KeyAsk *ask, struct gathered *ret) {
    const char *id = "";
    if (ask->state_token[0] != '\0' && !origin_may(binding->origin, ORIGIN_PKCE))
        return -EACCES;
    int r = choose_connection(binding, ask->connection, &id);
    if (r == 0 && id[0] != '\0')
        r = our_connection(answers, binding, id, &ret->connection);
    if (r == -EKEYREVOKED && origin_may(binding->origin, ORIGIN_PENDING) &&
        ask->connection[0] == '\0')
        r = 0; /* somebody signs in: such a cell has an id to be told apart by, and no connection */
    if (r == 0 && origin_may(binding->origin, ORIGIN_USER_KEY))
        r = keyring_get(answers->keyring, KEY_KIND_USER, binding->user, &ret->user);
    if (r == 0 && origin_may(binding->origin, ORIGIN_BOOKING))
        r = make_booking(answers, binding, ret);
    if (r == 0 && ask->state_token[0] != '\0')
        r = make_verifier(answers, ask->state_token, ret->verifier);
    return r;
}

static void fill_grant(const struct answers *answers, const struct binding *binding,
                       const struct gathered *gathered, const char *model_host,
                       Cloister__KeyGrant *grant) {
    const struct secrets *secrets = answers->secrets;
    const struct keyring_row *connection = &gathered->connection, *user = &gathered->user;
    grant->user = (char *)(uintptr_t)binding->user;
    grant->origin = (char *)(uintptr_t)origin_name(binding->origin);
    if (connection->key != NULL) {
        grant->connection_key = bytes_of(connection->key, SEAL_KEY_LEN);
        grant->epoch = connection->epoch;
        grant->token_version = connection->floor;
    }
    if (user->key != NULL) {
        grant->user_key = bytes_of(user->key, SEAL_KEY_LEN);
        grant->user_epoch = user->epoch;
    }
    if (gathered->has_booking)
        grant->booking_key = bytes_of(gathered->booking, SEAL_KEY_LEN);
    if (origin_may(binding->origin, ORIGIN_GOOGLE))
        grant->google_client_secret =
            bytes_of(secrets->google_client_secret.text, secrets->google_client_secret.len);
    const struct model_key *model = origin_may(binding->origin, ORIGIN_MODEL_KEY)
                                        ? model_keys_find(&secrets->model, model_host)
                                        : NULL;
    if (model != NULL) {
        grant->model_host = (char *)(uintptr_t)model_host;
        grant->model_api_key = bytes_of(model->key.text, model->key.len);
    }
}

static int give_keys(const struct answers *answers, const struct binding *binding,
                     const Cloister__KeyAsk *ask, int fd, int *ret_error) {
    struct gathered gathered = {0};
    Cloister__KeyGrant grant = CLOISTER__KEY_GRANT__INIT;
    if (!id_or_empty(ask->connection) || strlen(ask->state_token) > STATE_TOKEN_MAX ||
        strlen(ask->model_host) >= URL_PAIR_SIZE)
        return -EPROTO;
    int r = gather(answers, binding, ask, &gathered);
    if (r == 0) {
        fill_grant(answers, binding, &gathered, ask->model_host, &grant);
        if (ask->state_token[0] != '\0')
            grant.pkce_verifier = bytes_of(gathered.verifier, PKCE_LEN);
    }
    grant.error = *ret_error = -r;
    Cloister__Message message = MSG_OF(KEY_GRANT, key_grant, &grant);
    r = seq_send(fd, &message, -1);
    gathered_clear(&gathered);
    return r;
}

static int send_result(int fd, uint64_t call, int error, const char *challenge) {
    Cloister__KeyResult result = CLOISTER__KEY_RESULT__INIT;
    Cloister__Message message = MSG_OF(KEY_RESULT, key_result, &result);
    result.call = call;
    result.error = error;
    if (challenge != NULL)
        result.challenge = (char *)(uintptr_t)challenge;
    return seq_send(fd, &message, -1);
}

static int send_grant(int fd, uint64_t call, int error, char grant[static GRANT_SIZE]) {
    Cloister__KeyResult result = CLOISTER__KEY_RESULT__INIT;
    Cloister__Message message = MSG_OF(KEY_RESULT, key_result, &result);
    result.call = call;
    result.error = error;
    result.grant = grant;
    int r = seq_send(fd, &message, -1);
    explicit_bzero(grant, GRANT_SIZE);
    return r;
}

static int commit_token(const struct answers *answers, const struct binding *binding,
                        const Cloister__TokenCommit *commit, int fd, int *ret_error) {
    struct keyring_row row = {0};
    const char *id = "";
    if (!id_or_empty(commit->connection) || commit->version > INT64_MAX)
        return -EPROTO;
    int r = origin_may(binding->origin, ORIGIN_FLOOR)
                ? choose_connection(binding, commit->connection, &id)
                : -EACCES;
    if (r == 0)
        r = id[0] == '\0' ? -EKEYREVOKED : our_connection(answers, binding, id, &row);
    keyring_row_clear(&row);
    if (r == 0)
        r = keyring_raise_floor(answers->keyring, id, commit->version);
    *ret_error = -r;
    return send_result(fd, 0, -r, NULL);
}

/* Whom Google named only the cell has seen. So its word is taken, for one account: it is one
 * person's cell, and has no key to make such tags with. */
static int make_tag(const struct answers *answers, struct binding *binding, const char *subject,
                    uint8_t out[static SUBJECT_TAG_LEN]) {
    SCOPE_SECRET char *own = NULL;
    int r = origin_may(binding->origin, ORIGIN_SUBJECT)
                ? keyring_subject_key(answers->keyring, &own)
                : -EACCES;
    if (r < 0)
        return r;
    key_mac((const uint8_t *)own, subject, strlen(subject), out, SUBJECT_TAG_LEN);
    if (binding->named && memcmp(binding->subject_tag, out, SUBJECT_TAG_LEN) != 0)
        return -EACCES;
    memcpy(binding->subject_tag, out, SUBJECT_TAG_LEN);
    binding->named = true;
    return 0;
}

static int give_tag(const struct answers *answers, struct binding *binding,
                    const Cloister__SubjectAsk *ask, int fd, int *ret_error) {
    uint8_t tag[SUBJECT_TAG_LEN];
    Cloister__KeyResult result = CLOISTER__KEY_RESULT__INIT;
    Cloister__Message message = MSG_OF(KEY_RESULT, key_result, &result);
    if (ask->subject[0] == '\0' || strlen(ask->subject) > SUBJECT_MAX)
        return -EPROTO;
    int r = make_tag(answers, binding, ask->subject, tag);
    if (r == 0)
        result.digest = bytes_of(tag, sizeof(tag));
    result.error = *ret_error = -r;
    return seq_send(fd, &message, -1);
}

/* ---- the supervisor ---- */

static int create(const struct answers *answers, const Cloister__KeyCreate *create) {
    switch (create->kind) {
    case CLOISTER__KEY_KIND__KEY_USER:
        if (create->user[0] != '\0' && strcmp(create->user, create->id) != 0)
            return -EPROTO;
        return keyring_create(answers->keyring, KEY_KIND_USER, create->id, create->id);
    case CLOISTER__KEY_KIND__KEY_CONNECTION:
        return keyring_create(answers->keyring, KEY_KIND_CONNECTION, create->id, create->user);
    case _CLOISTER__KEY_KIND_IS_INT_SIZE:
        break;
    }
    return -EPROTO;
}

static int destroy(const struct answers *answers, const Cloister__KeyDestroy *destroy) {
    switch (destroy->kind) {
    case CLOISTER__KEY_KIND__KEY_USER:
        return keyring_destroy(answers->keyring, KEY_KIND_USER, destroy->id);
    case CLOISTER__KEY_KIND__KEY_CONNECTION:
        return keyring_destroy(answers->keyring, KEY_KIND_CONNECTION, destroy->id);
    case _CLOISTER__KEY_KIND_IS_INT_SIZE:
        break;
    }
    return -EPROTO;
}

static int give_challenge(const struct answers *answers, const Cloister__KeyChallenge *ask, int fd,
                          int *ret_error) {
    char verifier[PKCE_LEN + 1], challenge[PKCE_LEN + 1];
    if (ask->state_token[0] == '\0' || strlen(ask->state_token) > STATE_TOKEN_MAX)
        return -EPROTO;
    int r = make_verifier(answers, ask->state_token, verifier);
    if (r == 0)
        pkce_challenge(verifier, challenge);
    explicit_bzero(verifier, sizeof(verifier));
    *ret_error = -r;
    return send_result(fd, ask->call, -r, r == 0 ? challenge : NULL);
}

static int give_minted(const struct grants *grants, const Cloister__GrantMint *request, int fd,
                       int *ret_error) {
    char grant[GRANT_SIZE];
    int r = grants_mint(grants, request, grant);
    if (r == -EPROTO)
        return r;
    *ret_error = -r;
    return send_grant(fd, request->call, -r, grant);
}

/* A grant that does not hold is an answer, and no refusal of the request. */
static int give_checked(const struct grants *grants, const Cloister__GrantCheck *request, int fd) {
    char grant[GRANT_SIZE];
    int r = grants_check(grants, request, grant);
    return r == -EPROTO ? r : send_grant(fd, request->call, -r, grant);
}

static int serve_supervisor(const struct answers *answers, const Cloister__Message *message, int fd,
                            int *ret_error) {
    const struct grants grants = {answers->keyring, answers->grant_ms};
    uint64_t call = 0;
    int r = -EPROTO;
    if (message->body_case == CLOISTER__MESSAGE__BODY_KEY_CHALLENGE)
        return give_challenge(answers, message->key_challenge, fd, ret_error);
    if (message->body_case == CLOISTER__MESSAGE__BODY_GRANT_MINT)
        return give_minted(&grants, message->grant_mint, fd, ret_error);
    if (message->body_case == CLOISTER__MESSAGE__BODY_GRANT_CHECK)
        return give_checked(&grants, message->grant_check, fd);
    if (message->body_case == CLOISTER__MESSAGE__BODY_KEY_CREATE) {
        call = message->key_create->call;
        if (id_valid(message->key_create->id) && id_or_empty(message->key_create->user))
            r = create(answers, message->key_create);
    } else if (message->body_case == CLOISTER__MESSAGE__BODY_KEY_DESTROY) {
        call = message->key_destroy->call;
        if (id_valid(message->key_destroy->id))
            r = destroy(answers, message->key_destroy);
    } else if (message->body_case == CLOISTER__MESSAGE__BODY_KEY_BIND_USER) {
        const Cloister__KeyBindUser *bind = message->key_bind_user;
        call = bind->call;
        if (id_valid(bind->connection) && id_valid(bind->user))
            r = keyring_bind_user(answers->keyring, bind->connection, bind->user);
    } else if (message->body_case == CLOISTER__MESSAGE__BODY_GRANT_REVOKE) {
        call = message->grant_revoke->call;
        r = grants_revoke(&grants, message->grant_revoke);
    }
    if (r == -EPROTO)
        return r;
    *ret_error = -r;
    return send_result(fd, call, -r, NULL);
}

int answers_give(const struct answers *answers, struct binding *binding,
                 const Cloister__Message *message, int fd, int *ret_error) {
    *ret_error = 0;
    if (binding == NULL)
        return serve_supervisor(answers, message, fd, ret_error);
    if (message->body_case == CLOISTER__MESSAGE__BODY_KEY_ASK)
        return give_keys(answers, binding, message->key_ask, fd, ret_error);
    if (message->body_case == CLOISTER__MESSAGE__BODY_TOKEN_COMMIT)
        return commit_token(answers, binding, message->token_commit, fd, ret_error);
    if (message->body_case == CLOISTER__MESSAGE__BODY_SUBJECT_ASK)
        return give_tag(answers, binding, message->subject_ask, fd, ret_error);
    return -EPROTO;
}
