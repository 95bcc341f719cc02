#include "gateway/dispatch.h"

#include <string.h>
#include <strings.h>

#include "gateway/call.h"
#include "ipc/log.h"

static const char *method_word(struct slice method) {
    static const char *const words[] = {"GET", "HEAD",  "POST",  "DELETE", "OPTIONS",
                                        "PUT", "PATCH", "TRACE", "CONNECT"};
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (slice_is(method, words[i]))
            return words[i];
    return "other";
}

static struct call *call_new(struct gateway *gateway, struct conn *conn) {
    struct call *call = calloc(1, sizeof(*call));
    if (call == NULL)
        return NULL;
    call->gateway = gateway;
    call->conn = conn;
    call->method = "-";
    call->began = clock_ms();
    id_random(call->id);
    conn_set_data(conn, call);
    gateway->calls++;
    gateway->counts.requests++;
    return call;
}

static void free_secret(char *text) {
    if (text != NULL)
        explicit_bzero(text, strlen(text));
    free(text);
}

/* One line a request: never a path, a query, a name or a body. */
static void call_log(const struct call *call, bool complete) {
    unsigned long long ms = clock_ms() - call->began;
    log_info("%s %s %s %u %llums %zuB%s", call->id, call->method,
             call->route != NULL ? call->route->pattern : "-", call->status, ms,
             conn_sent(call->conn), complete ? "" : " unfinished");
}

static void on_closed(void *ctx, struct conn *conn, bool complete) {
    struct gateway *gateway = ctx;
    struct call *call = conn_data(conn);
    if (call == NULL)
        return;
    if (call->cancel != NULL)
        call->cancel(call);
    if (call->ask != 0)
        upstream_forget(gateway->upstream, call->ask);
    call_log(call, complete);
    gateway->counts.status_class[call->status / 100 % 6]++;
    gateway->counts.bytes_out += conn_sent(conn);
    gateway->counts.cancelled += !complete;
    json_decref(call->body);
    free_secret(call->query);
    free_secret(call->grant);
    free_secret(call->cookie);
    free(call->idempotency_key);
    explicit_bzero(call, sizeof(*call));
    free(call);
    gateway_call_ended(gateway);
}

static void on_fault(void *ctx, struct conn *conn, const struct strict_fault *fault) {
    struct gateway *gateway = ctx;
    struct call *call = conn_data(conn);
    gateway->counts.malformed++;
    if (call == NULL && (call = call_new(gateway, conn)) == NULL) {
        conn_abort(conn);
        return;
    }
    struct problem problem = {
        .status = fault->status, .code = fault->code, .detail = fault->detail};
    if (fault->status == 503)
        problem.retry_after_ms = 1000;
    call_problem(call, &problem);
}

static void on_drained(void *ctx, struct conn *conn, size_t waiting) {
    (void)ctx;
    struct call *call = conn_data(conn);
    if (call != NULL && call->drained != NULL)
        call->drained(call, waiting);
}

static const char *allowed_origin(const struct gateway *gateway, const struct slice *origin) {
    for (size_t i = 0; origin != NULL && i < gateway->origin_count; i++)
        if (slice_is(*origin, gateway->origins[i]))
            return gateway->origins[i];
    return NULL;
}

/* A preflight or a plain question: which methods has this path? */
static void answer_options(struct call *call, const struct strict_head *head, unsigned where) {
    char allow[ROUTE_ALLOW_SIZE];
    struct call_header more[4];
    size_t n = 0;
    route_allow(head->path, where, allow);
    more[n++] = (struct call_header){"Allow", allow};
    if (call->origin != NULL && strict_find(head, "access-control-request-method") != NULL) {
        more[n++] = (struct call_header){"Access-Control-Allow-Methods", allow};
        more[n++] = (struct call_header){
            "Access-Control-Allow-Headers",
            "Authorization, Content-Type, Accept, Cloister-Grant, Idempotency-Key"};
        more[n++] = (struct call_header){"Access-Control-Max-Age", "600"};
    }
    call_answer(call, 204, NULL, NULL, 0, more, n);
}

static bool refuse_method(struct call *call, struct slice path, unsigned where) {
    char allow[ROUTE_ALLOW_SIZE];
    struct problem problem = {.status = 405,
                              .code = "method_not_allowed",
                              .detail =
                                  "This path does not take this method; see the Allow header.",
                              .request_id = call->id};
    SCOPE_FREE char *text = problem_document(&problem);
    route_allow(path, where, allow);
    struct call_header more = {"Allow", allow};
    call_answer(call, 405, "application/problem+json", text, text == NULL ? 0 : strlen(text), &more,
                1);
    return false;
}

static bool limited(struct call *call, uint64_t wait_ms, const char *detail) {
    if (wait_ms == 0)
        return false;
    struct problem problem = {.status = 429,
                              .code = "rate_limited",
                              .detail = detail,
                              .retry_after_ms = wait_ms,
                              .retryable = true};
    call->gateway->counts.limited++;
    call_problem(call, &problem);
    return true;
}

static bool refuse_key(struct call *call) {
    struct gateway *gateway = call->gateway;
    uint64_t wait =
        buckets_take(gateway->by_bad_key, conn_address(call->conn), sizeof(struct in6_addr),
                     gateway->limits.bad_key_rate, gateway->limits.bad_key_burst, clock_ms());
    gateway->counts.bad_keys++;
    if (!limited(call, wait, "Too many requests with wrong keys came from this address."))
        call_refuse(call, 401, "unauthorized",
                    "Send 'Authorization: Bearer KEY' with a key whose SHA-256 stands in a file of "
                    "gateway.frontends_dir.");
    return false;
}

static bool check_frontend(struct call *call, const struct strict_head *head) {
    const struct slice *header = strict_find(head, "authorization");
    struct gateway *gateway = call->gateway;
    if (header == NULL || header->len < 8 || header->len > 512 ||
        strncasecmp(header->at, "Bearer ", 7) != 0)
        return refuse_key(call);
    const struct frontend *frontend =
        frontends_by_key(gateway->frontends, header->at + 7, header->len - 7);
    if (frontend == NULL)
        return refuse_key(call);
    memcpy(call->frontend, frontend->name, sizeof(call->frontend));
    uint64_t wait = buckets_take(gateway->by_frontend, frontend->key_sha256[0], 32, frontend->rate,
                                 frontend->burst, clock_ms());
    return !limited(call, wait, "This frontend sends more requests than its file allows.");
}

static bool check_caller(struct call *call, const struct strict_head *head) {
    struct gateway *gateway = call->gateway;
    uint64_t wait;
    switch (call->route->caller) {
    case CALLER_FRONTEND:
        return check_frontend(call, head);
    case CALLER_PUBLIC:
        wait = buckets_take(gateway->by_address, conn_address(call->conn), sizeof(struct in6_addr),
                            gateway->limits.public_rate, gateway->limits.public_burst, clock_ms());
        return !limited(call, wait, "Too many requests came from this address.");
    case CALLER_OPERATOR:
        return true; /* whoever could open the socket */
    }
    return false;
}

/* "application/json", perhaps with the one charset that JSON has. */
static bool is_json_type(struct slice type) {
    const char *semicolon = memchr(type.at, ';', type.len);
    size_t len = semicolon == NULL ? type.len : (size_t)(semicolon - type.at);
    struct slice charset = {type.at + len, type.len - len};
    while (len > 0 && type.at[len - 1] == ' ')
        len--;
    while (charset.len > 0 && (charset.at[0] == ';' || charset.at[0] == ' '))
        charset = (struct slice){charset.at + 1, charset.len - 1};
    return slice_is_nocase((struct slice){type.at, len}, "application/json") &&
           (charset.len == 0 || slice_is_nocase(charset, "charset=utf-8") ||
            slice_is_nocase(charset, "charset=\"utf-8\""));
}

static bool check_body_kind(struct call *call, const struct strict_head *head) {
    const struct slice *type = strict_find(head, "content-type");
    if (call->route->body == BODY_NONE) {
        if (head->content_length == 0)
            return true;
        call_refuse(call, 400, "bad_request", "This request takes no body.");
        return false;
    }
    if (type != NULL && is_json_type(*type))
        return true;
    call_refuse(call, 415, "unsupported_media_type",
                "Send the body as 'Content-Type: application/json'.");
    return false;
}

static bool contains_nocase(struct slice text, const char *word) {
    size_t len = strlen(word);
    for (size_t i = 0; i + len <= text.len; i++)
        if (strncasecmp(text.at + i, word, len) == 0)
            return true;
    return false;
}

static char *copy_of(const struct slice *value) {
    return value == NULL ? NULL : slice_dup(*value);
}

/* Takes from the head what handlers need; the head is gone when they run. */
static bool keep_headers(struct call *call, const struct strict_head *head) {
    call->query = slice_dup(head->query);
    call->grant = copy_of(strict_find(head, "cloister-grant"));
    call->idempotency_key = copy_of(strict_find(head, "idempotency-key"));
    call->cookie = copy_of(strict_find(head, "cookie"));
    bool any = false;
    for (size_t i = 0; i < head->header_count; i++) {
        if (!slice_is_nocase(head->headers[i].name, "accept"))
            continue;
        struct slice accept = head->headers[i].value;
        any = any || accept.len > 0;
        call->accepts_stream |= contains_nocase(accept, "text/event-stream");
        call->accepts_json |= contains_nocase(accept, "application/json") ||
                              contains_nocase(accept, "application/*") ||
                              contains_nocase(accept, "*/*");
    }
    call->accepts_json |= !any;
    if (call->grant != NULL && call->grant[0] != '\0' && !visible_valid(call->grant, 700)) {
        call_refuse(call, 400, "bad_request",
                    "Cloister-Grant must be the grant that redeem returned, unchanged.");
        return false;
    }
    if (call->idempotency_key != NULL && !visible_valid(call->idempotency_key, 255)) {
        call_refuse(call, 400, "bad_request",
                    "Idempotency-Key must be 1 to 255 visible ASCII characters.");
        return false;
    }
    return true;
}

static bool head_for(struct gateway *gateway, struct conn *conn, const struct strict_head *head,
                     unsigned where) {
    struct route_match match;
    struct call *call = call_new(gateway, conn);
    if (call == NULL) {
        conn_abort(conn);
        return false;
    }
    call->method = method_word(head->method);
    call->head_only = slice_is(head->method, "HEAD");
    call->origin = allowed_origin(gateway, strict_find(head, "origin"));
    route_find(head->method, head->path, where, &match);
    if (match.path_known && slice_is(head->method, "OPTIONS")) {
        answer_options(call, head, where);
        return false;
    }
    if (match.route == NULL && match.path_known)
        return refuse_method(call, head->path, where);
    if (match.route == NULL) {
        call_refuse(call, 404, "not_found",
                    "There is nothing at this path; see openapi.yaml for the routes.");
        return false;
    }
    call->route = match.route;
    memcpy(call->param, match.param, sizeof(call->param));
    return check_caller(call, head) && check_body_kind(call, head) && keep_headers(call, head);
}

static bool on_head_owner(void *ctx, struct conn *conn, const struct strict_head *head) {
    return head_for(ctx, conn, head, WHERE_OWNER);
}

static bool on_head_operators(void *ctx, struct conn *conn, const struct strict_head *head) {
    return head_for(ctx, conn, head, WHERE_OPERATORS);
}

static void on_request(void *ctx, struct conn *conn, const uint8_t *body, size_t len) {
    (void)ctx;
    struct call *call = conn_data(conn);
    struct field_fault fault;
    if (call->route->body == BODY_JSON) {
        call->body = fields_parse(body, len, &fault);
        if (call->body == NULL) {
            call_refuse(call, 400, fault.code, fault.detail);
            return;
        }
    }
    call->route->handler(call);
}

const struct guard_ops dispatch_owner = {on_head_owner, on_request, on_fault, on_drained,
                                         on_closed};
const struct guard_ops dispatch_operators = {on_head_operators, on_request, on_fault, on_drained,
                                             on_closed};
