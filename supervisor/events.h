/* What happens to agents, turns and cloisterd itself, as it happens: told to whoever watches, and
 * the latest turns kept for `status` and `top`. Ids, codes and numbers; never any content. Without
 * a watcher, telling costs next to nothing. Loop thread. */
#ifndef CLOISTER_SUPERVISOR_EVENTS_H
#define CLOISTER_SUPERVISOR_EVENTS_H

#include <event2/event.h>
#include <jansson.h>
#include <sys/types.h>

#include "ipc/base.h"

enum event_word {
#define EVENT(NAME, word, manual) EVENT_##NAME,
#include "supervisor/events.def"
#undef EVENT
    EVENT_MAX
};

/* NULL and 0: not known, and left out. `code` is a word of failures.def or of the caller's own. */
struct event_fact {
    const char *user, *origin, *turn, *code;
    pid_t pid;
    uint64_t took_ms, took_us, count;
};

struct events;
int events_new(struct event_base *base, struct events **ret) MUST_CHECK;
void events_free(struct events *events); /* nobody may watch any more */

/* events_note(events, EVENT_X, .user = user, .pid = pid); `events` may be NULL. */
#define events_note(events, word, ...)                                                             \
    events_tell((events), (word), &(const struct event_fact){__VA_ARGS__})
void events_tell(struct events *events, enum event_word word, const struct event_fact *fact);

/* ---- watching ---- */

/* Someone who watches. `tell` is given one event, which it takes over; -EAGAIN: it has no room now,
 * and events_room says when it has. What it misses until then is counted, and told. */
struct events_watcher {
    struct events_watcher *next;
    int (*tell)(struct events_watcher *watcher, json_t *event);
    uint64_t missed;
};
void events_watch(struct events *events, struct events_watcher *watcher);
void events_unwatch(struct events *events, struct events_watcher *watcher);
void events_room(struct events_watcher *watcher);

/* ---- the latest turns ---- */

#define EVENTS_RECENT_S 60

/* Turns that ended within the last minute (of the last 1024). */
struct events_recent {
    unsigned turns, failed, model_failed, google_failed;
    double per_second; /* over the last ten seconds */
    uint64_t p50_ms, p99_ms;
};
void events_recent(const struct events *events, struct events_recent *ret);

#endif
