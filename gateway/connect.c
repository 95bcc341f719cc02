/* Connecting Google: the frontend's link and redeem, the browser's way there and back. */
#include <stdio.h>
#include <string.h>

#include "gateway/call.h"
#include "gateway/pages.h"
#include "gateway/query.h"

#define TOKEN_MAX      128
#define COOKIE_SECONDS 600

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

void handle_link_create(struct call *call) {
    static const char *const features[] = {"availability", "events", NULL};
    static const struct field rows[] = {
        {"features", FIELD_WORDS, true, 2, features},
        {"return_to", FIELD_VISIBLE, true, 2000, NULL},
    };
    const char *user = call_user(call);
    if (user == NULL || !call_fields(call, rows, COUNT_OF(rows)) ||
        !return_allowed(call, field_text(call->body, "return_to")))
        return;
    Cloister__Caller caller;
    call_identity(call, user, &caller);
    char *wanted[2];
    const json_t *list = json_object_get(call->body, "features");
    Cloister__ConnectLinkCreate request = CLOISTER__CONNECT_LINK_CREATE__INIT;
    for (; request.n_features < json_array_size(list); request.n_features++)
        wanted[request.n_features] =
            (char *)(uintptr_t)json_string_value(json_array_get(list, request.n_features));
    request.features = wanted;
    request.request = upstream_number(call->gateway->upstream);
    request.caller = &caller;
    request.return_to = (char *)(uintptr_t)field_text(call->body, "return_to");
    Cloister__Message message = MSG_OF(CONNECT_LINK_CREATE, connect_link_create, &request);
    (void)call_ask(call, request.request, &message, call->gateway->limits.ask_ms, on_link);
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

static const char *cookie_name(const struct call *call) {
    return call->gateway->secure_cookies ? "__Host-cloister-connect" : "cloister-connect";
}

/* What cloisterd's tokens look like, and so what may stand in a path, a cookie or a header. */
static bool token_fits(const char *value) {
    size_t len = strlen(value);
    return len > 0 && len <= TOKEN_MAX &&
           strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == len;
}

/* The browser's cookie, if it has one that could be ours; otherwise "". */
static bool cookie_read(const struct call *call, char out[static TOKEN_MAX + 1]) {
    if (cookie_get(call->cookie, cookie_name(call), out, TOKEN_MAX + 1) == 1 && token_fits(out))
        return true;
    out[0] = '\0';
    return false;
}

#define COOKIE_SIZE 320
static void cookie_write(const struct call *call, const char *value, int seconds,
                         char out[static COOKIE_SIZE]) {
    (void)snprintf(out, COOKIE_SIZE, "%s=%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Lax%s",
                   cookie_name(call), value, seconds,
                   call->gateway->secure_cookies ? "; Secure" : "");
}

static void page_internal(struct call *call) {
    struct problem problem = {.status = 500, .code = "internal", .detail = ""};
    page_failure(call, &problem, NULL, 0);
}

/* A browser gets pages, not problem documents. True when `message` is the wanted redirect. */
static bool browser_replied(struct call *call, enum upstream_end end,
                            const Cloister__Message *message) {
    call->ask = 0;
    if (end == UPSTREAM_REPLY && message->body_case == CLOISTER__MESSAGE__BODY_CONNECT_REDIRECT) {
        if (web_address(message->connect_redirect->location))
            return true;
        page_internal(call);
        return false;
    }
    struct problem problem = call_failure(end, message);
    page_failure(call, &problem, NULL, 0);
    return false;
}

static void redirect(struct call *call, const char *location, const char *cookie) {
    struct call_header more[2] = {{"Location", location}, {"Set-Cookie", cookie}};
    call_answer(call, 302, "text/plain; charset=utf-8", "", 0, more, 2);
}

static void browser_ask(struct call *call, uint64_t number, Cloister__Message *message,
                        upstream_answer *answer) {
    struct gateway *gateway = call->gateway;
    int r = upstream_ask(gateway->upstream, number, message, gateway->limits.ask_ms, answer, call);
    if (r == 0) {
        call->ask = number;
        return;
    }
    struct problem problem = call_failure(UPSTREAM_LOST, NULL);
    page_failure(call, &problem, NULL, 0);
}

/* cloisterd makes the cookie that binds the link to this browser. */
static bool on_open(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    char cookie[COOKIE_SIZE];
    if (!browser_replied(call, end, message))
        return false;
    if (!token_fits(message->connect_redirect->cookie)) {
        page_internal(call);
        return false;
    }
    cookie_write(call, message->connect_redirect->cookie, COOKIE_SECONDS, cookie);
    redirect(call, message->connect_redirect->location, cookie);
    return false;
}

void handle_connect_open(struct call *call) {
    char cookie[TOKEN_MAX + 1];
    const char *link = call->param[0];
    if (!token_fits(link)) {
        struct problem problem = {.status = 400, .code = "link_invalid", .detail = ""};
        page_failure(call, &problem, NULL, 0);
        return;
    }
    (void)cookie_read(call, cookie);
    Cloister__ConnectOpen request = CLOISTER__CONNECT_OPEN__INIT;
    request.request = upstream_number(call->gateway->upstream);
    request.link = (char *)(uintptr_t)link;
    request.cookie = cookie;
    Cloister__Message message = MSG_OF(CONNECT_OPEN, connect_open, &request);
    browser_ask(call, request.request, &message, on_open);
}

static bool on_callback(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    char cookie[COOKIE_SIZE];
    if (!browser_replied(call, end, message))
        return false;
    cookie_write(call, "", 0, cookie); /* it has served its purpose */
    redirect(call, message->connect_redirect->location, cookie);
    return false;
}

void handle_connect_callback(struct call *call) {
    char state[TOKEN_MAX + 1], code[2048], error[64], cookie[TOKEN_MAX + 1];
    int have_state = query_get(call->query, "state", state, sizeof(state));
    int have_code = query_get(call->query, "code", code, sizeof(code));
    int have_error = query_get(call->query, "error", error, sizeof(error));
    bool good = have_state == 1 && token_fits(state) && have_code >= 0 && have_error >= 0 &&
                (code[0] == '\0' || visible_valid(code, sizeof(code))) &&
                strspn(error, "abcdefghijklmnopqrstuvwxyz_") == strlen(error) &&
                (code[0] != '\0') != (error[0] != '\0');
    if (!good) {
        struct problem problem = {.status = 400, .code = "link_invalid", .detail = ""};
        page_failure(call, &problem, NULL, 0);
        return;
    }
    if (!cookie_read(call, cookie)) {
        struct problem problem = {.status = 403, .code = "wrong_browser", .detail = ""};
        page_failure(call, &problem, NULL, 0);
        return;
    }
    Cloister__ConnectCallback request = CLOISTER__CONNECT_CALLBACK__INIT;
    request.request = upstream_number(call->gateway->upstream);
    request.state_token = state;
    request.code = code;
    request.error = error;
    request.cookie = cookie;
    Cloister__Message message = MSG_OF(CONNECT_CALLBACK, connect_callback, &request);
    browser_ask(call, request.request, &message, on_callback);
    explicit_bzero(code, sizeof(code));
}

void handle_root(struct call *call) {
    struct page page = {
        .status = 200,
        .title = "A Cloister server",
        .text =
            "This is the address of a Cloister server: every connected person has a scheduling "
            "agent of their own here, walled off from all others. People talk to it through a chat "
            "that their provider runs; there is nothing to do on this page. Developers find the "
            "routes in openapi.yaml.",
    };
    page_answer(call, &page, NULL, 0);
}
