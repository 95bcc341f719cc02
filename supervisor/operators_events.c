/* `cloisterctl events`: those who watch, and what they are sent. */
#include <stdlib.h>

#include "supervisor/events.h"
#include "supervisor/operators.h"

#define WATCHERS_MAX    8
#define WATCHERS_OTHERS 4 /* of these, for all who are no operators */

struct watch {
    struct events_watcher watcher;
    struct daemon *daemon;
    struct ctl_call *call;
};

static int tell(struct events_watcher *watcher, json_t *event) {
    struct watch *watch = (struct watch *)watcher;
    return control_line(watch->call, event);
}

static void on_room(void *ctx) {
    struct watch *watch = ctx;
    events_room(&watch->watcher);
}

static void on_gone(void *ctx) {
    struct watch *watch = ctx;
    events_unwatch(watch->daemon->events, &watch->watcher);
    watch->daemon->watchers--;
    free(watch);
}

static const struct ctl_watch_ops watch_ops = {on_room, on_gone};

void operators_events(struct daemon *daemon, struct ctl_call *call, char *const *arguments,
                      size_t n) {
    (void)arguments, (void)n;
    unsigned most = control_role(call) == CTL_OPERATE ? WATCHERS_MAX : WATCHERS_OTHERS;
    struct watch *watch = daemon->watchers < most ? calloc(1, sizeof(*watch)) : NULL;
    if (watch == NULL) {
        operators_fail(call, CTL_FAILED, "too many watch already");
        return;
    }
    *watch = (struct watch){.watcher.tell = tell, .daemon = daemon, .call = call};
    daemon->watchers++;
    control_watch(call, &watch_ops, watch);
    events_watch(daemon->events, &watch->watcher);
}
