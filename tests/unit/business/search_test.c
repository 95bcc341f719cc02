/* Search: every filter alone finds what states it, leaves out what states the contrary, and says of
 * the rest what is not stated; words, typing errors, pages. */
#include <string.h>

#include "business/search.h"
#include "business/fold.h"
#include "business/listing.h"
#include "tests/unit/business/rig.h"

static void publish(const char *slug, const char *name, const char *category, const char *city,
                    const char *country, const char *more) {
    rig_publish(ALICE, slug, rig_profile(name, category, city, country, more));
}

static void directory(void) {
    rig_begin();
    publish("anna", "Salon Anna", "hairdresser", "Berlin", "DE",
            "{'location': {'latitude': 52.52, 'longitude': 13.405}, 'languages': ['de', 'en-GB'],"
            " 'attributes': {'wheelchair_access': true, 'parking': 'In the Yard'}}");
    publish("bruno", "Bruno's Barbers", "hairdresser", "Hamburg", "DE",
            "{'location': {'latitude': 53.551, 'longitude': 9.993}, 'languages': ['de'],"
            " 'attributes': {'wheelchair_access': false}}");
    publish("carla", "Carla Müller", "plumber", "München", "DE",
            "{'description': 'Boilers, heating and burst pipes, at night as well.', 'services':"
            " [{'id': 'boiler', 'name': 'Boiler repair', 'duration_minutes': 60, 'mode':"
            " 'at_customer'}], 'location': {'latitude': 48.137, 'longitude': 11.575},"
            " 'service_area': {'place': 'Oberbayern', 'radius_km': 60}}");
    publish("dimitri", "Dimitri Yoga", "yoga teacher", "Athens", "GR",
            "{'services': [{'id': 'class', 'name': 'Yoga online', 'duration_minutes': 45, 'mode':"
            " 'remote'}], 'languages': ['el', 'en'], 'hours': {'timezone': 'Europe/Athens',"
            " 'weekly': [{'days': ['sat'], 'opens': '22:00', 'closes': '02:00'}]}}");
    publish("suva", "Suva Dive", "diving school", "Suva", "FJ",
            "{'location': {'latitude': -18.14, 'longitude': 178.44}}");
    rig_public("192.0.2.1", "test");
}

static json_t *hits;

static void find(const char *arguments) {
    hits = json_object_get(rig_call("search_businesses", arguments), "businesses");
    ck_done();
}

static json_t *hit(const char *slug) {
    size_t i;
    json_t *each;
    json_array_foreach(hits, i, each) if (strcmp(text_at(each, "slug"), slug) == 0) return each;
    return NULL;
}

/* The slugs found, in their order. */
static const char *found(void) {
    static char all[512];
    size_t i;
    json_t *each;
    all[0] = '\0';
    json_array_foreach(hits, i, each) {
        strcat(all, i > 0 ? " " : "");
        strcat(all, text_at(each, "slug"));
    }
    return all;
}

static bool list_says(json_t *list, const char *words) {
    size_t i;
    json_t *sentence;
    json_array_foreach(list, i, sentence) if (strstr(json_string_value(sentence), words) !=
                                              NULL) return true;
    return false;
}

static bool why(const char *slug, const char *words) {
    return list_says(json_object_get(hit(slug), "why"), words);
}

static bool open_of(const char *slug, const char *words) {
    return list_says(json_object_get(hit(slug), "not_stated"), words);
}

START_TEST(words_are_found_where_they_stand) {
    find("{'query': 'hairdresser'}");
    ck_assert_str_eq(found(), "bruno anna");
    ck_assert(why("anna", "category"));
    find("{'query': 'bruno'}");
    ck_assert_str_eq(found(), "bruno");
    ck_assert(why("bruno", "name"));
    find("{'query': 'boiler'}");
    ck_assert_str_eq(found(), "carla");
    ck_assert(why("carla", "service \"Boiler repair\""));
    find("{'query': 'burst pipes'}");
    ck_assert_str_eq(found(), "carla");
    ck_assert(why("carla", "description"));
    ck_assert_uint_eq(json_array_size(json_object_get(hit("carla"), "not_stated")), 0);
    find("{'query': 'hairdresser Hamburg'}");
    ck_assert_str_eq(found(), "bruno");
    ck_assert(why("bruno", "place"));
}
END_TEST

START_TEST(accents_case_and_endings_do_not_matter) {
    find("{'query': 'MULLER'}");
    ck_assert_str_eq(found(), "carla");
    find("{'place': 'munchen'}");
    ck_assert_str_eq(found(), "carla");
    find("{'query': 'plumbers'}");
    ck_assert_str_eq(found(), "carla");
    find("{'query': 'bar'}"); /* short words are whole ones: no barbers */
    ck_assert(hit("bruno") == NULL || why("bruno", "resembles"));
}
END_TEST

/* Whoever has no key for them writes Lodz and Da Nang. */
START_TEST(letters_that_unicode_keeps_whole_are_folded) {
    publish("lodz", "Żółta Łódka", "szewc", "Łódź", "PL", "");
    publish("danang", "Đà Nẵng Coffee", "café", "Đà Nẵng", "VN", "");
    publish("aero", "Ærø Smørrebrød", "køkken", "Ærøskøbing", "DK",
            "{'attributes': {'kitchen': 'Dansk køkken'}}");
    rig_public("192.0.2.1", "test");
    find("{'place': 'Lodz'}");
    ck_assert_str_eq(found(), "lodz");
    ck_assert(why("lodz", "It is in Łódź."));
    find("{'place': 'ŁÓDŹ', 'query': 'zolta lodka'}");
    ck_assert_str_eq(found(), "lodz");
    find("{'place': 'da nang', 'category': 'cafe'}");
    ck_assert_str_eq(found(), "danang");
    find("{'query': 'aero smorrebrod'}");
    ck_assert_str_eq(found(), "aero");
    ck_assert(why("aero", "name"));
    find("{'attributes': {'kitchen': 'dansk kokken'}}");
    ck_assert_uint_eq(json_array_size(json_object_get(hit("aero"), "not_stated")), 0);
}
END_TEST

/* Chinese, Japanese and Thai put no blanks between words. */
START_TEST(scripts_without_blanks_are_found_in_part) {
    publish(
        "sakura", "さくら美容院", "美容院", "東京都千代田区", "JP",
        "{'summary': '駅前の美容室です。', 'services': [{'id': 'cut', 'name': 'カットとカラー', "
        "'duration_minutes': 60}]}");
    publish("kyoto", "京都ラーメン", "ラーメン屋", "京都", "JP", "");
    publish("barber", "ร้านตัดผมสมชาย", "ร้านตัดผม", "กรุงเทพ", "TH", "");
    rig_public("192.0.2.1", "test");
    find("{'query': '美容院'}");
    ck_assert_str_eq(found(), "sakura");
    ck_assert(why("sakura", "Its name has"));
    find("{'query': 'カラー'}");
    ck_assert_str_eq(found(), "sakura");
    ck_assert(why("sakura", "Its service"));
    find("{'query': '駅前'}");
    ck_assert_str_eq(found(), "sakura");
    find("{'query': 'ラーメン 京都'}");
    ck_assert_str_eq(found(), "kyoto");
    find("{'query': '東京で美容院を探しています'}"); /* a sentence: what has some of it */
    ck_assert_str_eq(found(), "sakura");
    find("{'query': 'ตัดผม'}");
    ck_assert_str_eq(found(), "barber");
    find("{'category': '美容'}");
    ck_assert_str_eq(found(), "sakura");
    find("{'place': '東京'}");
    ck_assert_str_eq(found(), "sakura");
    find("{'place': '京都'}"); /* which 東京都 is not */
    ck_assert_str_eq(found(), "kyoto");
    find("{'query': '寿司'}");
    ck_assert_str_eq(found(), "");
}
END_TEST

START_TEST(typing_errors_are_forgiven_and_said) {
    find("{'query': 'plumer'}");
    ck_assert_str_eq(found(), "carla");
    ck_assert(why("carla", "\"plumer\" resembles \"plumber\""));
    find("{'category': 'hairdreser', 'place': 'Hambrug'}");
    ck_assert_str_eq(found(), "bruno");
    ck_assert(why("bruno", "\"hambrug\" resembles \"hamburg\""));
    find("{'query': 'zzzzqqqq'}");
    ck_assert_str_eq(found(), "");
}
END_TEST

START_TEST(words_it_does_not_have_are_said) {
    find("{'query': 'vegan hairdresser'}");
    ck_assert_str_eq(found(), "bruno anna");
    ck_assert(open_of("anna", "does not mention \"vegan\""));
    ck_assert(!open_of("anna", "hairdresser"));
    find("{'query': 'salon hairdresser'}"); /* one has both: then only that */
    ck_assert_str_eq(found(), "anna");
}
END_TEST

START_TEST(category_and_country_alone) {
    find("{'category': 'Hairdresser'}");
    ck_assert_str_eq(found(), "bruno anna");
    find("{'category': 'teacher'}");
    ck_assert_str_eq(found(), "dimitri");
    find("{'country': 'GR'}");
    ck_assert_str_eq(found(), "dimitri");
    ck_assert(why("dimitri", "It is in GR."));
    find("{'country': 'FR'}");
    ck_assert_str_eq(found(), "");
}
END_TEST

START_TEST(place_alone) {
    find("{'place': 'Berlin'}");
    ck_assert_str_eq(found(), "anna");
    ck_assert(why("anna", "It is in Berlin."));
    find("{'place': 'Oberbayern'}");
    ck_assert_str_eq(found(), "carla");
    ck_assert(why("carla", "service area"));
}
END_TEST

START_TEST(coordinates_alone) {
    find("{'latitude': 52.50, 'longitude': 13.40, 'radius_km': 10}");
    ck_assert_ptr_nonnull(hit("anna"));
    ck_assert_ptr_eq(json_array_get(hits, 0), hit("anna"));
    double km = json_number_value(json_object_get(hit("anna"), "distance_km"));
    ck_assert(km > 2 && km < 2.6);
    ck_assert_ptr_null(hit("bruno"));
    ck_assert(open_of("dimitri", "coordinates")); /* states none: said, not left out */
    ck_assert_ptr_null(json_object_get(hit("dimitri"), "distance_km"));
    /* 40 km from Munich: outside the circle, inside the plumber's service area */
    find("{'latitude': 48.40, 'longitude': 11.20, 'radius_km': 5}");
    ck_assert(why("carla", "service area reaches"));
    find("{'latitude': 48.99, 'longitude': 11.20, 'radius_km': 5}");
    ck_assert_ptr_null(hit("carla"));
}
END_TEST

START_TEST(across_the_180th_meridian) {
    find("{'latitude': -18.1, 'longitude': -179.9, 'radius_km': 250}");
    ck_assert_ptr_nonnull(hit("suva"));
    double km = json_number_value(json_object_get(hit("suva"), "distance_km"));
    ck_assert(km > 170 && km < 180);
    find("{'latitude': -18.1, 'longitude': -179.9, 'radius_km': 100}");
    ck_assert_ptr_null(hit("suva"));
}
END_TEST

/* What is found near a place that is named, too, and from how far a business reaches over there. */
START_TEST(areas_across_the_180th_meridian) {
    publish("tina", "Tina Tows", "towing", "Taveuni", "FJ",
            "{'location': {'latitude': -16.85, 'longitude': -179.97},"
            " 'service_area': {'place': 'Fiji', 'radius_km': 300}}");
    find("{'latitude': -18.14, 'longitude': 178.44, 'radius_km': 5}");
    ck_assert_str_eq(found(), "suva tina dimitri");
    ck_assert(why("tina", "service area reaches"));
    find("{'latitude': -18.1, 'longitude': -179.9, 'radius_km': 250, 'place': 'suva'}");
    ck_assert_str_eq(found(), "suva");
    ck_assert(why("suva", "km away"));
    find("{'latitude': -18.1, 'longitude': 175, 'radius_km': 5}");
    ck_assert_str_eq(found(), "dimitri");
}
END_TEST

START_TEST(mode_and_language_alone) {
    find("{'mode': 'remote'}");
    ck_assert_str_eq(found(), "dimitri");
    find("{'mode': 'at_customer'}");
    ck_assert_str_eq(found(), "carla");
    find("{'language': 'en'}");
    ck_assert(why("anna", "\"en\""));
    ck_assert_ptr_nonnull(hit("dimitri"));
    ck_assert_ptr_null(hit("bruno")); /* states German alone */
    ck_assert(open_of("carla", "states no languages"));
    find("{'language': 'en', 'limit': 2}");
    ck_assert_ptr_null(hit("carla")); /* those that state it come first */
}
END_TEST

START_TEST(attributes_alone) {
    find("{'attributes': {'wheelchair_access': true}}");
    ck_assert_ptr_eq(json_array_get(hits, 0), hit("anna"));
    ck_assert(why("anna", "wheelchair_access: yes"));
    ck_assert_ptr_null(hit("bruno")); /* states the contrary */
    ck_assert(open_of("carla", "does not state wheelchair_access"));
    find("{'attributes': {'wheelchair_access': true, 'parking': 'in the yard'}, 'country': 'DE'}");
    ck_assert_ptr_eq(json_array_get(hits, 0), hit("anna"));
    ck_assert_uint_eq(json_array_size(json_object_get(hit("anna"), "not_stated")), 0);
    find("{'attributes': {'parking': 'on the street'}, 'country': 'DE'}");
    ck_assert_ptr_null(hit("anna"));
    ck_assert(open_of("bruno", "parking"));
}
END_TEST

/* Saturday 22:00 to Sunday 02:00 in Athens; the others keep Berlin's office hours. */
START_TEST(open_at_alone) {
    find("{'open_at': '2026-11-28T22:30:00+02:00'}");
    ck_assert_str_eq(found(), "dimitri");
    find("{'open_at': '2026-11-29T01:59:00+02:00'}");
    ck_assert_str_eq(found(), "dimitri");
    find("{'open_at': '2026-11-29T02:00:00+02:00'}");
    ck_assert_str_eq(found(), "");
    find("{'open_at': '2026-11-24T15:59:00Z'}"); /* 16:59 in Berlin, a Tuesday */
    ck_assert_ptr_nonnull(hit("anna"));
    ck_assert(why("anna", "opening hours"));
    find("{'open_at': '2026-11-24T16:00:00Z'}");
    ck_assert_str_eq(found(), "");
}
END_TEST

START_TEST(exceptions_are_hours_too) {
    publish("eve", "Eve", "florist", "Bremen", "DE",
            "{'hours': {'timezone': 'Europe/Berlin', 'weekly': [{'days': ['thu'], 'opens':"
            " '20:00', 'closes': '03:00'}, {'days': ['fri'], 'opens': '09:00', 'closes':"
            " '17:00'}], 'exceptions': [{'date': '2026-12-25', 'closed': true}, {'date':"
            " '2026-12-27', 'intervals': [{'opens': '23:00', 'closes': '01:00'}]}]}}");
    find("{'query': 'florist', 'open_at': '2026-12-25T02:00:00+01:00'}"); /* Thursday's night */
    ck_assert_str_eq(found(), "eve");
    find("{'query': 'florist', 'open_at': '2026-12-25T10:00:00+01:00'}");
    ck_assert_str_eq(found(), "");
    find("{'query': 'florist', 'open_at': '2026-12-18T10:00:00+01:00'}");
    ck_assert_str_eq(found(), "eve");
    find("{'query': 'florist', 'open_at': '2026-12-28T00:30:00+01:00'}");
    ck_assert_str_eq(found(), "eve");
    find("{'query': 'florist', 'open_at': '2026-12-27T22:30:00+01:00'}");
    ck_assert_str_eq(found(), "");
}
END_TEST

START_TEST(nothing_asked_finds_all) {
    find("{}");
    ck_assert_uint_eq(json_array_size(hits), 5);
    ck_assert_uint_eq(json_array_size(json_object_get(hit("anna"), "why")), 1);
    ck_assert_str_eq(text_at(hit("anna"), "url"), "https://shops.test/b/anna");
    ck_assert_str_eq(text_at(hit("carla"), "services.0.name"), "Boiler repair");
}
END_TEST

/* All pages of a search, while others are published and changed in between. */
static size_t all_pages(const char *filter, char *seen, bool disturb) {
    char cursor[128] = "";
    size_t pages = 0, hits_so_far = 0;
    do {
        json_t *arguments = json_of(filter);
        ck_assert_int_eq(json_object_set_new(arguments, "limit", json_integer(3)), 0);
        if (cursor[0] != '\0')
            ck_assert_int_eq(json_object_set_new(arguments, "cursor", json_string(cursor)), 0);
        json_t *result = rig_ask("search_businesses", arguments);
        ck_done();
        json_t *each;
        size_t i;
        json_array_foreach(json_object_get(result, "businesses"), i, each) {
            strcat(seen, text_at(each, "slug"));
            strcat(seen, " ");
        }
        strcpy(cursor, text_at(result, "next_cursor"));
        hits_so_far += i;
        ck_assert_int_eq(json_integer_value(json_object_get(result, "total")),
                         cursor[0] == '\0' ? (json_int_t)hits_so_far : 0);
        ck_assert_int_eq(json_integer_value(json_object_get(result, "total_is_at_least")),
                         cursor[0] != '\0' ? (json_int_t)hits_so_far + 1 : 0);
        if (disturb && pages == 0)
            publish("zoe", "Zoe", "gardener", "Berlin", "DE",
                    "{'image_url': 'https://zoe.test/a.png'}"); /* comes before all others */
        pages++;
        ck_assert_uint_lt(pages, 30);
    } while (cursor[0] != '\0');
    return pages;
}

START_TEST(pages_hold_each_once) {
    char seen[1024] = "", slug[16];
    for (int i = 0; i < 8; i++) {
        snprintf(slug, sizeof(slug), "garden-%d", i);
        publish(slug, "Green", "gardener", "Berlin", "DE", _i == 0 ? "" : "{'languages': ['fr']}");
    }
    ck_assert_uint_eq(
        all_pages(_i == 0 ? "{'query': 'gardener'}" : "{'language': 'fr'}", seen, true),
        _i == 0 ? 3 : 4);
    for (int i = 0; i < 8; i++) {
        snprintf(slug, sizeof(slug), "garden-%d ", i);
        const char *at = strstr(seen, slug);
        ck_assert_msg(at != NULL, "%s is missing in %s", slug, seen);
        ck_assert_msg(strstr(at + 1, slug) == NULL, "%s comes twice in %s", slug, seen);
    }
}
END_TEST

START_TEST(nothing_is_counted_as_nothing) {
    json_t *result = rig_call("search_businesses", "{'query': 'xyzzy'}");
    ck_done();
    ck_assert(json_is_integer(json_object_get(result, "total")));
    ck_assert_int_eq(json_integer_value(json_object_get(result, "total")), 0);
    ck_assert_ptr_null(json_object_get(result, "total_is_at_least"));
}
END_TEST

START_TEST(a_cursor_belongs_to_its_search) {
    char cursor[128];
    strcpy(cursor, text_at(rig_call("search_businesses", "{'limit': 1}"), "next_cursor"));
    ck_assert_str_ne(cursor, "");
    (void)rig_ask("search_businesses", json_pack("{s:s}", "cursor", cursor));
    ck_done();
    (void)rig_ask("search_businesses", json_pack("{s:s s:s}", "cursor", cursor, "country", "DE"));
    ck_status(400, "invalid_argument");
    ck_assert_ptr_nonnull(strstr(rig_detail, "cursor"));
    cursor[3] = cursor[3] == 'A' ? 'B' : 'A';
    (void)rig_ask("search_businesses", json_pack("{s:s}", "cursor", cursor));
    ck_status(400, "invalid_argument");
    (void)rig_call("search_businesses", "{'cursor': 'bm9uc2Vuc2U'}");
    ck_status(400, "invalid_argument");
}
END_TEST

START_TEST(half_a_place_is_refused) {
    (void)rig_call("search_businesses", "{'latitude': 52.5}");
    ck_status(400, "invalid_argument");
    ck_assert_ptr_nonnull(strstr(rig_detail, "longitude"));
    (void)rig_call("search_businesses", "{'radius_km': 5}");
    ck_status(400, "invalid_argument");
}
END_TEST

START_TEST(nothing_in_a_query_is_syntax) {
    static const char *const queries[] = {
        "' & | ! :* ( ) <->", "'''", "\\", "%", "a:*b", "--;", "𝔥𝔞𝔦𝔯"};
    for (size_t i = 0; i < COUNT_OF(queries); i++) {
        (void)rig_ask("search_businesses", json_pack("{s:s s:s s:s}", "query", queries[i],
                                                     "category", queries[i], "place", queries[i]));
        ck_done();
    }
    find("{'query': 'hair-dresser (anna)'}");
    ck_assert_ptr_nonnull(hit("anna"));
    find("{'query': '💇 !'}"); /* no more than is found, and no hit for it */
    ck_assert(open_of("anna", "\"💇 !\" has neither letters nor digits"));
    find("{'query': ' '}"); /* the control */
    ck_assert_uint_eq(json_array_size(json_object_get(hit("anna"), "not_stated")), 0);
}
END_TEST

START_TEST(search_and_fetch_are_a_pair) {
    json_t *results = json_object_get(rig_call("search", "{'query': 'boiler'}"), "results");
    ck_done();
    ck_assert_uint_eq(json_array_size(results), 1);
    ck_assert_str_eq(text_at(results, "0.url"), "https://shops.test/b/carla");
    json_t *page = rig_ask("fetch", json_pack("{s:s}", "id", text_at(results, "0.id")));
    ck_done();
    ck_assert_str_eq(text_at(page, "title"), "Carla Müller");
    ck_assert_ptr_nonnull(strstr(text_at(page, "text"), "Boiler repair"));
    (void)rig_call("fetch", "{'id': 'nobody'}");
    ck_status(404, "unknown_business");
}
END_TEST

/* ---- searches that go together ---- */

struct asked {
    char *result;
    unsigned *left;
};

static void on_found(void *ctx, int error, const char *why_not, const char *result, size_t n) {
    struct asked *asked = ctx;
    (void)n;
    ck_assert_msg(error == 0, "%d %s", error, why_not);
    asked->result = strdup(result);
    (*asked->left)--;
}

/* All at once; the results are the caller's. */
static void ask_together(const char *const arguments[], size_t n, struct asked *asked) {
    unsigned left = (unsigned)n;
    for (size_t i = 0; i < n; i++) {
        json_t *object = json_of(arguments[i]);
        asked[i] = (struct asked){.left = &left};
        search_run(&server, object, 0, on_found, &asked[i]);
        json_decref(object);
    }
    for (uint64_t end = clock_ms() + 20000; left > 0;) {
        ck_assert_uint_lt(clock_ms(), end);
        (void)event_base_loop(base, EVLOOP_ONCE);
    }
}

/* So many that the server has a choice of how to look for them. */
static void many_more(void) {
    (void)rig_sql("INSERT INTO businesses (slug, user_id, draft) SELECT slug || '-' || n, user_id,"
                  " draft FROM businesses, generate_series(1, 20) AS n");
    (void)rig_sql("INSERT INTO listings SELECT (jsonb_populate_record(l, jsonb_build_object("
                  "'id', b.id, 'slug', b.slug))).* FROM businesses AS b JOIN listings AS l"
                  " ON b.slug LIKE l.slug || '-%'");
    (void)rig_sql("INSERT INTO cards SELECT (jsonb_populate_record(c, jsonb_build_object("
                  "'id', b.id))).* FROM businesses AS b JOIN listings AS l"
                  " ON b.slug LIKE l.slug || '-%' JOIN cards AS c ON c.id = l.id");
    (void)rig_sql("ANALYZE");
}

START_TEST(together_they_are_answered_as_alone) {
    static const char *const all[] = {
        "{}",
        "{'limit': 1}",
        "{'limit': 50}",
        "{'query': 'hairdresser'}",
        "{'query': 'plumber', 'limit': 2}",
        "{'query': 'plumer'}",
        "{'query': 'hairdresser boilers'}",
        "{'query': 'yoga berlin'}",
        "{'country': 'GR'}",
        "{'country': 'DE', 'limit': 3}",
        "{'place': 'berlin'}",
        "{'place': 'hambrug'}",
        "{'latitude': 52.5, 'longitude': 13.4}",
        "{'latitude': 48.1, 'longitude': 11.5, 'limit': 1}",
        "{'attributes': {'parking': 'in the yard'}}",
        "{'attributes': {'wheelchair_access': true}, 'limit': 1}",
        "{'open_at': '2026-11-28T23:00:00+02:00'}",
        "{'open_at': '2026-11-25T23:00:00+02:00', 'limit': 1}",
        "{'category': 'hairdresser', 'place': 'berlin', 'query': 'salon'}",
        "{'mode': 'at_customer', 'language': 'de'}",
        "{'query': 'salon boilers', 'place': 'berlin', 'latitude': 52.5, 'longitude': 13.4}",
        "{'query': 'hairdresser', 'latitude': 53.5, 'longitude': 10, 'radius_km': 400}",
        "{'latitude': -18.1, 'longitude': -179.9, 'radius_km': 250}",
        "{'place': 'suva', 'latitude': -18.1, 'longitude': -179.9, 'radius_km': 250}",
    };
    enum { N = COUNT_OF(all), TIMES = 3 };
    struct asked alone[N], together[N * TIMES];
    const char *arguments[N * TIMES];
    many_more();
    for (size_t i = 0; i < N; i++)
        ask_together(&all[i], 1, &alone[i]);
    for (size_t i = 0; i < N * TIMES; i++)
        arguments[i] = all[i % N];
    ask_together(arguments, N * TIMES, together);
    for (size_t i = 0; i < N * TIMES; i++) {
        ck_assert_msg(strcmp(together[i].result, alone[i % N].result) == 0,
                      "%s: alone %.300s, together %.300s", arguments[i], alone[i % N].result,
                      together[i].result);
        free(together[i].result);
    }
    for (size_t i = 0; i < N; i++)
        free(alone[i].result);
}
END_TEST

/* What is ASCII goes a way of its own. */
START_TEST(plain_text_folds_as_all_text_does) {
    static const char sign[] = " aZ09-_.,'\"^`~\t@[{";
    for (unsigned i = 0; i < 20000; i++) {
        char said[16] = "", wanted[24];
        unsigned n = i;
        for (size_t at = 0; at < 8 && n > 0; at++, n /= (unsigned)sizeof(sign) - 1)
            said[at] = sign[n % (sizeof(sign) - 1)];
        SCOPE_FREE char *plain = fold_text(said);
        (void)snprintf(wanted, sizeof(wanted), "%s%se", plain, plain[0] != '\0' ? " " : "");
        SCOPE_FREE char *all = fold_text(strcat(said, " \u00e9"));
        ck_assert_str_eq(all, wanted);
    }
}
END_TEST

START_TEST(texts_are_json_strings) {
    char all[130] = "";
    for (size_t i = 0; i < sizeof(all) - 1; i++)
        all[i] = (char)(i < 127 ? i + 1 : i == 127 ? 0xc3 : 0xbc);
    json_t *value = json_string(all);
    struct text text = {0};
    text_json(&text, all);
    SCOPE_FREE char *ours = text_take(&text);
    json_t *read = json_loads(ours, JSON_DECODE_ANY, NULL);
    ck_assert(json_equal(read, value));
    json_decref(read);
    json_decref(value);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("search");
    TCase *cases = tcase_create("search");
    tcase_set_timeout(cases, 60);
    tcase_add_checked_fixture(cases, directory, rig_end);
    tcase_add_test(cases, plain_text_folds_as_all_text_does);
    tcase_add_test(cases, texts_are_json_strings);
    tcase_add_test(cases, words_are_found_where_they_stand);
    tcase_add_test(cases, accents_case_and_endings_do_not_matter);
    tcase_add_test(cases, letters_that_unicode_keeps_whole_are_folded);
    tcase_add_test(cases, scripts_without_blanks_are_found_in_part);
    tcase_add_test(cases, typing_errors_are_forgiven_and_said);
    tcase_add_test(cases, words_it_does_not_have_are_said);
    tcase_add_test(cases, category_and_country_alone);
    tcase_add_test(cases, place_alone);
    tcase_add_test(cases, coordinates_alone);
    tcase_add_test(cases, across_the_180th_meridian);
    tcase_add_test(cases, areas_across_the_180th_meridian);
    tcase_add_test(cases, mode_and_language_alone);
    tcase_add_test(cases, attributes_alone);
    tcase_add_test(cases, open_at_alone);
    tcase_add_test(cases, exceptions_are_hours_too);
    tcase_add_test(cases, nothing_asked_finds_all);
    tcase_add_loop_test(cases, pages_hold_each_once, 0, 2);
    tcase_add_test(cases, nothing_is_counted_as_nothing);
    tcase_add_test(cases, a_cursor_belongs_to_its_search);
    tcase_add_test(cases, half_a_place_is_refused);
    tcase_add_test(cases, nothing_in_a_query_is_syntax);
    tcase_add_test(cases, search_and_fetch_are_a_pair);
    tcase_add_test(cases, together_they_are_answered_as_alone);
    suite_add_tcase(suite, cases);
    return postgres_tests(suite);
}
