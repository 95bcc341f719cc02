/* What the calendar says decides, since whoever began the step is not at it any more:
 *   book    the event is there: confirmed, if the time is still held, else undone; else released
 *   undo    the event is removed, twice to be sure, then nothing is left
 *   move    the booking is where its event is
 *   cancel  the event is removed
 * A calendar that does not say leaves the step for later. Who disconnected it may never connect it
 * again: what was only to be removed is let go once its time is over. */
#include "business/reconcile_step.h"

#include <string.h>

#include "business/change.h"
#include "business/saga.h"
#include "ipc/log.h"

#define STEP_MS       30000u
#define LATER_MS      4000u
#define LATER_MAX_MS  600000u
#define UNDO_AGAIN_MS 15000u /* what was sent and not answered may still arrive */
#define ATTEMPTS_MANY 8      /* from then on as late as it gets */

struct step {
    struct business_server *server;
    struct booking *booking;
    reconcile_over *done;
    void *ctx;
};

static void step_end(struct step *step) {
    reconcile_over *done = step->done;
    void *ctx = step->ctx;
    booking_free(step->booking);
    free(step);
    done(ctx);
}

static void on_changed(void *ctx, int error, bool changed) {
    (void)error; /* it is due again in a minute */
    (void)changed;
    step_end(ctx);
}

static void step_later(struct step *step) {
    int64_t attempts = step->booking->attempts;
    change_later(step->server, step->booking,
                 backoff_ms(attempts < ATTEMPTS_MANY ? (unsigned)attempts : ATTEMPTS_MANY, LATER_MS,
                            LATER_MAX_MS));
    step_end(step);
}

/* Confirmed too late: the time was given up. */
static void on_confirmed(void *ctx, int error, bool changed) {
    struct step *step = ctx;
    if (error == 0 && !changed)
        change_undoing(step->server, step->booking, on_changed, step);
    else
        step_end(step);
}

static void end_book(struct step *step, const struct saga_end *end) {
    memcpy(step->booking->account, end->account, sizeof(step->booking->account));
    if (end->exists)
        change_confirmed(step->server, step->booking, on_confirmed, step);
    else
        change_released(step->server, step->booking, on_changed, step);
}

static void end_move(struct step *step, const struct saga_end *end) {
    const struct booking *booking = step->booking;
    if (!end->exists)
        change_cancelled_by_owner(step->server, booking, on_changed, step);
    else if (end->start == booking->move_to)
        change_moved(step->server, booking, false, on_changed, step);
    else if (end->start == booking->start)
        change_stayed(step->server, booking, on_changed, step);
    else
        change_followed(step->server, booking, end->start, end->end, on_changed, step);
}

static bool let_go(const struct booking *booking, const char *code) {
    bool removes = strcmp(booking->step, "cancel") == 0 || strcmp(booking->step, "undo") == 0;
    return removes && booking->end <= wall_ms() / 1000 && saga_lost(code);
}

/* The event is gone, or nobody minds it any more. */
static void end_removal(struct step *step) {
    if (strcmp(step->booking->step, "undo") == 0)
        change_released(step->server, step->booking, on_changed, step);
    else
        change_cancelled(step->server, step->booking, on_changed, step);
}

static void step_failed(struct step *step, const char *code) {
    const struct booking *booking = step->booking;
    saga_tell_trouble(step->server, booking->owner, booking->business,
                      booking_detail(booking, "business_name"), code);
    if (let_go(booking, code))
        end_removal(step);
    else
        step_later(step);
}

static void on_step(void *ctx, const struct saga_end *end) {
    struct step *step = ctx;
    const struct booking *booking = step->booking;
    if (end->outcome != SAGA_DONE || (!end->exists && !end->gone)) {
        step_failed(step, end->code);
    } else if (strcmp(booking->step, "book") == 0) {
        end_book(step, end);
    } else if (strcmp(booking->step, "move") == 0) {
        end_move(step, end);
    } else if (end->exists) { /* removed, and yet there */
        step_later(step);
    } else if (strcmp(booking->step, "undo") == 0 && !booking->removed) {
        change_removed(step->server, booking, UNDO_AGAIN_MS);
        step_end(step);
    } else {
        end_removal(step);
    }
}

void reconcile_step(struct business_server *server, struct booking *booking, reconcile_over *done,
                    void *ctx) {
    bool look = strcmp(booking->step, "book") == 0 || strcmp(booking->step, "move") == 0;
    struct step *step = malloc(sizeof(*step));
    if (step == NULL)
        fatal("out of memory");
    *step = (struct step){server, booking, done, ctx};
    log_info("booking %s: %s is taken up", booking->reference, booking->step);
    saga_step(server, look ? CLOISTER__FRONT_KIND__FRONT_LOOK : CLOISTER__FRONT_KIND__FRONT_REMOVE,
              booking, clock_ms() + STEP_MS, on_step, step);
}
