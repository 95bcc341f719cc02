/* Session notes: what one conversation leaves for its next turn. Opened and written in turns only.
 * A clean turn keeps the owner's words and the answer; a turn that saw third-party text (tainted)
 * keeps the owner's words and records made by code, never the assistant's prose, since a paraphrase
 * leaks. */
#ifndef CLOISTER_MEMORY_NOTES_H
#define CLOISTER_MEMORY_NOTES_H

#include "memory/seal.h"

struct notes;
struct notes_turn {
    int64_t at_ms;      /* wall clock */
    const char *said;   /* the owner's words */
    const char *answer; /* "" for a tainted turn */
    const char *record; /* code-made lines "create_event 5f… ok"; "" when none */
};

struct notes *notes_new(void);
/* Opens sealed notes; an empty blob gives empty notes. 0, -EBADMSG, -ENOMEM. */
int notes_open(const uint8_t key[static SEAL_KEY_LEN], const struct seal_label *label,
               const uint8_t *blob, size_t len, struct notes **ret) MUST_CHECK;
void notes_add(struct notes *notes, const struct notes_turn *turn);
/* Seals into at most `cap` bytes, forgetting the oldest turns first. *ret is malloc'd. */
int notes_seal(const uint8_t key[static SEAL_KEY_LEN], const struct seal_label *label,
               const struct notes *notes, size_t cap, uint8_t **ret, size_t *ret_len) MUST_CHECK;
size_t notes_count(const struct notes *notes);
/* Oldest first; pointers live as long as `notes`. */
void notes_get(const struct notes *notes, size_t index, struct notes_turn *ret);
/* Wipes. NULL is fine. */
void notes_free(struct notes *notes);

#endif
