/* DELETE of a session: the notes of one conversation, or of all of a user's own. What customers
 * said to the user's businesses is theirs to go on with. */
#include <errno.h>
#include <string.h>

#include "supervisor/admit.h"
#include "supervisor/chat_state.h"
#include "supervisor/host_calls.h"

struct forgetting {
    struct chats *chats;
    struct gateway_end *end;
    Cloister__Message *message;
};

static void forget(struct chats *chats, const char *user, const char *conversation) {
    sessions_forget_notes(chats->setup.sessions, user, "owner", conversation);
    proposals_forget(chats->setup.proposals, user, conversation);
    struct chat *chat;
    LIST_FOREACH(chat, &chats->all, listed)
    if (strcmp(chat->user, user) == 0 &&
        (conversation == NULL || strcmp(chat->conversation, conversation) == 0))
        chat->forget = true;
}

static void refuse(struct forgetting *forgetting, const struct admission *admission) {
    const struct turn_failure *why = admission->refused;
    Cloister__Failure failure = CLOISTER__FAILURE__INIT;
    failure.request = forgetting->message->session_delete->request;
    failure.status = why->status;
    failure.code = (char *)why->code;
    failure.detail = (char *)why->detail;
    failure.retryable = why->retryable;
    failure.retry_after_ms = why->retry_after_ms;
    failure.action_url = (char *)admission->action_url;
    Cloister__Message message = MSG_OF(FAILURE, failure, &failure);
    gateway_send(forgetting->end, &message);
}

static void on_admission(void *ctx, const struct admission *admission) {
    struct forgetting *forgetting = ctx;
    struct chats *chats = forgetting->chats;
    const Cloister__SessionDelete *request = forgetting->message->session_delete;
    if (admission->refused != NULL) {
        refuse(forgetting, admission);
    } else {
        if (admission->grant[0] != '\0')
            grant_renewed(chats->setup.api, forgetting->end, request->request, request->caller,
                          admission->grant);
        forget(chats, admission->user,
               request->conversation[0] != '\0' ? request->conversation : NULL);
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
    api_admit(chats->setup.api, request->caller, on_admission, forgetting);
}
