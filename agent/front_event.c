#include "agent/front.h"

#include <errno.h>
#include <string.h>

#include "agent/calendar.h"
#include "agent/tools_write.h"
#include "providers/json_get.h"

void front_event_free(struct front_event *event) {
    json_decref(event->json);
    *event = (struct front_event){0};
}

static int out_of_memory(struct turn *turn) {
    return fault_set(&turn->fault, -ENOMEM, "internal", true, "This server is out of memory.");
}

/* What Google says no to, and repeating cannot change. Its own words stay behind. */
static int refused(struct turn *turn, const struct google_answer *answer) {
    if (answer->status == 403)
        return fault_set(&turn->fault, -EACCES, "missing_permission", false,
                         "The owner's connection does not allow changing the calendar.");
    return fault_set(&turn->fault, -EIO, "google_rejected", false,
                     "Google did not accept this (status %d).", answer->status);
}

/* ---- looking ---- */

static int take_event(struct turn *turn, const json_t *json, struct front_event *ret) {
    struct event_times times;
    if (strcmp(json_text(json, "status"), "cancelled") == 0) {
        ret->gone = true; /* a cancelled one may have lost everything but its id */
        return 0;
    }
    if (!event_is_booking(turn->keys->booking, json))
        return fault_set(&turn->fault, -EPERM, "not_allowed", false,
                         "This event of the owner's is no booking.");
    if (!event_times_of(json, turn->zone, &times))
        return fault_set(&turn->fault, -EPROTO, "google_unavailable", true,
                         "The event's times could not be read.");
    ret->json = json_incref((json_t *)(uintptr_t)json);
    ret->start = times.from;
    ret->end = times.to;
    return 0;
}

int front_event_look(struct turn *turn, const char *id, struct front_event *ret) {
    struct google_answer answer = {0};
    struct google_request request = {.method = "GET",
                                     .path = {"calendars", CALENDAR_MAIN, "events", id}};
    front_event_free(ret);
    int r = google_do(turn->google, &request, &answer, &turn->fault);
    turn->pump.writing = false;
    if (r < 0)
        return r;
    turn->reads++;
    if (answer.status == 404 || answer.status == 410) {
        ret->gone = true;
        ret->absent = answer.status == 404;
    } else if (answer.status != 200) {
        r = refused(turn, &answer);
    } else {
        r = take_event(turn, answer.json, ret);
    }
    google_answer_free(&answer);
    return r;
}

/* ---- writing ---- */

/* One write. 1: Google answered, see *ret_status; 0: the answer was lost, so look. */
static int send_once(struct turn *turn, const struct google_request *request,
                     struct front_attempts *attempts, int *ret_status, json_t **ret_json) {
    struct google_answer answer = {0};
    int r = google_do(turn->google, request, &answer, &turn->fault);
    if (r < 0) { /* surely not sent this time; an earlier attempt may still have arrived */
        turn->fault.unknown_writes |= attempts->unknown;
        return r;
    }
    attempts->unknown |= answer.unknown;
    attempts->silent |= answer.unknown && !answer.answered;
    *ret_status = answer.status;
    r = answer.unknown ? 0 : 1;
    if (r == 1 && answer.status / 100 == 2 && ret_json != NULL)
        *ret_json = json_incref(answer.json);
    else if (r == 1 && answer.status / 100 != 2 && answer.status != 404 && answer.status != 409 &&
             answer.status != 410 && answer.status != 412)
        r = refused(turn, &answer);
    google_answer_free(&answer);
    return r;
}

static int look_again(struct turn *turn, const char *id, const struct front_attempts *attempts,
                      struct front_event *ret) {
    int r = front_event_look(turn, id, ret);
    turn->fault.unknown_writes |= r < 0 && attempts->unknown;
    return r;
}

int front_pause(struct turn *turn, struct front_attempts *attempts) {
    int r = ++attempts->n < WRITE_TRIES ? write_pause(turn, attempts->n - 1) : -EAGAIN;
    if (r == -EAGAIN)
        return write_unknown(turn, attempts->silent);
    if (r < 0)
        turn->fault.unknown_writes |= attempts->silent;
    return r;
}

static json_t *time_json(const struct turn *turn, int64_t moment) {
    char text[STAMP_TEXT];
    zone_show(turn->zone, moment, text);
    return json_pack("{s:s, s:s}", "dateTime", text, "timeZone", turn->zone);
}

static void set_text(json_t *body, const char *name, const char *text) {
    if (body != NULL && *text != '\0')
        (void)json_object_set_new(body, name, json_string(text));
}

static json_t *body_of(const struct turn *turn, const Cloister__FrontEvent *wanted) {
    char mac[EVENT_ID_LEN + 1];
    booking_mac_make(turn->keys->booking, wanted->id, mac);
    json_t *body = json_pack("{s:s, s:o, s:o, s:{s:{s:s}}}", "id", wanted->id, "start",
                             time_json(turn, wanted->start), "end", time_json(turn, wanted->end),
                             "extendedProperties", "private", EVENT_PROP_BOOKING, mac);
    set_text(body, "summary", wanted->title);
    set_text(body, "description", wanted->description);
    set_text(body, "location", wanted->location);
    return body;
}

/* 1: settled. 0: try again. */
static int insert_once(struct turn *turn, const struct google_request *request, const char *id,
                       struct front_attempts *attempts, struct front_event *ret) {
    int status = 0;
    json_auto_t *json = NULL;
    int r = send_once(turn, request, attempts, &status, &json);
    if (r < 0)
        return r;
    if (r == 1 && json != NULL) {
        turn->pump.writing = false;
        r = take_event(turn, json, ret);
        return r < 0 ? r : 1;
    }
    r = look_again(turn, id, attempts, ret);
    if (r < 0)
        return r;
    /* An id that is taken and that nobody can see is one that was deleted. */
    return ret->json != NULL || status == 409 ? 1 : 0;
}

int front_event_insert(struct turn *turn, const Cloister__FrontEvent *wanted,
                       struct front_event *ret) {
    struct front_attempts attempts = {0};
    json_auto_t *body = body_of(turn, wanted);
    struct google_request request = {.method = "POST",
                                     .path = {"calendars", CALENDAR_MAIN, "events"},
                                     .body = body,
                                     .write = true};
    if (body == NULL)
        return out_of_memory(turn);
    int r = 0;
    while (r == 0) {
        r = insert_once(turn, &request, wanted->id, &attempts, ret);
        if (r == 0)
            r = front_pause(turn, &attempts);
    }
    if (r == 1 && ret->json != NULL)
        turn->writes_done++;
    return r < 0 ? r : 0;
}

int front_event_move(struct turn *turn, const Cloister__FrontEvent *wanted,
                     struct front_attempts *attempts, struct front_event *event, bool *ret_again) {
    int status = 0;
    json_auto_t *json = NULL;
    json_auto_t *body = json_pack("{s:o, s:o}", "start", time_json(turn, wanted->start), "end",
                                  time_json(turn, wanted->end));
    struct google_request request = {.method = "PATCH",
                                     .path = {"calendars", CALENDAR_MAIN, "events", wanted->id},
                                     .body = body,
                                     .if_match = json_text(event->json, "etag"),
                                     .write = true};
    if (body == NULL)
        return out_of_memory(turn);
    int r = send_once(turn, &request, attempts, &status, &json);
    *ret_again = r == 0 || (r == 1 && json == NULL); /* the next look settles it */
    if (r < 0 || *ret_again)
        return r < 0 ? r : front_pause(turn, attempts);
    turn->pump.writing = false;
    turn->writes_done++;
    front_event_free(event);
    return take_event(turn, json, event);
}

/* 1: settled. 0: try again. */
static int remove_once(struct turn *turn, const char *id, struct front_attempts *attempts) {
    struct front_event event = {0};
    int status = 0;
    int r = look_again(turn, id, attempts, &event);
    if (r == 0 && event.gone)
        r = 1;
    front_event_free(&event);
    if (r != 0)
        return r;
    struct google_request request = {
        .method = "DELETE", .path = {"calendars", CALENDAR_MAIN, "events", id}, .write = true};
    r = send_once(turn, &request, attempts, &status, NULL);
    if (r == 1)
        turn->pump.writing = false;
    bool gone = status / 100 == 2 || status == 404 || status == 410;
    if (r == 1 && gone)
        turn->writes_done++;
    return r == 1 && !gone ? 0 : r;
}

int front_event_remove(struct turn *turn, const char *id) {
    struct front_attempts attempts = {0};
    int r = 0;
    while (r == 0) {
        r = remove_once(turn, id, &attempts);
        if (r == 0)
            r = front_pause(turn, &attempts);
    }
    return r < 0 ? r : 0;
}
