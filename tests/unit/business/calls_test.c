/* What is kept of calls and for how long: the operational log without anybody's words, limits that
 * outlive the program, public answers that are never out of date. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "business/api/operations.h"
#include "business/cache.h"
#include "business/call.h"
#include "business/gcra.h"
#include "business/limits.h"
#include "business/oplog.h"
#include "tests/unit/business/rig.h"

#define CANARY "zQcanary7Mongoose"

static void publish(const char *slug, const char *name) {
    rig_publish(ALICE, slug, rig_profile(name, "plumber", "Berlin", "DE", ""));
    rig_public("192.0.2.1", "test");
}

static void logged(void) {
    loop_until(base, business_flush(&server));
}

/* ---- the log ---- */

START_TEST(every_call_has_its_row) {
    publish("anna", "Anna");
    (void)rig_call("search_businesses", "{'query': 'plumber', 'limit': 5}");
    (void)rig_call("get_business", "{'business': 'nobody'}");
    (void)rig_call("get_business", "{'slug': 'nobody'}");
    (void)rig_call("conquer_world", "{}");
    logged();
    ck_assert_str_eq(rig_sql("SELECT count(*) FROM calls WHERE origin = 'customer'"), "4");
    ck_assert_str_eq(rig_sql("SELECT results || ' ' || status || ' ' || client || ' ' || channel"
                             " || ' ' || (arguments->>'limit') FROM calls"
                             " WHERE operation = 'search_businesses'"),
                     "1 200 test mcp 5");
    ck_assert_str_eq(rig_sql("SELECT string_agg(status || ' ' || code, ', ' ORDER BY request)"
                             " FROM calls WHERE status >= 400"),
                     "404 unknown_business, 400 invalid_argument, 400 invalid_argument");
    ck_assert_str_eq(rig_sql("SELECT count(*) FROM calls WHERE took_us <= 0 OR at < now() -"
                             " interval '1 minute'"),
                     "0");
    ck_assert_str_eq(rig_sql("SELECT operation FROM calls ORDER BY request DESC LIMIT 1"),
                     "unknown");
}
END_TEST

/* What is kept has whole seconds: nobody is booked at another moment than the asked-for one. With
 * zeros for fractions the call gets as far as to who books. */
START_TEST(a_start_has_no_fractions_of_a_second) {
    rig_publish(ALICE, "anna", rig_profile("Salon Anna", "hairdresser", "Berlin", "DE", ""));
    (void)rig_call("create_booking", "{'business': 'anna', 'service': 'visit', 'start': "
                                     "'2027-03-01T09:00:00.250Z', 'customer': {'name': 'Sam'}}");
    ck_status(400, "invalid_argument");
    ck_assert_msg(strncmp(rig_detail, "start: ", 7) == 0, "%s", rig_detail);
    (void)rig_call("create_booking", "{'business': 'anna', 'service': 'visit', 'start': "
                                     "'2027-03-01T09:00:00.000Z', 'customer': {'name': 'Sam'}}");
    ck_status(400, "invalid_argument");
    ck_assert_msg(strncmp(rig_detail, "customer: ", 10) == 0, "%s", rig_detail);
}
END_TEST

/* The same words as every text of every operation's arguments, wherever the schema lets them. */
static json_t *planted(const struct shape *members);

static json_t *plant(const struct shape *shape) {
    switch (shape->type) {
    case SHAPE_TEXT:
        if (shape->words != NULL)
            return json_string(shape->words[0]);
        return json_string(shape->format == FORMAT_EMAIL ? CANARY "@mail.test" : CANARY);
    case SHAPE_INTEGER:
    case SHAPE_NUMBER:
        return json_integer((json_int_t)shape->min);
    case SHAPE_BOOLEAN:
        return json_true();
    case SHAPE_OBJECT:
        return planted(shape->of);
    case SHAPE_LIST:
        return json_pack("[o]", plant(shape->of));
    case SHAPE_MAP:
        return json_pack("{s:s}", CANARY, CANARY);
    case SHAPE_ANSWER:
    case SHAPE_ANYTHING:
    case SHAPE_END:
        break;
    }
    return json_string(CANARY);
}

static json_t *planted(const struct shape *members) {
    json_t *object = json_object();
    for (; members->type != SHAPE_END; members++)
        (void)json_object_set_new(object, members->name, plant(members));
    return object;
}

static void ask_all_with_canaries(void) {
    const struct operation *operation;
    for (size_t i = 0; (operation = operation_at(i)) != NULL; i++) {
        json_t *arguments = planted(operation->arguments);
        (void)json_object_set_new(arguments, CANARY, json_string(CANARY));
        (void)rig_ask(operation->name, arguments);
    }
}

static unsigned canaries_in_log(void) {
    return (unsigned)atoi(rig_sql("SELECT count(*) FROM calls AS c WHERE c::text ILIKE"
                                  " '%canary7mongoose%'"));
}

START_TEST(nobodys_words_are_in_the_log) {
    rig_public("192.0.2.1", "test");
    ask_all_with_canaries();
    rig_owner(ALICE);
    ask_all_with_canaries();
    (void)rig_ask("search_businesses", json_pack("{s:s s:s}", "query", CANARY, "place", CANARY));
    rig_public("192.0.2.1", "test"); /* a name where a slug belongs */
    (void)rig_call("get_business", "{'business': 'zqcanary7mongoose'}");
    ck_status(404, "unknown_business");
    logged();
    ck_assert_int_gt(atoi(rig_sql("SELECT count(*) FROM calls")), 40);
    ck_assert_msg(canaries_in_log() == 0, "%s",
                  rig_sql("SELECT string_agg(operation || ' ' || arguments, '; ')"
                          " FROM calls AS c WHERE c::text ILIKE '%canary7mongoose%'"));
    /* The control: the same look finds one that is there. */
    rig_public("192.0.2.1", CANARY);
    (void)rig_call("search_businesses", "{}");
    logged();
    ck_assert_uint_eq(canaries_in_log(), 1);
}
END_TEST

START_TEST(a_gateways_notes_are_calls_too) {
    Cloister__BusinessNote note = CLOISTER__BUSINESS_NOTE__INIT;
    Cloister__Client client = CLOISTER__CLIENT__INIT;
    client.address = "192.0.2.9";
    client.channel = "carrier pigeon";
    client.name =
        "x\x01\xff" CANARY "0123456789012345678901234567890123456789012345678901234567890";
    note.operation = "search_businesses";
    note.arguments = "{\"query\": \"" CANARY "\", \"limit\": 3}";
    note.client = &client;
    note.status = 200;
    note.took_us = 12;
    note.results = 3;
    call_note(&server, &note);
    note.operation = CANARY;
    note.arguments = CANARY;
    call_note(&server, &note);
    logged();
    ck_assert_str_eq(rig_sql("SELECT string_agg(operation || ' ' || (arguments->>'query'), ','"
                             " ORDER BY operation) FROM calls WHERE arguments ? 'query'"),
                     "search_businesses given");
    ck_assert_str_eq(rig_sql("SELECT string_agg(operation, ',' ORDER BY operation) FROM calls"),
                     "search_businesses,unknown");
    ck_assert_str_eq(rig_sql("SELECT min(channel) || ' ' || max(length(client)) FROM calls"),
                     "other 64");
    ck_assert_str_eq(rig_sql("SELECT left(client, 4) FROM calls LIMIT 1"), "x??z");
}
END_TEST

static void noted(const char *operation, const char *arguments, unsigned status, unsigned results) {
    Cloister__BusinessNote note = CLOISTER__BUSINESS_NOTE__INIT;
    Cloister__Client client = CLOISTER__CLIENT__INIT;
    client.address = "192.0.2.9";
    client.channel = "mcp";
    client.name = "back\\slash";
    note.operation = (char *)(uintptr_t)operation;
    note.arguments = (char *)(uintptr_t)arguments;
    note.client = &client;
    note.status = status;
    note.code = status < 400 ? "" : "limited";
    note.results = results;
    call_note(&server, &note);
}

/* A gateway that says what cannot be, between two that are as they should be: one bad row would
 * take all with it. */
START_TEST(numbers_that_cannot_be_cost_no_other_row) {
    static const struct {
        uint32_t status, results;
        uint64_t took_us;
        int64_t at_ms;
    } bad[] = {
        {UINT32_MAX, 1, 1, 0}, {200, UINT32_MAX, 1, 0},      {200, 1, UINT64_MAX, 0},
        {200, 1, 1, 1},        {200, 1, 1, INT64_MAX},       {200, 1, 1, INT64_MIN},
        {200, 1, 1, -1},       {200, 1, 1, 253402300800000},
    };
    const int64_t before = wall_ms() - 60000;
    Cloister__BusinessNote note = CLOISTER__BUSINESS_NOTE__INIT;
    note.operation = "search_businesses";
    note.arguments = "{}";
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        noted("get_business", "{\"business\": \"salon-linde\"}", 200, 1);
        note.status = bad[i].status;
        note.results = bad[i].results;
        note.took_us = bad[i].took_us;
        note.at_ms = bad[i].at_ms;
        call_note(&server, &note);
    }
    note.at_ms = before; /* the control: a moment that can be is kept */
    call_note(&server, &note);
    logged();
    ck_assert_int_eq(atoi(rig_sql("SELECT count(*) FROM calls")), 2 * COUNT_OF(bad) + 1);
    ck_assert_str_eq(rig_sql("SELECT count(*) FROM calls WHERE at NOT BETWEEN now() - "
                             "interval '1 hour' AND now() + interval '1 hour'"),
                     "0");
    ck_assert_int_eq(
        strtoll(rig_sql("SELECT (extract(epoch FROM min(at)) * 1000)::bigint FROM calls"), NULL,
                10),
        before);
    ck_assert_str_eq(rig_sql("SELECT max(status) FROM calls"), "599");
}
END_TEST

/* A second of the loop is five rounds of the log. */
static bool copy_has_run_long(unsigned *ret_most) {
    unsigned now = rig_waiting("COPY calls");
    *ret_most = now > *ret_most ? now : *ret_most;
    return strcmp(rig_sql("SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE 'COPY calls%'"
                          " AND state = 'active' AND query_start < now() - interval '1 second'"),
                  "t") == 0;
}

/* A table that is locked holds one connection of four, however often the batch is sent. */
START_TEST(a_log_that_cannot_be_written_holds_up_nothing_else) {
    char again[256];
    unsigned most = 0, before = (unsigned)atoi(rig_sql("SELECT count(*) FROM calls"));
    rig_hold("LOCK TABLE calls IN ACCESS EXCLUSIVE MODE");
    noted("get_business", "{\"business\": \"salon-linde\"}", 200, 1);
    loop_until(base, rig_waiting("COPY calls") == 1);
    (void)snprintf(again, sizeof(again),
                   "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COPY calls%%' AND "
                   "state = 'active' AND query_start > '%s'",
                   rig_sql("SELECT max(query_start) FROM pg_stat_activity WHERE query LIKE "
                           "'COPY calls%' AND state = 'active'"));
    (void)rig_sql("SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
                  " WHERE query LIKE 'COPY calls%' AND state = 'active'");
    loop_until(base, strcmp(rig_sql(again), "0") != 0);
    loop_until(base, copy_has_run_long(&most));
    ck_assert_uint_eq(most, 1);
    (void)rig_call("search_businesses", "{}");
    ck_done();
    rig_let_go();
    logged();
    ck_assert_int_eq(atoi(rig_sql("SELECT count(*) FROM calls")), (int)before + 2);
}
END_TEST

/* What is known of arguments from the last time is theirs alone: of this operation, of this end. */
START_TEST(notes_that_come_again_are_the_same_rows) {
    static const char arguments[] =
        "{\"business\": \"salon-linde\", \"query\": \"" CANARY "\\n\\\\\"}";
    for (unsigned i = 0; i < 3; i++) {
        noted("get_business", arguments, 200, i);
        noted("search_businesses", arguments, 200, i);
        noted("get_business", arguments, 429, 0);
    }
    noted("get_business", "{\"business\": \"salon-ulme\"}", 200, 9);
    logged();
    ck_assert_str_eq(rig_sql("SELECT string_agg(DISTINCT arguments::text, ' ') FROM calls"
                             " WHERE operation = 'get_business' AND status = 200 AND results < 9"),
                     "{\"unknown\": 1, \"business\": \"salon-linde\"}");
    ck_assert_str_eq(rig_sql("SELECT string_agg(DISTINCT arguments::text, ' ') FROM calls"
                             " WHERE operation = 'search_businesses'"),
                     "{\"query\": \"given\", \"unknown\": 1}");
    ck_assert_str_eq(rig_sql("SELECT string_agg(DISTINCT arguments::text || code, ' ') FROM calls"
                             " WHERE status = 429"),
                     "{\"unknown\": 1, \"business\": \"given\"}limited");
    ck_assert_str_eq(rig_sql("SELECT arguments->>'business' FROM calls WHERE results = 9"),
                     "salon-ulme");
    ck_assert_str_eq(rig_sql("SELECT string_agg(results::text, ',' ORDER BY results, operation)"
                             " FROM calls WHERE status = 200"),
                     "0,0,1,1,2,2,9");
    ck_assert_str_eq(rig_sql("SELECT DISTINCT client FROM calls"), "back\\slash");
    ck_assert_uint_eq(canaries_in_log(), 0);
}
END_TEST

static const char *fingerprint(const char *address) {
    static struct business_client client;
    Cloister__Client from = CLOISTER__CLIENT__INIT;
    from.address = (char *)address;
    oplog_client(server.oplog, &from, &client);
    return client.fingerprint;
}

START_TEST(addresses_are_fingerprints_of_the_day) {
    char first[33];
    loop_until(base, fingerprint("192.0.2.1")[0] != '\0');
    strcpy(first, fingerprint("192.0.2.1"));
    ck_assert_str_ne(first, fingerprint("192.0.2.2"));
    ck_assert_str_eq(first, fingerprint("::ffff:192.0.2.1"));
    ck_assert_str_eq(fingerprint("nonsense"), "");
    char six[33];
    strcpy(six, fingerprint("2001:db8:1:2::1"));
    ck_assert_str_eq(six, fingerprint("2001:db8:1:2:ffff::77"));
    ck_assert_str_ne(six, fingerprint("2001:db8:1:3::1"));
    rig_restart(); /* the same day has the same key */
    loop_until(base, fingerprint("192.0.2.1")[0] != '\0');
    ck_assert_str_eq(first, fingerprint("192.0.2.1"));
    (void)rig_sql("UPDATE fingerprint_keys SET day = day - 3"); /* the days go by */
    rig_restart();
    loop_until(base, fingerprint("192.0.2.1")[0] != '\0');
    ck_assert_str_ne(first, fingerprint("192.0.2.1"));
    ck_assert_str_eq(rig_sql("SELECT count(*) FROM fingerprint_keys"), "1");
    (void)rig_call("search_businesses", "{}");
    logged();
    ck_assert_str_eq(rig_sql("SELECT count(*) FROM calls AS c WHERE c::text LIKE '%192.0.2%'"),
                     "0");
}
END_TEST

START_TEST(old_rows_go) {
    rig_public("192.0.2.1", "test");
    (void)rig_call("search_businesses", "{}");
    (void)rig_call("search_businesses", "{'limit': 2}");
    logged();
    (void)rig_sql("UPDATE calls SET at = at - interval '91 days' WHERE arguments ? 'limit'");
    rig_restart(); /* looks at once, then every few minutes */
    loop_until(base, strcmp(rig_sql("SELECT count(*) FROM calls"), "1") == 0);
}
END_TEST

/* ---- limits ---- */

static void begin_limited(void) {
    rig_settings("calls_per_minute=50\nclient_calls_per_minute=0\nbusiness_calls_per_minute=100\n"
                 "cache_bytes=0\nperson_per_hour=3\nmade_per_hour=5\n");
    rig_begin();
}

/* How many calls one may make until one is refused, up to `max`. */
static unsigned calls_until_limited(const char *operation, const char *arguments, unsigned max) {
    unsigned n = 0;
    while (n < max) {
        (void)rig_call(operation, arguments);
        if (rig_status == 429)
            break;
        n++;
    }
    return n;
}

START_TEST(an_address_asks_so_often_and_no_more) {
    loop_until(base, fingerprint("192.0.2.1")[0] != '\0');
    ck_assert_uint_eq(calls_until_limited("search_businesses", "{}", 40), 15);
    ck_status(429, "limited");
    ck_assert_uint_gt(rig_retry_ms, 0);
    ck_assert_uint_le(rig_retry_ms, 1200);
    rig_public("192.0.2.2", "test"); /* somebody else is not held up */
    (void)rig_call("search_businesses", "{}");
    ck_done();
    rig_owner(ALICE);
    (void)rig_call("list_own_businesses", "{}");
    ck_done();
    logged();
    ck_assert_str_eq(rig_sql("SELECT count(*) FROM calls WHERE code = 'limited'"), "1");
}
END_TEST

/* Whom cloisterd names as an owner has an id; nobody's businesses are those of no id. */
START_TEST(an_owner_has_an_id) {
    static const char *const nobody[] = {"", "alice", ALICE "0"};
    for (size_t i = 0; i < COUNT_OF(nobody); i++) {
        rig_owner(nobody[i]);
        (void)rig_call("list_own_businesses", "{}");
        ck_status(403, "not_allowed");
    }
}
END_TEST

/* Nor is a name that is too long the name of whoever has its beginning. */
START_TEST(a_chat_is_about_a_business_by_its_whole_name) {
    char slug[sizeof(((struct business_call *)NULL)->business)], longer[sizeof(slug) + 1];
    memset(slug, 'a', sizeof(slug) - 1);
    slug[sizeof(slug) - 1] = '\0';
    (void)snprintf(longer, sizeof(longer), "%sb", slug);
    rig_customers_turn(ALICE, longer);
    (void)rig_call("get_business", "{}");
    ck_status(403, "not_allowed");
    rig_customers_turn(ALICE, slug); /* the control: there is none of that name */
    (void)rig_call("get_business", "{}");
    ck_assert_uint_ne(rig_status, 403);
}
END_TEST

START_TEST(limits_hold_over_a_restart) {
    loop_until(base, fingerprint("192.0.2.1")[0] != '\0');
    ck_assert_uint_eq(calls_until_limited("search_businesses", "{}", 40), 15);
    rig_restart();
    loop_until(base, fingerprint("192.0.2.1")[0] != '\0');
    rig_public("192.0.2.1", "test");
    ck_assert_uint_lt(calls_until_limited("search_businesses", "{}", 40), 14);
    rig_public("192.0.2.3", "test"); /* the control */
    ck_assert_uint_ge(calls_until_limited("search_businesses", "{}", 40), 15);
    ck_assert_str_eq(rig_sql("SELECT count(*) FROM buckets WHERE length(key) <> 16"), "0");
}
END_TEST

START_TEST(a_business_is_asked_about_so_often) {
    char address[24];
    unsigned n = 0;
    publish("anna", "Anna");
    publish("bob", "Bob");
    loop_until(base, fingerprint("192.0.2.1")[0] != '\0');
    for (; n < 60; n++) {
        snprintf(address, sizeof(address), "198.51.100.%u", n);
        rig_public(address, "test");
        (void)rig_call("get_business", "{'business': 'anna'}");
        if (rig_status == 429)
            break;
    }
    ck_assert_uint_eq(n, 25);
    (void)rig_call("get_business", "{'business': 'bob'}");
    ck_done();
}
END_TEST

START_TEST(brakes_hold_people_and_businesses) {
    for (int i = 0; i < 3; i++)
        ck_assert_uint_eq(brakes_take(&server, "booking", "a", "Eve@mail.test", "+49 30 1"), 0);
    ck_assert_uint_gt(brakes_take(&server, "booking", "b", "eve@MAIL.test", ""), 60000);
    ck_assert_uint_gt(brakes_take(&server, "booking", "b", "", "(0049) 30-1"), 0);
    ck_assert_uint_eq(brakes_take(&server, "booking", "b", "someone@mail.test", "+49 30 2"), 0);
    ck_assert_uint_eq(brakes_take(&server, "inquiry", "b", "eve@mail.test", ""), 0);
    /* What was refused cost nobody a token: of a's five, two are left. */
    ck_assert_uint_eq(brakes_take(&server, "booking", "a", "x@mail.test", ""), 0);
    ck_assert_uint_eq(brakes_take(&server, "booking", "a", "y@mail.test", ""), 0);
    ck_assert_uint_gt(brakes_take(&server, "booking", "a", "z@mail.test", ""), 0);
    brakes_give(&server, "booking", "a", "y@mail.test", ""); /* nothing came of it */
    ck_assert_uint_eq(brakes_take(&server, "booking", "a", "z@mail.test", ""), 0);
    ck_assert_uint_gt(brakes_take(&server, "booking", "a", "y@mail.test", ""), 0);
    ck_assert_uint_eq(brakes_take(&server, "inquiry", "a", "y@mail.test", ""), 0); /* but asked */
    for (unsigned i = 0; i < 10; i++)
        ck_assert_uint_eq(brakes_take_move(&server, "B-22222-22222"), 0);
    ck_assert_uint_gt(brakes_take_move(&server, "B-22222-22222"), 60000);
    ck_assert_uint_eq(brakes_take_move(&server, "B-22222-22223"), 0);
    rig_restart();
    loop_until(base, brakes_take(&server, "booking", "c", "eve@mail.test", "") > 0);
    ck_assert_str_eq(rig_sql("SELECT count(*) FROM buckets WHERE key::text LIKE '%mail%'"), "0");
}
END_TEST

START_TEST(a_bucket_refills_and_forgives) {
    struct gcra *gcra;
    const uint8_t key[GCRA_KEY_LEN] = "k", other[GCRA_KEY_LEN] = "o";
    uint64_t now = 1000000;
    ck_assert_int_eq(gcra_new(16, &gcra), 0);
    for (int i = 0; i < 3; i++) {
        ck_assert_uint_eq(gcra_wait(gcra, key, 1000000, 3, now), 0);
        gcra_take(gcra, key, 1000000, now);
    }
    ck_assert_uint_eq(gcra_wait(gcra, key, 1000000, 3, now), 1000);
    ck_assert_uint_eq(gcra_wait(gcra, other, 1000000, 3, now), 0);
    ck_assert_uint_eq(gcra_wait(gcra, key, 1000000, 3, now + 999), 1);
    ck_assert_uint_eq(gcra_wait(gcra, key, 1000000, 3, now + 1000), 0);
    gcra_put(gcra, key, now + 1); /* older knowledge takes nothing back */
    ck_assert_uint_eq(gcra_wait(gcra, key, 1000000, 3, now), 1000);
    size_t at = 0;
    ck_assert_ptr_nonnull(gcra_next(gcra, &at));
    ck_assert_ptr_null(gcra_next(gcra, &at));
    gcra_free(gcra);
}
END_TEST

/* Many others do not push out who has asked too much: of those that meet, the emptiest goes. */
START_TEST(a_full_bucket_is_not_pushed_out) {
    const uint8_t key[GCRA_KEY_LEN] = {1};
    const uint64_t now = UINT64_C(1700000000000);
    struct gcra *gcra;
    ck_assert_int_eq(gcra_new(8, &gcra), 0); /* where all meet */
    for (unsigned i = 0; i < 3; i++)
        gcra_take(gcra, key, 1000000, now);
    for (uint32_t i = 0; i < 1000; i++) {
        uint8_t other[GCRA_KEY_LEN] = {2};
        memcpy(other + 1, &i, sizeof(i));
        ck_assert_uint_eq(gcra_wait(gcra, other, 1000000, 3, now), 0);
        gcra_take(gcra, other, 1000000, now);
    }
    ck_assert_uint_eq(gcra_wait(gcra, key, 1000000, 3, now), 1000);
    gcra_free(gcra);
}
END_TEST

START_TEST(a_clock_that_is_set_back_locks_nobody_out) {
    const uint8_t key[GCRA_KEY_LEN] = {1};
    const uint64_t month = UINT64_C(30) * 86400 * 1000, now = UINT64_C(1700000000000);
    struct gcra *gcra;
    ck_assert_int_eq(gcra_new(16, &gcra), 0);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_uint_eq(gcra_wait(gcra, key, 1000000, 3, now), 0);
        gcra_take(gcra, key, 1000000, now);
    }
    ck_assert_uint_eq(gcra_wait(gcra, key, 1000000, 3, now), 1000);
    ck_assert_uint_eq(gcra_wait(gcra, key, 1000000, 3, now - month), 0);
    gcra_take(gcra, key, 1000000, now - month); /* one, and no more at once */
    ck_assert_uint_eq(gcra_wait(gcra, key, 1000000, 3, now - month), 1000);
    ck_assert_uint_eq(gcra_wait(gcra, key, 1000000, 3, now - month + 1000), 0);
    gcra_put(gcra, key, now); /* and what was kept of that time does not, either */
    ck_assert_uint_eq(gcra_wait(gcra, key, 1000000, 3, now - month), 0);
    gcra_free(gcra);
}
END_TEST

/* ---- its secret ---- */

static int secret_of(const char *file) {
    char path[96], text[200], why[256] = "";
    uint8_t secret[BUSINESS_SECRET_LEN];
    struct config *config;
    (void)snprintf(path, sizeof(path), "%s.conf", file);
    (void)snprintf(text, sizeof(text), "[business]\nsecret_file=%s\n", file);
    FILE *settings = fopen(path, "we");
    ck_assert(settings != NULL && fputs(text, settings) >= 0 && fclose(settings) == 0);
    ck_assert_msg(config_load(path, &config, why, sizeof(why)) == 0, "%s", why);
    int r = business_secret_load(config, secret, why, sizeof(why));
    config_free(config);
    ck_assert_int_eq(unlink(path), 0);
    return r;
}

/* Who reads it can cancel everybody's bookings. */
START_TEST(a_secret_that_others_may_read_is_none) {
    static const char digits[] =
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n";
    static const mode_t open_to_others[] = {0440, 0404, 0420, 0402, 0444};
    char file[] = "/tmp/cloister-secret-XXXXXX", link[64];
    SCOPE_FD int fd = mkstemp(file);
    ck_assert_int_eq(write_all(fd, digits, sizeof(digits) - 1), 0);
    for (size_t i = 0; i < COUNT_OF(open_to_others); i++) {
        ck_assert_int_eq(fchmod(fd, open_to_others[i]), 0);
        ck_assert_int_eq(secret_of(file), -EPERM);
    }
    ck_assert_int_eq(fchmod(fd, 0400), 0);
    ck_assert_int_eq(secret_of(file), 0); /* the control */
    (void)snprintf(link, sizeof(link), "%s.link", file);
    ck_assert_int_eq(symlink(file, link), 0);
    ck_assert_int_eq(secret_of(link), -ELOOP);
    ck_assert_int_eq(ftruncate(fd, 64 - 2), 0);
    ck_assert_int_eq(secret_of(file), -EINVAL);
    ck_assert(unlink(link) == 0 && unlink(file) == 0);
}
END_TEST

/* ---- kept answers ---- */

static void wait_for_log(void) {
    logged();
}

static unsigned kept_answers(void) {
    wait_for_log();
    return (unsigned)atoi(rig_sql("SELECT count(*) FROM calls WHERE cached"));
}

START_TEST(equal_questions_are_answered_from_memory) {
    publish("anna", "Anna");
    loop_until(base, strcmp(rig_changed, "anna") == 0);
    (void)rig_call("search_businesses", "{'query': 'plumber', 'limit': 5}");
    ck_assert_uint_eq(kept_answers(), 0);
    json_t *again = rig_call("search_businesses", "{'limit': 5, 'query': 'plumber'}");
    ck_assert_str_eq(text_at(again, "businesses.0.name"), "Anna");
    ck_assert_uint_eq(kept_answers(), 1);
    ck_assert_str_eq(rig_sql("SELECT results FROM calls WHERE cached"), "1");
    (void)rig_call("search_businesses", "{'limit': 6, 'query': 'plumber'}");
    ck_assert_uint_eq(kept_answers(), 1);
}
END_TEST

START_TEST(what_changed_is_answered_anew) {
    publish("anna", "Anna");
    loop_until(base, strcmp(rig_changed, "anna") == 0);
    for (int i = 0; i < 2; i++)
        ck_assert_str_eq(text_at(rig_call("get_business", "{'business': 'anna'}"), "name"), "Anna");
    ck_assert_uint_eq(kept_answers(), 1);
    unsigned before = rig_changes; /* somebody else's connection changes it */
    (void)rig_sql("UPDATE businesses SET published = jsonb_set(published, '{name}', '\"Zoe\"');"
                  " NOTIFY business_changed, 'anna'");
    loop_until(base, rig_changes > before);
    ck_assert_str_eq(rig_changed, "anna");
    ck_assert_str_eq(text_at(rig_call("get_business", "{'business': 'anna'}"), "name"), "Zoe");
}
END_TEST

START_TEST(nothing_is_kept_while_changes_cannot_be_heard) {
    publish("anna", "Anna");
    loop_until(base, strcmp(rig_changed, "anna") == 0);
    (void)rig_call("get_business", "{'business': 'anna'}");
    ck_assert_uint_gt(cache_bytes(server.cache), 0);
    unsigned before = rig_changes;
    (void)rig_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                  " WHERE application_name = 'cloister-business changes'");
    loop_until(base, rig_changes > before); /* told that all may be out of date */
    ck_assert_str_eq(rig_changed, "");
    ck_assert_uint_eq(cache_bytes(server.cache), 0);
    ck_assert_str_eq(text_at(rig_call("get_business", "{'business': 'anna'}"), "name"), "Anna");
}
END_TEST

START_TEST(what_is_kept_is_bounded) {
    struct cache *cache;
    char key[32], text[1000];
    int64_t results = 0;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    ck_assert_int_eq(cache_new(20000, &cache), 0);
    cache_put(cache, "early", cache_generation(cache), "{}", 1);
    ck_assert_ptr_null(cache_get(cache, "early", &results)); /* nobody says what changes */
    cache_trust(cache, true);
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof(key), "key %d", i);
        cache_put(cache, key, cache_generation(cache), text, i);
    }
    ck_assert_uint_le(cache_bytes(cache), 20000 / 2 + 1100); /* things that are asked once */
    ck_assert_ptr_nonnull(cache_get(cache, "key 1", &results));
    ck_assert_ptr_null(cache_get(cache, "key 99", &results));
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof(key), "key %d", i);
        for (int again = 0; again < 2; again++)
            cache_put(cache, key, cache_generation(cache), text, i);
        ck_assert_uint_le(cache_bytes(cache), 20000);
        ck_assert_ptr_nonnull(cache_get(cache, "key 0", &results)); /* used, so it stays */
    }
    ck_assert_ptr_nonnull(cache_get(cache, "key 99", &results));
    ck_assert_int_eq(results, 99);
    ck_assert_ptr_null(cache_get(cache, "key 50", &results));
    uint64_t generation = cache_generation(cache);
    cache_changed(cache);
    cache_put(cache, "late", generation, text, 1); /* asked before the change */
    ck_assert_ptr_null(cache_get(cache, "late", &results));
    ck_assert_uint_eq(cache_bytes(cache), 0);
    cache_free(cache);
}
END_TEST

START_TEST(without_a_database_it_says_so_and_comes_back) {
    publish("anna", "Anna");
    postgres_kill();
    (void)rig_call("get_business", "{'business': 'anna'}");
    ck_status(503, "business_unavailable");
    ck_assert_uint_gt(rig_retry_ms, 0);
    postgres_restart();
    loop_until(base, business_ready(&server));
    (void)rig_call("get_business", "{'business': 'anna'}");
    ck_done();
}
END_TEST

int main(void) {
    Suite *suite = suite_create("calls");
    TCase *cases = tcase_create("calls"), *limited = tcase_create("limits");
    tcase_add_checked_fixture(cases, rig_begin, rig_end);
    tcase_add_test(cases, every_call_has_its_row);
    tcase_add_test(cases, an_owner_has_an_id);
    tcase_add_test(cases, a_chat_is_about_a_business_by_its_whole_name);
    tcase_add_test(cases, a_start_has_no_fractions_of_a_second);
    tcase_add_test(cases, nobodys_words_are_in_the_log);
    tcase_add_test(cases, a_gateways_notes_are_calls_too);
    tcase_add_test(cases, notes_that_come_again_are_the_same_rows);
    tcase_add_test(cases, numbers_that_cannot_be_cost_no_other_row);
    tcase_add_test(cases, a_log_that_cannot_be_written_holds_up_nothing_else);
    tcase_add_test(cases, addresses_are_fingerprints_of_the_day);
    tcase_add_test(cases, old_rows_go);
    tcase_add_test(cases, equal_questions_are_answered_from_memory);
    tcase_add_test(cases, what_changed_is_answered_anew);
    tcase_add_test(cases, nothing_is_kept_while_changes_cannot_be_heard);
    tcase_add_test(cases, what_is_kept_is_bounded);
    tcase_add_test(cases, without_a_database_it_says_so_and_comes_back);
    tcase_add_checked_fixture(limited, begin_limited, rig_end);
    tcase_add_test(limited, an_address_asks_so_often_and_no_more);
    tcase_add_test(limited, limits_hold_over_a_restart);
    tcase_add_test(limited, a_business_is_asked_about_so_often);
    tcase_add_test(limited, brakes_hold_people_and_businesses);
    tcase_add_test(limited, a_bucket_refills_and_forgives);
    tcase_add_test(limited, a_clock_that_is_set_back_locks_nobody_out);
    tcase_add_test(limited, a_full_bucket_is_not_pushed_out);
    tcase_add_test(limited, a_secret_that_others_may_read_is_none);
    suite_add_tcase(suite, cases);
    suite_add_tcase(suite, limited);
    return postgres_tests(suite);
}
