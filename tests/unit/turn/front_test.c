/* Steps of the business front door in whole turns: every outcome, what is lost or repeated on the
 * way, and that nothing but a booking's event is ever touched. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/calendar.h"
#include "fake.h"
#include "providers/json_get.h"

#define ID    "c1o1ster00booking00a1b2c3"
#define OTHER "someone0elses0event"
#define T9    INT64_C(1795420800) /* 2026-11-23T09:00:00+01:00 */
#define HOUR  INT64_C(3600)
#define TIMED(title, from, to)                                                                     \
    "{\"summary\":\"" title "\",\"start\":{\"dateTime\":\"" from "\"},\"end\":{\"dateTime\":\"" to \
    "\"}}"

static struct fake *fake;
static Cloister__FrontStep step;
static Cloister__FrontEvent event;

static void setup(void) {
    fake = fake_new();
    fake->start.origin = (char *)"front";
    fake->start.grant = (char *)"";
    fake->start.timezone = (char *)"";
    fake->timeout_ms = 40000;
    cloister__front_step__init(&step);
    cloister__front_event__init(&event);
    event.id = (char *)ID;
    event.title = (char *)"Haircut: Ann";
    event.description = (char *)"Booking K7Q2";
    event.timezone = (char *)"Europe/Berlin";
    event.start = T9 + HOUR;
    event.end = T9 + 2 * HOUR;
    event.busy_from = event.start - 600;
    event.busy_until = event.end + 600;
    step.event = &event;
    fake->start.front = &step;
}
static void teardown(void) {
    fake_free(fake);
}

static const Cloister__FrontDone *take(Cloister__FrontKind kind) {
    step.kind = kind;
    fake_run(fake, CLOISTER__TURN_KIND__TURN_FRONT);
    return fake->last->body_case == CLOISTER__MESSAGE__BODY_TURN_DONE ? fake->last->turn_done->front
                                                                      : NULL;
}

static const Cloister__FrontDone *take_well(Cloister__FrontKind kind) {
    const Cloister__FrontDone *done = take(kind);
    ck_assert_msg(done != NULL, "%s: %s", fake_code(fake), fake->last->turn_error->detail);
    return done;
}

#define BUSY()   take_well(CLOISTER__FRONT_KIND__FRONT_BUSY)
#define BOOK()   take_well(CLOISTER__FRONT_KIND__FRONT_BOOK)
#define MOVE()   take_well(CLOISTER__FRONT_KIND__FRONT_MOVE)
#define REMOVE() take_well(CLOISTER__FRONT_KIND__FRONT_REMOVE)
#define LOOK()   take_well(CLOISTER__FRONT_KIND__FRONT_LOOK)

static json_t *booked(void) {
    return json_object_get(fake->events, ID);
}

static void expect_time(const char *member, const char *time) {
    ck_assert_str_eq(json_text(json_object_get(booked(), member), "dateTime"), time);
}

static void move_to(int64_t hours) {
    int64_t by = T9 + hours * HOUR - event.start;
    event.start += by;
    event.end += by;
    event.busy_from += by;
    event.busy_until += by;
}

/* ---- busy ---- */

START_TEST(busy_times_are_intervals_alone) {
    fake->busy = "{\"busy\":[{\"start\":\"2026-11-23T10:00:00Z\",\"end\":\"2026-11-23T11:00:00Z\"},"
                 "{\"start\":\"2026-11-23T08:30:00Z\",\"end\":\"2026-11-23T09:00:00Z\"}]}";
    event.start = T9;
    event.end = T9 + 8 * HOUR;
    const Cloister__FrontDone *done = BUSY();
    ck_assert_uint_eq(done->n_busy, 2);
    ck_assert_int_eq(done->busy[0]->start, T9 + HOUR / 2);
    ck_assert_int_eq(done->busy[0]->end, T9 + HOUR);
    ck_assert_int_eq(done->busy[1]->start, T9 + 2 * HOUR);
    ck_assert_uint_eq(fake->lists, 0);
    ck_assert_uint_eq(fake->model_calls, 0);
}
END_TEST

START_TEST(not_knowing_is_not_free) {
    fake->busy = "{\"errors\":[{\"domain\":\"global\",\"reason\":\"internalError\"}]}";
    ck_assert_ptr_null(take(CLOISTER__FRONT_KIND__FRONT_BUSY));
    ck_assert_str_eq(fake_code(fake), "google_unavailable");
    ck_assert(fake->last->turn_error->retryable);
}
END_TEST

/* ---- booking ---- */

START_TEST(books_and_marks) {
    const Cloister__FrontDone *done = BOOK();
    ck_assert(done->exists && !done->conflict && !done->confirmed_gone);
    ck_assert_int_eq(done->start, event.start);
    ck_assert_int_eq(done->end, event.end);
    ck_assert_str_eq(json_text(booked(), "summary"), "Haircut: Ann");
    ck_assert_str_eq(json_text(booked(), "description"), "Booking K7Q2");
    expect_time("start", "2026-11-23T10:00:00+01:00");
    ck_assert(event_is_booking(fake->booking_key, booked()));
    ck_assert_msg(!event_is_own(fake->user_key, booked()), "the owner has not made it");
    ck_assert_uint_eq(fake->model_calls, 0);
}
END_TEST

static const struct {
    const char *from, *to;
    bool conflict;
} others[] = {
    {"2026-11-23T08:00:00+01:00", "2026-11-23T09:50:00+01:00", false}, /* up to the buffer */
    {"2026-11-23T08:00:00+01:00", "2026-11-23T09:51:00+01:00", true},  /* into it */
    {"2026-11-23T11:10:00+01:00", "2026-11-23T12:00:00+01:00", false},
    {"2026-11-23T11:09:00+01:00", "2026-11-23T12:00:00+01:00", true},
    {"2026-11-23T10:20:00+01:00", "2026-11-23T10:30:00+01:00", true},
    {"2026-11-22T00:00:00+01:00", "2026-11-25T00:00:00+01:00", true},
};

START_TEST(books_only_where_it_is_free) {
    char json[256];
    (void)snprintf(json, sizeof(json), TIMED("Dentist", "%s", "%s"), others[_i].from,
                   others[_i].to);
    fake_event(fake, OTHER, json, false);
    const Cloister__FrontDone *done = BOOK();
    ck_assert(done->conflict == others[_i].conflict);
    ck_assert(done->exists == !others[_i].conflict);
    ck_assert_uint_eq(json_object_size(fake->events), others[_i].conflict ? 1 : 2);
}
END_TEST

START_TEST(again_it_is_there) {
    (void)BOOK();
    ck_assert(BOOK()->exists);
    ck_assert_uint_eq(json_object_size(fake->events), 1);
    /* Even where something else was put beside it meanwhile. */
    fake_event(fake, OTHER, TIMED("Late", "2026-11-23T10:30:00+01:00", "2026-11-23T12:00:00+01:00"),
               false);
    const Cloister__FrontDone *done = BOOK();
    ck_assert(done->exists && !done->conflict);
}
END_TEST

START_TEST(moved_by_its_owner_it_is_where_it_is) {
    (void)BOOK();
    (void)json_object_set_new(booked(), "start",
                              json_pack("{s:s}", "dateTime", "2026-11-23T15:00:00+01:00"));
    (void)json_object_set_new(booked(), "end",
                              json_pack("{s:s}", "dateTime", "2026-11-23T16:00:00+01:00"));
    const Cloister__FrontDone *done = BOOK();
    ck_assert(done->exists);
    ck_assert_int_eq(done->start, T9 + 6 * HOUR);
    ck_assert_int_eq(LOOK()->end, T9 + 7 * HOUR);
}
END_TEST

START_TEST(deleted_by_its_owner_it_stays_deleted) {
    (void)BOOK();
    (void)json_object_set_new(booked(), "status", json_string("cancelled"));
    const Cloister__FrontDone *done = BOOK();
    ck_assert(done->conflict && done->confirmed_gone && !done->exists);
    ck_assert_str_eq(json_text(booked(), "status"), "cancelled");
    done = LOOK();
    ck_assert(done->confirmed_gone && !done->exists && !done->absent);
}
END_TEST

/* As in another account than the one in which it was made. */
START_TEST(an_id_that_nobody_knows_is_told_as_such) {
    const Cloister__FrontDone *done = LOOK();
    ck_assert(done->confirmed_gone && !done->exists && done->absent);
    (void)BOOK();
    done = LOOK(); /* the control */
    ck_assert(done->exists && !done->absent);
}
END_TEST

/* How a write fails the first time(s). */
static struct {
    struct fake_reply reply;
    const char *method;
    bool after, get_fails;
    unsigned times;
} write_fault;

static bool fail_write(struct fake *f, const char *method, const char *url,
                       struct fake_reply *reply, bool *after) {
    if (strstr(url, "/events") == NULL)
        return false;
    if (write_fault.get_fails && f->fault_count > 0 && strcmp(method, "GET") == 0) {
        *reply = (struct fake_reply){.error = -ECONNRESET, .sent = true};
        return true;
    }
    if (strcmp(method, write_fault.method) != 0 || f->fault_count >= write_fault.times)
        return false;
    f->fault_count++;
    *reply = write_fault.reply;
    *after = write_fault.after;
    return true;
}

static const struct {
    struct fake_reply reply;
    bool after, get_fails;
    unsigned times;
    const char *code;
    bool unknown;
    bool done; /* afterwards the calendar is as it was asked for */
} losses[] = {
    {{.error = -ECONNRESET, .sent = true}, true, false, 1, "", false, true},
    {{.error = -ECONNRESET, .sent = true}, false, false, 1, "", false, true},
    {{.error = -ECONNREFUSED}, false, false, 1, "", false, true},
    {{.status = 503}, false, false, 1, "", false, true},
    {{.status = 503}, true, false, 1, "", false, true},
    {{.status = 503}, false, false, 99, "google_unavailable", false, false},
    {{.error = -ETIMEDOUT, .sent = true}, false, false, 99, "google_unavailable", true, false},
    {{.error = -ECONNRESET, .sent = true}, true, true, 1, "google_unavailable", true, true},
    {{.error = -ECONNREFUSED}, false, false, 99, "google_unavailable", false, false},
    {{.status = 403}, false, false, 99, "missing_permission", false, false},
    {{.status = 400}, false, false, 99, "google_rejected", false, false},
};

static void lose(size_t i, const char *method) {
    write_fault.reply = losses[i].reply;
    write_fault.method = method;
    write_fault.after = losses[i].after;
    write_fault.get_fails = losses[i].get_fails;
    write_fault.times = losses[i].times;
    fake->fault_count = 0;
    fake->fault = fail_write;
}

static void expect_loss(size_t i) {
    ck_assert_str_eq(fake_code(fake), losses[i].code);
    ck_assert(fake_unknown(fake) == losses[i].unknown);
    ck_assert(*losses[i].code == '\0' || strcmp(losses[i].code, "google_unavailable") != 0 ||
              fake->last->turn_error->retryable);
}

START_TEST(lost_bookings_are_settled) {
    lose((size_t)_i, "POST");
    const Cloister__FrontDone *done = take(CLOISTER__FRONT_KIND__FRONT_BOOK);
    expect_loss((size_t)_i);
    ck_assert_uint_eq(json_object_size(fake->events), losses[_i].done ? 1 : 0);
    ck_assert(done == NULL || (done->exists && !done->conflict));
    fake->fault = NULL; /* what is left open is found by a repeat */
    ck_assert(BOOK()->exists);
    ck_assert_uint_eq(json_object_size(fake->events), 1);
}
END_TEST

START_TEST(lost_moves_are_settled) {
    (void)BOOK();
    move_to(4);
    lose((size_t)_i, "PATCH");
    const Cloister__FrontDone *done = take(CLOISTER__FRONT_KIND__FRONT_MOVE);
    expect_loss((size_t)_i);
    expect_time("start",
                losses[_i].done ? "2026-11-23T13:00:00+01:00" : "2026-11-23T10:00:00+01:00");
    ck_assert(done == NULL || (done->exists && done->start == event.start));
    fake->fault = NULL;
    ck_assert_int_eq(MOVE()->start, event.start);
}
END_TEST

START_TEST(lost_removals_are_settled) {
    (void)BOOK();
    lose((size_t)_i, "DELETE");
    const Cloister__FrontDone *done = take(CLOISTER__FRONT_KIND__FRONT_REMOVE);
    expect_loss((size_t)_i);
    bool gone = strcmp(json_text(booked(), "status"), "cancelled") == 0;
    ck_assert(gone == losses[_i].done);
    ck_assert(done == NULL || done->confirmed_gone);
    fake->fault = NULL;
    ck_assert(REMOVE()->confirmed_gone);
}
END_TEST

/* ---- moving, removing ---- */

START_TEST(moves_past_itself_and_nobody_else) {
    (void)BOOK();
    event.start += HOUR / 2; /* over its own old time */
    event.end += HOUR / 2;
    event.busy_from += HOUR / 2;
    event.busy_until += HOUR / 2;
    const Cloister__FrontDone *done = MOVE();
    ck_assert(done->exists && !done->conflict);
    expect_time("start", "2026-11-23T10:30:00+01:00");
    ck_assert_str_eq(json_text(booked(), "summary"), "Haircut: Ann");
    ck_assert(event_is_booking(fake->booking_key, booked()));

    fake_event(fake, OTHER,
               TIMED("Lunch", "2026-11-23T13:00:00+01:00", "2026-11-23T13:30:00+01:00"), false);
    move_to(4);
    done = MOVE();
    ck_assert(done->conflict && done->exists);
    ck_assert_int_eq(done->start, T9 + HOUR + HOUR / 2);
    expect_time("start", "2026-11-23T10:30:00+01:00");
}
END_TEST

START_TEST(what_is_gone_is_not_moved) {
    const Cloister__FrontDone *done = MOVE();
    ck_assert(done->confirmed_gone && !done->exists);
    ck_assert_uint_eq(fake->patches, 0);
    ck_assert(REMOVE()->confirmed_gone);
    ck_assert_uint_eq(fake->deletes, 0);
}
END_TEST

/* The owner changed it between the look and the move. */
static bool owner_is_quicker(struct fake *f, const char *method, const char *url,
                             struct fake_reply *reply, bool *after) {
    (void)url, (void)reply, (void)after;
    if (strcmp(method, "PATCH") == 0 && f->fault_count++ == 0)
        (void)json_object_set_new(booked(), "etag", json_string("\"other\""));
    return false;
}

START_TEST(a_change_in_between_is_looked_at) {
    (void)BOOK();
    move_to(5);
    fake->fault = owner_is_quicker;
    ck_assert_int_eq(MOVE()->start, event.start);
    ck_assert_uint_eq(fake->patches, 2);
}
END_TEST

/* ---- what it may not touch ---- */

START_TEST(only_bookings_are_touched) {
    static const Cloister__FrontKind kinds[] = {
        CLOISTER__FRONT_KIND__FRONT_BOOK, CLOISTER__FRONT_KIND__FRONT_MOVE,
        CLOISTER__FRONT_KIND__FRONT_REMOVE, CLOISTER__FRONT_KIND__FRONT_LOOK};
    fake_event(fake, ID, TIMED("Private", "2026-11-24T10:00:00Z", "2026-11-24T11:00:00Z"), _i == 1);
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        ck_assert_ptr_null(take(kinds[i]));
        ck_assert_str_eq(fake_code(fake), "not_allowed");
        ck_assert(!fake_unknown(fake));
    }
    ck_assert_uint_eq(fake->patches + fake->deletes, 0);
    ck_assert_str_eq(json_text(booked(), "summary"), "Private");
}
END_TEST

START_TEST(senseless_steps_are_refused) {
    Cloister__FrontEvent good = event;
    for (int i = 0; i < 7; i++) {
        event = good;
        if (i == 0)
            event.id = (char *)"../primary";
        else if (i == 1)
            event.id = (char *)"abc";
        else if (i == 2)
            event.end = event.start;
        else if (i == 3)
            event.busy_from = event.start + 1;
        else if (i == 4)
            event.busy_until = event.end - 1;
        else if (i == 5)
            event.timezone = (char *)"Mars/Olympus";
        else
            event.end += 400 * 24 * HOUR;
        ck_assert_ptr_null(take(CLOISTER__FRONT_KIND__FRONT_BOOK));
        ck_assert_str_eq(fake_code(fake), "internal");
    }
    ck_assert_uint_eq(fake->posts + fake->lists + fake->refreshes, 0);
}
END_TEST

START_TEST(other_origins_take_no_step) {
    static const char *const origins[] = {"owner", "customer", "scheduler", "connect"};
    fake->start.origin = (char *)(uintptr_t)origins[_i];
    ck_assert_ptr_null(take(CLOISTER__FRONT_KIND__FRONT_BOOK));
    ck_assert_str_eq(fake_code(fake), "not_allowed");
    ck_assert_uint_eq(fake->posts + fake->refreshes, 0);
}
END_TEST

START_TEST(a_front_cell_does_nothing_else) {
    for (Cloister__TurnKind kind = CLOISTER__TURN_KIND__TURN_CHAT;
         kind < CLOISTER__TURN_KIND__TURN_FRONT; kind++) {
        fake_run(fake, kind);
        ck_assert_msg(strcmp(fake_code(fake), "not_allowed") == 0, "kind %d: %s", (int)kind,
                      fake_code(fake));
    }
}
END_TEST

START_TEST(a_lost_grant_is_told) {
    fake->token_answer = "{\"error\":\"invalid_grant\"}";
    fake->token_status = 400;
    ck_assert_ptr_null(take(CLOISTER__FRONT_KIND__FRONT_BUSY));
    ck_assert_str_eq(fake_code(fake), "reconnect_required");
    ck_assert_uint_eq(fake->broken, 1);
    ck_assert_uint_eq(fake->last->turn_error->access.len, 0);
}
END_TEST

START_TEST(an_access_token_is_kept_and_nothing_else) {
    (void)BOOK();
    const Cloister__TurnDone *done = fake->last->turn_done;
    ck_assert_uint_eq(done->notes.len + strlen(done->grant), 0);
    ck_assert_uint_gt(done->access.len, 0);
    ck_assert_uint_eq(fake->refreshes, 1);
    ck_assert_str_eq(fake->text, "");
    ck_assert_uint_eq(done->audit->calendar_writes, 1);
    fake_carry(fake);
    (void)LOOK();
    ck_assert_uint_eq(fake->refreshes, 1);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("front");
    TCase *t = tcase_create("front");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, busy_times_are_intervals_alone);
    tcase_add_test(t, not_knowing_is_not_free);
    tcase_add_test(t, books_and_marks);
    tcase_add_loop_test(t, books_only_where_it_is_free, 0, (int)COUNT_OF(others));
    tcase_add_test(t, again_it_is_there);
    tcase_add_test(t, moved_by_its_owner_it_is_where_it_is);
    tcase_add_test(t, deleted_by_its_owner_it_stays_deleted);
    tcase_add_test(t, an_id_that_nobody_knows_is_told_as_such);
    tcase_add_loop_test(t, lost_bookings_are_settled, 0, (int)COUNT_OF(losses));
    tcase_add_loop_test(t, lost_moves_are_settled, 0, (int)COUNT_OF(losses));
    tcase_add_loop_test(t, lost_removals_are_settled, 0, (int)COUNT_OF(losses));
    tcase_add_test(t, moves_past_itself_and_nobody_else);
    tcase_add_test(t, what_is_gone_is_not_moved);
    tcase_add_test(t, a_change_in_between_is_looked_at);
    tcase_add_loop_test(t, only_bookings_are_touched, 0, 2);
    tcase_add_test(t, senseless_steps_are_refused);
    tcase_add_loop_test(t, other_origins_take_no_step, 0, 4);
    tcase_add_test(t, a_front_cell_does_nothing_else);
    tcase_add_test(t, a_lost_grant_is_told);
    tcase_add_test(t, an_access_token_is_kept_and_nothing_else);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
