/* Between notes.c and notes_seal.c only: protobuf-c's own structures are what is kept, oldest
 * first. */
#ifndef CLOISTER_MEMORY_NOTES_PARTS_H
#define CLOISTER_MEMORY_NOTES_PARTS_H

#include "memory/notes.h"
#include "memory/notes.pb-c.h"

/* More turns than a model is shown anyway; also bounds the work for a blob that somebody made
 * large. */
#define NOTES_TURNS 64

struct notes {
    size_t count;
    Cloister__NotesTurn *turns[NOTES_TURNS];
    uint8_t salt[NOTES_SALT_LEN];
    size_t nhandles;
    Cloister__NotesHandle *handles[NOTES_HANDLES];
};

/* Both malloc'd throughout; NULL when memory ran out. */
Cloister__NotesTurn *notes_turn_copy(const struct notes_turn *from);
/* Wipes. NULL is fine. */
void notes_turn_free(Cloister__NotesTurn *turn);

#endif
