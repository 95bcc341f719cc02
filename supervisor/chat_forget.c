/* DELETE of a session: the notes of one conversation, or of all of a user's. */
#include <errno.h>
#include <string.h>

#include "supervisor/chat_state.h"
#include "supervisor/host_calls.h"

struct forgetting {
    struct chats *chats;
    struct gateway_end *end;
    Cloister__Message *message;
};

static void on_forget(void *ctx, int error, const struct store_session *session) {
    struct forgetting *forgetting = ctx;
    struct chats *chats = forgetting->chats;
    const Cloister__SessionDelete *request = forgetting->message->session_delete;
    const char *conversation = request->conversation[0] != '\0' ? request->conversation : NULL;
    if (error == -ENOENT) {
        gateway_fail(forgetting->end, request->request, chat_unknown_user.status,
                     chat_unknown_user.code, chat_unknown_user.detail, false);
    } else if (error < 0 || session == NULL) {
        gateway_fail_store(forgetting->end, request->request);
    } else {
        sessions_forget(chats->setup.sessions, session->user, conversation, false);
        struct chat *chat;
        LIST_FOREACH(chat, &chats->all, listed)
        if (strcmp(chat->user, session->user) == 0 &&
            (conversation == NULL || strcmp(chat->conversation, conversation) == 0))
            chat->forget = true;
        Cloister__Ok ok = CLOISTER__OK__INIT;
        ok.request = request->request;
        Cloister__Message reply = MSG_OF(OK, ok, &ok);
        gateway_send(forgetting->end, &reply);
    }
    msg_free(forgetting->message);
    free(forgetting);
}

void chat_session_delete(struct chats *chats, struct gateway_end *end, Cloister__Message *message) {
    struct forgetting *forgetting = calloc(1, sizeof(*forgetting));
    const Cloister__SessionDelete *request = message->session_delete;
    if (forgetting == NULL || !text_valid(request->conversation, CONVERSATION_MAX)) {
        gateway_fail(end, request->request, forgetting == NULL ? 503 : 400,
                     forgetting == NULL ? "full" : "invalid_field",
                     "The conversation is too long or not UTF-8.", forgetting == NULL);
        free(forgetting);
        msg_free(message);
        return;
    }
    *forgetting = (struct forgetting){chats, end, message};
    store_session(chats->setup.store, request->caller->frontend, request->caller->user, NULL,
                  on_forget, forgetting);
}
