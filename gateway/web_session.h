/* The session behind a page: who is signed in, and the token that its forms carry. Loop thread. */
#ifndef CLOISTER_GATEWAY_WEB_SESSION_H
#define CLOISTER_GATEWAY_WEB_SESSION_H

#include "gateway/call.h"

/* What a page needs of the session, kept while the rest is asked for. */
struct web_page {
    char csrf[TOKEN_MAX + 1], account[256], cookie[COOKIE_SIZE];
    bool replaced; /* `cookie` is to be set */
};

/* Asks cloisterd for the caller's session. */
void web_session_ask(struct call *call, upstream_answer *answer);
/* The same with room for it: call->state is a struct web_page, wiped and freed with the call. */
void web_session_keep(struct call *call, upstream_answer *answer);
/* Reads a reply to SESSION_SHOW, or answers with what went wrong. */
bool web_session_replied(struct call *call, enum upstream_end end, const Cloister__Message *message,
                         struct web_page *page);
/* The reply says that nobody is signed in here any more. */
bool web_session_over(enum upstream_end end, const Cloister__Message *message);
/* Then: to the sign-in; for a form, a page that says so and has what was typed. */
void web_sign_in(struct call *call);
/* The reply says that this person has connected nothing yet. */
bool web_unknown_user(enum upstream_end end, const Cloister__Message *message);

#endif
