/* Session notes: what one conversation leaves for its next turn. Opened and written in turns only.
 * A clean turn keeps the owner's words and the answer; a turn that saw third-party text (tainted)
 * keeps the owner's words and records made by code, never the assistant's prose, since a paraphrase
 * leaks. A customer's keeps all three: nothing of the owner's is in it. With them live the
 * session's salt and the handles that its records name (agent/handles.h): they die with the notes.
 */
#ifndef CLOISTER_MEMORY_NOTES_H
#define CLOISTER_MEMORY_NOTES_H

#include "memory/seal.h"

#define NOTES_SALT_LEN 16
#define NOTES_HANDLES  100u /* so many are kept */

struct notes;
struct notes_turn {
    int64_t at_ms;         /* wall clock */
    const char *said;      /* the owner's words */
    const char *answer;    /* "" for a tainted turn */
    const char *record;    /* code-made lines "create_event ev5f… ok"; "" when none */
    const char *proposals; /* ids of what it proposed, blank-separated; "" or NULL when none */
};

/* Empty, with a fresh random salt. */
struct notes *notes_new(void);
/* Opens sealed notes; an empty blob gives empty notes. 0, -EBADMSG, -ENOMEM. */
int notes_open(const uint8_t key[static SEAL_KEY_LEN], const struct seal_label *label,
               const uint8_t *blob, size_t len, struct notes **ret) MUST_CHECK;
void notes_add(struct notes *notes, const struct notes_turn *turn);
/* Seals into at most `cap` bytes, forgetting the oldest turns first; handles take half of it
 * at most, the oldest going first. *ret is malloc'd. 0, -ENOSPC, -ENOMEM. */
int notes_seal(const uint8_t key[static SEAL_KEY_LEN], const struct seal_label *label,
               const struct notes *notes, size_t cap, uint8_t **ret, size_t *ret_len) MUST_CHECK;
size_t notes_count(const struct notes *notes);
/* Oldest first; pointers live as long as `notes`; no text is NULL. */
void notes_get(const struct notes *notes, size_t index, struct notes_turn *ret);
/* NOTES_SALT_LEN bytes, the same for all of a session. */
const uint8_t *notes_salt(const struct notes *notes);
/* What the handles stand for, oldest first. */
size_t notes_handle_count(const struct notes *notes);
void notes_handle_get(const struct notes *notes, size_t index, const char **ret_handle,
                      const char **ret_id);
/* Adds one as the newest; of more than NOTES_HANDLES the oldest goes. Copies. */
void notes_handle_add(struct notes *notes, const char *handle, const char *id);
void notes_handles_clear(struct notes *notes);
/* Wipes. NULL is fine. */
void notes_free(struct notes *notes);

#endif
