/* How a booking is shown: to its customer, to its owner, and to those who are told of it. */
#include <string.h>

#include "business/booking.h"
#include "business/told.h"

json_t *instant_json(const char *zone, int64_t moment) {
    char text[STAMP_TEXT];
    zone_show(zone, moment, text);
    return json_string(text);
}

/* Takes `value`, which may be NULL. */
static bool put(json_t *object, const char *name, json_t *value) {
    return json_object_set_new(object, name, value) == 0;
}

/* Adds a text unless it is empty; one that is no UTF-8 is left out rather than everything else. */
static bool put_text(json_t *object, const char *name, const char *text) {
    json_t *value = *text == '\0' ? NULL : json_string(text);
    return value == NULL || put(object, name, value);
}

static bool open_to_change(const struct booking *booking, int64_t now) {
    return strcmp(booking->status, "confirmed") == 0 && booking->start > now;
}

static const char *status_word(const struct booking *booking) {
    return strcmp(booking->step, "move") == 0 ? "moving" : booking->status;
}

static bool put_state(json_t *object, const struct booking *booking, int64_t now) {
    bool open = open_to_change(booking, now);
    return put(object, "reference", json_string(booking->reference)) &&
           put(object, "status", json_string(status_word(booking))) &&
           put(object, "business", json_string(booking->business)) &&
           put_text(object, "business_name", booking_detail(booking, "business_name")) &&
           put(object, "service", json_string(booking->service)) &&
           put_text(object, "service_name", booking_detail(booking, "service_name")) &&
           put(object, "start", instant_json(booking->zone, booking->start)) &&
           put(object, "end", instant_json(booking->zone, booking->end)) &&
           put(object, "timezone", json_string(booking->zone)) &&
           put(object, "can_cancel", json_boolean(open)) &&
           put(object, "can_reschedule", json_boolean(open && *booking->step == '\0'));
}

static json_t *or_nothing(json_t *object, bool whole) {
    if (whole)
        return object;
    json_decref(object);
    return NULL;
}

json_t *booking_state_json(const struct booking *booking, int64_t now) {
    json_t *object = json_object();
    return or_nothing(object, put_state(object, booking, now));
}

json_t *booking_changed_json(const struct business_call *call, const struct booking *booking) {
    json_t *state = booking_state_json(booking, wall_ms() / 1000);
    if (call->origin != FROM_OWNER)
        return state;
    return told_put(call->server, state, json_object_get(booking->details, "customer"));
}

static bool put_link(json_t *object, const char *name, const struct business_server *server,
                     const struct booking *booking, const char *path, const char *after,
                     enum secret_purpose purpose) {
    char link[LINK_SIZE];
    link_make(server, path, booking->reference, after, purpose, link);
    bool done = put(object, name, json_string(link));
    explicit_bzero(link, sizeof(link));
    return done;
}

json_t *booking_made_json(const struct business_server *server, const struct booking *booking) {
    char secret[SECRET_LEN + 1];
    json_t *object = json_object();
    secret_make(server, SECRET_MANAGE, booking->reference, secret);
    bool whole = put(object, "reference", json_string(booking->reference)) &&
                 put(object, "status", json_string(status_word(booking))) &&
                 put(object, "business", json_string(booking->business)) &&
                 put(object, "service", json_string(booking->service)) &&
                 put(object, "start", instant_json(booking->zone, booking->start)) &&
                 put(object, "end", instant_json(booking->zone, booking->end)) &&
                 put(object, "secret", json_string(secret)) &&
                 put_link(object, "manage_url", server, booking, "/bookings/", "", SECRET_MANAGE) &&
                 put_link(object, "cancel_url", server, booking, "/bookings/", "", SECRET_CANCEL) &&
                 put_link(object, "ics_url", server, booking, "/v1/bookings/", "/calendar.ics",
                          SECRET_MANAGE);
    explicit_bzero(secret, sizeof(secret));
    return or_nothing(object, whole);
}

json_t *booking_owner_json(const struct booking *booking, int64_t now) {
    json_t *object = json_object(), *customer = json_object_get(booking->details, "customer");
    bool whole = put_state(object, booking, now) &&
                 json_object_set(object, "customer", customer) == 0 &&
                 put_text(object, "note", booking_detail(booking, "note")) &&
                 put_text(object, "address", booking_detail(booking, "address")) &&
                 put_text(object, "reason", booking_detail(booking, "reason")) &&
                 put_text(object, "cancelled_by", booking_detail(booking, "cancelled_by"));
    return or_nothing(object, whole);
}

/* What both sides are told alike. */
static bool put_word(json_t *object, const struct booking *booking, const char *zone,
                     int64_t was_start, const char *reason) {
    return put_text(object, "business_name", booking_detail(booking, "business_name")) &&
           put_text(object, "service", booking_detail(booking, "service_name")) &&
           put(object, "start", instant_json(zone, booking->start)) &&
           put(object, "end", instant_json(zone, booking->end)) &&
           put(object, "timezone", json_string(zone)) &&
           (was_start == 0 || put(object, "was_start", instant_json(zone, was_start))) &&
           put_text(object, "reason", reason);
}

static char *dumped(json_t *object, bool whole) {
    char *text = whole ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    return text;
}

char *booking_word_to_owner(const struct booking *booking, int64_t was_start, const char *reason) {
    json_t *object = json_object();
    bool whole = put_word(object, booking, booking->zone, was_start, reason) &&
                 put_text(object, "customer_name", booking_customer(booking, "name")) &&
                 put_text(object, "customer_email", booking_customer(booking, "email")) &&
                 put_text(object, "customer_phone", booking_customer(booking, "phone")) &&
                 put_text(object, "note", booking_detail(booking, "note")) &&
                 put_text(object, "address", booking_detail(booking, "address"));
    return dumped(object, whole);
}

/* What opens the booking, for its customer alone. */
static json_t *customer_links(const struct business_server *server, const struct booking *booking) {
    char manage[LINK_SIZE], cancel[LINK_SIZE];
    json_t *links = json_object();
    SCOPE_FREE char *ics = booking_ics(server, booking, SECRET_MANAGE, true);
    link_make(server, "/bookings/", booking->reference, "", SECRET_MANAGE, manage);
    link_make(server, "/bookings/", booking->reference, "", SECRET_CANCEL, cancel);
    bool over =
        strcmp(booking->status, "cancelled") == 0 || strcmp(booking->status, "cancelling") == 0;
    bool whole = put_text(links, "ics", ics != NULL ? ics : "") &&
                 put_text(links, "link", manage) &&
                 (over || put_text(links, "cancel_link", cancel));
    explicit_bzero(manage, sizeof(manage));
    explicit_bzero(cancel, sizeof(cancel));
    return or_nothing(links, whole);
}

char *booking_word_to_customer(const struct business_server *server, const struct booking *booking,
                               int64_t was_start, const char *reason) {
    const char *zone = booking_detail(booking, "timezone");
    json_t *object = json_object(), *links = customer_links(server, booking);
    bool whole =
        put_word(object, booking, zone_valid(zone) ? zone : booking->zone, was_start, reason) &&
        put_text(object, "to", booking_customer(booking, "email")) &&
        put_text(object, "customer_name", booking_customer(booking, "name")) &&
        outbox_put_sealed(server, booking->reference, object, links);
    json_decref(links);
    return dumped(object, whole);
}
