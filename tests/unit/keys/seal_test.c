#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "memory/seal.h"
#include "tests/unit/keys/accounts.h"
#include "build_config.h"

static const uint8_t key[SEAL_KEY_LEN] = {1, 2, 3};
static const struct seal_label label = {"google-refresh", "0123456789abcdef0123456789abcdef", 7, 3};
static const char text[] = "1//0refresh-token";

static uint8_t *sealed(size_t *ret_len) {
    uint8_t *blob = NULL;
    ck_assert_int_eq(seal_box(key, &label, text, strlen(text), &blob, ret_len), 0);
    return blob;
}

static int try_open(const uint8_t *with, const struct seal_label *as, const uint8_t *blob,
                    size_t len) {
    SCOPE_SECRET char *plain = NULL;
    size_t plain_len = 0;
    int r = seal_open(with, as, blob, len, &plain, &plain_len);
    if (r == 0) {
        ck_assert_uint_eq(plain_len, strlen(text));
        ck_assert_mem_eq(plain, text, plain_len + 1);
    } else {
        ck_assert_ptr_null(plain);
    }
    return r;
}

START_TEST(opens_under_its_own_label) {
    size_t len = 0;
    SCOPE_FREE uint8_t *blob = sealed(&len);
    ck_assert_uint_eq(len, strlen(text) + SEAL_OVERHEAD);
    ck_assert_ptr_null(memmem(blob, len, text, strlen(text)));
    ck_assert_int_eq(try_open(key, &label, blob, len), 0);
    ck_assert_uint_eq(seal_version(blob, len), 3);
}
END_TEST

START_TEST(every_field_of_the_label_counts) {
    size_t len = 0;
    SCOPE_FREE uint8_t *blob = sealed(&len);
    const struct seal_label others[] = {
        {"google-access", label.subject, 7, 3},
        {label.purpose, "1123456789abcdef0123456789abcdef", 7, 3},
        {label.purpose, label.subject, 8, 3},
        {label.purpose, label.subject, 7, 4},
        {label.purpose, label.subject, 7, 2},
        /* the same letters, cut elsewhere */
        {"google-refresh0", "123456789abcdef0123456789abcdef", 7, 3},
        {"", "google-refresh0123456789abcdef0123456789abcdef", 7, 3},
    };
    for (size_t i = 0; i < COUNT_OF(others); i++)
        ck_assert_int_eq(try_open(key, &others[i], blob, len), -EBADMSG);
    uint8_t other_key[SEAL_KEY_LEN] = {1, 2, 4};
    ck_assert_int_eq(try_open(other_key, &label, blob, len), -EBADMSG);
    ck_assert_int_eq(try_open(key, &label, blob, len), 0); /* control */
}
END_TEST

START_TEST(every_bit_of_the_blob_counts) {
    size_t len = 0;
    SCOPE_FREE uint8_t *blob = sealed(&len);
    for (size_t bit = 0; bit < len * 8; bit++) {
        blob[bit / 8] ^= (uint8_t)(1 << bit % 8);
        int r = try_open(key, &label, blob, len);
        ck_assert_int_eq(r, bit < 8 ? -EPROTO : -EBADMSG);
        blob[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    ck_assert_int_eq(try_open(key, &label, blob, len), 0);
}
END_TEST

/* Somebody who rewrites the version in the open still cannot lift an old blob over the floor. */
START_TEST(a_rewritten_version_does_not_open) {
    size_t len = 0;
    SCOPE_FREE uint8_t *blob = sealed(&len);
    blob[8] = 9;
    ck_assert_uint_eq(seal_version(blob, len), 9);
    struct seal_label claimed = label;
    claimed.version = 9;
    ck_assert_int_eq(try_open(key, &claimed, blob, len), -EBADMSG);
}
END_TEST

START_TEST(short_input_is_no_blob) {
    size_t len = 0;
    SCOPE_FREE uint8_t *blob = sealed(&len);
    for (size_t cut = 0; cut < len; cut++) {
        int r = try_open(key, &label, blob, cut);
        ck_assert_int_eq(r, cut < SEAL_OVERHEAD ? -EPROTO : -EBADMSG);
        ck_assert_uint_eq(seal_version(blob, cut), cut < SEAL_OVERHEAD ? 0 : 3);
    }
}
END_TEST

START_TEST(empty_and_binary_plaintext) {
    const uint8_t binary[] = {0, 1, 0, 255, 0};
    for (size_t n = 0; n <= sizeof(binary); n += sizeof(binary)) {
        SCOPE_FREE uint8_t *blob = NULL;
        SCOPE_SECRET char *plain = NULL;
        size_t len = 0, plain_len = 99;
        ck_assert_int_eq(seal_box(key, &label, binary, n, &blob, &len), 0);
        ck_assert_int_eq(seal_open(key, &label, blob, len, &plain, &plain_len), 0);
        ck_assert_uint_eq(plain_len, n);
        ck_assert_int_eq(memcmp(plain, binary, n), 0);
        ck_assert_int_eq(plain[n], 0);
    }
}
END_TEST

START_TEST(nonces_differ) {
    size_t a_len = 0, b_len = 0;
    SCOPE_FREE uint8_t *a = sealed(&a_len), *b = sealed(&b_len);
    ck_assert_mem_ne(a + 9, b + 9, 24);
}
END_TEST

START_TEST(derived_keys_differ_by_use) {
    uint8_t a[SEAL_KEY_LEN], b[SEAL_KEY_LEN], mac[SEAL_KEY_LEN], other[SEAL_KEY_LEN] = {9};
    key_derive(key, "own-event", a);
    key_derive(key, "event-id", b);
    ck_assert_mem_ne(a, b, sizeof(a));
    key_mac(key, "own-event", 9, mac, sizeof(mac));
    ck_assert_mem_ne(a, mac, sizeof(a));
    key_derive(other, "own-event", b);
    ck_assert_mem_ne(a, b, sizeof(a));
    key_derive(key, "own-event", b);
    ck_assert_mem_eq(a, b, sizeof(a));
    key_mac(key, "x", 1, mac, 16);
    key_mac(key, "y", 1, other, 16);
    ck_assert_mem_ne(mac, other, 16);
}
END_TEST

static int allocate_without_right_to_lock(rlim_t bytes, bool harmless) {
    pid_t pid = fork();
    if (pid == 0) {
        const struct rlimit limit = {bytes, bytes};
        account_become(CLOISTER_USER_AGENT);
        if (setrlimit(RLIMIT_MEMLOCK, &limit) < 0)
            _exit(98);
        if (harmless)
            secret_unlocked_is_fine();
        void *secret = secret_alloc(32);
        int got = secret != NULL;
        secret_free(secret);
        _exit(got);
    }
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

START_TEST(no_secret_without_a_lock) {
#ifndef __SANITIZE_ADDRESS__ /* which makes mlock do nothing */
    ck_assert_int_eq(allocate_without_right_to_lock(0, false), 0);
#endif
    ck_assert_int_eq(allocate_without_right_to_lock(1 << 20, false), 1); /* control */
    ck_assert_int_eq(allocate_without_right_to_lock(0, true), 1);
}
END_TEST

/* In a process of its own: a pool stays. */
START_TEST(secrets_share_a_pool) {
    char *before = secret_alloc(100);
    secret_pool();
    char *one = secret_alloc(100), *two = secret_alloc(1), *large = secret_alloc(3000);
    ck_assert(before != NULL && one != NULL && two != NULL && large != NULL);
    ck_assert_ptr_eq(two, one + 112 + 16);
    ck_assert(large < one - 8192 || large > one + 8192);
    ck_assert_uint_eq((uintptr_t)one % 16, 0);
    memset(one, 1, 100);
    memset(two, 2, 1);
    memset(large, 3, 3000);
    secret_free(one);
    for (size_t i = 0; i < 100; i++)
        ck_assert_int_eq(one[i], 0); /* wiped at once */
    ck_assert_int_eq(two[0], 2);
    secret_free(two);
    secret_free(large);
    secret_free(before);
    char *again = secret_alloc(2048);
    ck_assert_ptr_eq(again, one); /* all were gone */
    char *full[8];
    for (size_t i = 0; i < COUNT_OF(full); i++) { /* beyond the pool each has its own room */
        full[i] = secret_alloc(2048);
        ck_assert_ptr_nonnull(full[i]);
        memset(full[i], 4, 2048);
    }
    for (size_t i = 0; i < COUNT_OF(full); i++)
        secret_free(full[i]);
    secret_free(again);
}
END_TEST

START_TEST(secret_is_locked_and_left_out_of_dumps) {
    SCOPE_SECRET uint8_t *secret = secret_alloc(100);
    ck_assert_ptr_nonnull(secret);
    memset(secret, 1, 100);
    FILE *maps = fopen("/proc/self/smaps", "re");
    ck_assert_ptr_nonnull(maps);
    char line[512];
    bool inside = false, locked = false;
    while (fgets(line, sizeof(line), maps) != NULL) {
        unsigned long from, to;
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
            inside = from <= (uintptr_t)secret && (uintptr_t)secret < to;
        else if (inside && strncmp(line, "VmFlags:", 8) == 0)
            locked = strstr(line, " lo") != NULL && strstr(line, " dd") != NULL;
    }
    (void)fclose(maps);
#ifdef __SANITIZE_ADDRESS__
    locked = true;
#endif
    ck_assert(locked);
    secret_free(NULL);
}
END_TEST

int main(void) {
    accounts_make();
    if (seal_init() < 0)
        return 1;
    Suite *suite = suite_create("seal");
    TCase *c = tcase_create("seal");
    tcase_add_test(c, opens_under_its_own_label);
    tcase_add_test(c, every_field_of_the_label_counts);
    tcase_add_test(c, every_bit_of_the_blob_counts);
    tcase_add_test(c, a_rewritten_version_does_not_open);
    tcase_add_test(c, short_input_is_no_blob);
    tcase_add_test(c, empty_and_binary_plaintext);
    tcase_add_test(c, nonces_differ);
    tcase_add_test(c, derived_keys_differ_by_use);
    tcase_add_test(c, no_secret_without_a_lock);
    tcase_add_test(c, secret_is_locked_and_left_out_of_dumps);
    tcase_add_test(c, secrets_share_a_pool);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
