/* reschedule_booking and reschedule_booking_as_owner: the new time is taken beside the old one, the
 * event is moved, then the old time is given up. An owner may move to any time that is free. */
#include <string.h>

#include "business/change.h"
#include "business/limits.h"
#include "business/offer.h"
#include "business/reconcile.h"
#include "business/saga.h"
#include "business/settle.h"
#include "ipc/log.h"

#define DUE_AFTER_S 35u
#define STEP_MS     15000u
#define MARGIN_MS   3000u

struct move {
    struct business_call *call;
    struct business_server *server;
    struct booking *booking;
    struct offer *offer; /* NULL: the owner asks */
    int64_t to;
};

static void move_free(struct move *move) {
    offer_free(move->offer);
    booking_free(move->booking);
    free(move);
}

static void move_reply(struct move *move) {
    struct business_call *call = move->call;
    json_t *state = booking_changed_json(call, move->booking);
    move_free(move);
    business_reply(call, state);
}

/* The appointment keeps its length and buffers, whatever the service has become. */
static void as_booked(struct offer *offer, const struct booking *booking) {
    offer->rules.duration = booking->end - booking->start;
    offer->rules.before = booking->before;
    offer->rules.after = booking->after;
}

/* Owners may choose any time, but what they are offered instead is what their customers are. */
static void on_next(void *ctx, struct offer *offer) {
    struct move *move = ctx;
    if (offer != NULL && strcmp(offer->owner, move->booking->owner) == 0) {
        as_booked(offer, move->booking);
        offer_refuse(move->call, take_ptr(offer), SLOT_TAKEN, move->to);
    } else {
        business_refuse(move->call, 409, "slot_taken", "This time is not free.",
                        json_pack("{s:[]}", "next_slots"));
    }
    offer_free(offer);
    move_free(move);
}

static void move_taken(struct move *move) {
    if (move->offer == NULL) {
        offer_look(move->server, move->booking->business, move->booking->service, on_next, move);
        return;
    }
    offer_refuse(move->call, take_ptr(move->offer), SLOT_TAKEN, move->to);
    move_free(move);
}

static void move_refuse_now(struct move *move, const char *detail) {
    business_refuse_for_now(move->call, 503, "cannot_confirm_now", detail, 10000);
    move_free(move);
}

static void on_settled(void *ctx, int error, struct booking *booking) {
    struct move *move = ctx;
    if (error == 0 && booking != NULL && booking->start == move->to && !settle_waits(booking)) {
        booking_free(move->booking);
        move->booking = booking;
        move_reply(move);
        return;
    }
    booking_free(booking);
    move_refuse_now(move, "This booking was changed just now. Look at it again.");
}

static void on_moved(void *ctx, int error, bool changed) {
    struct move *move = ctx;
    if (error == 0 && changed) {
        struct booking *booking = move->booking;
        booking->end = booking->move_to + (booking->end - booking->start);
        booking->start = booking->move_to;
        booking->step[0] = '\0';
        move_reply(move);
        return;
    }
    settle_load(move->server, move->booking->reference, move->call->deadline_ms - MARGIN_MS / 2,
                on_settled, move);
}

static void stayed_taken(void *ctx, int error, bool changed) {
    (void)error; /* the reconciler puts it right otherwise */
    (void)changed;
    move_taken(ctx);
}

static void stayed_now(void *ctx, int error, bool changed) {
    (void)error;
    (void)changed;
    move_refuse_now(ctx, "The business's calendar cannot be read at the moment. The booking stays "
                         "as it was.");
}

static void gone(void *ctx, int error, bool changed) {
    struct move *move = ctx;
    (void)error;
    (void)changed;
    business_refuse(move->call, 409, "booking_over", "The business has cancelled this booking.",
                    NULL);
    move_free(move);
}

static void on_step(void *ctx, const struct saga_end *end) {
    struct move *move = ctx;
    const struct booking *booking = move->booking;
    if (end->outcome == SAGA_FAILED || end->outcome == SAGA_UNKNOWN)
        saga_tell_trouble(move->server, booking->owner, booking->business,
                          booking_detail(booking, "business_name"), end->code);
    if (end->outcome == SAGA_DONE && end->exists) {
        change_moved(move->server, booking, move->offer == NULL, on_moved, move);
    } else if (end->outcome == SAGA_DONE) {
        change_cancelled_by_owner(move->server, booking, gone, move);
    } else if (end->certain) {
        change_stayed(move->server, booking,
                      end->outcome == SAGA_CONFLICT ? stayed_taken : stayed_now, move);
    } else {
        change_later(move->server, booking, 1000);
        reconcile_soon(move->server);
        move_refuse_now(move, "It is not yet known whether the booking could be moved. Look at it "
                              "again in a minute.");
    }
}

/* The new time is taken; or another change of this very booking came first. */
static void on_not_moving(void *ctx, int error, struct booking *found) {
    struct move *move = ctx;
    SCOPE_BOOKING struct booking *now = found;
    const char *status = now != NULL ? now->status : "cancelled";
    if (error != 0) {
        business_refuse_store(move->call, error);
        move_free(move);
    } else if (strcmp(status, "confirmed") != 0) {
        business_refuse(move->call, 409, "booking_over", "This booking is cancelled.", NULL);
        move_free(move);
    } else if (now->version != move->booking->version || *now->step != '\0') {
        business_refuse_for_now(move->call, 503, "cannot_confirm_now",
                                "This booking is being changed at the moment.", 3000);
        move_free(move);
    } else {
        move_taken(move);
    }
}

static void on_moving(void *ctx, int error, bool changed) {
    struct move *move = ctx;
    struct booking *booking = move->booking;
    if (error == 0 && !changed) {
        booking_load(move->server, booking->reference, on_not_moving, move);
        return;
    }
    if (error != 0) {
        business_refuse_store(move->call, error);
        move_free(move);
        return;
    }
    booking->version++;
    booking->move_to = move->to;
    strcpy(booking->step, "move");
    uint64_t until = clock_ms() + STEP_MS, latest = move->call->deadline_ms - MARGIN_MS;
    saga_step(move->server, CLOISTER__FRONT_KIND__FRONT_MOVE, booking,
              until < latest ? until : latest, on_step, move);
}

static void move_begin(struct move *move) {
    change_moving(move->server, move->booking, move->to, DUE_AFTER_S, on_moving, move);
}

static void on_offer(void *ctx, struct offer *offer) {
    struct move *move = ctx;
    move->offer = offer;
    if (offer == NULL) {
        move_free(move);
        return;
    }
    if (strcmp(offer->owner, move->booking->owner) != 0) { /* the address has become another's */
        business_refuse(move->call, 404, "unknown_business",
                        "The business of this booking is not there any more.", NULL);
        move_free(move);
        return;
    }
    as_booked(offer, move->booking);
    enum slot_state state = offer_check(offer, move->to);
    if (state == SLOT_FREE) {
        move_begin(move);
        return;
    }
    offer_refuse(move->call, take_ptr(move->offer), state, move->to);
    move_free(move);
}

/* False: it was answered. */
static bool may_move(struct business_call *call, const struct booking *booking, int64_t to) {
    int64_t now = wall_ms() / 1000;
    if (strcmp(booking->status, "confirmed") != 0)
        business_refuse(call, 409, "booking_over", "This booking is cancelled.", NULL);
    else if (booking->start <= now)
        business_refuse(call, 409, "booking_over", "This appointment has begun or is over.", NULL);
    else if (to <= now)
        business_refuse(call, 409, "too_late", "The new start is past.", NULL);
    else if (to == booking->start)
        business_reply(call, booking_changed_json(call, booking));
    else
        return true;
    return false;
}

/* Each move is told by mail to two people. False: it was answered. */
static bool moves_left(struct business_call *call, const struct booking *booking) {
    uint64_t wait_ms =
        call->origin == FROM_OWNER ? 0 : brakes_take_move(call->server, booking->reference);
    if (wait_ms > 0)
        business_refuse_for_now(call, 429, "limited",
                                "This booking was moved too often. Wait before the next time.",
                                wait_ms);
    return wait_ms == 0;
}

static void on_booking(void *ctx, struct booking *booking) {
    struct business_call *call = ctx;
    int64_t to;
    if (booking == NULL)
        return;
    if (!call_start(call, &to) || !may_move(call, booking, to) || !moves_left(call, booking)) {
        booking_free(booking);
        return;
    }
    struct move *move = calloc(1, sizeof(*move));
    if (move == NULL)
        fatal("out of memory");
    *move = (struct move){.call = call, .server = call->server, .booking = booking, .to = to};
    if (call->origin == FROM_OWNER)
        move_begin(move);
    else
        offer_load(call, booking->business, booking->service, on_offer, move);
}

void handle_reschedule_booking(struct business_call *call) {
    settle_named(call, false, on_booking, call);
}

void handle_reschedule_booking_as_owner(struct business_call *call) {
    settle_named(call, false, on_booking, call);
}
