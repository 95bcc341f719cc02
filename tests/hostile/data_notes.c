/* Other people's data: sealed notes where they do not belong. A turn has the keys of its own user
 * and connection; what is tried is what these open under another name, and what a front cell can
 * leave for the owner's next turn to believe. */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "memory/notes.h"
#include "tests/hostile/data_keys.h"
#include "tests/hostile/data_turns.h"

#define PLANTED "planted by a front cell"

static int own_keys(const struct scene *scene, Cloister__Message **ret) {
    Cloister__KeyAsk body = CLOISTER__KEY_ASK__INIT;
    Cloister__Message message = MSG_OF(KEY_ASK, key_ask, &body);
    int r = keys_told(scene->keys_fd, &message, -1, ret);
    return r == OUT && (*ret)->key_grant->connection_key.len == SEAL_KEY_LEN ? 0 : r;
}

/* As agent/turn_open.c makes it for an owner's notes; without the owner's key, the best there is.
 */
static void notes_key(const Cloister__KeyGrant *grant, uint8_t out[static SEAL_KEY_LEN]) {
    if (grant->user_key.len == SEAL_KEY_LEN)
        key_mac(grant->user_key.data, grant->connection_key.data, SEAL_KEY_LEN, out, SEAL_KEY_LEN);
    else
        key_derive(grant->connection_key.data, "notes", out);
}

/* Opens this turn's own notes as those of `user`, `conversation` and an epoch that is `later`. */
static int open_as(const struct scene *scene, const char *user, const char *conversation,
                   uint64_t later, struct notes **ret) {
    SCOPE_MSG Cloister__Message *keys = NULL;
    uint8_t key[SEAL_KEY_LEN];
    char subject[512];
    int r = own_keys(scene, &keys);
    const Cloister__SealedState *state = scene->start->state;
    if (r < 0 || state == NULL || state->notes.len == 0)
        return r < 0 ? r : -ENODATA;
    notes_key(keys->key_grant, key);
    (void)snprintf(subject, sizeof(subject), "%s:owner:%s", user, conversation);
    const struct seal_label label = {"notes", subject, keys->key_grant->epoch + later, 1};
    return notes_open(key, &label, state->notes.data, state->notes.len, ret);
}

static int opens_as(const struct scene *scene, const char *user, const char *conversation,
                    uint64_t later) {
    struct notes *notes = NULL;
    int r = open_as(scene, scene->start->user, scene->start->conversation, 0, &notes);
    notes_free(take_ptr(notes));
    if (r < 0) { /* then the rest would prove nothing */
        note("its own notes do not open: %d", r);
        return -ENOTSUP;
    }
    r = open_as(scene, user, conversation, later, &notes);
    notes_free(notes);
    return r < 0 ? r : OUT;
}

ATTEMPT(data, note_conversation, TURN, "notes-label",
        "notes in the place of another conversation's") {
    return opens_as(scene, scene->start->user, "another", 0);
}
ATTEMPT(data, note_user, TURN, "notes-label", "notes in the place of another user's") {
    return opens_as(scene, "ffffffffffffffffffffffffffffffff", scene->start->conversation, 0);
}
ATTEMPT(data, note_epoch, TURN, "notes-label", "notes of an epoch that is over") {
    return opens_as(scene, scene->start->user, scene->start->conversation, 1);
}

/* What is left is looked for by the owner's next turn of the same conversation, note_found. */
ATTEMPT(data, note_planted, FRONT, "KEYS_USER_KEY",
        "a front cell leaves notes for the owner's next turn") {
    SCOPE_MSG Cloister__Message *keys = NULL;
    SCOPE_FREE uint8_t *sealed = NULL;
    uint8_t key[SEAL_KEY_LEN];
    char subject[512];
    size_t len = 0;
    int r = own_keys(scene, &keys);
    struct notes *notes = notes_new();
    if (r < 0 || notes == NULL)
        return r < 0 ? r : -ENOMEM;
    const struct notes_turn turn = {.said = PLANTED, .answer = "", .record = ""};
    notes_add(notes, &turn);
    notes_key(keys->key_grant, key);
    (void)snprintf(subject, sizeof(subject), "%s:owner:%s", scene->start->user,
                   scene->start->conversation);
    const struct seal_label label = {"notes", subject, keys->key_grant->epoch, 1};
    r = notes_seal(key, &label, notes, 4096, &sealed, &len);
    notes_free(notes);
    if (r < 0)
        return r;
    Cloister__TurnDone done = CLOISTER__TURN_DONE__INIT;
    done.turn = scene->start->turn;
    done.notes = (ProtobufCBinaryData){len, sealed};
    Cloister__Message message = MSG_OF(TURN_DONE, turn_done, &done);
    r = seq_send(scene->agent_fd, &message, -1);
    (void)poll(NULL, 0, 500);
    return r;
}
ATTEMPT(help, note_found, TURN, "", "what a front cell left, as the owner's turn reads it") {
    struct notes *notes = NULL;
    int r = open_as(scene, scene->start->user, scene->start->conversation, 0, &notes);
    for (size_t i = 0; r == 0 && i < notes_count(notes); i++) {
        struct notes_turn turn;
        notes_get(notes, i, &turn);
        if (strcmp(turn.said, PLANTED) == 0)
            r = OUT;
    }
    notes_free(notes);
    return r;
}
