/* The owner's word on a proposed change: whose proposal it is and what became of it are looked at
 * here; that the caller's grant is good, and what the change is, in the turn. */
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "supervisor/admit.h"
#include "supervisor/chat_state.h"
#include "supervisor/rules.h"

#define FAILED(name, ...) static const struct turn_failure name = {__VA_ARGS__}
FAILED(gone, 404, "proposal_gone",
       "There is no such proposal, or it is gone. Ask for the change again.");
FAILED(expired, 410, "proposal_expired",
       "A proposal holds for ten minutes, and this one has expired. Ask for the change again.");
FAILED(used, 409, "proposal_used", "This proposal has been decided already.");
FAILED(too_late, 409, "proposal_used",
       "This proposal was confirmed before and may have been carried out. Confirm it once more to "
       "find out; nothing is done twice.");
FAILED(busy, 409, "proposal_busy", "This proposal is just being decided. Ask again shortly.", true,
       false, 1000);

static const struct turn_failure *refusal_of(int error) {
    return error == -EBUSY      ? &busy
           : error == -ETIME    ? &expired
           : error == -EALREADY ? &used
           : error == -EUCLEAN  ? &too_late
                                : &gone;
}

/* Identifies what is decided as well: a rejection is no repeat of a confirmation. */
static void decision_key(struct chat *chat, const Cloister__ChatRequest *request) {
    char key[KEY_BYTES + 16];
    chat->has_key = request->idempotency_key[0] != '\0';
    (void)snprintf(key, sizeof(key), "%s %s", request->confirm ? "confirm" : "reject",
                   request->idempotency_key);
    if (chat->has_key)
        chat_idempotency(request->caller, key, chat->idempotency);
}

static const uint8_t *key_of(const struct chat *chat) {
    return chat->has_key ? chat->idempotency : NULL;
}

static void on_admission(void *ctx, const struct admission *admission) {
    struct chat *chat = ctx;
    if (chat->end == NULL) {
        chat_free(chat);
        return;
    }
    if (admission->refused != NULL) {
        chat_fail(chat, admission->refused, admission->action_url);
        return;
    }
    chat_renewed(chat, admission->grant);
    chat_fail(chat, &chat->failure, "");
}

/* What became of a proposal is told to its owner alone. */
static void refuse(struct chat *chat, const struct turn_failure *why) {
    Cloister__Caller caller;
    chat->failure = *why;
    chat_caller(chat, &caller);
    api_admit(chat->chats->setup.api, &caller, on_admission, chat);
}

static bool replace(char **text, const char *by) {
    free(*text);
    *text = strdup(by);
    return *text != NULL;
}

/* Takes from the proposal what the request does not say. NULL, or why it cannot be decided. */
static const struct turn_failure *look_up(struct chat *chat, const Cloister__ChatRequest *request) {
    const Cloister__Caller *caller = request->caller;
    struct proposal_view view = {.id = ""};
    const struct turn_failure *why = NULL;
    if (!id_valid(request->proposal) ||
        !proposals_find(chat->chats->setup.proposals, request->proposal, &view) ||
        !proposals_belongs(&view, caller->frontend, caller->user))
        why = &gone;
    else if (!replace(&chat->conversation, view.home.conversation) ||
             (caller->user[0] == '\0' && !replace(&chat->name, view.home.name)))
        why = &chat_internal;
    explicit_bzero(&view, sizeof(view));
    return why;
}

void chat_decide(struct chat *chat) {
    const Cloister__ChatRequest *request = chat->message->chat_request;
    struct chats_setup *with = &chat->chats->setup;
    const struct turn_failure *why = look_up(chat, request);
    if (why != NULL) {
        chat_fail(chat, why, "");
        return;
    }
    memcpy(chat->proposal, request->proposal, ID_LEN);
    chat->confirm = request->confirm;
    decision_key(chat, request);
    int r = proposals_may(with->proposals, chat->proposal, key_of(chat), chat->confirm);
    if (r < 0)
        refuse(chat, refusal_of(r));
    else
        store_session(with->store, chat->frontend, chat->name, NULL, chat_on_session, chat);
}

/* Its user or the calendar is another one by now. */
static bool is_other(const struct chat *chat, const struct proposal_view *view) {
    return rule_holds(RULE_PROPOSAL_OWNER) &&
           (strcmp(view->home.user, chat->user) != 0 ||
            strcmp(view->home.connection, chat->connection) != 0);
}

bool chat_decide_begin(struct chat *chat, Cloister__SealedItem *item, bool *ret_repeated) {
    struct proposals *proposals = chat->chats->setup.proposals;
    struct proposal_view view = {.id = ""};
    bool found = proposals_find(proposals, chat->proposal, &view) && !is_other(chat, &view);
    int r = !found ? -ENOENT : !chat->confirm && chat_awaits_another(chat) ? -EBUSY : 0;
    if (r == 0)
        r = proposals_begin(proposals, chat->proposal, key_of(chat), chat->confirm, ret_repeated);
    *item = view.item;
    item->id = chat->proposal;
    explicit_bzero(&view, sizeof(view));
    if (r < 0)
        refuse(chat, refusal_of(r));
    return r == 0;
}

void chat_decide_error(struct chat *chat, const Cloister__TurnError *error) {
    enum proposal_end end = error->unknown_writes ? PROPOSAL_UNKNOWN : PROPOSAL_NOT_YET;
    for (size_t i = 0; i < error->n_settled; i++)
        if (strcmp(error->settled[i], chat->proposal) == 0)
            end = PROPOSAL_GONE;
    proposals_end(chat->chats->setup.proposals, chat->proposal, end);
}

bool chat_decide_broken(struct chat *chat) {
    bool unknown = chat->started && chat->confirm;
    proposals_end(chat->chats->setup.proposals, chat->proposal,
                  unknown ? PROPOSAL_UNKNOWN : PROPOSAL_NOT_YET);
    return unknown;
}
