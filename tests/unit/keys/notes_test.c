#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "memory/notes.h"

static const uint8_t key[SEAL_KEY_LEN] = {4, 5};
static const struct seal_label label = {"notes", "ab:owner:default", 1, 1};

static struct notes *reopened(const struct notes *notes, size_t cap, size_t *ret_blob_len) {
    SCOPE_FREE uint8_t *blob = NULL;
    size_t len = 0;
    ck_assert_int_eq(notes_seal(key, &label, notes, cap, &blob, &len), 0);
    ck_assert_uint_le(len, cap);
    struct notes *again = NULL;
    ck_assert_int_eq(notes_open(key, &label, blob, len, &again), 0);
    if (ret_blob_len != NULL)
        *ret_blob_len = len;
    return again;
}

static void add_numbered(struct notes *notes, unsigned n) {
    char said[32];
    (void)snprintf(said, sizeof(said), "question %u", n);
    notes_add(notes, &(struct notes_turn){(int64_t)n, said, "answer", "list_events 2", NULL});
}

START_TEST(comes_back_as_it_was) {
    struct notes *notes = notes_new();
    notes_add(notes, &(struct notes_turn){1700000000000, "Bin ich frei? \xc3\xa4\n\t\"", "Ja.", "",
                                          "aa bb"});
    notes_add(notes, &(struct notes_turn){-1, "and then", "", "create_event 5f ok", NULL});
    struct notes *again = reopened(notes, 16384, NULL);
    ck_assert_uint_eq(notes_count(again), 2);
    struct notes_turn turn;
    notes_get(again, 0, &turn);
    ck_assert_int_eq(turn.at_ms, 1700000000000);
    ck_assert_str_eq(turn.said, "Bin ich frei? \xc3\xa4\n\t\"");
    ck_assert_str_eq(turn.answer, "Ja.");
    ck_assert_str_eq(turn.record, "");
    ck_assert_str_eq(turn.proposals, "aa bb");
    notes_get(again, 1, &turn);
    ck_assert_str_eq(turn.proposals, "");
    ck_assert_int_eq(turn.at_ms, -1);
    ck_assert_str_eq(turn.answer, "");
    ck_assert_str_eq(turn.record, "create_event 5f ok");
    notes_free(again);
    notes_free(notes);
}
END_TEST

START_TEST(nothing_is_no_notes) {
    struct notes *notes = NULL;
    ck_assert_int_eq(notes_open(key, &label, NULL, 0, &notes), 0);
    ck_assert_uint_eq(notes_count(notes), 0);
    struct notes *again = reopened(notes, SEAL_OVERHEAD, NULL);
    ck_assert_uint_eq(notes_count(again), 0);
    notes_free(again);
    notes_free(notes);
    notes_free(NULL);
}
END_TEST

START_TEST(the_oldest_go_first) {
    struct notes *notes = notes_new();
    for (unsigned i = 0; i < 50; i++)
        add_numbered(notes, i);
    size_t previous = 51;
    for (size_t cap = 4096; cap >= 256; cap -= 64) {
        struct notes *again = reopened(notes, cap, NULL);
        size_t count = notes_count(again);
        ck_assert_uint_le(count, previous);
        ck_assert_uint_ge(count, 1);
        struct notes_turn turn;
        notes_get(again, count - 1, &turn);
        ck_assert_str_eq(turn.said, "question 49");
        notes_get(again, 0, &turn);
        ck_assert_int_eq(turn.at_ms, (int64_t)(50 - count));
        previous = count;
        notes_free(again);
    }
    ck_assert_uint_lt(previous, 10);
    ck_assert_uint_eq(notes_count(notes), 50); /* sealing forgets nothing in memory */
    notes_free(notes);
}
END_TEST

START_TEST(turns_are_bounded) {
    struct notes *notes = notes_new();
    for (unsigned i = 0; i < 1000; i++)
        add_numbered(notes, i);
    ck_assert_uint_le(notes_count(notes), 64);
    struct notes *again = reopened(notes, 1 << 20, NULL);
    ck_assert_uint_eq(notes_count(again), notes_count(notes));
    notes_free(again);
    notes_free(notes);
}
END_TEST

/* One turn larger than the room: shortened between characters, the record last of all. */
START_TEST(a_large_turn_is_shortened) {
    enum { LETTERS = 20000 };
    char *said = calloc(1, 2 * LETTERS + 1);
    for (unsigned i = 0; i < LETTERS; i++)
        memcpy(said + 2 * (size_t)i, "\xc3\xa4", 2);
    for (size_t cap = SEAL_OVERHEAD; cap < 6000; cap += 7) {
        struct notes *notes = notes_new();
        add_numbered(notes, 1);
        notes_add(notes, &(struct notes_turn){5, said, said, "create_event 5f ok", NULL});
        struct notes *again = reopened(notes, cap, NULL);
        ck_assert_uint_le(notes_count(again), 1);
        if (cap > SEAL_OVERHEAD + 64) {
            struct notes_turn turn;
            ck_assert_uint_eq(notes_count(again), 1);
            notes_get(again, 0, &turn);
            ck_assert(utf8_valid(turn.said, strlen(turn.said)));
            ck_assert_uint_ge(strlen(turn.said), cap - SEAL_OVERHEAD - 64);
            ck_assert_str_eq(turn.answer, "");
            ck_assert_str_eq(turn.record, "create_event 5f ok");
        }
        notes_free(again);
        notes_free(notes);
    }
    free(said);
}
END_TEST

static const char *id_of(const struct notes *notes, size_t index) {
    const char *handle, *id;
    notes_handle_get(notes, index, &handle, &id);
    ck_assert_int_eq(strncmp(handle, "ev", 2), 0);
    return id;
}

/* The session is the same one as long as its notes live; the latest handles go with it. */
START_TEST(handles_go_along) {
    struct notes *notes = notes_new(), *other = notes_new();
    ck_assert_int_ne(memcmp(notes_salt(notes), notes_salt(other), NOTES_SALT_LEN), 0);
    notes_free(other);
    for (unsigned i = 0; i < 250; i++) {
        char handle[16], id[32];
        (void)snprintf(handle, sizeof(handle), "ev%010x", i);
        (void)snprintf(id, sizeof(id), "event%u", i);
        notes_handle_add(notes, handle, id);
    }
    ck_assert_uint_eq(notes_handle_count(notes), NOTES_HANDLES);
    add_numbered(notes, 1);
    struct notes *again = reopened(notes, 65536, NULL);
    ck_assert_mem_eq(notes_salt(notes), notes_salt(again), NOTES_SALT_LEN);
    ck_assert_uint_eq(notes_handle_count(again), NOTES_HANDLES);
    ck_assert_str_eq(id_of(again, 0), "event150");
    ck_assert_str_eq(id_of(again, NOTES_HANDLES - 1), "event249");
    notes_handles_clear(again);
    ck_assert_uint_eq(notes_handle_count(again), 0);
    notes_free(again);
    notes_free(notes);
}
END_TEST

/* Handles of long ids leave half of the room to what was said. */
START_TEST(handles_take_half) {
    char id[1025];
    memset(id, 'x', sizeof(id) - 1);
    id[sizeof(id) - 1] = '\0';
    struct notes *notes = notes_new();
    for (unsigned i = 0; i < NOTES_HANDLES; i++) {
        (void)snprintf(id, 5, "%04u", i);
        id[4] = 'x';
        notes_handle_add(notes, "ev0123456789", id);
    }
    for (unsigned i = 0; i < 40; i++)
        add_numbered(notes, i);
    size_t previous = 0;
    for (size_t cap = SEAL_OVERHEAD; cap < 16384; cap += 101) {
        struct notes *again = reopened(notes, cap, NULL);
        size_t n = notes_handle_count(again);
        ck_assert_uint_le(n, cap / 2 / 1024);
        ck_assert_uint_ge(n, previous);
        if (n > 0) {
            ck_assert_int_eq(strncmp(id_of(again, n - 1), "0099", 4), 0); /* the newest */
            ck_assert_mem_eq(notes_salt(notes), notes_salt(again), NOTES_SALT_LEN);
        }
        if (cap > 4096)
            ck_assert_uint_eq(notes_count(again), 40);
        previous = n;
        notes_free(again);
    }
    ck_assert_uint_eq(previous, 7);
    notes_free(notes);
}
END_TEST

START_TEST(others_do_not_open) {
    struct notes *notes = notes_new(), *none = NULL;
    add_numbered(notes, 1);
    uint8_t *blob = NULL;
    size_t len = 0;
    ck_assert_int_eq(notes_seal(key, &label, notes, 16384, &blob, &len), 0);
    const struct seal_label other = {"notes", "ab:owner:other", 1, 1};
    ck_assert_int_eq(notes_open(key, &other, blob, len, &none), -EBADMSG);
    ck_assert_int_eq(notes_open(key, &label, blob, 3, &none), -EBADMSG);
    blob[len - 1] ^= 1;
    ck_assert_int_eq(notes_open(key, &label, blob, len, &none), -EBADMSG);
    ck_assert_ptr_null(none);
    ck_assert_int_eq(notes_seal(key, &label, notes, SEAL_OVERHEAD - 1, &blob, &len), -ENOSPC);
    free(blob);
    notes_free(notes);
}
END_TEST

/* Well sealed, but no notes inside: what a bug or another version would leave. */
START_TEST(sealed_nonsense_is_refused) {
    for (unsigned seed = 0; seed < 500; seed++) {
        uint8_t plain[200];
        for (size_t i = 0; i < sizeof(plain); i++)
            plain[i] = (uint8_t)((seed * 2654435761u + i * 40503u) >> 7);
        SCOPE_FREE uint8_t *blob = NULL;
        size_t len = 0;
        ck_assert_int_eq(seal_box(key, &label, plain, seed % sizeof(plain), &blob, &len), 0);
        struct notes *notes = NULL;
        int r = notes_open(key, &label, blob, len, &notes);
        ck_assert(r == 0 || r == -EBADMSG);
        if (r == 0)
            notes_free(notes);
    }
    /* more empty turns than anybody wrote */
    SCOPE_FREE uint8_t *many = malloc(100000), *blob = NULL;
    size_t len = 0;
    for (size_t i = 0; i < 100000; i += 2) {
        many[i] = 0x0a;
        many[i + 1] = 0;
    }
    ck_assert_int_eq(seal_box(key, &label, many, 100000, &blob, &len), 0);
    struct notes *notes = NULL;
    ck_assert_int_eq(notes_open(key, &label, blob, len, &notes), -EBADMSG);
}
END_TEST

int main(void) {
    if (seal_init() < 0)
        return 1;
    Suite *suite = suite_create("notes");
    TCase *c = tcase_create("notes");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, comes_back_as_it_was);
    tcase_add_test(c, nothing_is_no_notes);
    tcase_add_test(c, the_oldest_go_first);
    tcase_add_test(c, turns_are_bounded);
    tcase_add_test(c, a_large_turn_is_shortened);
    tcase_add_test(c, handles_go_along);
    tcase_add_test(c, handles_take_half);
    tcase_add_test(c, others_do_not_open);
    tcase_add_test(c, sealed_nonsense_is_refused);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
