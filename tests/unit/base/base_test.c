/* ipc/base: numbers, encodings, UTF-8, files, descriptors. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "ipc/limit.h"

START_TEST(test_text_blank) {
    static const char *const blank[] = {
        "", " \t\r\n", "\u00a0\u3000", "\u200b\u200d\ufeff", "\ufe0f", "\u2800 \u00ad"};
    static const char *const seen[] = {" a ", "\u00e4", "\u200b.", "\u65e5", "\U0001f642", "\xff"};
    for (size_t i = 0; i < COUNT_OF(blank); i++)
        ck_assert_msg(text_blank(blank[i]), "%zu", i);
    for (size_t i = 0; i < COUNT_OF(seen); i++)
        ck_assert_msg(!text_blank(seen[i]), "%zu", i);
}
END_TEST

START_TEST(numbers_are_whole_and_in_range) {
    static const struct {
        const char *text;
        int result;
        uint64_t value;
    } rows[] = {{"0", 0, 0},        {"42", 0, 42},      {"18446744073709551615", 0, UINT64_MAX},
                {"", -EINVAL, 0},   {"-1", -EINVAL, 0}, {"+4", -EINVAL, 0},
                {" 4", -EINVAL, 0}, {"4x", -EINVAL, 0}, {"18446744073709551616", -ERANGE, 0}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint64_t value = 7;
        ck_assert_int_eq(parse_u64(rows[i].text, 0, UINT64_MAX, &value), rows[i].result);
        ck_assert_uint_eq(value, rows[i].result == 0 ? rows[i].value : 7);
    }
    uint64_t value;
    ck_assert_int_eq(parse_u64("11", 0, 10, &value), -ERANGE);
}
END_TEST

START_TEST(a_number_is_read_from_the_front) {
    static const struct {
        const char *text, *rest; /* NULL: none stands there */
        uint64_t value;
    } rows[] = {{"42", "", 42},
                {"8:17", ":17", 8},
                {"  7 rest", " rest", 7},
                {"\t0\n", "\n", 0},
                {"", NULL, 0},
                {"-1", NULL, 0},
                {"+1", NULL, 0},
                {"x1", NULL, 0},
                {"\n1", NULL, 0},
                {"18446744073709551615", "", UINT64_MAX},
                {"18446744073709551616", NULL, 0}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t value = 99;
        const char *rest = number_read(rows[i].text, &value);
        ck_assert_int_eq(rest != NULL, rows[i].rest != NULL);
        ck_assert_uint_eq(value, rest != NULL ? rows[i].value : 99);
        if (rest != NULL)
            ck_assert_str_eq(rest, rows[i].rest);
    }
}
END_TEST

START_TEST(base64url_both_ways) {
    uint8_t data[67], back[67];
    char text[BASE64URL_SIZE(67)];
    for (size_t len = 0; len <= sizeof(data); len++) {
        for (size_t i = 0; i < len; i++)
            data[i] = (uint8_t)(i * 37 + len);
        base64url_encode(data, len, text);
        ck_assert_uint_lt(strlen(text), BASE64URL_SIZE(len));
        ck_assert_int_eq(base64url_decode(text, strlen(text), back, sizeof(back)), (ssize_t)len);
        ck_assert_mem_eq(data, back, len);
    }
    base64url_encode((const uint8_t *)"\xfb\xff\xfe", 3, text);
    ck_assert_str_eq(text, "-__-");
    ck_assert_int_eq(base64url_decode("+//+", 4, back, sizeof(back)), -EINVAL);
    ck_assert_int_eq(base64url_decode("QQ==", 4, back, sizeof(back)), -EINVAL);
    ck_assert_int_eq(base64url_decode("QR", 2, back, sizeof(back)), -EINVAL); /* stray bits */
    ck_assert_int_eq(base64url_decode("A", 1, back, sizeof(back)), -EINVAL);
    ck_assert_int_eq(base64url_decode("QUJD", 4, back, 2), -ENOSPC);
}
END_TEST

START_TEST(hex_both_ways) {
    uint8_t back[3];
    char text[7];
    hex_encode((const uint8_t *)"\x00\x9f\xff", 3, text);
    ck_assert_str_eq(text, "009fff");
    ck_assert_int_eq(hex_decode("009FfF", back, 3), 0);
    ck_assert_mem_eq(back, "\x00\x9f\xff", 3);
    ck_assert_int_eq(hex_decode("009ff", back, 3), -EINVAL);
    ck_assert_int_eq(hex_decode("009fg0", back, 3), -EINVAL);
}
END_TEST

START_TEST(utf8_is_judged_by_rfc3629) {
    static const char *const good[] = {
        "", "plain", "é", "€", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\x80",
                                      "\xc0\xaf",
                                      "\xc3",
                                      "\xe0\x80\x80",
                                      "\xed\xa0\x80",
                                      "\xf4\x90\x80\x80",
                                      "\xf8\x88\x80\x80\x80",
                                      "\xff",
                                      "a\xc3z"};
    for (size_t i = 0; i < COUNT_OF(good); i++)
        ck_assert(utf8_valid(good[i], strlen(good[i])));
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        ck_assert(!utf8_valid(bad[i], strlen(bad[i])));
    ck_assert(!utf8_valid("a\0b", 3));
}
END_TEST

/* Eight bytes at a time: each of them counts, and so do those that are left over. */
START_TEST(utf8_lines) {
    char text[40];
    for (size_t len = 1; len < 30; len++) {
        for (size_t at = 0; at < len; at++) {
            memset(text, '~', len);
            ck_assert(utf8_line(text, len));
            text[at] = ' ';
            ck_assert(utf8_line(text, len));
            text[at] = 0x1f;
            ck_assert(!utf8_line(text, len));
            ck_assert(utf8_valid(text, len));
            text[at] = '\0';
            ck_assert(!utf8_line(text, len) && !utf8_valid(text, len));
            text[at] = (char)0xff;
            ck_assert(!utf8_line(text, len) && !utf8_valid(text, len));
        }
        memcpy(text + len, "\xc3\xbc~~~~~~~~", 10);
        memset(text, '~', len);
        ck_assert(utf8_line(text, len + 10));
        ck_assert(!utf8_valid(text, len + 1));
    }
}
END_TEST

/* More than the kernel is asked for at once. */
START_TEST(names_differ) {
    static char ids[200][ID_LEN + 1];
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        id_random_named(ids[i]);
        ck_assert(id_valid(ids[i]));
        for (size_t k = 0; k < i; k++)
            ck_assert_str_ne(ids[i], ids[k]);
    }
}
END_TEST

START_TEST(ids_are_random_and_recognised) {
    char a[ID_LEN + 1], b[ID_LEN + 1];
    id_random(a);
    id_random(b);
    ck_assert_str_ne(a, b);
    ck_assert(id_valid(a));
    ck_assert(!id_valid("xyz"));
    a[3] = 'G';
    ck_assert(!id_valid(a));
}
END_TEST

START_TEST(files_are_read_whole_or_not_at_all) {
    char path[] = "/tmp/base_test.XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_eq(write_all(fd, "hello", 5), 0);
    close(fd);
    uint8_t data[8];
    ck_assert_int_eq(file_read(path, data, 8), 5);
    ck_assert_int_eq(file_read(path, data, 5), 5);
    ck_assert_int_eq(file_read(path, data, 4), -EFBIG);
    unlink(path);
    ck_assert_int_eq(file_read(path, data, 8), -ENOENT);
}
END_TEST

START_TEST(only_listed_descriptors_stay_open) {
    int a = open("/dev/null", O_RDONLY), b = open("/dev/null", O_RDONLY),
        c = open("/dev/null", O_RDONLY);
    int keep[] = {c, -1, a};
    ck_assert_int_eq(fds_close_except(keep, COUNT_OF(keep)), 0);
    ck_assert_int_ge(fcntl(a, F_GETFD), 0);
    ck_assert_int_lt(fcntl(b, F_GETFD), 0);
    ck_assert_int_ge(fcntl(c, F_GETFD), 0);
    ck_assert_int_ge(fcntl(2, F_GETFD), 0);
}
END_TEST

START_TEST(backoff_doubles_and_stays_within_bounds) {
    for (unsigned attempt = 0; attempt < 70; attempt++) {
        uint64_t full = attempt < 10 ? 100u << attempt : 5000;
        if (full > 5000)
            full = 5000;
        for (int i = 0; i < 20; i++) {
            uint64_t wait = backoff_ms(attempt, 100, 5000);
            ck_assert_uint_ge(wait, full / 2);
            ck_assert_uint_le(wait, full);
        }
    }
}
END_TEST

START_TEST(a_limit_refills_as_it_says) {
    struct limit limit = limit_make(2, 1);
    ck_assert(limit_take(&limit, 1000) && limit_take(&limit, 1000));
    ck_assert(!limit_take(&limit, 1000));
    ck_assert(!limit_take(&limit, 1999));
    ck_assert(limit_take(&limit, 2000));
    ck_assert(!limit_take(&limit, 2500) && !limit_take(&limit, 2999));
    ck_assert(limit_take(&limit, 3000));
    ck_assert(limit_take(&limit, 90000) &&
              limit_take(&limit, 90000)); /* never more than its burst */
    ck_assert(!limit_take(&limit, 90000));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("base");
    TCase *tcase = tcase_create("base");
    tcase_add_test(tcase, test_text_blank);
    tcase_add_test(tcase, numbers_are_whole_and_in_range);
    tcase_add_test(tcase, a_number_is_read_from_the_front);
    tcase_add_test(tcase, base64url_both_ways);
    tcase_add_test(tcase, hex_both_ways);
    tcase_add_test(tcase, utf8_is_judged_by_rfc3629);
    tcase_add_test(tcase, utf8_lines);
    tcase_add_test(tcase, ids_are_random_and_recognised);
    tcase_add_test(tcase, names_differ);
    tcase_add_test(tcase, files_are_read_whole_or_not_at_all);
    tcase_add_test(tcase, only_listed_descriptors_stay_open);
    tcase_add_test(tcase, backoff_doubles_and_stays_within_bounds);
    tcase_add_test(tcase, a_limit_refills_as_it_says);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
