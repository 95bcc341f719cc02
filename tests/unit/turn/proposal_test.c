/* Changes that await the owner's word: when one is made, what it says, and that exactly that is
 * done when it is confirmed, once, by the right act. Each rule beside what happens without it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proposal_rig.h"

static unsigned writes(void) {
    return fake->posts + fake->patches + fake->deletes;
}

/* ---- when ---- */

START_TEST(free_then_book_goes_straight_through) {
    ask(FREE, CALL(0, "create_event", LUNCH("")) END_TOOLS, "Am I free at three? Put lunch there.");
    ck_assert_str_eq(outcome(2, 0), "created");
    ck_assert_uint_eq(fake_proposals(fake), 0);
    ck_assert_uint_eq(fake->posts, 1);
    ck_assert(!fake->last->turn_done->audit->tainted);
    ck_assert_str_eq(fake->written, "POST new ");
}
END_TEST

/* What makes a proposal: third-party text, an event made elsewhere, guests. */
static const struct {
    const char *what, *first, *event, *call, *message;
    bool own, proposes;
    enum guard rule;
} whens[] = {
    {"own, alone, clean: at once", NULL, NINE, CALL(0, "update_event", MOVE) END_TOOLS,
     "Move it to half past eleven.", true, false, GUARDS_COUNT},
    {"own, alone, clean: deleted at once", NULL, NINE, CALL(0, "delete_event", GONE) END_TOOLS,
     "Delete it.", true, false, GUARDS_COUNT},
    {"read before", LIST, NINE, CALL(0, "update_event", MOVE) END_TOOLS, "Move my standup.", true,
     true, GUARD_TAINT_PROPOSES},
    {"read before, deletion", LIST, NINE, CALL(0, "delete_event", GONE) END_TOOLS,
     "Delete my standup.", true, true, GUARD_TAINT_PROPOSES},
    {"read before, new", LIST, NINE, CALL(0, "create_event", LUNCH("")) END_TOOLS, "Lunch.", true,
     true, GUARD_TAINT_PROPOSES},
    {"made elsewhere", NULL, NINE, CALL(0, "update_event", MOVE) END_TOOLS, "Move it.", false, true,
     GUARD_FOREIGN_PROPOSES},
    {"made elsewhere, deletion", NULL, NINE, CALL(0, "delete_event", GONE) END_TOOLS, "Delete it.",
     false, true, GUARD_FOREIGN_PROPOSES},
    {"has guests", NULL, AT("2026-11-23T09:00:00+01:00", "2026-11-23T10:15:00+01:00", GUEST),
     CALL(0, "update_event", MOVE) END_TOOLS, "Move it.", true, true, GUARD_GUESTS_PROPOSE},
    {"has guests, deletion", NULL,
     AT("2026-11-23T09:00:00+01:00", "2026-11-23T10:15:00+01:00", GUEST),
     CALL(0, "delete_event", GONE) END_TOOLS, "Delete it.", true, true, GUARD_GUESTS_PROPOSE},
    {"invites", NULL, NINE, CALL(0, "create_event", LUNCH(INVITE("bob@example.com"))) END_TOOLS,
     "Lunch with bob@example.com.", true, true, GUARD_GUESTS_PROPOSE},
};

START_TEST(proposed_or_done) {
    for (int without = 0; without < 2; without++) {
        if (without == 1 && whens[_i].rule == GUARDS_COUNT)
            return;
        guards_off[whens[_i].rule % GUARDS_COUNT] = without == 1;
        standup(whens[_i].event, whens[_i].own);
        unsigned before = writes();
        ask(whens[_i].first, whens[_i].call, whens[_i].message);
        bool proposes = whens[_i].proposes && without == 0;
        ck_assert_msg(fake_proposals(fake) == proposes, "%s", whens[_i].what);
        ck_assert_msg(writes() - before == !proposes, "%s", whens[_i].what);
        ck_assert_uint_eq(fake->last->turn_done->audit->proposals, proposes);
        ck_assert((strstr(fake->text, "Answer yes") != NULL) == proposes);
        if (proposes)
            ck_assert_str_eq(outcome(fake->model_calls - 1, 0), "proposed");
    }
}
END_TEST

/* ---- what it says ---- */

START_TEST(shown_from_old_to_new) {
    standup(AT("2026-11-23T09:00:00+01:00", "2026-11-23T10:15:00+01:00", GUEST), true);
    ask(NULL,
        CALL(0, "update_event",
             "{\\\"event\\\":\\\"" HANDLE
             "\\\",\\\"start\\\":\\\"2026-11-23T11:30:00\\\",\\\"title\\\":\\\"Daily\\\"}")
            END_TOOLS,
        "Move it and call it Daily.");
    const Cloister__Proposal *made = fake_proposal(fake, 0);
    ck_assert_str_eq(made->summary,
                     "Change “Standup”: Mon 2026-11-23, 09:00–10:15 → Mon 2026-11-23, "
                     "11:30–12:45; title → “Daily”. Guests: ann@example.com. Google will mail "
                     "the guests.");
    ck_assert_str_eq(
        made->arguments,
        "{\"tool\":\"update_event\",\"event\":\"" HANDLE "\",\"timezone\":\"Europe/Berlin\","
        "\"changes\":{\"title\":{\"old\":\"Standup\",\"new\":\"Daily\"},\"start\":{\"old\":"
        "\"2026-11-23T09:00:00+01:00\",\"new\":\"2026-11-23T11:30:00+01:00\"},\"end\":{\"old\":"
        "\"2026-11-23T10:15:00+01:00\",\"new\":\"2026-11-23T12:45:00+01:00\"}},\"guests\":["
        "\"ann@example.com\"],\"mail\":true}");
    ck_assert_str_eq(fake->text,
                     "It awaits your word.\n\nChange “Standup”: Mon 2026-11-23, 09:00–10:15 → Mon "
                     "2026-11-23, 11:30–12:45; title → “Daily”. Guests: ann@example.com. Google "
                     "will mail the guests.\nAnswer yes to do this, or no to leave it.");
    int64_t life = made->expires_at_ms - wall_ms();
    ck_assert(life > 590000 && life <= 600000);
    ck_assert_uint_eq(strlen(made->id), 32);
    /* The model is told that it is proposed, and nothing of the event. */
    json_t *result = fake_result(fake, 1, 0);
    char *text = json_dumps(result, JSON_COMPACT);
    ck_assert_ptr_null(strstr(text, "Standup"));
    free(text);
    json_decref(result);
}
END_TEST

START_TEST(deletions_and_new_ones_are_shown) {
    standup(AT("2026-11-23T09:00:00+01:00", "2026-11-24T10:15:00+01:00",
               ",\"recurrence\":[\"RRULE:FREQ=WEEKLY\"]"),
            false);
    ask(NULL, CALL(0, "delete_event", GONE) END_TOOLS, "Delete it.");
    ck_assert_str_eq(fake_proposal(fake, 0)->summary,
                     "Delete the whole series “Standup”: Mon 2026-11-23, 09:00–Tue 2026-11-24, "
                     "10:15.");
    standup("{\"summary\":\"Call\",\"start\":{\"dateTime\":\"2026-11-23T09:00:00-05:00\","
            "\"timeZone\":\"America/New_York\"},\"end\":{\"dateTime\":"
            "\"2026-11-23T10:00:00-05:00\",\"timeZone\":\"America/New_York\"}}",
            false);
    ask(NULL, CALL(0, "delete_event", GONE) END_TOOLS, "Delete it.");
    ck_assert_str_eq(fake_proposal(fake, 0)->summary,
                     "Delete “Call”: Mon 2026-11-23, 15:00–16:00. Times are in Europe/Berlin.");
    ask(NULL,
        CALL(0, "create_event",
             "{\\\"title\\\":\\\"Fair\\\",\\\"start\\\":\\\"2026-12-01\\\",\\\"end\\\":"
             "\\\"2026-12-03\\\",\\\"recurrence\\\":[\\\"RRULE:FREQ=YEARLY\\\"]" INVITE(
                 "Bob@Example.com") "}") END_TOOLS,
        "Put the fair in, with bob@example.com.");
    ck_assert_str_eq(fake_proposal(fake, 0)->summary,
                     "Create “Fair”: Tue 2026-12-01 to Wed 2026-12-02, all day; repeats "
                     "RRULE:FREQ=YEARLY. Invites Bob@Example.com. Google will mail the guests.");
}
END_TEST

/* A title cannot close its quotes, add lines or fake what stands behind it. */
START_TEST(titles_stay_in_their_quotes) {
    json_t *event = standup(NINE, false);
    (void)json_object_set_new(event, "summary",
                              json_string("x”.\nAnswer \"no\"\xe2\x80\xa8to “win"));
    ask(NULL, CALL(0, "delete_event", GONE) END_TOOLS, "Delete it.");
    ck_assert_str_eq(fake_proposal(fake, 0)->summary,
                     "Delete “x'. Answer 'no' to 'win”: Mon 2026-11-23, 09:00–10:15.");
}
END_TEST

/* Nor with a line that is broken in another way, or with what only looks like the quotes. */
START_TEST(titles_have_no_look_alikes) {
    json_t *event = standup(NINE, false);
    (void)json_object_set_new(event, "summary",
                              json_string("x‟\xc2\x85"
                                          "Answer″ ＂no„ l’été || ~~~ a|b `"));
    ask(NULL, CALL(0, "delete_event", GONE) END_TOOLS, "Delete it.");
    ck_assert_str_eq(
        fake_proposal(fake, 0)->summary,
        "Delete “x' Answer' 'no' l’été | | ~ ~ ~ a|b '”: Mon 2026-11-23, 09:00–10:15.");
}
END_TEST

#define TITLED(text)                                                                               \
    "{\\\"title\\\":\\\"" text "\\\",\\\"start\\\":\\\"2026-11-23T15:00:00\\\",\\\"end\\\":"       \
    "\\\"2026-11-23T16:00:00\\\"}"

/* What would be shown in another way than it would be written is not proposed. */
START_TEST(titles_are_shown_as_they_will_be) {
    standup(AT("2026-11-23T09:00:00+01:00", "2026-11-23T10:15:00+01:00",
               ",\"attendees\":[{\"email\":\"ann@example.com\",\"displayName\":\"Ann Bo\"}]"),
            false);
    ask(CALL(0, "get_event", GONE) END_TOOLS,
        CALL(0, "create_event", TITLED("Call @guest1 again")) END_TOOLS, "Put a follow-up in.");
    ck_assert_str_eq(outcome(2, 0), "bad_arguments");
    ask(LIST, CALL(0, "create_event", TITLED("Call https://evil.com/x")) END_TOOLS, "A call.");
    ck_assert_str_eq(outcome(2, 0), "not_the_owners_words");
    ck_assert_uint_eq(fake_proposals(fake) + writes(), 0);
    ask(LIST, CALL(0, "create_event", TITLED("Call https://owner.org/x")) END_TOOLS,
        "A call at https://owner.org/x");
    ck_assert_ptr_nonnull(
        strstr(fake_proposal(fake, 0)->summary, "“Call https://owner.org/x”: Mon"));
}
END_TEST

/* A series goes on in its own zone: who decides on it is told. */
START_TEST(zones_are_told) {
    standup(NINE, false);
    ask(LIST,
        CALL(0, "create_event",
             "{\\\"title\\\":\\\"Call\\\",\\\"start\\\":\\\"2026-11-23T10:00:00\\\",\\\"end\\\":"
             "\\\"2026-11-23T11:00:00\\\",\\\"timezone\\\":\\\"America/"
             "New_York\\\",\\\"recurrence\\\":"
             "[\\\"RRULE:FREQ=WEEKLY\\\"]}") END_TOOLS,
        "Every week.");
    ck_assert_str_eq(fake_proposal(fake, 0)->summary,
                     "Create “Call”: Mon 2026-11-23, 16:00–17:00; repeats RRULE:FREQ=WEEKLY. Times "
                     "are in Europe/Berlin; it is kept in America/New_York.");
    ask(NULL,
        CALL(0, "update_event",
             "{\\\"event\\\":\\\"" HANDLE
             "\\\",\\\"start\\\":\\\"2026-11-23T03:00:00\\\",\\\"end\\\":"
             "\\\"2026-11-23T04:15:00\\\",\\\"timezone\\\":\\\"America/New_York\\\"}") END_TOOLS,
        "Keep it in New York's time.");
    ck_assert_str_eq(fake_proposal(fake, 0)->summary,
                     "Change “Standup” (Mon 2026-11-23, 09:00–10:15). Times are in Europe/Berlin; "
                     "it was kept in Europe/Berlin, and will be in America/New_York.");
    ck_assert_ptr_nonnull(
        strstr(fake_proposal(fake, 0)->arguments,
               "\"zone\":{\"old\":\"Europe/Berlin\",\"new\":\"America/New_York\"}"));
}
END_TEST

/* "…を招待して": no blank ends an address there. */
START_TEST(invited_without_blanks) {
    (void)standup(NINE, true);
    ask(NULL, CALL(0, "create_event", LUNCH(INVITE("sam@example.com"))) END_TOOLS,
        "昼食にsam@example.comを招待して");
    ck_assert_str_eq(outcome(1, 0), "proposed");
    ask(NULL, CALL(0, "create_event", LUNCH(INVITE("sam@example.com"))) END_TOOLS,
        "Lunch with Sam@Example.Com.");
    ck_assert_str_eq(outcome(1, 0), "proposed");
    ask(NULL, CALL(0, "create_event", LUNCH(INVITE("sam@example.com"))) END_TOOLS,
        "Lunch with ésam@example.com");
    ck_assert_str_eq(outcome(1, 0), "not_the_owners_words");
}
END_TEST

/* An address in a title is quoted and cannot be clicked, in words and in data. */
START_TEST(addresses_in_titles_are_dead) {
    json_t *event = standup(NINE, false);
    (void)json_object_set_new(event, "summary",
                              json_string("Join https://evil.example.com/x\xe2\x80\xae"));
    ask(NULL, CALL(0, "delete_event", GONE) END_TOOLS, "Delete it.");
    const Cloister__Proposal *made = fake_proposal(fake, 0);
    ck_assert_ptr_null(strstr(made->summary, "evil.example.com"));
    ck_assert_ptr_null(strstr(made->arguments, "evil.example.com"));
    ck_assert_ptr_null(strstr(fake->text, "evil.example.com"));
    ck_assert_ptr_nonnull(strstr(made->summary, "evil[.]example[.]com"));
    ck_assert_ptr_null(strstr(made->summary, "\xe2\x80\xae"));
    json_t *arguments = json_loads(made->arguments, 0, NULL);
    ck_assert_ptr_nonnull(arguments);
    json_decref(arguments);
}
END_TEST

START_TEST(what_cannot_be_shown_is_not_proposed) {
    char call[4096];
    char title[1100];
    memset(title, 'a', sizeof(title) - 1);
    title[sizeof(title) - 1] = '\0';
    (void)snprintf(call, sizeof(call),
                   CALL(0, "create_event",
                        "{\\\"title\\\":\\\"%s\\\",\\\"start\\\":\\\"2026-11-23T15:00:00\\\","
                        "\\\"end\\\":\\\"2026-11-23T16:00:00\\\"}") END_TOOLS,
                   title);
    (void)standup(NINE, true);
    ask(LIST, call, "Put it in.");
    ck_assert_str_eq(outcome(2, 0), "too_long");
    ck_assert_uint_eq(fake_proposals(fake) + writes(), 0);
}
END_TEST

/* A stranger's event can be deleted however much there is on it. */
START_TEST(much_of_a_strangers_is_shortened) {
    char title[3001];
    json_t *event = standup(NINE, false), *guests = json_array();
    memset(title, '"', sizeof(title) - 1);
    title[sizeof(title) - 1] = '\0';
    (void)json_object_set_new(event, "summary", json_string(title));
    for (size_t i = 0; i < 150; i++) {
        char email[120];
        (void)snprintf(email, sizeof(email), "%060zu@example.com", i);
        (void)json_array_append_new(guests, json_pack("{s:s}", "email", email));
    }
    (void)json_object_set_new(event, "attendees", guests);
    ask(NULL, CALL(0, "delete_event", GONE) END_TOOLS, "Delete it.");
    ck_assert_str_eq(outcome(1, 0), "proposed");
    const Cloister__Proposal *made = fake_proposal(fake, 0);
    ck_assert_ptr_nonnull(strstr(made->summary, "…”: Mon 2026-11-23, 09:00–10:15. Guests: 0"));
    ck_assert_ptr_nonnull(strstr(made->summary, " and 145 more. Google will mail the guests."));
    ck_assert_ptr_nonnull(strstr(made->arguments, "\"more_guests\":134"));
}
END_TEST

/* A turn that fails proposes nothing. */
START_TEST(a_failing_turn_proposes_nothing) {
    standup(NINE, false);
    ask(NULL, CALL(0, "update_event", MOVE) END_TOOLS, "Move it.");
    fake_carry(fake);
    fake->model[0] = CALL(0, "delete_event", GONE) END_TOOLS;
    fake->model[1] = END_WITH("refusal");
    fake_chat(fake, "Delete it.");
    ck_assert_str_eq(fake_code(fake), "model_refused");
    ck_assert_uint_eq(fake->last->turn_error->n_settled, 0); /* the older one stays open */
    ck_assert_uint_eq(fake_proposals(fake), 0);
    ck_assert_ptr_null(strstr(fake->text, "Answer yes"));
}
END_TEST

/* A model that says nothing more is fine: code says what is proposed. */
START_TEST(silence_is_filled) {
    standup(NINE, false);
    fake->model[0] = CALL(0, "delete_event", GONE) END_TOOLS;
    fake->model[1] = END_TURN;
    fake_chat(fake, "Delete it.");
    expect_done();
    ck_assert_str_eq(fake->text, "Delete “Standup”: Mon 2026-11-23, 09:00–10:15.\n"
                                 "Answer yes to do this, or no to leave it.");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("proposal");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, free_then_book_goes_straight_through);
    tcase_add_loop_test(tc, proposed_or_done, 0, (int)COUNT_OF(whens));
    tcase_add_test(tc, shown_from_old_to_new);
    tcase_add_test(tc, deletions_and_new_ones_are_shown);
    tcase_add_test(tc, titles_stay_in_their_quotes);
    tcase_add_test(tc, titles_have_no_look_alikes);
    tcase_add_test(tc, titles_are_shown_as_they_will_be);
    tcase_add_test(tc, zones_are_told);
    tcase_add_test(tc, invited_without_blanks);
    tcase_add_test(tc, addresses_in_titles_are_dead);
    tcase_add_test(tc, what_cannot_be_shown_is_not_proposed);
    tcase_add_test(tc, much_of_a_strangers_is_shortened);
    tcase_add_test(tc, a_failing_turn_proposes_nothing);
    tcase_add_test(tc, silence_is_filled);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
