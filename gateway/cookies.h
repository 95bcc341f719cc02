/* The three cookies of a browser, and the tokens that cloisterd puts into them. */
#ifndef CLOISTER_GATEWAY_COOKIES_H
#define CLOISTER_GATEWAY_COOKIES_H

#include "ipc/base.h"

struct call;

#define TOKEN_MAX   128
#define COOKIE_SIZE 320

enum cookie {
    COOKIE_CONNECT, /* opened a connect link; 10 minutes */
    COOKIE_LOGIN,   /* went to Google to sign in; 10 minutes */
    COOKIE_SESSION, /* is signed in */
};
#define COOKIE_WAY_S 600 /* how long the way through Google may take */

/* What cloisterd's tokens look like, and so what may stand in a path, a cookie or a header. */
bool token_fits(const char *value);
/* The browser's cookie, if it has one that could be ours; otherwise false and "". */
bool cookie_read(const char *header, bool secure, enum cookie cookie,
                 char out[static TOKEN_MAX + 1]);
/* A Set-Cookie value; `seconds` 0 takes the cookie away. Those of the web pages are always Secure
 * and __Host- (RFC 6265bis section 4.1.3.2), which browsers accept on loopback without TLS too. */
void cookie_write(bool secure, enum cookie cookie, const char *value, uint64_t seconds,
                  char out[static COOKIE_SIZE]);

#endif
