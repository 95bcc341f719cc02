/* Every byte of text that leaves a turn goes through here, the model's and code's own. What comes
 * out has no invisible and no direction-changing characters (memory/visible.h), no markup that a
 * page would make an image, a link or a tag of, and no address (agent/address.h) but those that
 * were allowed: the owner's and the operator's. An address that stands in third-party text of this
 * turn is quoted and made not clickable ("zoom[.]us/j/123"), any other becomes "[link removed]"; of
 * e-mail addresses only those go that nobody but the model has written.
 * Aliases of guests become names again.
 *
 * Text streams through, word by word: a word is held back until it has ended. The pieces in which
 * it comes make no difference. Rules: GUARD_INVISIBLE, GUARD_LINKS, GUARD_IMAGES. In turns only. */
#ifndef CLOISTER_AGENT_ANSWER_H
#define CLOISTER_AGENT_ANSWER_H

#include "agent/people.h"
#include "memory/taint.h"

#define ANSWER_WORD_MAX                                                                            \
    2048u /* held back at most; a longer word is broken, a longer address gone */

/* Stands where an address was. */
#define ANSWER_REMOVED "[link removed]"

struct answer;
/* `out` gets whole UTF-8 characters; what it returns below 0 is returned by feed and end. `taint`
 * and `people` are asked while text flows. NULL: out of memory. */
struct answer *answer_new(struct taint *taint, const struct people *people,
                          int (*out)(void *ctx, const char *text, size_t len), void *ctx);
void answer_free(struct answer *answer); /* NULL is fine */
/* Every address in `text` may stand in answers. What there is no memory for may not. */
void answer_allow(struct answer *answer, const char *text);
/* Who writes what is fed from here on; a word that is held was written by the one before. An e-mail
 * address of the model's stays when the owner or a third party wrote it, code's stays anyhow. */
void answer_speaker(struct answer *answer, bool model);
/* 0, -ENOMEM, or what `out` gave. */
int answer_feed(struct answer *answer, const char *text, size_t len) MUST_CHECK;
/* Gives out what is held back: the text so far has ended. */
int answer_end(struct answer *answer) MUST_CHECK;
/* One whole text, beside the stream: malloc'd, or NULL. */
char *answer_once(struct answer *answer, const char *text);

#endif
