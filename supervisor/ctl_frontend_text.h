/* A frontend's file as text, for cloisterctl: a new one, one with another key. Format:
 * gateway/frontend_file.h. Nothing here touches a file. */
#ifndef CLOISTER_SUPERVISOR_CTL_FRONTEND_TEXT_H
#define CLOISTER_SUPERVISOR_CTL_FRONTEND_TEXT_H

#include "ipc/base.h"

#define FRONTEND_KEY_PREFIX "cfk_"
#define FRONTEND_KEY_SIZE   (4 + 43 + 1)

struct frontend_key {
    char text[FRONTEND_KEY_SIZE]; /* a secret: wipe with frontend_key_wipe */
    char sha256[65];              /* hex */
};
/* 256 random bits. 0 or -ENOSYS when there is no source of randomness. */
int frontend_key_make(struct frontend_key *ret) MUST_CHECK;
void frontend_key_wipe(struct frontend_key *key);

struct frontend_wish {
    const char *const *return_to;
    size_t returns;
    const char *rate, *burst, *may, *tokens, *spend; /* NULL: no such line */
};
/* malloc'd, or NULL without memory. */
char *frontend_text_new(const struct frontend_wish *wish, const char *sha256) MUST_CHECK;
/* The text with `sha256` as its newest key beside the one that was newest; with NULL the newest key
 * alone. All other lines, comments too, stay as they are. malloc'd, or NULL without memory. */
char *frontend_text_rotate(const char *text, const char *sha256) MUST_CHECK;

#endif
