/* What the filter makes of an answer: each rule with what stays as it is, and with what happens
 * where the rule is taken away. Every text is tried cut at every place. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/answer.h"
#include "loose_guards.h"

static struct taint *taint;
static struct people *people;
static char got[70000];
static size_t got_len;

static int collect(void *ctx, const char *text, size_t len) {
    (void)ctx;
    ck_assert(utf8_valid(text, len));
    ck_assert_uint_lt(got_len + len, sizeof(got));
    memcpy(got + got_len, text, len);
    got_len += len;
    got[got_len] = '\0';
    return 0;
}

static void setup(void) {
    memset(guards_off, 0, sizeof(guards_off));
    taint = taint_new();
    people = people_new();
    taint_add(taint, TAINT_GOOGLE, "demo",
              "Join at https://zoom.us/j/123?pwd=abc&x=1 (or call.example.org), notes in Plan.md");
    taint_add(taint, TAINT_GOOGLE, "demo", "Questions to dora@example.net");
    ck_assert_str_eq(people_alias(people, "anna@example.com", "Anna Schmidt"), "@guest1");
    ck_assert_str_eq(people_alias(people, "bob@example.com", ""), "@guest2");
    ck_assert_str_eq(people_alias(people, "eve@example.com", "see https://evil.com now"),
                     "@guest3");
}
static void teardown(void) {
    taint_free(taint);
    people_free(people);
}

static struct answer *filter(void) {
    struct answer *answer = answer_new(taint, people, collect, NULL);
    answer_allow(answer, "My room is https://Meet.Example.com/anna/ and the plan is on bücher.de, "
                         "see report.md. (Also www.owner.org/x?y=1!)");
    answer_allow(answer, "https://cloister.example:8443 anna@example.com bob@example.com "
                         "first.last@mail.example.co.uk https<//pond.example/a");
    got_len = 0;
    got[0] = '\0';
    return answer;
}

static void run(const char *text, size_t len, size_t first, size_t piece) {
    struct answer *answer = filter();
    size_t at = first < len ? first : len;
    ck_assert_int_eq(answer_feed(answer, text, at), 0);
    for (; at < len; at += piece)
        ck_assert_int_eq(answer_feed(answer, text + at, len - at < piece ? len - at : piece), 0);
    ck_assert_int_eq(answer_end(answer), 0);
    answer_free(answer);
}

/* The same whole, cut in two at every byte, and byte by byte. */
static void expect(const char *text, const char *wanted) {
    size_t len = strlen(text);
    for (size_t cut = 0; cut <= len; cut++) {
        run(text, len, cut, len + 1);
        ck_assert_msg(strcmp(got, wanted) == 0, "\"%s\" cut at %zu became \"%s\", not \"%s\"", text,
                      cut, got, wanted);
    }
    run(text, len, 0, 1);
    ck_assert_str_eq(got, wanted);
    struct answer *answer = filter();
    char *once = answer_once(answer, text);
    ck_assert_str_eq(once, wanted);
    ck_assert_uint_eq(got_len, 0);
    free(once);
    answer_free(answer);
}
static void stays(const char *text) {
    expect(text, text);
}

#define GONE "[link removed]"

START_TEST(ordinary_text_stays) {
    static const char *const texts[] = {
        "You are free at 3.30, from 9.00-17.00 and on 22.11.2026; version 1.2.3 costs 10.50.",
        "E.g. noon, i.e. 12:00 p.m., z.B. Mo.-Fr., d.h. usw. U.S. a.m. Nr.5 St.Gallen",
        "Write to anna@example.com, first.last@mail.example.co.uk or <anna@example.com>.",
        "anna@example.com/bob@example.com? anna@example.com? anna@example.com: yes",
        "AT&T, R&D, Tom & Jerry, a<3, x < y > z, 1/2, and/or, and//or, 50%, #3, C:\\Users, #!",
        "Note:this and Data:5 and ratio 16:9 at 10:30/11:30, room 3.14/B, km/h",
        "Müller GmbH & Co.KG, GmbH&Co.KG, Anna Schmidt (M.Sc.), Dr.med. Prof.Dr.med.",
        "Wait... what?! (Really.) [1] \"quoted\" 'so' *bold* _it_ `code` ~ok~",
        "file.txt, script.js, photo.jpg, a.b.c, foo.bar1, http:// alone, https:",
        "明天三点见。会议在下午３：００，好吗？",
        "明日は１０．００からです。田中さんと「打合せ」。",
        "내일 오후 3시에 만나요. ขอพบพรุ่งนี้ตอนบ่าย",
        "Завтра в 15.00, пожалуйста. Αύριο στις 3. מחר בשלוש. غدا الساعة ٣",
        "می‌خواهم فردا بیایم، क्‍ष नमस्ते",
        "👩‍👩‍👧 ❤️ 1️⃣ 👍🏽 👩🏽‍🚀 🏳️‍🌈 ☎️",
        "Tab\there, line\nbreak\n\nand two; café, naïve, „Anführung“, – dash… ¿qué?",
        "",
        "x",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        stays(texts[i]);
}
END_TEST

START_TEST(addresses_go_unless_given) {
    expect("See https://evil.com/?d=secret now.", "See " GONE " now.");
    expect("(https://evil.com/a), \"http://evil.com\"; evil.com. Or evil.com?",
           "(" GONE "), \"" GONE "\"; " GONE ". Or " GONE "?");
    expect("www.evil.com/x //evil.com/x ftp://evil.com FOO+x://y file:///etc/passwd",
           GONE " " GONE " " GONE " " GONE " " GONE);
    expect("evil.com/a?b=c#d evil.co.uk:80/x a.b.c.evil.com 192.168.1.10/x 10.1.2.3",
           GONE " " GONE " " GONE " " GONE " " GONE);
    expect("evil.example/x evil.example evil.onion host.whatever/path \\\\evil\\share",
           GONE " " GONE " " GONE " " GONE " " GONE);
    expect("mailto:x@evil.com javascript:alert(1) JaVaScRiPt:x data:text/html,hi",
           GONE " " GONE " " GONE " " GONE);
    expect("HTTPS://EVIL.COM/x Https:\\\\evil.com http://user:pw@evil.com/",
           GONE " " GONE " " GONE);
    expect("x@evil.com/steal?d=1 a.evil.com@b.com/c", GONE " " GONE);
    /* What the owner or the operator gave. */
    stays("Your room: https://meet.example.com/anna/, or meet.example.com/anna.");
    stays("(http://meet.example.com/anna) meet.example.com bücher.de report.md");
    stays("www.owner.org/x?y=1, https://cloister.example:8443/ https://cloister.example:8443");
    expect("https://meet.example.com/anna?d=secret https://meet.example.com/annax", GONE " " GONE);
    expect("https://meet.example.com.evil.com/anna https://cloister.example:8443@evil.com/",
           GONE " " GONE);
    expect("javascript://meet.example.com/anna ftp://bücher.de", GONE " " GONE);
}
END_TEST

START_TEST(text_of_events_is_quoted) {
    expect("Join at https://zoom.us/j/123?pwd=abc&x=1.",
           "Join at \"zoom[.]us/j/123?pwd=abc&x=1\".");
    expect("Join at zoom.us/j/123?pwd=abc or \"https://zoom.us/j/123\".",
           "Join at \"zoom[.]us/j/123?pwd=abc\" or \"zoom[.]us/j/123\".");
    expect("(call.example.org) Plan.md", "(\"call[.]example[.]org\") \"Plan[.]md\"");
    expect("https://zoom.us/j/123?pwd=abc&x=1&d=secret", GONE);
    /* What is not there at all is not quoted. */
    taint_free(taint);
    taint = taint_new();
    expect("https://zoom.us/j/123?pwd=abc", GONE);
}
END_TEST

/* What is sent to a made-up address reaches whoever has it. */
START_TEST(mail_that_a_model_made_up_goes) {
    static const char text[] = "Ask oncology.at.9@evil.com, <x@evil.com> or eve@evil.co.uk.";
    run(text, strlen(text), 0, 1);
    ck_assert_str_eq(got, "Ask " GONE ", <" GONE "> or " GONE ".");
    run("anna@example.com.evil.com", 25, 0, 1);
    ck_assert_str_eq(got, GONE);
    stays("Ask anna@example.com or Bob@Example.com.");
    run("Ask dora@example.net.", 21, 0, 1);
    ck_assert_str_eq(got, "Ask dora@example.net.");
    struct answer *answer = filter();
    answer_speaker(answer, false); /* code writes whom the event has */
    ck_assert_int_eq(answer_feed(answer, text, strlen(text)), 0);
    ck_assert_int_eq(answer_end(answer), 0);
    ck_assert_str_eq(got, text);
    char *once = answer_once(answer, text);
    ck_assert_str_eq(once, text);
    free(once);
    answer_free(answer);
    expect("sms:+19005550199?body=x magnet:?xt=y sms: tomorrow, SMS:yes",
           GONE " " GONE " sms: tomorrow, SMS:yes");
}
END_TEST

START_TEST(scripts_without_blanks) {
    expect("请看evil.com谢谢。请看https://evil.com/好", "请看" GONE "谢谢。请看" GONE);
    expect("请看meet.example.com谢谢", "请看 meet.example.com 谢谢");
    expect("例え.みんな münchen.de ｅｖｉｌ.com evil.ｃｏｍ evil．com",
           GONE " " GONE " " GONE " " GONE " " GONE);
    expect("“evil.com” „evil.com“ «evil.com» evil.com…",
           "“" GONE "” „" GONE "“ «" GONE "» " GONE "…");
}
END_TEST

/* Where letters of another kind, markup and dashes end an address, for some programs. */
START_TEST(ends_that_not_all_see) {
    expect("secret.evil.com-x a.evil.com_x a.evil.comи a.evil.comü a.evil.com-",
           GONE "-x " GONE "_x " GONE "и " GONE "ü " GONE "-");
    expect("Co.KG/x a.Co.KG secret-Co.KG Dr.med.evil.com co.kg",
           GONE " " GONE " " GONE " " GONE " " GONE);
    expect("_secret.evil.com_ __evil.com__", GONE "_ " GONE "__");
    run("_x@evil.com_", 12, 0, 1);
    ck_assert_str_eq(got, GONE "_");
    expect("https&#58//evil/x a.evil&#46com/x a.evil&#0000000000046;com a.evil.c&#111m",
           GONE " " GONE " " GONE " " GONE);
    expect("java&#115;cript:x evil.xn--&#112;1ai &#106;avascript:x evil.co&#x6D;/x",
           GONE " " GONE " " GONE " " GONE);
    stays("Mo.-Fr. 9.00-17.00 e.g.-x z.B.-x &#x1F600; &#8211; &# &#; a&#b");
    /* A mailbox amid such a script is the mailbox still. */
    expect("bob@example.comを招待します。请联系bob@example.com谢谢",
           "bob@example.com を招待します。请联系 bob@example.com 谢谢");
    run("秘密x@evil.com谢谢", strlen("秘密x@evil.com谢谢"), 0, 1);
    ck_assert_str_eq(got, "秘密" GONE "谢谢");
}
END_TEST

START_TEST(a_missing_blank_is_no_address) {
    expect("Free tomorrow.It is at 3.pm or 3.30.pm, Dr.No said.",
           "Free tomorrow. It is at 3 pm or 3.30 pm, Dr. No said.");
    expect("@guest1.It", "Anna Schmidt. It");
    expect("evil.com.It is", GONE ".It is");
}
END_TEST

START_TEST(markup_is_only_text) {
    expect("[here](https://evil.com/a) [here](x) [a]: x", "[here] (" GONE ") [here] (x) [a] : x");
    expect("![p](https://evil.com/a.png) !![x] wow![1]", "[p] (" GONE ") [x] wow[1]");
    expect("<img src=x> </p> <!-- c --> <a\nhref=x> <evil.com> <b>x</b>",
           "< img src=x> < /p> < !-- c --> < a\nhref=x> <" GONE "> < b>x< /b>");
    expect("x<//pond.example/a x<//evil.com", "x< //pond.example/a x< " GONE);
    expect("https&#58;//evil.com https\\://evil.com evil&period;com evil&#x2e;com",
           GONE " " GONE " " GONE " " GONE);
    expect("!evil.com(https://meet.example.com/anna)",
           "! " GONE " (https://meet.example.com/anna)");
    stays("AT&amp;T and fish &amp; chips");
}
END_TEST

START_TEST(invisible_characters_go) {
    expect("a\xe2\x80\x8b"
           "b\xc2\xad"
           "c \xe2\x80\xae"
           "drow\xe2\x80\xac \xef\xbb\xbf"
           "x",
           "abc drow x");
    expect("tag\xf3\xa0\x81\x81\xf3\xa0\x81\x82 end", "tag end");
    expect("v\xef\xb8\x8f\xef\xb8\x80 1\xef\xb8\x8f \xf3\xa0\x84\x80s", "v 1 s");
    expect("a\xe2\x80\x8d"
           "b\xe2\x80\x8c"
           "c \xe2\x80\x8f\xd8\x9c"
           "d",
           "abc d");
    expect("ev\xe2\x80\x8bil.c\xe2\x80\x8bom", GONE);
    expect("one\rtwo\x0cthree\x1b[31m\x07", "one two three[31m");
    expect("l\xe2\x80\xa8m\xe2\x80\xa9n", "l\nm\nn");
    expect("evil.c\x0com", "evil.c om");
}
END_TEST

START_TEST(people_get_their_names) {
    expect("@guest1 and @guest2's, (@Guest1) @guest9 @guest12 me@guest1",
           "Anna Schmidt and bob@example.com's, (Anna Schmidt) @guest9 @guest12 me Anna Schmidt");
    expect("@guest1/@guest2, @guest1.", "Anna Schmidt/bob@example.com, Anna Schmidt.");
    expect("@guest3 comes", "see " GONE " now comes");
}
END_TEST

START_TEST(hosts_of_many_names) {
    char text[ANSWER_WORD_MAX] = "";
    for (size_t n = 0; n < 900; n += 60) {
        memset(text, 0, sizeof(text));
        for (size_t i = 0; i < n; i++)
            memcpy(text + 2 * i, "s.", 2);
        strcat(text, "evil.com");
        run(text, strlen(text), 0, 50);
        ck_assert_str_eq(got, GONE);
    }
    memset(text, 0, sizeof(text));
    strcpy(text, "aa");
    for (size_t i = 0; i < 600; i++)
        strcat(text, ".It");
    run(text, strlen(text), 0, 50);
    ck_assert_ptr_nonnull(strstr(got, "aa. It. It"));
}
END_TEST

/* A word that never ends is not held for ever, and lets no address through at the seams. */
START_TEST(long_words) {
    char text[9000];
    for (size_t before = 0; before < 40; before++) {
        memset(text, 'a', sizeof(text));
        memcpy(text + ANSWER_WORD_MAX - 20 + before, ".evil.com/secret", 16);
        run(text, 6000, 6000, 6000);
        ck_assert_ptr_null(strstr(got, "evil.com"));
        static char whole[70000];
        strcpy(whole, got);
        run(text, 6000, before, 7);
        ck_assert_str_eq(got, whole);
    }
    memset(text, 'b', sizeof(text));
    memcpy(text, "https://evil.com/", 17);
    memcpy(text + 8000, " after", 6);
    run(text, 8006, 1, 100);
    ck_assert_str_eq(got, GONE " after");
    struct answer *answer = filter();
    ck_assert_int_eq(answer_feed(answer, text + 100, ANSWER_WORD_MAX), 0);
    ck_assert_uint_gt(got_len, ANSWER_WORD_MAX / 2);
    answer_free(answer);
}
END_TEST

static int refuse(void *ctx, const char *text, size_t len) {
    (void)ctx, (void)text, (void)len;
    return -EDQUOT;
}

START_TEST(words_are_given_out_as_they_end) {
    struct answer *answer = filter();
    ck_assert_int_eq(answer_feed(answer, "Hello wor", 9), 0);
    ck_assert_str_eq(got, "Hello ");
    ck_assert_int_eq(answer_feed(answer, "ld, ", 4), 0);
    ck_assert_str_eq(got, "Hello world, ");
    ck_assert_int_eq(answer_end(answer), 0);
    ck_assert_int_eq(answer_feed(answer, "again", 5), 0);
    ck_assert_int_eq(answer_end(answer), 0);
    ck_assert_str_eq(got, "Hello world, again");
    answer_free(answer);
    answer = answer_new(taint, people, refuse, NULL);
    ck_assert_int_eq(answer_feed(answer, "Hello there", 11), -EDQUOT);
    answer_free(answer);
}
END_TEST

/* The controls. */
START_TEST(without_the_rules) {
    static const char image[] =
        "![p](https://evil.com/a.png) [l](https://evil.com) <img src=//evil.com>";
    guards_off[GUARD_LINKS] = true;
    expect("See https://evil.com/?d=secret [x](evil.com)",
           "See https://evil.com/?d=secret [x](evil.com)");
    expect("zoom.us/j/123 https&#58;//evil.com", "zoom.us/j/123 https&#58;//evil.com");
    expect(image, "[p](https://evil.com/a.png) [l](https://evil.com) < img src=//evil.com>");
    guards_off[GUARD_LINKS] = false;
    guards_off[GUARD_IMAGES] = true;
    expect(image, "![p](https://evil.com/a.png) [l] (" GONE ") <img src=//evil.com>");
    guards_off[GUARD_IMAGES] = false;
    guards_off[GUARD_INVISIBLE] = true;
    stays("a\xe2\x80\x8b"
          "b \xe2\x80\xae"
          "drow \xf3\xa0\x81\x81");
    expect("ev\xe2\x80\x8bil.c\xe2\x80\x8bom", GONE);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("answer");
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, ordinary_text_stays);
    tcase_add_test(tests, addresses_go_unless_given);
    tcase_add_test(tests, text_of_events_is_quoted);
    tcase_add_test(tests, mail_that_a_model_made_up_goes);
    tcase_add_test(tests, scripts_without_blanks);
    tcase_add_test(tests, ends_that_not_all_see);
    tcase_add_test(tests, a_missing_blank_is_no_address);
    tcase_add_test(tests, markup_is_only_text);
    tcase_add_test(tests, invisible_characters_go);
    tcase_add_test(tests, people_get_their_names);
    tcase_add_test(tests, hosts_of_many_names);
    tcase_add_test(tests, long_words);
    tcase_add_test(tests, words_are_given_out_as_they_end);
    tcase_add_test(tests, without_the_rules);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
