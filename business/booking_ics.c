/* A booking as an iCalendar object: one VEVENT in UTC (RFC 5545, 3.6.1), whose UID and SEQUENCE let
 * a calendar follow it when it is moved or cancelled. Made by libical, which folds and escapes. */
#include <libical/ical.h>
#include <stdio.h>
#include <string.h>

#include "business/booking.h"

static struct icaltimetype utc_time(int64_t moment) {
    return icaltime_from_timet_with_zone((time_t)moment, 0, icaltimezone_get_utc_timezone());
}

/* An address that the customer gave is where it is, so the business's place is not, mailed or not.
 */
static const char *place_of(const struct booking *booking, bool mailed) {
    const char *address = booking_detail(booking, "address");
    if (*address == '\0')
        return booking_detail(booking, "place");
    return mailed ? "" : address;
}

static icalcomponent *event_of(const struct business_server *server, const struct booking *booking,
                               enum secret_purpose purpose, const char *place, bool cancelled) {
    char uid[REFERENCE_LEN + 16], link[LINK_SIZE];
    SCOPE_FREE char *summary = NULL;
    (void)snprintf(uid, sizeof(uid), "%s@cloister", booking->reference);
    if (asprintf(&summary, "%s, %s", booking_detail(booking, "service_name"),
                 booking_detail(booking, "business_name")) < 0) {
        summary = NULL;
        return NULL;
    }
    link_make(server, "/bookings/", booking->reference, "", purpose, link);
    icalcomponent *event = icalcomponent_vanew(
        ICAL_VEVENT_COMPONENT, icalproperty_new_uid(uid),
        icalproperty_new_dtstamp(utc_time(wall_ms() / 1000)),
        icalproperty_new_dtstart(utc_time(booking->start)),
        icalproperty_new_dtend(utc_time(booking->end)), icalproperty_new_summary(summary),
        icalproperty_new_sequence((int)booking->version),
        icalproperty_new_status(cancelled ? ICAL_STATUS_CANCELLED : ICAL_STATUS_CONFIRMED),
        (void *)0);
    if (event == NULL) {
        explicit_bzero(link, sizeof(link));
        return NULL;
    }
    if (*place != '\0')
        icalcomponent_add_property(event, icalproperty_new_location(place));
    if (*link != '\0')
        icalcomponent_add_property(event, icalproperty_new_url(link));
    explicit_bzero(link, sizeof(link));
    return event;
}

char *booking_ics(const struct business_server *server, const struct booking *booking,
                  enum secret_purpose purpose, bool mailed) {
    bool cancelled = strncmp(booking->status, "cancel", 6) == 0;
    icalcomponent *calendar = icalcomponent_vanew(
        ICAL_VCALENDAR_COMPONENT, icalproperty_new_version("2.0"),
        icalproperty_new_prodid("-//Cloister//booking//EN"),
        icalproperty_new_method(cancelled ? ICAL_METHOD_CANCEL : ICAL_METHOD_PUBLISH), (void *)0);
    icalcomponent *event = event_of(server, booking, purpose, place_of(booking, mailed), cancelled);
    char *text = NULL;
    if (calendar != NULL && event != NULL) {
        icalcomponent_add_component(calendar, event);
        event = NULL;
        text = icalcomponent_as_ical_string_r(calendar);
    }
    if (event != NULL)
        icalcomponent_free(event);
    if (calendar != NULL)
        icalcomponent_free(calendar);
    return text;
}
