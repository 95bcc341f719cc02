/* What one cloisterd leaves to the next: all of it arrives, nothing can change on the way, and
 * bytes that nobody wrote are left out without harm. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervisor/handover.h"

#define USER  "11111111111111111111111111111111"
#define OTHER "22222222222222222222222222222222"
#define CONN  "cccccccccccccccccccccccccccccccc"
#define ID    "dddddddddddddddddddddddddddddddd"

static struct event_base *base;
static struct sessions *sessions;
static struct proposals *proposals;

static void parts_new(void) {
    const struct sessions_limits limits = {.ttl_ms = 60000,
                                           .notes_bytes = 4096,
                                           .access_bytes = 4096,
                                           .conversations = 4,
                                           .total_bytes = 1 << 20,
                                           .customers_bytes = 1 << 18};
    const struct proposals_limits kept = {PROPOSALS_PER_USER, 48u << 10, 1u << 20};
    base = event_base_new();
    ck_assert_int_eq(sessions_new(base, &limits, &sessions), 0);
    ck_assert_int_eq(proposals_new(base, &kept, &proposals), 0);
}

static void parts_free(void) {
    sessions_free(sessions);
    proposals_free(proposals);
    event_base_free(base);
}

static const struct proposal_home home = {USER, CONN, "shop", "anna", "trip"},
                                  unnoted = {USER, CONN, "shop", "anna", "walk"};
static const uint8_t made_by[PROPOSAL_KEY_LEN] = {1, 2, 3}, used_by[PROPOSAL_KEY_LEN] = {4, 5, 6};

static void fill(void) {
    Cloister__Proposal made = CLOISTER__PROPOSAL__INIT;
    bool repeated;
    char id[] = ID;
    ck_assert_int_eq(sessions_put_notes(sessions, USER, "owner", "trip", CONN, "notes", 5), 0);
    ck_assert_int_eq(sessions_put_notes(sessions, OTHER, "owner", "trip", CONN, "other", 5), 0);
    ck_assert_int_eq(sessions_put_access(sessions, USER, CONN, 7, "token", 5), 0);
    made.id = id;
    made.sealed = (ProtobufCBinaryData){6, (uint8_t *)(uintptr_t) "change"};
    made.expires_at_ms = wall_ms() + 60000;
    ck_assert_int_eq(proposals_put(proposals, &home, made_by, &made), 0);
    memset(id, 'e', ID_LEN);
    ck_assert_int_eq(proposals_put(proposals, &home, NULL, &made), 0);
    ck_assert_int_eq(proposals_begin(proposals, id, used_by, true, &repeated), 0);
    proposals_end(proposals, id, PROPOSAL_DONE);
    memset(id, 'f', ID_LEN);
    ck_assert_int_eq(proposals_put(proposals, &home, NULL, &made), 0);
    ck_assert_int_eq(proposals_begin(proposals, id, used_by, true, &repeated), 0); /* and goes on */
    memset(id, 'a', ID_LEN);
    ck_assert_int_eq(proposals_put(proposals, &unnoted, NULL, &made), 0);
    proposals_by_button(proposals, &unnoted);
}

static void is_blob(struct session_blob blob, const char *text) {
    ck_assert_uint_eq(blob.len, strlen(text));
    ck_assert_int_eq(memcmp(blob.data, text, blob.len), 0);
}

static int written(void) {
    struct handover_count count;
    int fd = handover_new();
    ck_assert_int_ge(fd, 0);
    parts_new();
    fill();
    ck_assert_int_eq(handover_write(fd, sessions, proposals, &count), 0);
    ck_assert(count.whole);
    ck_assert_uint_eq(count.notes, 3);
    ck_assert_uint_eq(count.proposals, 4);
    parts_free();
    return fd;
}

START_TEST(all_of_it_arrives) {
    SCOPE_FD int fd = written();
    struct handover_count count;
    parts_new();
    ck_assert_int_eq(handover_read(fd, sessions, proposals, &count), 0);
    ck_assert(count.whole);
    ck_assert_uint_eq(count.notes, 3);
    ck_assert_uint_eq(count.proposals, 4);
    ck_assert_uint_eq(count.refused, 0);
    is_blob(sessions_notes(sessions, USER, "owner", "trip", CONN), "notes");
    is_blob(sessions_notes(sessions, OTHER, "owner", "trip", CONN), "other");
    is_blob(sessions_access(sessions, USER, CONN, 7), "token");
    ck_assert_uint_eq(sessions_access(sessions, USER, CONN, 8).len, 0);
    ck_assert_uint_eq(sessions_notes(sessions, USER, "owner", "home", CONN).len, 0);
    struct proposal_view view = {.id = ""};
    ck_assert(proposals_find(proposals, ID, &view));
    ck_assert_str_eq(view.home.conversation, "trip");
    ck_assert_str_eq(view.home.user, USER);
    ck_assert_str_eq(view.home.name, "anna");
    ck_assert_uint_eq(view.item.sealed.len, 6);
    Cloister__SealedItem items[4];
    ck_assert_uint_eq(proposals_open(proposals, &home, items, 4), 1); /* one used, one in doubt */
    ck_assert_str_eq(items[0].id, ID);
    ck_assert_uint_eq(proposals_open(proposals, &unnoted, items, 4), 0); /* left to its button */
    proposals_forget_made(proposals, USER, made_by);
    ck_assert(!proposals_find(proposals, ID, &view));
    parts_free();
}
END_TEST

START_TEST(what_was_decided_stays_decided) {
    SCOPE_FD int fd = written();
    struct handover_count count;
    char used[ID_LEN + 1] = "", doubted[ID_LEN + 1] = "";
    bool repeated = false;
    memset(used, 'e', ID_LEN);
    memset(doubted, 'f', ID_LEN);
    parts_new();
    ck_assert_int_eq(handover_read(fd, sessions, proposals, &count), 0);
    ck_assert_int_eq(proposals_may(proposals, used, made_by, true), -EALREADY);
    ck_assert_int_eq(proposals_begin(proposals, used, used_by, true, &repeated), 0);
    ck_assert(repeated);
    ck_assert_int_eq(proposals_may(proposals, doubted, used_by, false), -EUCLEAN);
    ck_assert_int_eq(proposals_begin(proposals, doubted, used_by, true, &repeated), 0);
    ck_assert(repeated);
    parts_free();
}
END_TEST

START_TEST(nothing_changes_on_the_way) {
    SCOPE_FD int fd = written();
    ck_assert_int_eq(write(fd, "x", 1), -1);
    ck_assert_int_eq(errno, EPERM);
    ck_assert_int_eq(ftruncate(fd, 8), -1);
    ck_assert_ptr_eq(mmap(NULL, 64, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
    SCOPE_FD int open_one = handover_new();
    struct handover_count count;
    ck_assert_int_eq(write_all(open_one, "CLOISTRH", 8), 0);
    parts_new();
    ck_assert_int_eq(handover_read(open_one, sessions, proposals, &count), -EPERM);
    parts_free();
}
END_TEST

static int sealed(const uint8_t *data, size_t len) {
    int fd = handover_new();
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write_all(fd, data, len), 0);
    ck_assert_int_eq(
        fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
    return fd;
}

static struct handover_count read_bytes(const uint8_t *data, size_t len, int *ret) {
    struct handover_count count = {0};
    SCOPE_FD int fd = sealed(data, len);
    parts_new();
    *ret = handover_read(fd, sessions, proposals, &count);
    parts_free();
    return count;
}

START_TEST(damage_is_left_out) {
    SCOPE_FD int fd = written();
    struct stat st;
    int r;
    ck_assert_int_eq(fstat(fd, &st), 0);
    size_t len = (size_t)st.st_size;
    uint8_t *data = malloc(len);
    ck_assert_int_eq(pread(fd, data, len, 0), (ssize_t)len);
    for (size_t cut = 0; cut < len; cut += 3) { /* whatever the end is missing, the rest is taken */
        struct handover_count count = read_bytes(data, cut, &r);
        ck_assert(!count.whole);
        ck_assert_uint_le(count.notes + count.proposals, 7);
    }
    for (size_t at = 0; at < len; at++) { /* every byte is another one, once */
        data[at] ^= 0x5a;
        struct handover_count count = read_bytes(data, len, &r);
        ck_assert_uint_le(count.notes + count.proposals, 7);
        if (at < 8)
            ck_assert_int_eq(r, -EBADMSG);
        data[at] ^= 0x5a;
    }
    ck_assert(read_bytes(data, len, &r).whole);
    free(data);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("handover");
    TCase *tcase = tcase_create("handover");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, all_of_it_arrives);
    tcase_add_test(tcase, what_was_decided_stays_decided);
    tcase_add_test(tcase, nothing_changes_on_the_way);
    tcase_add_test(tcase, damage_is_left_out);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
