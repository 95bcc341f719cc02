/* A grant holds for whom it was minted, for as long as it says, and for nothing else. Each refusal
 * is of a grant that is good but for the one thing that its row changes. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "memory/grant.h"

#define ALICE "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define BOB   "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define NOW   UINT64_C(1767225600000)
#define LIFE  UINT64_C(2592000000)

static const uint8_t key[SEAL_KEY_LEN] = {1, 2, 3}, other_key[SEAL_KEY_LEN] = {1, 2, 4};
static const struct grant_claims alice = {ALICE, "shop", "owner", 4};
static char grant[GRANT_SIZE];

static void set_up(void) {
    ck_assert_int_eq(seal_init(), 0);
    grant_mint(key, &alice, NOW + LIFE, grant);
}

static int check_as(const struct grant_claims *claims, const char *shown, uint64_t at) {
    uint64_t left = 12345;
    int r = grant_check(key, claims, shown, at, &left);
    if (r < 0)
        ck_assert_uint_eq(left, 12345); /* nothing is said about one that does not hold */
    return r;
}

START_TEST(it_holds_for_its_own) {
    uint64_t left = 0;
    ck_assert_int_eq(grant_check(key, &alice, grant, NOW, &left), 0);
    ck_assert_uint_eq(left, LIFE);
    ck_assert_uint_eq(strlen(grant), 68);
    ck_assert_int_eq(strncmp(grant, GRANT_PREFIX, 4), 0);
}
END_TEST

static const struct {
    struct grant_claims claims;
    int result;
} others[] = {
    {{ALICE, "shop", "owner", 4}, 0}, /* control */
    {{BOB, "shop", "owner", 4}, -EACCES},
    {{"", "shop", "owner", 4}, -EACCES},
    {{ALICE, "shop2", "owner", 4}, -EACCES},
    {{ALICE, "sho", "owner", 4}, -EACCES},
    {{ALICE, "Shop", "owner", 4}, -EACCES},
    {{ALICE, "", "owner", 4}, -EACCES},
    {{ALICE, "web", "owner", 4}, -EACCES},
    {{ALICE, "shop", "customer", 4}, -EACCES},
    {{ALICE, "shop", "scheduler", 4}, -EACCES},
    {{ALICE, "shop", "connect", 4}, -EACCES},
    {{ALICE, "shop", "", 4}, -EACCES},
    /* the same letters, cut elsewhere */
    {{ALICE "s", "hop", "owner", 4}, -EACCES},
    {{ALICE, "shopo", "wner", 4}, -EACCES},
    {{ALICE, "shop", "owner", 5}, -EKEYREVOKED},
    {{ALICE, "shop", "owner", 400}, -EKEYREVOKED},
    {{ALICE, "shop", "owner", 3}, -EACCES}, /* the key was put back to an earlier time */
    {{BOB, "shop", "owner", 5}, -EACCES},   /* what it says is not believed before its MAC */
    {{ALICE, "shop2", "owner", 5}, -EACCES},
};

START_TEST(it_holds_for_nobody_else) {
    ck_assert_int_eq(check_as(&others[_i].claims, grant, NOW), others[_i].result);
}
END_TEST

START_TEST(only_its_own_key_makes_it) {
    uint64_t left = 0;
    ck_assert_int_eq(grant_check(other_key, &alice, grant, NOW, &left), -EACCES);
    char forged[GRANT_SIZE];
    grant_mint(other_key, &alice, NOW + LIFE, forged);
    ck_assert_int_eq(check_as(&alice, forged, NOW), -EACCES);
    ck_assert_int_eq(grant_check(other_key, &alice, forged, NOW, &left), 0); /* control */
}
END_TEST

START_TEST(it_ends_when_it_says) {
    const uint64_t end = NOW + LIFE;
    uint64_t left = 0;
    ck_assert_int_eq(grant_check(key, &alice, grant, end - 1, &left), 0);
    ck_assert_uint_eq(left, 1);
    ck_assert_int_eq(check_as(&alice, grant, end), -EKEYEXPIRED);
    ck_assert_int_eq(check_as(&alice, grant, UINT64_MAX), -EKEYEXPIRED);
    grant_mint(key, &alice, 0, grant);
    ck_assert_int_eq(check_as(&alice, grant, 0), -EKEYEXPIRED);
    /* revoked is the owner's act, and said even when the grant is old as well */
    const struct grant_claims later = {ALICE, "shop", "owner", 5};
    ck_assert_int_eq(check_as(&later, grant, NOW), -EKEYREVOKED);
}
END_TEST

START_TEST(a_later_end_cannot_be_written_in) {
    uint8_t bytes[48];
    char edited[GRANT_SIZE];
    ck_assert_int_eq(base64url_decode(grant + 4, 64, bytes, sizeof(bytes)), sizeof(bytes));
    bytes[0] = 0x7f;
    (void)strcpy(edited, GRANT_PREFIX);
    base64url_encode(bytes, sizeof(bytes), edited + 4);
    ck_assert_int_eq(check_as(&alice, edited, NOW), -EACCES);
    ck_assert_int_eq(check_as(&alice, edited, NOW + 2 * LIFE), -EACCES);
    bytes[0] = 0;
    bytes[15] = 5; /* the next epoch */
    base64url_encode(bytes, sizeof(bytes), edited + 4);
    const struct grant_claims later = {ALICE, "shop", "owner", 5};
    ck_assert_int_eq(check_as(&later, edited, NOW), -EACCES);
    bytes[15] = 4;
    base64url_encode(bytes, sizeof(bytes), edited + 4);
    ck_assert_int_eq(check_as(&alice, edited, NOW), 0); /* control: put back */
}
END_TEST

START_TEST(every_bit_counts) {
    uint8_t bytes[48];
    char edited[GRANT_SIZE];
    ck_assert_int_eq(base64url_decode(grant + 4, 64, bytes, sizeof(bytes)), sizeof(bytes));
    for (size_t i = 0; i < 8 * sizeof(bytes); i++) {
        bytes[i / 8] ^= (uint8_t)(1u << i % 8);
        (void)strcpy(edited, GRANT_PREFIX);
        base64url_encode(bytes, sizeof(bytes), edited + 4);
        ck_assert_msg(check_as(&alice, edited, NOW) == -EACCES, "bit %zu", i);
        bytes[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    for (size_t i = 0; i < strlen(grant); i++) {
        (void)strcpy(edited, grant);
        edited[i] = edited[i] == 'A' ? 'B' : 'A';
        ck_assert_msg(check_as(&alice, edited, NOW) == -EACCES, "character %zu", i);
    }
}
END_TEST

START_TEST(nonsense_is_no_grant) {
    char edited[2 * GRANT_SIZE];
    ck_assert_int_eq(check_as(&alice, "", NOW), -ENOKEY);
    for (size_t len = 1; len < strlen(grant); len++) {
        (void)snprintf(edited, sizeof(edited), "%.*s", (int)len, grant);
        ck_assert_int_eq(check_as(&alice, edited, NOW), -EACCES);
    }
    static const char *const shapes[] = {"%sA", "%s ", " %s", "%s=", "%s\n", "%s\x80"};
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        (void)snprintf(edited, sizeof(edited), shapes[i], grant);
#pragma GCC diagnostic pop
        ck_assert_int_eq(check_as(&alice, edited, NOW), -EACCES);
    }
    (void)snprintf(edited, sizeof(edited), "cg2_%s", grant + 4);
    ck_assert_int_eq(check_as(&alice, edited, NOW), -EACCES);
    (void)snprintf(edited, sizeof(edited), "CG1_%s", grant + 4);
    ck_assert_int_eq(check_as(&alice, edited, NOW), -EACCES);
    ck_assert_int_eq(check_as(&alice, grant + 4, NOW), -EACCES);
    (void)strcpy(edited, grant);
    for (const char *bad = "+/=.%\x01\xff"; *bad != '\0'; bad++) {
        edited[20] = *bad;
        ck_assert_int_eq(check_as(&alice, edited, NOW), -EACCES);
    }
    ck_assert_int_eq(check_as(&alice, grant, NOW), 0); /* control */
}
END_TEST

START_TEST(the_second_half_of_a_life_is_old) {
    ck_assert(!grant_is_old(LIFE, LIFE));
    ck_assert(!grant_is_old(LIFE / 2, LIFE));
    ck_assert(grant_is_old(LIFE / 2 - 1, LIFE));
    ck_assert(grant_is_old(1, LIFE));
    ck_assert_uint_eq(grant_expiry(NOW, LIFE), NOW + LIFE);
    ck_assert_uint_eq(grant_expiry(NOW, UINT64_MAX), UINT64_MAX);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("grant");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, set_up, NULL);
    tcase_add_test(tc, it_holds_for_its_own);
    tcase_add_loop_test(tc, it_holds_for_nobody_else, 0, (int)COUNT_OF(others));
    tcase_add_test(tc, only_its_own_key_makes_it);
    tcase_add_test(tc, it_ends_when_it_says);
    tcase_add_test(tc, a_later_end_cannot_be_written_in);
    tcase_add_test(tc, every_bit_counts);
    tcase_add_test(tc, nonsense_is_no_grant);
    tcase_add_test(tc, the_second_half_of_a_life_is_old);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
