#include "gateway/cookies.h"

#include <stdio.h>
#include <string.h>

#include "gateway/query.h"

bool token_fits(const char *value) {
    size_t len = strlen(value);
    return len > 0 && len <= TOKEN_MAX &&
           strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == len;
}

static const char *cookie_name(bool secure, enum cookie cookie) {
    switch (cookie) {
    case COOKIE_CONNECT:
        return secure ? "__Host-cloister-connect" : "cloister-connect";
    case COOKIE_LOGIN:
        return "__Host-cloister-login";
    case COOKIE_SESSION:
        return "__Host-cloister-session";
    }
    return "";
}

bool cookie_read(const char *header, bool secure, enum cookie cookie,
                 char out[static TOKEN_MAX + 1]) {
    if (cookie_get(header, cookie_name(secure, cookie), out, TOKEN_MAX + 1) == 1 && token_fits(out))
        return true;
    out[0] = '\0';
    return false;
}

void cookie_write(bool secure, enum cookie cookie, const char *value, uint64_t seconds,
                  char out[static COOKIE_SIZE]) {
    (void)snprintf(out, COOKIE_SIZE, "%s=%s; Path=/; Max-Age=%llu; HttpOnly; SameSite=Lax%s",
                   cookie_name(secure, cookie), value, (unsigned long long)seconds,
                   secure || cookie != COOKIE_CONNECT ? "; Secure" : "");
}
