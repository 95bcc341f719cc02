/* What third parties wrote, as far as it has reached the model in this turn: one registry a turn.
 * It answers whether there was any, whether a text repeats some of it, and whether a text is a
 * piece of it. Busy times, times and handles are not text and never go in. Strings are copied and
 * wiped at the end. Pure; in turns only. */
#ifndef CLOISTER_MEMORY_TAINT_H
#define CLOISTER_MEMORY_TAINT_H

#include "ipc/base.h"

#define TAINT_TEXT_MAX (2u << 20) /* bytes kept; beyond them every text counts as repeated */

enum taint_source { TAINT_GOOGLE, TAINT_CUSTOMER };

struct taint;
struct taint *taint_new(void); /* NULL: out of memory */
void taint_free(struct taint *taint);

/* `text` was put in front of the model. `about`: the calendar's id of the event that it belongs to,
 * of the series for an occurrence, or whose words they are. Empty text is none. Without memory the
 * registry counts as full. */
void taint_add(struct taint *taint, enum taint_source source, const char *about, const char *text);
/* Any was added. */
bool taint_seen(const struct taint *taint);
/* True when a run of `text` is also one of a third party's text about something else than
 * `about_allowed` (NULL: about anything), and neither of the owner's `words` (n strings) nor of a
 * text about `about_allowed`. A run is three words or twelve letters in a row (six of scripts that
 * write words with one or two signs), compared without case, accents, blanks, punctuation and
 * invisible characters; backwards, base64 and hexadecimal forms of `text` count as well. */
bool taint_other(const struct taint *taint, const char *text, const char *about_allowed,
                 const char *const *words, size_t n);
/* True when the `len` bytes stand in a third party's text, whatever their case. Only so much text
 * is compared in one turn; later looks say false. */
bool taint_has(struct taint *taint, const char *text, size_t len);

#endif
