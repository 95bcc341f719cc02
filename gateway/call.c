#include "gateway/call.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/form.h"
#include "gateway/pages.h"
#include "ipc/log.h"

void free_secret(char *text) {
    if (text != NULL)
        explicit_bzero(text, strlen(text));
    free(text);
}

/* What every reply carries. */
static void put_common(struct call *call, struct reply *reply) {
    const struct gateway *gateway = call->gateway;
    reply_header(reply, "X-Request-Id", call->id);
    about_traceparent(&call->about, call->traceparent);
    reply_header(reply, "Traceparent", call->traceparent);
    reply_header(reply, "Cache-Control", call->cache != NULL ? call->cache : "no-store");
    reply_header(reply, "X-Content-Type-Options", "nosniff");
    reply_header(reply, "Referrer-Policy", call->referrer != NULL ? call->referrer : "no-referrer");
    reply_header(reply, "Cross-Origin-Resource-Policy", "same-origin");
    if (gateway->secure_cookies)
        reply_header(reply, "Strict-Transport-Security", "max-age=31536000");
    if (gateway->origin_count > 0)
        reply_header(reply, "Vary", "Origin");
    if (call->origin != NULL) {
        reply_header(reply, "Access-Control-Allow-Origin", call->origin);
        reply_header(reply, "Access-Control-Expose-Headers",
                     "X-Request-Id, Retry-After, Cloister-Grant, Traceparent");
    }
    if (call->mcp_session != NULL)
        reply_header(reply, "Mcp-Session-Id", call->mcp_session);
    if (call->renewed != NULL)
        reply_header(reply, "Cloister-Grant", call->renewed);
}

/* Pages bring a policy of their own (pages.c); nothing else is to be shown as one. */
static bool has_policy(const struct call_header *more, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(more[i].name, "Content-Security-Policy") == 0)
            return true;
    return false;
}

void call_answer(struct call *call, unsigned status, const char *type, const char *body, size_t len,
                 const struct call_header *more, size_t more_count) {
    const struct iovec piece = {(void *)(uintptr_t)body, len};
    call_answer_pieces(call, status, type, &piece, len > 0, more, more_count);
}

void call_answer_pieces(struct call *call, unsigned status, const char *type,
                        const struct iovec *pieces, size_t count, const struct call_header *more,
                        size_t more_count) {
    struct reply reply = {.status = status, .piece_count = count};
    memcpy(reply.pieces, pieces, count * sizeof(pieces[0]));
    if (call->status != 0)
        return;
    call->status = status;
    if (type != NULL)
        reply_header(&reply, "Content-Type", type);
    put_common(call, &reply);
    if (type != NULL && !has_policy(more, more_count))
        reply_header(&reply, "Content-Security-Policy",
                     "default-src 'none'; frame-ancestors 'none'");
    for (size_t i = 0; i < more_count; i++)
        reply_header(&reply, more[i].name, more[i].value);
    conn_reply(call->conn, &reply, call->head_only);
}

void call_json(struct call *call, unsigned status, json_t *object) {
    call_json_with(call, status, object, NULL, 0);
}

void call_json_with(struct call *call, unsigned status, json_t *object,
                    const struct call_header *more, size_t more_count) {
    SCOPE_FREE char *text = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    if (text == NULL)
        call_refuse(call, 500, "internal", "The answer could not be written.");
    else
        call_answer(call, status, "application/json", text, strlen(text), more, more_count);
    if (text != NULL)
        explicit_bzero(text, strlen(text));
}

/* RFC 9110 section 15.5.2: a 401 says what would help. */
static const char *challenge_of(const char *code) {
    if (strncmp(code, "grant_", 6) == 0)
        return "Cloister-Grant realm=\"cloister\"";
    if (strcmp(code, "session_invalid") == 0)
        return "Cloister-Session realm=\"cloister\"";
    return "Bearer realm=\"cloister\"";
}

void call_problem(struct call *call, const struct problem *problem) {
    struct problem full = *problem;
    struct call_header more[2];
    size_t n = 0;
    char seconds[24], login[sizeof(call->gateway->home_url) + 8];
    full.request_id = call->id;
    if (strcmp(full.code, "session_invalid") == 0 && !web_address(full.action_url)) {
        (void)snprintf(login, sizeof(login), "%slogin", call->gateway->home_url);
        full.action_url = login;
    }
    if (full.status < 400 || full.status > 599)
        full.status = 500;
    SCOPE_FREE char *text = problem_document(&full);
    if (full.retry_after_ms > 0) {
        (void)snprintf(seconds, sizeof(seconds), "%llu",
                       (unsigned long long)((full.retry_after_ms + 999) / 1000));
        more[n++] = (struct call_header){"Retry-After", seconds};
    }
    if (full.status == 401)
        more[n++] = (struct call_header){"WWW-Authenticate", challenge_of(full.code)};
    call_answer(call, full.status, "application/problem+json", text != NULL ? text : "{}",
                text != NULL ? strlen(text) : 2, more, n);
}

void call_fail(struct call *call, const struct problem *problem) {
    if (call->route != NULL && route_is_page(call->route))
        page_failure(call, problem, NULL, 0);
    else
        call_problem(call, problem);
}

void call_redirect(struct call *call, unsigned status, const char *location,
                   const struct call_header *more, size_t more_count) {
    struct call_header headers[4] = {{"Location", location}};
    size_t n = 1;
    for (size_t i = 0; i < more_count && n < COUNT_OF(headers); i++)
        headers[n++] = more[i];
    call_answer(call, status, "text/plain; charset=utf-8", "", 0, headers, n);
}

void call_session_over(struct call *call) {
    call_refuse(call, 401, "session_invalid", "Nobody is signed in here. Sign in with Google.");
}

void call_refuse(struct call *call, unsigned status, const char *code, const char *detail) {
    struct problem problem = {.status = status, .code = code, .detail = detail};
    call_fail(call, &problem);
}

void call_stream(struct call *call) {
    struct reply reply = {.status = 200};
    call->status = 200;
    reply_header(&reply, "Content-Type", "text/event-stream; charset=utf-8");
    put_common(call, &reply);
    reply_header(&reply, "X-Accel-Buffering", "no"); /* nginx: pass events on at once */
    conn_stream_start(call->conn, &reply);
}

void call_identity(const struct call *call, const char *user, Cloister__Caller *caller) {
    cloister__caller__init(caller);
    /* protobuf-c's strings are not const; packing only reads them. */
    if (call->session[0] != '\0') {
        caller->session = (char *)(uintptr_t)call->session;
        if (call->csrf != NULL)
            caller->csrf = call->csrf;
        return;
    }
    caller->frontend = (char *)(uintptr_t)call->frontend;
    caller->user = (char *)(uintptr_t)user;
    if (call->grant != NULL)
        caller->grant = call->grant;
}

bool call_user_is_me(struct call *call, const char *user) {
    if (call->session[0] == '\0' || strcmp(user, "me") == 0)
        return true;
    call_refuse(call, 403, "not_allowed",
                "Who is signed in on the web pages acts as \"me\" and as nobody else.");
    return false;
}

const char *call_user(struct call *call) {
    if (name_valid(call->param[0], USER_MAX))
        return call_user_is_me(call, call->param[0]) ? call->param[0] : NULL;
    call_refuse(call, 400, "invalid_field",
                "The user in the path must be 1 to 128 bytes of UTF-8 without control characters, "
                "percent-encoded.");
    return NULL;
}

bool call_fields(struct call *call, const struct field *rows, size_t n) {
    struct field_fault fault;
    int r = call->route->body == BODY_FORM ? form_check(call->body, rows, n, &fault)
                                           : fields_check(call->body, rows, n, &fault);
    if (r == 0)
        return true;
    call_refuse(call, 400, fault.code, fault.detail);
    return false;
}

bool call_box(struct call *call, const char *name, bool *ret) {
    const char *value = field_text(call->body, name);
    *ret = strcmp(value, "1") == 0;
    if (*ret || value[0] == '\0' || strcmp(value, "0") == 0)
        return true;
    char detail[128];
    (void)snprintf(detail, sizeof(detail), "'%s' must be 1 or 0, or left out.", name);
    call_refuse(call, 400, "invalid_field", detail);
    return false;
}

static struct problem away(void) {
    return (struct problem){.status = 503,
                            .code = "supervisor_unavailable",
                            .detail = "Cloister is starting or restarting. Try again in a moment.",
                            .retry_after_ms = 1000,
                            .retryable = true};
}

/* Of a session cloisterd keeps the grant itself: then none may come here. */
static void keep_grant(struct call *call, const char *grant) {
    if (call->session[0] != '\0' || !visible_valid(grant, GRANT_MAX))
        return;
    free_secret(call->renewed);
    call->renewed = strdup(grant);
}

static bool on_any(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    const struct about about = call->about; /* the call may end in here */
    LOG_ABOUT(.request = about.request, .trace = about.trace);
    if (end != UPSTREAM_REPLY || message->body_case != CLOISTER__MESSAGE__BODY_GRANT_RENEWED)
        return call->answer(call, end, message);
    keep_grant(call, message->grant_renewed->grant);
    return true;
}

bool call_ask(struct call *call, uint64_t number, Cloister__Message *message, uint64_t timeout_ms,
              upstream_answer *answer) {
    Cloister__About about;
    message->about = about_write(&call->about, &about);
    int r = upstream_ask(call->gateway->upstream, number, message, timeout_ms, on_any, call);
    if (r == 0) {
        call->answer = answer;
        call->ask = number;
        call->link = NULL;
        return true;
    }
    struct problem problem = away();
    if (r == -EMSGSIZE)
        problem = (struct problem){.status = 413,
                                   .code = "payload_too_large",
                                   .detail = "The request is too large; shorten its fields."};
    call_fail(call, &problem);
    return false;
}

struct problem call_failure(enum upstream_end end, const Cloister__Message *message) {
    switch (end) {
    case UPSTREAM_LOST:
        return away();
    case UPSTREAM_TIMEOUT:
        return (struct problem){.status = 504,
                                .code = "turn_timeout",
                                .detail = "No answer came in time. Try again.",
                                .retry_after_ms = 1000,
                                .retryable = true};
    case UPSTREAM_REPLY:
        break;
    }
    if (message->body_case != CLOISTER__MESSAGE__BODY_FAILURE)
        return (struct problem){
            .status = 500, .code = "internal", .detail = "An unexpected answer came from inside."};
    const Cloister__Failure *failure = message->failure;
    bool named = visible_valid(failure->code, 64);
    return (struct problem){
        .status = failure->status >= 400 && failure->status <= 599 ? failure->status : 500,
        .code = named ? failure->code : "internal",
        .detail = failure->detail,
        .retry_after_ms = failure->retry_after_ms,
        .action_url = failure->action_url,
        .retryable = failure->retryable,
        .unknown_writes = failure->unknown_writes,
    };
}

bool call_replied(struct call *call, enum upstream_end end, const Cloister__Message *message,
                  Cloister__Message__BodyCase wanted) {
    call->ask = 0;
    if (end == UPSTREAM_REPLY && message->body_case == wanted)
        return true;
    struct problem problem = call_failure(end, message);
    call_fail(call, &problem);
    return false;
}
