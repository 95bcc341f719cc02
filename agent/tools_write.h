/* What the writing tools share. */
#ifndef CLOISTER_AGENT_TOOLS_WRITE_H
#define CLOISTER_AGENT_TOOLS_WRITE_H

#include "agent/calendar.h"
#include "agent/tools.h"

#define WRITE_TRIES   4u
#define WRITE_BASE_MS 400
#define WRITE_MAX_MS  8000

/* ---- before a write ---- */

/* Scope and the limits of writes. False: the run has its result. */
bool write_allowed(struct turn *turn, struct tool_run *run);
/* What the policy says of this change, as far as its rules hold. `own`: Cloister made the event or
 * makes it; `guests`: it has some, or gets some. */
enum verdict write_judge(const struct turn *turn, enum tool_id tool, bool own, bool guests);
/* Result for a change that nobody is there to confirm. */
int write_unconfirmable(struct tool_run *run);
/* Whether an event may be called this: its length, and that no other event's words are in it.
 * `event` NULL: a new one. False: the run has its result. */
bool write_title(struct turn *turn, struct tool_run *run, const char *title, const json_t *event);

/* Whom the argument "attendees" invites: those whom the owner named in this message (those whom the
 * event has are on it already, and are left out). *ret is an array of addresses, perhaps empty, for
 * json_decref. `event` may be NULL. False: the run has its result. */
bool guests_read(struct turn *turn, struct tool_run *run, const json_t *event, json_t **ret);
/* Google's "attendees": those that `event` has, as they are, and the invited. */
json_t *guests_json(const json_t *event, const json_t *invited);
/* A name that stands in a text by itself, not as a part of another address; case does not matter.
 */
bool guests_named(const char *text, const char *address);

/* ---- writing ---- */

/* Query of a write that guests are to hear of; NULL: nobody hears. */
const struct google_param *write_params(bool mail);
/* Reads an event by its reference: *ret is its JSON or NULL (*ret_status 404 or 410). A cancelled
 * event is returned as it is. Other refusals become the run's result. 0, or -errno with the fault
 * set. */
int write_look(struct turn *turn, struct tool_run *run, const char *id, json_t **ret,
               int *ret_status);
/* The outcome of a write could not be settled: ends the turn saying so. */
int write_unknown(struct turn *turn, bool maybe_done);
/* A line for the notes about a change that was made: with the event's times, so that "make it five"
 * needs no look at it, which would bring other people's text. `times`: NULL or empty when there are
 * none. */
void write_record(struct turn *turn, const char *tool, const char *handle, const char *outcome,
                  const struct event_times *times);
/* {"event", "start", "end", "timezone", "result", "note"?} */
json_t *write_result(const char *handle, const struct event_times *times, const char *result,
                     const char *note);
/* Waits before looking or trying again. -EAGAIN when no time is left. */
int write_pause(struct turn *turn, unsigned attempt);

enum created { CREATED, EXISTED, TAKEN, REFUSED };
/* Inserts `body` under its id until the outcome is known. REFUSED: the run has its result; TAKEN:
 * the id is another's, or of an event that was deleted. *ret_event is for json_decref. 0, or -errno
 * with the fault set. */
int create_try(struct turn *turn, struct tool_run *run, const json_t *body, bool mail,
               enum created *ret, json_t **ret_event);

/* What one attempt at a change led to. */
enum step {
    STEP_DONE,  /* the run has its result */
    STEP_AGAIN, /* look again: changed meanwhile, or the answer was lost */
};

struct change {
    struct turn *turn;
    struct tool_run *run;
    const char *id; /* its reference, see event_place */
    const char *handle;
    char tag[EVENT_TAG_LEN + 1];
    const json_t *confirmed; /* the proposal that is carried out; NULL: the tool's own change */
    uint32_t guests;         /* invited in this turn before it */
    bool silent;             /* some attempt got no answer at all */
    bool unknown;            /* some attempt got no good answer */
    bool moved;              /* some attempt met a newer version */
};
/* Looks at the event and calls `once` until it is settled. 0, or -errno with the fault set. */
int change_run(struct change *change,
               int (*once)(struct change *change, const json_t *event, enum step *ret_step));
/* What a write's answer means; the answer is freed. */
int change_answer(struct change *change, struct google_answer *answer, enum step *ret_step);
/* Counts and records a change; `times` NULL: it is a deletion. */
int change_done(struct change *change, const struct event_times *times, const char *note);
/* One attempt of update_event. */
int update_once(struct change *change, const json_t *event, enum step *ret_step);

#endif
