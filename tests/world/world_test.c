/* The stand-in's own reading of sentences, zones and repetition. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "tests/world/event.h"
#include "tests/world/expand.h"
#include "tests/world/intent.h"
#include "tests/world/model.h"

static struct clock_view sunday(void) {
    struct civil c = {2026, 11, 22, 14, 0, 0};
    const struct zone *zone = zone_find("Europe/Berlin");
    ck_assert_ptr_nonnull(zone);
    return (struct clock_view){zone_to_utc(zone, &c), zone};
}

/* ---- sentences ---- */

static const struct sentence {
    const char *text;
    enum intent_kind kind;
    const char *title, *start, *end, *rule;
} sentences[] = {
    {"Am I free tomorrow at 3pm?", INTENT_FREE, "", "2026-11-23T15:00:00+01:00",
     "2026-11-23T16:00:00+01:00", ""},
    {"Am I free tomorrow at three?", INTENT_FREE, "", "2026-11-23T15:00:00+01:00",
     "2026-11-23T16:00:00+01:00", ""},
    {"Am I available on Friday 4 December from 10 to 11:30?", INTENT_FREE, "",
     "2026-12-04T10:00:00+01:00", "2026-12-04T11:30:00+01:00", ""},
    {"am i busy next tuesday at noon", INTENT_FREE, "", "2026-11-24T12:00:00+01:00",
     "2026-11-24T13:00:00+01:00", ""},
    {"Am I free on 2026-12-01 at 09:00?", INTENT_FREE, "", "2026-12-01T09:00:00+01:00",
     "2026-12-01T10:00:00+01:00", ""},
    {"Am I free this afternoon?", INTENT_FREE, "", "2026-11-22T12:00:00+01:00",
     "2026-11-22T18:00:00+01:00", ""},
    {"Am I free tomorrow at 9 in Asia/Tokyo time?", INTENT_FREE, "", "2026-11-23T01:00:00+01:00",
     "2026-11-23T02:00:00+01:00", ""},
    {"Am I free tomorrow at 9 Tokyo time?", INTENT_FREE, "", "2026-11-23T01:00:00+01:00",
     "2026-11-23T02:00:00+01:00", ""},
    {"Do I have time on December 24th between 2 and 4?", INTENT_FREE, "",
     "2026-12-24T14:00:00+01:00", "2026-12-24T16:00:00+01:00", ""},
    {"Is tomorrow at half past four free?", INTENT_FREE, "", "2026-11-23T16:30:00+01:00",
     "2026-11-23T17:30:00+01:00", ""},
    {"Can you check if I'm free on Wednesday at quarter to six?", INTENT_FREE, "",
     "2026-11-25T17:45:00+01:00", "2026-11-25T18:45:00+01:00", ""},
    {"Am I free tomorrow evening at 8?", INTENT_FREE, "", "2026-11-23T20:00:00+01:00",
     "2026-11-23T21:00:00+01:00", ""},
    {"Am I free in two hours?", INTENT_FREE, "", "2026-11-22T16:00:00+01:00",
     "2026-11-22T17:00:00+01:00", ""},
    {"Am I free at 8 tomorrow morning for 30 minutes?", INTENT_FREE, "",
     "2026-11-23T08:00:00+01:00", "2026-11-23T08:30:00+01:00", ""},
    {"Find me a free hour on Thursday", INTENT_FIND, "", "2026-11-26T00:00:00+01:00",
     "2026-11-27T00:00:00+01:00", ""},
    {"When am I free tomorrow afternoon?", INTENT_FIND, "", "2026-11-23T12:00:00+01:00",
     "2026-11-23T18:00:00+01:00", ""},
    {"Schedule a dentist appointment on 2026-12-01 at 09:00 for 45 minutes", INTENT_CREATE,
     "dentist appointment", "2026-12-01T09:00:00+01:00", "2026-12-01T09:45:00+01:00", ""},
    {"Put lunch with Sam on Tuesday at 12:30.", INTENT_CREATE, "lunch with Sam",
     "2026-11-24T12:30:00+01:00", "2026-11-24T13:30:00+01:00", ""},
    {"Please add \"Board review at 5\" to my calendar tomorrow at 10am", INTENT_CREATE,
     "Board review at 5", "2026-11-23T10:00:00+01:00", "2026-11-23T11:00:00+01:00", ""},
    {"Add a team sync every Monday at 9 for 4 weeks", INTENT_CREATE, "team sync",
     "2026-11-23T09:00:00+01:00", "2026-11-23T10:00:00+01:00", "FREQ=WEEKLY;BYDAY=MO;COUNT=4"},
    {"Book yoga every other Tuesday and Thursday at 6pm until 18 December", INTENT_CREATE, "yoga",
     "2026-11-24T18:00:00+01:00", "2026-11-24T19:00:00+01:00",
     "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,TH;UNTIL=20261218T225959Z"},
    {"Schedule standup every weekday at 9:15 for 15 minutes", INTENT_CREATE, "standup",
     "2026-11-23T09:15:00+01:00", "2026-11-23T09:30:00+01:00", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"},
    {"Create an event called Zebra 77 planning tomorrow from 2 to 3pm", INTENT_CREATE,
     "Zebra 77 planning", "2026-11-23T14:00:00+01:00", "2026-11-23T15:00:00+01:00", ""},
    {"Could you set up a 30 minute call with Anna on Friday at 4?", INTENT_CREATE, "call with Anna",
     "2026-11-27T16:00:00+01:00", "2026-11-27T16:30:00+01:00", ""},
    {"Block Thursday 9-11 for deep work", INTENT_CREATE, "deep work", "2026-11-26T09:00:00+01:00",
     "2026-11-26T11:00:00+01:00", ""},
    {"Remind me to call mum on 5 January at 7pm", INTENT_CREATE, "call mum",
     "2027-01-05T19:00:00+01:00", "2027-01-05T20:00:00+01:00", ""},
    {"Can I meet Bob tomorrow at 4?", INTENT_FREE, "", "2026-11-23T16:00:00+01:00",
     "2026-11-23T17:00:00+01:00", ""},
    {"Book a meeting with Dr. Jones on Monday 30 November at 8:15 am for half an hour.",
     INTENT_CREATE, "meeting with Dr. Jones", "2026-11-30T08:15:00+01:00",
     "2026-11-30T08:45:00+01:00", ""},
    {"Add vacation from 21 December to 28 December", INTENT_CREATE, "vacation",
     "2026-12-21T00:00:00+01:00", "2026-12-29T00:00:00+01:00", ""},
    {"What's happening in December?", INTENT_LIST, "", "2026-12-01T00:00:00+01:00",
     "2027-01-01T00:00:00+01:00", ""},
    {"Schedule rent payment monthly on the 1st at 9:00", INTENT_CREATE, "rent payment",
     "2026-12-01T09:00:00+01:00", "2026-12-01T10:00:00+01:00", "FREQ=MONTHLY"},
    {"add gym every day at 7am for 5 days", INTENT_CREATE, "gym", "2026-11-23T07:00:00+01:00",
     "2026-11-23T08:00:00+01:00", "FREQ=DAILY;COUNT=5"},
    {"Delete the event called Zebra", INTENT_CANCEL, "Zebra", NULL, NULL, ""},
    {"Am I free from Monday to Wednesday?", INTENT_FREE, "", "2026-11-23T00:00:00+01:00",
     "2026-11-26T00:00:00+01:00", ""},
    {"What do I have tomorrow?", INTENT_LIST, "", "2026-11-23T00:00:00+01:00",
     "2026-11-24T00:00:00+01:00", ""},
    {"What's on my calendar this week?", INTENT_LIST, "", "2026-11-22T00:00:00+01:00",
     "2026-11-23T00:00:00+01:00", ""},
    {"Show me my events next week", INTENT_LIST, "", "2026-11-23T00:00:00+01:00",
     "2026-11-30T00:00:00+01:00", ""},
    {"Do I have anything on the 4th of December?", INTENT_LIST, "", "2026-12-04T00:00:00+01:00",
     "2026-12-05T00:00:00+01:00", ""},
    {"List my meetings on Monday from 9 to 12", INTENT_LIST, "", "2026-11-23T09:00:00+01:00",
     "2026-11-23T12:00:00+01:00", ""},
    {"Move lunch with Sam to 4pm", INTENT_MOVE, "lunch with Sam", NULL, NULL, ""},
    {"Move the call on Tuesday to Wednesday at ten", INTENT_MOVE, "call",
     "2026-11-25T10:00:00+01:00", "2026-11-25T11:00:00+01:00", ""},
    {"Reschedule Board review to 3 December at 11:00", INTENT_MOVE, "Board review",
     "2026-12-03T11:00:00+01:00", "2026-12-03T12:00:00+01:00", ""},
    {"Cancel lunch with Sam tomorrow", INTENT_CANCEL, "lunch with Sam", NULL, NULL, ""},
    {"Delete my dentist appointment", INTENT_CANCEL, "dentist appointment", NULL, NULL, ""},
    {"Rename lunch with Sam to Lunch with Samira", INTENT_RENAME, "lunch with Sam", NULL, NULL, ""},
    {"Remember that I like mornings", INTENT_REMEMBER, "I like mornings", NULL, NULL, ""},
    {"Forget that I like mornings.", INTENT_FORGET, "I like mornings", NULL, NULL, ""},
    {"When is the board review?", INTENT_WHEN_IS, "board review", NULL, NULL, ""},
    {"What do you remember about me?", INTENT_RECALL, "", NULL, NULL, ""},
    {"Hello!", INTENT_CHAT, "", NULL, NULL, ""},
};

START_TEST(test_sentence) {
    static struct intents intents;
    const struct sentence *s = &sentences[_i];
    struct clock_view clock = sunday();
    intents_read(s->text, &clock, &intents);
    ck_assert_msg(intents.count == 1, "%s: %zu intents", s->text, intents.count);
    const struct intent *in = &intents.list[0];
    ck_assert_msg(in->kind == s->kind, "%s: kind %d", s->text, (int)in->kind);
    ck_assert_msg(strcmp(in->title, s->title) == 0, "%s: title “%s”", s->text, in->title);
    ck_assert_msg(strcmp(in->when.rule, s->rule) == 0, "%s: rule %s", s->text, in->when.rule);
    if (!s->start)
        return;
    int64_t start, end;
    char from[STAMP_N], to[STAMP_N];
    when_span(&in->when, &clock, 60, &start, &end);
    rfc3339_format(start, clock.zone, from);
    rfc3339_format(end, clock.zone, to);
    ck_assert_msg(strcmp(from, s->start) == 0, "%s: starts %s", s->text, from);
    ck_assert_msg(strcmp(to, s->end) == 0, "%s: ends %s", s->text, to);
}
END_TEST

START_TEST(test_compound) {
    static struct intents intents;
    struct clock_view clock = sunday();
    intents_read("Am I free tomorrow at three? Put lunch with Sam there.", &clock, &intents);
    ck_assert_uint_eq(intents.count, 2);
    ck_assert_int_eq(intents.list[0].kind, INTENT_FREE);
    ck_assert_int_eq(intents.list[1].kind, INTENT_CREATE);
    ck_assert_str_eq(intents.list[1].title, "lunch with Sam");
    ck_assert(intents.list[1].when.there);
    intents_read("If I'm free on Friday at 2, put tea with Jo there and cancel Gym", &clock,
                 &intents);
    ck_assert_uint_eq(intents.count, 3);
    ck_assert_int_eq(intents.list[0].kind, INTENT_FREE);
    ck_assert_str_eq(intents.list[1].title, "tea with Jo");
    ck_assert_int_eq(intents.list[2].kind, INTENT_CANCEL);
    intents_read("Put tea tomorrow at ten and coffee with Bo on Friday at eleven", &clock,
                 &intents);
    ck_assert_uint_eq(intents.count, 2);
    ck_assert_str_eq(intents.list[0].title, "tea");
    ck_assert_str_eq(intents.list[1].title, "coffee with Bo");
    intents_read("And on Friday?", &clock, &intents);
    ck_assert_int_eq(intents.list[0].kind, INTENT_AGAIN);
    ck_assert(intents.list[0].when.has_day);
    intents_read("Move it to four", &clock, &intents);
    ck_assert_int_eq(intents.list[0].kind, INTENT_MOVE);
    ck_assert(intents.list[0].it);
    ck_assert_int_eq(intents.list[0].when.minute, 16 * 60);
    intents_read("Put Sam's birthday on 4 December, all day", &clock, &intents);
    ck_assert_str_eq(intents.list[0].title, "Sam's birthday");
    ck_assert(intents.list[0].when.all_day);
    intents_read("Invite sam@example.com to the board review", &clock, &intents);
    ck_assert_int_eq(intents.list[0].kind, INTENT_INVITE);
    ck_assert_str_eq(intents.list[0].email[0], "sam@example.com");
}
END_TEST

/* ---- zones ---- */

static void check_utc(const char *zone, struct civil local, const char *want) {
    char text[STAMP_N];
    rfc3339_format(zone_to_utc(zone_find(zone), &local), zone_find("UTC"), text);
    ck_assert_msg(strcmp(text, want) == 0, "%s: %s", zone, text);
}

START_TEST(test_zones) {
    check_utc("Europe/Berlin", (struct civil){2026, 7, 1, 12, 0, 0}, "2026-07-01T10:00:00Z");
    check_utc("Europe/Berlin", (struct civil){2026, 3, 29, 2, 30, 0},
              "2026-03-29T01:30:00Z"); /* gap */
    check_utc("Europe/Berlin", (struct civil){2026, 10, 25, 2, 30, 0},
              "2026-10-25T00:30:00Z"); /* first */
    check_utc("Europe/Berlin", (struct civil){2055, 7, 1, 12, 0, 0},
              "2055-07-01T10:00:00Z"); /* footer */
    check_utc("America/New_York", (struct civil){2027, 3, 14, 9, 0, 0}, "2027-03-14T13:00:00Z");
    check_utc("Asia/Kolkata", (struct civil){2026, 1, 1, 0, 0, 0}, "2025-12-31T18:30:00Z");
    check_utc("Australia/Lord_Howe", (struct civil){2027, 1, 10, 9, 0, 0}, "2027-01-09T22:00:00Z");
    check_utc("America/Sao_Paulo", (struct civil){2040, 1, 10, 9, 0, 0}, "2040-01-10T12:00:00Z");
    check_utc("Asia/Tokyo", (struct civil){2026, 6, 1, 9, 0, 0}, "2026-06-01T00:00:00Z");
    ck_assert_ptr_null(zone_find("Europe/Nowhere"));
    ck_assert_ptr_null(zone_find("../../etc/passwd"));
    ck_assert_ptr_null(zone_find(""));
}
END_TEST

/* ---- repetition ---- */

static const struct series {
    const char *start, *end, *zone, *lines[3], *want; /* starts in UTC, joined by blanks */
} series[] = {
    {"2026-10-19T09:00:00",
     "2026-10-19T10:00:00",
     "Europe/Berlin",
     {"RRULE:FREQ=WEEKLY;BYDAY=MO;COUNT=3"},
     "2026-10-19T07:00:00Z 2026-10-26T08:00:00Z 2026-11-02T08:00:00Z"}, /* nine stays nine over the
                                                                           clock change */
    {"2026-10-19T09:00:00",
     "2026-10-19T10:00:00",
     "Europe/Berlin",
     {"RRULE:FREQ=DAILY;INTERVAL=2;UNTIL=20261023T070000Z"},
     "2026-10-19T07:00:00Z 2026-10-21T07:00:00Z 2026-10-23T07:00:00Z"},
    {"2026-10-19T09:00:00",
     "2026-10-19T10:00:00",
     "Europe/Berlin",
     {"RRULE:FREQ=WEEKLY;COUNT=3", "EXDATE;TZID=Europe/Berlin:20261026T090000"},
     "2026-10-19T07:00:00Z 2026-11-02T08:00:00Z"},
    {"2026-01-31T09:00:00",
     "2026-01-31T10:00:00",
     "UTC",
     {"RRULE:FREQ=MONTHLY;BYMONTHDAY=31;COUNT=3"},
     "2026-01-31T09:00:00Z 2026-03-31T09:00:00Z 2026-05-31T09:00:00Z"},
    {"2026-03-02T09:00:00",
     "2026-03-02T10:00:00",
     "America/New_York",
     {"RRULE:FREQ=MONTHLY;BYDAY=1MO;COUNT=3"},
     "2026-03-02T14:00:00Z 2026-04-06T13:00:00Z 2026-05-04T13:00:00Z"},
    {"2024-02-29T09:00:00",
     "2024-02-29T10:00:00",
     "UTC",
     {"RRULE:FREQ=YEARLY;COUNT=2"},
     "2024-02-29T09:00:00Z 2028-02-29T09:00:00Z"},
    {"2026-11-23T09:00:00",
     "2026-11-23T10:00:00",
     "UTC",
     {"RRULE:FREQ=WEEKLY;BYDAY=MO,WE;COUNT=3", "RDATE:20261129T080000Z"},
     "2026-11-23T09:00:00Z 2026-11-25T09:00:00Z 2026-11-29T08:00:00Z 2026-11-30T09:00:00Z"},
};

START_TEST(test_series) {
    const struct series *s = &series[_i];
    json_t *lines = json_array();
    for (size_t i = 0; i < COUNT_OF(s->lines) && s->lines[i]; i++)
        json_array_append_new(lines, json_string(s->lines[i]));
    json_t *resource = json_pack("{s:s,s:{s:s,s:s},s:{s:s,s:s},s:o}", "id", "abcde", "start",
                                 "dateTime", s->start, "timeZone", s->zone, "end", "dateTime",
                                 s->end, "timeZone", s->zone, "recurrence", lines);
    const char *message = NULL;
    ck_assert_ptr_null(event_check(resource, zone_find("UTC"), &message));
    struct occurrence *list = NULL;
    size_t count = 0;
    ck_assert_int_eq(expand(resource, zone_find("UTC"), 0, INT64_C(4000000000), 100, &list, &count),
                     0);
    char got[1024] = "";
    for (size_t i = 0; i < count; i++) {
        char at[STAMP_N];
        rfc3339_format(list[i].start, zone_find("UTC"), at);
        size_t n = strlen(got);
        snprintf(got + n, sizeof(got) - n, "%s%s", i ? " " : "", at);
    }
    ck_assert_str_eq(got, s->want);
    free(list);
    json_decref(resource);
}
END_TEST

START_TEST(test_all_day_series) {
    json_t *resource = json_loads(
        "{\"id\":\"abcde\",\"start\":{\"date\":\"2026-10-24\"},\"end\":{\"date\":\"2026-10-25\"},"
        "\"recurrence\":[\"RRULE:FREQ=DAILY;COUNT=3\"]}",
        0, NULL);
    struct occurrence *list = NULL;
    size_t count = 0;
    const struct zone *zone = zone_find("Europe/Berlin");
    ck_assert_int_eq(expand(resource, zone, 0, INT64_C(4000000000), 100, &list, &count), 0);
    ck_assert_uint_eq(count, 3);
    ck_assert_int_eq(list[1].end - list[1].start, 25 * 3600); /* the day the clocks go back */
    json_t *one = expand_instance(resource, zone, &list[2]);
    ck_assert_str_eq(json_string_value(json_object_get(one, "id")), "abcde_20261026");
    ck_assert_str_eq(json_string_value(json_object_get(json_object_get(one, "end"), "date")),
                     "2026-10-27");
    json_decref(one);
    free(list);
    json_decref(resource);
}
END_TEST

/* ---- the mind, round by round ---- */

static const char tools_json[] =
    "[{\"name\":\"check_availability\",\"description\":\"free or "
    "busy\",\"schema\":{\"type\":\"object\",\"properties\":"
    "{\"start\":{\"type\":\"string\"},\"end\":{\"type\":\"string\"}}}},"
    "{\"name\":\"create_event\",\"description\":\"new "
    "event\",\"schema\":{\"type\":\"object\",\"properties\":"
    "{\"title\":{\"type\":\"string\"},\"start\":{\"type\":\"string\"},\"end\":{\"type\":\"string\"}"
    "}}}]";

static json_t *ask(const char *message, const char *system) {
    return json_pack("{s:s,s:[{s:s,s:s,s:[s]}],s:o}", "system", system, "turns", "role", "user",
                     "text", message, "blocks", message, "tools", json_loads(tools_json, 0, NULL));
}

/* Adds a round: the calls of `reply`, each answered with `result`. */
static void answer(json_t *conversation, const json_t *reply, const char *result) {
    json_t *turns = json_object_get(conversation, "turns"), *call, *calls = json_array(),
           *results = json_array();
    size_t i;
    json_array_foreach(json_object_get(reply, "calls"), i, call) {
        json_t *id = json_sprintf("id%zu-%zu", json_array_size(turns), i);
        json_array_append_new(calls, json_pack("{s:O,s:O,s:O}", "id", id, "name",
                                               json_object_get(call, "name"), "input",
                                               json_object_get(call, "input")));
        json_array_append_new(results,
                              json_pack("{s:o,s:s,s:b}", "id", id, "text", result, "error", 0));
    }
    json_array_append_new(turns, json_pack("{s:s,s:o}", "role", "assistant", "calls", calls));
    json_array_append_new(turns, json_pack("{s:s,s:o}", "role", "user", "results", results));
}

static const char *call_text(const json_t *reply, size_t i, const char *arg) {
    const json_t *call = json_array_get(json_object_get(reply, "calls"), i);
    return json_string_value(arg ? json_object_get(json_object_get(call, "input"), arg)
                                 : json_object_get(call, "name"));
}

#define SYSTEM_TEXT "The time is 2026-11-22T14:00:00+01:00, the zone Europe/Berlin."

START_TEST(test_mind_free_then_create) {
    json_t *c = ask("Am I free tomorrow at three? Put lunch with Sam there.", SYSTEM_TEXT);
    json_t *r = mind_think(c, 0);
    ck_assert_str_eq(call_text(r, 0, NULL), "check_availability");
    ck_assert_str_eq(call_text(r, 0, "start"), "2026-11-23T15:00:00+01:00");
    answer(c, r, "{\"free\":true,\"busy\":[]}");
    json_decref(r);
    r = mind_think(c, 0);
    ck_assert_str_eq(call_text(r, 0, NULL), "create_event");
    ck_assert_str_eq(call_text(r, 0, "title"), "lunch with Sam");
    ck_assert_str_eq(call_text(r, 0, "end"), "2026-11-23T16:00:00+01:00");
    answer(c, r, "{\"event\":\"abc123\"}");
    json_decref(r);
    r = mind_think(c, 0);
    ck_assert_uint_eq(json_array_size(json_object_get(r, "calls")), 0);
    const char *said = json_string_value(json_object_get(r, "text"));
    ck_assert_msg(strstr(said, "Yes, you are free") && strstr(said, "“lunch with Sam”"), "%s",
                  said);
    json_decref(r);
    json_decref(c);
}
END_TEST

START_TEST(test_mind_busy) {
    json_t *c = ask("Am I free tomorrow at three? Put lunch with Sam there.", SYSTEM_TEXT);
    json_t *r = mind_think(c, 0);
    answer(c, r,
           "{\"free\":false,\"busy\":[{\"start\":\"2026-11-23T15:00:00+01:00\",\"end\":\"2026-11-"
           "23T15:30:00+01:00\"}]}");
    json_decref(r);
    r = mind_think(c, 0);
    const char *said = json_string_value(json_object_get(r, "text"));
    ck_assert_uint_eq(json_array_size(json_object_get(r, "calls")), 0);
    ck_assert_msg(strstr(said, "No, you are not") && strstr(said, "15:00 to 15:30") &&
                      strstr(said, "did not add"),
                  "%s", said);
    json_decref(r);
    json_decref(c);
}
END_TEST

START_TEST(test_mind_without_tools) {
    json_t *c = ask("Am I free tomorrow at three?", SYSTEM_TEXT);
    json_array_clear(json_object_get(c, "tools"));
    json_t *r = mind_think(c, 0);
    ck_assert(strstr(json_string_value(json_object_get(r, "text")), "no tool") != NULL);
    json_decref(r);
    json_decref(c);
    c = ask("two at once", SYSTEM_TEXT);
    r = mind_think(c, 0);
    ck_assert_uint_eq(json_array_size(json_object_get(r, "calls")), 2);
    json_decref(r);
    json_decref(c);
    c = ask("Am I free tomorrow at 3? And am I free on Friday at 10?", SYSTEM_TEXT);
    r = mind_think(c, 0);
    ck_assert_uint_eq(json_array_size(json_object_get(r, "calls")), 2);
    json_decref(r);
    json_decref(c);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("world");
    TCase *t = tcase_create("world");
    tcase_add_loop_test(t, test_sentence, 0, (int)COUNT_OF(sentences));
    tcase_add_test(t, test_compound);
    tcase_add_test(t, test_zones);
    tcase_add_loop_test(t, test_series, 0, (int)COUNT_OF(series));
    tcase_add_test(t, test_all_day_series);
    tcase_add_test(t, test_mind_free_then_create);
    tcase_add_test(t, test_mind_busy);
    tcase_add_test(t, test_mind_without_tools);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
