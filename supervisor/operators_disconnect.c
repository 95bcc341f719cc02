/* `cloisterctl disconnect`: ends a user's connection to Google, and with "forget-account" lets
 * their next one be of any account. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/operators.h"

struct waiting {
    struct daemon *daemon;
    struct ctl_call *call;
    char user[ID_LEN + 1], detail[256];
    bool forget, revoked;
};

static void answer(struct waiting *waiting, int error, const char *detail) {
    if (waiting->daemon->control == NULL) { /* the call is gone with it */
        free(waiting);
        return;
    }
    json_t *told =
        json_pack("{s:b, s:s}", "revoked", (int)waiting->revoked, "detail", waiting->detail);
    if (waiting->forget)
        (void)json_object_set_new(told, "account_forgotten", json_true());
    if (error == 0)
        control_answer(waiting->call, CTL_DONE, json_incref(told));
    else
        operators_fail(waiting->call, error == -ENOENT ? CTL_UNKNOWN : CTL_FAILED, detail);
    json_decref(told);
    free(waiting);
}

static void on_forgotten(void *ctx, int error, bool revoked, const char *detail) {
    (void)revoked;
    answer(ctx, error, detail);
}

static void on_ended(void *ctx, int error, bool revoked, const char *detail) {
    struct waiting *waiting = ctx;
    struct daemon *daemon = waiting->daemon;
    if (error == 0)
        events_note(daemon->events, EVENT_DISCONNECTED, .user = waiting->user,
                    .code = revoked ? "revoked" : "unconfirmed");
    waiting->revoked = revoked;
    (void)snprintf(waiting->detail, sizeof(waiting->detail), "%s", detail);
    /* Who has no connection may still have an account that is remembered. */
    if (waiting->forget && (error == 0 || error == -ENOENT))
        api_forget_account(daemon->api, waiting->user, on_forgotten, waiting);
    else
        answer(waiting, error, detail);
}

void operators_disconnect(struct daemon *daemon, struct ctl_call *call, char *const *arguments,
                          size_t n) {
    if (n == 2 && strcmp(arguments[1], "forget-account") != 0) {
        operators_fail(call, CTL_USAGE, "behind the user disconnect takes the word forget-account");
        return;
    }
    if (!id_valid(arguments[0])) {
        operators_fail(call, CTL_UNKNOWN, "that is no user's id");
        return;
    }
    struct waiting *waiting = calloc(1, sizeof(*waiting));
    if (waiting == NULL) {
        operators_fail(call, CTL_FAILED, "out of memory");
        return;
    }
    *waiting = (struct waiting){.daemon = daemon, .call = call, .forget = n == 2};
    memcpy(waiting->user, arguments[0], sizeof(waiting->user));
    api_disconnect_user(daemon->api, waiting->user, on_ended, waiting);
}
