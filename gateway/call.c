#include "gateway/call.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What every reply carries. */
static void put_common(struct call *call, struct reply *reply) {
    reply_header(reply, "X-Request-Id", call->id);
    reply_header(reply, "Cache-Control", "no-store");
    reply_header(reply, "X-Content-Type-Options", "nosniff");
    reply_header(reply, "Referrer-Policy", "no-referrer");
    if (call->gateway->origin_count > 0)
        reply_header(reply, "Vary", "Origin");
    if (call->origin != NULL) {
        reply_header(reply, "Access-Control-Allow-Origin", call->origin);
        reply_header(reply, "Access-Control-Expose-Headers", "X-Request-Id, Retry-After");
    }
}

void call_answer(struct call *call, unsigned status, const char *type, const char *body, size_t len,
                 const struct call_header *more, size_t more_count) {
    struct reply reply = {.status = status, .body = body, .body_len = len};
    if (call->status != 0)
        return;
    call->status = status;
    if (type != NULL)
        reply_header(&reply, "Content-Type", type);
    put_common(call, &reply);
    for (size_t i = 0; i < more_count; i++)
        reply_header(&reply, more[i].name, more[i].value);
    conn_reply(call->conn, &reply, call->head_only);
}

void call_json(struct call *call, unsigned status, json_t *object) {
    SCOPE_FREE char *text = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    if (text == NULL)
        call_refuse(call, 500, "internal", "The answer could not be written.");
    else
        call_answer(call, status, "application/json", text, strlen(text), NULL, 0);
    if (text != NULL)
        explicit_bzero(text, strlen(text));
}

void call_problem(struct call *call, const struct problem *problem) {
    struct problem full = *problem;
    struct call_header more[2];
    size_t n = 0;
    char seconds[24];
    full.request_id = call->id;
    if (full.status < 400 || full.status > 599)
        full.status = 500;
    SCOPE_FREE char *text = problem_document(&full);
    if (full.retry_after_ms > 0) {
        (void)snprintf(seconds, sizeof(seconds), "%llu",
                       (unsigned long long)((full.retry_after_ms + 999) / 1000));
        more[n++] = (struct call_header){"Retry-After", seconds};
    }
    if (full.status == 401)
        more[n++] = (struct call_header){"WWW-Authenticate", "Bearer realm=\"cloister\""};
    call_answer(call, full.status, "application/problem+json", text != NULL ? text : "{}",
                text != NULL ? strlen(text) : 2, more, n);
}

void call_refuse(struct call *call, unsigned status, const char *code, const char *detail) {
    struct problem problem = {.status = status, .code = code, .detail = detail};
    call_problem(call, &problem);
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
    caller->frontend = (char *)(uintptr_t)call->frontend;
    caller->user = (char *)(uintptr_t)user;
    if (call->grant != NULL)
        caller->grant = call->grant;
}

const char *call_user(struct call *call) {
    if (name_valid(call->param[0], USER_MAX))
        return call->param[0];
    call_refuse(call, 400, "invalid_field",
                "The user in the path must be 1 to 128 bytes of UTF-8 without control characters, "
                "percent-encoded.");
    return NULL;
}

bool call_fields(struct call *call, const struct field *rows, size_t n) {
    struct field_fault fault;
    if (fields_check(call->body, rows, n, &fault) == 0)
        return true;
    call_refuse(call, 400, fault.code, fault.detail);
    return false;
}

static struct problem away(void) {
    return (struct problem){.status = 503,
                            .code = "supervisor_unavailable",
                            .detail = "Cloister is starting or restarting. Try again in a moment.",
                            .retry_after_ms = 1000,
                            .retryable = true};
}

bool call_ask(struct call *call, uint64_t number, Cloister__Message *message, uint64_t timeout_ms,
              upstream_answer *answer) {
    int r = upstream_ask(call->gateway->upstream, number, message, timeout_ms, answer, call);
    if (r == 0) {
        call->ask = number;
        return true;
    }
    struct problem problem = away();
    if (r == -EMSGSIZE)
        problem = (struct problem){.status = 413,
                                   .code = "payload_too_large",
                                   .detail = "The request is too large; shorten its fields."};
    call_problem(call, &problem);
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
    call_problem(call, &problem);
    return false;
}
