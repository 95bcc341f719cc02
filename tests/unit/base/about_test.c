/* What a request is called, and which traceparent is believed. */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "ipc/about.h"

#define REQUEST "0123456789abcdef0123456789abcdef"
#define TRACE   "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN    "00f067aa0ba902b7"

static struct about about_of(const char *traceparent) {
    struct about about;
    about_new(&about, REQUEST, traceparent, strlen(traceparent));
    return about;
}

START_TEST(test_taken) {
    static const struct {
        const char *text;
        bool sampled;
    } good[] = {
        {"00-" TRACE "-" SPAN "-01", true},      {"00-" TRACE "-" SPAN "-00", false},
        {"00-" TRACE "-" SPAN "-ff", true},      {"cc-" TRACE "-" SPAN "-01", true},
        {"cc-" TRACE "-" SPAN "-01-more", true},
    };
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        struct about about = about_of(good[i].text);
        char out[TRACEPARENT_SIZE];
        ck_assert_msg(strcmp(about.trace, TRACE) == 0, "%s", good[i].text);
        ck_assert_str_eq(about.request, REQUEST);
        ck_assert_str_ne(about.span, SPAN); /* a step of ours */
        ck_assert_int_eq(about.sampled, good[i].sampled);
        about_traceparent(&about, out);
        ck_assert_uint_eq(strlen(out), 55);
        ck_assert_int_eq(strncmp(out, "00-" TRACE "-", 36), 0);
        ck_assert_str_eq(out + 52, good[i].sampled ? "-01" : "-00");
    }
}
END_TEST

START_TEST(test_refused) {
    static const char *const bad[] = {
        "",
        "00-" TRACE "-" SPAN,
        "00-" TRACE "-" SPAN "-1",
        "00-" TRACE "-" SPAN "-01-more", /* version 00 ends here */
        "cc-" TRACE "-" SPAN "-01more",
        "ff-" TRACE "-" SPAN "-01",
        "0-" TRACE "-" SPAN "-011",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-01",
        "00-00000000000000000000000000000000-" SPAN "-01",
        "00-" TRACE "-0000000000000000-01",
        "00-" TRACE "-" SPAN "-0g",
        "00_" TRACE "-" SPAN "-01",
        "00-" TRACE "_" SPAN "-01",
        "00-" TRACE "-" SPAN "_01",
        " 00-" TRACE "-" SPAN "-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473\"-" SPAN "-01",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct about about = about_of(bad[i]);
        ck_assert_msg(strcmp(about.trace, REQUEST) == 0, "%s", bad[i]);
        ck_assert_uint_eq(strlen(about.span), SPAN_LEN);
        ck_assert(!about.sampled);
    }
}
END_TEST

START_TEST(test_message) {
    struct about about = about_of("00-" TRACE "-" SPAN "-01"), got;
    Cloister__About wire;
    ck_assert_ptr_eq(about_write(&about, &wire), &wire);
    ck_assert_int_eq(about_read(&wire, &got), 0);
    ck_assert_mem_eq(&about, &got, sizeof(got));
    static const struct about none;
    ck_assert_ptr_null(about_write(&none, &wire));
    ck_assert_int_eq(about_read(NULL, &got), 0);
    ck_assert_mem_eq(&none, &got, sizeof(got));
    static const char *const bad[] = {"", "x", REQUEST "0", "0123456789ABCDEF0123456789abcdef",
                                      "a line\nbroken                   "};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        Cloister__About *told = about_write(&about, &wire);
        told->request = (char *)(uintptr_t)bad[i];
        ck_assert_int_eq(about_read(told, &got), -EINVAL);
        ck_assert_mem_eq(&none, &got, sizeof(got));
        told = about_write(&about, &wire);
        told->trace = (char *)(uintptr_t)bad[i];
        ck_assert_int_eq(about_read(told, &got), -EINVAL);
        told = about_write(&about, &wire);
        told->span = (char *)(uintptr_t)bad[i];
        ck_assert_int_eq(about_read(told, &got), -EINVAL);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("about");
    TCase *tcase = tcase_create("about");
    tcase_add_test(tcase, test_taken);
    tcase_add_test(tcase, test_refused);
    tcase_add_test(tcase, test_message);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
