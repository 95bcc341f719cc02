/* The owner's zone: from the request, a preference, the calendar, else UTC, said plainly. */
#include <errno.h>
#include <string.h>

#include "agent/calendars.h"
#include "providers/json_get.h"

/* Not worth keeping the owner waiting longer: without it the model is told that the zone is
 * unknown. */
#define LOOK_MS 4000

static bool zone_set(struct turn *turn, const char *zone, enum zone_source source) {
    if (!zone_valid(zone))
        return false;
    strcpy(turn->zone, zone);
    turn->zone_source = source;
    return true;
}

/* The main calendar's own zone, from its events or, without a right to those, from the list of
 * calendars. */
static int zone_of_calendar(struct turn *turn) {
    const struct google_param some[] = {{"maxResults", "1"}, {"fields", "timeZone"}, {NULL, NULL}};
    struct google_request request = {
        .method = "GET", .path = {"calendars", CALENDAR_MAIN, "events"}, .params = some};
    if (!turn_may_events(turn))
        request = (struct google_request){.method = "GET",
                                          .path = {"users", "me", "calendarList", CALENDAR_MAIN},
                                          .params = some + 1};
    struct google_answer answer = {0};
    struct fault fault = {0};
    uint64_t deadline = turn->pump.deadline, patience = clock_ms() + LOOK_MS;
    if (patience < deadline)
        turn->pump.deadline = patience;
    int r = google_do(turn->google, &request, &answer, &fault);
    turn->pump.deadline = deadline;
    if (r == 0 && answer.status == 200)
        (void)zone_set(turn, json_text(answer.json, "timeZone"), ZONE_CALENDAR);
    google_answer_free(&answer);
    if (r == -EKEYEXPIRED || r == -ECANCELED) {
        turn->fault = fault; /* the turn cannot go on; for anything else UTC will do */
        return r;
    }
    return pump_check(&turn->pump, &turn->fault);
}

int turn_find_zone(struct turn *turn) {
    char found[ZONE_MAX];
    (void)zone_set(turn, "UTC", ZONE_UNKNOWN);
    if (turn->start->timezone[0] != '\0') {
        if (zone_set(turn, turn->start->timezone, ZONE_REQUEST))
            return 0;
        return fault_set(&turn->fault, -EINVAL, "invalid_timezone", false,
                         "\"timezone\" is not an IANA time zone such as Europe/Berlin.");
    }
    for (size_t i = turn->npreferences; i-- > 0;) /* the newest counts */
        if (zone_find(turn->preferences[i].text, found) && zone_set(turn, found, ZONE_PREFERENCE))
            return 0;
    if (turn->origin == ORIGIN_CUSTOMER)
        return 0;
    return turn_may_events(turn) || calendars_allowed(turn) ? zone_of_calendar(turn) : 0;
}
