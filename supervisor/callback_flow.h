/* A browser on its way back from Google's consent page. Shared by callback.c and callback_end.c
 * alone. Loop thread. */
#ifndef CLOISTER_SUPERVISOR_CALLBACK_FLOW_H
#define CLOISTER_SUPERVISOR_CALLBACK_FLOW_H

#include "supervisor/api_flow.h"
#include "supervisor/url.h"

struct callback_flow {
    struct flow flow;
    Cloister__ConnectCallback *asked; /* a copy; wiped */
    char connection[ID_LEN + 1];
    char frontend[FRONTEND_MAX + 1], user[USER_NAME_MAX + 1]; /* whom the link was made for */
    char features[128];
    char return_to[RETURN_TO_MAX + 1];
    char error_url[RETURN_TO_MAX + 64]; /* return_to?error=… */
    char code[TOKEN_LEN + 1];           /* to be redeemed */
    uint64_t call;                      /* the put_token under way */
    bool stored, nobody, nothing;       /* the token; it names no account; it is good for nothing */
};

/* Gives the pending connection up and answers with `error` for return_to. */
void callback_fail(struct callback_flow *f, unsigned status, const char *code, const char *detail,
                   bool retryable, const char *error);
/* The connect cell has done its work: the browser takes a code to the frontend; what was connected
 * on the web pages is redeemed here. */
void callback_keep(struct callback_flow *f);

#endif
