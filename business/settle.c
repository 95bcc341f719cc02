#include "business/settle.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "business/pause.h"
#include "ipc/log.h"

#define POLL_MS   150
#define MARGIN_MS 1000u

struct settle {
    struct business_server *server;
    char reference[REFERENCE_LEN + 1];
    uint64_t deadline_ms;
    struct pause pause;
    booking_loaded *done;
    void *ctx;
};

bool settle_waits(const struct booking *booking) {
    return strcmp(booking->status, "holding") == 0 || strcmp(booking->step, "move") == 0;
}

static void on_loaded(void *ctx, int error, struct booking *booking) {
    struct settle *settle = ctx;
    bool waits = error == -EAGAIN || (booking != NULL && settle_waits(booking));
    if (waits && clock_ms() + POLL_MS < settle->deadline_ms &&
        pause_begin(&settle->pause, POLL_MS)) {
        booking_free(booking);
        return;
    }
    booking_loaded *done = settle->done;
    void *done_ctx = settle->ctx;
    pause_end(&settle->pause);
    free(settle);
    done(done_ctx, error, booking);
}

static void on_pause_over(void *ctx) {
    struct settle *settle = ctx;
    booking_load(settle->server, settle->reference, on_loaded, settle);
}

void settle_load(struct business_server *server, const char *reference, uint64_t deadline_ms,
                 booking_loaded *done, void *ctx) {
    struct settle *settle = calloc(1, sizeof(*settle));
    if (settle == NULL)
        fatal("out of memory");
    *settle =
        (struct settle){.server = server, .deadline_ms = deadline_ms, .done = done, .ctx = ctx};
    pause_init(&settle->pause, server->base, on_pause_over, settle);
    (void)snprintf(settle->reference, sizeof(settle->reference), "%s", reference);
    booking_load(server, settle->reference, on_loaded, settle);
}

struct named {
    struct business_call *call;
    settle_named_done *done;
    void *ctx;
};

static bool may_know(const struct business_call *call, const struct booking *booking) {
    if (call->origin == FROM_OWNER)
        return strcmp(booking->owner, call->user) == 0;
    return call->business[0] == '\0' || strcmp(booking->business, call->business) == 0;
}

static void refuse_unknown(struct business_call *call) {
    business_refuse(call, 404, "unknown_booking",
                    "There is no booking of this reference and secret.", NULL);
}

static void on_named(void *ctx, int error, struct booking *booking) {
    struct named named = *(struct named *)ctx;
    free(ctx);
    /* What was never confirmed is nobody's booking. */
    bool known =
        booking != NULL && may_know(named.call, booking) && strcmp(booking->status, "undoing") != 0;
    if (error != 0) {
        business_refuse_store(named.call, error);
    } else if (!known) {
        refuse_unknown(named.call);
    } else if (settle_waits(booking)) {
        business_refuse_for_now(named.call, 503, "cannot_confirm_now",
                                "This booking is being changed at the moment.", 3000);
    } else {
        named.done(named.ctx, booking);
        return;
    }
    booking_free(booking);
    named.done(named.ctx, NULL);
}

void settle_named(struct business_call *call, bool cancel_will_do, settle_named_done *done,
                  void *ctx) {
    const char *reference = business_text(call, "reference"),
               *secret = business_text(call, "secret");
    if (call->origin != FROM_OWNER &&
        !secret_fits(call->server, SECRET_MANAGE, reference, secret) &&
        !(cancel_will_do && secret_fits(call->server, SECRET_CANCEL, reference, secret))) {
        refuse_unknown(call);
        done(ctx, NULL);
        return;
    }
    struct named *named = malloc(sizeof(*named));
    if (named == NULL)
        fatal("out of memory");
    *named = (struct named){call, done, ctx};
    settle_load(call->server, reference, call->deadline_ms - MARGIN_MS, on_named, named);
}
