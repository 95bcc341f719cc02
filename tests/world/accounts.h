/* The people of the stand-in world and the tokens they gave out. Accounts come into being when
 * first named: "demo" is demo@example.test. All state is JSON in struct world, so that it can be
 * kept. */
#ifndef CLOISTER_WORLD_ACCOUNTS_H
#define CLOISTER_WORLD_ACCOUNTS_H

#include "tests/world/civil.h"
#include "tests/world/world.h"

/* Object {name, email, sub, zone, granted: {scope: true}, offline, events: {id: record}}; borrowed.
 * `who` is a name, an e-mail address or a sub; an unknown name makes an account, anything that
 * cannot be a name gives NULL. */
json_t *account_get(struct world *w, const char *who);
/* The same without making one. */
json_t *account_find(struct world *w, const char *who);
const char *account_text(const json_t *account, const char *key);
const struct zone *account_zone(const json_t *account);

/* Tokens. Scopes are one string, separated by blanks. */
json_t *token_new_access(struct world *w, const char *account, const char *scope,
                         const char *refresh, char out[static 96]);
void token_new_refresh(struct world *w, const char *account, const char *client, const char *scope,
                       char out[static 96]);
/* Record of a living access token, or NULL. */
const json_t *token_check_access(struct world *w, const char *token);
const json_t *token_check_refresh(struct world *w, const char *token);
/* Ends tokens of an account; returns how many. */
int token_kill(struct world *w, const char *account, bool refresh, bool access);

/* One blank-separated word of `list` equals `word`. */
bool scope_has(const char *list, const char *word);
/* Appends `word` to a malloc'd list unless it is there; returns the new list (frees the old). */
char *scope_add(char *list, const char *word, size_t word_len);

#endif
