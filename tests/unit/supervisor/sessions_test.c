/* What users have said, sealed: kept apart, bounded, forgotten. */
#include <check.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/sessions.h"

#define CONN "cccccccccccccccccccccccccccccccc"

static struct event_base *base;
static struct sessions *sessions;

static size_t customers_bytes = 2048;

static void make_sessions(uint64_t ttl_ms) {
    struct sessions_limits limits = {.ttl_ms = ttl_ms,
                                     .notes_bytes = 100,
                                     .access_bytes = 50,
                                     .conversations = 3,
                                     .total_bytes = 8192,
                                     .customers_bytes = customers_bytes};
    base = event_base_new();
    ck_assert_int_eq(sessions_new(base, &limits, &sessions), 0);
}

static void drop_sessions(void) {
    sessions_free(sessions);
    event_base_free(base);
}

static int put(const char *user, const char *conversation, const char *text) {
    return sessions_put_notes(sessions, user, "owner", conversation, CONN, text, strlen(text));
}

static bool has(const char *user, const char *conversation, const char *text) {
    struct session_blob blob = sessions_notes(sessions, user, "owner", conversation, CONN);
    return blob.len == strlen(text) && (blob.len == 0 || memcmp(blob.data, text, blob.len) == 0);
}

START_TEST(sessions_keep_apart) {
    make_sessions(60000);
    ck_assert_int_eq(put("u1", "c1", "one"), 0);
    ck_assert_int_eq(put("u1", "c2", "two"), 0);
    ck_assert_int_eq(put("u2", "c1", "other"), 0);
    ck_assert(has("u1", "c1", "one") && has("u1", "c2", "two") && has("u2", "c1", "other"));
    ck_assert_uint_eq(sessions_notes(sessions, "u1", "customer", "c1", CONN).len, 0);
    ck_assert_uint_eq(sessions_notes(sessions, "u1", "owner", "c1", "another").len, 0);
    ck_assert_int_eq(put("u1", "c1", "newer"), 0);
    ck_assert(has("u1", "c1", "newer"));
    ck_assert_int_eq(put("u1", "c1", ""), 0);
    ck_assert(has("u1", "c1", ""));
    drop_sessions();
}
END_TEST

START_TEST(sessions_access_is_for_one_version) {
    make_sessions(60000);
    ck_assert_int_eq(sessions_put_access(sessions, "u1", CONN, 3, "tok", 3), 0);
    ck_assert_uint_eq(sessions_access(sessions, "u1", CONN, 3).len, 3);
    ck_assert_uint_eq(sessions_access(sessions, "u1", CONN, 4).len, 0);
    ck_assert_uint_eq(sessions_access(sessions, "u1", "another", 3).len, 0);
    char big[51] = {0};
    ck_assert_int_eq(sessions_put_access(sessions, "u1", CONN, 3, big, sizeof(big)), -EMSGSIZE);
    drop_sessions();
}
END_TEST

START_TEST(sessions_are_forgotten) {
    make_sessions(60000);
    ck_assert_int_eq(put("u1", "c1", "one"), 0);
    ck_assert_int_eq(put("u1", "c:2", "two"), 0);
    ck_assert_int_eq(put("u2", "c1", "other"), 0);
    ck_assert_int_eq(sessions_put_access(sessions, "u1", CONN, 1, "tok", 3), 0);
    ck_assert_int_eq(sessions_put_notes(sessions, "u1", "customer", "c1", CONN, "theirs", 6), 0);
    ck_assert_int_eq(sessions_put_notes(sessions, "u1", "front", "access", CONN, "tok", 3), 0);
    sessions_forget_notes(sessions, "u1", "owner", "c:2");
    ck_assert(has("u1", "c1", "one") && has("u1", "c:2", ""));
    sessions_forget_notes(sessions, "u1", "owner", NULL);
    ck_assert(has("u1", "c1", "") && has("u2", "c1", "other"));
    ck_assert_uint_eq(sessions_access(sessions, "u1", CONN, 1).len, 3);
    ck_assert_uint_eq(sessions_notes(sessions, "u1", "customer", "c1", CONN).len, 6);
    ck_assert_uint_eq(sessions_notes(sessions, "u1", "front", "access", CONN).len, 3);
    sessions_forget(sessions, "u1");
    ck_assert_uint_eq(sessions_access(sessions, "u1", CONN, 1).len, 0);
    ck_assert_uint_eq(sessions_count(sessions), 1);
    sessions_forget(sessions, "nobody");
    sessions_forget_notes(sessions, "nobody", "owner", NULL);
    drop_sessions();
}
END_TEST

#ifndef __SANITIZE_ADDRESS__ /* whose heap is not the process's [heap] */
/* How often the first 12 letters stand in this process's heap. */
static unsigned in_heap(const char *word) {
    unsigned found = 0;
    char *line = NULL;
    size_t room = 0;
    FILE *maps = fopen("/proc/self/maps", "re");
    ck_assert_ptr_nonnull(maps);
    while (getline(&line, &room, maps) > 0) {
        const char *from = NULL, *to = NULL;
        if (strstr(line, "[heap]") == NULL ||
            sscanf(line, "%p-%p", (void **)&from, (void **)&to) != 2)
            continue;
        for (; to - from >= 12; from++)
            found += memcmp(from, word, 12) == 0;
    }
    (void)fclose(maps);
    free(line);
    return found;
}
#endif

START_TEST(sessions_keep_no_name) {
    char name[] = "dinner with somebody that nobody is to know of";
    make_sessions(60000);
    ck_assert_int_eq(put("u1", name, "sealed"), 0);
    ck_assert(has("u1", name, "sealed"));
#ifndef __SANITIZE_ADDRESS__
    ck_assert_uint_eq(in_heap(name), 0);
    char *kept = strdup(name); /* the control */
    ck_assert_uint_ge(in_heap(name), 1);
    free(kept);
#endif
    sessions_forget_notes(sessions, "u1", "owner", "another");
    ck_assert(has("u1", name, "sealed"));
    sessions_forget_notes(sessions, "u1", "owner", name);
    ck_assert(has("u1", name, ""));
    drop_sessions();
}
END_TEST

START_TEST(sessions_are_bounded) {
    make_sessions(60000);
    char text[101], user[16];
    memset(text, 'x', sizeof(text));
    ck_assert_int_eq(sessions_put_notes(sessions, "u1", "owner", "c", CONN, text, 101), -EMSGSIZE);
    for (int i = 0; i < 4; i++) { /* the oldest of four conversations goes */
        (void)snprintf(user, sizeof(user), "c%d", i);
        ck_assert_int_eq(put("u1", user, "text"), 0);
    }
    ck_assert(has("u1", "c0", "") && has("u1", "c1", "text") && has("u1", "c3", "text"));
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(user, sizeof(user), "u%d", i);
        ck_assert_int_eq(sessions_put_notes(sessions, user, "owner", "c", CONN, text, 100), 0);
        ck_assert_uint_le(sessions_bytes(sessions), 8192);
    }
    ck_assert_uint_eq(sessions_notes(sessions, "u999", "owner", "c", CONN).len, 100);
    ck_assert_uint_eq(sessions_notes(sessions, "u1", "owner", "c", CONN).len, 0);
    drop_sessions();
}
END_TEST

/* Anybody can begin as many conversations with businesses as they like. */
static void flood(void) {
    char user[16], conversation[16], text[100];
    memset(text, 'x', sizeof(text));
    for (int i = 0; i < 2000; i++) {
        (void)snprintf(user, sizeof(user), "u%d", i % 500);
        (void)snprintf(conversation, sizeof(conversation), "c%d", i);
        ck_assert_int_eq(
            sessions_put_notes(sessions, user, "customer", conversation, CONN, text, 100), 0);
        ck_assert_uint_le(sessions_bytes(sessions), 8192);
    }
    ck_assert_uint_eq(sessions_notes(sessions, "u499", "customer", "c1999", CONN).len, 100);
}

START_TEST(sessions_of_customers_push_out_no_owners) {
    make_sessions(60000);
    ck_assert_int_eq(put("u1", "c1", "an owner's"), 0);
    ck_assert_int_eq(sessions_put_access(sessions, "u1", CONN, 3, "tok", 3), 0);
    flood();
    ck_assert(has("u1", "c1", "an owner's"));
    ck_assert_uint_eq(sessions_access(sessions, "u1", CONN, 3).len, 3);
    drop_sessions();
    customers_bytes = 8192; /* the control: without a share of their own */
    make_sessions(60000);
    customers_bytes = 2048;
    ck_assert_int_eq(put("u1", "c1", "an owner's"), 0);
    ck_assert_int_eq(put("u2", "c1", "another owner's"), 0);
    flood();
    ck_assert(has("u1", "c1", ""));
    drop_sessions();
}
END_TEST

/* Nor do owners lose what customers may not have anyway: they use the rest and what is free. */
START_TEST(sessions_of_owners_use_what_is_free) {
    char user[16], text[100];
    size_t kept = 0;
    memset(text, 'x', sizeof(text));
    make_sessions(60000);
    for (int i = 0; i < 100; i++) {
        (void)snprintf(user, sizeof(user), "u%d", i);
        ck_assert_int_eq(sessions_put_notes(sessions, user, "owner", "c", CONN, text, 100), 0);
    }
    ck_assert_uint_gt(sessions_bytes(sessions), 8192 - 512);
    flood();
    for (int i = 0; i < 100; i++) {
        (void)snprintf(user, sizeof(user), "u%d", i);
        kept += sessions_notes(sessions, user, "owner", "c", CONN).len;
    }
    ck_assert_uint_gt(kept, 1000); /* three quarters, with names and lists */
    drop_sessions();
}
END_TEST

/* A hundred thousand parked users fit: what is kept of each costs little more than its bytes, the
 * figure in status is no smaller than what was really allocated, and each is found again. */
START_TEST(sessions_hold_a_hundred_thousand_users) {
    enum { USERS = 100000, NOTES = 2300, ACCESS = 300, MORE = 500 };
    struct sessions_limits limits = {.ttl_ms = 3600000,
                                     .notes_bytes = 16384,
                                     .access_bytes = 16384,
                                     .conversations = 32,
                                     .total_bytes = 512u << 20,
                                     .customers_bytes = 128u << 20};
    char user[ID_LEN + 1], data[NOTES] = "";
    base = event_base_new();
    ck_assert_int_eq(sessions_new(base, &limits, &sessions), 0);
    size_t before = mallinfo2().uordblks;
    for (int i = 0; i < USERS; i++) {
        (void)snprintf(user, sizeof(user), "%032d", i);
        memcpy(data, user, sizeof(user));
        ck_assert_int_eq(sessions_put_notes(sessions, user, "owner", "c", user, data, NOTES), 0);
        ck_assert_int_eq(sessions_put_access(sessions, user, user, 1, data, ACCESS), 0);
    }
    size_t used = mallinfo2().uordblks - before;
    ck_assert_uint_eq(sessions_users(sessions), USERS);
    ck_assert_uint_lt(used, (size_t)USERS * (NOTES + ACCESS + MORE));
    ck_assert_uint_lt(used, sessions_bytes(sessions) + ((size_t)2 << 20));
    for (int i = 0; i < USERS; i += 997) {
        (void)snprintf(user, sizeof(user), "%032d", i);
        struct session_blob blob = sessions_notes(sessions, user, "owner", "c", user);
        ck_assert(blob.len == NOTES && memcmp(blob.data, user, sizeof(user)) == 0);
    }
    drop_sessions();
}
END_TEST

START_TEST(sessions_expire) {
    make_sessions(30);
    ck_assert_int_eq(put("u1", "c1", "one"), 0);
    while (sessions_count(sessions) > 0) /* by its own timer, nobody asks */
        ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
    ck_assert(has("u1", "c1", ""));
    ck_assert_uint_eq(sessions_bytes(sessions), 0);
    drop_sessions();
}
END_TEST

int main(void) {
    Suite *s = suite_create("sessions");
    TCase *t = tcase_create("sessions");
    tcase_add_test(t, sessions_keep_apart);
    tcase_add_test(t, sessions_access_is_for_one_version);
    tcase_add_test(t, sessions_are_forgotten);
    tcase_add_test(t, sessions_keep_no_name);
    tcase_add_test(t, sessions_are_bounded);
    tcase_add_test(t, sessions_of_customers_push_out_no_owners);
    tcase_add_test(t, sessions_of_owners_use_what_is_free);
    tcase_add_test(t, sessions_hold_a_hundred_thousand_users);
    tcase_add_test(t, sessions_expire);
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
