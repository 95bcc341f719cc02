#include "gateway/front.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/front_cache.h"
#include "gateway/front_limits.h"
#include "gateway/front_notes.h"
#include "gateway/hosts.h"
#include "ipc/log.h"

#define HOLD_MS        3000 /* cloister-business restarts fast, or does not come back */
#define HELD_MAX       512
#define HELD_BYTES     (2u << 20)
#define ARGUMENTS_ROOM 1024 /* most fit */
#define MARGIN_MS      2000 /* its own deadline comes first */
#define CACHE_ENTRIES  4096
#define CACHE_BYTES    (4u << 20)
#define CACHE_MS       60000

static void on_changed(void *ctx, const char *slug) {
    (void)slug; /* a search may have found any business: everything goes */
    struct gateway *gateway = ctx;
    front_cache_clear(gateway->cache);
}

int front_begin(struct gateway *gateway, char *why, size_t why_len) {
    const struct upstream_limits limits = {HOLD_MS, HELD_MAX, HELD_BYTES};
    char path[108];
    int r = config_runtime_path(gateway->config, "business/public.sock", path, sizeof(path));
    if (r < 0) {
        (void)snprintf(why, why_len, "runtime.dir is too long for a socket's name");
        return r;
    }
    r = hosts_new(gateway->public_url, config_str(gateway->config, CONFIG_gateway_public_listen),
                  &gateway->hosts);
    if (r == 0)
        r = front_cache_new(CACHE_ENTRIES, CACHE_BYTES, CACHE_MS, &gateway->cache);
    if (r == 0)
        r = upstream_new_business(gateway->base, path, &limits, on_changed, gateway,
                                  &gateway->business);
    return r < 0 ? r : front_notes_new(gateway->base, gateway->business, &gateway->notes);
}

void front_end(struct gateway *gateway) {
    front_notes_free(gateway->notes);
    upstream_free(gateway->business);
    front_cache_free(gateway->cache);
    hosts_free(gateway->hosts);
    gateway->notes = NULL;
    gateway->business = NULL;
    gateway->cache = NULL;
    gateway->hosts = NULL;
}

static void answer_with(struct call *call, upstream_answer *answer, unsigned status,
                        const char *code, const char *detail, uint64_t retry_ms,
                        const char *result) {
    Cloister__BusinessResult body = CLOISTER__BUSINESS_RESULT__INIT;
    body.status = status;
    body.code = (char *)(uintptr_t)code;
    body.detail = (char *)(uintptr_t)detail;
    body.retry_after_ms = retry_ms;
    body.result = (char *)(uintptr_t)result;
    const Cloister__Message message = MSG_OF(BUSINESS_RESULT, business_result, &body);
    (void)answer(call, UPSTREAM_REPLY, &message);
}

static void unavailable(struct call *call, upstream_answer *answer) {
    answer_with(call, answer, 503, "business_unavailable",
                "The directory does not answer at the moment. Try again shortly; what was begun is "
                "not done twice.",
                1000, "");
}

static void fill_client(const struct call *call, const struct front_client *from,
                        char address[static INET6_ADDRSTRLEN], Cloister__Client *ret) {
    cloister__client__init(ret);
    if (inet_ntop(AF_INET6, &call->address, address, INET6_ADDRSTRLEN) == NULL)
        address[0] = '\0';
    ret->address = address;
    ret->channel = (char *)(uintptr_t)from->channel;
    ret->name = (char *)(uintptr_t)(from->name != NULL ? from->name : "");
    ret->version = (char *)(uintptr_t)(from->version != NULL ? from->version : "");
}

/* For the operational log: what was answered here. */
static void note(const struct call *call, const struct front_request *request, const char *text,
                 unsigned status, const char *code, unsigned results) {
    char address[INET6_ADDRSTRLEN];
    Cloister__Client client;
    Cloister__BusinessNote body = CLOISTER__BUSINESS_NOTE__INIT;
    fill_client(call, &request->client, address, &client);
    body.operation = (char *)(uintptr_t)request->operation;
    body.arguments = (char *)(uintptr_t)text;
    body.client = &client;
    body.status = status;
    body.code = (char *)(uintptr_t)code;
    body.results = results;
    body.took_us = (clock_ms() - call->began) * 1000;
    body.at_ms = wall_ms();
    front_notes_add(call->gateway->notes, &body);
}

/* Whether everybody who asks the same is told the same, until a profile changes. */
static bool may_keep(const struct operation *operation) {
    static const char *const names[] = {"search_businesses", "get_business", "search", "fetch"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strcmp(names[i], operation->name) == 0)
            return true;
    return false;
}

static void keep(struct call *call, const Cloister__BusinessResult *result) {
    if (call->cache_key == NULL || result->status >= 400)
        return;
    front_cache_put(call->gateway->cache, call->cache_key, call->cache_generation, result->status,
                    result->result);
}

static bool on_front(void *ctx, enum upstream_end end, const Cloister__Message *message) {
    struct call *call = ctx;
    const struct about about = call->about; /* the call may end in here */
    LOG_ABOUT(.request = about.request, .trace = about.trace);
    if (end == UPSTREAM_REPLY && message->body_case == CLOISTER__MESSAGE__BODY_BUSINESS_PROGRESS)
        return call->answer(call, end, message);
    if (end == UPSTREAM_TIMEOUT)
        front_forget(call);
    call->ask = 0;
    call->kept = NULL;
    if (end == UPSTREAM_REPLY && message->body_case == CLOISTER__MESSAGE__BODY_BUSINESS_RESULT) {
        keep(call, message->business_result);
        (void)call->answer(call, end, message);
    } else {
        unavailable(call, call->answer);
    }
    return false;
}

/* `wait_ms`: until this caller may call again. */
static bool from_cache(struct call *call, const struct front_request *request, const char *text,
                       uint64_t wait_ms, upstream_answer *answer) {
    call->cache_key = malloc(strlen(request->operation) + strlen(text) + 2);
    if (call->cache_key == NULL)
        return false;
    stpcpy(stpcpy(stpcpy(call->cache_key, request->operation), "\n"), text);
    call->cache_generation = front_cache_generation(call->gateway->cache);
    struct front_kept *kept = front_cache_get(call->gateway->cache, call->cache_key);
    if (kept == NULL)
        return false;
    if (wait_ms > 0) {
        note(call, request, text, 429, "limited", 0);
        answer_with(call, answer, 429, "limited", "Too many calls. Wait a little before the next.",
                    wait_ms, "");
        return true;
    }
    if (kept->results == FRONT_UNCOUNTED) /* most answers are never asked for again */
        kept->results = front_results(kept->result);
    note(call, request, text, kept->status, "", kept->results);
    call->kept = kept; /* while the handler answers, which is now */
    answer_with(call, answer, kept->status, "", "", 0, kept->result);
    return true;
}

static void send_call(struct call *call, const struct front_request *request,
                      const struct operation *operation, const char *text,
                      upstream_answer *answer) {
    char address[INET6_ADDRSTRLEN];
    Cloister__Client client;
    Cloister__About about;
    Cloister__BusinessCall body = CLOISTER__BUSINESS_CALL__INIT;
    fill_client(call, &request->client, address, &client);
    bool has_key = request->key != NULL && request->key[0] != '\0';
    /* What goes under a key is sent again when the link breaks. */
    bool repeats = !operation->changes || operation->idempotent;
    body.request = upstream_number(call->gateway->business);
    body.operation = (char *)(uintptr_t)operation->name;
    body.arguments = (char *)(uintptr_t)text;
    body.idempotency_key = (char *)(uintptr_t)(has_key ? request->key : repeats ? call->id : "");
    body.client = &client;
    body.progress = request->progress;
    Cloister__Message message = MSG_OF(BUSINESS_CALL, business_call, &body);
    message.about = about_write(&call->about, &about);
    call->answer = answer;
    call->ask = body.request;
    call->link = call->gateway->business;
    int r = upstream_ask(call->link, body.request, &message, operation->timeout_ms + MARGIN_MS,
                         on_front, call);
    if (r == 0)
        return;
    call->ask = 0;
    if (r == -EMSGSIZE)
        answer_with(call, answer, 413, "payload_too_large",
                    "The request is too large; shorten its fields.", 0, "");
    else
        unavailable(call, answer);
}

/* As JSON, in `room` or, when that is too small, in *ret_large. NULL: no memory. */
static const char *arguments_text(const json_t *arguments, char *room, size_t size,
                                  char **ret_large) {
    const size_t flags = JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY;
    size_t len = json_dumpb(arguments, room, size - 1, flags);
    if (len > size - 1) {
        explicit_bzero(room, size);
        return *ret_large = json_dumps(arguments, flags);
    }
    room[len] = '\0';
    return len > 0 ? room : NULL;
}

void front_ask(struct call *call, const struct front_request *request, upstream_answer *answer) {
    const struct operation *operation = operation_find(request->operation);
    char error[SCHEMA_ERROR_SIZE];
    free_secret(take_ptr(call->cache_key)); /* of what this call asked before */
    int r = request->arguments == NULL ? -ENOMEM
                                       : schema_validate(operation->arguments, SCHEMA_ARGUMENTS,
                                                         request->arguments, error);
    char room[ARGUMENTS_ROOM];
    SCOPE_FREE char *large = NULL;
    const char *text = request->arguments == NULL
                           ? NULL
                           : arguments_text(request->arguments, room, sizeof(room), &large);
    uint64_t wait_ms = front_limits_take(call->gateway->tallies.front, call, request);
    json_decref(request->arguments);
    if (text == NULL) {
        answer_with(call, answer, 503, "full", "The server is out of memory.", 1000, "");
        return;
    }
    if (r < 0) {
        note(call, request, text, 400, "invalid_argument", 0);
        answer_with(call, answer, 400, "invalid_argument", error, 0, "");
    } else if (!may_keep(operation) || !from_cache(call, request, text, wait_ms, answer)) {
        send_call(call, request, operation, text, answer);
    }
    explicit_bzero((char *)(uintptr_t)text, strlen(text));
}

void front_forget(struct call *call) {
    if (call->ask == 0 || call->link == NULL || call->link != call->gateway->business)
        return;
    Cloister__BusinessCancel body = CLOISTER__BUSINESS_CANCEL__INIT;
    body.request = call->ask;
    Cloister__Message message = MSG_OF(BUSINESS_CANCEL, business_cancel, &body);
    upstream_forget(call->link, call->ask);
    if (upstream_connected(call->link))
        upstream_tell(call->link, &message);
}
