/* The frontends' files: their lines, the directory, whose key, which address. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "gateway/frontends.h"

static unsigned reports;
static void count_report(const char *name, const char *why) {
    (void)name;
    ck_assert_uint_gt(strlen(why), 10);
    reports++;
}

static void write_text(const char *dir, const char *name, const char *text) {
    char path[160];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *file = fopen(path, "we");
    (void)fputs(text, file);
    (void)fclose(file);
}

/* A whole file's verdict; `ret` is what came of it. */
static const char *parsed(const char *text, struct frontend **ret) {
    char copy[8192];
    (void)snprintf(copy, sizeof(copy), "%s", text);
    *ret = frontend_new("one");
    ck_assert_ptr_nonnull(*ret);
    return frontend_parse(copy, *ret);
}

#define KEY_LINE(digit) "key_sha256=" digit digit digit digit digit digit digit digit "\n"
#define ONE             KEY_LINE("00000001")
#define TWO             KEY_LINE("0000000a")

START_TEST(test_lines) {
    struct frontend *f;
    ck_assert_ptr_null(parsed("# why\n  ; and who\n\r\n \t requests_per_second \t=  3 \n" ONE, &f));
    frontend_free(f);
    ck_assert_ptr_null(parsed(ONE "requests_per_second = 7\r\nburst=9\nreturn_to = loopback", &f));
    ck_assert(f->keys == 1 && f->rate == 7 && f->burst == 9 && f->returns == 1);
    ck_assert_str_eq(f->return_to[0], "loopback");
    frontend_free(f);
    ck_assert_ptr_null(parsed(ONE TWO, &f));
    ck_assert(f->keys == 2 && f->rate == FRONTEND_RATE && f->burst == FRONTEND_BURST);
    ck_assert(f->tokens_per_day == FRONTEND_BUDGET_DEFAULT &&
              f->spend_per_day == FRONTEND_BUDGET_DEFAULT);
    frontend_free(f);
    ck_assert_ptr_null(parsed(ONE "tokens_per_day = 0\nspend_per_day=2500000\n", &f));
    ck_assert(f->tokens_per_day == 0 && f->spend_per_day == 2500000);
    frontend_free(f);
    static const char *const bad[] = {"",
                                      "return_to=loopback\n",
                                      ONE TWO ONE,
                                      ONE "[section]\n",
                                      ONE "word\n",
                                      ONE "colour=red\n",
                                      ONE "burst=0\n",
                                      ONE "burst=\n",
                                      ONE "tokens_per_day=-1\n",
                                      ONE "spend_per_day=1.5\n",
                                      ONE "spend_per_day=10000000000000000\n",
                                      ONE "return_to=ftp://a\n",
                                      ONE "return_to=https://a/#b\n",
                                      ONE "may=\n",
                                      ONE "may=chat shout\n"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        ck_assert_msg(parsed(bad[i], &f) != NULL, "%s", bad[i]);
        frontend_free(f);
    }
}
END_TEST

START_TEST(test_long_address) {
    struct frontend *f;
    char text[4096], address[2100];
    (void)snprintf(address, sizeof(address), "https://a/%01900d?x=1", 7);
    (void)snprintf(text, sizeof(text), "%sreturn_to=%s\n", ONE, address);
    ck_assert_ptr_null(parsed(text, &f));
    ck_assert_str_eq(f->return_to[0], address);
    ck_assert(frontend_may_return(f, address));
    frontend_free(f);
}
END_TEST

START_TEST(test_rights) {
    struct frontend *f;
    ck_assert_ptr_null(parsed(ONE, &f));
    for (size_t i = 0; i < 5; i++)
        ck_assert(frontend_may(f, (enum frontend_right)(1 << i)));
    frontend_free(f);
    ck_assert_ptr_null(parsed(ONE "may = connect,  memory\n", &f));
    ck_assert(frontend_may(f, FRONTEND_CONNECT) && frontend_may(f, FRONTEND_MEMORY));
    ck_assert(!frontend_may(f, FRONTEND_CHAT) && !frontend_may(f, FRONTEND_DISCONNECT));
    frontend_free(f);
    ck_assert(frontend_name_valid("shop-2.eu") && frontend_name_valid("Web"));
    ck_assert(!frontend_name_valid("web") && !frontend_name_valid("") &&
              !frontend_name_valid("a b"));
    ck_assert(!frontend_name_valid(".x") && !frontend_name_valid("../x") &&
              !frontend_name_valid("ä"));
}
END_TEST

static bool loopback_allows(const char *url) {
    char line[] = "loopback";
    struct frontend frontend = {.return_to = {line}, .returns = 1};
    return frontend_may_return(&frontend, url);
}

START_TEST(test_frontends) {
    char dir[] = "/tmp/gateway-frontends-XXXXXX", command[64], text[256], hex[65];
    uint8_t digest[32];
    struct frontends *frontends;
    ck_assert_int_ge(sodium_init(), 0);
    ck_assert_ptr_nonnull(mkdtemp(dir));
    (void)crypto_hash_sha256(digest, (const uint8_t *)"key", 3);
    hex_encode(digest, 32, hex);
    (void)snprintf(text, sizeof(text), "# a comment\nkey_sha256 = %s\nreturn_to = https://a/b\n",
                   hex);
    write_text(dir, "good.conf", text);
    write_text(dir, "bad-key.conf", "key_sha256=123\n");
    write_text(dir, "bad-line.conf", "what\n");
    write_text(dir, "no-key.conf", "return_to=https://a/b\n");
    write_text(dir, "bad-return.conf", "return_to=javascript:alert(1)\n");
    write_text(dir, "bad-name.conf", "colour=red\n");
    write_text(dir, "web.conf", text);
    write_text(dir, "README", "not ours");
    write_text(dir, ".good.conf.part", "half");
    ck_assert_int_eq(frontends_load(dir, count_report, &frontends), 0);
    ck_assert_uint_eq(reports, 6);
    ck_assert_uint_eq(frontends_count(frontends), 1);
    const struct frontend *good = frontends_by_key(frontends, "key", 3);
    ck_assert_ptr_nonnull(good);
    ck_assert_str_eq(good->name, "good");
    ck_assert_ptr_null(frontends_by_name(frontends, "web"));
    ck_assert_ptr_null(frontends_by_key(frontends, "kez", 3));
    ck_assert_ptr_null(frontends_by_key(frontends, "", 0));
    ck_assert(frontend_may_return(good, "https://a/b") &&
              !frontend_may_return(good, "https://a/b/"));
    ck_assert(!frontend_may_return(good, "http://127.0.0.1:9000/back"));
    uint64_t before = frontends_stamp(dir);
    ck_assert_uint_eq(before, frontends_stamp(dir));
    write_text(dir, "another.conf", text);
    ck_assert_uint_ne(before, frontends_stamp(dir));
    frontends_free(frontends);
    ck_assert(!loopback_allows("loopback") && !loopback_allows("https://127.0.0.1/"));
    ck_assert(loopback_allows("http://127.0.0.1:9000/back?x=1") &&
              loopback_allows("http://[::1]/"));
    ck_assert(loopback_allows("http://localhost") && !loopback_allows("http://localhost.evil/"));
    ck_assert(!loopback_allows("http://127.0.0.1:80@evil/") && !loopback_allows("http://evil/"));
    ck_assert(!loopback_allows("http://127.0.0.1/#x") && !loopback_allows("http://127.0.0.10/"));
    ck_assert_int_eq(frontends_load("/nowhere", count_report, &frontends), -ENOENT);
    (void)snprintf(command, sizeof(command), "rm -rf %s", dir);
    ck_assert_int_eq(system(command), 0);
}
END_TEST

/* What stands behind a NUL byte would not be read: "may=chat" there would limit nothing. */
START_TEST(test_no_text) {
    static const char line[] = ONE "\0may=chat\n";
    char dir[] = "/tmp/gateway-frontends-XXXXXX", path[64];
    struct frontends *frontends;
    ck_assert_int_ge(sodium_init(), 0);
    ck_assert_ptr_nonnull(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/app.conf", dir);
    for (int whole = 0; whole < 2; whole++) {
        SCOPE_FD int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        ck_assert_int_eq(write_all(fd, line, whole ? sizeof(ONE) - 1 : sizeof(line) - 1), 0);
        reports = 0;
        ck_assert_int_eq(frontends_load(dir, count_report, &frontends), 0);
        ck_assert_uint_eq(reports, whole ? 0 : 1);
        ck_assert_uint_eq(frontends_count(frontends), whole ? 1 : 0);
        frontends_free(frontends);
    }
    ck_assert(unlink(path) == 0 && rmdir(dir) == 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("frontends");
    TCase *tcase = tcase_create("frontends");
    tcase_add_test(tcase, test_lines);
    tcase_add_test(tcase, test_long_address);
    tcase_add_test(tcase, test_rights);
    tcase_add_test(tcase, test_frontends);
    tcase_add_test(tcase, test_no_text);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
