/* The small parts without processes: hash table, rest, tables of host calls, failures, commands. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/control.h"
#include "supervisor/ctl_table.h"
#include "supervisor/failures.h"
#include "supervisor/hash.h"
#include "supervisor/host_calls.h"
#include "supervisor/rest.h"

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

/* ---- rest ---- */

START_TEST(who_breaks_the_rules_rests_longer_each_time) {
    struct rest *rest = rest_new(1000);
    ck_assert_ptr_nonnull(rest);
    ck_assert_uint_eq(rest_left(rest, "u:owner", 5000), 0);
    uint64_t most = 1000, now = 5000;
    for (unsigned i = 0; i < 10; i++, most = most < 30000 ? most * 2 : 60000) {
        rest_begin(rest, "u:owner", now);
        uint64_t left = rest_left(rest, "u:owner", now);
        ck_assert_uint_le(left, most);
        ck_assert_uint_ge(left, most * 4 / 5);
        ck_assert_uint_eq(rest_left(rest, "u:customer", now), 0);
        ck_assert_uint_eq(rest_left(rest, "u:owner", now + left), 0);
        now += left;
    }
    now += 600001; /* good for ten minutes: it begins anew */
    rest_begin(rest, "u:owner", now);
    ck_assert_uint_le(rest_left(rest, "u:owner", now), 1000);
    char key[32];
    for (unsigned i = 0; i < 1000; i++) { /* many others: bounded, and the oldest is forgotten */
        snprintf(key, sizeof(key), "%u", i);
        rest_begin(rest, key, now + 1 + i);
    }
    ck_assert_uint_eq(rest_left(rest, "u:owner", now + 1), 0);
    ck_assert_uint_gt(rest_left(rest, "999", now + 1000), 0);
    rest_free(rest);
    rest = rest_new(0); /* a setting of 0: nobody rests */
    rest_begin(rest, "u:owner", now);
    ck_assert_uint_eq(rest_left(rest, "u:owner", now), 0);
    rest_free(rest);
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
                {CLOISTER__HOST_CALL__OP_MARK_BROKEN, "owner front"},
                {CLOISTER__HOST_CALL__OP_BUSINESS, "owner customer"},
                {CLOISTER__HOST_CALL__OP__NOT_SET, ""}};
    static const char *const origins[] = {"owner", "customer", "front", "scheduler", "connect"};
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        for (size_t o = 0; o < COUNT_OF(origins); o++) {
            Cloister__HostCall call = call_of(rows[i].op);
            ck_assert_int_eq(host_call_allowed(&call, origins[o]),
                             strstr(rows[i].allowed, origins[o]) != NULL);
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
    char *scopes[33];
    for (size_t i = 0; i < COUNT_OF(scopes); i++)
        scopes[i] = (char *)"openid";
    call.put_token->scopes = scopes;
    call.put_token->n_scopes = 32;
    ck_assert(!host_call_sound(&call)); /* without a token nothing is to be kept */
    call.put_token->refresh = (ProtobufCBinaryData){1, (uint8_t *)"x"};
    ck_assert(host_call_sound(&call));
    call.put_token->n_scopes = 33;
    ck_assert(!host_call_sound(&call));
    call.put_token->n_scopes = 2;
    scopes[1] = (char *)"";
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
        const bool own = strcmp(command->name, "reload") == 0; /* cloisterctl's word, nobody's */
        ck_assert(command->help[0] != '\0' &&
                  (command->max > 0) == (own || command->arguments[0] != '\0'));
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

int main(void) {
    Suite *s = suite_create("supervisor parts");
    TCase *t = tcase_create("parts");
    tcase_add_test(t, hash_finds_all);
    tcase_add_test(t, who_breaks_the_rules_rests_longer_each_time);
    tcase_add_test(t, host_calls_by_origin);
    tcase_add_test(t, host_calls_must_be_sound);
    tcase_add_test(t, failures_have_a_status);
    tcase_add_test(t, roles_come_from_the_kernel);
    tcase_add_test(t, commands_change_only_for_operators);
    tcase_add_test(t, tables_line_up);
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
