/* Calendar requests: bearer token, retries, and which failures leave a write's outcome open. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "memory/seal.h"
#include "providers/google_internal.h"
#include "providers/strbuf.h"

#define API_TRIES    5u
#define API_SILENT   2u /* tries that may end without any answer: each costs a long wait */
#define API_BASE_MS  400
#define API_MAX_MS   16000
#define API_IDLE_MS  15000
#define API_TOTAL_MS 30000

struct google_call {
    struct google *google;
    char *method, *url, *body, *if_match;
    bool write;
    unsigned tries, generation;
    struct http_transfer *transfer;
};

/* Where `errors` is missing, `details` say it, and in words of their own. */
static const char *reason_said(const json_t *error) {
    const json_t *first = json_array_get(json_object_get(error, "errors"), 0);
    const char *reason = json_string_value(json_object_get(first, "reason"));
    size_t i;
    json_t *detail;
    json_array_foreach(json_object_get(error, "details"), i, detail) {
        if (reason == NULL)
            reason = json_string_value(json_object_get(detail, "reason"));
    }
    return reason;
}

static const char *reason_of(const json_t *error) {
    static const struct {
        const char *newer, *older;
    } same[] = {
        {"ACCESS_TOKEN_SCOPE_INSUFFICIENT", "insufficientPermissions"},
        {"RATE_LIMIT_EXCEEDED", "rateLimitExceeded"},
        {"SERVICE_DISABLED", "accessNotConfigured"},
    };
    const char *reason = reason_said(error);
    for (size_t i = 0; reason != NULL && i < COUNT_OF(same); i++)
        if (strcmp(reason, same[i].newer) == 0)
            return same[i].older;
    return reason;
}

void google_reason(const json_t *body, char out[static 48]) {
    const char *reason = reason_of(json_object_get(body, "error"));
    size_t n = 0;
    for (; reason != NULL && *reason != '\0' && n < 47; reason++)
        if ((*reason >= 'a' && *reason <= 'z') || (*reason >= 'A' && *reason <= 'Z') ||
            *reason == '_')
            out[n++] = *reason;
    out[n] = '\0';
}

enum google_verdict google_judge(int status, const char *reason) {
    static const struct {
        const char *reason;
        enum google_verdict verdict;
    } forbidden[] = {
        {"userRateLimitExceeded", GOOGLE_RATE},   {"rateLimitExceeded", GOOGLE_RATE},
        {"quotaExceeded", GOOGLE_QUOTA},          {"dailyLimitExceeded", GOOGLE_OPERATOR},
        {"accessNotConfigured", GOOGLE_OPERATOR}, {"dailyLimitExceededUnreg", GOOGLE_OPERATOR},
    };
    if (status / 100 == 2)
        return GOOGLE_OK;
    if (status == 401)
        return GOOGLE_UNAUTHORIZED;
    if (status == 403 || status == 429)
        for (size_t i = 0; i < COUNT_OF(forbidden); i++)
            if (strcmp(reason, forbidden[i].reason) == 0)
                return forbidden[i].verdict;
    if (status == 429)
        return GOOGLE_RATE;
    if (status == 408 || status >= 500)
        return GOOGLE_TRANSIENT;
    return GOOGLE_FINAL;
}

void google_answer_free(struct google_answer *answer) {
    json_decref(answer->json);
    *answer = (struct google_answer){0};
}

void google_abandon(struct google_call *call) {
    if (call == NULL)
        return;
    if (call->transfer != NULL)
        http_finish(call->transfer);
    free(call->method);
    free(call->url);
    string_wipe(call->body);
    free(call->if_match);
    free(call);
}

static int call_send(struct google_call *call) {
    struct google *google = call->google;
    static const char prefix[] = "authorization: Bearer ";
    SCOPE_SECRET char *bearer = secret_alloc(sizeof(prefix) + strlen(google->access));
    if (bearer == NULL)
        return -ENOMEM;
    stpcpy(stpcpy(bearer, prefix), google->access);
    SCOPE_FREE char *match = NULL;
    const char *headers[5] = {bearer, "accept: application/json"};
    size_t n = 2;
    if (call->body != NULL)
        headers[n++] = "content-type: application/json; charset=utf-8";
    if (call->if_match != NULL) {
        if (asprintf(&match, "if-match: %s", call->if_match) < 0) {
            match = NULL;
            return -ENOMEM;
        }
        headers[n++] = match;
    }
    struct http_request request = {.method = call->method,
                                   .url = call->url,
                                   .trust = google->settings->trust,
                                   .headers = headers,
                                   .body = call->body,
                                   .body_len = call->body != NULL ? strlen(call->body) : 0,
                                   .max_body = GOOGLE_BODY_MAX,
                                   .idle_ms = API_IDLE_MS,
                                   .total_ms = API_TOTAL_MS,
                                   .deadline = google->pump->deadline,
                                   .whole = google_body_whole};
    call->generation = google->generation;
    call->tries++;
    return http_start(google->pump->http, &request, &call->transfer);
}

static bool etag_clean(const char *etag) {
    for (; *etag != '\0'; etag++)
        if ((unsigned char)*etag < 0x20 || *etag == 0x7f)
            return false;
    return true;
}

static struct google_call *call_new(struct google *google, const struct google_request *request) {
    struct google_call *call = calloc(1, sizeof(*call));
    if (call == NULL)
        return NULL;
    *call = (struct google_call){.google = google, .write = request->write};
    call->method = strdup(request->method);
    call->url = google_url(google->settings->calendar_url, request->path, request->params);
    if (request->body != NULL)
        call->body = json_dumps(request->body, JSON_COMPACT);
    bool guarded =
        request->if_match != NULL && *request->if_match != '\0' && etag_clean(request->if_match);
    if (guarded)
        call->if_match = strdup(request->if_match);
    if (call->method == NULL || call->url == NULL ||
        (request->body != NULL && call->body == NULL) || (guarded && call->if_match == NULL)) {
        google_abandon(call);
        return NULL;
    }
    return call;
}

int google_begin(struct google *google, const struct google_request *request,
                 struct google_call **ret, struct fault *fault) {
    int r = google_token(google, fault);
    if (r == 0)
        r = pump_check(google->pump, fault);
    if (r < 0)
        return r;
    struct google_call *call = call_new(google, request);
    if (call == NULL)
        return fault_set(fault, -ENOMEM, "internal", true, "This server is out of memory.");
    if (call->write)
        google->pump->writing = true;
    r = call_send(call);
    if (r < 0) {
        google->pump->writing = false;
        r = google_transport_fault(NULL, r, fault);
        google_abandon(call);
        return r;
    }
    *ret = call;
    return 0;
}

/* After a 401: a newer token may be there already, else one refresh per turn is worth a try. */
static int call_reauthorize(struct google_call *call, struct fault *fault) {
    struct google *google = call->google;
    if (google->generation != call->generation)
        return 0;
    if (google->forced) {
        google->gone = true;
        return fault_set(fault, -EKEYEXPIRED, "reconnect_required", false,
                         "Google no longer accepts this connection. Connect the calendar again.");
    }
    google->forced = true;
    return google_token_again(google, fault);
}

static int limit_fault(enum google_verdict verdict, int status, uint64_t told,
                       struct fault *fault) {
    if (verdict == GOOGLE_QUOTA)
        return fault_set(fault, -EIO, "google_quota", false,
                         "Google's usage limit for this calendar is reached. Try again in some "
                         "hours.");
    if (verdict == GOOGLE_OPERATOR)
        return fault_set(fault, -EIO, "google_rejected", false,
                         "Google refuses this server's project. The operator must check its quota "
                         "and that the Calendar API is on.");
    fault->retry_after_ms = told;
    if (verdict == GOOGLE_RATE)
        return fault_set(fault, -EIO, "google_rate_limited", true,
                         "Google is limiting requests. Try again in a moment.");
    return fault_set(fault, -EIO, "google_unavailable", true,
                     "Google Calendar has a problem at the moment (status %d).", status);
}

/* Sleeps and sends again. -EAGAIN: no more tries fit. */
static int call_again(struct google_call *call, uint64_t told, struct fault *fault) {
    if (call->tries >= API_TRIES)
        return -EAGAIN;
    int r = pump_backoff(call->google->pump, call->tries - 1, API_BASE_MS, API_MAX_MS, told, fault);
    if (r < 0)
        return r;
    http_finish(call->transfer);
    call->transfer = NULL;
    r = call_send(call);
    return r < 0 ? google_transport_fault(NULL, r, fault) : 0;
}

/* The transport failed. 0: sent again. 1: the write's outcome is open. */
static int call_broken(struct google_call *call, int error, struct google_answer *ret,
                       struct fault *fault) {
    if (fault->code == NULL)
        google_count(call->google->pump, PUMP_ERROR_UNREACHABLE);
    if (call->write && http_sent(call->transfer)) {
        *ret = (struct google_answer){.unknown = true};
        return 1;
    }
    if (fault->code != NULL)
        return error;
    bool patient = error != -ETIMEDOUT || call->tries < API_SILENT;
    if (pump_transient(error) && patient) {
        int r = call_again(call, 0, fault);
        if (r != -EAGAIN)
            return r;
    }
    return google_transport_fault(call->transfer, error, fault);
}

/* An answer came. 0: sent again. 1: *ret is final. */
static int call_answered(struct google_call *call, struct google_answer *ret, struct fault *fault) {
    size_t len;
    const char *body = http_body(call->transfer, &len);
    struct google_answer answer = {.status = http_status(call->transfer)};
    answer.json = len > 0 ? json_loadb(body, len, 0, NULL) : NULL;
    google_reason(answer.json, answer.reason);
    enum google_verdict verdict = google_judge(answer.status, answer.reason);
    /* A 200 that is no JSON object says nothing: a read is repeated, a write has to be looked up.
     */
    bool empty = answer.status == 204 || strcmp(call->method, "DELETE") == 0;
    if (verdict == GOOGLE_OK && !empty && !json_is_object(answer.json))
        verdict = GOOGLE_TRANSIENT;
    if (verdict == GOOGLE_OK || verdict == GOOGLE_FINAL) {
        *ret = answer;
        return 1;
    }
    google_answer_free(&answer);
    if (verdict != GOOGLE_UNAUTHORIZED) /* tokens end; a new one is fetched */
        google_count(call->google->pump, verdict == GOOGLE_RATE       ? PUMP_ERROR_RATE_LIMITED
                                         : verdict == GOOGLE_QUOTA    ? PUMP_ERROR_QUOTA
                                         : verdict == GOOGLE_OPERATOR ? PUMP_ERROR_MISCONFIGURED
                                                                      : PUMP_ERROR_UNAVAILABLE);
    int status = http_status(call->transfer);
    uint64_t told = pump_retry_after(call->transfer);
    if (verdict == GOOGLE_UNAUTHORIZED) {
        int r = call_reauthorize(call, fault);
        if (r < 0)
            return r;
        http_finish(call->transfer);
        call->transfer = NULL;
        r = call_send(call);
        return r < 0 ? google_transport_fault(NULL, r, fault) : 0;
    }
    if (call->write && verdict == GOOGLE_TRANSIENT) {
        *ret = (struct google_answer){.unknown = true, .answered = true, .status = status};
        return 1;
    }
    if (verdict == GOOGLE_RATE || verdict == GOOGLE_TRANSIENT) {
        int r = call_again(call, told, fault);
        if (r != -EAGAIN)
            return r;
    }
    return limit_fault(verdict, status, told, fault);
}

int google_finish(struct google_call *call, struct google_answer *ret, struct fault *fault) {
    int r = 0;
    while (r == 0) {
        uint64_t began = clock_us();
        r = pump_wait(call->google->pump, call->transfer, NULL, fault);
        call->google->pump->tally.google_us += clock_us() - began;
        r = r == 0 ? call_answered(call, ret, fault) : call_broken(call, r, ret, fault);
    }
    /* An open outcome keeps the settling time until the caller has looked. */
    if (call->write && (r < 0 || !ret->unknown))
        call->google->pump->writing = false;
    google_abandon(call);
    return r < 0 ? r : 0;
}

int google_do(struct google *google, const struct google_request *request,
              struct google_answer *ret, struct fault *fault) {
    struct google_call *call = NULL;
    int r = google_begin(google, request, &call, fault);
    return call == NULL ? r : google_finish(call, ret, fault);
}
