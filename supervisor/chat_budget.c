/* Whether a chat may ask the model today. The owner's word on a proposal asks no model, so it is
 * taken whatever is used up. */
#include <string.h>

#include "supervisor/admit.h"
#include "supervisor/chat_state.h"

static void on_admission(void *ctx, const struct admission *admission) {
    struct chat *chat = ctx;
    if (chat->end == NULL) { /* the reader is gone */
        chat_end(chat, NULL);
        return;
    }
    if (admission->refused != NULL) {
        chat_fail(chat, admission->refused, admission->action_url);
        return;
    }
    chat_renewed(chat, admission->grant);
    chat_fail(chat, &chat->failure, "");
}

/* How it stands with a user's budget is told to its owner alone. */
static void refuse(struct chat *chat, const struct budget_refusal *refusal) {
    chat->failure_detail = strdup(refusal->detail);
    chat->failure =
        (struct turn_failure){.status = BUDGET_REFUSED_STATUS,
                              .code = BUDGET_REFUSED_CODE,
                              .detail = chat->failure_detail != NULL ? chat->failure_detail : "",
                              .retry_after_ms = refusal->retry_after_ms};
    api_admit(chat->chats->setup.api, chat->message->chat_request->caller, on_admission, chat);
}

bool chat_within_budget(struct chat *chat, const struct store_session *session) {
    struct budget_refusal refusal;
    if (chat->message->chat_request->proposal[0] != '\0' ||
        budgets_allow(chat->chats->setup.budgets, chat->frontend, session, wall_ms(), &chat->left,
                      &refusal))
        return true;
    refuse(chat, &refusal);
    return false;
}
