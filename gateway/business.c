#include "gateway/business.h"

#include <arpa/inet.h>
#include <string.h>

#define LETTERS  "abcdefghijklmnopqrstuvwxyz"
#define CAPITALS "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

static bool made_of(const char *text, const char *signs, size_t max) {
    size_t len = strlen(text);
    return len > 0 && len <= max && strspn(text, signs) == len;
}

bool slug_fits(const char *text) {
    return made_of(text, LETTERS "0123456789-", SLUG_MAX);
}

bool reference_fits(const char *text) {
    return made_of(text, LETTERS CAPITALS "0123456789-_", REFERENCE_MAX);
}

void business_ask(struct call *call, const char *user, const char *operation, json_t *arguments,
                  upstream_answer *answer) {
    Cloister__Caller caller;
    Cloister__Client client = CLOISTER__CLIENT__INIT;
    char address[INET6_ADDRSTRLEN];
    SCOPE_FREE char *text = arguments == NULL ? NULL : json_dumps(arguments, JSON_COMPACT);
    json_decref(arguments);
    if (text == NULL || inet_ntop(AF_INET6, &call->address, address, sizeof(address)) == NULL) {
        call_refuse(call, 503, "full", "The server is out of memory.");
        return;
    }
    call_identity(call, user, &caller);
    client.address = address;
    client.channel = (char *)(call->session[0] != '\0' ? "page" : "http");
    Cloister__BusinessCall request = CLOISTER__BUSINESS_CALL__INIT;
    request.request = upstream_number(call->gateway->upstream);
    request.operation = (char *)(uintptr_t)operation;
    request.arguments = text;
    request.idempotency_key = call->idempotency_key != NULL ? call->idempotency_key : call->id;
    request.client = &client;
    request.caller = &caller;
    Cloister__Message message = MSG_OF(BUSINESS_CALL, business_call, &request);
    (void)call_ask(call, request.request, &message, call->gateway->limits.ask_ms, answer);
    explicit_bzero(text, strlen(text));
}

static json_t *parsed(const char *text) {
    json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(object))
        return object;
    json_decref(object);
    return NULL;
}

json_t *business_result(enum upstream_end end, const Cloister__Message *message,
                        struct problem *problem, json_t **ret_beside) {
    if (ret_beside != NULL)
        *ret_beside = NULL;
    if (end != UPSTREAM_REPLY || message->body_case != CLOISTER__MESSAGE__BODY_BUSINESS_RESULT) {
        *problem = call_failure(end, message);
        return NULL;
    }
    const Cloister__BusinessResult *result = message->business_result;
    json_t *object = parsed(result->result);
    if (result->status < 400 && object != NULL)
        return object;
    bool named = result->status >= 400 && result->status <= 599 && visible_valid(result->code, 64);
    *problem = (struct problem){
        .status = named ? result->status : 500,
        .code = named ? result->code : "internal",
        .detail = named ? result->detail : "An unexpected answer came from inside.",
        .retry_after_ms = result->retry_after_ms,
        .retryable = result->status == 429 || result->status == 503,
    };
    if (ret_beside != NULL)
        *ret_beside = object;
    else
        json_decref(object);
    return NULL;
}

/* What came beside a refusal stands in its document, under names that are not the document's. */
static void refuse(struct call *call, const struct problem *problem, json_t *beside) {
    struct problem full = *problem;
    full.request_id = call->id;
    SCOPE_FREE char *text = problem_document(&full);
    json_t *document = text == NULL ? NULL : json_loads(text, 0, NULL);
    if (document == NULL || json_object_update_missing(document, beside) < 0) {
        json_decref(document);
        call_problem(call, problem);
        return;
    }
    SCOPE_FREE char *whole = json_dumps(document, JSON_COMPACT);
    json_decref(document);
    if (whole == NULL)
        call_problem(call, problem);
    else
        call_answer(call, problem->status, "application/problem+json", whole, strlen(whole), NULL,
                    0);
}

json_t *business_replied(struct call *call, enum upstream_end end,
                         const Cloister__Message *message) {
    struct problem problem;
    json_t *beside = NULL;
    call->ask = 0;
    json_t *object = business_result(end, message, &problem, &beside);
    if (object != NULL)
        return object;
    if (beside != NULL && json_object_size(beside) > 0 && !route_is_page(call->route))
        refuse(call, &problem, beside);
    else
        call_fail(call, &problem);
    json_decref(beside);
    return NULL;
}
