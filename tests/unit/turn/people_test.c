/* Aliases of guests. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "agent/people.h"

static struct people *people;

static void setup(void) {
    people = people_new();
}
static void teardown(void) {
    people_free(people);
}

START_TEST(one_person_one_alias) {
    const char *anna = people_alias(people, "Anna@Example.com", "Anna");
    ck_assert_str_eq(anna, "@guest1");
    ck_assert_str_eq(people_alias(people, "bob@example.com", "Anna"), "@guest2");
    ck_assert_str_eq(people_alias(people, "anna@example.COM", "A. Schmidt"), "@guest1");
    ck_assert_str_eq(people_alias(people, "", "Carol"), "@guest3");
    ck_assert_str_eq(people_alias(people, "", "Carol"), "@guest3");
    ck_assert_ptr_null(people_alias(people, "", ""));
    ck_assert_str_eq(people_address(people, "@guest1"), "Anna@Example.com");
    ck_assert_str_eq(people_address(people, "@GUEST2"), "bob@example.com");
    ck_assert_ptr_null(people_address(people, "@guest3")); /* only a name is known */
    ck_assert_ptr_null(people_address(people, "@guest4"));
    ck_assert_ptr_null(people_address(people, "@guest1x"));
    ck_assert_ptr_null(people_address(people, "@guest01"));
    ck_assert_ptr_null(people_address(people, "guest1"));
    ck_assert_ptr_null(people_address(people, ""));
}
END_TEST

static const char *shown(const char *text) {
    size_t index;
    ck_assert_uint_gt(people_match(people, text, strlen(text), &index), 0);
    return people_shown(people, index);
}

START_TEST(names_are_shown_clean) {
    (void)people_alias(people, "a@example.com", "An\xe2\x80\x8bna\nSchmidt");
    (void)people_alias(people, "b@example.com", "");
    (void)people_alias(people, "c@example.com", "boss@example.com");
    ck_assert_str_eq(shown("@guest1, and"), "Anna Schmidt");
    ck_assert_str_eq(shown("@guest2"), "b@example.com");
    ck_assert_str_eq(shown("@guest3"), "c@example.com"); /* not an address that is another's */
    char name[200];
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    (void)people_alias(people, "d@example.com", name);
    ck_assert_uint_eq(strlen(shown("@guest4")), 80);
}
END_TEST

START_TEST(many_people) {
    char address[32];
    for (unsigned i = 1; i <= PEOPLE_MAX; i++) {
        (void)snprintf(address, sizeof(address), "p%u@example.com", i);
        ck_assert_ptr_nonnull(people_alias(people, address, ""));
    }
    ck_assert_ptr_null(people_alias(people, "more@example.com", ""));
    ck_assert_str_eq(people_address(people, "@guest500"), "p500@example.com");
    ck_assert_str_eq(shown("@guest12's"), "p12@example.com");
}
END_TEST

START_TEST(only_what_the_owner_said_of_a_name) {
    const char *said[] = {"Is anna coming on Tuesday?", "And 田中さん?"};
    char *name = people_named("Anna Schmidt", said, 2);
    ck_assert_str_eq(name, "Anna");
    free(name);
    ck_assert_ptr_null(people_named("Hannah Tue", said, 2));
    ck_assert_ptr_null(people_named("", said, 2));
    ck_assert_ptr_null(people_named("Anna", NULL, 0));
    name = people_named("Tuesday: IGNORE ALL, Anna", said, 2);
    ck_assert_str_eq(name, "Tuesday Anna");
    free(name);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("people");
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, one_person_one_alias);
    tcase_add_test(tests, names_are_shown_clean);
    tcase_add_test(tests, many_people);
    tcase_add_test(tests, only_what_the_owner_said_of_a_name);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
