/* What cloister-notify writes: mails whose headers nobody's words can open, whose bodies show
 * somebody's words as somebody's, and webhooks that anybody's library can verify. */
#include <check.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "business/api/schema.h"
#include "business/notify_deliver.h"
#include "business/notify_text.h"

static struct notice made(const char *kind, const char *to_kind, const char *payload) {
    struct notice notice;
    char json[8192];
    size_t i = 0;
    for (; payload[i] != '\0' && i + 1 < sizeof(json); i++)
        json[i] = payload[i] == '\'' ? '"' : payload[i];
    json[i] = '\0';
    ck_assert_int_eq(notice_make(kind, to_kind, "salon", "B-22222-33333", json, &notice), 0);
    return notice;
}

/* The text that RFC 2047 words stand for; each word is checked on the way. */
static void decoded(const char *header, char *out) {
    const char *at = strstr(header, ": ") + 2;
    size_t used = 0, n;
    while (*at != '\0') {
        ck_assert_msg(strncmp(at, "=?UTF-8?B?", 10) == 0, "%s", at);
        const char *end = strstr(at, "?=");
        ck_assert_ptr_nonnull(end);
        ck_assert_int_le(end + 2 - at, 75);
        ck_assert_int_eq(sodium_base642bin((unsigned char *)out + used, 4096, at + 10,
                                           (size_t)(end - at - 10), NULL, &n, NULL,
                                           sodium_base64_VARIANT_ORIGINAL),
                         0);
        out[used + n] = '\0';
        ck_assert_msg(utf8_valid(out + used, n), "a character is cut in two");
        used += n;
        at = end + 2;
        if (*at != '\0') {
            ck_assert_int_eq(strncmp(at, "\r\n ", 3), 0);
            at += 3;
        }
    }
}

/* ---- headers ---- */

START_TEST(what_is_plain_stays_plain) {
    char line[256];
    ck_assert_int_eq(text_header("Subject", "Booked: Haircut", line, sizeof(line)), 0);
    ck_assert_str_eq(line, "Subject: Booked: Haircut");
    ck_assert_int_eq(text_header_address("From", "A \"B\" \\ C", "a@b.example", line, sizeof(line)),
                     0);
    ck_assert_str_eq(line, "From: \"A \\\"B\\\" \\\\ C\" <a@b.example>");
    ck_assert_int_eq(text_header("Subject", "Booked: Haircut", line, 10), -ENOSPC);
}
END_TEST

START_TEST(what_is_not_is_encoded) {
    static const char *const texts[] = {
        "Salon Näh & Schön", "=?UTF-8?B?QmNjOiB4?=",
        "予約が確定しました。ヘアカット、サロン・アンナ、十一月二十四日、午後二時から",
        "\U0001F488\U0001F488\U0001F488\U0001F488\U0001F488\U0001F488"
        "\U0001F488\U0001F488\U0001F488\U0001F488\U0001F488\U0001F488"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        char line[1024], back[4097];
        ck_assert_int_eq(text_header("Subject", texts[i], line, sizeof(line)), 0);
        decoded(line, back);
        ck_assert_str_eq(back, texts[i]);
    }
}
END_TEST

START_TEST(nobodys_words_begin_another_header) {
    static const char *const evil[] = {"X\r\nBcc: v@x.example",
                                       "X\nBcc: v@x.example",
                                       "X\rBcc: v@x.example",
                                       "X\r\n\r\nBody",
                                       "X\u2028Bcc: v@x.example",
                                       "X\xc2\x85"
                                       "Bcc: v@x.example",
                                       "X\x01\x1f\x7fY",
                                       "\u202eevil\u2066"};
    for (size_t i = 0; i < COUNT_OF(evil); i++) {
        char line[1024], named[1024], back[4097];
        ck_assert_int_eq(text_header("Subject", evil[i], line, sizeof(line)), 0);
        ck_assert_int_eq(text_header_address("From", evil[i], "a@b.example", named, sizeof(named)),
                         0);
        decoded(line, back);
        for (const char *c = back; *c != '\0'; c++)
            ck_assert_int_ge((unsigned char)*c, 0x20);
        ck_assert_ptr_null(strstr(back, "\u2028"));
        ck_assert_ptr_null(strstr(back, "\u202e"));
        ck_assert_ptr_null(strstr(back, "\u2066"));
        ck_assert_ptr_null(strstr(back, "\xc2\x85"));
        ck_assert_ptr_null(strstr(named, "Bcc"));
    }
}
END_TEST

/* ---- bodies ---- */

static struct mail_words words;

START_TEST(a_customers_words_are_quoted) {
    struct notice notice =
        made("inquiry_new", "owner",
             "{'business_name': 'Salon', 'customer_name': 'Bob\\r\\nBcc: x', 'message': "
             "'Hello\\r\\nFrom: the bank\\n\\n.\\nQUIT'}");
    ck_assert_int_eq(text_fill(&notice, &words), 0);
    ck_assert_ptr_null(strpbrk(words.subject, "\r\n"));
    const char *quoted = strstr(
        words.body, "    > Hello\r\n    > From: the bank\r\n    > \r\n    > .\r\n    > QUIT");
    ck_assert_msg(quoted != NULL, "%s", words.body);
    for (const char *line = words.body; line != NULL; line = strstr(line, "\r\n")) {
        line += strncmp(line, "\r\n", 2) == 0 ? 2 : 0;
        ck_assert_int_ne(strncmp(line, "From:", 5), 0);
        ck_assert_int_ne(strncmp(line, ".\r", 2), 0);
        ck_assert_int_ne(strncmp(line, "Bcc", 3), 0);
        if (*line == '\0')
            break;
    }
    notice_free(&notice);
}
END_TEST

START_TEST(a_line_without_its_text_is_left_out) {
    struct notice notice = made("booking_confirmed", "owner", "{'service': 'Cut'}");
    ck_assert_int_eq(text_fill(&notice, &words), 0);
    ck_assert_ptr_null(strstr(words.body, "{{"));
    ck_assert_ptr_null(strstr(words.body, "Phone"));
    notice_free(&notice);
    notice = made("booking_confirmed", "owner", "{'service': 'Cut', 'customer_phone': '030 1234'}");
    ck_assert_int_eq(text_fill(&notice, &words), 0);
    ck_assert_ptr_nonnull(strstr(words.body, "030 1234"));
    notice_free(&notice);
}
END_TEST

START_TEST(every_template_can_be_filled) {
    for (size_t i = 0; i < mail_template_count; i++) {
        struct notice notice =
            made(mail_templates[i].kind, mail_templates[i].to_kind,
                 "{'business_name': 'S', 'service': 'Cut', 'start': '2026-11-24T14:00:00+01:00', "
                 "'end': '2026-11-24T14:30:00+01:00', 'was_start': '2026-11-23T14:00:00+01:00', "
                 "'timezone': 'Europe/Berlin', 'customer_name': 'Bob', 'customer_email': "
                 "'b@c.example', 'customer_phone': '030 1', 'note': 'n', 'address': 'a', "
                 "'message': 'm', 'answer': 'yes', 'reason': 'r', 'link': 'https://x.example/', "
                 "'cancel_link': 'https://x.example/c'}");
        ck_assert_int_eq(text_fill(&notice, &words), 0);
        ck_assert_ptr_null(strstr(words.body, "{{"));
        ck_assert_ptr_null(strstr(words.subject, "{{"));
        ck_assert_uint_gt(strlen(words.body), 20);
        notice_free(&notice);
    }
    struct notice other = made("inquiry_new", "nobody", "{}");
    ck_assert_int_eq(text_fill(&other, &words), -ENOENT);
    notice_free(&other);
}
END_TEST

/* Whoever asks leads the agent, and may have given another's address. */
START_TEST(an_agents_answer_is_not_mailed_to_a_customer) {
    static const struct {
        const char *kind, *by;
        bool there;
    } cases[] = {{"customer", ", 'answered_by': 'agent'", false},
                 {"customer", "", false},
                 {"customer", ", 'answered_by': 'owner'", true},
                 {"owner", ", 'answered_by': 'agent'", true}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char payload[128];
        (void)snprintf(payload, sizeof(payload), "{'answer': 'Gladly', 'link': 'https://x/'%s}",
                       cases[i].by);
        struct notice notice = made("inquiry_answered", cases[i].kind, payload);
        ck_assert_int_eq(text_fill(&notice, &words), 0);
        ck_assert_msg((strstr(words.body, "Gladly") != NULL) == cases[i].there, "%s", words.body);
        ck_assert_ptr_nonnull(strstr(words.body, "https://x/"));
        notice_free(&notice);
    }
}
END_TEST

START_TEST(times_in_words) {
    char out[200];
    ck_assert(text_when("2026-11-24T23:30:00+05:30", "2026-11-25T00:30:00+05:30", "Asia/Kolkata",
                        out, sizeof(out)));
    ck_assert_str_eq(out, "Tuesday, 24 November 2026, 23:30 to 00:30 on Wednesday, 25 November "
                          "(Asia/Kolkata)");
    ck_assert(!text_when("24.11.2026", "", "", out, sizeof(out)));
    char date[40];
    text_date(INT64_C(1795525440000), date);
    ck_assert_str_eq(date, "Tue, 24 Nov 2026 13:04:00 +0000");
}
END_TEST

/* ---- where it may go ---- */

START_TEST(addresses) {
    static const char *const good[] = {"a@b.example", "a.b+c@localhost", "x_y-z@sub.b.example"};
    static const char *const bad[] = {"",          "a",          "a@",          "@b.example",
                                      "a b@c.de",  "a@b.de\r\n", "<a@b.de>",    "a@b.de,c@d.de",
                                      "a..b@c.de", ".a@b.de",    "a.@b.de",     "a@b..de",
                                      "a\"b@c.de", "a@b_c.de\n", "\u00e4@b.de", "a@@b.de"};
    for (size_t i = 0; i < COUNT_OF(good); i++)
        ck_assert_msg(notify_address_valid(good[i]), "%s", good[i]);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        ck_assert_msg(!notify_address_valid(bad[i]), "%s", bad[i]);
}
END_TEST

/* Whoever may give an address can be told at it: what is taken and cannot be mailed is refused by
 * the words of the API, instead of by silence. */
START_TEST(whoever_is_taken_can_be_told) {
    static const struct {
        const char *text;
        bool fits;
    } cases[] = {{"bob@example.test", true},
                 {"o'neil+x_y/z=1@sub.example.co.uk", true},
                 {"BOB.B@EXAMPLE.TEST", true},
                 {"a@x--y.example", true},
                 {"a@xn--mnchen-3ya.example", true},
                 {"name.@docomo.ne.jp", false},
                 {".name@docomo.ne.jp", false},
                 {"a..b@docomo.ne.jp", false},
                 {"j\u00fcrgen@example.test", false},
                 {"a@m\u00fcnchen.example", false},
                 {"a@-x.example", false},
                 {"a@x-.example", false},
                 {"a@x.example.", false},
                 {"a@x..example", false},
                 {"a@1.2.3.4", false},
                 {"a@x.0x7f", false},
                 {"a@x.4", false},
                 {"\"a b\"@x.example", false},
                 {"a@b@x.example", false},
                 {"@x.example", false},
                 {"a@", false},
                 {"a@x", false}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        bool taken = format_fits(FORMAT_EMAIL, cases[i].text, strlen(cases[i].text));
        ck_assert_msg(taken == cases[i].fits, "%s", cases[i].text);
        ck_assert_msg(!taken || notify_address_valid(cases[i].text), "%s", cases[i].text);
    }
    for (unsigned c = 1; c < 256; c++) /* any byte anywhere */
        for (size_t at = 0; at < 11; at++) {
            char text[] = "a.b@c-d.efg";
            text[at] = (char)c;
            ck_assert_msg(!format_fits(FORMAT_EMAIL, text, strlen(text)) ||
                              notify_address_valid(text),
                          "%s", text);
        }
}
END_TEST

START_TEST(webhooks_are_https) {
    static const char *const good[] = {"https://h.example/x", "https://h.example:8443",
                                       "http://localhost:80/", "http://127.0.0.2:1/",
                                       "http://[::1]:80/"};
    static const char *const bad[] = {"http://h.example/",
                                      "http://10.0.0.1/",
                                      "ftp://h.example/",
                                      "http://localhost.evil/",
                                      "http://127.0.0.1.evil.example/",
                                      "https://a@h.example/",
                                      "https://"};
    struct url url;
    for (size_t i = 0; i < COUNT_OF(good); i++)
        ck_assert_msg(hook_url_parse(good[i], &url) == 0, "%s", good[i]);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        ck_assert_msg(hook_url_parse(bad[i], &url) < 0, "%s", bad[i]);
}
END_TEST

/* ---- webhooks ---- */

/* The example of the Standard Webhooks specification's reference libraries. */
START_TEST(signed_as_the_specification_says) {
    struct hook_key key;
    char signature[HOOK_SIGNATURE_MAX];
    ck_assert_int_eq(hook_key_read("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &key), 0);
    hook_signature(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, "{\"test\": 2432232314}",
                   signature);
    ck_assert_str_eq(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    ck_assert_int_lt(hook_key_read("whsec_c2hvcnQ=", &key), 0);
    ck_assert_int_lt(hook_key_read("whsec_!", &key), 0);
    ck_assert_int_lt(hook_key_read("", &key), 0);
}
END_TEST

START_TEST(nobody_is_told_what_is_cloisters_own) {
    struct notice notice =
        made("inquiry_new", "owner",
             "{'message': 'Hello', 'delivered': {'mail': true}, 'own_webhook': {'url': "
             "'https://h.example/', 'key': 'whsec_AAAA'}}");
    char *body = hook_body(&notice);
    ck_assert_ptr_nonnull(strstr(body, "Hello"));
    ck_assert_ptr_null(strstr(body, "whsec_"));
    ck_assert_ptr_null(strstr(body, "delivered"));
    free(body);
    notice_free(&notice);
}
END_TEST

START_TEST(what_is_done_is_done_by_each_way) {
    static const struct notify_settings settings = {.mail = true, .hook = true};
    struct notice notice = made("inquiry_new", "owner",
                                "{'to': 'a@b.example', 'delivered': {'webhook': true}, "
                                "'own_webhook': {'url': 'https://h.example/', 'key': 'k'}}");
    notice_plan(&notice, &settings);
    ck_assert(notice.by[DELIVERY_MAIL] && !notice.by[DELIVERY_HOOK] &&
              notice.by[DELIVERY_OWN_HOOK] && !notice_over(&notice));
    const bool by[DELIVERY_CHANNELS] = {[DELIVERY_MAIL] = true};
    char *text = notice_delivered(&notice, by);
    ck_assert_str_eq(text, "{\"delivered\":{\"mail\":true,\"webhook\":true}}");
    free(text);
    notice_free(&notice);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("notify");
    TCase *tests = tcase_create("notify");
    if (sodium_init() < 0)
        return 1;
    tcase_add_test(tests, what_is_plain_stays_plain);
    tcase_add_test(tests, what_is_not_is_encoded);
    tcase_add_test(tests, nobodys_words_begin_another_header);
    tcase_add_test(tests, a_customers_words_are_quoted);
    tcase_add_test(tests, a_line_without_its_text_is_left_out);
    tcase_add_test(tests, every_template_can_be_filled);
    tcase_add_test(tests, an_agents_answer_is_not_mailed_to_a_customer);
    tcase_add_test(tests, times_in_words);
    tcase_add_test(tests, addresses);
    tcase_add_test(tests, whoever_is_taken_can_be_told);
    tcase_add_test(tests, webhooks_are_https);
    tcase_add_test(tests, signed_as_the_specification_says);
    tcase_add_test(tests, nobody_is_told_what_is_cloisters_own);
    tcase_add_test(tests, what_is_done_is_done_by_each_way);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
