/* What the owner allowed, and the tokens for it, out of the sealed state and back. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/turn_state.h"

bool turn_has_scope(const struct turn *turn, const char *scope) {
    const Cloister__SealedState *state = turn->start->state;
    for (size_t i = 0; state != NULL && i < state->n_scopes; i++)
        if (strcmp(state->scopes[i], scope) == 0)
            return true;
    return false;
}

bool turn_may_events(const struct turn *turn) {
    return turn_has_scope(turn, GOOGLE_SCOPE_EVENTS) ||
           turn_has_scope(turn, GOOGLE_SCOPE_BASE "calendar");
}

bool turn_may_freebusy(const struct turn *turn) {
    return turn_has_scope(turn, GOOGLE_SCOPE_FREEBUSY) ||
           turn_has_scope(turn, GOOGLE_SCOPE_BASE "calendar.readonly") ||
           turn_has_scope(turn, GOOGLE_SCOPE_BASE "calendar");
}

static struct seal_label token_label(const struct turn *turn, const char *purpose) {
    return (struct seal_label){purpose, turn->start->state->connection, turn->keys->epoch,
                               turn->token_version};
}

static void open_access(struct turn *turn) {
    const ProtobufCBinaryData *blob = &turn->start->state->access;
    struct seal_label label = token_label(turn, "google-access");
    SCOPE_SECRET char *plain = NULL;
    size_t len;
    if (blob->len == 0 || seal_version(blob->data, blob->len) != turn->token_version ||
        seal_open(turn->keys->connection, &label, blob->data, blob->len, &plain, &len) < 0)
        return; /* a new one is fetched */
    json_t *json = json_loadb(plain, len, 0, NULL);
    const char *token = json_string_value(json_object_get(json, "token"));
    const json_t *until = json_object_get(json, "expires_at_ms");
    if (token != NULL && json_is_integer(until))
        (void)!google_use_access(turn->google, token, (int64_t)json_integer_value(until));
    json_decref(json);
}

int turn_open_tokens(struct turn *turn) {
    const Cloister__SealedState *state = turn->start->state;
    struct fault *fault = &turn->fault;
    if (state == NULL || state->connection[0] == '\0' || state->refresh.len == 0)
        return fault_set(fault, -ENOENT, "not_connected", false,
                         "No calendar is connected. Connect Google Calendar first.");
    if (!turn->keys->has_connection)
        return fault_set(fault, -EKEYREVOKED, "disconnected", false,
                         "This connection has ended. Connect the calendar again.");
    turn->token_version = seal_version(state->refresh.data, state->refresh.len);
    if (turn->token_version < turn->keys->floor)
        return fault_set(fault, -ESTALE, "disconnected", true,
                         "This connection was renewed meanwhile. Try again.");
    struct seal_label label = token_label(turn, "google-refresh");
    size_t len;
    if (seal_open(turn->keys->connection, &label, state->refresh.data, state->refresh.len,
                  &turn->refresh, &len) < 0)
        return fault_set(
            fault, -EBADMSG, "reconnect_required", false,
            "The stored permission can no longer be opened. Connect the calendar again.");
    google_use_refresh(turn->google, turn->refresh);
    open_access(turn);
    return 0;
}

uint8_t *turn_seal_access(struct turn *turn, size_t *ret_len) {
    int64_t until = 0;
    uint8_t *sealed = NULL;
    if (turn->google == NULL || turn->keys == NULL || turn->start->state == NULL)
        return NULL;
    const char *token = google_fresh_access(turn->google, &until);
    if (token == NULL || google_grant_gone(turn->google))
        return NULL;
    struct seal_label label = token_label(turn, "google-access");
    json_t *json = json_pack("{s:s, s:I}", "token", token, "expires_at_ms", (json_int_t)until);
    char *plain = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    if (plain != NULL &&
        seal_box(turn->keys->connection, &label, plain, strlen(plain), &sealed, ret_len) < 0)
        sealed = NULL;
    string_wipe(plain);
    return sealed;
}
