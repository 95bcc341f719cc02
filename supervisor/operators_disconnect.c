/* `cloisterctl disconnect`: ends a user's connection to Google. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/operators.h"

struct waiting {
    struct daemon *daemon;
    struct ctl_call *call;
    char user[ID_LEN + 1];
};

static void on_done(void *ctx, int error, bool revoked, const char *detail) {
    struct waiting *waiting = ctx;
    struct daemon *daemon = waiting->daemon;
    if (error == 0)
        events_note(daemon->events, EVENT_DISCONNECTED, .user = waiting->user,
                    .code = revoked ? "revoked" : "unconfirmed");
    if (daemon->control == NULL) { /* the call is gone with it */
        free(waiting);
        return;
    }
    if (error == 0)
        control_answer(waiting->call, CTL_DONE,
                       json_pack("{s:b, s:s}", "revoked", (int)revoked, "detail", detail));
    else
        operators_fail(waiting->call, error == -ENOENT ? CTL_UNKNOWN : CTL_FAILED, detail);
    free(waiting);
}

void operators_disconnect(struct daemon *daemon, struct ctl_call *call, char *const *arguments,
                          size_t n) {
    (void)n;
    if (!id_valid(arguments[0])) {
        operators_fail(call, CTL_UNKNOWN, "that is no user's id");
        return;
    }
    struct waiting *waiting = calloc(1, sizeof(*waiting));
    if (waiting == NULL) {
        operators_fail(call, CTL_FAILED, "out of memory");
        return;
    }
    *waiting = (struct waiting){.daemon = daemon, .call = call};
    memcpy(waiting->user, arguments[0], sizeof(waiting->user));
    api_disconnect_user(daemon->api, waiting->user, on_done, waiting);
}
