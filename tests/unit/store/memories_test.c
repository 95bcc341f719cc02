/* What the agent remembers, through the handlers, with a real store and stand-ins for the rest:
 * listed, deleted, corrected. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/store/connecting.h"
#include "tests/unit/store/postgres.h"

static uint64_t host_call;

static void memory_list(const char *user) {
    Cloister__MemoryList body = CLOISTER__MEMORY_LIST__INIT;
    body.request = ++request;
    body.caller = caller("app", user);
    api_memory_list(api, fake_end, &body);
}

static void memory_delete(const char *user, const char *id) {
    Cloister__MemoryDelete body = CLOISTER__MEMORY_DELETE__INIT;
    body.request = ++request;
    body.caller = caller("app", user);
    body.id = (char *)(uintptr_t)id;
    api_memory_delete(api, fake_end, &body);
}

START_TEST(memories_are_listed_and_deleted) {
    memory_list("a");
    ck_failed(404, "unknown_user");
    connect_user("a");
    memory_list("a");
    ck_assert_int_eq(answer()->body_case, CLOISTER__MESSAGE__BODY_MEMORIES);
    (void)postgres_sql(
        "INSERT INTO preferences (id, user_id, sealed) SELECT repeat(x, 32), id, 'x' "
        "FROM users, (VALUES ('a'), ('b'), ('c')) v (x)");
    unsigned turns = fake_turn_count;
    memory_list("a");
    loop_until(base, fake_turn_count > turns);
    ck_assert_int_eq(fake_turn.kind, CLOISTER__TURN_KIND__TURN_MEMORY_LIST);
    ck_assert_uint_eq(fake_turn.n_preferences, 3);
    Cloister__Memory memory = CLOISTER__MEMORY__INIT, *items[] = {&memory};
    memory.text = (char *)(uintptr_t) "mornings only";
    Cloister__TurnDone done = CLOISTER__TURN_DONE__INIT;
    done.n_memories = 1;
    done.memories = items;
    fake_turn_done(&done);
    ck_assert_str_eq(answer()->memories->items[0]->text, "mornings only");
    memory_list("a");
    loop_until(base, fake_turn_count > turns + 1);
    fake_turn_lost();
    ck_failed(502, "agent_lost");

    memory_delete("a", "nonsense");
    ck_failed(404, "not_found");
    memory_delete("a", "dddddddddddddddddddddddddddddddd");
    ck_failed(404, "not_found");
    memory_delete("a", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");
    ck_assert_int_eq(answer()->body_case, CLOISTER__MESSAGE__BODY_OK);
    ck_assert_str_eq(postgres_sql("SELECT count(*) FROM preferences"), "2");
    memory_delete("b", "");
    ck_failed(404, "unknown_user");
    memory_delete("a", "");
    ck_assert_int_eq(answer()->body_case, CLOISTER__MESSAGE__BODY_OK);
    ck_assert_str_eq(postgres_sql("SELECT count(*) FROM preferences"), "0");
}
END_TEST

static void memory_put(const char *user, const char *id, const char *text) {
    Cloister__MemoryPut body = CLOISTER__MEMORY_PUT__INIT;
    body.request = ++request;
    body.caller = caller("app", user);
    body.id = (char *)(uintptr_t)id;
    body.text = (char *)(uintptr_t)text;
    api_memory_put(api, fake_end, &body);
}

static void put_back(const char *id, const char *sealed, bool correct) {
    Cloister__PutPreference put = CLOISTER__PUT_PREFERENCE__INIT;
    put.id = (char *)(uintptr_t)id;
    put.sealed = (ProtobufCBinaryData){strlen(sealed), (uint8_t *)(uintptr_t)sealed};
    put.correct = correct;
    Cloister__HostCall call = CLOISTER__HOST_CALL__INIT;
    call.call = ++host_call;
    call.op_case = CLOISTER__HOST_CALL__OP_PUT_PREFERENCE;
    call.put_preference = &put;
    fake_turn_host_call(&call);
    loop_until(base, fake_turn.replied == host_call);
}

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static const char *kept(const char *id) {
    return postgres_sql("SELECT convert_from(sealed, 'UTF8') FROM preferences WHERE id = '%s'", id);
}

/* The turn of a correction may write what is corrected, once, and nothing else. */
START_TEST(a_memory_is_corrected) {
    memory_put("a", ID_A, "evenings");
    ck_failed(404, "unknown_user");
    connect_user("a");
    memory_put("a", ID_A, "evenings");
    ck_failed(404, "not_found");
    (void)postgres_sql(
        "INSERT INTO preferences (id, user_id, sealed) SELECT repeat(x, 32), id, 'x' "
        "FROM users, (VALUES ('a'), ('b')) v (x)");
    memory_put("a", "nonsense", "evenings");
    ck_failed(404, "not_found");
    memory_put("a", ID_A, "  ");
    ck_failed(400, "invalid_field");
    unsigned turns = fake_turn_count;
    memory_put("a", ID_A, "evenings");
    loop_until(base, fake_turn_count > turns);
    ck_assert_int_eq(fake_turn.kind, CLOISTER__TURN_KIND__TURN_MEMORY_PUT);
    ck_assert_str_eq(fake_turn.origin, "owner");
    put_back(ID_B, "other", true);
    ck_assert_int_eq(fake_turn.reply_error, EPERM);
    put_back(ID_A, "new", false);
    ck_assert_int_eq(fake_turn.reply_error, EPERM);
    put_back(ID_A, "evenings, sealed", true);
    ck_assert_int_eq(fake_turn.reply_error, 0);
    put_back(ID_A, "again", true);
    ck_assert_int_eq(fake_turn.reply_error, EPERM);
    Cloister__Memory memory = CLOISTER__MEMORY__INIT, *items[] = {&memory};
    memory.text = (char *)(uintptr_t) "evenings";
    Cloister__TurnDone done = CLOISTER__TURN_DONE__INIT;
    done.n_memories = 1;
    done.memories = items;
    fake_turn_done(&done);
    ck_assert_str_eq(answer()->memories->items[0]->text, "evenings");
    ck_assert_str_eq(kept(ID_A), "evenings, sealed");
    ck_assert_str_eq(kept(ID_B), "x");
    /* Forgotten while it was being corrected: it stays forgotten. */
    memory_put("a", ID_A, "nights");
    loop_until(base, fake_turn_count > turns + 1);
    (void)postgres_sql("DELETE FROM preferences");
    put_back(ID_A, "nights", true);
    ck_assert_int_eq(abs(fake_turn.reply_error), ENOENT);
    ck_assert_str_eq(postgres_sql("SELECT count(*) FROM preferences"), "0");
    fake_turn_lost();
    ck_failed(502, "agent_lost");
    /* Seeing them writes nothing. */
    (void)postgres_sql("INSERT INTO preferences (id, user_id, sealed) SELECT repeat('a', 32), id, "
                       "'x' FROM users");
    memory_list("a");
    loop_until(base, fake_turn_count > turns + 2);
    put_back(ID_A, "listed", true);
    ck_assert_int_eq(fake_turn.reply_error, EPERM);
    fake_turn_lost();
    ck_failed(502, "agent_lost");
    ck_assert_str_eq(kept(ID_A), "x");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("memories");
    TCase *cases = tcase_create("memories");
    tcase_add_checked_fixture(cases, connecting_setup, connecting_teardown);
    tcase_add_test(cases, memories_are_listed_and_deleted);
    tcase_add_test(cases, a_memory_is_corrected);
    suite_add_tcase(suite, cases);
    return postgres_tests(suite);
}
