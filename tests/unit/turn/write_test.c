/* Changes of the calendar in whole turns: what is lost, late or repeated on the way is settled by
 * looking, and nothing is made twice. */
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

/* ---- creating ---- */

static uint8_t idempotency[32] = {7};

static void book(void) {
    fake->model[0] = CALL(0, "create_event", CREATE) END_TOOLS;
    fake->model[1] = SAY("Done.") END_TURN;
    fake_chat(fake, "Put lunch with Sam there.");
}

START_TEST(repeat_makes_one_event) {
    fake->start.idempotency = (ProtobufCBinaryData){32, idempotency};
    book();
    expect_done();
    fake->start.repeated = true;
    book();
    expect_done();
    (void)only_event();
    ck_assert_uint_eq(fake->posts, 1);
    json_t *result = fake_result(fake, 1, 0);
    expect_text(result, "result", "already_there");
    json_decref(result);
    const json_t *system = json_object_get(fake->asked[0], "system");
    ck_assert_ptr_nonnull(
        strstr(json_text(json_array_get(system, 1), "text"), "Already done, do not do it again"));
    /* Even when nobody says that it is a repeat. */
    fake->start.repeated = false;
    book();
    expect_done();
    (void)only_event();
}
END_TEST

START_TEST(second_of_two_is_still_made) {
#define TWO                                                                                        \
    CALL(0, "create_event", CREATE)                                                                \
    CALL(1, "create_event",                                                                        \
         "{\\\"title\\\":\\\"Gym\\\",\\\"start\\\":\\\"2026-11-24T07:00:00\\\",\\\"end\\\":"       \
         "\\\"2026-11-24T08:00:00\\\"}")                                                           \
    END_TOOLS
    fake->start.idempotency = (ProtobufCBinaryData){32, idempotency};
    book(); /* the first attempt got no further than the first event */
    fake->start.repeated = true;
    fake->model[0] = TWO;
    fake->model[1] = SAY("Done.") END_TURN;
    fake_chat(fake, "Put lunch with Sam there, and gym on Tuesday.");
    expect_done();
    ck_assert_uint_eq(json_object_size(fake->events), 2);
    fake_chat(fake, "Put lunch with Sam there, and gym on Tuesday.");
    expect_done();
    ck_assert_uint_eq(json_object_size(fake->events), 2);
}
END_TEST

START_TEST(deleted_id_is_not_used_again) {
    fake->start.idempotency = (ProtobufCBinaryData){32, idempotency};
    book();
    (void)json_object_set_new(only_event(), "status", json_string("cancelled"));
    fake->start.repeated = true;
    book();
    expect_done();
    ck_assert_uint_eq(json_object_size(fake->events), 1 + 1);
}
END_TEST

/* How the insert fails the first time(s). */
static struct {
    struct fake_reply reply;
    bool after, get_fails;
    unsigned times;
} insert_fault;

static bool fail_insert(struct fake *f, const char *method, const char *url,
                        struct fake_reply *reply, bool *after) {
    if (insert_fault.get_fails && f->fault_count > 0 && strcmp(method, "GET") == 0) {
        *reply = (struct fake_reply){.error = -ECONNRESET, .sent = true};
        return true;
    }
    if (strcmp(method, "POST") != 0 || strstr(url, "/events") == NULL ||
        f->fault_count >= insert_fault.times)
        return false;
    f->fault_count++;
    *reply = insert_fault.reply;
    *after = insert_fault.after;
    return true;
}

static const struct {
    struct fake_reply reply;
    bool after, get_fails;
    unsigned times;
    const char *code;
    bool unknown;
    size_t events;
} inserts[] = {
    {{.error = -ECONNRESET, .sent = true}, true, false, 1, "", false, 1},  /* done, answer lost */
    {{.error = -ECONNRESET, .sent = true}, false, false, 1, "", false, 1}, /* lost on the way */
    {{.error = -ECONNREFUSED}, false, false, 1, "", false, 1},
    {{.status = 503}, false, false, 1, "", false, 1},
    {{.status = 503}, true, false, 1, "", false, 1},
    {{.status = 200}, true, false, 1, "", false, 1}, /* an empty answer says nothing */
    {{.status = 429, .headers = "retry-after: 0"}, false, false, 2, "", false, 1},
    {{.status = 503}, false, false, 99, "google_unavailable", false, 0},
    {{.error = -ETIMEDOUT, .sent = true}, false, false, 99, "google_unavailable", true, 0},
    {{.error = -ECONNRESET, .sent = true}, true, true, 1, "google_unavailable", true, 1},
    {{.error = -ECONNREFUSED}, false, false, 99, "google_unavailable", false, 0},
    {{.error = -EKEYREJECTED}, false, false, 99, "google_unavailable", false, 0},
};

START_TEST(inserts_are_settled) {
    insert_fault.reply = inserts[_i].reply;
    insert_fault.after = inserts[_i].after;
    insert_fault.get_fails = inserts[_i].get_fails;
    insert_fault.times = inserts[_i].times;
    fake->fault = fail_insert;
    fake->timeout_ms = 40000;
    book();
    ck_assert_str_eq(fake_code(fake), inserts[_i].code);
    ck_assert(fake_unknown(fake) == inserts[_i].unknown);
    ck_assert_uint_eq(json_object_size(fake->events), inserts[_i].events);
}
END_TEST

/* ---- changing ---- */

#define MOVE "{\\\"event\\\":\\\"" MINE "\\\",\\\"start\\\":\\\"2026-11-23T11:30:00\\\"}"

static void change(const char *script) {
    fake->model[0] = script;
    fake->model[1] = SAY("Done.") END_TURN;
    fake_chat(fake, "Change it.");
}

static json_t *mine(bool own) {
    fake_handle(fake, MINE, "mine");
    fake_event(fake, "mine", TIMED("2026-11-23T09:00:00+01:00", "2026-11-23T10:15:00+01:00"), own);
    return json_object_get(fake->events, "mine");
}

START_TEST(moving_keeps_the_duration) {
    json_t *event = mine(true);
    change(CALL(0, "update_event", MOVE) END_TOOLS);
    expect_done();
    expect_text(json_object_get(event, "start"), "dateTime", "2026-11-23T11:30:00+01:00");
    expect_text(json_object_get(event, "end"), "dateTime", "2026-11-23T12:45:00+01:00");
    expect_text(event, "summary", "Mine");
    ck_assert(event_is_own(fake->user_key, event));
}
END_TEST

/* Guests would be mailed of nothing, and their owner asked for a word on it. */
START_TEST(what_is_so_already_is_no_change) {
    static const char *const calls[] = {
        CALL(0, "update_event",
             "{\\\"event\\\":\\\"" MINE "\\\",\\\"start\\\":\\\"2026-11-23T09:00:00\\\"}")
            END_TOOLS,
        CALL(0, "update_event",
             "{\\\"event\\\":\\\"" MINE "\\\",\\\"title\\\":\\\"Mine\\\",\\\"end\\\":"
             "\\\"2026-11-23T10:15:00+01:00\\\"}") END_TOOLS,
    };
    for (int own = 0; own < 2; own++) {
        (void)mine(own == 1);
        change(calls[_i]);
        expect_done();
        ck_assert_str_eq(fake->written, "");
        ck_assert_uint_eq(fake_proposals(fake), 0);
        json_t *result = fake_result(fake, 1, 0);
        ck_assert_ptr_nonnull(strstr(json_text(result, "detail"), "like that already"));
        json_decref(result);
    }
}
END_TEST

START_TEST(whole_day_and_back) {
    json_t *event = mine(true);
    change(CALL(0, "update_event", "{\\\"event\\\":\\\"" MINE "\\\",\\\"all_day\\\":true}")
               END_TOOLS);
    expect_done();
    expect_text(json_object_get(event, "start"), "date", "2026-11-23");
    expect_text(json_object_get(event, "end"), "date", "2026-11-24");
    ck_assert_ptr_null(json_object_get(json_object_get(event, "start"), "dateTime"));
    change(CALL(0, "update_event", MOVE) END_TOOLS);
    expect_done();
    expect_text(json_object_get(event, "end"), "dateTime", "2026-11-23T12:30:00+01:00");
    ck_assert_ptr_null(json_object_get(json_object_get(event, "start"), "date"));
}
END_TEST

/* Events of several days keep all of them. */
static const struct {
    const char *zone, *from, *to; /* as Google tells it */
    const char *args;             /* beside the event's handle */
    const char *start, *end;      /* dates after it */
} wholes[] = {
    /* The clocks go back in it: two days and nineteen hours, three dates. */
    {"Europe/Berlin", "2026-10-23T18:00:00+02:00", "2026-10-25T12:00:00+01:00",
     "\\\"all_day\\\":true", "2026-10-23", "2026-10-26"},
    /* They go forward: two days of 47 hours, the end at midnight belongs to none. */
    {"Europe/Berlin", "2026-03-28T00:00:00+01:00", "2026-03-30T00:00:00+02:00",
     "\\\"all_day\\\":true", "2026-03-28", "2026-03-30"},
    {"Europe/Berlin", "2026-11-27T18:00:00+01:00", "2026-11-28T00:00:00+01:00",
     "\\\"all_day\\\":true", "2026-11-27", "2026-11-28"},
    {"Europe/Berlin", "2026-11-27T18:00:00+01:00", "2026-11-28T00:01:00+01:00",
     "\\\"all_day\\\":true", "2026-11-27", "2026-11-29"},
    {"Europe/Berlin", "2026-11-27T00:00:00+01:00", "2026-11-27T00:00:00+01:00",
     "\\\"all_day\\\":true", "2026-11-27", "2026-11-28"},
    /* A day without midnight begins at one. */
    {"America/Santiago", "2026-09-05T18:00:00-04:00", "2026-09-06T01:00:00-03:00",
     "\\\"all_day\\\":true", "2026-09-05", "2026-09-06"},
    /* Told in the calendar's zone, it lies on the days of its own. */
    {"Asia/Tokyo", "2026-11-23T23:00:00+01:00", "2026-11-25T00:00:00+01:00", "\\\"all_day\\\":true",
     "2026-11-24", "2026-11-26"},
    /* Moved as well, and cut short as well. */
    {"Europe/Berlin", "2026-10-23T18:00:00+02:00", "2026-10-25T12:00:00+01:00",
     "\\\"start\\\":\\\"2026-11-27\\\"", "2026-11-27", "2026-11-30"},
    {"Europe/Berlin", "2026-11-27T18:00:00+01:00", "2026-11-29T12:00:00+01:00",
     "\\\"all_day\\\":true,\\\"start\\\":\\\"2026-10-23T09:00:00\\\"", "2026-10-23", "2026-10-26"},
    {"Europe/Berlin", "2026-11-27T18:00:00+01:00", "2026-11-29T12:00:00+01:00",
     "\\\"all_day\\\":true,\\\"end\\\":\\\"2026-11-29\\\"", "2026-11-27", "2026-11-29"},
};

static void change_to(const char *args) {
    char script[2048];
    (void)snprintf(script, sizeof(script),
                   CALL(0, "update_event", "{\\\"event\\\":\\\"" MINE "\\\",%s}") END_TOOLS, args);
    change(script);
    expect_done();
}

static void expect_dates(const json_t *event, const char *start, const char *end) {
    expect_text(json_object_get(event, "start"), "date", start);
    expect_text(json_object_get(event, "end"), "date", end);
}

START_TEST(whole_days_are_all_of_them) {
    fake_handle(fake, MINE, "mine");
    json_t *made =
        json_pack("{s:{s:s, s:s}, s:{s:s, s:s}}", "start", "dateTime", wholes[_i].from, "timeZone",
                  wholes[_i].zone, "end", "dateTime", wholes[_i].to, "timeZone", wholes[_i].zone);
    char *text = json_dumps(made, JSON_COMPACT);
    fake_event(fake, "mine", text, true);
    free(text);
    json_decref(made);
    change_to(wholes[_i].args);
    expect_dates(json_object_get(fake->events, "mine"), wholes[_i].start, wholes[_i].end);
}
END_TEST

/* The other way, a start alone leaves open when days end: nothing is cut to an hour of the first.
 */
START_TEST(several_days_need_an_end) {
    fake_handle(fake, MINE, "mine");
    fake_event(fake, "mine",
               "{\"start\":{\"date\":\"2026-10-23\"},\"end\":{\"date\":\"2026-10-26\"}}", true);
    json_t *event = json_object_get(fake->events, "mine");
    change_to("\\\"start\\\":\\\"2026-10-23T18:00:00\\\"");
    json_t *result = fake_result(fake, 1, 0);
    expect_text(result, "error", "bad_arguments");
    json_decref(result);
    expect_dates(event, "2026-10-23", "2026-10-26");
    change_to("\\\"start\\\":\\\"2026-11-27\\\"");
    expect_dates(event, "2026-11-27", "2026-11-30");
    change_to("\\\"start\\\":\\\"2026-10-23T18:00:00\\\",\\\"end\\\":\\\"2026-10-25T12:00:00\\\"");
    expect_text(json_object_get(event, "start"), "dateTime", "2026-10-23T18:00:00+02:00");
    expect_text(json_object_get(event, "end"), "dateTime", "2026-10-25T12:00:00+01:00");
}
END_TEST

static struct {
    struct fake_reply reply;
    bool after;
    unsigned times;
} write_fault;

static bool fail_write(struct fake *f, const char *method, const char *url,
                       struct fake_reply *reply, bool *after) {
    (void)url;
    if ((strcmp(method, "PATCH") != 0 && strcmp(method, "DELETE") != 0) ||
        f->fault_count >= write_fault.times)
        return false;
    f->fault_count++;
    *reply = write_fault.reply;
    *after = write_fault.after;
    return true;
}

static const struct {
    struct fake_reply reply;
    bool after;
    unsigned times;
    const char *code, *update_error, *delete_error;
    bool unknown;
} changes[] = {
    {{.status = 412}, false, 1, "", "", "", false},
    {{.status = 412}, false, 99, "", "conflict", "conflict", false},
    {{.error = -ECONNRESET, .sent = true}, true, 1, "", "", "", false},
    {{.error = -ECONNRESET, .sent = true}, false, 1, "", "", "", false},
    {{.status = 503}, true, 1, "", "", "", false},
    {{.status = 503}, false, 99, "google_unavailable", "", "", false},
    {{.error = -ETIMEDOUT, .sent = true}, false, 99, "google_unavailable", "", "", true},
};

START_TEST(changes_are_settled) {
    write_fault.reply = changes[_i].reply;
    write_fault.after = changes[_i].after;
    write_fault.times = changes[_i].times;
    fake->fault = fail_write;
    fake->timeout_ms = 40000;
    for (int round = 0; round < 2; round++) {
        json_t *event = mine(true);
        fake->fault_count = 0;
        change(round == 0 ? CALL(0, "update_event", MOVE) END_TOOLS
                          : CALL(0, "delete_event", "{\\\"event\\\":\\\"" MINE "\\\"}") END_TOOLS);
        ck_assert_str_eq(fake_code(fake), changes[_i].code);
        ck_assert(fake_unknown(fake) == changes[_i].unknown);
        if (*changes[_i].code != '\0')
            continue;
        const char *error = round == 0 ? changes[_i].update_error : changes[_i].delete_error;
        json_t *result = fake_result(fake, 1, 0);
        expect_text(result, "error", error);
        json_decref(result);
        if (*error == '\0' && round == 0)
            expect_text(json_object_get(event, "start"), "dateTime", "2026-11-23T11:30:00+01:00");
        if (*error == '\0' && round == 1)
            expect_text(event, "status", "cancelled");
    }
}
END_TEST

START_TEST(repeated_change_is_seen) {
    fake->start.idempotency = (ProtobufCBinaryData){32, idempotency};
    mine(true);
    change(CALL(0, "update_event", MOVE) END_TOOLS);
    fake->start.repeated = true;
    change(CALL(0, "update_event", MOVE) END_TOOLS);
    expect_done();
    ck_assert_uint_eq(fake->patches, 1);
    change(CALL(0, "delete_event", "{\\\"event\\\":\\\"" MINE "\\\"}") END_TOOLS);
    change(CALL(0, "delete_event", "{\\\"event\\\":\\\"" MINE "\\\"}") END_TOOLS);
    expect_done();
    ck_assert_uint_eq(fake->deletes, 1);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("write");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, repeat_makes_one_event);
    tcase_add_test(tc, second_of_two_is_still_made);
    tcase_add_test(tc, deleted_id_is_not_used_again);
    tcase_add_loop_test(tc, inserts_are_settled, 0, (int)COUNT_OF(inserts));
    tcase_add_test(tc, moving_keeps_the_duration);
    tcase_add_loop_test(tc, what_is_so_already_is_no_change, 0, 2);
    tcase_add_test(tc, whole_day_and_back);
    tcase_add_loop_test(tc, whole_days_are_all_of_them, 0, COUNT_OF(wholes));
    tcase_add_test(tc, several_days_need_an_end);
    tcase_add_loop_test(tc, changes_are_settled, 0, (int)COUNT_OF(changes));
    tcase_add_test(tc, repeated_change_is_seen);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
