/* Inside of a chat: shared by chat.c, chat_turn.c and chat_forget.c only. Loop thread. */
#ifndef CLOISTER_SUPERVISOR_CHAT_STATE_H
#define CLOISTER_SUPERVISOR_CHAT_STATE_H

#include <sys/queue.h>

#include "supervisor/chat.h"
#include "supervisor/chat_host.h"

#define CONVERSATION_MAX 128
#define FRONTEND_MAX     64

struct chat {
    LIST_ENTRY(chat) listed;
    struct chats *chats;
    struct gateway_end *end; /* NULL: the reader is gone, the chat only waits for a callback */
    uint64_t request;
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
    char state[16];       /* the connection's, when there is no turn */
    bool has_key, forget; /* forget: the session was deleted meanwhile */
    char user[ID_LEN + 1], connection[ID_LEN + 1], turn_id[ID_LEN + 1];
};

struct chats {
    struct chats_setup setup;
    LIST_HEAD(, chat) all;
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
/* chat_turn.c: submits the turn; answers when that is refused. */
void chat_submit(struct chat *chat, const struct store_session *session);

extern const struct turn_failure chat_internal, chat_unknown_user;

#endif
