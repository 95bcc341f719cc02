#include "business/follow.h"

#include <stdio.h>
#include <string.h>

#include "business/change.h"
#include "business/saga.h"
#include "ipc/log.h"

#define SOON_MS 10000u

struct follow {
    struct business_server *server;
    struct booking *booking;
    followed *done;
    void *ctx;
};

static void follow_end(struct follow *follow) {
    struct booking *booking = follow->booking;
    followed *done = follow->done;
    void *ctx = follow->ctx;
    free(follow);
    done(ctx, booking);
}

static void on_again(void *ctx, int error, struct booking *booking) {
    struct follow *follow = ctx;
    if (error == 0 && booking != NULL) {
        booking_free(follow->booking);
        follow->booking = booking;
    }
    follow_end(follow);
}

static void on_changed(void *ctx, int error, bool changed) {
    struct follow *follow = ctx;
    (void)error; /* whatever happened, the row says how it is */
    (void)changed;
    booking_load(follow->server, follow->booking->reference, on_again, follow);
}

static void on_look(void *ctx, const struct saga_end *end) {
    struct follow *follow = ctx;
    const struct booking *booking = follow->booking;
    bool elsewhere = end->exists && (end->start != booking->start ||
                                     change_end_of(booking, end->start, end->end) != booking->end);
    if (end->outcome != SAGA_DONE) {
        saga_tell_trouble(follow->server, booking->owner, booking->business,
                          booking_detail(booking, "business_name"), end->code);
        follow_end(follow);
    } else if (end->gone) {
        change_cancelled_by_owner(follow->server, booking, on_changed, follow);
    } else if (elsewhere) {
        change_followed(follow->server, booking, end->start, end->end, on_changed, follow);
    } else {
        change_looked(follow->server, booking, end->account);
        follow_end(follow);
    }
}

void follow_booking(struct business_server *server, struct booking *booking, uint64_t deadline_ms,
                    followed *done, void *ctx) {
    struct follow *follow = malloc(sizeof(*follow));
    if (follow == NULL)
        fatal("out of memory");
    *follow = (struct follow){server, booking, done, ctx};
    saga_step(server, CLOISTER__FRONT_KIND__FRONT_LOOK, booking, deadline_ms, on_look, follow);
}

static void for_nobody(void *ctx, struct booking *booking) {
    (void)ctx;
    booking_free(booking);
}

static void on_loaded(void *ctx, int error, struct booking *booking) {
    (void)error;
    if (booking != NULL && strcmp(booking->status, "confirmed") == 0 && *booking->step == '\0')
        follow_booking(ctx, booking, clock_ms() + SOON_MS, for_nobody, NULL);
    else
        booking_free(booking);
}

void follow_soon(struct business_server *server, const char *reference) {
    booking_load(server, reference, on_loaded, server);
}
