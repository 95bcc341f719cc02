/* What an owner says to their agent: POST /v1/chat, and the word on a proposed change. */
#include "gateway/chat.h"

/* Its text is not needed any more once it was sent: the message lives on in the turn alone. */
static void drop_body(struct call *call) {
    json_decref(call->body);
    call->body = NULL;
}

static char *text_of(const struct call *call, const char *field) {
    return (char *)(uintptr_t)field_text(call->body, field);
}

/* With a session there is one user, who need not be named. NULL: answered. */
static const char *user_of(struct call *call) {
    const char *name = field_text(call->body, "user");
    return name[0] == '\0' || call_user_is_me(call, name) ? name : NULL;
}

void handle_chat(struct call *call) {
    static const struct field rows[] = {
        {"message", FIELD_TEXT, true, MESSAGE_TEXT_MAX, NULL},
        {"conversation", FIELD_NAME, false, CONVERSATION_MAX, NULL},
        {"timezone", FIELD_TIMEZONE, false, TIMEZONE_MAX, NULL},
    };
    bool session = call->session[0] != '\0';
    const struct field user_row = {"user", FIELD_NAME, !session, USER_MAX, NULL};
    if (!call_fields(call, &user_row, 1) || !call_fields(call, rows, COUNT_OF(rows)))
        return;
    const char *user = user_of(call);
    if (user == NULL)
        return;
    Cloister__ChatRequest request = CLOISTER__CHAT_REQUEST__INIT;
    request.conversation = text_of(call, "conversation");
    request.message = text_of(call, "message");
    request.timezone = text_of(call, "timezone");
    chat_ask(call, user, &request);
    drop_body(call);
}

/* ---- proposals ---- */

static void decide(struct call *call, bool confirm) {
    static const struct field rows[] = {
        {"user", FIELD_NAME, false, USER_MAX, NULL},
        {"timezone", FIELD_TIMEZONE, false, TIMEZONE_MAX, NULL},
    };
    if (!id_valid(call->param[0])) {
        call_refuse(call, 404, "proposal_gone",
                    "There is no such proposal, or it is gone. Ask for the change again.");
        return;
    }
    if (!call_fields(call, rows, COUNT_OF(rows)))
        return;
    const char *user = user_of(call);
    if (user == NULL)
        return;
    Cloister__ChatRequest request = CLOISTER__CHAT_REQUEST__INIT;
    request.proposal = call->param[0];
    request.confirm = confirm;
    request.timezone = text_of(call, "timezone");
    chat_ask(call, user, &request);
    drop_body(call);
}

void handle_proposal_confirm(struct call *call) {
    decide(call, true);
}

void handle_proposal_reject(struct call *call) {
    decide(call, false);
}
