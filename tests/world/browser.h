/* Who is signed in to the stand-in Google in which browser: a session cookie, accounts in memory.
 */
#ifndef CLOISTER_WORLD_BROWSER_H
#define CLOISTER_WORLD_BROWSER_H

#include "tests/world/exchange.h"

/* Names of the accounts that signed in in this browser, the latest first; borrowed, NULL when there
 * are none. */
const json_t *browser_accounts(const struct exchange *x);
bool browser_has(const struct exchange *x, const char *account);
/* `account` is the latest from now on; sets the cookie when the browser has none. */
void browser_remember(struct exchange *x, const char *account);

#endif
