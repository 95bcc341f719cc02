#include "supervisor/front_cells.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <sys/queue.h>

#include "ipc/log.h"
#include "supervisor/chat_host.h"
#include "supervisor/failures.h"
#include "supervisor/front_rules.h"
#include "supervisor/store_connect.h"
#include "supervisor/words.h"

#define ACCOUNT_LEN 16

struct front_call {
    LIST_ENTRY(front_call) listed;
    struct front_cells *cells;
    Cloister__Message *message; /* the CELL_CALL */
    struct turn *turn;
    struct chat_host *host;
    struct event *timer;
    bool asked;   /* the database has not answered yet */
    bool over;    /* answered; only waits for the database */
    bool orphan;  /* nobody waits for the answer */
    bool started; /* its turn runs, or ran */
    char connection[ID_LEN + 1];
    uint8_t account[ACCOUNT_LEN];
    size_t account_len; /* 0: the connection does not say */
};

struct front_cells {
    struct front_setup setup;
    struct business_link *link;
    LIST_HEAD(, front_call) calls;
    size_t count;
};

static const struct turn_failure full = {
    503, "full", "Too many requests at once. Ask again shortly.", true, false, 1000};
static const struct turn_failure internal = {500, "internal", "The step could not be taken."};
static const struct turn_failure unknown_user = {404, "unknown_user", "This user is not known."};
static const struct turn_failure database_away = {
    503, "database_unavailable", "The database is away. Ask again shortly.", true, false, 1000};
static const struct turn_failure not_connected = {409, "not_connected",
                                                  "No calendar is connected."};
static const struct turn_failure disconnected = {409, "disconnected",
                                                 "The calendar is being disconnected."};
static const struct turn_failure reconnect = {
    409, "reconnect_required",
    "Google does not accept the connection any more. Connect the calendar again."};
static const struct turn_failure timed_out = {
    504, "turn_timeout", "The calendar took too long to answer. Try again.", true, false, 0};

static const Cloister__CellCall *asked_of(const struct front_call *call) {
    return call->message->cell_call;
}

static bool writes(const struct front_call *call) {
    Cloister__FrontKind kind = asked_of(call)->step->kind;
    return kind != CLOISTER__FRONT_KIND__FRONT_BUSY && kind != CLOISTER__FRONT_KIND__FRONT_LOOK;
}

static void call_free(struct front_call *call) {
    LIST_REMOVE(call, listed);
    call->cells->count--;
    chat_host_free(call->host);
    if (call->timer != NULL)
        event_free(call->timer);
    msg_free(call->message);
    free(call);
}

/* ---- answers ---- */

static void reply_failure(struct business_link *link, uint64_t request,
                          const struct turn_failure *why) {
    Cloister__CellResult result = CLOISTER__CELL_RESULT__INIT;
    result.request = request;
    result.code = (char *)(uintptr_t)why->code;
    result.detail = (char *)(uintptr_t)why->detail;
    result.retryable = why->retryable;
    result.unknown_writes = why->unknown_writes;
    business_cell_reply(link, &result);
}

/* The last of it, but for an answer of the database that is on its way. */
static void call_end(struct front_call *call) {
    call->over = true;
    if (call->timer != NULL)
        event_free(take_ptr(call->timer));
    if (!call->asked)
        call_free(call);
}

static void call_fail(struct front_call *call, const struct turn_failure *why) {
    if (!call->orphan)
        reply_failure(call->cells->link, asked_of(call)->request, why);
    call_end(call);
}

/* ---- the turn ---- */

static void on_started(void *ctx, const char *turn_id) {
    struct front_call *call = ctx;
    (void)turn_id;
    call->started = true;
}

/* The one that relay_rules.c lets through: Google has ended the connection. */
static void on_host_call(void *ctx, const Cloister__HostCall *asked) {
    struct front_call *call = ctx;
    const struct front_setup *setup = &call->cells->setup;
    if (asked->op_case == CLOISTER__HOST_CALL__OP_MARK_BROKEN) {
        sessions_forget(setup->sessions, asked_of(call)->user);
        proposals_forget(setup->proposals, asked_of(call)->user, NULL);
    }
    chat_host_call(call->host, call->turn, asked);
}

/* Kept apart from the owner's: what a front cell leaves is for front cells alone. Which version of
 * the refresh token it belongs to is inside, and looked at by the turn. */
#define TOKEN_ORIGIN "front"
#define TOKEN_NAME   "access"

static void keep_access(struct front_call *call, const ProtobufCBinaryData *access) {
    int r = access->len == 0 ? 0
                             : sessions_put_notes(call->cells->setup.sessions, asked_of(call)->user,
                                                  TOKEN_ORIGIN, TOKEN_NAME, call->connection,
                                                  access->data, access->len);
    if (r < 0)
        log_warn("a front cell's access token is not kept: %s", strerror(-r));
}

static struct session_blob kept_access(const struct front_call *call,
                                       const struct store_connection *row) {
    struct sessions *sessions = call->cells->setup.sessions;
    const char *user = asked_of(call)->user;
    struct session_blob own =
        sessions_notes(sessions, user, TOKEN_ORIGIN, TOKEN_NAME, call->connection);
    return own.len > 0 ? own : sessions_access(sessions, user, row->id, row->token_version);
}

static void on_done(void *ctx, const Cloister__TurnDone *done) {
    struct front_call *call = ctx;
    keep_access(call, &done->access);
    Cloister__CellResult result = CLOISTER__CELL_RESULT__INIT;
    result.request = asked_of(call)->request;
    result.done = done->front;
    result.account = (ProtobufCBinaryData){call->account_len, call->account};
    if (!call->orphan)
        business_cell_reply(call->cells->link, &result);
    call_end(call);
}

static void on_error(void *ctx, const Cloister__TurnError *error) {
    struct front_call *call = ctx;
    keep_access(call, &error->access);
    const struct turn_failure why = {.code = error->code,
                                     .detail = error->detail,
                                     .retryable = error->retryable,
                                     .unknown_writes = error->unknown_writes};
    call_fail(call, failure_status(error->code) != 0 ? &why : &internal);
}

static void on_failed(void *ctx, const struct turn_failure *failure) {
    call_fail(ctx, failure);
}

static const struct turn_ops ops = {.started = on_started,
                                    .host_call = on_host_call,
                                    .done = on_done,
                                    .error = on_error,
                                    .failed = on_failed};

/* An event belongs to an account: one that the owner switched to knows nothing of what was made in
 * the one before. Hashed with the user, so that nobody learns which users share an account. */
static void account_of(struct front_call *call, const struct store_connection *row) {
    static const char purpose[] = "front-account";
    const char *user = asked_of(call)->user;
    crypto_generichash_state state;
    if (row->subject_tag_len == 0)
        return;
    (void)crypto_generichash_init(&state, NULL, 0, ACCOUNT_LEN);
    (void)crypto_generichash_update(&state, (const uint8_t *)purpose, sizeof(purpose));
    (void)crypto_generichash_update(&state, (const uint8_t *)user, strlen(user) + 1);
    (void)crypto_generichash_update(&state, row->subject_tag, row->subject_tag_len);
    (void)crypto_generichash_final(&state, call->account, ACCOUNT_LEN);
    call->account_len = ACCOUNT_LEN;
}

static void submit(struct front_call *call, const struct store_connection *row) {
    const struct front_setup *setup = &call->cells->setup;
    const char *user = asked_of(call)->user;
    SCOPE_WORDS struct words scopes = {0};
    struct session_blob access = kept_access(call, row);
    Cloister__SealedState state = CLOISTER__SEALED_STATE__INIT;
    words_split(row->scopes, &scopes);
    state.connection = call->connection;
    state.refresh = (ProtobufCBinaryData){row->refresh_len, (uint8_t *)(uintptr_t)row->refresh};
    state.access = (ProtobufCBinaryData){access.len, (uint8_t *)(uintptr_t)access.data};
    state.token_version = row->token_version;
    state.scopes = scopes.list;
    state.n_scopes = scopes.n;
    Cloister__TurnStart start = CLOISTER__TURN_START__INIT;
    start.kind = CLOISTER__TURN_KIND__TURN_FRONT;
    start.state = &state;
    start.front = asked_of(call)->step;
    struct turn_failure refused = {0};
    call->turn =
        turns_submit(setup->turns, user, "front", call->connection, &start, &ops, call, &refused);
    if (call->turn == NULL)
        call_fail(call, &refused);
}

static const struct turn_failure *not_usable(const struct store_connection *row) {
    if (strcmp(row->state, "active") == 0 && row->refresh_len > 0)
        return NULL;
    return strcmp(row->state, "broken") == 0          ? &reconnect
           : strcmp(row->state, "disconnecting") == 0 ? &disconnected
                                                      : &not_connected;
}

static void on_connection(void *ctx, int error, const struct store_connection *row) {
    struct front_call *call = ctx;
    call->asked = false;
    if (call->over) {
        call_free(call);
        return;
    }
    if (error != 0) {
        call_fail(call, error == -ENOENT   ? &unknown_user
                        : error == -EAGAIN ? &database_away
                                           : &internal);
        return;
    }
    const struct turn_failure *wrong = not_usable(row);
    memcpy(call->connection, row->id, sizeof(call->connection));
    account_of(call, row);
    call->host = chat_host_new(call->cells->setup.store, asked_of(call)->user, row->id);
    if (wrong != NULL || call->host == NULL)
        call_fail(call, wrong != NULL ? wrong : &internal);
    else
        submit(call, row);
}

/* ---- calls ---- */

/* Its time is up. A change that was begun may still be made. */
static void on_timer(evutil_socket_t fd, short what, void *ctx) {
    (void)fd, (void)what;
    struct front_call *call = ctx;
    struct turn *turn = take_ptr(call->turn);
    struct turn_failure why = timed_out;
    why.unknown_writes = call->started && writes(call);
    if (turn != NULL)
        turn_cancel(turn);
    call_fail(call, &why);
}

static uint64_t wait_of(const Cloister__CellCall *asked) {
    if (asked->timeout_ms == 0)
        return FRONT_CALL_MS;
    return asked->timeout_ms < FRONT_CALL_MOST ? asked->timeout_ms : FRONT_CALL_MOST;
}

/* Takes over the message. */
static int call_new(struct front_cells *cells, Cloister__Message *message,
                    struct front_call **ret) {
    struct front_call *call = calloc(1, sizeof(*call));
    if (call == NULL)
        return -ENOMEM;
    *call = (struct front_call){.cells = cells, .message = message};
    LIST_INSERT_HEAD(&cells->calls, call, listed);
    cells->count++;
    uint64_t wait = wait_of(message->cell_call);
    struct timeval after = {(time_t)(wait / 1000), (suseconds_t)(wait % 1000 * 1000)};
    call->timer = evtimer_new(cells->setup.base, on_timer, call);
    if (call->timer == NULL || evtimer_add(call->timer, &after) < 0) {
        call->message = NULL;
        call_free(call);
        return -ENOMEM;
    }
    *ret = call;
    return 0;
}

void front_cells_step(struct front_cells *cells, Cloister__Message *message) {
    SCOPE_MSG Cloister__Message *mine = message;
    const Cloister__CellCall *asked = mine->cell_call;
    struct front_call *call = NULL;
    if (!front_step_sound(asked)) {
        reply_failure(cells->link, asked->request, &internal);
    } else if (cells->count >= FRONT_CALLS_MAX || call_new(cells, mine, &call) < 0) {
        reply_failure(cells->link, asked->request, &full);
    } else {
        mine = NULL;
        call->asked = true;
        store_connection_get(cells->setup.store, asked->user, on_connection, call);
    }
}

void front_cells_down(struct front_cells *cells) {
    for (struct front_call *call = LIST_FIRST(&cells->calls), *next; call != NULL; call = next) {
        next = LIST_NEXT(call, listed);
        call->orphan = true;
        if (call->over || writes(call))
            continue;
        struct turn *turn = take_ptr(call->turn);
        if (turn != NULL)
            turn_cancel(turn);
        call_end(call);
    }
}

int front_cells_new(const struct front_setup *setup, struct front_cells **ret) {
    struct front_cells *cells = calloc(1, sizeof(*cells));
    if (cells == NULL)
        return -ENOMEM;
    cells->setup = *setup;
    LIST_INIT(&cells->calls);
    *ret = cells;
    return 0;
}

void front_cells_free(struct front_cells *cells) {
    if (cells == NULL)
        return;
    while (!LIST_EMPTY(&cells->calls))
        call_free(LIST_FIRST(&cells->calls));
    free(cells);
}

void front_cells_use(struct front_cells *cells, struct business_link *link) {
    cells->link = link;
}
