/* Handles: one for each event and session, of no use elsewhere, carried on by the notes. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "agent/handles.h"
#include "loose_guards.h"

static const uint8_t user[SEAL_KEY_LEN] = {1}, other_user[SEAL_KEY_LEN] = {2};
static const uint8_t key[SEAL_KEY_LEN] = {9};
static const struct seal_label label = {"notes", "u:owner:", 1, 1};

static struct notes *notes;
static struct handles *handles;

static void setup(void) {
    memset(guards_off, 0, sizeof(guards_off));
    notes = notes_new();
    handles = handles_new(user, notes);
}

static void teardown(void) {
    handles_free(handles);
    notes_free(notes);
}

/* What the next turn of the same session has. */
static void next_turn(void) {
    SCOPE_FREE uint8_t *blob = NULL;
    size_t len = 0;
    handles_keep(handles, notes);
    ck_assert_int_eq(notes_seal(key, &label, notes, 65536, &blob, &len), 0);
    teardown();
    ck_assert_int_eq(notes_open(key, &label, blob, len, &notes), 0);
    handles = handles_new(user, notes);
}

static void give(const char *id, char out[static HANDLE_SIZE]) {
    const char *handle = handles_give(handles, id);
    ck_assert_ptr_nonnull(handle);
    ck_assert_uint_eq(strlen(handle), HANDLE_SIZE - 1);
    strcpy(out, handle);
}

START_TEST(one_for_each_event) {
    char first[HANDLE_SIZE], second[HANDLE_SIZE], again[HANDLE_SIZE];
    give("5fmbq2", first);
    give("5fmbq3", second);
    give("5fmbq2", again);
    ck_assert_str_eq(first, again);
    ck_assert_str_ne(first, second);
    ck_assert_int_eq(strncmp(first, "ev", 2), 0);
    ck_assert_uint_eq(strspn(first + 2, "0123456789abcdef"), 10);
    ck_assert_str_eq(handles_find(handles, first), "5fmbq2");
    ck_assert_str_eq(handles_find(handles, second), "5fmbq3");
    next_turn();
    give("5fmbq2", again);
    ck_assert_str_eq(first, again);
    ck_assert_str_eq(handles_find(handles, second), "5fmbq3");
}
END_TEST

/* Two people have the same event under the same id, and one person has two conversations. */
START_TEST(no_use_elsewhere) {
    static const char id[] = "shared5fmbq2";
    char mine[HANDLE_SIZE];
    give(id, mine);
    struct notes *elsewhere = notes_new();
    struct handles *session = handles_new(user, elsewhere),
                   *neighbour = handles_new(other_user, notes);
    ck_assert_ptr_null(handles_find(session, mine));
    ck_assert_ptr_null(handles_find(neighbour, mine));
    ck_assert_ptr_null(handles_find(session, id));
    ck_assert_str_ne(handles_give(session, id), mine);
    ck_assert_str_ne(handles_give(neighbour, id), mine);
    ck_assert_ptr_null(handles_find(session, mine)); /* not even where the event is known */
    ck_assert_ptr_null(handles_find(neighbour, mine));
    handles_free(session);
    handles_free(neighbour);
    notes_free(elsewhere);
}
END_TEST

/* The control: names that are the calendar's own mean the same to everybody. */
START_TEST(without_the_guard_they_are_of_use_everywhere) {
    guards_off[GUARD_HANDLES_SESSION] = true;
    const char *mine = handles_give(handles, "shared5fmbq2");
    struct notes *elsewhere = notes_new();
    struct handles *neighbour = handles_new(other_user, elsewhere);
    ck_assert_str_eq(handles_find(neighbour, mine), "shared5fmbq2");
    ck_assert_ptr_null(handles_find(neighbour, "../../x"));
    handles_free(neighbour);
    notes_free(elsewhere);
}
END_TEST

START_TEST(occurrences_and_series) {
    char series[HANDLE_SIZE], first[HANDLE_SIZE], second[HANDLE_SIZE];
    give("weekly5", series);
    give("weekly5_20261123T090000Z", first);
    give("weekly5_20261130T090000Z", second);
    ck_assert_str_ne(series, first);
    ck_assert_str_ne(first, second);
    char elsewhere[HANDLE_SIZE]; /* the same id in another of the owner's calendars */
    give("weekly5/team#1@group.calendar.test", elsewhere);
    ck_assert_str_ne(series, elsewhere);
    next_turn();
    ck_assert_str_eq(handles_find(handles, elsewhere), "weekly5/team#1@group.calendar.test");
    ck_assert_str_eq(handles_find(handles, first), "weekly5_20261123T090000Z");
    ck_assert_str_eq(handles_find(handles, second), "weekly5_20261130T090000Z");
    ck_assert_str_eq(handles_find(handles, series), "weekly5");
}
END_TEST

START_TEST(nonsense_has_none) {
    static const char *const ids[] = {"",   "../../x", "a b", "a/",
                                      "/b", ".hidden", "a?b", "\xc3\xa4"};
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        ck_assert_ptr_null(handles_give(handles, ids[i]));
        ck_assert_ptr_null(handles_find(handles, ids[i]));
    }
    ck_assert_ptr_null(handles_find(handles, "ev0123456789"));
    notes_handle_add(notes, "ev0123456789", "../../x"); /* nor when notes say so */
    next_turn();
    ck_assert_ptr_null(handles_find(handles, "ev0123456789"));
}
END_TEST

/* In a turn all that were given; for the next one the latest, which are also those looked up. */
START_TEST(the_latest_are_kept) {
    enum { MANY = 1000 };
    static char all[MANY][HANDLE_SIZE];
    char id[32];
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(id, sizeof(id), "event%d", i);
        give(id, all[i]);
    }
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(id, sizeof(id), "event%d", i);
        ck_assert_str_eq(handles_find(handles, all[i]), id);
    }
    ck_assert_ptr_nonnull(handles_find(handles, all[7]));
    next_turn();
    ck_assert_uint_eq(notes_handle_count(notes), NOTES_HANDLES);
    ck_assert_str_eq(handles_find(handles, all[7]), "event7");
    for (int i = 0; i < MANY; i++)
        if (i != 7)
            ck_assert_int_eq(handles_find(handles, all[i]) != NULL, i > MANY - (int)NOTES_HANDLES);
}
END_TEST

/* Should a hash meet another event's, it gets another handle instead of the other's event. */
START_TEST(no_two_events_share_one) {
    char mine[HANDLE_SIZE], second[HANDLE_SIZE];
    give("event1", mine);
    handles_free(handles);
    notes_handles_clear(notes);
    notes_handle_add(notes, mine, "event2");
    handles = handles_new(user, notes);
    give("event1", second);
    ck_assert_str_ne(mine, second);
    ck_assert_str_eq(handles_find(handles, mine), "event2");
    ck_assert_str_eq(handles_find(handles, second), "event1");
}
END_TEST

int main(void) {
    if (seal_init() < 0)
        return 1;
    Suite *suite = suite_create("handles");
    TCase *c = tcase_create("handles");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, one_for_each_event);
    tcase_add_test(c, no_use_elsewhere);
    tcase_add_test(c, without_the_guard_they_are_of_use_everywhere);
    tcase_add_test(c, occurrences_and_series);
    tcase_add_test(c, nonsense_has_none);
    tcase_add_test(c, the_latest_are_kept);
    tcase_add_test(c, no_two_events_share_one);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
