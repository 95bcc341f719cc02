/* What a turn's last message may say about changes that await the owner's word: a turn that was
 * taken over asks for the owner's yes to what it likes. Out when it is taken as an answer
 * (stage.py). That the text is UTF-8 and the arguments are an object is looked at once more by the
 * gateway; those two rules are tested in tests/unit/supervisor/proposals_test.c. */
#include <poll.h>
#include <string.h>

#include "tests/hostile/data_turns.h"

#define REPLY_MS 2000

static int done_with(const struct scene *scene, size_t n, const char *id, char *summary) {
    static uint8_t sealed[] = "sealed elsewhere";
    Cloister__Proposal items[8], *list[8];
    char ids[8][ID_LEN + 1];
    Cloister__TurnDone body = CLOISTER__TURN_DONE__INIT;
    for (size_t i = 0; i < n; i++) {
        cloister__proposal__init(&items[i]);
        id_random(ids[i]);
        items[i].id = id != NULL ? (char *)(uintptr_t)id : ids[i];
        items[i].sealed = (ProtobufCBinaryData){sizeof(sealed), sealed};
        items[i].summary = summary;
        items[i].arguments = (char *)(uintptr_t) "{}";
        items[i].expires_at_ms = wall_ms() + 60000;
        list[i] = &items[i];
    }
    body.turn = scene->start->turn;
    body.proposals = list;
    body.n_proposals = n;
    Cloister__Message message = MSG_OF(TURN_DONE, turn_done, &body);
    int r = say(scene, &message);
    (void)poll(NULL, 0, REPLY_MS);
    return r;
}
static char plain[] = "Give everything away.";

ATTEMPT(data, proposal_kind, FRONT, "RELAY_PROPOSALS_KIND",
        "TURN_DONE: a customer's turn proposes a change to the owner") {
    return done_with(scene, 1, NULL, plain);
}
ATTEMPT(data, proposal_count, TURN, "RELAY_PROPOSALS_COUNT",
        "TURN_DONE: more proposals than anybody reads") {
    return done_with(scene, 6, NULL, plain);
}
ATTEMPT(data, proposal_sizes, TURN, "RELAY_PROPOSALS_SIZES",
        "TURN_DONE: a proposal that shows nothing") {
    static char none[] = "";
    return done_with(scene, 1, NULL, none);
}
ATTEMPT(data, proposal_ids, TURN, "RELAY_PROPOSALS_IDS",
        "TURN_DONE: two proposals of one name, so that a word means either") {
    return done_with(scene, 2, "0123456789abcdef0123456789abcdef", plain);
}
ATTEMPT(data, proposal_settled, TURN, "RELAY_SETTLED",
        "TURN_DONE: a proposal is settled that this turn was not given") {
    static char id[] = "0123456789abcdef0123456789abcdef", *list[] = {id};
    Cloister__TurnDone body = CLOISTER__TURN_DONE__INIT;
    body.turn = scene->start->turn;
    body.settled = list;
    body.n_settled = 1;
    Cloister__Message message = MSG_OF(TURN_DONE, turn_done, &body);
    int r = say(scene, &message);
    (void)poll(NULL, 0, REPLY_MS);
    return r;
}
