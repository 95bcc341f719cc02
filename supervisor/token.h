/* One-use tokens: links, cookies, states, codes. 256 random bits as base64url; only their hashes
 * are stored. Needs token_init. */
#ifndef CLOISTER_SUPERVISOR_TOKEN_H
#define CLOISTER_SUPERVISOR_TOKEN_H

#include "ipc/base.h"

#define TOKEN_LEN      43
#define TOKEN_HASH_LEN 32

/* Starts libsodium. 0 or -EIO. */
int token_init(void) MUST_CHECK;
void token_random(char out[static TOKEN_LEN + 1]);
/* It has the form of one. */
bool token_valid(const char *token);
/* BLAKE2b over the kind ("link", "cookie", "state", "code") and the token, so that one of a kind
 * never passes for another. */
void token_hash(const char *kind, const char *token, uint8_t out[static TOKEN_HASH_LEN]);

#endif
