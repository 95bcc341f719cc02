/* The parts of a front cell's step: what stands in the owner's calendar for a booking. No model and
 * no tool is near it; what a step names was decided by cloister-business, and only events that
 * carry a booking's mark are touched. Used by turn_front.c and front_event.c alone. */
#ifndef CLOISTER_AGENT_FRONT_H
#define CLOISTER_AGENT_FRONT_H

#include "agent/turn_state.h"

/* How a booking's event is now. */
struct front_event {
    json_t *json; /* NULL: none */
    bool gone;    /* there is none, or it was cancelled: Google said so */
    bool absent;  /* gone; and it need not have been in this account at all */
    int64_t start, end;
};
void front_event_free(struct front_event *event);

/* Each: 0, or -errno with the fault set, which also says whether the calendar may have changed. A
 * lost answer is settled by looking again, a few times. */

/* Reads it. Fault "not_allowed" when an event of this id carries no booking's mark. */
int front_event_look(struct turn *turn, const char *id, struct front_event *ret) MUST_CHECK;
/* Inserts it under its id. There already, by an earlier attempt: *ret says how it is; deleted by
 * its owner meanwhile: ret->gone. */
int front_event_insert(struct turn *turn, const Cloister__FrontEvent *wanted,
                       struct front_event *ret) MUST_CHECK;
/* What attempts at one write have left open; starts zeroed. */
struct front_attempts {
    unsigned n;
    bool unknown; /* one got no good answer */
    bool silent;  /* one got none at all: it may still arrive */
};
/* Moves `event`, which was just read, to the wanted times. *ret_again: the answer was lost, or
 * somebody else changed the event in between; look again. */
int front_event_move(struct turn *turn, const Cloister__FrontEvent *wanted,
                     struct front_attempts *attempts, struct front_event *event,
                     bool *ret_again) MUST_CHECK;
/* Waits before the next attempt; when no other fits, the fault says how it stands. */
int front_pause(struct turn *turn, struct front_attempts *attempts) MUST_CHECK;
/* Deletes it, if it is there. */
int front_event_remove(struct turn *turn, const char *id) MUST_CHECK;

#endif
