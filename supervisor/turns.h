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
    /* The turn runs now (once). NULL: nobody wants to know. */
    void (*started)(void *ctx, const char *turn_id);
    /* TURN_DELTA, TURN_TOOL. NULL: it says nothing that anybody hears. */
    void (*event)(void *ctx, const Cloister__Message *message);
    /* HOST_CALL: answer with turn_host_reply, now or later. Only what host_calls.def
     * allows its origin, and of cloister-business's operations what operations.def does; relay.c
     * has checked that before. */
    void (*host_call)(void *ctx, const Cloister__HostCall *call);
    /* Exactly one of these ends the turn; `turn` is invalid afterwards. `error` carries the turn's
     * own words (code and detail); `failure` is cloisterd's (agent gone, busy, full, deadline). */
    void (*done)(void *ctx, const Cloister__TurnDone *done);
    void (*error)(void *ctx, const Cloister__TurnError *error);
    void (*failed)(void *ctx, const struct turn_failure *failure);
    /* The turn is about to run: adds what is kept by now, perhaps by a turn ahead of it. What it
     * points to must last until one of the others is called. NULL: there is nothing to add. */
    void (*begins)(void *ctx, Cloister__SealedState *state);
};

/* Several agents of one user and origin, so that one customer of a business does not wait for
 * another: wherever a cell is named, "customer" may be "customer.1" to "customer.3" as well. */
#define CELLS_PER_ORIGIN 4
#define CELL_SIZE        17
/* The length of the origin in a cell's name. */
size_t cell_origin(const char *cell);
/* The one where a turn begins soonest: idle, not started yet, or with the fewest waiting. */
void turns_choose_cell(struct turns *turns, const char *user, const char *origin,
                       char out[static CELL_SIZE]);

/* Queues a turn for (user, origin); `origin` may be a cell. `start` is copied; turn id, deadline
 * and origin are filled in here. For a connect cell `user` is "" and `key` the connection id.
 * Returns NULL and fills *ret_failure when refused at once (user's queue full: 429 "busy"; too many
 * wait for room already, or memory is short: 503 "full"; draining: 503). While all of agents.max
 * are busy it waits for room, at most full_wait_ms. */
struct turn *turns_submit(struct turns *turns, const char *user, const char *origin,
                          const char *connection, const Cloister__TurnStart *start,
                          const struct turn_ops *ops, void *ctx, struct turn_failure *ret_failure);
/* For owners' chats: a request of this user begins to be looked up; the process that its turn will
 * run in is begun meanwhile if the user is remembered from before and nobody waits for room. */
void turns_wake(struct turns *turns, const char *frontend, const char *name);
/* The look-up found this; remembered, until turns_end_user. */
void turns_seen(struct turns *turns, const char *frontend, const char *name, const char *user,
                const char *connection);
/* Also removes it from the queue. `failed` is not called. `turn` is invalid afterwards. */
void turn_cancel(struct turn *turn);
/* Of one that runs: it is told to end, and how it ended is heard, perhaps before this returns. */
void turn_stop(struct turn *turn);
void turn_credit(struct turn *turn, uint32_t bytes);
void turn_host_reply(struct turn *turn, uint64_t call, int error, const char *detail);

/* The same with what cloister-business said; too much for one reply becomes a refusal. */
void turn_business_reply(struct turn *turn, uint64_t call, const Cloister__BusinessResult *result);

/* Its agent runs a turn that waits for the answer to a host call: what is queued behind it waits as
 * long. */
bool turns_awaits_host(struct turns *turns, const char *user, const char *cell);

/* Ends every agent of this user (disconnect): running turns fail with "disconnected". `ended` is
 * called when the last process has been reaped (at once when there is none). */
void turns_end_user(struct turns *turns, const char *user, void (*ended)(void *ctx), void *ctx);

#endif
