/* Profiles: drafts are nobody's business but their owner's, published ones are what everybody sees,
 * and nothing is published that is not complete. */
#include <stdio.h>
#include <string.h>

#include "memory/migrate.h"
#include "tests/unit/business/rig.h"

extern const struct migration business_migrations[];
extern const size_t business_migrations_count;

static json_t *salon(const char *more) {
    return rig_profile("Salon Anna", "hairdresser", "Berlin", "DE", more);
}

static void put(const char *slug, json_t *profile) {
    (void)rig_ask("put_business", json_pack("{s:s s:o}", "slug", slug, "profile", profile));
}

START_TEST(a_draft_is_seen_by_its_owner_alone) {
    rig_owner(ALICE);
    put("anna", salon(""));
    ck_done();
    rig_public("192.0.2.1", "test");
    (void)rig_call("get_business", "{'business': 'anna'}");
    ck_status(404, "unknown_business");
    rig_owner(BOB);
    (void)rig_call("get_own_business", "{'slug': 'anna'}");
    ck_status(403, "not_owner");
    rig_owner(ALICE);
    json_t *own = rig_call("get_own_business", "{'slug': 'anna'}");
    ck_done();
    ck_assert_str_eq(text_at(own, "draft.name"), "Salon Anna");
    ck_assert_ptr_null(json_object_get(own, "published"));
}
END_TEST

START_TEST(what_is_published_is_what_everybody_sees) {
    rig_publish(ALICE, "anna", salon(""));
    json_t *seen = rig_call("get_business", "{'business': 'anna'}");
    ck_done();
    ck_assert_str_eq(text_at(seen, "name"), "Salon Anna");
    ck_assert_str_eq(text_at(seen, "url"), "https://shops.test/b/anna");
    ck_assert_int_eq(json_integer_value(at_path(seen, "services.0.step_minutes")), 15);
    rig_owner(ALICE);
    put("anna", salon("{'name': 'Another Name'}"));
    rig_public("192.0.2.1", "test");
    ck_assert_str_eq(text_at(rig_call("get_business", "{'business': 'anna'}"), "name"),
                     "Salon Anna");
    rig_owner(ALICE);
    (void)rig_call("publish_business", "{'slug': 'anna'}");
    ck_done();
    loop_until(base, strcmp(rig_changed, "anna") == 0);
    rig_public("192.0.2.1", "test");
    ck_assert_str_eq(text_at(rig_call("get_business", "{'business': 'anna'}"), "name"),
                     "Another Name");
}
END_TEST

START_TEST(what_is_missing_is_said) {
    rig_owner(ALICE);
    put("bare", json_of("{'name': 'Bare', 'features': {'booking': true}}"));
    ck_done();
    json_t *beside = rig_call("publish_business", "{'slug': 'bare'}");
    ck_status(422, "draft_incomplete");
    ck_assert_ptr_nonnull(strstr(rig_detail, "category"));
    ck_assert_ptr_nonnull(strstr(rig_detail, "hours, since booking is on"));
    ck_assert_ptr_null(strstr(rig_detail, "name;"));
    ck_assert_uint_gt(json_array_size(json_object_get(beside, "missing")), 3);
    rig_public("192.0.2.1", "test");
    (void)rig_call("get_business", "{'business': 'bare'}");
    ck_status(404, "unknown_business");
}
END_TEST

START_TEST(a_slug_belongs_to_whoever_came_first) {
    rig_owner(ALICE);
    put("anna", salon(""));
    ck_done();
    rig_owner(BOB);
    put("anna", salon("{'name': 'Mine'}"));
    ck_status(409, "slug_taken");
    (void)rig_call("publish_business", "{'slug': 'anna'}");
    ck_status(403, "not_owner");
    (void)rig_call("delete_business", "{'slug': 'anna'}");
    ck_status(403, "not_owner");
    rig_owner(ALICE);
    ck_assert_str_eq(text_at(rig_call("get_own_business", "{'slug': 'anna'}"), "draft.name"),
                     "Salon Anna");
}
END_TEST

START_TEST(two_editors_do_not_overwrite_each_other) {
    rig_owner(ALICE);
    put("anna", salon(""));
    json_t *own = rig_call("get_own_business", "{'slug': 'anna'}");
    json_int_t version = json_integer_value(json_object_get(own, "version"));
    for (int i = 0; i < 2; i++) {
        (void)rig_ask("put_business",
                      json_pack("{s:s s:o s:I}", "slug", "anna", "profile",
                                salon(i == 0 ? "{'name': 'First'}" : "{'name': 'Second'}"),
                                "version", version));
        if (i == 0)
            ck_done();
    }
    ck_status(409, "changed_meanwhile");
    ck_assert_str_eq(text_at(rig_call("get_own_business", "{'slug': 'anna'}"), "draft.name"),
                     "First");
}
END_TEST

START_TEST(a_model_writes_drafts_and_publishes_nothing) {
    rig_agent_of(ALICE);
    put("anna", salon(""));
    ck_done();
    (void)rig_call("publish_business", "{'slug': 'anna'}");
    ck_status(403, "not_allowed");
    (void)rig_ask("put_business",
                  json_pack("{s:s s:o s:b}", "slug", "anna", "profile", salon(""), "publish", 1));
    ck_status(403, "not_allowed");
    rig_public("192.0.2.1", "test");
    (void)rig_call("get_business", "{'business': 'anna'}");
    ck_status(404, "unknown_business");
}
END_TEST

START_TEST(the_public_endpoint_asks_nothing_of_owners) {
    rig_publish(ALICE, "anna", salon(""));
    (void)rig_call("list_own_businesses", "{}");
    ck_status(403, "not_allowed");
    (void)rig_call("begin_chat", "{'business': 'anna'}");
    ck_status(403, "not_allowed");
    rig_cloisterd();
    (void)rig_call("begin_chat", "{'business': 'anna'}");
    ck_status(409, "chat_off");
}
END_TEST

START_TEST(a_chat_begins_with_the_profile) {
    rig_publish(ALICE, "anna", salon("{'features': {'chat': true}}"));
    rig_cloisterd();
    json_t *chat = rig_call("begin_chat", "{'business': 'anna'}");
    ck_done();
    ck_assert_str_eq(text_at(chat, "user"), ALICE);
    ck_assert_str_eq(text_at(chat, "timezone"), "Europe/Berlin");
    ck_assert_ptr_nonnull(strstr(text_at(chat, "context"), "First visit"));
}
END_TEST

START_TEST(a_customers_turn_is_about_one_business) {
    rig_publish(ALICE, "anna", salon(""));
    rig_publish(BOB, "bob", salon("{'name': 'Bob'}"));
    rig_customers_turn(ALICE, "anna");
    ck_assert_str_eq(text_at(rig_call("get_business", "{'business': 'anna'}"), "name"),
                     "Salon Anna");
    (void)rig_call("get_business", "{'business': 'bob'}");
    ck_status(403, "not_allowed");
    ck_assert_str_eq(text_at(rig_call("get_business", "{}"), "name"), "Salon Anna");
}
END_TEST

START_TEST(unpublished_and_deleted_ones_are_gone) {
    rig_publish(ALICE, "anna", salon(""));
    rig_owner(ALICE);
    unsigned before = rig_changes;
    (void)rig_call("unpublish_business", "{'slug': 'anna'}");
    ck_done();
    rig_public("192.0.2.1", "test");
    loop_until(base, rig_changes > before); /* what was kept of it is over */
    (void)rig_call("get_business", "{'business': 'anna'}");
    ck_status(404, "unknown_business");
    rig_owner(ALICE);
    ck_assert_uint_eq(
        json_array_size(json_object_get(rig_call("list_own_businesses", "{}"), "businesses")), 1);
    static const char booked[] =
        "INSERT INTO bookings (reference, owner, business, service, status, step, starts_at, "
        "ends_at,"
        " buffer_before, buffer_after, zone, event, details) SELECT 'B-22222-2222' || n, '" ALICE
        "', 'anna', 'cut', s, '', now() + d, now() + d + interval '1 hour', '0', '0', 'UTC',"
        " 'event' || n, '{}' FROM (VALUES (2, 'confirmed', interval '1 day'),"
        " (3, 'cancelled', interval '1 day'), (4, 'confirmed', interval '-2 days')) AS v (n, s, d)";
    (void)rig_sql(booked);
    (void)rig_call("delete_business", "{'slug': 'anna'}");
    ck_status(409, "not_bookable"); /* somebody comes tomorrow */
    (void)rig_sql("UPDATE bookings SET status = 'cancelled' WHERE event = 'event2'");
    (void)rig_call("delete_business", "{'slug': 'anna'}");
    ck_done();
    ck_assert_uint_eq(
        json_array_size(json_object_get(rig_call("list_own_businesses", "{}"), "businesses")), 0);
    ck_assert_str_eq(rig_sql("SELECT count(*) FROM listings"), "0");
    ck_assert_str_eq(rig_sql("SELECT count(*) FROM bookings"), "0");
}
END_TEST

/* The owner's last word counts: it came while the other was at it, and both waited for somebody. */
START_TEST(who_unpublishes_while_it_is_published_is_obeyed) {
    rig_publish(ALICE, "anna", salon(""));
    rig_owner(ALICE);
    (void)rig_call("unpublish_business", "{'slug': 'anna'}");
    ck_done();
    rig_hold("SELECT FROM businesses WHERE slug = 'anna' FOR UPDATE");
    rig_send("publish_business", json_of("{'slug': 'anna'}"));
    loop_until(base, rig_waiting("WITH b AS (UPDATE businesses SET published") == 1);
    rig_status = 0;
    rig_send("unpublish_business", json_of("{'slug': 'anna'}"));
    loop_until(base, rig_waiting("WITH b AS (UPDATE businesses SET published") == 2);
    rig_let_go();
    loop_until(base, rig_status != 0);
    ck_done();
    loop_until(base, rig_waiting("WITH b") == 0);
    ck_assert_str_eq(rig_sql("SELECT count(*) FROM businesses WHERE published IS NULL"), "1");
    ck_assert_str_eq(rig_sql("SELECT count(*) FROM listings"), "0");
    ck_assert_str_eq(rig_sql("SELECT count(*) FROM cards"), "0");
    (void)rig_call("publish_business", "{'slug': 'anna'}"); /* the control */
    ck_done();
    ck_assert_str_eq(rig_sql("SELECT count(*) FROM listings"), "1");
}
END_TEST

#define CENTRAL                                                                                    \
    "{'hours': {'timezone': 'CET', 'weekly': [{'days': ['mon'], 'opens': '09:00', 'closes': "      \
    "'12:00'}]}}"

/* PostgreSQL takes CET for an hour that never moves, everybody else for that of Brussels. */
START_TEST(zones_that_mean_two_things_are_not_published) {
    static const char *const fit[] = {"UTC", "Europe/Zurich", "America/Argentina/Buenos_Aires"},
                             *const unfit[] = {"CET", "EET", "MET", "WET", "Mars/Olympus"};
    char sql[128];
    rig_owner(ALICE);
    put("anna", salon(CENTRAL));
    ck_done();
    (void)rig_call("publish_business", "{'slug': 'anna'}");
    ck_status(400, "invalid_argument");
    ck_assert_ptr_nonnull(strstr(rig_detail, "profile.hours.timezone: CET"));
    ck_assert_ptr_nonnull(strstr(rig_detail, "Europe/Berlin"));
    (void)rig_ask("put_business", json_pack("{s:s s:o s:b}", "slug", "anna", "profile",
                                            salon(CENTRAL), "publish", 1));
    ck_status(400, "invalid_argument");
    ck_assert_str_eq(rig_sql("SELECT count(*) FROM listings"), "0");
    rig_publish(ALICE, "anna", salon("")); /* the control */
    for (size_t i = 0; i < COUNT_OF(fit) + COUNT_OF(unfit); i++) {
        bool fits = i < COUNT_OF(fit);
        (void)snprintf(sql, sizeof(sql), "SELECT zone_fits('%s')",
                       fits ? fit[i] : unfit[i - COUNT_OF(fit)]);
        ck_assert_msg(strcmp(rig_sql(sql), fits ? "t" : "f") == 0, "%s", sql);
    }
}
END_TEST

static const struct {
    const char *more, *field;
} faults[] = {
    {"{'hours': {'timezone': 'Mars/Olympus', 'weekly': []}}", "profile.hours.timezone"},
    {"{'hours': {'timezone': 'UTC', 'weekly': [{'days': ['mon'], 'opens': '09:00', 'closes': "
     "'12:00'}, {'days': ['mon'], 'opens': '11:00', 'closes': '13:00'}]}}",
     "profile.hours.weekly[1]"},
    {"{'hours': {'timezone': 'UTC', 'weekly': [{'days': ['mon'], 'opens': '24:00', 'closes': "
     "'12:00'}]}}",
     "profile.hours.weekly[0].opens"},
    {"{'hours': {'timezone': 'UTC', 'exceptions': [{'date': '2026-02-30', 'closed': true}]}}",
     "profile.hours.exceptions[0].date"},
    {"{'hours': {'timezone': 'UTC', 'exceptions': [{'date': '2026-02-20'}]}}",
     "profile.hours.exceptions[0]"},
    {"{'hours': {'timezone': 'UTC', 'exceptions': [{'date': '2026-02-20', 'closed': true}, "
     "{'date': '2026-02-20', 'closed': true}]}}",
     "profile.hours.exceptions[1].date"},
    {"{'services': [{'id': 'a', 'name': 'A', 'duration_minutes': 30}, {'id': 'a', 'name': 'B', "
     "'duration_minutes': 30}]}",
     "profile.services[1].id"},
    {"{'services': [{'id': 'a', 'name': 'A', 'duration_minutes': 30, 'price': {'min': 9, 'max': "
     "3, 'currency': 'EUR'}}]}",
     "profile.services[0].price"},
    {"{'services': [{'id': 'a', 'name': 'A', 'duration_minutes': 30, 'price': {'min': 9}}]}",
     "profile.services[0].price.currency"},
    {"{'services': [{'id': 'a', 'name': 'A', 'duration_minutes': 30, 'notice_minutes': 3000, "
     "'horizon_days': 2}]}",
     "profile.services[0].notice_minutes"},
    {"{'services': [{'id': 'a', 'name': 'A', 'duration_minutes': 3}]}", "duration_minutes"},
    {"{'services': [{'id': 'a', 'name': 'A', 'duration_minutes': 30, 'notice_minutes': 86400}]}",
     "profile.services[0].notice_minutes"}, /* 60 days are the horizon if none is given */
    {"{'image_url': 'http://plain.test/x.png'}", "image_url"},
};

/* Twenty-four times of opening on one day can be counted with, and no more are taken. */
START_TEST(hours_that_cannot_be_counted_with_are_refused) {
    rig_owner(ALICE);
    json_t *profile = salon("{'hours': {'timezone': 'UTC', 'weekly': []}}");
    json_t *weekly = json_object_get(json_object_get(profile, "hours"), "weekly");
    for (int i = 0; i < 25; i++) {
        char opens[16], closes[16];
        (void)snprintf(opens, sizeof(opens), "%02d:%02d", i / 2, i % 2 * 30);
        (void)snprintf(closes, sizeof(closes), "%02d:%02d", i / 2, i % 2 * 30 + 15);
        (void)json_array_append_new(
            weekly, json_pack("{s:[s] s:s s:s}", "days", "mon", "opens", opens, "closes", closes));
        if (i < 23)
            continue;
        put("anna", json_deep_copy(profile));
        if (i == 23)
            ck_done();
    }
    ck_status(400, "invalid_argument");
    ck_assert_msg(strstr(rig_detail, "profile.hours") != NULL, "%s", rig_detail);
    json_decref(profile);
}
END_TEST

/* What an editor writes as 30.0 is kept as 30, and counts. */
START_TEST(whole_numbers_are_kept_as_integers) {
    rig_publish(ALICE, "anna",
                salon("{'services': [{'id': 'a', 'name': 'A', 'duration_minutes': 30.0, "
                      "'buffer_after_minutes': 15.0}]}"));
    json_t *seen = rig_call("get_business", "{'business': 'anna'}");
    ck_assert_int_eq(json_integer_value(at_path(seen, "services.0.duration_minutes")), 30);
    ck_assert_int_eq(json_integer_value(at_path(seen, "services.0.buffer_after_minutes")), 15);
}
END_TEST

static const char *migration(unsigned number) {
    for (size_t i = 0; i < business_migrations_count; i++)
        if (business_migrations[i].number == number)
            return business_migrations[i].sql;
    ck_abort_msg("no migration %u", number);
}

/* Of a version that kept them as they came. */
START_TEST(whole_numbers_of_old_are_mended) {
    rig_publish(ALICE, "anna",
                salon("{'services': [{'id': 'a', 'name': 'A', 'duration_minutes': 30}], "
                      "'location': {'latitude': 52.50, 'longitude': 13.0}}"));
    (void)rig_sql("UPDATE businesses SET draft = jsonb_set(draft, "
                  "'{services,0,duration_minutes}', '30.0')");
    (void)rig_sql("UPDATE businesses SET published = draft");
    ck_assert_str_eq(rig_sql("SELECT published->'services'->0->>'duration_minutes' FROM "
                             "businesses"),
                     "30.0"); /* the control */
    (void)rig_sql(migration(8));
    rig_restart();
    rig_public("192.0.2.1", "test");
    json_t *seen = rig_call("get_business", "{'business': 'anna'}");
    ck_done();
    ck_assert_int_eq(json_integer_value(at_path(seen, "services.0.duration_minutes")), 30);
    ck_assert_double_eq(json_number_value(at_path(seen, "location.latitude")), 52.5);
    ck_assert_str_eq(rig_sql("SELECT draft->'services'->0->>'duration_minutes' FROM businesses"),
                     "30");
    ck_assert_str_eq(rig_sql("SELECT draft->>'name' FROM businesses"), "Salon Anna");
}
END_TEST

/* What searches are told of what was published before is what they would be told now. */
START_TEST(what_hits_show_of_old_is_filled_in) {
    static const char shown[] =
        "SELECT string_agg(concat_ws('|', l.slug, c.places, c.spot, c.unstated, l.reach @> "
        "box(point(-179.9, -17), point(-179.9, -17))), E'\n' ORDER BY l.slug) "
        "FROM cards AS c JOIN listings AS l USING (id)";
    char now[512];
    rig_publish(ALICE, "anna", salon("{'location': {'latitude': 52.5, 'longitude': 13.25}}"));
    rig_publish(ALICE, "suva",
                salon("{'location': {'latitude': -17, 'longitude': 179.5}, "
                      "'languages': ['en'], 'service_area': {'radius_km': 90}}"));
    (void)snprintf(now, sizeof(now), "%s", rig_sql(shown));
    ck_assert_str_eq(now, "anna|berlin|(13.25,52.5)|l\nsuva|berlin|(179.5,-17)||t");
    (void)rig_sql("ALTER TABLE cards DROP COLUMN places, DROP COLUMN spot, DROP COLUMN unstated;"
                  "DROP FUNCTION unstated_of(text[], text[], text); DROP INDEX listings_said;"
                  "CREATE INDEX listings_terms ON listings USING gin (terms);"
                  "CREATE INDEX listings_places ON listings USING gin (places);"
                  "CREATE INDEX listings_category ON listings USING gin (category);"
                  "UPDATE listings SET reach = box(point(178.6, -17.8), point(180.4, -16.2))"
                  " WHERE slug = 'suva'");
    const char *fills = migration(12), *writes = strstr(fills, "CREATE OR REPLACE FUNCTION");
    ck_assert_ptr_nonnull(writes); /* what it publishes with from then on was tried above */
    SCOPE_FREE char *filling = strndup(fills, (size_t)(writes - fills));
    (void)rig_sql(filling);
    ck_assert_str_eq(rig_sql(shown), now);
}
END_TEST

/* As a version before it left them: a listing of nobody's, zones that mean two things or none. */
START_TEST(listings_of_old_are_mended) {
    static const char *const slugs[] = {"a", "b", "c", "d"};
    for (size_t i = 0; i < COUNT_OF(slugs); i++)
        rig_publish(ALICE, slugs[i], salon(""));
    (void)rig_sql("DROP TRIGGER businesses_unlisted ON businesses; DROP FUNCTION unlist; "
                  "DROP FUNCTION zone_fits; DROP FUNCTION words_to; DROP FUNCTION confirm_holds; "
                  "ALTER TABLE bookings DROP COLUMN removed, DROP COLUMN account; "
                  "CREATE FUNCTION words_to(text, text, text, jsonb) RETURNS SETOF jsonb LANGUAGE "
                  "sql AS 'SELECT $4'");
    (void)rig_sql("UPDATE businesses SET published = NULL WHERE slug = 'a'; "
                  "UPDATE listings SET zone = 'CET' WHERE slug = 'b'; "
                  "UPDATE listings SET zone = 'Mars/Olympus' WHERE slug = 'c'");
    (void)rig_sql("DELETE FROM schema_migrations WHERE number >= 13");
    rig_restart();
    ck_assert_str_eq(rig_sql("SELECT string_agg(slug || ' ' || coalesce(zone, '') || ' ' || "
                             "unstated, ', ' ORDER BY slug) FROM listings JOIN cards USING (id)"),
                     "b Europe/Brussels l, c  lh, d Europe/Berlin l");
}
END_TEST

/* What was published before words were folded as they are now is found by them. */
START_TEST(words_of_old_are_folded_further) {
    static const char *const asked[] = {"{'query': '美容'}", "{'query': 'lodz'}",
                                        "{'category': '美容院'}", "{'place': 'lodz'}",
                                        "{'attributes': {'shoes': 'Zolte lodki'}}"};
    rig_publish(
        ALICE, "old",
        salon("{'name': 'Łódka さくら美容院', 'category': '美容院', 'address': "
              "{'city': 'Łódź', 'country': 'PL'}, 'attributes': {'shoes': 'żółte łódki'}}"));
    (void)rig_sql("UPDATE listings SET terms = to_tsvector('simple', 'łodka さくら美容院 łodz'), "
                  "category = to_tsvector('simple', '美容院'), place_words = 'łodz', "
                  "places = to_tsvector('simple', 'łodz'), "
                  "attributes = '{\"shoes\": \"zołte łodki\"}'; "
                  "UPDATE cards SET places = 'łodz', facts = replace(facts, 'lodz', 'łodz'); "
                  "UPDATE vocabulary SET word = replace(word, 'lod', 'łod')");
    rig_public("192.0.2.1", "test");
    for (size_t i = 0; i < COUNT_OF(asked); i++) { /* the control */
        json_t *result = rig_call("search_businesses", asked[i]);
        ck_assert_uint_eq(json_array_size(json_object_get(result, "businesses")), 0);
    }
    (void)rig_sql("DELETE FROM schema_migrations WHERE number >= 16");
    rig_restart();
    rig_public("192.0.2.1", "test");
    for (size_t i = 0; i < COUNT_OF(asked); i++) {
        json_t *result = rig_call("search_businesses", asked[i]);
        ck_done();
        ck_assert_msg(json_array_size(json_object_get(result, "businesses")) == 1, "%s", asked[i]);
    }
    ck_assert_str_eq(rig_sql("SELECT count(*) FROM vocabulary WHERE word LIKE '%ł%'"), "0");
}
END_TEST

/* Of who unpublished or deleted theirs nothing is left in it, and a misspelling that was theirs is
 * one again. */
START_TEST(words_that_nobody_has_are_forgotten) {
    static const char known[] =
        "SELECT string_agg(kind || ' ' || word, ', ' ORDER BY kind, word) FROM vocabulary "
        "WHERE word ~ '^(haircutt|zyklopia|werkstatt|salon|bern|zzz500)$'";
    rig_publish(ALICE, "anna",
                salon("{'name': 'Annas Werkstatt', 'category': 'salon', "
                      "'address': {'city': 'Bern', 'country': 'CH'}}"));
    rig_publish(ALICE, "odd",
                salon("{'name': 'Haircutt Werkstatt', 'category': 'haircutt', "
                      "'address': {'city': 'Zyklopia', 'country': 'CH'}}"));
    ck_assert_str_eq(rig_sql(known), "c haircutt, c salon, p bern, p zyklopia, t haircutt, "
                                     "t salon, t werkstatt");
    rig_owner(ALICE);
    (void)rig_call("delete_business", "{'slug': 'odd'}");
    ck_done();
    /* Behind all others, and more than are looked at together. */
    (void)rig_sql(
        "INSERT INTO vocabulary SELECT 't', 'zzz' || n FROM generate_series(1, 500) AS n");
    rig_restart();
    loop_until(base, strstr(rig_sql(known), "zzz") == NULL);
    ck_assert_str_eq(rig_sql(known), "c salon, p bern, t salon, t werkstatt");
}
END_TEST

START_TEST(what_cannot_be_is_refused_by_its_field) {
    rig_owner(ALICE);
    put("anna", salon(faults[_i].more));
    ck_status(400, "invalid_argument");
    ck_assert_msg(strstr(rig_detail, faults[_i].field) != NULL, "%s: %s", faults[_i].field,
                  rig_detail);
    (void)rig_call("get_own_business", "{'slug': 'anna'}");
    ck_status(404, "unknown_business");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("profiles");
    TCase *cases = tcase_create("profiles");
    tcase_set_timeout(cases, 60);
    tcase_add_checked_fixture(cases, rig_begin, rig_end);
    tcase_add_test(cases, a_draft_is_seen_by_its_owner_alone);
    tcase_add_test(cases, words_of_old_are_folded_further);
    tcase_add_test(cases, words_that_nobody_has_are_forgotten);
    tcase_add_test(cases, what_is_published_is_what_everybody_sees);
    tcase_add_test(cases, what_is_missing_is_said);
    tcase_add_test(cases, a_slug_belongs_to_whoever_came_first);
    tcase_add_test(cases, two_editors_do_not_overwrite_each_other);
    tcase_add_test(cases, a_model_writes_drafts_and_publishes_nothing);
    tcase_add_test(cases, the_public_endpoint_asks_nothing_of_owners);
    tcase_add_test(cases, a_chat_begins_with_the_profile);
    tcase_add_test(cases, a_customers_turn_is_about_one_business);
    tcase_add_test(cases, unpublished_and_deleted_ones_are_gone);
    tcase_add_test(cases, who_unpublishes_while_it_is_published_is_obeyed);
    tcase_add_test(cases, zones_that_mean_two_things_are_not_published);
    tcase_add_test(cases, listings_of_old_are_mended);
    tcase_add_test(cases, hours_that_cannot_be_counted_with_are_refused);
    tcase_add_test(cases, whole_numbers_are_kept_as_integers);
    tcase_add_test(cases, whole_numbers_of_old_are_mended);
    tcase_add_test(cases, what_hits_show_of_old_is_filled_in);
    tcase_add_loop_test(cases, what_cannot_be_is_refused_by_its_field, 0, COUNT_OF(faults));
    suite_add_tcase(suite, cases);
    return postgres_tests(suite);
}
