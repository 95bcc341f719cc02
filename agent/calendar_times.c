#include <string.h>

#include "agent/calendar.h"
#include "providers/json_get.h"

#define DAY_S   86400
#define TOO_FAR "That is outside the years 1 to 9999."

static void to_date(struct stamp *stamp) {
    stamp->kind = STAMP_DATE;
    stamp->hour = stamp->minute = stamp->second = stamp->offset = 0;
}

/* An end such as 23:59 or 12:00 lies within its day, so that day still belongs to the event. */
static void to_end_date(struct stamp *stamp) {
    bool within = stamp->hour != 0 || stamp->minute != 0 || stamp->second != 0;
    to_date(stamp);
    if (within)
        stamp_add_days(stamp, 1);
}

static void set_all_day(struct event_times *times) {
    if (stamp_seconds(&times->end) <= stamp_seconds(&times->start)) {
        times->end = times->start;
        stamp_add_days(&times->end, 1);
    }
    times->from = zone_moment(times->zone, &times->start);
    times->to = zone_moment(times->zone, &times->end);
}

static const char *read_all_day(const char *end, int64_t seconds, struct event_times *ret) {
    to_date(&ret->start);
    ret->end = ret->start;
    if (end == NULL)
        stamp_add_days(&ret->end, seconds >= DAY_S ? (int)(seconds / DAY_S) : 1);
    else if (stamp_parse(end, &ret->end) < 0)
        return "\"end\" is not an RFC 3339 date.";
    else
        to_end_date(&ret->end);
    set_all_day(ret);
    return ret->to > ret->from ? NULL : TOO_FAR;
}

static const char *read_timed(const char *end, int64_t seconds, struct event_times *ret) {
    if (ret->start.kind == STAMP_DATE)
        return "\"start\" needs a time of day, or all_day must be true.";
    if (ret->start.kind == STAMP_LOCAL)
        ret->from = zone_resolve(ret->zone, &ret->start, &ret->fit);
    else
        ret->from = stamp_utc(&ret->start);
    if (end == NULL) {
        ret->to = ret->from + seconds;
    } else if (stamp_parse(end, &ret->end) < 0) {
        return "\"end\" is not an RFC 3339 time.";
    } else if (ret->end.kind == STAMP_DATE) {
        return "\"end\" needs a time of day.";
    } else {
        ret->to = zone_moment(ret->zone, &ret->end);
        /* A start that the clocks jump over moves later; its event keeps its length. */
        if (ret->fit == ZONE_GAP && ret->to <= ret->from && ret->end.kind == STAMP_LOCAL)
            ret->to = ret->from + stamp_seconds(&ret->end) - stamp_seconds(&ret->start);
    }
    if (ret->to <= ret->from)
        return "\"end\" must be after \"start\".";
    stamp_of(ret->from, zone_offset(ret->zone, ret->from), &ret->start);
    stamp_of(ret->to, zone_offset(ret->zone, ret->to), &ret->end);
    return stamp_utc(&ret->start) == ret->from && stamp_utc(&ret->end) == ret->to ? NULL : TOO_FAR;
}

const char *event_times_read(const char *start, const char *end, const char *zone, int all_day,
                             int64_t seconds, struct event_times *ret) {
    *ret = (struct event_times){0};
    if (!zone_valid(zone))
        return "\"timezone\" is not an IANA time zone such as Europe/Berlin.";
    strcpy(ret->zone, zone);
    if (stamp_parse(start, &ret->start) < 0)
        return "\"start\" is not an RFC 3339 time.";
    ret->all_day = all_day == 1 || (all_day < 0 && ret->start.kind == STAMP_DATE);
    return ret->all_day ? read_all_day(end, seconds, ret) : read_timed(end, seconds, ret);
}

static bool time_of(const json_t *time, const char *zone, bool *ret_date, struct stamp *ret,
                    int64_t *ret_moment) {
    const char *date = json_text(time, "date"), *moment = json_text(time, "dateTime");
    *ret_date = *date != '\0';
    if (stamp_parse(*ret_date ? date : moment, ret) < 0)
        return false;
    *ret_moment = zone_moment(zone, ret);
    return (ret->kind == STAMP_DATE) == *ret_date;
}

/* Google writes moments in the calendar's own zone, whichever one the event is in. */
static void set_zone(struct event_times *times) {
    if (times->all_day)
        return;
    stamp_of(times->from, zone_offset(times->zone, times->from), &times->start);
    stamp_of(times->to, zone_offset(times->zone, times->to), &times->end);
}

bool event_times_of(const json_t *event, const char *zone, struct event_times *ret) {
    const json_t *start = json_object_get(event, "start"), *end = json_object_get(event, "end");
    const char *own = json_text(start, "timeZone");
    bool end_date;
    *ret = (struct event_times){0};
    strcpy(ret->zone, *own != '\0' && zone_valid(own) ? own : zone);
    if (!time_of(start, ret->zone, &ret->all_day, &ret->start, &ret->from) ||
        !time_of(end, ret->zone, &end_date, &ret->end, &ret->to) || end_date != ret->all_day ||
        ret->to < ret->from)
        return false;
    set_zone(ret);
    return true;
}

json_t *event_time_json(const struct event_times *times, bool end, bool clear) {
    char text[STAMP_TEXT];
    const struct stamp *stamp = end ? &times->end : &times->start;
    stamp_format(stamp, text);
    json_t *time = times->all_day
                       ? json_pack("{s:s}", "date", text)
                       : json_pack("{s:s, s:s}", "dateTime", text, "timeZone", times->zone);
    if (time != NULL && clear) {
        (void)json_object_set_new(time, times->all_day ? "dateTime" : "date", json_null());
        if (times->all_day)
            (void)json_object_set_new(time, "timeZone", json_null());
    }
    return time;
}

const char *event_times_note(const struct event_times *times) {
    switch (times->fit) {
    case ZONE_ONCE:
        return NULL;
    case ZONE_GAP:
        return "The clocks go forward over that start time, so it does not exist on that day; the "
               "time "
               "after the change was used.";
    case ZONE_TWICE:
        return "The clocks go back on that day, so that start time comes twice; the first one was "
               "used.";
    }
    return NULL;
}
