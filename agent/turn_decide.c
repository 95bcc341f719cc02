#include "agent/turn_decide.h"

#include <errno.h>
#include <string.h>

#include "agent/guards.h"
#include "agent/proposal.h"
#include "agent/yes.h"
#include "providers/json_get.h"

#define OPEN_MAX 16u

static const char left[] = "Left as it was.";

/* What came of it, for who pressed a button and for who wrote a word. */
static const struct {
    const char *code, *detail;
    bool settles;
} ends[] = {
    [CONFIRM_DONE] = {NULL, NULL, true},
    [CONFIRM_CHANGED] = {"proposal_changed",
                         "The event was changed after this was proposed, so nothing was done. Ask "
                         "again to see the change as it would be now.",
                         true},
    [CONFIRM_REJECTED] = {"google_rejected", "Google did not accept this change.", true},
    [CONFIRM_NOT_PERMITTED] = {"missing_permission",
                               "The owner no longer allows changing events (feature \"events\"). "
                               "Connecting Google Calendar again with it would.",
                               false},
};

static int say(struct turn *turn, const char *text) {
    return turn_say(turn, text, strlen(text));
}

static int say_done(struct turn *turn, const json_t *proposal) {
    SCOPE_STRBUF struct strbuf text = {0};
    strbuf_addf(&text, "Done: %s", json_text(proposal, "summary"));
    return say(turn, strbuf_str(&text));
}

/* ---- the buttons ---- */

static int open_decided(struct turn *turn, const char **ret_id, json_t **ret) {
    const Cloister__SealedState *state = turn->start->state;
    const Cloister__SealedItem *item =
        state != NULL && state->n_proposals == 1 ? state->proposals[0] : NULL;
    struct proposal_scope scope = proposal_scope_of(turn);
    int r = item != NULL && id_valid(item->id) ? proposal_open(&scope, item->id, item->sealed.data,
                                                               item->sealed.len, wall_ms(), ret)
                                               : -EBADMSG;
    if (item != NULL && id_valid(item->id) && (r == -EBADMSG || r == -EKEYEXPIRED))
        proposal_settle(turn, item->id);
    if (r == -EKEYEXPIRED)
        return fault_set(&turn->fault, r, "proposal_expired", false,
                         "This was proposed more than ten minutes ago. Ask again.");
    if (r < 0)
        return fault_set(&turn->fault, r, "proposal_gone", false,
                         "There is no such proposal in this conversation any more.");
    *ret_id = item->id;
    return 0;
}

static void record_left(struct turn *turn, const json_t *proposal) {
    const char *event = json_text(proposal, "event");
    turn_record(turn, json_text(proposal, "tool"), *event != '\0' ? turn_handle(turn, event) : NULL,
                "left");
}

static int confirm(struct turn *turn, const char *id, const json_t *proposal) {
    enum confirmed end = CONFIRM_REJECTED;
    int r = turn_open_tokens(turn);
    if (r == 0)
        r = turn_confirm(turn, proposal, &end);
    if (r < 0)
        return r;
    if (ends[end].settles)
        proposal_settle(turn, id);
    if (end == CONFIRM_DONE)
        return say_done(turn, proposal);
    return fault_set(&turn->fault, -ECANCELED, ends[end].code, false, "%s", ends[end].detail);
}

int turn_decide(struct turn *turn, struct turn_outcome *outcome) {
    const char *id = NULL;
    json_t *proposal = NULL;
    (void)outcome;
    int r = turn_open_notes(turn);
    if (r == 0)
        r = open_decided(turn, &id, &proposal);
    if (r == 0 && turn->start->confirm) {
        r = confirm(turn, id, proposal);
    } else if (r == 0) {
        proposal_settle(turn, id);
        record_left(turn, proposal);
        r = say(turn, left);
    }
    json_decref(proposal);
    return r == 0 ? channel_flush(&turn->channel, &turn->fault) : r;
}

/* ---- a plain word ---- */

struct open {
    const char *id;
    json_t *json;
    bool next; /* proposed by the answer right before this message */
};

static bool listed(const char *ids, const char *id) {
    const char *at = strstr(ids, id);
    return at != NULL && strlen(id) == ID_LEN;
}

/* Those that open and are not over. Returns how many. */
static size_t find_open(const struct turn *turn, struct open out[static OPEN_MAX]) {
    const Cloister__SealedState *state = turn->start->state;
    struct proposal_scope scope = proposal_scope_of(turn);
    struct notes_turn last = {.proposals = ""};
    size_t n = 0;
    if (turn->notes != NULL && notes_count(turn->notes) > 0)
        notes_get(turn->notes, notes_count(turn->notes) - 1, &last);
    for (size_t i = 0; state != NULL && i < state->n_proposals && n < OPEN_MAX; i++) {
        const Cloister__SealedItem *item = state->proposals[i];
        json_t *json = NULL;
        if (!id_valid(item->id) || proposal_open(&scope, item->id, item->sealed.data,
                                                 item->sealed.len, wall_ms(), &json) < 0)
            continue;
        out[n++] = (struct open){item->id, json, listed(last.proposals, item->id)};
    }
    return n;
}

static int say_which(struct turn *turn, const struct open *open, size_t n) {
    SCOPE_STRBUF struct strbuf text = {0};
    strbuf_puts(&text, "More than one change awaits your word:\n");
    for (size_t i = 0; i < n; i++)
        strbuf_addf(&text, "- %s\n", json_text(open[i].json, "summary"));
    strbuf_puts(&text, "Use the buttons to confirm or leave each.");
    return say(turn, strbuf_str(&text));
}

/* Told like a tool's run, and before it: whoever hears no end of it knows that something may have
 * been changed. */
static int confirm_plainly(struct turn *turn, const struct open *open) {
    enum confirmed end = CONFIRM_REJECTED;
    const char *tool = json_text(open->json, "tool");
    channel_tool(&turn->channel, tool, "running");
    int r = turn_confirm(turn, open->json, &end);
    channel_tool(&turn->channel, tool, r == 0 && end == CONFIRM_DONE ? "done" : "failed");
    if (r < 0)
        return r;
    if (ends[end].settles)
        proposal_settle(turn, open->id);
    return end == CONFIRM_DONE ? say_done(turn, open->json) : say(turn, ends[end].detail);
}

static int leave_plainly(struct turn *turn, const struct open *open, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (guard_holds(GUARD_YES_NEXT) && !open[i].next)
            continue;
        proposal_settle(turn, open[i].id);
        record_left(turn, open[i].json);
    }
    return say(turn, left);
}

static int act_on(struct turn *turn, enum plain word, const struct open *open, size_t n,
                  bool *ret_handled) {
    const struct open *meant = NULL;
    for (size_t i = 0; i < n; i++)
        if (open[i].next || !guard_holds(GUARD_YES_NEXT))
            meant = &open[i];
    *ret_handled = meant != NULL;
    if (meant == NULL)
        return 0;
    if (word == PLAIN_NO)
        return leave_plainly(turn, open, n);
    if (n > 1 && guard_holds(GUARD_YES_ONE))
        return say_which(turn, open, n);
    return confirm_plainly(turn, meant);
}

/* A yes that is sent again because its answer was lost finds nothing open any more. */
static bool is_repeat(const struct turn *turn, enum plain word) {
    struct notes_turn last;
    if (word != PLAIN_YES || !turn->start->repeated || turn->notes == NULL ||
        notes_count(turn->notes) == 0)
        return false;
    notes_get(turn->notes, notes_count(turn->notes) - 1, &last);
    return strstr(last.record, " confirmed") != NULL; /* perhaps with the event's times behind */
}

int turn_plain_word(struct turn *turn, bool *ret_handled) {
    struct open open[OPEN_MAX];
    const Cloister__SealedState *state = turn->start->state;
    *ret_handled = false;
    if (turn->origin != ORIGIN_OWNER || (state->n_proposals == 0 && !turn->start->repeated))
        return 0;
    enum plain word = yes_read(turn->start->message, !guard_holds(GUARD_YES_PLAIN));
    if (word == PLAIN_NEITHER)
        return 0;
    size_t n = find_open(turn, open);
    int r = act_on(turn, word, open, n, ret_handled);
    for (size_t i = 0; i < n; i++)
        json_decref(open[i].json);
    if (n == 0 && is_repeat(turn, word)) {
        *ret_handled = true;
        r = say(turn, "That is done.");
    }
    return r;
}
