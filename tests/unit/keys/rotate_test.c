/* Changing the key-encryption key: killed anywhere it loses nothing, and at its end the old key
 * opens nothing. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "supervisor/keys/keyring.h"
#include "tests/unit/keys/accounts.h"

enum { ROWS = 120 };

static const uint8_t old[SEAL_KEY_LEN] = {1, 2, 3}, next[SEAL_KEY_LEN] = {4, 5, 6},
                     other[SEAL_KEY_LEN] = {7, 8, 9};
static char *dir, path[256], journal[300], why[512];
static uint8_t keys[ROWS][SEAL_KEY_LEN], subject[SEAL_KEY_LEN], pkce[SEAL_KEY_LEN];

static int open_with(const uint8_t *kek, const uint8_t *then, struct keyring **ret) {
    why[0] = '\0';
    return keyring_open(path, kek, then, ret, why, sizeof(why));
}

static struct keyring *opened(const uint8_t *kek, const uint8_t *then) {
    struct keyring *keyring = NULL;
    int r = open_with(kek, then, &keyring);
    ck_assert_msg(r == 0, "%s", why);
    return keyring;
}

static int refused(const uint8_t *kek, const uint8_t *then) {
    struct keyring *keyring = NULL;
    int r = open_with(kek, then, &keyring);
    keyring_close(keyring);
    return r;
}

static void numbered_id(unsigned n, char out[static ID_LEN + 1]) {
    uint8_t hash[16], number[2] = {(uint8_t)n, (uint8_t)(n >> 8)};
    (void)crypto_generichash(hash, sizeof(hash), number, sizeof(number), NULL, 0);
    hex_encode(hash, sizeof(hash), out);
}

static enum key_kind kind_of(unsigned n) {
    return n % 3 == 0 ? KEY_KIND_USER : KEY_KIND_CONNECTION;
}

static void set_up(void) {
    char id[ID_LEN + 1];
    dir = scratch_dir();
    (void)snprintf(path, sizeof(path), "%s/keyring.db", dir);
    (void)snprintf(journal, sizeof(journal), "%s-journal", path);
    struct keyring *keyring = opened(old, NULL);
    for (unsigned i = 0; i < ROWS; i++) {
        struct keyring_row row = {0};
        numbered_id(i, id);
        ck_assert_int_eq(keyring_create(keyring, kind_of(i), id, id), 0);
        ck_assert_int_eq(keyring_get(keyring, kind_of(i), id, &row), 0);
        memcpy(keys[i], row.key, SEAL_KEY_LEN);
        keyring_row_clear(&row);
    }
    SCOPE_SECRET char *s = NULL, *p = NULL;
    ck_assert_int_eq(keyring_subject_key(keyring, &s), 0);
    ck_assert_int_eq(keyring_pkce_key(keyring, &p), 0);
    memcpy(subject, s, SEAL_KEY_LEN);
    memcpy(pkce, p, SEAL_KEY_LEN);
    keyring_close(keyring);
}

static void tear_down(void) {
    scratch_remove(dir);
    free(dir);
}

static void all_open(struct keyring *keyring) {
    char id[ID_LEN + 1];
    SCOPE_SECRET char *s = NULL, *p = NULL;
    for (unsigned i = 0; i < ROWS; i++) {
        struct keyring_row row = {0};
        numbered_id(i, id);
        ck_assert_int_eq(keyring_get(keyring, kind_of(i), id, &row), 0);
        ck_assert_mem_eq(row.key, keys[i], SEAL_KEY_LEN);
        keyring_row_clear(&row);
    }
    ck_assert_int_eq(keyring_subject_key(keyring, &s), 0);
    ck_assert_int_eq(keyring_pkce_key(keyring, &p), 0);
    ck_assert_mem_eq(s, subject, SEAL_KEY_LEN);
    ck_assert_mem_eq(p, pkce, SEAL_KEY_LEN);
}

static void to_the_end(struct keyring *keyring, unsigned rows) {
    int r;
    while ((r = keyring_rotate_step(keyring, rows)) == 1)
        ;
    ck_assert_int_eq(r, 0);
}

static size_t slurp(const char *file, uint8_t **ret) {
    struct stat st;
    SCOPE_FD int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return 0;
    *ret = malloc((size_t)st.st_size + 1);
    ck_assert_int_eq(read(fd, *ret, (size_t)st.st_size), st.st_size);
    return (size_t)st.st_size;
}

/* How many sealed data keys anywhere in the files `kek` opens, whatever SQLite says they hold:
 * every offset is tried as the beginning of each row's blob. */
static unsigned opens_in_files(const uint8_t *kek) {
    static const char *const names[] = {"user", "connection"};
    SCOPE_FREE uint8_t *all[2] = {NULL, NULL};
    size_t len[2] = {slurp(path, &all[0]), slurp(journal, &all[1])};
    const size_t blob = SEAL_KEY_LEN + SEAL_OVERHEAD;
    unsigned found = 0;
    char id[ID_LEN + 1], name[ID_LEN + 20];
    for (size_t f = 0; f < 2; f++)
        for (size_t at = 0; len[f] >= blob && at <= len[f] - blob; at++) {
            if (seal_version(all[f] + at, blob) != 1)
                continue;
            for (unsigned i = 0; i < ROWS; i++) {
                SCOPE_SECRET char *plain = NULL;
                size_t plain_len = 0;
                numbered_id(i, id);
                (void)snprintf(name, sizeof(name), "%s:%s", names[i % 3 == 0 ? 0 : 1], id);
                const struct seal_label label = {"data-key", name, 1, 1};
                if (seal_open(kek, &label, all[f] + at, blob, &plain, &plain_len) == 0)
                    found++;
            }
        }
    free(all[1]);
    return found;
}

START_TEST(the_old_key_opens_nothing_at_the_end) {
    struct keyring_progress progress;
    struct keyring *keyring = opened(old, NULL);
    ck_assert_uint_ge(opens_in_files(old), ROWS); /* control */
    ck_assert_uint_eq(opens_in_files(next), 0);
    ck_assert_int_eq(keyring_rotate_begin(keyring, next), 0);
    to_the_end(keyring, 7);
    keyring_rotate_progress(keyring, &progress);
    ck_assert(!progress.running);
    ck_assert_uint_eq(progress.done, ROWS);
    ck_assert_uint_eq(progress.total, ROWS);
    ck_assert_uint_eq(progress.unreadable, 0);
    all_open(keyring);
    keyring_close(keyring);
    ck_assert_uint_eq(opens_in_files(old), 0);
    ck_assert_uint_eq(opens_in_files(next), ROWS);
    ck_assert_int_eq(refused(old, NULL), -EBADMSG);
    ck_assert_ptr_nonnull(strstr(why, "does not open keyring"));
    keyring = opened(next, NULL);
    all_open(keyring);
    keyring_close(keyring);
}
END_TEST

/* Turns come and go, users come and go, at every stage. */
START_TEST(all_goes_on_meanwhile) {
    char id[ID_LEN + 1], fresh[ID_LEN + 1];
    struct keyring_progress progress;
    struct keyring *keyring = opened(old, NULL);
    ck_assert_int_eq(keyring_rotate_begin(keyring, next), 0);
    unsigned step = 0;
    for (int r = 1; r == 1; step++) {
        struct keyring_row row = {0};
        keyring_rotate_progress(keyring, &progress);
        ck_assert(progress.running);
        ck_assert_str_ne(progress.kek, progress.next);
        all_open(keyring);
        numbered_id(ROWS + step, fresh);
        ck_assert_int_eq(keyring_create(keyring, KEY_KIND_USER, fresh, fresh), 0);
        ck_assert_int_eq(keyring_raise_epoch(keyring, fresh), 0);
        ck_assert_int_eq(keyring_get(keyring, KEY_KIND_USER, fresh, &row), 0);
        ck_assert_uint_eq(row.epoch, 2);
        keyring_row_clear(&row);
        numbered_id(1 + 3 * (step % 40), id); /* a connection, rewrapped already or not */
        ck_assert_int_eq(keyring_raise_floor(keyring, id, step + 1 + 1000 * (step / 40)), 0);
        if (step % 2 == 0)
            ck_assert_int_eq(keyring_destroy(keyring, KEY_KIND_USER, fresh), 0);
        r = keyring_rotate_step(keyring, 5);
        ck_assert_int_ge(r, 0);
    }
    all_open(keyring);
    keyring_close(keyring);
    ck_assert_uint_eq(opens_in_files(old), 0);
}
END_TEST

START_TEST(one_rotation_at_a_time) {
    struct keyring *keyring = opened(old, NULL);
    ck_assert_int_eq(keyring_rotate_begin(keyring, old), -EALREADY);
    ck_assert_int_eq(keyring_rotate_begin(keyring, next), 0);
    ck_assert_int_eq(keyring_rotate_step(keyring, 10), 1);
    ck_assert_int_eq(keyring_rotate_begin(keyring, next), 0); /* the same again */
    ck_assert_int_eq(keyring_rotate_begin(keyring, other), -EBUSY);
    ck_assert_int_eq(keyring_rotate_begin(keyring, old), -EBUSY);
    to_the_end(keyring, 64);
    ck_assert_int_eq(keyring_rotate_begin(keyring, next), -EALREADY);
    ck_assert_int_eq(keyring_rotate_begin(keyring, other), 0);
    to_the_end(keyring, 64);
    all_open(keyring);
    keyring_close(keyring);
    keyring = opened(other, NULL);
    all_open(keyring);
    keyring_close(keyring);
}
END_TEST

START_TEST(both_keys_are_needed_in_the_middle) {
    struct keyring *keyring = opened(old, NULL);
    ck_assert_int_eq(keyring_rotate_begin(keyring, next), 0);
    ck_assert_int_eq(keyring_rotate_step(keyring, 10), 1);
    keyring_close(keyring);
    ck_assert_int_eq(refused(old, NULL), -EBADMSG);
    ck_assert_ptr_nonnull(strstr(why, "rotate-key"));
    ck_assert_int_eq(refused(next, NULL), -EBADMSG);
    ck_assert_int_eq(refused(old, other), -EBADMSG);
    ck_assert_int_eq(refused(other, next), -EBADMSG);
    keyring = opened(old, next); /* control */
    all_open(keyring);
    to_the_end(keyring, 10);
    keyring_close(keyring);
    /* finished here, not yet in the operator's files */
    keyring = opened(old, next);
    all_open(keyring);
    keyring_close(keyring);
    /* a next key that was made and never offered changes nothing */
    keyring = opened(next, other);
    all_open(keyring);
    keyring_close(keyring);
    ck_assert_int_eq(refused(next, NULL), 0);
}
END_TEST

/* Killed at any point, with whatever was on its way to the disk, again and again. */
START_TEST(a_kill_anywhere_loses_nothing) {
    unsigned kills = 0, finished = 0;
    const uint8_t *from = old, *to = next;
    for (unsigned round = 0; round < 60; round++) {
        pid_t pid = fork();
        if (pid == 0) {
            struct keyring *keyring = NULL;
            int r = open_with(from, to, &keyring);
            if (r < 0)
                _exit(3);
            r = keyring_rotate_begin(keyring, to);
            if (r < 0 && r != -EALREADY)
                _exit(4);
            while ((r = keyring_rotate_step(keyring, 3)) == 1)
                ;
            _exit(r == 0 ? 0 : 5);
        }
        int status = 0;
        const struct timespec wait = {0, (long)(randombytes_uniform(60000)) * 1000};
        (void)nanosleep(&wait, NULL);
        (void)kill(pid, SIGKILL);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        if (WIFSIGNALED(status)) {
            kills++;
            struct keyring *keyring = opened(from, to);
            all_open(keyring);
            keyring_close(keyring);
            continue;
        }
        ck_assert_int_eq(WEXITSTATUS(status), 0);
        finished++;
        ck_assert_uint_eq(opens_in_files(from), 0);
        ck_assert_int_eq(refused(from, NULL), -EBADMSG);
        const uint8_t *swap = from; /* and back again */
        from = to;
        to = swap;
    }
    ck_assert_uint_ge(kills, 10);
    ck_assert_uint_ge(finished, 1);
}
END_TEST

static void edit(const char *sql) {
    sqlite3 *db = NULL;
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(db);
}

START_TEST(a_row_that_was_tampered_with_is_counted) {
    struct keyring_progress progress;
    struct keyring_row row = {0};
    char id[ID_LEN + 1], sql[200];
    numbered_id(4, id);
    (void)snprintf(sql, sizeof(sql), "UPDATE data_keys SET epoch = 9 WHERE id = '%s'", id);
    edit(sql);
    struct keyring *keyring = opened(old, NULL);
    ck_assert_int_eq(keyring_rotate_begin(keyring, next), 0);
    to_the_end(keyring, 64);
    keyring_rotate_progress(keyring, &progress);
    ck_assert_uint_eq(progress.unreadable, 1);
    ck_assert_int_eq(keyring_get(keyring, kind_of(4), id, &row), -EBADMSG);
    keyring_close(keyring);
}
END_TEST

/* A keyring from before rows named their key. */
START_TEST(an_older_keyring_is_taken_over) {
    edit("CREATE TABLE older (kind INTEGER NOT NULL CHECK (kind IN (0, 1)), id TEXT NOT NULL,"
         " user TEXT NOT NULL, wrapped BLOB NOT NULL, epoch INTEGER NOT NULL, floor INTEGER NOT "
         "NULL,"
         " created_at_ms INTEGER NOT NULL, PRIMARY KEY (kind, id)) STRICT, WITHOUT ROWID;"
         "INSERT INTO older SELECT kind, id, user, wrapped, epoch, floor, created_at_ms"
         " FROM data_keys; DROP TABLE data_keys; ALTER TABLE older RENAME TO data_keys;"
         "PRAGMA user_version = 1;");
    struct keyring *keyring = opened(old, NULL);
    all_open(keyring);
    ck_assert_int_eq(keyring_rotate_begin(keyring, next), 0);
    to_the_end(keyring, 64);
    keyring_close(keyring);
    keyring = opened(next, NULL);
    all_open(keyring);
    keyring_close(keyring);
}
END_TEST

int main(void) {
    accounts_make();
    if (seal_init() < 0)
        return 1;
    Suite *suite = suite_create("rotate");
    TCase *c = tcase_create("rotate");
    tcase_set_timeout(c, 120);
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_test(c, the_old_key_opens_nothing_at_the_end);
    tcase_add_test(c, all_goes_on_meanwhile);
    tcase_add_test(c, one_rotation_at_a_time);
    tcase_add_test(c, both_keys_are_needed_in_the_middle);
    tcase_add_test(c, a_kill_anywhere_loses_nothing);
    tcase_add_test(c, a_row_that_was_tampered_with_is_counted);
    tcase_add_test(c, an_older_keyring_is_taken_over);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
