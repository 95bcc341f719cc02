/* Turns that meet trouble: tokens, Google, the model, budgets, cancellation, slow readers. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/calendar.h"
#include "fake.h"
#include "providers/json_get.h"

#define CREATE                                                                                     \
    "{\\\"title\\\":\\\"Lunch\\\",\\\"start\\\":\\\"2026-11-23T15:00:00\\\",\\\"end\\\":"          \
    "\\\"2026-11-23T16:00:00\\\"}"
#define SPAN "{\\\"start\\\":\\\"2026-11-23T00:00:00\\\",\\\"end\\\":\\\"2026-11-24T00:00:00\\\"}"
#define LOOK CALL(0, "check_availability", SPAN) END_TOOLS

static struct fake *fake;

static void setup(void) {
    fake = fake_new();
}
static void teardown(void) {
    fake_free(fake);
}

static void look(void) {
    fake->model[0] = LOOK;
    fake->model[1] = SAY("Free.") END_TURN;
    fake_chat(fake, "Am I free?");
}

/* ---- Google ---- */

static struct {
    struct fake_reply reply;
    unsigned times;
} google_fault;

static bool fail_google(struct fake *f, const char *method, const char *url,
                        struct fake_reply *reply, bool *after) {
    (void)method, (void)after;
    if (strncmp(url, "https://cal.test", 16) != 0 || f->fault_count >= google_fault.times)
        return false;
    f->fault_count++;
    *reply = google_fault.reply;
    if (google_fault.reply.body != NULL)
        reply->body = strdup(google_fault.reply.body);
    return true;
}

#define REASON(r) (char *)"{\"error\":{\"errors\":[{\"reason\":\"" r "\"}]}}"
#define DETAIL(r)                                                                                  \
    (char *)"{\"error\":{\"status\":\"PERMISSION_DENIED\",\"details\":[{\"@type\":\"x\"},{"        \
            "\"reason\":"                                                                          \
            "\"" r "\"}]}}"
static const struct {
    struct fake_reply reply;
    unsigned times;
    const char *code, *tool_error;
    unsigned refreshes, broken;
} googles[] = {
    {{.status = 401}, 1, "", "", 2, 0},
    {{.status = 401}, 9, "reconnect_required", "", 2, 1},
    {{.status = 403, .body = REASON("rateLimitExceeded")}, 1, "", "", 1, 0},
    {{.status = 429, .headers = "retry-after: 1"}, 1, "", "", 1, 0},
    {{.status = 429, .headers = "retry-after: 3600"}, 9, "google_rate_limited", "", 1, 0},
    {{.status = 403, .body = REASON("quotaExceeded")}, 1, "google_quota", "", 1, 0},
    {{.status = 403, .body = REASON("accessNotConfigured")}, 1, "google_rejected", "", 1, 0},
    {{.status = 403, .body = REASON("insufficientPermissions")}, 1, "", "missing_permission", 1, 0},
    {{.status = 403, .body = DETAIL("ACCESS_TOKEN_SCOPE_INSUFFICIENT")},
     1,
     "",
     "missing_permission",
     1,
     0},
    {{.status = 403, .body = DETAIL("RATE_LIMIT_EXCEEDED")}, 1, "", "", 1, 0},
    {{.status = 403, .body = DETAIL("SERVICE_DISABLED")}, 1, "google_rejected", "", 1, 0},
    {{.status = 400, .body = REASON("timeRangeTooLong")}, 1, "", "google_rejected", 1, 0},
    {{.status = 503}, 2, "", "", 1, 0},
    {{.status = 200, .body = (char *)"<html>"}, 1, "", "", 1, 0},
    {{.status = 200,
      .body = (char *)"{\"calendars\":{\"primary\":{\"errors\":[{\"reason\":\"notFound\"}]}}}"},
     1,
     "",
     "unknown",
     1,
     0},
    {{.status = 200, .body = (char *)"{}"}, 1, "", "unknown", 1, 0},
    {{.error = -ECONNRESET}, 1, "", "", 1, 0},
    {{.error = -EKEYREJECTED}, 1, "google_unavailable", "", 1, 0},
    {{.error = -EACCES}, 1, "google_unavailable", "", 1, 0},
    {{.error = -EPIPE}, 1, "egress_unavailable", "", 1, 0},
    {{.error = -EFBIG}, 1, "google_unavailable", "", 1, 0},
};

START_TEST(google_faults) {
    google_fault.reply = googles[_i].reply;
    google_fault.times = googles[_i].times;
    fake->fault = fail_google;
    look();
    ck_assert_str_eq(fake_code(fake), googles[_i].code);
    ck_assert(!fake_unknown(fake));
    ck_assert_uint_eq(fake->refreshes, googles[_i].refreshes);
    ck_assert_uint_eq(fake->broken, googles[_i].broken);
    if (*googles[_i].code != '\0')
        return;
    json_t *result = fake_result(fake, 1, 0);
    ck_assert_str_eq(json_text(result, "error"), googles[_i].tool_error);
    json_decref(result);
}
END_TEST

/* Who asked for no event is not told that there is none. */
START_TEST(a_calendar_that_is_gone) {
    google_fault.reply = (struct fake_reply){.status = 404, .body = REASON("notFound")};
    google_fault.times = 1;
    fake->fault = fail_google;
    look();
    json_t *result = fake_result(fake, 1, 0);
    ck_assert_str_eq(json_text(result, "error"), "not_found");
    ck_assert_ptr_null(strstr(json_text(result, "detail"), "event"));
    json_decref(result);
}
END_TEST

START_TEST(grant_is_gone) {
    fake->token_status = 400;
    fake->token_answer = "{\"error\":\"invalid_grant\"}";
    look();
    ck_assert_str_eq(fake_code(fake), "reconnect_required");
    ck_assert_uint_eq(fake->broken, 1);
    ck_assert(!fake->last->turn_error->retryable);
    /* No calendar needed: the answer comes, and the connection is marked all the same. */
    fake->model[0] = SAY("Hello.") END_TURN;
    fake_chat(fake, "Hello");
    ck_assert_str_eq(fake_code(fake), "");
    ck_assert_uint_eq(fake->broken, 2);
    fake->token_answer = "{\"error\":\"invalid_client\"}";
    look();
    ck_assert_str_eq(fake_code(fake), "google_rejected");
    ck_assert_uint_eq(fake->broken, 2);
}
END_TEST

START_TEST(scopes_as_far_as_they_go) {
    static const char *events[] = {GOOGLE_SCOPE_EVENTS}, *busy[] = {GOOGLE_SCOPE_FREEBUSY};
    fake_event(fake, "a",
               "{\"summary\":\"SECRET\",\"start\":{\"dateTime\":\"2026-11-23T09:00:00+01:00\"},"
               "\"end\":{\"dateTime\":\"2026-11-23T10:00:00+01:00\"}}",
               false);
    fake_event(fake, "b",
               "{\"transparency\":\"transparent\",\"start\":{\"date\":\"2026-11-23\"},\"end\":{"
               "\"date\":\"2026-11-24\"}}",
               false);
    fake->state.scopes = (char **)events;
    fake->state.n_scopes = 1;
    look();
    ck_assert_uint_eq(fake->freebusies, 0);
    json_t *result = fake_result(fake, 1, 0);
    char *text = json_dumps(result, JSON_COMPACT);
    ck_assert_ptr_nonnull(strstr(text,
                                 "\"free\":false,\"busy\":[{\"start\":\"2026-11-23T09:00:00+01:00"
                                 "\",\"end\":\"2026-11-23T10:00:00+01:00\"}]"));
    ck_assert_ptr_null(strstr(text, "SECRET"));
    ck_assert(!fake->last->turn_done->audit->tainted);
    free(text);
    json_decref(result);
    fake->state.scopes = (char **)busy;
    look();
    ck_assert_uint_eq(fake->freebusies, 1);
    fake->model[0] = CALL(0, "create_event", CREATE) END_TOOLS;
    fake_chat(fake, "Book it.");
    result = fake_result(fake, 1, 0);
    ck_assert_str_eq(json_text(result, "error"), "missing_permission");
    ck_assert_ptr_nonnull(strstr(json_text(result, "detail"), "\"events\""));
    json_decref(result);
}
END_TEST

/* ---- the model ---- */

static struct {
    struct fake_reply reply;
    unsigned times;
} model_fault;

static bool fail_model(struct fake *f, const char *method, const char *url,
                       struct fake_reply *reply, bool *after) {
    (void)method, (void)after;
    if (strncmp(url, "https://model.test", 18) != 0 || f->fault_count >= model_fault.times)
        return false;
    f->fault_count++;
    *reply = model_fault.reply;
    reply->body = strdup(model_fault.reply.body != NULL ? model_fault.reply.body : "");
    return true;
}

#define OVERLOADED                                                                                 \
    "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n"
static const struct {
    struct fake_reply reply;
    unsigned times;
    const char *code;
    unsigned tries; /* that met the fault */
} models[] = {
    {{.status = 529}, 1, "", 1},
    {{.status = 529}, 9, "model_unavailable", 3},
    {{.status = 429, .headers = "retry-after: 0"}, 2, "", 2},
    {{.status = 429, .headers = "retry-after: 3600"}, 9, "model_rate_limited", 1},
    {{.status = 500, .headers = "x-should-retry: false"}, 9, "model_unavailable", 1},
    {{.status = 400, .headers = "x-should-retry: true"}, 1, "", 1},
    {{.status = 400}, 9, "model_rejected", 1},
    {{.status = 401}, 9, "model_misconfigured", 1},
    {{.error = -ECONNREFUSED}, 1, "", 1},
    {{.error = -ECONNRESET, .sent = true}, 9, "model_unavailable", 3},
    {{.error = -EKEYREJECTED}, 9, "model_misconfigured", 1},
    {{.error = -EFBIG}, 9, "model_unavailable", 1},
    {{.error = -EPIPE}, 9, "egress_unavailable", 1},
    {{.status = 200, .body = (char *)OVERLOADED}, 1, "", 1},
    {{.status = 200, .body = (char *)SAY("Half")},
     1,
     "model_unavailable",
     1}, /* shown: no second try */
    {{.status = 200, .body = (char *)SAY("Half") OVERLOADED}, 1, "model_unavailable", 1},
    /* The connection ended in no good order, behind the last event and before it. */
    {{.status = 200, .body = (char *)SAY("Hello.") END_TURN, .error = -ECONNRESET, .sent = true},
     1,
     "",
     1},
    {{.status = 200, .body = (char *)SAY("Half"), .error = -ECONNRESET, .sent = true},
     1,
     "model_unavailable",
     1},
    {{.status = 200, .body = (char *)"data: nonsense\n\n"}, 1, "", 1},
    {{.status = 200, .body = (char *)END_WITH("refusal")}, 1, "model_refused", 1},
    {{.status = 200, .body = (char *)END_TURN}, 1, "model_unavailable", 1},
    {{.status = 200, .body = (char *)CALL(0, "create_event", CREATE) END_WITH("max_tokens")},
     1,
     "budget_exhausted",
     1},
};

START_TEST(model_faults) {
    model_fault.reply = models[_i].reply;
    model_fault.times = models[_i].times;
    fake->fault = fail_model;
    fake->model[0] = SAY("Hello.") END_TURN;
    fake_chat(fake, "Hello");
    ck_assert_str_eq(fake_code(fake), models[_i].code);
    ck_assert_uint_eq(fake->fault_count, models[_i].tries);
    ck_assert_uint_eq(fake->posts, 0);
    if (*models[_i].code == '\0')
        ck_assert_str_eq(fake->text, "Hello.");
}
END_TEST

#define CHUNK(rest)                                                                                \
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello.\"}," rest "}]}\n\n"
static const struct {
    const char *body, *code;
    int error;
} endings[] = {
    {CHUNK("\"finish_reason\":\"stop\"") "data: [DONE]\n\n", "", -ECONNRESET},
    {CHUNK("\"finish_reason\":\"stop\""), "", -ECONNRESET},
    {CHUNK("\"finish_reason\":\"stop\""), "", 0},
    {CHUNK("\"finish_reason\":null"), "model_unavailable", -ECONNRESET},
};

/* The other dialect's: whole with its reason, with or without the last mark. */
START_TEST(an_answer_says_when_it_is_whole) {
    fake->world.model.dialect = &model_openai;
    model_fault.reply = (struct fake_reply){.status = 200,
                                            .body = (char *)(uintptr_t)endings[_i].body,
                                            .error = endings[_i].error,
                                            .sent = true};
    model_fault.times = 1;
    fake->fault = fail_model;
    fake_chat(fake, "Hello");
    ck_assert_str_eq(fake_code(fake), endings[_i].code);
    ck_assert_str_eq(fake->text, "Hello.");
}
END_TEST

/* Whom the key is for that the turn was granted, and what of it goes to model.test. */
static const struct {
    const char *host, *key, *code, *sent;
} model_keys[] = {
    {"model.test:443", "apikey", "", "apikey"},
    {"model.test:443", "", "", ""},
    {"other.test:443", "apikey", "model_misconfigured", ""},
    {"model.test:444", "apikey", "model_misconfigured", ""},
    {"model.test", "apikey", "model_misconfigured", ""},
    {"", "apikey", "model_misconfigured", ""},
    {"", "", "model_misconfigured", ""},
};

START_TEST(a_key_goes_to_its_own_host) {
    fake->model_key_host = model_keys[_i].host;
    fake->model_key = model_keys[_i].key;
    fake->model[0] = SAY("Hello.") END_TURN;
    fake_chat(fake, "Hello");
    ck_assert_str_eq(fake_code(fake), model_keys[_i].code);
    ck_assert_str_eq(fake->model_key_sent, model_keys[_i].sent);
    ck_assert_uint_eq(fake->model_calls, *model_keys[_i].code == '\0' ? 1 : 0);
    if (*model_keys[_i].code != '\0')
        ck_assert_ptr_nonnull(strstr(fake->last->turn_error->detail, "cloisterctl reload as root"));
}
END_TEST

START_TEST(cut_answer_says_so) {
    fake->model[0] = SAY("Long") END_WITH("max_tokens");
    fake_chat(fake, "Hello");
    ck_assert_str_eq(fake_code(fake), "");
    ck_assert_ptr_nonnull(strstr(fake->text, "cut off"));
}
END_TEST

/* Repeating it would be as long again, so it is not offered as worth repeating. */
START_TEST(endless_answer_says_so) {
    SCOPE_FREE char *words = malloc(70001), *stream = NULL;
    ck_assert_ptr_nonnull(words);
    memset(words, 'x', 70000);
    words[70000] = '\0';
    ck_assert_int_gt(asprintf(&stream, SAY("%s") END_TURN, words), 0);
    fake->model[0] = stream;
    fake_chat(fake, "Hello");
    ck_assert_str_eq(fake_code(fake), "budget_exhausted");
    ck_assert_uint_eq(fake->model_calls, 1);
}
END_TEST

START_TEST(nonsense_calls_are_answered) {
    fake->model[0] = CALL(0, "fly_to_moon", "{}") CALL(1, "create_event", "{\\\"title\\\":1}")
        CALL(2, "get_event", "{broken") CALL(3, "get_event", "{\\\"event\\\":\\\"../../x\\\"}")
            CALL(4, "check_availability",
                 "{\\\"start\\\":\\\"tomorrow\\\",\\\"end\\\":\\\"2026-11-23\\\"}")
                CALL(5, "update_event", "{\\\"event\\\":\\\"nope\\\"}") END_TOOLS;
    fake->model[1] = SAY("Sorry.") END_TURN;
    fake_chat(fake, "Do things.");
    ck_assert_str_eq(fake_code(fake), "");
    static const char *const codes[] = {"unknown_tool", "bad_arguments", "bad_arguments",
                                        "not_found",    "bad_arguments", "not_found"};
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        json_t *result = fake_result(fake, 1, i);
        ck_assert_str_eq(json_text(result, "error"), codes[i]);
        json_decref(result);
    }
}
END_TEST

START_TEST(loops_end) {
    for (size_t i = 0; i < FAKE_MODEL_CALLS; i++)
        fake->model[i] = LOOK;
    fake_chat(fake, "Loop.");
    ck_assert_str_eq(fake_code(fake), "budget_exhausted");
    ck_assert_uint_eq(fake->model_calls, TURN_MODEL_CALLS);
}
END_TEST

START_TEST(writes_are_counted) {
    for (size_t i = 0; i < 6; i++)
        fake->model[i] = CALL(0, "create_event", CREATE) CALL(1, "create_event", CREATE) END_TOOLS;
    fake->model[6] = SAY("Done.") END_TURN;
    fake_chat(fake, "Many.");
    ck_assert_str_eq(fake_code(fake), "");
    ck_assert_uint_eq(json_object_size(fake->events), (size_t)LIMIT_WRITES);
    json_t *result = fake_result(fake, 6, 1);
    ck_assert_str_eq(json_text(result, "error"), "budget_exhausted");
    json_decref(result);
}
END_TEST

/* ---- the reader ---- */

static bool hang_write(struct fake *f, const char *method, const char *url,
                       struct fake_reply *reply, bool *after) {
    (void)f, (void)url, (void)after;
    *reply = (struct fake_reply){.hang = true, .sent = true};
    return strcmp(method, "POST") == 0 && strstr(url, "/events") != NULL;
}

START_TEST(cancel_while_writing) {
    fake->fault = hang_write;
    fake->cancel_on_tool = "create_event";
    fake->model[0] = CALL(0, "create_event", CREATE) END_TOOLS;
    uint64_t start = clock_ms();
    fake_chat(fake, "Book.");
    ck_assert_str_eq(fake_code(fake), "cancelled");
    ck_assert(fake_unknown(fake));
    ck_assert_uint_ge(clock_ms() - start, PUMP_SETTLE_MS - 100);
    ck_assert_uint_le(clock_ms() - start, PUMP_SETTLE_MS + 1500);
}
END_TEST

static bool hang_model(struct fake *f, const char *method, const char *url,
                       struct fake_reply *reply, bool *after) {
    (void)method, (void)after;
    *reply = (struct fake_reply){.hang = true};
    return f->model_calls == 1 && strncmp(url, "https://model.test", 18) == 0;
}

START_TEST(cancel_while_thinking) {
    fake->fault = hang_model;
    fake->cancel_on_tool = "check_availability";
    fake->model[0] = LOOK;
    uint64_t start = clock_ms();
    fake_chat(fake, "Look.");
    ck_assert_str_eq(fake_code(fake), "cancelled");
    ck_assert(!fake_unknown(fake));
    ck_assert_uint_le(clock_ms() - start, 1000);
}
END_TEST

START_TEST(time_runs_out) {
    fake->fault = hang_model;
    fake->model[0] = CALL(0, "create_event", CREATE) END_TOOLS;
    fake->timeout_ms = 1500;
    fake_chat(fake, "Look.");
    ck_assert_str_eq(fake_code(fake), "turn_timeout");
    ck_assert(!fake->last->turn_error->retryable); /* a repeat without a key would book again */
    ck_assert_ptr_nonnull(strstr(fake->last->turn_error->detail, "Changes made before this: 1."));
    ck_assert_uint_gt(fake->last->turn_error->notes.len, 0);
}
END_TEST

START_TEST(credit_is_kept) {
    fake->start.credit = 5;
    fake->more_credit = 5;
    fake->model[0] = SAY("Gr\xc3\xbc\xc3\x9f Gott, was darf es sein \xf0\x9f\x98\x80?") END_TURN;
    fake_chat(fake, "Hello");
    ck_assert_str_eq(fake_code(fake), "");
    ck_assert_str_eq(fake->text, "Gr\xc3\xbc\xc3\x9f Gott, was darf es sein \xf0\x9f\x98\x80?");
    fake->more_credit = 0; /* a reader that stopped */
    fake->timeout_ms = 1500;
    fake_chat(fake, "Hello");
    ck_assert_str_eq(fake_code(fake), "turn_timeout");
    ck_assert_uint_le(strlen(fake->text), 5);
}
END_TEST

/* ---- keys and state ---- */

START_TEST(keys_and_tokens) {
    fake->key_error = EKEYREVOKED;
    look();
    ck_assert_str_eq(fake_code(fake), "disconnected");
    fake->key_error = EIO;
    look();
    ck_assert_str_eq(fake_code(fake), "keys_unavailable");
    fake->key_error = 0;
    fake->floor = 2; /* the sealed token is of version 1 */
    look();
    ck_assert_str_eq(fake_code(fake), "disconnected");
    fake->floor = 1;
    fake->state.refresh.data[fake->state.refresh.len - 1] ^= 1;
    look();
    ck_assert_str_eq(fake_code(fake), "reconnect_required");
    fake->state.refresh.len = 0;
    look();
    ck_assert_str_eq(fake_code(fake), "not_connected");
    fake->state.refresh.len = 1;
}
END_TEST

/* An earlier turn of this agent was killed between its question and the answer. */
START_TEST(an_earlier_turns_answer_is_not_taken) {
    fake->keys_stale = true;
    look();
    ck_assert_str_eq(fake_code(fake), "");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("faults");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, google_faults, 0, (int)COUNT_OF(googles));
    tcase_add_test(tc, a_calendar_that_is_gone);
    tcase_add_test(tc, grant_is_gone);
    tcase_add_test(tc, scopes_as_far_as_they_go);
    tcase_add_loop_test(tc, model_faults, 0, (int)COUNT_OF(models));
    tcase_add_loop_test(tc, an_answer_says_when_it_is_whole, 0, (int)COUNT_OF(endings));
    tcase_add_loop_test(tc, a_key_goes_to_its_own_host, 0, (int)COUNT_OF(model_keys));
    tcase_add_test(tc, cut_answer_says_so);
    tcase_add_test(tc, nonsense_calls_are_answered);
    tcase_add_test(tc, endless_answer_says_so);
    tcase_add_test(tc, loops_end);
    tcase_add_test(tc, writes_are_counted);
    tcase_add_test(tc, cancel_while_writing);
    tcase_add_test(tc, cancel_while_thinking);
    tcase_add_test(tc, time_runs_out);
    tcase_add_test(tc, credit_is_kept);
    tcase_add_test(tc, keys_and_tokens);
    tcase_add_test(tc, an_earlier_turns_answer_is_not_taken);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
