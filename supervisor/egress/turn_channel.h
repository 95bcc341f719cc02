/* What one turn may have of the network: its dials, the connections it was given, and their end.
 * Egress keeps a copy of every descriptor it hands out, counts what flows, and shuts everything
 * down when the turn's channel ends or its bytes are used up. Single-threaded. */
#ifndef CLOISTER_EGRESS_TURN_CHANNEL_H
#define CLOISTER_EGRESS_TURN_CHANNEL_H

#include "ipc/message.h"
#include "supervisor/egress/pool.h"

#define TURN_DIALS_MAX    32u /* in a turn's life */
#define TURN_REFUSALS_MAX 64u /* answered so often with no; then its channel is closed */
#define TURN_OPEN_MAX     8u  /* at once, under way or connected */
#define TURN_BYTES_MAX    (64ull << 20)

struct turn;

struct turn *turn_new(int channel, const struct allow *allow, struct pool *pool);
/* Shuts down and closes every connection the turn was given, cancels its dials. */
void turn_free(struct turn *turn);
/* Answers on the channel. 0, or -errno: the channel must be closed. */
int turn_dial(struct turn *turn, const Cloister__Dial *dial) MUST_CHECK;
/* Refuses with `error`. As turn_dial. */
int turn_refuse(struct turn *turn, uint64_t call, int error, const char *detail) MUST_CHECK;
/* Counts bytes, lets go of connections the turn has ended; true when the turn is over its bytes
 * (its connections have been shut down then). */
bool turn_sweep(struct turn *turn);
bool turn_has_connections(const struct turn *turn);
/* True when an answer could not be delivered: close the channel. */
bool turn_broken(const struct turn *turn);

#endif
