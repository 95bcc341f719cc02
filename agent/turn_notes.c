/* A conversation's notes in and out of a turn: what was said, and what code says was done. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/guards.h"
#include "agent/turn_state.h"

/* Notes belong to a user, an origin and a conversation; moved elsewhere they do not open. */
static struct seal_label notes_label(const struct turn *turn, char *subject, size_t cap) {
    (void)snprintf(subject, cap, "%s:%s:%s", turn->start->user, turn->start->origin,
                   turn->start->conversation);
    return (struct seal_label){"notes", subject, turn->keys->epoch, 1};
}

/* The connection's key goes to every cell of its user. What the owner said takes the owner's key as
 * well, which no front cell is given: notes that reach one by mistake do not open there. */
static void notes_key(const struct turn *turn, uint8_t out[static SEAL_KEY_LEN]) {
    if (turn->origin == ORIGIN_OWNER)
        key_mac(turn->keys->user, turn->keys->connection, SEAL_KEY_LEN, out, SEAL_KEY_LEN);
    else
        key_derive(turn->keys->connection, "notes", out);
}

int turn_open_notes(struct turn *turn) {
    const Cloister__SealedState *state = turn->start->state;
    char subject[512];
    uint8_t key[SEAL_KEY_LEN];
    struct seal_label label = notes_label(turn, subject, sizeof(subject));
    notes_key(turn, key);
    if (notes_open(key, &label, state->notes.data, state->notes.len, &turn->notes) < 0)
        turn->notes = notes_new(); /* of a connection that ended: forgotten */
    explicit_bzero(key, sizeof(key));
    if (turn->notes != NULL)
        turn->handles = handles_new(turn->keys->user, turn->notes);
    return turn->handles != NULL ? 0
                                 : fault_set(&turn->fault, -ENOMEM, "internal", true,
                                             "This server is out of memory.");
}

/* Whether the assistant's words may come before a later turn's model. Not when its own had seen
 * text of other people: a paraphrase carries that text's instructions and contents on, into a turn
 * that would count as clean. What code said, which may quote the calendar, is no part of the
 * answer. A customer's turns are all tainted, by their own words, and none has read the calendar:
 * there is no clean one to carry anything into, and "the second one" means what was offered. */
static bool keeps_prose(const struct turn *turn, bool failed) {
    if (failed)
        return false;
    return !turn->tainted || turn->origin == ORIGIN_CUSTOMER || !guard_holds(GUARD_PROSE_FORGOTTEN);
}

/* What records name must still mean something when the next turn reads them: those handles are the
 * latest, the last named last. */
static void keep_named(struct turn *turn) {
    for (size_t i = 0; i < notes_count(turn->notes); i++) {
        struct notes_turn note;
        char *save = NULL;
        notes_get(turn->notes, i, &note);
        SCOPE_FREE char *copy = strdup(note.record);
        for (char *word = copy != NULL ? strtok_r(copy, " ;", &save) : NULL; word != NULL;
             word = strtok_r(NULL, " ;", &save))
            (void)handles_find(turn->handles, word);
    }
    handles_keep(turn->handles, turn->notes);
}

uint8_t *turn_seal_notes(struct turn *turn, bool failed, size_t *ret_len) {
    char subject[512];
    uint8_t *sealed = NULL, key[SEAL_KEY_LEN];
    if (turn->notes == NULL || turn->handles == NULL)
        return NULL;
    if (failed && turn->writes_done == 0)
        return NULL; /* nothing happened that a later turn has to know */
    struct seal_label label = notes_label(turn, subject, sizeof(subject));
    struct notes_turn note = {.at_ms = wall_ms(),
                              .said = turn->start->message,
                              .answer = keeps_prose(turn, failed) ? strbuf_str(&turn->answer) : "",
                              .record = strbuf_str(&turn->record),
                              .proposals = failed ? "" : strbuf_str(&turn->proposed)};
    notes_add(turn->notes, &note);
    keep_named(turn);
    notes_key(turn, key);
    int r = notes_seal(key, &label, turn->notes, turn->world->notes_bytes, &sealed, ret_len);
    explicit_bzero(key, sizeof(key));
    return r < 0 ? NULL : sealed;
}
