/* Connect links, for frontends and for the web pages alike. Loop thread. */
#ifndef CLOISTER_GATEWAY_CONNECT_H
#define CLOISTER_GATEWAY_CONNECT_H

#include "gateway/call.h"

#define CONNECT_FEATURES 3
extern const char *const connect_features[]; /* NULL-terminated */

struct link_wish {
    const char *user; /* "" with a session */
    const char *return_to;
    bool switch_account;
};

/* Asks for a link with the checked "features" of the body. */
void connect_link_ask(struct call *call, const struct link_wish *wish, upstream_answer *answer);

#endif
