/* Dates, time zones, events' times and recurrence lines: what is read can be written and read again
 * to the same moment, in the years 1 to 9999; lines that pass pass again. The input's first byte
 * says what it holds. */
#include "agent/calendar.h"
#include "fuzz.h"

#define FIRST_MOMENT INT64_C(-62135596800) /* 0001-01-01 */
#define LAST_MOMENT  INT64_C(253402300799) /* 9999-12-31 */

static void stamp_holds(const struct stamp *stamp) {
    char text[STAMP_TEXT];
    struct stamp again;
    MUST(stamp->year >= 1 && stamp->year <= 9999 && stamp->month >= 1 && stamp->month <= 12);
    MUST(stamp->day >= 1 && stamp->day <= 31 && stamp->hour >= 0 && stamp->hour <= 23);
    MUST(stamp->second >= 0 && stamp->second <= 59);
    stamp_format(stamp, text);
    MUST(stamp_parse(text, &again) == 0 && again.kind == stamp->kind);
    MUST(stamp_utc(&again) == stamp_utc(stamp) && again.offset == stamp->offset);
    MUST(stamp_weekday(stamp)[0] != '\0');
}

static void read_stamp(const char *text) {
    struct stamp stamp;
    if (stamp_parse(text, &stamp) < 0)
        return;
    stamp_holds(&stamp);
    MUST(stamp_utc(&stamp) >= FIRST_MOMENT && stamp_utc(&stamp) <= LAST_MOMENT);
}

static void times_hold(const struct event_times *times) {
    MUST(zone_valid(times->zone) && times->from < times->to);
    stamp_holds(&times->start);
    stamp_holds(&times->end);
    MUST((times->start.kind == STAMP_DATE) == times->all_day);
    MUST(zone_moment(times->zone, &times->start) == times->from);
    MUST(zone_moment(times->zone, &times->end) == times->to);
    (void)event_times_note(times);
    /* As Google is told, so it is read when Google tells it. */
    struct event_times again;
    json_t *event = json_pack("{s:o, s:o}", "start", event_time_json(times, false, false), "end",
                              event_time_json(times, true, false));
    MUST(event_times_of(event, "UTC", &again) || times->all_day);
    MUST(event_times_of(event, times->zone, &again));
    MUST(again.from == times->from && again.to == times->to && again.all_day == times->all_day);
    json_decref(event);
}

static bool read_times(struct input *input, struct event_times *ret) {
    char *start = input_until(input, '\n'), *end = input_until(input, '\n');
    char *zone = input_until(input, '\n');
    const int all_day = (int)(input_byte(input) % 3) - 1;
    const int64_t seconds = 1 + (int64_t)input_byte(input) * 3600;
    const char *wrong =
        event_times_read(start, *end != '\0' ? end : NULL, zone, all_day, seconds, ret);
    if (wrong == NULL)
        times_hold(ret);
    else
        MUST(wrong[0] != '\0');
    free(start);
    free(end);
    free(zone);
    return wrong == NULL;
}

static void lines_hold(json_t *lines) {
    json_t *again = NULL;
    MUST(event_recurrence_read(lines, &again) == NULL && json_equal(lines, again));
    json_decref(again);
}

/* Times, a newline, then a JSON list of lines. */
static void read_recurrence(struct input *input) {
    struct event_times times;
    bool fits = read_times(input, &times);
    json_t *given = json_loadb((const char *)input->at, input->left, 0, NULL), *lines = NULL;
    const char *wrong = event_recurrence_read(given, &lines);
    if (wrong == NULL) {
        MUST(json_is_array(lines) && json_array_size(lines) == json_array_size(given));
        lines_hold(lines);
        if (fits && event_recurrence_fit(lines, &times) == NULL) {
            json_t *once = json_deep_copy(lines);
            lines_hold(lines);
            MUST(event_recurrence_fit(lines, &times) == NULL && json_equal(once, lines));
            json_decref(once);
        }
    }
    json_decref(lines);
    json_decref(given);
}

/* Anything that may stand where an event should. */
static void read_event(struct input *input) {
    static const uint8_t key[SEAL_KEY_LEN] = {9}, request[32] = {8};
    struct event_times times;
    char tag[EVENT_TAG_LEN + 1];
    json_t *event = json_loadb((const char *)input->at, input->left, 0, NULL);
    if (event_times_of(event, "Europe/Berlin", &times)) {
        MUST(times.from <= times.to && zone_valid(times.zone));
        stamp_holds(&times.start);
        stamp_holds(&times.end);
    }
    (void)event_is_busy(event);
    (void)event_has_attendees(event);
    MUST(!event_is_own(key, event));
    event_tag_make(key, request, 0, tag);
    (void)event_has_tag(event, tag); /* a fuzzer sees what is compared, and learns the tag */
    char *tags = event_tags_with(event, tag);
    MUST(tags != NULL && strlen(tags) <= EVENT_TAGS_MAX * (EVENT_TAG_LEN + 1) - 1);
    json_t *marked =
        json_pack("{s:{s:{s:s}}}", "extendedProperties", "private", EVENT_PROP_TAGS, tags);
    MUST(marked == NULL || event_has_tag(marked, tag));
    json_decref(marked);
    free(tags);
    json_decref(event);
}

static void read_intervals(struct input *input) {
    struct intervals list = {0};
    while (input->left >= 2) {
        int64_t from = (int8_t)input_byte(input), to = (int8_t)input_byte(input);
        MUST(intervals_add(&list, from, to, -100, 100) == 0 || list.n == 10000);
    }
    intervals_merge(&list);
    for (size_t i = 0; i < list.n; i++)
        MUST(list.items[i].from < list.items[i].to && list.items[i].from >= -100 &&
             list.items[i].to <= 100 && (i == 0 || list.items[i].from > list.items[i - 1].to));
    intervals_free(&list);
}

static void read_zone(const char *text) {
    char zone[ZONE_MAX];
    if (zone_find(text, zone))
        MUST(zone_valid(zone) && strstr(zone, "..") == NULL && zone[0] != '/');
    MUST(!event_id_valid(text) || (strchr(text, '/') == NULL && text[0] != '.'));
    struct event_place place;
    if (event_place_of(text, &place)) {
        char *again = event_reference(place.calendar, place.id);
        MUST(event_id_valid(place.id) && calendar_id_valid(place.calendar));
        MUST(strchr(place.calendar, '/') == NULL && strncmp(again, text, strlen(again)) == 0);
        free(again);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    struct input input = {data, len};
    struct event_times times;
    MUST(seal_init() == 0);
    const uint8_t what = input_byte(&input);
    if (what == 't')
        (void)read_times(&input, &times);
    else if (what == 'r')
        read_recurrence(&input);
    else if (what == 'e')
        read_event(&input);
    else if (what == 'i')
        read_intervals(&input);
    else {
        char *text = input_until(&input, '\0');
        (what == 'z' ? read_zone : read_stamp)(text);
        free(text);
    }
    return 0;
}
