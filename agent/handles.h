/* Handles: the only names of events that the model sees, and that records, proposals and answers
 * use. One is "ev" and ten hexadecimal digits, a keyed hash of the calendar's id under the user's
 * key and the session's salt, so it says nothing about the event, differs between users and between
 * sessions, and means something only where it was given: the calendar's id is looked up in what
 * this session has given, never computed from the handle (GUARD_HANDLES_SESSION). Within a turn all
 * that were given are known, the notes carry the latest NOTES_HANDLES on. Occurrences and their
 * series have handles of their own. In turns only. */
#ifndef CLOISTER_AGENT_HANDLES_H
#define CLOISTER_AGENT_HANDLES_H

#include "memory/notes.h"

#define HANDLE_SIZE 13 /* with its NUL */

struct handles;
/* Of the session whose notes these are. NULL: out of memory. */
struct handles *handles_new(const uint8_t user_key[static SEAL_KEY_LEN], const struct notes *notes);
/* The handle of the event that `id` refers to (event_reference, calendar.h); it becomes the latest.
 * NULL when `id` is none or memory ran out. Lives as long as `handles`. */
const char *handles_give(struct handles *handles, const char *id);
/* The calendar's id; it becomes the latest. NULL: not given in this session. Lives as long. */
const char *handles_find(struct handles *handles, const char *handle);
/* Makes the latest the ones that `notes` keep. */
void handles_keep(const struct handles *handles, struct notes *notes);
/* NULL is fine. */
void handles_free(struct handles *handles);

#endif
