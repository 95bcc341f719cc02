#include "gateway/web_session.h"

#include <stdio.h>
#include <string.h>

static void web_page_free(struct web_page *page) {
    explicit_bzero(page, sizeof(*page));
    free(page);
}

static void on_gone(struct call *call) {
    web_page_free(call->state);
    call->state = NULL;
    call->cancel = NULL;
}

static bool session_read(const Cloister__SessionState *state, struct web_page *page) {
    bool rotated = state->cookie[0] != '\0';
    if (!token_fits(state->csrf) || !name_valid(state->account, sizeof(page->account) - 1) ||
        (rotated && !token_fits(state->cookie)))
        return false;
    (void)snprintf(page->csrf, sizeof(page->csrf), "%s", state->csrf);
    (void)snprintf(page->account, sizeof(page->account), "%s", state->account);
    page->replaced = rotated;
    if (rotated)
        cookie_write(true, COOKIE_SESSION, state->cookie, state->session_s, page->cookie);
    return true;
}

bool web_session_over(enum upstream_end end, const Cloister__Message *message) {
    return end == UPSTREAM_REPLY && message->body_case == CLOISTER__MESSAGE__BODY_FAILURE &&
           strcmp(message->failure->code, "session_invalid") == 0;
}

void web_sign_in(struct call *call) {
    call->ask = 0;
    if (call->body != NULL)
        call_session_over(call);
    else
        call_redirect(call, 303, "/login", NULL, 0);
}

/* Reads a reply to SESSION_SHOW, or answers with what went wrong. */
bool web_session_replied(struct call *call, enum upstream_end end, const Cloister__Message *message,
                         struct web_page *page) {
    if (!call_replied(call, end, message, CLOISTER__MESSAGE__BODY_SESSION_STATE))
        return false;
    if (session_read(message->session_state, page))
        return true;
    call_refuse(call, 500, "internal", "An unexpected answer came from inside.");
    return false;
}

void web_session_ask(struct call *call, upstream_answer *answer) {
    Cloister__Caller caller;
    call_identity(call, "", &caller);
    Cloister__SessionShow request = CLOISTER__SESSION_SHOW__INIT;
    request.request = upstream_number(call->gateway->upstream);
    request.caller = &caller;
    Cloister__Message message = MSG_OF(SESSION_SHOW, session_show, &request);
    (void)call_ask(call, request.request, &message, call->gateway->limits.ask_ms, answer);
}

void web_session_keep(struct call *call, upstream_answer *answer) {
    call->state = calloc(1, sizeof(struct web_page));
    if (call->state == NULL) {
        call_refuse(call, 503, "full", "");
        return;
    }
    call->cancel = on_gone;
    web_session_ask(call, answer);
}

bool web_unknown_user(enum upstream_end end, const Cloister__Message *message) {
    return end == UPSTREAM_REPLY && message->body_case == CLOISTER__MESSAGE__BODY_FAILURE &&
           (strcmp(message->failure->code, "unknown_user") == 0 ||
            strcmp(message->failure->code, "not_connected") == 0);
}
