/* A chat's turn: what it starts with, what is relayed, what is remembered of it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ipc/log.h"
#include "supervisor/chat_state.h"
#include "supervisor/failures.h"
#include "supervisor/store_connect.h"

void chat_on_started(void *ctx, const char *turn_id) {
    struct chat *chat = ctx;
    chat->started = true;
    Cloister__ChatAccepted accepted = CLOISTER__CHAT_ACCEPTED__INIT;
    accepted.request = chat->request;
    accepted.turn = chat->turn_id;
    memcpy(chat->turn_id, turn_id, sizeof(chat->turn_id));
    Cloister__Message message = MSG_OF(CHAT_ACCEPTED, chat_accepted, &accepted);
    gateway_send(chat->end, &message);
}

void chat_on_event(void *ctx, const Cloister__Message *event) {
    struct chat *chat = ctx;
    if (chat->end == NULL)
        return;
    if (event->body_case == CLOISTER__MESSAGE__BODY_TURN_DELTA) {
        Cloister__ChatDelta delta = CLOISTER__CHAT_DELTA__INIT;
        delta.request = chat->request;
        delta.text = event->turn_delta->text;
        Cloister__Message message = MSG_OF(CHAT_DELTA, chat_delta, &delta);
        gateway_send(chat->end, &message);
    } else if (event->body_case == CLOISTER__MESSAGE__BODY_TURN_TOOL) {
        Cloister__ChatTool tool = CLOISTER__CHAT_TOOL__INIT;
        tool.request = chat->request;
        tool.name = event->turn_tool->name;
        tool.state = event->turn_tool->state;
        Cloister__Message message = MSG_OF(CHAT_TOOL, chat_tool, &tool);
        gateway_send(chat->end, &message);
    }
}

static void on_host_call(void *ctx, const Cloister__HostCall *call) {
    struct chat *chat = ctx;
    if (chat->end == NULL) {
        turn_host_reply(chat->turn, call->call, -ECANCELED, "");
        return;
    }
    if (call->op_case == CLOISTER__HOST_CALL__OP_MARK_BROKEN) {
        sessions_forget(chat->chats->setup.sessions, chat->user);
        proposals_forget(chat->chats->setup.proposals, chat->user, NULL);
    }
    chat_host_call(chat->host, chat->turn, call);
}

/* Says whether there are notes of this turn now. */
static bool remember(struct chat *chat, const ProtobufCBinaryData *notes,
                     const ProtobufCBinaryData *access) {
    struct sessions *sessions = chat->chats->setup.sessions;
    int r = 0;
    if (notes->len > 0 && !chat->forget)
        r = sessions_put_notes(sessions, chat->user, "owner", chat->conversation, chat->connection,
                               notes->data, notes->len);
    if (r < 0)
        log_warn("the notes of a conversation are not kept: %s", strerror(-r));
    const bool noted = r == 0 && notes->len > 0;
    r = access->len == 0 ? 0
                         : sessions_put_access(sessions, chat->user, chat->connection,
                                               chat->token_version, access->data, access->len);
    if (r < 0)
        log_warn("an access token is not kept: %s", strerror(-r));
    return noted;
}

/* Nothing may speak to the turn any more. */
static void turn_over(struct chat *chat) {
    chat->turn = NULL;
    chat_host_free(take_ptr(chat->host));
}

/* ---- proposals ---- */

static struct proposal_home home_of(const struct chat *chat) {
    return (struct proposal_home){.user = chat->user,
                                  .connection = chat->connection,
                                  .frontend = chat->frontend,
                                  .name = chat->name,
                                  .conversation = chat->conversation};
}

/* Whether a yes has carried one out, nobody knows. */
static void doubt(struct chat *chat) {
    struct proposal_home home = home_of(chat);
    if (chat->given)
        proposals_doubt(chat->chats->setup.proposals, &home);
}

/* It was proposed right before, as the notes have it; the owner may have read something else since,
 * and mean that with a yes. */
void chat_unnoted(struct chat *chat) {
    struct proposal_home home = home_of(chat);
    if (chat->started && chat->proposal[0] == '\0' && chat->business == NULL)
        proposals_by_button(chat->chats->setup.proposals, &home);
}

static void send_proposal(struct chat *chat, const Cloister__Proposal *made) {
    char expires[32];
    struct tm tm;
    time_t seconds = (time_t)(made->expires_at_ms / 1000);
    if (gmtime_r(&seconds, &tm) == NULL ||
        strftime(expires, sizeof(expires), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        return;
    Cloister__ChatProposal proposal = CLOISTER__CHAT_PROPOSAL__INIT;
    proposal.request = chat->request;
    proposal.id = made->id;
    proposal.summary = made->summary;
    proposal.arguments = made->arguments;
    proposal.expires_at = expires;
    Cloister__Message message = MSG_OF(CHAT_PROPOSAL, chat_proposal, &proposal);
    gateway_send(chat->end, &message);
}

/* What is kept is told, and nothing else: a proposal that nobody can decide would mislead. */
static void keep_proposals(struct chat *chat, const Cloister__TurnDone *done) {
    struct proposal_home home = home_of(chat);
    const uint8_t *key = chat->has_key ? chat->idempotency : NULL;
    for (size_t i = 0; chat->end != NULL && i < done->n_proposals && !chat->forget; i++) {
        int r = proposals_put(chat->chats->setup.proposals, &home, key, done->proposals[i]);
        if (r < 0)
            log_warn("a proposal is not kept: %s", strerror(-r));
        else
            send_proposal(chat, done->proposals[i]);
    }
}

static void settle(struct chat *chat, char *const *settled, size_t n) {
    for (size_t i = 0; i < n && chat->proposal[0] == '\0'; i++)
        proposals_settle(chat->chats->setup.proposals, chat->user, settled[i]);
}

/* ---- the end ---- */

static const char *const shown_words[] = {
#define SHOWN(NAME, word, text) word,
#include "agent/shown.def"
#undef SHOWN
};

static size_t shown_of(const Cloister__Audit *audit, char *shown[static COUNT_OF(shown_words)]) {
    size_t n = 0;
    for (size_t i = 0; audit != NULL && i < COUNT_OF(shown_words); i++)
        if ((audit->shown >> i & 1) != 0)
            shown[n++] = (char *)(uintptr_t)shown_words[i];
    return n;
}

static void on_done(void *ctx, const Cloister__TurnDone *done) {
    struct chat *chat = ctx;
    const struct about about = chat->about; /* the chat ends before its lines do */
    LOG_ABOUT(.request = about.request, .trace = about.trace);
    char *shown[COUNT_OF(shown_words)];
    turn_over(chat);
    if (!remember(chat, &done->notes, &done->access))
        chat_unnoted(chat);
    chat_renewed(chat, done->grant);
    settle(chat, done->settled, done->n_settled);
    if (chat->proposal[0] != '\0')
        proposals_end(chat->chats->setup.proposals, chat->proposal, PROPOSAL_DONE);
    keep_proposals(chat, done);
    Cloister__ChatDone reply = CLOISTER__CHAT_DONE__INIT;
    reply.request = chat->request;
    reply.turn = chat->turn_id;
    reply.usage = done->usage;
    reply.shown = shown;
    reply.n_shown = shown_of(done->audit, shown);
    reply.settled = done->settled;
    reply.n_settled = done->n_settled;
    Cloister__Message message = MSG_OF(CHAT_DONE, chat_done, &reply);
    chat_end(chat, &message);
}

static void on_error(void *ctx, const Cloister__TurnError *error) {
    struct chat *chat = ctx;
    const struct about about = chat->about;
    LOG_ABOUT(.request = about.request, .trace = about.trace);
    turn_over(chat);
    (void)remember(chat, &error->notes, &error->access);
    settle(chat, error->settled, error->n_settled);
    if (chat->proposal[0] != '\0')
        chat_decide_error(chat, error);
    else if (error->unknown_writes)
        doubt(chat);
    if (!error->unanswered)
        chat_unnoted(chat);
    if (chat->end == NULL) {
        chat_end(chat, NULL);
        return;
    }
    if (failure_status(error->code) == 0) {
        log_error("a turn ended with an error code that is not in failures.def");
        chat_fail(chat, &chat_internal, "");
        return;
    }
    struct turn_failure why = {.status = failure_status(error->code),
                               .code = error->code,
                               .detail = error->detail,
                               .retryable = error->retryable,
                               .unknown_writes = error->unknown_writes,
                               .retry_after_ms = error->retry_after_ms};
    if (strcmp(error->code, "reconnect_required") == 0 ||
        strcmp(error->code, "grant_expired") == 0 || strcmp(error->code, "grant_revoked") == 0)
        chat_fail_with_url(chat, error->code, error->detail, &why);
    else
        chat_fail(chat, &why, "");
}

/* The owner has another account than before: ending that one ends whatever runs for the user. What
 * was asked of the account that stays has only to be asked again. */
static void on_connection(void *ctx, int error, const struct store_connection *row) {
    static const char detail[] = "An earlier connection was just being ended. Ask again.";
    struct chat *chat = ctx;
    if (error == 0 && strcmp(row->id, chat->connection) == 0 && strcmp(row->state, "active") == 0)
        chat->failure = (struct turn_failure){.status = failure_status("agent_lost"),
                                              .code = "agent_lost",
                                              .detail = detail,
                                              .retryable = true,
                                              .unknown_writes = chat->failure.unknown_writes};
    chat_fail(chat, &chat->failure, "");
}

/* The words of a failure are static. */
static void on_failed(void *ctx, const struct turn_failure *failure) {
    struct chat *chat = ctx;
    turn_over(chat);
    chat->failure = *failure;
    if (chat->proposal[0] != '\0' && chat_decide_broken(chat))
        chat->failure.unknown_writes = true;
    else if (failure->unknown_writes)
        doubt(chat);
    chat_unnoted(chat);
    if (chat->end == NULL || strcmp(failure->code, "disconnected") != 0) {
        chat_fail(chat, &chat->failure, "");
        return;
    }
    store_connection_get(chat->chats->setup.store, chat->user, on_connection, chat);
}

/* ---- the start ---- */

static ProtobufCBinaryData bytes_of(struct session_blob blob) {
    return (ProtobufCBinaryData){.len = blob.len, .data = (uint8_t *)blob.data};
}

/* Those that a plain word may decide. */
static void give_open(struct chat *chat, Cloister__SealedState *state) {
    struct chats *chats = chat->chats;
    struct proposal_home home = home_of(chat);
    size_t n = proposals_open(chats->setup.proposals, &home, chats->given.items,
                              COUNT_OF(chats->given.items));
    for (size_t i = 0; i < n; i++)
        chats->given.list[i] = &chats->given.items[i];
    state->proposals = chats->given.list;
    state->n_proposals = n;
    chat->given = n > 0;
}

static void on_begins(void *ctx, Cloister__SealedState *state) {
    struct chat *chat = ctx;
    struct sessions *sessions = chat->chats->setup.sessions;
    state->notes = bytes_of(
        sessions_notes(sessions, chat->user, "owner", chat->conversation, chat->connection));
    state->access =
        bytes_of(sessions_access(sessions, chat->user, chat->connection, chat->token_version));
    if (chat->proposal[0] == '\0' && !chat->overtakes)
        give_open(chat, state);
}

static const struct turn_ops chat_turn_ops = {chat_on_started, chat_on_event, on_host_call, on_done,
                                              on_error,        on_failed,     on_begins};

/* Whether an earlier request of this conversation is being answered still: what it leaves open, and
 * whether it stands right before, nobody knows yet. A plain word then decides nothing, and what a
 * plain yes may just be carrying out is not rejected. */
bool chat_awaits_another(const struct chat *chat) {
    const struct chat *other;
    LIST_FOREACH(other, &chat->chats->all, listed) {
        if (other != chat && other->turn != NULL && strcmp(other->user, chat->user) == 0 &&
            strcmp(other->conversation, chat->conversation) == 0)
            return true;
    }
    return false;
}

/* The proposal decided on goes with the turn; those that await a plain word are looked up when it
 * begins. False: answered. */
static bool take_proposals(struct chat *chat, const struct store_session *session,
                           Cloister__SealedItem *decided, Cloister__TurnStart *start) {
    bool repeated = session->repeated;
    if (chat->proposal[0] != '\0') {
        if (!chat_decide_begin(chat, decided, &repeated))
            return false;
        start->kind = CLOISTER__TURN_KIND__TURN_DECIDE;
        start->confirm = chat->confirm;
        start->state->n_proposals = 1;
    } else if (chat->has_key && repeated) { /* what it proposed then, it will propose again */
        proposals_forget_made(chat->chats->setup.proposals, chat->user, chat->idempotency);
    }
    chat->overtakes = chat_awaits_another(chat);
    start->repeated = repeated;
    return true;
}

void chat_submit(struct chat *chat, const struct store_session *session) {
    const Cloister__ChatRequest *request = chat->message->chat_request;
    Cloister__SealedItem decided, *proposals[] = {&decided};
    Cloister__SealedState state = *session->state;
    state.connection = chat->connection;
    state.proposals = proposals;
    chat->token_version = state.token_version;
    Cloister__TurnStart start = CLOISTER__TURN_START__INIT;
    Cloister__About about;
    start.about = about_write(&chat->about, &about);
    start.kind = CLOISTER__TURN_KIND__TURN_CHAT;
    start.credit = request->credit;
    start.state = &state;
    start.conversation = chat->conversation;
    start.message = request->message;
    start.timezone = request->timezone;
    start.grant = request->caller->grant;
    start.frontend = chat->frontend;
    start.tokens_left = chat->left.tokens;
    start.spend_left = chat->left.spend;
    if (chat->has_key)
        start.idempotency = (ProtobufCBinaryData){IDEMPOTENCY_LEN, chat->idempotency};
    if (!take_proposals(chat, session, &decided, &start))
        return;
    if (chat->chats->setup.metrics != NULL)
        metrics_observe(chat->chats->setup.metrics, METRIC_TURN_SECONDS, PHASE_OF_LOOKUP,
                        clock_us() - chat->began_us);
    struct turn_failure refused;
    chat->turn = turns_submit(chat->chats->setup.turns, chat->user, "owner", chat->connection,
                              &start, &chat_turn_ops, chat, &refused);
    msg_free(take_ptr(chat->message));
    if (chat->turn != NULL) {
        turns_seen(chat->chats->setup.turns, chat->frontend, chat->name, chat->user,
                   chat->connection);
        return;
    }
    if (chat->proposal[0] != '\0')
        (void)chat_decide_broken(chat);
    chat_fail(chat, &refused, "");
}
