/* Where owners are told: chosen by them alone, and what they chose is in the outbox's rows. */
#include <string.h>

#include "tests/unit/business/rig.h"

static const char settings[] =
    "[notify]\nowner_webhook_hosts=hooks.example:443 localhost:8443 127.0.0.1:8080\n";

static void begin(void) {
    rig_settings(settings);
    rig_begin();
    rig_publish(ALICE, "anna",
                rig_profile("Salon Anna", "hairdresser", "Berlin", "DE",
                            "{'features': {'inquiries': true}}"));
    rig_owner(ALICE);
}

static void inquire(void) {
    static const char *const keys[] = {"ask-1", "ask-2", "ask-3", "ask-4"};
    static size_t n;
    rig_key = keys[n++ % COUNT_OF(keys)];
    rig_public("192.0.2.7", "test");
    (void)rig_call("send_inquiry", "{'business': 'anna', 'message': 'Beards?', 'customer': "
                                   "{'name': 'Bob', 'email': 'bob@customer.example'}}");
    ck_done();
    rig_owner(ALICE);
}

#define OWNERS "FROM outbox WHERE kind = 'inquiry_new' AND to_kind = 'owner'"

START_TEST(nobody_is_told_until_it_is_chosen) {
    json_t *told = rig_call("get_notifications", "{'slug': 'anna'}");
    ck_done();
    ck_assert_uint_eq(json_array_size(json_object_get(told, "emails")), 0);
    ck_assert_uint_eq(json_array_size(json_object_get(told, "kinds")), 5);
    ck_assert_ptr_null(json_object_get(told, "webhook_secret"));
    ck_assert_str_eq(text_at(told, "webhook_hosts.1"), "localhost:8443");
    inquire();
    ck_assert_str_eq(rig_sql("SELECT count(*) " OWNERS), "1");
    ck_assert_str_eq(rig_sql("SELECT count(*) " OWNERS " AND (payload ? 'to' OR payload ? "
                             "'own_webhook')"),
                     "0");
}
END_TEST

START_TEST(every_address_and_the_webhook_are_told_once) {
    (void)rig_call("set_notifications", "{'slug': 'anna', 'emails': ['a@salon.example', "
                                        "'b@salon.example', 'a@salon.example'], 'webhook_url': "
                                        "'https://hooks.example/anna'}");
    ck_done();
    inquire();
    ck_assert_str_eq(rig_sql("SELECT string_agg(payload->>'to', ',' ORDER BY id) " OWNERS),
                     "a@salon.example,b@salon.example");
    ck_assert_str_eq(rig_sql("SELECT count(*) " OWNERS " AND payload->'own_webhook'->>'url' = "
                             "'https://hooks.example/anna' AND payload->'own_webhook'->>'key' = "
                             "(SELECT webhook_key FROM notifications)"),
                     "1");
    ck_assert_str_eq(rig_sql("SELECT count(*) " OWNERS " AND NOT coalesce((payload->'delivered'->>"
                             "'webhook')::boolean, false)"),
                     "1"); /* the operator's webhook: one of them */
}
END_TEST

START_TEST(what_is_not_chosen_is_not_told) {
    (void)rig_call(
        "set_notifications",
        "{'slug': 'anna', 'emails': ['a@salon.example'], 'kinds': ['calendar_trouble']}");
    ck_done();
    inquire();
    ck_assert_str_eq(rig_sql("SELECT count(*) " OWNERS " AND payload ? 'to'"), "0");
    json_t *told = rig_call("set_notifications", "{'slug': 'anna', 'kinds': ['inquiry_new']}");
    ck_assert_str_eq(text_at(told, "emails.0"), "a@salon.example"); /* not given: as it was */
    inquire();
    ck_assert_str_eq(rig_sql("SELECT count(*) " OWNERS " AND payload ? 'to'"), "1");
    (void)rig_call("set_notifications", "{'slug': 'anna', 'emails': [], 'kinds': []}");
    inquire();
    ck_assert_str_eq(rig_sql("SELECT count(*) " OWNERS " AND payload ? 'to'"), "1");
}
END_TEST

START_TEST(the_key_stays_as_long_as_the_address) {
    static const char same[] = "{'slug': 'anna', 'webhook_url': 'https://hooks.example/1'}";
    char first[80], second[80];
    (void)snprintf(first, sizeof(first), "%s",
                   text_at(rig_call("set_notifications", same), "webhook_secret"));
    ck_assert_int_eq(strncmp(first, "whsec_", 6), 0);
    ck_assert_str_eq(text_at(rig_call("set_notifications", same), "webhook_secret"), first);
    (void)rig_call("set_notifications", "{'slug': 'anna', 'emails': []}");
    ck_assert_str_eq(text_at(rig_call("get_notifications", "{'slug': 'anna'}"), "webhook_secret"),
                     first);
    (void)snprintf(second, sizeof(second), "%s",
                   text_at(rig_call("set_notifications",
                                    "{'slug': 'anna', 'webhook_url': 'https://hooks.example/2'}"),
                           "webhook_secret"));
    ck_assert_str_ne(second, first);
    json_t *told = rig_call("set_notifications", "{'slug': 'anna', 'new_webhook_secret': true}");
    ck_assert_str_ne(text_at(told, "webhook_secret"), second);
}
END_TEST

static const struct {
    const char *given, *field; /* NULL: it is taken, the control */
} cases[] = {
    {"'webhook_url': 'https://hooks.example/'", NULL},
    {"'webhook_url': 'http://127.0.0.1:8080/x'", NULL},
    {"'webhook_url': 'http://hooks.example:443/'", "webhook_url: must be an https address"},
    {"'webhook_url': 'https://hooks.example:444/'", "webhook_url: this service sends nothing"},
    {"'webhook_url': 'https://hooks.example.evil.example/'", "webhook_url: this service sends"},
    {"'webhook_url': 'https://hooks.example@evil.example/'", "webhook_url: must be"},
    {"'webhook_url': 'http://169.254.169.254/'", "webhook_url: must be"},
    {"'webhook_url': 'https://10.0.0.1/'", "webhook_url: this service sends"},
    {"'emails': ['a@salon.example', 'nobody']", "emails"},
    {"'emails': ['a@b@c.example']", "emails"},
    {"'emails': ['a@b.example', 'b@b.example', 'c@b.example', 'd@b.example', 'e@b.example', "
     "'f@b.example']",
     "emails"},
    {"'kinds': ['everything']", "kinds"},
    {"'to': 'x'", "has a member that is not known"},
};

START_TEST(what_cannot_be_is_refused_by_its_field) {
    char text[400];
    (void)snprintf(text, sizeof(text), "{'slug': 'anna', %s}", cases[_i].given);
    (void)rig_call("set_notifications", text);
    if (cases[_i].field == NULL) {
        ck_done();
        return;
    }
    ck_status(400, "invalid_argument");
    ck_assert_msg(strncmp(rig_detail, cases[_i].field, strlen(cases[_i].field)) == 0, "%s",
                  rig_detail);
}
END_TEST

START_TEST(it_is_the_owners_alone) {
    static const char set[] = "{'slug': 'anna', 'emails': ['x@evil.example']}";
    rig_owner(BOB);
    (void)rig_call("set_notifications", set);
    ck_status(403, "not_owner");
    (void)rig_call("get_notifications", "{'slug': 'anna'}");
    ck_status(403, "not_owner");
    (void)rig_call("get_notifications", "{'slug': 'nobody'}");
    ck_status(404, "unknown_business");
    rig_public("192.0.2.1", "test");
    (void)rig_call("set_notifications", set);
    ck_status(403, "not_allowed");
    rig_agent_of(ALICE); /* a calendar's words must not send customers' names elsewhere */
    (void)rig_call("set_notifications", set);
    ck_status(403, "not_allowed");
    (void)rig_call("get_notifications", "{'slug': 'anna'}");
    ck_status(403, "not_allowed");
    ck_assert_str_eq(rig_sql("SELECT count(*) FROM notifications"), "0");
    rig_owner(ALICE);
    (void)rig_call("set_notifications", set);
    ck_done();
}
END_TEST

int main(void) {
    Suite *suite = suite_create("notifications");
    TCase *tests = tcase_create("notifications");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, begin, rig_end);
    tcase_add_test(tests, nobody_is_told_until_it_is_chosen);
    tcase_add_test(tests, every_address_and_the_webhook_are_told_once);
    tcase_add_test(tests, what_is_not_chosen_is_not_told);
    tcase_add_test(tests, the_key_stays_as_long_as_the_address);
    tcase_add_test(tests, it_is_the_owners_alone);
    tcase_add_loop_test(tests, what_cannot_be_is_refused_by_its_field, 0, COUNT_OF(cases));
    suite_add_tcase(suite, tests);
    return postgres_tests(suite);
}
