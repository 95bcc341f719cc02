/* A plain yes or no, recognised by code: the owner's word on a proposal must not pass through a
 * model that may have been told what to hear. Pure. */
#ifndef CLOISTER_AGENT_YES_H
#define CLOISTER_AGENT_YES_H

#include "ipc/base.h"

enum plain { PLAIN_NEITHER, PLAIN_YES, PLAIN_NO };

/* What the whole message says, but for case, blanks, closing punctuation and emoji. With `anywhere`
 * a word somewhere in it is enough. */
enum plain yes_read(const char *message, bool anywhere);

#endif
