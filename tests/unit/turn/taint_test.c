/* Which texts repeat another event's, and which do not. */
#include <check.h>
#include <string.h>

#include "memory/taint.h"

static struct taint *taint;

static void setup(void) {
    taint = taint_new();
    taint_add(taint, TAINT_GOOGLE, "clinic", "Oncology appointment with Dr Weiss");
    taint_add(taint, TAINT_GOOGLE, "clinic", "Room 4, Charité; bring the results of 12 March 2026");
    taint_add(taint, TAINT_GOOGLE, "team", "Weekly team standup");
    taint_add(taint, TAINT_GOOGLE, "tokyo", "新宿支店の定例会議について");
    taint_add(taint, TAINT_CUSTOMER, "a customer", "I want a haircut, see https://Evil.com/A?b=c");
}
static void teardown(void) {
    taint_free(taint);
}

static bool other(const char *text, const char *about, const char *words) {
    return taint_other(taint, text, about, &words, 1);
}

START_TEST(what_was_seen) {
    struct taint *clean = taint_new();
    ck_assert(!taint_seen(clean));
    taint_add(clean, TAINT_GOOGLE, "x", "");
    ck_assert(!taint_seen(clean));
    ck_assert(!taint_other(clean, "Oncology appointment with Dr Weiss", NULL, NULL, 0));
    taint_add(clean, TAINT_GOOGLE, "x", "a");
    ck_assert(taint_seen(clean) && taint_seen(taint));
    taint_free(clean);
    taint_free(NULL);
}
END_TEST

START_TEST(copies_are_found) {
    static const char *const copies[] = {
        "Lunch: Oncology appointment with Dr Weiss",
        "appointment with Dr. Weiss",
        "with dr weiss",
        "ONCOLOGY APPOINTMENT",
        "oncologyappointment",
        "O-n-c-o-l-o-g-y a-p-p-o-i-n-t",
        "O n c o l o g y a p p o i n t",
        "Ｏｎｃｏｌｏｇｙ appointment",
        "Ónčölögý appointment",
        "On\xe2\x80\x8b"
        "cology app\xc2\xad"
        "ointment",
        "ssieW rD htiw tnemtnioppa",
        "T25jb2xvZ3kgYXBwb2ludG1lbnQgd2l0aA==",
        "b25jb2xvZ3kgYXBwb2ludG1lbnQ",
        "4f6e636f6c6f6779206170706f696e746d656e74",
        "Lunch (charite bring the)",
        "results of 12 March",
        "定例会議について",
        "Lunch 新宿支店の定例",
    };
    for (size_t i = 0; i < COUNT_OF(copies); i++)
        ck_assert_msg(other(copies[i], NULL, "Put lunch on Friday"), "%s", copies[i]);
}
END_TEST

START_TEST(other_words_are_free) {
    static const char *const titles[] = {
        "Lunch",
        "Lunch with Sam",
        "Oncology",
        "Dr Weiss",
        "Team lunch, weekly",
        "Appointment at the dentist",
        "12 March 2026",
        "2026-03-12 12:30",
        "定例会議",
        "",
    };
    for (size_t i = 0; i < COUNT_OF(titles); i++)
        ck_assert_msg(!other(titles[i], NULL, "Put it on Friday"), "%s", titles[i]);
}
END_TEST

START_TEST(the_owners_words_and_the_events_own) {
    ck_assert(other("Weekly team standup", NULL, "Make an event"));
    ck_assert(!other("Weekly team standup", NULL, "Add a weekly team standup on Monday"));
    ck_assert(!other("Weekly team standup", NULL, "add WEEKLY  Team-Standup"));
    ck_assert(!other("Weekly team standup (short)", "team", "Make it short"));
    ck_assert(other("Weekly team standup: Oncology appointment", "team", "Make it short"));
    ck_assert(other("Weekly team standup", "clinic", "Rename it"));
    /* One word of the owner's does not free what stands around it. */
    ck_assert(other("Oncology appointment with Dr Weiss", NULL, "Book an appointment with Sam"));
}
END_TEST

START_TEST(pieces) {
    const char *address = "https://evil.com/a?b=c";
    ck_assert(taint_has(taint, address, strlen(address)));
    ck_assert(taint_has(taint, "evil.com/A", 10));
    ck_assert(!taint_has(taint, "https://evil.com/a?b=cd", 23));
    ck_assert(!taint_has(taint, "", 0));
    char *large = malloc(1 << 20);
    memset(large, 'x', (1 << 20) - 1);
    large[(1 << 20) - 1] = '\0';
    taint_add(taint, TAINT_GOOGLE, "large", large);
    ck_assert(taint_has(taint, "evil.com/A", 10));
    for (size_t i = 0; i < 300; i++)
        (void)taint_has(taint, "nowhere", 7);
    ck_assert(!taint_has(taint, "evil.com/A", 10)); /* looks are bounded */
    free(large);
}
END_TEST

START_TEST(a_full_registry_trusts_nothing) {
    char *large = malloc(TAINT_TEXT_MAX + 2);
    memset(large, 'x', TAINT_TEXT_MAX + 1);
    large[TAINT_TEXT_MAX + 1] = '\0';
    ck_assert(!other("Something else entirely", NULL, "hm"));
    taint_add(taint, TAINT_GOOGLE, "large", large);
    ck_assert(other("Something else entirely", NULL, "hm"));
    ck_assert(!other("Something else entirely", NULL, "Book something else entirely"));
    free(large);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("taint");
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, what_was_seen);
    tcase_add_test(tests, copies_are_found);
    tcase_add_test(tests, other_words_are_free);
    tcase_add_test(tests, the_owners_words_and_the_events_own);
    tcase_add_test(tests, pieces);
    tcase_add_test(tests, a_full_registry_trusts_nothing);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
