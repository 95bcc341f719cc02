/* RFC 3339, zones and daylight saving. */
#include <check.h>
#include <string.h>

#include "ipc/timezone.h"

static const struct {
    const char *text;
    enum stamp_kind kind;
    int64_t utc; /* instants: the moment; others: fields read as UTC */
} good[] = {
    {"2026-11-22", STAMP_DATE, 1795305600},
    {"2026-11-22T14:05:00", STAMP_LOCAL, 1795356300},
    {"2026-11-22T14:05", STAMP_LOCAL, 1795356300},
    {"2026-11-22T14:05:00Z", STAMP_INSTANT, 1795356300},
    {"2026-11-22t14:05:00z", STAMP_INSTANT, 1795356300},
    {"2026-11-22 14:05:00Z", STAMP_INSTANT, 1795356300},
    {"2026-11-22T14:05:00.123456789Z", STAMP_INSTANT, 1795356300},
    {"2026-11-22T14:05:00+01:00", STAMP_INSTANT, 1795352700},
    {"2026-11-22T14:05:00-00:00", STAMP_INSTANT, 1795356300},
    {"2026-11-22T14:05:00+05:45", STAMP_INSTANT, 1795335600},
    {"2026-11-22T14:05:00-23:59", STAMP_INSTANT, 1795442640},
    {"2016-12-31T23:59:60Z", STAMP_INSTANT, 1483228800},
    {"2024-02-29T00:00:00Z", STAMP_INSTANT, 1709164800},
    {"2000-02-29", STAMP_DATE, 951782400},
    {"1969-12-31T23:59:59Z", STAMP_INSTANT, -1},
};

START_TEST(parses) {
    struct stamp s;
    ck_assert_msg(stamp_parse(good[_i].text, &s) == 0, "%s", good[_i].text);
    ck_assert_int_eq(s.kind, good[_i].kind);
    int64_t got = s.kind == STAMP_INSTANT ? stamp_utc(&s) : stamp_seconds(&s);
    ck_assert_msg(got == good[_i].utc, "%s: %lld", good[_i].text, (long long)got);
}
END_TEST

static const char *const bad[] = {
    "",
    "2026",
    "2026-11",
    "2026-11-22T",
    "2026-13-01",
    "2026-00-10",
    "2026-11-31",
    "2026-02-29",
    "1900-02-29",
    "0000-01-01",
    "2026-11-22T24:00:00Z",
    "2026-11-22T23:60:00Z",
    "2026-11-22T23:59:61Z",
    "2026-11-22T14:05:00+1:00",
    "2026-11-22T14:05:00+0100",
    "2026-11-22T14:05:00+24:00",
    "2026-11-22T14:05:00+01:60",
    "2026-11-22T14:05:00.Z",
    "2026-11-22T14:05:00Zx",
    "2026-11-22T14:05:00 Z",
    " 2026-11-22",
    "2026-11-22 ",
    "26-11-22",
    "2026/11/22",
    "2026-11-22T14",
    "+2026-11-22",
    "2026-11-22T1a:00:00",
    "9999-12-31T23:59:59-01:00",
    "0001-01-01T00:00:00+01:00",
    "tomorrow",
};

START_TEST(refuses) {
    struct stamp s = {.year = 7};
    ck_assert_msg(stamp_parse(bad[_i], &s) < 0, "%s", bad[_i]);
    ck_assert_int_eq(s.year, 7);
}
END_TEST

START_TEST(formats) {
    static const char *const same[] = {"2026-11-22", "2026-11-22T14:05:00",
                                       "2026-11-22T14:05:09+01:00", "2026-11-22T14:05:00-09:30",
                                       "0001-01-01T00:00:00+00:00"};
    for (size_t i = 0; i < COUNT_OF(same); i++) {
        struct stamp s;
        char text[STAMP_TEXT];
        ck_assert_int_eq(stamp_parse(same[i], &s), 0);
        stamp_format(&s, text);
        ck_assert_str_eq(text, same[i]);
    }
}
END_TEST

START_TEST(weekdays) {
    static const struct {
        const char *date, *day;
    } days[] = {{"2026-11-22", "Sunday"},
                {"2026-11-23", "Monday"},
                {"1970-01-01", "Thursday"},
                {"1969-12-31", "Wednesday"},
                {"2024-02-29", "Thursday"}};
    for (size_t i = 0; i < COUNT_OF(days); i++) {
        struct stamp s;
        ck_assert_int_eq(stamp_parse(days[i].date, &s), 0);
        ck_assert_str_eq(stamp_weekday(&s), days[i].day);
    }
}
END_TEST

static const struct {
    const char *zone, *local, *shown;
    enum zone_fit fit;
} clocks[] = {
    {"Europe/Berlin", "2026-07-01T12:00:00", "2026-07-01T12:00:00+02:00", ZONE_ONCE},
    {"Europe/Berlin", "2026-12-01T12:00:00", "2026-12-01T12:00:00+01:00", ZONE_ONCE},
    {"Europe/Berlin", "2026-03-29T01:59:59", "2026-03-29T01:59:59+01:00", ZONE_ONCE},
    {"Europe/Berlin", "2026-03-29T02:30:00", "2026-03-29T03:30:00+02:00", ZONE_GAP},
    {"Europe/Berlin", "2026-03-29T03:00:00", "2026-03-29T03:00:00+02:00", ZONE_ONCE},
    {"Europe/Berlin", "2026-10-25T02:30:00", "2026-10-25T02:30:00+02:00", ZONE_TWICE},
    {"Europe/Berlin", "2026-10-25T03:00:00", "2026-10-25T03:00:00+01:00", ZONE_ONCE},
    {"Europe/Berlin", "2026-10-25T01:59:59", "2026-10-25T01:59:59+02:00", ZONE_ONCE},
    {"America/New_York", "2026-03-08T02:15:00", "2026-03-08T03:15:00-04:00", ZONE_GAP},
    {"America/New_York", "2026-11-01T01:15:00", "2026-11-01T01:15:00-04:00", ZONE_TWICE},
    {"America/New_York", "2026-11-01T02:00:00", "2026-11-01T02:00:00-05:00", ZONE_ONCE},
    {"Australia/Lord_Howe", "2026-10-04T02:15:00", "2026-10-04T02:45:00+11:00", ZONE_GAP},
    {"Australia/Lord_Howe", "2026-04-05T01:45:00", "2026-04-05T01:45:00+11:00", ZONE_TWICE},
    {"Asia/Kathmandu", "2026-11-22T08:00:00", "2026-11-22T08:00:00+05:45", ZONE_ONCE},
    {"Pacific/Apia", "2011-12-30T12:00:00", "2011-12-31T12:00:00+14:00", ZONE_GAP},
    {"America/Sao_Paulo", "2018-11-04T00:00:00", "2018-11-04T01:00:00-02:00", ZONE_GAP},
    {"UTC", "2026-11-22T08:00:00", "2026-11-22T08:00:00+00:00", ZONE_ONCE},
    {"Europe/London", "2026-10-25T01:30:00", "2026-10-25T01:30:00+01:00", ZONE_TWICE},
    /* Local mean time: 53 minutes and 28 seconds, of which RFC 3339 can write the minutes. */
    {"Europe/Berlin", "1880-01-01T12:00:00", "1880-01-01T11:59:32+00:53", ZONE_ONCE},
};

START_TEST(clock_changes) {
    struct stamp s;
    enum zone_fit fit;
    char shown[STAMP_TEXT];
    ck_assert_int_eq(stamp_parse(clocks[_i].local, &s), 0);
    int64_t utc = zone_resolve(clocks[_i].zone, &s, &fit);
    zone_show(clocks[_i].zone, utc, shown);
    ck_assert_str_eq(shown, clocks[_i].shown);
    ck_assert_int_eq(fit, clocks[_i].fit);
}
END_TEST

START_TEST(zone_names) {
    static const char *const yes[] = {"UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires",
                                      "Etc/GMT+5"};
    static const char *const no[] = {
        "",
        "/etc/passwd",
        "../zoneinfo/UTC",
        "Europe/../UTC",
        "Europe",
        "Europe/",
        "Europe//Berlin",
        "Nowhere/Land",
        "CET-1CEST",
        "zone.tab",
        ":UTC",
        "Europe/Berlin ",
        "posix/Europe/Berlin",
        "right/Europe/Berlin",
        "localtime",
        "EST5EDT4,M3.2.0,M11.1.0",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    for (size_t i = 0; i < COUNT_OF(yes); i++)
        ck_assert_msg(zone_valid(yes[i]), "%s", yes[i]);
    for (size_t i = 0; i < COUNT_OF(no); i++)
        ck_assert_msg(!zone_valid(no[i]), "%s", no[i]);
}
END_TEST

START_TEST(zone_in_words) {
    char zone[ZONE_MAX];
    ck_assert(zone_find("I live in Asia/Tokyo, mornings only", zone));
    ck_assert_str_eq(zone, "Asia/Tokyo");
    ck_assert(zone_find("zone: Europe/Paris.", zone));
    ck_assert_str_eq(zone, "Europe/Paris");
    ck_assert(!zone_find("breakfast and/or lunch in Japan", zone));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("stamp");
    TCase *tc = tcase_create("all");
    tcase_add_loop_test(tc, parses, 0, (int)COUNT_OF(good));
    tcase_add_loop_test(tc, refuses, 0, (int)COUNT_OF(bad));
    tcase_add_test(tc, formats);
    tcase_add_test(tc, weekdays);
    tcase_add_loop_test(tc, clock_changes, 0, (int)COUNT_OF(clocks));
    tcase_add_test(tc, zone_names);
    tcase_add_test(tc, zone_in_words);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
