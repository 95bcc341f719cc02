/* Proposals of one turn: made by the writing tools, shown behind the answer, sent with TURN_DONE.
 */
#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <strings.h>

#include "agent/answer.h"
#include "agent/proposal.h"
#include "providers/json_get.h"

void proposal_request(uint8_t out[static 32], char hex[static 65]) {
    randombytes_buf(out, 32);
    hex_encode(out, 32, hex);
}

static int no_memory(struct turn *turn) {
    return fault_set(&turn->fault, -ENOMEM, "internal", true, "This server is out of memory.");
}

static json_t *to_json(const struct turn *turn, const struct proposal_draft *draft,
                       const char *summary) {
    const int64_t now = wall_ms();
    const json_t *titled = draft->old != NULL ? draft->old : draft->body;
    json_t *json =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:s, s:s, s:I, s:I, s:s}", "tool",
                  policy_tool_word(draft->tool), "event", draft->event, "handle", draft->handle,
                  "title", json_text(titled, "summary"), "etag", json_text(draft->old, "etag"),
                  "send_updates", (int)draft->mail, "request", draft->request, "conversation",
                  turn->start->conversation, "made_at", (json_int_t)now, "expires_at",
                  (json_int_t)now + PROPOSAL_LIFE_MS, "summary", summary);
    if (json != NULL && draft->body != NULL)
        (void)json_object_set_new(json, "body", json_deep_copy(draft->body));
    return json;
}

void proposal_settle(struct turn *turn, const char *id) {
    for (size_t i = 0; i < turn->nsettled; i++)
        if (strcmp(turn->settled[i], id) == 0)
            return;
    if (turn->nsettled < TURN_SETTLED)
        strcpy(turn->settled[turn->nsettled++], id);
}

/* "No, at five": what is proposed now takes the place of what was proposed for the same event, or
 * for a new one of the same name, and is not carried out beside it. */
static void settle_older(struct turn *turn, const json_t *newer) {
    const Cloister__SealedState *state = turn->start->state;
    struct proposal_scope scope = proposal_scope_of(turn);
    for (size_t i = 0; state != NULL && i < state->n_proposals; i++) {
        const Cloister__SealedItem *item = state->proposals[i];
        json_t *older = NULL;
        if (!id_valid(item->id) || proposal_open(&scope, item->id, item->sealed.data,
                                                 item->sealed.len, wall_ms(), &older) < 0)
            continue;
        const char *event = json_text(newer, "event");
        if (strcmp(event, json_text(older, "event")) == 0 &&
            (*event != '\0' ||
             strcasecmp(json_text(newer, "title"), json_text(older, "title")) == 0))
            proposal_settle(turn, item->id);
        json_decref(older);
    }
}

static int keep(struct turn *turn, json_t *json, char *summary, char *arguments) {
    struct proposal_scope scope = proposal_scope_of(turn);
    Cloister__Proposal *made = &turn->made[turn->nmade];
    char id[ID_LEN + 1];
    uint8_t *sealed = NULL;
    size_t len = 0;
    int r = proposal_seal(&scope, json, id, &sealed, &len);
    if (r < 0)
        return r;
    cloister__proposal__init(made);
    made->id = strdup(id);
    made->sealed = (ProtobufCBinaryData){len, sealed};
    made->expires_at_ms = (int64_t)json_count(json, "expires_at", 0);
    made->summary = summary;
    made->arguments = arguments;
    turn->nmade++;
    strbuf_addf(&turn->proposed, "%s%s", turn->proposed.len > 0 ? " " : "", id);
    return made->id != NULL ? 0 : -ENOMEM;
}

/* A text, or each of a list, as an answer would show it. */
static int filter(struct turn *turn, json_t *json) {
    size_t n = json_is_array(json) ? json_array_size(json) : json_is_string(json);
    for (size_t i = 0; i < n; i++) {
        json_t *string = json_is_array(json) ? json_array_get(json, i) : json;
        if (!json_is_string(string))
            continue;
        char *text = turn_filtered(turn, json_string_value(string));
        int r = text == NULL || json_string_set(string, text) < 0 ? -ENOMEM : 0;
        string_wipe(text);
        if (r < 0)
            return r;
    }
    return 0;
}

static int filter_arguments(struct turn *turn, json_t *arguments) {
    const char *field;
    json_t *change;
    int r = filter(turn, json_object_get(arguments, "guests"));
    json_object_foreach(json_object_get(arguments, "changes"), field, change) {
        if (r == 0)
            r = filter(turn, json_object_get(change, "old"));
        if (r == 0)
            r = filter(turn, json_object_get(change, "new"));
    }
    return r;
}

/* What code quotes of the event is on record first, so that an address in it is quoted, too, and
 * not taken out. */
static char *summary_of(struct turn *turn, const struct proposal_draft *draft) {
    char *text = proposal_summary(draft, turn->zone), *shown = NULL;
    if (draft->old != NULL)
        taint_add(turn->taint, TAINT_GOOGLE, turn_about(draft->old),
                  json_text(draft->old, "summary"));
    if (text != NULL)
        shown = turn_filtered(turn, text);
    string_wipe(text);
    return shown;
}

static char *arguments_of(struct turn *turn, const struct proposal_draft *draft) {
    json_t *json = proposal_arguments(draft, turn->zone);
    char *text =
        json != NULL && filter_arguments(turn, json) == 0 ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    return text;
}

/* An address that the owner would not be shown must not be written either. 1: it has one. */
static int title_hides(struct turn *turn, const struct proposal_draft *draft) {
    const char *title = json_string_value(json_object_get(draft->body, "summary"));
    char *shown = title != NULL ? turn_filtered(turn, title) : NULL;
    if (title == NULL || shown == NULL)
        return title == NULL ? 0 : -ENOMEM;
    bool hides = strstr(shown, ANSWER_REMOVED) != NULL;
    string_wipe(shown);
    return hides;
}

/* What the owner decides on is what is shown, so it must fit to be shown as a whole. */
static int keep_if_shown(struct turn *turn, struct tool_run *run,
                         const struct proposal_draft *draft) {
    char *summary = summary_of(turn, draft), *arguments = arguments_of(turn, draft);
    const int hides = title_hides(turn, draft);
    json_t *json = summary != NULL ? to_json(turn, draft, summary) : NULL;
    int r = json == NULL || arguments == NULL || hides < 0 ? -ENOMEM : 0;
    if (r == 0 && hides > 0)
        r = -EACCES;
    if (r == 0 &&
        (strlen(summary) > PROPOSAL_SUMMARY_MAX || strlen(arguments) > PROPOSAL_ARGUMENTS_MAX))
        r = -E2BIG;
    size_t before = turn->nmade;
    if (r == 0)
        r = keep(turn, json, summary, arguments);
    if (r == 0)
        settle_older(turn, json);
    if (turn->nmade == before) {
        string_wipe(summary);
        string_wipe(arguments);
    }
    json_decref(json);
    if (r == 0)
        strbuf_addf(&turn->proposed_events, " %s ", draft->event);
    if (r == -EACCES)
        return tool_refuse(run, "not_the_owners_words",
                           "\"title\" has an address of the internet that the owner did not give. "
                           "Leave it out.");
    if (r == -E2BIG)
        return tool_refuse(run, "too_long",
                           "This change is too long to be shown to the owner as a whole, so it "
                           "cannot be proposed. Make it shorter.");
    return r < 0 ? no_memory(turn) : 0;
}

/* Two proposals of one request for the same event could not both be carried out. */
static bool proposed_already(const struct turn *turn, const char *event) {
    SCOPE_STRBUF struct strbuf word = {0};
    strbuf_addf(&word, " %s ", event);
    return strstr(strbuf_str(&turn->proposed_events), strbuf_str(&word)) != NULL;
}

int proposal_add(struct turn *turn, struct tool_run *run, const struct proposal_draft *draft) {
    if (turn->nmade >= LIMIT_PROPOSALS)
        return tool_refuse(run, "budget_exhausted",
                           "This request has proposed as many changes as one request may.");
    if (*draft->event != '\0' && proposed_already(turn, draft->event))
        return tool_refuse(run, "already_proposed",
                           "A change of this event is proposed in this request already, and awaits "
                           "the owner's word. Leave it at that.");
    int r = keep_if_shown(turn, run, draft);
    if (r < 0 || run->is_error)
        return r;
    turn_record(turn, run->name, *draft->handle != '\0' ? draft->handle : NULL, "proposed");
    json_t *result =
        json_pack("{s:s, s:s}", "result", "proposed", "note",
                  "Nothing was changed. The owner is shown exactly this change and decides.");
    if (result != NULL && *draft->handle != '\0')
        (void)json_object_set_new(result, "event", json_string(draft->handle));
    return tool_succeed(turn, run, result);
}

/* How many of an earlier turn's are open still, beside those made now. */
static size_t still_open(const struct turn *turn) {
    const Cloister__SealedState *state = turn->start->state;
    struct proposal_scope scope = proposal_scope_of(turn);
    size_t n = 0;
    for (size_t i = 0; state != NULL && i < state->n_proposals; i++) {
        const Cloister__SealedItem *item = state->proposals[i];
        json_t *json = NULL;
        bool settled = false;
        for (size_t k = 0; k < turn->nsettled; k++)
            settled = settled || strcmp(turn->settled[k], item->id) == 0;
        if (!settled && proposal_open(&scope, item->id, item->sealed.data, item->sealed.len,
                                      wall_ms(), &json) == 0)
            n++;
        json_decref(json);
    }
    return n;
}

int proposal_show(struct turn *turn) {
    SCOPE_STRBUF struct strbuf text = {0};
    if (turn->nmade == 0)
        return 0;
    if (!text_blank(strbuf_str(&turn->answer)))
        strbuf_puts(&text, "\n\n");
    for (size_t i = 0; i < turn->nmade; i++)
        strbuf_addf(&text, "%s\n", turn->made[i].summary);
    strbuf_puts(&text, turn->nmade + still_open(turn) == 1
                           ? "Answer yes to do this, or no to leave it."
                           : "Use the buttons to confirm each.");
    return turn_say(turn, strbuf_str(&text), text.len);
}

void proposal_wipe(struct turn *turn) {
    for (size_t i = 0; i < turn->nmade; i++) {
        free(turn->made[i].id);
        free(turn->made[i].sealed.data);
        string_wipe(turn->made[i].summary);
        string_wipe(turn->made[i].arguments);
    }
    turn->nmade = 0;
    strbuf_free(&turn->proposed_events);
}
