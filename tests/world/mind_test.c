/* The model stand-in over whole conversations, with tools such as Cloister offers. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "tests/world/model.h"

#define NOW "Current date and time: 2026-11-22T14:00:00+01:00 (Sunday), time zone Europe/Berlin.\n"

static json_t *tool(const char *name, const char *about, const char *params) {
    json_t *properties = json_object();
    char *copy = strdup(params), *save = NULL;
    for (char *p = strtok_r(copy, " ", &save); p; p = strtok_r(NULL, " ", &save)) {
        const char *type = strcmp(p, "all_day") == 0                                     ? "boolean"
                           : strcmp(p, "recurrence") == 0 || strcmp(p, "attendees") == 0 ? "array"
                                                                                         : "string";
        json_object_set_new(properties, p, json_pack("{s:s}", "type", type));
    }
    free(copy);
    return json_pack("{s:s,s:s,s:{s:s,s:o}}", "name", name, "description", about, "schema", "type",
                     "object", "properties", properties);
}

static json_t *conversation(const char *system) {
    const char *event = "title start end timezone all_day recurrence attendees event";
    return json_pack(
        "{s:s,s:[],s:[o,o,o,o,o,o,o,o]}", "system", system, "turns", "tools",
        tool("check_availability", "free or busy", "start end timezone"),
        tool("list_events", "Lists events", "start end query"),
        tool("get_event", "Reads one event", "event"),
        tool("create_event", "Puts a new event", event + 0),
        tool("update_event", "Changes an event that was made with create_event", event),
        tool("delete_event", "Deletes an event made with create_event", "event"),
        tool("remember", "Keeps a note", "text id"),
        tool("forget", "Deletes a note that was kept with remember.", "id"));
}

static void say(json_t *c, const char *role, const char *text) {
    json_array_append_new(json_object_get(c, "turns"),
                          json_pack("{s:s,s:s,s:[s]}", "role", role, "text", text, "blocks", text));
}

/* One step of a script: the call that is expected (or the final text) and what it is answered with.
 */
struct step {
    const char *call; /* NULL: the final answer */
    const char *input[4][2];
    const char *result; /* or words of the final answer */
    bool error;
};

static void play(json_t *c, const struct step *steps, size_t count) {
    for (size_t s = 0; s < count; s++) {
        const struct step *step = &steps[s];
        json_t *reply = mind_think(c, 0), *calls = json_object_get(reply, "calls");
        const json_t *call = json_array_get(calls, 0);
        const char *text = json_string_value(json_object_get(reply, "text"));
        const char *name = json_string_value(json_object_get(call, "name"));
        char *shown = json_dumps(reply, JSON_COMPACT);
        if (!step->call) {
            ck_assert_msg(!call && strstr(text, step->result), "step %zu: %s", s, shown);
        } else {
            ck_assert_msg(name && strcmp(name, step->call) == 0, "step %zu: %s", s, shown);
            for (size_t i = 0; i < 4 && step->input[i][0]; i++) {
                const char *value = json_string_value(
                    json_object_get(json_object_get(call, "input"), step->input[i][0]));
                ck_assert_msg(value && strcmp(value, step->input[i][1]) == 0, "step %zu, %s: %s", s,
                              step->input[i][0], shown);
            }
            json_t *turns = json_object_get(c, "turns");
            json_array_append_new(turns, json_pack("{s:s,s:[{s:s,s:s,s:O}]}", "role", "assistant",
                                                   "calls", "id", "c", "name", name, "input",
                                                   json_object_get(call, "input")));
            json_array_append_new(turns,
                                  json_pack("{s:s,s:[{s:s,s:s,s:b}]}", "role", "user", "results",
                                            "id", "c", "text", step->result, "error", step->error));
        }
        free(shown);
        json_decref(reply);
    }
    json_decref(c);
}

#define LUNCH                                                                                      \
    "{\"event\":\"5f3a9b01\",\"title\":\"lunch with "                                              \
    "Sam\",\"start\":\"2026-11-24T12:30:00+01:00\",\"end\":\"2026-11-24T14:00:00+01:00\"}"
#define LISTED "{\"timezone\":\"Europe/Berlin\",\"events\":[" LUNCH "]}"
#define RECORD                                                                                     \
    "(The answer was not kept.)\n(Record of that turn: check_availability free; create_event "     \
    "5f3a9b01 ok)"

START_TEST(test_move_it) {
    json_t *c = conversation(NOW);
    say(c, "user", "Put lunch with Sam on 24 November from 12:30 to 14:00.");
    say(c, "assistant", RECORD);
    say(c, "user", "Move it to four");
    const struct step told[] = {
        {"update_event",
         {{"event", "5f3a9b01"},
          {"start", "2026-11-24T16:00:00+01:00"},
          {"end", "2026-11-24T17:30:00+01:00"}},
         LUNCH,
         false},
        {NULL, {{0}}, "Tuesday 24 November 2026 from 16:00 to 17:30", false}};
    play(c, told, COUNT_OF(told));
    c = conversation(NOW);
    say(c, "user", "Put lunch with Sam wherever you like.");
    say(c, "assistant", RECORD);
    say(c, "user", "Move it to four");
    const struct step steps[] = {
        {"get_event", {{"event", "5f3a9b01"}}, LUNCH, false},
        {"update_event",
         {{"event", "5f3a9b01"},
          {"start", "2026-11-24T16:00:00+01:00"},
          {"end", "2026-11-24T17:30:00+01:00"}},
         LUNCH,
         false},
        {NULL, {{0}}, "Tuesday 24 November 2026 from 16:00 to 17:30", false}};
    play(c, steps, COUNT_OF(steps));
}
END_TEST

START_TEST(test_there_from_before) {
    json_t *c = conversation(NOW);
    say(c, "user", "Am I free tomorrow at three?");
    say(c, "assistant", "Yes, you are free.\n(Record of that turn: check_availability free)");
    say(c, "user", "Put lunch with Sam there.");
    const struct step steps[] = {{"create_event",
                                  {{"title", "lunch with Sam"},
                                   {"start", "2026-11-23T15:00:00+01:00"},
                                   {"end", "2026-11-23T16:00:00+01:00"}},
                                  LUNCH,
                                  false},
                                 {NULL, {{0}}, "“lunch with Sam”", false}};
    play(c, steps, COUNT_OF(steps));
}
END_TEST

/* ---- customers of a business ---- */

static json_t *at_a_business(void) {
    return json_pack("{s:s,s:[],s:[o,o,o,o]}", "system", NOW, "turns", "tools",
                     tool("get_business", "The profile", ""),
                     tool("free_times", "Free times", "service from until"),
                     tool("create_booking", "Books", "service start name email phone"),
                     tool("cancel_booking", "Cancels", "reference secret"));
}

#define SALON                                                                                      \
    "{\"name\":\"Salon\",\"summary\":\"Cuts\",\"services\":[{\"id\":\"dye\",\"name\":\"Colour\"}," \
    "{\"id\":\"cut\",\"name\":\"Haircut\"}]}"

START_TEST(test_customers_book) {
    json_t *c = at_a_business();
    say(c, "user", "Book me a haircut tomorrow at 10, I'm Ann, ann@example.org");
    const struct step book[] = {{"get_business", {{0}}, SALON, false},
                                {"create_booking",
                                 {{"service", "cut"},
                                  {"start", "2026-11-23T10:00:00+01:00"},
                                  {"name", "Ann"},
                                  {"email", "ann@example.org"}},
                                 "{\"error\":\"slot_taken\",\"detail\":\"Taken.\",\"next_slots\":"
                                 "[{\"start\":\"2026-11-23T11:00:00+01:00\"}]}",
                                 true},
                                {NULL, {{0}}, "2026-11-23T11:00:00+01:00", false}};
    play(c, book, COUNT_OF(book));
    c = at_a_business();
    say(c, "user", "Book me a haircut tomorrow at 10");
    const struct step nobody[] = {{NULL, {{0}}, "your name", false}};
    play(c, nobody, COUNT_OF(nobody));
    c = at_a_business();
    say(c, "user", "Book me a haircut, I'm Ann, ann@example.org");
    say(c, "assistant",
        "(The answer was not kept.)\n(Record of that turn: create_booking K7Q2 "
        "(secret s3cret) 2026-11-23T10:00:00+01:00 ok)");
    say(c, "user", "Please cancel my booking.");
    const struct step cancel[] = {{"cancel_booking",
                                   {{"reference", "K7Q2"}, {"secret", "s3cret"}},
                                   "{\"reference\":\"K7Q2\",\"status\":\"cancelled\"}",
                                   false},
                                  {NULL, {{0}}, "K7Q2: cancelled", false}};
    play(c, cancel, COUNT_OF(cancel));
}
END_TEST

START_TEST(test_by_title) {
    json_t *c = conversation(NOW);
    say(c, "user", "Move lunch with Sam to 4pm");
    const struct step steps[] = {
        {"list_events", {{"query", "lunch with Sam"}}, LISTED, false},
        {"update_event",
         {{"event", "5f3a9b01"}, {"start", "2026-11-24T16:00:00+01:00"}},
         "{\"error\":\"needs_confirmation\",\"detail\":\"Not made here.\"}",
         true},
        {NULL, {{0}}, "could not move “lunch with Sam”: Not made here.", false}};
    play(c, steps, COUNT_OF(steps));
    c = conversation(NOW);
    say(c, "user", "Cancel lunch with Sam on Tuesday");
    const struct step cancel[] = {
        {"list_events",
         {{"start", "2026-11-24T00:00:00+01:00"}, {"end", "2026-11-25T00:00:00+01:00"}},
         LISTED,
         false},
        {"delete_event",
         {{"event", "5f3a9b01"}},
         "{\"event\":\"5f3a9b01\",\"status\":\"deleted\"}",
         false},
        {NULL, {{0}}, "I have deleted “lunch with Sam”", false}};
    play(c, cancel, COUNT_OF(cancel));
    c = conversation(NOW);
    say(c, "user", "Rename lunch with Sam to Lunch with Samira");
    const struct step rename[] = {
        {"list_events", {{"query", "lunch with Sam"}}, LISTED, false},
        {"update_event", {{"event", "5f3a9b01"}, {"title", "Lunch with Samira"}}, LUNCH, false},
        {NULL, {{0}}, "renamed “lunch with Sam” to “Lunch with Samira”", false}};
    play(c, rename, COUNT_OF(rename));
    c = conversation(NOW);
    say(c, "user", "Delete the yoga class");
    const struct step missing[] = {
        {"list_events", {{"query", "yoga class"}}, "{\"events\":[]}", false},
        {NULL, {{0}}, "could not find “yoga class”", false}};
    play(c, missing, COUNT_OF(missing));
}
END_TEST

START_TEST(test_same_message_it) {
    json_t *c = conversation(NOW);
    say(c, "user", "Put lunch with Sam on Tuesday at 12:30 for 90 minutes. Then move it to 1pm.");
    const struct step steps[] = {
        {"create_event",
         {{"end", "2026-11-24T14:00:00+01:00"}},
         "{\"event\":\"5f3a9b01\",\"status\":\"created\"}",
         false},
        {"update_event",
         {{"event", "5f3a9b01"},
          {"start", "2026-11-24T13:00:00+01:00"},
          {"end", "2026-11-24T14:30:00+01:00"}},
         LUNCH,
         false},
        {NULL,
         {{0}},
         "moved “lunch with Sam” to Tuesday 24 November 2026 from 13:00 to 14:30",
         false}};
    play(c, steps, COUNT_OF(steps));
}
END_TEST

START_TEST(test_list_and_again) {
    json_t *c = conversation(NOW);
    say(c, "user", "What do I have on Tuesday?");
    const struct step steps[] = {
        {"list_events",
         {{"start", "2026-11-24T00:00:00+01:00"}, {"end", "2026-11-25T00:00:00+01:00"}},
         LISTED,
         false},
        {NULL, {{0}}, "“lunch with Sam” from 12:30 to 14:00", false}};
    json_incref(c);
    play(c, steps, COUNT_OF(steps));
    say(c, "assistant", "You have 1 event.");
    say(c, "user", "And on Friday?");
    const struct step again[] = {
        {"list_events", {{"start", "2026-11-27T00:00:00+01:00"}}, "{\"events\":[]}", false},
        {NULL, {{0}}, "nothing on Friday 27 November 2026", false}};
    play(c, again, COUNT_OF(again));
    c = conversation(NOW);
    say(c, "user", "Am I free tomorrow at three?");
    say(c, "assistant", "Yes.");
    say(c, "user", "What about four?");
    const struct step four[] = {
        {"check_availability",
         {{"start", "2026-11-23T16:00:00+01:00"}},
         "{\"free\":true,\"busy\":[]}",
         false},
        {NULL, {{0}}, "Yes, you are free on Monday 23 November 2026 from 16:00 to 17:00", false}};
    play(c, four, COUNT_OF(four));
}
END_TEST

START_TEST(test_zone_and_series) {
    json_t *c = conversation(NOW);
    say(c, "user", "Schedule \"Tokyo call\" tomorrow at 9 in Asia/Tokyo time for 45 minutes");
    const struct step tokyo[] = {{"create_event",
                                  {{"start", "2026-11-23T09:00:00+09:00"},
                                   {"end", "2026-11-23T09:45:00+09:00"},
                                   {"timezone", "Asia/Tokyo"}},
                                  LUNCH,
                                  false},
                                 {NULL, {{0}}, "Asia/Tokyo", false}};
    play(c, tokyo, COUNT_OF(tokyo));
    c = conversation(NOW);
    say(c, "user", "Add conference on 4 December, all day");
    const struct step day[] = {
        {"create_event",
         {{"title", "conference"}, {"start", "2026-12-04"}, {"end", "2026-12-05"}},
         LUNCH,
         false},
        {NULL, {{0}}, "Friday 4 December 2026, all day", false}};
    play(c, day, COUNT_OF(day));
}
END_TEST

START_TEST(test_memory) {
    json_t *c =
        conversation(NOW "\nWhat the owner asked to keep in mind (id: note):\n- 0a1b2c3d4e: I like "
                         "mornings\n- ffee001122: no calls on Fridays\n");
    say(c, "user", "Forget that I like mornings.");
    const struct step steps[] = {{"forget", {{"id", "0a1b2c3d4e"}}, "{}", false},
                                 {NULL, {{0}}, "forgotten", false}};
    play(c, steps, COUNT_OF(steps));
    c = conversation(
        NOW "\nWhat the owner asked to keep in mind (id: note):\n- 0a1b2c3d4e: I like mornings\n");
    say(c, "user", "What do you remember about me?");
    const struct step recall[] = {{NULL, {{0}}, "I like mornings", false}};
    play(c, recall, COUNT_OF(recall));
    c = conversation(NOW "\n- 0a1b2c3d4e: I like mornings\n");
    say(c, "user", "Find me an hour on Thursday");
    const struct step find[] = {
        {"check_availability",
         {{"start", "2026-11-26T00:00:00+01:00"}},
         "{\"free\":false,\"busy\":[{\"start\":\"2026-11-26T07:00:00+01:00\",\"end\":\"2026-11-"
         "26T10:15:00+01:00\"}]}",
         false},
        {NULL, {{0}}, "You are free on Thursday 26 November 2026 from 10:30 to 11:30", false}};
    play(c, find, COUNT_OF(find));
}
END_TEST

START_TEST(test_repeated_request) {
    json_t *c = conversation(NOW "\nThis same request was worked on before and broke off. Already "
                                 "done, do not do it again, only "
                                 "report it:\n- created the event 5f3a9b01 from "
                                 "2026-11-23T15:00:00+01:00 to 2026-11-23T16:00:00+01:00\n");
    say(c, "user", "Am I free tomorrow at three? Put lunch with Sam there.");
    const struct step steps[] = {
        {"check_availability",
         {{"start", "2026-11-23T15:00:00+01:00"}},
         "{\"free\":false,\"busy\":[{\"start\":\"2026-11-23T15:00:00+01:00\",\"end\":\"2026-11-"
         "23T16:00:00+01:00\"}]}",
         false},
        {NULL, {{0}}, "I have put “lunch with Sam” into your calendar", false}};
    play(c, steps, COUNT_OF(steps));
}
END_TEST

START_TEST(test_errors_in_words) {
    json_t *c = conversation(NOW);
    say(c, "user", "Am I free tomorrow at three? Put lunch with Sam there.");
    const struct step steps[] = {
        {"check_availability",
         {{0}},
         "{\"error\":\"google_unavailable\",\"detail\":\"Google is away.\"}",
         true},
        {NULL, {{0}}, "could not check your availability: Google is away.", false}};
    play(c, steps, COUNT_OF(steps));
}
END_TEST

START_TEST(test_corrections) {
    json_t *c = conversation(NOW);
    say(c, "user", "Put lunch with Sam tomorrow at 3pm.");
    say(c, "assistant", RECORD);
    say(c, "user", "No, five.");
    const struct step five[] = {{"update_event",
                                 {{"event", "5f3a9b01"},
                                  {"start", "2026-11-23T17:00:00+01:00"},
                                  {"end", "2026-11-23T18:00:00+01:00"}},
                                 "{\"result\":\"proposed\",\"note\":\"Nothing was changed.\"}",
                                 false},
                                {NULL, {{0}}, "I have not changed “lunch with Sam” yet", false}};
    play(c, five, COUNT_OF(five));
    c = conversation(
        NOW "\nWhat the owner asked to keep in mind (id: note):\n- 0a1b2c3d4e: I like mornings\n");
    say(c, "user", "Remember that I like afternoons instead of mornings.");
    const struct step mends[] = {
        {"remember", {{"text", "I like afternoons"}, {"id", "0a1b2c3d4e"}}, "{}", false},
        {NULL, {{0}}, "I will remember: I like afternoons", false}};
    play(c, mends, COUNT_OF(mends));
}
END_TEST

START_TEST(test_who) {
    json_t *c = conversation(NOW);
    say(c, "user", "What do I have on Tuesday?");
    say(c, "assistant",
        "(The answer was not kept.)\n(Record of that turn: list_events ev0000000001 ev0000000002 "
        "found)");
    say(c, "user", "Who was in the second one?");
    const struct step steps[] = {
        {"get_event",
         {{"event", "ev0000000002"}},
         "{\"event\":\"ev0000000002\",\"title\":\"Review\",\"guests\":[{\"guest\":\"@guest1\","
         "\"answer\":\"accepted\"},{\"guest\":\"@guest2\"}]}",
         false},
        {NULL, {{0}}, "In “Review” there are: @guest1 (accepted) and @guest2.", false}};
    play(c, steps, COUNT_OF(steps));
}
END_TEST

START_TEST(test_tongues) {
    json_t *c = conversation(NOW);
    say(c, "user", "Trage morgen um 15 Uhr „Mittagessen mit Jörg“ ein.");
    const struct step steps[] = {
        {"create_event",
         {{"title", "Mittagessen mit Jörg"}, {"start", "2026-11-23T15:00:00+01:00"}},
         LUNCH,
         false},
        {NULL, {{0}}, "“Mittagessen mit Jörg”", false}};
    play(c, steps, COUNT_OF(steps));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("mind");
    TCase *t = tcase_create("mind");
    tcase_add_test(t, test_move_it);
    tcase_add_test(t, test_there_from_before);
    tcase_add_test(t, test_customers_book);
    tcase_add_test(t, test_by_title);
    tcase_add_test(t, test_same_message_it);
    tcase_add_test(t, test_list_and_again);
    tcase_add_test(t, test_zone_and_series);
    tcase_add_test(t, test_memory);
    tcase_add_test(t, test_repeated_request);
    tcase_add_test(t, test_errors_in_words);
    tcase_add_test(t, test_corrections);
    tcase_add_test(t, test_who);
    tcase_add_test(t, test_tongues);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
