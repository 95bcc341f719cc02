/* What customers see, made from operations' results: nothing of anybody's becomes markup, times are
 * the visitor's, and what is wrong is said beside what puts it right. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "gateway/page_front.h"

#define EVIL "\\\"'><script>alert(1)</script><img src=x onerror=alert(2)>&{{csrf}}"
#define EVIL_SAFE                                                                                  \
    "&quot;&#39;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=x "                           \
    "onerror=alert(2)&gt;&amp;{{csrf}}"

static json_t *json(const char *text) {
    json_error_t error;
    json_t *value = json_loads(text, 0, &error);
    ck_assert_msg(value != NULL, "%s at %d in %s", error.text, error.position, text);
    return value;
}

static char *taken(struct html *html) {
    const char *text = html_text(html);
    ck_assert_ptr_nonnull(text);
    char *copy = strdup(text);
    html_done(html);
    return copy;
}

static void check_safe(const char *page) {
    ck_assert_msg(strstr(page, "<script>") == NULL && strstr(page, "<img") == NULL, "%s", page);
    ck_assert_ptr_null(strstr(page, "'><"));
}

static size_t times_in(const char *page, const char *words) {
    size_t n = 0;
    for (const char *at = page; (at = strstr(at, words)) != NULL; at += strlen(words))
        n++;
    return n;
}

/* The control: the same bytes as a format would be markup. */
START_TEST(test_put) {
    struct html html;
    ck_assert_int_eq(html_begin(&html), 0);
    html_put(&html, "<a title=\"%s\">%d%%</a>", "\"><b>&'", 7);
    html_put(&html, "<b>x</b>");
    html_query(&html, "a b&c=%\"é");
    html_paragraphs(&html, "one\ntwo\r\n\r\n<three>");
    SCOPE_FREE char *page = taken(&html);
    ck_assert_str_eq(page, "<a title=\"&quot;&gt;&lt;b&gt;&amp;&#39;\">7%</a><b>x</b>"
                           "a%20b%26c%3D%25%22%C3%A9"
                           "<p class=\"lines\" dir=\"auto\">one\ntwo</p>\n"
                           "<p class=\"lines\" dir=\"auto\">&lt;three&gt;</p>\n");
    ck_assert_int_eq(html_begin(&html), 0);
    html_put(&html, "%s", "\xff");
    html_put(&html, "more");
    ck_assert_ptr_null(html_text(&html));
    html_done(&html);
}
END_TEST

static const char profile_text[] =
    "{\"name\":\"" EVIL "\",\"category\":\"" EVIL "\",\"summary\":\"" EVIL
    "\",\"description\":\"" EVIL "\",\"address\":{\"street\":\"" EVIL "\",\"postal_code\":\"" EVIL
    "\",\"city\":\"" EVIL "\",\"region\":\"" EVIL "\",\"country\":\"" EVIL
    "\"},\"service_area\":{\"place\":\"" EVIL "\",\"radius_km\":5},\"services\":[{\"id\":\"" EVIL
    "\",\"name\":\"" EVIL "\",\"description\":\"" EVIL
    "\",\"duration_minutes\":90,\"price\":{\"min\":1,\"max\":2.5,\"currency\":\"" EVIL
    "\"},\"mode\":\"at_customer\"}],\"hours\":{\"timezone\":\"" EVIL
    "\",\"weekly\":[{\"days\":[\"mon\"],\"opens\":\"" EVIL "\",\"closes\":\"" EVIL
    "\"}],\"exceptions\":[{\"date\":\"2999-01-01\",\"intervals\":[{\"opens\":\"" EVIL
    "\",\"closes\":\"" EVIL "\"}]}]},\"languages\":[\"" EVIL "\"],\"image_url\":\"https://" EVIL
    "\",\"contacts\":{\"phone\":\"" EVIL "\",\"email\":\"" EVIL
    "\",\"website\":\"javascript:alert(3)\"},\"attributes\":{\"" EVIL "\":\"" EVIL
    "\"},\"features\":{\"booking\":true,\"inquiries\":true,\"chat\":true}}";

static const char person_text[] =
    "{\"name\":\"" EVIL "\",\"email\":\"" EVIL "\",\"phone\":\"" EVIL "\",\"note\":\"" EVIL
    "\",\"street\":\"" EVIL "\",\"message\":\"" EVIL "\"}";

static struct page_calendar calendar_of(const json_t *slots, const char *zone, const char *first) {
    static const struct stamp today = {STAMP_DATE, 2026, 10, 20, 0, 0, 0, 0};
    return (struct page_calendar){.zone = zone,
                                  .zone_chosen = true,
                                  .home = "Europe/Berlin",
                                  .first = page_day_read(first, &today),
                                  .today = today,
                                  .slots = slots,
                                  .picked = "",
                                  .path = "/b/salon",
                                  .service = "cut",
                                  .secret = ""};
}

START_TEST(test_profile_is_text) {
    json_t *profile = json(profile_text), *form = json(person_text),
           *slots = json("[{\"start\":\"" EVIL "\"}]");
    const struct page_calendar calendar = calendar_of(slots, "Europe/Berlin", "");
    const struct page_profile view = {
        .profile = profile,
        .slug = "salon",
        .service = json_text(json_array_get(json_object_get(profile, "services"), 0), "id"),
        .calendar = &calendar,
        .next = slots,
        .form = form,
        .key_book = "k",
        .key_inquire = "k",
        .trouble = {json_text(profile, "name"), json_text(profile, "name"), "book-name"},
        .trouble_inquiry = true};
    struct html html;
    ck_assert_int_eq(html_begin(&html), 0);
    page_profile(&html, &view);
    SCOPE_FREE char *page = taken(&html);
    check_safe(page);
    ck_assert_uint_ge(times_in(page, EVIL_SAFE), 26); /* it is there, as text */
    ck_assert_ptr_null(strstr(page, "href=\"javascript:"));
    ck_assert_ptr_null(strstr(page, "https://\"")); /* its image is not asked for */
    json_decref(profile);
    json_decref(form);
    json_decref(slots);
}
END_TEST

START_TEST(test_rest_is_text) {
    json_t *evil = json("{\"name\":\"" EVIL "\",\"slug\":\"" EVIL "\",\"category\":\"" EVIL
                        "\",\"city\":\"" EVIL "\",\"country\":\"" EVIL "\",\"summary\":\"" EVIL
                        "\",\"services\":[{\"name\":\"" EVIL "\"}],\"why\":[\"" EVIL
                        "\"],\"not_stated\":[\"" EVIL "\"]}");
    json_t *found = json_pack("{s:[O], s:s}", "businesses", evil, "next_cursor", "\"><script>");
    json_t *query = json("{\"q\":\"" EVIL "\",\"place\":\"" EVIL "\",\"mode\":\"" EVIL
                         "\",\"language\":\"" EVIL "\",\"category\":\"" EVIL "\"}");
    json_t *booking = json("{\"status\":\"confirmed\",\"business\":\"" EVIL
                           "\",\"business_name\":\"" EVIL "\",\"service_name\":\"" EVIL
                           "\",\"start\":\"2026-12-01T10:00:00+01:00\",\"end\":\"" EVIL
                           "\",\"can_cancel\":true,\"can_reschedule\":true}");
    json_t *inquiry = json("{\"status\":\"answered\",\"message\":\"" EVIL "\",\"answer\":\"" EVIL
                           "\",\"business\":\"" EVIL "\"}");
    const struct page_directory directory = {query, found, {"", "", ""}};
    struct page_booking one = {.booking = booking,
                               .reference = "\"><script>",
                               .secret = "\"><script>",
                               .zone = "",
                               .notice = "",
                               .trouble = {"", "", ""}};
    const struct page_inquiry asked = {inquiry, "\"><script>", true};
    struct html html;
    ck_assert_int_eq(html_begin(&html), 0);
    page_directory(&html, &directory);
    for (int act = BOOKING_SHOW; act <= BOOKING_MOVE; act++) {
        one.act = (enum page_booking_act)act;
        page_booking(&html, &one);
    }
    page_inquiry(&html, &asked);
    SCOPE_FREE char *page = taken(&html);
    check_safe(page);
    ck_assert_uint_ge(times_in(page, EVIL_SAFE), 20);
    json_decref(found);
    json_decref(evil);
    json_decref(query);
    json_decref(booking);
    json_decref(inquiry);
}
END_TEST

static char *week_of(const char *slots_text, const char *zone, const char *first) {
    json_t *slots = json(slots_text);
    const struct page_calendar calendar = calendar_of(slots, zone, first);
    struct html html;
    ck_assert_int_eq(html_begin(&html), 0);
    page_calendar(&html, &calendar);
    json_decref(slots);
    return taken(&html);
}

/* The night in which Berlin's clocks are put back: half past two comes twice, and each says which
 * it is. In Kolkata neither does. */
START_TEST(test_clocks_put_back) {
    static const char slots[] = "[{\"start\":\"2026-10-25T02:30:00+02:00\"},"
                                "{\"start\":\"2026-10-25T03:00:00+01:00\"},"
                                "{\"start\":\"2026-10-25T02:30:00+01:00\"}]";
    SCOPE_FREE char *berlin = week_of(slots, "Europe/Berlin", "2026-10-24");
    ck_assert_uint_eq(times_in(berlin, ">02:30</time> <small>GMT+2</small>"), 1);
    ck_assert_uint_eq(times_in(berlin, ">02:30</time> <small>GMT+1</small>"), 1);
    ck_assert_uint_eq(times_in(berlin, ">03:00</time><i"), 1);
    ck_assert_uint_eq(times_in(berlin, "on Sunday, 25 October 2026"), 3);
    SCOPE_FREE char *kolkata = week_of(slots, "Asia/Kolkata", "2026-10-24");
    ck_assert_uint_eq(times_in(kolkata, "<small>"), 0);
    ck_assert_uint_eq(times_in(kolkata, ">06:00</time>") + times_in(kolkata, ">07:00</time>"), 2);
    /* Of another day for who is far enough: Saturday in Honolulu. */
    SCOPE_FREE char *honolulu = week_of(slots, "Pacific/Honolulu", "2026-10-24");
    ck_assert_uint_eq(times_in(honolulu, "on Saturday, 24 October 2026"), 3);
}
END_TEST

/* Nobody knows what is free: what was chosen before can be sent again. */
START_TEST(test_times_unknown) {
    struct page_calendar calendar = calendar_of(NULL, "Asia/Kolkata", "2026-10-20");
    struct html html;
    calendar.picked = "2026-10-21T10:00:00+02:00";
    ck_assert_int_eq(html_begin(&html), 0);
    page_calendar(&html, &calendar);
    SCOPE_FREE char *page = taken(&html);
    ck_assert_uint_eq(times_in(page, "value=\"2026-10-21T10:00:00+02:00\" checked required>"), 1);
    ck_assert_ptr_nonnull(strstr(page, ">13:30</time> <small>GMT+5:30</small>"));
    ck_assert_ptr_nonnull(strstr(page, "Free times cannot be shown just now."));
    calendar.picked = "\"><script>";
    ck_assert_int_eq(html_begin(&html), 0);
    page_calendar(&html, &calendar);
    SCOPE_FREE char *odd = taken(&html);
    ck_assert_ptr_null(strstr(odd, "<input"));
}
END_TEST

START_TEST(test_weeks) {
    SCOPE_FREE char *now = week_of("[]", "Europe/Berlin", "2026-10-20");
    ck_assert_ptr_null(strstr(now, "Earlier"));
    ck_assert_ptr_nonnull(
        strstr(now, "/b/salon?week=2026-10-27&amp;service=cut&amp;tz=Europe%2FBerlin#when"));
    ck_assert_ptr_nonnull(strstr(now, "No time is free in these seven days."));
    ck_assert_uint_eq(times_in(now, "<section class=\"day none\">"), 7);
    SCOPE_FREE char *later = week_of("[]", "Europe/Berlin", "2026-10-23");
    ck_assert_ptr_nonnull(strstr(later, "?week=2026-10-20&amp;")); /* not before today */
    SCOPE_FREE char *odd = week_of("[]", "Europe/Berlin", "2026-13-45");
    ck_assert_ptr_nonnull(strstr(odd, "<b>20 Oct – 26 Oct</b>"));
}
END_TEST

/* A change that was refused finds the week where it was, and the reason that was typed. */
START_TEST(test_change_again) {
    json_t *booking =
        json("{\"status\":\"confirmed\",\"can_cancel\":true,\"can_reschedule\":true}");
    const struct page_calendar calendar = calendar_of(NULL, "Europe/Berlin", "2026-11-03");
    struct page_booking view = {.booking = booking,
                                .reference = "B-1",
                                .secret = "s",
                                .act = BOOKING_MOVE,
                                .zone = "",
                                .notice = "",
                                .calendar = &calendar,
                                .reason = "We are <ill>",
                                .trouble = {"", "", ""}};
    struct html html;
    ck_assert_int_eq(html_begin(&html), 0);
    page_booking(&html, &view);
    SCOPE_FREE char *move = taken(&html);
    const char *form = strstr(move, "<form class=\"form once\"");
    ck_assert_ptr_nonnull(form);
    ck_assert_ptr_nonnull(strstr(form, "name=\"week\" value=\"2026-11-03\""));
    view.act = BOOKING_CANCEL;
    ck_assert_int_eq(html_begin(&html), 0);
    page_booking(&html, &view);
    SCOPE_FREE char *cancel = taken(&html);
    ck_assert_ptr_nonnull(strstr(cancel, ">We are &lt;ill&gt;</textarea>"));
    json_decref(booking);
}
END_TEST

START_TEST(test_amounts) {
    static const struct {
        const char *price, *text;
    } rows[] = {{"{\"min\":25,\"max\":40,\"currency\":\"EUR\"}", "25–40 EUR"},
                {"{\"min\":25,\"max\":25,\"currency\":\"EUR\"}", "25 EUR"},
                {"{\"min\":12.5,\"currency\":\"GBP\"}", "from 12.50 GBP"},
                {"{\"min\":3.125,\"max\":4.5,\"currency\":\"KWD\"}", "3.125–4.50 KWD"},
                {"{\"min\":1200,\"currency\":\"JPY\"}", "from 1200 JPY"},
                {"{\"max\":100,\"currency\":\"GBP\"}", "up to 100 GBP"},
                {"{\"currency\":\"GBP\"}", ""}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct html html;
        json_t *price = json(rows[i].price);
        ck_assert_int_eq(html_begin(&html), 0);
        page_price(&html, price);
        SCOPE_FREE char *text = taken(&html);
        ck_assert_str_eq(text, rows[i].text);
        json_decref(price);
    }
}
END_TEST

/* What cannot be done is not offered. */
START_TEST(test_offers) {
    static const char *const features[] = {"booking", "inquiries", "chat"};
    static const char *const shown[] = {"#when", "/inquire\"", "chat-form"};
    for (size_t i = 0; i < COUNT_OF(features); i++) {
        json_t *profile = json(profile_text);
        struct html html;
        const struct page_profile view = {.profile = profile,
                                          .slug = "salon",
                                          .service = "",
                                          .key_book = "k",
                                          .key_inquire = "k",
                                          .trouble = {"", "", ""}};
        ck_assert_int_eq(html_begin(&html), 0);
        page_profile(&html, &view);
        SCOPE_FREE char *with = taken(&html);
        ck_assert_ptr_nonnull(strstr(with, shown[i]));
        (void)json_object_set_new(json_object_get(profile, "features"), features[i], json_false());
        ck_assert_int_eq(html_begin(&html), 0);
        page_profile(&html, &view);
        SCOPE_FREE char *without = taken(&html);
        ck_assert_ptr_null(strstr(without, shown[i]));
        json_decref(profile);
    }
}
END_TEST

/* Nobody's zone is one that nobody chose. */
START_TEST(test_zones) {
    struct html html;
    ck_assert_int_eq(html_begin(&html), 0);
    page_zone_options(&html, "", "");
    SCOPE_FREE char *none = taken(&html);
    ck_assert_ptr_nonnull(strstr(none, "<option value=\"\" selected>Choose one</option>"));
    ck_assert_int_eq(html_begin(&html), 0);
    page_zone_options(&html, "Asia/Kolkata", "");
    SCOPE_FREE char *chosen = taken(&html);
    ck_assert_uint_eq(times_in(chosen, " selected>"), 1);
    ck_assert_ptr_nonnull(strstr(chosen, "<option value=\"Asia/Kolkata\" selected>"));
    ck_assert_ptr_null(strstr(chosen, "value=\"\""));
}
END_TEST

/* Hours on single days are hours, and a reach without a name is one. */
START_TEST(test_facts_alone) {
    static const struct {
        const char *profile, *shown;
    } rows[] = {
        {"{\"hours\":{\"timezone\":\"Asia/Tokyo\",\"weekly\":[],\"exceptions\":[{\"date\":"
         "\"2999-01-05\",\"intervals\":[{\"opens\":\"10:00\",\"closes\":\"15:30\"}]}]}}",
         "Saturday, 5 January 2999</time>: 10:00–15:30"},
        {"{\"service_area\":{\"radius_km\":2.5}}", "<p>Comes to you up to 2.5 km around.</p>"},
        {"{\"service_area\":{\"place\":\"Bern\",\"radius_km\":20}}",
         "<p>Comes to you in Bern and up to 20 km around.</p>"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct html html;
        json_t *profile = json(rows[i].profile);
        ck_assert_int_eq(html_begin(&html), 0);
        page_facts(&html, profile);
        SCOPE_FREE char *page = taken(&html);
        ck_assert_msg(strstr(page, rows[i].shown) != NULL, "%s", page);
        json_decref(profile);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("gateway-visit-parts");
    TCase *tcase = tcase_create("parts");
    tcase_add_test(tcase, test_put);
    tcase_add_test(tcase, test_profile_is_text);
    tcase_add_test(tcase, test_rest_is_text);
    tcase_add_test(tcase, test_clocks_put_back);
    tcase_add_test(tcase, test_times_unknown);
    tcase_add_test(tcase, test_weeks);
    tcase_add_test(tcase, test_change_again);
    tcase_add_test(tcase, test_amounts);
    tcase_add_test(tcase, test_offers);
    tcase_add_test(tcase, test_zones);
    tcase_add_test(tcase, test_facts_alone);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
