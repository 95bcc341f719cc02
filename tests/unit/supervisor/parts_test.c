/* The parts without processes: sessions, hash table, tables of commands and host calls, log pipe.
 */
#include <check.h>
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/control.h"
#include "supervisor/ctl_table.h"
#include "supervisor/failures.h"
#include "supervisor/hash.h"
#include "supervisor/host_calls.h"
#include "supervisor/log_pipe.h"
#include "supervisor/sessions.h"

#define CONN "cccccccccccccccccccccccccccccccc"

/* ---- hash ---- */

struct entry {
    struct hash_node node;
    uint64_t key;
};

START_TEST(hash_finds_all) {
    enum { N = 5000 };
    struct hash hash;
    struct entry *entries = calloc(N, sizeof(*entries));
    ck_assert_int_eq(hash_init(&hash), 0);
    for (uint64_t i = 0; i < N; i++) {
        entries[i].key = i;
        ck_assert_int_eq(hash_add(&hash, &entries[i].node, &entries[i].key, sizeof(uint64_t)), 0);
    }
    struct entry twin = {.key = 7};
    ck_assert_int_eq(hash_add(&hash, &twin.node, &twin.key, sizeof(uint64_t)), -EEXIST);
    for (uint64_t i = 0; i < N; i += 2)
        hash_remove(&hash, &entries[i].node);
    for (uint64_t i = 0; i < N; i++) {
        struct entry *found = hash_entry(hash_find(&hash, &i, sizeof(i)), struct entry, node);
        ck_assert_ptr_eq(found, i % 2 == 0 ? NULL : &entries[i]);
    }
    ck_assert_uint_eq(hash.count, N / 2);
    hash_done(&hash);
    free(entries);
}
END_TEST

/* ---- sessions ---- */

static struct event_base *base;
static struct sessions *sessions;

static void make_sessions(uint64_t ttl_ms) {
    struct sessions_limits limits = {.ttl_ms = ttl_ms,
                                     .notes_bytes = 100,
                                     .access_bytes = 50,
                                     .conversations = 3,
                                     .total_bytes = 8192};
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
    sessions_forget(sessions, "u1", "c:2", true);
    ck_assert(has("u1", "c1", "one") && has("u1", "c:2", ""));
    sessions_forget(sessions, "u1", NULL, false);
    ck_assert(has("u1", "c1", "") && has("u2", "c1", "other"));
    ck_assert_uint_eq(sessions_access(sessions, "u1", CONN, 1).len, 3);
    sessions_forget(sessions, "u1", NULL, true);
    ck_assert_uint_eq(sessions_access(sessions, "u1", CONN, 1).len, 0);
    ck_assert_uint_eq(sessions_count(sessions), 1);
    sessions_forget(sessions, "nobody", NULL, true);
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
    sessions_forget(sessions, "u1", "another", false);
    ck_assert(has("u1", name, "sealed"));
    sessions_forget(sessions, "u1", name, false);
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

/* ---- host calls ---- */

static Cloister__HostCall call_of(Cloister__HostCall__OpCase op) {
    static Cloister__PutToken token;
    static Cloister__PutPreference preference;
    static Cloister__DeletePreference delete;
    static Cloister__MarkBroken broken;
    cloister__put_token__init(&token);
    cloister__put_preference__init(&preference);
    cloister__delete_preference__init(&delete);
    cloister__mark_broken__init(&broken);
    Cloister__HostCall call = CLOISTER__HOST_CALL__INIT;
    call.op_case = op;
    if (op == CLOISTER__HOST_CALL__OP_PUT_TOKEN)
        call.put_token = &token;
    if (op == CLOISTER__HOST_CALL__OP_PUT_PREFERENCE)
        call.put_preference = &preference;
    if (op == CLOISTER__HOST_CALL__OP_DELETE_PREFERENCE)
        call.delete_preference = &delete;
    if (op == CLOISTER__HOST_CALL__OP_MARK_BROKEN)
        call.mark_broken = &broken;
    return call;
}

START_TEST(host_calls_by_origin) {
    static const struct {
        Cloister__HostCall__OpCase op;
        const char *allowed;
    } rows[] = {{CLOISTER__HOST_CALL__OP_PUT_TOKEN, "connect"},
                {CLOISTER__HOST_CALL__OP_PUT_PREFERENCE, "owner"},
                {CLOISTER__HOST_CALL__OP_DELETE_PREFERENCE, "owner"},
                {CLOISTER__HOST_CALL__OP_MARK_BROKEN, "owner"},
                {CLOISTER__HOST_CALL__OP__NOT_SET, ""}};
    static const char *const origins[] = {"owner", "customer", "scheduler", "connect"};
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        for (size_t o = 0; o < COUNT_OF(origins); o++) {
            Cloister__HostCall call = call_of(rows[i].op);
            ck_assert_int_eq(host_call_allowed(&call, origins[o]),
                             strcmp(origins[o], rows[i].allowed) == 0);
        }
}
END_TEST

START_TEST(host_calls_must_be_sound) {
    Cloister__HostCall call = call_of(CLOISTER__HOST_CALL__OP_DELETE_PREFERENCE);
    ck_assert(!host_call_sound(&call)); /* no id would mean all of them */
    call.delete_preference->id = CONN;
    ck_assert(host_call_sound(&call));
    call = call_of(CLOISTER__HOST_CALL__OP_PUT_TOKEN);
    ck_assert(!host_call_sound(&call));
    call = call_of(CLOISTER__HOST_CALL__OP_PUT_PREFERENCE);
    call.put_preference->id = "../../x";
    call.put_preference->sealed.len = 1;
    ck_assert(!host_call_sound(&call));
    ck_assert(word_valid("create_event", 32) && !word_valid("Create", 32) && !word_valid("", 32));
    ck_assert(!word_valid("abcdef", 5) && text_valid("ok", 2) && !text_valid("caf\xe9", 9));
}
END_TEST

START_TEST(failures_have_a_status) {
    ck_assert_uint_eq(failure_status("busy"), 429);
    ck_assert_uint_eq(failure_status("reconnect_required"), 409);
    ck_assert_uint_eq(failure_status("agent_lost"), 502);
    ck_assert_uint_eq(failure_status("nonsense"), 0);
}
END_TEST

/* ---- commands ---- */

START_TEST(roles_come_from_the_kernel) {
    struct ctl_groups groups = {.operators = 50, .observers = 60};
    gid_t in_operators[] = {7, 50}, in_observers[] = {60};
    struct ctl_peer root = {.uid = 0, .gid = 0}, stranger = {.uid = 1000, .gid = 1000},
                    primary = {.uid = 1000, .gid = 50},
                    member = {.uid = 1000, .gid = 1000, .groups = in_operators, .n_groups = 2},
                    observer = {.uid = 1000, .gid = 1000, .groups = in_observers, .n_groups = 1};
    ck_assert_int_eq(ctl_role_of(&root, &groups), CTL_OPERATE);
    ck_assert_int_eq(ctl_role_of(&primary, &groups), CTL_OPERATE);
    ck_assert_int_eq(ctl_role_of(&member, &groups), CTL_OPERATE);
    ck_assert_int_eq(ctl_role_of(&observer, &groups), CTL_LOOK);
    ck_assert_int_eq(ctl_role_of(&stranger, &groups), CTL_NOBODY);
    struct ctl_groups none = {(gid_t)-1, (gid_t)-1};
    struct ctl_peer odd = {.uid = 1000, .gid = (gid_t)-1};
    ck_assert_int_eq(ctl_role_of(&odd, &none), CTL_NOBODY);
    ck_assert_int_eq(ctl_role_of(&root, &none), CTL_OPERATE);
}
END_TEST

START_TEST(commands_change_only_for_operators) {
    static const char *const changing[] = {"park", "stop", "drain"};
    static const char *const looking[] = {"status", "list", "show"};
    for (size_t i = 0; i < COUNT_OF(changing); i++)
        ck_assert_int_eq(ctl_command_find(changing[i])->role, CTL_OPERATE);
    for (size_t i = 0; i < COUNT_OF(looking); i++)
        ck_assert_int_eq(ctl_command_find(looking[i])->role, CTL_LOOK);
    ck_assert_ptr_null(ctl_command_find("nonsense"));
    const struct ctl_command *command;
    for (size_t i = 0; (command = ctl_command_at(i)) != NULL; i++) {
        ck_assert_ptr_eq(ctl_command_find(command->name), command);
        ck_assert_int_gt(command->role, CTL_NOBODY);
        ck_assert_uint_le(command->min, command->max);
        ck_assert(command->help[0] != '\0' &&
                  (command->max > 0) == (command->arguments[0] != '\0'));
    }
}
END_TEST

START_TEST(tables_line_up) {
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    json_t *rows =
        json_pack("[{s:s,s:i},{s:s,s:n}]", "user", "abc", "pid", 12, "user", "a-longer-one", "pid");
    ctl_table_print(out, rows);
    json_decref(rows);
    ck_assert_int_eq(fclose(out), 0);
    ck_assert_str_eq(text, "user          pid\nabc           12\na-longer-one  -\n");
    free(text);
}
END_TEST

/* ---- log pipe ---- */

struct lines {
    unsigned count;
    enum log_level level;
    char text[LOG_PIPE_LINE * 2];
};

static void on_line(void *ctx, enum log_level level, const char *text) {
    struct lines *lines = ctx;
    lines->count++;
    lines->level = level;
    (void)snprintf(lines->text, sizeof(lines->text), "%s", text);
}

static void run_pipe(struct log_pipe *pipe, const char *text, size_t len) {
    ck_assert_int_eq(write_all(log_pipe_fd(pipe), text, len), 0);
    ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK), 0);
}

START_TEST(log_lines_are_bounded) {
    struct lines lines = {0};
    struct log_pipe *pipe;
    base = event_base_new();
    ck_assert_int_eq(log_pipe_new(base, on_line, &lines, &pipe), 0);
    static const char warning[] = "cloister-agent: warning: low\n";
    run_pipe(pipe, warning, strlen(warning));
    ck_assert_str_eq(lines.text, "low");
    ck_assert_int_eq(lines.level, LOG_LEVEL_WARN);
    static const char odd[] = "<0>fatal: nonsense\n";
    run_pipe(pipe, odd, strlen(odd));
    ck_assert_str_eq(lines.text, "<0>fatal: nonsense");
    ck_assert_int_eq(lines.level, LOG_LEVEL_INFO);
    char flood[4000];
    memset(flood, 'x', sizeof(flood));
    flood[sizeof(flood) - 1] = '\n';
    run_pipe(pipe, flood, sizeof(flood));
    ck_assert_uint_eq(strlen(lines.text), LOG_PIPE_LINE);
    ck_assert_uint_eq(lines.count, 3);
    for (int i = 0; i < 1000; i++)
        run_pipe(pipe, "a\n", 2);
    ck_assert_uint_le(lines.count, 3 + 3 * LOG_PIPE_RATE); /* the second may turn meanwhile */
    log_pipe_free(pipe);
    event_base_free(base);
}
END_TEST

/* A flood is not read for ever: the pipe fills, and its writer is told. */
START_TEST(log_floods_fill_their_pipe) {
    struct lines lines = {0};
    struct log_pipe *pipe;
    char flood[4096];
    base = event_base_new();
    ck_assert_int_eq(log_pipe_new(base, on_line, &lines, &pipe), 0);
    for (size_t i = 0; i < sizeof(flood); i++)
        flood[i] = i % 2 == 0 ? 'a' : '\n';
    unsigned taken = 0;
    while (taken < 100 && write(log_pipe_fd(pipe), flood, sizeof(flood)) > 0) {
        ck_assert_int_ge(event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK), 0);
        taken++;
    }
    ck_assert_uint_lt(taken, 100);
    ck_assert_int_eq(errno, EAGAIN);
    unsigned before = lines.count;
    for (int i = 0; i < 100 && lines.count <= before; i++) /* once it is over it goes on */
        ck_assert_int_ge(event_base_loop(base, EVLOOP_ONCE), 0);
    ck_assert_uint_gt(lines.count, before);
    log_pipe_free(pipe);
    event_base_free(base);
}
END_TEST

int main(void) {
    Suite *s = suite_create("supervisor parts");
    TCase *t = tcase_create("parts");
    tcase_add_test(t, hash_finds_all);
    tcase_add_test(t, sessions_keep_apart);
    tcase_add_test(t, sessions_access_is_for_one_version);
    tcase_add_test(t, sessions_are_forgotten);
    tcase_add_test(t, sessions_keep_no_name);
    tcase_add_test(t, sessions_are_bounded);
    tcase_add_test(t, sessions_expire);
    tcase_add_test(t, host_calls_by_origin);
    tcase_add_test(t, host_calls_must_be_sound);
    tcase_add_test(t, failures_have_a_status);
    tcase_add_test(t, roles_come_from_the_kernel);
    tcase_add_test(t, commands_change_only_for_operators);
    tcase_add_test(t, tables_line_up);
    tcase_add_test(t, log_lines_are_bounded);
    tcase_add_test(t, log_floods_fill_their_pipe);
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
