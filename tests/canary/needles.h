/* What the scanner looks for: each secret in pieces of twelve characters, each piece in every form
 * that a careless program would leave it in. Pieces, since freed or overwritten memory often keeps
 * a part alone. */
#ifndef CLOISTER_TESTS_CANARY_NEEDLES_H
#define CLOISTER_TESTS_CANARY_NEEDLES_H

#include "ipc/base.h"

#define NEEDLE_MAX 256 /* bytes of the longest form */

struct needle {
    unsigned secret; /* as given to needles_add */
    const char *form;
    size_t len; /* at least 8 */
    uint8_t bytes[];
};

/* The forms of one secret, given out one by one. `text`: UTF-8, which has escaped forms too;
 * otherwise bytes. -EINVAL: no UTF-8, or too short to be told from chance (12 characters or bytes).
 * The callback keeps nothing of it. */
typedef void needle_found(void *ctx, const struct needle *needle);
int needles_of(const uint8_t *secret, size_t len, bool text, unsigned number, needle_found *each,
               void *ctx) MUST_CHECK;

#endif
