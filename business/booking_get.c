/* get_booking and booking_calendar_file: how a booking is, after a look at its event: the owner may
 * have moved or deleted it. */
#include <string.h>

#include "business/follow.h"
#include "business/settle.h"

#define LOOK_MS   6000u
#define MARGIN_MS 1000u

/* A link for cancelling shows a booking, and shows no more than it opens. */
static bool may_move(const struct business_call *call) {
    return call->origin == FROM_OWNER ||
           secret_fits(call->server, SECRET_MANAGE, business_text(call, "reference"),
                       business_text(call, "secret"));
}

static void on_followed(void *ctx, struct booking *booking) {
    struct business_call *call = ctx;
    json_t *state = booking_state_json(booking, wall_ms() / 1000);
    if (!may_move(call))
        (void)json_object_set_new(state, "can_reschedule", json_false());
    booking_free(booking);
    business_reply(call, state);
}

static void on_booking(void *ctx, struct booking *booking) {
    struct business_call *call = ctx;
    if (booking == NULL)
        return;
    uint64_t until = clock_ms() + LOOK_MS, latest = call->deadline_ms - MARGIN_MS;
    if (strcmp(booking->status, "confirmed") == 0 && booking->end > wall_ms() / 1000)
        follow_booking(call->server, booking, until < latest ? until : latest, on_followed, call);
    else
        on_followed(call, booking);
}

void handle_get_booking(struct business_call *call) {
    settle_named(call, true, on_booking, call);
}

static void on_file(void *ctx, struct booking *booking) {
    struct business_call *call = ctx;
    if (booking == NULL)
        return;
    SCOPE_FREE char *ics =
        booking_ics(call->server, booking, may_move(call) ? SECRET_MANAGE : SECRET_CANCEL, false);
    booking_free(booking);
    business_reply(call, ics != NULL ? json_pack("{s:s}", "ics", ics) : NULL);
}

void handle_booking_calendar_file(struct business_call *call) {
    settle_named(call, true, on_file, call);
}
