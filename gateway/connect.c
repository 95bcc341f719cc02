/* Connecting Google: the frontend's link and redeem, the browser's way there and back. */
#include "gateway/connect.h"

#include <string.h>

#include "gateway/pages.h"
#include "gateway/query.h"
#include "gateway/sign_in.h"

static bool on_link(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    char expires[40] = "";
    if (!call_replied(call, end, message, CLOISTER__MESSAGE__BODY_CONNECT_LINK))
        return false;
    const Cloister__ConnectLink *link = message->connect_link;
    if (!web_address(link->url) || !time_text(link->expires_at_ms, expires)) {
        call_refuse(call, 500, "internal", "An unexpected answer came from inside.");
        return false;
    }
    call_json(call, 201, json_pack("{s:s, s:s}", "url", link->url, "expires_at", expires));
    return false;
}

static bool return_allowed(struct call *call, const char *url) {
    const struct frontend *frontend = frontends_by_name(call->gateway->frontends, call->frontend);
    if (frontend != NULL && frontend_may_return(frontend, url))
        return true;
    call_refuse(
        call, 400, "invalid_field",
        "'return_to' is not listed for this frontend. The operator adds it, letter by letter "
        "the same, as a line 'return_to=…' to the frontend's file in gateway.frontends_dir.");
    return false;
}

const char *const connect_features[] = {"availability", "events", "calendars", NULL};

void connect_link_ask(struct call *call, const struct link_wish *wish, upstream_answer *answer) {
    Cloister__Caller caller;
    char *wanted[CONNECT_FEATURES];
    const json_t *list = json_object_get(call->body, "features");
    Cloister__ConnectLinkCreate request = CLOISTER__CONNECT_LINK_CREATE__INIT;
    call_identity(call, wish->user, &caller);
    for (; request.n_features < json_array_size(list); request.n_features++)
        wanted[request.n_features] =
            (char *)(uintptr_t)json_string_value(json_array_get(list, request.n_features));
    request.features = wanted;
    request.request = upstream_number(call->gateway->upstream);
    request.caller = &caller;
    request.return_to = (char *)(uintptr_t)wish->return_to;
    request.switch_account = wish->switch_account;
    Cloister__Message message = MSG_OF(CONNECT_LINK_CREATE, connect_link_create, &request);
    (void)call_ask(call, request.request, &message, call->gateway->limits.ask_ms, answer);
}

void handle_link_create(struct call *call) {
    static const struct field rows[] = {
        {"features", FIELD_WORDS, true, CONNECT_FEATURES, connect_features},
        {"return_to", FIELD_VISIBLE, true, 2000, NULL},
        {"switch_account", FIELD_FLAG, false, 0, NULL},
    };
    const char *user = call_user(call);
    if (user == NULL || !call_fields(call, rows, COUNT_OF(rows)) ||
        !return_allowed(call, field_text(call->body, "return_to")))
        return;
    const struct link_wish wish = {
        .user = user,
        .return_to = field_text(call->body, "return_to"),
        .switch_account = json_is_true(json_object_get(call->body, "switch_account")),
    };
    connect_link_ask(call, &wish, on_link);
}

static bool on_redeemed(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    if (!call_replied(call, end, message, CLOISTER__MESSAGE__BODY_REDEEMED))
        return false;
    json_t *scopes = json_array();
    for (size_t i = 0; i < message->redeemed->n_scopes; i++)
        (void)json_array_append_new(scopes, json_string(message->redeemed->scopes[i]));
    call_json(call, 200,
              json_pack("{s:s, s:o}", "grant", message->redeemed->grant, "scopes", scopes));
    return false;
}

void handle_redeem(struct call *call) {
    static const struct field rows[] = {{"code", FIELD_VISIBLE, true, 512, NULL}};
    const char *user = call_user(call);
    if (user == NULL || !call_fields(call, rows, COUNT_OF(rows)))
        return;
    Cloister__Caller caller;
    call_identity(call, user, &caller);
    Cloister__Redeem request = CLOISTER__REDEEM__INIT;
    request.request = upstream_number(call->gateway->upstream);
    request.caller = &caller;
    request.code = (char *)(uintptr_t)field_text(call->body, "code");
    Cloister__Message message = MSG_OF(REDEEM, redeem, &request);
    (void)call_ask(call, request.request, &message, call->gateway->limits.ask_ms, on_redeemed);
}

/* ---- the browser ---- */

static void refuse(struct call *call, unsigned status, const char *code) {
    call_refuse(call, status, code, "");
}

/* True when `message` is a redirect to somewhere; otherwise answers with a page. */
static bool browser_replied(struct call *call, enum upstream_end end,
                            const Cloister__Message *message) {
    if (!call_replied(call, end, message, CLOISTER__MESSAGE__BODY_CONNECT_REDIRECT))
        return false;
    if (web_address(message->connect_redirect->location))
        return true;
    refuse(call, 500, "internal");
    return false;
}

/* cloisterd makes the cookie that binds the link to this browser. */
static bool on_open(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    char cookie[COOKIE_SIZE];
    if (!browser_replied(call, end, message))
        return false;
    if (!token_fits(message->connect_redirect->cookie)) {
        refuse(call, 500, "internal");
        return false;
    }
    cookie_write(call->gateway->secure_cookies, COOKIE_CONNECT, message->connect_redirect->cookie,
                 COOKIE_WAY_S, cookie);
    const struct call_header more[] = {{"Set-Cookie", cookie}};
    call_redirect(call, 302, message->connect_redirect->location, more, COUNT_OF(more));
    explicit_bzero(cookie, sizeof(cookie));
    return false;
}

void handle_connect_open(struct call *call) {
    char cookie[TOKEN_MAX + 1];
    const char *link = call->param[0];
    if (!token_fits(link)) {
        refuse(call, 400, "link_invalid");
        return;
    }
    (void)cookie_read(call->cookie, call->gateway->secure_cookies, COOKIE_CONNECT, cookie);
    Cloister__ConnectOpen request = CLOISTER__CONNECT_OPEN__INIT;
    request.request = upstream_number(call->gateway->upstream);
    request.link = (char *)(uintptr_t)link;
    request.cookie = cookie;
    Cloister__Message message = MSG_OF(CONNECT_OPEN, connect_open, &request);
    (void)call_ask(call, request.request, &message, call->gateway->limits.ask_ms, on_open);
}

/* Somebody signed in: a session cookie, and the login cookie has served its purpose. */
static void answer_signed_in(struct call *call, const Cloister__ConnectRedirect *to) {
    char session[COOKIE_SIZE], login[COOKIE_SIZE];
    cookie_write(true, COOKIE_SESSION, to->session, to->session_s, session);
    cookie_write(true, COOKIE_LOGIN, "", 0, login);
    const struct call_header more[] = {{"Set-Cookie", session}, {"Set-Cookie", login}};
    sign_in_ended(call, true);
    call_redirect(call, 302, to->location, more, COUNT_OF(more));
    explicit_bzero(session, sizeof(session));
}

static void answer_connected(struct call *call, const Cloister__ConnectRedirect *to) {
    char cookie[COOKIE_SIZE];
    cookie_write(call->gateway->secure_cookies, COOKIE_CONNECT, "", 0, cookie);
    const struct call_header more[] = {{"Set-Cookie", cookie}};
    call_redirect(call, 302, to->location, more, COUNT_OF(more));
}

/* What a person may decide at Google is no failed sign-in, nor is trouble of ours. */
static bool is_suspicious(enum upstream_end end, const Cloister__Message *message) {
    if (end != UPSTREAM_REPLY || message->body_case != CLOISTER__MESSAGE__BODY_FAILURE)
        return false;
    const char *code = message->failure->code;
    return strcmp(code, "link_invalid") == 0 || strcmp(code, "wrong_browser") == 0 ||
           strcmp(code, "sign_in_failed") == 0;
}

static bool on_callback(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    if (call->signing_in && is_suspicious(end, message))
        sign_in_ended(call, false);
    if (!browser_replied(call, end, message))
        return false;
    const Cloister__ConnectRedirect *to = message->connect_redirect;
    if (to->session[0] == '\0')
        answer_connected(call, to);
    else if (token_fits(to->session))
        answer_signed_in(call, to);
    else
        refuse(call, 500, "internal");
    return false;
}

struct returned {
    char state[TOKEN_MAX + 1], code[2048], error[64];
    char connect[TOKEN_MAX + 1], login[TOKEN_MAX + 1];
};

/* What Google says in the query, if it is something that Google says. */
static bool read_query(const struct call *call, struct returned *back) {
    int have_state = query_get(call->query, "state", back->state, sizeof(back->state));
    int have_code = query_get(call->query, "code", back->code, sizeof(back->code));
    int have_error = query_get(call->query, "error", back->error, sizeof(back->error));
    return have_state == 1 && token_fits(back->state) && have_code >= 0 && have_error >= 0 &&
           (back->code[0] == '\0' || visible_valid(back->code, sizeof(back->code))) &&
           strspn(back->error, "abcdefghijklmnopqrstuvwxyz_") == strlen(back->error) &&
           (back->code[0] != '\0') != (back->error[0] != '\0');
}

static void ask_callback(struct call *call, struct returned *back) {
    Cloister__ConnectCallback request = CLOISTER__CONNECT_CALLBACK__INIT;
    request.request = upstream_number(call->gateway->upstream);
    request.state_token = back->state;
    request.code = back->code;
    request.error = back->error;
    request.cookie = back->connect;
    request.login = back->login;
    request.session = call->session;
    Cloister__Message message = MSG_OF(CONNECT_CALLBACK, connect_callback, &request);
    (void)call_ask(call, request.request, &message, call->gateway->limits.ask_ms, on_callback);
}

void handle_connect_callback(struct call *call) {
    struct returned back;
    bool connecting =
        cookie_read(call->cookie, call->gateway->secure_cookies, COOKIE_CONNECT, back.connect);
    call->signing_in = cookie_read(call->cookie, true, COOKIE_LOGIN, back.login);
    if (!read_query(call, &back))
        refuse(call, 400, "link_invalid");
    else if (!connecting && !call->signing_in)
        refuse(call, 403, "wrong_browser");
    else if (!call->signing_in || !sign_in_limited(call, SIGN_IN_RETURN))
        ask_callback(call, &back);
    explicit_bzero(&back, sizeof(back));
}
