/* cancel_booking and cancel_booking_as_owner: cancelled for everybody at once; the event is removed
 * right after, or by the reconciler when the calendar cannot be reached. */
#include <string.h>

#include "business/change.h"
#include "business/saga.h"
#include "business/settle.h"
#include "ipc/log.h"

#define DUE_AFTER_S 35u
#define STEP_MS     15000u
#define MARGIN_MS   3000u

struct cancel {
    struct business_call *call;
    struct booking *booking;
};

static void cancel_reply(struct cancel *cancel) {
    struct business_call *call = cancel->call;
    json_t *state = booking_changed_json(call, cancel->booking);
    booking_free(cancel->booking);
    free(cancel);
    business_reply(call, state);
}

static void on_cancelled(void *ctx, int error, bool changed) {
    struct cancel *cancel = ctx;
    if (error == 0 && changed)
        strcpy(cancel->booking->status, "cancelled");
    cancel_reply(cancel);
}

static void on_removed(void *ctx, const struct saga_end *end) {
    struct cancel *cancel = ctx;
    if (end->outcome == SAGA_DONE && !end->exists)
        change_cancelled(cancel->call->server, cancel->booking, on_cancelled, cancel);
    else
        cancel_reply(cancel);
}

static void on_settled(void *ctx, int error, struct booking *booking) {
    struct cancel *cancel = ctx;
    struct business_call *call = cancel->call;
    if (error == 0 && booking != NULL && strncmp(booking->status, "cancel", 6) == 0) {
        booking_free(cancel->booking);
        cancel->booking = booking;
        cancel_reply(cancel);
        return;
    }
    booking_free(booking);
    booking_free(cancel->booking);
    free(cancel);
    if (error != 0)
        business_refuse_store(call, error);
    else
        business_refuse_for_now(call, 503, "cannot_confirm_now",
                                "This booking was changed just now. Look at it again.", 1000);
}

static void on_cancelling(void *ctx, int error, bool changed) {
    struct cancel *cancel = ctx;
    struct business_call *call = cancel->call;
    struct booking *booking = cancel->booking;
    if (error != 0 || !changed) { /* perhaps by an answer that was lost */
        settle_load(call->server, booking->reference, call->deadline_ms - MARGIN_MS, on_settled,
                    cancel);
        return;
    }
    booking->version++;
    strcpy(booking->status, "cancelling");
    strcpy(booking->step, "cancel");
    uint64_t until = clock_ms() + STEP_MS, latest = call->deadline_ms - MARGIN_MS;
    saga_step(call->server, CLOISTER__FRONT_KIND__FRONT_REMOVE, booking,
              until < latest ? until : latest, on_removed, cancel);
}

static void on_booking(void *ctx, struct booking *booking) {
    struct business_call *call = ctx;
    if (booking == NULL)
        return;
    bool over = strcmp(booking->status, "confirmed") == 0 && booking->start <= wall_ms() / 1000;
    if (over) {
        booking_free(booking);
        business_refuse(call, 409, "booking_over", "This appointment has begun or is over.", NULL);
        return;
    }
    struct cancel *cancel = malloc(sizeof(*cancel));
    if (cancel == NULL)
        fatal("out of memory");
    *cancel = (struct cancel){call, booking};
    if (strcmp(booking->status, "confirmed") == 0)
        change_cancelling(call->server, booking, call->origin == FROM_OWNER,
                          business_text(call, "reason"), DUE_AFTER_S, on_cancelling, cancel);
    else
        cancel_reply(cancel);
}

void handle_cancel_booking(struct business_call *call) {
    settle_named(call, true, on_booking, call);
}

void handle_cancel_booking_as_owner(struct business_call *call) {
    settle_named(call, false, on_booking, call);
}
