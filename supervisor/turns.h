/* Turns, as cloisterd sees them: find or start the agent for (user, origin), queue, run, relay.
 * Loop thread only. */
#ifndef CLOISTER_SUPERVISOR_TURNS_H
#define CLOISTER_SUPERVISOR_TURNS_H

#include <event2/event.h>

#include "ipc/config.h"
#include "ipc/message.h"

struct turns; /* registry of agents and their queues, with the zygote behind it */
struct turn;  /* one request, queued or running */

/* Fixed text of a failure; strings are static. */
struct turn_failure {
    unsigned status; /* HTTP */
    const char *code, *detail;
    bool retryable, unknown_writes;
    uint64_t retry_after_ms;
};

struct turn_ops {
    /* The turn runs now (once). */
    void (*started)(void *ctx, const char *turn_id);
    /* TURN_DELTA, TURN_TOOL. */
    void (*event)(void *ctx, const Cloister__Message *message);
    /* HOST_CALL: answer with turn_host_reply, now or later. Only put_token for origin "connect",
     * the others for "owner"; turns.c has checked that before. */
    void (*host_call)(void *ctx, const Cloister__HostCall *call);
    /* Exactly one of these ends the turn; `turn` is invalid afterwards. `error` carries the turn's
     * own words (code and detail); `failure` is cloisterd's (agent gone, busy, full, deadline). */
    void (*done)(void *ctx, const Cloister__TurnDone *done);
    void (*error)(void *ctx, const Cloister__TurnError *error);
    void (*failed)(void *ctx, const struct turn_failure *failure);
};

/* Queues a turn for (user, origin). `start` is copied; turn id, deadline and origin are filled in
 * here. For a connect cell `user` is "" and `key` the connection id. Returns NULL and fills
 * *ret_failure when refused at once (user's queue full: 429 "busy"; agents.max reached: 503 "full";
 * draining: 503). */
struct turn *turns_submit(struct turns *turns, const char *user, const char *origin,
                          const char *connection, const Cloister__TurnStart *start,
                          const struct turn_ops *ops, void *ctx, struct turn_failure *ret_failure);
/* Also removes it from the queue. `failed` is not called. `turn` is invalid afterwards. */
void turn_cancel(struct turn *turn);
void turn_credit(struct turn *turn, uint32_t bytes);
void turn_host_reply(struct turn *turn, uint64_t call, int error, const char *detail);

/* Ends every agent of this user (disconnect): running turns fail with "disconnected". `ended` is
 * called when the last process has been reaped (at once when there is none). */
void turns_end_user(struct turns *turns, const char *user, void (*ended)(void *ctx), void *ctx);

#endif
