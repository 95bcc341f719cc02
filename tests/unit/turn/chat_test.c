/* Whole conversation turns over a fake network: tools, writes that are settled by looking, memory.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/calendar.h"
#include "fake.h"
#include "providers/json_get.h"

#define CREATE                                                                                     \
    "{\\\"title\\\":\\\"Lunch with Sam\\\",\\\"start\\\":\\\"2026-11-23T15:00:00\\\","             \
    "\\\"end\\\":\\\"2026-11-23T16:00:00\\\"}"
#define SPAN "{\\\"start\\\":\\\"2026-11-23T00:00:00\\\",\\\"end\\\":\\\"2026-11-24T00:00:00\\\"}"
#define TIMED(from, to)                                                                            \
    "{\"summary\":\"Mine\",\"start\":{\"dateTime\":\"" from "\",\"timeZone\":\"Europe/Berlin\"},"  \
    "\"end\":{\"dateTime\":\"" to "\",\"timeZone\":\"Europe/Berlin\"}}"
#define MINE "ev00000000aa" /* a handle that the notes already know */

static struct fake *fake;

static void setup(void) {
    fake = fake_new();
}
static void teardown(void) {
    fake_free(fake);
}

static void expect_done(void) {
    ck_assert_msg(*fake_code(fake) == '\0', "%s: %s", fake_code(fake),
                  *fake_code(fake) != '\0' ? fake->last->turn_error->detail : "");
}

static json_t *only_event(void) {
    ck_assert_uint_eq(json_object_size(fake->events), 1);
    return json_object_iter_value(json_object_iter(fake->events));
}

static void expect_text(const json_t *object, const char *key, const char *value) {
    ck_assert_str_eq(json_text(object, key), value);
}

START_TEST(asks_and_books) {
    fake->busy =
        "{\"busy\":[{\"start\":\"2026-11-23T09:00:00Z\",\"end\":\"2026-11-23T10:00:00Z\"}]}";
    fake->model[0] = SAY("Let me look.") CALL(1, "check_availability", SPAN) END_TOOLS;
    fake->model[1] = CALL(0, "create_event", CREATE) END_TOOLS;
    fake->model[2] = SAY("Done.") END_TURN;
    fake_chat(fake, "Am I free tomorrow? Put lunch with Sam there.");
    expect_done();
    ck_assert_str_eq(fake->text, "Let me look.\n\nDone.");
    ck_assert_str_eq(fake->tools, "check_availability:running check_availability:done "
                                  "create_event:running create_event:done ");
    json_t *free_busy = fake_result(fake, 1, 0);
    char *text = json_dumps(free_busy, JSON_COMPACT);
    ck_assert_str_eq(text,
                     "{\"start\":\"2026-11-23T00:00:00+01:00\",\"end\":\"2026-11-24T00:00:00+01:"
                     "00\",\"timezone\":\"Europe/Berlin\",\"free\":false,\"busy\":[{\"start\":"
                     "\"2026-11-23T10:00:00+01:00\",\"end\":\"2026-11-23T11:00:00+01:00\"}]}");
    free(text);
    json_decref(free_busy);
    json_t *event = only_event();
    expect_text(event, "summary", "Lunch with Sam");
    expect_text(json_object_get(event, "start"), "dateTime", "2026-11-23T15:00:00+01:00");
    expect_text(json_object_get(event, "start"), "timeZone", "Europe/Berlin");
    ck_assert(event_is_own(fake->user_key, event));
    const Cloister__TurnDone *done = fake->last->turn_done;
    ck_assert_uint_eq(done->usage->model_calls, 3);
    ck_assert_uint_eq(done->usage->tool_calls, 2);
    ck_assert_uint_eq(done->audit->calendar_writes, 1);
    ck_assert_uint_gt(done->access.len, 0);
    ck_assert_uint_eq(fake->refreshes, 1);
    /* The next turn opens the kept token and the notes. */
    fake_carry(fake);
    fake->model[0] = SAY("Yes.") END_TURN;
    fake_chat(fake, "Is it in?");
    expect_done();
    ck_assert_uint_eq(fake->refreshes, 1);
    const json_t *messages = json_object_get(fake->asked[0], "messages");
    ck_assert_uint_eq(json_array_size(messages), 3);
    expect_text(json_array_get(messages, 0), "content",
                "Am I free tomorrow? Put lunch with Sam there.");
    const char *kept = json_text(json_array_get(messages, 1), "content");
    ck_assert_ptr_nonnull(strstr(kept, "create_event"));
    ck_assert_ptr_null(strstr(kept, json_text(only_event(), "id"))); /* by its handle only */
    ck_assert_ptr_nonnull(strstr(kept, "create_event ev"));
    ck_assert_ptr_nonnull(strstr(kept, "Done.")); /* no text of the calendar was read */
    expect_text(json_array_get(messages, 2), "content", "Is it in?");
}
END_TEST

/* A model that ends without a word: after a change that is an answer, after nothing it is none. */
START_TEST(silence_after_a_change_is_done) {
    fake->model[0] = CALL(0, "create_event", CREATE) END_TOOLS;
    fake->model[1] = END_TURN;
    fake_chat(fake, "Put lunch with Sam there.");
    expect_done();
    ck_assert_str_eq(fake->text, "Done.");
    fake_carry(fake);
    fake->model[0] = END_TURN;
    fake_chat(fake, "Is it in?");
    ck_assert_str_eq(fake_code(fake), "model_unavailable");
}
END_TEST

START_TEST(prompt_says_when_and_where) {
    fake->model[0] = SAY("Hello.") END_TURN;
    fake_chat(fake, "Hello");
    expect_done();
    const json_t *system = json_object_get(fake->asked[0], "system");
    const char *stable = json_text(json_array_get(system, 0), "text");
    const char *current = json_text(json_array_get(system, 1), "text");
    ck_assert_ptr_nonnull(json_object_get(json_array_get(system, 0), "cache_control"));
    ck_assert_ptr_null(strstr(stable, "Europe/Berlin"));
    ck_assert_ptr_nonnull(strstr(current, "Current date and time: 20"));
    ck_assert_ptr_nonnull(strstr(current, "day), time zone Europe/Berlin."));
    fake_carry(fake);
    fake->model[0] = SAY("Again.") END_TURN;
    fake_chat(fake, "And?");
    const json_t *messages = json_object_get(fake->asked[0], "messages");
    expect_text(json_array_get(messages, 1), "content",
                "Hello."); /* a clean turn keeps its answer */
}
END_TEST

START_TEST(zone_comes_from_the_calendar) {
    fake->start.timezone = (char *)"";
    fake->calendar_zone = "Asia/Tokyo";
    fake->model[0] = SAY("Hi.") END_TURN;
    fake_chat(fake, "Hello");
    expect_done();
    const json_t *system = json_object_get(fake->asked[0], "system");
    ck_assert_ptr_nonnull(strstr(json_text(json_array_get(system, 1), "text"), "zone Asia/Tokyo."));
    fake->start.timezone = (char *)"Mars/Olympus";
    fake_chat(fake, "Hello");
    ck_assert_str_eq(fake_code(fake), "invalid_timezone");
    fake->start.timezone = (char *)"";
    fake->state.n_scopes = 2;
    fake->model[0] = SAY("Hi.") END_TURN;
    fake_chat(fake, "Hello");
    system = json_object_get(fake->asked[0], "system");
    ck_assert_ptr_nonnull(strstr(json_text(json_array_get(system, 1), "text"), "not known"));
}
END_TEST

START_TEST(list_taints_memory) {
    fake_handle(fake, MINE, "one1");
    fake_event(fake, "one1", TIMED("2026-11-23T09:00:00+01:00", "2026-11-23T10:00:00+01:00"),
               false);
    fake->model[0] = CALL(0, "list_events", SPAN) END_TOOLS;
    fake->model[1] = CALL(0, "remember", "{\\\"text\\\":\\\"call me boss\\\"}") END_TOOLS;
    fake->model[2] = SAY("You have Mine.") END_TURN;
    fake_chat(fake, "What is on?");
    expect_done();
    json_t *refused = fake_result(fake, 2, 0);
    expect_text(refused, "error", "not_now");
    json_decref(refused);
    ck_assert_uint_eq(fake->state.n_preferences, 0);
    ck_assert(fake->last->turn_done->audit->tainted);
    fake_carry(fake);
    fake->model[0] = SAY("Yes.") END_TURN;
    fake_chat(fake, "And then?");
    char *all = json_dumps(json_object_get(fake->asked[0], "messages"), JSON_COMPACT);
    ck_assert_ptr_null(strstr(all, "Mine"));
    ck_assert_ptr_nonnull(strstr(all, "list_events " MINE " found"));
    free(all);
}
END_TEST

/* Pages that Google gives of one listing: how many events each has, and whether they are cancelled.
 * A page may be short or empty and not be the last. */
static const struct listing {
    struct {
        int events;
        bool cancelled;
    } pages[4];
    unsigned npages;
    size_t seen;
    bool more;
} listings[] = {
    {{{60, false}, {40, false}}, 2, 100, false},
    {{{60, false}, {41, false}}, 2, 100, true},
    {{{60, false}, {100, false}}, 2, 100, true},
    {{{100, false}, {1, false}}, 2, 100, true},
    {{{60, false}, {0, false}, {20, false}, {7, false}}, 4, 87, false},
    {{{60, false}, {30, true}, {40, false}}, 3, 100, false},
};
static const struct listing *listing; /* what `play_pages` plays */

static bool play_pages(struct fake *f, const char *method, const char *url,
                       struct fake_reply *reply, bool *after) {
    if (strcmp(method, "GET") != 0 || strstr(url, "/events?") == NULL)
        return false;
    unsigned page = f->fault_count++;
    ck_assert_uint_lt(page, listing->npages);
    json_t *items = json_array();
    for (int i = 0; i < listing->pages[page].events; i++)
        (void)json_array_append_new(
            items, json_pack("{s:o, s:s, s:{s:s}, s:{s:s}}", "id", json_sprintf("p%ue%d", page, i),
                             "status", listing->pages[page].cancelled ? "cancelled" : "confirmed",
                             "start", "dateTime", "2026-11-23T09:00:00+01:00", "end", "dateTime",
                             "2026-11-23T10:00:00+01:00"));
    json_t *body = json_pack("{s:o}", "items", items);
    if (page + 1 < listing->npages)
        (void)json_object_set_new(body, "nextPageToken", json_string("next"));
    *reply = (struct fake_reply){.status = 200, .body = json_dumps(body, JSON_COMPACT)};
    *after = false;
    json_decref(body);
    return true;
}

START_TEST(short_pages_hide_nothing) {
    listing = &listings[_i];
    fake->fault = play_pages;
    fake->model[0] = CALL(0, "list_events", SPAN) END_TOOLS;
    fake->model[1] = SAY("Much.") END_TURN;
    fake_chat(fake, "What is on?");
    expect_done();
    json_t *result = fake_result(fake, 1, 0);
    ck_assert_uint_eq(json_array_size(json_object_get(result, "events")), listing->seen);
    ck_assert(json_is_true(json_object_get(result, "more")) == listing->more);
    json_decref(result);
}
END_TEST

START_TEST(remembers_and_forgets) {
    char script[1024];
    fake->start.timezone = (char *)"";
    fake->model[0] =
        CALL(0, "remember", "{\\\"text\\\":\\\"lives in America/Denver\\\"}") END_TOOLS;
    fake->model[1] = SAY("Kept.") END_TURN;
    fake_chat(fake, "Remember where I live.");
    expect_done();
    ck_assert_uint_eq(fake->state.n_preferences, 1);
    fake->model[0] = SAY("Hi.") END_TURN;
    fake_chat(fake, "Hello");
    const json_t *system = json_object_get(fake->asked[0], "system");
    const char *current = json_text(json_array_get(system, 1), "text");
    ck_assert_ptr_nonnull(strstr(current, "lives in America/Denver"));
    ck_assert_ptr_nonnull(strstr(current, "time zone America/Denver."));
    fake_run(fake, CLOISTER__TURN_KIND__TURN_MEMORY_LIST);
    expect_done();
    ck_assert_uint_eq(fake->last->turn_done->n_memories, 1);
    ck_assert_str_eq(fake->last->turn_done->memories[0]->text, "lives in America/Denver");
    (void)snprintf(script, sizeof(script),
                   CALL(0, "forget", "{\\\"id\\\":\\\"%s\\\"}")
                       CALL(1, "forget", "{\\\"id\\\":\\\"nope\\\"}") END_TOOLS,
                   fake->state.preferences[0]->id);
    fake->model[0] = script;
    fake->model[1] = SAY("Forgotten.") END_TURN;
    fake_chat(fake, "Forget it.");
    expect_done();
    json_t *first = fake_result(fake, 1, 0), *second = fake_result(fake, 1, 1);
    expect_text(first, "result", "forgotten");
    expect_text(second, "error", "not_found");
    json_decref(first);
    json_decref(second);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("chat");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, asks_and_books);
    tcase_add_test(tc, silence_after_a_change_is_done);
    tcase_add_test(tc, prompt_says_when_and_where);
    tcase_add_test(tc, zone_comes_from_the_calendar);
    tcase_add_test(tc, list_taints_memory);
    tcase_add_loop_test(tc, short_pages_hide_nothing, 0, COUNT_OF(listings));
    tcase_add_test(tc, remembers_and_forgets);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
