/* What a reader of a text can see. Characters without a glyph of their own carry text past people
 * to programs and models (tag characters, variation selectors, zero-width ones), and those that
 * change the direction show a text as another one; both are taken out. Which they are is Unicode's
 * word: Default_Ignorable_Code_Point, Bidi_Control (UAX #44, as libunistring has them), and
 * controls. What ordinary writing needs stays: joiners inside emoji and inside words of scripts
 * that join, and the one selector that makes an emoji one. Pure. */
#ifndef CLOISTER_MEMORY_VISIBLE_H
#define CLOISTER_MEMORY_VISIBLE_H

#include "ipc/base.h"

/* Cleans in place; returns the new length, at most `len`. Line and paragraph separators become line
 * feeds, bytes that are no UTF-8 question marks; tab and line feed stay. Writes no NUL. */
size_t visible_clean(char *text, size_t len);
/* The same for a string. */
void visible_clean_string(char *text);

#endif
