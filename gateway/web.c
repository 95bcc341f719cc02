/* The web pages for who is signed in: the chat, what can be connected, the session itself. */
#include <stdio.h>
#include <string.h>

#include "gateway/connect.h"
#include "gateway/pages.h"
#include "gateway/query.h"

/* What a page needs of the session, kept while the rest is asked for. */
struct web_page {
    char csrf[TOKEN_MAX + 1], account[256], cookie[COOKIE_SIZE];
    bool replaced; /* `cookie` is to be set */
};

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

static bool is_over(enum upstream_end end, const Cloister__Message *message) {
    return end == UPSTREAM_REPLY && message->body_case == CLOISTER__MESSAGE__BODY_FAILURE &&
           strcmp(message->failure->code, "session_invalid") == 0;
}

/* Reads a reply to SESSION_SHOW, or answers with what went wrong. */
static bool session_replied(struct call *call, enum upstream_end end,
                            const Cloister__Message *message, struct web_page *page) {
    if (!call_replied(call, end, message, CLOISTER__MESSAGE__BODY_SESSION_STATE))
        return false;
    if (session_read(message->session_state, page))
        return true;
    call_refuse(call, 500, "internal", "An unexpected answer came from inside.");
    return false;
}

static void session_ask(struct call *call, upstream_answer *answer) {
    Cloister__Caller caller;
    call_identity(call, "", &caller);
    Cloister__SessionShow request = CLOISTER__SESSION_SHOW__INIT;
    request.request = upstream_number(call->gateway->upstream);
    request.caller = &caller;
    Cloister__Message message = MSG_OF(SESSION_SHOW, session_show, &request);
    (void)call_ask(call, request.request, &message, call->gateway->limits.ask_ms, answer);
}

/* ---- the chat ---- */

static void answer_landing(struct call *call, bool over) {
    char cookie[COOKIE_SIZE];
    const struct place places[] = {
        {"notice", over ? "You have been signed out. Sign in again to go on." : ""}};
    cookie_write(true, COOKIE_SESSION, "", 0, cookie);
    const struct call_header more[] = {{"Set-Cookie", cookie}};
    page_show(call, 200, PAGE_LANDING, places, COUNT_OF(places), more, over ? 1 : 0);
}

/* What there is to tell who comes back from connecting. */
static const char *notice_of(const struct call *call) {
    char word[64];
    if (query_get(call->query, "missing", word, sizeof(word)) == 1) {
        if (strcmp(word, "events") == 0)
            return "Connected, but without the right to read and change events: Cloister can tell "
                   "when you are free. You can add the rest at any time.";
        if (strcmp(word, "availability") == 0)
            return "Connected, but without the right to see when you are free. You can add it at "
                   "any time.";
        return "Connected, but not with everything you asked for. You can add the rest at any "
               "time.";
    }
    if (query_get(call->query, "connected", word, sizeof(word)) == 1)
        return "Your Google Calendar is connected.";
    return "";
}

static bool on_root(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    struct web_page page;
    if (is_over(end, message)) {
        call->ask = 0;
        answer_landing(call, true);
        return false;
    }
    if (!session_replied(call, end, message, &page))
        return false;
    const struct place places[] = {
        {"csrf", page.csrf}, {"account", page.account}, {"notice", notice_of(call)}};
    const struct call_header more[] = {{"Set-Cookie", page.cookie}};
    page_show(call, 200, PAGE_CHAT, places, COUNT_OF(places), more, page.replaced ? 1 : 0);
    explicit_bzero(&page, sizeof(page));
    return false;
}

void handle_root(struct call *call) {
    call->referrer = "same-origin"; /* its forms need an Origin */
    if (call->session[0] == '\0')
        answer_landing(call, false);
    else
        session_ask(call, on_root);
}

/* ---- the session, for scripts ---- */

static bool on_session(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    struct web_page page;
    if (!session_replied(call, end, message, &page))
        return false;
    const struct call_header more[] = {{"Set-Cookie", page.cookie}};
    call_json_with(call, 200, json_pack("{s:s, s:s}", "account", page.account, "csrf", page.csrf),
                   more, page.replaced ? 1 : 0);
    explicit_bzero(&page, sizeof(page));
    return false;
}

void handle_session_get(struct call *call) {
    session_ask(call, on_session);
}

/* ---- what can be connected ---- */

static const char *state_of(const Cloister__ConnectionState *state, const char *feature) {
    if (state == NULL || strcmp(state->state, "active") != 0)
        return "";
    for (size_t i = 0; i < state->n_features; i++)
        if (strcmp(state->features[i], feature) == 0)
            return "on";
    return "off";
}

static bool asked_to_switch(const struct call *call) {
    char word[8];
    return query_get(call->query, "switch", word, sizeof(word)) == 1 && strcmp(word, "1") == 0;
}

static void answer_connect_page(struct call *call, const Cloister__ConnectionState *state) {
    const struct web_page *page = call->state;
    const struct place places[] = {
        {"csrf", page->csrf},
        {"account", page->account},
        {"availability_state", state_of(state, "availability")},
        {"events_state", state_of(state, "events")},
        {"switch", asked_to_switch(call) ? "" : "hidden"}, /* an attribute */
    };
    const struct call_header more[] = {{"Set-Cookie", page->cookie}};
    page_show(call, 200, PAGE_CONNECT, places, COUNT_OF(places), more, page->replaced ? 1 : 0);
}

/* Who never connected anything has no state, and sees the page just the same. */
static bool on_connection(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    bool none = end == UPSTREAM_REPLY && message->body_case == CLOISTER__MESSAGE__BODY_FAILURE &&
                (strcmp(message->failure->code, "unknown_user") == 0 ||
                 strcmp(message->failure->code, "not_connected") == 0);
    call->ask = 0;
    if (none)
        answer_connect_page(call, NULL);
    else if (call_replied(call, end, message, CLOISTER__MESSAGE__BODY_CONNECTION_STATE))
        answer_connect_page(call, message->connection_state);
    return false;
}

static bool on_connect_session(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    Cloister__Caller caller;
    if (is_over(end, message)) {
        call->ask = 0;
        call_redirect(call, 303, "/login", NULL, 0);
        return false;
    }
    if (!session_replied(call, end, message, call->state))
        return false;
    call_identity(call, "", &caller);
    Cloister__ConnectionGet request = CLOISTER__CONNECTION_GET__INIT;
    request.request = upstream_number(call->gateway->upstream);
    request.caller = &caller;
    Cloister__Message next = MSG_OF(CONNECTION_GET, connection_get, &request);
    (void)call_ask(call, request.request, &next, call->gateway->limits.ask_ms, on_connection);
    return false;
}

void handle_connect_page(struct call *call) {
    call->state = calloc(1, sizeof(struct web_page));
    if (call->state == NULL) {
        call_refuse(call, 503, "full", "");
        return;
    }
    call->cancel = on_gone;
    session_ask(call, on_connect_session);
}

static bool on_link(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    if (is_over(end, message)) {
        call->ask = 0;
        call_redirect(call, 303, "/login", NULL, 0);
        return false;
    }
    if (!call_replied(call, end, message, CLOISTER__MESSAGE__BODY_CONNECT_LINK))
        return false;
    if (web_address(message->connect_link->url))
        call_redirect(call, 303, message->connect_link->url, NULL, 0);
    else
        call_refuse(call, 500, "internal", "");
    return false;
}

void handle_connect_form(struct call *call) {
    static const struct field rows[] = {
        {"csrf", FIELD_VISIBLE, false, TOKEN_MAX, NULL},
        {"features", FIELD_WORDS, true, CONNECT_FEATURES, connect_features},
        {"switch_account", FIELD_VISIBLE, false, 8, NULL},
    };
    if (!call_fields(call, rows, COUNT_OF(rows)))
        return;
    const struct link_wish wish = {
        .user = "",
        .return_to = call->gateway->home_url,
        .switch_account = field_text(call->body, "switch_account")[0] != '\0',
    };
    connect_link_ask(call, &wish, on_link);
}
