/* Ownership, tags, times from arguments, recurrence, busy intervals, policy. */
#include <check.h>
#include <string.h>

#include "agent/calendar.h"
#include "agent/policy.h"
#include "agent/tools.h"
#include "providers/json_get.h"

static const uint8_t key_a[SEAL_KEY_LEN] = {1}, key_b[SEAL_KEY_LEN] = {2};
static const uint8_t request[32] = {9};

static json_t *event_with(const char *id, const char *series, const char *mac) {
    json_t *event = json_pack("{s:s, s:{s:{s:s}}}", "id", id, "extendedProperties", "private",
                              EVENT_PROP_MAC, mac);
    if (series != NULL)
        (void)json_object_set_new(event, "recurringEventId", json_string(series));
    return event;
}

START_TEST(own_by_mac) {
    char mac[EVENT_ID_LEN + 1];
    event_mac_make(key_a, "abc", mac);
    struct {
        const char *id, *series, *mac;
        const uint8_t *key;
        bool own;
    } rows[] = {
        {"abc", NULL, mac, key_a, true},
        {"abc_20261201T090000Z", "abc", mac, key_a, true}, /* one time of our series */
        {"abd", NULL, mac, key_a, false},                  /* the property copied elsewhere */
        {"abc", NULL, mac, key_b, false},                  /* another user's key */
        {"abc", NULL, "", key_a, false},
        {"", NULL, mac, key_a, false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        json_t *event = event_with(rows[i].id, rows[i].series, rows[i].mac);
        ck_assert_msg(event_is_own(rows[i].key, event) == rows[i].own, "row %zu", i);
        json_decref(event);
    }
    json_t *plain = json_pack("{s:s}", "id", "abc");
    ck_assert(!event_is_own(key_a, plain));
    json_decref(plain);
}
END_TEST

START_TEST(ids_are_stable) {
    char a[EVENT_ID_LEN + 1], b[EVENT_ID_LEN + 1];
    event_id_make(key_a, request, 0, 0, a);
    event_id_make(key_a, request, 0, 0, b);
    ck_assert_str_eq(a, b);
    ck_assert_uint_eq(strlen(a), EVENT_ID_LEN);
    ck_assert_uint_eq(strspn(a, "0123456789abcdef"), EVENT_ID_LEN);
    event_id_make(key_a, request, 1, 0, b);
    ck_assert_str_ne(a, b);
    event_id_make(key_a, request, 0, 1, b);
    ck_assert_str_ne(a, b);
    event_id_make(key_b, request, 0, 0, b);
    ck_assert_str_ne(a, b);
}
END_TEST

START_TEST(tags_are_bounded) {
    json_t *event = json_object();
    char tag[EVENT_TAG_LEN + 1], first[EVENT_TAG_LEN + 1];
    event_tag_make(key_a, request, 0, first);
    for (uint32_t i = 0; i < 20; i++) {
        event_tag_make(key_a, request, i, tag);
        ck_assert(!event_has_tag(event, tag));
        char *tags = event_tags_with(event, tag);
        ck_assert_uint_le(strlen(tags), EVENT_TAGS_MAX * (EVENT_TAG_LEN + 1) - 1);
        (void)json_object_set_new(event, "extendedProperties",
                                  json_pack("{s:{s:s}}", "private", EVENT_PROP_TAGS, tags));
        free(tags);
        ck_assert(event_has_tag(event, tag));
        if (i > 0) {
            char before[EVENT_TAG_LEN + 1];
            event_tag_make(key_a, request, i - 1, before);
            ck_assert(event_has_tag(event, before));
        }
    }
    ck_assert(!event_has_tag(event, first));
    json_decref(event);
}
END_TEST

static const struct {
    const char *start, *end, *zone;
    int all_day;
    const char *from, *to; /* NULL: refused */
} spans[] = {
    {"2026-11-23T15:00:00", "2026-11-23T16:00:00", "Europe/Berlin", -1, "2026-11-23T15:00:00+01:00",
     "2026-11-23T16:00:00+01:00"},
    {"2026-11-23T15:00:00Z", "2026-11-23T16:00:00Z", "Europe/Berlin", -1,
     "2026-11-23T16:00:00+01:00", "2026-11-23T17:00:00+01:00"},
    {"2026-11-23T15:00:00", NULL, "UTC", -1, "2026-11-23T15:00:00+00:00",
     "2026-11-23T16:00:00+00:00"},
    {"2026-03-29T02:30:00", "2026-03-29T03:30:00", "Europe/Berlin", -1, "2026-03-29T03:30:00+02:00",
     "2026-03-29T04:30:00+02:00"},
    {"2026-03-29T02:30:00", "2026-03-29T04:30:00", "Europe/Berlin", -1, "2026-03-29T03:30:00+02:00",
     "2026-03-29T04:30:00+02:00"},
    {"2026-12-01", "2026-12-02", "Europe/Berlin", -1, "2026-12-01", "2026-12-02"},
    {"2026-12-01", "2026-12-01", "Europe/Berlin", -1, "2026-12-01", "2026-12-02"},
    {"2026-12-01", "2026-11-30", "Europe/Berlin", -1, "2026-12-01", "2026-12-02"},
    {"2026-12-31", NULL, "Europe/Berlin", -1, "2026-12-31", "2027-01-01"},
    {"2026-12-01T00:00:00", "2026-12-03T00:00:00", "Europe/Berlin", 1, "2026-12-01", "2026-12-03"},
    {"2026-12-01T00:00:00+01:00", "2026-12-01T23:59:00+01:00", "Europe/Berlin", 1, "2026-12-01",
     "2026-12-02"},
    {"9999-12-30", "9999-12-31", "UTC", -1, "9999-12-30", "9999-12-31"},
    {"9999-12-31", NULL, "UTC", -1, NULL, NULL},
    {"2026-12-01", "2026-12-02", "Europe/Berlin", 0, NULL, NULL},
    {"2026-12-01T10:00:00", "2026-12-02", "Europe/Berlin", -1, NULL, NULL},
    {"2026-12-01T10:00:00", "2026-12-01T10:00:00", "Europe/Berlin", -1, NULL, NULL},
    {"2026-12-01T10:00:00", "2026-12-01T09:00:00", "Europe/Berlin", -1, NULL, NULL},
    {"2026-12-01T10:00:00", "x", "Europe/Berlin", -1, NULL, NULL},
    {"x", "2026-12-01T10:00:00", "Europe/Berlin", -1, NULL, NULL},
    {"2026-12-01T10:00:00", "2026-12-01T11:00:00", "Mars/Olympus", -1, NULL, NULL},
};

START_TEST(times_from_arguments) {
    struct event_times times;
    char from[STAMP_TEXT], to[STAMP_TEXT];
    const char *wrong = event_times_read(spans[_i].start, spans[_i].end, spans[_i].zone,
                                         spans[_i].all_day, 3600, &times);
    if (spans[_i].from == NULL) {
        ck_assert_ptr_nonnull(wrong);
        return;
    }
    ck_assert_msg(wrong == NULL, "%s", wrong);
    stamp_format(&times.start, from);
    stamp_format(&times.end, to);
    ck_assert_str_eq(from, spans[_i].from);
    ck_assert_str_eq(to, spans[_i].to);
}
END_TEST

/* The years end at 9999: an all-day event that would reach beyond them ends with the last day. */
/* What Google answers is in the calendar's zone; beside the event's own it would be another time.
 */
START_TEST(times_of_google_are_the_events_zones) {
    json_t *event =
        json_loads("{\"start\":{\"dateTime\":\"2027-04-03T20:30:00+05:45\",\"timeZone\":"
                   "\"Australia/Lord_Howe\"},\"end\":{\"dateTime\":"
                   "\"2027-04-03T16:00:00Z\",\"timeZone\":\"Australia/Lord_Howe\"}}",
                   0, NULL);
    struct event_times times;
    char start[STAMP_TEXT], end[STAMP_TEXT];
    ck_assert(event_times_of(event, "Asia/Kathmandu", &times));
    stamp_format(&times.start, start);
    stamp_format(&times.end, end);
    ck_assert_str_eq(times.zone, "Australia/Lord_Howe");
    ck_assert_str_eq(start, "2027-04-04T01:45:00+11:00");
    ck_assert_str_eq(end, "2027-04-04T02:30:00+10:30");
    json_decref(event);
}
END_TEST

START_TEST(last_days) {
    struct event_times times;
    char end[STAMP_TEXT];
    ck_assert_ptr_null(event_times_read("9999-12-30", NULL, "UTC", 1, 9 * 86400, &times));
    stamp_format(&times.end, end);
    ck_assert_str_eq(end, "9999-12-31");
    ck_assert_int_eq(stamp_seconds(&times.end) % 86400, 0);
    ck_assert_int_eq(times.to, stamp_seconds(&times.end));
}
END_TEST

START_TEST(kind_switch_clears) {
    struct event_times times;
    ck_assert_ptr_null(event_times_read("2026-12-01", NULL, "Europe/Berlin", -1, 0, &times));
    json_t *time = event_time_json(&times, false, true);
    char *text = json_dumps(time, JSON_COMPACT);
    ck_assert_str_eq(text, "{\"date\":\"2026-12-01\",\"dateTime\":null,\"timeZone\":null}");
    free(text);
    json_decref(time);
    ck_assert_ptr_null(
        event_times_read("2026-12-01T09:00:00", NULL, "Europe/Berlin", -1, 60, &times));
    time = event_time_json(&times, true, true);
    text = json_dumps(time, JSON_COMPACT);
    ck_assert_str_eq(text, "{\"dateTime\":\"2026-12-01T09:01:00+01:00\",\"timeZone\":\"Europe/"
                           "Berlin\",\"date\":null}");
    free(text);
    json_decref(time);
}
END_TEST

static const struct {
    const char *line;
    const char *kept; /* NULL: refused */
} rules[] = {
    {"RRULE:FREQ=WEEKLY;BYDAY=MO", "RRULE:FREQ=WEEKLY;BYDAY=MO"},
    {"FREQ=DAILY;COUNT=3", "RRULE:FREQ=DAILY;COUNT=3"},
    {"RRULE:INTERVAL=2;FREQ=MONTHLY", "RRULE:INTERVAL=2;FREQ=MONTHLY"},
    {"RDATE;VALUE=DATE:20261201", "RDATE;VALUE=DATE:20261201"},
    {"EXDATE;TZID=Europe/Berlin:20261201T090000", "EXDATE;TZID=Europe/Berlin:20261201T090000"},
    {"RRULE:FREQ=HOURLY", NULL},
    {"RRULE:FREQ=WEEKLYX", NULL},
    {"RRULE:BYDAY=MO", NULL},
    {"RRULE:FREQ=WEEKLY\nATTENDEE:mailto:x@example.com", NULL},
    {"RRULE:FREQ=WEEKLY\r", NULL},
    {"DTSTART:20261201", NULL},
    {"EXRULE:FREQ=WEEKLY", NULL},
    {"RDATE", NULL},
    {"RDATEX:20261201", NULL},
    {"", NULL},
    {"every monday", NULL},
};

START_TEST(recurrence_lines) {
    json_t *lines = json_pack("[s]", rules[_i].line), *kept = NULL;
    const char *wrong = event_recurrence_read(lines, &kept);
    ck_assert_msg((wrong == NULL) == (rules[_i].kept != NULL), "%s", rules[_i].line);
    if (wrong == NULL)
        ck_assert_str_eq(json_string_value(json_array_get(kept, 0)), rules[_i].kept);
    json_decref(kept);
    json_decref(lines);
}
END_TEST

static const struct {
    const char *line;
    int all_day;
    const char *kept; /* NULL: refused */
} untils[] = {
    {"RRULE:FREQ=DAILY;UNTIL=20280331T215959Z;BYDAY=MO", 0,
     "RRULE:FREQ=DAILY;UNTIL=20280331T215959Z;BYDAY=MO"},
    {"RRULE:FREQ=DAILY;UNTIL=20280331", 0, "RRULE:FREQ=DAILY;UNTIL=20280331T215959Z"},
    {"RRULE:UNTIL=20280331T100000;FREQ=DAILY", 0, "RRULE:UNTIL=20280331T080000Z;FREQ=DAILY"},
    {"RRULE:FREQ=DAILY;UNTIL=2028-12-31T10:00:00Z", 0, "RRULE:FREQ=DAILY;UNTIL=20281231T100000Z"},
    {"RRULE:FREQ=DAILY;UNTIL=20280331", 1, "RRULE:FREQ=DAILY;UNTIL=20280331"},
    {"RRULE:FREQ=DAILY;UNTIL=20280331T220000Z", 1, "RRULE:FREQ=DAILY;UNTIL=20280401"},
    {"RRULE:FREQ=DAILY;COUNT=2", 0, "RRULE:FREQ=DAILY;COUNT=2"},
    {"RRULE:FREQ=DAILY;UNTIL=March", 0, NULL},
    {"RRULE:FREQ=DAILY;UNTIL=20280230", 1, NULL},
    {"RRULE:FREQ=DAILY;UNTIL=", 0, NULL},
};

START_TEST(recurrence_until) {
    struct event_times times = {.all_day = untils[_i].all_day, .zone = "Europe/Berlin"};
    json_t *lines = json_pack("[s]", untils[_i].line);
    const char *wrong = event_recurrence_fit(lines, &times);
    ck_assert_msg((wrong == NULL) == (untils[_i].kept != NULL), "%s", untils[_i].line);
    if (wrong == NULL)
        ck_assert_str_eq(json_string_value(json_array_get(lines, 0)), untils[_i].kept);
    json_decref(lines);
}
END_TEST

START_TEST(intervals) {
    struct intervals list = {0};
    ck_assert_int_eq(intervals_add(&list, 50, 60, 0, 100), 0);
    ck_assert_int_eq(intervals_add(&list, -10, 10, 0, 100), 0);
    ck_assert_int_eq(intervals_add(&list, 55, 70, 0, 100), 0);
    ck_assert_int_eq(intervals_add(&list, 70, 80, 0, 100), 0);
    ck_assert_int_eq(intervals_add(&list, 100, 120, 0, 100), 0);
    ck_assert_int_eq(intervals_add(&list, 52, 53, 0, 100), 0);
    intervals_merge(&list);
    ck_assert_uint_eq(list.n, 2);
    ck_assert_int_eq(list.items[0].from, 0);
    ck_assert_int_eq(list.items[0].to, 10);
    ck_assert_int_eq(list.items[1].from, 50);
    ck_assert_int_eq(list.items[1].to, 80);
    intervals_free(&list);
}
END_TEST

START_TEST(busy_or_not) {
    static const struct {
        const char *event;
        bool busy;
    } rows[] = {
        {"{}", true},
        {"{\"status\":\"cancelled\"}", false},
        {"{\"status\":\"tentative\"}", true},
        {"{\"transparency\":\"transparent\"}", false},
        {"{\"eventType\":\"workingLocation\"}", false},
        {"{\"eventType\":\"birthday\"}", false},
        {"{\"eventType\":\"outOfOffice\"}", true},
        {"{\"attendees\":[{\"self\":true,\"responseStatus\":\"declined\"}]}", false},
        {"{\"attendees\":[{\"responseStatus\":\"declined\"}]}", true},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        json_t *event = json_loads(rows[i].event, 0, NULL);
        ck_assert_msg(event_is_busy(event) == rows[i].busy, "%s", rows[i].event);
        json_decref(event);
    }
}
END_TEST

START_TEST(references) {
    struct event_place place;
    char *main = event_reference(CALENDAR_MAIN, "abc123"),
         *other = event_reference("a@b.test", "abc123");
    ck_assert_str_eq(main, "abc123");
    ck_assert_str_eq(other, "abc123/a@b.test");
    ck_assert(event_place_of(main, &place));
    ck_assert_str_eq(place.calendar, CALENDAR_MAIN);
    ck_assert_str_eq(place.id, "abc123");
    ck_assert(event_place_of(other, &place));
    ck_assert_str_eq(place.calendar, "a@b.test");
    ck_assert_str_eq(place.id, "abc123");
    static const char *const wrong[] = {"",           "/",           "abc123/",    "/a@b.test",
                                        "abc123/a/b", "abc123/..",   "abc123/a b", "../abc123",
                                        "abc?123",    "abc123/a\x7f"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        ck_assert_msg(!event_reference_valid(wrong[i]), "%s", wrong[i]);
    char id[CALENDAR_ID_SIZE + 1];
    memset(id, 'a', sizeof(id));
    id[CALENDAR_ID_SIZE] = '\0';
    ck_assert(!calendar_id_valid(id));
    id[CALENDAR_ID_SIZE - 1] = '\0';
    ck_assert(calendar_id_valid(id));
    free(main);
    free(other);
}
END_TEST

/* A list that a model wrote as text is that list; any other text is the one entry of one. */
START_TEST(lists_that_were_written_as_text) {
    static const struct {
        const char *said, *list;
    } rows[] = {{"\"[\\\"a\\\", \\\"b\\\"]\"", "[\"a\",\"b\"]"},
                {"\"[1]\"", "[\"[1]\"]"},
                {"\"RRULE:X\"", "[\"RRULE:X\"]"},
                {"\"[a\"", "[\"[a\"]"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[160], why[160];
        (void)snprintf(text, sizeof(text),
                       "{\"title\":\"t\",\"start\":\"a\",\"end\":\"b\",\"recurrence\":%s}",
                       rows[i].said);
        json_t *args = json_loads(text, 0, NULL);
        ck_assert_ptr_null(tools_check_args(TOOL_CREATE_EVENT, args, why, sizeof(why)));
        char *list = json_dumps(json_object_get(args, "recurrence"), JSON_COMPACT);
        ck_assert_str_eq(list, rows[i].list);
        free(list);
        json_decref(args);
    }
}
END_TEST

START_TEST(argument_checks) {
    static const struct {
        enum tool_id id;
        const char *args;
        bool fits;
    } rows[] = {
        {TOOL_CHECK_AVAILABILITY, "{\"start\":\"a\",\"end\":\"b\"}", true},
        {TOOL_CHECK_AVAILABILITY, "{\"start\":\"a\",\"end\":\"b\",\"timezone\":null}", true},
        {TOOL_CHECK_AVAILABILITY, "{\"start\":\"a\"}", false},
        {TOOL_CHECK_AVAILABILITY, "{\"start\":1,\"end\":\"b\"}", false},
        {TOOL_CHECK_AVAILABILITY, "{\"start\":null,\"end\":\"b\"}", false},
        {TOOL_CREATE_EVENT, "{\"title\":\"t\",\"start\":\"a\",\"end\":\"b\",\"colour\":\"x\"}",
         false},
        {TOOL_CREATE_EVENT, "{\"title\":\"t\",\"start\":\"a\",\"end\":\"b\",\"all_day\":\"yes\"}",
         false},
        {TOOL_CREATE_EVENT,
         "{\"title\":\"t\",\"start\":\"a\",\"end\":\"b\",\"recurrence\":\"RRULE:\"}", true},
        {TOOL_CREATE_EVENT, "{\"title\":\"t\",\"start\":\"a\",\"end\":\"b\",\"recurrence\":[1]}",
         false},
        {TOOL_CREATE_EVENT, "{\"title\":\"t\",\"start\":\"a\",\"end\":\"b\",\"all_day\":\"true\"}",
         true},
        {TOOL_CREATE_EVENT, "{\"title\":\"1\",\"start\":\"2026-01-01\",\"end\":\"[]\"}", true},
        {TOOL_CREATE_EVENT, "{\"title\":\"t\",\"start\":\"a\",\"end\":\"b\",\"all_day\":\"1\"}",
         false},
        {TOOL_EDIT_BUSINESS, "{\"business\":\"s\",\"profile\":\"{\\\"name\\\":\\\"A\\\"}\"}", true},
        {TOOL_EDIT_BUSINESS, "{\"business\":\"s\",\"profile\":\"[]\"}", false},
        {TOOL_EDIT_BUSINESS, "{\"business\":\"s\",\"profile\":\"a salon\"}", false},
        {TOOL_DELETE_EVENT, "{\"event\":\"x\"}", true},
        {TOOL_DELETE_EVENT, "{}", false},
    };
    char why[160];
    size_t n;
    const struct model_tool *tools = tools_list(&n);
    ck_assert_uint_eq(n, TOOL_COUNT);
    for (size_t i = 0; i < n; i++) {
        json_t *schema = json_loads(tools[i].schema, 0, NULL);
        ck_assert_msg(schema != NULL, "%s", tools[i].name);
        json_decref(schema);
    }
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        json_t *args = json_loads(rows[i].args, 0, NULL);
        bool fits = tools_check_args(rows[i].id, args, why, sizeof(why)) == NULL;
        ck_assert_msg(fits == rows[i].fits, "%s", rows[i].args);
        json_decref(args);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("calendar");
    TCase *tc = tcase_create("all");
    if (seal_init() < 0)
        return 1;
    tcase_add_test(tc, own_by_mac);
    tcase_add_test(tc, ids_are_stable);
    tcase_add_test(tc, tags_are_bounded);
    tcase_add_loop_test(tc, times_from_arguments, 0, (int)COUNT_OF(spans));
    tcase_add_test(tc, last_days);
    tcase_add_test(tc, times_of_google_are_the_events_zones);
    tcase_add_test(tc, kind_switch_clears);
    tcase_add_loop_test(tc, recurrence_lines, 0, (int)COUNT_OF(rules));
    tcase_add_loop_test(tc, recurrence_until, 0, (int)COUNT_OF(untils));
    tcase_add_test(tc, intervals);
    tcase_add_test(tc, busy_or_not);
    tcase_add_test(tc, references);
    tcase_add_test(tc, argument_checks);
    tcase_add_test(tc, lists_that_were_written_as_text);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
