/* Inside of a chat: shared by chat.c, chat_turn.c, chat_decide.c and chat_forget.c only. Loop
 * thread. */
#ifndef CLOISTER_SUPERVISOR_CHAT_STATE_H
#define CLOISTER_SUPERVISOR_CHAT_STATE_H

#include <sys/queue.h>

#include "ipc/about.h"
#include "supervisor/chat.h"
#include "supervisor/chat_host.h"

#define CONVERSATION_MAX 128
#define FRONTEND_MAX     64
#define KEY_BYTES        256

struct chat {
    LIST_ENTRY(chat) listed;
    struct chats *chats;
    struct gateway_end *end; /* NULL: the reader is gone, the chat only waits for a callback or for
                                its turn's end */
    uint64_t request;
    uint64_t began_us;          /* monotonic */
    struct about about;         /* what it is called in logs and traces */
    Cloister__Message *message; /* until the turn is submitted */
    struct turn *turn;
    struct chat_host *host;      /* its unanswered host calls */
    struct turn_failure failure; /* while its action_url is being made */
    char *failure_code, *failure_detail;
    char *conversation;
    char frontend[FRONTEND_MAX + 1]; /* whose user it is */
    char *session;                   /* the web pages' cookie, for a renewed grant; NULL: none */
    uint64_t token_version;
    uint8_t idempotency[IDEMPOTENCY_LEN];
    struct budget_left left; /* of the day's budgets, for the turn */
    char state[16];          /* the connection's, when there is no turn */
    bool has_key, forget;    /* forget: the session was deleted meanwhile */
    bool started, confirm;
    bool overtakes;            /* it was sent while another of its conversation was answered */
    bool given;                /* proposals of this conversation: a plain yes may carry one out */
    char *name;                /* of the user, as the frontend calls it */
    char *business;            /* a customer's chat: whom it is with; NULL in an owner's */
    char *context;             /* a customer's: the published profile */
    char zone[65];             /* a customer's: the business's */
    char cell[CELL_SIZE];      /* a customer's: where its turn runs */
    char proposal[ID_LEN + 1]; /* that is decided on; "" in a chat */
    char user[ID_LEN + 1], connection[ID_LEN + 1], turn_id[ID_LEN + 1];
};

struct chats {
    struct chats_setup setup;
    struct { /* the proposals that a turn is given, while it is sent */
        Cloister__SealedItem items[PROPOSALS_PER_USER], *list[PROPOSALS_PER_USER];
    } given;
    LIST_HEAD(, chat) all;
    LIST_HEAD(, chat) customers;
};

/* Answers FAILURE (when there is still a reader) and frees the chat. */
void chat_fail(struct chat *chat, const struct turn_failure *why, const char *action_url);
/* The same with the address where the owner can connect again, or gets a new grant, once that is
 * made. */
void chat_fail_with_url(struct chat *chat, const char *code, const char *detail,
                        const struct turn_failure *why);
/* Passes a renewed grant on; "" is none. Before the last message. */
void chat_renewed(struct chat *chat, const char *grant);
/* Answers with the last message (NULL: there is nothing to say) and frees the chat. */
void chat_end(struct chat *chat, Cloister__Message *message);
/* chat.c: what the database says of the user; goes on with the turn, or answers. */
void chat_on_session(void *ctx, int error, const struct store_session *session);
/* The caller with the user's name, where the request itself has none. Valid as long as chat's. */
void chat_caller(const struct chat *chat, Cloister__Caller *ret);
/* A chat with what every kind of it has, on no list yet. NULL: no memory. */
struct chat *chat_made(struct chats *chats, struct gateway_end *end,
                       const Cloister__ChatRequest *request) MUST_CHECK;
void chat_free(struct chat *chat);

/* ---- chat_decide.c ---- */

/* A request that decides on a proposal: looks it up, goes on with the database, or answers. */
void chat_decide(struct chat *chat);
/* The turn is about to be submitted. False: answered. *item is valid until the next call on the
 * proposals. */
bool chat_decide_begin(struct chat *chat, Cloister__SealedItem *item, bool *ret_repeated);
/* The turn ended with its own words, or without: what becomes of the proposal. The latter says
 * whether the change may have been made. */
void chat_decide_error(struct chat *chat, const Cloister__TurnError *error);
bool chat_decide_broken(struct chat *chat);

/* chat_turn.c: the turn has begun, and what comes of it before its end. `ctx` is the chat. */
void chat_on_started(void *ctx, const char *turn_id);
void chat_on_event(void *ctx, const Cloister__Message *event);
/* chat_turn.c: the turn ends and leaves no notes, but may have said something. */
void chat_unnoted(struct chat *chat);
/* chat_budget.c: false: today's budget is used up; answered. */
bool chat_within_budget(struct chat *chat, const struct store_session *session);
/* chat_turn.c: another request of the same conversation is being answered. */
bool chat_awaits_another(const struct chat *chat);
/* chat_turn.c: submits the turn; answers when that is refused. */
void chat_submit(struct chat *chat, const struct store_session *session);

/* chat.c: what the gateway should have refused already; NULL when all is well. */
const char *chat_wrong_field(const Cloister__ChatRequest *request);

extern const struct turn_failure chat_internal, chat_unknown_user;

#endif
