/* The turns about the connection itself: connect, revoke. */
#include <errno.h>
#include <string.h>

#include "agent/turn_state.h"

struct sealed_grant {
    uint8_t *refresh, *access;
    size_t refresh_len, access_len;
};

static int seal_grant(struct turn *turn, const struct google_grant *grant, uint64_t version,
                      struct sealed_grant *ret) {
    const char *connection = turn->start->state->connection;
    const uint8_t *key = turn->keys->connection;
    struct seal_label refresh = {"google-refresh", connection, turn->keys->epoch, version};
    struct seal_label access = {"google-access", connection, turn->keys->epoch, version};
    json_t *json = json_pack("{s:s, s:I}", "token", grant->access, "expires_at_ms",
                             (json_int_t)grant->expires_at_ms);
    char *plain = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    int r = plain == NULL ? -ENOMEM
                          : seal_box(key, &refresh, grant->refresh, strlen(grant->refresh),
                                     &ret->refresh, &ret->refresh_len);
    if (r == 0)
        r = seal_box(key, &access, plain, strlen(plain), &ret->access, &ret->access_len);
    string_wipe(plain);
    if (r < 0)
        return fault_set(&turn->fault, r, "internal", true, "This server is out of memory.");
    return 0;
}

static int store_grant(struct turn *turn, const struct google_grant *grant) {
    uint64_t version = turn->keys->floor + 1;
    uint8_t tag[32];
    struct sealed_grant sealed = {0};
    int error = 0, r = seal_grant(turn, grant, version, &sealed);
    if (r == 0)
        r = keys_subject_tag(turn->setup->keys_fd, grant->identity.subject, tag, &turn->fault);
    if (r == 0) {
        Cloister__PutToken put = CLOISTER__PUT_TOKEN__INIT;
        put.refresh = (ProtobufCBinaryData){sealed.refresh_len, sealed.refresh};
        put.access = (ProtobufCBinaryData){sealed.access_len, sealed.access};
        put.subject_tag = (ProtobufCBinaryData){sizeof(tag), tag};
        put.version = version;
        put.scopes = grant->scopes;
        put.n_scopes = grant->nscopes;
        Cloister__HostCall call = CLOISTER__HOST_CALL__INIT;
        call.op_case = CLOISTER__HOST_CALL__OP_PUT_TOKEN;
        call.put_token = &put;
        r = channel_host_call(&turn->channel, &call, &error, &turn->fault);
    }
    free(sealed.refresh);
    free(sealed.access);
    if (r == 0 && error != 0)
        r = fault_set(&turn->fault, -EIO,
                      error == EAGAIN ? "database_unavailable" : "connect_failed", true,
                      "The connection could not be stored. Start connecting again.");
    if (r == 0)
        r = keys_commit_token(turn->setup->keys_fd, turn->start->state->connection, version,
                              &turn->fault);
    return r;
}

int turn_connect(struct turn *turn, struct turn_outcome *outcome) {
    (void)outcome;
    struct google_grant grant;
    char nonce[TURN_NONCE_SIZE];
    if (!turn->keys->has_connection || turn->keys->pkce_verifier[0] == '\0')
        return fault_set(&turn->fault, -EKEYREVOKED, "connect_failed", true,
                         "This connect link has ended. Start connecting again.");
    const struct google_code code = turn_code(turn, nonce);
    int r = google_exchange(turn->google, &code, &grant, &turn->fault);
    if (r < 0)
        return r;
    r = store_grant(turn, &grant);
    google_grant_free(&grant);
    return r;
}

int turn_revoke(struct turn *turn, struct turn_outcome *outcome) {
    bool confirmed = false;
    int r = turn_open_tokens(turn);
    if (r == 0)
        r = google_revoke(turn->google, turn->refresh, &confirmed, &turn->fault);
    outcome->done.revoked = confirmed;
    return r;
}
