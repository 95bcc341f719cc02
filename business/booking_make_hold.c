/* create_booking from the hold on: the time is taken, the event is made, the booking is confirmed;
 * or nothing is left of it. Whatever is cut off here is finished by the reconciler. */
#include <errno.h>
#include <string.h>

#include "business/booking_make.h"
#include "business/limits.h"
#include "business/reconcile.h"
#include "business/saga.h"
#include "business/settle.h"

#define DUE_AFTER_S 35u /* more than a call takes: nobody is at it any more */
#define MARGIN_MS   500u

/* Nobody's time was taken by this call: neither asking for what others have nor a calendar that
 * cannot be written uses up what may be booked. Once, however it goes on. */
static void make_give(struct make *make) {
    const struct booking *booking = make->booking;
    if (!make->braked)
        return;
    make->braked = false;
    brakes_give(make->server, "booking", booking->business, booking_customer(booking, "email"),
                booking_customer(booking, "phone"));
}

static void make_taken(struct make *make) {
    make_give(make);
    offer_refuse(make->call, take_ptr(make->offer), SLOT_TAKEN, make->start);
    make_free(make);
}

/* Nothing was booked. */
static void make_refuse_now(struct make *make, const char *code) {
    make_give(make);
    if (make->offer != NULL)
        offer_refuse_now(make->call, make->offer, code);
    else /* an earlier try came to nothing */
        business_refuse_for_now(make->call, 503, "cannot_confirm_now",
                                "Nothing can be confirmed at the moment. Nothing was booked.",
                                10000);
    make_free(make);
}

/* The event may be there, and the booking be confirmed yet: not a code after which to take another
 * key. */
static void make_refuse_unknown(struct make *make) {
    business_refuse_for_now(make->call, 503, "business_unavailable",
                            "It is not yet known whether this is booked. Repeat it under the same "
                            "idempotency key.",
                            10000);
    make_free(make);
}

static void make_reply(struct make *make, const struct booking *booking) {
    struct business_call *call = make->call;
    json_t *result = booking_made_json(make->server, booking);
    make_free(make);
    business_reply(call, result);
}

/* ---- another call, or an earlier try of this one, has made it ---- */

static void on_released(void *ctx, int error, const struct pg_rows *rows) {
    struct make *make = ctx;
    (void)rows;
    if (error == 0) {
        make_fresh(make);
        return;
    }
    business_refuse_store(make->call, error);
    make_free(make);
}

/* Who gave no key asks for a booking, not for what became of one. Before anything of ours is made.
 */
static bool counts_no_more(const struct make *make, const struct booking *booking) {
    return make->key.derived && make->booking == NULL && make->offer == NULL &&
           strncmp(booking->status, "cancel", 6) == 0;
}

static void on_settled(void *ctx, int error, struct booking *booking) {
    struct make *make = ctx;
    if (error != 0 || (booking != NULL && strcmp(booking->status, "holding") == 0)) {
        make_refuse_unknown(make);
    } else if (booking != NULL && counts_no_more(make, booking)) {
        once_release(make->server, &make->key, booking->reference, on_released, make);
    } else if (booking != NULL && strcmp(booking->status, "undoing") != 0) {
        make_reply(make, booking);
    } else {
        make_refuse_now(make, ""); /* it came to nothing, or will; then the key is free again */
    }
    booking_free(booking);
}

static void make_settle(struct make *make, const char *reference) {
    settle_load(make->server, reference, make->call->deadline_ms - MARGIN_MS, on_settled, make);
}

void make_repeat(struct make *make, const char *reference) {
    make_settle(make, reference);
}

/* ---- the end of it ---- */

static void on_confirmed(void *ctx, int error, bool changed) {
    struct make *make = ctx;
    if (error == 0 && changed) {
        strcpy(make->booking->status, "confirmed");
        make_reply(make, make->booking);
        return;
    }
    /* An answer of the database was lost, or the hold's time was over: the row knows. */
    make_settle(make, make->booking->reference);
}

static void released_taken(void *ctx, int error, bool changed) {
    (void)error; /* the reconciler finds it otherwise */
    (void)changed;
    make_taken(ctx);
}

/* Only what is being undone is certain not to be booked. What else the row says is so: the
 * reconciler may have found the event first. */
static void on_undoing(void *ctx, int error, bool changed) {
    struct make *make = ctx;
    reconcile_soon(make->server);
    if (error != 0)
        make_refuse_unknown(make);
    else if (changed)
        make_refuse_now(make, "");
    else
        make_settle(make, make->booking->reference);
}

static void released_now(void *ctx, int error, bool changed) {
    (void)error;
    (void)changed;
    make_refuse_now(ctx, "");
}

static void on_step(void *ctx, const struct saga_end *end) {
    struct make *make = ctx;
    struct booking *booking = make->booking;
    bool there = end->outcome == SAGA_DONE && end->exists;
    if (!there && end->outcome != SAGA_CONFLICT)
        saga_tell_trouble(make->server, booking->owner, booking->business,
                          make->offer->business_name, end->code);
    memcpy(booking->account, end->account, sizeof(booking->account));
    if (there)
        change_confirmed(make->server, booking, on_confirmed, make);
    else if (!end->certain)
        change_undoing(make->server, booking, on_undoing, make);
    else
        change_released(make->server, booking,
                        end->outcome == SAGA_CONFLICT ? released_taken : released_now, make);
}

/* ---- the beginning ---- */

/* Somebody has the time, or has used the key: perhaps this very request, a moment ago. */
static void on_key_again(void *ctx, int error, const char *reference, bool same) {
    struct make *make = ctx;
    make_give(make); /* whoever has it took its own */
    if (error == 0 && reference == NULL) {
        make_taken(make);
    } else if (error == 0 && same) {
        make_repeat(make, reference);
    } else {
        if (error == 0)
            once_refuse(make->call);
        else
            business_refuse_store(make->call, error);
        make_free(make);
    }
}

/* Our own row after an answer that was lost, or another's use of the key. */
static void on_own(void *ctx, int error, struct booking *found) {
    struct make *make = ctx;
    SCOPE_BOOKING struct booking *booking = found;
    if (booking != NULL) {
        saga_step(make->server, CLOISTER__FRONT_KIND__FRONT_BOOK, make->booking, make->deadline_ms,
                  on_step, make);
    } else if (error == 0 && make->key.given) {
        once_find(make->server, &make->key, on_key_again, make);
    } else {
        business_refuse_store(make->call, error);
        make_free(make);
    }
}

static void on_held(void *ctx, int error, bool changed) {
    struct make *make = ctx;
    if (error == 0 && changed) {
        saga_step(make->server, CLOISTER__FRONT_KIND__FRONT_BOOK, make->booking, make->deadline_ms,
                  on_step, make);
    } else if (error == 0 && make->key.given) {
        once_find(make->server, &make->key, on_key_again, make);
    } else if (error == 0) {
        make_taken(make);
    } else if (error == -EEXIST) {
        booking_load(make->server, make->booking->reference, on_own, make);
    } else {
        business_refuse_store(make->call, error);
        make_free(make);
    }
}

void make_hold(struct make *make) {
    change_hold(make->server, make->booking, &make->key, DUE_AFTER_S, on_held, make);
}
