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

#include "supervisor/keys/keyring.h"
#include "supervisor/keys/secrets.h"
#include "tests/unit/keys/accounts.h"

static const uint8_t kek[SEAL_KEY_LEN] = {7, 7, 7};
static char *dir, path[256], journal[300], why[512];

static struct keyring *opened(void) {
    struct keyring *keyring = NULL;
    int r = keyring_open(path, kek, NULL, &keyring, why, sizeof(why));
    ck_assert_msg(r == 0, "%s", why);
    return keyring;
}

static void set_up(void) {
    dir = scratch_dir();
    (void)snprintf(path, sizeof(path), "%s/keyring.db", dir);
    (void)snprintf(journal, sizeof(journal), "%s-journal", path);
}

static void tear_down(void) {
    scratch_remove(dir);
    free(dir);
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

static bool file_holds(const char *file, const uint8_t *bytes, size_t len) {
    SCOPE_FREE uint8_t *data = NULL;
    size_t size = slurp(file, &data);
    return size > 0 && memmem(data, size, bytes, len) != NULL;
}

/* Every wrapped key that the file names now, read by a reader of its own from a copy. */
static size_t wrapped_keys(uint8_t (*out)[128], size_t cap) {
    char copy[300], command[700];
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    size_t n = 0;
    (void)snprintf(copy, sizeof(copy), "%s/copy.db", dir);
    (void)snprintf(command, sizeof(command), "cp '%s' '%s'", path, copy);
    ck_assert_int_eq(system(command), 0);
    ck_assert_int_eq(sqlite3_open(copy, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(db, "SELECT wrapped FROM data_keys ORDER BY kind, id", -1,
                                        &statement, NULL),
                     SQLITE_OK);
    while (sqlite3_step(statement) == SQLITE_ROW && n < cap) {
        ck_assert_int_eq(sqlite3_column_bytes(statement, 0), SEAL_KEY_LEN + SEAL_OVERHEAD);
        memcpy(out[n++], sqlite3_column_blob(statement, 0), SEAL_KEY_LEN + SEAL_OVERHEAD);
    }
    (void)sqlite3_finalize(statement);
    (void)sqlite3_close(db);
    (void)unlink(copy);
    return n;
}

static void numbered_id(unsigned n, char out[static ID_LEN + 1]) {
    uint8_t hash[16], number[4] = {(uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16), 0};
    (void)crypto_generichash(hash, sizeof(hash), number, sizeof(number), NULL, 0);
    hex_encode(hash, sizeof(hash), out);
}

#define USER_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define USER_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define CONN   "cccccccccccccccccccccccccccccccc"

START_TEST(keys_come_back) {
    struct keyring *keyring = opened();
    struct keyring_row user = {0}, conn = {0}, again = {0};
    ck_assert_int_eq(keyring_get(keyring, KEY_KIND_USER, USER_A, &user), -EKEYREVOKED);
    ck_assert_int_eq(keyring_create(keyring, KEY_KIND_USER, USER_A, USER_A), 0);
    ck_assert_int_eq(keyring_create(keyring, KEY_KIND_CONNECTION, USER_A, USER_A), 0);
    ck_assert_int_eq(keyring_get(keyring, KEY_KIND_USER, USER_A, &user), 0);
    ck_assert_int_eq(keyring_get(keyring, KEY_KIND_CONNECTION, USER_A, &conn), 0);
    ck_assert_mem_ne(user.key, conn.key, SEAL_KEY_LEN);
    ck_assert_uint_eq(user.epoch, 1);
    ck_assert_uint_eq(conn.floor, 0);
    /* creating again changes nothing, also after a restart */
    ck_assert_int_eq(keyring_create(keyring, KEY_KIND_USER, USER_A, USER_A), 0);
    keyring_close(keyring);
    keyring = opened();
    ck_assert_int_eq(keyring_create(keyring, KEY_KIND_USER, USER_A, ""), 0);
    ck_assert_int_eq(keyring_get(keyring, KEY_KIND_USER, USER_A, &again), 0);
    ck_assert_mem_eq(user.key, again.key, SEAL_KEY_LEN);
    ck_assert(!file_holds(path, (uint8_t *)user.key, SEAL_KEY_LEN));
    keyring_row_clear(&user);
    keyring_row_clear(&conn);
    keyring_row_clear(&again);
    keyring_close(keyring);
}
END_TEST

START_TEST(a_connection_is_bound_once) {
    struct keyring *keyring = opened();
    struct keyring_row row = {0};
    ck_assert_int_eq(keyring_bind_user(keyring, CONN, USER_A), -EKEYREVOKED);
    ck_assert_int_eq(keyring_create(keyring, KEY_KIND_CONNECTION, CONN, ""), 0);
    ck_assert_int_eq(keyring_bind_user(keyring, CONN, USER_A), 0);
    ck_assert_int_eq(keyring_bind_user(keyring, CONN, USER_A), 0);
    ck_assert_int_eq(keyring_bind_user(keyring, CONN, USER_B), -EEXIST);
    ck_assert_int_eq(keyring_create(keyring, KEY_KIND_CONNECTION, CONN, USER_B), -EEXIST);
    ck_assert_int_eq(keyring_create(keyring, KEY_KIND_CONNECTION, CONN, USER_A), 0);
    ck_assert_int_eq(keyring_create(keyring, KEY_KIND_CONNECTION, CONN, ""), 0);
    ck_assert_int_eq(keyring_get(keyring, KEY_KIND_CONNECTION, CONN, &row), 0);
    ck_assert_str_eq(row.user, USER_A);
    keyring_row_clear(&row);
    keyring_close(keyring);
}
END_TEST

START_TEST(the_floor_only_rises) {
    struct keyring *keyring = opened();
    struct keyring_row row = {0};
    ck_assert_int_eq(keyring_raise_floor(keyring, CONN, 1), -EKEYREVOKED);
    ck_assert_int_eq(keyring_create(keyring, KEY_KIND_CONNECTION, CONN, USER_A), 0);
    ck_assert_int_eq(keyring_raise_floor(keyring, CONN, 3), 0);
    ck_assert_int_eq(keyring_raise_floor(keyring, CONN, 3), 0);
    ck_assert_int_eq(keyring_raise_floor(keyring, CONN, 2), -ESTALE);
    ck_assert_int_eq(keyring_raise_floor(keyring, CONN, UINT64_MAX), -EINVAL);
    keyring_close(keyring);
    keyring = opened();
    ck_assert_int_eq(keyring_get(keyring, KEY_KIND_CONNECTION, CONN, &row), 0);
    ck_assert_uint_eq(row.floor, 3);
    keyring_row_clear(&row);
    keyring_close(keyring);
}
END_TEST

START_TEST(a_destroyed_key_leaves_nothing) {
    static uint8_t wrapped[2][128];
    struct keyring *keyring = opened();
    struct keyring_row row = {0};
    ck_assert_int_eq(keyring_create(keyring, KEY_KIND_CONNECTION, CONN, USER_A), 0);
    ck_assert_int_eq(keyring_raise_floor(keyring, CONN, 1), 0);
    ck_assert_uint_eq(wrapped_keys(wrapped, 2), 1);
    ck_assert(file_holds(path, wrapped[0], SEAL_KEY_LEN + SEAL_OVERHEAD)); /* control */
    ck_assert(file_holds(journal, wrapped[0], SEAL_KEY_LEN + SEAL_OVERHEAD));
    ck_assert_int_eq(keyring_destroy(keyring, KEY_KIND_CONNECTION, CONN), 0);
    ck_assert_int_eq(keyring_destroy(keyring, KEY_KIND_CONNECTION, CONN), 0);
    ck_assert_int_eq(keyring_get(keyring, KEY_KIND_CONNECTION, CONN, &row), -EKEYREVOKED);
    /* not even its random half */
    ck_assert(!file_holds(path, wrapped[0] + 9, 24));
    ck_assert(!file_holds(journal, wrapped[0] + 9, 24));
    /* the same id again is another key */
    ck_assert_int_eq(keyring_create(keyring, KEY_KIND_CONNECTION, CONN, USER_A), 0);
    keyring_close(keyring);
}
END_TEST

START_TEST(a_raised_epoch_keeps_the_key) {
    static uint8_t before[1][128], after[1][128];
    struct keyring *keyring = opened();
    struct keyring_row first = {0}, second = {0}, gone = {0};
    ck_assert_int_eq(keyring_raise_epoch(keyring, USER_A), -EKEYREVOKED);
    ck_assert_int_eq(keyring_create(keyring, KEY_KIND_USER, USER_A, USER_A), 0);
    ck_assert_int_eq(keyring_get(keyring, KEY_KIND_USER, USER_A, &first), 0);
    ck_assert_uint_eq(wrapped_keys(before, 1), 1);
    ck_assert_int_eq(keyring_raise_epoch(keyring, USER_A), 0);
    ck_assert_int_eq(keyring_raise_epoch(keyring, USER_A), 0);
    keyring_close(keyring);
    keyring = opened();
    ck_assert_int_eq(keyring_get(keyring, KEY_KIND_USER, USER_A, &second), 0);
    ck_assert_uint_eq(first.epoch, 1);
    ck_assert_uint_eq(second.epoch, 3);
    ck_assert_str_eq(second.user, USER_A);
    ck_assert_mem_eq(first.key, second.key, SEAL_KEY_LEN);
    /* the row of the first epoch would still open: it must be gone, and the last one with the key
     */
    ck_assert_uint_eq(wrapped_keys(after, 1), 1);
    ck_assert(file_holds(path, after[0] + 9, 24)); /* control */
    ck_assert(!file_holds(path, before[0] + 9, 24));
    ck_assert(!file_holds(journal, before[0] + 9, 24));
    ck_assert_int_eq(keyring_destroy(keyring, KEY_KIND_USER, USER_A), 0);
    ck_assert_int_eq(keyring_get(keyring, KEY_KIND_USER, USER_A, &gone), -EKEYREVOKED);
    ck_assert(!file_holds(path, after[0] + 9, 24));
    ck_assert(!file_holds(journal, after[0] + 9, 24));
    keyring_row_clear(&first);
    keyring_row_clear(&second);
    keyring_close(keyring);
}
END_TEST

/* Many rows: pages split and join, and rows move between them. */
START_TEST(nothing_is_left_among_many) {
    enum { ROWS = 1500, SAMPLE = 300 };
    static uint8_t wrapped[ROWS][128];
    char id[ID_LEN + 1];
    struct keyring *keyring = opened();
    for (unsigned i = 0; i < ROWS; i++) {
        numbered_id(i, id);
        ck_assert_int_eq(keyring_create(keyring, KEY_KIND_CONNECTION, id, USER_A), 0);
    }
    ck_assert_uint_eq(wrapped_keys(wrapped, ROWS), ROWS);
    for (unsigned i = 0; i < SAMPLE; i++) {
        numbered_id((i * 7) % ROWS, id);
        ck_assert_int_eq(keyring_destroy(keyring, KEY_KIND_CONNECTION, id), 0);
    }
    SCOPE_FREE uint8_t *file = NULL, *log = NULL;
    size_t size = slurp(path, &file), log_size = slurp(journal, &log);
    unsigned found = 0;
    for (unsigned i = 0; i < ROWS; i++)
        found += memmem(file, size, wrapped[i] + 9, 24) != NULL;
    ck_assert_uint_eq(found, ROWS - SAMPLE);
    for (size_t i = 0; i < log_size; i++)
        ck_assert_uint_eq(log[i], 0);
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0600);
    ck_assert_int_eq(stat(journal, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0600);
    keyring_close(keyring);
}
END_TEST

static int refused(const uint8_t *with) {
    struct keyring *keyring = NULL;
    why[0] = '\0';
    int r = keyring_open(path, with, NULL, &keyring, why, sizeof(why));
    keyring_close(keyring);
    return r;
}

START_TEST(another_key_is_refused) {
    const uint8_t other[SEAL_KEY_LEN] = {7, 7, 8};
    keyring_close(opened());
    ck_assert_int_eq(refused(other), -EBADMSG);
    ck_assert_ptr_nonnull(strstr(why, "does not open keyring"));
    ck_assert_int_eq(refused(kek), 0); /* control */
}
END_TEST

START_TEST(one_process_at_a_time) {
    struct keyring *keyring = opened();
    pid_t pid = fork();
    if (pid == 0)
        _exit(refused(kek) == -EBUSY ? 0 : 1);
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    /* looking for leftovers must not lose the lock */
    ck_assert_int_eq(keyring_create(keyring, KEY_KIND_USER, USER_A, USER_A), 0);
    ck_assert_int_eq(keyring_destroy(keyring, KEY_KIND_USER, USER_A), 0);
    pid = fork();
    if (pid == 0)
        _exit(refused(kek) == -EBUSY ? 0 : 1);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    keyring_close(keyring);
    ck_assert_int_eq(refused(kek), 0); /* control */
}
END_TEST

static void overwrite(off_t at, const char *bytes, size_t len) {
    SCOPE_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
    ck_assert_int_eq(pwrite(fd, bytes, len, at), (ssize_t)len);
}

START_TEST(damage_is_refused) {
    struct keyring *keyring = opened();
    char id[ID_LEN + 1];
    for (unsigned i = 0; i < 200; i++) {
        numbered_id(i, id);
        ck_assert_int_eq(keyring_create(keyring, KEY_KIND_USER, id, id), 0);
    }
    keyring_close(keyring);
    ck_assert_int_eq(refused(kek), 0); /* control */
    overwrite(4096, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
    ck_assert_int_eq(refused(kek), -EUCLEAN);
    ck_assert_ptr_nonnull(strstr(why, "is damaged"));
    overwrite(0, "not a database at all", 21);
    ck_assert_int_eq(refused(kek), -EUCLEAN);
    ck_assert_int_eq(truncate(path, 0), 0);
    ck_assert_int_lt(refused(kek), 0); /* an emptied keyring is no new one */
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(refused(kek), 0);
}
END_TEST

/* As docs/backup.md has it: by SQLite, while it is used. */
START_TEST(it_can_be_copied_while_it_is_used) {
    struct keyring *keyring = opened();
    struct keyring_row row = {0}, copied = {0}, after = {0};
    ck_assert_int_eq(keyring_create(keyring, KEY_KIND_USER, USER_A, USER_A), 0);
    ck_assert_int_eq(keyring_get(keyring, KEY_KIND_USER, USER_A, &row), 0);
    char copy[300], command[700];
    (void)snprintf(copy, sizeof(copy), "%s/copy.db", dir);
    (void)snprintf(command, sizeof(command), "sqlite3 '%s' \".backup '%s'\"", path, copy);
    ck_assert_int_eq(system(command), 0);
    ck_assert_int_eq(keyring_create(keyring, KEY_KIND_USER, USER_B, USER_B), 0);
    keyring_close(keyring);
    /* Restored: the copy opens, with what was there then. */
    ck_assert_int_eq(rename(copy, path), 0);
    (void)unlink(journal);
    keyring = opened();
    ck_assert_int_eq(keyring_get(keyring, KEY_KIND_USER, USER_A, &copied), 0);
    ck_assert_mem_eq(copied.key, row.key, SEAL_KEY_LEN);
    ck_assert_int_eq(keyring_get(keyring, KEY_KIND_USER, USER_B, &after), -EKEYREVOKED);
    keyring_row_clear(&row);
    keyring_row_clear(&copied);
    keyring_close(keyring);
}
END_TEST

static void edit(const char *sql) {
    sqlite3 *db = NULL;
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(db);
}

START_TEST(edited_rows_do_not_open) {
    struct keyring *keyring = opened();
    struct keyring_row row = {0};
    ck_assert_int_eq(keyring_create(keyring, KEY_KIND_USER, USER_A, USER_A), 0);
    ck_assert_int_eq(keyring_create(keyring, KEY_KIND_USER, USER_B, USER_B), 0);
    ck_assert_int_eq(keyring_create(keyring, KEY_KIND_CONNECTION, CONN, USER_A), 0);
    keyring_close(keyring);
    edit("UPDATE data_keys SET wrapped = (SELECT wrapped FROM data_keys WHERE id = '" USER_B "')"
         " WHERE id = '" USER_A "'; UPDATE data_keys SET epoch = 2 WHERE id = '" CONN "';");
    keyring = opened();
    ck_assert_int_eq(keyring_raise_epoch(keyring, USER_A), -EBADMSG);
    ck_assert_int_eq(keyring_get(keyring, KEY_KIND_USER, USER_A, &row), -EBADMSG);
    ck_assert_int_eq(keyring_get(keyring, KEY_KIND_CONNECTION, CONN, &row), -EBADMSG);
    ck_assert_int_eq(keyring_get(keyring, KEY_KIND_USER, USER_B, &row), 0); /* control */
    keyring_row_clear(&row);
    /* the copied bytes are still in the other row, and destroying says so */
    ck_assert_int_eq(keyring_destroy(keyring, KEY_KIND_USER, USER_A), -EUCLEAN);
    ck_assert_int_eq(keyring_get(keyring, KEY_KIND_USER, USER_A, &row), -EKEYREVOKED);
    keyring_close(keyring);
    edit("PRAGMA user_version = 99;");
    ck_assert_int_eq(refused(kek), -ENOTSUP);
    edit("PRAGMA user_version = 2; DELETE FROM meta;");
    ck_assert_int_eq(refused(kek), -ENOKEY);
    edit("PRAGMA application_id = 5;");
    ck_assert_int_eq(refused(kek), -EINVAL);
}
END_TEST

/* A keyring from before there were subject keys has the same tables and no such row. */
START_TEST(one_subject_key_for_ever) {
    SCOPE_SECRET char *first = NULL, *again = NULL, *other = NULL, *none = NULL;
    struct keyring *keyring = opened();
    ck_assert_int_eq(keyring_create(keyring, KEY_KIND_USER, USER_A, USER_A), 0);
    keyring_close(keyring);
    keyring = opened();
    ck_assert_int_eq(keyring_subject_key(keyring, &first), 0);
    keyring_close(keyring);
    keyring = opened();
    ck_assert_int_eq(keyring_subject_key(keyring, &again), 0);
    ck_assert_mem_eq(first, again, SEAL_KEY_LEN);
    ck_assert(!file_holds(path, (uint8_t *)first, SEAL_KEY_LEN));
    keyring_close(keyring);
    edit("UPDATE meta SET value = (SELECT value FROM meta WHERE name = 'kek-check')"
         " WHERE name = 'subject-key';");
    keyring = opened();
    ck_assert_int_eq(keyring_subject_key(keyring, &none), -EBADMSG); /* and never another one */
    ck_assert_int_eq(keyring_subject_key(keyring, &none), -EBADMSG);
    keyring_close(keyring);
    edit("DELETE FROM meta WHERE name = 'subject-key';");
    keyring = opened();
    ck_assert_int_eq(keyring_subject_key(keyring, &other), 0);
    ck_assert_mem_ne(first, other, SEAL_KEY_LEN);
    keyring_close(keyring);
}
END_TEST

/* A writer is killed at a random point, again and again; what it said was done must be there. */
START_TEST(a_kill_loses_nothing) {
    unsigned said = 0;
    for (unsigned round = 0; round < 15; round++) {
        int done[2];
        unsigned at = 0;
        char id[ID_LEN + 1];
        ck_assert_int_eq(pipe(done), 0);
        pid_t pid = fork();
        if (pid == 0) {
            struct keyring *keyring = opened();
            for (unsigned i = said;; i++) {
                numbered_id(i, id);
                if (keyring_create(keyring, KEY_KIND_CONNECTION, id, "") < 0 ||
                    write_all(done[1], &i, sizeof(i)) < 0)
                    _exit(1);
            }
        }
        for (unsigned want = said + 5 + round; at < want;)
            ck_assert_int_eq(read(done[0], &at, sizeof(at)), sizeof(at));
        ck_assert_int_eq(kill(pid, SIGKILL), 0);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
        (void)close(done[1]);
        while (read(done[0], &at, sizeof(at)) == sizeof(at))
            ;
        (void)close(done[0]);
        said = at + 1;
        struct keyring *keyring = opened();
        for (unsigned i = 0; i < said; i++) {
            struct keyring_row row = {0};
            numbered_id(i, id);
            ck_assert_int_eq(keyring_get(keyring, KEY_KIND_CONNECTION, id, &row), 0);
            keyring_row_clear(&row);
        }
        keyring_close(keyring);
    }
}
END_TEST

int main(void) {
    accounts_make();
    if (seal_init() < 0)
        return 1;
    Suite *suite = suite_create("keyring");
    TCase *c = tcase_create("keyring");
    tcase_set_timeout(c, 120);
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_test(c, keys_come_back);
    tcase_add_test(c, a_connection_is_bound_once);
    tcase_add_test(c, the_floor_only_rises);
    tcase_add_test(c, a_destroyed_key_leaves_nothing);
    tcase_add_test(c, a_raised_epoch_keeps_the_key);
    tcase_add_test(c, one_subject_key_for_ever);
    tcase_add_test(c, nothing_is_left_among_many);
    tcase_add_test(c, another_key_is_refused);
    tcase_add_test(c, one_process_at_a_time);
    tcase_add_test(c, it_can_be_copied_while_it_is_used);
    tcase_add_test(c, damage_is_refused);
    tcase_add_test(c, edited_rows_do_not_open);
    tcase_add_test(c, a_kill_loses_nothing);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
