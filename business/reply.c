/* How a call ends. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "business/cache.h"
#include "business/call.h"
#include "business/oplog.h"
#include "business/server.h"
#include "ipc/log.h"

/* One of its own, so that a handler cannot answer twice unseen: the call is gone after this. */
static void finish(struct business_call *call, const Cloister__BusinessResult *from, bool cached) {
    Cloister__BusinessResult result = *from;
    result.request = call->request;
    oplog_add(call, result.status, result.code, cached);
    if (call->link != NULL) {
        Cloister__Message message = MSG_OF(BUSINESS_RESULT, business_result, &result);
        business_link_send(call->link, &message);
    }
    if (call->previous != NULL) {
        *call->previous = call->next;
        if (call->next != NULL)
            call->next->previous = call->previous;
    }
    json_decref(call->arguments);
    free(call->cache_key);
    free(call);
}

static void finish_text(struct business_call *call, const char *json, bool cached) {
    Cloister__BusinessResult result = CLOISTER__BUSINESS_RESULT__INIT;
    result.status = 200;
    result.result = (char *)json;
    finish(call, &result, cached);
}

void business_reply_text(struct business_call *call, const char *json) {
    if (call->cache_key != NULL)
        cache_put(call->server->cache, call->cache_key, call->cache_generation, json,
                  call->results);
    finish_text(call, json, false);
}

bool business_reply_kept(struct business_call *call) {
    const char *json = cache_get(call->server->cache, call->cache_key, &call->results);
    if (json != NULL)
        finish_text(call, json, true);
    return json != NULL;
}

void business_reply(struct business_call *call, json_t *result) {
    SCOPE_FREE char *text = result == NULL ? NULL : json_dumps(result, JSON_COMPACT);
    json_decref(result);
    if (text == NULL) {
        log_error("%s has no answer", call->name);
        business_refuse(call, 500, "internal", "The answer could not be made.", NULL);
        return;
    }
    business_reply_text(call, text);
}

static void refuse(struct business_call *call, unsigned status, const char *code,
                   const char *detail, uint64_t retry_after_ms, json_t *beside) {
    SCOPE_FREE char *text = beside == NULL ? NULL : json_dumps(beside, JSON_COMPACT);
    json_decref(beside);
    Cloister__BusinessResult result = CLOISTER__BUSINESS_RESULT__INIT;
    result.status = status;
    result.code = (char *)code;
    result.detail = (char *)detail;
    result.retry_after_ms = retry_after_ms;
    if (text != NULL)
        result.result = text;
    finish(call, &result, false);
}

void business_refuse(struct business_call *call, unsigned status, const char *code,
                     const char *detail, json_t *result) {
    refuse(call, status, code, detail, 0, result);
}

void business_refuse_for_now(struct business_call *call, unsigned status, const char *code,
                             const char *detail, uint64_t retry_after_ms) {
    refuse(call, status, code, detail, retry_after_ms, NULL);
}

void business_refuse_argument(struct business_call *call, const char *format, ...) {
    char detail[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(detail, sizeof(detail), format, args);
    va_end(args);
    refuse(call, 400, "invalid_argument", detail, 0, NULL);
}

void business_refuse_unknown(struct business_call *call) {
    refuse(call, 404, "unknown_business", "There is no business of that name.", 0, NULL);
}

void business_refuse_store(struct business_call *call, int error) {
    (void)error;
    refuse(call, 503, "business_unavailable",
           "The directory cannot answer at the moment. Ask again shortly.", 1000, NULL);
}

void business_progress(struct business_call *call, unsigned done, unsigned total,
                       const char *message) {
    if (call->link == NULL || !call->progress || !business_link_public(call->link))
        return;
    Cloister__BusinessProgress progress = CLOISTER__BUSINESS_PROGRESS__INIT;
    progress.request = call->request;
    progress.done = done;
    progress.total = total;
    progress.message = (char *)message;
    Cloister__Message wrapped = MSG_OF(BUSINESS_PROGRESS, business_progress, &progress);
    business_link_send(call->link, &wrapped);
}

const char *business_text(const struct business_call *call, const char *name) {
    const char *text = json_string_value(json_object_get(call->arguments, name));
    return text != NULL ? text : "";
}

json_int_t business_number(const struct business_call *call, const char *name,
                           json_int_t fallback) {
    const json_t *value = json_object_get(call->arguments, name);
    return json_is_integer(value) ? json_integer_value(value) : fallback;
}
