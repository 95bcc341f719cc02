/* The owners' businesses over HTTP: what each route asks for, as whom, and how answers come back.
 */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "gateway/business.h"
#include "gateway/office.h"
#include "tests/unit/gateway/rig.h"

#define COOKIE "Cookie: __Host-cloister-session=good-session\r\nCloister-CSRF: good-csrf\r\n"

static struct rig rig;

static void setup(void) {
    struct gateway_limits limits = rig_limits();
    rig_start(&rig, &limits, "");
}

static void teardown(void) {
    rig_stop(&rig);
}

#define LETTERS_16 "abcdefghijklmnop"
#define LONGEST    LETTERS_16 LETTERS_16 LETTERS_16 LETTERS_16 /* slug that a business may have */

static const struct {
    const char *method, *path, *body, *operation, *arguments;
} rows[] = {
    {"PUT", "/v1/businesses/salon?user=%s", "{\"profile\":{\"name\":\"S\"}}", "put_business",
     "{\"profile\":{\"name\":\"S\"},\"slug\":\"salon\"}"},
    {"GET", "/v1/businesses/salon?user=%s", NULL, "get_own_business", "{\"slug\":\"salon\"}"},
    {"GET", "/v1/businesses/" LONGEST "?user=%s", NULL, "get_own_business",
     "{\"slug\":\"" LONGEST "\"}"},
    {"DELETE", "/v1/businesses/salon?user=%s", NULL, "delete_business", "{\"slug\":\"salon\"}"},
    {"POST", "/v1/businesses/salon/publish?user=%s", NULL, "publish_business",
     "{\"slug\":\"salon\"}"},
    {"POST", "/v1/businesses/salon/publish?user=%s", "{\"version\":7}", "publish_business",
     "{\"version\":7,\"slug\":\"salon\"}"},
    {"GET", "/v1/businesses/salon/notifications?user=%s", NULL, "get_notifications",
     "{\"slug\":\"salon\"}"},
    {"PUT", "/v1/businesses/salon/notifications?user=%s", "{\"emails\":[\"a@b.example\"]}",
     "set_notifications", "{\"emails\":[\"a@b.example\"],\"slug\":\"salon\"}"},
    {"POST", "/v1/businesses/salon/unpublish?user=%s", "{}", "unpublish_business",
     "{\"slug\":\"salon\"}"},
    {"GET", "/v1/users/%s/businesses", NULL, "list_own_businesses", "{}"},
    {"GET", "/v1/users/%s/bookings?status=confirmed&order=newest&from=2026-11-01T00:00:00Z&x=1",
     NULL, "list_bookings",
     "{\"from\":\"2026-11-01T00:00:00Z\",\"status\":\"confirmed\",\"order\":\"newest\"}"},
    {"POST", "/v1/users/%s/bookings/BK7Q2M/cancel", "{\"reason\":\"ill\"}",
     "cancel_booking_as_owner", "{\"reason\":\"ill\",\"reference\":\"BK7Q2M\"}"},
    {"POST", "/v1/users/%s/bookings/BK7Q2M/reschedule", "{\"start\":\"2026-12-01T11:00:00Z\"}",
     "reschedule_booking_as_owner",
     "{\"start\":\"2026-12-01T11:00:00Z\",\"reference\":\"BK7Q2M\"}"},
    {"GET", "/v1/users/%s/inquiries?business=salon", NULL, "list_inquiries",
     "{\"business\":\"salon\"}"},
    {"POST", "/v1/users/%s/inquiries/IQ7Q2M/answer", "{\"text\":\"Yes\"}", "answer_inquiry",
     "{\"text\":\"Yes\",\"reference\":\"IQ7Q2M\"}"},
    {"POST", "/v1/users/%s/inquiries/IQ7Q2M/close", NULL, "close_inquiry",
     "{\"reference\":\"IQ7Q2M\"}"},
};

/* `who`: the user of the path; with "me" a session asks, otherwise the frontend. */
static char *ask(size_t row, const char *who, const char *headers) {
    char path[256];
    ck_assert_ptr_nonnull(rows[row].path);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void)snprintf(path, sizeof(path), rows[row].path, who);
#pragma GCC diagnostic pop
    if (strcmp(who, "me") != 0)
        return rig_call(&rig, rows[row].method, path, headers, rows[row].body);
    char request[2048];
    int n = snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\nHost: x\r\n%s", rows[row].method,
                     path, headers);
    if (rows[row].body != NULL)
        n += snprintf(request + n, sizeof(request) - (size_t)n,
                      "Content-Type: application/json\r\nContent-Length: %zu\r\n",
                      strlen(rows[row].body));
    n += snprintf(request + n, sizeof(request) - (size_t)n, "\r\n%s",
                  rows[row].body != NULL ? rows[row].body : "");
    return rig_raw(&rig, request, (size_t)n);
}

START_TEST(test_asked) {
    SCOPE_FREE char *got = ask((size_t)_i, "ann", "Cloister-Grant: g\r\nIdempotency-Key: k7\r\n");
    ck_assert_msg(status_of(got) == 200, "%s", got);
    struct fake_seen now = rig_seen(&rig);
    ck_assert_str_eq(now.last_operation, rows[_i].operation);
    ck_assert_str_eq(now.last_arguments, rows[_i].arguments);
    ck_assert_str_eq(now.last_user, "ann");
    ck_assert_str_eq(now.last_grant, "g");
    ck_assert_str_eq(now.last_key, "k7");
    SCOPE_FREE char *again = ask((size_t)_i, "me", COOKIE);
    ck_assert_msg(status_of(again) == 200, "%s", again);
    now = rig_seen(&rig);
    ck_assert_str_eq(now.last_session, "good-session");
    ck_assert_str_eq(now.last_user, "");
    ck_assert_uint_eq(strlen(now.last_key), 32); /* its own id */
    ck_assert_uint_eq(now.businesses, 2);
}
END_TEST

START_TEST(test_refused) {
    SCOPE_FREE char *other = ask((size_t)_i, "me",
                                 "Cookie: __Host-cloister-session=good-session\r\n"
                                 "Sec-Fetch-Site: cross-site\r\n");
    check_problem(other, 403, "csrf_invalid");
    SCOPE_FREE char *nobody = ask((size_t)_i, "me", "");
    check_problem(nobody, 401, "unauthorized");
    SCOPE_FREE char *unknown = ask((size_t)_i, "nobody", "Cloister-Grant: g\r\n");
    check_problem(unknown, 404, "unknown_user");
    SCOPE_FREE char *odd = ask((size_t)_i, "a%0Ab", "Cloister-Grant: g\r\n");
    check_problem(odd, 400, "invalid_field");
    ck_assert_uint_eq(rig_seen(&rig).businesses, 0);
}
END_TEST

/* A refusal's own status, code and words; what comes beside it, without replacing any of these. */
START_TEST(test_refusals) {
    SCOPE_FREE char *not_mine = rig_call(&rig, "GET", "/v1/businesses/nobodys?user=ann", "", NULL);
    check_problem(not_mine, 403, "not_owner");
    ck_assert_ptr_nonnull(strstr(not_mine, "It is somebody else's."));
    SCOPE_FREE char *taken = rig_call(&rig, "POST", "/v1/users/ann/bookings/BK1/reschedule", "",
                                      "{\"start\":\"taken\"}");
    check_problem(taken, 409, "slot_taken");
    ck_assert_ptr_nonnull(
        strstr(taken, "\"next_slots\":[{\"start\":\"2026-12-01T11:00:00+01:00\"}]"));
    ck_assert_ptr_nonnull(strstr(taken, "\"status\":409"));
    ck_assert_ptr_null(strstr(taken, "\"status\":200"));
    static const char *const bad[] = {"/v1/businesses/Salon?user=ann",
                                      "/v1/businesses/a%2Fb?user=ann",
                                      "/v1/businesses/salon",
                                      "/v1/businesses/salon?user=",
                                      "/v1/businesses/salon?user=a&user=b",
                                      "/v1/businesses/" LONGEST "q?user=ann"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        SCOPE_FREE char *got = rig_call(&rig, "GET", bad[i], "", NULL);
        check_problem(got, 400, "invalid_field");
    }
    SCOPE_FREE char *reference =
        rig_call(&rig, "POST", "/v1/users/ann/bookings/a%20b/cancel", "", NULL);
    check_problem(reference, 400, "invalid_field");
    SCOPE_FREE char *twice =
        rig_call(&rig, "GET", "/v1/users/ann/bookings?status=a&status=b", "", NULL);
    check_problem(twice, 400, "invalid_field");
    SCOPE_FREE char *latin = rig_call(&rig, "GET", "/v1/users/ann/bookings?status=%ff", "", NULL);
    check_problem(latin, 400, "invalid_field");
    ck_assert_ptr_nonnull(strstr(latin, "'status'"));
    ck_assert_uint_eq(rig_seen(&rig).businesses, 2);
}
END_TEST

/* ---- the owner's pages ---- */

#define BROWSER "Cookie: __Host-cloister-session=good-session\r\n"

static const struct {
    const char *path, *has, *has_too;
} pages[] = {
    {"/businesses", "href=\"/businesses/salon\"", "Salon &lt;b&gt;Ö&lt;/b&gt;"},
    {"/businesses/salon", "value=\"Salon &lt;b&gt;Ö&lt;/b&gt;\"", "Cuts &amp; more"},
    {"/businesses/salon?preview=1", "This is how customers will see it", "09:00–17:00"},
    {"/bookings", "Sam &lt;i&gt;X&lt;/i&gt;", "Tuesday, 1 December 2026, <b>10:00</b>"},
    {"/bookings?when=past", "Sam &lt;i&gt;X&lt;/i&gt;", "Past bookings"},
    {"/inquiries", "Do you do &lt;i&gt;beards&lt;/i&gt;?", "name=\"reference\" value=\"IQ7Q2M\""},
};

START_TEST(test_pages) {
    SCOPE_FREE char *got = rig_browse(&rig, "GET", pages[_i].path, BROWSER, NULL);
    ck_assert_msg(status_of(got) == 200, "%s", got);
    ck_assert_msg(strstr(got, pages[_i].has) != NULL, "%s", got);
    ck_assert_msg(strstr(got, pages[_i].has_too) != NULL, "%s", got);
    ck_assert_ptr_null(strstr(got, "<b>Ö"));
    ck_assert_ptr_null(strstr(got, "<i>X"));
    ck_assert(has_header(got, "Content-Security-Policy: default-src 'none'; script-src 'self'"));
    SCOPE_FREE char *nobody = rig_browse(&rig, "GET", pages[_i].path, "", NULL);
    ck_assert_uint_eq(status_of(nobody), 303);
    ck_assert(has_header(nobody, "Location: /login\r"));
}
END_TEST

/* That it was saved is said where it was: the browser has scrolled there. */
START_TEST(test_saved) {
    static const char said[] = "role=\"status\">Saved.", title[] = "<h2 id=\"hours-title\">";
    SCOPE_FREE char *part =
        rig_browse(&rig, "GET", "/businesses/salon?done=saved&at=hours", BROWSER, NULL);
    const char *at = strstr(part, said), *hours = strstr(part, title);
    ck_assert_msg(at != NULL && hours != NULL && hours < at, "%s", part);
    ck_assert_ptr_null(strstr(at + 1, said));
    SCOPE_FREE char *other =
        rig_browse(&rig, "GET", "/businesses/salon?done=saved&at=x", BROWSER, NULL);
    at = strstr(other, said);
    ck_assert_msg(at != NULL && at < strstr(other, "<h1"), "%s", other);
    ck_assert_ptr_nonnull(strstr(other, "aria-current=\"page\" href=\"/businesses\""));
}
END_TEST

/* What was last comes first, however much there is. */
START_TEST(test_past) {
    static const char newest[] = "\"order\":\"newest\"";
    SCOPE_FREE char *past = rig_browse(&rig, "GET", "/bookings?when=past", BROWSER, NULL);
    ck_assert_ptr_nonnull(strstr(rig_seen(&rig).last_arguments, newest));
    const char *first = strstr(past, "id=\"BK7Q2M\""), *second = strstr(past, "id=\"BK7Q2L\"");
    ck_assert_msg(first != NULL && second != NULL && first < second, "%s", past);
    SCOPE_FREE char *coming = rig_browse(&rig, "GET", "/bookings", BROWSER, NULL);
    ck_assert_ptr_null(strstr(rig_seen(&rig).last_arguments, newest));
    ck_assert_ptr_nonnull(strstr(coming, "id=\"BK7Q2M\""));
}
END_TEST

static const struct {
    const char *path, *form, *operation, *has, *location;
} forms[] = {
    {"/businesses", "name=Neu&slug=nobodys&timezone=Europe/Berlin", "get_own_business",
     "Somebody else has", NULL},
    {"/businesses", "name=Neu&slug=salon&timezone=Europe/Berlin", "list_own_businesses",
     "You have a business of that name already.", NULL},
    {"/businesses/salon", "act=about&name=Neu+%26+alt&languages=de,+en", "put_business",
     "\"name\":\"Neu & alt\"", "/businesses/salon?done=saved&at=about#about"},
    {"/businesses/salon",
     "act=service&name=Cut+%26+colour&duration_minutes=45&price_min=12.5&price_currency=EUR",
     "put_business",
     "{\"id\":\"cut-colour\",\"name\":\"Cut & colour\",\"duration_minutes\":45,\"price\":{"
     "\"min\":12.5,\"currency\":\"EUR\"}}",
     "/businesses/salon?done=saved&at=services#services"},
    {"/businesses/salon", "act=service&id=cut&name=Cut&duration_minutes=x", "put_business",
     "\"duration_minutes\":\"x\"", "/businesses/salon?done=saved&at=services#services"},
    {"/businesses/salon", "act=drop-service&id=cut", "put_business", "\"services\":[]",
     "/businesses/salon?done=saved&at=services#services"},
    {"/businesses/salon",
     "act=hours&timezone=Asia/Kolkata&mon_opens1=09:00&mon_closes1=12:00&mon_opens2=13:00&"
     "mon_closes2=18:00&sun_opens1=22:00&sun_closes1=02:00",
     "put_business",
     "\"weekly\":[{\"opens\":\"09:00\",\"closes\":\"12:00\",\"days\":[\"mon\"]},{\"opens\":"
     "\"13:00\",\"closes\":\"18:00\",\"days\":[\"mon\"]},{\"opens\":\"22:00\",\"closes\":"
     "\"02:00\",\"days\":[\"sun\"]}]",
     "/businesses/salon?done=saved&at=hours#hours"},
    {"/businesses/salon",
     "act=hours&timezone=Asia/Kolkata&mon_opens1=9&mon_closes1=12.30&tue_opens1=0930&"
     "tue_closes1=24:00&wed_opens1=930&wed_closes1=5pm",
     "put_business",
     "\"weekly\":[{\"opens\":\"09:00\",\"closes\":\"12:30\",\"days\":[\"mon\"]},{\"opens\":"
     "\"09:30\",\"closes\":\"24:00\",\"days\":[\"tue\"]},{\"opens\":\"09:30\",\"closes\":\"5pm\","
     "\"days\":[\"wed\"]}]",
     "/businesses/salon?done=saved&at=hours#hours"},
    {"/businesses/salon", "act=exception&date=2026-12-24", "put_business",
     "\"exceptions\":[{\"date\":\"2026-12-24\",\"closed\":true}]",
     "/businesses/salon?done=saved&at=hours#hours"},
    {"/businesses/salon", "act=attributes&attributes=wheelchair+access%3A+yes%0D%0Aparking%3A+yard",
     "put_business", "\"attributes\":{\"wheelchair_access\":true,\"parking\":\"yard\"}",
     "/businesses/salon?done=saved&at=attributes#attributes"},
    {"/businesses/salon", "act=features&booking=1", "put_business",
     "\"features\":{\"booking\":true,\"inquiries\":false,\"chat\":false,\"agent_answers\":false}",
     "/businesses/salon?done=saved&at=features#features"},
    {"/businesses/salon", "act=publish", "publish_business", "{\"slug\":\"salon\"}",
     "/businesses/salon?done=published"},
    {"/businesses/salon", "act=delete&sure=1", "delete_business", "{\"slug\":\"salon\"}",
     "/businesses?done=deleted"},
    {"/bookings", "act=cancel&reference=BK7Q2M&reason=ill", "cancel_booking_as_owner",
     "{\"reference\":\"BK7Q2M\",\"reason\":\"ill\"}", "/bookings?done=cancelled"},
    /* The day on which clocks are put back: the first of the two. */
    {"/bookings", "act=move&reference=BK7Q2M&business=salon&start=2026-10-25T02:30",
     "reschedule_booking_as_owner",
     "{\"reference\":\"BK7Q2M\",\"start\":\"2026-10-25T02:30:00+02:00\"}", "/bookings?done=moved"},
    {"/inquiries", "reference=IQ7Q2M&text=Yes", "answer_inquiry",
     "{\"reference\":\"IQ7Q2M\",\"text\":\"Yes\"}", "/inquiries?done=answered"},
    {"/inquiries", "reference=IQ7Q2M&text=&close=1", "close_inquiry", "{\"reference\":\"IQ7Q2M\"}",
     "/inquiries?done=closed"},
};

/* The form has two times a day: what an agent has made besides is not lost with it. */
START_TEST(test_further_times) {
    static const char before[] =
        "{\"hours\":{\"weekly\":[{\"days\":[\"mon\",\"tue\"],\"opens\":\"08:00\",\"closes\":\"10:"
        "00\"},"
        "{\"days\":[\"mon\"],\"opens\":\"11:00\",\"closes\":\"12:00\"},"
        "{\"days\":[\"mon\",\"tue\"],\"opens\":\"13:00\",\"closes\":\"15:00\"},"
        "{\"days\":[\"mon\"],\"opens\":\"19:00\",\"closes\":\"21:00\"}]}}";
    static const char after[] = "[{\"closes\":\"10:30\",\"days\":[\"mon\"],\"opens\":\"09:00\"},"
                                "{\"closes\":\"15:00\",\"days\":[\"mon\"],\"opens\":\"13:00\"},"
                                "{\"closes\":\"21:00\",\"days\":[\"mon\"],\"opens\":\"19:00\"}]";
    json_t *profile = json_loads(before, 0, NULL),
           *form = json_pack("{s:s, s:s, s:s}", "timezone", "UTC", "mon_opens1", "09:00",
                             "mon_closes1", "10:30");
    ck_assert(office_apply(profile, "hours", form));
    char *weekly = json_dumps(json_object_get(json_object_get(profile, "hours"), "weekly"),
                              JSON_COMPACT | JSON_SORT_KEYS);
    ck_assert_str_eq(weekly, after);
    free(weekly);
    json_decref(form);
    json_decref(profile);
}
END_TEST

START_TEST(test_forms) {
    char form[1024];
    (void)snprintf(form, sizeof(form), "csrf=good-csrf&%s", forms[_i].form);
    SCOPE_FREE char *got = rig_browse(&rig, "POST", forms[_i].path, BROWSER, form);
    struct fake_seen now = rig_seen(&rig);
    if (forms[_i].location == NULL) {
        ck_assert_msg(status_of(got) == 422 && strstr(got, forms[_i].has) != NULL, "%s", got);
        return;
    }
    char location[128];
    (void)snprintf(location, sizeof(location), "Location: %s\r", forms[_i].location);
    ck_assert_msg(status_of(got) == 303 && has_header(got, location), "%s", got);
    ck_assert_str_eq(now.last_operation, forms[_i].operation);
    ck_assert_msg(strstr(now.last_arguments, forms[_i].has) != NULL, "%s", now.last_arguments);
    ck_assert_str_eq(now.last_csrf, "good-csrf");
    /* Without the token nothing is changed. */
    unsigned changes = now.changes;
    SCOPE_FREE char *without = rig_browse(&rig, "POST", forms[_i].path, BROWSER, forms[_i].form);
    ck_assert_uint_eq(status_of(without), 403);
    ck_assert_uint_eq(rig_seen(&rig).changes, changes);
}
END_TEST

/* The longest name there may be leads back to its own pages. */
START_TEST(test_longest_name) {
    static const char *const ways[][2] = {{"", "csrf=good-csrf&act=features&booking=1"},
                                          {"/notifications", "csrf=good-csrf&act=save"}};
    char name[SLUG_MAX + 1] = "", path[128], location[160];
    memset(name, 'a', SLUG_MAX);
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        (void)snprintf(path, sizeof(path), "/businesses/%s%s", name, ways[i][0]);
        (void)snprintf(location, sizeof(location), "Location: %s?done=", path);
        SCOPE_FREE char *got = rig_browse(&rig, "POST", path, BROWSER, ways[i][1]);
        ck_assert_msg(status_of(got) == 303 && has_header(got, location), "%s", got);
    }
}
END_TEST

/* Who left a phone number alone is told by the owner or by nobody. */
START_TEST(test_untold) {
    static const struct {
        const char *path, *form, *says;
    } acts[] = {
        {"/bookings", "csrf=good-csrf&act=cancel&reference=UNTOLD", "Cancelled."},
        {"/bookings",
         "csrf=good-csrf&act=move&reference=UNTOLD&business=salon&start=2026-10-25T12:30",
         "Moved."},
        {"/inquiries", "csrf=good-csrf&reference=UNTOLD&text=Yes", "Answered."},
    };
    char says[160];
    SCOPE_FREE char *got = rig_browse(&rig, "POST", acts[_i].path, BROWSER, acts[_i].form);
    (void)snprintf(says, sizeof(says),
                   "%s The customer left no e-mail address and is not told: call +49 30 &lt;1&gt;.",
                   acts[_i].says);
    ck_assert_msg(status_of(got) == 200 && strstr(got, says) != NULL, "%s", got);
    ck_assert_ptr_null(strstr(got, "The customer is told"));
    ck_assert_ptr_nonnull(strstr(got, "7Q2M")); /* the list */
}
END_TEST

/* What was refused stands in its form again, which is open. */
START_TEST(test_typed_again) {
    static const struct {
        const char *path, *form, *shows;
    } acts[] = {
        {"/bookings", "csrf=good-csrf&act=cancel&reference=BK7Q2M&reason=taken+%3Cill%3E",
         "<details open>\n<summary>Cancel<"},
        {"/bookings", "csrf=good-csrf&act=cancel&reference=BK7Q2M&reason=taken+%3Cill%3E",
         ">taken &lt;ill&gt;</textarea>"},
        {"/bookings", "csrf=good-csrf&act=move&reference=BK7Q2M&business=salon&start=2026-99-99T9",
         "<details open>\n<summary>Move<"},
        {"/inquiries", "csrf=good-csrf&reference=IQ7Q2M&text=taken+%3Cup%3E",
         ">taken &lt;up&gt;</textarea>"},
    };
    SCOPE_FREE char *got = rig_browse(&rig, "POST", acts[_i].path, BROWSER, acts[_i].form);
    ck_assert_msg(status_of(got) == 422 && strstr(got, acts[_i].shows) != NULL, "%s", got);
    SCOPE_FREE char *fresh = rig_browse(&rig, "GET", acts[_i].path, BROWSER, NULL);
    ck_assert_ptr_null(strstr(fresh, acts[_i].shows));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("gateway-business");
    TCase *tcase = tcase_create("business");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, test_asked, 0, COUNT_OF(rows));
    tcase_add_loop_test(tcase, test_refused, 0, COUNT_OF(rows));
    tcase_add_test(tcase, test_refusals);
    tcase_add_loop_test(tcase, test_pages, 0, COUNT_OF(pages));
    tcase_add_test(tcase, test_saved);
    tcase_add_test(tcase, test_past);
    tcase_add_test(tcase, test_further_times);
    tcase_add_loop_test(tcase, test_forms, 0, COUNT_OF(forms));
    tcase_add_test(tcase, test_longest_name);
    tcase_add_loop_test(tcase, test_untold, 0, 3);
    tcase_add_loop_test(tcase, test_typed_again, 0, 4);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
