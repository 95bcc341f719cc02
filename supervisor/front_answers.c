#include "supervisor/front_answers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>

#include "ipc/log.h"
#include "supervisor/chat_host.h"
#include "supervisor/failures.h"
#include "supervisor/front_cells.h"
#include "supervisor/front_rules.h"

#define TEXT_MAX 16384u /* of an answer */

struct answer_call {
    LIST_ENTRY(answer_call) listed;
    struct front_answers *answers;
    Cloister__Message *message; /* the CELL_CALL */
    struct turn *turn;
    struct chat_host *host;
    struct event *timer;
    bool asked, over, orphan; /* as in front_cells.c */
    char conversation[ID_LEN + 1], connection[ID_LEN + 1];
    size_t len;
    char text[TEXT_MAX + 1];
};

struct front_answers {
    struct answers_setup setup;
    struct business_link *link;
    LIST_HEAD(, answer_call) calls;
    size_t count;
};

static const struct turn_failure away = {503, "business_unavailable",
                                         "The business's agent cannot answer at the moment.", true};
static const struct turn_failure full = {503, "full", "Too many requests at once.", true};
static const struct turn_failure busy = {429, "busy",
                                         "The business's agent is answering somebody else.", true};
static const struct turn_failure timed_out = {504, "turn_timeout",
                                              "The business's agent took too long.", true};
static const struct turn_failure senseless = {500, "internal", "The inquiry makes no sense."};

static const Cloister__CellCall *asked_of(const struct answer_call *call) {
    return call->message->cell_call;
}

static void call_free(struct answer_call *call) {
    LIST_REMOVE(call, listed);
    call->answers->count--;
    chat_host_free(call->host);
    if (call->timer != NULL)
        event_free(call->timer);
    msg_free(call->message);
    explicit_bzero(call, sizeof(*call));
    free(call);
}

static void call_end(struct answer_call *call) {
    call->over = true;
    if (call->timer != NULL)
        event_free(take_ptr(call->timer));
    if (!call->asked)
        call_free(call);
}

static void reply(struct business_link *link, uint64_t request, const char *text,
                  const struct turn_failure *why) {
    Cloister__CellResult result = CLOISTER__CELL_RESULT__INIT;
    result.request = request;
    result.text = (char *)(uintptr_t)text;
    if (why != NULL) {
        result.code = (char *)(uintptr_t)why->code;
        result.detail = (char *)(uintptr_t)why->detail;
        result.retryable = why->retryable;
        result.unknown_writes = why->unknown_writes;
    }
    business_cell_reply(link, &result);
}

static void call_fail(struct answer_call *call, const struct turn_failure *why) {
    if (!call->orphan)
        reply(call->answers->link, asked_of(call)->request, "", why);
    call_end(call);
}

/* ---- the turn ---- */

/* What is beyond the bound is cut off: its reader has a page for it, not a book. */
static void on_event(void *ctx, const Cloister__Message *event) {
    struct answer_call *call = ctx;
    if (event->body_case != CLOISTER__MESSAGE__BODY_TURN_DELTA)
        return;
    const char *text = event->turn_delta->text;
    size_t len = strlen(text);
    if (len > TEXT_MAX - call->len)
        for (len = TEXT_MAX - call->len; len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80;)
            len--;
    memcpy(call->text + call->len, text, len);
    call->len += len;
    call->text[call->len] = '\0';
}

static void on_host_call(void *ctx, const Cloister__HostCall *asked) {
    struct answer_call *call = ctx;
    chat_host_call(call->host, call->turn, asked);
}

static void on_done(void *ctx, const Cloister__TurnDone *done) {
    struct answer_call *call = ctx;
    (void)done;
    if (!call->orphan)
        reply(call->answers->link, asked_of(call)->request, call->text, NULL);
    call_end(call);
}

static void on_error(void *ctx, const Cloister__TurnError *error) {
    struct answer_call *call = ctx;
    struct turn_failure why = away;
    why.unknown_writes = error->unknown_writes;
    call_fail(call, &why);
}

static void on_failed(void *ctx, const struct turn_failure *failure) {
    struct answer_call *call = ctx;
    struct turn_failure why = strcmp(failure->code, "busy") == 0 ? busy : away;
    why.unknown_writes = failure->unknown_writes;
    call_fail(call, &why);
}

static const struct turn_ops ops = {.event = on_event,
                                    .host_call = on_host_call,
                                    .done = on_done,
                                    .error = on_error,
                                    .failed = on_failed};

static void submit(struct answer_call *call, const struct store_session *session,
                   const struct budget_left *left) {
    const struct answers_setup *setup = &call->answers->setup;
    const Cloister__CellAnswer *answer = asked_of(call)->answer;
    Cloister__SealedState state = CLOISTER__SEALED_STATE__INIT;
    Cloister__TurnStart start = CLOISTER__TURN_START__INIT;
    struct turn_failure refused = {0};
    state.connection = call->connection;
    start.kind = CLOISTER__TURN_KIND__TURN_CHAT;
    start.credit = TEXT_MAX * 4; /* what is beyond is the turn's own limit's affair */
    start.state = &state;
    start.conversation = call->conversation;
    start.message = answer->message;
    start.timezone = answer->timezone;
    start.frontend = (char *)(uintptr_t)session->frontend;
    start.business = answer->business;
    start.context = answer->context;
    start.n_context = answer->n_context;
    start.tokens_left = left->tokens;
    start.spend_left = left->spend;
    char cell[CELL_SIZE];
    turns_choose_cell(setup->turns, asked_of(call)->user, "customer", cell);
    if (turns_awaits_host(setup->turns, asked_of(call)->user, cell)) {
        call_fail(call, &busy); /* perhaps for this very answer, which would then wait for itself */
        return;
    }
    call->turn = turns_submit(setup->turns, asked_of(call)->user, cell, call->connection, &start,
                              &ops, call, &refused);
    if (call->turn == NULL)
        on_failed(call, &refused);
}

static void on_session(void *ctx, int error, const struct store_session *session) {
    struct answer_call *call = ctx;
    const struct answers_setup *setup = &call->answers->setup;
    struct budget_refusal refusal;
    struct budget_left left;
    call->asked = false;
    if (call->over) {
        call_free(call);
        return;
    }
    if (error != 0 || strcmp(session->connection_state, "active") != 0 ||
        !budgets_allow(setup->budgets, session->frontend, session, wall_ms(), &left, &refusal)) {
        call_fail(call, &away);
        return;
    }
    memcpy(call->connection, session->connection, sizeof(call->connection));
    call->host = chat_host_new(setup->store, asked_of(call)->user, call->connection);
    if (call->host == NULL) {
        call_fail(call, &full);
        return;
    }
    chat_host_business(call->host, call->answers->link, "customer",
                       asked_of(call)->answer->business);
    submit(call, session, &left);
}

/* ---- calls ---- */

static void on_timer(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    struct answer_call *call = ctx;
    struct turn *turn = take_ptr(call->turn);
    if (turn != NULL)
        turn_cancel(turn);
    call_fail(call, &timed_out);
}

/* Takes over the message. */
static int call_new(struct front_answers *answers, Cloister__Message *message,
                    struct answer_call **ret) {
    struct answer_call *call = calloc(1, sizeof(*call));
    if (call == NULL)
        return -ENOMEM;
    const uint64_t asked = message->cell_call->timeout_ms;
    const uint64_t wait = asked > 0 && asked < FRONT_CALL_MOST ? asked : FRONT_CALL_MOST;
    struct timeval after = {(time_t)(wait / 1000), (suseconds_t)(wait % 1000 * 1000)};
    call->timer = evtimer_new(answers->setup.base, on_timer, call);
    if (call->timer == NULL || evtimer_add(call->timer, &after) < 0) {
        if (call->timer != NULL)
            event_free(call->timer);
        free(call);
        return -ENOMEM;
    }
    call->answers = answers;
    call->message = message;
    id_random(call->conversation);
    LIST_INSERT_HEAD(&answers->calls, call, listed);
    answers->count++;
    *ret = call;
    return 0;
}

void front_answers_begin(struct front_answers *answers, Cloister__Message *message) {
    SCOPE_MSG Cloister__Message *mine = message;
    const Cloister__CellCall *asked = mine->cell_call;
    struct answer_call *call = NULL;
    if (!front_answer_sound(asked)) {
        reply(answers->link, asked->request, "", &senseless);
    } else if (answers->count >= FRONT_ANSWERS_MAX || call_new(answers, mine, &call) < 0) {
        reply(answers->link, asked->request, "", &full);
    } else {
        mine = NULL;
        call->asked = true;
        store_session_of(answers->setup.store, asked->user, on_session, call);
    }
}

void front_answers_down(struct front_answers *answers) {
    for (struct answer_call *call = LIST_FIRST(&answers->calls), *next; call != NULL; call = next) {
        next = LIST_NEXT(call, listed);
        call->orphan = true;
        if (call->over)
            continue;
        struct turn *turn = take_ptr(call->turn);
        if (turn != NULL)
            turn_cancel(turn);
        call_end(call);
    }
}

int front_answers_new(const struct answers_setup *setup, struct front_answers **ret) {
    struct front_answers *answers = calloc(1, sizeof(*answers));
    if (answers == NULL)
        return -ENOMEM;
    answers->setup = *setup;
    LIST_INIT(&answers->calls);
    *ret = answers;
    return 0;
}

void front_answers_free(struct front_answers *answers) {
    if (answers == NULL)
        return;
    while (!LIST_EMPTY(&answers->calls))
        call_free(LIST_FIRST(&answers->calls));
    free(answers);
}

void front_answers_use(struct front_answers *answers, struct business_link *link) {
    answers->link = link;
}
