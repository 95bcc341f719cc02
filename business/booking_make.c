/* create_booking: arguments, an idempotency key that was used before, and whether the time can be
 * booked at all. What follows is in booking_make_hold.c. */
#include "business/booking_make.h"

#include <stdio.h>
#include <string.h>

#include "business/limits.h"
#include "ipc/log.h"

#define STEP_MS   20000u /* for the calendar */
#define MARGIN_MS 5000u  /* of the call's time, for the database around it */

void make_free(struct make *make) {
    offer_free(make->offer);
    booking_free(make->booking);
    free(make);
}

static const char *customer_text(const struct business_call *call, const char *name) {
    const char *text =
        json_string_value(json_object_get(json_object_get(call->arguments, "customer"), name));
    return text != NULL ? text : "";
}

static json_t *details_of(const struct make *make) {
    const struct business_call *call = make->call;
    static const char *const kept[] = {"note", "address", "timezone", "language"};
    json_t *details =
        json_pack("{s:s, s:s, s:s, s:O, s:s}", "business_name", make->offer->business_name,
                  "service_name", make->offer->service_name, "place", make->offer->place,
                  "customer", json_object_get(call->arguments, "customer"), "channel",
                  call->by_agent ? "agent" : call->client.channel);
    for (size_t i = 0; i < COUNT_OF(kept) && details != NULL; i++)
        if (*business_text(call, kept[i]) != '\0')
            (void)json_object_set_new(details, kept[i], json_string(business_text(call, kept[i])));
    if (details == NULL)
        fatal("out of memory");
    return details;
}

static void booking_of(struct make *make) {
    const struct offer *offer = make->offer;
    struct booking *booking = calloc(1, sizeof(*booking));
    if (booking == NULL)
        fatal("out of memory");
    reference_make('B', booking->reference);
    event_name_make(make->server, booking->reference, booking->event);
    strcpy(booking->owner, offer->owner); /* arrays of one size each */
    strcpy(booking->business, offer->business);
    strcpy(booking->service, offer->service);
    strcpy(booking->status, "holding");
    strcpy(booking->step, "book");
    (void)snprintf(booking->zone, sizeof(booking->zone), "%s", hours_zone(offer->hours));
    booking->start = make->start;
    booking->end = make->start + offer->rules.duration;
    booking->before = offer->rules.before;
    booking->after = offer->rules.after;
    booking->version = 1;
    booking->details = details_of(make);
    make->booking = booking;
}

bool make_read(struct make *make) {
    struct business_call *call = make->call;
    const char *zone = business_text(call, "timezone");
    if (!call_start(call, &make->start))
        return false;
    if (*customer_text(call, "email") == '\0' && *customer_text(call, "phone") == '\0')
        business_refuse_argument(call, "customer: needs an email or a phone");
    else if (*zone != '\0' && !zone_valid(zone))
        business_refuse_argument(call, "timezone: is no IANA time zone such as Europe/Berlin");
    else if (make->offer->at_customer && *business_text(call, "address") == '\0')
        business_refuse_argument(call, "address: is needed, the service takes place there");
    else
        return true;
    return false;
}

static void make_begin(struct make *make) {
    struct business_call *call = make->call;
    enum slot_state state = offer_check(make->offer, make->start);
    if (state != SLOT_FREE) {
        offer_refuse(call, take_ptr(make->offer), state, make->start);
        make_free(make);
        return;
    }
    uint64_t wait_ms = brakes_take(make->server, "booking", make->offer->business,
                                   customer_text(call, "email"), customer_text(call, "phone"));
    if (wait_ms > 0) {
        business_refuse_for_now(call, 429, "limited",
                                "Too many bookings at once. Wait before the next.", wait_ms);
        make_free(make);
        return;
    }
    make->braked = true;
    booking_of(make);
    make_hold(make);
}

static void on_offer(void *ctx, struct offer *offer) {
    struct make *make = ctx;
    make->offer = offer;
    if (offer == NULL || !make_read(make)) {
        make_free(make);
        return;
    }
    make_begin(make);
}

void make_fresh(struct make *make) {
    struct business_call *call = make->call;
    offer_load(call, business_text(call, "business"), business_text(call, "service"), on_offer,
               make);
}

static void on_key(void *ctx, int error, const char *reference, bool same) {
    struct make *make = ctx;
    if (error == 0 && reference == NULL) {
        make_fresh(make);
        return;
    }
    if (error == 0 && same) {
        make_repeat(make, reference);
        return;
    }
    if (error != 0)
        business_refuse_store(make->call, error);
    else
        once_refuse(make->call);
    make_free(make);
}

void handle_create_booking(struct business_call *call) {
    struct make *make = calloc(1, sizeof(*make));
    if (make == NULL)
        fatal("out of memory");
    uint64_t now = clock_ms(),
             left = call->deadline_ms > now + MARGIN_MS ? call->deadline_ms - now - MARGIN_MS : 0;
    *make = (struct make){.call = call,
                          .server = call->server,
                          .deadline_ms = now + (left < STEP_MS ? left : STEP_MS)};
    once_key(call, &make->key);
    /* First the key: what was booked stays booked, whatever has become of the business since. */
    if (make->key.given)
        once_find(make->server, &make->key, on_key, make);
    else
        make_fresh(make);
}
