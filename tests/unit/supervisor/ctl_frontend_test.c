/* cloisterctl's side of frontends' files: keys, texts, the directory. */
#include <check.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "gateway/frontend_file.h"
#include "supervisor/ctl_frontend_dir.h"
#include "supervisor/ctl_frontend_text.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

START_TEST(test_key) {
    struct frontend_key one, two;
    uint8_t digest[32];
    char hex[65];
    ck_assert_int_eq(frontend_key_make(&one), 0);
    ck_assert_int_eq(frontend_key_make(&two), 0);
    ck_assert_str_ne(one.text, two.text);
    ck_assert_int_eq(strncmp(one.text, "cfk_", 4), 0);
    ck_assert_uint_eq(strlen(one.text), FRONTEND_KEY_SIZE - 1);
    (void)crypto_hash_sha256(digest, (const uint8_t *)one.text, strlen(one.text));
    hex_encode(digest, 32, hex);
    ck_assert_str_eq(hex, one.sha256);
    frontend_key_wipe(&one);
    ck_assert_str_eq(one.text, "");
}
END_TEST

/* The gateway's own reading of it. */
static struct frontend *read_back(const char *text) {
    SCOPE_FREE char *copy = strdup(text);
    struct frontend *frontend = frontend_new("x");
    ck_assert_ptr_nonnull(frontend);
    const char *why = frontend_parse(copy, frontend);
    ck_assert_msg(why == NULL, "%s", why);
    return frontend;
}

START_TEST(test_new_text) {
    static const char *const addresses[] = {"https://a/b?c=d", "loopback"};
    struct frontend_wish wish = {.return_to = addresses, .returns = 2};
    SCOPE_FREE char *text = frontend_text_new(&wish, A);
    struct frontend *f = read_back(text);
    ck_assert(f->keys == 1 && f->returns == 2 && f->rate == FRONTEND_RATE &&
              f->rights == FRONTEND_RIGHTS_ALL && f->tokens_per_day == FRONTEND_BUDGET_DEFAULT);
    ck_assert_str_eq(f->return_to[0], addresses[0]);
    frontend_free(f);
    wish.rate = "7";
    wish.burst = "8";
    wish.may = "chat, memory";
    wish.tokens = "0";
    wish.spend = "9000000";
    SCOPE_FREE char *full = frontend_text_new(&wish, A);
    f = read_back(full);
    ck_assert(f->rate == 7 && f->burst == 8 && f->rights == (FRONTEND_CHAT | FRONTEND_MEMORY));
    ck_assert(f->tokens_per_day == 0 && f->spend_per_day == 9000000);
    frontend_free(f);
}
END_TEST

static void rotated(const char *text, const char *key, const char *want) {
    SCOPE_FREE char *got = frontend_text_rotate(text, key);
    ck_assert_str_eq(got, want);
}

START_TEST(test_rotate) {
    rotated("# mine\nkey_sha256=" A "\nburst=3\n", B,
            "# mine\nkey_sha256=" A "\nkey_sha256=" B "\nburst=3\n");
    rotated("key_sha256 = " A "\n# between\n  key_sha256=" B "\nburst=3", C,
            "# between\n  key_sha256=" B "\nkey_sha256=" C "\nburst=3\n");
    rotated("key_sha256=" A "\nkey_sha256=" B "\n", NULL, "key_sha256=" B "\n");
    rotated("key_sha256=" A "\n", NULL, "key_sha256=" A "\n");
    rotated("#key_sha256=" A "\nkey_sha256x=1\n", B, "#key_sha256=" A "\nkey_sha256x=1\n");
}
END_TEST

static char place[] = "/tmp/ctl-frontend-XXXXXX";

static void open_dir(struct frontend_dir *dir) {
    char path[64];
    (void)snprintf(path, sizeof(path), "%s/frontends", place);
    ck_assert_int_eq(frontend_dir_open(path, true, true, dir), 0);
}

START_TEST(test_directory) {
    struct frontend_dir dir, none;
    struct stat st;
    char **names = NULL, path[96];
    size_t n = 0;
    ck_assert_ptr_nonnull(mkdtemp(place));
    (void)snprintf(path, sizeof(path), "%s/frontends", place);
    ck_assert_int_eq(frontend_dir_open(path, true, false, &none), -ENOENT);
    frontend_dir_close(&none);
    open_dir(&dir);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0755);
    ck_assert_int_eq(frontend_dir_write(&dir, "shop", "one\n", false), -ENOENT);
    ck_assert_int_eq(frontend_dir_write(&dir, "shop", "one\n", true), 0);
    ck_assert_int_eq(frontend_dir_write(&dir, "shop", "two\n", true), -EEXIST);
    (void)snprintf(path, sizeof(path), "%s/frontends/shop.conf", place);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0644);
    ck_assert_int_eq(chmod(path, 0604), 0);
    ck_assert_int_eq(frontend_dir_write(&dir, "shop", "two\n", false), 0);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0604);
    SCOPE_FREE char *text = NULL;
    ck_assert_int_eq(frontend_dir_read(&dir, "shop", &text), 0);
    ck_assert_str_eq(text, "two\n");
    ck_assert_int_eq(frontend_dir_names(&dir, &names, &n), 0);
    ck_assert_uint_eq(n, 1); /* nothing else was left, the lock is no frontend */
    ck_assert_str_eq(names[0], "shop");
    free(names[0]);
    free(names);
    ck_assert_int_eq(symlinkat("shop.conf", dir.fd, "link.conf"), 0);
    SCOPE_FREE char *other = NULL;
    ck_assert_int_eq(frontend_dir_read(&dir, "link", &other), -ELOOP);
    ck_assert_int_eq(frontend_dir_remove(&dir, "link"), 0);
    ck_assert_int_eq(frontend_dir_remove(&dir, "shop"), 0);
    ck_assert_int_eq(frontend_dir_remove(&dir, "shop"), -ENOENT);
    frontend_dir_close(&dir);
}
END_TEST

/* Twenty processes add one line each: without the lock some would be lost. */
START_TEST(test_two_at_once) {
    enum { WRITERS = 20 };
    struct frontend_dir dir;
    ck_assert_ptr_nonnull(mkdtemp(place));
    open_dir(&dir);
    ck_assert_int_eq(frontend_dir_write(&dir, "shop", "", true), 0);
    frontend_dir_close(&dir);
    for (int i = 0; i < WRITERS; i++) {
        if (fork() != 0)
            continue;
        SCOPE_FREE char *text = NULL;
        char longer[256];
        open_dir(&dir);
        bool ok = frontend_dir_read(&dir, "shop", &text) == 0;
        (void)snprintf(longer, sizeof(longer), "%sx", ok ? text : "");
        ok = ok && frontend_dir_write(&dir, "shop", longer, false) == 0;
        _exit(ok ? 0 : 1);
    }
    for (int i = 0, status; i < WRITERS; i++)
        ck_assert(wait(&status) > 0 && status == 0);
    SCOPE_FREE char *text = NULL;
    open_dir(&dir);
    ck_assert_int_eq(frontend_dir_read(&dir, "shop", &text), 0);
    ck_assert_uint_eq(strlen(text), WRITERS);
    frontend_dir_close(&dir);
}
END_TEST

START_TEST(test_secret_file) {
    char path[96];
    uint8_t text[64];
    struct stat st;
    ck_assert_ptr_nonnull(mkdtemp(place));
    (void)snprintf(path, sizeof(path), "%s/key", place);
    ck_assert_int_eq(frontend_secret_write(path, "one"), 0);
    frontend_secret_drop(path);
    ck_assert_int_eq(frontend_secret_write(path, "two"), 0);
    ck_assert_int_eq(frontend_secret_place(path), 0);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0600);
    ck_assert_int_eq(file_read(path, text, sizeof(text)), 4);
    ck_assert_int_eq(memcmp(text, "two\n", 4), 0);
}
END_TEST

static void clean(void) {
    char command[64];
    (void)snprintf(command, sizeof(command), "rm -rf %s", place);
    if (strstr(place, "XXXXXX") == NULL)
        ck_assert_int_eq(system(command), 0);
}

int main(void) {
    Suite *suite = suite_create("cloisterctl frontend");
    TCase *tcase = tcase_create("files");
    tcase_add_checked_fixture(tcase, NULL, clean);
    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, test_key);
    tcase_add_test(tcase, test_new_text);
    tcase_add_test(tcase, test_rotate);
    tcase_add_test(tcase, test_directory);
    tcase_add_test(tcase, test_two_at_once);
    tcase_add_test(tcase, test_secret_file);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
