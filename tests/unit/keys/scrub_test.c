/* Looks at freed memory through an address the compiler knows nothing of. */
#include <check.h>
#include <errno.h>
#include <malloc.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ipc/base.h"

#define PATTERN  0xa7
#define FREELIST 16 /* glibc keeps its own links at a free block's start */

extern void *__libc_malloc(size_t size);
extern void __libc_free(void *pointer);

static uintptr_t hidden(const void *pointer) {
    uintptr_t address = (uintptr_t)pointer;
    __asm__ volatile("" : "+r"(address) : : "memory");
    return address;
}

static size_t pattern_left(uintptr_t address, size_t len) {
    size_t left = 0;
    for (size_t i = FREELIST; i < len; i++)
        left += *(volatile uint8_t *)(address + i) == PATTERN;
    return left;
}

static size_t left_after_free(size_t size, void (*release)(void *)) {
    uint8_t *block = malloc(size), *guard = malloc(64); /* keeps the block from joining the top */
    ck_assert(block != NULL && guard != NULL);
    memset(block, PATTERN, size);
    uintptr_t address = hidden(block);
    release(block);
    size_t left = pattern_left(address, size);
    free(guard);
    return left;
}

START_TEST(freed_memory_is_wiped) {
    static const size_t sizes[] = {24, 40, 100, 500, 1032, 1500, 5000, 60000, 100000};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        ck_assert_uint_eq(left_after_free(sizes[i], free), 0);
        /* control: glibc alone leaves it */
        ck_assert_uint_gt(left_after_free(sizes[i], __libc_free), (sizes[i] - FREELIST) / 2);
    }
}
END_TEST

START_TEST(realloc_leaves_no_copy) {
    static const size_t steps[] = {30, 1000, 3000, 70000, 400, 20};
    for (size_t i = 0; i + 1 < COUNT_OF(steps); i++) {
        uint8_t *block = malloc(steps[i]), *guard = malloc(4096);
        memset(block, PATTERN, steps[i]);
        uintptr_t old = hidden(block);
        uint8_t *moved = realloc(block, steps[i + 1]);
        ck_assert_ptr_nonnull(moved);
        size_t both = steps[i] < steps[i + 1] ? steps[i] : steps[i + 1];
        for (size_t k = 0; k < both; k++)
            ck_assert_uint_eq(moved[k], PATTERN);
        ck_assert_uint_ne(hidden(moved), old);
        ck_assert_uint_eq(pattern_left(old, steps[i]), 0);
        free(moved);
        free(guard);
    }
}
END_TEST

START_TEST(shrinking_in_place_wipes_the_tail) {
    uint8_t *block = malloc(1000);
    memset(block, PATTERN, 1000);
    uint8_t *same = realloc(block, 800);
    uintptr_t address = hidden(same);
    for (size_t i = 800; i < malloc_usable_size(same); i++)
        ck_assert_uint_ne(*(volatile uint8_t *)(address + i), PATTERN);
    for (size_t i = 0; i < 800; i++)
        ck_assert_uint_eq(same[i], PATTERN);
    free(same);
}
END_TEST

/* What the C library allocates and frees for itself passes here too. */
START_TEST(libraries_are_covered) {
    SCOPE_FREE char *line = NULL;
    ck_assert_int_gt(asprintf(&line, "%0500d", 7), 0);
    uintptr_t address = hidden(line);
    char *copy = strdup(line);
    uintptr_t copy_address = hidden(copy);
    free(copy);
    for (size_t i = FREELIST; i < 500; i++)
        ck_assert_int_ne(*(volatile char *)(copy_address + i), '0');
    ck_assert_int_eq(*(volatile char *)(address + 100), '0');
    struct addrinfo *found = NULL;
    ck_assert_int_eq(getaddrinfo("127.0.0.1", "80", NULL, &found), 0);
    freeaddrinfo(found);
}
END_TEST

START_TEST(the_family_keeps_its_contract) {
    void *block = NULL;
    ck_assert_int_eq(posix_memalign(&block, 4096, 100), 0);
    ck_assert_uint_eq(hidden(block) % 4096, 0);
    free(block);
    ck_assert_int_eq(posix_memalign(&block, 3, 100), EINVAL);
    block = aligned_alloc(64, 640);
    ck_assert_uint_eq(hidden(block) % 64, 0);
    free(block);
    volatile size_t huge = SIZE_MAX / 2;
    ck_assert_ptr_null(calloc(huge, 4));
    ck_assert_ptr_null(reallocarray(NULL, huge, 4));
    ck_assert_ptr_null(malloc(huge + 1));
    uint8_t *zero = calloc(100, 10);
    for (size_t i = 0; i < 1000; i++)
        ck_assert_uint_eq(zero[i], 0);
    ck_assert_ptr_null(realloc(zero, huge + 1));
    zero[999] = 1; /* still ours */
    zero = realloc(zero, 0);
    ck_assert_ptr_null(zero);
    errno = 5;
    free(malloc(10));
    free(NULL);
    ck_assert_int_eq(errno, 5);
}
END_TEST

static double cost_ns(size_t size, void *(*take)(size_t), void (*release)(void *)) {
    enum { ROUNDS = 200000 };
    struct timespec from, to;
    (void)clock_gettime(CLOCK_MONOTONIC, &from);
    for (unsigned i = 0; i < ROUNDS; i++) {
        void *block = take(size);
        (void)hidden(block);
        release(block);
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &to);
    return ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) / ROUNDS;
}

/* Prints a number; what is asserted is only that it stays small. */
START_TEST(cost) {
    static const size_t sizes[] = {64, 512, 4096, 65536};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        (void)cost_ns(sizes[i], malloc, free);
        double plain = cost_ns(sizes[i], __libc_malloc, __libc_free);
        double wiped = cost_ns(sizes[i], malloc, free);
        printf("scrub: malloc+free of %zu bytes: %.0f ns, without wiping %.0f ns\n", sizes[i],
               wiped, plain);
        ck_assert(wiped < plain + 200 + (double)sizes[i]);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("scrub");
    TCase *c = tcase_create("scrub");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, freed_memory_is_wiped);
    tcase_add_test(c, realloc_leaves_no_copy);
    tcase_add_test(c, shrinking_in_place_wipes_the_tail);
    tcase_add_test(c, libraries_are_covered);
    tcase_add_test(c, the_family_keeps_its_contract);
    tcase_add_test(c, cost);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
