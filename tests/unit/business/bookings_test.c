/* Bookings at their edges: names as long as they may be in letters of several bytes, and links that
 * open one door each. */
#include <string.h>

#include "business/api/operations.h"
#include "business/booking.h"
#include "business/change.h"
#include "business/outbox.h"
#include "business/outbox_seal.h"
#include "business/reconcile.h"
#include "tests/unit/business/rig.h"

#define REFERENCE "B-7KQ2M-9XDRT"
#define LONGEST   120 /* characters of a name */

static bool ended, changed;
static int failed;

static void on_changed(void *ctx, int error, bool done) {
    (void)ctx;
    ended = true;
    failed = error;
    changed = done;
}

/* `n` of them, of three bytes each. */
static const char *letters(size_t n) {
    static char text[LONGEST * 3 + 1];
    text[0] = '\0';
    for (size_t i = 0; i < n; i++)
        strcat(text, "床");
    return text;
}

/* A booking for the day after tomorrow, as its row has it, and the time that it holds. */
static struct booking *row(const char *status, const char *step, size_t name_length) {
    char sql[4096];
    struct booking *booking = calloc(1, sizeof(*booking));
    ck_assert_ptr_nonnull(booking);
    *booking = (struct booking){.reference = REFERENCE,
                                .owner = ALICE,
                                .business = "anna",
                                .service = "cut",
                                .zone = "Europe/Berlin",
                                .event = "0123456789abcdefghijklmnopqrstuv",
                                .start = wall_ms() / 1000 / 3600 * 3600 + 2 * 86400,
                                .version = 1};
    booking->end = booking->start + 3600;
    strcpy(booking->status, status);
    strcpy(booking->step, step);
    const char *name = letters(name_length);
    booking->details = json_pack("{s:s, s:s, s:{s:s, s:s}}", "business_name", name, "service_name",
                                 name, "customer", "name", name, "email", "bob@example.test");
    SCOPE_FREE char *details = json_dumps(booking->details, JSON_COMPACT);
    (void)snprintf(sql, sizeof(sql),
                   "INSERT INTO bookings (reference, owner, business, service, status, step, "
                   "starts_at, ends_at, buffer_before, buffer_after, zone, event, details, due_at) "
                   "VALUES ('" REFERENCE "', '" ALICE "', 'anna', 'cut', '%s', '%s', "
                   "to_timestamp(%lld), to_timestamp(%lld), '0', '0', '%s', '%s', '%s', %s)",
                   status, step, (long long)booking->start, (long long)booking->end, booking->zone,
                   booking->event, details, *step != '\0' ? "now() + interval '1 hour'" : "NULL");
    (void)rig_sql(sql);
    (void)rig_sql("INSERT INTO slots (booking, owner, during, held_until) SELECT reference, owner, "
                  "tstzrange(starts_at, ends_at), now() + interval '5 minutes' FROM bookings");
    return booking;
}

static json_t *with(enum secret_purpose purpose) {
    char secret[SECRET_LEN + 1];
    secret_make(&server, purpose, REFERENCE, secret);
    return json_pack("{s:s, s:s}", "reference", REFERENCE, "secret", secret);
}

/* What cloister-notify makes of the customer's row. The caller's. */
static json_t *customers_payload(const char *reference) {
    uint8_t key[BUSINESS_MAC_LEN];
    json_t *payload = json_of(rig_sql("SELECT payload FROM outbox WHERE to_kind = 'customer'"));
    outbox_key_make(&server, key);
    ck_assert_int_eq(outbox_open(key, reference, payload), 0);
    return payload;
}

/* RFC 5545, 3.1: lines without their folds. */
static void unfold(const char *ics, char *out, size_t cap) {
    size_t n = 0;
    for (const char *c = ics; *c != '\0' && n + 1 < cap; c++) {
        if (*c == '\r')
            continue;
        if (*c == '\n' && c[1] == ' ')
            c++;
        else
            out[n++] = *c;
    }
    out[n] = '\0';
}

/* Wherever a text of several bytes a letter could be cut. */
START_TEST(names_of_any_length_are_told_whole) {
    SCOPE_BOOKING struct booking *booking = row("holding", "book", (size_t)_i);
    ended = false;
    change_confirmed(&server, booking, on_changed, NULL);
    loop_until(base, ended);
    ck_assert_int_eq(failed, 0);
    ck_assert(changed);
    ck_assert_str_eq(rig_sql("SELECT status FROM bookings"), "confirmed");
    ck_assert_str_eq(rig_sql("SELECT count(*) FROM outbox"), "2");
    json_t *payload = customers_payload(REFERENCE);
    char unfolded[4096], line[1024];
    unfold(text_at(payload, "ics"), unfolded, sizeof(unfolded));
    ck_assert_int_eq(strncmp(unfolded, "BEGIN:VCALENDAR", 15), 0);
    (void)snprintf(line, sizeof(line), "SUMMARY:%s\\, %s", letters((size_t)_i),
                   letters((size_t)_i));
    ck_assert_ptr_nonnull(strstr(unfolded, line));
    json_decref(payload);
}
END_TEST

/* A copy of the database has no link that works: not as text, and not for another's key or row. */
START_TEST(links_are_sealed_until_they_are_delivered) {
    static const char *const links[] = {"link", "cancel_link", "ics"};
    char manage[SECRET_LEN + 1], cancel[SECRET_LEN + 1], kept[16384];
    uint8_t key[BUSINESS_MAC_LEN];
    SCOPE_BOOKING struct booking *booking = row("holding", "book", 3);
    ended = false;
    change_confirmed(&server, booking, on_changed, NULL);
    loop_until(base, ended);
    secret_make(&server, SECRET_MANAGE, REFERENCE, manage);
    secret_make(&server, SECRET_CANCEL, REFERENCE, cancel);
    json_t *payload = customers_payload(REFERENCE); /* the control: they are there */
    ck_assert_ptr_nonnull(strstr(text_at(payload, "link"), manage));
    ck_assert_ptr_nonnull(strstr(text_at(payload, "cancel_link"), cancel));
    ck_assert_ptr_nonnull(strstr(text_at(payload, "ics"), "URL"));
    ck_assert_str_eq(text_at(payload, "to"), "bob@example.test");
    json_decref(payload);
    (void)snprintf(kept, sizeof(kept), "%s",
                   rig_sql("SELECT string_agg(payload::text, ' ') FROM outbox"));
    ck_assert_ptr_null(strstr(kept, manage));
    ck_assert_ptr_null(strstr(kept, cancel));
    ck_assert_ptr_null(strstr(kept, "secret="));
    for (size_t i = 0; i < COUNT_OF(links); i++) {
        char sql[128];
        (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM outbox WHERE payload ? '%s'",
                       links[i]);
        ck_assert_str_eq(rig_sql(sql), "0");
    }
    payload = json_of(rig_sql("SELECT payload FROM outbox WHERE to_kind = 'customer'"));
    outbox_key_make(&server, key);
    ck_assert_int_eq(outbox_open(key, "B-22222-22222", payload), -EBADMSG);
    key[0] ^= 1;
    ck_assert_int_eq(outbox_open(key, REFERENCE, payload), -EBADMSG);
    ck_assert(json_object_get(payload, "link") == NULL);
    json_decref(payload);
}
END_TEST

START_TEST(what_cannot_be_written_ends_nothing) {
    SCOPE_BOOKING struct booking *booking = row("holding", "book", 3);
    json_t *cut = json_stringn_nocheck("\xe5\xba", 2); /* half a character */
    ck_assert_int_eq(json_object_set_new_nocheck(booking->details, "service_name", cut), 0);
    ended = false;
    change_confirmed(&server, booking, on_changed, NULL);
    loop_until(base, ended);
    ck_assert_int_eq(failed, 0);
    ck_assert(changed);
    ck_assert_str_eq(rig_sql("SELECT status FROM bookings"), "confirmed");
    ck_assert_str_eq(rig_sql("SELECT count(*) FROM outbox WHERE payload ? 'start'"), "2");
    ck_assert_str_eq(rig_sql("SELECT count(*) FROM outbox WHERE payload ? 'service'"), "0");
}
END_TEST

START_TEST(a_cancel_link_opens_no_more_than_that) {
    static const enum secret_purpose purposes[] = {SECRET_MANAGE, SECRET_CANCEL};
    char manage[SECRET_LEN + 1], cancel[SECRET_LEN + 1], unfolded[4096];
    SCOPE_BOOKING struct booking *booking = row("confirmed", "", 3);
    secret_make(&server, SECRET_MANAGE, REFERENCE, manage);
    secret_make(&server, SECRET_CANCEL, REFERENCE, cancel);
    rig_public("192.0.2.1", "test");
    for (size_t i = 0; i < COUNT_OF(purposes); i++) {
        bool may = purposes[i] == SECRET_MANAGE;
        const char *ics = text_at(rig_ask("booking_calendar_file", with(purposes[i])), "ics");
        ck_done();
        unfold(ics, unfolded, sizeof(unfolded));
        ck_assert_msg((strstr(unfolded, manage) != NULL) == may, "%s", unfolded);
        ck_assert_msg((strstr(unfolded, cancel) != NULL) == !may, "%s", unfolded);
        json_t *state = rig_ask("get_booking", with(purposes[i]));
        ck_done();
        ck_assert(json_is_true(json_object_get(state, "can_cancel")));
        ck_assert_int_eq(json_is_true(json_object_get(state, "can_reschedule")), may);
    }
}
END_TEST

/* ---- keys ---- */

static void open_shop(void) {
    rig_publish(ALICE, "anna",
                rig_profile("Anna", "plumber", "Berlin", "DE",
                            "{'hours': {'timezone': 'Europe/Berlin', 'weekly': [{'days': ['mon', "
                            "'tue', 'wed', 'thu', 'fri', 'sat', 'sun'], 'opens': '00:00', "
                            "'closes': '24:00'}]}}"));
    rig_cell_does = true;
}

static char secret_got[SECRET_LEN + 1];

static int64_t noon(void) {
    return wall_ms() / 1000 / 86400 * 86400 + 3 * 86400 + 12 * 3600;
}

/* The reference of what is booked under `key`, "" when it is refused. */
static const char *book(const char *key, const char *wanted_status) {
    static char reference[REFERENCE_LEN + 1];
    rig_key = key;
    json_t *made = rig_ask("create_booking",
                           json_pack("{s:s, s:s, s:o, s:{s:s, s:s}}", "business", "anna", "service",
                                     "visit", "start", instant_json("UTC", noon()), "customer",
                                     "name", "Bob", "email", "bob@example.test"));
    ck_done();
    ck_assert_str_eq(text_at(made, "status"), wanted_status);
    (void)snprintf(reference, sizeof(reference), "%s", text_at(made, "reference"));
    (void)snprintf(secret_got, sizeof(secret_got), "%s", text_at(made, "secret"));
    return reference;
}

static json_t *visit(int64_t start) {
    return json_pack("{s:s, s:s, s:o, s:{s:s, s:s, s:s}}", "business", "anna", "service", "visit",
                     "start", instant_json("UTC", start), "customer", "name", "Bob", "email",
                     "bob@example.test", "phone", "+49 30 1");
}

static void book_at(const char *key, int64_t start) {
    rig_key = key;
    (void)rig_ask("create_booking", visit(start));
}

static void cancel(const char *reference) {
    (void)rig_ask("cancel_booking",
                  json_pack("{s:s, s:s}", "reference", reference, "secret", secret_got));
    ck_done();
}

START_TEST(a_key_of_the_clients_own_is_answered_as_it_is) {
    char first[REFERENCE_LEN + 1];
    open_shop();
    strcpy(first, book("mine", "confirmed"));
    ck_assert_str_eq(book("mine", "confirmed"), first);
    cancel(first);
    ck_assert_str_eq(book("mine", "cancelled"), first);
}
END_TEST

static unsigned woken;

static void on_woken(void *ctx, const char *channel, const char *payload) {
    (void)ctx, (void)payload;
    woken += strcmp(channel, OUTBOX_CHANNEL) == 0;
}

/* As cloister-notify listens: for what a booking tells, and for its cancellation. */
START_TEST(who_delivers_is_woken) {
    struct pg *pg;
    char conninfo[256];
    const struct pg_options options = {
        .connections = 1, .setup = "LISTEN " OUTBOX_CHANNEL, .heard = on_woken};
    (void)snprintf(conninfo, sizeof(conninfo), "host=%s dbname=cloister user=admin",
                   postgres_dir());
    ck_assert_int_eq(pg_new(base, conninfo, &options, &pg), 0);
    loop_until(base, pg_ready(pg));
    open_shop();
    woken = 0;
    const char *reference = book("key-woken", "confirmed");
    loop_until_within(base, woken == 1, 1000);
    cancel(reference);
    loop_until_within(base, woken == 2, 1000);
    pg_free(pg);
}
END_TEST

START_TEST(who_gave_no_key_gets_a_booking) {
    char first[REFERENCE_LEN + 1], second[REFERENCE_LEN + 1];
    open_shop();
    strcpy(first, book(IDEMPOTENCY_DERIVED "0a1b", "confirmed"));
    ck_assert_str_eq(book(IDEMPOTENCY_DERIVED "0a1b", "confirmed"), first); /* sent twice */
    cancel(first);
    strcpy(second, book(IDEMPOTENCY_DERIVED "0a1b", "confirmed"));
    ck_assert_str_ne(second, first);
    ck_assert_str_eq(book(IDEMPOTENCY_DERIVED "0a1b", "confirmed"), second);
    ck_assert_str_eq(rig_sql("SELECT count(*) FROM bookings WHERE status = 'confirmed'"), "1");
}
END_TEST

/* A phone leaves the house between sending a form and sending it again. Whoever sends a key that
 * others may think of, too, is another caller. */
START_TEST(a_random_key_is_known_from_any_address) {
    static const struct {
        const char *key;
        bool known;
    } keys[] = {
        {"0123456789abcdef0123456789abcdef", true}, /* of a form of ours */
        {"9B2C5A40-6DF1-4A0E-8B7C-1F5E3D2A9C68", true},
        {"Zk3vQ9xTt_a1Lw0-Bn7RsE", true},
        {"mine", false},
        {"9B2C5A40-6DF1-4A0E", false},
        {"12345678901234567890123456789012", false},
        {"booking-of-Bob-2027-03-01T09-00-anna", false},
        {IDEMPOTENCY_DERIVED "0123456789abcdef0123456789abcdef", false},
    };
    char first[REFERENCE_LEN + 1];
    open_shop();
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        (void)rig_sql("DELETE FROM bookings; DELETE FROM buckets");
        rig_public("192.0.2.1", "test");
        strcpy(first, book(keys[i].key, "confirmed"));
        ck_assert_str_eq(book(keys[i].key, "confirmed"), first); /* the control */
        rig_public("198.51.100.2", "test");
        if (keys[i].known) {
            ck_assert_str_eq(book(keys[i].key, "confirmed"), first);
        } else {
            book_at(keys[i].key, noon());
            ck_status(409, "slot_taken");
        }
        ck_assert_str_eq(rig_sql("SELECT count(*) FROM bookings"), "1");
    }
}
END_TEST

START_TEST(a_random_key_with_other_arguments_is_refused) {
    open_shop();
    (void)book("0123456789abcdef0123456789abcdef", "confirmed");
    rig_public("198.51.100.2", "test");
    book_at("0123456789abcdef0123456789abcdef", noon() + 3600);
    ck_status(409, "key_reused");
}
END_TEST

START_TEST(what_was_booked_is_told_when_the_business_is_gone) {
    char first[REFERENCE_LEN + 1];
    open_shop();
    strcpy(first, book("mine", "confirmed"));
    rig_owner(ALICE);
    (void)rig_call("unpublish_business", "{'slug': 'anna'}");
    ck_done();
    rig_public("192.0.2.1", "test");
    ck_assert_str_eq(book("mine", "confirmed"), first);
    rig_key = "another"; /* the control */
    (void)rig_call("create_booking",
                   "{'business': 'anna', 'service': 'visit', 'start': '2027-03-01T09:00:00Z', "
                   "'customer': {'name': 'Bob', 'email': 'bob@example.test'}}");
    ck_status(404, "unknown_business");
}
END_TEST

/* Assistants guess "first-visit" from its name, where "visit" is meant. */
START_TEST(who_names_no_service_is_told_which_there_are) {
    static char services[64 * 1024] = "{'services': [";
    rig_publish(ALICE, "anna",
                rig_profile("Anna", "salon", "Bern", "CH",
                            "{'services': [{'id': 'visit', 'name': 'First visit', "
                            "'duration_minutes': 30}, {'id': 'dye', 'name': 'Dye', "
                            "'duration_minutes': 60}]}"));
    (void)rig_call("check_availability", "{'business': 'anna', 'service': 'first-visit'}");
    ck_status(404, "unknown_service");
    ck_assert_str_eq(rig_detail, "This business has no such service; the ids: visit, dye.");
    for (unsigned i = 0; i < 50; i++) /* more than there is room for */
        (void)snprintf(services + strlen(services), 200,
                       "%s{'id': 'a-service-with-a-long-name-of-number-%u', 'name': 'S', "
                       "'duration_minutes': 30}",
                       i > 0 ? ", " : "", i);
    strcat(services, "]}");
    rig_publish(ALICE, "anna", rig_profile("Anna", "salon", "Bern", "CH", services));
    (void)rig_call("check_availability", "{'business': 'anna', 'service': 'first-visit'}");
    ck_status(404, "unknown_service");
    ck_assert_ptr_nonnull(strstr(rig_detail, "number-9, a-service-with-a-long-name-of-number-10"));
    ck_assert_str_eq(strrchr(rig_detail, '.'), ".");
}
END_TEST

/* ---- moving ---- */

static json_t *move_to(int64_t start) {
    return json_pack("{s:s, s:o}", "reference", REFERENCE, "start", instant_json("UTC", start));
}

/* The second has looked at the booking before the first has moved it, or waits until it has. */
START_TEST(a_move_that_meets_another_is_not_told_that_the_time_is_taken) {
    SCOPE_BOOKING struct booking *booking = row("confirmed", "", 3);
    rig_cell_does = true;
    rig_owner(ALICE);
    rig_send("reschedule_booking_as_owner", move_to(booking->start + 86400));
    (void)rig_ask("reschedule_booking_as_owner", move_to(booking->start + 2 * 86400));
    if (rig_status == 200)
        return;
    ck_status(503, "cannot_confirm_now");
    ck_assert_uint_gt(rig_retry_ms, 0);
}
END_TEST

/* The control. */
START_TEST(a_time_that_is_taken_is_told_as_taken) {
    SCOPE_BOOKING struct booking *booking = row("confirmed", "", 3);
    (void)rig_sql("INSERT INTO bookings SELECT 'B-22222-22222', owner, business, service, status, "
                  "step, starts_at, ends_at, move_to, buffer_before, buffer_after, zone, event, "
                  "details FROM bookings; INSERT INTO slots (booking, owner, during) SELECT "
                  "reference, owner, tstzrange(starts_at + interval '1 day', "
                  "ends_at + interval '1 day') FROM bookings WHERE reference = 'B-22222-22222'");
    rig_owner(ALICE);
    json_t *beside = rig_ask("reschedule_booking_as_owner", move_to(booking->start + 86400));
    ck_status(409, "slot_taken");
    ck_assert(json_is_array(json_object_get(beside, "next_slots"))); /* not published: none */
    ck_assert_uint_eq(json_array_size(json_object_get(beside, "next_slots")), 0);
    (void)rig_sql("UPDATE bookings SET service = 'visit'");
    open_shop();
    rig_owner(ALICE);
    beside = rig_ask("reschedule_booking_as_owner", move_to(booking->start + 86400));
    ck_status(409, "slot_taken");
    ck_assert_uint_eq(json_array_size(json_object_get(beside, "next_slots")), 5);
    ck_assert_str_ne(text_at(beside, "next_slots.0.start"), "");
}
END_TEST

/* ---- another account ---- */

static void look_again(void) {
    (void)rig_sql("UPDATE bookings SET looked_at = now() - interval '1 day'; DELETE FROM outbox");
    reconcile_soon(&server);
}

/* Google knows in an event's own account what became of it, and in no other. */
START_TEST(an_account_that_never_had_the_event_cancels_nothing) {
    open_shop();
    (void)book("mine", "confirmed");
    rig_cell_account = "second";
    rig_cell_absent = true;
    look_again();
    loop_until(base, strcmp(rig_sql("SELECT count(*) FROM outbox"), "1") == 0);
    ck_assert_ptr_nonnull(strstr(rig_sql("SELECT kind || (payload->>'reason') FROM outbox"),
                                 "calendar_troubleAnother Google account"));
    ck_assert_str_eq(rig_sql("SELECT status FROM bookings"), "confirmed");
    ck_assert_str_eq(rig_sql("SELECT count(*) FROM slots"), "1");
    rig_key = "move";
    (void)rig_ask("reschedule_booking",
                  json_pack("{s:s, s:s, s:o}", "reference",
                            rig_sql("SELECT reference FROM bookings"), "secret", secret_got,
                            "start", instant_json("UTC", noon() + 7200)));
    ck_status(503, "cannot_confirm_now");
    ck_assert_str_eq(rig_sql("SELECT status || step FROM bookings"), "confirmed");
    rig_cell_account = "first"; /* the control: the owner is back where it was made */
    look_again();
    loop_until(base, strcmp(rig_sql("SELECT status FROM bookings"), "cancelled") == 0);
}
END_TEST

START_TEST(an_event_that_was_deleted_cancels_in_any_account) {
    open_shop();
    (void)book("mine", "confirmed");
    rig_cell_account = "second";
    rig_cell_deleted = true;
    look_again();
    loop_until(base, strcmp(rig_sql("SELECT status FROM bookings"), "cancelled") == 0);
}
END_TEST

/* A booking of before accounts were kept is of the first one that has its event. */
START_TEST(the_account_that_has_the_event_is_kept) {
    SCOPE_BOOKING struct booking *booking = row("confirmed", "", 3);
    ck_assert_str_eq(rig_sql("SELECT account FROM bookings"), "");
    rig_cell_does = true;
    look_again();
    loop_until(base, strcmp(rig_sql("SELECT account FROM bookings"), "6669727374") == 0);
}
END_TEST

/* ---- no calendar any more ---- */

static void look_after_hours(void) {
    (void)rig_sql("UPDATE bookings SET looked_at = now() - interval '1 day'; "
                  "UPDATE calendar_troubles SET told_at = now() - interval '2 hours'");
    rig_cell = 0;
    reconcile_soon(&server);
    loop_until(base, rig_cell != 0);
}

START_TEST(a_trouble_is_told_once_until_it_is_over) {
    static const char *const told = "SELECT count(*) FROM outbox WHERE kind = 'calendar_trouble'";
    SCOPE_BOOKING struct booking *booking = row("confirmed", "", 3);
    rig_cell_does = true;
    rig_cell_fails = "not_connected";
    look_after_hours();
    loop_until(base, strcmp(rig_sql(told), "1") == 0);
    look_after_hours();
    rig_cell_fails = "disconnected"; /* the same to the owner */
    look_after_hours();
    rig_cell_fails = NULL;
    look_after_hours();
    loop_until(base, strcmp(rig_sql("SELECT well FROM calendar_troubles"), "t") == 0);
    loop_until(base, strcmp(rig_sql("SELECT account FROM bookings"), "") != 0); /* all of it */
    ck_assert_str_eq(rig_sql(told), "1");
    rig_cell_fails = "not_connected";
    look_after_hours();
    loop_until(base, strcmp(rig_sql(told), "2") == 0);
    rig_cell_fails = "google_unavailable"; /* another one, but not within the hour */
    look_after_hours();
    loop_until(base, strcmp(rig_sql(told), "3") == 0);
}
END_TEST

/* As long as the time is to come, the owner may connect it again. */
START_TEST(what_cannot_be_removed_is_let_go_when_its_time_is_over) {
    static const struct {
        const char *status, *step, *code, *left;
        bool over;
    } rows[] = {
        {"cancelling", "cancel", "not_connected", "cancelled", true},
        {"cancelling", "cancel", "reconnect_required", "cancelled", true},
        {"undoing", "undo", "disconnected", "", true},
        {"cancelling", "cancel", "not_connected", "cancelling", false},
        {"undoing", "undo", "unknown_user", "undoing", false},
        {"cancelling", "cancel", "google_unavailable", "cancelling", true},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        (void)rig_sql("DELETE FROM bookings; DELETE FROM calendar_troubles");
        SCOPE_BOOKING struct booking *booking = row(rows[i].status, rows[i].step, 3);
        if (rows[i].over)
            (void)rig_sql("UPDATE bookings SET starts_at = starts_at - interval '3 days', "
                          "ends_at = ends_at - interval '3 days'");
        rig_cell_does = true;
        rig_cell_fails = rows[i].code;
        (void)rig_sql("UPDATE bookings SET due_at = now()");
        reconcile_soon(&server);
        loop_until(base, strcmp(rig_sql("SELECT count(*) FROM calendar_troubles"), "1") == 0);
        loop_until(base, strcmp(rig_sql("SELECT coalesce(max(status), '') FROM bookings"),
                                rows[i].left) == 0);
    }
}
END_TEST

START_TEST(only_what_somebody_waits_for_keeps_a_business) {
    static const struct {
        const char *status, *step, *more;
        bool stays;
    } rows[] = {
        {"confirmed", "", "", true},
        {"confirmed", "",
         "UPDATE bookings SET starts_at = starts_at - interval '3 days', "
         "ends_at = ends_at - interval '3 days'",
         false},
        {"holding", "book", "", true},
        {"holding", "book", "UPDATE slots SET held_until = now()", false},
        {"undoing", "undo", "", false},
        {"cancelling", "cancel", "", false},
        {"cancelled", "", "", false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        (void)rig_sql("DELETE FROM bookings");
        rig_publish(ALICE, "anna", rig_profile("Anna", "plumber", "Berlin", "DE", ""));
        SCOPE_BOOKING struct booking *booking = row(rows[i].status, rows[i].step, 3);
        (void)rig_sql(rows[i].more);
        rig_owner(ALICE);
        (void)rig_call("delete_business", "{'slug': 'anna'}");
        if (rows[i].stays)
            ck_status(409, "not_bookable");
        else
            ck_done();
        ck_assert_str_eq(rig_sql("SELECT count(*) FROM bookings"), rows[i].stays ? "1" : "0");
    }
}
END_TEST

/* ---- lists ---- */

/* Whatever wrote it. A page that would have ended with it is followed by the next. */
START_TEST(a_row_that_cannot_be_read_hides_no_other) {
    SCOPE_BOOKING struct booking *booking = row("confirmed", "", 3);
    (void)rig_sql(
        "INSERT INTO bookings SELECT 'B-2222' || n || '-22222', owner, business, service, status, "
        "step, starts_at + n * interval '1 day', ends_at + n * interval '1 day', move_to, "
        "buffer_before, buffer_after, zone, event, details FROM bookings, generate_series(2, 4) AS "
        "n; UPDATE bookings SET details = '5' WHERE reference = 'B-22222-22222'");
    (void)rig_sql("INSERT INTO inquiries (reference, owner, business, status, message, details, "
                  "created_at) SELECT 'Q-2222' || n || '-22222', '" ALICE "', 'anna', 'open', 'm', "
                  "CASE n WHEN 4 THEN '5' ELSE '{}' END::jsonb, now() - n * interval '1 minute' "
                  "FROM generate_series(3, 6) AS n");
    static const struct {
        const char *operation, *list;
    } lists[] = {{"list_bookings", "bookings"}, {"list_inquiries", "inquiries"}};
    rig_owner(ALICE);
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        json_t *page = rig_call(lists[i].operation, "{'limit': 2}");
        ck_done();
        ck_assert_uint_eq(json_array_size(json_object_get(page, lists[i].list)), 1);
        char cursor[512];
        (void)snprintf(cursor, sizeof(cursor), "%s", text_at(page, "next_cursor"));
        page = rig_ask(lists[i].operation, json_pack("{s:i, s:s}", "limit", 2, "cursor", cursor));
        ck_done();
        ck_assert_uint_eq(json_array_size(json_object_get(page, lists[i].list)), 2);
        ck_assert_ptr_null(json_object_get(page, "next_cursor"));
    }
}
END_TEST

/* Adds the references of a page to `out`; its cursor, "" when it is the last. */
static const char *put_page(json_t *page, char *out) {
    static char cursor[512];
    size_t i;
    json_t *item;
    ck_done();
    json_array_foreach(json_object_get(page, "bookings"), i, item)(void)
        sprintf(out + strlen(out), "%c", text_at(item, "reference")[6]);
    (void)snprintf(cursor, sizeof(cursor), "%s", text_at(page, "next_cursor"));
    return cursor;
}

/* Page by page, from either end. 3 and 4 begin at once. */
START_TEST(bookings_are_listed_from_either_end) {
    static const struct {
        const char *order, *other, *all;
    } orders[] = {{"oldest", "newest", "M3456"}, {"newest", "oldest", "6543M"}};
    SCOPE_BOOKING struct booking *booking = row("confirmed", "", 3);
    (void)rig_sql(
        "INSERT INTO bookings SELECT 'B-2222' || n || '-22222', owner, business, service, status, "
        "step, starts_at + greatest(n, 4) * interval '1 day', ends_at + 9 * interval '1 day', "
        "move_to, buffer_before, buffer_after, zone, event, details FROM bookings, "
        "generate_series(3, 6) AS n");
    rig_owner(ALICE);
    for (size_t i = 0; i < COUNT_OF(orders); i++) {
        char all[16] = "";
        const char *order = orders[i].order,
                   *cursor = put_page(rig_ask("list_bookings",
                                              json_pack("{s:i, s:s}", "limit", 2, "order", order)),
                                      all);
        while (*cursor != '\0') {
            (void)rig_ask("list_bookings",
                          json_pack("{s:s, s:s}", "order", orders[i].other, "cursor", cursor));
            ck_status(400, "invalid_argument");
            cursor = put_page(rig_ask("list_bookings", json_pack("{s:i, s:s, s:s}", "limit", 2,
                                                                 "order", order, "cursor", cursor)),
                              all);
        }
        ck_assert_str_eq(all, orders[i].all);
    }
    char without[16] = ""; /* the control */
    (void)put_page(rig_call("list_bookings", "{}"), without);
    ck_assert_str_eq(without, "M3456");
}
END_TEST

/* ---- what others do meanwhile ---- */

static void ask_soon(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what, (void)ctx;
    reconcile_soon(&server);
}

/* As in an outage, in which each call that fails says so. */
START_TEST(many_who_want_it_soon_do_not_put_it_off) {
    const struct timeval often = {0, 20000};
    SCOPE_BOOKING struct booking *booking = row("confirmed", "", 3);
    struct event *flood = event_new(base, -1, EV_PERSIST, ask_soon, NULL);
    ck_assert_int_eq(event_add(flood, &often), 0);
    (void)rig_sql("UPDATE slots SET held_until = now()");
    loop_until(base, strcmp(rig_sql("SELECT count(*) FROM slots"), "0") == 0);
    event_free(flood);
}
END_TEST

/* Whose calendar does not say what came of it, after that was done. */
static void book_uncertain(const char *meanwhile) {
    open_shop();
    rig_cell_keeps();
    rig_status = 0;
    rig_send("create_booking", json_pack("{s:s, s:s, s:o, s:{s:s, s:s}}", "business", "anna",
                                         "service", "visit", "start", instant_json("UTC", noon()),
                                         "customer", "name", "Bob", "email", "bob@example.test"));
    loop_until(base, rig_cell_kept() != 0);
    (void)rig_sql(meanwhile);
    rig_cell_lost(rig_cell_kept());
    loop_until(base, rig_status != 0);
}

START_TEST(nobody_is_told_that_nothing_was_booked_when_it_was) {
    book_uncertain("UPDATE bookings SET status = 'confirmed', step = '', due_at = NULL, "
                   "version = version + 1");
    ck_done();
}
END_TEST

START_TEST(what_is_not_known_is_said_to_be_so) {
    (void)rig_sql("CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE "
                  "'no'; END $$; CREATE TRIGGER no BEFORE UPDATE ON bookings FOR EACH ROW WHEN "
                  "(NEW.status = 'undoing') EXECUTE FUNCTION no()");
    book_uncertain("SELECT 1");
    ck_status(503, "business_unavailable"); /* not a code after which to take another key */
    ck_assert_ptr_nonnull(strstr(rig_detail, "not yet known"));
}
END_TEST

START_TEST(what_is_undone_says_that_nothing_was_booked) { /* the control */
    book_uncertain("SELECT 1");
    ck_status(503, "cannot_confirm_now");
}
END_TEST

/* ---- what may be booked in an hour ---- */

#define IN_AN_HOUR 10 /* of one customer; business.person_per_hour's default */

static const char *key_of(int i) {
    static char key[16];
    (void)snprintf(key, sizeof(key), "key-of-%d", i);
    return key;
}

/* A client that repeats as it is told to. */
START_TEST(an_outage_uses_up_nobodys_bookings) {
    open_shop();
    rig_cell_fails = "google_unavailable";
    for (int i = 0; i < IN_AN_HOUR + 2; i++) {
        book_at("mine", noon());
        ck_status(503, "cannot_confirm_now");
    }
    rig_cell_fails = NULL;
    for (int i = 0; i < IN_AN_HOUR; i++) { /* the control: not given twice */
        book_at(key_of(i), noon() + i * 3600);
        ck_done();
    }
    book_at("one-more", noon() - 3600);
    ck_status(429, "limited");
}
END_TEST

/* Asking for what another has gives back what it took, and no more. */
START_TEST(what_is_taken_gives_nothing_away) {
    open_shop();
    for (int i = 0; i < IN_AN_HOUR - 1; i++) {
        book_at(key_of(i), noon() + i * 3600);
        ck_done();
    }
    for (int i = IN_AN_HOUR; i < IN_AN_HOUR + 3; i++) {
        book_at(key_of(i), noon());
        ck_status(409, "slot_taken");
    }
    book_at("tenth", noon() - 7200);
    ck_done();
    book_at("eleventh", noon() - 3600);
    ck_status(429, "limited");
}
END_TEST

START_TEST(what_is_undone_uses_up_nobodys_bookings) {
    open_shop();
    for (int i = 0; i < IN_AN_HOUR + 2; i++) {
        rig_cell_keeps();
        rig_status = 0;
        rig_key = key_of(i);
        rig_send("create_booking", visit(noon() + i * 3600));
        loop_until(base, rig_cell_kept() != 0);
        rig_cell_lost(rig_cell_kept());
        loop_until(base, rig_status != 0);
        ck_status(503, "cannot_confirm_now");
    }
}
END_TEST

/* At the same moment, so that neither finds the other when it begins. */
START_TEST(what_is_sent_twice_counts_once) {
    static const char question[] = "{'business': 'anna', 'message': 'When?', 'customer': {'name': "
                                   "'Bob', 'email': 'bob@example.test'}}";
    open_shop();
    for (int i = 0; i < IN_AN_HOUR - 1; i++) {
        rig_key = key_of(i);
        rig_send("create_booking", visit(noon() + i * 3600));
        book_at(rig_key, noon() + i * 3600);
        ck_done();
        rig_send("send_inquiry", json_of(question));
        (void)rig_call("send_inquiry", question);
        ck_done();
    }
    ck_assert_str_eq(rig_sql("SELECT count(*) FROM bookings"), "9");
    ck_assert_str_eq(rig_sql("SELECT count(*) FROM inquiries"), "9");
    book_at("tenth", noon() - 7200);
    ck_done();
    book_at("eleventh", noon() - 3600);
    ck_status(429, "limited");
    rig_key = "question-10";
    (void)rig_call("send_inquiry", question);
    ck_done();
    rig_key = "question-11";
    (void)rig_call("send_inquiry", question);
    ck_status(429, "limited");
}
END_TEST

/* Some tries came to nothing before. */
START_TEST(an_event_is_removed_twice_however_often_it_was_tried) {
    SCOPE_BOOKING struct booking *booking = row("undoing", "undo", 3);
    rig_cell_does = true;
    (void)rig_sql("UPDATE bookings SET attempts = 5, due_at = now()");
    reconcile_soon(&server);
    loop_until(base, strcmp(rig_sql("SELECT count(*) FROM bookings WHERE removed"), "1") == 0);
    (void)rig_sql("UPDATE bookings SET due_at = now()");
    reconcile_soon(&server);
    loop_until(base, strcmp(rig_sql("SELECT count(*) FROM bookings"), "0") == 0);
}
END_TEST

/* An owner can make an event that takes no time; a booking takes some. */
START_TEST(an_event_without_a_length_is_followed) {
    SCOPE_BOOKING struct booking *booking = row("confirmed", "", 3);
    int64_t start = booking->start + 7200;
    ended = false;
    change_followed(&server, booking, start, start, on_changed, NULL);
    loop_until(base, ended);
    ck_assert_int_eq(failed, 0);
    ck_assert(changed);
    ck_assert_int_eq(
        strtoll(rig_sql("SELECT extract(epoch FROM starts_at)::bigint FROM bookings"), NULL, 10),
        start);
    ck_assert_str_eq(rig_sql("SELECT ends_at - starts_at FROM bookings"), "01:00:00");
}
END_TEST

START_TEST(what_was_told_long_ago_goes) {
    (void)rig_sql("INSERT INTO outbox (kind, to_kind, business, reference, payload, done_at, "
                  "dead_at) SELECT 'inquiry_new', 'owner', 'anna', n::text, '{}', CASE WHEN n < 3 "
                  "THEN now() - n * interval '4 days' END, CASE WHEN n BETWEEN 3 AND 4 THEN now() "
                  "- (n - 2) * interval '4 days' END FROM generate_series(1, 5) AS n");
    (void)rig_sql("UPDATE outbox SET created_at = now() - interval '1 year'");
    rig_restart(); /* looks at once, then every hour */
    loop_until(base, strcmp(rig_sql("SELECT count(*) FROM outbox"), "5") != 0);
    ck_assert_str_eq(rig_sql("SELECT string_agg(reference, ' ' ORDER BY id) FROM outbox"), "1 3 5");
}
END_TEST

/* The address of a business may have become another's. */
START_TEST(only_the_owner_of_a_booking_is_told_of_it) {
    static const char *const owners[] = {BOB, ALICE};
    for (size_t i = 0; i < COUNT_OF(owners); i++) {
        rig_publish(owners[i], i == 0 ? "anna" : "hers",
                    rig_profile("A", "plumber", "B", "DE", ""));
        rig_owner(owners[i]);
        (void)rig_ask("set_notifications",
                      json_pack("{s:s, s:[s]}", "slug", i == 0 ? "anna" : "hers", "emails",
                                "owner@example.test"));
        ck_done();
        if (i == 1) /* the control: it is hers */
            (void)rig_sql("DELETE FROM bookings; DELETE FROM outbox; DELETE FROM businesses WHERE "
                          "slug = 'anna'; UPDATE businesses SET slug = 'anna'");
        SCOPE_BOOKING struct booking *booking = row("holding", "book", 3);
        ended = false;
        change_confirmed(&server, booking, on_changed, NULL);
        loop_until(base, ended);
        ck_assert(changed);
        ck_assert_str_eq(rig_sql("SELECT count(*) FROM outbox WHERE to_kind = 'owner' AND "
                                 "payload->>'to' = 'owner@example.test'"),
                         i == 0 ? "0" : "1");
    }
}
END_TEST

/* Its customers do not come to the other one by their links. */
START_TEST(a_booking_does_not_move_to_who_has_the_address_now) {
    char reference[REFERENCE_LEN + 1];
    open_shop();
    strcpy(reference, book("mine", "confirmed"));
    for (int gone = 0; gone < 2; gone++) {
        if (gone)
            (void)rig_sql("UPDATE businesses SET user_id = '" BOB "' WHERE slug = 'anna'");
        rig_restart(); /* which keeps nothing that it knew */
        rig_public("192.0.2.1", "test");
        rig_key = "";
        (void)rig_ask("reschedule_booking",
                      json_pack("{s:s, s:s, s:o}", "reference", reference, "secret", secret_got,
                                "start", instant_json("UTC", noon() + (gone + 1) * 7200)));
        if (gone)
            ck_status(404, "unknown_business");
        else
            ck_done(); /* the control */
    }
}
END_TEST

#define INQUIRY "Q-22222-22222"

/* As if it had been carried out when its answer was lost. */
START_TEST(an_answer_that_was_given_is_given) {
    static const char *const texts[] = {"Yes.", "No."}; /* the second: the control */
    (void)rig_sql("INSERT INTO inquiries (reference, owner, business, status, message, details) "
                  "VALUES ('" INQUIRY "', '" ALICE "', 'anna', 'open', 'm', '{}')");
    rig_owner(ALICE);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        (void)rig_sql("UPDATE inquiries SET status = 'open', answer = NULL");
        rig_hold(i == 0 ? "UPDATE inquiries SET status = 'answered', answer = 'Yes.', answered_by "
                          "= 'owner', answered_at = now()"
                        : "DELETE FROM inquiries");
        rig_status = 0;
        rig_send("answer_inquiry", json_pack("{s:s, s:s}", "reference", INQUIRY, "text", texts[i]));
        loop_until(base, rig_waiting("WITH b AS (UPDATE inquiries") == 1);
        rig_let_go();
        loop_until(base, rig_status != 0);
        if (i == 0)
            ck_done();
    }
    ck_status(404, "unknown_inquiry");
    ck_assert_str_eq(rig_sql("SELECT count(*) FROM outbox"), "0");
}
END_TEST

/* ---- several at once ---- */

/* The inquiry that an item of ask_businesses names, as its customer sees it. */
static json_t *look_at(json_t *item) {
    json_t *found = rig_ask("get_inquiry",
                            json_pack("{s:O, s:O}", "reference", json_object_get(item, "reference"),
                                      "secret", json_object_get(item, "secret")));
    ck_done();
    return found;
}

/* The agent does not answer in time: what it, or the owner, says later is found all the same. */
START_TEST(a_late_answer_can_be_seen) {
    rig_publish(ALICE, "anna",
                rig_profile("Salon Anna", "hairdresser", "Berlin", "DE",
                            "{'features': {'inquiries': true, 'agent_answers': true}}"));
    rig_public("192.0.2.7", "test");
    json_t *result = rig_call("ask_businesses", "{'message': 'Beards?', 'businesses': ['anna', "
                                                "'nobody'], 'deadline_ms': 1000}");
    ck_done();
    json_t *late = json_deep_copy(at_path(result, "answers.0")),
           *none = at_path(result, "answers.1");
    char url[LINK_SIZE];
    ck_assert_str_eq(text_at(late, "status"), "late");
    (void)snprintf(url, sizeof(url), "https://shops.test/inquiries/%s?secret=%s",
                   text_at(late, "reference"), text_at(late, "secret"));
    ck_assert_str_eq(text_at(late, "url"), url);
    ck_assert_str_eq(text_at(none, "status"), "failed"); /* the control: there is nothing to see */
    ck_assert_str_eq(text_at(none, "reference"), "");
    ck_assert_str_eq(text_at(none, "secret"), "");
    ck_assert_str_eq(text_at(none, "url"), "");
    rig_cell_answer(rig_cell, "agent_failed");
    ck_assert_str_eq(text_at(look_at(late), "status"), "open");
    rig_owner(ALICE);
    (void)rig_ask("answer_inquiry", json_pack("{s:O, s:s}", "reference",
                                              json_object_get(late, "reference"), "text", "Yes."));
    ck_done();
    rig_public("192.0.2.7", "test");
    ck_assert_str_eq(text_at(look_at(late), "answer"), "Yes.");
    json_decref(late);
}
END_TEST

/* Who is not said to be asked is not: nobody gets a question that was meant for others. */
START_TEST(nobody_in_particular_is_not_asked) {
    static const char *const asked[] = {
        "{'message': 'Beards?'}",
        "{'message': 'Beards?', 'query': ' ', 'category': '', 'place': '', 'attributes': {}}"};
    static const char *const said[] = {"{'message': 'Beards?', 'category': 'hairdresser'}",
                                       "{'message': 'Beards?', 'country': 'DE'}",
                                       "{'message': 'Beards?', 'businesses': ['anna']}"};
    rig_publish(ALICE, "anna",
                rig_profile("Salon Anna", "hairdresser", "Berlin", "DE",
                            "{'features': {'inquiries': true}}"));
    rig_public("192.0.2.7", "test");
    for (size_t i = 0; i < COUNT_OF(asked); i++) {
        (void)rig_call("ask_businesses", asked[i]);
        ck_status(400, "invalid_argument");
        ck_assert_msg(strstr(rig_detail, "businesses") != NULL, "%s", rig_detail);
    }
    ck_assert_str_eq(rig_sql("SELECT count(*) FROM inquiries"), "0");
    for (size_t i = 0; i < COUNT_OF(said); i++) { /* the control */
        json_t *result = rig_call("ask_businesses", said[i]);
        ck_done();
        ck_assert_int_eq(json_integer_value(at_path(result, "asked")), 1);
    }
}
END_TEST

/* ---- what an owner learns of who is told ---- */

static void with_mail(void) {
    rig_settings("[notify]\nsmtp_url=smtp://mail.test:587\n");
    rig_begin();
}

static void ck_told(json_t *result, bool told, bool email) {
    ck_done();
    ck_assert(told ? json_is_true(at_path(result, "told"))
                   : json_is_false(at_path(result, "told")));
    ck_assert_str_eq(text_at(result, "customer.email"), email ? "bob@example.test" : "");
    ck_assert_str_eq(text_at(result, "customer.phone"), email ? "" : "030 1");
}

/* Of each thing that an owner does to a customer's booking or inquiry. */
static void owner_does(bool email, bool told) {
    SCOPE_BOOKING struct booking *booking = row("confirmed", "", 3);
    if (!email)
        (void)rig_sql("UPDATE bookings SET details = jsonb_set(details, '{customer}', "
                      "'{\"name\": \"Bob\", \"phone\": \"030 1\"}')");
    (void)rig_sql("INSERT INTO inquiries (reference, owner, business, status, message, details) "
                  "SELECT '" INQUIRY "', owner, business, 'open', 'm', details FROM bookings");
    rig_cell_does = true;
    rig_owner(ALICE);
    for (unsigned again = 0; again < 2; again++) {
        ck_told(rig_ask("reschedule_booking_as_owner", move_to(booking->start + 86400)), told,
                email);
        ck_told(rig_ask("answer_inquiry",
                        json_pack("{s:s, s:s}", "reference", INQUIRY, "text", "Yes.")),
                told, email);
    }
    for (unsigned again = 0; again < 2; again++)
        ck_told(rig_ask("cancel_booking_as_owner", json_pack("{s:s}", "reference", REFERENCE)),
                told, email);
    rig_public("192.0.2.1", "test"); /* the control: a customer is not told of it */
    ck_assert_ptr_null(at_path(rig_ask("cancel_booking", with(SECRET_MANAGE)), "told"));
    ck_done();
}

START_TEST(an_owner_learns_whether_the_customer_is_told) {
    owner_does(_i == 0, _i == 0);
}
END_TEST

START_TEST(nobody_is_told_where_nothing_is_sent) {
    owner_does(true, false);
}
END_TEST

START_TEST(a_cursor_of_no_time_is_refused) {
    static const char *const operations[] = {"list_inquiries", "list_bookings"};
    char text[64], cursor[BASE64URL_SIZE(sizeof(text))];
    rig_owner(ALICE);
    for (unsigned i = 0; i < 4; i++) {
        int n = snprintf(text, sizeof(text), "%s Q-22222-22222",
                         i % 2 == 0 ? "9223372036854775807" : "1700000000");
        base64url_encode((const uint8_t *)text, (size_t)n, cursor);
        (void)rig_ask(operations[i / 2], json_pack("{s:s}", "cursor", cursor));
        if (i % 2 == 0)
            ck_status(400, "invalid_argument");
        else
            ck_done();
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("bookings");
    TCase *cases = tcase_create("bookings");
    tcase_set_timeout(cases, 60);
    tcase_add_checked_fixture(cases, rig_begin, rig_end);
    tcase_add_loop_test(cases, names_of_any_length_are_told_whole, LONGEST - 2, LONGEST + 1);
    tcase_add_test(cases, what_cannot_be_written_ends_nothing);
    tcase_add_test(cases, a_key_of_the_clients_own_is_answered_as_it_is);
    tcase_add_test(cases, who_delivers_is_woken);
    tcase_add_test(cases, who_gave_no_key_gets_a_booking);
    tcase_add_test(cases, a_random_key_is_known_from_any_address);
    tcase_add_test(cases, a_random_key_with_other_arguments_is_refused);
    tcase_add_test(cases, what_was_booked_is_told_when_the_business_is_gone);
    tcase_add_test(cases, an_account_that_never_had_the_event_cancels_nothing);
    tcase_add_test(cases, an_event_that_was_deleted_cancels_in_any_account);
    tcase_add_test(cases, the_account_that_has_the_event_is_kept);
    tcase_add_test(cases, a_trouble_is_told_once_until_it_is_over);
    tcase_add_test(cases, what_cannot_be_removed_is_let_go_when_its_time_is_over);
    tcase_add_test(cases, only_what_somebody_waits_for_keeps_a_business);
    tcase_add_test(cases, a_row_that_cannot_be_read_hides_no_other);
    tcase_add_test(cases, bookings_are_listed_from_either_end);
    tcase_add_test(cases, a_move_that_meets_another_is_not_told_that_the_time_is_taken);
    tcase_add_test(cases, a_time_that_is_taken_is_told_as_taken);
    tcase_add_test(cases, links_are_sealed_until_they_are_delivered);
    tcase_add_test(cases, many_who_want_it_soon_do_not_put_it_off);
    tcase_add_test(cases, nobody_is_told_that_nothing_was_booked_when_it_was);
    tcase_add_test(cases, what_is_not_known_is_said_to_be_so);
    tcase_add_test(cases, what_is_undone_says_that_nothing_was_booked);
    tcase_add_test(cases, an_outage_uses_up_nobodys_bookings);
    tcase_add_test(cases, what_is_taken_gives_nothing_away);
    tcase_add_test(cases, what_is_undone_uses_up_nobodys_bookings);
    tcase_add_test(cases, what_is_sent_twice_counts_once);
    tcase_add_test(cases, an_event_is_removed_twice_however_often_it_was_tried);
    tcase_add_test(cases, an_event_without_a_length_is_followed);
    tcase_add_test(cases, what_was_told_long_ago_goes);
    tcase_add_test(cases, only_the_owner_of_a_booking_is_told_of_it);
    tcase_add_test(cases, a_booking_does_not_move_to_who_has_the_address_now);
    tcase_add_test(cases, an_answer_that_was_given_is_given);
    tcase_add_test(cases, a_cursor_of_no_time_is_refused);
    tcase_add_test(cases, a_late_answer_can_be_seen);
    tcase_add_test(cases, nobody_in_particular_is_not_asked);
    tcase_add_test(cases, a_cancel_link_opens_no_more_than_that);
    tcase_add_test(cases, nobody_is_told_where_nothing_is_sent);
    tcase_add_test(cases, who_names_no_service_is_told_which_there_are);
    suite_add_tcase(suite, cases);
    TCase *mailed = tcase_create("mailed");
    tcase_set_timeout(mailed, 60);
    tcase_add_checked_fixture(mailed, with_mail, rig_end);
    tcase_add_loop_test(mailed, an_owner_learns_whether_the_customer_is_told, 0, 2);
    suite_add_tcase(suite, mailed);
    return postgres_tests(suite);
}
