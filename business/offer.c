#include "business/offer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "business/saga.h"
#include "business/slots.h"
#include "ipc/log.h"

#define NEXT_MAX  5u
#define NEXT_DAYS 14
#define NEXT_MS   8000u

void offer_free(struct offer *offer) {
    if (offer == NULL)
        return;
    hours_free(offer->hours);
    free(offer->business_name);
    free(offer->service_name);
    free(offer->place);
    free(offer);
}

/* ---- loading ---- */

struct load {
    struct business_call *call; /* NULL: nothing is refused */
    char service[64];
    offer_done *done;
    void *ctx;
};

static char *text_of(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    char *copy = strdup(text != NULL ? text : "");
    if (copy == NULL)
        fatal("out of memory");
    return copy;
}

/* "Street 1, 10115 Berlin" of a profile's address. */
static char *place_of(const json_t *profile) {
    const json_t *address = json_object_get(profile, "address");
    SCOPE_FREE char *street = text_of(address, "street"), *code = text_of(address, "postal_code"),
                    *city = text_of(address, "city");
    char *place = NULL;
    if (asprintf(&place, "%s%s%s%s%s", street, *street != '\0' && *city != '\0' ? ", " : "", code,
                 *code != '\0' && *city != '\0' ? " " : "", city) < 0)
        fatal("out of memory");
    return place;
}

/* NULL: what was published cannot be booked. */
static struct offer *offer_of(const struct published *published, const json_t *service) {
    struct offer *offer = calloc(1, sizeof(*offer));
    const char *mode = json_string_value(json_object_get(service, "mode"));
    if (offer == NULL)
        fatal("out of memory");
    const char *id = json_string_value(json_object_get(service, "id"));
    (void)snprintf(offer->owner, sizeof(offer->owner), "%s", published->user);
    (void)snprintf(offer->business, sizeof(offer->business), "%s", published->slug);
    (void)snprintf(offer->service, sizeof(offer->service), "%s", id != NULL ? id : "");
    offer->business_name = text_of(published->profile, "name");
    offer->service_name = text_of(service, "name");
    offer->at_customer = mode != NULL && strcmp(mode, "at_customer") == 0;
    offer->place = mode == NULL || strcmp(mode, "at_business") == 0 ? place_of(published->profile)
                                                                    : text_of(NULL, "");
    if (hours_read(json_object_get(published->profile, "hours"), &offer->hours) == NULL &&
        service_rules_read(service, &offer->rules) == 0)
        return offer;
    offer_free(offer);
    return NULL;
}

/* With the ids that there are, as many as fit: assistants guess them from names. */
static void refuse_service(struct business_call *call, const json_t *profile) {
    char detail[512] = "This business has no such service";
    size_t i, len = strlen(detail);
    const json_t *service;
    json_array_foreach(json_object_get(profile, "services"), i, service) {
        const char *id = json_string_value(json_object_get(service, "id"));
        if (id == NULL || len + strlen(id) + sizeof("; the ids: ") >= sizeof(detail))
            break;
        len += (size_t)snprintf(detail + len, sizeof(detail) - len, "%s%s",
                                i == 0 ? "; the ids: " : ", ", id);
    }
    strcat(detail, ".");
    business_refuse(call, 404, "unknown_service", detail, NULL);
}

static void refuse_none(struct business_call *call, int error, const struct published *published,
                        const json_t *service) {
    if (error == -ENOENT)
        business_refuse_unknown(call);
    else if (published == NULL)
        business_refuse_store(call, error);
    else if (service == NULL)
        refuse_service(call, published->profile);
    else
        business_refuse(call, 409, "not_bookable", "This business does not take bookings here.",
                        NULL);
}

static void on_published(void *ctx, int error, const struct published *published) {
    struct load load = *(struct load *)ctx;
    struct offer *offer = NULL;
    free(ctx);
    const json_t *service =
        published != NULL ? profile_service(published->profile, load.service) : NULL;
    if (service != NULL && profile_feature(published->profile, "booking"))
        offer = offer_of(published, service);
    if (offer == NULL && load.call != NULL)
        refuse_none(load.call, error, published, service);
    load.done(load.ctx, offer);
}

static void begin(struct business_server *server, struct business_call *call, const char *business,
                  const char *service, offer_done *done, void *ctx) {
    struct load *load = malloc(sizeof(*load));
    if (load == NULL)
        fatal("out of memory");
    *load = (struct load){.call = call, .done = done, .ctx = ctx};
    (void)snprintf(load->service, sizeof(load->service), "%s", service);
    profile_published(server, business, on_published, load);
}

void offer_load(struct business_call *call, const char *business, const char *service,
                offer_done *done, void *ctx) {
    begin(call->server, call, business, service, done, ctx);
}

void offer_look(struct business_server *server, const char *business, const char *service,
                offer_done *done, void *ctx) {
    begin(server, NULL, business, service, done, ctx);
}

/* ---- refusing ---- */

enum slot_state offer_check(const struct offer *offer, int64_t start) {
    struct availability ask = {
        .hours = offer->hours, .rules = offer->rules, .now = wall_ms() / 1000};
    enum slot_state state;
    if (availability_check(&ask, start, &state) != 0)
        fatal("out of memory");
    return state;
}

json_t *offer_slots_json(const char *zone, const struct span *slots, size_t n) {
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        json_t *slot = json_pack("{s:o, s:o}", "start", instant_json(zone, slots[i].start), "end",
                                 instant_json(zone, slots[i].end));
        if (json_array_append_new(list, slot) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

struct refusal {
    struct business_call *call;
    struct offer *offer;
    enum slot_state state;
    int64_t from;
};

static void refuse(struct refusal *refusal, const struct span *slots, size_t n) {
    json_t *next = offer_slots_json(hours_zone(refusal->offer->hours), slots, n);
    json_t *result = json_pack("{s:o}", "next_slots", next);
    struct business_call *call = refusal->call;
    switch (refusal->state) {
    case SLOT_TOO_SOON:
        business_refuse(call, 409, "too_late", "This start is past, or too soon for the business.",
                        result);
        break;
    case SLOT_BEYOND_HORIZON:
        business_refuse(call, 409, "outside_hours",
                        "The business does not take bookings that far ahead.", result);
        break;
    case SLOT_OUTSIDE_HOURS:
        business_refuse(call, 409, "outside_hours",
                        "The business is closed then, or no appointment begins at that time.",
                        result);
        break;
    case SLOT_FREE:
    case SLOT_TAKEN:
        business_refuse(call, 409, "slot_taken", "This time is not free any more.", result);
        break;
    }
    offer_free(refusal->offer);
    free(refusal);
}

static void on_busy(void *ctx, int error, const struct busy *busy) {
    struct refusal *refusal = ctx;
    struct span slots[NEXT_MAX];
    ssize_t n = 0;
    int64_t next;
    if (error == 0 && *busy->code == '\0') {
        struct availability ask = {.hours = refusal->offer->hours,
                                   .rules = refusal->offer->rules,
                                   .busy = busy->spans,
                                   .n_busy = busy->n,
                                   .now = wall_ms() / 1000};
        n = availability_list(&ask, refusal->from, refusal->from + NEXT_DAYS * INT64_C(86400),
                              slots, NEXT_MAX, &next);
    }
    refuse(refusal, slots, n > 0 ? (size_t)n : 0);
}

void offer_refuse(struct business_call *call, struct offer *offer, enum slot_state state,
                  int64_t start) {
    const struct service_rules *rules = &offer->rules;
    int64_t now = wall_ms() / 1000, from = start, latest = now + rules->horizon - 86400;
    struct refusal *refusal = malloc(sizeof(*refusal));
    if (refusal == NULL)
        fatal("out of memory");
    if (from > latest)
        from = latest;
    if (from < now + rules->notice)
        from = now + rules->notice;
    *refusal = (struct refusal){call, offer, state, from};
    uint64_t until_ms = clock_ms() + NEXT_MS;
    slots_busy(call->server, offer->owner, from - rules->before,
               from + NEXT_DAYS * INT64_C(86400) + rules->duration + rules->after,
               until_ms < call->deadline_ms ? until_ms : call->deadline_ms, on_busy, refusal);
}

void offer_refuse_now(struct business_call *call, const struct offer *offer, const char *code) {
    saga_tell_trouble(call->server, offer->owner, offer->business, offer->business_name, code);
    business_refuse_for_now(call, 503, "cannot_confirm_now",
                            "The business's calendar cannot be read at the moment, so nothing "
                            "can be confirmed. Nothing was booked.",
                            10000);
}
