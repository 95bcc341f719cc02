/* Notes in memory; notes_seal.c has them sealed and opened. */
#include "memory/notes.h"

#include <sodium.h>
#include <string.h>

#include "memory/notes_parts.h"

struct notes *notes_new(void) {
    struct notes *notes = calloc(1, sizeof(struct notes));
    if (notes != NULL)
        randombytes_buf(notes->salt, sizeof(notes->salt));
    return notes;
}

static void wipe_text(char *text) {
    if (text == NULL)
        return;
    explicit_bzero(text, strlen(text));
    free(text);
}

/* ---- turns ---- */

void notes_turn_free(Cloister__NotesTurn *turn) {
    if (turn == NULL)
        return;
    wipe_text(turn->said);
    wipe_text(turn->answer);
    wipe_text(turn->record);
    wipe_text(turn->proposals);
    explicit_bzero(turn, sizeof(*turn));
    free(turn);
}

Cloister__NotesTurn *notes_turn_copy(const struct notes_turn *from) {
    Cloister__NotesTurn *turn = malloc(sizeof(*turn));
    if (turn == NULL)
        return NULL;
    cloister__notes_turn__init(turn);
    turn->at_ms = from->at_ms;
    turn->said = strdup(from->said);
    turn->answer = strdup(from->answer);
    turn->record = strdup(from->record);
    turn->proposals = strdup(from->proposals != NULL ? from->proposals : "");
    if (turn->said == NULL || turn->answer == NULL || turn->record == NULL ||
        turn->proposals == NULL) {
        notes_turn_free(turn);
        return NULL;
    }
    return turn;
}

static void forget_oldest(struct notes *notes) {
    notes_turn_free(notes->turns[0]);
    notes->count--;
    memmove(notes->turns, notes->turns + 1, notes->count * sizeof(notes->turns[0]));
}

void notes_add(struct notes *notes, const struct notes_turn *turn) {
    Cloister__NotesTurn *copy = notes_turn_copy(turn);
    if (copy == NULL)
        return; /* forgetting is always allowed */
    if (notes->count == NOTES_TURNS)
        forget_oldest(notes);
    notes->turns[notes->count++] = copy;
}

size_t notes_count(const struct notes *notes) {
    return notes->count;
}

void notes_get(const struct notes *notes, size_t index, struct notes_turn *ret) {
    const Cloister__NotesTurn *turn = notes->turns[index];
    *ret =
        (struct notes_turn){turn->at_ms, turn->said, turn->answer, turn->record, turn->proposals};
}

/* ---- handles ---- */

static void handle_free(Cloister__NotesHandle *handle) {
    if (handle == NULL)
        return;
    wipe_text(handle->handle);
    wipe_text(handle->id);
    free(handle);
}

const uint8_t *notes_salt(const struct notes *notes) {
    return notes->salt;
}

size_t notes_handle_count(const struct notes *notes) {
    return notes->nhandles;
}

void notes_handle_get(const struct notes *notes, size_t index, const char **ret_handle,
                      const char **ret_id) {
    *ret_handle = notes->handles[index]->handle;
    *ret_id = notes->handles[index]->id;
}

void notes_handle_add(struct notes *notes, const char *handle, const char *id) {
    Cloister__NotesHandle *copy = malloc(sizeof(*copy));
    if (copy == NULL)
        return;
    cloister__notes_handle__init(copy);
    copy->handle = strdup(handle);
    copy->id = strdup(id);
    if (copy->handle == NULL || copy->id == NULL) {
        handle_free(copy);
        return;
    }
    if (notes->nhandles == NOTES_HANDLES) {
        handle_free(notes->handles[0]);
        notes->nhandles--;
        memmove(notes->handles, notes->handles + 1, notes->nhandles * sizeof(notes->handles[0]));
    }
    notes->handles[notes->nhandles++] = copy;
}

void notes_handles_clear(struct notes *notes) {
    while (notes->nhandles > 0)
        handle_free(notes->handles[--notes->nhandles]);
}

void notes_free(struct notes *notes) {
    if (notes == NULL)
        return;
    while (notes->count > 0)
        notes_turn_free(notes->turns[--notes->count]);
    notes_handles_clear(notes);
    explicit_bzero(notes->salt, sizeof(notes->salt));
    free(notes);
}
