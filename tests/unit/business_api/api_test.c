/* The table of operations and the schemas: what is taken, what is refused and how, what is kept. */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "business/api/operations.h"

static json_t *parse(const char *text) {
    json_t *value = json_loads(text, 0, NULL);
    ck_assert_ptr_nonnull(value);
    return value;
}

/* "" when the arguments are taken, else the error. */
static const char *judge(const char *operation, const char *arguments) {
    static char error[SCHEMA_ERROR_SIZE];
    json_t *value = parse(arguments);
    int r = schema_validate(operation_find(operation)->arguments, SCHEMA_ARGUMENTS, value, error);
    json_decref(value);
    ck_assert_int_eq(r, error[0] == '\0' ? 0 : -EINVAL);
    return error;
}

#define BOOKING                                                                                    \
    "\"business\":\"salon-nord\",\"service\":\"cut\",\"start\":\"2027-03-01T09:00:00+01:00\""

START_TEST(arguments_are_judged_by_the_table) {
    static const struct {
        const char *operation, *arguments, *error;
    } cases[] = {
        {"search_businesses", "{}", ""},
        {"search_businesses",
         "{\"limit\":50,\"mode\":\"remote\",\"attributes\":{\"parking\":true}}", ""},
        {"search_businesses", "{\"limit\":51}", "limit: must be between 1 and 50"},
        {"search_businesses", "{\"limit\":\"many\"}", "limit: must be a whole number"},
        {"search_businesses", "{\"limit\":1.5}", "limit: must be a whole number"},
        {"search_businesses", "{\"mode\":\"on the moon\"}",
         "mode: must be one of at_business, at_customer, remote"},
        {"search_businesses", "{\"attributes\":{\"Free Parking\":true}}",
         "attributes: names of members must be words of at most 60 lower-case letters, digits, _ "
         "and -"},
        {"search_businesses",
         "{\"attributes\":{\"a123456789b123456789c123456789d123456789e123456789f1234567890\":true}"
         "}",
         "attributes: names of members must be words of at most 60 lower-case letters, digits, _ "
         "and -"},
        {"search_businesses",
         "{\"attributes\":{\"a123456789b123456789c123456789d123456789e123456789f123456789\":true}}",
         ""},
        {"search_businesses", "{\"attributes\":{\"parking\":4}}",
         "attributes.(member): must be true, false or a text"},
        {"search_businesses", "{\"query\":\"two\\nlines\"}", "query: must be text on one line"},
        {"get_business", "{}", "business is needed"},
        {"get_business", "{\"business\":\"Not A Slug\"}",
         "business: must be lower-case letters, digits and single hyphens between them"},
        {"get_business", "{\"business\":\"a\",\"zebra\":1}",
         "has a member that is not known; known are: business"},
        {"get_business", "[]", "must be an object"},
        {"create_booking",
         "{" BOOKING ",\"customer\":{\"name\":\"Ada\",\"email\":\"ada@example.com\"}}", ""},
        {"create_booking",
         "{" BOOKING ",\"customer\":{\"name\":\"Ada\",\"email\":\"ada at home\"}}",
         "customer.email: must be an e-mail address of plain letters, digits and signs, without a "
         "dot "
         "at an end of its name or two in a row"},
        {"create_booking", "{" BOOKING ",\"customer\":{\"name\":\"  \"}}",
         "customer.name: must not be blank"},
        {"create_booking", "{" BOOKING ",\"customer\":{\"name\":\"a\\u0007b\"}}",
         "customer.name: must be text on one line"},
        {"create_booking", "{" BOOKING "}", "customer is needed"},
        {"check_availability",
         "{\"business\":\"a\",\"service\":\"b\",\"from\":\"2027-03-01T09:00:00\"}",
         "from: must be an RFC 3339 time with an offset, like 2027-03-01T09:00:00+01:00"},
        {"check_availability",
         "{\"business\":\"a\",\"service\":\"b\",\"from\":\"2027-02-29T09:00:00Z\"}",
         "from: must be an RFC 3339 time with an offset, like 2027-03-01T09:00:00+01:00"},
        {"ask_businesses", "{\"message\":\"free on Monday?\",\"businesses\":[\"a\",\"B\"]}",
         "businesses[1]: must be lower-case letters, digits and single hyphens between them"},
        {"put_business",
         "{\"slug\":\"a\",\"profile\":{\"hours\":{\"timezone\":\"Asia/"
         "Kolkata\",\"weekly\":[{\"days\":"
         "[\"mon\"],\"opens\":\"22:00\",\"closes\":\"24:00\"}]}}}",
         ""},
        {"put_business",
         "{\"slug\":\"a\",\"profile\":{\"hours\":{\"timezone\":\"Asia/"
         "Kolkata\",\"weekly\":[{\"days\":"
         "[\"mon\"],\"opens\":\"22:00\",\"closes\":\"24:01\"}]}}}",
         "profile.hours.weekly[0].closes: must be a time of day like 09:30"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        ck_assert_str_eq(judge(cases[i].operation, cases[i].arguments), cases[i].error);
}
END_TEST

START_TEST(forms_of_texts) {
    static const struct {
        enum shape_format format;
        const char *text;
        bool fits;
    } cases[] = {
        {FORMAT_SLUG, "a-1-b", true},
        {FORMAT_SLUG, "a--b", false},
        {FORMAT_SLUG, "-a", false},
        {FORMAT_SLUG, "a/../b", false},
        {FORMAT_INSTANT, "2027-03-01T09:00:00Z", true},
        {FORMAT_INSTANT, "2027-03-01T09:00:00.25-03:30", true},
        {FORMAT_INSTANT, "2027-03-01 09:00:00Z", false},
        {FORMAT_INSTANT, "2027-03-01T24:00:00Z", false},
        {FORMAT_INSTANT, "2027-03-01T09:00:00+24:00", false},
        {FORMAT_DATE, "2028-02-29", true},
        {FORMAT_DATE, "2100-02-29", false},
        {FORMAT_LANGUAGE, "de", true},
        {FORMAT_LANGUAGE, "zh-Hans-CN", true},
        {FORMAT_LANGUAGE, "german words", false},
        {FORMAT_EMAIL, "a.b+c@example.co.uk", true},
        {FORMAT_EMAIL, "a@b", false},
        {FORMAT_EMAIL, "a@b..c", false},
        {FORMAT_EMAIL, "a@example.com\r\nBcc: x@example.com", false},
        {FORMAT_PHONE, "+41 44 555 01 02", true},
        {FORMAT_PHONE, "(030) 12", true},
        {FORMAT_PHONE, "+(030) 1", false},
        {FORMAT_PHONE, "++++++", false},
        {FORMAT_PHONE, "call me", false},
        {FORMAT_HTTPS, "https://example.com/x", true},
        {FORMAT_HTTPS, "http://example.com", false},
        {FORMAT_URL, "javascript:alert(1)", false},
        {FORMAT_REFERENCE, "BK-7Q2M-X9", true},
        {FORMAT_REFERENCE, "bk-7", false},
        {FORMAT_ZONE, "America/Argentina/Buenos_Aires", true},
        {FORMAT_ZONE, "../etc/passwd", false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        ck_assert_msg(format_fits(cases[i].format, cases[i].text, strlen(cases[i].text)) ==
                          cases[i].fits,
                      "%s", cases[i].text);
}
END_TEST

/* 30.0 is a whole number in JSON Schema: what is taken is an integer from then on, at any depth,
 * and what is no integer's place stays as it was. */
START_TEST(whole_numbers_are_integers_once_taken) {
    char error[SCHEMA_ERROR_SIZE];
    json_t *value = parse("{\"slug\":\"salon-nord\",\"version\":4.0,\"profile\":{\"services\":["
                          "{\"id\":\"a\",\"name\":\"A\",\"duration_minutes\":30},"
                          "{\"id\":\"b\",\"name\":\"B\",\"duration_minutes\":3e1,"
                          "\"buffer_after_minutes\":15.0,\"price\":{\"min\":20.0}}]}}");
    ck_assert_int_eq(
        schema_validate(operation_find("put_business")->arguments, SCHEMA_ARGUMENTS, value, error),
        0);
    json_t *wanted = parse("{\"slug\":\"salon-nord\",\"version\":4,\"profile\":{\"services\":["
                           "{\"id\":\"a\",\"name\":\"A\",\"duration_minutes\":30},"
                           "{\"id\":\"b\",\"name\":\"B\",\"duration_minutes\":30,"
                           "\"buffer_after_minutes\":15,\"price\":{\"min\":20.0}}]}}");
    ck_assert_int_eq(json_equal(value, wanted), 1);
    json_decref(value);
    json_decref(wanted);
}
END_TEST

START_TEST(who_may_ask_what) {
    static const struct {
        const char *operation, *origin;
        bool person, model;
    } cases[] = {
        {"search_businesses", "customer", true, false},
        {"create_booking", "customer", true, true},
        {"create_booking", "owner", false, false},
        {"put_business", "owner", true, true},
        {"put_business", "customer", false, false},
        {"publish_business", "owner", true, false},
        {"delete_business", "owner", true, false},
        {"list_bookings", "customer", false, false},
        {"begin_chat", "customer", false, false},
        {"begin_chat", "owner", false, false},
        {"begin_chat", "cloisterd", true, false},
        {"create_booking", "scheduler", false, false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct operation *operation = operation_find(cases[i].operation);
        ck_assert_ptr_nonnull(operation);
        ck_assert(operation_may(operation, cases[i].origin, false) == cases[i].person);
        ck_assert(operation_may(operation, cases[i].origin, true) == cases[i].model);
    }
    ck_assert_ptr_null(operation_find("drop_table"));
}
END_TEST

/* What a person says of themselves is never kept, what counts is. */
START_TEST(the_log_keeps_values_only_where_the_table_says_so) {
    json_t *value =
        parse("{" BOOKING
              ",\"customer\":{\"name\":\"Ada\",\"email\":\"ada@example.com\",\"phone\":\"+1 555\"},"
              "\"note\":\"I am ill\",\"language\":\"an-Ada-Lovelace\",\"secretly\":\"x\",\"Ada "
              "Lovelace\":1}");
    json_t *kept = schema_redact(operation_find("create_booking")->arguments, value);
    json_t *expected =
        parse("{" BOOKING ",\"customer\":{\"name\":\"given\",\"email\":\"given\",\"phone\":"
              "\"given\"},\"note\":\"given\",\"language\":\"given\",\"unknown\":2}");
    ck_assert(json_equal(kept, expected));
    json_decref(value);
    json_decref(kept);
    json_decref(expected);
    value = parse(
        "{\"latitude\":47.1,\"limit\":5,\"attributes\":{\"for_ada\":\"yes\"},\"mode\":\"Ada\"}");
    kept = schema_redact(operation_find("search_businesses")->arguments, value);
    expected =
        parse("{\"latitude\":\"given\",\"limit\":5,\"attributes\":\"given\",\"mode\":\"given\"}");
    ck_assert(json_equal(kept, expected));
    json_decref(value);
    json_decref(kept);
    json_decref(expected);
}
END_TEST

START_TEST(every_operation_has_schemas) {
    for (size_t i = 0; operation_at(i) != NULL; i++) {
        const struct operation *operation = operation_at(i);
        json_t *arguments = schema_json(operation->arguments, SCHEMA_ARGUMENTS);
        json_t *result = schema_json(operation->result, SCHEMA_RESULT);
        ck_assert_str_eq(json_string_value(json_object_get(arguments, "type")), "object");
        ck_assert(json_is_false(json_object_get(arguments, "additionalProperties")));
        ck_assert_str_eq(json_string_value(json_object_get(result, "type")), "object");
        ck_assert(operation->title[0] != '\0' && operation->about[0] != '\0');
        ck_assert(!operation->tool || operation->who == WHO_CUSTOMER);
        json_decref(arguments);
        json_decref(result);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("business api");
    TCase *all = tcase_create("all");
    tcase_add_test(all, arguments_are_judged_by_the_table);
    tcase_add_test(all, forms_of_texts);
    tcase_add_test(all, whole_numbers_are_integers_once_taken);
    tcase_add_test(all, who_may_ask_what);
    tcase_add_test(all, the_log_keeps_values_only_where_the_table_says_so);
    tcase_add_test(all, every_operation_has_schemas);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
