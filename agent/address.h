/* Addresses in a text, as the programs that show answers would make links of them: any scheme
 * before "//" (RFC 3986 3.1), some that act without it, "//host" and "\\host", "www.", and bare
 * domains whose end is a public suffix (libpsl's list) or that are four numbers; and e-mail
 * addresses, since whoever has one reads what is sent to it. Decimals, times, abbreviations and
 * file names with no such end are none. Pure. */
#ifndef CLOISTER_AGENT_ADDRESS_H
#define CLOISTER_AGENT_ADDRESS_H

#include "ipc/base.h"

enum address_kind {
    ADDRESS_LINK,
    ADDRESS_MAIL,
    ADDRESS_STUCK, /* only a sentence that begins without a blank ("tomorrow.It"): `at` is its dot
                    */
};
struct address {
    enum address_kind kind;
    size_t at, len;
    size_t host; /* where what follows the scheme and its slashes begins */
};

/* The first address in `word` (no blanks in it) at or after `from`; false when there is none. */
bool address_find(const char *word, size_t len, size_t from, struct address *ret);
/* The address in a form to compare: without http:, https: and a last slash, its host in lower case.
 * malloc'd or NULL. */
char *address_plain(const char *word, const struct address *address);
/* Bytes of the character at `text`, when words do not go on over it: blanks, and the punctuation of
 * East Asian sentences. 0: it is part of a word, or no whole character yet. */
size_t address_blank(const char *text, size_t len);
/* A letter, digit, mark, '-' or '_' of any script begins or ends there. */
bool address_letter_at(const char *text, size_t len, size_t at);
bool address_letter_before(const char *text, size_t at);
/* The character at `at` is of a script that puts no blanks between words. */
bool address_runs_together(const char *text, size_t len, size_t at);

#endif
