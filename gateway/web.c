/* The web pages for who is signed in: the chat, what can be connected, the session itself. */
#include <stdio.h>
#include <string.h>

#include "gateway/connect.h"
#include "gateway/pages.h"
#include "gateway/query.h"
#include "gateway/web_session.h"

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
    if (web_session_over(end, message)) {
        call->ask = 0;
        answer_landing(call, true);
        return false;
    }
    if (!web_session_replied(call, end, message, &page))
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
        web_session_ask(call, on_root);
}

/* ---- the session, for scripts ---- */

static bool on_session(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    struct web_page page;
    if (!web_session_replied(call, end, message, &page))
        return false;
    const struct call_header more[] = {{"Set-Cookie", page.cookie}};
    call_json_with(call, 200, json_pack("{s:s, s:s}", "account", page.account, "csrf", page.csrf),
                   more, page.replaced ? 1 : 0);
    explicit_bzero(&page, sizeof(page));
    return false;
}

void handle_session_get(struct call *call) {
    web_session_ask(call, on_session);
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
    call->ask = 0;
    if (web_unknown_user(end, message))
        answer_connect_page(call, NULL);
    else if (call_replied(call, end, message, CLOISTER__MESSAGE__BODY_CONNECTION_STATE))
        answer_connect_page(call, message->connection_state);
    return false;
}

static bool on_connect_session(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    Cloister__Caller caller;
    if (web_session_over(end, message)) {
        web_sign_in(call);
        return false;
    }
    if (!web_session_replied(call, end, message, call->state))
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
    web_session_keep(call, on_connect_session);
}

static bool on_link(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    if (web_session_over(end, message)) {
        web_sign_in(call);
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
    bool switches;
    if (!call_fields(call, rows, COUNT_OF(rows)) || !call_box(call, "switch_account", &switches))
        return;
    const struct link_wish wish = {
        .user = "", .return_to = call->gateway->home_url, .switch_account = switches};
    connect_link_ask(call, &wish, on_link);
}
