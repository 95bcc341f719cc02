/* The pure parts behind the web pages: templates, forms, addresses, back-off, cookies. */
#include <check.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "gateway/assets.h"
#include "gateway/bucket.h"
#include "gateway/cookies.h"
#include "gateway/form.h"
#include "gateway/pages.h"
#include "gateway/proxies.h"
#include "gateway/throttle.h"

static int fill(const char *text, const struct place *places, size_t n, char *out, size_t cap) {
    struct evbuffer *buffer = evbuffer_new();
    int r = template_fill(buffer, text, strlen(text), places, n);
    ev_ssize_t len = evbuffer_remove(buffer, out, cap - 1);
    out[len > 0 ? len : 0] = '\0';
    evbuffer_free(buffer);
    return r;
}

START_TEST(test_template) {
    static const struct place places[] = {{"a", "<b>\"'&é"}, {"ab", "{{a}}"}, {"empty", ""}};
    char out[200];
    ck_assert_int_eq(fill("x{{a}}y{{empty}}z", places, 3, out, sizeof(out)), 0);
    ck_assert_str_eq(out, "x&lt;b&gt;&quot;&#39;&amp;éyz");
    ck_assert_int_eq(fill("{{ab}}", places, 3, out, sizeof(out)), 0);
    ck_assert_str_eq(out, "{{a}}"); /* filled in once, not again */
    ck_assert_int_eq(fill("{ {a} }", places, 3, out, sizeof(out)), 0);
    ck_assert_int_eq(fill("{{other}}", places, 3, out, sizeof(out)), -ENOENT);
    ck_assert_int_eq(fill("{{ a}}", places, 3, out, sizeof(out)), -ENOENT);
    ck_assert_int_eq(fill("{{a", places, 3, out, sizeof(out)), -EINVAL);
    static const struct place odd[] = {{"a", "\xff"}};
    ck_assert_int_eq(fill("{{a}}", odd, 1, out, sizeof(out)), -EINVAL);
}
END_TEST

/* Every page's file is there, names no place but its own, and leaves out none that it needs. */
START_TEST(test_pages) {
    const struct page_kind *kind = &page_kinds[_i];
    const struct asset *asset = asset_find(kind->file);
    struct place places[10];
    size_t n = 0;
    ck_assert_msg(asset != NULL, "%s", kind->file);
    ck_assert_ptr_null(asset_type(asset));
    for (; kind->places[n] != NULL; n++) {
        char place[64];
        (void)snprintf(place, sizeof(place), "{{%s}}", kind->places[n]);
        places[n] = (struct place){kind->places[n], "value"};
        ck_assert_msg(n >= kind->required || strstr(asset->data, place) != NULL,
                      "%s does not show %s", kind->file, place);
    }
    struct evbuffer *out = evbuffer_new();
    ck_assert_msg(template_fill(out, asset->data, asset->len, places, n) == 0,
                  "%s has a place of another name", kind->file);
    evbuffer_free(out);
}
END_TEST

static json_t *parse(const char *text, struct field_fault *fault) {
    return form_parse((const uint8_t *)text, strlen(text), fault);
}

START_TEST(test_form) {
    struct field_fault fault;
    json_t *form = parse("a=x+y%21&b=&list=1&list=2&c=%C3%A9%26%3D", &fault);
    ck_assert_ptr_nonnull(form);
    ck_assert_str_eq(field_text(form, "a"), "x y!");
    ck_assert_str_eq(field_text(form, "b"), "");
    ck_assert_str_eq(field_text(form, "c"), "é&=");
    ck_assert_uint_eq(json_array_size(json_object_get(form, "list")), 2);
    json_decref(form);
    form = parse("a=%0D%0A1%0D%0A%0D%0A2%0D%0D%0A&b=%0D", &fault);
    ck_assert_str_eq(field_text(form, "a"), "\n1\n\n2\r\n"); /* lines' ends as they were typed */
    ck_assert_str_eq(field_text(form, "b"), "\r");
    json_decref(form);
    form = parse("", &fault);
    ck_assert_uint_eq(json_object_size(form), 0);
    json_decref(form);
    static const char *const bad[] = {"a",          "a&b=1",    "=1",    "a=1&",     "&a=1",
                                      "a=%",        "a=%4",     "a=%g1", "a=%00",    "a=%ff",
                                      "a=\xc3\xa9", "a=1\nb=2", "%61=1", "a=1;\x01", "a b=1"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        form = parse(bad[i], &fault);
        ck_assert_msg(form == NULL, "%s", bad[i]);
        ck_assert_str_eq(fault.code, "invalid_form");
    }
    ck_assert_ptr_null(form_parse((const uint8_t *)"a=1\0b", 5, &fault));
    char many[400] = "a=1";
    for (unsigned i = 1; i < FORM_FIELDS_MAX; i++)
        (void)strcat(many, "&a=1");
    form = parse(many, &fault);
    ck_assert_uint_eq(json_array_size(json_object_get(form, "a")), FORM_FIELDS_MAX);
    json_decref(form);
    ck_assert_ptr_null(parse(strcat(many, "&a=1"), &fault));
}
END_TEST

START_TEST(test_form_fields) {
    static const char *const words[] = {"x", "y", NULL};
    static const struct field rows[] = {{"list", FIELD_WORDS, true, 2, words},
                                        {"one", FIELD_VISIBLE, false, 8, NULL}};
    static const struct {
        const char *form;
        int result;
    } cases[] = {{"list=x", 0},
                 {"list=x&list=y&one=1&other=2", 0},
                 {"list=x&one=", 0},
                 {"list=x&list=x", -EINVAL},
                 {"list=z", -EINVAL},
                 {"one=1", -EINVAL},
                 {"list=x&one=1&one=1", -EINVAL},
                 {"list=x&other=1&other=2", -EINVAL},
                 {"list=x&one=123456789", -EINVAL}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct field_fault fault;
        json_t *form = parse(cases[i].form, &fault);
        ck_assert_msg(form_check(form, rows, 2, &fault) == cases[i].result, "%s", cases[i].form);
        json_decref(form);
    }
}
END_TEST

START_TEST(test_addresses) {
    struct in6_addr a, b;
    ck_assert_int_eq(address_parse((struct slice){"192.0.2.1xx", 9}, &a), 0);
    ck_assert_int_eq(address_parse((struct slice){"::ffff:192.0.2.1", 16}, &b), 0);
    ck_assert_mem_eq(&a, &b, sizeof(a));
    static const char *const bad[] = {"",         "x",         "1.2.3",  "1.2.3.4.5",
                                      "01.2.3.4", "1.2.3.4:5", "[::1]",  "::1%lo",
                                      " ::1",     "1.2.3.4/8", "::1::2", "unknown"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        ck_assert_msg(address_parse((struct slice){bad[i], strlen(bad[i])}, &a) == -EINVAL, "%s",
                      bad[i]);
    struct proxies proxies = {.count = 0};
    for (unsigned i = 0; i < PROXIES_MAX; i++)
        ck_assert_int_eq(proxies_add(&proxies, "127.0.0.1"), 0);
    ck_assert_int_eq(proxies_add(&proxies, "127.0.0.1"), -ENOSPC);
}
END_TEST

START_TEST(test_throttle) {
    const struct throttle_rule rule = {2, 100, 350};
    struct in6_addr a = {{{1}}}, b = {{{2}}};
    SCOPE_FREE void *memory = calloc(1, throttle_size());
    struct throttle *throttle = throttle_begin(memory, &rule, false, 0);
    static const uint64_t waits[] = {0, 0, 100, 200, 350, 350};
    uint64_t now = 1000;
    for (size_t i = 0; i < COUNT_OF(waits); i++) {
        throttle_failed(throttle, &a, now);
        ck_assert_uint_eq(throttle_wait(throttle, &a, now), waits[i]);
        now += waits[i];
        ck_assert_uint_eq(throttle_wait(throttle, &a, now), 0);
    }
    ck_assert_uint_eq(throttle_wait(throttle, &b, now), 0);
    throttle_forget(throttle, &a);
    throttle_failed(throttle, &a, now);
    ck_assert_uint_eq(throttle_wait(throttle, &a, now), 0);
    for (unsigned i = 0; i < 3; i++)
        throttle_failed(throttle, &b, now);
    ck_assert_uint_gt(throttle_wait(throttle, &b, now), 0);
    now += 100 + 351; /* quiet for long enough */
    throttle_failed(throttle, &b, now);
    ck_assert_uint_eq(throttle_wait(throttle, &b, now), 0);
    for (uint32_t i = 0; i < 100000; i++) { /* more addresses than slots: no harm */
        memcpy(&a, &i, sizeof(i));
        throttle_failed(throttle, &a, now);
    }
}
END_TEST

/* A process before left it; who had to wait waits. What no process can have left is forgotten. */
START_TEST(test_throttle_that_was_left) {
    const struct throttle_rule rule = {2, 100, 350}, longer = {2, 100, 100000};
    const struct in6_addr a = {{{1}}}, b = {{{2}}};
    SCOPE_FREE void *memory = calloc(1, throttle_size());
    struct throttle *throttle = throttle_begin(memory, &longer, false, 0);
    for (unsigned i = 0; i < 4; i++)
        throttle_failed(throttle, &a, 1000);
    for (unsigned i = 0; i < 9; i++)
        throttle_failed(throttle, &b, 1000);
    throttle = throttle_begin(memory, &rule, true, 1100);
    ck_assert_uint_eq(throttle_wait(throttle, &a, 1100), 100);
    ck_assert_uint_eq(throttle_wait(throttle, &b, 1100), 0);
    throttle_failed(throttle, &a, 1200);
    ck_assert_uint_eq(throttle_wait(throttle, &a, 1200), 350);
    throttle = throttle_begin(memory, &rule, true, 900); /* another machine's clock */
    ck_assert_uint_eq(throttle_wait(throttle, &a, 900), 0);
}
END_TEST

START_TEST(test_slow_bucket) {
    SCOPE_FREE void *memory = calloc(1, buckets_size(16));
    struct buckets *buckets = buckets_begin(memory, 16, false, 0);
    for (unsigned i = 0; i < 3; i++)
        ck_assert_uint_eq(buckets_take_slow(buckets, "a", 1, 6000, 3, 1000), 0);
    ck_assert_uint_eq(buckets_take_slow(buckets, "a", 1, 6000, 3, 1000), 6000);
    for (uint64_t now = 1001; now < 7000; now++) /* asking all the time costs nothing */
        ck_assert_uint_eq(buckets_take_slow(buckets, "a", 1, 6000, 3, now), 7000 - now);
    ck_assert_uint_eq(buckets_take_slow(buckets, "a", 1, 6000, 3, 7000), 0);
}
END_TEST

START_TEST(test_cookies) {
    char out[TOKEN_MAX + 1], set[COOKIE_SIZE], longest[TOKEN_MAX + 2];
    memset(longest, 'x', sizeof(longest));
    longest[TOKEN_MAX + 1] = '\0';
    ck_assert(!token_fits(longest) && token_fits(longest + 1) && !token_fits(""));
    ck_assert(!token_fits("a b") && !token_fits("a;b") && !token_fits("\xc3\xa9"));
    ck_assert(cookie_read("__Host-cloister-session=tok", false, COOKIE_SESSION, out));
    ck_assert_str_eq(out, "tok");
    ck_assert(!cookie_read("__Host-cloister-session=\"tok\"", true, COOKIE_SESSION, out));
    ck_assert_str_eq(out, "");
    ck_assert(!cookie_read("cloister-session=tok", false, COOKIE_SESSION, out));
    ck_assert(!cookie_read(NULL, false, COOKIE_LOGIN, out));
    ck_assert(!cookie_read("cloister-connect=c", true, COOKIE_CONNECT, out));
    cookie_write(true, COOKIE_CONNECT, longest + 1, UINT64_MAX, set);
    ck_assert_str_eq(set + strlen(set) - 8, "; Secure");
    cookie_write(false, COOKIE_SESSION, "t", 7, set); /* also without TLS */
    ck_assert_str_eq(set, "__Host-cloister-session=t; Path=/; Max-Age=7; HttpOnly; SameSite=Lax; "
                          "Secure");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("gateway web parts");
    TCase *tcase = tcase_create("parts");
    if (sodium_init() < 0)
        return 1;
    tcase_add_test(tcase, test_template);
    tcase_add_loop_test(tcase, test_pages, 0, PAGES_COUNT);
    tcase_add_test(tcase, test_form);
    tcase_add_test(tcase, test_form_fields);
    tcase_add_test(tcase, test_addresses);
    tcase_add_test(tcase, test_throttle);
    tcase_add_test(tcase, test_throttle_that_was_left);
    tcase_add_test(tcase, test_slow_bucket);
    tcase_add_test(tcase, test_cookies);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
