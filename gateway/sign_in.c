/* Signing in with Google for the web pages, and out again. The way back from Google is in
 * connect.c: both ways end at the one redirect address that operators register. */
#include "gateway/sign_in.h"

#include <stdio.h>
#include <string.h>

#include "gateway/caller.h"
#include "gateway/pages.h"
#include "gateway/query.h"

bool sign_in_limited(struct call *call, enum sign_in_step step) {
    struct gateway *gateway = call->gateway;
    uint8_t key[sizeof(call->address) + 1];
    uint64_t now = clock_ms(), wait = throttle_wait(gateway->tallies.failures, &call->address, now);
    memcpy(key, &call->address, sizeof(call->address));
    key[sizeof(call->address)] = (uint8_t)step;
    if (wait == 0)
        wait =
            buckets_take_slow(gateway->tallies.by_sign_in, key, sizeof(key),
                              gateway->limits.sign_in_every_ms, gateway->limits.sign_in_burst, now);
    return caller_limited(call, wait, LIMIT_SIGN_IN, "Too many sign-ins came from this address.");
}

void sign_in_ended(struct call *call, bool good) {
    struct throttle *failures = call->gateway->tallies.failures;
    if (good)
        throttle_forget(failures, &call->address);
    else
        throttle_failed(failures, &call->address, clock_ms());
}

/* cloisterd makes the cookie that binds the way through Google to this browser. */
static bool on_begun(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    char cookie[COOKIE_SIZE];
    if (!call_replied(call, end, message, CLOISTER__MESSAGE__BODY_CONNECT_REDIRECT))
        return false;
    const Cloister__ConnectRedirect *to = message->connect_redirect;
    if (!web_address(to->location) || !token_fits(to->cookie)) {
        call_refuse(call, 500, "internal", "");
        return false;
    }
    cookie_write(true, COOKIE_LOGIN, to->cookie, COOKIE_WAY_S, cookie);
    const struct call_header more[] = {{"Set-Cookie", cookie}};
    call_redirect(call, 302, to->location, more, COUNT_OF(more));
    explicit_bzero(cookie, sizeof(cookie));
    return false;
}

void handle_login(struct call *call) {
    char choose[8];
    if (!call->gateway->can_sign_in) {
        call_refuse(call, 409, "https_needed", "");
        return;
    }
    if (sign_in_limited(call, SIGN_IN_BEGIN))
        return;
    Cloister__SignInBegin request = CLOISTER__SIGN_IN_BEGIN__INIT;
    request.request = upstream_number(call->gateway->upstream);
    request.choose_account =
        query_get(call->query, "choose", choose, sizeof(choose)) == 1 && strcmp(choose, "1") == 0;
    Cloister__Message message = MSG_OF(SIGN_IN_BEGIN, sign_in_begin, &request);
    (void)call_ask(call, request.request, &message, call->gateway->limits.ask_ms, on_begun);
}

static void answer_signed_out(struct call *call) {
    char cookie[COOKIE_SIZE];
    cookie_write(true, COOKIE_SESSION, "", 0, cookie);
    const struct call_header more[] = {{"Set-Cookie", cookie}};
    call_redirect(call, 303, "/", more, COUNT_OF(more));
}

/* Whose session had ended before is signed out as well. */
static bool on_ended(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    bool over = end == UPSTREAM_REPLY && message->body_case == CLOISTER__MESSAGE__BODY_FAILURE &&
                strcmp(message->failure->code, "session_invalid") == 0;
    call->ask = 0;
    if (over || call_replied(call, end, message, CLOISTER__MESSAGE__BODY_OK))
        answer_signed_out(call);
    return false;
}

void handle_logout(struct call *call) {
    static const struct field rows[] = {
        {"csrf", FIELD_VISIBLE, false, TOKEN_MAX, NULL},
        {"everywhere", FIELD_VISIBLE, false, 8, NULL},
    };
    Cloister__Caller caller;
    bool everywhere;
    if (!call_fields(call, rows, COUNT_OF(rows)) || !call_box(call, "everywhere", &everywhere))
        return;
    call_identity(call, "", &caller);
    Cloister__SessionEnd request = CLOISTER__SESSION_END__INIT;
    request.request = upstream_number(call->gateway->upstream);
    request.caller = &caller;
    request.everywhere = everywhere;
    Cloister__Message message = MSG_OF(SESSION_END, session_end, &request);
    (void)call_ask(call, request.request, &message, call->gateway->limits.ask_ms, on_ended);
}
