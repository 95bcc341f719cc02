/* Other people's data: a front cell that was handed what is the owner's, sealed: it has the key of
 * the connection, which it needs for its own work, and tries what that opens. */
#include <stdio.h>
#include <string.h>

#include "memory/notes.h"
#include "tests/hostile/data_keys.h"

static int own_keys(const struct scene *scene, Cloister__Message **ret) {
    Cloister__KeyAsk body = CLOISTER__KEY_ASK__INIT;
    Cloister__Message message = MSG_OF(KEY_ASK, key_ask, &body);
    int r = keys_told(scene->keys_fd, &message, -1, ret);
    return r == OUT && (*ret)->key_grant->connection_key.len == SEAL_KEY_LEN ? 0 : r;
}

ATTEMPT(data, owners_preferences, FRONT, "KEYS_USER_KEY",
        "the owner's preferences, in a front cell") {
    SCOPE_MSG Cloister__Message *keys = NULL;
    int r = own_keys(scene, &keys);
    const Cloister__SealedState *state = scene->start->state;
    if (r < 0 || state == NULL || state->n_preferences == 0)
        return r < 0 ? r : -ENODATA;
    const Cloister__SealedItem *item = state->preferences[0];
    const Cloister__KeyGrant *grant = keys->key_grant;
    const ProtobufCBinaryData tries[] = {grant->user_key, grant->connection_key};
    char subject[160];
    (void)snprintf(subject, sizeof(subject), "%s:%s", scene->start->user, item->id);
    const struct seal_label label = {"preference", subject, 0, 1};
    for (size_t i = 0; i < COUNT_OF(tries); i++) {
        SCOPE_SECRET char *plain = NULL;
        size_t len;
        if (tries[i].len == SEAL_KEY_LEN && seal_open(tries[i].data, &label, item->sealed.data,
                                                      item->sealed.len, &plain, &len) == 0)
            return OUT;
    }
    return -EBADMSG;
}

ATTEMPT(data, owners_notes, FRONT, "KEYS_USER_KEY", "the owner's notes, in a front cell") {
    SCOPE_MSG Cloister__Message *keys = NULL;
    int r = own_keys(scene, &keys);
    const Cloister__SealedState *state = scene->start->state;
    if (r < 0 || state == NULL || state->notes.len == 0)
        return r < 0 ? r : -ENODATA;
    const Cloister__KeyGrant *grant = keys->key_grant;
    const uint8_t *connection = grant->connection_key.data;
    uint8_t tries[3][SEAL_KEY_LEN] = {{0}};
    memcpy(tries[0], connection, SEAL_KEY_LEN);
    key_derive(connection, "notes", tries[1]);
    if (grant->user_key.len == SEAL_KEY_LEN)
        key_mac(grant->user_key.data, connection, SEAL_KEY_LEN, tries[2], SEAL_KEY_LEN);
    char subject[512];
    (void)snprintf(subject, sizeof(subject), "%s:owner:%s", scene->start->user,
                   scene->start->conversation);
    const struct seal_label label = {"notes", subject, grant->epoch, 1};
    for (size_t i = 0; i < COUNT_OF(tries); i++) {
        struct notes *notes = NULL;
        r = notes_open(tries[i], &label, state->notes.data, state->notes.len, &notes);
        notes_free(notes);
        if (r == 0)
            return OUT;
    }
    return r;
}
