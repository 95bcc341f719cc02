/* check_availability: free times of a service, from its hours, what is held and booked, and the
 * owner's calendar as it is now. */
#include <stdio.h>
#include <string.h>

#include "business/offer.h"
#include "business/slots.h"
#include "ipc/log.h"

#define SLOTS_MAX  200
#define SLOTS_MANY 50
#define SPAN_DAYS  31
#define SPAN_FEW   7
#define MARGIN_MS  500u

struct ask {
    struct business_call *call;
    struct offer *offer;
    int64_t from, until, now;
    char zone[ZONE_MAX];
};

static void ask_free(struct ask *ask) {
    offer_free(ask->offer);
    free(ask);
}

static void ask_reply(struct ask *ask, const struct span *slots, size_t n, int64_t next) {
    struct business_call *call = ask->call;
    json_t *result = json_pack("{s:s, s:s, s:s, s:o}", "business", ask->offer->business, "service",
                               ask->offer->service, "timezone", ask->zone, "slots",
                               offer_slots_json(ask->zone, slots, n));
    if (next != 0)
        (void)json_object_set_new(result, "next_from", instant_json(ask->zone, next));
    call->results = (int64_t)n;
    business_reply(call, result);
}

static void on_busy(void *ctx, int error, const struct busy *busy) {
    struct ask *ask = ctx;
    struct business_call *call = ask->call;
    struct span slots[SLOTS_MAX];
    int64_t next = 0;
    if (error != 0) {
        business_refuse_store(call, error);
    } else if (*busy->code != '\0') {
        offer_refuse_now(call, ask->offer, busy->code);
    } else {
        struct availability question = {.hours = ask->offer->hours,
                                        .rules = ask->offer->rules,
                                        .busy = busy->spans,
                                        .n_busy = busy->n,
                                        .now = ask->now};
        size_t limit = (size_t)business_number(call, "limit", SLOTS_MANY);
        ssize_t n = availability_list(&question, ask->from, ask->until, slots,
                                      limit < SLOTS_MAX ? limit : SLOTS_MAX, &next);
        if (n < 0)
            fatal("out of memory");
        ask_reply(ask, slots, (size_t)n, next);
    }
    ask_free(ask);
}

static void on_offer(void *ctx, struct offer *offer) {
    struct ask *ask = ctx;
    struct business_call *call = ask->call;
    ask->offer = offer;
    if (offer == NULL) {
        ask_free(ask);
        return;
    }
    if (*ask->zone == '\0')
        (void)snprintf(ask->zone, sizeof(ask->zone), "%s", hours_zone(offer->hours));
    const struct service_rules *rules = &offer->rules;
    int64_t from = ask->from > ask->now ? ask->from : ask->now,
            latest = ask->now + rules->horizon + 1,
            until = ask->until < latest ? ask->until : latest;
    if (from >= until) { /* nothing can be booked then, whatever the calendar says */
        ask_reply(ask, NULL, 0, 0);
        ask_free(ask);
        return;
    }
    slots_busy(call->server, offer->owner, from - rules->before,
               until + rules->duration + rules->after, call->deadline_ms - MARGIN_MS, on_busy, ask);
}

/* False: the call was refused. */
static bool window(struct business_call *call, struct ask *ask) {
    ask->now = wall_ms() / 1000;
    if (!call_instant(call, "from", ask->now, &ask->from) ||
        !call_instant(call, "until", ask->from + SPAN_FEW * INT64_C(86400), &ask->until))
        return false;
    if (ask->until <= ask->from || ask->until - ask->from > SPAN_DAYS * INT64_C(86400)) {
        business_refuse_argument(call, "until: must be after from, by at most 31 days");
        return false;
    }
    const char *zone = business_text(call, "timezone");
    if (*zone != '\0' && !zone_valid(zone)) {
        business_refuse_argument(call, "timezone: is no IANA time zone such as Europe/Berlin");
        return false;
    }
    (void)snprintf(ask->zone, sizeof(ask->zone), "%s", zone);
    return true;
}

void handle_check_availability(struct business_call *call) {
    struct ask *ask = calloc(1, sizeof(*ask));
    if (ask == NULL)
        fatal("out of memory");
    ask->call = call;
    if (!window(call, ask)) {
        ask_free(ask);
        return;
    }
    offer_load(call, business_text(call, "business"), business_text(call, "service"), on_offer,
               ask);
}
