/* A link to cloisterd, or of a public gateway to cloister-business: requests out, answers matched
 * by number. Every ask ends exactly once: with its final message, with the loss of the link, or
 * with its timeout. Loop thread. */
#ifndef CLOISTER_GATEWAY_UPSTREAM_H
#define CLOISTER_GATEWAY_UPSTREAM_H

#include <event2/event.h>

#include "ipc/message.h"

struct upstream;

enum upstream_end { UPSTREAM_REPLY, UPSTREAM_LOST, UPSTREAM_TIMEOUT };

/* `message` is NULL unless `end` is UPSTREAM_REPLY. After a reply the ask stays open only when this
 * returns true (more is to come). The message is wiped after the call. */
typedef bool upstream_answer(void *ctx, enum upstream_end end, const Cloister__Message *message);

/* While the other side restarts, requests are held instead of refused: so many, so long. */
struct upstream_limits {
    uint64_t hold_ms;
    size_t held, held_bytes;
};

/* Dials `path` and keeps redialling; says it is gateway `instance`. 0 or -errno. */
int upstream_new(struct event_base *base, const char *path, const char *instance,
                 const struct upstream_limits *limits, struct upstream **ret) MUST_CHECK;
/* The same to cloister-business. `changed` hears which public answers are out of date: of the
 * business `slug`, or ("", also after every reconnect) all. */
typedef void upstream_changed(void *ctx, const char *slug);
int upstream_new_business(struct event_base *base, const char *path,
                          const struct upstream_limits *limits, upstream_changed *changed,
                          void *ctx, struct upstream **ret) MUST_CHECK;
void upstream_free(struct upstream *upstream);
bool upstream_connected(const struct upstream *upstream);

/* The number for the next request's `request` field. */
uint64_t upstream_number(struct upstream *upstream);
/* Sends `message`, whose request field holds `number`, now or when cloisterd is back, and waits for
 * its answers up to `timeout_ms`. A chat with an Idempotency-Key, and what only reads, is sent
 * again when the link is lost before the first answer. 0, -ENOTCONN (no supervisor), -ENOBUFS (too
 * much waits), -EMSGSIZE, -ENOMEM; `answer` is not called then. */
int upstream_ask(struct upstream *upstream, uint64_t number, Cloister__Message *message,
                 uint64_t timeout_ms, upstream_answer *answer, void *ctx) MUST_CHECK;
/* Sends without waiting for an answer (cancel, credit); a lost link is no error here. */
void upstream_tell(struct upstream *upstream, Cloister__Message *message);
/* Forgets an ask: its answers are thrown away. Unknown numbers are fine. */
void upstream_forget(struct upstream *upstream, uint64_t number);
/* Ends every ask as if the link were lost (the process is about to end). */
void upstream_abandon(struct upstream *upstream);
size_t upstream_open(const struct upstream *upstream);

#endif
